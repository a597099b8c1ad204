//! The prefilter: where in a text could a rule match?
//!
//! It may say yes wrongly, never no wrongly: every match of every rule holds one of the hits found here, by
//! construction of [`Anchoring`]. Three kinds of hit:
//!
//! * a literal inside a run of 16 or more token characters (`[A-Za-z0-9_+/=.-]`): nearly every token with a prefix. Runs
//!   are few, so this is what makes scanning fast;
//! * a literal anywhere (`-----BEGIN`, `://`), a short list searched for by a vectorised multi-pattern matcher;
//! * a value: a run that looks random, for rules that go by length and context words.

use std::ops::Range;

use aho_corasick::packed;

use crate::detect::runs;
use crate::rules::format::is_token_byte;
use crate::rules::{Anchoring, RuleSet};

/// Shortest run of token characters that is looked into.
pub const MIN_RUN: usize = 16;
/// Longest run that is judged as one value; longer ones are looked at piece by piece.
const MAX_VALUE: usize = 512;
/// Bytes of a literal that the matcher for literals anywhere compares; the rest is compared afterwards.
const ANYWHERE_KEY: usize = 6;

/// A place where some rule could match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hit {
    /// Where the literal, or the run, begins.
    pub at: usize,
    /// What was found there.
    pub what: What,
}

/// What a hit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// A literal, by its index in [`Prefilter::literal_rules`].
    Literal(u32),
    /// A value-like run of this length.
    Value(u32),
}

/// The compiled prefilter of a rule set.
#[derive(Debug)]
pub struct Prefilter {
    literals: Vec<Literal>,
    /// One bit for each hash of three bytes that a literal in a run begins with.
    bits: Box<[u64; 1024]>,
    /// Three-byte keys with the literal they belong to, sorted.
    keys: Vec<(u32, u32)>,
    anywhere: Option<packed::Searcher>,
    /// Patterns of `anywhere`: literals that begin with each.
    anywhere_literals: Vec<Vec<u32>>,
    values: bool,
    lone_values: Vec<usize>,
}

#[derive(Debug)]
struct Literal {
    bytes: Vec<u8>,
    /// Compare in any letter case?
    any_case: bool,
    rules: Vec<usize>,
}

impl Prefilter {
    /// Compiles the prefilter of a rule set.
    pub fn new(set: &RuleSet) -> Self {
        let mut filter = Self {
            literals: Vec::new(),
            bits: Box::new([0; 1024]),
            keys: Vec::new(),
            anywhere: None,
            anywhere_literals: Vec::new(),
            values: false,
            lone_values: Vec::new(),
        };
        let (mut in_run, mut anywhere) = (Vec::new(), Vec::new());
        for (index, rule) in set.rules().iter().enumerate() {
            match &rule.anchoring {
                Anchoring::Literal(anchor) => {
                    for text in &anchor.literals {
                        let literal = filter.literal(text, false, index);
                        if anchor.in_run { &mut in_run } else { &mut anywhere }.push(literal);
                    }
                }
                Anchoring::Words(words) => {
                    for word in words {
                        let literal = filter.literal(word.as_bytes(), true, index);
                        anywhere.push(literal);
                    }
                }
                Anchoring::Value => {
                    filter.values = true;
                    if rule.context.is_none() {
                        filter.lone_values.push(index);
                    }
                }
            }
        }
        in_run.iter().for_each(|&literal| filter.index_in_run(literal));
        filter.keys.sort_unstable();
        filter.keys.dedup();
        filter.index_anywhere(&anywhere);
        filter
    }

    /// Rules that a literal belongs to.
    pub fn literal_rules(&self, literal: u32) -> &[usize] {
        &self.literals[literal as usize].rules
    }

    /// Rules that go by the length of a value alone.
    pub fn lone_values(&self) -> &[usize] {
        &self.lone_values
    }

    /// Length of a literal.
    pub fn literal_len(&self, literal: u32) -> usize {
        self.literals[literal as usize].bytes.len()
    }

    fn literal(&mut self, bytes: &[u8], any_case: bool, rule: usize) -> u32 {
        let known = self.literals.iter().position(|l| l.bytes == bytes && l.any_case == any_case);
        let index = known.unwrap_or_else(|| {
            self.literals.push(Literal { bytes: bytes.to_vec(), any_case, rules: Vec::new() });
            self.literals.len() - 1
        });
        if !self.literals[index].rules.contains(&rule) {
            self.literals[index].rules.push(rule);
        }
        index as u32
    }

    fn index_in_run(&mut self, literal: u32) {
        let bytes = &self.literals[literal as usize].bytes;
        let keys: Vec<[u8; 3]> = match bytes.as_slice() {
            [a, b] => (0..=255).filter(|&c| is_token_byte(c)).map(|c| [*a, *b, c]).collect(),
            longer => vec![[longer[0], longer[1], longer[2]]],
        };
        for key in keys {
            let key = key3(key);
            self.keys.push((key, literal));
            let hash = hash16(key);
            self.bits[hash >> 6] |= 1 << (hash & 63);
        }
    }

    fn index_anywhere(&mut self, literals: &[u32]) {
        let mut patterns: Vec<(Vec<u8>, Vec<u32>)> = Vec::new();
        for &literal in literals {
            let Literal { bytes, any_case, .. } = &self.literals[literal as usize];
            let heads = if *any_case {
                case_variants(&bytes[..3])
            } else {
                vec![bytes[..bytes.len().min(ANYWHERE_KEY)].to_vec()]
            };
            for head in heads {
                match patterns.iter_mut().find(|(p, _)| *p == head) {
                    Some((_, list)) if !list.contains(&literal) => list.push(literal),
                    Some(_) => {}
                    None => patterns.push((head, vec![literal])),
                }
            }
        }
        if patterns.is_empty() {
            return;
        }
        let mut builder = packed::Config::new().builder();
        builder.extend(patterns.iter().map(|(p, _)| p));
        self.anywhere = builder.build();
        self.anywhere_literals = patterns.into_iter().map(|(_, literals)| literals).collect();
    }

    /// Adds all hits whose literal or run begins in `range` of `hay`, in ascending order. Bytes around the range are
    /// looked at to judge runs and to compare literals.
    pub fn find(&self, hay: &[u8], range: Range<usize>, hits: &mut Vec<Hit>) {
        let first = hits.len();
        self.find_anywhere(hay, range.clone(), hits);
        runs::for_each(hay, range, |run| {
            self.find_in_run(hay, run.clone(), hits);
            if self.values {
                find_values(hay, run, hits);
            }
        });
        hits[first..].sort_unstable();
    }

    fn find_anywhere(&self, hay: &[u8], range: Range<usize>, hits: &mut Vec<Hit>) {
        let Some(searcher) = &self.anywhere else { return };
        // A literal that begins in the range may end behind it.
        let end = (range.end + ANYWHERE_KEY).min(hay.len());
        let mut at = range.start;
        while at < range.end {
            let Some(found) = searcher.find_in(hay, aho_corasick::Span { start: at, end }) else { break };
            if found.start() >= range.end {
                break;
            }
            // Patterns that begin at the same place: the searcher gives one of them, so all are compared.
            for literals in &self.anywhere_literals {
                for &literal in literals {
                    self.push_if_there(hay, found.start(), literal, hits);
                }
            }
            at = found.start() + 1;
        }
    }

    fn find_in_run(&self, hay: &[u8], run: Range<usize>, hits: &mut Vec<Hit>) {
        for at in run.start..run.end.saturating_sub(2) {
            let key = key3([hay[at], hay[at + 1], hay[at + 2]]);
            let hash = hash16(key);
            if self.bits[hash >> 6] >> (hash & 63) & 1 == 1 {
                let from = self.keys.partition_point(|(k, _)| *k < key);
                for (_, literal) in self.keys[from..].iter().take_while(|(k, _)| *k == key) {
                    self.push_if_there(hay, at, *literal, hits);
                }
            }
        }
    }

    fn push_if_there(&self, hay: &[u8], at: usize, literal: u32, hits: &mut Vec<Hit>) {
        let Literal { bytes, any_case, .. } = &self.literals[literal as usize];
        let there = hay
            .get(at..at + bytes.len())
            .is_some_and(|text| if *any_case { text.eq_ignore_ascii_case(bytes) } else { text == bytes.as_slice() });
        if there {
            hits.push(Hit { at, what: What::Literal(literal) });
        }
    }
}

/// Keeps the pieces of a run in which a value that looks random could begin.
fn find_values(hay: &[u8], run: Range<usize>, hits: &mut Vec<Hit>) {
    let mut start = run.start;
    while start < run.end {
        let end = run.end.min(start + MAX_VALUE);
        // A value that begins in this piece is judged by its first bytes, which may lie in the next one.
        if looks_random(&hay[start..hay.len().min(end + JUDGED)]) {
            hits.push(Hit { at: start, what: What::Value((end - start) as u32) });
        }
        start = end;
    }
}

/// Bytes at the start of a value that [`looks_random`] judges.
pub const JUDGED: usize = 128;

/// Is a value worth a look? It holds a digit, or changes between letter cases often. What this says of a text holds for
/// every longer text around it.
pub fn looks_random(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_digit)
        || value.windows(2).filter(|w| w[0].is_ascii_uppercase() != w[1].is_ascii_uppercase()).count() >= 5
}

#[inline]
fn key3(bytes: [u8; 3]) -> u32 {
    u32::from(bytes[0]) | u32::from(bytes[1]) << 8 | u32::from(bytes[2]) << 16
}

#[inline]
fn hash16(key: u32) -> usize {
    (key.wrapping_mul(0x9e37_79b1) >> 16) as usize
}

fn case_variants(text: &[u8]) -> Vec<Vec<u8>> {
    text.iter().fold(vec![Vec::new()], |heads, byte| {
        let mut cases = vec![byte.to_ascii_lowercase(), byte.to_ascii_uppercase()];
        cases.dedup();
        heads.iter().flat_map(|h: &Vec<u8>| cases.iter().map(move |c| [h.as_slice(), &[*c]].concat())).collect()
    })
}
