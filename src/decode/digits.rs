//! Base64 and hex: where such text begins, and what it says.
//!
//! It may be wrapped at any column from 16 on, and the lines may be indented, quoted and joined by `+`, escaped (`\n`) or
//! commented out. Text begins where the first digits decode to text, or to the first bytes of a gzip or zlib stream; so
//! hashes, images, fonts, keys and identifiers are told apart by their first bytes.

use std::ops::Range;

use super::escapes::is_token_byte;
use super::{Decoded, MAX_REGION, Map, Scheme, inflate, is_text, is_utf16, is_utf32};

/// Fewest digits of base64 on a line.
const LINE: usize = 16;
/// Fewest digits of hex on a line.
const HEX_LINE: usize = 24;
/// Lines of one length, and digits on each, from which on a program wrapped them.
const WRAPPED: usize = 6;
const WRAPPED_LINE: usize = 40;
/// Digits at the start that are judged.
const HEAD: usize = 24;
/// Digits at the end of the line before that are judged.
const TAIL: usize = 12;
/// Most bytes between two lines.
const GAP: usize = 40;
/// How far in a path or name a text may begin.
const DEEP: usize = 24;
/// Bytes on each side of the beginning of a text that say whether it is one.
pub const LOOK: usize = GAP + TAIL + 4;

const NONE: u8 = 0xff;

static BASE64: [u8; 256] = {
    let mut table = [NONE; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut i = 0;
    while i < 64 {
        table[alphabet[i] as usize] = i as u8;
        i += 1;
    }
    table[b'-' as usize] = 62;
    table[b'_' as usize] = 63;
    table
};

fn hex_value(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        b'A'..=b'F' => byte - b'A' + 10,
        _ => NONE,
    }
}

fn value(byte: u8, scheme: Scheme) -> u8 {
    if scheme == Scheme::Hex { hex_value(byte) } else { BASE64[usize::from(byte)] }
}

fn is_digit(byte: u8, scheme: Scheme) -> bool {
    value(byte, scheme) != NONE
}

/// Finds where encoded text begins in a run of token characters, or right behind an escape at its start.
#[inline]
pub fn find(hay: &[u8], run: &Range<usize>, mut f: impl FnMut(usize, Scheme)) {
    // A database writes bytes as `\x6b65...`: not an escape, but the mark before hex digits.
    if hay[..run.end].get(run.start) == Some(&b'x') && hay[..run.start].last() == Some(&b'\\') {
        let digits = run.start + 1;
        if digits < run.end && starts_hex(hay, digits) {
            f(digits, Scheme::Hex);
        }
    }
    let mut at = run.start + escape_tail(hay, run.start);
    // A text has LINE digits, all of them in the run unless that is cut off.
    let cut = hay.get(run.end).is_some_and(|b| is_token_byte(*b));
    let last = run.end.min((hay.len() + 1).saturating_sub(LINE)).min(if cut {
        run.end
    } else {
        (run.end + 1).saturating_sub(LINE)
    });
    while at < last {
        if may_start_base64(&hay[at..]) && starts_base64(hay, at) {
            f(at, Scheme::Base64);
        } else if hay[at] <= b'7' && starts_hex(hay, at) {
            f(at, Scheme::Hex);
        }
        // A text begins behind what is no letter or digit.
        let sign = hay[at..last].iter().position(|b| !ALPHANUMERIC[usize::from(*b)]);
        at = sign.map_or(last, |sign| at + sign + 1);
    }
}

static ALPHANUMERIC: [bool; 256] = {
    let (mut table, mut i) = ([false; 256], 0u8);
    while i < 128 {
        table[i as usize] = i.is_ascii_alphanumeric();
        i += 1;
    }
    table
};

/// Pairs of digits that can begin a text or a stream: they give a byte and half of the next.
static PAIRS: [bool; 4096] = {
    let mut table = [false; 4096];
    let mut i = 0;
    while i < 4096 {
        let (byte, half) = (i >> 4, i & 15);
        table[i] = match byte {
            0x20..=0x7e | 0x09 | 0x0a | 0x0d => half < 8 && half != 1 || half >= 12,
            0x1f => half == 8,
            0xc2..=0xfd => half >= 2 && half < 12,
            0xfe | 0xff => half == 15,
            // UTF-16 and UTF-32 with the high byte first.
            0 => half == 0 || half >= 2 && half < 8,
            _ => false,
        } || byte == 0x78 && (half == 0 || half == 5 || half == 9 || half == 13);
        i += 1;
    }
    table
};

/// A first look, to be done with most runs as soon as possible.
#[inline]
fn may_start_base64(head: &[u8]) -> bool {
    let [a, b] = [0, 1].map(|i| usize::from(BASE64[usize::from(head[i])]));
    a | b < 64 && PAIRS[a << 6 | b]
}

/// Length of the rest of an escape sequence that a run begins with: the `n` of `\n`, the digits of `%3D` and `\u003d`.
fn escape_tail(hay: &[u8], start: usize) -> usize {
    let Some(lead) = start.checked_sub(1).map(|i| hay[i]) else { return 0 };
    let rest = &hay[start..];
    let hex = |from: usize, n: usize| rest.get(from..from + n).is_some_and(|d| d.iter().all(u8::is_ascii_hexdigit));
    match (lead, rest.first()) {
        (b'\\', Some(b'n' | b'r' | b't')) => 1,
        (b'\\', Some(b'x')) if hex(1, 2) => 3,
        (b'\\', Some(b'u')) if hex(1, 4) => 5,
        (b'%', _) if hex(0, 2) => 2,
        _ => 0,
    }
}

/// Does a base64 text begin here? Depends on [`LOOK`] bytes on each side.
fn starts_base64(hay: &[u8], at: usize) -> bool {
    may_start_base64(&hay[at..])
        && head_is_text(hay, at, Scheme::Base64)
        && is_edge(hay, at, Scheme::Base64)
        && !goes_on(hay, at, Scheme::Base64)
}

/// Does a hex text begin here, or behind the `0x` that stands here?
fn starts_hex(hay: &[u8], at: usize) -> bool {
    let digits = if hay[at..].starts_with(b"0x") { at + 2 } else { at };
    hay.get(digits).is_some_and(|b| matches!(b, b'0'..=b'7'))
        && (is_edge(hay, at, Scheme::Hex) || hay[..at].ends_with(b"\\x"))
        && head_is_text(hay, digits, Scheme::Hex)
        && !goes_on(hay, at, Scheme::Hex)
}

/// Nothing that could belong to it stands directly before it; or at most a short name or path.
fn is_edge(hay: &[u8], at: usize, scheme: Scheme) -> bool {
    let Some(before) = at.checked_sub(1).map(|i| hay[i]) else { return true };
    if before.is_ascii_alphanumeric() {
        return (1..=5).any(|n| at > n && escape_tail(hay, at - n) == n);
    }
    if !is_digit(before, scheme) {
        return true;
    }
    let Some(back) = hay[..at].iter().rev().take(DEEP).position(|b| !is_digit(*b, scheme)) else { return false };
    let line = at - back + escape_tail(hay, at - back);
    // Within a line of a text, where `/` or `+` is a digit like any other, it is decoded with that line.
    !(scheme == Scheme::Base64 && line < at && (at - line).is_multiple_of(4) && head_is_text(hay, line, scheme))
}

/// Do the first digits decode to text, or to the start of a stream?
fn head_is_text(hay: &[u8], at: usize, scheme: Scheme) -> bool {
    let head = &hay[at..hay.len().min(at + HEAD)];
    if scheme == Scheme::Base64 && !head.first_chunk().is_some_and(could_be_text) {
        return false;
    }
    let digits = head.iter().take_while(|b| is_digit(**b, scheme)).count();
    let least = if scheme == Scheme::Hex { HEX_LINE } else { LINE };
    if digits < least {
        return false;
    }
    let mut buffer = [0; HEAD];
    let decoded = decode_into(head[..digits].iter().map(|b| value(*b, scheme)), scheme, &mut buffer);
    if scheme == Scheme::Hex && !inflate::is_stream(decoded) {
        // Random hex digits make a printable character twice in five times, so all must.
        return decoded.iter().all(|b| matches!(b, b' '..=b'~' | b'\t' | b'\n' | b'\r'));
    }
    is_text(decoded) || inflate::is_stream(decoded)
}

/// A quick look at the first 12 digits, where nearly all identifiers, paths and hashes end.
fn could_be_text(head: &[u8; 12]) -> bool {
    let mut bytes = [0u8; 9];
    let mut all = 0;
    for (digits, three) in head.as_chunks::<4>().0.iter().zip(bytes.as_chunks_mut::<3>().0) {
        let [a, b, c, d] = digits.map(|digit| BASE64[usize::from(digit)]);
        all |= a | b | c | d;
        *three = [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d];
    }
    if all == NONE {
        return false;
    }
    let printable = bytes.iter().filter(|b| PRINTABLE[usize::from(**b)]).count();
    let marked = || {
        let high = bytes.iter().position(|b| *b >= 0x80);
        let lead = |i: usize| matches!(bytes[i], 0xc2..=0xf4) && bytes.get(i + 1).is_none_or(|b| b & 0xc0 == 0x80);
        high.is_some_and(lead) && bytes.iter().all(|b| PRINTABLE[usize::from(*b)] || *b >= 0x80)
    };
    let wide = || bytes.contains(&0) && (is_utf16(&bytes[..8]) || is_utf32(&bytes[..8]));
    printable >= 7 || inflate::is_stream(&bytes) || wide() || marked()
}

static PRINTABLE: [bool; 256] = {
    let mut table = [false; 256];
    let mut i = b' ' as usize;
    while i <= b'~' as usize {
        table[i] = true;
        i += 1;
    }
    table[b'\t' as usize] = true;
    table[b'\n' as usize] = true;
    table[b'\r' as usize] = true;
    table
};

fn decode_into(values: impl Iterator<Item = u8>, scheme: Scheme, buffer: &mut [u8]) -> &[u8] {
    let bits = if scheme == Scheme::Hex { 4 } else { 6 };
    let (mut held, mut have, mut len) = (0u32, 0, 0);
    for v in values {
        held = held << bits | u32::from(v);
        have += bits;
        if have >= 8 {
            have -= 8;
            if let Some(place) = buffer.get_mut(len) {
                *place = (held >> have) as u8;
                len += 1;
            }
        }
    }
    &buffer[..len]
}

/// Is this a further line of a text that began before? The end of the line before says so: it decodes to text as well.
fn goes_on(hay: &[u8], at: usize, scheme: Scheme) -> bool {
    let floor = at.saturating_sub(GAP).max(TAIL);
    (floor..at).rev().any(|end| {
        is_digit(hay[end - 1], scheme) && gap(hay, end) == Some(at) && {
            let tail = &hay[end - TAIL..end];
            let mut buffer = [0; TAIL];
            tail.iter().all(|b| is_digit(*b, scheme))
                && is_text(decode_into(tail.iter().map(|b| value(*b, scheme)), scheme, &mut buffer))
        }
    })
}

/// What may stand between two lines of one text: a line break with what source code, mail and comments put around it, or
/// the end of a string literal and the start of the next. Gives where the next line begins.
fn gap(hay: &[u8], end: usize) -> Option<usize> {
    let (mut at, mut breaks, mut escaped, mut quotes) = (end, 0, false, 0);
    while at < end + GAP {
        let rest = hay.get(at..)?;
        at += match rest {
            [b' ' | b'\t' | b'\r', ..] => 1,
            [b'\n', ..] => {
                breaks += 1;
                1
            }
            [b'"' | b'\'' | b'`', ..] => {
                quotes += 1;
                1
            }
            [b'\\', b'n' | b'r', ..] => {
                escaped = true;
                2
            }
            [b'\\', b'\\', b'n' | b'r', ..] => {
                escaped = true;
                3
            }
            [b'\\', b'"' | b'\'', ..] => {
                quotes += 1;
                2
            }
            [b'\\', b'\n' | b'\r', ..] => 1,
            [b'+' | b'.' | b',' | b'&', ..] if quotes > 0 => 1,
            [b'#' | b'*' | b'>' | b'|', ..] if breaks > 0 => 1,
            [b'/', b'/', b' ', ..] if breaks > 0 => 2,
            _ if rest.starts_with(b"%0A") || rest.starts_with(b"%0D") => {
                escaped = true;
                3
            }
            [b'&', b'#', b'1', b'0' | b'3', b';', ..] | [b'&', b'#', b'x', b'A' | b'a' | b'D' | b'd', b';', ..] => {
                escaped = true;
                5
            }
            _ => break,
        };
    }
    let joined = breaks == 1 || breaks == 0 && (escaped || quotes >= 2);
    let digit = hay.get(at).is_some_and(|b| BASE64[usize::from(*b)] != NONE);
    (joined && quotes % 2 == 0 && digit && at > end && at <= end + GAP).then_some(at)
}

/// The lines of an encoded text.
#[derive(Debug)]
pub struct Lines {
    scheme: Scheme,
    lines: Vec<Range<usize>>,
    /// After the last byte that was looked at.
    read_end: usize,
    cut: bool,
    padded: bool,
}

/// Reads the lines of a text that begins here.
pub fn lines(hay: &[u8], at: usize, scheme: Scheme) -> Lines {
    let at = if scheme == Scheme::Hex && hay[at..].starts_with(b"0x") { at + 2 } else { at };
    let line = |from: usize| from..from + hay[from..].iter().take_while(|b| is_digit(**b, scheme)).count();
    let least = if scheme == Scheme::Hex { HEX_LINE } else { LINE };
    let mut lines = vec![line(at)];
    let (mut end, mut cut) = (lines[0].end, false);
    while let Some(next) = gap(hay, end) {
        let more = line(next);
        let last = more.len() < least;
        if last && !ends_line(hay, more.end) || !last && starts(hay, next, scheme) {
            break;
        }
        if more.end - at > MAX_REGION {
            cut = true;
            break;
        }
        end = more.end;
        lines.push(more);
        if last {
            break;
        }
    }
    if end - at > MAX_REGION {
        cut = true;
        if let Some(last) = lines.last_mut() {
            last.end = at + MAX_REGION;
        }
    }
    let padded = hay.get(end) == Some(&b'=');
    let read_end = if cut { hay.len() + 1 } else { (end + GAP + LOOK + HEAD).min(hay.len() + 1) };
    Lines { scheme, lines, read_end, cut, padded }
}

fn starts(hay: &[u8], at: usize, scheme: Scheme) -> bool {
    if scheme == Scheme::Hex { starts_hex(hay, at) } else { starts_base64(hay, at) }
}

/// After a short line that is the last one of a text, not one that begins with a word.
fn ends_line(hay: &[u8], at: usize) -> bool {
    matches!(hay.get(at), None | Some(b'\r' | b'\n' | b'"' | b'\'' | b'`' | b'<' | b'=' | b')' | b';' | b',' | b'\\'))
}

impl Lines {
    /// After the last byte that was looked at.
    pub fn read_end(&self) -> usize {
        self.read_end
    }

    /// The text, and other ways to read the lines where it is not certain that all belong together.
    pub fn readings(&self, hay: &[u8]) -> Vec<Decoded> {
        let all = self.decode(hay, &self.lines);
        let mut readings = Vec::new();
        let small = all.span.len() <= 16 << 10;
        if let Some((last, others)) = self.lines.split_last().filter(|(_, o)| !o.is_empty() && small && !self.padded) {
            if others.len() > 1 {
                readings.push(self.decode(hay, others));
            }
            let quantum = if self.scheme == Scheme::Hex { 2 } else { 4 };
            if self.is_wrapped(hay, &all.text) {
                readings.extend([&self.lines[..1], std::slice::from_ref(last)].map(|l| self.decode(hay, l)));
            } else if others.iter().all(|l| l.len() % quantum == 0) && last.len() >= LINE {
                readings.extend(self.lines.iter().map(|l| self.decode(hay, std::slice::from_ref(l))));
            } else {
                readings.push(self.decode(hay, &self.lines[..1]));
            }
        }
        readings.insert(0, all);
        readings
    }

    /// Did a program wrap this? Many lines of one length, nothing that separates the entries of a list, and a text of more
    /// than tokens in most of them. Then no line is a text of its own: reading each alone costs much and gives nothing.
    fn is_wrapped(&self, hay: &[u8], text: &[u8]) -> bool {
        let Some((last, others)) = self.lines.split_last() else { return false };
        let len = others.first().map_or(0, Range::len);
        let even = others.len() >= WRAPPED && len >= WRAPPED_LINE && others.iter().all(|l| l.len() == len);
        let joined = || self.lines.windows(2).all(|l| !hay[l[0].end..l[1].start].contains(&b','));
        let said = if self.scheme == Scheme::Hex { len / 2 } else { len * 3 / 4 };
        let texts = || text.chunks(said).filter(|line| line.iter().any(|b| !is_token_byte(*b))).count();
        even && last.len() <= len && joined() && texts() * 2 >= others.len()
    }

    fn decode(&self, hay: &[u8], lines: &[Range<usize>]) -> Decoded {
        let (bits, ratio) = if self.scheme == Scheme::Hex { (4, (2, 1)) } else { (6, (4, 3)) };
        let digits: usize = lines.iter().map(Range::len).sum();
        let mut text = Vec::with_capacity(digits * ratio.1 / ratio.0 + 1);
        let mut map = Map::new(ratio);
        let (mut held, mut have, mut count) = (0u32, 0, 0);
        for line in lines {
            map.push(count, line.start, true);
            count += line.len();
            for byte in &hay[line.clone()] {
                held = held << bits | u32::from(value(*byte, self.scheme));
                have += bits;
                if have >= 8 {
                    have -= 8;
                    text.push((held >> have) as u8);
                }
            }
        }
        let start = lines.first().map_or(0, |l| l.start);
        map.end = lines.last().map_or(0, |l| l.end);
        Decoded { span: start..map.end, read_end: self.read_end, text, map, cut: self.cut }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use data_encoding::{BASE64 as STANDARD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};

    const TEXT: &str = "a text that says nothing of interest, but says it at length: so it is wrapped";

    fn all(hay: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < hay.len() {
            let end = at + hay[at..].iter().take_while(|b| crate::rules::format::is_token_byte(**b)).count();
            if end - at >= 16 {
                find(hay, &(at..end), |start, scheme| {
                    for decoded in lines(hay, start, scheme).readings(hay) {
                        found.push(String::from_utf8_lossy(&decoded.text).into_owned());
                    }
                });
            }
            at = end + 1;
        }
        found
    }

    #[test]
    fn alphabets_and_frames() {
        let base64 = STANDARD.encode(TEXT.as_bytes());
        let cases = [
            base64.clone(),
            format!("key=\"{base64}\""),
            format!("пароль: {base64}, ключ"),
            format!("https://host/path/{base64}"),
            format!("\"\\n{base64}\\n\""),
            format!("v%3D{base64}"),
            BASE64URL_NOPAD.encode(TEXT.as_bytes()),
            format!("eyJhbGciOiJub25lIn0.{}.", BASE64URL_NOPAD.encode(TEXT.as_bytes())),
            HEXLOWER.encode(TEXT.as_bytes()),
            format!("0x{}", HEXUPPER.encode(TEXT.as_bytes())),
            format!("'\\x{}'", HEXLOWER.encode(TEXT.as_bytes())),
        ];
        for case in cases {
            assert!(all(case.as_bytes()).iter().any(|t| t == TEXT), "{case}: {:?}", all(case.as_bytes()));
        }
    }

    #[test]
    fn wrapped_at_any_column_in_any_dress() {
        let base64 = STANDARD.encode(TEXT.as_bytes());
        for column in 16..=100 {
            let lines: Vec<&str> = base64.as_bytes().chunks(column).map(|l| std::str::from_utf8(l).unwrap()).collect();
            for (open, join, close) in [
                ("", "\n", "\n"),
                ("", "\r\n", "\r\n"),
                ("data: |\n    ", "\n    ", "\nnext: 1\n"),
                ("x = \"", "\" +\n      \"", "\";\n"),
                ("x = ('", "'\n     '", "')\n"),
                ("{\"x\": \"", "\\n", "\"}"),
                ("[\n  \"", "\",\n  \"", "\"\n]\n"),
                ("# ", "\n# ", "\n"),
                ("// ", "\n// ", "\n"),
                ("<d>\n  ", "\n  ", "\n</d>"),
                ("echo ", "\\\n", "\n"),
                ("> ", "\n> ", "\n"),
                ("x = \"", "\" & _\n  \"", "\"\n"),
            ] {
                let hay = format!("{open}{}{close}", lines.join(join));
                let found = all(hay.as_bytes());
                // VB's `_` is a digit of the other alphabet.
                assert!(join.contains('_') || found.iter().any(|t| t == TEXT), "{column} {join:?}: {found:?}\n{hay}");
            }
        }
    }

    /// What a program wrapped is read as a whole; lines that may each be a token are read one by one, too.
    #[test]
    fn lines_of_one_text_are_not_read_alone() {
        let readings = |hay: &str| lines(hay.as_bytes(), 0, Scheme::Base64).readings(hay.as_bytes()).len();
        let wrap = |text: &str, join: &str| {
            let base64 = STANDARD.encode(text.as_bytes());
            let lines: Vec<&str> =
                base64.trim_end_matches('=').as_bytes().chunks(60).map(|l| std::str::from_utf8(l).unwrap()).collect();
            lines.join(join) + "\n"
        };
        // Nor from the middle of a line on.
        let (mut starts, slash) = (0, "ab?".repeat(100));
        let hay = format!("\"{}\"", wrap(&slash, "\\n"));
        assert!(hay.matches('/').count() > 20);
        let mut at = 0;
        while at < hay.len() {
            let end = at + hay.as_bytes()[at..].iter().take_while(|b| is_token_byte(**b)).count();
            find(hay.as_bytes(), &(at..end), |_, _| starts += 1);
            at = end + 1;
        }
        assert_eq!(starts, 1);
        let text = TEXT.repeat(10);
        let tokens: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        // Ten lines of 60 digits, and one of 40.
        let (text, tokens) = (&text[..480], &tokens[..480]);
        assert_eq!(readings(&wrap(text, "\\n")), 4);
        assert!(readings(&wrap(text, "\",\n\"")) > 10);
        assert!(readings(&wrap(tokens, "\n")) > 10);
    }

    #[test]
    fn what_is_no_text() {
        for hay in [
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "this_is_a_long_identifier_in_snake_case",
            "src/components/navigation/breadcrumbs/index.stories.tsx",
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
            "sha512-Rw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "getElementsByClassNameAndSomething",
        ] {
            assert_eq!(all(hay.as_bytes()), Vec::<String>::new(), "{hay}");
        }
    }

    #[test]
    fn places() {
        let base64 = STANDARD.encode(TEXT.as_bytes());
        let hay = format!("x: |\n  {}\n  {}\n", &base64[..50], &base64[50..]);
        let decoded = lines(hay.as_bytes(), 7, Scheme::Base64).readings(hay.as_bytes()).remove(0);
        assert_eq!(decoded.text, TEXT.as_bytes());
        assert_eq!(decoded.map.place(&(0..3)), 7..11);
        // Digit 50 stands behind the line break and two spaces.
        assert_eq!(decoded.map.place(&(36..39)), 7 + 48..7 + 52 + 3);
    }
}
