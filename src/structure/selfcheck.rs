//! Tokens that carry their own checksum in one of the ways that many issuers copy from each other.
//!
//! Source: section 2.20 of the project's facts, a summary of the documented schemes: CRC-32 of a part of the token, in
//! base62 or hex at its end. Nine tries for a candidate: one in 2^28 matches by chance.

use super::primitives::{ALNUM, CRC32, HEX, LOWER};
use super::{Input, Outcome, Rng, Structure};
use crate::finding::Verdict;

/// The validators of this module.
pub(super) const TABLE: &[Structure] = &[
    Structure {
        name: "self-checksum",
        what: "CRC-32 of the token or of its last part, in base62 or hex at its end, as many issuers do",
        args: &[],
        check,
        mint: Some(mint),
    },
    Structure {
        name: "whole-text",
        what: "the match, and white space around it, is all that the file holds",
        args: &[],
        check: whole_text,
        mint: Some(|rng, _| rng.text(HEX, 32).into_bytes()),
    },
];

const SWAPPED: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Six digits of base 62, most significant first.
fn base62(mut n: u32, digits: &[u8]) -> [u8; 6] {
    let mut out = [digits[0]; 6];
    for place in out.iter_mut().rev() {
        *place = digits[(n % 62) as usize];
        n /= 62;
    }
    out
}

/// Which scheme fits, if any.
fn scheme(token: &[u8]) -> Option<&'static str> {
    let body = token.iter().rposition(|&b| b == b'_')? + 1;
    if token.len() - body < 30 {
        return None;
    }
    for (from, what) in [(body, "its last part"), (0, "the token")] {
        let (covered, sum) = token.split_at(token.len() - 6);
        let crc = CRC32.checksum(&covered[from..]);
        if sum == base62(crc, ALNUM) || sum == base62(crc, SWAPPED) {
            return Some(if from == 0 { "CRC-32 of the token, base62" } else { "CRC-32 of its last part, base62" });
        }
        let (covered, sum) = token.split_at(token.len() - 8);
        let crc = CRC32.checksum(&covered[from..]);
        if sum == format!("{crc:08x}").as_bytes() || sum == format!("{:08x}", crc.swap_bytes()).as_bytes() {
            return Some(if what == "the token" { "CRC-32 of the token, hex" } else { "CRC-32 of its last part, hex" });
        }
    }
    None
}

/// Issuers whose tokens have rules of their own, and are left to these.
const KNOWN: &[&str] = &[
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "npm_",
    "glsa_",
    "cfk_",
    "cfut_",
    "cfat_",
    "vcp_",
    "vci_",
    "vca_",
    "vcr_",
    "vck_",
    "vcb_",
    "vct_",
    "zpka_",
    "apify_api_",
    "salad_cloud_",
    "cnvca",
    "csa_",
    "wandb_v1_",
    "polar_",
    "packagist_",
    "rpa_",
];

fn check(input: &Input<'_>) -> Outcome {
    let known = KNOWN.iter().any(|prefix| input.token().starts_with(prefix.as_bytes()));
    match scheme(input.token()).filter(|_| !known) {
        Some(scheme) => Outcome::of(input, Verdict::Proven).fact("checksum", scheme),
        None => Outcome::of(input, Verdict::Malformed).dismissed(),
    }
}

fn mint(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let body = rng.text(ALNUM, 32);
    let sum = base62(CRC32.checksum(body.as_bytes()), ALNUM);
    [rng.text(LOWER, 5).as_bytes(), b"_", body.as_bytes(), &sum].concat()
}

fn whole_text(input: &Input<'_>) -> Outcome {
    let rest = input.hay.get(input.end..).unwrap_or_default();
    let before = input.hay.get(..input.start).unwrap_or_default();
    // A file that goes on after a few blank lines is told apart early.
    let blank = rest.iter().take(16).take_while(|b| b.is_ascii_whitespace()).count();
    let whole = blank == rest.len() && before.iter().all(u8::is_ascii_whitespace);
    let outcome = Outcome { read: 0..input.end + blank + 1, ..Outcome::of(input, Verdict::WellFormed) };
    if whole { outcome } else { outcome.dismissed() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_is_known() {
        let rng = &mut Rng::new(3);
        for _ in 0..50 {
            let (name, body) = (rng.text(LOWER, 4), rng.text(ALNUM, 34));
            let whole = CRC32.checksum(format!("{name}_{body}").as_bytes());
            let part = CRC32.checksum(body.as_bytes());
            let text = |sum: [u8; 6]| String::from_utf8_lossy(&sum).into_owned();
            for sum in [
                text(base62(whole, ALNUM)),
                text(base62(part, SWAPPED)),
                format!("{whole:08x}"),
                format!("{:08x}", part.swap_bytes()),
            ] {
                let token = format!("{name}_{body}{sum}");
                assert!(scheme(token.as_bytes()).is_some(), "{token}");
                let mut edited = token.clone();
                edited.replace_range(6..7, "-");
                assert_eq!(scheme(edited.as_bytes()), None);
            }
        }
        assert_eq!(scheme(b"short_abc"), None);
        assert_eq!(scheme(b"nounderscorehereatallbutlongenoughtobeatoken"), None);
    }
}
