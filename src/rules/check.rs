//! Lints over rules: `keyscan rules check`.
//!
//! An error is something that makes a rule unusable or harmful; advice is what would make it better. Both say file, line
//! and what to do.

use std::collections::BTreeMap;
use std::fmt;

use crate::rules::expr::Env;
use crate::rules::format::Format;
use crate::rules::syntax::{Boundary, Kind, RuleFile, RuleSpec};
use crate::rules::{Anchoring, LazyRegex, Rule, mint, whole_bits};
use crate::structure::Rng;

/// Bits under which a random secret can be guessed.
const WEAK_BITS: f64 = 128.0;
/// Bits under which a format matches things that nobody made at random.
const MIN_BITS: f64 = 40.0;

/// Something about a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// File, and line if known.
    pub at: String,
    /// The rule's id.
    pub rule: String,
    /// Must be mended, or could be better.
    pub is_error: bool,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub help: String,
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_error { "error" } else { "advice" };
        write!(f, "{}: {kind}: rule `{}`: {}\n  help: {}", self.at, self.rule, self.what, self.help)
    }
}

/// Lints of one file; `text` is its source, for line numbers.
pub fn file(origin: &str, text: &str, file: &RuleFile) -> Vec<Lint> {
    let mut lints = Vec::new();
    for spec in &file.rules {
        let line =
            text.lines().position(|l| l.trim_start().trim_start_matches("- ").starts_with(&format!("id: {}", spec.id)));
        let at = line.map_or_else(|| origin.to_owned(), |n| format!("{origin}:{}", n + 1));
        let mut add = |is_error: bool, what: String, help: &str| {
            lints.push(Lint { at: at.clone(), rule: spec.id.clone(), is_error, what, help: help.to_owned() });
        };
        parts(file, spec, &mut add);
        match Rule::compile(spec) {
            Ok(rule) => compiled(spec, &rule, &mut add),
            Err(e) => add(true, e.to_string(), e.advice().unwrap_or("see docs/rule-format.md")),
        }
    }
    lints
}

/// Ids that stand twice.
pub fn ids(files: &[(String, RuleFile)]) -> Vec<Lint> {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    let mut lints = Vec::new();
    for (origin, file) in files {
        for spec in &file.rules {
            if let Some(first) = seen.insert(&spec.id, origin) {
                lints.push(Lint {
                    at: origin.clone(),
                    rule: spec.id.clone(),
                    is_error: true,
                    what: format!("the id stands in {first} already"),
                    help: "give one of them another id".into(),
                });
            }
        }
    }
    lints
}

/// Other halves that no rule is called after.
pub fn pairs(files: &[(String, RuleFile)]) -> Vec<Lint> {
    let known: std::collections::BTreeSet<&str> =
        files.iter().flat_map(|(_, file)| &file.rules).map(|spec| spec.id.as_str()).collect();
    let mut lints = Vec::new();
    for (origin, spec) in files.iter().flat_map(|(origin, file)| file.rules.iter().map(move |spec| (origin, spec))) {
        for other in spec.pairs.iter().filter(|id| !known.contains(id.as_str())) {
            lints.push(Lint {
                at: origin.clone(),
                rule: spec.id.clone(),
                is_error: true,
                what: format!("`pairs` names `{other}`, and no rule is called so"),
                help: "`keyscan rules list` shows the ids of all rules".into(),
            });
        }
    }
    lints
}

/// Can the regex be read, and is nothing asked of it that only a format has?
fn regex(spec: &RuleSpec, add: &mut dyn FnMut(bool, String, &str)) {
    let Some(regex) = &spec.regex else { return };
    if let Err(e) = LazyRegex::compile(regex) {
        add(true, e.to_string(), "see the syntax of the regex crate");
    }
    let of_formats = [
        ("checksum", spec.checksum.is_some()),
        ("structure", spec.structure.is_some()),
        ("secret", spec.secret.is_some()),
        ("near", spec.near.is_some()),
        ("hint", spec.hint.is_some()),
    ];
    for (key, _) in of_formats.iter().filter(|(_, is_set)| *is_set) {
        let help =
            "write a `format`; in a `regex`, `(?P<secret>...)` is the secret, and `keywords` stand inside the match";
        add(true, format!("`{key}` says nothing about a `regex`"), help);
    }
}

/// Is every part there and well formed?
fn parts(file: &RuleFile, spec: &RuleSpec, add: &mut dyn FnMut(bool, String, &str)) {
    let kebab = |id: &str| {
        !id.is_empty()
            && id.split('-').all(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
    };
    if !kebab(&spec.id) {
        add(true, "the id is not lower-case words joined by `-`".into(), "write it like acme-api-key");
    }
    if spec.name.trim().is_empty() {
        add(true, "the name is empty".into(), "say what a reader calls this credential");
    }
    if spec.grants.as_deref().or(file.grants.as_deref()).is_none_or(|g| g.trim().is_empty()) {
        add(
            true,
            "`grants` is missing".into(),
            "say what an attacker can do with it: a phrase that completes \"gives ...\"",
        );
    }
    let rotate = spec.rotate.as_ref().or(file.rotate.as_ref());
    if spec.kind.is_reported() && rotate.is_none_or(|r| r.steps.is_empty()) {
        add(true, "there are no rotation steps".into(), "add `rotate: {steps: [...]}` to the rule or the file");
    }
    if spec.kind != Kind::Secret && spec.reason.is_none() {
        add(true, format!("it is `{}` without a `reason`", spec.kind.as_str()), "say why it is no secret");
    }
    let looks = [spec.format.is_some(), spec.regex.is_some(), spec.named.is_some(), spec.derived.is_some()];
    if looks.into_iter().filter(|has| *has).count() != 1 {
        add(
            true,
            "it must have one of `format`, `regex` and `named`".into(),
            "write a `format`; a `regex` only if that cannot say it",
        );
    }
    if (spec.regex.is_some() || spec.named.is_some()) && spec.mint.is_none() {
        add(
            true,
            "a `regex` or `named` needs `mint`".into(),
            "give a format that mints an example, so that the rule can be tested",
        );
    }
    regex(spec, add);
    if spec.within.is_some_and(|n| !(16..=1024).contains(&n)) {
        add(true, "`within` is not between 16 and 1024".into(), "choose how many bytes back context is looked for");
    }
    if spec.boundary == Boundary::None && spec.checksum.is_none() && spec.structure.is_none() {
        add(
            true,
            "`boundary: none` without a checksum or structure".into(),
            "without a proof it would match inside other words",
        );
    }
}

/// What the compiled rule shows.
fn compiled(spec: &RuleSpec, rule: &Rule, add: &mut dyn FnMut(bool, String, &str)) {
    let Some(format) = &rule.format else { return };
    let bits = format.bits();
    let literal = match &rule.anchoring {
        Anchoring::Literal(anchor) => anchor.literals.iter().map(Vec::len).min().unwrap_or(0),
        _ => 0,
    };
    let evidence = rule.structure.is_some() || !rule.checks.is_empty();
    let enough = literal >= 3 || literal == 2 && bits >= WEAK_BITS;
    if !enough && rule.context.is_none() && !evidence {
        add(
            true,
            "nothing distinguishes it from ordinary text".into(),
            "add a literal prefix, a checksum, or `near` words",
        );
    } else if bits < MIN_BITS && literal < 8 && rule.structure.is_none() {
        add(
            true,
            format!("the format has {} bits: it could match ordinary words", whole_bits(bits)),
            "lengthen the random part",
        );
    }
    let own = spec.kind == Kind::Secret && rule.structure.is_none();
    if own && literal == 0 && rule.context.is_none() {
        add(
            false,
            "the format has no distinctive prefix".into(),
            "a literal of 4 characters or more makes leaks findable",
        );
    }
    if own && rule.checks.is_empty() && literal > 0 && literal < 4 && rule.context.is_none() {
        add(false, "the literal is short".into(), "4 characters or more tell it from other words");
    }
    let random = rule.random_bits().unwrap_or(bits);
    if own && rule.context.is_none() && spec.secret.is_none() && random < WEAK_BITS {
        add(false, format!("the random part has {} bits", whole_bits(random)), "128 bits or more cannot be guessed");
    }
    if own && rule.context.is_none() && rule.checks.is_empty() {
        add(
            false,
            "the format has no checksum".into(),
            "six characters such as `check == base62(crc32(body), 6)` prove a leak and tell it from a typing mistake",
        );
    }
    if !rule.checks.is_empty() {
        mints(format, rule, add);
    }
}

/// Does the rule mint a credential that it proves itself?
fn mints(format: &Format, rule: &Rule, add: &mut dyn FnMut(bool, String, &str)) {
    let Some(token) = mint::mint(rule, &mut Rng::new(1)) else {
        let solvable = rule.checks.first().is_some_and(|check| check.target().is_some());
        let what = if solvable {
            "a minted example does not pass its own checksum"
        } else {
            "no example can be minted from the checksum"
        };
        let help = if solvable {
            "check length and alphabet of the segment that holds it"
        } else {
            "write it as `segment == ...`"
        };
        return add(solvable, what.into(), help);
    };
    let proven = format.match_at(&token, 0, &mut 0, &|end| end == token.len()).is_some_and(|(_, captures)| {
        rule.checks.iter().any(|check| check.holds(&Env { token: &token, captures: &captures }))
    });
    if !proven {
        add(
            true,
            "a minted example does not pass its own checksum".into(),
            "check length and alphabet of the segment that holds it",
        );
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const GOOD: &str = r#"
provider: Acme
rules:
  - id: acme-key
    name: Acme key
    format: "acme_{body:base62:30}{check:base62:6}"
    checksum: "check == base62(crc32(body), 6)"
    severity: high
    grants: everything
    rotate:
      steps: [Revoke it.]
"#;

    fn lints(text: &str) -> Vec<String> {
        file("f.yaml", text, &RuleFile::parse("f.yaml", text).unwrap()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_good_rule_passes() {
        assert_eq!(lints(GOOD), Vec::<String>::new());
    }

    #[test]
    fn each_missing_part_is_named_with_its_line() {
        let cases = [
            ("id: acme-key", "id: Acme_Key", "lower-case words"),
            ("grants: everything", "grants: ''", "`grants` is missing"),
            ("steps: [Revoke it.]", "steps: []", "no rotation steps"),
            ("format: \"acme_{body:base62:30}{check:base62:6}\"", "regex: x", "`regex`"),
            (
                "format: \"acme_{body:base62:30}{check:base62:6}\"",
                "regex: x",
                "`checksum` says nothing about a `regex`",
            ),
            ("{body:base62:30}", "{body:base6:30}", "no alphabet `base6`"),
            ("crc32(body)", "crc32(bdy)", "no segment `bdy`"),
            ("base62(crc32(body), 6)", "base62(crc32(body), 7)", "does not pass its own checksum"),
        ];
        for (old, new, want) in cases {
            let text = GOOD.replace(old, new);
            let got = lints(&text).join("\n");
            assert!(got.contains(want) && got.contains("f.yaml:4"), "{new}: {got}");
        }
    }

    #[test]
    fn unknown_keys_name_line_and_column() {
        let error = RuleFile::parse("f.yaml", &GOOD.replace("severity:", "serverity:")).unwrap_err().to_string();
        assert!(error.contains("f.yaml:") && error.contains("serverity"), "{error}");
    }

    /// With `near` words, which excuse the lack of a prefix.
    fn near(format: &str) -> String {
        GOOD.replace("acme_{body:base62:30}{check:base62:6}", format)
            .replace("checksum: \"check == base62(crc32(body), 6)\"", "near: [acme]")
    }

    #[test]
    fn what_the_prefilter_could_miss_is_refused() {
        for format in [
            // Shorter than any run that is looked into, or torn apart.
            "{body:base62:15}",
            "{a:base62:8}:{b:base62:30}",
            "{a:base62:12} {b:base62:12}",
            "x{body:base62:14}",
            // Such values never look random.
            "{body:digits:20}",
            "{body:lower:32}",
            "{body:upper:40}",
            "({a:base62:20}|{b:digits:20})",
        ] {
            let got = lints(&near(format)).join("\n");
            assert!(got.contains("error") && got.contains("the prefilter could miss"), "{format}: {got}");
            // Whoever does not ask for a check is told, too.
            let text = near(format);
            let compiled = crate::rules::RuleSet::compile([("f".into(), RuleFile::parse("f", &text).unwrap())]);
            assert!(format!("{:?}", compiled.unwrap_err()).contains("could miss"), "{format}");
        }
        for format in [
            "{body:base62:16}",
            "{body:hex:32}",
            "{body:base32lower:26}",
            "{a:digits:8}{b:base62:20}",
            "ac{n:digits:20}",
        ] {
            assert!(!lints(&near(format)).join("\n").contains("the prefilter"), "{format}");
        }
    }

    #[test]
    fn ordinary_words_are_refused() {
        let text = GOOD
            .replace("acme_{body:base62:30}{check:base62:6}", "{body:base62:30}{check:base62:6}")
            .replace("    checksum: \"check == base62(crc32(body), 6)\"\n", "");
        assert!(lints(&text).join("\n").contains("ordinary text"));
    }
}
