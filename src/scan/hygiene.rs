//! Hygiene: what is said of files and places rather than of secrets.

use bstr::{BString, ByteSlice};

use crate::finding::{Confidence, Fact, Finding, Fingerprint, Life, Occurrence, Place, Receipt, Secret, Severity};
use crate::rules::{Anchoring, Kind, Rule, RuleSet};

/// Most characters of a name that are shown.
const SHOWN: usize = 120;

/// What was found by a rule of hygiene is a name or a first line, which may be read.
pub(super) fn shown(found: &Secret) -> String {
    if !found.expose().is_ascii() {
        return "binary data".to_owned();
    }
    let text = found.expose().lines().next().unwrap_or_default().to_str_lossy();
    text.chars().take(SHOWN).map(|c| if c.is_control() { '.' } else { c }).collect()
}

/// Takes out what was a habit once and is none any more, and adds what findings show together.
pub(super) fn review(set: &RuleSet, findings: &mut Vec<Finding>, receipt: &mut Receipt) {
    let before = findings.len();
    findings.retain(|f| set.metas()[f.rule].kind != Kind::Hygiene || is_here(f));
    let past = (before - findings.len()) as u64;
    if past > 0 {
        receipt.skipped.push(("hygiene of files that no branch or tag holds any more".into(), past));
    }
    let rules = set.rules().iter().enumerate();
    for (index, rule) in rules.filter(|(_, rule)| matches!(rule.anchoring, Anchoring::Derived)) {
        let shipped: Vec<Finding> =
            findings.iter().filter(|f| is_grave(set, f)).filter_map(|f| in_browsers(set, index, rule, f)).collect();
        findings.extend(shipped);
    }
}

/// Does a file, or the tip of a ref, have it now? Where only a part of the history was asked for, that part counts.
fn is_here(finding: &Finding) -> bool {
    // What only the log of a ref leads to has been taken back.
    let held = |life: &Life| {
        let lists = [&life.branches, &life.remotes, &life.tags];
        life.in_head
            || lists.iter().any(|list| !list.is_empty())
            || life.other_refs.iter().any(|name| !name.contains("@{"))
    };
    finding.in_tree() || finding.life.as_ref().is_none_or(held)
}

/// Is it a secret that must not be in a page? Keys of maps and the like are often made for pages.
fn is_grave(set: &RuleSet, finding: &Finding) -> bool {
    set.metas()[finding.rule].kind == Kind::Secret
        && finding.severity >= Severity::High
        && finding.confidence >= Confidence::High
        && is_here(finding)
}

/// The places of a secret that ship to browsers, as a finding of its own.
fn in_browsers(set: &RuleSet, index: usize, rule: &Rule, of: &Finding) -> Option<Finding> {
    let ships = |path: &BString| rule.wants_path(path) && ships(path);
    let here = |o: &&Occurrence| match &o.place {
        Place::File { path } => ships(path),
        Place::Blob { paths, .. } => paths.iter().any(ships),
        _ => false,
    };
    let occurrences: Vec<Occurrence> = of.occurrences.iter().filter(here).cloned().collect();
    let first = match &occurrences.first()?.place {
        Place::File { path } => path.clone(),
        Place::Blob { paths, .. } => paths.iter().find(|path| ships(path))?.clone(),
        _ => return None,
    };
    let meta = &set.metas()[index];
    let fingerprint = if of.guessable {
        Fingerprint::weak(&meta.id, &first, b"", &of.secret)
    } else {
        Fingerprint::strong(&meta.id, &of.secret)
    };
    Some(Finding {
        fingerprint,
        rule: index,
        severity: meta.severity,
        reasons: Vec::new(),
        facts: vec![Fact::new("secret", &set.metas()[of.rule].id)],
        occurrences,
        more_places: 0,
        ..of.clone()
    })
}

/// Directories that web servers hand out, and what pages load from them.
const HANDED_OUT: &[&str] = &["public", "static", "wwwroot", "public_html", "htdocs", "www"];
const LOADED: &[&str] = &["js", "mjs", "map", "json", "css"];
/// Files that are nothing but page.
const PAGES: &[&str] = &["html", "htm", "vue", "svelte", "jsx"];
/// Directories of programs that run on the server.
const SERVER: &[&str] = &["server", "api", "backend", "functions", "scripts", "cmd"];

/// Does a browser get the file, as far as its path says?
fn ships(path: &BString) -> bool {
    let Ok(path) = path.to_str() else { return false };
    let (directories, name) = path.rsplit_once('/').unwrap_or(("", path));
    let end = name.rsplit_once('.').map_or("", |(_, end)| end);
    let mut parts = directories.split('/');
    let built = name.ends_with(".min.js") || name.ends_with(".bundle.js");
    let handed_out = LOADED.contains(&end) && parts.clone().any(|part| HANDED_OUT.contains(&part));
    (built || handed_out || PAGES.contains(&end)) && !parts.any(|part| SERVER.contains(&part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_ship_to_browsers() {
        let yes = ["public/app.js", "web/static/js/main.js", "src/App.vue", "index.html", "build/app.min.js"];
        let no = ["src/app.js", "server/public/x.js", "public/index.php", "src/server/render.jsx", "static/key.pem"];
        for path in yes {
            assert!(ships(&path.into()), "{path}");
        }
        for path in no {
            assert!(!ships(&path.into()), "{path}");
        }
    }
}
