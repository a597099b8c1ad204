//! SARIF 2.1.0, made for code scanning services. [`build`] is a pure function from a report to a log; each `build_*`
//! makes one kind of object.
//!
//! No personal data: authors and e-mail addresses stay out, since logs are uploaded and kept.

mod rule;

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};

use serde_json::{Value, json};
use serde_sarif::sarif::{
    ArtifactContent, ArtifactLocation, Invocation, Location, Message, Notification, PhysicalLocation, PropertyBag,
    Region, Result as SarifResult, ResultLevel, Run, RunAutomationDetails, Sarif, Tool, ToolComponent,
};
use termcolor::WriteColor;

use super::context::{Context, Whereabouts, plural};
use super::escape::JsonSafe;
use super::printable;
use crate::finding::{Excerpt, Finding, Occurrence, Place, Receipt, Severity};

/// The schema that code scanning services name.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The base of every path in the log.
const ROOT: &str = "SRCROOT";

/// Places in history given for one result; services refuse or cut longer lists. The rest is counted.
const MAX_RELATED: usize = 100;

/// Writes the log.
pub(super) fn write(context: &Context<'_>, out: &mut dyn WriteColor) -> io::Result<()> {
    let mut out = JsonSafe::new(BufWriter::new(out));
    serde_json::to_writer_pretty(&mut out, &build(context))?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Makes the log of a report.
fn build(context: &Context<'_>) -> Sarif {
    Sarif::builder().schema(SCHEMA).version("2.1.0").runs(vec![build_run(context)]).build()
}

fn build_run(context: &Context<'_>) -> Run {
    let findings = context.findings();
    let rules = rule::used(context, &findings);
    let results: Vec<_> = findings.iter().map(|f| build_result(context, &rules, f)).collect();
    let driver = ToolComponent::builder()
        .name(super::TOOL)
        .semantic_version(env!("CARGO_PKG_VERSION"))
        .information_uri(env!("CARGO_PKG_REPOSITORY"))
        .rules(rules.iter().map(|rule| rule::build(rule)).collect::<Vec<_>>())
        .build();
    // Without an address, on purpose: where it lies on this machine is nobody's business, and changes from run to run.
    let root = ArtifactLocation::builder().description(message("Root of the scanned tree.")).build();
    Run::builder()
        .tool(Tool::builder().driver(driver).build())
        .automation_details(RunAutomationDetails::builder().id("keyscan/").build())
        .column_kind("unicodeCodePoints")
        .original_uri_base_ids(BTreeMap::from([(ROOT.to_owned(), root)]))
        .invocations(vec![build_invocation(context, context.report.receipt)])
        .results(results)
        .build()
}

fn build_invocation(context: &Context<'_>, receipt: &Receipt) -> Invocation {
    let mut notes: Vec<_> = Vec::new();
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
        let in_tree = |o: &&Occurrence| matches!(o.place, Place::Stdin | Place::File { .. });
        finding.occurrences.iter().partition(in_tree)
    } else {
        let last = last_known(finding);
        finding.occurrences.iter().partition(|o| last.is_some_and(|last| std::ptr::eq(*o, last)))
    };
    let locate = |o: &&Occurrence| build_location(context, finding, o);
    let fingerprint = BTreeMap::from([("keyscan/v1".to_owned(), finding.fingerprint.to_string())]);
    let mut result = SarifResult::builder()
        .rule_id(&rule.id)
        .level(level(finding.severity))
        .message(message(&text(context, finding)))
        .locations(main.iter().map(locate).collect::<Vec<_>>())
        .partial_fingerprints(fingerprint.clone())
        .fingerprints(fingerprint)
        .properties(build_properties(context, finding))
        .build();
    result.rule_index = index;
    if !related.is_empty() {
        let numbered = related.iter().take(MAX_RELATED).zip(1..).map(|(occurrence, id)| {
            let mut location = locate(occurrence);
            location.id = Some(id);
            location.message = Some(message("also here, in git history"));
            location
        });
        result.related_locations = Some(numbered.collect());
    }
    result
}

/// What the reader of a result is told; the only text that some services show.
fn text(context: &Context<'_>, finding: &Finding) -> String {
    let rule = context.rule(finding);
    let mut text = format!("{} {}", printable(&rule.name), context.say(&finding.masked));
    text.push_str(&format!(" ({}", finding.verdict));
    if let Some(reason) = finding.reasons.first() {
        text.push_str(&format!(": {}", context.say(reason)));
    }
    text.push(')');
    match Whereabouts::of(finding).label() {
        Some(label) => text.push_str(&format!(" is {label}.")),
        None => text.push_str(" is in the working tree."),
    }
    let places = finding.occurrences.len();
    if places > 1 {
        text.push_str(&format!(" It stands in {}.", plural(places, "place")));
    }
    match &rule.rotate.revoke {
        Some(url) => text.push_str(&format!(" Revoke it at {} and issue a new one.", printable(url))),
        None => text.push_str(" Revoke it where it was issued and issue a new one."),
    }
    literal(&text)
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
    set("places", json!(finding.occurrences.len()));
    if let Some(life) = &finding.life {
        set("inHead", json!(life.in_head));
        set("reachable", json!(life.reachable));
        if let Some(days) = life.exposure_days {
            set("exposureDays", json!(days));
        }
        if let Some(first) = &life.first {
            set("firstCommit", json!(first.id));
        }
    }
    PropertyBag::builder().additional_properties(bag).build()
}

fn build_location(context: &Context<'_>, finding: &Finding, occurrence: &Occurrence) -> Location {
    let artifact = ArtifactLocation::builder().uri(uri(context, finding, occurrence)).uri_base_id(ROOT).build();
    let mut physical = PhysicalLocation::builder()
        .artifact_location(artifact)
        .region(build_region(context, finding, occurrence))
        .build();
    if let (false, None, Some(excerpt)) = (occurrence.binary, &occurrence.member, &occurrence.excerpt) {
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

/// The place to show for a finding that no file has any more: the path that lost it last, or else any path.
fn last_known(finding: &Finding) -> Option<&Occurrence> {
    let path = last_removed(finding);
    let has = |o: &&Occurrence| match &o.place {
        Place::Blob { paths, .. } => path.is_some_and(|path| paths.contains(path)),
        _ => false,
    };
    let named = |o: &&Occurrence| matches!(&o.place, Place::Blob { paths, .. } if !paths.is_empty());
    let all = &finding.occurrences;
    all.iter().find(has).or_else(|| all.iter().find(named)).or(all.first())
}

fn last_removed(finding: &Finding) -> Option<&bstr::BString> {
    let life = finding.life.as_ref()?;
    let last = life.removed.iter().max_by_key(|removal| (removal.time, &removal.path))?;
    Some(&last.path)
}

/// The path relative to the root. What has no path gets one below `.git`, because services drop results without.
fn uri(context: &Context<'_>, finding: &Finding, occurrence: &Occurrence) -> String {
    let (path, object): (Option<&[u8]>, _) = match &occurrence.place {
        Place::Stdin => return "stdin".to_owned(),
        Place::Commit { id } => (None, format!(".git/commit/{id}")),
        Place::Tag { id } => (None, format!(".git/tag/{id}")),
        Place::Ref { .. } => (None, ".git/refs".to_owned()),
        Place::File { path } => (Some(path), String::new()),
        Place::Blob { paths, id, .. } => {
            let lost = last_removed(finding).filter(|path| paths.contains(path));
            let path = lost.or(paths.first()).filter(|path| stays_inside(path));
            (path.map(|path| path.as_slice()), format!(".git/blob/{id}"))
        }
    };
    percent_encoded(path.map(|path| context.name(path)).as_deref().unwrap_or(object.as_bytes()))
}

/// A tree made by hand can hold `..` or an absolute path, which must not lead a viewer out of the root.
fn stays_inside(path: &[u8]) -> bool {
    path.split(|&b| b == b'/').all(|part| !matches!(part, b"" | b"." | b".."))
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
