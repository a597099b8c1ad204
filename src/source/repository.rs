//! A git repository that gix can open, for what asks more than its objects and refs.

use std::path::{Path, PathBuf};

use bstr::ByteSlice;
use gix::ObjectId;

use crate::error::{Error, Result};
use crate::finding::Origin;
use crate::source::git_dir::GitDir;
use crate::source::objects::Objects;
use crate::source::pack::ObjectKind;
pub use crate::source::refs::Ref;

/// An opened repository. Nothing in it is ever run or written.
pub struct Repository {
    pub(super) repo: gix::Repository,
    dir: GitDir,
    workdir: Option<PathBuf>,
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Repository({})", self.git_dir.display())
    }
}

impl std::ops::Deref for Repository {
    type Target = GitDir;

    fn deref(&self) -> &GitDir {
        &self.dir
    }
}

impl Repository {
    /// Opens the repository whose working tree or git directory is exactly `path`; `None` if there is none.
    pub fn at(path: &Path) -> Result<Option<Self>> {
        let Some(dir) = GitDir::at(path)? else { return Ok(None) };
        let options = gix::open::Options::isolated().with(gix::sec::Trust::Full).lossy_config(true);
        let repo = gix::ThreadSafeRepository::open_opts(path, options)
            .map_err(|e| {
                Error::new(format!("the git repository at {} cannot be opened", dir.git_dir.display()))
                    .cause(e.to_string())
                    .help("scan its files alone with --no-history, or repair the repository (`git fsck`)")
            })?
            .to_thread_local();
        Ok(Some(Self { workdir: repo.workdir().map(Path::to_owned), repo, dir }))
    }

    /// Is `path` somewhere inside a working tree?
    pub fn around(path: &Path) -> Option<PathBuf> {
        let full = path.canonicalize().ok()?;
        full.ancestors().find(|p| p.join(".git").exists()).map(Path::to_owned)
    }

    /// The working tree, unless the repository is bare.
    pub fn workdir(&self) -> Option<&Path> {
        self.workdir.as_deref()
    }

    /// The commit at HEAD; `None` before the first commit.
    pub fn head(&self) -> Option<ObjectId> {
        match self.repo.head_id() {
            Ok(id) => Some(id.detach()),
            Err(_) if self.uses_reftable() => {
                let out = self.git(&["rev-parse", "--verify", "--quiet", "HEAD"]).ok()?;
                ObjectId::from_hex(out.trim()).ok()
            }
            Err(_) => None,
        }
    }

    /// Where it was cloned from, and what is checked out; `None` if it has no remote `origin` with a web or ssh address.
    pub fn origin(&self) -> Option<Origin> {
        let url = self.repo.config_snapshot().string("remote.origin.url")?;
        let branch = self.repo.head_name().ok().flatten().map(|name| name.shorten().to_string());
        Some(Origin { uri: public_address(&url)?, commit: self.head().map(|id| id.to_string()), branch })
    }

    /// All refs, sorted by name; an error if one of them cannot be read.
    pub fn refs(&self) -> Result<Vec<Ref>> {
        let (refs, problems) = self.all_refs();
        match problems.into_iter().next() {
            None => Ok(refs),
            Some(problem) => {
                Err(Error::new(format!("{}: {}", problem.object, problem.what)).help(problem.help.unwrap_or_default()))
            }
        }
    }

    /// The object that a chain of annotated tags ends at.
    pub fn peel(objects: &Objects, id: ObjectId) -> Option<(ObjectKind, ObjectId)> {
        let end = Self::tags(objects, id).last().map_or(Some(id), |tag| tagged(&objects.get(&tag)?.1))?;
        let kind = objects.kind(&end)?;
        (kind != ObjectKind::Tag).then_some((kind, end))
    }

    /// The annotated tags that lead from an object on: itself first, if it is one.
    pub fn tags(objects: &Objects, id: ObjectId) -> impl Iterator<Item = ObjectId> {
        let mut next = Some(id);
        std::iter::from_fn(move || {
            let id = next.take()?;
            if objects.kind(&id)? != ObjectKind::Tag {
                return None;
            }
            next = tagged(&objects.get(&id)?.1);
            Some(id)
        })
        .take(MAX_TAGS)
    }
}

/// An address without what is nobody's business: user, password, query. `None` for paths of this machine.
fn public_address(url: &[u8]) -> Option<String> {
    use gix::url::Scheme;
    let url = gix::url::parse(url).ok()?;
    let scheme = match &url.scheme {
        Scheme::Https | Scheme::Http | Scheme::Ssh | Scheme::Git => url.scheme.as_str(),
        _ => return None,
    };
    let path = url.path.to_str().ok()?.split(['?', '#']).next()?.trim_start_matches('/');
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/%+".contains(&b);
    let port = url.port.map(|port| format!(":{port}")).unwrap_or_default();
    path.bytes().all(is_plain).then(|| Some(format!("{scheme}://{}{port}/{path}", url.host()?)))?
}

/// Longest chain of tags that is followed.
const MAX_TAGS: usize = 16;

/// What a tag stands for.
fn tagged(tag: &[u8]) -> Option<ObjectId> {
    ObjectId::from_hex(tag.lines().next()?.strip_prefix(b"object ")?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_hold_no_credentials() {
        let cases = [
            ("https://github.com/a/b.git", Some("https://github.com/a/b.git")),
            (concat!("https://ann:hunter", "2@example.com:8443/a/b?token=x#y"), Some("https://example.com:8443/a/b")),
            ("git@github.com:a/b.git", Some("ssh://github.com/a/b.git")),
            ("ssh://git@example.com:2222/a/b", Some("ssh://example.com:2222/a/b")),
            ("/home/ann/b", None),
            ("file:///home/ann/b", None),
            ("../b", None),
            ("https://example.com/a b", None),
        ];
        for (url, want) in cases {
            assert_eq!(public_address(url.as_bytes()).as_deref(), want, "{url}");
        }
    }
}
