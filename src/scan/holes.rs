//! Holes in a history: what is missing, cut off or damaged, in words.

use std::collections::BTreeMap;

use gix::ObjectId;
use gix::hashtable::HashSet;

use crate::finding::Problem;

/// What commits name and no store has: commit, what it is of it, and the id.
pub(super) type Missing = (ObjectId, &'static str, ObjectId);

/// Commits whose tree or parents are missing.
pub(super) fn of_commits(missing: &[Missing], shallow: &HashSet, partial: bool) -> Vec<Problem> {
    let missing = missing.iter().filter(|(commit, what, _)| *what != "parent" || !shallow.contains(commit));
    // Each once, by the first commit that names it.
    let mut named: BTreeMap<ObjectId, (ObjectId, &str)> = BTreeMap::new();
    for (commit, what, id) in missing {
        let first = named.entry(*id).or_insert((*commit, *what));
        *first = (*first).min((*commit, *what));
    }
    let missing: Vec<Problem> = named
        .into_iter()
        .map(|(id, (commit, what))| {
            problem(
                &format!("object {id}"),
                format!("it is missing: the {what} of commit {commit}"),
                "run `git fsck`; fetch the repository again to get the missing objects",
            )
        })
        .collect();
    if partial { promised(&missing) } else { missing }
}

/// A shallow clone is cut off.
pub(super) fn shallow(commits: usize) -> Problem {
    let what =
        format!("this is a shallow clone, cut off at {}: what is older was not scanned", counted(commits, "commit"));
    problem("history", what, "run `git fetch --unshallow`, or accept it with --allow-incomplete")
}

/// A pack is damaged, and all of it could be read.
pub(super) fn saved(pack: &str, count: u64) -> String {
    let (what, them) = if count == 1 { ("object is", "it") } else { ("objects are", "them") };
    format!("{count} {what} damaged in {pack}, and nothing of {them} is lost (`git fsck` tells more)")
}

pub(super) fn problem(object: &str, what: String, help: &str) -> Problem {
    Problem { object: object.to_owned(), what, help: Some(help.to_owned()), accepted: false }
}

/// Most missing objects that are named one by one.
const NAMED: usize = 20;

const FETCH_ALL: &str = "run `git fetch --refetch --no-filter`, or accept it with --allow-incomplete";

/// What commits name and a partial clone does not have: a filter such as `tree:0` leaves out thousands.
fn promised(missing: &[Problem]) -> Vec<Problem> {
    let objects: std::collections::BTreeSet<&str> = missing.iter().map(|p| p.object.as_str()).collect();
    let Some(first) = objects.first() else { return Vec::new() };
    let what = format!(
        "{} that its commits name ({first} is the first): missing, since this is a partial clone",
        counted(objects.len(), "object")
    );
    vec![problem("history", what, FETCH_ALL)]
}

/// Objects that trees name and no store has.
pub(super) fn missing_objects(missing: &[ObjectId], partial: bool) -> Vec<Problem> {
    let help =
        if partial { FETCH_ALL } else { "run `git fsck`; fetch the repository again to get the missing objects" };
    let count = missing.len();
    if count == 0 {
        return Vec::new();
    }
    if partial {
        let what = format!(
            "{} that its trees name (object {} is the first): missing, since this is a partial clone",
            counted(count, "object"),
            missing[0]
        );
        return vec![problem("history", what, help)];
    }
    let mut problems: Vec<Problem> = missing
        .iter()
        .take(NAMED)
        .map(|id| problem(&format!("object {id}"), "it is missing: a tree names it".into(), help))
        .collect();
    if count > NAMED {
        problems.push(problem("history", format!("{} more are missing", counted(count - NAMED, "object")), help));
    }
    problems
}

/// "1 commit", "2 commits".
pub(super) fn counted(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}
