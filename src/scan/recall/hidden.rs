//! What a record knows to be counted and not shown. Its secrets are read again only where something new could be the same.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::found::{Group, Read};
use crate::detect::Detector;
use crate::finding::{Problem, Receipt};
use crate::scan::Options;
use crate::scan::collect::{Collected, Key, Tally};
use crate::source::objects::Objects;

/// Secrets of a record that are only counted, and those that are shown.
#[derive(Debug)]
pub(in crate::scan) struct Hidden {
    /// Those that are shown: no others are the same.
    known: HashSet<Key>,
    groups: Vec<Group>,
    tally: Tally,
}

impl Hidden {
    pub(super) fn new(known: HashSet<Key>, groups: Vec<Group>, tally: Tally) -> Self {
        Self { known, groups, tally }
    }

    /// Moves those that are among `keys`, and all of these rules and lengths, to `found`, where they are seen together with
    /// what is new.
    pub(in crate::scan) fn show(
        &mut self,
        keys: &HashSet<Key>,
        all_of: &[Shape],
        objects: &Objects,
        detector: &Detector,
        options: &Options,
        found: &Collected,
    ) -> Result<(), Problem> {
        let new = keys.iter().filter(|key| !self.known.contains(key));
        let shapes: HashSet<Shape> = new.map(|(rule, secret)| (*rule as u32, secret.len() as u32)).collect();
        let could_be = |group: &Group| shapes.contains(&shape(group)) || all_of.binary_search(&shape(group)).is_ok();
        let (alike, rest): (Vec<Group>, Vec<Group>) = std::mem::take(&mut self.groups).into_iter().partition(could_be);
        self.groups = rest;
        let wanted = alike.iter().flat_map(|group| &group.witnesses).map(|(object, _)| *object);
        let read = Read::new(wanted.collect(), &BTreeMap::new(), objects, detector, options).ok_or_else(lost)?;
        for group in alike {
            let key = read.key(&group).ok_or_else(lost)?;
            if keys.contains(&key) || all_of.binary_search(&shape(&group)).is_ok() {
                let entry = read.entry(&group, &key).ok_or_else(lost)?;
                self.tally.remove(detector.rules(), &key, &entry);
                found.put(key, entry);
            } else {
                self.groups.push(group);
            }
        }
        Ok(())
    }

    /// Counts the others.
    pub(in crate::scan) fn count(&self, receipt: &mut Receipt) {
        self.tally.count(receipt);
    }
}

/// Rule and length of a secret.
type Shape = (u32, u32);

fn shape(group: &Group) -> Shape {
    (group.rule, group.len)
}

/// What more than one record has: secrets of the same rule and length, which can be the same, sorted.
pub(in crate::scan) fn alike<'h>(all: impl Iterator<Item = &'h Hidden>) -> Vec<Shape> {
    let own = |hidden: &Hidden| hidden.groups.iter().map(shape).collect::<BTreeSet<_>>();
    let mut shapes: Vec<Shape> = all.flat_map(own).collect();
    shapes.sort_unstable();
    let mut alike: Vec<Shape> = shapes.windows(2).filter(|two| two[0] == two[1]).map(|two| two[0]).collect();
    alike.dedup();
    alike
}

fn lost() -> Problem {
    Problem {
        object: "history".into(),
        what: "an object that was read before cannot be read any more, so what is counted may be wrong".into(),
        help: Some("run keyscan again; `git fsck` tells more".into()),
        accepted: false,
    }
}
