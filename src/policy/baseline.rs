//! The baseline: findings that were looked at and are accepted, one a line, sorted, in a file that is safe to commit.
//!
//! ```text
//! FINGERPRINT RULE PLACE [expires=DATE] [owner=TEXT] [reason=TEXT]
//! ```
//!
//! An entry accepts one secret under one rule at one place, so a copy at another place is a new finding. Places have no line
//! numbers and no commit ids, so entries survive edits, rebases and squashes; and since each line stands for itself, two
//! branches merge with git's own `merge=union`. Lines may stand twice and in any order; writing sorts and joins them.
//!
//! The fingerprint of a secret that could be guessed holds 10 bits of it, the same ones everywhere, and nothing else in the
//! file depends on the secret: nobody can find it by trying, and of 1,024 new passwords at the same place one is taken for
//! the old one.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bstr::{BString, ByteSlice};
use jiff::civil::Date;

use super::paths::at;
use crate::error::{Error, Result};

/// Name of the file at the root of a repository.
pub const NAME: &str = ".keyscan-baseline";

/// First lines of the file.
const HEADER: &str = "\
# keyscan baseline 1: findings that are accepted. Safe to commit; no secret can be found out from it.
# FINGERPRINT RULE PLACE [expires=DATE] [owner=TEXT] [reason=TEXT]
# Merges line by line: put `.keyscan-baseline merge=union` into .gitattributes.
";

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Fingerprint of the finding at this place, in hex.
    pub fingerprint: String,
    /// The rule, for readers; the fingerprint binds it.
    pub rule: String,
    /// Path relative to the root of the repository, or what stands for places that have none: `(commit message)`.
    pub place: BString,
    /// Last day on which it holds.
    pub expires: Option<Date>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Why it is accepted.
    pub reason: Option<String>,
    /// Line in the file; 0 for a new one.
    pub line: usize,
}

impl Entry {
    /// What identifies it.
    pub fn key(&self) -> (String, BString) {
        (self.fingerprint.clone(), self.place.clone())
    }

    /// Does it not hold any more?
    pub fn is_expired(&self, today: Date) -> bool {
        self.expires.is_some_and(|last| last < today)
    }

    fn parse(name: &str, number: usize, line: &str) -> Result<Self> {
        let wrong = |what: &str| {
            Error::new(format!("{}: {what}", at(name, number))).help(
                "a line is FINGERPRINT RULE PLACE [expires=DATE] [owner=TEXT] [reason=TEXT]; docs/config.md says more",
            )
        };
        if ["<<<<<<<", "=======", ">>>>>>>", "|||||||"].iter().any(|m| line.starts_with(m)) {
            return Err(Error::new(format!("{}: a merge conflict", at(name, number)))
                .help("keep the lines of both sides; `merge=union` in .gitattributes avoids conflicts"));
        }
        let words = words(line).ok_or_else(|| wrong("a quotation mark is not closed"))?;
        let [fingerprint, rule, place, more @ ..] = words.as_slice() else {
            return Err(wrong("fingerprint, rule or place is missing"));
        };
        if fingerprint.len() != 32 || !fingerprint.iter().all(u8::is_ascii_hexdigit) {
            return Err(wrong("it does not begin with a fingerprint of 32 hex digits"));
        }
        let mut entry = Self {
            fingerprint: fingerprint.to_str_lossy().to_ascii_lowercase(),
            rule: rule.to_string(),
            place: place.clone(),
            expires: None,
            owner: None,
            reason: None,
            line: number,
        };
        for word in more {
            let text = word.to_str_lossy();
            match text.split_once('=') {
                Some(("expires", date)) => {
                    entry.expires = Some(date.parse().map_err(|_| wrong("`expires` is no date like 2027-01-31"))?);
                }
                Some(("owner", owner)) => entry.owner = Some(owner.to_owned()),
                Some(("reason", reason)) => entry.reason = Some(reason.to_owned()),
                _ => return Err(wrong("after the place only `expires=`, `owner=` and `reason=` can stand")),
            }
        }
        Ok(entry)
    }

    fn render(&self) -> String {
        let mut line = format!("{} {} {}", self.fingerprint, self.rule, quoted(&self.place));
        if let Some(date) = self.expires {
            let _ = write!(line, " expires={date}");
        }
        for (key, value) in [("owner", &self.owner), ("reason", &self.reason)] {
            if let Some(value) = value {
                let _ = write!(line, " {key}={}", quoted(value.as_bytes()));
            }
        }
        line
    }
}

/// A baseline file.
#[derive(Debug)]
pub struct Baseline {
    /// The file as it is named in reports.
    pub name: String,
    /// Its lines.
    pub entries: Vec<Entry>,
    by_key: BTreeMap<(String, BString), Vec<usize>>,
}

impl Baseline {
    /// Reads the text of a baseline.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate();
        let entries = lines
            .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
            .map(|(n, line)| Entry::parse(name, n + 1, line))
            .collect::<Result<Vec<_>>>()?;
        let mut by_key: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (n, entry) in entries.iter().enumerate() {
            by_key.entry(entry.key()).or_default().push(n);
        }
        Ok(Self { name: name.to_owned(), entries, by_key })
    }

    /// Entries for a finding at a place.
    pub fn find(&self, fingerprint: &str, place: &BString) -> &[usize] {
        self.by_key.get(&(fingerprint.to_owned(), place.clone())).map_or(&[], Vec::as_slice)
    }

    /// The text of a file with these entries: sorted, each key once.
    pub fn render(entries: impl IntoIterator<Item = Entry>) -> String {
        let mut joined: BTreeMap<_, Entry> = BTreeMap::new();
        for entry in entries {
            match joined.get_mut(&entry.key()) {
                Some(have) => join(have, entry),
                None => {
                    joined.insert(entry.key(), entry);
                }
            }
        }
        let lines = joined.values().map(|e| e.render() + "\n");
        HEADER.chars().chain(lines.collect::<String>().chars()).collect()
    }
}

/// Two branches changed the same entry: the shorter life, and words where one has none.
fn join(have: &mut Entry, other: Entry) {
    have.expires = match (have.expires, other.expires) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    if have.reason.is_none() {
        have.reason = other.reason;
    }
    if have.owner.is_none() {
        have.owner = other.owner;
    }
}

/// A text as one word: in quotation marks if it needs them.
fn quoted(text: &[u8]) -> String {
    let plain = !text.is_empty()
        && !text.starts_with(b"#")
        && text
            .to_str()
            .is_ok_and(|t| t.chars().all(|c| !c.is_whitespace() && !c.is_control() && c != '"' && c != '\\'));
    if plain {
        return text.to_str_lossy().into_owned();
    }
    let mut out = String::from("\"");
    for (start, end, c) in text.char_indices() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() || c == '\u{fffd}' => {
                out.extend(text[start..end].iter().map(|b| format!("\\x{b:02x}")));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The words of a line, with quotation marks and escapes taken away; `None` if a mark is not closed.
fn words(line: &str) -> Option<Vec<BString>> {
    let mut words = Vec::new();
    let mut bytes = line.trim_end().bytes().peekable();
    while bytes.peek().is_some() {
        let mut word = BString::default();
        let mut inside = false;
        let mut some = false;
        while let Some(byte) = bytes.next_if(|b| inside || !matches!(b, b' ' | b'\t')) {
            some = true;
            match byte {
                b'"' => inside = !inside,
                b'\\' if inside => match bytes.next()? {
                    b'x' => {
                        let digit = |b: u8| (b as char).to_digit(16);
                        let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
                        word.push((high * 16 + low) as u8);
                    }
                    other => word.push(other),
                },
                other => word.push(other),
            }
        }
        if inside {
            return None;
        }
        if some {
            words.push(word);
        }
        while bytes.next_if(|b| matches!(b, b' ' | b'\t')).is_some() {}
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn entry(digit: char, place: &[u8]) -> Entry {
        Entry {
            fingerprint: digit.to_string().repeat(32),
            rule: "acme-key".into(),
            place: place.into(),
            expires: None,
            owner: None,
            reason: None,
            line: 0,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut full = entry('b', b"a b/\"c\"\\\n\xe9.txt");
        full.expires = Some("2027-01-31".parse().unwrap());
        full.owner = Some("ann".into());
        full.reason = Some("made up, \"for\" the tests".into());
        let entries = [full, entry('a', b"src/x.rs"), entry('a', b"(commit message)"), entry('c', b"#x")];
        let text = Baseline::render(entries.clone());
        let read = Baseline::parse("b", &text).unwrap();
        let mut sorted = entries.to_vec();
        sorted.sort_by_key(Entry::key);
        for (have, want) in read.entries.iter().zip(&sorted) {
            assert_eq!(Entry { line: 0, ..have.clone() }, *want);
        }
        assert_eq!(Baseline::render(read.entries), text);
    }

    #[test]
    fn a_union_of_two_branches_is_read() {
        let a = "a".repeat(32);
        let text = format!("{a} r p reason=one\n{a} r p expires=2027-01-31\n{a} r p expires=2026-12-31 owner=x\n");
        let read = Baseline::parse("b", &text).unwrap();
        assert_eq!(read.find(&a, &"p".into()).len(), 3);
        let joined = Baseline::render(read.entries);
        assert!(joined.ends_with(&format!("{a} r p expires=2026-12-31 owner=x reason=one\n")), "{joined}");
    }

    #[test]
    fn errors_name_the_line_and_quote_nothing() {
        let a = "a".repeat(32);
        let cases = [
            (format!("{a} r\n"), "is missing"),
            (format!("\n{a} r \"p\n"), "not closed"),
            ("hunter2 r p\n".to_owned(), "32 hex digits"),
            (format!("{a} r p when=now\n"), "only `expires=`"),
            (format!("{a} r p expires=tomorrow\n"), "no date"),
            (format!("<<<<<<< HEAD\n{a} r p\n"), "a merge conflict"),
        ];
        for (text, want) in cases {
            let error = Baseline::parse("b", &text).unwrap_err().to_string();
            assert!(error.starts_with("b:") && error.contains(want), "{error}");
            assert!(!error.contains("hunter2"));
        }
    }
}
