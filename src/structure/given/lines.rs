//! Lines of `user:password` behind a command that reads them: a here-document for `chpasswd`, a block of cloud-init.

use std::ops::Range;

use super::{password, several, weigh};
use crate::generic::Class;
use crate::structure::primitives::window;
use crate::structure::{Input, Outcome, Rng};

/// How far behind the command lines are read.
const AHEAD: usize = 4000;

pub(super) fn check(input: &Input<'_>) -> Outcome {
    let (range, past) = window(input.hay, input.end, AHEAD);
    let text = &input.hay[range.clone()];
    let (values, goes_on) = passwords(text);
    let weighed = |v: &Range<usize>| weigh(input, Class::Password, range.start + v.start..range.start + v.end, past);
    let cut = goes_on && range.end < input.hay.len();
    several(input, values.iter().map(weighed).collect(), past, cut)
}

/// What stands behind the colon of the lines that follow, up to one of another kind; and whether the text ends before such a
/// line.
fn passwords(text: &[u8]) -> (Vec<Range<usize>>, bool) {
    let (mut all, mut at) = (Vec::new(), 0);
    while let Some(len) = memchr::memchr(b'\n', &text[at..]) {
        let line = &text[at..at + len];
        let bare = line.trim_ascii_start();
        let start = at + len - bare.len();
        let bare = bare.trim_ascii_end();
        // `- user:password` and `"user:password"`
        let head = bare.iter().take_while(|b| matches!(b, b'-' | b' ' | b'"' | b'\'')).count();
        let tail = bare.iter().rev().take_while(|b| matches!(b, b'"' | b'\'')).count();
        let inner = bare.get(head..bare.len() - tail).unwrap_or_default();
        let user = inner.iter().take_while(|b| b.is_ascii_alphanumeric() || b"._-${}".contains(b)).count();
        let value = start + head + user + 1..start + head + inner.len();
        match inner.get(user) {
            Some(b':') if user > 0 && !value.is_empty() && !text[value.clone()].contains(&b' ') => all.push(value),
            // The rest of the line of the command itself; the head of a block.
            _ if at == 0 || inner.ends_with(b"|") => {}
            _ => return (all, false),
        }
        at += len + 1;
    }
    let some = !all.is_empty();
    (all, some)
}

pub(super) fn mint(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    format!("chpasswd <<EOF\nworker:{}\nEOF\n", password(rng)).into_bytes()
}

#[cfg(test)]
mod tests {
    #[test]
    fn passwords_of_lines() {
        let all = |text: &str| -> Vec<String> {
            super::passwords(text.as_bytes()).0.into_iter().map(|value| text[value].to_owned()).collect()
        };
        assert_eq!(all("EOF\nroot:ab\n${USER}:cd\nEOF\nno:ef\n"), ["ab", "cd"]);
        assert_eq!(all("\n  expire: false\n    root:ab\n"), Vec::<String>::new());
        assert_eq!(all("\n  list: |\n    root:ab\n    - bob:cd\n  expire: false\n"), ["ab", "cd"]);
    }
}
