//! Names of commits, as people and git give them; and the repository that git means when it runs a hook.

use std::path::{Path, PathBuf};

use gix::ObjectId;

use crate::error::{Error, Result};
use crate::source::lookup::{Lookup, Lost};
use crate::source::pack::ObjectKind;
use crate::source::repository::Repository;

impl Repository {
    /// The repository that git names in `GIT_DIR`, or the one around the current directory.
    pub fn of_hook() -> Result<Self> {
        let found = match std::env::var_os("GIT_DIR") {
            Some(directory) => Self::at_git_dir(&PathBuf::from(directory))?,
            None => {
                let here = std::env::current_dir().map_err(|e| Error::new("the current directory is gone").cause(e))?;
                let mut found = None;
                for directory in here.ancestors() {
                    found = Self::at(directory)?;
                    if found.is_some() {
                        break;
                    }
                }
                found
            }
        };
        found.ok_or_else(|| {
            Error::new("there is no git repository here").help("run the hook inside a repository, as git does")
        })
    }

    fn at_git_dir(directory: &Path) -> Result<Option<Self>> {
        // `.git` of a working tree: open that, since the git directory alone does not know it.
        match directory.file_name() {
            Some(name) if name == ".git" => match directory.parent() {
                Some(parent) if parent.as_os_str().is_empty() => Self::at(Path::new(".")),
                Some(parent) => Self::at(parent),
                None => Self::at(directory),
            },
            _ => Self::at(directory),
        }
    }

    /// The git directory: of a linked worktree its own one.
    pub fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// The git directory that all worktrees share.
    pub fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// The kind of object ids.
    pub fn hash(&self) -> gix::hash::Kind {
        self.repo.object_hash()
    }

    /// Resolves a revision to a commit: a branch, a tag, an id, `HEAD~3`.
    pub fn commit(&self, lookup: &Lookup, revision: &str) -> Result<ObjectId> {
        let id = self.resolve(revision).ok_or_else(|| unknown(revision))?;
        match lookup.peel(id) {
            Ok(peeled) if peeled.kind == ObjectKind::Commit => Ok(peeled.id),
            Ok(peeled) => Err(Error::new(format!("the revision `{revision}` is a {}", peeled.kind.as_str()))
                .help("give a commit, or a branch or tag that leads to one")),
            Err(Lost::Missing) => Err(unknown(revision)),
            Err(lost) => Err(Error::new(format!("the revision `{revision}` stands for {id}: {lost}"))
                .help("`git fsck` shows what is damaged")),
        }
    }

    fn resolve(&self, revision: &str) -> Option<ObjectId> {
        if let Ok(id) = ObjectId::from_hex(revision.as_bytes())
            && id.kind() == self.repo.object_hash()
        {
            return Some(id);
        }
        if let Ok(id) = self.repo.rev_parse_single(revision) {
            return Some(id.detach());
        }
        if self.uses_reftable() {
            let out = self.git(&["rev-parse", "--verify", "--quiet", "--end-of-options", revision]).ok()?;
            return ObjectId::from_hex(out.trim_ascii()).ok();
        }
        None
    }
}

fn unknown(revision: &str) -> Error {
    let error = Error::new(format!("there is no commit `{revision}` in this repository"));
    if !revision.is_empty() && revision.bytes().all(|b| b == b'0') {
        return error.help("a CI service gives zeros for a branch that is new: use its branch point, `main...HEAD`");
    }
    let date = revision.len() == 10 && revision.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    error.help(if date {
        "a commit is wanted, not a date: `git rev-list -1 --before=DATE HEAD` names one"
    } else {
        "`git log` shows what is there; a branch of a remote is `origin/NAME`. A CI checkout often lacks it: fetch it, \
         with its history (`git fetch origin NAME`, or fetch-depth: 0)"
    })
}
