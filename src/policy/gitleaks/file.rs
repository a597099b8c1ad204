//! The files of gitleaks: its configuration in TOML, its list of ignored fingerprints, its JSON report. Written from its
//! documentation. Keys are read in any letter case, as gitleaks does.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::{Error, Result};

/// A `.gitleaks.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct File {
    /// What it builds on.
    pub extend: Option<Extend>,
    /// Its rules.
    pub rules: Vec<Rule>,
    /// The old spelling.
    pub allowlist: Option<Allowlist>,
    /// What is no finding.
    pub allowlists: Vec<Allowlist>,
    /// Keys that are not known here.
    #[serde(flatten)]
    pub rest: BTreeMap<String, toml::Value>,
}

/// What the file builds on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Extend {
    /// gitleaks's own rules.
    pub usedefault: bool,
    /// Another file.
    pub path: Option<String>,
    /// Another file, in a network.
    pub url: Option<String>,
    /// Rules that are switched off.
    pub disabledrules: Vec<String>,
}

/// A rule.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Rule {
    /// Its id.
    pub id: String,
    /// What it is, for people.
    pub description: String,
    /// What matches.
    pub regex: Option<String>,
    /// Expression for the paths that it is for.
    pub path: Option<String>,
    /// The group that is the secret.
    pub secretgroup: Option<usize>,
    /// Least Shannon entropy.
    pub entropy: Option<f64>,
    /// Words of which one must be in the text.
    pub keywords: Vec<String>,
    /// For reports.
    pub tags: Vec<String>,
    /// The old spelling.
    pub allowlist: Option<Allowlist>,
    /// What is no finding.
    pub allowlists: Vec<Allowlist>,
    /// Keys that are not known here.
    #[serde(flatten)]
    pub rest: BTreeMap<String, toml::Value>,
}

/// What is no finding.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Allowlist {
    /// What it is, for people.
    pub description: String,
    /// `AND` or `OR`.
    pub condition: Option<String>,
    /// Commits.
    pub commits: Vec<String>,
    /// Expressions for paths.
    pub paths: Vec<String>,
    /// What the expressions are for: the secret, the match or the line.
    pub regextarget: Option<String>,
    /// Expressions.
    pub regexes: Vec<String>,
    /// Words in the secret.
    pub stopwords: Vec<String>,
    /// The rules that it is for; none: all.
    pub targetrules: Vec<String>,
    /// Keys that are not known here.
    #[serde(flatten)]
    pub rest: BTreeMap<String, toml::Value>,
}

impl File {
    /// Reads a configuration; `name` is used in errors.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let wrong = |e: toml::de::Error| {
            let line = e.span().map(|s| text[..s.start.min(text.len())].matches('\n').count() + 1);
            let place = line.map(|n| format!(":{n}")).unwrap_or_default();
            Error::new(format!("{name}{place}: not a valid gitleaks configuration")).cause(e.message().to_owned())
        };
        let table: toml::Table = text.parse().map_err(wrong)?;
        lower(toml::Value::Table(table)).try_into().map_err(|e: toml::de::Error| {
            Error::new(format!("{name}: not a gitleaks configuration")).cause(e.message().to_owned())
        })
    }
}

/// All keys in lower case.
fn lower(value: toml::Value) -> toml::Value {
    match value {
        toml::Value::Table(table) => {
            toml::Value::Table(table.into_iter().map(|(k, v)| (k.to_ascii_lowercase(), lower(v))).collect())
        }
        toml::Value::Array(items) => toml::Value::Array(items.into_iter().map(lower).collect()),
        other => other,
    }
}

/// A finding that gitleaks was told to ignore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Where it is listed.
    pub at: String,
    /// The commit that brought it.
    pub commit: Option<String>,
    /// The path.
    pub path: String,
    /// The rule.
    pub rule: String,
    /// The line.
    pub line: usize,
    /// The last line; the same for most.
    pub end_line: usize,
    /// The secret, if the report was not redacted.
    pub secret: Option<String>,
}

/// Reads a `.gitleaksignore`: `COMMIT:PATH:RULE:LINE` or `PATH:RULE:LINE`. Lines that are neither are given back apart.
pub fn ignore_list(name: &str, text: &str) -> (Vec<Ignored>, Vec<String>) {
    let (mut ignored, mut wrong) = (Vec::new(), Vec::new());
    for (n, line) in text.lines().enumerate() {
        let at = format!("{name}:{}", n + 1);
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let entry = fingerprint(line, &at);
        match entry {
            Some(entry) => ignored.push(entry),
            None => wrong.push(format!("{at}: not a fingerprint of gitleaks")),
        }
    }
    (ignored, wrong)
}

fn fingerprint(text: &str, at: &str) -> Option<Ignored> {
    let (rest, line) = text.rsplit_once(':')?;
    let (rest, rule) = rest.rsplit_once(':')?;
    let line = line.trim().parse().ok()?;
    let is_id = |id: &str| matches!(id.len(), 40 | 64) && id.bytes().all(|b| b.is_ascii_hexdigit());
    let (commit, path) = match rest.split_once(':') {
        Some((commit, path)) if is_id(commit) => (Some(commit.to_ascii_lowercase()), path),
        _ => (None, rest),
    };
    Some(Ignored {
        at: at.to_owned(),
        commit,
        path: path.strip_prefix("./").unwrap_or(path).to_owned(),
        rule: rule.to_owned(),
        line,
        end_line: line,
        secret: None,
    })
}

/// An entry of a JSON report.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct Reported {
    #[serde(rename = "RuleID")]
    rule_id: String,
    start_line: usize,
    end_line: usize,
    secret: String,
    file: String,
    commit: String,
}

/// Reads a JSON report that serves as a baseline.
pub fn report(name: &str, text: &str) -> Result<Vec<Ignored>> {
    let entries: Vec<Reported> = serde_json::from_str(text).map_err(|e| {
        // The parser's own words quote nothing of the text but its type.
        Error::new(format!("{name}: not a JSON report of gitleaks"))
            .cause(format!("line {}, column {}", e.line(), e.column()))
            .help("gitleaks makes one with --report-format json")
    })?;
    let entry = |(n, e): (usize, Reported)| Ignored {
        at: format!("{name}: entry {}", n + 1),
        commit: (!e.commit.is_empty()).then(|| e.commit.to_ascii_lowercase()),
        path: e.file.strip_prefix("./").unwrap_or(&e.file).to_owned(),
        rule: e.rule_id,
        line: e.start_line,
        end_line: e.end_line.max(e.start_line),
        secret: (!e.secret.is_empty() && !e.secret.contains("REDACTED") && !e.secret.ends_with("..."))
            .then_some(e.secret),
    };
    Ok(entries.into_iter().enumerate().map(entry).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn fingerprints() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        let text = format!("# why\n\n{id}:a/b:c.js:acme-key:12\na.js:acme-key:3\nnonsense\na.js:acme-key:x\n");
        let (ignored, wrong) = ignore_list(".gitleaksignore", &text);
        assert_eq!(ignored.len(), 2);
        assert_eq!(
            (ignored[0].commit.as_deref(), ignored[0].path.as_str(), ignored[0].line),
            (Some(id), "a/b:c.js", 12)
        );
        assert_eq!((ignored[1].commit.as_deref(), ignored[1].path.as_str(), ignored[1].line), (None, "a.js", 3));
        assert_eq!(
            wrong,
            [".gitleaksignore:5: not a fingerprint of gitleaks", ".gitleaksignore:6: not a fingerprint of gitleaks"]
        );
    }

    #[test]
    fn keys_in_any_case() {
        let file = File::parse(
            "g",
            "[Extend]\nuseDefault = true\n[[rules]]\nid='a'\nSecretGroup=2\n[[rules.allowlists]]\nregexTarget='line'\n",
        )
        .unwrap();
        assert!(file.extend.unwrap().usedefault);
        assert_eq!(file.rules[0].secretgroup, Some(2));
        assert_eq!(file.rules[0].allowlists[0].regextarget.as_deref(), Some("line"));
        let error = File::parse("g.toml", "a = 1\nb = [\n").unwrap_err().to_string();
        assert!(error.starts_with("g.toml:2"), "{error}");
    }
}
