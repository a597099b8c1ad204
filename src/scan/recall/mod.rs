//! All that a scan found in the packs of a repository and in the lives of it, kept for the next scan, which then looks at
//! what came since, and no more.
//!
//! A record never holds a secret, nor anything that could be tested against one: it says in which objects the matches stand
//! (`found`), and what commits did to these objects (`provenance`). A scan that goes on from it reads a few of those objects
//! again to get the secrets, their excerpts and what speaks for them; all other places of the same secret are taken from
//! the record.
//!
//! It belongs to certain packs, told by their checksums, and to the options that decide what is shown. It holds for any
//! refs. If packs are gone, and all their objects are in others that came (`git gc`), it is written anew for these. It is not
//! used if anything is odd: an object gone, or one come that was missing, a loss among what is new. The scan then goes by the records of single packs, or from the start, and the result is the same.

mod found;
mod hidden;

use gix::ObjectId;

use crate::cache::Store;
use crate::cache::wire::{Reader, Writer};
use crate::provenance::{Traced, Trees};
use crate::scan::Options;
use crate::scan::holes::Missing;
use crate::source::git_dir::GitDir;
use crate::source::objects::Objects;
use crate::source::pack::Pack;
use crate::source::repacked::Moved;

pub(super) use found::Tables;
pub(super) use hidden::{Hidden, alike};

/// Repositories with fewer packed objects are scanned faster than a record is read.
const LEAST: u32 = 1_000;

/// With more objects in new packs a new record pays.
const MOST_PACKED: u32 = 2_000;

/// More single objects than git leaves alone are not looked at each time beside a record.
const MOST_LOOSE: usize = 10_000;

/// No repository has more packs.
const MOST_PACKS: usize = 1 << 20;

/// What commits name.
const NAMED: [&str; 2] = ["tree", "parent"];

/// The state of a history as a record holds it.
#[derive(Debug)]
pub(super) struct Recalled {
    /// The packs that it is of, in the order of their numbers.
    pub(super) keys: Vec<Vec<u8>>,
    /// How many objects the packs have.
    pub(super) objects: u32,
    /// Those of them, by their numbers, that are to be looked at each time.
    pub(super) fresh: Vec<u32>,
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

/// Reads the record of a repository with these packs, largest first.
pub(super) fn load(store: &Store, options: &Options, keys: &[Vec<u8>], repository: &GitDir) -> Option<Recalled> {
    let record = keys.iter().find_map(|key| store.load("history", &name(options, key)))?;
    let recalled = read(&mut Reader::new(&record), repository.object_hash())?;
    recalled.keys.iter().all(|key| keys.contains(key)).then_some(recalled)
}

/// Reads the record of a repository that was packed anew since; with the ids that its objects have by their numbers.
pub(super) fn load_moved(store: &Store, options: &Options, repository: &GitDir) -> Option<(Recalled, Vec<u8>)> {
    let list = store.load("ids", &directory(repository)?)?;
    let mut reader = Reader::new(&list);
    let (key, ids) = (reader.bytes()?, reader.bytes()?);
    let record = store.load("history", &name(options, key))?;
    let recalled = read(&mut Reader::new(&record), repository.object_hash())?;
    let count = ids.len() / repository.object_hash().len_in_bytes();
    (recalled.keys.first()? == key && count == recalled.objects as usize).then(|| (recalled, ids.to_vec()))
}

/// What names the list of ids of a repository.
fn directory(repository: &GitDir) -> Option<Vec<u8>> {
    Some(repository.common_dir().canonicalize().ok()?.into_os_string().into_encoded_bytes())
}

/// Keeps the ids of the objects that the record of a history is about.
pub(super) fn save_ids(store: &Store, repository: &GitDir, objects: &Objects) -> Option<()> {
    let mut writer = Writer::default();
    writer.bytes(objects.pack_keys()?.first()?);
    writer.bytes(&objects.packed_ids());
    store.save("ids", &directory(repository)?, &writer.into_bytes());
    Some(())
}

impl Recalled {
    /// Finds its objects in packs that were written anew, and opens them with what is new there; `None` if not all of them
    /// are there, or anything is odd.
    pub(super) fn follow(&mut self, ids: &[u8], repository: &GitDir) -> Option<Objects> {
        let objects = repository.objects_unread()?;
        let Moved { numbers, mut fresh } = objects.moved(ids, MOST_PACKED as usize)?;
        objects.are_whole(&self.keys).then_some(())?;
        self.traced.renumber(&numbers, objects.packed() as usize);
        self.found.renumber(&numbers);
        fresh.extend(self.fresh.iter().map(|number| numbers[*number as usize]));
        fresh.sort_unstable();
        (self.keys, self.objects) = (objects.pack_keys()?, objects.packed());
        self.fresh.clone_from(&fresh);
        Some(objects.with_fresh(fresh))
    }

    /// Is it of these objects, and are they what it says, with little that is new?
    pub(super) fn belongs_to(&self, objects: &Objects) -> bool {
        let known = |id: &ObjectId| objects.number(id).is_some();
        let of_packs: usize = objects.packs()[..self.keys.len()].iter().map(Pack::len).sum();
        of_packs == self.objects as usize
            && objects.packed() - self.objects + self.fresh.len() as u32 <= MOST_PACKED
            && objects.loose() <= MOST_LOOSE
            && !self.absent.iter().chain(self.missing.iter().map(|(_, _, id)| id)).any(known)
    }
}

fn read(reader: &mut Reader<'_>, hash: gix::hash::Kind) -> Option<Recalled> {
    let count = usize::try_from(reader.number()?).ok().filter(|count| *count <= MOST_PACKS)?;
    let keys: Vec<Vec<u8>> = (0..count).map(|_| reader.bytes().map(<[u8]>::to_vec)).collect::<Option<_>>()?;
    let objects = u32::try_from(reader.number()?).ok()?;
    let mut counts = [0; 4];
    for count in &mut counts {
        *count = reader.number()?;
    }
    let fresh = reader.list()?;
    if fresh.iter().any(|number| *number >= objects) {
        return None;
    }
    let what = reader.list()?;
    let (of, ids, absent) = (read_ids(reader, hash)?, read_ids(reader, hash)?, read_ids(reader, hash)?);
    if of.len() != ids.len() || what.len() != ids.len() {
        return None;
    }
    let missing = of.into_iter().zip(what).zip(ids);
    let missing = missing.map(|((of, what), id)| Some((of, *NAMED.get(what as usize)?, id)));
    let missing = missing.collect::<Option<_>>()?;
    let found = Tables::read(reader, objects)?;
    let (traced, trees) = Traced::read(reader, objects as usize)?;
    Some(Recalled { keys, objects, fresh, counts, missing, absent, found, traced, trees })
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
    pub(super) fresh: &'a [u32],
    pub(super) missing: &'a [Missing],
    pub(super) absent: &'a [ObjectId],
    pub(super) found: Option<&'a Tables>,
    pub(super) traced: &'a Traced,
    pub(super) trees: &'a Trees,
}

/// Is a record of these objects worth it?
pub(super) fn pays(objects: &Objects) -> bool {
    objects.packed() >= LEAST
}

/// Keeps a record of all packs.
pub(super) fn save(store: &Store, options: &Options, state: State<'_>) -> Option<()> {
    let State { objects, counts, fresh, missing, absent, found, traced, trees } = state;
    let keys = objects.pack_keys()?;
    let mut writer = Writer::default();
    writer.number(keys.len() as u64);
    keys.iter().for_each(|key| writer.bytes(key));
    writer.number(objects.packed().into());
    counts.into_iter().for_each(|count| writer.number(count));
    writer.list(fresh.iter().copied());
    let what = |what: &str| NAMED.iter().position(|named| *named == what).unwrap_or_default() as u32;
    writer.list(missing.iter().map(|(_, named, _)| what(named)));
    write_ids(&mut writer, missing.iter().map(|(of, ..)| of));
    write_ids(&mut writer, missing.iter().map(|(_, _, id)| id));
    write_ids(&mut writer, absent.iter());
    found?.write(&mut writer);
    traced.write(trees, &mut writer);
    store.save("history", &name(options, keys.first()?), &writer.into_bytes());
    Some(())
}
