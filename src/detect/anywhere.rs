//! Literals of four bytes or more that can stand anywhere: `-----BEGIN`, `https://`, labels.
//!
//! Of each, four bytes are looked for, those of all at once; the rest is compared where these stand.

use std::ops::Range;

use crate::detect::keys::Keys;
use crate::detect::nibbles::{KEY, Nibbles};
use crate::detect::prefilter::Literal;

/// Where the key begins at most: what is before it has to be looked at again after a change.
const FURTHEST: usize = 12;

/// The compiled search.
#[derive(Debug, Default)]
pub struct Anywhere {
    /// Literals with the offset of the key in them, by key.
    keys: Keys<(u32, usize)>,
    /// Where the key begins at most.
    last: usize,
}

impl Anywhere {
    /// Compiles the search for literals with their numbers; gives with it what tells where a key could be.
    pub fn new<'l>(literals: impl Iterator<Item = (&'l Literal, u32)>) -> (Self, Nibbles) {
        let literals: Vec<_> = literals.filter(|(literal, _)| literal.bytes.len() >= KEY).collect();
        let texts = literals.iter().map(|(literal, _)| (literal.bytes.as_slice(), literal.any_case));
        let (nibbles, offsets) = Nibbles::inside(texts, FURTHEST);
        let mut keys = Vec::new();
        for ((literal, number), offset) in literals.iter().zip(&offsets) {
            let key = literal.bytes[*offset..].iter().take(KEY).copied().collect();
            let key = Literal { bytes: key, any_case: literal.any_case, rules: Vec::new() };
            for spelling in key.spellings() {
                keys.extend(spelling.first_chunk().map(|key| (*key, (*number, *offset))));
            }
        }
        (Self { keys: Keys::new(keys), last: offsets.into_iter().max().unwrap_or(0) }, nibbles)
    }

    /// May these bytes be the key of a literal?
    #[inline(always)]
    pub fn may_have(&self, bytes: [u8; KEY]) -> bool {
        self.keys.may_have(bytes)
    }

    /// Calls `f` with place and number of each literal whose key these bytes at a place are, if it begins in `range`.
    #[inline]
    pub fn at(&self, bytes: [u8; KEY], key: usize, range: &Range<usize>, mut f: impl FnMut(usize, u32)) {
        for (literal, offset) in self.keys.get(bytes) {
            match key.checked_sub(offset) {
                Some(start) if range.contains(&start) => f(start, literal),
                _ => {}
            }
        }
    }

    /// The places behind a range where the keys of literals can stand that begin in it.
    pub fn behind(&self, range: &Range<usize>) -> Range<usize> {
        range.end..range.end + self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn search(texts: &[(&str, bool)]) -> (Vec<Literal>, Anywhere, Nibbles) {
        let literals: Vec<Literal> = texts
            .iter()
            .map(|(t, any_case)| Literal { bytes: t.as_bytes().to_vec(), any_case: *any_case, rules: Vec::new() })
            .collect();
        let (anywhere, nibbles) = Anywhere::new(literals.iter().enumerate().map(|(i, l)| (l, i as u32)));
        (literals, anywhere, nibbles)
    }

    proptest! {
        #[test]
        fn finds_every_literal_in_every_range(hay in "[abA:/ ]{0,80}", start in 0usize..80, len in 0usize..80) {
            let (literals, anywhere, nibbles) = search(&[("a://", false), ("abab", false), ("ab:ab a", false), ("bab:a", true)]);
            let hay = hay.as_bytes();
            let start = start.min(hay.len());
            let range = start..(start + len).min(hay.len());
            let there = |at: usize, l: &Literal| hay.get(at..at + l.bytes.len()).is_some_and(|t| if l.any_case { t.eq_ignore_ascii_case(&l.bytes) } else { t == l.bytes });
            let mut found = Vec::new();
            for key in range.start..anywhere.behind(&range).end {
                let mut some = false;
                let four = std::array::from_fn(|i| hay.get(key + i).copied().unwrap_or(0));
                anywhere.at(four, key, &range, |at, literal| {
                    some = true;
                    if there(at, &literals[literal as usize]) {
                        found.push((at, literal));
                    }
                });
                prop_assert!(!some || nibbles.buckets(&hay[key..]) != 0);
            }
            found.sort_unstable();
            let want: Vec<_> = range.flat_map(|at| (0..literals.len()).map(move |l| (at, l as u32))).filter(|(at, l)| there(*at, &literals[*l as usize])).collect();
            prop_assert_eq!(found, want);
        }
    }
}
