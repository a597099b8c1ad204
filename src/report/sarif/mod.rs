//! SARIF 2.1.0, made for code scanning services. [`build`] is a pure function from a report to a log; each `build_*`
//! makes one kind of object.
//!
//! No personal data: authors and e-mail addresses stay out, since logs are uploaded and kept.

mod rule;

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};
use serde_sarif::sarif::{
    ArtifactContent, ArtifactLocation, Invocation, Location, Message, Notification, PhysicalLocation, PropertyBag,
    Region, Result as SarifResult, ResultLevel, Run, RunAutomationDetails, Sarif, Suppression, Tool, ToolComponent,
    VersionControlDetails,
};
use termcolor::WriteColor;

use super::context::{Context, grouped};
use super::escape::JsonSafe;
use super::{place, words};
use crate::finding::{Allowance, Excerpt, Finding, Occurrence, Origin, Place, Severity};

/// The schema that code scanning services name.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The base of every path in the log.
const ROOT: &str = "SRCROOT";

/// What GitHub takes: results in a run, most severe first, of which it shows 5,000; bytes of the file after gzip. A file
/// with more is refused as a whole. Services for other hosts take no less.
const MAX_RESULTS: usize = 25_000;
const MAX_GZIP: usize = 10_000_000;

/// Places given for one result, and of those beside: GitHub shows 100 of at most 1,000. The rest is counted.
const MAX_LOCATIONS: usize = 100;

/// Writes the log, with as many results as services take.
pub(super) fn write(context: &Context<'_>, out: &mut dyn WriteColor) -> io::Result<()> {
    out.write_all(&fitted(context, MAX_RESULTS, MAX_GZIP)?)?;
    out.flush()
}

/// The log with at most so many results, and fewer if it would not fit otherwise.
pub(super) fn fitted(context: &Context<'_>, mut results: usize, bytes: usize) -> io::Result<Vec<u8>> {
    let all = context.report.findings.len() + context.report.allowed.len();
    results = results.min(all);
    loop {
        let mut log = Vec::new();
        serde_json::to_writer_pretty(JsonSafe::new(&mut log), &build(context, results))?;
        log.push(b'\n');
        // Text only gets smaller by gzip.
        if log.len() <= bytes || results == 0 || compressed(&log)? <= bytes {
            if results < all {
                context.tell(left_out(results, all));
            }
            return Ok(log);
        }
        results /= 2;
    }
}

fn compressed(log: &[u8]) -> io::Result<usize> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(log)?;
    Ok(gzip.finish()?.len())
}

fn left_out(results: usize, all: usize) -> String {
    let (kept, left) = (grouped(results as u64), grouped((all - results) as u64));
    format!("SARIF holds the {kept} most severe results; {left} more are left out, for services refuse larger files")
}

/// Makes the log of a report, with so many results.
fn build(context: &Context<'_>, results: usize) -> Sarif {
    Sarif::builder().schema(SCHEMA).version("2.1.0").runs(vec![build_run(context, results)]).build()
}

fn build_run(context: &Context<'_>, most: usize) -> Run {
    // What is allowed comes last: it is the first to be left out.
    let findings = context.findings().into_iter().chain(context.allowed());
    let findings: Vec<_> = findings.take(most).collect();
    let rules = rule::used(context, &findings);
    let results: Vec<_> = findings.iter().map(|f| build_result(context, &rules, f)).collect();
    let driver = ToolComponent::builder()
        .name(super::TOOL)
        .semantic_version(context.version())
        .information_uri(env!("CARGO_PKG_REPOSITORY"))
        .rules(rules.iter().map(|rule| rule::build(rule)).collect::<Vec<_>>())
        .build();
    // Without an address, on purpose: where it lies on this machine is nobody's business, and changes from run to run.
    let root = ArtifactLocation::builder().description(message("Root of the scanned tree.")).build();
    let mut run = Run::builder()
        .tool(Tool::builder().driver(driver).build())
        .automation_details(RunAutomationDetails::builder().id("keyscan/").build())
        .column_kind("unicodeCodePoints")
        .original_uri_base_ids(BTreeMap::from([(ROOT.to_owned(), root)]))
        .invocations(vec![build_invocation(context, most)])
        .results(results)
        .build();
    run.version_control_provenance = context.report.receipt.origin.as_ref().map(|o| vec![build_origin(context, o)]);
    run
}

/// The repository that paths and commits belong to.
fn build_origin(context: &Context<'_>, origin: &Origin) -> VersionControlDetails {
    let uri = String::from_utf8_lossy(&context.name(origin.uri.as_bytes())).into_owned();
    let mut details = VersionControlDetails::builder().repository_uri(uri).build();
    details.revision_id.clone_from(&origin.commit);
    details.branch = origin.branch.as_ref().map(|name| context.say_name(name.as_bytes()));
    details.mapped_to = Some(ArtifactLocation::builder().uri_base_id(ROOT).build());
    details
}

fn build_invocation(context: &Context<'_>, results: usize) -> Invocation {
    let receipt = context.report.receipt;
    let mut notes: Vec<_> = Vec::new();
    let all = context.report.findings.len() + context.report.allowed.len();
    if results < all {
        let text = format!("{}.", left_out(results, all));
        notes.push(Notification::builder().level("warning").message(message(&text)).build());
    }
    for problem in &receipt.problems {
        let help = problem.help.as_deref().map(|help| format!(" Help: {help}")).unwrap_or_default();
        let object = context.say_name(problem.object.as_bytes());
        let text = format!("Not read: {object}: {}", context.say(&format!("{}.{help}", problem.what)));
        let level = if problem.accepted { "warning" } else { "error" };
        notes.push(Notification::builder().level(level).message(message(&literal(&text))).build());
    }
    for (reason, count) in &receipt.skipped {
        let text = format!("Left out: {}: {count}.", context.say(reason));
        notes.push(Notification::builder().level("note").message(message(&literal(&text))).build());
    }
    Invocation::builder().execution_successful(receipt.complete()).tool_execution_notifications(notes).build()
}

fn build_result(context: &Context<'_>, rules: &[&crate::rules::RuleMeta], finding: &Finding) -> SarifResult {
    let rule = context.rule(finding);
    let index = rules.iter().position(|r| r.id == rule.id).and_then(|i| i64::try_from(i).ok());
    let (main, related): (Vec<&Occurrence>, Vec<&Occurrence>) = if finding.in_tree() {
        finding.occurrences.iter().partition(|o| place::is_in_tree(o))
    } else {
        let last = place::last_known(finding);
        finding.occurrences.iter().partition(|o| last.is_some_and(|last| std::ptr::eq(*o, last)))
    };
    let locate = |o: &&Occurrence| build_location(context, finding, o);
    let fingerprint = BTreeMap::from([("keyscan/v1".to_owned(), finding.fingerprint.to_string())]);
    let mut result = SarifResult::builder()
        .rule_id(&rule.id)
        .level(level(finding.severity))
        .message(message(&literal(&words::message(context, finding))))
        .locations(main.iter().take(MAX_LOCATIONS).map(locate).collect::<Vec<_>>())
        .partial_fingerprints(build_partial(finding))
        .fingerprints(fingerprint)
        .properties(build_properties(context, finding))
        .build();
    result.rule_index = index;
    result.suppressions = finding.allowed.as_ref().map(|allowance| vec![build_suppression(context, allowance)]);
    if !related.is_empty() {
        let numbered = related.iter().take(MAX_LOCATIONS).zip(1..).map(|(occurrence, id)| {
            let mut location = locate(occurrence);
            location.id = Some(id);
            location.message = Some(message("also here, in git history"));
            location
        });
        result.related_locations = Some(numbered.collect());
    }
    result
}

/// Made of rule and secret, so it stays when lines move. GitHub uses only the one with the name that it gives itself, and
/// makes it of the line when it has the file; for what no file has any more it has to be given.
fn build_partial(finding: &Finding) -> BTreeMap<String, String> {
    let fingerprint = finding.fingerprint.to_string();
    let mut partial = BTreeMap::from([("keyscan/v1".to_owned(), fingerprint.clone())]);
    if !finding.in_tree() && !finding.life.as_ref().is_some_and(|life| life.in_head) {
        partial.insert("primaryLocationLineHash".to_owned(), format!("{}:1", &fingerprint[..16]));
    }
    partial
}

/// Who allowed it, and why.
fn build_suppression(context: &Context<'_>, allowance: &Allowance) -> Suppression {
    let kind = if allowance.by.contains("comment") { "inSource" } else { "external" };
    let reason = allowance.reason.as_ref().map(|reason| format!(": {}", context.say(reason))).unwrap_or_default();
    let justification = format!("{}{reason}", context.say(&allowance.by));
    Suppression::builder().kind(kind).status("accepted").justification(justification).build()
}

fn build_properties(context: &Context<'_>, finding: &Finding) -> PropertyBag {
    let rule = context.rule(finding);
    let mut bag: BTreeMap<String, Value> = BTreeMap::new();
    let mut set = |name: &str, value: Value| drop(bag.insert(name.to_owned(), value));
    set("verdict", json!(finding.verdict.as_str()));
    set("confidence", json!(finding.confidence.as_str()));
    set("severity", json!(finding.severity.as_str()));
    set("environment", json!(rule.environment.as_str()));
    set("inTree", json!(finding.in_tree()));
    set("places", json!(finding.places()));
    for fact in finding.facts.iter().filter(|fact| matches!(fact.label, "pair" | "inventory")) {
        set(fact.label, json!(context.text(&fact.value)));
    }
    if let Some(life) = &finding.life {
        set("inHead", json!(life.in_head));
        set("reachable", json!(life.reachable));
        if let Some(days) = life.exposure_days {
            set("exposureDays", json!(days));
        }
        if let Some(first) = &life.first {
            set("firstCommit", json!(first.id));
        }
        let shown = |name: &[u8]| String::from_utf8_lossy(&context.name(name)).into_owned();
        let refs = [&life.branches, &life.tags, &life.remotes, &life.other_refs];
        for (name, refs) in ["branches", "tags", "remotes", "otherRefs"].into_iter().zip(refs) {
            let names: Vec<_> = refs.iter().map(|r| shown(r.as_bytes())).collect();
            set(name, json!(names));
        }
        let more = [life.more_branches, life.more_tags, life.more_remotes, life.more_refs];
        for (name, more) in ["moreBranches", "moreTags", "moreRemotes", "moreRefs"].into_iter().zip(more) {
            if more > 0 {
                set(name, json!(more));
            }
        }
        let removed = life.removed.iter().map(|r| json!({"path": shown(&r.path), "commit": r.commit}));
        set("removed", removed.collect());
    }
    PropertyBag::builder().additional_properties(bag).build()
}

fn build_location(context: &Context<'_>, finding: &Finding, occurrence: &Occurrence) -> Location {
    let artifact = ArtifactLocation::builder().uri(uri(context, finding, occurrence)).uri_base_id(ROOT).build();
    let mut physical = PhysicalLocation::builder()
        .artifact_location(artifact)
        .region(build_region(context, finding, occurrence))
        .build();
    if let (Some(_), Some(excerpt)) = (place::line(occurrence), &occurrence.excerpt) {
        physical.context_region = Some(build_context(context, occurrence, excerpt));
    }
    let mut location = Location::builder().physical_location(physical).build();
    let mut bag = BTreeMap::new();
    match &occurrence.place {
        Place::Stdin | Place::File { .. } => {}
        Place::Blob { id, commit, .. } => {
            bag.insert("blob".to_owned(), json!(id));
            bag.extend(commit.iter().map(|commit| ("commit".to_owned(), json!(commit))));
        }
        Place::Commit { id } => drop(bag.insert("commit".to_owned(), json!(id))),
        Place::Tag { id } => drop(bag.insert("tag".to_owned(), json!(id))),
        Place::Ref { name } => drop(bag.insert("ref".to_owned(), json!(String::from_utf8_lossy(&context.name(name))))),
    }
    if let Some(member) = &occurrence.member {
        let at = &occurrence.position;
        bag.insert("member".to_owned(), json!(String::from_utf8_lossy(&context.name(member))));
        bag.insert("memberOffset".to_owned(), json!(at.offset));
        if !occurrence.binary {
            bag.insert("memberLine".to_owned(), json!(at.line));
        }
    }
    if !occurrence.via.is_empty() {
        bag.insert("via".to_owned(), json!(occurrence.via));
    }
    if !bag.is_empty() {
        location.properties = Some(PropertyBag::builder().additional_properties(bag).build());
    }
    location
}

fn build_region(context: &Context<'_>, finding: &Finding, occurrence: &Occurrence) -> Region {
    let at = &occurrence.position;
    let mut region = if occurrence.member.is_some() {
        // The position is one in the member; of the file only the beginning can be shown.
        Region::builder().start_line(1).build()
    } else if occurrence.binary {
        let mut region = Region::builder().byte_offset(number(at.offset)).build();
        // Decoding changes lengths, so only content read as it is has a known one.
        region.byte_length = occurrence.via.is_empty().then(|| number(finding.secret.len()));
        region
    } else if occurrence.via.contains(&place::FILE_NAME) {
        // The name is not in the file; a region is wanted all the same.
        Region::builder().start_line(1).build()
    } else {
        Region::builder()
            .start_line(number(at.line))
            .start_column(number(at.column))
            .end_line(number(at.end_line))
            // SARIF's end column is the one after the last character, as in `Position`.
            .end_column(number(at.end_column))
            .build()
    };
    if context.report.options.show_secrets {
        let secret = String::from_utf8_lossy(finding.secret.expose());
        region.snippet = Some(ArtifactContent::builder().text(secret).build());
    }
    region
}

/// The whole lines around the secret, with the masked excerpt.
fn build_context(context: &Context<'_>, occurrence: &Occurrence, excerpt: &Excerpt) -> Region {
    let at = &occurrence.position;
    let text = context.text(&excerpt.text);
    Region::builder()
        .start_line(number(at.line))
        .end_line(number(at.end_line))
        .snippet(ArtifactContent::builder().text(text).build())
        .build()
}

/// The path relative to the root. What has no path gets one below `.git`, because services drop results without.
fn uri(context: &Context<'_>, finding: &Finding, occurrence: &Occurrence) -> String {
    let object = match &occurrence.place {
        Place::Stdin => return "stdin".to_owned(),
        Place::Commit { id } => format!(".git/commit/{id}"),
        Place::Tag { id } => format!(".git/tag/{id}"),
        Place::Ref { .. } => ".git/refs".to_owned(),
        Place::File { .. } => String::new(),
        Place::Blob { id, .. } => format!(".git/blob/{id}"),
    };
    let path = place::path(finding, occurrence).map(|path| context.name(path));
    percent_encoded(path.as_deref().unwrap_or(object.as_bytes()))
}

/// Every byte that is not unreserved in RFC 3986, or a slash, as `%XX`.
fn percent_encoded(path: &[u8]) -> String {
    let mut out = String::with_capacity(path.len());
    for &byte in path {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(byte.into()),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// In SARIF messages braces are placeholders and brackets make links; text must not become either.
fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '{' | '}' => out.extend([c, c]),
            '[' | ']' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

fn message(text: &str) -> Message {
    Message::builder().text(text).build()
}

/// The level of a result.
fn level(severity: Severity) -> ResultLevel {
    match severity {
        Severity::Critical | Severity::High => ResultLevel::Error,
        Severity::Medium => ResultLevel::Warning,
        Severity::Low | Severity::Info => ResultLevel::Note,
    }
}

fn number(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
