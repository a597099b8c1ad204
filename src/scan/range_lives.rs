//! The lives of secrets within a range: the commit that brought each one in, the one that took it away, and which ends of
//! the range still have it. What lies before the range, and branches that do not lead into it, are not looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bstr::BString;
use gix::ObjectId;

use crate::finding::{CommitInfo, Life, Removal};
use crate::provenance::{self, Origin, parse};
use crate::range::{Change, Commit, Comparer, Step};
use crate::scan::added::Found;
use crate::scan::collect::{History, Key};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Most look-ups of a path in a tree that finding the commits which removed files may take.
const LOOK_UPS: usize = 200_000;

/// A ref that leads into the range, or HEAD.
#[derive(Debug)]
pub(super) struct Tip {
    pub(super) name: BString,
    pub(super) commit: ObjectId,
    pub(super) tree: ObjectId,
}

/// Where the range adds what.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The step that adds a secret first.
    first: BTreeMap<Key, usize>,
    origins: BTreeMap<ObjectId, Origin>,
}

impl Known {
    /// A step adds a secret to a file. Steps come in order.
    pub(super) fn add(&mut self, key: &Key, step: usize, change: &Change, commit: Option<ObjectId>) {
        self.first.entry(key.clone()).or_insert(step);
        let origin = self.origins.entry(change.id).or_default();
        origin.commit = origin.commit.or(commit);
        if let Err(at) = origin.paths.binary_search(&change.path) {
            origin.paths.insert(at, change.path.clone());
        }
    }
}

/// Everything that is known about the secrets of a range.
#[derive(Debug)]
pub(super) struct RangeLives {
    lives: BTreeMap<Key, Life>,
    origins: BTreeMap<ObjectId, Origin>,
    /// Commits of the range with their place in its order, for secrets in messages.
    commits: BTreeMap<ObjectId, (usize, CommitInfo)>,
    parents: BTreeMap<ObjectId, Vec<ObjectId>>,
    tips: Vec<Tip>,
    now: i64,
}

/// Finds out about what the range adds. `scan` scans blobs that were not scanned yet, and gives what stands in all of them.
pub(super) fn trace(
    known: Known,
    commits: &[Commit],
    steps: &[Step],
    tips: Vec<Tip>,
    comparer: &mut Comparer,
    scan: &mut dyn FnMut(&BTreeSet<ObjectId>) -> Found,
) -> RangeLives {
    let mut tracer = Tracer { commits, steps, tips: &tips, comparer, found: Found::new(), look_ups: 0 };
    tracer.found = scan(&BTreeSet::new());
    let paths = tracer.paths(&known);
    let at_tips: BTreeSet<ObjectId> = if known.first.is_empty() { BTreeSet::new() } else { tracer.at_tips(&paths) };
    let found = std::mem::take(&mut tracer.found);
    tracer.found = scan(&at_tips);
    tracer.found.extend(found);
    let lives = known.first.iter().map(|(key, first)| (key.clone(), tracer.life(key, *first, &paths[key]))).collect();
    RangeLives {
        lives,
        origins: known.origins,
        commits: commits.iter().enumerate().map(|(n, c)| (c.id, (n, parse::info(&c.id, &c.bytes)))).collect(),
        parents: commits.iter().map(|c| (c.id, c.data.parents.clone())).collect(),
        tips,
        now: provenance::now(),
    }
}

struct Tracer<'a> {
    commits: &'a [Commit],
    steps: &'a [Step],
    tips: &'a [Tip],
    comparer: &'a mut Comparer,
    found: Found,
    look_ups: usize,
}

impl Tracer<'_> {
    fn has(&self, id: &ObjectId, key: &Key) -> bool {
        self.found.get(id).is_some_and(|e| e.binary_search_by(|(have, _)| have.cmp(key)).is_ok())
    }

    /// Every path at which the range had a secret at some time.
    fn paths(&self, known: &Known) -> BTreeMap<Key, BTreeSet<BString>> {
        let mut paths: BTreeMap<Key, BTreeSet<BString>> =
            known.first.keys().map(|key| (key.clone(), BTreeSet::new())).collect();
        for change in self.steps.iter().flat_map(|s| &s.changes) {
            for (key, _) in self.found.get(&change.id).into_iter().flatten() {
                if let Some(paths) = paths.get_mut(key) {
                    paths.insert(change.path.clone());
                }
            }
        }
        paths
    }

    fn at_tips(&mut self, paths: &BTreeMap<Key, BTreeSet<BString>>) -> BTreeSet<ObjectId> {
        let all: BTreeSet<&BString> = paths.values().flatten().collect();
        let trees: BTreeSet<ObjectId> = self.tips.iter().map(|t| t.tree).collect();
        trees
            .iter()
            .flat_map(|tree| all.iter().map(move |path| (tree, *path)))
            .filter_map(|(tree, path)| self.comparer.file_at(tree, path))
            .collect()
    }

    fn life(&mut self, key: &Key, first: usize, paths: &BTreeSet<BString>) -> Life {
        let mut life = Life { reachable: true, ..Life::default() };
        life.first = self.commits.get(first).map(|c| parse::info(&c.id, &c.bytes));
        let mut held: BTreeSet<&BString> = BTreeSet::new();
        for tip in self.tips {
            let here: Vec<&BString> = paths
                .iter()
                .filter(|p| self.comparer.file_at(&tip.tree, p).is_some_and(|id| self.has(&id, key)))
                .collect();
            if !here.is_empty() {
                provenance::sort_in(&tip.name, &mut life);
            }
            held.extend(here);
        }
        for path in paths.iter().filter(|p| !held.contains(p)) {
            if let Some(by) = self.removal(key, path) {
                let removal = Removal { path: path.clone(), commit: by.id.to_string(), time: by.data.time };
                life.removed.push(removal);
            }
        }
        life
    }

    /// The last commit of the range that took a secret from a path.
    fn removal(&mut self, key: &Key, path: &BString) -> Option<&Commit> {
        let mut removal = None;
        let mut last = 0;
        for (at, step) in self.steps.iter().enumerate() {
            let Ok(change) = step.changes.binary_search_by(|c| c.path.cmp(path)) else { continue };
            let change = &step.changes[change];
            if self.has(&change.id, key) {
                (removal, last) = (None, at);
            } else if change.old.iter().flatten().any(|id| self.has(id, key)) {
                removal = Some(at);
            }
        }
        // Deleting a file leaves no change of it: look for the commit whose parent still has it.
        if removal.is_none() {
            let trees: BTreeMap<ObjectId, ObjectId> = self.commits.iter().map(|c| (c.id, c.data.tree)).collect();
            for (at, commit) in self.commits.iter().enumerate().skip(last + 1) {
                self.look_ups += 1;
                if self.look_ups > LOOK_UPS {
                    break;
                }
                let parents: Vec<ObjectId> = commit.data.parents.iter().filter_map(|p| trees.get(p)).copied().collect();
                let gone = self.comparer.file_at(&commit.data.tree, path).is_none()
                    && parents.iter().any(|p| self.comparer.file_at(p, path).is_some_and(|id| self.has(&id, key)));
                if gone {
                    removal = Some(at);
                }
            }
        }
        self.commits.get(removal?)
    }
}

impl History for RangeLives {
    fn life(&self, key: &Key, objects: &[ObjectId], _: &[BString]) -> Option<Life> {
        let mine = |id: &ObjectId| self.origins.contains_key(id) || self.commits.contains_key(id);
        if !objects.iter().any(mine) {
            return None;
        }
        let mut life = self.lives.get(key).cloned().unwrap_or_else(|| Life { reachable: true, ..Life::default() });
        for id in objects.iter().filter(|id| self.commits.contains_key(*id)) {
            let (number, info) = &self.commits[id];
            let earlier = life.first.as_ref().and_then(|f| ObjectId::from_hex(f.id.as_bytes()).ok());
            if earlier.and_then(|id| self.commits.get(&id)).is_none_or(|(have, _)| number < have) {
                life.first = Some(info.clone());
            }
            for tip in self.tips.iter().filter(|tip| self.reaches(tip.commit, *id)) {
                provenance::sort_in(&tip.name, &mut life);
            }
        }
        for names in [&mut life.branches, &mut life.remotes, &mut life.tags, &mut life.other_refs] {
            let names = Arc::make_mut(names);
            names.sort();
            names.dedup();
        }
        let held = life.in_head
            || [&life.branches, &life.remotes, &life.tags, &life.other_refs].iter().any(|names| !names.is_empty());
        let end = life.removed.iter().map(|r| r.time).max().filter(|_| !held).unwrap_or(self.now);
        life.exposure_days = life.first.as_ref().map(|first| ((end - first.time) / DAY).max(0));
        Some(life)
    }

    fn origin(&self, id: &ObjectId) -> Option<&Origin> {
        self.origins.get(id)
    }
}

impl RangeLives {
    /// Does a commit lead to another one, within the range?
    fn reaches(&self, from: ObjectId, to: ObjectId) -> bool {
        let (mut seen, mut stack) = (BTreeSet::new(), vec![from]);
        while let Some(id) = stack.pop() {
            if id == to {
                return true;
            }
            if seen.insert(id) {
                stack.extend(self.parents.get(&id).into_iter().flatten());
            }
        }
        false
    }
}
