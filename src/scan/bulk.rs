//! Many blobs of a repository at once: along the packs, as the whole history is scanned, instead of one by one.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use gix::ObjectId;
use gix::hashtable::HashSet;

use crate::detect::incremental::{self, Memo};
use crate::detect::text;
use crate::scan::added::Found;
use crate::scan::collect::{Sink, Source};
use crate::scan::{Scan, large};
use crate::source::pack::ObjectKind;
use crate::source::repository::Repository;
use crate::source::walk::{LargeBlob, Memory, Object, Visitor};

/// From how many blobs on packs are walked.
pub(super) const MANY: usize = 8_000;

/// Decoded delta bases that may be kept at a time, in bytes over all workers.
const BASE_MEMORY: usize = 160 << 20;

/// What a walk gave.
#[derive(Debug, Default)]
pub(super) struct Bulk {
    /// Blobs that were scanned, and those that time was too short for.
    pub(super) visited: BTreeSet<ObjectId>,
    pub(super) found: Found,
    pub(super) bytes: u64,
    pub(super) late: u64,
}

/// Scans the blobs of the repository's own stores that are wanted. What is not there, or cannot be read, is not among the
/// visited.
pub(super) fn scan(
    scan: &Scan<'_>,
    repository: &Repository,
    wanted: &BTreeSet<ObjectId>,
    deadline: Option<Instant>,
) -> Bulk {
    let objects = repository.objects();
    let visitor = Wanted {
        scan,
        wanted: wanted.iter().copied().collect(),
        deadline,
        bytes: AtomicU64::new(0),
        late: AtomicU64::new(0),
        done: Mutex::default(),
    };
    objects.walk(&visitor, &Memory::new(BASE_MEMORY));
    let (visited, found) = visitor.done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    Bulk { visited, found, bytes: visitor.bytes.into_inner(), late: visitor.late.into_inner() }
}

struct Wanted<'a> {
    scan: &'a Scan<'a>,
    wanted: HashSet,
    deadline: Option<Instant>,
    bytes: AtomicU64,
    late: AtomicU64,
    done: Mutex<(BTreeSet<ObjectId>, Found)>,
}

struct Bench<'a> {
    sink: Sink<'a>,
    visited: Vec<ObjectId>,
    found: Found,
    bytes: u64,
}

impl<'a> Visitor for Wanted<'a> {
    type State = Memo;
    type Scratch = Bench<'a>;

    fn scratch(&self) -> Self::Scratch {
        let sink = Sink::new(self.scan.detector, self.scan.options);
        Bench { sink, visited: Vec::new(), found: Found::new(), bytes: 0 }
    }

    fn wants(&self, kind: ObjectKind) -> bool {
        kind == ObjectKind::Blob
    }

    fn wants_id(&self, id: &gix::oid) -> bool {
        self.wanted.contains(id)
    }

    fn visit(&self, bench: &mut Bench<'a>, object: Object<'_, Memo>) -> Memo {
        let wanted = !object.seen && self.wanted.contains(object.id);
        if wanted {
            bench.visited.push(object.id.to_owned());
        }
        if self.deadline.is_some_and(|deadline| Instant::now() > deadline) {
            self.late.fetch_add(u64::from(wanted), Ordering::Relaxed);
            return Memo::opaque();
        }
        let text = text::sniff(object.bytes);
        let memo = match object.base {
            Some(base) if text.via.is_none() && !self.scan.options.plain => incremental::scan_change(
                self.scan.detector,
                object.bytes,
                base.state,
                base.regions,
                &mut bench.sink.scratch,
            ),
            _ => incremental::scan_whole(self.scan.detector, &text.bytes, &mut bench.sink.scratch),
        };
        if wanted {
            bench.bytes += object.bytes.len() as u64;
            bench.sink.take(&memo, &text, &Source::Object(ObjectKind::Blob, object.id.to_owned()));
            let entries = bench.sink.drain();
            if !entries.is_empty() {
                bench.found.insert(object.id.to_owned(), entries);
            }
        }
        if text.via.is_some() { Memo::opaque() } else { memo }
    }

    fn visit_large(&self, bench: &mut Bench<'a>, blob: LargeBlob<'_>) -> std::io::Result<bool> {
        let late = self.deadline.is_some_and(|deadline| Instant::now() > deadline);
        if late || self.scan.options.plain || !self.wanted.contains(blob.id) {
            return Ok(false);
        }
        let source = Source::Object(ObjectKind::Blob, blob.id.to_owned());
        let Some(len) = large::scan_or_nothing(&mut bench.sink, blob.content, &source) else { return Ok(false) };
        bench.bytes += len;
        bench.visited.push(blob.id.to_owned());
        let entries = bench.sink.drain();
        if !entries.is_empty() {
            bench.found.insert(blob.id.to_owned(), entries);
        }
        Ok(true)
    }

    fn finish(&self, bench: Bench<'a>) {
        self.scan.progress.advance(bench.visited.len() as u64);
        self.bytes.fetch_add(bench.bytes, Ordering::Relaxed);
        self.scan.collected.merge(bench.sink);
        let mut done = self.done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        done.0.extend(bench.visited);
        done.1.extend(bench.found);
    }
}
