//! How much of a value is placeholder: words that stand in place of a secret, and sequences of keys.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::vocabulary::{SAYS, SHARE, words};

/// Says in so many words that it is none.
pub fn says_example(value: &[u8]) -> bool {
    static SEARCH: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| any_case(SAYS));
    SEARCH.as_ref().is_some_and(|search| search.is_match(value))
}

/// A search for the words of the vocabulary with this use.
fn any_case(of: u8) -> Option<AhoCorasick> {
    // Values are short and few: a table for each letter takes longer to make than it saves.
    let kind = Some(AhoCorasickKind::ContiguousNFA);
    AhoCorasick::builder().ascii_case_insensitive(true).kind(kind).build(words(of)).ok()
}

/// Percent of the letters and digits of a value that are placeholder words, also with digits in place of letters: `s3cr3t`.
pub fn placeholder_share(value: &[u8]) -> usize {
    let share = if is_made_of_words(value) { 100 } else { plain_share(value) };
    let swapped = value.iter().any(|b| plain_letter(*b) != *b) && value.iter().any(u8::is_ascii_alphabetic);
    if share >= 60 || !swapped {
        return share;
    }
    let plain: Vec<u8> = value.iter().map(|b| plain_letter(*b)).collect();
    plain_share(&plain).max(share)
}

/// Is a word nothing but placeholder words, short ones among them: `DBPW`?
fn is_made_of_words(value: &[u8]) -> bool {
    static WORDS: LazyLock<Vec<&str>> = LazyLock::new(|| words(SHARE));
    if !(4..=24).contains(&value.len()) || !value.iter().all(u8::is_ascii_alphabetic) {
        return false;
    }
    let lower = value.to_ascii_lowercase();
    // Which beginnings are made of such words?
    let mut reached = vec![false; lower.len() + 1];
    reached[0] = true;
    for at in 0..lower.len() {
        if reached[at] {
            for word in WORDS.iter().filter(|w| w.len() > 1 && lower[at..].starts_with(w.as_bytes())) {
                reached[at + word.len()] = true;
            }
        }
    }
    reached[lower.len()]
}

/// The letter that a digit or sign is written for.
fn plain_letter(byte: u8) -> u8 {
    match byte {
        b'0' => b'o',
        b'1' | b'!' => b'i',
        b'3' => b'e',
        b'4' | b'@' => b'a',
        b'5' | b'$' => b's',
        b'7' => b't',
        byte => byte,
    }
}

fn plain_share(value: &[u8]) -> usize {
    static SEARCH: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| any_case(SHARE));
    let mut covered = vec![false; value.len()];
    for found in SEARCH.iter().flat_map(|search| search.find_overlapping_iter(value)) {
        // Short words must be whole.
        let edge = |i: Option<usize>| i.and_then(|i| value.get(i)).is_none_or(|b| !b.is_ascii_alphabetic());
        let new_word = |i: usize| {
            value[i].is_ascii_uppercase() && value.get(i.wrapping_sub(1)).is_some_and(u8::is_ascii_lowercase)
        };
        let (start, end) = (found.start(), found.end());
        let whole = (edge(start.checked_sub(1)) || new_word(start)) && (edge(Some(end)) || new_word(end));
        if found.len() >= 4 || whole {
            covered[start..end].fill(true);
        }
    }
    let counted = value.iter().zip(&covered).filter(|(b, _)| b.is_ascii_alphanumeric());
    let (all, hidden) = counted.fold((0, 0), |(all, hidden), (_, covered)| (all + 1, hidden + usize::from(*covered)));
    (hidden * 100usize).checked_div(all).unwrap_or(100)
}

/// Percent of a value that stands in runs of equal or counting characters, or of keys that lie side by side.
pub fn sequence_share(value: &[u8]) -> usize {
    let step = |a: u8, b: u8| i16::from(b) - i16::from(a);
    let keys = |a: u8, b: u8| match (key_place(a), key_place(b)) {
        (Some(a), Some(b)) => b == a + 1,
        _ => false,
    };
    let mut covered = run_lengths(value, 4, keys);
    // `0011223344...`
    let nibble = |b: u8| char::from(b).to_digit(16).map_or(-9, u32::cast_signed);
    let doubled = run_lengths(value, 12, |a, b| (0..=1).contains(&(nibble(b) - nibble(a))) && nibble(a) >= 0);
    covered = covered.max(doubled);
    // `a1b2c3d4`
    let woven = value.len() >= 6 && value.windows(3).all(|w| w[2] == w[0].wrapping_add(1));
    covered = if woven { value.len() } else { covered };
    // `abcabcabc`: the same few characters again and again.
    for period in 2..=4 {
        let again = value.windows(period + 1).filter(|w| w[0] == w[period]).count();
        covered = if again >= 8 { covered.max(again + period) } else { covered };
    }
    covered = covered.max(counting_bytes(value));
    // `aBc`, too.
    let lower = value.to_ascii_lowercase();
    for by in [0, 1, -1] {
        covered += run_lengths(&lower, 3, |a, b| step(a, b) == by);
    }
    (covered * 100 / value.len().max(1)).min(100)
}

/// How many hex digits write bytes that count up or down: `000102030405`.
fn counting_bytes(value: &[u8]) -> usize {
    if value.len() < 16 || !value.iter().all(u8::is_ascii_hexdigit) {
        return 0;
    }
    let digit = |b: u8| char::from(b).to_digit(16).map_or(0, u32::cast_signed);
    let bytes: Vec<i32> = value.chunks_exact(2).map(|two| digit(two[0]) * 16 + digit(two[1])).collect();
    let counting = bytes.windows(3).filter(|w| w[1] - w[0] == w[2] - w[1] && matches!(w[1] - w[0], 1 | -1 | 17 | -17));
    counting.count() * 2
}

/// How many bytes stand in runs of `least` or more in which each pair of neighbours holds.
fn run_lengths(value: &[u8], least: usize, holds: impl Fn(u8, u8) -> bool) -> usize {
    let (mut sum, mut run) = (0, 1);
    for pair in value.windows(2) {
        if holds(pair[0], pair[1]) {
            run += 1;
        } else {
            sum += if run >= least { run } else { 0 };
            run = 1;
        }
    }
    sum + if run >= least { run } else { 0 }
}

/// The place of a letter on the keyboard, rows ten apart and more.
fn key_place(byte: u8) -> Option<usize> {
    b"qwertyuiop\0asdfghjkl\0zxcvbnm".iter().position(|b| *b == byte.to_ascii_lowercase())
}
