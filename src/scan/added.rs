//! What a commit adds: the matches that its files have and that the files they came from had not.
//!
//! Counted, for each rule and secret, over all files that the commit changes: what a file lost and another one gained has
//! moved (a rename, with an edit or without), and a copy beside the original is one more. A merge adds what it has beyond
//! each of its parents.

use std::collections::{BTreeMap, BTreeSet};

use bstr::{BString, ByteSlice};
use gix::ObjectId;

use crate::range::Step;
use crate::scan::collect::{Entry, Key, Sighting};
use crate::source::lookup::Lookup;
use crate::source::pack::ObjectKind;

/// What stands in each blob that has anything, sorted by key.
pub(super) type Found = BTreeMap<ObjectId, Vec<(Key, Entry)>>;

/// Files that went away, for each parent.
pub(super) type Gone = Vec<Vec<(BString, ObjectId)>>;

/// Sightings that a change adds: the numbers of those in the blob's entry.
#[derive(Debug)]
pub(super) struct Fresh<'a> {
    /// Which change of the step.
    pub(super) change: usize,
    pub(super) key: &'a Key,
    pub(super) sightings: Vec<usize>,
}

/// How often a blob has a secret.
fn count(found: &Found, id: &ObjectId, key: &Key) -> usize {
    let Some(entries) = found.get(id) else { return 0 };
    let at = entries.binary_search_by(|(have, _)| have.cmp(key));
    at.map_or(0, |at| entries[at].1.sightings.len().max(1))
}

/// Secrets of which the files have more than each parent's files of the same path, with how many more. Files that went
/// away are taken into account where they are given.
fn gains<'a>(step: &Step, found: &'a Found, gone: Option<&Gone>) -> Vec<(&'a Key, usize)> {
    let keys: BTreeSet<&Key> =
        step.changes.iter().filter_map(|c| found.get(&c.id)).flatten().map(|(key, _)| key).collect();
    let parents = step.changes.first().map_or(0, |c| c.old.len());
    let mut gains = Vec::new();
    for key in keys {
        let new: usize = step.changes.iter().map(|c| count(found, &c.id, key)).sum();
        let had = |parent: usize| -> usize {
            let same: usize = step.changes.iter().filter_map(|c| c.old[parent]).map(|id| count(found, &id, key)).sum();
            let left = gone.and_then(|g| g.get(parent)).map_or(&[] as &[_], Vec::as_slice);
            same + left.iter().map(|(_, id)| count(found, id, key)).sum::<usize>()
        };
        let most = (0..parents).map(had).max().unwrap_or(0);
        if new > most {
            gains.push((key, new - most));
        }
    }
    gains
}

/// Does a step have anything that its parents' files of the same path have not?
pub(super) fn may_add(step: &Step, found: &Found) -> bool {
    !gains(step, found, None).is_empty()
}

/// What a step adds. All blobs that it names, and those that went away, have been scanned.
pub(super) fn fresh<'a>(step: &Step, found: &'a Found, gone: &Gone, lookup: &Lookup) -> Vec<Fresh<'a>> {
    let mut all = Vec::new();
    for (key, more) in gains(step, found, Some(gone)) {
        choose(step, found, gone, lookup, key, more, &mut all);
    }
    all.sort_by(|a, b| (a.change, a.key).cmp(&(b.change, b.key)));
    all
}

/// Chooses which `more` sightings are the new ones: in files that gained, on lines that were added.
fn choose<'a>(
    step: &Step,
    found: &'a Found,
    gone: &Gone,
    lookup: &Lookup,
    key: &'a Key,
    more: usize,
    all: &mut Vec<Fresh<'a>>,
) {
    let holders = || (0..step.changes.len()).filter(|at| count(found, &step.changes[*at].id, key) > 0);
    let total: usize = holders().map(|at| count(found, &step.changes[at].id, key)).sum();
    let mut ranked: Vec<(bool, bool, usize, usize)> = Vec::new();
    for at in holders() {
        let change = &step.changes[at];
        let entry = entry(found, &change.id, key);
        let sources: Vec<ObjectId> = (0..change.old.len())
            .filter_map(|parent| change.old[parent].or_else(|| source(found, gone.get(parent)?, key)))
            .collect();
        let here = count(found, &change.id, key);
        let gained = sources.iter().all(|id| here > count(found, id, key));
        // Only where there is a choice does it matter which lines are new.
        let lines = if total > more { added_lines(lookup, &change.id, &sources) } else { None };
        if entry.sightings.is_empty() {
            ranked.push((!gained, false, at, usize::MAX));
        }
        for (number, sighting) in entry.sightings.iter().enumerate() {
            let added = lines.as_ref().is_none_or(|lines| is_added(lines, sighting));
            ranked.push((!gained, !added, at, number));
        }
    }
    ranked.sort_unstable();
    let mut by_change: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (_, _, at, number) in ranked.into_iter().take(more) {
        by_change.entry(at).or_default().extend((number != usize::MAX).then_some(number));
    }
    all.extend(by_change.into_iter().map(|(change, sightings)| Fresh { change, key, sightings }));
}

/// An entry that is known to be there.
pub(super) fn entry<'a>(found: &'a Found, id: &ObjectId, key: &Key) -> &'a Entry {
    let entries = &found[id];
    let at = entries.binary_search_by(|(have, _)| have.cmp(key)).expect("the blob was counted to have it");
    &entries[at].1
}

/// The file that went away from which a new file probably came: the one that has the secret.
fn source(found: &Found, gone: &[(BString, ObjectId)], key: &Key) -> Option<ObjectId> {
    gone.iter().map(|(_, id)| *id).find(|id| count(found, id, key) > 0)
}

fn is_added(lines: &[bool], sighting: &Sighting) -> bool {
    if sighting.member.is_some() {
        // Lines of a member are no lines of the file.
        return true;
    }
    let (first, last) = (sighting.position.line, sighting.position.end_line.max(sighting.position.line));
    (first..=last).any(|line| lines.get(line - 1).copied().unwrap_or(true))
}

/// For each line of a blob: is it in none of the others? `None` if one of them cannot be had.
fn added_lines(lookup: &Lookup, id: &ObjectId, sources: &[ObjectId]) -> Option<Vec<bool>> {
    let text = |id: &ObjectId| {
        let bytes = lookup.expect(id, ObjectKind::Blob).ok()?;
        Some(crate::detect::text::sniff(&bytes).bytes.into_owned())
    };
    let new = text(id)?;
    let mut added = vec![true; new.lines_with_terminator().count()];
    for source in sources {
        let old = text(source)?;
        let input = imara_diff::InternedInput::new(
            imara_diff::sources::byte_lines(&old),
            imara_diff::sources::byte_lines(&new),
        );
        let diff = imara_diff::Diff::compute(imara_diff::Algorithm::Histogram, &input);
        for (line, added) in added.iter_mut().enumerate() {
            *added &= diff.is_added(line as u32);
        }
    }
    Some(added)
}
