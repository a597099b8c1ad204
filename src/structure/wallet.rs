//! Wallet keys and other key encodings that carry a checksum or a key relation.
//!
//! Sources: BIP-32, BIP-38 and the Bitcoin wiki (WIF), BIP-173 (bech32), the XRP Ledger, Tezos, Stellar (SEP-23), NATS
//! (nkeys) and Solana documentation, SEC 2 (order of secp256k1), RFC 7748 (clamping).

use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Hrp};
use bs58::Alphabet;
use bstr::ByteSlice;

use super::primitives::{
    CRC16, HEX, arg, base32, body, ed25519_public, is_ed25519_pair, proven_if, seed32, to_base64, unbase32, unbase64,
    unhex, well_formed_if,
};
use super::{Input, Outcome, Rng, Structure};
use crate::finding::{Severity, Verdict};

/// The validators of this module.
pub(super) const TABLE: &[Structure] = &[
    Structure {
        name: "base58check",
        what: "base58 with version bytes and double SHA-256 checksum: wif, xprv, bip38, tezos or xrp (published standards)",
        args: &["KIND", "PREFIX?"],
        check: base58check,
        mint: Some(mint_base58check),
    },
    Structure {
        name: "bech32",
        what: "bech32 checksum (BIP-173) over 32 bytes (33 for suiprivkey) with this human-readable part",
        args: &["HRP"],
        check: bech32_check,
        mint: Some(mint_bech32),
    },
    Structure {
        name: "stellar",
        what: "Stellar secret seed: version byte and CRC-16 (SEP-23)",
        args: &[],
        check: stellar,
        mint: Some(mint_stellar),
    },
    Structure {
        name: "nats",
        what: "NATS nkey seed or private key: prefix bytes and CRC-16 (nats-io/nkeys)",
        args: &["KIND?"],
        check: nats,
        mint: Some(mint_nats),
    },
    Structure {
        name: "solana-json",
        what: "64 numbers: the second half is the Ed25519 public key of the first (Solana id.json)",
        args: &[],
        check: solana_json,
        mint: Some(mint_solana_json),
    },
    Structure {
        name: "ed25519-pair",
        what: "base58 of 64 bytes: the second half is the Ed25519 public key of the first (Solana, NEAR)",
        args: &[],
        check: ed25519_pair,
        mint: Some(mint_ed25519_pair),
    },
    Structure {
        name: "secp256k1-key",
        what: "64 hex digits within the order of secp256k1, not constant, no DER, no word of another curve before it (SEC 2)",
        args: &[],
        check: secp256k1,
        mint: Some(mint_secp256k1),
    },
    Structure {
        name: "curve25519-clamped",
        what: "32 bytes in base64 with the bits cleared and set that RFC 7748 asks for (WireGuard)",
        args: &[],
        check: clamped,
        mint: Some(mint_clamped),
    },
];

/// What a base58check payload of a kind looks like.
struct Version {
    kind: &'static str,
    /// How the text starts; for minting and for the rule's PREFIX.
    starts: &'static str,
    bytes: &'static [u8],
    /// Length of what follows the version bytes.
    length: usize,
    /// What it is, for the reader.
    label: &'static str,
    note: Note,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Note {
    Live,
    TestNetwork,
    Encrypted,
}

const fn version(
    kind: &'static str,
    starts: &'static str,
    bytes: &'static [u8],
    length: usize,
    label: &'static str,
    note: Note,
) -> Version {
    Version { kind, starts, bytes, length, label, note }
}

use Note::{Encrypted, Live, TestNetwork};

const VERSIONS: &[Version] = &[
    version("wif", "K", &[0x80], 33, "Bitcoin", Live),
    version("wif", "L", &[0x80], 33, "Bitcoin", Live),
    version("wif", "5", &[0x80], 32, "Bitcoin", Live),
    version("wif", "c", &[0xef], 33, "Bitcoin test network", TestNetwork),
    version("wif", "9", &[0xef], 32, "Bitcoin test network", TestNetwork),
    version("wif", "T", &[0xb0], 33, "Litecoin", Live),
    version("wif", "6", &[0xb0], 32, "Litecoin", Live),
    version("wif", "Q", &[0x9e], 33, "Dogecoin", Live),
    version("wif", "6", &[0x9e], 32, "Dogecoin", Live),
    version("xprv", "xprv", &[0x04, 0x88, 0xad, 0xe4], 74, "main network", Live),
    version("xprv", "tprv", &[0x04, 0x35, 0x83, 0x94], 74, "test network", TestNetwork),
    version("xprv", "yprv", &[0x04, 0x9d, 0x78, 0x78], 74, "main network", Live),
    version("xprv", "zprv", &[0x04, 0xb2, 0x43, 0x0c], 74, "main network", Live),
    version("xprv", "uprv", &[0x04, 0x4a, 0x4e, 0x28], 74, "test network", TestNetwork),
    version("xprv", "vprv", &[0x04, 0x5f, 0x18, 0xbc], 74, "test network", TestNetwork),
    version("bip38", "6P", &[0x01, 0x42], 37, "Bitcoin", Encrypted),
    version("bip38", "6P", &[0x01, 0x43], 37, "Bitcoin", Encrypted),
    version("tezos", "edsk", &[0x0d, 0x0f, 0x3a, 0x07], 32, "Tezos Ed25519 seed", Live),
    version("tezos", "edsk", &[0x2b, 0xf6, 0x4e, 0x07], 64, "Tezos Ed25519 key", Live),
    version("tezos", "spsk", &[0x11, 0xa2, 0xe0, 0xc9], 32, "Tezos secp256k1 key", Live),
    version("tezos", "p2sk", &[0x10, 0x51, 0xee, 0xbd], 32, "Tezos P-256 key", Live),
    version("tezos", "edesk", &[0x07, 0x5a, 0x3c, 0xb3, 0x29], 56, "Tezos Ed25519 seed", Encrypted),
    version("xrp", "sEd", &[0x01, 0xe1, 0x4b], 16, "XRP Ledger Ed25519 seed", Live),
    version("xrp", "s", &[0x21], 16, "XRP Ledger secp256k1 seed", Live),
];

fn alphabet(kind: &str) -> &'static Alphabet {
    if kind == "xrp" { Alphabet::RIPPLE } else { Alphabet::BITCOIN }
}

/// What the version bytes cannot say: marker bytes and the range of keys.
fn payload_fits(version: &Version, payload: &[u8]) -> bool {
    match (version.kind, payload) {
        ("wif", [key @ .., 1]) if version.length == 33 => key_in_order(key),
        ("wif", key) => version.length == 32 && key_in_order(key),
        // Depth, parent and child number, chain code, then a zero byte before the key.
        ("xprv", payload) => payload.get(41) == Some(&0) && payload.get(42..).is_some_and(key_in_order),
        ("tezos", payload) if version.length == 64 => {
            payload.split_at_checked(32).is_some_and(|(seed, public)| is_ed25519_pair(seed, public))
        }
        _ => true,
    }
}

fn base58check(input: &Input<'_>) -> Outcome {
    let (kind, prefix) = (arg(input.args, 0), arg(input.args, 1));
    let text = input.token();
    let bad = Outcome::of(input, Verdict::Malformed);
    if !prefix.is_empty() && !text.starts_with(prefix.as_bytes()) {
        return bad.dismissed();
    }
    if text.len() > 128 {
        return bad;
    }
    let Ok(bytes) = bs58::decode(text).with_alphabet(alphabet(kind)).with_check(None).into_vec() else {
        return bad;
    };
    let found = VERSIONS.iter().find(|version| {
        version.kind == kind
            && bytes
                .strip_prefix(version.bytes)
                .is_some_and(|payload| payload.len() == version.length && payload_fits(version, payload))
    });
    let Some(version) = found else { return bad };
    let outcome = Outcome::of(input, Verdict::Proven).fact("network", version.label);
    match version.note {
        Live => outcome,
        TestNetwork => outcome.at_most(Severity::Low),
        Encrypted => outcome.at_most(Severity::Medium).fact("encrypted", "yes, with a passphrase"),
    }
}

fn mint_base58check(rng: &mut Rng, args: &[String]) -> Vec<u8> {
    let (kind, prefix) = (arg(args, 0), arg(args, 1));
    let fits = |version: &&Version| version.kind == kind && (prefix.is_empty() || version.starts == prefix);
    let Some(version) = VERSIONS.iter().find(fits) else { return Vec::new() };
    // Which of two first letters comes out depends on the first bits, so some are drawn again.
    for _ in 0..1000 {
        let mut payload = rng.bytes(version.length);
        match kind {
            "wif" if version.length == 33 => payload[32] = 1,
            "xprv" => payload[41] = 0,
            _ if version.length == 64 => {
                let seed = seed32(rng);
                payload = [seed, ed25519_public(&seed)].concat();
            }
            _ => {}
        }
        let bytes = [version.bytes, &payload].concat();
        let text = bs58::encode(bytes).with_alphabet(alphabet(kind)).with_check().into_string();
        if payload_fits(version, &payload) && (prefix.is_empty() || text.starts_with(prefix)) {
            return text.into_bytes();
        }
    }
    Vec::new()
}

fn bech32_check(input: &Input<'_>) -> Outcome {
    let hrp = arg(input.args, 0);
    let decoded = std::str::from_utf8(input.token()).ok().and_then(|text| {
        let text = CheckedHrpstring::new::<Bech32>(text).ok()?;
        text.hrp().to_string().eq_ignore_ascii_case(hrp).then(|| text.byte_iter().collect::<Vec<u8>>())
    });
    let sui = hrp.eq_ignore_ascii_case("suiprivkey");
    let holds = decoded.is_some_and(|bytes| if sui { bytes.len() == 33 && bytes[0] <= 2 } else { bytes.len() == 32 });
    Outcome::of(input, proven_if(holds))
}

fn mint_bech32(rng: &mut Rng, args: &[String]) -> Vec<u8> {
    let name = arg(args, 0).to_ascii_lowercase();
    let mut bytes = rng.bytes(32);
    if name == "suiprivkey" {
        bytes.insert(0, rng.below(3) as u8);
    }
    let text = Hrp::parse(&name).ok().and_then(|hrp| bech32::encode::<Bech32>(hrp, &bytes).ok()).unwrap_or_default();
    if name.starts_with("age-") { text.to_ascii_uppercase() } else { text }.into_bytes()
}

/// Decodes base32 and takes off a CRC-16 in little-endian order.
fn unbase32_crc(text: &[u8]) -> Option<Vec<u8>> {
    let bytes = unbase32(text).filter(|_| !text.iter().any(u8::is_ascii_lowercase))?;
    let (data, sum) = bytes.split_last_chunk::<2>()?;
    (CRC16.checksum(data) == u16::from_le_bytes(*sum)).then(|| data.to_vec())
}

fn base32_crc(mut data: Vec<u8>) -> Vec<u8> {
    let sum = CRC16.checksum(&data).to_le_bytes();
    data.extend(sum);
    base32().map(|encoding| encoding.encode(&data)).unwrap_or_default().into_bytes()
}

/// The checksum has 16 bits, so it never proves.
fn stellar(input: &Input<'_>) -> Outcome {
    let data = unbase32_crc(input.token());
    Outcome::of(input, well_formed_if(data.is_some_and(|data| data.len() == 33 && data[0] == 0x90)))
}

fn mint_stellar(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    base32_crc([vec![0x90], rng.bytes(32)].concat())
}

/// Names and numbers of the kinds of NATS keys; the number times eight is packed into the two prefix bytes.
const NATS_KINDS: &[(&str, u8)] =
    &[("user", 20), ("account", 0), ("operator", 14), ("server", 13), ("cluster", 2), ("curve", 23)];

fn nats(input: &Input<'_>) -> Outcome {
    let data = unbase32_crc(input.token()).unwrap_or_default();
    let kind = match *data.as_slice() {
        [first, second, ..] if data.len() == 34 && first & 0xf8 == 0x90 => {
            let kind = (first & 7) << 5 | second >> 3;
            NATS_KINDS.iter().find(|(_, n)| n << 3 == kind && second & 7 == 0).map(|(name, _)| *name)
        }
        // P: the private key itself, 64 bytes whose second half is the public key.
        [0x78, ref key @ ..] if key.len() == 64 => {
            let pair = key.split_at_checked(32).is_some_and(|(seed, public)| is_ed25519_pair(seed, public));
            return Outcome::of(input, proven_if(pair)).fact("type", "private key");
        }
        _ => None,
    };
    match kind {
        Some(kind) => Outcome::of(input, Verdict::WellFormed).fact("type", kind),
        None => Outcome::of(input, Verdict::Malformed),
    }
}

fn mint_nats(rng: &mut Rng, args: &[String]) -> Vec<u8> {
    let wanted = arg(args, 0);
    if wanted == "private" {
        let seed = seed32(rng);
        return base32_crc([vec![0x78], seed.to_vec(), ed25519_public(&seed).to_vec()].concat());
    }
    let number = NATS_KINDS.iter().find(|(name, _)| *name == wanted).map_or(20, |(_, number)| *number) << 3;
    base32_crc([vec![0x90 | number >> 5, (number & 31) << 3], rng.bytes(32)].concat())
}

/// Verdict on 64 bytes of seed and public key.
fn pair(input: &Input<'_>, bytes: &[u8]) -> Outcome {
    let halves = bytes.split_at_checked(32);
    Outcome::of(input, proven_if(halves.is_some_and(|(seed, public)| is_ed25519_pair(seed, public))))
}

fn solana_json(input: &Input<'_>) -> Outcome {
    let text = input.token();
    let numbers = text
        .split(|b| !b.is_ascii_digit())
        .filter(|digits| !digits.is_empty())
        .take(65)
        .map(|digits| std::str::from_utf8(digits).ok()?.parse::<u8>().ok())
        .collect::<Option<Vec<u8>>>();
    match numbers {
        Some(bytes) if bytes.len() == 64 => pair(input, &bytes),
        // Any other list of numbers is not even close.
        _ => Outcome::of(input, Verdict::Malformed).dismissed(),
    }
}

fn mint_solana_json(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let seed = seed32(rng);
    let numbers: Vec<String> = seed.iter().chain(&ed25519_public(&seed)).map(u8::to_string).collect();
    format!("[{}]", numbers.join(",")).into_bytes()
}

fn ed25519_pair(input: &Input<'_>) -> Outcome {
    let text = body(input);
    let text = text.strip_prefix(b"ed25519:").unwrap_or(text);
    let bytes = if text.len() > 96 { Vec::new() } else { bs58::decode(text).into_vec().unwrap_or_default() };
    pair(input, &bytes)
}

fn mint_ed25519_pair(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let seed = seed32(rng);
    bs58::encode([seed, ed25519_public(&seed)].concat()).into_vec()
}

/// Whether 32 bytes are a key of secp256k1: between 1 and the order, exclusive.
fn key_in_order(key: &[u8]) -> bool {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae,
        0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
    ];
    key.len() == 32 && key.iter().any(|&b| b != 0) && key < &ORDER[..]
}

/// First eight bytes of the first ten accounts that Hardhat and Anvil print on start.
const DEVELOPMENT_KEYS: [u64; 10] = [
    0xac09_74be_c39a_17e3,
    0x59c6_995e_998f_97a5,
    0x5de4_111a_fa1a_4b94,
    0x7c85_2118_294e_51e6,
    0x47e1_79ec_1974_8859,
    0x8b3a_350c_f5c3_4c91,
    0x92db_14e4_03b8_3dfe,
    0x4bbb_f85c_e333_7746,
    0xdbda_1821_b805_51c9,
    0x2a87_1d07_98f9_7d79,
];

/// Words of keys for other curves and chains.
const OTHER_CURVES: &[&[u8]] = &[
    b"p-256",
    b"p256",
    b"secp256r1",
    b"prime256v1",
    b"nistp",
    b"webauthn",
    b"lwm2m",
    b"25519",
    b"monero",
    b"view_key",
    b"viewkey",
    b"spend_key",
    b"spendkey",
    b"crypto::secret_key",
];
/// How far back they are looked for.
const CURVE_BEFORE: usize = 96;

/// Begins as keys and their numbers do in DER: a sequence, then a version or an algorithm.
fn is_der(key: &[u8]) -> bool {
    let inner = match key {
        [0x30, 0x81, _, rest @ ..] | [0x30, 0x82, _, _, rest @ ..] => rest,
        [0x30, 0..=0x7f, rest @ ..] => rest,
        _ => return false,
    };
    matches!(inner, [2, 1, 0 | 1, ..] | [0x30, _, 6, 5..=9, ..])
}

/// Almost every 64 hex digits are in range, so this only filters: the verdict is never better than the shape.
fn secp256k1(input: &Input<'_>) -> Outcome {
    let text = body(input);
    let key = unhex(text.strip_prefix(b"0x").unwrap_or(text)).unwrap_or_default();
    if !key_in_order(&key) {
        return Outcome::of(input, Verdict::Malformed);
    }
    let few = key.iter().collect::<std::collections::BTreeSet<_>>().len() < 12;
    let steps = key.windows(2).all(|w| w[1].wrapping_sub(w[0]) == key[1].wrapping_sub(key[0]));
    let before = input.start.saturating_sub(CURVE_BEFORE);
    let words = input.hay.get(before..input.start).unwrap_or_default().to_ascii_lowercase();
    let other = OTHER_CURVES.iter().any(|word| memchr::memmem::find(&words, word).is_some());
    // `expected := "..."`: an id that a test compares with, behind a key that it is made from.
    let name = words.trim_end_with(|c| c.is_ascii_whitespace() || "\"'`(:=,".contains(c));
    let compared = name.ends_with(b"expected") || name.ends_with(b"want");
    let outcome = Outcome { read: before..input.end, ..Outcome::of(input, Verdict::Shape) };
    if few || steps || other || compared || is_der(&key) {
        outcome.dismissed()
    } else if DEVELOPMENT_KEYS.contains(&super::primitives::big(&key)) {
        outcome.fact("known", "published development key").at_most(Severity::Low)
    } else {
        outcome
    }
}

fn mint_secp256k1(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    format!("{}{}", rng.pick(b"123456789abcde") as char, rng.text(HEX, 63)).into_bytes()
}

fn clamped(input: &Input<'_>) -> Outcome {
    let key = unbase64(body(input)).unwrap_or_default();
    let holds = matches!(key.as_slice(), [first, .., last] if key.len() == 32 && first & 7 == 0 && last & 0xc0 == 0x40);
    Outcome::of(input, well_formed_if(holds))
}

fn mint_clamped(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let mut key = seed32(rng);
    key[0] &= 0xf8;
    key[31] = key[31] & 0x7f | 0x40;
    to_base64(&key).into_bytes()
}
