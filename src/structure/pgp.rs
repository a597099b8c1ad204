//! OpenPGP secret keys in armour.
//!
//! Source: RFC 4880 and RFC 9580 (sections 4, 5.5.2, 5.5.3, 6). The armour's CRC-24 and, for unencrypted keys, the
//! 16-bit sum over the secret numbers make 40 bits together.

use num_bigint::BigUint;
use sha1::{Digest, Sha1};

use super::primitives::{
    CRC24, big, ed25519_public, is_ed25519_pair, is_product, odd_number, seed32, to_base64, unbase64,
};
use super::{Input, Outcome, Rng, Structure, armour};
use crate::finding::{Severity, Verdict};

/// The validators of this module.
pub(super) const TABLE: &[Structure] = &[Structure {
    name: "pgp",
    what: "OpenPGP secret key block up to its end line: CRC-24, packets, sum of an unencrypted key (RFC 4880, 9580)",
    args: &[],
    check,
    mint: Some(mint),
}];

/// Checks a block that begins with the match.
pub(super) fn check(input: &Input<'_>) -> Outcome {
    let armour = match armour::read(input) {
        Ok(armour) => armour,
        Err(outcome) => return outcome,
    };
    let sum = armour.check.as_deref().and_then(unbase64).map(|bytes| big(&bytes));
    let summed = sum.map(|sum| sum == u64::from(CRC24.checksum(&armour.data)));
    let key = packet(&armour.data).filter(|(tag, ..)| *tag == 5).and_then(|(_, body, rest)| Some((parse(body)?, rest)));
    let (Some((key, rest)), None | Some(true)) = (key, summed) else {
        return armour.outcome(input, Verdict::Malformed);
    };
    let verdict = match key.secret {
        Secret::Broken => Verdict::Malformed,
        Secret::Related => Verdict::Proven,
        Secret::Summed if summed.is_some() => Verdict::Proven,
        _ => Verdict::WellFormed,
    };
    let mut outcome = armour.outcome(input, verdict).fact("key id", key.id);
    if let Some(user) = user(rest) {
        outcome = outcome.fact("user", user);
    }
    match key.secret {
        Secret::Encrypted => outcome.fact("encrypted", "yes, with a passphrase").at_most(Severity::Medium),
        Secret::Elsewhere => outcome.fact("primary key", "not in the block"),
        _ => outcome,
    }
}

/// Splits a packet off the front: tag, body, rest. Partial lengths do not occur in keys.
fn packet(data: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&head, rest) = data.split_first()?;
    let (tag, size) = match head >> 6 {
        3 => (head & 0x3f, None),
        2 => (head >> 2 & 0xf, Some(1usize << (head & 3))),
        _ => return None,
    };
    let (length, rest) = match (size, rest.first()?) {
        (Some(size @ 1..=4), _) => {
            let (length, rest) = rest.split_at_checked(size)?;
            (big(length), rest)
        }
        (Some(_), _) => (rest.len() as u64, rest),
        (None, &one @ 0..=191) => (u64::from(one), rest.get(1..)?),
        (None, &one @ 192..=223) => ((u64::from(one) - 192) * 256 + u64::from(*rest.get(1)?) + 192, rest.get(2..)?),
        (None, 255) => (big(rest.get(1..5)?), rest.get(5..)?),
        (None, _) => return None,
    };
    let (body, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some((tag, body, rest))
}

/// Splits a number with its length in bits off the front.
fn number(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (bits, rest) = data.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*bits)).div_ceil(8))
}

/// Splits several numbers off the front.
fn numbers(mut data: &[u8], count: usize) -> Option<(Vec<&[u8]>, &[u8])> {
    let mut out = Vec::new();
    for _ in 0..count {
        let (found, rest) = number(data)?;
        out.push(found);
        data = rest;
    }
    Some((out, data))
}

/// How the secret part looks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Secret {
    Encrypted,
    /// On a card, or kept apart: the block holds subkeys only.
    Elsewhere,
    /// Unencrypted, nothing to check it with.
    Open,
    /// Unencrypted, the sum fits.
    Summed,
    /// Unencrypted, and it belongs to the public key.
    Related,
    Broken,
}

struct Key {
    id: String,
    secret: Secret,
}

/// The public numbers and what follows them.
fn public_part(algorithm: u8, data: &[u8]) -> Option<(Vec<&[u8]>, &[u8])> {
    match algorithm {
        1..=3 => numbers(data, 2),
        16 => numbers(data, 3),
        17 => numbers(data, 4),
        18 | 19 | 22 => {
            let (&length, rest) = data.split_first()?;
            let (found, rest) = numbers(rest.get(usize::from(length)..)?, 1)?;
            let skip = if algorithm == 18 { 1 + usize::from(*rest.first()?) } else { 0 };
            Some((found, rest.get(skip..)?))
        }
        25 | 27 => data.split_at_checked(32).map(|(key, rest)| (vec![key], rest)),
        26 => data.split_at_checked(56).map(|(key, rest)| (vec![key], rest)),
        28 => data.split_at_checked(57).map(|(key, rest)| (vec![key], rest)),
        _ => None,
    }
}

/// Reads a secret key packet of version 4, 5 or 6.
fn parse(body: &[u8]) -> Option<Key> {
    let (&version, rest) = body.split_first()?;
    let algorithm = *rest.get(4)?;
    let skip = match version {
        4 => 5,
        5 | 6 => 9,
        _ => return None,
    };
    let (public, rest) = public_part(algorithm, rest.get(skip..)?)?;
    let head = body.get(..body.len() - rest.len())?;
    let (&usage, rest) = rest.split_first()?;
    let secret = match usage {
        0 => open_secret(version, algorithm, &public, rest),
        // Cipher, then specifier 101 of GnuPG: there is no secret here.
        253..=255 if version == 4 && rest.get(1) == Some(&101) => Secret::Elsewhere,
        1..=255 if rest.len() >= 16 => Secret::Encrypted,
        _ => Secret::Broken,
    };
    Some(Key { id: key_id(version, head), secret })
}

fn open_secret(version: u8, algorithm: u8, public: &[&[u8]], rest: &[u8]) -> Secret {
    // Version 5 says how long the secret is; version 6 has no sum any more.
    let rest = if version == 5 { rest.get(4..).unwrap_or_default() } else { rest };
    let secret = match rest.split_last_chunk::<2>() {
        Some((secret, sum)) if version != 6 => {
            let found = secret.iter().fold(0u16, |n, &b| n.wrapping_add(b.into()));
            if found != u16::from_be_bytes(*sum) || secret.is_empty() {
                return Secret::Broken;
            }
            secret
        }
        _ if version == 6 && !rest.is_empty() => rest,
        _ => return Secret::Broken,
    };
    let related = match (algorithm, public) {
        (1..=3, [n, _]) => numbers(secret, 4).is_some_and(|(found, _)| is_product(n, found[1], found[2])),
        (22, [[0x40, public @ ..]]) => number(secret).is_some_and(|(seed, _)| is_ed25519_pair(seed, public)),
        (27, [public]) => is_ed25519_pair(secret, public),
        _ => false,
    };
    match (related, version) {
        (true, _) => Secret::Related,
        (false, 6) => Secret::Open,
        _ => Secret::Summed,
    }
}

/// The last 16 hex digits of a version 4 fingerprint; later versions hash otherwise and are named by version.
fn key_id(version: u8, public: &[u8]) -> String {
    if version != 4 {
        return format!("version {version}");
    }
    let mut hash = Sha1::new();
    hash.update([0x99]);
    hash.update((public.len() as u16).to_be_bytes());
    hash.update(public);
    data_encoding::HEXUPPER.encode(hash.finalize().get(12..).unwrap_or_default())
}

/// The first user id among the packets that follow.
fn user(mut data: &[u8]) -> Option<String> {
    for _ in 0..16 {
        let (tag, body, rest) = packet(data)?;
        if tag == 13 {
            return Some(String::from_utf8_lossy(body).into_owned());
        }
        data = rest;
    }
    None
}

fn to_number(n: &BigUint) -> Vec<u8> {
    [&(n.bits() as u16).to_be_bytes()[..], &n.to_bytes_be()].concat()
}

fn to_packet(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[0x80 | tag << 2 | 1][..], &(body.len() as u16).to_be_bytes(), body].concat()
}

/// An unencrypted key: Ed25519 or RSA.
fn mint(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let (public, secret) = if rng.below(2) == 0 {
        let seed = seed32(rng);
        let point = [&[0x40][..], &ed25519_public(&seed)].concat();
        let oid = [9, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01];
        let public = [&[22][..], &oid, &to_number(&BigUint::from_bytes_be(&point))].concat();
        // Written with all its bytes, so that a seed that begins with zeros keeps its length.
        (public, [&256u16.to_be_bytes()[..], &seed].concat())
    } else {
        let (p, q) = (odd_number(rng, 128), odd_number(rng, 128));
        let public = [vec![1], to_number(&(&p * &q)), to_number(&BigUint::from(65537u32))].concat();
        (public, [odd_number(rng, 255), p, q, odd_number(rng, 127)].iter().flat_map(to_number).collect())
    };
    let sum = secret.iter().fold(0u16, |n, &b| n.wrapping_add(b.into()));
    let time = rng.bytes(4);
    let key = [&[4][..], &time, &public, &[0], &secret, &sum.to_be_bytes()].concat();
    let data = [to_packet(5, &key), to_packet(13, b"Some One <some.one@mail.test>")].concat();
    let body = to_base64(&data);
    let lines: Vec<&[u8]> = body.as_bytes().chunks(64).collect();
    let check = to_base64(CRC24.checksum(&data).to_be_bytes().get(1..).unwrap_or_default());
    let dashes = "-----";
    [
        format!("{dashes}BEGIN PGP PRIVATE KEY BLOCK{dashes}\n\n").as_bytes(),
        &lines.join(&b'\n'),
        format!("\n={check}\n{dashes}END PGP PRIVATE KEY BLOCK{dashes}").as_bytes(),
    ]
    .concat()
}
