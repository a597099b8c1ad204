//! User names with passwords: in URLs, in `Authorization: Basic`, in .netrc files.
//!
//! Sources: RFC 3986 section 3.2.1 (userinfo), RFC 7617 (Basic), the manual page of netrc.

use std::sync::LazyLock;

use super::azure::unpercent;
use super::primitives::{ALNUM, LOWER, body, to_base64, unbase64, window};
use super::{Input, Outcome, Rng, Structure};
use crate::finding::{Severity, Verdict};
use crate::generic::shape;
use crate::generic::shape::vocabulary::{DEFAULT, PART, WHOLE, words};

/// The validators of this module.
pub(super) const TABLE: &[Structure] = &[
    Structure {
        name: "url-credentials",
        what: "URL with user and password before the host, neither a placeholder nor documentation (RFC 3986)",
        args: &[],
        check: url,
        mint: Some(mint_url),
    },
    Structure {
        name: "basic-auth",
        what: "base64 of user:password, neither a placeholder nor documentation (RFC 7617)",
        args: &[],
        check: basic,
        mint: Some(mint_basic),
    },
    Structure {
        name: "netrc",
        what: "machine, login and password of a .netrc file (netrc manual page)",
        args: &[],
        check: netrc,
        mint: Some(mint_netrc),
    },
];

/// Whether a value is filled in elsewhere: `${VAR}`, `$VAR`, `<password>`, `{{ secret }}`, `%s`, `:password`.
fn is_template(value: &str) -> bool {
    let word = |rest: &str| rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let inside = ["${", "{{", "$(", "#{", "<%", "{}", "...", "\u{2026}", "***"];
    let enclosed = [('<', '>'), ('{', '}'), ('[', ']'), ('%', '%')];
    value.strip_prefix(['$', ':']).is_some_and(word)
        || matches!(value, "%s" | "%v" | "%d")
        || value.starts_with("%(")
        || inside.iter().any(|mark| value.contains(mark))
        || enclosed.iter().any(|(open, close)| value.starts_with(*open) && value.ends_with(*close))
}

/// Whether a password is a template, a word that documentation writes in its place, or one character over and over.
pub(super) fn is_placeholder(value: &str) -> bool {
    // `p%40`: what a test of escapes writes.
    let escapes = value.matches('%').count();
    if (1..=4).contains(&escapes) && (escapes * 3..=escapes * 3 + 3).contains(&value.len()) {
        return true;
    }
    let shouted = value.len() >= 5 && value.bytes().all(|b| b.is_ascii_uppercase() || b == b'_' || b == b'-');
    if shouted && ["PASSWORD", "TOKEN", "SECRET", "PASS"].iter().any(|word| value.contains(word)) {
        return true;
    }
    if value.starts_with('<') || value.starts_with("&lt;") {
        return true;
    }
    static WORDS: LazyLock<Vec<&str>> = LazyLock::new(|| words(WHOLE));
    let lower = value.to_ascii_lowercase();
    let mut bytes = lower.bytes();
    let repeated = bytes.next().is_some_and(|first| bytes.all(|byte| byte == first));
    is_template(value)
        || repeated
        || lower.contains("xxxx")
        || WORDS.contains(&without_signs(&lower).as_str())
        || WORDS.contains(&lower.as_str())
        || says_what_belongs_here(&lower)
}

/// The letters of a text that has nothing but letters and signs: `pass%word`.
fn without_signs(lower: &str) -> String {
    let plain = !lower.bytes().any(|b| b.is_ascii_digit());
    lower.chars().filter(|c| plain && c.is_ascii_alphabetic()).collect()
}

/// Nothing but words that say what should stand here: `proxy_password`, `secretAccessKey`, `my-pass`.
fn says_what_belongs_here(lower: &str) -> bool {
    static PARTS: LazyLock<Vec<&str>> = LazyLock::new(|| words(PART));
    let separator = |b: u8| matches!(b, b'_' | b'-' | b'.' | b' ');
    let text = lower.as_bytes();
    // Which prefixes are made of such words?
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for at in 0..text.len() {
        if !reached[at] {
            continue;
        }
        if separator(text[at]) {
            reached[at + 1] = true;
        }
        for part in PARTS.iter().filter(|part| text[at..].starts_with(part.as_bytes())) {
            reached[at + part.len()] = true;
        }
    }
    reached[text.len()] && text.len() >= 4
}

/// Whether a host is reserved for documentation (RFC 2606).
fn is_example_host(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let name = host.split(':').next().unwrap_or_default();
    ["example.com", "example.org", "example.net"].iter().any(|h| name == *h || name.ends_with(&format!(".{h}")))
        || name.ends_with(".example")
}

/// Whether a host stands for one to be filled in, or is none.
fn is_no_host(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let name = host.split(':').next().unwrap_or_default();
    // `localhost:8545@1400000` is a port and a block.
    name.bytes().all(|b| b.is_ascii_digit())
        // `image@sha256:...` is a digest.
        || matches!(name, "host" | "hostname" | "server" | "example" | "" | "sha256" | "sha512" | "md5")
}

fn is_local(host: &str) -> bool {
    let name = host.split(':').next().unwrap_or_default();
    matches!(name, "localhost" | "0.0.0.0" | "[" | "host.docker.internal") || name.starts_with("127.")
}

/// This machine, or a name without a dot, as containers beside each other have.
fn is_near(host: &str) -> bool {
    let name = host.split([':', '/']).next().unwrap_or_default();
    is_local(host) || !name.contains('.') && name.bytes().any(|b| b.is_ascii_alphabetic())
}

/// What databases and brokers come with; with it nobody gets anywhere but on the machine itself.
fn is_default(password: &str) -> bool {
    static WORDS: LazyLock<Vec<&str>> = LazyLock::new(|| words(DEFAULT));
    WORDS.contains(&password.to_ascii_lowercase().as_str())
}

/// Percent of a password that placeholder words make up, from which on it is nothing else.
const WORDS_ONLY: usize = 80;

/// The name of the user with digits behind it: `repluser123`.
fn is_counted_up(user: &str, password: &str) -> bool {
    user.len() >= 3
        && password.strip_prefix(user).is_some_and(|rest| rest.len() <= 5 && rest.bytes().all(|b| b.is_ascii_digit()))
}

/// A password that is not just a word counts as well-formed.
fn strength(user: &str, password: &str) -> Verdict {
    let kinds = [
        password.bytes().any(|b| b.is_ascii_lowercase()),
        password.bytes().any(|b| b.is_ascii_uppercase()),
        password.bytes().any(|b| b.is_ascii_digit()),
        password.bytes().any(|b| !b.is_ascii_alphanumeric()),
    ];
    let several = kinds.iter().filter(|kind| **kind).count() >= 2;
    if password.len() >= 8 && several && (user.is_empty() || !password.contains(user)) {
        Verdict::WellFormed
    } else {
        Verdict::Shape
    }
}

/// Adds the user name, unless it could be the secret itself, as with `TOKEN:x-oauth-basic`.
pub(super) fn with_user(outcome: Outcome, user: &str, password: &str) -> Outcome {
    let token_like = user.len() > 24 && !user.contains('@') || password.len() < 4 || password == "x-oauth-basic";
    if token_like || user.is_empty() { outcome } else { outcome.fact("user", user) }
}

fn url(input: &Input<'_>) -> Outcome {
    let token = String::from_utf8_lossy(input.token());
    let bad = Outcome::of(input, Verdict::Malformed);
    let rest = token.split_once("://").map_or(&*token, |(_, rest)| rest);
    let stop = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '"' | '\'' | '`' | '<' | '>');
    // A password may hold an unescaped `/`, so the last `@` before a blank or quote is tried when the first part has none.
    let authority = rest.split(stop).next().filter(|part| part.contains('@')).unwrap_or(rest);
    let Some((userinfo, host)) = authority.rsplit_once('@') else { return bad.dismissed() };
    let Some((user, password)) = userinfo.split_once(':') else { return bad.dismissed() };
    // `https://host:8080/package@1.0` has a port, not a password.
    let port = password.split_once(['/', '?', '#']).is_some_and(|(port, _)| port.bytes().all(|b| b.is_ascii_digit()));
    // `https://www.host.com:support@other.com` is two addresses that ran together.
    let placeholder =
        port || user.starts_with("www.") || is_placeholder(password) || is_placeholder(&unpercent(password));
    let host = host.split(stop).next().unwrap_or_default();
    let (user, password) = (unpercent(user), unpercent(password));
    if password.is_empty() || placeholder || is_no_host(host) {
        return bad.dismissed();
    }
    let strength = strength(&user, &password);
    if is_example_host(host) {
        // A weak password there is prose. A strong one may be real, with the host taken out of it: it is counted.
        return if strength == Verdict::WellFormed { bad.fact("host", host) } else { bad.dismissed() };
    }
    if is_near(host) && (user == password || is_default(&password) || is_counted_up(&user, &password)) {
        return bad.dismissed();
    }
    // `u$er:pa$s`, `fooId:fooSecret`: on a real host somebody may have meant it, so it is counted.
    if shape::placeholder_share(password.as_bytes()) >= WORDS_ONLY {
        return if is_near(host) { bad.dismissed() } else { bad.fact("host", host) };
    }
    let outcome = Outcome::of(input, strength).fact("host", host);
    let outcome = with_user(outcome, &user, &password);
    if is_local(host) { outcome.at_most(Severity::Low) } else { outcome }
}

fn mint_url(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    format!("postgres://{}:{}@db.internal.test:5432/app", rng.text(LOWER, 6), rng.text(ALNUM, 16) + "a1").into_bytes()
}

fn basic(input: &Input<'_>) -> Outcome {
    let bad = Outcome::of(input, Verdict::Malformed);
    let Some(text) = unbase64(body(input)).and_then(|bytes| String::from_utf8(bytes).ok()) else { return bad };
    let Some((user, password)) = text.split_once(':').filter(|_| !text.chars().any(char::is_control)) else {
        return bad;
    };
    let example = ["Aladdin:open sesame", "Aladdin:OpenSesame", "test:test", "demo:demo"].contains(&text.as_str())
        // The client of RFC 6749, with its two secrets.
        || user == "s6BhdRkqt3";
    // Some services take a token as the user, with no password.
    let key_as_user = password.is_empty() && user.len() >= 16 && user.bytes().any(|b| b.is_ascii_digit());
    // `{"alg":"HS256"}`: a web token that stands behind the wrong word.
    if user.starts_with('{') {
        return bad.dismissed();
    }
    if example || !key_as_user && (password.is_empty() || is_placeholder(password)) {
        return bad.dismissed();
    }
    if key_as_user {
        return Outcome::of(input, Verdict::WellFormed);
    }
    if user == password || is_default(password) {
        return with_user(bad, user, password);
    }
    let outcome = with_user(Outcome::of(input, strength(user, password)), user, password);
    // `beep:boop` of a manual: what is guessed at once is no loss if it is known.
    let one_kind = [u8::is_ascii_lowercase, u8::is_ascii_digit].iter().any(|kind| password.bytes().all(|b| kind(&b)));
    if one_kind && password.len() < 8 { outcome.at_most(Severity::Low) } else { outcome }
}

fn mint_basic(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let text = format!("{}:{}a1", rng.text(LOWER, 6), rng.text(ALNUM, 16));
    format!("Basic {}", to_base64(text.as_bytes())).into_bytes()
}

/// How far ahead of `machine` the password is looked for.
const NETRC_AHEAD: usize = 1024;

fn netrc(input: &Input<'_>) -> Outcome {
    let (range, past) = window(input.hay, input.end, NETRC_AHEAD);
    let from = range.start;
    let ahead = input.hay.get(range).unwrap_or_default();
    let mut words = ahead
        .split(|b| b.is_ascii_whitespace())
        .scan(0, |at, word| {
            let start = *at;
            *at += word.len() + 1;
            Some((start, word))
        })
        .filter(|(_, word)| !word.is_empty());
    let bad = Outcome { read: input.start..past, ..Outcome::of(input, Verdict::Malformed) };
    let (mut login, mut found) = (String::new(), None);
    let Some((_, host)) = words.next() else { return bad.dismissed() };
    while let Some((_, key)) = words.next() {
        let value = match key {
            b"login" | b"account" | b"password" => words.next(),
            _ => break,
        };
        match (key, value) {
            (b"login", Some((_, value))) => login = String::from_utf8_lossy(value).into_owned(),
            (b"password", Some((at, value))) => {
                found = Some((at, value));
                break;
            }
            _ => {}
        }
    }
    let Some((at, password)) = found else { return bad.dismissed() };
    // In source code the entry ends with its string: `...password {password}\n"`.
    let password = password.split(|b| matches!(b, b'"' | b'\'' | b'`' | b'\\')).next().unwrap_or_default();
    let span = from + at..from + at + password.len();
    let (host, password) = (String::from_utf8_lossy(host), String::from_utf8_lossy(password));
    // "a machine has password authentication" is no entry.
    let prose = login.is_empty() && !host.contains('.') && host != "localhost";
    // With a GitHub token for a user, the password is a word that everybody gives.
    let fixed = password == "x-oauth-basic";
    if prose || fixed || is_placeholder(&password) || is_example_host(&host) || is_no_host(&host) {
        return bad.dismissed();
    }
    let outcome = Outcome {
        read: input.start..span.end + 1,
        span,
        ..Outcome::of(input, strength(&login, &password)).fact("host", host)
    };
    with_user(outcome, &login, &password)
}

fn mint_netrc(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    let (login, password) = (rng.text(LOWER, 6), rng.text(ALNUM, 16) + "a1");
    ["machine api.host.test login ", &login, " password ", &password].concat().into_bytes()
}
