//! Many short texts looked for at once: for each byte of a place, by its two halves, which texts could go on there?
//!
//! Texts are shared out into eight buckets, one bit each. Two table look-ups for each of the first bytes tell which buckets
//! have a text that could begin at a place, for 32 places at a time ([`crate::detect::simd`]). It may say yes wrongly, never no
//! wrongly; what it says is looked up in a table of the texts.

use crate::detect::common::WEIGHT;

/// First bytes of a text that are looked at.
pub const KEY: usize = 4;

/// Buckets that texts are shared out into.
const BUCKETS: usize = 8;

/// How often it is tried whether a text is better off in another bucket, and of how many texts at most: it takes time with
/// the square of their number.
const PASSES: usize = 2;
const MANY: usize = 200;

/// For the first bytes of the texts of each bucket (one bit each): which halves have they?
#[derive(Clone, Debug, Default)]
pub struct Nibbles {
    pub(super) low: [[u8; 16]; KEY],
    pub(super) high: [[u8; 16]; KEY],
}

/// The halves of the bytes at one place of a bucket's texts: one bit for each low half and each high half.
type Halves = (u16, u16);

/// The halves of the first bytes.
type Places = [Halves; KEY];

const NONE: Places = [(0, 0); KEY];

impl Nibbles {
    /// Shares texts out so that the buckets together let little through of what is common in text. Behind a short text any
    /// byte may follow. `any_case`: in any letter case.
    pub fn new<'t>(texts: impl IntoIterator<Item = (&'t [u8], bool)>) -> Self {
        Self::with_last(texts, [])
    }

    /// The same, with the last bucket kept for some of them.
    pub fn with_last<'t>(
        texts: impl IntoIterator<Item = (&'t [u8], bool)>,
        last: impl IntoIterator<Item = (&'t [u8], bool)>,
    ) -> Self {
        let last = last.into_iter().map(halves).fold(NONE, |all, text| joined(&all, &text));
        let free = if last == NONE { BUCKETS } else { BUCKETS - 1 };
        let mut texts: Vec<Places> = texts.into_iter().map(halves).collect();
        texts.sort_unstable();
        texts.dedup();
        let mut buckets = shared_out(&texts, free);
        buckets.resize(BUCKETS, last);
        let mut nibbles = Self::default();
        for (bucket, places) in buckets.iter().enumerate() {
            for (place, (low, high)) in places.iter().enumerate() {
                for half in 0..16 {
                    nibbles.low[place][half] |= ((low >> half & 1) as u8) << bucket;
                    nibbles.high[place][half] |= ((high >> half & 1) as u8) << bucket;
                }
            }
        }
        nibbles
    }

    /// The buckets with a text that could begin with these bytes.
    pub fn buckets(&self, bytes: &[u8]) -> u8 {
        (0..KEY).fold(!0, |all, place| {
            let byte = usize::from(bytes[place]);
            all & self.low[place][byte & 15] & self.high[place][byte >> 4]
        })
    }
}

/// Puts each text where it lets the least more through; then takes each out again and does it once more, now that the
/// others are known.
fn shared_out(texts: &[Places], count: usize) -> Vec<Places> {
    let mut buckets = vec![NONE; count];
    let mut passed = vec![0; count];
    let mut of: Vec<Option<usize>> = vec![None; texts.len()];
    for _ in 0..=if texts.len() < MANY { PASSES } else { 0 } {
        for (at, text) in texts.iter().enumerate() {
            if let Some(left) = of[at].take() {
                let others = texts.iter().zip(&of).filter(|(_, of)| **of == Some(left));
                buckets[left] = others.fold(NONE, |all, (text, _)| joined(&all, text));
                passed[left] = passing(&buckets[left]);
            }
            let growth = |bucket: &usize| passing(&joined(&buckets[*bucket], text)) - passed[*bucket];
            let has = |bucket: &usize| joined(&buckets[*bucket], text) == buckets[*bucket];
            let best = (0..count).find(has).or_else(|| (0..count).min_by_key(growth)).unwrap_or(0);
            buckets[best] = joined(&buckets[best], text);
            passed[best] = passing(&buckets[best]);
            of[at] = Some(best);
        }
    }
    buckets
}

fn halves((text, any_case): (&[u8], bool)) -> Places {
    std::array::from_fn(|place| {
        let Some(&byte) = text.get(place) else { return (!0, !0) };
        let one = |byte: u8| (1 << (byte & 15), 1 << (byte >> 4));
        let ((low, high), (other_low, other_high)) = (one(byte.to_ascii_lowercase()), one(byte.to_ascii_uppercase()));
        if any_case { (low | other_low, high | other_high) } else { one(byte) }
    })
}

fn joined(a: &Places, b: &Places) -> Places {
    std::array::from_fn(|place| (a[place].0 | b[place].0, a[place].1 | b[place].1))
}

/// How much of ordinary text passes a bucket, in parts of a whole that is the same for all.
fn passing(places: &Places) -> u64 {
    places.iter().map(|(low, high)| weight(*low, *high)).product()
}

/// How common the bytes with one of these low and one of these high halves are, all together.
fn weight(low: u16, high: u16) -> u64 {
    let fours = [low & 15, low >> 4 & 15, low >> 8 & 15, low >> 12].map(usize::from);
    let row = |high: usize| fours.iter().zip(&FOURS[high]).map(|(low, sums)| u64::from(sums[*low])).sum::<u64>();
    (0..16).filter(|half| high >> half & 1 == 1).map(row).sum()
}

/// For each high half and each four low ones: how common the bytes of each choice of these are.
static FOURS: [[[u16; 16]; 4]; 16] = {
    let (mut table, mut i) = ([[[0; 16]; 4]; 16], 0);
    while i < 16 * 4 * 16 * 4 {
        let (high, four, choice, bit) = (i / 256, i / 64 % 4, i / 4 % 16, i % 4);
        if choice >> bit & 1 == 1 {
            table[high][four][choice] += WEIGHT[high * 16 + four * 4 + bit];
        }
        i += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_passes_in_its_spellings() {
        let texts: Vec<String> = (0..300).map(|i| format!("{:x}", i * 2_654_435_761u64 % 1_000_003)).collect();
        let nibbles = Nibbles::with_last(texts.iter().map(|t| (t.as_bytes(), true)), [(b"://".as_slice(), false)]);
        for text in &texts {
            for spelling in [text.clone(), text.to_uppercase()] {
                let bytes = [spelling.as_bytes(), b"\xff\0 "].concat();
                assert_ne!(nibbles.buckets(&bytes) & 0x7f, 0, "{spelling}");
            }
        }
        assert_eq!(nibbles.buckets(b":///") & 0x80, 0x80);
        assert_eq!(nibbles.buckets(b"....") & 0x80, 0);
        assert_eq!(Nibbles::new([(b"Abcd".as_slice(), false)]).buckets(b"abcd"), 0);
    }
}
