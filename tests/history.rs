//! Where secrets hide in a repository, and what is told of their lives.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::Value;

use crate::util::{DAY, Json, Keyscan, Repo, START, github_token, kinds, line, paths, text, texts};

/// Scans a repository whose history holds a token, and compares the receipt with what git counts.
#[track_caller]
fn finds_everywhere(repo: &Repo, token: &str) -> Json {
    let json = repo.json(1);
    let finding = json.finding(token);
    assert_eq!(finding["verdict"], "proven", "{}", json.story);
    for (name, kind) in [("blobs", "blob"), ("commits", "commit"), ("tags", "tag")] {
        assert_eq!(json.count(name), repo.count(kind), "{name}\n{}", json.story);
    }
    assert_eq!(json.value["complete"], true, "{}", json.story);
    json
}

#[track_caller]
fn life<'a>(json: &'a Json, token: &str) -> &'a Value {
    let life = &json.finding(token)["life"];
    assert!(life.is_object(), "no life\n{}", json.story);
    life
}

#[test]
fn deleted_in_a_later_commit() {
    let token = github_token(1);
    let repo = Repo::with_removed(&token);
    let json = finds_everywhere(&repo, &token);
    let finding = json.finding(&token);
    assert_eq!(finding["in_tree"], false);
    assert_eq!(kinds(finding), ["blob"]);
    assert_eq!(paths(finding), ["src/config.js"]);
}

#[test]
fn in_the_tree_and_in_history_is_one_finding() {
    let token = github_token(2);
    let repo = Repo::new();
    repo.write("a", line(&token));
    repo.commit("add");
    let json = finds_everywhere(&repo, &token);
    assert_eq!(json.findings().len(), 1);
    assert_eq!(json.finding(&token)["in_tree"], true);
    assert_eq!(kinds(json.finding(&token)), ["file", "blob"]);
}

#[test]
fn only_in_a_merge_commit() {
    let token = github_token(3);
    let repo = Repo::new();
    repo.write("a", "a\n");
    repo.commit("base");
    repo.git(["checkout", "-q", "-b", "side"]);
    repo.write("b", "b\n");
    repo.commit("side");
    repo.git(["checkout", "-q", "main"]);
    repo.write("c", "c\n");
    repo.commit("main");
    repo.git(["merge", "-q", "--no-ff", "--no-commit", "side"]);
    repo.write("evil", line(&token));
    let merge = repo.commit("merge");
    repo.remove("evil");
    let removal = repo.commit("remove");
    let json = finds_everywhere(&repo, &token);
    assert_eq!(life(&json, &token)["first"]["id"], merge.as_str(), "{}", json.story);
    assert_eq!(life(&json, &token)["removed"][0]["commit"], removal.as_str(), "{}", json.story);
}

#[test]
fn on_a_side_branch() {
    let token = github_token(4);
    let repo = Repo::new();
    repo.write("a", "a\n");
    repo.commit("base");
    repo.git(["checkout", "-q", "-b", "feature/x"]);
    repo.write("b", line(&token));
    repo.commit("side");
    repo.git(["checkout", "-q", "main"]);
    let json = finds_everywhere(&repo, &token);
    let life = life(&json, &token);
    assert_eq!(texts(&life["branches"]), ["feature/x"]);
    assert_eq!(life["in_head"], false);
    assert_eq!(life["reachable"], true);
}

#[test]
fn in_the_stash() {
    let (token, older, untracked) = (github_token(5), github_token(6), github_token(7));
    let repo = Repo::new();
    repo.write("a", "a\n");
    repo.commit("base");
    repo.write("a", line(&older));
    repo.git(["stash", "push", "-q"]);
    repo.write("a", line(&token));
    repo.write("new", line(&untracked));
    repo.git(["stash", "push", "-q", "--include-untracked"]);
    let json = finds_everywhere(&repo, &token);
    assert!(texts(&life(&json, &token)["other_refs"]).contains(&"refs/stash".to_owned()), "{}", json.story);
    // The reflog of the stash keeps the older ones.
    assert!(texts(&life(&json, &older)["other_refs"]).contains(&"stash@{1}".to_owned()), "{}", json.story);
    // Untracked files are in the third parent of the stash commit.
    assert_eq!(life(&json, &untracked)["reachable"], true, "{}", json.story);
    assert!(!kinds(json.finding(&token)).contains(&"file".to_owned()));
}

#[test]
fn in_a_tag_message() {
    let token = github_token(8);
    let repo = Repo::new();
    repo.write("a", "a\n");
    repo.commit("base");
    repo.git(["tag", "-a", "v1", "-m", &format!("Release\n\ndeployed with {token}")]);
    let json = finds_everywhere(&repo, &token);
    assert_eq!(kinds(json.finding(&token)), ["tag"]);
    assert_eq!(texts(&life(&json, &token)["tags"]), ["v1"], "{}", json.story);
}

#[test]
fn in_a_commit_message() {
    let token = github_token(9);
    let repo = Repo::new();
    let first = repo.commit("first");
    let bad = repo.commit(&format!("use {token}"));
    repo.commit("last");
    let json = finds_everywhere(&repo, &token);
    assert_eq!(kinds(json.finding(&token)), ["commit"]);
    let life = life(&json, &token);
    assert_ne!(life["first"]["id"], first.as_str());
    assert_eq!(life["first"]["id"], bad.as_str());
    assert_eq!(life["in_head"], true);
    assert_eq!(texts(&life["branches"]), ["main"]);
}

#[test]
fn in_a_note() {
    let token = github_token(10);
    let repo = Repo::new();
    repo.commit("first");
    repo.git(["notes", "add", "-m", &format!("ci used {token}")]);
    let json = finds_everywhere(&repo, &token);
    assert_eq!(texts(&life(&json, &token)["other_refs"]), ["refs/notes/commits"], "{}", json.story);
}

#[test]
fn dangling_after_a_reset() {
    let token = github_token(11);
    let repo = Repo::new();
    repo.commit("first");
    repo.write("a", line(&token));
    repo.commit("leak");
    repo.git(["reset", "-q", "--hard", "HEAD~1"]);
    // git notes where HEAD was, until it is moved again.
    let json = finds_everywhere(&repo, &token);
    assert_eq!(texts(&life(&json, &token)["other_refs"]), ["HEAD@{1}", "ORIG_HEAD"], "{}", json.story);
    fs::remove_file(repo.path().join(".git/ORIG_HEAD")).unwrap();
    let json = finds_everywhere(&repo, &token);
    assert_eq!(texts(&life(&json, &token)["other_refs"]), ["HEAD@{1}"], "{}", json.story);
    // Nothing but the object store knows of it.
    repo.git(["reflog", "expire", "--expire=now", "--all"]);
    let json = finds_everywhere(&repo, &token);
    assert_eq!(life(&json, &token)["reachable"], false, "{}", json.story);
    // A cruft pack keeps what is unreachable.
    repo.git(["repack", "-q", "--cruft", "-d"]);
    finds_everywhere(&repo, &token);
}

/// Changes how the objects of a repository are stored.
type Store = fn(&Repo);

#[test]
fn in_every_kind_of_store() {
    let states: &[(&str, Store)] = &[
        ("loose", |_| {}),
        ("packed", |repo| {
            repo.git(["gc", "--quiet"]);
        }),
        ("packed with loose refs packed and a commit graph", |repo| {
            repo.git(["gc", "--quiet"]);
            repo.git(["pack-refs", "--all"]);
            repo.git(["commit-graph", "write", "--reachable"]);
        }),
        ("packed and loose", |repo| {
            repo.git(["gc", "--quiet"]);
            repo.write("later", "later\n");
            repo.commit("later");
        }),
        ("both loose and packed", |repo| {
            repo.git(["repack", "-q", "-a"]);
        }),
        ("several packs with the same objects", |repo| {
            repo.git(["repack", "-q", "-a", "-d"]);
            let ids = repo.git(["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"]);
            repo.write("later", "later\n");
            repo.commit("later");
            let later = repo.git(["rev-parse", "HEAD"]);
            repo.git_with_input(
                &["pack-objects", "-q", "--window=0", ".git/objects/pack/pack"],
                &format!("{ids}\n{later}\n"),
            );
            assert_eq!(repo.git_files("objects/pack", "idx").len(), 2);
        }),
        ("several packs under a multi-pack index", |repo| {
            repo.git(["repack", "-q", "-d"]);
            repo.write("later", "later\n");
            repo.commit("later");
            repo.git(["repack", "-q", "-d"]);
            repo.git(["multi-pack-index", "write"]);
            assert_eq!(repo.git_files("objects/pack", "idx").len(), 2);
            assert!(repo.path().join(".git/objects/pack/multi-pack-index").is_file());
        }),
    ];
    for (n, (state, store)) in states.iter().enumerate() {
        println!("{state}");
        let token = github_token(20 + n as u64);
        let repo = Repo::with_removed(&token);
        store(&repo);
        let json = finds_everywhere(&repo, &token);
        assert_eq!(kinds(json.finding(&token)), ["blob"], "{state}: an object is one place\n{}", json.story);
    }
}

/// A file that grows and changes over many versions; a token is in versions 30 to 32.
fn many_versions(token: &str) -> Repo {
    let repo = Repo::new();
    for version in 0..70 {
        // Each version keeps the changes of those before it, so that its best delta base is its neighbour.
        let body: String = (0..200)
            .map(|n| format!("line {n} of a file that changes: {}\n", if n % 70 <= version { n * n } else { n }))
            .collect();
        let leak = if (30..33).contains(&version) { line(token) } else { String::new() };
        repo.write("file.txt", format!("{body}{leak}the end\n"));
        repo.commit(&format!("version {version}"));
    }
    repo
}

#[test]
fn in_a_deep_chain_of_deltas() {
    let token = github_token(40);
    let repo = many_versions(&token);
    repo.git(["repack", "-q", "-a", "-d", "-f", "--depth=50", "--window=50"]);
    let pack = &repo.git_files("objects/pack", "idx")[0];
    let listing = repo.git(["verify-pack", "-v", pack.to_str().unwrap()]);
    let deepest = listing.lines().filter_map(|l| l.split_whitespace().nth(5)?.parse::<u32>().ok()).max();
    assert!(deepest.unwrap() > 20, "the chain is not deep: {deepest:?}");
    let json = finds_everywhere(&repo, &token);
    // Three versions, one finding.
    assert_eq!(json.findings().len(), 1);
    assert_eq!(kinds(json.finding(&token)), ["blob", "blob", "blob"]);
    let life = life(&json, &token);
    assert_eq!(text(&life["first"]["summary"]), "version 30");
    assert_eq!(life["exposure_days"], 3);
}

#[test]
fn behind_alternates() {
    let token = github_token(41);
    let repo = Repo::with_removed(&token);
    let clone = repo.beside("clone");
    repo.git(["clone", "-q", "--shared", ".", clone.to_str().unwrap()]);
    let own = github_token(42);
    crate::util::write(&clone, "own", line(&own));
    repo.git_in(&clone, ["add", "own"]);
    repo.git_in(&clone, ["commit", "-q", "-m", "own"]);
    assert!(clone.join(".git/objects/info/alternates").is_file());
    let json = Keyscan::at(&clone).arg(".").json(1);
    assert!(json.has(&own) && json.has(&token), "{}", json.story);
    assert_eq!(text(&life(&json, &token)["first"]["summary"]), "add config");
}

#[test]
fn an_alternate_that_is_gone_is_a_problem() {
    let repo = Repo::with_removed(&github_token(43));
    let clone = repo.beside("clone");
    repo.git(["clone", "-q", "--shared", ".", clone.to_str().unwrap()]);
    fs::rename(repo.path(), repo.beside("moved")).unwrap();
    let json = Keyscan::at(&clone).arg(".").args(["--history-only"]).json(2);
    assert!(!json.problems().is_empty(), "{}", json.story);
}

#[test]
fn in_a_pack_made_of_a_thin_push() {
    let token = github_token(44);
    let repo = many_versions(&github_token(45));
    let remote = repo.beside("remote.git");
    repo.git(["init", "-q", "--bare", remote.to_str().unwrap()]);
    repo.git_in(&remote, ["config", "transfer.unpackLimit", "1"]);
    repo.git(["push", "-q", remote.to_str().unwrap(), "main"]);
    let old = fs::read_to_string(repo.path().join("file.txt")).unwrap();
    repo.write("file.txt", format!("{old}{}", line(&token)));
    repo.commit("leak");
    repo.write("file.txt", &old);
    repo.commit("remove");
    repo.git(["push", "-q", "--thin", remote.to_str().unwrap(), "main"]);
    let packs = fs::read_dir(remote.join("objects/pack")).unwrap().count();
    assert!(packs > 3, "one pack for each push");
    let json = Keyscan::at(&remote).arg(".").json(1);
    assert_eq!(kinds(json.finding(&token)), ["blob"], "{}", json.story);
    assert!(json.has(&github_token(45)));
}

#[test]
fn in_a_bare_repository() {
    let token = github_token(46);
    let repo = Repo::with_removed(&token);
    let bare = repo.beside("bare.git");
    repo.git(["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    let json = Keyscan::at(&bare).arg(".").json(1);
    json.finding(&token);
    assert_eq!(json.count("files"), 1, "its config");
    assert_eq!(json.value["complete"], true);
}

#[test]
fn credentials_in_the_config_of_a_bare_repository() {
    let repo = Repo::with_removed(&github_token(47));
    let bare = repo.beside("mirror.git");
    repo.git(["clone", "-q", "--mirror", ".", bare.to_str().unwrap()]);
    let token = github_token(48);
    let url = format!("https://user:{token}@git.test.host/a.git");
    repo.git(["--git-dir", bare.to_str().unwrap(), "config", "remote.origin.url", &url]);
    let json = Keyscan::at(&bare).arg(".").json(1);
    assert_eq!(paths(json.finding(&token)), ["config"]);
}

#[test]
fn from_a_linked_worktree() {
    let token = github_token(47);
    let repo = Repo::with_removed(&token);
    let linked = repo.beside("linked");
    repo.git(["worktree", "add", "-q", "--detach", linked.to_str().unwrap()]);
    let here = github_token(48);
    crate::util::write(&linked, "here", line(&here));
    let json = Keyscan::at(&linked).arg(".").json(1);
    json.finding(&token);
    assert_eq!(json.finding(&here)["in_tree"], true);
    assert_eq!(json.count("commits"), 2, "{}", json.story);
    assert_eq!(json.value["complete"], true);
    // The same history, seen from the main working tree.
    let main = repo.json(1);
    assert_eq!(main.finding(&token)["life"]["first"], json.finding(&token)["life"]["first"]);
}

#[test]
fn at_a_detached_head_of_a_linked_worktree() {
    let token = github_token(49);
    let repo = Repo::new();
    repo.commit("first");
    let linked = repo.beside("linked");
    repo.git(["worktree", "add", "-q", "--detach", linked.to_str().unwrap()]);
    crate::util::write(&linked, "leak", line(&token));
    repo.git_in(&linked, ["add", "leak"]);
    repo.git_in(&linked, ["commit", "-q", "-m", "leak"]);
    // Only the worktree's own HEAD reaches it.
    let json = repo.json(1);
    assert_eq!(life(&json, &token)["reachable"], true, "{}", json.story);
}

#[test]
fn with_sha256_object_ids() {
    if !Repo::git_can(&["--object-format=sha256"]) {
        return;
    }
    let token = github_token(50);
    let repo = Repo::init(&["--object-format=sha256"]);
    repo.write("a", line(&token));
    let first = repo.commit("add");
    assert_eq!(first.len(), 64);
    repo.write("a", "clean\n");
    repo.commit("remove");
    for packed in [false, true] {
        if packed {
            repo.git(["gc", "--quiet"]);
        }
        let json = finds_everywhere(&repo, &token);
        assert_eq!(life(&json, &token)["first"]["id"], first.as_str(), "packed: {packed}\n{}", json.story);
        assert_eq!(life(&json, &token)["exposure_days"], 1);
    }
}

#[test]
fn with_a_reftable() {
    if !Repo::git_can(&["--ref-format=reftable"]) {
        return;
    }
    let token = github_token(51);
    let repo = Repo::init(&["--ref-format=reftable"]);
    repo.write("a", "a\n");
    repo.commit("first");
    repo.git(["checkout", "-q", "-b", "side"]);
    repo.write("a", line(&token));
    let first = repo.commit("leak");
    repo.git(["checkout", "-q", "main"]);
    let json = finds_everywhere(&repo, &token);
    let life = life(&json, &token);
    assert_eq!(life["first"]["id"], first.as_str());
    assert_eq!(texts(&life["branches"]), ["side"], "{}", json.story);
    assert_eq!(life["reachable"], true);
}

#[test]
fn a_shallow_clone_is_incomplete() {
    let token = github_token(52);
    let repo = Repo::with_removed(&token);
    let clone = repo.beside("clone");
    let url = format!("file://{}", repo.path().display());
    repo.git(["clone", "-q", "--depth=1", &url, clone.to_str().unwrap()]);
    let scan = |args: &[&str], code| Keyscan::at(&clone).arg(".").args(args).run().code(code);
    scan(&[], 2).says("shallow").says("git fetch --unshallow");
    scan(&["--format", "sarif"], 2).says("git fetch --unshallow");
    let json = scan(&["--format", "json"], 2).json();
    assert_eq!(json.value["complete"], false);
    // Asking for less, or accepting it, is complete.
    scan(&["--allow-incomplete"], 0).says("shallow");
    scan(&["--no-history"], 0);
    // Accepting it does not hide findings.
    crate::util::write(&clone, "leak", line(&token));
    scan(&["--allow-incomplete"], 1);
    scan(&[], 2).says("GitHub");
}

#[test]
fn a_partial_clone_is_incomplete_and_fetches_nothing() {
    let repo = Repo::with_removed(&github_token(53));
    repo.git(["config", "uploadpack.allowFilter", "true"]);
    repo.git(["config", "uploadpack.allowAnySHA1InWant", "true"]);
    let clone = repo.beside("clone");
    let url = format!("file://{}", repo.path().display());
    repo.git(["clone", "-q", "--filter=blob:none", "--no-local", &url, clone.to_str().unwrap()]);
    let missing = || repo.git_in(&clone, ["rev-list", "--objects", "--all", "--missing=print"]);
    let count = missing().lines().filter(|l| l.starts_with('?')).count();
    assert_eq!(count, 1, "the version with the token is not there");
    let scan = |args: &[&str], code| Keyscan::at(&clone).arg(".").args(args).run().code(code);
    let json = scan(&["--format", "json"], 2).json();
    let problems = json.problems();
    assert!(problems.iter().any(|p| p.contains("1 object") && p.contains("partial clone")), "{}", json.story);
    assert!(problems.iter().any(|p| p.contains("git fetch")), "{}", json.story);
    assert_eq!(missing().lines().filter(|l| l.starts_with('?')).count(), count, "something was fetched");
    scan(&["--allow-incomplete"], 0);
    scan(&["--no-history"], 0);
}

#[test]
fn a_submodule_is_scanned_as_files_and_its_history_is_told() {
    let (inside, gone) = (github_token(54), github_token(55));
    let library = Repo::new();
    library.write("old", line(&gone));
    library.commit("old");
    library.remove("old");
    library.write("key", line(&inside));
    library.commit("new");
    let repo = Repo::new();
    repo.commit("first");
    let url = format!("file://{}", library.path().display());
    repo.git(["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &url, "library"]);
    repo.commit("submodule");
    let json = repo.json(1);
    assert_eq!(paths(json.finding(&inside)), ["library/key"]);
    // Its history is in a store of its own: found, or named as left out.
    assert!(json.has(&gone) || json.skipped().iter().any(|s| s.contains("submodule")), "{}", json.story);
    // A commit of another repository is no missing object.
    assert_eq!(json.value["complete"], true, "{}", json.story);
}

#[test]
fn a_submodule_that_is_not_checked_out_is_told() {
    let library = Repo::new();
    library.commit("new");
    let repo = Repo::new();
    repo.commit("first");
    let url = format!("file://{}", library.path().display());
    repo.git(["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &url, "library"]);
    repo.commit("submodule");
    let clone = repo.beside("clone");
    repo.git(["clone", "-q", ".", clone.to_str().unwrap()]);
    let json = Keyscan::at(&clone).arg(".").json(0);
    let skipped = ["1 submodule library (not checked out: `git submodule update --init` gets it)"];
    assert_eq!(json.skipped(), skipped, "{}", json.story);
}

#[test]
fn an_empty_repository_is_clean() {
    let json = Repo::new().json(0);
    assert_eq!(json.value["receipt"]["history"], true);
    assert_eq!(json.count("blobs"), 0);
}

#[test]
fn staged_without_any_commit() {
    let token = github_token(56);
    let repo = Repo::new();
    repo.write("a", line(&token));
    repo.git(["add", "a"]);
    repo.remove("a");
    let json = finds_everywhere(&repo, &token);
    assert_eq!(json.finding(&token)["in_tree"], false);
    assert_eq!(json.finding(&token)["life"]["reachable"], true);
    assert_eq!(paths(json.finding(&token)), ["a"]);
}

#[test]
fn the_life_of_a_secret() {
    let token = github_token(60);
    let repo = Repo::new();
    repo.write("a", "a\n");
    repo.commit("before");
    repo.write("config", line(&token));
    let first = repo.commit("leak it");
    repo.git(["branch", "old"]);
    repo.git(["tag", "v1"]);
    repo.git(["tag", "-a", "v1-annotated", "-m", "one"]);
    repo.pass_days(8);
    repo.write("config", "clean\n");
    let removal = repo.commit("remove it");
    repo.write("a", "b\n");
    repo.commit("after");
    let epoch = (START + 100 * DAY).to_string();
    let scan = || repo.keyscan().env("SOURCE_DATE_EPOCH", &epoch).json(1);

    let json = scan();
    let held = life(&json, &token);
    assert_eq!(held["first"]["id"], first.as_str());
    assert_eq!(held["first"]["author"], "Ann Author");
    assert_eq!(held["first"]["email"], "ann@example.com");
    assert_eq!(held["first"]["date"], "2024-01-02T00:00:00Z");
    assert_eq!(held["first"]["summary"], "leak it");
    assert_eq!(held["removed"].as_array().unwrap().len(), 1, "{}", json.story);
    assert_eq!(held["removed"][0]["path"]["path"], "config");
    assert_eq!(held["removed"][0]["commit"], removal.as_str());
    assert_eq!(held["removed"][0]["date"], "2024-01-11T00:00:00Z");
    assert_eq!(held["in_head"], false);
    assert_eq!(texts(&held["branches"]), ["old"]);
    assert_eq!(texts(&held["tags"]), ["v1", "v1-annotated"]);
    assert_eq!(held["reachable"], true);
    // A branch and two tags still hold it: exposed until now.
    assert_eq!(held["exposure_days"], 99, "{}", json.story);

    repo.git(["branch", "-q", "-D", "old"]);
    repo.git(["tag", "-d", "v1", "v1-annotated"]);
    let json = scan();
    let gone = life(&json, &token);
    assert_eq!(gone["exposure_days"], 9, "{}", json.story);
    assert_eq!(texts(&gone["branches"]), Vec::<String>::new());
    assert_eq!(gone["reachable"], true);
}

#[test]
fn a_secret_that_comes_back_is_exposed_until_its_last_removal() {
    let token = github_token(61);
    let repo = Repo::new();
    repo.write("a", line(&token));
    let first = repo.commit("in");
    repo.write("a", "out\n");
    repo.commit("out");
    repo.pass_days(5);
    repo.write("b", line(&token));
    repo.commit("in again");
    repo.remove("b");
    let last = repo.commit("out again");
    let json = finds_everywhere(&repo, &token);
    let life = life(&json, &token);
    assert_eq!(life["first"]["id"], first.as_str());
    let removed: Vec<_> =
        life["removed"].as_array().unwrap().iter().map(|r| (text(&r["path"]["path"]), text(&r["commit"]))).collect();
    assert_eq!(removed.len(), 2, "{}", json.story);
    assert_eq!(removed[1], ("b".to_owned(), last));
    assert_eq!(life["exposure_days"], 8, "{}", json.story);
}

#[test]
fn renamed_and_edited_in_one_commit() {
    let token = github_token(62);
    let repo = Repo::new();
    let body: String = (0..40).map(|n| format!("line {n}\n")).collect();
    repo.write("old.txt", format!("{body}{}", line(&token)));
    let first = repo.commit("add");
    repo.remove("old.txt");
    repo.write("new.txt", format!("edited\n{body}{}", line(&token)));
    let rename = repo.commit("rename and edit");
    let json = finds_everywhere(&repo, &token);
    let finding = json.finding(&token);
    assert_eq!(paths(finding), ["new.txt", "old.txt"]);
    let life = life(&json, &token);
    assert_eq!(life["first"]["id"], first.as_str());
    assert_eq!(life["in_head"], true);
    assert_eq!(life["removed"][0]["path"]["path"], "old.txt");
    assert_eq!(life["removed"][0]["commit"], rename.as_str());
}

#[test]
fn a_symbolic_link_turned_into_a_file_and_back() {
    let token = github_token(63);
    let repo = Repo::new();
    repo.write("target", "t\n");
    symlink("target", repo.path().join("link")).unwrap();
    repo.commit("link");
    repo.remove("link");
    repo.write("link", line(&token));
    let typechange = repo.commit("typechange");
    repo.remove("link");
    symlink("target", repo.path().join("link")).unwrap();
    let back = repo.commit("back");
    let json = finds_everywhere(&repo, &token);
    let life = life(&json, &token);
    assert_eq!(life["first"]["id"], typechange.as_str());
    assert_eq!(life["removed"][0]["commit"], back.as_str(), "{}", json.story);
}

#[test]
fn in_the_target_of_a_symbolic_link() {
    let token = github_token(64);
    let repo = Repo::new();
    symlink(Path::new("/proc").join(&token), repo.path().join("link")).unwrap();
    repo.commit("link");
    repo.remove("link");
    repo.commit("gone");
    finds_everywhere(&repo, &token);
}

#[test]
fn in_the_name_of_a_ref() {
    let token = github_token(65);
    let repo = Repo::new();
    repo.commit("first");
    repo.git(["branch", &format!("deploy/{token}")]);
    let out = repo.keyscan().run().code(1).never_says(&token);
    assert!(out.text().contains("deploy/"), "{}", out.story());
    repo.keyscan().args(["--format", "json"]).run().code(1).never_says(&token);
    let json = repo.json(1);
    json.finding(&token);
    // Packed refs, too.
    repo.git(["pack-refs", "--all"]);
    repo.json(1).finding(&token);
}

#[test]
fn in_the_configuration_of_the_repository() {
    let token = github_token(66);
    let repo = Repo::new();
    repo.commit("first");
    repo.git(["remote", "add", "origin", &format!("https://ann:{token}@github.com/ann/repo.git")]);
    let json = repo.json(1);
    assert_eq!(paths(json.finding(&token)), [".git/config"], "{}", json.story);
    // The linked worktree has the same configuration.
    let linked = repo.beside("linked");
    repo.git(["worktree", "add", "-q", "--detach", linked.to_str().unwrap()]);
    let json = Keyscan::at(&linked).arg(".").json(1);
    json.finding(&token);
}

#[test]
fn only_history_or_only_files() {
    let (old, new) = (github_token(67), github_token(68));
    let repo = Repo::with_removed(&old);
    repo.write("untracked", line(&new));
    let history = repo.keyscan().arg("--history-only").json(1);
    assert!(history.has(&old) && !history.has(&new), "{}", history.story);
    assert_eq!(history.count("files"), 0);
    let files = repo.keyscan().arg("--no-history").json(1);
    assert!(!files.has(&old) && files.has(&new), "{}", files.story);
    assert_eq!(files.value["receipt"]["history"], false);
    assert_eq!(files.finding(&new)["life"], Value::Null);
}

#[test]
fn a_subdirectory_has_no_history_of_its_own_and_says_so() {
    let token = github_token(69);
    let repo = Repo::with_removed(&token);
    let json = Keyscan::at(&repo.path().join("src")).arg(".").json(0);
    assert!(json.skipped().iter().any(|s| s.contains("history")), "{}", json.story);
    Keyscan::at(&repo.path().join("src")).args([".", "--history-only"]).run().code(2);
}

#[test]
fn nothing_is_written_into_the_repository() {
    let token = github_token(70);
    let repo = Repo::with_removed(&token);
    let listing = || {
        let mut files: Vec<_> = walk(repo.path());
        files.sort();
        files
    };
    let before = listing();
    repo.json(1);
    assert_eq!(listing(), before);
}

/// Every file with its length and time of change.
fn walk(directory: &Path) -> Vec<(std::path::PathBuf, u64, std::time::SystemTime)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let meta = path.symlink_metadata().unwrap();
        if meta.is_dir() {
            files.extend(walk(&path));
        }
        files.push((path, meta.len(), meta.modified().unwrap()));
    }
    files
}

#[test]
fn hooks_filters_and_config_of_a_hostile_repository_are_not_run() {
    let token = github_token(71);
    let repo = Repo::with_removed(&token);
    let canary = repo.beside("canary");
    let touch = format!("touch {}", canary.display());
    for key in
        ["core.fsmonitor", "core.pager", "core.sshCommand", "diff.external", "filter.evil.clean", "filter.evil.smudge"]
    {
        repo.git(["config", key, &touch]);
    }
    repo.write(".gitattributes", "* filter=evil -diff\n");
    let json = repo.json(1);
    json.finding(&token);
    assert!(!canary.exists(), "the repository ran a program");
}

#[test]
fn a_blob_too_large_to_be_held_is_read_piece_by_piece() {
    let repo = Repo::new();
    let (first, last) = (github_token(9100), github_token(9101));
    // Git makes no deltas of files like this one, so it stands in the pack as it is.
    repo.git(["config", "core.bigFileThreshold", "1m"]);
    let filler = "a line like so many others in a dump\n".repeat(3_700_000);
    repo.write("dump.sql", [line(&first), filler, line(&last)].concat());
    repo.commit("add dump");
    repo.git(["repack", "-q", "-a", "-d"]);
    let json = repo.keyscan().args(["--history-only", "--no-cache"]).json(1);
    for (token, at) in [(&first, 1), (&last, 3_700_002)] {
        assert_eq!(json.finding(token)["occurrences"][0]["position"]["line"], at, "{}", json.story);
    }
    assert_eq!(json.value["receipt"]["blobs"], 1);
}

/// Longer than what is held in memory as a whole: loose, in a range, staged and packed it is read in stretches.
#[test]
fn a_blob_that_is_too_large_to_be_held_is_scanned_wherever_it_lies() {
    let token = github_token(3_000);
    let repo = Repo::new();
    repo.write("README.md", "hello\n");
    repo.commit("start");
    let filler = "a line of a large file\n".repeat(3 << 20);
    repo.write("large.log", format!("{filler}{}{filler}", line(&token)));
    repo.git(["add", "."]);
    let found = |json: &crate::util::Json| json.finding(&token)["occurrences"][0]["position"].clone();
    let staged = found(&repo.keyscan().arg("--staged").json(1));
    repo.commit("a log");
    let loose = found(&repo.keyscan().args(["--history-only", "--no-cache"]).json(1));
    let range = found(&repo.keyscan().args(["--since", "HEAD~1"]).json(1));
    repo.git(["repack", "-q", "-a", "-d"]);
    let packed = found(&repo.keyscan().args(["--history-only", "--no-cache"]).json(1));
    let packed_range = found(&repo.keyscan().args(["--since", "HEAD~1"]).json(1));
    assert_eq!(loose["line"], (3 << 20) + 1);
    assert_eq!([&staged, &range, &packed, &packed_range], [&loose; 4]);
}
