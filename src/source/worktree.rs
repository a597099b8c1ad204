//! Files on disk: what git tracks, and what is neither tracked nor ignored.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bstr::{BString, ByteSlice, ByteVec};
use ignore::{WalkBuilder, WalkState};

use crate::error::Result;
use crate::finding::Problem;
use crate::source::git_dir::GitDir;
use crate::source::ignores;

/// Files to scan.
#[derive(Debug, Default)]
pub struct Files {
    /// Path as reported, and path on disk; sorted by the first.
    pub files: Vec<(BString, PathBuf)>,
    /// Paths, as reported, that git tracks; sorted. Empty where there is no repository.
    pub tracked: Vec<BString>,
    /// What could not be listed, sorted.
    pub problems: Vec<Problem>,
    /// What was left out on purpose, with counts.
    pub skipped: BTreeMap<String, u64>,
    /// Ignore files that are not used, sorted.
    pub notes: Vec<String>,
}

/// Lists a file or a directory. In a repository, tracked files are listed also where they are ignored. Paths are reported
/// relative to the root, with `prefix` before them.
pub fn list(root: &Path, repository: Option<&GitDir>, no_ignore: bool, prefix: Option<&Path>) -> Result<Files> {
    let meta = fs::metadata(root).map_err(|e| {
        crate::error::Error::new(format!("cannot read {}", root.display()))
            .cause(e)
            .help("check the path; `-` stands for standard input")
    })?;
    if !meta.is_dir() {
        return Ok(Files { files: vec![(display_path(root, root), root.to_owned())], ..Files::default() });
    }
    let mut listed = walk(root, no_ignore);
    if let Some(repository) = repository {
        add_tracked(root, repository, &mut listed);
        let config = repository.config_file();
        if config.is_file() {
            listed.files.push((".git/config".into(), config));
        }
    }
    if let Some(prefix) = prefix {
        for shown in listed.files.iter_mut().map(|(shown, _)| shown).chain(&mut listed.tracked) {
            *shown = display(&prefix.join(shown.to_path_lossy()));
        }
    }
    listed.files.sort();
    listed.files.dedup();
    listed.tracked.sort();
    listed.problems.sort();
    Ok(listed)
}

/// Lists what is below a directory. Where an ignore file cannot be used, nothing is ignored from there on.
fn walk(root: &Path, no_ignore: bool) -> Files {
    let walker = Walker { root, listed: Mutex::default(), nested: Arc::default(), aside: Arc::default() };
    let put_aside = match ignores::unusable_above(root).or_else(|| ignores::unusable(root, root)) {
        Some((file, why)) if !no_ignore => vec![(root.to_owned(), file, why)],
        _ => {
            walker.below(root, no_ignore);
            take(&walker.aside)
        }
    };
    for (directory, ..) in &put_aside {
        walker.below(directory, true);
    }
    let mut nested = take(&walker.nested);
    let mut listed = walker.listed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    listed.notes = put_aside
        .into_iter()
        .map(|(directory, file, why)| {
            let what = match &*display_path(root, &directory) {
                _ if directory == root => "everything".into(),
                below => format!("everything in {}", below.as_bstr()),
            };
            format!("{} is not used, and {what} is scanned, ignored or not: {why}", display_path(root, &file))
        })
        .collect();
    listed.notes.sort();
    nested.sort();
    tell(
        &mut listed.skipped,
        &nested,
        "history of",
        "a submodule or another repository inside: give its path to scan it",
    );
    listed
}

/// Directory, ignore file, and why this is not used.
type Aside = (PathBuf, PathBuf, String);

/// Lists directories into one list.
struct Walker<'a> {
    root: &'a Path,
    listed: Mutex<Files>,
    /// Repositories inside.
    nested: Arc<Mutex<Vec<BString>>>,
    /// Directories that are left for a walk without ignore files.
    aside: Arc<Mutex<Vec<Aside>>>,
}

impl Walker<'_> {
    fn below(&self, directory: &Path, no_ignore: bool) {
        let (top, from) = (self.root.to_owned(), directory.to_owned());
        let (seen, aside) = (Arc::clone(&self.nested), Arc::clone(&self.aside));
        let walker = WalkBuilder::new(directory)
            .hidden(false)
            .ignore(false)
            .git_ignore(!no_ignore)
            .git_exclude(!no_ignore)
            .git_global(!no_ignore)
            .parents(!no_ignore)
            .follow_links(false)
            .filter_entry(move |entry| {
                let inner = entry.path() != from;
                let git = inner && entry.file_name() == ".git";
                let above = entry.path().parent().unwrap_or(&top);
                if git && above != top {
                    push(&seen, display_path(&top, above));
                }
                let is_dir = !git && inner && !no_ignore && entry.file_type().is_some_and(|t| t.is_dir());
                match is_dir.then(|| ignores::unusable(entry.path(), &top)).flatten() {
                    Some((file, why)) => {
                        push(&aside, (entry.path().to_owned(), file, why));
                        false
                    }
                    None => !git,
                }
            })
            .threads(rayon_threads())
            .build_parallel();
        walker.run(|| {
            let mut batch = Batch { files: Files::default(), into: &self.listed, nested: &self.nested };
            Box::new(move |entry| {
                batch.add(self.root, entry);
                WalkState::Continue
            })
        });
    }
}

fn push<T>(list: &Mutex<Vec<T>>, item: T) {
    list.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(item);
}

fn take<T>(list: &Mutex<Vec<T>>) -> Vec<T> {
    std::mem::take(&mut *list.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}

/// Is a file named `HEAD` that of a repository without a working tree?
fn is_bare(head: &Path) -> bool {
    let beside = |name: &str| head.with_file_name(name).is_dir();
    head.file_name().is_some_and(|name| name == "HEAD") && beside("objects") && beside("refs")
}

/// Most repositories inside that are named one by one.
const NAMED: usize = 20;

/// Names what lies in other repositories.
pub fn tell(skipped: &mut BTreeMap<String, u64>, paths: &[BString], before: &str, what: &str) {
    for path in paths.iter().take(NAMED) {
        skipped.insert(format!("{before} {path} ({what})"), 1);
    }
    if paths.len() > NAMED {
        skipped.insert(format!("{before} other directories ({what})"), (paths.len() - NAMED) as u64);
    }
}

fn rayon_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What one walker found; merged when it ends.
struct Batch<'a> {
    files: Files,
    into: &'a Mutex<Files>,
    nested: &'a Mutex<Vec<BString>>,
}

impl Batch<'_> {
    fn add(&mut self, root: &Path, entry: Result<ignore::DirEntry, ignore::Error>) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(e) => return self.files.problems.push(unlisted(root, &e)),
        };
        if let Some(e) = entry.error() {
            // A glob in a .gitignore that git would not understand either: nothing is left out because of it.
            *self.files.skipped.entry(format!("lines of ignore files that are not valid ({e})")).or_default() += 1;
        }
        match entry.file_type() {
            Some(t) if t.is_file() => {
                let path = entry.into_path();
                if is_bare(&path) {
                    push(self.nested, display_path(root, path.parent().unwrap_or(root)));
                }
                self.files.files.push((display_path(root, &path), path));
            }
            Some(t) if t.is_dir() => {}
            Some(t) if t.is_symlink() => *self.files.skipped.entry("symbolic links".into()).or_default() += 1,
            _ => *self.files.skipped.entry("sockets, pipes and devices".into()).or_default() += 1,
        }
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        if let Ok(mut all) = self.into.lock() {
            all.files.append(&mut self.files.files);
            all.problems.append(&mut self.files.problems);
            for (what, count) in std::mem::take(&mut self.files.skipped) {
                *all.skipped.entry(what).or_default() += count;
            }
        }
    }
}

fn unlisted(root: &Path, error: &ignore::Error) -> Problem {
    Problem {
        object: root.display().to_string(),
        what: format!("cannot list a directory: {error}"),
        help: Some("run keyscan as a user who may read it, or leave it out".into()),
        accepted: false,
    }
}

fn add_tracked(root: &Path, repository: &GitDir, listed: &mut Files) {
    let (tracked, submodules) = match repository.tracked() {
        Ok(tracked) => tracked,
        Err(e) => return listed.problems.push(no_index(root, &e)),
    };
    listed.files.sort();
    let mut ignored = Vec::new();
    listed.tracked.clone_from(&tracked);
    for path in tracked {
        if listed.files.binary_search_by(|(have, _)| have.cmp(&path)).is_err() {
            let Ok(relative) = path.to_path() else { continue };
            let full = root.join(relative);
            if fs::symlink_metadata(&full).is_ok_and(|m| m.is_file()) {
                ignored.push((path, full));
            }
        }
    }
    listed.files.append(&mut ignored);
    let is_empty = |path: &BString| path.to_path().is_ok_and(|p| !root.join(p).join(".git").exists());
    let empty: Vec<BString> = submodules.into_iter().filter(is_empty).collect();
    tell(&mut listed.skipped, &empty, "submodule", "not checked out: `git submodule update --init` gets it");
}

/// Without the index, tracked files that are ignored are not known.
fn no_index(root: &Path, error: &crate::error::Error) -> Problem {
    Problem {
        object: root.join(".git/index").display().to_string(),
        what: format!("{error}; files that are tracked and ignored were left out"),
        help: error.advice().map(str::to_owned),
        accepted: false,
    }
}

/// The path relative to the root, or the root itself if that is a file.
fn display_path(root: &Path, path: &Path) -> BString {
    display(path.strip_prefix(root).ok().filter(|p| !p.as_os_str().is_empty()).unwrap_or(path))
}

/// A path with `/` as separator and without `./` at the start.
fn display(path: &Path) -> BString {
    let bytes = Vec::from_path_lossy(path.strip_prefix(".").unwrap_or(path)).into_owned();
    if cfg!(windows) { bytes.replace(b"\\", b"/").into() } else { bytes.into() }
}

/// Opens a file to be read. A pipe that has taken the place of a file since it was listed is no reason to wait.
fn open(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    options.open(path)
}

/// Opens a regular file.
pub fn open_file(path: &Path) -> std::io::Result<(File, u64)> {
    let file = open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() && !meta.is_dir() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    Ok((file, meta.len()))
}

/// Reads a whole file into `buffer`; its length is taken as it is when read.
pub fn read(path: &Path, buffer: &mut Vec<u8>) -> std::io::Result<()> {
    let (mut file, len) = open_file(path)?;
    read_all(&mut file, len, buffer)
}

/// Reads the rest of a file, of about so many bytes.
pub fn read_all(file: &mut File, len: u64, buffer: &mut Vec<u8>) -> std::io::Result<()> {
    buffer.clear();
    buffer.try_reserve(len as usize + 1).map_err(std::io::Error::other)?;
    file.read_to_end(buffer)?;
    Ok(())
}
