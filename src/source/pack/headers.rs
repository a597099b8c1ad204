//! The headers of a pack's entries, and which entry is made from which.

use gix::odb::pack::data;
use rayon::prelude::*;

use super::places::Places;
use super::{Entry, NONE, OUTSIDE, ObjectKind, Pack};

impl Pack {
    pub(super) fn read_headers(&mut self, hash: gix::hash::Kind) {
        let count = self.index.num_objects();
        let mut offsets: Vec<(u64, u32)> = (0..count).map(|i| (self.index.pack_offset_at_index(i), i)).collect();
        offsets.par_sort_unstable();
        self.places = Places::new(offsets.iter().map(|(offset, _)| *offset), self.data.pack_end() as u64);
        let find = |offset: u64| self.places.find(offset, |at| offsets[at].0);
        let header = |(at, place): (usize, &(u64, u32))| self.header(at as u32, *place, hash, &find);
        self.entries = offsets.par_iter().enumerate().with_min_len(1024).map(header).collect();
        for at in 0..self.entries.len() {
            let entry = self.entries[at];
            match (entry.kind, entry.base) {
                (None, NONE) => {
                    let what = if entry.data == 0 {
                        "its entry in the pack cannot be read"
                    } else {
                        "its delta base is not in the pack"
                    };
                    self.suspects.insert(at as u32, what);
                    self.entries[at] = Entry { data: 0, size: 0, ..entry };
                }
                (None, OUTSIDE) => {
                    let base = self.outside_base(&entry).and_then(|id| self.index.lookup(id));
                    let base = base.and_then(|i| self.by_offset(self.index.pack_offset_at_index(i)));
                    self.entries[at].base = base.filter(|base| *base as usize != at).unwrap_or(OUTSIDE);
                }
                _ => {}
            }
        }
    }

    /// Reads the header of the entry at a place. One that cannot be read has no `data`; one whose base lies at no place
    /// before it, as `find` tells, has no base; one whose base is given by its id has it outside for now.
    pub(super) fn header(
        &self,
        at: u32,
        (offset, position): (u64, u32),
        hash: gix::hash::Kind,
        find: &dyn Fn(u64) -> Option<u32>,
    ) -> Entry {
        let blank =
            Entry { offset, data: 0, size: 0, position, base: NONE, first_child: NONE, sibling: NONE, kind: None };
        let slice = self.data.entry_slice(offset..(offset + 64).min(self.data.pack_end() as u64));
        let Some(header) = slice.and_then(|bytes| data::Entry::from_bytes(bytes, offset, hash).ok()) else {
            return blank;
        };
        let entry = Entry { data: header.data_offset, size: header.decompressed_size, ..blank };
        let (kind, base) = match header.header {
            data::entry::Header::Blob => (Some(ObjectKind::Blob), NONE),
            data::entry::Header::Tree => (Some(ObjectKind::Tree), NONE),
            data::entry::Header::Commit => (Some(ObjectKind::Commit), NONE),
            data::entry::Header::Tag => (Some(ObjectKind::Tag), NONE),
            data::entry::Header::OfsDelta { base_distance } => {
                let base = offset.checked_sub(base_distance).and_then(find);
                (None, base.filter(|base| *base < at).unwrap_or(NONE))
            }
            data::entry::Header::RefDelta { .. } => (None, OUTSIDE),
        };
        Entry { kind, base, ..entry }
    }

    pub(super) fn by_offset(&self, offset: u64) -> Option<u32> {
        self.places.find(offset, |at| self.entries[at].offset)
    }

    /// Makes lists of children, in ascending order of offset.
    pub(super) fn link(&mut self) {
        for at in (0..self.entries.len()).rev() {
            let base = self.entries[at].base;
            if base < OUTSIDE {
                self.entries[at].sibling = self.entries[base as usize].first_child;
                self.entries[base as usize].first_child = at as u32;
            }
        }
    }

    pub(in crate::source) fn children(&self, at: u32) -> impl Iterator<Item = u32> + '_ {
        let mut next = self.entries[at as usize].first_child;
        std::iter::from_fn(move || {
            let current = next;
            (current != NONE).then(|| {
                next = self.entries[current as usize].sibling;
                current
            })
        })
    }
}
