//! From findings to wire types. Whatever comes from the repository goes through [`Context`] on its way.

use bstr::BString;
use data_encoding::{BASE64, HEXLOWER};
use sha2::{Digest, Sha256};

use super::{
    Commit, Counts, Excerpt, Fact, Finding, Life, NotReported, Occurrence, Path, Position, Problem, Receipt, Removal,
    Rotation, Rule, Skipped, Summary, Tool, VERSION,
};
use crate::finding::{self, Place};
use crate::report::context::{Context, SEVERITIES};
use crate::rules;

/// Secrets with fewer bits can be found by trying, so their hash is not written.
const STRONG_BITS: f64 = 64.0;

impl Summary {
    pub(super) fn new(context: &Context<'_>) -> Self {
        let report = &context.report;
        Self {
            version: VERSION,
            tool: Tool { name: crate::report::TOOL.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
            target: context.text(&report.receipt.target).into_owned(),
            complete: report.receipt.complete(),
            counts: Counts::new(context),
            receipt: Receipt::new(context, report.receipt),
        }
    }
}

impl Counts {
    pub(super) fn new(context: &Context<'_>) -> Self {
        let findings = context.report.findings;
        let counts = context.counts();
        let [critical, high, medium, low, info] = SEVERITIES.map(|s| counts.get(&s).copied().unwrap_or(0));
        let in_tree = findings.iter().filter(|f| f.in_tree()).count();
        Self { findings: findings.len(), in_tree, critical, high, medium, low, info }
    }
}

impl Finding {
    pub(super) fn new(context: &Context<'_>, finding: &finding::Finding) -> Self {
        let rule = context.rule(finding);
        let secret = finding.secret.expose();
        let show = context.report.options.show_secrets;
        let lossy = std::str::from_utf8(secret).is_err();
        let strong = rule.bits.is_some_and(|bits| bits >= STRONG_BITS);
        Self {
            fingerprint: finding.fingerprint.to_string(),
            rule: Rule::new(rule),
            severity: finding.severity.as_str().to_owned(),
            verdict: finding.verdict.as_str().to_owned(),
            confidence: finding.confidence.as_str().to_owned(),
            masked: context.text(&finding.masked).into_owned(),
            secret: show.then(|| String::from_utf8_lossy(secret).into_owned()),
            secret_base64: (show && lossy).then(|| BASE64.encode(secret)),
            secret_sha256: strong.then(|| HEXLOWER.encode(&Sha256::digest(secret))),
            reasons: texts(context, &finding.reasons),
            facts: finding.facts.iter().map(|fact| Fact::new(context, fact)).collect(),
            in_tree: finding.in_tree(),
            occurrences: finding.occurrences.iter().map(|o| Occurrence::new(context, o)).collect(),
            life: finding.life.as_ref().map(|life| Life::new(context, life)),
            rotation: Rotation::new(&rule.rotate),
        }
    }
}

impl Rule {
    pub(super) fn new(rule: &rules::RuleMeta) -> Self {
        Self {
            id: rule.id.clone(),
            name: rule.name.clone(),
            provider: rule.provider.clone(),
            kind: rule.kind.as_str().to_owned(),
            environment: rule.environment.as_str().to_owned(),
            severity: rule.severity.as_str().to_owned(),
            grants: rule.grants.clone(),
        }
    }
}

impl Fact {
    pub(super) fn new(context: &Context<'_>, fact: &finding::Fact) -> Self {
        Self { label: fact.label.to_owned(), value: context.text(&fact.value).into_owned() }
    }
}

impl Occurrence {
    pub(super) fn new(context: &Context<'_>, occurrence: &finding::Occurrence) -> Self {
        let path = |path: &BString| Path::new(context, path);
        let (kind, paths, id, commit) = match &occurrence.place {
            Place::Stdin => ("stdin", Vec::new(), None, None),
            Place::File { path: at } => ("file", vec![path(at)], None, None),
            Place::Blob { paths, id, commit } => {
                ("blob", paths.iter().map(path).collect(), Some(id.clone()), commit.clone())
            }
            Place::Commit { id } => ("commit", Vec::new(), Some(id.clone()), None),
            Place::Tag { id } => ("tag", Vec::new(), Some(id.clone()), None),
            Place::Ref { name } => ("ref", vec![path(name)], None, None),
        };
        Self {
            kind: kind.to_owned(),
            paths,
            id,
            commit,
            member: occurrence.member.as_ref().map(path),
            binary: occurrence.binary,
            position: Position::new(occurrence),
            via: occurrence.via.iter().map(|&step| step.to_owned()).collect(),
            excerpt: occurrence.excerpt.as_ref().and_then(|e| Excerpt::new(context, e)),
        }
    }
}

impl Path {
    pub(super) fn new(context: &Context<'_>, path: &[u8]) -> Self {
        let path = context.name(path);
        let lossy = std::str::from_utf8(&path).is_err();
        Self { path: String::from_utf8_lossy(&path).into_owned(), path_base64: lossy.then(|| BASE64.encode(&path)) }
    }
}

impl Position {
    pub(super) fn new(occurrence: &finding::Occurrence) -> Self {
        let at = &occurrence.position;
        let text = |number: usize| (!occurrence.binary).then_some(number);
        Self {
            offset: at.offset,
            line: text(at.line),
            column: text(at.column),
            end_line: text(at.end_line),
            end_column: text(at.end_column),
        }
    }
}

impl Excerpt {
    /// `None` if a secret had to be taken out here: then nothing is known about the place of the mask.
    pub(super) fn new(context: &Context<'_>, excerpt: &finding::Excerpt) -> Option<Self> {
        let text = context.text(&excerpt.text);
        (text == excerpt.text).then(|| Self {
            text: text.into_owned(),
            start: excerpt.caret.start,
            end: excerpt.caret.end,
        })
    }
}

impl Life {
    pub(super) fn new(context: &Context<'_>, life: &finding::Life) -> Self {
        let names = |names: &[String]| -> Vec<String> {
            names.iter().map(|name| Path::new(context, name.as_bytes()).path).collect()
        };
        Self {
            first: life.first.as_ref().map(|commit| Commit::new(context, commit)),
            removed: life.removed.iter().map(|removal| Removal::new(context, removal)).collect(),
            in_head: life.in_head,
            branches: names(&life.branches),
            remotes: names(&life.remotes),
            tags: names(&life.tags),
            other_refs: names(&life.other_refs),
            reachable: life.reachable,
            exposure_days: life.exposure_days,
        }
    }
}

impl Commit {
    pub(super) fn new(context: &Context<'_>, commit: &finding::CommitInfo) -> Self {
        Self {
            id: commit.id.clone(),
            author: context.text(&commit.author).into_owned(),
            email: context.text(&commit.email).into_owned(),
            date: instant(commit.time),
            summary: context.text(&commit.summary).into_owned(),
        }
    }
}

impl Removal {
    pub(super) fn new(context: &Context<'_>, removal: &finding::Removal) -> Self {
        Self { path: Path::new(context, &removal.path), commit: removal.commit.clone(), date: instant(removal.time) }
    }
}

impl Rotation {
    pub(super) fn new(rotate: &rules::Rotation) -> Self {
        Self {
            revoke: rotate.revoke.clone(),
            docs: rotate.docs.clone(),
            overlap: rotate.overlap,
            steps: rotate.steps.clone(),
            self_revoke: rotate.self_revoke,
            command: rotate.command.clone(),
            audit: rotate.audit.clone(),
        }
    }
}

impl Receipt {
    pub(super) fn new(context: &Context<'_>, receipt: &finding::Receipt) -> Self {
        let skipped = receipt.skipped.iter();
        Self {
            rules: receipt.rules,
            files: receipt.files,
            file_bytes: receipt.file_bytes,
            history: receipt.history,
            blobs: receipt.blobs,
            commits: receipt.commits,
            tags: receipt.tags,
            history_bytes: receipt.history_bytes,
            skipped: skipped
                .map(|(reason, count)| Skipped { reason: context.text(reason).into_owned(), count: *count })
                .collect(),
            problems: receipt.problems.iter().map(|p| Problem::new(context, p)).collect(),
            not_reported: NotReported {
                malformed: receipt.malformed,
                low_confidence: receipt.low_confidence,
                publishable: receipt.not_secret,
                allowed: receipt.allowed,
            },
        }
    }
}

impl Problem {
    pub(super) fn new(context: &Context<'_>, problem: &finding::Problem) -> Self {
        Self {
            object: Path::new(context, problem.object.as_bytes()).path,
            what: context.text(&problem.what).into_owned(),
            help: problem.help.as_ref().map(|help| context.text(help).into_owned()),
            accepted: problem.accepted,
        }
    }
}

fn texts(context: &Context<'_>, texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| context.text(text).into_owned()).collect()
}

/// RFC 3339, UTC; `None` if the recorded time is out of any calendar.
fn instant(time: i64) -> Option<String> {
    Some(jiff::Timestamp::from_second(time).ok()?.to_string())
}
