//! Places as allowances know them, how a baseline names them, and how secrets move from one to another.

use std::collections::BTreeSet;

use bstr::BString;

use super::baseline::Entry;
use super::{Covered, Policy};
use crate::finding::{Finding, Fingerprint, Place};

/// A place as allowances know it: without position, and without what changes when history is written anew.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Spot {
    Path(BString),
    Stdin,
    Commit(String),
    Tag(String),
    Ref(BString),
    /// A blob that no tree names.
    Nowhere(String),
}

impl Spot {
    /// Places of an occurrence; a blob may have had several paths.
    pub(super) fn all(place: &Place, policy: &Policy) -> Vec<Self> {
        match place {
            Place::Stdin => vec![Self::Stdin],
            Place::File { path } => vec![Self::Path(policy.relative(path))],
            Place::Blob { paths, id, .. } if paths.is_empty() => vec![Self::Nowhere(id.clone())],
            Place::Blob { paths, .. } => paths.iter().cloned().map(Self::Path).collect(),
            Place::Commit { id } => vec![Self::Commit(id.clone())],
            Place::Tag { id } => vec![Self::Tag(id.clone())],
            Place::Ref { name } => vec![Self::Ref(name.clone())],
        }
    }

    pub(super) fn path(&self) -> Option<&BString> {
        match self {
            Self::Path(path) => Some(path),
            _ => None,
        }
    }

    /// How a baseline names it. Messages, refs and lost objects have no name that outlives a rebase.
    pub(super) fn name(&self, mask: &dyn Fn(&BString) -> BString) -> BString {
        match self {
            Self::Path(path) if path.starts_with(b"(") => [b"./", mask(path).as_slice()].concat().into(),
            Self::Path(path) => mask(path),
            Self::Stdin => "(standard input)".into(),
            Self::Commit(_) => "(commit message)".into(),
            Self::Tag(_) => "(tag message)".into(),
            Self::Ref(_) => "(ref name)".into(),
            Self::Nowhere(_) => "(unreachable)".into(),
        }
    }
}

impl Policy {
    /// The path of a report, relative to the base.
    pub(super) fn relative(&self, path: &BString) -> BString {
        let below = |prefix: &BString| -> Option<BString> {
            let rest = path.strip_prefix(prefix.as_slice())?;
            match rest.strip_prefix(b"/") {
                Some(rest) => Some(rest.into()),
                None if prefix.is_empty() || rest.is_empty() || prefix.ends_with(b"/") => Some(rest.into()),
                None => None,
            }
        };
        let found = self.shown.iter().filter_map(|(prefix, base)| Some((prefix.len(), below(prefix)?, base)));
        let Some((_, rest, base)) = found.max_by_key(|(length, ..)| *length) else { return path.clone() };
        match (base.is_empty(), rest.is_empty()) {
            (true, _) => rest,
            (_, true) => base.clone(),
            _ => [base.as_slice(), b"/", rest.as_slice()].concat().into(),
        }
    }
}

/// Moves of a finding's secret, as pairs of old and new place.
pub(super) fn moved(finding: &Finding) -> Vec<(Spot, Spot)> {
    let moves = finding.life.iter().flat_map(|life| &life.moves);
    moves.map(|(old, new)| (Spot::Path(old.clone()), Spot::Path(new.clone()))).collect()
}

/// Moves that lead to what is covered, and those that lead to these, and so on.
pub(super) fn earlier_names(finding: &Finding, covered: &Covered) -> Vec<(Spot, Spot)> {
    let mut reached: BTreeSet<Spot> = covered.keys().cloned().collect();
    let moves = moved(finding);
    let mut found = Vec::new();
    while let Some((old, new)) = moves.iter().find(|(old, new)| reached.contains(new) && !reached.contains(old)) {
        reached.insert(old.clone());
        found.push((old.clone(), new.clone()));
    }
    found
}

/// The fingerprint of a finding at one of its places. That of a secret that could be guessed binds the path; the name of
/// the key is left out, since it may change with the line.
pub(super) fn fingerprint(finding: &Finding, rule: &str, spot: &Spot, mask: &dyn Fn(&BString) -> BString) -> String {
    if finding.guessable {
        Fingerprint::weak(rule, &spot.name(mask), b"", &finding.secret).to_string()
    } else {
        finding.fingerprint.to_string()
    }
}

/// The line of a baseline for a finding whose paths were masked.
pub(super) fn new_entry(finding: &Finding, rule: &str, spot: &Spot) -> Entry {
    Entry {
        fingerprint: fingerprint(finding, rule, spot, &BString::clone),
        rule: rule.to_owned(),
        place: spot.name(&BString::clone),
        expires: None,
        owner: None,
        reason: None,
        line: 0,
    }
}
