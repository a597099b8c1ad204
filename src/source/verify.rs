//! Does a pack hold what its index says? Checked before a pack is used, since damage in the few bytes before an object's
//! stream (its kind, its base) or in the index is not seen by inflating it: an object would be taken for another, or not be
//! looked at, without a word.
//!
//! The sum over the index covers ids and offsets; the index holds a CRC-32 of the bytes of each object in the pack. Both are
//! cheap beside decoding.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use gix::ObjectId;
use gix::hash::Kind;
use gix::odb::pack::{data, index};
use rayon::prelude::*;
use sha1::Digest;

use crate::source::pack::ObjectKind;

/// What was found out about a pack.
#[derive(Debug)]
pub(super) enum Verdict {
    /// All of it is as it was written.
    Sound,
    /// These objects are damaged; the others are as they were written.
    Damaged(Vec<ObjectId>),
    /// The index cannot be trusted at all, and why.
    WrongIndex(String),
    /// The pack cannot be read at all, and why.
    NoPack(String),
}

/// If more of the objects than one in so many are damaged, then it is the index that does not belong to the pack.
const MOST: usize = 2;

/// Compares a pack with its index.
pub(super) fn check(index_path: &Path, hash: Kind) -> Verdict {
    let pack_path = index_path.with_extension("pack");
    let pack = match data::File::at(&pack_path, hash) {
        Ok(pack) => pack,
        Err(e) => return Verdict::NoPack(e.to_string()),
    };
    let index = match index::File::at(index_path, hash) {
        Ok(index) => index,
        Err(e) => return Verdict::WrongIndex(e.to_string()),
    };
    match std::fs::read(index_path) {
        Ok(bytes) if sum_is_right(&bytes, hash) => {}
        Ok(_) => return Verdict::WrongIndex("its checksum does not match".into()),
        Err(e) => return Verdict::WrongIndex(e.to_string()),
    }
    if index.num_objects() != pack.num_objects() {
        let (listed, held) = (index.num_objects(), pack.num_objects());
        return Verdict::WrongIndex(format!("it lists {listed} objects, and the pack has {held}"));
    }
    let damaged = match index.version() {
        // It has no sums of its objects, so all are in doubt if the one over the pack is wrong.
        index::Version::V1 if !is_whole(&pack_path, hash) => index.iter().map(|entry| entry.oid).collect(),
        _ => damaged(&pack, &index),
    };
    if damaged.is_empty() {
        Verdict::Sound
    } else if index.version() == index::Version::V2
        && damaged.len() * MOST > index.num_objects() as usize
        && index.pack_checksum() != pack.checksum()
    {
        Verdict::WrongIndex("it belongs to another pack".into())
    } else {
        Verdict::Damaged(damaged)
    }
}

/// Does the last field of a file hold the hash of what stands before it?
fn sum_is_right(bytes: &[u8], hash: Kind) -> bool {
    let Some(body) = bytes.len().checked_sub(hash.len_in_bytes()) else { return false };
    sum(&bytes[..body], hash) == bytes[body..]
}

/// The hash of all that comes.
pub(super) fn sum_of(from: &mut impl Read, hash: Kind) -> std::io::Result<Vec<u8>> {
    fn sum<D: Digest + std::io::Write>(from: &mut impl Read) -> std::io::Result<Vec<u8>> {
        let mut digest = D::new();
        std::io::copy(from, &mut digest)?;
        Ok(digest.finalize().to_vec())
    }
    match hash {
        Kind::Sha256 => sum::<sha2::Sha256>(from),
        _ => sum::<sha1::Sha1>(from),
    }
}

/// Does a pack end in the hash of what stands before it?
fn is_whole(path: &Path, hash: Kind) -> bool {
    let read = || {
        let mut file = File::open(path)?;
        let body = file.metadata()?.len().saturating_sub(hash.len_in_bytes() as u64);
        let sum = sum_of(&mut (&mut file).take(body), hash)?;
        let mut said = Vec::new();
        file.read_to_end(&mut said)?;
        std::io::Result::Ok(sum == said)
    };
    read().unwrap_or(false)
}

/// The hash of some bytes.
pub(super) fn sum(bytes: &[u8], hash: Kind) -> Vec<u8> {
    match hash {
        Kind::Sha256 => sha2::Sha256::digest(bytes).to_vec(),
        _ => sha1::Sha1::digest(bytes).to_vec(),
    }
}

/// The id of an object.
pub(super) fn id_of(kind: ObjectKind, bytes: &[u8], hash: Kind) -> Option<ObjectId> {
    fn digest<D: Digest>(head: &str, bytes: &[u8]) -> Vec<u8> {
        D::new().chain_update(head).chain_update(bytes).finalize().to_vec()
    }
    let head = format!("{} {}\0", kind.as_str(), bytes.len());
    let sum = match hash {
        Kind::Sha256 => digest::<sha2::Sha256>(&head, bytes),
        _ => digest::<sha1::Sha1>(&head, bytes),
    };
    ObjectId::try_from(sum.as_slice()).ok()
}

/// Objects whose bytes in the pack differ from what they were.
fn damaged(pack: &data::File<gix::odb::pack::MMap>, index: &index::File<gix::odb::pack::MMap>) -> Vec<ObjectId> {
    let mut offsets: Vec<(u64, u32)> = (0..index.num_objects()).map(|i| (index.pack_offset_at_index(i), i)).collect();
    offsets.par_sort_unstable();
    let end = pack.pack_end() as u64;
    let is_damaged = |&(at, (offset, position)): &(usize, (u64, u32))| {
        let next = offsets.get(at + 1).map_or(end, |(next, _)| *next);
        let sum = (offset < next).then(|| pack.entry_slice(offset..next)).flatten().map(crc32fast::hash);
        // The first version of the format has no sums.
        let expected = index.crc32_at_index(position);
        sum.is_none() || expected.is_some_and(|expected| sum != Some(expected))
    };
    let mut damaged: Vec<ObjectId> = offsets
        .par_iter()
        .copied()
        .enumerate()
        .with_min_len(256)
        .filter(is_damaged)
        .map(|(_, (_, position))| index.oid_at_index(position).to_owned())
        .collect();
    damaged.sort();
    damaged
}
