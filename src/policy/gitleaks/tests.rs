#![allow(clippy::unwrap_used)]

use super::*;
use crate::policy::config::Config;
use crate::rules::syntax::RuleFile;
use crate::rules::{RuleSet, builtin, check};

fn import(text: &str) -> Converted {
    let known = builtin::rules().unwrap();
    let none = |_: &str| Err(crate::error::Error::new("there is no such file"));
    let converted = convert(".gitleaks.toml", text, &none, known.metas()).unwrap();
    // Whatever is made must be right.
    let mut files = builtin::files().unwrap();
    if let Some(rules) = &converted.rules {
        let file = RuleFile::parse(RULES, rules).unwrap_or_else(|e| panic!("{e}\n{rules}"));
        let errors: Vec<_> = check::file(RULES, rules, &file).into_iter().filter(|l| l.is_error).collect();
        assert!(errors.is_empty(), "{errors:?}\n{rules}");
        files.push((RULES.to_owned(), file));
    }
    let all = RuleSet::compile(files).unwrap();
    if let Some(config) = &converted.config {
        let parsed = Config::parse(".keyscan.yaml", config).unwrap_or_else(|e| panic!("{e}\n{config}"));
        parsed.check_rules(all.metas()).unwrap_or_else(|e| panic!("{e}\n{config}"));
        assert_eq!(parsed.allow.len(), converted.made.1);
    }
    converted
}

#[test]
fn a_rule() {
    let done = import(
        "[extend]\nuseDefault = true\n[[rules]]\nid = 'Acme_Key'\ndescription = \"Acme's key\"\n\
         regex = '''(?i)acme[_-]?key\\s*=\\s*([a-z0-9]{20})'''\nsecretGroup = 1\nkeywords = ['acme']\n",
    );
    assert!(done.left.is_empty(), "{:?}", done.left);
    let rules = done.rules.unwrap();
    assert!(rules.contains("id: acme-key") && rules.contains("(?P<secret>[a-z0-9]{20})"), "{rules}");
    assert!(rules.contains("name: 'Acme''s key'") && rules.contains("keywords: ['acme']"), "{rules}");
    assert!(done.config.unwrap().contains("files: [.keyscan-rules.yaml]"));
}

#[test]
fn what_cannot_be_carried_over_is_listed() {
    let done = import(
        "[extend]\nuseDefault = true\ndisabledRules = ['an-unknown-rule', 'github-pat-classic']\npath = 'other.toml'\n\
         [[rules]]\nid = 'hex'\nregex = '[0-9a-f]{32}'\n\
         [[rules]]\nid = 'ahead'\nregex = 'acme(?=x)'\n\
         [[rules]]\nid = 'names'\npath = '\\.p12$'\n\
         [[rules]]\nid = 'jwt'\n[[rules.allowlists]]\nregexes = ['x']\n\
         [[rules]]\nid = 'parts'\nregex = 'acme_[a-z]{20}'\nentropy = 3.5\nskipReport = true\n[[rules.required]]\nid = 'hex'\n\
         [[rules]]\ndescription = 'nameless'\nregex = 'acme_[a-z]{20}'\n\
         [[rules]]\nid = 'odd'\nregex = 'odd_[a-z]{20}'\n[[rules.allowlists]]\nregexTarget = 'mtach'\nregexes = ['x']\n",
    );
    let left = done.left.join("\n");
    for what in [
        "disabledRules: `an-unknown-rule`",
        "extend: other.toml: there is no such file",
        "rule `hex`: `regex`: no word of 3 characters",
        "rule `ahead`: `regex`: not a",
        "rule `names`: keyscan has no rules for mere file names",
        "rule `jwt`: it changes a rule of gitleaks",
        "`entropy`: keyscan has no such limit; text that does not look random is held back as weak. Rules: parts",
        "a rule \"nameless\": it has no `id`",
        "rule `odd`: allowlist: `regexTarget = \"mtach\"`",
        "rule `parts`: `required`",
        "rule `parts`: `skipreport`",
    ] {
        assert!(left.contains(what), "{what}\n{left}");
    }
    assert!(done.config.unwrap().contains("skip: [github-pat-classic]"));
}

#[test]
fn a_rule_that_stands_twice_counts_once() {
    let rule = |what: &str, word: &str| {
        format!(
            "[[rules]]\nid = 'acme'\ndescription = '{what}'\nregex = 'acme_{word}_[a-z]{{20}}'\n[rules.allowlist]\nregexes = ['{word}']\n"
        )
    };
    let done = import(&(rule("one", "first") + &rule("two", "second")));
    let (rules, config) = (done.rules.unwrap(), done.config.unwrap());
    assert!(rules.contains("acme_second") && !rules.contains("acme_first"), "{rules}");
    assert!(config.contains("'second'") && !config.contains("'first'"), "{config}");
    assert_eq!(done.made, (1, 1));
    // A rule of a file that is extended is changed, and keeps what it allows.
    let known = builtin::rules().unwrap();
    let base = |_: &str| Ok(rule("one", "first"));
    let text = "[extend]\npath = 'base.toml'\n".to_owned() + &rule("two", "second");
    let done = convert(".gitleaks.toml", &text, &base, known.metas()).unwrap();
    let (rules, config) = (done.rules.unwrap(), done.config.unwrap());
    assert!(rules.contains("acme_second") && !rules.contains("acme_first"), "{rules}");
    assert!(config.contains("'second'") && config.contains("'first'"), "{config}");
    assert_eq!(done.made, (1, 2));
}

#[test]
fn allowlists_old_and_new() {
    let done = import(
        "[allowlist]\ndescription = 'global'\npaths = ['''(^|/)fixtures/''', 'x[']\ncommits = ['ABCDEF0123']\nstopwords = ['exam.ple']\n\
         [[allowlists]]\ncondition = 'AND'\npaths = ['\\.md$']\nregexes = ['^acme_x']\n\
         [[allowlists]]\ntargetRules = ['acme', 'unknown-rule']\nregexTarget = 'line'\nregexes = ['sample']\n\
         [[allowlists]]\ncondition = 'AND'\nregexes = ['a']\nstopwords = ['b']\n\
         [[rules]]\nid = 'acme'\nregex = 'acme_[a-z]{20}'\npath = '\\.env$'\n[rules.allowlist]\nregexes = ['acme_aaa']\n",
    );
    let config = done.config.unwrap();
    for want in [
        "  - path: '(^|/)fixtures/'\n    reason: 'global'",
        "  - commit: '^abcdef0123$'",
        "  - secret: '(?i)exam\\.ple'",
        "  - secret: '^acme_x'\n    path: '\\.md$'", // keyscan:allow generic-secret a pattern
        "  - rule: 'acme'\n    secret: 'sample'",
        "  - rule: 'acme'\n    outside: '\\.env$'",
        "  - rule: 'acme'\n    secret: 'acme_aaa'",
    ] {
        assert!(config.contains(want), "{want}\n{config}");
    }
    let left = done.left.join("\n");
    for what in ["`paths`: x[", "`unknown-rule`", "`regexTarget = \"line\"`", "regexes and stopwords at once"] {
        assert!(left.contains(what), "{what}\n{left}");
    }
}

#[test]
fn nothing_to_say_makes_no_files() {
    let done = import("title = 'x'\n[extend]\nuseDefault = true\n");
    assert!(done.config.is_none() && done.rules.is_none() && done.left.is_empty());
}
