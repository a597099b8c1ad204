//! Scanning the objects of a history as a walk hands them over, each as what it changes in its base.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::archive;
use crate::detect::incremental::{self, Memo};
use crate::detect::{Detector, text};
use crate::provenance::{self, Absent, CommitList};
use crate::scan::collect::{Collected, Sink, Source};
use crate::scan::resume::{Known, Seen};
use crate::scan::{Options, Progress, Scan, large};
use crate::source::objects::Objects;
use crate::source::pack::ObjectKind;
use crate::source::walk::{LargeBlob, Object, Visitor};

/// Counts of what was read.
#[derive(Debug, Default)]
struct Counts {
    blobs: AtomicU64,
    commits: AtomicU64,
    tags: AtomicU64,
    bytes: AtomicU64,
}

impl Counts {
    /// Blobs, commits, tags, and bytes of all of them.
    fn now(&self) -> [u64; 4] {
        [&self.blobs, &self.commits, &self.tags, &self.bytes].map(|count| count.load(Ordering::Relaxed))
    }
}

/// Scans the objects of a walk.
pub(super) struct HistoryVisitor<'a> {
    detector: &'a Detector,
    options: &'a Options,
    progress: &'a dyn Progress,
    objects: &'a Objects,
    absent: &'a Absent,
    packs: &'a [Option<Known>],
    counts: Counts,
    /// Of the packs that are being walked now.
    of_packs: Mutex<OfPacks>,
    /// All packs were walked: what comes now are single objects.
    past_packs: AtomicBool,
    found: Found,
    commits: Mutex<CommitList>,
}

/// What is kept of the objects of a pack, by number.
#[derive(Debug, Default)]
struct OfPacks {
    /// With something to report.
    loud: Vec<u32>,
    /// With something to say that is no finding.
    odd: Vec<u32>,
    seen: Vec<Seen>,
}

/// What a walk finds.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) in_packs: Collected,
    pub(super) loose: Collected,
}

/// What came of a walk.
#[derive(Debug)]
pub(super) struct Walked {
    pub(super) found: Found,
    pub(super) commits: CommitList,
    /// Blobs, commits, tags, and bytes of all of them.
    pub(super) counts: [u64; 4],
    /// Those of them that are known from records of packs.
    pub(super) known: [u64; 4],
    pub(super) seen: Vec<Seen>,
    /// Objects of packs with something to say that is no finding.
    pub(super) odd: Vec<u32>,
}

impl<'a> HistoryVisitor<'a> {
    /// A visitor of objects of which some packs were scanned before.
    pub(super) fn new(scan: &Scan<'a>, objects: &'a Objects, absent: &'a Absent, packs: &'a [Option<Known>]) -> Self {
        Self {
            detector: scan.detector,
            options: scan.options,
            progress: scan.progress,
            objects,
            absent,
            packs,
            counts: Counts::default(),
            of_packs: Mutex::default(),
            past_packs: AtomicBool::new(objects.packs().is_empty()),
            found: Found::default(),
            commits: Mutex::default(),
        }
    }

    /// What came of it.
    pub(super) fn finish(self) -> Walked {
        let OfPacks { odd, seen, .. } = self.of_packs.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let commits = self.commits.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        Walked { found: self.found, commits, counts: self.counts.now(), known: [0; 4], seen, odd }
    }
}

impl Walked {
    /// Adds what is known of a pack.
    pub(super) fn add(&mut self, counts: [u64; 4]) {
        for (at, count) in counts.into_iter().enumerate() {
            self.counts[at] += count;
            self.known[at] += count;
        }
    }
}

/// Scratch of a history worker: its findings and its counts, given over together.
pub(super) struct HistoryScratch<'a> {
    sink: Sink<'a>,
    blobs: u64,
    commits: u64,
    tags: u64,
    bytes: u64,
    list: CommitList,
    loud: Vec<u32>,
    odd: Vec<u32>,
}

impl<'a> Visitor for HistoryVisitor<'a> {
    type State = Memo;
    type Scratch = HistoryScratch<'a>;

    fn scratch(&self) -> Self::Scratch {
        let sink = Sink::new(self.detector, self.options);
        let (loud, odd) = (Vec::new(), Vec::new());
        HistoryScratch { sink, blobs: 0, commits: 0, tags: 0, bytes: 0, list: CommitList::default(), loud, odd }
    }

    fn wants(&self, kind: ObjectKind) -> bool {
        kind != ObjectKind::Tree
    }

    fn only(&self, pack: usize) -> Option<&[u32]> {
        self.packs.get(pack)?.as_ref().map(|known| &*known.loud)
    }

    fn visit(&self, scratch: &mut Self::Scratch, object: Object<'_, Memo>) -> Memo {
        let before = (scratch.sink.marks(), scratch.sink.remarks());
        if !object.known {
            self.count(scratch, &object);
        }
        let memo = look(&mut scratch.sink, &object);
        self.note(scratch, before, object.known, || self.objects.number_of(&object));
        memo
    }

    fn visit_large(&self, scratch: &mut Self::Scratch, blob: LargeBlob<'_>) -> std::io::Result<bool> {
        if self.options.plain {
            return Ok(false);
        }
        let before = (scratch.sink.marks(), scratch.sink.remarks());
        let source = Source::Object(ObjectKind::Blob, blob.id.to_owned());
        scratch.sink.begin();
        let Some(len) = large::scan(&mut scratch.sink, blob.content, &source)? else { return Ok(false) };
        if !blob.known {
            scratch.blobs += 1;
            scratch.bytes += len;
        }
        self.note(scratch, before, blob.known, || Some(blob.number));
        Ok(true)
    }

    fn finish(&self, scratch: Self::Scratch) {
        self.progress.advance(scratch.blobs + scratch.commits + scratch.tags);
        self.counts.blobs.fetch_add(scratch.blobs, Ordering::Relaxed);
        self.counts.commits.fetch_add(scratch.commits, Ordering::Relaxed);
        self.counts.tags.fetch_add(scratch.tags, Ordering::Relaxed);
        self.counts.bytes.fetch_add(scratch.bytes, Ordering::Relaxed);
        self.commits.lock().unwrap_or_else(std::sync::PoisonError::into_inner).append(scratch.list);
        if self.past_packs.load(Ordering::Relaxed) {
            return self.found.loose.merge(scratch.sink);
        }
        let mut of_packs = self.of_packs.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        of_packs.loud.extend(scratch.loud);
        of_packs.odd.extend(scratch.odd);
        drop(of_packs);
        self.found.in_packs.merge(scratch.sink);
    }

    fn pack_done(&self, at: usize, sound: bool) {
        let mut of_packs = self.of_packs.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let loud = std::mem::take(&mut of_packs.loud);
        of_packs.seen.push(Seen { sound, loud, counted: self.counts.now() });
        self.past_packs.store(at + 1 == self.objects.packs().len(), Ordering::Relaxed);
    }
}

impl HistoryVisitor<'_> {
    /// Notes what an object brought, for the records; `before` are the marks and remarks before it.
    fn note(
        &self,
        scratch: &mut HistoryScratch<'_>,
        before: (u64, u64),
        known: bool,
        number: impl Fn() -> Option<u32>,
    ) {
        if self.options.cache.is_none() {
            return;
        }
        if !known && scratch.sink.marks() != before.0 {
            scratch.loud.extend(number());
        }
        if scratch.sink.remarks() != before.1 {
            scratch.odd.extend(number());
        }
    }

    fn count(&self, scratch: &mut HistoryScratch<'_>, object: &Object<'_, Memo>) {
        if object.seen {
            return;
        }
        scratch.bytes += object.bytes.len() as u64;
        match object.kind {
            ObjectKind::Blob => scratch.blobs += 1,
            ObjectKind::Commit => {
                scratch.commits += 1;
                let number = self.objects.number_of(object);
                if let Some((number, commit)) = number.zip(provenance::parse::commit(object.bytes)) {
                    scratch.list.add(self.objects, self.absent, number, &commit);
                }
            }
            _ => scratch.tags += 1,
        }
    }
}

/// Scans an object.
pub(super) fn look(sink: &mut Sink<'_>, object: &Object<'_, Memo>) -> Memo {
    let source = Source::Object(object.kind, object.id.to_owned());
    sink.begin();
    match object.kind {
        ObjectKind::Blob => blob(sink, object, &source),
        _ => message(sink, object, &source),
    }
}

fn blob(sink: &mut Sink<'_>, object: &Object<'_, Memo>, source: &Source<'_>) -> Memo {
    if sink.options.archives.depth > 0 && archive::is_archive(object.bytes) {
        if !object.seen {
            sink.scan(object.bytes, source);
        }
        return Memo::opaque();
    }
    let text = text::sniff(object.bytes);
    let memo = match (object.base, &sink.places) {
        (Some(base), _) if text.via.is_none() && !sink.options.plain => {
            incremental::scan_change(sink.detector, object.bytes, base.state, base.regions, &mut sink.scratch)
        }
        (_, Some(places)) => incremental::scan_places(sink.detector, &text.bytes, places, &mut sink.scratch),
        _ => incremental::scan_whole(sink.detector, &text.bytes, &mut sink.scratch),
    };
    if !object.seen {
        sink.take(&memo, &text, source);
    }
    if text.via.is_some() { Memo::opaque() } else { memo }
}

/// Scans the part of a commit or tag that people write: names, dates and message, without ids and signatures.
fn message(sink: &mut Sink<'_>, object: &Object<'_, Memo>, source: &Source<'_>) -> Memo {
    if !object.seen {
        let written = provenance::without_signature(object.bytes);
        let memo = incremental::scan_whole(sink.detector, &written, &mut sink.scratch);
        let text = text::Text { bytes: written, via: None, binary: false, bom: 0 };
        sink.take(&memo, &text, source);
    }
    Memo::opaque()
}
