//! What a hook says after its report: why everything stopped, and how to go on.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::finding::Finding;
use crate::hook::Hook;
use crate::report::printable;
use crate::rules::RuleMeta;

/// Most commits that are named.
const NAMED: usize = 5;

/// How to go on after findings. `trusting`: comments and files of the repository itself may allow something.
pub fn findings(hook: Hook, findings: &[Finding], rules: &[RuleMeta], trusting: bool) -> String {
    let mut out = String::new();
    let secrets = if findings.len() == 1 { "a secret".to_owned() } else { format!("{} secrets", findings.len()) };
    let what = what(hook);
    let _ = writeln!(out, "\nkeyscan stopped {what}: it would add {secrets}.\n");
    match hook {
        Hook::PreCommit | Hook::PreMergeCommit => {
            out.push_str(
                "  take it out    Put the secret where it belongs (a secret manager, the environment), edit the file,\n\
                 \x20                `git add` it and commit again. If it was ever shown to anyone: rotate it, see above.\n",
            );
        }
        _ => out.push_str(&rewrite(hook, findings)),
    }
    if trusting {
        let rule = rules.get(findings[0].rule).map_or("RULE", |meta| meta.id.as_str());
        let otherwise = match hook {
            // A server has no files: what is committed there is not asked.
            Hook::PreReceive | Hook::Update => {
                "ask those who\n                 run the server to allow it: give them the fingerprint above."
            }
            _ => {
                "accept it in the baseline:\n                 `keyscan baseline update --reason why`. docs/config.md says more."
            }
        };
        let _ = writeln!(
            out,
            "  no secret?     Say so in a comment on its line, `keyscan:allow {} why`, or {otherwise}",
            printable(rule)
        );
    } else {
        let _ = writeln!(
            out,
            "  no secret?     Ask those who set this check up to allow it: give them the fingerprint above."
        );
    }
    if let Some(around) = around(hook) {
        let _ = writeln!(out, "  skip it once   {around}");
    }
    out
}

/// How to take something out of commits that are made already.
fn rewrite(hook: Hook, findings: &[Finding]) -> String {
    let mut out = String::from("  take it out    ");
    if matches!(hook, Hook::PreReceive | Hook::Update) {
        out.push_str("Nothing of this push was accepted.\n                 ");
    }
    out.push_str("A further commit that deletes it does not help: the push would bring both.\n");
    let mut commits: BTreeMap<&str, &str> = BTreeMap::new();
    for first in findings.iter().filter_map(|f| f.life.as_ref()?.first.as_ref()) {
        commits.insert(&first.id, &first.summary);
    }
    let indent = " ".repeat(17);
    for (id, summary) in commits.iter().take(NAMED) {
        let short = &id[..10.min(id.len())];
        let _ = writeln!(out, "{indent}It came in with commit {short} \"{}\".", printable(summary));
    }
    if commits.len() > NAMED {
        let _ = writeln!(out, "{indent}And {} more commits, see above.", commits.len() - NAMED);
    }
    if commits.is_empty() {
        let _ = writeln!(
            out,
            "{indent}It is in a tag or in the name of a ref: delete that (`git tag -d NAME`, `git branch -m`), make it anew."
        );
    } else {
        let target = match commits.keys().collect::<Vec<_>>().as_slice() {
            [one] => format!("{}^", &one[..10.min(one.len())]),
            _ => "COMMIT^".to_owned(),
        };
        let _ = writeln!(
            out,
            "{indent}The last commit: edit, `git add`, `git commit --amend`. An older one: `git rebase -i {target}`,\n\
             {indent}mark it `edit`, and do the same there. Then push again."
        );
    }
    out.push_str("  rotate it      If it was ever shown to anyone, taking it out is not enough: see above.\n");
    out
}

/// How to go on when not everything could be checked.
pub fn incomplete(hook: Hook) -> String {
    let what = what(hook);
    let around = match around(hook) {
        // Nothing was found, or it stands above.
        Some(around) => around.replace("The secret is", "A secret in it is"),
        None => "Ask those who run the server to look at its hook.".to_owned(),
    };
    format!("\nkeyscan stopped {what}: it could not be checked as a whole, for the reasons above.\n  {around}\n")
}

fn what(hook: Hook) -> &'static str {
    match hook {
        Hook::PreCommit => "this commit",
        Hook::PreMergeCommit => "this merge",
        Hook::PrePush | Hook::PreReceive => "this push",
        Hook::Update => "this update",
    }
}

fn around(hook: Hook) -> Option<&'static str> {
    match hook {
        Hook::PreCommit => Some("`git commit --no-verify` makes no checks. The secret is then in your history."),
        Hook::PreMergeCommit => Some("`git merge --no-verify` makes no checks. The secret is then in your history."),
        Hook::PrePush => Some("`git push --no-verify` makes no checks. The secret is then known to the other side."),
        Hook::PreReceive | Hook::Update => None,
    }
}
