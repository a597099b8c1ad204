//! Files: which are read, how they are decoded, where a finding stands.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::util::{Json, Keyscan, Repo, github_token, kinds, line, mint, paths, scan_file, text, texts, write};

/// Line and column of the only place of a secret.
#[track_caller]
fn place(json: &Json, secret: &str) -> (u64, u64) {
    let occurrences = json.finding(secret)["occurrences"].as_array().unwrap();
    assert_eq!(occurrences.len(), 1, "{}", json.story);
    let position = &occurrences[0]["position"];
    (position["line"].as_u64().unwrap(), position["column"].as_u64().unwrap())
}

#[test]
fn tracked_though_ignored_is_scanned() {
    let (tracked, ignored, untracked) = (github_token(100), github_token(101), github_token(102));
    let repo = Repo::new();
    repo.write(".gitignore", "*.env\nbuild/\n");
    repo.write("prod.env", line(&tracked));
    repo.write("build/kept", line(&github_token(103)));
    repo.git(["add", "--force", ".gitignore", "prod.env", "build/kept"]);
    repo.commit_staged("force");
    repo.write("dev.env", line(&ignored));
    repo.write("new", line(&untracked));
    let json = repo.keyscan().arg("--no-history").json(1);
    assert_eq!(paths(json.finding(&tracked)), ["prod.env"]);
    assert_eq!(paths(json.finding(&github_token(103))), ["build/kept"]);
    assert!(json.has(&untracked) && !json.has(&ignored), "{}", json.story);
    let json = repo.keyscan().args(["--no-history", "--no-ignore"]).json(1);
    assert!(json.has(&ignored), "{}", json.story);
    assert_eq!(json.findings().len(), 4);
}

#[test]
fn files_named_in_git_info_exclude_are_ignored_unless_asked_for() {
    let token = github_token(104);
    let repo = Repo::new();
    repo.commit("first");
    repo.write(".git/info/exclude", "local\n");
    repo.write("local", line(&token));
    repo.json(0);
    assert!(repo.keyscan().arg("--no-ignore").json(1).has(&token));
}

#[test]
fn hidden_files_are_scanned() {
    let token = github_token(105);
    let json = scan_file(".config/.env", line(&token), 1);
    assert_eq!(paths(json.finding(&token)), [".config/.env"]);
}

#[test]
fn an_ignore_file_of_another_tool_hides_nothing() {
    let token = github_token(106);
    let room = TempDir::new().unwrap();
    write(room.path(), ".ignore", "*\n");
    write(room.path(), ".rgignore", "*\n");
    write(room.path(), "a", line(&token));
    Keyscan::at(room.path()).arg(".").json(1).finding(&token);
}

#[test]
fn encodings_and_line_ends() {
    let token = github_token(110);
    let source = format!("eins\nzwei äöü ß = \"{token}\" # …\ndrei\n");
    let utf16 = |unit: fn(u16) -> [u8; 2], mark: bool, text: &str| -> Vec<u8> {
        let mark: &[u16] = if mark { &[0xfeff] } else { &[] };
        mark.iter().copied().chain(text.encode_utf16()).flat_map(unit).collect()
    };
    let cases: &[(&str, Vec<u8>, &[&str])] = &[
        ("LF", source.clone().into_bytes(), &[]),
        ("CRLF", source.replace('\n', "\r\n").into_bytes(), &[]),
        ("UTF-8 with BOM", format!("\u{feff}{source}").into_bytes(), &[]),
        ("UTF-16LE with BOM", utf16(u16::to_le_bytes, true, &source), &["utf-16le"]),
        ("UTF-16LE without", utf16(u16::to_le_bytes, false, &source), &["utf-16le"]),
        ("UTF-16BE with BOM", utf16(u16::to_be_bytes, true, &source), &["utf-16be"]),
        ("UTF-16BE without", utf16(u16::to_be_bytes, false, &source), &["utf-16be"]),
        ("UTF-16LE with CRLF", utf16(u16::to_le_bytes, true, &source.replace('\n', "\r\n")), &["utf-16le"]),
        ("no final newline", source.trim_end_matches("\ndrei\n").as_bytes().to_vec(), &[]),
    ];
    for (name, bytes, via) in cases {
        let json = scan_file("file", bytes, 1);
        assert_eq!(place(&json, &token), (2, 15), "{name}\n{}", json.story);
        let occurrence = &json.finding(&token)["occurrences"][0];
        assert_eq!(texts(&occurrence["via"]), *via, "{name}");
        assert_eq!(occurrence["binary"], false, "{name}");
        let shown = text(&occurrence["excerpt"]["text"]);
        assert!(shown.starts_with("zwei äöü ß = \"ghp_") && !shown.contains('\r'), "{name}: {shown}");
    }
}

#[test]
fn a_byte_order_mark_is_no_column() {
    let token = github_token(111);
    for mark in ["", "\u{feff}"] {
        let json = scan_file("file", format!("{mark}{token}\n"), 1);
        assert_eq!(place(&json, &token), (1, 1), "{mark:?}\n{}", json.story);
        let position = &json.finding(&token)["occurrences"][0]["position"];
        assert_eq!(position["end_column"], 41, "just after the last character");
        assert_eq!(position["offset"], mark.len());
    }
}

#[test]
fn nothing_but_a_token() {
    let token = github_token(112);
    let json = scan_file("file", &token, 1);
    assert_eq!(place(&json, &token), (1, 1));
}

#[test]
fn an_empty_file_is_clean() {
    let json = scan_file("file", "", 0);
    assert_eq!(json.count("files"), 1);
}

#[test]
fn one_line_of_fifty_megabytes() {
    let (token, last) = (github_token(113), github_token(114));
    let words = "lorem ipsum dolor sit amet ".repeat(25_000_000 / 27);
    // A run of token characters that never ends, which looks random.
    let run = "aB3xY9".repeat(25_000_000 / 6);
    let json = scan_file("large", format!("{words}'{token}' {run} '{last}'"), 1);
    assert_eq!(place(&json, &token), (1, words.len() as u64 + 2));
    json.finding(&last);
    // The line is not shown whole.
    assert!(text(&json.finding(&token)["occurrences"][0]["excerpt"]["text"]).len() < 400);
    assert!(json.count("file_bytes") > 49_000_000);
}

#[test]
fn a_binary_file_is_scanned() {
    let token = github_token(115);
    let bytes = [b"\x7fELF\0\0\x01\x02\0".as_slice(), &[0; 64], token.as_bytes(), b"\0\0\xff\xfe\n"].concat();
    let json = scan_file("program", &bytes, 1);
    let occurrence = &json.finding(&token)["occurrences"][0];
    assert_eq!(occurrence["binary"], true);
    assert_eq!(occurrence["position"]["offset"], 73);
    assert_eq!(occurrence["position"]["line"], Value::Null);
    assert_eq!(occurrence["excerpt"], Value::Null);
}

#[test]
fn strange_file_names() {
    let room = TempDir::new().unwrap();
    let names: [&[u8]; 6] =
        [b"with space", b"new\nline", b"latin\xe9", b"-dash", b"esc\x1b[31mred", "ünï\u{202e}code".as_bytes()];
    for (n, name) in names.iter().enumerate() {
        fs::write(room.path().join(OsStr::from_bytes(name)), line(&github_token(120 + n as u64))).unwrap();
    }
    let json = Keyscan::at(room.path()).arg(".").json(1);
    for (n, name) in names.iter().enumerate() {
        let finding = json.finding(&github_token(120 + n as u64));
        let path = &finding["occurrences"][0]["paths"][0];
        match std::str::from_utf8(name) {
            Ok(utf8) => assert_eq!(path["path"], utf8),
            // base64 of the raw bytes
            Err(_) => assert_eq!(path["path_base64"], "bGF0aW7p", "{path}"),
        }
    }
    // On a terminal no name can move the cursor or hide the rest of the line.
    let out = Keyscan::at(room.path()).arg(".").run().code(1);
    let shown = out.text();
    assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'), "{}", out.story());
    assert!(!shown.contains("new\nline"), "{}", out.story());
    Keyscan::at(room.path()).args([".", "--format", "sarif"]).run().code(1);
}

#[test]
fn strange_file_names_in_history() {
    let repo = Repo::new();
    for (n, name) in [b"new\nline".as_slice(), b"latin\xe9", b"tab\tand\"quote"].iter().enumerate() {
        repo.write(OsStr::from_bytes(name), line(&github_token(130 + n as u64)));
    }
    repo.commit("add");
    repo.git(["rm", "-q", "-r", "."]);
    repo.commit("remove");
    let json = repo.json(1);
    let path = |n: u64| json.finding(&github_token(130 + n))["occurrences"][0]["paths"][0].clone();
    assert_eq!(path(0)["path"], "new\nline");
    assert_eq!(path(1)["path_base64"], "bGF0aW7p");
    assert_eq!(path(2)["path"], "tab\tand\"quote");
    assert_eq!(json.finding(&github_token(131))["life"]["removed"][0]["path"]["path_base64"], "bGF0aW7p");
}

#[test]
fn symbolic_links_are_not_followed() {
    let (token, outside) = (github_token(140), github_token(141));
    let room = TempDir::new().unwrap();
    write(room.path(), "elsewhere/secret", line(&outside));
    let root = room.path().join("root");
    write(&root, "a", line(&token));
    symlink(".", root.join("loop")).unwrap();
    symlink("two", root.join("one")).unwrap();
    symlink("one", root.join("two")).unwrap();
    symlink("../elsewhere/secret", root.join("out")).unwrap();
    let json = Keyscan::at(&root).arg(".").json(1);
    assert_eq!(kinds(json.finding(&token)), ["file"], "found once\n{}", json.story);
    assert!(!json.has(&outside));
    assert_eq!(json.skipped(), ["4 symbolic links"], "{}", json.story);
}

#[test]
fn a_symbolic_link_given_as_an_argument_is_followed() {
    let token = github_token(142);
    let room = TempDir::new().unwrap();
    write(room.path(), "real/a", line(&token));
    symlink("real", room.path().join("link")).unwrap();
    Keyscan::at(room.path()).arg("link").json(1).finding(&token);
    symlink("real/a", room.path().join("file")).unwrap();
    Keyscan::at(room.path()).arg("file").json(1).finding(&token);
    // A broken one cannot be read.
    symlink("nowhere", room.path().join("broken")).unwrap();
    Keyscan::at(room.path()).arg("broken").run().code(2);
}

#[test]
fn pipes_are_left_out_and_told() {
    let token = github_token(143);
    let room = TempDir::new().unwrap();
    write(room.path(), "a", line(&token));
    let made = Command::new("mkfifo").arg(room.path().join("pipe")).status().unwrap();
    assert!(made.success());
    let json = Keyscan::at(room.path()).arg(".").json(1);
    json.finding(&token);
    assert_eq!(json.skipped(), ["1 sockets, pipes and devices"]);
}

/// What cannot be read as an ignore file, or would take gigabytes, stops nothing and hides nothing.
#[test]
fn ignore_files_that_cannot_be_used_hide_nothing() {
    use std::os::unix::fs::symlink;
    type Make = fn(&Path);
    let pipe: Make = |path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    let endless: Make = |path| symlink("/dev/zero", path).unwrap();
    let long: Make = |path| fs::write(path, "out/*.o\nhidden\n".repeat(50_000)).unwrap();
    for (n, (at, make)) in (160..).zip([
        (".gitignore", pipe),
        (".gitignore", endless),
        (".gitignore", long),
        ("sub/.gitignore", pipe),
        ("sub/.gitignore", long),
        (".git/info/exclude", pipe),
    ]) {
        let token = github_token(n);
        let repo = Repo::new();
        repo.write("sub/hidden", line(&token));
        let file = repo.path().join(at);
        let _ = fs::remove_file(&file);
        make(&file);
        let json = repo.json(1);
        json.finding(&token);
        let notes = texts(&json.value["receipt"]["notes"]);
        assert!(notes.len() == 1 && notes[0].contains(at) && notes[0].contains("is not used"), "{at}: {notes:?}");
    }
}

/// Each is short enough; a chain of them is not.
#[test]
fn ignore_files_are_added_up_along_directories() {
    let token = github_token(167);
    let repo = Repo::new();
    let mut directory = String::new();
    for _ in 0..4 {
        directory.push_str("d/");
        repo.write(format!("{directory}.gitignore"), "hidden/*.c\n".repeat(20_000));
    }
    repo.write(format!("{directory}hidden/x.c"), line(&token));
    let json = repo.json(1);
    json.finding(&token);
    let notes = texts(&json.value["receipt"]["notes"]);
    assert!(notes.len() == 1 && notes[0].contains("everything in d/d/d is scanned"), "{notes:?}");
}

#[test]
fn a_bare_repository_further_down_is_named() {
    let repo = Repo::new();
    repo.write("a", "a\n");
    repo.commit("first");
    let inside = repo.path().join("store/mirror.git");
    repo.git(["clone", "-q", "--bare", ".", inside.to_str().unwrap()]);
    let skipped = repo.json(0).skipped();
    assert!(skipped.iter().any(|s| s.starts_with("1 history of store/mirror.git ")), "{skipped:?}");
}

#[test]
fn an_unreadable_file_is_named_and_makes_the_scan_incomplete() {
    use std::os::unix::fs::PermissionsExt;
    let token = github_token(144);
    let room = TempDir::new().unwrap();
    write(room.path(), "a", line(&token));
    write(room.path(), "locked", "x");
    fs::set_permissions(room.path().join("locked"), fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(room.path().join("locked")).is_ok() {
        eprintln!("left out: root may read everything");
        return;
    }
    let json = Keyscan::at(room.path()).arg(".").json(2);
    json.finding(&token);
    assert!(json.problems()[0].contains("locked"), "{}", json.story);
}

/// A regular file that nobody can read from its start, not even root.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_fails_while_it_is_read_makes_the_scan_incomplete() {
    let token = github_token(145);
    let room = TempDir::new().unwrap();
    write(room.path(), "a", line(&token));
    let json = Keyscan::at(room.path()).args(["a", "/proc/self/mem"]).json(2);
    json.finding(&token);
    assert!(json.problems()[0].contains("/proc/self/mem"), "{}", json.story);
}

#[test]
fn standard_input() {
    let token = github_token(146);
    let json = Keyscan::at(std::env::temp_dir().as_path()).arg("-").stdin(format!("\n  {token}")).json(1);
    assert_eq!(kinds(json.finding(&token)), ["stdin"]);
    assert_eq!(place(&json, &token), (2, 3));
    assert_eq!(json.finding(&token)["in_tree"], true);
    Keyscan::at(std::env::temp_dir().as_path()).arg("-").json(0);
}

#[test]
fn a_file_given_by_name() {
    let token = github_token(147);
    let repo = Repo::new();
    repo.write(".gitignore", "*\n");
    repo.write("dir/ignored.env", line(&token));
    // Named files are read even if they are ignored.
    let json = Keyscan::at(repo.path()).arg("dir/ignored.env").json(1);
    assert_eq!(paths(json.finding(&token)), ["dir/ignored.env"]);
    // Several paths make one report.
    repo.write("other", line(&github_token(148)));
    let json = Keyscan::at(repo.path()).args(["dir/ignored.env", "other"]).json(1);
    assert!(json.has(&token) && json.has(&github_token(148)));
    assert_eq!(json.count("files"), 2);
}

#[test]
fn two_tokens_without_anything_between() {
    let (one, two, three) = (github_token(150), github_token(151), github_token(152));
    let json = scan_file("file", format!("{one}{two}{three}\n"), 1);
    assert_eq!(place(&json, &one), (1, 1));
    assert_eq!(place(&json, &two), (1, 41));
    assert_eq!(place(&json, &three), (1, 81));
}

#[test]
fn what_stands_around_a_token() {
    // One with a checksum, and one that only its shape gives away.
    for (rule, seed) in [("github-pat-classic", 160), ("digitalocean-pat", 161), ("stripe-secret-key", 162)] {
        let token = mint(rule, seed);
        let spaced = |before: &str, after: &str| format!("{before}{token}{after}\n");
        let cases = [
            ("URL query", spaced("https://api.example.com/v1?user=1&access_token=", "&page=2")),
            ("URL user", spaced("https://ann:", "@example.com/x.git")),
            ("URL user without password", spaced("https://", ":x-oauth-basic@example.com/x.git")),
            ("header", spaced("Authorization: token ", "\r")),
            ("bearer", spaced("curl -H 'Authorization: Bearer ", "' https://example.com")),
            ("JSON", spaced("{\"token\":\"", "\",\"next\":1}")),
            ("JSON with escaped lines", spaced("{\"text\":\"first\\n", "\\nlast\"}")),
            ("JSON with escaped tab and quote", spaced("{\"text\":\"\\t\\\"", "\\\"\"}")),
            ("JSON with unicode escapes", spaced("{\"text\":\"a\\u0022", "\\u0022\"}")),
            ("shell, single quotes", spaced("export TOKEN='", "'")),
            ("shell, double quotes", spaced("export TOKEN=\"", "\"; run")),
            ("shell, bare", spaced("export TOKEN=", "")),
            ("shell, option", spaced("run --token=", " --verbose")),
            ("percent-encoded quotes", spaced("q=%22", "%22&x")),
            ("percent-encoded equals sign", spaced("redirect=%2F%3Ftoken%3D", "%26x%3D1")),
            ("HTML entities", spaced("<p>&quot;", "&quot;</p>")),
            ("HTML numeric entities", spaced("<p>&#39;", "&#39;</p>")),
            ("HTML attribute", spaced("<input value=", ">")),
            ("XML element", spaced("<token>", "</token>")),
            ("markdown code", spaced("use `", "` here")),
            ("markdown bold", spaced("**", "**")),
            ("markdown link", spaced("[x](", ")")),
            ("markdown table", spaced("|a|", "|b|")),
            ("YAML", spaced("token: ", "")),
            ("YAML list", spaced("- ", " # why")),
            ("INI", spaced("token=", ";")),
            ("CSV", spaced("a,", ",b")),
            ("sentence", spaced("The key is ", ".")),
            ("parentheses", spaced("(", ")")),
            ("log with colours", spaced("token: \x1b[1;32m", "\x1b[0m done")),
            ("log with written-out colours", spaced("token: \\e[32m", "\\e[0m")),
            ("C string", spaced("char t[] = \"", "\\0\";")),
            ("raw C escapes", spaced("\"\\x22", "\\x22\"")),
            ("diff", spaced("+", "")),
            ("no-break spaces", spaced("\u{a0}", "\u{a0}")),
            ("typographic quotes", spaced("\u{201c}", "\u{201d}")),
            ("template", spaced("${", "}")),
            ("command substitution", spaced("$(echo ", ")")),
            ("NUL bytes", spaced("a\0", "\0b")),
        ];
        for (name, source) in cases {
            let out = Keyscan::at(std::env::temp_dir().as_path()).args(["-", "--show-secrets"]).stdin(&source);
            let json = out.args(["--format", "json"]).run().json();
            let found = json.findings().iter().any(|f| f["secret"] == token.as_str());
            assert!(found, "{rule} in {name}\n{}", json.story);
        }
    }
}

#[test]
fn columns_count_characters() {
    let token = github_token(170);
    let json = scan_file("file", format!("\n\tä🔑 '{token}'"), 1);
    assert_eq!(place(&json, &token), (2, 6));
}

#[test]
fn a_directory_without_a_repository() {
    let token = github_token(171);
    let room = TempDir::new().unwrap();
    write(room.path(), "a/b/c", line(&token));
    let json = Keyscan::at(room.path()).arg("a").json(1);
    assert_eq!(paths(json.finding(&token)), ["a/b/c"], "as it was given");
    assert_eq!(json.value["receipt"]["history"], false);
    assert_eq!(json.finding(&token)["life"], Value::Null);
}

#[test]
fn without_a_path_the_current_directory_is_scanned() {
    let token = github_token(172);
    let room = TempDir::new().unwrap();
    write(room.path(), "a", line(&token));
    Keyscan::at(room.path()).json(1).finding(&token);
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    let room = TempDir::new().unwrap();
    let pipe = room.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // Nobody writes into the pipe, and the device never ends.
    for name in [pipe.as_path(), Path::new("/dev/zero")] {
        let json = Keyscan::at(room.path()).arg(name).json(2);
        assert!(json.problems()[0].contains("it is not a regular file"), "{}", json.story);
    }
}

/// Makes directories of 250 characters, one in the other, with a file in every second; gives the lengths of the files'
/// paths below `room`.
fn deep(room: &Path, levels: usize) -> Vec<usize> {
    let script = format!(
        "name=$(printf '%0250d' 0); for i in $(seq {levels}); do mkdir $name && cd $name && cp \"$0\" file || exit 1; done"
    );
    let token = room.join("token");
    fs::write(&token, line(&github_token(180))).unwrap();
    let made = Command::new("bash").arg("-c").arg(script).arg(&token).current_dir(room).status().unwrap();
    assert!(made.success());
    (1..=levels).map(|level| level * 251 + 4).collect()
}

#[test]
fn paths_up_to_the_longest_are_scanned_and_longer_ones_told() {
    let token = github_token(180);
    // With `./` before them all stay below the 4,096 bytes that a system call takes.
    let room = TempDir::new().unwrap();
    let lengths = deep(room.path(), 16);
    let json = Keyscan::at(room.path()).args([".", "--no-history"]).json(1);
    let found = paths(json.finding(&token));
    assert_eq!(found.iter().filter(|p| p.ends_with("file")).map(|p| p.len()).max(), lengths.last().copied());
    assert_eq!(found.len(), lengths.len() + 1);
    // One level deeper, and the system refuses the path: never a silent all-clear.
    let room = TempDir::new().unwrap();
    let lengths = deep(room.path(), 18);
    let json = Keyscan::at(room.path()).args([".", "--no-history"]).json(2);
    assert!(paths(json.finding(&token)).len() >= 17, "{}", lengths.len());
    assert!(!json.problems().is_empty());
    // `TempDir` cannot remove what it cannot name.
    assert!(Command::new("rm").arg("-rf").arg(room.path()).status().unwrap().success());
}

#[test]
fn files_that_change_while_they_are_read_do_no_harm() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let token = github_token(181);
    let room = TempDir::new().unwrap();
    let root = room.path().join("root");
    write(&root, "stays", line(&token));
    let text = "some words of a text\n".repeat(300_000);
    let names: Vec<_> = (0..6).map(|n| root.join(format!("changes-{n}"))).collect();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for (n, name) in names.iter().enumerate() {
            let (done, text, root) = (&done, &text, &root);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    // Grows, shrinks, vanishes, becomes a pipe, a link, a directory.
                    let _ = fs::write(name, text);
                    let _ = fs::OpenOptions::new().write(true).open(name).and_then(|f| f.set_len(n as u64));
                    let _ = fs::write(name, &text[..100]);
                    let _ = fs::remove_file(name);
                    let _ = Command::new("mkfifo").arg(name).status();
                    let _ = fs::remove_file(name);
                    let _ = symlink(root, name);
                    let _ = fs::remove_file(name);
                    let _ = fs::create_dir(name);
                    let _ = fs::remove_dir(name);
                }
            });
        }
        let scans: Vec<_> = (0..12).map(|_| Keyscan::at(&root).args([".", "--format", "json"]).run()).collect();
        done.store(true, Ordering::Relaxed);
        for out in scans {
            // 2 where a file was gone before it could be read, and then it is named.
            let json = out.json();
            assert_eq!(paths(json.finding(&token)), ["stays"], "{}", json.story);
            assert!(json.problems().iter().all(|p| p.contains("changes-")), "{}", json.story);
        }
    });
}
