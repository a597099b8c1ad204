//! `.keyscan.yaml`: which rules are shown, which paths are left out, what is allowed. `docs/config.md` explains each key, and
//! `docs/keyscan.schema.json` is the same for editors; a test compares it with the types here.
//!
//! The file may come from the repository that is scanned, so it can only narrow what is shown. It never switches the
//! built-in rules off (all of them look, and what they find is counted), and nothing in it runs, connects or writes.

use std::path::PathBuf;

use jiff::civil::Date;
use regex::bytes::{RegexSet, RegexSetBuilder};
use serde::Deserialize;

use super::comments::covers;
use super::paths::{Patterns, at};
use crate::error::{Error, Result};
use crate::finding::{Confidence, Severity};
use crate::rules::RuleMeta;
use crate::rules::syntax::{OneOrMany, unquoted};

/// Most entries of `allow` with regular expressions.
const MOST_REGEXES: usize = 500;
/// Bytes that one compiled list of regular expressions may take.
const REGEX_SIZE: usize = 1 << 20;

/// The JSON schema of the file.
pub const SCHEMA: &str = include_str!("../../docs/keyscan.schema.json");

/// The file as written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "keys such as `ignore:` and `allow:`")]
struct Spec {
    rules: RulesSpec,
    ignore: Vec<String>,
    confidence: Option<Confidence>,
    severity: Option<Severity>,
    allow: Vec<AllowSpec>,
}

/// Which rules are shown.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RulesSpec {
    only: Vec<String>,
    skip: Vec<String>,
    files: Vec<PathBuf>,
}

/// One entry of `allow` as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AllowSpec {
    rule: Option<OneOrMany>,
    fingerprint: Option<OneOrMany>,
    sha256: Option<OneOrMany>,
    secret: Option<OneOrMany>,
    path: Option<OneOrMany>,
    outside: Option<OneOrMany>,
    commit: Option<OneOrMany>,
    reason: String,
    owner: Option<String>,
    expires: Option<String>,
}

/// A config file, checked.
#[derive(Debug)]
pub struct Config {
    /// The file as it is named in reports.
    pub name: String,
    /// Ids or beginnings of ids; empty: all rules.
    pub only: Vec<String>,
    /// Ids or beginnings of ids whose findings are not shown.
    pub skip: Vec<String>,
    /// Rule files, as written.
    pub rule_files: Vec<PathBuf>,
    /// Paths that are left out.
    pub ignore: Option<Patterns>,
    /// Least confidence, unless the command line says otherwise.
    pub confidence: Option<Confidence>,
    /// Least severity, unless the command line says otherwise.
    pub severity: Option<Severity>,
    /// What is allowed.
    pub allow: Vec<Allow>,
}

/// Findings that are allowed: those for which everything that the entry names is so.
#[derive(Debug)]
pub struct Allow {
    /// Line of the entry; 0 if it cannot be told.
    pub line: usize,
    rules: Vec<String>,
    fingerprints: Vec<String>,
    sha256: Vec<String>,
    secret: Option<RegexSet>,
    path: Option<RegexSet>,
    outside: Option<RegexSet>,
    commit: Option<RegexSet>,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Last day on which it holds.
    pub expires: Option<Date>,
}

/// What an [`Allow`] is asked about: a finding at one of its places.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Id of the rule.
    pub rule: &'a str,
    /// Fingerprints by which the finding is known at this place.
    pub fingerprints: &'a [String],
    /// SHA-256 of the secret, in hex.
    pub sha256: &'a str,
    /// The secret.
    pub secret: &'a [u8],
    /// The path of the place, if it has one.
    pub path: Option<&'a [u8]>,
    /// Commits that brought the secret to this place.
    pub commits: &'a [String],
}

impl Config {
    /// Reads the text of a config file; `name` is how it is called in reports.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let empty = text.lines().all(|l| l.trim().is_empty() || l.trim_start().starts_with('#') || l.trim() == "---");
        let spec: Spec = if empty {
            Spec::default()
        } else {
            serde_yaml::from_str(text).map_err(|e| {
                let place = e.location().map(|l| format!(":{}:{}", l.line(), l.column())).unwrap_or_default();
                Error::new(format!("{name}{place}: not a valid config file"))
                    .cause(unquoted(&e.to_string()))
                    .help("docs/config.md lists the keys; `keyscan config check` checks a file")
            })?
        };
        let lines = items(text, "allow");
        let ignored: Vec<_> = {
            let lines = items(text, "ignore");
            let line = |n: usize| lines.get(n).copied().unwrap_or(0);
            spec.ignore.iter().enumerate().map(|(n, pattern)| (line(n), pattern.clone())).collect()
        };
        let with_regex = |a: &&AllowSpec| [&a.secret, &a.path, &a.outside, &a.commit].iter().any(|r| r.is_some());
        if spec.allow.iter().filter(with_regex).count() > MOST_REGEXES {
            return Err(Error::new(format!(
                "{name}: more than {MOST_REGEXES} entries of `allow` have regular expressions"
            ))
            .help("write several expressions as one list: `path: [a, b]`"));
        }
        let allow = spec.allow.iter().enumerate();
        let allow = allow.map(|(n, a)| Allow::new(name, lines.get(n).copied().unwrap_or(0), n, a));
        Ok(Self {
            name: name.to_owned(),
            ignore: if ignored.is_empty() { None } else { Some(Patterns::new(name, ignored)?) },
            allow: allow.collect::<Result<_>>()?,
            only: spec.rules.only,
            skip: spec.rules.skip,
            rule_files: spec.rules.files,
            confidence: spec.confidence,
            severity: spec.severity,
        })
    }

    /// Does every rule that the file names exist, and is one left to be shown?
    pub fn check_rules(&self, rules: &[RuleMeta]) -> Result<()> {
        let named = self.allow.iter().flat_map(|a| a.rules.iter().map(|r| (a.line, "allow", r)));
        let chosen =
            self.only.iter().map(|r| (0, "rules.only", r)).chain(self.skip.iter().map(|r| (0, "rules.skip", r)));
        for (line, key, name) in chosen.chain(named) {
            if !rules.iter().any(|m| covers(name, &m.id)) {
                return Err(Error::new(format!(
                    "{}: `{key}` names `{name}`, and no rule is called so",
                    at(&self.name, line)
                ))
                .help("`keyscan rules list` shows all; `github` stands for all that begin with `github-`"));
            }
        }
        if !rules.is_empty() && !rules.iter().any(|m| self.shows(&m.id)) {
            return Err(Error::new(format!("{}: no rule is left, so nothing would ever be shown", self.name))
                .help("`rules.only` and `rules.skip` together exclude every rule: remove one"));
        }
        Ok(())
    }

    /// Are findings of a rule shown?
    pub fn shows(&self, id: &str) -> bool {
        (self.only.is_empty() || self.only.iter().any(|p| covers(p, id))) && !self.skip.iter().any(|p| covers(p, id))
    }
}

impl Allow {
    fn new(name: &str, line: usize, index: usize, spec: &AllowSpec) -> Result<Self> {
        let wrong = |key: &str, what: &str, help: &str| {
            Error::new(format!("{}: `allow[{index}].{key}` {what}", at(name, line))).help(help)
        };
        let list = |values: &Option<OneOrMany>| values.as_ref().map(|v| v.as_slice().to_vec()).unwrap_or_default();
        let hex = |key: &str, values: &Option<OneOrMany>, length: usize| {
            let values: Vec<String> = list(values).iter().map(|v| v.to_ascii_lowercase()).collect();
            match values.iter().find(|v| v.len() != length || !v.bytes().all(|b| b.is_ascii_hexdigit())) {
                Some(_) => Err(wrong(key, &format!("is not {length} hex digits"), "copy it from a report")),
                None => Ok(values),
            }
        };
        let regex = |key: &str, values: &Option<OneOrMany>| {
            let Some(values) = values else { return Ok(None) };
            if values.as_slice().is_empty() || values.as_slice().iter().any(String::is_empty) {
                return Err(wrong(key, "is empty, so it would match everything", "remove it, or write an expression"));
            }
            RegexSetBuilder::new(values.as_slice()).size_limit(REGEX_SIZE).build().map(Some).map_err(|e| {
                wrong(key, "is not a regular expression that keyscan can use", "see the syntax of the regex crate")
                    .cause(e.to_string())
            })
        };
        if spec.reason.trim().is_empty() {
            return Err(wrong("reason", "is empty", "say why it is no leak, for whoever comes after you"));
        }
        let expires = match &spec.expires {
            Some(date) => {
                Some(date.parse::<Date>().map_err(|_| wrong("expires", "is no date", "write it like 2027-01-31"))?)
            }
            None => None,
        };
        let named = [&spec.fingerprint, &spec.sha256, &spec.secret, &spec.path, &spec.outside, &spec.commit];
        if named.iter().all(|n| n.is_none()) {
            return Err(Error::new(format!("{}: `allow[{index}]` names nothing that is allowed", at(name, line)))
                .help(
                    "give it a fingerprint, sha256, secret, path, outside or commit; a whole rule is switched off with \
                 `rules: {skip: [ID]}`",
                ));
        }
        Ok(Self {
            line,
            rules: list(&spec.rule),
            fingerprints: hex("fingerprint", &spec.fingerprint, 32)?,
            sha256: hex("sha256", &spec.sha256, 64)?,
            secret: regex("secret", &spec.secret)?,
            path: regex("path", &spec.path)?,
            outside: regex("outside", &spec.outside)?,
            commit: regex("commit", &spec.commit)?,
            reason: spec.reason.trim().to_owned(),
            owner: spec.owner.clone(),
            expires,
        })
    }

    /// Is everything that the entry names so?
    pub fn holds(&self, of: &Question<'_>) -> bool {
        let among = |list: &[String], any: &dyn Fn(&String) -> bool| list.is_empty() || list.iter().any(any);
        fn matches<'t>(set: &Option<RegexSet>, mut texts: impl Iterator<Item = &'t [u8]>) -> bool {
            set.as_ref().is_none_or(|set| texts.any(|text| set.is_match(text)))
        }
        among(&self.rules, &|r| covers(r, of.rule))
            && among(&self.fingerprints, &|f| of.fingerprints.contains(f))
            && among(&self.sha256, &|h| h == of.sha256)
            && matches(&self.secret, std::iter::once(of.secret))
            && matches(&self.path, of.path.into_iter())
            && self.outside.as_ref().is_none_or(|set| of.path.is_some_and(|path| !set.is_match(path)))
            && matches(&self.commit, of.commits.iter().map(String::as_bytes))
    }
}

/// Lines (from 1) of the items of a top-level list in block style; empty if it is written otherwise.
fn items(text: &str, key: &str) -> Vec<usize> {
    let mut lines = text.lines().enumerate().skip_while(|(_, l)| l.trim_end() != format!("{key}:"));
    lines.next();
    let body = lines.take_while(|(_, l)| l.trim().is_empty() || l.starts_with([' ', '-', '#']));
    let indent = |l: &str| l.len() - l.trim_start().len();
    let mut depth = None;
    let mut found = Vec::new();
    for (number, line) in body {
        let is_item = line.trim_start().starts_with("- ") || line.trim() == "-";
        if is_item && *depth.get_or_insert(indent(line)) == indent(line) {
            found.push(number + 1);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn error(text: &str) -> String {
        let e = Config::parse(".keyscan.yaml", text).unwrap_err();
        format!("{e} | {}", e.advice().unwrap_or_default())
    }

    /// Keys of an object of the file, as the parser lists them when it meets one that it does not know.
    fn keys(text: &str) -> Vec<String> {
        let message = error(text);
        let list = message.split("expected one of ").nth(1).unwrap_or_else(|| panic!("{message}"));
        let mut keys: Vec<_> = list.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        keys.retain(|k| k.chars().all(|c| c.is_ascii_alphanumeric()) && k != "keyscan config check");
        keys.sort();
        keys
    }

    #[test]
    fn the_schema_knows_the_same_keys() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
        let of = |object: &serde_json::Value| {
            assert_eq!(object["additionalProperties"], false);
            let properties = object["properties"].as_object().unwrap();
            assert!(properties.values().all(|p| p["description"].is_string()), "a key is not described");
            properties.keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(of(&schema), keys("nothing: 1\n"));
        assert_eq!(of(&schema["properties"]["rules"]), keys("rules: {nothing: 1}\n"));
        let entry = &schema["properties"]["allow"]["items"];
        assert_eq!(of(entry), keys("allow: [{nothing: 1}]\n"));
        assert_eq!(entry["required"], serde_json::json!(["reason"]));
        let docs = include_str!("../../docs/config.md");
        for key in [of(&schema), of(entry)].concat() {
            assert!(docs.contains(&format!("| `{key}` |")), "docs/config.md says nothing about `{key}`");
        }
    }

    #[test]
    fn errors_name_file_line_and_key() {
        let cases = [
            ("ignore:\n  - a\nrulez: {}\n", ".keyscan.yaml:3:1: ", "unknown field `rulez`"),
            ("confidence: sure\n", ".keyscan.yaml:1:", "confidence"),
            ("allow:\n  - path: a\n", ".keyscan.yaml:2:", "missing field `reason`"),
            (
                "allow:\n\n  - path: a\n    reason: x\n  - path: '['\n    reason: x\n",
                ".keyscan.yaml:5: ",
                "`allow[1].path`",
            ),
            ("allow:\n- secret: ''\n  reason: x\n", ".keyscan.yaml:2: ", "`allow[0].secret` is empty"),
            ("allow:\n- reason: x\n", ".keyscan.yaml:2: ", "names nothing"),
            ("allow:\n- reason: x\n  rule: a\n", ".keyscan.yaml:2: ", "names nothing"),
            ("allow:\n- reason: ' '\n  path: a\n", ".keyscan.yaml:2: ", "`allow[0].reason` is empty"),
            ("allow:\n- reason: x\n  sha256: abc\n", ".keyscan.yaml:2: ", "64 hex digits"),
            ("allow:\n- {reason: x, path: a, expires: soon}\n", ".keyscan.yaml:2: ", "`allow[0].expires` is no date"),
            ("ignore:\n  - ok\n  - 'a[z-a]'\n", ".keyscan.yaml:3: ", "not a valid pattern"),
            ("allow:\n- {reason: x, path: '(?:(?:a{1000}){1000}){1000}'}\n", ".keyscan.yaml:2: ", "size limit"),
        ];
        for (text, place, what) in cases {
            let error = error(text);
            assert!(error.starts_with(place) && error.contains(what), "{text:?} gives: {error}");
        }
    }

    #[test]
    fn a_config_of_comments_is_an_empty_one() {
        let config = Config::parse("c", "# nothing yet\n\n").unwrap();
        assert!(config.shows("anything") && config.allow.is_empty());
    }
}
