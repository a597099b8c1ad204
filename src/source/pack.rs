//! A pack file as a forest of delta trees: its entries, their ids, and how to decode one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use gix::ObjectId;
use gix::odb::pack::{data, index};
use rayon::prelude::*;

use crate::blob::Region;
use crate::cache::Store;
use crate::cache::wire::{Reader, Writer};
use crate::error::{Error, Result};
use crate::finding::Problem;
use crate::source::delta;
use crate::source::inflate::{Content, Inflater};

/// Kind of a git object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// File content.
    Blob,
    /// Directory.
    Tree,
    /// Commit.
    Commit,
    /// Annotated tag.
    Tag,
}

impl ObjectKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Blob, Self::Tree, Self::Commit, Self::Tag];

    /// git's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blob => "blob",
            Self::Tree => "tree",
            Self::Commit => "commit",
            Self::Tag => "tag",
        }
    }

    /// The kind of git's name.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str().as_bytes() == name)
    }
}

/// One entry of a pack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) offset: u64,
    pub(super) data: u64,
    pub(super) size: u64,
    /// Position in the index, for the id.
    pub(super) position: u32,
    pub(super) base: u32,
    pub(super) first_child: u32,
    pub(super) sibling: u32,
    pub(super) kind: Option<ObjectKind>,
}

/// Reusable space for decoding.
#[derive(Default)]
pub(super) struct Buffers {
    pub(super) inflater: Inflater,
    pub(super) delta: Vec<u8>,
    pub(super) regions: Vec<Region>,
}

/// Longest chain of deltas that is followed.
pub(super) const MAX_CHAIN: usize = 1 << 16;

/// Look-ups of one in so many of the ids are few.
const FEW: u32 = 64;

pub(super) const NONE: u32 = u32::MAX;
/// A base that is in no pack (thin packs, other packs).
pub(super) const OUTSIDE: u32 = u32::MAX - 1;

/// An opened pack.
pub struct Pack {
    path: PathBuf,
    index: index::File<gix::odb::pack::MMap>,
    data: data::File<gix::odb::pack::MMap>,
    fan: OnceLock<Fan>,
    places: Places,
    /// What an earlier scan kept beside the entries.
    record: Option<Vec<u8>>,
    /// Nothing of it is to be scanned, so its entries were not read: single objects are found by their offsets.
    covered: bool,
    looked_up: AtomicU32,
    pub(super) entries: Vec<Entry>,
    /// Entries whose bytes are not what they were, or cannot be read, and why; by their place.
    pub(super) suspects: BTreeMap<u32, &'static str>,
    /// Which entries are suspects or made from one; empty if none are.
    tainted: Vec<bool>,
}

impl std::fmt::Debug for Pack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pack({}, {} entries)", self.path.display(), self.entries.len())
    }
}

/// Where the ids of an index begin that share their first bits: so many bits that a look-up reads one or two ids, where the
/// 256 places of the index itself leave a dozen steps, each to another page.
struct Fan {
    shift: u32,
    starts: Vec<u32>,
}

impl Fan {
    fn new(index: &index::File<gix::odb::pack::MMap>) -> Self {
        let bits = index.num_objects().max(2).ilog2().min(24);
        let shift = 32 - bits;
        let mut starts = vec![0; (1 << bits) + 1];
        for at in 0..index.num_objects() {
            starts[Self::bucket(shift, index.oid_at_index(at)) + 1] = at + 1;
        }
        // Buckets without an id begin where the next one begins.
        let mut last = 0;
        for start in &mut starts {
            last = last.max(*start);
            *start = last;
        }
        Self { shift, starts }
    }

    fn bucket(shift: u32, id: &gix::oid) -> usize {
        let first = id.as_bytes().first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
        (first >> shift) as usize
    }

    fn range(&self, id: &gix::oid) -> std::ops::Range<u32> {
        let bucket = Self::bucket(self.shift, id);
        self.starts[bucket]..self.starts[bucket + 1]
    }
}

/// Where in the order of a pack the entries begin whose offsets share all but their last bits: so few that a look-up sees one
/// or two entries, where a search by halves touches a dozen.
#[derive(Default)]
struct Places {
    shift: u32,
    starts: Vec<u32>,
}

impl Places {
    /// `offsets` are in ascending order, and below `end`.
    fn new(offsets: impl ExactSizeIterator<Item = u64>, end: u64) -> Self {
        let count = offsets.len() as u32;
        let shift = (end / u64::from(count.max(1))).max(1).ilog2();
        let mut starts = Vec::with_capacity((end >> shift) as usize + 2);
        for (at, offset) in (0..).zip(offsets) {
            // Offsets behind the end stand in a damaged index.
            let bucket = (offset.min(end) >> shift) as usize;
            if starts.len() <= bucket {
                starts.resize(bucket + 1, at);
            }
        }
        starts.push(count);
        Self { shift, starts }
    }

    /// The place of an offset, if an entry begins there; `offset_at` gives the offset at a place.
    fn find(&self, offset: u64, offset_at: impl Fn(usize) -> u64) -> Option<u32> {
        let bucket = usize::try_from(offset >> self.shift).ok()?;
        let (from, to) = (*self.starts.get(bucket)?, *self.starts.get(bucket + 1)?);
        (from..to).find(|at| offset_at(*at as usize) == offset)
    }
}

/// What names the record of a pack: the checksums at the end of its two files, their sizes, and the time of its index. The
/// time of the pack itself says nothing: git sets it whenever an object that it holds would have been written again.
pub(super) fn record_key(index_path: &Path, hash: gix::hash::Kind) -> Option<Vec<u8>> {
    let mut key = Vec::new();
    for path in [&index_path.with_extension("pack"), index_path] {
        let mut file = File::open(path).ok()?;
        key.extend(file.metadata().ok()?.len().to_le_bytes());
        file.seek(SeekFrom::End(-(hash.len_in_bytes() as i64))).ok()?;
        file.read_to_end(&mut key).ok()?;
    }
    let changed = index_path.metadata().ok()?.modified().ok()?;
    key.extend(changed.duration_since(std::time::UNIX_EPOCH).ok()?.as_nanos().to_le_bytes());
    Some(key)
}

/// Gets an object from anywhere, for bases that are not in the pack.
pub type Fetch<'a> = dyn Fn(&gix::oid) -> Option<(ObjectKind, Vec<u8>)> + Sync + 'a;

impl Pack {
    /// Opens a pack by the path of its index and reads the headers of its entries.
    pub fn open(index_path: &Path, hash: gix::hash::Kind) -> Result<Self> {
        Self::with_index(index_path, &index_path.with_extension("pack"), hash)
    }

    /// Opens a pack with an index that lies elsewhere.
    pub fn with_index(index_path: &Path, path: &Path, hash: gix::hash::Kind) -> Result<Self> {
        let broken = |what: &str, e: String| {
            Error::new(format!("{what} {} cannot be read", index_path.display()))
                .cause(e)
                .help("run `git fsck`, and fetch the repository again if the pack is damaged")
        };
        let mut pack = Self::map(index_path, path, hash).map_err(|(what, e)| broken(what, e))?;
        pack.read_headers(hash);
        pack.link();
        pack.taint();
        Ok(pack)
    }

    /// Takes these objects for damaged until their bytes prove to be right.
    pub(super) fn suspect(&mut self, ids: &[ObjectId]) {
        for id in ids {
            if let Some(at) = self.place(id) {
                self.suspects.entry(at).or_insert("it is damaged");
            }
        }
        self.taint();
    }

    /// Marks what is made from suspects.
    fn taint(&mut self) {
        if self.suspects.is_empty() {
            return;
        }
        self.tainted = vec![false; self.entries.len()];
        let mut stack: Vec<u32> = self.suspects.keys().copied().collect();
        while let Some(at) = stack.pop() {
            if !std::mem::replace(&mut self.tainted[at as usize], true) {
                stack.extend(self.children(at));
            }
        }
    }

    /// Is an entry a suspect, or made from one?
    pub(super) fn is_tainted(&self, at: u32) -> bool {
        self.tainted.get(at as usize).is_some_and(|tainted| *tainted)
    }

    /// Is the pack what it was, as far as could be told without decoding it?
    pub fn is_sound(&self) -> bool {
        self.suspects.is_empty()
    }

    /// Its file name.
    pub fn name(&self) -> std::borrow::Cow<'_, str> {
        self.path.file_name().unwrap_or_default().to_string_lossy()
    }

    /// Opens a pack that an earlier scan kept a record of: it was sound then.
    pub(super) fn recorded(index_path: &Path, hash: gix::hash::Kind, store: &Store) -> Option<Self> {
        let key = record_key(index_path, hash)?;
        let record = store.load("pack", &key)?;
        let mut pack = Self::map(index_path, &index_path.with_extension("pack"), hash).ok()?;
        let mut reader = Reader::new(&record);
        pack.entries = pack.recorded_entries(&mut reader)?;
        pack.places = Places::new(pack.entries.iter().map(|e| e.offset), pack.data.pack_end() as u64);
        pack.record = Some(reader.bytes()?.to_vec());
        pack.link();
        Some(pack)
    }

    /// Opens a pack of which all that a scan finds is known: it was sound when that was found out.
    pub(super) fn covered(index_path: &Path, hash: gix::hash::Kind) -> Option<Self> {
        let pack = Self::map(index_path, &index_path.with_extension("pack"), hash).ok()?;
        Some(Self { covered: true, ..pack })
    }

    /// Is all that a scan finds in it known?
    pub fn is_covered(&self) -> bool {
        self.covered
    }

    fn map(index_path: &Path, path: &Path, hash: gix::hash::Kind) -> Result<Self, (&'static str, String)> {
        let index = index::File::at(index_path, hash).map_err(|e| ("the pack index", e.to_string()))?;
        let data = data::File::at(path, hash).map_err(|e| ("the pack of", e.to_string()))?;
        Ok(Self {
            path: path.to_owned(),
            index,
            data,
            fan: OnceLock::new(),
            places: Places::default(),
            record: None,
            covered: false,
            looked_up: AtomicU32::new(0),
            entries: Vec::new(),
            suspects: BTreeMap::new(),
            tainted: Vec::new(),
        })
    }

    /// What names its record.
    pub(super) fn key(&self) -> Option<Vec<u8>> {
        record_key(&self.index_path(), self.index.object_hash())
    }

    /// Where its index is, if none had to be made.
    pub(super) fn index_path(&self) -> PathBuf {
        self.path.with_extension("idx")
    }

    /// What an earlier scan kept beside the entries.
    pub fn record(&self) -> Option<&[u8]> {
        self.record.as_deref()
    }

    /// Keeps a record for later scans. Packs that are odd in some way are read anew each time.
    pub fn save(&self, store: &Store, record: &[u8]) {
        if let (Some(key), Some(entries)) = (self.key(), self.entries_record()) {
            let mut writer = entries;
            writer.bytes(record);
            store.save("pack", &key, &writer.into_bytes());
        }
    }

    /// The entries as a record; `None` if one of them is unusual: without a base, with one outside, 4 GiB large.
    fn entries_record(&self) -> Option<Writer> {
        let sizes: Vec<u32> = self.entries.iter().map(|e| u32::try_from(e.size).ok()).collect::<Option<_>>()?;
        if self.entries.iter().any(|e| e.kind.is_none() && e.base >= OUTSIDE) {
            return None;
        }
        let mut writer = Writer::default();
        let entries = || self.entries.iter();
        writer.list(entries().map(|e| e.position));
        writer.list(
            entries().enumerate().map(|(at, e)| if e.base == NONE { 0 } else { (at as u32).wrapping_sub(e.base) }),
        );
        writer.list(sizes.into_iter());
        let kind = |e: &Entry| e.kind.map_or(0, |kind| 1 + kind as u32);
        writer.list(entries().map(|e| (e.data - e.offset) as u32 * 8 + kind(e)));
        Some(writer)
    }

    fn recorded_entries(&self, reader: &mut Reader<'_>) -> Option<Vec<Entry>> {
        let (positions, back, sizes, heads) = (reader.list()?, reader.list()?, reader.list()?, reader.list()?);
        let count = self.index.num_objects();
        if [positions.len(), back.len(), sizes.len(), heads.len()] != [count as usize; 4] {
            return None;
        }
        let mut entries: Vec<Entry> = Vec::with_capacity(positions.len());
        for (at, &position) in positions.iter().enumerate() {
            let offset = (position < count).then(|| self.index.pack_offset_at_index(position))?;
            if entries.last().is_some_and(|last| last.offset >= offset) {
                return None;
            }
            let kind = match heads[at] % 8 {
                0 => None,
                n => Some(*ObjectKind::ALL.get(n as usize - 1)?),
            };
            let base = match (kind, back[at]) {
                (Some(_), _) => NONE,
                (None, steps) => (at as u32).wrapping_sub(steps),
            };
            if kind.is_none() && base >= count {
                return None;
            }
            let data = offset + u64::from(heads[at] / 8);
            entries.push(Entry {
                offset,
                data,
                size: sizes[at].into(),
                position,
                base,
                first_child: NONE,
                sibling: NONE,
                kind,
            });
        }
        Some(entries)
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.index.num_objects() as usize
    }

    /// Number of entries of the wanted kinds; those whose kind is not told by the order of the pack count as wanted.
    pub fn count(&self, wants: &dyn Fn(ObjectKind) -> bool) -> usize {
        let mut kinds: Vec<Option<ObjectKind>> = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            let of_base = kinds.get(entry.base as usize).copied().flatten();
            kinds.push(entry.kind.or(of_base));
        }
        kinds.into_iter().filter(|kind| kind.is_none_or(wants)).count()
    }

    /// Has the pack no entries?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Does the pack hold an object?
    pub fn has(&self, id: &gix::oid) -> bool {
        self.position(id).is_some()
    }

    /// Place of an object in the index.
    pub(super) fn position(&self, id: &gix::oid) -> Option<u32> {
        // For a few ids it is not worth it to go over all of them.
        if self.covered && self.looked_up.fetch_add(1, Ordering::Relaxed) < self.index.num_objects() / FEW {
            return self.index.lookup(id);
        }
        let fan = self.fan.get_or_init(|| Fan::new(&self.index));
        fan.range(id).find(|&at| self.index.oid_at_index(at) == id)
    }

    /// Place of an object among the entries.
    pub(super) fn place(&self, id: &gix::oid) -> Option<u32> {
        self.by_offset(self.index.pack_offset_at_index(self.position(id)?))
    }

    /// The id at a place of the index.
    pub(super) fn id_at(&self, position: u32) -> &gix::oid {
        self.index.oid_at_index(position)
    }

    pub(super) fn id(&self, entry: &Entry) -> &gix::oid {
        self.index.oid_at_index(entry.position)
    }

    pub(super) fn problem(&self, entry: &Entry, what: &str) -> Problem {
        Problem {
            object: format!("object {}", self.id(entry)),
            what: format!("{what} (in {})", self.name()),
            help: Some("run `git fsck`; fetch the repository again to get an undamaged copy".into()),
            accepted: false,
        }
    }

    fn read_headers(&mut self, hash: gix::hash::Kind) {
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
    fn header(
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

    fn by_offset(&self, offset: u64) -> Option<u32> {
        self.places.find(offset, |at| self.entries[at].offset)
    }

    /// Makes lists of children, in ascending order of offset.
    fn link(&mut self) {
        for at in (0..self.entries.len()).rev() {
            let base = self.entries[at].base;
            if base < OUTSIDE {
                self.entries[at].sibling = self.entries[base as usize].first_child;
                self.entries[base as usize].first_child = at as u32;
            }
        }
    }

    pub(super) fn children(&self, at: u32) -> impl Iterator<Item = u32> + '_ {
        let mut next = self.entries[at as usize].first_child;
        std::iter::from_fn(move || {
            let current = next;
            (current != NONE).then(|| {
                next = self.entries[current as usize].sibling;
                current
            })
        })
    }

    pub(super) fn inflate(
        &self,
        inflater: &mut Inflater,
        entry: &Entry,
        out: &mut Vec<u8>,
    ) -> Result<(), &'static str> {
        inflater.exact(self.stream(entry)?, entry.size, out)
    }

    /// What an entry that is no delta inflates to, to be read piece by piece.
    pub(super) fn content(&self, entry: &Entry) -> Result<Content<'_>, &'static str> {
        Ok(Content::new(self.stream(entry)?, entry.size))
    }

    fn stream(&self, entry: &Entry) -> Result<&[u8], &'static str> {
        let all = entry.data..self.data.pack_end() as u64;
        self.data.entry_slice(all).ok_or("it begins behind the end of the pack")
    }

    /// The id of the base of a delta whose base is not in this pack.
    pub(super) fn outside_base(&self, entry: &Entry) -> Option<ObjectId> {
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
    pub(super) fn rebuild(
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
    pub(super) fn entry_of(&self, id: &gix::oid) -> Option<Entry> {
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
