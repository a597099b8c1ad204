//! Objects by their id, for work that needs a few of them: the commits of a range, what is staged.
//!
//! Replace refs and grafts have no say: what is looked at is what git would send to others.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use gix::ObjectId;
use gix::objs::{Find, FindHeader};

use crate::error::{Error, Result};
use crate::source::HUGE;
use crate::source::inflate::Content;
use crate::source::objects::Objects;
use crate::source::pack::ObjectKind;
use crate::source::repository::Repository;

/// Object stores that git names to its hooks in the environment: what is being pushed is in quarantine, beside the
/// repository's own objects, until the push is accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quarantine(Vec<PathBuf>);

impl Quarantine {
    /// Reads `GIT_OBJECT_DIRECTORY` and `GIT_ALTERNATE_OBJECT_DIRECTORIES`.
    pub fn from_env() -> Self {
        let own = std::env::var_os("GIT_OBJECT_DIRECTORY").map(PathBuf::from);
        let others = std::env::var_os("GIT_ALTERNATE_OBJECT_DIRECTORIES").map(directories).unwrap_or_default();
        Self(own.into_iter().chain(others).collect())
    }
}

/// Directories of a list as git writes it: one that holds a separator stands in quotes.
fn directories(list: OsString) -> Vec<PathBuf> {
    std::env::split_paths(&list)
        .filter(|p| !p.as_os_str().is_empty())
        .map(|p| match p.to_str().and_then(|t| t.strip_prefix('"')?.strip_suffix('"')) {
            Some(quoted) => PathBuf::from(quoted),
            None => p,
        })
        .collect()
}

/// Reads objects by id. Each thread works with a clone of its own.
#[derive(Clone)]
pub struct Lookup {
    hash: gix::hash::Kind,
    stores: Vec<gix::odb::Handle>,
    /// The directories of the stores, and what they hold, opened when something in them turns out to be damaged.
    directories: Vec<PathBuf>,
    whole: Arc<OnceLock<Vec<Objects>>>,
    /// The same without a look into packs, for blobs that are too large to be held.
    unread: Arc<OnceLock<Vec<Objects>>>,
}

impl std::fmt::Debug for Lookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lookup({} stores)", self.stores.len())
    }
}

/// An object that was asked for and cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lost {
    /// No store has it.
    Missing,
    /// It is there and cannot be read.
    Damaged(String),
    /// It is of another kind than the object that names it says.
    Unexpected(ObjectKind),
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str("it is missing"),
            Self::Damaged(why) => write!(f, "it cannot be read: {why}"),
            Self::Unexpected(kind) => write!(f, "it is a {}, which it should not be", kind.as_str()),
        }
    }
}

impl Lookup {
    /// Opens the stores of a repository and those in quarantine.
    pub fn open(repository: &Repository, quarantine: &Quarantine) -> Result<Self> {
        let own = repository.common_dir.join("objects");
        let hash = repository.repo.object_hash();
        let open = |path: &PathBuf| {
            gix::odb::at(path, hash)
                .map(|mut handle| {
                    handle.set_pack_cache(|| Box::new(gix::odb::pack::cache::lru::StaticLinkedList::<64>::default()));
                    handle
                })
                .map_err(|e| Error::new(format!("the object store {} cannot be opened", path.display())).cause(e))
        };
        let directories: Vec<PathBuf> = quarantine.0.iter().filter(|q| **q != own).chain([&own]).cloned().collect();
        let stores = directories.iter().map(open).collect::<Result<_>>()?;
        Ok(Self { hash, stores, directories, whole: Arc::default(), unread: Arc::default() })
    }

    /// The kind of ids.
    pub fn hash(&self) -> gix::hash::Kind {
        self.hash
    }

    /// Reads an object.
    pub fn get(&self, id: &gix::oid) -> Result<(ObjectKind, Vec<u8>), Lost> {
        let mut buffer = Vec::new();
        let mut damage = None;
        for store in &self.stores {
            match store.try_find(id, &mut buffer) {
                Ok(Some(data)) => {
                    let kind = match data.kind {
                        gix::objs::Kind::Blob => ObjectKind::Blob,
                        gix::objs::Kind::Tree => ObjectKind::Tree,
                        gix::objs::Kind::Commit => ObjectKind::Commit,
                        gix::objs::Kind::Tag => ObjectKind::Tag,
                    };
                    return Ok((kind, buffer));
                }
                Ok(None) => {}
                Err(e) => damage = Some(e.to_string()),
            }
        }
        // git knows the empty tree without having it.
        if id == ObjectId::empty_tree(self.hash) {
            return Ok((ObjectKind::Tree, Vec::new()));
        }
        match damage {
            None => Err(Lost::Missing),
            Some(why) => self.elsewhere(id).ok_or(Lost::Damaged(why)),
        }
    }

    /// A blob larger than [`HUGE`], if it can be read piece by piece.
    pub fn large(&self, id: &gix::oid) -> Option<Content<'_>> {
        let about = self.stores.iter().find_map(|store| store.try_header(id).ok()?)?;
        if about.kind != gix::objs::Kind::Blob || about.size <= HUGE {
            return None;
        }
        let open = || self.directories.iter().filter_map(|store| Objects::open_unread(store, self.hash)).collect();
        self.unread.get_or_init(open).iter().find_map(|objects| objects.large(id))
    }

    /// An object that is damaged where it was looked for first, from wherever it is whole.
    fn elsewhere(&self, id: &gix::oid) -> Option<(ObjectKind, Vec<u8>)> {
        let open = || self.directories.iter().map(|store| Objects::open(store, self.hash)).collect();
        self.whole.get_or_init(open).iter().find_map(|objects| objects.get(id))
    }

    /// Reads an object that must be of a kind.
    pub fn expect(&self, id: &gix::oid, want: ObjectKind) -> Result<Vec<u8>, Lost> {
        match self.get(id)? {
            (kind, bytes) if kind == want => Ok(bytes),
            (kind, _) => Err(Lost::Unexpected(kind)),
        }
    }

    /// What a chain of annotated tags ends at, with the tags on the way.
    pub fn peel(&self, mut id: ObjectId) -> Result<Peeled, Lost> {
        let mut tags = Vec::new();
        loop {
            let (kind, bytes) = self.get(&id)?;
            if kind != ObjectKind::Tag || tags.len() == 64 {
                return Ok(Peeled { kind, id, tags });
            }
            let next = bytes.split(|&b| b == b'\n').next().and_then(|l| l.strip_prefix(b"object "));
            let next = next.and_then(|hex| ObjectId::from_hex(hex).ok());
            tags.push((id, bytes));
            id = next.ok_or_else(|| Lost::Damaged("the tag names no object".into()))?;
        }
    }
}

/// What a ref or a tag stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peeled {
    /// Kind of the object at the end.
    pub kind: ObjectKind,
    /// The object at the end.
    pub id: ObjectId,
    /// Annotated tags on the way, with their bytes.
    pub tags: Vec<(ObjectId, Vec<u8>)>,
}
