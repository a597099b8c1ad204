//! Where a secret came in, where it lived, who removed it, and what still holds it.
//!
//! One pass over all trees notes what each changes in its delta base (`trees`). The trees that lead to something wanted
//! are marked from the blobs upwards, and what they hold is given a number, the same for all that hold the same
//! (`contents`). From then on everything is computed on these: where the numbers of a commit and its parents differ,
//! something came or went.

mod commits;
mod contents;
pub mod parse;
pub mod table;
mod trees;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use bstr::{BString, ByteSlice};
use gix::ObjectId;
use gix::hashtable::HashSet;

pub use commits::CommitList;
pub use parse::without_signature;
pub use trees::{Absent, Trees};

use crate::finding::{CommitInfo, Life, Names, Removal};
use crate::source::objects::Objects;
use crate::source::pack::ObjectKind;
use crate::source::repository::{Ref, Repository};
use commits::Commits;
use contents::{At, Bits, Contents, Holders, PathId, Thing};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Most refs that are no branches or tags and are named.
const MOST_REFS: usize = 100;

/// Where a blob lived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Every path, sorted.
    pub paths: Vec<BString>,
    /// The first commit that has it.
    pub commit: Option<ObjectId>,
}

/// Everything that is known about the wanted things of one repository.
#[derive(Debug)]
pub struct Provenance {
    objects: Objects,
    trees: Trees,
    contents: Contents,
    /// Numbers of the wanted blobs, commits and tags.
    things: BTreeMap<ObjectId, Thing>,
    /// Numbers of the wanted names, and of an object that had it.
    names: BTreeMap<BString, (Thing, Option<u32>)>,
    origins: BTreeMap<Thing, Origin>,
    events: Vec<Event>,
    /// Numbers of the events that have to do with a thing, ascending.
    events_of: HashMap<Thing, Vec<u32>>,
    tips: Vec<Tip>,
    /// What tips hold, each content once: thousands of refs often have the same.
    tip_contents: Vec<u32>,
    /// Wanted commits and tags: secrets in messages.
    messages: BTreeMap<ObjectId, Message>,
    now: i64,
    /// Lists of refs that lives have, each once.
    shared: Mutex<std::collections::HashSet<Names>>,
    /// Commits that were decoded.
    infos: Mutex<BTreeMap<ObjectId, Option<CommitInfo>>>,
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

/// A commit that brought something wanted in, or took it away.
#[derive(Debug)]
struct Event {
    commit: ObjectId,
    time: i64,
    reachable: bool,
    /// What it holds, and what its parents hold.
    here: u32,
    parents: Vec<u32>,
    /// What it has and none of its parents.
    added: Vec<At>,
    /// What it does not have and a parent has, at paths where it differs from all of them; with the place of the parent.
    removed: Vec<(u32, At)>,
}

/// A ref with what its commit holds.
#[derive(Debug)]
struct Tip {
    name: BString,
    /// Place in [`Provenance::tip_contents`].
    content: usize,
    /// A tag can stand for a file.
    blob: Option<Thing>,
}

/// What is looked for in a repository.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Blobs, commits and tags.
    pub objects: HashSet,
    /// Numbers of names in [`Trees::names`].
    pub names: Vec<u32>,
}

/// Finds out about the wanted things.
pub fn trace(objects: Objects, trees: Trees, commits: CommitList, refs: &[Ref], wanted: &Wanted) -> Provenance {
    let commits = Commits::new(commits);
    let things: BTreeMap<ObjectId, Thing> =
        wanted.objects.iter().filter_map(|id| Some((*id, objects.number(id)?))).collect();
    let named = |name: u32| trees.iter().flat_map(|t| t.added).filter(move |i| i.name == name).map(|i| i.object).min();
    let names: BTreeMap<BString, (Thing, Option<u32>)> = wanted
        .names
        .iter()
        .map(|&name| {
            let object = named(name).filter(|object| (*object as usize) < objects.len());
            (BString::from(&*trees.names()[name as usize]), (contents::NAME | name, object))
        })
        .collect();
    let mut bits = contents::Wanted { blobs: Bits::new(objects.len()), names: Bits::new(trees.names().len()) };
    things.values().for_each(|thing| bits.blobs.set(*thing));
    wanted.names.iter().for_each(|name| bits.names.set(*name));
    let mut contents = Contents::new(&trees, objects.len(), bits);

    let commit_of = |r: &Ref| {
        let find = |id: &ObjectId| commits.find(objects.number(id)?);
        find(&r.target).or_else(|| find(&Repository::peel(&objects, r.target)?.1))
    };
    let mut peeled: Vec<(&Ref, Option<u32>)> = refs.iter().map(|r| (r, commit_of(r))).collect();
    let lasting = commits.reachable(peeled.iter().filter(|(r, _)| !r.is_passing()).filter_map(|(_, c)| *c));
    // What git notes for itself is worth a word only where nothing else leads.
    peeled.retain(|(r, commit)| !r.is_passing() || commit.is_some_and(|c| !lasting[c as usize]));
    let reachable = commits.reachable(peeled.iter().filter_map(|(_, c)| *c));
    let events = events(&objects, &commits, &reachable, &mut contents);
    let (tips, tip_contents) = tips(&peeled, &objects, &commits, &mut contents, &things);
    Provenance {
        tips,
        tip_contents,
        origins: origins(&events, &contents, &trees),
        events_of: events_of(&events),
        messages: messages(&objects, wanted, &commits, &peeled, &reachable),
        events,
        things,
        names,
        contents,
        objects,
        trees,
        now: now(),
        shared: Mutex::default(),
        infos: Mutex::default(),
    }
}

fn tips(
    peeled: &[(&Ref, Option<u32>)],
    objects: &Objects,
    commits: &Commits,
    contents: &mut Contents,
    things: &BTreeMap<ObjectId, Thing>,
) -> (Vec<Tip>, Vec<u32>) {
    let mut places: BTreeMap<u32, usize> = BTreeMap::new();
    let mut tip = |(r, commit): &(&Ref, Option<u32>)| {
        let (mut content, mut blob) = (Contents::NOTHING, None);
        match commit {
            Some(commit) => content = contents.of(commits.tree(*commit)),
            None => match Repository::peel(objects, r.target) {
                Some((ObjectKind::Blob, id)) => blob = things.get(&id).copied(),
                Some((ObjectKind::Tree, tree)) => content = objects.number(&tree).map_or(content, |t| contents.of(t)),
                _ => {}
            },
        }
        let next = places.len();
        Tip { name: r.name.clone(), content: *places.entry(content).or_insert(next), blob }
    };
    let tips = peeled.iter().map(&mut tip).collect();
    let mut contents = vec![Contents::NOTHING; places.len()];
    places.into_iter().for_each(|(content, place)| contents[place] = content);
    (tips, contents)
}

/// Commits that hold something that none of their parents holds, or nothing where all of them hold something.
fn events(objects: &Objects, commits: &Commits, reachable: &[bool], contents: &mut Contents) -> Vec<Event> {
    let numbers: Vec<u32> = (0..commits.len() as u32).map(|at| contents.of(commits.tree(at))).collect();
    let mut events = Vec::new();
    for at in 0..commits.len() as u32 {
        let here = numbers[at as usize];
        let of_parent = |p: &u32| numbers.get(*p as usize).copied().unwrap_or(Contents::NOTHING);
        let parents: Vec<u32> = commits.parents(at).iter().map(of_parent).collect();
        if parents.contains(&here) || parents.is_empty() && here == Contents::NOTHING {
            continue;
        }
        let (added, removed) = changes(contents, here, &parents);
        if !added.is_empty() || !removed.is_empty() {
            events.push(Event {
                commit: objects.id(commits.object(at)),
                time: commits.time(at),
                reachable: reachable[at as usize],
                here,
                parents,
                added,
                removed,
            });
        }
    }
    events.sort_by_key(|e| (!e.reachable, e.time, e.commit));
    events
}

/// What a commit adds to all of its parents, and what it takes away where it differs from all of them.
fn changes(contents: &mut Contents, here: u32, parents: &[u32]) -> (Vec<At>, Vec<(u32, At)>) {
    let Some((&first, others)) = parents.split_first() else { return (contents.all(here), Vec::new()) };
    let [mut added, gone] = contents.difference(here, first);
    let mut removed: Vec<(u32, At)> = gone.into_iter().map(|at| (0, at)).collect();
    added.sort_unstable();
    for (n, &parent) in others.iter().enumerate() {
        let [more, gone] = contents.difference(here, parent);
        let more: BTreeSet<At> = more.into_iter().collect();
        added.retain(|at| more.contains(at));
        let paths: BTreeSet<PathId> = gone.iter().map(|(path, _)| *path).collect();
        let before: BTreeSet<PathId> = removed.iter().map(|(_, (path, _))| *path).collect();
        removed.retain(|(_, (path, _))| paths.contains(path));
        removed.extend(gone.into_iter().filter(|(path, _)| before.contains(path)).map(|at| (n as u32 + 1, at)));
    }
    (added, removed)
}

fn events_of(events: &[Event]) -> HashMap<Thing, Vec<u32>> {
    let mut of: HashMap<Thing, Vec<u32>> = HashMap::default();
    for (number, event) in events.iter().enumerate() {
        for (_, thing) in event.added.iter().chain(event.removed.iter().map(|(_, at)| at)) {
            let list = of.entry(*thing).or_default();
            if list.last() != Some(&(number as u32)) {
                list.push(number as u32);
            }
        }
    }
    of
}

fn origins(events: &[Event], contents: &Contents, trees: &Trees) -> BTreeMap<Thing, Origin> {
    let mut paths: BTreeMap<Thing, (ObjectId, BTreeSet<PathId>)> = BTreeMap::new();
    for event in events {
        for (path, thing) in &event.added {
            paths.entry(*thing).or_insert_with(|| (event.commit, BTreeSet::new())).1.insert(*path);
        }
    }
    let origin = |(commit, paths): (ObjectId, BTreeSet<PathId>)| {
        let mut paths: Vec<BString> = paths.into_iter().map(|path| contents.paths.full(path, trees)).collect();
        paths.sort();
        Origin { paths, commit: Some(commit) }
    };
    paths.into_iter().map(|(thing, found)| (thing, origin(found))).collect()
}

fn messages(
    objects: &Objects,
    wanted: &Wanted,
    commits: &Commits,
    peeled: &[(&Ref, Option<u32>)],
    reachable: &[bool],
) -> BTreeMap<ObjectId, Message> {
    let mut messages = BTreeMap::new();
    let mut children = None;
    let sorted: BTreeSet<ObjectId> = wanted.objects.iter().copied().collect();
    for id in sorted {
        if let Some(at) = objects.number(&id).and_then(|number| commits.find(number)) {
            let holders = commits.descendants(at, children.get_or_insert_with(|| commits.children()));
            let holds = |tip: &Option<u32>| tip.is_some_and(|tip| holders[tip as usize]);
            let tips = peeled.iter().enumerate().filter(|(_, (_, tip))| holds(tip)).map(|(i, _)| i).collect();
            let message = Message { time: commits.time(at), is_commit: true, reachable: reachable[at as usize], tips };
            messages.insert(id, message);
        } else if objects.kind(&id) == Some(ObjectKind::Tag) {
            let leads = |r: &Ref| Repository::tags(objects, r.target).any(|tag| tag == id);
            let tips: Vec<usize> = peeled.iter().enumerate().filter(|(_, (r, _))| leads(r)).map(|(i, _)| i).collect();
            messages.insert(id, Message { time: 0, is_commit: false, reachable: !tips.is_empty(), tips });
        }
    }
    messages
}

impl Provenance {
    /// Where a blob lived; `None` if it is none of the wanted, or no commit has it.
    pub fn origin(&self, id: &ObjectId) -> Option<&Origin> {
        self.origins.get(self.things.get(id)?)
    }

    /// Where a name stood, and an object that had it (of a submodule, the null id). A name that only dangling trees have
    /// has no path beside itself.
    pub fn origin_of_name(&self, name: &BString) -> Option<(&Origin, ObjectId)> {
        let (thing, object) = self.names.get(name)?;
        let id = object.map_or_else(|| ObjectId::null(self.objects.hash()), |object| self.objects.id(object));
        Some((self.origins.get(thing)?, id))
    }

    /// The life of a secret that stands in these objects and names; `None` if they are not of this repository, or none at
    /// all.
    pub fn life(&self, objects: &[ObjectId], names: &[BString]) -> Option<Life> {
        let of_objects = objects.iter().filter_map(|id| self.things.get(id));
        let mut set: Vec<Thing> =
            of_objects.chain(names.iter().filter_map(|name| Some(&self.names.get(name)?.0))).copied().collect();
        set.sort_unstable();
        set.dedup();
        if set.is_empty() {
            return None;
        }
        let mut holders = Holders::new(&self.contents, &set);
        let mut life = Life::default();
        let numbers: BTreeSet<u32> =
            set.iter().filter_map(|thing| self.events_of.get(thing)).flatten().copied().collect();
        let events: Vec<&Event> = numbers.iter().map(|&n| &self.events[n as usize]).collect();
        let messages: Vec<(&ObjectId, &Message)> =
            objects.iter().filter_map(|id| Some((id, self.messages.get(id)?))).collect();
        let mut comes_in = |e: &Event| {
            e.added.iter().any(|(_, thing)| holders.wants(*thing)) && !e.parents.iter().any(|p| holders.has(*p))
        };
        let came_in = events.iter().find(|e| comes_in(e)).map(|e| (e.time, e.commit));
        let written = messages.iter().filter(|(_, m)| m.is_commit).map(|(id, m)| (m.time, **id)).min();
        let first = came_in.into_iter().chain(written).min();
        life.first = first.and_then(|(_, id)| self.info(id));
        life.reachable = events.iter().any(|e| e.reachable && holders.has(e.here))
            || messages.iter().any(|(_, message)| message.reachable);
        let in_messages: BTreeSet<usize> = messages.iter().flat_map(|(_, m)| m.tips.iter().copied()).collect();
        let held: Vec<bool> = self.tip_contents.iter().map(|content| holders.has(*content)).collect();
        for (at, tip) in self.tips.iter().enumerate() {
            let held = held[tip.content] || tip.blob.is_some_and(|blob| holders.wants(blob));
            if held || in_messages.contains(&at) {
                sort_in(&tip.name, &mut life);
            }
            life.reachable |= held;
        }
        for names in [&mut life.branches, &mut life.remotes, &mut life.tags, &mut life.other_refs] {
            let mut shared = self.shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            match shared.get(names) {
                Some(same) => *names = same.clone(),
                None => drop(shared.insert(names.clone())),
            }
        }
        life.removed = self.removals(&events, &mut holders);
        life.moves = self.moves(&events, &holders);
        let end = match life.removed.iter().map(|r| r.time).max() {
            Some(removed) if !life.is_held() => removed,
            _ => self.now,
        };
        life.exposure_days = life.first.as_ref().map(|first| ((end - first.time) / DAY).max(0));
        Some(life)
    }

    /// A commit as reports show it. Thousands of findings can have come with one.
    fn info(&self, id: ObjectId) -> Option<CommitInfo> {
        let mut known = self.infos.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let read = || match self.objects.get(&id) {
            Some((ObjectKind::Commit, bytes)) => Some(parse::info(&id, &bytes)),
            _ => None,
        };
        known.entry(id).or_insert_with(read).clone()
    }

    /// For each path that HEAD no longer has: the last commit that took the secret from there.
    fn removals(&self, events: &[&Event], holders: &mut Holders<'_>) -> Vec<Removal> {
        let head = self.tips.iter().find(|t| t.name == "HEAD").map(|t| self.tip_contents[t.content]);
        let at_head = head.map(|content| holders.paths(content)).unwrap_or_default();
        let mut removals: BTreeMap<BString, Removal> = BTreeMap::new();
        for event in events.iter().filter(|e| e.reachable) {
            for path in event.gone(holders).into_iter().filter(|p| at_head.binary_search(p).is_err()) {
                let path = self.contents.paths.full(path, &self.trees);
                // Events are in order of time: a later one replaces an earlier one.
                removals.insert(path.clone(), Removal { path, commit: event.commit.to_string(), time: event.time });
            }
        }
        removals.into_values().collect()
    }

    /// Old and new path wherever a commit took the secret from a path of its only parent and put it at no more than as
    /// many new ones: files that were renamed, edited or not. Where more came than went, one is a copy.
    fn moves(&self, events: &[&Event], holders: &Holders<'_>) -> Vec<(BString, BString)> {
        let mut moves = BTreeSet::new();
        for event in events.iter().filter(|e| e.parents.len() == 1) {
            let (gone, came) = (event.gone(holders), event.came(holders));
            if came.len() <= gone.len() {
                let full = |path: &PathId| self.contents.paths.full(*path, &self.trees);
                moves.extend(gone.iter().flat_map(|old| came.iter().map(move |new| (full(old), full(new)))));
            }
        }
        moves.into_iter().collect()
    }
}

impl Event {
    /// Paths that have something of the set in a commit and not in its parents.
    fn came(&self, holders: &Holders<'_>) -> BTreeSet<PathId> {
        let before: BTreeSet<PathId> =
            self.removed.iter().filter(|(_, (_, t))| holders.wants(*t)).map(|(_, (path, _))| *path).collect();
        let here = self.added.iter().filter(|(_, t)| holders.wants(*t)).map(|(path, _)| *path);
        here.filter(|path| !before.contains(path)).collect()
    }

    /// Paths that have something of the set in every parent and not in the commit.
    fn gone(&self, holders: &Holders<'_>) -> BTreeSet<PathId> {
        let here: BTreeSet<PathId> =
            self.added.iter().filter(|(_, t)| holders.wants(*t)).map(|(path, _)| *path).collect();
        let mut parents: BTreeMap<PathId, BTreeSet<u32>> = BTreeMap::new();
        for (parent, (path, thing)) in &self.removed {
            if holders.wants(*thing) && !here.contains(path) {
                parents.entry(*path).or_default().insert(*parent);
            }
        }
        parents.into_iter().filter(|(_, of)| of.len() == self.parents.len()).map(|(path, _)| path).collect()
    }
}

/// Puts the name of a ref where it belongs.
pub fn sort_in(name: &BString, life: &mut Life) {
    let text = name.to_str_lossy();
    if text == "HEAD" {
        life.in_head = true;
    } else if let Some(short) = text.strip_prefix("refs/heads/") {
        Arc::make_mut(&mut life.branches).push(short.to_owned());
    } else if let Some(short) = text.strip_prefix("refs/remotes/") {
        Arc::make_mut(&mut life.remotes).push(short.to_owned());
    } else if let Some(short) = text.strip_prefix("refs/tags/") {
        Arc::make_mut(&mut life.tags).push(short.to_owned());
    } else {
        if life.other_refs.len() < MOST_REFS {
            Arc::make_mut(&mut life.other_refs).push(text.into_owned());
        } else {
            life.more_refs += 1;
        }
    }
}

/// Seconds since 1970; `SOURCE_DATE_EPOCH` (reproducible-builds.org) fixes it.
pub fn now() -> i64 {
    let fixed = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|t| t.parse().ok());
    fixed.unwrap_or_else(|| {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64)
    })
}
