//! Where a secret came in, where it lived, who removed it, and what still holds it.
//!
//! Only for objects with findings. One pass over all trees and commits notes which tree holds which; the trees that lead to
//! a wanted blob are marked from the blobs upwards; a second pass keeps the marked entries of marked trees. From then on
//! everything is computed on these few: the paths of a commit's wanted blobs, and where they differ between a commit and its
//! parents.

mod graph;
pub mod parse;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use bstr::BString;
use gix::ObjectId;
use gix::hashtable::HashSet;

pub use parse::{commit_links, without_signature};

use crate::blob::Region;
use crate::finding::{Life, Removal};
use crate::source::objects::Objects;
use crate::source::pack::{Memory, Object, ObjectKind, Visitor};
use crate::source::repository::{Ref, Repository};
use graph::{Commits, Contents, Marked};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Where a blob lived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Every path, sorted.
    pub paths: Vec<BString>,
    /// The first commit that has it.
    pub commit: Option<ObjectId>,
}

/// Everything that is known about the wanted objects of one repository.
#[derive(Debug)]
pub struct Provenance {
    missing: Vec<ObjectId>,
    wanted: HashSet,
    origins: BTreeMap<ObjectId, Origin>,
    events: Vec<Event>,
    /// Numbers of the events that have to do with a blob, ascending.
    events_of: HashMap<ObjectId, Vec<u32>>,
    tips: Vec<Tip>,
    /// What tips hold, each content once: thousands of refs often have the same.
    tip_contents: Vec<Held>,
    /// Wanted commits and tags: secrets in messages.
    messages: BTreeMap<ObjectId, Message>,
    objects: Objects,
    now: i64,
}

/// A wanted commit or tag object.
#[derive(Debug)]
struct Message {
    time: i64,
    is_commit: bool,
    reachable: bool,
    /// Indices of tips that hold it.
    tips: Vec<usize>,
}

/// A commit whose wanted content differs from a parent's.
#[derive(Debug)]
struct Event {
    commit: ObjectId,
    time: i64,
    reachable: bool,
    here: Held,
    parents: Vec<Held>,
}

/// Wanted blobs of a commit with their paths, sorted; shared between commits with equal trees.
type Held = std::sync::Arc<Vec<(BString, ObjectId)>>;

/// A ref with what its commit holds: the number of an entry of [`Provenance::tip_contents`].
#[derive(Debug)]
struct Tip {
    name: BString,
    holds: usize,
}

/// Finds out about the wanted objects.
pub fn trace(objects: Objects, refs: &[Ref], wanted: &HashSet, memory: &Memory) -> Provenance {
    let first = FirstPass::new(&objects, wanted);
    objects.walk(&first, memory);
    let absent = first.absent.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let missing: BTreeSet<ObjectId> = absent.into_iter().collect();
    let missing = missing.into_iter().collect();
    let collected = first.collected.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let marked = Marked::from(collected.edges, collected.trees, &collected.direct);
    let second = SecondPass { wanted, marked: &marked, entries: Mutex::default() };
    if !marked.is_empty() {
        objects.walk(&second, memory);
    }
    let entries = second.entries.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let commits = Commits::new(collected.commits);
    build(objects, refs, wanted, missing, &commits, Contents::new(entries))
}

fn build(
    objects: Objects,
    refs: &[Ref],
    wanted: &HashSet,
    missing: Vec<ObjectId>,
    commits: &Commits,
    mut contents: Contents,
) -> Provenance {
    let commit_of =
        |r: &Ref| commits.find(&r.target).or_else(|| commits.find(&Repository::peel(&objects, r.target)?.1));
    let mut peeled: Vec<(&Ref, Option<u32>)> = refs.iter().map(|r| (r, commit_of(r))).collect();
    let lasting = commits.reachable(peeled.iter().filter(|(r, _)| !r.is_passing()).filter_map(|(_, c)| *c));
    // What git notes for itself is worth a word only where nothing else leads.
    peeled.retain(|(r, commit)| !r.is_passing() || commit.is_some_and(|c| !lasting[c as usize]));
    let reachable = commits.reachable(peeled.iter().filter_map(|(_, c)| *c));
    let events = events(commits, &reachable, &mut contents);
    let (tips, tip_contents) = tips(&peeled, &objects, wanted, commits, &mut contents);
    Provenance {
        missing,
        wanted: wanted.clone(),
        origins: origins(&events),
        events_of: events_of(&events),
        messages: messages(&objects, wanted, commits, &peeled, &reachable),
        events,
        tips,
        tip_contents,
        objects,
        now: now(),
    }
}

fn tips(
    peeled: &[(&Ref, Option<u32>)],
    objects: &Objects,
    wanted: &HashSet,
    commits: &Commits,
    contents: &mut Contents,
) -> (Vec<Tip>, Vec<Held>) {
    let mut held = Vec::new();
    let mut known: HashMap<u32, usize> = HashMap::new();
    let mut tips = Vec::new();
    for (r, commit) in peeled {
        let tree = match commit {
            Some(commit) => Some(commits.tree(*commit)),
            None => match Repository::peel(objects, r.target) {
                // A tag can stand for a file or a directory.
                Some((ObjectKind::Blob, blob)) if wanted.contains(&blob) => {
                    held.push(Held::new(vec![(BString::default(), blob)]));
                    tips.push(Tip { name: r.name.clone(), holds: held.len() - 1 });
                    continue;
                }
                Some((ObjectKind::Tree, tree)) => Some(tree),
                _ => None,
            },
        };
        let content = tree.map_or(Contents::NOTHING, |tree| contents.of(&tree));
        let holds = *known.entry(content).or_insert_with(|| {
            held.push(contents.held(content));
            held.len() - 1
        });
        tips.push(Tip { name: r.name.clone(), holds });
    }
    (tips, held)
}

/// Commits whose wanted content is not that of all their parents.
fn events(commits: &Commits, reachable: &[bool], contents: &mut Contents) -> Vec<Event> {
    let numbers: Vec<u32> = (0..commits.len() as u32).map(|at| contents.of(&commits.tree(at))).collect();
    let mut events = Vec::new();
    for at in 0..commits.len() as u32 {
        let here = numbers[at as usize];
        let of_parent = |p: &Option<u32>| p.map_or(Contents::NOTHING, |p| numbers[p as usize]);
        let parents = commits.parents(at);
        let changed =
            if parents.is_empty() { here != Contents::NOTHING } else { parents.iter().any(|p| of_parent(p) != here) };
        if changed {
            events.push(Event {
                commit: commits.id(at),
                time: commits.time(at),
                reachable: reachable[at as usize],
                here: contents.held(here),
                parents: parents.iter().map(|p| contents.held(of_parent(p))).collect(),
            });
        }
    }
    events.sort_by_key(|e| (!e.reachable, e.time, e.commit));
    events
}

fn events_of(events: &[Event]) -> HashMap<ObjectId, Vec<u32>> {
    let mut of: HashMap<ObjectId, Vec<u32>> = HashMap::default();
    for (number, event) in events.iter().enumerate() {
        for (_, blob) in event.parents.iter().chain([&event.here]).flat_map(|held| held.iter()) {
            let list = of.entry(*blob).or_default();
            if list.last() != Some(&(number as u32)) {
                list.push(number as u32);
            }
        }
    }
    of
}

fn origins(events: &[Event]) -> BTreeMap<ObjectId, Origin> {
    let mut origins: BTreeMap<ObjectId, Origin> = BTreeMap::new();
    for event in events {
        for (path, blob) in event.here.iter() {
            if event.parents.iter().any(|p| p.binary_search_by(|(a, b)| (a, b).cmp(&(path, blob))).is_ok()) {
                continue;
            }
            let origin = origins.entry(*blob).or_default();
            origin.commit.get_or_insert(event.commit);
            if let Err(at) = origin.paths.binary_search(path) {
                origin.paths.insert(at, path.clone());
            }
        }
    }
    origins
}

fn messages(
    objects: &Objects,
    wanted: &HashSet,
    commits: &Commits,
    peeled: &[(&Ref, Option<u32>)],
    reachable: &[bool],
) -> BTreeMap<ObjectId, Message> {
    let mut messages = BTreeMap::new();
    let children = commits.children();
    let sorted: BTreeSet<ObjectId> = wanted.iter().copied().collect();
    for id in sorted {
        if let Some(at) = commits.find(&id) {
            let holders = commits.descendants(at, &children);
            let holds = |tip: &Option<u32>| tip.is_some_and(|tip| holders[tip as usize]);
            let tips = peeled.iter().enumerate().filter(|(_, (_, tip))| holds(tip)).map(|(i, _)| i).collect();
            let message = Message { time: commits.time(at), is_commit: true, reachable: reachable[at as usize], tips };
            messages.insert(id, message);
        } else if matches!(objects.get(&id), Some((ObjectKind::Tag, _))) {
            let leads = |r: &Ref| Repository::tags(objects, r.target).any(|tag| tag == id);
            let tips: Vec<usize> = peeled.iter().enumerate().filter(|(_, (r, _))| leads(r)).map(|(i, _)| i).collect();
            messages.insert(id, Message { time: 0, is_commit: false, reachable: !tips.is_empty(), tips });
        }
    }
    messages
}

impl Provenance {
    /// Objects that trees name and no store has, sorted.
    pub fn missing(&self) -> &[ObjectId] {
        &self.missing
    }

    /// Where a blob lived; `None` if it is none of the wanted.
    pub fn origin(&self, id: &ObjectId) -> Option<&Origin> {
        self.origins.get(id)
    }

    /// The life of a secret that stands in these objects; `None` if they are not of this repository, or none at all.
    pub fn life(&self, objects: &[ObjectId]) -> Option<Life> {
        let set: HashSet = objects.iter().copied().filter(|id| self.wanted.contains(id)).collect();
        if set.is_empty() {
            return None;
        }
        let has = |held: &Held| held.iter().any(|(_, blob)| set.contains(blob));
        let mut life = Life::default();
        let numbers: BTreeSet<u32> =
            objects.iter().filter_map(|id| self.events_of.get(id)).flatten().copied().collect();
        let events: Vec<&Event> = numbers.iter().map(|&n| &self.events[n as usize]).collect();
        let came_in = events.iter().find(|e| has(&e.here) && !e.parents.iter().any(has)).map(|e| (e.time, e.commit));
        let written = objects
            .iter()
            .filter_map(|id| Some((id, self.messages.get(id)?)))
            .filter(|(_, m)| m.is_commit)
            .map(|(id, m)| (m.time, *id))
            .min();
        let first = came_in.into_iter().chain(written).min();
        life.first = first.and_then(|(_, id)| match self.objects.get(&id) {
            Some((ObjectKind::Commit, bytes)) => Some(parse::info(&id, &bytes)),
            _ => None,
        });
        life.reachable = events.iter().any(|e| e.reachable && has(&e.here))
            || objects.iter().any(|id| self.messages.get(id).is_some_and(|m| m.reachable));
        let in_messages: BTreeSet<usize> =
            objects.iter().filter_map(|id| self.messages.get(id)).flat_map(|m| m.tips.iter().copied()).collect();
        let holds: Vec<bool> = self.tip_contents.iter().map(has).collect();
        for (at, tip) in self.tips.iter().enumerate() {
            if holds[tip.holds] || in_messages.contains(&at) {
                sort_in(&tip.name, &mut life);
            }
        }
        life.reachable |= holds.contains(&true);
        life.removed = self.removals(&events, &set);
        life.moves = moves(&events, &set);
        let end = match life.removed.iter().map(|r| r.time).max() {
            Some(removed) if !life.is_held() => removed,
            _ => self.now,
        };
        life.exposure_days = life.first.as_ref().map(|first| ((end - first.time) / DAY).max(0));
        Some(life)
    }

    /// For each path that HEAD no longer has: the last commit that took the secret from there.
    fn removals(&self, events: &[&Event], set: &HashSet) -> Vec<Removal> {
        let paths = |held: &Held| paths(held, set);
        let at_head =
            self.tips.iter().find(|t| t.name == "HEAD").map(|t| paths(&self.tip_contents[t.holds])).unwrap_or_default();
        let mut removals: BTreeMap<BString, Removal> = BTreeMap::new();
        for event in events.iter().filter(|e| e.reachable && !e.parents.is_empty()) {
            let here = paths(&event.here);
            let mut gone = paths(&event.parents[0]);
            for parent in &event.parents[1..] {
                let theirs = paths(parent);
                gone.retain(|p| theirs.contains(p));
            }
            for path in gone.into_iter().filter(|p| !here.contains(p) && !at_head.contains(p)) {
                // Events are in order of time: a later one replaces an earlier one.
                removals.insert(path.clone(), Removal { path, commit: event.commit.to_string(), time: event.time });
            }
        }
        removals.into_values().collect()
    }
}

/// Paths of what is in the set.
fn paths(held: &Held, set: &HashSet) -> BTreeSet<BString> {
    held.iter().filter(|(_, b)| set.contains(b)).map(|(p, _)| p.clone()).collect()
}

/// Old and new path wherever a commit took the secret from a path of its only parent and put it at no more than as many
/// new ones: files that were renamed, edited or not. Where more came than went, one is a copy.
fn moves(events: &[&Event], set: &HashSet) -> Vec<(BString, BString)> {
    let mut moves = BTreeSet::new();
    for event in events {
        let [parent] = event.parents.as_slice() else { continue };
        let (before, here) = (paths(parent, set), paths(&event.here, set));
        let (gone, came) = (before.difference(&here), here.difference(&before));
        if came.clone().count() <= gone.clone().count() {
            moves.extend(gone.flat_map(|old| came.clone().map(|new| (old.clone(), new.clone()))));
        }
    }
    moves.into_iter().collect()
}

/// Puts the name of a ref where it belongs.
pub fn sort_in(name: &BString, life: &mut Life) {
    let text = name.to_string();
    if text == "HEAD" {
        life.in_head = true;
    } else if let Some(short) = text.strip_prefix("refs/heads/") {
        life.branches.push(short.to_owned());
    } else if let Some(short) = text.strip_prefix("refs/remotes/") {
        life.remotes.push(short.to_owned());
    } else if let Some(short) = text.strip_prefix("refs/tags/") {
        life.tags.push(short.to_owned());
    } else {
        life.other_refs.push(text);
    }
}

/// Seconds since 1970; `SOURCE_DATE_EPOCH` (reproducible-builds.org) fixes it.
pub fn now() -> i64 {
    let fixed = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|t| t.parse().ok());
    fixed.unwrap_or_else(|| {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64)
    })
}

/// What the first pass finds.
#[derive(Default)]
struct Collected {
    /// Hash of a child tree's id, and the number of the tree that holds it.
    edges: Vec<(u32, u32)>,
    trees: Vec<ObjectId>,
    /// Trees that hold a wanted blob.
    direct: Vec<ObjectId>,
    commits: Vec<(ObjectId, parse::CommitData)>,
}

/// Ids that [`FirstPass`] remembers to have looked up: a power of two.
const KNOWN: usize = 1 << 20;

/// Which trees hold which, and all commits.
struct FirstPass<'a> {
    objects: &'a Objects,
    wanted: &'a HashSet,
    /// One bit for the first two bytes of each wanted id, so that most entries need no look-up.
    bits: Vec<u64>,
    /// Objects that trees name and no store has.
    absent: Mutex<HashSet>,
    /// 64 bits of ids that were looked up.
    known: Vec<AtomicU64>,
    collected: Mutex<Collected>,
}

impl<'a> FirstPass<'a> {
    fn new(objects: &'a Objects, wanted: &'a HashSet) -> Self {
        let mut bits = vec![0u64; 1024];
        #[allow(clippy::iter_over_hash_type, reason = "sets bits, in any order")]
        for id in wanted {
            let key = usize::from(id.as_bytes()[0]) << 8 | usize::from(id.as_bytes()[1]);
            bits[key >> 6] |= 1 << (key & 63);
        }
        let known = std::iter::repeat_with(AtomicU64::default).take(KNOWN).collect();
        Self { objects, wanted, bits, absent: Mutex::default(), known, collected: Mutex::default() }
    }

    fn is_wanted(&self, id: &[u8]) -> bool {
        let key = usize::from(id[0]) << 8 | usize::from(id[1]);
        self.bits[key >> 6] >> (key & 63) & 1 == 1 && ObjectId::try_from(id).is_ok_and(|id| self.wanted.contains(&id))
    }

    /// Notes an object that is in no store. What was looked up before is remembered by 64 bits of its id, since
    /// neighbouring trees name mostly the same objects.
    fn check_present(&self, id: &[u8]) {
        let Ok(id) = ObjectId::try_from(id) else { return };
        let slot = &self.known[graph::hash(id.as_bytes()) as usize & (KNOWN - 1)];
        let key = id.as_bytes()[8..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        if slot.load(Ordering::Relaxed) == key {
            return;
        }
        slot.store(key, Ordering::Relaxed);
        if !self.objects.has(&id) {
            self.absent.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(id);
        }
    }
}

impl Visitor for FirstPass<'_> {
    type State = ();
    type Scratch = Collected;

    fn scratch(&self) -> Collected {
        Collected::default()
    }

    fn wants(&self, kind: ObjectKind) -> bool {
        matches!(kind, ObjectKind::Tree | ObjectKind::Commit)
    }

    fn visit(&self, found: &mut Collected, object: Object<'_, ()>) {
        if object.seen {
            return;
        }
        if object.kind == ObjectKind::Commit {
            found.commits.extend(parse::commit(object.bytes).map(|c| (object.id.to_owned(), c)));
            return;
        }
        let number = found.trees.len() as u32;
        found.trees.push(object.id.to_owned());
        let mut direct = false;
        // Entries that were copied from the base were checked there.
        let mut copied = object.base.map_or(&[][..], |(_, regions)| regions).iter().filter_map(|r| match *r {
            Region::Copy { to, len, .. } => Some(to..to + len),
            Region::Insert { .. } => None,
        });
        let mut copy = copied.next();
        for entry in parse::tree(object.bytes, object.id.as_bytes().len()) {
            if entry.is_tree {
                found.edges.push((graph::hash(entry.id), number));
            } else if !entry.is_submodule {
                direct |= self.is_wanted(entry.id);
            }
            let end = entry.id.as_ptr_range().end as usize - object.bytes.as_ptr() as usize;
            while copy.as_ref().is_some_and(|c| c.end < end) {
                copy = copied.next();
            }
            let known = copy.as_ref().is_some_and(|c| c.start + entry.id.len() <= end && end <= c.end);
            if !known && !entry.is_submodule {
                self.check_present(entry.id);
            }
        }
        if direct {
            found.direct.push(object.id.to_owned());
        }
    }

    fn finish(&self, found: Collected) {
        let mut all = self.collected.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let offset = all.trees.len() as u32;
        all.edges.extend(found.edges.into_iter().map(|(child, tree)| (child, tree + offset)));
        all.trees.extend(found.trees);
        all.direct.extend(found.direct);
        all.commits.extend(found.commits);
    }
}

/// The marked entries of marked trees.
struct SecondPass<'a> {
    wanted: &'a HashSet,
    marked: &'a Marked,
    entries: Mutex<graph::Entries>,
}

impl Visitor for SecondPass<'_> {
    type State = ();
    type Scratch = graph::Entries;

    fn scratch(&self) -> graph::Entries {
        graph::Entries::default()
    }

    fn wants(&self, kind: ObjectKind) -> bool {
        kind == ObjectKind::Tree
    }

    fn wants_id(&self, id: &gix::oid) -> bool {
        self.marked.has(id)
    }

    fn visit(&self, found: &mut graph::Entries, object: Object<'_, ()>) {
        if object.seen || !self.marked.has(object.id) {
            return;
        }
        let kept = parse::tree(object.bytes, object.id.as_bytes().len())
            .filter(|e| !e.is_submodule)
            .filter_map(|e| Some((e.is_tree, e.name.to_owned(), ObjectId::try_from(e.id).ok()?)))
            .filter(|(is_tree, _, id)| if *is_tree { self.marked.has(id) } else { self.wanted.contains(id) })
            .map(|(is_tree, name, id)| graph::Kept { is_tree, name, id })
            .collect();
        found.insert(object.id.to_owned(), kept);
    }

    fn finish(&self, found: graph::Entries) {
        self.entries.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(found);
    }
}
