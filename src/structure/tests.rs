//! Properties that hold for every structure: what is minted passes, what is changed does not, nothing panics.
#![allow(clippy::unwrap_used)]

use super::{Input, Outcome, Rng, STRUCTURES, Structure, by_name};
use crate::finding::{Confidence, Verdict};

/// Every structure with the arguments that rules would give, and whether a change of any character must be noticed.
const USES: &[(&str, bool)] = &[
    ("azure-key +ASt 64 Default0", true),
    ("azure-key AIoT 32 IoTHub00,DpsKey00", true),
    ("azure-key AzFu 40 Functi00", true),
    ("azure-key AzSe 39 Query000", true),
    ("azure-key +ACR 39 ACRDflt0", true),
    ("cask", true),
    ("cask ACOG", true),
    ("cask-draft", false),
    ("azure-devops-pat", true),
    ("entra-secret", true),
    ("nuget-v4", false),
    ("azure-sas", false),
    ("base58check wif", true),
    ("base58check wif 5", true),
    ("base58check wif L", true),
    ("base58check wif 9", true),
    ("base58check wif T", true),
    ("base58check wif Q", true),
    ("base58check xprv", true),
    ("base58check xprv tprv", true),
    ("base58check xprv zprv", true),
    ("base58check bip38", true),
    ("base58check tezos", true),
    ("base58check tezos spsk", true),
    ("base58check tezos edesk", true),
    ("base58check xrp", true),
    ("base58check xrp s", true),
    ("bech32 age-secret-key-", true),
    ("bech32 nsec", true),
    ("bech32 suiprivkey", true),
    ("stellar", true),
    ("nats", true),
    ("nats operator", true),
    ("nats private", true),
    ("solana-json", true),
    ("ed25519-pair", true),
    ("secp256k1-key", false),
    ("curve25519-clamped", false),
    ("bip39", false),
    ("pem", false),
    ("pem rsa", false),
    ("pem ec", false),
    ("pem dsa", false),
    ("pem encrypted", false),
    ("pem ed25519", false),
    ("openssh", false),
    ("pgp", true),
    ("putty", false),
    ("putty 2", false),
    ("jwt", false),
    ("jwt-role service_role", false),
    ("jwt-issuer kubernetes/serviceaccount", false),
    ("gcp-service-account", false),
    ("gcp-authorized-user", false),
    ("jwk", false),
    ("eth-keystore", false),
    ("docker-auth", false),
    ("kubeconfig-key", false),
    ("url-credentials", false),
    ("basic-auth", false),
    ("netrc", false),
    ("password password", false),
    ("argument 1 key", false),
    ("argument 2", false),
    ("argument 2 key", false),
    ("argument 3", false),
    ("option", false),
    ("default", false),
    ("inserted", false),
    ("name", false),
    ("lines", false),
    ("macaroon", false),
    ("base64json body k,n,id", false),
    ("base64json body", false),
    ("base64contains body BedrockAPIKey-", false),
    ("ulid body", false),
    ("objectid body", false),
    ("aws-access-key-id", false),
    ("aws-access-key-id ASIA", false),
    ("flyio", false),
    ("sentry-org", false),
    ("onepassword-service", false),
    ("discord-bot", false),
    ("jira-pat", false),
    ("jfrog-reference", false),
    ("adonis-oat", true),
    ("elastic-key", false),
    ("bearer", false),
    ("pkcs12", false),
    ("pkcs12 base64", false),
    ("java-keystore", false),
    ("keepass", false),
    ("signing-key", false),
    ("self-checksum", false),
    ("whole-text", false),
    ("dotenv", false),
    ("key-file", false),
    ("aws-secret-key", false),
    ("facebook-token", false),
];

fn parse(row: &str) -> (&'static Structure, Vec<String>) {
    let mut words = row.split(' ').map(str::to_owned);
    (by_name(&words.next().unwrap()).unwrap(), words.collect())
}

fn find(text: &[u8], part: &str) -> usize {
    memchr::memmem::find(text, part.as_bytes()).unwrap()
}

type Captures = Vec<(&'static str, (usize, usize))>;

/// Where the rule's format would match in a minted credential, with its segments.
fn format_match(name: &str, text: &[u8]) -> ((usize, usize), Captures) {
    let from = |part: &str| find(text, part) + part.len();
    let marker = |part: &str| (find(text, part), from(part));
    let whole = (0, text.len());
    match name {
        "pem" | "openssh" | "pgp" => ((0, find(text, "\n")), vec![]),
        "putty" => ((0, from(": ")), vec![]),
        "netrc" => ((0, from("machine ")), vec![]),
        "password" => (whole, vec![("password", whole)]),
        "argument" | "default" | "inserted" => ((0, from("(")), vec![]),
        "option" => ((0, from("sshpass ")), vec![]),
        "name" => ((0, from("senha")), vec![]),
        "lines" => ((0, from("chpasswd <<")), vec![]),
        "azure-sas" => ((find(text, "sig="), text.len()), vec![]),
        "gcp-service-account" => (marker("\"type\": \"service_account\""), vec![]),
        "gcp-authorized-user" => (marker("\"type\": \"authorized_user\""), vec![]),
        "jwk" => (marker("\"kty\":"), vec![]),
        "eth-keystore" => (marker("\"cipherparams\":"), vec![]),
        "docker-auth" => (whole, vec![("body", (from(": \""), text.len() - 1))]),
        "kubeconfig-key" => (whole, vec![("body", (from(": "), text.len()))]),
        "basic-auth" => (whole, vec![("body", (from("Basic "), text.len()))]),
        "macaroon" => (whole, vec![("body", (from("pypi-"), text.len()))]),
        _ => (whole, vec![("body", whole)]),
    }
}

/// Runs a structure over a credential that stands in a text.
fn check(
    structure: &Structure,
    args: &[String],
    text: &[u8],
    at: usize,
    span: (usize, usize),
    c: &Captures,
) -> Outcome {
    let captures: Captures = c.iter().map(|(name, (start, end))| (*name, (start + at, end + at))).collect();
    let input = Input { hay: text, start: span.0 + at, end: span.1 + at, captures: &captures, args };
    let outcome = (structure.check)(&input);
    assert!(outcome.span.start >= outcome.read.start && outcome.span.end <= outcome.read.end, "{}", structure.name);
    assert!(outcome.span.start <= outcome.span.end && outcome.span.end <= text.len(), "{}", structure.name);
    assert!(outcome.read.end <= text.len() + 1, "{}", structure.name);
    outcome
}

fn passes(name: &str, outcome: &Outcome) -> bool {
    let shape = name == "secp256k1-key" || by_name(name).is_some_and(|s| s.is_sieve() || s.weighs());
    let least = if shape { Verdict::Shape } else { Verdict::WellFormed };
    let sure = outcome.confidence.is_none_or(|confidence| confidence >= Confidence::Medium);
    outcome.verdict >= least && sure && !outcome.dismiss
}

#[test]
fn every_structure_is_used_and_named_once() {
    let names: Vec<&str> = STRUCTURES.iter().copied().flatten().map(|structure| structure.name).collect();
    for name in &names {
        assert!(USES.iter().any(|(row, _)| parse(row).0.name == *name), "{name}");
        assert_eq!(names.iter().filter(|other| *other == name).count(), 1, "{name}");
    }
}

#[test]
fn minted_credentials_pass() {
    for (row, _) in USES {
        let (structure, args) = parse(row);
        for seed in 0..50 {
            let text = structure.mint.unwrap()(&mut Rng::new(seed), &args);
            let (span, captures) = format_match(structure.name, &text);
            let outcome = check(structure, &args, &text, 0, span, &captures);
            assert!(passes(structure.name, &outcome), "{row} {outcome:?} {}", String::from_utf8_lossy(&text));
            let shown: String = outcome.facts.iter().map(|fact| fact.value.as_str()).collect::<Vec<_>>().join(" ");
            assert!(shown.split(' ').all(|word| word.len() <= 44), "{row} shows {shown}");
        }
    }
}

/// Another character of the same kind.
fn other(byte: u8, rng: &mut Rng) -> u8 {
    let of: &[u8] = match byte {
        b'0'..=b'9' => b"0123456789",
        b'a'..=b'z' => b"abcdefghijklmnopqrstuvwxyz",
        _ => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    };
    loop {
        let new = rng.pick(of);
        if new != byte {
            return new;
        }
    }
}

#[test]
fn changed_credentials_do_not_pass() {
    let rng = &mut Rng::new(7);
    for (row, _) in USES.iter().filter(|(_, strict)| *strict) {
        let (structure, args) = parse(row);
        for seed in 0..20 {
            let mut text = structure.mint.unwrap()(&mut Rng::new(seed), &args);
            let (span, captures) = format_match(structure.name, &text);
            let best = check(structure, &args, &text, 0, span, &captures).verdict;
            // Of an armoured block, any line of the body; the last characters may hold bits that belong to nothing.
            let (from, to) = if structure.name == "pgp" { (span.1 + 2, text.len() - 60) } else { (0, text.len() - 4) };
            let at = from + rng.below(to - from);
            if !text[at].is_ascii_alphanumeric() {
                continue;
            }
            text[at] = other(text[at], rng);
            let outcome = check(structure, &args, &text, 0, span, &captures);
            assert!(outcome.verdict < best, "{row} {at} {outcome:?} {}", String::from_utf8_lossy(&text));
        }
    }
}

/// A credential between other bytes; changes outside of what was read change nothing.
#[test]
fn outcomes_depend_on_what_was_read_only() {
    let rng = &mut Rng::new(3);
    for (row, _) in USES {
        let (structure, args) = parse(row);
        for seed in 0..20 {
            let mut core = structure.mint.unwrap()(&mut Rng::new(seed), &args);
            let (span, captures) = format_match(structure.name, &core);
            if rng.below(3) == 0 {
                core.truncate(span.1 + rng.below(core.len() - span.1 + 1));
            }
            let filler: &[u8] = b" \n\n{}\"'abcdef012345+-,:&=";
            let before = rng.text(filler, 40).into_bytes();
            let text = [&before, &core[..], rng.text(filler, 40).as_bytes()].concat();
            let outcome = check(structure, &args, &text, before.len(), span, &captures);
            for _ in 0..40 {
                let at = rng.below(text.len());
                if outcome.read.contains(&at) {
                    continue;
                }
                let mut changed = text.clone();
                changed[at] = rng.pick(filler);
                let again = check(structure, &args, &changed, before.len(), span, &captures);
                assert_eq!(again, outcome, "{row} at {at} in {}", String::from_utf8_lossy(&text));
            }
            if outcome.read.end <= text.len() {
                let cut = outcome.read.end.max(before.len() + span.1);
                for end in [cut, text.len() - rng.below(text.len() - cut + 1)] {
                    let again = check(structure, &args, &text[..end], before.len(), span, &captures);
                    assert_eq!(again, outcome, "{row} cut at {end}: {}", String::from_utf8_lossy(&text));
                }
                let longer = [&text[..], b"}\n-----END PRIVATE KEY-----"].concat();
                assert_eq!(check(structure, &args, &longer, before.len(), span, &captures), outcome, "{row}");
            }
        }
    }
}

#[test]
fn hostile_bytes_do_not_panic() {
    let rng = &mut Rng::new(11);
    for (row, _) in USES {
        let (structure, args) = parse(row);
        for round in 0..60 {
            let mut text = structure.mint.unwrap()(&mut Rng::new(round), &args);
            match round % 4 {
                0 => text = rng.bytes(300),
                1 => text.truncate(rng.below(text.len() + 1)),
                _ => {}
            }
            for _ in 0..rng.below(12) {
                if !text.is_empty() {
                    let at = rng.below(text.len());
                    text[at] = rng.next() as u8;
                }
            }
            let mut spot = |from: usize| from + rng.below(text.len() - from + 1);
            let start = if round % 3 == 0 { spot(0) } else { 0 };
            let end = if round % 3 == 0 { spot(start) } else { text.len() };
            let inner = spot(start).min(end);
            let captures = vec![("body", (inner, end)), ("other", (start, inner))];
            check(structure, &args, &text, 0, (start, end), &captures);
            check(structure, &args, &text, 0, (start, end), &Vec::new());
            check(structure, &[], &text, 0, (start, end), &captures);
        }
    }
}

/// Long repetitive texts: what would be slow if a validator looked at bytes over and over.
#[test]
fn long_texts_are_handled() {
    let units: [&[u8]; 16] = [
        b"-",
        b"---",
        b"--- ",
        b"{",
        b"{\"a\":",
        b"[",
        b"}",
        b"A",
        b"\\",
        b"\n",
        b"=",
        b".",
        b"abandon ",
        b"1,",
        b"%0A",
        b"9",
    ];
    for (row, _) in USES {
        let (structure, args) = parse(row);
        let core = structure.mint.unwrap()(&mut Rng::new(1), &args);
        let (span, captures) = format_match(structure.name, &core);
        for unit in units {
            let filler = unit.repeat(70_000 / unit.len());
            let text = [&filler, core.get(..span.1).unwrap(), &filler].concat();
            check(structure, &args, &text, filler.len(), span, &captures);
            check(structure, &args, &text, 0, (0, text.len()), &Vec::new());
        }
    }
}

#[test]
fn wrong_arguments_do_not_panic() {
    for structure in STRUCTURES.iter().copied().flatten() {
        for args in [vec![], vec!["x".to_owned()], vec!["x".to_owned(), "0".to_owned(), "y".to_owned()]] {
            let text = structure.mint.unwrap()(&mut Rng::new(1), &args);
            let captures = vec![("body", (0, text.len()))];
            check(structure, &args, &text, 0, (0, text.len()), &captures);
        }
    }
}
