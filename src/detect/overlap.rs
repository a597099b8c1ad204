//! Of matches that overlap, which ones stay.
//!
//! Matches that stand in the text compete: proof first, then the more specific rule, then the longer match. So do those
//! that only had to be unescaped. What came out of base64, hex or compressed data is another text, in which it has won
//! already; it only yields to a rule that knows what is encoded there, and wins over one that merely saw that something is.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::decode;
use crate::detect::evaluate;
use crate::finding::{Confidence, RawMatch, Verdict};
use crate::rules::{Anchoring, RuleSet};

/// Keeps the best of overlapping matches. Sorted by place.
pub fn resolve(set: &RuleSet, found: Vec<RawMatch>) -> Vec<RawMatch> {
    if found.len() < 2 {
        return found;
    }
    let (inner, direct): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|m| m.via().iter().any(|step| !decode::is_escape(step)));
    let mut kept = compete(set, direct);
    if !inner.is_empty() {
        let inner: Vec<_> = distinct(inner)
            .into_iter()
            .filter(|m| !overlapping(&kept, &m.span).iter().any(|direct| knows_better(set, direct, m)))
            .collect();
        kept = without_wrappers(set, kept, &inner);
        kept.extend(inner);
    }
    kept.sort_by(|a, b| key(a).cmp(&key(b)));
    kept
}

fn key(m: &RawMatch) -> impl Ord + '_ {
    (m.span.start, m.span.end, m.rule, m.decoded.as_ref().map(|d| (&d.secret, &d.via)))
}

/// Lets matches of one text compete; what is left does not overlap.
fn compete(set: &RuleSet, mut found: Vec<RawMatch>) -> Vec<RawMatch> {
    if found.len() > 1 {
        drop_joined(&mut found);
        // Of two that are equal, the one that stands there as it is.
        found.sort_by_cached_key(|m| (evaluate::rank(set, m), m.via().len(), m.span.start, m.span.end));
        let mut kept: Vec<RawMatch> = Vec::with_capacity(found.len());
        // Spans of kept matches do not overlap: ordered by start, a neighbour test is enough.
        let mut taken = BTreeMap::new();
        for m in found {
            let before = taken.range(..m.span.end).next_back();
            if before.is_none_or(|(_, end): (&usize, &usize)| *end <= m.span.start) {
                taken.insert(m.span.start, m.span.end);
                kept.push(m);
            }
        }
        kept.sort_by_key(|m| m.span.start);
        found = kept;
    }
    found
}

/// Drops what is two credentials of one rule that unescaping glued together: a `=` at the end of a line is the last
/// character of a token as well as a soft line break of mail.
fn drop_joined(found: &mut Vec<RawMatch>) {
    if found.iter().all(|m| m.via().is_empty()) {
        return;
    }
    let direct: Vec<(usize, Range<usize>)> =
        found.iter().filter(|m| m.via().is_empty()).map(|m| (m.rule, m.span.clone())).collect();
    found.retain(|m| {
        let touches = |(rule, span): &&(usize, Range<usize>)| {
            *rule == m.rule && m.span.start < span.end && span.start < m.span.end
        };
        m.via().is_empty() || direct.iter().filter(touches).count() < 2
    });
}

/// Matches that overlap a span, of matches that do not overlap each other and are sorted.
fn overlapping<'m>(sorted: &'m [RawMatch], span: &Range<usize>) -> &'m [RawMatch] {
    let first = sorted.partition_point(|m| m.span.end <= span.start);
    let last = sorted.partition_point(|m| m.span.start < span.end);
    sorted.get(first..last).unwrap_or_default()
}

/// Drops what was found in several readings of one text.
fn distinct(mut found: Vec<RawMatch>) -> Vec<RawMatch> {
    let same = |a: &RawMatch, b: &RawMatch| {
        a.rule == b.rule && a.decoded.as_ref().map(|d| &d.secret) == b.decoded.as_ref().map(|d| &d.secret)
    };
    found.sort_by(|a, b| {
        let order = |m: &RawMatch| {
            (m.rule, m.decoded.as_ref().map(|d| d.secret.clone()), m.via().len(), m.span.start, m.span.end)
        };
        order(a).cmp(&order(b))
    });
    let mut kept: Vec<RawMatch> = Vec::with_capacity(found.len());
    for m in found {
        let again = kept
            .iter()
            .rev()
            .take_while(|k| same(k, &m))
            .any(|k| k.span.start < m.span.end && m.span.start < k.span.end);
        if !again {
            kept.push(m);
        }
    }
    kept
}

/// Does a match of the text say more about a place than what was decoded there?
fn knows_better(set: &RuleSet, direct: &RawMatch, decoded: &RawMatch) -> bool {
    let rule = &set.rules()[direct.rule];
    // A token in the claims of a JWT is a secret of its own.
    let holds_others = rule.structure.as_ref().is_some_and(|(s, _)| s.name.starts_with("jwt"));
    direct.rule == decoded.rule && direct.via().len() <= decoded.via().len()
        || !is_wrapper(set, direct) && !holds_others && direct.confidence >= decoded.confidence.max(Confidence::Medium)
}

/// Does a rule only say that some credential is encoded here?
fn is_wrapper(set: &RuleSet, m: &RawMatch) -> bool {
    let rule = &set.rules()[m.rule];
    let names_it = rule.structure.as_ref().is_some_and(|(s, _)| matches!(s.name, "basic-auth" | "docker-auth"));
    m.verdict != Verdict::Proven
        && (names_it
            || matches!(rule.anchoring, Anchoring::Value | Anchoring::Words(_) | Anchoring::Name(_))
            || m.confidence == Confidence::Low)
}

/// Drops matches whose value turned out to be the encoding of something known.
fn without_wrappers(set: &RuleSet, direct: Vec<RawMatch>, inner: &[RawMatch]) -> Vec<RawMatch> {
    let known: Vec<&Range<usize>> =
        inner.iter().filter(|m| m.confidence >= Confidence::Medium).map(|m| &m.span).collect();
    let covers = |m: &RawMatch| known.iter().any(|span| span.start < m.span.end && m.span.start < span.end);
    direct.into_iter().filter(|m| !(is_wrapper(set, m) && covers(m))).collect()
}
