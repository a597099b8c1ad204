//! All commits of a repository as numbers.

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

    /// Adds all of another list.
    pub fn append(&mut self, other: Self) {
        let offset = self.parents.len() as u32;
        self.parents.extend(other.parents);
        self.rows.extend(other.rows.into_iter().map(|row| Row { start: row.start + offset, ..row }));
    }
}

/// All commits, sorted by their object.
#[derive(Debug)]
pub(super) struct Commits {
    rows: Vec<Row>,
    /// Places in `rows`; [`NONE`] for one that is not there.
    parents: Vec<u32>,
}

impl Commits {
    pub(super) fn new(list: CommitList) -> Self {
        let CommitList { mut rows, mut parents } = list;
        rows.sort_unstable_by_key(|row| row.object);
        rows.dedup_by_key(|row| row.object);
        for parent in &mut parents {
            *parent = rows.binary_search_by_key(parent, |row| row.object).map_or(NONE, |at| at as u32);
        }
        Self { rows, parents }
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

    /// Its tree.
    pub(super) fn tree(&self, at: u32) -> u32 {
        self.rows[at as usize].tree
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
