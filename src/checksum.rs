//! Checksums and lenient decodings that both rules and structures use.

use std::sync::LazyLock;

use crc::{CRC_16_XMODEM, CRC_24_OPENPGP, CRC_32_ISCSI, CRC_32_ISO_HDLC, Crc};
use data_encoding::{Encoding, Specification};

/// CRC-16/XMODEM: Stellar and NATS keys.
pub static CRC16: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);
/// CRC-24: OpenPGP armour.
pub static CRC24: Crc<u32> = Crc::<u32>::new(&CRC_24_OPENPGP);
/// CRC-32 as in zlib.
pub static CRC32: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
/// CRC-32 as in iSCSI.
pub static CRC32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// Marvin32 as Microsoft's identifiable keys use it (github.com/microsoft/security-utilities): a 64-bit seed given as 8
/// ASCII characters read big-endian, over any bytes.
pub fn marvin32(seed: [u8; 8], data: &[u8]) -> u32 {
    let seed = u64::from_be_bytes(seed);
    let (mut p0, mut p1) = (seed as u32, (seed >> 32) as u32);
    let mut block = |word: u32, times: u32| {
        p0 = p0.wrapping_add(word);
        for _ in 0..times {
            p1 ^= p0;
            p0 = p0.rotate_left(20).wrapping_add(p1);
            p1 = p1.rotate_left(9) ^ p0;
            p0 = p0.rotate_left(27).wrapping_add(p1);
            p1 = p1.rotate_left(19);
        }
        p0 ^ p1
    };
    let mut words = data.chunks_exact(4);
    for word in words.by_ref() {
        block(u32::from_le_bytes([word[0], word[1], word[2], word[3]]), 1);
    }
    let mut last = [0; 4];
    let rest = words.remainder();
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = 0x80;
    block(u32::from_le_bytes(last), 2)
}

/// Base64 of either alphabet, without padding and with any trailing bits.
static LENIENT: LazyLock<Encoding> = LazyLock::new(|| {
    let mut spec = Specification::new();
    spec.symbols.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    spec.translate.from.push_str("-_");
    spec.translate.to.push_str("+/");
    spec.check_trailing_bits = false;
    spec.encoding().expect("the specification is valid")
});

/// Decodes base64 of either alphabet; padding may be there or not.
pub fn unbase64(text: &[u8]) -> Option<Vec<u8>> {
    let end = text.iter().rposition(|&b| b != b'=').map_or(0, |i| i + 1);
    let (text, padding) = text.split_at(end);
    (padding.len() <= 3).then(|| LENIENT.decode(text).ok()).flatten()
}
