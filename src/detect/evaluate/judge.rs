//! Judging: what checksum and structure of a match say, and what that makes of its confidence and severity.

use std::ops::Range;

use crate::detect::beside;
use crate::detect::boundary;
use crate::detect::evaluate::{Candidate, Evaluator, Read};
use crate::detect::prefilter::{JUDGED, value_end};
use crate::detect::random::looks_random;
use crate::detect::score::{self, Evidence};
use crate::finding::{Confidence, Fact, RawMatch, Severity, Verdict};
use crate::rules::expr::Env;
use crate::rules::format::{Captures, Format, Node, is_token_byte};
use crate::rules::{Anchoring, Boundary, Certainty, Rule};
use crate::structure::{self, Outcome};

impl Evaluator<'_> {
    /// Tries a format at a place, first with boundaries, then, if it has a checksum, without.
    pub(super) fn try_at(
        &self,
        hay: &[u8],
        start: usize,
        candidate: &Candidate<'_>,
        found: &mut Vec<RawMatch>,
        read: &mut Read,
    ) -> bool {
        let Candidate { rule, format, .. } = candidate;
        let mut reach = Reach { start, end: start, cut: false };
        let first = format.first_class();
        let last = format.last_class();
        let bounded = rule.boundary == Boundary::Word;
        let left = !bounded || !starts_with_word(format, first.is_some()) || boundary::left(hay, start, first.as_ref());
        let strict = left
            .then(|| format.match_at(hay, start, &mut reach.end, &|end| !bounded || boundary::right(hay, end, &last)))
            .flatten();
        let mut done = false;
        if let Some((end, captures)) = strict {
            done = self.judge(hay, start, end, &captures, candidate, false, found, &mut reach);
        }
        let provable = bounded && rule.may_stand_inside();
        if let Some((end, captures)) =
            (!done && provable).then(|| format.match_at(hay, start, &mut reach.end, &|_| true)).flatten()
        {
            done = self.judge(hay, start, end, &captures, candidate, true, found, &mut reach);
        }
        // A structure may look for the start of what the match is a part of.
        read.cover((start as isize - boundary::LOOK_BACK as isize).min(reach.start as isize - 1), reach.end + 1);
        read.cut |= reach.cut;
        done
    }

    /// Checks and scores a match; with `only_proven`, anything weaker is no match.
    #[allow(clippy::too_many_arguments, reason = "one step of one walk")]
    fn judge(
        &self,
        hay: &[u8],
        start: usize,
        end: usize,
        captures: &Captures,
        candidate: &Candidate<'_>,
        only_proven: bool,
        found: &mut Vec<RawMatch>,
        reach: &mut Reach,
    ) -> bool {
        let Candidate { index, rule, format } = candidate;
        let Some(judged) = validate(hay, start, end, captures, rule, format, reach) else { return false };
        let by_value = matches!(rule.anchoring, Anchoring::Value);
        if judged.verdict < Verdict::Proven && (only_proven || by_value && judged.verdict == Verdict::Malformed) {
            // Without a literal nothing said that this was meant to be one.
            return false;
        }
        let meta = &self.set.metas()[*index];
        let span = rule.secret.and_then(|i| captures[i]).map_or(judged.span.clone(), |(a, b)| a..b);
        if span.is_empty() {
            return false;
        }
        let body = body(hay, start, end, captures, rule, format);
        if by_value && judged.verdict < Verdict::Proven {
            // A name before a bracket is called; a hash after the name of a file is the file's.
            let hash_like = is_hash_like(&hay[span.clone()]);
            if hash_like {
                reach.start = reach.start.min(span.start.saturating_sub(beside::NAME));
            }
            let other = hay.get(end) == Some(&b'(') || hash_like && beside::follows_path(hay, span.start);
            let named = || hash_like && self.by_value().context.is_named(*index, hay, span.start);
            if other || is_plain_value(&hay[span.clone()], format, rule, named) {
                return false;
            }
        }
        let evidence = Evidence {
            verdict: judged.verdict,
            body: &body,
            distinctive: is_distinctive(rule, meta.bits.unwrap_or_default()),
            structural: rule.structure.as_ref().is_some_and(|(s, _)| !s.is_sieve())
                && (rule.secret.is_some() || matches!(rule.anchoring, Anchoring::Start))
                || judged.extended,
            bits: meta.bits.unwrap_or_default(),
        };
        found.push(RawMatch {
            rule: *index,
            span,
            verdict: judged.verdict,
            confidence: judged.confidence.unwrap_or_else(|| score::confidence(&evidence)),
            severity: severity(meta.severity, &judged),
            facts: judged.facts,
            decoded: None,
        });
        found.extend(judged.others.into_iter().map(|other| RawMatch {
            rule: *index,
            span: other.span,
            verdict: other.verdict,
            confidence: other.confidence.unwrap_or(Confidence::Medium),
            severity: meta.severity,
            facts: other.facts,
            decoded: None,
        }));
        true
    }
}

/// The bytes that trying a format depended on, and whether it left out some that it should have read.
struct Reach {
    start: usize,
    end: usize,
    cut: bool,
}

/// Does the format begin with a letter, digit or `_`, so that the byte before it matters?
fn starts_with_word(format: &Format, segment: bool) -> bool {
    segment || format.prefix().first().is_none_or(|b| b.is_ascii_alphanumeric() || *b == b'_')
}

/// Bits that nobody writes by chance behind a short prefix.
const LONG: f64 = 128.0;

/// Does the literal text of a rule tell its credentials from other text? Three characters do if they end with a mark
/// (`SG.`, `hf_`) and a long random text follows.
fn is_distinctive(rule: &Rule, bits: f64) -> bool {
    let tells = |literal: &Vec<u8>| match literal.as_slice() {
        [_, _, mark] => bits >= LONG && !mark.is_ascii_alphanumeric(),
        literal => literal.len() >= 4,
    };
    rule.context.is_none() && matches!(&rule.anchoring, Anchoring::Literal(a) if a.literals.iter().all(tells))
}

/// What a leak of this very token can do: less when it is encrypted or expired, next to nothing when it is malformed.
fn severity(of_rule: Severity, judged: &Judged) -> Severity {
    let cap = if judged.verdict == Verdict::Malformed { Some(Severity::Info) } else { judged.at_most };
    cap.map_or(of_rule, |cap| cap.min(of_rule))
}

/// What checksum and structure say.
struct Judged {
    verdict: Verdict,
    span: Range<usize>,
    facts: Vec<Fact>,
    /// What the structure says of it, where it weighed evidence.
    confidence: Option<Confidence>,
    at_most: Option<Severity>,
    others: Vec<Outcome>,
    /// The structure found the end by itself: the text is more than a token.
    extended: bool,
}

fn validate(
    hay: &[u8],
    start: usize,
    end: usize,
    captures: &Captures,
    rule: &Rule,
    format: &Format,
    reach: &mut Reach,
) -> Option<Judged> {
    let mut judged = Judged {
        verdict: Verdict::Shape,
        span: start..end,
        facts: Vec::new(),
        confidence: None,
        at_most: None,
        others: Vec::new(),
        extended: false,
    };
    let sure = rule.certainty != Certainty::Unconfirmed;
    if !rule.checks.is_empty() {
        let relative: Captures = captures.iter().map(|c| c.map(|(a, b)| (a - start, b - start))).collect();
        let env = Env { token: &hay[start..end], captures: &relative };
        judged.verdict = match rule.checks.iter().any(|check| check.holds(&env)) {
            true => Verdict::Proven,
            false if sure => Verdict::Malformed,
            false => Verdict::Shape,
        };
    }
    if let Some((structure, args)) = &rule.structure {
        let named: Vec<_> =
            format.names().iter().zip(captures).filter_map(|(name, span)| Some((name.as_str(), (*span)?))).collect();
        let outcome = (structure.check)(&structure::Input { hay, start, end, captures: &named, args });
        reach.start = reach.start.min(outcome.read.start);
        reach.end = reach.end.max(outcome.read.end);
        reach.cut |= outcome.cut;
        if outcome.dismiss {
            return None;
        }
        judged.extended = outcome.span != (start..end);
        judged.span = outcome.span;
        judged.facts = outcome.facts;
        judged.confidence = outcome.confidence;
        judged.at_most = outcome.at_most;
        judged.others = outcome.others;
        judged.verdict = match outcome.verdict {
            Verdict::Malformed if !sure => judged.verdict.max(Verdict::Shape),
            Verdict::Malformed => Verdict::Malformed,
            verdict if judged.verdict == Verdict::Malformed => judged.verdict.min(verdict),
            verdict => judged.verdict.max(verdict),
        };
    }
    Some(judged)
}

/// The random part of a match: its segments, without the literal text.
fn body(hay: &[u8], start: usize, end: usize, captures: &Captures, rule: &Rule, format: &Format) -> Vec<u8> {
    if let Some((a, b)) = rule.secret.and_then(|i| captures[i]) {
        return hay[a..b].to_vec();
    }
    let prefix = format.prefix().len();
    let mut body = hay.get(start + prefix..end).unwrap_or_default().to_vec();
    for text in format.nodes().iter().skip(1).flat_map(literals) {
        if let Some(at) = memchr::memmem::find(&body, text) {
            body.drain(at..at + text.len());
        }
    }
    body
}

/// Literal texts of a piece of a format that are long enough to say something about randomness.
fn literals(node: &Node) -> Vec<&[u8]> {
    let texts: Vec<&[u8]> = match node {
        Node::Literal(text) => vec![text],
        Node::Group { choices, .. } => choices
            .iter()
            .filter_map(|choice| match choice.as_slice() {
                [Node::Literal(text)] => Some(text.as_slice()),
                _ => None,
            })
            .collect(),
        Node::Segment { .. } => Vec::new(),
    };
    texts.into_iter().filter(|text| text.len() >= 4).collect()
}

/// Values that context rules must not take: not random, or a plain hash where the alphabet is wider than hex, unless its own
/// name says whose it is.
fn is_plain_value(value: &[u8], format: &Format, rule: &Rule, named: impl FnOnce() -> bool) -> bool {
    let run = value.iter().take(JUDGED).take_while(|&&b| is_token_byte(b)).count();
    if !looks_random(&value[..value_end(value, run)]) {
        return true;
    }
    let wide = format.first_class().is_some_and(|class| class.has(b'g') || class.has(b'G'));
    wide && is_hash_like(value) && !rule.is_provable() && !named()
}

/// Hex digits in the length of a hash.
fn is_hash_like(value: &[u8]) -> bool {
    matches!(value.len(), 32 | 40 | 56 | 64 | 96 | 128) && value.iter().all(u8::is_ascii_hexdigit)
}
