//! Ignores, config files and baselines: what they allow, what they do not, and that all of it is counted.

use std::fs;

use keyscan::structure::Rng;
use proptest::prelude::*;
use serde_json::Value;

use crate::util::{
    GITHUB, Json, Keyscan, Output, Repo, builtin_rules, github_token, line, mint, paths, sha256, text, texts,
};

/// A line of code with a token and a comment.
fn commented(token: &str, comment: &str) -> String {
    format!("const TOKEN = \"{token}\"; // {comment}\n")
}

fn allowed(json: &Json) -> u64 {
    json.value["receipt"]["not_reported"]["allowed"].as_u64().unwrap()
}

/// `allowed_by`, as text.
fn allowed_by(json: &Json) -> Vec<String> {
    let by = json.value["receipt"]["not_reported"]["allowed_by"].as_array().unwrap();
    by.iter().map(|b| format!("{} {}", b["count"], text(&b["by"]))).collect()
}

fn notes(json: &Json) -> String {
    texts(&json.value["receipt"]["notes"]).join("\n")
}

fn run(repo: &Repo, args: &[&str]) -> Output {
    Keyscan::at(repo.path()).args(args).run()
}

fn baseline(repo: &Repo) -> String {
    fs::read_to_string(repo.path().join(".keyscan-baseline")).unwrap()
}

/// A connection string with a password, which could be guessed.
fn url(password: &str) -> String {
    format!("URL = \"postgres://app:{password}@db.internal.corp:5432/x\"\n")
}

// The lines of peers.md under "Ignoring and baselines", and the one on configs without "extend".

#[test]
fn a_user_config_without_an_extend_line_leaves_all_rules_in_use() {
    let token = github_token(900);
    let repo = Repo::new();
    repo.write("a", line(&token));
    let rules = repo.json(1).count("rules");
    for config in ["", "# nothing\n", "allow: []\n", "rules: {}\n", "rules:\n  skip: [stripe]\n", "ignore: [x]\n"] {
        repo.write(".keyscan.yaml", config);
        let json = repo.json(1);
        assert!(json.has(&token));
        assert_eq!(json.count("rules"), rules, "{config:?}");
    }
}

#[test]
fn a_config_that_leaves_no_rule_is_an_error() {
    let repo = Repo::new();
    repo.write("a", line(&github_token(901)));
    repo.write(".keyscan.yaml", "rules:\n  only: [github]\n  skip: [github]\n");
    repo.keyscan().run().code(2).says("no rule is left");
    repo.write(".keyscan.yaml", "rules:\n  only: [githubb]\n");
    repo.keyscan().run().code(2).says("`rules.only` names `githubb`");
}

#[test]
fn a_baseline_survives_squash_rebase_and_inserted_lines() {
    let token = github_token(902);
    let repo = Repo::new();
    repo.write("src/a.js", line(&token));
    repo.commit("first");
    run(&repo, &["baseline", "create", "."]).code(0);
    repo.git(["add", ".keyscan-baseline"]);
    repo.commit("baseline");
    repo.json(0);
    // An inserted line.
    repo.write("src/a.js", format!("// new\n\n{}", line(&token)));
    repo.commit("insert");
    repo.json(0);
    // The history is written anew: one commit in place of all.
    let tree = repo.git(["write-tree"]);
    let squashed = repo.git(["commit-tree", &tree, "-m", "all in one"]);
    repo.git(["reset", "--hard", "-q", &squashed]);
    repo.git(["reflog", "expire", "--expire=now", "--all"]);
    repo.git(["gc", "-q", "--prune=now"]);
    let json = repo.json(0);
    assert_eq!(allowed_by(&json), ["1 .keyscan-baseline"]);
    // Rebased: every commit has another id.
    repo.write("b.txt", "b\n");
    repo.commit("b");
    repo.git(["commit", "-q", "--amend", "-m", "another message"]);
    repo.json(0);
}

#[test]
fn a_baseline_does_not_hide_a_new_secret_on_the_same_line() {
    let (old, new) = (github_token(903), github_token(904));
    let repo = Repo::new();
    repo.write("a.js", line(&old));
    repo.commit("first");
    run(&repo, &["baseline", "create", "."]).code(0);
    repo.write("a.js", line(&new));
    let json = repo.json(1);
    assert!(json.has(&new) && !json.has(&old), "{}", json.story);
    repo.write("a.js", format!("x(\"{old}\", \"{new}\")\n"));
    let json = repo.json(1);
    assert!(json.has(&new) && !json.has(&old), "{}", json.story);
}

#[test]
fn a_baseline_does_not_hide_a_new_password_at_the_same_key() {
    let (old, new) = (concat!("kT4v", "Qz8w"), concat!("pL9r", "Xn2m"));
    let repo = Repo::new();
    repo.write("a.py", url(old));
    repo.commit("first");
    repo.json(1);
    run(&repo, &["baseline", "create", "."]).code(0);
    repo.json(0);
    repo.write("a.py", url(new));
    assert_eq!(repo.json(1).findings().len(), 1);
    // And the other way round: the same password elsewhere.
    repo.write("a.py", url(old));
    repo.write("b.py", url(old));
    assert_eq!(paths(&repo.json(1).findings()[0]), ["b.py"]);
}

#[test]
fn baseline_files_are_sorted_have_no_churn_and_no_absolute_paths() {
    let repo = Repo::new();
    for n in 0..20 {
        repo.write(format!("dir {n}/a.js"), line(&github_token(910 + n)));
    }
    repo.write("urls", url(concat!("kT4v", "Qz8wPass")));
    repo.commit("first");
    run(&repo, &["baseline", "create", repo.path().to_str().unwrap(), "--reason", "seen", "--owner", "ann"]).code(0);
    let first = baseline(&repo);
    let lines: Vec<_> = first.lines().filter(|l| !l.starts_with('#')).collect();
    assert_eq!(lines.len(), 21, "{first}");
    assert!(lines.is_sorted());
    assert!(!first.contains(repo.path().to_str().unwrap()) && !first.contains("kT4v"));
    for n in 0..20 {
        assert!(!first.contains(&github_token(910 + n)[8..]));
    }
    // Moved lines and other commits change no byte.
    repo.write("dir 3/a.js", format!("\n\n{}", line(&github_token(913))));
    repo.commit("second");
    run(&repo, &["baseline", "update", ".", "-j", "1"]).code(0).says("0 added, 0 removed");
    assert_eq!(baseline(&repo), first);
}

#[test]
fn baseline_files_merge() {
    let repo = Repo::new();
    repo.write(".gitattributes", ".keyscan-baseline merge=union\n");
    repo.write("a.js", line(&github_token(930)));
    repo.commit("first");
    run(&repo, &["baseline", "create", "."]).code(0);
    repo.commit("baseline");
    for (branch, seed) in [("one", 931), ("two", 932)] {
        repo.git(["checkout", "-q", "-b", branch, "main"]);
        repo.write(format!("{branch}.js"), line(&github_token(seed)));
        run(&repo, &["baseline", "update", ".", "--no-history"]).code(0);
        // Only what this branch has: the update of a part keeps the rest.
        repo.commit(branch);
    }
    repo.git(["merge", "-q", "one", "-m", "merge"]);
    let json = repo.json(0);
    assert_eq!(allowed(&json), 3, "{}", json.story);
    run(&repo, &["baseline", "update", "."]).code(0).says("0 added, 0 removed");
    repo.json(0);
}

#[test]
fn a_baseline_conflict_is_named() {
    let repo = Repo::new();
    repo.write("a.js", "x\n");
    repo.write(".keyscan-baseline", "# x\n<<<<<<< HEAD\n");
    repo.keyscan().run().code(2).says(".keyscan-baseline:2: a merge conflict");
}

#[test]
fn an_inline_comment_covers_the_older_version_in_history() {
    let token = github_token(940);
    let repo = Repo::new();
    repo.write("a.js", line(&token));
    repo.commit("add");
    repo.write("a.js", format!("// more\n{}", commented(&token, "keyscan:allow made up")));
    repo.commit("allow");
    for args in [vec![], vec!["--plain"], vec!["--history-only"]] {
        let json = repo.keyscan().args(args).json(0);
        assert_eq!(allowed_by(&json), ["1 comments"], "{}", json.story);
    }
    // Also where only packed deltas are left.
    repo.git(["gc", "-q"]);
    repo.json(0);
    // And under the name that the file had before.
    repo.git(["mv", "a.js", "b.js"]);
    repo.commit("rename");
    repo.json(0);
    // The auditor sees it.
    assert!(repo.keyscan().arg("--no-repo-config").json(1).has(&token));
    // Taken away again, it allows nothing.
    repo.write("b.js", line(&token));
    assert!(repo.json(1).has(&token));
}

// More on comments.

#[test]
fn an_inline_comment_does_not_cover_a_copy_at_another_path() {
    let token = github_token(941);
    let repo = Repo::new();
    repo.write("a.js", commented(&token, "keyscan:allow"));
    repo.commit("add");
    repo.write("b.js", line(&token));
    let json = repo.json(1);
    assert_eq!(paths(json.finding(&token)), ["b.js"]);
    assert!(json.value["receipt"]["not_reported"]["allowed_places"].as_u64().unwrap() > 0);
}

#[test]
fn an_inline_comment_with_a_rule_covers_only_that_rule() {
    let github = github_token(942);
    let other = mint("slack-bot-token", 943);
    let repo = Repo::new();
    let both = |comment: &str| format!("f(\"{github}\", \"{other}\") // {comment}\n");
    repo.write("a.js", both(&format!("keyscan:allow {GITHUB} made up")));
    let json = repo.json(1);
    assert!(json.has(&other) && !json.has(&github), "{}", json.story);
    repo.write("a.js", both("keyscan:allow"));
    repo.json(0);
    repo.write("a.js", both("keyscan:allow github-pat-clasic"));
    let json = repo.json(1);
    assert!(json.has(&other) && json.has(&github));
    assert!(notes(&json).contains("`keyscan:allow github-pat-clasic`, and no rule is called so"), "{}", json.story);
    // A rule that is not in use is still a rule.
    let json = repo.keyscan().args(["--only", GITHUB]).json(1);
    assert!(json.has(&github));
    repo.write("a.js", both("keyscan:allow slack made up"));
    let json = repo.keyscan().args(["--only", GITHUB]).json(1);
    assert!(json.has(&github) && notes(&json).is_empty(), "{}", json.story);
}

#[test]
fn comments_of_other_scanners_count() {
    for mark in
        ["gitleaks:allow", "betterleaks:allow", "trufflehog:ignore", "noseyparker:ignore", "ggignore", "nosecret"]
    {
        let repo = Repo::new();
        repo.write("a.js", commented(&github_token(944), mark));
        assert_eq!(allowed(&repo.json(0)), 1, "{mark}");
    }
    let repo = Repo::new();
    repo.write("a.py", format!("# pragma: allowlist nextline secret\nX = \"{}\"\n", github_token(945)));
    repo.write("b.py", format!("X = \"{}\"  # pragma: allowlist secret\n", github_token(946)));
    repo.write("c.py", format!("# keyscan:allow\nX = \"{}\"\n", github_token(947)));
    assert_eq!(allowed(&repo.json(0)), 3);
}

#[test]
fn a_comment_on_the_first_or_last_line_of_a_key_file() {
    let key = mint("private-key-rsa", 948);
    let key = key.trim_end();
    for content in [
        format!("# keyscan:allow\n{key}\n"),
        format!("K = `{key}` // keyscan:allow\n"),
        format!("K = ` {key}\n` # keyscan:allow\n"),
    ] {
        let repo = Repo::new();
        repo.write("a", &content);
        let code = i32::from(content.contains("\n` #"));
        repo.json(code);
    }
}

// Paths.

#[test]
fn keyscanignore_covers_files_and_history_and_is_counted() {
    let (fixture, real) = (github_token(950), github_token(951));
    let repo = Repo::new();
    repo.write("tests/fixtures/a.json", line(&fixture));
    repo.write("tests/fixtures/b.json", "{}");
    repo.write("src/a.js", line(&real));
    repo.commit("add");
    repo.write("tests/fixtures/a.json", "{}");
    repo.commit("remove");
    repo.write(".keyscanignore", "# made up\nfixtures/\n");
    let json = repo.json(1);
    assert!(json.has(&real) && !json.has(&fixture), "{}", json.story);
    assert_eq!(allowed_by(&json), ["1 .keyscanignore"]);
    assert!(json.skipped().contains(&"2 files that .keyscanignore leaves out".to_owned()), "{}", json.story);
    assert_eq!(texts(&json.value["receipt"]["config"]), [".keyscanignore"]);
    assert!(repo.keyscan().arg("--no-repo-config").json(1).has(&fixture));
    // The same content lived elsewhere, too.
    repo.write("src/copy.json", line(&fixture));
    repo.commit("copy");
    assert_eq!(paths(repo.json(1).finding(&fixture)), ["src/copy.json", "tests/fixtures/a.json"]);
    // Seen from a directory below, and by file.
    let json = Keyscan::at(&repo.path().join("tests")).args(["fixtures", "--no-history"]).json(0);
    assert_eq!(json.count("files"), 0);
    let json = Keyscan::at(repo.path()).args(["--no-history", "tests/fixtures/b.json", "src/a.js"]).json(1);
    assert_eq!(json.count("files"), 1);
}

// The config file.

#[test]
fn a_config_is_found_upwards_and_stops_at_the_repository() {
    let token = github_token(960);
    let repo = Repo::new();
    repo.write("src/deep/a.js", line(&token));
    repo.commit("add");
    fs::write(repo.beside(".keyscan.yaml"), "allow: [{path: '.', reason: outside}]\n").unwrap();
    repo.json(1);
    repo.write(".keyscan.yaml", "allow:\n  - path: '^src/deep/'\n    reason: made up\n");
    repo.json(0);
    for (from, target) in [("src", "deep"), ("src/deep", "."), ("src/deep", "a.js"), (".", "src/deep/a.js")] {
        let json = Keyscan::at(&repo.path().join(from)).args(["--no-history", target]).json(0);
        assert_eq!(allowed_by(&json), ["1 .keyscan.yaml"], "{from} {target}");
    }
    let absolute = repo.path().join("src");
    Keyscan::at(&repo.beside(".")).args(["--no-history", absolute.to_str().unwrap()]).json(0);
    let input = Keyscan::at(repo.path()).arg("-").stdin(line(&token)).json(1);
    assert_eq!(texts(&input.value["receipt"]["config"]), [".keyscan.yaml"]);
}

#[test]
fn allow_entries() {
    let token = github_token(961);
    let repo = Repo::new();
    repo.write("src/a.js", line(&token));
    let first = repo.commit("add");
    let second = repo.commit("more");
    let json = repo.json(1);
    let found = json.finding(&token);
    let (fingerprint, sha256) = (text(&found["fingerprint"]), text(&found["secret_sha256"]));
    let tail = &token[token.len() - 4..];
    let allow = |entry: &str| {
        repo.write(".keyscan.yaml", format!("allow:\n  - {{{entry}, reason: made up}}\n"));
        Keyscan::at(repo.path()).arg(".").run().status.code() == Some(0)
    };
    for entry in [
        format!("fingerprint: {fingerprint}"),
        format!("fingerprint: [{}, {fingerprint}]", "0".repeat(32)),
        format!("sha256: {sha256}"),
        format!("secret: '{tail}$'"),
        "secret: '^ghp_', path: '\\.js$'".to_owned(),
        "path: ^src/".to_owned(),
        "outside: ^lib/".to_owned(),
        format!("commit: {first}"),
        format!("commit: {first}, rule: github"),
        format!("path: a, expires: {}", "9999-01-01"),
    ] {
        assert!(allow(&entry), "{entry}");
    }
    for entry in [
        format!("fingerprint: {}", "0".repeat(32)),
        format!("sha256: {}", "0".repeat(64)),
        "secret: ^hp_".to_owned(), // keyscan:allow generic-secret a pattern
        "secret: '^ghp_', path: '\\.py$'".to_owned(),
        "outside: ^src/".to_owned(),
        format!("commit: {second}"),
        format!("commit: {first}, rule: slack"),
        "path: a, expires: 2020-01-31".to_owned(),
    ] {
        assert!(!allow(&entry), "{entry}");
    }
    let json = repo.json(1);
    assert!(notes(&json).contains(".keyscan.yaml:2 expired after 2020-01-31: what it allowed is reported again"));
    repo.write(".keyscan.yaml", "allow:\n  - path: nowhere\n    reason: made up\n");
    assert!(notes(&repo.json(1)).contains(".keyscan.yaml: 1 entry allows nothing that is there (line 2)"));
    assert!(notes(&repo.keyscan().arg("--no-history").json(1)).is_empty());
}

#[test]
fn what_a_config_narrows_is_counted() {
    let (github, slack) = (github_token(962), mint("slack-bot-token", 963));
    let repo = Repo::new();
    repo.write("a.js", format!("{}{}", line(&github), line(&slack)));
    let all = repo.json(1);
    let not_reported = |json: &Json, key: &str| json.value["receipt"]["not_reported"][key].as_u64().unwrap();
    repo.write(".keyscan.yaml", "rules: {skip: [slack]}\n");
    let json = repo.json(1);
    assert!(json.has(&github) && !json.has(&slack));
    assert_eq!((allowed_by(&json), json.count("rules")), (vec!["1 .keyscan.yaml".to_owned()], all.count("rules")));
    repo.write(".keyscan.yaml", "rules: {only: [github]}\n");
    assert_eq!(allowed(&repo.json(1)), 1);
    repo.write(".keyscan.yaml", "severity: critical\nconfidence: proven\n");
    let json = repo.json(1);
    assert!(json.has(&github) && !json.has(&slack));
    assert_eq!(not_reported(&json, "low_confidence") + not_reported(&json, "below_severity"), 1);
    // The command line has the last word, and an auditor sees all.
    assert!(repo.keyscan().args(["--confidence", "low", "--severity", "info"]).json(1).has(&slack));
    assert!(repo.keyscan().arg("--no-repo-config").json(1).has(&slack));
}

#[test]
fn a_config_of_the_scanned_repository_cannot_reach_out() {
    let token = github_token(964);
    let repo = Repo::new();
    repo.write("a.js", line(&token));
    let outside = repo.beside("rules.yaml");
    fs::write(&outside, "provider: X\nrules: []\n").unwrap();
    for file in ["../rules.yaml", outside.to_str().unwrap(), "/dev/zero", "nowhere.yaml"] {
        repo.write(".keyscan.yaml", format!("rules: {{files: ['{file}']}}\n"));
        repo.keyscan().run().code(2).says("`rules.files` names").never_says(&token);
    }
    repo.write(".keyscan.yaml", "rules: {files: [link.yaml]}\n");
    std::os::unix::fs::symlink(&outside, repo.path().join("link.yaml")).unwrap();
    repo.keyscan().run().code(2).says("outside of the repository");
    repo.remove(".keyscan.yaml");
    fs::write(repo.beside("all.yaml"), "allow: [{path: '.', reason: x}]\n").unwrap();
    std::os::unix::fs::symlink(repo.beside("all.yaml"), repo.path().join(".keyscan.yaml")).unwrap();
    repo.keyscan().run().code(2).says("outside of the repository");
    repo.keyscan().arg("--no-repo-config").run().code(1);
    repo.keyscan().args(["--config", "../all.yaml"]).run().code(0);
}

#[test]
fn a_rule_of_the_scanned_repository_cannot_put_a_harmless_name_on_a_credential() {
    let token = github_token(965);
    let repo = Repo::new();
    repo.write("a.js", line(&token));
    repo.write(
        "own.yaml",
        "provider: X\ngrants: nothing\nrules:\n  - id: harmless\n    name: Harmless\n    kind: identifier\n    reason: x\n    severity: info\n    \
         format: \"ghp_{body:base62:30}{check:base62:6}\"\n    checksum: \"check == base62(crc32(body), 6)\"\n",
    );
    repo.write(".keyscan.yaml", "rules: {files: [own.yaml]}\n");
    let json = repo.json(1);
    assert_eq!(text(&json.finding(&token)["rule"]["id"]), GITHUB);
}

#[test]
fn a_bad_config_is_an_error_that_names_file_line_and_key() {
    let repo = Repo::new();
    repo.write("a.js", "x\n");
    repo.write(".keyscan.yaml", "ignore:\n  - a\nrulez: {}\n");
    repo.keyscan().run().code(2).says(".keyscan.yaml:3:1").says("unknown field `rulez`");
    run(&repo, &["config", "check"]).code(2).says(".keyscan.yaml:3:1");
    repo.write(".keyscan.yaml", "severity: high\n");
    run(&repo, &["config", "check"]).code(0).says(".keyscan.yaml: right");
    run(&repo, &["config", "check", "nowhere.yaml"]).code(2).says("cannot read nowhere.yaml");
    run(&repo, &["config", "schema"]).code(0).says("\"additionalProperties\": false");
    repo.write(".keyscan.yml", "severity: high\n");
    repo.keyscan().run().code(2).says("there are both");
}

#[test]
fn several_repositories_at_once_use_no_ones_ignores() {
    let (one, two) = (Repo::new(), Repo::new());
    for repo in [&one, &two] {
        repo.write("a.js", line(&github_token(966)));
        repo.write(".keyscanignore", "*\n");
    }
    let json = Keyscan::at(one.path()).args([".", two.path().to_str().unwrap()]).json(1);
    assert!(notes(&json).contains("several repositories"), "{}", json.story);
    // Several files of one repository are no such thing.
    let json = Keyscan::at(one.path()).args(["--no-history", "a.js", ".keyscanignore"]).json(0);
    assert!(notes(&json).is_empty());
}

// The baseline.

#[test]
fn a_baseline_does_not_cover_a_new_copy() {
    let token = github_token(970);
    let repo = Repo::new();
    repo.write("a.js", line(&token));
    repo.commit("add");
    run(&repo, &["baseline", "create", "."]).code(0);
    repo.write("b.js", line(&token));
    assert_eq!(paths(repo.json(1).finding(&token)), ["b.js"]);
    repo.commit("copy");
    // The blob that lived at both is listed, since one of its places is new.
    assert!(paths(repo.json(1).finding(&token)).contains(&"b.js".to_owned()));
}

#[test]
fn a_baseline_goes_with_a_renamed_file() {
    let token = github_token(971);
    let repo = Repo::new();
    repo.write("a.js", line(&token));
    repo.commit("add");
    run(&repo, &["baseline", "create", ".", "--reason", "made up"]).code(0);
    repo.git(["mv", "a.js", "b.js"]);
    repo.write("b.js", format!("// edited\n{}", line(&token)));
    repo.commit("rename and edit");
    repo.json(0);
    run(&repo, &["baseline", "update", "."]).code(0).says("moved    github-pat-classic b.js");
    let lines: Vec<_> =
        baseline(&repo).lines().filter(|l| l.contains("reason=\"made up\"")).map(str::to_owned).collect();
    assert_eq!(lines.len(), 2, "{}", baseline(&repo));
    // Gone for good, and then back at a third place: that is no move.
    repo.remove("b.js");
    repo.commit("remove");
    repo.write("c.js", line(&token));
    assert_eq!(paths(repo.json(1).finding(&token)), ["c.js"]);
}

#[test]
fn stale_and_expired_entries_are_told() {
    let token = github_token(972);
    let repo = Repo::new();
    repo.write("a.js", line(&token));
    run(&repo, &["baseline", "create", ".", "--expires", "2026-12-31"]).code(0).says("1 entry has no reason");
    let in_time = |args: &[&str], code| repo.keyscan().env("SOURCE_DATE_EPOCH", "1790000000").args(args).json(code);
    assert!(notes(&in_time(&[], 0)).is_empty());
    let late = repo.keyscan().env("SOURCE_DATE_EPOCH", "1800000000").json(1);
    assert!(late.has(&token));
    assert!(
        notes(&late).contains("expired after 2026-12-31: github-pat-classic in a.js is reported again"),
        "{}",
        late.story
    );
    repo.write("a.js", "nothing\n");
    assert!(notes(&in_time(&[], 0)).contains("1 entry allows nothing that is there (line 4)"));
    // A scan of a part cannot tell.
    assert!(notes(&in_time(&["--no-history"], 0)).is_empty());
    run(&repo, &["baseline", "audit", "."]).code(1).says("4: stale: github-pat-classic in a.js");
    run(&repo, &["baseline", "update", "."]).code(0).says("removed  github-pat-classic a.js");
    run(&repo, &["baseline", "audit", "."]).code(0);
}

#[test]
fn update_keeps_words_and_adds_or_not() {
    let repo = Repo::new();
    repo.write("a.js", line(&github_token(973)));
    run(&repo, &["baseline", "create", ".", "--reason", "of the tests", "--owner", "ann"]).code(0);
    let before = baseline(&repo);
    repo.write("b.js", line(&github_token(974)));
    run(&repo, &["baseline", "update", ".", "--no-add"]).code(1).says("new      github-pat-classic b.js");
    assert_eq!(baseline(&repo), before);
    run(&repo, &["baseline", "update", ".", "--reason", "later"]).code(0).says("added    github-pat-classic b.js");
    let after = baseline(&repo);
    assert!(before.lines().all(|l| after.contains(l)) && after.contains("b.js reason=later"), "{after}");
    run(&repo, &["baseline", "create", "."]).code(2).says("is there already");
    repo.json(0);
}

#[test]
fn a_baseline_elsewhere() {
    let repo = Repo::new();
    repo.write("a.js", line(&github_token(975)));
    run(&repo, &["baseline", "create", ".", "--baseline", "../accepted"]).code(0);
    repo.json(1);
    repo.keyscan().args(["--baseline", "../accepted"]).run().code(0);
    repo.keyscan().args(["--baseline", "../nowhere"]).run().code(2).says("cannot read ../nowhere");
    // What the user names counts for auditors, too.
    repo.keyscan().args(["--no-repo-config", "--baseline", "../accepted"]).run().code(0);
}

#[test]
fn a_secret_in_a_file_name_does_not_get_into_the_baseline() {
    let token = github_token(976);
    let repo = Repo::new();
    repo.write(format!("{token}.txt"), line(&token));
    repo.commit("add");
    run(&repo, &["baseline", "create", "."]).code(0).never_says(&token);
    assert!(!baseline(&repo).contains(&token));
    repo.json(0);
    run(&repo, &["baseline", "audit", "."]).code(1).never_says(&token);
}

#[test]
fn a_baseline_is_no_finding_itself() {
    let mut text = String::new();
    for (n, rule) in builtin_rules().metas().iter().enumerate() {
        let fingerprint = sha256(&n.to_string())[..32].to_owned();
        text += &format!("{fingerprint} {} conf/{}.env owner=ann reason=\"a test key\"\n", rule.id, rule.id);
    }
    let repo = Repo::new();
    repo.write(".keyscan-baseline", text);
    repo.keyscan().arg("--no-repo-config").run().code(0);
}

#[test]
fn writing_a_baseline_follows_no_link() {
    let repo = Repo::new();
    repo.write("a.js", line(&github_token(978)));
    let victim = repo.beside("victim");
    fs::write(&victim, "mine\n").unwrap();
    std::os::unix::fs::symlink(&victim, repo.path().join(".keyscan-baseline.new")).unwrap();
    run(&repo, &["baseline", "create", "."]).code(2).says("cannot write .keyscan-baseline.new");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "mine\n");
}

#[test]
fn messages_are_places_too() {
    let token = github_token(977);
    let repo = Repo::new();
    repo.write("a", "a\n");
    repo.commit(&format!("use {token}"));
    run(&repo, &["baseline", "create", "."]).code(0);
    assert!(baseline(&repo).contains("\"(commit message)\""), "{}", baseline(&repo));
    repo.git(["commit", "-q", "--amend", "-m", &format!("use the token {token}")]);
    repo.json(0);
}

// Coming from gitleaks.

#[test]
fn import_of_a_gitleaksignore() {
    let (token, other) = (github_token(990), github_token(991));
    let repo = Repo::new();
    repo.write("src/a.js", format!("// first\n{}", line(&token)));
    let commit = repo.commit("add");
    repo.write("src/a.js", format!("// first\n// second\n{}", line(&token)));
    repo.commit("move it a line down");
    repo.write("src/b.js", line(&other));
    repo.write(".gitleaksignore", format!("# made up\n{commit}:src/a.js:github-pat:2\n"));
    run(&repo, &["import", "gitleaks"]).code(0).says("1 in the baseline now").never_says(&token);
    assert!(
        baseline(&repo).contains("src/a.js reason=\"ignored for gitleaks, rule github-pat\""),
        "{}",
        baseline(&repo)
    );
    let json = repo.json(1);
    assert!(!json.has(&token) && json.has(&other), "{}", json.story);
    // What cannot be found is listed, and what keyscan would not report is no loss.
    let lost = "0".repeat(40);
    repo.write(".gitleaksignore", format!("{lost}:src/a.js:github-pat:2\nsrc/a.js:github-pat:1\nnonsense\n"));
    run(&repo, &["import", "gitleaks", "--force"])
        .code(1)
        .says(&format!("not carried over: .gitleaksignore:1: the repository has no commit {lost} with src/a.js"))
        .says("not carried over: .gitleaksignore:3: not a fingerprint")
        .says("1 that keyscan does not report anyway");
}

#[test]
fn import_of_a_gitleaks_report() {
    let (token, other) = (github_token(992), github_token(993));
    let repo = Repo::new();
    repo.write("a.js", format!("{}{}", line(&token), line(&other)));
    repo.write("b.js", line(&token));
    repo.commit("add");
    let entry = |secret: &str, line: usize| {
        serde_json::json!({
            "RuleID": "github-pat", "Secret": secret, "File": "a.js", "StartLine": line, "EndLine": line, "Commit": ""
        })
    };
    repo.write("report.json", serde_json::json!([entry(&token, 1), entry("REDACTED", 2)]).to_string());
    run(&repo, &["import", "gitleaks", "--baseline", "report.json"])
        .code(0)
        .says("2 in the baseline now")
        .never_says(&token);
    repo.remove("report.json");
    // The copy in b.js was not in the report.
    let json = repo.json(1);
    assert!(!json.has(&other) && paths(json.finding(&token)).contains(&"b.js".to_owned()), "{}", json.story);
    repo.write("report.json", "[{]");
    run(&repo, &["import", "gitleaks", "--baseline", "report.json", "--force"]).code(2).says("not a JSON report");
}

#[test]
fn import_of_a_gitleaks_configuration() {
    let repo = Repo::new();
    let own = |seed: u64| format!("acme_{}", Rng::new(seed).text(b"abcdefghijkmnpqrstuvwxyz23456789", 24));
    let token = github_token(994);
    repo.write("src/a.js", format!("{}{}", line(&own(1)), line(&token)));
    repo.write("fixtures/b.js", line(&own(2)));
    repo.write(
        ".gitleaks.toml",
        "[extend]\nuseDefault = true\n[[rules]]\nid = \"acme-key\"\ndescription = \"Acme key\"\n\
         regex = '''\\b(acme_[a-z2-9]{24})\\b'''\nkeywords = [\"acme_\"]\n\
         [[allowlists]]\ndescription = \"made up\"\npaths = ['''^fixtures/''']\n",
    );
    run(&repo, &["import", "gitleaks", "--dry-run"]).code(0).says("id: acme-key").says("path: '^fixtures/'");
    assert!(!repo.path().join(".keyscan.yaml").exists());
    run(&repo, &["import", "gitleaks"]).code(0).says("1 rule and 1 entry of `allow`");
    run(&repo, &["config", "check"]).code(0);
    run(&repo, &["rules", "check", ".keyscan-rules.yaml"]).code(0);
    let json = repo.json(1);
    assert!(json.has(&token), "the built-in rules stay: {}", json.story);
    let acme: Vec<_> = json.findings().iter().filter(|f| f["rule"]["id"] == "acme-key").collect();
    assert_eq!((acme.len(), paths(acme[0])), (1, vec!["src/a.js".to_owned()]), "{}", json.story);
    run(&repo, &["import", "gitleaks"]).code(2).says("is there already");
    // Something is lost: said, and told by the exit code.
    repo.write(".gitleaks.toml", "[[rules]]\nid = \"hex\"\nregex = \"[0-9a-f]{32}\"\n");
    run(&repo, &["import", "gitleaks", "--force"])
        .code(1)
        .says("not carried over: rule `hex`: `regex`: no word of 3")
        .says("keyscan's own rules stay in use");
    repo.write(".gitleaks.toml", "[[rules]\n");
    run(&repo, &["import", "gitleaks", "--force"]).code(2).says(".gitleaks.toml:1: not a valid gitleaks configuration");
    repo.remove(".gitleaks.toml");
    run(&repo, &["import", "gitleaks"]).code(2).says("there is no .gitleaks.toml");
}

// Whatever is allowed, a scan that is not complete stays one.

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn filters_never_change_the_exit_code_from_2(
        ignore in prop::sample::select(vec!["", "*\n", "src/\n"]),
        config in prop::sample::select(vec![
            "", "allow: [{path: '.', reason: x}]\n", "severity: critical\nconfidence: proven\n", "rules: {skip: [github]}\n",
        ]),
        comment in any::<bool>(),
        with_baseline in any::<bool>(),
    ) {
        let token = github_token(980);
        let repo = Repo::new();
        repo.write("src/a.js", if comment { commented(&token, "keyscan:allow") } else { line(&token) });
        let head = repo.commit("add");
        if with_baseline {
            run(&repo, &["baseline", "create", "."]).code(0);
        }
        repo.write(".keyscanignore", ignore);
        repo.write(".keyscan.yaml", config);
        let before: Value = repo.keyscan().args(["--format", "json"]).run().json().value;
        prop_assert_eq!(&before["complete"], true);
        fs::remove_file(repo.loose(&repo.git(["rev-parse", &format!("{head}:src/a.js")]))).unwrap();
        let out = repo.keyscan().run();
        prop_assert_eq!(out.status.code(), Some(2), "{}", out.story());
    }
}
