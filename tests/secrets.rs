//! Whole secrets are never printed, in no format and in no error, unless `--show-secrets` asks for it.

use std::collections::BTreeMap;
use std::fs;

use keyscan::report::Format;
use keyscan::rules::{self, Kind};
use keyscan::structure::Rng;

use crate::util::{Keyscan, Repo, builtin_rules, github_token, line, mint, overwrite, text};

/// Every format there is.
fn formats() -> impl Iterator<Item = &'static str> {
    Format::all().map(Format::as_str)
}

/// Secrets of many kinds, each under a name.
fn secrets() -> BTreeMap<&'static str, String> {
    [
        "github-pat-classic",
        "github-pat-fine-grained",
        "gitlab-pat",
        "stripe-secret-key",
        "slack-bot-token",
        "openai-project-api-key",
        "npm-access-token",
        "pypi-upload-token",
        "digitalocean-pat",
        "sendgrid-api-key",
        "aws-secret-access-key",
        "azure-storage-account-key",
        "datadog-api-key",
    ]
    .into_iter()
    .enumerate()
    .map(|(n, rule)| (rule, mint(rule, 300 + n as u64)))
    .collect()
}

/// The part of a secret that a reader must not learn: all but what a mask may keep.
fn core(secret: &str) -> &str {
    let skip = secret.len() / 3;
    &secret[skip..secret.len() - 4]
}

/// A repository with all of them: one a line, two on a line, in names and messages, in the tree and in history.
fn repository() -> (Repo, Vec<String>) {
    let repo = Repo::new();
    let secrets = secrets();
    let mut all: Vec<String> = secrets.values().cloned().collect();
    let lines: String = secrets
        .iter()
        .map(|(rule, secret)| {
            let name = rule.split('-').next().unwrap().to_uppercase();
            format!("{name}_API_KEY={name}_SECRET_ACCESS_KEY=\"{secret}\"\n")
        })
        .collect();
    repo.write("keys.env", lines);
    let pairs: String = all.windows(2).map(|pair| format!("both({}, {})\n", pair[0], pair[1])).collect();
    repo.write("pairs.txt", pairs);
    // A short password, and one beside a token.
    let passwords = ["correct.horse9", "Tr0ub4dor+3x!"];
    repo.write(
        "urls.txt",
        format!(
            "postgres://app:{}@db.internal.net/prod\nredis://:{}@cache.internal.net {}\n",
            passwords[0], passwords[1], all[0]
        ),
    );
    repo.commit(&format!("deploy with {}", all[1]));
    repo.write("keys.env", "clean\n");
    repo.write("key.pem", mint("private-key-rsa", 330));
    repo.commit("clean up");
    repo.git(["branch", &format!("wip-{}", github_token(331))]);
    repo.git(["tag", "-a", "v1", "-m", &github_token(332)]);
    // A name and a content with the same token.
    repo.write(format!("dir-{}/file", github_token(334)), line(&github_token(334)));
    repo.commit("a name with a token");
    all.extend(passwords.map(str::to_owned));
    all.extend([331, 332, 334].map(github_token));
    (repo, all)
}

#[test]
fn no_report_holds_a_whole_secret() {
    let (repo, secrets) = repository();
    let pem = mint("private-key-rsa", 330);
    let pem_line = pem.lines().nth(2).unwrap();
    for format in formats() {
        for more in [[].as_slice(), &["--verbose"], &["--show-malformed", "--show-publishable", "--confidence=low"]] {
            let out = repo.keyscan().args(["--format", format]).args(more).run().code(1).never_says(pem_line);
            for secret in &secrets {
                let text = out.text();
                assert!(!text.contains(secret.as_str()), "{format} holds {secret}\n{}", out.story());
                assert!(!text.contains(core(secret)), "{format} holds most of {secret}\n{}", out.story());
            }
        }
    }
}

#[test]
fn masks_keep_only_what_every_secret_of_a_rule_begins_with() {
    let set = builtin_rules();
    let repo = Repo::new();
    for (rule, meta) in set.rules().iter().zip(set.metas()).filter(|(_, meta)| meta.kind != Kind::Hygiene) {
        repo.write(format!("{}.txt", meta.id), rules::mint::mint(rule, &mut Rng::new(7)).unwrap());
    }
    let report = repo.keyscan().args(["--no-history", "--confidence=low"]).json(1);
    let found: Vec<_> = report.findings().iter().filter(|f| f["rule"]["kind"] != "hygiene").collect();
    assert!(found.len() > 300, "{}", report.story);
    // A structure finds it behind the literal.
    assert!(found.iter().any(|f| f["rule"]["id"] == "netrc-password"), "{}", report.story);
    for finding in found {
        let (id, masked) = (text(&finding["rule"]["id"]), text(&finding["masked"]));
        let rule = &set.rules()[set.index_of(&id).unwrap()];
        let literal = rule.format.as_ref().map_or(&b""[..], |format| format.prefix());
        let shown = |b: &u8| if b.is_ascii_graphic() || *b == b' ' { *b as char } else { '.' };
        let literal: String = literal.iter().map(shown).collect();
        let head = masked.split('*').next().unwrap();
        assert!(literal.starts_with(head), "{id}: {masked}");
    }
}

#[test]
fn with_show_secrets_they_are_there() {
    let (repo, _) = repository();
    for format in Format::all().filter(|f| f.can_show_secrets()).map(Format::as_str) {
        let out = repo.keyscan().args(["--format", format, "--show-secrets"]).run().code(1);
        let out = out.says(&github_token(332)).says(&github_token(334)).says(&mint("stripe-secret-key", 303));
        drop(out);
    }
}

#[test]
fn many_kinds_are_found_at_all() {
    let (repo, _) = repository();
    let json = repo.json(1);
    for (rule, secret) in secrets() {
        assert!(json.has(&secret), "{rule} is not found, so not to print it proves nothing\n{}", json.story);
    }
}

#[test]
fn the_neighbour_on_the_line_is_masked() {
    // Found, but under the threshold; malformed; publishable; and no secret of any rule, but it looks random.
    let token = github_token(340);
    let mut malformed = github_token(341).into_bytes();
    malformed[12] = if malformed[12] == b'x' { b'y' } else { b'x' };
    let neighbours =
        [String::from_utf8(malformed).unwrap(), mint("stripe-publishable-key", 342), mint("adafruit-io-key", 343)];
    for neighbour in neighbours {
        let random = &neighbour[neighbour.len() - 12..];
        for source in
            [format!("{neighbour} {token}\n"), format!("{token},{neighbour}"), format!("a={neighbour}&b={token}&c")]
        {
            for format in formats() {
                let out = Keyscan::at(&std::env::temp_dir()).args(["-", "--format", format]).stdin(&source).run();
                out.code(1).never_says(&token).never_says(&neighbour).never_says(random);
            }
        }
    }
}

#[test]
fn errors_do_not_print_secrets() {
    let token = github_token(350);
    let repo = Repo::new();
    let name = format!("dir/{token}");
    repo.write(&name, line(&github_token(351)));
    repo.write("the-same", line(&token));
    repo.commit("first");
    let id = repo.git(["rev-parse", &format!("HEAD:{name}")]);
    overwrite(&repo.loose(&id), b"garbage");
    fs::write(repo.path().join(".git/refs/heads").join(&token), "1234567890123456789012345678901234567890\n").unwrap();
    for format in formats() {
        repo.keyscan().args(["--format", format]).run().code(2).never_says(&token).never_says(&github_token(351));
    }
    // What the user typed himself may be repeated, but not what the file holds.
    repo.write("rules.yaml", format!("provider: {token}\nrules: {}\n", github_token(352)));
    repo.keyscan().args(["--rules", "rules.yaml"]).run().code(2).never_says(&token).never_says(&github_token(352));
}

#[test]
fn the_mask_keeps_the_prefix_and_four_characters_at_most() {
    for (rule, seed) in [("github-pat-classic", 360), ("stripe-secret-key", 361), ("slack-bot-token", 362)] {
        let token = mint(rule, seed);
        let json = Keyscan::at(&std::env::temp_dir()).arg("-").stdin(line(&token)).json(1);
        let masked = json.finding(&token)["masked"].as_str().unwrap();
        let (head, tail) = masked.split_once("********").unwrap();
        assert!(token.starts_with(head) && token.ends_with(tail), "{masked}");
        let index = builtin_rules().index_of(rule).unwrap();
        assert!(head.len() <= builtin_rules().rules()[index].format.as_ref().unwrap().prefix().len(), "{masked}");
        assert!(tail.len() <= 4, "{masked}");
    }
}

#[test]
fn a_short_password_shows_nothing() {
    let password = concat!("8uQz", "7mKp");
    let json = Keyscan::at(&std::env::temp_dir())
        .arg("-")
        .stdin(format!("x = ftp://bob:{password}@files.corp.net/\n"))
        .json(1);
    let finding = &json.findings()[0];
    assert_eq!(finding["masked"], "********");
    assert!(!finding["occurrences"].to_string().contains("8uQz"), "{}", json.story);
    // Nor can it be guessed from a hash.
    assert_eq!(finding.get("secret_sha256"), None);
}

#[test]
fn a_token_in_a_path_is_masked() {
    let (now, once) = (github_token(374), github_token(375));
    let repo = Repo::new();
    repo.write(format!("dir-{once}/file"), line(&github_token(376)));
    repo.commit("first");
    repo.git(["rm", "-q", "-r", "."]);
    repo.write(format!("backup-{now}.txt"), line(&github_token(377)));
    repo.commit("second");
    for format in formats() {
        repo.keyscan().args(["--format", format]).run().code(1).never_says(&now).never_says(&once);
    }
    assert!(repo.json(1).has(&now), "the name of a file is text, too");
}

#[test]
fn a_token_in_a_path_is_found_and_masked() {
    let (now, once) = (github_token(371), github_token(372));
    let repo = Repo::new();
    repo.write(format!("dir-{once}/file"), "a\n");
    repo.commit("first");
    repo.git(["rm", "-q", "-r", "."]);
    repo.write(format!("backup-{now}.txt"), line(&github_token(373)));
    repo.commit("second");
    for format in formats() {
        repo.keyscan().args(["--format", format]).run().code(1).never_says(&now).never_says(&once);
    }
    let json = repo.json(1);
    assert!(json.has(&now) && json.has(&once), "{}", json.story);
}

#[test]
fn sarif_holds_no_personal_data() {
    let repo = Repo::with_removed(&github_token(370));
    repo.keyscan().args(["--format", "sarif"]).run().code(1).never_says("ann@example.com").never_says("Ann Author");
}
