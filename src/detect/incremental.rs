//! Scanning changes, not versions: the hits of an object from the hits of its delta base.
//!
//! A hit inside a copied region is inherited with its offset moved. Its matches are inherited too if all bytes that they
//! depend on ([`Read`]) were copied along; otherwise the hit is evaluated again. New hits are looked for only in inserted
//! bytes and a few bytes ([`Detector::seam`]) on each side of a seam. The result equals [`Detector::scan`] of the whole object, match for
//! match; a test over generated histories says so.

use std::ops::Range;

use crate::blob::Region;
use crate::detect::Detector;
use crate::detect::context::WordCache;
use crate::detect::evaluate::Read;
use crate::detect::prefilter::{Hit, Seam, What};
use crate::finding::RawMatch;
use crate::rules::format::is_token_byte;

/// How much farther than that a run of token characters is followed, so that values are seen whole.
const FOLLOW: usize = 512;

/// What is remembered of an object for those made from it.
#[derive(Clone, Debug, Default)]
pub struct Memo {
    /// Sorted by place.
    hits: Vec<Tracked>,
    len: usize,
    /// The object was not scanned as it stands (UTF-16, say), so nothing can be inherited.
    opaque: bool,
}

#[derive(Clone, Debug)]
struct Tracked {
    hit: Hit,
    read: Read,
    matches: Vec<RawMatch>,
}

impl Memo {
    /// For objects from which nothing can be inherited.
    pub fn opaque() -> Self {
        Self { opaque: true, ..Self::default() }
    }

    /// All matches, before overlaps are resolved.
    pub fn matches(&self) -> Vec<RawMatch> {
        self.hits.iter().flat_map(|t| &t.matches).cloned().collect()
    }

    /// Was anything left out because a limit on decoding was reached?
    pub fn is_cut(&self) -> bool {
        self.hits.iter().any(|t| t.read.cut)
    }

    /// Where the hits stand that have something to tell; `None` if the object was not scanned as it stands.
    pub fn places(&self) -> Option<Vec<usize>> {
        let telling = self.hits.iter().filter(|t| t.read.cut || !t.matches.is_empty());
        (!self.opaque).then(|| telling.map(|t| t.hit.at).collect())
    }

    /// Is there any match at all?
    pub fn has_matches(&self) -> bool {
        self.hits.iter().any(|t| !t.matches.is_empty())
    }
}

/// Reusable space.
#[derive(Debug, Default)]
pub struct Scratch {
    hits: Vec<Hit>,
    ranges: Vec<Range<usize>>,
    words: WordCache,
}

/// Scans an object of which it is known that no hits but those at these places, sorted, have something to tell: they are found
/// as if what stands there were new.
pub fn scan_places(detector: &Detector, bytes: &[u8], places: &[u32], scratch: &mut Scratch) -> Memo {
    let Scratch { hits: found, ranges, words } = scratch;
    ranges.clear();
    let seam = detector.seam();
    for place in places.iter().map(|place| *place as usize).filter(|place| *place < bytes.len()) {
        let (start, end) = (place.saturating_sub(seam.before), (place + 1 + seam.after).min(bytes.len()));
        match ranges.last_mut() {
            Some(last) if last.end >= start => last.end = last.end.max(extend_right(bytes, end)),
            _ => push_extended(bytes, start..end, ranges),
        }
    }
    found.clear();
    words.clear();
    for range in ranges.iter() {
        detector.prefilter(bytes, range.clone(), found);
    }
    found.retain(|hit| u32::try_from(hit.at).is_ok_and(|at| places.binary_search(&at).is_ok()));
    found.sort_unstable();
    found.dedup();
    let hits = found.iter().filter_map(|&hit| track(detector, bytes, hit, words)).collect();
    Memo { hits, len: bytes.len(), opaque: true }
}

/// Scans a whole object and remembers what those made from it need.
pub fn scan_whole(detector: &Detector, bytes: &[u8], scratch: &mut Scratch) -> Memo {
    let Scratch { hits: found, words, .. } = scratch;
    found.clear();
    words.clear();
    detector.prefilter(bytes, 0..bytes.len(), found);
    let hits = found.iter().filter_map(|&hit| track(detector, bytes, hit, words)).collect();
    Memo { hits, len: bytes.len(), opaque: false }
}

/// Scans an object that was made from a base.
pub fn scan_change(detector: &Detector, bytes: &[u8], base: &Memo, regions: &[Region], scratch: &mut Scratch) -> Memo {
    if base.opaque {
        return scan_whole(detector, bytes, scratch);
    }
    let Scratch { hits: found, ranges, words } = scratch;
    rescan_ranges(bytes, regions, detector.seam(), ranges);
    words.clear();
    let mut hits: Vec<Tracked> = Vec::with_capacity(base.hits.len());
    let mut rescanned = ranges.as_slice();
    for region in regions {
        if let Region::Copy { from, to, len } = *region {
            let mut again = |hit| track(detector, bytes, hit, words);
            inherit(bytes.len(), base, (from, to, len), &mut rescanned, &mut again, &mut hits);
        }
    }
    found.clear();
    words.clear();
    for range in ranges.iter() {
        detector.prefilter(bytes, range.clone(), found);
    }
    let inherited = hits.len();
    hits.extend(found.iter().filter_map(|&hit| track(detector, bytes, hit, words)));
    if hits.len() > inherited {
        hits.sort_by_key(|t| t.hit);
        hits.dedup_by_key(|t| t.hit);
    }
    Memo { hits, len: bytes.len(), opaque: false }
}

fn track(detector: &Detector, bytes: &[u8], hit: Hit, words: &mut WordCache) -> Option<Tracked> {
    let mut matches = Vec::new();
    let read = detector.evaluate(bytes, hit, words, &mut matches);
    // What depends only on bytes this close need not be remembered: after a change there it is found again.
    let (at, seam) = (hit.at as isize, detector.seam());
    let near = at - seam.after as isize..at + seam.before as isize;
    (!matches.is_empty() || read.cut || read.start < near.start || read.end > near.end).then_some(Tracked {
        hit,
        read,
        matches,
    })
}

/// Takes over the hits of a copied region; `again` evaluates one anew. Of the ranges that are scanned again, those that end
/// before a hit are dropped: regions come in ascending order.
fn inherit(
    new_len: usize,
    base: &Memo,
    (from, to, len): (usize, usize, usize),
    rescanned: &mut &[Range<usize>],
    again: &mut dyn FnMut(Hit) -> Option<Tracked>,
    hits: &mut Vec<Tracked>,
) {
    let first = base.hits.partition_point(|t| t.hit.at < from);
    for tracked in base.hits[first..].iter().take_while(|t| t.hit.at < from + len) {
        let at = tracked.hit.at - from + to;
        // The rescan sees it again, and sees it as it is now; but an escape that stands before the end of a range may be told
        // by the run behind it alone, which is not looked at. Whether it is one still, its evaluation asks.
        let escape = matches!(tracked.hit.what, What::Encoded(scheme) if !scheme.is_digits());
        while let [passed, rest @ ..] = *rescanned
            && passed.end <= at
        {
            *rescanned = rest;
        }
        if !escape && rescanned.first().is_some_and(|range| range.start <= at) {
            continue;
        }
        let hit = Hit { at, what: tracked.hit.what };
        let start_copied = tracked.read.start >= from as isize || (from == 0 && to == 0);
        let end_copied = tracked.read.end <= (from + len) as isize || (from + len == base.len && to + len == new_len);
        if start_copied && end_copied {
            hits.push(tracked.moved(hit, to as isize - from as isize));
        } else {
            hits.extend(again(hit));
        }
    }
}

impl Tracked {
    fn moved(&self, hit: Hit, by: isize) -> Self {
        let shift = |n: usize| n.wrapping_add_signed(by);
        let matches = self
            .matches
            .iter()
            .map(|m| RawMatch { span: shift(m.span.start)..shift(m.span.end), ..m.clone() })
            .collect();
        Self { hit, read: Read { start: self.read.start + by, end: self.read.end + by, ..self.read }, matches }
    }
}

/// Where to look for new hits: inserted bytes and both sides of every seam, joined where they overlap, to the ends of the
/// runs of token characters that they cut.
fn rescan_ranges(bytes: &[u8], regions: &[Region], seam: Seam, ranges: &mut Vec<Range<usize>>) {
    ranges.clear();
    let mut open: Option<Range<usize>> = None;
    let mut add = |start: usize, end: usize| {
        let (start, end) = (start.saturating_sub(seam.before), (end + seam.after).min(bytes.len()));
        match &mut open {
            Some(open) if open.end >= start => open.end = open.end.max(end),
            _ => {
                if let Some(done) = open.replace(start..end) {
                    push_extended(bytes, done, ranges);
                }
            }
        }
    };
    for (i, region) in regions.iter().enumerate() {
        match *region {
            Region::Insert { to, len } => add(to, to + len),
            Region::Copy { from, to, .. } => {
                // The start of the object is a seam unless it was the start of the base as well.
                if i > 0 || from > 0 {
                    add(to, to);
                }
            }
        }
    }
    add(bytes.len(), bytes.len());
    if let Some(done) = open {
        push_extended(bytes, done, ranges);
    }
}

fn push_extended(bytes: &[u8], range: Range<usize>, ranges: &mut Vec<Range<usize>>) {
    let (start, end) = (extend_left(bytes, range.start), extend_right(bytes, range.end));
    match ranges.last_mut() {
        Some(last) if last.end >= start => last.end = last.end.max(end),
        _ => ranges.push(start..end),
    }
}

fn extend_left(bytes: &[u8], at: usize) -> usize {
    at - bytes[..at].iter().rev().take(FOLLOW).take_while(|&&b| is_token_byte(b)).count()
}

fn extend_right(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take(FOLLOW).take_while(|&&b| is_token_byte(b)).count()
}
