//! A second scan goes on where the first one ended: it sees the same, and what it goes by holds no secret.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use keyscan::structure::Rng;

use crate::util::{Json, Keyscan, Repo, github_token, line, mint, overwrite, sha256, text};

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

fn all_records(cache: &Path) -> Vec<PathBuf> {
    let listing = fs::read_dir(cache).into_iter().flatten();
    let mut all: Vec<PathBuf> = listing.map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

fn records_of(cache: &Path, what: &str) -> Vec<PathBuf> {
    let is = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(what);
    all_records(cache).into_iter().filter(is).collect()
}

/// The records of packs.
fn records(cache: &Path) -> Vec<PathBuf> {
    records_of(cache, "keyscan-pack-")
}

/// The records of histories.
fn histories(cache: &Path) -> Vec<PathBuf> {
    records_of(cache, "keyscan-history-")
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
    // Other wishes for what is shown are met from the same record of the pack, and then from one of their own.
    for wish in [&["--confidence", "low"][..], &["--show-malformed", "--show-publishable"], &["-j1"]] {
        for _ in 0..2 {
            same(&repo.keyscan().args(wish).arg("--no-cache").json(1), &scan(&repo, &cache).args(wish).json(1));
        }
    }
    assert_eq!((records(&cache).len(), histories(&cache).len()), (1, 3));
}

/// Is any piece of a text that would help to guess a secret in these bytes: eight characters of it, its hash, its
/// fingerprint?
fn tells_of(bytes: &[u8], secret: &str, json: &Json) -> bool {
    let has = |piece: &[u8]| memchr::memmem::find(bytes, piece).is_some();
    let hash = sha256(secret);
    let fingerprint = text(&json.finding(secret)["fingerprint"]);
    let raw = |hex: &str| data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
    let crc = crc32fast::hash(secret.as_bytes());
    secret.as_bytes().windows(8).any(has)
        || has(&crc.to_le_bytes())
        || has(&crc.to_be_bytes())
        || [&hash, &fingerprint].into_iter().any(|hex| has(&hex.as_bytes()[..16]) || has(&raw(hex)[..8]))
}

#[test]
fn records_hold_no_secret_and_are_for_their_owner() {
    let token = github_token(9010);
    let repo = large(&token);
    let cache = repo.beside("cache");
    let json = scan(&repo, &cache).json(1);
    let of_pack = fs::read(&records(&cache)[0]).unwrap();
    let of_history = fs::read(&histories(&cache)[0]).unwrap();
    let ids = fs::read(&records_of(&cache, "keyscan-ids-")[0]).unwrap();
    // The names of files are in them, so this could be seen.
    assert!(memchr::memmem::find(&of_pack, b"file-77").is_some());
    assert!(memchr::memmem::find(&of_history, b"config").is_some());
    assert!(tells_of(&token.as_bytes()[4..24], &token, &json), "the test sees what it looks for");
    for bytes in [of_pack, of_history, ids] {
        assert!(!tells_of(&bytes, &token, &json));
    }
    assert_eq!(fs::metadata(&cache).unwrap().permissions().mode() & 0o777, 0o700);
    for record in all_records(&cache) {
        assert_eq!(fs::metadata(record).unwrap().permissions().mode() & 0o077, 0);
    }
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
        assert_eq!(all_records(&cache), [] as [PathBuf; 0]);
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
    // All in one pack again: another one, so another record of the history; the old one does no harm.
    repack(&repo);
    same(&repo.keyscan().arg("--no-cache").json(1), &scan(&repo, &cache).json(1));
    same(&repo.keyscan().arg("--no-cache").json(1), &scan(&repo, &cache).json(1));
    assert_eq!((records(&cache).len(), histories(&cache).len()), (1, 2));
}

/// Scans, and takes away the records of packs before: a scan from the start writes them again. Did this one go on from the
/// record of the history instead?
fn goes_on(repo: &Repo, cache: &Path) -> bool {
    records(cache).iter().for_each(|record| fs::remove_file(record).unwrap());
    same(&repo.keyscan().arg("--no-cache").json(1), &scan(repo, cache).json(1));
    records(cache).is_empty()
}

#[test]
fn packed_anew_is_no_first_scan() {
    let (token, second, third) = (github_token(9033), github_token(9034), github_token(9035));
    let repo = large(&token);
    let cache = repo.beside("cache");
    scan(&repo, &cache).json(1);
    assert!(goes_on(&repo, &cache));
    // Once with what is new, once with nothing new, and again with both what was new then and what is new now.
    for (path, token, how) in [
        ("dir-3/new", &second, &["repack", "-q", "-a", "-d"][..]),
        ("dir-3/new", &second, &["repack", "-q", "-a", "-d", "-f", "--depth=2"]),
        ("newer", &third, &["gc", "-q"]),
    ] {
        repo.write(path, format!("# {token}\n{}", line(token)));
        repo.git(["add", "."]);
        repo.git(["commit", "-q", "--allow-empty", "-m", "a commit"]);
        repo.git(how);
        assert_eq!(repo.git_files("objects/pack", "pack").len(), 1);
        assert!(goes_on(&repo, &cache), "{how:?}");
        assert!(goes_on(&repo, &cache), "{how:?} once more");
        assert!(scan(&repo, &cache).json(1).has(token));
    }
    // Damage in what came is not passed over.
    repo.write("newest", "nothing\n");
    repo.commit("newest");
    repack(&repo);
    let pack = &repo.git_files("objects/pack", "pack")[0];
    let mut bytes = fs::read(pack).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    overwrite(pack, &bytes);
    assert!(!scan(&repo, &cache).json(2).problems().is_empty());
}

#[test]
fn objects_that_are_gone_are_not_told_from_a_record() {
    let (token, other) = (github_token(9036), github_token(9037));
    let repo = large(&token);
    repo.write("other", line(&other));
    repo.commit("other");
    repack(&repo);
    let cache = repo.beside("cache");
    assert!(scan(&repo, &cache).json(1).has(&other));
    repo.git(["reset", "-q", "--hard", "HEAD~1"]);
    repo.git(["reflog", "expire", "--expire=all", "--all"]);
    repack(&repo);
    repo.git(["prune"]);
    assert!(!goes_on(&repo, &cache));
    assert!(!scan(&repo, &cache).json(1).has(&other));
    assert!(goes_on(&repo, &cache));
}

#[test]
fn several_repositories_go_on_from_their_records() {
    let (first, second) = (large(&github_token(9038)), large(&github_token(9039)));
    let password = mint("github-pat-classic", 9040)[4..20].to_owned();
    let broken = |token: &str| format!("{}{}", &token[..token.len() - 1], if token.ends_with('0') { '1' } else { '0' });
    // The same things, and things of the same kind and length, shown in one and only counted in the other.
    let texts = [
        format!("DB_PASSWORD=\"{password}\"\ntoken: {}\n", broken(&github_token(9041))),
        format!("example_password = '{password}'\ntoken: {}\n", broken(&github_token(9041))),
        format!("example_password = '{}'\ntoken: {}\n", &password[1..], broken(&github_token(9042))),
        format!("example_password = '{password}'\n{}", line(&github_token(9038))),
    ];
    for (repo, texts) in [(&first, &texts[..2]), (&second, &texts[1..])] {
        for (n, text) in texts.iter().enumerate() {
            repo.write(format!("settings-{n}.py"), text);
            repo.commit("settings");
        }
        repack(repo);
    }
    let cache = first.beside("cache");
    let both = || first.keyscan().args(["--history-only", "--format", "json"]).arg(second.path());
    let report = |run: Keyscan| {
        let run = run.env("SOURCE_DATE_EPOCH", "1790000000").run();
        (run.status.code(), String::from_utf8(run.stdout.clone()).unwrap())
    };
    for options in [&[][..], &["--confidence", "low"], &["--show-malformed"]] {
        let want = report(both().args(options).arg("--no-cache"));
        for _ in 0..3 {
            assert_eq!(want, report(both().args(options).arg("--cache-dir").arg(&cache)), "{options:?}");
        }
    }
    assert_eq!(histories(&cache).len(), 6);
    records(&cache).iter().for_each(|record| fs::remove_file(record).unwrap());
    report(both().arg("--cache-dir").arg(&cache));
    assert_eq!(records(&cache), [] as [PathBuf; 0], "both went on from the records of their histories");
}

/// Rows of options, each asked for twice: whatever is asked for, a scan with records tells what one without tells.
#[test]
fn whatever_is_asked_for_both_scans_tell_the_same() {
    let (token, gone) = (github_token(9051), github_token(9052));
    let repo = large(&token);
    let mut rng = Rng::new(9053);
    for n in 0..30 {
        let name = ["a.yaml", "b.js", "tests/c.env", "docs/d.md"][n % 4];
        repo.write(format!("dir-{n}/{name}"), something(&mut rng));
    }
    repo.write("many.env", (0..9).map(|n| line(&github_token(9060 + n))).collect::<String>());
    repo.write("gone.env", line(&gone));
    repo.commit("many things");
    repo.remove("gone.env");
    repo.commit("one less");
    repack(&repo);
    let cache = repo.beside("cache");
    let fingerprint = text(&repo.json(1).finding(&token)["fingerprint"]);
    let config = |name: &str, text: &str| {
        let path = repo.beside(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let allow = config("allow.yaml", &format!("allow:\n  - fingerprint: {fingerprint}\n    reason: made up\n"));
    let paths = config("paths.yaml", "ignore: ['tests/', 'many.env']\nconfidence: low\n");
    let rules = config("rules.yaml", "rules:\n  skip: [github]\nseverity: high\n");
    let by_path = config("by-path.yaml", "allow:\n  - path: 'gone.env'\n    reason: it is gone\n");
    drop(Keyscan::at(repo.path()).args(["baseline", "create", ".", "--reason", "made for a test"]).run().code(0));
    let baseline = repo.beside("baseline").to_str().unwrap().to_owned();
    fs::rename(repo.path().join(".keyscan-baseline"), &baseline).unwrap();
    let rows: &[&[&str]] = &[
        &[],
        &["--config", &allow],
        &["--config", &paths],
        &["--config", &rules],
        &["--config", &by_path],
        &["--baseline", &baseline],
        &["--baseline", &baseline, "--config", &paths],
        &["--no-repo-config"],
        &["--confidence", "low"],
        &["--confidence", "high"],
        &["--severity", "critical"],
        &["--explain", "--confidence", "low"],
        &["--show-malformed"],
        &["--show-publishable"],
        &["--max-per-file", "2"],
        &["--max-per-file", "0"],
        &["--only", "github"],
        &["--skip", "github"],
        &["--no-archives"],
        &["--decode-depth", "0"],
        &["--show-secrets"],
        &["--allow-incomplete"],
        &["-j1"],
    ];
    let check = |options: &[&str], when: &str| {
        for format in ["json", "text"] {
            for history in [&["--history-only"][..], &[]] {
                let report = |run: Keyscan| {
                    let run = run.args(history).args(options).args(["--format", format]);
                    let run = run.env("SOURCE_DATE_EPOCH", "1790000000").run();
                    (run.status.code(), String::from_utf8(run.stdout.clone()).unwrap())
                };
                let want = report(repo.keyscan().arg("--no-cache"));
                assert_eq!(want, report(scan(&repo, &cache)), "{options:?} {history:?} {format} {when}");
            }
        }
    };
    for row in rows.iter().chain(rows.iter().rev()) {
        check(row, "as it is");
    }
    // What the repository itself says changes, too.
    for (name, text) in [
        (".keyscan.yaml", fs::read_to_string(&allow).unwrap()),
        (".keyscan.yaml", fs::read_to_string(&paths).unwrap()),
        (".keyscan.yaml", String::new()),
    ] {
        repo.write(name, text);
        check(&[], name);
        check(&["--no-repo-config"], name);
    }
}

#[test]
fn damaged_and_foreign_records_are_none() {
    let (token, other) = (github_token(9040), github_token(9041));
    let repo = large(&token);
    let cache = repo.beside("cache");
    let want = scan(&repo, &cache).json(1);
    let all = all_records(&cache);
    assert_eq!(all.len(), 3);
    let good: Vec<Vec<u8>> = all.iter().map(|record| fs::read(record).unwrap()).collect();
    let restore = || all.iter().zip(&good).for_each(|(record, good)| fs::write(record, good).unwrap());
    for (record, good) in all.iter().zip(&good) {
        for at in (0..good.len()).step_by(good.len() / 20) {
            let mut bad = good.clone();
            bad[at] ^= 0x55;
            for bad in [&bad[..], &good[..at]] {
                overwrite(record, bad);
                same(&want, &scan(&repo, &cache).json(1));
                restore();
            }
        }
    }
    // The records of another repository in their place, with right checksums.
    let second = large(&other);
    let elsewhere = second.beside("cache");
    scan(&second, &elsewhere).json(1);
    for (record, foreign) in all.iter().zip(all_records(&elsewhere)) {
        fs::copy(foreign, record).unwrap();
        same(&want, &scan(&repo, &cache).json(1));
    }
}

/// Gives a record a right checksum again.
fn seal(record: &mut [u8]) {
    let body = record.len() - 4;
    let sum = crc32fast::hash(&record[..body]);
    record[body..].copy_from_slice(&sum.to_le_bytes());
}

#[test]
fn records_that_say_nonsense_are_none() {
    let token = github_token(9045);
    let repo = large(&token);
    let cache = repo.beside("cache");
    let want = scan(&repo, &cache).json(1);
    let [record] = &histories(&cache)[..] else { panic!("one record") };
    let good = fs::read(record).unwrap();
    // What is said of places cannot be checked, so the result may be another one; but it is one.
    for at in (48..good.len() - 4).step_by(good.len() / 60) {
        let mut bad = good.clone();
        bad[at] ^= 0x15;
        seal(&mut bad);
        overwrite(record, &bad);
        let code = scan(&repo, &cache).arg("--quiet").run().status.code();
        assert!(matches!(code, Some(0..=2)), "{at}: {code:?}");
    }
    overwrite(record, &good);
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
        assert_eq!(all_records(&cache), [] as [PathBuf; 0]);
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
    assert_eq!((records(&cache).len(), histories(&cache).len()), (1, 1));
    assert!(first.problems().iter().any(|p| p.contains("partial clone")), "{}", first.story);
    same(&first, &second);
    // What was missing came.
    repo.git_in(&clone, ["-c", "maintenance.auto=false", "fetch", "-q", "--refetch", "--no-filter"]);
    let fresh = || Keyscan::at(&clone).args(["--history-only", ".", "--no-cache"]).json(1);
    let run = || Keyscan::at(&clone).args(["--history-only", ".", "--cache-dir"]).arg(&cache).json(1);
    same(&fresh(), &run());
    same(&fresh(), &run());
}

/// Rows of what is done to a repository, and what a scan of it with a record must see as one without.
#[test]
fn whatever_happens_to_a_repository_both_scans_see_the_same() {
    let rounds = std::env::var("KEYSCAN_GROWTH_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(24);
    let seed = std::env::var("KEYSCAN_GROWTH_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(7);
    let mut rng = Rng::new(seed);
    let repo = large(&github_token(9100));
    let cache = repo.beside("cache");
    let check = |step: &str| {
        for options in [&["--history-only"][..], &[], &["--history-only", "--confidence", "low"]] {
            let report = |run: Keyscan| {
                let run = run.args(options).args(["--format", "json"]).env("SOURCE_DATE_EPOCH", "1790000000").run();
                (run.status.code(), String::from_utf8(run.stdout.clone()).unwrap(), run.story())
            };
            let (want, found) = (report(repo.keyscan().arg("--no-cache")), report(scan(&repo, &cache)));
            assert_eq!((want.0, want.1), (found.0, found.1), "seed {seed}, {step}, {options:?}\n{}", found.2);
        }
    };
    check("at first");
    for round in 0..rounds {
        let step = grow(&repo, &mut rng, round);
        check(&format!("round {round}: {step}"));
    }
}

/// Something that is or is not a secret, in a few kinds.
fn something(rng: &mut Rng) -> Vec<u8> {
    let seed = 9_200 + rng.next() % 6;
    let token = github_token(seed);
    let broken = format!("{}{}", &token[..token.len() - 1], if token.ends_with('0') { '1' } else { '0' });
    let indent = " ".repeat((rng.next() % 4) as usize);
    let password = mint("github-pat-classic", seed)[4..20].to_owned();
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    match rng.next() % 9 {
        0 => line(&token).into_bytes(),
        1 => format!("{indent}token: {token} # keyscan:allow made up\n").into_bytes(),
        2 => format!("{indent}token: {broken}\n").into_bytes(),
        3 => format!("{indent}DB_PASSWORD=\"{password}\"\n").into_bytes(),
        4 => format!("example_password = '{password}'\n").into_bytes(),
        5 => format!("data: {}\n", data_encoding::BASE64.encode(line(&token).as_bytes())).into_bytes(),
        6 => [b"\xff\xfe".to_vec(), wide(&line(&token))].concat(),
        7 => [b"\0\x01binary ".to_vec(), token.into_bytes(), b"\0".to_vec()].concat(),
        _ => format!("{indent}{token} {broken} # keyscan:allow no-such-rule\n{}", line(&token)).into_bytes(),
    }
}

/// Does something to a repository; tells what.
fn grow(repo: &Repo, rng: &mut Rng, round: usize) -> &'static str {
    let path =
        format!("dir-{}/{}", rng.next() % 3, ["a.yaml", "b.js", "tests/c.env", "d.bin"][(rng.next() % 4) as usize]);
    let quietly = |args: &[&str]| {
        repo.try_git(repo.path(), args);
    };
    match rng.next() % 14 {
        0..=3 => {
            let mut content = fs::read(repo.path().join(&path)).unwrap_or_default();
            content.extend(something(rng));
            repo.write(&path, content);
            repo.commit("more");
            "something was added"
        }
        4 => {
            quietly(&["rm", "-q", "-f", "--ignore-unmatch", &path]);
            repo.commit("less");
            "a file was removed"
        }
        5 => {
            quietly(&["mv", "-f", &path, &format!("moved-{round}")]);
            repo.commit("elsewhere");
            "a file was moved"
        }
        6 => {
            repo.commit(&String::from_utf8_lossy(&something(rng)).replace('\0', "."));
            "a message was written"
        }
        7 => {
            quietly(&["tag", "-f", "-a", "-m", "a tag", &format!("v{}", rng.next() % 3)]);
            quietly(&["branch", "-f", &format!("b{}", rng.next() % 3)]);
            "refs came"
        }
        8 => {
            quietly(&["branch", "-D", "b0", "b1"]);
            quietly(&["tag", "-d", "v0"]);
            "refs went"
        }
        9 => {
            quietly(&["checkout", "-q", "-f", "-B", "side", "HEAD~2"]);
            repo.write(&path, something(rng));
            repo.commit("on the side");
            quietly(&["checkout", "-q", "-f", "main"]);
            quietly(&["merge", "-q", "-X", "theirs", "-m", "merged", "side"]);
            quietly(&["merge", "--abort"]);
            "branches were merged"
        }
        10 => {
            repo.git(["repack", "-q", "-d"]);
            "new objects were packed"
        }
        11 => {
            repack(repo);
            "all was packed"
        }
        12 => {
            repo.git(["reset", "-q", "--hard", "HEAD~1"]);
            repo.git(["reflog", "expire", "--expire=all", "--all"]);
            repo.git(["gc", "-q", "--prune=now"]);
            "commits were dropped"
        }
        _ => {
            repo.write(&path, something(rng));
            quietly(&["stash", "-q"]);
            "something was stashed"
        }
    }
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
    assert_eq!(all_records(&cache).len(), 3, "nothing half written is left");
}

#[test]
fn a_cache_that_cannot_be_written_is_no_failure() {
    let token = github_token(9090);
    let repo = large(&token);
    let file = repo.beside("file");
    fs::write(&file, "no directory").unwrap();
    same(&repo.keyscan().arg("--no-cache").json(1), &scan(&repo, &file.join("cache")).json(1));
}
