//! What all formats share: the order of findings, the removal of known secrets from text that comes from the
//! repository, and the choice of words for where a secret stands.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::{Report, printable};
use crate::finding::{Excerpt, Finding, Fingerprint, Occurrence, Place, Severity};
use crate::rules::RuleMeta;

/// Severities as reports list them, gravest first.
pub(super) const SEVERITIES: [Severity; 5] =
    [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Info];

/// Secrets with fewer bits can be found by trying, so their hash is not written.
const STRONG_BITS: f64 = 64.0;

/// What a saved report knows and findings without their secrets cannot tell.
#[derive(Debug)]
pub(super) struct Known {
    /// Version of the keyscan that scanned.
    pub(super) version: String,
    /// SHA-256 of secrets in hex.
    pub(super) hashes: BTreeMap<Fingerprint, String>,
}

/// A report with what is derived from it once.
pub(super) struct Context<'a> {
    pub(super) report: Report<'a>,
    prose: Redactor<'a>,
    names: Redactor<'a>,
    saved: Option<&'a Known>,
    told: Mutex<Vec<String>>,
}

impl<'a> Context<'a> {
    /// Derives it.
    pub(super) fn new(report: Report<'a>) -> Self {
        let all = report.findings.iter().chain(report.allowed);
        let shown: Vec<&Finding> = if report.options.show_secrets { Vec::new() } else { all.collect() };
        Self {
            report,
            prose: Redactor::new(&shown, is_safe_to_redact_in_prose),
            names: Redactor::new(&shown, is_safe_to_redact_in_names),
            saved: None,
            told: Mutex::default(),
        }
    }

    /// A report that was read from a file, whose findings are in order.
    pub(super) fn of_saved(report: Report<'a>, known: &'a Known) -> Self {
        Self { saved: Some(known), ..Self::new(report) }
    }

    /// Notes what a format could not hold, for the one who asked for the report.
    pub(super) fn tell(&self, what: String) {
        self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(what);
    }

    /// What was noted.
    pub(super) fn told(self) -> Vec<String> {
        self.told.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Version of the keyscan that scanned.
    pub(super) fn version(&self) -> &'a str {
        self.saved.map_or(env!("CARGO_PKG_VERSION"), |known| &known.version)
    }

    /// SHA-256 of a secret in hex, if it cannot be guessed.
    pub(super) fn sha256(&self, finding: &Finding) -> Option<String> {
        match self.saved {
            Some(known) => known.hashes.get(&finding.fingerprint).cloned(),
            None => {
                let strong = self.rule(finding).bits.is_some_and(|bits| bits >= STRONG_BITS);
                strong.then(|| HEXLOWER.encode(&Sha256::digest(finding.secret.expose())))
            }
        }
    }

    /// The rule of a finding.
    pub(super) fn rule(&self, finding: &Finding) -> &'a RuleMeta {
        &self.report.rules[finding.rule]
    }

    /// The findings, most severe first; the order is total, so it does not depend on how they came in.
    pub(super) fn findings(&self) -> Vec<&'a Finding> {
        self.sorted(self.report.findings)
    }

    /// What the user allowed, in the same order.
    pub(super) fn allowed(&self) -> Vec<&'a Finding> {
        self.sorted(self.report.allowed)
    }

    fn sorted(&self, findings: &'a [Finding]) -> Vec<&'a Finding> {
        let mut findings: Vec<_> = findings.iter().collect();
        if self.saved.is_some() {
            return findings;
        }
        findings.sort_by(|a, b| {
            let key = |f: &Finding| (Reverse(f.severity), Reverse(f.presence()), Reverse(f.confidence));
            // The secret comes last: fingerprints of weak secrets may collide.
            let id = |f: &'a Finding| (&self.rule(f).id, f.fingerprint, &f.secret);
            key(a).cmp(&key(b)).then_with(|| id(a).cmp(&id(b)))
        });
        findings
    }

    /// Running text from the repository or from detection, without secrets.
    pub(super) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.prose.redact(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// A path or a ref name, without secrets.
    pub(super) fn name<'t>(&self, name: &'t [u8]) -> Cow<'t, [u8]> {
        self.names.redact(name)
    }

    /// [`Self::text`] for a terminal.
    pub(super) fn say(&self, text: &str) -> String {
        printable(self.text(text).as_bytes())
    }

    /// [`Self::name`] for a terminal.
    pub(super) fn say_name(&self, name: &[u8]) -> String {
        printable(self.name(name))
    }

    /// The source line of a place, without secrets. Its caret is empty if it is not known where the mask stands.
    pub(super) fn excerpt(&self, finding: &Finding, occurrence: &Occurrence) -> Option<Excerpt> {
        let excerpt = occurrence.excerpt.as_ref()?;
        let text = self.text(&excerpt.text);
        // If detection left something in, the mask has moved.
        let caret = if text == excerpt.text {
            excerpt.caret.clone()
        } else {
            text.find(&finding.masked).map_or(0..0, |at| {
                let start = text[..at].chars().count();
                start..start + finding.masked.chars().count()
            })
        };
        Some(Excerpt { text: text.into_owned(), caret })
    }

    /// How many findings there are of each severity.
    pub(super) fn counts(&self) -> BTreeMap<Severity, usize> {
        let mut counts = BTreeMap::new();
        for finding in self.report.findings {
            *counts.entry(finding.severity).or_default() += 1;
        }
        counts
    }
}

/// Where a secret is left, which decides what its owner has to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whereabouts {
    /// In a file of the working tree, or on standard input.
    Tree,
    /// Not in a file that was read, but in the commit at HEAD.
    Head,
    /// In commit or tag messages only.
    Messages,
    /// In the newest commit of a ref that is not checked out.
    Tip,
    /// Only in older commits.
    History,
    /// In the index only, which the next commit is made from.
    Staged,
    /// No ref leads to it.
    Unreachable,
}

impl Whereabouts {
    /// Looks at the places and at what history says.
    pub(super) fn of(finding: &Finding) -> Self {
        let in_message = |o: &Occurrence| matches!(o.place, Place::Commit { .. } | Place::Tag { .. });
        match &finding.life {
            _ if finding.in_tree() => Self::Tree,
            Some(life) if life.in_head => Self::Head,
            Some(life) if !life.reachable => Self::Unreachable,
            Some(life) if life.is_only_staged() => Self::Staged,
            _ if finding.occurrences.iter().all(in_message) => Self::Messages,
            Some(life) if life.is_held() => Self::Tip,
            _ => Self::History,
        }
    }

    /// What to tell; `None` when the place says it all.
    pub(super) fn label(self) -> Option<&'static str> {
        Some(match self {
            Self::Tree => return None,
            Self::Head => "in git history, and the commit at HEAD still has it",
            Self::Messages => "only in commit or tag messages; a new commit does not remove it",
            Self::Tip => "in git history, and the tip of another branch, tag or ref still has it",
            Self::History => "only in history; deleting the file did not remove it",
            Self::Staged => "only staged; the next commit would bring it into the history",
            Self::Unreachable => "only in unreachable objects; no branch or tag leads to it, but copies may",
        })
    }
}

/// A date for people, UTC; `None` if the recorded time is out of any calendar.
pub(super) fn day(time: i64) -> Option<String> {
    let time = jiff::Timestamp::from_second(time).ok()?;
    Some(time.strftime("%Y-%m-%d").to_string())
}

/// "1 file", "2 files", "1,234 files".
pub(super) fn plural(count: impl TryInto<u64>, noun: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// Digits in groups of three.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Takes whole secrets out of text. Detection masks what it quotes; this is the second lock, for commit
/// messages, author names, paths and refs that hold a secret which was found somewhere else.
struct Redactor<'a> {
    /// What is looked for first. The edges of a secret stand in its mask, too.
    middles: Middles,
    patterns: Vec<&'a [u8]>,
    masks: Vec<String>,
}

/// Bytes from the middle of what is looked for. Nothing shorter is.
const MIDDLE: usize = 8;

/// Where the middle of a pattern begins.
fn middle(pattern: &[u8]) -> usize {
    pattern.len().saturating_sub(MIDDLE) / 2
}

/// Patterns by the bytes in their middles.
struct Middles {
    patterns: HashMap<[u8; MIDDLE], Vec<usize>>,
    /// A bit for each of those, one in sixteen or fewer, tells most other bytes from them.
    bits: Vec<u64>,
    shift: u32,
}

impl Middles {
    fn new(patterns: &[&[u8]]) -> Self {
        let bits = (patterns.len() * 16).next_power_of_two().max(64);
        let mut middles = Self { patterns: HashMap::new(), bits: vec![0; bits / 64], shift: 64 - bits.ilog2() };
        for (at, pattern) in patterns.iter().enumerate() {
            if let Some(bytes) = pattern[middle(pattern)..].first_chunk() {
                let bit = middles.bit(bytes);
                middles.bits[bit / 64] |= 1 << (bit % 64);
                middles.patterns.entry(*bytes).or_default().push(at);
            }
        }
        middles
    }

    fn bit(&self, bytes: &[u8; MIDDLE]) -> usize {
        // Multiplied by the golden ratio, the upper bits depend on all bytes.
        (u64::from_le_bytes(*bytes).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }

    /// The patterns whose middle stands in a text, with where it begins.
    fn find(&self, text: &[u8]) -> impl Iterator<Item = (usize, usize)> {
        let all =
            text.windows(MIDDLE).enumerate().filter_map(|(at, window)| Some((at, window.first_chunk::<MIDDLE>()?)));
        let likely = all.filter(|(_, bytes)| {
            let bit = self.bit(bytes);
            self.bits[bit / 64] >> (bit % 64) & 1 == 1
        });
        likely.flat_map(|(start, bytes)| self.patterns.get(bytes).into_iter().flatten().map(move |at| (start, *at)))
    }
}

/// Longer secrets are searched for in pieces, so that a large part of a key file is recognised as well.
const PIECE: usize = 64;

/// Cuts into pieces of [`PIECE`] bytes; the last one takes the rest.
fn pieces(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let count = (line.len() / PIECE).max(1);
    (0..count).map(move |i| {
        let end = if i + 1 == count { line.len() } else { (i + 1) * PIECE };
        &line[i * PIECE..end]
    })
}

impl<'a> Redactor<'a> {
    fn new(findings: &[&'a Finding], wanted: fn(&[u8]) -> bool) -> Self {
        let mut patterns: Vec<&'a [u8]> = Vec::new();
        let mut masks = Vec::new();
        for finding in findings {
            let secret = finding.secret.expose();
            if !secret.iter().any(u8::is_ascii_control) && secret.len() < 2 * PIECE {
                if wanted(secret) {
                    patterns.push(secret);
                    masks.push(finding.masked.clone());
                }
                continue;
            }
            // Whoever quotes a key file may have changed its line breaks, so each line stands for itself.
            for piece in secret.split(u8::is_ascii_control).flat_map(pieces) {
                if wanted(piece) && !piece.starts_with(b"-----") {
                    patterns.push(piece);
                    masks.push("*".repeat(8));
                }
            }
        }
        Self { middles: Middles::new(&patterns), patterns, masks }
    }

    fn redact<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        if self.patterns.is_empty() {
            return Cow::Borrowed(text);
        }
        let stands = |(at, pattern): (usize, usize)| {
            let start = at.checked_sub(middle(self.patterns[pattern]))?;
            text[start..].starts_with(self.patterns[pattern]).then_some(pattern)
        };
        let mut some: Vec<usize> = self.middles.find(text).filter_map(stands).collect();
        if some.is_empty() {
            return Cow::Borrowed(text);
        }
        some.sort_unstable();
        some.dedup();
        let masks: Vec<&str> = some.iter().map(|at| self.masks[*at].as_str()).collect();
        // A DFA over long secrets would take much memory.
        let mut builder = AhoCorasick::builder();
        builder.kind(Some(AhoCorasickKind::ContiguousNFA)).match_kind(MatchKind::LeftmostLongest);
        match builder.build(some.iter().map(|at| self.patterns[*at])) {
            Ok(search) => Cow::Owned(search.replace_all_bytes(text, &masks)),
            // What cannot be searched is not shown.
            Err(_) => Cow::Borrowed(b"********"),
        }
    }
}

/// A password that is an ordinary word must not tear holes into every sentence that has the word.
fn is_safe_to_redact_in_prose(secret: &[u8]) -> bool {
    secret.len() >= 16 || (secret.len() >= 8 && !secret.iter().all(u8::is_ascii_lowercase))
}

/// A reader must be able to open the path, so only what cannot be there by chance is taken out.
fn is_safe_to_redact_in_names(secret: &[u8]) -> bool {
    let letter = secret.iter().any(u8::is_ascii_alphabetic);
    let digit = secret.iter().any(u8::is_ascii_digit);
    secret.len() >= 24 || (secret.len() >= 16 && letter && digit)
}
