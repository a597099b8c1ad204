//! Constants: numbers, truth values, types, names of ciphers, colours.

use super::escape::is_few_escapes;
use crate::generic::assign;

/// A number, a truth value, a type, or nothing.
pub fn is_constant(value: &[u8]) -> bool {
    const WORDS: &[&str] = &[
        "true",
        "false",
        "null",
        "nil",
        "none",
        "undefined",
        "yes",
        "no",
        "on",
        "off",
        "string",
        "str",
        "bool",
        "boolean",
        "int",
        "integer",
        "number",
        "text",
        "object",
        "any",
        "bytes",
        "void",
        "required",
        "optional",
        "empty",
        "default",
        "self",
        "this",
        "n/a",
        "na",
        "todo",
        "tbd",
        "never",
        "char",
        "varchar",
        "hidden",
        "disabled",
        "enabled",
        "unset",
        "auto",
        "inherit",
        "always",
        "bearer",
        "basic",
        "digest",
        "oauth",
        "oauth2",
        "jwt",
        "header",
        "cookie",
        "array",
        "plain",
        "include",
        "omit",
        "same-origin",
        "sha256",
        "sha384",
        "sha512",
        "sha1",
        "md5",
        "hmac",
        "hs256",
        "hs384",
        "hs512",
        "rs256",
        "rs384",
        "rs512",
        "es256",
        "es384",
        "es512",
        "ps256",
        "tlsv1",
        "tlsv1.1",
        "tlsv1.2",
        "tlsv1.3",
        "ed25519",
        "aes",
        "rsa",
        "raw",
        "json",
    ];
    if is_constant_name(value) {
        return true;
    }
    let lower = value.to_ascii_lowercase();
    let text = std::str::from_utf8(&lower).unwrap_or_default().trim_end_matches(['!', '?', '[', ']']);
    let word = |text: &str| WORDS.contains(&text);
    word(text)
        || text.contains('|') && text.split('|').all(word)
        || text.contains(',') && text.split(',').map(str::trim).all(word)
        || is_name_of_secret(value)
        || is_colour(value)
        || is_few_escapes(value)
        || is_letters(value)
        || text.parse::<f64>().is_ok() && value.len() < 12
        || text.trim_start_matches('-').starts_with("0x") && value.len() < 12
}

/// The name that a secret goes by elsewhere: `emqx-secrets`, `app-db-password`.
fn is_name_of_secret(value: &[u8]) -> bool {
    let plain = value.iter().all(|b| b.is_ascii_lowercase() || *b == b'-');
    let last = value.rsplit(|b| *b == b'-').next().unwrap_or_default();
    plain && last.len() < value.len() && assign::has_key_word(last) && last.len() <= 12
}

/// Words of capitals, with numbers among them: `TLS_RSA_WITH_AES_128_CBC_SHA`; names of secrets: `CI-API-USER,CI-API-TOKEN`;
/// the name of a header: `X-Api-Key`.
fn is_constant_name(value: &[u8]) -> bool {
    let capitals = value.iter().all(|b| b.is_ascii_uppercase() || matches!(b, b'-' | b',' | b'_'));
    let header = value.starts_with(b"X-") && value[2..].iter().all(|b| b.is_ascii_alphabetic() || *b == b'-');
    if header || capitals && value.contains(&b'-') && (assign::has_key_word(value) || are_uneven(value)) {
        return true;
    }
    let mut words = 0;
    value.split(|b| *b == b'_').all(|part| {
        let letters = part.iter().take_while(|b| b.is_ascii_uppercase()).count();
        words += usize::from(letters >= 2);
        !part.is_empty() && part[letters..].iter().all(u8::is_ascii_digit) && part.len() - letters <= 4
    }) && words >= 2
}

/// Three words or more of capitals that are not of one length, as the groups of a licence key are.
fn are_uneven(value: &[u8]) -> bool {
    let mut words = value.split(|b| matches!(b, b'-' | b'_'));
    let first = words.next().map_or(0, <[u8]>::len);
    let (mut count, mut even) = (1, true);
    for word in words {
        count += 1;
        even &= word.len() == first;
    }
    count >= 3 && !even && !value.contains(&b',')
}

/// `#d0d0d0`.
fn is_colour(value: &[u8]) -> bool {
    value.first() == Some(&b'#') && matches!(value.len(), 4 | 7 | 9) && value[1..].iter().all(u8::is_ascii_hexdigit)
}

/// `M D H h m`: letters that stand for something.
fn is_letters(value: &[u8]) -> bool {
    let mut words = 0;
    value.split(|b| *b == b' ').all(|w| {
        words += 1;
        (1..=3).contains(&w.len()) && w.iter().all(u8::is_ascii_alphabetic)
    }) && words >= 4
}
