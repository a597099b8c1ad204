//! The driver: which sources, how they are shared among workers, and how what they find comes together.
//!
//! The only module that knows both sources and detection. Everything that workers find is merged under its rule and secret
//! and sorted at the end, so the result does not depend on the number of threads.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use bstr::BString;
use gix::ObjectId;
use rayon::prelude::*;

use crate::detect::incremental::{self, Memo};
use crate::detect::{Detector, excerpt, text};
use crate::error::{Error, Result};
use crate::finding::{
    Confidence, Excerpt, Fact, Finding, Fingerprint, Occurrence, Place, Position, Problem, Receipt, Secret, Severity,
    Verdict,
};
use crate::provenance::{self, Provenance};
use crate::rules::{Kind, RuleSet};
use crate::source::objects::Objects;
use crate::source::pack::{Memory, Object, ObjectKind, Visitor};
use crate::source::repository::Repository;
use crate::source::worktree;

/// Decoded delta bases that may be kept at a time, in bytes over all workers.
const BASE_MEMORY: usize = 160 << 20;

/// What to scan and what to report.
#[derive(Clone, Debug)]
pub struct Options {
    /// Scan files.
    pub files: bool,
    /// Scan history, where there is a repository.
    pub history: bool,
    /// Also files that git ignores.
    pub no_ignore: bool,
    /// Findings below this are counted, not reported.
    pub confidence: Confidence,
    /// Report tokens whose checksum or structure is wrong.
    pub show_malformed: bool,
    /// Report publishable keys and identifiers.
    pub show_publishable: bool,
    /// A shallow or partial history, or an unreadable object, is named but is no failure.
    pub allow_incomplete: bool,
    /// Scan every version whole instead of only what changed: the plain reference.
    pub plain: bool,
}

/// What is to be scanned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Standard input.
    Stdin,
    /// A file or directory.
    Path(PathBuf),
}

/// The result of a scan.
#[derive(Debug)]
pub struct Outcome {
    /// Sorted: graver first.
    pub findings: Vec<Finding>,
    /// What was done and what not.
    pub receipt: Receipt,
}

/// Told about the progress of a scan.
pub trait Progress: Sync {
    /// A piece of work of so many steps begins.
    fn begin(&self, what: &str, steps: u64);
    /// Steps are done.
    fn advance(&self, steps: u64);
}

/// Nobody wants to know.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64) {}
}

/// Scans all targets.
pub fn run(detector: &Detector, targets: &[Target], options: &Options, progress: &dyn Progress) -> Result<Outcome> {
    let collected = Collected::default();
    let mut receipt = Receipt { rules: detector.rules().rules().len(), ..Receipt::default() };
    let mut lives = Vec::new();
    let mut names = Vec::new();
    for target in targets {
        match target {
            Target::Stdin => {
                names.push("standard input".to_owned());
                scan_stdin(detector, &collected, options, &mut receipt)?;
            }
            Target::Path(path) => {
                names.push(scan_path(detector, path, options, progress, &collected, &mut receipt, &mut lives)?)
            }
        }
    }
    receipt.target = names.join(", ");
    receipt.problems.sort();
    receipt.problems.dedup();
    for problem in &mut receipt.problems {
        problem.accepted |= options.allow_incomplete;
    }
    let findings = collected.into_findings(detector.rules(), options, &lives, &mut receipt);
    receipt.skipped.sort();
    Ok(Outcome { findings, receipt })
}

fn scan_stdin(detector: &Detector, collected: &Collected, options: &Options, receipt: &mut Receipt) -> Result<()> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes).map_err(|e| Error::new("cannot read standard input").cause(e))?;
    receipt.files += 1;
    receipt.file_bytes += bytes.len() as u64;
    let mut sink = Sink::new(detector, options);
    sink.scan(&bytes, &Source::Stdin);
    collected.merge(sink);
    Ok(())
}

fn scan_path(
    detector: &Detector,
    path: &Path,
    options: &Options,
    progress: &dyn Progress,
    collected: &Collected,
    receipt: &mut Receipt,
    lives: &mut Vec<Provenance>,
) -> Result<String> {
    let is_dir = path.is_dir();
    let repository = if is_dir { Repository::at(path)? } else { None };
    let name = path.display().to_string();
    let bare = repository.as_ref().is_some_and(|r| r.workdir().is_none());
    let mut parts = Vec::new();
    if options.files && !bare {
        parts.push(if is_dir { "files" } else { "file" });
        scan_files(detector, path, repository.as_ref(), options, progress, collected, receipt)?;
    }
    match repository {
        Some(repository) if options.history => {
            parts.push("history");
            let modules = worktree::checked_out_submodules(path, &repository)?;
            if modules > 0 {
                receipt.skipped.push(("the history of submodules: scan each by itself".into(), modules));
            }
            let done = scan_history(detector, &repository, options, progress, collected, receipt)?;
            lives.extend(done);
        }
        None if options.history && !options.files => {
            return Err(Error::new(format!("{name} is not the root of a git repository"))
                .help("give the directory that holds .git, or a bare repository"));
        }
        None if options.history && Repository::around(path).is_some() => {
            receipt.skipped.push((format!("the history: {name} is inside a repository, not its root"), 1));
        }
        _ => {}
    }
    Ok(format!("{} of {name}", parts.join(" and ")))
}

fn scan_files(
    detector: &Detector,
    root: &Path,
    repository: Option<&Repository>,
    options: &Options,
    progress: &dyn Progress,
    collected: &Collected,
    receipt: &mut Receipt,
) -> Result<()> {
    let listed = worktree::list(root, repository, options.no_ignore)?;
    progress.begin("files", listed.files.len() as u64);
    let (bytes, count) = (AtomicU64::new(0), AtomicU64::new(0));
    let problems = Mutex::new(listed.problems);
    listed.files.par_chunks(64).for_each(|chunk| {
        let mut sink = Sink::new(detector, options);
        let mut buffer = Vec::new();
        for (shown, path) in chunk {
            match worktree::read(path, &mut buffer) {
                Ok(()) => {
                    sink.scan(&buffer, &Source::File(shown));
                    bytes.fetch_add(buffer.len() as u64, Ordering::Relaxed);
                    count.fetch_add(1, Ordering::Relaxed);
                }
                Err(e) => {
                    if let Ok(mut problems) = problems.lock() {
                        problems.push(unread(shown, &e));
                    }
                }
            }
        }
        progress.advance(chunk.len() as u64);
        collected.merge(sink);
    });
    receipt.files += count.into_inner();
    receipt.file_bytes += bytes.into_inner();
    receipt.problems.extend(problems.into_inner().unwrap_or_default());
    receipt.skipped.extend(listed.skipped);
    Ok(())
}

fn unread(path: &BString, error: &std::io::Error) -> Problem {
    Problem {
        object: path.to_string(),
        what: format!("the file cannot be read: {error}"),
        help: Some("run keyscan as a user who may read it, or leave it out".into()),
        accepted: false,
    }
}

fn scan_history(
    detector: &Detector,
    repository: &Repository,
    options: &Options,
    progress: &dyn Progress,
    collected: &Collected,
    receipt: &mut Receipt,
) -> Result<Option<Provenance>> {
    let objects = repository.objects();
    progress.begin("objects", objects.len() as u64);
    let memory = Memory::new(BASE_MEMORY);
    let shallow = repository.shallow();
    let visitor = HistoryVisitor {
        detector,
        options,
        collected,
        progress,
        objects: &objects,
        shallow: &shallow,
        counts: Counts::default(),
    };
    receipt.problems.extend(objects.walk(&visitor, &memory));
    receipt.problems.extend(objects.problems().cloned());
    let counts = visitor.counts;
    receipt.history = true;
    receipt.blobs += counts.blobs.into_inner();
    receipt.commits += counts.commits.into_inner();
    receipt.tags += counts.tags.into_inner();
    receipt.history_bytes += counts.bytes.into_inner();
    let missing = counts.missing.into_inner().unwrap_or_default();
    receipt.problems.extend(missing);
    if !shallow.is_empty() {
        receipt.problems.push(Problem {
            object: "history".into(),
            what: format!(
                "this is a shallow clone, cut off at {} commits: what is older was not scanned",
                shallow.len()
            ),
            help: Some("run `git fetch --unshallow`, or accept it with --allow-incomplete".into()),
            accepted: false,
        });
    }
    let refs = repository.refs()?;
    scan_refs(detector, options, collected, &refs);
    for r in &refs {
        if !objects.has(&r.target) {
            receipt.problems.push(Problem {
                object: format!("ref {}", r.name),
                what: format!("it points to {}, which is in no object store", r.target),
                help: Some("run `git fsck`, and fetch the repository again".into()),
                accepted: false,
            });
        }
    }
    let partial = repository.is_partial() || objects.has_promisor_packs();
    let wanted = collected.history_objects();
    if wanted.is_empty() && !partial {
        return Ok(None);
    }
    let provenance = provenance::trace(objects, &refs, &wanted, partial, &memory);
    if provenance.missing > 0 {
        receipt.problems.push(Problem {
            object: "history".into(),
            what: format!(
                "{} objects that its trees name are missing{}",
                provenance.missing,
                if partial { ": this is a partial clone" } else { "" }
            ),
            help: Some(if partial {
                "run `git fetch --refetch --no-filter`, or accept it with --allow-incomplete".into()
            } else {
                "run `git fsck`, and fetch the repository again".into()
            }),
            accepted: false,
        });
    }
    Ok(Some(provenance))
}

/// Ref names are text that people push, too.
fn scan_refs(detector: &Detector, options: &Options, collected: &Collected, refs: &[crate::source::repository::Ref]) {
    let mut sink = Sink::new(detector, options);
    for r in refs {
        sink.scan(&r.name, &Source::Ref(&r.name));
    }
    collected.merge(sink);
}

/// Where scanned bytes come from.
enum Source<'a> {
    Stdin,
    File(&'a BString),
    Ref(&'a BString),
    Object(ObjectKind, ObjectId),
}

/// A place before provenance is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Spot {
    Stdin,
    File(BString),
    Ref(BString),
    Object(ObjectKind, ObjectId),
}

/// One sighting of a secret.
#[derive(Clone, Debug)]
struct Sighting {
    spot: Spot,
    position: Position,
    binary: bool,
    via: Option<&'static str>,
    excerpt: Option<Excerpt>,
}

/// Everything known about one secret under one rule.
#[derive(Clone, Debug)]
struct Entry {
    verdict: Verdict,
    confidence: Confidence,
    severity: Severity,
    facts: Vec<Fact>,
    sightings: Vec<Sighting>,
}

impl Entry {
    /// Joins what is known of the same secret in other places. The same text can mean more in one place than in another
    /// (a password for `localhost` and for the production host), so the gravest counts, whichever was read first.
    fn join(&mut self, mut other: Self) {
        let gravity = |e: &Self| (e.verdict != Verdict::Malformed, e.severity, e.verdict, e.confidence);
        let (mine, theirs) = (gravity(self), gravity(&other));
        if (theirs, std::cmp::Reverse(&other.facts)) > (mine, std::cmp::Reverse(&self.facts)) {
            std::mem::swap(self, &mut other);
        }
        if other.verdict != Verdict::Malformed {
            self.verdict = self.verdict.max(other.verdict);
            self.confidence = self.confidence.max(other.confidence);
        }
        self.sightings.append(&mut other.sightings);
    }
}

type Entries = HashMap<(usize, Secret), Entry>;

fn add(entries: &mut Entries, key: (usize, Secret), entry: Entry) {
    match entries.entry(key) {
        std::collections::hash_map::Entry::Occupied(mut have) => have.get_mut().join(entry),
        std::collections::hash_map::Entry::Vacant(place) => {
            place.insert(entry);
        }
    }
}

/// What one worker found.
struct Sink<'d> {
    detector: &'d Detector,
    options: &'d Options,
    scratch: incremental::Scratch,
    entries: Entries,
}

impl<'d> Sink<'d> {
    fn new(detector: &'d Detector, options: &'d Options) -> Self {
        Self { detector, options, scratch: incremental::Scratch::default(), entries: HashMap::new() }
    }

    fn scan(&mut self, bytes: &[u8], source: &Source<'_>) {
        let text = text::sniff(bytes);
        let memo = incremental::scan_whole(self.detector, &text.bytes, &mut self.scratch);
        self.take(&memo, &text, source);
    }

    fn take(&mut self, memo: &Memo, text: &text::Text<'_>, source: &Source<'_>) {
        if !memo.has_matches() {
            return;
        }
        let set = self.detector.rules();
        let matches = self.detector.resolve(memo.matches());
        for m in &matches {
            let secret = Secret::new(&text.bytes[m.span.clone()]);
            let shown = shown(set, m.rule, m.verdict, m.confidence, self.options);
            let mut seen = Entry {
                verdict: m.verdict,
                confidence: m.confidence,
                severity: m.severity,
                facts: m.facts.clone(),
                sightings: Vec::new(),
            };
            if shown {
                seen.sightings.push(Sighting {
                    spot: spot(source),
                    position: excerpt::position(&text.bytes, &m.span, text.bom),
                    binary: text.binary,
                    via: text.via,
                    excerpt: (!text.binary).then(|| excerpt::excerpt(set, &text.bytes, m, &matches)),
                });
            }
            add(&mut self.entries, (m.rule, secret), seen);
        }
    }
}

fn spot(source: &Source<'_>) -> Spot {
    match source {
        Source::Stdin => Spot::Stdin,
        Source::File(path) => Spot::File((*path).clone()),
        Source::Ref(name) => Spot::Ref((*name).clone()),
        Source::Object(kind, id) => Spot::Object(*kind, *id),
    }
}

/// Is a match to be reported, rather than counted?
fn shown(set: &RuleSet, rule: usize, verdict: Verdict, confidence: Confidence, options: &Options) -> bool {
    let meta = &set.metas()[rule];
    if verdict == Verdict::Malformed {
        return options.show_malformed;
    }
    (meta.kind == Kind::Secret || options.show_publishable) && confidence >= options.confidence
}

/// What all workers found.
#[derive(Debug, Default)]
struct Collected(Mutex<Entries>);

impl Collected {
    fn merge(&self, sink: Sink<'_>) {
        if sink.entries.is_empty() {
            return;
        }
        let mut all = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        #[allow(clippy::iter_over_hash_type, reason = "merged into another map; sorted at the end")]
        for (key, entry) in sink.entries {
            add(&mut all, key, entry);
        }
    }

    /// Objects with a sighting.
    fn history_objects(&self) -> HashSet<ObjectId> {
        let all = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.values()
            .flat_map(|e| &e.sightings)
            .filter_map(|s| match &s.spot {
                Spot::Object(_, id) => Some(*id),
                _ => None,
            })
            .collect()
    }

    fn into_findings(
        self,
        set: &RuleSet,
        options: &Options,
        lives: &[Provenance],
        receipt: &mut Receipt,
    ) -> Vec<Finding> {
        let entries: BTreeMap<_, _> =
            self.0.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).into_iter().collect();
        let mut findings = Vec::new();
        for ((rule, secret), entry) in entries {
            if shown(set, rule, entry.verdict, entry.confidence, options) {
                findings.push(finding(set, rule, secret, entry, lives));
            } else if entry.verdict == Verdict::Malformed {
                receipt.malformed += 1;
            } else if set.metas()[rule].kind != Kind::Secret {
                receipt.not_secret += 1;
            } else {
                receipt.low_confidence += 1;
            }
        }
        findings.sort_by(|a, b| {
            (b.severity, b.in_tree(), b.confidence, a.rule, a.fingerprint).cmp(&(
                a.severity,
                a.in_tree(),
                a.confidence,
                b.rule,
                b.fingerprint,
            ))
        });
        findings
    }
}

fn finding(set: &RuleSet, rule: usize, secret: Secret, mut entry: Entry, lives: &[Provenance]) -> Finding {
    let meta = &set.metas()[rule];
    entry.sightings.sort_by(|a, b| (&a.spot, a.position).cmp(&(&b.spot, b.position)));
    let objects: Vec<ObjectId> = entry
        .sightings
        .iter()
        .filter_map(|s| match &s.spot {
            Spot::Object(_, id) => Some(*id),
            _ => None,
        })
        .collect();
    let life = lives.iter().find_map(|p| p.life(&objects));
    let mut occurrences: Vec<Occurrence> = entry.sightings.into_iter().map(|s| occurrence(s, lives)).collect();
    occurrences.sort_by(|a, b| (&a.place, a.position).cmp(&(&b.place, b.position)));
    let strong = meta.bits.is_some_and(|bits| bits >= 64.0) || secret.len() >= 24;
    let fingerprint = if strong {
        Fingerprint::strong(&meta.id, &secret)
    } else {
        Fingerprint::weak(&meta.id, &path_of(&occurrences), b"", &secret)
    };
    Finding {
        fingerprint,
        rule,
        masked: secret.mask(set.rules()[rule].shown_prefix()),
        verdict: entry.verdict,
        confidence: entry.confidence,
        severity: entry.severity,
        reasons: reasons(set, rule, entry.verdict),
        facts: entry.facts,
        occurrences,
        life,
        secret,
    }
}

fn path_of(occurrences: &[Occurrence]) -> Vec<u8> {
    let path = occurrences.iter().find_map(|o| match &o.place {
        Place::File { path } => Some(path.clone()),
        Place::Blob { paths, .. } => paths.first().cloned(),
        _ => None,
    });
    path.map(Vec::from).unwrap_or_default()
}

fn occurrence(sighting: Sighting, lives: &[Provenance]) -> Occurrence {
    let place = match sighting.spot {
        Spot::Stdin => Place::Stdin,
        Spot::File(path) => Place::File { path },
        Spot::Ref(name) => Place::Ref { name },
        Spot::Object(ObjectKind::Commit, id) => Place::Commit { id: id.to_string() },
        Spot::Object(ObjectKind::Tag, id) => Place::Tag { id: id.to_string() },
        Spot::Object(_, id) => {
            let origin = lives.iter().find_map(|p| p.origin(&id));
            Place::Blob {
                paths: origin.map(|o| o.paths.clone()).unwrap_or_default(),
                id: id.to_string(),
                commit: origin.and_then(|o| o.commit.as_ref().map(ToString::to_string)),
            }
        }
    };
    Occurrence {
        place,
        position: sighting.position,
        binary: sighting.binary,
        excerpt: sighting.excerpt,
        via: sighting.via.into_iter().collect(),
    }
}

/// Why a finding is believed, strongest first.
fn reasons(set: &RuleSet, index: usize, verdict: Verdict) -> Vec<String> {
    let rule = &set.rules()[index];
    let mut reasons = Vec::new();
    match verdict {
        Verdict::Proven if !rule.checks.is_empty() => reasons.push("its checksum matches".to_owned()),
        Verdict::Proven => reasons.push("its parts prove each other (checksum or key relation)".to_owned()),
        Verdict::WellFormed => reasons.push("it decodes as documented".to_owned()),
        Verdict::Malformed => reasons.push("checksum or structure is wrong: probably an example or edited".to_owned()),
        Verdict::Shape => {}
    }
    if let Some(format) = rule.format.as_ref() {
        let prefix = format.prefix();
        if prefix.is_empty() {
            reasons.push("length and alphabet are right".to_owned());
        } else {
            reasons.push(format!("prefix `{}`, length and alphabet are right", String::from_utf8_lossy(prefix)));
        }
    }
    if let Some(context) = &rule.context {
        reasons.push(format!("a name like `{}` stands before it", context.near[0]));
    }
    reasons
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
    shallow: &'a HashSet<ObjectId>,
    counts: Counts,
}

/// Scratch of a history worker: its findings and its counts, given over together.
struct HistoryScratch<'a> {
    sink: Sink<'a>,
    blobs: u64,
    commits: u64,
    tags: u64,
    bytes: u64,
}

impl<'a> Visitor for HistoryVisitor<'a> {
    type State = Memo;
    type Scratch = HistoryScratch<'a>;

    fn scratch(&self) -> Self::Scratch {
        HistoryScratch { sink: Sink::new(self.detector, self.options), blobs: 0, commits: 0, tags: 0, bytes: 0 }
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
                scratch.commits += u64::from(!object.seen);
                self.check_links(&object);
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
        self.collected.merge(scratch.sink);
    }
}

impl HistoryVisitor<'_> {
    fn blob(&self, sink: &mut Sink<'_>, object: Object<'_, Memo>, source: &Source<'_>) -> Memo {
        let text = text::sniff(object.bytes);
        let memo = match object.base {
            Some((base, regions)) if text.via.is_none() && !self.options.plain => {
                incremental::scan_change(self.detector, object.bytes, base, regions, &mut sink.scratch)
            }
            _ => incremental::scan_whole(self.detector, &text.bytes, &mut sink.scratch),
        };
        if !object.seen {
            sink.take(&memo, &text, source);
        }
        if text.via.is_some() { Memo::opaque() } else { memo }
    }

    /// A commit whose tree or parents are missing is a hole in the history.
    fn check_links(&self, commit: &Object<'_, Memo>) {
        let ids = provenance::commit_links(commit.bytes);
        let cut = self.shallow.contains(commit.id);
        for (what, id) in ids {
            if !(cut && what == "parent") && !self.objects.has(&id) {
                let problem = Problem {
                    object: format!("object {id}"),
                    what: format!("it is missing: the {what} of commit {}", commit.id),
                    help: Some("run `git fsck`; fetch the repository again to get the missing objects".into()),
                    accepted: false,
                };
                self.counts.missing.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(problem);
            }
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
