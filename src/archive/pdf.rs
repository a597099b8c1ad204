//! Text of PDF files: their streams, inflated, and the strings that are drawn.
//!
//! No attempt is made to lay out pages. The strings of one drawing operation are joined, since that is where kerning tears
//! words apart; other operations end a line. Fonts with an encoding of their own are not decoded.

use flate2::read::ZlibDecoder;
use memchr::memmem;
use std::cell::RefCell;
use std::io::Read;

use super::stream::Metered;
use super::{Note, Walker};

/// Bytes before a stream in which its dictionary is looked for.
const DICTIONARY: usize = 2048;
/// A stream is inflated up to here.
const STREAM: u64 = 64 << 20;

impl Walker<'_> {
    pub(super) fn pdf(&mut self, bytes: &[u8]) {
        self.at.via.push("pdf");
        if memmem::find(bytes, b"/Encrypt").is_some() {
            self.note(Note::Encrypted);
        }
        let (mut at, mut number) = (0, 0);
        while let Some(found) = bytes.get(at..).and_then(|rest| memmem::find(rest, b"stream")) {
            let start = at + found;
            at = start + 6;
            if bytes[..start].ends_with(b"end") || self.is_over() {
                continue;
            }
            let body = bytes[at..].strip_prefix(b"\r\n").or_else(|| bytes[at..].strip_prefix(b"\n"));
            let Some(body) = body else { continue };
            number += 1;
            let end = memmem::find(body, b"endstream").unwrap_or(body.len());
            let dictionary = &bytes[start.saturating_sub(DICTIONARY)..start];
            let dictionary = memmem::rfind(dictionary, b" obj").map_or(dictionary, |i| &dictionary[i..]);
            at += end;
            self.pdf_stream(dictionary, &body[..end], number);
        }
        self.at.via.pop();
    }

    fn pdf_stream(&mut self, dictionary: &[u8], body: &[u8], number: usize) {
        let is = |name: &[u8]| memmem::find(dictionary, name).is_some();
        // Images and fonts hold no text.
        if is(b"/Image") || is(b"/FontFile") || is(b"/Length1") {
            return;
        }
        let error = RefCell::new(None);
        let content = if is(b"/FlateDecode") || is(b"/Fl ") {
            let mut out = Vec::new();
            let _ = Metered::new(ZlibDecoder::new(body), self.meter, &error).take(STREAM).read_to_end(&mut out);
            out
        } else if is(b"/Filter") {
            return;
        } else {
            body.to_vec()
        };
        let name = format!("stream {number}");
        let drawn = drawn(&content);
        self.text(name.as_str(), if drawn.is_empty() { &content } else { &drawn });
        if let Some(error) = error.into_inner().filter(|_| content.is_empty()) {
            self.note_of(name.as_bytes(), Note::Damaged(error));
        }
    }
}

/// The strings that a content stream draws.
fn drawn(content: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    if memmem::find(content, b"BT").is_none() || memmem::find(content, b"ET").is_none() {
        return text;
    }
    let mut at = 0;
    let mut held = Vec::new();
    while let Some(&byte) = content.get(at) {
        match byte {
            b'(' => at = literal(content, at + 1, &mut held),
            b'<' if content.get(at + 1) != Some(&b'<') => at = hex(content, at + 1, &mut held),
            // `Tj`, `TJ`, `'` and `"` draw what was held.
            b'T' if matches!(content.get(at + 1), Some(b'j' | b'J')) => {
                text.append(&mut held);
                at += 2;
            }
            b'\'' | b'"' => {
                text.push(b'\n');
                text.append(&mut held);
                at += 1;
            }
            // `Td`, `TD`, `T*`, `Tm` and the end of text move elsewhere.
            b'T' if matches!(content.get(at + 1), Some(b'd' | b'D' | b'*' | b'm')) => {
                held.clear();
                text.push(b'\n');
                at += 2;
            }
            b'E' if content.get(at + 1) == Some(&b'T') => {
                held.clear();
                text.push(b'\n');
                at += 2;
            }
            _ => at += 1,
        }
    }
    text
}

/// Reads `(...)`; gives where it ends.
fn literal(content: &[u8], from: usize, out: &mut Vec<u8>) -> usize {
    let (mut at, mut depth) = (from, 1);
    while let Some(&byte) = content.get(at) {
        at += 1;
        match byte {
            b'\\' => {
                let Some(&next) = content.get(at) else { break };
                let octal = content[at..].iter().take(3).take_while(|b| matches!(b, b'0'..=b'7')).count();
                if octal > 0 {
                    out.push(content[at..at + octal].iter().fold(0u8, |n, b| n.wrapping_mul(8).wrapping_add(b - b'0')));
                    at += octal;
                    continue;
                }
                at += 1;
                match next {
                    b'n' => out.push(b'\n'),
                    b'r' => out.push(b'\r'),
                    b't' => out.push(b'\t'),
                    b'\n' | b'\r' => {}
                    other => out.push(other),
                }
            }
            b'(' => {
                depth += 1;
                out.push(byte);
            }
            b')' => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
                out.push(byte);
            }
            _ => out.push(byte),
        }
    }
    at
}

/// Reads `<...>`; gives where it ends.
fn hex(content: &[u8], from: usize, out: &mut Vec<u8>) -> usize {
    let end = content[from..].iter().position(|b| *b == b'>').map_or(content.len(), |i| from + i);
    let digits: Vec<u8> =
        content[from..end].iter().filter_map(|b| char::from(*b).to_digit(16)).map(|d| d as u8).collect();
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).unwrap_or(&0)).collect();
    // Two bytes for each character, as most programs write them: the first is zero.
    let wide = bytes.len() > 1 && bytes.iter().step_by(2).all(|b| *b == 0);
    out.extend(bytes.iter().skip(usize::from(wide)).step_by(1 + usize::from(wide)));
    (end + 1).min(content.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_a_page() {
        let page = b"q BT /F1 12 Tf 72 720 Td [(ke) -12 (y = )] TJ (a\\(b\\)\\101) Tj T* <6364> Tj <00650066> Tj ET Q";
        assert_eq!(drawn(page).trim_ascii(), b"key = a(b)A\ncdef");
        assert!(drawn(b"<< /Type /Catalog >>").is_empty());
    }
}
