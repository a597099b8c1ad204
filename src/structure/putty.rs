//! PuTTY private keys (.ppk).
//!
//! Source: PuTTY's documentation, appendix "PPK file format". The MAC of an unencrypted file has no secret key, so
//! anybody can check it.

use hmac::{Hmac, Mac};
use sha1::{Digest, Sha1};
use sha2::Sha256;

use super::openssh::to_string;
use super::primitives::{ed25519_public, proven_if, seed32, to_base64, unbase64, unhex, window};
use super::{Input, Outcome, Rng, Structure};
use crate::finding::{Severity, Verdict};

/// The validators of this module.
pub(super) const TABLE: &[Structure] = &[Structure {
    name: "putty",
    what: "PuTTY key file up to its MAC, which is checked when the key is not encrypted (PuTTY documentation)",
    args: &["VERSION?"],
    check,
    mint: Some(mint),
}];

/// How far ahead the MAC is looked for.
const AHEAD: usize = 64 * 1024;

/// What stands in a file.
#[derive(Default)]
struct File {
    version: u8,
    algorithm: Vec<u8>,
    encryption: Vec<u8>,
    comment: Vec<u8>,
    public: Vec<u8>,
    private: Vec<u8>,
    mac: Vec<u8>,
}

/// Reads lines one at a time; line breaks may be escaped as `\n`.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    escaped: bool,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let end = if self.escaped {
            memchr::memmem::find(rest, br"\n").or_else(|| rest.iter().position(|b| b"\"'\n".contains(b)))
        } else {
            memchr::memchr(b'\n', rest)
        };
        let line = rest.get(..end.unwrap_or(rest.len()))?;
        self.at += line.len() + if self.escaped { 2 } else { 1 };
        let line = line.strip_suffix(b"\r").or_else(|| line.strip_suffix(br"\r")).unwrap_or(line);
        Some(if self.escaped { line } else { line.trim_ascii_start() })
    }

    /// The value of the header that must come next.
    fn header(&mut self, name: &str) -> Option<&'a [u8]> {
        self.next()?.strip_prefix(name.as_bytes())?.strip_prefix(b": ")
    }

    /// As many lines of base64 as the header says.
    fn blob(&mut self, name: &str) -> Option<Vec<u8>> {
        let count: usize = std::str::from_utf8(self.header(name)?).ok()?.trim().parse().ok()?;
        let mut text = Vec::new();
        for _ in 0..count.min(2000) {
            text.extend(self.next()?.trim_ascii());
        }
        unbase64(&text)
    }
}

/// Reads a file; gives it with the offset of its end.
fn parse(version: u8, ahead: &[u8]) -> Option<(File, usize)> {
    let first = ahead.split(|&b| b == b'\n').next()?;
    let escaped = memchr::memmem::find(first, br"\n").is_some();
    let mut lines = Lines { text: ahead, at: 0, escaped };
    let mut file = File { version, algorithm: lines.next()?.to_vec(), ..File::default() };
    file.encryption = lines.header("Encryption")?.to_vec();
    file.comment = lines.header("Comment")?.to_vec();
    file.public = lines.blob("Public-Lines")?;
    // How the passphrase was stretched (version 3).
    let mut mark = lines.at;
    for _ in 0..6 {
        mark = lines.at;
        if !lines.next()?.starts_with(b"Argon2-") && !ahead.get(mark..)?.trim_ascii_start().starts_with(b"Key-Deriv") {
            break;
        }
    }
    lines.at = mark;
    file.private = lines.blob("Private-Lines")?;
    let line_start = lines.at;
    let digits = lines.header("Private-MAC")?;
    let length = digits.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    file.mac = unhex(digits.get(..length)?)?;
    let value = memchr::memmem::find(ahead.get(line_start..)?, b": ")?;
    Some((file, line_start + value + 2 + length))
}

fn mac_of(file: &File) -> Vec<u8> {
    let fields = [&file.algorithm, &file.encryption, &file.comment, &file.public, &file.private];
    let data: Vec<u8> = fields.iter().flat_map(|field| to_string(field)).collect();
    match file.version {
        2 => {
            let key = Sha1::digest(b"putty-private-key-file-mac-key");
            Hmac::<Sha1>::new_from_slice(&key).map(|mac| mac.chain_update(&data).finalize().into_bytes().to_vec())
        }
        _ => Hmac::<Sha256>::new_from_slice(&[]).map(|mac| mac.chain_update(&data).finalize().into_bytes().to_vec()),
    }
    .unwrap_or_default()
}

fn check(input: &Input<'_>) -> Outcome {
    let (window, past) = window(input.hay, input.end, AHEAD);
    let ahead = input.hay.get(window).unwrap_or_default();
    let version = match input.token().iter().rev().find(|b| b.is_ascii_digit()) {
        Some(b'3') => 3,
        _ => 2,
    };
    let Some((file, length)) = parse(version, ahead) else {
        // The name alone, or a file that broke off.
        let body = ahead.get(..ahead.len().min(400)).unwrap_or_default();
        let has_body = memchr::memmem::find(body, b"Public-Lines: ").is_some();
        let outcome = Outcome { read: input.start..past, ..Outcome::of(input, Verdict::Malformed) };
        return if has_body { outcome.fact("truncated", "the end is missing") } else { outcome.dismissed() };
    };
    let span = input.start..input.end + length;
    let encrypted = file.encryption != b"none";
    let verdict = if encrypted { Verdict::WellFormed } else { proven_if(mac_of(&file) == file.mac) };
    let outcome = Outcome { read: input.start..span.end + 1, span, ..Outcome::of(input, verdict) }
        .fact("type", String::from_utf8_lossy(&file.algorithm))
        .fact("comment", String::from_utf8_lossy(&file.comment));
    if encrypted { outcome.fact("encrypted", "yes, with a passphrase").at_most(Severity::Medium) } else { outcome }
}

fn mint(rng: &mut Rng, args: &[String]) -> Vec<u8> {
    let seed = seed32(rng);
    let version = if super::primitives::arg(args, 0) == "2" { 2 } else { 3 };
    let mut file = File {
        version,
        algorithm: b"ssh-ed25519".to_vec(),
        encryption: b"none".to_vec(),
        comment: b"user@host".to_vec(),
        public: [to_string(b"ssh-ed25519"), to_string(&ed25519_public(&seed))].concat(),
        private: to_string(&seed),
        mac: Vec::new(),
    };
    file.mac = mac_of(&file);
    let lines = |blob: &[u8]| {
        let text = to_base64(blob);
        let lines: Vec<String> =
            text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        (lines.len(), lines.join("\n"))
    };
    let (public, private) = (lines(&file.public), lines(&file.private));
    format!(
        "PuTTY-User-Key-File-{version}: ssh-ed25519\nEncryption: none\nComment: user@host\nPublic-Lines: {}\n{}\n\
         Private-Lines: {}\n{}\nPrivate-MAC: {}",
        public.0,
        public.1,
        private.0,
        private.1,
        data_encoding::HEXLOWER.encode(&file.mac)
    )
    .into_bytes()
}
