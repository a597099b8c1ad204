//! A second scan goes on where the first one ended: it sees the same, and what it goes by holds no secret.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::util::{Json, Keyscan, Repo, github_token, line, overwrite, text};

/// A repository with so many objects in one pack that it gets a record; a token came and went.
fn large(token: &str) -> Repo {
    let repo = Repo::new();
    for n in 0..1_100 {
        repo.write(format!("dir-{}/file-{n}", n % 50), format!("file {n}\n"));
    }
    repo.write("config", format!("# {token}\n{}", line(token)));
    repo.commit("add config");
    repo.remove("config");
    repo.commit("remove config");
    repack(&repo);
    repo
}

fn repack(repo: &Repo) {
    repo.git(["repack", "-q", "-a", "-d"]);
}

fn scan(repo: &Repo, cache: &Path) -> Keyscan {
    repo.keyscan().arg("--cache-dir").arg(cache)
}

fn records(cache: &Path) -> Vec<PathBuf> {
    let listing = fs::read_dir(cache).into_iter().flatten();
    let mut all: Vec<PathBuf> = listing.map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

#[track_caller]
fn same(one: &Json, other: &Json) {
    assert_eq!(one.value, other.value, "{}", other.story);
}

#[test]
fn a_second_scan_sees_the_same() {
    let token = github_token(9000);
    let repo = large(&token);
    let cache = repo.beside("cache");
    let without = repo.keyscan().arg("--no-cache").json(1);
    assert!(!cache.exists());
    same(&without, &scan(&repo, &cache).json(1));
    assert_eq!(records(&cache).len(), 1);
    same(&without, &scan(&repo, &cache).json(1));
    assert_eq!(text(&without.finding(&token)["life"]["first"]["summary"]), "add config");
    // Other wishes for what is shown are met from the same record.
    for wish in [&["--confidence", "low"][..], &["--show-malformed", "--show-publishable"], &["-j1"]] {
        same(&repo.keyscan().args(wish).arg("--no-cache").json(1), &scan(&repo, &cache).args(wish).json(1));
    }
    assert_eq!(records(&cache).len(), 1);
}

#[test]
fn records_hold_no_secret_and_are_for_their_owner() {
    let token = github_token(9010);
    let repo = large(&token);
    let cache = repo.beside("cache");
    scan(&repo, &cache).json(1);
    let [record] = &records(&cache)[..] else { panic!("one record") };
    let bytes = fs::read(record).unwrap();
    // The names of files are in it, so this could be seen.
    assert!(memchr::memmem::find(&bytes, b"file-77").is_some());
    assert!(memchr::memmem::find(&bytes, token.as_bytes()).is_none());
    assert_eq!(fs::metadata(&cache).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(record).unwrap().permissions().mode() & 0o077, 0);
}

#[test]
fn a_secret_in_a_name_gets_no_record() {
    let (token, name) = (github_token(9020), github_token(9021));
    let repo = large(&token);
    repo.write(format!("backup-{name}"), "x\n");
    repo.commit("backup");
    repo.remove(&format!("backup-{name}"));
    repo.commit("no backup");
    repack(&repo);
    let cache = repo.beside("cache");
    for _ in 0..2 {
        assert!(scan(&repo, &cache).json(1).has(&name));
        assert_eq!(records(&cache), [] as [PathBuf; 0]);
    }
}

#[test]
fn what_came_since_is_scanned() {
    let (token, new, loose) = (github_token(9030), github_token(9031), github_token(9032));
    let repo = large(&token);
    let cache = repo.beside("cache");
    scan(&repo, &cache).json(1);
    repo.write("dir-3/new", line(&new));
    repo.commit("new");
    repo.git(["repack", "-q", "-d"]);
    repo.write("loose", line(&loose));
    repo.write("again", format!("# {token}\n{}", line(&token)));
    repo.commit("loose");
    let json = scan(&repo, &cache).json(1);
    assert!(json.has(&token) && json.has(&new) && json.has(&loose), "{}", json.story);
    same(&repo.keyscan().arg("--no-cache").json(1), &json);
    // All in one pack again: another one, so another record; the old one does no harm.
    repack(&repo);
    same(&repo.keyscan().arg("--no-cache").json(1), &scan(&repo, &cache).json(1));
    same(&repo.keyscan().arg("--no-cache").json(1), &scan(&repo, &cache).json(1));
    assert_eq!(records(&cache).len(), 2);
}

#[test]
fn damaged_and_foreign_records_are_none() {
    let (token, other) = (github_token(9040), github_token(9041));
    let repo = large(&token);
    let cache = repo.beside("cache");
    let want = scan(&repo, &cache).json(1);
    let [record] = &records(&cache)[..] else { panic!("one record") };
    let good = fs::read(record).unwrap();
    for at in (0..good.len()).step_by(good.len() / 40) {
        let mut bad = good.clone();
        bad[at] ^= 0x55;
        overwrite(record, &bad);
        same(&want, &scan(&repo, &cache).json(1));
        overwrite(record, &good[..at]);
        same(&want, &scan(&repo, &cache).json(1));
    }
    // The record of another repository in its place, with a right checksum.
    let second = large(&other);
    let elsewhere = second.beside("cache");
    scan(&second, &elsewhere).json(1);
    fs::copy(&records(&elsewhere)[0], record).unwrap();
    same(&want, &scan(&repo, &cache).json(1));
}

#[test]
fn other_rules_and_options_have_other_records() {
    let token = github_token(9050);
    let repo = large(&token);
    let cache = repo.beside("cache");
    let rules = repo.beside("rules.yaml");
    let own = "provider: Acme\nrotate:\n  revoke: https://acme.example/keys\n  docs: https://acme.example/docs\n  steps:\n    - Make a new one.\n\
        rules:\n  - id: acme-key\n    name: Acme key\n    format: \"acme_{body:base62:32}\"\n    severity: high\n    grants: everything\n";
    fs::write(&rules, own).unwrap();
    scan(&repo, &cache).json(1);
    for options in [&["--decode-depth", "2"][..], &["--no-archives"], &["--rules", rules.to_str().unwrap()]] {
        let before = records(&cache).len();
        scan(&repo, &cache).args(options).run();
        assert_eq!(records(&cache).len(), before + 1, "{options:?}");
    }
    // These look for less, so they could not tell which names hold a secret.
    let before = records(&cache).len();
    for options in [&["--only", "github"][..], &["--skip", "slack"], &["--plain"], &["--no-history"]] {
        scan(&repo, &cache).args(options).run();
    }
    assert_eq!(records(&cache).len(), before);
}

#[test]
fn a_damaged_pack_is_told_each_time() {
    let token = github_token(9060);
    let repo = large(&token);
    let cache = repo.beside("cache");
    let pack = &repo.git_files("objects/pack", "pack")[0];
    let mut bytes = fs::read(pack).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    overwrite(pack, &bytes);
    for _ in 0..2 {
        let json = scan(&repo, &cache).json(2);
        assert!(!json.problems().is_empty(), "{}", json.story);
        assert_eq!(records(&cache), [] as [PathBuf; 0]);
    }
}

#[test]
fn a_partial_clone_is_told_each_time() {
    let token = github_token(9070);
    let repo = large(&token);
    repo.write("big", "a line of a large file\n".repeat(1_000));
    repo.commit("a large file");
    repo.git(["config", "uploadpack.allowFilter", "true"]);
    let clone = repo.beside("clone");
    let url = format!("file://{}", repo.path().display());
    repo.git(["clone", "-q", "--no-checkout", "--filter=blob:limit=9k", &url, clone.to_str().unwrap()]);
    let cache = repo.beside("cache");
    let run = || Keyscan::at(&clone).args(["--history-only", ".", "--cache-dir"]).arg(&cache).json(2);
    let (first, second) = (run(), run());
    assert_eq!(records(&cache).len(), 1);
    assert!(first.problems().iter().any(|p| p.contains("partial clone")), "{}", first.story);
    same(&first, &second);
}

#[test]
fn runs_at_the_same_time_do_not_disturb_each_other() {
    let token = github_token(9080);
    let repo = large(&token);
    let cache = repo.beside("cache");
    let want: Value = repo.keyscan().arg("--no-cache").json(1).value;
    let found: Vec<Value> = std::thread::scope(|scope| {
        let runs: Vec<Keyscan> = (0..4).map(|_| scan(&repo, &cache)).collect();
        let runs: Vec<_> = runs.into_iter().map(|run| scope.spawn(|| run.json(1).value)).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert!(found.iter().all(|value| *value == want));
    assert_eq!(records(&cache).len(), 1, "nothing half written is left");
}

#[test]
fn a_cache_that_cannot_be_written_is_no_failure() {
    let token = github_token(9090);
    let repo = large(&token);
    let file = repo.beside("file");
    fs::write(&file, "no directory").unwrap();
    same(&repo.keyscan().arg("--no-cache").json(1), &scan(&repo, &file.join("cache")).json(1));
}
