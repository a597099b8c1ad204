//! The history of a repository: every object once, changes only, with holes and losses told.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

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
use crate::provenance::{self, CommitList, Trees, Wanted};
use crate::scan::collect::{Collected, Sink, Source};
use crate::scan::{Options, Progress, Scan};
use crate::source::git_dir::GitDir;
use crate::source::objects::Objects;
use crate::source::pack::ObjectKind;
use crate::source::walk::{Memory, Object, Visitor};
use crate::source::refs::Ref;

/// Decoded delta bases that may be kept at a time, in bytes over all workers.
const BASE_MEMORY: usize = 160 << 20;

/// Names that a worker scans at a time.
const NAMES: usize = 1024;

impl Scan<'_> {
    /// Scans the history of a repository.
    pub(super) fn history(&mut self, repository: &GitDir) -> Result<()> {
        let objects = repository.objects();
        let memory = Memory::new(BASE_MEMORY);
        let shallow = repository.shallow();
        let partial = repository.is_partial() || objects.has_promisor_packs();
        let commits = self.objects(&objects, &shallow, partial, &memory);
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
        let (refs, problems) = repository.all_refs();
        self.receipt.problems.extend(problems);
        self.refs(&refs, &objects);
        if repository.is_bare() || !self.options.files {
            self.submodules(&refs, &objects);
        }
        let trees = Trees::read(&objects, &memory);
        self.receipt.problems.extend(missing_objects(trees.absent(), partial));
        let names = self.past_names(&trees);
        let wanted = Wanted { objects: self.collected.history_objects(), names };
        if !wanted.objects.is_empty() || !wanted.names.is_empty() {
            self.lives.push(Box::new(provenance::trace(objects, trees, commits, &refs, &wanted)));
        }
        Ok(())
    }

    /// Scans the names of files and directories in all trees: text that people choose, too. Gives those with a secret.
    fn past_names(&self, trees: &Trees) -> Vec<u32> {
        trees.names().par_chunks(NAMES).for_each(|chunk| {
            let mut sink = Sink::new(self.detector, self.options);
            for name in chunk {
                sink.scan_name(name);
            }
            self.collected.merge(sink);
        });
        let found = self.collected.history_names();
        let numbers = (0..).zip(trees.names());
        numbers.filter(|(_, name)| found.contains(name.as_bstr())).map(|(number, _)| number).collect()
    }

    /// Scans all objects but trees. Gives the commits.
    fn objects(&mut self, objects: &Objects, shallow: &HashSet, partial: bool, memory: &Memory) -> CommitList {
        self.progress.begin("objects", objects.count(&|kind| kind != ObjectKind::Tree) as u64);
        let visitor = HistoryVisitor {
            detector: self.detector,
            options: self.options,
            collected: &self.collected,
            progress: self.progress,
            objects,
            shallow,
            counts: Counts::default(),
            commits: Mutex::default(),
        };
        let problems = objects.walk(&visitor, memory);
        let HistoryVisitor { counts, commits, .. } = visitor;
        let receipt = &mut self.receipt;
        receipt.problems.extend(problems);
        receipt.problems.extend(objects.problems().cloned());
        let missing = counts.missing.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        receipt.problems.extend(if partial { promised(&missing) } else { missing });
        receipt.history = true;
        receipt.blobs += counts.blobs.into_inner();
        receipt.commits += counts.commits.into_inner();
        receipt.tags += counts.tags.into_inner();
        receipt.history_bytes += counts.bytes.into_inner();
        commits.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
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
    missing: Mutex<Vec<Problem>>,
}

/// Scans the objects of a walk.
struct HistoryVisitor<'a> {
    detector: &'a Detector,
    options: &'a Options,
    collected: &'a Collected,
    progress: &'a dyn Progress,
    objects: &'a Objects,
    shallow: &'a HashSet,
    counts: Counts,
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
}

impl<'a> Visitor for HistoryVisitor<'a> {
    type State = Memo;
    type Scratch = HistoryScratch<'a>;

    fn scratch(&self) -> Self::Scratch {
        let sink = Sink::new(self.detector, self.options);
        HistoryScratch { sink, blobs: 0, commits: 0, tags: 0, bytes: 0, list: CommitList::default() }
    }

    fn wants(&self, kind: ObjectKind) -> bool {
        kind != ObjectKind::Tree
    }

    fn visit(&self, scratch: &mut Self::Scratch, object: Object<'_, Memo>) -> Memo {
        scratch.bytes += object.bytes.len() as u64;
        let source = Source::Object(object.kind, object.id.to_owned());
        match object.kind {
            ObjectKind::Blob => {
                scratch.blobs += u64::from(!object.seen);
                self.blob(&mut scratch.sink, object, &source)
            }
            ObjectKind::Commit => {
                if !object.seen {
                    scratch.commits += 1;
                    self.commit(&mut scratch.list, &object);
                }
                message(&mut scratch.sink, &object, &source)
            }
            _ => {
                scratch.tags += u64::from(!object.seen);
                message(&mut scratch.sink, &object, &source)
            }
        }
    }

    fn finish(&self, scratch: Self::Scratch) {
        self.progress.advance(scratch.blobs + scratch.commits + scratch.tags);
        self.counts.blobs.fetch_add(scratch.blobs, Ordering::Relaxed);
        self.counts.commits.fetch_add(scratch.commits, Ordering::Relaxed);
        self.counts.tags.fetch_add(scratch.tags, Ordering::Relaxed);
        self.counts.bytes.fetch_add(scratch.bytes, Ordering::Relaxed);
        self.commits.lock().unwrap_or_else(std::sync::PoisonError::into_inner).append(scratch.list);
        self.collected.merge(scratch.sink);
    }
}

impl HistoryVisitor<'_> {
    fn blob(&self, sink: &mut Sink<'_>, object: Object<'_, Memo>, source: &Source<'_>) -> Memo {
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

    /// Notes a commit. If its tree or a parent is missing, that is a hole in the history.
    fn commit(&self, commits: &mut CommitList, commit: &Object<'_, Memo>) {
        let Some(data) = provenance::parse::commit(commit.bytes) else { return };
        let cut = self.shallow.contains(commit.id);
        commits.add(self.objects, commit.id, &data, &mut |what, id| {
            if cut && what == "parent" {
                return;
            }
            let problem = problem(
                &format!("object {id}"),
                format!("it is missing: the {what} of commit {}", commit.id),
                "run `git fsck`; fetch the repository again to get the missing objects",
            );
            self.counts.missing.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(problem);
        });
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
