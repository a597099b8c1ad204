//! Secrets without a prefix: passwords and keys, told by the name that they are assigned to and by what they look like.
//!
//! A hit is a key word (`pass`, `token`, ...). [`name`] reads the name around it, [`assign`] finds operator and value, and
//! [`judge`] weighs the evidence. All of it looks at the text through a [`View`], so that what was read is known.

pub mod assign;
pub mod judge;
pub mod name;
pub mod shape;
pub mod view;
pub mod weights;
pub mod words;

use std::ops::Range;

use crate::finding::{Confidence, Fact};
pub use name::Class;
use view::View;
use weights::Evidence;

/// A value that may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What the name promises.
    pub class: Class,
    /// Where the name stands.
    pub name: Range<usize>,
    /// Where the value stands.
    pub value: Range<usize>,
    /// What speaks for and against it.
    pub evidence: Vec<Evidence>,
    /// The sum of the weights, in tenths.
    pub score: i32,
}

/// Least sum of weights, in tenths, for each confidence. What weighs less than the first is not even counted.
const LOW: i32 = -20;
const MEDIUM: i32 = 0;
const HIGH: i32 = 30;

/// Labels of the facts of a match.
pub const NAME: &str = "name";
/// The evidence, as numbers; see [`explain`].
pub const EVIDENCE: &str = "evidence";

impl Found {
    /// How sure the evidence makes; `None`: it speaks against a secret.
    pub fn confidence(&self) -> Option<Confidence> {
        match self.score {
            HIGH.. => Some(Confidence::High),
            MEDIUM.. => Some(Confidence::Medium),
            LOW.. => Some(Confidence::Low),
            _ => None,
        }
    }

    /// What a report needs to know: the name, and the evidence.
    pub fn facts(&self, hay: &[u8]) -> Vec<Fact> {
        let name = String::from_utf8_lossy(&hay[self.name.clone()]);
        let evidence: Vec<String> = self.evidence.iter().map(|e| (*e as usize).to_string()).collect();
        vec![Fact::new(NAME, name), Fact::new(EVIDENCE, evidence.join(" "))]
    }
}

/// Bytes before a value in which its key word stands.
const BEFORE: usize = 400;

/// What a report needs to know of a value that was found: looks at the key words before it again.
pub fn facts_of(hay: &[u8], value: &Range<usize>) -> Vec<Fact> {
    let from = value.start.saturating_sub(BEFORE);
    let hits = (from..value.start).rev().flat_map(|at| {
        let here = move |w: &&&str| hay.get(at..at + w.len()).is_some_and(|t| t.eq_ignore_ascii_case(w.as_bytes()));
        assign::KEY_WORDS.iter().filter(here).map(move |w| (at, w.len()))
    });
    hits.filter_map(|(at, len)| look(hay, at, len).1).find(|f| f.value == *value).map(|f| f.facts(hay)).unwrap_or_default()
}

/// The evidence in a fact, heaviest first: weight in tenths and words.
pub fn explain(fact: &str) -> Vec<(i32, &'static str)> {
    let entry = |number: &str| number.parse::<usize>().ok().and_then(|i| weights::TABLE.get(i));
    let mut list: Vec<_> = fact.split(' ').filter_map(entry).map(|(_, weight, words)| (*weight, *words)).collect();
    list.push((weights::START, "what any value of a name has against it"));
    list.sort_by_key(|(weight, words)| (std::cmp::Reverse(*weight), *words));
    list
}

/// Looks at a key word of `len` bytes: what was read, and what was found.
pub fn look(hay: &[u8], at: usize, len: usize) -> (Range<isize>, Option<Found>) {
    let mut view = View::new(hay, at);
    let found = find(&mut view, at, len);
    (view.read(), found)
}

fn find(view: &mut View<'_>, at: usize, len: usize) -> Option<Found> {
    let place = assign::name(view, at, len)?;
    let name = name::read(view.slice(place.clone()), at - place.start)?;
    let site = assign::site(view, place)?;
    let evidence = judge::evidence(view, &name, &site, LOW)?;
    let score = weights::sum(&evidence);
    Some(Found { class: name.class, name: site.name, value: site.value, evidence, score })
}
