//! What kind of text a blob is, and its bytes as UTF-8 where they are in another encoding.

use std::borrow::Cow;

use memchr::memchr;

/// Bytes at the start of a blob that tell text from binary, as git does it.
const SNIFF: usize = 8000;

/// A blob as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    /// The bytes to scan.
    pub bytes: Cow<'a, [u8]>,
    /// The encoding they were decoded from, if they are not the blob's own bytes.
    pub via: Option<&'static str>,
    /// Lines and columns mean nothing here.
    pub binary: bool,
    /// Length of a UTF-8 byte order mark at the start, which is no part of the first line.
    pub bom: usize,
}

/// Tells text from binary and decodes UTF-16 and UTF-32, with a byte order mark or without.
pub fn sniff(bytes: &[u8]) -> Text<'_> {
    let plain = |binary, bom| Text { bytes: Cow::Borrowed(bytes), via: None, binary, bom };
    let decoded = |name, text: Vec<u8>| Text { bytes: Cow::Owned(text), via: Some(name), binary: false, bom: 0 };
    match bytes {
        [0xef, 0xbb, 0xbf, ..] => return plain(false, 3),
        [0xff, 0xfe, 0, 0, rest @ ..] if rest.len() % 4 == 0 => {
            return decoded("utf-32le", utf32(rest, u32::from_le_bytes));
        }
        [0, 0, 0xfe, 0xff, rest @ ..] if rest.len() % 4 == 0 => {
            return decoded("utf-32be", utf32(rest, u32::from_be_bytes));
        }
        [0xff, 0xfe, rest @ ..] => return decoded("utf-16le", utf16(rest, u16::from_le_bytes)),
        [0xfe, 0xff, rest @ ..] => return decoded("utf-16be", utf16(rest, u16::from_be_bytes)),
        _ => {}
    }
    let head = &bytes[..bytes.len().min(SNIFF)];
    if memchr(0, head).is_none() {
        return plain(false, 0);
    }
    if let Some(big) = utf32_without_mark(bytes, head) {
        return if big {
            decoded("utf-32be", utf32(bytes, u32::from_be_bytes))
        } else {
            decoded("utf-32le", utf32(bytes, u32::from_le_bytes))
        };
    }
    // UTF-16 of mostly Latin text without a mark: every other byte is zero.
    let zeros = |odd: usize| head.iter().skip(odd).step_by(2).filter(|b| **b == 0).count();
    let half = head.len() / 2;
    match (half >= 8, zeros(0), zeros(1)) {
        (true, even, odd) if odd * 10 > half * 7 && even * 10 < half => {
            decoded("utf-16le", utf16(bytes, u16::from_le_bytes))
        }
        (true, even, odd) if even * 10 > half * 7 && odd * 10 < half => {
            decoded("utf-16be", utf16(bytes, u16::from_be_bytes))
        }
        _ => plain(true, 0),
    }
}

/// Is it UTF-32 of mostly Latin text, and with the high byte first? Each unit has two zeros, on the same side.
fn utf32_without_mark(bytes: &[u8], head: &[u8]) -> Option<bool> {
    let units = head.as_chunks::<4>().0;
    if units.len() < 4 || !bytes.len().is_multiple_of(4) {
        return None;
    }
    let count = |fits: fn(&[u8; 4]) -> bool| units.iter().filter(|unit| fits(unit)).count();
    let most = |n: usize| n * 10 > units.len() * 7;
    if count(|u| u[2] == 0 && u[3] == 0 && u[0] != 0) == units.len() && most(count(|u| u[1] == 0)) {
        return Some(false);
    }
    let big = count(|u| u[0] == 0 && u[1] == 0 && u[3] != 0) == units.len() && most(count(|u| u[2] == 0));
    big.then_some(true)
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Vec<u8> {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let mut text = String::with_capacity(bytes.len() / 2);
    text.extend(char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')));
    text.into_bytes()
}

fn utf32(bytes: &[u8], unit: fn([u8; 4]) -> u32) -> Vec<u8> {
    let chars = bytes.chunks_exact(4).map(|q| char::from_u32(unit([q[0], q[1], q[2], q[3]])).unwrap_or('\u{fffd}'));
    chars.collect::<String>().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings() {
        let text = "key = \"value of some length\"\r\n";
        let utf16le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let utf16be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let utf32le: Vec<u8> = text.chars().flat_map(|c| (c as u32).to_le_bytes()).collect();
        let utf32be: Vec<u8> = text.chars().flat_map(|c| (c as u32).to_be_bytes()).collect();
        let cases: &[(Vec<u8>, Option<&str>)] = &[
            (utf16le.clone(), Some("utf-16le")),
            (utf16be.clone(), Some("utf-16be")),
            ([b"\xff\xfe".as_slice(), &utf16le].concat(), Some("utf-16le")),
            ([b"\xfe\xff".as_slice(), &utf16be].concat(), Some("utf-16be")),
            ([b"\xff\xfe\0\0".as_slice(), &utf32le].concat(), Some("utf-32le")),
            (utf32le.clone(), Some("utf-32le")),
            (utf32be.clone(), Some("utf-32be")),
            (text.as_bytes().to_vec(), None),
        ];
        for (bytes, via) in cases {
            let got = sniff(bytes);
            assert_eq!((got.via, got.binary, got.bytes.as_ref()), (*via, false, text.as_bytes()));
        }
        assert!(sniff(b"\x7fELF\0\0\0\x01abc").binary);
        assert_eq!(sniff(b"\xef\xbb\xbfa").bom, 3);
        assert!(!sniff(b"").binary);
    }
}
