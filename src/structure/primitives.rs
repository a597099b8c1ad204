//! Building blocks that several validators share: checksums, lenient encodings, small DER and JSON readers, dates.
//!
//! Sources: microsoft/security-utilities (Marvin32), the CRC catalogue names in the `crc` crate, RFC 4648 (base64),
//! X.690 (DER). Check values stand in section 1 of the project's facts and in the tests below.

use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::{BASE64, BASE64_NOPAD, Encoding, Specification};
use num_bigint::BigUint;
use serde_json::{Map, Value};

pub(super) use crate::checksum::{CRC16, CRC24, CRC32, unbase64};

use super::{Input, Outcome, Rng};
use crate::finding::{Severity, Verdict};

/// Letters and digits.
pub(super) const ALNUM: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Standard base64.
pub(super) const B64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// URL-safe base64.
pub(super) const B64URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Lower-case hex.
pub(super) const HEX: &[u8] = b"0123456789abcdef";
/// Decimal digits.
pub(super) const DIGITS: &[u8] = b"0123456789";
/// Lower-case letters.
pub(super) const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz";

/// The argument at an index, or nothing.
pub(super) fn arg(args: &[String], index: usize) -> &str {
    args.get(index).map_or("", String::as_str)
}

/// The segment `body` if the format has one, else the whole match.
pub(super) fn body<'a>(input: &Input<'a>) -> &'a [u8] {
    input.segment("body")
}

/// Well-formed when the test holds, malformed otherwise.
pub(super) fn well_formed_if(holds: bool) -> Verdict {
    if holds { Verdict::WellFormed } else { Verdict::Malformed }
}

/// Proven when the test holds, malformed otherwise.
pub(super) fn proven_if(holds: bool) -> Verdict {
    if holds { Verdict::Proven } else { Verdict::Malformed }
}

/// Marvin32 with a seed of 8 ASCII characters; a shorter one is filled with zero bytes at the front.
pub(super) fn marvin32(seed: &str, data: &[u8]) -> u32 {
    let seed = seed.bytes().take(8).fold(0u64, |n, b| n << 8 | u64::from(b));
    crate::checksum::marvin32(seed.to_be_bytes(), data)
}

/// Up to eight bytes as a big-endian number.
pub(super) fn big(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |n, &b| n << 8 | u64::from(b))
}

/// Base62 digits `0-9A-Za-z`, most significant first, without padding; nothing for zero.
pub(super) fn base62(mut n: u64) -> String {
    let mut digits = Vec::new();
    while n > 0 {
        digits.push(ALNUM[(n % 62) as usize]);
        n /= 62;
    }
    digits.iter().rev().map(|&b| b as char).collect()
}

/// Encodes to standard base64 with padding.
pub(super) fn to_base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// Encodes to URL-safe base64 without padding.
pub(super) fn to_base64url(bytes: &[u8]) -> String {
    data_encoding::BASE64URL_NOPAD.encode(bytes)
}

/// Encodes to standard base64 without padding.
pub(super) fn to_base64_nopad(bytes: &[u8]) -> String {
    BASE64_NOPAD.encode(bytes)
}

/// Base32 (RFC 4648, upper case) without padding that ignores stray trailing bits.
pub(super) fn base32() -> Option<Encoding> {
    let mut spec = Specification::new();
    spec.symbols.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
    spec.check_trailing_bits = false;
    spec.encoding().ok()
}

/// Decodes upper- or lower-case base32 without padding.
pub(super) fn unbase32(text: &[u8]) -> Option<Vec<u8>> {
    base32()?.decode(&text.to_ascii_uppercase()).ok()
}

/// Decodes hex of any case.
pub(super) fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    data_encoding::HEXLOWER_PERMISSIVE.decode(text).ok()
}

/// Splits a definite-length DER element off the front: tag, content, rest.
pub(super) fn der(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = input.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (len, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (size, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (usize::try_from(big(size)).ok()?, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(len)?;
    Some((tag, content, rest))
}

/// Splits an element of a known tag off the front: content, rest.
pub(super) fn der_tag(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    der(input).filter(|(found, ..)| *found == tag).map(|(_, content, rest)| (content, rest))
}

/// The content of the one SEQUENCE that fills `input` exactly.
pub(super) fn der_only(input: &[u8]) -> Option<&[u8]> {
    der_tag(input, 0x30).filter(|(_, rest)| rest.is_empty()).map(|(content, _)| content)
}

/// The contents of all INTEGERs of a sequence's content; nothing if anything else stands in it or it has over 32.
pub(super) fn der_integers(mut input: &[u8]) -> Option<Vec<&[u8]>> {
    let mut out = Vec::new();
    while !input.is_empty() && out.len() < 32 {
        let (content, rest) = der_tag(input, 0x02)?;
        out.push(content);
        input = rest;
    }
    input.is_empty().then_some(out)
}

/// Encodes a DER element.
pub(super) fn to_der(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match content.len() {
        len @ 0..=0x7f => out.push(len as u8),
        len @ 0x80..=0xff => out.extend([0x81, len as u8]),
        len => out.extend([0x82, (len >> 8) as u8, len as u8]),
    }
    out.extend(content);
    out
}

/// Encodes a non-negative DER INTEGER.
pub(super) fn to_der_integer(n: &BigUint) -> Vec<u8> {
    let mut bytes = n.to_bytes_be();
    if bytes.first().is_some_and(|b| b & 0x80 != 0) {
        bytes.insert(0, 0);
    }
    to_der(0x02, &bytes)
}

/// Whether `n` is the product of `p` and `q`, both greater than one (big-endian, at most 2048 bytes each).
pub(super) fn is_product(n: &[u8], p: &[u8], q: &[u8]) -> bool {
    if n.len() > 2048 || p.len() > 2048 || q.len() > 2048 {
        return false;
    }
    let one = BigUint::from(1u8);
    let (p, q) = (BigUint::from_bytes_be(p), BigUint::from_bytes_be(q));
    p > one && q > one && BigUint::from_bytes_be(n) == p * q
}

/// Whether `public` is the Ed25519 public key of the seed.
pub(super) fn is_ed25519_pair(seed: &[u8], public: &[u8]) -> bool {
    <&[u8; 32]>::try_from(seed).is_ok_and(|seed| ed25519_public(seed)[..] == *public)
}

/// The Ed25519 public key of a seed.
pub(super) fn ed25519_public(seed: &[u8; 32]) -> [u8; 32] {
    ed25519_dalek::SigningKey::from_bytes(seed).verifying_key().to_bytes()
}

/// 32 random bytes.
pub(super) fn seed32(rng: &mut Rng) -> [u8; 32] {
    std::array::from_fn(|_| rng.next() as u8)
}

/// An odd random number of exactly `bytes` bytes with the top bits set.
pub(super) fn odd_number(rng: &mut Rng, bytes: usize) -> BigUint {
    let mut raw = rng.bytes(bytes.max(2));
    raw[0] |= 0xc0;
    let last = raw.len() - 1;
    raw[last] |= 1;
    BigUint::from_bytes_be(&raw)
}

/// Parses a JSON object.
pub(super) fn json_object(bytes: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(map)) => Some(map),
        _ => None,
    }
}

/// A text value of a JSON object.
pub(super) fn text<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    map.get(key).and_then(Value::as_str)
}

/// Seconds since 1970; the only place that reads the clock.
pub(super) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().try_into().unwrap_or(i64::MAX))
}

/// A date and time in UTC; empty when out of range.
pub(super) fn date(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map(|time| time.to_string()).unwrap_or_default()
}

/// Whether a time lies between 2009 and one day from now: plausible for an embedded creation time.
pub(super) fn plausible_past(seconds: i64) -> bool {
    (1_230_768_000..now().saturating_add(86_400)).contains(&seconds)
}

/// Adds the fact `expires`, and caps the severity when that is past.
pub(super) fn expires(outcome: Outcome, seconds: i64) -> Outcome {
    let shown = date(seconds);
    if shown.is_empty() {
        return outcome;
    }
    let outcome = outcome.fact("expires", shown);
    if seconds < now() { outcome.at_most(Severity::Low) } else { outcome }
}

/// Bytes `from..from + most`, cut at the end of the text. The second value is the end for [`Outcome::read`] when all of
/// them were looked at: one past the end of the text when that cut the window.
pub(super) fn window(hay: &[u8], from: usize, most: usize) -> (Range<usize>, usize) {
    let from = from.min(hay.len());
    let end = from.saturating_add(most);
    if end > hay.len() { (from..hay.len(), hay.len() + 1) } else { (from..end, end) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn checksums_give_their_check_values() {
        assert_eq!(marvin32("Default0", b"123456789"), 0xe7a1_f8a0);
        assert_eq!(marvin32("Default0", b"abc"), 0x1a4c_888e);
        assert_eq!(marvin32("Default0", b""), 0xcfd9_b134);
        assert_eq!(CRC32.checksum(b"123456789"), 0xcbf4_3926);
        assert_eq!(CRC16.checksum(b"123456789"), 0x31c3);
        assert_eq!(CRC24.checksum(b"123456789"), 0x21cf02);
        assert_eq!(base62(0xcbf4_3926), "3jZRME");
    }

    #[test]
    fn base64_is_lenient() {
        for text in ["+/8=", "-_8", "+_8", "-/9="] {
            assert_eq!(unbase64(text.as_bytes()).unwrap(), [0xfb, 0xff], "{text}");
        }
        for text in ["A", "AA A", "AA=A", "AAAA===="] {
            assert_eq!(unbase64(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn der_reader_refuses_overlong() {
        assert_eq!(der(&[0x30, 0x01, 7, 9]), Some((0x30, &[7][..], &[9][..])));
        for bad in [&[0x30][..], &[0x30, 2, 7], &[0x30, 0x80, 0, 0], &[0x30, 0x84, 255, 255, 255, 255, 1]] {
            assert_eq!(der(bad), None);
        }
    }

    #[test]
    fn dates() {
        assert_eq!(date(1_767_225_600), "2026-01-01T00:00:00Z");
        assert_eq!(date(i64::MAX), "");
    }
}
