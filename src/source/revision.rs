//! Names of commits, as people and git give them; and the repository that git means when it runs a hook.

use std::path::{Path, PathBuf};

use bstr::BString;
use gix::ObjectId;

use crate::error::{Error, Result};
use crate::source::lookup::{Lookup, Lost};
use crate::source::pack::ObjectKind;
use crate::source::repository::Repository;

impl Repository {
    /// The repository that git runs a hook in: the one around the current directory, or the one that it names in `GIT_DIR`.
    pub fn of_hook() -> Result<Self> {
        let named = std::env::var_os("GIT_DIR").map(PathBuf::from);
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let here = std::env::current_dir().map_err(|e| Error::new("the current directory is gone").cause(e))?;
        for directory in here.ancestors() {
            if let Some(found) = Self::at(directory)? {
                if named.as_deref().is_none_or(|named| real(named) == real(&found.git_dir)) {
                    return Ok(found);
                }
                break;
            }
        }
        let found = named.map(|named| Self::at(&named)).transpose()?.flatten();
        found.ok_or_else(|| {
            Error::new("there is no git repository here").help("run the hook inside a repository, as git does")
        })
    }

    /// The remote that is at a URL.
    pub fn remote_of(&self, url: &str) -> Option<BString> {
        let config = self.repo.config_snapshot();
        let mut remotes = config.plumbing().sections_by_name("remote")?;
        remotes.find_map(|section| {
            let same =
                ["url", "pushurl"].iter().any(|key| section.value(key).is_some_and(|v| v.as_slice() == url.as_bytes()));
            same.then(|| section.header().subsection_name().map(ToOwned::to_owned)).flatten()
        })
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
