//! How much a text looks like words, by the likelihood of three letters in a row.
//!
//! `words.bin` is made by `train.py` from the words of public repositories; see there.

/// Negated log2 of the probability of a letter after two others, in sixteenths of a bit.
static TABLE: &[u8; SIZE * SIZE * SIZE] = include_bytes!("words.bin");
const SIZE: usize = 28;
/// The symbol of any letter that is not ASCII.
const OTHER: usize = 27;
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

/// Is this byte a letter, or the first of a letter that is not ASCII?
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte >= 0xc3
}

/// Judges all words of a text: runs of letters, cut where lower case turns to upper case.
pub fn likeness(text: &[u8]) -> Likeness {
    let mut all = Likeness::default();
    let mut start = 0;
    while start < text.len() {
        if !is_letter(text[start]) {
            start += 1;
            continue;
        }
        let mut end = start + 1;
        while end < text.len()
            && (is_letter(text[end]) || is_behind(text[end]))
            && !(text[end].is_ascii_uppercase() && text[end - 1].is_ascii_lowercase())
        {
            end += 1;
        }
        let letters = end - start - text[start..end].iter().filter(|b| is_behind(**b)).count();
        if letters >= 3 {
            all.bits += run(&text[start..end], letters);
            all.letters += letters;
            all.runs += 1;
        }
        start = end;
    }
    all
}

/// Is this byte one behind the first of a letter?
fn is_behind(byte: u8) -> bool {
    (0x80..0xc0).contains(&byte)
}

fn run(text: &[u8], letters: usize) -> f32 {
    let symbol = |b: u8| if b.is_ascii() { usize::from(b.to_ascii_lowercase() - b'a' + 1) } else { OTHER };
    let (mut first, mut second, mut cost) = (0, 0, 0f32);
    for &letter in text.iter().filter(|b| !is_behind(**b)) {
        let third = symbol(letter);
        cost += f32::from(TABLE[(first * SIZE + second) * SIZE + third]) / 16.0;
        (first, second) = (second, third);
    }
    letters as f32 * RANDOM - cost
}
