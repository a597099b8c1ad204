//! Object stores that a store borrows from: `info/alternates`, followed as far as it leads.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};

use crate::finding::Problem;

/// A store and every store that it borrows from, each once, in the order in which they are named. As git does it, a path
/// that is not absolute begins at the store that names it, and a circle is no mistake. A store that is gone is a problem.
pub(super) fn stores(directory: &Path) -> (Vec<PathBuf>, Vec<Problem>) {
    let mut stores = vec![directory.to_owned()];
    let mut problems = Vec::new();
    let mut known: BTreeSet<PathBuf> = directory.canonicalize().into_iter().collect();
    let mut at = 0;
    while let Some(store) = stores.get(at).cloned() {
        at += 1;
        let file = store.join("info/alternates");
        let text = match fs::read(&file) {
            Ok(text) => text,
            Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => continue,
            Err(e) => {
                problems.push(problem(&file, format!("the alternates cannot be read: {e}")));
                continue;
            }
        };
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with(b"#")) {
            let named = unquoted(line);
            let other = store.join(named.to_path_lossy());
            match other.canonicalize() {
                Ok(full) if full.is_dir() => {
                    if known.insert(full) {
                        stores.push(other);
                    }
                }
                Ok(_) => problems.push(problem(&other, format!("it is no object store; {} names it", file.display()))),
                Err(e) => {
                    problems.push(problem(
                        &other,
                        format!("the object store is missing: {e}; {} names it", file.display()),
                    ));
                }
            }
        }
    }
    (stores, problems)
}

fn problem(path: &Path, what: String) -> Problem {
    Problem {
        object: path.display().to_string(),
        what,
        help: Some("put the object store back where it was, or fetch the repository again".into()),
        accepted: false,
    }
}

/// A path in double quotes is written as in C.
fn unquoted(line: &[u8]) -> BString {
    match line.first() {
        Some(b'"') => {
            gix::quote::ansi_c::undo(line.as_bstr()).map_or_else(|_| line.into(), |(path, _)| path.into_owned())
        }
        _ => line.into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn circles_comments_quotes_and_losses() {
        let room = tempfile::tempdir().unwrap();
        let store = |name: &str, alternates: &str| {
            let path = room.path().join(name);
            fs::create_dir_all(path.join("info")).unwrap();
            fs::write(path.join("info/alternates"), alternates).unwrap();
            path
        };
        let first = store("a", "# comment\n\n../b\n../gone\n../file\n");
        store("b", "\"../d\\\\d\"\n../a\n");
        store("d\\d", ".\n");
        fs::write(room.path().join("file"), "").unwrap();
        let (stores, problems) = stores(&first);
        let names: Vec<_> = stores.iter().map(|s| s.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["a", "b", "d\\d"]);
        let lost: Vec<_> = problems.iter().map(|p| p.object.rsplit('/').next().unwrap()).collect();
        assert_eq!(lost, ["gone", "file"]);
    }
}
