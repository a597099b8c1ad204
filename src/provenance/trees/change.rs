//! What a tree changes in another one: entry by entry, with only the part decoded that differs.

use std::collections::HashMap;

use super::Item;
use crate::provenance::parse;

/// An entry of a tree and where it ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) end: u32,
    pub(super) item: Item,
}

/// Where an entry begins: where the one before it ends.
fn begin(entries: &[Entry], at: usize) -> usize {
    at.checked_sub(1).map_or(0, |before| entries[before].end as usize)
}

/// The part of a tree that differs from its base.
pub(super) struct Change<'a> {
    /// So many entries of the base stand unchanged before it.
    pub(super) kept: usize,
    /// The entries of the tree in it, with their ends.
    pub(super) fresh: Vec<(parse::TreeEntry<'a>, u32)>,
    /// From this entry of the base on all stand unchanged behind it.
    pub(super) rest: usize,
    /// How far those moved.
    pub(super) shift: i32,
}

/// Compares a tree with its base. Both agree on where entries begin in front of the first difference; behind the last one
/// they agree as soon as both begin an entry at the same place.
pub(super) fn change<'a>(old: &[u8], entries: &[Entry], new: &'a [u8], hash_len: usize) -> Change<'a> {
    let same = common_prefix(old, new);
    let kept = entries.partition_point(|e| e.end as usize <= same);
    let start = begin(entries, kept);
    let tail = common_prefix_back(&old[start..], &new[start..]);
    let first_same = old.len() - tail;
    let shift = new.len() as isize - old.len() as isize;
    let mut rest = kept;
    let mut at = start;
    let mut fresh = Vec::new();
    let mut parsed = parse::tree(&new[start..], hash_len);
    loop {
        let joins = |rest: usize| begin(entries, rest) as isize + shift;
        while rest < entries.len() && (begin(entries, rest) < first_same || joins(rest) < at as isize) {
            rest += 1;
        }
        if rest < entries.len() && joins(rest) == at as isize {
            break;
        }
        let Some(entry) = parsed.next() else {
            rest = entries.len();
            break;
        };
        at = entry.id.as_ptr_range().end as usize - new.as_ptr() as usize;
        fresh.push((entry, at as u32));
    }
    Change { kept, fresh, rest, shift: shift as i32 }
}

/// Finds the entries of a base that those of a tree replace. Both are in git's order of names, but nothing depends on it.
pub(super) struct Matcher<'a> {
    old: &'a [u8],
    entries: &'a [Entry],
    first: usize,
    hash_len: usize,
    /// Which of them are in the tree as they were.
    same: Vec<bool>,
    next: usize,
    found: usize,
    /// For long lists that are out of step.
    by_name: Option<HashMap<&'a [u8], usize>>,
}

/// Entries that are looked through one by one before names are sorted into a table.
const NEAR: usize = 8;

impl<'a> Matcher<'a> {
    pub(super) fn new(old: &'a [u8], entries: &'a [Entry], range: std::ops::Range<usize>, hash_len: usize) -> Self {
        let same = vec![false; range.len()];
        let first = range.start;
        Self { old, entries, first, hash_len, same, next: 0, found: 0, by_name: None }
    }

    /// Name and id of one of them.
    fn parts(&self, at: usize) -> (&'a [u8], &'a [u8]) {
        let at = self.first + at;
        let (start, end) = (begin(self.entries, at), self.entries[at].end as usize);
        let (head, id) = self.old[start..end].split_at(end - start - self.hash_len);
        let name = memchr::memchr(b' ', head).map_or(0, |space| space + 1);
        (&head[name..head.len() - 1], id)
    }

    /// What stood under a name.
    pub(super) fn find(&mut self, name: &[u8]) -> Option<(Item, &'a [u8])> {
        let near = (self.next..self.same.len()).take(NEAR).find(|&at| self.parts(at).0 == name);
        let at = match near {
            Some(at) => at,
            None if self.same.len() <= NEAR && self.next == 0 => return None,
            None => {
                if self.by_name.is_none() {
                    self.by_name = Some((0..self.same.len()).rev().map(|at| (self.parts(at).0, at)).collect());
                }
                *self.by_name.as_ref()?.get(name)?
            }
        };
        if self.same[at] {
            // A damaged tree has the same entry twice.
            return None;
        }
        (self.next, self.found) = (at + 1, at);
        Some((self.entries[self.first + at].item, self.parts(at).1))
    }

    /// The entry that was found last is in the tree as it was.
    pub(super) fn keep(&mut self) {
        self.same[self.found] = true;
    }

    pub(super) fn removed(&self) -> impl Iterator<Item = Item> + '_ {
        (0..self.same.len()).filter(|&at| !self.same[at]).map(|at| self.entries[self.first + at].item)
    }
}

/// How many bytes two texts begin with alike.
fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    // Blocks of a size that is known are compared without a call.
    let (a_blocks, b_blocks) = (a.as_chunks::<32>().0, b.as_chunks::<32>().0);
    let blocks = a_blocks.iter().zip(b_blocks).take_while(|(a, b)| a == b).count() * 32;
    blocks + a[blocks..].iter().zip(&b[blocks..]).take_while(|(a, b)| a == b).count()
}

/// How many bytes two texts end with alike.
fn common_prefix_back(a: &[u8], b: &[u8]) -> usize {
    let (a_blocks, b_blocks) = (a.as_rchunks::<32>().1, b.as_rchunks::<32>().1);
    let blocks = a_blocks.iter().rev().zip(b_blocks.iter().rev()).take_while(|(a, b)| a == b).count() * 32;
    let (a, b) = (&a[..a.len() - blocks], &b[..b.len() - blocks]);
    blocks + a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::super::NONE;
    use super::*;
    use proptest::prelude::*;

    type Pair = (Vec<u8>, u8);

    fn bytes(entries: &[Pair]) -> Vec<u8> {
        entries.iter().flat_map(|(name, id)| [b"100644 ", &name[..], b"\0", &[*id; 20]].concat()).collect()
    }

    /// The entries of a tree as a walk remembers them; what they stand for is not looked at here.
    fn entries(tree: &[u8]) -> Vec<Entry> {
        let item = Item { name: NONE, object: NONE };
        let end = |e: &parse::TreeEntry<'_>| e.id.as_ptr_range().end as usize - tree.as_ptr() as usize;
        parse::tree(tree, 20).map(|e| Entry { end: end(&e) as u32, item }).collect()
    }

    fn pairs(tree: &[u8]) -> Vec<Pair> {
        parse::tree(tree, 20).map(|e| (e.name.to_vec(), e.id[0])).collect()
    }

    /// A tree as its base without what it removes and with what it adds, sorted.
    fn rebuilt(old: &[u8], new: &[u8]) -> Vec<Pair> {
        let base = entries(old);
        let Change { kept, fresh, rest, shift } = change(old, &base, new, 20);
        let mut matcher = Matcher::new(old, &base, kept..rest, 20);
        let mut all: Vec<Pair> = Vec::new();
        for (entry, _) in &fresh {
            match matcher.find(entry.name) {
                Some((_, id)) if id == entry.id => matcher.keep(),
                _ => all.push((entry.name.to_vec(), entry.id[0])),
            }
        }
        let before = pairs(old);
        let removed: Vec<usize> = (0..rest - kept).filter(|&at| !matcher.same[at]).map(|at| kept + at).collect();
        all.extend(before.into_iter().enumerate().filter(|(at, _)| !removed.contains(at)).map(|(_, pair)| pair));
        // Those that stand behind the change end where they are said to.
        let ends: Vec<u32> = entries(new).iter().map(|e| e.end).collect();
        let moved: Vec<u32> = base[rest..].iter().map(|e| e.end.wrapping_add_signed(shift)).collect();
        assert!(ends.ends_with(&moved));
        all.sort();
        all
    }

    fn tree() -> impl Strategy<Value = Vec<Pair>> {
        proptest::collection::vec(("[a-c]{1,3}", 0..3u8).prop_map(|(name, id)| (name.into_bytes(), id)), 0..24)
    }

    proptest! {
        #[test]
        fn a_tree_is_its_base_and_its_changes(old in tree(), new in tree(), sorted: bool) {
            let order = |mut entries: Vec<Pair>| {
                if sorted {
                    entries.sort();
                    entries.dedup_by(|a, b| a.0 == b.0);
                }
                entries
            };
            let (old, new) = (bytes(&order(old)), bytes(&order(new)));
            let mut want = pairs(&new);
            want.sort();
            prop_assert_eq!(rebuilt(&old, &new), want);
        }

        #[test]
        fn small_changes_of_large_trees(mut list in proptest::collection::btree_map("[a-z]{1,6}", 0..250u8, 30..80), edits in proptest::collection::vec(("[a-z]{1,6}", any::<prop::sample::Index>(), 0..3u8), 1..6)) {
            let of = |list: &std::collections::BTreeMap<String, u8>| {
                bytes(&list.iter().map(|(name, id)| (name.clone().into_bytes(), *id)).collect::<Vec<_>>())
            };
            let old = of(&list);
            for (name, at, what) in edits {
                let known = at.get(&list.keys().cloned().collect::<Vec<_>>()).clone();
                match what {
                    0 => { list.insert(name, 251); }
                    1 => { list.remove(&known); }
                    _ => { list.insert(known, 252); }
                }
            }
            let new = of(&list);
            let mut want = pairs(&new);
            want.sort();
            prop_assert_eq!(rebuilt(&old, &new), want);
        }

        #[test]
        fn anything_can_be_a_tree(old in any::<Vec<u8>>(), new in any::<Vec<u8>>()) {
            let mut want = pairs(&new);
            want.sort();
            prop_assert_eq!(rebuilt(&old, &new), want);
        }
    }

    #[test]
    fn names_that_hold_the_start_of_an_entry_join_nowhere() {
        // From the second byte on, the base reads like another tree.
        let old = bytes(&[(b"x100644 a".to_vec(), 1), (b"b".to_vec(), 2)]);
        let new = bytes(&[(b"a".to_vec(), 1), (b"b".to_vec(), 2)]);
        assert_eq!(rebuilt(&old, &new), pairs(&new));
    }
}
