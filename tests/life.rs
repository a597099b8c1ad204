//! The life of a secret: when it came in and went, by whom, where it lived, and what still holds it.

use std::fs;

use serde_json::Value;

use crate::util::{DAY, Json, Keyscan, Repo, START, github_token, line, paths, text, texts};

fn life<'a>(json: &'a Json, token: &str) -> &'a Value {
    &json.finding(token)["life"]
}

/// Path and commit of each removal.
fn removed(json: &Json, token: &str) -> Vec<(String, String)> {
    let list = life(json, token)["removed"].as_array().unwrap().clone();
    list.iter().map(|r| (text(&r["path"]["path"]), text(&r["commit"]))).collect()
}

fn pair(path: &str, commit: &str) -> (String, String) {
    (path.to_owned(), commit.to_owned())
}

#[test]
fn several_paths_go_one_by_one() {
    let token = github_token(6000);
    let repo = Repo::new();
    repo.write("a", line(&token));
    let first = repo.commit("a");
    repo.write("dir/b", format!("// copy\n{}", line(&token)));
    repo.write("dir/deep/c", line(&token));
    repo.commit("b and c");
    repo.remove("a");
    let gone_a = repo.commit("no a");
    repo.write("dir/b", "clean\n");
    repo.remove("dir/deep/c");
    let gone_b = repo.commit("no b, no c");
    let json = repo.json(1);
    assert_eq!(paths(json.finding(&token)), ["a", "dir/b", "dir/deep/c"]);
    assert_eq!(life(&json, &token)["first"]["id"], first.as_str());
    assert_eq!(removed(&json, &token), [pair("a", &gone_a), pair("dir/b", &gone_b), pair("dir/deep/c", &gone_b)]);
    assert_eq!(life(&json, &token)["exposure_days"], 3, "{}", json.story);
}

#[test]
fn renamed_twice_and_removed() {
    let token = github_token(6010);
    let repo = Repo::new();
    repo.write("one", line(&token));
    repo.commit("one");
    repo.git(["mv", "one", "two"]);
    let second = repo.commit("two");
    repo.git(["mv", "two", "three"]);
    let third = repo.commit("three");
    repo.remove("three");
    let gone = repo.commit("gone");
    let json = repo.json(1);
    assert_eq!(paths(json.finding(&token)), ["one", "three", "two"]);
    assert_eq!(removed(&json, &token), [pair("one", &second), pair("three", &gone), pair("two", &third)]);
}

#[test]
fn removed_and_added_again_at_the_same_path() {
    let token = github_token(6020);
    let repo = Repo::new();
    repo.write("a", line(&token));
    let first = repo.commit("in");
    repo.write("a", "out\n");
    let out = repo.commit("out");
    repo.pass_days(3);
    repo.write("a", line(&token));
    repo.commit("in again");
    let json = repo.json(1);
    // It is there now, so nothing has removed it.
    assert_eq!(removed(&json, &token), []);
    assert_eq!(life(&json, &token)["in_head"], true);
    assert_eq!(life(&json, &token)["first"]["id"], first.as_str());
    repo.write("a", "out\n");
    let last = repo.commit("out again");
    assert_ne!(out, last);
    let json = repo.json(1);
    assert_eq!(removed(&json, &token), [pair("a", &last)]);
    assert_eq!(life(&json, &token)["exposure_days"], 6, "{}", json.story);
}

#[test]
fn removed_on_one_branch_and_kept_on_another() {
    let token = github_token(6030);
    let repo = Repo::new();
    repo.write("a", line(&token));
    repo.commit("in");
    repo.git(["branch", "release"]);
    repo.git(["tag", "-a", "v1", "-m", "one"]);
    repo.git(["update-ref", "refs/remotes/origin/main", "HEAD"]);
    repo.write("a", "clean\n");
    let gone = repo.commit("out");
    let json = repo.json(1);
    let held = life(&json, &token);
    assert_eq!(held["in_head"], false);
    assert_eq!(texts(&held["branches"]), ["release"]);
    assert_eq!(texts(&held["tags"]), ["v1"]);
    assert_eq!(texts(&held["remotes"]), ["origin/main"]);
    assert_eq!(removed(&json, &token), [pair("a", &gone)]);
    let out = repo.keyscan().run().code(1);
    for says in ["branch release", "tag v1", "remote branch origin/main", "removed from a by commit"] {
        assert!(out.text().contains(says), "does not say {says}\n{}", out.story());
    }
    let sarif = repo.keyscan().args(["--format", "sarif"]).run().code(1);
    for says in ["release", "v1", "origin/main", &gone] {
        assert!(sarif.text().contains(says), "SARIF does not say {says}\n{}", sarif.story());
    }
}

/// Nobody deleted it: another branch has it in its newest commit.
#[test]
fn a_branch_that_is_not_checked_out() {
    let token = github_token(6040);
    let repo = Repo::new();
    repo.write("a", "clean\n");
    repo.commit("clean");
    repo.git(["checkout", "--quiet", "-b", "work"]);
    repo.write("b", line(&token));
    repo.commit("b");
    repo.git(["checkout", "--quiet", "main"]);
    let said = repo.keyscan().run().code(1);
    said.says("the tip of another branch, tag or ref still has it")
        .says("still in branch work")
        .never_says("did not remove it");
}

#[test]
fn a_merge_that_takes_the_clean_side() {
    let token = github_token(6040);
    let repo = Repo::new();
    repo.write("a", "a\n");
    repo.commit("base");
    repo.git(["checkout", "-q", "-b", "side"]);
    repo.write("a", line(&token));
    let first = repo.commit("leak on a side");
    repo.git(["checkout", "-q", "main"]);
    repo.write("b", "b\n");
    repo.commit("main goes on");
    repo.git(["merge", "-q", "--no-ff", "--no-commit", "-s", "ours", "side"]);
    repo.commit("merge without it");
    repo.git(["branch", "-q", "-D", "side"]);
    let json = repo.json(1);
    assert_eq!(life(&json, &token)["first"]["id"], first.as_str());
    assert_eq!(life(&json, &token)["in_head"], false);
    assert_eq!(life(&json, &token)["reachable"], true, "{}", json.story);
}

#[test]
fn the_first_commit_is_the_earliest_of_all_branches() {
    let token = github_token(6050);
    let repo = Repo::new();
    repo.commit("base");
    repo.git(["branch", "late"]);
    repo.git(["checkout", "-q", "-b", "early"]);
    repo.write("a", line(&token));
    let first = repo.commit("early");
    repo.git(["checkout", "-q", "late"]);
    repo.write("b", line(&token));
    repo.commit("late");
    let json = repo.json(1);
    assert_eq!(life(&json, &token)["first"]["id"], first.as_str(), "{}", json.story);
    assert_eq!(texts(&life(&json, &token)["branches"]), ["early", "late"]);
}

#[test]
fn many_versions_are_one_finding() {
    let token = github_token(6060);
    let repo = Repo::new();
    for version in 0..25 {
        repo.write("a", format!("// version {version}\n{}", line(&token)));
        repo.commit(&format!("version {version}"));
    }
    let json = repo.json(1);
    assert_eq!(json.findings().len(), 1);
    assert_eq!(text(&life(&json, &token)["first"]["summary"]), "version 0");
    assert_eq!(paths(json.finding(&token)), ["a"]);
    let out = repo.keyscan().run().code(1);
    assert!(out.text().lines().count() < 60, "25 versions in so many lines\n{}", out.story());
}

/// What a secret is told to be in stays short, however many refs and versions there are.
#[test]
fn refs_and_versions_are_named_up_to_a_hundred() {
    let (old, kept) = (github_token(1180), github_token(1181));
    let repo = Repo::new();
    let mut stream = String::new();
    for n in 0..150 {
        let file = format!("{}{}// {n}\n", if n < 149 { line(&old) } else { String::new() }, line(&kept));
        stream.push_str(&format!(
            "commit refs/heads/main\ncommitter C <c@example.com> {} +0000\ndata 1\nx\nM 100644 inline a\ndata {}\n{file}\n",
            1_704_067_200 + n,
            file.len()
        ));
    }
    repo.import(stream.as_bytes());
    let head = repo.git(["rev-parse", "main"]);
    let update = |kind: &str| (0..130).map(|n| format!("create refs/{kind}/b{n:03} {head}\n")).collect::<String>();
    repo.git_with_input(&["update-ref", "--stdin"], &(update("heads") + &update("tags") + &update("remotes/o")));
    repo.git(["reset", "-q", "--hard", "main"]);
    let json = repo.json(1);
    let life = life(&json, &kept);
    for (list, more, all) in
        [("branches", "more_branches", 131), ("tags", "more_tags", 130), ("remotes", "more_remotes", 130)]
    {
        assert_eq!((texts(&life[list]).len(), life[more].as_u64()), (100, Some(all - 100)), "{list}");
    }
    let places = |token: &str| {
        let finding = json.finding(token);
        (finding["occurrences"].as_array().unwrap().len(), finding["more_occurrences"].as_u64().unwrap())
    };
    assert_eq!(places(&old), (100, 49));
    assert_eq!(places(&kept), (101, 50), "the file itself is listed as well");
    repo.keyscan().arg("--verbose").run().code(1).says("and 49 more").says("and 31 more");
    // A saved report says the same.
    let saved = repo.beside("saved.json");
    repo.keyscan().args(["--format", "json", "-o", saved.to_str().unwrap()]).run().code(1);
    repo.keyscan().run().code(1);
    Keyscan::at(repo.path()).args(["report", saved.to_str().unwrap(), "--verbose"]).run().code(0).says("and 49 more");
}

/// What to do is said once for each kind of credential.
#[test]
fn rotation_is_told_with_the_first_of_a_rule() {
    let repo = Repo::new();
    repo.write("a", format!("{}{}", line(&github_token(1182)), line(&github_token(1183))));
    let out = repo.keyscan().run().code(1);
    let text = out.text();
    assert_eq!(text.matches("1. Revoke the token").count(), 1, "{text}");
    assert_eq!(text.matches("as above, under the first [github-pat-classic]").count(), 1, "{text}");
    let text = repo.keyscan().arg("-v").run().code(1).text();
    assert_eq!(text.matches("1. Revoke the token").count(), 2, "{text}");
}

#[test]
fn exposure_ends_when_nothing_holds_it_any_more() {
    let token = github_token(6070);
    let repo = Repo::new();
    repo.write("a", line(&token));
    repo.commit("in");
    repo.pass_days(9);
    repo.write("a", "out\n");
    repo.commit("out");
    repo.pass_days(50);
    repo.commit("later");
    let epoch = (START + 365 * DAY).to_string();
    let days = || life(&repo.keyscan().env("SOURCE_DATE_EPOCH", &epoch).json(1), &token)["exposure_days"].clone();
    assert_eq!(days(), 10);
    repo.git(["tag", "old", "HEAD~2"]);
    assert_eq!(days(), 365, "a tag holds it until now");
}

#[test]
fn however_the_objects_are_stored() {
    let tokens: Vec<String> = (6080..6083).map(github_token).collect();
    let repo = Repo::new();
    for version in 0..12 {
        for (n, token) in tokens.iter().enumerate() {
            let body: String =
                (0..80).map(|l| format!("{n} {l} {}\n", if l % 12 <= version { l * 31 } else { l })).collect();
            let leak = if (n * 2..n * 2 + 5).contains(&version) { line(token) } else { String::new() };
            repo.write(format!("dir{n}/file"), format!("{body}{leak}end\n"));
        }
        repo.commit(&format!("version {version}"));
    }
    repo.git(["branch", "old", "HEAD~6"]);
    repo.git(["tag", "-a", "v1", "-m", &format!("with {}", tokens[2]), "HEAD~9"]);
    let reports = || -> Vec<Vec<u8>> {
        ["text", "json", "sarif"]
            .into_iter()
            .flat_map(|format| ["1", "8"].map(|jobs| (format, jobs)))
            .map(|(format, jobs)| repo.keyscan().args(["--format", format, "-j", jobs]).run().code(1).stdout)
            .collect()
    };
    let want = reports();
    let same = |what: &str| {
        for (n, (have, want)) in reports().iter().zip(&want).enumerate() {
            let show = String::from_utf8_lossy;
            assert!(have == want, "{what}, report {n}:\n{}\n--- instead of\n{}", show(have), show(want));
        }
    };
    for pair in want.chunks(2) {
        assert!(pair[0] == pair[1], "another number of threads, another report");
    }
    for (window, depth) in [("10", "50"), ("250", "250"), ("2", "1"), ("0", "0")] {
        repo.git(["repack", "-q", "-a", "-d", "-f", &format!("--window={window}"), &format!("--depth={depth}")]);
        same(&format!("window {window}, depth {depth}"));
    }
    // All loose again.
    let pack = repo.git_files("objects/pack", "pack").remove(0);
    let moved = repo.beside("pack");
    fs::copy(&pack, &moved).unwrap();
    for extension in ["pack", "idx", "rev"] {
        let _ = fs::remove_file(pack.with_extension(extension));
    }
    let unpack = std::process::Command::new("git")
        .args(["unpack-objects", "-q"])
        .current_dir(repo.path())
        .stdin(fs::File::open(moved).unwrap())
        .status()
        .unwrap();
    assert!(unpack.success());
    same("loose");
    // In two packs, one of which holds the deltas of the other.
    let list = repo.git(["rev-list", "--objects", "--no-object-names", "HEAD~6"]);
    repo.git_with_input(&["pack-objects", "-q", ".git/objects/pack/pack"], &format!("{list}\n"));
    repo.git(["prune-packed"]);
    same("half packed, half loose");
    repo.git(["repack", "-q", "-d"]);
    repo.git(["multi-pack-index", "write"]);
    same("two packs");
}

#[test]
fn the_most_important_comes_first() {
    let (head, history, dangling) = (github_token(6090), github_token(6091), github_token(6092));
    let repo = Repo::with_removed(&history);
    repo.write("now", line(&head));
    repo.commit("now");
    repo.git_with_input(&["hash-object", "-w", "--stdin"], &line(&dangling));
    let json = repo.json(1);
    let order: Vec<bool> = json.findings().iter().map(|f| f["in_tree"].as_bool().unwrap()).collect();
    assert_eq!(order, [true, false, false], "{}", json.story);
    let out = repo.keyscan().run().code(1);
    let told = out.text().split_whitespace().collect::<Vec<_>>().join(" ");
    let at = |says: &str| told.find(says).unwrap_or_else(|| panic!("does not say {says}\n{}", out.story()));
    assert!(at("still in HEAD") < at("but the history behind one does"), "{}", out.story());
    assert!(at("but the history behind one does") < at("no branch, tag or other ref leads to it"), "{}", out.story());
}

#[test]
fn a_name_has_a_life_too() {
    let (file, directory) = (github_token(6300), github_token(6301));
    let repo = Repo::new();
    repo.write("keep", "x\n");
    repo.commit("first");
    repo.write(format!("logs/{file}.log"), "x\n");
    repo.write(format!("dir-{directory}/deep/a"), "y\n");
    let came = repo.commit("names");
    repo.remove(&format!("logs/{file}.log"));
    let gone = repo.commit("no log");
    let json = repo.json(1);
    assert_eq!(life(&json, &file)["first"]["id"], came.as_str(), "{}", json.story);
    assert_eq!(life(&json, &file)["removed"][0]["commit"], gone.as_str());
    assert_eq!(life(&json, &file)["in_head"], false);
    assert_eq!(life(&json, &directory)["first"]["id"], came.as_str());
    assert_eq!(life(&json, &directory)["in_head"], true);
    let place = &json.finding(&file)["occurrences"][0];
    assert_eq!(place["commit"], came.as_str(), "{place}");
    assert!(text(&place["paths"][0]["path"]).starts_with("logs/"), "{place}");
    assert_eq!(texts(&place["via"]), ["file name"], "{place}");
}

#[test]
fn a_merge_that_takes_one_side_removes_nothing_from_the_other() {
    let token = github_token(6310);
    let repo = Repo::new();
    repo.write("a", "clean\n");
    repo.commit("first");
    repo.git(["switch", "-q", "-c", "side"]);
    repo.write("b", line(&token));
    let came = repo.commit("leak");
    repo.git(["switch", "-q", "main"]);
    repo.write("a", "other\n");
    repo.commit("other");
    repo.git(["merge", "-q", "--no-ff", "-s", "ours", "-m", "ours", "side"]);
    let json = repo.json(1);
    assert_eq!(life(&json, &token)["first"]["id"], came.as_str(), "{}", json.story);
    // It was never on main, so main's merge did not remove it there.
    assert_eq!(removed(&json, &token), []);
    assert_eq!(texts(&life(&json, &token)["branches"]), ["side"]);
    assert_eq!(life(&json, &token)["in_head"], false);
}
