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

/// All commits, sorted by their object, in up to a few runs of which each is sorted by itself.
#[derive(Debug, Default)]
pub(super) struct Commits {
    pub(super) rows: Vec<Commit>,
    /// Where runs behind the first one begin.
    runs: Vec<usize>,
    /// Places in `rows`; [`NONE`] for one that is not there.
    pub(super) parents: Vec<u32>,
}

impl Commits {
    /// Adds commits that are not there; `content` gives what a tree holds.
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
        if first > 0 && rows.first().is_some_and(|row| row.object < self.rows[first - 1].object) {
            self.runs.push(first);
        }
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
        (start as usize == parents.len()).then_some(Self { rows, runs: Vec::new(), parents })
    }

    /// The same with other numbers for the objects; gives the new place of each commit.
    pub(super) fn renumber(&mut self, numbers: &[u32]) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.rows.len() as u32).collect();
        self.rows.iter_mut().for_each(|row| row.object = numbers[row.object as usize]);
        order.sort_unstable_by_key(|at| self.rows[*at as usize].object);
        let mut places = vec![NONE; order.len()];
        (0..).zip(&order).for_each(|(new, old)| places[*old as usize] = new);
        let (mut rows, mut parents) = (Vec::with_capacity(order.len()), Vec::with_capacity(self.parents.len()));
        for at in order {
            let start = parents.len() as u32;
            parents.extend(self.parents(at).iter().map(|p| places.get(*p as usize).copied().unwrap_or(NONE)));
            rows.push(Commit { start, ..self.rows[at as usize] });
        }
        *self = Self { rows, runs: Vec::new(), parents };
        places
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The place of a commit by its object.
    pub(super) fn find(&self, object: u32) -> Option<u32> {
        let ends = self.runs.iter().copied().chain([self.rows.len()]);
        let runs = std::iter::once(0).chain(self.runs.iter().copied()).zip(ends);
        let find = |(start, end): (usize, usize)| {
            let at = self.rows[start..end].binary_search_by_key(&object, |row| row.object).ok()?;
            Some((start + at) as u32)
        };
        runs.into_iter().find_map(find)
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

    /// The commits that these lead to, parents first.
    pub(super) fn in_order(&self, tips: impl Iterator<Item = u32>) -> Vec<u32> {
        let mut seen = vec![false; self.rows.len()];
        let mut order = Vec::with_capacity(self.rows.len());
        // Commits on the way from a tip, each with the number of its parents that were looked at.
        let mut way: Vec<(u32, usize)> = Vec::new();
        for tip in tips {
            if !std::mem::replace(&mut seen[tip as usize], true) {
                way.push((tip, 0));
            }
            while let Some((at, next)) = way.last_mut() {
                match self.parents(*at).get(*next) {
                    Some(parent) => {
                        *next += 1;
                        if *parent != NONE && !std::mem::replace(&mut seen[*parent as usize], true) {
                            way.push((*parent, 0));
                        }
                    }
                    None => {
                        order.push(*at);
                        way.pop();
                    }
                }
            }
        }
        order
    }

    /// For each of some commits, which of these tips lead to it; `order` is that of all commits that these lead to, parents
    /// first. One pass over them tells it of 64.
    pub(super) fn held_by(&self, some: &[u32], order: &[u32], tips: &[Option<u32>]) -> Vec<Vec<usize>> {
        let mut held = vec![Vec::new(); some.len()];
        for (some, held) in some.chunks(64).zip(held.chunks_mut(64)) {
            let mut leads_to = vec![0u64; self.rows.len()];
            some.iter().enumerate().for_each(|(bit, at)| leads_to[*at as usize] |= 1 << bit);
            for at in order {
                let parents = self.parents(*at).iter().filter(|parent| **parent != NONE);
                let all = parents.fold(0, |all, parent| all | leads_to[*parent as usize]);
                leads_to[*at as usize] |= all;
            }
            for (number, tip) in tips.iter().enumerate() {
                let mut bits = tip.map_or(0, |tip| leads_to[tip as usize]);
                while bits != 0 {
                    held[bits.trailing_zeros() as usize].push(number);
                    bits &= bits - 1;
                }
            }
        }
        held
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tips_hold_what_they_lead_to(parents in proptest::collection::vec(proptest::collection::vec(any::<prop::sample::Index>(), 0..3), 1..120), tips in proptest::collection::vec(any::<prop::sample::Index>(), 0..6), turn in any::<bool>()) {
            let all = parents.len() as u32;
            // Places are in no order of time.
            let place = |n: usize| if turn { all - 1 - n as u32 } else { n as u32 };
            let mut own: Vec<Vec<u32>> = vec![Vec::new(); all as usize];
            for (n, of) in parents.iter().enumerate() {
                own[place(n) as usize] = of.iter().map(|i| if n == 0 { NONE } else { place(i.index(n)) }).collect();
            }
            let counts = own.iter().map(|of| of.len() as u32).collect();
            let zeros = vec![0; all as usize];
            let lists = [(0..all).collect(), zeros.clone(), zeros.clone(), zeros, counts, own.concat()];
            let commits = Commits::from_parts(lists).unwrap();
            let tips: Vec<Option<u32>> = tips.iter().map(|i| Some(i.index(all as usize) as u32)).chain([None]).collect();
            let some: Vec<u32> = (0..all).collect();
            let order = commits.in_order(tips.iter().copied().flatten());
            let held = commits.held_by(&some, &order, &tips);
            let leads = |tip: &Option<u32>| commits.reachable(tip.iter().copied());
            for (number, tip) in tips.iter().enumerate() {
                for (at, reached) in leads(tip).into_iter().enumerate() {
                    prop_assert_eq!(held[at].contains(&number), reached);
                }
            }
        }
    }
}
