//! The commits that some ends reach and others do not. By reachability: dates only decide in which order commits are looked
//! at, and a commit with a wrong date is in the range all the same.
//!
//! The walk goes on until every end is known to be behind what is hidden. A commit that lies on the hidden side but is
//! reached from an end first, because dates are out of order, is recognised when the hidden side gets there; for this the
//! hidden side is followed back to the date of the oldest commit of the range, and some commits farther.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

use gix::ObjectId;
use gix::hashtable::HashSet;

use crate::finding::Problem;
use crate::provenance::parse::{self, CommitData};
use crate::source::lookup::{Lookup, Lost};
use crate::source::pack::ObjectKind;

/// How many commits of the hidden side are looked at beyond the date of the oldest commit of the range.
const FARTHER: usize = 200;

/// A commit of a range.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Its id.
    pub id: ObjectId,
    /// Tree, parents, author date.
    pub data: CommitData,
    /// The object.
    pub bytes: Vec<u8>,
}

/// The commits of a range.
#[derive(Debug, Default)]
pub struct Walk {
    /// Parents before children.
    pub commits: Vec<Commit>,
    /// Commits of the range whose parents a shallow clone does not have.
    pub cut: Vec<ObjectId>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

struct Node {
    parents: Vec<ObjectId>,
    hidden: bool,
    done: bool,
    /// Kept for commits of the range only.
    commit: Option<Commit>,
}

struct Walker<'a> {
    lookup: &'a Lookup,
    shallow: &'a HashSet,
    nodes: HashMap<ObjectId, Node>,
    queue: BinaryHeap<(i64, ObjectId)>,
    /// Commits in the queue that are not hidden.
    open: usize,
    oldest: i64,
    problems: Vec<Problem>,
}

/// Finds the commits that `tips` reach and `hidden` do not. All of them are commits.
pub fn walk(lookup: &Lookup, shallow: &HashSet, tips: &[ObjectId], hidden: &[ObjectId]) -> Walk {
    let mut walker = Walker {
        lookup,
        shallow,
        nodes: HashMap::new(),
        queue: BinaryHeap::new(),
        open: 0,
        oldest: i64::MAX,
        problems: Vec::new(),
    };
    for id in hidden {
        walker.add(*id, true, None);
    }
    for id in tips {
        walker.add(*id, false, None);
    }
    walker.run();
    walker.finish()
}

impl Walker<'_> {
    /// Puts a commit into the queue, or tells a known one that it is hidden. `child` names it.
    fn add(&mut self, id: ObjectId, hidden: bool, child: Option<ObjectId>) {
        if let Some(node) = self.nodes.get(&id) {
            if hidden && !node.hidden {
                self.hide(id);
            }
            return;
        }
        let read = self.lookup.expect(&id, ObjectKind::Commit);
        let read = read.and_then(|bytes| {
            let data = parse::commit(&bytes).ok_or_else(|| Lost::Damaged("it is no commit".into()))?;
            Ok((data, bytes))
        });
        let (data, bytes) = match read {
            Ok(read) => read,
            // What lies behind the hidden side is of no interest.
            Err(_) if hidden => return,
            Err(lost) => {
                let whose = child.map(|c| format!(": a parent of commit {c}")).unwrap_or_default();
                let help = "run `git fsck`; fetch the repository again to get the missing objects";
                return self.problems.push(super::lost(&id, &format!("{lost}{whose}"), help));
            }
        };
        let when = parse::committed(&bytes).unwrap_or(data.time);
        let parents = if self.shallow.contains(&id) { Vec::new() } else { data.parents.clone() };
        let commit = (!hidden).then_some(Commit { id, data, bytes });
        self.nodes.insert(id, Node { parents, hidden, done: false, commit });
        self.queue.push((when, id));
        self.open += usize::from(!hidden);
    }

    /// Hides a commit and everything behind it that is known.
    fn hide(&mut self, id: ObjectId) {
        let mut stack = vec![id];
        while let Some(id) = stack.pop() {
            let Some(node) = self.nodes.get_mut(&id).filter(|n| !n.hidden) else { continue };
            node.hidden = true;
            node.commit = None;
            if node.done {
                stack.extend(&node.parents);
            } else {
                self.open -= 1;
            }
        }
    }

    fn run(&mut self) {
        let mut farther = 0;
        while let Some((when, id)) = self.queue.pop() {
            if self.open == 0 {
                if self.oldest == i64::MAX || farther == FARTHER {
                    break;
                }
                farther += usize::from(when < self.oldest);
            }
            let Some(node) = self.nodes.get_mut(&id) else { continue };
            node.done = true;
            let (hidden, parents) = (node.hidden, node.parents.clone());
            if !hidden {
                self.open -= 1;
                self.oldest = self.oldest.min(when);
            }
            for parent in parents {
                self.add(parent, hidden, Some(id));
            }
        }
    }

    /// Sorts parents before children; of those that could come next, the older one.
    fn finish(mut self) -> Walk {
        let ids: BTreeSet<ObjectId> =
            self.nodes.iter().filter(|(_, n)| n.commit.is_some()).map(|(id, _)| *id).collect();
        let mut waiting: HashMap<ObjectId, usize> = HashMap::new();
        let mut children: HashMap<ObjectId, Vec<ObjectId>> = HashMap::new();
        let mut ready = BinaryHeap::new();
        for id in &ids {
            let node = &self.nodes[id];
            let inside: BTreeSet<_> = node.parents.iter().filter(|p| ids.contains(*p)).collect();
            for parent in &inside {
                children.entry(**parent).or_default().push(*id);
            }
            if inside.is_empty() {
                ready.push(Reverse((self.time(id), *id)));
            }
            waiting.insert(*id, inside.len());
        }
        let mut commits = Vec::with_capacity(ids.len());
        while let Some(Reverse((_, id))) = ready.pop() {
            for child in children.remove(&id).unwrap_or_default() {
                let left = waiting.entry(child).or_default();
                *left -= 1;
                if *left == 0 {
                    ready.push(Reverse((self.time(&child), child)));
                }
            }
            commits.extend(self.nodes.get_mut(&id).and_then(|n| n.commit.take()));
        }
        let cut = commits.iter().filter(|c| self.shallow.contains(&c.id) && !c.data.parents.is_empty());
        let cut = cut.map(|c| c.id).collect();
        self.problems.sort();
        Walk { commits, cut, problems: self.problems }
    }

    fn time(&self, id: &ObjectId) -> i64 {
        self.nodes.get(id).and_then(|n| n.commit.as_ref()).map_or(0, |c| c.data.time)
    }
}
