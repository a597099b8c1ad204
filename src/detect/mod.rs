//! Detection: from the bytes of a blob to matches with an opinion.
//!
//! `prefilter` finds where a rule could match, `evaluate` runs the rules there, `score` judges. [`Detector::scan`] is the
//! plain way over a whole text; the history scan calls the steps itself, to look only at what changed.

mod anywhere;
mod beside;
mod boundary;
mod common;
pub mod context;
pub mod encoded;
pub mod evaluate;
pub mod excerpt;
pub mod incremental;
pub mod inventory;
mod keys;
mod keywords;
mod nibbles;
mod overlap;
pub mod pairs;
pub mod prefilter;
mod random;
mod remark;
mod runs;
pub mod score;
mod shapes;
mod simd;
pub mod split;
mod starts;
pub mod text;
mod word;
#[cfg(test)]
mod worst;

use std::ops::Range;
use std::sync::OnceLock;

use crate::finding::{RawMatch, Verdict};
use crate::rules::RuleSet;
use context::{ContextIndex, WordCache};
use encoded::Budget;
use evaluate::{Evaluator, Read};
use inventory::Inventory;
use pairs::{Pair, Partners};
use prefilter::{Hit, Prefilter};
use shapes::Shapes;

/// A compiled rule set, ready to scan; shared by all workers.
#[derive(Debug)]
pub struct Detector {
    set: RuleSet,
    prefilter: Prefilter,
    by_value: OnceLock<ByValue>,
    partners: Partners,
    inventory: Option<Inventory>,
    /// How deep encoded text is decoded.
    depth: u8,
}

/// What is needed only where a value stands that a rule could go by: most small texts have none.
#[derive(Debug)]
struct ByValue {
    context: ContextIndex,
    shapes: Shapes,
    /// Those of rules that need no context.
    alone: Shapes,
}

impl ByValue {
    fn new(set: &RuleSet) -> Self {
        Self {
            context: ContextIndex::new(set),
            shapes: Shapes::new(set, |_| true),
            alone: Shapes::new(set, |rule| rule.context.is_none()),
        }
    }
}

impl Detector {
    /// Compiles what scanning needs.
    pub fn new(set: RuleSet) -> Self {
        let new = Self {
            prefilter: Prefilter::new(&set),
            by_value: OnceLock::new(),
            partners: Partners::new(&set),
            inventory: None,
            depth: 0,
            set,
        };
        new.with_depth(encoded::DEPTH)
    }

    /// Looks for the keys of an inventory, too.
    pub fn with_inventory(mut set: RuleSet, inventory: Inventory) -> Self {
        let rule = set.add_inventory();
        let mut detector = Self::new(set);
        detector.prefilter.look_at_runs();
        detector.inventory = Some(inventory.for_rule(rule));
        detector
    }

    /// Sets how deep encoded text is decoded; 0: not at all.
    pub fn with_depth(mut self, depth: u8) -> Self {
        self.depth = depth;
        self.prefilter.find_encoded(depth > 0);
        self
    }

    /// The rules in use.
    pub fn rules(&self) -> &RuleSet {
        &self.set
    }

    /// Adds the hits of a part of a text.
    pub fn prefilter(&self, hay: &[u8], range: Range<usize>, hits: &mut Vec<Hit>) {
        self.prefilter.find(hay, range, hits);
    }

    /// How far from a seam hits can come or go.
    pub fn seam(&self) -> prefilter::Seam {
        self.prefilter.seam()
    }

    /// Adds the matches of a hit and gives the bytes that they depend on. `cache` is for one text at a time.
    pub fn evaluate(&self, hay: &[u8], hit: Hit, cache: &mut WordCache, found: &mut Vec<RawMatch>) -> Read {
        let mut budget = Budget::new(self.depth);
        let mut read = self.evaluator().evaluate(hay, hit, cache, &mut budget, found);
        read.cut |= budget.cut;
        read
    }

    fn evaluator(&self) -> Evaluator<'_> {
        let Self { set, prefilter, by_value, inventory, .. } = self;
        Evaluator { set, prefilter, by_value, inventory: inventory.as_ref() }
    }

    /// Finds the other half of each resolved match of a text, and raises matches whose other half is sure.
    pub fn pair(&self, text: &[u8], matches: &mut [RawMatch]) -> Vec<Option<Pair>> {
        self.partners.join(text, matches)
    }

    /// The word of the rule's context that stands before a match, or behind it.
    pub fn name_at(&self, hay: &[u8], m: &RawMatch) -> Option<&str> {
        let context = self.set.rules()[m.rule].context.as_ref()?;
        self.evaluator().by_value().context.name_at(context, hay, m.span.clone())
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

    /// Drops the matches of rules that are for files of some paths only: the text is none.
    pub fn drop_files(&self, found: &mut Vec<RawMatch>) {
        found.retain(|m| {
            self.set.rules()[m.rule].paths.is_empty() && self.set.metas()[m.rule].kind != crate::rules::Kind::Hygiene
        });
    }

    /// Of matches that overlap keeps the best one: proof first, then the more specific rule, then the longer match.
    /// Sorted by place. What was decoded from one place may overlap.
    pub fn resolve(&self, mut found: Vec<RawMatch>) -> Vec<RawMatch> {
        if found.len() > 1 {
            if let Some(inventory) = &self.inventory {
                inventory.merge(&mut found);
            }
            overlap::drop_generic(&self.set, &mut found);
        }
        overlap::resolve(&self.set, found)
    }
}

/// Is this match to be counted as malformed rather than reported?
pub fn is_malformed(m: &RawMatch) -> bool {
    m.verdict == Verdict::Malformed
}
