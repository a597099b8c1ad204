//! Detection: from the bytes of a blob to matches with an opinion.
//!
//! `prefilter` finds where a rule could match, `evaluate` runs the rules there, `score` judges. [`Detector::scan`] is the
//! plain way over a whole text; the history scan calls the steps itself, to look only at what changed.

mod anywhere;
mod boundary;
pub mod context;
pub mod evaluate;
pub mod excerpt;
pub mod incremental;
mod keys;
mod nibbles;
pub mod prefilter;
mod runs;
pub mod score;
mod shapes;
mod simd;
pub mod split;
pub mod text;
mod trigrams;
#[cfg(test)]
mod worst;

use std::ops::Range;

use crate::finding::{RawMatch, Verdict};
use crate::rules::RuleSet;
use context::{ContextIndex, WordCache};
use evaluate::{Evaluator, Read};
use prefilter::{Hit, Prefilter};
use shapes::Shapes;

/// A compiled rule set, ready to scan; shared by all workers.
#[derive(Debug)]
pub struct Detector {
    set: RuleSet,
    prefilter: Prefilter,
    context: ContextIndex,
    shapes: Shapes,
}

impl Detector {
    /// Compiles what scanning needs.
    pub fn new(set: RuleSet) -> Self {
        Self { prefilter: Prefilter::new(&set), context: ContextIndex::new(&set), shapes: Shapes::new(&set), set }
    }

    /// The rules in use.
    pub fn rules(&self) -> &RuleSet {
        &self.set
    }

    /// Adds the hits of a part of a text.
    pub fn prefilter(&self, hay: &[u8], range: Range<usize>, hits: &mut Vec<Hit>) {
        self.prefilter.find(hay, range, hits);
    }

    /// Bytes on each side of a change within which hits can come or go.
    pub fn reach(&self) -> usize {
        self.prefilter.reach()
    }

    /// How far from a seam hits can come or go: tighter than [`Detector::reach`].
    pub fn seam(&self) -> prefilter::Seam {
        self.prefilter.seam()
    }

    /// Adds the matches of a hit and gives the bytes that they depend on. `cache` is for one text at a time.
    pub fn evaluate(&self, hay: &[u8], hit: Hit, cache: &mut WordCache, found: &mut Vec<RawMatch>) -> Read {
        self.evaluator().evaluate(hay, hit, cache, found)
    }

    fn evaluator(&self) -> Evaluator<'_> {
        Evaluator { set: &self.set, prefilter: &self.prefilter, context: &self.context, shapes: &self.shapes }
    }

    /// Scans a whole text: the reference that every cleverer way must equal.
    pub fn scan(&self, hay: &[u8]) -> Vec<RawMatch> {
        let mut hits = Vec::new();
        self.prefilter(hay, 0..hay.len(), &mut hits);
        let (mut found, mut cache) = (Vec::new(), WordCache::default());
        for hit in hits {
            self.evaluate(hay, hit, &mut cache, &mut found);
        }
        self.resolve(found)
    }

    /// Of matches that overlap keeps the best one: proof first, then the more specific rule, then the longer match.
    /// Sorted by place.
    pub fn resolve(&self, mut found: Vec<RawMatch>) -> Vec<RawMatch> {
        if found.len() > 1 {
            found.sort_by_cached_key(|m| (evaluate::rank(&self.set, m), m.span.start, m.span.end));
            let mut kept: Vec<RawMatch> = Vec::with_capacity(found.len());
            // Spans of kept matches do not overlap: ordered by start, a neighbour test is enough.
            let mut taken = std::collections::BTreeMap::new();
            for m in found {
                let before = taken.range(..m.span.end).next_back();
                if before.is_none_or(|(_, end): (&usize, &usize)| *end <= m.span.start) {
                    taken.insert(m.span.start, m.span.end);
                    kept.push(m);
                }
            }
            kept.sort_by_key(|m| (m.span.start, m.span.end, m.rule));
            found = kept;
        }
        found
    }
}

/// Is this match to be counted as malformed rather than reported?
pub fn is_malformed(m: &RawMatch) -> bool {
    m.verdict == Verdict::Malformed
}
