//! Hygiene: habits by which secrets leak, told at low severity, apart from the secrets themselves.

use crate::util::{Json, Repo, github_token, mint, text};

/// Rules and paths of the findings of hygiene.
fn habits(report: &Json) -> Vec<(String, String, Vec<String>)> {
    let mut all: Vec<_> = report
        .findings()
        .iter()
        .filter(|f| f["rule"]["kind"] == "hygiene")
        .map(|f| {
            assert_eq!(f["severity"], "low");
            let places = f["occurrences"].as_array().unwrap().iter();
            let mut paths: Vec<String> =
                places.flat_map(|o| o["paths"].as_array().unwrap()).map(|p| text(&p["path"])).collect();
            paths.sort();
            paths.dedup();
            (text(&f["rule"]["id"]), text(&f["masked"]), paths)
        })
        .collect();
    all.sort();
    all
}

fn row(rule: &str, seen: &str, paths: &[&str]) -> (String, String, Vec<String>) {
    (rule.into(), seen.into(), paths.iter().map(|p| (*p).to_owned()).collect())
}

/// A password that nobody would take for a sure secret, so that hygiene alone speaks.
fn settings(name: &str) -> String {
    format!("# settings\nAPP_ENV=production\n{name}={}\nAPP_PORT=80\n", concat!("tiger-", "lily9"))
}

#[test]
fn tracked_env_files_are_told_and_examples_are_not() {
    let repo = Repo::new();
    repo.write(".env", settings("DB_PASSWORD"));
    repo.write("api/.env.production", settings("SMTP_PASSWORD"));
    repo.write(".env.example", settings("A_PASSWORD"));
    repo.write("tests/.env", settings("B_PASSWORD"));
    repo.write("examples/app/.env", settings("C_PASSWORD"));
    repo.write("guides/app/.env", settings("F_PASSWORD"));
    repo.write("ci/.env", "APP_ENV=local\nAPP_KEY=SomeRandomStringOf32CharsExactly\nX_KEY=S0m3R@nd0mString0f32Ch@rs\n");
    repo.write("web/.env", "NODE_ENV=production\nPUBLIC_URL=/app\nDB_PASSWORD=${DB_PASSWORD}\nTOKEN=\n");
    repo.write("script.env", "#!/bin/sh\necho DB_PASSWORD=x\n");
    repo.commit("settings");
    repo.write("untracked/.env", settings("D_PASSWORD"));
    let want = [
        row("hygiene-env-file", "DB_PASSWORD", &[".env"]),
        row("hygiene-env-file", "SMTP_PASSWORD", &["api/.env.production"]),
    ];
    let report = repo.keyscan().args(["--skip", "generic"]).json(0);
    assert_eq!(habits(&report), want);
    // The files alone, and the history alone.
    assert_eq!(habits(&repo.keyscan().args(["--skip", "generic", "--no-history"]).json(0)), want);
    assert_eq!(habits(&repo.keyscan().args(["--skip", "generic", "--history-only"]).json(0)), want);
}

#[test]
fn nothing_beside_the_name_is_shown() {
    let repo = Repo::new();
    repo.write(".env", settings("DB_PASSWORD"));
    repo.commit("settings");
    for format in ["text", "json", "jsonl", "sarif", "markdown", "csv", "junit", "github", "gitlab"] {
        let out = repo.keyscan().args(["--only", "hygiene", "--format", format]).run().code(1);
        let out = out.never_says(concat!("tiger-", "lily9"));
        assert!(
            ["hygiene-env-file", "Tracked .env file"].iter().any(|words| out.text().contains(words)),
            "{}",
            out.story()
        );
    }
}

#[test]
fn key_files_outside_of_tests_are_told_beside_the_key() {
    let repo = Repo::new();
    let key = mint("private-key-pkcs8", 3);
    repo.write("deploy/server.key", &key);
    repo.write("testdata/server.key", mint("private-key-pkcs8", 4));
    repo.write("docs.txt", &key);
    repo.commit("keys");
    let report = repo.json(1);
    let seen = concat!("-----BEGIN ", "PRIVATE KEY-----");
    let [(rule, shown, paths)] = &habits(&report)[..] else { panic!("{}", report.story) };
    assert_eq!((rule.as_str(), shown.as_str()), ("hygiene-key-file", seen));
    assert!(paths.contains(&"deploy/server.key".to_owned()) && !paths.contains(&"testdata/server.key".to_owned()));
    let others = report.findings().iter().filter(|f| f["rule"]["kind"] == "secret").count();
    assert_eq!(others, 2, "the keys themselves");
}

#[test]
fn what_goes_to_browsers_is_told() {
    let repo = Repo::new();
    let token = github_token(5);
    repo.write("web/public/app.js", format!("const gh = \"{token}\";\n"));
    repo.write("server/app.js", format!("const gh = \"{}\";\n", github_token(6)));
    repo.write(
        "src/pay.ts",
        "const a = process.env.NEXT_PUBLIC_STRIPE_SECRET_KEY;\nconst b = process.env.NEXT_PUBLIC_STRIPE_PUBLISHABLE_KEY;\n",
    );
    repo.commit("page");
    let report = repo.json(1);
    let all = habits(&report);
    let [browser, variable] = &all[..] else { panic!("{all:?}") };
    assert_eq!((browser.0.as_str(), &browser.2[..]), ("hygiene-browser-secret", &["web/public/app.js".to_owned()][..]));
    assert!(!browser.1.contains(&token[8..30]), "masked");
    assert_eq!(*variable, row("hygiene-browser-variable", "NEXT_PUBLIC_STRIPE_SECRET_KEY", &["src/pay.ts"]));
}

/// Lines of code, and the name that is told; none for code that does nothing wrong.
const RANDOM: &[(&str, &str, Option<&str>)] = &[
    ("a.js", "const resetToken = Math.random().toString(36);\n", Some("resetToken")),
    ("b.js", "const cacheToken = Math.random();\n", None),
    (
        "c.js",
        "function generatePassword(n) {\n  let s = '';\n  s += abc[Math.floor(Math.random() * 9)];\n}\n",
        Some("generatePassword"),
    ),
    ("d.py", "api_key = ''.join(random.choice(letters) for _ in range(20))\n", Some("api_key")),
    ("e.py", "api_key = ''.join(random.SystemRandom().choice(letters) for _ in range(20))\n", None),
    ("f.py", "def make_password(n):\n    return ''.join(random.choices(abc, k=n))\n", Some("make_password")),
    ("g.py", "def shuffle(n):\n    return random.choice(n)\n", None),
    ("h.php", "$api_key = md5(uniqid(mt_rand(), true));\n", Some("api_key")),
    ("i.go", "session_key := letters[rand.Intn(len(letters))]\n", Some("session_key")),
    // A name in another one's text, and the next field of an object.
    ("k.py", "prompt = '[key=%s] password: ' % ''.join(chr(random.randint(97, 122)))\n", None),
    ("l.js", "let o={ssl:!1,password:\"\",keepalive:60,id:\"c_\"+Math.random()};\n", None),
    ("m.js", "let o={accessToken:\"t_\"+Math.random(),keepalive:60};\n", Some("accessToken")),
    ("n.php", "$user['passwd'] = Hash::make('u' . mt_rand(1, 9));\n", Some("passwd")),
    ("tests/j.js", "const accessToken = Math.random();\n", None),
];

#[test]
fn secrets_from_weak_random_functions_are_told() {
    let repo = Repo::new();
    for (path, text, _) in RANDOM {
        repo.write(path, text);
    }
    repo.commit("code");
    let mut want: Vec<_> =
        RANDOM.iter().filter_map(|(path, _, seen)| Some(row("hygiene-weak-random", (*seen)?, &[*path]))).collect();
    // One name in two files is one finding.
    want.retain(|w| w.1 != "api_key");
    want.push(row("hygiene-weak-random", "api_key", &["d.py", "h.php"]));
    want.sort();
    assert_eq!(habits(&repo.json(0)), want);
}

#[test]
fn habits_alone_do_not_change_the_exit_code_unless_they_are_asked_for() {
    let repo = Repo::new();
    repo.write("a.js", "const resetToken = Math.random().toString(36);\n");
    repo.commit("code");
    repo.keyscan().run().code(0).says("resetToken");
    repo.keyscan().args(["--only", "hygiene"]).run().code(1);
    for off in [&["--skip", "hygiene"][..], &["--skip", "hygiene-weak-random"], &["--severity", "medium"]] {
        repo.keyscan().args(off).run().code(0).never_says("resetToken");
    }
    repo.write(".keyscan.yaml", "rules:\n  skip: [hygiene]\n");
    assert!(habits(&repo.json(0)).is_empty());
}

#[test]
fn a_file_that_is_tracked_no_more_is_past() {
    let repo = Repo::new();
    repo.write(".env", settings("DB_PASSWORD"));
    repo.commit("settings");
    repo.git(["rm", "--quiet", "--cached", ".env"]);
    repo.write(".gitignore", ".env\n");
    repo.commit("settings are no more");
    let report = repo.keyscan().args(["--skip", "generic"]).json(0);
    assert!(habits(&report).is_empty());
    let skipped = report.skipped().join("\n");
    assert!(skipped.contains("hygiene of files that no branch or tag holds any more"), "{skipped}");
}
