//! PEM private keys: PKCS#1, PKCS#8, SEC1, DSA and their encrypted forms.
//!
//! Sources: RFC 7468 (text), RFC 8017 (PKCS#1), RFC 5208 and RFC 5958 (PKCS#8), RFC 5915 (SEC1), RFC 8410 (Ed25519),
//! RFC 1421 (headers of encrypted keys), OpenSSL's documentation for the DSA form.

use num_bigint::BigUint;

use super::armour::{self, Armour};
use super::primitives::{
    arg, der, der_integers, der_only, der_tag, ed25519_public, is_ed25519_pair, is_product, odd_number, seed32,
    to_base64, to_der, to_der_integer,
};
use super::{Input, Outcome, Rng, Structure, openssh, pgp};
use crate::finding::{Severity, Verdict};

/// The validators of this module.
pub(super) const TABLE: &[Structure] = &[Structure {
    name: "pem",
    what: "PEM private key up to its end line; n = p*q proves an RSA key (RFC 7468, 8017, 5958, 5915)",
    args: &["KIND?"],
    check: pem,
    mint: Some(mint_pem),
}];

/// What a DER private key is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) verdict: Verdict,
    pub(super) kind: String,
    pub(super) encrypted: bool,
}

fn key(verdict: Verdict, kind: impl Into<String>) -> Option<Key> {
    Some(Key { verdict, kind: kind.into(), encrypted: false })
}

fn pem(input: &Input<'_>) -> Outcome {
    let token = input.token();
    let says = |words: &[u8]| memchr::memmem::find(token, words).is_some();
    if says(b"PGP PRIVATE") {
        return pgp::check(input);
    }
    if says(b"PUBLIC") || says(b"CERTIFICATE") {
        return Outcome::of(input, Verdict::Malformed).dismissed();
    }
    let armour = match armour::read(input) {
        Ok(armour) => armour,
        Err(outcome) => return outcome,
    };
    if armour.data.starts_with(openssh::MAGIC) {
        return openssh::judge(input, &armour);
    }
    let Some(key) = key_of(&armour) else {
        // A few changed characters can be tried out, and RSA keys be computed from half of their bits.
        return match is_damaged(&armour) {
            true => armour
                .outcome(input, Verdict::Shape)
                .fact("damaged", "yes, but it may be repaired")
                .at_most(Severity::Medium),
            false => armour.outcome(input, Verdict::Malformed),
        };
    };
    let outcome = armour.outcome(input, key.verdict).fact("type", key.kind);
    if key.encrypted { outcome.fact("encrypted", "yes, with a passphrase").at_most(Severity::Medium) } else { outcome }
}

/// Fewest bytes of a body that cannot be read but may still hold most of a key.
const DAMAGED: usize = 100;

/// Does a body of the right length hold random bytes, as keys do and examples do not?
fn is_damaged(armour: &Armour) -> bool {
    let mut seen = [false; 256];
    armour.data.iter().for_each(|&b| seen[usize::from(b)] = true);
    let distinct = seen.iter().filter(|s| **s).count();
    // Of random bytes 100 hold 83 different ones, 300 hold 177.
    !armour.encrypted && armour.data.len() >= DAMAGED && distinct >= 64.max(armour.data.len().min(300) / 2)
}

/// Looks for the first private key in a text that was itself decoded from something; nothing if there is none.
pub(super) fn inspect(text: &[u8]) -> Option<Outcome> {
    let start = memchr::memmem::find(text, b"-----BEGIN ")?;
    let label = text.get(start + 11..)?;
    let close = memchr::memmem::find(label.get(..label.len().min(64))?, b"-----")?;
    let input = Input { hay: text, start, end: start + 11 + close + 5, captures: &[], args: &[] };
    Some(pem(&input))
}

fn key_of(armour: &Armour) -> Option<Key> {
    if armour.encrypted {
        // Encrypted as a whole with a block cipher.
        let verdict = if armour.data.len().is_multiple_of(8) { Verdict::WellFormed } else { Verdict::Malformed };
        let kind = armour.label.trim_end_matches(" PRIVATE KEY").to_owned();
        return Some(Key { verdict, kind, encrypted: true });
    }
    // The file format of SSH Communications.
    if armour.label.starts_with("SSH2 ") {
        let holds = armour.data.starts_with(&[0x3f, 0x6f, 0xf9, 0xeb]);
        let encrypted = armour.label.contains("ENCRYPTED");
        return holds.then(|| Key { verdict: Verdict::WellFormed, kind: "SSH2".to_owned(), encrypted });
    }
    der_key(&armour.data)
}

/// Reads a DER private key of any of the known forms.
pub(super) fn der_key(data: &[u8]) -> Option<Key> {
    let content = der_only(data)?;
    match der(content)? {
        // EncryptedPrivateKeyInfo: algorithm, then the sealed key and nothing else.
        (0x30, algorithm, rest) => {
            let (sealed, rest) = der_tag(rest, 0x04)?;
            let holds = rest.is_empty() && sealed.len() >= 16 && der_tag(algorithm, 0x06).is_some();
            holds.then(|| Key { verdict: Verdict::WellFormed, kind: "PKCS#8".to_owned(), encrypted: true })
        }
        (0x02, version, rest) => match (der(rest)?.0, version) {
            (0x30, [0 | 1]) => pkcs8(rest),
            (0x04, [1]) => sec1(rest, None),
            (0x02, [0 | 1]) => integers(content),
            _ => None,
        },
        _ => None,
    }
}

/// rsaEncryption; RSASSA-PSS and its kin differ in the last byte only.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const X25519: &[u8] = &[0x2b, 0x65, 0x6e];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

fn curve(oid: Option<&[u8]>) -> &'static str {
    match oid {
        Some(P256) => "EC P-256",
        Some([0x2b, 0x81, 0x04, 0x00, 0x22]) => "EC P-384",
        Some([0x2b, 0x81, 0x04, 0x00, 0x23]) => "EC P-521",
        Some([0x2b, 0x81, 0x04, 0x00, 0x0a]) => "EC secp256k1",
        _ => "EC",
    }
}

/// After the version: algorithm, key, and perhaps attributes and the public key.
fn pkcs8(rest: &[u8]) -> Option<Key> {
    let (algorithm, rest) = der_tag(rest, 0x30)?;
    let (private, rest) = der_tag(rest, 0x04)?;
    let (oid, parameters) = der_tag(algorithm, 0x06)?;
    match oid {
        ED25519 => {
            let (seed, tail) = der_tag(private, 0x04)?;
            let fits = seed.len() == 32 && tail.is_empty();
            let verdict = match public_key(rest) {
                Some(public) if fits && is_ed25519_pair(seed, public) => Verdict::Proven,
                Some(_) => Verdict::Malformed,
                None => Verdict::WellFormed,
            };
            fits.then(|| Key { verdict, kind: "Ed25519".to_owned(), encrypted: false })
        }
        X25519 => key(Verdict::WellFormed, "X25519").filter(|_| private.len() == 34),
        EC => {
            let (version, inner) = der_tag(der_only(private)?, 0x02)?;
            let oid = der_tag(parameters, 0x06).map(|(oid, _)| oid);
            sec1(inner, oid).filter(|_| version == [1])
        }
        DSA => der_tag(private, 0x02).and_then(|_| key(Verdict::WellFormed, "DSA")),
        _ if oid.starts_with(&RSA[..8]) => integers(der_only(private)?),
        _ => key(Verdict::WellFormed, "PKCS#8"),
    }
}

/// The public key of RFC 5958: a BIT STRING in `[1]`.
fn public_key(mut rest: &[u8]) -> Option<&[u8]> {
    while let Some((tag, content, tail)) = der(rest) {
        if tag == 0x81 {
            return content.split_first().map(|(_, key)| key);
        }
        rest = tail;
    }
    None
}

/// After the version: OCTET STRING of the key, the curve in `[0]`, the public key in `[1]`.
fn sec1(rest: &[u8], oid: Option<&[u8]>) -> Option<Key> {
    let (private, rest) = der_tag(rest, 0x04)?;
    let named = der_tag(rest, 0xa0).and_then(|(content, _)| der_tag(content, 0x06)).map(|(oid, _)| oid);
    let kind = curve(named.or(oid));
    let fits = match kind {
        "EC P-256" | "EC secp256k1" => private.len() == 32,
        "EC P-384" => private.len() == 48,
        "EC P-521" => matches!(private.len(), 65 | 66),
        _ => (14..=72).contains(&private.len()),
    };
    key(Verdict::WellFormed, kind).filter(|_| fits && private.iter().any(|&b| b != 0))
}

/// RSA: version and n, e, d, p, q and three more; DSA: version and p, q, g, y, x.
fn integers(content: &[u8]) -> Option<Key> {
    let numbers = match der_integers(content) {
        Some(numbers) => numbers,
        // RSA keys of more than two primes end with a sequence.
        None => return key(Verdict::WellFormed, "RSA").filter(|_| content.starts_with(&[2, 1, 1])),
    };
    match *numbers.as_slice() {
        [_, n, _, _, p, q, _, _, _] => {
            let verdict = if is_product(n, p, q) { Verdict::Proven } else { Verdict::WellFormed };
            key(verdict, format!("RSA {}", BigUint::from_bytes_be(n).bits()))
        }
        [_, p, _, g, y, x] => {
            let verdict = if is_power(p, g, y, x) { Verdict::Proven } else { Verdict::WellFormed };
            key(verdict, format!("DSA {}", BigUint::from_bytes_be(p).bits()))
        }
        _ => None,
    }
}

/// Whether y = g^x mod p; only tried on sizes that DSA has.
fn is_power(p: &[u8], g: &[u8], y: &[u8], x: &[u8]) -> bool {
    if p.len() > 400 || g.len() > 400 || y.len() > 400 || x.len() > 40 {
        return false;
    }
    let [p, g, y, x] = [p, g, y, x].map(BigUint::from_bytes_be);
    let one = BigUint::from(1u8);
    p > one && g > one && y > one && x > one && g.modpow(&x, &p) == y
}

/// Puts DER between the lines of a PEM file.
pub(super) fn wrap(label: &str, data: &[u8]) -> Vec<u8> {
    let body = to_base64(data);
    let lines: Vec<&[u8]> = body.as_bytes().chunks(64).collect();
    let dashes = "-----";
    [
        format!("{dashes}BEGIN {label}{dashes}\n").as_bytes(),
        &lines.join(&b'\n'),
        format!("\n{dashes}END {label}{dashes}").as_bytes(),
    ]
    .concat()
}

/// An RSA key whose factors are no primes, which the check cannot see.
pub(super) fn mint_pkcs1(rng: &mut Rng) -> Vec<u8> {
    let (p, q) = (odd_number(rng, 128), odd_number(rng, 128));
    let numbers = [
        BigUint::ZERO,
        &p * &q,
        BigUint::from(65537u32),
        odd_number(rng, 255),
        p,
        q,
        odd_number(rng, 127),
        odd_number(rng, 127),
        odd_number(rng, 127),
    ];
    to_der(0x30, &numbers.iter().map(to_der_integer).collect::<Vec<_>>().concat())
}

/// A PKCS#8 RSA key.
pub(super) fn mint_pkcs8(rng: &mut Rng) -> Vec<u8> {
    let algorithm = to_der(0x30, &[to_der(0x06, RSA), to_der(0x05, &[])].concat());
    to_der(0x30, &[to_der(0x02, &[0]), algorithm, to_der(0x04, &mint_pkcs1(rng))].concat())
}

fn mint_sec1(rng: &mut Rng) -> Vec<u8> {
    let private = to_der(0x04, &seed32(rng));
    let named = to_der(0xa0, &to_der(0x06, P256));
    let public = to_der(0xa1, &to_der(0x03, &[&[0, 4], rng.bytes(64).as_slice()].concat()));
    to_der(0x30, &[to_der(0x02, &[1]), private, named, public].concat())
}

fn mint_ed25519(rng: &mut Rng) -> Vec<u8> {
    let seed = seed32(rng);
    let algorithm = to_der(0x30, &to_der(0x06, ED25519));
    let private = to_der(0x04, &to_der(0x04, &seed));
    let public = to_der(0x81, &[&[0], &ed25519_public(&seed)[..]].concat());
    to_der(0x30, &[to_der(0x02, &[1]), algorithm, private, public].concat())
}

fn mint_dsa(rng: &mut Rng) -> Vec<u8> {
    let (p, q, g, x) = (odd_number(rng, 128), odd_number(rng, 20), odd_number(rng, 127), odd_number(rng, 19));
    let y = g.modpow(&x, &p);
    let numbers = [BigUint::ZERO, p, q, g, y, x];
    to_der(0x30, &numbers.iter().map(to_der_integer).collect::<Vec<_>>().concat())
}

fn mint_sealed(rng: &mut Rng) -> Vec<u8> {
    // PBES2 with its parameters left out: the check does not look at them.
    let pbes2 = to_der(0x06, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d]);
    to_der(0x30, &[to_der(0x30, &pbes2), to_der(0x04, &rng.bytes(128))].concat())
}

fn mint_pem(rng: &mut Rng, args: &[String]) -> Vec<u8> {
    match arg(args, 0) {
        "rsa" => wrap("RSA PRIVATE KEY", &mint_pkcs1(rng)),
        "ec" => wrap("EC PRIVATE KEY", &mint_sec1(rng)),
        "dsa" => wrap("DSA PRIVATE KEY", &mint_dsa(rng)),
        "encrypted" => wrap("ENCRYPTED PRIVATE KEY", &mint_sealed(rng)),
        "ed25519" => wrap("PRIVATE KEY", &mint_ed25519(rng)),
        "any" => wrap("ANY PRIVATE KEY", &mint_pkcs8(rng)),
        "ssh2" => wrap("SSH2 ENCRYPTED PRIVATE KEY", &[&[0x3f, 0x6f, 0xf9, 0xeb][..], &rng.bytes(200)].concat()),
        _ => wrap("PRIVATE KEY", &mint_pkcs8(rng)),
    }
}
