//! Values that are written in another way than they are meant: base64 of a text, escapes, packed data.

use super::{has, has_pair};

/// What base64 of a readable text says, as in the data of Kubernetes secrets and in `Basic` headers.
pub fn decoded(value: &[u8]) -> Option<Vec<u8>> {
    let text = value.strip_prefix(b"Basic ").or_else(|| value.strip_prefix(b"basic ")).unwrap_or(value);
    if text.len() < 8
        || !text.len().is_multiple_of(4)
        || text.len() == value.len() && !text.iter().any(u8::is_ascii_uppercase)
    {
        return None;
    }
    let plain = data_encoding::BASE64.decode(text).ok()?;
    let plain = plain.strip_suffix(b"\n").map_or(plain.clone(), <[u8]>::to_vec);
    let readable = plain.len() >= 3 && plain.iter().all(|b| b.is_ascii_graphic() || *b == b' ');
    if !readable {
        return None;
    }
    // Of `user:password` the password counts.
    let colon = if text.len() < value.len() { plain.iter().position(|b| *b == b':') } else { None };
    Some(colon.filter(|i| i + 1 < plain.len()).map_or(plain.clone(), |i| plain[i + 1..].to_vec()))
}

/// The letters that escapes stand for: `\u00e9`, `&#233;`, `&ouml;`, and `\x6d\x61` where that is a text.
pub fn unescaped(value: &[u8]) -> Option<Vec<u8>> {
    if let Some(plain) = unpercent(value) {
        return Some(plain);
    }
    let escaped = has_pair(value, &[b"\\u", b"\\x", b"&#"]) || value.contains(&b'&') && value.contains(&b';');
    if !escaped {
        return None;
    }
    let mut plain = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = memchr::memchr2(b'\\', b'&', rest) {
        plain.extend_from_slice(&rest[..at]);
        let (letter, len) = escape(&rest[at..]).unwrap_or((char::from(rest[at]), 1));
        plain.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        rest = &rest[at + len..];
    }
    plain.extend_from_slice(rest);
    let text = !plain.iter().any(u8::is_ascii_control) && !has(value, b"\\x")
        || plain.iter().all(|b| b.is_ascii_graphic() || *b == b' ');
    text.then_some(plain)
}

/// What percent signs stand for in a text that is mostly written with them: `%F0%9F%92%A9`.
fn unpercent(value: &[u8]) -> Option<Vec<u8>> {
    let signs = value.iter().filter(|b| **b == b'%').count();
    if signs < 2 || signs * 6 <= value.len() {
        return None;
    }
    let digit = |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16));
    let mut plain = Vec::with_capacity(value.len());
    let mut at = 0;
    while let Some(&byte) = value.get(at) {
        match (byte, digit(value.get(at + 1)), digit(value.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                plain.push((high * 16 + low) as u8);
                at += 3;
            }
            (b'%', ..) => return None,
            _ => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    Some(plain)
}

/// The letter of an escape at the start of a text, and its length.
fn escape(text: &[u8]) -> Option<(char, usize)> {
    let number = |from: usize, to: usize, base: u32| {
        let digits = text.get(from..to).filter(|d| d.iter().all(|b| char::from(*b).is_digit(base)))?;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, base).ok().and_then(char::from_u32)
    };
    match text.get(..2)? {
        b"\\u" => Some((number(2, 6, 16)?, 6)),
        b"\\x" => Some((number(2, 4, 16)?, 4)),
        b"&#" => {
            let end = text.iter().take(8).position(|b| *b == b';')?;
            Some((number(2, end, 10)?, end + 1))
        }
        [b'&', letter] if letter.is_ascii_alphabetic() => {
            const SIGNS: &[&[u8]] =
                &[b"uml", b"acute", b"grave", b"circ", b"tilde", b"cedil", b"ring", b"slash", b"caron"];
            let end = text.iter().take(9).position(|b| *b == b';')?;
            // Which of the letters with a sign it is makes no difference.
            SIGNS.contains(&&text[2..end]).then_some(('\u{e9}', end + 1))
        }
        _ => None,
    }
}

/// Compressed or packed data, written as escapes: it begins as such files do.
pub fn is_packed(value: &[u8]) -> bool {
    let lower: Vec<u8> = value.iter().take(16).map(u8::to_ascii_lowercase).collect();
    [&b"\\x1f\\x8b"[..], b"\\x50\\x4b\\x03", b"\\x89\\x50\\x4e", b"\\x78\\x9c"].iter().any(|m| lower.starts_with(m))
}

/// Do lines break within, or is there another control character? A password that ends its line has one at its end only.
pub fn has_breaks(value: &[u8]) -> bool {
    let inside = &value[..value.len().saturating_sub(2)];
    value.len() < 24 && inside.windows(2).any(|w| w[0] == b'\\' && matches!(w[1], b'n' | b'r' | b't' | b'f' | b'0'))
}

/// One to three characters, each written as an escape: `\uE002`, `&#xf21b;`.
pub fn is_few_escapes(value: &[u8]) -> bool {
    // `\f21b`, as style sheets write it.
    let plain = value.strip_prefix(b"\\").unwrap_or(value);
    if plain.len() == 5 && plain[0] == b'\\' && plain[1..].iter().all(u8::is_ascii_hexdigit) {
        return true;
    }
    let mut rest = value;
    for _ in 0..4 {
        let hex = |from: usize| rest[from.min(rest.len())..].iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let len = if rest.starts_with(b"\\u") {
            2 + hex(2).min(4)
        } else if rest.starts_with(b"\\x") {
            2 + if rest.len() == 6 && hex(2) == 4 { 4 } else { hex(2).min(2) }
        } else if rest.starts_with(b"&#x") {
            3 + hex(3) + 1
        } else if rest.starts_with(b"&#") {
            2 + hex(2) + 1
        } else {
            break;
        };
        rest = rest.get(len..).unwrap_or_default();
        if rest.is_empty() {
            return true;
        }
    }
    false
}
