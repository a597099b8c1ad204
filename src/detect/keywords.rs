//! The key words of names that promise a secret, where something like an operator follows.
//!
//! Source text is full of `key` and `token`; the few bytes behind one say most of the time that nothing is assigned.

use std::ops::Range;

use aho_corasick::{AhoCorasick, Input, packed};

use crate::generic::assign::{self, KEY_WORDS};

/// Bytes from the start of a key word that [`follows`] looks at: a change farther away brings or takes no hit.
pub const AHEAD: usize = 40;

/// The compiled search.
#[derive(Debug)]
pub struct KeyWords {
    search: Search,
    lengths: Vec<usize>,
}

#[derive(Debug)]
enum Search {
    Packed(packed::Searcher),
    Automaton(Box<AhoCorasick>),
    Nothing,
}

impl KeyWords {
    /// Compiles the search: each word in lower case, with a capital, and in upper case.
    pub fn new() -> Self {
        let mut texts: Vec<Vec<u8>> = Vec::new();
        for word in KEY_WORDS {
            let lower = word.as_bytes().to_vec();
            let mut title = lower.clone();
            title[0].make_ascii_uppercase();
            for text in [lower, title, word.to_ascii_uppercase().into_bytes()] {
                if !texts.contains(&text) {
                    texts.push(text);
                }
            }
        }
        let lengths = texts.iter().map(Vec::len).collect();
        let mut builder = packed::Config::new().heuristic_pattern_limits(false).builder();
        builder.extend(&texts);
        let search = match (builder.build(), AhoCorasick::new(&texts)) {
            (Some(packed), _) => Search::Packed(packed),
            (None, Ok(automaton)) => Search::Automaton(Box::new(automaton)),
            (None, Err(_)) => Search::Nothing,
        };
        Self { search, lengths }
    }

    /// Calls `f` with place and length of each key word that begins in `range` and that an operator may follow.
    pub fn find(&self, hay: &[u8], range: Range<usize>, mut f: impl FnMut(usize, usize)) {
        let longest = self.lengths.iter().max().copied().unwrap_or(1);
        let end = (range.end + longest - 1).min(hay.len());
        let mut at = range.start;
        while at < end {
            let found = match &self.search {
                Search::Packed(packed) => packed.find_in(hay, (at..end).into()),
                Search::Automaton(automaton) => automaton.find(Input::new(hay).range(at..end)),
                Search::Nothing => None,
            };
            let Some(found) = found.filter(|m| m.start() < range.end) else { break };
            let (start, len) = (found.start(), self.lengths[found.pattern().as_usize()]);
            if follows(hay, start, len) {
                f(start, len);
            }
            at = start + 1;
        }
    }
}

/// May an operator follow the name in which this key word stands? Looks at [`AHEAD`] bytes; says yes if these end first.
fn follows(hay: &[u8], start: usize, len: usize) -> bool {
    let ahead = &hay[start + len..hay.len().min(start + AHEAD)];
    let name = ahead.iter().take_while(|b| assign::in_name(**b)).count();
    let mut rest = &ahead[name..];
    let closed = rest.iter().take_while(|b| matches!(b, b'"' | b'\'' | b'`' | b']' | b'\\' | b'*')).count();
    rest = &rest[closed..];
    let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    match rest.get(blanks) {
        None => start + AHEAD <= hay.len(),
        Some(b'=' | b':' | b'<' | b'&' | b'-' | b'!' | b'|' | b'?' | b'+' | b'>') => true,
        Some(b'{') => closed > 0 || matches!(rest.get(blanks + 1), Some(b'"' | b'\'')),
        Some(b'(') => closed == 0 && !matches!(rest.get(blanks + 1), Some(b')')),
        Some(b',' | b')' | b'\n' | b'\r') => closed > 0 || matches!(rest[blanks], b'\n' | b'\r'),
        Some(b'"' | b'\'') => blanks > 0,
        // A word after a blank: a type, `by`, the value of an option.
        Some(_) => blanks > 0 || closed > 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(hay: &[u8], range: Range<usize>) -> Vec<(usize, usize)> {
        let there = |at: usize, word: &str| {
            hay.get(at..at + word.len()).is_some_and(|t| {
                let upper = word.to_ascii_uppercase();
                let title = format!("{}{}", &upper[..1], &word[1..]);
                [word, upper.as_str(), title.as_str()].iter().any(|w| w.as_bytes() == t)
            })
        };
        range
            .flat_map(|at| KEY_WORDS.iter().filter(move |w| there(at, w)).map(move |w| (at, w.len())))
            .filter(|(at, len)| follows(hay, *at, *len))
            .collect()
    }

    proptest! {
        #[test]
        fn finds_every_key_word_in_every_range(
            words in proptest::collection::vec("(pass|KEY|Token|_pw|pwd|a|secret|sAlt|=|: |\n|\"){1,3}", 0..30),
            start in 0usize..200,
            len in 0usize..200,
        ) {
            let text = words.concat();
            let hay = text.as_bytes();
            let start = start.min(hay.len());
            let range = start..(start + len).min(hay.len());
            let mut found = Vec::new();
            KeyWords::new().find(hay, range.clone(), |at, len| found.push((at, len)));
            prop_assert_eq!(found, naive(hay, range));
        }
    }
}
