//! Files and blobs of hundreds of megabytes: read and scanned stretch by stretch, each by all threads, so that memory does not grow
//! with the file.
//!
//! Around each stretch a margin is held, too. What an evaluation looked at is known; if that reaches over the margin, the
//! stretch is scanned again with a wider one, so what is found is what a scan of the whole file finds.

use std::io::{Read, Result, Seek, SeekFrom};
use std::ops::Range;

use crate::archive;
use crate::detect::excerpt::Lines;
use crate::detect::{Detector, split, text};
use crate::finding::RawMatch;
use crate::scan::collect::{Found, Inside, Sink, Source, Stretch, too_deep};

/// Bytes that say what kind of file it is.
const HEAD: usize = 64 << 10;

/// How much is held.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    /// Bytes scanned at a time.
    stretch: usize,
    /// Bytes held on each side.
    margin: usize,
}

const SIZES: Sizes = Sizes { stretch: 48 << 20, margin: 1 << 20 };

/// Scans a file and gives the number of its bytes; nothing if it must be read as a whole to be understood.
pub(super) fn scan(sink: &mut Sink<'_>, file: impl Read + Seek, source: &Source<'_>) -> Result<Option<u64>> {
    scan_sized(sink, file, source, SIZES)
}

/// Scans a file with a sink that holds nothing yet. If it must be read as a whole, to be understood or to see what is wrong with
/// it, the sink holds nothing after it, either.
pub(super) fn scan_or_nothing(sink: &mut Sink<'_>, file: impl Read + Seek, source: &Source<'_>) -> Option<u64> {
    let scanned = scan(sink, file, source).ok().flatten();
    if scanned.is_none() {
        sink.drain();
    }
    scanned
}

fn scan_sized(sink: &mut Sink<'_>, file: impl Read + Seek, source: &Source<'_>, sizes: Sizes) -> Result<Option<u64>> {
    let mut held = Held { file, start: 0, bytes: Vec::new(), at_end: false };
    held.hold(0, HEAD)?;
    let head = text::sniff(&held.bytes);
    let (binary, bom) = (head.binary, head.bom);
    if head.via.is_some() || sink.options.archives.depth > 0 && archive::is_archive(&held.bytes) {
        return Ok(None);
    }
    let mut margin = sizes.margin;
    // Where lines were counted to, and with what result.
    let (mut counted, mut state) = (bom, (1, 0));
    let mut before: Vec<RawMatch> = Vec::new();
    let mut start = 0usize;
    loop {
        held.hold(start.saturating_sub(margin), start + sizes.stretch + margin)?;
        let from = held.start;
        let core = start - from..cut(&held.bytes, start - from, sizes);
        if core.is_empty() {
            return Ok(Some((from + held.bytes.len()) as u64));
        }
        let Some(scanned) = scan_stretch(sink.detector, &held, &core, margin / 2, &before) else {
            margin = margin.saturating_mul(8);
            continue;
        };
        if scanned.cut {
            sink.problems.push(too_deep(source));
        }
        let kept = from + core.end.saturating_sub(margin);
        before = scanned.found.iter().filter(|m| from + m.span.end > kept).map(|m| moved(m, from as isize)).collect();
        let text = text::Text { bytes: held.bytes.as_slice().into(), via: None, binary, bom };
        let lines = Lines::resume(&text.bytes, counted - from, state);
        // A little before the end: the other half of a pair may stand there.
        let near_end = core.end.saturating_sub(margin / 4).max(counted - from);
        let mut count = lines;
        let next = (from + near_end, count.count_to(near_end));
        let stretch = Stretch { text: &text, before: from, lines, core: core.clone() };
        sink.take_matches(scanned.found, stretch, source, &Inside::default(), &mut Found::default());
        (counted, state) = next;
        start = from + core.end;
    }
}

/// Scans a stretch; nothing if the margin around it is too narrow. `beside` is how far on each side of it is looked for what
/// competes with its matches; `before` is what was found there already.
fn scan_stretch(
    detector: &Detector,
    held: &Held<impl Read + Seek>,
    core: &Range<usize>,
    beside: usize,
    before: &[RawMatch],
) -> Option<split::Part> {
    let hay = held.bytes.as_slice();
    let (first, last) = (held.start == 0, held.at_end);
    let range = core.start.saturating_sub(beside)..hay.len().min(core.end + beside);
    let mut part = split::scan_part(detector, hay, range.clone());
    let crosses = |m: &RawMatch| m.span.start < core.end + beside / 2 && m.span.end > range.end;
    if part.starts && !first || !last && (part.ends || part.found.iter().any(crosses)) {
        return None;
    }
    // What begins before the margin and reaches into it.
    let older =
        before.iter().filter(|m| m.span.start < held.start + range.start && m.span.end > held.start + range.start);
    part.found.extend(older.filter(|m| m.span.start >= held.start).map(|m| moved(m, -(held.start as isize))));
    Some(part)
}

fn moved(m: &RawMatch, by: isize) -> RawMatch {
    let span = m.span.start.wrapping_add_signed(by)..m.span.end.wrapping_add_signed(by);
    RawMatch { span, ..m.clone() }
}

/// Where a stretch ends that begins at a place: behind a line if there is one, else anywhere.
fn cut(bytes: &[u8], start: usize, sizes: Sizes) -> usize {
    let most = start + sizes.stretch;
    if most >= bytes.len() {
        return bytes.len();
    }
    let from = start.max(most.saturating_sub(sizes.margin));
    memchr::memrchr(b'\n', &bytes[from..most]).map_or(most, |at| from + at + 1)
}

/// A part of a file in memory.
struct Held<F> {
    file: F,
    /// Where the part begins in the file.
    start: usize,
    bytes: Vec<u8>,
    /// It reaches to the end of the file.
    at_end: bool,
}

impl<F: Read + Seek> Held<F> {
    /// Holds the bytes between two places, as far as the file has them; reads only what is not held already.
    fn hold(&mut self, from: usize, to: usize) -> Result<()> {
        if (self.start..=self.start + self.bytes.len()).contains(&from) {
            self.bytes.drain(..from - self.start);
        } else {
            self.bytes.clear();
            self.at_end = false;
        }
        self.start = from;
        let have = from + self.bytes.len();
        if self.at_end || have >= to {
            return Ok(());
        }
        self.file.seek(SeekFrom::Start(have as u64))?;
        self.bytes.try_reserve_exact(to - have).map_err(std::io::Error::other)?;
        let read = self.file.by_ref().take((to - have) as u64).read_to_end(&mut self.bytes)?;
        self.at_end = read < to - have;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Cursor;
    use std::sync::Arc;

    use bstr::BString;

    use super::*;
    use crate::archive::Limits;
    use crate::finding::Confidence;
    use crate::policy::Policy;
    use crate::rules::{builtin, mint};
    use crate::scan::Options;
    use crate::source::lookup::Quarantine;
    use crate::structure::Rng;

    fn options() -> Options {
        Options {
            files: true,
            history: false,
            no_ignore: false,
            confidence: Confidence::Low,
            explain: false,
            cache: None,
            show_malformed: true,
            show_publishable: true,
            allow_incomplete: false,
            archives: Limits::default(),
            allow_empty_range: false,
            max_per_file: 0,
            quarantine: Quarantine::default(),
            deadline: None,
            policy: Arc::new(Policy::default()),
            plain: false,
        }
    }

    /// Minted credentials between words; with lines or on one line.
    fn text(detector: &Detector, line_break: &str) -> Vec<u8> {
        let (mut rng, mut text) = (Rng::new(31), b"\xef\xbb\xbf".to_vec());
        for (n, rule) in detector.rules().rules().iter().enumerate() {
            let near = rule.context.as_ref().map_or("value", |context| context.near[0].as_str());
            text.extend(format!("{near}_key{} = \"", "\u{e9}".repeat(n % 3)).bytes());
            text.extend(mint::mint(rule, &mut rng).unwrap_or_default());
            text.extend(format!("\"{line_break}").bytes());
            let len = rng.below(120);
            text.extend(rng.text(b"abcXYZ019_/ =;", len).bytes());
        }
        // One that is longer than any margin here.
        text.extend(b"aB3".iter().cycle().take(40_000));
        text.extend(line_break.bytes());
        text
    }

    #[test]
    fn stretches_give_what_the_whole_file_gives() {
        let detector = Detector::new(builtin::rules().unwrap());
        let (options, path) = (options(), BString::from("file"));
        for line_break in ["\n", " "] {
            let text = text(&detector, line_break);
            let mut whole = Sink::new(&detector, &options);
            whole.scan(&text, &Source::File(&path));
            let whole = whole.drain();
            assert!(whole.len() > 300, "{}", whole.len());
            for (stretch, margin) in [(1 << 12, 1 << 10), (5_001, 2_000), (30_000, 4_000), (text.len() - 1, 1 << 12)] {
                let mut parts = Sink::new(&detector, &options);
                let len = scan_sized(&mut parts, Cursor::new(&text), &Source::File(&path), Sizes { stretch, margin })
                    .unwrap();
                assert_eq!(len, Some(text.len() as u64));
                let parts = parts.drain();
                for (one, other) in whole.iter().zip(&parts) {
                    assert_eq!(format!("{one:?}"), format!("{other:?}"), "stretches of {stretch}, margin {margin}");
                }
                assert_eq!(parts.len(), whole.len());
            }
        }
    }

    #[test]
    fn what_must_be_understood_as_a_whole_is_left_to_others() {
        let detector = Detector::new(builtin::rules().unwrap());
        let (options, path) = (options(), BString::from("file"));
        let utf16: Vec<u8> = "\u{feff}some text".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [utf16.as_slice(), b"PK\x03\x04 and so on", b"\x1f\x8b\x08 and so on"] {
            let mut sink = Sink::new(&detector, &options);
            assert_eq!(scan(&mut sink, Cursor::new(bytes), &Source::File(&path)).unwrap(), None, "{bytes:?}");
        }
    }
}
