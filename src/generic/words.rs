//! How much a text looks like words, by the likelihood of three letters in a row.
//!
//! `words.bin` is made by `train.py` from the words of public repositories; see there.

/// Negated log2 of the probability of a letter after two others, in sixteenths of a bit.
static TABLE: &[u8; SIZE * SIZE * SIZE] = include_bytes!("words.bin");
const SIZE: usize = 28;
/// Bits of a random letter.
const RANDOM: f32 = 4.7;

/// How the letters of a text follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Likeness {
    /// Bits by which words explain the letters better than chance does; negative: worse.
    pub bits: f32,
    /// Letters in runs of three or more.
    pub letters: usize,
    /// Runs of three or more letters.
    pub runs: usize,
}

impl Likeness {
    /// Bits for each letter.
    pub fn per_letter(&self) -> f32 {
        if self.letters == 0 { 0.0 } else { self.bits / self.letters as f32 }
    }
}

/// Judges all words of a text: runs of letters, cut where lower case turns to upper case.
pub fn likeness(text: &[u8]) -> Likeness {
    let mut all = Likeness::default();
    let mut start = 0;
    while start < text.len() {
        if !text[start].is_ascii_alphabetic() {
            start += 1;
            continue;
        }
        let mut end = start + 1;
        while end < text.len()
            && text[end].is_ascii_alphabetic()
            && !(text[end].is_ascii_uppercase() && text[end - 1].is_ascii_lowercase())
        {
            end += 1;
        }
        if end - start >= 3 {
            all.bits += run(&text[start..end]);
            all.letters += end - start;
            all.runs += 1;
        }
        start = end;
    }
    all
}

fn run(letters: &[u8]) -> f32 {
    let symbol = |b: u8| usize::from(b.to_ascii_lowercase() - b'a' + 1);
    let (mut first, mut second, mut cost) = (0, 0, 0f32);
    for &letter in letters {
        let third = symbol(letter);
        cost += f32::from(TABLE[(first * SIZE + second) * SIZE + third]) / 16.0;
        (first, second) = (second, third);
    }
    letters.len() as f32 * RANDOM - cost
}
