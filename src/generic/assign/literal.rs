//! The inside of a value: literals, also several that are joined, elements, blocks, and text without quotes.

use std::ops::Range;

use super::{Op, VALUE, entity, skip_space};
use crate::generic::view::View;

/// The text of an XML element up to its end tag.
pub(super) fn element(view: &mut View<'_>, from: usize) -> Option<Range<usize>> {
    let mut at = skip_space(view, from, 64);
    if view.has(at, b"<![CDATA[") {
        at += 9;
    } else if view.has(at, b"<string>") {
        at += 8;
    } else if view.has_any_case(at, b"<value>") {
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
pub(super) fn block(view: &mut View<'_>, at: usize) -> Option<Range<usize>> {
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
pub(super) fn quoted(view: &mut View<'_>, at: usize) -> Option<(Range<usize>, usize)> {
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
            let double = view.get(open + 1) == Some(byte);
            let triple = double && view.get(open + 2) == Some(byte);
            // A literal of reStructuredText: ``value``.
            let literal = double && byte == b'`' && view.get(open + 2).is_some_and(|b| b.is_ascii_graphic());
            (byte, if triple { 3 } else { 1 + usize::from(literal) })
        }
        _ => return None,
    };
    let mark: Vec<u8> = view.slice(at..open + len).to_vec();
    let start = open + len;
    let lines = len == 3 || quote == b'`' && len == 1;
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
pub(super) fn more_pieces(view: &mut View<'_>, from: usize, op: Op, pieces: &mut Vec<Range<usize>>) -> (usize, bool) {
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
pub(super) fn bare(view: &mut View<'_>, op: Op, before: Option<u8>, at: usize) -> (Range<usize>, bool) {
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
