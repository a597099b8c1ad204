//! Decoding: what stands in a text in another spelling.
//!
//! Two families. *Digits* ([`digits`]): base64 and hex, where nothing of the text is left to see. *Escapes* ([`escapes`]):
//! percent-encoding, backslash escapes, HTML entities and quoted-printable, which tear a token apart but leave most of it
//! as it is. Both are found by looking at a few bytes only, read as one bounded region, and keep a map from the decoded text
//! back to where each byte stood. [`inflate`] undoes gzip and zlib, which stand inside of base64.

pub mod digits;
pub mod escapes;
pub mod inflate;

use std::ops::Range;

/// Encoded text longer than this is decoded up to here, which is told.
pub const MAX_REGION: usize = 16 << 20;

/// How a text is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// Base64 of either alphabet, wrapped or not.
    Base64,
    /// Pairs of hex digits.
    Hex,
    /// `%2F`
    Percent,
    /// `\x2f`, `\u002f`, `\057`, `\/`, a line that goes on behind `\`.
    Backslash,
    /// `&#47;`, `&#x2f;`, `&sol;`
    Html,
    /// `=2F`, a line that goes on behind `=`.
    QuotedPrintable,
}

impl Scheme {
    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::Hex => "hex",
            Self::Percent => "percent-encoding",
            Self::Backslash => "backslash escapes",
            Self::Html => "html entities",
            Self::QuotedPrintable => "quoted-printable",
        }
    }

    /// Is nothing of the text left to see?
    pub const fn is_digits(self) -> bool {
        matches!(self, Self::Base64 | Self::Hex)
    }
}

/// Bytes on each side of a place that say whether [`find`] finds it.
pub const LOOK: usize = if digits::LOOK > escapes::LOOK { digits::LOOK } else { escapes::LOOK };

/// Finds encoded text in and beside a run of token characters. A run may be cut off at both ends: what is found depends on
/// the text alone.
pub fn find(hay: &[u8], run: &Range<usize>, random: escapes::Judge, mut f: impl FnMut(usize, Scheme)) {
    digits::find(hay, run, &mut f);
    escapes::find_beside(hay, run, random, &mut f);
}

pub use escapes::{GO_SUM, dense, find_dense, may_be_dense};

/// Is a decoding of this name one that leaves most of the text as it is?
pub fn is_escape(name: &str) -> bool {
    [Scheme::Percent, Scheme::Backslash, Scheme::Html, Scheme::QuotedPrintable].iter().any(|s| s.name() == name)
}

/// A decoded region.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// Where the region stands.
    pub span: Range<usize>,
    /// After the last byte that was looked at to find its end.
    pub read_end: usize,
    /// What it says.
    pub text: Vec<u8>,
    /// From the text back to where it stood.
    pub map: Map,
    /// It goes on behind [`MAX_REGION`].
    pub cut: bool,
}

/// From decoded bytes to the places that they were decoded from.
#[derive(Clone, Debug, Default)]
pub struct Map {
    /// Digits and the bytes that they make, such as 4 and 3.
    ratio: (usize, usize),
    /// Where stretches begin: in digits (or decoded bytes), and in the source. Ascending.
    pieces: Vec<Piece>,
    end: usize,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    at: usize,
    source: usize,
    /// Byte for byte as it stands; otherwise all of it stands for one escape.
    literal: bool,
}

impl Map {
    /// A map of digits, of which `ratio.0` make `ratio.1` bytes.
    fn new(ratio: (usize, usize)) -> Self {
        Self { ratio, ..Self::default() }
    }

    fn push(&mut self, at: usize, source: usize, literal: bool) {
        self.pieces.push(Piece { at, source, literal });
    }

    /// The place of a part of the decoded text.
    pub fn place(&self, part: &Range<usize>) -> Range<usize> {
        let (digits, bytes) = self.ratio;
        let start = self.source(part.start * digits / bytes).0;
        let last = (part.end * digits).div_ceil(bytes).saturating_sub(1);
        let end = self.source(last).1;
        start..end.max(start)
    }

    /// Where one digit begins and ends.
    fn source(&self, at: usize) -> (usize, usize) {
        let index = self.pieces.partition_point(|p| p.at <= at).saturating_sub(1);
        let Some(piece) = self.pieces.get(index) else { return (self.end, self.end) };
        let next = self.pieces.get(index + 1).map_or(self.end, |p| p.source);
        if piece.literal {
            let start = (piece.source + (at - piece.at.min(at))).min(self.end);
            (start, (start + 1).min(self.end))
        } else {
            (piece.source, next)
        }
    }
}

/// Could this be the beginning of a text? A sixth of the bytes may be something else: lengths and tags before it.
fn is_text(head: &[u8]) -> bool {
    let (mut odd, mut at) = (0, 0);
    while let Some(&byte) = head.get(at) {
        let rest = head.get(at + 1..).unwrap_or_default();
        let follow = |n: usize| rest.iter().take(n).all(|b| b & 0xc0 == 0x80);
        at += match byte {
            b' '..=b'~' | b'\t' | b'\n' | b'\r' => 1,
            0xc2..=0xdf if follow(1) => 2,
            0xe0..=0xef if follow(2) => 3,
            0xf0..=0xf4 if follow(3) => 4,
            _ => {
                odd += 1;
                1
            }
        };
    }
    odd * 6 <= head.len() || is_utf16(head) || is_utf32(head)
}

/// Three of four bytes are zero, or there is a byte order mark.
fn is_utf32(head: &[u8]) -> bool {
    let unit = |four: &[u8; 4]| match *four {
        [low, 0, 0, 0] | [0, 0, 0, low] => matches!(low, b' '..=b'~' | b'\t' | b'\n' | b'\r'),
        [0xff, 0xfe, 0, 0] | [0, 0, 0xfe, 0xff] => true,
        _ => false,
    };
    let units = head.as_chunks::<4>().0;
    units.len() >= 2 && units.iter().take(4).all(unit)
}

/// Every other byte is zero.
fn is_utf16(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xff\xfe").or_else(|| head.strip_prefix(b"\xfe\xff")).unwrap_or(head);
    let zeros = |odd: usize| head.iter().skip(odd).step_by(2).filter(|b| **b == 0).count();
    let half = head.len() / 2;
    half >= 3 && (zeros(1) + 1 >= half && zeros(0) == 0 || zeros(0) + 1 >= half && zeros(1) == 0)
}

/// Is there anything in decoded bytes that a rule could match? 12 printable characters side by side: binary data has that
/// once in a hundred thousand bytes.
pub fn has_words(bytes: &[u8]) -> bool {
    let mut run = 0;
    bytes.iter().any(|b| {
        run = if matches!(b, b' '..=b'~') { run + 1 } else { 0 };
        run >= 12
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_not() {
        let cases: &[(&[u8], bool)] = &[
            (b"user:password of it", true),
            ("п\u{430}роль token".as_bytes(), true),
            (b"\x0a\x24a string in protobuf", true),
            (b"u\0s\0e\0r\0:\0p\0", true),
            (b"u\0\0\0s\0\0\0e\0\0\0", true),
            (b"\0\0\0u\0\0\0s\0\0\0e", true),
            (b"\x01\0\0\0\x02\0\0\0\x03\0\0\0", false),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", false),
            (b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01", false),
            (b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff", false),
            (b"wOF2\0\x01\0\0\0\0\x4a\x10\0\x0e", false),
            (b"\x30\x82\x04\xa3\x02\x01\0\x02\x82\x01\x01", false),
        ];
        for (head, want) in cases {
            assert_eq!(is_text(head), *want, "{head:?}");
        }
    }

    #[test]
    fn places_of_digits() {
        let mut map = Map::new((4, 3));
        map.push(0, 10, true);
        map.push(8, 20, true);
        map.end = 28;
        assert_eq!(map.place(&(0..3)), 10..14);
        assert_eq!(map.place(&(1..2)), 11..13);
        assert_eq!(map.place(&(5..7)), 16..22);
        assert_eq!(map.place(&(6..12)), 20..28);
    }
}
