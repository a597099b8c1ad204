//! Values that stand apart from their name: a default among other settings of the same thing, a value on a line below the
//! name or before it, the argument of a method that is called on what the name looks up.

use std::ops::Range;

use super::literal::quoted;
use super::{Op, skip_space};
use crate::generic::view::View;

/// How far behind a name, or before it, a value is looked for.
const FAR: usize = 240;

/// Words under which a value or a default is given, lower case and in one word.
const WORDS: &[&[u8]] = &[
    b"default",
    b"defaultvalue",
    b"value",
    b"fallback",
    b"unset",
    b"envdefault",
    b"parametervalue",
    b"paramvalue",
    b"initialvalue",
    b"with",
];

/// Words under which a name is given that has its value beside it.
const NAMES: &[&[u8]] = &[b"name", b"key", b"parameterkey"];

/// Is it one of these words, in any case style?
fn is_one(list: &[&[u8]], text: &[u8]) -> bool {
    let letters = || text.iter().filter(|b| !matches!(b, b'_' | b'-')).map(u8::to_ascii_lowercase);
    list.iter().any(|word| letters().eq(word.iter().copied()))
}

fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// The end of the word that begins at a place.
fn word_end(view: &mut View<'_>, from: usize) -> usize {
    let mut at = from;
    while at < from + 40 && view.get(at).is_some_and(in_word) {
        at += 1;
    }
    at
}

/// Does a literal begin here?
pub(super) fn is_literal(view: &mut View<'_>, at: usize) -> bool {
    let at = if view.get(at) == Some(b'\\') { at + 1 } else { at };
    matches!(view.get(at), Some(b'"' | b'\'' | b'`'))
}

/// Where the literal stands that is given under a word for a default or a value, behind other settings of the same thing:
/// `'--password', type=str, default='...'`. It ends with the bracket that all of them stand in.
pub(super) fn among(view: &mut View<'_>, from: usize) -> Option<usize> {
    let (mut depth, mut at) = (0, from);
    while at < from + FAR {
        match view.get(at)? {
            b'"' | b'\'' => {
                let (inside, end) = quoted(view, at)?;
                if depth <= 1
                    && let Some(value) = tied(view, inside, end)
                {
                    return Some(value);
                }
                at = end;
            }
            byte if byte.is_ascii_alphabetic() => {
                let end = word_end(view, at);
                if depth <= 1
                    && let Some(value) = tied(view, at..end, end)
                {
                    return Some(value);
                }
                at = end;
            }
            b'(' | b'[' | b'{' => (depth, at) = (depth + 1, at + 1),
            b')' | b']' | b'}' if depth == 0 => return None,
            b')' | b']' | b'}' => (depth, at) = (depth - 1, at + 1),
            b';' | b'`' => return None,
            b'>' if !matches!(view.before(at), Some(b'=' | b'-')) => return None,
            _ => at += 1,
        }
    }
    None
}

/// The literal that a word for a value, which ends at `end`, is tied to.
fn tied(view: &mut View<'_>, word: Range<usize>, end: usize) -> Option<usize> {
    if !is_one(WORDS, view.slice(word)) {
        return None;
    }
    let sign = view.blanks(end);
    let after = match (view.get(sign)?, view.get(sign + 1)?) {
        (b'=', b'=') | (b':', b':') => return None,
        (b'=', b'>') => sign + 2,
        (b'=' | b':', _) => sign + 1,
        _ => return None,
    };
    let value = skip_space(view, after, 40);
    is_literal(view, value).then_some(value)
}

/// A word for a value right here, tied to a literal: `envDefault:"..."`.
pub(super) fn here(view: &mut View<'_>, at: usize) -> Option<usize> {
    let end = word_end(view, at);
    tied(view, at..end, end)
}

/// Behind a comma that follows a name in quotes: the literal under a word for a value, unless a literal that is none
/// comes first.
pub(super) fn behind_comma(view: &mut View<'_>, from: usize) -> Option<usize> {
    let next = skip_space(view, from, 64);
    if matches!(view.get(next), Some(b'"' | b'\'')) {
        let (_, end) = quoted(view, next)?;
        let end = view.blanks(end);
        if view.get(end) != Some(b':') && !view.has(end, b"=>") {
            return None;
        }
    }
    among(view, next)
}

/// A line below the name and deeper than it that gives its default: the parameter of a CloudFormation template.
pub(super) fn below(view: &mut View<'_>, name: usize, from: usize) -> Option<usize> {
    let before = view.line_to(name, 80);
    let outer = before.len();
    if !before.iter().all(|b| *b == b' ') || !matches!(view.get(from), Some(b'\n' | b'\r')) {
        return None;
    }
    let mut at = skip_break(view, from);
    for _ in 0..8 {
        let start = view.blanks(at);
        if start - at <= outer || !view.get(start)?.is_ascii_alphabetic() {
            return None;
        }
        let end = word_end(view, start);
        if view.get(end) == Some(b':') && is_one(&[b"default", b"defaultvalue"], view.slice(start..end)) {
            return Some(end + 1);
        }
        let line = view.line_from(start, FAR).len();
        at = skip_break(view, start + line);
    }
    None
}

fn skip_break(view: &mut View<'_>, at: usize) -> usize {
    let at = if view.get(at) == Some(b'\r') { at + 1 } else { at };
    at + usize::from(view.get(at) == Some(b'\n'))
}

/// The value before a name that is itself given under a word: `"value": "...", "name": "DB_PASSWORD"`.
pub(super) fn before_name(view: &mut View<'_>, name: usize) -> Option<usize> {
    let at = behind_word(view, name, NAMES)?;
    let comma = back(view, at, is_space);
    let mut end = if view.before(comma) == Some(b',') { back(view, comma - 1, is_space) } else { comma };
    // `- value: x` and `  name: y`, without quotes.
    let quote = view.before(end).filter(|b| matches!(b, b'"' | b'\''));
    if quote.is_some() {
        end -= 1;
    } else if !view.slice(end..at).contains(&b'\n') {
        return None;
    }
    let line = view.line_to(end, FAR);
    let inside = match quote {
        Some(quote) => line.iter().rposition(|b| *b == quote)? + 1,
        None => line.iter().position(|b| *b == b':')? + 1,
    };
    let start = end - (line.len() - inside);
    behind_word(view, start, WORDS)?;
    Some(if quote.is_some() { start - 1 } else { start })
}

/// Is what begins at `at`, in quotes or not, given under one of these words? The start of the word, or of its quote.
fn behind_word(view: &mut View<'_>, at: usize, words: &[&[u8]]) -> Option<usize> {
    let quoted = |byte: Option<u8>| usize::from(matches!(byte, Some(b'"' | b'\'')));
    let at = at - quoted(view.before(at));
    let mut at = back(view, at, is_blank);
    if !matches!(view.before(at), Some(b':' | b'=')) {
        return None;
    }
    at = back(view, at - 1, is_blank);
    let end = at - quoted(view.before(at));
    let mut start = end;
    while end - start < 24 && view.before(start).is_some_and(in_word) {
        start -= 1;
    }
    if !is_one(words, view.slice(start..end)) {
        return None;
    }
    Some(start - quoted(view.before(start)))
}

/// Back over bytes of a kind, 64 at most.
fn back(view: &mut View<'_>, from: usize, is: fn(u8) -> bool) -> usize {
    let mut at = from;
    while from - at < 64 && view.before(at).is_some_and(is) {
        at -= 1;
    }
    at
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace()
}

/// What ties a value to a name in scripts without blanks between words: a wide colon or equals sign, or a word for `is`.
pub(super) fn wide_sign(view: &mut View<'_>, at: usize, first: u8) -> Option<(Op, usize)> {
    const SIGNS: [&str; 5] = ["\u{ff1a}", "\u{ff1d}", "\u{662f}", "\u{4e3a}", "\u{306f}"];
    let here = |sign: &&str| sign.as_bytes()[0] == first && view.has(at, sign.as_bytes());
    let sign = SIGNS.into_iter().find(here)?;
    let behind = at + sign.len();
    let colon = usize::from(SIGNS[2..].contains(&sign) && view.has(behind, SIGNS[0].as_bytes())) * SIGNS[0].len();
    Some((Op::Colon, behind + colon))
}

/// How far behind a name it is looked for the word that says its value.
const SAID: usize = 64;

/// The value that a sentence says some words behind the name (`password for the root account is ...`), or that a declaration
/// gives (`PASSWORD PIC X(20) VALUE '...'`).
pub(super) fn said(view: &mut View<'_>, from: usize) -> Option<(Op, usize)> {
    let line = view.line_from(from, SAID);
    if let Some(at) = memchr::memmem::find(line, b" VALUE '") {
        return Some((Op::Equals, from + at + 7));
    }
    let leads = [&b"for "[..], b"of ", b"to ", b"on "].iter().any(|word| line.starts_with(word));
    let at = leads.then(|| memchr::memmem::find(line, b" is"))??;
    let plain = line[..at].iter().all(|b| b.is_ascii_alphabetic() || matches!(b, b' ' | b',' | b'-' | b'"' | b'`'));
    let behind = at + 3 + usize::from(line.get(at + 3) == Some(&b':'));
    (plain && line.get(behind) == Some(&b' ')).then_some((Op::Colon, from + behind + 1))
}

/// Methods that give something for what is not set, and those that type a text into the field that was found.
const METHODS: &[(&[u8], Op)] = &[
    (b"unwrap_or", Op::Default),
    (b"unwrap_or_else", Op::Default),
    (b"or_else", Op::Default),
    (b"orElse", Op::Default),
    (b"orElseGet", Op::Default),
    (b"getOrElse", Op::Default),
    (b"value_or", Op::Default),
    (b"type", Op::Call),
    (b"fill", Op::Call),
    (b"val", Op::Call),
    (b"send_keys", Op::Call),
    (b"sendKeys", Op::Call),
    (b"setValue", Op::Call),
];

/// The literal that is handed to a method of what the name looks up: `env::var("X").unwrap_or_else(|_| "...")`.
pub(super) fn method(view: &mut View<'_>, dot: usize) -> Option<(Op, usize)> {
    let end = word_end(view, dot + 1);
    let called = view.slice(dot + 1..end);
    let (_, op) = METHODS.iter().find(|(name, _)| *name == called)?;
    if !matches!(view.get(end), Some(b'(' | b'{')) {
        return None;
    }
    let mut at = skip_space(view, end + 1, 40);
    for closure in [&b"|_|"[..], b"||", b"() ->", b"_ =>"] {
        if view.has(at, closure) {
            at = skip_space(view, at + closure.len(), 40);
        }
    }
    is_literal(view, at).then_some((*op, at))
}
