//! A part of the history, or what is staged: only what it adds is reported.
//!
//! The files that commits change are scanned first, each content once. Where something was found, the versions before it
//! are scanned as well, and what they had already is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bstr::{BString, ByteSlice};
use gix::ObjectId;
use rayon::prelude::*;

use crate::detect::{incremental, text};
use crate::error::Result;
use crate::provenance;
use crate::range::{self, Change, Commit, Comparer, Ends, Gone, Selection, Step};
use crate::scan::added::{self, Found};
use crate::scan::bulk;
use crate::scan::collect::{Entry, Key, Sink, Source, Spot};
use crate::scan::holes::{counted, problem};
use crate::scan::range_lives::{self, Known, RangeLives, Tip};
use crate::scan::{Options, Scan, large};
use crate::source::lookup::{Lookup, Lost};
use crate::source::pack::ObjectKind;
use crate::source::repository::{Ref, Repository};

/// Blobs that a worker takes at a time.
const CHUNK: usize = 16;
/// Commits that a worker compares at a time: enough that a tree is the next one's parent.
const COMMITS: usize = 64;

/// What to do when time is up.
const LATE: &str = "give it more time (--time-limit), or push less at a time";

/// What there is to scan.
#[derive(Default)]
struct Plan {
    staged: bool,
    push: bool,
    commits: Vec<Commit>,
    steps: Vec<Step>,
    ends: Ends,
}

impl Scan<'_> {
    /// Scans what a part of the history adds; gives its name.
    pub(super) fn range(&mut self, repository: &Repository, selection: &Selection) -> Result<String> {
        let lookup = Lookup::open(repository, &self.options.quarantine)?;
        let plan = match selection {
            Selection::Staged(names) => self.plan_staged(repository, &lookup, names.as_deref())?,
            _ => self.plan_range(repository, &lookup, selection)?,
        };
        self.receipt.history = true;
        self.receipt.selection = Some(plan.ends.name.clone());
        let refs = self.texts(repository, &lookup, &plan);
        let mut blobs = Blobs::new(self.options, lookup.clone());
        let wanted: BTreeSet<ObjectId> = plan.steps.iter().flat_map(|s| &s.changes).map(|c| c.id).collect();
        if wanted.len() >= bulk::MANY {
            blobs.scan_along_packs(self, repository, &wanted);
        }
        blobs.scan(self, &wanted);
        self.receipt.blobs += blobs.count;
        self.receipt.history_bytes += blobs.bytes;
        let mut comparer = Comparer::new(lookup.clone());
        let gone = self.scan_sources(&plan.steps, &mut comparer, &mut blobs);
        let known = self.report(&plan, &blobs.found, &gone, &lookup);
        self.names(&plan, &gone);
        if !plan.staged {
            let lives = self.lives(repository, &plan, known, refs, &mut comparer, &mut blobs);
            self.lives.push(Box::new(lives));
        }
        self.unread(&plan, &blobs);
        Ok(plan.ends.name)
    }

    fn plan_staged(&mut self, repository: &Repository, lookup: &Lookup, names: Option<&[BString]>) -> Result<Plan> {
        let mut staged = range::staged(repository, lookup)?;
        let root = repository.workdir().unwrap_or(repository.git_dir()).to_owned();
        for name in names.unwrap_or_default() {
            let taken_away = staged.step.gone.iter().any(|gone| match gone {
                Gone::Files(files) => files.iter().any(|(path, _)| path == name),
                Gone::Between(..) => false,
            });
            if !taken_away && staged.step.changes.binary_search_by(|c| c.path.cmp(name)).is_err() {
                let path = name.to_path().unwrap_or(Path::new(""));
                self.named(&root.join(path), name)?;
            }
        }
        if let Some(names) = names {
            staged.step.changes.retain(|c| names.contains(&c.path));
        }
        self.skip("submodules set to another commit, which is in another repository", staged.submodules);
        self.skip("paths with a conflict, which git does not commit", staged.unmerged);
        self.receipt.problems.extend(staged.problems);
        let ends = Ends { name: "what is staged".into(), ..Ends::default() };
        Ok(Plan { staged: true, steps: vec![staged.step], ends, ..Plan::default() })
    }

    fn plan_range(&mut self, repository: &Repository, lookup: &Lookup, selection: &Selection) -> Result<Plan> {
        let ends = Ends::of(repository, lookup, selection)?;
        let shallow = repository.shallow();
        let walk = range::walk(lookup, &shallow, &ends.tips, &ends.hidden);
        if walk.commits.is_empty() && walk.problems.is_empty() && ends.tags.is_empty() && ends.others.is_empty() {
            if !self.options.allow_empty_range && !matches!(selection, Selection::Push(_)) {
                return Err(ends.empty());
            }
            self.skip("ranges without a commit", 1);
        }
        self.receipt.problems.extend(walk.problems);
        if let Some(id) = walk.cut.first() {
            let what = format!(
                "{} runs into the end of this shallow clone at commit {id}: what lies behind it was not scanned, and all \
                 that it holds is taken for new",
                ends.name
            );
            let help = "run `git fetch --unshallow` (or `git fetch --deepen=100`, until it is enough), or accept it with \
                        --allow-incomplete; for actions/checkout, `fetch-depth: 0`";
            self.receipt.problems.push(problem("history", what, help));
        }
        let mut steps = self.steps(lookup, &walk.commits);
        steps.extend(ends.others.iter().map(|other| other_step(lookup, other)));
        let push = matches!(selection, Selection::Push(_));
        Ok(Plan { staged: false, push, commits: walk.commits, steps, ends })
    }

    /// What each commit changes.
    fn steps(&mut self, lookup: &Lookup, commits: &[Commit]) -> Vec<Step> {
        let trees: BTreeMap<ObjectId, ObjectId> = commits.iter().map(|c| (c.id, c.data.tree)).collect();
        self.progress.begin("commits", commits.len() as u64);
        let done: Vec<_> = commits
            .par_chunks(COMMITS)
            .map_with(lookup.clone(), |lookup, chunk| {
                let mut comparer = Comparer::new(lookup.clone());
                let late = self.options.deadline.is_some_and(|deadline| Instant::now() > deadline);
                let nothing = |c: &Commit| Step { commit: Some(c.id), changes: Vec::new(), gone: Vec::new() };
                let one = |c| if late { nothing(c) } else { step(c, &trees, lookup, &mut comparer) };
                let steps: Vec<Step> = chunk.iter().map(one).collect();
                self.progress.advance(chunk.len() as u64);
                (steps, if late { chunk.len() } else { 0 }, comparer.submodules, comparer.problems)
            })
            .collect();
        let mut all = Vec::with_capacity(commits.len());
        let (mut submodules, mut not_compared) = (0, 0);
        for (steps, late, count, problems) in done {
            all.extend(steps);
            not_compared += late;
            submodules += count;
            self.receipt.problems.extend(problems);
        }
        self.skip("submodules set to another commit, which is in another repository", submodules);
        if not_compared > 0 {
            let what = format!("the time limit was reached: {} not scanned", counted(not_compared, "commit"));
            self.receipt.problems.push(problem("history", what, LATE));
        }
        all
    }

    /// Commit and tag messages, and names of refs. Gives the refs that lead into the range.
    fn texts(&mut self, repository: &Repository, lookup: &Lookup, plan: &Plan) -> Vec<(Ref, ObjectId)> {
        let mut sink = Sink::new(self.detector, self.options);
        for commit in &plan.commits {
            message(&mut sink, &commit.bytes, ObjectKind::Commit, commit.id);
            self.receipt.commits += 1;
            self.receipt.history_bytes += commit.bytes.len() as u64;
        }
        let inside: BTreeSet<ObjectId> = plan.commits.iter().map(|c| c.id).collect();
        let mut refs = Vec::new();
        let mut tags: BTreeMap<ObjectId, Vec<u8>> = plan.ends.tags.iter().cloned().collect();
        let mut names: BTreeSet<BString> = plan.ends.names.iter().cloned().collect();
        if !inside.is_empty() {
            match repository.refs() {
                Ok(all) => {
                    for r in all.into_iter().filter(|r| !r.is_passing()) {
                        // A push brings its own refs, and no others.
                        if inside.contains(&r.target) {
                            if !plan.push {
                                names.insert(r.name.clone());
                            }
                            refs.push((r.clone(), r.target));
                        } else if r.name.starts_with_str("refs/tags/")
                            && let Ok(peeled) = lookup.peel(r.target)
                            && inside.contains(&peeled.id)
                        {
                            if !plan.push {
                                names.insert(r.name.clone());
                                tags.extend(peeled.tags);
                            }
                            refs.push((r, peeled.id));
                        }
                    }
                }
                Err(e) => self.receipt.problems.push(problem("refs", e.to_string(), e.advice().unwrap_or_default())),
            }
        }
        for (id, bytes) in &tags {
            message(&mut sink, bytes, ObjectKind::Tag, *id);
            self.receipt.tags += 1;
            self.receipt.history_bytes += bytes.len() as u64;
        }
        for name in &names {
            sink.scan(name, &Source::Ref(name));
        }
        self.collected.merge(sink);
        refs
    }

    /// Scans what changed files came from, where something was found in them.
    fn scan_sources(
        &mut self,
        steps: &[Step],
        comparer: &mut Comparer,
        blobs: &mut Blobs,
    ) -> BTreeMap<usize, added::Gone> {
        let hit = |found: &Found, step: &Step| step.changes.iter().any(|c| found.contains_key(&c.id));
        let with_hits: Vec<usize> = (0..steps.len()).filter(|at| hit(&blobs.found, &steps[*at])).collect();
        let old = with_hits.iter().flat_map(|at| &steps[*at].changes).flat_map(|c| &c.old).flatten().copied().collect();
        blobs.scan(self, &old);
        let mut all = BTreeMap::new();
        for at in with_hits {
            if added::may_add(&steps[at], &blobs.found) {
                all.insert(at, steps[at].gone.iter().map(|g| comparer.gone(g)).collect::<added::Gone>());
            }
        }
        let gone = all.values().flatten().flatten().map(|(_, id)| *id).collect();
        blobs.scan(self, &gone);
        self.receipt.problems.append(&mut comparer.problems);
        all
    }

    /// Reports what steps add; gives where that is.
    fn report(&mut self, plan: &Plan, found: &Found, gone: &BTreeMap<usize, added::Gone>, lookup: &Lookup) -> Known {
        let mut known = Known::default();
        let mut chosen: BTreeMap<(ObjectId, &Key), BTreeSet<usize>> = BTreeMap::new();
        let mut sink = Sink::new(self.detector, self.options);
        for (at, gone) in gone {
            let step = &plan.steps[*at];
            for fresh in added::fresh(step, found, gone, lookup) {
                let change = &step.changes[fresh.change];
                if plan.staged {
                    let entry = added::entry(found, &change.id, fresh.key);
                    let spot = Spot::File(change.path.clone());
                    sink.put(fresh.key.clone(), only(entry, &fresh.sightings.into_iter().collect(), Some(&spot)));
                    continue;
                }
                known.add(fresh.key, *at, change, step.commit);
                chosen.entry((change.id, fresh.key)).or_default().extend(fresh.sightings);
            }
        }
        for ((id, key), sightings) in chosen {
            sink.put(key.clone(), only(added::entry(found, &id, key), &sightings, None));
        }
        self.collected.merge(sink);
        known
    }

    /// Names of new files are text that people choose.
    fn names(&mut self, plan: &Plan, gone: &BTreeMap<usize, added::Gone>) {
        let mut names = Sink::new(self.detector, self.options);
        let mut sink = Sink::new(self.detector, self.options);
        for (at, step) in plan.steps.iter().enumerate() {
            for change in step.changes.iter().filter(|c| c.old.iter().all(Option::is_none)) {
                names.scan(&change.path, &Source::Name(&change.path));
                for (key, entry) in names.drain() {
                    // A directory was renamed above it: the name is not new.
                    let moved = gone.get(&at).is_some_and(|parents| {
                        parents.iter().flatten().any(|(path, _)| path.contains_str(key.1.expose()))
                    });
                    let all = (0..entry.sightings.len()).collect();
                    let spot = Spot::Object(ObjectKind::Blob, change.id);
                    if !moved {
                        sink.put(key, only(&entry, &all, (!plan.staged).then_some(&spot)));
                    }
                }
            }
        }
        self.collected.merge(sink);
    }

    fn lives(
        &mut self,
        repository: &Repository,
        plan: &Plan,
        known: Known,
        refs: Vec<(Ref, ObjectId)>,
        comparer: &mut Comparer,
        blobs: &mut Blobs,
    ) -> RangeLives {
        let mut tips: BTreeSet<(BString, ObjectId)> = refs.into_iter().map(|(r, id)| (r.name, id)).collect();
        // Where a push is received, its refs are what will have it; the HEAD here is of no interest to who pushes.
        tips.extend(plan.ends.refs.iter().cloned());
        tips.extend(repository.head().filter(|_| !plan.push).map(|id| ("HEAD".into(), id)));
        let lookup = blobs.lookup.clone();
        let tip = |(name, commit): (BString, ObjectId)| {
            Some(Tip { name, commit, tree: range::tree_of(&lookup, &commit).ok()? })
        };
        let tips = tips.into_iter().filter_map(tip).collect();
        let lives = range_lives::trace(known, &plan.commits, &plan.steps, tips, comparer, &mut |ids| {
            blobs.scan(self, ids);
            std::mem::take(&mut blobs.found)
        });
        self.receipt.problems.append(&mut comparer.problems);
        lives
    }

    /// Names what could not be read.
    fn unread(&mut self, plan: &Plan, blobs: &Blobs) {
        if blobs.late > 0 {
            let what =
                format!("the time limit was reached: {} not scanned", counted(blobs.late as usize, "file version"));
            self.receipt.problems.push(problem("history", what, LATE));
        }
        if blobs.lost.is_empty() {
            return;
        }
        let mut where_it_is: BTreeMap<ObjectId, (&BString, Option<ObjectId>)> = BTreeMap::new();
        for step in &plan.steps {
            for change in &step.changes {
                where_it_is.entry(change.id).or_insert((&change.path, step.commit));
            }
        }
        for (id, lost) in &blobs.lost {
            let place = match where_it_is.get(id) {
                Some((path, Some(commit))) => format!(": {path} in commit {commit}"),
                Some((path, None)) => format!(": {path}"),
                None => String::new(),
            };
            let help = "run `git fsck`; in a partial clone, `git fetch --refetch --no-filter` brings it";
            self.receipt.problems.push(range::lost(id, &format!("{lost}{place}"), help));
        }
    }

    /// Counts something that is left out.
    fn skip(&mut self, what: &str, count: u64) {
        if count > 0 {
            match self.receipt.skipped.iter_mut().find(|(have, _)| have == what) {
                Some((_, have)) => *have += count,
                None => self.receipt.skipped.push((what.to_owned(), count)),
            }
        }
    }
}

fn step(commit: &Commit, trees: &BTreeMap<ObjectId, ObjectId>, lookup: &Lookup, comparer: &mut Comparer) -> Step {
    let tree = |id: &ObjectId| trees.get(id).copied().or_else(|| range::tree_of(lookup, id).ok());
    let parents: Vec<Option<ObjectId>> = commit.data.parents.iter().map(tree).collect();
    let changes = comparer.changes(commit.data.tree, &parents);
    let gone =
        parents.iter().map(|p| p.map_or(Gone::Files(Vec::new()), |p| Gone::Between(p, commit.data.tree))).collect();
    Step { commit: Some(commit.id), changes, gone }
}

/// A ref that leads to a file or a directory, without a commit.
fn other_step(lookup: &Lookup, (name, kind, id): &(BString, ObjectKind, ObjectId)) -> Step {
    let changes = match kind {
        ObjectKind::Tree => Comparer::new(lookup.clone()).changes(*id, &[]),
        _ => vec![Change { path: name.clone(), id: *id, old: Vec::new() }],
    };
    Step { commit: None, changes, gone: Vec::new() }
}

/// An entry with some of its sightings, perhaps at another place.
fn only(entry: &Entry, sightings: &BTreeSet<usize>, spot: Option<&Spot>) -> Entry {
    let mut entry = entry.clone();
    let mut number = 0;
    entry.sightings.retain(|_| {
        number += 1;
        sightings.contains(&(number - 1))
    });
    if let Some(spot) = spot {
        entry.sightings.iter_mut().for_each(|s| s.spot = spot.clone());
    }
    entry
}

/// Scans the part of a commit or tag that people write.
fn message(sink: &mut Sink<'_>, bytes: &[u8], kind: ObjectKind, id: ObjectId) {
    let written = provenance::without_signature(bytes);
    let memo = incremental::scan_whole(sink.detector, &written, &mut sink.scratch);
    let text = text::Text { bytes: written, via: None, binary: false, bom: 0 };
    sink.take(&memo, &text, &Source::Object(kind, id));
}

/// Blobs by id, each scanned once.
struct Blobs {
    lookup: Lookup,
    deadline: Option<Instant>,
    found: Found,
    scanned: BTreeSet<ObjectId>,
    lost: BTreeMap<ObjectId, Lost>,
    count: u64,
    bytes: u64,
    /// Not scanned, since time was up.
    late: u64,
}

impl Blobs {
    fn new(options: &Options, lookup: Lookup) -> Self {
        Self {
            lookup,
            deadline: options.deadline,
            found: Found::new(),
            scanned: BTreeSet::new(),
            lost: BTreeMap::new(),
            count: 0,
            bytes: 0,
            late: 0,
        }
    }

    fn scan_along_packs(&mut self, scan: &Scan<'_>, repository: &Repository, ids: &BTreeSet<ObjectId>) {
        scan.progress.begin("objects", ids.len() as u64);
        let bulk = bulk::scan(scan, repository, ids, self.deadline);
        self.count += bulk.visited.len() as u64;
        self.bytes += bulk.bytes;
        self.late += bulk.late;
        self.found.extend(bulk.found);
        self.scanned.extend(bulk.visited);
    }

    fn scan(&mut self, scan: &Scan<'_>, ids: &BTreeSet<ObjectId>) {
        let wanted: Vec<ObjectId> = ids.difference(&self.scanned).copied().collect();
        scan.progress.begin("objects", wanted.len() as u64);
        let (bytes, late) = (AtomicU64::new(0), AtomicU64::new(0));
        let deadline = self.deadline;
        let parts: Vec<_> = wanted
            .par_chunks(CHUNK)
            .map_with(self.lookup.clone(), |lookup, chunk| {
                let mut sink = Sink::new(scan.detector, scan.options);
                let (mut found, mut lost) = (Vec::new(), Vec::new());
                for id in chunk {
                    if deadline.is_some_and(|d| Instant::now() > d) {
                        late.fetch_add(1, Ordering::Relaxed);
                        continue;
                    }
                    let source = Source::Object(ObjectKind::Blob, *id);
                    let large = lookup.large(id).filter(|_| !scan.options.plain);
                    let scanned = match large.and_then(|content| large::scan_or_nothing(&mut sink, content, &source)) {
                        Some(len) => Ok(len),
                        None => lookup.expect(id, ObjectKind::Blob).map(|content| {
                            sink.scan(&content, &source);
                            content.len() as u64
                        }),
                    };
                    match scanned {
                        Ok(len) => {
                            bytes.fetch_add(len, Ordering::Relaxed);
                            let entries = sink.drain();
                            if !entries.is_empty() {
                                found.push((*id, entries));
                            }
                        }
                        Err(e) => lost.push((*id, e)),
                    }
                }
                scan.progress.advance(chunk.len() as u64);
                scan.collected.merge(sink);
                (found, lost)
            })
            .collect();
        for (found, lost) in parts {
            self.found.extend(found);
            self.lost.extend(lost);
        }
        self.count += wanted.len() as u64;
        self.bytes += bytes.into_inner();
        self.late += late.into_inner();
        self.scanned.extend(wanted);
    }
}
