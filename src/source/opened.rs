//! Opening packs: from what is known of them, by their index, or by an index that is made where that is wrong.

use std::path::{Path, PathBuf};

use crate::cache::Store;
use crate::error::Error;
use crate::finding::Problem;
use crate::source::objects::problem;
use crate::source::pack::{Pack, record_key};
use crate::source::reindex;
use crate::source::verify::{self, Verdict};

/// How packs are opened.
#[derive(Clone, Copy)]
pub(super) struct How<'a> {
    /// What earlier scans kept of single packs.
    pub(super) records: Option<&'a Store>,
    /// Keys of packs of which all that a scan finds is known.
    pub(super) covered: &'a [Vec<u8>],
    /// Whatever is found in packs, it is known, or will be asked for by numbers.
    pub(super) all: bool,
}

/// A pack as it could be opened.
pub(super) struct Opened {
    pub(super) path: PathBuf,
    pub(super) pack: Option<Pack>,
    pub(super) problems: Vec<Problem>,
}

impl Opened {
    /// Opens a pack by its path, or that of its index. Without a right index, one is made.
    pub(super) fn new(path: &Path, hash: gix::hash::Kind, how: How<'_>) -> Self {
        let mut opened = Self { path: path.to_owned(), pack: None, problems: Vec::new() };
        let (pack, index) = (path.with_extension("pack"), path.with_extension("idx"));
        let is_covered = || record_key(&index, hash).is_some_and(|key| how.covered.contains(&key));
        let covered = how.all && pack.exists() || !how.covered.is_empty() && is_covered();
        let known = if covered {
            Pack::covered(&index, hash)
        } else {
            how.records.and_then(|records| Pack::recorded(&index, hash, records))
        };
        if known.is_some() {
            opened.pack = known;
            return opened;
        }
        let name = pack.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut damaged = Vec::new();
        let wrong = match verify::check(&index, hash) {
            _ if !index.exists() => Some((&pack, "the pack has no index".to_owned())),
            Verdict::NoPack(why) => {
                opened.problems.push(problem(&pack, "the pack cannot be read", &why));
                return opened;
            }
            Verdict::WrongIndex(why) => Some((&index, format!("the index of the pack is damaged or wrong: {why}"))),
            Verdict::Damaged(ids) => {
                damaged = ids;
                None
            }
            Verdict::Sound => None,
        };
        let Some((which, why)) = wrong else {
            match Pack::open(&index, hash) {
                Ok(mut pack) => {
                    pack.suspect(&damaged);
                    opened.pack = Some(pack);
                }
                Err(e) => opened.problems.push(from_error(&index, &e)),
            }
            return opened;
        };
        let (made, rest) = match reindex::reindex(&pack, &index, hash) {
            Ok(made) => {
                let rest = match &made.lost {
                    Some(lost) => format!("of the pack, {lost}"),
                    None if made.doubtful.is_empty() => "all that it holds was read all the same".to_owned(),
                    None => "the pack is damaged, too, and was read as far as it is whole".to_owned(),
                };
                let pack = Pack::with_index(made.index.path(), &pack, hash).map(|mut pack| {
                    pack.suspect(&made.doubtful);
                    pack
                });
                (pack.map_err(|e| e.to_string()), rest)
            }
            Err(e) => (Err(e), String::new()),
        };
        let rest = match &made {
            Ok(_) => rest,
            Err(e) => format!("nothing of it was read: {e}"),
        };
        opened.problems.push(Problem {
            help: Some(format!("`git index-pack` on {name} makes a new one; `git fsck` shows what is damaged")),
            ..problem(which, &why, &rest)
        });
        opened.pack = made.ok();
        opened
    }
}

fn from_error(path: &Path, error: &Error) -> Problem {
    Problem {
        object: path.display().to_string(),
        what: error.to_string(),
        help: error.advice().map(str::to_owned),
        accepted: false,
    }
}
