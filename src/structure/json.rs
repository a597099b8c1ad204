//! Credentials that are a JSON object (or a line of YAML) found by a marker inside it.
//!
//! Sources: Google's documentation of service account keys and application default credentials, RFC 7517 and 7518
//! (JWK), the Ethereum Web3 secret storage definition, Docker's and kubectl's configuration file documentation.

use std::ops::Range;

use serde_json::{Map, Value};

use super::primitives::{
    ALNUM, DIGITS, HEX, body, ed25519_public, is_ed25519_pair, is_product, json_object, seed32, text, to_base64,
    to_base64url, unbase64, unhex, window,
};
use super::url::{is_placeholder, with_user};
use super::{Input, Outcome, Rng, Structure, pem};
use crate::finding::{Severity, Verdict};

/// The validators of this module.
pub(super) const TABLE: &[Structure] = &[
    Structure {
        name: "gcp-service-account",
        what: "Google service account key: the JSON object around the marker, with a private key that can be read",
        args: &[],
        check: service_account,
        mint: Some(mint_service_account),
    },
    Structure {
        name: "gcp-authorized-user",
        what: "Google application default credentials: the JSON object around the marker, with a refresh token",
        args: &[],
        check: authorized_user,
        mint: Some(mint_authorized_user),
    },
    Structure {
        name: "jwk",
        what: "private JSON Web Key: the object around the marker; n = p*q or the Ed25519 relation proves it (RFC 7517)",
        args: &[],
        check: jwk,
        mint: Some(mint_jwk),
    },
    Structure {
        name: "eth-keystore",
        what: "Ethereum keystore version 3: the object around the marker (Web3 secret storage)",
        args: &[],
        check: eth_keystore,
        mint: Some(mint_eth_keystore),
    },
    Structure {
        name: "docker-auth",
        what: "registry login in a Docker configuration: base64 of user:password",
        args: &[],
        check: docker_auth,
        mint: Some(mint_docker_auth),
    },
    Structure {
        name: "kubeconfig-key",
        what: "client-key-data of a kubeconfig: base64 of a PEM private key",
        args: &[],
        check: kubeconfig,
        mint: Some(mint_kubeconfig),
    },
];

/// How far each way the braces are looked for.
const REACH: usize = 16 * 1024;

type Object = Map<String, Value>;

/// An object around a marker.
struct Around {
    object: Option<(Object, Range<usize>)>,
    read: Range<usize>,
}

impl Around {
    fn outcome(&self, input: &Input<'_>, verdict: Verdict) -> Outcome {
        let span = self.object.as_ref().map_or(input.start..input.end, |(_, span)| span.clone());
        Outcome { span, read: self.read.clone(), ..Outcome::of(input, verdict) }
    }
}

/// Finds the innermost object around the match that has what is wanted, up to three levels out.
fn around(input: &Input<'_>, wanted: fn(&Object) -> bool) -> Around {
    let floor = input.start.saturating_sub(REACH);
    let (ahead, past) = window(input.hay, input.end, REACH);
    let mut read = input.start..input.end;
    let mut from = input.start;
    for _ in 0..3 {
        let Some(open) = open_brace(input.hay, floor, from) else {
            read.start = floor;
            break;
        };
        read.start = open;
        from = open;
        match object_at(input, open, ahead.end) {
            Some((object, end)) => {
                read.end = read.end.max(end);
                if wanted(&object) && end >= input.end {
                    return Around { object: Some((object, open..end)), read };
                }
            }
            None => {
                read.end = past;
                break;
            }
        }
    }
    Around { object: None, read }
}

/// The last opening brace before `from` that is not closed before it.
fn open_brace(hay: &[u8], floor: usize, from: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (at, byte) in hay.get(floor..from)?.iter().enumerate().rev() {
        match byte {
            b'}' => depth += 1,
            b'{' if depth == 0 => return Some(floor + at),
            b'{' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Parses the object that begins at `open`; gives it with its end. JSON that stands escaped in a string is unescaped.
fn object_at(input: &Input<'_>, open: usize, limit: usize) -> Option<(Object, usize)> {
    let text = input.hay.get(open..limit)?;
    let escaped = input.start.checked_sub(1).is_some_and(|at| input.hay.get(at) == Some(&b'\\'));
    if !escaped && memchr::memmem::find(input.token(), b"\\\"").is_none() {
        let mut values = serde_json::Deserializer::from_slice(text).into_iter::<Value>();
        return match values.next() {
            Some(Ok(Value::Object(object))) => Some((object, open + values.byte_offset())),
            _ => None,
        };
    }
    let length = close_brace(text)?;
    let inner = std::str::from_utf8(text.get(..length)?).ok()?;
    let inner: String = serde_json::from_str(&format!("\"{inner}\"")).ok()?;
    Some((json_object(inner.as_bytes())?, open + length))
}

/// The length up to the brace that closes the first one.
fn close_brace(text: &[u8]) -> Option<usize> {
    let mut depth = 0usize;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

fn service_account(input: &Input<'_>) -> Outcome {
    let found = around(input, |object| text(object, "private_key").is_some());
    let Some((object, _)) = &found.object else { return found.outcome(input, Verdict::Malformed).dismissed() };
    let judged = text(object, "private_key").and_then(|key| pem::inspect(key.as_bytes()));
    let Some(judged) = judged else { return found.outcome(input, Verdict::Malformed).dismissed() };
    let mail = text(object, "client_email").unwrap_or_default();
    let complete = mail.ends_with(".gserviceaccount.com")
        && text(object, "private_key_id").is_some_and(|id| id.len() == 40 && unhex(id.as_bytes()).is_some());
    let verdict = if complete { judged.verdict } else { judged.verdict.min(Verdict::Shape) };
    let mut outcome = found.outcome(input, verdict);
    outcome.dismiss = judged.dismiss;
    for (key, label) in [("client_email", "account"), ("project_id", "project"), ("private_key_id", "key id")] {
        if let Some(value) = text(object, key) {
            outcome = outcome.fact(label, value);
        }
    }
    outcome
}

fn mint_service_account(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let key = String::from_utf8_lossy(&pem::wrap("PRIVATE KEY", &pem::mint_pkcs8(rng))).into_owned() + "\n";
    let (id, client) = (rng.text(HEX, 40), rng.text(DIGITS, 21));
    format!(
        "{{\n  \"type\": \"service_account\",\n  \"project_id\": \"demo-123456\",\n  \"private_key_id\": \"{id}\",\n  \
         \"private_key\": {},\n  \"client_email\": \"robot@demo-123456.iam.gserviceaccount.com\",\n  \
         \"client_id\": \"{client}\",\n  \"token_uri\": \"https://oauth2.googleapis.com/token\"\n}}",
        Value::from(key)
    )
    .into_bytes()
}

fn authorized_user(input: &Input<'_>) -> Outcome {
    let found = around(input, |object| text(object, "refresh_token").is_some());
    let Some((object, _)) = &found.object else { return found.outcome(input, Verdict::Malformed).dismissed() };
    let secret = text(object, "client_secret").unwrap_or_default();
    let token = text(object, "refresh_token").unwrap_or_default();
    let clean = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_/.".contains(&b));
    let fits = (secret.starts_with("GOCSPX-") || secret.len() == 24) && token.starts_with("1//") && token.len() >= 40;
    let verdict = if fits && clean(secret) && clean(token) { Verdict::WellFormed } else { Verdict::Malformed };
    let outcome = found.outcome(input, verdict);
    match text(object, "client_id") {
        Some(id) => outcome.fact("client", id),
        None => outcome,
    }
}

fn mint_authorized_user(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    format!(
        "{{\n  \"client_id\": \"{}.apps.googleusercontent.com\",\n  \"client_secret\": \"GOCSPX-{}\",\n  \
         \"refresh_token\": \"1//0{}\",\n  \"type\": \"authorized_user\"\n}}",
        rng.text(DIGITS, 12),
        rng.text(ALNUM, 28),
        rng.text(ALNUM, 99)
    )
    .into_bytes()
}

/// What a JWK is, and how sure; nothing if it holds no private part.
fn jwk_key(object: &Object) -> Option<(Verdict, String)> {
    let bytes = |key: &str| text(object, key).and_then(|value| unbase64(value.as_bytes()));
    let kind = text(object, "kty")?;
    if kind == "oct" {
        let length = bytes("k")?.len();
        let verdict = match length {
            0..8 => Verdict::Malformed,
            8..16 => Verdict::Shape,
            _ => Verdict::WellFormed,
        };
        return Some((verdict, "symmetric".to_owned()));
    }
    text(object, "d")?;
    let d = bytes("d").unwrap_or_default();
    let curve = text(object, "crv").unwrap_or_default();
    let verdict = match (kind, curve) {
        ("RSA", _) => {
            let n = bytes("n").unwrap_or_default();
            match (bytes("p"), bytes("q")) {
                (Some(p), Some(q)) if is_product(&n, &p, &q) => Verdict::Proven,
                _ if n.len() >= 64 && d.len() >= 64 => Verdict::WellFormed,
                _ => Verdict::Malformed,
            }
        }
        ("OKP", "Ed25519") if is_ed25519_pair(&d, &bytes("x").unwrap_or_default()) => Verdict::Proven,
        ("OKP", "X25519") if d.len() == 32 => Verdict::WellFormed,
        ("OKP", "X448") if d.len() == 56 => Verdict::WellFormed,
        ("OKP", "Ed448") if d.len() == 57 => Verdict::WellFormed,
        ("EC", "P-256" | "secp256k1") if d.len() == 32 => Verdict::WellFormed,
        ("EC", "P-384") if d.len() == 48 => Verdict::WellFormed,
        ("EC", "P-521") if d.len() == 66 => Verdict::WellFormed,
        _ => Verdict::Malformed,
    };
    Some((verdict, format!("{kind} {curve}").trim().to_owned()))
}

fn jwk(input: &Input<'_>) -> Outcome {
    let found = around(input, |object| text(object, "kty").is_some());
    // A key without a private part is public.
    let Some((verdict, kind)) = found.object.as_ref().and_then(|(object, _)| jwk_key(object)) else {
        return found.outcome(input, Verdict::Malformed).dismissed();
    };
    let outcome = found.outcome(input, verdict).fact("type", kind);
    match found.object.as_ref().and_then(|(object, _)| text(object, "kid")) {
        Some(id) => outcome.fact("key id", id),
        None => outcome,
    }
}

fn mint_jwk(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let seed = seed32(rng);
    let (x, d) = (to_base64url(&ed25519_public(&seed)), to_base64url(&seed));
    format!("{{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"{x}\",\"d\":\"{d}\"}}").into_bytes()
}

fn is_keystore(object: &Object) -> bool {
    object.contains_key("version") && (object.contains_key("crypto") || object.contains_key("Crypto"))
}

fn eth_keystore(input: &Input<'_>) -> Outcome {
    let found = around(input, is_keystore);
    let Some((object, _)) = &found.object else { return found.outcome(input, Verdict::Malformed).dismissed() };
    let inner = object.get("crypto").or_else(|| object.get("Crypto")).and_then(Value::as_object);
    let hex = |map: &Object, key: &str, bytes: usize| {
        text(map, key).and_then(|value| unhex(value.as_bytes())).is_some_and(|value| value.len() == bytes)
    };
    let holds = inner.is_some_and(|crypto| {
        object.get("version").and_then(Value::as_i64) == Some(3)
            && matches!(text(crypto, "kdf"), Some("scrypt" | "pbkdf2"))
            && text(crypto, "cipher").is_some()
            && hex(crypto, "ciphertext", 32)
            && hex(crypto, "mac", 32)
            && crypto.get("cipherparams").and_then(Value::as_object).is_some_and(|params| hex(params, "iv", 16))
    });
    let verdict = if holds { Verdict::WellFormed } else { Verdict::Malformed };
    let outcome = found.outcome(input, verdict).at_most(Severity::Medium);
    let outcome = outcome.fact("encrypted", "yes, with a passphrase");
    match text(object, "address") {
        Some(address) => outcome.fact("address", address),
        None => outcome,
    }
}

fn mint_eth_keystore(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let mut hex = |n| rng.text(HEX, n);
    format!(
        "{{\"address\":\"{}\",\"crypto\":{{\"cipher\":\"aes-128-ctr\",\"ciphertext\":\"{}\",\
         \"cipherparams\":{{\"iv\":\"{}\"}},\"kdf\":\"scrypt\",\"kdfparams\":{{\"dklen\":32,\"n\":262144,\"p\":1,\
         \"r\":8,\"salt\":\"{}\"}},\"mac\":\"{}\"}},\"version\":3}}",
        hex(40),
        hex(64),
        hex(32),
        hex(64),
        hex(64)
    )
    .into_bytes()
}

fn docker_auth(input: &Input<'_>) -> Outcome {
    let bad = Outcome::of(input, Verdict::Malformed);
    let decoded = unbase64(body(input)).and_then(|bytes| String::from_utf8(bytes).ok());
    let Some((user, password)) = decoded.as_deref().and_then(|text| text.trim_end_matches('\0').split_once(':')) else {
        return bad.dismissed();
    };
    if user.chars().chain(password.chars()).any(char::is_control) || user.is_empty() {
        return bad.dismissed();
    }
    let outcome = with_user(Outcome::of(input, Verdict::WellFormed), user, password);
    if password.is_empty() || is_placeholder(password) { outcome.dismissed() } else { outcome }
}

fn mint_docker_auth(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let login = format!("deploy:{}", rng.text(ALNUM, 20));
    format!("\"auth\": \"{}\"", to_base64(login.as_bytes())).into_bytes()
}

fn kubeconfig(input: &Input<'_>) -> Outcome {
    let Some(judged) = unbase64(body(input)).and_then(|key| pem::inspect(&key)) else {
        return Outcome::of(input, Verdict::Malformed);
    };
    let outcome = Outcome::of(input, judged.verdict);
    Outcome { facts: judged.facts, at_most: judged.at_most, dismiss: judged.dismiss, ..outcome }
}

fn mint_kubeconfig(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let mut key = pem::wrap("RSA PRIVATE KEY", &pem::mint_pkcs1(rng));
    key.push(b'\n');
    format!("client-key-data: {}", to_base64(&key)).into_bytes()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Runs a structure over a marker that stands in a text.
    fn run(structure: fn(&Input<'_>) -> Outcome, text: &str, marker: &str) -> Outcome {
        let start = text.find(marker).unwrap();
        let end = start + marker.len();
        structure(&Input { hay: text.as_bytes(), start, end, captures: &[], args: &[] })
    }

    fn account() -> String {
        String::from_utf8(mint_service_account(&mut Rng::new(1), &[])).unwrap()
    }

    #[test]
    fn objects_are_found_in_objects_and_in_strings() {
        let key = account();
        let plain = run(service_account, &key, "\"service_account\"");
        assert_eq!((plain.verdict, plain.span), (Verdict::Proven, 0..key.len()));
        let outer = format!("[1, {{\"a\": {{}}, \"key\": {key}}}]");
        let nested = run(service_account, &outer, "\"service_account\"");
        assert_eq!((nested.verdict, &outer[nested.span]), (Verdict::Proven, key.as_str()));
        let quoted = format!("GOOGLE={}", Value::from(key));
        let quoted = run(service_account, &quoted, "\\\"service_account\\\"");
        assert_eq!(quoted.verdict, Verdict::Proven);
        assert!(quoted.facts.iter().any(|fact| fact.value.starts_with("robot@")));
    }

    #[test]
    fn incomplete_objects_are_dismissed() {
        let key = account();
        let cases = [
            (service_account as fn(&Input<'_>) -> Outcome, key[..key.len() / 2].to_owned(), "\"service_account\""),
            (service_account, "{\"type\": \"service_account\"}".to_owned(), "\"service_account\""),
            (
                service_account,
                "{\"type\": \"service_account\", \"private_key\": \"...\"}".to_owned(),
                "\"service_account\"",
            ),
            (service_account, "if type == \"service_account\" {".to_owned(), "\"service_account\""),
            (jwk, "{\"kty\": \"OKP\", \"crv\": \"Ed25519\", \"x\": \"AAAA\"}".to_owned(), "\"kty\""),
            (eth_keystore, "{\"cipherparams\": {}}".to_owned(), "\"cipherparams\""),
        ];
        for (structure, text, marker) in cases {
            assert!(run(structure, &text, marker).dismiss, "{text}");
        }
    }

    #[test]
    fn web_keys_of_every_type() {
        let rng = &mut Rng::new(2);
        let (p, q) = (super::super::primitives::odd_number(rng, 64), super::super::primitives::odd_number(rng, 64));
        let number = |n: &num_bigint::BigUint| to_base64url(&n.to_bytes_be());
        let bytes = |n| to_base64url(&vec![7; n]);
        let (n, p, q) = (number(&(&p * &q)), number(&p), number(&q));
        let cases = [
            (format!("\"RSA\",\"n\":\"{n}\",\"d\":\"{n}\",\"p\":\"{p}\",\"q\":\"{q}\""), Verdict::Proven),
            (format!("\"RSA\",\"n\":\"{n}\",\"d\":\"{n}\""), Verdict::WellFormed),
            (format!("\"EC\",\"crv\":\"P-256\",\"d\":\"{}\"", bytes(32)), Verdict::WellFormed),
            (format!("\"EC\",\"crv\":\"P-256\",\"d\":\"{}\"", bytes(31)), Verdict::Malformed),
            (
                format!("\"OKP\",\"crv\":\"Ed25519\",\"d\":\"{}\",\"x\":\"{}\"", bytes(32), bytes(32)),
                Verdict::Malformed,
            ),
            (format!("\"oct\",\"k\":\"{}\"", bytes(32)), Verdict::WellFormed),
        ];
        for (fields, want) in cases {
            let outcome = run(jwk, &format!("{{\"keys\":[{{\"kty\":{fields}}}]}}"), "\"kty\"");
            assert_eq!((outcome.verdict, outcome.dismiss), (want, false), "{fields}");
        }
    }
}
