//! The GitHub Action as a runner runs it: the scripts and the environment that `action.yml` names, for event payloads as
//! GitHub sends them, on clones as actions/checkout makes them. No network and no runner.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::util::{Repo, github_token, line};

/// The commit of a ref that did not exist.
const NONE: &str = "0000000000000000000000000000000000000000";

/// An event and the ref that it is about.
struct Event {
    name: &'static str,
    git_ref: String,
    payload: Value,
}

impl Event {
    fn push(git_ref: &str, before: &str, after: &str) -> Self {
        let payload = json!({ "ref": git_ref, "before": before, "after": after, "deleted": after == NONE });
        Self::new("push", git_ref, payload)
    }

    fn pull(name: &'static str, base: &str, head: &str) -> Self {
        let payload = json!({ "pull_request": { "number": 7, "base": { "sha": base }, "head": { "sha": head } } });
        Self::new(name, "refs/pull/7/merge", payload)
    }

    fn new(name: &'static str, git_ref: &str, mut payload: Value) -> Self {
        payload["repository"] = json!({ "default_branch": "main", "full_name": "acme/shop" });
        Self { name, git_ref: git_ref.to_owned(), payload }
    }
}

/// What a run of the action left.
struct Run {
    code: i32,
    log: String,
    outputs: BTreeMap<String, String>,
    summary: String,
    sarif: Value,
}

impl Run {
    #[track_caller]
    fn ends(self, code: i32, findings: &str) -> Self {
        assert_eq!(self.code, code, "{}", self.log);
        assert_eq!(self.outputs.get("findings").map(String::as_str), Some(findings), "{}", self.log);
        self
    }

    #[track_caller]
    fn fails_loudly(self, what: &str) {
        assert_eq!((self.code, self.outputs.get("exit-code").map(String::as_str)), (2, Some("2")), "{}", self.log);
        let errors: Vec<_> = self.log.lines().filter(|l| l.starts_with("::error")).collect();
        assert!(errors.iter().any(|error| error.contains(what)), "no error says {what}:\n{}", self.log);
        assert!(!self.outputs.contains_key("findings"), "a number would look like a result");
    }
}

/// The step of `action.yml` that scans: its command, and its environment for these inputs and this event.
fn step(inputs: &[(&str, &str)], event: &Value) -> (String, Vec<(String, String)>) {
    let text = fs::read_to_string(root().join("action.yml")).unwrap();
    let action: Value = serde_yaml::from_str(&text).unwrap();
    let known = action["inputs"].as_object().unwrap();
    assert!(inputs.iter().all(|(name, _)| known.contains_key(*name)), "an input that action.yml does not have");
    let steps = action["runs"]["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["id"] == "scan").unwrap();
    let value = |expression: &str| match expression.split_once('.').unwrap() {
        ("inputs", name) => {
            let given = inputs.iter().find(|(input, _)| *input == name).map(|(_, value)| (*value).to_owned());
            given.unwrap_or_else(|| known[name]["default"].as_str().unwrap().to_owned())
        }
        ("github", path) => {
            let path = path.strip_prefix("event.").expect("only the event is used");
            match path.split('.').fold(event, |value, key| &value[key]) {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                other => other.to_string(),
            }
        }
        _ => panic!("{expression} is not known here"),
    };
    let env = step["env"].as_object().unwrap().iter().map(|(name, expression)| {
        let expression = expression.as_str().unwrap();
        let inner = expression.strip_prefix("${{ ").and_then(|e| e.strip_suffix(" }}")).expect("one expression");
        (name.clone(), value(inner))
    });
    (step["run"].as_str().unwrap().to_owned(), env.collect())
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Runs the action in a checkout.
fn run(checkout: &Path, event: &Event, inputs: &[(&str, &str)]) -> Run {
    let room = TempDir::new().unwrap();
    let file = |name: &str| room.path().join(name);
    for name in ["output", "summary"] {
        fs::write(file(name), "").unwrap();
    }
    fs::write(file("event.json"), event.payload.to_string()).unwrap();
    let mut all = vec![("binary", env!("CARGO_BIN_EXE_keyscan"))];
    all.extend(inputs);
    let (script, env) = step(&all, &event.payload);
    let mut command = Command::new("bash");
    command.env_clear().envs(env).args(["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", &script]);
    command.current_dir(checkout).env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", room.path());
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("GITHUB_ACTION_PATH", root()).env("RUNNER_TEMP", room.path());
    command.env("GITHUB_OUTPUT", file("output")).env("GITHUB_STEP_SUMMARY", file("summary"));
    command.env("GITHUB_EVENT_PATH", file("event.json")).env("GITHUB_EVENT_NAME", event.name);
    command.env("GITHUB_REF", &event.git_ref);
    let out = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let outputs = fs::read_to_string(file("output")).unwrap();
    Run {
        code: out.status.code().unwrap(),
        log: format!("{}{}", text(&out.stdout), text(&out.stderr)),
        outputs: outputs.lines().filter_map(|l| l.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect(),
        summary: fs::read_to_string(file("summary")).unwrap(),
        sarif: fs::read(file("keyscan.sarif")).ok().map(|b| serde_json::from_slice(&b).unwrap()).unwrap_or_default(),
    }
}

/// A server repository whose `main` has an old leak, a branch `topic` with a new one, and the commits' ids.
struct Server {
    repo: Repo,
    first: String,
    base: String,
    head: String,
    new: String,
}

fn server(seed: u64) -> Server {
    let repo = Repo::new();
    let new = github_token(seed + 1);
    repo.write("old.js", line(&github_token(seed)));
    let first = repo.commit("an old leak");
    repo.write("readme", "hello\n");
    let base = repo.commit("base");
    repo.git(["switch", "--quiet", "-c", "topic"]);
    repo.write("src/new.js", format!("// a\n// b\n{}", line(&new)));
    repo.commit("a new leak");
    repo.write("src/other.js", "fine\n");
    let head = repo.commit("more");
    repo.git(["switch", "--quiet", "main"]);
    Server { repo, first, base, head, new }
}

/// A clone with HEAD at a commit, as actions/checkout makes it.
fn checkout(server: &Repo, name: &str, at: &str, depth: Option<u32>) -> PathBuf {
    let path = server.beside(name);
    let url = format!("file://{}", server.path().display());
    server.git(["init", "--quiet", path.to_str().unwrap()]);
    let git = |args: &[&str]| server.git_in(&path, args);
    git(&["remote", "add", "origin", &url]);
    match depth {
        Some(depth) => drop(git(&["fetch", "--quiet", "--no-tags", &format!("--depth={depth}"), "origin", at])),
        None => {
            git(&["fetch", "--quiet", "origin", "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]);
            git(&["fetch", "--quiet", "origin", at]);
        }
    }
    git(&["checkout", "--quiet", "--detach", "FETCH_HEAD"]);
    path
}

/// The annotation of the new leak of [`server`].
fn marks_new_leak(run: &Run, new: &str) {
    let errors: Vec<_> = run.log.lines().filter(|l| l.starts_with("::error")).collect();
    assert_eq!(errors.len(), 1, "{}", run.log);
    assert!(errors[0].contains(",file=src/new.js,line=3,endLine=3,col="), "{}", errors[0]);
    assert!(!run.log.contains(new) && !run.summary.contains(new) && !run.sarif.to_string().contains(new));
    assert!(run.summary.contains("## keyscan: 1 finding") && run.summary.contains("`src/new.js:3`"), "{}", run.summary);
    assert_eq!(run.sarif["runs"][0]["results"].as_array().unwrap().len(), 1);
    assert!(Path::new(&run.outputs["sarif"]).is_absolute() && Path::new(&run.outputs["json"]).is_absolute());
}

#[test]
fn a_push_is_scanned_from_before_to_after() {
    let server = server(700);
    let at = checkout(&server.repo, "push", "topic", None);
    let event = Event::push("refs/heads/topic", &server.base, &server.head);
    let done = run(&at, &event, &[]).ends(1, "1");
    marks_new_leak(&done, &server.new);
    assert_eq!(done.outputs["range"], format!("{}..{}", server.base, server.head));
    // A push without a leak on top of it, although the branch has two.
    server.repo.git(["switch", "--quiet", "topic"]);
    server.repo.write("b", "fine\n");
    let next = server.repo.commit("fine");
    let at = checkout(&server.repo, "next", "topic", None);
    let done = run(&at, &Event::push("refs/heads/topic", &server.head, &next), &[]).ends(0, "0");
    assert!(done.summary.contains("No new secrets found"), "{}", done.summary);
}

#[test]
fn a_pull_request_is_scanned_from_where_it_branched_off() {
    let server = server(710);
    // The base has moved on, with a leak of its own, which is not the pull request's.
    server.repo.write("late.js", line(&github_token(712)));
    let base = server.repo.commit("a leak on main");
    server.repo.git(["merge", "--quiet", "--no-ff", "-m", "Merge 7", "topic"]);
    server.repo.git(["branch", "merge-7"]);
    let at = checkout(&server.repo, "pull", "merge-7", None);
    let done = run(&at, &Event::pull("pull_request", &base, &server.head), &[]).ends(1, "1");
    marks_new_leak(&done, &server.new);
}

#[test]
fn pull_request_target_needs_the_head_of_the_pull_request() {
    let server = server(720);
    server.repo.git(["update-ref", "refs/pull/7/head", &server.head]);
    server.repo.git(["branch", "-q", "-D", "topic"]);
    let event = Event::pull("pull_request_target", &server.base, &server.head);
    // The default checkout of this event is the base.
    let at = checkout(&server.repo, "base", "main", None);
    run(&at, &event, &[]).fails_loudly("`ref: refs/pull/7/head`");
    let at = checkout(&server.repo, "head", "refs/pull/7/head", None);
    marks_new_leak(&run(&at, &event, &[]).ends(1, "1"), &server.new);
}

#[test]
fn a_merge_queue_is_scanned_from_base_to_head() {
    let server = server(730);
    let at = checkout(&server.repo, "queue", "topic", None);
    let payload = json!({ "merge_group": { "base_sha": server.base, "head_sha": server.head } });
    let event = Event::new("merge_group", "refs/heads/gh-readonly-queue/main/pr-7", payload);
    marks_new_leak(&run(&at, &event, &[]).ends(1, "1"), &server.new);
}

#[test]
fn a_new_branch_and_a_tag_are_scanned_from_the_default_branch() {
    let server = server(740);
    server.repo.git(["tag", "-a", "v1", "-m", "one", "topic"]);
    let tag = server.repo.git(["rev-parse", "v1"]);
    let at = checkout(&server.repo, "new", "topic", None);
    for (git_ref, after) in [("refs/heads/topic", &server.head), ("refs/tags/v1", &tag)] {
        let done = run(&at, &Event::push(git_ref, NONE, after), &[]).ends(1, "1");
        marks_new_leak(&done, &server.new);
        assert_eq!(done.outputs["range"], format!("{}..{}", server.base, server.head), "{git_ref}");
    }
    // A new branch or tag at a commit of the default branch adds nothing, which is no error.
    for git_ref in ["refs/heads/copy", "refs/tags/v0"] {
        run(&at, &Event::push(git_ref, NONE, &server.base), &[]).ends(0, "0");
    }
    // The first push of the default branch is all of its history.
    let done = run(&at, &Event::push("refs/heads/main", NONE, &server.base), &[]).ends(1, "1");
    assert!(done.log.contains("scanning the whole history of refs/heads/main"), "{}", done.log);
}

#[test]
fn a_force_push_is_scanned_although_the_old_commit_is_gone() {
    let server = server(750);
    let gone = "1234567890123456789012345678901234567890";
    let at = checkout(&server.repo, "forced", "topic", None);
    let done = run(&at, &Event::push("refs/heads/topic", gone, &server.head), &[]).ends(1, "1");
    marks_new_leak(&done, &server.new);
    assert!(done.log.contains("a force push"), "{}", done.log);
    // On the default branch there is nothing to compare with: everything that leads there.
    let at = checkout(&server.repo, "forced-main", "main", None);
    run(&at, &Event::push("refs/heads/main", gone, &server.base), &[]).ends(1, "1");
    // A branch that was moved back gained nothing.
    let at = checkout(&server.repo, "back", "topic", None);
    run(&at, &Event::push("refs/heads/topic", &server.head, &server.base), &[]).ends(0, "0");
}

#[test]
fn a_deleted_ref_has_nothing_to_scan() {
    let server = server(760);
    let at = checkout(&server.repo, "deleted", "main", None);
    let done = run(&at, &Event::push("refs/heads/topic", &server.head, NONE), &[]).ends(0, "0");
    assert!(done.log.contains("refs/heads/topic was deleted"), "{}", done.log);
}

#[test]
fn a_schedule_and_a_manual_run_scan_everything() {
    let server = server(770);
    let at = checkout(&server.repo, "all", "topic", None);
    for name in ["schedule", "workflow_dispatch", "release"] {
        let done = run(&at, &Event::new(name, "refs/heads/topic", json!({})), &[]).ends(1, "2");
        assert_eq!(done.outputs["range"], "");
    }
    // And any event, if asked to.
    let push = Event::push("refs/heads/topic", &server.base, &server.head);
    run(&at, &push, &[("scope", "all")]).ends(1, "2");
    let chosen = format!("{}..{}", server.first, server.base);
    run(&at, &push, &[("range", &chosen)]).ends(0, "0");
    run(&at, &push, &[("args", "--history-only")]).ends(1, "2");
}

#[test]
fn a_checkout_that_is_too_shallow_fails_loudly() {
    let server = server(780);
    let queue = json!({ "merge_group": { "base_sha": server.base, "head_sha": server.head } });
    let events = [
        Event::push("refs/heads/topic", &server.base, &server.head),
        Event::push("refs/heads/topic", NONE, &server.head),
        Event::push("refs/tags/v1", NONE, &server.head),
        Event::push("refs/heads/topic", "1234567890123456789012345678901234567890", &server.head),
        Event::pull("pull_request", &server.base, &server.head),
        Event::pull("pull_request_target", &server.base, &server.head),
        Event::new("merge_group", "refs/heads/q", queue),
        Event::new("schedule", "refs/heads/topic", json!({})),
        Event::new("workflow_dispatch", "refs/heads/topic", json!({})),
    ];
    let at = checkout(&server.repo, "shallow", "topic", Some(1));
    for event in &events {
        run(&at, event, &[]).fails_loudly("`fetch-depth: 0`");
    }
    // Deep enough for the push, which is all that it takes.
    let at = checkout(&server.repo, "deep", "topic", Some(3));
    run(&at, &events[0], &[]).ends(1, "1");
    // Files need no history.
    run(&at, &events[0], &[("scope", "files")]).ends(1, "2");
}

#[test]
fn what_fails_the_step_is_the_users_choice() {
    let server = server(790);
    let at = checkout(&server.repo, "fail", "topic", None);
    let event = Event::push("refs/heads/topic", &server.base, &server.head);
    for (fail_on, code) in [("findings", 1), ("incomplete", 0), ("never", 0)] {
        let done = run(&at, &event, &[("fail-on", fail_on)]).ends(code, "1");
        assert_eq!(done.outputs["exit-code"], "1");
    }
    let wrong = [
        ("fail-on", "sometimes", "`fail-on` must be one of: findings incomplete never"),
        ("scope", "some", "`scope` must be one of"),
        ("summary", "yes", "`summary` must be one of"),
        ("args", "--show-secrets", "whole secrets into the log"),
        ("args", "-o\nx", "use the inputs"),
        ("args", "--report=csv=x", "use the inputs"),
        ("path", "a\nfindings=0", "line break"),
        ("range", "nowhere..HEAD", "wrote no report"),
        ("args", "--no-such-option", "wrote no report"),
    ];
    for (input, value, want) in wrong {
        run(&at, &event, &[(input, value)]).fails_loudly(want);
    }
    let quiet = run(&at, &event, &[("annotations", "false"), ("summary", "false")]).ends(1, "1");
    assert!(!quiet.log.contains("::error") && quiet.log.contains("CRITICAL") && quiet.summary.is_empty());
}

#[test]
fn a_pushed_name_makes_no_command_and_no_output() {
    let server = server(800);
    server.repo.git(["switch", "--quiet", "topic"]);
    server.repo.write("a\n::stop-commands::x\nfindings=0,\n$(touch pwned)`touch pwned`.js", line(&github_token(802)));
    let evil = server.repo.commit("evil\n\n::error::made up\n");
    let at = checkout(&server.repo, "evil", "topic", None);
    let done = run(&at, &Event::push("refs/heads/topic", &server.head, &evil), &[]).ends(1, "1");
    let commands: Vec<_> = done.log.lines().filter(|l| l.trim_start().starts_with("::")).collect();
    assert!(commands.len() == 1 && commands[0].starts_with("::error title=keyscan%3A "), "{}", done.log);
    assert!(!at.join("pwned").exists() && !done.log.contains("made up"));
    // A pushed branch name is text, too.
    let event = Event::push("refs/heads/$(touch${IFS}pwned)", NONE, &evil);
    run(&at, &event, &[]).ends(1, "2");
    assert!(!at.join("pwned").exists());
}

#[test]
fn what_is_allowed_opens_no_alert() {
    if !Command::new("jq").arg("--version").output().is_ok_and(|out| out.status.success()) {
        eprintln!("left out: jq is not installed");
        return;
    }
    let server = server(810);
    server.repo.git(["switch", "--quiet", "topic"]);
    server.repo.write("t.js", line(&github_token(812)).replace(";\n", "; // keyscan:allow made up\n"));
    let after = server.repo.commit("a test value");
    let at = checkout(&server.repo, "allowed", "topic", None);
    let done = run(&at, &Event::push("refs/heads/topic", &server.head, &after), &[]).ends(0, "0");
    assert_eq!(done.sarif["runs"][0]["results"], json!([]), "{}", done.log);
    assert!(done.summary.contains("1 allowed finding"), "{}", done.summary);
}

/// Runs a script of the documentation as another CI service would.
fn script(checkout: &Path, script: &str, env: &[(&str, &str)], shell: &[&str]) -> (i32, String) {
    let program = Path::new(env!("CARGO_BIN_EXE_keyscan")).parent().unwrap().display().to_string();
    let path = format!("{program}:{}", std::env::var("PATH").unwrap());
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).args(["-c", script]).current_dir(checkout);
    command.env_clear().env("PATH", path).env("HOME", checkout).envs(env.iter().copied());
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    let out = command.output().unwrap();
    let text = [out.stdout, out.stderr].concat();
    (out.status.code().unwrap(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn the_gitlab_job_scans_what_was_added() {
    let server = server(820);
    let text = fs::read_to_string(root().join("docs/ci/gitlab.yml")).unwrap();
    let job: Value = serde_yaml::from_str(&text).unwrap();
    let lines: Vec<_> = job["keyscan"]["script"].as_array().unwrap().iter().map(|l| l.as_str().unwrap()).collect();
    let head = ("CI_COMMIT_SHA", server.head.as_str());
    let (base, first) = (server.base.as_str(), server.first.as_str());
    let cases = [
        (
            "merge",
            vec![head, ("CI_PIPELINE_SOURCE", "merge_request_event"), ("CI_MERGE_REQUEST_DIFF_BASE_SHA", base)],
            1,
        ),
        ("push", vec![head, ("CI_PIPELINE_SOURCE", "push"), ("CI_COMMIT_BEFORE_SHA", base)], 1),
        ("older", vec![head, ("CI_PIPELINE_SOURCE", "push"), ("CI_COMMIT_BEFORE_SHA", first)], 1),
        ("new", vec![head, ("CI_PIPELINE_SOURCE", "push"), ("CI_COMMIT_BEFORE_SHA", NONE)], 2),
        ("schedule", vec![head, ("CI_PIPELINE_SOURCE", "schedule")], 2),
        // Moved back to where it began: nothing was gained, and that is no failure.
        ("back", vec![("CI_COMMIT_SHA", base), ("CI_PIPELINE_SOURCE", "push"), ("CI_COMMIT_BEFORE_SHA", head.1)], 0),
    ];
    for (name, env, want) in cases {
        let at = checkout(&server.repo, name, "topic", None);
        let (code, log) = script(&at, &lines.join("\n"), &env, &["sh", "-e"]);
        assert_eq!(code, i32::from(want > 0), "{name}: {log}");
        let report = fs::read(at.join("gl-secret-detection-report.json")).unwrap();
        let report: Value = serde_json::from_slice(&report).unwrap();
        assert_eq!(report["vulnerabilities"].as_array().unwrap().len(), want, "{name}: {log}");
        assert!(at.join("keyscan.xml").exists() && at.join("keyscan.json").exists());
    }
}

#[test]
fn the_recipe_for_any_service_scans_what_was_added() {
    let server = server(830);
    let docs = fs::read_to_string(root().join("docs/ci.md")).unwrap();
    let recipe = docs.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    for (target, depth, want) in [("main", None, 1), ("main", Some(1), 1), ("", None, 2)] {
        let at = checkout(&server.repo, &format!("any-{target}-{}", depth.is_some()), "topic", depth);
        let (code, log) = script(&at, recipe, &[("TARGET_BRANCH", target)], &["sh", "-e"]);
        assert_eq!(code, 1, "{log}");
        let report: Value = serde_json::from_slice(&fs::read(at.join("keyscan.json")).unwrap()).unwrap();
        assert_eq!(report["counts"]["findings"], want, "{log}");
    }
}
