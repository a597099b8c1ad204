//! Walking the delta trees of a pack, so that every entry is inflated once.
//!
//! The walk goes through the roots in the order of their size, children after their base. What a visitor found out about
//! a base is handed to its children together with the regions that they copy, so that only changes need a look.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rayon::Scope;
use rayon::prelude::*;

use crate::blob::Region;
use crate::source::HUGE;
use crate::source::delta;
use crate::source::inflate::Content;
use crate::source::mend::Mended;
use crate::source::objects::Objects;
use crate::source::pack::{Buffers, Fetch, NONE, OUTSIDE, ObjectKind, Pack};

/// An object handed to a visitor.
#[derive(Debug)]
pub struct Object<'a, S> {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its id.
    pub id: &'a gix::oid,
    /// Its number, if that is known without a look-up.
    pub number: Option<u32>,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// The object it was made from.
    pub base: Option<Base<'a, S>>,
    /// Others are made from it: they will be given what is made of it now.
    pub is_base: bool,
    /// The object was already seen in another pack; it is here only because others are made from it.
    pub seen: bool,
    /// All of its pack was looked at before; this one is wanted for what was found in it, or is the base of such a one.
    pub known: bool,
}

/// The object that another was made from.
#[derive(Debug)]
pub struct Base<'a, S> {
    /// What is known of it.
    pub state: &'a S,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Which regions come from there.
    pub regions: &'a [Region],
}

/// A blob that is too large to be held in memory.
#[derive(Debug)]
pub struct LargeBlob<'a> {
    /// Its id.
    pub id: &'a gix::oid,
    /// Its number.
    pub number: u32,
    /// Its content.
    pub content: Content<'a>,
    /// As [`Object::known`].
    pub known: bool,
}

impl<S> Clone for Base<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Base<'_, S> {}

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
    /// The objects of a pack that are wanted, by their sorted places in its index; `None` for all of them. Those that were
    /// looked at before are [`Object::known`].
    fn only(&self, _: usize) -> Option<&[u32]> {
        None
    }
    /// A pack was walked; `sound` if nothing in it was lost.
    fn pack_done(&self, _: usize, _: bool) {}
    /// Looks at an object.
    fn visit(&self, scratch: &mut Self::Scratch, object: Object<'_, Self::State>) -> Self::State;
    /// Looks at a blob larger than [`HUGE`] that nothing is made from. `false`: it must be read as a whole to be understood,
    /// and is handed to [`Visitor::visit`].
    fn visit_large(&self, _: &mut Self::Scratch, _: LargeBlob<'_>) -> std::io::Result<bool> {
        Ok(false)
    }
    /// Takes the scratch space back when a piece of the work is done.
    fn finish(&self, scratch: Self::Scratch);
}

impl Pack {
    /// Walks all objects of the wanted kinds; `seen` tells which are in an earlier pack. What the walk cannot read is got
    /// from elsewhere in `objects`, if it is there.
    pub(super) fn walk<V: Visitor>(
        &self,
        (number, first): (usize, u32),
        visitor: &V,
        seen: &(dyn Fn(&gix::oid) -> bool + Sync),
        objects: &Objects,
        memory: &Memory,
    ) -> Mended {
        let only = visitor.only(number);
        if only.is_some_and(<[u32]>::is_empty) {
            return Mended::default();
        }
        let needed = self.needed(visitor, only);
        let weights = self.weights();
        let mut roots: Vec<u32> = (0..self.entries.len() as u32)
            .filter(|&at| {
                let entry = &self.entries[at as usize];
                needed[at as usize] && (entry.base == OUTSIDE || entry.kind.is_some_and(|k| visitor.wants(k)))
            })
            .collect();
        // Large trees first, so that none is left alone at the end; small ones in the order of the pack.
        roots.sort_by_key(|&at| (std::cmp::Reverse(weights[at as usize] >> 20), at));
        let walker = Walker {
            pack: self,
            visitor,
            seen,
            fetch: &|id| objects.get(id),
            memory,
            weights: &weights,
            needed: &needed,
            known: only.is_some(),
            first,
        };
        let chunks = chunks(&roots, &weights);
        let failed = Mutex::new(Failed::new());
        rayon::scope(|scope| {
            chunks.into_par_iter().for_each(|chunk| {
                let tasks = chunk.iter().rev().map(|&root| (root, None)).collect();
                walker.run(scope, tasks, &failed);
            });
        });
        let mut failed = failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        failed.extend(self.suspects.iter().map(|(at, why)| (*at, (*why).to_owned())));
        failed.extend(self.circles().into_iter().map(|at| (at, "its delta base cannot be read".to_owned())));
        if failed.is_empty() {
            return Mended::default();
        }
        objects.mend(self, &failed, visitor, seen)
    }

    /// Which entries are wanted, or lead to one that is.
    fn needed<V: Visitor>(&self, visitor: &V, only: Option<&[u32]>) -> Vec<bool> {
        let mut needed: Vec<bool> = match only {
            Some(places) => {
                let mut wanted = vec![false; self.entries.len()];
                for at in places.iter().filter(|at| (**at as usize) < self.entries.len()) {
                    wanted[*at as usize] = true;
                }
                self.entries.iter().map(|e| wanted[e.position as usize]).collect()
            }
            None => self.entries.iter().map(|e| visitor.wants_id(self.id(e))).collect(),
        };
        if !self.is_sound() {
            for (at, needed) in needed.iter_mut().enumerate() {
                *needed &= !self.is_tainted(at as u32);
            }
        }
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

    /// About how much work each entry and everything made from it is, as far as the order of the pack tells: a byte that is
    /// new counts for one.
    fn weights(&self) -> Vec<u64> {
        // What a delta makes is about as large as what it is made from.
        let mut whole: Vec<u64> = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            whole.push(whole.get(entry.base as usize).copied().unwrap_or(entry.size));
        }
        let own = self.entries.iter().zip(whole);
        let mut weights: Vec<u64> = own.map(|(entry, whole)| entry.size + whole / COPIED + 256).collect();
        for at in (0..self.entries.len()).rev() {
            let base = self.entries[at].base;
            if (base as usize) < at {
                weights[base as usize] += weights[at];
            }
        }
        weights
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
    known: bool,
    /// The number of the first object of the pack.
    first: u32,
}

/// What one worker needs for a piece of work.
struct Bench<S> {
    buffers: Buffers,
    spare: Vec<Vec<u8>>,
    scratch: S,
    failed: Failed,
}

/// Entries that could not be decoded, and why.
type Failed = BTreeMap<u32, String>;

/// An entry to be visited, with its base if that was kept.
type Task<S> = (u32, Option<Arc<Node<S>>>);

/// So many bytes that are copied from a base are as much work as one that is new: it took a fortieth to a twentieth in
/// profiles of whole histories.
const COPIED: u64 = 32;

/// Work on what is made from one object is handed to other workers in pieces of about this weight.
const SPLIT: u64 = 4 << 20;

impl<V: Visitor> Walker<'_, V> {
    fn run<'s>(&'s self, scope: &Scope<'s>, mut stack: Vec<Task<V::State>>, failed: &'s Mutex<Failed>) {
        let mut bench = Bench {
            buffers: Buffers::default(),
            spare: Vec::new(),
            scratch: self.visitor.scratch(),
            failed: Failed::new(),
        };
        while let Some((at, base)) = stack.pop() {
            match self.entry(at, base.as_deref(), &mut bench) {
                Ok(Some(node)) => {
                    let node = Arc::new(node);
                    let kept = self.memory.take(node.bytes.len());
                    let start = stack.len();
                    let children = self.pack.children(at).filter(|&child| self.needed[child as usize]);
                    stack.extend(children.map(|child| (child, kept.then(|| Arc::clone(&node)))));
                    for piece in self.hand_over(&mut stack, start) {
                        scope.spawn(move |scope| self.run(scope, piece, failed));
                    }
                    stack[start..].reverse();
                    // Others may be done with it already.
                    self.recycle_owned(Arc::into_inner(node), &mut bench, kept);
                }
                Ok(None) => {}
                Err(why) => drop(bench.failed.insert(at, why)),
            }
            if let Some(base) = base {
                self.recycle_owned(Arc::into_inner(base), &mut bench, true);
            }
        }
        self.visitor.finish(bench.scratch);
        if !bench.failed.is_empty() {
            failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(bench.failed);
        }
    }

    /// Takes tasks from the end of a stack that are much work beside those that stay, in pieces for a worker each.
    fn hand_over(&self, stack: &mut Vec<Task<V::State>>, start: usize) -> Vec<Vec<Task<V::State>>> {
        let mut pieces = Vec::new();
        let mut weight = 0;
        let full = |(at, _): &Task<V::State>| {
            weight += self.weights[*at as usize];
            weight >= SPLIT
        };
        let Some(stays) = stack[start..].iter().position(full) else { return pieces };
        let (mut piece, mut weight) = (Vec::new(), 0);
        for task in stack.drain(start + stays + 1..).rev() {
            weight += self.weights[task.0 as usize];
            piece.push(task);
            if weight >= SPLIT {
                pieces.push(std::mem::take(&mut piece));
                weight = 0;
            }
        }
        pieces.extend((!piece.is_empty()).then_some(piece));
        pieces
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

    /// Decodes and visits an entry; gives it back if others are made from it.
    fn entry(
        &self,
        at: u32,
        base: Option<&Node<V::State>>,
        bench: &mut Bench<V::Scratch>,
    ) -> Result<Option<Node<V::State>>, String> {
        let entry = &self.pack.entries[at as usize];
        let id = self.pack.id(entry);
        let has_children = entry.first_child != NONE;
        let seen = (self.seen)(id);
        if seen && !has_children {
            return Ok(None);
        }
        if entry.size > HUGE && !has_children && entry.kind == Some(ObjectKind::Blob) {
            let (number, content) = (self.first + entry.position, self.pack.content(entry)?);
            let blob = LargeBlob { id, number, content, known: self.known };
            if self.visitor.visit_large(&mut bench.scratch, blob).map_err(|e| e.to_string())? {
                return Ok(None);
            }
        }
        let mut bytes = bench.spare.pop().unwrap_or_default();
        let (kind, regions) = match (entry.kind, base) {
            (Some(kind), _) => {
                self.pack.inflate(&mut bench.buffers.inflater, entry, &mut bytes)?;
                (kind, false)
            }
            (None, Some(base)) => {
                let Buffers { inflater, delta, regions } = &mut bench.buffers;
                self.pack.inflate(inflater, entry, delta)?;
                delta::apply(&base.bytes, delta, &mut bytes, regions).ok_or("its delta is damaged")?;
                (base.kind, true)
            }
            (None, None) => (self.pack.rebuild(at, &mut bench.buffers, self.fetch, &mut bytes)?, false),
        };
        if !self.visitor.wants(kind) {
            return Ok(None);
        }
        let object = Object {
            kind,
            id,
            number: (!seen).then_some(self.first + entry.position),
            bytes: &bytes,
            base: base.filter(|_| regions).map(|b| Base {
                state: &b.state,
                bytes: &b.bytes,
                regions: &bench.buffers.regions,
            }),
            is_base: has_children,
            seen,
            known: self.known,
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
