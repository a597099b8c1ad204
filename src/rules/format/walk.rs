//! The matcher of a format: a bounded backtracking walk, longest first.

use std::ops::Range;

use super::{Captures, Lengths, Node};
use crate::rules::class::Class;

/// Length of a run from which on it is first asked whether what has to follow it stands anywhere.
const LONG: usize = 64;

/// Steps after which a match attempt gives up; no rule comes near it on any real token.
const STEP_LIMIT: u32 = 20_000;

/// Matches `nodes` at `start`; see [`super::Format::match_at`].
pub(super) fn walk(
    nodes: &[Node],
    names: usize,
    hay: &[u8],
    start: usize,
    reach: &mut usize,
    accept: &dyn Fn(usize) -> bool,
) -> Option<(usize, Captures)> {
    let mut walk = Walk { hay, accept, names, captures: Vec::new(), steps: 0, reach: start };
    let end = walk.nodes(nodes, start, None);
    *reach = walk.reach.max(*reach);
    let end = end?;
    walk.captures.resize(names, None);
    Some((end, walk.captures))
}

/// What comes after a group: a list on the stack.
struct Then<'a> {
    nodes: &'a [Node],
    close: Option<(usize, usize)>,
    next: Option<&'a Then<'a>>,
}

struct Walk<'h> {
    hay: &'h [u8],
    accept: &'h dyn Fn(usize) -> bool,
    names: usize,
    /// Of all names, or empty as long as there is nothing to say: most attempts fail before.
    captures: Captures,
    steps: u32,
    reach: usize,
}

impl Walk<'_> {
    fn nodes(&mut self, nodes: &[Node], pos: usize, then: Option<&Then<'_>>) -> Option<usize> {
        self.steps += 1;
        if self.steps > STEP_LIMIT {
            return None;
        }
        let Some((node, rest)) = nodes.split_first() else {
            return match then {
                None => {
                    self.reach = self.reach.max(pos + 1);
                    (self.accept)(pos).then_some(pos)
                }
                Some(then) => self.leave(then, pos),
            };
        };
        match node {
            Node::Literal(text) => {
                self.reach = self.reach.max(pos + text.len());
                stands_at(self.hay, pos, text).then_some(())?;
                self.nodes(rest, pos + text.len(), then)
            }
            Node::Segment { name, class, lengths } => self.segment(*name, class, lengths, rest, pos, then),
            Node::Group { name, choices } => {
                let after = Then { nodes: rest, close: name.map(|n| (n, pos)), next: then };
                choices.iter().find_map(|choice| self.nodes(choice, pos, Some(&after)))
            }
        }
    }

    fn capture(&mut self, name: usize) -> &mut Option<(usize, usize)> {
        self.captures.resize(self.names, None);
        &mut self.captures[name]
    }

    fn leave(&mut self, then: &Then<'_>, pos: usize) -> Option<usize> {
        let old = then.close.map(|(name, start)| (name, self.capture(name).replace((start, pos))));
        let end = self.nodes(then.nodes, pos, then.next);
        if let (None, Some((name, old))) = (end, old) {
            *self.capture(name) = old;
        }
        end
    }

    fn segment(
        &mut self,
        name: Option<usize>,
        class: &Class,
        lengths: &Lengths,
        rest: &[Node],
        pos: usize,
        then: Option<&Then<'_>>,
    ) -> Option<usize> {
        let next = match rest.first() {
            Some(Node::Literal(text)) => text.as_slice(),
            _ => b"",
        };
        let run = |from: usize, most: usize| self.hay[from..].iter().take(most).take_while(|b| class.has(**b)).count();
        let mut most = run(pos, lengths.max().min(LONG));
        if most == LONG {
            // Where the prefix of a format stands again and again in a long run, the run is not followed from each of them.
            let end = pos.saturating_add(lengths.max()).saturating_add(1).min(self.hay.len());
            let places = &self.hay[(pos + lengths.min()).min(end)..end];
            if next.first().is_some_and(|first| memchr::memchr(*first, places).is_none()) {
                self.reach = self.reach.max(end + 1);
                return None;
            }
            most += run(pos + LONG, lengths.max() - LONG);
        }
        self.reach = self.reach.max(pos + most + next.len().max(1));
        let mut end = pos + most + 1;
        while let Some(at) = last_place(self.hay, (pos + lengths.min()).min(end)..end, next) {
            end = at;
            if !lengths.allows(at - pos) {
                continue;
            }
            if let Some(name) = name {
                *self.capture(name) = Some((pos, at));
            }
            if let Some(end) = self.nodes(rest, at, then) {
                return Some(end);
            }
        }
        None
    }
}

/// The last of some places where a text stands; one may be the end of `hay`.
#[inline]
fn last_place(hay: &[u8], mut places: Range<usize>, text: &[u8]) -> Option<usize> {
    let Some((first, rest)) = text.split_first() else { return places.next_back() };
    if places.len() <= 1 {
        return places.next().filter(|at| stands_at(hay, *at, text));
    }
    while let Some(at) = memchr::memrchr(*first, &hay[places.start..places.end.min(hay.len())]) {
        places.end = places.start + at;
        if hay[places.end + 1..].starts_with(rest) {
            return Some(places.end);
        }
    }
    None
}

/// Most texts that do not stand at a place differ in their first byte.
#[inline]
fn stands_at(hay: &[u8], at: usize, text: &[u8]) -> bool {
    match text.split_first() {
        None => true,
        Some((first, rest)) => hay.get(at) == Some(first) && (rest.is_empty() || hay[at + 1..].starts_with(rest)),
    }
}
