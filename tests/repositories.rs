//! Every kind of repository, and its surroundings: all of it is scanned, or what is not is told with what would cover it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::chown;
use std::path::Path;

use crate::util::{Json, Keyscan, Repo, github_token, kinds, line, overwrite, paths, text, texts, write};

/// A complete scan that finds a token which came in with the commit "add config".
#[track_caller]
fn complete(json: &Json, token: &str) {
    assert_eq!(json.value["complete"], true, "{}", json.story);
    assert_eq!(text(&json.finding(token)["life"]["first"]["summary"]), "add config", "{}", json.story);
}

#[test]
fn files_beside_helpers_of_git_change_nothing() {
    let token = github_token(4000);
    let repo = Repo::with_removed(&token);
    repo.git(["repack", "-q", "-a", "-d", "--write-bitmap-index"]);
    repo.git(["commit-graph", "write", "--reachable", "--changed-paths"]);
    repo.git(["multi-pack-index", "write", "--bitmap"]);
    let want = repo.json(1);
    complete(&want, &token);
    let pack = repo.path().join(".git/objects/pack");
    let helpers = ["bitmap", "rev"]
        .iter()
        .flat_map(|e| repo.git_files("objects/pack", e))
        .chain([pack.join("multi-pack-index"), repo.path().join(".git/objects/info/commit-graph")]);
    let mut seen = 0;
    for helper in helpers.filter(|h| h.exists()) {
        seen += 1;
        for content in [&b"garbage"[..], b""] {
            overwrite(&helper, content);
            assert_eq!(repo.json(1).value["findings"], want.value["findings"], "{}", helper.display());
        }
    }
    assert!(seen >= 4, "git made only {seen} of them");
}

#[test]
fn a_stale_commit_graph() {
    let token = github_token(4001);
    let repo = Repo::new();
    repo.write("a", "a\n");
    repo.commit("first");
    repo.git(["commit-graph", "write", "--reachable"]);
    repo.write("a", line(&token));
    repo.commit("add config");
    complete(&repo.json(1), &token);
}

#[test]
fn packs_of_every_origin() {
    let (cruft, kept) = (github_token(4002), github_token(4003));
    let repo = Repo::with_removed(&kept);
    repo.git(["repack", "-q", "-a", "-d"]);
    let pack = repo.git_files("objects/pack", "pack").remove(0);
    fs::write(pack.with_extension("keep"), "").unwrap();
    fs::write(pack.with_extension("promisor"), "").unwrap();
    repo.git_with_input(&["hash-object", "-w", "--stdin"], &line(&cruft));
    repo.git(["repack", "-q", "--cruft", "-d"]);
    assert_eq!(repo.git_files("objects/pack", "mtimes").len(), 1, "a cruft pack");
    let json = repo.json(1);
    complete(&json, &kept);
    assert_eq!(json.finding(&cruft)["life"]["reachable"], false);
}

#[test]
fn replaced_commits_are_scanned_and_their_life_is_the_real_one() {
    let (old, new) = (github_token(4010), github_token(4011));
    let repo = Repo::with_removed(&old);
    let replaced = repo.git(["rev-parse", "HEAD~1"]);
    repo.write("src/config.js", line(&new));
    repo.git(["add", "--all"]);
    let tree = repo.git(["write-tree"]);
    repo.git(["reset", "-q", "--hard"]);
    let other = repo.git(["commit-tree", "-m", "replacement", &tree]);
    repo.git(["replace", &replaced, &other]);
    let json = repo.json(1);
    complete(&json, &old);
    assert_eq!(json.finding(&old)["life"]["first"]["id"], replaced.as_str());
    assert_eq!(texts(&json.finding(&new)["life"]["other_refs"]), [format!("refs/replace/{replaced}")]);
}

#[test]
fn grafts_hide_nothing() {
    let token = github_token(4012);
    let repo = Repo::with_removed(&token);
    let head = repo.git(["rev-parse", "HEAD"]);
    repo.write(".git/info/grafts", format!("{head}\n"));
    let json = repo.json(1);
    complete(&json, &token);
    assert_eq!(json.finding(&token)["life"]["removed"][0]["commit"], head.as_str());
}

#[test]
fn alternates_of_every_kind() {
    let token = github_token(4020);
    let repo = Repo::with_removed(&token);
    let objects = repo.path().join(".git/objects");
    let stores: Vec<_> = ["one.git", "two.git"].iter().map(|name| repo.beside(name)).collect();
    for store in &stores {
        repo.git(["init", "-q", "--bare", store.to_str().unwrap()]);
        repo.git(["push", "-q", store.to_str().unwrap(), "main"]);
        fs::remove_dir_all(store.join("objects")).unwrap();
        fs::create_dir_all(store.join("objects/info")).unwrap();
    }
    let alternates = |store: &Path, text: &str| fs::write(store.join("objects/info/alternates"), text).unwrap();
    let scan = |code| Keyscan::at(&stores[0]).arg(".").json(code);
    alternates(&stores[0], &format!("{}\n", objects.display()));
    complete(&scan(1), &token);
    // Relative ones, one behind the other, and back to the first.
    alternates(&stores[0], "../../two.git/objects\n");
    alternates(&stores[1], "# comment\n\n\"../../repo/.git/objects\"\n../../one.git/objects\n");
    complete(&scan(1), &token);
    // One that is gone does not take the other with it.
    alternates(&stores[0], "/nowhere/objects\n../../two.git/objects\n");
    let json = scan(2);
    json.finding(&token);
    assert!(json.problems().iter().any(|p| p.starts_with("/nowhere/objects")), "{}", json.story);
    alternates(&stores[1], "");
    let json = scan(2);
    assert!(json.problems().iter().any(|p| p.contains("refs/heads/main")), "{}", json.story);
}

#[test]
fn a_partial_clone_names_what_is_missing_and_reaches_for_nothing() {
    let token = github_token(4030);
    let repo = Repo::with_removed(&token);
    for n in 0..30 {
        repo.write("counter", format!("{n}\n"));
        repo.commit(&format!("count {n}"));
    }
    repo.git(["config", "uploadpack.allowFilter", "true"]);
    repo.git(["config", "uploadpack.allowAnySHA1InWant", "true"]);
    let url = format!("file://{}", repo.path().display());
    for (filter, what) in [("blob:none", "its trees name"), ("tree:0", "its commits name")] {
        let clone = repo.beside(&filter.replace(':', "-"));
        repo.git(["clone", "-q", "--no-checkout", "--filter", filter, "--no-local", &url, clone.to_str().unwrap()]);
        // A remote that leaves a mark when it is asked.
        let asked = repo.beside("asked");
        let program = repo.beside("upload-pack");
        fs::write(&program, format!("#!/bin/sh\ntouch {}\nexec git-upload-pack \"$@\"\n", asked.display())).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        repo.git_in(&clone, ["config", "remote.origin.uploadpack", program.to_str().unwrap()]);
        let missing = || repo.git_in(&clone, ["rev-list", "--objects", "--all", "--missing=print"]);
        let before = missing();
        let json = Keyscan::at(&clone).arg(".").json(2);
        let problems = json.problems();
        assert_eq!(problems.len(), 1, "counted, not listed one by one\n{}", json.story);
        assert!(problems[0].contains(what) && problems[0].contains("git fetch --refetch --no-filter"), "{problems:?}");
        let first = before.lines().filter_map(|l| l.strip_prefix('?')).min().unwrap();
        assert!(problems[0].contains(first), "{problems:?} does not name {first}");
        assert!(!asked.exists(), "the remote was asked");
        assert_eq!(missing(), before, "something was fetched");
        // The help helps.
        repo.git_in(&clone, ["fetch", "-q", "--refetch", "--no-filter"]);
        assert!(asked.exists(), "the mark works");
        fs::remove_file(&asked).unwrap();
        complete(&Keyscan::at(&clone).arg(".").json(1), &token);
    }
}

#[test]
fn a_shallow_clone_that_is_made_complete() {
    let token = github_token(4031);
    let repo = Repo::with_removed(&token);
    let clone = repo.beside("clone");
    let url = format!("file://{}", repo.path().display());
    repo.git(["clone", "-q", "--depth=1", &url, clone.to_str().unwrap()]);
    let linked = repo.beside("linked");
    repo.git_in(&clone, ["worktree", "add", "-q", "--detach", linked.to_str().unwrap()]);
    for directory in [&clone, &linked] {
        Keyscan::at(directory).arg(".").run().code(2).says("git fetch --unshallow");
    }
    repo.git_in(&clone, ["fetch", "-q", "--unshallow"]);
    for directory in [&clone, &linked] {
        complete(&Keyscan::at(directory).arg(".").json(1), &token);
    }
}

#[test]
fn a_reftable_with_a_stash_and_a_linked_working_tree() {
    if !Repo::git_can(&["--ref-format=reftable"]) {
        return;
    }
    let (older, newer, linked_token) = (github_token(4040), github_token(4041), github_token(4042));
    let repo = Repo::init(&["--ref-format=reftable"]);
    repo.write("a", "a\n");
    repo.commit("first");
    for token in [&older, &newer] {
        repo.write("a", line(token));
        repo.git(["stash", "-q"]);
    }
    let linked = repo.beside("linked");
    repo.git(["worktree", "add", "-q", "--detach", linked.to_str().unwrap()]);
    write(&linked, "b", line(&linked_token));
    repo.git_in(&linked, ["add", "b"]);
    repo.git_in(&linked, ["commit", "-q", "-m", "linked"]);
    let refs = |json: &Json, token| texts(&json.finding(token)["life"]["other_refs"]);
    let json = repo.json(1);
    assert_eq!(refs(&json, &newer), ["refs/stash", "stash@{0}"], "{}", json.story);
    assert_eq!(refs(&json, &older), ["stash@{1}"]);
    assert_eq!(refs(&json, &linked_token), ["worktrees/linked/HEAD"]);
    let json = Keyscan::at(&linked).arg(".").json(1);
    assert_eq!(json.finding(&linked_token)["life"]["in_head"], true, "{}", json.story);
    // Variables of the environment lead nobody elsewhere, git neither.
    let mut run = repo.keyscan();
    for name in ["GIT_DIR", "GIT_OBJECT_DIRECTORY", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE"] {
        run = run.env(name, "/nowhere");
    }
    assert_eq!(run.json(1).value["findings"], repo.json(1).value["findings"]);
    // Without git, it is said what is missing.
    let out = repo.keyscan().env("PATH", "/nowhere").run().code(2).says("reftable").says("git refs migrate");
    assert!(out.text().contains("ghp_"), "objects are scanned all the same\n{}", out.story());
}

#[test]
fn the_environment_does_not_choose_the_repository() {
    let (mine, other) = (github_token(4050), github_token(4051));
    let repo = Repo::with_removed(&mine);
    let elsewhere = Repo::with_removed(&other);
    let git_dir = elsewhere.path().join(".git");
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let variables = [
        ("GIT_DIR", text(&git_dir)),
        ("GIT_WORK_TREE", text(elsewhere.path())),
        ("GIT_COMMON_DIR", text(&git_dir)),
        ("GIT_OBJECT_DIRECTORY", text(&git_dir.join("objects"))),
        ("GIT_INDEX_FILE", text(&git_dir.join("index"))),
        ("GIT_CEILING_DIRECTORIES", text(repo.path())),
        ("GIT_NAMESPACE", "x".to_owned()),
    ];
    let run = variables.iter().fold(repo.keyscan(), |run, (name, value)| run.env(name, value));
    let json = run.json(1);
    complete(&json, &mine);
    assert!(!json.has(&other), "{}", json.story);
}

#[test]
fn what_a_push_brings_is_scanned_before_it_is_accepted() {
    let token = github_token(4052);
    let repo = Repo::with_removed(&token);
    let server = repo.beside("server.git");
    repo.git(["init", "-q", "--bare", server.to_str().unwrap()]);
    let hook = server.join("hooks/pre-receive");
    let report = repo.beside("report");
    let run = format!("#!/bin/sh\n{} . --history-only >{} 2>&1\n", env!("CARGO_BIN_EXE_keyscan"), report.display());
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, run).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let out = std::process::Command::new("git")
        .args(["push", "-q", server.to_str().unwrap(), "main"])
        .current_dir(repo.path())
        .output()
        .unwrap();
    let report = fs::read_to_string(report).unwrap();
    assert!(report.contains("github-pat-classic"), "{report}");
    assert!(!out.status.success(), "the hook refuses it: {report}");
}

#[test]
fn owned_by_somebody_else() {
    let token = github_token(4060);
    let repo = Repo::with_removed(&token);
    if chown(repo.path().join(".git"), Some(65534), Some(65534)).is_err() {
        println!("left out: only root can give files away");
        return;
    }
    chown(repo.path(), Some(65534), Some(65534)).unwrap();
    // git itself refuses; nothing of the repository is run, so there is nothing to be afraid of.
    complete(&repo.json(1), &token);
}

#[test]
fn heads_that_lead_nowhere() {
    let token = github_token(4061);
    let repo = Repo::with_removed(&token);
    let head = repo.path().join(".git/HEAD");
    repo.git(["checkout", "-q", "--detach"]);
    complete(&repo.json(1), &token);
    // A branch without a commit is no damage.
    fs::write(&head, "ref: refs/heads/none\n").unwrap();
    let json = repo.json(1);
    complete(&json, &token);
    assert_eq!(json.finding(&token)["life"]["in_head"], false);
    fs::write(&head, "1234567890123456789012345678901234567890\n").unwrap();
    let json = repo.json(2);
    json.finding(&token);
    assert!(json.problems().iter().any(|p| p.starts_with("ref HEAD: ")), "{}", json.story);
    for content in [&b"garbage\n"[..], b"", b"ref"] {
        fs::write(&head, content).unwrap();
        let json = repo.json(2);
        complete_but(&json, &token, "ref HEAD");
    }
    fs::remove_file(&head).unwrap();
    complete_but(&repo.json(2), &token, "ref HEAD");
}

/// Everything is scanned but for one thing, which is named.
#[track_caller]
fn complete_but(json: &Json, token: &str, names: &str) {
    assert_eq!(text(&json.finding(token)["life"]["first"]["summary"]), "add config", "{}", json.story);
    let problems = json.problems();
    assert!(problems.len() == 1 && problems[0].contains(names), "does not name {names}: {problems:?}");
}

#[test]
fn configurations_that_git_does_not_expect() {
    let token = github_token(4062);
    let repo = Repo::with_removed(&token);
    let untracked = github_token(4063);
    repo.write("untracked", line(&untracked));
    let config = repo.path().join(".git/config");
    let good = fs::read_to_string(&config).unwrap();
    let with = |more: &str| fs::write(&config, format!("{good}{more}")).unwrap();
    let version1 = "[core]\n\trepositoryformatversion = 1\n";
    for known in ["relativeWorktrees = true", "worktreeConfig = true", "preciousObjects = true", "noop = 1"] {
        with(&format!("{version1}[extensions]\n\t{known}\n"));
        complete(&repo.json(1), &token);
    }
    // What keyscan does not know may keep objects where it does not look.
    with(&format!("{version1}[extensions]\n\tfrobnicate = true\n"));
    complete_but(&repo.json(2), &token, "frobnicate");
    with("[core]\n\trepositoryformatversion = 7\n");
    complete_but(&repo.json(2), &token, "repositoryformatversion");
    with("[broken\n");
    complete_but(&repo.json(2), &token, "config");
    repo.keyscan().arg("--no-history").run().code(1);
    // Files are scanned though the configuration says that there are none, or that they are elsewhere.
    for more in ["[core]\n\tbare = true\n", "[core]\n\tworktree = /tmp\n"] {
        with(more);
        let json = repo.json(1);
        complete(&json, &token);
        assert_eq!(kinds(json.finding(&untracked)), ["file"], "{}", json.story);
    }
    fs::remove_file(&config).unwrap();
    complete(&repo.json(1), &token);
}

#[test]
fn links_to_git_directories_that_lead_in_a_circle() {
    let repo = Repo::new();
    let room = repo.beside("room");
    write(&room, "a", line(&github_token(4064)));
    for link in ["gitdir: .git\n", "gitdir: ../nowhere\n", "nonsense\n", ""] {
        write(&room, ".git", link);
        Keyscan::at(&room).arg(".").run().code(2).says("--no-history");
        Keyscan::at(&room).args([".", "--no-history"]).run().code(1);
    }
}

#[test]
fn a_submodule_by_its_own_path() {
    let (gone, own) = (github_token(4065), github_token(4066));
    let library = Repo::with_removed(&gone);
    let repo = Repo::with_removed(&own);
    let url = format!("file://{}", library.path().display());
    repo.git(["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &url, "library"]);
    repo.commit("submodule");
    assert!(repo.path().join("library/.git").is_file());
    let json = Keyscan::at(&repo.path().join("library")).arg(".").json(1);
    complete(&json, &gone);
    assert!(!json.has(&own));
}

#[test]
fn nothing_but_objects() {
    let token = github_token(4067);
    let repo = Repo::new();
    repo.git_with_input(&["hash-object", "-w", "--stdin"], &line(&token));
    let json = repo.json(1);
    assert_eq!(json.finding(&token)["life"]["reachable"], false, "{}", json.story);
    assert_eq!(json.value["complete"], true);
    assert_eq!(paths(json.finding(&token)), Vec::<String>::new());
}

#[test]
fn leftovers_of_what_was_interrupted_are_told() {
    let repo = Repo::new();
    repo.commit("first");
    repo.write(".git/objects/pack/tmp_pack_abcdef", "half a pack");
    repo.write(".git/objects/ab/tmp_obj_abcdef", "half an object");
    let json = repo.json(0);
    assert!(json.skipped().iter().any(|s| s.starts_with("2 temporary files of git")), "{}", json.story);
}

#[test]
fn repacking_meanwhile_hides_nothing() {
    let token = github_token(4090);
    let repo = Repo::with_removed(&token);
    for n in 0..30 {
        repo.write(format!("dir-{n}/file"), format!("{n}\n"));
        repo.commit(&format!("commit {n}"));
    }
    let path = repo.path();
    let git = |args: &[&str]| {
        let mut command = std::process::Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "gc.auto=0"]).args(args);
        command.current_dir(path).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        assert!(command.stdin(std::process::Stdio::null()).output().unwrap().status.success(), "{args:?}");
    };
    let stop = std::sync::atomic::AtomicBool::new(false);
    let runs: Vec<Keyscan> = (0..40).map(|_| repo.keyscan()).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                git(&["commit", "-q", "--allow-empty", "-m", "more"]);
                git(&["repack", "-q", "-a", "-d"]);
            }
        });
        let seen: Vec<_> = runs.into_iter().map(|run| run.args(["--history-only", "--format", "json"]).run()).collect();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        for out in seen {
            complete(&out.code(1).json(), &token);
        }
    });
}
