//! What ties a value to a name: signs, words, brackets, the next line.

use std::ops::Range;

use super::{Op, skip_space};
use crate::generic::view::View;

pub(super) fn operator(
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
        // `{password, "..."}`: a pair of Erlang.
        b',' if before == Some(b'{') && !closed => {
            let value = view.blanks(at + 1);
            (view.get(value) == Some(b'"')).then_some((Op::Arrow, value))?
        }
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
        b'"' | b'\'' | b'`' if gap && !closed => (Op::Space, at),
        byte if gap && before == Some(b'<') && byte.is_ascii_alphabetic() => {
            (Op::Element, behind_attributes(view, at)?)
        }
        byte if gap || closed => word_operator(view, name, before, closed, byte, at)?,
        _ => return None,
    })
}

/// Where the text of an element begins, behind its attributes: `<password kind="plain">`.
fn behind_attributes(view: &mut View<'_>, at: usize) -> Option<usize> {
    let line = view.line_from(at, 120);
    let end = line.iter().position(|b| *b == b'>')?;
    (line[..end].contains(&b'=') && !line[..end].ends_with(b"/")).then_some(at + end + 1)
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
pub(super) fn typed(view: &mut View<'_>, from: usize) -> Option<usize> {
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
