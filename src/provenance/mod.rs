//! Where a secret came in, where it lived, who removed it, and what still holds it.
//!
//! One pass over all trees notes what each changes in its delta base (`trees`). The trees that lead to something wanted
//! are marked from the blobs upwards, and what they hold is given a number, the same for all that hold the same
//! (`contents`). From then on everything is computed on these: where the numbers of a commit and its parents differ,
//! something came or went.

mod commits;
mod contents;
pub mod parse;
mod record;
pub mod table;
mod traced;
mod trees;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use bstr::{BString, ByteSlice};
use gix::ObjectId;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

pub use commits::CommitList;
pub use parse::without_signature;
pub use traced::Traced;
pub use trees::{Absent, Trees};

use crate::finding::{CommitInfo, Life, Removal};
use crate::source::git_dir::Staged;
use crate::source::objects::Objects;
use crate::source::pack::ObjectKind;
use crate::source::repository::{Ref, Repository};
use commits::Commits;
use contents::{Above, Contents, Holders, PathId, Thing};
use traced::Event;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Most branches, remote-tracking branches, tags and other refs that are named, of each: a repository can have many
/// thousands of them, and of findings, too.
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
    objects: Arc<Objects>,
    trees: Trees,
    contents: Contents,
    /// Numbers of the wanted blobs, commits and tags.
    things: BTreeMap<ObjectId, Thing>,
    /// Numbers of the wanted names, and of an object that had it.
    names: BTreeMap<BString, (Thing, Option<u32>)>,
    origins: BTreeMap<Thing, Origin>,
    commits: Commits,
    above: Above,
    /// In the order of time, those that refs reach first.
    events: Vec<Event>,
    reachable: Vec<bool>,
    /// Numbers of the events that have to do with a thing, ascending.
    events_of: HashMap<Thing, Vec<u32>>,
    tips: Vec<Tip>,
    /// Those that stand for a file, by it.
    blob_tips: BTreeMap<Thing, Vec<usize>>,
    /// What tips hold: thousands of refs often have the same.
    tip_contents: TipContents,
    /// Which index has a blob.
    staged: BTreeMap<Thing, BTreeSet<BString>>,
    /// Wanted commits and tags: secrets in messages.
    messages: BTreeMap<ObjectId, Message>,
    now: i64,
    /// The names of refs in lives, by which tips hold something.
    refs: Mutex<HashMap<[u8; 32], Life>>,
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

/// A ref with what its commit holds.
#[derive(Debug)]
struct Tip {
    name: BString,
    content: u32,
    /// A tag can stand for a file.
    blob: Option<Thing>,
}

/// The contents of tips.
#[derive(Debug, Default)]
struct TipContents {
    /// The number of the list of each content that a tip has, and one; 0 for all others.
    of: Vec<u32>,
    /// The tips that have it.
    tips: Vec<Vec<usize>>,
}

impl TipContents {
    fn new(tips: &[Tip], contents: usize) -> Self {
        let mut all = Self { of: vec![0; contents], tips: Vec::new() };
        for (at, tip) in tips.iter().enumerate() {
            let Some(number) = all.of.get_mut(tip.content as usize) else { continue };
            if *number == 0 {
                all.tips.push(Vec::new());
                *number = all.tips.len() as u32;
            }
            all.tips[*number as usize - 1].push(at);
        }
        all
    }

    /// The number of the list of tips that have a content.
    fn list(&self, content: u32) -> Option<usize> {
        (*self.of.get(content as usize)? as usize).checked_sub(1)
    }
}

/// What is looked for in a repository.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Blobs, commits and tags, each once.
    pub objects: Vec<(ObjectId, ObjectKind)>,
    /// Numbers of names in [`Trees::names`].
    pub names: Vec<u32>,
    /// Those of the blobs that an index has.
    pub staged: Vec<Staged>,
}

impl Traced {
    /// All about the wanted things, as the refs are now; `targets` are the numbers of what these point to.
    pub fn finish(
        self,
        objects: Arc<Objects>,
        trees: Trees,
        (refs, targets): (&[Ref], &[Option<u32>]),
        wanted: &Wanted,
    ) -> Provenance {
        let Self { commits, contents, mut events } = self;
        let things: BTreeMap<ObjectId, Thing> =
            wanted.objects.par_iter().filter_map(|(id, _)| Some((*id, objects.number(id)?))).collect();
        let commit_of = |(r, target): (&Ref, &Option<u32>)| {
            let find = |id: &ObjectId| commits.find(objects.number(id)?);
            commits.find((*target)?).or_else(|| find(&Repository::peel(&objects, r.target)?.1))
        };
        let commits_of: Vec<Option<u32>> = refs.par_iter().zip(targets).with_min_len(256).map(commit_of).collect();
        let mut peeled: Vec<(&Ref, Option<u32>)> = refs.iter().zip(commits_of).collect();
        if refs.iter().any(Ref::is_passing) {
            let lasting = commits.reachable(peeled.iter().filter(|(r, _)| !r.is_passing()).filter_map(|(_, c)| *c));
            // What git notes for itself is worth a word only where nothing else leads.
            peeled.retain(|(r, commit)| !r.is_passing() || commit.is_some_and(|c| !lasting[c as usize]));
        }
        let order = commits.in_order(peeled.iter().filter_map(|(_, commit)| *commit));
        let mut reachable = vec![false; commits.len()];
        order.iter().for_each(|at| reachable[*at as usize] = true);
        let of_events = || {
            events.sort_by(|a, b| {
                let key = |e: &Event| (!reachable[e.at as usize], commits.time(e.at));
                let id = |e: &Event| objects.id(commits.object(e.at));
                key(a).cmp(&key(b)).then_with(|| id(a).cmp(&id(b)))
            });
            let id = |e: &Event| objects.id(commits.object(e.at));
            (origins(&events, &contents, &trees, &id), events_of(&events))
        };
        let of_refs = || {
            let tips = tips(&peeled, &objects, &commits, &contents, &things);
            let tip_contents = TipContents::new(&tips, contents.contents.len());
            (
                tips,
                tip_contents,
                messages(&objects, wanted, &commits, &peeled, (&order, &reachable)),
                Above::new(&contents),
            )
        };
        let ((mut origins, events_of), (tips, tip_contents, messages, above)) = rayon::join(of_events, of_refs);
        let staged = staged(wanted, &things, &mut origins);
        Provenance {
            blob_tips: blob_tips(&tips),
            tips,
            tip_contents,
            staged,
            origins,
            events_of,
            messages,
            names: names(&objects, &trees, wanted),
            above,
            events,
            reachable,
            commits,
            things,
            contents,
            objects,
            trees,
            now: now(),
            refs: Mutex::default(),
            infos: Mutex::default(),
        }
    }
}

/// Numbers of the wanted names, and of an object that had it.
fn names(objects: &Objects, trees: &Trees, wanted: &Wanted) -> BTreeMap<BString, (Thing, Option<u32>)> {
    let named = |name: u32| trees.iter().flat_map(|t| t.added).filter(move |i| i.name == name).map(|i| i.object).min();
    let of = |&name: &u32| {
        let object = named(name).filter(|object| (*object as usize) < objects.len());
        (BString::from(&*trees.names()[name as usize]), (contents::NAME | name, object))
    };
    wanted.names.iter().map(of).collect()
}

fn tips(
    peeled: &[(&Ref, Option<u32>)],
    objects: &Objects,
    commits: &Commits,
    contents: &Contents,
    things: &BTreeMap<ObjectId, Thing>,
) -> Vec<Tip> {
    let tip = |(r, commit): &(&Ref, Option<u32>)| {
        let (mut content, mut blob) = (Contents::NOTHING, None);
        match commit {
            Some(commit) => content = commits.content(*commit),
            None => match Repository::peel(objects, r.target) {
                Some((ObjectKind::Blob, id)) => blob = things.get(&id).copied(),
                Some((ObjectKind::Tree, tree)) => content = objects.number(&tree).map_or(content, |t| contents.of(t)),
                _ => {}
            },
        }
        Tip { name: r.name.clone(), content, blob }
    };
    peeled.iter().map(tip).collect()
}

fn blob_tips(tips: &[Tip]) -> BTreeMap<Thing, Vec<usize>> {
    let mut of: BTreeMap<Thing, Vec<usize>> = BTreeMap::new();
    for (at, blob) in tips.iter().enumerate().filter_map(|(at, tip)| Some((at, tip.blob?))) {
        of.entry(blob).or_default().push(at);
    }
    of
}

/// Which index has which blob. One that no commit has gets its path from there.
fn staged(
    wanted: &Wanted,
    things: &BTreeMap<ObjectId, Thing>,
    origins: &mut BTreeMap<Thing, Origin>,
) -> BTreeMap<Thing, BTreeSet<BString>> {
    let mut staged: BTreeMap<Thing, BTreeSet<BString>> = BTreeMap::new();
    for Staged { id, index, path } in &wanted.staged {
        let Some(thing) = things.get(id) else { continue };
        staged.entry(*thing).or_default().insert(index.clone());
        let origin = origins.entry(*thing).or_default();
        if origin.commit.is_none() {
            origin.paths.push(path.clone());
            origin.paths.sort();
            origin.paths.dedup();
        }
    }
    staged
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

fn origins(
    events: &[Event],
    contents: &Contents,
    trees: &Trees,
    id: &dyn Fn(&Event) -> ObjectId,
) -> BTreeMap<Thing, Origin> {
    let mut paths: BTreeMap<Thing, (&Event, BTreeSet<PathId>)> = BTreeMap::new();
    for event in events {
        for (path, thing) in &event.added {
            paths.entry(*thing).or_insert_with(|| (event, BTreeSet::new())).1.insert(*path);
        }
    }
    let origin = |(event, paths): (&Event, BTreeSet<PathId>)| {
        let mut paths: Vec<BString> = paths.into_iter().map(|path| contents.paths.full(path, trees)).collect();
        paths.sort();
        Origin { paths, commit: Some(id(event)) }
    };
    paths.into_iter().map(|(thing, found)| (thing, origin(found))).collect()
}

fn messages(
    objects: &Objects,
    wanted: &Wanted,
    commits: &Commits,
    peeled: &[(&Ref, Option<u32>)],
    (order, reachable): (&[u32], &[bool]),
) -> BTreeMap<ObjectId, Message> {
    let of_kind = |kind: ObjectKind| wanted.objects.iter().filter(move |(_, own)| *own == kind).map(|(id, _)| *id);
    let at = |id: ObjectId| Some((id, commits.find(objects.number(&id)?)?));
    let found: BTreeMap<ObjectId, u32> = of_kind(ObjectKind::Commit).filter_map(at).collect();
    let places: Vec<u32> = found.values().copied().collect();
    let tips: Vec<Option<u32>> = peeled.iter().map(|(_, tip)| *tip).collect();
    let held = commits.held_by(&places, order, &tips);
    let of_commit = |((id, at), tips): ((ObjectId, u32), Vec<usize>)| {
        (id, Message { time: commits.time(at), is_commit: true, reachable: reachable[at as usize], tips })
    };
    let mut messages: BTreeMap<ObjectId, Message> = found.into_iter().zip(held).map(of_commit).collect();
    for id in of_kind(ObjectKind::Tag) {
        let leads = |r: &Ref| Repository::tags(objects, r.target).any(|tag| tag == id);
        let tips: Vec<usize> = peeled.iter().enumerate().filter(|(_, (r, _))| leads(r)).map(|(i, _)| i).collect();
        messages.insert(id, Message { time: 0, is_commit: false, reachable: !tips.is_empty(), tips });
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
        let holders = Holders::new(&self.contents, &self.above, &set);
        let mut life = Life::default();
        let numbers: BTreeSet<u32> =
            set.iter().filter_map(|thing| self.events_of.get(thing)).flatten().copied().collect();
        let events: Vec<&Event> = numbers.iter().map(|&n| &self.events[n as usize]).collect();
        let messages: Vec<(&ObjectId, &Message)> =
            objects.iter().filter_map(|id| Some((id, self.messages.get(id)?))).collect();
        let comes_in = |e: &Event| {
            e.added.iter().any(|(_, thing)| holders.wants(*thing))
                && !self.commits.before(e.at).any(|content| holders.has(content))
        };
        let came_in = events.iter().find(|e| comes_in(e)).map(|e| (self.commits.time(e.at), self.commit(e)));
        let written = messages.iter().filter(|(_, m)| m.is_commit).map(|(id, m)| (m.time, **id)).min();
        let first = came_in.into_iter().chain(written).min();
        life.first = first.and_then(|(_, id)| self.info(id));
        life.reachable =
            events.iter().any(|e| self.reachable[e.at as usize] && holders.has(self.commits.content(e.at)))
                || messages.iter().any(|(_, message)| message.reachable);
        self.name_refs(&holders, &messages, &mut life);
        self.name_indices(&holders, &mut life);
        life.removed = self.removals(&events, &holders);
        life.moves = self.moves(&events, &holders);
        let end = match life.removed.iter().map(|r| r.time).max() {
            Some(removed) if !life.is_held() => removed,
            _ => self.now,
        };
        life.exposure_days = life.first.as_ref().map(|first| ((end - first.time) / DAY).max(0));
        Some(life)
    }

    /// Names the refs that hold something of a set, or lead to one of the messages. The same few lists stand in thousands of
    /// lives, so each is made once.
    fn name_refs(&self, holders: &Holders<'_>, messages: &[(&ObjectId, &Message)], life: &mut Life) {
        let mut lists: Vec<usize> = holders.all().iter().filter_map(|held| self.tip_contents.list(*held)).collect();
        lists.sort_unstable();
        let mut tips: Vec<usize> = holders.things().filter_map(|t| self.blob_tips.get(&t)).flatten().copied().collect();
        life.reachable |= !lists.is_empty() || !tips.is_empty();
        tips.extend(messages.iter().flat_map(|(_, m)| &m.tips));
        tips.sort_unstable();
        tips.dedup();
        let mut key = Sha256::new();
        for numbers in [&lists, &tips] {
            key.update(numbers.len().to_le_bytes());
            numbers.iter().for_each(|number| key.update(number.to_le_bytes()));
        }
        let mut known = self.refs.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let named = known.entry(key.finalize().into()).or_insert_with(|| {
            let mut named = Life::default();
            tips.extend(lists.iter().flat_map(|list| &self.tip_contents.tips[*list]));
            tips.sort_unstable();
            tips.dedup();
            tips.iter().for_each(|at| sort_in(&self.tips[*at].name, &mut named));
            named
        });
        let Life { in_head, branches, remotes, tags, other_refs, .. } = &*named;
        life.in_head = *in_head;
        life.branches = Arc::clone(branches);
        life.remotes = Arc::clone(remotes);
        life.tags = Arc::clone(tags);
        life.other_refs = Arc::clone(other_refs);
        life.more_refs = named.more_refs;
        life.more_branches = named.more_branches;
        life.more_remotes = named.more_remotes;
        life.more_tags = named.more_tags;
    }

    /// Names each index that holds something of a set, unless the commits do that are checked out there.
    fn name_indices(&self, holders: &Holders<'_>, life: &mut Life) {
        let held = life.is_held();
        let of: BTreeSet<&BString> = holders.things().filter_map(|t| self.staged.get(&t)).flatten().collect();
        for index in of {
            if if index == "index" { !life.in_head } else { !held } {
                sort_in(index, life);
                life.reachable = true;
            }
        }
    }

    fn commit(&self, event: &Event) -> ObjectId {
        self.objects.id(self.commits.object(event.at))
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
    fn removals(&self, events: &[&Event], holders: &Holders<'_>) -> Vec<Removal> {
        let head = self.tips.iter().find(|t| t.name == "HEAD").map(|t| t.content);
        let at_head = head.map(|content| holders.paths(content)).unwrap_or_default();
        let mut removals: BTreeMap<BString, Removal> = BTreeMap::new();
        for event in events.iter().filter(|e| self.reachable[e.at as usize]) {
            for path in self.gone(event, holders).into_iter().filter(|p| at_head.binary_search(p).is_err()) {
                let path = self.contents.paths.full(path, &self.trees);
                // Events are in order of time: a later one replaces an earlier one.
                removals.insert(
                    path.clone(),
                    Removal { path, commit: self.commit(event).to_string(), time: self.commits.time(event.at) },
                );
            }
        }
        removals.into_values().collect()
    }

    /// Old and new path wherever a commit took the secret from a path of its only parent and put it at no more than as
    /// many new ones: files that were renamed, edited or not. Where more came than went, one is a copy.
    fn moves(&self, events: &[&Event], holders: &Holders<'_>) -> Vec<(BString, BString)> {
        let mut moves = BTreeSet::new();
        for event in events.iter().filter(|e| self.commits.parents(e.at).len() == 1) {
            let (gone, came) = (self.gone(event, holders), came(event, holders));
            if came.len() <= gone.len() {
                let full = |path: &PathId| self.contents.paths.full(*path, &self.trees);
                moves.extend(gone.iter().flat_map(|old| came.iter().map(move |new| (full(old), full(new)))));
            }
        }
        moves.into_iter().collect()
    }

    /// Paths that have something of the set in every parent and not in the commit.
    fn gone(&self, event: &Event, holders: &Holders<'_>) -> BTreeSet<PathId> {
        let here: BTreeSet<PathId> =
            event.added.iter().filter(|(_, t)| holders.wants(*t)).map(|(path, _)| *path).collect();
        let mut parents: BTreeMap<PathId, BTreeSet<u32>> = BTreeMap::new();
        for (parent, (path, thing)) in &event.removed {
            if holders.wants(*thing) && !here.contains(path) {
                parents.entry(*path).or_default().insert(*parent);
            }
        }
        let all = self.commits.parents(event.at).len();
        parents.into_iter().filter(|(_, of)| of.len() == all).map(|(path, _)| path).collect()
    }
}

/// Paths that have something of the set in a commit and not in its parents.
fn came(event: &Event, holders: &Holders<'_>) -> BTreeSet<PathId> {
    let before: BTreeSet<PathId> =
        event.removed.iter().filter(|(_, (_, t))| holders.wants(*t)).map(|(_, (path, _))| *path).collect();
    let here = event.added.iter().filter(|(_, t)| holders.wants(*t)).map(|(path, _)| *path);
    here.filter(|path| !before.contains(path)).collect()
}

/// Puts the name of a ref where it belongs.
pub fn sort_in(name: &BString, life: &mut Life) {
    let text = name.to_str_lossy();
    if text == "HEAD" {
        life.in_head = true;
        return;
    }
    let kinds = [
        ("refs/heads/", &mut life.branches, &mut life.more_branches),
        ("refs/remotes/", &mut life.remotes, &mut life.more_remotes),
        ("refs/tags/", &mut life.tags, &mut life.more_tags),
        ("", &mut life.other_refs, &mut life.more_refs),
    ];
    let kind = kinds.into_iter().find_map(|(prefix, names, more)| Some((text.strip_prefix(prefix)?, names, more)));
    let Some((short, names, more)) = kind else { return };
    if names.len() < MOST_REFS {
        Arc::make_mut(names).push(short.to_owned());
    } else {
        *more += 1;
    }
}

/// Seconds since 1970; `SOURCE_DATE_EPOCH` (reproducible-builds.org) fixes it.
pub fn now() -> i64 {
    let fixed = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|t| t.parse().ok());
    fixed.unwrap_or_else(|| {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64)
    })
}
