//! Key stores: binary files that hold private keys behind a password.
//!
//! Sources: RFC 7292 (PKCS#12), the OpenJDK source of JavaKeyStore and JceKeyStore (layout of JKS and JCEKS), the KeePass
//! documentation of the kdbx header, the minisign and OpenBSD signify manuals (layout of secret key files).

use memchr::memmem;

use super::primitives::{ALNUM, B64, big, der, der_tag, to_base64, to_der, unbase64, well_formed_if};
use super::{Input, Outcome, Rng, Structure};
use crate::finding::{Severity, Verdict};

/// The validators of this module.
pub(super) const TABLE: &[Structure] = &[
    Structure {
        name: "pkcs12",
        what: "PKCS#12 key store, as a file or as base64 of one: version, content type, length, a key in it (RFC 7292)",
        args: &["base64?"],
        check: pkcs12,
        mint: Some(mint_pkcs12),
    },
    Structure {
        name: "java-keystore",
        what: "Java key store (JKS, JCEKS) with a private or secret key in it: every entry is read to the end",
        args: &[],
        check: java,
        mint: Some(mint_java),
    },
    Structure {
        name: "keepass",
        what: "KeePass database: signature and version of its header",
        args: &[],
        check: keepass,
        mint: Some(mint_keepass),
    },
    Structure {
        name: "signing-key",
        what: "secret key of minisign or OpenBSD signify: algorithm marks and length",
        args: &[],
        check: signing_key,
        mint: Some(mint_signing_key),
    },
];

/// Longest base64 of a key store that is read.
const LONGEST: usize = 256 * 1024;
/// OID of the content type `data`; a signed store has one that ends with 2.
const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];

/// OID of the bags of PKCS#12 but for its last byte: 1 and 2 hold a key, 5 any secret, 3 a certificate.
const BAG: &[u8] = &[0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01];
/// OID of the content type `encryptedData`.
const ENCRYPTED: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x06];

/// An outcome over the whole file, which is what counts.
fn file(input: &Input<'_>, verdict: Verdict) -> Outcome {
    let end = input.hay.len();
    Outcome { span: input.start..end, read: input.start..end + 1, ..Outcome::of(input, verdict) }
}

fn sealed(outcome: Outcome) -> Outcome {
    outcome.fact("encrypted", "with a password, which may be empty").at_most(Severity::Medium)
}

/// Version 3, then the authenticated safe; encodings of unknown length are read as far as they can be.
fn is_pkcs12(data: &[u8]) -> bool {
    let body = match data {
        [0x30, 0x80, rest @ ..] => Some(rest),
        _ => der(data).filter(|(tag, ..)| *tag == 0x30).map(|(_, content, _)| content),
    };
    let Some(rest) = body.and_then(|body| body.strip_prefix(&[0x02, 0x01, 0x03])) else { return false };
    let content = match rest {
        [0x30, 0x80, rest @ ..] => Some(rest),
        _ => der_tag(rest, 0x30).map(|(content, _)| content),
    };
    let oid = content.and_then(|content| der_tag(content, 0x06)).map(|(oid, _)| oid);
    oid.is_some_and(|oid| oid.len() == DATA.len() && oid.starts_with(&DATA[..8]) && matches!(oid[8], 1 | 2))
}

/// Keys are encrypted one by one, in bags that can be seen; what else is encrypted holds certificates. A store without
/// such a bag is one of certificates. Where it has an encrypted part, that cannot be proven, and it is counted.
fn holding(outcome: Outcome, data: &[u8]) -> Outcome {
    let bags = |last: &[u8]| {
        memmem::find_iter(data, BAG).any(|at| data.get(at + BAG.len()).is_some_and(|kind| last.contains(kind)))
    };
    let encrypted = memmem::find(data, ENCRYPTED).is_some();
    match (bags(&[1, 2, 5]), encrypted) {
        (true, _) => sealed(outcome),
        (false, true) => {
            let outcome = Outcome { verdict: Verdict::Malformed, ..outcome };
            sealed(outcome).fact("keys", "none to be seen, as in stores of certificates")
        }
        (false, false) if bags(&[3]) => outcome.dismissed(),
        (false, false) => sealed(outcome),
    }
}

fn pkcs12(input: &Input<'_>) -> Outcome {
    if input.args.is_empty() {
        let data = input.hay.get(input.start..).unwrap_or_default();
        let outcome = file(input, well_formed_if(is_pkcs12(data)));
        return if outcome.verdict == Verdict::Malformed { sealed(outcome) } else { holding(outcome, data) };
    }
    let rest = input.hay.get(input.start..).unwrap_or_default();
    let length = rest.iter().take(LONGEST).take_while(|b| B64.contains(b) || **b == b'=').count();
    let span = input.start..input.start + length;
    let data = unbase64(&rest[..length]).filter(|data| is_pkcs12(data));
    let read = input.start..span.end + 1;
    let outcome = Outcome { span, read, ..Outcome::of(input, well_formed_if(data.is_some())) };
    match data {
        Some(data) => holding(outcome, &data),
        None => outcome.dismissed(),
    }
}

fn mint_pkcs12(rng: &mut Rng, args: &[String]) -> Vec<u8> {
    let key = [BAG, &[2], &to_der(0xa0, &to_der(0x04, &rng.bytes(700)))].concat();
    let safe = to_der(0x30, &[to_der(0x06, DATA), to_der(0xa0, &to_der(0x04, &to_der(0x30, &key)))].concat());
    let data = to_der(0x30, &[to_der(0x02, &[3]), safe].concat());
    if args.is_empty() { data } else { to_base64(&data).into_bytes() }
}

/// Splits a number of so many bytes off the front.
fn number(data: &[u8], bytes: usize) -> Option<(usize, &[u8])> {
    let (number, rest) = data.split_at_checked(bytes)?;
    Some((usize::try_from(big(number)).ok()?, rest))
}

/// Skips a text or block with its length before it.
fn skip(data: &[u8], bytes: usize) -> Option<&[u8]> {
    let (length, rest) = number(data, bytes)?;
    rest.get(length..)
}

/// How many keys a store holds; nothing if it cannot be read to its end.
fn keys_in(data: &[u8]) -> Option<usize> {
    let (count, mut rest) = number(data.get(8..)?, 4)?;
    let mut keys = 0;
    if count > 10_000 {
        return None;
    }
    for _ in 0..count {
        let (tag, tail) = number(rest, 4)?;
        // Alias and time of creation.
        rest = skip(tail, 2)?.get(8..)?;
        match tag {
            1 => {
                let (chain, tail) = number(skip(rest, 4)?, 4)?;
                rest = tail;
                for _ in 0..chain.min(100) {
                    rest = skip(skip(rest, 2)?, 4)?;
                }
                keys += 1;
            }
            2 => rest = skip(skip(rest, 2)?, 4)?,
            // A secret key is a serialised object, whose end only Java knows.
            3 => return Some(keys + 1),
            _ => return None,
        }
    }
    // SHA-1 of everything with the password.
    (rest.len() == 20).then_some(keys)
}

fn java(input: &Input<'_>) -> Outcome {
    match keys_in(input.hay.get(input.start..).unwrap_or_default()) {
        // A store of certificates alone holds no secret.
        Some(0) => file(input, Verdict::WellFormed).dismissed(),
        Some(keys) => sealed(file(input, Verdict::WellFormed)).fact("keys", keys.to_string()),
        None => sealed(file(input, Verdict::Malformed)),
    }
}

fn mint_java(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let block = |data: &[u8]| [&(data.len() as u32).to_be_bytes(), data].concat();
    let name = |text: &[u8]| [&(text.len() as u16).to_be_bytes(), text].concat();
    [
        &[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1][..],
        &name(rng.text(ALNUM, 6).as_bytes()),
        &[0; 8],
        &block(&rng.bytes(300)),
        &[0, 0, 0, 1],
        &name(b"X.509"),
        &block(&rng.bytes(500)),
        &rng.bytes(20),
    ]
    .concat()
}

fn keepass(input: &Input<'_>) -> Outcome {
    let version = input.hay.get(input.start + 8..input.start + 12);
    let holds = matches!(version, Some([_, _, 1..=4, 0])) && input.hay.len() > input.start + 100;
    sealed(file(input, well_formed_if(holds)))
}

fn mint_keepass(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    [&[0x03, 0xd9, 0xa2, 0x9a, 0x67, 0xfb, 0x4b, 0xb5, 1, 0, 4, 0][..], &rng.bytes(300)].concat()
}

fn signing_key(input: &Input<'_>) -> Outcome {
    let data = unbase64(input.token()).unwrap_or_default();
    let (program, sealed) = match (data.get(..6), data.len()) {
        (Some(b"EdScB2"), 158) => ("minisign", true),
        (Some(b"Ed\0\0B2"), 158) => ("minisign", false),
        (Some([b'E', b'd', b'B', b'K', rounds @ ..]), 104) => {
            ("signify", rounds != [0, 0] || data.get(6..8) != Some(&[0, 0]))
        }
        _ => return Outcome::of(input, Verdict::Malformed),
    };
    let outcome = Outcome::of(input, Verdict::WellFormed).fact("program", program);
    if sealed { outcome.fact("encrypted", "yes, with a password").at_most(Severity::Medium) } else { outcome }
}

fn mint_signing_key(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    to_base64(&[&b"EdScB2"[..], &rng.bytes(152)].concat()).into_bytes()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn run(check: fn(&Input<'_>) -> Outcome, data: &[u8], args: &[String]) -> Outcome {
        check(&Input { hay: data, start: 0, end: 8.min(data.len()), captures: &[], args })
    }

    #[test]
    fn stores_are_read_whole() {
        let rng = &mut Rng::new(1);
        let plain = mint_pkcs12(rng, &[]);
        let args = ["base64".to_owned()];
        let text = [&mint_pkcs12(rng, &args)[..], b"\n"].concat();
        let java_store = mint_java(rng, &[]);
        for (outcome, length) in [
            (run(pkcs12, &plain, &[]), plain.len()),
            (run(pkcs12, &text, &args), text.len() - 1),
            (run(java, &java_store, &[]), java_store.len()),
            (run(keepass, &mint_keepass(rng, &[]), &[]), 312),
        ] {
            assert_eq!((outcome.verdict, outcome.span, outcome.dismiss), (Verdict::WellFormed, 0..length, false));
            assert_eq!(outcome.at_most, Some(Severity::Medium));
        }
    }

    #[test]
    fn what_is_cut_or_holds_no_key_is_told() {
        let rng = &mut Rng::new(2);
        let store = mint_java(rng, &[]);
        assert_eq!(run(java, &store[..store.len() - 1], &[]).verdict, Verdict::Malformed);
        let trust = [&[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 0][..], &[7; 20]].concat();
        assert!(run(java, &trust, &[]).dismiss);
        // The same with a bag for a certificate in the place of the key's, and beside an encrypted part.
        let mut certificates = mint_pkcs12(rng, &[]);
        let kind = memmem::find(&certificates, BAG).unwrap() + BAG.len();
        certificates[kind] = 3;
        assert!(run(pkcs12, &certificates, &[]).dismiss);
        let end = certificates.len() - ENCRYPTED.len();
        certificates[end..].copy_from_slice(ENCRYPTED);
        let outcome = run(pkcs12, &certificates, &[]);
        assert_eq!((outcome.verdict, outcome.dismiss), (Verdict::Malformed, false));
        certificates[kind] = 1;
        assert_eq!(run(pkcs12, &certificates, &[]).verdict, Verdict::WellFormed);
        // A certificate begins with other numbers.
        let other = to_der(0x30, &[to_der(0x02, &[1]), to_der(0x30, DATA)].concat());
        assert_eq!(run(pkcs12, &other, &[]).verdict, Verdict::Malformed);
    }

    #[test]
    fn signing_keys_with_and_without_password() {
        for (head, length, medium) in [
            (&b"EdScB2"[..], 158, true),
            (b"Ed\0\0B2", 158, false),
            (b"EdBK\0\0\0\x2a", 104, true),
            (b"EdBK\0\0\0\0", 104, false),
        ] {
            let text = to_base64(&[head, &vec![9; length - head.len()]].concat());
            let input = Input { hay: text.as_bytes(), start: 0, end: text.len(), captures: &[], args: &[] };
            let outcome = signing_key(&input);
            assert_eq!((outcome.verdict, outcome.at_most.is_some()), (Verdict::WellFormed, medium));
        }
    }
}
