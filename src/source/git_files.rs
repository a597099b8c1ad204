//! Files that git keeps for itself beside objects and refs, and that hold text: settings with URLs, hooks; and what it notes
//! while it works, such as logs of refs, messages that are being written, resolved conflicts and the store of Git LFS.

use std::fs;
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};

use crate::finding::Problem;

/// What was found.
#[derive(Debug, Default)]
pub struct GitFiles {
    /// Settings of the repository, of its working trees and of its submodules. Without the main `config`.
    pub settings: Vec<(BString, PathBuf)>,
    /// What mostly repeats text that is in objects.
    pub notes: Vec<(BString, PathBuf)>,
    /// Directories that cannot be listed.
    pub problems: Vec<Problem>,
}

/// Directories of a git directory that are read as what they are.
const STORES: &[&str] = &["objects", "refs", "reftable"];
/// Files of a git directory that hold ids, or names that are read elsewhere.
const IDS: &[&str] = &["HEAD", "ORIG_HEAD", "index", "packed-refs", "shallow", "commondir", "gitdir"];
/// Directories of a git directory with what is mostly in objects as well, or was.
const NOTES: &[&str] = &["logs", "rr-cache", "rebase-merge", "rebase-apply", "sequencer", "lfs", "annex"];

/// Lists the files of a git directory, with `shown` before their paths; sorted.
pub fn list(directory: &Path, shown: &str) -> GitFiles {
    let mut files = GitFiles::default();
    let mut stack = vec![Level { path: directory.to_owned(), shown: shown.into(), is_git_dir: true, notes: false }];
    while let Some(level) = stack.pop() {
        let listing = match fs::read_dir(&level.path) {
            Ok(listing) => listing,
            Err(e) => {
                files.problems.push(unlisted(&level, &e));
                continue;
            }
        };
        for entry in listing.filter_map(std::result::Result::ok) {
            let Ok(kind) = entry.file_type() else { continue };
            let name = entry.file_name().to_string_lossy().into_owned();
            if level.leaves_out(&name) {
                continue;
            }
            let path = entry.path();
            let shown = BString::from([level.shown.as_slice(), name.as_bytes()].concat());
            let notes = if level.is_git_dir { is_note(&name) } else { level.notes };
            if kind.is_dir() {
                let is_git_dir = looks_like_git_dir(&path);
                stack.push(Level { path, shown: [shown.as_slice(), b"/"].concat().into(), is_git_dir, notes });
            } else if kind.is_file() && path != directory.join("config") {
                if notes { &mut files.notes } else { &mut files.settings }.push((shown, path));
            }
        }
    }
    files.settings.sort();
    files.notes.sort();
    files.problems.sort();
    files
}

/// A directory to be listed.
struct Level {
    path: PathBuf,
    shown: BString,
    /// A git directory itself: the main one, that of a linked working tree or of a submodule.
    is_git_dir: bool,
    notes: bool,
}

impl Level {
    fn leaves_out(&self, name: &str) -> bool {
        if self.is_git_dir {
            return STORES.contains(&name) || IDS.contains(&name) || name.starts_with("sharedindex.");
        }
        // Samples come with git.
        name.ends_with(".sample") && self.path.file_name().is_some_and(|directory| directory == "hooks")
    }
}

fn is_note(name: &str) -> bool {
    NOTES.contains(&name) || name.ends_with("_HEAD") || name.ends_with("MSG")
}

fn looks_like_git_dir(path: &Path) -> bool {
    path.join("HEAD").is_file() && (path.join("objects").is_dir() || path.join("commondir").is_file())
}

fn unlisted(level: &Level, error: &std::io::Error) -> Problem {
    Problem {
        object: level.shown.to_string(),
        what: format!("the directory cannot be listed: {error}"),
        help: Some("run keyscan as a user who may read it".into()),
        accepted: false,
    }
}

/// Paths of submodules that a `.gitmodules` file names, as they are written; sorted.
pub fn submodules(gitmodules: &[u8]) -> Vec<BString> {
    let mut paths: Vec<BString> = gitmodules
        .lines()
        .filter_map(|line| {
            let (key, value) = line.trim().split_once_str("=")?;
            (key.trim().eq_ignore_ascii_case(b"path")).then(|| value.trim().trim_with(|c| c == '"').into())
        })
        .collect();
    paths.sort();
    paths.dedup();
    paths
}
