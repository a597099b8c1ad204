//! Every place in which git keeps something: a secret there is found, and it is told what leads to it.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::util::{Json, Keyscan, Repo, github_token, kinds, line, paths, text, texts, write};

fn life<'a>(json: &'a Json, token: &str) -> &'a Value {
    &json.finding(token)["life"]
}

/// A repository whose only branch is clean, and the id of a commit beside it that holds a token.
fn beside_the_branch(token: &str) -> (Repo, String) {
    let repo = Repo::new();
    repo.write("a", "a\n");
    repo.commit("first");
    repo.write("a", line(token));
    let leak = repo.commit("leak");
    repo.git(["reset", "-q", "--hard", "HEAD~1"]);
    fs::remove_file(repo.path().join(".git/ORIG_HEAD")).unwrap();
    fs::remove_dir_all(repo.path().join(".git/logs")).unwrap();
    (repo, leak)
}

#[test]
fn behind_a_ref_of_any_kind() {
    for (n, name) in [
        "refs/heads/other",
        "refs/remotes/origin/main",
        "refs/tags/v1",
        "refs/original/refs/heads/main",
        "refs/pull/1/head",
        "refs/keep-around/x",
        "refs/bisect/bad",
        "refs/replace/1234567890123456789012345678901234567890",
        "refs/stash",
    ]
    .into_iter()
    .enumerate()
    {
        let token = github_token(3000 + n as u64);
        let (repo, leak) = beside_the_branch(&token);
        repo.git(["update-ref", name, &leak]);
        for packed in [false, true] {
            if packed {
                repo.git(["pack-refs", "--all"]);
            }
            let json = repo.json(1);
            let life = life(&json, &token);
            assert_eq!(life["reachable"], true, "{name}\n{}", json.story);
            let held: Vec<String> =
                ["branches", "remotes", "tags", "other_refs"].iter().flat_map(|kind| texts(&life[kind])).collect();
            assert!(held.len() == 1 && name.ends_with(&held[0]), "{name}: {held:?}\n{}", json.story);
        }
    }
}

#[test]
fn behind_a_file_in_which_git_notes_an_id() {
    for (n, name) in
        ["ORIG_HEAD", "FETCH_HEAD", "MERGE_HEAD", "CHERRY_PICK_HEAD", "rebase-merge/autostash"].into_iter().enumerate()
    {
        let token = github_token(3020 + n as u64);
        let (repo, leak) = beside_the_branch(&token);
        repo.write(format!(".git/{name}"), format!("{leak}\tnot-for-merge\tbranch 'x' of somewhere\n"));
        let json = repo.json(1);
        assert_eq!(texts(&life(&json, &token)["other_refs"]), [name], "{}", json.story);
        // Where a branch leads as well, that is what counts.
        repo.git(["branch", "kept", &leak]);
        let json = repo.json(1);
        assert_eq!(texts(&life(&json, &token)["other_refs"]), Vec::<String>::new(), "{}", json.story);
        assert_eq!(texts(&life(&json, &token)["branches"]), ["kept"]);
        // It keeps nothing from being removed, so what is gone is no damage.
        repo.write(format!(".git/{name}"), "1234567890123456789012345678901234567890\n");
        assert_eq!(repo.json(1).value["complete"], true);
    }
}

#[test]
fn what_belongs_to_one_working_tree() {
    let (bisected, detached, main) = (github_token(3030), github_token(3031), github_token(3032));
    let repo = Repo::new();
    repo.commit("first");
    let linked = repo.beside("linked");
    repo.git(["worktree", "add", "-q", "--detach", linked.to_str().unwrap()]);
    let leak = |directory: &std::path::Path, token: &str| {
        write(directory, "leak", line(token));
        repo.git_in(directory, ["add", "leak"]);
        repo.git_in(directory, ["commit", "-q", "-m", "leak"]);
    };
    leak(&linked, &bisected);
    repo.git_in(&linked, ["update-ref", "refs/bisect/bad", "HEAD"]);
    repo.git_in(&linked, ["reset", "-q", "--hard", "HEAD~1"]);
    leak(&linked, &detached);
    repo.git(["checkout", "-q", "--detach"]);
    leak(repo.path(), &main);

    let json = repo.json(1);
    assert_eq!(texts(&life(&json, &bisected)["other_refs"]), ["worktrees/linked/refs/bisect/bad"], "{}", json.story);
    assert_eq!(texts(&life(&json, &detached)["other_refs"]), ["worktrees/linked/HEAD"]);
    assert_eq!(life(&json, &main)["in_head"], true);

    let json = Keyscan::at(&linked).arg(".").json(1);
    assert_eq!(texts(&life(&json, &bisected)["other_refs"]), ["refs/bisect/bad"], "{}", json.story);
    assert_eq!(life(&json, &detached)["in_head"], true);
    assert_eq!(texts(&life(&json, &main)["other_refs"]), ["main-worktree/HEAD"]);
}

#[test]
fn what_nothing_leads_to_is_labelled_in_every_format() {
    let (commit, blob, tree) = (github_token(3040), github_token(3041), github_token(3042));
    let (repo, _) = beside_the_branch(&commit);
    repo.git_with_input(&["hash-object", "-w", "--stdin"], &line(&blob));
    let id = repo.git_with_input(&["hash-object", "-w", "--stdin"], &line(&tree));
    repo.git_with_input(&["mktree"], &format!("100644 blob {id}\tname\n"));
    for packed in [false, true] {
        if packed {
            repo.git(["repack", "-q", "-a", "-d", "--keep-unreachable"]);
        }
        let json = repo.json(1);
        for token in [&commit, &blob, &tree] {
            assert_eq!(life(&json, token)["reachable"], false, "{}", json.story);
        }
        let out = repo.keyscan().run().code(1);
        assert_eq!(out.text().matches("no branch, tag or other ref leads to it").count(), 3, "{}", out.story());
        let sarif: Value = serde_json::from_slice(&repo.keyscan().args(["--format", "sarif"]).run().stdout).unwrap();
        let results = sarif["runs"][0]["results"].as_array().unwrap();
        assert_eq!(results.len(), 3);
        for result in results {
            let told = result.to_string();
            assert!(told.contains("reachable") || told.contains("no branch, tag or other ref"), "{told}");
        }
    }
}

#[test]
fn the_stash_with_its_index_and_untracked_files() {
    let (staged, worked, untracked) = (github_token(3050), github_token(3051), github_token(3052));
    let repo = Repo::new();
    repo.write("a", "a\n");
    repo.commit("base");
    repo.write("a", line(&staged));
    repo.git(["add", "a"]);
    repo.write("a", line(&worked));
    repo.write("new", line(&untracked));
    repo.git(["stash", "push", "-q", "--include-untracked"]);
    let json = repo.json(1);
    for token in [&staged, &worked, &untracked] {
        assert_eq!(life(&json, token)["reachable"], true, "{}", json.story);
        assert_eq!(json.finding(token)["in_tree"], false);
    }
    assert_eq!(paths(json.finding(&untracked)), ["new"]);
}

/// Index and untracked files are parents of the stash's commit that no other ref leads to.
#[test]
fn a_stash_is_named_by_its_parts() {
    let (staged, untracked) = (github_token(3053), github_token(3054));
    let repo = Repo::new();
    repo.write("a", "a\n");
    repo.commit("base");
    repo.write("a", line(&staged));
    repo.git(["add", "a"]);
    repo.write("a", "other\n");
    repo.write("new", line(&untracked));
    repo.git(["stash", "push", "-q", "--include-untracked"]);
    let json = repo.json(1);
    assert_eq!(texts(&life(&json, &staged)["other_refs"]), ["stash@{0}^2"]);
    assert_eq!(texts(&life(&json, &untracked)["other_refs"]), ["stash@{0}^3"]);
    repo.keyscan().run().code(1).says("still in ref stash@{0}^3").never_says("the history behind");
}

/// What the next commit takes along is not "unreachable", whatever became of the file.
#[test]
fn what_is_staged_is_said_to_be_staged() {
    let (gone, both, linked) = (github_token(3055), github_token(3056), github_token(3057));
    let repo = Repo::new();
    repo.write("a", "a\n");
    repo.commit("base");
    repo.write("dir/gone", line(&gone));
    repo.write("both", line(&both));
    repo.git(["add", "."]);
    repo.remove("dir/gone");
    let other = repo.beside("other");
    repo.git(["worktree", "add", "-q", "--detach", other.to_str().unwrap()]);
    write(&other, "b", line(&linked));
    repo.git_in(&other, ["add", "b"]);
    let json = repo.json(1);
    for (token, index, path) in
        [(&gone, "index", "dir/gone"), (&both, "index", "both"), (&linked, "worktrees/other/index", "b")]
    {
        let life = life(&json, token);
        assert_eq!(life["reachable"], true, "{}", json.story);
        assert_eq!(texts(&life["other_refs"]), [index], "{}", json.story);
        assert_eq!(paths(json.finding(token)), [path]);
    }
    let out = repo.keyscan().run().code(1).never_says("unreachable").never_says("no branch, tag or other ref");
    let out = out.says("staged in the index, and in no commit yet").says("staged in the worktrees/other/index");
    out.says("only staged; the next commit would bring it into the history");
    // What is committed is in the index as well, which says nothing.
    repo.remove("both");
    repo.commit("one more");
    repo.write("dir/gone", line(&gone));
    repo.commit("and the other");
    assert!(texts(&self::life(&repo.json(1), &gone)["other_refs"]).is_empty());
}

#[test]
fn tags_of_tags_of_files_and_of_directories() {
    let (inner, blob, tree) = (github_token(3060), github_token(3061), github_token(3062));
    let repo = Repo::new();
    repo.commit("first");
    repo.git(["tag", "-a", "inner", "-m", &format!("with {inner}")]);
    repo.git(["tag", "-a", "outer", "-m", "outer", "inner"]);
    repo.git(["tag", "-d", "inner"]);
    let blob_id = repo.git_with_input(&["hash-object", "-w", "--stdin"], &line(&blob));
    repo.git(["tag", "light", &blob_id]);
    repo.git(["tag", "-a", "heavy", "-m", "blob", &blob_id]);
    let in_tree = repo.git_with_input(&["hash-object", "-w", "--stdin"], &line(&tree));
    let tree_id = repo.git_with_input(&["mktree"], &format!("100644 blob {in_tree}\tname\n"));
    repo.git(["tag", "-a", "directory", "-m", "tree", &tree_id]);
    let json = repo.json(1);
    for (token, tags) in [(&inner, vec!["outer"]), (&blob, vec!["heavy", "light"]), (&tree, vec!["directory"])] {
        assert_eq!(texts(&life(&json, token)["tags"]), tags, "{}", json.story);
        assert_eq!(life(&json, token)["reachable"], true);
    }
}

#[test]
fn people_and_headers_of_commits() {
    let tokens: Vec<String> = (3070..3077).map(github_token).collect();
    let repo = Repo::new();
    let first = repo.commit("first");
    let tree = repo.git(["rev-parse", "HEAD^{tree}"]);
    let commit = format!(
        "tree {tree}\nparent {first}\nauthor {} <{}> 1704067200 +0000\ncommitter {} <{}> 1704067200 +0000\n\
         encoding {}\nmergetag object {first}\n type commit\n tag v1\n tagger T <t@example.com> 1 +0000\n \n {}\n\
         x-ci {}\n\nmessage\n",
        tokens[0], tokens[1], tokens[2], tokens[3], tokens[4], tokens[5], tokens[6]
    );
    let id = repo.git_with_input(&["hash-object", "-t", "commit", "-w", "--literally", "--stdin"], &commit);
    repo.git(["branch", "odd", &id]);
    let json = repo.json(1);
    for token in &tokens {
        assert_eq!(kinds(json.finding(token)), ["commit"], "{}", json.story);
        assert_eq!(texts(&life(&json, token)["branches"]), ["odd"]);
    }
    for format in ["text", "json", "sarif"] {
        let out = repo.keyscan().args(["--format", format]).run().code(1);
        tokens.iter().fold(out, |out, token| out.never_says(token));
    }
}

#[test]
fn around_a_signature_that_is_none() {
    let (inside, behind, tagged) = (github_token(3080), github_token(3081), github_token(3082));
    let repo = Repo::new();
    let armour = |text: &str| format!("-----BEGIN PGP SIGNATURE-----\n\n{text}\n-----END PGP SIGNATURE-----");
    repo.commit(&format!("message\n\n{}\n", armour(&format!("key: {inside}"))));
    repo.commit(&format!("message\n\n{}\nand {behind}\n", armour("iQEzBAABCAAdFiEE")));
    repo.git(["tag", "-a", "v1", "-m", &format!("v1\n\n{}\nand {tagged}", armour("iQEzBAABCAAdFiEE"))]);
    let json = repo.json(1);
    for token in [&inside, &behind, &tagged] {
        json.finding(token);
    }
}

#[test]
fn a_commit_without_an_author() {
    let token = github_token(3085);
    let repo = Repo::new();
    repo.commit("first");
    let tree = repo.git(["rev-parse", "HEAD^{tree}"]);
    let commit = format!("tree {tree}\n\nuse {token}\nauthor of this is unknown\n");
    repo.git_with_input(&["hash-object", "-t", "commit", "-w", "--literally", "--stdin"], &commit);
    repo.json(1).finding(&token);
}

#[test]
fn merges_of_two_and_of_many() {
    let (evil, octopus) = (github_token(3090), github_token(3091));
    let repo = Repo::new();
    repo.write("a", "a\n");
    repo.commit("base");
    for side in ["one", "two", "three"] {
        repo.git(["checkout", "-q", "-b", side, "main"]);
        repo.write(side, "text\n");
        repo.commit(side);
    }
    repo.git(["checkout", "-q", "main"]);
    // A merge that changes what neither side changed.
    repo.git(["merge", "-q", "--no-ff", "--no-commit", "one"]);
    repo.write("a", line(&evil));
    let merge = repo.commit("evil merge");
    repo.write("a", "a\n");
    let clean = repo.commit("clean");
    let parents = ["one", "two", "three"].map(|side| repo.git(["rev-parse", side]));
    repo.write("octopus", line(&octopus));
    repo.git(["add", "octopus"]);
    let tree = repo.git(["write-tree"]);
    let mut args = vec!["commit-tree", "-m", "octopus", "-p", "HEAD", &tree];
    for parent in &parents {
        args.extend(["-p", parent]);
    }
    let many = repo.git(args);
    repo.git(["reset", "-q", "--hard", &many]);
    repo.remove("octopus");
    let gone = repo.commit("gone");
    let json = repo.json(1);
    for (token, first, removed) in [(&evil, &merge, &clean), (&octopus, &many, &gone)] {
        assert_eq!(life(&json, token)["first"]["id"], first.as_str(), "{}", json.story);
        assert_eq!(text(&life(&json, token)["removed"][0]["commit"]), *removed);
    }
}

#[test]
fn settings_of_git() {
    let settings: &[(&str, &str, &str)] = &[
        ("config", "remote.origin.url", "https://ann:TOKEN@git.test.host/a.git"),
        ("config", "url.https://ann:TOKEN@git.test.host/.insteadOf", "https://git.test.host/"),
        ("config", "http.https://git.test.host/.extraHeader", "Authorization: Bearer TOKEN"),
        ("config", "credential.helper", "!f() { echo password=TOKEN; }; f"),
        ("config", "submodule.lib.url", "https://ann:TOKEN@git.test.host/lib.git"),
        ("config.worktree", "remote.other.url", "https://ann:TOKEN@git.test.host/b.git"),
        ("more-config", "remote.third.url", "https://ann:TOKEN@git.test.host/c.git"),
        ("modules/lib/config", "remote.origin.url", "https://ann:TOKEN@git.test.host/lib.git"),
        ("worktrees/linked/config.worktree", "remote.fourth.url", "https://ann:TOKEN@git.test.host/d.git"),
    ];
    let repo = Repo::new();
    repo.commit("first");
    let linked = repo.beside("linked");
    repo.git(["worktree", "add", "-q", "--detach", linked.to_str().unwrap()]);
    repo.write(".git/config.worktree", "");
    repo.git(["init", "-q", "--bare", ".git/modules/lib"]);
    repo.git(["config", "include.path", "more-config"]);
    for (n, (file, key, value)) in settings.iter().enumerate() {
        let token = github_token(3100 + n as u64);
        let file = format!(".git/{file}");
        repo.git(["config", "--file", &file, &key.replace("TOKEN", &token), &value.replace("TOKEN", &token)]);
    }
    repo.write(".git/hooks/post-commit", format!("#!/bin/sh\ncurl -H 'X: {}' x\n", github_token(3120)));
    repo.write(".git/info/attributes", format!("# {}\n", github_token(3121)));
    for directory in [repo.path(), linked.as_path()] {
        for args in [&[".", "--no-history"][..], &["."]] {
            let json = Keyscan::at(directory).args(args).json(1);
            for (n, (file, ..)) in settings.iter().enumerate() {
                let shown = format!(".git/{file}");
                assert_eq!(paths(json.finding(&github_token(3100 + n as u64))), [shown], "{}", json.story);
            }
            assert_eq!(paths(json.finding(&github_token(3120))), [".git/hooks/post-commit"]);
            assert_eq!(paths(json.finding(&github_token(3121))), [".git/info/attributes"]);
        }
    }
}

#[test]
fn credentials_of_tools_in_the_tree() {
    let (modules, stored) = (github_token(3130), github_token(3131));
    let repo = Repo::new();
    let url = format!("https://ann:{modules}@git.test.host/lib.git");
    repo.write(".gitmodules", format!("[submodule \"lib\"]\n\tpath = lib\n\turl = {url}\n"));
    repo.write(".git-credentials", format!("https://ann:{stored}@git.test.host\n"));
    let json = repo.json(1);
    assert_eq!(paths(json.finding(&modules)), [".gitmodules"], "{}", json.story);
    assert_eq!(paths(json.finding(&stored)), [".git-credentials"]);
}

#[test]
fn what_only_the_log_of_a_ref_still_says() {
    let (pulled, said) = (github_token(3140), github_token(3141));
    let repo = Repo::new();
    let id = repo.commit(&format!("say {said}"));
    let entry =
        format!("{id} {id} Ann <a@example.com> 1704067200 +0000\tpull https://ann:{pulled}@git.test.host/a.git\n");
    let log = repo.path().join(".git/logs/HEAD");
    let old = fs::read_to_string(&log).unwrap();
    assert!(old.contains(&said), "git writes the first line of a message into the log");
    fs::write(&log, old + &entry).unwrap();
    let json = repo.json(1);
    assert_eq!(paths(json.finding(&pulled)), [".git/logs/HEAD"], "{}", json.story);
    // What an object holds is told once, there.
    assert_eq!(kinds(json.finding(&said)), ["commit"]);
    // Logs are history.
    repo.keyscan().arg("--no-history").json(0);
}

#[test]
fn what_git_lfs_and_rerere_keep() {
    let (large, resolved) = (github_token(3150), github_token(3151));
    let repo = Repo::new();
    repo.commit("first");
    repo.write(".git/lfs/objects/ab/cd/abcd", line(&large));
    repo.write(".git/rr-cache/0123/preimage", line(&resolved));
    let json = repo.json(1);
    assert_eq!(paths(json.finding(&large)), [".git/lfs/objects/ab/cd/abcd"], "{}", json.story);
    assert_eq!(paths(json.finding(&resolved)), [".git/rr-cache/0123/preimage"]);
}

#[test]
fn files_turned_into_links_and_submodules_and_back() {
    let (file, target) = (github_token(3160), github_token(3161));
    let repo = Repo::new();
    repo.write("x", line(&file));
    let first = repo.commit("file");
    repo.remove("x");
    symlink(format!("/srv/{target}"), repo.path().join("x")).unwrap();
    let link = repo.commit("link");
    repo.remove("x");
    repo.git(["update-index", "--force-remove", "x"]);
    repo.git(["update-index", "--add", "--cacheinfo", &format!("160000,{first},x")]);
    repo.commit_staged("submodule");
    repo.git(["update-index", "--force-remove", "x"]);
    repo.write("x", line(&file));
    repo.commit("file again");
    let json = repo.json(1);
    assert_eq!(life(&json, &file)["first"]["id"], first.as_str(), "{}", json.story);
    assert_eq!(life(&json, &file)["in_head"], true);
    assert_eq!(life(&json, &target)["first"]["id"], link.as_str());
    assert_eq!(json.value["complete"], true);
}

#[test]
fn submodules_are_named() {
    let (inside, gone) = (github_token(3170), github_token(3171));
    let library = Repo::new();
    library.write("old", line(&gone));
    library.commit("old");
    library.remove("old");
    library.write("key", line(&inside));
    library.commit("new");
    let repo = Repo::new();
    repo.commit("first");
    let url = format!("file://{}", library.path().display());
    for path in ["libs/here", "libs/away"] {
        repo.git(["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &url, path]);
    }
    repo.commit("submodules");
    repo.git(["submodule", "--quiet", "deinit", "-f", "libs/away"]);
    let json = repo.json(1);
    assert_eq!(paths(json.finding(&inside)), ["libs/here/key"]);
    let skipped = json.skipped();
    assert!(skipped.iter().any(|s| s.contains("history of libs/here ")), "{}", json.story);
    assert!(
        skipped.iter().any(|s| s.contains("submodule libs/away ") && s.contains("submodule update")),
        "{}",
        json.story
    );
    assert_eq!(json.value["complete"], true);
    // As it says: with its path, its history is scanned as well.
    let json = Keyscan::at(repo.path()).args([".", "libs/here"]).json(1);
    json.finding(&gone);
    repo.keyscan().run().code(1).says("libs/here").says("libs/away");
    // Where no file is checked out, the submodules are named all the same.
    let bare = repo.beside("bare.git");
    repo.git(["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    let json = Keyscan::at(&bare).arg(".").json(0);
    for path in ["libs/here", "libs/away"] {
        assert!(json.skipped().iter().any(|s| s.contains(&format!("submodule {path} "))), "{}", json.story);
    }
}

#[test]
fn a_submodule_whose_path_holds_a_secret() {
    let token = github_token(3180);
    let repo = Repo::new();
    let first = repo.commit("first");
    repo.git(["update-index", "--add", "--cacheinfo", &format!("160000,{first},libs/{token}")]);
    repo.commit_staged("submodule");
    for format in ["text", "json", "jsonl", "sarif"] {
        let out = repo.keyscan().args(["--format", format]).run().never_says(&token);
        assert!(format == "sarif" || out.text().contains("submodule libs/ghp_"), "{}", out.story());
    }
}
