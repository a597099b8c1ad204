//! Microsoft keys: identifiable keys (HIS v1), CASK, Azure DevOps, Entra, NuGet and shared access signatures.
//!
//! Sources: github.com/microsoft/security-utilities and github.com/microsoft/cask (both MIT),
//! github.com/NuGet/NuGetGallery; for shared access signatures the Azure Storage and Service Bus documentation.

use std::ops::Range;

use super::primitives::{
    ALNUM, B64, B64URL, CRC32, arg, base62, body, date, expires, marvin32, now, proven_if, to_base64, to_base64_nopad,
    unbase32, unbase64, well_formed_if,
};
use super::{Input, Outcome, Rng, Structure};
use crate::finding::Verdict;

/// The validators of this module.
pub(super) const TABLE: &[Structure] = &[
    Structure {
        name: "azure-key",
        what: "Azure identifiable key: service signature and Marvin32 checksum (microsoft/security-utilities)",
        args: &["SIGNATURE", "BYTES", "SEEDS"],
        check: azure_key,
        mint: Some(mint_azure_key),
    },
    Structure {
        name: "cask",
        what: "Azure common annotated security key: marker, allocation date and checksum (microsoft/security-utilities)",
        args: &["SIGNATURE?"],
        check: cask,
        mint: Some(mint_cask),
    },
    Structure {
        name: "cask-draft",
        what: "draft layout of the common annotated security key: every bounded field (microsoft/cask)",
        args: &[],
        check: cask_draft,
        mint: Some(mint_cask_draft),
    },
    Structure {
        name: "azure-devops-pat",
        what: "old Azure DevOps token: CRC-32 scattered over four bytes (microsoft/security-utilities)",
        args: &[],
        check: devops,
        mint: Some(mint_devops),
    },
    Structure {
        name: "entra-secret",
        what: "Entra client secret: marker 7Q~ or 8Q~, the latter with a checksum (microsoft/security-utilities)",
        args: &[],
        check: entra,
        mint: Some(mint_entra),
    },
    Structure {
        name: "nuget-v4",
        what: "NuGet v4 key: two base32 parts of 12 and 16 bytes (NuGet/NuGetGallery)",
        args: &[],
        check: nuget,
        mint: Some(mint_nuget),
    },
    Structure {
        name: "azure-sas",
        what: "shared access signature: the query around `sig=`, with its expiry (Azure documentation)",
        args: &[],
        check: sas,
        mint: Some(mint_sas),
    },
];

/// Text without its padding.
fn unpadded(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|&b| b != b'=').map_or(0, |at| at + 1);
    &text[..end]
}

fn azure_key(input: &Input<'_>) -> Outcome {
    let (signature, seeds) = (arg(input.args, 0), arg(input.args, 2));
    let size: usize = arg(input.args, 1).parse().unwrap_or(0);
    let holds = [body(input), input.token()].into_iter().any(|text| {
        let text = unpadded(text);
        let Some(bytes) = unbase64(text).filter(|bytes| bytes.len() == size && size > 4) else {
            return false;
        };
        text.len().checked_sub(10).and_then(|at| text.get(at..at + 4)) == Some(signature.as_bytes())
            && seeds.split(',').any(|seed| checksum_holds(&bytes, seed) || redis_holds(text, signature, seed))
    });
    Outcome::of(input, proven_if(holds))
}

fn checksum_holds(bytes: &[u8], seed: &str) -> bool {
    bytes.split_last_chunk::<4>().is_some_and(|(data, sum)| marvin32(seed, data) == u32::from_le_bytes(*sum))
}

/// Redis keys may have had `+` and `/` replaced after encoding; the vendor's check for those hashes the text as it is.
fn redis_holds(text: &[u8], signature: &str, seed: &str) -> bool {
    if signature != "AzCa" {
        return false;
    }
    let Some(mut bytes) = unbase64(text) else { return false };
    let sum = marvin32(seed, &bytes).to_le_bytes();
    if let Some(last) = bytes.last_chunk_mut::<4>() {
        *last = sum;
    }
    to_base64_nopad(&bytes).replace('+', "P").replace('/', "F").as_bytes() == text
}

fn mint_azure_key(rng: &mut Rng, args: &[String]) -> Vec<u8> {
    let signature = arg(args, 0);
    let size = arg(args, 1).parse().unwrap_or(32usize).clamp(16, 512);
    let seed = arg(args, 2).split(',').next().unwrap_or_default();
    let length = (size * 4).div_ceil(3);
    let alphabet = if signature == "AzSe" { ALNUM } else { B64 };
    // Keys of letters and digits only need a few tries.
    for _ in 0..10_000 {
        let mut text = rng.text(alphabet, length).into_bytes();
        text.splice(length - 10..length - 6, signature.bytes());
        // The bits between the signature and the byte-aligned checksum are zero; the checksum overwrites the rest.
        text[length - 6] = b'A';
        let Some(mut bytes) = unbase64(&text) else { continue };
        bytes.truncate(size);
        let sum = marvin32(seed, bytes.get(..size - 4).unwrap_or_default()).to_le_bytes();
        if let Some(last) = bytes.last_chunk_mut::<4>() {
            *last = sum;
        }
        let text = to_base64(&bytes);
        if signature == "AzSe" && !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            continue;
        }
        return if signature == "AzFu" { text.replace('+', "-").replace('/', "_") } else { text }.into_bytes();
    }
    Vec::new()
}

/// The checksum texts a key of this length may end with.
fn cask_checksums(text: &[u8]) -> Vec<String> {
    let Some(bytes) = text.get(..80).and_then(unbase64) else { return Vec::new() };
    let sum = marvin32("Default0", &bytes).to_le_bytes();
    let zeros = sum.iter().take_while(|&&b| b == 0).count();
    let digits = "0".repeat(zeros) + &base62(u64::from(u32::from_be_bytes(sum)));
    let six = format!("{digits:0<6}");
    match text.len() {
        84 => vec![six.chars().take(4).collect(), to_base64(&sum[..3])],
        88 => {
            let again = unbase64(six.as_bytes()).map(|bytes| to_base64(&bytes)).unwrap_or_default();
            vec![again, to_base64(&sum)]
        }
        _ => Vec::new(),
    }
}

fn cask(input: &Input<'_>) -> Outcome {
    let text = if matches!(body(input).len(), 84 | 88) { body(input) } else { input.token() };
    let bad = Outcome::of(input, Verdict::Malformed);
    let (Some(b"JQQJ9"), Some(&[kind, year, month]), Some(signature)) =
        (text.get(52..57), text.get(57..60), text.get(76..80))
    else {
        return bad;
    };
    let wanted = arg(input.args, 0);
    if !wanted.is_empty() && !signature.eq_ignore_ascii_case(wanted.as_bytes()) {
        return bad.dismissed();
    }
    let alnum = text.get(..52).is_some_and(|secret| secret.iter().all(u8::is_ascii_alphanumeric));
    let dated = year.is_ascii_uppercase() && (b'A'..=b'L').contains(&month);
    if !alnum || !dated || !matches!(kind, b'9' | b'D' | b'H') {
        return bad;
    }
    let tail = text.get(80..).unwrap_or_default();
    let outcome = Outcome::of(input, proven_if(cask_checksums(text).iter().any(|sum| sum.as_bytes() == tail)))
        .fact("issued", format!("{}-{:02}", 2024 + u32::from(year - b'A'), month - b'A' + 1))
        .fact("provider", String::from_utf8_lossy(signature));
    if signature == b"NUGT" && text.get(60..62) == Some(b"N5") { nuget_expiry(outcome, text) } else { outcome }
}

/// NuGet v5 keys say when they were allocated and for how long.
fn nuget_expiry(outcome: Outcome, text: &[u8]) -> Outcome {
    let digit = |at: usize| ALNUM.iter().position(|b| text.get(at) == Some(b)).map(|n| n as i64);
    let read = || -> Option<i64> {
        let (year, month) = (i16::from(text.get(58)? - b'A') + 2024, (text.get(59)? - b'A' + 1) as i8);
        let (day, hour, minute) = (digit(69)?, digit(70)?, digit(71)?);
        let start = jiff::civil::Date::new(year, month, i8::try_from(day).ok()?).ok()?.at(
            i8::try_from(hour).ok().filter(|h| *h < 24)?,
            i8::try_from(minute).ok().filter(|m| *m < 60)?,
            0,
            0,
        );
        let start = start.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
        Some(start + (digit(73)? * 3844 + digit(74)? * 62 + digit(75)?) * 300)
    };
    match read() {
        Some(at) => expires(outcome, at),
        None => outcome,
    }
}

fn mint_cask(rng: &mut Rng, args: &[String]) -> Vec<u8> {
    let signature = match arg(args, 0) {
        // No service is called so.
        "" => "ZQXW",
        given => given,
    };
    let month = rng.pick(b"ABCDEFGHIJKL") as char;
    let text = format!("{}JQQJ99B{month}ACAAAAAAAAAAAAAA{signature}", rng.text(ALNUM, 52)).into_bytes();
    let mut text = text.get(..80).map(<[u8]>::to_vec).unwrap_or(text);
    let mut full = text.clone();
    full.extend(b"0000");
    text.extend(cask_checksums(&full).first().map(|sum| sum.clone().into_bytes()).unwrap_or_default());
    text
}

/// The position of a character in the URL-safe base64 alphabet.
fn digit64(text: &[u8], at: usize) -> Option<usize> {
    let byte = text.get(at)?;
    B64URL.iter().position(|b| b == byte)
}

fn cask_draft_issued(text: &[u8]) -> Option<String> {
    let secret = if text.get(44..48) == Some(b"QJJQ") { 44 } else { 88 };
    let zeros: &[u8] = if secret == 44 { b"A" } else { b"AA" };
    let head = text.get(..secret)?;
    let step = if secret == 44 { 4 } else { 16 };
    let free = digit64(head, secret - zeros.len() - 1)?;
    let fields = text.get(secret..)?;
    let count = digit64(fields, 6)?;
    let size = if secret == 44 { b'B' } else { b'C' };
    let fixed = head.ends_with(zeros)
        && free % step == 0
        && fields.starts_with(b"QJJQA")
        && fields.get(5) == Some(&size)
        && count <= 10
        && fields.len() == 20 + 4 * count
        && text.iter().all(|b| B64URL.contains(b));
    let time = fields.get(12 + 4 * count..)?;
    let (year, month) = (digit64(time, 2)?, digit64(time, 3)?);
    let (day, hour) = (digit64(time, 4)?, digit64(time, 5)?);
    let (minute, second) = (digit64(time, 6)?, digit64(time, 7)?);
    let bounded = time.starts_with(b"AA") && month < 12 && day < 31 && hour < 24 && minute < 60 && second < 60;
    (fixed && bounded).then(|| format!("{}-{:02}-{:02}", 2025 + year, month + 1, day + 1))
}

fn cask_draft(input: &Input<'_>) -> Outcome {
    match cask_draft_issued(input.token()) {
        Some(issued) => Outcome::of(input, Verdict::WellFormed).fact("issued", issued),
        None => Outcome::of(input, Verdict::Malformed),
    }
}

fn mint_cask_draft(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let secret = rng.text(B64URL, 42);
    let free = rng.pick(b"AEIMQUYcgkosw048") as char;
    let time = [b"ABCDEFGHIJKL".as_slice(), b"ABCDEFGHIJKL", b"ABCDEFGHIJKL", b"ABCDEFGHIJKL", b"ABCDEFGHIJKL"]
        .map(|of| rng.pick(of) as char);
    format!("{secret}{free}AQJJQABAATEST{}{}", "AAB", time.iter().collect::<String>()).into_bytes()
}

const DEVOPS_SUM: [usize; 4] = [2, 7, 8, 22];
const DEVOPS_USER: u32 = 0xe0b9_692d;
const DEVOPS_APP: u32 = 0x1019_f92e;

fn devops(input: &Input<'_>) -> Outcome {
    let text = if body(input).len() == 52 { body(input) } else { input.token() };
    let bytes = unbase32(text).filter(|bytes| text.len() == 52 && bytes.len() == 32).unwrap_or_default();
    let sum = DEVOPS_SUM.iter().fold(0u32, |n, &at| n << 8 | u32::from(*bytes.get(at).unwrap_or(&0)));
    let secret: Vec<u8> =
        bytes.iter().enumerate().filter(|(at, _)| !DEVOPS_SUM.contains(at)).map(|(_, &b)| b).collect();
    let kind = match CRC32.checksum(&secret) ^ sum {
        _ if bytes.is_empty() => None,
        DEVOPS_USER => Some("user"),
        DEVOPS_APP => Some("application"),
        _ => None,
    };
    match kind {
        Some(kind) => Outcome::of(input, Verdict::Proven).fact("issued to", kind),
        // There is no prefix, so nothing but the checksum tells such a token from any other text.
        None => Outcome::of(input, Verdict::Malformed).dismissed(),
    }
}

fn mint_devops(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let mut bytes = rng.bytes(28);
    let sum = (CRC32.checksum(&bytes) ^ DEVOPS_USER).to_be_bytes();
    DEVOPS_SUM.iter().zip(sum).for_each(|(&at, byte)| bytes.insert(at, byte));
    data_encoding::BASE32_NOPAD.encode(&bytes).to_ascii_lowercase().into_bytes()
}

/// The first three of six base-66 digits of the checksum.
fn entra_sum(text: &[u8]) -> [u8; 3] {
    const DIGITS: &[u8; 66] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890.-_~";
    let sum = marvin32("AadPwd00", text);
    [5, 4, 3].map(|place| DIGITS[(sum / 66u32.pow(place) % 66) as usize])
}

fn entra(input: &Input<'_>) -> Outcome {
    let token = input.token();
    let eight = token.get(3..6) == Some(b"8Q~") && token.len() == 40;
    let verdict = match (token.get(..37), token.get(37..)) {
        (Some(head), Some(sum)) if eight && sum == entra_sum(head) => Verdict::Proven,
        (_, Some(sum)) if eight && !matches!(sum.first(), Some(b'a'..=b'd')) => Verdict::Malformed,
        _ if token.get(4..6) == Some(b"Q~") => Verdict::Shape,
        _ => Verdict::Malformed,
    };
    Outcome::of(input, verdict)
}

fn mint_entra(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let mut text = format!("{}8Q~{}", rng.text(ALNUM, 3), rng.text(ALNUM, 31)).into_bytes();
    text.extend(entra_sum(&text));
    text
}

fn nuget(input: &Input<'_>) -> Outcome {
    let token = input.token();
    let parts = token.split_at_checked(20).filter(|_| token.len() == 46);
    let decoded = parts.and_then(|(a, b)| unbase32(a).zip(unbase32(b)));
    let verdict = match decoded {
        Some((a, b)) if a.starts_with(b"v4") && !token.iter().any(u8::is_ascii_uppercase) => {
            let canonical = |bytes: &[u8]| data_encoding::BASE32_NOPAD.encode(bytes).to_ascii_lowercase();
            if (canonical(&a) + &canonical(&b)).as_bytes() == token { Verdict::WellFormed } else { Verdict::Shape }
        }
        _ => Verdict::Malformed,
    };
    Outcome::of(input, verdict)
}

fn mint_nuget(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let first = [b"v4".to_vec(), rng.bytes(10)].concat();
    let encode = |bytes: &[u8]| data_encoding::BASE32_NOPAD.encode(bytes).to_ascii_lowercase();
    (encode(&first) + &encode(&rng.bytes(16))).into_bytes()
}

/// Widens the match over characters of a query string, at most 2048 each way; gives span and bytes read.
fn query_span(input: &Input<'_>) -> (Range<usize>, Range<usize>) {
    let of_query = |b: &u8| b.is_ascii_alphanumeric() || b"%&=:.,_~+/-;".contains(b);
    let floor = input.start.saturating_sub(2048);
    let before = input.hay.get(floor..input.start).unwrap_or_default();
    let start = input.start - before.iter().rev().take_while(|b| of_query(b)).count();
    let (window, past) = super::primitives::window(input.hay, input.end, 2048);
    let after = input.hay.get(window.clone()).unwrap_or_default();
    let mut end = input.end;
    let mut rest = after;
    while let Some((byte, tail)) = rest.split_first() {
        let step = if rest.starts_with(br"\u0026") { 6 } else { usize::from(of_query(byte)) };
        if step == 0 {
            break;
        }
        end += step;
        rest = if step == 1 { tail } else { rest.get(step..).unwrap_or_default() };
    }
    let read_end = if end == window.end { past } else { (end + 6).min(past) };
    (start..end, start.saturating_sub(1)..read_end)
}

/// Undoes percent-encoding.
pub(super) fn unpercent(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let code = bytes.get(at + 1..at + 3).filter(|_| byte == b'%').and_then(super::primitives::unhex);
        match code.as_deref() {
            Some(&[decoded]) => {
                out.push(decoded);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn sas(input: &Input<'_>) -> Outcome {
    let (span, read) = query_span(input);
    let query = String::from_utf8_lossy(input.hay.get(span.clone()).unwrap_or_default());
    let query = query.replace("&amp;", "&").replace(r"\u0026", "&");
    let field = |name: &str| {
        // `SAS_TOKEN=sv=...`: the name of a variable may stand before the first one.
        let value = |pair: &'_ str| -> Option<String> {
            let (key, value) = pair.split_once('=')?;
            // What stands before the first one: the rest of an entity, a column of a table.
            if key.rsplit([';', ',', '(', ' ']).next() == Some(name) {
                return Some(unpercent(value));
            }
            value.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| unpercent(value))
        };
        query.split('&').find_map(value)
    };
    let signature = field("sig")
        .and_then(|sig| unbase64(sig.trim().trim_end_matches([',', '.', ';', ')']).as_bytes()))
        .unwrap_or_default();
    let known = field("sv").is_some() || (field("sr").is_some() && field("se").is_some());
    let mut outcome = Outcome { read, span, ..Outcome::of(input, well_formed_if(known && signature.len() == 32)) };
    // Other links have a parameter of that name too.
    outcome.dismiss = !known;
    for (key, label) in [("sp", "permissions"), ("skn", "policy"), ("si", "policy"), ("sr", "resource")] {
        if let Some(value) = field(key) {
            outcome = outcome.fact(label, value);
        }
    }
    match field("se").and_then(|se| se.parse().ok().or_else(|| sas_time(&se))) {
        Some(at) => expires(outcome, at),
        None => outcome,
    }
}

/// Expiry of a storage signature: a date, or a date and time in UTC.
fn sas_time(text: &str) -> Option<i64> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(time.as_second());
    }
    let time: jiff::civil::DateTime = text.trim_end_matches('Z').parse().ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
}

fn mint_sas(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let sig = to_base64(&rng.bytes(32)).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let end = date(now() + 86_400 * (30 + rng.below(300) as i64));
    format!("sv=2022-11-02&ss=b&srt=sco&sp=rwdlac&se={end}&spr=https&sig={sig}").into_bytes()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A key whose reserved part and provider are given, closed with the nth of its accepted checksums.
    fn key(reserved: &str, provider: &str, length: usize, form: usize) -> String {
        let head = format!("{}JQQJ99CA{reserved}{provider}", Rng::new(5).text(ALNUM, 52));
        let sums = cask_checksums(format!("{head}{}", "0".repeat(length - 80)).as_bytes());
        format!("{head}{}", sums[form])
    }

    fn check(text: &str) -> Outcome {
        cask(&Input { hay: text.as_bytes(), start: 0, end: text.len(), captures: &[], args: &[] })
    }

    #[test]
    fn long_and_early_forms_are_proven() {
        for (length, form) in [(84, 0), (84, 1), (88, 0), (88, 1)] {
            let text = key("AAAAAAAAAAAAAAAA", "acog", length, form);
            assert_eq!(text.len(), length);
            assert_eq!(check(&text).verdict, Verdict::Proven, "{text}");
            assert_eq!(check(&text.replace("acog", "acof")).verdict, Verdict::Malformed, "{text}");
        }
    }

    #[test]
    fn nuget_keys_say_when_they_expire() {
        // January 2026, the 15th, 10:30; a lifetime of one day.
        let text = key("N5P000001FAUL04e", "NUGT", 84, 0);
        let outcome = check(&text);
        assert_eq!(outcome.verdict, Verdict::Proven);
        assert_eq!(outcome.facts.last().unwrap().value, "2026-01-16T10:30:00Z");
        assert_eq!(outcome.at_most, Some(crate::finding::Severity::Low));
        // A day that no month has gives no date, and no panic.
        assert_eq!(check(&key("N5P000001zzzL04e", "NUGT", 84, 0)).facts.len(), 2);
    }
}
