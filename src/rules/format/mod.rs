//! The format language: literal text, named segments, groups. See `docs/rule-format.md`.
//!
//! A [`Format`] is parsed once and gives the prefilter its literals, the matcher its automaton (a bounded backtracking
//! walk, longest first), the entropy in bits and the generator.

mod parse;
mod probe;
mod walk;

pub use probe::{Missed, Probe};

use std::sync::LazyLock;

use crate::error::Result;
use crate::rules::class::Class;

/// Most characters that an open-ended segment takes.
pub const MAX_OPEN: usize = 4096;

/// A parsed format.
#[derive(Clone, Debug)]
pub struct Format {
    nodes: Vec<Node>,
    names: Vec<String>,
    /// Fewest and most bytes of a match, computed once.
    length: (usize, usize),
    first: Option<Class>,
    last: Class,
}

#[derive(Clone, Debug)]
pub(crate) enum Node {
    Literal(Vec<u8>),
    Segment { name: Option<usize>, class: Class, lengths: Lengths },
    Group { name: Option<usize>, choices: Vec<Vec<Node>> },
}

/// Allowed lengths of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lengths {
    Range(usize, usize),
    /// Ascending.
    OneOf(Vec<usize>),
}

impl Lengths {
    pub(crate) fn min(&self) -> usize {
        match self {
            Self::Range(min, _) => *min,
            Self::OneOf(list) => list[0],
        }
    }

    pub(crate) fn max(&self) -> usize {
        match self {
            Self::Range(_, max) => *max,
            Self::OneOf(list) => list[list.len() - 1],
        }
    }

    pub(crate) fn allows(&self, n: usize) -> bool {
        match self {
            Self::Range(min, max) => (*min..=*max).contains(&n),
            Self::OneOf(list) => list.contains(&n),
        }
    }
}

/// Spans of the named segments, in the order of [`Format::names`].
pub type Captures = Vec<Option<(usize, usize)>>;

/// A literal that every match holds, and how far from the start it can stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// One of these stands in every match.
    pub literals: Vec<Vec<u8>>,
    /// Fewest and most bytes before it.
    pub before: (usize, usize),
    /// Is it certain that the literal lies in an unbroken run of at least 16 token characters of the match?
    pub in_run: bool,
    /// What must stand beside it.
    pub probe: Probe,
}

/// How a match of a format can begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The bytes it can begin with.
    pub first: Class,
    /// Could it have no bytes at all?
    pub empty: bool,
}

/// The lengths of the run that a match begins with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FirstRun<'a> {
    /// One of these.
    Of(&'a Lengths),
    /// At least so many bytes.
    From(usize),
}

impl FirstRun<'_> {
    /// Could a match begin with a run of so many bytes?
    pub(crate) fn allows(self, run: usize) -> bool {
        match self {
            Self::Of(lengths) => lengths.allows(run),
            Self::From(least) => run >= least,
        }
    }
}

impl Format {
    /// Parses the text of a format.
    pub fn parse(text: &str) -> Result<Self> {
        let (nodes, names) = parse::parse(text)?;
        let first = match nodes.first() {
            Some(Node::Segment { class, .. }) => Some(*class),
            _ => None,
        };
        Ok(Self { length: length(&nodes), first, last: last_class(&nodes), nodes, names })
    }

    /// Names of the captured segments.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Index of a captured segment.
    pub fn name_index(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|n| n == name)
    }

    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Fewest and most bytes of a match.
    pub fn length(&self) -> (usize, usize) {
        self.length
    }

    /// Bits of a random match: for each segment, its shortest length times log2 of its alphabet.
    pub fn bits(&self) -> f64 {
        bits(&self.nodes)
    }

    /// Bits of one named segment that stands outside of groups.
    pub fn segment_bits(&self, segment: usize) -> f64 {
        let own = |node: &&Node| matches!(node, Node::Segment { name, .. } if *name == Some(segment));
        self.nodes.iter().find(own).map_or(0.0, |node| bits(std::slice::from_ref(node)))
    }

    /// Literal text that every match starts with.
    pub fn prefix(&self) -> &[u8] {
        match self.nodes.first() {
            Some(Node::Literal(text)) => text,
            _ => b"",
        }
    }

    /// The bytes that a match must not go on with: the alphabet of the last piece, or word characters after a literal
    /// that ends with one.
    pub fn last_class(&self) -> Class {
        self.last
    }

    /// The class of the first piece if that is a segment.
    pub fn first_class(&self) -> Option<Class> {
        self.first
    }

    /// Which runs of the first segment's class, and no more of it, can a match begin with?
    pub(crate) fn first_run(&self) -> FirstRun<'_> {
        match unwrapped(&self.nodes) {
            // What follows ends the run, or it may take bytes of the same class.
            ([Node::Segment { lengths, class, .. }, inner @ ..], outer) => {
                let next = start(inner.iter().chain(outer));
                let ends = if next.empty { inner.is_empty() && outer.is_empty() } else { !class.meets(&next.first) };
                if ends { FirstRun::Of(lengths) } else { FirstRun::From(self.least_run()) }
            }
            _ => FirstRun::From(0),
        }
    }

    /// Fewest bytes of [`Format::lead`]'s class that a match begins with.
    pub fn least_run(&self) -> usize {
        let Some(lead) = self.lead() else { return 0 };
        let (inner, outer) = unwrapped(&self.nodes);
        let least = |node: &Node| match node {
            Node::Segment { class, lengths, .. } if class.within(&lead) => Some(lengths.min()),
            Node::Literal(text) if text.iter().all(|byte| lead.has(*byte)) => Some(text.len()),
            _ => None,
        };
        inner.iter().chain(outer).map_while(least).sum()
    }

    /// The class of the run that every match begins with, if it begins with one.
    pub fn lead(&self) -> Option<Class> {
        match unwrapped(&self.nodes).0.first() {
            Some(Node::Segment { class, lengths, .. }) if lengths.min() > 0 => Some(*class),
            _ => None,
        }
    }

    /// Is a match one run of one class, so that its length says all?
    pub fn is_one_run(&self) -> bool {
        matches!(self.nodes.as_slice(), [Node::Segment { .. }])
    }

    /// How a match can begin.
    pub fn start(&self) -> Start {
        start(self.nodes.iter())
    }

    /// Matches at `start`, longest first; `accept` judges an end position (boundaries). Gives the end and captures.
    /// `reach` is raised to the end of the bytes looked at; past the end of `hay` it counts one more.
    pub fn match_at(
        &self,
        hay: &[u8],
        start: usize,
        reach: &mut usize,
        accept: &dyn Fn(usize) -> bool,
    ) -> Option<(usize, Captures)> {
        walk::walk(&self.nodes, self.names.len(), hay, start, reach, accept)
    }

    /// The literal to look for: of all literals that every match holds, the most telling one that stands at most 256
    /// bytes after the start. `None` if no literal of two bytes or more is certain.
    pub fn anchor(&self) -> Option<Anchor> {
        let mut best: Option<(i64, Anchor)> = None;
        let mut consider = |anchor: Anchor, later: bool| {
            let shortest = anchor.literals.iter().map(Vec::len).min().unwrap_or(0);
            // Length counts most; then what is not everywhere; then being findable by the run classifier; then a fixed place.
            let everywhere = anchor.literals.iter().any(|literal| EVERYWHERE.contains(&literal.as_slice()));
            let score = shortest.min(8) as i64 * 10 + i64::from(anchor.in_run) * 12
                - (anchor.before.1 - anchor.before.0) as i64 / 8
                - i64::from(later) * 4
                - i64::from(everywhere) * 30;
            if shortest >= 2 && best.as_ref().is_none_or(|(s, _)| score > *s) {
                best = Some((score, anchor));
            }
        };
        for at in 0..self.nodes.len() {
            let before = length(&self.nodes[..at]);
            if before.1 > 256 {
                break;
            }
            let (literals, used) = expand(&self.nodes[at..]);
            let probe = Probe::new(&self.nodes, at..at + used);
            consider(Anchor { literals, before, in_run: run_around(&self.nodes, at, used) >= 16, probe }, at > 0);
            if let Some(Node::Group { choices, .. }) = self.nodes.get(at)
                && let Some((literals, inside)) = in_each(choices)
            {
                let before = (before.0 + inside.0, before.1 + inside.1);
                let in_run = run_around(&self.nodes, at, 1) >= 16;
                consider(Anchor { literals, before, in_run, probe: Probe::default() }, true);
            }
        }
        best.map(|(_, anchor)| anchor.cut())
    }
}

/// Literals of which all text is full: nearly any other one tells more.
const EVERYWHERE: [&[u8]; 2] = [b"https://", b"http://"];

/// Bytes of a literal that are looked for: more tell nothing new, and what is scanned again beside a change is as long.
const LONGEST_LITERAL: usize = 32;

impl Anchor {
    fn cut(mut self) -> Self {
        if self.literals.iter().any(|literal| literal.len() > LONGEST_LITERAL) {
            self.literals.iter_mut().for_each(|literal| literal.truncate(LONGEST_LITERAL));
            self.literals.sort();
            self.literals.dedup();
            // It is for what stands behind the whole literal.
            self.probe = Probe::default();
        }
        self
    }
}

/// Is the byte one of `[A-Za-z0-9_+/=.-]`, of which tokens are made?
pub fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'+' | b'/' | b'=' | b'.' | b'-')
}

/// The nodes without a group of one choice around the first of them: what is in it, and what follows it.
fn unwrapped(nodes: &[Node]) -> (&[Node], &[Node]) {
    match nodes {
        [Node::Group { choices, .. }, rest @ ..] if choices.len() == 1 => (&choices[0], rest),
        nodes => (nodes, &[]),
    }
}

fn start<'a>(nodes: impl Iterator<Item = &'a Node>) -> Start {
    let mut all = Start { first: Class::default(), empty: true };
    for node in nodes {
        let (first, empty) = match node {
            Node::Literal(text) => (Class::of(&text[..text.len().min(1)]), text.is_empty()),
            Node::Segment { class, lengths, .. } => (*class, lengths.min() == 0),
            Node::Group { choices, .. } => choices
                .iter()
                .map(|c| start(c.iter()))
                .fold((Class::default(), false), |(first, empty), one| (first.union(&one.first), empty || one.empty)),
        };
        all.first = all.first.union(&first);
        if !empty {
            all.empty = false;
            break;
        }
    }
    all
}

pub(super) static TOKEN: LazyLock<Class> = LazyLock::new(|| Class::named("token").unwrap_or_default());

fn length(nodes: &[Node]) -> (usize, usize) {
    nodes.iter().fold((0, 0), |(min, max), node| {
        let (a, b) = match node {
            Node::Literal(text) => (text.len(), text.len()),
            Node::Segment { lengths, .. } => (lengths.min(), lengths.max()),
            Node::Group { choices, .. } => {
                choices.iter().map(|c| length(c)).fold((usize::MAX, 0), |x, y| (x.0.min(y.0), x.1.max(y.1)))
            }
        };
        (min + a, max + b)
    })
}

fn bits(nodes: &[Node]) -> f64 {
    nodes
        .iter()
        .map(|node| match node {
            Node::Literal(_) => 0.0,
            Node::Segment { class, lengths, .. } => f64::from(class.len()).log2() * lengths.min() as f64,
            Node::Group { choices, .. } => {
                let least = choices.iter().map(|c| bits(c)).fold(f64::INFINITY, f64::min);
                least + if choices.iter().any(Vec::is_empty) { 0.0 } else { (choices.len() as f64).log2() }
            }
        })
        .sum()
}

fn last_class(nodes: &[Node]) -> Class {
    match nodes.last() {
        Some(Node::Segment { class, .. }) => *class,
        Some(Node::Group { choices, .. }) => {
            let before = &nodes[..nodes.len() - 1];
            choices.iter().fold(Class::default(), |all, choice| {
                all.union(&if choice.is_empty() { last_class(before) } else { last_class(choice) })
            })
        }
        // A literal that ends like a word must be the end of that word.
        Some(Node::Literal(text)) if text.last().is_some_and(|&b| b.is_ascii_alphanumeric() || b == b'_') => {
            Class::named("word").unwrap_or_default()
        }
        Some(Node::Literal(_)) | None => Class::default(),
    }
}

/// The texts that `nodes` can begin with, as long as they are certain, and how many nodes they cover.
fn expand(nodes: &[Node]) -> (Vec<Vec<u8>>, usize) {
    let mut texts: Vec<Vec<u8>> = vec![Vec::new()];
    for (used, node) in nodes.iter().enumerate() {
        let options: Vec<&[u8]> = match node {
            Node::Literal(text) => vec![text],
            Node::Group { choices, .. } => {
                let plain: Option<Vec<&[u8]>> = choices
                    .iter()
                    .map(|choice| match choice.as_slice() {
                        [Node::Literal(text)] => Some(text.as_slice()),
                        _ => None,
                    })
                    .collect();
                match plain {
                    Some(plain) if plain.len() * texts.len() <= 32 => plain,
                    _ => return (texts, used),
                }
            }
            Node::Segment { .. } => return (texts, used),
        };
        texts = texts.iter().flat_map(|t| options.iter().map(move |o| [t.as_slice(), o].concat())).collect();
    }
    (texts, nodes.len())
}

/// Literals, and fewest and most bytes before them.
type Inside = (Vec<Vec<u8>>, (usize, usize));

/// The longest literal of each choice, and how far from its start they can stand.
fn in_each(choices: &[Vec<Node>]) -> Option<Inside> {
    let mut literals = Vec::new();
    let mut before = (usize::MAX, 0);
    for choice in choices {
        let text = |node: &Node| if let Node::Literal(text) = node { text.len() } else { 0 };
        let at = (0..choice.len()).rev().max_by_key(|&at| text(&choice[at]))?;
        let Node::Literal(text) = &choice[at] else { return None };
        let (least, most) = length(&choice[..at]);
        before = (before.0.min(least), before.1.max(most));
        literals.push(text.clone());
    }
    Some((literals, before))
}

/// Length of the shortest unbroken run of token characters around the `used` nodes from `at`.
fn run_around(nodes: &[Node], at: usize, used: usize) -> usize {
    let literal = &nodes[at..at + used];
    if !is_token(literal) {
        return 0;
    }
    let after = token_run(nodes[at + used..].iter());
    let before = token_run(nodes[..at].iter().rev());
    length(literal).0 + after + before
}

fn token_run<'a>(nodes: impl Iterator<Item = &'a Node>) -> usize {
    let mut run = 0;
    for node in nodes {
        if !is_token(std::slice::from_ref(node)) {
            break;
        }
        run += length(std::slice::from_ref(node)).0;
    }
    run
}

fn is_token(nodes: &[Node]) -> bool {
    nodes.iter().all(|node| match node {
        Node::Literal(text) => text.iter().all(|&b| is_token_byte(b)),
        Node::Segment { class, .. } => class.within(&TOKEN),
        Node::Group { choices, .. } => choices.iter().all(|c| is_token(c)),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn matched<'t>(format: &str, text: &'t str) -> Option<&'t str> {
        let format = Format::parse(format).unwrap();
        format.match_at(text.as_bytes(), 0, &mut 0, &|_| true).map(|(end, _)| &text[..end])
    }

    #[test]
    fn long_runs() {
        let format = Format::parse("{b:base62:2-400}.{c:digits:1}").unwrap();
        for run in [2, 62, 63, 64, 65, 66, 200, 399, 400, 401, 402, 900] {
            for end in [".7", ".x", "", "-.7"] {
                let text = ["a".repeat(run).as_str(), end].concat();
                let mut reach = 0;
                let found = format.match_at(text.as_bytes(), 0, &mut reach, &|_| true).map(|(end, _)| end);
                assert_eq!(found, (end == ".7" && run <= 400).then_some(run + 2), "{run} {end}");
                // What stands behind the bytes that were looked at makes no difference.
                let longer = [&text.as_bytes()[..reach.min(text.len())], b".7.7"].concat();
                let again = format.match_at(&longer, 0, &mut 0, &|_| true).map(|(end, _)| end);
                assert!(reach > text.len() || found == again, "{run} {end}: {reach}");
            }
        }
    }

    #[test]
    fn matching() {
        let cases = [
            ("a_{b:digits:3}", "a_1234", Some("a_123")),
            ("a_{b:digits:2-3}", "a_12x", Some("a_12")),
            ("a_{b:digits:2-}", "a_1", None),
            ("a_{b:digits:2,4}", "a_123", Some("a_12")),
            ("{b:word:1-9}_x", "ab_c_x_", Some("ab_c_x")),
            ("(t1_|t2_)?{b:hex:2}", "t2_ff", Some("t2_ff")),
            ("(t1_|t2_)?{b:hex:2}", "ff", Some("ff")),
            ("{e=live|test}:{b:hex:2}", "test:ab", Some("test:ab")),
            ("x{u:uuid}", "x01234567-89ab-cdef-0123-456789abcdef", Some("x01234567-89ab-cdef-0123-456789abcdef")),
            ("x{u:uuid4}", "x01234567-89ab-cdef-0123-456789abcdef", None),
            (r"\{a\|{b:[\]x]:1}", "{a|]", Some("{a|]")),
        ];
        for (format, text, want) in cases {
            assert_eq!(matched(format, text), want, "{format} on {text}");
        }
    }

    #[test]
    fn captures_and_boundaries() {
        let format = Format::parse("k-{a:hex:2-8}{b:digits:2}").unwrap();
        let (end, captures) = format.match_at(b"k-abc123", 0, &mut 0, &|_| true).unwrap();
        assert_eq!((end, captures), (8, vec![Some((2, 6)), Some((6, 8))]));
        assert_eq!(format.match_at(b"k-abc123", 0, &mut 0, &|end| end == 7).unwrap().0, 7);
    }

    #[test]
    fn numbers_of_a_format() {
        let format = Format::parse("ghp_{body:base62:30}{check:base62:6}").unwrap();
        assert_eq!(format.length(), (40, 40));
        assert!((format.bits() - 36.0 * 62f64.log2()).abs() < 1e-9);
        assert_eq!(format.prefix(), b"ghp_");
    }

    #[test]
    fn anchors() {
        type Case<'a> = (&'a str, &'a [&'a str], (usize, usize), bool);
        let cases: &[Case<'_>] = &[
            ("ghp_{b:base62:36}", &["ghp_"], (0, 0), true),
            ("{e=sk|rk}_live_{b:base62:24-}", &["sk_live_", "rk_live_"], (0, 0), true),
            ("sk-{a:base62:20}T3BlbkFJ{b:base62:20}", &["T3BlbkFJ"], (23, 23), true),
            ("-----BEGIN X-----", &["-----BEGIN X-----"], (0, 0), false),
            ("{s:lower:2-9}://{u:[^a]:1-3}@", &["://"], (2, 9), false),
            ("https://{h:lower:3-9}.acme.io/{k:hex:32}", &[".acme.io/"], (11, 17), true),
            ("https://{k:hex:32}@", &["https://"], (0, 0), false),
        ];
        for (format, literals, before, in_run) in cases {
            let anchor = Format::parse(format).unwrap().anchor().unwrap();
            let got: Vec<_> = anchor.literals.iter().map(|l| std::str::from_utf8(l).unwrap()).collect();
            assert_eq!((got.as_slice(), anchor.before, anchor.in_run), (*literals, *before, *in_run), "{format}");
        }
        assert_eq!(Format::parse("{b:hex:32}").unwrap().anchor(), None);
    }

    #[test]
    fn errors_name_the_place() {
        for bad in [
            "",
            "{",
            "{x}",
            "{x:nope:3}",
            "{x:hex}",
            "{x:hex:0}",
            "{x:hex:5-2}",
            "a)",
            "(a",
            "{x:hex:2}{x:hex:2}",
            "a\\",
            "{x:[]:1}",
            "}",
        ] {
            assert!(Format::parse(bad).is_err(), "{bad}");
        }
        assert!(Format::parse("ab{x:nope:3}").unwrap_err().to_string().contains("character 6"));
    }

    #[test]
    fn hostile_text_costs_bounded_steps() {
        let format = Format::parse("{a:word:1-}_{b:word:1-}_{c:word:1-}_{d:word:1-}!").unwrap();
        assert_eq!(format.match_at(&b"a_".repeat(2000), 0, &mut 0, &|_| true), None);
    }
}
