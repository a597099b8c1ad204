//! What each of 64 bytes is, and where a literal could begin among them: AVX2 where the processor has it, NEON on AArch64,
//! plain code elsewhere.
//!
//! The only module with `unsafe`: each use calls a vector function after its feature was detected, and reads only the
//! bytes of the array that it is given.
#![allow(unsafe_code)]

use std::sync::LazyLock;

use crate::detect::nibbles::{KEY, Nibbles};

/// Bytes that are looked at together, and three more that texts may reach into.
pub type Bytes = [u8; 64 + KEY - 1];

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
    /// Here a near text could begin that stands in runs.
    pub inner: u64,
    /// Here a near text could begin that stands anywhere.
    pub short: u64,
    /// Here a far text could begin.
    pub far: u64,
    /// Here a key word of a name could begin.
    pub name: u64,
    /// One of `%`, `\`, `&`: here an escape could begin.
    pub lead: u64,
}

/// The texts that are looked for.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    /// By their first four bytes: those that stand in runs, and in the last bucket those of two or three bytes that can stand
    /// anywhere.
    pub near: Nibbles,
    /// By their rarest four bytes: those that can stand anywhere.
    pub far: Nibbles,
    /// By their first four bytes: key words of names, in any letter case.
    pub names: Nibbles,
}

/// Which of 64 bytes are digits and letters: one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    /// A digit.
    pub digit: u64,
    /// An upper-case letter.
    pub upper: u64,
    /// A lower-case letter.
    pub lower: u64,
}

/// Looks at 64 bytes.
pub type Look = fn(&Bytes, &Texts) -> Block;

/// Finds where texts could begin among 64 bytes.
pub type Find = fn(&Bytes, &Nibbles) -> u64;

/// Finds digits and letters among 64 bytes.
pub type Sort = fn(&[u8; 64]) -> Kinds;

/// A function of the fastest module for this machine, or the plain one.
macro_rules! fastest {
    ($name:ident: $kind:ty, $vector:ident or $plain:ident) => {
        /// The fastest way on this machine.
        pub static $name: LazyLock<$kind> = LazyLock::new(|| {
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("avx2") {
                return avx2::$vector;
            }
            #[cfg(target_arch = "aarch64")]
            return neon::$vector;
            #[allow(unreachable_code, reason = "some targets return above")]
            $plain
        });
    };
}

fastest!(LOOK: Look, look or plain);
fastest!(FIND: Find, find or plain_find);
fastest!(KINDS: Sort, kinds or plain_kinds);

/// The plain way: the definition.
pub fn plain_kinds(bytes: &[u8; 64]) -> Kinds {
    bytes.iter().enumerate().fold(Kinds::default(), |kinds, (i, b)| Kinds {
        digit: kinds.digit | u64::from(b.is_ascii_digit()) << i,
        upper: kinds.upper | u64::from(b.is_ascii_uppercase()) << i,
        lower: kinds.lower | u64::from(b.is_ascii_lowercase()) << i,
    })
}

/// The plain way: the definition.
pub fn plain_find(bytes: &Bytes, texts: &Nibbles) -> u64 {
    bytes.windows(KEY).enumerate().fold(0, |bits, (i, four)| bits | u64::from(texts.buckets(four) != 0) << i)
}

/// The plain way: the definition.
pub fn plain(bytes: &Bytes, texts: &Texts) -> Block {
    let (far, name) = (plain_find(bytes, &texts.far), plain_find(bytes, &texts.names));
    let mut block = Block { far, name, ..Block::default() };
    for (i, four) in bytes.windows(KEY).enumerate() {
        let (b, bit) = (four[0], 1 << i);
        let set = |mask: &mut u64, is: bool| *mask |= if is { bit } else { 0 };
        set(&mut block.digit, b.is_ascii_digit());
        set(&mut block.upper, b.is_ascii_uppercase());
        set(&mut block.lower, b.is_ascii_lowercase());
        set(&mut block.word, b.is_ascii_alphanumeric() || b == b'_');
        set(&mut block.lead, LEADS.contains(&b));
        set(&mut block.token, b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'/' | b'=' | b'.' | b'-'));
        let buckets = texts.near.buckets(four);
        set(&mut block.inner, buckets & 0x7f != 0);
        set(&mut block.short, buckets & 0x80 != 0);
    }
    block
}

/// What escapes begin with.
const LEADS: [u8; 3] = *b"%\\&";

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
        _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8,
        _mm256_slli_epi16, _mm256_srli_epi16,
    };

    use super::{Block, Bytes, DIGITS, HIGH, KEY, Kinds, LEADS, LOW, LOWER, Nibbles, Texts, UPPER};

    pub(super) fn look(bytes: &Bytes, texts: &Texts) -> Block {
        // SAFETY: `LOOK` chooses this function only after AVX2 was detected.
        unsafe { look_avx2(bytes, texts) }
    }

    pub(super) fn find(bytes: &Bytes, texts: &Nibbles) -> u64 {
        // SAFETY: `FIND` chooses this function only after AVX2 was detected.
        unsafe { find_avx2(bytes, texts) }
    }

    pub(super) fn kinds(bytes: &[u8; 64]) -> Kinds {
        // SAFETY: `KINDS` chooses this function only after AVX2 was detected.
        unsafe { kinds_avx2(bytes) }
    }

    /// 64 bytes in two registers.
    type Pair = [__m256i; 2];

    #[target_feature(enable = "avx2")]
    fn look_avx2(bytes: &Bytes, texts: &Texts) -> Block {
        let parts = parts(bytes);
        let kind = both(&parts[0], &LOW, &HIGH);
        let near = buckets(&parts, &texts.near);
        let [digit, upper, lower] = [digits(kind), any(kind, UPPER[0] | UPPER[1]), any(kind, LOWER[0] | LOWER[1])];
        let text = [load(bytes, 0), load(bytes, 32)];
        Block {
            token: any(kind, 0xff),
            digit,
            upper,
            lower,
            word: digit | upper | lower | top(kind),
            inner: any(near, 0x7f),
            short: top(near),
            far: any(buckets(&parts, &texts.far), 0xff),
            name: any(buckets(&parts, &texts.names), 0xff),
            lead: top(text.map(|text| {
                LEADS.iter().fold(_mm256_setzero_si256(), |all, lead| {
                    _mm256_or_si256(all, _mm256_cmpeq_epi8(text, _mm256_set1_epi8(*lead as i8)))
                })
            })),
        }
    }

    #[target_feature(enable = "avx2")]
    fn find_avx2(bytes: &Bytes, texts: &Nibbles) -> u64 {
        any(buckets(&parts(bytes), texts), 0xff)
    }

    #[target_feature(enable = "avx2")]
    fn kinds_avx2(bytes: &[u8; 64]) -> Kinds {
        let kind = both(&[halves(load(bytes, 0)), halves(load(bytes, 32))], &LOW, &HIGH);
        Kinds { digit: digits(kind), upper: any(kind, UPPER[0] | UPPER[1]), lower: any(kind, LOWER[0] | LOWER[1]) }
    }

    /// The low and the high halves of 64 bytes, and of those from each of the three places behind on.
    #[target_feature(enable = "avx2")]
    fn parts(bytes: &Bytes) -> [[(__m256i, __m256i); 2]; KEY] {
        [0, 1, 2, 3].map(|place| [halves(load(bytes, place)), halves(load(bytes, place + 32))])
    }

    #[target_feature(enable = "avx2")]
    fn halves(text: __m256i) -> (__m256i, __m256i) {
        let nibble = _mm256_set1_epi8(0x0f);
        (_mm256_and_si256(text, nibble), _mm256_and_si256(_mm256_srli_epi16::<4>(text), nibble))
    }

    /// The 32 bytes from a place on.
    #[target_feature(enable = "avx2")]
    fn load<const N: usize>(bytes: &[u8; N], at: usize) -> __m256i {
        let bytes: &[u8; 32] = bytes[at..].first_chunk().expect("32 bytes from there on");
        // SAFETY: the array is 32 bytes long; unaligned loads are allowed.
        unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx2")]
    fn buckets(parts: &[[(__m256i, __m256i); 2]; KEY], texts: &Nibbles) -> Pair {
        let mut all = [_mm256_set1_epi8(-1); 2];
        for (part, (low, high)) in parts.iter().zip(texts.low.iter().zip(&texts.high)) {
            let [first, last] = both(part, low, high);
            all = [_mm256_and_si256(all[0], first), _mm256_and_si256(all[1], last)];
        }
        all
    }

    /// What both halves of each byte say.
    #[target_feature(enable = "avx2")]
    fn both(parts: &[(__m256i, __m256i); 2], low: &[u8; 16], high: &[u8; 16]) -> Pair {
        let (low, high) = (table(low), table(high));
        parts.map(|(low_halves, high_halves)| {
            _mm256_and_si256(_mm256_shuffle_epi8(low, low_halves), _mm256_shuffle_epi8(high, high_halves))
        })
    }

    #[target_feature(enable = "avx2")]
    fn table(halves: &[u8; 16]) -> __m256i {
        // SAFETY: the array is 16 bytes long.
        _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(halves.as_ptr().cast()) })
    }

    /// The top bits.
    #[target_feature(enable = "avx2")]
    fn top(bytes: Pair) -> u64 {
        let [first, last] = bytes.map(|bytes| u64::from(_mm256_movemask_epi8(bytes) as u32));
        first | last << 32
    }

    /// Which bytes have any of some bits?
    #[target_feature(enable = "avx2")]
    fn any(bytes: Pair, of: u8) -> u64 {
        let (of, zero) = (_mm256_set1_epi8(of as i8), _mm256_setzero_si256());
        !top(bytes.map(|bytes| _mm256_cmpeq_epi8(_mm256_and_si256(bytes, of), zero)))
    }

    /// Which bytes are digits?
    #[target_feature(enable = "avx2")]
    fn digits(kind: Pair) -> u64 {
        const { assert!(DIGITS == 1) };
        top(kind.map(|kind| _mm256_slli_epi16::<7>(kind)))
    }
}

#[cfg(target_arch = "aarch64")]
mod neon {
    use std::arch::aarch64::{uint8x16_t, vandq_u8, vdupq_n_u8, vld1q_u8, vqtbl1q_u8, vshrq_n_u8, vst1q_u8};

    use super::{Block, Bytes, DIGITS, HIGH, KEY, Kinds, LEADS, LOW, LOWER, Nibbles, Texts, UNDERSCORE, UPPER};

    pub(super) fn look(bytes: &Bytes, texts: &Texts) -> Block {
        let (far, name) = (find(bytes, &texts.far), find(bytes, &texts.names));
        let mut block = Block { far, name, ..Block::default() };
        for at in [0, 16, 32, 48] {
            let kinds = store(both(load(bytes, at), &LOW, &HIGH));
            let near = store(buckets(bytes, at, &texts.near));
            for (i, byte) in bytes[at..at + 16].iter().enumerate() {
                block.lead |= u64::from(LEADS.contains(byte)) << (at + i);
            }
            for (i, (kind, near)) in kinds.iter().zip(near).enumerate() {
                let bit = |mask: u8| u64::from(kind & mask != 0) << (at + i);
                block.digit |= bit(DIGITS);
                block.upper |= bit(UPPER[0] | UPPER[1]);
                block.lower |= bit(LOWER[0] | LOWER[1]);
                block.token |= bit(0xff);
                block.word |= bit(DIGITS | UPPER[0] | UPPER[1] | LOWER[0] | LOWER[1] | UNDERSCORE);
                block.inner |= u64::from(near & 0x7f != 0) << (at + i);
                block.short |= u64::from(near & 0x80 != 0) << (at + i);
            }
        }
        block
    }

    pub(super) fn kinds(bytes: &[u8; 64]) -> Kinds {
        let mut all = Kinds::default();
        for at in [0, 16, 32, 48] {
            for (i, kind) in store(both(load(bytes, at), &LOW, &HIGH)).iter().enumerate() {
                let bit = |mask: u8| u64::from(kind & mask != 0) << (at + i);
                all.digit |= bit(DIGITS);
                all.upper |= bit(UPPER[0] | UPPER[1]);
                all.lower |= bit(LOWER[0] | LOWER[1]);
            }
        }
        all
    }

    pub(super) fn find(bytes: &Bytes, texts: &Nibbles) -> u64 {
        [0, 16, 32, 48].iter().fold(0, |bits, at| {
            let found = store(buckets(bytes, *at, texts));
            found.iter().enumerate().fold(bits, |bits, (i, buckets)| bits | u64::from(*buckets != 0) << (at + i))
        })
    }

    fn buckets(bytes: &Bytes, at: usize, texts: &Nibbles) -> uint8x16_t {
        // SAFETY: NEON is part of AArch64.
        (1..KEY).fold(both(load(bytes, at), &texts.low[0], &texts.high[0]), |all, place| unsafe {
            vandq_u8(all, both(load(bytes, at + place), &texts.low[place], &texts.high[place]))
        })
    }

    fn load<const N: usize>(bytes: &[u8; N], at: usize) -> uint8x16_t {
        let bytes = &bytes[at..at + 16];
        // SAFETY: NEON is part of AArch64; the slice is 16 bytes long.
        unsafe { vld1q_u8(bytes.as_ptr()) }
    }

    fn store(text: uint8x16_t) -> [u8; 16] {
        let mut bytes = [0; 16];
        // SAFETY: NEON is part of AArch64; the array is 16 bytes long.
        unsafe { vst1q_u8(bytes.as_mut_ptr(), text) };
        bytes
    }

    /// What both halves of each byte say.
    fn both(text: uint8x16_t, low: &[u8; 16], high: &[u8; 16]) -> uint8x16_t {
        // SAFETY: NEON is part of AArch64; the tables are 16 bytes long.
        unsafe {
            let low = vqtbl1q_u8(vld1q_u8(low.as_ptr()), vandq_u8(text, vdupq_n_u8(15)));
            vandq_u8(low, vqtbl1q_u8(vld1q_u8(high.as_ptr()), vshrq_n_u8::<4>(text)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts() -> Texts {
        let plain = |text: &'static str| (text.as_bytes(), false);
        Texts {
            near: Nibbles::with_last(["ghp", "AKI", "x7", ".at"].map(plain), [plain("://")]),
            far: Nibbles::new([("pass".as_bytes(), true), plain("-BEG"), ("\u{e9}!a".as_bytes(), false)]),
            names: Nibbles::new([("key".as_bytes(), true), ("_pw".as_bytes(), true), ("token".as_bytes(), true)]),
        }
    }

    fn check(bytes: &Bytes) {
        let texts = texts();
        assert_eq!(LOOK(bytes, &texts), plain(bytes, &texts), "{bytes:?}");
        assert_eq!(FIND(bytes, &texts.far), plain_find(bytes, &texts.far), "{bytes:?}");
        let first = bytes.first_chunk().expect("64 of 67 bytes");
        assert_eq!(KINDS(first), plain_kinds(first), "{bytes:?}");
    }

    #[test]
    fn every_byte_at_every_place() {
        for byte in 0..=255 {
            for place in 0..67 {
                for around in [b' ', b'a', 0xff] {
                    let mut bytes = [around; 67];
                    bytes[place] = byte;
                    check(&bytes);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn equals_the_plain_way(bytes in proptest::collection::vec(any::<u8>(), 67), text in "[ghpAKIx7:/.atkeyTOKEN_w%&\\\\]{67}") {
            for bytes in [bytes.as_slice(), text.as_bytes()] {
                check(bytes.try_into().expect("67 bytes"));
            }
        }
    }

    #[test]
    fn texts_are_found_where_they_begin() {
        let mut bytes = [b' '; 67];
        bytes[63..66].copy_from_slice(b"://");
        bytes[10..13].copy_from_slice(b"ghp");
        bytes[40..42].copy_from_slice(b"x7");
        bytes[30..34].copy_from_slice(b"-BEG");
        bytes[50..54].copy_from_slice(b"pASs");
        bytes[20..23].copy_from_slice(b"kEY");
        let block = LOOK(&bytes, &texts());
        assert_eq!((block.short, block.inner, block.far), (1 << 63, 1 << 10 | 1 << 40, 1 << 30 | 1 << 50));
        assert_eq!(block.name, 1 << 20);
    }
}
