//! What trees hold of the wanted things. Trees that hold the same have the same number, so that comparing costs nothing.

use std::collections::HashMap;
use std::sync::Arc;

use bstr::BString;

use super::trees::{Item, NONE, Tree, Trees};

/// Deepest tree that is followed.
const MAX_DEPTH: usize = 512;

/// A wanted blob, or a wanted name, which is a thing of its own wherever it stands.
pub(super) type Thing = u32;

/// Marks the things that are names.
pub(super) const NAME: u32 = 1 << 31;

/// A set of small numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    pub(super) fn new(len: usize) -> Self {
        Self(vec![0; len.div_ceil(64)])
    }

    pub(super) fn set(&mut self, at: u32) {
        self.0[at as usize / 64] |= 1 << (at % 64);
    }

    pub(super) fn has(&self, at: u32) -> bool {
        self.0.get(at as usize / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }
}

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    pub(super) blobs: Bits,
    pub(super) names: Bits,
}

/// An entry of a content: a name with a thing, or with the number of another content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Child {
    name: u32,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum What {
    Thing(Thing),
    Content(u32),
}

/// The number of a path in [`Paths`].
pub(super) type PathId = u32;

/// Paths as a name under another path.
#[derive(Debug, Default)]
pub(super) struct Paths {
    known: HashMap<(PathId, u32), PathId>,
    list: Vec<(PathId, u32)>,
}

impl Paths {
    pub(super) const ROOT: PathId = NONE;

    fn below(&mut self, path: PathId, name: u32) -> PathId {
        *self.known.entry((path, name)).or_insert_with(|| {
            self.list.push((path, name));
            self.list.len() as u32 - 1
        })
    }

    /// A path in full.
    pub(super) fn full(&self, path: PathId, trees: &Trees) -> BString {
        let mut names = Vec::new();
        let mut at = path;
        while at != Self::ROOT {
            let (above, name) = self.list[at as usize];
            names.push(&*trees.names()[name as usize]);
            at = above;
        }
        names.reverse();
        BString::from(names.join(&b'/'))
    }
}

/// A thing at a path.
pub(super) type At = (PathId, Thing);

/// The contents of all trees.
#[derive(Debug)]
pub(super) struct Contents {
    wanted: Wanted,
    /// The list of the tree that an object is; [`NONE`] for those that hold nothing.
    list_of: Vec<u32>,
    /// Where each list stands in `items`.
    lists: Vec<(u32, u32)>,
    items: Vec<Item>,
    /// The content of each list; [`NONE`] if it is not known yet.
    content_of: Vec<u32>,
    numbers: HashMap<Arc<[Child]>, u32>,
    contents: Vec<Arc<[Child]>>,
    pub(super) paths: Paths,
}

impl Contents {
    /// The number of trees without anything wanted.
    pub(super) const NOTHING: u32 = 0;

    /// Finds out which of the `objects` hold what.
    pub(super) fn new(trees: &Trees, objects: usize, wanted: Wanted) -> Self {
        let marked = mark(trees, objects, &wanted);
        let mut contents = Self {
            wanted,
            list_of: vec![NONE; objects],
            lists: Vec::new(),
            items: Vec::new(),
            content_of: Vec::new(),
            numbers: HashMap::new(),
            contents: Vec::new(),
            paths: Paths::default(),
        };
        contents.number(Vec::new());
        contents.list(trees, &marked);
        contents.content_of = vec![NONE; contents.lists.len()];
        contents
    }

    /// Makes the lists of entries that lead to something wanted; a tree that changes none of them shares that of its base.
    fn list(&mut self, trees: &Trees, marked: &Bits) {
        let mut of_tree: Vec<u32> = Vec::with_capacity(trees.len());
        for tree in trees.iter() {
            let base = tree.base.map_or(NONE, |base| of_tree[base]);
            let leading = |items: &[Item]| -> Vec<Item> {
                items.iter().filter(|item| leads(item, marked, &self.wanted)).copied().collect()
            };
            let (removed, added) = (leading(tree.removed), leading(tree.added));
            let own = if !removed.is_empty() || !added.is_empty() {
                let start = self.items.len();
                if base != NONE {
                    let (from, len) = self.lists[base as usize];
                    for at in from..from + len {
                        let item = self.items[at as usize];
                        if !removed.contains(&item) {
                            self.items.push(item);
                        }
                    }
                }
                self.items.extend(added);
                self.items[start..].sort_unstable();
                self.lists.push((start as u32, (self.items.len() - start) as u32));
                self.lists.len() as u32 - 1
            } else {
                base
            };
            of_tree.push(own);
            if let Some(place) = self.list_of.get_mut(tree.object as usize) {
                *place = own;
            }
        }
    }

    fn number(&mut self, list: Vec<Child>) -> u32 {
        let list: Arc<[Child]> = list.into();
        if let Some(number) = self.numbers.get(&list) {
            return *number;
        }
        let number = self.contents.len() as u32;
        self.contents.push(Arc::clone(&list));
        self.numbers.insert(list, number);
        number
    }

    /// The number of a tree's content.
    pub(super) fn of(&mut self, tree: u32) -> u32 {
        self.below(tree, 0)
    }

    fn below(&mut self, tree: u32, depth: usize) -> u32 {
        let Some(&list) = self.list_of.get(tree as usize).filter(|list| **list != NONE) else { return Self::NOTHING };
        let known = self.content_of[list as usize];
        if known != NONE {
            return known;
        }
        let (start, len) = self.lists[list as usize];
        let mut children = Vec::with_capacity(len as usize);
        for at in start..start + len {
            let Item { name, object } = self.items[at as usize];
            if self.wanted.names.has(name) {
                children.push(Child { name, what: What::Thing(NAME | name) });
            }
            if self.wanted.blobs.has(object) {
                children.push(Child { name, what: What::Thing(object) });
            } else if depth < MAX_DEPTH {
                let content = self.below(object, depth + 1);
                if content != Self::NOTHING {
                    children.push(Child { name, what: What::Content(content) });
                }
            }
        }
        children.sort_unstable();
        let number = self.number(children);
        self.content_of[list as usize] = number;
        number
    }

    /// Everything in a content with its path.
    pub(super) fn all(&mut self, content: u32) -> Vec<At> {
        let mut all = Vec::new();
        self.all_below(content, Paths::ROOT, &mut all);
        all
    }

    fn all_below(&mut self, content: u32, path: PathId, all: &mut Vec<At>) {
        for child in Arc::clone(&self.contents[content as usize]).iter() {
            let here = self.paths.below(path, child.name);
            match child.what {
                What::Thing(thing) => all.push((here, thing)),
                What::Content(below) => self.all_below(below, here, all),
            }
        }
    }

    /// What is only in the first, and what is only in the second.
    pub(super) fn difference(&mut self, first: u32, second: u32) -> [Vec<At>; 2] {
        let mut only = [Vec::new(), Vec::new()];
        self.difference_below([first, second], Paths::ROOT, &mut only);
        only
    }

    fn difference_below(&mut self, pair: [u32; 2], path: PathId, only: &mut [Vec<At>; 2]) {
        if pair[0] == pair[1] {
            return;
        }
        let lists = pair.map(|number| Arc::clone(&self.contents[number as usize]));
        let (mut a, mut b) = (&*lists[0], &*lists[1]);
        while let Some(name) = a.first().into_iter().chain(b.first()).map(|c| c.name).min() {
            let of = |list: &[Child]| list.iter().take_while(|c| c.name == name).count();
            let (here, there);
            (here, a) = a.split_at(of(a));
            (there, b) = b.split_at(of(b));
            if here == there {
                continue;
            }
            let path = self.paths.below(path, name);
            let content = |list: &[Child]| match list.last() {
                Some(Child { what: What::Content(number), .. }) => *number,
                _ => Self::NOTHING,
            };
            for (list, other, side) in [(here, there, 0), (there, here, 1)] {
                let things = list.iter().filter(|c| !other.contains(c)).filter_map(|c| match c.what {
                    What::Thing(thing) => Some((path, thing)),
                    What::Content(_) => None,
                });
                only[side].extend(things);
            }
            self.difference_below([content(here), content(there)], path, only);
        }
    }
}

/// Does an entry lead to something wanted?
fn leads(item: &Item, marked: &Bits, wanted: &Wanted) -> bool {
    item.object != NONE && marked.has(item.object) || wanted.names.has(item.name)
}

/// Marks the wanted blobs, and all trees from which something wanted can be reached. Each round marks the trees that hold
/// something that was marked before it: as many rounds as directories are deep, each over the changes of all trees.
fn mark(trees: &Trees, objects: usize, wanted: &Wanted) -> Bits {
    let mut marked = wanted.blobs.clone();
    marked.0.resize(objects.div_ceil(64), 0);
    let mut held: Vec<u32> = vec![0; trees.len()];
    loop {
        let mut fresh = Vec::new();
        for (at, Tree { object, base, removed, added }) in trees.iter().enumerate() {
            let count = |items: &[Item]| items.iter().filter(|item| leads(item, &marked, wanted)).count() as u32;
            held[at] = (base.map_or(0, |base| held[base]) + count(added)).saturating_sub(count(removed));
            if held[at] > 0 && object != NONE && !marked.has(object) {
                fresh.push(object);
            }
        }
        if fresh.is_empty() {
            return marked;
        }
        fresh.into_iter().for_each(|object| marked.set(object));
    }
}

/// Answers which contents hold something of a set.
#[derive(Debug)]
pub(super) struct Holders<'a> {
    contents: &'a Contents,
    /// Sorted.
    set: &'a [Thing],
    /// What is known of each content: 0 for nothing yet, 1 for no, 2 for yes.
    known: Vec<u8>,
}

impl<'a> Holders<'a> {
    pub(super) fn new(contents: &'a Contents, set: &'a [Thing]) -> Self {
        Self { contents, set, known: vec![0; contents.contents.len()] }
    }

    pub(super) fn wants(&self, thing: Thing) -> bool {
        self.set.binary_search(&thing).is_ok()
    }

    /// Does a content hold something of the set?
    pub(super) fn has(&mut self, content: u32) -> bool {
        if content == Contents::NOTHING {
            return false;
        }
        match self.known[content as usize] {
            0 => {}
            known => return known == 2,
        }
        let contents = self.contents;
        let has = contents.contents[content as usize].iter().any(|child| match child.what {
            What::Thing(thing) => self.wants(thing),
            What::Content(below) => self.has(below),
        });
        self.known[content as usize] = 1 + u8::from(has);
        has
    }

    /// The paths at which a content holds something of the set; only those that were seen in a difference, which are all
    /// that anybody can ask for.
    pub(super) fn paths(&mut self, content: u32) -> Vec<PathId> {
        let mut paths = Vec::new();
        self.paths_below(content, Paths::ROOT, &mut paths);
        paths.sort_unstable();
        paths.dedup();
        paths
    }

    fn paths_below(&mut self, content: u32, path: PathId, paths: &mut Vec<PathId>) {
        if !self.has(content) {
            return;
        }
        let contents = self.contents;
        for child in contents.contents[content as usize].iter() {
            let Some(&here) = contents.paths.known.get(&(path, child.name)) else { continue };
            match child.what {
                What::Thing(thing) if self.wants(thing) => paths.push(here),
                What::Thing(_) => {}
                What::Content(below) => self.paths_below(below, here, paths),
            }
        }
    }
}
