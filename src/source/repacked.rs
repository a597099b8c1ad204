//! Packs that were written anew from what is known: after `git gc` or `git repack` all objects are where they were not, and
//! are what they were.
//!
//! An object is its id, so what an earlier scan found out about the objects of packs that are gone holds for those of the
//! packs that came, if these have them all. The few that are new are read one by one.

use std::path::Path;

use rayon::prelude::*;

use crate::finding::Problem;
use crate::source::objects::{Objects, lost};
use crate::source::opened::How;
use crate::source::pack::Pack;
use crate::source::verify::{self, Verdict};
use crate::source::walk::{LargeBlob, Object, Visitor};

/// New objects that a worker reads at a time.
const CHUNK: usize = 32;

/// Where the objects of packs that are gone are now.
#[derive(Debug)]
pub struct Moved {
    /// The number of each by the number that it had.
    pub numbers: Vec<u32>,
    /// The numbers of objects in packs that were not there.
    pub fresh: Vec<u32>,
}

impl Objects {
    /// Opens all stores without reading any pack; `None` if anything in them is odd.
    pub fn open_unread(directory: &Path, hash: gix::hash::Kind) -> Option<Self> {
        let objects = Self::open_once(directory, hash, How { records: None, covered: &[], all: true });
        (objects.is_sound() && objects.packs().iter().all(Pack::is_covered)).then_some(objects)
    }

    /// Finds objects by their ids, one after the other in the order of the numbers that they had; `None` if one is gone, or if
    /// more than so many are new.
    pub fn moved(&self, ids: &[u8], most: usize) -> Option<Moved> {
        let find = |id: &[u8]| self.number(gix::oid::try_from_bytes(id).ok()?).filter(|number| *number < self.packed());
        let ids = ids.par_chunks(self.hash().len_in_bytes()).with_min_len(1024);
        let numbers: Vec<u32> = ids.map(find).collect::<Option<_>>()?;
        let mut known = vec![false; self.packed() as usize];
        numbers.iter().for_each(|number| known[*number as usize] = true);
        // An object that several packs have is looked at in the first of them.
        let unknown = (0..).zip(known).filter(|(_, known)| !known).map(|(number, _)| number);
        let fresh = unknown.filter(|number| self.number(&self.id(*number)) == Some(*number));
        let fresh: Vec<u32> = fresh.take(most + 1).collect();
        (fresh.len() <= most).then_some(Moved { numbers, fresh })
    }

    /// Are the packs but those with these keys what their indices say?
    pub fn are_whole(&self, known: &[Vec<u8>]) -> bool {
        let unknown = self.packs().par_iter().filter(|pack| pack.key().is_none_or(|key| !known.contains(&key)));
        unknown
            .map(|pack| verify::check(&pack.index_path(), self.hash()))
            .all(|verdict| matches!(verdict, Verdict::Sound))
    }

    /// Reads objects one by one; gives what cannot be read.
    pub(super) fn walk_fresh<V: Visitor>(&self, visitor: &V) -> Vec<Problem> {
        let chunk = |numbers: &[u32]| {
            let (mut scratch, mut problems) = (visitor.scratch(), Vec::new());
            for &number in numbers {
                let id = self.id(number);
                if let Some(content) = self.large(&id) {
                    let blob = LargeBlob { id: &id, number, content, known: false };
                    if let Ok(true) = visitor.visit_large(&mut scratch, blob) {
                        continue;
                    }
                }
                let Some((kind, bytes)) = self.get(&id) else {
                    problems.push(lost(&id, "it cannot be read"));
                    continue;
                };
                if visitor.wants(kind) {
                    let (id, bytes, number) = (id.as_ref(), bytes.as_slice(), Some(number));
                    let object =
                        Object { kind, id, number, bytes, base: None, is_base: false, seen: false, known: false };
                    visitor.visit(&mut scratch, object);
                }
            }
            visitor.finish(scratch);
            problems
        };
        self.fresh.par_chunks(CHUNK).flat_map_iter(chunk).collect()
    }

    /// The ids of all objects in packs, one after the other in the order of their numbers.
    pub fn packed_ids(&self) -> Vec<u8> {
        let mut ids = Vec::with_capacity(self.packed() as usize * self.hash().len_in_bytes());
        for pack in self.packs() {
            (0..pack.len() as u32).for_each(|at| ids.extend_from_slice(pack.id_at(at).as_bytes()));
        }
        ids
    }

    /// All that is to be read of these objects, of which the others are known.
    pub fn with_fresh(mut self, fresh: Vec<u32>) -> Self {
        self.fresh = fresh;
        self
    }
}
