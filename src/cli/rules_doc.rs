//! `keyscan rules doc`: the reference page of all rules, kept as `docs/rules.md`. CI compares the two.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::rules::{Certainty, Environment, Kind, Rule, RuleMeta, RuleSet};

const INTRODUCTION: &str = "\
# Rules

<!-- Made by `keyscan rules doc > docs/rules.md`. Change rules/*.yaml instead. -->

`keyscan explain ID` says more about each: its format, what it gives away, how it is proven and how to rotate it.

- **Proof** is what keyscan can show without a network: `checksum` is computed from the token itself, any other word is
  the structure that is decoded (`keyscan rules structures`), and none leaves shape, randomness and context. A checksum
  or structure that is *unconfirmed* raises confidence when it holds and says nothing when it does not.
- **Not a secret**: known so that it is not taken for something else; reported only with `--show-publishable`.
";

/// The page: a table for each provider.
pub fn page(rules: &RuleSet) -> String {
    let mut providers: BTreeMap<(String, &str), Vec<usize>> = BTreeMap::new();
    for (index, meta) in rules.metas().iter().enumerate() {
        providers.entry((meta.provider.to_lowercase(), &meta.provider)).or_default().push(index);
    }
    let mut out = INTRODUCTION.to_owned();
    let _ = writeln!(out, "\n{} rules of {} providers.", rules.metas().len(), providers.len());
    for ((_, provider), indices) in &providers {
        let _ = writeln!(out, "\n## {provider}\n\n| rule | finds | severity | proof |\n|---|---|---|---|");
        for &index in indices {
            let (meta, rule) = (&rules.metas()[index], &rules.rules()[index]);
            let _ =
                writeln!(out, "| `{}` | {} | {} | {} |", meta.id, cell(&meta.name), severity(meta), cell(&proof(rule)));
        }
    }
    out
}

fn severity(meta: &RuleMeta) -> String {
    let severity = meta.severity.as_str();
    match (meta.kind, meta.environment) {
        (Kind::Secret, Environment::Test) => format!("{severity}, test"),
        (Kind::Secret, _) => severity.to_owned(),
        (Kind::Hygiene, _) => format!("{severity}, hygiene"),
        _ => format!("{severity}, not a secret"),
    }
}

fn proof(rule: &Rule) -> String {
    let what = match (rule.checks.is_empty(), &rule.structure) {
        (false, _) => "checksum",
        (true, Some((structure, _))) => structure.name,
        (true, None) => return String::new(),
    };
    match rule.certainty {
        Certainty::Unconfirmed => format!("{what}, unconfirmed"),
        _ => what.to_owned(),
    }
}

/// Text inside a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_one_row() {
        let rules = crate::rules::builtin::rules().expect("the built-in rules are valid");
        let page = page(&rules);
        for meta in rules.metas() {
            let row = format!("| `{}` |", meta.id);
            assert_eq!(page.lines().filter(|line| line.starts_with(&row)).count(), 1, "{row}");
        }
        assert!(
            page.lines()
                .filter(|line| line.starts_with("| "))
                .all(|line| line.replace("\\|", "").matches('|').count() == 5)
        );
    }
}
