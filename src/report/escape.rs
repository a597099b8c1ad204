//! Text from the repository made safe to look at: nothing in it may move the cursor, reorder what is read, or be
//! taken for a command by the log viewer of a CI service.

use std::fmt::Write as _;
use std::io::{self, Write};

/// Text that a terminal or a CI log shows as it is.
///
/// Control characters (ANSI escapes among them), bidirectional overrides and invisible formatting characters are
/// written as Rust escapes (`\n`, `\u{202e}`), bytes that are not UTF-8 as `\xff`. The second `#` of what Azure
/// Pipelines, GitHub Actions or TeamCity would take for a command anywhere in a line (`##[`, `##vso[`) is written as
/// `\x23`. Backslashes stay as they are, so this is for reading, not for decoding.
pub fn printable(text: impl AsRef<[u8]>) -> String {
    let mut out = String::with_capacity(text.as_ref().len());
    for chunk in text.as_ref().utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_risky(c) {
                out.extend(c.escape_default());
            } else {
                out.push(c);
            }
        }
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    if out.contains("##") { defuse(&out) } else { out }
}

/// Could the character change how the text around it is shown?
fn is_risky(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Breaks log commands of the form `##word[`.
fn defuse(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(at) = rest.find("##") {
        let word = rest[at + 2..].trim_start_matches(|c: char| c.is_ascii_alphabetic());
        out.push_str(&rest[..=at]);
        if word.starts_with('[') {
            out.push_str("\\x23");
            rest = &rest[at + 2..];
        } else {
            rest = &rest[at + 1..];
        }
    }
    out.push_str(rest);
    out
}

/// A writer for JSON that replaces, inside strings, what [`printable`] would escape by `\u` escapes.
///
/// A JSON reader gets the same text, and a terminal or a CI log gets nothing to act upon. Outside strings JSON has
/// only ASCII and no `#`, so looking at the bytes is enough; serde_json writes a string in whole characters.
pub(super) struct JsonSafe<W>(W);

impl<W: Write> JsonSafe<W> {
    /// Wraps a writer.
    pub(super) fn new(out: W) -> Self {
        Self(out)
    }
}

impl<W: Write> Write for JsonSafe<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        // Nearly all is plain, and what is not is looked at line by line.
        if is_plain(buf) {
            self.0.write_all(buf)?;
            return Ok(buf.len());
        }
        for line in buf.split_inclusive(|b| *b == b'\n') {
            self.line(line)?;
        }
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Is nothing in some JSON but ASCII that can stand in it as it is?
fn is_plain(json: &[u8]) -> bool {
    let plain =
        |piece: &[u8]| piece.iter().fold(true, |all, b| all & (matches!(b, b'\n' | b' '..=b'~') & (*b != b'#')));
    json.chunks(128).all(plain)
}

impl<W: Write> JsonSafe<W> {
    fn line(&mut self, buf: &[u8]) -> io::Result<()> {
        if is_plain(buf) {
            return self.0.write_all(buf);
        }
        // Line breaks of the pretty form are fine; inside strings serde_json has already escaped them.
        let risky = |c: char| c != '\n' && is_risky(c);
        let text = std::str::from_utf8(buf).unwrap_or_default();
        if !text.contains(risky) && !text.contains("##") {
            return self.0.write_all(buf);
        }
        let mut before = ' ';
        for c in text.chars() {
            if risky(c) || (c == '#' && before == '#') {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(self.0, "\\u{unit:04x}")?;
                }
                before = ' ';
            } else {
                self.0.write_all(c.encode_utf8(&mut [0; 4]).as_bytes())?;
                before = c;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn printable_escapes_what_could_act() {
        let cases: &[(&[u8], &str)] = &[
            (b"src/main.rs", "src/main.rs"),
            ("na\u{ef}ve/\u{65e5}\u{672c}.txt".as_bytes(), "na\u{ef}ve/\u{65e5}\u{672c}.txt"),
            (b"a\x1b[31mred\x07", "a\\u{1b}[31mred\\u{7}"),
            (b"two\nlines\r\tx", "two\\nlines\\r\\tx"),
            ("\u{9b}2J".as_bytes(), "\\u{9b}2J"),
            ("a\u{202e}b\u{2066}c".as_bytes(), "a\\u{202e}b\\u{2066}c"),
            (b"caf\xe9\xff", "caf\\xe9\\xff"),
            (b"##[command]x ##vso[task] ### a", "#\\x23[command]x #\\x23vso[task] ### a"),
            (b"###[x]", "##\\x23[x]"),
        ];
        for (text, want) in cases {
            assert_eq!(&printable(text), want);
            assert_eq!(&printable(printable(text)), want, "escaping twice changes nothing");
        }
    }

    #[test]
    fn json_safe_keeps_the_value() {
        let text = "a\u{202e}b\u{9b}c\u{e0041}d##[x]###\x1b\u{7f}";
        let mut out = Vec::new();
        serde_json::to_writer(JsonSafe::new(&mut out), text).unwrap();
        let json = String::from_utf8(out).unwrap();
        assert!(json.bytes().all(|b| b.is_ascii_graphic()), "{json}");
        assert!(!json.contains("##"));
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }
}
