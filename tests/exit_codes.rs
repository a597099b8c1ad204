//! 0 complete and clean, 1 findings, 2 could not do the work or not all of it: which wins, with the report written all the
//! same and the damage named.

use std::fs;

use tempfile::TempDir;

use crate::util::{Json, Keyscan, Repo, github_token, line, overwrite, write};

/// A scan of a damaged repository: incomplete, and what is damaged is named.
#[track_caller]
fn damaged(repo: &Repo, names: &str) -> Json {
    let json = repo.json(2);
    assert_eq!(json.value["complete"], false);
    assert!(json.problems().iter().any(|p| p.contains(names)), "does not name {names}\n{}", json.story);
    // People are told, too, with the same exit code; and so are programs that read SARIF.
    repo.keyscan().run().code(2).says(names);
    repo.keyscan().args(["--format", "sarif"]).run().code(2).says(names);
    // Accepted, it is still named.
    let accepted = repo.keyscan().arg("--allow-incomplete").args(["--format", "json"]).run();
    assert_ne!(accepted.status.code(), Some(2), "{}", accepted.story());
    accepted.says(names);
    json
}

#[test]
fn clean_is_0() {
    let repo = Repo::new();
    repo.write("a", "nothing\n");
    repo.commit("first");
    repo.keyscan().run().code(0);
}

#[test]
fn findings_are_1() {
    Repo::with_removed(&github_token(200)).keyscan().run().code(1);
}

#[test]
fn wrong_commands_are_2_and_say_what_to_do() {
    let repo = Repo::new();
    repo.commit("first");
    let cases: &[(&[&str], &str)] = &[
        (&["nowhere"], "there is no nowhere"),
        (&["rule", "list"], "did you mean the command `keyscan rules`?"),
        (&[".", "--only", "no-such-rule"], "no rule is called `no-such-rule`"),
        (&[".", "--skip", "no-such-rule"], "no rule is called `no-such-rule`"),
        (&["explain", "no-such-rule"], "no rule is called `no-such-rule`"),
        (&[".", "--format", "xml"], "json"),
        (&[".", "--no-such-flag"], "--no-such-flag"),
        (&[".", "-j", "0"], "0"),
        (&[".", "--rules", "nowhere.yaml"], "nowhere.yaml"),
        (&[".", "--no-history", "--history-only"], "cannot be used with"),
        (&[".", "--output", "no/such/directory/out"], "no/such/directory/out"),
        (&["rules", "check", "nowhere.yaml"], "nowhere.yaml"),
    ];
    for (args, says) in cases {
        let out = Keyscan::at(repo.path()).args(*args).run().code(2).says(says);
        assert!(!out.stderr.is_empty() && out.stdout.is_empty(), "{}", out.story());
    }
}

/// A directory for records that is set for all runs is no contradiction to a run without records.
#[test]
fn no_cache_wins_over_the_environment() {
    let repo = Repo::with_removed(&github_token(201));
    let cache = repo.beside("records");
    repo.keyscan().arg("--no-cache").env("KEYSCAN_CACHE_DIR", cache.to_str().unwrap()).run().code(1);
    assert!(!cache.exists());
}

/// `keyscan --help | head -1`, and on a full disk.
#[cfg(target_os = "linux")]
#[test]
fn help_into_a_closed_pipe_or_a_full_disk() {
    use std::process::{Command, Stdio};
    let keyscan = || Command::new(env!("CARGO_BIN_EXE_keyscan"));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(keyscan().arg("--help").stdout(writer).status().unwrap().code(), Some(0));
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let out = keyscan().arg("--help").stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).contains("cannot write to standard output"));
}

#[test]
fn a_path_that_is_missing_among_others_is_2() {
    let repo = Repo::new();
    repo.write("a", line(&github_token(201)));
    Keyscan::at(repo.path()).args(["a", "nowhere"]).run().code(2).says("nowhere");
}

#[test]
fn switching_off_every_rule_is_2() {
    let repo = Repo::new();
    repo.keyscan().args(["--only", "github", "--skip", "github"]).run().code(2).says("no rule is left");
}

#[test]
fn a_rule_file_that_is_wrong_is_2() {
    let repo = Repo::new();
    repo.write("rules.yaml", "provider: Acme\nrules:\n  - id: acme-key\n    nme: x\n");
    repo.keyscan().args(["--rules", "rules.yaml"]).run().code(2).says("rules.yaml");
    repo.write("empty.yaml", "");
    repo.keyscan().args(["--rules", "empty.yaml"]).run().code(2).says("empty.yaml");
}

#[test]
fn help_and_version_are_0() {
    let room = TempDir::new().unwrap();
    for args in [["--help"].as_slice(), &["-h"], &["--version"], &["rules", "list"], &["man"], &["completions", "bash"]]
    {
        Keyscan::at(room.path()).args(args).run().code(0);
    }
}

#[test]
fn a_truncated_pack() {
    let token = github_token(210);
    let repo = Repo::with_removed(&token);
    repo.git(["gc", "--quiet"]);
    let pack = &repo.git_files("objects/pack", "pack")[0];
    let bytes = fs::read(pack).unwrap();
    for keep in [bytes.len() - 21, bytes.len() / 2, 13, 12, 4, 0] {
        overwrite(pack, &bytes[..keep]);
        let out = repo.keyscan().args(["--format", "json"]).run().code(2).never_says("panicked");
        assert!(!out.json().problems().is_empty(), "{keep} bytes kept");
    }
}

#[test]
fn a_pack_with_one_byte_changed() {
    let token = github_token(211);
    let repo = Repo::new();
    repo.write("a", line(&token));
    repo.write("b", format!("{}\n", "some more text to compress ".repeat(40)));
    repo.commit("first");
    repo.git(["gc", "--quiet"]);
    let pack = &repo.git_files("objects/pack", "pack")[0];
    let good = fs::read(pack).unwrap();
    // Behind the header and before the checksum of the pack.
    for at in (12..good.len() - 20).step_by(7) {
        let mut bad = good.clone();
        bad[at] ^= 0x55;
        overwrite(pack, &bad);
        let out = repo.keyscan().args(["--format", "json", "--history-only"]).run().never_says("panicked");
        // Either the token is still found, or the damage is told; never a clean result.
        assert_ne!(out.status.code(), Some(0), "byte {at}\n{}", out.story());
    }
}

#[test]
fn a_pack_without_an_index() {
    let repo = Repo::with_removed(&github_token(212));
    repo.git(["gc", "--quiet"]);
    fs::remove_file(&repo.git_files("objects/pack", "idx")[0]).unwrap();
    let name = repo.git_files("objects/pack", "pack")[0].file_name().unwrap().to_str().unwrap().to_owned();
    let json = damaged(&repo, &name);
    assert!(json.problems().iter().any(|p| p.contains("no index")), "{}", json.story);
}

#[test]
fn an_index_without_a_pack() {
    let repo = Repo::with_removed(&github_token(213));
    repo.git(["gc", "--quiet"]);
    fs::remove_file(&repo.git_files("objects/pack", "pack")[0]).unwrap();
    damaged(&repo, "pack-");
}

#[test]
fn a_damaged_index() {
    let repo = Repo::with_removed(&github_token(214));
    repo.git(["gc", "--quiet"]);
    let index = &repo.git_files("objects/pack", "idx")[0];
    let bytes = fs::read(index).unwrap();
    for keep in [bytes.len() / 2, 100, 8, 0] {
        overwrite(index, &bytes[..keep]);
        let out = repo.keyscan().args(["--format", "json"]).run().code(2).never_says("panicked");
        assert!(!out.json().problems().is_empty());
    }
    let mut garbage = bytes.clone();
    garbage[8..1032].fill(0xff);
    overwrite(index, &garbage);
    repo.keyscan().run().code(2).never_says("panicked");
}

#[test]
fn a_damaged_loose_object() {
    let repo = Repo::new();
    repo.write("a", "some text\n");
    repo.commit("first");
    let id = repo.git(["rev-parse", "HEAD:a"]);
    let good = fs::read(repo.loose(&id)).unwrap();
    let cases: &[(&str, Vec<u8>)] = &[
        ("garbage", b"not zlib at all".to_vec()),
        ("cut off", good[..good.len() - 6].to_vec()),
        ("empty", Vec::new()),
    ];
    for (what, bytes) in cases {
        println!("{what}");
        overwrite(&repo.loose(&id), bytes);
        damaged(&repo, &id);
    }
}

#[test]
fn a_ref_to_a_missing_object() {
    let repo = Repo::new();
    repo.commit("first");
    repo.write(".git/refs/heads/broken", "1234567890123456789012345678901234567890\n");
    damaged(&repo, "refs/heads/broken");
}

#[test]
fn a_missing_commit() {
    let repo = Repo::new();
    let first = repo.commit("first");
    repo.commit("second");
    fs::remove_file(repo.loose(&first)).unwrap();
    damaged(&repo, &first);
}

#[test]
fn a_missing_root_tree() {
    let repo = Repo::new();
    repo.write("a", "a\n");
    repo.commit("first");
    let tree = repo.git(["rev-parse", "HEAD^{tree}"]);
    fs::remove_file(repo.loose(&tree)).unwrap();
    damaged(&repo, &tree);
}

#[test]
fn a_missing_blob() {
    let repo = Repo::new();
    repo.write("a", "a\n");
    repo.write("dir/b", "b\n");
    repo.commit("first");
    let blob = repo.git(["rev-parse", "HEAD:dir/b"]);
    fs::remove_file(repo.loose(&blob)).unwrap();
    damaged(&repo, "missing");
}

#[test]
fn a_missing_subtree() {
    let repo = Repo::new();
    repo.write("dir/b", "b\n");
    repo.commit("first");
    let tree = repo.git(["rev-parse", "HEAD:dir"]);
    fs::remove_file(repo.loose(&tree)).unwrap();
    damaged(&repo, "missing");
}

#[test]
fn damage_wins_over_findings_and_the_report_is_written() {
    let token = github_token(220);
    let repo = Repo::new();
    repo.write("a", line(&token));
    repo.write("b", "some text\n");
    repo.commit("first");
    let id = repo.git(["rev-parse", "HEAD:b"]);
    overwrite(&repo.loose(&id), b"garbage");
    let json = damaged(&repo, &id);
    json.finding(&token);
    for format in ["text", "json", "jsonl", "sarif"] {
        let out = repo.beside("out");
        repo.keyscan().args(["--format", format, "--output", out.to_str().unwrap()]).run().code(2);
        let report = fs::read_to_string(&out).unwrap();
        assert!(report.contains("github-pat-classic") || report.contains("GitHub"), "{format}: {report}");
        assert!(report.contains(&id), "{format}: {report}");
    }
}

#[test]
fn an_output_file_gets_the_whole_report() {
    let repo = Repo::with_removed(&github_token(221));
    let out = repo.beside("report.json");
    let run = repo.keyscan().args(["--format", "json", "--output", out.to_str().unwrap()]).run().code(1);
    assert!(run.stdout.is_empty(), "{}", run.story());
    let printed = repo.keyscan().args(["--format", "json"]).run().code(1);
    assert_eq!(fs::read(out).unwrap(), printed.stdout);
}

#[test]
fn a_broken_repository_is_no_plain_directory() {
    let room = TempDir::new().unwrap();
    write(room.path(), "a", "a\n");
    fs::create_dir(room.path().join(".git")).unwrap();
    Keyscan::at(room.path()).arg(".").run().code(2).says("--no-history");
    // A file that points nowhere: a linked worktree whose repository is gone.
    fs::remove_dir(room.path().join(".git")).unwrap();
    write(room.path(), ".git", "gitdir: /nowhere/at/all\n");
    Keyscan::at(room.path()).arg(".").run().code(2);
}

#[test]
fn severity_and_confidence_filters_change_what_counts() {
    let repo = Repo::with_removed(&github_token(222));
    repo.keyscan().args(["--severity", "critical"]).run().code(1);
    repo.keyscan().args(["--skip", "github", "--skip", "generic"]).run().code(0);
    repo.keyscan().args(["--only", "stripe"]).run().code(0);
    repo.keyscan().args(["--confidence", "proven"]).run().code(1);
}

#[test]
fn malformed_tokens_do_not_change_the_exit_code() {
    let mut token = github_token(223).into_bytes();
    token[10] = if token[10] == b'a' { b'b' } else { b'a' };
    let text = String::from_utf8(token).unwrap();
    let repo = Repo::new();
    repo.write("a", line(&text));
    repo.commit("first");
    let json = repo.json(0);
    assert_eq!(json.value["receipt"]["not_reported"]["malformed"], 1);
    let shown = repo.keyscan().arg("--show-malformed").json(0);
    assert_eq!(shown.finding(&text)["verdict"], "malformed");
}

/// A slip in the name of a rule is answered with the name that was meant.
#[test]
fn names_of_rules_that_are_nearly_right() {
    let room = TempDir::new().unwrap();
    let run = |args: &[&str]| Keyscan::at(room.path()).args(args).run().code(2);
    run(&["explain", "github-pat-clasic"]).says("did you mean: github-pat-classic?");
    run(&["rules", "show", "GITHUB-PAT-CLASSIC"]).says("did you mean: github-pat-classic?");
    run(&["--only", "githb", "."]).says("`keyscan rules list` shows all");
    run(&["--skip", "stripe-secret-kei", "."]).says("did you mean: stripe-secret-key").never_says("slack");
    run(&["explain", ""]).says("`keyscan rules list` shows all").never_says("did you mean");
}

/// The shell gives the output of a command as a pipe that has a name.
#[cfg(unix)]
#[test]
fn a_pipe_that_is_named_is_told() {
    let room = TempDir::new().unwrap();
    let made = std::process::Command::new("mkfifo").arg(room.path().join("pipe")).status().unwrap();
    assert!(made.success());
    Keyscan::at(room.path()).arg("pipe").run().code(2).says("not a regular file").says("| keyscan -`");
}
