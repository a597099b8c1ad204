//! The key words of names that promise a secret, where something like an operator follows.
//!
//! Source text is full of `key` and `token`; the few bytes behind one say most of the time that nothing is assigned.

use crate::detect::nibbles::Nibbles;
use crate::generic::assign::{self, KEY_WORDS};

/// Bytes from the start of a key word that [`follows`] looks at: a change farther away brings or takes no hit.
pub const AHEAD: usize = 40;

/// What tells where a key word could begin.
pub fn nibbles() -> Nibbles {
    Nibbles::new(KEY_WORDS.iter().map(|word| (word.as_bytes(), true)))
}

/// The length of the key word that begins here, if an operator may follow its name. It is written in lower case, with a
/// capital, or in upper case.
#[inline]
pub fn at(hay: &[u8], start: usize) -> Option<usize> {
    let rest = &hay[start..];
    let len = assign::key_word(rest)?.len();
    (is_spelt(&rest[..len]) && follows(hay, start, len)).then_some(len)
}

/// Is a word written in one of the ways that count?
fn is_spelt(word: &[u8]) -> bool {
    word[1..].iter().all(|b| !b.is_ascii_uppercase()) || !word.iter().any(u8::is_ascii_lowercase)
}

/// May an operator follow the name in which this key word stands? Looks at [`AHEAD`] bytes; says yes if these end first.
fn follows(hay: &[u8], start: usize, len: usize) -> bool {
    let ahead = &hay[start + len..hay.len().min(start + AHEAD)];
    let name = ahead.iter().take_while(|b| assign::in_name(**b)).count();
    let mut rest = &ahead[name..];
    let closed = rest.iter().take_while(|b| matches!(b, b'"' | b'\'' | b'`' | b']' | b'\\' | b'*')).count();
    rest = &rest[closed..];
    let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    let goes_on = |texts: &[&[u8]]| texts.iter().any(|text| rest[blanks..].starts_with(text));
    match rest.get(blanks) {
        None => start + AHEAD <= hay.len(),
        Some(b'=' | b':' | b'<' | b'&' | b'-' | b'!' | b'|' | b'?' | b'+' | b'>' | 0xef) => true,
        // The accessors of a property come before what is assigned to it.
        Some(b'{') => closed > 0 || goes_on(&[b"{ get;", b"{\"", b"{'"]),
        // A member of an annotation has its default behind it.
        Some(b'(') => closed == 0 && (!goes_on(&[b"()"]) || goes_on(&[b"() default "])),
        // `${NAME-value}`, `$ENV{NAME} // ...`
        Some(b'}') => closed > 0 || ahead[..name].contains(&b'-') || goes_on(&[b"} //", b"} ||", b"}  "]),
        // An array, as C declares it.
        Some(b'[') => closed == 0 && matches!(rest.get(blanks + 1), Some(b']' | b'0'..=b'9')),
        Some(b')') if goes_on(&[b"): \"", b"): '"]) => true,
        // The name of a column, between others.
        Some(b',' | b';') if closed + blanks == 0 && begins_a_cell(hay, start) => true,
        Some(b',') if closed == 0 => {
            let behind = rest[blanks + 1..].trim_ascii_start();
            behind.first() == Some(&b'"') || behind.is_empty() && start + AHEAD <= hay.len()
        }
        Some(b',' | b')' | b'\n' | b'\r') => closed > 0 || matches!(rest[blanks], b'\n' | b'\r'),
        Some(b'"' | b'\'') => blanks > 0,
        // A word after a blank: a type, `by`, the value of an option.
        Some(_) => blanks > 0 || closed > 0,
    }
}

/// Does the name in which a key word begins stand behind a comma, a semicolon or a line break? Looks at [`BACK`] bytes.
fn begins_a_cell(hay: &[u8], start: usize) -> bool {
    let back = hay[start.saturating_sub(BACK)..start].iter().rev().find(|b| !assign::in_name(**b));
    matches!(back, Some(b',' | b';' | b'\n')) || start == 0
}

/// Bytes before a key word that may say whether it is a hit: no more than a change in them is looked at again for.
const BACK: usize = 12;

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use proptest::prelude::*;

    use super::*;

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
            let (mut found, nibbles) = (Vec::new(), nibbles());
            for place in range.clone() {
                if let Some(len) = at(hay, place) {
                    let four = [hay[place..].to_vec(), vec![0; 4]].concat();
                    prop_assert_ne!(nibbles.buckets(&four), 0);
                    found.push((place, len));
                }
            }
            prop_assert_eq!(found, naive(hay, range));
        }
    }
}
