//! Which of git's ignore files can be used: a scanned directory may be hostile, and the walk opens whatever has their name.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

/// Bytes of the ignore files of a directory and those above it together. Patterns take some hundred times their length in
/// memory when they are compiled.
const MOST: u64 = 512 << 10;

/// Shorter ones are not added up.
const SHORT: u64 = 1 << 10;

/// Longest `.git` file or `commondir` that is opened.
const LONGEST_LINK: u64 = 1 << 16;

/// The ignore file that keeps a directory from being walked with ignore files, and why. `root` is the directory that is
/// scanned.
pub(super) fn unusable(directory: &Path, root: &Path) -> Option<(PathBuf, String)> {
    let own = directory.join(".gitignore");
    let meta = fs::metadata(&own).ok();
    if let Some(why) = meta.as_ref().and_then(|meta| odd(meta, MOST)) {
        return Some((own, why));
    }
    if meta.is_some_and(|meta| meta.len() > SHORT) {
        let above = directory.ancestors().take_while(|above| above.starts_with(root));
        if above.map(|above| length(&above.join(".gitignore"))).sum::<u64>() > MOST {
            return Some((own, format!("it and those above it are longer than {} KiB together", MOST >> 10)));
        }
    }
    let git = directory.join(".git");
    match fs::metadata(&git) {
        Ok(meta) if meta.is_dir() => exclude(&git),
        Ok(_) => linked(directory, &git),
        Err(_) => None,
    }
}

/// The same of the directories above, whose ignore files count, too.
pub(super) fn unusable_above(root: &Path) -> Option<(PathBuf, String)> {
    let full = root.canonicalize().ok()?;
    full.ancestors().skip(1).find_map(|above| unusable(above, above))
}

/// Follows the `.git` file of a linked working tree or a submodule, as the walk does.
fn linked(directory: &Path, git: &Path) -> Option<(PathBuf, String)> {
    if let Some(why) = odd_file(git, LONGEST_LINK) {
        return Some((git.to_owned(), why));
    }
    let text = fs::read_to_string(git).ok()?;
    let real = PathBuf::from(text.lines().next()?.strip_prefix("gitdir: ")?);
    let common = real.join("commondir");
    if let Some(why) = odd_file(&common, LONGEST_LINK) {
        return Some((common, why));
    }
    let line = fs::read_to_string(&common).ok()?;
    let line = line.lines().next()?;
    let base = if line.starts_with('.') { real.join(line) } else { PathBuf::from(line) };
    exclude(&directory.join(base))
}

fn exclude(git: &Path) -> Option<(PathBuf, String)> {
    let path = git.join("info/exclude");
    odd_file(&path, MOST).map(|why| (path, why))
}

/// Why a file is not to be opened, if it is there at all.
fn odd_file(path: &Path, most: u64) -> Option<String> {
    odd(&fs::metadata(path).ok()?, most)
}

fn odd(meta: &Metadata, most: u64) -> Option<String> {
    // A directory cannot be read either, but does no harm.
    if !meta.is_file() && !meta.is_dir() {
        return Some("it is not a regular file".to_owned());
    }
    (meta.len() > most).then(|| format!("it is longer than {} KiB", most >> 10))
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |meta| meta.len())
}
