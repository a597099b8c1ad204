//! All that a scan found in the packs of a repository and in the lives of it, kept for the next scan, which then looks at
//! what came since, and no more.
//!
//! A record never holds a secret, nor anything that could be tested against one: it says in which objects the matches stand
//! (`found`), and what commits did to these objects (`provenance`). A scan that goes on from it reads a few of those objects
//! again to get the secrets, their excerpts and what speaks for them; all other places of the same secret are taken from
//! the record.
//!
//! It belongs to certain packs, told by their checksums, and to the options that decide what is shown. It holds for any
//! refs. It is not used if anything is odd: a pack gone, an object come that was missing, a loss among what is new. The
//! scan then goes by the records of single packs, or from the start, and the result is the same.

mod found;
mod hidden;

use gix::ObjectId;

use crate::cache::Store;
use crate::cache::wire::{Reader, Writer};
use crate::provenance::{Traced, Trees};
use crate::scan::Options;
use crate::scan::holes::Missing;
use crate::source::objects::Objects;

pub(super) use found::Tables;
pub(super) use hidden::Hidden;

/// Repositories with fewer packed objects are scanned faster than a record is read.
const LEAST: u32 = 1_000;

/// With more objects in new packs a new record pays.
const MOST_PACKED: u32 = 2_000;

/// More single objects than git leaves alone are not looked at each time beside a record.
const MOST_LOOSE: usize = 10_000;

/// What commits name.
const NAMED: [&str; 2] = ["tree", "parent"];

/// The state of a history as a record holds it.
#[derive(Debug)]
pub(super) struct Recalled {
    /// How many objects the packs have.
    pub(super) objects: u32,
    /// Blobs, commits, tags, and bytes of all of them.
    pub(super) counts: [u64; 4],
    /// What commits name and no pack has.
    pub(super) missing: Vec<Missing>,
    /// What trees name and no pack has.
    pub(super) absent: Vec<ObjectId>,
    pub(super) found: Tables,
    pub(super) traced: Traced,
    /// None; but the names that `traced` knows have their numbers.
    pub(super) trees: Trees,
}

/// What names the record of a repository with a largest pack for scans that show the same.
fn name(options: &Options, key: &[u8]) -> Vec<u8> {
    let shown = (options.confidence, options.show_malformed, options.show_publishable);
    let comments = (options.policy.comments, options.files);
    [format!("{shown:?} {comments:?} ").as_bytes(), key].concat()
}

/// Reads the record of a repository with these packs, largest first, and opens its objects.
pub(super) fn load(
    store: &Store,
    options: &Options,
    keys: &[Vec<u8>],
    open: impl Fn(&[Vec<u8>]) -> Option<Objects>,
) -> Option<(Recalled, Objects)> {
    let record = keys.iter().find_map(|key| store.load("history", &name(options, key)))?;
    let mut reader = Reader::new(&record);
    let count = usize::try_from(reader.number()?).ok().filter(|count| *count <= keys.len())?;
    let covered: Vec<Vec<u8>> = (0..count).map(|_| reader.bytes().map(<[u8]>::to_vec)).collect::<Option<_>>()?;
    if !covered.iter().all(|key| keys.contains(key)) {
        return None;
    }
    let objects = open(&covered)?;
    let recalled = read(&mut reader, covered.len(), &objects)?;
    let new = objects.packed() - recalled.objects;
    let known = |id: &ObjectId| objects.number(id).is_some();
    let odd = new > MOST_PACKED
        || objects.loose() > MOST_LOOSE
        || recalled.absent.iter().chain(recalled.missing.iter().map(|(_, _, id)| id)).any(known);
    (!odd).then_some((recalled, objects))
}

fn read(reader: &mut Reader<'_>, packs: usize, store: &Objects) -> Option<Recalled> {
    let objects = u32::try_from(reader.number()?).ok()?;
    if store.packs()[..packs].iter().map(|pack| pack.len()).sum::<usize>() != objects as usize {
        return None;
    }
    let mut counts = [0; 4];
    for count in &mut counts {
        *count = reader.number()?;
    }
    let hash = store.hash();
    let [of, what] = reader.lists()?;
    let (ids, absent) = (read_ids(reader, hash)?, read_ids(reader, hash)?);
    if of.len() != ids.len() || what.len() != ids.len() || of.iter().any(|number| *number >= objects) {
        return None;
    }
    let missing = of.into_iter().zip(what).zip(ids);
    let missing = missing.map(|((of, what), id)| Some((store.id(of), *NAMED.get(what as usize)?, id)));
    let missing = missing.collect::<Option<_>>()?;
    let found = Tables::read(reader, objects)?;
    let (traced, trees) = Traced::read(reader, objects as usize)?;
    Some(Recalled { objects, counts, missing, absent, found, traced, trees })
}

fn write_ids<'i>(writer: &mut Writer, ids: impl Iterator<Item = &'i ObjectId>) {
    let bytes: Vec<u8> = ids.flat_map(|id| id.as_bytes()).copied().collect();
    writer.bytes(&bytes);
}

fn read_ids(reader: &mut Reader<'_>, hash: gix::hash::Kind) -> Option<Vec<ObjectId>> {
    reader.bytes()?.chunks(hash.len_in_bytes()).map(|id| ObjectId::try_from(id).ok()).collect()
}

/// What a record is made of.
pub(super) struct State<'a> {
    pub(super) objects: &'a Objects,
    pub(super) counts: [u64; 4],
    pub(super) missing: &'a [Missing],
    pub(super) absent: &'a [ObjectId],
    pub(super) found: Option<Tables>,
    pub(super) traced: &'a Traced,
    pub(super) trees: &'a Trees,
}

/// Is a record of these objects worth it?
pub(super) fn pays(objects: &Objects) -> bool {
    objects.packed() >= LEAST
}

/// Keeps a record of all packs.
pub(super) fn save(store: &Store, options: &Options, state: State<'_>) -> Option<()> {
    let State { objects, counts, missing, absent, found, traced, trees } = state;
    let keys = objects.pack_keys()?;
    let mut writer = Writer::default();
    writer.number(keys.len() as u64);
    keys.iter().for_each(|key| writer.bytes(key));
    writer.number(objects.packed().into());
    counts.into_iter().for_each(|count| writer.number(count));
    let of: Vec<u32> = missing.iter().map(|(commit, ..)| objects.number(commit)).collect::<Option<_>>()?;
    writer.list(of.into_iter());
    let what = |what: &str| NAMED.iter().position(|named| *named == what).unwrap_or_default() as u32;
    writer.list(missing.iter().map(|(_, named, _)| what(named)));
    write_ids(&mut writer, missing.iter().map(|(_, _, id)| id));
    write_ids(&mut writer, absent.iter());
    found?.write(&mut writer);
    traced.write(trees, &mut writer);
    store.save("history", &name(options, keys.first()?), &writer.into_bytes());
    Some(())
}
