//! Many short texts looked for at once: for each byte of a place, by its two halves, which texts could go on there?
//!
//! Texts are shared out into eight buckets, one bit each. Two table look-ups for each of the first bytes tell which buckets
//! have a text that could begin at a place, for 32 places at a time ([`crate::detect::simd`]). It may say yes wrongly, never no
//! wrongly; what it says is looked up in a table of the texts.

/// Buckets that texts are shared out into.
const BUCKETS: usize = 8;

/// For the first `N` bytes of the texts of each bucket (one bit each): which halves have they?
#[derive(Clone, Debug)]
pub struct Nibbles<const N: usize> {
    pub(super) low: [[u8; 16]; N],
    pub(super) high: [[u8; 16]; N],
}

impl<const N: usize> Default for Nibbles<N> {
    fn default() -> Self {
        Self { low: [[0; 16]; N], high: [[0; 16]; N] }
    }
}

/// The halves of the bytes at one place of a bucket's texts: one bit for each low half and each high half.
type Halves = (u16, u16);

impl<const N: usize> Nibbles<N> {
    /// Shares texts out so that those of a bucket have few different halves. Behind a short text any byte may follow.
    /// `any_case`: in any letter case.
    pub fn new<'t>(texts: impl IntoIterator<Item = (&'t [u8], bool)>) -> Self {
        Self::with_last(texts, [])
    }

    /// The same, with the last bucket kept for some of them.
    pub fn with_last<'t>(
        texts: impl IntoIterator<Item = (&'t [u8], bool)>,
        last: impl IntoIterator<Item = (&'t [u8], bool)>,
    ) -> Self {
        let mut buckets = [[(0, 0); N]; BUCKETS];
        for text in last {
            let place = halves(text);
            buckets[BUCKETS - 1] = joined(&buckets[BUCKETS - 1], &place);
        }
        let free = if buckets[BUCKETS - 1] == [(0, 0); N] { BUCKETS } else { BUCKETS - 1 };
        let mut texts: Vec<[Halves; N]> = texts.into_iter().map(halves).collect();
        texts.sort_unstable();
        texts.dedup();
        for text in texts {
            let growth = |bucket: &usize| volume(&joined(&buckets[*bucket], &text)) - volume(&buckets[*bucket]);
            let best = (0..free).min_by_key(growth).unwrap_or(0);
            buckets[best] = joined(&buckets[best], &text);
        }
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
        (0..N).fold(!0, |all, place| {
            let byte = usize::from(bytes[place]);
            all & self.low[place][byte & 15] & self.high[place][byte >> 4]
        })
    }
}

fn halves<const N: usize>((text, any_case): (&[u8], bool)) -> [Halves; N] {
    std::array::from_fn(|place| {
        let Some(&byte) = text.get(place) else { return (!0, !0) };
        let one = |byte: u8| (1 << (byte & 15), 1 << (byte >> 4));
        let ((low, high), (other_low, other_high)) = (one(byte.to_ascii_lowercase()), one(byte.to_ascii_uppercase()));
        if any_case { (low | other_low, high | other_high) } else { one(byte) }
    })
}

fn joined<const N: usize>(a: &[Halves; N], b: &[Halves; N]) -> [Halves; N] {
    std::array::from_fn(|place| (a[place].0 | b[place].0, a[place].1 | b[place].1))
}

/// How many different bytes could pass.
fn volume<const N: usize>(places: &[Halves; N]) -> u64 {
    places.iter().map(|(low, high)| u64::from(low.count_ones() * high.count_ones())).product()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_passes_in_its_spellings() {
        let texts: Vec<String> = (0..300).map(|i| format!("{:x}", i * 2_654_435_761u64 % 1_000_003)).collect();
        let nibbles = Nibbles::<4>::with_last(texts.iter().map(|t| (t.as_bytes(), true)), [(b"://".as_slice(), false)]);
        for text in &texts {
            for spelling in [text.clone(), text.to_uppercase()] {
                let bytes = [spelling.as_bytes(), b"\xff\0 "].concat();
                assert_ne!(nibbles.buckets(&bytes) & 0x7f, 0, "{spelling}");
            }
        }
        assert_eq!(nibbles.buckets(b":///") & 0x80, 0x80);
        assert_eq!(nibbles.buckets(b"....") & 0x80, 0);
        assert_eq!(Nibbles::<4>::new([(b"Abcd".as_slice(), false)]).buckets(b"abcd"), 0);
    }
}
