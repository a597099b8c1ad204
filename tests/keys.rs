//! Keys of formats of one's own: made, looked at, digested, found by an inventory; ids and secrets that belong together.

use std::fs;

use keyscan::structure::Rng;
use serde_json::Value;

use crate::util::{Keyscan, Output, Repo, github_token, mint, sha256};

/// What a run printed.
struct Said {
    stdout: String,
    stderr: String,
}

trait Says {
    fn said(self) -> Said;
}

impl Says for Output {
    fn said(self) -> Said {
        Said { stdout: String::from_utf8(self.stdout).unwrap(), stderr: String::from_utf8(self.stderr).unwrap() }
    }
}

const RULES: &str = "
provider: Acme
rotate:
  revoke: https://acme.example/keys
  overlap: true
  steps: [Delete the key.]
rules:
  - id: acme-live-key
    name: Acme API key
    format: 'acme_{env=live|test}_{body:base62:30}{check:base62:6}'
    checksum: check == base62(crc32(body), 6)
    severity: critical
    grants: all orders
  - id: acme-weak-key
    name: Acme weak key
    format: 'acmew_{body:hex:16}'
    severity: low
    grants: little
";

/// A room with the rules in `acme.yaml`.
fn room() -> Repo {
    let repo = Repo::new();
    repo.write("acme.yaml", RULES);
    repo
}

fn generate(repo: &Repo, more: &[&str]) -> (String, String) {
    let args = [&["key", "generate", "--allow-file", "--rules", "acme.yaml"], more].concat();
    let out = Keyscan::at(repo.path()).args(&args).run().code(0).said();
    (out.stdout.trim_end().to_owned(), out.stderr.clone())
}

#[test]
fn a_generated_key_is_proven_and_shown_once() {
    let repo = room();
    let (key, told) = generate(&repo, &["--rule", "acme-live-key", "--set", "env=test", "--label", "batch job"]);
    assert!(key.starts_with("acme_test_") && key.len() == 46, "{} characters", key.len());
    assert!(!told.contains(&key) && !told.contains(&key[10..20]));
    for want in ["entropy    178 bits", &format!("sha256     {}", sha256(&key)), "prefix     acme_", "acme_ batch job"]
    {
        assert!(told.contains(want), "{want}\n{told}");
    }
    assert!(!told.contains("warning"), "{told}");
    let (again, _) = generate(&repo, &["--rule", "acme-live-key"]);
    assert_ne!(key, again);
    repo.write("leak.txt", format!("key: {key}\n"));
    let json = Keyscan::at(repo.path()).args(["--rules", "acme.yaml", "--no-history", "leak.txt"]).json(1);
    assert_eq!(json.findings().len(), 1);
    assert_eq!(json.findings()[0]["verdict"], "proven");
}

/// The harness catches standard output in a file.
#[test]
fn a_key_does_not_go_into_a_file_unasked() {
    let repo = room();
    let args = ["key", "generate", "--rules", "acme.yaml", "--rule", "acme-live-key"];
    let out = Keyscan::at(repo.path()).args(args).run().code(2).said();
    assert!(out.stdout.is_empty() && out.stderr.contains("--allow-file"), "{}", out.stderr);
}

#[test]
fn weak_formats_are_warned_of_and_vendors_formats_refused() {
    let repo = room();
    let (_, told) = generate(&repo, &["--rule", "acme-weak-key"]);
    assert!(told.contains("64 bits") && told.contains("under 128 bits") && told.contains("no checksum"), "{told}");
    for (args, want) in [
        (vec!["--rule", "github-pat-classic"], "only they can issue"),
        (vec!["--rule", "acme-live"], "did you mean"),
        (vec!["--rule", "acme-live-key", "--set", "nope=1"], "no segment `nope`"),
        (vec!["--rule", "acme-live-key", "--set", "env=prod"], "no key fits"),
        (vec!["--rule", "acme-live-key", "--label", "a\nb"], "line break"),
    ] {
        let args = [&["key", "generate", "--allow-file", "--rules", "acme.yaml"], args.as_slice()].concat();
        let out = Keyscan::at(repo.path()).args(&args).run().code(2).said();
        assert!(out.stderr.contains(want), "{want}\n{}", out.stderr);
        assert_eq!(out.stdout, "");
    }
}

#[test]
fn inspect_says_everything_but_the_secret() {
    let repo = room();
    let (key, _) = generate(&repo, &["--rule", "acme-live-key"]);
    let inspect = |input: &str, more: &[&str]| {
        let args = [&["key", "inspect", "--rules", "acme.yaml"], more].concat();
        let out = Keyscan::at(repo.path()).args(&args).stdin(input).run().code(0).said();
        assert!(!out.stdout.contains(input.trim()) && !out.stderr.contains(input.trim()), "{}", out.stdout);
        out.stdout.clone()
    };
    let text = inspect(&format!("{key}\n"), &[]);
    for want in
        ["Acme API key", "proven", "checksum    matches", "secret, live", "https://acme.example/keys", &sha256(&key)]
    {
        assert!(text.contains(want), "{want}\n{text}");
    }
    let json: Value = serde_json::from_str(&inspect(&key, &["--json"])).unwrap();
    assert_eq!(json["matches"][0]["rule"], "acme-live-key");
    assert_eq!(json["matches"][0]["bits"], 179.0);
    let edited = format!("{}{}", &key[..45], if key.ends_with('a') { 'b' } else { 'a' });
    assert!(inspect(&edited, &[]).contains("does not match"));
    // What has no shape of its own could be many things; with a checksum or structure it is told which.
    let hex = Rng::new(4).text(b"0123456789abcdef", 32);
    let text = inspect(&hex, &[]);
    assert!(text.contains("128 bits at most") && text.contains("datadog-api-key"), "{text}");
    let out = Keyscan::at(repo.path()).args(["key", "inspect"]).stdin("").run().code(2).said();
    assert!(out.stderr.contains("empty"), "{}", out.stderr);
    // A key never stands in the arguments.
    Keyscan::at(repo.path()).args(["key", "inspect", &key]).stdin("").run().code(2);
}

/// Keys without a prefix, with one, and with padding.
fn issued(seed: u64) -> [String; 3] {
    let mut rng = Rng::new(seed);
    [
        rng.text(b"0123456789abcdef", 40),
        format!("corp_{}", rng.text(b"abcdefghijklmnopqrstuvwxyz", 24)),
        format!("{}==", rng.text(b"ABCDEFGHIJKLMabcdefghijk0123456789+/", 30)),
    ]
}

#[test]
fn issued_keys_are_recognised_by_their_digest_alone() {
    let repo = Repo::new();
    let [hex, prefixed, padded] = issued(1);
    let digest = |keys: &str, args: &[&str]| {
        let args = [&["key", "digest"], args].concat();
        Keyscan::at(repo.path()).args(&args).stdin(keys).run().code(0).said().stdout.clone()
    };
    let list = format!(
        "# issued keys\n{}{}{},,\"padded, quoted\"\n",
        digest(&format!("{hex}\n"), &["--label", "ci bot"]),
        digest(&format!("{prefixed}\n"), &["--prefix", "corp_"]),
        sha256(&padded)
    );
    assert!(!list.contains(&hex) && !list.contains(&prefixed));
    fs::write(repo.beside("issued.txt"), &list).unwrap();
    repo.write("a.txt", format!("url = https://x.example/{hex}/y\n"));
    repo.write("b.txt", format!("x{prefixed}yy\n"));
    repo.commit("leak");
    repo.write("a.txt", "clean\n");
    repo.write("b.txt", format!("now: '{padded}'\n"));
    repo.commit("another");
    let file = repo.beside("issued.txt");
    let run = |more: &[&str]| Keyscan::at(repo.path()).arg("--inventory").arg(&file).args(more).arg(".").json(1).value;
    let json = run(&[]);
    let mut labels: Vec<_> = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| {
            assert_eq!((&f["verdict"], &f["rule"]["id"]), (&Value::from("proven"), &Value::from("inventory-key")));
            f["facts"][0]["value"].as_str().unwrap().to_owned()
        })
        .collect();
    labels.sort();
    assert_eq!(labels, [&format!("{}:3", file.display()), "ci bot", "padded, quoted"]);
    assert_eq!(run(&["--plain"]), json);
    // Without the list these are nothing, or something that nobody can be sure of.
    let without = Keyscan::at(repo.path()).args(["--format", "json", "."]).run().json();
    assert!(without.findings().iter().all(|f| f["verdict"] != "proven"));
}

#[test]
fn inventories_with_mistakes_are_refused() {
    let repo = room();
    for (text, want) in [("hunter2-hunter2-hunter2\n", "list.txt:1: "), ("# none\n", "no digest")] {
        repo.write("list.txt", text);
        let out = Keyscan::at(repo.path()).args(["--inventory", "list.txt", "."]).run().code(2).said();
        assert!(out.stderr.contains(want) && !out.stderr.contains("hunter2"), "{}", out.stderr);
    }
    let out = Keyscan::at(repo.path()).args(["--inventory", "none.txt", "."]).run().code(2).said();
    assert!(out.stderr.contains("none.txt"), "{}", out.stderr);
    for (key, want) in [("short", "line 1: the key is not 16"), ("with a blank in it somewhere", "other characters")] {
        let out = Keyscan::at(repo.path()).args(["key", "digest"]).stdin(key).run().code(2).said();
        assert!(out.stderr.contains(want) && !out.stderr.contains(key), "{}", out.stderr);
    }
}

/// A rule that knows what the key is keeps it, with the label.
#[test]
fn inventory_and_rule_agree_on_one_finding() {
    let repo = Repo::new();
    let token = github_token(3);
    repo.write("list.txt", format!("{} - deploy bot\n", sha256(&token)));
    repo.write("a.txt", format!("t = '{token}'\n"));
    let json = Keyscan::at(repo.path()).args(["--inventory", "list.txt", "--no-history", "a.txt"]).json(1);
    assert_eq!(json.findings().len(), 1);
    assert_eq!(json.findings()[0]["rule"]["id"], "github-pat-classic");
    let facts = json.findings()[0]["facts"].as_array().unwrap();
    assert!(facts.iter().any(|f| f["label"] == "inventory" && f["value"] == "deploy bot"), "{facts:?}");
}

/// Many edits of files with issued keys: the incremental scan finds what the plain one does.
#[test]
fn the_inventory_is_exact_in_histories() {
    let repo = Repo::new();
    let mut rng = Rng::new(9);
    let keys: Vec<String> = (0..6).flat_map(issued).collect();
    let list: String = keys
        .iter()
        .map(|key| {
            let prefix = if key.starts_with("corp_") { "corp_" } else { "-" };
            format!("{} {prefix} key\n", sha256(key))
        })
        .collect();
    fs::write(repo.beside("list.txt"), list).unwrap();
    let filler = |rng: &mut Rng| match rng.below(4) {
        0 => rng.text(b"abcdef0123456789/+.=-", 700),
        1 => "word another.word some/path/name_of-it ".repeat(3),
        2 => "\n".to_owned(),
        _ => rng.text(b"abcdefghijklmnop \n", 60),
    };
    let mut pieces: Vec<String> = (0..40).map(|_| filler(&mut rng)).collect();
    for version in 0..60 {
        let at = rng.below(pieces.len());
        match rng.below(4) {
            0 if pieces.len() > 10 => drop(pieces.remove(at)),
            0 => pieces.insert(at, filler(&mut rng)),
            1 => {
                let around = ["\n", "=", "/", " ", "\"", ".", ""];
                let (before, after) = (around[rng.below(7)], around[rng.below(7)]);
                pieces.insert(at, format!("{before}{}{after}", keys[rng.below(keys.len())]));
            }
            2 => pieces.insert(at, filler(&mut rng)),
            _ => {
                let cut = rng.below(pieces[at].len() + 1);
                pieces[at].insert(cut, b"=/x. \n"[rng.below(6)].into());
            }
        }
        repo.write("file.txt", pieces.concat());
        repo.commit(&format!("version {version}"));
    }
    repo.git(["gc", "--quiet", "--aggressive", "--prune=now"]);
    let run = |more: &[&str]| {
        let scan = Keyscan::at(repo.path());
        let scan = scan.arg("--inventory").arg(repo.beside("list.txt")).args(["--history-only"]);
        scan.args(more).arg(".").json(1).value["findings"].clone()
    };
    let (plain, changes) = (run(&["--plain"]), run(&[]));
    assert!(plain.as_array().unwrap().len() >= 3);
    assert_eq!(plain, changes);
}

#[test]
fn an_id_and_its_secret_are_paired_when_close() {
    let repo = Repo::new();
    let (id, secret) = (mint("aws-access-key-id", 1), mint("aws-secret-access-key", 1));
    let far = "x = 1\n".repeat(8);
    repo.write("near.txt", format!("aws_access_key_id = {id}\nregion = eu\naws_secret_access_key = {secret}\n"));
    let run = |args: &[&str]| Keyscan::at(repo.path()).args(args).json(1);
    let fact = |finding: &Value| {
        let facts = finding["facts"].as_array().unwrap();
        facts.iter().find(|f| f["label"] == "pair").map(|f| f["value"].as_str().unwrap().to_owned())
    };
    let json = run(&["--no-history", "near.txt"]);
    let of = |json: &Value, rule: &str| {
        json["findings"].as_array().unwrap().iter().find(|f| f["rule"]["id"] == rule).cloned().unwrap()
    };
    let (a, b) = (of(&json.value, "aws-access-key-id"), of(&json.value, "aws-secret-access-key"));
    assert_eq!(fact(&a).unwrap(), "aws-secret-access-key at line 3");
    assert_eq!(fact(&b).unwrap(), "aws-access-key-id at line 1");
    assert_eq!(b["confidence"], "high");
    repo.write("far.txt", format!("aws_access_key_id = {id}\n{far}aws_secret_access_key = {secret}\n"));
    let json = run(&["--no-history", "far.txt"]);
    let (a, b) = (of(&json.value, "aws-access-key-id"), of(&json.value, "aws-secret-access-key"));
    assert_eq!((fact(&a), fact(&b), b["confidence"].as_str()), (None, None, Some("medium")));
    for alone in [format!("aws_access_key_id = {id}\n"), format!("aws_secret_access_key = {secret}\n")] {
        repo.write("alone.txt", alone);
        assert_eq!(run(&["--no-history", "alone.txt"]).findings().len(), 1);
    }
    // In history objects too, and in every format.
    repo.remove("far.txt");
    repo.remove("alone.txt");
    repo.commit("leak");
    let history = run(&["--history-only", "."]);
    assert_eq!(fact(&of(&history.value, "aws-secret-access-key")).unwrap(), "aws-access-key-id at line 1");
    let text = Keyscan::at(repo.path()).args(["--no-history", "near.txt"]).run().code(1).said();
    assert!(text.stdout.contains("pair: aws-access-key-id at line 1"), "{}", text.stdout);
    let sarif = Keyscan::at(repo.path()).args(["--no-history", "near.txt", "--format", "sarif"]).run().code(1).said();
    assert!(sarif.stdout.contains("aws-access-key-id at line 1"), "{}", sarif.stdout);
}

#[test]
fn ids_and_secrets_of_several_issuers_are_paired() {
    let repo = Repo::new();
    for (names, rules) in [
        (["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"], ["twilio-account-sid", "twilio-auth-token"]),
        (["TWILIO_API_KEY", "TWILIO_API_SECRET"], ["twilio-api-key-sid", "twilio-api-key-secret"]),
        (["GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET"], ["google-oauth-client-id", "google-oauth-client-secret"]),
    ] {
        let lines: String =
            names.iter().zip(rules).map(|(name, rule)| format!("{name}={}\n", mint(rule, 11))).collect();
        repo.write("a.env", lines);
        let json = Keyscan::at(repo.path())
            .args(["--no-history", "--show-publishable", "--confidence", "low", "a.env"])
            .json(1);
        for (this, other) in [(rules[0], rules[1]), (rules[1], rules[0])] {
            let finding = json.findings().iter().find(|f| f["rule"]["id"] == this);
            let finding = finding.unwrap_or_else(|| panic!("{this}\n{}", json.story));
            let pair = finding["facts"].as_array().unwrap().iter().find(|f| f["label"] == "pair");
            let pair = pair.unwrap_or_else(|| panic!("{this} has no pair\n{}", json.story));
            assert!(pair["value"].as_str().unwrap().starts_with(other), "{pair}");
        }
        // The secret alone is reported, too.
        repo.write("a.env", format!("{}={}\n", names[1], mint(rules[1], 12)));
        let json = Keyscan::at(repo.path()).args(["--no-history", "a.env"]).json(1);
        assert_eq!(json.findings()[0]["rule"]["id"], rules[1], "{}", json.story);
    }
}

#[test]
fn a_master_key_file_is_found_by_its_path() {
    let repo = Repo::new();
    let key = mint("rails-master-key", 7);
    repo.write("config/master.key", &key);
    repo.write("other.txt", &key);
    repo.commit("keys");
    repo.remove("config/master.key");
    repo.commit("gone");
    let json = Keyscan::at(repo.path()).arg(".").json(1);
    assert_eq!(json.findings().len(), 1);
    assert_eq!(json.findings()[0]["rule"]["id"], "rails-master-key-file");
    repo.git(["rm", "-q", "--cached", "other.txt"]);
    let files = Keyscan::at(repo.path()).args(["--no-history", "other.txt"]).json(0);
    assert!(files.findings().is_empty());
}

#[test]
fn rules_can_be_listed_by_what_they_are() {
    let repo = room();
    let list = |args: &[&str]| {
        let args = [&["rules", "list", "--json"], args].concat();
        let out = Keyscan::at(repo.path()).args(&args).run().code(0).said();
        serde_json::from_str::<Vec<Value>>(&out.stdout).unwrap()
    };
    let all = list(&[]);
    for (args, key, value) in [
        (&["--provider", "github"][..], "provider", "GitHub"),
        (&["--kind", "publishable"], "kind", "publishable"),
        (&["--environment", "test"], "environment", "test"),
        (&["--certainty", "sampled"], "certainty", "sampled"),
    ] {
        let some = list(args);
        assert!(!some.is_empty() && some.len() < all.len(), "{args:?}");
        assert!(some.iter().all(|rule| rule[key] == value), "{args:?}");
    }
    assert!(list(&["--provable"]).iter().all(|rule| rule["provable"] == true));
    let out = Keyscan::at(repo.path()).args(["rules", "list", "--kind", "nope"]).run().code(2).said();
    assert!(out.stderr.contains("secret, publishable, identifier"), "{}", out.stderr);
    let out = Keyscan::at(repo.path()).args(["rules", "check", "acme.yaml"]).run().code(0).said();
    for want in ["64 bits", "no checksum"] {
        assert!(out.stdout.contains(want), "{}", out.stdout);
    }
}
