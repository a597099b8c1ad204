//! The harness: repositories made by git, the program in a clean environment, minted credentials.

use std::cell::Cell;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use keyscan::rules::{RuleSet, builtin, mint};
use keyscan::structure::Rng;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// Author date of the first commit: 2024-01-01T00:00:00Z. Each commit is a day later.
pub const START: i64 = 1_704_067_200;
/// Seconds of a day.
pub const DAY: i64 = 86_400;
/// The rule that most tests mint from.
pub const GITHUB: &str = "github-pat-classic";

/// A run that takes longer hangs: it is ended and fails.
const DEADLINE: Duration = Duration::from_secs(300);

/// The built-in rules, compiled once.
pub fn builtin_rules() -> &'static RuleSet {
    static RULES: OnceLock<RuleSet> = OnceLock::new();
    RULES.get_or_init(|| builtin::rules().unwrap())
}

/// A credential of a built-in rule; the same for the same seed.
pub fn mint(rule: &str, seed: u64) -> String {
    let rules = builtin_rules();
    let index = rules.index_of(rule).unwrap_or_else(|| panic!("no rule is called {rule}"));
    let token = mint::mint(&rules.rules()[index], &mut Rng::new(seed)).unwrap();
    String::from_utf8(token).unwrap()
}

/// A GitHub token with a right checksum.
pub fn github_token(seed: u64) -> String {
    mint(GITHUB, seed)
}

/// A line of code that holds a token.
pub fn line(token: &str) -> String {
    format!("const TOKEN = \"{token}\";\n")
}

/// SHA-256 in hex, as `secret_sha256` of the JSON report has it.
pub fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Sets what makes a command depend on the machine or its user.
fn isolate(command: &mut Command, home: &Path) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).env("HOME", home).env("LC_ALL", "C").env("TZ", "UTC");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_TERMINAL_PROMPT", "0");
}

/// A repository in a directory of its own, with room for others beside it.
pub struct Repo {
    room: TempDir,
    path: PathBuf,
    now: Cell<i64>,
}

impl Repo {
    /// An empty repository on branch `main`.
    pub fn new() -> Self {
        Self::init(&[])
    }

    /// An empty repository, made with more arguments for `git init`.
    pub fn init(args: &[&str]) -> Self {
        let room = TempDir::new().unwrap();
        let path = room.path().join("repo");
        fs::create_dir(&path).unwrap();
        let repo = Self { room, path, now: Cell::new(START) };
        repo.git(["init", "--quiet", "--initial-branch=main"].iter().chain(args));
        repo
    }

    /// A repository whose first commit adds a token to `src/config.js` and whose second removes it.
    pub fn with_removed(token: &str) -> Self {
        let repo = Self::new();
        repo.write("README.md", "hello\n");
        repo.write("src/config.js", line(token));
        repo.commit("add config");
        repo.write("src/config.js", "const TOKEN = process.env.TOKEN;\n");
        repo.commit("use the environment");
        repo
    }

    /// The working tree.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path beside the working tree.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.room.path().join(name)
    }

    /// Author and committer date of the next commit.
    pub fn now(&self) -> i64 {
        self.now.get()
    }

    /// Lets days go by.
    pub fn pass_days(&self, days: i64) {
        self.now.set(self.now() + days * DAY);
    }

    fn command<S: AsRef<OsStr>>(&self, directory: &Path, args: impl IntoIterator<Item = S>) -> Command {
        let date = format!("{} +0000", self.now());
        let mut command = Command::new("git");
        isolate(&mut command, self.room.path());
        for (who, name) in [("AUTHOR", "Ann Author"), ("COMMITTER", "Carl Committer")] {
            let mail = format!("{}@example.com", name.split(' ').next().unwrap().to_lowercase());
            command.env(format!("GIT_{who}_NAME"), name).env(format!("GIT_{who}_EMAIL"), mail);
            command.env(format!("GIT_{who}_DATE"), &date);
        }
        command.current_dir(directory).args(args).stdin(Stdio::null());
        command
    }

    /// Runs git in the working tree and gives what it prints, trimmed.
    pub fn git<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> String {
        self.git_in(&self.path, args)
    }

    /// Runs git in another directory.
    pub fn git_in<S: AsRef<OsStr>>(&self, directory: &Path, args: impl IntoIterator<Item = S>) -> String {
        let mut command = self.command(directory, args);
        let out = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            out.status.success(),
            "{command:?}\nin {}\n{}\n{}{}",
            directory.display(),
            out.status,
            text(&out.stdout),
            text(&out.stderr)
        );
        text(&out.stdout).trim().to_owned()
    }

    /// Runs git, which may fail.
    pub fn try_git(&self, directory: &Path, args: &[&str]) -> std::process::Output {
        self.command(directory, args).output().unwrap()
    }

    /// Runs git with a text on its standard input.
    pub fn git_with_input(&self, args: &[&str], input: &str) -> String {
        let file = self.beside("input");
        fs::write(&file, input).unwrap();
        let out = self.command(&self.path, args).stdin(File::open(file).unwrap()).output().unwrap();
        assert!(out.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    }

    /// Runs a `git fast-import` stream.
    pub fn import(&self, stream: &[u8]) {
        let file = self.beside("stream");
        fs::write(&file, stream).unwrap();
        let mut command = self.command(&self.path, ["fast-import", "--quiet"]);
        let out = command.stdin(File::open(file).unwrap()).output().unwrap();
        assert!(out.status.success(), "git fast-import: {}", String::from_utf8_lossy(&out.stderr));
    }

    /// Can this git make such a repository?
    pub fn git_can(args: &[&str]) -> bool {
        let room = TempDir::new().unwrap();
        let mut command = Command::new("git");
        isolate(&mut command, room.path());
        let can = command.current_dir(room.path()).arg("init").args(args).output().unwrap().status.success();
        if !can {
            eprintln!("left out: this git does not know `git init {}`", args.join(" "));
        }
        can
    }

    /// Writes a file of the working tree.
    pub fn write(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        write(&self.path, path, content);
    }

    /// Removes a file of the working tree.
    pub fn remove(&self, path: &str) {
        fs::remove_file(self.path.join(path)).unwrap();
    }

    /// Commits everything that is in the working tree; gives the commit's id. A day goes by.
    pub fn commit(&self, message: &str) -> String {
        self.git(["add", "--all"]);
        self.commit_staged(message)
    }

    /// Commits what is staged.
    pub fn commit_staged(&self, message: &str) -> String {
        self.git(["commit", "--quiet", "--allow-empty", "-m", message]);
        self.pass_days(1);
        self.git(["rev-parse", "HEAD"])
    }

    /// A run of keyscan on the repository.
    pub fn keyscan(&self) -> Keyscan {
        Keyscan::at(&self.path).home(self.room.path()).arg(".")
    }

    /// The JSON report on the repository, which must end with this exit code.
    pub fn json(&self, code: i32) -> Json {
        self.keyscan().json(code)
    }

    /// Objects that git knows, of one kind.
    pub fn count(&self, kind: &str) -> u64 {
        let all = self.git(["cat-file", "--batch-all-objects", "--batch-check=%(objecttype)"]);
        all.lines().filter(|k| *k == kind).count() as u64
    }

    /// Paths of files below the git directory with this extension.
    pub fn git_files(&self, below: &str, extension: &str) -> Vec<PathBuf> {
        let mut files: Vec<_> = fs::read_dir(self.path.join(".git").join(below))
            .unwrap()
            .map(|e| e.unwrap().path())
            .filter(|p| p.extension().is_some_and(|e| e == extension))
            .collect();
        files.sort();
        files
    }

    /// Path of a loose object.
    pub fn loose(&self, id: &str) -> PathBuf {
        self.path.join(".git/objects").join(&id[..2]).join(&id[2..])
    }
}

/// Writes a file with its directories.
pub fn write(root: &Path, path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Makes a file that git wrote read-only writable, and writes it.
pub fn overwrite(path: &Path, content: &[u8]) {
    // A new file in place of the old one works whatever the permissions are.
    fs::remove_file(path).unwrap();
    fs::write(path, content).unwrap();
}

/// A directory with one file, scanned without history.
pub fn scan_file(name: &str, content: impl AsRef<[u8]>, code: i32) -> Json {
    let room = TempDir::new().unwrap();
    write(room.path(), name, content);
    Keyscan::at(room.path()).arg(".").json(code)
}

/// A run of the program.
pub struct Keyscan {
    directory: PathBuf,
    home: PathBuf,
    args: Vec<OsString>,
    env: Vec<(String, String)>,
    input: Vec<u8>,
}

impl Keyscan {
    /// A run in a directory, without arguments.
    pub fn at(directory: &Path) -> Self {
        let home = directory.to_owned();
        Self { directory: directory.to_owned(), home, args: Vec::new(), env: Vec::new(), input: Vec::new() }
    }

    fn home(mut self, home: &Path) -> Self {
        self.home = home.to_owned();
        self
    }

    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn stdin(mut self, input: impl AsRef<[u8]>) -> Self {
        self.input = input.as_ref().to_owned();
        self
    }

    /// Runs it. Both streams go to files, so neither can block it.
    pub fn run(self) -> Output {
        let room = TempDir::new().unwrap();
        let file = |name: &str| room.path().join(name);
        fs::write(file("in"), &self.input).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyscan"));
        isolate(&mut command, &self.home);
        command.current_dir(&self.directory).args(&self.args).envs(self.env.clone());
        let mut child = command
            .stdin(File::open(file("in")).unwrap())
            .stdout(File::create(file("out")).unwrap())
            .stderr(File::create(file("err")).unwrap())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if begun.elapsed() > DEADLINE {
                child.kill().unwrap();
                panic!("{command:?}\nin {}\nhangs", self.directory.display());
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let read = |name: &str| {
            let mut bytes = Vec::new();
            File::open(file(name)).unwrap().read_to_end(&mut bytes).unwrap();
            bytes
        };
        Output {
            command: format!("{command:?}"),
            directory: self.directory,
            status,
            stdout: read("out"),
            stderr: read("err"),
        }
    }

    /// Runs it for a JSON report.
    pub fn json(self, code: i32) -> Json {
        self.args(["--format", "json"]).run().code(code).json()
    }
}

/// What a run left.
pub struct Output {
    command: String,
    directory: PathBuf,
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Output {
    /// Everything, for a message of a failed test.
    pub fn story(&self) -> String {
        format!(
            "{}\nin {}\n{}\n--- stdout\n{}\n--- stderr\n{}\n---",
            self.command,
            self.directory.display(),
            self.status,
            String::from_utf8_lossy(&self.stdout),
            String::from_utf8_lossy(&self.stderr)
        )
    }

    /// Asserts the exit code.
    pub fn code(self, want: i32) -> Self {
        assert_eq!(self.status.code(), Some(want), "{}", self.story());
        self
    }

    /// Asserts that both streams together hold a text.
    pub fn says(self, text: &str) -> Self {
        assert!(self.text().contains(text), "does not say {text:?}\n{}", self.story());
        self
    }

    /// Asserts that neither stream holds a text.
    pub fn never_says(self, text: &str) -> Self {
        assert!(!self.text().contains(text), "says {text:?}\n{}", self.story());
        self
    }

    /// Both streams.
    pub fn text(&self) -> String {
        format!("{}\n{}", String::from_utf8_lossy(&self.stdout), String::from_utf8_lossy(&self.stderr))
    }

    /// The JSON report.
    pub fn json(self) -> Json {
        let value = serde_json::from_slice(&self.stdout).unwrap_or_else(|e| panic!("{e}\n{}", self.story()));
        Json { value, story: self.story() }
    }
}

/// A JSON report.
pub struct Json {
    pub value: Value,
    pub story: String,
}

impl Json {
    /// All findings.
    pub fn findings(&self) -> &[Value] {
        self.value["findings"].as_array().unwrap()
    }

    /// The finding of a secret; the test fails if there is none, or more than one.
    #[track_caller]
    pub fn finding(&self, secret: &str) -> &Value {
        let hash = sha256(secret);
        let mut found = self.findings().iter().filter(|f| f["secret_sha256"] == hash.as_str());
        let first = found.next().unwrap_or_else(|| panic!("a secret was not found\n{}", self.story));
        assert!(found.next().is_none(), "a secret was found twice\n{}", self.story);
        first
    }

    /// Is a secret among the findings?
    pub fn has(&self, secret: &str) -> bool {
        let hash = sha256(secret);
        self.findings().iter().any(|f| f["secret_sha256"] == hash.as_str())
    }

    /// A number of the receipt.
    pub fn count(&self, name: &str) -> u64 {
        self.value["receipt"][name].as_u64().unwrap_or_else(|| panic!("no {name}\n{}", self.story))
    }

    /// What could not be read, as text.
    pub fn problems(&self) -> Vec<String> {
        let problems = self.value["receipt"]["problems"].as_array().unwrap();
        problems.iter().map(|p| [text(&p["object"]), text(&p["what"]), text(&p["help"])].join(": ")).collect()
    }

    /// What was left out, as text.
    pub fn skipped(&self) -> Vec<String> {
        let skipped = self.value["receipt"]["skipped"].as_array().unwrap();
        skipped.iter().map(|s| format!("{} {}", s["count"], text(&s["reason"]))).collect()
    }
}

/// A text of a JSON document; empty if it is none.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A list of texts.
pub fn texts(value: &Value) -> Vec<String> {
    value.as_array().map(|list| list.iter().map(text).collect()).unwrap_or_default()
}

/// Kinds of the places of a finding.
pub fn kinds(finding: &Value) -> Vec<String> {
    finding["occurrences"].as_array().unwrap().iter().map(|o| text(&o["kind"])).collect()
}

/// All paths of the places of a finding.
pub fn paths(finding: &Value) -> Vec<String> {
    let places = finding["occurrences"].as_array().unwrap();
    let mut paths: Vec<String> =
        places.iter().flat_map(|o| o["paths"].as_array().unwrap()).map(|p| text(&p["path"])).collect();
    paths.sort();
    paths.dedup();
    paths
}
