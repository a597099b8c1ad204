//! Tests that go through every format: golden files, secrets, hostile names, determinism.

use std::path::PathBuf;

use termcolor::{Buffer, NoColor};

use super::samples::{self, Sample};
use super::*;
use crate::finding::{Allowance, CommitInfo, Fact, Life, Place, Problem, Removal, Severity, Verdict};

type Log = json::Log<Vec<json::Finding>>;

fn render(format: Format, report: &Report<'_>) -> String {
    let mut out = NoColor::new(Vec::new());
    write(format, report, &mut out).unwrap();
    String::from_utf8(out.into_inner()).unwrap()
}

/// The time of writing, which only one format holds.
fn timeless(text: &str) -> String {
    let line = |line: &str| match line.trim_start() {
        time if time.starts_with("\"start_time\"") || time.starts_with("\"end_time\"") => "TIME\n".to_owned(),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

fn plain(format: Format, sample: &Sample) -> String {
    timeless(&render(format, &sample.report(Options::default())))
}

/// Compares with a golden file; `KEYSCAN_BLESS=1` rewrites it.
fn golden(name: &str, got: &str) {
    // A release must not change the golden files.
    let version = format!("\"{}\"", env!("CARGO_PKG_VERSION"));
    let got = got.replace(&version, "\"VERSION\"");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/golden").join(name);
    if std::env::var_os("KEYSCAN_BLESS").is_some() {
        std::fs::write(&path, &got).unwrap();
    }
    let want = std::fs::read_to_string(&path).unwrap();
    assert!(got == want, "{name} differs from the golden file; KEYSCAN_BLESS=1 rewrites it:\n{got}");
}

#[test]
fn the_list_of_formats_is_sound() {
    let all = [
        Format::Text,
        Format::Json,
        Format::Jsonl,
        Format::Sarif,
        Format::Markdown,
        Format::Junit,
        Format::Csv,
        Format::Github,
        Format::Gitlab,
    ];
    for format in all {
        assert_eq!(Format::all().filter(|&f| f == format).count(), 1, "{format:?} has one row");
    }
    for format in Format::all() {
        assert_eq!(format.as_str().parse::<Format>().unwrap(), format);
        assert!(format.as_str().bytes().all(|b| b.is_ascii_lowercase()));
        assert!(!format.about().is_empty());
    }
    let error = "\u{1b}xml".parse::<Format>().unwrap_err();
    assert_eq!(error.to_string(), "unknown report format \\u{1b}xml");
    assert_eq!(error.advice(), Some("formats are text, json, jsonl, sarif, markdown, junit, csv, github, gitlab"));
}

/// Prose keeps to a narrow terminal; what must stay whole does not, and nothing gets wider on a broad one.
#[test]
fn text_fits_a_narrow_terminal() {
    let sample = Sample::full();
    let at = |columns| render(Format::Text, &sample.report(Options { columns, ..Options::default() }));
    let too_long = |text: &str| text.lines().filter(|line| line.chars().count() > 80).count();
    assert!(too_long(&at(Some(80))) < too_long(&at(None)), "{}", at(Some(80)));
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let grants = |text: &str| words(&text[text.find("grants").unwrap()..text.find("found in").unwrap()]);
    assert_eq!(grants(&at(Some(80))), grants(&at(None)));
    assert_eq!(at(Some(200)), at(None));
    assert_eq!(at(Some(1)), at(Some(60)));
}

#[test]
fn golden_files() {
    let sample = Sample::full();
    let names = [
        "text.txt",
        "json.json",
        "jsonl.jsonl",
        "sarif.json",
        "markdown.md",
        "junit.xml",
        "csv.csv",
        "github.txt",
        "gitlab.json",
    ];
    assert_eq!(names.len(), Format::all().len(), "every format has a golden file");
    for (format, name) in Format::all().zip(names) {
        golden(name, &plain(format, &sample));
    }
    let verbose = Options { verbose: true, ..Options::default() };
    golden("text-verbose.txt", &render(Format::Text, &sample.report(verbose)));
    golden("text-clean.txt", &plain(Format::Text, &Sample::clean()));
    golden("markdown-clean.md", &plain(Format::Markdown, &Sample::clean()));
    golden("junit-clean.xml", &plain(Format::Junit, &Sample::clean()));
}

/// Every format made from a saved report is what the scan itself would have written.
#[test]
fn a_saved_report_turns_into_every_format() {
    let show = Options { show_secrets: true, ..Options::default() };
    for sample in
        [Sample::full(), Sample::clean(), plant("a \u{1b}[31m \u{202e} `|` \u{fffe} =1 text"), plant_secrets()]
    {
        for (saved_as, options) in
            [(Format::Json, Options::default()), (Format::Jsonl, Options::default()), (Format::Json, show)]
        {
            let saved = Saved::parse(render(saved_as, &sample.report(options)).as_bytes()).unwrap();
            for format in Format::all() {
                let mut out = NoColor::new(Vec::new());
                saved.write(format, Options::default(), &mut out).unwrap();
                let got = timeless(&String::from_utf8(out.into_inner()).unwrap());
                let want = plain(format, &sample);
                assert!(got == want, "{saved_as} to {format}:\n{got}\n--- instead of\n{want}");
            }
        }
    }
}

/// Each secret in every field of every finding.
fn plant_secrets() -> Sample {
    let secrets: Vec<_> = Sample::full().findings.iter().map(|f| f.secret.expose().to_vec()).collect();
    plant(&String::from_utf8(secrets.join(&b' ')).unwrap())
}

#[test]
fn what_is_no_saved_report_is_told_so() {
    let json = plain(Format::Json, &Sample::full());
    let lines = plain(Format::Jsonl, &Sample::full());
    let cut = lines.trim_end().rsplit_once('\n').unwrap().0;
    let middle = &json[..json.len() / 2];
    let cases: Vec<(&str, String, &str)> = vec![
        ("nothing", String::new(), "the file is empty"),
        ("text", "hunter2 hunter2".to_owned(), "this is no JSON (line 1, column 1)"),
        ("an array", "[{\"Secret\": \"hunter2\"}]".to_owned(), "this is no keyscan report"),
        ("another object", "{\"version\": \"8.0.0\", \"x\": \"hunter2\"}".to_owned(), "this is no keyscan report"),
        ("SARIF", plain(Format::Sarif, &Sample::full()), "this is SARIF"),
        ("half a document", middle.to_owned(), "it ends in the middle"),
        ("half a line", lines[..lines.len() - 40].to_owned(), "it ends in the middle"),
        ("no receipt", cut.to_owned(), "its last line, the receipt, is missing"),
        ("two reports", format!("{lines}{lines}"), "line 8 is a receipt, but not the last line"),
        ("two documents", format!("{json}{json}"), "this is no JSON"),
        (
            "a later version",
            json.replacen("\"version\": 1", "\"version\": 2", 1),
            "it has version 2 of the JSON format",
        ),
        ("a type", json.replacen("\"rules\": 612", "\"rules\": \"hunter2\"", 1), "of another type"),
        ("a verdict", json.replacen("\"proven\"", "\"hunter2\"", 1), "finding 1: the verdict is unknown"),
        ("a count", json.replacen("\"findings\": 6", "\"findings\": 7", 1), "it should hold 7 findings, but holds 6"),
    ];
    for (name, text, want) in cases {
        let error = Saved::parse(text.as_bytes()).unwrap_err();
        assert!(error.to_string().contains(want), "{name}: {error}");
        assert!(!error.to_string().contains("hunter2"), "{name}: {error}");
        assert!(error.advice().is_some(), "{name}");
    }
}

#[test]
fn colours_change_nothing_but_colours() {
    let sample = Sample::full();
    let mut out = Buffer::ansi();
    write(Format::Text, &sample.report(Options::default()), &mut out).unwrap();
    let coloured = String::from_utf8(out.into_inner()).unwrap();
    assert!(coloured.contains("\u{1b}["));
    let mut bare = String::new();
    for (i, part) in coloured.split("\u{1b}[").enumerate() {
        bare.push_str(if i == 0 { part } else { part.split_once('m').unwrap().1 });
    }
    assert_eq!(bare, plain(Format::Text, &sample));
}

#[test]
fn the_order_of_findings_does_not_matter() {
    let mut sample = Sample::full();
    for format in Format::all() {
        let forward = plain(format, &sample);
        sample.findings.reverse();
        assert_eq!(plain(format, &sample), forward, "{format}");
    }
}

#[test]
fn text_keeps_to_the_page() {
    for line in plain(Format::Text, &Sample::full()).lines() {
        assert!(line.chars().count() <= 100, "{line}");
        assert!(!line.trim_start().starts_with("::"), "{line}");
        assert_eq!(line, line.trim_end(), "no blanks at line ends");
    }
}

#[test]
fn json_reads_back() {
    let sample = Sample::full();
    let log: Log = serde_json::from_str(&plain(Format::Json, &sample)).unwrap();
    assert_eq!(log.version, json::VERSION);
    assert_eq!((log.counts.findings, log.counts.in_tree, log.counts.critical), (6, 3, 2));
    assert!(!log.complete);
    let first = &log.findings[0];
    assert_eq!(first.rule.id, "acme-token");
    let sha256 = first.secret_sha256.as_deref().unwrap();
    assert_eq!(sha256.len(), 64);
    assert_eq!(first.occurrences[0].paths[0].path_base64.as_deref(), Some("YmluL2NhZuk="));
    assert_eq!(first.occurrences[0].position.line, None);
    assert!(log.findings.iter().filter(|f| f.rule.id == "acme-test-key").all(|f| f.secret_sha256.is_none()));
    assert_eq!(log.receipt.problems[1].object, "locked/\u{1b}[2Jfile");

    let lines = plain(Format::Jsonl, &sample);
    let lines: Vec<json::Line> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), sample.findings.len() + sample.allowed.len() + 1);
    assert!(matches!(&lines[0], json::Line::Finding(f) if f.fingerprint == first.fingerprint));
    assert!(matches!(&lines[7], json::Line::Receipt(summary) if summary.counts.findings == 6));
}

#[test]
fn json_is_documented_field_by_field() {
    fn keys(value: &serde_json::Value, into: &mut std::collections::BTreeSet<String>) {
        match value {
            serde_json::Value::Object(map) => {
                for (key, value) in map {
                    into.insert(key.clone());
                    keys(value, into);
                }
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| keys(item, into)),
            _ => {}
        }
    }
    let show = Options { show_secrets: true, ..Options::default() };
    let mut used = std::collections::BTreeSet::from(["type".to_owned(), "secret_base64".to_owned()]);
    keys(&serde_json::from_str(&render(Format::Json, &Sample::full().report(show))).unwrap(), &mut used);
    let docs = include_str!("../../docs/json.md");
    for key in used {
        assert!(docs.contains(&format!("| `{key}` |")), "docs/json.md says nothing about `{key}`");
    }
}

#[test]
fn sarif_says_what_services_need() {
    let log: serde_json::Value = serde_json::from_str(&plain(Format::Sarif, &Sample::full())).unwrap();
    let run = &log["runs"][0];
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert!(rules.is_sorted_by_key(|rule| rule["id"].as_str()));
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 7, "six findings, and one that is allowed");
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        let location = &result["locations"][0]["physicalLocation"];
        assert!(location["artifactLocation"]["uri"].is_string());
        assert!(location["region"]["snippet"].is_null());
    }
    let first = &results[0];
    let uris: Vec<_> = first["locations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| &l["physicalLocation"]["artifactLocation"]["uri"])
        .collect();
    assert_eq!(uris, ["bin/caf%E9", "docs/%E6%97%A5%E6%9C%AC%20%7Bx%7D%20%5Ba%5D%28b%29.txt", "src/config.rs"]);
    assert_eq!(first["relatedLocations"].as_array().unwrap().len(), 42);
    let history = results.iter().find(|r| r["ruleId"] == "acme-service-key").unwrap();
    let place = &history["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(place, "deploy/new.sh", "the path that lost it last");
    let text = log.to_string();
    assert!(!text.contains("Jane") && !text.contains("example.org"), "no personal data");
}

#[test]
fn sarif_tells_repository_and_suppressions() {
    let sample = Sample::full();
    let log: serde_json::Value = serde_json::from_str(&plain(Format::Sarif, &sample)).unwrap();
    let run = &log["runs"][0];
    let origin = &run["versionControlProvenance"][0];
    assert_eq!(origin["repositoryUri"], "https://git.example/acme/shop.git");
    assert_eq!(origin["revisionId"], samples::id('d'));
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let results = run["results"].as_array().unwrap();
    let (last, rest) = results.split_last().unwrap();
    assert_eq!(last["suppressions"][0]["kind"], "inSource");
    assert_eq!(last["suppressions"][0]["justification"], "inline comment: made up for the test");
    assert!(rest.iter().all(|result| result["suppressions"].is_null()));
    // What no file has any more needs a fingerprint that GitHub cannot make.
    let hashes = rest.iter().filter(|r| r["partialFingerprints"]["primaryLocationLineHash"].is_string());
    assert!(hashes.clone().all(|r| r["properties"]["inTree"] == false) && hashes.count() == 3);
}

#[test]
fn sarif_keeps_to_what_services_take_and_says_so() {
    let sample = Sample::full();
    let fitted = |results, bytes| {
        let context = Context::new(sample.report(Options::default()));
        let log: serde_json::Value = serde_json::from_slice(&sarif::fitted(&context, results, bytes).unwrap()).unwrap();
        (log["runs"][0].clone(), context.told())
    };
    let (whole, told) = fitted(100, usize::MAX);
    assert_eq!((whole["results"].as_array().unwrap().len(), told.len()), (7, 0));
    let (few, told) = fitted(3, usize::MAX);
    let levels: Vec<_> = few["results"].as_array().unwrap().iter().map(|r| &r["level"]).collect();
    assert_eq!(levels, ["error", "error", "error"], "the most severe ones");
    let want = "SARIF holds the 3 most severe results; 4 more are left out, for services refuse larger files";
    assert_eq!(told, [want]);
    let note = &few["invocations"][0]["toolExecutionNotifications"][0];
    assert_eq!((&note["level"], &note["message"]["text"]), (&"warning".into(), &format!("{want}.").into()));
    // Too large after gzip, and even without a result.
    let results = |bytes| fitted(100, bytes).0["results"].as_array().unwrap().len();
    let fewer = (1000..8000).rev().step_by(100).map(results).find(|&count| count < 7);
    assert_eq!(fewer, Some(3), "half of them");
    assert_eq!(fitted(100, 10).0["results"].as_array().unwrap().len(), 0);
}

#[test]
fn a_made_up_path_does_not_leave_the_root() {
    let mut sample = Sample::full();
    sample.findings.truncate(1);
    let found = &mut sample.findings[0];
    let paths = vec!["../../etc/passwd".into()];
    found.occurrences[0].place = Place::Blob { paths, id: samples::id('b'), commit: None };
    let log: serde_json::Value = serde_json::from_str(&plain(Format::Sarif, &sample)).unwrap();
    let uri = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(uri, &format!(".git/blob/{}", samples::id('b')));
}

/// Puts text into every field of findings and receipt that comes from the repository.
fn plant(text: &str) -> Sample {
    let mut sample = Sample::full();
    let own = || text.to_owned();
    sample.allowed[0].allowed = Some(Allowance { by: own(), reason: Some(own()) });
    sample.receipt.config.push(own());
    sample.receipt.notes.push(own());
    sample.receipt.allowed_by.push((own(), 1));
    for found in sample.findings.iter_mut().chain(&mut sample.allowed) {
        found.reasons.push(own());
        found.facts.push(Fact::new("label", text));
        let mut place = samples::file(text.as_bytes(), 3, 4);
        place.excerpt = samples::excerpt(text, &found.masked, text);
        found.occurrences.insert(0, place);
        found.occurrences.push(samples::file(format!("a/{text}/b").as_bytes(), 3, 4));
        let blob = Place::Blob { paths: vec![text.into()], id: samples::id('e'), commit: None };
        found.occurrences.push(crate::finding::Occurrence { place: blob, ..samples::file(b"", 1, 1) });
        found.life = Some(Life {
            first: Some(CommitInfo { email: own(), ..samples::commit('f', text, text) }),
            removed: vec![Removal { path: text.into(), commit: samples::id('0'), time: i64::MAX }],
            branches: vec![own()].into(),
            remotes: vec![own()].into(),
            tags: vec![own()].into(),
            other_refs: vec![own()].into(),
            ..Life::default()
        });
    }
    sample.receipt.target = own();
    sample.receipt.skipped.push((own(), 1));
    sample.receipt.problems.push(Problem { object: own(), what: own(), help: Some(own()), accepted: true });
    sample
}

#[test]
fn no_format_shows_a_secret_unless_asked() {
    for verbose in [false, true] {
        for planted in 0..Sample::full().findings.len() {
            let secret = Sample::full().findings[planted].secret.clone();
            let text = String::from_utf8(secret.expose().to_vec()).unwrap();
            let sample = plant(&format!("before {text} after"));
            for format in Format::all() {
                let out = render(format, &sample.report(Options { verbose, ..Options::default() }));
                for body in text.split('\n').filter(|line| line.len() >= 16) {
                    assert!(
                        !out.contains(body),
                        "{format} shows {body}:
{out}"
                    );
                }
                assert!(out.contains("before"), "{format} shows what is around it");
            }
        }
    }
}

#[test]
fn show_secrets_shows_them_all() {
    let sample = Sample::full();
    let show = Options { show_secrets: true, ..Options::default() };
    for format in Format::all() {
        let out = render(format, &sample.report(show));
        if !format.can_show_secrets() {
            assert_eq!(timeless(&out), plain(format, &sample), "{format}");
            continue;
        }
        for found in &sample.findings {
            let text = String::from_utf8(found.secret.expose().to_vec()).unwrap();
            let body = text.split('\n').max_by_key(|line| line.len()).unwrap();
            assert!(out.contains(body), "{format} lacks {body}");
        }
    }
}

#[test]
fn nothing_hostile_reaches_the_terminal() {
    let sample = plant("\u{1b}[31m\u{202e}\u{9b}2J\r\n::error::x ##vso[task.setvariable] ::stop-commands::y");
    for format in Format::all() {
        for verbose in [false, true] {
            let out = render(format, &sample.report(Options { verbose, ..Options::default() }));
            assert!(!out.contains(|c: char| c != '\n' && c.is_control()), "{format}");
            assert!(!out.contains('\u{202e}'), "{format}");
            assert!(!out.contains("##vso["), "{format}");
            let commands = out.lines().filter(|line| line.trim_start().starts_with("::")).count();
            // Six findings, and one command for what could not be read and one for what was accepted.
            assert_eq!(commands, if format == Format::Github { 8 } else { 0 }, "{format}: {out}");
        }
    }
    // JSON readers get the text as it was.
    let log: Log = serde_json::from_str(&plain(Format::Json, &sample)).unwrap();
    assert_eq!(log.target, sample.receipt.target);
}

#[test]
fn an_all_clear_is_only_given_when_it_is_one() {
    type Change = fn(&mut Sample);
    let cases: &[(&str, Change, &str)] = &[
        ("clean", |_| {}, "No secrets found. Everything that was asked for was read."),
        (
            "nothing read",
            |s| (s.receipt.files, s.receipt.blobs, s.receipt.commits) = (0, 0, 0),
            "Nothing was read, so this says nothing about secrets.",
        ),
        ("no rules", |s| s.receipt.rules = 0, "no rules were in use, so nothing could be found."),
        ("a gap", |s| gap(s, false), "INCOMPLETE: no secrets in what could be read"),
        ("an accepted gap", |s| gap(s, true), "No secrets found, apart from the accepted gaps"),
    ];
    for (name, change, want) in cases {
        let mut sample = Sample::clean();
        change(&mut sample);
        let out = plain(Format::Text, &sample);
        assert!(out.starts_with(want), "{name}:\n{out}");
    }
}

fn gap(sample: &mut Sample, accepted: bool) {
    let what = "corrupt".to_owned();
    sample.receipt.problems.push(Problem { object: "blob 1".to_owned(), what, help: None, accepted });
}

#[test]
fn an_incomplete_scan_says_so_everywhere() {
    let mut sample = Sample::clean();
    gap(&mut sample, false);
    assert!(plain(Format::Text, &sample).contains("NOT READ    - blob 1: corrupt"));
    let log: Log = serde_json::from_str(&plain(Format::Json, &sample)).unwrap();
    assert!(!log.complete && log.findings.is_empty());
    assert!(plain(Format::Jsonl, &sample).contains("\"complete\":false"));
    let log: serde_json::Value = serde_json::from_str(&plain(Format::Sarif, &sample)).unwrap();
    assert_eq!(log["runs"][0]["results"], serde_json::json!([]), "an empty list, not a missing one");
    let invocation = &log["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    assert_eq!(invocation["toolExecutionNotifications"][0]["level"], "error");
}

#[test]
fn severity_comes_before_everything_else() {
    let mut sample = Sample::clean();
    let make = |rule, severity| {
        let mut found = samples::finding(rule, &"z".repeat(20), severity, Verdict::Shape);
        found.occurrences = vec![samples::file(b"x", 1, 1)];
        found
    };
    sample.findings = vec![make(2, Severity::Low), make(1, Severity::High), make(0, Severity::High)];
    let log: Log = serde_json::from_str(&plain(Format::Json, &sample)).unwrap();
    let ids: Vec<_> = log.findings.iter().map(|f| f.rule.id.as_str()).collect();
    assert_eq!(ids, ["acme-service-key", "acme-token", "acme-test-key"]);
}

/// Writes the sample as SARIF to the path in `KEYSCAN_DUMP_SARIF`, for a validator.
#[test]
fn dump_sarif() {
    if let Some(path) = std::env::var_os("KEYSCAN_DUMP_SARIF") {
        std::fs::write(path, plain(Format::Sarif, &Sample::full())).unwrap();
    }
}
