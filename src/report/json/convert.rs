//! From findings to wire types. Whatever comes from the repository goes through [`Context`] on its way.

use bstr::BString;
use data_encoding::BASE64;

use super::{
    Allowance, AllowedBy, Commit, Counts, Excerpt, Fact, Finding, Life, NotReported, Occurrence, Origin, Path,
    Position, Problem, Receipt, Removal, Rotation, Rule, Skipped, Summary, Tool, VERSION,
};
use crate::finding::{self, Place};
use crate::report::context::{Context, SEVERITIES};
use crate::rules;

impl Summary {
    pub(super) fn new(context: &Context<'_>) -> Self {
        let report = &context.report;
        Self {
            version: VERSION,
            tool: Tool { name: crate::report::TOOL.to_owned(), version: context.version().to_owned() },
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
        Self {
            fingerprint: finding.fingerprint.to_string(),
            rule: Rule::new(rule),
            severity: finding.severity.as_str().to_owned(),
            verdict: finding.verdict.as_str().to_owned(),
            confidence: finding.confidence.as_str().to_owned(),
            masked: context.text(&finding.masked).into_owned(),
            secret: show.then(|| String::from_utf8_lossy(secret).into_owned()),
            secret_base64: (show && lossy).then(|| BASE64.encode(secret)),
            secret_sha256: context.sha256(finding),
            length: secret.len(),
            reasons: texts(context, &finding.reasons),
            facts: finding.facts.iter().map(|fact| Fact::new(context, fact)).collect(),
            in_tree: finding.in_tree(),
            occurrences: occurrences(context, finding),
            more_occurrences: finding.more_places,
            life: finding.life.as_ref().map(|life| Life::new(context, life)),
            allowed: finding.allowed.as_ref().map(|a| Allowance::new(context, a)),
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
            reason: rule.reason.clone(),
            provable: rule.provable,
            // Whole bits that are there in any case.
            bits: rule.bits.map(rules::whole_bits),
        }
    }
}

impl Fact {
    pub(super) fn new(context: &Context<'_>, fact: &finding::Fact) -> Self {
        Self { label: fact.label.to_owned(), value: context.text(&fact.value).into_owned() }
    }
}

/// The places of a finding. Neighbours mostly have the same paths and the same excerpt, so that these are made once.
fn occurrences(context: &Context<'_>, finding: &finding::Finding) -> Vec<Occurrence> {
    let mut made: Vec<Occurrence> = Vec::with_capacity(finding.occurrences.len());
    let mut before: Option<&finding::Occurrence> = None;
    for occurrence in &finding.occurrences {
        let next = Occurrence::new(context, finding, occurrence, before.zip(made.last()));
        made.push(next);
        before = Some(occurrence);
    }
    made
}

impl Occurrence {
    /// `before` is the place before it, and what was made of it.
    fn new(
        context: &Context<'_>,
        finding: &finding::Finding,
        occurrence: &finding::Occurrence,
        before: Option<(&finding::Occurrence, &Self)>,
    ) -> Self {
        let path = |path: &BString| Path::new(context, path);
        let same_paths = |paths: &Vec<BString>| {
            let of = |(before, _): &(&finding::Occurrence, _)| matches!(&before.place, Place::Blob { paths: other, .. } if other == paths);
            before.filter(of).map(|(_, made)| made.paths.clone())
        };
        let same_excerpt = before.filter(|(before, _)| before.excerpt == occurrence.excerpt);
        let (kind, paths, id, commit) = match &occurrence.place {
            Place::Stdin => ("stdin", Vec::new(), None, None),
            Place::File { path: at } => ("file", vec![path(at)], None, None),
            Place::Blob { paths, id, commit } => {
                let paths = same_paths(paths).unwrap_or_else(|| paths.iter().map(path).collect());
                ("blob", paths, Some(id.clone()), commit.clone())
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
            excerpt: match same_excerpt {
                Some((_, made)) => made.excerpt.clone(),
                None => context.excerpt(finding, occurrence).map(Excerpt::new),
            },
            allowed: occurrence.allowed.as_ref().map(|a| Allowance::new(context, a)),
        }
    }
}

impl Allowance {
    pub(super) fn new(context: &Context<'_>, allowance: &finding::Allowance) -> Self {
        let reason = allowance.reason.as_ref().map(|reason| context.text(reason).into_owned());
        Self { by: context.text(&allowance.by).into_owned(), reason }
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
    pub(super) fn new(excerpt: finding::Excerpt) -> Self {
        let known = !excerpt.caret.is_empty();
        let (start, end) = (excerpt.caret.start, excerpt.caret.end);
        Self { text: excerpt.text, start: known.then_some(start), end: known.then_some(end) }
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
            more_refs: life.more_refs,
            more_branches: life.more_branches,
            more_remotes: life.more_remotes,
            more_tags: life.more_tags,
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
            repository: receipt.origin.as_ref().map(|origin| Origin {
                uri: Path::new(context, origin.uri.as_bytes()).path,
                commit: origin.commit.clone(),
                branch: origin.branch.as_ref().map(|name| Path::new(context, name.as_bytes()).path),
            }),
            selection: receipt.selection.as_ref().map(|s| context.text(s).into_owned()),
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
                below_severity: receipt.below_severity,
                allowed: receipt.allowed,
                allowed_by: receipt
                    .allowed_by
                    .iter()
                    .map(|(by, count)| AllowedBy { by: context.text(by).into_owned(), count: *count })
                    .collect(),
                allowed_places: receipt.allowed_places,
            },
            config: receipt.config.iter().map(|file| Path::new(context, file.as_bytes()).path).collect(),
            notes: texts(context, &receipt.notes),
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
