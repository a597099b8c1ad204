//! A quick test beside a literal that was found: most literals stand in ordinary words, and the byte next to them tells.

use super::{Lengths, Node};
use crate::rules::class::Class;

/// Bytes behind a literal that are looked at.
const FAR: usize = 256;

/// What must stand directly before and after a literal in every match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    before: Option<(Class, usize)>,
    after: Option<After>,
}

/// A run of a class behind a literal.
#[derive(Clone, Debug, PartialEq, Eq)]
struct After {
    class: Class,
    lengths: Lengths,
    /// The byte that follows the run, if that is certain and not of the class.
    then: Option<u8>,
}

/// The bytes that a failed probe looked at: from `start` to before `end`; `None` stands for what is before the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    /// First byte, counted from the start of the text; -1: there were no bytes left of it.
    pub start: isize,
    /// After the last byte, which may be one beyond the end of the text.
    pub end: usize,
}

impl Probe {
    /// The probe for the literal made by `nodes[literal]`.
    pub(super) fn new(nodes: &[Node], literal: std::ops::Range<usize>) -> Self {
        let before = match literal.start.checked_sub(1).map(|i| &nodes[i]) {
            Some(Node::Segment { class, lengths, .. }) => Some((*class, lengths.min())),
            _ => None,
        };
        let after = match nodes.get(literal.end) {
            Some(Node::Segment { class, lengths, .. }) => {
                let then = match nodes.get(literal.end + 1) {
                    Some(Node::Literal(text)) if !class.has(text[0]) => Some(text[0]),
                    _ => None,
                };
                Some(After { class: *class, lengths: lengths.clone(), then })
            }
            _ => None,
        };
        Self { before, after }
    }

    /// Could the literal that stands at `literal` be part of a match? If not, says what that was seen from.
    pub fn miss(&self, hay: &[u8], literal: std::ops::Range<usize>) -> Option<Missed> {
        if let Some(After { class, lengths, then }) = &self.after {
            let most = lengths.max().min(FAR);
            let run = hay[literal.end..].iter().take(most).take_while(|&&b| class.has(b)).count();
            let short = run < lengths.min().min(FAR);
            let wrong_end = || {
                run < FAR && then.is_some_and(|byte| !lengths.allows(run) || hay.get(literal.end + run) != Some(&byte))
            };
            if short || wrong_end() {
                return Some(Missed { start: literal.start as isize, end: literal.end + run + 1 });
            }
        }
        if let Some((class, least)) = &self.before {
            let run = hay[..literal.start].iter().rev().take(*least).take_while(|&&b| class.has(b)).count();
            if run < *least {
                return Some(Missed { start: (literal.start - run) as isize - 1, end: literal.end });
            }
        }
        None
    }
}
