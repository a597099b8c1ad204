//! All object stores of a repository: its own and its alternates', packed and loose, each object once.

use std::fs;
use std::path::{Path, PathBuf};

use gix::ObjectId;
use rayon::prelude::*;

use crate::error::Error;
use crate::finding::Problem;
use crate::source::inflate::Inflater;
use crate::source::pack::{Memory, Object, ObjectKind, Pack, Visitor};

/// Largest loose object that is read, in expanded bytes.
const MAX_LOOSE: usize = 1 << 31;

/// The object stores of a repository.
#[derive(Debug)]
pub struct Objects {
    hash: gix::hash::Kind,
    packs: Vec<Pack>,
    /// Loose objects that are in no pack, sorted by id.
    loose: Vec<(ObjectId, PathBuf)>,
    problems: Vec<Problem>,
    promisor: bool,
    has_alternates: bool,
}

impl Objects {
    /// Opens all stores that belong to an objects directory.
    pub fn open(directory: &Path, hash: gix::hash::Kind) -> Self {
        let mut objects = Self {
            hash,
            packs: Vec::new(),
            loose: Vec::new(),
            problems: Vec::new(),
            promisor: false,
            has_alternates: false,
        };
        let mut stores = vec![directory.to_owned()];
        match gix::odb::alternate::resolve(directory.to_owned(), &std::env::current_dir().unwrap_or_default()) {
            Ok(alternates) => {
                objects.has_alternates = !alternates.is_empty();
                stores.extend(alternates);
            }
            Err(e) => objects.problems.push(problem(
                &directory.join("info/alternates"),
                "the alternates cannot be read",
                &e.to_string(),
            )),
        }
        for store in stores {
            objects.add_packs(&store);
            objects.list_loose(&store);
        }
        objects.loose.sort();
        objects.loose.dedup_by(|a, b| a.0 == b.0);
        let packs = &objects.packs;
        objects.loose.retain(|(id, _)| !packs.iter().any(|p| p.has(id)));
        objects
    }

    /// What could not be opened.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().chain(self.packs.iter().flat_map(Pack::problems))
    }

    /// Is there a pack from a promisor remote, so that objects may be missing on purpose?
    pub fn has_promisor_packs(&self) -> bool {
        self.promisor
    }

    /// Are all objects in one pack of this repository, as after a clone or a full repack?
    pub fn is_one_pack(&self) -> bool {
        self.packs.len() == 1 && self.loose.is_empty() && !self.has_alternates
    }

    /// Number of objects, packed and loose; objects in several packs count for each.
    pub fn len(&self) -> usize {
        self.packs.iter().map(Pack::len).sum::<usize>() + self.loose.len()
    }

    /// About how many objects a walk of the wanted kinds visits, for a progress bar.
    pub fn count(&self, wants: &dyn Fn(ObjectKind) -> bool) -> usize {
        self.packs.iter().map(|pack| pack.count(wants)).sum::<usize>() + self.loose.len()
    }

    /// Are there no objects at all?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Does some store hold the object?
    pub fn has(&self, id: &gix::oid) -> bool {
        self.packs.iter().any(|p| p.has(id)) || self.loose.binary_search_by(|(have, _)| have.as_ref().cmp(id)).is_ok()
    }

    fn add_packs(&mut self, store: &Path) {
        let directory = store.join("pack");
        let listing = match fs::read_dir(&directory) {
            Ok(listing) => listing,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && store.is_dir() => return,
            Err(e) => {
                return self.problems.push(problem(&directory, "the object store cannot be read", &e.to_string()));
            }
        };
        let mut files: Vec<PathBuf> = listing.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.sort();
        self.promisor |= files.iter().any(|f| f.extension().is_some_and(|e| e == "promisor"));
        let has = |path: &Path, extension: &str| files.binary_search(&path.with_extension(extension)).is_ok();
        for pack in files.iter().filter(|f| f.extension().is_some_and(|e| e == "pack")) {
            if !has(pack, "idx") {
                self.problems.push(problem(pack, "the pack has no index", "run `git index-pack` on it"));
            }
        }
        let indices: Vec<&PathBuf> = files.iter().filter(|f| f.extension().is_some_and(|e| e == "idx")).collect();
        let hash = self.hash;
        let opened: Vec<_> = indices.into_par_iter().map(|index| (index, Pack::open(index, hash))).collect();
        for (index, pack) in opened {
            match pack {
                Ok(pack) => self.packs.push(pack),
                Err(e) => self.problems.push(from_error(index, &e)),
            }
        }
    }

    fn list_loose(&mut self, store: &Path) {
        let Ok(fans) = fs::read_dir(store) else { return };
        for fan in fans.filter_map(std::result::Result::ok) {
            let name = fan.file_name();
            let Some(prefix) = name.to_str().filter(|n| n.len() == 2 && n.bytes().all(|b| b.is_ascii_hexdigit()))
            else {
                continue;
            };
            let files = match fs::read_dir(fan.path()) {
                Ok(files) => files,
                Err(e) => {
                    self.problems.push(problem(&fan.path(), "loose objects cannot be listed", &e.to_string()));
                    continue;
                }
            };
            for file in files.filter_map(std::result::Result::ok) {
                let name = file.file_name();
                let id = name.to_str().and_then(|rest| ObjectId::from_hex(format!("{prefix}{rest}").as_bytes()).ok());
                // Anything else there is a temporary file of git.
                if let Some(id) = id.filter(|id| id.kind() == self.hash) {
                    self.loose.push((id, file.path()));
                }
            }
        }
    }

    /// Walks every object of the wanted kinds once; gives what could not be read, sorted.
    pub fn walk<V: Visitor>(&self, visitor: &V, memory: &Memory) -> Vec<Problem> {
        let fetch = |id: &gix::oid| self.get(id);
        let mut problems = Vec::new();
        for (at, pack) in self.packs.iter().enumerate() {
            let earlier = &self.packs[..at];
            let seen = |id: &gix::oid| earlier.iter().any(|p| p.has(id));
            problems.extend(pack.walk(visitor, &seen, &fetch, memory));
        }
        problems.extend(self.walk_loose(visitor));
        problems.sort();
        problems.dedup();
        problems
    }

    fn walk_loose<V: Visitor>(&self, visitor: &V) -> Vec<Problem> {
        self.loose
            .par_chunks(256)
            .map(|chunk| {
                let mut scratch = visitor.scratch();
                let mut inflater = Inflater::default();
                let mut problems = Vec::new();
                for (id, path) in chunk {
                    match read_loose(path, &mut inflater) {
                        Ok((kind, bytes, start)) if visitor.wants(kind) => {
                            visitor.visit(
                                &mut scratch,
                                Object { kind, id, bytes: &bytes[start..], base: None, seen: false },
                            );
                        }
                        Ok(_) => {}
                        Err(what) => problems.push(Problem {
                            object: format!("object {id}"),
                            what: format!("the loose object cannot be read: {what}"),
                            help: Some("run `git fsck`; fetch the repository again to get an undamaged copy".into()),
                            accepted: false,
                        }),
                    }
                }
                visitor.finish(scratch);
                problems
            })
            .reduce(Vec::new, |mut a, b| {
                a.extend(b);
                a
            })
    }

    /// Reads one object by its id, wherever it is.
    pub fn get(&self, id: &gix::oid) -> Option<(ObjectKind, Vec<u8>)> {
        if let Ok(at) = self.loose.binary_search_by(|(have, _)| have.as_ref().cmp(id)) {
            let (kind, bytes, start) = read_loose(&self.loose[at].1, &mut Inflater::default()).ok()?;
            return Some((kind, bytes[start..].to_vec()));
        }
        self.packs.iter().find_map(|pack| pack.get(id, &|base| self.get_elsewhere(base, pack)))
    }

    fn get_elsewhere(&self, id: &gix::oid, not: &Pack) -> Option<(ObjectKind, Vec<u8>)> {
        if let Ok(at) = self.loose.binary_search_by(|(have, _)| have.as_ref().cmp(id)) {
            let (kind, bytes, start) = read_loose(&self.loose[at].1, &mut Inflater::default()).ok()?;
            return Some((kind, bytes[start..].to_vec()));
        }
        // One step only: a base outside of two packs in a row does not happen in a healthy repository.
        self.packs.iter().filter(|p| !std::ptr::eq(*p, not)).find_map(|p| p.get(id, &|_| None))
    }
}

/// Kind, bytes with header, and where the content begins.
fn read_loose(path: &Path, inflater: &mut Inflater) -> Result<(ObjectKind, Vec<u8>, usize), String> {
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

fn problem(path: &Path, what: &str, why: &str) -> Problem {
    Problem {
        object: path.display().to_string(),
        what: format!("{what}: {why}"),
        help: Some("run `git fsck` to see what is damaged".into()),
        accepted: false,
    }
}

fn from_error(path: &Path, error: &Error) -> Problem {
    Problem {
        object: path.display().to_string(),
        what: error.to_string(),
        help: error.advice().map(str::to_owned),
        accepted: false,
    }
}
