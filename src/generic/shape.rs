//! What a value looks like, beside random: templates, code, paths, words, identifiers, known encodings.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

/// Characters of a value by kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// a to z
    pub lower: usize,
    /// A to Z
    pub upper: usize,
    /// 0 to 9
    pub digit: usize,
    /// Blanks, tabs, line breaks.
    pub space: usize,
    /// Other ASCII.
    pub special: usize,
    /// Bytes that are not ASCII.
    pub wide: usize,
    /// Different bytes.
    pub distinct: usize,
    /// Changes between lower case, upper case, digits and the rest.
    pub changes: usize,
}

/// Counts the characters of a value.
pub fn counts(value: &[u8]) -> Counts {
    let mut counts = Counts::default();
    let mut seen = [false; 256];
    let mut last = 9;
    for &byte in value {
        seen[usize::from(byte)] = true;
        let (slot, kind) = match byte {
            b'a'..=b'z' => (&mut counts.lower, 0),
            b'A'..=b'Z' => (&mut counts.upper, 1),
            b'0'..=b'9' => (&mut counts.digit, 2),
            b' ' | b'\t' | b'\n' | b'\r' => (&mut counts.space, 3),
            0x80.. => (&mut counts.wide, 4),
            _ => (&mut counts.special, 5),
        };
        *slot += 1;
        counts.changes += usize::from(kind != last && last != 9);
        last = kind;
    }
    counts.distinct = seen.iter().filter(|s| **s).count();
    counts
}

/// Values are short: a plain search beats a prepared one.
fn has(value: &[u8], part: &[u8]) -> bool {
    value.windows(part.len()).any(|w| w == part)
}

/// Does one of these pairs of bytes stand in the value?
fn has_pair(value: &[u8], pairs: &[&[u8; 2]]) -> bool {
    value.windows(2).any(|w| pairs.iter().any(|p| w == *p))
}

/// Digits with what stands between them in versions, dates, numbers and object ids.
pub fn is_numeric(value: &[u8]) -> bool {
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    let plain =
        value.iter().all(|b| b.is_ascii_digit() || b" .:;-+/,T^~<>=|*_vxZ[]()".contains(b)) && digits < value.len();
    let colons = value.iter().filter(|b| **b == b':').count();
    let hex_groups = colons >= 2 && value.iter().all(|b| b.is_ascii_hexdigit() || *b == b':');
    let references = value.iter().all(|b| b.is_ascii_digit() || *b == b'\\');
    plain || references || is_duration(value) || hex_groups || is_version(value) || is_money(value)
}

/// `120h0m0s`, `15min`.
fn is_duration(value: &[u8]) -> bool {
    const UNITS: &[&[u8]] = &[b"ns", b"us", b"ms", b"s", b"m", b"h", b"d", b"w", b"min", b"sec", b"days", b"hours"];
    let mut rest = value;
    while !rest.is_empty() {
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let unit = rest[digits..].iter().take_while(|b| b.is_ascii_lowercase()).count();
        if !(1..=6).contains(&digits) || !UNITS.contains(&&rest[digits..digits + unit]) {
            return false;
        }
        rest = &rest[digits + unit..];
    }
    true
}

/// `$9.60/month`.
fn is_money(value: &[u8]) -> bool {
    let Some(rest) = value.strip_prefix(b"$") else { return false };
    let amount = rest.iter().take_while(|b| b.is_ascii_digit() || matches!(b, b'.' | b',')).count();
    amount > 0 && rest[0].is_ascii_digit() && rest.get(amount).is_none_or(|b| matches!(b, b'/' | b' '))
}

/// `1.2.3`, `^1.2.3-rc.1`, `npm:^3.0.0 || ^4.0.0`.
fn is_version(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"npm:").unwrap_or(value);
    let bound = value.iter().take_while(|b| b"<>=~! ".contains(b)).count();
    let value = if bound <= 3 { &value[bound..] } else { value };
    let value = value
        .strip_prefix(b"^")
        .or_else(|| value.strip_prefix(b"~"))
        .or_else(|| value.strip_prefix(b"v"))
        .unwrap_or(value);
    let mut parts = value.splitn(3, |b| *b == b'.');
    let mut number = || parts.next().is_some_and(|p| !p.is_empty() && p.len() <= 4 && p.iter().all(u8::is_ascii_digit));
    number() && number() && parts.next().is_some_and(|p| p.first().is_some_and(u8::is_ascii_digit))
}

/// What base64 of a readable text says, as in the data of Kubernetes secrets and in `Basic` headers.
pub fn decoded(value: &[u8]) -> Option<Vec<u8>> {
    let text = value.strip_prefix(b"Basic ").or_else(|| value.strip_prefix(b"basic ")).unwrap_or(value);
    if text.len() < 8
        || !text.len().is_multiple_of(4)
        || text.len() == value.len() && !text.iter().any(u8::is_ascii_uppercase)
    {
        return None;
    }
    let plain = data_encoding::BASE64.decode(text).ok()?;
    let plain = plain.strip_suffix(b"\n").map_or(plain.clone(), <[u8]>::to_vec);
    let readable = plain.len() >= 3 && plain.iter().all(|b| b.is_ascii_graphic() || *b == b' ');
    if !readable {
        return None;
    }
    // Of `user:password` the password counts.
    let colon = if text.len() < value.len() { plain.iter().position(|b| *b == b':') } else { None };
    Some(colon.filter(|i| i + 1 < plain.len()).map_or(plain.clone(), |i| plain[i + 1..].to_vec()))
}

/// The letters that escapes stand for: `\u00e9`, `&#233;`, and `\x6d\x61` where that is a text.
pub fn unescaped(value: &[u8]) -> Option<Vec<u8>> {
    let escaped = has_pair(value, &[b"\\u", b"\\x", b"&#"]);
    if !escaped {
        return None;
    }
    let mut plain = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = memchr::memchr2(b'\\', b'&', rest) {
        plain.extend_from_slice(&rest[..at]);
        let (letter, len) = escape(&rest[at..]).unwrap_or((char::from(rest[at]), 1));
        plain.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        rest = &rest[at + len..];
    }
    plain.extend_from_slice(rest);
    let text = !plain.iter().any(u8::is_ascii_control) && !has(value, b"\\x")
        || plain.iter().all(|b| b.is_ascii_graphic() || *b == b' ');
    text.then_some(plain)
}

/// The letter of an escape at the start of a text, and its length.
fn escape(text: &[u8]) -> Option<(char, usize)> {
    let number = |from: usize, to: usize, base: u32| {
        let digits = text.get(from..to).filter(|d| d.iter().all(|b| char::from(*b).is_digit(base)))?;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, base).ok().and_then(char::from_u32)
    };
    match text.get(..2)? {
        b"\\u" => Some((number(2, 6, 16)?, 6)),
        b"\\x" => Some((number(2, 4, 16)?, 4)),
        b"&#" => {
            let end = text.iter().take(8).position(|b| *b == b';')?;
            Some((number(2, end, 10)?, end + 1))
        }
        _ => None,
    }
}

/// Compressed or packed data, written as escapes: it begins as such files do.
pub fn is_packed(value: &[u8]) -> bool {
    let lower: Vec<u8> = value.iter().take(16).map(u8::to_ascii_lowercase).collect();
    [&b"\\x1f\\x8b"[..], b"\\x50\\x4b\\x03", b"\\x89\\x50\\x4e", b"\\x78\\x9c"].iter().any(|m| lower.starts_with(m))
}

/// A text for people: it ends like a label or a sentence.
pub fn is_label(value: &[u8]) -> bool {
    let ends = value.ends_with(b":") || value.ends_with(b"...") || value.ends_with("\u{2026}".as_bytes());
    let sentence = value.contains(&b' ') && matches!(value.last(), Some(b'.' | b'!' | b'?'));
    ends && value.len() > 4 || sentence
}

/// A piece of a regular expression.
pub fn is_regex(value: &[u8]) -> bool {
    if [&b"a-z"[..], b"A-Z", b"0-9"].iter().any(|range| has(value, range)) {
        return true;
    }
    value.iter().any(|b| b"[\\(*".contains(b))
        && [&b"(?"[..], b"[^", b"\\s", b"\\d", b"\\w", b"[a-z", b"[A-Z", b"[0-9", b".*", b".+)", b"]+", b"]{", b"\\S"]
            .iter()
            .any(|p| has(value, p))
}

/// An address on a chain: `0x` and 40 hex digits.
pub fn is_address(value: &[u8]) -> bool {
    value.len() == 42 && value.starts_with(b"0x") && value[2..].iter().all(u8::is_ascii_hexdigit)
}

/// Says in so many words that it is none.
pub fn says_example(value: &[u8]) -> bool {
    static SEARCH: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| any_case(EXAMPLES));
    SEARCH.as_ref().is_some_and(|search| search.is_match(value))
}

/// Words that do not come about by chance.
const EXAMPLES: &[&str] = &[
    "example",
    "changeme",
    "change_me",
    "change-me",
    "placeholder",
    "redacted",
    "dummy",
    "notreal",
    "not-real",
    "sanitized",
    "filtered",
    "obfuscated",
    "scrubbed",
];

fn any_case(words: &[&str]) -> Option<AhoCorasick> {
    AhoCorasick::builder().ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA)).build(words).ok()
}

/// Filled in elsewhere: `${X}`, `{{ x }}`, `<token>`, `%s`, `:name`, `$name`, `@name@`, `__NAME__`.
pub fn is_template(value: &[u8]) -> bool {
    let value = in_quotes(value);
    let word = |rest: &[u8]| {
        !rest.is_empty()
            && rest.iter().all(|b| {
                b.is_ascii_alphanumeric()
                    || matches!(b, b'_' | b'.' | b'-' | b'>' | b':' | b'[' | b']' | b'\'' | b'(' | b')')
            })
    };
    const INSIDE: &[&[u8; 2]] = &[
        b"${", b"{{", b"$(", b"#{", b"<%", b"%(", b"{$", b"@{", b"}}", b"\\(", b"%{", b"((", b"[%", b"%s", b"%d", b"%v",
    ];
    let enclosed = [(b'<', b'>'), (b'{', b'}'), (b'[', b']'), (b'%', b'%'), (b'@', b'@'), (b'(', b')'), (b'#', b'#')];
    let name = |rest: &[u8]| word(rest) && (rest[0].is_ascii_alphabetic() || matches!(rest[0], b'_' | b'('));
    let dollar = value.first() == Some(&b'$') && (name(&value[1..]) || value.len() == 2);
    // `$HOME/keys`
    let under = dollar_path(value);
    dollar
        || under
        || variables(value)
        || value.windows(4).any(|w| {
            w[0] == b'%'
                && w[1].is_ascii_digit()
                && (w[2] == b'$' && b"sd@".contains(&w[3])
                    || w[1] == b'0' && b"248".contains(&w[2]) && b"xXd".contains(&w[3]))
        })
        || value.strip_prefix(b":").is_some_and(|r| name(r) && !r.iter().any(u8::is_ascii_digit))
        || value.strip_prefix(b"@").is_some_and(|r| name(r) && !r.iter().any(u8::is_ascii_digit))
        || (value.starts_with(b"%") && value.len() <= 3)
        || value.iter().any(|b| b"${#<%@}\\([".contains(b)) && has_pair(value, INSIDE)
        || value.len() > 2 && enclosed.iter().any(|(a, b)| value.first() == Some(a) && value.last() == Some(b))
        || value.starts_with(b"<")
        || value.starts_with(b"$env:")
        || value.starts_with(b"&lt;")
        || value.starts_with(b"__") && value.ends_with(b"__")
        || braces(value)
}

/// What quotes of another kind enclose: `'$X'`, `\"%c\"`.
fn in_quotes(value: &[u8]) -> &[u8] {
    let quote = |b: &u8| matches!(b, b'\'' | b'"' | b'\\');
    let start = value.iter().take_while(|b| quote(b)).count();
    let end = value.iter().rev().take_while(|b| quote(b)).count();
    if start == 0 || end == 0 || start + end >= value.len() { value } else { &value[start..value.len() - end] }
}

/// Variables with what joins them: `$offset:$length`, or one among words: `echo $cwd`.
fn variables(value: &[u8]) -> bool {
    let blanks = value.contains(&b' ');
    if value.first() != Some(&b'$') && !blanks {
        return false;
    }
    let mut names = 0;
    let joined = value.split(|b| matches!(b, b':' | b'/' | b'-' | b'.' | b' ' | b',')).all(|part| {
        let name = part
            .strip_prefix(b"$")
            .filter(|n| n.len() > 1 && n.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_'));
        names += usize::from(name.is_some_and(|n| n[0].is_ascii_alphabetic()));
        name.is_some()
    });
    names > 1 && joined || blanks && names > 0
}

/// A path below a variable: `$GOPATH/src/x`.
fn dollar_path(value: &[u8]) -> bool {
    let Some(rest) = value.strip_prefix(b"$") else { return false };
    let name = rest.iter().take_while(|b| b.is_ascii_uppercase() || **b == b'_').count();
    let end = name + usize::from(rest.get(name) == Some(&b'$'));
    name >= 3 && rest.get(end) == Some(&b'/')
}

/// `{name}` or `{0}` or `{}` somewhere inside.
fn braces(value: &[u8]) -> bool {
    let Some(open) = memchr::memchr(b'{', value) else { return false };
    let Some(close) = memchr::memchr(b'}', &value[open..]) else { return false };
    value[open + 1..open + close]
        .iter()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b' ' | b'!'))
}

/// Left out: `***`, `...`, `xxxx`, `----`.
pub fn is_left_out(value: &[u8]) -> bool {
    let runs = |byte: u8, n: usize| value.windows(n).any(|w| w.iter().all(|b| b.eq_ignore_ascii_case(&byte)));
    runs(b'*', 3)
        || runs(b'x', 4)
        || has(value, "\u{2026}".as_bytes())
        || has(value, b"...")
        || value.ends_with(b"..")
        || runs(b'#', 3)
        || runs(b'_', 4)
        || runs(b'?', 3)
        || has(value, "\u{2022}".as_bytes())
}

/// Sealed by a tool that knows how to open it, or the name of a place where the secret lies.
pub fn is_sealed(value: &[u8]) -> bool {
    let starts = [
        &b"ENC["[..],
        b"$ANSIBLE_VAULT",
        b"vault:",
        b"ref+",
        b"op://",
        b"arn:",
        b"projects/",
        b"ssm:",
        b"secret:",
        b"secretsmanager",
        b"{cipher}",
        b"AQICAH",
        b"env:",
        b"file:",
        b"keyvault",
        b"@Microsoft.KeyVault",
        b"ENC(",
        b"-----BEGIN PUBLIC",
        // The same in base64, and a certificate.
        b"LS0tLS1CRUdJTiBQVUJMSUM",
        b"LS0tLS1CRUdJTiBDRVJU",
        // A session key of Microsoft's CryptoAPI, encrypted with RSA: AES-128 and AES-256.
        b"AQIAAA5mAAAApAAA",
        b"AQIAABBmAAAApAAA",
        // Public keys in DER, as base64: RSA, elliptic curves, Ed25519.
        b"MIGfMA0GCSqGSIb3",
        b"MIIBIjANBgkqhki",
        b"MIICIjANBgkqhki",
        b"MFkwEwYHKoZIzj0",
        b"MCowBQYDK2Vw",
        b"AAAAB3NzaC1yc2E",
        b"AAAAC3NzaC1lZDI1",
        b"AAAAE2VjZHNhLXNoYTI",
        b"{bcrypt}$",
        b"argon2$",
        b"ssh-rsa ",
        b"ssh-ed25519 ",
        b"ecdsa-sha2",
        b"-----BEGIN CERT",
        b"$2a$",
        b"$2b$",
        b"$2y$",
        b"$argon2",
        b"$6$",
        b"$5$",
        b"$1$",
        b"{SSHA",
        b"{SHA",
        b"sha256:",
        b"sha1:",
        b"sha512:",
        b"hmac-sha",
        b"md5$",
        b"sha1$",
        b"pbkdf2",
        b"sha512-",
        b"sha256-",
        b"sha384-",
        b"CfDJ8",
        b"data:",
        b"urn:",
        b"did:",
        b"magnet:",
    ];
    const INSIDE: &[&[u8]] =
        &[b":$2y$", b":$2a$", b":$2b$", b":$apr1$", b"ssh-rsa AAAA", b"ssh-ed25519 AAAA", b"ecdsa-sha2-"];
    starts.iter().any(|s| value.starts_with(s))
        || is_crypt(value)
        || is_sealed_by_maven(value)
        || is_cipher_string(value)
        || is_database_hash(value)
        || value.len() > 24 && INSIDE.iter().any(|s| has(value, s))
}

/// `2.iv|ciphertext|mac`, as Bitwarden writes what it encrypted.
fn is_cipher_string(value: &[u8]) -> bool {
    let base64 = |part: &[u8]| part.len() >= 16 && part.iter().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(b));
    value.len() > 40
        && value[0].is_ascii_digit()
        && value[1] == b'.'
        && value.contains(&b'|')
        && value[2..].split(|b| *b == b'|').all(base64)
}

/// `{base64}`, as Maven writes a password that its master password opens.
fn is_sealed_by_maven(value: &[u8]) -> bool {
    let inner = value.strip_prefix(b"{").and_then(|v| v.strip_suffix(b"}"));
    inner.is_some_and(|v| {
        v.len() >= 24
            && v.len().is_multiple_of(4)
            && v.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
    })
}

/// A hash as crypt(3) writes it: `$id$...$...`.
fn is_crypt(value: &[u8]) -> bool {
    let Some(rest) = value.strip_prefix(b"$") else { return false };
    let id = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'-').count();
    (1..=10).contains(&id) && rest.get(id) == Some(&b'$') && rest[id + 1..].contains(&b'$') && value.len() >= 24
}

/// A password as MySQL (`*` and 40 hex digits) and PostgreSQL (`md5` and 32) keep it.
fn is_database_hash(value: &[u8]) -> bool {
    let hex =
        |rest: Option<&[u8]>, len: usize| rest.is_some_and(|r| r.len() == len && r.iter().all(u8::is_ascii_hexdigit));
    hex(value.strip_prefix(b"*"), 40) || hex(value.strip_prefix(b"md5"), 32)
}

/// A path or address: `/run/secrets/x`, `https://...`, `./key.pem`, `C:\x`.
pub fn is_path(value: &[u8]) -> bool {
    let slashes = value.iter().filter(|b| **b == b'/').count();
    let base64 = value.len() >= 24
        && value.len().is_multiple_of(4)
        && value.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
    has(value, b"://")
        || [&b"/"[..], b"./", b"../", b"~/", b"C:\\", b"//"].iter().any(|s| value.starts_with(s))
            && slashes >= 1
            && !base64
        || slashes >= 2 && value.iter().all(|b| b.is_ascii_lowercase() || matches!(b, b'/' | b'.' | b'-' | b'_'))
        || slashes >= 1
            && !base64
            && !value.iter().any(|b| matches!(b, b'+' | b'=' | b'!' | b'@' | b'#' | b'$' | b'%'))
            && crate::generic::words::likeness(value).bits > 0.0
}

/// Ends like the name of a file.
pub fn is_file(value: &[u8]) -> bool {
    let Some(dot) = value.iter().rposition(|b| *b == b'.') else { return false };
    const ENDS: &[&[u8]] = &[
        b"pem",
        b"key",
        b"crt",
        b"cer",
        b"json",
        b"yaml",
        b"yml",
        b"txt",
        b"js",
        b"ts",
        b"py",
        b"rb",
        b"go",
        b"php",
        b"html",
        b"htm",
        b"properties",
        b"conf",
        b"cfg",
        b"ini",
        b"env",
        b"p12",
        b"pfx",
        b"jks",
        b"pub",
        b"xml",
        b"md",
        b"sh",
        b"enc",
        b"gpg",
        b"asc",
        b"java",
        b"com",
        b"org",
        b"net",
        b"io",
        b"log",
        b"db",
        b"sql",
        b"png",
        b"svg",
        b"css",
        b"tsx",
        b"jsx",
        b"vue",
        b"rs",
        b"c",
        b"h",
        b"toml",
        b"local",
        b"secret",
        b"ldif",
        b"csv",
        b"p8",
        b"ppk",
        b"cs",
        b"kdbx",
        b"keystore",
        b"dev",
        b"app",
    ];
    ENDS.iter().any(|e| value[dot + 1..].eq_ignore_ascii_case(e))
}

/// Code, not text: a call, a member, a cast, an index, an operator.
pub fn is_code(value: &[u8]) -> bool {
    let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$');
    let starts = value
        .first()
        .is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'$' | b'@' | b'&' | b'*' | b'!' | b'(' | b'['));
    let member = value.windows(3).any(|w| word(&w[0]) && w[1] == b'.' && (w[2].is_ascii_alphabetic() || w[2] == b'_'))
        && value.iter().all(|b| {
            word(b) || matches!(b, b'.' | b'?' | b'!' | b'@' | b'&' | b'*' | b'(' | b')' | b'[' | b']' | b'-' | b'>')
        });
    let call = value
        .iter()
        .position(|b| *b == b'(')
        .is_some_and(|i| i == 0 || word(&value[i - 1]) || matches!(value[i - 1], b'!' | b'.'));
    let index = value.iter().position(|b| *b == b'[').is_some_and(|i| i == 0 || word(&value[i - 1]));
    let trimmed = value.trim_ascii();
    let open = value.len() != trimmed.len()
        && (matches!(trimmed.first(), Some(b'+' | b',' | b')' | b'.' | b'&' | b'|'))
            || matches!(trimmed.last(), Some(b'+' | b',' | b'(' | b'.' | b'&')));
    open || matches!(value.first(), Some(b')' | b',')) && value.contains(&b' ')
        || starts && (member || call || index)
        || has_pair(value, &[b"->", b"::", b"=>", b"&&"])
        || has(value, b"==") && !value.ends_with(b"==")
        || matches!(value.first(), Some(b'&' | b'*' | b'@' | b'!' | b'[' | b'(' | b'{' | b'|' | b'>' | b'='))
            && value.len() < 24
            && value[1..].iter().all(word)
}

/// What stands between two literals that are joined: `" + f(x) + "`, `"), g("`.
pub fn is_between_literals(value: &[u8]) -> bool {
    let quotes = |b: &u8| matches!(b, b'"' | b'\'');
    let inner = value.trim_ascii();
    let start = inner.iter().take_while(|b| quotes(b)).count();
    let end = inner.iter().rev().take_while(|b| quotes(b)).count();
    let Some(inner) = inner.get(start..inner.len().saturating_sub(end)) else { return false };
    inner.len() >= 3
        && matches!(inner.first(), Some(b')' | b'+' | b',' | b'~'))
        && matches!(inner.last(), Some(b'(' | b'+' | b',' | b'~'))
}

/// Do lines break within, or is there another control character? A password that ends its line has one at its end only.
pub fn has_breaks(value: &[u8]) -> bool {
    let inside = &value[..value.len().saturating_sub(2)];
    value.len() < 24 && inside.windows(2).any(|w| w[0] == b'\\' && matches!(w[1], b'n' | b'r' | b't' | b'f' | b'0'))
}

/// The rest of an object literal (`!0,range:!0`), or a chain of assignments (`a.b=a.c=void`).
pub fn is_code_piece(value: &[u8]) -> bool {
    let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$');
    let entry = value.split(|b| *b == b',').skip(1).filter(|part| {
        let name = part.iter().take_while(|b| word(b)).count();
        name > 0 && part.get(name) == Some(&b':') && part[0].is_ascii_alphabetic()
    });
    let member = |part: &[u8]| {
        let letters = |b: &u8| b.is_ascii_alphabetic() || matches!(b, b'_' | b'$');
        !part.is_empty() && part.split(|b| *b == b'.').all(|w| !w.is_empty() && w.iter().all(letters))
    };
    let mut chain = value.split(|b| *b == b'=');
    let assigned = value.contains(&b'=') && !value.ends_with(b"=") && value.contains(&b'.') && chain.all(member);
    // `Options{`, `!x?t:(`, `(0,c.format)`, `{a:3:{i:0`
    let open = matches!(value.last(), Some(b'{' | b'(' | b'['));
    let called_plain =
        value.strip_prefix(b"0,").is_some_and(|v| v.contains(&b'.') && v.iter().all(|b| word(b) || *b == b'.'));
    // `name|MaxUsers:5|Plan:free`
    let records = value.split(|b| *b == b'|').skip(1).filter(|part| {
        let name = part.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        name >= 2 && part.get(name) == Some(&b':')
    });
    let nested = has(value, b":{") || records.count() >= 2;
    // `vec![0u8`
    let calls = value.iter().take_while(|b| word(b)).count();
    let called = calls > 1 && matches!(value.get(calls..calls + 2), Some(b"![" | b"!(" | b"!{"));
    entry.count() > 0 || assigned || called || open || called_plain || nested
}

/// A type of a language: `Uint8Array`, `memoryview`.
pub fn is_type(value: &[u8]) -> bool {
    const ENDS: &[&[u8]] =
        &[b"Array", b"View", b"Buffer", b"String", b"Bytes", b"Provider", b"Config", b"Options", b"Type"];
    let call = value.iter().position(|b| *b == b'(');
    let value = &value[..call.unwrap_or(value.len())];
    let start = value.first().is_some_and(u8::is_ascii_uppercase);
    let few = value.iter().filter(|b| b.is_ascii_digit()).count() <= 2;
    value == b"memoryview"
        || value == b"bytearray"
        || start && few && value.iter().all(u8::is_ascii_alphanumeric) && ENDS.iter().any(|e| value.ends_with(e))
}

/// Do name and value begin alike, as constants in a list do: `GL_DRAW`, `GL_DST`?
pub fn are_siblings(name: &[u8], value: &[u8]) -> bool {
    let alike = name.iter().zip(value).take_while(|(a, b)| a == b).count();
    alike >= 3 && value.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/'))
}

/// `#d0d0d0`.
fn is_colour(value: &[u8]) -> bool {
    value.first() == Some(&b'#') && matches!(value.len(), 4 | 7 | 9) && value[1..].iter().all(u8::is_ascii_hexdigit)
}

/// One to three characters, each written as an escape: `\uE002`, `&#xf21b;`.
fn is_few_escapes(value: &[u8]) -> bool {
    // `\f21b`, as style sheets write it.
    let plain = value.strip_prefix(b"\\").unwrap_or(value);
    if plain.len() == 5 && plain[0] == b'\\' && plain[1..].iter().all(u8::is_ascii_hexdigit) {
        return true;
    }
    let mut rest = value;
    for _ in 0..4 {
        let hex = |from: usize| rest[from.min(rest.len())..].iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let len = if rest.starts_with(b"\\u") {
            2 + hex(2).min(4)
        } else if rest.starts_with(b"\\x") {
            2 + hex(2).min(2)
        } else if rest.starts_with(b"&#x") {
            3 + hex(3) + 1
        } else if rest.starts_with(b"&#") {
            2 + hex(2) + 1
        } else {
            break;
        };
        rest = rest.get(len..).unwrap_or_default();
        if rest.is_empty() {
            return true;
        }
    }
    false
}

/// A combination of keys: `ctrl+shift+j`.
pub fn is_shortcut(value: &[u8]) -> bool {
    const KEYS: &[&[u8]] =
        &[b"ctrl", b"control", b"shift", b"alt", b"option", b"cmd", b"command", b"super", b"meta", b"win", b"mod"];
    let Some(end) = value.iter().position(|b| matches!(b, b'+' | b'-')) else { return false };
    let one = |key: &[u8]| key.len() <= 2 || key.get(1) == Some(&b',');
    KEYS.iter().any(|key| value[..end].eq_ignore_ascii_case(key)) && (value[end] == b'+' || one(&value[end + 1..]))
}

/// Rules for a field of a form: `required|string|min:6`, `between:60,60`.
pub fn is_field_rules(value: &[u8]) -> bool {
    let mut colons = 0;
    let rule = |part: &[u8]| {
        let mut halves = part.splitn(2, |b| *b == b':');
        let word = halves.next().unwrap_or_default();
        let limits = halves.next();
        colons += usize::from(limits.is_some());
        word.len() >= 2
            && word.iter().all(|b| b.is_ascii_lowercase() || *b == b'_')
            && limits
                .is_none_or(|l| !l.is_empty() && l.iter().all(|b| b.is_ascii_alphanumeric() || b",._-\\".contains(b)))
    };
    let all = value.split(|b| *b == b'|').all(rule);
    let limits = value.iter().rev().take_while(|b| b.is_ascii_digit() || matches!(b, b',' | b'.')).count();
    all && (value.contains(&b'|')
        || colons == 1 && limits > 0 && value[value.len() - limits - 1] == b':' && value.contains(&b','))
}

/// Words of a language: nothing but letters and what stands between words in a text, and no groups of equal length, as
/// passwords for programs are written.
pub fn is_phrase(value: &[u8], likeness: f32) -> bool {
    let letter = |b: &u8| b.is_ascii_alphabetic() || *b >= 0x80;
    let (mut words, mut plain, mut all, mut letters) = (0, 0, 0, 0);
    let (mut first, mut even) = (0, true);
    for word in value.split(|b| *b == b' ').filter(|w| !w.is_empty()) {
        let inner = word.iter().filter(|b| letter(b)).count();
        plain += usize::from(word.iter().all(|b| letter(b) || b"'().,:;!?/-&\\".contains(b)));
        words += usize::from(inner >= 2);
        first = if all == 0 { inner } else { first };
        even &= inner == first;
        all += 1;
        letters += inner;
    }
    let sentence = words >= 5 && letters * 10 >= value.len() * 7;
    let capital = value[0].is_ascii_uppercase() && value.iter().skip(1).filter(|b| b.is_ascii_uppercase()).count() <= 1;
    let few = words >= 3 && !even || words == 2 && (all > 2 || capital || likeness > UNLIKE);
    sentence || plain == all && few
}

/// Words of a language that the table of letters does not know are still likelier than this.
const UNLIKE: f32 = -6.0;

/// The name of a class with the names that it lies below: `Symfony\\Component\\Form\\Type`.
pub fn is_class_path(value: &[u8]) -> bool {
    let mut parts = value.split(|b| *b == b'\\').filter(|p| !p.is_empty());
    let count = value.iter().filter(|b| **b == b'\\').count();
    count >= 2 && parts.all(|p| p[0].is_ascii_uppercase() && p.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_'))
}

/// `M D H h m`: letters that stand for something.
fn is_letters(value: &[u8]) -> bool {
    let mut words = 0;
    value.split(|b| *b == b' ').all(|w| {
        words += 1;
        (1..=3).contains(&w.len()) && w.iter().all(u8::is_ascii_alphabetic)
    }) && words >= 4
}

/// `8-4-4-4-12` hex digits.
pub fn is_uuid(value: &[u8]) -> bool {
    value.len() >= 36
        && value.len() <= 38
        && value.trim_ascii().windows(36).any(|w| {
            w.iter()
                .enumerate()
                .all(|(i, b)| if matches!(i, 8 | 13 | 18 | 23) { *b == b'-' } else { b.is_ascii_hexdigit() })
        })
}

/// A name in code: `DB_PASSWORD`, `user-token`, `accessToken`, `app.secret`: words joined, all of them letters.
pub fn is_identifier(value: &[u8], likeness: f32) -> bool {
    let joins = value
        .windows(3)
        .filter(|w| {
            w[0].is_ascii_alphabetic()
                && (matches!(w[1], b'_' | b'-' | b'.' | b':' | b'/')
                    || w[1].is_ascii_uppercase() && w[0].is_ascii_lowercase())
        })
        .count();
    let words = !value.iter().any(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
    joins > 0
        && (likeness > 0.0 || words && likeness > UNLIKE)
        && value.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':' | b'/'))
}

/// A number, a truth value, a type, or nothing.
pub fn is_constant(value: &[u8]) -> bool {
    const WORDS: &[&str] = &[
        "true",
        "false",
        "null",
        "nil",
        "none",
        "undefined",
        "yes",
        "no",
        "on",
        "off",
        "string",
        "str",
        "bool",
        "boolean",
        "int",
        "integer",
        "number",
        "text",
        "object",
        "any",
        "bytes",
        "void",
        "required",
        "optional",
        "empty",
        "default",
        "self",
        "this",
        "n/a",
        "na",
        "todo",
        "tbd",
        "never",
        "char",
        "varchar",
        "hidden",
        "disabled",
        "enabled",
        "unset",
        "auto",
        "inherit",
        "always",
        "bearer",
        "basic",
        "digest",
        "oauth",
        "oauth2",
        "jwt",
        "header",
        "cookie",
        "array",
        "plain",
        "include",
        "omit",
        "same-origin",
        "sha256",
        "sha1",
        "md5",
        "hmac",
        "hs256",
        "hs384",
        "hs512",
        "rs256",
        "rs512",
        "es256",
        "ed25519",
        "aes",
        "rsa",
        "raw",
        "json",
    ];
    if is_constant_name(value) {
        return true;
    }
    let lower = value.to_ascii_lowercase();
    let text = std::str::from_utf8(&lower).unwrap_or_default().trim_end_matches(['!', '?', '[', ']']);
    let word = |text: &str| WORDS.contains(&text);
    word(text)
        || text.contains('|') && text.split('|').all(word)
        || is_colour(value)
        || is_few_escapes(value)
        || is_letters(value)
        || text.parse::<f64>().is_ok() && value.len() < 12
        || text.trim_start_matches('-').starts_with("0x") && value.len() < 12
}

/// Words of capitals, with numbers among them: `TLS_RSA_WITH_AES_128_CBC_SHA`.
fn is_constant_name(value: &[u8]) -> bool {
    let mut words = 0;
    value.split(|b| *b == b'_').all(|part| {
        let letters = part.iter().take_while(|b| b.is_ascii_uppercase()).count();
        words += usize::from(letters >= 2);
        !part.is_empty() && part[letters..].iter().all(u8::is_ascii_digit) && part.len() - letters <= 4
    }) && words >= 2
}

/// Words that stand in place of a secret.
const PLACEHOLDERS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "pass",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "key",
    "changeme",
    "changeit",
    "change",
    "me",
    "example",
    "sample",
    "placeholder",
    "dummy",
    "fake",
    "redacted",
    "replace",
    "insert",
    "your",
    "here",
    "test",
    "testing",
    "tester",
    "todo",
    "none",
    "null",
    "undefined",
    "xxxx",
    "xxx",
    "0000",
    "1111",
    "aaaa",
    "abcd",
    "abc",
    "1234",
    "12345",
    "123456",
    "123",
    "qwerty",
    "asdf",
    "qwer",
    "deadbeef",
    "foobar",
    "foo",
    "bar",
    "baz",
    "lorem",
    "ipsum",
    "some",
    "this",
    "my",
    "the",
    "new",
    "old",
    "not",
    "real",
    "value",
    "access",
    "private",
    "public",
    "client",
    "string",
    "admin",
    "root",
    "user",
    "guest",
    "demo",
    "default",
    "postgres",
    "mysql",
    "mongo",
    "redis",
    "rabbitmq",
    "username",
    "login",
    "auth",
    "random",
    "super",
    "secure",
    "long",
    "very",
    "enter",
    "valid",
    "invalid",
    "wrong",
    "bad",
    "good",
    "app",
    "server",
    "service",
    "id",
    "data",
    "name",
    "local",
    "prod",
    "dev",
    "stage",
    "staging",
    "welcome",
    "hello",
    "world",
    "letmein",
    "p@ssw0rd",
    "passw0rd",
    "pa$$w0rd",
    "generated",
    "credentials",
    "credential",
    "sec",
    "tok",
    "salt",
    "nonce",
    "hash",
    "for",
    "to",
    "a",
    "is",
    "in",
    "with",
    "of",
    "and",
    "that",
    "it",
    "only",
    "used",
    "bearer",
    "basic",
    "xyz",
    "zzz",
    "pw",
    "mock",
    "stub",
    "fixture",
    "mysecret",
    "mypassword",
    "mypass",
    "mypwd",
    "account",
    "db",
    "database",
    "goes",
    "any",
    "unused",
    "ignored",
];

/// Percent of the letters and digits of a value that are placeholder words, also with digits in place of letters: `s3cr3t`.
pub fn placeholder_share(value: &[u8]) -> usize {
    let share = plain_share(value);
    let swapped = value.iter().any(|b| plain_letter(*b) != *b) && value.iter().any(u8::is_ascii_alphabetic);
    if share >= 60 || !swapped {
        return share;
    }
    let plain: Vec<u8> = value.iter().map(|b| plain_letter(*b)).collect();
    plain_share(&plain).max(share)
}

/// The letter that a digit or sign is written for.
fn plain_letter(byte: u8) -> u8 {
    match byte {
        b'0' => b'o',
        b'1' | b'!' => b'i',
        b'3' => b'e',
        b'4' | b'@' => b'a',
        b'5' | b'$' => b's',
        b'7' => b't',
        byte => byte,
    }
}

fn plain_share(value: &[u8]) -> usize {
    static SEARCH: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| any_case(PLACEHOLDERS));
    let mut covered = vec![false; value.len()];
    for found in SEARCH.iter().flat_map(|search| search.find_overlapping_iter(value)) {
        // Short words must be whole.
        let edge = |i: Option<usize>| i.and_then(|i| value.get(i)).is_none_or(|b| !b.is_ascii_alphabetic());
        let new_word = |i: usize| {
            value[i].is_ascii_uppercase() && value.get(i.wrapping_sub(1)).is_some_and(u8::is_ascii_lowercase)
        };
        let (start, end) = (found.start(), found.end());
        let whole = (edge(start.checked_sub(1)) || new_word(start)) && (edge(Some(end)) || new_word(end));
        if found.len() >= 4 || whole {
            covered[start..end].fill(true);
        }
    }
    let counted = value.iter().zip(&covered).filter(|(b, _)| b.is_ascii_alphanumeric());
    let (all, hidden) = counted.fold((0, 0), |(all, hidden), (_, covered)| (all + 1, hidden + usize::from(*covered)));
    (hidden * 100usize).checked_div(all).unwrap_or(100)
}

/// Percent of a value that stands in runs of equal or counting characters, or of keys that lie side by side.
pub fn sequence_share(value: &[u8]) -> usize {
    let step = |a: u8, b: u8| i16::from(b) - i16::from(a);
    let keys = |a: u8, b: u8| match (key_place(a), key_place(b)) {
        (Some(a), Some(b)) => b == a + 1,
        _ => false,
    };
    let mut covered = run_lengths(value, 4, keys);
    // `0011223344...`
    let nibble = |b: u8| char::from(b).to_digit(16).map_or(-9, u32::cast_signed);
    let doubled = run_lengths(value, 12, |a, b| (0..=1).contains(&(nibble(b) - nibble(a))) && nibble(a) >= 0);
    covered = covered.max(doubled);
    // `a1b2c3d4`
    let woven = value.len() >= 6 && value.windows(3).all(|w| w[2] == w[0].wrapping_add(1));
    covered = if woven { value.len() } else { covered };
    for by in [0, 1, -1] {
        covered += run_lengths(value, 3, |a, b| step(a, b) == by);
    }
    (covered * 100 / value.len().max(1)).min(100)
}

/// How many bytes stand in runs of `least` or more in which each pair of neighbours holds.
fn run_lengths(value: &[u8], least: usize, holds: impl Fn(u8, u8) -> bool) -> usize {
    let (mut sum, mut run) = (0, 1);
    for pair in value.windows(2) {
        if holds(pair[0], pair[1]) {
            run += 1;
        } else {
            sum += if run >= least { run } else { 0 };
            run = 1;
        }
    }
    sum + if run >= least { run } else { 0 }
}

/// The place of a letter on the keyboard, rows ten apart and more.
fn key_place(byte: u8) -> Option<usize> {
    b"qwertyuiop\0asdfghjkl\0zxcvbnm".iter().position(|b| *b == byte.to_ascii_lowercase())
}
