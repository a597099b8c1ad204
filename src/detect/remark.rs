//! What stands behind a value on its line and says what it is: a comment, or the next cell of a table.
//!
//! `"value",  # datadog api key`, `value // twilio auth token`, `| value | Acme api key |`

use std::ops::Range;

use crate::rules::format::is_token_byte;

/// Quotes, brackets and blanks that may stand between a value and a remark.
pub const GAP: usize = 16;

/// Bytes of a remark that are looked at.
pub const REMARK: usize = 80;

/// What begins a comment.
const COMMENTS: [&[u8]; 5] = [b"#", b"//", b"--", b"/*", b"<!--"];

/// What ends a remark, besides the line.
const ENDS: [&[u8]; 3] = [b"|", b"*/", b"-->"];

/// Length from which on a run of token characters with a digit is another value.
const OTHER: usize = 12;

/// Where a remark begins behind a value from `start` to `end`, if there is one. Looks no farther than [`GAP`].
pub fn begin(hay: &[u8], start: usize, end: usize) -> Option<usize> {
    let rest = &hay[end..hay.len().min(end + GAP)];
    let between = |b: &&u8| matches!(b, b'"' | b'\'' | b'`' | b',' | b';' | b')' | b']' | b'}' | b' ' | b'\t');
    let gap = rest.iter().take_while(between).count();
    let rest = &rest[gap..];
    let mark = match COMMENTS.iter().find(|mark| rest.starts_with(mark)) {
        // In an address and in base64 they join what stands there.
        Some(mark) if gap > 0 => mark.len(),
        _ if rest.starts_with(b"|") && !rest.starts_with(b"||") && in_cell(hay, start) => 1,
        _ => return None,
    };
    Some(end + gap + mark)
}

/// The text of a remark from its beginning on, unless it has values of its own, and names for them.
pub fn text(hay: &[u8], from: usize) -> Option<Range<usize>> {
    let text = &hay[from..hay.len().min(from + REMARK)];
    let line = memchr::memchr2(b'\n', b'\r', text).unwrap_or(text.len());
    let cut = ENDS.iter().filter_map(|mark| memchr::memmem::find(&text[..line], mark)).min().unwrap_or(line);
    let text = &text[..cut];
    let is_value = |run: &[u8]| run.len() >= OTHER && run.iter().any(u8::is_ascii_digit);
    (!text.contains(&b'=') && !text.split(|&b| !is_token_byte(b)).any(is_value)).then_some(from..from + cut)
}

/// Does a value stand in a cell of a table? Only a blank or a quote stands between it and the border.
fn in_cell(hay: &[u8], start: usize) -> bool {
    let before = &hay[start.saturating_sub(GAP)..start];
    let blank = |b: &&u8| matches!(b, b' ' | b'\t' | b'`' | b'"' | b'\'' | b'*');
    let gap = before.iter().rev().take_while(blank).count();
    before[..before.len() - gap].ends_with(b"|")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn remarks() {
        for (before, behind, want) in [
            ("", "  # acme key\nx", Some(" acme key")),
            ("\"", "\", // acme key */", Some(" acme key ")),
            ("", " /* acme key */ x", Some(" acme key ")),
            ("", " <!-- acme key -->", Some(" acme key ")),
            ("select '", "'; -- acme key", Some(" acme key")),
            ("| ", " | acme key | x", Some(" acme key ")),
            ("| a | `", "` | acme key", Some(" acme key")),
            ("x ", " | acme key", None),
            ("| ", " || acme key", None),
            ("", "#acme key", None),
            ("", "//acme key", None),
            ("", "\n# acme key", None),
            ("", " acme key", None),
            ("", " # acme_key = x", None),
            ("", " # was 0123456789abcdef before", None),
            ("", "", None),
        ] {
            let hay = format!("{before}VALUE{behind}");
            let from = begin(hay.as_bytes(), before.len(), before.len() + 5);
            let range = from.and_then(|from| text(hay.as_bytes(), from));
            assert_eq!(range.map(|r| &hay[r]), want, "{hay}");
        }
    }
}
