//! Positions that a reader would count, and source lines that are safe to print.

use bstr::ByteSlice;
use memchr::{memchr, memchr_iter, memrchr};

use crate::detect::score;
use crate::finding::{Excerpt, Position, RawMatch, Secret};
use crate::rules::RuleSet;
use crate::rules::format::is_token_byte;

/// Bytes of the line shown on each side of a secret.
const AROUND: usize = 60;
/// Runs of at least this many token characters that look random are masked too, whatever they are.
const NEIGHBOUR: usize = 16;

/// Line and column of a match. `bom` bytes at the start of the text count as no column.
pub fn position(text: &[u8], span: &std::ops::Range<usize>, bom: usize) -> Position {
    let place = |at: usize, line_of: usize| {
        let line = memchr_iter(b'\n', &text[..line_of]).count() + 1;
        let start = memrchr(b'\n', &text[..line_of]).map_or(bom.min(at), |i| i + 1);
        (line, text[start..at].chars().count() + 1)
    };
    let (line, column) = place(span.start, span.start);
    let last = span.end.saturating_sub(1).max(span.start);
    let (end_line, end_column) = place(span.end, last);
    Position { offset: span.start, line, column, end_line, end_column }
}

/// The line of a match with every secret in it masked: those of `matches` and whatever else looks like one.
pub fn excerpt(set: &RuleSet, text: &[u8], of: &RawMatch, matches: &[RawMatch]) -> Excerpt {
    let span = &of.span;
    let line_start = memrchr(b'\n', &text[..span.start]).map_or(0, |i| i + 1);
    let from = line_start.max(span.start.saturating_sub(AROUND));
    let first_end = memchr(b'\n', &text[span.start..span.end]).map_or(span.end, |i| span.start + i);
    let multiline = first_end < span.end;
    let line_end = memchr(b'\n', &text[span.end..]).map_or(text.len(), |i| span.end + i);
    let to = if multiline { span.end } else { line_end.min(span.end + AROUND) };

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
        None => Secret::new(secret).mask(set.rules()[of.rule].shown_prefix()),
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
    let mut at = part.start;
    while at < part.end {
        let other = matches.iter().find(|m| m.span.contains(&at) && m.span != of.span);
        if let Some(other) = other {
            let whole = at == other.span.start;
            out.push_str(&if whole { masked(set, other, &text[other.span.clone()]) } else { "*".repeat(8) });
            at = other.span.end.min(part.end).max(at + 1);
            continue;
        }
        if is_token_byte(text[at]) {
            let start = at - text[..at].iter().rev().take_while(|&&b| is_token_byte(b)).take(200).count();
            let end = at + text[at..].iter().take_while(|&&b| is_token_byte(b)).take(4096).count();
            let stop = matches
                .iter()
                .map(|m| m.span.start)
                .filter(|&s| s > at && s < end)
                .min()
                .unwrap_or(end)
                .min(part.end)
                .max(at + 1);
            push_run(&text[start..end], &text[at..stop], out);
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

/// Appends a run of token characters, with the pieces of it masked that look random.
fn push_run(run: &[u8], shown: &[u8], out: &mut String) {
    let suspicious = |piece: &[u8]| {
        piece.len() >= NEIGHBOUR
            && piece.iter().any(u8::is_ascii_digit)
            && piece.iter().any(u8::is_ascii_alphabetic)
            && score::is_random(piece)
    };
    if run.len() < NEIGHBOUR || !run.split(|b| matches!(b, b'=' | b'.' | b'/')).any(suspicious) {
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
