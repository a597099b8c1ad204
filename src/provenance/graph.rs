//! The few trees and all commits that provenance is computed on.

use std::collections::HashMap;
use std::sync::Arc;

use bstr::BString;
use gix::ObjectId;
use gix::hashtable::{self, HashSet};

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
pub(super) struct Marked(HashSet);

impl Marked {
    /// Marks upwards from the trees that hold a wanted blob.
    pub(super) fn from(mut edges: Vec<(u32, u32)>, trees: Vec<ObjectId>, direct: &[ObjectId]) -> Self {
        edges.sort_unstable();
        let mut marked: HashSet = direct.iter().copied().collect();
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

pub(super) type Entries = hashtable::HashMap<ObjectId, Vec<Kept>>;

/// What trees hold of the wanted blobs. Trees that hold the same have the same number, so that comparing costs nothing.
#[derive(Debug)]
pub(super) struct Contents {
    entries: Entries,
    of_tree: hashtable::HashMap<ObjectId, u32>,
    numbers: HashMap<Vec<Child>, u32>,
    lists: Vec<Vec<Child>>,
    held: Vec<Option<Held>>,
}

/// Name and what is there: a blob, or the number of a content.
type Child = (BString, Result<ObjectId, u32>);

impl Contents {
    /// The number of trees without any wanted blob.
    pub(super) const NOTHING: u32 = 0;

    pub(super) fn new(entries: Entries) -> Self {
        let mut contents = Self {
            entries,
            of_tree: hashtable::HashMap::default(),
            numbers: HashMap::new(),
            lists: Vec::new(),
            held: Vec::new(),
        };
        contents.number(Vec::new());
        contents
    }

    fn number(&mut self, list: Vec<Child>) -> u32 {
        if let Some(number) = self.numbers.get(&list) {
            return *number;
        }
        let number = self.lists.len() as u32;
        self.lists.push(list.clone());
        self.held.push(None);
        self.numbers.insert(list, number);
        number
    }

    /// The number of a tree's content.
    pub(super) fn of(&mut self, tree: &ObjectId) -> u32 {
        self.below(tree, 0)
    }

    fn below(&mut self, tree: &ObjectId, depth: usize) -> u32 {
        if let Some(number) = self.of_tree.get(tree) {
            return *number;
        }
        let Some(kept) = self.entries.get(tree).cloned() else { return Self::NOTHING };
        let mut list = Vec::with_capacity(kept.len());
        for entry in kept {
            if !entry.is_tree {
                list.push((entry.name, Ok(entry.id)));
            } else if depth < MAX_DEPTH {
                let number = self.below(&entry.id, depth + 1);
                if number != Self::NOTHING {
                    list.push((entry.name, Err(number)));
                }
            }
        }
        let number = self.number(list);
        self.of_tree.insert(*tree, number);
        number
    }

    /// The wanted blobs of a content, sorted by path.
    pub(super) fn held(&mut self, number: u32) -> Held {
        if let Some(held) = &self.held[number as usize] {
            return Arc::clone(held);
        }
        let mut all = Vec::new();
        for (name, child) in self.lists[number as usize].clone() {
            match child {
                Ok(blob) => all.push((name, blob)),
                Err(below) => {
                    for (path, id) in self.held(below).iter() {
                        let mut full = name.clone();
                        full.push(b'/');
                        full.extend_from_slice(path);
                        all.push((full, *id));
                    }
                }
            }
        }
        all.sort();
        let held = Arc::new(all);
        self.held[number as usize] = Some(Arc::clone(&held));
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
        list.sort_unstable_by_key(|(id, _)| (key(id), *id));
        list.dedup_by_key(|(id, _)| *id);
        let find = |id: &ObjectId| position(&list, id);
        let parents = list.iter().map(|(_, data)| data.parents.iter().map(find).collect()).collect();
        Self { list, parents }
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn find(&self, id: &gix::oid) -> Option<u32> {
        position(&self.list, id)
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

/// The first bytes of an id, as a number in the same order.
fn key(id: &gix::oid) -> u64 {
    id.as_bytes().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

fn position(list: &[(ObjectId, CommitData)], id: &gix::oid) -> Option<u32> {
    let want = key(id);
    let from = list.partition_point(|(have, _)| key(have) < want);
    let same =
        list[from..].iter().take_while(|(have, _)| key(have) == want).position(|(have, _)| have.as_ref() == id)?;
    Some((from + same) as u32)
}
