//! The history of a repository: every object once, changes only, with holes and losses told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bstr::ByteSlice;
use gix::ObjectId;
use rayon::prelude::*;

use crate::cache::Store;
use crate::error::Result;
use crate::finding::Problem;
use crate::provenance::{Absent, CommitList, Traced, Trees, Wanted, parse};
use crate::scan::collect::{Collected, Sink, Source};
use crate::scan::holes::{self, Missing, problem};
use crate::scan::recall::{self, Hidden, Recalled};
use crate::scan::resume::{self, Resumed};
use crate::scan::visit::{HistoryVisitor, Walked};
use crate::scan::{Remembered, Scan};
use crate::source::git_dir::GitDir;
use crate::source::objects::{Losses, Objects};
use crate::source::pack::ObjectKind;
use crate::source::refs::Ref;
use crate::source::walk::Memory;

/// Decoded delta bases that may be kept at a time, in bytes over all workers.
const BASE_MEMORY: usize = 160 << 20;

/// Names that a worker scans at a time.
const NAMES: usize = 1024;

/// A history as it was read.
struct Read {
    objects: Arc<Objects>,
    walked: Walked,
    losses: Losses,
    /// What could not be read of trees.
    of_trees: Vec<Problem>,
    /// Which packs were scanned before.
    known: Vec<bool>,
    commits: CommitList,
    trees: Trees,
    missing: Vec<Missing>,
    /// What was known of the packs, of which the trees were not read.
    before: Option<Before>,
}

/// What is known from the record of a history.
struct Before {
    recalled: Recalled,
    hidden: Hidden,
    /// How many names its trees have.
    names: usize,
}

impl Scan<'_> {
    /// Scans the history of a repository.
    pub(super) fn history(&mut self, repository: &GitDir) -> Result<()> {
        let store = self.options.cache.as_deref();
        let recall = || recall::load(store?, self.options, &repository.pack_keys(), repository);
        // Before the objects, so that what is committed meanwhile is not missed in them.
        let ((refs, problems), recalled) = rayon::join(|| repository.all_refs(), recall);
        self.receipt.problems.extend(problems);
        let after = store.and_then(|store| self.read_after(repository, store, recalled));
        let mut read = after.unwrap_or_else(|| {
            let objects = repository.objects_with(store);
            self.read(objects, Trees::default())
        });
        let objects = Arc::clone(&read.objects);
        let shallow = repository.shallow();
        let partial = repository.is_partial() || objects.has_promisor_packs();
        self.account(&read);
        let missing = || read.missing.iter().chain(read.before.iter().flat_map(|before| &before.recalled.missing));
        let problems = holes::of_commits(&missing().copied().collect::<Vec<_>>(), &shallow, partial);
        self.receipt.problems.extend(problems);
        self.receipt.problems.extend((!shallow.is_empty()).then(|| holes::shallow(shallow.len())));
        let refs = with_parts_of_stashes(refs, &objects);
        let targets = self.refs(&refs, &objects);
        if repository.is_bare() || !self.options.files {
            self.submodules(&refs, &objects);
        }
        let mut absent = read.trees.absent(&objects);
        absent.extend(read.before.iter().flat_map(|before| &before.recalled.absent));
        absent.sort_unstable();
        absent.dedup();
        self.receipt.problems.extend(holes::missing_objects(&absent, partial));
        let known_names = read.before.as_ref().map_or(0, |before| before.names);
        let (names, any) = self.past_names(&read.trees, known_names);
        let store = store.filter(|_| !any);
        if let Some(store) = store {
            resume::save(&objects, store, &read.known, &read.walked.seen, &read.commits, &read.trees);
        }
        let found = [&read.walked.found.in_packs, &read.walked.found.loose];
        let mut found: Vec<_> = found.into_iter().flat_map(Collected::history_objects).collect();
        found.sort_unstable();
        found.dedup_by_key(|(id, _)| *id);
        let blobs: Vec<ObjectId> =
            found.iter().filter(|(_, kind)| *kind == ObjectKind::Blob).map(|(id, _)| *id).collect();
        let staged = if blobs.is_empty() { Vec::new() } else { repository.staged(&blobs) };
        let wanted = Wanted { objects: found, names, staged };
        let traced = self.trace(&mut read, store.map(|store| (store, repository)), &wanted);
        let Read { walked, trees, before, .. } = read;
        self.collected.absorb(walked.found.in_packs);
        self.collected.absorb(walked.found.loose);
        self.remembered.extend(before.map(|b| Remembered { hidden: b.hidden, objects: Arc::clone(&objects) }));
        if !wanted.objects.is_empty() || !wanted.names.is_empty() {
            self.lives.push(Box::new(traced.finish(objects, trees, (&refs, &targets), &wanted)));
        }
        Ok(())
    }

    /// Reads what came since an earlier scan, if there is a record of one and nothing is odd.
    fn read_after(&self, repository: &GitDir, store: &Store, recalled: Option<Recalled>) -> Option<Read> {
        let (mut recalled, objects, moved) = match recalled {
            Some(recalled) => {
                let objects = repository.objects_after(store, &recalled.keys)?;
                let fresh = recalled.fresh.clone();
                (recalled, objects.with_fresh(fresh), false)
            }
            None => {
                let (mut recalled, ids) = recall::load_moved(store, self.options, repository)?;
                let objects = recalled.follow(&ids, repository)?;
                (recalled, objects, true)
            }
        };
        recalled.belongs_to(&objects).then_some(())?;
        let trees = std::mem::take(&mut recalled.trees);
        let names = trees.count_names();
        let mut read = self.read(objects, trees);
        if !read.losses.problems.is_empty() || !read.losses.saved.is_empty() || !read.of_trees.is_empty() {
            return None;
        }
        if moved {
            let Recalled { counts, fresh, missing, absent, found, traced, .. } = &recalled;
            let found = Some(found);
            let (objects, trees, counts) = (&*read.objects, &read.trees, *counts);
            let state = recall::State { objects, counts, fresh, missing, absent, found, traced, trees };
            recall::save(store, self.options, state);
            recall::save_ids(store, repository, objects);
        }
        let tables = std::mem::take(&mut recalled.found);
        let found = &read.walked.found.in_packs;
        let hidden = tables.revive(&read.objects, self.detector, self.options, found)?;
        read.before = Some(Before { recalled, hidden, names });
        Some(read)
    }

    /// Reads all objects of which nothing is known.
    fn read(&self, objects: Objects, trees: Trees) -> Read {
        let memory = Memory::new(BASE_MEMORY);
        let absent = Absent::default();
        let Resumed { packs, mut commits, mut trees } = Resumed::read(&objects, &absent, trees);
        self.progress.begin("objects", resume::to_do(&packs, &objects) as u64);
        let visitor = HistoryVisitor::new(self, &objects, &absent, &packs);
        let losses = objects.walk(&visitor, &memory);
        let mut walked = visitor.finish();
        commits.append(std::mem::take(&mut walked.commits));
        for known in packs.iter().flatten() {
            walked.add(known.counts);
        }
        let missing = commits.missing(&objects).into_iter();
        let missing =
            missing.map(|(commit, what, number)| (objects.id(commit), what, absent.id(&objects, number))).collect();
        let known: Vec<bool> = packs.iter().map(Option::is_some).collect();
        let of_trees = trees.read(&objects, &absent, &known, &memory);
        trees.finish(absent);
        Read { objects: Arc::new(objects), walked, losses, of_trees, known, commits, trees, missing, before: None }
    }

    /// Puts into the receipt what was read, and what not.
    fn account(&mut self, read: &Read) {
        let receipt = &mut self.receipt;
        receipt.problems.extend(read.losses.problems.iter().chain(&read.of_trees).cloned());
        receipt.problems.extend(read.objects.problems().cloned());
        receipt.notes.extend(read.losses.saved.iter().map(|(pack, count)| holes::saved(pack, *count)));
        receipt.history = true;
        let before = read.before.iter().map(|before| before.recalled.counts);
        for [blobs, commits, tags, bytes] in before.chain([read.walked.counts]) {
            receipt.blobs += blobs;
            receipt.commits += commits;
            receipt.tags += tags;
            receipt.history_bytes += bytes;
        }
        if read.objects.leftovers() > 0 {
            let what = "temporary files of git in its object store, left by what was interrupted".to_owned();
            receipt.skipped.push((what, read.objects.leftovers()));
        }
    }

    /// Follows the wanted things through the commits. What is in packs comes first and is kept for the next scan.
    fn trace(&self, read: &mut Read, store: Option<(&Store, &GitDir)>, wanted: &Wanted) -> Traced {
        let (objects, trees) = (&read.objects, &read.trees);
        let mut commits = std::mem::take(&mut read.commits);
        let mut traced = Traced::default();
        let mut first = 0;
        if let Some(before) = &mut read.before {
            traced = std::mem::take(&mut before.recalled.traced);
        } else if let Some((store, repository)) = store.filter(|_| recall::pays(objects) && is_sound(read)) {
            let loose = commits.split_off(objects.packed());
            let packed = trees.of_packs(objects);
            if let Some(packed) = packed.filter(|_| commits.is_closed(objects)) {
                let in_packs = &read.walked.found.in_packs;
                let wanted = Wanted { objects: in_packs.history_objects(), ..Wanted::default() };
                traced.extend(objects, trees, 0..packed, std::mem::take(&mut commits), &wanted);
                self.keep(read, store, &traced);
                recall::save_ids(store, repository, &read.objects);
                first = packed;
            }
            commits.append(loose);
        }
        traced.extend(objects, trees, first..trees.count(), commits, wanted);
        traced
    }

    /// Keeps a record of all that was found in packs. Without one the next scan takes longer.
    fn keep(&self, read: &Read, store: &Store, traced: &Traced) {
        let (objects, walked) = (&read.objects, &read.walked);
        let Some(last) = walked.seen.last() else { return };
        let in_packs = |id: &gix::ObjectId| objects.number(id).is_some_and(|number| number < objects.packed());
        let missing: Vec<Missing> = read.missing.iter().filter(|(commit, ..)| in_packs(commit)).copied().collect();
        let counts = std::array::from_fn(|n| walked.known[n] + last.counted[n]);
        let odd = walked.odd.clone();
        let tables = recall::Tables::of(&walked.found.in_packs, objects, odd, self.detector, self.options);
        let state = recall::State {
            objects,
            counts,
            fresh: &[],
            missing: &missing,
            absent: &read.trees.absent_of_packs(objects),
            found: tables.as_ref(),
            traced,
            trees: &read.trees,
        };
        recall::save(store, self.options, state);
    }

    /// Scans the names of files and directories in all trees: text that people choose, too. The first ones are known to hold
    /// nothing. Gives those with a secret, and whether any holds something that a rule matches.
    fn past_names(&self, trees: &Trees, known: usize) -> (Vec<u32>, bool) {
        let any = AtomicBool::new(false);
        trees.names()[known..].par_chunks(NAMES).for_each(|chunk| {
            let mut sink = Sink::new(self.detector, self.options);
            for name in chunk {
                sink.scan_name(name);
            }
            any.fetch_or(sink.marks() > 0, Ordering::Relaxed);
            self.collected.merge(sink);
        });
        let found = self.collected.history_names();
        let numbers = (0..).zip(trees.names());
        let wanted = numbers.filter(|(_, name)| found.contains(name.as_bstr())).map(|(number, _)| number).collect();
        (wanted, any.into_inner())
    }

    /// Ref names are text that people push, too; and what they point to must be there. Gives the numbers of that.
    fn refs(&mut self, refs: &[Ref], objects: &Objects) -> Vec<Option<u32>> {
        let scan = |some: &[Ref]| -> Vec<Option<u32>> {
            let mut sink = Sink::new(self.detector, self.options);
            some.iter().for_each(|r| sink.scan(&r.name, &Source::Ref(&r.name)));
            self.collected.merge(sink);
            some.iter().map(|r| objects.number(&r.target)).collect()
        };
        let targets: Vec<Option<u32>> = refs.par_chunks(NAMES).flat_map_iter(scan).collect();
        // What git notes for itself keeps nothing from being removed.
        let lost = refs.iter().zip(&targets).filter(|(r, target)| target.is_none() && !r.is_passing());
        self.receipt.problems.extend(lost.map(|(r, _)| {
            let what = format!("it points to {}, which is in no object store", r.target);
            problem(&format!("ref {}", r.name), what, "run `git fsck`, and fetch the repository again")
        }));
        targets
    }
}

/// A stash keeps what was staged and what was untracked as further parents of its commit, which no other ref leads to.
fn with_parts_of_stashes(mut refs: Vec<Ref>, objects: &Objects) -> Vec<Ref> {
    let stashes = refs.iter().filter(|r| r.name.starts_with(b"stash@"));
    let parts = stashes.flat_map(|stash| {
        let commit = objects.get(&stash.target).map(|(_, bytes)| bytes).unwrap_or_default();
        let parents = parse::commit(&commit).map(|commit| commit.parents).unwrap_or_default();
        let parts = (2..).zip(parents.into_iter().skip(1)).filter(|(_, id)| objects.number(id).is_some());
        let part = |(n, target)| Ref { name: format!("{}^{n}", stash.name).into(), target };
        parts.map(part).collect::<Vec<_>>()
    });
    let parts: Vec<Ref> = parts.collect();
    refs.extend(parts);
    refs.sort();
    refs
}

/// Was everything read, and is all as it was written?
fn is_sound(read: &Read) -> bool {
    read.losses.problems.is_empty()
        && read.losses.saved.is_empty()
        && read.of_trees.is_empty()
        && read.objects.problems().next().is_none()
        && read.walked.seen.iter().all(|seen| seen.sound)
}
