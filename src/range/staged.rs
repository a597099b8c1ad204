//! What is staged: the index against the commits that the next one will follow. The working tree is not looked at, and
//! nothing is written.
//!
//! The index remembers the ids of directories that were not touched since it was made from a tree (git itself writes the
//! next commit from them), so only directories with staged changes are opened.

use std::collections::BTreeMap;
use std::path::Path;

use bstr::{BStr, BString, ByteSlice};
use gix::ObjectId;
use gix::index::entry::{Flags, Mode, Stage};
use gix::index::extension::Tree as Cached;

use crate::error::{Error, Result};
use crate::finding::Problem;
use crate::range::changes::{Comparer, Kind};
use crate::range::{Change, Gone, Step};
use crate::source::lookup::Lookup;
use crate::source::repository::Repository;

/// What the next commit would change.
#[derive(Debug)]
pub struct Staged {
    /// The changes.
    pub step: Step,
    /// Submodules set to another commit.
    pub submodules: u64,
    /// Paths with a conflict, which git will not commit.
    pub unmerged: u64,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// Compares the index with HEAD, and with the other parents of a merge that is under way.
pub fn staged(repository: &Repository, lookup: &Lookup) -> Result<Staged> {
    let index = open(repository)?;
    let mut comparer = Comparer::new(lookup.clone());
    let parents = repository.next_parents(lookup)?;
    let mut all: Vec<Difference> = Vec::new();
    let (mut submodules, mut unmerged) = (0, 0);
    for parent in if parents.is_empty() { vec![None] } else { parents.iter().copied().map(Some).collect() } {
        let mut side = Side { index: &index, comparer: &mut comparer, found: Difference::default(), conflict: None };
        side.directory(&BString::default(), 0..index.entries().len(), index.tree(), parent);
        submodules = submodules.max(side.found.submodules);
        unmerged = side.found.unmerged;
        all.push(side.found);
    }
    let changes = common(&all, parents.len());
    let gone = all.into_iter().take(parents.len()).map(|d| Gone::Files(d.gone)).collect();
    Ok(Staged { step: Step { commit: None, changes, gone }, submodules, unmerged, problems: comparer.problems })
}

fn open(repository: &Repository) -> Result<gix::index::File> {
    let path = repository.index_file();
    gix::index::File::at_or_default(&path, repository.hash(), false, gix::index::decode::Options::default()).map_err(
        |e| {
            Error::new(format!("the index {} cannot be read", path.display()))
                .cause(e.to_string())
                .help("`git status` says what is wrong; `git read-tree HEAD` makes a new index")
        },
    )
}

/// Paths that differ from all parents.
fn common(all: &[Difference], parents: usize) -> Vec<Change> {
    let Some((first, others)) = all.split_first() else { return Vec::new() };
    let mut changes = Vec::new();
    for (path, (id, old)) in &first.new {
        let others: Option<Vec<_>> = others.iter().map(|d| d.new.get(path).map(|(_, old)| *old)).collect();
        if let Some(others) = others {
            let old = std::iter::once(*old).chain(others).take(parents).collect();
            changes.push(Change { path: path.clone(), id: *id, old });
        }
    }
    changes
}

/// How the index differs from one parent.
#[derive(Debug, Default)]
struct Difference {
    new: BTreeMap<BString, (ObjectId, Option<ObjectId>)>,
    gone: Vec<(BString, ObjectId)>,
    submodules: u64,
    unmerged: u64,
}

struct Side<'a> {
    index: &'a gix::index::File,
    comparer: &'a mut Comparer,
    found: Difference,
    /// The last path with a conflict.
    conflict: Option<BString>,
}

impl Side<'_> {
    /// Compares the entries of a directory with a tree.
    fn directory(
        &mut self,
        path: &BString,
        entries: std::ops::Range<usize>,
        cached: Option<&Cached>,
        tree: Option<ObjectId>,
    ) {
        let same =
            cached.is_some_and(|c| tree == Some(c.id) && c.num_entries.is_some_and(|n| n as usize == entries.len()));
        if same {
            return;
        }
        let mut listing = tree.map(|t| self.comparer.listing(&t, path)).unwrap_or_default();
        let mut at = entries.start;
        while at < entries.end {
            let entry = &self.index.entries()[at];
            let full = entry.path(self.index);
            let rest = &full[path.len()..];
            let Some(slash) = rest.find_byte(b'/') else {
                at += 1;
                let old = listing.get(rest.as_bstr()).copied();
                if self.file(entry, full, old) {
                    listing.remove(rest.as_bstr());
                }
                continue;
            };
            let name = rest[..slash].as_bstr();
            let below: BString = full[..path.len() + slash + 1].into();
            let end =
                at + self.index.entries()[at..entries.end].partition_point(|e| e.path(self.index).starts_with(&below));
            let old = listing.get(name).copied().filter(|(kind, _)| *kind == Kind::Tree);
            if old.is_some() {
                listing.remove(name);
            }
            let tree = old.map(|(_, id)| id);
            // A directory of a sparse index stands for all that is in it.
            if entry.mode == Mode::DIR && full.len() == below.len() {
                self.sparse(&below, entry.id, tree);
                at += 1;
                continue;
            }
            let cached = cached.and_then(|c| c.children.iter().find(|c| c.name.as_slice() == name.as_bytes()));
            self.directory(&below, at..end, cached, tree);
            at = end;
        }
        for (name, (kind, id)) in listing {
            self.gone(path, &name, kind, id);
        }
    }

    /// Notes a file of the index; does it take the place of the old one?
    fn file(&mut self, entry: &gix::index::Entry, path: &BStr, old: Option<(Kind, ObjectId)>) -> bool {
        if entry.flags.contains(Flags::INTENT_TO_ADD) {
            return false;
        }
        if entry.stage() != Stage::Unconflicted {
            // Base, ours and theirs are entries of one path.
            if self.conflict.as_ref().is_none_or(|before| before != path) {
                self.found.unmerged += 1;
                self.conflict = Some(path.to_owned());
            }
            return true;
        }
        let kind = if entry.mode == Mode::COMMIT { Kind::Submodule } else { Kind::File };
        let old = old.filter(|(have, _)| *have == kind).map(|(_, id)| id);
        if old != Some(entry.id) {
            match kind {
                Kind::Submodule => self.found.submodules += 1,
                _ => drop(self.found.new.insert(path.to_owned(), (entry.id, old))),
            }
        }
        old.is_some()
    }

    fn sparse(&mut self, path: &BString, id: ObjectId, tree: Option<ObjectId>) {
        let directory: BString = path.trim_end_with(|c| c == '/').into();
        for change in self.comparer.below(directory.clone(), id, &[tree]) {
            self.found.new.insert(change.path, (change.id, change.old[0]));
        }
        if let Some(tree) = tree {
            for change in self.comparer.below(directory, tree, &[Some(id)]) {
                if change.old == [None] {
                    self.found.gone.push((change.path, change.id));
                }
            }
        }
    }

    fn gone(&mut self, directory: &BString, name: &BString, kind: Kind, id: ObjectId) {
        let path: BString = [directory.as_slice(), name.as_slice()].concat().into();
        match kind {
            Kind::File => self.found.gone.push((path, id)),
            Kind::Tree => {
                let files = self.comparer.below(path, id, &[None]);
                self.found.gone.extend(files.into_iter().map(|c| (c.path, c.id)));
            }
            Kind::Submodule => {}
        }
    }
}

impl Repository {
    /// The index that the next commit is made from. git names another one to hooks when paths are committed alone.
    fn index_file(&self) -> std::path::PathBuf {
        match std::env::var_os("GIT_INDEX_FILE") {
            Some(path) => path.into(),
            None => self.git_dir().join("index"),
        }
    }

    /// Trees of the commits that the next one will follow: HEAD, and what is being merged. None before the first commit.
    fn next_parents(&self, lookup: &Lookup) -> Result<Vec<ObjectId>> {
        let mut commits: Vec<ObjectId> = self.head().into_iter().collect();
        let merging = std::fs::read(self.git_dir().join(Path::new("MERGE_HEAD"))).unwrap_or_default();
        commits.extend(merging.lines().filter_map(|line| ObjectId::from_hex(line.trim()).ok()));
        commits.iter().map(|id| crate::range::tree_of(lookup, id)).collect()
    }
}
