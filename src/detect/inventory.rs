//! Keys that an organisation has issued, known by their SHA-256 only: a leak of exactly those is recognised.
//!
//! Every piece of a run of token characters that could be a key is hashed and looked up. Which pieces these are depends only
//! on the bytes close to them, so the incremental scan finds the same as the plain one. See `docs/keys.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use aho_corasick::AhoCorasick;
use data_encoding::HEXLOWER_PERMISSIVE;
use sha2::{Digest, Sha256};

use crate::detect::boundary;
use crate::error::{Error, Result};
use crate::finding::{Confidence, Fact, RawMatch, Severity, Verdict};
use crate::rules::format::is_token_byte;

/// Shortest and longest key that is looked for.
pub const LENGTHS: std::ops::RangeInclusive<usize> = 16..=512;
/// Most places inside a run where a key may end, so that a long run of base64 does not give a piece for every pair of
/// separators. The end of the run is always one.
const SEPARATORS: usize = 8;
/// Shortest prefix that is worth looking for.
const MIN_PREFIX: usize = 3;

/// One issued key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    digest: [u8; 32],
    label: String,
}

/// The keys of one or more inventory files.
#[derive(Debug, Default)]
pub struct Inventory {
    /// Sorted by digest, each once.
    entries: Vec<Entry>,
    prefixes: Vec<String>,
    /// Is there a key without a prefix, so that every piece must be hashed?
    bare: bool,
    /// For each first two bytes of a digest, whether there is one.
    filter: Vec<u64>,
    finder: Option<AhoCorasick>,
    rule: usize,
}

impl Inventory {
    /// Reads inventory files: their names, for errors, and their texts.
    pub fn parse<'t>(files: impl IntoIterator<Item = (&'t str, &'t str)>) -> Result<Self> {
        let mut new = Self::default();
        for (origin, text) in files {
            let before = new.entries.len();
            for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
                let at = format!("{origin}:{}", number + 1);
                if let Some(row) = Row::parse(line.trim()).map_err(|e| e.at(&at))? {
                    new.add(row, &at);
                }
            }
            if new.entries.len() == before {
                return Err(Error::new(format!("{origin}: the inventory holds no digest"))
                    .help("each line is `sha256-hex [prefix] [label]`; `keyscan key digest` makes one from a key"));
            }
        }
        new.compile()?;
        Ok(new)
    }

    fn add(&mut self, row: Row, at: &str) {
        if row.prefix.is_empty() {
            self.bare = true;
        } else if !self.prefixes.contains(&row.prefix) {
            self.prefixes.push(row.prefix);
        }
        let label = if row.label.is_empty() { at.to_owned() } else { row.label };
        self.entries.push(Entry { digest: row.digest, label });
    }

    fn compile(&mut self) -> Result<()> {
        self.entries.sort_by(|a, b| (a.digest, &a.label).cmp(&(b.digest, &b.label)));
        self.entries.dedup_by(|next, first| {
            let same = next.digest == first.digest;
            if same && next.label != first.label {
                first.label = format!("{}, {}", first.label, next.label);
            }
            same
        });
        self.filter = vec![0; (1 << 16) / 64];
        for entry in &self.entries {
            let (word, bit) = place(&entry.digest);
            self.filter[word] |= 1 << bit;
        }
        if !self.prefixes.is_empty() {
            let finder = AhoCorasick::new(&self.prefixes);
            self.finder = Some(finder.map_err(|e| Error::new("too many prefixes in the inventory").cause(e))?);
        }
        Ok(())
    }

    /// Sets the rule that its findings are shown under.
    pub(crate) fn for_rule(self, rule: usize) -> Self {
        Self { rule, ..self }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds the keys that begin in a piece of a run; gives the bytes that were looked at.
    pub(crate) fn find(&self, hay: &[u8], piece: Range<usize>, found: &mut Vec<RawMatch>) -> Range<usize> {
        let mut looked = piece.start.saturating_sub(boundary::LOOK_BACK)..piece.end;
        if self.bare {
            for start in piece.clone().filter(|&start| boundary::could_begin(hay, start)) {
                let end = self.pieces(hay, start, found);
                looked.end = looked.end.max(end);
            }
        }
        if let Some(finder) = &self.finder {
            let longest = self.prefixes.iter().map(String::len).max().unwrap_or(0);
            let to = (piece.end + longest).min(hay.len());
            looked.end = looked.end.max(to);
            for hit in finder.find_overlapping_iter(&hay[piece.start..to]) {
                let start = piece.start + hit.start();
                if piece.contains(&start) {
                    let end = self.grow(hay, start, found);
                    looked.end = looked.end.max(end);
                }
            }
        }
        looked
    }

    /// Hashes what begins at a place and ends where a token could; gives how far it looked.
    fn pieces(&self, hay: &[u8], start: usize, found: &mut Vec<RawMatch>) -> usize {
        let mut separators = 0;
        let mut at = start;
        while at < hay.len() && at - start <= *LENGTHS.end() {
            let byte = hay[at];
            if !is_token_byte(byte) {
                break;
            }
            if is_separator(byte) && separators < SEPARATORS {
                self.look_up(hay, start..at, found);
                separators += 1;
            }
            at += 1;
        }
        if at == hay.len() || !is_token_byte(hay[at]) {
            self.look_up(hay, start..at, found);
        }
        at + 1
    }

    fn look_up(&self, hay: &[u8], span: Range<usize>, found: &mut Vec<RawMatch>) {
        if LENGTHS.contains(&span.len()) {
            let digest = Sha256::digest(&hay[span.clone()]).into();
            self.push(&digest, span, found);
        }
    }

    /// After a prefix the key may end anywhere: glued to what follows it is found, too.
    fn grow(&self, hay: &[u8], start: usize, found: &mut Vec<RawMatch>) -> usize {
        let mut hash = Sha256::new();
        let mut at = start;
        while at < hay.len() && at - start < *LENGTHS.end() && is_token_byte(hay[at]) {
            hash.update([hay[at]]);
            at += 1;
            if at - start >= *LENGTHS.start() {
                let digest = hash.clone().finalize().into();
                self.push(&digest, start..at, found);
            }
        }
        at + 1
    }

    fn push(&self, digest: &[u8; 32], span: Range<usize>, found: &mut Vec<RawMatch>) {
        let (word, bit) = place(digest);
        if self.filter[word] >> bit & 1 == 0 {
            return;
        }
        let Ok(index) = self.entries.binary_search_by(|entry| entry.digest.cmp(digest)) else { return };
        found.push(RawMatch {
            rule: self.rule,
            span,
            verdict: Verdict::Proven,
            facts: vec![Fact::new("inventory", &self.entries[index].label)],
            confidence: Confidence::Proven,
            severity: Severity::Critical,
            decoded: None,
        });
    }

    /// Where a rule knows what a key is, that rule says so, with what the inventory says added.
    pub(crate) fn merge(&self, found: &mut Vec<RawMatch>) {
        let ours = |m: &RawMatch| m.rule == self.rule;
        let place = |m: &RawMatch| (m.span.start, m.span.end);
        let known: BTreeMap<_, Fact> =
            found.iter().filter(|m| ours(m)).map(|m| (place(m), m.facts[0].clone())).collect();
        let mut named = BTreeSet::new();
        for m in found.iter_mut().filter(|m| !ours(m)) {
            if let Some(label) = known.get(&place(m)) {
                (m.verdict, m.confidence) = (Verdict::Proven, Confidence::Proven);
                m.facts.retain(|fact| fact != label);
                m.facts.push(label.clone());
                named.insert(place(m));
            }
        }
        found.retain(|m| !(ours(m) && named.contains(&place(m))));
    }
}

/// Where a digest stands in the filter.
fn place(digest: &[u8; 32]) -> (usize, u32) {
    let n = u16::from_be_bytes([digest[0], digest[1]]);
    (usize::from(n / 64), u32::from(n % 64))
}

/// What often stands between a token and something else, and is a token character itself.
fn is_separator(byte: u8) -> bool {
    matches!(byte, b'=' | b'/' | b'.' | b'+' | b'-')
}

/// One line of an inventory.
struct Row {
    digest: [u8; 32],
    prefix: String,
    label: String,
}

/// What is wrong with a line. The line itself is not quoted: it may hold a key.
struct Wrong(&'static str, &'static str);

impl Wrong {
    fn at(self, at: &str) -> Error {
        Error::new(format!("{at}: {}", self.0)).help(self.1)
    }
}

impl Row {
    /// Parses a line; nothing for a comment, an empty line or the header of a table.
    fn parse(line: &str) -> std::result::Result<Option<Self>, Wrong> {
        let first_end = line.find(|c: char| c == ',' || c.is_whitespace()).unwrap_or(line.len());
        let (first, rest) = line.split_at(first_end);
        let first = first.trim_matches('"');
        if line.is_empty() || line.starts_with('#') || first.eq_ignore_ascii_case("sha256") {
            return Ok(None);
        }
        let hex = first.strip_prefix("sha256:").unwrap_or(first);
        let digest = HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        let digest: [u8; 32] = digest.ok_or(Wrong(
            "the line does not begin with a SHA-256 of 64 hex digits",
            "a line is `sha256-hex [prefix] [label]`; `keyscan key digest` makes it from a key. Keys must not stand here",
        ))?;
        let (prefix, label) = if rest.trim_start().starts_with(',') { columns(rest)? } else { words(rest) };
        let is_prefix = prefix.is_empty() || prefix.len() >= MIN_PREFIX && prefix.bytes().all(is_token_byte);
        if !is_prefix || prefix.len() > 64 {
            return Err(Wrong(
                "the prefix is not 3 to 64 characters of [A-Za-z0-9_+/=.-]",
                "give how the key begins, or `-` (in a table: nothing) when it has no prefix",
            ));
        }
        Ok(Some(Self { digest, prefix, label }))
    }
}

/// ` prefix label with spaces`
fn words(rest: &str) -> (String, String) {
    let rest = rest.trim();
    let (prefix, label) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    (if prefix == "-" { "" } else { prefix }.to_owned(), label.trim().to_owned())
}

/// `,prefix,"label, quoted"`
fn columns(rest: &str) -> std::result::Result<(String, String), Wrong> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = rest.trim_start()[1..].chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => fields.last_mut().expect("never empty").extend(chars.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            c => fields.last_mut().expect("never empty").push(c),
        }
    }
    if quoted || fields.len() > 2 {
        return Err(Wrong(
            "it is not a row of three columns",
            "a row is `sha256,prefix,label`; quote a label with commas",
        ));
    }
    let mut fields = fields.into_iter().map(|field| field.trim().to_owned());
    Ok((fields.next().unwrap_or_default(), fields.next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::structure::Rng;
    use data_encoding::HEXLOWER;

    fn hex(key: &str) -> String {
        HEXLOWER.encode(&Sha256::digest(key))
    }

    fn inventory(text: &str) -> Result<Inventory> {
        Inventory::parse([("keys.txt", text)])
    }

    /// Labels and texts of what is found in one piece.
    fn found(inventory: &Inventory, text: &str) -> Vec<(String, String)> {
        let mut matches = Vec::new();
        let hay = text.as_bytes();
        let mut at = 0;
        while at < hay.len() {
            let end = (at..hay.len()).find(|&i| !is_token_byte(hay[i])).unwrap_or(hay.len());
            inventory.find(hay, at..end, &mut matches);
            at = end + 1;
        }
        matches.iter().map(|m| (m.facts[0].value.clone(), text[m.span.clone()].to_owned())).collect()
    }

    #[test]
    fn keys_are_found_in_their_surroundings() {
        let key = Rng::new(1).text(b"0123456789abcdefABCDEF", 32);
        let bare = inventory(&format!("{} - the label\n", hex(&key))).unwrap();
        for text in [
            key.clone(),
            format!("API_KEY={key}"),
            format!("https://api.example.com/v1/{key}/things?x=1"),
            format!("?key={key}&a=b"),
            format!("a-{key}.txt"),
            format!("\"{key}\\n\""),
            format!("line\\n{key}\\n"),
            format!("%22{key}%22"),
            format!("{key}=={key}"),
            format!("({key}),"),
            format!("{key}."),
        ] {
            let all = found(&bare, &text);
            assert!(all.contains(&("the label".to_owned(), key.clone())), "{text}: {all:?}");
        }
        assert!(found(&bare, &format!("x{key}")).is_empty());
        assert!(found(&bare, &key[..31]).is_empty());
    }

    #[test]
    fn a_prefix_finds_what_is_glued() {
        let key = format!("acme_{}", Rng::new(2).text(b"0123456789abcdef", 32));
        let prefixed = inventory(&format!("{},acme_,\"a, b\"", hex(&key))).unwrap();
        for text in [format!("x{key}"), format!("{key}zzz"), format!("k={key}&"), format!("acme_acme_{key}")] {
            assert_eq!(found(&prefixed, &text), [("a, b".to_owned(), key.clone())], "{text}");
        }
    }

    #[test]
    fn padded_and_long_keys() {
        let key = format!("{}==", Rng::new(3).text(b"ABCDEFGHabcdefgh0123+/", 86));
        let one = inventory(&hex(&key)).unwrap();
        assert_eq!(found(&one, &format!("key: {key}")), [("keys.txt:1".to_owned(), key.clone())]);
        let long = Rng::new(4).text(b"abcdef0123456789", 512);
        let one = inventory(&hex(&long)).unwrap();
        assert_eq!(found(&one, &long).len(), 1);
        assert_eq!(found(&one, &format!("{long}a")).len(), 0);
    }

    #[test]
    fn lines() {
        let digest = hex("x");
        let text = format!("\u{feff}sha256,prefix,label\n# a comment\n\n{digest}\n{}  pre_  two words\n", hex("y"));
        let read = inventory(&text).unwrap();
        assert_eq!((read.len(), read.bare, read.prefixes.as_slice()), (2, true, ["pre_".to_owned()].as_slice()));
        let twice = inventory(&format!("{digest} - a\n{digest} - b\nsha256:{}", digest.to_uppercase())).unwrap();
        assert_eq!((twice.len(), twice.entries[0].label.as_str()), (1, "a, b, keys.txt:3"));
    }

    #[test]
    fn errors_name_file_and_line_and_quote_nothing() {
        let digest = hex("x");
        for (text, line) in [
            (format!("# c\n{}", &digest[1..]), 2),
            ("hunter2-hunter2-hunter2".to_owned(), 1),
            (format!("{digest} a! label"), 1),
            (format!("{digest},,a,b"), 1),
            (format!("{digest},,\"a"), 1),
        ] {
            let error = inventory(&text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("keys.txt:{line}: ")), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(inventory("# nothing\n").unwrap_err().to_string().contains("no digest"));
    }
}
