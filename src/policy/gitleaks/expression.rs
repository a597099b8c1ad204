//! Regular expressions of Go as those of keyscan: translated where the two spell the same thing differently, searched for
//! words that stand in every match, and turned into a format that mints an example.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

use crate::error::{Error, Result};
use crate::rules::{LazyRegex, Rule, mint};
use crate::structure::Rng;

/// Shortest word that a rule may be found by.
const WORD: usize = 3;
/// Longest run of one class in an example.
const LONGEST: u32 = 32;

/// An expression that a rule of keyscan can have.
#[derive(Debug)]
pub struct Expression {
    /// As keyscan writes it, with the secret in a group of that name.
    pub regex: String,
    /// Words of which one stands in every match, in lower case.
    pub keywords: Vec<String>,
    /// A format that mints a match.
    pub mint: String,
    /// Shortest match.
    pub least: usize,
}

impl Expression {
    /// Translates an expression; `group` is the number of the group that is the secret.
    pub fn new(go: &str, group: Option<usize>) -> Result<Self> {
        let regex = translate(go, group)?;
        let compiled = LazyRegex::compile(&regex)?;
        let hir = parse(&regex)?;
        let keywords = required(&hir).ok_or_else(|| {
            Error::new("no word of 3 characters or more stands in every match, which keyscan needs to find it fast")
        })?;
        let mint = example(&hir);
        let token = mint_one(&mint)?;
        if !compiled.is_match(&token) {
            return Err(Error::new("no example of it can be made, so the rule could not be tested"));
        }
        let least = hir.properties().minimum_len().unwrap_or(0);
        Ok(Self { regex, keywords, mint, least })
    }
}

fn parse(regex: &str) -> Result<Hir> {
    ParserBuilder::new()
        .utf8(false)
        .unicode(false)
        .build()
        .parse(regex)
        .map_err(|e| Error::new("not a regular expression that keyscan can use").cause(e.to_string()))
}

fn mint_one(format: &str) -> Result<Vec<u8>> {
    let text = format!(
        "provider: x\nrules: [{{id: x-x, name: x, severity: low, regex: 'xxx', keywords: [xxx], mint: {}}}]\n",
        quoted(format)
    );
    let file = crate::rules::syntax::RuleFile::parse("gitleaks", &text)?;
    let rule = Rule::compile(&file.rules[0])?;
    mint::mint(&rule, &mut Rng::new(1)).ok_or_else(|| Error::new("no example of it can be made"))
}

/// A text in YAML: in single quotes if that can be, otherwise as JSON writes it.
pub fn quoted(text: &str) -> String {
    if text.chars().any(char::is_control) {
        serde_json::Value::from(text).to_string()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// What Go and Rust spell differently; and the group of the secret gets its name. Without a number, the first group is the
/// secret, as gitleaks has it; without groups, the whole match.
pub fn translate(go: &str, group: Option<usize>) -> Result<String> {
    let mut out = String::with_capacity(go.len() + 16);
    let mut chars = go.chars().peekable();
    let mut groups = 0;
    let wanted = group.filter(|n| *n > 0).unwrap_or(1);
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                // In Rust these are the edges of words.
                Some(c @ ('<' | '>')) => out.push(c),
                Some('Q') => literal(&mut chars, &mut out),
                Some(c) => out.extend(['\\', c]),
                None => return Err(Error::new("it ends with a backslash")),
            },
            '[' => class(&mut chars, &mut out)?,
            // In Go a brace that counts nothing stands for itself.
            '{' if !counts(chars.clone()) => out.push_str("\\{"),
            '(' => {
                let mut rest = chars.clone();
                let special = rest.next() == Some('?');
                let name = special.then(|| {
                    let text: String = rest.collect();
                    text.strip_prefix("P<")
                        .or(text.strip_prefix('<'))
                        .and_then(|t| t.split_once('>'))
                        .map(|t| t.0.to_owned())
                });
                out.push('(');
                if let Some(None) = name {
                    continue;
                }
                groups += 1;
                let name = name.flatten();
                if let Some(name) = &name {
                    let skip = chars.clone().take_while(|c| *c != '>').count() + 1;
                    chars.by_ref().take(skip).for_each(drop);
                    if name == "secret" && groups != wanted {
                        return Err(Error::new("a group that is not the secret is called `secret`"));
                    }
                }
                if groups == wanted {
                    out.push_str("?P<secret>");
                } else if let Some(name) = name {
                    out.push_str(&format!("?P<{name}>"));
                }
            }
            c => out.push(c),
        }
    }
    match group {
        Some(n) if n > groups => Err(Error::new(format!("secretGroup is {n}, and it has {groups} groups"))),
        _ => Ok(out),
    }
}

/// Is what follows a brace the rest of `{3}`, `{3,}` or `{3,5}`?
fn counts(chars: impl Iterator<Item = char>) -> bool {
    let text: String = chars.take_while(|c| *c != '}').take(12).collect();
    let (least, most) = text.split_once(',').unwrap_or((&text, ""));
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    !least.is_empty() && digits(least) && digits(most)
}

/// `\Q...\E`: as it stands.
fn literal(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) {
    while let Some(c) = chars.next() {
        if c == '\\' && chars.peek() == Some(&'E') {
            chars.next();
            return;
        }
        out.push_str(&regex_syntax::escape(c.encode_utf8(&mut [0; 4])));
    }
}

/// A class: what stands for itself in Go may be an operator in Rust.
fn class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) -> Result<()> {
    out.push('[');
    if chars.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    let mut first = true;
    let mut before = ' ';
    while let Some(c) = chars.next() {
        match c {
            ']' if !first => {
                out.push(']');
                return Ok(());
            }
            ']' => out.push_str("\\]"),
            '[' if chars.peek() == Some(&':') => {
                out.push('[');
                for c in chars.by_ref() {
                    out.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            '[' | '&' | '~' => out.extend(['\\', c]),
            '-' if before == '-' => out.push_str("\\-"),
            '\\' => match chars.next() {
                Some(c @ ('<' | '>')) => out.push(c),
                Some(c) => out.extend(['\\', c]),
                None => break,
            },
            c => out.push(c),
        }
        before = c;
        first = false;
    }
    Err(Error::new("a class is not closed"))
}

/// The one byte that a class stands for, if it is one letter in both cases or one byte.
fn single(class: &Class) -> Option<u8> {
    let ranges: Vec<(u8, u8)> = match class {
        Class::Bytes(class) => class.ranges().iter().map(|r| (r.start(), r.end())).collect(),
        Class::Unicode(class) => {
            let byte = |c: char| u8::try_from(u32::from(c)).ok();
            class.ranges().iter().map(|r| Some((byte(r.start())?, byte(r.end())?))).collect::<Option<_>>()?
        }
    };
    let bytes: Vec<u8> = ranges.iter().flat_map(|(a, b)| *a..=*b).take(3).collect();
    match bytes.as_slice() {
        [one] => Some(*one),
        [one, two] if one.eq_ignore_ascii_case(two) => Some(one.to_ascii_lowercase()),
        _ => None,
    }
}

/// Words of which one stands in every match: the best choice, that is the longest ones.
fn required(hir: &Hir) -> Option<Vec<String>> {
    let mut words = best(candidates(hir))?;
    words.sort();
    words.dedup();
    Some(words)
}

/// Of several sets of words the one whose shortest word is longest.
fn best(mut sets: Vec<Vec<String>>) -> Option<Vec<String>> {
    sets.retain(|words| !words.is_empty() && words.iter().all(|w| w.len() >= WORD) && words.len() <= 64);
    sets.sort_by_key(|words| (std::cmp::Reverse(words.iter().map(String::len).min().map(|n| n.min(8))), words.len()));
    sets.into_iter().next()
}

/// Sets of words, of each of which one stands in every match.
fn candidates(hir: &Hir) -> Vec<Vec<String>> {
    match hir.kind() {
        HirKind::Literal(literal) => word(&literal.0).into_iter().map(|w| vec![w]).collect(),
        HirKind::Capture(capture) => candidates(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => candidates(&repetition.sub),
        HirKind::Alternation(choices) => {
            let sets: Option<Vec<_>> = choices.iter().map(|c| best(candidates(c))).collect();
            sets.map(|sets| vec![sets.concat()]).unwrap_or_default()
        }
        HirKind::Concat(parts) => {
            let mut sets = Vec::new();
            let mut run: Vec<u8> = Vec::new();
            let mut end = |run: &mut Vec<u8>| sets.extend(word(&std::mem::take(run)).map(|w| vec![w]));
            let mut inner = Vec::new();
            for part in parts {
                match fixed(part) {
                    Some(bytes) => run.extend(bytes),
                    None => {
                        end(&mut run);
                        inner.extend(candidates(part));
                    }
                }
            }
            end(&mut run);
            sets.extend(inner);
            sets
        }
        _ => Vec::new(),
    }
}

/// The text that a part always is, in lower case.
fn fixed(hir: &Hir) -> Option<Vec<u8>> {
    match hir.kind() {
        HirKind::Literal(literal) => Some(literal.0.to_ascii_lowercase()),
        HirKind::Class(class) => single(class).map(|b| vec![b]),
        HirKind::Capture(capture) => fixed(&capture.sub),
        HirKind::Look(_) | HirKind::Empty => Some(Vec::new()),
        HirKind::Concat(parts) => parts.iter().map(fixed).collect::<Option<Vec<_>>>().map(|p| p.concat()),
        HirKind::Repetition(r) if r.max == Some(r.min) && r.min < 64 => fixed(&r.sub).map(|t| t.repeat(r.min as usize)),
        _ => None,
    }
}

fn word(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?.to_ascii_lowercase();
    let printable = text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    (text.len() >= WORD && printable).then_some(text)
}

/// A format whose minted texts match. It is no full description: optional parts are left out, the first choice is taken.
fn example(hir: &Hir) -> String {
    let mut out = String::new();
    append(hir, &mut out);
    out
}

fn append(hir: &Hir, out: &mut String) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => literal.0.iter().for_each(|b| push(*b, out)),
        HirKind::Class(class) => segment(class, 1, out),
        HirKind::Capture(capture) => append(&capture.sub, out),
        HirKind::Concat(parts) => parts.iter().for_each(|p| append(p, out)),
        HirKind::Alternation(choices) => choices.first().into_iter().for_each(|c| append(c, out)),
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(u32::MAX);
            match repetition.sub.kind() {
                HirKind::Class(class) if single(class).is_none() && most > 1 => {
                    let optional = repetition.min == 0;
                    let count = if optional { 0 } else { repetition.min.max(most.min(LONGEST)) };
                    segment(class, count.min(repetition.min.max(LONGEST)), out);
                }
                _ => (0..repetition.min.min(64)).for_each(|_| append(&repetition.sub, out)),
            }
        }
    }
}

fn push(byte: u8, out: &mut String) {
    if b"{}()|?\\".contains(&byte) {
        out.push('\\');
    }
    out.push(byte as char);
}

fn segment(class: &Class, count: u32, out: &mut String) {
    if count == 0 {
        return;
    }
    if let Some(byte) = single(class) {
        return (0..count).for_each(|_| push(byte, out));
    }
    let has = |byte: u8| match class {
        Class::Bytes(class) => class.ranges().iter().any(|r| (r.start()..=r.end()).contains(&byte)),
        Class::Unicode(class) => class.ranges().iter().any(|r| (r.start()..=r.end()).contains(&char::from(byte))),
    };
    let plain: Vec<u8> = (b'!'..=b'~').filter(|b| has(*b) && b.is_ascii_alphanumeric()).collect();
    let all: Vec<u8> = (b' '..=b'~').filter(|b| has(*b)).collect();
    let bytes = if plain.is_empty() { all } else { plain };
    match bytes.as_slice() {
        // Nothing printable: a blank of some kind, most often.
        [] => (0..count).for_each(|_| out.extend([b'\n', b'\t', 0].iter().find(|b| has(**b)).map(|b| *b as char))),
        [one] => (0..count).for_each(|_| push(*one, out)),
        _ => {
            out.push_str("{_:[");
            let mut ranges: Vec<(u8, u8)> = Vec::new();
            for byte in bytes {
                match ranges.last_mut() {
                    Some((_, end)) if *end + 1 == byte => *end = byte,
                    _ => ranges.push((byte, byte)),
                }
            }
            // A hyphen stands for itself at the end only.
            ranges.sort_by_key(|(start, end)| (start == end && *start == b'-', *start));
            for (start, end) in ranges {
                for (n, byte) in [start, end].into_iter().take(if start == end { 1 } else { 2 }).enumerate() {
                    if n == 1 && end > start + 1 {
                        out.push('-');
                    }
                    if b"]\\".contains(&byte) {
                        out.push('\\');
                    }
                    out.push(byte as char);
                }
            }
            out.push_str(&format!("]:{count}}}"));
        }
    }
}

/// Does a format parse? For tests.
#[cfg(test)]
fn is_format(text: &str) -> bool {
    crate::rules::format::Format::parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn spellings() {
        let cases = [
            (r"acme_([a-z]{3})", None, r"acme_(?P<secret>[a-z]{3})"),
            (r"(a)(b)", Some(2), r"(a)(?P<secret>b)"),
            (r"(?i)(?:x)(?P<k>a)", None, r"(?i)(?:x)(?P<secret>a)"),
            (r"(?P<k>a)(b)", Some(2), r"(?P<k>a)(?P<secret>b)"),
            (r"\<a\>", None, r"<a>"),
            (r"[a[b&&c~~-]", None, r"[a\[b\&\&c\~\~-]"),
            (r"[]a]", None, r"[\]a]"),
            (r"[[:alpha:]+--]", None, r"[[:alpha:]+-\-]"),
            (r"\Qa.b(\E.", None, r"a\.b\(."),
            (r"\(x\)(y)", None, r"\(x\)(?P<secret>y)"),
            (r"[(](y)", None, r"[(](?P<secret>y)"),
            (r"\${(a{2,3}b{4,}c{5})}{,6}", None, r"\$\{(?P<secret>a{2,3}b{4,}c{5})}\{,6}"),
        ];
        for (go, group, want) in cases {
            assert_eq!(translate(go, group).unwrap(), want, "{go}");
        }
        for (go, group) in [("a(b)", Some(2)), ("a\\", None), ("[a", None), ("(a)(?P<secret>b)", None)] {
            assert!(translate(go, group).is_err(), "{go}");
        }
    }

    #[test]
    fn words_of_every_match() {
        let cases: [(&str, Option<&[&str]>); 9] = [
            (r"\bacme_[a-z]{20}\b", Some(&["acme_"])),
            (r"(?i)acme[_-]?key\s*=\s*([a-z0-9]{20})", Some(&["acme"])),
            (r"(?i)(?:acme|example)[a-z]+", Some(&["acme", "example"])),
            (r"(?:acme_)?(?:token|password):([a-z]{10})", Some(&["password", "token"])),
            (r"[a-z0-9]{32}", None),
            (r"(?:ab|cde)[0-9]{10}", None),
            (r"x(?:abc)?[0-9]{10}", None),
            (r"-----BEGIN ([A-Z ]+)-----", Some(&["-----begin "])),
            (r"(?:foo|bar)baz[0-9]+", Some(&["baz"])),
        ];
        for (regex, want) in cases {
            let mut got = required(&parse(regex).unwrap());
            if let (Some(got), Some(want)) = (&mut got, want) {
                // The parser may pull common parts out of a choice: then the longer words are as good.
                assert!(want.iter().all(|w| got.iter().any(|g| g.contains(w))), "{regex}: {got:?}");
                continue;
            }
            assert_eq!(got.is_some(), want.is_some(), "{regex}: {got:?}");
        }
    }

    #[test]
    fn examples_match() {
        let cases = [
            r"\bacme_[a-z]{20}\b",
            r#"(?i)acme[_-]?key["'\s]{0,3}[=:]\s*["']?([a-z0-9]{20,40})["']?"#,
            r"acme\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}",
            r"acme[^\s]{10}",
            r"acme(?:a|b){3}[\w-]+",
            r"acme[\]\\{}|?-]{4}",
            r"acme\{x\}\|\?\(\)",
            r"(?s)-----BEGIN ACME-----.*?-----END ACME-----",
            r"acme .{8}",
            r"acme[[:xdigit:]]{8}\s",
        ];
        for regex in cases {
            let expression = Expression::new(regex, None).unwrap_or_else(|e| panic!("{regex}: {e}"));
            assert!(is_format(&expression.mint), "{regex}: {}", expression.mint);
        }
    }
}
