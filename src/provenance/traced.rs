//! What commits did to the wanted things: the part of provenance that stays true while a repository grows.

use std::collections::BTreeSet;
use std::ops::Range;

use rayon::prelude::*;

use super::Wanted;
use super::commits::{CommitList, Commits};
use super::contents::{self, At, Bits, Contents, PathId};
use super::trees::Trees;
use crate::source::objects::Objects;

/// A commit that brought something wanted in, or took it away.
#[derive(Debug)]
pub(super) struct Event {
    /// Place of the commit.
    pub(super) at: u32,
    /// What it has and none of its parents.
    pub(super) added: Vec<At>,
    /// What it does not have and a parent has, at paths where it differs from all of them; with the place of the parent.
    pub(super) removed: Vec<(u32, At)>,
}

/// What commits did to the wanted things. It grows with the repository: what is known stays true, whatever refs point to.
#[derive(Debug, Default)]
pub struct Traced {
    pub(super) commits: Commits,
    pub(super) contents: Contents,
    pub(super) events: Vec<Event>,
}

impl Traced {
    /// The same with other numbers for objects, of which there are so many now.
    pub fn renumber(&mut self, numbers: &[u32], objects: usize) {
        let places = self.commits.renumber(numbers);
        self.contents.renumber(numbers, objects);
        for event in &mut self.events {
            event.at = places[event.at as usize];
            let things = event.added.iter_mut().chain(event.removed.iter_mut().map(|(_, at)| at));
            things.for_each(|(_, thing)| *thing = contents::renumbered(*thing, numbers));
            event.added.sort_unstable();
        }
    }

    /// Adds commits and the trees at these places. None of what was added before may name one of them.
    pub fn extend(
        &mut self,
        objects: &Objects,
        trees: &Trees,
        places: Range<usize>,
        commits: CommitList,
        wanted: &Wanted,
    ) {
        let mut bits = contents::Wanted {
            objects: objects.len(),
            blobs: Bits::new(objects.len()),
            names: Bits::new(trees.names().len()),
        };
        let numbers: Vec<u32> = wanted.objects.par_iter().filter_map(|(id, _)| objects.number(id)).collect();
        numbers.into_iter().for_each(|number| bits.blobs.set(number));
        wanted.names.iter().for_each(|name| bits.names.set(*name));
        self.contents.extend(trees, places, &bits);
        let first = self.commits.len() as u32;
        self.commits.extend(commits, |tree| self.contents.of(tree));
        for at in first..self.commits.len() as u32 {
            let here = self.commits.content(at);
            let parents: Vec<u32> = self.commits.before(at).collect();
            if parents.contains(&here) || parents.is_empty() && here == Contents::NOTHING {
                continue;
            }
            let (added, removed) = changes(&mut self.contents, here, &parents);
            if !added.is_empty() || !removed.is_empty() {
                self.events.push(Event { at, added, removed });
            }
        }
    }
}

/// What a commit adds to all of its parents, and what it takes away where it differs from all of them.
fn changes(contents: &mut Contents, here: u32, parents: &[u32]) -> (Vec<At>, Vec<(u32, At)>) {
    let Some((&first, others)) = parents.split_first() else { return (contents.all(here), Vec::new()) };
    let [mut added, gone] = contents.difference(here, first);
    let mut removed: Vec<(u32, At)> = gone.into_iter().map(|at| (0, at)).collect();
    added.sort_unstable();
    for (n, &parent) in others.iter().enumerate() {
        let [more, gone] = contents.difference(here, parent);
        let more: BTreeSet<At> = more.into_iter().collect();
        added.retain(|at| more.contains(at));
        let paths: BTreeSet<PathId> = gone.iter().map(|(path, _)| *path).collect();
        let before: BTreeSet<PathId> = removed.iter().map(|(_, (path, _))| *path).collect();
        removed.retain(|(_, (path, _))| paths.contains(path));
        removed.extend(gone.into_iter().filter(|(path, _)| before.contains(path)).map(|at| (n as u32 + 1, at)));
    }
    (added, removed)
}
