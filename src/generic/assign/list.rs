//! Several values under one name: literals in brackets (`api_keys = ["...", "..."]`), and items on lines of their own.
//!
//! No byte belongs to two lists, so that a text full of them costs time linear in its length: an item that could hold the
//! name of another list ends its list.

use super::literal::{bare, quoted};
use super::{Op, Quote, Site, has_key_word, skip_space};
use crate::generic::view::View;

/// Most bytes of white space between two items.
const SPACE: usize = 80;

/// The literals behind the one of a site, in the same brackets.
pub fn behind(view: &mut View<'_>, site: &Site) -> Vec<Site> {
    let mut all = Vec::new();
    let quote = view.before(site.value.start);
    let plain = site.quote == Quote::Quoted && !site.wrapped && !site.joined && site.pieces.is_empty();
    if !plain
        || !matches!(site.op, Op::Equals | Op::Colon | Op::Arrow)
        || !matches!(quote, Some(b'"' | b'\''))
        || view.get(site.value.end) != quote
        || !is_first(view, site.value.start - 1)
    {
        return all;
    }
    let mut at = site.value.end + 1;
    loop {
        at = skip_space(view, at, SPACE);
        if view.get(at) != Some(b',') {
            return all;
        }
        at = skip_space(view, at + 1, SPACE);
        if !matches!(view.get(at), Some(b'"' | b'\'')) {
            return all;
        }
        let Some((value, end)) = quoted(view, at) else { return all };
        let next = skip_space(view, end, SPACE);
        let text = view.slice(value.clone());
        let nested = text.iter().any(|b| matches!(b, b'[' | b'(' | b'{')) && has_key_word(text);
        if nested || !matches!(view.get(next), Some(b',' | b']' | b')' | b'}')) {
            return all;
        }
        if !value.is_empty() {
            all.push(Site { value, ..site.clone() });
        }
        at = end;
    }
}

/// Is the literal that begins here the first one in brackets?
fn is_first(view: &mut View<'_>, start: usize) -> bool {
    let mut at = start;
    while start - at < SPACE && view.before(at).is_some_and(|b| b.is_ascii_whitespace()) {
        at -= 1;
    }
    matches!(view.before(at), Some(b'[' | b'(' | b'{'))
}

/// The items below a name with a colon that ends its line: `passwords:` and `- ...`.
pub fn below(view: &mut View<'_>, name: std::ops::Range<usize>) -> Vec<Site> {
    let mut all = Vec::new();
    let mut at = name.end;
    if view.get(at) != Some(b':') {
        return all;
    }
    at = view.blanks(at + 1);
    while let Some(b'\n' | b'\r') = view.get(at) {
        let line = skip_space(view, at, 2);
        at = view.blanks(line);
        if !view.has(at, b"- ") {
            break;
        }
        at = view.blanks(at + 2);
        let (value, quote, end) = match quoted(view, at) {
            Some((value, end)) => (value, Quote::Quoted, end),
            None => {
                let (value, alone) = bare(view, Op::Colon, None, at);
                let end = value.end;
                (value, if alone { Quote::Bare } else { Quote::BareAmong }, end)
            }
        };
        let text = view.slice(value.clone());
        if value.is_empty() || text.ends_with(b":") || has_key_word(text) && text.contains(&b':') {
            break;
        }
        let site = Site::given(name.clone(), value);
        all.push(Site { op: Op::Colon, quote, ..site });
        at = view.blanks(end);
    }
    all
}
