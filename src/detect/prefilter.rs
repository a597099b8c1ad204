//! The prefilter: where in a text could a rule match?
//!
//! It may say yes wrongly, never no wrongly: every match of every rule holds one of the hits found here, by
//! construction of [`Anchoring`]. Four kinds of hit:
//!
//! * a literal inside a run of 16 or more token characters (`[A-Za-z0-9_+/=.-]`): nearly every token with a prefix. Runs
//!   are few, so this is what makes scanning fast;
//! * a literal anywhere (`-----BEGIN`, `://`), a short list searched for by a vectorised multi-pattern matcher;
//! * a value: a run that looks random, for rules that go by length and context words;
//! * a key word of a name (`pass`, `token`) with something like an operator behind it, for rules that judge by evidence.
//! * encoded text, which is decoded and scanned.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::decode::{self, Scheme};
use crate::detect::anywhere::Anywhere;
use crate::detect::boundary;
use crate::detect::keywords;
use crate::detect::nibbles::Nibbles;
use crate::detect::random::looks_random;
use crate::detect::runs;
use crate::detect::simd::{Bytes, Texts};
use crate::detect::starts::Starts;
use crate::generic::Class;
use crate::rules::format::{Anchor, is_token_byte};
use crate::rules::{Anchoring, Rule, RuleSet};

/// Shortest run of token characters that is looked into.
pub const MIN_RUN: usize = 16;
/// Bytes at each end of a range in which stretches of many escapes are looked for that reach over it.
const EDGE: usize = 256;
/// Longest run that is judged as one value; longer ones are looked at piece by piece.
const MAX_VALUE: usize = 512;

/// A place where some rule could match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hit {
    /// Where the literal, or the run, begins.
    pub at: usize,
    /// What was found there.
    pub what: What,
}

/// What a hit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// A literal, by its index in [`Prefilter::literal_rules`].
    Literal(u32),
    /// A value-like run of this length.
    Value(u32),
    /// The beginning of the text.
    Start,
    /// Any run of token characters, or a piece of one, of this length; only where an inventory asks for it.
    Run(u32),
    /// A key word of this length in a name.
    Name(u32),
    /// Text in another spelling.
    Encoded(Scheme),
}

/// How far from a seam hits can come or go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seam {
    /// Bytes before it: a literal can reach over it, a run that ends before it can become a value by what follows.
    pub before: usize,
    /// Bytes behind it: a run can become long enough, a token can begin where none could.
    pub after: usize,
}

/// The compiled prefilter of a rule set.
#[derive(Debug)]
pub struct Prefilter {
    literals: Vec<Literal>,
    /// Length of the longest literal.
    longest: usize,
    /// Literals that stand in runs.
    in_run: Starts,
    /// Literals of two or three bytes that can stand anywhere.
    short: Starts,
    texts: Texts,
    /// Literals that can stand anywhere.
    anywhere: Anywhere,
    values: bool,
    /// Is every run of interest, whatever it looks like?
    all_runs: bool,
    /// Rules for the beginning of a text.
    at_start: Vec<usize>,
    /// Rules that judge by evidence, with the kind of name.
    named: Vec<(Class, usize)>,
    /// Look for encoded text?
    encoded: bool,
}

/// A text that matches of a rule hold.
#[derive(Debug)]
pub struct Literal {
    /// The text; lower case if it is compared in any letter case.
    pub bytes: Vec<u8>,
    /// Compare in any letter case?
    pub any_case: bool,
    /// Indices of the rules.
    pub rules: Vec<usize>,
}

/// Literals that have a number already, by text and whether in any letter case.
type Known = BTreeMap<(Vec<u8>, bool), usize>;

impl Prefilter {
    /// Compiles the prefilter of a rule set.
    pub fn new(set: &RuleSet) -> Self {
        let mut filter = Self {
            literals: Vec::new(),
            longest: 0,
            in_run: Starts::default(),
            short: Starts::default(),
            texts: Texts::default(),
            anywhere: Anywhere::default(),
            values: false,
            all_runs: false,
            at_start: Vec::new(),
            named: Vec::new(),
            encoded: false,
        };
        let (mut in_run, mut inside, mut anywhere) = (Vec::new(), Vec::new(), Vec::new());
        let mut known = Known::new();
        for (index, rule) in set.rules().iter().enumerate() {
            match &rule.anchoring {
                Anchoring::Literal(anchor) => {
                    for text in &anchor.literals {
                        let literal = filter.literal(text, false, index, &mut known);
                        if anchor.in_run { &mut in_run } else { &mut anywhere }.push(literal);
                        if anchor.in_run && !begins_a_word(rule, anchor, text) {
                            inside.push(literal);
                        }
                    }
                }
                Anchoring::Words(words) => {
                    for word in words {
                        let literal = filter.literal(word.as_bytes(), true, index, &mut known);
                        anywhere.push(literal);
                    }
                }
                Anchoring::Inventory | Anchoring::Derived => {}
                Anchoring::Start => filter.at_start.push(index),
                Anchoring::Value => filter.values = true,
                Anchoring::Name(class) => filter.named.push((*class, index)),
            }
        }
        let text = |&l: &u32| (filter.literals[l as usize].bytes.as_slice(), l);
        filter.in_run = Starts::new(in_run.iter().map(text));
        let (short, long): (Vec<_>, Vec<_>) =
            anywhere.into_iter().partition(|&l| filter.literals[l as usize].bytes.len() <= 3);
        let short: Vec<_> = short
            .iter()
            .flat_map(|&l| filter.literals[l as usize].spellings().into_iter().map(move |text| (text, l)))
            .collect();
        filter.short = Starts::new(short.iter().map(|(text, l)| (text.as_slice(), *l)));
        let bytes = |&l: &u32| (filter.literals[l as usize].bytes.as_slice(), filter.literals[l as usize].any_case);
        let near = || Nibbles::with_last(inside.iter().map(bytes), short.iter().map(|(t, _)| (t.as_slice(), false)));
        let far = || Anywhere::new(long.iter().map(|&l| (&filter.literals[l as usize], l)));
        // The two take most of the time.
        let (near, (anywhere, far)) = rayon::join(near, far);
        filter.anywhere = anywhere;
        let names = if filter.named.is_empty() { Nibbles::default() } else { keywords::nibbles() };
        filter.texts = Texts { near, far, names };
        filter
    }

    /// From now on every run gives hits.
    pub fn look_at_runs(&mut self) {
        self.all_runs = true;
    }

    /// Switches the search for encoded text on or off.
    pub fn find_encoded(&mut self, on: bool) {
        self.encoded = on;
    }

    /// Rules that a literal belongs to.
    pub fn literal_rules(&self, literal: u32) -> &[usize] {
        &self.literals[literal as usize].rules
    }

    /// Where hits can come or go when the bytes on one side of a place change, beside the run of token characters that is
    /// cut there: a little before it, and less behind it.
    pub fn seam(&self) -> Seam {
        let longest = self.longest.max(1);
        let decode = if self.encoded { decode::LOOK } else { 0 };
        Seam {
            before: (longest - 1).max(MIN_RUN - 1).max(BEHIND + 1).max(keywords::AHEAD).max(decode),
            after: (MIN_RUN - 1).max(boundary::LOOK_BACK).max(decode),
        }
    }

    /// The rule that judges values of a kind of name.
    pub fn named_rule(&self, class: Class) -> Option<usize> {
        self.named.iter().find(|(c, _)| c.as_str() == class.as_str()).map(|(_, rule)| *rule)
    }

    /// Rules for the beginning of a text.
    pub fn at_start(&self) -> &[usize] {
        &self.at_start
    }

    /// Length of a literal.
    pub fn literal_len(&self, literal: u32) -> usize {
        self.literals[literal as usize].bytes.len()
    }

    fn literal(&mut self, bytes: &[u8], any_case: bool, rule: usize, known: &mut Known) -> u32 {
        let index = *known.entry((bytes.to_vec(), any_case)).or_insert_with(|| {
            self.literals.push(Literal { bytes: bytes.to_vec(), any_case, rules: Vec::new() });
            self.longest = self.longest.max(bytes.len());
            self.literals.len() - 1
        });
        if !self.literals[index].rules.contains(&rule) {
            self.literals[index].rules.push(rule);
        }
        index as u32
    }

    /// Adds all hits whose literal or run begins in `range` of `hay`, in ascending order. Bytes around the range are
    /// looked at to judge runs and to compare literals.
    pub fn find(&self, hay: &[u8], range: Range<usize>, hits: &mut Vec<Hit>) {
        let first = hits.len();
        if range.start == 0 && !self.at_start.is_empty() && !hay.is_empty() {
            hits.push(Hit { at: 0, what: What::Start });
        }
        if self.encoded {
            // Blocks tell of stretches that lie in the range as a whole.
            let edges = if range.len() > 2 * EDGE {
                [range.start..range.start + EDGE, range.end - EDGE..range.end]
            } else {
                [range.clone(), range.end..range.end]
            };
            for edge in edges.iter().filter(|edge| !edge.is_empty()) {
                decode::find_dense(hay, edge, |at, scheme| hits.push(Hit { at, what: What::Encoded(scheme) }));
            }
        }
        let mut finder = Finder { filter: self, hay, range: range.clone(), hits, dense_end: range.start };
        runs::walk(hay, range.clone(), &self.texts, &mut finder);
        let behind = self.anywhere.behind(&range);
        if behind.start < hay.len() {
            let mut room = [0; size_of::<Bytes>()];
            let bytes = runs::bytes_at(hay, behind.start, &mut room);
            runs::Sink::far(&mut finder, behind.start, (1 << behind.len()) - 1, bytes);
        }
        // Nearly sorted already. An escape may be found from the runs on both sides.
        hits[first..].sort();
        let mut kept = first;
        for at in first..hits.len() {
            if kept == first || hits[kept - 1] != hits[at] {
                hits[kept] = hits[at];
                kept += 1;
            }
        }
        hits.truncate(kept);
    }

    fn push_if_there(&self, hay: &[u8], at: usize, literal: u32, hits: &mut Vec<Hit>) {
        let Literal { bytes, any_case, .. } = &self.literals[literal as usize];
        let there = hay
            .get(at..at + bytes.len())
            .is_some_and(|text| if *any_case { text.eq_ignore_ascii_case(bytes) } else { text == bytes.as_slice() });
        if there {
            hits.push(Hit { at, what: What::Literal(literal) });
        }
    }
}

/// A run in pieces, whatever it looks like. Where the range that is looked at ends in the middle of a run, the next piece is
/// added: one of an earlier version that began in the range may have covered it.
fn find_pieces(hay: &[u8], run: Range<usize>, hits: &mut Vec<Hit>) {
    let more = hay[run.end..].iter().take(MAX_VALUE).take_while(|b| is_token_byte(**b)).count();
    let mut push = |from: usize, to: usize| {
        hits.extend((from..to).step_by(MAX_VALUE).map(|at| {
            let length = (to - at).min(MAX_VALUE) as u32;
            Hit { at, what: What::Run(length) }
        }));
    };
    push(run.start, run.end);
    push(run.end, run.end + more);
}

impl Literal {
    /// Every way to write it in the letter cases that are looked for.
    pub fn spellings(&self) -> Vec<Vec<u8>> {
        if !self.any_case {
            return vec![self.bytes.clone()];
        }
        self.bytes.iter().fold(vec![Vec::new()], |heads, byte| {
            let mut cases = vec![byte.to_ascii_lowercase(), byte.to_ascii_uppercase()];
            cases.dedup();
            heads.iter().flat_map(|h: &Vec<u8>| cases.iter().map(move |c| [h.as_slice(), &[*c]].concat())).collect()
        })
    }
}

/// Does the literal stand at the start of every match, where no letter, digit or `_` may precede it?
fn begins_a_word(rule: &Rule, anchor: &Anchor, text: &[u8]) -> bool {
    let word = text.first().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    word && anchor.before == (0, 0) && !rule.may_stand_inside()
}

/// Collects the hits of a walk.
struct Finder<'a> {
    filter: &'a Prefilter,
    hay: &'a [u8],
    range: Range<usize>,
    hits: &'a mut Vec<Hit>,
    /// Where the last stretch of many escapes ends.
    dense_end: usize,
}

impl Finder<'_> {
    #[inline(always)]
    fn look_up(&mut self, table: &Starts, base: usize, places: u64, bytes: &Bytes) {
        let Self { filter, hay, hits, .. } = self;
        let f = |at, four| table.candidates(four).for_each(|l| filter.push_if_there(hay, base + at, l, hits));
        runs::each(bytes, places, |four| table.may_begin(four), f);
    }
}

impl runs::Sink for Finder<'_> {
    #[inline(always)]
    fn literals(&mut self, base: usize, places: u64, bytes: &Bytes) {
        self.look_up(&self.filter.in_run, base, places, bytes);
    }

    #[inline]
    fn short(&mut self, base: usize, places: u64, bytes: &Bytes) {
        self.look_up(&self.filter.short, base, places, bytes);
    }

    #[inline(always)]
    fn far(&mut self, base: usize, places: u64, bytes: &Bytes) {
        let Self { filter, hay, range, hits, .. } = self;
        let f = |at, four| {
            filter.anywhere.at(four, base + at, range, |at, literal| filter.push_if_there(hay, at, literal, hits));
        };
        runs::each(bytes, places, |four| filter.anywhere.may_have(four), f);
    }

    #[inline]
    fn names(&mut self, base: usize, mut places: u64) {
        while places != 0 {
            let at = base + places.trailing_zeros() as usize;
            places &= places - 1;
            if let Some(len) = keywords::at(self.hay, at) {
                self.hits.push(Hit { at, what: What::Name(len as u32) });
            }
        }
    }

    fn leads(&mut self, base: usize, mut places: u64) {
        while self.filter.encoded && places != 0 {
            let at = base + places.trailing_zeros() as usize;
            places &= places - 1;
            if at >= self.dense_end
                && decode::may_be_dense(self.hay, at)
                && let Some((start, end, scheme)) = decode::dense(self.hay, at)
            {
                self.hits.push(Hit { at: start, what: What::Encoded(scheme) });
                self.dense_end = end;
            }
        }
    }

    fn run(&mut self, run: Range<usize>, mixed: bool) {
        if self.filter.all_runs {
            find_pieces(self.hay, run.clone(), self.hits);
        }
        if self.filter.encoded {
            let push = |at, scheme| self.hits.push(Hit { at, what: What::Encoded(scheme) });
            decode::find(self.hay, &run, looks_random, push);
        }
        // What is behind the run can make a value look random, too.
        if self.filter.values && (mixed || value_end(self.hay, run.end) > run.end) {
            find_values(self.hay, run, self.hits);
        }
    }
}

/// Keeps the pieces of a run in which a value that looks random could begin. Where the range that is looked at ends in the
/// middle of a run, the next piece is looked at, too: one of an earlier version that began in the range may have covered it.
fn find_values(hay: &[u8], run: Range<usize>, hits: &mut Vec<Hit>) {
    let more = hay[run.end..].iter().take(MAX_VALUE).take_while(|b| is_token_byte(**b)).count();
    let run = run.start..run.end + more;
    let mut start = run.start;
    while start < run.end {
        let end = run.end.min(start + MAX_VALUE);
        // A value that begins in this piece is judged by its first bytes, which may lie in the next one.
        if looks_random(&hay[start..value_end(hay, run.end).min(end + JUDGED)]) {
            hits.push(Hit { at: start, what: What::Value((end - start) as u32) });
        }
        start = end;
    }
}

/// Bytes at the start of a value by which it is judged whether it looks random.
pub const JUDGED: usize = 128;

/// Bytes behind a run that can still be of its value: fewer than [`Seam::before`], so that a change there is seen.
const BEHIND: usize = 32;

/// Where a value ends that begins in a run of token characters: some formats go on behind it (`1/2:3`, `a~b`).
pub fn value_end(hay: &[u8], run_end: usize) -> usize {
    match hay.get(run_end) {
        Some(b':' | b'~' | b'!' | b'%' | b'$' | b'*' | b'@' | b'#' | b'|' | b'^') => hay.len().min(run_end + BEHIND),
        _ => run_end,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::rules::{builtin, mint};
    use crate::structure::Rng;

    static FILTER: LazyLock<(RuleSet, Prefilter)> = LazyLock::new(|| {
        let set = builtin::rules().unwrap();
        let filter = Prefilter::new(&set);
        (set, filter)
    });

    fn hits(hay: &[u8], range: Range<usize>) -> Vec<Hit> {
        let mut hits = Vec::new();
        FILTER.1.find(hay, range, &mut hits);
        hits
    }

    /// Pieces of text with minted credentials among them, cut off anywhere.
    fn text(seed: u64, pieces: usize) -> Vec<u8> {
        let mut rng = Rng::new(seed);
        let mut text = Vec::new();
        for _ in 0..pieces {
            let rule = &FILTER.0.rules()[rng.below(FILTER.0.rules().len())];
            let mut piece = mint::mint(rule, &mut rng).unwrap_or_default();
            let len = rng.below(piece.len() + 20);
            piece.truncate(len);
            text.extend(piece);
            let len = rng.below(30);
            text.extend(rng.text(b"ab1A:/_ \\n%;.\n\"=", len).bytes());
        }
        text
    }

    /// Every literal, wherever it stands and could be part of a match.
    fn naive(hay: &[u8]) -> Vec<Hit> {
        let mut hits = Vec::new();
        for (rule, anchor) in FILTER.0.rules().iter().filter_map(|r| match &r.anchoring {
            Anchoring::Literal(anchor) => Some((r, anchor)),
            _ => None,
        }) {
            for text in &anchor.literals {
                let literal = FILTER.1.literals.iter().position(|l| l.bytes == *text && !l.any_case).unwrap() as u32;
                for at in memchr::memmem::find_iter(hay, text).filter(|&at| {
                    let token = |b: &&u8| crate::rules::format::is_token_byte(**b);
                    let run =
                        hay[..at].iter().rev().take_while(token).count() + hay[at..].iter().take_while(token).count();
                    let begins = !begins_a_word(rule, anchor, text) || boundary::could_begin(hay, at);
                    !anchor.in_run || run >= MIN_RUN && begins
                }) {
                    hits.push(Hit { at, what: What::Literal(literal) });
                }
            }
        }
        hits
    }

    proptest! {
        #[test]
        fn no_literal_is_missed(seed in any::<u64>(), pieces in 1usize..12, skip in 0usize..70) {
            let text = text(seed, pieces);
            let hay = &text[skip.min(text.len())..];
            let found = hits(hay, 0..hay.len());
            for hit in naive(hay) {
                prop_assert!(found.contains(&hit), "{hit:?}: {:?}", FILTER.1.literals[match hit.what { What::Literal(l) => l as usize, _ => 0 }]);
            }
        }

        #[test]
        fn far_from_a_seam_nothing_changes(seeds in any::<[u64; 3]>(), pieces in 0usize..4) {
            let [left, right, other] = seeds.map(|seed| text(seed, pieces));
            let (seam, token) = (FILTER.1.seam(), |b: &&u8| crate::rules::format::is_token_byte(**b));
            let (one, two) = ([left.as_slice(), &right].concat(), [left.as_slice(), &other].concat());
            let near = left.len().saturating_sub(seam.before);
            let near = near - one[..near].iter().rev().take_while(token).count();
            let before = |hay: &[u8]| hits(hay, 0..hay.len()).into_iter().filter(|h| h.at < near).collect::<Vec<_>>();
            prop_assert_eq!(before(&one), before(&two));

            let (one, two) = ([left.as_slice(), &right].concat(), [other.as_slice(), &right].concat());
            let near = seam.after.min(right.len());
            let near = near + right[near..].iter().take_while(token).count();
            let after = |hay: &[u8], by: usize| {
                let all = hits(hay, 0..hay.len()).into_iter();
                all.filter(|h| h.at >= by + near).map(|h| Hit { at: h.at - by, what: h.what }).collect::<Vec<_>>()
            };
            prop_assert_eq!(after(&one, left.len()), after(&two, other.len()));
        }
    }
}
