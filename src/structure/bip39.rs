//! Mnemonic phrases of BIP-39 in all ten languages of the standard.
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
    what: "12, 15, 18, 21 or 24 words of one BIP-39 list with a fitting checksum",
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

/// The words of a text with their offsets. A phrase has at most 24; a few more tell that it is something else.
fn words(text: &str) -> Vec<(usize, &str)> {
    let separator = |c: char| c.is_whitespace() || c.is_ascii_punctuation() || c == '\u{3000}';
    let mut out = Vec::new();
    let mut at = 0;
    for word in text.split(separator) {
        if !word.is_empty() {
            out.push((at, word));
        }
        // Every separator counts with its own length.
        at += word.len();
        at += text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        if out.len() > 64 {
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
    // Up to two words before the phrase are taken for a label: "seed phrase: ..."; it ends at the first word of no list.
    for skip in 0..3 {
        let Some(phrase) = words.get(skip..) else { break };
        let known = phrase.iter().take_while(|(_, word)| WORDS.contains_key(normal(word).as_ref())).count();
        let phrase = phrase.get(..known).unwrap_or_default();
        if !matches!(phrase.len(), 12 | 15 | 18 | 21 | 24) {
            continue;
        }
        let (Some(language), Some(first), Some(last)) = (holds(phrase), phrase.first(), phrase.last()) else {
            continue;
        };
        let mut outcome = Outcome::of(input, Verdict::WellFormed)
            .fact("words", phrase.len().to_string())
            .fact("language", format!("{:?}", Language::ALL[language]));
        outcome.span = start + first.0..start + last.0 + last.1.len();
        return if is_published(phrase) {
            outcome.fact("known", "published test phrase").at_most(Severity::Low)
        } else {
            outcome
        };
    }
    bad
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
