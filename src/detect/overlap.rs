//! Of matches that overlap, which ones stay.
//!
//! Matches that stand in the text compete: proof first, then the more specific rule, then the longer match. So do those
//! that only had to be unescaped. What came out of base64, hex or compressed data is another text, in which it has won
//! already; it only yields to a rule that knows what is encoded there, and wins over one that merely saw that something is.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::decode;
use crate::finding::{Confidence, RawMatch, Verdict};
use crate::rules::{Anchoring, Kind, RuleSet};

/// Neighbours that a decoded value is compared with at most.
const MANY: usize = 256;

/// Keeps the best of overlapping matches. Sorted by place.
pub fn resolve(set: &RuleSet, found: Vec<RawMatch>) -> Vec<RawMatch> {
    if found.len() < 2 {
        return found;
    }
    // What is said of a file or a line takes nothing from what stands in it.
    let (hygiene, found): (Vec<_>, Vec<_>) = found.into_iter().partition(|m| set.metas()[m.rule].kind == Kind::Hygiene);
    let mut kept = credentials(set, found);
    if !hygiene.is_empty() {
        kept.extend(distinct(hygiene));
        kept.sort_by(|a, b| key(a).cmp(&key(b)));
    }
    kept
}

fn credentials(set: &RuleSet, found: Vec<RawMatch>) -> Vec<RawMatch> {
    let (inner, direct): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|m| m.via().iter().any(|step| !decode::is_escape(step)));
    let mut kept = compete(set, direct);
    if !inner.is_empty() {
        let inner: Vec<_> = without_cuttings(set, distinct(inner))
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
        found.sort_by_cached_key(|m| (rank(set, m), m.via().len(), m.span.start, m.span.end));
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
    let mut direct: BTreeMap<usize, Vec<Range<usize>>> = BTreeMap::new();
    for m in found.iter().filter(|m| m.via().is_empty()) {
        direct.entry(m.rule).or_default().push(m.span.clone());
    }
    let direct: BTreeMap<usize, Spans> = direct.into_iter().map(|(rule, spans)| (rule, Spans::new(spans))).collect();
    found.retain(|m| m.via().is_empty() || direct.get(&m.rule).is_none_or(|spans| spans.overlapping(&m.span) < 2));
}

/// Ranges that are asked for many others: what each answer costs does not grow with their number.
#[derive(Debug)]
pub(crate) struct Spans {
    starts: Vec<usize>,
    ends: Vec<usize>,
    /// For each of `starts`: the farthest end of the ranges that begin there or before.
    reach: Vec<usize>,
}

impl Spans {
    /// Takes ranges in any order; empty ones count for nothing.
    pub(crate) fn new(spans: impl IntoIterator<Item = Range<usize>>) -> Self {
        let mut spans: Vec<Range<usize>> = spans.into_iter().filter(|span| !span.is_empty()).collect();
        spans.sort_unstable_by_key(|span| span.start);
        let farthest = |reach: &mut usize, span: &Range<usize>| {
            *reach = span.end.max(*reach);
            Some(*reach)
        };
        let reach = spans.iter().scan(0, farthest).collect();
        let mut ends: Vec<usize> = spans.iter().map(|span| span.end).collect();
        ends.sort_unstable();
        Self { starts: spans.into_iter().map(|span| span.start).collect(), ends, reach }
    }

    /// How many have a byte of this range, which is not empty?
    pub(crate) fn overlapping(&self, span: &Range<usize>) -> usize {
        let begun = self.starts.partition_point(|start| *start < span.end);
        begun - self.ends.partition_point(|end| *end <= span.start).min(begun)
    }

    /// Does one of them hold all of this range?
    pub(crate) fn holds(&self, span: &Range<usize>) -> bool {
        let begun = self.starts.partition_point(|start| *start <= span.start);
        begun > 0 && self.reach[begun - 1] >= span.end
    }
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
    fn order(m: &RawMatch) -> impl Ord + '_ {
        (m.rule, m.decoded.as_ref().map(|d| &d.secret), m.via().len(), m.span.start, m.span.end)
    }
    found.sort_by(|a, b| order(a).cmp(&order(b)));
    let mut kept: Vec<RawMatch> = Vec::with_capacity(found.len());
    // Where what was kept of the same secret stands: these do not overlap.
    let mut taken: BTreeMap<usize, usize> = BTreeMap::new();
    for m in found {
        if kept.last().is_some_and(|k| !same(k, &m)) {
            taken.clear();
        }
        let before = taken.range(..m.span.end).next_back();
        if before.is_none_or(|(_, end)| *end <= m.span.start) {
            taken.insert(m.span.start, m.span.end);
            kept.push(m);
        }
    }
    kept
}

/// Drops what is only a piece of what was found in another reading of the same place: a line of encoded text is read by
/// itself, too, and then the value of a name ends with its line; and a key whose last line is shorter is read without it.
fn without_cuttings(set: &RuleSet, found: Vec<RawMatch>) -> Vec<RawMatch> {
    let secret = |m: &RawMatch| m.decoded.as_ref().map(|d| d.secret.clone());
    let mut by_start: Vec<&RawMatch> = found.iter().collect();
    by_start.sort_by_key(|m| m.span.start);
    let longest = found.iter().map(|m| m.span.len()).max().unwrap_or(0);
    let is_piece = |m: &RawMatch| {
        let named = matches!(set.rules()[m.rule].anchoring, Anchoring::Name(_));
        let Some(own) = secret(m) else { return false };
        let first = by_start.partition_point(|o| o.span.start + longest < m.span.start);
        let near = by_start[first..].iter().take_while(|o| o.span.start < m.span.end);
        let near = near.filter(|o| o.span.end > m.span.start && o.span != m.span).take(MANY);
        near.filter_map(|o| Some((o, secret(o)?))).any(|(o, other)| {
            let begins =
                || o.rule == m.rule && o.span.start == m.span.start && other.expose().starts_with(own.expose());
            let holds = || memchr::memmem::find(other.expose(), own.expose()).is_some();
            other.len() > own.len() && if named { holds() } else { begins() }
        })
    };
    let pieces: Vec<bool> = found.iter().map(is_piece).collect();
    found.into_iter().zip(pieces).filter(|(_, piece)| !piece).map(|(m, _)| m).collect()
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
    let known = Spans::new(inner.iter().filter(|m| m.confidence >= Confidence::Medium).map(|m| m.span.clone()));
    let covers = |m: &RawMatch| known.overlapping(&m.span) > 0;
    direct.into_iter().filter(|m| !(is_wrapper(set, m) && covers(m))).collect()
}

/// Drops what a rule that knows no issuer takes for a secret where a rule that knows it says that the token is damaged or
/// made up: `Bearer` before a token whose checksum is wrong.
pub fn drop_generic(set: &RuleSet, found: &mut Vec<RawMatch>) {
    let damaged: Vec<_> = found.iter().filter(|m| m.verdict == Verdict::Malformed).map(|m| m.span.clone()).collect();
    if !damaged.is_empty() {
        let damaged = Spans::new(damaged);
        found.retain(|m| {
            let inside = damaged.holds(&m.span);
            !(inside && m.verdict == Verdict::Shape && set.metas()[m.rule].is_generic())
        });
    }
}

/// Orders matches so that the best of several overlapping ones comes first: proof, then the rule that knows the issuer,
/// then confidence, the longer literal, the longer match, the graver rule.
fn rank(set: &RuleSet, m: &RawMatch) -> impl Ord + use<> {
    let rule = &set.rules()[m.rule];
    // Who issued it, told by a name before a literal or by what was decoded, says more than the literal alone.
    let told = m.confidence > Confidence::Low
        && (rule.context.is_some() && rule.format.as_ref().is_some_and(|f| !f.prefix().is_empty())
            || rule.structure.as_ref().is_some_and(|(_, args)| !args.is_empty()) && m.verdict >= Verdict::WellFormed);
    let specific = match &rule.anchoring {
        Anchoring::Literal(anchor) => {
            anchor.literals.iter().map(Vec::len).max().unwrap_or(0) + usize::from(rule.context.is_some())
        }
        _ => 1,
    };
    // A file around a key says more than the key in it.
    let around = m.verdict >= Verdict::WellFormed && rule.structure.as_ref().is_some_and(|(s, _)| s.is_document());
    let named = matches!(rule.anchoring, Anchoring::Name(_));
    // A rule for what may be published is there to take it out of what another one finds.
    let public = !matches!(set.metas()[m.rule].kind, Kind::Secret);
    // Of two values of names the inner one has the name that is nearer.
    let len = if named { usize::MAX - m.span.len() } else { m.span.len() };
    (
        // What an issuer's rule says of a text, malformed or no secret, is better founded than its name.
        named,
        m.verdict == Verdict::Malformed,
        rule.foreign,
        std::cmp::Reverse((
            m.confidence == Confidence::Proven,
            around,
            told,
            m.confidence,
            specific,
            len,
            public,
            m.severity,
        )),
        m.rule,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn spans_equal_the_plain_definition(
            spans in proptest::collection::vec((0usize..40, 0usize..12), 0..20),
            (start, len) in (0usize..40, 1usize..12),
        ) {
            let spans: Vec<Range<usize>> = spans.iter().map(|(start, len)| *start..start + len).collect();
            let asked = start..start + len;
            let all = Spans::new(spans.iter().cloned());
            let filled = || spans.iter().filter(|span| !span.is_empty());
            let overlapping = filled().filter(|span| span.start < asked.end && asked.start < span.end).count();
            prop_assert_eq!(all.overlapping(&asked), overlapping);
            prop_assert_eq!(all.holds(&asked), filled().any(|span| span.start <= asked.start && asked.end <= span.end));
        }
    }
}
