//! What differs between a tree and those of its parents. Subtrees with equal ids are never opened.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bstr::{BStr, BString, ByteSlice};
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

/// A tree as git keeps it, with its entries told apart. Names stay where they are: most trees are read once.
#[derive(Debug, Default)]
struct Tree {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    name: (u32, u32),
    kind: Kind,
    id: ObjectId,
}

impl Tree {
    fn parse(bytes: Vec<u8>, hash_len: usize) -> Self {
        let start = bytes.as_ptr() as usize;
        let entries = parse::tree(&bytes, hash_len)
            .filter_map(|e| {
                let kind = match (e.is_tree, e.is_submodule) {
                    (true, _) => Kind::Tree,
                    (_, true) => Kind::Submodule,
                    _ => Kind::File,
                };
                let at = e.name.as_ptr() as usize - start;
                let name = (u32::try_from(at).ok()?, u32::try_from(at + e.name.len()).ok()?);
                Some(Entry { name, kind, id: ObjectId::try_from(e.id).ok()? })
            })
            .collect();
        Self { bytes, entries }
    }

    fn name(&self, entry: &Entry) -> &BStr {
        self.bytes[entry.name.0 as usize..entry.name.1 as usize].as_bstr()
    }
}

/// Compares trees.
#[derive(Debug)]
pub struct Comparer {
    lookup: Lookup,
    trees: HashMap<ObjectId, Arc<Tree>>,
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
        let Some(here) = self.tree(&job.tree, &job.path) else { return };
        let parents: Vec<Option<Arc<Tree>>> =
            job.parents.iter().map(|p| p.as_ref().and_then(|p| self.tree(p, &job.path))).collect();
        let mut finders: Vec<Option<Finder<'_>>> = parents.iter().map(|p| p.as_deref().map(Finder::new)).collect();
        let mut old: Vec<Option<(Kind, ObjectId)>> = Vec::new();
        for entry in &here.entries {
            let name = here.name(entry);
            old.clear();
            old.extend(finders.iter_mut().map(|f| f.as_mut().and_then(|f| f.find(name))));
            if old.contains(&Some((entry.kind, entry.id))) {
                continue;
            }
            let of_kind = |o: &Option<(Kind, ObjectId)>| o.filter(|(kind, _)| *kind == entry.kind).map(|(_, id)| id);
            match entry.kind {
                Kind::Submodule => self.submodules += 1,
                Kind::File => {
                    let old = old.iter().map(of_kind).collect();
                    changes.push(Change { path: join(&job.path, name), id: entry.id, old });
                }
                Kind::Tree => {
                    let parents = old.iter().map(of_kind).collect();
                    jobs.push(Job { path: join(&job.path, name), tree: entry.id, parents });
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
            let tree = self.tree(&at.1, path)?;
            let entry = tree.entries.iter().find(|e| tree.name(e) == name)?;
            at = (entry.kind, entry.id);
        }
        (at.0 == Kind::File).then_some(at.1)
    }

    /// What is right in a tree, for a comparison with the index.
    pub(super) fn listing(&mut self, tree: &ObjectId, path: &BString) -> BTreeMap<BString, (Kind, ObjectId)> {
        let Some(tree) = self.tree(tree, path) else { return BTreeMap::new() };
        tree.entries.iter().map(|e| (tree.name(e).to_owned(), (e.kind, e.id))).collect()
    }

    fn tree(&mut self, id: &ObjectId, path: &BString) -> Option<Arc<Tree>> {
        if let Some(tree) = self.trees.get(id) {
            return Some(Arc::clone(tree));
        }
        let bytes = match self.lookup.expect(id, ObjectKind::Tree) {
            Ok(bytes) => bytes,
            Err(e) => {
                let help = "run `git fsck`; in a partial clone, `git fetch --refetch --no-filter`";
                self.problems.push(lost(id, &format!("{e}: the directory `{path}`"), help));
                return None;
            }
        };
        let tree = Arc::new(Tree::parse(bytes, self.lookup.hash().len_in_bytes()));
        self.kept += tree.entries.len() + 1;
        if self.kept > KEPT {
            self.trees.clear();
            self.kept = tree.entries.len() + 1;
        }
        self.trees.insert(*id, Arc::clone(&tree));
        Some(tree)
    }
}

fn join(directory: &BString, name: &BStr) -> BString {
    if directory.is_empty() {
        return name.to_owned();
    }
    let mut path = directory.clone();
    path.push(b'/');
    path.extend_from_slice(name);
    path
}

/// Finds entries by name. Two versions of a directory have mostly the same names in the same order.
struct Finder<'a> {
    tree: &'a Tree,
    next: usize,
    by_name: Option<HashMap<&'a BStr, usize>>,
}

impl<'a> Finder<'a> {
    fn new(tree: &'a Tree) -> Self {
        Self { tree, next: 0, by_name: None }
    }

    fn find(&mut self, name: &BStr) -> Option<(Kind, ObjectId)> {
        let tree = self.tree;
        let entries = &tree.entries;
        let here = |at: usize| entries.get(at).is_some_and(|e| tree.name(e) == name);
        let at = match self.next {
            next if here(next) => next,
            // One was taken away here; one that is new here is looked up, below.
            next if here(next + 1) => next + 1,
            _ => {
                let index = || entries.iter().enumerate().map(|(at, e)| (tree.name(e), at)).collect();
                *self.by_name.get_or_insert_with(index).get(name)?
            }
        };
        self.next = at + 1;
        Some((entries[at].kind, entries[at].id))
    }
}
