//! Readable segments that several vendors' tokens have: JSON or text in base64, an embedded time.
//!
//! Sources: the ULID and BSON specifications, RFC 4648. What a token's segment holds comes from the rule. Each `mint` here
//! gives the text of the segment alone, since only the rule's format knows what stands around it.

use serde_json::{Map, Value};

use super::primitives::{ALNUM, HEX, arg, big, date, json_object, plausible_past, to_base64, unhex, well_formed_if};
use super::token::{decoded, recent};
use super::{Input, Outcome, Rng, Structure};
use crate::finding::Verdict;

/// The validators of this module.
pub(super) const TABLE: &[Structure] = &[
    Structure {
        name: "base64json",
        what: "the segment is base64 of a JSON object with all of these keys",
        args: &["SEGMENT", "KEYS"],
        check: base64json,
        mint: Some(mint_base64json),
    },
    Structure {
        name: "base64contains",
        what: "the segment is base64 of bytes that contain this text",
        args: &["SEGMENT", "TEXT"],
        check: base64contains,
        mint: Some(mint_base64contains),
    },
    Structure {
        name: "ulid",
        what: "the segment is a ULID of a time since 2009",
        args: &["SEGMENT"],
        check: ulid,
        mint: Some(mint_ulid),
    },
    Structure {
        name: "objectid",
        what: "the segment is a MongoDB ObjectId of a time since 2009",
        args: &["SEGMENT"],
        check: objectid,
        mint: Some(mint_objectid),
    },
];

/// Decodes the named segment; with the `eyJ` before it when the format has that as its literal.
fn segment_json(input: &Input<'_>, name: &str) -> Option<Map<String, Value>> {
    let text = input.segment(name);
    let whole = input.token();
    let literal = || {
        let (_, (start, end)) = input.captures.iter().find(|(n, _)| *n == name)?;
        let start = start.checked_sub(3).filter(|start| *start >= input.start)?;
        input.hay.get(start..*end).filter(|text| text.starts_with(b"eyJ"))
    };
    let candidates = [Some(text), literal(), Some(whole)];
    candidates.into_iter().flatten().find_map(|text| json_object(&decoded(text)?))
}

fn base64json(input: &Input<'_>) -> Outcome {
    let Some(object) = segment_json(input, arg(input.args, 0)) else {
        return Outcome::of(input, Verdict::Malformed);
    };
    let has = |key: &str| object.contains_key(key);
    Outcome::of(input, well_formed_if(arg(input.args, 1).split(',').filter(|key| !key.is_empty()).all(has)))
}

/// Pads a JSON text so that base64 needs no padding.
fn json_text(head: &str, rng: &mut Rng) -> String {
    let length = 16 + (3 - (head.len() + 2) % 3) % 3 + 2;
    format!("{head}{}\"}}", rng.text(ALNUM, length))
}

/// The text of the segment only; keys in the order given.
fn mint_base64json(rng: &mut Rng, args: &[String]) -> Vec<u8> {
    let keys: Vec<&str> = arg(args, 1).split(',').filter(|key| !key.is_empty()).collect();
    let mut head = String::from("{");
    for (at, key) in keys.iter().enumerate() {
        head += &format!("{}\"{key}\":\"", if at > 0 { "," } else { "" });
        if at + 1 < keys.len() {
            head += &rng.text(ALNUM, 12);
            head.push('"');
        }
    }
    if keys.is_empty() {
        head += "\"key\":\"";
    }
    to_base64(json_text(&head, rng).as_bytes()).into_bytes()
}

fn base64contains(input: &Input<'_>) -> Outcome {
    let wanted = arg(input.args, 1).as_bytes();
    let holds =
        decoded(input.segment(arg(input.args, 0))).is_some_and(|bytes| memchr::memmem::find(&bytes, wanted).is_some());
    Outcome::of(input, well_formed_if(holds))
}

/// The text of the segment only.
fn mint_base64contains(rng: &mut Rng, args: &[String]) -> Vec<u8> {
    let wanted = arg(args, 1);
    let length = 48 + (3 - wanted.len() % 3) % 3;
    to_base64(format!("{wanted}{}", rng.text(ALNUM, length)).as_bytes()).into_bytes()
}

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

fn dated(input: &Input<'_>, seconds: Option<i64>) -> Outcome {
    match seconds.filter(|at| plausible_past(*at)) {
        Some(at) => Outcome::of(input, Verdict::WellFormed).fact("created", date(at)),
        None => Outcome::of(input, Verdict::Malformed),
    }
}

fn ulid(input: &Input<'_>) -> Outcome {
    let text = input.segment(arg(input.args, 0)).to_ascii_uppercase();
    let digits: Option<Vec<usize>> = text.iter().map(|byte| CROCKFORD.iter().position(|b| b == byte)).collect();
    let digits = digits.filter(|digits| digits.len() == 26 && digits[0] < 8);
    dated(input, digits.map(|digits| digits.iter().take(10).fold(0, |n, &d| n << 5 | d as i64) / 1000))
}

/// The text of the segment only, in lower case as the vendors write it.
fn mint_ulid(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let millis = recent(rng) * 1000;
    let mut text: Vec<u8> = (0..10).rev().map(|at| CROCKFORD[(millis >> (5 * at)) as usize & 31]).collect();
    text.extend(rng.text(CROCKFORD, 16).bytes());
    text.to_ascii_lowercase()
}

fn objectid(input: &Input<'_>) -> Outcome {
    let bytes = unhex(input.segment(arg(input.args, 0))).filter(|bytes| bytes.len() == 12);
    dated(input, bytes.and_then(|bytes| i64::try_from(big(&bytes[..4])).ok()))
}

/// The text of the segment only.
fn mint_objectid(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    format!("{:08x}{}", recent(rng), rng.text(HEX, 16)).into_bytes()
}
