//! All commits of a repository as numbers.

use super::parse::CommitData;
use super::trees::NONE;
use crate::source::objects::Objects;

/// A commit as it was read.
#[derive(Clone, Copy, Debug)]
struct Row {
    object: u32,
    /// [`NONE`] if it is in no store.
    tree: u32,
    time: i64,
    /// Where its parents begin, and how many there are.
    start: u32,
    parents: u32,
}

/// Commits as they come.
#[derive(Debug, Default)]
pub struct CommitList {
    rows: Vec<Row>,
    /// Objects; [`NONE`] for one that is in no store.
    parents: Vec<u32>,
}

impl CommitList {
    /// Adds a commit; `missing` is told which of the objects that it names are in no store.
    pub fn add(
        &mut self,
        objects: &Objects,
        id: &gix::oid,
        commit: &CommitData,
        missing: &mut dyn FnMut(&'static str, &gix::oid),
    ) {
        let Some(object) = objects.number(id) else { return };
        let mut number = |what, id: &gix::oid| {
            objects.number(id).unwrap_or_else(|| {
                missing(what, id);
                NONE
            })
        };
        let tree = number("tree", &commit.tree);
        let start = self.parents.len() as u32;
        self.parents.extend(commit.parents.iter().map(|p| number("parent", p)));
        self.rows.push(Row { object, tree, time: commit.time, start, parents: commit.parents.len() as u32 });
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
        for parent in parents.iter_mut().filter(|p| **p != NONE) {
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

    /// Its tree; [`NONE`] if it is not there.
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
