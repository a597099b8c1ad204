//! Where bytes come from: files on disk and objects of a git repository.

pub mod delta;
pub mod inflate;
pub mod lookup;
pub mod objects;
pub mod pack;
pub mod repository;
pub mod revision;
pub mod worktree;
