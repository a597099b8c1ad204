//! The report that GitLab reads from a job as `artifacts: reports: secret_detection`: version 15 of its schema.
//!
//! Left out on purpose: `raw_source_code_extract`, which is meant to hold the secret, and authors, which are personal data.

use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write};
use std::time::SystemTime;

use serde::Serialize;
use termcolor::WriteColor;

use super::context::Context;
use super::escape::JsonSafe;
use super::{place, printable, words};
use crate::finding::{Finding, Fingerprint, Severity};
use crate::rules::RuleMeta;

/// The schema written.
const VERSION: &str = "15.0.7";
const SCHEMA: &str = "https://gitlab.com/gitlab-org/security-products/security-report-schemas/-/raw/v15.0.7/dist/secret-detection-report-format.json";

/// What GitLab's own scanner gives as the commit of something that no commit has.
const NO_COMMIT: &str = "0000000";

/// Longest name and solution that the schema allows, in characters.
const LONGEST_NAME: usize = 255;
const LONGEST_SOLUTION: usize = 7000;

/// Further places listed of one finding.
const FEW: usize = 20;

#[derive(Serialize)]
struct Report {
    version: &'static str,
    schema: &'static str,
    scan: Scan,
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Serialize)]
struct Scan {
    analyzer: Tool,
    scanner: Tool,
    r#type: &'static str,
    start_time: String,
    end_time: String,
    status: &'static str,
    messages: Vec<Message>,
}

#[derive(Clone, Serialize)]
struct Tool {
    id: &'static str,
    name: &'static str,
    url: &'static str,
    vendor: Vendor,
    version: String,
}

#[derive(Clone, Serialize)]
struct Vendor {
    name: &'static str,
}

#[derive(Serialize)]
struct Message {
    level: &'static str,
    value: String,
}

#[derive(Serialize)]
struct Vulnerability {
    id: String,
    name: String,
    description: String,
    severity: &'static str,
    solution: String,
    identifiers: Vec<Identifier>,
    links: Vec<Link>,
    details: Details,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    flags: Vec<Flag>,
    location: Location,
}

#[derive(Serialize)]
struct Identifier {
    r#type: &'static str,
    name: String,
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'static str>,
}

#[derive(Serialize)]
struct Link {
    name: &'static str,
    url: String,
}

/// Named values that GitLab shows below a finding.
#[derive(Serialize)]
struct Details {
    masked: Detail,
    verdict: Detail,
    confidence: Detail,
    fingerprint: Detail,
    #[serde(skip_serializing_if = "Option::is_none")]
    places: Option<Detail>,
}

#[derive(Serialize)]
struct Detail {
    name: &'static str,
    r#type: &'static str,
    value: String,
}

#[derive(Serialize)]
struct Flag {
    r#type: &'static str,
    origin: &'static str,
    description: &'static str,
}

#[derive(Serialize)]
struct Location {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    commit: Commit,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_line: Option<usize>,
}

#[derive(Serialize)]
struct Commit {
    sha: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
}

/// Writes the report.
pub(super) fn write(context: &Context<'_>, out: &mut dyn WriteColor) -> io::Result<()> {
    let mut out = JsonSafe::new(BufWriter::new(out));
    serde_json::to_writer_pretty(&mut out, &build(context))?;
    out.write_all(b"\n")?;
    out.flush()
}

fn build(context: &Context<'_>) -> Report {
    let mut used = BTreeSet::new();
    let vulnerabilities = context.findings().into_iter().map(|f| build_vulnerability(context, f, &mut used)).collect();
    Report { version: VERSION, schema: SCHEMA, scan: build_scan(context), vulnerabilities }
}

fn build_scan(context: &Context<'_>) -> Scan {
    let tool = Tool {
        id: super::TOOL,
        name: super::TOOL,
        url: env!("CARGO_PKG_REPOSITORY"),
        vendor: Vendor { name: "the keyscan contributors" },
        version: context.version().to_owned(),
    };
    let receipt = context.report.receipt;
    let mut messages = vec![Message { level: "info", value: words::summary(context) }];
    messages.extend(receipt.problems.iter().map(|problem| {
        let help = problem.help.as_ref().map(|help| format!(" (help: {})", context.say(help))).unwrap_or_default();
        let object = context.say_name(problem.object.as_bytes());
        Message {
            level: if problem.accepted { "warn" } else { "fatal" },
            value: format!("not read: {object}: {}{help}", context.say(&problem.what)),
        }
    }));
    messages.extend(receipt.skipped.iter().map(|(reason, count)| Message {
        level: "info",
        value: format!("left out: {}: {count}", context.say(reason)),
    }));
    messages.extend(
        words::not_shown(context)
            .into_iter()
            .map(|line| Message { level: "info", value: format!("not shown: {line}") }),
    );
    messages.extend(words::config(context).into_iter().map(|value| Message { level: "info", value }));
    let now = now();
    Scan {
        analyzer: tool.clone(),
        scanner: tool,
        r#type: "secret_detection",
        start_time: now.clone(),
        end_time: now,
        status: if receipt.complete() { "success" } else { "failure" },
        messages,
    }
}

fn build_vulnerability(context: &Context<'_>, finding: &Finding, used: &mut BTreeSet<String>) -> Vulnerability {
    let rule = context.rule(finding);
    let severity = match finding.severity {
        Severity::Critical => "Critical",
        Severity::High => "High",
        Severity::Medium => "Medium",
        Severity::Low => "Low",
        Severity::Info => "Info",
    };
    let flag = Flag {
        r#type: "flagged-as-likely-false-positive",
        origin: super::TOOL,
        description: "Its checksum or structure is wrong: made up, cut off or damaged.",
    };
    let detail = |name, value: String| Detail { name, r#type: "text", value };
    Vulnerability {
        id: unique(finding.fingerprint, used),
        name: cut(&printable(&rule.name), LONGEST_NAME),
        description: description(context, finding),
        severity,
        solution: cut(&solution(rule), LONGEST_SOLUTION),
        identifiers: vec![
            Identifier {
                r#type: "keyscan_rule_id",
                name: format!("keyscan rule {}", printable(&rule.id)),
                value: printable(&rule.id),
                url: None,
            },
            Identifier {
                r#type: "cwe",
                name: "CWE-798".to_owned(),
                value: "798".to_owned(),
                url: Some("https://cwe.mitre.org/data/definitions/798.html"),
            },
        ],
        links: [("Revoke", &rule.rotate.revoke), ("Documentation", &rule.rotate.docs)]
            .into_iter()
            .filter_map(|(name, url)| Some(Link { name, url: url.clone().filter(|url| words::is_web_address(url))? }))
            .collect(),
        details: Details {
            masked: detail("Secret", context.say(&finding.masked)),
            verdict: detail("Verdict", finding.verdict.to_string()),
            confidence: detail("Confidence", finding.confidence.to_string()),
            fingerprint: detail("Fingerprint", finding.fingerprint.to_string()),
            places: places(context, finding).map(|text| detail("Places", text)),
        },
        flags: if words::is_leak(context, finding) { Vec::new() } else { vec![flag] },
        location: build_location(context, finding),
    }
}

/// GitLab takes descriptions for Markdown: what is special there is escaped.
fn description(context: &Context<'_>, finding: &Finding) -> String {
    super::markdown::prose(&words::what(context, finding))
}

fn solution(rule: &RuleMeta) -> String {
    if rule.rotate.steps.is_empty() {
        return words::FIRST.to_owned();
    }
    let steps: Vec<_> = rule.rotate.steps.iter().map(|step| printable(words::sentence(step))).collect();
    steps.join(" ")
}

fn build_location(context: &Context<'_>, finding: &Finding) -> Location {
    let none = Commit { sha: NO_COMMIT.to_owned(), date: None };
    let Some(main) = place::main(finding) else {
        return Location { file: None, commit: none, start_line: None, end_line: None };
    };
    let line = place::line(main);
    let first = finding.life.as_ref().and_then(|life| life.first.as_ref());
    let commit = place::commit(finding, main).map(|sha| Commit {
        sha: sha.to_owned(),
        date: first.filter(|first| first.id == sha).and_then(|first| instant(first.time)),
    });
    Location {
        // Without a file GitLab could not show it, so an object's name stands for one.
        file: Some(String::from_utf8_lossy(&place::name(context, finding, main)).into_owned()),
        commit: commit.unwrap_or(none),
        start_line: line,
        end_line: line.map(|_| main.position.end_line),
    }
}

/// The other places, a line each.
fn places(context: &Context<'_>, finding: &Finding) -> Option<String> {
    let lines = place::list(context, finding, FEW);
    (lines.len() > 1).then(|| lines.join("\n"))
}

/// The fingerprint in the form of a UUID. Fingerprints of weak secrets may collide; the next one is taken then.
fn unique(fingerprint: Fingerprint, used: &mut BTreeSet<String>) -> String {
    let mut number = u128::from_str_radix(&fingerprint.to_string(), 16).unwrap_or_default();
    loop {
        let hex = format!("{number:032x}");
        let id = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
        if used.insert(id.clone()) {
            return id;
        }
        number = number.wrapping_add(1);
    }
}

fn cut(text: &str, longest: usize) -> String {
    text.chars().take(longest).collect()
}

/// The time of writing in the schema's form, UTC. `SOURCE_DATE_EPOCH` (reproducible-builds.org) fixes it.
fn now() -> String {
    let fixed = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|t| t.parse().ok());
    let clock = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs().try_into().ok();
    let seconds = fixed.or_else(clock).unwrap_or_default();
    instant(seconds).map(|time| time.trim_end_matches('Z').to_owned()).unwrap_or_else(|| "1970-01-01T00:00:00".into())
}

/// RFC 3339 in whole seconds; `None` if the recorded time is out of any calendar.
fn instant(time: i64) -> Option<String> {
    Some(jiff::Timestamp::from_second(time).ok()?.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}
