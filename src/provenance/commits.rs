//! All commits of a repository as numbers.

use super::contents::Contents;
use super::parse::CommitData;
use super::trees::{Absent, NONE};
use crate::source::objects::Objects;

/// A commit as it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) object: u32,
    pub(super) tree: u32,
    pub(super) time: i64,
    /// Where its parents begin, and how many there are.
    start: u32,
    pub(super) parents: u32,
}

/// Commits as they come.
#[derive(Debug, Default)]
pub struct CommitList {
    pub(super) rows: Vec<Row>,
    /// Objects.
    parents: Vec<u32>,
}

impl CommitList {
    /// Adds a commit by its number.
    pub fn add(&mut self, objects: &Objects, absent: &Absent, object: u32, commit: &CommitData) {
        let tree = absent.number(objects, &commit.tree);
        let start = self.parents.len() as u32;
        self.parents.extend(commit.parents.iter().map(|p| absent.number(objects, p)));
        self.rows.push(Row { object, tree, time: commit.time, start, parents: commit.parents.len() as u32 });
    }

    /// A list of commits, their trees, both halves of their times, how many parents each has, and those; `None` if they do
    /// not belong together.
    pub(super) fn from_parts(
        objects: Vec<u32>,
        trees: Vec<u32>,
        times: &[Vec<u32>; 2],
        counts: &[u32],
        parents: Vec<u32>,
    ) -> Option<Self> {
        let [low, high] = times;
        if [trees.len(), low.len(), high.len(), counts.len()] != [objects.len(); 4] {
            return None;
        }
        let mut rows = Vec::with_capacity(objects.len());
        let mut start = 0u32;
        for (at, (object, tree)) in objects.into_iter().zip(trees).enumerate() {
            let time = i64::from(low[at]) | i64::from(high[at]) << 32;
            rows.push(Row { object, tree, time, start, parents: counts[at] });
            start = start.checked_add(counts[at])?;
        }
        (start as usize == parents.len()).then_some(Self { rows, parents })
    }

    /// Objects of the parents of a commit.
    pub(super) fn parents_of(&self, row: &Row) -> &[u32] {
        &self.parents[row.start as usize..(row.start + row.parents) as usize]
    }

    /// What commits name and no store has: each with the number of the commit, and what it is of it.
    pub fn missing(&self, objects: &Objects) -> Vec<(u32, &'static str, u32)> {
        let end = objects.len() as u32;
        let mut missing = Vec::new();
        for row in &self.rows {
            let named = std::iter::once(("tree", row.tree)).chain(self.parents_of(row).iter().map(|p| ("parent", *p)));
            missing.extend(named.filter(|(_, n)| *n >= end).map(|(what, number)| (row.object, what, number)));
        }
        missing
    }

    /// Do commits in packs name nothing but what is in packs, or nowhere?
    pub fn is_closed(&self, objects: &Objects) -> bool {
        let loose = objects.packed()..objects.len() as u32;
        let own = self.rows.iter().filter(|row| row.object < loose.start);
        let mut named = own.flat_map(|row| self.parents_of(row).iter().chain(std::iter::once(&row.tree)));
        !named.any(|number| loose.contains(number))
    }

    /// Takes out the commits whose objects have this number or a greater one.
    pub fn split_off(&mut self, end: u32) -> Self {
        let mut rest = Self::default();
        self.rows.retain(|row| {
            let stays = row.object < end;
            if !stays {
                let start = rest.parents.len() as u32;
                rest.parents.extend_from_slice(&self.parents[row.start as usize..(row.start + row.parents) as usize]);
                rest.rows.push(Row { start, ..*row });
            }
            stays
        });
        rest
    }

    /// Adds all of another list.
    pub fn append(&mut self, other: Self) {
        let offset = self.parents.len() as u32;
        self.parents.extend(other.parents);
        self.rows.extend(other.rows.into_iter().map(|row| Row { start: row.start + offset, ..row }));
    }
}

/// A commit and what its tree holds of the wanted things.
#[derive(Clone, Copy, Debug)]
pub(super) struct Commit {
    pub(super) object: u32,
    pub(super) content: u32,
    pub(super) time: i64,
    /// Where its parents begin, and how many there are.
    start: u32,
    parents: u32,
}

/// All commits, sorted by their object.
#[derive(Debug, Default)]
pub(super) struct Commits {
    pub(super) rows: Vec<Commit>,
    /// Places in `rows`; [`NONE`] for one that is not there.
    pub(super) parents: Vec<u32>,
}

impl Commits {
    /// Adds commits, all of which come after those that are there by their objects; `content` gives what a tree holds.
    pub(super) fn extend(&mut self, list: CommitList, content: impl Fn(u32) -> u32) {
        let CommitList { mut rows, parents } = list;
        rows.sort_unstable_by_key(|row| row.object);
        rows.dedup_by_key(|row| row.object);
        let (mut start, first) = (self.parents.len() as u32, self.rows.len());
        self.rows.extend(rows.iter().map(|row| {
            let Row { object, tree, time, parents, .. } = *row;
            start += parents;
            Commit { object, content: content(tree), time, start: start - parents, parents }
        }));
        debug_assert!(first == 0 || rows.is_empty() || self.rows[first - 1].object < rows[0].object);
        for row in rows {
            let own = &parents[row.start as usize..(row.start + row.parents) as usize];
            let places = own.iter().map(|parent| self.find(*parent).unwrap_or(NONE));
            let places: Vec<u32> = places.collect();
            self.parents.extend(places);
        }
    }

    /// Commits by their objects, contents, both halves of their times, how many parents each has, and places of those; `None`
    /// if they do not belong together.
    pub(super) fn from_parts([objects, contents, low, high, counts, parents]: [Vec<u32>; 6]) -> Option<Self> {
        if [contents.len(), low.len(), high.len(), counts.len()] != [objects.len(); 4]
            || !objects.is_sorted()
            || parents.iter().any(|p| *p != NONE && *p as usize >= objects.len())
        {
            return None;
        }
        let mut rows = Vec::with_capacity(objects.len());
        let mut start = 0u32;
        for (at, (object, content)) in objects.into_iter().zip(contents).enumerate() {
            let time = i64::from(low[at]) | i64::from(high[at]) << 32;
            rows.push(Commit { object, content, time, start, parents: counts[at] });
            start = start.checked_add(counts[at])?;
        }
        (start as usize == parents.len()).then_some(Self { rows, parents })
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The place of a commit by its object.
    pub(super) fn find(&self, object: u32) -> Option<u32> {
        self.rows.binary_search_by_key(&object, |row| row.object).ok().map(|at| at as u32)
    }

    pub(super) fn object(&self, at: u32) -> u32 {
        self.rows[at as usize].object
    }

    /// What its tree holds.
    pub(super) fn content(&self, at: u32) -> u32 {
        self.rows[at as usize].content
    }

    /// What its parents hold; nothing, if they are not there.
    pub(super) fn before(&self, at: u32) -> impl Iterator<Item = u32> {
        self.parents(at).iter().map(|p| self.rows.get(*p as usize).map_or(Contents::NOTHING, |row| row.content))
    }

    pub(super) fn time(&self, at: u32) -> i64 {
        self.rows[at as usize].time
    }

    /// Parents; [`NONE`] for one that is not there.
    pub(super) fn parents(&self, at: u32) -> &[u32] {
        let row = &self.rows[at as usize];
        &self.parents[row.start as usize..(row.start + row.parents) as usize]
    }

    /// Which commits these lead to.
    pub(super) fn reachable(&self, tips: impl Iterator<Item = u32>) -> Vec<bool> {
        let mut reached = vec![false; self.rows.len()];
        let mut stack: Vec<u32> = tips.collect();
        while let Some(at) = stack.pop() {
            if !std::mem::replace(&mut reached[at as usize], true) {
                stack.extend(self.parents(at).iter().copied().filter(|p| *p != NONE));
            }
        }
        reached
    }

    /// The commits that have each as a parent.
    pub(super) fn children(&self) -> Vec<Vec<u32>> {
        let mut children = vec![Vec::new(); self.rows.len()];
        for at in 0..self.len() as u32 {
            for parent in self.parents(at).iter().filter(|p| **p != NONE) {
                children[*parent as usize].push(at);
            }
        }
        children
    }

    /// Which commits lead to this one.
    pub(super) fn descendants(&self, at: u32, children: &[Vec<u32>]) -> Vec<bool> {
        let mut reached = vec![false; self.rows.len()];
        let mut stack = vec![at];
        while let Some(at) = stack.pop() {
            if !std::mem::replace(&mut reached[at as usize], true) {
                stack.extend(&children[at as usize]);
            }
        }
        reached
    }
}
