//! Text armour: from a `-----BEGIN ...-----` line to its end line, with whatever source code does to the lines between.
//!
//! A key in a repository stands as a file, in a JSON string with `\n` escapes, as string literals joined by `+`, behind
//! comment or diff markers, percent-encoded, or on one line with the breaks turned to spaces. All of these are undone
//! here. Sources: RFC 7468, RFC 4716 and RFC 9580 section 6 for the armour itself; the rest is how languages quote.

use std::ops::Range;

use memchr::memmem;

use super::primitives::{unbase64, unhex, window};
use super::{Input, Outcome};
use crate::finding::Verdict;

/// How far ahead the end line is looked for.
const AHEAD: usize = 64 * 1024;
/// Fewest base64 characters of a body; 40 bytes, less than any private key has.
const SHORTEST: usize = 54;
/// So many more words than pieces stand in a body at most: headers, and names in source code.
const MOST_WORDS: usize = 8;
/// Length from which a block without its end line is reported: half of a small RSA key.
const MOST_OF_A_KEY: usize = 400;

/// What stands between the lines.
pub(super) struct Armour {
    /// From the opening line to the end line.
    pub(super) span: Range<usize>,
    /// What was looked at.
    pub(super) read: Range<usize>,
    /// The decoded body.
    pub(super) data: Vec<u8>,
    /// The four characters after `=` on a line of their own (OpenPGP).
    pub(super) check: Option<Vec<u8>>,
    /// Says `ENCRYPTED` in a header.
    pub(super) encrypted: bool,
    /// Label of the opening line, such as `RSA PRIVATE KEY`.
    pub(super) label: String,
}

impl Armour {
    /// An outcome that spans the whole block.
    pub(super) fn outcome(&self, input: &Input<'_>, verdict: Verdict) -> Outcome {
        Outcome { span: self.span.clone(), read: self.read.clone(), ..Outcome::of(input, verdict) }
    }
}

/// Reads the block that begins with the match; the error is the outcome for a block that has no readable body.
pub(super) fn read(input: &Input<'_>) -> Result<Armour, Outcome> {
    let (window, past) = window(input.hay, input.end, AHEAD);
    let ahead = input.hay.get(window).unwrap_or_default();
    let marker = diff_marker(input);
    let before = input.start.saturating_sub(1);
    let bad =
        |span: Range<usize>, end: usize| Outcome { span, read: before..end, ..Outcome::of(input, Verdict::Malformed) };
    let (body, line_end) = match find_end(ahead) {
        End::Found { body, end } => (ahead.get(..body).unwrap_or_default(), end),
        End::Missing { looked } => {
            let read_end = looked.map_or(past, |at| input.end + at);
            let Some(length) = data_length(ahead.get(..looked.unwrap_or(ahead.len())).unwrap_or_default()) else {
                return Err(bad(input.start..input.end, read_end).dismissed());
            };
            let mut outcome = bad(input.start..input.end + length, read_end);
            // Most of a key is worth a look, though nothing of it can be proven.
            if length >= MOST_OF_A_KEY && !is_elided(ahead.get(..length).unwrap_or_default()) {
                outcome.verdict = Verdict::Shape;
            }
            return Err(outcome.fact("truncated", "the end line is missing"));
        }
    };
    let span = input.start..input.end + line_end;
    // Dashes after the end line would still have belonged to it.
    let read = before..span.end + 1;
    let clean = clean(body, marker);
    if clean.elided || clean.longest < 16 || clean.text.len() < SHORTEST {
        return Err(bad(span, read.end).dismissed());
    }
    match unbase64(&clean.text).filter(|_| !clean.garbage) {
        Some(data) => {
            Ok(Armour { span, read, data, check: clean.check, encrypted: clean.encrypted, label: label(input.token()) })
        }
        None if clean.longest < 40 => Err(bad(span, read.end).dismissed()),
        None => Err(bad(span, read.end)),
    }
}

/// The words of an opening line.
fn label(token: &[u8]) -> String {
    let text = String::from_utf8_lossy(token);
    text.trim_matches(|c: char| c == '-' || c.is_whitespace()).trim_start_matches("BEGIN ").to_owned()
}

/// A `+`, `-` or space at the start of the line, which a patch file would have on each line.
fn diff_marker(input: &Input<'_>) -> Option<u8> {
    let marker = *input.hay.get(input.start.checked_sub(1)?)?;
    matches!(marker, b'+' | b'-' | b' ').then_some(marker)
}

enum End {
    Found {
        /// Where the body ends.
        body: usize,
        /// Where the end line ends.
        end: usize,
    },
    Missing {
        /// How far that depends on the text; nothing if on all of the window.
        looked: Option<usize>,
    },
}

/// Finds the end line, unless another block begins first.
fn find_end(ahead: &[u8]) -> End {
    for at in memmem::find_iter(ahead, b"---") {
        let rest = ahead.get(at..).unwrap_or_default();
        let dashes = rest.iter().take(6).take_while(|&&b| b == b'-').count();
        let words = rest.get(dashes..).unwrap_or_default();
        let words = words.strip_prefix(b" ").unwrap_or(words);
        if words.starts_with(b"BEGIN ") {
            return End::Missing { looked: Some(ahead.len() - words.len() + 6) };
        }
        if !words.starts_with(b"END ") {
            continue;
        }
        let start = ahead.len() - words.len();
        let Some(close) = words.get(..words.len().min(80)).and_then(|head| memmem::find(head, b"---")) else {
            continue;
        };
        let dashes = words.get(close..).unwrap_or_default().iter().take(5).take_while(|&&b| b == b'-').count();
        return End::Found { body: at, end: start + close + dashes };
    }
    End::Missing { looked: None }
}

/// Length of the lines that look like data right after an opening line; nothing if these are too few.
fn data_length(ahead: &[u8]) -> Option<usize> {
    let (mut at, mut end, mut total, mut words, mut pieces) = (0, 0, 0, 0, 0);
    'lines: for line in ahead.split(|&b| b == b'\n').take(2000) {
        let header = line.contains(&b':') && at > 0 && total == 0;
        let (mut column, mut found) = (0, false);
        for run in line.split(|&b| !is_base64(b)) {
            column += run.len();
            // Words between the pieces are no key: a list of such opening lines, in one long line with other texts.
            words += usize::from((3..16).contains(&run.len()) && !header);
            pieces += usize::from(run.len() >= 16);
            if words > MOST_WORDS + pieces {
                break 'lines;
            }
            if run.len() >= 16 {
                total += run.len();
                end = at + column;
                found = true;
            }
            column += 1;
        }
        if !found && at > 0 && !header && !line.trim_ascii().is_empty() {
            break;
        }
        at += line.len() + 1;
    }
    (total >= SHORTEST).then_some(end.min(ahead.len()))
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)
}

#[derive(Default)]
struct Clean {
    text: Vec<u8>,
    check: Option<Vec<u8>>,
    encrypted: bool,
    /// Has `...`, `<snip>` and the like: documentation.
    elided: bool,
    /// Has words that are neither base64 nor a header.
    garbage: bool,
    /// Length of the longest piece.
    longest: usize,
}

/// Joins the base64 of a body and undoes quoting.
fn clean(body: &[u8], marker: Option<u8>) -> Clean {
    let mut out = Clean { elided: is_elided(body), ..Clean::default() };
    let raw: Vec<&[u8]> = body.split(|&b| b == b'\n').collect();
    let lines = raw.get(1..).unwrap_or_default();
    let marker = marker.filter(|m| lines.iter().all(|line| line.first().is_none_or(|first| first == m)));
    let last = raw.len().saturating_sub(1);
    for (index, line) in raw.into_iter().enumerate() {
        let line = if index > 0 { strip_marker(line, marker) } else { line };
        let line = within_quotes(line, index == 0, index == last);
        for line in unescape(line).split(|&b| b == b'\n') {
            take_line(&mut out, line);
        }
    }
    out
}

fn strip_marker(line: &[u8], marker: Option<u8>) -> &[u8] {
    match (line.split_first(), marker) {
        (Some((first, rest)), Some(marker)) if *first == marker => rest,
        _ => line,
    }
}

/// Cuts a line of source code down to its string literals: `key += "MIIE...\n" +` to `MIIE...\n`. The literal of the
/// opening line began before it, that of the end line ends after it.
fn within_quotes(line: &[u8], first: bool, last: bool) -> &[u8] {
    let is_quote = |&b: &u8| matches!(b, b'"' | b'\'' | b'`');
    let (Some(open), Some(close)) = (line.iter().position(is_quote), line.iter().rposition(is_quote)) else {
        return line;
    };
    match (first, last) {
        (true, true) => line,
        (true, false) => line.get(..close).unwrap_or_default(),
        (false, true) => line.get(open..).unwrap_or_default(),
        (false, false) if open < close => line.get(open..close).unwrap_or_default(),
        // One quote alone ends a literal or begins one.
        (false, false) if open < 8 => line.get(open..).unwrap_or_default(),
        (false, false) => line.get(..open).unwrap_or_default(),
    }
}

/// Undoes `\n`, `\/`, `\u003d`, `%0A` and `&#10;`.
fn unescape(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'\\' => rest = escape(tail, &mut out),
            b'%' => match tail.get(..2).and_then(unhex).as_deref() {
                Some(&[decoded]) => {
                    out.push(decoded);
                    rest = tail.get(2..).unwrap_or_default();
                }
                _ => out.push(byte),
            },
            b'&' => match line_entity(tail) {
                Some(length) => {
                    out.push(b'\n');
                    rest = tail.get(length..).unwrap_or_default();
                }
                None => out.push(byte),
            },
            _ => out.push(byte),
        }
    }
    out
}

/// Length of a line break that XML writes as a number, without its `&`: `#10;`, `#xA;`, `#x0d;`.
fn line_entity(tail: &[u8]) -> Option<usize> {
    let end = tail.iter().take(8).position(|&b| b == b';')?;
    let number = std::str::from_utf8(tail.get(..end)?).ok()?.strip_prefix('#')?;
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    matches!(code, Ok(10 | 13)).then_some(end + 1)
}

/// Undoes one backslash escape; gives what follows it.
fn escape<'a>(tail: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let Some((&kind, rest)) = tail.split_first() else { return tail };
    let digits = match kind {
        b'u' => rest.get(..4).filter(|d| d.starts_with(b"00")).and_then(|d| d.get(2..)),
        b'x' => rest.get(..2),
        _ => None,
    };
    match (kind, digits.and_then(unhex).as_deref()) {
        (_, Some(&[decoded])) => {
            out.push(decoded);
            rest.get(if kind == b'u' { 4 } else { 2 }..).unwrap_or_default()
        }
        (b'n' | b'r', _) => {
            out.push(b'\n');
            rest
        }
        (b't', _) => {
            out.push(b' ');
            rest
        }
        // `\/` is a slash in JSON; before anything else the backslash counts as a space.
        (b'/', _) => tail,
        _ => {
            out.push(b' ');
            tail
        }
    }
}

/// Takes in one line that has no escapes any more.
fn take_line(out: &mut Clean, line: &[u8]) {
    let separator = |b: &u8| b.is_ascii_whitespace() || b"\"'`,;()[]{}<>#*|\\".contains(b);
    let mut value = false;
    for piece in line.split(separator) {
        if std::mem::take(&mut value) {
            out.encrypted |= piece == b"4";
            continue;
        }
        if let Some(name) = piece.strip_suffix(b":").filter(|name| is_header_name(name)) {
            // The headers of PEM hold one word; it stays possible that the whole key stands on one line.
            if matches!(name, b"Proc-Type" | b"DEK-Info") {
                value = true;
                continue;
            }
            return;
        }
        take_piece(out, piece);
    }
}

fn is_header_name(name: &[u8]) -> bool {
    name.len() <= 24 && name.iter().all(|b| b.is_ascii_alphabetic() || *b == b'-')
}

fn take_piece(out: &mut Clean, piece: &[u8]) {
    let piece = piece.strip_suffix(b".").unwrap_or(piece);
    if piece == b"ENCRYPTED" {
        out.encrypted = true;
    } else if piece.len() == 5 && piece.first() == Some(&b'=') {
        out.check = piece.get(1..).map(<[u8]>::to_vec);
    } else if !piece.iter().any(u8::is_ascii_alphanumeric) {
        // Quotes, commas and signs that join literals; padding that was torn off is not needed.
    } else if out.encrypted && out.text.is_empty() && is_iv(piece) {
        // What follows the cipher name of DEK-Info.
    } else if piece.iter().all(|&b| is_base64(b)) {
        out.longest = out.longest.max(piece.len());
        out.text.extend(piece);
    } else {
        out.garbage = true;
    }
}

/// The initial vector of a DEK-Info header: 16 or 32 hex digits.
fn is_iv(piece: &[u8]) -> bool {
    matches!(piece.len(), 16 | 32) && piece.iter().all(u8::is_ascii_hexdigit)
}

/// Whether the body has been shortened or blanked by hand.
fn is_elided(body: &[u8]) -> bool {
    let lower = body.to_ascii_lowercase();
    let marks: &[&[u8]] =
        &[b"...", "\u{2026}".as_bytes(), b"snip>", b"snip]", b"xxxxxxxx", b"****", b"redacted", b"${", b"{{", b"<your"];
    marks.iter().any(|mark| memmem::find(&lower, mark).is_some())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const BODY: &str = "MC4CAQAwBQYDK2VwBCIEIBG0veuolAzv0eHsuyZ0YN1a2MFzNNUila7dBJYVyTMa";

    fn read_text(text: &str) -> Result<Vec<u8>, Outcome> {
        let start = text.find(concat!("-----BEG", "IN ")).unwrap();
        let end = text[start + 5..].find("-----").unwrap() + start + 10;
        let input = Input { hay: text.as_bytes(), start, end, captures: &[], args: &[] };
        read(&input).map(|armour| armour.data)
    }

    #[test]
    fn every_wrapping_is_undone() {
        let (open, close) = (concat!("-----BEG", "IN PRIVATE KEY-----"), concat!("-----END", " PRIVATE KEY-----"));
        let (a, b) = BODY.split_at(40);
        let cases = [
            format!("{open}\n{BODY}\n{close}"),
            format!("{open}\r\n{BODY}\r\n{close}\r\n"),
            format!("{{\"key\": \"{open}\\n{a}\\n{b}\\n{close}\\n\"}}"),
            format!("{{\"key\": \"{open}\\\\n{a}\\\\n{b}\\\\n{close}\\\\n\"}}"),
            format!("\"{open}\\n\" +\n  \"{a}\\n\" +\n  \"{b}\\n\" +\n \"{close}\""),
            format!("'{open}' .\n  '{a}' .\n  '{b}' .\n '{close}'"),
            format!("s  = \"{open}\\n\"\ns += \"{a}\\n\"\ns += \"{b}\\n\"\ns += \"{close}\\n\""),
            format!("\"{open}\\n\"+\"{a}\\n\"+\"{b}\\n\"+\"{close}\""),
            format!("[\"{open}\",\"{a}\",\"{b}\",\"{close}\"]"),
            format!("KEY={open} {a} {b} {close}"),
            format!("# {open}\n# {a}\n# {b}\n# {close}"),
            format!("+{open}\n+{a}\n+{b}\n+{close}"),
            format!("key={open}%0A{a}%0A{b}%0A{close}%0A"),
            format!("    {open}\n    {a}\n    {b}\n    {close}\n"),
            format!("{open}\\\n{a}\\\n{b}\\\n{close}"),
            format!("{open}&#10;{a}&#xA;{b}&#10;{close}"),
            format!("{open}&#xd;\n{a}&#xD;\n{b}&#x0d;&#x0A;{close}"),
            format!("{open}\\u000a{a}\\u000A{b}\\u000a{close}"),
        ];
        let want = unbase64(BODY.as_bytes()).unwrap();
        for case in cases {
            assert_eq!(read_text(&case), Ok(want.clone()), "{case}");
        }
    }

    #[test]
    fn documentation_is_dismissed() {
        let (open, close) = (concat!("-----BEG", "IN PRIVATE KEY-----"), concat!("-----END", " PRIVATE KEY-----"));
        let cases = [
            open.to_owned(),
            format!("if (text.startsWith(\"{open}\")) {{ return text; }} // a comment about it"),
            format!("{open}\n{close}"),
            format!("{open}\n...\n{close}"),
            format!("{open}\n{BODY}\n<snip>\n{BODY}\n{close}"),
            format!("{open}\nput your private key in this place and nothing else but it please\n{close}"),
            format!("let begin = \"{open}\"; let finish = \"{close}\"; let longer_name = begin.length + finish.length"),
            format!("{open}\n{open}\n{BODY}\n{close}"),
        ];
        for case in cases {
            assert!(read_text(&case).unwrap_err().dismiss, "{case}");
        }
    }

    #[test]
    fn most_of_a_key_is_reported_and_an_excerpt_is_not() {
        let open = concat!("-----BEG", "IN PRIVATE KEY-----");
        let long = format!("{open}\n{}\nsome prose after it", format!("{BODY}\n").repeat(8));
        let outcome = read_text(&long).unwrap_err();
        assert_eq!((outcome.verdict, outcome.facts[0].label), (Verdict::Shape, "truncated"));
        let names = "some_key\", \"Lim.Logging\", \"LongNameOfAFunction".repeat(99);
        let outcome = read_text(&format!("[\"{open}\", \"{names}\"]")).unwrap_err();
        assert_ne!(outcome.verdict, Verdict::Shape, "a list of patterns and of names");
        let in_one_line = format!("\"{open}\\n{}\", \"{}\"", format!("{BODY}\\n").repeat(8), "a few words".repeat(99));
        let outcome = read_text(&in_one_line).unwrap_err();
        assert_eq!((outcome.verdict, outcome.span.len() < 700), (Verdict::Shape, true));
        let excerpt = long.replacen("\nMC4C", "...\nMC4C", 2);
        assert_ne!(read_text(&excerpt).unwrap_err().verdict, Verdict::Shape);
    }

    #[test]
    fn missing_end_line_is_truncated() {
        let open = concat!("-----BEG", "IN PRIVATE KEY-----");
        let text = format!("{open}\n{BODY}\n{BODY}\n\nsome prose after it");
        let outcome = read_text(&text).unwrap_err();
        assert!(!outcome.dismiss);
        assert_eq!(outcome.facts[0].label, "truncated");
        assert_eq!(outcome.span, 0..open.len() + 2 * BODY.len() + 2);
        assert_eq!(outcome.read, 0..text.len() + 1);
    }
}
