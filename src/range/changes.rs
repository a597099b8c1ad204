//! What differs between a tree and those of its parents. Subtrees with equal ids are never opened.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bstr::{BString, ByteSlice};
use gix::ObjectId;

use crate::finding::Problem;
use crate::provenance::parse;
use crate::range::{Change, Gone, lost};
use crate::source::lookup::Lookup;
use crate::source::pack::ObjectKind;

/// Most entries of trees that are kept to be looked at again: a commit's tree is its child's parent's.
const KEPT: usize = 200_000;

/// Most changed files of one range. More than this is an attack or a mistake.
const MOST: usize = 20_000_000;

/// What an entry of a tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file or a symbolic link: a blob.
    File,
    /// A directory.
    Tree,
    /// A commit of another repository.
    Submodule,
}

#[derive(Clone, Debug)]
struct Entry {
    name: BString,
    kind: Kind,
    id: ObjectId,
}

type Entries = Arc<Vec<Entry>>;

/// Compares trees.
#[derive(Debug)]
pub struct Comparer {
    lookup: Lookup,
    trees: HashMap<ObjectId, Entries>,
    kept: usize,
    found: usize,
    /// Submodules that were set to another commit, which is in another repository.
    pub submodules: u64,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// A directory to compare.
struct Job {
    path: BString,
    tree: ObjectId,
    parents: Vec<Option<ObjectId>>,
}

impl Comparer {
    /// Reads trees with a look-up of its own.
    pub fn new(lookup: Lookup) -> Self {
        Self { lookup, trees: HashMap::new(), kept: 0, found: 0, submodules: 0, problems: Vec::new() }
    }

    /// Files of a tree that are not as in any of the parents' trees, sorted by path.
    pub fn changes(&mut self, tree: ObjectId, parents: &[Option<ObjectId>]) -> Vec<Change> {
        self.below(BString::default(), tree, parents)
    }

    /// The same for a directory at a path.
    pub(super) fn below(&mut self, path: BString, tree: ObjectId, parents: &[Option<ObjectId>]) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut jobs = vec![Job { path, tree, parents: parents.to_vec() }];
        while let Some(job) = jobs.pop() {
            if job.parents.contains(&Some(job.tree)) {
                continue;
            }
            if self.found > MOST {
                self.problems.push(lost(
                    &job.tree,
                    "the range changes more files than can be looked at",
                    "take a smaller range",
                ));
                break;
            }
            self.compare(job, &mut jobs, &mut changes);
        }
        self.found += changes.len();
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        changes
    }

    fn compare(&mut self, job: Job, jobs: &mut Vec<Job>, changes: &mut Vec<Change>) {
        let Some(here) = self.entries(&job.tree, &job.path) else { return };
        let parents: Vec<Option<Entries>> =
            job.parents.iter().map(|p| p.as_ref().and_then(|p| self.entries(p, &job.path))).collect();
        let mut finders: Vec<_> =
            parents.iter().map(|p| Finder::new(p.as_deref().map_or(&[], Vec::as_slice))).collect();
        for entry in here.iter() {
            let old: Vec<Option<(Kind, ObjectId)>> = finders.iter_mut().map(|f| f.find(&entry.name)).collect();
            if old.iter().flatten().any(|(kind, id)| (*kind == entry.kind) && *id == entry.id) {
                continue;
            }
            let of_kind = |o: &Option<(Kind, ObjectId)>| o.filter(|(kind, _)| *kind == entry.kind).map(|(_, id)| id);
            match entry.kind {
                Kind::Submodule => self.submodules += 1,
                Kind::File => {
                    let old = old.iter().map(of_kind).collect();
                    changes.push(Change { path: join(&job.path, &entry.name), id: entry.id, old });
                }
                Kind::Tree => {
                    let parents = old.iter().map(of_kind).collect();
                    jobs.push(Job { path: join(&job.path, &entry.name), tree: entry.id, parents });
                }
            }
        }
    }

    /// Files of a parent that are no longer there, sorted by path.
    pub fn gone(&mut self, gone: &Gone) -> Vec<(BString, ObjectId)> {
        match gone {
            Gone::Files(files) => files.clone(),
            Gone::Between(parent, tree) => {
                // A submodule of the parent is no submodule that was changed.
                let (submodules, found) = (self.submodules, self.found);
                let other_way = self.changes(*parent, &[Some(*tree)]);
                (self.submodules, self.found) = (submodules, found);
                other_way.into_iter().filter(|c| c.old == [None]).map(|c| (c.path, c.id)).collect()
            }
        }
    }

    /// The file at a path of a tree.
    pub fn file_at(&mut self, tree: &ObjectId, path: &BString) -> Option<ObjectId> {
        let mut at = (Kind::Tree, *tree);
        for name in path.split_str("/") {
            if at.0 != Kind::Tree {
                return None;
            }
            let entries = self.entries(&at.1, path)?;
            let entry = entries.iter().find(|e| e.name == name)?;
            at = (entry.kind, entry.id);
        }
        (at.0 == Kind::File).then_some(at.1)
    }

    /// What is right in a tree, for a comparison with the index.
    pub(super) fn listing(&mut self, tree: &ObjectId, path: &BString) -> BTreeMap<BString, (Kind, ObjectId)> {
        let entries = self.entries(tree, path).unwrap_or_default();
        entries.iter().map(|e| (e.name.clone(), (e.kind, e.id))).collect()
    }

    fn entries(&mut self, tree: &ObjectId, path: &BString) -> Option<Entries> {
        if let Some(entries) = self.trees.get(tree) {
            return Some(Arc::clone(entries));
        }
        let bytes = match self.lookup.expect(tree, ObjectKind::Tree) {
            Ok(bytes) => bytes,
            Err(e) => {
                let help = "run `git fsck`; in a partial clone, `git fetch --refetch --no-filter`";
                self.problems.push(lost(tree, &format!("{e}: the directory `{path}`"), help));
                return None;
            }
        };
        let entries: Vec<Entry> = parse::tree(&bytes, self.lookup.hash().len_in_bytes())
            .filter_map(|e| {
                let kind = match (e.is_tree, e.is_submodule) {
                    (true, _) => Kind::Tree,
                    (_, true) => Kind::Submodule,
                    _ => Kind::File,
                };
                Some(Entry { name: e.name.to_owned(), kind, id: ObjectId::try_from(e.id).ok()? })
            })
            .collect();
        self.kept += entries.len() + 1;
        if self.kept > KEPT {
            self.trees.clear();
            self.kept = entries.len() + 1;
        }
        let entries = Arc::new(entries);
        self.trees.insert(*tree, Arc::clone(&entries));
        Some(entries)
    }
}

fn join(directory: &BString, name: &BString) -> BString {
    if directory.is_empty() {
        return name.clone();
    }
    let mut path = directory.clone();
    path.push(b'/');
    path.extend_from_slice(name);
    path
}

/// Finds entries by name. Two versions of a directory have mostly the same names in the same order.
struct Finder<'a> {
    entries: &'a [Entry],
    next: usize,
    by_name: Option<HashMap<&'a BString, usize>>,
}

impl<'a> Finder<'a> {
    fn new(entries: &'a [Entry]) -> Self {
        Self { entries, next: 0, by_name: None }
    }

    fn find(&mut self, name: &BString) -> Option<(Kind, ObjectId)> {
        let entries = self.entries;
        let at = match entries.get(self.next) {
            Some(entry) if entry.name == *name => self.next,
            _ => {
                let index = || entries.iter().enumerate().map(|(at, e)| (&e.name, at)).collect();
                *self.by_name.get_or_insert_with(index).get(name)?
            }
        };
        self.next = at + 1;
        Some((entries[at].kind, entries[at].id))
    }
}
