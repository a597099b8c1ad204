//! Parts of a history: which commits a range holds, what each of them changes, and what is staged.
//!
//! Everything here follows ids, from commits to trees to the files that differ; the cost grows with the range and not with
//! the repository. `docs/ranges.md` says what a range reports.

mod changes;
mod ends;
mod staged;
mod walk;

use bstr::BString;
pub use gix::ObjectId;

pub use changes::Comparer;
pub use ends::{Ends, Known, Push, Selection};
pub use staged::{Staged, staged};
pub use walk::{Commit, Walk, walk};

use crate::error::{Error, Result};
use crate::finding::Problem;
use crate::provenance::parse;
use crate::source::lookup::Lookup;
use crate::source::pack::ObjectKind;

/// A file that differs from those of the same path in all parents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its path.
    pub path: BString,
    /// Its content.
    pub id: ObjectId,
    /// What each parent has at the path.
    pub old: Vec<Option<ObjectId>>,
}

/// What one commit, or the index, changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The commit; `None` is the index.
    pub commit: Option<ObjectId>,
    /// Files that are not as in any parent, sorted by path.
    pub changes: Vec<Change>,
    /// How files that went away are found, for each parent.
    pub gone: Vec<Gone>,
}

/// Files of a parent that are no longer there: content may have come from them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gone {
    /// To be found by comparing the trees: the parent's and the commit's.
    Between(ObjectId, ObjectId),
    /// Known.
    Files(Vec<(BString, ObjectId)>),
}

/// Says that an object cannot be had.
pub fn lost(id: &gix::oid, what: &str, help: &str) -> Problem {
    Problem { object: format!("object {id}"), what: what.to_owned(), help: Some(help.to_owned()), accepted: false }
}

/// The tree of a commit.
pub fn tree_of(lookup: &Lookup, id: &gix::oid) -> Result<ObjectId> {
    let help = "`git fsck` shows what is damaged";
    let bytes =
        lookup.expect(id, ObjectKind::Commit).map_err(|lost| Error::new(format!("commit {id}: {lost}")).help(help))?;
    let data = parse::commit(&bytes).ok_or_else(|| Error::new(format!("commit {id} is damaged")).help(help))?;
    Ok(data.tree)
}
