//! From a key word to the value that is assigned to it: in code, settings, markup, commands and queries.
//!
//! Works on the bytes around one key word and stops early: most key words have no operator behind them.

mod far;
mod keywords;
pub mod list;
mod literal;
mod operator;
mod value;

use std::ops::Range;

pub use keywords::{KEY_WORDS, has_key_word, key_word};
use literal::bare;
use operator::operator;
use value::value;

use crate::generic::view::View;

/// Farthest that a name reaches to each side of its key word.
const NAME: usize = 48;

/// Longest value that is read.
pub const VALUE: usize = 1024;

/// How the value is tied to the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Op {
    /// `=`, `:=`, `?=`, `<-`
    Equals,
    /// `:`
    Colon,
    /// `=>`, `->`
    Arrow,
    /// `==`, `!=`
    Compare,
    /// `||`, `??`, `${NAME:-value}`
    Default,
    /// `"name", "value"`
    Pair,
    /// `setName("value")`
    Call,
    /// `<name>value</name>`
    Element,
    /// `--name value`
    Flag,
    /// `IDENTIFIED BY 'value'`, `ENV NAME value`, `name "value"`
    Space,
    /// `?name=value&`
    Query,
    /// There is no name: a call, a command or a line of settings takes it at this place.
    Given,
}

/// How the value is enclosed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quote {
    /// Not at all, and it ends its line or what encloses the line's text.
    Bare,
    /// Not at all, and other words follow.
    BareAmong,
    /// In quotes or a block of its own.
    Quoted,
}

/// A name and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The name, from its first to its last word.
    pub name: Range<usize>,
    /// How they are tied.
    pub op: Op,
    /// How the value is enclosed.
    pub quote: Quote,
    /// The value, without quotes.
    pub value: Range<usize>,
    /// Pieces of a value that is written in several literals; empty for one.
    pub pieces: Vec<Range<usize>>,
    /// It is joined with something that is not written here.
    pub joined: bool,
    /// The value stands in a call that is no known wrapper.
    pub wrapped: bool,
    /// The name ends a phrase in quotes: `"Enter your key" = ...`.
    pub phrase: bool,
}

impl Site {
    /// A value without a name, given to what stands at `to`.
    pub fn given(to: Range<usize>, value: Range<usize>) -> Self {
        Self {
            name: to,
            op: Op::Given,
            quote: Quote::Quoted,
            value,
            pieces: Vec::new(),
            joined: false,
            wrapped: false,
            phrase: false,
        }
    }
}

/// The bytes that names are made of.
static IN_NAME: [bool; 256] = {
    let (mut table, mut byte) = ([false; 256], 0u8);
    loop {
        table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if byte == 255 {
            break table;
        }
        byte += 1;
    }
};

/// Is this byte part of a name?
#[inline]
pub fn in_name(byte: u8) -> bool {
    IN_NAME[usize::from(byte)]
}

/// The name around a key word; `None` if the key word is not the last one in it, or it is no name.
pub fn name(view: &mut View<'_>, at: usize, len: usize) -> Option<Range<usize>> {
    let behind = view.run(at + len, (NAME + 1).saturating_sub(len), in_name);
    let mut end = at + len + behind.len();
    // `${NAME-value}`
    if let Some(dash) = memchr::memchr(b'-', behind).filter(|_| in_braces(view, at)) {
        end = at + len + dash;
    }
    if end - at > NAME {
        return None;
    }
    while end > at + len && matches!(view.before(end), Some(b'.' | b'-')) {
        end -= 1;
    }
    if has_key_word(view.slice(at + 1..end)) {
        return None;
    }
    let mut start = at - view.run_before(at, NAME, in_name).len();
    while start < at && matches!(view.get(start), Some(b'.' | b'-')) {
        start += 1;
    }
    Some(start..end)
}

/// Is it the name of a variable in braces: `${NAME...`?
fn in_braces(view: &mut View<'_>, at: usize) -> bool {
    let start = at - view.run_before(at, NAME, in_name).len();
    is_variable(view, start)
}

/// Does the name that begins here stand behind `${`?
fn is_variable(view: &mut View<'_>, name: usize) -> bool {
    view.before(name) == Some(b'{') && view.before(name - 1) == Some(b'$')
}

/// What the names of functions begin with that look something up.
const LOOK_UPS: &[&[u8]] = &[
    b"get", b"find", b"load", b"read", b"fetch", b"lookup", b"env", b"prompt", b"ask", b"input", b"config", b"option",
    b"param", b"setting",
];

/// Does a function of this name look something up: `getenv`, `fetch`?
pub fn looks_up(name: &[u8]) -> bool {
    LOOK_UPS.iter().any(|w| name.len() >= w.len() && name[..w.len()].eq_ignore_ascii_case(w))
}

/// Finds operator and value behind a name.
pub fn site(view: &mut View<'_>, name: Range<usize>) -> Option<Site> {
    let before = view.before(name.start);
    let (closed, mut at) = close(view, name.start, name.end);
    let gap = at;
    at = view.blanks(at);
    // `"/users/:id/:secret" => "users#show"`: a part of a route.
    if before == Some(b':')
        && matches!(view.get(name.end), Some(b'"' | b'\''))
        && view.before(name.start - 1) == Some(b'/')
    {
        return None;
    }
    // `did:key:...`: a scheme, not a name.
    if before == Some(b':')
        && view.get(at) == Some(b':')
        && view.get(at + 1).is_some_and(|b| !b.is_ascii_whitespace())
        && view.before(name.start - 1).is_some_and(|b| b.is_ascii_alphanumeric())
    {
        return None;
    }
    if view.has_any_case(name.start, b"identified") && !view.has_any_case(at, b"by") {
        return None;
    }
    let (op, after) = operator(view, &name, before, closed, at, at > gap)
        .or_else(|| far::before_name(view, name.start).map(|value| (Op::Colon, value)))?;
    let phrase = before == Some(b' ') && matches!(view.get(name.end), Some(b'"' | b'\'' | b'\\')) && closed;
    let site = value(view, name, before, op, after)?;
    Some(behind_scheme(view, before, Site { phrase, ..site }))
}

/// The literal at `at`, which is given to what stands at `to`: all of an argument, or of a cell of a row.
pub fn given(view: &mut View<'_>, to: Range<usize>, at: usize) -> Option<Site> {
    let at = skip_space(view, at, 80);
    value(view, to, None, Op::Given, at).filter(|site| !site.wrapped && !site.joined)
}

/// `Authorization: Token ...`: the value stands behind the word for the scheme.
fn behind_scheme(view: &mut View<'_>, before: Option<u8>, site: Site) -> Site {
    const SCHEMES: [&[u8]; 4] = [b"Token", b"token", b"ApiKey", b"Key"];
    let name = view.slice(site.name.clone());
    if name.len() < 13 || !name[name.len() - 13..].eq_ignore_ascii_case(b"authorization") {
        return site;
    }
    let text = view.slice(site.value.clone());
    let word = text.iter().position(|b| *b == b' ').unwrap_or(text.len());
    if !SCHEMES.contains(&&text[..word]) {
        return site;
    }
    let start = view.blanks(site.value.start + word);
    if start < site.value.end {
        return Site { value: start..site.value.end, ..site };
    }
    let (value, alone) = bare(view, site.op, before, start);
    let quote = if alone { Quote::Bare } else { Quote::BareAmong };
    if value.is_empty() { site } else { Site { value, quote, ..site } }
}

/// Skips what may close a quoted or indexed name: quotes, escaped quotes, entities, brackets, asterisks.
fn close(view: &mut View<'_>, name: usize, from: usize) -> (bool, usize) {
    let mut at = from;
    for _ in 0..4 {
        let next = match view.get(at) {
            Some(b'\\') => {
                let mut i = at + 1;
                while view.get(i) == Some(b'\\') && i < at + 4 {
                    i += 1;
                }
                if matches!(view.get(i), Some(b'"' | b'\'')) { i + 1 } else { break }
            }
            Some(b'"' | b'\'' | b'`' | b']' | b'*') => at + 1,
            Some(b'&') => match entity(view, at) {
                Some(len) => at + len,
                None => break,
            },
            Some(b')') if at > from => at + 1,
            // `env(DB_PASSWORD): '...'`
            Some(b')') if view.before(name) == Some(b'(') && view.has(at, b"): ") && far::is_literal(view, at + 3) => {
                at + 1
            }
            Some(b'}') if is_of_hash(view, name) => at + 1,
            // `${PASSWORD}    value`
            Some(b'}') if at == from && is_variable(view, name) && view.has(at, b"}  ") => at + 1,
            // `char password[] = "..."`
            Some(b'[') if at == from => match array(view, at) {
                Some(end) => end,
                None => break,
            },
            Some(b'<') if view.has(at, b"</key>") => at + 6,
            Some(b'<') if view.has(at, b"</b>") || view.has(at, b"</i>") => at + 4,
            _ => break,
        };
        at = next;
    }
    (at > from, at)
}

/// The end of the brackets of an array that is declared: `[]`, `[32]`.
fn array(view: &mut View<'_>, open: usize) -> Option<usize> {
    let digits = view.line_from(open + 1, 6).iter().take_while(|b| b.is_ascii_digit()).count();
    (view.get(open + 1 + digits) == Some(b']')).then_some(open + digits + 2)
}

/// Is the name the key of a hash of Perl: `$ENV{NAME}`, `$ENV{'NAME'}`?
fn is_of_hash(view: &mut View<'_>, name: usize) -> bool {
    let open = name - usize::from(matches!(view.before(name), Some(b'"' | b'\'')));
    view.before(open) == Some(b'{') && view.before(open - 1).is_some_and(|b| b.is_ascii_alphanumeric())
}

fn entity(view: &mut View<'_>, at: usize) -> Option<usize> {
    [&b"&quot;"[..], b"&#39;", b"&#34;", b"&apos;"].iter().find(|e| view.has(at, e)).map(|e| e.len())
}

fn skip_space(view: &mut View<'_>, from: usize, most: usize) -> usize {
    let mut at = from;
    while at < from + most && view.get(at).is_some_and(|b| b.is_ascii_whitespace()) {
        at += 1;
    }
    at
}
