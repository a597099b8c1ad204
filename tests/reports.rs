//! Every format on real scans: several reports in one run, saved reports turned into others, and names and contents that
//! try to break out of a format.

use std::fs;
use std::path::Path;

use keyscan::report::Format;
use serde_json::Value;
use tempfile::TempDir;

use crate::util::{Keyscan, Output, Repo, github_token, line, mint, scan_file, write};

/// A time for everything that depends on the clock.
const NOW: (&str, &str) = ("SOURCE_DATE_EPOCH", "1750000000");

/// A repository with secrets in files, two on a line, in history, in a message, in binary content, and one broken object.
fn repository() -> (Repo, Vec<String>) {
    let repo = Repo::new();
    let tokens: Vec<_> = (600..607).map(github_token).collect();
    repo.write("src/a.js", line(&tokens[0]));
    repo.write("pair.txt", format!("both {} {}\n", tokens[1], tokens[2]));
    repo.write("old.txt", line(&tokens[3]));
    repo.write("blob.bin", [b"\0\0\0 ", tokens[4].as_bytes(), b" \0\0"].concat());
    repo.write("db.url", concat!("postgres://app:corr", "ect.h0rse9@db.internal.net/prod\n"));
    repo.commit("first");
    repo.remove("old.txt");
    repo.write("pub.js", line(&mint("stripe-publishable-key", 608)));
    repo.commit(&format!("remove a file, and say {}", tokens[5]));
    repo.git(["tag", "-a", "v1", "-m", &tokens[6]]);
    (repo, tokens)
}

/// What a scan of a repository prints in a format.
fn scan(repo: &Repo, format: Format) -> Output {
    repo.keyscan().env(NOW.0, NOW.1).args(["--format", format.as_str()]).run()
}

#[test]
fn several_reports_in_one_run() {
    let (repo, _) = repository();
    let room = TempDir::new().unwrap();
    let file = |format: Format| room.path().join(format.as_str());
    let reports = Format::all().map(|format| format!("{format}={}", file(format).display()));
    let args: Vec<_> = reports.flat_map(|report| ["--report".to_owned(), report]).collect();
    let all = repo.keyscan().env(NOW.0, NOW.1).args(args).run().code(1);
    for format in Format::all() {
        let alone = scan(&repo, format).code(1);
        assert!(fs::read(file(format)).unwrap() == alone.stdout, "{format}");
    }
    assert_eq!(all.stdout, scan(&repo, Format::Text).stdout, "text is still on the screen");
}

#[test]
fn one_report_to_standard_output_and_others_to_files() {
    let (repo, _) = repository();
    let file = repo.beside("out.csv");
    let csv = format!("csv={}", file.display());
    let run = |args: &[&str]| repo.keyscan().env(NOW.0, NOW.1).args(args).run();
    for (args, want) in [
        (vec!["--report", "json=-", "--report", &csv], Format::Json),
        (vec!["--format", "json", "--report", &csv], Format::Json),
        (vec!["--report", &csv], Format::Text),
    ] {
        let out = run(&args).code(1);
        assert_eq!(out.stdout, scan(&repo, want).stdout, "{args:?}");
        assert_eq!(fs::read(&file).unwrap(), scan(&repo, Format::Csv).stdout, "{args:?}");
    }
    // Both ways to name a file together.
    let other = repo.beside("out.md");
    let out = run(&["--format", "markdown", "--output", other.to_str().unwrap(), "--report", &csv]).code(1);
    assert!(out.stdout.is_empty(), "{}", out.story());
    assert_eq!(fs::read(&other).unwrap(), scan(&repo, Format::Markdown).stdout);
}

#[test]
fn what_cannot_be_written_is_refused_before_the_scan() {
    let room = TempDir::new().unwrap();
    fs::create_dir(room.path().join("dir")).unwrap();
    let cases: &[(&[&str], &str)] = &[
        (&["--report", "json=-", "--report", "csv=-"], "two reports cannot both go to standard output"),
        (&["--report", "json=-", "--format", "text"], "two reports cannot both go to standard output"),
        (&["--report", "json=a", "--report", "csv=./a"], "two reports would be written to ./a"),
        (&["--report", "json=a", "--output", "dir/../a"], "two reports would be written to a"),
        (&["--report", "sarif"], "--report sarif names no file"),
        (&["--report", "sarif="], "--report sarif= names no file"),
        (&["--report", "html=x"], "unknown report format html"),
        (&["--report", "json=no/where"], "its directory does not exist"),
        (&["--output", "dir"], "it is a directory"),
        (&["--report", "csv=x", "--show-secrets"], "the format csv never shows whole secrets"),
    ];
    for (args, want) in cases {
        let out = Keyscan::at(room.path()).arg(".").args(*args).run().code(2).says(want).says("help: ");
        assert!(out.stdout.is_empty(), "{}", out.story());
        assert_eq!(fs::read_dir(room.path()).unwrap().count(), 1, "{args:?} left a file");
    }
}

#[test]
fn a_saved_report_gives_the_bytes_of_the_scan() {
    let (repo, tokens) = repository();
    // Something that cannot be read belongs to it.
    let id = repo.git(["rev-parse", "HEAD~1:old.txt"]);
    crate::util::overwrite(&repo.loose(&id), b"garbage");
    for saved in [Format::Json, Format::Jsonl] {
        let path = repo.beside("saved");
        fs::write(&path, scan(&repo, saved).code(2).stdout).unwrap();
        for format in Format::all() {
            let want = scan(&repo, format).code(2);
            let turn = |file: &str| {
                let args = ["report", file, "--format", format.as_str()];
                Keyscan::at(repo.path()).env(NOW.0, NOW.1).args(args).stdin(fs::read(&path).unwrap()).run().code(0)
            };
            let got = turn(path.to_str().unwrap());
            assert!(got.stdout == want.stdout, "{saved} to {format}\n{}\n{}", got.story(), want.story());
            assert!(turn("-").stdout == want.stdout, "{saved} to {format} from standard input");
        }
    }
    // A report with whole secrets, made on purpose, turns into masked ones.
    let shown = repo.beside("shown.json");
    let args = ["--format=json", "--show-secrets", "--output", shown.to_str().unwrap()];
    repo.keyscan().env(NOW.0, NOW.1).args(args).run().code(2);
    assert!(fs::read_to_string(&shown).unwrap().contains(&tokens[0]));
    for format in Format::all() {
        let args = ["report", shown.to_str().unwrap(), "--format", format.as_str()];
        let mut out = Keyscan::at(repo.path()).env(NOW.0, NOW.1).args(args).run().code(0);
        for token in &tokens {
            out = out.never_says(token);
        }
        assert!(out.stdout == scan(&repo, format).stdout, "{format}\n{}", out.story());
    }
    // Later keyscans may add fields.
    let saved = fs::read_to_string(repo.beside("shown.json")).unwrap().replacen('{', "{\"new\": [1],", 1);
    Keyscan::at(repo.path()).args(["report", "-"]).stdin(saved).run().code(0).says("finding");
}

#[test]
fn a_file_that_is_no_report_is_an_error_that_does_not_quote_it() {
    let (repo, tokens) = repository();
    let token = &tokens[0];
    let json = String::from_utf8(scan(&repo, Format::Json).stdout).unwrap();
    let cases = [
        (String::new(), "the file is empty"),
        (line(token), "this is no JSON"),
        (format!("[{{\"Secret\": \"{token}\"}}]"), "this is no keyscan report"),
        (json[..json.len() - 100].to_owned(), "it was cut off"),
        (json.replacen("\"version\": 1,", "\"version\": 7,", 1), "version 7 of the JSON format"),
        (json.replacen("\"rules\": ", &format!("\"rules\": \"{token}\", \"x\": "), 1), "of another type"),
    ];
    for (text, want) in cases {
        let file = repo.beside("file");
        fs::write(&file, text).unwrap();
        let out = Keyscan::at(repo.path()).arg("report").arg(&file).run().code(2).says(want);
        out.says("help: ").says("file: ").never_says(token);
    }
    Keyscan::at(repo.path()).args(["report", "nowhere.json"]).run().code(2).says("cannot read the report nowhere.json");
}

/// File names that try to break out.
const HOSTILE: [&str; 9] = [
    "a|b`c``d.txt",
    "<img src=x onerror=alert(1)>.txt",
    "new\nline\n::error::stop.txt",
    "=cmd|' ! A0.txt",
    "@SUM(1)\u{202e}.txt",
    "%0A::warning::x,y:z.txt",
    "\u{1b}[31mred\u{fffe}\u{7}.txt",
    "[link](https:..evil.example) **b** @someone #1.txt",
    "]]>&amp;\"'.txt",
];

/// Reports on files with such names, each with a token.
fn hostile(format: Format) -> (Output, Vec<String>) {
    let room = TempDir::new().unwrap();
    let tokens: Vec<_> = (0..HOSTILE.len() as u64).map(|n| github_token(620 + n)).collect();
    for (name, token) in HOSTILE.iter().zip(&tokens) {
        write(room.path(), Path::new(name), line(token));
    }
    (Keyscan::at(room.path()).arg(".").args(["--format", format.as_str()]).run().code(1), tokens)
}

#[test]
fn csv_is_whole_and_holds_no_formula() {
    let (out, _) = hostile(Format::Csv);
    let mut reader = csv::Reader::from_reader(out.stdout.as_slice());
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), HOSTILE.len() + 1, "a row for each, and the receipt\n{}", out.story());
    for field in rows.iter().flatten() {
        assert!(!field.starts_with(['=', '+', '-', '@', '\t', '\r']), "{field}");
        assert!(!field.contains(char::is_control), "{field}");
    }
    let paths: Vec<_> = rows.iter().map(|row| &row[10]).collect();
    assert!(paths.contains(&"'=cmd|' ! A0.txt"), "{paths:?}");
}

#[test]
fn junit_is_xml_whatever_files_are_called() {
    use quick_xml::events::Event;
    let (out, _) = hostile(Format::Junit);
    let text = String::from_utf8(out.stdout.clone()).unwrap();
    let mut reader = quick_xml::Reader::from_str(&text);
    let (mut cases, mut failures) = (0, 0);
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) => {
                cases += usize::from(tag.name().as_ref() == "testcase");
                failures += usize::from(tag.name().as_ref() == "failure");
                // Every attribute must decode.
                assert!(
                    tag.attributes().all(|a| a.unwrap().normalized_value(quick_xml::XmlVersion::Explicit1_0).is_ok()),
                    "{}",
                    out.story()
                );
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!((cases, failures), (HOSTILE.len(), HOSTILE.len()), "{}", out.story());
    assert!(!text.contains(|c: char| c.is_control() && c != '\n' || c == '\u{fffe}'), "{}", out.story());
}

#[test]
fn github_annotations_cannot_be_made_by_a_file_name() {
    let (out, _) = hostile(Format::Github);
    let text = String::from_utf8(out.stdout.clone()).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), HOSTILE.len() + 1, "{}", out.story());
    for line in &lines[..HOSTILE.len()] {
        assert!(line.starts_with("::error title=keyscan%3A GitHub personal access token"), "{line}");
        assert!(!line.contains('\u{202e}') && !line.contains('\u{1b}'), "{line}");
        // What follows the second colons is the message; before it there is no third property of a path.
        let properties = line["::error ".len()..].split("::").next().unwrap();
        let names: Vec<_> = properties.split(',').map(|p| p.split_once('=').unwrap().0).collect();
        assert!(names == ["title"] || names == ["title", "file", "line", "endLine", "col", "endColumn"], "{line}");
    }
    assert!(text.contains("file=%250A%3A%3Awarning%3A%3Ax%2Cy%3Az.txt,line=1"), "{text}");
    assert!(lines[HOSTILE.len()].starts_with("keyscan: 9 findings"), "{text}");
}

#[test]
fn github_annotations_keep_to_the_limit_and_say_so() {
    let room = TempDir::new().unwrap();
    let lines: String = (0..25).map(|n| line(&github_token(650 + n))).collect();
    write(room.path(), "many.js", lines);
    let out = Keyscan::at(room.path()).arg(".").args(["--format", "github"]).run().code(1);
    let text = String::from_utf8(out.stdout.clone()).unwrap();
    assert_eq!(text.lines().filter(|l| l.starts_with("::error ")).count(), 10, "{text}");
    assert_eq!(text.lines().filter(|l| l.starts_with("keyscan: error: many.js:")).count(), 15, "none is lost: {text}");
    assert!(text.contains("15 more lines above have no annotation"), "{text}");
}

#[test]
fn markdown_shows_names_as_they_are() {
    let (out, _) = hostile(Format::Markdown);
    let text = String::from_utf8(out.stdout.clone()).unwrap();
    let rows: Vec<_> = text.lines().filter(|line| line.starts_with("| **critical**")).collect();
    assert_eq!(rows.len(), HOSTILE.len(), "{text}");
    for row in rows {
        // Seven cells, so eight pipes: none came from a name.
        assert_eq!(row.matches('|').count(), 8, "{row}");
    }
    // Outside code spans there is neither HTML nor a mention.
    for line in text.lines() {
        let outside = without_code(line);
        assert!(!outside.contains("<img") && !outside.contains('@') && !outside.contains("](http"), "{line}");
    }
}

/// A line of Markdown without its code spans.
fn without_code(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('`') {
        out.push_str(&rest[..at]);
        let fence = rest[at..].len() - rest[at..].trim_start_matches('`').len();
        let body = &rest[at + fence..];
        let ends = body.match_indices('`').map(|(i, _)| i);
        let end = ends
            .filter(|&i| !body[..i].ends_with('`'))
            .find(|&i| body[i..].chars().take_while(|&c| c == '`').count() == fence)
            .unwrap_or_else(|| panic!("a code span is open: {line}"));
        rest = &body[end + fence..];
    }
    out + rest
}

#[test]
fn gitlab_gets_what_its_schema_asks_for() {
    let (repo, tokens) = repository();
    let out = scan(&repo, Format::Gitlab);
    let report: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(report["version"], "15.0.7");
    assert_eq!(report["scan"]["status"], "success");
    assert_eq!(report["scan"]["start_time"], "2025-06-15T15:06:40");
    let found = report["vulnerabilities"].as_array().unwrap();
    assert_eq!(found.len(), tokens.len() + 1, "{}", out.story());
    let mut ids = std::collections::BTreeSet::new();
    for vulnerability in found {
        assert!(ids.insert(vulnerability["id"].as_str().unwrap()), "ids are unique");
        assert!(vulnerability["location"]["commit"]["sha"].as_str().is_some_and(|sha| sha.len() >= 7));
        assert_eq!(vulnerability["identifiers"][0]["type"], "keyscan_rule_id");
        assert!(vulnerability.get("raw_source_code_extract").is_none());
    }
    assert!(!String::from_utf8_lossy(&out.stdout).contains("example.com"), "no personal data");
}

#[test]
fn a_clean_scan_and_an_incomplete_one_look_different_in_every_format() {
    let repo = Repo::new();
    repo.write("a", "nothing\n");
    repo.commit("first");
    let clean: Vec<_> = Format::all().map(|format| scan(&repo, format).code(0).stdout).collect();
    let id = repo.git(["rev-parse", "HEAD:a"]);
    crate::util::overwrite(&repo.loose(&id), b"garbage");
    for (format, clean) in Format::all().zip(clean) {
        let out = scan(&repo, format).code(2);
        assert!(!clean.is_empty() && out.stdout != clean, "{format}");
        // The object is named, and it does not look like an all-clear.
        let out = out.says(&id);
        assert!(!out.text().contains("No secrets found"), "{format}\n{}", out.story());
    }
}

/// A report that was left in the tree holds fingerprints and digests beside words like "token".
#[test]
fn a_report_is_no_finding_itself() {
    let (repo, _) = repository();
    for format in Format::all() {
        let out = scan(&repo, format);
        let json = scan_file("report", &out.stdout, 0);
        assert!(json.findings().is_empty(), "{format:?}\n{}", json.story);
    }
}
