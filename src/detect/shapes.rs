//! Which rules could match a value at a place, by the runs of each alphabet that begin there.
//!
//! Most text that looks random is no credential: a hash, an identifier, a piece of a file. Its length says so, long
//! before any format is tried.

use crate::rules::class::Class;
use crate::rules::format::FirstRun;
use crate::rules::{Anchoring, Rule, RuleSet};

/// Alphabets that are followed side by side; rules of any further ones are tried by their first byte.
const MOST_CLASSES: usize = 63;
/// Lengths of runs below this are told apart; longer ones are given as this long.
pub const TOLD_APART: usize = 300;

/// The rules that go by the shape of a value.
#[derive(Debug)]
pub struct Shapes {
    /// For each byte: the alphabets that it belongs to, one bit each.
    members: Box<[u64; 256]>,
    classes: Vec<Fits>,
    /// For each byte: the rules of other shapes that a match could begin with it.
    others: Vec<Vec<Other>>,
}

/// A rule whose matches begin with no run.
#[derive(Clone, Debug)]
struct Other {
    rule: usize,
    /// What every match begins with.
    prefix: Vec<u8>,
}

/// The rules of one alphabet.
#[derive(Debug)]
struct Fits {
    /// For each length of a run: where its rules begin in `rules`, where they end being where those of the next begin.
    from: Vec<u32>,
    rules: Vec<usize>,
}

/// What is known of the runs of a text, from one place to the next: for each alphabet, where the run ends that was
/// followed last. Empty where places are so few that it does not pay.
#[derive(Debug, Default)]
pub struct Runs {
    ends: Vec<usize>,
}

impl Shapes {
    /// Collects the shapes of the rules that are anchored at values, of those that `wanted` picks.
    pub fn new(set: &RuleSet, wanted: impl Fn(&Rule) -> bool) -> Self {
        let mut classes: Vec<(Class, Vec<usize>)> = Vec::new();
        let mut others = vec![Vec::new(); 256];
        for (index, rule) in set.rules().iter().enumerate() {
            let Some(format) =
                rule.format.as_ref().filter(|_| matches!(rule.anchoring, Anchoring::Value) && wanted(rule))
            else {
                continue;
            };
            let class = format.lead();
            let known = class.and_then(|class| classes.iter().position(|(c, _)| *c == class));
            match (class, known) {
                (_, Some(at)) => classes[at].1.push(index),
                (Some(class), None) if classes.len() < MOST_CLASSES => classes.push((class, vec![index])),
                _ => {
                    let other = Other { rule: index, prefix: format.prefix().to_vec() };
                    format.start().first.bytes().for_each(|byte| others[usize::from(byte)].push(other.clone()));
                }
            }
        }
        let mut members = Box::new([0; 256]);
        for (bit, (class, _)) in classes.iter().enumerate() {
            class.bytes().for_each(|byte| members[usize::from(byte)] |= 1 << bit);
        }
        let classes = classes.iter().map(|(_, rules)| Fits::new(set, rules)).collect();
        Self { members, classes, others }
    }

    /// Space for looking at many places of one text, so that this costs time linear in its length.
    pub fn runs(&self) -> Runs {
        Runs { ends: vec![0; self.classes.len()] }
    }

    /// Calls `f` with each rule whose shape could begin at `start`, and where the run of its alphabet ends (`start` if it
    /// is of another kind). `runs` is for one text and ascending places. Gives the end of the bytes that were looked at.
    pub fn at(&self, hay: &[u8], start: usize, runs: &mut Runs, mut f: impl FnMut(usize, usize)) -> usize {
        let limit = hay.len().min(start + TOLD_APART);
        let mut given = |class: usize, end: usize| {
            if end > start {
                self.classes[class].rules(end - start).iter().for_each(|&rule| f(rule, end));
            }
        };
        let read = if runs.ends.is_empty() {
            self.follow(&hay[..limit], start, (1 << self.classes.len()) - 1, &mut given)
        } else {
            self.follow_on(&hay[..limit], start, &mut runs.ends, &mut given)
        };
        if let Some(&byte) = hay.get(start) {
            for Other { rule, prefix } in &self.others[usize::from(byte)] {
                let there = hay.len() >= start + prefix.len() && prefix.iter().zip(&hay[start..]).all(|(a, b)| a == b);
                if there {
                    f(*rule, start);
                }
            }
        }
        read + 1
    }

    /// Finds where the runs of some alphabets end that begin at `start`.
    #[inline]
    fn follow(&self, hay: &[u8], start: usize, mut alive: u64, ended: &mut impl FnMut(usize, usize)) -> usize {
        let mut at = start;
        loop {
            let members = hay.get(at).map_or(0, |&byte| self.members[usize::from(byte)]);
            let mut ending = alive & !members;
            while ending != 0 {
                ended(ending.trailing_zeros() as usize, at);
                ending &= ending - 1;
            }
            alive &= members;
            if alive == 0 {
                return at;
            }
            at += 1;
        }
    }

    /// The same for all alphabets, with what is known from the places before.
    fn follow_on(&self, hay: &[u8], start: usize, ends: &mut [usize], ended: &mut impl FnMut(usize, usize)) -> usize {
        let mut unknown = 0;
        let mut read = start;
        for (class, end) in ends.iter_mut().enumerate() {
            if *end <= start {
                unknown |= 1 << class;
                continue;
            }
            // Known up to here; it may go on where the last look stopped.
            let member = |b: &&u8| self.members[usize::from(**b)] >> class & 1 == 1;
            *end += hay.get(*end..).map_or(0, |rest| rest.iter().take_while(member).count());
            read = read.max(*end);
            ended(class, *end);
        }
        let end = self.follow(hay, start, unknown, &mut |class, end| {
            ends[class] = end;
            ended(class, end);
        });
        read.max(end)
    }
}

/// The runs of the rule's alphabet that a match could begin with.
fn first_run(rule: &Rule) -> FirstRun<'_> {
    match &rule.format {
        // What may be found inside longer text need not end where its run does.
        Some(format) if rule.may_stand_inside() => FirstRun::From(format.least_run()),
        Some(format) => format.first_run(),
        None => FirstRun::From(usize::MAX),
    }
}

impl Fits {
    fn new(set: &RuleSet, candidates: &[usize]) -> Self {
        let mut fits = Self { from: Vec::with_capacity(TOLD_APART + 2), rules: Vec::new() };
        let candidates: Vec<_> = candidates.iter().map(|&rule| (rule, first_run(&set.rules()[rule]))).collect();
        for run in 0..=TOLD_APART {
            fits.from.push(fits.rules.len() as u32);
            // The last length stands for all longer ones, too.
            let fitting = candidates.iter().filter(|(_, runs)| run == TOLD_APART || runs.allows(run));
            fits.rules.extend(fitting.map(|(rule, _)| *rule));
        }
        fits.from.push(fits.rules.len() as u32);
        fits
    }

    fn rules(&self, run: usize) -> &[usize] {
        &self.rules[self.from[run] as usize..self.from[run + 1] as usize]
    }
}
