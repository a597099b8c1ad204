//! Putting keyscan into the hooks of a repository, and taking it out again.
//!
//! Where hooks are is asked of git itself, which knows `core.hooksPath` and linked worktrees. A hook that is there already
//! is kept beside keyscan's and runs after it.

mod proof;
mod script;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, Result};

pub use proof::{Proof, prove};

/// The hooks that keyscan has something to do in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hook {
    /// Before a commit.
    PreCommit,
    /// Before the commit of a merge.
    PreMergeCommit,
    /// Before a push leaves.
    PrePush,
    /// On a server: before a push is accepted, as a whole.
    PreReceive,
    /// On a server: before each ref is updated.
    Update,
}

impl Hook {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::PreCommit, Self::PreMergeCommit, Self::PrePush, Self::PreReceive, Self::Update];

    /// git's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PreCommit => "pre-commit",
            Self::PreMergeCommit => "pre-merge-commit",
            Self::PrePush => "pre-push",
            Self::PreReceive => "pre-receive",
            Self::Update => "update",
        }
    }

    /// Does git tell it what is pushed on standard input?
    const fn reads_input(self) -> bool {
        matches!(self, Self::PrePush | Self::PreReceive)
    }

    /// What stops if keyscan cannot run.
    const fn stops(self) -> &'static str {
        match self {
            Self::PreCommit | Self::PreMergeCommit => "this commit",
            _ => "this push",
        }
    }

    /// How the user goes on without the check.
    const fn way_around(self) -> &'static str {
        match self {
            Self::PreCommit => "`git commit --no-verify` goes on without the check",
            Self::PreMergeCommit => "`git merge --no-verify` goes on without the check",
            Self::PrePush => "`git push --no-verify` goes on without the check",
            Self::PreReceive | Self::Update => "who runs this server has to put keyscan back",
        }
    }
}

/// Where the hooks of a repository are.
#[derive(Clone, Debug)]
pub struct Place {
    /// The directory.
    pub directory: PathBuf,
    /// It is not of this repository alone: `core.hooksPath` of the user or the machine.
    pub shared: bool,
    /// It is in the working tree, where it can be committed.
    pub in_tree: bool,
    /// The repository has no working tree.
    pub bare: bool,
    /// A program that writes the hooks itself, and what to do there.
    pub managed: Option<(&'static str, String)>,
}

/// What is in place of a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// No hook.
    None,
    /// Another program's hook, without keyscan.
    Other,
    /// keyscan's.
    Installed {
        /// The hook that was there before and runs after keyscan.
        chained: Option<PathBuf>,
    },
}

/// Asks git about the repository here.
fn git(args: &[&str]) -> Result<String> {
    let out = Command::new("git")
        .args(args)
        .output()
        .map_err(|e| Error::new("git cannot be run").cause(e).help("install git, and see that it is in PATH"))?;
    if !out.status.success() {
        let what = String::from_utf8_lossy(&out.stderr).trim().to_owned();
        return Err(Error::new(format!("git says: {what}")).help("run it inside a repository"));
    }
    Ok(String::from_utf8_lossy(&out.stdout).trim_end_matches('\n').to_owned())
}

/// Finds the place of the hooks of the repository around the current directory.
pub fn place() -> Result<Place> {
    let bare = git(&["rev-parse", "--is-bare-repository"])? == "true";
    let top = if bare { None } else { Some(PathBuf::from(git(&["rev-parse", "--show-toplevel"])?)) };
    let common = PathBuf::from(git(&["rev-parse", "--path-format=absolute", "--git-common-dir"])?);
    let named = git(&["rev-parse", "--path-format=absolute", "--git-path", "hooks"])?;
    let directory = PathBuf::from(&named);
    // From where it counts, git takes a relative path from the top of the working tree.
    let configured = git(&["config", "--get", "core.hooksPath"]).ok();
    let directory = match (&configured, &top) {
        (Some(path), Some(top)) if !path.starts_with('~') && Path::new(path).is_relative() => top.join(path),
        _ => directory,
    };
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let inside = |root: &Path| real(&directory).starts_with(real(root));
    let in_git = inside(&common);
    let in_tree = !in_git && top.as_deref().is_some_and(inside);
    Ok(Place { managed: managed(&directory, top.as_deref()), shared: !in_git && !in_tree, in_tree, bare, directory })
}

/// Programs that own the directory of hooks, or write them anew.
fn managed(directory: &Path, top: Option<&Path>) -> Option<(&'static str, String)> {
    if directory.ends_with(".husky/_") {
        return Some(("husky", "add the line `keyscan hook NAME \"$@\"` to .husky/NAME and commit it".into()));
    }
    let top = top?;
    let lefthook =
        ["lefthook.yml", "lefthook.yaml", ".lefthook.yml", ".lefthook.yaml", "lefthook.toml", "lefthook.json"];
    let written = |hook: Hook| fs::read_to_string(directory.join(hook.as_str())).is_ok_and(|t| t.contains("lefthook"));
    if lefthook.iter().any(|name| top.join(name).exists()) && Hook::ALL.into_iter().any(written) {
        return Some(("lefthook", "add a command with `run: keyscan hook NAME {0}` to its config file".into()));
    }
    None
}

impl Place {
    /// The file of a hook.
    pub fn file(&self, hook: Hook) -> PathBuf {
        self.directory.join(hook.as_str())
    }

    fn chained(&self, hook: Hook) -> PathBuf {
        self.directory.join(format!("{}.chained", hook.as_str()))
    }

    /// What is there now.
    pub fn state(&self, hook: Hook) -> State {
        let file = self.file(hook);
        if file.symlink_metadata().is_err() {
            return State::None;
        }
        match fs::read(&file) {
            Ok(text) if script::is_ours(&text) => {
                let chained = self.chained(hook);
                State::Installed { chained: chained.symlink_metadata().is_ok().then_some(chained) }
            }
            _ => State::Other,
        }
    }

    /// Puts keyscan into a hook. One that is there is kept, and runs afterwards.
    pub fn install(&self, hook: Hook, program: &Path, options: &[String]) -> Result<State> {
        let (file, chained) = (self.file(hook), self.chained(hook));
        let failed = |e: std::io::Error| {
            Error::new(format!("the hook {} cannot be written", file.display()))
                .cause(e)
                .help("check who may write to the directory of hooks")
        };
        fs::create_dir_all(&self.directory).map_err(failed)?;
        if self.state(hook) == State::Other {
            if chained.symlink_metadata().is_ok() {
                return Err(Error::new(format!(
                    "there are both {} and {}, and neither is keyscan's",
                    file.display(),
                    chained.display()
                ))
                .help("keyscan would move the first to the second: put them into one file, or move one away"));
            }
            fs::rename(&file, &chained).map_err(failed)?;
        }
        // In one step, so that a hook that runs at this moment is whole.
        let fresh = self.directory.join(format!("{}.keyscan-new", hook.as_str()));
        fs::write(&fresh, script::text(hook, program, options)).map_err(failed)?;
        executable(&fresh).map_err(failed)?;
        fs::rename(&fresh, &file).map_err(failed)?;
        Ok(self.state(hook))
    }

    /// Takes keyscan out of a hook; what was there before takes its place again. Was it there?
    pub fn uninstall(&self, hook: Hook) -> Result<bool> {
        let State::Installed { chained } = self.state(hook) else { return Ok(false) };
        let file = self.file(hook);
        let done = match chained {
            Some(chained) => fs::rename(chained, &file),
            None => fs::remove_file(&file),
        };
        done.map_err(|e| Error::new(format!("the hook {} cannot be removed", file.display())).cause(e))?;
        Ok(true)
    }
}

#[cfg(unix)]
fn executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn executable(_: &Path) -> std::io::Result<()> {
    Ok(())
}
