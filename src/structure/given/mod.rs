//! Passwords without a name: told by where they are given, to a call, to a command, in a line of settings.
//!
//! The place only says which text is meant. Whether that is a password, [`generic`] judges, as it does for the value of a
//! name. Sources: the signatures of the functions and the manual pages of the commands that `rules/given.yaml` lists.

mod call;
mod command;
mod insert;
mod lines;
mod named;

use std::ops::Range;

use super::primitives::{ALNUM, arg, window};
use super::{Input, Outcome, Rng, Structure};
use crate::finding::Verdict;
use crate::generic::{self, Class, Found};

/// The validators of this module.
pub(super) const TABLE: &[Structure] = &[
    Structure {
        name: "password",
        what: "the segment looks like a password, judged as the value of a name is (docs/generic.md); with WORD, that stands before",
        args: &["SEGMENT", "WORD?"],
        check: segment,
        mint: Some(mint_password),
    },
    Structure {
        name: "argument",
        what: "argument number N of the call is a literal that looks like a password, or a key",
        args: &["N", "KIND?"],
        check: call::check,
        mint: Some(call::mint),
    },
    Structure {
        name: "default",
        what: "the call declares a flag whose name promises a secret, with a default that looks like one",
        args: &[],
        check: call::default,
        mint: Some(call::mint_default),
    },
    Structure {
        name: "option",
        what: "the command line gives a password by the option, or at the place, that the command has for it",
        args: &[],
        check: command::check,
        mint: Some(command::mint),
    },
    Structure {
        name: "inserted",
        what: "a column named as passwords are, and values in the rows that look like one",
        args: &[],
        check: insert::check,
        mint: Some(insert::mint),
    },
    Structure {
        name: "name",
        what: "a word for password of another language, in a name whose value looks like one",
        args: &[],
        check: named::check,
        mint: Some(named::mint),
    },
    Structure {
        name: "lines",
        what: "lines of user:password follow, in a here-document or a block of YAML",
        args: &[],
        check: lines::check,
        mint: Some(lines::mint),
    },
];

/// Is it one of these?
pub(super) fn holds(name: &str) -> bool {
    TABLE.iter().any(|s| s.name == name)
}

/// What routers write behind a password that they have hashed.
const ENCRYPTED: &[u8] = b" encrypted";

fn segment(input: &Input<'_>) -> Outcome {
    let name = arg(input.args, 0);
    let Some((_, (start, end))) = input.captures.iter().find(|(n, _)| *n == name) else {
        return Outcome::of(input, Verdict::Malformed).dismissed();
    };
    let (behind, past) = window(input.hay, *end, ENCRYPTED.len());
    if input.hay[behind] == *ENCRYPTED {
        return nothing(input, past);
    }
    let word = arg(input.args, 1).as_bytes();
    let before = input.start.saturating_sub(BEFORE)..input.start;
    let found = word.is_empty() || memchr::memmem::find(&input.hay[before.clone()], word).is_some();
    let outcome = if found { weigh(input, Class::Password, *start..*end, past) } else { nothing(input, past) };
    let from = if word.is_empty() { outcome.read.start } else { outcome.read.start.min(before.start) };
    Outcome { span: input.start..input.end, read: from..outcome.read.end, ..outcome }
}

/// How far before a match the word that it needs may stand.
const BEFORE: usize = 300;

fn mint_password(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    password(rng).into_bytes()
}

fn password(rng: &mut Rng) -> String {
    rng.text(ALNUM, 16) + "a1"
}

/// Judges the text at `value`; `past` is the end of what was read to find it.
fn weigh(input: &Input<'_>, class: Class, value: Range<usize>, past: usize) -> Outcome {
    weighed(input, generic::given(input.hay, class, to(input, value.start), value), past)
}

/// Judges the literal that begins at `at`; `past` is the end of what was read to find it.
fn weigh_literal(input: &Input<'_>, class: Class, at: usize, past: usize) -> Outcome {
    weighed(input, generic::given_literal(input.hay, class, to(input, at), at), past)
}

/// What a value is given to: the match, or the text right before a value far behind it.
fn to(input: &Input<'_>, value: usize) -> Range<usize> {
    let start = input.start.max(value.saturating_sub(NEAR));
    start..input.end.clamp(start, value.max(start))
}

/// How far behind a match what stands around it counts for a value.
const NEAR: usize = 400;

fn weighed(input: &Input<'_>, (looked, found): (Range<isize>, Option<Found>), past: usize) -> Outcome {
    let read = input.start.min(looked.start.max(0) as usize)..past.max(looked.end.max(0) as usize);
    let outcome = Outcome { read, ..Outcome::of(input, Verdict::Shape) };
    match found.and_then(|found| Some((found.confidence()?, found))) {
        Some((confidence, found)) => {
            let facts = vec![found.weighed()];
            Outcome { span: found.value, confidence: Some(confidence), facts, ..outcome }
        }
        None => outcome.dismissed(),
    }
}

/// Several values as one outcome, of which those that are dismissed are dropped. `past` is the end of what was read; `cut`: more
/// of them may stand behind it.
fn several(input: &Input<'_>, all: Vec<Outcome>, past: usize, cut: bool) -> Outcome {
    let read = all.iter().fold(input.start..past, |read, o| read.start.min(o.read.start)..read.end.max(o.read.end));
    let mut found = all.into_iter().filter(|o| !o.dismiss);
    match found.next() {
        Some(first) => Outcome { read, cut, others: found.collect(), ..first },
        None => Outcome { read, cut, ..nothing(input, past) },
    }
}

/// Nothing of the kind stands here; `past` is the end of what was read.
fn nothing(input: &Input<'_>, past: usize) -> Outcome {
    Outcome { read: input.start..past, ..Outcome::of(input, Verdict::Malformed) }.dismissed()
}
