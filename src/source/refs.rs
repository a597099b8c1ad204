//! Refs as they lie in files, read so that one that is broken does not hide the others.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use bstr::{BStr, BString, ByteSlice};
use gix::ObjectId;

use crate::finding::Problem;

/// A ref and the object that it points to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ref {
    /// Full name.
    pub name: BString,
    /// The object, not peeled.
    pub target: ObjectId,
}

impl Ref {
    /// Is it a note that git made for itself, such as `ORIG_HEAD`, which keeps no object from being removed?
    pub fn is_passing(&self) -> bool {
        let name = self.name.as_bstr();
        let last = name.rfind_byte(b'/').map_or(name, |at| name[at + 1..].as_bstr());
        !name.contains_str("refs/") && !name.starts_with(b"stash@") && last != "HEAD"
    }
}

/// Files in the directory of a working tree that hold ids of objects.
const PASSING: &[&str] = &[
    "ORIG_HEAD",
    "FETCH_HEAD",
    "MERGE_HEAD",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "REBASE_HEAD",
    "BISECT_HEAD",
    "BISECT_EXPECTED_REV",
    "AUTO_MERGE",
    "MERGE_AUTOSTASH",
    "rebase-merge/orig-head",
    "rebase-merge/autostash",
    "rebase-apply/orig-head",
    "rebase-apply/autostash",
];

/// Refs that each working tree has for itself.
const OWN: &[&str] = &["refs/bisect/", "refs/worktree/", "refs/rewritten/"];

/// No file of a single ref is longer.
const LONGEST: u64 = 1 << 16;

/// What was read.
#[derive(Debug)]
pub(super) struct Refs {
    hash: gix::hash::Kind,
    pub(super) refs: Vec<Ref>,
    pub(super) problems: Vec<Problem>,
}

impl Refs {
    pub(super) fn new(hash: gix::hash::Kind) -> Self {
        Self { hash, refs: Vec::new(), problems: Vec::new() }
    }

    /// Refs of all working trees and those that they share, as files. `own` is the directory of the working tree that is
    /// scanned; the refs of others have the names that git gives them.
    pub(super) fn read_files(&mut self, common: &Path, own: &Path) {
        let mut found = BTreeMap::new();
        self.packed(common, &mut found);
        self.loose(common, "refs", &mut found);
        let linked = own != common;
        for (name, target) in found {
            let private = linked && OWN.iter().any(|own| name.starts_with(own.as_bytes()));
            self.push(if private { "main-worktree/" } else { "" }, name, target);
        }
        for (prefix, directory) in working_trees(common, own) {
            if directory != common {
                let mut found = BTreeMap::new();
                self.loose(&directory, "refs", &mut found);
                for (name, target) in found {
                    self.push(&prefix, name, target);
                }
            }
            self.head(&prefix, &directory);
        }
    }

    /// What git notes for itself in the directories of working trees: files whatever the refs are kept in.
    pub(super) fn read_passing(&mut self, common: &Path, own: &Path) {
        for (prefix, directory) in working_trees(common, own) {
            for name in PASSING {
                let text = read(&directory.join(name)).unwrap_or_default();
                let ids: Vec<_> = text.lines().filter_map(|line| self.id(line)).collect();
                for id in ids {
                    self.push(&prefix, (*name).into(), id);
                }
            }
        }
    }

    /// Where HEAD of each working tree was before, such as before a commit was amended: `HEAD@{1}`. Files, unless refs are
    /// kept in a reftable.
    pub(super) fn read_logs(&mut self, common: &Path, own: &Path) {
        for (prefix, directory) in working_trees(common, own) {
            let text = fs::read(directory.join("logs/HEAD")).unwrap_or_default();
            let ids: Vec<_> = text.lines().rev().map(|line| self.id(line.split_str(" ").nth(1)?)).collect();
            for (n, id) in ids.into_iter().enumerate().skip(1) {
                if let Some(id) = id {
                    self.push(&prefix, format!("HEAD@{{{n}}}").into(), id);
                }
            }
        }
    }

    /// Older stashes, which only the log of the newest one names.
    pub(super) fn read_stashes(&mut self, common: &Path) {
        let text = fs::read(common.join("logs/refs/stash")).unwrap_or_default();
        let ids: Vec<_> = text.lines().rev().filter_map(|line| self.id(line.split_str(" ").nth(1)?)).collect();
        self.stashes(ids);
    }

    pub(super) fn stashes(&mut self, ids: impl IntoIterator<Item = ObjectId>) {
        for (n, target) in ids.into_iter().enumerate() {
            self.push("", format!("stash@{{{n}}}").into(), target);
        }
    }

    pub(super) fn push(&mut self, prefix: &str, name: BString, target: ObjectId) {
        let name = if prefix.is_empty() { name } else { [prefix.as_bytes(), &name].concat().into() };
        self.refs.push(Ref { name, target });
    }

    /// The object id at the start of a line.
    pub(super) fn id(&self, line: &[u8]) -> Option<ObjectId> {
        let word = line.fields().next()?;
        ObjectId::from_hex(word).ok().filter(|id| id.kind() == self.hash && !id.is_null())
    }

    fn problem(&mut self, object: String, what: &str, help: &str) {
        self.problems.push(Problem { object, what: what.into(), help: Some(help.into()), accepted: false });
    }

    fn packed(&mut self, common: &Path, found: &mut BTreeMap<BString, ObjectId>) {
        let path = common.join("packed-refs");
        let help = "`git for-each-ref` tells more; fetch the repository again to get its refs";
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return,
            Err(e) => return self.problem(path.display().to_string(), &format!("it cannot be read: {e}"), help),
        };
        let mut bad = Vec::new();
        for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with(b"#") && !line.is_empty()) {
            let peeled = line.strip_prefix(b"^");
            match (self.id(peeled.unwrap_or(line)), line.find_byte(b' ')) {
                (Some(id), Some(space)) if peeled.is_none() && line.len() > space + 1 => {
                    found.insert(line[space + 1..].into(), id);
                }
                (Some(_), _) if peeled.is_some() => {}
                _ => bad.push(n + 1),
            }
        }
        if let Some(first) = bad.first() {
            let more = if bad.len() > 1 { format!(" and {} more", bad.len() - 1) } else { String::new() };
            self.problem(path.display().to_string(), &format!("line {first}{more} cannot be read as a ref"), help);
        }
    }

    /// Refs in files of their own, which win over packed ones. A symbolic ref stands for another that is listed as well.
    fn loose(&mut self, directory: &Path, name: &str, found: &mut BTreeMap<BString, ObjectId>) {
        let mut stack = vec![(directory.join(name), BString::from(name))];
        while let Some((path, name)) = stack.pop() {
            let listing = match fs::read_dir(&path) {
                Ok(listing) => listing,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
                Err(e) => {
                    self.problem(
                        format!("refs {name}"),
                        &format!("they cannot be listed: {e}"),
                        "run keyscan as a user who may read them",
                    );
                    continue;
                }
            };
            for entry in listing.filter_map(std::result::Result::ok) {
                let file = entry.file_name();
                let file = <[u8]>::from_os_str(&file).unwrap_or_default();
                let name = BString::from([&name, file].join(&b"/"[..]));
                if entry.file_type().is_ok_and(|t| t.is_dir()) {
                    stack.push((entry.path(), name));
                } else if !file.ends_with(b".lock") && !file.starts_with(b".") {
                    self.one(&entry.path(), name, found);
                }
            }
        }
    }

    fn one(&mut self, path: &Path, name: BString, found: &mut BTreeMap<BString, ObjectId>) {
        let help = "`git for-each-ref` tells more; delete the ref, or fetch the repository again";
        match read(path) {
            Ok(text) if is_symbolic(&text) => {}
            Ok(text) => match self.id(&text) {
                Some(id) => {
                    found.insert(name, id);
                }
                None => self.problem(format!("ref {name}"), "it cannot be read: its file holds no object id", help),
            },
            // Removed since it was listed.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && path.symlink_metadata().is_err() => {}
            Err(e) => self.problem(format!("ref {name}"), &format!("it cannot be read: {e}"), help),
        }
    }

    /// The HEAD of a working tree. That of another one is told only where it stands on no branch.
    fn head(&mut self, prefix: &str, directory: &Path) {
        let help = "`git symbolic-ref HEAD refs/heads/main` (or another branch) repairs it";
        let text = match read(&directory.join("HEAD")) {
            Ok(text) => text,
            Err(e) => return self.problem(format!("ref {prefix}HEAD"), &format!("it cannot be read: {e}"), help),
        };
        let target = match text.strip_prefix(b"ref:") {
            Some(_) if !prefix.is_empty() => return,
            // A branch without a commit is no mistake.
            Some(branch) => self.find(branch.trim().as_bstr()),
            None => match self.id(&text) {
                Some(id) => Some(id),
                None => {
                    let what = "it cannot be read: its file holds neither the name of a branch nor an object id";
                    return self.problem(format!("ref {prefix}HEAD"), what, help);
                }
            },
        };
        if let Some(target) = target {
            self.push(prefix, "HEAD".into(), target);
        }
    }

    fn find(&self, name: &BStr) -> Option<ObjectId> {
        self.refs.iter().find(|r| r.name == name).map(|r| r.target)
    }
}

fn is_symbolic(text: &[u8]) -> bool {
    text.starts_with(b"ref:")
}

/// Directory and prefix of the names of each working tree, the scanned one first.
pub(super) fn working_trees(common: &Path, own: &Path) -> Vec<(String, std::path::PathBuf)> {
    let mut trees = Vec::new();
    if own != common {
        trees.push(("main-worktree/".to_owned(), common.to_owned()));
    }
    let listing = fs::read_dir(common.join("worktrees")).into_iter().flatten().filter_map(std::result::Result::ok);
    let own_full = own.canonicalize().ok();
    for entry in listing.filter(|entry| entry.path().is_dir()) {
        if entry.path().canonicalize().ok() != own_full {
            trees.push((format!("worktrees/{}/", entry.file_name().to_string_lossy()), entry.path()));
        }
    }
    trees.sort();
    trees.insert(0, (String::new(), own.to_owned()));
    trees
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    // A pipe would never end.
    if !fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    File::open(path)?.take(LONGEST).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_for_itself() {
        let target = ObjectId::null(gix::hash::Kind::Sha1);
        for (name, passing) in [
            ("HEAD", false),
            ("refs/heads/ORIG_HEAD", false),
            ("worktrees/x/HEAD", false),
            ("worktrees/x/refs/bisect/bad", false),
            ("stash@{1}", false),
            ("ORIG_HEAD", true),
            ("HEAD@{1}", true),
            ("worktrees/x/HEAD@{1}", true),
            ("worktrees/x/FETCH_HEAD", true),
            ("rebase-merge/autostash", true),
        ] {
            assert_eq!(Ref { name: name.into(), target }.is_passing(), passing, "{name}");
        }
    }
}
