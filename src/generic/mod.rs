//! Secrets without a prefix: passwords and keys, told by the name that they are assigned to and by what they look like.
//!
//! A hit is a key word (`pass`, `token`, ...). [`name`] reads the name around it, [`assign`] finds operator and value, and
//! [`judge`] weighs the evidence. All of it looks at the text through a [`View`], so that what was read is known.

pub mod assign;
pub mod judge;
pub mod name;
pub mod place;
pub mod shape;
pub mod table;
pub mod view;
pub mod weights;
pub mod words;

use std::ops::Range;

use crate::finding::{Confidence, Fact};
pub use name::Class;
pub use place::Place;
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
        confidence(self.score)
    }

    /// What a report needs to know: the name, and the evidence.
    pub fn facts(&self, hay: &[u8]) -> Vec<Fact> {
        let name = String::from_utf8_lossy(&hay[self.name.clone()]);
        vec![Fact::new(NAME, name), self.weighed()]
    }

    /// The evidence.
    pub fn weighed(&self) -> Fact {
        Fact::new(EVIDENCE, written(&self.evidence))
    }
}

/// What kind of secret a text names, by the last name in it: `-p, --password <text>`.
pub fn class_of(text: &[u8]) -> Option<Class> {
    let mut view = View::new(text, 0);
    (0..text.len()).rev().find_map(|at| {
        let word = assign::key_word(&text[at..])?;
        let place = assign::name(&mut view, at, word.len())?;
        let name = name::read(view.slice(place.clone()), at - place.start)?;
        let plain = !name.around.head && !name.around.tail && name.class != Class::BareKey;
        plain.then_some(name.class)
    })
}

/// Bytes before a value in which its key word stands.
const BEFORE: usize = 400;

/// Bytes behind a value in which its key word stands, where the name comes last.
const BEHIND: usize = 120;

/// What a report needs to know of a value that was found: looks at the key words around it again.
pub fn facts_of(hay: &[u8], value: &Range<usize>) -> Vec<Fact> {
    let from = value.start.saturating_sub(BEFORE);
    let behind = value.end..hay.len().min(value.end + BEHIND);
    let hits = (from..value.start).rev().chain(behind);
    let hits = hits.filter_map(|at| Some((at, assign::key_word(&hay[at..])?.len())));
    hits.flat_map(|(at, len)| find(&mut View::new(hay, at), at, len, LOW))
        .find(|f| f.value == *value)
        .map(|f| f.facts(hay))
        .unwrap_or_default()
}

fn confidence(score: i32) -> Option<Confidence> {
    match score {
        HIGH.. => Some(Confidence::High),
        MEDIUM.. => Some(Confidence::Medium),
        LOW.. => Some(Confidence::Low),
        _ => None,
    }
}

/// Adds what the kind of file says to the evidence among the facts of a value, and says how sure it is then: never surer,
/// and never so unsure that it is not counted.
pub fn placed(facts: &mut [Fact], confidence: Confidence, place: Place) -> Confidence {
    let Some(fact) = facts.iter_mut().find(|f| f.label == EVIDENCE) else { return confidence };
    let mut list: Vec<Evidence> = read(&fact.value).map(|(evidence, ..)| *evidence).collect();
    let Some(says) = place.says(&list) else { return confidence };
    list.push(says);
    fact.value = written(&list);
    self::confidence(weights::sum(&list)).unwrap_or(Confidence::Low).min(confidence)
}

/// Evidence as a fact holds it.
fn written(list: &[Evidence]) -> String {
    let numbers: Vec<String> = list.iter().map(|e| (*e as usize).to_string()).collect();
    numbers.join(" ")
}

fn read(fact: &str) -> impl Iterator<Item = &'static (Evidence, i32, &'static str)> {
    fact.split(' ').filter_map(|number| weights::TABLE.get(number.parse::<usize>().ok()?))
}

/// The evidence in a fact, heaviest first: weight in tenths and words.
pub fn explain(fact: &str) -> Vec<(i32, &'static str)> {
    let mut list: Vec<_> = read(fact).map(|(_, weight, words)| (*weight, *words)).collect();
    list.push((weights::START, "what any value of a name has against it"));
    list.sort_by_key(|(weight, words)| (std::cmp::Reverse(*weight), *words));
    list
}

/// What a look at a key word gives.
#[derive(Debug)]
pub struct Looked {
    /// The bytes that it depended on, as [`View::read`] tells them.
    pub read: Range<isize>,
    /// The values that may be secrets: several if the name has a list of them, or names the column of a table.
    pub found: Vec<Found>,
    /// More of the table is there than is read.
    pub cut: bool,
}

/// Looks at a key word of `len` bytes.
pub fn look(hay: &[u8], at: usize, len: usize) -> Looked {
    let mut view = View::new(hay, at);
    let found = find(&mut view, at, len, LOW);
    let own = view.read();
    let looked = Looked { read: own.clone(), found, cut: false };
    if !looked.found.is_empty() || !may_be_title(hay, at, len) {
        return looked;
    }
    match table::look(hay, at) {
        Some((read, found, cut)) => Looked { read: own.start.min(read.start)..own.end.max(read.end), found, cut },
        // That it is no row of names depends on its line.
        None => Looked { read: own.start.min(at as isize - TITLE)..own.end.max(at as isize + TITLE), ..looked },
    }
}

/// Bytes on each side of the name of a column that say whether it is one.
const TITLE: isize = 1100;

/// May the key word be in the name of a column: with nothing but white space and quotes up to a sign between cells, or the end
/// of the line, on both sides?
fn may_be_title(hay: &[u8], at: usize, len: usize) -> bool {
    // Most names of code are told by what is right behind them.
    if !matches!(hay.get(at + len), None | Some(b',' | b';' | b'\t' | b'|' | b'\n' | b'\r' | b' ' | b'"' | b'*' | b'_' | b'a'..=b'z' | b'A'..=b'Z'))
    {
        return false;
    }
    let word = |b: &&u8| assign::in_name(**b);
    let mark = |b: &&u8| matches!(**b, b' ' | b'"' | b'*' | b'\r');
    let sign = |b: Option<&u8>| matches!(b, None | Some(b',' | b';' | b'\t' | b'|' | b'\n'));
    let (before, after) = (&hay[at.saturating_sub(24)..at], &hay[at + len..hay.len().min(at + len + 24)]);
    let name = after.iter().take_while(word).count();
    let behind = after[name..].iter().find(|b| !mark(b));
    let name = before.iter().rev().take_while(word).count();
    let ahead = before[..before.len() - name].iter().rev().find(|b| !mark(b));
    sign(behind) && sign(ahead) && (behind.is_some() || after.len() < 24)
}

/// As [`look`], for a word of another language, read as if `word` stood there.
pub fn look_translated(hay: &[u8], at: usize, len: usize, word: &str) -> (Range<isize>, Vec<Found>) {
    let mut view = View::new(hay, at);
    let found = assign::name(&mut view, at, len).and_then(|place| {
        let (text, hit) = (view.slice(place.clone()), at - place.start);
        let translated = [&text[..hit], word.as_bytes(), &text[hit + len..]].concat();
        Some((name::read(&translated, hit)?, place))
    });
    let found = found.map_or(Vec::new(), |(name, place)| values(&mut view, name, place, LOW));
    (view.read(), found)
}

/// As [`look`], for any value, however much speaks against it: what weights are fitted to.
pub fn weigh(hay: &[u8], at: usize, len: usize) -> Option<Found> {
    find(&mut View::new(hay, at), at, len, i32::MIN).into_iter().next()
}

/// Judges a value that has no name, but stands where a secret of a class is given: to a call or a command that is at `to`.
pub fn given(hay: &[u8], class: Class, to: Range<usize>, value: Range<usize>) -> (Range<isize>, Option<Found>) {
    let mut view = View::new(hay, to.start);
    let found = weigh_given(&mut view, class, assign::Site::given(to, value));
    (view.read(), found)
}

/// As [`given`], for the literal that begins at `at`; none is judged if something else stands there.
pub fn given_literal(hay: &[u8], class: Class, to: Range<usize>, at: usize) -> (Range<isize>, Option<Found>) {
    let mut view = View::new(hay, to.start);
    let site = assign::given(&mut view, to, at);
    let found = site.and_then(|site| weigh_given(&mut view, class, site));
    (view.read(), found)
}

fn weigh_given(view: &mut View<'_>, class: Class, site: assign::Site) -> Option<Found> {
    let name = name::Name { class, around: name::Around::default() };
    weighed(view, &name, site, LOW)
}

fn find(view: &mut View<'_>, at: usize, len: usize, least: i32) -> Vec<Found> {
    let read = |view: &mut View<'_>| {
        let place = assign::name(view, at, len)?;
        Some((name::read(view.slice(place.clone()), at - place.start)?, place))
    };
    read(view).map_or(Vec::new(), |(name, place)| values(view, name, place, least))
}

/// The values of a name that may be secrets.
fn values(view: &mut View<'_>, name: name::Name, place: Range<usize>, least: i32) -> Vec<Found> {
    let Some(site) = assign::site(view, place.clone()) else {
        let items = if name.around.plural { assign::list::below(view, place) } else { Vec::new() };
        return items.into_iter().filter_map(|site| weighed(view, &name, site, least)).collect();
    };
    // `auth = ("user", "password")`
    let listable = name.class != Class::BareKey;
    let first = weighed(view, &name, site.clone(), least);
    let sure = first.as_ref().is_some_and(|first| first.score >= HIGH);
    let others =
        if listable && (sure || name.class == Class::Auth) { assign::list::behind(view, &site) } else { Vec::new() };
    let pair = name.class == Class::Auth && others.len() == 1;
    let name = name::Name { class: if pair { Class::Password } else { name.class }, ..name };
    let others = others.into_iter().filter(|_| sure || pair).filter_map(|site| weighed(view, &name, site, least));
    first.into_iter().chain(others).collect()
}

fn weighed(view: &mut View<'_>, name: &name::Name, site: assign::Site, least: i32) -> Option<Found> {
    let evidence = judge::evidence(view, name, &site, least)?;
    let score = weights::sum(&evidence);
    Some(Found { class: name.class, name: site.name, value: site.value, evidence, score })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What is not looked at because it cannot matter does not matter.
        #[test]
        fn nothing_is_given_up_too_early(
            name in "(db_|API_|my|is_|hashed_|)(password|secret|token|key|authToken|salt|passwd_field)",
            op in "( = \"|: |=|: '|=> \"|, \"|\\(\"|\": \"| := `)",
            value in "([a-z]{3,9}|[A-Za-z0-9+/]{8,24}|[0-9a-f]{8}|[0-9a-f-]{4,13}|[!-~]{4,12}|changeme|\\$\\{X\\}|[A-Z_]{4,9}|==|[0-9]{4}| ){1,3}",
            end in "(\"|'|;|\n|\"\\)|)",
        ) {
            let text = [name, op, value, end].concat();
            let hits = (0..text.len()).filter_map(|at| Some((at, assign::key_word(&text.as_bytes()[at..])?.len())));
            for (at, len) in hits {
                let found = |least: i32| {
                    let found = find(&mut View::new(text.as_bytes(), at), at, len, least);
                    found.into_iter().filter(|found| found.score >= LOW).collect::<Vec<_>>()
                };
                prop_assert_eq!(found(i32::MIN), found(LOW), "{}", text);
            }
        }
    }
}
