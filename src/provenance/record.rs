//! What commits did to the wanted things, as a record: a later scan goes on from there, without the trees.
//!
//! Objects are numbers, so a record belongs to certain packs in a certain order. Names of files and directories are in it
//! as far as something wanted stands below them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::commits::Commits;
use super::contents::{Child, Contents, PathId, Paths, Thing, What};
use super::traced::{Event, Traced};
use super::trees::{NONE, Trees};
use crate::cache::wire::{Reader, Writer};

/// Names by their numbers in a record. Their order is that of the numbers in the scan that wrote it, by which children are
/// sorted.
struct Names(BTreeMap<u32, u32>);

impl Names {
    fn of(traced: &Traced) -> Self {
        let in_contents = traced.contents.contents.iter().flat_map(|list| list.iter()).map(|child| child.name);
        let mut used: Vec<u32> = in_contents.chain(traced.contents.paths.list.iter().map(|(_, name)| *name)).collect();
        used.sort_unstable();
        used.dedup();
        Self(used.into_iter().zip(0..).collect())
    }

    fn code(&self, name: u32) -> u32 {
        self.0[&name]
    }
}

impl Traced {
    /// Writes a record. No name may be among the wanted things.
    pub fn write(&self, trees: &Trees, writer: &mut Writer) {
        let names = Names::of(self);
        let mut text = Vec::new();
        for name in names.0.keys() {
            text.extend_from_slice(&trees.names()[*name as usize]);
            text.push(0);
        }
        writer.bytes(&text);
        self.write_commits(writer);
        self.contents.write(&names, writer);
        self.write_events(writer);
    }

    fn write_commits(&self, writer: &mut Writer) {
        let rows = &self.commits.rows;
        writer.list(rows.iter().map(|row| row.object));
        writer.list(rows.iter().map(|row| row.content));
        writer.list(rows.iter().map(|row| row.time as u32));
        writer.list(rows.iter().map(|row| (row.time >> 32) as u32));
        writer.list((0..rows.len() as u32).map(|at| self.commits.parents(at).len() as u32));
        writer.list(self.commits.parents.iter().copied());
    }

    fn write_events(&self, writer: &mut Writer) {
        writer.list(self.events.iter().map(|event| event.at));
        writer.list(self.events.iter().map(|event| event.added.len() as u32));
        writer.list(self.events.iter().map(|event| event.removed.len() as u32));
        let added = || self.events.iter().flat_map(|event| &event.added);
        let removed = || self.events.iter().flat_map(|event| &event.removed);
        let lists: [Vec<u32>; 5] = [
            added().map(|(path, _)| *path).collect(),
            added().map(|(_, thing)| *thing).collect(),
            removed().map(|(parent, _)| *parent).collect(),
            removed().map(|(_, (path, _))| *path).collect(),
            removed().map(|(_, (_, thing))| *thing).collect(),
        ];
        lists.into_iter().for_each(|list| writer.list(list.into_iter()));
    }

    /// Reads a record about so many objects, and the names that its trees have; `None` if it is none.
    pub fn read(reader: &mut Reader<'_>, objects: usize) -> Option<(Self, Trees)> {
        let text = reader.bytes()?;
        let names = || text.split_inclusive(|b| *b == 0).map(|name| &name[..name.len() - 1]);
        let trees = Trees::with_names(names())?;
        let commits = Commits::from_parts(reader.lists()?)?;
        let contents = Contents::read(reader, objects, names().count())?;
        let all = contents.contents.len();
        if commits.rows.iter().any(|row| row.object as usize >= objects || row.content as usize >= all) {
            return None;
        }
        let events = read_events(reader, commits.len(), contents.paths.list.len())?;
        Some((Self { commits, contents, events }, trees))
    }
}

fn read_events(reader: &mut Reader<'_>, commits: usize, paths: usize) -> Option<Vec<Event>> {
    let [at, added, removed, added_paths, added_things, parents, removed_paths, removed_things] = reader.lists()?;
    let same = |lens: &[usize]| lens.windows(2).all(|pair| pair[0] == pair[1]);
    if !same(&[at.len(), added.len(), removed.len()])
        || !same(&[added_paths.len(), added_things.len()])
        || !same(&[parents.len(), removed_paths.len(), removed_things.len()])
        || at.iter().any(|at| *at as usize >= commits)
        || added_paths.iter().chain(&removed_paths).any(|path| *path as usize >= paths)
    {
        return None;
    }
    let mut all_added = added_paths.into_iter().zip(added_things);
    let mut all_removed = parents.into_iter().zip(removed_paths.into_iter().zip(removed_things));
    let mut take = |at: usize| {
        let (some, others) = (added[at] as usize, removed[at] as usize);
        let added: Vec<(PathId, Thing)> = all_added.by_ref().take(some).collect();
        let removed: Vec<(u32, (PathId, Thing))> = all_removed.by_ref().take(others).collect();
        (added.len() == some && removed.len() == others).then_some((added, removed))
    };
    let events = at.iter().enumerate().map(|(number, at)| take(number).map(|(added, removed)| (*at, added, removed)));
    events.map(|event| event.map(|(at, added, removed)| Event { at, added, removed })).collect()
}

impl Contents {
    fn write(&self, names: &Names, writer: &mut Writer) {
        let trees = || (0..).zip(&self.of).filter(|(_, content)| **content != Self::NOTHING);
        let (objects, contents): (Vec<u32>, Vec<u32>) = trees().map(|(object, content)| (object, *content)).unzip();
        writer.list(objects.into_iter());
        writer.list(contents.into_iter());
        writer.list(self.contents.iter().map(|list| list.len() as u32));
        let children = || self.contents.iter().flat_map(|list| list.iter());
        let (mut heads, mut things, mut below) = (Vec::new(), Vec::new(), Vec::new());
        for Child { name, what } in children() {
            let is_thing = match what {
                What::Thing(thing) => {
                    things.push(*thing);
                    1
                }
                What::Content(content) => {
                    below.push(*content);
                    0
                }
            };
            heads.push(names.code(*name) << 1 | is_thing);
        }
        [heads, things, below].into_iter().for_each(|list| writer.list(list.into_iter()));
        writer.list(self.paths.list.iter().map(|(above, _)| *above));
        writer.list(self.paths.list.iter().map(|(_, name)| names.code(*name)));
    }

    fn read(reader: &mut Reader<'_>, objects: usize, names: usize) -> Option<Self> {
        let [trees, of_trees, lens, heads, things, below, above, path_names] = reader.lists()?;
        let all = lens.len();
        let mut of = vec![Self::NOTHING; objects];
        if trees.len() != of_trees.len() || lens.first() != Some(&0) {
            return None;
        }
        for (tree, content) in trees.into_iter().zip(of_trees) {
            *of.get_mut(tree as usize)? = Some(content).filter(|content| (*content as usize) < all)?;
        }
        let (mut heads, mut things, mut below) = (heads.into_iter(), things.into_iter(), below.into_iter());
        let mut child = |own: u32| {
            let head = heads.next()?;
            let what = match head & 1 {
                1 => What::Thing(things.next()?),
                // Those that a content holds have numbers before its own.
                _ => What::Content(below.next().filter(|content| *content < own)?),
            };
            Some(Child { name: Some(head >> 1).filter(|name| (*name as usize) < names)?, what })
        };
        let lists = (0..).zip(lens).map(|(own, len)| (0..len).map(|_| child(own)).collect::<Option<Arc<[Child]>>>());
        let contents = lists.collect::<Option<Vec<_>>>()?;
        let paths: Vec<(PathId, u32)> = above.into_iter().zip(path_names).collect();
        let right = |(at, (above, name)): (usize, &(PathId, u32))| {
            (*above == NONE || (*above as usize) < at) && (*name as usize) < names
        };
        let right = paths.iter().enumerate().all(right);
        right.then(|| Self { of, contents, paths: Paths::from_list(paths), numbers: HashMap::new() })
    }
}
