//! Evidence to confidence: the only place with weights.

use std::sync::LazyLock;

use crate::finding::{Confidence, Verdict};
use crate::generic::shape::vocabulary::{BODY, BODY_SAYS, words};

/// What is known about a candidate when it is judged.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// What could be shown offline.
    pub verdict: Verdict,
    /// The random part of the secret: the match without the rule's literal text.
    pub body: &'a [u8],
    /// Does the rule have a distinctive literal (4 bytes or more)?
    pub distinctive: bool,
    /// Is the structure itself the evidence (PEM, URL), so that the randomness of the text says nothing?
    pub structural: bool,
    /// Bits of the rule's format.
    pub bits: f64,
}

/// Share of a body, in percent, that placeholder text must make up to count.
const PLACEHOLDER_SHARE: usize = 40;

/// Judges a candidate.
pub fn confidence(evidence: &Evidence<'_>) -> Confidence {
    match evidence.verdict {
        Verdict::Proven => return Confidence::Proven,
        Verdict::Malformed => return Confidence::Low,
        _ => {}
    }
    if evidence.structural {
        return if evidence.verdict == Verdict::WellFormed { Confidence::High } else { Confidence::Medium };
    }
    if !is_random(evidence.body) {
        return Confidence::Low;
    }
    match evidence.verdict {
        Verdict::WellFormed => Confidence::High,
        _ if evidence.distinctive && evidence.bits >= 80.0 => Confidence::High,
        _ => Confidence::Medium,
    }
}

/// Could the text be a random one? Judged for its own alphabet and length; of random texts of 16 or more
/// characters fewer than one in five thousand fail.
pub fn is_random(body: &[u8]) -> bool {
    !few_symbols(body)
        && !has_sequence(body)
        && !repeats(body)
        && !is_wordy(body)
        && !is_camel_case(body)
        && placeholder_share(body) < PLACEHOLDER_SHARE
}

/// Fewer different symbols than a random text of this length and kind has.
fn few_symbols(body: &[u8]) -> bool {
    let mut seen = [false; 256];
    body.iter().for_each(|&b| seen[usize::from(b)] = true);
    let distinct = seen.iter().filter(|s| **s).count();
    let least = if body.iter().all(u8::is_ascii_digit) {
        // Ten symbols: short numbers repeat a lot.
        body.len().min(16) / 4
    } else if body.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-') {
        match body.len() {
            0..8 => 1,
            8..16 => 3,
            16..32 => 5,
            32..64 => 7,
            _ => 9,
        }
    } else {
        match body.len() {
            0..8 => 2,
            8..16 => 4,
            16..24 => 7,
            24..32 => 9,
            32..48 => 11,
            _ => 12,
        }
    };
    distinct < least
}

/// A run of equal or of counting characters (`aaaaaa`, `123456`, `fedcba`) that covers a good part.
fn has_sequence(body: &[u8]) -> bool {
    [0i16, 1, -1].iter().any(|step| {
        let (mut longest, mut run) = (1, 1);
        for pair in body.windows(2) {
            run = if i16::from(pair[1]) - i16::from(pair[0]) == *step { run + 1 } else { 1 };
            longest = longest.max(run);
        }
        longest >= 12 || (longest >= 7 && longest * 4 >= body.len()) || (longest >= 6 && longest * 3 >= body.len())
    })
}

/// Two counts that are woven together (`1a2b3c4d5e6f`), or the same eight characters twice.
fn repeats(body: &[u8]) -> bool {
    let (mut longest, mut run) = (0, 0);
    for three in body.windows(3) {
        run = if i16::from(three[2]) - i16::from(three[0]) == 1 { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let woven = longest >= 9;
    woven
        || (16..=64).contains(&body.len())
            && body
                .windows(8)
                .enumerate()
                .any(|(at, part)| body.get(at + 8..).is_some_and(|rest| memchr::memmem::find(rest, part).is_some()))
}

/// Letters that follow each other as in words of European languages.
fn is_wordy(body: &[u8]) -> bool {
    if body.iter().all(u8::is_ascii_hexdigit) {
        return false;
    }
    let (mut pairs, mut common) = (0f64, 0f64);
    for pair in body.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        // A change from lower to upper case is a border between words.
        if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() && !(a.is_ascii_lowercase() && b.is_ascii_uppercase()) {
            pairs += 1.0;
            common += f64::from(u8::from(common_pair(a, b)));
        }
    }
    // In random text 18 % of the pairs are among the common ones; five standard deviations more is no chance.
    // In hex digits few letters stand side by side, and those that do are often common pairs (`ed`, `be`, `ca`).
    pairs >= 10.0 && pairs * 3.0 >= body.len() as f64 && common >= 0.18 * pairs + 5.0 * (0.15 * pairs).sqrt()
}

/// `LSMinimumSystemVersion`: a name of several words, each a capital and three small letters or more. Of random texts of 20
/// letters and digits fewer than one in a hundred thousand are like this.
fn is_camel_case(body: &[u8]) -> bool {
    let capitals = body.iter().take(3).take_while(|b| b.is_ascii_uppercase()).count();
    let name = &body[capitals.saturating_sub(1)..];
    if body.len() < 20 || !name.iter().all(u8::is_ascii_alphabetic) {
        return false;
    }
    let words: Vec<&[u8]> = name.chunk_by(|_, next| next.is_ascii_lowercase()).collect();
    words.len() >= 2 && words.iter().all(|word| word.len() >= 4)
}

/// The hundred most frequent letter pairs of English text.
const PAIRS: &[u8] = b"th he in er an re nd on en at ou ed ha to or it is hi es ng ar se st te me as of nt ti ve al le de co ro ri \
ic ne io ll be ma ea li ra si el ta la di om ur ec us ch ho ce no tr ot lo em ns il ac rs ge wa ut et pe wh so sh ss ol ly un oo ai pr \
ee ld ow rt ad ca ie mo wi na po id fo we ay im ev sa am pl op ke mp bo ct su ap do pa ul";

/// For each letter: the letters that often follow it, one bit each.
static COMMON: [u32; 26] = {
    let (mut table, mut i) = ([0; 26], 0);
    while i + 1 < PAIRS.len() {
        if PAIRS[i].is_ascii_alphabetic() && PAIRS[i + 1].is_ascii_alphabetic() {
            table[(PAIRS[i] - b'a') as usize] |= 1 << (PAIRS[i + 1] - b'a');
        }
        i += 1;
    }
    table
};

/// Two letters.
fn common_pair(a: u8, b: u8) -> bool {
    let letter = |byte: u8| byte.to_ascii_lowercase() - b'a';
    COMMON[usize::from(letter(a))] >> letter(b) & 1 == 1
}

/// Percent of the text that is placeholder words.
fn placeholder_share(body: &[u8]) -> usize {
    let lower = body.to_ascii_lowercase();
    // Words of this length do not come about by chance, so one is enough.
    static DECISIVE: LazyLock<Vec<&str>> = LazyLock::new(|| words(BODY_SAYS));
    static PLACEHOLDERS: LazyLock<Vec<&str>> = LazyLock::new(|| words(BODY));
    if body.is_empty() || DECISIVE.iter().any(|word| memchr::memmem::find(&lower, word.as_bytes()).is_some()) {
        return 100;
    }
    let mut covered = vec![false; lower.len()];
    for word in PLACEHOLDERS.iter() {
        for at in memchr::memmem::find_iter(&lower, word.as_bytes()) {
            covered[at..at + word.len()].fill(true);
        }
    }
    covered.iter().filter(|c| **c).count() * 100 / body.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::Rng;

    #[test]
    fn random_text_passes() {
        let alphabets: [&[u8]; 4] = [
            b"0123456789abcdef",
            b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
            b"abcdefghijklmnopqrstuvwxyz0123456789",
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
        ];
        let mut rng = Rng::new(7);
        for alphabet in alphabets {
            for len in [16, 20, 24, 32, 40, 64] {
                let lost = (0..20_000).filter(|_| !is_random(rng.text(alphabet, len).as_bytes())).count();
                assert!(lost <= 4, "{lost} of 20000 random texts of {len} over {} symbols", alphabet.len());
            }
        }
    }

    #[test]
    fn placeholders_fail() {
        for text in [
            "xxxxxxxxxxxxxxxxxxxxxxxx",
            "your_api_key_goes_here",
            "EXAMPLEEXAMPLEEXAMPLE",
            "0123456789abcdef0123456789abcdef",
            "this-is-not-a-real-token",
            "abcdefghijklmnopqrstuvwxyz",
            "aaaaaaaabbbbbbbbcccccccc",
            "00000000000000000000000000000000",
            "1234567890123456789012345678",
            "changeme_changeme_change",
            "theSecretStagingPasswordOfTheServer",
            "1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d",
            "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6",
            "51H9xK2LkJhDfG8pQ9xK2LkJhDfG8pQ",
            "LSMinimumSystemVersion",
        ] {
            assert!(!is_random(text.as_bytes()), "{text}");
        }
    }
}
