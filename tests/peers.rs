//! What users of other scanners suffer from, line by line: each test is one complaint that keyscan must not deserve.

use std::fs;
use std::path::Path;

use keyscan::structure::Rng;

use crate::util::{Json, Keyscan, Repo, github_token, kinds, line, mint, paths, scan_file, texts};

/// Each complaint, and the tests that keyscan does not deserve it: `file::test`, or `src/FILE::test` of a unit.
const TESTS: &[(&str, &[&str])] = &[
    // Silent all-clear
    ("a bad range scans nothing and passes", &["ranges::a_bad_range_is_an_error_and_no_all_clear"]),
    (
        "a config without a line means zero rules",
        &[
            "policy::a_user_config_without_an_extend_line_leaves_all_rules_in_use",
            "policy::a_config_that_leaves_no_rule_is_an_error",
        ],
    ),
    (
        "SHA-256, corrupt objects, no identity: error, and exit 0",
        &[
            "peers::sha256_corruption_and_a_missing_identity_are_no_silent_success",
            "history::with_sha256_object_ids",
            "exit_codes::a_damaged_loose_object",
        ],
    ),
    (
        "shallow and partial clones: no word of it",
        &["history::a_shallow_clone_is_incomplete", "history::a_partial_clone_is_incomplete_and_fetches_nothing"],
    ),
    (
        "linked worktrees: no history, no hooks",
        &["history::from_a_linked_worktree", "hooks::hooks_fire_in_linked_worktrees"],
    ),
    (
        "one code for leak and error; a hook passes without its program",
        &["peers::a_leak_and_an_error_have_different_exit_codes", "hooks::a_hook_without_its_program_fails_loudly"],
    ),
    (
        "files left out by size, long lines or a built-in list",
        &[
            "peers::no_built_in_list_leaves_files_out",
            "peers::an_over_long_line_is_scanned",
            "worktree::one_line_of_fifty_megabytes",
        ],
    ),
    // Where they do not look
    (
        "content of a merge commit alone",
        &["history::only_in_a_merge_commit", "ranges::a_merge_adds_only_what_no_parent_has"],
    ),
    (
        "messages, tags, notes, stash, dangling objects, names of refs",
        &[
            "history::in_a_commit_message",
            "history::in_a_tag_message",
            "history::in_a_note",
            "history::in_the_stash",
            "history::dangling_after_a_reset",
            "history::in_the_name_of_a_ref",
        ],
    ),
    (
        "renamed and edited, also staged; a link turned into a file; -diff; UTF-16",
        &[
            "history::renamed_and_edited_in_one_commit",
            "hooks::staged_renames_with_edits",
            "history::a_symbolic_link_turned_into_a_file_and_back",
            "peers::binary_attributes_hide_nothing",
            "worktree::encodings_and_line_ends",
        ],
    ),
    (
        "staged binary files, untracked files, files named in hook mode",
        &[
            "hooks::staged_contents_of_every_kind",
            "hooks::files_named_in_hook_mode_are_scanned",
            "history::only_history_or_only_files",
        ],
    ),
    (
        "tracked files that are ignored, and the reverse",
        &[
            "worktree::tracked_though_ignored_is_scanned",
            "worktree::files_named_in_git_info_exclude_are_ignored_unless_asked_for",
        ],
    ),
    (
        "side branches with older dates",
        &["peers::a_side_branch_with_older_dates", "ranges::side_branches_with_older_dates_are_in_the_range"],
    ),
    (
        "base64 wrapped, with other bytes, compressed; hex; escaped line breaks in a key",
        &[
            "decode::base64_wrapped_at_any_column",
            "decode::base64_of_every_kind",
            "decode::layers",
            "decode::escapes_inside_of_a_token",
            "peers::a_key_with_escaped_line_breaks",
        ],
    ),
    ("a key id alone, or its secret far away", &["keys::an_id_and_its_secret_are_paired_when_close"]),
    (
        "passwords by name, logins of tools, special characters",
        &["peers::logins_of_tools", "generic::random_passwords_are_found_in_every_syntax"],
    ),
    (
        "the rest of a chunk; secrets across hunks",
        &["peers::a_secret_at_a_boundary_of_chunks", "peers::a_key_that_two_commits_wrote"],
    ),
    // Noise
    (
        "hashes, UUIDs, identifiers, lock files",
        &["peers::hashes_uuids_and_identifiers_are_no_keys", "generic::what_is_no_secret_is_not_found"],
    ),
    (
        "random secrets dropped by an entropy limit or a stop-word",
        &["peers::words_inside_a_random_token_do_not_drop_it", "src/detect/score.rs::random_text_passes"],
    ),
    (
        "a wrong checksum reported",
        &[
            "peers::a_wrong_checksum_is_not_reported",
            "vectors::valid_ones_are_proven_and_invalid_ones_are_not_reported",
        ],
    ),
    (
        "one secret reported many times, or at another place each run",
        &[
            "peers::the_same_secret_in_many_commits_is_one_finding",
            "determinism::any_number_of_threads_gives_the_same_bytes",
        ],
    ),
    ("verified that is not", &["peers::no_report_says_that_a_credential_works"]),
    // Ignoring and baselines
    (
        "fingerprints by position",
        &[
            "peers::fingerprints_survive_rebase_squash_move_and_clone",
            "policy::a_baseline_survives_squash_rebase_and_inserted_lines",
            "policy::a_baseline_does_not_hide_a_new_secret_on_the_same_line",
        ],
    ),
    (
        "baselines that churn, do not merge, or hold absolute paths",
        &["policy::baseline_files_are_sorted_have_no_churn_and_no_absolute_paths", "policy::baseline_files_merge"],
    ),
    ("an inline ignore without older versions", &["policy::an_inline_comment_covers_the_older_version_in_history"]),
    // Leaking while scanning
    (
        "whole secrets in reports, neighbours, messages, commands",
        &[
            "secrets::no_report_holds_a_whole_secret",
            "secrets::the_neighbour_on_the_line_is_masked",
            "peers::a_revocation_command_does_not_hold_the_secret",
        ],
    ),
    (
        "a repository's own config adds validators",
        &[
            "policy::a_config_of_the_scanned_repository_cannot_reach_out",
            "peers::the_configuration_of_a_repository_switches_nothing_off",
        ],
    ),
    // Slow or heavy: measured in benches/, since no test is timed.
    ("a whole clone for each hook", &["hooks::a_hook_reads_what_is_pushed_and_no_more"]),
    // Reports
    (
        "SARIF without level or help, columns off by one, mail in fingerprints",
        &["peers::sarif_has_levels_help_and_columns_from_one", "secrets::sarif_holds_no_personal_data"],
    ),
    (
        "no word on when it came in, who has it, what to do",
        &["peers::a_finding_says_what_to_do_and_who_else_has_it", "history::the_life_of_a_secret"],
    ),
    ("a licence key for the action", &["peers::the_action_needs_no_licence_key"]),
];

#[test]
fn every_complaint_has_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (complaint, tests) in TESTS {
        for test in *tests {
            let (file, name) = test.rsplit_once("::").unwrap();
            let path = if file.contains('/') { file.to_owned() } else { format!("tests/{file}.rs") };
            let text = fs::read_to_string(root.join(path)).unwrap();
            // The function, with the attribute that makes it a test just above.
            let at =
                text.find(&format!("fn {name}(")).unwrap_or_else(|| panic!("{complaint}: there is no test {test}"));
            let above = text[..at].trim_end();
            assert!(above.ends_with("#[test]"), "{complaint}: {test} is no test");
        }
    }
}

// Silent all-clear

#[test]
fn a_user_rule_file_adds_to_the_built_in_rules() {
    let token = github_token(500);
    let repo = Repo::new();
    repo.write("a", line(&token));
    repo.write(
        "acme.yaml",
        "provider: Acme\nrotate:\n  revoke: https://acme.example/keys\n  docs: https://acme.example/docs\n  steps:\n    - Make a new one.\n\
         rules:\n  - id: acme-key\n    name: Acme key\n    format: \"acme_{body:base62:32}\"\n    severity: high\n    grants: everything\n",
    );
    let own = format!("acme_{}", Rng::new(1).text(b"abcdefghijkmnpqrstuvwxyz23456789", 32));
    repo.write("b", line(&own));
    let json = repo.keyscan().args(["--rules", "acme.yaml"]).json(1);
    assert!(json.has(&token) && json.has(&own), "{}", json.story);
}

#[test]
fn sha256_corruption_and_a_missing_identity_are_no_silent_success() {
    // No identity and no home: scanning needs neither.
    let repo = Repo::with_removed(&github_token(501));
    Keyscan::at(repo.path()).arg(".").env("HOME", "/nonexistent").run().code(1);
}

#[test]
fn a_leak_and_an_error_have_different_exit_codes() {
    let repo = Repo::with_removed(&github_token(502));
    repo.keyscan().run().code(1);
    repo.keyscan().arg("nowhere").run().code(2);
}

#[test]
fn no_built_in_list_leaves_files_out() {
    let names = [
        "package-lock.json",
        "yarn.lock",
        "Cargo.lock",
        "go.sum",
        "logo.svg",
        "app.min.js",
        "app.js.map",
        "node_modules/x/index.js",
        "vendor/x/x.go",
        "dist/bundle.js",
        "test/fixtures/data.json",
        "docs/example.md",
        "image.png",
        "notebook.ipynb",
        ".git-credentials",
    ];
    let repo = Repo::new();
    for (n, name) in names.iter().enumerate() {
        repo.write(name, line(&github_token(510 + n as u64)));
    }
    repo.commit("add");
    let json = repo.keyscan().arg("--no-history").json(1);
    for (n, name) in names.iter().enumerate() {
        assert_eq!(paths(json.finding(&github_token(510 + n as u64))), [*name]);
    }
    repo.git(["rm", "-q", "-r", "."]);
    repo.commit("remove");
    assert_eq!(repo.json(1).findings().len(), names.len());
}

#[test]
fn an_over_long_line_is_scanned() {
    let token = github_token(530);
    let repo = Repo::new();
    repo.write("min.js", format!("{}\"{token}\"", "var a=1;".repeat(1_500_000)));
    repo.commit("add");
    repo.remove("min.js");
    repo.commit("remove");
    repo.json(1).finding(&token);
}

// Where they do not look

#[test]
fn binary_attributes_hide_nothing() {
    let token = github_token(531);
    let repo = Repo::new();
    repo.write(".gitattributes", "* -diff -text binary export-ignore\nsecret linguist-generated\n");
    repo.write("secret", line(&token));
    repo.commit("add");
    repo.remove("secret");
    repo.commit("remove");
    repo.json(1).finding(&token);
}

#[test]
fn staged_renames_and_binary_files() {
    let (renamed, binary) = (github_token(532), github_token(533));
    let repo = Repo::new();
    let body: String = (0..30).map(|n| format!("line {n}\n")).collect();
    repo.write("old", &body);
    repo.commit("first");
    repo.git(["mv", "old", "new"]);
    repo.write("new", format!("{body}{}", line(&renamed)));
    repo.write("blob.bin", [b"\0\x01\x02".as_slice(), binary.as_bytes(), b"\0"].concat());
    repo.git(["add", "--all"]);
    // Neither is in the working tree any more: only the index has them.
    repo.write("new", &body);
    repo.remove("blob.bin");
    let json = repo.json(1);
    assert!(json.has(&renamed) && json.has(&binary), "{}", json.story);
}

#[test]
fn a_side_branch_with_older_dates() {
    let token = github_token(534);
    let repo = Repo::new();
    repo.write("a", "a\n");
    repo.commit("base");
    repo.pass_days(100);
    repo.write("a", "b\n");
    repo.commit("main goes on");
    repo.git(["checkout", "-q", "-b", "side", "HEAD~1"]);
    repo.pass_days(-300);
    repo.write("s", line(&token));
    let leak = repo.commit("older than its parent");
    repo.remove("s");
    repo.commit("removed");
    repo.git(["checkout", "-q", "main"]);
    repo.pass_days(400);
    repo.git(["merge", "-q", "--no-ff", "-m", "merge", "side"]);
    let json = repo.json(1);
    assert_eq!(json.finding(&token)["life"]["first"]["id"], leak.as_str(), "{}", json.story);
}

#[test]
fn a_key_with_escaped_line_breaks() {
    let pem = mint("private-key-rsa", 535);
    let escaped = pem.trim_end().replace('\n', "\\n");
    for source in [
        format!("{{\"private_key\": \"{escaped}\\n\"}}\n"),
        format!("export KEY=\"{escaped}\"\n"),
        format!("KEY=$'{escaped}'\n"),
        pem.lines().map(|l| format!("    \"{l}\\n\" +\n")).collect(),
        pem.lines().map(|l| format!("  {l}\n")).collect(),
        pem.lines().map(|l| format!("// {l}\n")).collect(),
        pem.replace('\n', "\r\n"),
    ] {
        let json = scan_file("file", &source, 1);
        assert!(json.findings().iter().any(|f| f["rule"]["id"] == "private-key-rsa"), "{source}\n{}", json.story);
    }
}

#[test]
fn logins_of_tools() {
    let password = "c0rrect.Horse-7battery";
    let basic = "ZGVwbG95OmMwcnJlY3QuSG9yc2UtN2JhdHRlcnk=";
    for (name, source) in [
        (".netrc", format!("machine git.corp.net login ann password {password}\n")),
        (".git-credentials", format!("https://ann:{password}@git.corp.net\n")),
        ("config.json", format!("{{\"auths\": {{\"registry.corp.net\": {{\"auth\": \"{basic}\"}}}}}}\n")),
        ("request.txt", format!("Authorization: Basic {basic}\n")),
    ] {
        let json = scan_file(name, &source, 1);
        assert_eq!(json.findings().len(), 1, "{name}\n{}", json.story);
    }
}

#[test]
fn a_secret_at_a_boundary_of_chunks() {
    let token = github_token(536);
    for size in [4096, 8000, 8192, 10_240, 65_536, 1 << 20] {
        for back in [1, 20, 39] {
            let source = format!("{}{token}\n", "x ".repeat(size / 2).split_at(size - back).0);
            assert!(scan_file("file", &source, 1).has(&token), "{back} bytes before {size}");
        }
    }
}

#[test]
fn a_key_that_two_commits_wrote() {
    let key = mint("private-key-rsa", 551);
    let repo = Repo::new();
    let lines: Vec<&str> = key.lines().collect();
    let half = lines.len() / 2;
    let text = |lines: &[&str], gap: &str| format!("# a\n{gap}{}\n", lines.join("\n"));
    repo.write("key.pem", text(&[&lines[..half], &["# the rest comes later"], &lines[half + 1..]].concat(), ""));
    repo.commit("first half");
    // One hunk adds a line above, another the middle of the key.
    repo.write("key.pem", text(&lines, "# b\n"));
    repo.commit("complete");
    let whole = |json: &Json| {
        let length = Some(key.trim_end().len() as u64);
        let mut found = json.findings().iter().filter(|f| f["verdict"] == "proven" && f["length"].as_u64() == length);
        assert!(found.next().is_some(), "{}", json.story);
    };
    whole(&repo.keyscan().args(["--range", "HEAD~1.."]).json(1));
    whole(&repo.json(1));
}

// Noise

#[test]
fn hashes_uuids_and_identifiers_are_no_keys() {
    let mut rng = Rng::new(9);
    let mut hex = |n| rng.text(b"0123456789abcdef", n);
    let uuid = format!("{}-{}-4{}-8{}-{}", hex(8), hex(4), hex(3), hex(3), hex(12));
    let source = format!(
        "{{\n  \"resolved\": \"https://registry.npmjs.org/x/-/x-1.0.0.tgz#{}\",\n  \"integrity\": \"sha512-{}==\",\n  \"id\": \"{uuid}\",\n  \
         \"commit\": \"{}\",\n  \"etag\": \"{}\",\n  \"key\": \"ThisIsAnIdentifierWithALongName\",\n  \"token\": \"parseTokenFromAuthorizationHeader\"\n}}\n",
        hex(40),
        hex(86),
        hex(40),
        hex(32)
    );
    scan_file("package-lock.json", source, 0);
}

#[test]
fn words_inside_a_random_token_do_not_drop_it() {
    // A proven token stays, whatever its letters say.
    let mut seed = 0;
    let token = loop {
        let token = github_token(seed);
        if ["foo", "bar", "key", "xxx", "123"].iter().any(|word| token.to_lowercase().contains(word)) {
            break token;
        }
        seed += 1;
    };
    for name in ["example.md", "test/fixture.txt", "dummy/sample.env"] {
        assert!(scan_file(name, format!("# example, not a real key: placeholder\nkey = {token}\n"), 1).has(&token));
    }
}

#[test]
fn a_wrong_checksum_is_not_reported() {
    let token = github_token(540);
    let wrong = format!("{}{}", &token[..39], if token.ends_with('0') { '1' } else { '0' });
    let json = scan_file("file", line(&wrong), 0);
    assert_eq!(json.value["receipt"]["not_reported"]["malformed"], 1);
}

#[test]
fn the_same_secret_in_many_commits_is_one_finding() {
    let token = github_token(541);
    let repo = Repo::new();
    for n in 0..20 {
        repo.write("a", format!("{n}\n{}", line(&token)));
        repo.write(format!("copy{n}"), line(&token));
        repo.commit("again");
    }
    let json = repo.json(1);
    assert_eq!(json.findings().len(), 1, "{}", json.story);
    assert_eq!(kinds(json.finding(&token)).iter().filter(|k| *k == "blob").count(), 21);
}

#[test]
fn no_report_says_that_a_credential_works() {
    let repo = Repo::new();
    repo.write("a", format!("{}stripe: {}\n", line(&github_token(552)), mint("stripe-secret-key", 552)));
    repo.commit("add");
    for format in ["text", "json", "jsonl", "sarif", "markdown", "junit", "csv", "github", "gitlab"] {
        let out = repo.keyscan().args(["--format", format]).run().code(1);
        let text = String::from_utf8_lossy(&out.stdout).to_lowercase();
        for claim in ["verified", "is active", "is live", "still works", "confirmed"] {
            assert!(!text.contains(claim), "{format} says {claim}\n{text}");
        }
    }
}

// Ignoring and baselines

#[test]
fn fingerprints_survive_rebase_squash_move_and_clone() {
    let token = github_token(542);
    let repo = Repo::with_removed(&token);
    let before = repo.json(1).finding(&token)["fingerprint"].clone();
    repo.write("moved/elsewhere.txt", format!("\n\n\n    {}", line(&token)));
    repo.git(["checkout", "-q", "--orphan", "squashed"]);
    repo.commit("all in one");
    repo.git(["branch", "-q", "-D", "main"]);
    assert_eq!(repo.json(1).finding(&token)["fingerprint"], before);
    let clone = repo.beside("clone");
    repo.git(["clone", "-q", ".", clone.to_str().unwrap()]);
    assert_eq!(Keyscan::at(&clone).arg(".").json(1).finding(&token)["fingerprint"], before);
    // Another secret in its place is another finding.
    let other = github_token(543);
    assert_ne!(scan_file("a", line(&other), 1).finding(&other)["fingerprint"], before);
}

#[test]
fn a_new_secret_on_the_same_line_is_a_new_finding() {
    let (old, new) = (github_token(544), github_token(545));
    let json = scan_file("a", format!("a = '{old}', b = '{new}'\n"), 1);
    assert_ne!(json.finding(&old)["fingerprint"], json.finding(&new)["fingerprint"]);
}

// Leaking while scanning

#[test]
fn the_configuration_of_a_repository_switches_nothing_off() {
    let token = github_token(546);
    let repo = Repo::new();
    repo.write("a", line(&token));
    for name in [".gitleaks.toml", ".gitleaksignore", ".keyscan.toml", "keyscan.yaml", ".secretlintrc"] {
        repo.write(name, "rules: []\nignore: ['**']\n[allowlist]\npaths = ['.*']\n");
    }
    repo.commit("add");
    let rules = repo.json(1).count("rules");
    // Its own config may narrow what is shown, which is counted and can be undone; see tests/policy.rs.
    repo.write(".keyscan.yaml", "rules: {skip: [github]}\n");
    let json = repo.json(0);
    assert_eq!((json.count("rules"), json.value["receipt"]["not_reported"]["allowed"].as_u64()), (rules, Some(1)));
    repo.keyscan().arg("--no-repo-config").json(1).finding(&token);
}

#[test]
fn a_revocation_command_does_not_hold_the_secret() {
    let token = github_token(547);
    let json = scan_file("a", line(&token), 1);
    let command = json.finding(&token)["rotation"]["command"].as_str().unwrap();
    assert!(command.contains("$TOKEN") && !command.contains(&token), "{command}");
}

// Reports

#[test]
fn sarif_has_levels_help_and_columns_from_one() {
    let token = github_token(548);
    let repo = Repo::new();
    repo.write("a b", format!("x\n  {token}\n"));
    repo.commit("add");
    let out = repo.keyscan().args(["--format", "sarif"]).run().code(1);
    let log: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let run = &log["runs"][0];
    let result = &run["results"][0];
    assert_eq!(result["level"], "error");
    let location = &result["locations"][0]["physicalLocation"];
    assert_eq!(location["artifactLocation"]["uri"], "a%20b");
    assert_eq!(location["region"]["startLine"], 2);
    assert_eq!(location["region"]["startColumn"], 3);
    assert_eq!(location["region"]["endColumn"], 43);
    let rule = &run["tool"]["driver"]["rules"][0];
    assert_eq!(rule["id"], "github-pat-classic");
    assert!(rule["help"]["text"].as_str().unwrap().len() > 20, "{rule}");
    assert!(rule["properties"]["security-severity"].is_string(), "{rule}");
    // The same at the next run.
    let again = repo.keyscan().args(["--format", "sarif"]).run().code(1);
    assert_eq!(out.stdout, again.stdout);
}

#[test]
fn a_finding_says_what_to_do_and_who_else_has_it() {
    let token = github_token(549);
    let repo = Repo::new();
    repo.write("a", line(&token));
    let first = repo.commit("add");
    repo.git(["branch", "other"]);
    let out = repo.keyscan().run().code(1);
    let out = out.says(&first[..7]).says("Ann Author").says("other").says("evoke").says("a:1:16");
    drop(out.says("2024-01-01"));
    let json = repo.json(1);
    assert!(!texts(&json.finding(&token)["rotation"]["steps"]).is_empty());
}

#[test]
fn a_report_in_a_pipe_has_no_colours_and_no_progress() {
    let repo = Repo::with_removed(&github_token(550));
    let out = repo.keyscan().run().code(1).never_says("\u{1b}");
    assert!(out.stderr.is_empty(), "{}", out.story());
    let coloured = repo.keyscan().args(["--color", "always"]).run().code(1).says("\u{1b}[");
    drop(coloured);
}

#[test]
fn the_clean_receipt_says_what_was_looked_at() {
    let repo = Repo::new();
    repo.write("a", "a\n");
    repo.commit("first");
    let out = repo.keyscan().run().code(0);
    drop(out.says("1 commit").says("1 blob"));
    assert!(fs::metadata(repo.path().join("a")).is_ok());
}

#[test]
fn the_action_needs_no_licence_key() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("action.yml")).unwrap();
    let action: serde_json::Value = serde_yaml::from_str(&text).unwrap();
    for (name, input) in action["inputs"].as_object().unwrap() {
        assert!(input["required"] != true, "{name} has to be given");
        for word in ["licen", "key", "token", "secret"] {
            assert!(!name.contains(word), "{name}");
        }
    }
    for step in action["runs"]["steps"].as_array().unwrap() {
        assert!(step["uses"].is_null(), "somebody else's action: {step}");
    }
}
