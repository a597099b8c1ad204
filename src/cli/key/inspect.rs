//! `keyscan key inspect`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::cli::key::{InspectArgs, input, sha256};
use crate::cli::{Exit, print, rules, settings};
use crate::detect::Detector;
use crate::error::{Error, Result};
use crate::finding::{RawMatch, Secret, Verdict};
use crate::report::printable;
use crate::rules::{Rule, whole_bits};

/// Bits from which a digest may be shown: nobody finds the key from it.
const STRONG_BITS: f64 = 64.0;
/// Types that a string without a distinctive shape could be.
const MOST_CANDIDATES: usize = 12;

pub(super) fn run(args: &InspectArgs) -> Result<Exit> {
    let bytes = input("inspect")?;
    let text = bytes.trim_ascii();
    let detector = Detector::new(settings::load(&args.rules)?);
    let mut matches = detector.scan(text);
    detector.drop_files(&mut matches);
    let candidates = if matches.is_empty() { candidates(&detector, text) } else { Vec::new() };
    let seen = Seen { detector: &detector, text, matches, candidates };
    let out = if args.json {
        let json = serde_json::to_string_pretty(&seen.json()).map_err(|e| Error::new("cannot make JSON").cause(e))?;
        json + "\n"
    } else {
        seen.page()
    };
    print(&out)
}

/// What was found in the string.
struct Seen<'a> {
    detector: &'a Detector,
    text: &'a [u8],
    matches: Vec<RawMatch>,
    /// Rules that need a name before the string, and would take it then.
    candidates: Vec<RawMatch>,
}

/// Rules that would take the whole text if the words that they want stood before it.
fn candidates(detector: &Detector, text: &[u8]) -> Vec<RawMatch> {
    let mut found = Vec::new();
    for (index, rule) in detector.rules().rules().iter().enumerate() {
        let (Some(context), Some(format)) = (&rule.context, &rule.format) else { continue };
        if format.match_at(text, 0, &mut 0, &|end| end == text.len()).is_none() {
            continue;
        }
        let name = [context.near.first(), context.hint.first()].into_iter().flatten();
        let name = name.map(String::as_str).collect::<Vec<_>>().join(" ");
        let line = [name.as_bytes(), b" = \"", text, b"\"\n"].concat();
        let whole = name.len() + 4..name.len() + 4 + text.len();
        let matches = detector.scan(&line);
        found.extend(matches.into_iter().filter(|m| m.rule == index && m.span == whole));
    }
    found
}

/// What the checksum of a match says; nothing if its format has none.
fn checksum(rule: &Rule, m: &RawMatch) -> Option<&'static str> {
    match (rule.checks.is_empty(), m.verdict) {
        (true, _) => None,
        (false, Verdict::Proven) => Some("matches"),
        (false, _) => Some("does not match"),
    }
}

impl Seen<'_> {
    fn parts(&self, m: &RawMatch) -> (&Rule, &crate::rules::RuleMeta, &[u8]) {
        let set = self.detector.rules();
        // A candidate was found behind a name; it is always the whole text.
        let secret = self.text.get(m.span.clone()).filter(|_| self.candidates.is_empty()).unwrap_or(self.text);
        (&set.rules()[m.rule], &set.metas()[m.rule], secret)
    }

    fn page(&self) -> String {
        let mut out = String::new();
        for m in &self.matches {
            self.describe(m, &mut out);
        }
        if self.matches.is_empty() {
            self.unknown(&mut out);
        }
        out
    }

    fn describe(&self, m: &RawMatch, out: &mut String) {
        let (rule, meta, secret) = self.parts(m);
        let _ = writeln!(out, "{}  [{}]", meta.name, meta.id);
        let mut row = |label: &str, value: &str| {
            if !value.is_empty() {
                let _ = writeln!(out, "  {label:11} {value}");
            }
        };
        row("provider", &meta.provider);
        row("kind", &format!("{}, {}", meta.kind.as_str(), meta.environment.as_str()));
        row("no secret", meta.reason.as_deref().unwrap_or_default());
        row("severity", m.severity.as_str());
        row("key", &format!("{} ({} characters)", Secret::new(secret).mask(rule.shown_prefix(secret)), secret.len()));
        row("verdict", &format!("{} ({} confidence)", m.verdict, m.confidence));
        row("format", &meta.shape);
        row("checksum", checksum(rule, m).unwrap_or("none in this format"));
        if let Some((structure, _)) = &rule.structure {
            row("structure", structure.what);
        }
        for fact in &m.facts {
            row(fact.label, &printable(&fact.value));
        }
        let bits = meta.bits.filter(|bits| *bits > 0.0);
        row("entropy", &bits.map(|bits| format!("{} bits at least", whole_bits(bits))).unwrap_or_default());
        if bits.is_some_and(|bits| bits >= STRONG_BITS) {
            row("sha256", &sha256(secret));
        }
        row("gives", &meta.grants);
        out.push_str("  If it leaked\n");
        for line in rules::if_leaked(&meta.rotate).lines() {
            let _ = writeln!(out, "  {line}");
        }
    }

    fn unknown(&self, out: &mut String) {
        let _ = writeln!(out, "No known type of credential by its shape alone.");
        let _ = writeln!(out, "  length      {} characters of {}", self.text.len(), alphabet(self.text).0);
        let _ = writeln!(out, "  entropy     {} bits at most, if all of it is random", whole_bits(self.most_bits()));
        if self.candidates.is_empty() {
            return;
        }
        let _ = writeln!(out, "  With the right name before it, it would be taken for:");
        for m in self.candidates.iter().take(MOST_CANDIDATES) {
            let (_, meta, _) = self.parts(m);
            let _ = writeln!(out, "  - {} [{}]: {}", meta.name, meta.id, m.verdict);
        }
        let more = self.candidates.len().saturating_sub(MOST_CANDIDATES);
        if more > 0 {
            let _ = writeln!(out, "  and {more} more (--json lists all)");
        }
    }

    fn most_bits(&self) -> f64 {
        (alphabet(self.text).1 as f64).log2() * self.text.len() as f64
    }

    fn json(&self) -> Value {
        let all = |matches: &[RawMatch]| matches.iter().map(|m| self.as_json(m)).collect::<Vec<_>>();
        json!({
            "schema": 1,
            "length": self.text.len(),
            "bits_at_most": whole_bits(self.most_bits()),
            "matches": all(&self.matches),
            "candidates": all(&self.candidates),
        })
    }

    fn as_json(&self, m: &RawMatch) -> Value {
        let (rule, meta, secret) = self.parts(m);
        let rotate = &meta.rotate;
        let bits = meta.bits.filter(|bits| *bits > 0.0);
        let facts: Vec<_> = m.facts.iter().map(|f| json!({"label": f.label, "value": f.value})).collect();
        json!({
            "rule": meta.id, "name": meta.name, "provider": meta.provider, "kind": meta.kind.as_str(),
            "reason": meta.reason, "environment": meta.environment.as_str(), "severity": m.severity,
            "masked": Secret::new(secret).mask(rule.shown_prefix(secret)), "length": secret.len(),
            "verdict": m.verdict, "confidence": m.confidence, "format": meta.shape,
            "checksum": checksum(rule, m), "structure": rule.structure.as_ref().map(|(s, _)| s.name), "facts": facts,
            "bits": bits.map(whole_bits),
            "sha256": bits.filter(|bits| *bits >= STRONG_BITS).map(|_| sha256(secret)),
            "grants": meta.grants,
            "rotation": {
                "revoke": rotate.revoke, "docs": rotate.docs, "overlap": rotate.overlap, "steps": rotate.steps,
                "command": rotate.command, "self_revoke": rotate.self_revoke, "audit": rotate.audit,
            },
        })
    }
}

/// The smallest of the usual alphabets that holds the text, and its size.
fn alphabet(text: &[u8]) -> (&'static str, usize) {
    let all = |test: fn(&u8) -> bool| text.iter().all(test);
    if all(u8::is_ascii_digit) {
        ("digits", 10)
    } else if all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b))
        || all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(b))
    {
        ("hex digits", 16)
    } else if all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
        ("lower-case letters and digits", 36)
    } else if all(u8::is_ascii_alphanumeric) {
        ("letters and digits", 62)
    } else if all(|b| b.is_ascii_alphanumeric() || b"+/=_-".contains(b)) {
        ("base64", 64)
    } else {
        ("any kind", 94)
    }
}
