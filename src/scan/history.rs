//! The history of a repository: every object once, changes only, with holes and losses told.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bstr::ByteSlice;
use gix::ObjectId;
use gix::hashtable::HashSet;
use rayon::prelude::*;

use crate::archive;
use crate::detect::Detector;
use crate::detect::incremental::{self, Memo};
use crate::detect::text;
use crate::error::Result;
use crate::finding::Problem;
use crate::provenance::{self, Absent, CommitList, Trees, Wanted};
use crate::scan::collect::{Collected, Sink, Source};
use crate::scan::large;
use crate::scan::resume::{self, Known, Resumed, Seen};
use crate::scan::{Options, Progress, Scan};
use crate::source::git_dir::GitDir;
use crate::source::objects::Objects;
use crate::source::pack::ObjectKind;
use crate::source::refs::Ref;
use crate::source::walk::{LargeBlob, Memory, Object, Visitor};

/// Decoded delta bases that may be kept at a time, in bytes over all workers.
const BASE_MEMORY: usize = 160 << 20;

/// Names that a worker scans at a time.
const NAMES: usize = 1024;

impl Scan<'_> {
    /// Scans the history of a repository.
    pub(super) fn history(&mut self, repository: &GitDir) -> Result<()> {
        // Before the objects, so that what is committed meanwhile is not missed in them.
        let (refs, problems) = repository.all_refs();
        self.receipt.problems.extend(problems);
        let store = self.options.cache.as_deref();
        let objects = repository.objects_with(store);
        let memory = Memory::new(BASE_MEMORY);
        let shallow = repository.shallow();
        let partial = repository.is_partial() || objects.has_promisor_packs();
        let absent = Absent::default();
        let mut resumed = Resumed::read(&objects, &absent);
        let seen = self.objects(&objects, &absent, &mut resumed, &memory);
        self.holes(&objects, &resumed.commits, &absent, &shallow, partial);
        if !shallow.is_empty() {
            let what = format!(
                "this is a shallow clone, cut off at {}: what is older was not scanned",
                counted(shallow.len(), "commit")
            );
            self.receipt.problems.push(problem(
                "history",
                what,
                "run `git fetch --unshallow`, or accept it with --allow-incomplete",
            ));
        }
        if objects.leftovers() > 0 {
            let what = "temporary files of git in its object store, left by what was interrupted".to_owned();
            self.receipt.skipped.push((what, objects.leftovers()));
        }
        self.refs(&refs, &objects);
        if repository.is_bare() || !self.options.files {
            self.submodules(&refs, &objects);
        }
        let Resumed { mut trees, commits, packs } = resumed;
        let known: Vec<bool> = packs.iter().map(Option::is_some).collect();
        self.receipt.problems.extend(trees.read(&objects, &absent, &known, &memory));
        trees.finish(absent);
        self.receipt.problems.extend(missing_objects(&trees.absent(&objects), partial));
        let (names, any) = self.past_names(&trees);
        if let Some(store) = store.filter(|_| !any) {
            resume::save(&objects, store, &known, &seen, &commits, &trees);
        }
        let wanted = Wanted { objects: self.collected.history_objects(), names };
        if !wanted.objects.is_empty() || !wanted.names.is_empty() {
            self.lives.push(Box::new(provenance::trace(objects, trees, commits, &refs, &wanted)));
        }
        Ok(())
    }

    /// Scans the names of files and directories in all trees: text that people choose, too. Gives those with a secret, and
    /// whether any holds something that a rule matches.
    fn past_names(&self, trees: &Trees) -> (Vec<u32>, bool) {
        let any = AtomicBool::new(false);
        trees.names().par_chunks(NAMES).for_each(|chunk| {
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

    /// Scans all objects but trees, and adds the commits to those of an earlier scan. Tells what was seen in each pack.
    fn objects(&mut self, objects: &Objects, absent: &Absent, resumed: &mut Resumed, memory: &Memory) -> Vec<Seen> {
        self.progress.begin("objects", resumed.to_do(objects) as u64);
        let visitor = HistoryVisitor {
            detector: self.detector,
            options: self.options,
            collected: &self.collected,
            progress: self.progress,
            objects,
            absent,
            packs: &resumed.packs,
            counts: Counts::default(),
            loud: Mutex::default(),
            seen: Mutex::default(),
            commits: Mutex::default(),
        };
        let losses = objects.walk(&visitor, memory);
        let HistoryVisitor { counts, commits, seen, .. } = visitor;
        let receipt = &mut self.receipt;
        receipt.problems.extend(losses.problems);
        receipt.problems.extend(objects.problems().cloned());
        receipt.notes.extend(losses.saved.into_iter().map(|(pack, count)| saved(&pack, count)));
        receipt.history = true;
        let known = resumed.packs.iter().flatten().map(|known| known.counts);
        let [blobs, commit_count, tags, bytes] = known
            .chain([counts.now()])
            .fold([0; 4], |sum: [u64; 4], more| std::array::from_fn(|at| sum[at] + more[at]));
        receipt.blobs += blobs;
        receipt.commits += commit_count;
        receipt.tags += tags;
        receipt.history_bytes += bytes;
        resumed.commits.append(commits.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner));
        seen.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Commits whose tree or parents are missing: holes in the history.
    fn holes(&mut self, objects: &Objects, commits: &CommitList, absent: &Absent, shallow: &HashSet, partial: bool) {
        let missing = commits
            .missing(objects)
            .into_iter()
            .map(|(commit, what, number)| (objects.id(commit), what, absent.id(objects, number)));
        let missing = missing.filter(|(commit, what, _)| *what != "parent" || !shallow.contains(commit));
        // Each once, by the first commit that names it.
        let mut named: BTreeMap<ObjectId, (ObjectId, &str)> = BTreeMap::new();
        for (commit, what, id) in missing {
            let first = named.entry(id).or_insert((commit, what));
            *first = (*first).min((commit, what));
        }
        let missing: Vec<Problem> = named
            .into_iter()
            .map(|(id, (commit, what))| {
                problem(
                    &format!("object {id}"),
                    format!("it is missing: the {what} of commit {commit}"),
                    "run `git fsck`; fetch the repository again to get the missing objects",
                )
            })
            .collect();
        self.receipt.problems.extend(if partial { promised(&missing) } else { missing });
    }

    /// Ref names are text that people push, too; and what they point to must be there.
    fn refs(&mut self, refs: &[Ref], objects: &Objects) {
        let mut sink = Sink::new(self.detector, self.options);
        for r in refs {
            sink.scan(&r.name, &Source::Ref(&r.name));
            // What git notes for itself keeps nothing from being removed.
            if !r.is_passing() && !objects.has(&r.target) {
                let what = format!("it points to {}, which is in no object store", r.target);
                let problem =
                    problem(&format!("ref {}", r.name), what, "run `git fsck`, and fetch the repository again");
                self.receipt.problems.push(problem);
            }
        }
        self.collected.merge(sink);
    }
}

/// A pack is damaged, and all of it could be read.
fn saved(pack: &str, count: u64) -> String {
    let (what, them) = if count == 1 { ("object is", "it") } else { ("objects are", "them") };
    format!("{count} {what} damaged in {pack}, and nothing of {them} is lost (`git fsck` tells more)")
}

pub(super) fn problem(object: &str, what: String, help: &str) -> Problem {
    Problem { object: object.to_owned(), what, help: Some(help.to_owned()), accepted: false }
}

/// Most missing objects that are named one by one.
const NAMED: usize = 20;

const FETCH_ALL: &str = "run `git fetch --refetch --no-filter`, or accept it with --allow-incomplete";

/// What commits name and a partial clone does not have: a filter such as `tree:0` leaves out thousands.
fn promised(missing: &[Problem]) -> Vec<Problem> {
    let objects: std::collections::BTreeSet<&str> = missing.iter().map(|p| p.object.as_str()).collect();
    let Some(first) = objects.first() else { return Vec::new() };
    let what = format!(
        "{} that its commits name ({first} is the first): missing, since this is a partial clone",
        counted(objects.len(), "object")
    );
    vec![problem("history", what, FETCH_ALL)]
}

/// Objects that trees name and no store has.
fn missing_objects(missing: &[ObjectId], partial: bool) -> Vec<Problem> {
    let help =
        if partial { FETCH_ALL } else { "run `git fsck`; fetch the repository again to get the missing objects" };
    let count = missing.len();
    if count == 0 {
        return Vec::new();
    }
    if partial {
        let what = format!(
            "{} that its trees name (object {} is the first): missing, since this is a partial clone",
            counted(count, "object"),
            missing[0]
        );
        return vec![problem("history", what, help)];
    }
    let mut problems: Vec<Problem> = missing
        .iter()
        .take(NAMED)
        .map(|id| problem(&format!("object {id}"), "it is missing: a tree names it".into(), help))
        .collect();
    if count > NAMED {
        problems.push(problem("history", format!("{} more are missing", counted(count - NAMED, "object")), help));
    }
    problems
}

/// "1 commit", "2 commits".
pub(super) fn counted(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// Counts of what was read.
#[derive(Debug, Default)]
struct Counts {
    blobs: AtomicU64,
    commits: AtomicU64,
    tags: AtomicU64,
    bytes: AtomicU64,
}

impl Counts {
    /// Blobs, commits, tags, and bytes of all of them.
    fn now(&self) -> [u64; 4] {
        [&self.blobs, &self.commits, &self.tags, &self.bytes].map(|count| count.load(Ordering::Relaxed))
    }
}

/// Scans the objects of a walk.
struct HistoryVisitor<'a> {
    detector: &'a Detector,
    options: &'a Options,
    collected: &'a Collected,
    progress: &'a dyn Progress,
    objects: &'a Objects,
    absent: &'a Absent,
    packs: &'a [Option<Known>],
    counts: Counts,
    /// Objects with something to report, by number.
    loud: Mutex<Vec<u32>>,
    seen: Mutex<Vec<Seen>>,
    commits: Mutex<CommitList>,
}

/// Scratch of a history worker: its findings and its counts, given over together.
struct HistoryScratch<'a> {
    sink: Sink<'a>,
    blobs: u64,
    commits: u64,
    tags: u64,
    bytes: u64,
    list: CommitList,
    loud: Vec<u32>,
}

impl<'a> Visitor for HistoryVisitor<'a> {
    type State = Memo;
    type Scratch = HistoryScratch<'a>;

    fn scratch(&self) -> Self::Scratch {
        let sink = Sink::new(self.detector, self.options);
        HistoryScratch { sink, blobs: 0, commits: 0, tags: 0, bytes: 0, list: CommitList::default(), loud: Vec::new() }
    }

    fn wants(&self, kind: ObjectKind) -> bool {
        kind != ObjectKind::Tree
    }

    fn only(&self, pack: usize) -> Option<&[u32]> {
        self.packs.get(pack)?.as_ref().map(|known| &*known.loud)
    }

    fn visit(&self, scratch: &mut Self::Scratch, object: Object<'_, Memo>) -> Memo {
        let source = Source::Object(object.kind, object.id.to_owned());
        let before = scratch.sink.marks();
        if !object.known {
            self.count(scratch, &object);
        }
        let memo = match object.kind {
            ObjectKind::Blob => self.blob(&mut scratch.sink, &object, &source),
            _ => message(&mut scratch.sink, &object, &source),
        };
        if self.options.cache.is_some() && !object.known && scratch.sink.marks() != before {
            scratch.loud.extend(self.objects.number_of(&object));
        }
        memo
    }

    fn visit_large(&self, scratch: &mut Self::Scratch, blob: LargeBlob<'_>) -> std::io::Result<bool> {
        if self.options.plain {
            return Ok(false);
        }
        let before = scratch.sink.marks();
        let source = Source::Object(ObjectKind::Blob, blob.id.to_owned());
        let Some(len) = large::scan(&mut scratch.sink, blob.content, &source)? else { return Ok(false) };
        if !blob.known {
            scratch.blobs += 1;
            scratch.bytes += len;
            if self.options.cache.is_some() && scratch.sink.marks() != before {
                scratch.loud.push(blob.number);
            }
        }
        Ok(true)
    }

    fn finish(&self, scratch: Self::Scratch) {
        self.progress.advance(scratch.blobs + scratch.commits + scratch.tags);
        self.counts.blobs.fetch_add(scratch.blobs, Ordering::Relaxed);
        self.counts.commits.fetch_add(scratch.commits, Ordering::Relaxed);
        self.counts.tags.fetch_add(scratch.tags, Ordering::Relaxed);
        self.counts.bytes.fetch_add(scratch.bytes, Ordering::Relaxed);
        self.commits.lock().unwrap_or_else(std::sync::PoisonError::into_inner).append(scratch.list);
        self.loud.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(scratch.loud);
        self.collected.merge(scratch.sink);
    }

    fn pack_done(&self, _: usize, sound: bool) {
        let loud = std::mem::take(&mut *self.loud.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        let seen = Seen { sound, loud, counted: self.counts.now() };
        self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(seen);
    }
}

impl HistoryVisitor<'_> {
    fn blob(&self, sink: &mut Sink<'_>, object: &Object<'_, Memo>, source: &Source<'_>) -> Memo {
        if self.options.archives.depth > 0 && archive::is_archive(object.bytes) {
            if !object.seen {
                sink.scan(object.bytes, source);
            }
            return Memo::opaque();
        }
        let text = text::sniff(object.bytes);
        let memo = match object.base {
            Some(base) if text.via.is_none() && !self.options.plain => {
                incremental::scan_change(self.detector, object.bytes, base.state, base.regions, &mut sink.scratch)
            }
            _ => incremental::scan_whole(self.detector, &text.bytes, &mut sink.scratch),
        };
        if !object.seen {
            sink.take(&memo, &text, source);
        }
        if text.via.is_some() { Memo::opaque() } else { memo }
    }

    fn count(&self, scratch: &mut HistoryScratch<'_>, object: &Object<'_, Memo>) {
        scratch.bytes += object.bytes.len() as u64;
        if object.seen {
            return;
        }
        match object.kind {
            ObjectKind::Blob => scratch.blobs += 1,
            ObjectKind::Commit => {
                scratch.commits += 1;
                let number = self.objects.number_of(object);
                if let Some((number, commit)) = number.zip(provenance::parse::commit(object.bytes)) {
                    scratch.list.add(self.objects, self.absent, number, &commit);
                }
            }
            _ => scratch.tags += 1,
        }
    }
}

/// Scans the part of a commit or tag that people write: names, dates and message, without ids and signatures.
fn message(sink: &mut Sink<'_>, object: &Object<'_, Memo>, source: &Source<'_>) -> Memo {
    if !object.seen {
        let written = provenance::without_signature(object.bytes);
        let memo = incremental::scan_whole(sink.detector, &written, &mut sink.scratch);
        let text = text::Text { bytes: written, via: None, binary: false, bom: 0 };
        sink.take(&memo, &text, source);
    }
    Memo::opaque()
}
