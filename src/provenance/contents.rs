//! What trees hold of the wanted things. Trees that hold the same have the same number, so that comparing costs nothing.

use std::cell::Cell;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bstr::BString;

use super::trees::{Item, NONE, Tree, Trees};

/// Deepest tree that is followed.
const MAX_DEPTH: usize = 512;

/// A wanted blob, or a wanted name, which is a thing of its own wherever it stands.
pub(super) type Thing = u32;

/// Marks the things that are names.
pub(super) const NAME: u32 = 1 << 31;

/// A thing with another number for its object.
pub(super) fn renumbered(thing: Thing, numbers: &[u32]) -> Thing {
    numbers.get(thing as usize).copied().unwrap_or(thing)
}

/// A set of small numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
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
    /// How many objects there are.
    pub(super) objects: usize,
    pub(super) blobs: Bits,
    pub(super) names: Bits,
}

/// An entry of a content: a name with a thing, or with the number of another content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Child {
    pub(super) name: u32,
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum What {
    Thing(Thing),
    Content(u32),
}

/// The number of a path in [`Paths`].
pub(super) type PathId = u32;

/// Paths as a name under another path.
#[derive(Debug, Default)]
pub(super) struct Paths {
    known: HashMap<(PathId, u32), PathId>,
    pub(super) list: Vec<(PathId, u32)>,
}

impl Paths {
    pub(super) const ROOT: PathId = NONE;

    /// Paths in the order of their numbers.
    pub(super) fn from_list(list: Vec<(PathId, u32)>) -> Self {
        Self { known: list.iter().copied().zip(0..).collect(), list }
    }

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
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// The content of each tree, by its object.
    pub(super) of: Vec<u32>,
    /// Filled when a content is to be numbered.
    pub(super) numbers: HashMap<Arc<[Child]>, u32>,
    pub(super) contents: Vec<Arc<[Child]>>,
    pub(super) paths: Paths,
}

impl Contents {
    /// The number of trees without anything wanted.
    pub(super) const NOTHING: u32 = 0;

    /// Finds out what trees hold that were not looked at before: those of `range`, in which bases of deltas are, too. No tree
    /// before them holds one of them.
    pub(super) fn extend(&mut self, trees: &Trees, range: Range<usize>, wanted: &Wanted) {
        self.of.resize(self.of.len().max(wanted.objects), Self::NOTHING);
        if self.contents.is_empty() {
            self.number(Vec::new());
        }
        let lists = Lists::new(trees, range.clone(), wanted, &self.of);
        if lists.items.is_empty() {
            return;
        }
        if self.numbers.is_empty() {
            self.numbers = (0..).zip(&self.contents).map(|(number, list)| (Arc::clone(list), number)).collect();
        }
        let mut numbering = Numbering { contents: self, wanted, content_of: vec![NONE; lists.lists.len()], lists };
        for tree in trees.range(range) {
            numbering.below(tree.object, 0);
        }
    }

    /// The same with other numbers for so many objects.
    pub(super) fn renumber(&mut self, numbers: &[u32], objects: usize) {
        let old = std::mem::replace(&mut self.of, vec![Self::NOTHING; objects]);
        for (number, content) in numbers.iter().zip(old) {
            // Of an object in two packs only the first copy is looked at.
            if content != Self::NOTHING {
                self.of[*number as usize] = content;
            }
        }
        for list in &mut self.contents {
            let renumbered = |child: &Child| match child.what {
                What::Thing(thing) => Child { what: What::Thing(renumbered(thing, numbers)), ..*child },
                What::Content(_) => *child,
            };
            let mut children: Vec<Child> = list.iter().map(renumbered).collect();
            children.sort_unstable();
            *list = children.into();
        }
        self.numbers.clear();
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
    pub(super) fn of(&self, tree: u32) -> u32 {
        self.of.get(tree as usize).copied().unwrap_or(Self::NOTHING)
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

/// The entries of trees that lead to something wanted.
struct Lists {
    /// Number of the list of the tree that an object is, and one; 0 for those that hold nothing.
    of: Vec<u32>,
    /// Where each list stands in `items`.
    lists: Vec<(u32, u32)>,
    items: Vec<Item>,
}

impl Lists {
    /// Makes the lists of trees; one that changes no entry of its base that leads anywhere shares that of its base.
    fn new(trees: &Trees, range: Range<usize>, wanted: &Wanted, known: &[u32]) -> Self {
        let marked = mark(trees, range.clone(), wanted, known);
        let mut all = Self { of: vec![0; wanted.objects], lists: Vec::new(), items: Vec::new() };
        let mut of_tree: Vec<u32> = Vec::with_capacity(range.len());
        for tree in trees.range(range.clone()) {
            let base = tree.base.map_or(NONE, |base| of_tree[base - range.start]);
            let leading = |items: &[Item]| -> Vec<Item> {
                items.iter().filter(|item| leads(item, &marked, wanted)).copied().collect()
            };
            let (removed, added) = (leading(tree.removed), leading(tree.added));
            let own = if !removed.is_empty() || !added.is_empty() { all.add(base, &removed, added) } else { base };
            of_tree.push(own);
            if let Some(place) = all.of.get_mut(tree.object as usize) {
                *place = own.wrapping_add(1);
            }
        }
        all
    }

    /// Adds a list made of another one.
    fn add(&mut self, base: u32, removed: &[Item], added: Vec<Item>) -> u32 {
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
    }
}

/// Gives numbers to the contents of trees.
struct Numbering<'a> {
    contents: &'a mut Contents,
    wanted: &'a Wanted,
    lists: Lists,
    /// The content of each list; [`NONE`] if it is not known yet.
    content_of: Vec<u32>,
}

impl Numbering<'_> {
    fn below(&mut self, tree: u32, depth: usize) -> u32 {
        let known = self.contents.of(tree);
        if known != Contents::NOTHING {
            return known;
        }
        let Some(list) = self.lists.of.get(tree as usize).and_then(|list| list.checked_sub(1)) else {
            return Contents::NOTHING;
        };
        let mut content = self.content_of[list as usize];
        if content == NONE {
            content = self.content(list, depth);
            self.content_of[list as usize] = content;
        }
        self.contents.of[tree as usize] = content;
        content
    }

    fn content(&mut self, list: u32, depth: usize) -> u32 {
        let (start, len) = self.lists.lists[list as usize];
        let mut children = Vec::with_capacity(len as usize);
        for at in start..start + len {
            let Item { name, object } = self.lists.items[at as usize];
            if self.wanted.names.has(name) {
                children.push(Child { name, what: What::Thing(NAME | name) });
            }
            if self.wanted.blobs.has(object) {
                children.push(Child { name, what: What::Thing(object) });
            } else if depth < MAX_DEPTH {
                let content = self.below(object, depth + 1);
                if content != Contents::NOTHING {
                    children.push(Child { name, what: What::Content(content) });
                }
            }
        }
        children.sort_unstable();
        self.contents.number(children)
    }
}

/// Marks the wanted blobs, and all trees from which something wanted can be reached. Each round marks the trees that hold
/// something that was marked before it: as many rounds as directories are deep, each over the changes of all trees.
fn mark(trees: &Trees, range: Range<usize>, wanted: &Wanted, known: &[u32]) -> Bits {
    let mut marked = wanted.blobs.clone();
    marked.0.resize(wanted.objects.div_ceil(64), 0);
    let holding = (0..).zip(known).filter(|(_, content)| **content != Contents::NOTHING);
    holding.for_each(|(object, _)| marked.set(object));
    let mut held: Vec<u32> = vec![0; range.len()];
    loop {
        let mut fresh = Vec::new();
        for (at, Tree { object, base, removed, added }) in trees.range(range.clone()).enumerate() {
            let count = |items: &[Item]| items.iter().filter(|item| leads(item, &marked, wanted)).count() as u32;
            held[at] = (base.map_or(0, |base| held[base - range.start]) + count(added)).saturating_sub(count(removed));
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

/// Which contents hold each thing and each other content.
#[derive(Debug, Default)]
pub(super) struct Above {
    /// Where the holders of each content begin, and those of all, one after the other.
    starts: Vec<u32>,
    holders: Vec<u32>,
    /// Things and the contents that hold them, sorted.
    things: Vec<(Thing, u32)>,
}

impl Above {
    pub(super) fn new(contents: &Contents) -> Self {
        let all =
            || (0..).zip(&contents.contents).flat_map(|(at, list)| list.iter().map(move |child| (at, child.what)));
        let mut above = Self { starts: vec![0; contents.contents.len() + 2], ..Self::default() };
        for (at, what) in all() {
            match what {
                What::Thing(thing) => above.things.push((thing, at)),
                What::Content(below) => above.starts[below as usize + 2] += 1,
            }
        }
        above.things.sort_unstable();
        for at in 1..above.starts.len() {
            above.starts[at] += above.starts[at - 1];
        }
        above.holders = vec![0; above.starts.last().map_or(0, |end| *end as usize)];
        for (at, what) in all() {
            if let What::Content(below) = what {
                let place = &mut above.starts[below as usize + 1];
                above.holders[*place as usize] = at;
                *place += 1;
            }
        }
        above
    }

    fn of(&self, content: u32) -> &[u32] {
        &self.holders[self.starts[content as usize] as usize..self.starts[content as usize + 1] as usize]
    }
}

thread_local! {
    /// Which set each content was last found to hold something of, and how many there were: clearing a mark for each content
    /// would take longer than finding the few that hold something.
    static MARKS: Cell<Marks> = const { Cell::new(Marks { last: Vec::new(), round: 0 }) };
}

#[derive(Debug, Default)]
struct Marks {
    last: Vec<u32>,
    round: u32,
}

impl Marks {
    /// Begins with another set.
    fn begin(&mut self, contents: usize) {
        if self.round == u32::MAX {
            self.last.clear();
            self.round = 0;
        }
        self.round += 1;
        if self.last.len() < contents {
            self.last.resize(contents, 0);
        }
    }
}

/// Answers which contents hold something of a set.
#[derive(Debug)]
pub(super) struct Holders<'a> {
    contents: &'a Contents,
    /// Sorted.
    set: &'a [Thing],
    marks: Marks,
    all: Vec<u32>,
}

impl Drop for Holders<'_> {
    fn drop(&mut self) {
        MARKS.set(std::mem::take(&mut self.marks));
    }
}

impl<'a> Holders<'a> {
    pub(super) fn new(contents: &'a Contents, above: &Above, set: &'a [Thing]) -> Self {
        let mut marks = MARKS.take();
        marks.begin(contents.contents.len());
        let (mut stack, mut all): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
        for thing in set {
            let first = above.things.partition_point(|(other, _)| other < thing);
            stack.extend(above.things[first..].iter().take_while(|(other, _)| other == thing).map(|(_, at)| *at));
        }
        while let Some(at) = stack.pop() {
            if std::mem::replace(&mut marks.last[at as usize], marks.round) != marks.round {
                all.push(at);
                stack.extend(above.of(at));
            }
        }
        Self { contents, set, marks, all }
    }

    /// All contents that hold something of the set, in no order.
    pub(super) fn all(&self) -> &[u32] {
        &self.all
    }

    /// The set.
    pub(super) fn things(&self) -> impl Iterator<Item = Thing> {
        self.set.iter().copied()
    }

    pub(super) fn wants(&self, thing: Thing) -> bool {
        self.set.binary_search(&thing).is_ok()
    }

    /// Does a content hold something of the set?
    pub(super) fn has(&self, content: u32) -> bool {
        self.marks.last.get(content as usize) == Some(&self.marks.round)
    }

    /// The paths at which a content holds something of the set; only those that were seen in a difference, which are all
    /// that anybody can ask for.
    pub(super) fn paths(&self, content: u32) -> Vec<PathId> {
        let mut paths = Vec::new();
        self.paths_below(content, Paths::ROOT, &mut paths);
        paths.sort_unstable();
        paths.dedup();
        paths
    }

    fn paths_below(&self, content: u32, path: PathId, paths: &mut Vec<PathId>) {
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
