//! Does the hook fire? A commit or push with a minted token is tried in a scratch repository that uses the very files of
//! the hook, with git itself; keyscan has to stop it. No other hook runs there, and nothing of the user's repository is touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::{Hook, Place};
use crate::error::{Error, Result};

/// The outcome of a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// keyscan stopped it.
    Fires,
    /// It went through, or was stopped by something else; what git said.
    DoesNot(String),
}

/// A directory that goes away.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        let failed = |e| Error::new("no scratch directory can be made for trying the hook").cause(e);
        for number in 0..100 {
            let path = std::env::temp_dir().join(format!("keyscan-trial-{}-{number}", std::process::id()));
            match make(&path) {
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                made => return made.map(|()| Self(path)).map_err(failed),
            }
        }
        Err(failed(std::io::ErrorKind::AlreadyExists.into()))
    }
}

/// For this user alone.
#[cfg(unix)]
fn make(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(path)
}

#[cfg(not(unix))]
fn make(path: &Path) -> std::io::Result<()> {
    fs::create_dir(path)
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A scratch directory that stays behind is no failure of the trial.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Tries a hook that is installed. `line` holds a token that keyscan must find.
pub fn prove(place: &Place, hook: Hook, line: &str) -> Result<Proof> {
    let scratch = Scratch::new()?;
    let (work, server) = (scratch.0.join("work"), scratch.0.join("server.git"));
    let hooks = format!("core.hooksPath={}", alone(place, hook, &scratch.0.join("hooks"))?.display());
    let without = "core.hooksPath=/dev/null";
    let run = |directory: &Path, config: &str, args: &[&str]| trial(directory, config, args);
    let must = |directory: &Path, config: &str, args: &[&str]| -> Result<()> {
        let out = run(directory, config, args)?;
        if out.status.success() { Ok(()) } else { Err(Error::new(format!("trying the hook: {}", said(&out)))) }
    };
    for (path, bare) in [(&work, "--no-bare"), (&server, "--bare")] {
        fs::create_dir(path).map_err(|e| Error::new("a scratch repository cannot be made").cause(e))?;
        let args: &[&str] = if bare == "--bare" { &["init", "--quiet", "--bare"] } else { &["init", "--quiet"] };
        must(path, without, args)?;
    }
    let commit = ["commit", "--quiet", "--message", "keyscan tries its hook"];
    must(&work, without, &[&commit[..], &["--allow-empty"]].concat())?;
    fs::write(work.join("trial"), line).map_err(|e| Error::new("a scratch file cannot be written").cause(e))?;
    must(&work, without, &["add", "trial"])?;
    let server_name = server.display().to_string();
    let push = ["push", "--quiet", &server_name, "HEAD:refs/heads/trial"];
    let out = match hook {
        Hook::PreCommit => run(&work, &hooks, &commit)?,
        // A merge that adds something of its own is not made in passing: git runs the hook on what is staged.
        Hook::PreMergeCommit => run(&work, &hooks, &["hook", "run", "pre-merge-commit"])?,
        Hook::PrePush => {
            must(&work, without, &commit)?;
            run(&work, &hooks, &push)?
        }
        Hook::PreReceive | Hook::Update => {
            must(&work, without, &commit)?;
            let (_, path) = hooks.split_once('=').unwrap_or_default();
            must(&server, without, &["config", "core.hooksPath", path])?;
            run(&work, without, &push)?
        }
    };
    let text = said(&out);
    // Another hook that stops everything proves nothing.
    Ok(if !out.status.success() && text.contains("keyscan stopped") { Proof::Fires } else { Proof::DoesNot(text) })
}

/// A directory of hooks with this one alone, so that no other one of the user is run for a trial.
fn alone(place: &Place, hook: Hook, directory: &Path) -> Result<PathBuf> {
    let failed = |e: std::io::Error| Error::new("a scratch directory for the hook cannot be made").cause(e);
    fs::create_dir(directory).map_err(failed)?;
    let real = place.directory.canonicalize().map_err(failed)?;
    link(&real.join(hook.as_str()), &directory.join(hook.as_str())).map_err(failed)?;
    Ok(directory.to_owned())
}

#[cfg(unix)]
fn link(file: &Path, at: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(file, at)
}

#[cfg(not(unix))]
fn link(file: &Path, at: &Path) -> std::io::Result<()> {
    fs::copy(file, at).map(|_| ())
}

/// Runs git without the user's configuration and without what a hook around us may have been told.
fn trial(directory: &Path, config: &str, args: &[&str]) -> Result<Output> {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GIT_") {
            command.env_remove(name);
        }
    }
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_TERMINAL_PROMPT", "0");
    command.args(["-c", "user.name=keyscan", "-c", "user.email=keyscan@localhost", "-c", config]).args(args);
    command.current_dir(directory).stdin(Stdio::null());
    command.output().map_err(|e| Error::new("git cannot be run").cause(e))
}

/// What git printed.
fn said(out: &Output) -> String {
    let text = [out.stdout.as_slice(), &out.stderr].concat();
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    if text.is_empty() { "git said nothing".into() } else { text }
}
