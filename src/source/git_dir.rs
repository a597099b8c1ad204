//! A git directory as it lies on disk: objects, refs, index. Read so that damage in one of its files hides nothing that
//! another one tells. Nothing in it is ever run or written, and only the path that was given decides what is read: no
//! variable of the environment such as `GIT_DIR` does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bstr::{BString, ByteSlice};
use gix::ObjectId;
use gix::hashtable::HashSet;

use crate::cache::Store;
use crate::error::{Error, Result};
use crate::finding::Problem;
use crate::source::objects::Objects;
use crate::source::refs::{Ref, Refs, working_trees};

/// Values of `extensions.*` that change nothing here, or that are dealt with.
const EXTENSIONS: &[&str] = &[
    "compatobjectformat",
    "noop",
    "noop-v1",
    "objectformat",
    "partialclone",
    "preciousobjects",
    "refstorage",
    "relativeworktrees",
    "submodulepathconfig",
    "worktreeconfig",
];

/// A file as an index has it.
#[derive(Clone, Debug)]
pub struct Staged {
    /// The blob.
    pub id: ObjectId,
    /// `index`, or `worktrees/NAME/index` of another working tree.
    pub index: BString,
    /// Where the file stands.
    pub path: BString,
}

/// A git directory.
#[derive(Clone, Debug)]
pub struct GitDir {
    /// That of the working tree; for a linked one below `worktrees` of the main one.
    pub(super) git_dir: PathBuf,
    /// Where objects and shared refs are.
    pub(super) common_dir: PathBuf,
    hash: gix::hash::Kind,
    bare: bool,
    partial: bool,
    problems: Vec<Problem>,
}

impl GitDir {
    /// The git directory of the working tree at exactly `path`, or `path` if that is one; `None` if there is none.
    pub fn at(path: &Path) -> Result<Option<Self>> {
        let dot_git = path.join(".git");
        if dot_git.symlink_metadata().is_ok() {
            let git_dir = if dot_git.is_file() { linked(path, &dot_git)? } else { dot_git };
            return Self::open(git_dir, false).map(Some);
        }
        if is_git_dir(path) { Self::open(path.to_owned(), true).map(Some) } else { Ok(None) }
    }

    fn open(git_dir: PathBuf, bare: bool) -> Result<Self> {
        let common_dir = match fs::read(git_dir.join("commondir")) {
            Ok(text) => git_dir.join(text.trim().to_path_lossy()),
            Err(_) => git_dir.clone(),
        };
        if !common_dir.join("objects").is_dir() {
            return Err(Error::new(format!("the git repository at {} cannot be opened", git_dir.display()))
                .cause(format!("there is no {}", common_dir.join("objects").display()))
                .help("scan its files alone with --no-history, or repair the repository (`git fsck`)"));
        }
        let hash = gix::hash::Kind::Sha1;
        let mut this = Self { git_dir, common_dir, hash, bare, partial: false, problems: Vec::new() };
        this.read_config();
        Ok(this)
    }

    fn read_config(&mut self) {
        let path = self.config_file();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            // git takes its defaults.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return self.hash = self.hash_of_files(),
            Err(e) => return self.without_config(&e.to_string()),
        };
        let meta = gix::config::file::Metadata::from(gix::config::Source::Local);
        let options = gix::config::file::init::Options { lossy: true, ..Default::default() };
        let config = match gix::config::File::from_bytes_no_includes(&bytes, meta, options) {
            Ok(config) => config,
            Err(e) => return self.without_config(&e.to_string()),
        };
        let text = |key: &str| config.string(key).map(|value| value.to_str_lossy().to_ascii_lowercase());
        self.hash = match text("extensions.objectFormat").as_deref() {
            None | Some("sha1") => gix::hash::Kind::Sha1,
            Some("sha256") => gix::hash::Kind::Sha256,
            Some(_) => {
                self.unknown("its object ids are of a kind that keyscan does not know");
                self.hash_of_files()
            }
        };
        let version = text("core.repositoryformatversion").unwrap_or_default();
        if !matches!(version.trim(), "" | "0" | "1") {
            self.unknown("core.repositoryformatversion is not one that keyscan knows");
        }
        let mut strange = Vec::new();
        for section in config.sections_by_name("extensions").into_iter().flatten() {
            for name in section.value_names() {
                let name = name.to_string().to_ascii_lowercase();
                if version.trim() == "1" && !EXTENSIONS.contains(&name.as_str()) {
                    strange.push(name);
                }
            }
        }
        for name in strange {
            self.unknown(&format!("keyscan does not know extensions.{name}, and what it changes"));
        }
        self.partial =
            text("extensions.partialClone").is_some()
                || config.sections_by_name("remote").into_iter().flatten().any(|section| {
                    section.value("promisor").is_some() || section.value("partialclonefilter").is_some()
                });
    }

    /// Without its configuration the repository is read as its files look.
    fn without_config(&mut self, why: &str) {
        self.problems.push(Problem {
            object: self.config_file().display().to_string(),
            what: format!("the configuration cannot be read: {why}"),
            help: Some("`git config --list --local` tells more; correct the file".into()),
            accepted: false,
        });
        self.hash = self.hash_of_files();
    }

    fn unknown(&mut self, what: &str) {
        self.problems.push(Problem {
            object: self.config_file().display().to_string(),
            what: format!("{what}: it was read as if it were not there, which may leave something out"),
            help: Some("scan a plain copy: `git clone --mirror`, with a git that knows it".into()),
            accepted: false,
        });
    }

    /// The kind of object ids as names of loose objects and packs show it.
    fn hash_of_files(&self) -> gix::hash::Kind {
        let names = |path: PathBuf| {
            fs::read_dir(path).into_iter().flatten().filter_map(|e| e.ok()?.file_name().into_string().ok())
        };
        let objects = self.common_dir.join("objects");
        let packs = names(objects.join("pack")).filter_map(|name| name.strip_prefix("pack-")?.find('.'));
        let loose = names(objects.clone())
            .filter(|fan| fan.len() == 2)
            .flat_map(|fan| names(objects.join(&fan)).map(|name| name.len() + 2).collect::<Vec<_>>());
        let sha256 = packs.chain(loose).find(|len| matches!(len, 40 | 64)) == Some(64);
        if sha256 { gix::hash::Kind::Sha256 } else { gix::hash::Kind::Sha1 }
    }

    /// Was the path itself a git directory, without a working tree around it?
    pub fn is_bare(&self) -> bool {
        self.bare
    }

    /// What is wrong with the repository as a whole.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Kind of the object ids.
    pub fn object_hash(&self) -> gix::hash::Kind {
        self.hash
    }

    /// The configuration file, whose remotes may hold credentials.
    pub fn config_file(&self) -> PathBuf {
        self.common_dir.join("config")
    }

    /// Where objects and shared refs are.
    pub fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// Directory and prefix of the names of each working tree, the scanned one first.
    pub fn working_trees(&self) -> Vec<(String, PathBuf)> {
        working_trees(&self.common_dir, &self.git_dir)
    }

    /// Opens the object stores, with what earlier scans kept of them.
    pub fn objects_with(&self, records: Option<&Store>) -> Objects {
        Objects::open_with(&self.common_dir.join("objects"), self.hash, records)
    }

    /// Opens the object stores for a scan of what came after the packs with these keys; `None` if that cannot be.
    pub fn objects_after(&self, records: &Store, keys: &[Vec<u8>]) -> Option<Objects> {
        Objects::open_covered(&self.common_dir.join("objects"), self.hash, records, keys)
    }

    /// Opens the object stores without reading packs; `None` if anything in them is odd.
    pub fn objects_unread(&self) -> Option<Objects> {
        Objects::open_unread(&self.common_dir.join("objects"), self.hash)
    }

    /// What names each pack in the object stores, largest first.
    pub fn pack_keys(&self) -> Vec<Vec<u8>> {
        Objects::keys(&self.common_dir.join("objects"), self.hash)
    }

    /// Opens the object stores.
    pub fn objects(&self) -> Objects {
        Objects::open(&self.common_dir.join("objects"), self.hash)
    }

    /// Paths in the index that are files, sorted; and the submodules in it.
    pub fn tracked(&self) -> Result<(Vec<BString>, Vec<BString>)> {
        let path = self.git_dir.join("index");
        let index = gix::index::File::at_or_default(&path, self.hash, false, Default::default()).map_err(|e| {
            Error::new(format!("the index {} cannot be read", path.display()))
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
        submodules.dedup();
        Ok((files, submodules))
    }

    /// Those of some blobs, sorted by id, that the index of a working tree has. An index that cannot be read has none.
    pub fn staged(&self, blobs: &[ObjectId]) -> Vec<Staged> {
        let mut staged = Vec::new();
        for (prefix, directory) in working_trees(&self.common_dir, &self.git_dir) {
            let path = directory.join("index");
            let Ok(index) = gix::index::File::at(&path, self.hash, false, Default::default()) else { continue };
            let found = index.entries().iter().filter(|entry| blobs.binary_search(&entry.id).is_ok());
            let name = BString::from(format!("{prefix}index"));
            staged.extend(found.map(|entry| Staged {
                id: entry.id,
                index: name.clone(),
                path: entry.path(&index).to_owned(),
            }));
        }
        staged
    }

    /// Commits at which a shallow clone was cut off.
    pub fn shallow(&self) -> HashSet {
        let text = fs::read(self.common_dir.join("shallow")).unwrap_or_default();
        text.lines().filter_map(|line| ObjectId::from_hex(line.trim()).ok()).collect()
    }

    /// Is this a partial clone, whose missing objects a remote has promised?
    pub fn is_partial(&self) -> bool {
        self.partial
    }

    /// All refs, sorted by name: shared ones, those of every working tree, what git notes for itself and what the stash
    /// still keeps; and what is wrong with those that could not be read.
    pub fn all_refs(&self) -> (Vec<Ref>, Vec<Problem>) {
        let mut refs = Refs::new(self.hash);
        if self.uses_reftable() {
            if let Err(e) = self.refs_by_git(&mut refs) {
                refs.problems.push(Problem {
                    object: "refs".into(),
                    what: e.to_string(),
                    help: e.advice().map(str::to_owned),
                    accepted: false,
                });
            }
        } else {
            refs.read_files(&self.common_dir, &self.git_dir);
            refs.read_stashes(&self.common_dir);
        }
        refs.read_passing(&self.common_dir, &self.git_dir);
        refs.read_logs(&self.common_dir, &self.git_dir);
        refs.refs.sort();
        refs.refs.dedup();
        refs.problems.sort();
        (refs.refs, refs.problems)
    }

    pub(super) fn uses_reftable(&self) -> bool {
        self.common_dir.join("reftable").is_dir()
    }

    fn refs_by_git(&self, refs: &mut Refs) -> Result<()> {
        for (prefix, directory) in working_trees(&self.common_dir, &self.git_dir) {
            let args = ["for-each-ref", "--include-root-refs", "--format=%(objectname) %(symref) %(refname)"];
            let out = self.git_at(&directory, &args)?;
            for line in out.lines() {
                let mut words = line.splitn_str(3, " ");
                let (id, symbolic, name) = (words.next(), words.next(), words.next());
                let (Some(id), Some(name)) = (id.and_then(|id| refs.id(id)), name) else { continue };
                let on_branch = symbolic.is_some_and(|s| !s.is_empty());
                let shared = name.starts_with(b"refs/") && !name.starts_with(b"refs/bisect/");
                // A symbolic ref stands for another that is listed as well; HEAD says what is checked out.
                if (on_branch || shared) && !prefix.is_empty() || on_branch && name != b"HEAD" {
                    continue;
                }
                refs.push(&prefix, name.into(), id);
            }
        }
        // Without a stash this fails, and there is nothing to add.
        if let Ok(out) = self.git(&["rev-list", "--walk-reflogs", "refs/stash", "--"]) {
            let ids: Vec<_> = out.lines().filter_map(|line| refs.id(line)).collect();
            refs.stashes(ids);
        }
        Ok(())
    }

    /// Runs git itself, for what gix cannot read. Only read-only commands, without the repository's hooks or pagers.
    pub(super) fn git(&self, args: &[&str]) -> Result<Vec<u8>> {
        self.git_at(&self.git_dir, args)
    }

    fn git_at(&self, git_dir: &Path, args: &[&str]) -> Result<Vec<u8>> {
        let failed = || {
            Error::new(format!("the refs of {} are in a reftable, which needs git itself", self.git_dir.display()))
                .help("install git 2.45 or newer, or run `git refs migrate --ref-format=files`")
        };
        let mut command = Command::new("git");
        // The environment may lead git elsewhere; nobody's configuration is needed for what is asked.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_")) {
            command.env_remove(name);
        }
        let out = command
            .arg("--git-dir")
            .arg(git_dir)
            .args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*"])
            .args(args)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .output()
            .map_err(|e| failed().cause(e))?;
        if out.status.success() {
            Ok(out.stdout)
        } else {
            Err(failed().cause(String::from_utf8_lossy(&out.stderr).trim().to_owned()))
        }
    }
}

/// Does a directory look like a git directory? Also one that lost its HEAD.
fn is_git_dir(path: &Path) -> bool {
    let is_dir = |name: &str| path.join(name).is_dir();
    is_dir("objects")
        && (path.join("HEAD").exists() || is_dir("refs") && (is_dir("objects/pack") || is_dir("objects/info")))
}

/// The git directory that the `.git` file of a linked working tree or of a submodule names.
fn linked(path: &Path, file: &Path) -> Result<PathBuf> {
    let broken = |why: String| {
        Error::new(format!("the git repository of {} cannot be opened", path.display()))
            .cause(why)
            .help("scan its files alone with --no-history, or repair the link (`git worktree repair`, `git submodule update`)")
    };
    let text = fs::read(file).map_err(|e| broken(e.to_string()))?;
    let named = text.strip_prefix(b"gitdir:").ok_or_else(|| broken(format!("{} holds no path", file.display())))?;
    let git_dir = path.join(named.trim().to_path_lossy());
    if git_dir.is_dir() { Ok(git_dir) } else { Err(broken(format!("there is no directory {}", git_dir.display()))) }
}
