//! Hits to matches: runs the formats of the rules that a hit points to, checks checksum and structure, scores.
//!
//! What comes out for a hit depends only on the bytes in [`Read`], which is what lets an incremental scan
//! keep the result when that part of a text is copied.

use std::sync::OnceLock;

use crate::detect::ByValue;
use crate::detect::beside::{self, Call};
use crate::detect::boundary;
use crate::detect::context::{ContextIndex, Present, Word, WordCache};
use crate::detect::encoded::Budget;
use crate::detect::inventory::Inventory;
use crate::detect::overlap::Spans;
use crate::detect::prefilter::{Hit, JUDGED, Prefilter, What, value_end};
use crate::detect::random::looks_random;
use crate::detect::remark;
use crate::detect::score::{self, Evidence};
use crate::detect::shapes::{Runs, TOLD_APART};
use crate::finding::{Confidence, Fact, RawMatch, Severity, Verdict};
use crate::generic;
use crate::rules::expr::Env;
use crate::rules::format::{Captures, Format, Node, is_token_byte};
use crate::rules::{Anchoring, Boundary, Certainty, Context, Kind, Rule, RuleSet};
use crate::structure;

/// Bytes around a hit of a regex rule that the regex sees.
const REGEX_WINDOW: usize = 512;

/// Length of a run from which on it is worth to remember how far each alphabet goes.
const MANY: usize = 128;

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

/// What an evaluation works with.
struct Work<'a> {
    hay: &'a [u8],
    cache: &'a mut WordCache,
    found: &'a mut Vec<RawMatch>,
    read: &'a mut Read,
}

/// A place where a value could begin, and what was asked about it so far.
struct Value {
    /// Where the hit begins.
    at: usize,
    start: usize,
    run_end: usize,
    /// It is given to something, so what stands before may be its name.
    assigned: bool,
    random: Option<bool>,
    named: Option<bool>,
    present: Option<Present>,
    called: Option<bool>,
    /// The words of a remark behind it.
    remarks: Option<Vec<Word>>,
}

impl Value {
    /// Is it known that no word stands before it or behind it that a rule could go by?
    fn has_no_context(&self) -> bool {
        (!self.assigned || self.named == Some(false)) && self.remarks.as_ref().is_some_and(Vec::is_empty)
    }

    fn is_random(&mut self, hay: &[u8], read: &mut Read) -> bool {
        let Self { start, run_end, .. } = *self;
        *self.random.get_or_insert_with(|| {
            let value_end = value_end(hay, run_end);
            read.cover(start as isize, value_end + 1);
            looks_random(&hay[start..value_end.min(start + JUDGED)]) || run_end - start < JUDGED && is_cut(hay, run_end)
        })
    }
}

/// The token characters that are no letter, digit or `_`.
static SIGN: [bool; 256] = {
    let (mut table, signs, mut i) = ([false; 256], *b"+/=.-", 0);
    while i < signs.len() {
        table[signs[i] as usize] = true;
        i += 1;
    }
    table
};

/// The places of a run of token characters where a token could begin. Inside the run that is behind what is no letter,
/// digit or `_`; at its start an escape sequence can end.
fn starts(hay: &[u8], run: std::ops::Range<usize>) -> impl Iterator<Item = usize> {
    let looked = if boundary::may_hold_escape(hay, run.start) { boundary::LOOK_BACK } else { 1 };
    let edge = (run.start + looked).min(run.end);
    let first = (run.start..edge).filter(|&at| boundary::could_begin(hay, at));
    let mut before = edge - 1..run.end - 1;
    let rest = std::iter::from_fn(move || {
        let found = before.start + hay[before.clone()].iter().position(|&byte| SIGN[usize::from(byte)])?;
        before.start = found + 1;
        Some(found + 1)
    });
    first.chain(rest)
}

/// Could a rule whose shape fits match here? Says all that can be said without the words around it.
fn could_match(hay: &[u8], start: usize, end: usize, rule: &Rule, format: &Format, read: &mut Read) -> bool {
    if format.is_one_run() && !rule.may_stand_inside() && end - start < TOLD_APART {
        read.cover(start as isize, end + 1);
        return boundary::right(hay, end, &format.last_class());
    }
    let mut reach = start;
    let matches = format.match_at(hay, start, &mut reach, &|_| true).is_some();
    read.cover(start as isize, reach + 1);
    matches
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
        let (looked, value) = generic::look(hay, at, len);
        read.start = read.start.min(looked.start);
        read.end = read.end.max(looked.end);
        let Some(value) = value else { return };
        let (Some(confidence), Some(rule)) = (value.confidence(), self.prefilter.named_rule(value.class)) else {
            return;
        };
        found.push(RawMatch {
            rule,
            verdict: Verdict::Shape,
            confidence,
            severity: self.set.metas()[rule].severity,
            // The history scan copies matches from version to version: what a report needs is found again for one.
            facts: Vec::new(),
            span: value.value,
            decoded: None,
        });
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

    fn at_value(
        &self,
        hay: &[u8],
        at: usize,
        len: usize,
        cache: &mut WordCache,
        found: &mut Vec<RawMatch>,
        read: &mut Read,
    ) {
        let run_end = at + len;
        read.cover(at as isize - boundary::LOOK_BACK as isize - 1, run_end + 1);
        read.cover(at as isize - beside::BESIDE as isize - 1, run_end + remark::GAP + 1);
        let ByValue { shapes, alone, .. } = self.by_value();
        let [mut runs, mut runs_alone] =
            [shapes, alone].map(|shapes| if len > MANY { shapes.runs() } else { Runs::default() });
        let mut work = Work { hay, cache, found, read };
        let remarked = remark::begin(hay, at, run_end).is_some();
        for start in starts(hay, at..run_end) {
            // What is given to nothing is no value of a rule that wants context.
            let assigned = beside::is_assigned(hay, start);
            let remarks = (!remarked).then(Vec::new);
            let told = assigned || remarked;
            let (shapes, runs) = if told { (shapes, &mut runs) } else { (alone, &mut runs_alone) };
            let (random, named, present, called) = (None, None, None, None);
            let mut value = Value { at, start, run_end, assigned, random, named, present, called, remarks };
            let seen = shapes.at(hay, start, runs, |index, end| self.value(index, end, &mut value, &mut work));
            work.read.cover(at as isize, seen);
        }
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

    /// Tries a rule where a value of its could begin; `end` is where the run of its alphabet ends. What is cheap to ask
    /// comes first.
    fn value(&self, index: usize, end: usize, value: &mut Value, work: &mut Work<'_>) {
        let rule = &self.set.rules()[index];
        let Some(format) = &rule.format else { return };
        let (hay, start) = (work.hay, value.start);
        if rule.context.is_some() && value.has_no_context() {
            return;
        }
        if !value.is_random(hay, work.read) || !boundary::left(hay, start, format.first_class().as_ref()) {
            return;
        }
        if let Some(context) = &rule.context {
            let fits = |work: &mut Work<'_>| could_match(hay, start, end, rule, format, work.read);
            let told = value.assigned && self.is_told((index, context), value, work, fits)
                || self.is_remarked(index, value, work) && fits(work);
            if !told {
                return;
            }
        }
        self.try_at(hay, start, &Candidate { index, rule, format }, work.found, work.read);
    }

    /// Is the context of a rule there before a value, which `fits` its format?
    fn is_told(
        &self,
        (index, context): (usize, &Context),
        value: &mut Value,
        work: &mut Work<'_>,
        fits: impl Fn(&mut Work<'_>) -> bool,
    ) -> bool {
        let (hay, start) = (work.hay, value.start);
        let words_of = &self.by_value().context;
        let floor = value.at.saturating_sub(words_of.within());
        work.read.cover(value.at as isize - words_of.within() as isize - 17, start + 1);
        // Asked once for all rules: does any context stand there, and which words are in it?
        if !*value.named.get_or_insert_with(|| words_of.could_hold(hay, floor..start, work.cache)) {
            return false;
        }
        let present = value
            .present
            .get_or_insert_with(|| ContextIndex::present(words_of.words(hay, floor..value.run_end, work.cache)));
        let called = || *value.called.get_or_insert_with(|| Call::around(hay, start, floor).is_some());
        if !words_of.may_hold(index, present, called) || !fits(work) {
            return false;
        }
        let words = words_of.words(hay, floor..value.run_end, work.cache);
        words_of.holds(index, context, hay, words, start)
    }

    /// Does a remark behind a value say that it is one of a rule?
    fn is_remarked(&self, index: usize, value: &mut Value, work: &mut Work<'_>) -> bool {
        let Value { start, run_end, .. } = *value;
        let words = value.remarks.get_or_insert_with(|| {
            work.read.cover(start as isize - beside::NAME as isize - 1, run_end + remark::GAP + remark::REMARK + 8);
            self.by_value().context.remarks(work.hay, start, run_end)
        });
        !words.is_empty() && self.by_value().context.is_remarked(index, words, run_end)
    }

    /// Tries a format at a place, first with boundaries, then, if it has a checksum, without.
    fn try_at(
        &self,
        hay: &[u8],
        start: usize,
        candidate: &Candidate<'_>,
        found: &mut Vec<RawMatch>,
        read: &mut Read,
    ) -> bool {
        let Candidate { rule, format, .. } = candidate;
        let mut reach = start..start;
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
        reach: &mut std::ops::Range<usize>,
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
            confidence: score::confidence(&evidence),
            severity: severity(meta.severity, &judged),
            facts: judged.facts,
            decoded: None,
        });
        true
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
    span: std::ops::Range<usize>,
    facts: Vec<Fact>,
    at_most: Option<Severity>,
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
    reach: &mut std::ops::Range<usize>,
) -> Option<Judged> {
    let mut judged =
        Judged { verdict: Verdict::Shape, span: start..end, facts: Vec::new(), at_most: None, extended: false };
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
        if outcome.dismiss {
            return None;
        }
        judged.extended = outcome.span != (start..end);
        judged.span = outcome.span;
        judged.facts = outcome.facts;
        judged.at_most = outcome.at_most;
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

/// Does the run of token characters go on at `at`, where the hit ends?
fn is_cut(hay: &[u8], at: usize) -> bool {
    hay.get(at).is_some_and(|&b| is_token_byte(b))
}

/// Does the format begin with a letter, digit or `_`, so that the byte before it matters?
fn starts_with_word(format: &Format, segment: bool) -> bool {
    segment || format.prefix().first().is_none_or(|b| b.is_ascii_alphanumeric() || *b == b'_')
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

/// Drops what a rule that knows no issuer takes for a secret where a rule that knows it says that the token is damaged or
/// made up: `Bearer` before a token whose checksum is wrong.
pub(crate) fn drop_generic(set: &RuleSet, found: &mut Vec<RawMatch>) {
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
pub(crate) fn rank(set: &RuleSet, m: &RawMatch) -> impl Ord + use<> {
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
