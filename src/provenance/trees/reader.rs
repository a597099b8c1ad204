//! Reading trees along the packs: each is compared with the one that its delta was made from.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use gix::ObjectId;

use super::change::{Change, Entry, Matcher, change};
use super::{Absent, Item, NONE, Names, Record};
use crate::provenance::parse;
use crate::source::objects::Objects;
use crate::source::pack::ObjectKind;
use crate::source::walk::{Object, Visitor};

/// What workers find.
#[derive(Default)]
pub(super) struct Found {
    pub(super) records: Vec<Record>,
    pub(super) changes: Vec<Item>,
}

/// Reads trees.
pub(super) struct Reader<'a> {
    pub(super) objects: &'a Objects,
    pub(super) absent: &'a Absent,
    pub(super) known: &'a [bool],
    pub(super) names: &'a Names,
    pub(super) next: AtomicU32,
    pub(super) found: Mutex<Found>,
}

/// What is remembered of a tree for those made from it.
#[derive(Debug)]
pub(super) struct Parsed {
    number: u32,
    entries: Vec<Entry>,
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
