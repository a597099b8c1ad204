//! What can still be had of damaged packs: objects whose bytes are not what they were, and what is made from them.
//!
//! Git reads an object from wherever a whole copy of it is: another pack, a loose object, a store that this one borrows
//! from. The same goes for each object that a delta is made from. Nothing here is taken for whole whose id does not prove
//! it, so that a bit that turns one base into another makes no wrong content.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::finding::Problem;
use crate::source::delta;
use crate::source::inflate::Inflater;
use crate::source::objects::{Objects, read_loose, visit_one};
use crate::source::pack::{Buffers, MAX_CHAIN, OUTSIDE, ObjectKind, Pack};
use crate::source::verify::id_of;
use crate::source::walk::Visitor;

/// So many steps from pack to pack are made to find the base of a base.
const MAX_STEPS: usize = 64;

/// Entries of packs that need not be tried again, by the number of the pack and their place in it.
type Tried = HashSet<(usize, u32)>;

/// Kind and bytes.
type Content = (ObjectKind, Vec<u8>);

/// What came of the entries of a pack that could not be read the usual way.
#[derive(Debug, Default)]
pub(super) struct Mended {
    /// What no store has whole.
    pub(super) lost: Vec<Problem>,
    /// Damaged entries of which nothing is lost.
    pub(super) saved: u64,
}

impl Objects {
    /// Reads an object from wherever its bytes are right.
    pub(super) fn whole(&self, id: &gix::oid) -> Option<Content> {
        if self.is_lost(id) {
            return None;
        }
        let found = self.find_whole(id, &mut Tried::new(), 0);
        if found.is_none() {
            self.lost.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(id.to_owned());
        }
        found
    }

    /// Was the object looked for everywhere, and not found?
    fn is_lost(&self, id: &gix::oid) -> bool {
        self.lost.lock().unwrap_or_else(std::sync::PoisonError::into_inner).contains(id)
    }

    fn find_whole(&self, id: &gix::oid, tried: &mut Tried, steps: usize) -> Option<Content> {
        let loose = self.copies(id).find_map(|path| {
            let (kind, mut bytes, start) = read_loose(path, &mut Inflater::default()).ok()?;
            bytes.drain(..start);
            self.is(id, kind, &bytes).then_some((kind, bytes))
        });
        loose.or_else(|| {
            let mut packs = self.packs().iter().enumerate();
            packs.find_map(|(number, pack)| {
                let at = pack.place(id)?;
                (steps < MAX_STEPS && tried.insert((number, at)))
                    .then(|| self.whole_in((number, pack), at, tried, steps))?
            })
        })
    }

    /// Decodes an entry of a pack along its chain. Where a link is not what its id says, a copy from elsewhere stands in.
    fn whole_in(&self, (number, pack): (usize, &Pack), at: u32, tried: &mut Tried, steps: usize) -> Option<Content> {
        let mut chain = vec![at];
        loop {
            let entry = &pack.entries[chain[chain.len() - 1] as usize];
            if entry.kind.is_some() || entry.base >= OUTSIDE {
                break;
            }
            if chain.len() > MAX_CHAIN || self.is_lost(pack.id(&pack.entries[entry.base as usize])) {
                break;
            }
            chain.push(entry.base);
        }
        let mut have: Option<Content> = None;
        for &link in chain.iter().rev() {
            let entry = &pack.entries[link as usize];
            if have.is_none() && entry.base == OUTSIDE {
                have = pack.outside_base(entry).and_then(|base| self.find_whole(&base, tried, steps + 1));
            }
            let id = pack.id(entry);
            have = pack.made(link, have.as_ref()).filter(|(kind, bytes)| self.is(id, *kind, bytes));
            if have.is_none() && link != at {
                tried.insert((number, link));
                have = self.find_whole(id, tried, steps + 1);
            }
        }
        have
    }

    /// Has the object of an id this content?
    pub(super) fn is(&self, id: &gix::oid, kind: ObjectKind, bytes: &[u8]) -> bool {
        id_of(kind, bytes, self.hash()).is_some_and(|have| have == id)
    }

    /// Visits what can be had of entries of a pack that could not be read the usual way, and of what is made from them.
    pub(super) fn mend<V: Visitor>(
        &self,
        pack: &Pack,
        failed: &BTreeMap<u32, String>,
        visitor: &V,
        seen: &dyn Fn(&gix::oid) -> bool,
    ) -> Mended {
        let mut mended = Mended::default();
        let mut scratch = visitor.scratch();
        let mut done = HashSet::new();
        let mut stack: Vec<(u32, Option<Arc<Content>>)> = failed.keys().rev().map(|&at| (at, None)).collect();
        while let Some((at, base)) = stack.pop() {
            if !done.insert(at) {
                continue;
            }
            let entry = &pack.entries[at as usize];
            let id = pack.id(entry);
            let made = base.as_ref().and_then(|base| pack.made(at, Some(base)));
            let whole = made.filter(|(kind, bytes)| self.is(id, *kind, bytes)).or_else(|| self.whole(id));
            let whole = whole.map(Arc::new);
            stack.extend(pack.children(at).map(|child| (child, whole.clone())));
            let wanted = !seen(id) && visitor.wants_id(id);
            match whole {
                Some(whole) => {
                    mended.saved += u64::from(failed.contains_key(&at));
                    if wanted {
                        visit_one(visitor, &mut scratch, (whole.0, id, &whole.1));
                    }
                }
                None if wanted => {
                    let what = failed.get(&at).map_or("its delta base cannot be read", String::as_str);
                    mended.lost.push(pack.problem(entry, what));
                    // What stands in its place is looked at all the same.
                    let mut bytes = Vec::new();
                    if let Ok(kind) = pack.rebuild(at, &mut Buffers::default(), &|base| self.get(base), &mut bytes) {
                        visit_one(visitor, &mut scratch, (kind, id, &bytes));
                    }
                }
                None => {}
            }
        }
        visitor.finish(scratch);
        mended
    }
}

impl Pack {
    /// An entry from its own bytes and, if those are a delta, its base.
    fn made(&self, at: u32, base: Option<&Content>) -> Option<Content> {
        let entry = &self.entries[at as usize];
        let mut own = Vec::new();
        if entry.kind.is_none() && base.is_none() || entry.data == 0 {
            return None;
        }
        self.inflate(&mut Inflater::default(), entry, &mut own).ok()?;
        match (entry.kind, base) {
            (Some(kind), _) => Some((kind, own)),
            (None, Some((kind, base))) => {
                let mut bytes = Vec::new();
                delta::apply(base, &own, &mut bytes, &mut Vec::new())?;
                Some((*kind, bytes))
            }
            (None, None) => None,
        }
    }

    /// Entries that no root leads to: they hang on each other in a circle.
    pub(super) fn circles(&self) -> Vec<u32> {
        let ordered = self.entries.iter().enumerate().all(|(at, e)| e.base >= OUTSIDE || (e.base as usize) < at);
        if ordered {
            return Vec::new();
        }
        let count = self.entries.len() as u32;
        let mut reached = vec![false; self.entries.len()];
        let mut stack: Vec<u32> = (0..count).filter(|&at| self.entries[at as usize].base >= OUTSIDE).collect();
        while let Some(at) = stack.pop() {
            if !std::mem::replace(&mut reached[at as usize], true) {
                stack.extend(self.children(at));
            }
        }
        (0..count).filter(|&at| !reached[at as usize]).collect()
    }
}
