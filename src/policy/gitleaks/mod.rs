//! Coming from gitleaks: its configuration, list of ignored fingerprints and baseline as files of keyscan, and a list of
//! what could not be carried over. Nothing is carried over wider than it was.

mod expression;
pub mod file;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use bstr::BString;

use super::baseline::Entry;
use super::comments::covers;
use super::{Spot, new_entry};
use crate::error::Result;
use crate::finding::{Finding, Place};
use crate::rules::RuleMeta;
use expression::{Expression, quoted, translate};
use file::{Allowlist, File, Ignored, Rule};

/// Name of the rule file that is written.
pub const RULES: &str = ".keyscan-rules.yaml";

/// How deep configurations may extend each other, as in gitleaks.
const DEPTH: usize = 2;

/// A configuration of keyscan.
#[derive(Debug, Default)]
pub struct Converted {
    /// `.keyscan.yaml`; `None` if there is nothing to say.
    pub config: Option<String>,
    /// [`RULES`]; `None` if there are no own rules.
    pub rules: Option<String>,
    /// Rules and allow entries that were made.
    pub made: (usize, usize),
    /// What could not be carried over, or not as it was.
    pub left: Vec<String>,
    /// What is different, and needs nothing.
    pub notes: Vec<String>,
}

/// Converts a configuration. `read` reads a file that it extends; `known` are keyscan's own rules.
pub fn convert(name: &str, text: &str, read: &dyn Fn(&str) -> Result<String>, known: &[RuleMeta]) -> Result<Converted> {
    let mut work = Work {
        known,
        ids: BTreeMap::new(),
        rules: Vec::new(),
        entropy: Vec::new(),
        allow: String::new(),
        skip: Vec::new(),
        out: Converted::default(),
    };
    let files = work.files(name, text, read, 0)?;
    for file in &files {
        file.rules.iter().for_each(|rule| work.name_rule(rule));
    }
    for file in files {
        work.file(file);
    }
    Ok(work.finish(name))
}

/// A conversion under way.
struct Work<'a> {
    known: &'a [RuleMeta],
    /// Ids of gitleaks, and what the rules are called here.
    ids: BTreeMap<String, String>,
    /// Rules that were made, by id. A file may give a rule of one that it extends another expression.
    rules: Vec<(String, String)>,
    /// Rules with a limit on entropy.
    entropy: Vec<String>,
    allow: String,
    skip: Vec<String>,
    out: Converted,
}

impl Work<'_> {
    fn left(&mut self, what: impl Into<String>) {
        self.out.left.push(one_line(&what.into()));
    }

    fn note(&mut self, what: impl Into<String>) {
        let what = one_line(&what.into());
        if !self.out.notes.contains(&what) {
            self.out.notes.push(what);
        }
    }

    /// The file and those that it extends, those first.
    fn files(
        &mut self,
        name: &str,
        text: &str,
        read: &dyn Fn(&str) -> Result<String>,
        depth: usize,
    ) -> Result<Vec<File>> {
        let mut file = File::parse(name, text)?;
        let mut files = Vec::new();
        let extend = file.extend.take().unwrap_or_default();
        if !extend.usedefault {
            self.note("keyscan's own rules stay in use: a configuration cannot replace them");
        }
        if let Some(path) = &extend.path {
            match (depth < DEPTH).then(|| read(path)) {
                Some(Ok(text)) => files.extend(self.files(path, &text, read, depth + 1)?),
                Some(Err(e)) => self.left(format!("extend: {path}: {e}")),
                None => self.left(format!("extend: {path}: files that extend files that extend files")),
            }
        }
        if let Some(url) = &extend.url {
            self.left(format!("extend: {url}: keyscan reads nothing from a network"));
        }
        for id in extend.disabledrules {
            if self.known.iter().any(|m| m.id == id) {
                self.skip.push(id);
            } else {
                self.left(format!(
                    "disabledRules: `{id}` is a rule of gitleaks; if keyscan has one like it that you do not want, put it \
                     under `rules: {{skip: [...]}}`"
                ));
            }
        }
        for key in file.rest.keys().filter(|k| !["title", "description", "minversion"].contains(&k.as_str())) {
            self.left(format!("`{key}`: keyscan has no such key"));
        }
        files.push(file);
        Ok(files)
    }

    /// Chooses an id for a rule that will be made.
    fn name_rule(&mut self, rule: &Rule) {
        if rule.id.is_empty() || rule.regex.as_deref().unwrap_or_default().is_empty() || self.ids.contains_key(&rule.id)
        {
            return;
        }
        let kebab: Vec<String> = rule
            .id
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|w| !w.is_empty())
            .map(str::to_ascii_lowercase)
            .collect();
        let kebab = if kebab.is_empty() { "rule".to_owned() } else { kebab.join("-") };
        let taken = |id: &str| self.known.iter().any(|m| m.id == id) || self.ids.values().any(|have| have == id);
        let mut id = if taken(&kebab) { format!("own-{kebab}") } else { kebab.clone() };
        for n in 2.. {
            if !taken(&id) {
                break;
            }
            id = format!("own-{kebab}-{n}");
        }
        self.ids.insert(rule.id.clone(), id);
    }

    fn file(&mut self, file: File) {
        for (at, rule) in file.rules.iter().enumerate() {
            if !rule.id.is_empty() && file.rules[at + 1..].iter().any(|later| later.id == rule.id) {
                self.note(format!(
                    "rule `{}` stands there more than once: the last one counts, as in gitleaks",
                    rule.id
                ));
            } else {
                self.rule(rule);
            }
        }
        for list in file.allowlist.iter().chain(&file.allowlists) {
            let mut rules = Vec::new();
            let mut unknown = Vec::new();
            for id in &list.targetrules {
                match self.id_of(id) {
                    Some(id) => rules.push(id),
                    None => unknown.push(id.clone()),
                }
            }
            let what = named("allowlist", &list.description);
            for id in &unknown {
                self.left(format!("{what}: it is for `{id}`, a rule of gitleaks that keyscan does not have"));
            }
            if list.targetrules.is_empty() || !rules.is_empty() {
                self.allowlist(list, &rules, &what);
            }
        }
    }

    /// The id that a rule of gitleaks has here.
    fn id_of(&self, id: &str) -> Option<String> {
        self.ids.get(id).cloned().or_else(|| self.known.iter().find(|m| m.id == id).map(|m| m.id.clone()))
    }

    fn rule(&mut self, rule: &Rule) {
        if rule.id.is_empty() {
            return self.left(format!("{}: it has no `id`", named("a rule", &rule.description)));
        }
        let what = format!("rule `{}`", rule.id);
        let regex = rule.regex.as_deref().unwrap_or_default();
        let made = if regex.is_empty() { self.adjusted(rule, &what) } else { self.own(rule, regex, &what) };
        for key in rule.rest.keys() {
            self.left(format!("{what}: `{key}`: keyscan has no such key"));
        }
        let Some(id) = made else { return };
        if let (Some(path), false) = (&rule.path, regex.is_empty()) {
            match translate(path, None).map(|p| p.replace("?P<secret>", "")) {
                Ok(path) => self.entry(
                    &[("rule", vec![id.clone()]), ("outside", vec![path])],
                    "the rule is for other paths (gitleaks: path)",
                ),
                Err(e) => self.left(format!("{what}: `path`: {e}")),
            }
        }
        for list in rule.allowlist.iter().chain(&rule.allowlists) {
            self.allowlist(
                list,
                std::slice::from_ref(&id),
                &format!("{what}: {}", named("allowlist", &list.description)),
            );
        }
    }

    /// A rule without an expression: one for file names, or a change of a rule that gitleaks has.
    fn adjusted(&mut self, rule: &Rule, what: &str) -> Option<String> {
        if rule.path.is_some() {
            self.left(format!("{what}: keyscan has no rules for mere file names"));
            return None;
        }
        let id = self.id_of(&rule.id);
        if id.is_none() {
            self.left(format!("{what}: it changes a rule of gitleaks that keyscan does not have"));
        }
        id
    }

    fn own(&mut self, rule: &Rule, regex: &str, what: &str) -> Option<String> {
        let id = self.ids.get(&rule.id)?.clone();
        let expression = match Expression::new(regex, rule.secretgroup) {
            Ok(expression) => expression,
            Err(e) => {
                self.left(format!("{what}: `regex`: {e}"));
                return None;
            }
        };
        if id != rule.id {
            self.note(format!("{what} is called `{id}`"));
        }
        if expression.least > 1000 {
            self.left(format!("{what}: its matches are longer than the 1,000 bytes that keyscan looks at"));
        }
        if rule.entropy.is_some_and(|e| e > 0.0) {
            self.entropy.push(one_line(&rule.id));
        } else {
            self.note(
                "what own rules find and what does not look random is held back as weak: `--confidence low` shows it",
            );
        }
        let name = if rule.description.trim().is_empty() { &rule.id } else { &rule.description };
        let keywords: Vec<_> = expression.keywords.iter().map(|k| quoted(k)).collect();
        let text = format!(
            "  - id: {id}\n    name: {}\n    regex: {}\n    keywords: [{}]\n    mint: {}\n    severity: high\n",
            quoted(&one_line(name)),
            quoted(&expression.regex),
            keywords.join(", "),
            quoted(&expression.mint)
        );
        match self.rules.iter_mut().find(|(have, _)| *have == id) {
            Some((_, extended)) => *extended = text,
            None => self.rules.push((id.clone(), text)),
        }
        self.out.made.0 = self.rules.len();
        Some(id)
    }

    fn allowlist(&mut self, list: &Allowlist, rules: &[String], what: &str) {
        for key in list.rest.keys() {
            self.left(format!("{what}: `{key}`: keyscan has no such key"));
        }
        let target = list.regextarget.as_deref().unwrap_or_default().to_ascii_lowercase();
        if !matches!(target.as_str(), "" | "secret" | "line" | "match") {
            return self.left(format!("{what}: `regexTarget = \"{target}\"` is none of secret, match and line"));
        }
        if matches!(target.as_str(), "line" | "match") && !list.regexes.is_empty() {
            self.left(format!(
                "{what}: `regexTarget = \"{target}\"`: keyscan looks at the secret alone, so it allows less than it did"
            ));
        }
        let mut convert = |key: &str, texts: &[String]| -> Vec<String> {
            let mut good = Vec::new();
            for text in texts {
                match translate(text, None).map(|t| t.replace("?P<secret>", "")).and_then(valid) {
                    Ok(text) => good.push(text),
                    Err(e) => self.left(format!("{what}: `{key}`: {text}: {e}")),
                }
            }
            good
        };
        let regexes = convert("regexes", &list.regexes);
        let paths = convert("paths", &list.paths);
        let words: Vec<_> = list.stopwords.iter().map(|w| format!("(?i){}", regex_syntax::escape(w))).collect();
        let commits: Vec<_> =
            list.commits.iter().map(|c| format!("^{}$", regex_syntax::escape(&c.to_ascii_lowercase()))).collect();
        let reason = if list.description.trim().is_empty() { "allowed in .gitleaks.toml" } else { &list.description };
        let with_rules = |mut keys: Vec<(&'static str, Vec<String>)>| {
            if !rules.is_empty() {
                keys.insert(0, ("rule", rules.to_vec()));
            }
            keys
        };
        let all = matches!(list.condition.as_deref().map(str::to_ascii_uppercase).as_deref(), Some("AND" | "&&"));
        if !all {
            let secret = [regexes, words].concat();
            for (key, texts) in [("secret", secret), ("path", paths), ("commit", commits)] {
                if !texts.is_empty() {
                    self.entry(&with_rules(vec![(key, texts)]), reason);
                }
            }
            return;
        }
        let lost =
            regexes.len() < list.regexes.len() && regexes.is_empty() || paths.is_empty() && !list.paths.is_empty();
        if lost || !regexes.is_empty() && !words.is_empty() {
            let why = if lost { "a part of it is missing" } else { "regexes and stopwords at once" };
            return self.left(format!("{what}: `condition = \"AND\"` with {why}"));
        }
        let secret = [regexes, words].concat();
        let keys: Vec<_> = [("secret", secret), ("path", paths), ("commit", commits)]
            .into_iter()
            .filter(|(_, t)| !t.is_empty())
            .collect();
        if !keys.is_empty() {
            self.entry(&with_rules(keys), reason);
        }
    }

    /// Writes an entry of `allow`.
    fn entry(&mut self, keys: &[(&str, Vec<String>)], reason: &str) {
        let mut first = true;
        for (key, texts) in keys {
            let texts: Vec<_> = texts.iter().map(|t| quoted(t)).collect();
            let lead = if std::mem::take(&mut first) { "  - " } else { "    " };
            let _ = match texts.as_slice() {
                [one] => writeln!(self.allow, "{lead}{key}: {one}"),
                several => writeln!(self.allow, "{lead}{key}:\n      - {}", several.join("\n      - ")),
            };
        }
        let _ = writeln!(self.allow, "    reason: {}", quoted(&one_line(reason)));
        self.out.made.1 += 1;
    }

    fn finish(mut self, name: &str) -> Converted {
        if !self.entropy.is_empty() {
            self.entropy.sort();
            self.entropy.dedup();
            self.out.left.push(format!(
                "`entropy`: keyscan has no such limit; text that does not look random is held back as weak. Rules: {}",
                self.entropy.join(", ")
            ));
        }
        if !self.rules.is_empty() {
            let rules: String = self.rules.iter().map(|(_, text)| text.as_str()).collect();
            self.out.rules = Some(format!(
                "# Made by `keyscan import gitleaks` from {name}. docs/rule-format.md explains each key.\n\
                 provider: Own rules\ngrants: what the service behind it gives to whoever holds the key\nrotate:\n  steps:\n    \
                 - Make a new key, deploy it, then revoke the leaked one.\nrules:\n{rules}"
            ));
        }
        let mut config = String::new();
        if self.out.rules.is_some() || !self.skip.is_empty() {
            config.push_str("rules:\n");
            if !self.skip.is_empty() {
                let _ = writeln!(config, "  skip: [{}]", self.skip.join(", "));
            }
            if self.out.rules.is_some() {
                let _ = writeln!(config, "  files: [{RULES}]");
            }
        }
        if !self.allow.is_empty() {
            let _ = write!(config, "allow:\n{}", self.allow);
        }
        if !config.is_empty() {
            self.out.config = Some(format!(
                "# Made by `keyscan import gitleaks` from {name}. docs/config.md explains each key.\n{config}"
            ));
        }
        self.out
    }
}

/// An expression that a config file takes.
fn valid(text: String) -> Result<String> {
    match regex::bytes::RegexBuilder::new(&text).size_limit(1 << 20).build() {
        Ok(_) if text.is_empty() => Err(crate::error::Error::new("it is empty")),
        Ok(_) => Ok(text),
        Err(e) => {
            Err(crate::error::Error::new("not a regular expression that keyscan can use")
                .cause(one_line(&e.to_string())))
        }
    }
}

fn named(what: &str, description: &str) -> String {
    if description.trim().is_empty() { what.to_owned() } else { format!("{what} \"{}\"", one_line(description)) }
}

/// Without control characters, and not too long.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().filter(|c| !c.is_control()).take(400).collect()
}

/// What became of ignored findings.
#[derive(Debug, Default)]
pub struct Resolved {
    /// Lines of a baseline.
    pub entries: Vec<Entry>,
    /// Ignored findings that are in the baseline now.
    pub found: usize,
    /// Ignored findings that keyscan does not report anyway.
    pub nothing: usize,
    /// What could not be carried over.
    pub left: Vec<String>,
}

/// Looks for ignored findings among those of a scan without ignores. `blob` gives the id of the blob at a path of a commit.
pub fn resolve(
    ignored: &[Ignored],
    findings: &[Finding],
    rules: &[RuleMeta],
    blob: &dyn Fn(&str, &str) -> Option<String>,
) -> Resolved {
    let mut resolved = Resolved::default();
    let mut lost: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for entry in ignored {
        let id = match &entry.commit {
            None => None,
            Some(commit) => match blob(commit, &entry.path) {
                Some(id) => Some(id),
                None if entry.secret.is_some() => None,
                None => {
                    lost.entry((commit, &entry.path)).or_default().push(&entry.at);
                    continue;
                }
            },
        };
        let there: Vec<&Finding> = findings.iter().filter(|f| stands(f, entry, id.as_deref())).collect();
        let same_rule: Vec<_> = there
            .iter()
            .copied()
            .filter(|f| rules[f.rule].id == entry.rule || covers(&entry.rule, &rules[f.rule].id))
            .collect();
        match (there.as_slice(), same_rule.as_slice()) {
            ([], _) => resolved.nothing += 1,
            ([one], _) | (_, [one]) => {
                let spot = Spot::Path(BString::from(entry.path.as_str()));
                let mut line = new_entry(one, &rules[one.rule].id, &spot);
                line.reason = Some(one_line(&format!("ignored for gitleaks, rule {}", entry.rule)));
                resolved.entries.push(line);
                resolved.found += 1;
            }
            _ => resolved.left.push(one_line(&format!(
                "{}: {} secrets stand on line {} of {}, and it is not said which is meant",
                entry.at,
                there.len(),
                entry.line,
                entry.path
            ))),
        }
    }
    for ((commit, path), at) in lost {
        let more = if at.len() > 1 { format!(" and {} more", at.len() - 1) } else { String::new() };
        let what = format!("{}{more}: the repository has no commit {commit} with {path}", at[0]);
        resolved.left.push(one_line(&what));
    }
    resolved.left.sort();
    let mut seen = BTreeSet::new();
    resolved.entries.retain(|e| seen.insert(e.key()));
    resolved
}

/// Is this the finding that was ignored?
fn stands(finding: &Finding, entry: &Ignored, id: Option<&str>) -> bool {
    let path = entry.path.as_bytes();
    let secret = finding.secret.expose();
    // Two scanners may disagree about where a secret ends.
    let same = |theirs: &String| {
        let theirs = theirs.as_bytes();
        let within = |a: &[u8], b: &[u8]| !a.is_empty() && memchr::memmem::find(b, a).is_some();
        within(theirs, secret) || within(secret, theirs)
    };
    if entry.secret.as_ref().is_some_and(|theirs| !same(theirs)) {
        return false;
    }
    finding.occurrences.iter().any(|o| {
        let line = entry.secret.is_some()
            || (o.position.line..=o.position.end_line).any(|l| (entry.line..=entry.end_line).contains(&l));
        let here = match &o.place {
            Place::File { path: file } => id.is_none() && file.as_slice() == path,
            Place::Blob { paths, id: blob, .. } => match id {
                Some(id) => blob == id,
                None => entry.secret.is_some() && paths.iter().any(|p| p.as_slice() == path),
            },
            _ => false,
        };
        line && here
    })
}

#[cfg(test)]
mod tests;
