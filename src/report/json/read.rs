//! From a saved report back to findings: everything that a report is made from, except for the secrets.
//!
//! A file is input like any other. What is wrong with it is told by line and column, never by quoting it: a file that is
//! no report may hold secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use data_encoding::BASE64;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, IgnoredAny, IntoDeserializer};
use serde::{Deserialize, de};
use serde_json::error::Category;

use super::{Line, Log, Summary, VERSION};
use crate::error::{Error, Result};
use crate::finding::{
    self, CommitInfo, Finding, Fingerprint, Life, Occurrence, Place, Position, Receipt, Removal, Secret,
};
use crate::report::context::Known;
use crate::report::printable;
use crate::rules::{Rotation, RuleMeta};

/// Longer secrets are in no report; a number from a file must not decide how much memory is taken.
const MAX_LENGTH: usize = 1 << 26;

/// A saved report.
#[derive(Debug)]
pub(in crate::report) struct Parts {
    pub(in crate::report) findings: Vec<Finding>,
    pub(in crate::report) allowed: Vec<Finding>,
    /// One for each finding, reported or allowed.
    pub(in crate::report) rules: Vec<RuleMeta>,
    pub(in crate::report) receipt: Receipt,
    pub(in crate::report) known: Known,
}

/// What is wrong with a value that has the right type.
type Wrong = &'static str;

/// Reads JSON or JSON Lines.
pub(in crate::report) fn parse(bytes: &[u8]) -> Result<Parts> {
    let bytes = bytes.trim_ascii();
    if bytes.is_empty() {
        return Err(Error::new("the file is empty").help(MAKE));
    }
    // Serde would take a list for an object without names.
    if bytes.starts_with(b"[") {
        return Err(Error::new("this is no keyscan report").help(MAKE));
    }
    let wire = if is_lines(bytes) { lines(bytes)? } else { document(bytes)? };
    if wire.summary.counts.findings != wire.findings.len() {
        let (want, have) = (wire.summary.counts.findings, wire.findings.len());
        return Err(Error::new(format!("it should hold {want} findings, but holds {have}: it was changed")).help(MAKE));
    }
    Builder::default().parts(wire)
}

/// The wire types of a file.
struct Wire {
    findings: Vec<super::Finding>,
    allowed: Vec<super::Finding>,
    summary: Summary,
}

const MAKE: &str = "make it again: keyscan PATH --format json -o FILE";

/// JSON Lines have a `type` in each line.
fn is_lines(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Typed {
        #[allow(dead_code, reason = "only whether it is there counts")]
        r#type: IgnoredAny,
    }
    let first = bytes.split(|&b| b == b'\n').next().unwrap_or_default();
    serde_json::from_slice::<Typed>(first).is_ok()
}

/// The fields that tell what a file is.
#[derive(Default, Deserialize)]
struct Probe {
    version: Option<serde_json::Value>,
    tool: Option<IgnoredAny>,
    runs: Option<IgnoredAny>,
}

impl Probe {
    /// Is it a report that this keyscan can read?
    fn check(&self) -> Result<()> {
        let version = self.version.as_ref().and_then(serde_json::Value::as_u64);
        match (version, &self.tool, &self.runs) {
            (_, _, Some(_)) => Err(Error::new("this is SARIF, which does not hold all that other formats need")
                .help("save the report with --format json or jsonl instead")),
            (Some(version), Some(_), None) if version == u64::from(VERSION) => Ok(()),
            (Some(version), Some(_), None) if version > u64::from(VERSION) => {
                Err(Error::new(format!("it has version {version} of the JSON format; this keyscan reads {VERSION}"))
                    .help("use a newer keyscan"))
            }
            _ => Err(Error::new("this is no keyscan report").help(MAKE)),
        }
    }
}

fn document(bytes: &[u8]) -> Result<Wire> {
    let probe: Probe = serde_json::from_slice(bytes).map_err(|e| match e.classify() {
        Category::Data => Error::new("this is no keyscan report").help(MAKE),
        _ => malformed(&e, 0),
    })?;
    probe.check()?;
    let log: Log<Vec<super::Finding>> = serde_json::from_slice(bytes).map_err(|e| malformed(&e, 0))?;
    let Log { version, tool, target, complete, counts, findings, allowed, receipt } = log;
    Ok(Wire { findings, allowed, summary: Summary { version, tool, target, complete, counts, receipt } })
}

fn lines(bytes: &[u8]) -> Result<Wire> {
    let lines: Vec<&[u8]> = bytes.split(|&b| b == b'\n').collect();
    let cut_off = || Error::new("its last line, the receipt, is missing: it was cut off").help(MAKE);
    let Some((last, rest)) = lines.split_last() else { return Err(cut_off()) };
    let probe: Probe = serde_json::from_slice(last).map_err(|e| malformed(&e, rest.len()))?;
    if probe.version.is_none() {
        return Err(cut_off());
    }
    probe.check()?;
    let (mut findings, mut allowed) = (Vec::new(), Vec::new());
    for (number, line) in rest.iter().enumerate() {
        match serde_json::from_slice(line).map_err(|e| malformed(&e, number))? {
            Line::Finding(finding) => findings.push(*finding),
            Line::Allowed(finding) => allowed.push(*finding),
            Line::Receipt(_) => {
                return Err(Error::new(format!("line {} is a receipt, but not the last line", number + 1))
                    .help("give one report; several in one file cannot be told apart"));
            }
        }
    }
    match serde_json::from_slice(last).map_err(|e| malformed(&e, rest.len()))? {
        Line::Receipt(summary) => Ok(Wire { findings, allowed, summary: *summary }),
        _ => Err(cut_off()),
    }
}

/// Says where a file is wrong. The messages of serde quote values, so they are not passed on.
fn malformed(error: &serde_json::Error, lines_before: usize) -> Error {
    let at = format!("line {}, column {}", error.line() + lines_before, error.column());
    let what = match error.classify() {
        Category::Eof => format!("it ends in the middle ({at}): it was cut off"),
        Category::Data => format!("{at}: a field that a keyscan report has is missing or of another type"),
        _ => format!("this is no JSON ({at})"),
    };
    Error::new(what).help(MAKE)
}

/// Makes findings of wire types.
#[derive(Default)]
struct Builder {
    rules: Vec<RuleMeta>,
    hashes: BTreeMap<Fingerprint, String>,
    labels: BTreeSet<&'static str>,
}

impl Builder {
    fn parts(mut self, wire: Wire) -> Result<Parts> {
        let Wire { findings, allowed, summary } = wire;
        let findings = self.findings(findings, "finding")?;
        let allowed = self.findings(allowed, "allowed finding")?;
        let known = Known { version: summary.tool.version, hashes: self.hashes };
        Ok(Parts { findings, allowed, rules: self.rules, receipt: receipt(summary.target, summary.receipt), known })
    }

    fn findings(&mut self, wire: Vec<super::Finding>, kind: &str) -> Result<Vec<Finding>> {
        let wrong = |number, what| Error::new(format!("{kind} {}: {what}", number + 1)).help(MAKE);
        let findings = wire.into_iter().enumerate();
        findings.map(|(number, finding)| self.finding(finding).map_err(|what| wrong(number, what))).collect()
    }

    fn finding(&mut self, wire: super::Finding) -> Result<Finding, Wrong> {
        let super::Finding {
            fingerprint,
            rule,
            severity,
            verdict,
            confidence,
            masked,
            secret,
            secret_base64,
            secret_sha256,
            length,
            reasons,
            facts,
            in_tree: _,
            occurrences,
            more_occurrences,
            life,
            allowed,
            rotation,
        } = wire;
        let fingerprint = fingerprint.parse().map_err(|()| "the fingerprint is not 32 hex digits")?;
        // Only what cannot be guessed has its hash written.
        let guessable = secret_sha256.is_none();
        if let Some(hash) = secret_sha256 {
            self.hashes.insert(fingerprint, hash);
        }
        let rule = self.rule(rule, rotation)?;
        let facts = facts.into_iter().map(|f| finding::Fact { label: self.label(&f.label), value: f.value }).collect();
        Ok(Finding {
            fingerprint,
            guessable,
            rule,
            secret: known_secret(secret, secret_base64, length)?,
            masked,
            verdict: named(&verdict, "the verdict is unknown")?,
            confidence: named(&confidence, "the confidence is unknown")?,
            severity: named(&severity, "the severity is unknown")?,
            reasons,
            facts,
            occurrences: occurrences.into_iter().map(|o| self.occurrence(o)).collect::<Result<_, _>>()?,
            more_places: more_occurrences,
            life: life.map(build_life).transpose()?,
            allowed: allowed.map(allowance),
        })
    }

    fn rule(&mut self, wire: super::Rule, rotation: super::Rotation) -> Result<usize, Wrong> {
        let super::Rule { id, name, provider, kind, environment, severity, grants, reason, provable, bits } = wire;
        let super::Rotation { revoke, docs, overlap, steps, self_revoke, command, audit } = rotation;
        self.rules.push(RuleMeta {
            id,
            name,
            provider,
            severity: named(&severity, "the severity of its rule is unknown")?,
            environment: named(&environment, "the environment of its rule is unknown")?,
            kind: named(&kind, "the kind of its rule is unknown")?,
            reason,
            grants,
            rotate: Arc::new(Rotation { revoke, docs, overlap, steps, self_revoke, command, audit }),
            // No report shows it.
            shape: String::new(),
            provable,
            bits: bits.map(f64::from),
        });
        Ok(self.rules.len() - 1)
    }

    fn occurrence(&mut self, wire: super::Occurrence) -> Result<Occurrence, Wrong> {
        let super::Occurrence { kind, paths, id, commit, member, binary, position, via, excerpt, allowed } = wire;
        let mut paths = paths.into_iter().map(path).collect::<Result<Vec<_>, _>>()?;
        let id = id.ok_or("an occurrence lacks its object id");
        let mut one = || if paths.len() == 1 { paths.pop() } else { None }.ok_or("an occurrence needs one path");
        let place = match kind.as_str() {
            "stdin" => Place::Stdin,
            "file" => Place::File { path: one()? },
            "blob" => Place::Blob { paths, id: id?, commit },
            "commit" => Place::Commit { id: id? },
            "tag" => Place::Tag { id: id? },
            "ref" => Place::Ref { name: one()? },
            _ => return Err("the kind of an occurrence is unknown"),
        };
        let count = |number: Option<usize>| number.unwrap_or_default();
        Ok(Occurrence {
            place,
            member: member.map(path).transpose()?,
            position: Position {
                offset: position.offset,
                line: count(position.line),
                column: count(position.column),
                end_line: count(position.end_line),
                end_column: count(position.end_column),
            },
            binary,
            excerpt: excerpt.map(|e| finding::Excerpt {
                text: e.text,
                caret: e.start.unwrap_or_default()..e.end.unwrap_or_default(),
            }),
            via: via.iter().map(|step| self.label(step)).collect(),
            allowed: allowed.map(allowance),
        })
    }

    /// A label that lives as long as the program, which ends when the report is written. Each is kept once.
    fn label(&mut self, text: &str) -> &'static str {
        // Terminals get labels as they are.
        let text = printable(text);
        if let Some(have) = self.labels.get(text.as_str()) {
            return have;
        }
        let label: &'static str = text.leak();
        self.labels.insert(label);
        label
    }
}

/// The secret of a report with `--show-secrets`, else as many bytes of nothing.
fn known_secret(text: Option<String>, base64: Option<String>, length: usize) -> Result<Secret, Wrong> {
    let bytes = match (base64, text) {
        (Some(base64), _) => BASE64.decode(base64.as_bytes()).map_err(|_| "its secret is not base64")?,
        (None, Some(text)) => text.into_bytes(),
        (None, None) if length <= MAX_LENGTH => vec![0; length],
        (None, None) => return Err("no secret is that long"),
    };
    Ok(Secret::new(&bytes))
}

fn allowance(wire: super::Allowance) -> finding::Allowance {
    let super::Allowance { by, reason } = wire;
    finding::Allowance { by, reason }
}

fn path(wire: super::Path) -> Result<bstr::BString, Wrong> {
    match wire.path_base64 {
        Some(base64) => Ok(BASE64.decode(base64.as_bytes()).map_err(|_| "a path is not base64")?.into()),
        None => Ok(wire.path.into()),
    }
}

fn build_life(wire: super::Life) -> Result<Life, Wrong> {
    let super::Life {
        first,
        removed,
        in_head,
        branches,
        remotes,
        tags,
        other_refs,
        more_refs,
        more_branches,
        more_remotes,
        more_tags,
        reachable,
        exposure_days,
    } = wire;
    let removal = |wire: super::Removal| {
        let super::Removal { path: at, commit, date } = wire;
        Ok::<_, Wrong>(Removal { path: path(at)?, commit, time: seconds(date)? })
    };
    let first = first.map(|wire| {
        let super::Commit { id, author, email, date, summary } = wire;
        Ok::<_, Wrong>(CommitInfo { id, author, email, time: seconds(date)?, summary })
    });
    Ok(Life {
        first: first.transpose()?,
        removed: removed.into_iter().map(removal).collect::<Result<_, _>>()?,
        in_head,
        branches: branches.into(),
        remotes: remotes.into(),
        tags: tags.into(),
        other_refs: other_refs.into(),
        more_refs,
        more_branches,
        more_remotes,
        more_tags,
        reachable,
        exposure_days,
        // For baselines; no report shows them.
        moves: Vec::new(),
    })
}

/// Seconds since 1970; a time without a date was out of any calendar.
fn seconds(date: Option<String>) -> Result<i64, Wrong> {
    match date {
        None => Ok(i64::MAX),
        Some(date) => date.parse::<jiff::Timestamp>().map(|t| t.as_second()).map_err(|_| "a date is not RFC 3339"),
    }
}

fn receipt(target: String, wire: super::Receipt) -> Receipt {
    let super::Receipt {
        selection,
        repository,
        rules,
        files,
        file_bytes,
        history,
        blobs,
        commits,
        tags,
        history_bytes,
        skipped,
        problems,
        not_reported,
        config,
        notes,
    } = wire;
    let problem = |wire: super::Problem| {
        let super::Problem { object, what, help, accepted } = wire;
        finding::Problem { object, what, help, accepted }
    };
    let super::NotReported {
        malformed,
        low_confidence,
        publishable,
        below_severity,
        allowed,
        allowed_by,
        allowed_places,
    } = not_reported;
    Receipt {
        target,
        selection,
        origin: repository.map(|super::Origin { uri, commit, branch }| finding::Origin { uri, commit, branch }),
        rules,
        files,
        file_bytes,
        blobs,
        commits,
        tags,
        history_bytes,
        history,
        skipped: skipped.into_iter().map(|s| (s.reason, s.count)).collect(),
        problems: problems.into_iter().map(problem).collect(),
        malformed,
        low_confidence,
        not_secret: publishable,
        below_severity,
        allowed,
        allowed_by: allowed_by.into_iter().map(|by| (by.by, by.count)).collect(),
        allowed_places,
        config,
        notes,
    }
}

/// A value that is written as one word.
fn named<T: DeserializeOwned>(word: &str, wrong: Wrong) -> Result<T, Wrong> {
    let deserializer: StrDeserializer<'_, de::value::Error> = word.into_deserializer();
    T::deserialize(deserializer).map_err(|_| wrong)
}
