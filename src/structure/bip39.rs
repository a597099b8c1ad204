//! Mnemonic phrases of BIP-39 in all ten languages of the standard, and those of other wallets.
//!
//! Source: BIP-39 and its word lists, taken from the `bip39` crate. The checksum has 4 to 8 bits only, so a phrase is
//! well-formed at best.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use bip39::Language;
use sha2::{Digest, Sha256};

use super::{Input, Outcome, Rng, Structure};
use crate::finding::{Severity, Verdict};

/// The validators of this module.
pub(super) const TABLE: &[Structure] = &[Structure {
    name: "bip39",
    what: "12, 15, 18, 21 or 24 words of one BIP-39 list with a fitting checksum; phrases of Algorand, Electrum and Monero",
    args: &[],
    check: bip39_check,
    mint: Some(mint_bip39),
}];

/// Word to its places: index of the language and of the word.
static WORDS: LazyLock<HashMap<&'static str, Vec<(usize, u16)>>> = LazyLock::new(|| {
    let mut words: HashMap<_, Vec<_>> = HashMap::new();
    for (language, list) in Language::ALL.iter().enumerate() {
        for (index, word) in (0u16..).zip(list.word_list()) {
            words.entry(*word).or_default().push((language, index));
        }
    }
    words
});

/// Phrases that documentation, test vectors and development tools print.
const PUBLISHED: &[&str] = &[
    concat!("test test test test test test ", "test test test test test junk"),
    concat!("legal winner thank year wave sausage ", "worth useful legal winner thank yellow"),
    concat!("letter advice cage absurd amount doctor ", "acoustic avoid letter advice cage above"),
    concat!("candy maple cake sugar pudding cream ", "honey rich smooth crumble sweet treat"),
];

/// Words of a label, of the longest phrase, and one more.
const ENOUGH: usize = 2 + 25 + 1;

/// Words of a phrase of the standard.
const LENGTHS: [usize; 5] = [12, 15, 18, 21, 24];

/// The words of a text with their offsets, without the numbers of a list. A phrase has at most 25; a few more tell that it
/// is something else.
fn words(text: &str) -> Vec<(usize, &str)> {
    let separator = |c: char| c.is_whitespace() || c.is_ascii_punctuation() || c == '\u{3000}';
    let mut out = Vec::new();
    let mut at = 0;
    for word in text.split(separator) {
        if word.bytes().any(|b| !b.is_ascii_digit()) {
            out.push((at, word));
        }
        // Every separator counts with its own length.
        at += word.len();
        at += text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        if out.len() > ENOUGH {
            break;
        }
    }
    out
}

/// Whether the words are all of one list and their checksum holds.
fn holds(words: &[(usize, &str)]) -> Option<usize> {
    let places: Vec<&Vec<(usize, u16)>> =
        words.iter().map(|(_, word)| WORDS.get(normal(word).as_ref())).collect::<Option<_>>()?;
    (0..Language::ALL.len()).find(|&language| {
        let indices = places.iter().map(|of| of.iter().find(|(l, _)| *l == language).map(|(_, index)| *index));
        indices.collect::<Option<Vec<u16>>>().is_some_and(|indices| checksum_holds(&indices))
    })
}

/// What a phrase is, as a fact: BIP-39 in a language, or one of the two others that use its English list.
fn kind(phrase: &[(usize, &str)]) -> Option<(&'static str, String)> {
    let standard = LENGTHS.contains(&phrase.len()).then(|| holds(phrase)).flatten();
    if let Some(language) = standard {
        return Some(("language", format!("{:?}", Language::ALL[language])));
    }
    let wallet = if is_algorand(phrase) {
        "Algorand"
    } else if is_electrum(phrase) {
        "Electrum"
    } else {
        return None;
    };
    Some(("wallet", wallet.to_owned()))
}

/// Places of the words in the English list.
fn english(phrase: &[(usize, &str)]) -> Option<Vec<u16>> {
    let list = Language::ALL.iter().position(|language| *language == Language::English)?;
    let place = |word: &str| WORDS.get(word)?.iter().find(|(language, _)| *language == list).map(|(_, index)| *index);
    phrase.iter().map(|(_, word)| place(word)).collect()
}

/// 24 words of 11 bits, lowest first, are a key of 32 bytes; the last word is the start of its SHA-512/256.
fn is_algorand(phrase: &[(usize, &str)]) -> bool {
    let Some(indices) = Some(phrase).filter(|phrase| phrase.len() == 25).and_then(english) else { return false };
    let bits: Vec<bool> =
        indices[..24].iter().flat_map(|index| (0..11).map(move |bit| index >> bit & 1 == 1)).collect();
    let bytes: Vec<u8> =
        bits.chunks(8).map(|chunk| chunk.iter().rev().fold(0, |byte, &bit| byte << 1 | u8::from(bit))).collect();
    let Some((0, key)) = bytes.split_last() else { return false };
    let digest = sha2::Sha512_256::digest(key);
    u16::from_le_bytes([digest[0], digest[1]]) & 2047 == indices[24]
}

/// The HMAC of the phrase begins with the number of its version.
fn is_electrum(phrase: &[(usize, &str)]) -> bool {
    use hmac::Mac;
    if !matches!(phrase.len(), 12 | 13 | 24) || english(phrase).is_none() {
        return false;
    }
    let text = phrase.iter().map(|(_, word)| *word).collect::<Vec<_>>().join(" ");
    let Ok(mut mac) = hmac::Hmac::<sha2::Sha512>::new_from_slice(b"Seed version") else { return false };
    mac.update(text.as_bytes());
    let sum = mac.finalize().into_bytes();
    // 0x01: standard; 0x100, 0x101, 0x102: segwit and two-factor.
    sum[0] == 0x01 || sum[0] == 0x10 && sum[1] >> 4 <= 2
}

/// The last word repeats one of the others, which a CRC-32 of their first three letters chooses. No list of words is
/// needed for that; Monero's have four letters or more.
fn is_monero(phrase: &[(usize, &str)]) -> bool {
    let words: Vec<&str> = phrase.iter().map(|(_, word)| *word).collect();
    let Some((last, others)) = words.split_last().filter(|_| matches!(words.len(), 13 | 25)) else { return false };
    if words.iter().any(|word| word.len() < 4 || !word.bytes().all(|b| b.is_ascii_lowercase())) {
        return false;
    }
    let letters: String = others.iter().map(|word| &word[..3]).collect();
    let sum = crc32fast::hash(letters.as_bytes());
    others[sum as usize % others.len()] == *last
}

/// A word as the lists have it: lower case, decomposed.
fn normal(word: &str) -> Cow<'_, str> {
    use unicode_normalization::UnicodeNormalization;
    if word.bytes().all(|b| b.is_ascii_lowercase()) {
        Cow::Borrowed(word)
    } else {
        word.to_lowercase().nfkd().collect::<String>().into()
    }
}

fn to_bits(indices: &[u16]) -> Vec<bool> {
    indices.iter().flat_map(|index| (0..11).rev().map(move |bit| index >> bit & 1 == 1)).collect()
}

fn to_bytes(bits: &[bool]) -> Vec<u8> {
    bits.chunks(8).map(|chunk| chunk.iter().fold(0, |byte, &bit| byte << 1 | u8::from(bit))).collect()
}

fn checksum_holds(indices: &[u16]) -> bool {
    let bits = to_bits(indices);
    let (entropy, sum) = bits.split_at(bits.len() - bits.len() / 33);
    let digest = Sha256::digest(to_bytes(entropy));
    sum.iter().enumerate().all(|(at, &bit)| digest.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1) == bit)
}

fn bip39_check(input: &Input<'_>) -> Outcome {
    let bad = Outcome::of(input, Verdict::Malformed);
    let token = input.token();
    let span = input.captures.iter().find(|(name, _)| matches!(*name, "phrase" | "body")).map(|(_, span)| *span);
    let (start, end) = span.unwrap_or((input.start, input.end));
    let Some(text) = input.hay.get(start..end).and_then(|bytes| std::str::from_utf8(bytes).ok()) else {
        return bad;
    };
    if token.len() > 4096 {
        return bad;
    }
    let words = words(text);
    let listed: Vec<bool> = words.iter().map(|(_, word)| WORDS.contains_key(normal(word).as_ref())).collect();
    let mut has_length = false;
    // Up to two words before the phrase are taken for a label: "seed phrase: ..."; it ends at the first word of no list.
    for skip in 0..3 {
        let Some(phrase) = words.get(skip..) else { break };
        if let (true, Some(first), Some(last)) = (is_monero(phrase), phrase.first(), phrase.last()) {
            let mut outcome = Outcome::of(input, Verdict::WellFormed)
                .fact("words", phrase.len().to_string())
                .fact("wallet", "Monero");
            outcome.span = start + first.0..start + last.0 + last.1.len();
            return outcome;
        }
        let known = listed.iter().skip(skip).take_while(|listed| **listed).count();
        has_length |= LENGTHS.contains(&known);
        let phrase = phrase.get(..known).unwrap_or_default();
        let phrase = on_its_line(text, phrase).unwrap_or(phrase);
        let (Some(kind), Some(first), Some(last)) = (kind(phrase), phrase.first(), phrase.last()) else {
            continue;
        };
        let mut outcome =
            Outcome::of(input, Verdict::WellFormed).fact("words", phrase.len().to_string()).fact(kind.0, kind.1);
        outcome.span = start + first.0..start + last.0 + last.1.len();
        return if is_published(phrase) {
            outcome.fact("known", "published test phrase").at_most(Severity::Low)
        } else {
            outcome
        };
    }
    // Prose is no phrase with a wrong checksum.
    if has_length { bad } else { bad.dismissed() }
}

/// The beginning of a run of words that is a phrase and all of a line: what stands below it may be listed words by chance.
fn on_its_line<'p, 't>(text: &str, run: &'p [(usize, &'t str)]) -> Option<&'p [(usize, &'t str)]> {
    let cuts = LENGTHS.iter().rev().filter_map(|length| run.get(..*length));
    cuts.filter(|phrase| phrase.len() < run.len()).find(|phrase| {
        let (Some(first), Some(last)) = (phrase.first(), phrase.last()) else { return false };
        let end = last.0 + last.1.len();
        let line = text.get(first.0..end).is_some_and(|line| !line.contains('\n'));
        let ends = text
            .get(end..)
            .is_some_and(|rest| rest.trim_start_matches([' ', '\t', '\r', '"', '\'', ',']).starts_with('\n'));
        line && ends && holds(phrase).is_some()
    })
}

fn is_published(phrase: &[(usize, &str)]) -> bool {
    let text = phrase.iter().map(|(_, word)| word.to_lowercase()).collect::<Vec<_>>().join(" ");
    let repeated = phrase.windows(2).filter(|w| w[0].1 == w[1].1).count() >= phrase.len() - 2;
    repeated || PUBLISHED.contains(&text.as_str())
}

fn mint_bip39(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let entropy = rng.bytes(16);
    let mut bytes = entropy.clone();
    bytes.extend(Sha256::digest(&entropy));
    let bits: Vec<bool> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect();
    let list = Language::English.word_list();
    let words: Vec<&str> = bits
        .chunks(11)
        .take(12)
        .map(|chunk| list[chunk.iter().fold(0, |index, &bit| index << 1 | usize::from(bit)) & 2047])
        .collect();
    words.join(" ").into_bytes()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn kind_of(text: &str) -> Option<(&'static str, String)> {
        kind(&words(text))
    }

    #[test]
    fn monero_phrases_are_told() {
        let others = "tuesday pyramid oven rodent sake lopped vivid academy dwindling gambit adjust hoax \
                      zodiac unveil jigsaw maze nostril ointment pebbles quote rafts saucepan taunts usual";
        let all: Vec<&str> = others.split_whitespace().collect();
        let letters: String = all.iter().map(|word| &word[..3]).collect();
        // The polynomial of the standard, bit by bit.
        let sum = letters.bytes().fold(u32::MAX, |sum, byte| {
            (0..8).fold(sum ^ u32::from(byte), |sum, _| sum >> 1 ^ if sum & 1 == 1 { 0xedb8_8320 } else { 0 })
        });
        let last = all[(!sum % 24) as usize];
        let phrase = format!("{others} {last}");
        assert!(is_monero(&words(&phrase)));
        let another = if last == all[0] { all[1] } else { all[0] };
        assert!(!is_monero(&words(&format!("{others} {another}"))));
        assert!(!is_monero(&words(&phrase.replacen("sake", "a", 1))), "a word of prose");
        assert!(!is_monero(&words(others)));
    }

    #[test]
    fn algorand_and_electrum_phrases_are_told() {
        // The key of zero bytes, as the Algorand SDKs print it.
        let zeros = format!("{}invest", "abandon ".repeat(24));
        assert_eq!(kind_of(&zeros), Some(("wallet", "Algorand".to_owned())));
        assert_eq!(kind_of(&zeros.replace("invest", "invite")), None);
        // From Electrum's own tests: a standard seed, which is no BIP-39 phrase.
        let standard = concat!("cram swing cover prefer miss modify ", "ritual silly deliver chunk behind inform able");
        assert_eq!(kind_of(standard), Some(("wallet", "Electrum".to_owned())));
        assert_eq!(kind_of(&standard.replace("cram", "cradle")), None);
    }
}
