//! A pack file as a forest of delta trees, walked so that every entry is inflated once.
//!
//! The walk goes through the roots in the order of their size, children after their base. What a visitor found out about
//! a base is handed to its children together with the regions that they copy, so that only changes need a look.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gix::ObjectId;
use gix::odb::pack::{data, index};
use rayon::prelude::*;

use crate::blob::Region;
use crate::error::{Error, Result};
use crate::finding::Problem;
use crate::source::delta;
use crate::source::inflate::Inflater;

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
        [Self::Blob, Self::Tree, Self::Commit, Self::Tag].into_iter().find(|k| k.as_str().as_bytes() == name)
    }
}

/// An object handed to a visitor.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a, S> {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its id.
    pub id: &'a gix::oid,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// What is known of the object it was made from, and which regions come from there.
    pub base: Option<(&'a S, &'a [Region])>,
    /// The object was already seen in another pack; it is here only because others are made from it.
    pub seen: bool,
}

/// Looks at objects.
pub trait Visitor: Sync {
    /// What is remembered of an object for those made from it.
    type State: Send + Sync;
    /// Scratch space of a worker.
    type Scratch: Send;
    /// Makes scratch space.
    fn scratch(&self) -> Self::Scratch;
    /// Are objects of this kind wanted?
    fn wants(&self, kind: ObjectKind) -> bool;
    /// Is this object wanted, as far as its id tells? Those that are not are decoded only for others made from them.
    fn wants_id(&self, _: &gix::oid) -> bool {
        true
    }
    /// Looks at an object.
    fn visit(&self, scratch: &mut Self::Scratch, object: Object<'_, Self::State>) -> Self::State;
    /// Takes the scratch space back when a piece of the work is done.
    fn finish(&self, scratch: Self::Scratch);
}

/// One entry of a pack.
#[derive(Clone, Copy, Debug)]
struct Entry {
    offset: u64,
    data: u64,
    size: u64,
    /// Position in the index, for the id.
    position: u32,
    base: u32,
    first_child: u32,
    sibling: u32,
    kind: Option<ObjectKind>,
}

const NONE: u32 = u32::MAX;
/// A base that is in no pack (thin packs, other packs).
const OUTSIDE: u32 = u32::MAX - 1;

/// An opened pack.
pub struct Pack {
    path: PathBuf,
    index: index::File<gix::odb::pack::MMap>,
    data: data::File<gix::odb::pack::MMap>,
    entries: Vec<Entry>,
    problems: Vec<Problem>,
}

impl std::fmt::Debug for Pack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pack({}, {} entries)", self.path.display(), self.entries.len())
    }
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
        let index = index::File::at(index_path, hash).map_err(|e| broken("the pack index", e.to_string()))?;
        let path = path.to_owned();
        let data = data::File::at(&path, hash).map_err(|e| broken("the pack of", e.to_string()))?;
        let mut pack = Self { path, index, data, entries: Vec::new(), problems: Vec::new() };
        pack.read_headers(hash);
        pack.link();
        Ok(pack)
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
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
        self.entries.is_empty()
    }

    /// Does the pack hold an object?
    pub fn has(&self, id: &gix::oid) -> bool {
        self.position(id).is_some()
    }

    /// Place of an object in the index. Ids are spread evenly, so a few guesses by proportion come close; what is left is
    /// searched by halves.
    fn position(&self, id: &gix::oid) -> Option<u32> {
        let key = |id: &gix::oid| id.as_bytes().first_chunk().map_or(0, |b| u64::from_be_bytes(*b));
        let want = key(id);
        let (mut low, mut high) = (0, self.index.num_objects());
        let (mut low_key, mut high_key) = (0u64, u64::MAX);
        for _ in 0..4 {
            if high - low < 16 || want < low_key || high_key <= low_key {
                break;
            }
            let share = u128::from(want - low_key) * u128::from(high - low) / u128::from(high_key - low_key);
            let guess = (low + share as u32).min(high - 1);
            let found = key(self.index.oid_at_index(guess));
            if found < want {
                (low, low_key) = (guess + 1, found);
            } else {
                (high, high_key) = (guess + 1, found);
            }
        }
        while low < high {
            let middle = low + (high - low) / 2;
            match self.index.oid_at_index(middle).cmp(id) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// What was wrong with entries when the pack was opened.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    fn id(&self, entry: &Entry) -> &gix::oid {
        self.index.oid_at_index(entry.position)
    }

    fn problem(&self, entry: &Entry, what: &str) -> Problem {
        Problem {
            object: format!("object {}", self.id(entry)),
            what: format!("{what} (in {})", self.path.file_name().unwrap_or_default().to_string_lossy()),
            help: Some("run `git fsck`; fetch the repository again to get an undamaged copy".into()),
            accepted: false,
        }
    }

    fn read_headers(&mut self, hash: gix::hash::Kind) {
        let mut offsets: Vec<(u64, u32)> =
            (0..self.index.num_objects()).map(|i| (self.index.pack_offset_at_index(i), i)).collect();
        offsets.sort_unstable();
        self.entries.reserve_exact(offsets.len());
        let pack_end = self.data.pack_end() as u64;
        let mut ref_deltas = Vec::new();
        for &(offset, position) in &offsets {
            let blank =
                Entry { offset, data: 0, size: 0, position, base: NONE, first_child: NONE, sibling: NONE, kind: None };
            let slice = self.data.entry_slice(offset..(offset + 64).min(pack_end));
            let header = slice.and_then(|bytes| data::Entry::from_bytes(bytes, offset, hash).ok());
            let Some(header) = header else {
                self.entries.push(blank);
                self.problems.push(self.problem(&blank, "its entry in the pack cannot be read"));
                continue;
            };
            let mut entry = Entry { data: header.data_offset, size: header.decompressed_size, ..blank };
            match header.header {
                data::entry::Header::Blob => entry.kind = Some(ObjectKind::Blob),
                data::entry::Header::Tree => entry.kind = Some(ObjectKind::Tree),
                data::entry::Header::Commit => entry.kind = Some(ObjectKind::Commit),
                data::entry::Header::Tag => entry.kind = Some(ObjectKind::Tag),
                data::entry::Header::OfsDelta { base_distance } => {
                    let base = offset.checked_sub(base_distance).and_then(|at| self.by_offset(at));
                    match base {
                        Some(base) => entry.base = base,
                        None => {
                            self.entries.push(blank);
                            self.problems.push(self.problem(&blank, "its delta base is not in the pack"));
                            continue;
                        }
                    }
                }
                data::entry::Header::RefDelta { base_id } => {
                    ref_deltas.push((self.entries.len(), base_id));
                    entry.base = OUTSIDE;
                }
            }
            self.entries.push(entry);
        }
        for (at, base_id) in ref_deltas {
            let base = self.index.lookup(base_id).map(|i| self.index.pack_offset_at_index(i));
            if let Some(base) = base.and_then(|offset| self.by_offset(offset)).filter(|b| *b as usize != at) {
                self.entries[at].base = base;
            }
        }
    }

    fn by_offset(&self, offset: u64) -> Option<u32> {
        self.entries.binary_search_by_key(&offset, |e| e.offset).ok().map(|i| i as u32)
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

    fn children(&self, at: u32) -> impl Iterator<Item = u32> + '_ {
        let mut next = self.entries[at as usize].first_child;
        std::iter::from_fn(move || {
            let current = next;
            (current != NONE).then(|| {
                next = self.entries[current as usize].sibling;
                current
            })
        })
    }

    fn inflate(&self, inflater: &mut Inflater, entry: &Entry, out: &mut Vec<u8>) -> Result<(), &'static str> {
        let input = self
            .data
            .entry_slice(entry.data..self.data.pack_end() as u64)
            .ok_or("it begins behind the end of the pack")?;
        inflater.exact(input, entry.size, out)
    }

    /// The id of the base of a delta whose base is not in this pack.
    fn outside_base(&self, entry: &Entry) -> Option<ObjectId> {
        let bytes = self.data.entry_slice(entry.offset..entry.data)?;
        match data::Entry::from_bytes(bytes, entry.offset, self.index.object_hash()).ok()?.header {
            data::entry::Header::RefDelta { base_id } => Some(base_id),
            _ => None,
        }
    }

    /// Reads one object by its id; `outside` gives bases that are not in this pack.
    pub fn get(&self, id: &gix::oid, outside: &Fetch<'_>) -> Option<(ObjectKind, Vec<u8>)> {
        let offset = self.index.pack_offset_at_index(self.position(id)?);
        let at = self.by_offset(offset)?;
        let (mut out, mut buffers) = (Vec::new(), Buffers::default());
        let kind = self.rebuild(at, &mut buffers, outside, &mut out).ok()?;
        Some((kind, out))
    }

    /// Decodes an entry along its whole chain.
    fn rebuild(
        &self,
        at: u32,
        buffers: &mut Buffers,
        outside: &Fetch<'_>,
        out: &mut Vec<u8>,
    ) -> Result<ObjectKind, String> {
        let mut chain = vec![at];
        let kind = loop {
            let last = &self.entries[chain[chain.len() - 1] as usize];
            if let Some(kind) = last.kind {
                self.inflate(&mut buffers.inflater, last, out)?;
                chain.pop();
                break kind;
            }
            if last.base == OUTSIDE {
                let base = self.outside_base(last).ok_or("its delta base cannot be read")?;
                let (kind, bytes) = outside(&base).ok_or_else(|| format!("its delta base {base} is missing"))?;
                *out = bytes;
                break kind;
            }
            if last.base == NONE || chain.len() > 1 << 16 {
                return Err("its delta base cannot be read".into());
            }
            chain.push(last.base);
        };
        let mut next = Vec::new();
        for &at in chain.iter().rev() {
            self.inflate(&mut buffers.inflater, &self.entries[at as usize], &mut buffers.delta)?;
            delta::apply(out, &buffers.delta, &mut next, &mut buffers.regions).ok_or("its delta is damaged")?;
            std::mem::swap(out, &mut next);
        }
        Ok(kind)
    }

    /// Walks all objects of the wanted kinds; `seen` tells which are in an earlier pack. Problems come back sorted.
    pub fn walk<V: Visitor>(
        &self,
        visitor: &V,
        seen: &(dyn Fn(&gix::oid) -> bool + Sync),
        fetch: &Fetch<'_>,
        memory: &Memory,
    ) -> Vec<Problem> {
        let needed = self.needed(visitor);
        let weights = self.weights();
        let mut roots: Vec<u32> = (0..self.entries.len() as u32)
            .filter(|&at| {
                let entry = &self.entries[at as usize];
                needed[at as usize] && (entry.base == OUTSIDE || entry.kind.is_some_and(|k| visitor.wants(k)))
            })
            .collect();
        // Large trees first, so that none is left alone at the end; small ones in the order of the pack.
        roots.sort_by_key(|&at| (std::cmp::Reverse(weights[at as usize] >> 20), at));
        let walker = Walker { pack: self, visitor, seen, fetch, memory, weights: &weights, needed: &needed };
        let chunks = chunks(&roots, &weights);
        let mut problems: Vec<Problem> =
            chunks.into_par_iter().map(|chunk| walker.chunk(chunk)).reduce(Vec::new, |mut a, b| {
                a.extend(b);
                a
            });
        problems.extend(self.lost(visitor));
        problems.sort();
        problems
    }

    /// Which entries are wanted, or lead to one that is.
    fn needed<V: Visitor>(&self, visitor: &V) -> Vec<bool> {
        let mut needed: Vec<bool> = self.entries.iter().map(|e| visitor.wants_id(self.id(e))).collect();
        for at in (0..self.entries.len()).rev() {
            let mut base = self.entries[at].base;
            // Bases mostly stand before what is made from them; the loop is for those that do not.
            while needed[at]
                && base < OUTSIDE
                && !std::mem::replace(&mut needed[base as usize], true)
                && base as usize > at
            {
                base = self.entries[base as usize].base;
            }
        }
        needed
    }

    /// Bytes of each entry and everything made from it, as far as the order of the pack tells.
    fn weights(&self) -> Vec<u64> {
        let mut weights: Vec<u64> = self.entries.iter().map(|e| e.size + 256).collect();
        for at in (0..self.entries.len()).rev() {
            let base = self.entries[at].base;
            if (base as usize) < at {
                weights[base as usize] += weights[at];
            }
        }
        weights
    }

    /// Entries that hang on a delta cycle or on an unreadable base: no root leads to them.
    fn lost<V: Visitor>(&self, _: &V) -> Vec<Problem> {
        let mut reached = HashSet::new();
        let mut stack: Vec<u32> =
            (0..self.entries.len() as u32).filter(|&at| self.entries[at as usize].base >= OUTSIDE).collect();
        if self.problems.is_empty() && stack.len() == self.entries.len() {
            return Vec::new();
        }
        let mut count = 0;
        let ofs_only = self.entries.iter().enumerate().all(|(at, e)| e.base >= OUTSIDE || (e.base as usize) < at);
        if ofs_only && self.problems.is_empty() {
            return Vec::new();
        }
        while let Some(at) = stack.pop() {
            if reached.insert(at) {
                count += 1;
                stack.extend(self.children(at));
            }
        }
        if count == self.entries.len() {
            return Vec::new();
        }
        (0..self.entries.len() as u32)
            .filter(|at| !reached.contains(at))
            .map(|at| self.problem(&self.entries[at as usize], "its delta base cannot be read"))
            .collect()
    }
}

/// Roots in pieces of about equal work.
fn chunks<'r>(roots: &'r [u32], weights: &[u64]) -> Vec<&'r [u32]> {
    const PIECE: u64 = 1 << 20;
    let mut chunks = Vec::new();
    let mut start = 0;
    let mut weight = 0;
    for (i, &root) in roots.iter().enumerate() {
        weight += weights[root as usize];
        if weight >= PIECE {
            chunks.push(&roots[start..=i]);
            (start, weight) = (i + 1, 0);
        }
    }
    if start < roots.len() {
        chunks.push(&roots[start..]);
    }
    chunks
}

/// How many bytes of decoded bases may be kept at a time, over all workers. When it is used up, bases are not kept but
/// decoded again when needed: slower, never more memory.
#[derive(Debug)]
pub struct Memory {
    limit: usize,
    used: AtomicUsize,
}

impl Memory {
    /// A budget in bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, used: AtomicUsize::new(0) }
    }

    fn take(&self, bytes: usize) -> bool {
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        let fits = before + bytes <= self.limit;
        if !fits {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
        }
        fits
    }

    fn give(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// A decoded object that others are made from.
struct Node<S> {
    kind: ObjectKind,
    bytes: Vec<u8>,
    state: S,
}

/// What a walk needs everywhere.
struct Walker<'a, V: Visitor> {
    pack: &'a Pack,
    visitor: &'a V,
    seen: &'a (dyn Fn(&gix::oid) -> bool + Sync),
    fetch: &'a Fetch<'a>,
    memory: &'a Memory,
    weights: &'a [u64],
    needed: &'a [bool],
}

/// Reusable space for decoding.
#[derive(Default)]
struct Buffers {
    inflater: Inflater,
    delta: Vec<u8>,
    regions: Vec<Region>,
}

/// What one worker needs for a piece of work.
struct Bench<S> {
    buffers: Buffers,
    spare: Vec<Vec<u8>>,
    scratch: S,
    problems: Vec<Problem>,
}

/// An entry to be visited, with its base if that was kept.
type Task<S> = (u32, Option<Arc<Node<S>>>);

/// Subtrees of at least this many bytes are handed to other workers.
const SPLIT: u64 = 4 << 20;

impl<V: Visitor> Walker<'_, V> {
    fn chunk(&self, roots: &[u32]) -> Vec<Problem> {
        let tasks = roots.iter().rev().map(|&root| (root, None)).collect();
        self.run(tasks)
    }

    fn run(&self, mut stack: Vec<Task<V::State>>) -> Vec<Problem> {
        let mut bench = Bench {
            buffers: Buffers::default(),
            spare: Vec::new(),
            scratch: self.visitor.scratch(),
            problems: Vec::new(),
        };
        let mut away: Vec<Task<V::State>> = Vec::new();
        while let Some((at, base)) = stack.pop() {
            match self.entry(at, base.as_deref(), &mut bench) {
                Ok(Some(node)) => {
                    let node = Arc::new(node);
                    let kept = self.memory.take(node.bytes.len());
                    let mut children: Vec<u32> =
                        self.pack.children(at).filter(|&child| self.needed[child as usize]).collect();
                    children.reverse();
                    let many = children.len() > 1;
                    for child in children {
                        let task = (child, kept.then(|| Arc::clone(&node)));
                        if many && self.weights[child as usize] >= SPLIT {
                            away.push(task);
                        } else {
                            stack.push(task);
                        }
                    }
                    if !kept {
                        self.recycle_owned(Arc::into_inner(node), &mut bench, false);
                    }
                }
                Ok(None) => {}
                Err(problem) => {
                    bench.problems.push(problem);
                    self.lose_children(at, &mut bench.problems);
                }
            }
            if let Some(base) = base {
                self.recycle_owned(Arc::into_inner(base), &mut bench, true);
            }
        }
        self.visitor.finish(bench.scratch);
        let mut problems = bench.problems;
        problems.extend(away.into_par_iter().map(|task| self.run(vec![task])).reduce(Vec::new, |mut a, b| {
            a.extend(b);
            a
        }));
        problems
    }

    fn recycle_owned(&self, node: Option<Node<V::State>>, bench: &mut Bench<V::Scratch>, counted: bool) {
        let Some(node) = node else { return };
        if counted {
            self.memory.give(node.bytes.len());
        }
        if bench.spare.len() < 8 && node.bytes.capacity() < 1 << 22 {
            bench.spare.push(node.bytes);
        }
    }

    fn lose_children(&self, at: u32, problems: &mut Vec<Problem>) {
        let mut stack: Vec<u32> = self.pack.children(at).collect();
        while let Some(child) = stack.pop() {
            problems.push(self.pack.problem(&self.pack.entries[child as usize], "its delta base cannot be read"));
            stack.extend(self.pack.children(child));
        }
    }

    /// Decodes and visits an entry; gives it back if others are made from it.
    fn entry(
        &self,
        at: u32,
        base: Option<&Node<V::State>>,
        bench: &mut Bench<V::Scratch>,
    ) -> Result<Option<Node<V::State>>, Problem> {
        let entry = &self.pack.entries[at as usize];
        let id = self.pack.id(entry);
        let has_children = entry.first_child != NONE;
        let seen = (self.seen)(id);
        if seen && !has_children {
            return Ok(None);
        }
        let mut bytes = bench.spare.pop().unwrap_or_default();
        let fail = |what: &str| self.pack.problem(entry, what);
        let (kind, regions) = match (entry.kind, base) {
            (Some(kind), _) => {
                self.pack.inflate(&mut bench.buffers.inflater, entry, &mut bytes).map_err(fail)?;
                (kind, false)
            }
            (None, Some(base)) => {
                let Buffers { inflater, delta, regions } = &mut bench.buffers;
                self.pack.inflate(inflater, entry, delta).map_err(fail)?;
                delta::apply(&base.bytes, delta, &mut bytes, regions).ok_or_else(|| fail("its delta is damaged"))?;
                (base.kind, true)
            }
            (None, None) => {
                (self.pack.rebuild(at, &mut bench.buffers, self.fetch, &mut bytes).map_err(|what| fail(&what))?, false)
            }
        };
        if !self.visitor.wants(kind) {
            return Ok(None);
        }
        let object = Object {
            kind,
            id,
            bytes: &bytes,
            base: base.filter(|_| regions).map(|b| (&b.state, bench.buffers.regions.as_slice())),
            seen,
        };
        let state = self.visitor.visit(&mut bench.scratch, object);
        if has_children {
            return Ok(Some(Node { kind, bytes, state }));
        }
        if bench.spare.len() < 8 && bytes.capacity() < 1 << 22 {
            bench.spare.push(bytes);
        }
        Ok(None)
    }
}
