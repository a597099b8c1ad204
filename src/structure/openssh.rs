//! OpenSSH private keys.
//!
//! Source: PROTOCOL.key of openssh-portable. Two equal random check numbers of 32 bits at the start of an unencrypted
//! key and its counted padding prove that nothing of it was made up or changed at the wrong place.

use super::armour::{self, Armour};
use super::primitives::{big, ed25519_public, is_ed25519_pair, seed32};
use super::{Input, Outcome, Rng, Structure, pem};
use crate::finding::{Severity, Verdict};

/// The validators of this module.
pub(super) const TABLE: &[Structure] = &[Structure {
    name: "openssh",
    what: "OpenSSH private key up to its end line: lengths, check numbers, padding (openssh PROTOCOL.key)",
    args: &[],
    check,
    mint: Some(mint),
}];

/// How the decoded body begins.
pub(super) const MAGIC: &[u8] = b"openssh-key-v1\0";

fn check(input: &Input<'_>) -> Outcome {
    match armour::read(input) {
        Ok(armour) => judge(input, &armour),
        Err(outcome) => outcome,
    }
}

/// Judges a block whose body has been decoded.
pub(super) fn judge(input: &Input<'_>, armour: &Armour) -> Outcome {
    let Some(key) = parse(&armour.data) else { return armour.outcome(input, Verdict::Malformed) };
    let outcome = armour.outcome(input, key.verdict).fact("type", key.kind);
    let outcome = if key.comment.is_empty() { outcome } else { outcome.fact("comment", key.comment) };
    if key.encrypted { outcome.fact("encrypted", "yes, with a passphrase").at_most(Severity::Medium) } else { outcome }
}

struct Key {
    verdict: Verdict,
    kind: String,
    comment: String,
    encrypted: bool,
}

/// Splits a string with a 32-bit length off the front.
pub(super) fn string(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = input.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*length).try_into().ok()?)
}

/// Puts a length before bytes.
pub(super) fn to_string(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

fn parse(data: &[u8]) -> Option<Key> {
    let rest = data.strip_prefix(MAGIC)?;
    let (cipher, rest) = string(rest)?;
    let (kdf, rest) = string(rest)?;
    let (_, rest) = string(rest)?;
    let (count, rest) = rest.split_first_chunk::<4>()?;
    // One key is all that OpenSSH itself can read.
    if *count != [0, 0, 0, 1] {
        return None;
    }
    let (public, rest) = string(rest)?;
    let (private, _) = string(rest)?;
    let kind = String::from_utf8_lossy(string(public)?.0).into_owned();
    if cipher != b"none" || kdf != b"none" {
        let fits = private.len() >= 16 && private.len().is_multiple_of(8);
        return fits.then(|| Key { verdict: Verdict::WellFormed, kind, comment: String::new(), encrypted: true });
    }
    let comment = private_part(private, kind.as_bytes())?;
    Some(Key { verdict: Verdict::Proven, kind, comment, encrypted: false })
}

/// Strings of a private key between its type and its comment.
fn field_count(kind: &[u8]) -> Option<usize> {
    match kind {
        b"ssh-ed25519" => Some(2),
        b"ssh-rsa" => Some(6),
        b"ssh-dss" => Some(5),
        _ if kind.starts_with(b"ecdsa-sha2-") => Some(3),
        _ => None,
    }
}

/// Checks the unencrypted part; gives the comment.
fn private_part(private: &[u8], kind: &[u8]) -> Option<String> {
    let (numbers, rest) = private.split_at_checked(8)?;
    let (first, second) = numbers.split_at(4);
    let (found, mut rest) = string(rest)?;
    if !private.len().is_multiple_of(8) || big(first) != big(second) || found != kind {
        return None;
    }
    // Kinds that are not known, such as keys on security tokens, are not followed to their end.
    let Some(count) = field_count(kind) else { return Some(String::new()) };
    let mut fields = Vec::new();
    for _ in 0..count {
        let (field, tail) = string(rest)?;
        fields.push(field);
        rest = tail;
    }
    if let [public, pair] = *fields.as_slice() {
        let (seed, again) = pair.split_at_checked(32)?;
        if again != public || !is_ed25519_pair(seed, public) {
            return None;
        }
    }
    let (comment, padding) = string(rest)?;
    let counted = padding.iter().zip(1u8..).all(|(&byte, n)| byte == n);
    (counted && padding.len() < 64).then(|| String::from_utf8_lossy(comment).into_owned())
}

/// An unencrypted Ed25519 key.
fn mint(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let seed = seed32(rng);
    let public = ed25519_public(&seed);
    let blob = [to_string(b"ssh-ed25519"), to_string(&public)].concat();
    let number = rng.bytes(4);
    let mut private =
        [number.clone(), number, blob.clone(), to_string(&[seed, public].concat()), to_string(b"user@host")].concat();
    let short = (8 - private.len() % 8) % 8;
    private.extend((1u8..).take(short));
    let data = [
        MAGIC.to_vec(),
        to_string(b"none"),
        to_string(b"none"),
        to_string(b""),
        vec![0, 0, 0, 1],
        to_string(&blob),
        to_string(&private),
    ]
    .concat();
    pem::wrap("OPENSSH PRIVATE KEY", &data)
}
