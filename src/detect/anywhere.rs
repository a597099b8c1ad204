//! The search for literals that can stand anywhere: `://`, `-----BEGIN`, labels.
//!
//! For each literal its rarest four bytes are looked for, all at once with a vectorised multi-pattern search (Teddy); shorter
//! literals one by one.

use std::ops::Range;

use aho_corasick::{AhoCorasick, Input, packed};
use memchr::memmem::Finder;

use crate::detect::prefilter::Literal;

/// Bytes of a literal that are looked for; the rest is compared afterwards.
const KEY: usize = 4;
/// How common a byte is in source text, in steps of about a factor of two; what is not named is rare.
const COMMON: [&[u8]; 3] = [b"etaoinsr ", b"lcdupmhfg_.", b"ybvwkxj,()-=\"':/*"];

/// The compiled search.
#[derive(Debug, Default)]
pub struct Anywhere {
    long: Option<Search>,
    /// Literals with the offset of the key in them, by key.
    keyed: Vec<Vec<(u32, usize)>>,
    short: Vec<(Finder<'static>, u32)>,
}

#[derive(Debug)]
enum Search {
    Packed(packed::Searcher),
    Automaton(AhoCorasick),
}

impl Search {
    fn next(&self, hay: &[u8], range: Range<usize>) -> Option<(usize, usize)> {
        let found = match self {
            Self::Packed(packed) => packed.find_in(hay, range.into()),
            Self::Automaton(automaton) => automaton.find(Input::new(hay).range(range)),
        };
        found.map(|m| (m.start(), m.pattern().as_usize()))
    }
}

impl Anywhere {
    /// Compiles the search for literals with their numbers.
    pub fn new<'l>(literals: impl Iterator<Item = (&'l Literal, u32)>) -> Self {
        let mut new = Self::default();
        let mut keys: Vec<Vec<u8>> = Vec::new();
        for (literal, number) in literals {
            let offset = rarest(&literal.bytes);
            let Some(key) = literal.bytes.get(offset..offset + KEY) else {
                new.add_short(literal, number);
                continue;
            };
            for key in (Literal { bytes: key.to_vec(), any_case: literal.any_case, rules: Vec::new() }).spellings() {
                let at = keys.iter().position(|k| *k == key).unwrap_or_else(|| {
                    keys.push(key);
                    new.keyed.push(Vec::new());
                    keys.len() - 1
                });
                if !new.keyed[at].contains(&(number, offset)) {
                    new.keyed[at].push((number, offset));
                }
            }
        }
        if !keys.is_empty() {
            let mut builder = packed::Config::new().heuristic_pattern_limits(false).builder();
            builder.extend(&keys);
            // Too many patterns (a user with many such rules), or no vectors on this machine: the automaton.
            let packed = builder.build().map(Search::Packed);
            new.long = packed.or_else(|| AhoCorasick::new(&keys).ok().map(Search::Automaton));
        }
        new
    }

    fn add_short(&mut self, literal: &Literal, number: u32) {
        for text in literal.spellings() {
            if !self.short.iter().any(|(finder, n)| finder.needle() == text && *n == number) {
                self.short.push((Finder::new(&text).into_owned(), number));
            }
        }
    }

    /// Calls `f` with place and number of each literal that could begin in `range` of `hay`.
    pub fn find(&self, hay: &[u8], range: Range<usize>, mut f: impl FnMut(usize, u32)) {
        if let Some(search) = &self.long {
            // The key stands somewhere inside the literal, so it may begin behind the range.
            let most = self.keyed.iter().flatten().map(|(_, offset)| offset + KEY).max().unwrap_or(KEY);
            let end = (range.end + most).min(hay.len());
            let mut at = range.start;
            while let Some((found, key)) = search.next(hay, at..end) {
                for &(literal, offset) in &self.keyed[key] {
                    match found.checked_sub(offset) {
                        Some(start) if range.contains(&start) => f(start, literal),
                        _ => {}
                    }
                }
                at = found + 1;
            }
        }
        for (finder, literal) in &self.short {
            let end = (range.end + finder.needle().len() - 1).min(hay.len());
            let mut at = range.start;
            while let Some(found) = hay.get(at..end).and_then(|part| finder.find(part)) {
                f(at + found, *literal);
                at += found + 1;
            }
        }
    }
}

/// Where the rarest key of a literal begins.
fn rarest(text: &[u8]) -> usize {
    let rarity = |byte: &u8| {
        COMMON
            .iter()
            .position(|c| c.contains(&byte.to_ascii_lowercase()))
            .map_or(4, |at| at + usize::from(byte.is_ascii_uppercase()) * 2)
    };
    let score = |at: &usize| (text[*at..*at + KEY].iter().map(rarity).sum::<usize>(), std::cmp::Reverse(*at));
    (0..(text.len() + 1).saturating_sub(KEY)).max_by_key(score).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn search(texts: &[(&str, bool)]) -> (Vec<Literal>, Anywhere) {
        let literals: Vec<Literal> = texts
            .iter()
            .map(|(t, any_case)| Literal { bytes: t.as_bytes().to_vec(), any_case: *any_case, rules: Vec::new() })
            .collect();
        let anywhere = Anywhere::new(literals.iter().enumerate().map(|(i, l)| (l, i as u32)));
        (literals, anywhere)
    }

    proptest! {
        #[test]
        fn finds_every_literal_in_every_range(hay in "[abA:/ ]{0,80}", start in 0usize..80, len in 0usize..80) {
            let (literals, anywhere) = search(&[("://", false), ("abab", false), ("ab:ab a", false), ("bab:a", true), ("aa", false)]);
            let hay = hay.as_bytes();
            let start = start.min(hay.len());
            let range = start..(start + len).min(hay.len());
            let there = |at: usize, l: &Literal| hay.get(at..at + l.bytes.len()).is_some_and(|t| if l.any_case { t.eq_ignore_ascii_case(&l.bytes) } else { t == l.bytes });
            let mut found = Vec::new();
            anywhere.find(hay, range.clone(), |at, literal| if there(at, &literals[literal as usize]) { found.push((at, literal)) });
            found.sort_unstable();
            found.dedup();
            let want: Vec<_> = range.flat_map(|at| (0..literals.len()).map(move |l| (at, l as u32))).filter(|(at, l)| there(*at, &literals[*l as usize])).collect();
            prop_assert_eq!(found, want);
        }
    }
}
