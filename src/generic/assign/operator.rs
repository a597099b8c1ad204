//! What ties a value to a name: signs, words, brackets, the next line.

use std::ops::Range;

use super::{Op, far, is_variable, skip_space};
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
            // `${NAME:value}`
            Some(_) if is_variable(view, name.start) => (Op::Default, at + 1),
            _ => (Op::Colon, at + 1),
        },
        b'-' if is_variable(view, name.start) && !gap => (Op::Default, at + 1),
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
        b'.' if closed && second(view) != Some(b'=') => far::method(view, at)?,
        b'/' if closed && second(view) == Some(b'/') => {
            let value = view.blanks(at + 2);
            far::is_literal(view, value).then_some((Op::Default, value))?
        }
        b'+' | b'.' if second(view) == Some(b'=') => (Op::Equals, at + 2),
        b',' if closed && !(before == Some(b'/') && ends_a_url(view, name.start)) => match far_value(view, at + 1) {
            Some(at) => (Op::Colon, at),
            None => match far::behind_comma(view, at + 1) {
                Some(at) => (Op::Default, at),
                None => (Op::Pair, at + 1),
            },
        },
        // `{password, "..."}`: a pair of Erlang.
        b',' if before == Some(b'{') && !closed => {
            let value = view.blanks(at + 1);
            (view.get(value) == Some(b'"')).then_some((Op::Arrow, value))?
        }
        // `-define(DB_PASSWORD, "...")`: a macro of Erlang; an option of a command that gives name and value.
        b',' if before == Some(b'(') && !closed && view.line_to(name.start, 12).ends_with(b"define(") => {
            (Op::Arrow, view.blanks(at + 1))
        }
        b',' if before == Some(b'=') && view.has(at, b",ParameterValue=") => (Op::Equals, at + 16),
        // A member of an annotation.
        b'(' if !closed && view.has(at, b"() default ") => (Op::Default, at + 11),
        b'(' if !closed => (Op::Call, at + 1),
        b'{' if closed => block(view, at)?,
        b'{' if gap && view.has(at, b"{ get;") => (Op::Equals, behind_accessors(view, at)?),
        b'{' if matches!(second(view), Some(b'"' | b'\'')) => (Op::Call, at + 1),
        b'>' if before == Some(b'<') || closed || before == Some(b':') && is_prefixed(view, name.start - 1) => {
            (Op::Element, at + 1)
        }
        b'<' if view.has(at, b"</") => (Op::Element, value_element(view, at)?),
        b'\n' | b'\r' => match far_value(view, at) {
            Some(at) => (Op::Colon, at),
            None => next_line(view, before, closed, at)?,
        },
        b'"' | b'\'' | b'`' if gap && !closed => (Op::Space, at),
        // `(or (System/getenv "DB_PASSWORD") "...")`
        b'"' if gap
            && view.before(at - 1) == Some(b')')
            && view.line_to(name.start, 40).windows(4).any(|w| w == b"(or ") =>
        {
            (Op::Default, at)
        }
        byte @ 0xe3..=0xef => far::wide_sign(view, at, byte)?,
        byte if gap && before == Some(b'<') && byte.is_ascii_alphabetic() => {
            (Op::Element, behind_attributes(view, at)?)
        }
        byte if gap || closed => word_operator(view, name, before, closed, byte, at)?,
        _ => return None,
    })
}

/// Is the colon here that of an element with a prefix: `<con:password>`?
fn is_prefixed(view: &mut View<'_>, colon: usize) -> bool {
    let before = view.line_to(colon, 24);
    let prefix = before.iter().rev().take_while(|b| b.is_ascii_alphanumeric() || **b == b'-').count();
    prefix > 0 && before[..before.len() - prefix].ends_with(b"<")
}

/// What a name in quotes has in braces behind it: a value, what a block gives, a default among other settings.
fn block(view: &mut View<'_>, at: usize) -> Option<(Op, usize)> {
    if let Some(value) = far_value(view, at + 1) {
        return Some((Op::Colon, value));
    }
    let value = view.blanks(at + 1);
    if far::is_literal(view, value) {
        return Some((Op::Default, value));
    }
    let called = view.line_to(at, 8).trim_ascii_end().ends_with(b")");
    let value = if called { None } else { far::among(view, at + 1) };
    value.map(|value| (Op::Colon, value))
}

/// Behind the accessors of a property: `Password { get; set; } = "..."`.
fn behind_accessors(view: &mut View<'_>, at: usize) -> Option<usize> {
    let close = view.line_from(at, 48).iter().position(|b| *b == b'}')?;
    let equals = view.blanks(at + close + 1);
    (view.get(equals) == Some(b'=')).then_some(equals + 1)
}

/// Behind the name in an element, the element of its value: `<name>x</name> <value>`.
fn value_element(view: &mut View<'_>, at: usize) -> Option<usize> {
    let end = view.line_from(at, 40).iter().position(|b| *b == b'>')?;
    let next = skip_space(view, at + end + 1, 64);
    let tag = view.line_from(next, 40);
    let end = tag.iter().position(|b| *b == b'>')?;
    let value = tag.starts_with(b"<") && tag[..end].to_ascii_lowercase().ends_with(b"value");
    value.then_some(next + end + 1)
}

/// What ties a name that ends its line to a value on the next one.
fn next_line(view: &mut View<'_>, before: Option<u8>, closed: bool, at: usize) -> Option<(Op, usize)> {
    let next = skip_space(view, at, 64);
    match view.get(next)? {
        // Options in a list, one on each line.
        b'-' if before == Some(b'-') && view.get(next + 1) == Some(b' ') => Some((Op::Flag, next + 2)),
        b'.' if closed => far::method(view, next),
        b'<' if closed && view.has(next, b"<string>") => Some((Op::Element, next + 8)),
        _ => None,
    }
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
    // Behind a call or an index; between two words in quotes it is prose.
    if closed && view.has(at, b"or ") && matches!(view.line_to(at, 8).trim_ascii_end().last(), Some(b')' | b']' | b'}'))
    {
        let value = view.blanks(at + 3);
        return matches!(view.get(value), Some(b'"' | b'\'')).then_some((Op::Default, value));
    }
    if closed && let Some(value) = far::here(view, at) {
        return Some((Op::Default, value));
    }
    for (word, op) in [
        (&b"value="[..], Op::Equals),
        (b"by ", Op::Space),
        (b"is ", Op::Colon),
        (b"is: ", Op::Colon),
        (b"default ", Op::Default),
    ] {
        if view.has_any_case(at, word) {
            return Some((op, at + word.len()));
        }
    }
    // `password string = "..."`; `id="password" role="..."` is another name.
    if !closed && (byte.is_ascii_alphabetic() || byte == b'*' || byte == b'[') && is_text_type(view, at) {
        if let Some(at) = typed(view, at) {
            return Some((Op::Equals, at));
        }
        if let Some(at) = in_tag(view, at) {
            return Some((Op::Default, at));
        }
    }
    if closed
        && byte.is_ascii_alphabetic()
        && let Some(text) = behind_attributes(view, at)
    {
        let next = skip_space(view, text, 64);
        return view.has_any_case(next, b"<value>").then_some((Op::Element, next));
    }
    if !closed
        && matches!(byte, b'f' | b'o' | b't' | b'P' | b'T')
        && let Some(said) = far::said(view, at)
    {
        return Some(said);
    }
    let line = view.line_to(name.start, 48);
    let line = line.trim_ascii_start();
    let first = line.split(|b| b.is_ascii_whitespace()).next().unwrap_or_default();
    if line.is_empty() && ends_its_line(view, at) || closed && line == b"${" {
        return Some((Op::Space, at));
    }
    let set = [
        &b"ENV"[..],
        b"ARG",
        b"setenv",
        b"set",
        b"SET",
        b"machine",
        b"login",
        b"default",
        b"SetEnv",
        b"fastcgi_param",
        b"uwsgi_param",
        b"proxy_set_header",
        b"grpc_set_header",
        b"header_up",
        b"poll",
    ];
    let tells = set.contains(&first) || line.windows(6).any(|w| w == b"login ");
    (tells && !line.ends_with(b"=")).then_some((Op::Space, at))
}

/// Is it one word with a digit, and the last of its line, as the value of a setting?
fn ends_its_line(view: &mut View<'_>, at: usize) -> bool {
    let rest = view.line_from(at, 80);
    let word = rest.trim_ascii_end();
    rest.len() < 80 && word.len() >= 6 && word.iter().any(u8::is_ascii_digit) && word.iter().all(u8::is_ascii_graphic)
}

/// The default in the tag of a field: ``Password string `default:"..."` ``.
fn in_tag(view: &mut View<'_>, at: usize) -> Option<usize> {
    let line = view.line_from(at, 120);
    let tag = line.iter().position(|b| *b == b'`')?;
    let default = memchr::memmem::find(&line[tag..], b"efault:\"")?;
    line[..tag].iter().all(|b| b.is_ascii_alphanumeric() || b" *[].".contains(b)).then_some(at + tag + default + 7)
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
            || matches!(
                b,
                b'_' | b'<' | b'>' | b'&' | b'\'' | b'.' | b'?' | b'|' | b'[' | b']' | b'(' | b')' | b'*' | b' '
            )
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
