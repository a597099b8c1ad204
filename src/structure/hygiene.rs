//! Files that are better not tracked, told by what they hold: settings with secrets in them, private keys.
//!
//! The path is the rule's business. A match is the name of a setting or the first line of a key: nothing secret.

use std::ops::Range;

use super::primitives::{ALNUM, LOWER, der, der_tag};
use super::{Input, Outcome, Rng, Structure};
use crate::finding::Verdict;
use crate::generic;

/// The validators of this module.
pub(super) const TABLE: &[Structure] = &[
    Structure {
        name: "dotenv",
        what: "a file of NAME=value lines, one of which gives a secret a value that is no placeholder",
        args: &[],
        check: dotenv,
        mint: Some(mint_dotenv),
    },
    Structure {
        name: "key-file",
        what: "the file begins with a private key: PEM, PuTTY or DER",
        args: &[],
        check: key_file,
        mint: Some(|rng, _| {
            format!("PuTTY-User-Key-File-{}: ssh-ed25519\nEncryption: none\n", 2 + rng.below(2)).into_bytes()
        }),
    },
];

/// Bytes of a file of settings that are looked at.
const SETTINGS: usize = 64 * 1024;
/// Names that are told.
const TOLD: usize = 3;

fn nothing(input: &Input<'_>, read: usize) -> Outcome {
    let outcome = Outcome::of(input, Verdict::Shape).dismissed();
    Outcome { read: input.start..(read + 1).max(input.end), ..outcome }
}

/// The range of a setting's name, and of its value, if a line is one.
fn setting(hay: &[u8], line: Range<usize>) -> Option<(Range<usize>, Range<usize>)> {
    let text = &hay[line.clone()];
    let blank = text.iter().take_while(|b| b.is_ascii_whitespace()).count();
    let export = if text[blank..].starts_with(b"export ") { 7 } else { 0 };
    let start = line.start + blank + export;
    let len = hay[start..line.end].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
    let name = start..start + len;
    let named = len > 0 && !hay[start].is_ascii_digit() && hay.get(name.end) == Some(&b'=') && name.end < line.end;
    named.then(|| (name.clone(), name.end + 1..line.end))
}

/// Is a setting a secret, and its value none that everybody knows?
fn is_secret(hay: &[u8], name: &Range<usize>, value: &Range<usize>) -> bool {
    let mut hits = name.clone().filter_map(|at| Some((at, generic::assign::key_word(&hay[at..name.end])?.len())));
    let found = |(at, len)| {
        generic::look(hay, at, len).found.iter().any(|f| f.name.start >= name.start && f.confidence().is_some())
    };
    !is_sample(&hay[value.clone()]) && (hits.any(found) || has_credentials(&hay[value.clone()]))
}

/// `SomeRandomStringOf32CharsExactly`, also with digits and signs in the place of letters.
fn is_sample(value: &[u8]) -> bool {
    let plain = |byte: &u8| match byte.to_ascii_lowercase() {
        b'0' => b'o',
        b'1' => b'i',
        b'3' => b'e',
        b'4' | b'@' => b'a',
        b'5' | b'$' => b's',
        other => other,
    };
    let letters: Vec<u8> = value.iter().map(plain).collect();
    [&b"somerandomstring"[..], b"changethis", b"changeme"].iter().any(|w| memchr::memmem::find(&letters, w).is_some())
}

/// A URL with a password, to a host that is not this very machine.
fn has_credentials(value: &[u8]) -> bool {
    let Some(at) = memchr::memmem::find(value, b"://") else { return false };
    let rest = &value[at + 3..];
    let authority =
        &rest[..rest.iter().position(|b| matches!(b, b'/' | b'?' | b'"' | b'\'' | b' ')).unwrap_or(rest.len())];
    let Some(end) = memchr::memrchr(b'@', authority) else { return false };
    let (user, host) = (&authority[..end], &authority[end + 1..]);
    let Some(colon) = memchr::memchr(b':', user) else { return false };
    let (user, password) = (&user[..colon], &user[colon + 1..]);
    let here = [&b"localhost"[..], b"127.", b"0.0.0.0", b"[::1]"].iter().any(|own| host.starts_with(own));
    // A host without a dot is one of a compose file.
    let far = memchr::memchr(b'.', host).is_some();
    let text = String::from_utf8_lossy(password);
    password.len() >= 4 && password != user && far && !here && !super::url::is_placeholder(&text)
}

fn dotenv(input: &Input<'_>) -> Outcome {
    let whole = input.hay.get(input.start..).unwrap_or_default();
    let hay = &whole[..whole.len().min(SETTINGS)];
    let (mut at, mut first, mut more, mut settings) = (0, None, Vec::new(), 0);
    while at < hay.len() {
        let end = memchr::memchr(b'\n', &hay[at..]).map_or(hay.len(), |n| at + n);
        let text = hay[at..end].trim_ascii();
        match setting(hay, at..end) {
            Some((name, value)) => {
                settings += 1;
                if is_secret(hay, &name, &value) {
                    match &first {
                        None => first = Some(name),
                        Some(_) => more.push(name),
                    }
                }
            }
            // Any other file says so in its first lines.
            None if settings == 0 && !text.is_empty() && !text.starts_with(b"#") => {
                return nothing(input, input.start + end);
            }
            None => {}
        }
        at = end + 1;
    }
    // Whether the text ends there counts as well.
    let read = input.start + hay.len() + usize::from(hay.len() == whole.len());
    let Some(name) = first else { return nothing(input, read - 1) };
    let say = |range: &Range<usize>| String::from_utf8_lossy(&hay[range.clone()]).into_owned();
    let told: Vec<String> = std::iter::once(&name).chain(&more).take(TOLD).map(say).collect();
    let rest = (more.len() + 1).saturating_sub(TOLD);
    let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    let outcome = Outcome::of(input, Verdict::WellFormed).fact("sets", format!("{}{rest}", told.join(", ")));
    let span = input.start + name.start..input.start + name.end;
    Outcome { span, read: input.start..read.max(input.end), ..outcome }
}

fn mint_dotenv(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let name = rng.text(LOWER, 4).to_uppercase();
    let value = rng.text(ALNUM, 20);
    format!("# settings\nAPP_ENV=production\n{name}_PASSWORD=Zq7{value}\n").into_bytes()
}

fn key_file(input: &Input<'_>) -> Outcome {
    let rest = input.hay.get(input.start..).unwrap_or_default();
    if !rest.starts_with(b"0") {
        let line = rest.iter().position(|&b| b == b'\n' || b == b'\r').unwrap_or(rest.len());
        let end = input.start + line.min(80);
        return Outcome {
            span: input.start..end,
            read: input.start..end + 1,
            ..Outcome::of(input, Verdict::WellFormed)
        };
    }
    // PKCS#1 holds a modulus, PKCS#8 an algorithm, SEC 1 an octet string, behind a version.
    let fits = der(rest).is_some_and(|(tag, content, _)| {
        let version = content.strip_prefix(&[2, 1, 0]).or_else(|| content.strip_prefix(&[2, 1, 1]));
        tag == 0x30
            && version.is_some_and(|rest| {
                let octets = |rest| der_tag(rest, 0x04).is_some_and(|(key, _)| key.len() >= 16);
                let algorithm = der_tag(rest, 0x30);
                octets(rest)
                    || der_tag(rest, 0x02).is_some_and(|(modulus, _)| modulus.len() >= 64)
                    || algorithm.is_some_and(|(oid, rest)| oid.first() == Some(&6) && octets(rest))
            })
    });
    let end = input.hay.len();
    if !fits {
        return nothing(input, end);
    }
    Outcome { read: input.start..end + 1, ..Outcome::of(input, Verdict::WellFormed).fact("encoding", "DER") }
}
