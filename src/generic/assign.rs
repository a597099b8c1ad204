//! From a key word to the value that is assigned to it: in code, settings, markup, commands and queries.
//!
//! Works on the bytes around one key word and stops early: most key words have no operator behind them.

use std::ops::Range;

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

/// Is this byte part of a name?
pub fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// The name around a key word; `None` if the key word is not the last one in it, or it is no name.
pub fn name(view: &mut View<'_>, at: usize, len: usize) -> Option<Range<usize>> {
    let mut end = at + len;
    while view.get(end).is_some_and(in_name) {
        end += 1;
        if end - at > NAME {
            return None;
        }
    }
    while end > at + len && matches!(view.before(end), Some(b'.' | b'-')) {
        end -= 1;
    }
    if has_key_word(view.slice(at + 1..end)) {
        return None;
    }
    let mut start = at;
    while at - start < NAME && view.before(start).is_some_and(in_name) {
        start -= 1;
    }
    while start < at && matches!(view.get(start), Some(b'.' | b'-')) {
        start += 1;
    }
    Some(start..end)
}

/// The words that the prefilter looks for, lower case.
pub const KEY_WORDS: &[&str] =
    &["pass", "secret", "token", "key", "auth", "cred", "salt", "nonce", "pwd", "_pw", "identified"];

pub(super) fn has_key_word(text: &[u8]) -> bool {
    KEY_WORDS.iter().any(|w| {
        text.windows(w.len())
            .any(|t| t[0].to_ascii_lowercase() == w.as_bytes()[0] && t.eq_ignore_ascii_case(w.as_bytes()))
    })
}

/// Finds operator and value behind a name.
pub fn site(view: &mut View<'_>, name: Range<usize>) -> Option<Site> {
    let before = view.before(name.start);
    let (closed, mut at) = close(view, name.end);
    let gap = at;
    at = view.blanks(at);
    // `did:key:...`: a scheme, not a name.
    if before == Some(b':')
        && view.get(at) == Some(b':')
        && view.before(name.start - 1).is_some_and(|b| b.is_ascii_alphanumeric())
    {
        return None;
    }
    if view.has_any_case(name.start, b"identified") && !view.has_any_case(at, b"by") {
        return None;
    }
    let (op, after) = operator(view, &name, before, closed, at, at > gap)?;
    let phrase = before == Some(b' ') && matches!(view.get(name.end), Some(b'"' | b'\'' | b'\\')) && closed;
    value(view, name, before, op, after).map(|site| Site { phrase, ..site })
}

/// Skips what may close a quoted or indexed name: quotes, escaped quotes, entities, brackets, asterisks.
fn close(view: &mut View<'_>, from: usize) -> (bool, usize) {
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
            Some(b'<') if view.has(at, b"</key>") => at + 6,
            Some(b'<') if view.has(at, b"</b>") || view.has(at, b"</i>") => at + 4,
            _ => break,
        };
        at = next;
    }
    (at > from, at)
}

fn entity(view: &mut View<'_>, at: usize) -> Option<usize> {
    [&b"&quot;"[..], b"&#39;", b"&#34;", b"&apos;"].iter().find(|e| view.has(at, e)).map(|e| e.len())
}

fn operator(
    view: &mut View<'_>,
    name: &Range<usize>,
    before: Option<u8>,
    closed: bool,
    at: usize,
    gap: bool,
) -> Option<(Op, usize)> {
    let second = |view: &mut View<'_>| view.get(at + 1);
    Some(match view.get(at)? {
        b'=' => match second(view) {
            Some(b'=') => (Op::Compare, if view.get(at + 2) == Some(b'=') { at + 3 } else { at + 2 }),
            Some(b'>') => (Op::Arrow, at + 2),
            Some(b'~') => return None,
            _ if matches!(before, Some(b'&' | b'?')) => (Op::Query, at + 1),
            _ => (Op::Equals, at + 1),
        },
        b':' => match second(view) {
            Some(b'=') => (Op::Equals, at + 2),
            Some(b':') => return None,
            Some(b'-') if before == Some(b'{') => (Op::Default, at + 2),
            Some(b'?' | b'+') if before == Some(b'{') => return None,
            _ => (Op::Colon, at + 1),
        },
        // `->` alone goes on to a member.
        b'-' if second(view) == Some(b'>') && (gap || closed) => (Op::Arrow, at + 2),
        b'<' if second(view) == Some(b'-') => (Op::Equals, at + 2),
        b'<' if view.has(at, b"<string>") => (Op::Element, at + 8),
        b'!' if second(view) == Some(b'=') => {
            (Op::Compare, if view.get(at + 2) == Some(b'=') { at + 3 } else { at + 2 })
        }
        b'|' if second(view) == Some(b'|') => {
            (if view.get(at + 2) == Some(b'=') { Op::Equals } else { Op::Default }, {
                if view.get(at + 2) == Some(b'=') { at + 3 } else { at + 2 }
            })
        }
        b'|' if gap => (cell(view, at + 1)?, at + 1),
        b'?' => match second(view) {
            Some(b'=') => (Op::Equals, at + 2),
            Some(b':') => (Op::Colon, at + 2),
            Some(b'?') => (Op::Default, at + 2),
            _ => return None,
        },
        b'+' | b'.' if second(view) == Some(b'=') => (Op::Equals, at + 2),
        b',' if closed && !(before == Some(b'/') && ends_a_url(view, name.start)) => match far_value(view, at + 1) {
            Some(at) => (Op::Colon, at),
            None => (Op::Pair, at + 1),
        },
        b'(' if !closed => (Op::Call, at + 1),
        b'{' if closed => (Op::Colon, far_value(view, at + 1)?),
        b'{' if matches!(second(view), Some(b'"' | b'\'')) => (Op::Call, at + 1),
        b'>' if before == Some(b'<') || closed => (Op::Element, at + 1),
        b'\n' | b'\r' => match far_value(view, at) {
            Some(at) => (Op::Colon, at),
            None if closed => {
                let next = skip_space(view, at, 64);
                view.has(next, b"<string>").then_some((Op::Element, next + 8))?
            }
            None => return None,
        },
        b'"' | b'\'' if gap && !closed => (Op::Space, at),
        byte if gap || closed => word_operator(view, name, before, closed, byte, at)?,
        _ => return None,
    })
}

/// Does a URL end with the name? In a table its neighbour has nothing to do with it.
fn ends_a_url(view: &mut View<'_>, name: usize) -> bool {
    let from = name.saturating_sub(200);
    for at in (from..name).rev() {
        match view.before(at + 1) {
            Some(b'"' | b'\'' | b' ' | b'\n') | None => return false,
            Some(b':') => return view.has(at + 1, b"//"),
            _ => {}
        }
    }
    false
}

/// A cell of a table that holds one word.
fn cell(view: &mut View<'_>, from: usize) -> Option<Op> {
    let line = view.line_from(from, 120).trim_ascii_start();
    let end = line.iter().position(|b| b.is_ascii_whitespace())?;
    line[end..].trim_ascii_start().starts_with(b"|").then_some(Op::Space)
}

/// What follows a name after a blank, without an operator.
fn word_operator(
    view: &mut View<'_>,
    name: &Range<usize>,
    before: Option<u8>,
    closed: bool,
    byte: u8,
    at: usize,
) -> Option<(Op, usize)> {
    if before == Some(b'-') {
        return Some((Op::Flag, at));
    }
    for (word, op) in
        [(&b"value="[..], Op::Equals), (b"by ", Op::Space), (b"is ", Op::Colon), (b"default ", Op::Default)]
    {
        if view.has_any_case(at, word) {
            return Some((op, at + word.len()));
        }
    }
    // `password string = "..."`; `id="password" role="..."` is another name.
    if !closed
        && (byte.is_ascii_alphabetic() || byte == b'*' || byte == b'[')
        && is_text_type(view, at)
        && let Some(at) = typed(view, at)
    {
        return Some((Op::Equals, at));
    }
    let line = view.line_to(name.start, 24);
    let line = line.trim_ascii_start();
    let first = line.split(|b| b.is_ascii_whitespace()).next().unwrap_or_default();
    let set = [&b"ENV"[..], b"ARG", b"setenv", b"set", b"SET", b"machine", b"login", b"default"];
    let tells = set.contains(&first) || line.windows(6).any(|w| w == b"login ");
    (tells && !line.ends_with(b"=")).then_some((Op::Space, at))
}

/// Does the name of a type for texts come next?
fn is_text_type(view: &mut View<'_>, at: usize) -> bool {
    let text = view.line_from(at, 16);
    let word = text.split(|b| matches!(b, b'=' | b':')).next().unwrap_or_default();
    [&b"str"[..], b"byte", b"char", b"text"]
        .iter()
        .any(|part| word.windows(part.len()).any(|w| w.eq_ignore_ascii_case(part)))
}

/// Skips a type between a name and `=`: `: &'static str =`, ` string =`.
fn typed(view: &mut View<'_>, from: usize) -> Option<usize> {
    let mut at = from;
    let word = |b: u8| {
        b.is_ascii_alphanumeric()
            || matches!(b, b'_' | b'<' | b'>' | b'&' | b'\'' | b'.' | b'?' | b'|' | b'[' | b']' | b'*' | b' ')
    };
    while at < from + 40 && view.get(at).is_some_and(word) {
        at += 1;
    }
    let equals = view.get(at) == Some(b'=') || view.has(at, b":=");
    if !equals || at == from || matches!(view.get(at + 1), Some(b'=' | b'>')) && view.get(at) == Some(b'=') {
        return None;
    }
    let after = if view.get(at) == Some(b':') { at + 2 } else { at + 1 };
    let value = view.blanks(after);
    matches!(view.get(value), Some(b'"' | b'\'' | b'`' | b'@' | b'N')).then_some(after)
}

/// `- name: DB_PASSWORD` and `value: ...` on the next line, or `"name": "x", "value": "..."`.
fn far_value(view: &mut View<'_>, from: usize) -> Option<usize> {
    let mut at = skip_space(view, from, 64);
    if matches!(view.get(at), Some(b'"' | b'\'')) {
        at += 1;
    }
    at += match () {
        () if view.has_any_case(at, b"value") => 5,
        // `variable "db_password" { default = "..." }`
        () if view.has(at, b"default") => 7,
        () => return None,
    };
    if matches!(view.get(at), Some(b'"' | b'\'')) {
        at += 1;
    }
    at = view.blanks(at);
    matches!(view.get(at), Some(b':' | b'=')).then_some(at + 1)
}

fn skip_space(view: &mut View<'_>, from: usize, most: usize) -> usize {
    let mut at = from;
    while at < from + most && view.get(at).is_some_and(|b| b.is_ascii_whitespace()) {
        at += 1;
    }
    at
}

/// Calls whose only literal argument is the value itself.
const WRAPPERS: &[&[u8]] = &[
    b"byte",
    b"bytes",
    b"String",
    b"string",
    b"str",
    b"from",
    b"Some",
    b"Buffer",
    b"of",
    b"encode",
    b"SecretStr",
    b"SecretString",
    b"Secret",
    b"quote",
    b"b64decode",
    b"decode",
    b"fromHex",
    b"unhex",
    b"hex",
    b"new",
    b"literal",
    b"Password",
    b"toCharArray",
    b"TextEncoder",
    b"unicode",
    b"SecretValue",
    b"unsafePlainText",
    b"Ok",
    b"char",
    b"const",
    b"ptr",
    b"StringPtr",
    b"pointer",
    b"to_string",
    b"to_owned",
    b"into",
    b"Just",
    b"cast",
    b"Literal",
    b"base64",
    b"CharArray",
    b"return",
];

fn value(view: &mut View<'_>, name: Range<usize>, before: Option<u8>, op: Op, after: usize) -> Option<Site> {
    let mut op = op;
    let mut at = view.blanks(after);
    let site = |op, quote, value: Range<usize>, pieces, joined, wrapped| {
        (!value.is_empty()).then(|| Site {
            name: name.clone(),
            op,
            quote,
            value,
            pieces,
            joined,
            wrapped,
            phrase: false,
        })
    };
    if op == Op::Element {
        let end = element(view, after)?;
        return site(op, Quote::Quoted, end, Vec::new(), false, false);
    }
    if op == Op::Colon
        && view.get(at).is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'&' | b'['))
        && let Some(behind) = typed(view, at)
    {
        op = Op::Equals;
        at = view.blanks(behind);
    }
    // `: |` and an indented block; a line that goes on below.
    if op == Op::Colon
        && matches!(view.get(at), Some(b'|' | b'>'))
        && let Some(block) = block(view, at)
    {
        return site(op, Quote::Quoted, block, Vec::new(), false, false);
    }
    let continued = view.get(at) == Some(b'\\') && matches!(view.get(at + 1), Some(b'\n' | b'\r'));
    if continued
        || matches!(view.get(at), Some(b'\n' | b'\r')) && matches!(op, Op::Equals | Op::Colon | Op::Arrow | Op::Call)
    {
        let next = skip_space(view, at + usize::from(continued), 80);
        if !continued && !matches!(view.get(next), Some(b'"' | b'\'' | b'`')) {
            return None;
        }
        at = next;
    }
    let (mut wrapped, mut nested) = (false, false);
    for _ in 0..6 {
        match view.get(at)? {
            b'(' | b'[' | b'{' if !view.has(at, b"{{") && !view.has(at, b"[[") => {
                nested = true;
                at = skip_space(view, at + 1, 16);
            }
            b']' if view.before(at) == Some(b'[') => at += 1,
            b'&' | b'@' | b'~' if matches!(view.get(at + 1), Some(b'"')) => at += 1,
            byte if byte.is_ascii_alphabetic() => {
                let mut end = at;
                while end < at + 40
                    && view
                        .get(end)
                        .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'-'))
                {
                    end += 1;
                }
                let word = view.slice(at..end);
                let last = word.rsplit(|b| matches!(b, b'.' | b':')).next().unwrap_or_default();
                match view.get(end) {
                    Some(b'"' | b'\'') if word.len() <= 2 => at = end,
                    Some(b'(') if WRAPPERS.contains(&last) => at = end + 1,
                    Some(b'{') if WRAPPERS.contains(&last) => at = end + 1,
                    Some(b' ') if matches!(word, b"new" | b"await" | b"return" | b"ConvertTo-SecureString") => {
                        at = view.blanks(end)
                    }
                    Some(b'(') if matches!(view.get(end + 1), Some(b'"' | b'\'')) && op != Op::Colon => {
                        wrapped = true;
                        at = end + 1;
                    }
                    _ => break,
                }
            }
            _ => break,
        }
    }
    match view.get(at)? {
        b'"' | b'\'' | b'`' | b'\\' | b'&' => {
            if let Some((value, end)) = quoted(view, at) {
                let mut pieces = vec![value.clone()];
                let (end, joined) = more_pieces(view, end, op, &mut pieces);
                let next = view.blanks(end);
                let is_key = matches!(view.get(next), Some(b':')) || view.has(next, b"=>");
                if nested && is_key {
                    return None;
                }
                let whole = value.start..pieces.last().map_or(value.end, |p| p.end);
                if pieces.len() == 1 {
                    pieces.clear();
                }
                return site(op, Quote::Quoted, whole, pieces, joined, wrapped);
            }
            None
        }
        _ if matches!(op, Op::Call | Op::Pair | Op::Arrow | Op::Compare) || wrapped => None,
        _ => {
            let (value, alone) = bare(view, op, before, at);
            if is_call(view.slice(value.clone())) {
                return None;
            }
            let quote = if alone { Quote::Bare } else { Quote::BareAmong };
            site(op, quote, value, Vec::new(), false, false)
        }
    }
}

/// A name with brackets right behind it, closed or open: a call, not a value.
fn is_call(text: &[u8]) -> bool {
    let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'$' | b':' | b'!' | b'@');
    let head = text.iter().take_while(|b| word(b)).count();
    head > 1 && text.get(head) == Some(&b'(') && (text.ends_with(b")") || text.ends_with(b"(") || text.contains(&b'.'))
}

/// The text of an XML element up to its end tag.
fn element(view: &mut View<'_>, from: usize) -> Option<Range<usize>> {
    let mut at = skip_space(view, from, 64);
    if view.has(at, b"<![CDATA[") {
        at += 9;
    } else if view.has(at, b"<string>") {
        at += 8;
    } else if view.has(at, b"<value>") {
        at += 7;
    }
    let rest = view.line_from(at, VALUE);
    let end = rest.iter().position(|b| *b == b'<')?;
    let text = &rest[..end];
    let closes = view.get(at + end + 1) == Some(b'/') || text.ends_with(b"]]>");
    let text = text.strip_suffix(b"]]>").unwrap_or(text).trim_ascii_end();
    closes.then_some(at..at + text.len())
}

/// The lines of a YAML block scalar: `|` or `>`, then deeper lines.
fn block(view: &mut View<'_>, at: usize) -> Option<Range<usize>> {
    let head = view.line_from(at, 8);
    if !head.iter().skip(1).all(|b| matches!(b, b'-' | b'+' | b' ' | b'1'..=b'9')) {
        return None;
    }
    let mut next = at + head.len();
    if view.get(next) == Some(b'\r') {
        next += 1;
    }
    let start = view.blanks(next + 1);
    let line = view.line_from(start, VALUE);
    (start > next + 1 && !line.is_empty()).then(|| start..start + line.trim_ascii_end().len())
}

/// A quoted text that begins at `at`: its inside, and where its quotes end.
fn quoted(view: &mut View<'_>, at: usize) -> Option<(Range<usize>, usize)> {
    let mut open = at;
    while view.get(open) == Some(b'\\') && open < at + 3 {
        open += 1;
    }
    let escapes = open - at;
    let (quote, len) = match view.get(open)? {
        b'&' => {
            let len = entity(view, open)?;
            (b'&', len)
        }
        byte @ (b'"' | b'\'' | b'`') => {
            let triple = view.get(open + 1) == Some(byte) && view.get(open + 2) == Some(byte);
            (byte, if triple { 3 } else { 1 })
        }
        _ => return None,
    };
    let mark: Vec<u8> = view.slice(at..open + len).to_vec();
    let start = open + len;
    let lines = len == 3 || quote == b'`';
    let mut i = start;
    while i < start + VALUE {
        match view.get(i)? {
            b'\n' | b'\r' if !lines => return None,
            b'\\' if escapes == 0 => i += 2,
            byte if byte == mark[0] && view.has(i, &mark) => return Some((start..i, i + mark.len())),
            // `"{\"a\": \"b"`: the outer quotes end before the inner ones.
            b'"' if escapes > 0 => return None,
            _ => i += 1,
        }
    }
    None
}

/// Literals that are joined to the first one; says also whether something else is joined.
fn more_pieces(view: &mut View<'_>, from: usize, op: Op, pieces: &mut Vec<Range<usize>>) -> (usize, bool) {
    let mut end = from;
    while pieces.len() < 32 {
        let mut at = view.blanks(end);
        if view.get(at) == Some(b'\\') && matches!(view.get(at + 1), Some(b'\n' | b'\r')) {
            at += 1;
        }
        let mut at = skip_space(view, at, 80);
        let sign = match view.get(at) {
            Some(b'+' | b'&') => true,
            Some(b'.') => !view.get(at + 1).is_some_and(|b| b.is_ascii_alphabetic()),
            _ => false,
        };
        if sign {
            at = skip_space(view, at + 1, 80);
        }
        let new_line = !sign && at > end && matches!(op, Op::Equals | Op::Call) && view.slice(end..at).contains(&b'\n');
        match view.get(at) {
            Some(b'"' | b'\'') if sign || new_line && view.get(at) == view.before(end) => match quoted(view, at) {
                Some((piece, behind)) => {
                    pieces.push(piece);
                    end = behind;
                }
                None => return (end, sign),
            },
            Some(b) if sign && (b.is_ascii_alphabetic() || matches!(b, b'$' | b'_' | b'(')) => return (end, true),
            _ => return (end, false),
        }
    }
    (end, false)
}

/// A value without quotes, and whether it stands alone on the rest of its line. Most are short and no secrets, so little
/// is read at first: what the history scan has to remember depends on it.
fn bare(view: &mut View<'_>, op: Op, before: Option<u8>, at: usize) -> (Range<usize>, bool) {
    let short = view.line_from(at, SHORT);
    let mut end = bare_end(short, op, before);
    if end == SHORT {
        end = bare_end(view.line_from(at, VALUE), op, before);
    }
    let rest = view.line_from(at + end, BEHIND).trim_ascii();
    let alone = match rest.first() {
        None | Some(b'"' | b'`' | b'\'' | b'&' | b'<' | b'\\' | b'}' | b'|' | b'#') => true,
        Some(b',' | b';' | b')') => rest.len() <= 2 || before == Some(b';') || rest.contains(&b'='),
        _ => op == Op::Flag || op == Op::Query || rest.contains(&b'=') && op == Op::Equals,
    };
    (at..at + end, alone)
}

/// Bytes of a bare value that are read at first.
const SHORT: usize = 40;
/// Bytes behind a bare value that say whether it stands alone.
const BEHIND: usize = 16;

/// Where a value without quotes ends.
fn bare_end(line: &[u8], op: Op, before: Option<u8>) -> usize {
    let mut depth = 0i32;
    let pair_behind = |i: usize| line.get(i + 1..).is_some_and(|l| l.iter().take(24).any(|b| *b == b'='));
    let stops = |(i, byte): (usize, &u8)| {
        let next = line.get(i + 1).copied();
        match *byte {
            b'"' | b'`' | b'\'' => true,
            b'<' => i > 0,
            b';' => true,
            b'&' => op == Op::Query || before == Some(b'?') || entity_at(&line[i..]) || pair_behind(i),
            b'\\' => matches!(next, None | Some(b'n' | b'r' | b't' | b'"' | b'\'' | b'\\')),
            b',' => next.is_none_or(|b| b.is_ascii_whitespace() || b == b'"' || b == b'\\') || pair_behind(i),
            b'(' | b'{' | b'[' => {
                depth += 1;
                false
            }
            b')' | b'}' | b']' => {
                depth -= 1;
                depth < 0
            }
            b'|' => next == Some(b'|'),
            byte => byte.is_ascii_whitespace(),
        }
    };
    line.iter().enumerate().position(stops).unwrap_or(line.len())
}

fn entity_at(text: &[u8]) -> bool {
    [&b"&quot;"[..], b"&#", b"&amp;", b"&lt;", b"&gt;"].iter().any(|e| text.starts_with(e))
}
