//! The driver: which sources, how they are shared among workers, and how what they find comes together.
//!
//! The only module that knows both sources and detection. Everything that workers find is merged under its rule and secret
//! and sorted at the end, so the result does not depend on the number of threads.

mod added;
mod archives;
mod bulk;
mod collect;
pub mod crowd;
mod git_files;
mod history;
mod holes;
mod hygiene;
mod large;
pub mod lookup;
mod names;
mod range;
mod range_lives;
mod recall;
mod resume;
mod visit;

use std::collections::HashSet;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bstr::{BString, ByteVec};
use rayon::prelude::*;

use crate::archive::Limits;
use crate::cache::Store;
use crate::detect::Detector;
use crate::error::{Error, Result};
use crate::finding::{Confidence, Finding, Problem, Receipt};
use crate::policy::{Policy, Scanned};
use crate::range::Selection;
use crate::source::HUGE;
use crate::source::git_dir::GitDir;
use crate::source::lookup::Quarantine;
use crate::source::objects::Objects;
use crate::source::repository::Repository;
use crate::source::worktree;
use collect::{Collected, History, Key, Sink, Source};
use recall::Hidden;

/// Files that a worker takes at a time.
const CHUNK: usize = 32;
/// Bytes of a buffer that are kept for the next file.
const KEPT: usize = 4 << 20;

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
    /// Say of values judged by evidence what speaks for and against them.
    pub explain: bool,
    /// Report tokens whose checksum or structure is wrong.
    pub show_malformed: bool,
    /// Report publishable keys and identifiers.
    pub show_publishable: bool,
    /// A shallow or partial history, or an unreadable object, is named but is no failure.
    pub allow_incomplete: bool,
    /// How far archives are opened.
    pub archives: Limits,
    /// A range without a commit is no mistake.
    pub allow_empty_range: bool,
    /// Object stores beside the repository's own that git names to a hook.
    pub quarantine: Quarantine,
    /// Objects that were not scanned at this time are named as not scanned.
    pub deadline: Option<Instant>,
    /// Findings of one rule in one file that are listed; 0: all.
    pub max_per_file: usize,
    /// What is found and not shown.
    pub policy: Arc<Policy>,
    /// Where to keep what was seen in packs, for the next scan.
    pub cache: Option<Arc<Store>>,
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
    /// What a part of the history of a repository adds, or what is staged there.
    Part(PathBuf, Selection),
}

/// The result of a scan.
#[derive(Debug)]
pub struct Outcome {
    /// Sorted: graver first.
    pub findings: Vec<Finding>,
    /// What the user allowed, each with [`Finding::allowed`]; in the same order.
    pub allowed: Vec<Finding>,
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
    let mut scan = Scan {
        detector,
        options,
        progress,
        collected: Collected::default(),
        receipt: Receipt { rules: detector.rules().rules().len(), ..Receipt::default() },
        lives: Vec::new(),
        remembered: Vec::new(),
    };
    let mut names = Vec::new();
    for target in targets {
        names.push(match target {
            Target::Stdin => scan.stdin()?,
            Target::Path(path) => scan.path(path, targets.len() == 1)?,
            Target::Part(path, selection) => scan.part(path, selection)?,
        });
    }
    scan.remember(None);
    let Scan { collected, mut receipt, lives, remembered, .. } = scan;
    remembered.into_iter().for_each(|Remembered { hidden, .. }| hidden.count(&mut receipt));
    receipt.target = if names.len() > 5 { format!("{} paths", names.len()) } else { names.join(", ") };
    receipt.problems.extend(collected.take_problems());
    receipt.problems.sort();
    receipt.problems.dedup();
    for problem in &mut receipt.problems {
        problem.accepted |= options.allow_incomplete;
    }
    let findings = collected.into_findings(detector.rules(), options, &lives, &mut receipt);
    // They are large, and nobody waits for their parts to be taken away.
    rayon::spawn(|| drop(lives));
    let scanned = Scanned {
        rules: detector.rules().metas(),
        everything: options.files
            && options.history
            && !targets.iter().any(|t| matches!(t, Target::Part(..)))
            && options.confidence <= Confidence::Medium,
        mask: &|path| names::masked(detector, path),
    };
    let [mut findings, mut allowed] = options.policy.apply(findings, &scanned, &mut receipt);
    crowd::thin_out(detector.rules(), &mut findings, options.max_per_file, &mut receipt);
    findings.iter_mut().chain(&mut allowed).for_each(crowd::thin_out_versions);
    names::hide(detector, &mut findings, &mut receipt);
    names::hide(detector, &mut allowed, &mut receipt);
    receipt.skipped.sort();
    Ok(Outcome { findings, allowed, receipt })
}

/// A scan under way.
struct Scan<'a> {
    detector: &'a Detector,
    options: &'a Options,
    progress: &'a dyn Progress,
    collected: Collected,
    receipt: Receipt,
    lives: Vec<Box<dyn History>>,
    /// Of each target that has a record.
    remembered: Vec<Remembered>,
}

/// What is known from an earlier scan of a history and only counted.
struct Remembered {
    hidden: Hidden,
    objects: Arc<Objects>,
}

impl Scan<'_> {
    /// Puts what is only remembered to what was found, where one of these secrets is the same; `None`: all that were found.
    fn remember(&mut self, secrets: Option<HashSet<Key>>) {
        if self.remembered.is_empty() {
            return;
        }
        let alike =
            if secrets.is_none() { recall::alike(self.remembered.iter().map(|r| &r.hidden)) } else { Vec::new() };
        let secrets = secrets.unwrap_or_else(|| self.collected.keys());
        for Remembered { hidden, objects } in &mut self.remembered {
            let shown = hidden.show(&secrets, &alike, objects, self.detector, self.options, &self.collected);
            self.receipt.problems.extend(shown.err());
        }
    }

    fn stdin(&mut self) -> Result<String> {
        let mut bytes = Vec::new();
        std::io::stdin()
            .lock()
            .read_to_end(&mut bytes)
            .map_err(|e| Error::new("cannot read standard input").cause(e))?;
        self.receipt.files += 1;
        self.receipt.file_bytes += bytes.len() as u64;
        let mut sink = Sink::new(self.detector, self.options);
        sink.scan(&bytes, &Source::Stdin);
        self.collected.merge(sink);
        Ok("standard input".to_owned())
    }

    /// Scans a part of the history of a repository.
    fn part(&mut self, path: &Path, selection: &Selection) -> Result<String> {
        let repository = Repository::at(path)?.ok_or_else(|| {
            Error::new(format!("{} is not the root of a git repository", path.display()))
                .help("a range needs the directory that holds .git, or a bare repository")
        })?;
        self.receipt.origin = repository.origin();
        let what = self.range(&repository, selection)?;
        // Where a server keeps its repositories is nothing for those who push.
        let here = matches!(selection, Selection::Push(_));
        Ok(if here { what } else { format!("{what} in {}", path.display()) })
    }

    fn path(&mut self, path: &Path, alone: bool) -> Result<String> {
        let is_dir = path.is_dir();
        let repository = match GitDir::at(path) {
            _ if !is_dir => None,
            // Files can be scanned whatever became of the repository.
            Err(_) if !self.options.history => None,
            other => other?,
        };
        // Of several repositories none is the one that paths belong to.
        if is_dir && alone && repository.is_some() {
            self.receipt.origin = Repository::at(path).ok().flatten().and_then(|r| r.origin());
        }
        let name = path.display().to_string();
        let bare = repository.as_ref().is_some_and(GitDir::is_bare);
        let mut parts = Vec::new();
        // Paths in a repository are relative to it, as in its history; otherwise as they were given.
        let prefix = (is_dir && (repository.is_none() || !alone)).then_some(path);
        if self.options.files && !bare {
            parts.push(if is_dir { "files" } else { "file" });
            self.files(path, prefix, repository.as_ref())?;
        }
        match &repository {
            Some(repository) if self.options.history => {
                parts.push("history");
                if bare {
                    self.config(repository);
                }
                self.receipt.problems.extend(repository.problems().iter().cloned());
                self.history(repository)?;
            }
            None if self.options.history && !self.options.files => {
                return Err(Error::new(format!("{name} is not the root of a git repository"))
                    .help("give the directory that holds .git, or a bare repository"));
            }
            None if self.options.history && Repository::around(path).is_some() => {
                let what = "the history of the repository around a path (give its root to scan it)";
                self.receipt.skipped.retain(|(have, _)| have != what);
                self.receipt.skipped.push((what.into(), 1));
            }
            _ => {}
        }
        if let Some(repository) = &repository {
            self.git_files(repository, prefix);
        }
        Ok(format!("{} of {name}", parts.join(" and ")))
    }

    /// Scans a file that was named, under its name in the repository.
    fn named(&mut self, path: &Path, shown: &BString) -> Result<()> {
        let mut sink = Sink::new(self.detector, self.options);
        let mut buffer = Vec::new();
        let read = match std::fs::read_link(path) {
            // The text of a link is what git keeps of it.
            Ok(target) => {
                buffer = Vec::from_path_lossy(&target).into_owned();
                Ok(())
            }
            Err(_) => worktree::read(path, &mut buffer),
        };
        match read {
            Ok(()) => {
                sink.scan(&buffer, &Source::File(shown));
                sink.scan(shown, &Source::Name(shown));
                self.receipt.files += 1;
                self.receipt.file_bytes += buffer.len() as u64;
            }
            Err(e) => self.receipt.problems.push(unread(shown, &e)),
        }
        self.collected.merge(sink);
        Ok(())
    }

    fn files(&mut self, root: &Path, prefix: Option<&Path>, repository: Option<&GitDir>) -> Result<()> {
        let mut listed = worktree::list(root, repository, self.options.no_ignore, prefix)?;
        self.leave_out(&mut listed);
        self.progress.begin("files", listed.files.len() as u64);
        let (bytes, count) = (AtomicU64::new(0), AtomicU64::new(0));
        let problems = Mutex::new(listed.problems);
        listed.files.par_chunks(CHUNK).for_each_init(Vec::new, |buffer, chunk| {
            let mut sink = Sink::new(self.detector, self.options);
            for (shown, path) in chunk {
                sink.tracked = listed.tracked.binary_search(shown).is_ok();
                match scan_file(&mut sink, path, shown, buffer) {
                    Ok(len) => {
                        sink.scan(shown, &Source::Name(shown));
                        bytes.fetch_add(len, Ordering::Relaxed);
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(e) => {
                        problems.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(unread(shown, &e))
                    }
                }
            }
            self.progress.advance(chunk.len() as u64);
            self.collected.merge(sink);
        });
        let receipt = &mut self.receipt;
        receipt.files += count.into_inner();
        receipt.file_bytes += bytes.into_inner();
        receipt.problems.extend(problems.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner));
        receipt.notes.extend(listed.notes);
        for (what, count) in listed.skipped {
            match receipt.skipped.iter_mut().find(|(have, _)| *have == what) {
                Some((_, have)) => *have += count,
                None => receipt.skipped.push((what, count)),
            }
        }
        Ok(())
    }

    /// Takes out the files that the user does not want to be read, and counts them.
    fn leave_out(&self, listed: &mut worktree::Files) {
        let skipped = &mut listed.skipped;
        listed.files.retain(|(shown, _)| match self.options.policy.leaves_out(shown) {
            Some(allowance) => {
                let file = allowance.by.rsplit_once(':').map_or(allowance.by.as_str(), |(file, _)| file);
                *skipped.entry(format!("files that {file} leaves out")).or_default() += 1;
                false
            }
            None => true,
        });
    }

    /// The configuration of a bare repository: its remotes may hold credentials.
    fn config(&mut self, repository: &GitDir) {
        let shown = BString::from("config");
        let mut sink = Sink::new(self.detector, self.options);
        let mut buffer = Vec::new();
        match worktree::read(&repository.config_file(), &mut buffer) {
            Ok(()) => {
                sink.scan(&buffer, &Source::File(&shown));
                self.receipt.files += 1;
                self.receipt.file_bytes += buffer.len() as u64;
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => self.receipt.problems.push(unread(&shown, &e)),
        }
        self.collected.merge(sink);
    }
}

/// Scans a file; gives its length. `buffer` is for the bytes of one file after the other.
fn scan_file(sink: &mut Sink<'_>, path: &Path, shown: &BString, buffer: &mut Vec<u8>) -> std::io::Result<u64> {
    let (mut file, len) = worktree::open_file(path)?;
    if len > HUGE {
        if let Some(len) = large::scan(sink, &mut file, &Source::File(shown))? {
            return Ok(len);
        }
        file.rewind()?;
    }
    worktree::read_all(&mut file, len, buffer)?;
    sink.scan(buffer, &Source::File(shown));
    let len = buffer.len() as u64;
    buffer.clear();
    buffer.shrink_to(KEPT);
    Ok(len)
}

fn unread(path: &BString, error: &std::io::Error) -> Problem {
    let help = match error.kind() {
        std::io::ErrorKind::NotFound => {
            "it was removed or renamed meanwhile; scan again when nothing else writes there"
        }
        // A pipe, as the shell makes one for `<(...)`, or a device.
        std::io::ErrorKind::Other => "give what comes out of it on standard input: `... | keyscan -`",
        _ => "run keyscan as a user who may read it, or leave it out",
    };
    Problem {
        object: path.to_string(),
        what: format!("the file cannot be read: {error}"),
        help: Some(help.into()),
        accepted: false,
    }
}
