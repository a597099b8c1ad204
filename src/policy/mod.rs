//! What is found and not shown: comments, ignored paths, a config file, a baseline. Applied after everything was found and
//! before it is reported, so that nothing is left out uncounted.
//!
//! A finding is one secret at several places, and all four allow a secret at a place: a path, or what stands for places
//! that have none. A finding is allowed when each of its places is. If some are not (a new copy of a secret that is known
//! elsewhere), it is reported with those.

pub mod baseline;
pub mod comments;
pub mod config;
pub mod discover;
pub mod gitleaks;
mod notes;
pub mod paths;
mod places;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use bstr::{BString, ByteSlice};
use data_encoding::HEXLOWER;
use jiff::civil::Date;
use sha2::{Digest, Sha256};

use crate::finding::{Allowance, Finding, Occurrence, Place, Receipt};
use crate::rules::RuleMeta;
use baseline::{Baseline, Entry};
use config::{Config, Question};
use paths::{Patterns, at};
use places::{Spot, earlier_names, fingerprint, moved, new_entry};

/// Everything that says what is not shown.
#[derive(Debug, Default)]
pub struct Policy {
    /// Do comments beside a secret count?
    pub comments: bool,
    /// Rule files that a config names, checked to be where they may be.
    pub rule_files: Vec<PathBuf>,
    /// These rules come from what is scanned.
    pub foreign_rules: bool,
    /// The baseline.
    pub baseline: Option<Baseline>,
    base: PathBuf,
    /// How paths begin in reports, and what that is relative to the base.
    shown: Vec<(BString, BString)>,
    config: Option<Config>,
    patterns: Vec<Patterns>,
    /// The target is the whole of what the files here are about.
    whole: bool,
    today: Date,
    files: Vec<String>,
    notes: Vec<String>,
}

/// What became of the entries of a baseline.
#[derive(Debug, Default)]
pub struct Updated {
    /// Found where they say.
    pub kept: Vec<Entry>,
    /// Found elsewhere, since a file was moved.
    pub moved: Vec<Entry>,
    /// Findings that had no entry.
    pub added: Vec<Entry>,
    /// Entries without a finding.
    pub stale: Vec<Entry>,
}

/// What a scan tells about itself.
#[derive(Clone, Copy)]
pub struct Scanned<'a> {
    /// Rules, indexed by [`Finding::rule`].
    pub rules: &'a [RuleMeta],
    /// Files and history were scanned.
    pub everything: bool,
    /// Masks secrets in a path: the baseline must not hold them.
    pub mask: &'a dyn Fn(&BString) -> BString,
}

/// Which entries allowed something, in the order of their files.
#[derive(Debug, Default)]
struct Used {
    allow: BTreeSet<usize>,
    entries: BTreeSet<usize>,
    /// Entries that would have, had they not expired.
    expired_allow: BTreeSet<usize>,
    expired_entries: BTreeSet<usize>,
}

/// Places that are allowed, and by what; what comes first counts.
type Covered = BTreeMap<Spot, Allowance>;

impl Policy {
    /// Does a line say that a file is left out? Its path is as reports show it.
    pub fn leaves_out(&self, shown: &BString) -> Option<Allowance> {
        if self.patterns.is_empty() {
            return None;
        }
        let path = self.relative(shown);
        self.patterns.iter().find_map(|p| p.leaves_out(path.as_bstr()))
    }

    /// Is the target everything that the files here are about?
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// The config file, if there is one.
    pub fn config(&self) -> Option<&Config> {
        self.config.as_ref()
    }

    /// Separates findings that are allowed from the others, and counts.
    pub fn apply(&self, findings: Vec<Finding>, scanned: &Scanned<'_>, receipt: &mut Receipt) -> [Vec<Finding>; 2] {
        let mut used = Used::default();
        let (mut kept, mut allowed) = (Vec::new(), Vec::new());
        for mut finding in findings {
            let covered = self.covered(&finding, scanned, &mut used);
            let by = |o: &Occurrence| self.by(o, &covered);
            let first = finding.occurrences.iter().find_map(by);
            if finding.occurrences.iter().all(|o| by(o).is_some()) {
                finding.allowed = first;
                allowed.push(finding);
            } else {
                let all = finding.occurrences.len();
                finding.occurrences.retain(|o| by(o).is_none());
                receipt.allowed_places += (all - finding.occurrences.len()) as u64;
                kept.push(finding);
            }
        }
        receipt.allowed += allowed.len() as u64;
        count(&allowed, &mut receipt.allowed_by);
        receipt.config.extend(self.files.iter().cloned());
        receipt.notes.extend(self.notes.iter().cloned());
        let judged = self.whole && scanned.everything && receipt.complete();
        receipt.notes.extend(self.config_notes(&used, judged));
        receipt.notes.extend(self.baseline_notes(&used, judged, scanned));
        receipt.notes.sort();
        receipt.notes.dedup();
        [kept, allowed]
    }

    /// What allows an occurrence: something allows each of its places.
    fn by(&self, occurrence: &Occurrence, covered: &Covered) -> Option<Allowance> {
        if covered.is_empty() {
            return None;
        }
        let spots = Spot::all(&occurrence.place, self);
        let all = spots.iter().all(|s| covered.contains_key(s));
        all.then(|| spots.first().and_then(|s| covered.get(s)).cloned()).flatten()
    }

    fn covered(&self, finding: &Finding, scanned: &Scanned<'_>, used: &mut Used) -> Covered {
        let rule = &scanned.rules[finding.rule].id;
        let spots = self.spots(finding);
        let mut covered = Covered::new();
        let mut cover = |spot: &Spot, allowance: Allowance| {
            covered.entry(spot.clone()).or_insert(allowance);
        };
        if let Some(config) = self.config.as_ref().filter(|c| !c.shows(rule)) {
            let reason = Some(format!("`rules` there does not show {rule}"));
            spots.iter().for_each(|s| cover(s, Allowance { by: config.name.clone(), reason: reason.clone() }));
        }
        for (spot, allowance) in self.commented(finding) {
            cover(&spot, allowance);
        }
        for spot in &spots {
            let path = spot.path().map(|p| p.as_bstr());
            if let Some(allowance) = path.and_then(|path| self.patterns.iter().find_map(|p| p.leaves_out(path))) {
                cover(spot, allowance);
            }
        }
        for (spot, allowance) in self.by_config(finding, rule, &spots, used) {
            cover(&spot, allowance);
        }
        for (spot, allowance) in self.by_baseline(finding, rule, &spots, scanned, used) {
            cover(&spot, allowance);
        }
        covered
    }

    /// Places with a comment. Where a file of the working tree has the secret, only its comment counts: one that was taken
    /// away again allows nothing. A comment counts for the same line under an older name of the file, too.
    fn commented(&self, finding: &Finding) -> Covered {
        let mut in_tree: BTreeSet<Spot> = BTreeSet::new();
        let (mut said, mut said_in_tree) = (Covered::new(), Covered::new());
        for occurrence in &finding.occurrences {
            let is_file = matches!(occurrence.place, Place::File { .. });
            for spot in Spot::all(&occurrence.place, self) {
                if let Some(allowance) = &occurrence.allowed {
                    let list = if is_file { &mut said_in_tree } else { &mut said };
                    list.entry(spot.clone()).or_insert_with(|| allowance.clone());
                }
                if is_file {
                    in_tree.insert(spot);
                }
            }
        }
        said.retain(|spot, _| !in_tree.contains(spot));
        said.extend(said_in_tree);
        for (old, new) in earlier_names(finding, &said) {
            if let (false, Some(allowance)) = (in_tree.contains(&old), said.get(&new).cloned()) {
                said.entry(old).or_insert(allowance);
            }
        }
        said
    }

    fn by_config(&self, finding: &Finding, rule: &str, spots: &BTreeSet<Spot>, used: &mut Used) -> Covered {
        let mut covered = Covered::new();
        let Some(config) = self.config.as_ref().filter(|c| !c.allow.is_empty()) else { return covered };
        let sha256 = HEXLOWER.encode(&Sha256::digest(finding.secret.expose()));
        for spot in spots {
            let fingerprints = [finding.fingerprint.to_string(), fingerprint(finding, rule, spot, &|p| p.clone())];
            let commits = self.commits(finding, spot);
            let question = Question {
                rule,
                fingerprints: &fingerprints,
                sha256: &sha256,
                secret: finding.secret.expose(),
                path: spot.path().map(|p| p.as_slice()),
                commits: &commits,
            };
            for (n, entry) in config.allow.iter().enumerate().filter(|(_, e)| e.holds(&question)) {
                if entry.expires.is_some_and(|last| last < self.today) {
                    used.expired_allow.insert(n);
                    continue;
                }
                used.allow.insert(n);
                let by = at(&config.name, entry.line);
                covered.entry(spot.clone()).or_insert(Allowance { by, reason: Some(entry.reason.clone()) });
            }
        }
        covered
    }

    /// Commits that brought the secret to a place.
    fn commits(&self, finding: &Finding, spot: &Spot) -> Vec<String> {
        if let Spot::Commit(id) = spot {
            return vec![id.clone()];
        }
        let mut commits: Vec<_> = finding
            .occurrences
            .iter()
            .filter(|o| Spot::all(&o.place, self).contains(spot))
            .filter_map(|o| match &o.place {
                Place::Blob { commit, .. } => commit.clone(),
                _ => None,
            })
            .collect();
        commits.sort();
        commits.dedup();
        commits
    }

    fn by_baseline(
        &self,
        finding: &Finding,
        rule: &str,
        spots: &BTreeSet<Spot>,
        scanned: &Scanned<'_>,
        used: &mut Used,
    ) -> Covered {
        let Some(baseline) = &self.baseline else { return Covered::new() };
        let mut covered = Covered::new();
        for (spot, n) in self.hits(baseline, finding, rule, spots, scanned.mask) {
            let entry = &baseline.entries[n];
            if entry.is_expired(self.today) {
                used.expired_entries.insert(n);
                continue;
            }
            // Lines that stand twice are all in use.
            used.entries.extend(baseline.find(&entry.fingerprint, &entry.place));
            let by = at(&baseline.name, entry.line);
            covered.insert(spot, Allowance { by, reason: entry.reason.clone() });
        }
        covered
    }

    /// The entry of a baseline for each place that has one, expired or not. An entry goes with a file that was moved.
    fn hits(
        &self,
        baseline: &Baseline,
        finding: &Finding,
        rule: &str,
        spots: &BTreeSet<Spot>,
        mask: &dyn Fn(&BString) -> BString,
    ) -> BTreeMap<Spot, usize> {
        let moves = moved(finding);
        let names = moves.iter().flat_map(|(old, new)| [old, new]).chain(spots);
        let mut hits: BTreeMap<Spot, usize> = BTreeMap::new();
        for spot in names {
            let found = baseline.find(&fingerprint(finding, rule, spot, mask), &spot.name(mask));
            if let Some(&n) = found.iter().min_by_key(|n| baseline.entries[**n].is_expired(self.today)) {
                hits.insert(spot.clone(), n);
            }
        }
        loop {
            let step = moves.iter().flat_map(|(old, new)| [(old, new), (new, old)]);
            let step: Vec<_> = step
                .filter(|(from, to)| hits.contains_key(from) && !hits.contains_key(to))
                .map(|(from, to)| (to.clone(), hits[from]))
                .collect();
            if step.is_empty() {
                return hits;
            }
            hits.extend(step);
        }
    }

    /// What a baseline becomes when these are the findings: entries with a finding keep their words, also where a file was
    /// moved; those without are stale.
    pub fn update(&self, old: &Baseline, findings: &[Finding], rules: &[RuleMeta]) -> Updated {
        let mut updated = Updated::default();
        let mut used: BTreeSet<usize> = BTreeSet::new();
        for finding in findings {
            let rule = &rules[finding.rule].id;
            let spots = self.spots(finding);
            let hits = self.hits(old, finding, rule, &spots, &BString::clone);
            for spot in &spots {
                let mut entry = new_entry(finding, rule, spot);
                let found = hits.get(spot).map(|n| &old.entries[*n]);
                match found {
                    Some(have) => {
                        (entry.expires, entry.owner, entry.reason) =
                            (have.expires, have.owner.clone(), have.reason.clone());
                        let list = if have.key() == entry.key() { &mut updated.kept } else { &mut updated.moved };
                        list.push(entry);
                    }
                    None => updated.added.push(entry),
                }
                if let Some(have) = found {
                    used.extend(old.find(&have.fingerprint, &have.place));
                }
            }
        }
        let stale = old.entries.iter().enumerate().filter(|(n, _)| !used.contains(n));
        updated.stale = stale.map(|(_, entry)| entry.clone()).collect();
        updated
    }

    fn spots(&self, finding: &Finding) -> BTreeSet<Spot> {
        finding.occurrences.iter().flat_map(|o| Spot::all(&o.place, self)).collect()
    }

    fn add_config(&mut self, mut config: Config) {
        self.patterns.extend(config.ignore.take());
        self.config = Some(config);
    }

    /// Notes the files that are used, for the receipt.
    fn name_files(&mut self) {
        let files = self.patterns.iter().map(|p| p.name().to_owned());
        let files = files.chain(self.config.iter().map(|c| c.name.clone()));
        let files: BTreeSet<_> = files.chain(self.baseline.iter().map(|b| b.name.clone())).collect();
        self.files = files.into_iter().collect();
    }
}

/// Counts findings by the file that allows them.
fn count(allowed: &[Finding], by: &mut Vec<(String, u64)>) {
    let mut counts: BTreeMap<String, u64> = by.drain(..).collect();
    for allowance in allowed.iter().filter_map(|f| f.allowed.as_ref()) {
        let source = match allowance.by.rsplit_once(':') {
            _ if allowance.by == comments::BY => "comments",
            Some((file, line)) if !line.is_empty() && line.bytes().all(|b| b.is_ascii_digit()) => file,
            _ => &allowance.by,
        };
        *counts.entry(source.to_owned()).or_default() += 1;
    }
    by.extend(counts);
}

/// The day, in UTC; `SOURCE_DATE_EPOCH` (reproducible-builds.org) fixes it.
pub fn today() -> Date {
    let fixed = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|t| t.parse().ok());
    let now = fixed.and_then(|t| jiff::Timestamp::from_second(t).ok()).unwrap_or_else(jiff::Timestamp::now);
    now.to_zoned(jiff::tz::TimeZone::UTC).date()
}
