//! Positions that a reader would count, and source lines that are safe to print.

use std::ops::Range;

use bstr::ByteSlice;
use memchr::{memchr, memchr_iter, memrchr};

use crate::detect::score;
use crate::finding::{Excerpt, Position, RawMatch, Secret};
use crate::rules::format::is_token_byte;
use crate::rules::{Kind, RuleSet};

/// Bytes of the line shown on each side of a secret.
const AROUND: usize = 60;
/// How far a run of token characters is followed on each side.
const FOLLOW: usize = 256;
/// Runs of at least this many token characters that look random are masked too, whatever they are.
const NEIGHBOUR: usize = 16;

/// Counts lines and columns of a text, each byte once, for places in ascending order.
#[derive(Clone, Copy, Debug)]
pub struct Lines<'t> {
    text: &'t [u8],
    /// What is counted up to.
    at: usize,
    line: usize,
    line_start: usize,
    /// Characters from the start of the line to `at`.
    chars: usize,
}

impl<'t> Lines<'t> {
    /// Starts at the start of a text, of which `bom` bytes count as no column.
    pub fn new(text: &'t [u8], bom: usize) -> Self {
        Self { text, at: bom, line: 1, line_start: bom, chars: 0 }
    }

    /// Goes on in a text of which `at` bytes were counted before, up to this line and with so many characters of it.
    pub fn resume(text: &'t [u8], at: usize, (line, chars): (usize, usize)) -> Self {
        Self { text, at, line, line_start: at, chars }
    }

    /// Counts up to a place; gives line and characters, to go on with.
    pub fn count_to(&mut self, at: usize) -> (usize, usize) {
        self.go(at);
        (self.line, self.chars)
    }

    /// Line and column of a match that begins where the last one did, or after that.
    pub fn position(&mut self, span: &Range<usize>) -> Position {
        self.go(span.start);
        let mut end = *self;
        end.go(span.end.saturating_sub(1).max(span.start));
        let (end_line, end_column) = (end.line, end.chars_to(span.end) + 1);
        Position { offset: span.start, line: self.line, column: self.chars + 1, end_line, end_column }
    }

    fn go(&mut self, at: usize) {
        if at < self.at {
            return;
        }
        let between = &self.text[self.at..at];
        if let Some(last) = memrchr(b'\n', between) {
            self.line += memchr_iter(b'\n', &between[..=last]).count();
            self.line_start = self.at + last + 1;
            self.chars = self.text[self.line_start..at].chars().count();
        } else {
            self.chars = self.chars_to(at);
        }
        self.at = at;
    }

    /// Characters from the start of the line to a place in it.
    fn chars_to(&self, at: usize) -> usize {
        let goes_on = self.text.get(self.at).is_some_and(|byte| (0x80..0xc0).contains(byte));
        // In the middle of a character what was counted does not hold.
        let (from, counted) = if goes_on { (self.line_start, 0) } else { (self.at, self.chars) };
        counted + self.text[from.min(at)..at].chars().count()
    }
}

/// All matches of a text in order, to look up those near a place.
#[derive(Debug)]
pub struct Neighbours<'m> {
    matches: &'m [RawMatch],
    /// How far each, or one before it, reaches: what was decoded may overlap.
    reach: Vec<usize>,
}

impl<'m> Neighbours<'m> {
    /// Takes matches that are sorted by where they begin.
    pub fn new(matches: &'m [RawMatch]) -> Self {
        let farthest = |reach: &mut usize, m: &RawMatch| {
            *reach = m.span.end.max(*reach);
            Some(*reach)
        };
        Self { matches, reach: matches.iter().scan(0, farthest).collect() }
    }

    /// The matches that could stand between two places.
    fn within(&self, from: usize, to: usize) -> &'m [RawMatch] {
        let first = self.reach.partition_point(|reach| *reach <= from);
        self.matches.get(first..self.matches.partition_point(|m| m.span.start < to)).unwrap_or_default()
    }
}

/// The line of a match with every secret in it masked: those of `matches` and whatever else looks like one.
pub fn excerpt(set: &RuleSet, text: &[u8], of: &RawMatch, matches: &Neighbours<'_>) -> Excerpt {
    let span = &of.span;
    if set.metas()[of.rule].kind == Kind::Hygiene {
        // What stands beside the name may be the secret that it is about.
        let text = String::from_utf8_lossy(&text[span.clone()]).replace(|c: char| c.is_control(), "\u{fffd}");
        return Excerpt { caret: 0..text.chars().count(), text };
    }
    // No farther than is shown: a line can be very long.
    let left = span.start.saturating_sub(AROUND + 1);
    let line_start = memrchr(b'\n', &text[left..span.start]).map_or(left, |i| left + i + 1);
    let from = line_start.max(span.start.saturating_sub(AROUND));
    let first_end = memchr(b'\n', &text[span.start..span.end]).map_or(span.end, |i| span.start + i);
    let multiline = first_end < span.end;
    let right = text.len().min(span.end + AROUND + 1);
    let line_end = memchr(b'\n', &text[span.end..right]).map_or(right, |i| span.end + i);
    let to = if multiline { span.end } else { line_end.min(span.end + AROUND) };

    let matches = matches.within(from, to + FOLLOW);
    let mut out = String::new();
    if from > line_start {
        out.push_str("...");
    }
    clean(set, text, from..span.start, of, matches, &mut out);
    let mut shown = out.trim_start().to_owned();
    let caret_start = shown.chars().count();
    shown.push_str(&masked(set, of, &text[span.clone()]));
    let caret_end = shown.chars().count();
    out.clear();
    clean(set, text, span.end.min(to)..to, of, matches, &mut out);
    if to < line_end && !multiline {
        out.push_str("...");
    }
    shown.push_str(out.trim_end());
    Excerpt { text: shown, caret: caret_start..caret_end }
}

/// The mask of a match as it stands in the text; of what was decoded nothing is shown.
pub fn masked(set: &RuleSet, of: &RawMatch, secret: &[u8]) -> String {
    match of.decoded {
        Some(_) => "*".repeat(8),
        None => Secret::new(secret).mask(set.rules()[of.rule].shown_prefix(secret)),
    }
}

/// Appends a part of a line without control characters and without secrets. Matches and runs that reach over the edges of
/// the part are masked as far as they stand in it.
fn clean(
    set: &RuleSet,
    text: &[u8],
    part: std::ops::Range<usize>,
    of: &RawMatch,
    matches: &[RawMatch],
    out: &mut String,
) {
    let hides = |m: &RawMatch| set.metas()[m.rule].kind != Kind::Hygiene;
    let mut at = part.start;
    let (mut judged, mut hidden) = (0..0, false);
    while at < part.end {
        let other = matches.iter().find(|m| m.span.contains(&at) && m.span != of.span && hides(m));
        if let Some(other) = other {
            let whole = at == other.span.start;
            out.push_str(&if whole { masked(set, other, &text[other.span.clone()]) } else { "*".repeat(8) });
            at = other.span.end.min(part.end).max(at + 1);
            continue;
        }
        if is_token_byte(text[at]) {
            if !judged.contains(&at) {
                let start = at - text[..at].iter().rev().take_while(|&&b| is_token_byte(b)).take(FOLLOW).count();
                let end = at + text[at..].iter().take_while(|&&b| is_token_byte(b)).take(FOLLOW).count();
                (judged, hidden) = (start..end, looks_secret(&text[start..end]));
            }
            let next = matches.iter().filter(|m| hides(m)).map(|m| m.span.start).find(|&start| start > at);
            let stop = judged.end.min(next.unwrap_or(usize::MAX)).min(part.end).max(at + 1);
            push_run(&text[at..stop], hidden, out);
            at = stop;
            continue;
        }
        let (c, len) = bstr::decode_utf8(&text[at..part.end]);
        match c {
            Some('\t') => out.push(' '),
            Some(c) if !c.is_control() => out.push(c),
            Some('\r') => {}
            _ => out.push('\u{fffd}'),
        }
        at += len.max(1);
    }
}

/// Does a piece of a run of token characters look random?
fn looks_secret(run: &[u8]) -> bool {
    let suspicious = |piece: &[u8]| {
        piece.len() >= NEIGHBOUR
            && piece.iter().any(u8::is_ascii_digit)
            && piece.iter().any(u8::is_ascii_alphabetic)
            && score::is_random(piece)
    };
    run.len() >= NEIGHBOUR && run.split(|b| matches!(b, b'=' | b'.' | b'/')).any(suspicious)
}

/// Appends a part of a run of token characters; of one that hides something, no piece that could be of it.
fn push_run(shown: &[u8], hidden: bool, out: &mut String) {
    if !hidden {
        out.push_str(&shown.to_str_lossy());
        return;
    }
    for (i, piece) in shown.split(|b| *b == b'=').enumerate() {
        if i > 0 {
            out.push('=');
        }
        let hide = piece.len() >= 6 && piece.iter().any(u8::is_ascii_digit);
        out.push_str(&if hide { "*".repeat(8) } else { piece.to_str_lossy().into_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The plain definition.
    fn naive(text: &[u8], span: &Range<usize>, bom: usize) -> Position {
        let place = |at: usize, line_of: usize| {
            let line = memchr_iter(b'\n', &text[..line_of]).count() + 1;
            let start = memrchr(b'\n', &text[..line_of]).map_or(bom.min(at), |i| i + 1);
            (line, text[start..at].chars().count() + 1)
        };
        let (line, column) = place(span.start, span.start);
        let (end_line, end_column) = place(span.end, span.end.saturating_sub(1).max(span.start));
        Position { offset: span.start, line, column, end_line, end_column }
    }

    proptest! {
        #[test]
        fn positions_equal_the_plain_definition(
            pieces in proptest::collection::vec(proptest::sample::select(vec![&b"a"[..], b"\n", "\u{e9}".as_bytes(), b"\xff", b"\xe2\x82", b"\r\n"]), 0..60),
            mut cuts in proptest::collection::vec(0usize..100, 0..8),
        ) {
            let text = [b"\xef\xbb\xbf".as_slice(), &pieces.concat()].concat();
            cuts.iter_mut().for_each(|cut| *cut = (*cut).min(text.len()));
            cuts.sort_unstable();
            for bom in [0, 3] {
                let mut lines = Lines::new(&text, bom);
                for span in cuts.windows(2).map(|pair| pair[0]..pair[1]).filter(|span| span.start >= bom && !span.is_empty()) {
                    prop_assert_eq!(lines.position(&span), naive(&text, &span, bom));
                }
            }
        }
    }
}
