//! keyscan in git's hooks: what is staged, what a push brings, and how the hooks are put where git looks.
//!
//! git runs the hooks here, as it does for users; a server is a bare repository, reached over file and over git's own
//! daemon on loopback.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use keyscan::structure::Rng;
use serde_json::Value;

use crate::util::{Json, Keyscan, Output, Repo, github_token, line, paths, sha256};

/// A repository with one clean commit.
fn started() -> Repo {
    let repo = Repo::new();
    repo.write("README.md", "hello\n");
    repo.commit("start");
    repo
}

fn pre_commit(repo: &Repo) -> Keyscan {
    Keyscan::at(repo.path()).args(["hook", "pre-commit"])
}

/// The JSON report on what is staged, as the hook sees it.
fn staged(repo: &Repo, code: i32) -> Json {
    repo.keyscan().arg("--staged").json(code)
}

/// Puts keyscan into hooks; `install` tries them itself.
fn install(directory: &Path, hooks: &[&str]) -> Output {
    Keyscan::at(directory).args(["hook", "install"]).args(hooks).run()
}

/// Runs git, which may fail; gives whether it did not, and what it said.
fn try_git(repo: &Repo, directory: &Path, args: &[&str]) -> (bool, String) {
    let out = repo.try_git(directory, args);
    (out.status.success(), [out.stdout, out.stderr].concat().iter().map(|b| *b as char).collect())
}

#[track_caller]
fn stopped(repo: &Repo, directory: &Path, args: &[&str]) -> String {
    let (passed, said) = try_git(repo, directory, args);
    assert!(!passed, "git {args:?} went through:\n{said}");
    assert!(said.contains("keyscan stopped"), "git {args:?} was stopped by something else:\n{said}");
    said
}

#[track_caller]
fn passes(repo: &Repo, directory: &Path, args: &[&str]) -> String {
    let (passed, said) = try_git(repo, directory, args);
    assert!(passed, "git {args:?} was stopped:\n{said}");
    said
}

/// Every file of a directory with its bytes.
fn snapshot(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    let mut stack = vec![directory.to_owned()];
    while let Some(path) = stack.pop() {
        if path.is_dir() {
            stack.extend(fs::read_dir(path).unwrap().map(|e| e.unwrap().path()));
        } else {
            all.push((path.clone(), fs::read(path).unwrap()));
        }
    }
    all.sort();
    all
}

// What is staged

#[test]
fn the_index_is_read_and_never_the_file() {
    let (staged_token, disk) = (github_token(700), github_token(701));
    let repo = started();
    repo.write("a", line(&staged_token));
    repo.git(["add", "a"]);
    repo.write("a", line(&disk));
    repo.write("untracked", line(&disk));
    let json = staged(&repo, 1);
    assert!(json.has(&staged_token) && !json.has(&disk), "{}", json.story);
    let out = pre_commit(&repo).run().code(1);
    drop(
        out.says("a:1:16")
            .says("keyscan stopped this commit")
            .says("keyscan:allow github-pat-classic")
            .says("evoke")
            .says("proven"),
    );
    repo.git(["restore", "--staged", "a"]);
    let out = pre_commit(&repo).run().code(0);
    assert!(out.text().trim().is_empty(), "a hook has nothing to say\n{}", out.story());
}

#[test]
fn only_what_the_commit_adds_is_reported() {
    let (old, new) = (github_token(702), github_token(703));
    let repo = started();
    repo.write("a", line(&old));
    repo.commit("long ago");
    repo.write("a", format!("{}more\n", line(&old)));
    repo.git(["add", "a"]);
    staged(&repo, 0);
    repo.write("a", format!("{}{}", line(&old), line(&new)));
    repo.git(["add", "a"]);
    let json = staged(&repo, 1);
    assert!(!json.has(&old), "{}", json.story);
    assert_eq!(json.finding(&new)["occurrences"][0]["position"]["line"], 2);
    assert_eq!(json.finding(&new)["occurrences"][0]["kind"], "file");
}

/// peers.md: "A file renamed and edited in one commit, also when staged".
#[test]
fn staged_renames_with_edits() {
    let (old, new) = (github_token(704), github_token(705));
    let repo = started();
    let body: String = (0..30).map(|n| format!("line {n}\n")).collect();
    repo.write("before.txt", format!("{body}{}", line(&old)));
    repo.commit("long ago");
    repo.git(["mv", "before.txt", "after.txt"]);
    staged(&repo, 0);
    repo.write("after.txt", format!("{body}{}{}", line(&new), line(&old)));
    repo.git(["add", "after.txt"]);
    let json = staged(&repo, 1);
    assert!(!json.has(&old), "{}", json.story);
    assert_eq!(json.finding(&new)["occurrences"][0]["position"]["line"], 31, "{}", json.story);
    assert_eq!(paths(json.finding(&new)), ["after.txt"]);
}

/// peers.md: "Staged binary files".
#[test]
fn staged_contents_of_every_kind() {
    let [binary, utf16, link, attribute, file] = [706, 707, 708, 709, 710].map(github_token);
    let repo = started();
    symlink("target", repo.path().join("becomes-a-file")).unwrap();
    repo.commit("a link");
    repo.write("data.bin", [b"\0\x01 ".as_slice(), binary.as_bytes(), b" \0"].concat());
    let wide: Vec<u8> = line(&utf16).encode_utf16().flat_map(u16::to_le_bytes).collect();
    repo.write("wide.txt", [b"\xff\xfe".as_slice(), &wide].concat());
    symlink(&link, repo.path().join("link")).unwrap();
    repo.write(".gitattributes", "*.secret -diff\n");
    repo.write("deep/down/a.secret", line(&attribute));
    repo.remove("becomes-a-file");
    repo.write("becomes-a-file", line(&file));
    repo.git(["add", "--all"]);
    let json = staged(&repo, 1);
    for token in [&binary, &utf16, &link, &attribute, &file] {
        json.finding(token);
    }
}

#[test]
fn intent_to_add_is_not_staged() {
    let token = github_token(711);
    let repo = started();
    repo.write("later", line(&token));
    repo.git(["add", "--intent-to-add", "later"]);
    repo.write("dir/later", line(&token));
    repo.git(["add", "-N", "dir/later"]);
    staged(&repo, 0);
    repo.git(["add", "dir/later"]);
    assert_eq!(paths(staged(&repo, 1).finding(&token)), ["dir/later"]);
}

#[test]
fn a_merge_in_progress_adds_what_no_parent_has() {
    let (side, evil) = (github_token(712), github_token(713));
    let repo = started();
    repo.git(["checkout", "-q", "-b", "side"]);
    repo.write("dir/side.txt", line(&side));
    repo.write("README.md", "theirs\n");
    repo.commit("on the side");
    repo.git(["checkout", "-q", "main"]);
    repo.write("README.md", "ours\n");
    repo.commit("on main");
    let (passed, _) = try_git(&repo, repo.path(), &["merge", "-q", "--no-ff", "side"]);
    assert!(!passed, "there is no conflict");
    let json = staged(&repo, 0);
    assert!(json.skipped().iter().any(|s| s.starts_with("1 paths with a conflict")), "{}", json.story);
    repo.write("README.md", format!("both\n{}", line(&evil)));
    repo.git(["add", "README.md"]);
    let json = staged(&repo, 1);
    assert!(!json.has(&side), "the side branch has it\n{}", json.story);
    assert_eq!(paths(json.finding(&evil)), ["README.md"]);
    drop(Keyscan::at(repo.path()).args(["hook", "pre-merge-commit"]).run().code(1).says("this merge"));
}

#[test]
fn before_the_first_commit_everything_is_new() {
    let token = github_token(714);
    let repo = Repo::new();
    staged(&repo, 0);
    repo.write("a", line(&token));
    repo.git(["add", "a"]);
    staged(&repo, 1).finding(&token);
    drop(pre_commit(&repo).run().code(1));
}

#[test]
fn every_form_of_the_index() {
    let token = github_token(715);
    for (format, settings) in [
        (&[][..], &[][..]),
        (&["--object-format=sha256"], &[]),
        (&["--ref-format=reftable"], &[]),
        (&[], &["update-index", "--index-version", "4"]),
        (&[], &["update-index", "--split-index"]),
        (&[], &["update-index", "--untracked-cache"]),
        (&[], &["config", "index.skipHash", "true"]),
        (&[], &["sparse-checkout", "set", "--cone", "--sparse-index", "in"]),
    ] {
        if !Repo::git_can(format) {
            continue;
        }
        let repo = Repo::init(format);
        for n in 0..20 {
            repo.write(format!("in/{n}/file"), format!("{n}\n"));
            repo.write(format!("out/{n}/file"), format!("{n}\n"));
        }
        repo.commit("start");
        if !settings.is_empty() {
            repo.git(settings);
        }
        let json = staged(&repo, 0);
        assert_eq!(json.count("blobs"), 0, "{settings:?}\n{}", json.story);
        repo.write("in/7/file", line(&token));
        repo.git(["add", "in/7/file"]);
        let before = snapshot(&repo.path().join(".git"));
        let json = staged(&repo, 1);
        assert_eq!(paths(json.finding(&token)), ["in/7/file"], "{settings:?}");
        assert_eq!(json.count("blobs"), 1, "only what changed is read: {settings:?}\n{}", json.story);
        drop(pre_commit(&repo).run().code(1));
        assert!(snapshot(&repo.path().join(".git")) == before, "the repository was written to: {settings:?}");
    }
}

#[test]
fn submodules_are_counted() {
    let repo = started();
    let other = repo.beside("other");
    repo.git(["clone", "-q", ".", other.to_str().unwrap()]);
    repo.git(["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", other.to_str().unwrap(), "sub"]);
    let json = staged(&repo, 0);
    assert!(json.skipped().iter().any(|s| s.starts_with("1 submodules")), "{}", json.story);
}

#[test]
fn a_staged_blob_that_is_missing_stops_the_commit() {
    let repo = started();
    repo.write("a", "will be lost\n");
    repo.git(["add", "a"]);
    let id = repo.git(["rev-parse", ":a"]);
    fs::remove_file(repo.loose(&id)).unwrap();
    let out = pre_commit(&repo).run().code(2);
    drop(out.says(&id).says("could not be checked").says("--no-verify"));
    fs::write(repo.path().join(".git/index"), "no index").unwrap();
    drop(pre_commit(&repo).run().code(2).says("index").says("--no-verify"));
}

/// peers.md: "untracked files; files named on the command line in hook mode: zero scanned, pass".
#[test]
fn files_named_in_hook_mode_are_scanned() {
    let (old, new, untracked) = (github_token(716), github_token(717), github_token(718));
    let repo = started();
    repo.write("old", line(&old));
    repo.write("sub/other", "other\n");
    repo.commit("long ago");
    repo.write("untracked", line(&untracked));
    for (file, token) in [("old", &old), ("untracked", &untracked)] {
        let out = pre_commit(&repo).arg(file).run().code(1).says(&format!("{file}:1:16"));
        assert!(!out.text().contains(token.as_str()));
    }
    drop(pre_commit(&repo).arg("no-such-file").run().code(2));
    drop(pre_commit(&repo).arg("sub/other").run().code(0));
    // From a directory below, and what is staged differs from what is on disk.
    repo.write("sub/other", line(&new));
    repo.git(["add", "--all"]);
    repo.write("sub/other", "harmless again\n");
    let below = Keyscan::at(&repo.path().join("sub")).args(["hook", "pre-commit", "other"]).run().code(1);
    drop(below.says("sub/other:1:16"));
    // While git commits, names are what is staged of them, and only what is new there.
    repo.git(["reset", "-q", "--hard"]);
    repo.write("old", format!("{}an edit\n", line(&old)));
    repo.git(["add", "old"]);
    drop(pre_commit(&repo).arg("old").env("GIT_INDEX_FILE", ".git/index").run().code(0));
    drop(pre_commit(&repo).arg("old").run().code(1));
    // A file that the commit takes away.
    repo.git(["rm", "-q", "-f", "old"]);
    drop(pre_commit(&repo).arg("old").env("GIT_INDEX_FILE", ".git/index").run().code(0));
}

// git runs the hooks

#[test]
fn commits_of_every_kind_are_stopped_by_the_installed_hook() {
    let [a, b, c] = [719, 720, 721].map(github_token);
    let repo = started();
    let out = install(repo.path(), &[]).code(0);
    drop(out.says("pre-commit").says("pre-push").says("fires"));
    fn commit<'a>(args: &[&'a str]) -> Vec<&'a str> {
        [&["commit", "-q", "-m", "try"][..], args].concat()
    }
    repo.write("README.md", line(&a));
    // -a and paths make git use another index for the commit.
    stopped(&repo, repo.path(), &commit(&["-a"]));
    stopped(&repo, repo.path(), &commit(&["README.md"]));
    repo.write("clean", "clean\n");
    repo.git(["add", "clean"]);
    passes(&repo, repo.path(), &commit(&[]));
    repo.write("b", line(&b));
    repo.git(["add", "b"]);
    let said = stopped(&repo, repo.path(), &commit(&[]));
    assert!(!said.contains(&b), "the secret was printed");
    passes(&repo, repo.path(), &commit(&["--no-verify"]));
    // From a directory below, and amending.
    repo.write("dir/c", line(&c));
    repo.git(["add", "dir/c"]);
    stopped(&repo, &repo.path().join("dir"), &commit(&["--amend"]));
    repo.git(["rm", "-q", "--cached", "dir/c"]);
    repo.git(["checkout", "-q", "README.md"]);
    // An allowed one goes through.
    repo.write("dir/c", format!("{} // keyscan:allow github-pat-classic made for a test\n", line(&c).trim()));
    repo.git(["add", "dir/c"]);
    passes(&repo, repo.path(), &commit(&[]));
}

/// peers.md: "Linked worktree: ... GG hooks skipped there".
#[test]
fn hooks_fire_in_linked_worktrees() {
    let token = github_token(722);
    let repo = started();
    let linked = repo.beside("linked");
    repo.git(["worktree", "add", "-q", "-b", "side", linked.to_str().unwrap()]);
    drop(install(&linked, &["pre-commit"]).code(0).says("fires"));
    assert!(repo.path().join(".git/hooks/pre-commit").exists());
    crate::util::write(&linked, "dir/leak", line(&token));
    repo.git_in(&linked, ["add", "--all"]);
    stopped(&repo, &linked, &["commit", "-q", "-m", "leak"]);
    stopped(&repo, &linked.join("dir"), &["commit", "-q", "-m", "leak"]);
    repo.write("leak", line(&token));
    repo.git(["add", "--all"]);
    stopped(&repo, repo.path(), &["commit", "-q", "-m", "leak"]);
}

#[test]
fn existing_hooks_are_chained_and_come_back() {
    let token = github_token(723);
    let repo = started();
    let hooks = repo.path().join(".git/hooks");
    fs::create_dir_all(&hooks).unwrap();
    let script = |name: &str, text: &str| {
        fs::write(hooks.join(name), text).unwrap();
        fs::set_permissions(hooks.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    };
    let theirs = "#!/bin/sh\necho ran >> ../theirs\n[ ! -e ../refuse ]\n";
    script("pre-commit", theirs);
    script("pre-push", "#!/bin/sh\ncat > ../input\necho \"$@\" > ../args\n");
    script("post-commit", &format!("#!/bin/sh\necho ran >> {}\n", repo.beside("after").display()));
    drop(install(repo.path(), &["pre-commit", "--", "--only", "stripe"]).code(2).says("DOES NOT FIRE"));
    assert!(!repo.beside("after").exists(), "trying the hook ran another one");
    for _ in 0..2 {
        drop(install(repo.path(), &["pre-commit", "pre-push"]).code(0).says("pre-commit.chained"));
    }
    assert!(!repo.beside("theirs").exists(), "trying the hook ran the other one");
    let commit = ["commit", "-q", "--allow-empty", "-m", "try"];
    passes(&repo, repo.path(), &commit);
    assert_eq!(fs::read_to_string(repo.beside("theirs")).unwrap(), "ran\n");
    fs::write(repo.beside("refuse"), "").unwrap();
    let (passed, _) = try_git(&repo, repo.path(), &commit);
    assert!(!passed, "the other hook has no say");
    fs::remove_file(repo.beside("refuse")).unwrap();
    repo.write("leak", line(&token));
    repo.git(["add", "--all"]);
    stopped(&repo, repo.path(), &commit);
    repo.git(["reset", "-q"]);
    // Both read what git writes.
    let server = repo.beside("server.git");
    repo.git(["init", "-q", "--bare", server.to_str().unwrap()]);
    passes(&repo, repo.path(), &["push", "-q", server.to_str().unwrap(), "main"]);
    let head = repo.git(["rev-parse", "HEAD"]);
    assert!(
        fs::read_to_string(repo.beside("input"))
            .unwrap()
            .starts_with(&format!("refs/heads/main {head} refs/heads/main 0"))
    );
    assert!(fs::read_to_string(repo.beside("args")).unwrap().contains("server.git"));
    let status = Keyscan::at(repo.path()).args(["hook", "status"]).run().code(0);
    drop(status.says("pre-receive       not installed").says("pre-commit        installed and fires"));
    let said = Keyscan::at(repo.path()).args(["hook", "uninstall"]).run().code(0);
    drop(said.says("pre-commit        removed, and what was there before is back"));
    assert_eq!(fs::read_to_string(hooks.join("pre-commit")).unwrap(), theirs);
    assert!(!hooks.join("pre-commit.chained").exists());
    drop(Keyscan::at(repo.path()).args(["hook", "status"]).run().code(1).says("another hook, without keyscan"));
    // Nothing is overwritten, ever.
    script("pre-commit.chained", "#!/bin/sh\n");
    drop(install(repo.path(), &["pre-commit"]).code(2).says("pre-commit.chained"));
    assert_eq!(fs::read_to_string(hooks.join("pre-commit")).unwrap(), theirs);
}

#[test]
fn the_hooks_path_of_the_configuration_is_used() {
    let token = github_token(724);
    let repo = started();
    repo.git(["config", "core.hooksPath", ".githooks"]);
    drop(install(repo.path(), &["pre-commit"]).code(0).says("commit them"));
    assert!(repo.path().join(".githooks/pre-commit").exists());
    repo.write("sub/leak", line(&token));
    repo.git(["add", "sub"]);
    stopped(&repo, repo.path(), &["commit", "-q", "-m", "leak"]);
    stopped(&repo, &repo.path().join("sub"), &["commit", "-q", "-m", "leak"]);
    // A directory that belongs to all repositories of a user.
    let shared = repo.beside("shared-hooks");
    repo.git(["config", "core.hooksPath", shared.to_str().unwrap()]);
    drop(install(repo.path(), &["pre-commit"]).code(2).says("not of this repository alone").says("--shared"));
    assert!(!shared.exists());
    drop(install(repo.path(), &["pre-commit", "--shared"]).code(0).says("fires"));
    stopped(&repo, repo.path(), &["commit", "-q", "-m", "leak"]);
    // husky writes its directory anew.
    repo.git(["config", "core.hooksPath", ".husky/_"]);
    drop(install(repo.path(), &["pre-commit"]).code(2).says("husky").says(".husky/NAME"));
}

/// peers.md: "pre-commit passes when the binary is missing".
/// Without room to try them the hooks are in place, all of them, and that is said.
#[test]
fn hooks_that_cannot_be_tried_are_all_installed_and_told() {
    let repo = Repo::new();
    let out = Keyscan::at(repo.path()).args(["hook", "install"]).env("TMPDIR", "/nonexistent").run().code(2);
    for hook in ["pre-commit", "pre-merge-commit", "pre-push"] {
        assert!(repo.path().join(".git/hooks").join(hook).exists(), "{}", out.story());
    }
    assert_eq!(out.text().matches("installed, but it could not be tried").count(), 3, "{}", out.story());
}

#[test]
fn a_hook_without_its_program_fails_loudly() {
    let repo = started();
    drop(install(repo.path(), &["pre-commit", "pre-push"]).code(0));
    for name in ["pre-commit", "pre-push"] {
        let file = repo.path().join(".git/hooks").join(name);
        let text = fs::read_to_string(&file).unwrap();
        let program = env!("CARGO_BIN_EXE_keyscan");
        assert!(text.contains(program), "{text}");
        fs::write(&file, text.replace(program, "/nowhere/keyscan")).unwrap();
    }
    let (passed, said) = try_git(&repo, repo.path(), &["commit", "-q", "--allow-empty", "-m", "try"]);
    assert!(!passed, "{said}");
    assert!(said.contains("nothing was checked") && said.contains("--no-verify"), "{said}");
    let server = repo.beside("server.git");
    repo.git(["init", "-q", "--bare", server.to_str().unwrap()]);
    let (passed, said) = try_git(&repo, repo.path(), &["push", "-q", server.to_str().unwrap(), "main"]);
    assert!(!passed && said.contains("nothing was checked"), "{said}");
    drop(Keyscan::at(repo.path()).args(["hook", "status"]).run().code(2).says("DOES NOT FIRE"));
    // A hook that git does not run is none.
    drop(install(repo.path(), &["pre-commit", "pre-push"]).code(0));
    fs::set_permissions(repo.path().join(".git/hooks/pre-commit"), fs::Permissions::from_mode(0o644)).unwrap();
    drop(
        Keyscan::at(repo.path())
            .args(["hook", "status"])
            .run()
            .code(2)
            .says("pre-commit        INSTALLED AND DOES NOT FIRE"),
    );
}

#[test]
fn hooks_take_options() {
    let repo = started();
    let run = |args: &[&str]| Keyscan::at(repo.path()).args(["hook", "install"]).args(args).run();
    drop(run(&["pre-commit", "--", "--nonsense"]).code(2).says("--help"));
    assert!(!repo.path().join(".git/hooks/pre-commit").exists());
    drop(run(&["pre-commit", "--", "--only", "github", "--time-limit", "30"]).code(0).says("fires"));
    // With rules that do not know the token, the trial says so.
    drop(run(&["pre-commit", "--", "--only", "stripe"]).code(2).says("DOES NOT FIRE"));
    drop(Keyscan::at(&repo.beside("")).args(["hook", "install"]).run().code(2).says("inside a repository"));
}

// Pushes

#[test]
fn a_push_is_checked_for_what_the_remote_lacks() {
    let [before, new, message, tagged] = [725, 726, 727, 728].map(github_token);
    let repo = started();
    repo.write("old", line(&before));
    repo.commit("the remote has it already");
    let server = repo.beside("server.git");
    repo.git(["clone", "-q", "--bare", ".", server.to_str().unwrap()]);
    repo.git(["remote", "add", "origin", server.to_str().unwrap()]);
    repo.git(["fetch", "-q", "origin"]);
    drop(install(repo.path(), &["pre-push"]).code(0));
    fn push<'a>(args: &[&'a str]) -> Vec<&'a str> {
        [&["push", "-q", "origin"][..], args].concat()
    }
    repo.write("clean", "clean\n");
    repo.commit("clean");
    passes(&repo, repo.path(), &push(&["main"]));
    // Added, and taken out again: the push brings both.
    repo.write("leak", line(&new));
    let bad = repo.commit("leak");
    repo.remove("leak");
    repo.commit("take it out");
    let said = stopped(&repo, repo.path(), &push(&["main"]));
    assert!(said.contains(&bad[..10]) && said.contains("git rebase -i") && said.contains("--no-verify"), "{said}");
    // A new branch, and one that goes back: only what the remote lacks.
    stopped(&repo, repo.path(), &push(&["main:refs/heads/new"]));
    passes(&repo, repo.path(), &push(&["main~2:refs/heads/new"]));
    passes(&repo, repo.path(), &push(&["--force", "main~3:refs/heads/new"]));
    passes(&repo, repo.path(), &push(&["--delete", "new"]));
    repo.git(["reset", "-q", "--hard", "HEAD~2"]);
    passes(&repo, repo.path(), &push(&["main"]));
    // To a URL that is that of a remote, and to one that is not: there everything is new.
    repo.write("more", "more\n");
    repo.commit("more");
    passes(&repo, repo.path(), &["push", "-q", server.to_str().unwrap(), "main"]);
    let other = repo.beside("other.git");
    repo.git(["init", "-q", "--bare", other.to_str().unwrap()]);
    stopped(&repo, repo.path(), &["push", "-q", other.to_str().unwrap(), "main"]);
    // Messages and tags.
    repo.git(["commit", "-q", "--allow-empty", "-m", &format!("with {message}")]);
    stopped(&repo, repo.path(), &push(&["main"]));
    repo.git(["reset", "-q", "--hard", "HEAD~1"]);
    repo.git(["tag", "-a", "v1", "-m", &format!("with {tagged}")]);
    assert!(stopped(&repo, repo.path(), &push(&["v1"])).contains("git tag -d"));
    // Another tag that is not pushed has nothing to do with it.
    repo.git(["tag", "v2"]);
    passes(&repo, repo.path(), &push(&["v2"]));
    // A branch that is named like a token.
    stopped(&repo, repo.path(), &push(&[&format!("main:refs/heads/{tagged}")]));
}

/// peers.md: "Full clone per hook run": a push is checked where it is, by its own objects.
#[test]
fn a_hook_reads_what_is_pushed_and_no_more() {
    let repo = started();
    for n in 0..50 {
        repo.write(format!("{n}"), format!("{n}\n"));
        repo.commit("before");
    }
    let base = repo.git(["rev-parse", "HEAD"]);
    repo.write("new", "new\n");
    let head = repo.commit("new");
    let before = snapshot(repo.path());
    let lines = format!("refs/heads/main {head} refs/heads/main {base}\n");
    let out = Keyscan::at(repo.path()).args(["hook", "pre-push", "--verbose", "origin"]).stdin(&lines).run().code(0);
    drop(out.says("1 blob, 1 commit"));
    assert!(snapshot(repo.path()) == before);
    let zeros = "0".repeat(40);
    drop(
        Keyscan::at(repo.path())
            .args(["hook", "pre-push"])
            .stdin(format!("(delete) {zeros} refs/heads/x {base}\n"))
            .run()
            .code(0),
    );
    drop(
        Keyscan::at(repo.path())
            .args(["hook", "pre-push"])
            .stdin("nonsense\n")
            .run()
            .code(2)
            .says("nonsense")
            .says("--no-verify"),
    );
    let gone = "1".repeat(40);
    let lines = format!("refs/heads/main {gone} refs/heads/main {zeros}\n");
    drop(Keyscan::at(repo.path()).args(["hook", "pre-push"]).stdin(&lines).run().code(2).says(&gone));
    // What the other side has need not be here.
    let lines = format!("refs/heads/main {head} refs/heads/main {gone}\n");
    drop(
        Keyscan::at(repo.path()).args(["hook", "pre-push", "--verbose"]).stdin(&lines).run().code(0).says("52 commits"),
    );
}

/// A server: a bare repository with the hook, and a clone of it.
fn server(hook: &str, options: &[&str]) -> (Repo, PathBuf) {
    server_of(&[], hook, options)
}

fn server_of(format: &[&str], hook: &str, options: &[&str]) -> (Repo, PathBuf) {
    let repo = Repo::init(format);
    repo.write("README.md", "hello\n");
    repo.commit("start");
    let server = repo.beside("server.git");
    repo.git(["clone", "-q", "--bare", ".", server.to_str().unwrap()]);
    repo.git(["remote", "add", "origin", server.to_str().unwrap()]);
    let mut args = vec![hook];
    if !options.is_empty() {
        args.push("--");
        args.extend(options);
    }
    drop(install(&server, &args).code(0).says("fires"));
    (repo, server)
}

/// The pushes that a server's hook has to judge, at any address.
fn pushes(repo: &Repo, server: &Path, url: &str) {
    let [new, tagged, tree, blob] = [730, 731, 732, 733].map(github_token);
    fn to<'a>(url: &'a str, args: &[&'a str]) -> Vec<&'a str> {
        [&["push", "-q", url][..], args].concat()
    }
    let refs = || repo.git_in(server, ["for-each-ref"]);
    repo.write("clean", "clean\n");
    repo.commit("clean");
    passes(repo, repo.path(), &to(url, &["main"]));
    let before = refs();
    let objects = repo.git_in(server, ["count-objects", "-v"]);
    repo.write("leak", line(&new));
    let bad = repo.commit("leak");
    repo.remove("leak");
    repo.commit("take it out");
    let said = stopped(repo, repo.path(), &to(url, &["main"]));
    for words in
        ["GitHub personal access token", "leak", &bad[..10], "git rebase -i", "Nothing of this push was accepted"]
    {
        assert!(said.contains(words), "does not say {words}:\n{said}");
    }
    assert!(!said.contains(&new) && !said.contains("--no-verify"), "{said}");
    let place = server.file_name().unwrap().to_str().unwrap();
    assert!(!said.lines().any(|l| l.starts_with("remote:") && l.contains(place)), "it tells where it is: {said}");
    // New branches, forced ones, several at once.
    stopped(repo, repo.path(), &to(url, &["main:refs/heads/new"]));
    stopped(repo, repo.path(), &to(url, &["--force", "main:refs/heads/main"]));
    stopped(repo, repo.path(), &to(url, &["--atomic", "main~2:refs/heads/good", "main:refs/heads/bad"]));
    assert_eq!(refs(), before);
    assert_eq!(repo.git_in(server, ["count-objects", "-v"]), objects, "the server kept what it refused");
    // What is there already is not looked at again; taking away brings nothing.
    passes(repo, repo.path(), &to(url, &["main~2:refs/heads/good"]));
    passes(repo, repo.path(), &to(url, &["--force", "main~3:refs/heads/good"]));
    passes(repo, repo.path(), &to(url, &["--delete", "good"]));
    // Tags of every kind.
    repo.git(["reset", "-q", "--hard", "HEAD~2"]);
    repo.git(["tag", "-a", "bad", "-m", &format!("with {tagged}")]);
    stopped(repo, repo.path(), &to(url, &["bad"]));
    repo.git(["tag", "-a", "good", "-m", "fine"]);
    passes(repo, repo.path(), &to(url, &["good"]));
    let id = repo.git_with_input(&["hash-object", "-w", "--stdin"], &line(&blob));
    repo.git(["tag", "of-a-blob", &id]);
    stopped(repo, repo.path(), &to(url, &["of-a-blob"]));
    let id = repo.git_with_input(&["hash-object", "-w", "--stdin"], &line(&tree));
    let id = repo.git_with_input(&["mktree"], &format!("100644 blob {id}\tin-a-tree\n"));
    repo.git(["tag", "-a", "of-a-tree", "-m", "tree", &id]);
    stopped(repo, repo.path(), &to(url, &["of-a-tree"]));
    // A merge with a text of its own.
    repo.git(["checkout", "-q", "-b", "side", "HEAD~1"]);
    repo.write("side", "side\n");
    repo.commit("side");
    repo.git(["checkout", "-q", "main"]);
    repo.git(["merge", "-q", "--no-ff", "--no-commit", "side"]);
    repo.write("clean", line(&new));
    repo.commit("evil merge");
    stopped(repo, repo.path(), &to(url, &["main"]));
    assert!(repo.git_in(server, ["fsck", "--full"]).is_empty());
}

#[test]
fn pre_receive_over_file() {
    for format in [&[][..], &["--ref-format=reftable"], &["--object-format=sha256"]] {
        if !Repo::git_can(format) {
            continue;
        }
        let (repo, server) = server_of(format, "pre-receive", &[]);
        if format.contains(&"--ref-format=reftable") && !server.join("reftable").exists() {
            repo.git_in(&server, ["refs", "migrate", "--ref-format=reftable"]);
        }
        let url = format!("file://{}", server.display());
        pushes(&repo, &server, &url);
    }
}

#[test]
fn pre_receive_keeps_packs_in_quarantine() {
    let (repo, server) = server("pre-receive", &[]);
    // Packs instead of loose objects.
    repo.git_in(&server, ["config", "receive.unpackLimit", "1"]);
    pushes(&repo, &server, server.to_str().unwrap());
}

#[test]
fn who_pushes_allows_nothing_where_the_server_does_not_want_it() {
    let token = github_token(736);
    let allowed = format!("{} // keyscan:allow github-pat-classic made for a test\n", line(&token).trim());
    for (options, goes) in [(&[][..], true), (&["--no-repo-config"], false)] {
        let (repo, _server) = server("pre-receive", options);
        repo.write("a", &allowed);
        repo.commit("allowed by myself");
        if goes {
            passes(&repo, repo.path(), &["push", "-q", "origin", "main"]);
        } else {
            let said = stopped(&repo, repo.path(), &["push", "-q", "origin", "main"]);
            assert!(!said.contains("baseline update") && said.contains("give them the fingerprint"), "{said}");
        }
    }
}

#[test]
fn a_script_that_keeps_gits_lines_to_itself_is_told() {
    let (repo, server) = server("pre-receive", &[]);
    let said = Keyscan::at(&server).args(["hook", "pre-receive"]).stdin("").run().code(2);
    drop(said.says("nothing was checked").says("hand on what it read"));
    // A push that has nothing to push is no mistake.
    drop(Keyscan::at(repo.path()).args(["hook", "pre-push", "origin"]).stdin("").run().code(0));
}

#[test]
fn who_runs_the_server_allows_with_a_file_beside_its_objects() {
    let token = github_token(739);
    let (repo, server) = server("pre-receive", &[]);
    repo.write("sample.txt", line(&token));
    drop(Keyscan::at(repo.path()).args(["baseline", "create", ".", "--reason", "made for a test"]).run().code(0));
    repo.commit("a sample, and a baseline that allows it");
    // What is pushed does not allow itself, and nobody is told that it would.
    let said = stopped(&repo, repo.path(), &["push", "-q", "origin", "main"]);
    assert!(said.contains("run the server") && !said.contains("baseline update"), "{said}");
    fs::copy(repo.path().join(".keyscan-baseline"), server.join(".keyscan-baseline")).unwrap();
    passes(&repo, repo.path(), &["push", "-q", "origin", "main"]);
}

#[test]
fn a_server_refuses_the_keys_that_it_has_issued() {
    let key = Rng::new(737).text(b"abcdefghijkmnpqrstuvwxyz23456789", 40);
    let lists = Repo::new();
    lists.write("issued.txt", format!("{} - batch job\n", sha256(&key)));
    let list = lists.path().join("issued.txt");
    let (repo, _server) = server("pre-receive", &["--inventory", list.to_str().unwrap()]);
    repo.write("a.txt", format!("see {key}\n"));
    repo.commit("a key without a shape");
    let said = stopped(&repo, repo.path(), &["push", "-q", "origin", "main"]);
    assert!(said.contains("batch job") && !said.contains(&key), "{said}");
    repo.write("a.txt", format!("see {}\n", Rng::new(738).text(b"abcdefghijkmnpqrstuvwxyz23456789", 40)));
    repo.git(["commit", "-q", "--amend", "-a", "-m", "none of ours"]);
    passes(&repo, repo.path(), &["push", "-q", "origin", "main"]);
}

#[test]
fn update_hook_over_file() {
    let (repo, server) = server("update", &[]);
    let token = github_token(734);
    repo.git(["branch", "good"]);
    repo.write("leak", line(&token));
    repo.commit("leak");
    let said = stopped(&repo, repo.path(), &["push", "-q", "origin", "good", "main"]);
    assert!(said.contains("this update"), "{said}");
    // Each ref is judged for itself.
    let refs = repo.git_in(&server, ["for-each-ref", "--format=%(refname)"]);
    assert_eq!(refs, "refs/heads/good\nrefs/heads/main");
    passes(&repo, repo.path(), &["push", "-q", "origin", "--delete", "good"]);
    repo.git(["tag", "-a", "v1", "-m", "fine", "HEAD~1"]);
    passes(&repo, repo.path(), &["push", "-q", "origin", "v1"]);
}

#[test]
fn a_time_limit_refuses_what_was_not_checked() {
    let (repo, server) = server("pre-receive", &["--time-limit", "100"]);
    repo.write("clean", "clean\n");
    repo.commit("clean");
    passes(&repo, repo.path(), &["push", "-q", "origin", "main"]);
    // A limit that is over when it begins.
    let hook = server.join("hooks/pre-receive");
    let text = fs::read_to_string(&hook).unwrap();
    assert!(text.contains("'--time-limit' '100'"), "{text}");
    fs::write(&hook, text.replace("'100'", "'0'")).unwrap();
    repo.write("clean", "more\n");
    repo.commit("more");
    let said = stopped(&repo, repo.path(), &["push", "-q", "origin", "main"]);
    for words in ["time limit was reached: 1 commit not scanned", "could not be checked", "--time-limit"] {
        assert!(said.contains(words), "does not say {words}:\n{said}");
    }
}

/// git's own daemon on loopback; it ends with the test.
struct Daemon(Child, u16);

impl Daemon {
    fn start(base: &Path) -> Option<Self> {
        // Started through `git`, it would be a child of that, and go on when that is ended.
        let programs = Command::new("git").arg("--exec-path").output().ok()?.stdout;
        let program = Path::new(std::str::from_utf8(&programs).ok()?.trim()).join("git-daemon");
        for _ in 0..5 {
            let port = std::net::TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
            let mut command = Command::new(&program);
            command.args(["--export-all", "--enable=receive-pack", "--listen=127.0.0.1", "--reuseaddr"]);
            command.arg(format!("--port={port}")).arg(format!("--base-path={}", base.display())).arg(base);
            command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", base);
            let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
            for _ in 0..100 {
                if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return Some(Self(child, port));
                }
                if child.try_wait().ok()?.is_some() {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        None
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn pre_receive_over_gits_own_daemon() {
    let (repo, server) = server("pre-receive", &[]);
    let Some(daemon) = Daemon::start(server.parent().unwrap()) else {
        println!("NOT TESTED: `git daemon` does not start here");
        return;
    };
    pushes(&repo, &server, &format!("git://127.0.0.1:{}/server.git", daemon.1));
}

// The pre-commit framework

#[test]
fn the_hook_file_for_pre_commit_says_what_exists() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(".pre-commit-hooks.yaml")).unwrap();
    let hooks: Vec<Value> = yaml_serde_value(&text);
    let ids: Vec<_> = hooks.iter().map(|h| h["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["keyscan", "keyscan-push", "keyscan-system", "keyscan-push-system"]);
    for hook in &hooks {
        let words: Vec<_> = hook["entry"].as_str().unwrap().split(' ').collect();
        assert_eq!(words[..2], ["keyscan", "hook"], "{hook}");
        drop(Keyscan::at(Path::new(".")).args(&words[1..]).arg("--help").run().code(0));
    }
}

fn yaml_serde_value(text: &str) -> Vec<Value> {
    serde_yaml::from_str(text).unwrap()
}
