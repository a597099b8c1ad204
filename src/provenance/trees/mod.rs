//! All trees of a repository, each as what it changes in the tree that its delta was made from.
//!
//! A version of a directory shares nearly all entries with its delta base, so the changes of all trees are few: they fit in
//! memory, and every question about which tree holds what is answered from them without decoding a tree again. Objects
//! and names are numbers here ([`Objects::number`]).

mod change;
mod reader;

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use gix::ObjectId;

use crate::finding::Problem;
use crate::source::objects::Objects;
use crate::source::walk::Memory;
use reader::Reader;

/// No number.
pub(in crate::provenance) const NONE: u32 = u32::MAX;

/// A name in a tree, and the object that it stands for; [`NONE`] for a submodule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::provenance) struct Item {
    pub(in crate::provenance) name: u32,
    pub(in crate::provenance) object: u32,
}

/// A tree: its base without some entries and with some others.
#[derive(Clone, Copy, Debug)]
pub(in crate::provenance) struct Record {
    number: u32,
    pub(in crate::provenance) object: u32,
    /// Place of the base in the list; [`NONE`] if it has none.
    pub(in crate::provenance) base: u32,
    /// Where its changes begin in [`Trees::changes`]: first what it removes, then what it adds.
    start: u32,
    pub(in crate::provenance) removed: u32,
    pub(in crate::provenance) added: u32,
}

/// What a tree changes.
#[derive(Clone, Copy, Debug)]
pub(in crate::provenance) struct Tree<'a> {
    pub(in crate::provenance) object: u32,
    /// Its base, by its place in [`Trees::iter`], which is before its own.
    pub(in crate::provenance) base: Option<usize>,
    pub(in crate::provenance) removed: &'a [Item],
    pub(in crate::provenance) added: &'a [Item],
}

/// All trees of the object stores, and the names in them.
#[derive(Debug, Default)]
pub struct Trees {
    /// Bases first.
    pub(in crate::provenance) records: Vec<Record>,
    changes: Vec<Item>,
    names: Names,
    list: Vec<Box<[u8]>>,
    /// What no store has, by number.
    absent: Vec<ObjectId>,
}

/// Objects that something names and no store has. They have numbers behind those of all others.
#[derive(Debug, Default)]
pub struct Absent(Mutex<(HashMap<ObjectId, u32>, Vec<ObjectId>)>);

impl Absent {
    /// The number of an object, whether a store has it or not.
    pub(in crate::provenance) fn number(&self, objects: &Objects, id: &gix::oid) -> u32 {
        objects.number(id).unwrap_or_else(|| {
            let mut known = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let (numbers, ids) = &mut *known;
            objects.len() as u32
                + *numbers.entry(id.to_owned()).or_insert_with(|| {
                    ids.push(id.to_owned());
                    ids.len() as u32 - 1
                })
        })
    }

    /// The id of one of them.
    ///
    /// # Panics
    /// If no object has this number.
    pub fn id(&self, objects: &Objects, number: u32) -> ObjectId {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).1[number as usize - objects.len()]
    }
}

impl Trees {
    /// Reads all trees but those of packs that were read before; tells what cannot be read.
    pub fn read(&mut self, objects: &Objects, absent: &Absent, known: &[bool], memory: &Memory) -> Vec<Problem> {
        let next = AtomicU32::new(self.records.len() as u32);
        let reader = Reader { objects, absent, known, names: &self.names, next, found: Mutex::default() };
        let losses = objects.walk(&reader, memory);
        let mut found = reader.found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let offset = self.changes.len() as u32;
        found.records.sort_unstable_by_key(|r| r.number);
        self.records.extend(found.records.into_iter().map(|r| Record { start: r.start + offset, ..r }));
        self.changes.extend(found.changes);
        losses.problems
    }

    /// No more trees will come.
    pub fn finish(&mut self, absent: Absent) {
        self.list = std::mem::take(&mut self.names).into_list();
        self.absent = absent.0.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).1;
    }

    /// Adds trees of a record: their objects; how far before each its base is (0 for none), how many entries it removes
    /// and adds; names and objects of those. `None`, and nothing is added, if they do not belong together.
    pub(in crate::provenance) fn add(
        &mut self,
        objects: Vec<u32>,
        [back, removed, added]: [&[u32]; 3],
        names: &[&[u8]],
        items: &[u32],
    ) -> Option<()> {
        if [back.len(), removed.len(), added.len()] != [objects.len(); 3] || names.len() != items.len() {
            return None;
        }
        let first = self.records.len() as u32;
        let offset = self.changes.len() as u32;
        let mut records = Vec::with_capacity(objects.len());
        let mut start = 0u32;
        for (at, object) in objects.into_iter().enumerate() {
            let number = first + at as u32;
            let base = match back[at] {
                0 => NONE,
                steps => number.checked_sub(steps).filter(|base| *base >= first)?,
            };
            let (removed, added) = (removed[at], added[at]);
            records.push(Record { number, object, base, start: offset + start, removed, added });
            start = start.checked_add(removed)?.checked_add(added)?;
        }
        if start as usize != items.len() {
            return None;
        }
        self.records.extend(records);
        // Neighbours mostly have the same name.
        let mut last: (&[u8], u32) = (&[], NONE);
        for (name, object) in names.iter().zip(items) {
            if last.1 == NONE || last.0 != *name {
                last = (name, self.names.number(name));
            }
            self.changes.push(Item { name: last.1, object: *object });
        }
        Some(())
    }

    /// Every name of a file, directory or submodule, once, by its number. The numbers differ from run to run.
    pub fn names(&self) -> &[Box<[u8]>] {
        &self.list
    }

    /// Objects that trees name and no store has, sorted.
    pub fn absent(&self, objects: &Objects) -> Vec<ObjectId> {
        self.absent_in(objects, self.changes.iter())
    }

    fn absent_in<'i>(&self, objects: &Objects, items: impl Iterator<Item = &'i Item>) -> Vec<ObjectId> {
        let end = objects.len() as u32;
        let numbers = items.map(|item| item.object).filter(|n| *n >= end && *n != NONE);
        let mut numbers: Vec<u32> = numbers.collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut ids: Vec<ObjectId> = numbers.into_iter().map(|n| self.absent[(n - end) as usize]).collect();
        ids.sort_unstable();
        ids
    }

    /// Ids of what no store has, in the order of their numbers.
    pub(in crate::provenance) fn absent_ids(&self) -> &[ObjectId] {
        &self.absent
    }

    /// What a tree removes, then what it adds.
    pub(in crate::provenance) fn changes_of(&self, record: &Record) -> &[Item] {
        &self.changes[record.start as usize..(record.start + record.removed + record.added) as usize]
    }

    /// All trees, bases first.
    pub(in crate::provenance) fn iter(&self) -> impl Iterator<Item = Tree<'_>> {
        self.range(0..self.count())
    }

    /// The trees at these places.
    pub(in crate::provenance) fn range(&self, places: std::ops::Range<usize>) -> impl Iterator<Item = Tree<'_>> {
        self.records[places].iter().map(|r| {
            let (start, middle) = (r.start as usize, (r.start + r.removed) as usize);
            Tree {
                object: r.object,
                base: (r.base != NONE).then_some(r.base as usize),
                removed: &self.changes[start..middle],
                added: &self.changes[middle..middle + r.added as usize],
            }
        })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.records.len()
    }

    /// How many of them are in packs, which come first; `None` if one of these names an object that is in none.
    pub fn of_packs(&self, objects: &Objects) -> Option<usize> {
        let (packed, end) = (objects.packed(), objects.len() as u32);
        let count = self.records.partition_point(|r| r.object < packed);
        let mut items = self.records[..count].iter().flat_map(|r| self.changes_of(r));
        let closed = !items.any(|item| (packed..end).contains(&item.object));
        (closed && self.records[count..].iter().all(|r| r.object >= packed)).then_some(count)
    }

    /// What trees in packs name and no store has, sorted.
    pub fn absent_of_packs(&self, objects: &Objects) -> Vec<ObjectId> {
        let of_packs = self.records.iter().filter(|r| r.object < objects.packed());
        self.absent_in(objects, of_packs.flat_map(|r| self.changes_of(r)))
    }

    /// How many names there are so far.
    pub fn count_names(&self) -> usize {
        self.names.next.load(Ordering::Relaxed) as usize
    }

    /// Gives names their numbers, from 0 on, before any tree comes; `None` if one comes twice.
    pub(in crate::provenance) fn with_names<'n>(names: impl Iterator<Item = &'n [u8]>) -> Option<Self> {
        let trees = Self::default();
        (0..).zip(names).all(|(number, name)| trees.names.number(name) == number).then_some(trees)
    }
}

/// Names with their numbers.
#[derive(Debug, Default)]
struct Names {
    shards: [Mutex<HashMap<Box<[u8]>, u32>>; 32],
    hasher: std::hash::RandomState,
    next: AtomicU32,
}

impl Names {
    fn number(&self, name: &[u8]) -> u32 {
        let shard = &self.shards[self.hasher.hash_one(name) as usize % self.shards.len()];
        let mut known = shard.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(number) = known.get(name) {
            return *number;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        known.insert(name.into(), number);
        number
    }

    fn into_list(self) -> Vec<Box<[u8]>> {
        let mut list = vec![Box::default(); self.next.into_inner() as usize];
        let all = self.shards.into_iter().map(|s| s.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner));
        for (name, number) in all.flatten() {
            list[number as usize] = name;
        }
        list
    }
}
