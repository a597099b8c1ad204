//! Rules as SARIF describes them: what the rule finds, what a leak gives away, what to do.

use std::collections::BTreeMap;

use serde_json::json;
use serde_sarif::sarif::{MultiformatMessageString, PropertyBag, ReportingConfiguration, ReportingDescriptor};

use crate::finding::{Finding, Severity};
use crate::report::context::Context;
use crate::report::words::{is_web_address, sentence};
use crate::rules::{Rotation, RuleMeta};

/// The rules that have results, sorted by id.
pub(super) fn used<'a>(context: &Context<'a>, findings: &[&Finding]) -> Vec<&'a RuleMeta> {
    let by_id: BTreeMap<_, _> =
        findings.iter().map(|finding| context.rule(finding)).map(|rule| (rule.id.as_str(), rule)).collect();
    by_id.into_values().collect()
}

/// The description of one rule.
pub(super) fn build(rule: &RuleMeta) -> ReportingDescriptor {
    let level = super::level(rule.severity).to_string();
    let mut descriptor = ReportingDescriptor::builder()
        .id(&rule.id)
        .name(pascal_case(&rule.id))
        .short_description(plain(&sentence(&rule.name)))
        .full_description(plain(&full(rule)))
        .help(build_help(rule))
        .default_configuration(ReportingConfiguration::builder().level(level).build())
        .properties(build_properties(rule))
        .build();
    let urls = [&rule.rotate.docs, &rule.rotate.revoke];
    descriptor.help_uri = urls.into_iter().flatten().find(|url| is_web_address(url)).cloned();
    descriptor
}

fn build_properties(rule: &RuleMeta) -> PropertyBag {
    let precision = match (rule.provable, rule.bits) {
        (true, _) => "very-high",
        (false, Some(64.0..)) => "high",
        (false, _) => "medium",
    };
    // The scale is that of CVSS; services make their own "critical" to "low" of it.
    let severity = match rule.severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "3.0",
        Severity::Info => "0.0",
    };
    let mut tags: Vec<String> = ["security", "secret", "external/cwe/cwe-798"].map(str::to_owned).into();
    if !tags.contains(&rule.provider) {
        tags.push(rule.provider.clone());
    }
    PropertyBag::builder()
        .tags(tags)
        .additional_properties(BTreeMap::from([
            ("precision".to_owned(), json!(precision)),
            ("security-severity".to_owned(), json!(severity)),
            ("environment".to_owned(), json!(rule.environment.as_str())),
            ("kind".to_owned(), json!(rule.kind.as_str())),
        ]))
        .build()
}

/// Help twice, as SARIF wants it: for viewers that know Markdown and for those that do not.
fn build_help(rule: &RuleMeta) -> MultiformatMessageString {
    let text = help(rule, &rule.rotate, |url| url.to_owned(), |command| command.to_owned());
    let link = |url: &str| {
        if is_web_address(url) { format!("<{url}>") } else { url.to_owned() }
    };
    let code = |command: &str| format!("\n\n```sh\n{command}\n```");
    let markdown = help(rule, &rule.rotate, link, code);
    MultiformatMessageString::builder().text(text).markdown(format!("# {}\n\n{markdown}", rule.name)).build()
}

fn help(rule: &RuleMeta, rotate: &Rotation, link: impl Fn(&str) -> String, code: impl Fn(&str) -> String) -> String {
    let mut parts = vec![full(rule)];
    parts.extend(rule.reason.as_ref().map(|reason| sentence(reason)));
    parts.push("A new commit or a deleted file does not undo the leak: revoke the credential first.".to_owned());
    let steps: Vec<_> = rotate.steps.iter().zip(1..).map(|(step, n)| format!("{n}. {step}")).collect();
    if !steps.is_empty() {
        parts.push(steps.join("\n"));
    }
    parts.extend(rotate.revoke.as_ref().map(|url| format!("Revoke at: {}", link(url))));
    parts.extend(rotate.docs.as_ref().map(|url| format!("Documentation: {}", link(url))));
    parts.extend(rotate.overlap.map(|overlap| {
        let can = if overlap { "can" } else { "cannot" };
        format!("Old and new {can} be valid at the same time.")
    }));
    let command = rotate.command.as_ref();
    parts
        .extend(command.map(|c| format!("Command that revokes it, with the secret in $TOKEN: {}", code(c.trim_end()))));
    parts.extend(rotate.audit.as_ref().map(|audit| sentence(&format!("Then check: {audit}"))));
    parts.join("\n\n")
}

fn full(rule: &RuleMeta) -> String {
    let what = format!("Finds: {}, issued by {}.", rule.name, rule.provider);
    if rule.grants.is_empty() { what } else { sentence(&format!("{what} What it gives away: {}", rule.grants)) }
}

fn plain(text: &str) -> MultiformatMessageString {
    MultiformatMessageString::builder().text(text).build()
}

/// SARIF wants names to be identifiers, and different from the id.
fn pascal_case(id: &str) -> String {
    let capital = |word: &str| -> String {
        let mut chars = word.chars();
        chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
    };
    id.split('-').map(capital).collect()
}
