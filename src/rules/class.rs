//! Byte classes and the named alphabets of the format language.

use std::fmt;

/// A set of bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Class([u64; 4]);

/// Base58 as Bitcoin writes it.
const BASE58: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// Base58 as the XRP Ledger writes it.
const RIPPLE: &[u8] = b"rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz";
/// The data characters of bech32 (BIP-173).
const BECH32: &[u8] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// Every named alphabet, with the bracket class that means the same.
pub const ALPHABETS: &[(&str, &str)] = &[
    ("base62", "0-9A-Za-z"),
    ("base64", "A-Za-z0-9+/"),
    ("base64url", "A-Za-z0-9_-"),
    ("base58", ""),
    ("base36", "0-9a-z"),
    ("BASE36", "0-9A-Z"),
    ("base32", "A-Z2-7"),
    ("base32lower", "a-z2-7"),
    ("bech32", ""),
    ("BECH32", ""),
    ("crockford", "0-9A-HJKMNP-TV-Z"),
    ("crockfordlower", "0-9a-hjkmnp-tv-z"),
    ("hex", "0-9a-f"),
    ("HEX", "0-9A-F"),
    ("xdigit", "0-9a-fA-F"),
    ("digits", "0-9"),
    ("lower", "a-z"),
    ("upper", "A-Z"),
    ("letters", "A-Za-z"),
    ("word", "A-Za-z0-9_"),
    ("token", "A-Za-z0-9_.=+/-"),
    ("ripple", ""),
];

/// What follows a `\`: `xFE` is that byte, any other character itself. Gives it with the rest.
pub fn escaped(text: &[u8]) -> Option<(u8, &[u8])> {
    match text {
        [b'x', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
            let digit = |b: u8| char::from(b).to_digit(16).map(|d| d as u8);
            Some((digit(*high)? << 4 | digit(*low)?, rest))
        }
        [byte, rest @ ..] => Some((*byte, rest)),
        [] => None,
    }
}

impl Class {
    /// The set of the given bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut class = Self::default();
        bytes.iter().for_each(|&b| class.insert(b));
        class
    }

    /// A named alphabet.
    pub fn named(name: &str) -> Option<Self> {
        let (_, ranges) = ALPHABETS.iter().find(|(n, _)| *n == name)?;
        Some(match name {
            "base58" => Self::of(BASE58),
            "ripple" => Self::of(RIPPLE),
            "bech32" => Self::of(BECH32),
            "BECH32" => Self::of(&BECH32.to_ascii_uppercase()),
            _ => Self::parse(ranges.as_bytes())?,
        })
    }

    /// The inside of a bracket class: ranges, single characters, `\` before a character to take it as it is.
    pub fn parse(mut text: &[u8]) -> Option<Self> {
        let mut class = Self::default();
        while let Some((&first, rest)) = text.split_first() {
            let (low, rest) = if first == b'\\' { escaped(rest)? } else { (first, rest) };
            text = match rest {
                [b'-', high, rest @ ..] => {
                    let (high, rest) = if *high == b'\\' { escaped(rest)? } else { (*high, rest) };
                    if high < low {
                        return None;
                    }
                    class = class.union(&Self::range(low, high));
                    rest
                }
                rest => {
                    class.insert(low);
                    rest
                }
            };
        }
        (!class.is_empty()).then_some(class)
    }

    /// The bytes from one to another, both included.
    pub const fn range(low: u8, high: u8) -> Self {
        let (mut words, mut at) = ([0; 4], low as usize);
        while at <= high as usize {
            words[at >> 6] |= 1 << (at & 63);
            at += 1;
        }
        Self(words)
    }

    /// Adds a byte.
    pub fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    /// Is the byte in the set?
    #[inline]
    pub fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }

    /// Number of bytes in the set.
    pub fn len(&self) -> u32 {
        self.0.iter().map(|w| w.count_ones()).sum()
    }

    /// Is the set empty?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Both sets together.
    pub fn union(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] | other.0[i]))
    }

    /// Number of bytes in both.
    pub fn shared(&self, other: &Self) -> u32 {
        self.0.iter().zip(other.0).map(|(a, b)| (a & b).count_ones()).sum()
    }

    /// Is a byte in both?
    pub fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).any(|(a, b)| a & b != 0)
    }

    /// Is every byte of `self` in `other`?
    pub fn within(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).all(|(a, b)| a & !b == 0)
    }

    /// The bytes in ascending order.
    pub fn bytes(&self) -> impl Iterator<Item = u8> + '_ {
        self.0.iter().zip(0u8..).flat_map(|(word, at)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as u8)?;
                left &= left - 1;
                Some(at << 6 | bit)
            })
        })
    }
}

impl fmt::Debug for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.bytes().map(|b| b as char).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_alphabet_has_its_size() {
        let sizes = [62, 64, 64, 58, 36, 36, 32, 32, 32, 32, 32, 32, 16, 16, 22, 10, 26, 26, 52, 63, 68, 58];
        for ((name, _), size) in ALPHABETS.iter().zip(sizes) {
            assert_eq!(Class::named(name).map(|c| c.len()), Some(size), "{name}");
        }
    }

    #[test]
    fn sets_count_and_list_their_bytes() {
        let class = Class::parse(b"\\x00-\\x03?-A\\xfe-\\xff").expect("valid class");
        assert_eq!(class.bytes().collect::<Vec<_>>(), [0, 1, 2, 3, b'?', b'@', b'A', 0xfe, 0xff]);
        assert_eq!((class.len(), class.shared(&Class::range(b'@', 0xfe))), (9, 3));
    }

    #[test]
    fn bracket_classes() {
        let cases: &[(&str, &[u8], &[u8])] =
            &[("a-c_-", b"abc_-", b"d0"), (r"\]\\a", b"]\\a", b"b"), ("-a", b"-a", b"b")];
        for (text, has, not) in cases {
            let class = Class::parse(text.as_bytes()).expect("valid class");
            assert!(has.iter().all(|&b| class.has(b)) && !not.iter().any(|&b| class.has(b)), "{text}");
        }
        assert_eq!(Class::parse(b"z-a"), None);
        assert_eq!(Class::parse(b""), None);
    }
}
