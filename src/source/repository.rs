//! A git repository: where its objects, refs, index and working tree are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bstr::{BString, ByteSlice};
use gix::ObjectId;
use gix::hashtable::HashSet;

use crate::error::{Error, Result};
use crate::finding::Origin;
use crate::source::objects::Objects;
use crate::source::pack::ObjectKind;

/// An opened repository. Nothing in it is ever run or written.
pub struct Repository {
    pub(super) repo: gix::Repository,
    pub(super) git_dir: PathBuf,
    pub(super) common_dir: PathBuf,
    workdir: Option<PathBuf>,
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Repository({})", self.git_dir.display())
    }
}

/// A ref and the object that it points to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ref {
    /// Full name.
    pub name: BString,
    /// The object, not peeled.
    pub target: ObjectId,
}

impl Repository {
    /// Opens the repository whose working tree or git directory is exactly `path`; `None` if there is none.
    pub fn at(path: &Path) -> Result<Option<Self>> {
        let git_dir = if path.join(".git").exists() {
            path.join(".git")
        } else if path.join("HEAD").is_file() && path.join("objects").is_dir() {
            path.to_owned()
        } else {
            return Ok(None);
        };
        let options = gix::open::Options::isolated().with(gix::sec::Trust::Full).lossy_config(true);
        let repo = gix::ThreadSafeRepository::open_opts(path, options)
            .map_err(|e| {
                Error::new(format!("the git repository at {} cannot be opened", git_dir.display()))
                    .cause(e.to_string())
                    .help("scan its files alone with --no-history, or repair the repository (`git fsck`)")
            })?
            .to_thread_local();
        Ok(Some(Self {
            git_dir: repo.git_dir().to_owned(),
            common_dir: repo.common_dir().to_owned(),
            workdir: repo.workdir().map(Path::to_owned),
            repo,
        }))
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

    /// The configuration file, whose remotes may hold credentials.
    pub fn config_file(&self) -> PathBuf {
        self.common_dir.join("config")
    }

    /// Opens the object stores.
    pub fn objects(&self) -> Objects {
        Objects::open(&self.common_dir.join("objects"), self.repo.object_hash())
    }

    /// Paths in the index that are files, sorted; and the submodules in it.
    pub fn tracked(&self) -> Result<(Vec<BString>, Vec<BString>)> {
        let index = self.repo.index_or_empty().map_err(|e| {
            Error::new(format!("the index {} cannot be read", self.repo.index_path().display()))
                .cause(e.to_string())
                .help("`git read-tree HEAD` makes a new one")
        })?;
        let (mut files, mut submodules) = (Vec::new(), Vec::new());
        for entry in index.entries() {
            let path = entry.path(&index).to_owned();
            match entry.mode {
                gix::index::entry::Mode::COMMIT => submodules.push(path),
                gix::index::entry::Mode::SYMLINK => {}
                _ => files.push(path),
            }
        }
        files.dedup();
        Ok((files, submodules))
    }

    /// Commits at which a shallow clone was cut off.
    pub fn shallow(&self) -> HashSet {
        let text = fs::read(self.common_dir.join("shallow")).unwrap_or_default();
        text.lines().filter_map(|line| ObjectId::from_hex(line.trim()).ok()).collect()
    }

    /// Is this a partial clone, whose missing objects a remote has promised?
    pub fn is_partial(&self) -> bool {
        let config = self.repo.config_snapshot();
        config.string("extensions.partialClone").is_some()
            || config.plumbing().sections_by_name("remote").is_some_and(|mut sections| {
                sections.any(|s| s.value("promisor").is_some() || s.value("partialclonefilter").is_some())
            })
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

    /// All refs, sorted by name, with those of linked worktrees' HEADs and what the stash still keeps.
    pub fn refs(&self) -> Result<Vec<Ref>> {
        let mut refs = if self.uses_reftable() { self.refs_by_git()? } else { self.refs_by_gix()? };
        if let Some(target) = self.head() {
            refs.push(Ref { name: "HEAD".into(), target });
        }
        for (name, head) in self.worktree_heads() {
            refs.push(Ref { name, target: head });
        }
        let stash = fs::read(self.common_dir.join("logs/refs/stash")).unwrap_or_default();
        for (n, target) in
            stash.lines().rev().filter_map(|l| ObjectId::from_hex(l.split_str(" ").nth(1)?).ok()).enumerate()
        {
            refs.push(Ref { name: format!("stash@{{{n}}}").into(), target });
        }
        refs.sort();
        refs.dedup();
        Ok(refs)
    }

    pub(super) fn uses_reftable(&self) -> bool {
        self.common_dir.join("reftable").is_dir()
    }

    fn refs_by_gix(&self) -> Result<Vec<Ref>> {
        let broken = |e: String| {
            Error::new(format!("the refs of {} cannot be read", self.git_dir.display()))
                .cause(e)
                .help("`git for-each-ref` shows which one is broken")
        };
        let platform = self.repo.references().map_err(|e| broken(e.to_string()))?;
        let mut refs = Vec::new();
        for reference in platform.all().map_err(|e| broken(e.to_string()))? {
            let reference = reference.map_err(|e| broken(e.to_string()))?;
            let mut target = reference.inner.target.clone();
            // A symbolic ref (refs/remotes/origin/HEAD) stands for another that is listed as well.
            if let gix::refs::Target::Object(id) = &mut target {
                refs.push(Ref { name: reference.name().as_bstr().to_owned(), target: *id });
            }
        }
        Ok(refs)
    }

    fn refs_by_git(&self) -> Result<Vec<Ref>> {
        let out = self.git(&["for-each-ref", "--format=%(objectname) %(refname)"])?;
        Ok(out
            .lines()
            .filter_map(|line| {
                let (id, name) = line.split_once_str(" ")?;
                Some(Ref { name: name.into(), target: ObjectId::from_hex(id).ok()? })
            })
            .collect())
    }

    /// Runs git itself, for what gix cannot read. Only read-only commands, without the repository's hooks or pagers.
    pub(super) fn git(&self, args: &[&str]) -> Result<Vec<u8>> {
        let failed = || {
            Error::new(format!("the refs of {} are in a reftable, which needs git itself", self.git_dir.display()))
                .help("install git 2.45 or newer, or run `git refs migrate --ref-format=files`")
        };
        let out = Command::new("git")
            .arg("--git-dir")
            .arg(&self.git_dir)
            .args(args)
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_NO_LAZY_FETCH", "1")
            .output()
            .map_err(|e| failed().cause(e))?;
        if out.status.success() {
            Ok(out.stdout)
        } else {
            Err(failed().cause(String::from_utf8_lossy(&out.stderr).trim().to_owned()))
        }
    }

    fn worktree_heads(&self) -> Vec<(BString, ObjectId)> {
        let Ok(listing) = fs::read_dir(self.common_dir.join("worktrees")) else { return Vec::new() };
        let mut heads: Vec<_> = listing
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let text = fs::read(entry.path().join("HEAD")).ok()?;
                // A branch is listed already.
                let id = ObjectId::from_hex(text.trim()).ok()?;
                Some((format!("worktrees/{}/HEAD", entry.file_name().to_string_lossy()).into(), id))
            })
            .collect();
        heads.sort();
        heads
    }

    /// Ids that reflogs mention.
    pub fn reflog_ids(&self) -> HashSet {
        let mut ids = HashSet::default();
        let mut stack = vec![self.common_dir.join("logs"), self.git_dir.join("logs")];
        while let Some(path) = stack.pop() {
            if let Ok(listing) = fs::read_dir(&path) {
                stack.extend(listing.filter_map(|e| Some(e.ok()?.path())));
            } else if let Ok(text) = fs::read(&path) {
                ids.extend(
                    text.lines()
                        .flat_map(|l| l.split_str(" ").take(2).collect::<Vec<_>>())
                        .filter_map(|h| ObjectId::from_hex(h).ok()),
                );
            }
        }
        ids
    }

    /// The object that a chain of annotated tags ends at.
    pub fn peel(objects: &Objects, mut id: ObjectId) -> Option<(ObjectKind, ObjectId)> {
        for _ in 0..16 {
            let (kind, bytes) = objects.get(&id)?;
            if kind != ObjectKind::Tag {
                return Some((kind, id));
            }
            id = ObjectId::from_hex(bytes.lines().next()?.strip_prefix(b"object ")?).ok()?;
        }
        None
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
