//! `keyscan rules ...` and `keyscan explain`.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::json;

use crate::cli::args::{ListArgs, RulesCommand};
use crate::cli::{Exit, print, rules_doc, settings};
use crate::error::{Error, Result};
use crate::finding::Severity;
use crate::rules::syntax::RuleFile;
use crate::rules::{Rotation, Rule, RuleMeta, RuleSet, builtin, check, whole_bits};
use crate::structure::STRUCTURES;

/// Runs a command about rules.
pub fn run(command: &RulesCommand) -> Result<Exit> {
    match command {
        RulesCommand::List(args) => list(args),
        RulesCommand::Show { id, rules } => show(id, rules),
        RulesCommand::Check { files } => check_files(files),
        RulesCommand::Structures => structures(),
        RulesCommand::Doc => print(&rules_doc::page(&builtin::rules()?)),
    }
}

fn list(args: &ListArgs) -> Result<Exit> {
    let rules = settings::load(&args.rules)?;
    let filter = args.filter.as_deref().unwrap_or_default().to_lowercase();
    let least = args.severity.map_or(Severity::Info, Severity::from);
    let provider = args.provider.as_deref().unwrap_or_default().to_lowercase();
    let wanted: Vec<(&Rule, &RuleMeta)> = rules
        .rules()
        .iter()
        .zip(rules.metas())
        .filter(|(_, m)| [&m.id, &m.name, &m.provider].iter().any(|t| t.to_lowercase().contains(&filter)))
        .filter(|(_, m)| m.provider.to_lowercase().contains(&provider))
        .filter(|(_, m)| m.severity >= least && (!args.provable || m.provable))
        .filter(|(_, m)| args.kind.is_none_or(|kind| m.kind == kind))
        .filter(|(_, m)| args.environment.is_none_or(|environment| m.environment == environment))
        .filter(|(rule, m)| args.certainty.is_none_or(|certainty| m.provable && rule.certainty == certainty))
        .collect();
    let mut out = String::new();
    if args.json {
        let rows: Vec<_> = wanted.iter().map(|(rule, m)| as_json(rule, m)).collect();
        out = serde_json::to_string_pretty(&rows).map_err(|e| Error::new("cannot make JSON").cause(e))?;
        out.push('\n');
    } else {
        let width = wanted.iter().map(|(_, m)| m.id.len()).max().unwrap_or(0);
        for (_, m) in &wanted {
            let proof = if m.provable { "provable" } else { "" };
            let _ = writeln!(out, "{:width$}  {:8}  {:11}  {proof:8}  {}", m.id, m.severity, m.kind.as_str(), m.name);
        }
        let _ = writeln!(out, "{} rule{}", wanted.len(), if wanted.len() == 1 { "" } else { "s" });
    }
    print(&out)
}

fn as_json(rule: &Rule, m: &RuleMeta) -> serde_json::Value {
    json!({
        "id": m.id, "name": m.name, "provider": m.provider, "severity": m.severity, "kind": m.kind.as_str(),
        "environment": m.environment.as_str(), "provable": m.provable,
        "certainty": m.provable.then(|| rule.certainty.as_str()), "checksum": !rule.checks.is_empty(),
        "structure": rule.structure.as_ref().map(|(structure, _)| structure.name), "format": m.shape,
        "near": rule.context.as_ref().map(|context| &context.near), "pairs": rule.pairs,
        "bits": m.bits.map(whole_bits),
        "grants": m.grants, "reason": m.reason, "revoke": m.rotate.revoke, "docs": m.rotate.docs,
        "overlap": m.rotate.overlap, "self_revoke": m.rotate.self_revoke, "audit": m.rotate.audit,
    })
}

/// Shows one rule in full.
pub fn show(id: &str, files: &[PathBuf]) -> Result<Exit> {
    let rules = settings::load(files)?;
    let index = find(&rules, id)?;
    print(&describe(&rules, index))
}

/// Index of a rule; the error names those that it could have been.
pub(super) fn find(rules: &RuleSet, id: &str) -> Result<usize> {
    rules.index_of(id).ok_or_else(|| unknown(rules, id))
}

/// The error for an id that no rule has: names those that hold it, or else those that are spelled nearly so.
pub(super) fn unknown(rules: &RuleSet, id: &str) -> Error {
    let wanted = id.to_lowercase();
    let ids = || rules.metas().iter().map(|m| m.id.as_str());
    let mut near: Vec<_> = ids().filter(|id| !wanted.is_empty() && id.contains(&wanted)).collect();
    if near.is_empty() {
        near = ids().filter(|id| strsim::osa_distance(id, &wanted) <= wanted.len() / 5).collect();
        near.sort_by_key(|id| strsim::osa_distance(id, &wanted));
    }
    near.truncate(5);
    let help = if near.is_empty() {
        "`keyscan rules list` shows all".to_owned()
    } else {
        format!("did you mean: {}?", near.join(", "))
    };
    Error::new(format!("no rule is called `{id}`")).help(help)
}

fn describe(rules: &RuleSet, index: usize) -> String {
    let (meta, rule) = (&rules.metas()[index], &rules.rules()[index]);
    let mut out = format!("{}\n{}\n\n", meta.name, "=".repeat(meta.name.chars().count()));
    let mut row = |label: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(out, "{label:12} {value}");
        }
    };
    row("id", &meta.id);
    row("provider", &meta.provider);
    row("severity", meta.severity.as_str());
    row("environment", meta.environment.as_str());
    row("kind", meta.kind.as_str());
    row("why", meta.reason.as_deref().unwrap_or_default());
    row("gives", &meta.grants);
    row("format", &meta.shape);
    row(
        "entropy",
        &meta.bits.filter(|b| *b > 0.0).map(|b| format!("{} bits at least", whole_bits(b))).unwrap_or_default(),
    );
    if let Some(context) = &rule.context {
        row("needs near", &context.near.join(", "));
    }
    let proof = match (rule.checks.is_empty(), &rule.structure) {
        (false, _) => "checksum, computed offline".to_owned(),
        (true, Some((structure, _))) => structure.what.to_owned(),
        (true, None) => "none offline: prefix, alphabet, length and randomness".to_owned(),
    };
    row("proof", &proof);
    out.push_str("\nIf it leaked\n");
    out.push_str(&if_leaked(&meta.rotate));
    out
}

/// What to do when a credential leaked, indented.
pub(super) fn if_leaked(rotate: &Rotation) -> String {
    let mut out = String::new();
    for (n, step) in rotate.steps.iter().enumerate() {
        let _ = writeln!(out, "  {}. {step}", n + 1);
    }
    let mut row = |label: &str, value: Option<&str>| {
        if let Some(value) = value {
            let _ = writeln!(out, "  {label:10} {value}");
        }
    };
    row("revoke", rotate.revoke.as_deref());
    row("command", rotate.command.as_deref());
    row("docs", rotate.docs.as_deref());
    row(
        "overlap",
        rotate
            .overlap
            .map(|o| if o { "old and new may be valid together" } else { "the old one dies when the new one is made" }),
    );
    row("by holder", rotate.self_revoke.filter(|s| *s).map(|_| "whoever holds it can revoke it"));
    row("audit", rotate.audit.as_deref());
    out
}

fn check_files(files: &[PathBuf]) -> Result<Exit> {
    let mut findings = Vec::new();
    let mut count = 0;
    let mut parsed = builtin::files()?;
    if files.is_empty() {
        for (origin, file) in &parsed {
            count += file.rules.len();
            // Advice on the built-in rules is for their authors.
            findings.extend(check::file(origin, "", file).into_iter().filter(|f| f.is_error));
        }
    } else {
        for path in files {
            let (origin, text) = settings::read_rules(path)?;
            let file = RuleFile::parse(&origin, &text)?;
            count += file.rules.len();
            findings.extend(check::file(&origin, &text, &file));
            parsed.push((origin, file));
        }
    }
    findings.extend(check::ids(&parsed));
    findings.extend(check::pairs(&parsed));
    let mut out = String::new();
    for finding in &findings {
        let _ = writeln!(out, "{finding}");
    }
    let errors = findings.iter().filter(|f| f.is_error).count();
    let s = |n: usize| if n == 1 { "" } else { "s" };
    let advice = findings.len() - errors;
    let _ = writeln!(
        out,
        "{count} rule{} checked, {errors} error{}, {advice} piece{} of advice",
        s(count),
        s(errors),
        s(advice)
    );
    print(&out)?;
    Ok(if errors > 0 { Exit::Findings } else { Exit::Clean })
}

fn structures() -> Result<Exit> {
    let mut out = String::new();
    for structure in STRUCTURES.iter().copied().flatten() {
        let name = [&[structure.name], structure.args].concat().join(" ");
        let _ = writeln!(out, "{name:40} {}", structure.what);
    }
    print(&out)
}
