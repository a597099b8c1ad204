//! The few trees and all commits that provenance is computed on.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bstr::BString;
use gix::ObjectId;

use super::Held;
use super::parse::CommitData;

/// Deepest tree that is followed.
const MAX_DEPTH: usize = 512;

/// 32 bits of an object id.
pub(super) fn hash(id: &[u8]) -> u32 {
    u32::from_le_bytes([id[4], id[5], id[6], id[7]])
}

/// Trees from which a wanted blob can be reached; a few more, since edges are kept by a hash.
#[derive(Debug, Default)]
pub(super) struct Marked(HashSet<ObjectId>);

impl Marked {
    /// Marks upwards from the trees that hold a wanted blob.
    pub(super) fn from(mut edges: Vec<(u32, u32)>, trees: Vec<ObjectId>, direct: &[ObjectId]) -> Self {
        edges.sort_unstable();
        let mut marked: HashSet<ObjectId> = direct.iter().copied().collect();
        let mut stack: Vec<ObjectId> = direct.to_vec();
        while let Some(id) = stack.pop() {
            let key = hash(id.as_bytes());
            let from = edges.partition_point(|(child, _)| *child < key);
            for (_, tree) in edges[from..].iter().take_while(|(child, _)| *child == key) {
                let holder = trees[*tree as usize];
                if marked.insert(holder) {
                    stack.push(holder);
                }
            }
        }
        Self(marked)
    }

    pub(super) fn has(&self, id: &gix::oid) -> bool {
        self.0.contains(id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// An entry of a marked tree that leads to a wanted blob.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) is_tree: bool,
    pub(super) name: BString,
    pub(super) id: ObjectId,
}

pub(super) type Entries = HashMap<ObjectId, Vec<Kept>>;

/// Paths of wanted blobs below a tree, computed once for each tree.
#[derive(Debug)]
pub(super) struct Paths {
    entries: Entries,
    known: HashMap<ObjectId, Held>,
}

impl Paths {
    pub(super) fn new(entries: Entries) -> Self {
        Self { entries, known: HashMap::new() }
    }

    /// Wanted blobs below a tree, sorted by path.
    pub(super) fn of(&mut self, tree: &ObjectId) -> Held {
        self.below(tree, 0)
    }

    fn below(&mut self, tree: &ObjectId, depth: usize) -> Held {
        if let Some(known) = self.known.get(tree) {
            return Arc::clone(known);
        }
        let kept = self.entries.get(tree).cloned().unwrap_or_default();
        let mut held = Vec::new();
        for entry in kept {
            if !entry.is_tree {
                held.push((entry.name, entry.id));
            } else if depth < MAX_DEPTH {
                for (path, id) in self.below(&entry.id, depth + 1).iter() {
                    let mut full = entry.name.clone();
                    full.push(b'/');
                    full.extend_from_slice(path);
                    held.push((full, *id));
                }
            }
        }
        held.sort();
        let held = Arc::new(held);
        // Trees that lead to nothing need no memory.
        if !held.is_empty() || self.entries.contains_key(tree) {
            self.known.insert(*tree, Arc::clone(&held));
        }
        held
    }
}

/// All commits of the object stores, sorted by id.
#[derive(Debug)]
pub(super) struct Commits {
    list: Vec<(ObjectId, CommitData)>,
    /// Numbers of the parents of each; `None` for one that is not there.
    parents: Vec<Vec<Option<u32>>>,
}

impl Commits {
    pub(super) fn new(mut list: Vec<(ObjectId, CommitData)>) -> Self {
        list.sort_unstable_by_key(|(id, _)| *id);
        list.dedup_by_key(|(id, _)| *id);
        let find = |id: &ObjectId| list.binary_search_by(|(have, _)| have.cmp(id)).ok().map(|at| at as u32);
        let parents = list.iter().map(|(_, data)| data.parents.iter().map(find).collect()).collect();
        Self { list, parents }
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn find(&self, id: &gix::oid) -> Option<u32> {
        self.list.binary_search_by(|(have, _)| have.as_ref().cmp(id)).ok().map(|at| at as u32)
    }

    pub(super) fn id(&self, at: u32) -> ObjectId {
        self.list[at as usize].0
    }

    pub(super) fn tree(&self, at: u32) -> ObjectId {
        self.list[at as usize].1.tree
    }

    pub(super) fn time(&self, at: u32) -> i64 {
        self.list[at as usize].1.time
    }

    /// Parents; `None` for one that is not there.
    pub(super) fn parents(&self, at: u32) -> &[Option<u32>] {
        &self.parents[at as usize]
    }

    /// Which commits these lead to.
    pub(super) fn reachable(&self, tips: impl Iterator<Item = u32>) -> Vec<bool> {
        self.flood(tips, |at| self.parents(at).iter().flatten().copied().collect())
    }

    /// The commits that have each as a parent.
    pub(super) fn children(&self) -> Vec<Vec<u32>> {
        let mut children = vec![Vec::new(); self.list.len()];
        for at in 0..self.len() as u32 {
            for parent in self.parents(at).iter().flatten() {
                children[*parent as usize].push(at);
            }
        }
        children
    }

    /// Which commits lead to this one.
    pub(super) fn descendants(&self, at: u32, children: &[Vec<u32>]) -> Vec<bool> {
        self.flood(std::iter::once(at), |at| children[at as usize].clone())
    }

    fn flood(&self, from: impl Iterator<Item = u32>, next: impl Fn(u32) -> Vec<u32>) -> Vec<bool> {
        let mut reached = vec![false; self.list.len()];
        let mut stack: Vec<u32> = from.collect();
        while let Some(at) = stack.pop() {
            if !std::mem::replace(&mut reached[at as usize], true) {
                stack.extend(next(at));
            }
        }
        reached
    }
}
