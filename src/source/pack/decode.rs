//! Objects of a pack, decoded along the chain of entries that each is made from.

use gix::ObjectId;
use gix::odb::pack::data;

use super::{Buffers, Entry, MAX_CHAIN, NONE, OUTSIDE, ObjectKind, Pack};
use crate::source::delta;
use crate::source::inflate::{Content, Inflater};

/// Gets an object from anywhere, for bases that are not in the pack.
pub type Fetch<'a> = dyn Fn(&gix::oid) -> Option<(ObjectKind, Vec<u8>)> + Sync + 'a;

impl Pack {
    pub(in crate::source) fn inflate(
        &self,
        inflater: &mut Inflater,
        entry: &Entry,
        out: &mut Vec<u8>,
    ) -> Result<(), &'static str> {
        inflater.exact(self.stream(entry)?, entry.size, out)
    }

    /// What an entry that is no delta inflates to, to be read piece by piece.
    pub(in crate::source) fn content(&self, entry: &Entry) -> Result<Content<'_>, &'static str> {
        Ok(Content::new(self.stream(entry)?, entry.size))
    }

    fn stream(&self, entry: &Entry) -> Result<&[u8], &'static str> {
        let all = entry.data..self.data.pack_end() as u64;
        self.data.entry_slice(all).ok_or("it begins behind the end of the pack")
    }

    /// The id of the base of a delta whose base is not in this pack.
    pub(in crate::source) fn outside_base(&self, entry: &Entry) -> Option<ObjectId> {
        let bytes = self.data.entry_slice(entry.offset..entry.data)?;
        match data::Entry::from_bytes(bytes, entry.offset, self.index.object_hash()).ok()?.header {
            data::entry::Header::RefDelta { base_id } => Some(base_id),
            _ => None,
        }
    }

    /// Reads one object by its id, unless it is tainted; `outside` gives bases that are not in this pack.
    pub fn get(&self, id: &gix::oid, outside: &Fetch<'_>) -> Option<(ObjectKind, Vec<u8>)> {
        let (mut out, mut buffers) = (Vec::new(), Buffers::default());
        let kind = if self.covered {
            self.decode(&self.chain_at(id)?, &mut buffers, outside, &mut out)
        } else {
            let at = self.place(id).filter(|at| !self.is_tainted(*at))?;
            self.rebuild(at, &mut buffers, outside, &mut out)
        };
        Some((kind.ok()?, out))
    }

    /// The kind of an object, told without decoding it, unless it is tainted; `outside` gives that of bases that are not in this pack.
    pub fn kind(&self, id: &gix::oid, outside: &dyn Fn(&gix::oid) -> Option<ObjectKind>) -> Option<ObjectKind> {
        if self.covered {
            let last = *self.chain_at(id)?.last()?;
            return last.kind.or_else(|| outside(&self.outside_base(&last)?));
        }
        let mut at = self.place(id).filter(|at| !self.is_tainted(*at))?;
        for _ in 0..MAX_CHAIN {
            let entry = &self.entries[at as usize];
            match (entry.kind, entry.base) {
                (Some(kind), _) => return Some(kind),
                (None, OUTSIDE) => return outside(&self.outside_base(entry)?),
                (None, NONE) => return None,
                (None, base) => at = base,
            }
        }
        None
    }

    /// Decodes an entry along its whole chain.
    pub(in crate::source) fn rebuild(
        &self,
        at: u32,
        buffers: &mut Buffers,
        outside: &Fetch<'_>,
        out: &mut Vec<u8>,
    ) -> Result<ObjectKind, String> {
        let mut chain = vec![self.entries[at as usize]];
        while chain[chain.len() - 1].kind.is_none() && chain[chain.len() - 1].base != OUTSIDE {
            let base = chain[chain.len() - 1].base;
            if base == NONE || chain.len() > MAX_CHAIN {
                return Err("its delta base cannot be read".into());
            }
            chain.push(self.entries[base as usize]);
        }
        self.decode(&chain, buffers, outside, out)
    }

    /// The entry of an object; read from the pack for this. Its base, if it has one, is not looked for.
    pub(in crate::source) fn entry_of(&self, id: &gix::oid) -> Option<Entry> {
        let position = self.position(id)?;
        let offset = self.index.pack_offset_at_index(position);
        let entry = self.header(u32::MAX, (offset, position), self.index.object_hash(), &|_| None);
        (entry.data != 0).then_some(entry)
    }

    /// The entries that an object is made from, itself first; read from the pack for this.
    fn chain_at(&self, id: &gix::oid) -> Option<Vec<Entry>> {
        let mut position = self.position(id)?;
        let mut offset = self.index.pack_offset_at_index(position);
        let mut chain = Vec::new();
        while chain.len() <= MAX_CHAIN {
            let base = std::cell::Cell::new(None);
            let find = |at| {
                base.set(Some(at));
                Some(0)
            };
            let entry = self.header(u32::MAX, (offset, position), self.index.object_hash(), &find);
            chain.push(entry);
            match (entry.kind, base.get()) {
                _ if entry.data == 0 => return None,
                (Some(_), _) => return Some(chain),
                (None, Some(base)) => offset = base,
                (None, None) if entry.base != OUTSIDE => return None,
                (None, None) => match self.position(&self.outside_base(&entry)?) {
                    None => return Some(chain),
                    Some(at) => (position, offset) = (at, self.index.pack_offset_at_index(at)),
                },
            }
        }
        None
    }

    /// Decodes the first of a chain of entries, of which each is made from the next.
    fn decode(
        &self,
        chain: &[Entry],
        buffers: &mut Buffers,
        outside: &Fetch<'_>,
        out: &mut Vec<u8>,
    ) -> Result<ObjectKind, String> {
        let (last, mut deltas) = chain.split_last().ok_or("its delta base cannot be read")?;
        let kind = match last.kind {
            Some(kind) => {
                self.inflate(&mut buffers.inflater, last, out)?;
                kind
            }
            None => {
                let base = self.outside_base(last).ok_or("its delta base cannot be read")?;
                let (kind, bytes) = outside(&base).ok_or_else(|| format!("its delta base {base} is missing"))?;
                *out = bytes;
                deltas = chain;
                kind
            }
        };
        let mut next = Vec::new();
        for entry in deltas.iter().rev() {
            self.inflate(&mut buffers.inflater, entry, &mut buffers.delta)?;
            delta::apply(out, &buffers.delta, &mut next, &mut buffers.regions).ok_or("its delta is damaged")?;
            std::mem::swap(out, &mut next);
        }
        Ok(kind)
    }
}
