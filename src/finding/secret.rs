//! Secrets that hide themselves, and fingerprints that name them without giving them away.

use std::fmt;

use sha2::{Digest, Sha256};

/// Bytes that must not be shown. `Debug` and `Display` print a mask.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// Wraps found bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// The bytes themselves. Call this only to compute on them, or for `--show-secrets`.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Length in bytes.
    #[allow(clippy::len_without_is_empty, reason = "a found secret is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The secret with everything hidden but a fixed `prefix` (bytes that every secret of the rule shares; at most
    /// a third of the whole) and, for long ones, the last characters: 4 from 32 hidden characters on, 2 from 20.
    pub fn mask(&self, prefix: usize) -> String {
        let bytes = &self.0;
        let first_line = bytes.iter().position(|&b| b == b'\n' || b == b'\r').unwrap_or(bytes.len());
        let head = prefix.min(first_line);
        let hidden = bytes.len() - head;
        let multiline = first_line < bytes.len();
        let tail = if multiline {
            0
        } else {
            match hidden {
                0..20 => 0,
                20..32 => 2,
                _ => 4,
            }
        };
        let printable = |part: &[u8]| -> String {
            part.iter().map(|&b| if b.is_ascii_graphic() || b == b' ' { b as char } else { '.' }).collect()
        };
        format!("{}{}{}", printable(&bytes[..head]), "*".repeat(8), printable(&bytes[bytes.len() - tail..]))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.mask(0))
    }
}

/// Identity of a finding: made of rule id and secret, so it survives line shifts, renames, squashes and clones.
///
/// 16 bytes, shown as 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// For secrets of 64 bits or more: SHA-256 of rule id and secret, cut to 128 bits.
    pub fn strong(rule: &str, secret: &Secret) -> Self {
        Self::digest(&[b"keyscan finding v1", rule.as_bytes(), secret.expose()])
    }

    /// For secrets that could be guessed: binds rule, path and key name, and of the secret only 10 bits, so that a
    /// list of passwords cannot be narrowed down with it to less than a thousandth. They are the same 10 bits
    /// everywhere: fingerprints of one password at many paths, under many rules and in many files add up to no more.
    pub fn weak(rule: &str, path: &[u8], key: &[u8], secret: &Secret) -> Self {
        let full = Self::digest(&[b"keyscan weak v2", secret.expose()]);
        let bits = [full.0[0], full.0[1] & 0b11];
        Self::digest(&[b"keyscan finding v1 weak", rule.as_bytes(), path, key, &bits])
    }

    fn digest(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let mut out = [0; 16];
        out.copy_from_slice(&hash.finalize()[..16]);
        Self(out)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl std::str::FromStr for Fingerprint {
    type Err = ();

    /// Reads 32 hex digits.
    fn from_str(text: &str) -> Result<Self, ()> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).map_err(drop)?;
        bytes.try_into().map(Self).map_err(drop)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_hides_itself() {
        let secret = Secret::new(b"hunter2-hunter2-hunter2");
        assert_eq!(format!("{secret:?}"), "Secret(23 bytes)");
        assert!(!format!("{secret}").contains("hunter2-hunter2"));
    }

    #[test]
    fn mask_shows_little() {
        let cases: &[(&[u8], usize, &str)] = &[
            (b"short", 0, "********"),
            (b"ghp_0123456789012345678901234567890123ABCD", 4, "ghp_********ABCD"),
            (b"ab_01234567890123456789x", 3, "ab_********9x"),
            (b"-----BEGIN X-----\nAAAA\n", 40, "-----BEGIN X-----********"),
        ];
        for (bytes, prefix, want) in cases {
            assert_eq!(&Secret::new(bytes).mask(*prefix), want);
        }
    }

    #[test]
    fn weak_fingerprint_holds_ten_bits_of_the_secret() {
        let seen: std::collections::BTreeSet<_> = (0..20_000)
            .map(|n| Fingerprint::weak("r", b"p", b"k", &Secret::new(format!("pw{n}").as_bytes())))
            .collect();
        assert_eq!(seen.len(), 1024);
    }

    #[test]
    fn weak_fingerprints_of_one_secret_add_up_to_no_more() {
        // Passwords that one fingerprint cannot tell apart no other can, whatever it is bound to.
        let of = |path: &str, rule: &str, n: usize| {
            Fingerprint::weak(rule, path.as_bytes(), b"", &Secret::new(format!("pw{n}").as_bytes()))
        };
        let twin = (1..20_000).find(|n| of("p", "r", *n) == of("p", "r", 0)).expect("one in 1024 is");
        for path in ["a", "b", "c/d"] {
            for rule in ["r", "s"] {
                assert_eq!(of(path, rule, 0), of(path, rule, twin));
            }
        }
    }
}
