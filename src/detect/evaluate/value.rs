//! Values: runs that look random, which rules take by their length and by the words beside them.

use std::ops::Range;

use crate::detect::ByValue;
use crate::detect::beside::{self, Call};
use crate::detect::boundary;
use crate::detect::context::{ContextIndex, Present, Word, WordCache};
use crate::detect::evaluate::{Candidate, Evaluator, Read};
use crate::detect::prefilter::{JUDGED, value_end};
use crate::detect::random::looks_random;
use crate::detect::remark;
use crate::detect::shapes::{Runs, TOLD_APART};
use crate::finding::RawMatch;
use crate::rules::format::{Format, is_token_byte};
use crate::rules::{Context, Rule};

/// Length of a run from which on it is worth to remember how far each alphabet goes.
const MANY: usize = 128;

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
fn starts(hay: &[u8], run: Range<usize>) -> impl Iterator<Item = usize> {
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

impl Evaluator<'_> {
    pub(super) fn at_value(
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
}

/// Does the run of token characters go on at `at`, where the hit ends?
fn is_cut(hay: &[u8], at: usize) -> bool {
    hay.get(at).is_some_and(|&b| is_token_byte(b))
}
