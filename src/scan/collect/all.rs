//! What all workers found, brought together, and counts of what is not shown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use bstr::BString;
use gix::ObjectId;
use gix::hashtable::HashMap;

use super::{Entries, Entry, Key, Sink, Spot, add};
use crate::finding::{Problem, Receipt, Verdict};
use crate::rules::{Kind, RuleSet};
use crate::source::pack::ObjectKind;

/// Secrets that are only counted: malformed ones, what is no secret, and what there is too little confidence in.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::scan) struct Tally(pub(in crate::scan) [u64; 3]);

impl Tally {
    fn place(set: &RuleSet, key: &Key, entry: &Entry) -> usize {
        match (entry.verdict, set.metas()[key.0].kind) {
            (Verdict::Malformed, _) => 0,
            (_, Kind::Secret) => 2,
            _ => 1,
        }
    }

    /// Counts one more.
    pub(in crate::scan) fn add(&mut self, set: &RuleSet, key: &Key, entry: &Entry) {
        self.0[Self::place(set, key, entry)] += 1;
    }

    /// Takes one back.
    pub(in crate::scan) fn remove(&mut self, set: &RuleSet, key: &Key, entry: &Entry) {
        let count = &mut self.0[Self::place(set, key, entry)];
        *count = count.saturating_sub(1);
    }

    /// Puts the counts where reports find them.
    pub(in crate::scan) fn count(&self, receipt: &mut Receipt) {
        let [malformed, not_secret, low] = self.0;
        receipt.malformed += malformed;
        receipt.not_secret += not_secret;
        receipt.low_confidence += low;
    }
}

/// What all workers found.
#[derive(Debug, Default)]
pub(in crate::scan) struct Collected(
    pub(super) Mutex<Entries>,
    pub(super) Mutex<BTreeSet<String>>,
    pub(super) Mutex<Vec<Problem>>,
);

impl Collected {
    pub(in crate::scan) fn merge(&self, sink: Sink<'_>) {
        if !sink.no_rules.is_empty() {
            self.1.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(sink.no_rules);
        }
        if !sink.problems.is_empty() {
            self.2.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(sink.problems);
        }
        if sink.entries.is_empty() {
            return;
        }
        let mut all = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        #[allow(clippy::iter_over_hash_type, reason = "merged into another map; sorted at the end")]
        for (key, entry) in sink.entries {
            add(&mut all, key, entry);
        }
    }

    /// Takes what others collected.
    pub(in crate::scan) fn absorb(&self, other: Self) {
        let Self(entries, no_rules, problems) = other;
        let no_rules = no_rules.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.1.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(no_rules);
        let problems = problems.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.2.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(problems);
        let mut all = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        #[allow(clippy::iter_over_hash_type, reason = "merged into another map; sorted at the end")]
        for (key, entry) in entries.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            add(&mut all, key, entry);
        }
    }

    /// Takes what is known of one secret.
    pub(in crate::scan) fn put(&self, key: Key, entry: Entry) {
        add(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner), key, entry);
    }

    /// Looks at all secrets, sorted.
    pub(in crate::scan) fn with_entries<T>(&self, look: impl FnOnce(&BTreeMap<&Key, &Entry>) -> T) -> T {
        look(&self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).iter().collect())
    }

    /// All secrets.
    pub(in crate::scan) fn keys(&self) -> std::collections::HashSet<Key> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).keys().cloned().collect()
    }

    /// Takes what a worker has to say beside what it found.
    pub(in crate::scan) fn merge_remarks(&self, mut sink: Sink<'_>) {
        sink.entries.clear();
        self.merge(sink);
    }

    /// Takes only secrets that nobody else found.
    pub(in crate::scan) fn merge_new(&self, mut sink: Sink<'_>) {
        let all = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        sink.entries.retain(|key, _| !all.contains_key(key));
        drop(all);
        self.merge(sink);
    }

    /// What workers could not look into.
    pub(in crate::scan) fn take_problems(&self) -> Vec<Problem> {
        std::mem::take(&mut self.2.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Objects with a sighting, sorted.
    pub(in crate::scan) fn history_objects(&self) -> Vec<(ObjectId, ObjectKind)> {
        let all = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let sightings = all.values().flat_map(|e| &e.sightings);
        let found: HashMap<ObjectId, ObjectKind> = sightings
            .filter_map(|s| match &s.spot {
                Spot::Object(kind, id) => Some((*id, *kind)),
                _ => None,
            })
            .collect();
        let mut sorted: Vec<_> = found.into_iter().collect();
        sorted.sort_unstable();
        sorted
    }

    /// Names of files and directories of the history with a sighting.
    pub(in crate::scan) fn history_names(&self) -> BTreeSet<BString> {
        let all = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let sightings = all.values().flat_map(|e| &e.sightings);
        let names = sightings.filter_map(|s| match &s.spot {
            Spot::Name(name) => Some(name.clone()),
            _ => None,
        });
        names.collect()
    }
}
