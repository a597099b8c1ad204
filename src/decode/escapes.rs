//! Escapes: percent-encoding, backslash escapes of programming languages, HTML entities, quoted-printable.
//!
//! Escapes are everywhere, and most of them stand around tokens, not in them. Worth a look are two kinds: an escape that
//! stands for a token character inside of text that looks random (`inside`), and a stretch of many escapes in a row that
//! stand for printable characters (`dense`). What is read then is the word around: up to white space or a quote.

use std::ops::Range;

use super::{Decoded, Map, Scheme};

/// Token characters on one side of an escape that make it worth a look.
const RUN: usize = 16;
/// Bytes on each side of an escape that are judged.
const BESIDE: usize = 48;
/// Longest escape: `\U0001F600`, `&percnt;`, `\` with a line break.
const LONGEST: usize = 10;
/// Bytes on each side of an escape that say whether it is worth a look.
pub const LOOK: usize = BESIDE + LONGEST;
/// Escapes in a row that make a dense stretch.
const DENSE: usize = 16;
/// Most bytes between them.
const BETWEEN: usize = 4;
/// Distance at which dense stretches are looked for: shorter than the shortest.
const STRIDE: usize = 32;
/// How far a word is followed from the last escape that was worth a look.
const FOLLOW: usize = 512;

/// Words longer than this are decoded up to here, which is told.
pub const MAX_WORD: usize = 2 << 20;

/// Says whether text looks random.
pub type Judge = fn(&[u8]) -> bool;

/// What an escape stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Escape {
    len: usize,
    out: [u8; 4],
    out_len: usize,
}

impl Escape {
    fn byte(len: usize, byte: u8) -> Self {
        Self { len, out: [byte, 0, 0, 0], out_len: 1 }
    }

    fn char(len: usize, code: u32) -> Option<Self> {
        let mut out = [0; 4];
        let out_len = char::from_u32(code)?.encode_utf8(&mut out).len();
        Some(Self { len, out, out_len })
    }

    /// A line break that was put in.
    fn nothing(len: usize) -> Self {
        Self { len, out: [0; 4], out_len: 0 }
    }

    /// Could it be a part of a token, or of an escape in one?
    fn is_token(&self) -> bool {
        match self.out_len {
            0 => true,
            1 => {
                let byte = self.out[0];
                byte.is_ascii_alphanumeric() || b"_+/=.-:@~".contains(&byte) || b"&%\\".contains(&byte)
            }
            _ => false,
        }
    }

    fn is_printable(&self) -> bool {
        self.out_len == 1 && matches!(self.out[0], b' '..=b'~')
    }
}

pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_+/=.-".contains(&byte)
}

fn number(digits: Option<&[u8]>, radix: u32) -> Option<u32> {
    let digits = digits.filter(|digits| !digits.is_empty())?;
    digits
        .iter()
        .try_fold(0u32, |number, digit| number.checked_mul(radix)?.checked_add(char::from(*digit).to_digit(radix)?))
}

/// Reads the escape that begins here.
fn parse(hay: &[u8], at: usize, scheme: Scheme) -> Option<Escape> {
    let rest = hay.get(at..)?;
    match (scheme, rest.first()?) {
        (Scheme::Percent, b'%') => number(rest.get(1..3), 16).map(|n| Escape::byte(3, n as u8)),
        (Scheme::QuotedPrintable, b'=') => match rest.get(1..3)? {
            [b'\n', _] => Some(Escape::nothing(2)),
            [b'\r', b'\n'] => Some(Escape::nothing(3)),
            hex if !hex.iter().any(u8::is_ascii_lowercase) => number(Some(hex), 16).map(|n| Escape::byte(3, n as u8)),
            _ => None,
        },
        (Scheme::Backslash, b'\\') => backslash(rest),
        (Scheme::Html, b'&') => entity(rest),
        _ => None,
    }
}

fn backslash(rest: &[u8]) -> Option<Escape> {
    let control = |byte| Some(Escape::byte(2, byte));
    match rest.get(1)? {
        b'n' => control(b'\n'),
        b'r' => control(b'\r'),
        b't' => control(b'\t'),
        b'x' => number(rest.get(2..4), 16).map(|n| Escape::byte(4, n as u8)),
        b'u' if rest.get(2) == Some(&b'{') => {
            let close = rest.iter().take(LONGEST).position(|b| *b == b'}')?;
            Escape::char(close + 1, number(rest.get(3..close), 16)?)
        }
        b'u' => Escape::char(6, number(rest.get(2..6), 16)?),
        b'U' => Escape::char(10, number(rest.get(2..10), 16)?),
        b'0'..=b'3' => number(rest.get(1..4), 8).map(|n| Escape::byte(4, n as u8)),
        b'\n' => Some(Escape::nothing(2 + indent(rest, 2))),
        b'\r' if rest.get(2) == Some(&b'\n') => Some(Escape::nothing(3 + indent(rest, 3))),
        byte if byte.is_ascii_punctuation() => control(*byte),
        _ => None,
    }
}

/// The indentation of the next line.
fn indent(rest: &[u8], from: usize) -> usize {
    rest.iter().skip(from).take(LONGEST - 3).take_while(|b| matches!(b, b' ' | b'\t')).count()
}

/// The named entities of characters that tokens are made of, or that stand between them.
const NAMES: [(&[u8], u8); 14] = [
    (b"amp;", b'&'),
    (b"sol;", b'/'),
    (b"plus;", b'+'),
    (b"equals;", b'='),
    (b"lowbar;", b'_'),
    (b"period;", b'.'),
    (b"hyphen;", b'-'),
    (b"dash;", b'-'),
    (b"colon;", b':'),
    (b"commat;", b'@'),
    (b"quot;", b'"'),
    (b"apos;", b'\''),
    (b"lt;", b'<'),
    (b"gt;", b'>'),
];

fn entity(rest: &[u8]) -> Option<Escape> {
    if rest.get(1) != Some(&b'#') {
        let (name, byte) = NAMES.iter().find(|(name, _)| rest[1..].starts_with(name))?;
        return Some(Escape::byte(name.len() + 1, *byte));
    }
    let close = rest.iter().take(LONGEST).position(|b| *b == b';')?;
    let code = match rest.get(2)? {
        b'x' | b'X' => number(rest.get(3..close), 16)?,
        _ => number(rest.get(2..close), 10)?,
    };
    Escape::char(close + 1, code)
}

/// Finds escapes beside and in a run of token characters that stand for a token character in random text.
pub fn find_beside(hay: &[u8], run: &Range<usize>, random: Judge, mut f: impl FnMut(usize, Scheme)) {
    let mut offer = |at: usize, scheme: Scheme| {
        if inside(hay, at, scheme, random) {
            f(at, scheme);
        }
    };
    // Whatever `inside` says yes to must be offered, or the word around would be given to a place that nobody looks at.
    match run.start.checked_sub(1).map(|i| hay[i]) {
        Some(b'%') => offer(run.start - 1, Scheme::Percent),
        Some(b'\\') => offer(run.start - 1, Scheme::Backslash),
        Some(b';') => {
            if let Some(at) = before(hay, run.start, b'&') {
                offer(at, Scheme::Html);
            }
        }
        Some(b'}') => {
            if let Some(at) = before(hay, run.start, b'\\') {
                offer(at, Scheme::Backslash);
            }
        }
        Some(b'\n' | b' ' | b'\t') => {
            if let Some((at, scheme)) = continued(hay, run.start) {
                offer(at, scheme);
            }
        }
        _ => {}
    }
    // `\\`, `\:`
    if let [.., b'\\', b'\\' | b':' | b'@' | b'~' | b'&' | b'%'] = &hay[..run.start] {
        offer(run.start - 2, Scheme::Backslash);
    }
    match hay.get(run.end) {
        Some(b'%') => offer(run.end, Scheme::Percent),
        Some(b'\\') => offer(run.end, Scheme::Backslash),
        Some(b'&') => offer(run.end, Scheme::Html),
        _ => {}
    }
    for at in memchr::memchr_iter(b'=', &hay[run.clone()]) {
        let at = run.start + at;
        if !matches!(hay.get(at + 1), Some(b'a'..=b'z' | b'"' | b'\'')) {
            offer(at, Scheme::QuotedPrintable);
        }
    }
}

/// The lead of an escape that joins the line that begins here to the one before.
fn continued(hay: &[u8], start: usize) -> Option<(usize, Scheme)> {
    // Mostly a blank between two words.
    if let [.., before, b' ' | b'\t'] = &hay[..start]
        && !before.is_ascii_whitespace()
    {
        return None;
    }
    let blanks = hay[..start].iter().rev().take(LONGEST - 3).take_while(|b| matches!(b, b' ' | b'\t')).count();
    let line = hay[..start - blanks].strip_suffix(b"\n")?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match line.last()? {
        b'\\' => Some((line.len() - 1, Scheme::Backslash)),
        b'=' => Some((line.len() - 1, Scheme::QuotedPrintable)),
        _ => None,
    }
}

/// The lead of an escape that ends here.
fn before(hay: &[u8], end: usize, lead: u8) -> Option<usize> {
    let from = end.saturating_sub(LONGEST);
    hay[from..end].iter().rposition(|b| *b == lead).map(|i| from + i)
}

/// Does an escape here stand for a token character in text that looks random? Depends on [`LOOK`] bytes on each side.
fn inside(hay: &[u8], at: usize, scheme: Scheme, random: Judge) -> bool {
    let Some(escape) = parse(hay, at, scheme).filter(Escape::is_token) else { return false };
    let end = at + escape.len;
    let (left, right) = (&hay[at.saturating_sub(BESIDE)..at], &hay[end..hay.len().min(end + BESIDE)]);
    let left = &left[left.len() - left.iter().rev().take_while(|b| is_token_byte(**b)).count()..];
    let right = &right[..right.iter().take_while(|b| is_token_byte(**b)).count()];
    if escape.out_len == 0 && is_sum(&hay[..at], left) {
        return false;
    }
    if left.len() < RUN && right.len() < RUN || escape.out_len == 0 && (left.is_empty() || right.is_empty()) {
        return false;
    }
    let mut joined = [0; 2 * BESIDE + 1];
    let mut len = 0;
    for part in [left, &escape.out[..escape.out_len], right] {
        joined[len..len + part.len()].copy_from_slice(part);
        len += part.len();
    }
    random(&joined[..len])
}

/// What stands before the sum of a module in go.sum.
pub const GO_SUM: &str = "h1:";

/// A line of go.sum ends with [`GO_SUM`], the 43 digits of a SHA-256 in base64, and the `=` that looks like an escape.
fn is_sum(before: &[u8], left: &[u8]) -> bool {
    left.len() == 43 && before[..before.len() - left.len()].ends_with(GO_SUM.as_bytes())
}

/// Finds stretches of many escapes that reach into a range; gives where they begin.
pub fn find_dense(hay: &[u8], range: &Range<usize>, mut f: impl FnMut(usize, Scheme)) {
    let end = hay.len().min(range.end + STRIDE);
    let mut at = range.start.saturating_sub(STRIDE);
    while at < end {
        let mut next = at + STRIDE;
        if let Some(chunk) = hay.get(at..at + 16).and_then(|c| c.first_chunk::<16>())
            && let Some(lead) = first_lead(chunk)
            && let Some((start, stretch_end, scheme)) = dense(hay, at + lead)
        {
            f(start, scheme);
            next = next.max(stretch_end);
        }
        at = next;
    }
}

/// The first `%`, `\` or `&` of some bytes.
#[inline]
fn first_lead(chunk: &[u8; 16]) -> Option<usize> {
    let is = |byte: u8| (byte == b'%') | (byte == b'\\') | (byte == b'&');
    // Most bytes are none of these; asked of all at once, this is three comparisons of vectors.
    let some = chunk.iter().fold(false, |some, byte| some | is(*byte));
    if some { chunk.iter().position(|byte| is(*byte)) } else { None }
}

/// Could the escapes of a stretch follow from here on? Says no at once to most of what is none: `<%= x %>`, `\s+`, `a && b`.
/// What it says no to, [`dense`] gives nothing for.
#[inline]
pub fn may_be_dense(hay: &[u8], lead: usize) -> bool {
    let Some([lead, next, more @ ..]) = hay[lead..].first_chunk::<{ BETWEEN + 2 }>() else { return true };
    let begins = match lead {
        b'%' => next.is_ascii_hexdigit(),
        b'\\' => matches!(next, b'x' | b'u' | b'U' | b'0'..=b'3') || next.is_ascii_punctuation(),
        _ => *next == b'#' || next.is_ascii_alphabetic(),
    };
    begins || next == lead || more.contains(lead)
}

/// The stretch of escapes around the one that could begin at `lead`, if they are many and it is not one of the last: where
/// it begins, where it ends, and how it is written.
pub fn dense(hay: &[u8], lead: usize) -> Option<(usize, usize, Scheme)> {
    let scheme = match hay[lead] {
        b'%' => Scheme::Percent,
        b'\\' => Scheme::Backslash,
        b'&' => Scheme::Html,
        _ => return None,
    };
    if run_of(hay, lead, scheme, 4).0 < 4 {
        return None;
    }
    let start = stretch_start(hay, lead, scheme);
    let (count, end) = run_of(hay, start, scheme, usize::MAX);
    (count >= DENSE).then_some((start, end, scheme))
}

fn stretch_start(hay: &[u8], lead: usize, scheme: Scheme) -> usize {
    let mut start = lead;
    loop {
        let back = (start.saturating_sub(LONGEST + BETWEEN)..start).rev().find(|at| {
            parse(hay, *at, scheme)
                .is_some_and(|e| e.is_printable() && (start.saturating_sub(BETWEEN)..=start).contains(&(at + e.len)))
        });
        match back {
            Some(at) => start = at,
            None => return start,
        }
    }
}

/// Counts escapes of printable characters from here on, and says where they end.
fn run_of(hay: &[u8], from: usize, scheme: Scheme, most: usize) -> (usize, usize) {
    let (mut count, mut end) = (0, from);
    let mut at = from;
    while count < most && at <= end + BETWEEN {
        match parse(hay, at, scheme).filter(Escape::is_printable) {
            Some(escape) => {
                count += 1;
                at += escape.len;
                end = at;
            }
            None if hay.get(at).is_some_and(|b| is_word(*b)) => at += 1,
            None => break,
        }
    }
    (count, end)
}

/// A byte of a word that may hold escapes.
fn is_word(byte: u8) -> bool {
    byte > b' ' && !matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | 0x7f)
}

/// Is an escape here worth a look: one that [`find_beside`] finds, or the first of those of [`dense`]?
pub fn is_worth_a_look(hay: &[u8], at: usize, scheme: Scheme, random: Judge) -> bool {
    inside(hay, at, scheme, random) || dense(hay, at).is_some_and(|(start, _, found)| (start, found) == (at, scheme))
}

/// The word around an escape that was found.
#[derive(Debug)]
pub struct Word {
    /// First byte that was looked at.
    pub read_start: usize,
    /// After the last byte that was looked at.
    pub read_end: usize,
    /// The word, unless an escape before this one was found, too, and will be given it.
    pub span: Option<Range<usize>>,
    /// It goes on behind [`MAX_WORD`].
    pub cut: bool,
}

/// Reads the word around an escape.
pub fn word(hay: &[u8], at: usize, scheme: Scheme, random: Judge) -> Word {
    let floor = at.saturating_sub(FOLLOW);
    let mut start = at;
    while start > floor && (is_word(hay[start - 1]) || joins(hay, start, scheme)) {
        start -= 1;
    }
    let read_start = floor.saturating_sub(LOOK);
    let taken = (start..at).any(|q| inside(hay, q, scheme, random)) || is_inside_dense(hay, start..at, scheme);
    if taken {
        return Word { read_start, read_end: (at + LOOK).min(hay.len() + 1), span: None, cut: false };
    }
    let (mut end, mut last) = (at, at);
    let (count, stretch) = run_of(hay, at, scheme, usize::MAX);
    if count >= DENSE {
        last = stretch;
        end = stretch;
    }
    let mut cut = false;
    while end < hay.len() && end <= last + FOLLOW {
        if end - at > MAX_WORD {
            cut = true;
            break;
        }
        if inside(hay, end, scheme, random) {
            last = end;
        } else if parse(hay, end, scheme).is_some_and(|e| e.is_printable())
            && run_of(hay, end, scheme, DENSE).0 >= DENSE
        {
            end = run_of(hay, end, scheme, usize::MAX).1;
            last = end;
            continue;
        }
        match parse(hay, end, scheme) {
            Some(escape) => end += escape.len,
            None if is_word(hay[end]) => end += 1,
            None => break,
        }
    }
    let end = end.min(hay.len());
    Word { read_start, read_end: (end + LOOK * 3).min(hay.len() + 1), span: Some(start..end), cut }
}

/// A line break that belongs to an escape.
fn joins(hay: &[u8], end: usize, scheme: Scheme) -> bool {
    let lead = match scheme {
        Scheme::Backslash => b'\\',
        Scheme::QuotedPrintable => b'=',
        _ => return false,
    };
    before(hay, end, lead).is_some_and(|at| parse(hay, at, scheme).is_some_and(|e| e.out_len == 0 && at + e.len >= end))
}

fn is_inside_dense(hay: &[u8], range: Range<usize>, scheme: Scheme) -> bool {
    let mut at = range.start;
    while at < range.end {
        if parse(hay, at, scheme).is_some_and(|e| e.is_printable()) {
            let (count, end) = run_of(hay, at, scheme, DENSE);
            if count >= DENSE {
                return true;
            }
            at = end.max(at + 1);
        } else {
            at += 1;
        }
    }
    false
}

/// Undoes the escapes of a word.
pub fn decode(hay: &[u8], span: Range<usize>, scheme: Scheme) -> Decoded {
    let mut text = Vec::with_capacity(span.len());
    let mut map = Map::new((1, 1));
    let (mut at, mut literal) = (span.start, false);
    while at < span.end {
        match parse(hay, at, scheme).filter(|e| at + e.len <= span.end) {
            Some(escape) => {
                if escape.out_len > 0 {
                    map.push(text.len(), at, false);
                }
                text.extend_from_slice(&escape.out[..escape.out_len]);
                at += escape.len;
                literal = false;
            }
            None => {
                if !literal {
                    map.push(text.len(), at, true);
                }
                text.push(hay[at]);
                at += 1;
                literal = true;
            }
        }
    }
    map.end = span.end;
    Decoded { read_end: span.end, span, text, map, cut: false }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    proptest::proptest! {
        #[test]
        fn what_may_not_be_dense_is_not(text in "([%\\\\&]{1,2}(x?[0-9a-f]{2}|[ns=> ]|#37;|amp;|u0041|[!.]){1,2}){8,24}") {
            let hay = text.as_bytes();
            for at in 0..hay.len() {
                proptest::prop_assert!(dense(hay, at).is_none() || may_be_dense(hay, at), "{} of {}", at, text);
            }
        }
    }

    #[test]
    fn every_escape() {
        let cases: &[(Scheme, &str, &str)] = &[
            (Scheme::Percent, "a%2Fb%2fc%zz%", "a/b/c%zz%"),
            (Scheme::Backslash, r"\x41\u0042\u{43}\U00000044\105\/\n\q", "ABCDE/\n\\q"),
            (Scheme::Backslash, "ab\\\n  cd\\\r\nef", "abcdef"),
            (Scheme::Html, "a&#47;&#x2F;&sol;&amp;&nope;&", "a///&&nope;&"),
            (Scheme::QuotedPrintable, "a=3Db=\nc=\r\nd=3d=", "a=bcd=3d="),
            (Scheme::Backslash, r"\u00e9\ud83d", "é\\ud83d"),
        ];
        for (scheme, from, to) in cases {
            let decoded = decode(from.as_bytes(), 0..from.len(), *scheme);
            assert_eq!(String::from_utf8_lossy(&decoded.text), *to, "{from}");
        }
    }

    #[test]
    fn places_are_exact() {
        let hay = r"say \x41BC\x44 \
EF";
        let decoded = decode(hay.as_bytes(), 4..hay.len(), Scheme::Backslash);
        assert_eq!(decoded.text, b"ABCD EF");
        assert_eq!(decoded.map.place(&(0..4)), 4..14);
        assert_eq!(decoded.map.place(&(1..3)), 8..10);
        assert_eq!(decoded.map.place(&(5..7)), 17..19);
    }

    #[test]
    fn dense_stretches_are_found_wherever_one_looks() {
        for one in [r"\x6a", "%6a", r"\u006a", "&#106;", r"\152"] {
            let hay = format!("{}{}{}", "x ".repeat(37), one.repeat(20), " y".repeat(50));
            for start in 0..hay.len() {
                let mut found = Vec::new();
                find_dense(hay.as_bytes(), &(start..hay.len()), |at, _| found.push(at));
                let inside = start < 74 + 20 * one.len();
                assert!(!inside || found == [74], "{one} from {start}: {found:?}");
            }
        }
    }
}
