//! JSON Web Tokens.
//!
//! Sources: RFC 7515 (JWS), RFC 7518 (signature lengths), RFC 7519 (claims), RFC 8037 (EdDSA). The signature needs the
//! issuer's key, so a token is well-formed at best.

use serde_json::{Map, Value};

use super::primitives::{ALNUM, arg, body, expires, json_object, now, text, to_base64url, unbase64, well_formed_if};
use super::{Input, Outcome, Rng, Structure};
use crate::finding::Verdict;

/// The validators of this module.
pub(super) const TABLE: &[Structure] = &[
    Structure {
        name: "jwt",
        what: "JSON Web Token: header, payload and the signature length of the algorithm (RFC 7515, 7518)",
        args: &[],
        check: |input| judge(input, |_, _| true),
        mint: Some(|rng, _| mint(rng, &[("iss", "https://issuer.test"), ("sub", "user")])),
    },
    Structure {
        name: "jwt-role",
        what: "JSON Web Token issued by Supabase with this role",
        args: &["ROLE"],
        check: jwt_role,
        mint: Some(|rng, args| {
            mint(rng, &[("iss", "supabase"), ("ref", "abcdefghijklmnopqrst"), ("role", arg(args, 0))])
        }),
    },
    Structure {
        name: "jwt-issuer",
        what: "JSON Web Token whose issuer or subject contains this text",
        args: &["TEXT"],
        check: jwt_issuer,
        mint: Some(|rng, args| mint(rng, &[("iss", arg(args, 0)), ("sub", "user")])),
    },
    Structure {
        name: "bearer",
        what: "a token after `Bearer` that is no JSON Web Token, which has its own rule, and is not cut off with dots",
        args: &[],
        check: bearer,
        mint: Some(|rng, _| rng.text(ALNUM, 40).into_bytes()),
    },
];

type Claims = Map<String, Value>;

/// The longest token that is decoded.
const LONGEST: usize = 64 * 1024;

/// Header, payload and signature.
fn parts(token: &[u8]) -> Option<(Claims, Claims, Vec<u8>)> {
    if token.len() > LONGEST {
        return None;
    }
    let mut parts = token.split(|&b| b == b'.');
    let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    Some((json_object(&unbase64(header)?)?, json_object(&unbase64(payload)?)?, unbase64(signature)?))
}

/// Whether the signature has the length that the algorithm asks for; unknown algorithms may have any.
fn length_fits(algorithm: &str, length: usize) -> bool {
    match algorithm {
        "HS256" => length == 32,
        "HS384" => length == 48,
        "HS512" => length == 64,
        "ES256" | "ES256K" => length == 64,
        "ES384" => length == 96,
        "ES512" => length == 132,
        "EdDSA" => matches!(length, 64 | 114),
        "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" => matches!(length, 128 | 256 | 384 | 512 | 1024),
        _ => length >= 16,
    }
}

fn judge(input: &Input<'_>, wanted: fn(&Claims, &[String]) -> bool) -> Outcome {
    let Some((header, payload, signature)) = parts(input.token()) else {
        let outcome = Outcome::of(input, Verdict::Malformed);
        // What cannot be read cannot be said to come from an issuer; the general rule reports it.
        return if input.args.is_empty() { outcome } else { outcome.dismissed() };
    };
    let Some(algorithm) = text(&header, "alg") else { return Outcome::of(input, Verdict::Malformed) };
    let mut outcome =
        Outcome::of(input, well_formed_if(length_fits(algorithm, signature.len()))).fact("algorithm", algorithm);
    for (claim, label) in [("iss", "issuer"), ("role", "role")] {
        if let Some(value) = text(&payload, claim) {
            outcome = outcome.fact(label, value);
        }
    }
    if let Some(at) = payload.get("exp").and_then(|exp| exp.as_i64().or_else(|| exp.as_f64().map(|at| at as i64))) {
        outcome = expires(outcome, at);
    }
    let unsigned = algorithm.eq_ignore_ascii_case("none");
    if unsigned || is_example(&payload) || !wanted(&payload, input.args) { outcome.dismissed() } else { outcome }
}

/// Signed tokens are judged whole by their own rule, which knows examples and unsigned ones; encrypted ones are not.
fn bearer(input: &Input<'_>) -> Outcome {
    let token = body(input);
    let header = token.split(|&b| b == b'.').next().and_then(unbase64).and_then(|text| json_object(&text));
    let signed = header.is_some_and(|header| header.contains_key("alg") && !header.contains_key("enc"));
    let cut = token.windows(2).any(|pair| pair == b"..");
    // No issuer makes tokens of small letters only; people who write tests do.
    let typed = token.iter().all(|b| b.is_ascii_lowercase() || matches!(b, b'_' | b'-' | b'.'));
    let outcome = Outcome::of(input, Verdict::Shape);
    if signed || cut || typed { outcome.dismissed() } else { outcome }
}

/// The token on the front page of jwt.io, in its many copies.
fn is_example(payload: &Claims) -> bool {
    text(payload, "sub") == Some("1234567890") && text(payload, "name") == Some("John Doe")
}

fn jwt_role(input: &Input<'_>) -> Outcome {
    judge(input, |payload, args| {
        let supabase = text(payload, "iss").is_some_and(|issuer| issuer.starts_with("supabase"));
        supabase && text(payload, "role") == Some(arg(args, 0))
    })
}

fn jwt_issuer(input: &Input<'_>) -> Outcome {
    judge(input, |payload, args| {
        ["iss", "sub"].iter().any(|claim| text(payload, claim).is_some_and(|value| value.contains(arg(args, 0))))
    })
}

fn mint(rng: &mut Rng, claims: &[(&str, &str)]) -> Vec<u8> {
    let mut payload: Claims = claims.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect();
    payload.insert("iat".to_owned(), Value::from(1_767_225_600 + rng.below(1_000_000)));
    payload.insert("exp".to_owned(), Value::from(now() + 86_400 * 3650));
    let header = to_base64url(br#"{"alg":"HS256","typ":"JWT"}"#);
    let payload = to_base64url(Value::Object(payload).to_string().as_bytes());
    format!("{header}.{payload}.{}", to_base64url(&rng.bytes(32))).into_bytes()
}
