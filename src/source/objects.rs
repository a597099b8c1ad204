//! All object stores of a repository: its own and its alternates', packed and loose, each object once.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use gix::ObjectId;
use rayon::prelude::*;

use crate::cache::Store;
use crate::finding::Problem;
use crate::source::alternates;
use crate::source::inflate::Inflater;
use crate::source::large::LargeFile;
use crate::source::mend::Mended;
use crate::source::opened::{How, Opened};
use crate::source::pack::{ObjectKind, Pack, record_key};
use crate::source::verify;
use crate::source::walk::{LargeBlob, Memory, Object, Visitor};

/// How often the stores are opened again if packs came or went meanwhile.
const RETRIES: u32 = 9;

/// Wait before the first time, doubled each time: 2.5 s in all.
const PAUSE: Duration = Duration::from_millis(5);

/// Git moves and removes the files of a pack one by one. In a directory that changed this recently a file that lacks
/// the other is not taken for damage at once.
const RECENT: Duration = Duration::from_secs(5);

/// Largest loose object that is read, in expanded bytes.
const MAX_LOOSE: usize = 1 << 31;

/// What came of a walk.
#[derive(Debug, Default)]
pub struct Losses {
    /// What could not be read, sorted.
    pub problems: Vec<Problem>,
    /// Packs with damaged objects of which nothing was lost, and how many.
    pub saved: Vec<(String, u64)>,
}

/// The object stores of a repository.
#[derive(Debug)]
pub struct Objects {
    directory: PathBuf,
    hash: gix::hash::Kind,
    /// Those that hold what their index says come first.
    packs: Vec<Pack>,
    /// Loose objects that are in no pack, each once, sorted by id.
    loose: Vec<(ObjectId, PathBuf)>,
    /// Loose objects that are in a pack too, or in another store. Sorted.
    spare: Vec<(ObjectId, PathBuf)>,
    /// What was looked for everywhere, and is nowhere whole.
    pub(super) lost: Mutex<HashSet<ObjectId>>,
    problems: Vec<Problem>,
    /// Numbers of objects to be read of packs that are known otherwise, sorted.
    pub(super) fresh: Vec<u32>,
    promisor: bool,
    leftovers: u64,
    /// Git was at the packs while they were opened.
    changed: bool,
    /// The stores as they are when a loose object is there no more.
    later: OnceLock<Box<Self>>,
}

impl Objects {
    /// Opens all stores that belong to an objects directory.
    pub fn open(directory: &Path, hash: gix::hash::Kind) -> Self {
        Self::open_with(directory, hash, None)
    }

    /// The same; packs that an earlier scan kept a record of are not checked and not read again.
    pub fn open_with(directory: &Path, hash: gix::hash::Kind, records: Option<&Store>) -> Self {
        // Where git repacks at the same time, packs go while others come.
        let how = How { records, covered: &[], all: false };
        let mut objects = Self::open_once(directory, hash, how);
        for attempt in 0..RETRIES {
            if !objects.changed {
                break;
            }
            std::thread::sleep(PAUSE * 2u32.pow(attempt));
            objects = Self::open_once(directory, hash, how);
        }
        objects
    }

    /// Opens all stores if they have the packs with these keys, come first and are not read; `None` if one is not there, or
    /// anything in the stores is odd.
    pub fn open_covered(directory: &Path, hash: gix::hash::Kind, records: &Store, keys: &[Vec<u8>]) -> Option<Self> {
        let objects = Self::open_once(directory, hash, How { records: Some(records), covered: keys, all: false });
        (objects.is_sound() && objects.packs.iter().filter(|pack| pack.is_covered()).count() == keys.len())
            .then_some(objects)
    }

    /// What names each pack in these stores, largest pack first, without opening them.
    pub fn keys(directory: &Path, hash: gix::hash::Kind) -> Vec<Vec<u8>> {
        let stores = alternates::stores(directory).0.into_iter().chain(quarantine(directory));
        let listings = stores.filter_map(|store| fs::read_dir(store.join("pack")).ok());
        let files = listings.flatten().filter_map(|entry| Some(entry.ok()?.path()));
        let indices = files.filter(|path| path.extension().is_some_and(|e| e == "idx"));
        let mut keys: Vec<(u64, Vec<u8>)> =
            indices.filter_map(|path| Some((path.metadata().ok()?.len(), record_key(&path, hash)?))).collect();
        keys.sort_by(|a, b| b.cmp(a));
        keys.into_iter().map(|(_, key)| key).collect()
    }

    /// What names each pack, in their order; `None` if one of them cannot be told.
    pub fn pack_keys(&self) -> Option<Vec<Vec<u8>>> {
        self.packs.iter().map(|pack| pack.key()).collect()
    }

    /// Is nothing in the stores odd?
    pub(super) fn is_sound(&self) -> bool {
        !self.changed && self.problems.is_empty() && self.packs.iter().all(Pack::is_sound)
    }

    pub(super) fn open_once(directory: &Path, hash: gix::hash::Kind, how: How<'_>) -> Self {
        let mut objects = Self {
            directory: directory.to_owned(),
            hash,
            packs: Vec::new(),
            loose: Vec::new(),
            spare: Vec::new(),
            lost: Mutex::default(),
            problems: Vec::new(),
            fresh: Vec::new(),
            promisor: false,
            leftovers: 0,
            changed: false,
            later: OnceLock::new(),
        };
        let (stores, problems) = alternates::stores(directory);
        objects.problems = problems;
        let quarantine = quarantine(directory);
        let stores = || stores.iter().chain(&quarantine);
        // Git packs loose objects before it removes them, so what goes while this runs is in a pack that is found after it.
        stores().for_each(|store| objects.list_loose(store));
        let unsound: Vec<Pack> = stores().flat_map(|store| objects.add_packs(store, how)).collect();
        // Large ones first: records are made of packs that share nothing with an earlier one.
        objects.packs.sort_by_key(|pack| std::cmp::Reverse(pack.len()));
        // Those of which all is known have the numbers that they had when that was found out.
        let place = |pack: &Pack| pack.is_covered().then(|| pack.key()).flatten();
        objects.packs.sort_by_cached_key(|pack| {
            let key = place(pack);
            key.and_then(|key| how.covered.iter().position(|have| *have == key)).unwrap_or(usize::MAX)
        });
        objects.packs.extend(unsound);
        let mut loose = std::mem::take(&mut objects.loose);
        loose.sort();
        for copy in loose {
            let known = objects.loose.last().is_some_and(|(last, _)| *last == copy.0);
            let list = if known || objects.packs.iter().any(|p| p.has(&copy.0)) {
                &mut objects.spare
            } else {
                &mut objects.loose
            };
            list.push(copy);
        }
        objects
    }

    /// What could not be opened.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter()
    }

    /// Temporary files that git left when something was interrupted. They hold no whole objects, and are not read.
    pub fn leftovers(&self) -> u64 {
        self.leftovers
    }

    /// Is there a pack from a promisor remote, so that objects may be missing on purpose?
    pub fn has_promisor_packs(&self) -> bool {
        self.promisor
    }

    /// Number of objects, packed and loose; objects in several packs count for each.
    pub fn len(&self) -> usize {
        self.packs.iter().map(Pack::len).sum::<usize>() + self.loose.len()
    }

    /// Number of the first object that is in no pack.
    pub fn packed(&self) -> u32 {
        self.packs.iter().map(Pack::len).sum::<usize>() as u32
    }

    /// Number of loose objects.
    pub fn loose(&self) -> usize {
        self.loose.len()
    }

    /// The packs, in the order of their numbers.
    pub fn packs(&self) -> &[Pack] {
        &self.packs
    }

    /// The numbers of the objects of a pack.
    pub fn numbers_of(&self, pack: usize) -> std::ops::Range<u32> {
        let start: usize = self.packs[..pack].iter().map(Pack::len).sum();
        start as u32..(start + self.packs[pack].len()) as u32
    }

    /// Does a pack share an object with an earlier one?
    pub fn overlaps(&self, pack: usize) -> bool {
        let (earlier, rest) = self.packs.split_at(pack);
        let own = &rest[0];
        !earlier.is_empty() && (0..own.len() as u32).any(|at| earlier.iter().any(|pack| pack.has(own.id_at(at))))
    }

    /// Are there no objects at all?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The hash that makes its ids.
    pub fn hash(&self) -> gix::hash::Kind {
        self.hash
    }

    /// Does some store hold the object?
    pub fn has(&self, id: &gix::oid) -> bool {
        self.number(id).is_some()
    }

    /// The number of an object: its place in the first pack that has it, counted through all packs and the loose objects.
    /// Numbers are below [`Self::len`] and the same for every run over the same stores.
    pub fn number(&self, id: &gix::oid) -> Option<u32> {
        let mut first = 0;
        for pack in &self.packs {
            if let Some(position) = pack.position(id) {
                return Some(first + position);
            }
            first += pack.len() as u32;
        }
        self.loose.binary_search_by(|(have, _)| have.as_ref().cmp(id)).ok().map(|at| first + at as u32)
    }

    /// The number of an object of a walk.
    pub fn number_of<S>(&self, object: &Object<'_, S>) -> Option<u32> {
        object.number.or_else(|| self.number(object.id))
    }

    /// The id of an object by its number.
    ///
    /// # Panics
    /// If no object has this number.
    pub fn id(&self, number: u32) -> ObjectId {
        let mut at = number;
        for pack in &self.packs {
            match at.checked_sub(pack.len() as u32) {
                Some(rest) => at = rest,
                None => return pack.id_at(at).to_owned(),
            }
        }
        self.loose[at as usize].0
    }

    /// Opens the packs of a store; gives back those that are damaged.
    fn add_packs(&mut self, store: &Path, how: How<'_>) -> Vec<Pack> {
        let directory = store.join("pack");
        let listing = match fs::read_dir(&directory) {
            Ok(listing) => listing,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && store.is_dir() => return Vec::new(),
            Err(e) => {
                self.problems.push(problem(&directory, "the object store cannot be read", &e.to_string()));
                return Vec::new();
            }
        };
        let mut files: Vec<PathBuf> = listing.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.sort();
        let is = |path: &Path, extension: &str| path.extension().is_some_and(|e| e == extension);
        self.promisor |= files.iter().any(|f| is(f, "promisor"));
        self.leftovers += files.iter().filter(|f| is_temporary(f)).count() as u64;
        let has = |path: &Path, extension: &str| files.binary_search(&path.with_extension(extension)).is_ok();
        // A pack, or the index of one that is gone.
        let packs = files.iter().filter(|f| is(f, "pack") || is(f, "idx") && !has(f, "pack"));
        let packs: Vec<&PathBuf> = packs.filter(|f| !is_temporary(f)).collect();
        let hash = self.hash;
        let opened: Vec<Opened> = packs.into_par_iter().map(|path| Opened::new(path, hash, how)).collect();
        let mut unsound = Vec::new();
        // Was git at it meanwhile, or is it still?
        let moved = |path: &Path| ["pack", "idx"].iter().any(|e| has(path, e) != path.with_extension(e).exists());
        let moving = |path: &Path| has(path, "pack") != has(path, "idx") && changed_recently(&directory);
        for one in opened {
            let odd = !one.problems.is_empty() || one.pack.as_ref().is_some_and(|pack| !pack.is_sound());
            self.changed |= odd && (moved(&one.path) || moving(&one.path));
            self.problems.extend(one.problems);
            match one.pack {
                Some(pack) if pack.is_sound() => self.packs.push(pack),
                Some(pack) => unsound.push(pack),
                None => {}
            }
        }
        unsound
    }

    fn list_loose(&mut self, store: &Path) {
        let Ok(fans) = fs::read_dir(store) else { return };
        for fan in fans.filter_map(std::result::Result::ok) {
            let name = fan.file_name();
            self.leftovers += u64::from(is_temporary(&fan.path()));
            let Some(prefix) = name.to_str().filter(|n| n.len() == 2 && n.bytes().all(|b| b.is_ascii_hexdigit()))
            else {
                continue;
            };
            let files = match fs::read_dir(fan.path()) {
                Ok(files) => files,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
                Err(e) => {
                    self.problems.push(problem(&fan.path(), "loose objects cannot be listed", &e.to_string()));
                    continue;
                }
            };
            for file in files.filter_map(std::result::Result::ok) {
                let name = file.file_name();
                let id = name.to_str().and_then(|rest| ObjectId::from_hex(format!("{prefix}{rest}").as_bytes()).ok());
                match id.filter(|id| id.kind() == self.hash) {
                    Some(id) => self.loose.push((id, file.path())),
                    None => self.leftovers += u64::from(is_temporary(&file.path())),
                }
            }
        }
    }

    /// Walks every object of the wanted kinds once, and gives what could not be read. The first pack that lists an object
    /// visits it, with a copy from elsewhere if it has to.
    pub fn walk<V: Visitor>(&self, visitor: &V, memory: &Memory) -> Losses {
        let mut losses = Losses::default();
        for (at, pack) in self.packs.iter().enumerate() {
            let earlier = &self.packs[..at];
            let seen = |id: &gix::oid| earlier.iter().any(|p| p.has(id));
            let Mended { lost, saved } = pack.walk((at, self.numbers_of(at).start), visitor, &seen, self, memory);
            visitor.pack_done(at, pack.is_sound() && lost.is_empty() && saved == 0);
            losses.problems.extend(lost);
            if saved > 0 {
                losses.saved.push((pack.name().into_owned(), saved));
            }
        }
        losses.problems.extend(self.walk_fresh(visitor));
        losses.problems.extend(self.walk_loose(visitor));
        losses.problems.sort();
        losses.problems.dedup();
        losses
    }

    fn walk_loose<V: Visitor>(&self, visitor: &V) -> Vec<Problem> {
        let (mut problems, gone) = self.loose.par_chunks(256).map(|chunk| self.walk_some(chunk, visitor)).reduce(
            Default::default,
            |(mut problems, mut gone), more| {
                problems.extend(more.0);
                gone.extend(more.1);
                (problems, gone)
            },
        );
        if !gone.is_empty() {
            problems.extend(self.walk_gone(&gone, visitor));
        }
        problems
    }

    /// Walks some loose objects. Gives what could not be read, and what is there no more.
    fn walk_some<V: Visitor>(&self, some: &[(ObjectId, PathBuf)], visitor: &V) -> (Vec<Problem>, Vec<ObjectId>) {
        let mut scratch = visitor.scratch();
        let mut inflater = Inflater::default();
        let (mut problems, mut gone) = (Vec::new(), Vec::new());
        for (id, path) in some {
            if let Some(large) = LargeFile::at(path) {
                if !visitor.wants(ObjectKind::Blob) {
                    continue;
                }
                if let Some(content) = large.content(id)
                    && let Some(number) = self.number(id)
                    && let Ok(true) = visitor.visit_large(&mut scratch, LargeBlob { id, number, content, known: false })
                {
                    continue;
                }
            }
            let read = read_loose(path, &mut inflater);
            if let Ok((kind, bytes, start)) = &read
                && verify::sum(bytes, self.hash) == id.as_bytes()
            {
                visit_one(visitor, &mut scratch, (*kind, id, &bytes[*start..]));
            } else if !path.exists() {
                gone.push(*id);
            } else if let Some((kind, bytes)) = self.whole(id) {
                visit_one(visitor, &mut scratch, (kind, id, &bytes));
            } else {
                let what = match read {
                    // What stands in its place is looked at all the same.
                    Ok((kind, bytes, start)) => {
                        visit_one(visitor, &mut scratch, (kind, id, &bytes[start..]));
                        "the loose object holds the content of another one".to_owned()
                    }
                    Err(what) => format!("the loose object cannot be read: {what}"),
                };
                problems.push(lost(id, &what));
            }
        }
        visitor.finish(scratch);
        (problems, gone)
    }

    /// Walks loose objects that git has packed since they were listed.
    fn walk_gone<V: Visitor>(&self, gone: &[ObjectId], visitor: &V) -> Vec<Problem> {
        let mut scratch = visitor.scratch();
        let mut problems = Vec::new();
        for id in gone {
            match self.later().get(id) {
                Some((kind, bytes)) => visit_one(visitor, &mut scratch, (kind, id, &bytes)),
                None => problems.push(lost(id, "the loose object vanished while it was to be read")),
            }
        }
        visitor.finish(scratch);
        problems
    }

    /// Reads one object by its id, wherever it is.
    pub fn get(&self, id: &gix::oid) -> Option<(ObjectKind, Vec<u8>)> {
        let found = match self.loose_path(id) {
            Some(path) => self.get_loose(id, path),
            None => self.packs.iter().find_map(|pack| pack.get(id, &|base| self.get_elsewhere(base, pack))),
        };
        found.or_else(|| self.whole(id))
    }

    /// The kind of an object; packed ones are not decoded for it.
    pub fn kind(&self, id: &gix::oid) -> Option<ObjectKind> {
        let of = |id: &gix::oid| self.get(id).map(|(kind, _)| kind);
        if self.loose_path(id).is_some() {
            return of(id);
        }
        self.packs.iter().find_map(|pack| pack.kind(id, &of)).or_else(|| of(id))
    }

    pub(super) fn loose_path(&self, id: &gix::oid) -> Option<&Path> {
        let at = self.loose.binary_search_by(|(have, _)| have.as_ref().cmp(id)).ok()?;
        Some(&self.loose[at].1)
    }

    /// Every loose copy of an object.
    pub(super) fn copies(&self, id: &gix::oid) -> impl Iterator<Item = &Path> {
        let first = self.spare.partition_point(|(have, _)| have.as_ref() < id);
        let spare = self.spare[first..].iter().take_while(move |(have, _)| have.as_ref() == id);
        self.loose_path(id).into_iter().chain(spare.map(|(_, path)| path.as_path()))
    }

    fn get_loose(&self, id: &gix::oid, path: &Path) -> Option<(ObjectKind, Vec<u8>)> {
        match read_loose(path, &mut Inflater::default()) {
            Ok((kind, bytes, start)) => {
                Some((kind, bytes[start..].to_vec())).filter(|(kind, own)| self.is(id, *kind, own))
            }
            // Git has packed it since it was listed.
            Err(_) if !path.exists() => self.later().get(id),
            Err(_) => None,
        }
    }

    fn later(&self) -> &Self {
        self.later.get_or_init(|| Box::new(Self::open(&self.directory, self.hash)))
    }

    fn get_elsewhere(&self, id: &gix::oid, not: &Pack) -> Option<(ObjectKind, Vec<u8>)> {
        if let Some(path) = self.loose_path(id) {
            return self.get_loose(id, path);
        }
        // One step only: a base outside of two packs in a row does not happen in a healthy repository.
        self.packs.iter().filter(|p| !std::ptr::eq(*p, not)).find_map(|p| p.get(id, &|_| None))
    }
}

/// Hands an object that stands by itself to a visitor.
pub(super) fn visit_one<V: Visitor>(
    visitor: &V,
    scratch: &mut V::Scratch,
    (kind, id, bytes): (ObjectKind, &gix::oid, &[u8]),
) {
    if visitor.wants(kind) {
        let object = Object { kind, id, number: None, bytes, base: None, is_base: false, seen: false, known: false };
        visitor.visit(scratch, object);
    }
}

/// Kind, bytes with header, and where the content begins.
pub(super) fn read_loose(path: &Path, inflater: &mut Inflater) -> Result<(ObjectKind, Vec<u8>, usize), String> {
    let file = fs::read(path).map_err(|e| e.to_string())?;
    let mut bytes = Vec::new();
    inflater.all(&file, MAX_LOOSE, &mut bytes)?;
    let end = bytes.iter().take(64).position(|&b| b == 0).ok_or("its header is damaged")?;
    let mut words = bytes[..end].split(|&b| b == b' ');
    let kind = words.next().and_then(ObjectKind::from_name).ok_or("its header is damaged")?;
    let size =
        words.next().and_then(|n| std::str::from_utf8(n).ok()?.parse::<usize>().ok()).ok_or("its header is damaged")?;
    if bytes.len() - end - 1 != size {
        return Err("its size differs from its header".into());
    }
    Ok((kind, bytes, end + 1))
}

/// The store that holds what a push brings until it is accepted, if a hook of this repository is running.
fn quarantine(directory: &Path) -> Option<PathBuf> {
    let store = PathBuf::from(std::env::var_os("GIT_QUARANTINE_PATH")?).canonicalize().ok()?;
    store.starts_with(directory.canonicalize().ok()?).then_some(store)
}

/// Was something put into a directory or removed from it a moment ago? Clocks that differ count as that.
fn changed_recently(directory: &Path) -> bool {
    let changed = fs::metadata(directory).and_then(|meta| meta.modified());
    changed.is_ok_and(|at| at.elapsed().map_or(true, |age| age < RECENT))
}

/// Does a file or directory have the name of one that git has not finished?
fn is_temporary(path: &Path) -> bool {
    path.file_name().is_some_and(|name| {
        let name = name.to_string_lossy();
        name.starts_with("tmp_") || name.starts_with(".tmp-")
    })
}

pub(super) fn lost(id: &gix::oid, what: &str) -> Problem {
    Problem {
        object: format!("object {id}"),
        what: what.to_owned(),
        help: Some("run `git fsck`; fetch the repository again to get an undamaged copy".into()),
        accepted: false,
    }
}

pub(super) fn problem(path: &Path, what: &str, why: &str) -> Problem {
    Problem {
        object: path.display().to_string(),
        what: format!("{what}: {why}"),
        help: Some("run `git fsck` to see what is damaged".into()),
        accepted: false,
    }
}
