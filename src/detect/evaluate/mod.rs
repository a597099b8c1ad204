//! Hits to matches: runs the formats of the rules that a hit points to, checks checksum and structure, scores.
//!
//! What comes out for a hit depends only on the bytes in [`Read`], which is what lets an incremental scan
//! keep the result when that part of a text is copied.

mod judge;
mod value;

use std::sync::OnceLock;

use crate::detect::ByValue;
use crate::detect::beside;
use crate::detect::boundary;
use crate::detect::context::WordCache;
use crate::detect::encoded::Budget;
use crate::detect::inventory::Inventory;
use crate::detect::prefilter::{Hit, Prefilter, What};
use crate::detect::score::{self, Evidence};
use crate::finding::{Confidence, RawMatch, Verdict};
use crate::generic;
use crate::rules::format::Format;
use crate::rules::{Anchoring, Kind, Rule, RuleSet};

/// Bytes around a hit of a regex rule that the regex sees.
const REGEX_WINDOW: usize = 512;

/// The bytes that an evaluation depended on. `start` is -1 if it depended on nothing standing before the text; `end` is
/// the length of the text plus 1 if it depended on the text ending there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// First byte.
    pub start: isize,
    /// After the last byte.
    pub end: isize,
    /// A limit on decoding was reached, so something was not looked at.
    pub cut: bool,
}

impl Read {
    pub(super) fn cover(&mut self, start: isize, end: usize) {
        self.start = self.start.min(start.max(-1));
        self.end = self.end.max(end as isize);
    }
}

/// Evaluates hits of one rule set.
#[derive(Clone, Copy, Debug)]
pub struct Evaluator<'a> {
    pub(crate) set: &'a RuleSet,
    pub(crate) prefilter: &'a Prefilter,
    pub(super) by_value: &'a OnceLock<ByValue>,
    pub(crate) inventory: Option<&'a Inventory>,
}

/// A rule tried at a place, with what is needed to go on.
struct Candidate<'a> {
    index: usize,
    rule: &'a Rule,
    format: &'a Format,
}

impl<'a> Evaluator<'a> {
    pub(super) fn by_value(&self) -> &'a ByValue {
        self.by_value.get_or_init(|| ByValue::new(self.set))
    }

    /// Adds the matches of a hit; gives the bytes they, and the absence of others, depend on.
    pub fn evaluate(
        &self,
        hay: &[u8],
        hit: Hit,
        cache: &mut WordCache,
        budget: &mut Budget,
        found: &mut Vec<RawMatch>,
    ) -> Read {
        let mut read = Read { start: hit.at as isize - 1, end: hit.at as isize + 1, cut: false };
        match hit.what {
            What::Literal(literal) => {
                for &index in self.prefilter.literal_rules(literal) {
                    let rule = &self.set.rules()[index];
                    match (&rule.anchoring, &rule.format) {
                        (Anchoring::Literal(anchor), Some(format)) => {
                            let end = hit.at + self.prefilter.literal_len(literal);
                            if let Some(missed) = anchor.probe.miss(hay, hit.at..end) {
                                read.cover(missed.start, missed.end);
                                continue;
                            }
                            let candidate = Candidate { index, rule, format };
                            self.at_literal(hay, hit.at, anchor.before, &candidate, found, &mut read);
                        }
                        _ => self.with_regex(hay, hit.at, index, rule, found, &mut read),
                    }
                }
            }
            What::Value(len) => self.at_value(hay, hit.at, len as usize, cache, found, &mut read),
            What::Start => self.at_start(hay, hit.at, found, &mut read),
            What::Run(len) => {
                if let Some(inventory) = self.inventory {
                    let looked = inventory.find(hay, hit.at..hit.at + len as usize, found);
                    read.cover(looked.start as isize - 1, looked.end + 1);
                }
            }
            What::Name(len) => self.at_name(hay, hit.at, len as usize, found, &mut read),
            What::Encoded(scheme) => self.at_encoded(hay, (hit.at, scheme), budget, found, &mut read),
        }
        read.end = read.end.min(hay.len() as isize + 1);
        read
    }

    /// Judges the value of a name by evidence.
    fn at_name(&self, hay: &[u8], at: usize, len: usize, found: &mut Vec<RawMatch>, read: &mut Read) {
        let generic::Looked { read: looked, found: values, cut } = generic::look(hay, at, len);
        read.start = read.start.min(looked.start.max(-1));
        read.end = read.end.max(looked.end);
        read.cut |= cut;
        found.extend(values.into_iter().filter_map(|value| {
            let (confidence, rule) = (value.confidence()?, self.prefilter.named_rule(value.class)?);
            Some(RawMatch {
                rule,
                verdict: Verdict::Shape,
                confidence,
                severity: self.set.metas()[rule].severity,
                // The history scan copies matches from version to version: what a report needs is found again for one.
                facts: Vec::new(),
                span: value.value,
                decoded: None,
            })
        }));
    }

    fn at_literal(
        &self,
        hay: &[u8],
        at: usize,
        before: (usize, usize),
        candidate: &Candidate<'_>,
        found: &mut Vec<RawMatch>,
        read: &mut Read,
    ) {
        read.cover(at as isize - before.1 as isize - boundary::LOOK_BACK as isize, at + 1);
        let needs_context = candidate.rule.context.as_ref();
        if let Some(context) = needs_context {
            let around = beside::BESIDE as isize + 1;
            read.cover(at as isize - before.1 as isize - context.within as isize - around, at + 1);
        }
        let mut read_to = at;
        for start in at.saturating_sub(before.1)..=at.saturating_sub(before.0) {
            if let Some(context) = needs_context {
                // The shape is cheaper to check than the words around it.
                if candidate.format.match_at(hay, start, &mut read_to, &|_| true).is_none() {
                    continue;
                }
                let words = self.by_value().context.find(hay, start.saturating_sub(context.within)..start.max(at));
                if !self.by_value().context.holds(candidate.index, context, hay, &words, start) {
                    continue;
                }
            }
            if self.try_at(hay, start, candidate, found, read) {
                break;
            }
        }
        read.cover(at as isize, read_to + 1);
    }

    /// Tries the rules for the beginning of a text; what was the beginning once may stand elsewhere in a later version.
    fn at_start(&self, hay: &[u8], at: usize, found: &mut Vec<RawMatch>, read: &mut Read) {
        read.cover(-1, at + 1);
        for &index in self.prefilter.at_start().iter().filter(|_| at == 0) {
            let rule = &self.set.rules()[index];
            if let Some(format) = &rule.format {
                self.try_at(hay, 0, &Candidate { index, rule, format }, found, read);
            }
        }
    }

    fn with_regex(&self, hay: &[u8], at: usize, index: usize, rule: &Rule, found: &mut Vec<RawMatch>, read: &mut Read) {
        let (from, to) = (at.saturating_sub(REGEX_WINDOW), (at + REGEX_WINDOW).min(hay.len()));
        read.cover(at as isize - REGEX_WINDOW as isize - 1, at + REGEX_WINDOW + 1);
        let Some(regex) = rule.regex.as_ref().and_then(|r| r.get()) else { return };
        let meta = &self.set.metas()[index];
        for captures in regex.captures_iter(&hay[from..to]) {
            let Some(secret) = captures.name("secret").or_else(|| captures.name("made")).or_else(|| captures.get(0))
            else {
                continue;
            };
            let whole = captures.get(0).map_or(0..0, |m| m.range());
            if secret.is_empty() || !(from + whole.start..from + whole.end).contains(&at) {
                continue;
            }
            let evidence = Evidence {
                verdict: Verdict::Shape,
                body: secret.as_bytes(),
                distinctive: false,
                structural: false,
                bits: 0.0,
            };
            found.push(RawMatch {
                rule: index,
                span: from + secret.start()..from + secret.end(),
                verdict: Verdict::Shape,
                facts: Vec::new(),
                // The name of a variable need not look random.
                confidence: if meta.kind == Kind::Hygiene { Confidence::Medium } else { score::confidence(&evidence) },
                severity: meta.severity,
                decoded: None,
            });
        }
    }
}
