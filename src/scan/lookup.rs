//! Which blob stands at a path of a commit: for entries of other scanners, which name a place and not a secret.

use std::path::Path;

use bstr::ByteSlice;
use gix::ObjectId;

use crate::error::Result;
use crate::provenance::parse;
use crate::source::objects::Objects;
use crate::source::pack::ObjectKind;
use crate::source::repository::Repository;

/// The objects of a repository, by commit and path.
pub struct Lookup(Objects);

impl Lookup {
    /// Opens the repository at exactly this path; `None` if there is none.
    pub fn open(path: &Path) -> Result<Option<Self>> {
        Ok(Repository::at(path)?.map(|repository| Self(repository.objects())))
    }

    /// Hex id of the blob at a path of a commit; `None` if the commit, or the path in it, is not there.
    pub fn blob(&self, commit: &str, path: &str) -> Option<String> {
        let id = ObjectId::from_hex(commit.as_bytes()).ok()?;
        let (ObjectKind::Commit, bytes) = self.0.get(&id)? else { return None };
        let mut at = parse::commit(&bytes)?.tree;
        for name in path.split('/') {
            let (ObjectKind::Tree, tree) = self.0.get(&at)? else { return None };
            let entry = parse::tree(&tree, at.as_bytes().len()).find(|e| e.name == name.as_bytes().as_bstr())?;
            at = ObjectId::try_from(entry.id).ok()?;
        }
        Some(at.to_string())
    }
}
