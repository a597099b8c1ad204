//! What validators tell of a text beside whether it passes: facts, spans, severities, and what they dismiss.
#![allow(clippy::unwrap_used)]

use super::vectors::{VECTORS, run, whole};
use super::{Outcome, Rng, by_name};
use crate::finding::{Severity, Verdict};

fn fact(outcome: &Outcome, label: &str) -> String {
    outcome.facts.iter().find(|fact| fact.label == label).map(|fact| fact.value.clone()).unwrap_or_default()
}

#[test]
fn facts_are_decoded() {
    let aws = whole("aws-access-key-id", concat!("ASIAY34FZK", "BOKMUTVV7A"));
    assert_eq!((fact(&aws, "account").as_str(), aws.verdict), ("609629065308", Verdict::WellFormed));
    let find = |name: &str| VECTORS.iter().find(|row| row.0 == name && row.1).unwrap().3;
    assert_eq!(fact(&whole("aws-access-key-id", find("aws-access-key-id")), "account"), "123456789012");
    assert_eq!(fact(&whole("jfrog-reference", find("jfrog-reference")), "expires"), "2027-01-01T00:00:00Z");
    assert_eq!(fact(&whole("cask", find("cask")), "issued"), "2026-01");
    assert_eq!(fact(&whole("cask", find("cask")), "provider"), "AZDO");
    assert_eq!(fact(&whole("nats", find("nats")), "type"), "user");
    assert_eq!(fact(&whole("sentry-org", find("sentry-org")), "organisation"), "example-org");
    let supabase = whole("jwt", find("jwt-role service_role"));
    assert_eq!(fact(&supabase, "issuer"), "supabase");
    assert_eq!(fact(&supabase, "algorithm"), "HS256");
    let expired = whole("jwt", find("jwt"));
    assert_eq!(fact(&expired, "expires"), "2026-01-01T01:00:00Z");
    assert_eq!(expired.at_most, Some(Severity::Low));
}

#[test]
fn other_variants_are_dismissed() {
    let find = |name: &str| VECTORS.iter().find(|row| row.0 == name && row.1).unwrap().3;
    let cases = [
        ("aws-access-key-id", concat!("AKIAIOSFOD", "NN7EXAMPLE")),
        ("jwt-role anon", find("jwt-role service_role")),
        ("jwt-issuer kubernetes", find("jwt-role service_role")),
        ("jwt", concat!("eyJhbGciOiJub25lIn0", ".eyJzdWIiOiJhIn0.")),
        ("cask ACOG", find("cask")),
        ("base58check wif c", find("base58check wif")),
        ("azure-devops-pat", "abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrst"),
        ("solana-json", "[1,2,3]"),
        ("secp256k1-key", "1111111111111111111111111111111111111111111111111111111111111111"),
        ("url-credentials", concat!("https", "://user:${PASSWORD}@host.test/")),
        ("url-credentials", concat!("https", "://user:secretpass@db.example.com/")),
        ("url-credentials", concat!("https", "://user:<password>@host.test/")),
        ("url-credentials", concat!("https", "://user:@host.test/")),
        ("url-credentials", concat!("https", "://user:$PASSWORD@host.test/")),
        ("url-credentials", concat!("https", "://host.test:8080/package@1.0")),
        ("basic-auth", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        // A public client without a password, and a web token's header.
        ("basic-auth", "b3BlbnNoaWZ0LWNoYWxsZW5naW5nLWNsaWVudDo="),
        ("basic-auth", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"),
    ];
    for (structure, text) in cases {
        assert!(whole(structure, text).dismiss, "{structure} {text}");
    }
}

#[test]
fn keys_of_other_curves_are_none_of_secp256k1() {
    let key = String::from_utf8(by_name("secp256k1-key").unwrap().mint.unwrap()(&mut Rng::new(5), &[])).unwrap();
    let der = |head: &str| head.to_owned() + &key[head.len()..];
    let at = |before: &str, key: &str| {
        let text = format!("{before}{key}");
        run("secp256k1-key", &text, (before.len(), text.len()), None).dismiss
    };
    assert!(!at("private_key = ", &key));
    for head in
        ["30770201010420", "308187020100301306072a8648ce3d0201", "3059301306072a8648ce3d0201", "30820122300d0609"]
    {
        assert!(at("private_key = ", &der(head)), "{head}");
    }
    for head in ["30770301010420", "31770201010420"] {
        assert!(!at("private_key = ", &der(head)), "{head}");
    }
    for before in [
        "LWM2M_PRIVATE_S: ",
        "wallet.query_key('view_key')\nassert key == '",
        "ed25519::PrivateKey::from(\"",
        "r.Sign(privkey))\nexpected := \"",
    ] {
        assert!(at(before, &key), "{before}");
    }
}

#[test]
fn development_keys_are_low() {
    let key = concat!("ac0974bec39a17e36ba4a6b4d238ff94", "4bacb478cbed5efcae784d7bf4f2ff80");
    assert_eq!(whole("secp256k1-key", key).at_most, Some(Severity::Low));
    let phrase = concat!("seed phrase: test test test test test ", "test test test test test test junk");
    let outcome = whole("bip39", phrase);
    assert_eq!((outcome.verdict, outcome.at_most), (Verdict::WellFormed, Some(Severity::Low)));
    assert_eq!(outcome.span, 13..phrase.len());
}

#[test]
fn bip39_knows_other_languages() {
    // Entropy of 16 bytes 7f, from the reference vectors' generator.
    let phrase = "そつう れきだい ほんやく わかす りくつ ばいか ろせん やちん そつう れきだい ほんやく わかめ";
    let outcome = whole("bip39", phrase);
    assert_eq!(outcome.verdict, Verdict::WellFormed);
    assert_eq!(fact(&outcome, "language"), "Japanese");
}

#[test]
fn a_strong_password_at_an_example_host_is_counted() {
    let outcome = whole("url-credentials", concat!("https", "://user:s3cRet9ass@db.example.com/"));
    assert_eq!((outcome.verdict, outcome.dismiss), (Verdict::Malformed, false));
}

#[test]
fn urls_are_split_like_parsers_do() {
    let cases = [
        (concat!("postgres", "://app:S3cr%40t-word@db.test:5432/x"), "app", "db.test:5432", Verdict::WellFormed, None),
        (concat!("redis", "://:S3cret-word@cache.test"), "", "cache.test", Verdict::WellFormed, None),
        (concat!("mysql", "://root:hunter@localhost/x"), "root", "localhost", Verdict::Shape, Some(Severity::Low)),
        (concat!("smtp", "://me:$ecret-w0rd@mx.test"), "me", "mx.test", Verdict::WellFormed, None),
        (concat!("amqp", "://a:p@ss-W0rd!@mq.test/%2f"), "a", "mq.test", Verdict::WellFormed, None),
    ];
    for (text, user, host, verdict, at_most) in cases {
        let outcome = whole("url-credentials", text);
        assert_eq!((fact(&outcome, "user").as_str(), fact(&outcome, "host").as_str()), (user, host), "{text}");
        assert_eq!((outcome.verdict, outcome.at_most, outcome.dismiss), (verdict, at_most, false), "{text}");
    }
}

#[test]
fn tokens_in_place_of_users_stay_hidden() {
    let token = "0123456789abcdef0123456789abcdef01234567";
    let outcome = whole("url-credentials", &format!("{}://{token}:x-oauth-basic@github.test/", "https"));
    assert!(!format!("{:?}", outcome.facts).contains("0123456789"));
}

#[test]
fn sas_is_read_around_its_signature() {
    let sig = concat!("si", "g=abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq%3D");
    let text = format!("\"https://x.blob.test/c?sv=2022-11-02&sp=r&se=2020-01-01T00%3A00%3A00Z&{sig}\"");
    let at = text.find("sig=").unwrap();
    let outcome = run("azure-sas", &text, (at, at + sig.len()), None);
    assert_eq!((outcome.verdict, outcome.at_most), (Verdict::WellFormed, Some(Severity::Low)));
    assert_eq!(fact(&outcome, "expires"), "2020-01-01T00:00:00Z");
    assert_eq!(outcome.span, text.find("sv=").unwrap()..text.len() - 1);
}

/// The key of the facts' section 5.1 and 5.2: Ed25519, seed of a fixed random generator.
const PKCS8: &str = concat!("MC4CAQAwBQYDK2VwBCIEIBG0veuolAzv", "0eHsuyZ0YN1a2MFzNNUila7dBJYVyTMa");
const OPENSSH: [&str; 5] = [
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW",
    "QyNTUxOQAAACA02Xp3Zx8s3gcmsDAu6TPvjqnrzXqCZJn0LLw/xckbSAAAAJAn2GNDJ9hj",
    "QwAAAAtzc2gtZWQyNTUxOQAAACA02Xp3Zx8s3gcmsDAu6TPvjqnrzXqCZJn0LLw/xckbSA",
    "AAAEARtL3rqJQM79Hh7LsmdGDdWtjBczTVIpWu3QSWFckzGjTZendnHyzeByawMC7pM++O",
    "qevNeoJkmfQsvD/FyRtIAAAAB2V4YW1wbGUBAgMEBQY=",
];

/// Puts a body between the lines of a PEM file and runs a structure over the opening line.
fn armoured(structure: &str, label: &str, body: &str) -> Outcome {
    let open = format!("-----{} {label}-----", "BEGIN");
    let text = format!("{open}\n{body}\n-----END {label}-----\n");
    let outcome = run(structure, &text, (0, open.len()), None);
    assert!(outcome.dismiss || outcome.span == (0..text.len() - 1), "{text}");
    outcome
}

#[test]
fn pem_vector() {
    let outcome = armoured("pem", "PRIVATE KEY", PKCS8);
    assert_eq!((outcome.verdict, fact(&outcome, "type").as_str()), (Verdict::WellFormed, "Ed25519"));
    for at in 0..PKCS8.len() {
        let mut body = PKCS8.to_owned();
        body.remove(at);
        assert_eq!(armoured("pem", "PRIVATE KEY", &body).verdict, Verdict::Malformed);
    }
    assert!(armoured("pem", "PUBLIC KEY", PKCS8).dismiss);
}

#[test]
fn encrypted_pem_is_medium() {
    let body = format!("Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0011223344556677\n\n{PKCS8}{PKCS8}");
    let outcome = armoured("pem", "RSA PRIVATE KEY", &body);
    assert_eq!((outcome.verdict, outcome.at_most), (Verdict::WellFormed, Some(Severity::Medium)));
    assert_eq!(fact(&outcome, "encrypted"), "yes, with a passphrase");
}

#[test]
fn openssh_vectors() {
    for structure in ["openssh", "pem"] {
        let outcome = armoured(structure, "OPENSSH PRIVATE KEY", &OPENSSH.join("\n"));
        assert_eq!((outcome.verdict, fact(&outcome, "comment").as_str()), (Verdict::Proven, "example"));
        let bad = OPENSSH.join("\n").replace("AAAAJAn2GND", "AAAAJAm2GND");
        assert_eq!(armoured(structure, "OPENSSH PRIVATE KEY", &bad).verdict, Verdict::Malformed);
    }
}

#[test]
fn putty_vectors() {
    let file = |version, comment, mac| {
        format!(
            "{}-File-{version}: ssh-ed25519\nEncryption: none\nComment: {comment}\nPublic-Lines: 2\n\
             AAAAC3NzaC1lZDI1NTE5AAAAIDTZendnHyzeByawMC7pM++OqevNeoJkmfQsvD/F\nyRtI\nPrivate-Lines: 1\n\
             AAAAIBG0veuolAzv0eHsuyZ0YN1a2MFzNNUila7dBJYVyTMa\nPrivate-MAC: {mac}\n",
            "PuTTY-User-Key"
        )
    };
    let three = "0109ad1338ddbe66d76a33bbca5859974a3b154e6e90a2a34b5712cc5833810d";
    let two = "08e67cbef92a18672b9acceb16b7e413a84782ec";
    for (version, mac) in [(3, three), (2, two)] {
        for (comment, want) in [("example", Verdict::Proven), ("exampl3", Verdict::Malformed)] {
            let plain = file(version, comment, mac);
            let texts = [plain.clone(), plain.replace('\n', "\r\n"), plain.replace('\n', "\\n")];
            for text in texts {
                let outcome = run("putty", &text, (0, 23), None);
                assert_eq!(outcome.verdict, want, "{text}");
                assert_eq!(outcome.span, 0..text.find(mac).unwrap() + mac.len(), "{text}");
            }
        }
    }
}

#[test]
fn netrc_spans_the_password() {
    let text = concat!("mach", "ine api.host.test\n  login me\n  password S3cret-word\nmachine other");
    let outcome = run("netrc", text, (0, 8), None);
    assert_eq!(&text[outcome.span.clone()], "S3cret-word");
    assert_eq!((fact(&outcome, "user").as_str(), fact(&outcome, "host").as_str()), ("me", "api.host.test"));
    assert!(run("netrc", "machine learning is about models", (0, 8), None).dismiss);
    let token_as_login = concat!("mach", "ine github.com login $token password x-oauth-basic\n");
    assert!(run("netrc", token_as_login, (0, 8), None).dismiss);
}
