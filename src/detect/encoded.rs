//! Encoded text: decoded, scanned like any other, and what is found there given the place that it was decoded from.
//!
//! The text around is kept around: what is decoded stands behind the words that stood before it (`api_key: `), since rules
//! look at them. Decoded text may hold encoded text; depth and amount are limited, and reaching a limit is told.

use crate::decode::{self, Decoded, Scheme, digits, escapes, inflate};
use crate::detect::context::WordCache;
use crate::detect::evaluate::{Evaluator, Read};
use crate::detect::prefilter::What;
use crate::detect::random::looks_random;
use crate::detect::{overlap, text};
use crate::finding::{self, RawMatch};
use crate::generic;
use crate::rules::Anchoring;

/// Bytes before encoded text that what it says is read with.
const CONTEXT: usize = 256;
/// Decoded bytes that one place may give, all its layers together.
const MOST: usize = 64 << 20;

/// How deep encoded text is followed unless the user says something else.
pub const DEPTH: u8 = 6;

/// What is left to spend on one place.
#[derive(Debug)]
pub struct Budget {
    depth: u8,
    bytes: usize,
    /// A limit was reached.
    pub cut: bool,
}

impl Budget {
    /// For a place in a text that was not decoded from anything.
    pub fn new(depth: u8) -> Self {
        Self { depth, bytes: MOST, cut: false }
    }

    fn spend(&mut self, bytes: usize) -> bool {
        let enough = bytes <= self.bytes;
        self.bytes = self.bytes.saturating_sub(bytes);
        self.cut |= !enough;
        enough
    }
}

impl Evaluator<'_> {
    /// Scans a text from `from` on; what stands before is only looked at.
    pub(super) fn scan(&self, hay: &[u8], from: usize, budget: &mut Budget) -> Vec<RawMatch> {
        let mut hits = Vec::new();
        self.prefilter.find(hay, 0..hay.len(), &mut hits);
        let (mut found, mut cache) = (Vec::new(), WordCache::default());
        for hit in hits {
            // What stands before has been looked at; but a literal there may go before a value here (`Basic `).
            let before = match hit.what {
                What::Encoded(_) | What::Start | What::Name(_) => hit.at < from,
                What::Value(len) | What::Run(len) => hit.at + len as usize <= from,
                What::Literal(_) => false,
            };
            if !before {
                self.evaluate(hay, hit, &mut cache, budget, &mut found);
            }
        }
        overlap::resolve(self.set, found)
    }

    /// Decodes what begins at a place and adds what is found in it.
    pub(super) fn at_encoded(
        &self,
        hay: &[u8],
        (at, scheme): (usize, Scheme),
        budget: &mut Budget,
        found: &mut Vec<RawMatch>,
        read: &mut Read,
    ) {
        if budget.depth == 0 {
            // Escapes may be anything; digits that decode to text are another layer.
            budget.cut |= scheme.is_digits();
            return;
        }
        let before = (decode::LOOK + CONTEXT + 1) as isize;
        if scheme.is_digits() {
            let lines = digits::lines(hay, at, scheme);
            read.cover(at as isize - before, lines.read_end());
            for reading in lines.readings(hay) {
                self.within(hay, &reading, scheme, budget, found);
            }
        } else {
            let word = escapes::word(hay, at, scheme, looks_random);
            read.cover(word.read_start as isize - before, word.read_end);
            // A stretch of escapes may have lost its end in a change far behind, where this hit was not looked for again.
            if !escapes::is_worth_a_look(hay, at, scheme, looks_random) {
                return;
            }
            budget.cut |= word.cut;
            if let Some(span) = word.span {
                self.within(hay, &escapes::decode(hay, span, scheme), scheme, budget, found);
            }
        }
    }

    fn within(&self, hay: &[u8], decoded: &Decoded, scheme: Scheme, budget: &mut Budget, found: &mut Vec<RawMatch>) {
        budget.cut |= decoded.cut;
        if !budget.spend(decoded.text.len()) {
            return;
        }
        let mut via = vec![scheme.name()];
        let inflated = scheme.is_digits().then(|| inflate::inflate(&decoded.text, budget.bytes)).flatten();
        if let Some(inflated) = &inflated {
            via.push(inflated.name);
            budget.spend(inflated.bytes.len());
            budget.cut |= inflated.cut;
        }
        let bytes = inflated.as_ref().map_or(&decoded.text, |i| &i.bytes);
        let said = text::sniff(bytes);
        via.extend(said.via);
        if scheme.is_digits() && !decode::has_words(&said.bytes) {
            return;
        }
        // What was compressed, or in another encoding, has no place of its own.
        let exact = via.len() == 1;
        let before = &hay[decoded.span.start.saturating_sub(CONTEXT)..decoded.span.start];
        let inner = [before, &said.bytes, &[after(hay, decoded.span.end)]].concat();
        let own = before.len()..inner.len() - 1;
        budget.depth -= 1;
        let matches = self.scan(&inner, own.start, budget);
        budget.depth += 1;
        for m in matches.into_iter().filter(|m| own.start <= m.span.start && m.span.end <= own.end) {
            let part = m.span.start - own.start..m.span.end - own.start;
            let span = if exact { decoded.map.place(&part) } else { decoded.span.clone() };
            let steps = via.iter().chain(m.via()).copied().collect();
            let secret = m.secret(&inner);
            // What speaks for it stands in the decoded text, which is gone afterwards.
            let named = matches!(self.set.rules()[m.rule].anchoring, Anchoring::Name(_)) && m.decoded.is_none();
            let facts = if named { generic::facts_of(&inner, &m.span) } else { m.facts.clone() };
            found.push(RawMatch { span, facts, decoded: Some(Box::new(finding::Decoded { secret, via: steps })), ..m });
        }
    }
}

/// What stands behind encoded text: the quote that closes it, or a line break.
fn after(hay: &[u8], end: usize) -> u8 {
    hay.get(end).copied().filter(|b| matches!(b, b'"' | b'\'' | b'`' | b' ' | b'<' | b'>')).unwrap_or(b'\n')
}
