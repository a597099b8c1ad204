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

/// How often it is tried whether a text is better off in another bucket.
const PASSES: usize = 1;

/// Places in a text of which the best is looked for.
const ALTERNATIVES: usize = 4;

/// For the first bytes of the texts of each bucket (one bit each): which halves have they?
#[derive(Clone, Debug, Default)]
pub struct Nibbles {
    pub(super) low: [[u8; 16]; KEY],
    pub(super) high: [[u8; 16]; KEY],
}

/// The halves of a byte in each of its spellings. The letter cases of a letter have the same low half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Halves {
    /// A low half, and one or two high ones; one stands there twice.
    Of(u8, [u8; 2]),
    /// Any byte.
    Any,
}

impl Halves {
    fn low(self) -> impl Iterator<Item = usize> {
        let (first, last) = match self {
            Self::Of(low, _) => (low, low),
            Self::Any => (0, 15),
        };
        (first..=last).map(usize::from)
    }

    fn high(self) -> impl Iterator<Item = usize> {
        let (first, last, step) = match self {
            Self::Of(_, [one, other]) => (one.min(other), one.max(other), one.abs_diff(other).max(1)),
            Self::Any => (0, 15, 1),
        };
        (first..=last).step_by(step.into()).map(usize::from)
    }
}

/// How common they are, all together.
const ALL: u64 = {
    let (mut all, mut byte) = (0, 0);
    while byte < WEIGHT.len() {
        all += WEIGHT[byte] as u64;
        byte += 1;
    }
    all
};

/// The halves of the bytes that are looked at.
type Places = [Halves; KEY];

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
        let mut texts: Vec<_> = texts.into_iter().map(|text| vec![halves(text)]).collect();
        texts.sort_unstable();
        texts.dedup();
        let mut kept = Bucket::default();
        let last: Vec<_> = last.into_iter().map(halves).collect();
        last.iter().for_each(|text| kept.add(text));
        let (mut buckets, _) = shared_out(&texts, if last.is_empty() { BUCKETS } else { BUCKETS - 1 });
        buckets.resize(BUCKETS, kept);
        Self::of(&buckets)
    }

    /// Looks for each text by the [`KEY`] bytes at the offset in it that lets the least through, at `furthest` at most. The
    /// offsets come with it. Texts are of [`KEY`] bytes or more.
    pub fn inside<'t>(texts: impl IntoIterator<Item = (&'t [u8], bool)>, furthest: usize) -> (Self, Vec<usize>) {
        let rarest = |(text, any_case): (&'t [u8], bool)| -> (Vec<usize>, Vec<Places>) {
            let places = text.windows(KEY).take(furthest + 1).map(|key| halves((key, any_case)));
            let mut all: Vec<_> = places.map(|places| (passing(&places), places)).zip(0..).collect();
            all.sort_unstable();
            all.into_iter().take(ALTERNATIVES).map(|((_, places), offset)| (offset, places)).unzip()
        };
        let (offsets, texts): (Vec<_>, Vec<_>) = texts.into_iter().map(rarest).unzip();
        let (buckets, chosen) = shared_out(&texts, BUCKETS);
        let offset = |(offsets, which): (&Vec<usize>, usize)| offsets.get(which).copied().unwrap_or(0);
        (Self::of(&buckets), offsets.iter().zip(chosen).map(offset).collect())
    }

    fn of(buckets: &[Bucket]) -> Self {
        let mut nibbles = Self::default();
        for (bucket, Bucket(places)) in buckets.iter().enumerate() {
            for (at, place) in places.iter().enumerate() {
                for half in 0..16 {
                    nibbles.low[at][half] |= u8::from(place.low[half] > 0) << bucket;
                    nibbles.high[at][half] |= u8::from(place.high[half] > 0) << bucket;
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

/// Puts each text where it lets the least more through; then takes each out again and does it once more, now that the others
/// are known. A text is one of some alternatives; which one comes with the buckets.
fn shared_out(texts: &[Vec<Places>], count: usize) -> (Vec<Bucket>, Vec<usize>) {
    let mut buckets = vec![Bucket::default(); count];
    let mut chosen: Vec<Option<(usize, usize)>> = vec![None; texts.len()];
    for _ in 0..=PASSES {
        for (alternatives, chosen) in texts.iter().zip(&mut chosen) {
            if let Some((bucket, which)) = chosen.take() {
                buckets[bucket].remove(&alternatives[which]);
            }
            let passing: Vec<u64> = buckets.iter().map(Bucket::passing).collect();
            let all = (0..alternatives.len()).flat_map(|which| (0..count).map(move |bucket| (bucket, which)));
            let growth = |(bucket, which): &(usize, usize)| {
                buckets[*bucket].passing_with(&alternatives[*which]) - passing[*bucket]
            };
            *chosen = all.min_by_key(growth);
            if let Some((bucket, which)) = *chosen {
                buckets[bucket].add(&alternatives[which]);
            }
        }
    }
    (buckets, chosen.into_iter().map(|chosen| chosen.map_or(0, |(_, which)| which)).collect())
}

fn halves((text, any_case): (&[u8], bool)) -> Places {
    std::array::from_fn(|place| {
        let Some(&byte) = text.get(place) else { return Halves::Any };
        let spellings = if any_case { [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()] } else { [byte; 2] };
        Halves::Of(byte & 15, spellings.map(|byte| byte >> 4))
    })
}

/// Texts that are looked for together: at each place, any byte passes whose halves are halves of theirs.
#[derive(Clone, Debug, Default)]
struct Bucket([Place; KEY]);

impl Bucket {
    fn add(&mut self, text: &Places) {
        self.0.iter_mut().zip(text).for_each(|(place, halves)| place.add(*halves));
    }

    fn remove(&mut self, text: &Places) {
        self.0.iter_mut().zip(text).for_each(|(place, halves)| place.remove(*halves));
    }

    /// How much of ordinary text passes, in parts of a whole that is the same for all.
    fn passing(&self) -> u64 {
        self.0.iter().map(|place| place.weight).product()
    }

    /// The same with one more text.
    fn passing_with(&self, text: &Places) -> u64 {
        self.0.iter().zip(text).map(|(place, halves)| place.weight_with(*halves)).product()
    }
}

/// One place of a bucket.
#[derive(Clone, Debug, Default)]
struct Place {
    /// How many texts have each half.
    low: [u16; 16],
    high: [u16; 16],
    /// How common bytes are that have a low half of the texts: one sum for each high half.
    rows: [u64; 16],
    /// Those with a high half of the texts: one for each low half.
    columns: [u64; 16],
    /// And those with both.
    weight: u64,
}

impl Place {
    fn add(&mut self, halves: Halves) {
        for half in halves.low() {
            if self.low[half] == 0 {
                self.weight += self.columns[half];
                self.rows.iter_mut().enumerate().for_each(|(high, row)| *row += weight(high, half));
            }
            self.low[half] += 1;
        }
        for half in halves.high() {
            if self.high[half] == 0 {
                self.weight += self.rows[half];
                self.columns.iter_mut().enumerate().for_each(|(low, column)| *column += weight(half, low));
            }
            self.high[half] += 1;
        }
    }

    fn remove(&mut self, halves: Halves) {
        for half in halves.high() {
            self.high[half] -= 1;
            if self.high[half] == 0 {
                self.weight -= self.rows[half];
                self.columns.iter_mut().enumerate().for_each(|(low, column)| *column -= weight(half, low));
            }
        }
        for half in halves.low() {
            self.low[half] -= 1;
            if self.low[half] == 0 {
                self.weight -= self.columns[half];
                self.rows.iter_mut().enumerate().for_each(|(high, row)| *row -= weight(high, half));
            }
        }
    }

    /// The weight that [`Place::add`] would lead to.
    fn weight_with(&self, halves: Halves) -> u64 {
        let Halves::Of(low, [high, other]) = halves else { return ALL };
        let (low, high, other) = (usize::from(low & 15), usize::from(high & 15), usize::from(other & 15));
        let new = self.low[low] == 0;
        let with = |high: usize| {
            let corner = if new { weight(high, low) } else { 0 };
            if self.high[high] == 0 { self.rows[high] + corner } else { 0 }
        };
        let column = if new { self.columns[low] } else { 0 };
        self.weight + column + with(high) + if other == high { 0 } else { with(other) }
    }
}

/// How much of ordinary text passes a bucket of one text.
fn passing(text: &Places) -> u64 {
    text.iter()
        .map(|halves| halves.high().flat_map(|high| halves.low().map(move |low| weight(high, low))).sum::<u64>())
        .product()
}

/// How common the byte with these halves is.
fn weight(high: usize, low: usize) -> u64 {
    u64::from(WEIGHT[high * 16 + low])
}

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

    #[test]
    fn the_best_place_of_a_text_is_looked_at() {
        let texts: Vec<String> = (0..300).map(|i| format!("se{:x}t  e", i * 2_654_435_761u64 % 1_000_003)).collect();
        let (nibbles, offsets) = Nibbles::inside(texts.iter().map(|t| (t.as_bytes(), true)), 5);
        for (text, offset) in texts.iter().zip(offsets) {
            assert!(offset <= 5);
            assert_ne!(nibbles.buckets(&text.to_uppercase().as_bytes()[offset..]), 0, "{text} at {offset}");
        }
        assert_eq!(Nibbles::inside([(b"    @|~^    ".as_slice(), false)], 8).1, [4]);
        assert_eq!(Nibbles::inside([(b"    @|~^    ".as_slice(), false)], 2).1, [2]);
    }

    /// What is kept of a place is what its texts say, however they came and went.
    #[test]
    fn weights_are_those_of_the_texts() {
        let mut rng = crate::structure::Rng::new(7);
        let (mut place, mut texts) = (Place::default(), Vec::new());
        for _ in 0..500 {
            if texts.len() > rng.below(12) {
                place.remove(texts.swap_remove(rng.below(texts.len())));
            } else {
                let text = halves((&[rng.below(256) as u8][..rng.below(9).min(1)], rng.below(2) == 0))[0];
                let with = place.weight_with(text);
                place.add(text);
                assert_eq!(with, place.weight);
                texts.push(text);
            }
            let low = |half: usize| texts.iter().any(|text| text.low().any(|low| low == half));
            let high = |half: usize| texts.iter().any(|text| text.high().any(|high| high == half));
            let passing = (0..256).filter(|byte| low(byte & 15) && high(byte >> 4));
            assert_eq!(place.weight, passing.map(|byte| u64::from(WEIGHT[byte])).sum::<u64>());
        }
    }
}
