//! Secrets in another spelling: where they are found, under which name, and what is told.

use std::io::Write as _;

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::Value;

use crate::util::{Keyscan, Repo, github_token, mint, scan_file, texts, write};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut out = ZlibEncoder::new(Vec::new(), Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn wrapped(text: &str, column: usize, join: &str) -> String {
    let lines: Vec<_> = text.as_bytes().chunks(column).map(|l| std::str::from_utf8(l).unwrap()).collect();
    lines.join(join)
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Every character as an escape.
fn each(text: &str, escape: impl Fn(u8) -> String) -> String {
    text.bytes().map(escape).collect()
}

/// A character of a token as an escape, the rest as it is.
fn one(text: &str, which: char, escape: &str) -> String {
    assert!(text.contains(which), "{which}");
    text.replace(which, escape)
}

fn via(finding: &Value) -> Vec<String> {
    texts(&finding["occurrences"][0]["via"])
}

/// Scans a file and gives the decodings of the secret that must be found in it, once.
#[track_caller]
fn decodings(content: impl AsRef<[u8]>, secret: &str) -> Vec<String> {
    let report = scan_file("file.txt", content, 1);
    via(report.finding(secret))
}

#[test]
fn base64_of_every_kind() {
    let token = github_token(41);
    let text = format!("# the deployment reads this\nuser: robot\ntoken: {token}\nregion: eu\n");
    let bytes = text.as_bytes();
    let cases: Vec<(&str, String)> = vec![
        ("padded", BASE64.encode(bytes)),
        ("unpadded", BASE64_NOPAD.encode(bytes)),
        ("URL-safe", BASE64URL.encode(bytes)),
        ("URL-safe, unpadded", BASE64URL_NOPAD.encode(bytes)),
        ("the token alone", BASE64.encode(token.as_bytes())),
        (
            "in a Kubernetes Secret",
            format!("kind: Secret\ndata:\n  config.yaml: {}\n  other: eA==\n", BASE64.encode(bytes)),
        ),
        (
            "in a YAML block",
            format!("data:\n  config: |\n    {}\n  next: 1\n", wrapped(&BASE64.encode(bytes), 50, "\n    ")),
        ),
        ("in a data URI", format!("<a href='data:text/plain;base64,{}'>", BASE64.encode(bytes))),
        ("with text of another script around", format!("пароль:«{}»。", BASE64.encode(bytes))),
        (
            "with text of another script inside",
            BASE64.encode(format!("пароль от сервера: {token} — не терять").as_bytes()),
        ),
        ("in Latin-1", BASE64.encode(&[b"pa\xdfwort: ".as_slice(), token.as_bytes(), b" f\xfcr den Server"].concat())),
        ("in a URL", format!("https://host.test/download?state={}&x=1", BASE64URL_NOPAD.encode(bytes))),
        ("with slashes escaped", format!("{{\"file\":\"{}\"}}", BASE64.encode(bytes).replace('/', "\\/"))),
        ("as arguments", format!("echo {} | base64 -d > .env", BASE64.encode(bytes))),
    ];
    for (what, content) in cases {
        let found = decodings(&content, &token);
        assert_eq!(found.last().map(String::as_str), Some("base64"), "{what}: {found:?}");
    }
}

#[test]
fn base64_wrapped_at_any_column() {
    let token = github_token(42);
    let text =
        BASE64.encode(format!("some words before it\ntoken={token}\nand some behind it, to fill lines").as_bytes());
    let room = tempfile::TempDir::new().unwrap();
    let joins = ["\n", "\r\n", "\n      ", "\" +\n  \"", "\\n", "\",\n \"", "\\\n", "\n# ", "\n> "];
    let mut files = 0;
    for column in 16..=96 {
        for (n, join) in joins.iter().enumerate() {
            let (open, close) = if join.contains('"') || *join == "\\n" { ("x = \"", "\"") } else { ("", "") };
            let content = format!("{open}{}{close}\nlast line\n", wrapped(&text, column, join));
            write(room.path(), format!("{column}-{n}.txt"), content);
            files += 1;
        }
    }
    let report = Keyscan::at(room.path()).arg(".").args(["--verbose"]).json(1);
    let occurrences = report.finding(&token)["occurrences"].as_array().unwrap();
    assert_eq!(
        occurrences.len(),
        files,
        "{:#?}",
        occurrences.iter().map(|o| o["paths"][0]["path"].clone()).collect::<Vec<_>>()
    );
}

#[test]
fn layers() {
    let token = github_token(43);
    let manifest = format!("apiVersion: v1\nkind: Secret\ndata:\n  token: {}\n", BASE64.encode(token.as_bytes()));
    // Helm keeps a release as base64 of base64 of gzip of JSON.
    let json = serde_json::json!({"name": "app", "manifest": manifest}).to_string();
    let release = BASE64.encode(BASE64.encode(&gzip(json.as_bytes())).as_bytes());
    let helm = format!("apiVersion: v1\nkind: Secret\ntype: helm.sh/release.v1\ndata:\n  release: {release}\n");
    let plain =
        format!("token = {token} in a longer text, so that there is something to compress: {}", "text ".repeat(20));
    let cases: Vec<(String, Vec<&str>)> = vec![
        (helm, vec!["base64", "base64", "gzip", "base64"]),
        (BASE64.encode(&gzip(plain.as_bytes())), vec!["base64", "gzip"]),
        (wrapped(&BASE64.encode(&zlib(plain.as_bytes())), 76, "\n"), vec!["base64", "zlib"]),
        (HEXLOWER.encode(&gzip(plain.as_bytes())), vec!["hex", "gzip"]),
        (BASE64.encode(&utf16(&plain)), vec!["base64", "utf-16le"]),
        (HEXUPPER.encode(plain.as_bytes()), vec!["hex"]),
        (format!("'\\x{}'", HEXLOWER.encode(token.as_bytes())), vec!["hex"]),
        (format!("0x{}", HEXLOWER.encode(token.as_bytes())), vec!["hex"]),
        (BASE64.encode(HEXLOWER.encode(plain.as_bytes()).as_bytes()), vec!["base64", "hex"]),
        (each(&BASE64.encode(plain.as_bytes()), |b| format!("\\x{b:02x}")), vec!["backslash escapes", "base64"]),
    ];
    for (content, want) in cases {
        assert_eq!(decodings(&content, &token), want, "{}...", &content[..40]);
    }
}

#[test]
fn claims_of_a_jwt() {
    let token = github_token(44);
    let part = |json: String| BASE64URL_NOPAD.encode(json.as_bytes());
    let jwt = format!(
        "{}.{}.{}",
        part("{\"alg\":\"HS256\",\"typ\":\"JWT\"}".to_owned()),
        part(format!("{{\"sub\":\"robot\",\"upstream\":\"{token}\",\"iat\":1700000000}}")),
        BASE64URL_NOPAD.encode(&[0xfb; 32])
    );
    assert_eq!(decodings(format!("Cookie: session={jwt}"), &token), ["base64"]);
}

#[test]
fn a_wrapper_is_named_by_what_is_in_it() {
    let token = github_token(45);
    let basic = BASE64.encode(format!("robot:{token}").as_bytes());
    for content in [
        format!("curl -H 'Authorization: Basic {basic}' https://host.test/\n"),
        format!("{{\"auths\": {{\"ghcr.io\": {{\"auth\": \"{basic}\"}}}}}}\n"),
    ] {
        let report = scan_file("file.txt", &content, 1);
        assert_eq!(report.findings().len(), 1, "{}", report.story);
        assert_eq!(via(report.finding(&token)), ["base64"]);
    }
}

#[test]
fn escapes_inside_of_a_token() {
    let token = github_token(46);
    let slack = mint("slack-bot-token", 46);
    let hex = |b: u8| format!("{b:02x}");
    let cases: Vec<(&str, String, &str, &str)> = vec![
        ("percent", one(&token, '_', "%5F"), &token, "percent-encoding"),
        ("percent, all of it", each(&token, |b| format!("%{}", hex(b))), &token, "percent-encoding"),
        ("percent, many", one(&slack, '-', "%2D"), &slack, "percent-encoding"),
        ("unicode", one(&token, '_', "\\u005f"), &token, "backslash escapes"),
        ("unicode, all of it", each(&token, |b| format!("\\u00{}", hex(b))), &token, "backslash escapes"),
        ("code point", one(&token, '_', "\\u{5f}"), &token, "backslash escapes"),
        ("hex", one(&token, '_', "\\x5f"), &token, "backslash escapes"),
        ("hex, all of it", each(&token, |b| format!("\\x{}", hex(b))), &token, "backslash escapes"),
        ("octal", one(&token, '_', "\\137"), &token, "backslash escapes"),
        ("octal, all of it", each(&token, |b| format!("\\{b:03o}")), &token, "backslash escapes"),
        ("Markdown", one(&token, '_', "\\_"), &token, "backslash escapes"),
        ("entity", one(&token, '_', "&#95;"), &token, "html entities"),
        ("hex entity", one(&token, '_', "&#x5F;"), &token, "html entities"),
        ("named entity", one(&token, '_', "&lowbar;"), &token, "html entities"),
        ("entities, all of it", each(&token, |b| format!("&#{b};")), &token, "html entities"),
        ("quoted-printable", format!("token=3D{slack}"), &slack, "quoted-printable"),
        (
            "quoted-printable, wrapped",
            format!("The token is {}=\r\n{}.", &token[..22], &token[22..]),
            &token,
            "quoted-printable",
        ),
        ("line of a shell", format!("export T={}\\\n{}", &token[..22], &token[22..]), &token, "backslash escapes"),
        (
            "line of a shell, CRLF",
            format!("export T={}\\\r\n{}", &token[..20], &token[20..]),
            &token,
            "backslash escapes",
        ),
        ("line of a shell, early", format!("export T={}\\\n{}", &token[..7], &token[7..]), &token, "backslash escapes"),
    ];
    for (what, text, secret, name) in cases {
        for content in [format!("value = \"{text}\"\n"), format!("x={text}&y=1"), text.clone()] {
            assert_eq!(decodings(&content, secret), [name], "{what}: {}", content.replace(secret, "***"));
        }
    }
}

#[test]
fn twice_escaped() {
    let token = github_token(47);
    let text = one(&token, '_', "%255F");
    assert_eq!(decodings(format!("\"url\": \"https://h.test/?a={text}\""), &token), ["percent-encoding"; 2]);
    let text = format!("{{\\\"t\\\": \\\"{}\\\"}}", one(&token, '_', "\\\\u005f"));
    assert_eq!(decodings(format!("\"{text}\""), &token), ["backslash escapes"; 2]);
}

#[test]
fn a_plain_token_has_no_decodings() {
    let token = github_token(48);
    for content in [
        format!("\"a\\n{token}\\n\""),
        format!("?token=%22{token}%22&x=%2F"),
        format!("&quot;{token}&quot;&amp;"),
        format!("\\u0022{token}\\u0022"),
    ] {
        assert_eq!(decodings(&content, &token), Vec::<String>::new(), "{content}");
    }
}

#[test]
fn places_are_those_of_the_file() {
    let token = github_token(49);
    let encoded = BASE64.encode(format!("0123456789ab{token}").as_bytes());
    let content = format!("one\ntwo: {encoded}\n");
    let report = scan_file("file.txt", &content, 1);
    let position = &report.finding(&token)["occurrences"][0]["position"];
    // 12 bytes before it are 16 digits.
    assert_eq!((&position["line"], &position["column"]), (&2.into(), &(6 + 16).into()));
    assert_eq!(position["offset"], 4 + 5 + 16);

    let content = format!("one\ntwo: {}\n", one(&token, '_', "%5F"));
    let report = scan_file("file.txt", &content, 1);
    let position = &report.finding(&token)["occurrences"][0]["position"];
    assert_eq!((&position["column"], &position["end_column"]), (&6.into(), &(6 + token.len() + 2).into()));
}

#[test]
fn several_secrets_in_one_text() {
    let (a, b) = (github_token(50), github_token(51));
    let text = format!("a: {a}\nb: {b}\n{}", "filler ".repeat(30));
    for content in [BASE64.encode(text.as_bytes()), BASE64.encode(&gzip(text.as_bytes()))] {
        let report = scan_file("file.txt", &content, 1);
        assert_eq!(report.findings().len(), 2);
        assert!(report.has(&a) && report.has(&b));
    }
}

#[test]
fn never_shows_the_encoded_secret() {
    let token = github_token(52);
    let encoded = BASE64.encode(format!("user: {token}").as_bytes());
    let escaped = one(&token, '_', "%5F");
    let repo = Repo::new();
    repo.write("a.yaml", format!("x: {encoded}\ny: {escaped}\n"));
    repo.write(format!("{encoded}.txt"), "a name");
    repo.commit(&format!("adds {encoded}"));
    for format in ["text", "json", "jsonl", "sarif"] {
        let out = repo.keyscan().args(["--verbose", "--format", format]).run().code(1);
        for part in [&token[4..], &encoded[12..40], &escaped[6..]] {
            assert!(!out.text().contains(part), "{format}: {}", out.story());
        }
    }
}

#[test]
fn in_history_and_notebooks() {
    let token = github_token(53);
    let repo = Repo::new();
    let source = format!("cfg = base64.b64decode('{}')\n", BASE64.encode(format!("key={token}").as_bytes()));
    let notebook = serde_json::json!({
        "cells": [{"cell_type": "code", "source": [source], "outputs": [{"data": {"text/plain": ["'ok'"]}}]}],
        "nbformat": 4
    });
    repo.write("a.ipynb", serde_json::to_string_pretty(&notebook).unwrap());
    repo.commit("a notebook");
    repo.write("a.ipynb", "{}\n");
    repo.commit("cleaned");
    let report = repo.json(1);
    assert_eq!(via(report.finding(&token)), ["base64"]);
    assert_eq!(report.finding(&token)["in_tree"], false);
}

#[test]
fn depth_is_limited_and_told() {
    let token = github_token(54);
    let mut content = format!("the token of the robot: {token}");
    for _ in 0..9 {
        content = BASE64.encode(content.as_bytes());
    }
    let report = scan_file("deep.txt", &content, 2);
    assert!(!report.has(&token));
    assert!(report.problems()[0].contains("deep.txt") && report.problems()[0].contains("--decode-depth"));
    let room = tempfile::TempDir::new().unwrap();
    write(room.path(), "deep.txt", &content);
    let report = Keyscan::at(room.path()).args([".", "--decode-depth", "9"]).json(1);
    assert_eq!(via(report.finding(&token)), ["base64"; 9]);
    Keyscan::at(room.path()).args([".", "--decode-depth", "0"]).json(0);
}

#[test]
fn a_bomb_is_cut_off_and_told() {
    let bomb = BASE64.encode(&gzip(&vec![b'a'; 200 << 20]));
    let report = scan_file("bomb.txt", &bomb, 2);
    assert!(report.problems()[0].contains("bomb.txt"));
}

#[test]
fn ordinary_text_is_left_alone() {
    let content = [
        "integrity sha512-MNeBzdDP8oJ+l7oMS1JRlHSDt4pmBPr+1jtBoO6Z+fPpFUyFrlyvVPvvyKQRD/Q5/vbt2ODvKlxDjAoPgEbVAw==",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
        "commit 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
        "https://example.com/a%20path%2Fwith%2Fsome/escapes%3Fx%3D1&amp;y=2",
        "\"\\u041f\\u0440\\u0438\\u0432\\u0435\\u0442\\u002c \\u043c\\u0438\\u0440\"",
        "C:\\\\Users\\\\name\\\\AppData\\\\Local\\\\Programs",
    ]
    .join("\n");
    let report = scan_file("file.txt", content, 0);
    let left_out = &report.value["receipt"]["not_reported"];
    assert_eq!(["malformed", "low_confidence", "publishable"].map(|n| left_out[n].as_u64().unwrap()), [0; 3]);
}
