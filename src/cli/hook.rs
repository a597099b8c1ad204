//! `keyscan hook`: what git runs, and the commands that put it there.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice, ByteVec};
use clap::Parser;

use super::hook_args::{HookArg, HookCommand, HookOptions};
use super::output::Outputs;
use super::settings::{self, Settings};
use super::{Cli, Exit, complain, hook_words, is_leak, print, progress, scan_with};
use crate::error::{Error, Result};
use crate::hook::{self, Hook, Place, Proof, State};
use crate::range::{Known, ObjectId, Push, Selection};
use crate::report::{self, Report};
use crate::rules::mint;
use crate::scan::Target;
use crate::source::lookup::Quarantine;
use crate::source::repository::Repository;
use crate::structure::Rng;

/// The rule whose tokens hooks are tried with.
const TRIAL: &str = "github-pat-classic";

/// Runs a command.
pub fn run(command: HookCommand) -> Exit {
    match command {
        HookCommand::PreCommit { files, options } => checked(Hook::PreCommit, &options, || staged(files)),
        HookCommand::PreMergeCommit { options } => checked(Hook::PreMergeCommit, &options, || staged(Vec::new())),
        HookCommand::PrePush { remote, url, options } => {
            checked(Hook::PrePush, &options, || push(remote.as_deref(), url.as_deref()))
        }
        HookCommand::PreReceive { options } => checked(Hook::PreReceive, &options, || {
            let text = input()?;
            if text.is_empty() {
                // git runs the hook for nothing but updates.
                return Err(Error::new("there are no lines of git on standard input: nothing was checked")
                    .help("a script that calls this has to hand on what it read from its own standard input"));
            }
            received(&text)
        }),
        HookCommand::Update { name, old, new, options } => {
            checked(Hook::Update, &options, || received(format!("{old} {new} {name}\n").as_bytes()))
        }
        HookCommand::Install { hooks, shared, options } => told(install(&hooks, shared, &options)),
        HookCommand::Status => told(status()),
        HookCommand::Uninstall { hooks } => told(uninstall(&hooks)),
    }
}

fn told(done: Result<Exit>) -> Exit {
    done.unwrap_or_else(|error| {
        complain(&error);
        Exit::Failure
    })
}

/// Runs a check. An error stops the commit or push like a finding does, and says how to go on.
fn checked(hook: Hook, options: &HookOptions, targets: impl FnOnce() -> Result<Vec<Target>>) -> Exit {
    let done =
        targets().and_then(|targets| if targets.is_empty() { Ok(Exit::Clean) } else { check(hook, options, targets) });
    done.unwrap_or_else(|error| {
        complain(&error);
        // A closed standard error leaves nobody to tell.
        let _ = io::stderr().lock().write_all(hook_words::incomplete(hook).as_bytes());
        Exit::Failure
    })
}

fn check(hook: Hook, options: &HookOptions, targets: Vec<Target>) -> Result<Exit> {
    let deadline = options.time_limit.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let paths = targets.iter().filter_map(|t| match t {
        Target::Path(path) | Target::Part(path, _) => Some(path.clone()),
        Target::Stdin => None,
    });
    let args = options.scan(paths.collect());
    let mut settings = Settings::resolve(&args)?;
    settings.targets = targets;
    settings.scan.history = false;
    settings.scan.allow_empty_range = true;
    settings.scan.quarantine = Quarantine::from_env();
    settings.scan.deadline = deadline;
    let (detector, outcome) = scan_with(&args, settings, &progress::Bar::new(false))?;
    let rules = detector.rules().metas();
    let findings: Vec<_> = outcome.findings.iter().filter(|f| is_leak(f, rules, false)).cloned().collect();
    let exit = Exit::of_scan(findings.len(), outcome.receipt.complete());
    if exit == Exit::Clean && !options.verbose {
        return Ok(exit);
    }
    let report = Report {
        findings: &outcome.findings,
        allowed: &outcome.allowed,
        rules,
        receipt: &outcome.receipt,
        options: report::Options { verbose: options.verbose, ..report::Options::default() },
    };
    Outputs::plan(&args.output, false)?
        .write(|format, columns, out| report::write(format, &report.for_columns(columns), out))?;
    let mut words = String::new();
    if !findings.is_empty() {
        words.push_str(&hook_words::findings(hook, &findings, rules, !options.no_repo_config));
    }
    if exit == Exit::Failure {
        words.push_str(&hook_words::incomplete(hook));
    }
    print(&words)?;
    Ok(exit)
}

/// The root of the repository that git runs us in.
fn root() -> Result<(Repository, PathBuf)> {
    let repository = Repository::of_hook()?;
    let root = repository.workdir().unwrap_or(repository.git_dir()).to_owned();
    Ok((repository, root))
}

/// What is staged; with names, those files.
fn staged(files: Vec<PathBuf>) -> Result<Vec<Target>> {
    let (_, root) = root()?;
    if files.is_empty() {
        return Ok(vec![Target::Part(root, Selection::Staged(None))]);
    }
    let here = std::env::current_dir().map_err(|e| Error::new("the current directory is gone").cause(e))?;
    let top = root.canonicalize().unwrap_or_else(|_| root.clone());
    let (mut inside, mut targets) = (Vec::new(), Vec::new());
    // git names the index to a hook that it runs. Run by hand, the files are meant as they are.
    let committing = std::env::var_os("GIT_INDEX_FILE").is_some();
    for file in files {
        let full = here.join(&file);
        let parent = full.parent().and_then(|p| p.canonicalize().ok());
        let real = parent.zip(full.file_name()).map_or_else(|| full.clone(), |(parent, name)| parent.join(name));
        let name = real.strip_prefix(&top).ok().map(|p| BString::from(Vec::from_path_lossy(p).into_owned()));
        let meta = full.symlink_metadata();
        let gone = meta.is_err();
        match name {
            // Of a symbolic link, its text: not what it leads to.
            Some(name) if committing || gone || meta.is_ok_and(|m| m.is_symlink()) => inside.push(name),
            Some(name) => {
                targets.push(Target::Path(file));
                inside.push(name);
            }
            None if gone => return Err(Error::new(format!("there is no {}", file.display())).help("check the path")),
            None => targets.push(Target::Path(file)),
        }
    }
    targets.push(Target::Part(root, Selection::Staged(Some(inside))));
    Ok(targets)
}

/// Everything on standard input: git's lines are few.
fn input() -> Result<Vec<u8>> {
    let mut text = Vec::new();
    io::stdin().lock().read_to_end(&mut text).map_err(|e| Error::new("cannot read standard input").cause(e))?;
    Ok(text)
}

/// An id of zeros stands for nothing.
fn object(hex: &[u8], line: &[u8]) -> Result<Option<ObjectId>> {
    let id = ObjectId::from_hex(hex).map_err(|_| {
        Error::new(format!("git gives the line `{}`, which names no object", report::printable(line)))
            .help("run this as a hook of git, which writes its lines to standard input")
    })?;
    Ok((!id.is_null()).then_some(id))
}

/// What a push would bring to a remote.
fn push(remote: Option<&str>, url: Option<&str>) -> Result<Vec<Target>> {
    let (repository, root) = root()?;
    let mut text = input()?;
    if text.is_empty() {
        text = from_pre_commit();
    }
    let (mut updates, mut theirs) = (Vec::new(), Vec::new());
    for line in text.lines() {
        // What, its id, where to, what is there.
        let words: Vec<&[u8]> = line.split_str(" ").collect();
        let [_, new, name, old] = words.as_slice() else {
            object(b"", line)?;
            continue;
        };
        if let Some(new) = object(new, line)? {
            updates.push((BString::from(*name), new));
        }
        theirs.extend(object(old, line)?);
    }
    // Taking branches away brings nothing.
    if updates.is_empty() {
        return Ok(Vec::new());
    }
    let name = remote.filter(|name| Some(*name) != url).map(BString::from);
    let name = name.or_else(|| repository.remote_of(url?)).unwrap_or_default();
    let prefix =
        if name.is_empty() { BString::default() } else { [b"refs/remotes/", name.as_slice(), b"/"].concat().into() };
    let push = Push { updates, known: Known::Remote(prefix, theirs) };
    Ok(vec![Target::Part(root, Selection::Push(push))])
}

/// The pre-commit framework keeps git's lines to itself and names the ends in the environment.
fn from_pre_commit() -> Vec<u8> {
    let get = |name: &str| std::env::var(name).ok();
    let (Some(to), Some(branch)) = (get("PRE_COMMIT_TO_REF"), get("PRE_COMMIT_REMOTE_BRANCH")) else {
        return Vec::new();
    };
    let from = get("PRE_COMMIT_FROM_REF").unwrap_or_else(|| "0".repeat(to.len()));
    format!("HEAD {to} {branch} {from}\n").into_bytes()
}

/// What a push brings to this repository.
fn received(text: &[u8]) -> Result<Vec<Target>> {
    let (_, root) = root()?;
    let mut updates = Vec::new();
    for line in text.lines() {
        let words: Vec<&[u8]> = line.splitn_str(3, " ").collect();
        let [old, new, name] = words.as_slice() else {
            object(b"", line)?;
            continue;
        };
        object(old, line)?;
        if let Some(new) = object(new, line)? {
            updates.push((BString::from(*name), new));
        }
    }
    if updates.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![Target::Part(root, Selection::Push(Push { updates, known: Known::Refs }))])
}

fn chosen(hooks: &[HookArg], place: &Place) -> Vec<Hook> {
    match (hooks, place.bare) {
        ([], false) => vec![Hook::PreCommit, Hook::PreMergeCommit, Hook::PrePush],
        ([], true) => vec![Hook::PreReceive],
        (hooks, _) => hooks.iter().map(|h| Hook::from(*h)).collect(),
    }
}

fn install(hooks: &[HookArg], shared: bool, options: &[String]) -> Result<Exit> {
    let place = hook::place()?;
    if let Some((manager, advice)) = &place.managed {
        return Err(Error::new(format!("the hooks of this repository are written by {manager}")).help(advice.clone()));
    }
    if place.shared && !shared {
        return Err(Error::new(format!(
            "core.hooksPath names {}, which is not of this repository alone",
            place.directory.display()
        ))
        .help("--shared installs there, for every repository that uses it; or give this one hooks of its own: `git config core.hooksPath .git/hooks`"));
    }
    let program = std::env::current_exe()
        .map_err(|e| Error::new("keyscan does not know where it is itself").cause(e).help("give its full path"))?;
    let mut out = String::new();
    let mut exit = Exit::Clean;
    for hook in chosen(hooks, &place) {
        let words = ["keyscan", "hook", hook.as_str()].into_iter().chain(options.iter().map(String::as_str));
        let words = words.chain(["refs/heads/x", "0", "0"].into_iter().filter(|_| hook == Hook::Update));
        if let Err(e) = Cli::try_parse_from(words) {
            return Err(Error::new(format!("{} does not know these options", hook.as_str()))
                .cause(e.kind().to_string())
                .help(format!("`keyscan hook {} --help` lists them", hook.as_str())));
        }
        place.install(hook, &program, options)?;
        exit = exit.max(line(&place, hook, &mut out)?);
    }
    if place.in_tree {
        out.push_str("The hooks are files of the working tree: commit them if everybody is to have them.\n");
    }
    print(&out)?;
    Ok(exit)
}

fn status() -> Result<Exit> {
    let place = hook::place()?;
    let mut out =
        format!("hooks are in {}{}\n", place.directory.display(), if place.shared { " (shared)" } else { "" });
    let (mut exit, mut any) = (Exit::Clean, false);
    for hook in Hook::ALL {
        any |= matches!(place.state(hook), State::Installed { .. });
        exit = exit.max(line(&place, hook, &mut out)?);
    }
    if let Some((manager, advice)) = &place.managed {
        out.push_str(&format!("The hooks are written by {manager}: {advice}.\n"));
    } else if !any {
        out.push_str("keyscan is in none of them: `keyscan hook install` puts it there.\n");
    }
    print(&out)?;
    Ok(if any { exit } else { exit.max(Exit::Findings) })
}

/// One line about a hook; an installed one is tried.
fn line(place: &Place, hook: Hook, out: &mut String) -> Result<Exit> {
    let name = hook.as_str();
    let state = place.state(hook);
    let State::Installed { chained } = &state else {
        let what = if state == State::None { "not installed" } else { "another hook, without keyscan" };
        out.push_str(&format!("{name:<17} {what}\n"));
        return Ok(Exit::Clean);
    };
    let then = chained.as_ref().map(|c| format!("; then runs {}", c.display())).unwrap_or_default();
    let (exit, word) = match trial_line().and_then(|line| hook::prove(place, hook, &line)) {
        // The others are looked at all the same: none is left half done.
        Err(e) => {
            (Exit::Failure, format!("installed, but it could not be tried: {}", report::printable(e.to_string())))
        }
        Ok(Proof::Fires) => (Exit::Clean, format!("installed and fires: it stopped a minted token{then}")),
        Ok(Proof::DoesNot(said)) => {
            let said = report::printable(&said).replace('\n', "\n    ");
            (
                Exit::Failure,
                format!(
                    "INSTALLED AND DOES NOT FIRE: a minted token was not stopped by keyscan. git said:\n    {said}"
                ),
            )
        }
    };
    out.push_str(&format!("{name:<17} {word}\n"));
    Ok(exit)
}

fn uninstall(hooks: &[HookArg]) -> Result<Exit> {
    let place = hook::place()?;
    let hooks: Vec<Hook> =
        if hooks.is_empty() { Hook::ALL.to_vec() } else { hooks.iter().map(|h| Hook::from(*h)).collect() };
    let mut out = String::new();
    for hook in hooks {
        let State::Installed { chained } = place.state(hook) else { continue };
        place.uninstall(hook)?;
        let what = if chained.is_some() { "removed, and what was there before is back" } else { "removed" };
        out.push_str(&format!("{:<17} {what}: {}\n", hook.as_str(), place.file(hook).display()));
    }
    if out.is_empty() {
        out.push_str("keyscan is in none of the hooks.\n");
    }
    print(&out)?;
    Ok(Exit::Clean)
}

/// A line with a token that nobody has issued.
fn trial_line() -> Result<String> {
    let rules = settings::load(&[])?;
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |d| d.as_nanos() as u64);
    let token = rules.index_of(TRIAL).and_then(|at| mint::mint(&rules.rules()[at], &mut Rng::new(clock)));
    let token = token.ok_or_else(|| Error::new("no token can be made for trying the hooks"))?;
    Ok(format!("token: {}\n", token.to_str_lossy()))
}
