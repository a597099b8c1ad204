//! Where bytes come from: files on disk and objects of a git repository.

mod alternates;
pub mod delta;
pub mod git_dir;
pub mod git_files;
mod ignores;
pub mod inflate;
mod large;
pub mod lookup;
mod mend;
pub mod objects;
mod opened;
pub mod pack;
pub mod refs;
mod reindex;
pub mod repacked;
pub mod repository;
pub mod revision;
mod verify;
pub mod walk;
pub mod worktree;

/// Content longer than this, in bytes, is not held in memory as a whole where it can be read piece by piece.
pub const HUGE: u64 = 128 << 20;
