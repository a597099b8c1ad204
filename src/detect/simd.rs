//! Which bytes are token characters, 64 at a time: AVX2 where the processor has it, NEON on AArch64, plain code elsewhere.
//!
//! The only module with `unsafe`: each use calls a vector function after its feature was detected, and reads only the 64
//! bytes of the array that it is given.
#![allow(unsafe_code)]

use std::sync::LazyLock;

/// Makes one bit of each of 64 bytes: is it one of `[A-Za-z0-9_+/=.-]`?
pub type Classify = fn(&[u8; 64]) -> u64;

/// The fastest way on this machine.
pub static CLASSIFY: LazyLock<Classify> = LazyLock::new(|| {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        return avx2::classify;
    }
    #[cfg(target_arch = "aarch64")]
    return neon::classify;
    #[allow(unreachable_code, reason = "some targets return above")]
    plain
});

/// The plain way: the definition.
pub fn plain(bytes: &[u8; 64]) -> u64 {
    let mut bits = 0;
    for (i, &b) in bytes.iter().enumerate() {
        let token = b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'/' | b'=' | b'.' | b'-');
        bits |= u64::from(token) << i;
    }
    bits
}

/// For each low half of a byte: in which high halves is it a token character? One bit for each of the high halves 2 to 7;
/// the other high halves have no token characters.
const LOW: [u8; 16] = {
    let mut table = [0; 16];
    let mut byte = 0x20usize;
    while byte < 0x80 {
        let b = byte as u8;
        if b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'/' | b'=' | b'.' | b'-') {
            table[byte & 15] |= 1 << ((byte >> 4) - 2);
        }
        byte += 1;
    }
    table
};

/// The bit of each high half.
const HIGH: [u8; 16] = [0, 0, 1, 2, 4, 8, 16, 32, 0, 0, 0, 0, 0, 0, 0, 0];

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm_loadu_si128, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8, _mm256_loadu_si256,
        _mm256_movemask_epi8, _mm256_set1_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi16,
    };

    use super::{HIGH, LOW};

    pub(super) fn classify(bytes: &[u8; 64]) -> u64 {
        // SAFETY: `CLASSIFY` chooses this function only after AVX2 was detected.
        unsafe { classify_avx2(bytes) }
    }

    #[target_feature(enable = "avx2")]
    fn classify_avx2(bytes: &[u8; 64]) -> u64 {
        // SAFETY: both loads stay inside the 64 bytes of the array; unaligned loads are allowed.
        let (first, second) = unsafe {
            let at = bytes.as_ptr().cast::<__m256i>();
            (_mm256_loadu_si256(at), _mm256_loadu_si256(at.add(1)))
        };
        u64::from(half(first)) | u64::from(half(second)) << 32
    }

    #[target_feature(enable = "avx2")]
    fn half(bytes: __m256i) -> u32 {
        // SAFETY: the tables are 16 bytes long.
        let (low, high) = unsafe { (_mm_loadu_si128(LOW.as_ptr().cast()), _mm_loadu_si128(HIGH.as_ptr().cast())) };
        let nibble = _mm256_set1_epi8(0x0f);
        // A shuffle gives zero where the index has its top bit set, so bytes of 0x80 and above are no token characters.
        let by_low = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(low), bytes);
        let top = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), nibble);
        let by_high = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(high), top);
        let none = _mm256_cmpeq_epi8(_mm256_and_si256(by_low, by_high), _mm256_setzero_si256());
        !(_mm256_movemask_epi8(none) as u32)
    }
}

#[cfg(target_arch = "aarch64")]
mod neon {
    use std::arch::aarch64::{vandq_u8, vdupq_n_u8, vld1q_u8, vqtbl1q_u8, vshrq_n_u8, vst1q_u8, vtstq_u8};

    use super::{HIGH, LOW};

    pub(super) fn classify(bytes: &[u8; 64]) -> u64 {
        let mut bits = 0u64;
        for part in 0..4 {
            let mut hits = [0u8; 16];
            // SAFETY: NEON is part of AArch64; each load and the store stay inside their 16 bytes.
            unsafe {
                let text = vld1q_u8(bytes.as_ptr().add(part * 16));
                let low = vqtbl1q_u8(vld1q_u8(LOW.as_ptr()), vandq_u8(text, vdupq_n_u8(15)));
                let high = vqtbl1q_u8(vld1q_u8(HIGH.as_ptr()), vshrq_n_u8::<4>(text));
                vst1q_u8(hits.as_mut_ptr(), vtstq_u8(low, high));
            }
            for (i, hit) in hits.iter().enumerate() {
                bits |= u64::from(*hit & 1) << (part * 16 + i);
            }
        }
        bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place() {
        for byte in 0..=255 {
            for place in 0..64 {
                for around in [b' ', b'a', 0xff] {
                    let mut bytes = [around; 64];
                    bytes[place] = byte;
                    assert_eq!(CLASSIFY(&bytes), plain(&bytes), "byte {byte:#x} at {place}");
                }
            }
        }
    }
}
