//! One large text scanned by all threads: cut where nothing that the prefilter looks for can go across.
//!
//! Only the search for hits is cut; each hit is evaluated on the whole text. So what is found is what
//! [`Detector::scan`] finds, hit for hit.

use std::ops::Range;

use rayon::prelude::*;

use crate::detect::Detector;
use crate::detect::context::WordCache;
use crate::finding::RawMatch;
use crate::rules::format::is_token_byte;

/// Texts longer than this are cut.
pub const LARGE: usize = 4 << 20;
/// Bytes of a piece, or a little more.
const PIECE: usize = 1 << 20;

/// What was found in a part of a text.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// All matches of the hits in it, before overlaps are resolved.
    pub found: Vec<RawMatch>,
    /// Something was left out because a limit on decoding was reached.
    pub cut: bool,
    /// The start of the text was looked at: what stands before it could matter.
    pub starts: bool,
    /// The end of the text was looked at: what follows it could matter.
    pub ends: bool,
}

impl Part {
    fn join(mut self, mut other: Self) -> Self {
        self.found.append(&mut other.found);
        self.cut |= other.cut;
        self.starts |= other.starts;
        self.ends |= other.ends;
        self
    }
}

/// Scans a whole text.
pub fn scan(detector: &Detector, hay: &[u8]) -> Part {
    scan_pieces(detector, hay, 0..hay.len(), PIECE)
}

/// Scans a part of a text: what is found for the hits that begin in it.
pub fn scan_part(detector: &Detector, hay: &[u8], range: Range<usize>) -> Part {
    scan_pieces(detector, hay, range, PIECE)
}

fn scan_pieces(detector: &Detector, hay: &[u8], range: Range<usize>, size: usize) -> Part {
    let scanned: Vec<_> = pieces(&hay[..range.end], range.start, size)
        .into_par_iter()
        .map(|range| scan_piece(detector, hay, range))
        .collect();
    scanned.into_iter().fold(Part::default(), Part::join)
}

fn scan_piece(detector: &Detector, hay: &[u8], range: Range<usize>) -> Part {
    let (mut hits, mut words, mut part) = (Vec::new(), WordCache::default(), Part::default());
    detector.prefilter(hay, range, &mut hits);
    for hit in hits {
        let read = detector.evaluate(hay, hit, &mut words, &mut part.found);
        part.cut |= read.cut;
        part.starts |= read.start < 0;
        // Text that is too long to be decoded is read to its limit, not to the end.
        part.ends |= !read.cut && read.end > hay.len() as isize;
    }
    part
}

/// Cuts a text between two bytes that are no token characters, so that no run is cut and none ends at an edge.
fn pieces(hay: &[u8], mut start: usize, size: usize) -> Vec<Range<usize>> {
    let mut pieces = Vec::with_capacity(hay.len() / size + 1);
    while start < hay.len() {
        let least = (start + size).min(hay.len());
        let between = |pair: &[u8]| !is_token_byte(pair[0]) && !is_token_byte(pair[1]);
        let end = hay[least - 1..].windows(2).position(between).map_or(hay.len(), |i| least + i);
        pieces.push(start..end);
        start = end;
    }
    pieces
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rules::{builtin, mint};
    use crate::structure::Rng;

    #[test]
    fn equals_the_scan_in_one_piece() {
        let detector = Detector::new(builtin::rules().unwrap());
        let mut rng = Rng::new(11);
        let mut hay = Vec::new();
        for rule in detector.rules().rules() {
            let around = [" = \"", ":", "\n\n", "; token: ", "/", "  "];
            hay.extend(around[rng.below(around.len())].bytes());
            hay.extend(mint::mint(rule, &mut rng).unwrap_or_default());
            let len = rng.below(90);
            hay.extend(rng.text(b"abcXYZ019_/ =\n\";", len).bytes());
        }
        let whole = detector.scan(&hay);
        assert!(whole.len() > 200);
        for size in [1, 2, 63, 64, 65, 300, 4096, hay.len(), 2 * hay.len()] {
            let ranges = pieces(&hay, 0, size);
            assert_eq!(ranges.iter().map(Range::len).sum::<usize>(), hay.len());
            assert_eq!(
                detector.resolve(scan_pieces(&detector, &hay, 0..hay.len(), size).found),
                whole,
                "pieces of {size}"
            );
        }
    }

    #[test]
    fn a_text_without_a_place_to_cut_is_one_piece() {
        assert_eq!(pieces(&[b'a'; 1000], 0, 10).len(), 1);
        assert!(pieces(b"", 0, 10).is_empty());
        assert_eq!(pieces(b"aaaa  bbbb  c", 0, 3), [0..5, 5..11, 11..13]);
    }
}
