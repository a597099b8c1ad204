//! The generator: mints credentials from a rule's own format, so that no token-like string needs to stand in a
//! repository. Minted examples are for tests; [`crate::structure::Rng`] is no source of real keys.

use crate::finding::Verdict;
use crate::rules::Rule;
use crate::rules::expr::Env;
use crate::rules::format::{Captures, Format, Node};
use crate::structure::{Input, Rng};

/// How often a format is filled until its structure takes the result.
const TRIES: usize = 200;

/// Mints a credential that the rule must find; `None` if neither the format nor a structure can make one.
pub fn mint(rule: &Rule, rng: &mut Rng) -> Option<Vec<u8>> {
    let format = rule.format.as_ref().or(rule.mint.as_ref())?;
    let Some((structure, args)) = &rule.structure else { return by_format(rule, format, rng) };
    let minted = match (structure.mint, structure.segment(args)) {
        (Some(mint), Some(segment)) => with_segment(format, segment, &mint(rng, args), rng),
        (Some(mint), None) => Some(with_prefix(rule, mint(rng, args))),
        _ => None,
    };
    let opens = |token: &Vec<u8>| (0..token.len().min(64)).any(|at| passes(rule, format, token, at));
    // What a structure mints may be another of its kinds; then the format is filled until the structure takes it.
    let fits = minted.as_ref().is_some_and(opens);
    if fits {
        return minted;
    }
    (0..TRIES).find_map(|_| by_format(rule, format, rng).filter(|t| passes(rule, format, t, 0))).or(minted)
}

/// Does the structure take what the format matches at a place?
fn passes(rule: &Rule, format: &Format, token: &[u8], at: usize) -> bool {
    let Some((end, captures)) = format.match_at(token, at, &mut 0, &|_| true) else { return false };
    let Some((structure, args)) = &rule.structure else { return true };
    let named: Vec<_> = format.names().iter().zip(&captures).filter_map(|(n, c)| Some((n.as_str(), (*c)?))).collect();
    let outcome = (structure.check)(&Input { hay: token, start: at, end, captures: &named, args });
    !outcome.dismiss && outcome.verdict != Verdict::Malformed
}

fn by_format(rule: &Rule, format: &Format, rng: &mut Rng) -> Option<Vec<u8>> {
    let (mut token, captures) = fill(format, rng);
    if let Some(check) = rule.checks.first() {
        let (start, end) = captures[check.target()?]?;
        let value = check.compute(&Env { token: &token, captures: &captures })?;
        if value.len() != end - start {
            return None;
        }
        token[start..end].copy_from_slice(&value);
    }
    Some(token)
}

/// Fills a format with a text that a structure minted for one of its segments.
fn with_segment(format: &Format, name: &str, text: &[u8], rng: &mut Rng) -> Option<Vec<u8>> {
    let Some(index) = format.name_index(name) else {
        // A segment that the format does not have: the text is the whole match.
        return Some(text.to_vec());
    };
    let (token, captures) = fill(format, rng);
    let (start, end) = captures[index]?;
    let build = |text: &[u8]| [&token[..start], text, &token[end..]].concat();
    let minted = build(text);
    // Vendors differ in the letter case of what is otherwise the same.
    Some(if is_whole_match(format, &minted) { minted } else { build(&text.to_ascii_uppercase()) })
}

/// A structure that several rules share mints for one of them: another one's literal takes the place of that one's.
fn with_prefix(rule: &Rule, text: Vec<u8>) -> Vec<u8> {
    let Some(format) = &rule.format else { return text };
    let prefix = format.prefix();
    match text.get(prefix.len()..) {
        Some(rest) if !text.starts_with(prefix) => {
            let other = [prefix, rest].concat();
            if is_whole_match(format, &other) { other } else { text }
        }
        _ => text,
    }
}

fn is_whole_match(format: &Format, text: &[u8]) -> bool {
    format.match_at(text, 0, &mut 0, &|end| end == text.len()).is_some()
}

/// Fills a format at random, every segment at its shortest length or up to 8 more.
pub fn fill(format: &Format, rng: &mut Rng) -> (Vec<u8>, Captures) {
    let mut token = Vec::new();
    let mut captures = vec![None; format.names().len()];
    fill_nodes(format.nodes(), rng, &mut token, &mut captures);
    (token, captures)
}

fn fill_nodes(nodes: &[Node], rng: &mut Rng, token: &mut Vec<u8>, captures: &mut Captures) {
    for node in nodes {
        let start = token.len();
        let name = match node {
            Node::Literal(text) => {
                token.extend_from_slice(text);
                None
            }
            Node::Segment { name, class, lengths } => {
                let alphabet: Vec<u8> = class.bytes().collect();
                let lengths: Vec<usize> =
                    (lengths.min()..=lengths.max().min(lengths.min() + 8)).filter(|n| lengths.allows(*n)).collect();
                let n = lengths[rng.below(lengths.len())];
                token.extend((0..n).map(|_| rng.pick(&alphabet)));
                *name
            }
            Node::Group { name, choices } => {
                fill_nodes(&choices[rng.below(choices.len())], rng, token, captures);
                *name
            }
        };
        if let Some(name) = name {
            captures[name] = Some((start, token.len()));
        }
    }
}
