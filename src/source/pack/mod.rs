//! A pack file as a forest of delta trees: its entries, their ids, and how to decode one.

mod decode;
mod headers;
mod places;
mod record;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use gix::ObjectId;
use gix::odb::pack::{data, index};

use crate::blob::Region;
use crate::error::{Error, Result};
use crate::finding::Problem;
use crate::source::inflate::Inflater;

pub use decode::Fetch;
pub(in crate::source) use record::record_key;

use places::{Fan, Places};

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
pub(in crate::source) struct Entry {
    pub(in crate::source) offset: u64,
    pub(in crate::source) data: u64,
    pub(in crate::source) size: u64,
    /// Position in the index, for the id.
    pub(in crate::source) position: u32,
    pub(in crate::source) base: u32,
    pub(in crate::source) first_child: u32,
    pub(in crate::source) sibling: u32,
    pub(in crate::source) kind: Option<ObjectKind>,
}

/// Reusable space for decoding.
#[derive(Default)]
pub(in crate::source) struct Buffers {
    pub(in crate::source) inflater: Inflater,
    pub(in crate::source) delta: Vec<u8>,
    pub(in crate::source) regions: Vec<Region>,
}

/// Longest chain of deltas that is followed.
pub(in crate::source) const MAX_CHAIN: usize = 1 << 16;

/// Look-ups of one in so many of the ids are few.
const FEW: u32 = 64;

pub(in crate::source) const NONE: u32 = u32::MAX;
/// A base that is in no pack (thin packs, other packs).
pub(in crate::source) const OUTSIDE: u32 = u32::MAX - 1;

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
    pub(in crate::source) entries: Vec<Entry>,
    /// Entries whose bytes are not what they were, or cannot be read, and why; by their place.
    pub(in crate::source) suspects: BTreeMap<u32, &'static str>,
    /// Which entries are suspects or made from one; empty if none are.
    tainted: Vec<bool>,
}

impl std::fmt::Debug for Pack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pack({}, {} entries)", self.path.display(), self.entries.len())
    }
}

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
    pub(in crate::source) fn suspect(&mut self, ids: &[ObjectId]) {
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
    pub(in crate::source) fn is_tainted(&self, at: u32) -> bool {
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

    /// Opens a pack of which all that a scan finds is known: it was sound when that was found out.
    pub(in crate::source) fn covered(index_path: &Path, hash: gix::hash::Kind) -> Option<Self> {
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
    pub(in crate::source) fn position(&self, id: &gix::oid) -> Option<u32> {
        // For a few ids it is not worth it to go over all of them.
        if self.covered && self.looked_up.fetch_add(1, Ordering::Relaxed) < self.index.num_objects() / FEW {
            return self.index.lookup(id);
        }
        let fan = self.fan.get_or_init(|| Fan::new(&self.index));
        fan.range(id).find(|&at| self.index.oid_at_index(at) == id)
    }

    /// Place of an object among the entries.
    pub(in crate::source) fn place(&self, id: &gix::oid) -> Option<u32> {
        self.by_offset(self.index.pack_offset_at_index(self.position(id)?))
    }

    /// The id at a place of the index.
    pub(in crate::source) fn id_at(&self, position: u32) -> &gix::oid {
        self.index.oid_at_index(position)
    }

    pub(in crate::source) fn id(&self, entry: &Entry) -> &gix::oid {
        self.index.oid_at_index(entry.position)
    }

    pub(in crate::source) fn problem(&self, entry: &Entry, what: &str) -> Problem {
        Problem {
            object: format!("object {}", self.id(entry)),
            what: format!("{what} (in {})", self.name()),
            help: Some("run `git fsck`; fetch the repository again to get an undamaged copy".into()),
            accepted: false,
        }
    }
}
