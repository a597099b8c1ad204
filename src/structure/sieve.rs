//! Structures that prove nothing: they sort out what has the shape of a credential and is none, or another issuer's.
//!
//! Sources: AWS documentation (unique identifiers of IAM), the S3-compatible stores that make key ids of their own.

use super::primitives::{B64, unbase64, window};
use super::{Input, Outcome, Rng, Structure};
use crate::finding::Verdict;

/// The validators of this module.
pub(super) const TABLE: &[Structure] = &[
    Structure {
        name: "aws-secret-key",
        what: "neither text in base64 nor the key of another S3 store, whose key id stands beside it",
        args: &[],
        check: aws_secret_key,
        mint: Some(|rng, _| rng.text(B64, 40).into_bytes()),
    },
    Structure {
        name: "facebook-token",
        what: "no piece of longer base64 data",
        args: &[],
        check: facebook_token,
        mint: Some(mint_facebook_token),
    },
];

/// Names of the validators here, whose matches still have to look random.
pub(super) const SIEVES: &[&str] = &["aws-secret-key", "facebook-token"];

/// How far around a secret key its id is looked for.
const AROUND: usize = 400;
/// Base64 on each side of what is a piece of it.
const PIECE: usize = 32;

/// A match and so many bytes on both sides, and the range to read for it.
fn around(input: &Input<'_>, most: usize) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
    let start = input.start.saturating_sub(most);
    let (ahead, past) = window(input.hay, input.end, most);
    (start..ahead.end, start..past)
}

/// 20 capitals and digits, as ids of access keys are.
fn is_key_id(word: &[u8]) -> bool {
    let digits = word.iter().filter(|b| b.is_ascii_digit()).count();
    word.len() == 20 && (1..=19).contains(&digits) && word.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// `AKIA`, `ASIA`, `AROA` and the like; ids of the first years begin with 0 or 1.
fn is_aws_id(id: &[u8]) -> bool {
    matches!(id, [b'A', _, _, b'A', ..] | [b'0' | b'1', ..])
}

fn aws_secret_key(input: &Input<'_>) -> Outcome {
    let (near, read) = around(input, AROUND);
    let text = unbase64(input.token()).is_some_and(|bytes| bytes.iter().all(|b| matches!(b, b' '..=b'~')));
    let sides = [near.start..input.start, input.end..near.end];
    let words = sides
        .into_iter()
        .flat_map(|side| input.hay.get(side).unwrap_or_default().split(|b| !(b.is_ascii_alphanumeric() || *b == b'_')));
    let (own, foreign): (Vec<&[u8]>, Vec<&[u8]>) = words.filter(|w| is_key_id(w)).partition(|id| is_aws_id(id));
    let outcome = Outcome { read, ..Outcome::of(input, Verdict::Shape) };
    if text || own.is_empty() && !foreign.is_empty() { outcome.dismissed() } else { outcome }
}

fn facebook_token(input: &Input<'_>) -> Outcome {
    let (near, read) = around(input, PIECE);
    let all = |side: std::ops::Range<usize>| {
        side.len() == PIECE && input.hay.get(side).is_some_and(|text| text.iter().all(|b| B64.contains(b)))
    };
    let outcome = Outcome { read, ..Outcome::of(input, Verdict::Shape) };
    if all(near.start..input.start) && all(input.end..near.end) { outcome.dismissed() } else { outcome }
}

fn mint_facebook_token(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    const OTHERS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYabcdefghijklmnopqrstuvwxyz";
    let mut text = String::from("EAA");
    for length in [9, 20] {
        text += &rng.text(OTHERS, length);
        text.push('Z');
        text += &rng.text(b"ABCD", 1);
    }
    text += &rng.text(OTHERS, 120);
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dismissed(check: fn(&Input<'_>) -> Outcome, before: &str, token: &[u8], after: &str) -> bool {
        let hay = [before.as_bytes(), token, after.as_bytes()].concat();
        let (start, end) = (before.len(), before.len() + token.len());
        check(&Input { hay: &hay, start, end, captures: &[], args: &[] }).dismiss
    }

    #[test]
    fn keys_of_other_stores_and_texts_are_no_keys_of_aws() {
        let rng = &mut Rng::new(3);
        let key = rng.text(B64, 40).into_bytes();
        let id =
            |start: &str, rng: &mut Rng| format!("{start}{}7Q2Z9", rng.text(b"ABCDEFGHJKLMNP234567", 15 - start.len()));
        for (start, foreign) in [("AKIA", false), ("ASIA", false), ("1T", false), ("Q3", true), ("8K", true)] {
            let id = id(start, rng);
            let before = format!("access_key: {id}\nsecret_key: ");
            assert_eq!(dismissed(aws_secret_key, &before, &key, "\n"), foreign, "{start}");
            assert_eq!(dismissed(aws_secret_key, "secret_key: ", &key, &format!("\nid: {id}\n")), foreign, "{start}");
        }
        assert!(!dismissed(aws_secret_key, "aws_secret: ", &key, "\nREGION_OF_THE_BUCKETS: x"));
        let text = super::super::primitives::to_base64(b"the vendor's id, then a secret").into_bytes();
        assert_eq!(text.len(), 40);
        assert!(dismissed(aws_secret_key, "secret_key: ", &text, "\n"));
    }

    #[test]
    fn a_piece_of_base64_is_no_token() {
        let rng = &mut Rng::new(4);
        let token = mint_facebook_token(rng, &[]);
        let data = rng.text(B64, 40);
        assert!(dismissed(facebook_token, &format!("{data}/"), &token, &format!("+{data}")));
        assert!(!dismissed(facebook_token, "https://graph.facebook.com/", &token, "/me"));
        assert!(!dismissed(facebook_token, &format!("{data}\n"), &token, &format!("\n{data}")));
    }
}
