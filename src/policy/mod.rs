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
pub mod paths;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use bstr::{BString, ByteSlice};
use data_encoding::HEXLOWER;
use jiff::civil::Date;
use sha2::{Digest, Sha256};

use crate::finding::{Allowance, Finding, Fingerprint, Occurrence, Place, Receipt};
use crate::rules::RuleMeta;
use baseline::{Baseline, Entry};
use config::{Config, Question};
use paths::{Patterns, at};

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

/// A place as allowances know it: without position, and without what changes when history is written anew.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Spot {
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
    fn all(place: &Place, policy: &Policy) -> Vec<Self> {
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

    fn path(&self) -> Option<&BString> {
        match self {
            Self::Path(path) => Some(path),
            _ => None,
        }
    }

    /// How a baseline names it. Messages, refs and lost objects have no name that outlives a rebase.
    fn name(&self, mask: &dyn Fn(&BString) -> BString) -> BString {
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

    /// The path of a report, relative to the base.
    fn relative(&self, path: &BString) -> BString {
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

    fn config_notes(&self, used: &Used, judged: bool) -> Vec<String> {
        let Some(config) = &self.config else { return Vec::new() };
        let (mut notes, mut stale) = (Vec::new(), Vec::new());
        for (n, entry) in config.allow.iter().enumerate() {
            let place = at(&config.name, entry.line);
            match entry.expires.filter(|last| *last < self.today) {
                Some(last) if used.expired_allow.contains(&n) => {
                    notes.push(format!("{place} expired after {last}: what it allowed is reported again"));
                }
                Some(last) => notes.push(format!("{place} expired after {last}")),
                None if judged && !used.allow.contains(&n) => stale.push(entry.line),
                None => {}
            }
        }
        notes.extend(stale_note(&config.name, &stale, ""));
        notes
    }

    fn baseline_notes(&self, used: &Used, judged: bool, scanned: &Scanned<'_>) -> Vec<String> {
        let Some(baseline) = &self.baseline else { return Vec::new() };
        let mut notes = Vec::new();
        let mut stale = Vec::new();
        for (n, entry) in baseline.entries.iter().enumerate() {
            let place = at(&baseline.name, entry.line);
            let expired = entry.expires.filter(|_| entry.is_expired(self.today));
            if let (Some(last), true) = (expired, used.expired_entries.contains(&n)) {
                notes.push(format!(
                    "{place} expired after {last}: {} in {} is reported again",
                    entry.rule,
                    entry.place.to_str_lossy()
                ));
            } else if judged && !used.entries.contains(&n) && scanned.rules.iter().any(|m| m.id == entry.rule) {
                stale.push(entry.line);
            }
        }
        notes.extend(stale_note(&baseline.name, &stale, "; `keyscan baseline update` takes them out"));
        notes
    }
}

/// One line for all entries that allow nothing.
fn stale_note(name: &str, lines: &[usize], advice: &str) -> Option<String> {
    let entries = match lines.len() {
        0 => return None,
        1 => "1 entry allows".to_owned(),
        n => format!("{n} entries allow"),
    };
    let shown: Vec<_> = lines.iter().take(10).map(usize::to_string).collect();
    let more = if lines.len() > shown.len() { ", ..." } else { "" };
    Some(format!("{name}: {entries} nothing that is there (line {}{more}){advice}", shown.join(", ")))
}

/// Moves of a finding's secret, as pairs of old and new place.
fn moved(finding: &Finding) -> Vec<(Spot, Spot)> {
    let moves = finding.life.iter().flat_map(|life| &life.moves);
    moves.map(|(old, new)| (Spot::Path(old.clone()), Spot::Path(new.clone()))).collect()
}

/// Moves that lead to what is covered, and those that lead to these, and so on.
fn earlier_names(finding: &Finding, covered: &Covered) -> Vec<(Spot, Spot)> {
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
fn fingerprint(finding: &Finding, rule: &str, spot: &Spot, mask: &dyn Fn(&BString) -> BString) -> String {
    if finding.guessable {
        Fingerprint::weak(rule, &spot.name(mask), b"", &finding.secret).to_string()
    } else {
        finding.fingerprint.to_string()
    }
}

/// The line of a baseline for a finding whose paths were masked.
fn new_entry(finding: &Finding, rule: &str, spot: &Spot) -> Entry {
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
