//! What each of 64 bytes is, and where a literal could begin among them: AVX2 where the processor has it, NEON on AArch64,
//! plain code elsewhere.
//!
//! The only module with `unsafe`: each use calls a vector function after its feature was detected, and reads only the
//! bytes of the array that it is given.
#![allow(unsafe_code)]

use std::sync::LazyLock;

/// Bytes that are looked at together, and two more that literals may reach into.
pub type Bytes = [u8; 66];

/// What each of 64 bytes is: one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// One of `[A-Za-z0-9_+/=.-]`.
    pub token: u64,
    /// A digit.
    pub digit: u64,
    /// An upper-case letter.
    pub upper: u64,
    /// A lower-case letter.
    pub lower: u64,
    /// A letter, digit or `_`.
    pub word: u64,
    /// Here a text of the buckets 0 to 6 could begin.
    pub inner: u64,
    /// Here a text of bucket 7 could begin.
    pub short: u64,
}

/// For the first three bytes of the texts of each bucket (one bit each): which halves have they?
#[derive(Clone, Debug, Default)]
pub struct Nibbles {
    low: [[u8; 16]; 3],
    high: [[u8; 16]; 3],
}

impl Nibbles {
    /// Adds the first bytes of a text to a bucket; behind a text of two any byte may follow.
    pub fn insert(&mut self, bucket: usize, text: &[u8]) {
        for place in 0..3 {
            match text.get(place) {
                Some(byte) => {
                    self.low[place][usize::from(byte & 15)] |= 1 << bucket;
                    self.high[place][usize::from(byte >> 4)] |= 1 << bucket;
                }
                None => (0..16).for_each(|half| {
                    self.low[place][half] |= 1 << bucket;
                    self.high[place][half] |= 1 << bucket;
                }),
            }
        }
    }

    /// In how many of all triples of bytes could a text of the bucket begin?
    pub fn volume(&self, bucket: usize) -> u64 {
        let ones = |halves: &[u8; 16]| halves.iter().filter(|h| **h >> bucket & 1 == 1).count() as u64;
        (0..3).map(|place| ones(&self.low[place]) * ones(&self.high[place])).product()
    }

    fn buckets(&self, bytes: [u8; 3]) -> u8 {
        (0..3).fold(!0, |all, place| {
            let byte = usize::from(bytes[place]);
            all & self.low[place][byte & 15] & self.high[place][byte >> 4]
        })
    }
}

/// Looks at 64 bytes.
pub type Look = fn(&Bytes, &Nibbles) -> Block;

/// The fastest way on this machine.
pub static LOOK: LazyLock<Look> = LazyLock::new(|| {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        return avx2::look;
    }
    #[cfg(target_arch = "aarch64")]
    return neon::look;
    #[allow(unreachable_code, reason = "some targets return above")]
    plain
});

/// The plain way: the definition.
pub fn plain(bytes: &Bytes, nibbles: &Nibbles) -> Block {
    let mut block = Block::default();
    for (i, three) in bytes.windows(3).enumerate() {
        let (b, bit) = (three[0], 1 << i);
        let set = |mask: &mut u64, is: bool| *mask |= if is { bit } else { 0 };
        set(&mut block.digit, b.is_ascii_digit());
        set(&mut block.upper, b.is_ascii_uppercase());
        set(&mut block.lower, b.is_ascii_lowercase());
        set(&mut block.word, b.is_ascii_alphanumeric() || b == b'_');
        set(&mut block.token, b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'/' | b'=' | b'.' | b'-'));
        let buckets = nibbles.buckets([three[0], three[1], three[2]]);
        set(&mut block.inner, buckets & 0x7f != 0);
        set(&mut block.short, buckets & 0x80 != 0);
    }
    block
}

/// Kinds of token characters, so chosen that a kind is told by both halves of a byte.
const DIGITS: u8 = 1;
const UPPER: [u8; 2] = [2, 4];
const LOWER: [u8; 2] = [8, 16];
const SIGNS: u8 = 32;
const EQUALS: u8 = 64;
/// The top bit, which vectors give for nothing.
const UNDERSCORE: u8 = 128;

/// For each high half of a byte: the kinds it can be of.
const HIGH: [u8; 16] = {
    let mut table = [0; 16];
    table[2] = SIGNS;
    table[3] = DIGITS | EQUALS;
    table[4] = UPPER[0];
    table[5] = UPPER[1] | UNDERSCORE;
    table[6] = LOWER[0];
    table[7] = LOWER[1];
    table
};

/// For each low half of a byte: the kinds it can be of.
const LOW: [u8; 16] = {
    let mut table = [0; 16];
    let mut half = 0u8;
    while half < 16 {
        let digit = if half <= 9 { DIGITS } else { 0 };
        let first = if half >= 1 { UPPER[0] | LOWER[0] } else { 0 };
        let second = if half <= 10 { UPPER[1] | LOWER[1] } else { 0 };
        // + - . /
        let sign = if matches!(half, 11 | 13 | 14 | 15) { SIGNS } else { 0 };
        let other = if half == 13 { EQUALS } else { 0 } | if half == 15 { UNDERSCORE } else { 0 };
        table[half as usize] = digit | first | second | sign | other;
        half += 1;
    }
    table
};

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm_loadu_si128, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8, _mm256_loadu_si256,
        _mm256_movemask_epi8, _mm256_set1_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_slli_epi16,
        _mm256_srli_epi16,
    };

    use super::{Block, Bytes, HIGH, LOW, LOWER, Nibbles, UPPER};

    pub(super) fn look(bytes: &Bytes, nibbles: &Nibbles) -> Block {
        // SAFETY: `LOOK` chooses this function only after AVX2 was detected.
        unsafe { look_avx2(bytes, nibbles) }
    }

    #[target_feature(enable = "avx2")]
    fn look_avx2(bytes: &Bytes, nibbles: &Nibbles) -> Block {
        let low = half(&bytes[..34].try_into().unwrap_or([0; 34]), nibbles);
        let high = half(&bytes[32..].try_into().unwrap_or([0; 34]), nibbles);
        let join = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        let [digit, upper, lower] = [0, 1, 2].map(|i| join(low[i], high[i]));
        Block {
            token: join(low[3], high[3]),
            digit,
            upper,
            lower,
            word: digit | upper | lower | join(low[4], high[4]),
            inner: join(low[5], high[5]),
            short: join(low[6], high[6]),
        }
    }

    /// Digit, upper, lower, token, `_`, inner and short for 32 bytes.
    #[target_feature(enable = "avx2")]
    fn half(bytes: &[u8; 34], nibbles: &Nibbles) -> [u32; 7] {
        // SAFETY: the three loads end at most two bytes behind the first 32 of 34; unaligned loads are allowed.
        let texts = [0, 1, 2].map(|place| unsafe { _mm256_loadu_si256(bytes.as_ptr().add(place).cast()) });
        let nibble = _mm256_set1_epi8(0x0f);
        let low = |text| _mm256_and_si256(text, nibble);
        let high = |text| _mm256_and_si256(_mm256_srli_epi16::<4>(text), nibble);
        let (first_low, first_high) = (low(texts[0]), high(texts[0]));
        let kind = _mm256_and_si256(
            _mm256_shuffle_epi8(table(&LOW), first_low),
            _mm256_shuffle_epi8(table(&HIGH), first_high),
        );
        let mut buckets = _mm256_and_si256(
            _mm256_shuffle_epi8(table(&nibbles.low[0]), first_low),
            _mm256_shuffle_epi8(table(&nibbles.high[0]), first_high),
        );
        for (place, &text) in texts.iter().enumerate().skip(1) {
            let both = _mm256_and_si256(
                _mm256_shuffle_epi8(table(&nibbles.low[place]), low(text)),
                _mm256_shuffle_epi8(table(&nibbles.high[place]), high(text)),
            );
            buckets = _mm256_and_si256(buckets, both);
        }
        let top = |bytes| _mm256_movemask_epi8(bytes) as u32;
        let any = |bytes, of: u8| {
            let of = _mm256_and_si256(bytes, _mm256_set1_epi8(of as i8));
            !top(_mm256_cmpeq_epi8(of, _mm256_setzero_si256()))
        };
        [
            top(_mm256_slli_epi16::<7>(kind)),
            any(kind, UPPER[0] | UPPER[1]),
            any(kind, LOWER[0] | LOWER[1]),
            any(kind, 0xff),
            top(kind),
            any(buckets, 0x7f),
            top(buckets),
        ]
    }

    #[target_feature(enable = "avx2")]
    fn table(halves: &[u8; 16]) -> __m256i {
        // SAFETY: the array is 16 bytes long.
        _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(halves.as_ptr().cast()) })
    }
}

#[cfg(target_arch = "aarch64")]
mod neon {
    use std::arch::aarch64::{uint8x16_t, vandq_u8, vdupq_n_u8, vld1q_u8, vqtbl1q_u8, vshrq_n_u8, vst1q_u8};

    use super::{Block, Bytes, DIGITS, HIGH, LOW, LOWER, Nibbles, UNDERSCORE, UPPER};

    pub(super) fn look(bytes: &Bytes, nibbles: &Nibbles) -> Block {
        let mut block = Block::default();
        for part in 0..4 {
            let (kinds, buckets) = part16(bytes, part * 16, nibbles);
            for (i, (kind, buckets)) in kinds.iter().zip(buckets).enumerate() {
                let at = part * 16 + i;
                let bit = |mask: u8| u64::from(kind & mask != 0) << at;
                block.digit |= bit(DIGITS);
                block.upper |= bit(UPPER[0] | UPPER[1]);
                block.lower |= bit(LOWER[0] | LOWER[1]);
                block.token |= bit(0xff);
                block.word |= bit(DIGITS | UPPER[0] | UPPER[1] | LOWER[0] | LOWER[1] | UNDERSCORE);
                block.inner |= u64::from(buckets & 0x7f != 0) << at;
                block.short |= u64::from(buckets & 0x80 != 0) << at;
            }
        }
        block
    }

    /// Kinds and buckets of 16 bytes.
    fn part16(bytes: &Bytes, at: usize, nibbles: &Nibbles) -> ([u8; 16], [u8; 16]) {
        let (mut kinds, mut found) = ([0; 16], [0; 16]);
        // SAFETY: NEON is part of AArch64; `at` is 48 at most, so the loads end at most at 48 + 2 + 16 = 66; the stores
        // fill their 16 bytes.
        unsafe {
            let both = |text: uint8x16_t, low: &[u8; 16], high: &[u8; 16]| {
                let low = vqtbl1q_u8(vld1q_u8(low.as_ptr()), vandq_u8(text, vdupq_n_u8(15)));
                vandq_u8(low, vqtbl1q_u8(vld1q_u8(high.as_ptr()), vshrq_n_u8::<4>(text)))
            };
            let text = |place: usize| vld1q_u8(bytes.as_ptr().add(at + place));
            vst1q_u8(kinds.as_mut_ptr(), both(text(0), &LOW, &HIGH));
            let mut buckets = vdupq_n_u8(0xff);
            for place in 0..3 {
                buckets = vandq_u8(buckets, both(text(place), &nibbles.low[place], &nibbles.high[place]));
            }
            vst1q_u8(found.as_mut_ptr(), buckets);
        }
        (kinds, found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nibbles() -> Nibbles {
        let mut nibbles = Nibbles::default();
        for (i, text) in ["ghp", "AKI", "x7", "\u{e9}!", ".at"].iter().enumerate() {
            nibbles.insert(i, text.as_bytes());
        }
        nibbles.insert(7, b"://");
        nibbles
    }

    #[test]
    fn every_byte_at_every_place() {
        let nibbles = nibbles();
        for byte in 0..=255 {
            for place in 0..66 {
                for around in [b' ', b'a', 0xff] {
                    let mut bytes = [around; 66];
                    bytes[place] = byte;
                    assert_eq!(LOOK(&bytes, &nibbles), plain(&bytes, &nibbles), "byte {byte:#x} at {place}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn equals_the_plain_way(bytes in proptest::collection::vec(any::<u8>(), 66), text in "[ghpAKIx7:/.at]{66}") {
            let nibbles = nibbles();
            for bytes in [bytes.as_slice(), text.as_bytes()] {
                let bytes: &Bytes = bytes.try_into().expect("66 bytes");
                prop_assert_eq!(LOOK(bytes, &nibbles), plain(bytes, &nibbles));
            }
        }
    }

    #[test]
    fn texts_are_found_where_they_begin() {
        let mut bytes = [b' '; 66];
        bytes[62..66].copy_from_slice(b"://x");
        bytes[10..13].copy_from_slice(b"ghp");
        bytes[40..42].copy_from_slice(b"x7");
        let block = LOOK(&bytes, &nibbles());
        assert_eq!((block.short, block.inner), (1 << 62, 1 << 10 | 1 << 40));
    }
}
