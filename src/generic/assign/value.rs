//! Where the value behind an operator begins: types, wrappers and brackets before it are skipped.

use std::ops::Range;

use super::literal::{bare, block, element, more_pieces, quoted};
use super::operator::typed;
use super::{Op, Quote, Site, far, skip_space};
use crate::generic::assign;
use crate::generic::view::View;

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

pub(super) fn value(view: &mut View<'_>, name: Range<usize>, before: Option<u8>, op: Op, after: usize) -> Option<Site> {
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
    // `password: str = Field(default="...")`
    if op == Op::Colon
        && let Some(call) = typed_call(view, at)
    {
        (op, at) = (Op::Equals, call);
    }
    if op == Op::Colon {
        at = behind_anchor(view, at);
    }
    // `: |` and an indented block; a line that goes on below.
    if op == Op::Colon
        && matches!(view.get(at), Some(b'|' | b'>'))
        && let Some(block) = block(view, at)
    {
        return site(op, Quote::Quoted, block, Vec::new(), false, false);
    }
    if op == Op::Colon
        && let Some(value) = far::below(view, name.start, at)
    {
        (op, at) = (Op::Default, view.blanks(value));
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
    // Bold words of Markdown: `**Password:** x`.
    if op == Op::Colon && before == Some(b'*') && view.has(at, b"**") {
        at = view.blanks(at + 2);
    }
    if op == Op::Call
        && view.get(at).is_some_and(|b| b.is_ascii_alphabetic())
        && says_password(view.slice(name.clone()))
        && let Some(value) = far::among(view, at)
    {
        (op, at) = (Op::Default, value);
    }
    if let Some(default) = of_variable(view, at) {
        (op, at) = (Op::Default, default);
    }
    let (mut wrapped, mut nested, mut made) = (false, false, false);
    for _ in 0..6 {
        match view.get(at)? {
            // An argument that begins with a list is no literal.
            b'(' | b'[' | b'{' if op == Op::Given && !view.has(at, b"[]") => return None,
            b'(' | b'[' | b'{' if !view.has(at, b"{{") && !view.has(at, b"[[") => {
                nested = true;
                let open = view.get(at) == Some(b'{');
                at = skip_space(view, at + 1, 16);
                if open
                    && says_password(view.slice(name.clone()))
                    && let Some(value) = far::among(view, at)
                {
                    (op, nested, at) = (Op::Default, false, value);
                }
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
                    Some(b' ')
                        if matches!(word, b"new" | b"await" | b"return" | b"Just" | b"ConvertTo-SecureString") =>
                    {
                        made |= word == b"new";
                        at = view.blanks(end)
                    }
                    Some(b'(')
                        if op != Op::Given
                            && let Some(value) = default_of_call(view, last, end + 1) =>
                    {
                        (op, at) = (Op::Default, value);
                        break;
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
                let mut whole = value.start..pieces.last().map_or(value.end, |p| p.end);
                // `"\"...\""`: a literal for the program that is written.
                let text = view.slice(whole.clone());
                if text.len() > 4 && text.starts_with(b"\\\"") && text.ends_with(b"\\\"") {
                    whole = whole.start + 2..whole.end - 2;
                }
                if pieces.len() == 1 {
                    pieces.clear();
                }
                return site(op, Quote::Quoted, whole, pieces, joined, wrapped);
            }
            None
        }
        _ if matches!(op, Op::Call | Op::Pair | Op::Arrow | Op::Compare | Op::Given) || wrapped => None,
        _ => {
            let (value, alone) = bare(view, op, before, at);
            // `new Thing`
            if made || is_call(view.slice(value.clone())) {
                return None;
            }
            let quote = if alone { Quote::Bare } else { Quote::BareAmong };
            site(op, quote, value, Vec::new(), false, false)
        }
    }
}

/// The default of a variable whose name says nothing: `${1:-value}`, also in quotes.
fn of_variable(view: &mut View<'_>, at: usize) -> Option<usize> {
    let at = at + usize::from(matches!(view.get(at), Some(b'"')));
    if !view.has(at, b"${") {
        return None;
    }
    let mut end = at + 2;
    while end < at + 40 && view.get(end).is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.')) {
        end += 1;
    }
    if end == at + 2 || assign::has_key_word(view.slice(at + 2..end)) {
        return None;
    }
    match (view.get(end)?, view.get(end + 1)?) {
        (b':', b'-' | b'=') => Some(end + 2),
        (b':', b'?' | b'+') => None,
        (b':' | b'-', _) => Some(end + 1),
        _ => None,
    }
}

/// The call behind a type, if it has a default: `str = Field(default="...")`.
fn typed_call(view: &mut View<'_>, at: usize) -> Option<usize> {
    let line = view.line_from(at, 60);
    let equals = line.iter().position(|b| *b == b'=')?;
    let head = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'[' | b']' | b' ' | b'|');
    if equals == 0 || !line[0].is_ascii_alphabetic() || !line[..equals].iter().all(head) {
        return None;
    }
    let call = view.blanks(at + equals + 1);
    let name = view.line_from(call, 40).iter().take_while(|b| assign::in_name(**b)).count();
    let open = name > 0 && view.get(call + name) == Some(b'(');
    (open && far::among(view, call + name + 1).is_some()).then_some(call)
}

/// Does the name promise a password or secret, not just a key or token?
fn says_password(name: &[u8]) -> bool {
    [&b"pass"[..], b"pwd", b"secret"].iter().any(|w| name.windows(w.len()).any(|t| t.eq_ignore_ascii_case(w)))
}

/// The default in a call: `Field(default="...")`, or the second text of one that looks the first one up.
fn default_of_call(view: &mut View<'_>, called: &[u8], from: usize) -> Option<usize> {
    let first = skip_space(view, from, 40);
    if !matches!(view.get(first), Some(b'"' | b'\'')) {
        return if view.get(first)?.is_ascii_alphabetic() { far::among(view, first) } else { None };
    }
    if !assign::looks_up(called) {
        return None;
    }
    let (_, end) = quoted(view, first)?;
    let comma = view.blanks(end);
    if view.get(comma) != Some(b',') {
        return None;
    }
    let second = skip_space(view, comma + 1, 40);
    if far::is_literal(view, second) { Some(second) } else { far::among(view, second) }
}

/// Skips the anchor of a YAML value: `&name value`.
fn behind_anchor(view: &mut View<'_>, at: usize) -> usize {
    if view.get(at) != Some(b'&') {
        return at;
    }
    let line = view.line_from(at + 1, 40);
    let len = line.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')).count();
    if len > 0 && line.get(len) == Some(&b' ') { view.blanks(at + 1 + len) } else { at }
}

/// A name with brackets right behind it, closed or open: a call, not a value.
fn is_call(text: &[u8]) -> bool {
    let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'$' | b':' | b'!' | b'@');
    let head = text.iter().take_while(|b| word(b)).count();
    let short = head == 1 && text.ends_with(b")") && text.iter().any(|b| matches!(b, b'[' | b','));
    (head > 1 || short)
        && text.get(head) == Some(&b'(')
        && (text.ends_with(b")") || text.ends_with(b"(") || text.contains(&b'.'))
}
