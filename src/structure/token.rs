//! Tokens of one vendor each that hold something readable: JSON, a macaroon, an account number, a time, a checksum.
//!
//! Sources: pypi/warehouse and the macaroon v2 format, AWS documentation and awsteele.com (account number in key ids),
//! getsentry/rfcs 0091, adonisjs/auth, vendors' documentation for the others.

use serde_json::Value;

use super::primitives::{
    ALNUM, B64URL, CRC32, DIGITS, arg, big, date, expires, json_object, now, proven_if, text, to_base64,
    to_base64_nopad, to_base64url, unbase32, unbase64, well_formed_if,
};
use super::{Input, Outcome, Rng, Structure};
use crate::finding::{Severity, Verdict};

/// The validators of this module.
pub(super) const TABLE: &[Structure] = &[
    Structure {
        name: "macaroon",
        what: "PyPI token: the whole layout of a version 2 macaroon (pypi/warehouse)",
        args: &[],
        check: macaroon,
        mint: Some(mint_macaroon),
    },
    Structure {
        name: "aws-access-key-id",
        what: "AWS key id: 16 base32 characters, of which newer ids give the account number",
        args: &["PREFIX?"],
        check: aws_key_id,
        mint: Some(mint_aws_key_id),
    },
    Structure {
        name: "flyio",
        what: "Fly.io macaroons: base64 of MessagePack that begins as documented",
        args: &[],
        check: flyio,
        mint: Some(mint_flyio),
    },
    Structure {
        name: "sentry-org",
        what: "Sentry organisation token: JSON with time and region, then 32 bytes (getsentry/rfcs 0091)",
        args: &[],
        check: sentry_org,
        mint: Some(mint_sentry_org),
    },
    Structure {
        name: "onepassword-service",
        what: "1Password service account token: JSON with address, key and verifier",
        args: &[],
        check: onepassword,
        mint: Some(mint_onepassword),
    },
    Structure {
        name: "discord-bot",
        what: "Discord bot token: the first part is the bot's number",
        args: &[],
        check: discord,
        mint: Some(mint_discord),
    },
    Structure {
        name: "jira-pat",
        what: "Jira or Confluence Data Center token: 12 digits, a colon and 20 bytes",
        args: &[],
        check: jira,
        mint: Some(mint_jira),
    },
    Structure {
        name: "jfrog-reference",
        what: "JFrog reference token: version, expiry and 27 characters",
        args: &[],
        check: jfrog,
        mint: Some(mint_jfrog),
    },
    Structure {
        name: "adonis-oat",
        what: "AdonisJS opaque token: CRC-32 of the secret (adonisjs/auth)",
        args: &[],
        check: adonis,
        mint: Some(mint_adonis),
    },
    Structure {
        name: "elastic-key",
        what: "Elasticsearch API key: base64 of a 20-character id, a colon and a 22-character secret",
        args: &[],
        check: elastic,
        mint: Some(mint_elastic),
    },
];

/// The longest text that is decoded here.
const LONGEST: usize = 64 * 1024;

pub(super) fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() > LONGEST { None } else { unbase64(text) }
}

/// A base-128 number as in protocol buffers.
fn varint(data: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0usize;
    for (at, &byte) in data.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, data.get(at + 1..)?));
        }
    }
    None
}

/// Splits a macaroon field of a known type off the front.
fn field(data: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let (length, rest) = varint(data.strip_prefix(&[kind])?)?;
    rest.split_at_checked(length)
}

/// Location and caveats.
fn read_macaroon(data: &[u8]) -> Option<(&[u8], Vec<&[u8]>)> {
    let (location, rest) = field(data.strip_prefix(&[2])?, 1)?;
    let (_, rest) = field(rest, 2).filter(|(id, _)| !id.is_empty())?;
    let mut rest = rest.strip_prefix(&[0])?;
    let mut caveats = Vec::new();
    while let Some((caveat, tail)) = field(rest, 2) {
        caveats.push(caveat);
        rest = tail.strip_prefix(&[0])?;
    }
    let (signature, rest) = field(rest.strip_prefix(&[0])?, 6)?;
    (signature.len() == 32 && rest.is_empty()).then_some((location, caveats))
}

fn macaroon(input: &Input<'_>) -> Outcome {
    let text = input.segment("body");
    let text = text.strip_prefix(b"pypi-").unwrap_or(text);
    let data = decoded(text).unwrap_or_default();
    let Some((location, caveats)) = read_macaroon(&data) else { return Outcome::of(input, Verdict::Malformed) };
    let location = String::from_utf8_lossy(location);
    let mut outcome = Outcome::of(input, Verdict::WellFormed).fact("location", &location);
    for caveat in caveats.into_iter().take(8) {
        outcome = with_caveat(outcome, caveat);
    }
    if location == "test.pypi.org" { outcome.at_most(Severity::Low) } else { outcome }
}

/// Warehouse writes caveats as JSON: `[0, expires, not before]`, `[1, [projects]]`, `[2, [ids]]`, `[3, user]`, or the
/// older `{"version": 1, "permissions": ...}`.
fn with_caveat(outcome: Outcome, caveat: &[u8]) -> Outcome {
    match serde_json::from_slice::<Value>(caveat) {
        Ok(Value::Array(items)) => match (items.first().and_then(Value::as_u64), items.get(1)) {
            (Some(0), Some(at)) => at.as_i64().map(|at| expires(outcome.clone(), at)).unwrap_or(outcome),
            (Some(1 | 2), _) => outcome.fact("scope", "chosen projects"),
            (Some(3), _) => outcome.fact("scope", "all projects of the user"),
            _ => outcome,
        },
        Ok(Value::Object(object)) => match object.get("permissions") {
            Some(Value::String(user)) if user == "user" => outcome.fact("scope", "all projects of the user"),
            Some(_) => outcome.fact("scope", "chosen projects"),
            None => outcome,
        },
        _ => outcome,
    }
}

fn mint_macaroon(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let id = rng.bytes(16).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let id = format!("{}-{}-4{}-a{}-{}", &id[..8], &id[8..12], &id[13..16], &id[17..20], &id[20..32]);
    let caveat = br#"{"version": 1, "permissions": "user"}"#;
    let data = [
        &[2, 1, 8][..],
        b"pypi.org",
        &[2, 36],
        id.as_bytes(),
        &[0, 2, caveat.len() as u8],
        caveat,
        &[0, 0, 6, 32],
        &rng.bytes(32),
    ]
    .concat();
    format!("pypi-{}", to_base64url(&data)).into_bytes()
}

/// A time in the past four years.
pub(super) fn recent(rng: &mut Rng) -> u64 {
    (now() as u64).saturating_sub(rng.below(126_000_000) as u64)
}

fn aws_key_id(input: &Input<'_>) -> Outcome {
    let token = input.token();
    let bytes = token.get(4..).filter(|_| token.len() == 20 && !token.iter().any(u8::is_ascii_lowercase));
    let bytes = bytes.and_then(unbase32).filter(|bytes| bytes.len() == 10);
    let outcome = match bytes {
        Some(bytes) => {
            let number = big(bytes.get(..6).unwrap_or_default());
            let outcome = Outcome::of(input, if number >> 47 == 1 { Verdict::WellFormed } else { Verdict::Shape });
            match number >> 47 {
                1 => outcome.fact("account", format!("{:012}", (number & 0x7fff_ffff_ff80) >> 7)),
                _ => outcome,
            }
        }
        None => Outcome::of(input, Verdict::Malformed),
    };
    // The key id of the manual, and what people make of it.
    let documentation = token.ends_with(b"EXAMPLE") || token.get(4..).is_some_and(|id| id.starts_with(b"IOSFODNN7"));
    if documentation { outcome.dismissed() } else { outcome }
}

fn mint_aws_key_id(rng: &mut Rng, args: &[String]) -> Vec<u8> {
    let prefix = match arg(args, 0) {
        "" => "AKIA",
        given => given,
    };
    let account = rng.next() % 1_000_000_000_000;
    let number = 1 << 47 | account << 7 | rng.next() & 0x7f;
    let bytes = [&number.to_be_bytes()[2..], &rng.bytes(4)].concat();
    format!("{prefix}{}", data_encoding::BASE32_NOPAD.encode(&bytes)).into_bytes()
}

fn flyio(input: &Input<'_>) -> Outcome {
    let token = input.token();
    let list = token.strip_prefix(b"FlyV1 ").unwrap_or(token);
    let mut verdict = Verdict::WellFormed;
    for part in list.split(|&b| b == b',') {
        let one = match part.strip_prefix(b"fm2_").map(decoded) {
            Some(Some(bytes)) if bytes.starts_with(&[0x94, 0x93, 0xc4]) && bytes.len() > 40 => Verdict::WellFormed,
            Some(_) => Verdict::Malformed,
            None if [&b"fm1r_"[..], b"fm1a_", b"fo1_"].iter().any(|p| part.starts_with(p)) => Verdict::Shape,
            None => Verdict::Malformed,
        };
        verdict = verdict.min(one);
    }
    Outcome::of(input, verdict)
}

fn mint_flyio(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let address = b"https://api.fly.io/v1";
    let data = [
        &[0x94, 0x93, 0xc4, 16][..],
        &rng.bytes(16),
        &[0xce],
        &rng.bytes(4),
        &[0xc4, 16],
        &rng.bytes(16),
        &[0xa0 | address.len() as u8],
        address,
        &[0x90, 0xc4, 32],
        &rng.bytes(32),
    ]
    .concat();
    format!("FlyV1 fm2_{}", to_base64(&data)).into_bytes()
}

/// A whole number of seconds, which may be written with a fraction.
fn seconds(value: Option<&Value>) -> Option<i64> {
    value?.as_f64().map(|at| at as i64)
}

fn sentry_org(input: &Input<'_>) -> Outcome {
    let token = input.token();
    let rest = token.strip_prefix(b"sntrys_").unwrap_or(token);
    let parts = rest.len().checked_sub(44).and_then(|at| rest.split_at_checked(at));
    let parsed = parts.and_then(|(body, secret)| {
        let secret = decoded(secret.strip_prefix(b"_")?)?;
        json_object(&decoded(body)?).filter(|_| secret.len() == 32)
    });
    let Some(object) = parsed.filter(|object| object.contains_key("iat") && text(object, "region_url").is_some())
    else {
        return Outcome::of(input, Verdict::Malformed);
    };
    let mut outcome = Outcome::of(input, Verdict::WellFormed);
    for (key, label) in [("org", "organisation"), ("url", "server"), ("region_url", "region")] {
        if let Some(value) = text(&object, key) {
            outcome = outcome.fact(label, value);
        }
    }
    match seconds(object.get("iat")) {
        Some(at) => outcome.fact("issued", date(at)),
        None => outcome,
    }
}

fn mint_sentry_org(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let json = format!(
        "{{\"iat\": {}.0, \"url\": \"https://sentry.io\", \"region_url\": \"https://us.sentry.io\", \"org\": \"demo\"}}",
        recent(rng)
    );
    format!("sntrys_{}_{}", to_base64(json.as_bytes()), to_base64_nopad(&rng.bytes(32))).into_bytes()
}

const ONEPASSWORD_KEYS: [&str; 6] = ["email", "muk", "secretKey", "srpX", "signInAddress", "userAuth"];

fn onepassword(input: &Input<'_>) -> Outcome {
    let token = input.token();
    let object = json_object(&decoded(token.strip_prefix(b"ops_").unwrap_or(token)).unwrap_or_default());
    let Some(object) = object.filter(|object| ONEPASSWORD_KEYS.iter().all(|key| object.contains_key(*key))) else {
        return Outcome::of(input, Verdict::Malformed);
    };
    let mut outcome = Outcome::of(input, Verdict::WellFormed);
    for (key, label) in [("email", "account"), ("signInAddress", "server")] {
        if let Some(value) = text(&object, key) {
            outcome = outcome.fact(label, value);
        }
    }
    outcome
}

fn mint_onepassword(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let (muk, srp) = (to_base64url(&rng.bytes(32)), to_base64url(&rng.bytes(32)));
    let json = serde_json::json!({
        "email": "robot@1passwordserviceaccounts.test", "muk": {"alg": "A256GCM", "k": muk},
        "secretKey": format!("A3-{}", rng.text(b"23456789ABCDEFGHJKLMNPQRSTVWXYZ", 6)), "srpX": srp,
        "signInAddress": "demo.1password.test", "userAuth": {"method": "SRPg-4096", "iterations": 100_000},
    });
    format!("ops_{}", to_base64url(json.to_string().as_bytes())).into_bytes()
}

fn discord(input: &Input<'_>) -> Outcome {
    let token = input.token();
    let id = token.split(|&b| b == b'.').next().and_then(decoded).and_then(|bytes| String::from_utf8(bytes).ok());
    let id = id.filter(|id| (17..=20).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit()));
    let Some(number) = id.as_deref().and_then(|id| id.parse::<u64>().ok()) else {
        return Outcome::of(input, Verdict::Malformed);
    };
    let created = ((number >> 22) + 1_420_070_400_000) / 1000;
    let verdict = well_formed_if(token.split(|&b| b == b'.').count() == 3);
    Outcome::of(input, verdict)
        .fact("bot id", number.to_string())
        .fact("created", date(i64::try_from(created).unwrap_or_default()))
}

fn mint_discord(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let id = 1_000_000_000_000_000_000 + rng.next() % 300_000_000_000_000_000;
    let id = to_base64url(id.to_string().as_bytes());
    let time = to_base64url(&(0x1000_0000 | rng.next() as u32 & 0x0fff_ffff).to_be_bytes());
    format!("{id}.{time}.{}{}", rng.text(B64URL, 37), rng.pick(ALNUM) as char).into_bytes()
}

fn jira(input: &Input<'_>) -> Outcome {
    let bytes = decoded(input.token()).unwrap_or_default();
    let holds = bytes.len() == 33
        && bytes.get(12) == Some(&b':')
        && bytes.get(..12).is_some_and(|id| id.iter().all(u8::is_ascii_digit));
    Outcome::of(input, well_formed_if(holds))
}

fn mint_jira(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    to_base64(&[rng.text(DIGITS, 12).as_bytes(), b":", &rng.bytes(20)].concat()).into_bytes()
}

fn jfrog(input: &Input<'_>) -> Outcome {
    let bytes = decoded(input.token()).unwrap_or_default();
    let bad = Outcome::of(input, Verdict::Malformed);
    let Some((time, rest)) = bytes.strip_prefix(b"reftkn:01:").and_then(|rest| rest.split_at_checked(10)) else {
        return bad;
    };
    let seconds: Option<i64> = std::str::from_utf8(time).ok().and_then(|time| time.parse().ok());
    match seconds {
        Some(at) if rest.len() == 28 && rest.starts_with(b":") => {
            let outcome = Outcome::of(input, Verdict::WellFormed);
            if at == 0 { outcome.fact("expires", "never") } else { expires(outcome, at) }
        }
        _ => bad,
    }
}

fn mint_jfrog(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let at = if rng.below(2) == 0 { 0 } else { now() + 86_400 * 365 };
    to_base64(format!("reftkn:01:{at:010}:{}", rng.text(ALNUM, 27)).as_bytes()).into_bytes()
}

fn adonis(input: &Input<'_>) -> Outcome {
    let holds = || -> Option<bool> {
        let token = input.token();
        let dot = memchr::memchr(b'.', token)?;
        let (head, tail) = (token.get(..dot)?, token.get(dot + 1..)?);
        let id = decoded(head.rsplit(|&b| b == b'_').next()?)?;
        let value = decoded(tail)?;
        let (secret, sum) = value.split_at_checked(40)?;
        let digits = !id.is_empty() && id.iter().all(u8::is_ascii_digit);
        Some(digits && CRC32.checksum(secret).to_string().as_bytes() == sum)
    };
    Outcome::of(input, proven_if(holds().unwrap_or(false)))
}

fn mint_adonis(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let secret = rng.text(B64URL, 40);
    let value = format!("{secret}{}", CRC32.checksum(secret.as_bytes()));
    let id = (1 + rng.below(5000)).to_string();
    format!("oat_{}.{}", to_base64url(id.as_bytes()), to_base64url(value.as_bytes())).into_bytes()
}

fn elastic(input: &Input<'_>) -> Outcome {
    let bytes = decoded(input.token()).unwrap_or_default();
    let holds = bytes.len() == 43
        && bytes.iter().enumerate().all(|(at, b)| if at == 20 { *b == b':' } else { B64URL.contains(b) });
    Outcome::of(input, well_formed_if(holds))
}

fn mint_elastic(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    to_base64(format!("{}:{}", rng.text(B64URL, 20), rng.text(B64URL, 22)).as_bytes()).into_bytes()
}
