//! Credentials in two halves: an id and its secret that stand close together say more than each alone.
//!
//! A rule names the rules whose match completes it (`pairs`); it holds both ways. Works on the resolved matches of a whole
//! text, so it is the same for every way of finding them.

use std::ops::Range;

use memchr::memchr_iter;

use crate::finding::{Confidence, RawMatch, Verdict};
use crate::rules::RuleSet;

/// How many lines may lie between the halves.
const LINES: usize = 5;
/// How many bytes may lie between them: lines can be long.
const BYTES: usize = 1024;

/// For each rule the rules of its other half.
#[derive(Debug)]
pub struct Partners(Vec<Vec<usize>>);

/// The other half of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Its rule.
    pub rule: usize,
    /// Where it begins.
    pub at: usize,
}

impl Partners {
    /// Collects the `pairs` of all rules, both ways. Rules that are not in the set are left out.
    pub fn new(set: &RuleSet) -> Self {
        let mut partners = vec![Vec::new(); set.rules().len()];
        for (index, rule) in set.rules().iter().enumerate() {
            for other in rule.pairs.iter().filter_map(|id| set.index_of(id)) {
                partners[index].push(other);
                partners[other].push(index);
            }
        }
        Self(partners)
    }

    /// Finds the other half of each match, and raises a match of medium confidence whose other half is sure.
    /// `matches` are sorted by place and do not overlap.
    pub fn join(&self, text: &[u8], matches: &mut [RawMatch]) -> Vec<Option<Pair>> {
        let pairs: Vec<Option<usize>> = (0..matches.len()).map(|of| self.nearest(text, matches, of)).collect();
        let sure: Vec<bool> = matches.iter().map(|m| m.confidence >= Confidence::High).collect();
        pairs
            .into_iter()
            .enumerate()
            .map(|(of, pair)| {
                let other = pair?;
                if sure[other] && matches[of].confidence == Confidence::Medium {
                    matches[of].confidence = Confidence::High;
                }
                Some(Pair { rule: matches[other].rule, at: matches[other].span.start })
            })
            .collect()
    }

    /// The nearest match that completes one; of two equally near the one before it.
    fn nearest(&self, text: &[u8], matches: &[RawMatch], of: usize) -> Option<usize> {
        let m = &matches[of];
        let wanted = &self.0[m.rule];
        if wanted.is_empty() || !can_pair(m) {
            return None;
        }
        let fits = |other: &usize| {
            let other = &matches[*other];
            wanted.contains(&other.rule) && can_pair(other)
        };
        let near = |other: &usize| gap(m, &matches[*other]).len() <= BYTES;
        let before = (0..of).rev().take_while(near).find(fits);
        let after = (of + 1..matches.len()).take_while(near).find(fits);
        let close = |other: &usize| memchr_iter(b'\n', &text[gap(m, &matches[*other])]).count() <= LINES;
        [before, after].into_iter().flatten().filter(close).min_by_key(|other| gap(m, &matches[*other]).len())
    }
}

/// A placeholder or a damaged token completes nothing.
fn can_pair(m: &RawMatch) -> bool {
    m.verdict != Verdict::Malformed && m.confidence >= Confidence::Medium
}

/// What lies between two matches.
fn gap(a: &RawMatch, b: &RawMatch) -> Range<usize> {
    let (first, second) = if a.span.start <= b.span.start { (a, b) } else { (b, a) };
    first.span.end.min(second.span.start)..second.span.start
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::finding::Severity;

    const ID: usize = 0;
    const SECRET: usize = 1;

    fn partners() -> Partners {
        Partners(vec![vec![SECRET], vec![ID], vec![]])
    }

    /// Matches of three bytes each, of which the text holds `i`, `s` and `o` for the rules.
    fn matches(text: &str) -> Vec<RawMatch> {
        let found = |(at, c): (usize, char)| {
            let rule = ['i', 's', 'o'].iter().position(|r| *r == c)?;
            let confidence = if rule == ID { Confidence::High } else { Confidence::Medium };
            Some(RawMatch {
                rule,
                span: at..at + 1,
                verdict: Verdict::Shape,
                facts: Vec::new(),
                confidence,
                severity: Severity::High,
                decoded: None,
            })
        };
        text.char_indices().filter_map(found).collect()
    }

    fn join(text: &str) -> (Vec<Option<usize>>, Vec<Confidence>) {
        let mut found = matches(text);
        let pairs = partners().join(text.as_bytes(), &mut found);
        (pairs.iter().map(|p| p.map(|p| p.at)).collect(), found.iter().map(|m| m.confidence).collect())
    }

    #[test]
    fn the_nearest_completes_it() {
        use Confidence::{High, Medium};
        assert_eq!(join("i\ns"), (vec![Some(2), Some(0)], vec![High, High]));
        assert_eq!(join("s\n\n\n\n\n\ni"), (vec![None, None], vec![Medium, High]));
        assert_eq!(join("s\n\n\n\n\ni"), (vec![Some(6), Some(0)], vec![High, High]));
        assert_eq!(join("i s i"), (vec![Some(2), Some(0), Some(2)], vec![High, High, High]));
        assert_eq!(join("io  s"), (vec![Some(4), None, Some(0)], vec![High, Medium, High]));
        assert_eq!(join("o o"), (vec![None, None], vec![Medium, Medium]));
        assert_eq!(join(&format!("i{}s", " ".repeat(BYTES + 1))).0, [None, None]);
    }

    #[test]
    fn placeholders_complete_nothing() {
        let mut found = matches("i s");
        found[0].confidence = Confidence::Low;
        assert_eq!(partners().join(b"i s", &mut found), [None, None]);
        assert_eq!(found[1].confidence, Confidence::Medium);
    }
}
