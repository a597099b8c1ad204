//! A new index for a pack that has none, or a wrong one: what the pack holds is found by reading it from its start, and the
//! ids by hashing. Made beside the repository, in a temporary file, and only for this run.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use flate2::{Decompress, FlushDecompress, Status};
use gix::ObjectId;
use gix::hash::Kind;
use gix::odb::pack::{data, index};
use tempfile::NamedTempFile;

use crate::source::delta;
use crate::source::inflate::Inflater;
use crate::source::pack::ObjectKind;
use crate::source::verify::{id_of, sum};

/// The index, and what of the pack is not in it.
#[derive(Debug)]
pub(super) struct Reindexed {
    /// The file goes when this does.
    pub(super) index: NamedTempFile,
    /// Objects that only the old index tells of: damaged, or made from such.
    pub(super) doubtful: Vec<ObjectId>,
    /// What nothing tells the ids of, if anything.
    pub(super) lost: Option<String>,
}

/// An object of the index: its id, offset and sum.
type Listed = (ObjectId, u64, u32);

/// An object in the pack.
#[derive(Debug)]
struct Entry {
    offset: u64,
    data: u64,
    size: u64,
    crc: u32,
    header: data::entry::Header,
}

/// Reads a pack and makes an index of it. The old one, if there is any, helps where the pack is damaged, too.
pub(super) fn reindex(pack_path: &Path, old: &Path, hash: Kind) -> Result<Reindexed, String> {
    let pack = data::File::at(pack_path, hash).map_err(|e| e.to_string())?;
    let old: BTreeMap<u64, ObjectId> =
        index::File::at(old, hash).iter().flat_map(|old| old.iter()).map(|e| (e.pack_offset, e.oid)).collect();
    let (entries, stopped) = entries(&pack, &old, hash);
    let ids = Ids::of(&pack, &entries, hash);
    let of_entry = |at: usize, id: ObjectId| (id, entries[at].offset, entries[at].crc);
    let mut listed: Vec<Listed> =
        ids.0.iter().enumerate().filter_map(|(at, id)| id.map(|id| of_entry(at, id))).collect();
    listed.sort();
    listed.dedup_by_key(|(id, ..)| *id);
    let known: HashSet<ObjectId> = listed.iter().map(|(id, ..)| *id).collect();
    let read: HashSet<u64> = listed.iter().map(|(_, offset, _)| *offset).collect();
    let end = pack.pack_end() as u64;
    let told = old.iter().filter(|(offset, id)| !read.contains(offset) && **offset < end && !known.contains(*id));
    let mut doubtful: Vec<Listed> = told.map(|(offset, id)| (*id, *offset, 0)).collect();
    doubtful.sort();
    doubtful.dedup_by_key(|(id, ..)| *id);
    listed.extend(&doubtful);
    listed.sort();
    let mut index = NamedTempFile::new().map_err(|e| e.to_string())?;
    index.write_all(&file(&listed, &pack, hash)).and_then(|()| index.flush()).map_err(|e| e.to_string())?;
    let doubtful: Vec<ObjectId> = doubtful.into_iter().map(|(id, ..)| id).collect();
    let nameless = (pack.num_objects() as usize).saturating_sub(listed.len());
    let unread = (pack.num_objects() as usize).saturating_sub(entries.len()).min(nameless);
    let baseless = (entries.len() - ids.0.iter().flatten().count()).min(nameless - unread);
    let mut lost = Vec::new();
    if let (Some(offset), 1..) = (stopped, unread) {
        lost.push(format!("it cannot be read from byte {offset} on, or in part, which loses {unread} objects"));
    }
    if baseless > 0 {
        lost.push(format!("{baseless} objects are made from others that are damaged or missing"));
    }
    Ok(Reindexed { index, doubtful, lost: (!lost.is_empty()).then(|| lost.join("; ")) })
}

/// All entries in the order of the pack; and where reading them failed first. It goes on where the old index says that an
/// object begins; without one, where something can be read again.
fn entries(
    pack: &data::File<gix::odb::pack::MMap>,
    old: &BTreeMap<u64, ObjectId>,
    hash: Kind,
) -> (Vec<Entry>, Option<u64>) {
    let end = pack.pack_end() as u64;
    let mut entries = Vec::new();
    let mut stopped = None;
    let mut offset = 12;
    let mut stream = Stream { inflate: Decompress::new(true), sink: vec![0; 1 << 16] };
    while offset < end && entries.len() < pack.num_objects() as usize {
        if let Some((entry, next)) = entry(pack, offset..end, hash, &mut stream) {
            entries.push(entry);
            offset = next;
            continue;
        }
        stopped = stopped.or(Some(offset));
        offset = match old.range(offset + 1..).next() {
            Some((next, _)) => *next,
            None if old.is_empty() => offset + 1,
            None => break,
        };
    }
    let missing = entries.len() < pack.num_objects() as usize;
    (entries, missing.then_some(stopped.unwrap_or(offset)))
}

/// The entry at the start of a range, and where it ends.
fn entry(
    pack: &data::File<gix::odb::pack::MMap>,
    range: std::ops::Range<u64>,
    hash: Kind,
    stream: &mut Stream,
) -> Option<(Entry, u64)> {
    let bytes = pack.entry_slice(range.clone())?;
    let entry = data::Entry::from_bytes(bytes, range.start, hash).ok()?;
    let from = usize::try_from(entry.data_offset - range.start).ok()?;
    let len = from + stream.len(bytes.get(from..)?, entry.decompressed_size)?;
    let crc = crc32fast::hash(&bytes[..len]);
    let (data, size) = (entry.data_offset, entry.decompressed_size);
    Some((Entry { offset: range.start, data, size, crc, header: entry.header }, range.start + len as u64))
}

/// Reads zlib streams for their length.
struct Stream {
    inflate: Decompress,
    sink: Vec<u8>,
}

impl Stream {
    /// Length of a stream that must make `size` bytes.
    fn len(&mut self, input: &[u8], size: u64) -> Option<usize> {
        let [first, second, ..] = *input else { return None };
        if first & 15 != 8 || u16::from_be_bytes([first, second]) % 31 != 0 {
            return None;
        }
        let Self { inflate, sink } = self;
        inflate.reset(true);
        loop {
            let (read, made) = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress(&input[read as usize..], sink, FlushDecompress::None).ok()?;
            if status == Status::StreamEnd {
                return (inflate.total_out() == size).then_some(inflate.total_in() as usize);
            }
            let stands = inflate.total_in() == read && inflate.total_out() == made;
            if stands || inflate.total_out() > size {
                return None;
            }
        }
    }
}

/// The ids of entries, as far as they can be made.
struct Ids(Vec<Option<ObjectId>>);

/// An entry whose id is to be made, with what it is made from: nothing but its own bytes, if it is no delta.
type Task = (usize, ObjectKind, Option<Arc<Vec<u8>>>);

impl Ids {
    fn of(pack: &data::File<gix::odb::pack::MMap>, entries: &[Entry], hash: Kind) -> Self {
        let mut ids = Self(vec![None; entries.len()]);
        let mut by_offset: HashMap<u64, Vec<usize>> = HashMap::new();
        let mut by_id: HashMap<ObjectId, Vec<usize>> = HashMap::new();
        for (at, entry) in entries.iter().enumerate() {
            match entry.header {
                data::entry::Header::OfsDelta { base_distance } => {
                    by_offset.entry(entry.offset.wrapping_sub(base_distance)).or_default().push(at);
                }
                data::entry::Header::RefDelta { base_id } => by_id.entry(base_id).or_default().push(at),
                _ => {}
            }
        }
        let mut inflater = Inflater::default();
        let mut inflate = |entry: &Entry| {
            let input = pack.entry_slice(entry.data..pack.pack_end() as u64)?;
            let mut out = Vec::new();
            inflater.exact(input, entry.size, &mut out).ok()?;
            Some(out)
        };
        for (at, entry) in entries.iter().enumerate() {
            let kind = match entry.header {
                data::entry::Header::Blob => ObjectKind::Blob,
                data::entry::Header::Tree => ObjectKind::Tree,
                data::entry::Header::Commit => ObjectKind::Commit,
                data::entry::Header::Tag => ObjectKind::Tag,
                _ => continue,
            };
            let mut stack: Vec<Task> = vec![(at, kind, None)];
            while let Some((at, kind, base)) = stack.pop() {
                if ids.0[at].is_some() {
                    continue;
                }
                let Some(bytes) = inflate(&entries[at]).and_then(|own| made(own, base.as_deref())) else { continue };
                let id = id_of(kind, &bytes, hash);
                ids.0[at] = id;
                let bytes = Arc::new(bytes);
                let of_offset = by_offset.get(&entries[at].offset).into_iter().flatten();
                let children = of_offset.chain(id.and_then(|id| by_id.get(&id)).into_iter().flatten());
                stack.extend(children.map(|&child| (child, kind, Some(Arc::clone(&bytes)))));
            }
        }
        ids
    }
}

/// An object from its own bytes in the pack, and its base if those are a delta.
fn made(own: Vec<u8>, base: Option<&Vec<u8>>) -> Option<Vec<u8>> {
    let Some(base) = base else { return Some(own) };
    let (mut made, mut regions) = (Vec::new(), Vec::new());
    delta::apply(base, &own, &mut made, &mut regions)?;
    Some(made)
}

/// An index file, version 2, of these objects sorted by id.
fn file(listed: &[Listed], pack: &data::File<gix::odb::pack::MMap>, hash: Kind) -> Vec<u8> {
    let mut out = b"\xfftOc\0\0\0\x02".to_vec();
    for first in 0..=255u8 {
        let count = listed.partition_point(|(id, ..)| id.as_bytes()[0] <= first) as u32;
        out.extend(count.to_be_bytes());
    }
    out.extend(listed.iter().flat_map(|(id, ..)| id.as_bytes().iter().copied()));
    out.extend(listed.iter().flat_map(|(.., crc)| crc.to_be_bytes()));
    let mut large = Vec::new();
    for &(_, offset, _) in listed {
        let short = u32::try_from(offset).ok().filter(|short| short >> 31 == 0);
        let field = short.unwrap_or_else(|| {
            large.extend(offset.to_be_bytes());
            (large.len() / 8 - 1) as u32 | 1 << 31
        });
        out.extend(field.to_be_bytes());
    }
    out.extend(large);
    out.extend_from_slice(pack.checksum().as_bytes());
    let own = sum(&out, hash);
    out.extend(own);
    out
}
