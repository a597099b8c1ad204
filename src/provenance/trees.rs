//! All trees of a repository, each as what it changes in the tree that its delta was made from.
//!
//! A version of a directory shares nearly all entries with its delta base, so the changes of all trees are few: they fit in
//! memory, and every question about which tree holds what is answered from them without decoding a tree again. Objects
//! and names are numbers here ([`Objects::number`]).

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use gix::ObjectId;

use super::parse;
use crate::finding::Problem;
use crate::source::objects::Objects;
use crate::source::pack::ObjectKind;
use crate::source::walk::{Memory, Object, Visitor};

/// No number.
pub(super) const NONE: u32 = u32::MAX;

/// A name in a tree, and the object that it stands for; [`NONE`] for a submodule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Item {
    pub(super) name: u32,
    pub(super) object: u32,
}

/// A tree: its base without some entries and with some others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    number: u32,
    pub(super) object: u32,
    /// Place of the base in the list; [`NONE`] if it has none.
    pub(super) base: u32,
    /// Where its changes begin in [`Trees::changes`]: first what it removes, then what it adds.
    start: u32,
    pub(super) removed: u32,
    pub(super) added: u32,
}

/// What a tree changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tree<'a> {
    pub(super) object: u32,
    /// Its base, by its place in [`Trees::iter`], which is before its own.
    pub(super) base: Option<usize>,
    pub(super) removed: &'a [Item],
    pub(super) added: &'a [Item],
}

/// All trees of the object stores, and the names in them.
#[derive(Debug, Default)]
pub struct Trees {
    /// Bases first.
    pub(super) records: Vec<Record>,
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
    pub(super) fn number(&self, objects: &Objects, id: &gix::oid) -> u32 {
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
    pub(super) fn add(
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
    pub(super) fn absent_ids(&self) -> &[ObjectId] {
        &self.absent
    }

    /// What a tree removes, then what it adds.
    pub(super) fn changes_of(&self, record: &Record) -> &[Item] {
        &self.changes[record.start as usize..(record.start + record.removed + record.added) as usize]
    }

    /// All trees, bases first.
    pub(super) fn iter(&self) -> impl Iterator<Item = Tree<'_>> {
        self.range(0..self.count())
    }

    /// The trees at these places.
    pub(super) fn range(&self, places: std::ops::Range<usize>) -> impl Iterator<Item = Tree<'_>> {
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
    pub(super) fn with_names<'n>(names: impl Iterator<Item = &'n [u8]>) -> Option<Self> {
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

/// What workers find.
#[derive(Default)]
struct Found {
    records: Vec<Record>,
    changes: Vec<Item>,
}

/// Reads trees.
struct Reader<'a> {
    objects: &'a Objects,
    absent: &'a Absent,
    known: &'a [bool],
    names: &'a Names,
    next: AtomicU32,
    found: Mutex<Found>,
}

/// What is remembered of a tree for those made from it.
#[derive(Debug)]
struct Parsed {
    number: u32,
    entries: Vec<Entry>,
}

/// An entry of a tree and where it ends.
#[derive(Clone, Copy, Debug)]
struct Entry {
    end: u32,
    item: Item,
}

/// Where an entry begins: where the one before it ends.
fn begin(entries: &[Entry], at: usize) -> usize {
    at.checked_sub(1).map_or(0, |before| entries[before].end as usize)
}

impl Visitor for Reader<'_> {
    type State = Parsed;
    type Scratch = Found;

    fn scratch(&self) -> Found {
        Found::default()
    }

    fn wants(&self, kind: ObjectKind) -> bool {
        kind == ObjectKind::Tree
    }

    fn only(&self, pack: usize) -> Option<&[u32]> {
        self.known.get(pack).is_some_and(|known| *known).then_some(&[])
    }

    fn visit(&self, found: &mut Found, object: Object<'_, Parsed>) -> Parsed {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let blank = Parsed { number: NONE, entries: Vec::new() };
        let (old, base) = object.base.map_or((&[][..], &blank), |base| (base.bytes, base.state));
        let start = found.changes.len();
        let middle = change(old, &base.entries, object.bytes, object.id.as_bytes().len());
        let Change { kept, fresh, rest, shift } = middle;
        let mut replaced = Matcher::new(old, &base.entries, kept..rest, object.id.as_bytes().len());
        let mut entries = Vec::new();
        if object.is_base {
            entries.reserve_exact(kept + fresh.len() + base.entries.len() - rest);
            entries.extend_from_slice(&base.entries[..kept]);
        }
        let mut added = Vec::new();
        for (entry, end) in &fresh {
            let item = match replaced.find(entry.name) {
                Some((item, id)) if id == entry.id => {
                    replaced.keep();
                    item
                }
                known => {
                    let name = known.map_or_else(|| self.names.number(entry.name), |(item, _)| item.name);
                    let item = Item { name, object: self.number(entry) };
                    added.push(item);
                    item
                }
            };
            if object.is_base {
                entries.push(Entry { end: *end, item });
            }
        }
        found.changes.extend(replaced.removed());
        let removed = found.changes.len() - start;
        found.changes.extend_from_slice(&added);
        if object.is_base {
            let moved = |e: &Entry| Entry { end: e.end.wrapping_add_signed(shift), item: e.item };
            entries.extend(base.entries[rest..].iter().map(moved));
        }
        found.records.push(Record {
            number,
            object: self.objects.number_of(&object).unwrap_or(NONE),
            base: base.number,
            start: start as u32,
            removed: removed as u32,
            added: added.len() as u32,
        });
        Parsed { number, entries }
    }

    fn finish(&self, found: Found) {
        let mut all = self.found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let offset = all.changes.len() as u32;
        all.records.extend(found.records.into_iter().map(|r| Record { start: r.start + offset, ..r }));
        all.changes.extend(found.changes);
    }
}

impl Reader<'_> {
    /// The number of the object of an entry.
    fn number(&self, entry: &parse::TreeEntry<'_>) -> u32 {
        match ObjectId::try_from(entry.id) {
            Ok(id) if !entry.is_submodule => self.absent.number(self.objects, &id),
            _ => NONE,
        }
    }
}

/// The part of a tree that differs from its base.
struct Change<'a> {
    /// So many entries of the base stand unchanged before it.
    kept: usize,
    /// The entries of the tree in it, with their ends.
    fresh: Vec<(parse::TreeEntry<'a>, u32)>,
    /// From this entry of the base on all stand unchanged behind it.
    rest: usize,
    /// How far those moved.
    shift: i32,
}

/// Compares a tree with its base. Both agree on where entries begin in front of the first difference; behind the last one
/// they agree as soon as both begin an entry at the same place.
fn change<'a>(old: &[u8], entries: &[Entry], new: &'a [u8], hash_len: usize) -> Change<'a> {
    let same = common_prefix(old, new);
    let kept = entries.partition_point(|e| e.end as usize <= same);
    let start = begin(entries, kept);
    let tail = common_prefix_back(&old[start..], &new[start..]);
    let first_same = old.len() - tail;
    let shift = new.len() as isize - old.len() as isize;
    let mut rest = kept;
    let mut at = start;
    let mut fresh = Vec::new();
    let mut parsed = parse::tree(&new[start..], hash_len);
    loop {
        let joins = |rest: usize| begin(entries, rest) as isize + shift;
        while rest < entries.len() && (begin(entries, rest) < first_same || joins(rest) < at as isize) {
            rest += 1;
        }
        if rest < entries.len() && joins(rest) == at as isize {
            break;
        }
        let Some(entry) = parsed.next() else {
            rest = entries.len();
            break;
        };
        at = entry.id.as_ptr_range().end as usize - new.as_ptr() as usize;
        fresh.push((entry, at as u32));
    }
    Change { kept, fresh, rest, shift: shift as i32 }
}

/// Finds the entries of a base that those of a tree replace. Both are in git's order of names, but nothing depends on it.
struct Matcher<'a> {
    old: &'a [u8],
    entries: &'a [Entry],
    first: usize,
    hash_len: usize,
    /// Which of them are in the tree as they were.
    same: Vec<bool>,
    next: usize,
    found: usize,
    /// For long lists that are out of step.
    by_name: Option<HashMap<&'a [u8], usize>>,
}

/// Entries that are looked through one by one before names are sorted into a table.
const NEAR: usize = 8;

impl<'a> Matcher<'a> {
    fn new(old: &'a [u8], entries: &'a [Entry], range: std::ops::Range<usize>, hash_len: usize) -> Self {
        let same = vec![false; range.len()];
        let first = range.start;
        Self { old, entries, first, hash_len, same, next: 0, found: 0, by_name: None }
    }

    /// Name and id of one of them.
    fn parts(&self, at: usize) -> (&'a [u8], &'a [u8]) {
        let at = self.first + at;
        let (start, end) = (begin(self.entries, at), self.entries[at].end as usize);
        let (head, id) = self.old[start..end].split_at(end - start - self.hash_len);
        let name = memchr::memchr(b' ', head).map_or(0, |space| space + 1);
        (&head[name..head.len() - 1], id)
    }

    /// What stood under a name.
    fn find(&mut self, name: &[u8]) -> Option<(Item, &'a [u8])> {
        let near = (self.next..self.same.len()).take(NEAR).find(|&at| self.parts(at).0 == name);
        let at = match near {
            Some(at) => at,
            None if self.same.len() <= NEAR && self.next == 0 => return None,
            None => {
                if self.by_name.is_none() {
                    self.by_name = Some((0..self.same.len()).rev().map(|at| (self.parts(at).0, at)).collect());
                }
                *self.by_name.as_ref()?.get(name)?
            }
        };
        if self.same[at] {
            // A damaged tree has the same entry twice.
            return None;
        }
        (self.next, self.found) = (at + 1, at);
        Some((self.entries[self.first + at].item, self.parts(at).1))
    }

    /// The entry that was found last is in the tree as it was.
    fn keep(&mut self) {
        self.same[self.found] = true;
    }

    fn removed(&self) -> impl Iterator<Item = Item> + '_ {
        (0..self.same.len()).filter(|&at| !self.same[at]).map(|at| self.entries[self.first + at].item)
    }
}

/// How many bytes two texts begin with alike.
fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    // Blocks of a size that is known are compared without a call.
    let (a_blocks, b_blocks) = (a.as_chunks::<32>().0, b.as_chunks::<32>().0);
    let blocks = a_blocks.iter().zip(b_blocks).take_while(|(a, b)| a == b).count() * 32;
    blocks + a[blocks..].iter().zip(&b[blocks..]).take_while(|(a, b)| a == b).count()
}

/// How many bytes two texts end with alike.
fn common_prefix_back(a: &[u8], b: &[u8]) -> usize {
    let (a_blocks, b_blocks) = (a.as_rchunks::<32>().1, b.as_rchunks::<32>().1);
    let blocks = a_blocks.iter().rev().zip(b_blocks.iter().rev()).take_while(|(a, b)| a == b).count() * 32;
    let (a, b) = (&a[..a.len() - blocks], &b[..b.len() - blocks]);
    blocks + a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Pair = (Vec<u8>, u8);

    fn bytes(entries: &[Pair]) -> Vec<u8> {
        entries.iter().flat_map(|(name, id)| [b"100644 ", &name[..], b"\0", &[*id; 20]].concat()).collect()
    }

    /// The entries of a tree as a walk remembers them; what they stand for is not looked at here.
    fn entries(tree: &[u8]) -> Vec<Entry> {
        let item = Item { name: NONE, object: NONE };
        let end = |e: &parse::TreeEntry<'_>| e.id.as_ptr_range().end as usize - tree.as_ptr() as usize;
        parse::tree(tree, 20).map(|e| Entry { end: end(&e) as u32, item }).collect()
    }

    fn pairs(tree: &[u8]) -> Vec<Pair> {
        parse::tree(tree, 20).map(|e| (e.name.to_vec(), e.id[0])).collect()
    }

    /// A tree as its base without what it removes and with what it adds, sorted.
    fn rebuilt(old: &[u8], new: &[u8]) -> Vec<Pair> {
        let base = entries(old);
        let Change { kept, fresh, rest, shift } = change(old, &base, new, 20);
        let mut matcher = Matcher::new(old, &base, kept..rest, 20);
        let mut all: Vec<Pair> = Vec::new();
        for (entry, _) in &fresh {
            match matcher.find(entry.name) {
                Some((_, id)) if id == entry.id => matcher.keep(),
                _ => all.push((entry.name.to_vec(), entry.id[0])),
            }
        }
        let before = pairs(old);
        let removed: Vec<usize> = (0..rest - kept).filter(|&at| !matcher.same[at]).map(|at| kept + at).collect();
        all.extend(before.into_iter().enumerate().filter(|(at, _)| !removed.contains(at)).map(|(_, pair)| pair));
        // Those that stand behind the change end where they are said to.
        let ends: Vec<u32> = entries(new).iter().map(|e| e.end).collect();
        let moved: Vec<u32> = base[rest..].iter().map(|e| e.end.wrapping_add_signed(shift)).collect();
        assert!(ends.ends_with(&moved));
        all.sort();
        all
    }

    fn tree() -> impl Strategy<Value = Vec<Pair>> {
        proptest::collection::vec(("[a-c]{1,3}", 0..3u8).prop_map(|(name, id)| (name.into_bytes(), id)), 0..24)
    }

    proptest! {
        #[test]
        fn a_tree_is_its_base_and_its_changes(old in tree(), new in tree(), sorted: bool) {
            let order = |mut entries: Vec<Pair>| {
                if sorted {
                    entries.sort();
                    entries.dedup_by(|a, b| a.0 == b.0);
                }
                entries
            };
            let (old, new) = (bytes(&order(old)), bytes(&order(new)));
            let mut want = pairs(&new);
            want.sort();
            prop_assert_eq!(rebuilt(&old, &new), want);
        }

        #[test]
        fn small_changes_of_large_trees(mut list in proptest::collection::btree_map("[a-z]{1,6}", 0..250u8, 30..80), edits in proptest::collection::vec(("[a-z]{1,6}", any::<prop::sample::Index>(), 0..3u8), 1..6)) {
            let of = |list: &std::collections::BTreeMap<String, u8>| {
                bytes(&list.iter().map(|(name, id)| (name.clone().into_bytes(), *id)).collect::<Vec<_>>())
            };
            let old = of(&list);
            for (name, at, what) in edits {
                let known = at.get(&list.keys().cloned().collect::<Vec<_>>()).clone();
                match what {
                    0 => { list.insert(name, 251); }
                    1 => { list.remove(&known); }
                    _ => { list.insert(known, 252); }
                }
            }
            let new = of(&list);
            let mut want = pairs(&new);
            want.sort();
            prop_assert_eq!(rebuilt(&old, &new), want);
        }

        #[test]
        fn anything_can_be_a_tree(old in any::<Vec<u8>>(), new in any::<Vec<u8>>()) {
            let mut want = pairs(&new);
            want.sort();
            prop_assert_eq!(rebuilt(&old, &new), want);
        }
    }

    #[test]
    fn names_that_hold_the_start_of_an_entry_join_nowhere() {
        // From the second byte on, the base reads like another tree.
        let old = bytes(&[(b"x100644 a".to_vec(), 1), (b"b".to_vec(), 2)]);
        let new = bytes(&[(b"a".to_vec(), 1), (b"b".to_vec(), 2)]);
        assert_eq!(rebuilt(&old, &new), pairs(&new));
    }
}
