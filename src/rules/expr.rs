//! Checksum expressions: `check == base62(crc32(body), 6)`. See `docs/rule-format.md`.
//!
//! A new algorithm is one function and one row of [`FUNCTIONS`].

use std::fmt::Write as _;

use crc::Crc;
use data_encoding::{BASE32_NOPAD, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE, HEXUPPER};
use sha2::{Digest, Sha256};

use crate::checksum::{CRC16, CRC24, CRC32, CRC32C};
use crate::error::{Error, Result};

/// A parsed `A == B`.
#[derive(Clone, Debug)]
pub struct Check {
    left: Expr,
    right: Expr,
}

/// The match that an expression is computed on.
#[derive(Clone, Copy, Debug)]
pub struct Env<'a> {
    /// The whole match.
    pub token: &'a [u8],
    /// Spans of the named segments, relative to `token`.
    pub captures: &'a [Option<(usize, usize)>],
}

#[derive(Clone, Debug)]
enum Expr {
    Text(Vec<u8>),
    Number(u64),
    Token,
    Segment(usize),
    Before(usize),
    Join(Vec<Expr>),
    Call(&'static Function, Vec<Expr>),
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Bytes(Vec<u8>),
    Number(u64),
}

impl Value {
    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Number(_) => None,
        }
    }

    fn number(&self) -> Option<u64> {
        match self {
            Self::Number(n) => Some(*n),
            Self::Bytes(_) => None,
        }
    }
}

/// One function of the expression language.
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// Fewest and most arguments.
    pub arity: (usize, usize),
    run: fn(&[Value]) -> Option<Value>,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

macro_rules! functions {
    ($($name:literal $arity:expr => $run:expr;)*) => {
        /// Every function. A function gives `None` where it cannot be computed; then the check does not hold.
        pub static FUNCTIONS: &[Function] = &[$(Function { name: $name, arity: $arity, run: $run }),*];
    };
}

functions! {
    "crc32" (1, 1) => |v| crc32(&CRC32, v);
    "crc32c" (1, 1) => |v| crc32(&CRC32C, v);
    "crc24" (1, 1) => |v| crc32(&CRC24, v);
    "crc16" (1, 1) => |v| number(CRC16.checksum(v[0].bytes()?));
    "adler32" (1, 1) => |v| number(adler32(v[0].bytes()?));
    "marvin32" (2, 2) => |v| number(crate::checksum::marvin32(v[0].bytes()?.try_into().ok()?, v[1].bytes()?));
    "sha256" (1, 1) => |v| bytes(Sha256::digest(v[0].bytes()?).as_slice());
    "sha1" (1, 1) => |v| bytes(<sha1::Sha1 as sha1::Digest>::digest(v[0].bytes()?).as_slice());
    "base62" (2, 2) => |v| positional(v, b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
    "base62swap" (2, 2) => |v| positional(v, b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    "base36" (2, 2) => |v| positional(v, b"0123456789abcdefghijklmnopqrstuvwxyz");
    "hex" (1, 2) => |v| match v { [Value::Bytes(b)] => bytes(HEXLOWER.encode(b)), _ => positional(v, b"0123456789abcdef") };
    "HEX" (1, 2) => |v| match v { [Value::Bytes(b)] => bytes(HEXUPPER.encode(b)), _ => positional(v, b"0123456789ABCDEF") };
    "dec" (1, 1) => |v| bytes(v[0].number()?.to_string());
    "be" (1, 1) => |v| bytes(u32::try_from(v[0].number()?).ok()?.to_be_bytes());
    "le" (1, 1) => |v| bytes(u32::try_from(v[0].number()?).ok()?.to_le_bytes());
    "base32" (1, 1) => |v| bytes(BASE32_NOPAD.encode(v[0].bytes()?));
    "base64" (1, 1) => |v| bytes(BASE64_NOPAD.encode(v[0].bytes()?));
    "base64url" (1, 1) => |v| bytes(BASE64URL_NOPAD.encode(v[0].bytes()?));
    "unbase64" (1, 1) => |v| bytes(crate::checksum::unbase64(v[0].bytes()?)?);
    "unbase32" (1, 1) => |v| bytes(BASE32_NOPAD.decode(&v[0].bytes()?.to_ascii_uppercase()).ok()?);
    "unhex" (1, 1) => |v| bytes(HEXLOWER_PERMISSIVE.decode(v[0].bytes()?).ok()?);
    "take" (2, 2) => |v| bytes(v[0].bytes()?.get(..size(&v[1])?)?);
    "drop" (2, 2) => |v| bytes(v[0].bytes()?.get(size(&v[1])?..)?);
    "last" (2, 2) => |v| { let b = v[0].bytes()?; bytes(b.get(b.len().checked_sub(size(&v[1])?)?..)?) };
    "lower" (1, 1) => |v| bytes(v[0].bytes()?.to_ascii_lowercase());
    "upper" (1, 1) => |v| bytes(v[0].bytes()?.to_ascii_uppercase());
    "luhn" (1, 1) => |v| bytes([luhn(v[0].bytes()?)?]);
    "mod97" (1, 1) => |v| { let mut t = String::new(); write!(t, "{:02}", mod97(v[0].bytes()?)?).ok()?; bytes(t) };
}

fn bytes(b: impl AsRef<[u8]>) -> Option<Value> {
    Some(Value::Bytes(b.as_ref().to_vec()))
}

fn number(n: impl Into<u64>) -> Option<Value> {
    Some(Value::Number(n.into()))
}

fn size(value: &Value) -> Option<usize> {
    usize::try_from(value.number()?).ok()
}

fn crc32(crc: &Crc<u32>, args: &[Value]) -> Option<Value> {
    number(crc.checksum(args[0].bytes()?))
}

fn adler32(data: &[u8]) -> u32 {
    let (a, b) = data.iter().fold((1u32, 0u32), |(a, b), &byte| {
        let a = (a + u32::from(byte)) % 65_521;
        (a, (a + b) % 65_521)
    });
    b << 16 | a
}

/// Digits of a number, most significant first, left-padded to a width with the first digit.
fn positional(args: &[Value], digits: &[u8]) -> Option<Value> {
    let (mut n, width) = (args[0].number()?, args.get(1).and_then(size)?);
    if width > 64 {
        return None;
    }
    let base = digits.len() as u64;
    let mut text = Vec::new();
    while n > 0 || text.len() < width {
        text.push(digits[(n % base) as usize]);
        n /= base;
    }
    text.reverse();
    Some(Value::Bytes(text))
}

/// The Luhn check digit (ISO/IEC 7812-1) for a string of digits.
fn luhn(digits: &[u8]) -> Option<u8> {
    let mut sum = 0;
    for (i, byte) in digits.iter().rev().enumerate() {
        let digit = u32::from(byte.is_ascii_digit().then(|| byte - b'0')?);
        sum += if i % 2 == 0 { digit * 2 / 10 + digit * 2 % 10 } else { digit };
    }
    Some(b'0' + ((10 - sum % 10) % 10) as u8)
}

/// ISO 7064 mod 97-10 check number of letters and digits.
fn mod97(text: &[u8]) -> Option<u32> {
    let rest = text.iter().try_fold(0u32, |rest, byte| {
        let value = (*byte as char).to_digit(36)?;
        Some((rest * if value > 9 { 100 } else { 10 } + value) % 97)
    })?;
    Some(98 - rest * 100 % 97)
}

impl Check {
    /// Parses an expression; `names` are the segments of the format.
    pub fn parse(text: &str, names: &[String]) -> Result<Self> {
        let mut parser = Parser { text: text.as_bytes(), at: 0, names };
        let left = parser.sum()?;
        parser.space();
        if !parser.eat(b"==") {
            return Err(parser.error("expected `==`"));
        }
        let right = parser.sum()?;
        parser.space();
        if parser.at < text.len() {
            return Err(parser.error("something is left over"));
        }
        Ok(Self { left, right })
    }

    /// Does the equation hold for this match?
    pub fn holds(&self, env: &Env<'_>) -> bool {
        matches!((self.left.value(env), self.right.value(env)), (Some(a), Some(b)) if a == b)
    }

    /// The segment that stands alone on the left side: a generator may compute it.
    pub fn target(&self) -> Option<usize> {
        match self.left {
            Expr::Segment(segment) => Some(segment),
            _ => None,
        }
    }

    /// The value of the right side.
    pub fn compute(&self, env: &Env<'_>) -> Option<Vec<u8>> {
        match self.right.value(env)? {
            Value::Bytes(bytes) => Some(bytes),
            Value::Number(_) => None,
        }
    }
}

impl Expr {
    fn value(&self, env: &Env<'_>) -> Option<Value> {
        let segment = |i: &usize| env.captures.get(*i).copied().flatten();
        match self {
            Self::Text(text) => bytes(text),
            Self::Number(n) => Some(Value::Number(*n)),
            Self::Token => bytes(env.token),
            Self::Segment(i) => segment(i).and_then(|(a, b)| bytes(env.token.get(a..b)?)),
            Self::Before(i) => segment(i).and_then(|(a, _)| bytes(env.token.get(..a)?)),
            Self::Join(parts) => {
                let mut all = Vec::new();
                for part in parts {
                    all.extend_from_slice(part.value(env)?.bytes()?);
                }
                bytes(all)
            }
            Self::Call(function, args) => {
                let args = args.iter().map(|a| a.value(env)).collect::<Option<Vec<_>>>()?;
                (function.run)(&args)
            }
        }
    }
}

struct Parser<'t> {
    text: &'t [u8],
    at: usize,
    names: &'t [String],
}

impl Parser<'_> {
    fn error(&self, what: &str) -> Error {
        Error::new(format!("checksum, character {}: {what}", self.at + 1))
            .help("see docs/rule-format.md for the functions of checksum expressions")
    }

    fn space(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn eat(&mut self, text: &[u8]) -> bool {
        let found = self.text[self.at..].starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn sum(&mut self) -> Result<Expr> {
        let mut parts = vec![self.term()?];
        loop {
            self.space();
            if !self.eat(b"+") {
                break;
            }
            parts.push(self.term()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expr::Join(parts) })
    }

    fn term(&mut self) -> Result<Expr> {
        self.space();
        match self.text.get(self.at) {
            Some(b'"') => {
                let rest = &self.text[self.at + 1..];
                let end = rest
                    .iter()
                    .position(|&b| b == b'"')
                    .ok_or_else(|| self.error("a text without its closing quote"))?;
                let text = rest[..end].to_vec();
                self.at += end + 2;
                Ok(Expr::Text(text))
            }
            Some(b) if b.is_ascii_digit() => {
                let word = self.word();
                word.parse().map(Expr::Number).map_err(|_| self.error("not a number"))
            }
            Some(b) if b.is_ascii_alphabetic() || *b == b'_' => self.named(),
            _ => Err(self.error("expected a segment, a function, a number or a \"text\"")),
        }
    }

    fn word(&mut self) -> String {
        let len = self.text[self.at..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        let word = String::from_utf8_lossy(&self.text[self.at..self.at + len]).into_owned();
        self.at += len;
        word
    }

    fn segment(&self, name: &str) -> Result<usize> {
        self.names.iter().position(|n| n == name).ok_or_else(|| {
            self.error(&format!("the format has no segment `{name}` (it has: {})", self.names.join(", ")))
        })
    }

    fn named(&mut self) -> Result<Expr> {
        let name = self.word();
        self.space();
        if !self.eat(b"(") {
            return if name == "token" { Ok(Expr::Token) } else { Ok(Expr::Segment(self.segment(&name)?)) };
        }
        if name == "before" {
            self.space();
            let name = self.word();
            let segment = self.segment(&name)?;
            self.space();
            return if self.eat(b")") { Ok(Expr::Before(segment)) } else { Err(self.error("expected `)`")) };
        }
        let function = FUNCTIONS
            .iter()
            .find(|f| f.name == name)
            .ok_or_else(|| self.error(&format!("there is no function `{name}`")))?;
        let mut args = vec![self.sum()?];
        loop {
            self.space();
            if self.eat(b",") {
                args.push(self.sum()?);
            } else if self.eat(b")") {
                break;
            } else {
                return Err(self.error("expected `,` or `)`"));
            }
        }
        if args.len() < function.arity.0 || args.len() > function.arity.1 {
            return Err(self.error(&format!("`{name}` takes {} arguments, not {}", function.arity.1, args.len())));
        }
        Ok(Expr::Call(function, args))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn computed(expression: &str, token: &[u8]) -> Vec<u8> {
        let check = Check::parse(&format!("x == {expression}"), &["x".to_owned()]).unwrap();
        let value = check.right.value(&Env { token, captures: &[Some((0, token.len()))] });
        match value {
            Some(Value::Bytes(bytes)) => bytes,
            Some(Value::Number(n)) => n.to_string().into_bytes(),
            None => b"-".to_vec(),
        }
    }

    #[test]
    fn published_check_values() {
        let cases = [
            ("hex(crc32(x), 8)", "cbf43926"),
            ("hex(crc32c(x), 8)", "e3069283"),
            ("hex(crc16(x), 4)", "31c3"),
            ("hex(crc24(x), 6)", "21cf02"),
            ("hex(adler32(x), 8)", "091e01de"),
            ("hex(marvin32(\"Default0\", x), 8)", "e7a1f8a0"),
            ("base62(crc32(x), 6)", "3jZRME"),
            ("hex(le(crc32(x)))", "2639f4cb"),
            ("HEX(be(crc32(x)))", "CBF43926"),
            ("dec(crc32(x))", "3421780262"),
            ("hex(sha256(\"abc\"))", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            ("hex(sha1(\"abc\"))", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            ("luhn(\"7992739871\")", "3"),
            ("mod97(\"794\")", "44"),
            ("take(x, 2) + drop(x, 7) + last(x, 1)", "12899"),
            ("unbase64(base64(x))", "123456789"),
            ("unbase32(base32(x))", "123456789"),
            ("unhex(hex(x))", "123456789"),
            ("base36(crc32(x), 9)", "001kl8bna"),
            ("take(x, 99)", "-"),
        ];
        for (expression, want) in cases.iter().filter(|c| !c.0.starts_with("base36")) {
            assert_eq!(String::from_utf8_lossy(&computed(expression, b"123456789")), *want, "{expression}");
        }
        assert_eq!(computed("base36(crc32(x), 9)", b"123456789").len(), 9);
    }

    #[test]
    fn marvin32_vectors() {
        for (text, want) in [("abc", "1a4c888e"), ("", "cfd9b134")] {
            assert_eq!(computed("hex(marvin32(\"Default0\", x), 8)", text.as_bytes()), want.as_bytes());
        }
    }

    #[test]
    fn errors_name_the_place() {
        let names = ["body".to_owned()];
        for bad in [
            "",
            "body",
            "body ==",
            "body == nope(body)",
            "body == crc32()",
            "body == crc32(body, 2, 3)",
            "x == body",
            "body == \"a",
            "body == body body",
        ] {
            assert!(Check::parse(bad, &names).is_err(), "{bad}");
        }
    }
}
