//! What workers find, merged under rule and secret, and made into findings.

use std::collections::{BTreeMap, HashMap, hash_map};
use std::sync::Mutex;

use bstr::BString;
use gix::ObjectId;
use gix::hashtable::HashSet;

use crate::detect::incremental::{self, Memo};
use crate::detect::{Detector, excerpt, split, text};
use crate::finding::{
    Confidence, Excerpt, Fact, Finding, Fingerprint, Occurrence, Place, Position, RawMatch, Receipt, Secret, Severity,
    Verdict,
};
use crate::provenance::Provenance;
use crate::rules::{Kind, RuleSet};
use crate::scan::Options;
use crate::source::pack::ObjectKind;

/// Where scanned bytes come from.
pub(super) enum Source<'a> {
    Stdin,
    File(&'a BString),
    /// The name of a file: text that people choose, too.
    Name(&'a BString),
    Ref(&'a BString),
    Object(ObjectKind, ObjectId),
}

/// A place before provenance is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Spot {
    Stdin,
    File(BString),
    Ref(BString),
    Object(ObjectKind, ObjectId),
}

/// One sighting of a secret.
#[derive(Clone, Debug)]
struct Sighting {
    spot: Spot,
    position: Position,
    binary: bool,
    via: Option<&'static str>,
    excerpt: Option<Excerpt>,
}

/// Everything known about one secret under one rule.
#[derive(Clone, Debug)]
struct Entry {
    verdict: Verdict,
    confidence: Confidence,
    severity: Severity,
    facts: Vec<Fact>,
    sightings: Vec<Sighting>,
}

impl Entry {
    /// Joins what is known of the same secret in other places. The same text can mean more in one place than in another
    /// (a password for `localhost` and for the production host), so the gravest counts, whichever was read first.
    fn join(&mut self, mut other: Self) {
        let gravity = |e: &Self| (e.verdict != Verdict::Malformed, e.severity, e.verdict, e.confidence);
        let (mine, theirs) = (gravity(self), gravity(&other));
        if (theirs, std::cmp::Reverse(&other.facts)) > (mine, std::cmp::Reverse(&self.facts)) {
            std::mem::swap(self, &mut other);
        }
        if other.verdict != Verdict::Malformed {
            self.verdict = self.verdict.max(other.verdict);
            self.confidence = self.confidence.max(other.confidence);
        }
        self.sightings.append(&mut other.sightings);
    }
}

type Entries = HashMap<(usize, Secret), Entry>;

/// What one worker found.
pub(super) struct Sink<'d> {
    pub(super) detector: &'d Detector,
    options: &'d Options,
    pub(super) scratch: incremental::Scratch,
    entries: Entries,
}

impl<'d> Sink<'d> {
    pub(super) fn new(detector: &'d Detector, options: &'d Options) -> Self {
        Self { detector, options, scratch: incremental::Scratch::default(), entries: HashMap::new() }
    }

    pub(super) fn scan(&mut self, bytes: &[u8], source: &Source<'_>) {
        let text = text::sniff(bytes);
        if text.bytes.len() > split::LARGE {
            return self.take_matches(split::scan(self.detector, &text.bytes), &text, source);
        }
        let memo = incremental::scan_whole(self.detector, &text.bytes, &mut self.scratch);
        self.take(&memo, &text, source);
    }

    pub(super) fn take(&mut self, memo: &Memo, text: &text::Text<'_>, source: &Source<'_>) {
        if memo.has_matches() {
            self.take_matches(memo.matches(), text, source);
        }
    }

    /// Takes matches as they were found, before overlaps are resolved.
    fn take_matches(&mut self, found: Vec<RawMatch>, text: &text::Text<'_>, source: &Source<'_>) {
        let set = self.detector.rules();
        let matches = self.detector.resolve(found);
        let mut lines = excerpt::Lines::new(&text.bytes, text.bom);
        for m in &matches {
            let secret = Secret::new(&text.bytes[m.span.clone()]);
            let shown = shown(set, m.rule, m.verdict, m.confidence, self.options);
            let sighting = shown.then(|| Sighting {
                spot: spot(source),
                position: lines.position(&m.span),
                binary: text.binary,
                via: if matches!(source, Source::Name(_)) { Some("file name") } else { text.via },
                excerpt: (!text.binary).then(|| excerpt::excerpt(set, &text.bytes, m, &matches)),
            });
            let entry = Entry {
                verdict: m.verdict,
                confidence: m.confidence,
                severity: m.severity,
                facts: m.facts.clone(),
                sightings: sighting.into_iter().collect(),
            };
            add(&mut self.entries, (m.rule, secret), entry);
        }
    }
}

fn add(entries: &mut Entries, key: (usize, Secret), entry: Entry) {
    match entries.entry(key) {
        hash_map::Entry::Occupied(mut have) => have.get_mut().join(entry),
        hash_map::Entry::Vacant(place) => {
            place.insert(entry);
        }
    }
}

fn spot(source: &Source<'_>) -> Spot {
    match source {
        Source::Stdin => Spot::Stdin,
        Source::File(path) | Source::Name(path) => Spot::File((*path).clone()),
        Source::Ref(name) => Spot::Ref((*name).clone()),
        Source::Object(kind, id) => Spot::Object(*kind, *id),
    }
}

/// Is a match to be reported, rather than counted?
fn shown(set: &RuleSet, rule: usize, verdict: Verdict, confidence: Confidence, options: &Options) -> bool {
    let meta = &set.metas()[rule];
    if verdict == Verdict::Malformed {
        return options.show_malformed;
    }
    (meta.kind == Kind::Secret || options.show_publishable) && confidence >= options.confidence
}

/// What all workers found.
#[derive(Debug, Default)]
pub(super) struct Collected(Mutex<Entries>);

impl Collected {
    pub(super) fn merge(&self, sink: Sink<'_>) {
        if sink.entries.is_empty() {
            return;
        }
        let mut all = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        #[allow(clippy::iter_over_hash_type, reason = "merged into another map; sorted at the end")]
        for (key, entry) in sink.entries {
            add(&mut all, key, entry);
        }
    }

    /// Objects with a sighting.
    pub(super) fn history_objects(&self) -> HashSet {
        let all = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.values()
            .flat_map(|e| &e.sightings)
            .filter_map(|s| match &s.spot {
                Spot::Object(_, id) => Some(*id),
                _ => None,
            })
            .collect()
    }

    pub(super) fn into_findings(
        self,
        set: &RuleSet,
        options: &Options,
        lives: &[Provenance],
        receipt: &mut Receipt,
    ) -> Vec<Finding> {
        let entries: BTreeMap<_, _> =
            self.0.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).into_iter().collect();
        let mut findings = Vec::new();
        for ((rule, secret), entry) in entries {
            if shown(set, rule, entry.verdict, entry.confidence, options) {
                findings.push(finding(set, rule, secret, entry, lives));
            } else if entry.verdict == Verdict::Malformed {
                receipt.malformed += 1;
            } else if set.metas()[rule].kind != Kind::Secret {
                receipt.not_secret += 1;
            } else {
                receipt.low_confidence += 1;
            }
        }
        findings.sort_by(|a, b| {
            (b.severity, b.in_tree(), b.confidence, a.rule, a.fingerprint).cmp(&(
                a.severity,
                a.in_tree(),
                a.confidence,
                b.rule,
                b.fingerprint,
            ))
        });
        findings
    }
}

fn finding(set: &RuleSet, rule: usize, secret: Secret, mut entry: Entry, lives: &[Provenance]) -> Finding {
    let meta = &set.metas()[rule];
    entry.sightings.sort_by(|a, b| (&a.spot, a.position).cmp(&(&b.spot, b.position)));
    let objects: Vec<ObjectId> = entry
        .sightings
        .iter()
        .filter_map(|s| match &s.spot {
            Spot::Object(_, id) => Some(*id),
            _ => None,
        })
        .collect();
    let life = lives.iter().find_map(|p| p.life(&objects));
    let mut occurrences: Vec<Occurrence> = entry.sightings.into_iter().map(|s| occurrence(s, lives)).collect();
    occurrences.sort_by(|a, b| (&a.place, a.position).cmp(&(&b.place, b.position)));
    let strong = meta.bits.is_some_and(|bits| bits >= 64.0) || secret.len() >= 24;
    let fingerprint = if strong {
        Fingerprint::strong(&meta.id, &secret)
    } else {
        Fingerprint::weak(&meta.id, &path_of(&occurrences), b"", &secret)
    };
    Finding {
        fingerprint,
        rule,
        masked: secret.mask(set.rules()[rule].shown_prefix()),
        verdict: entry.verdict,
        confidence: entry.confidence,
        severity: entry.severity,
        reasons: reasons(set, rule, entry.verdict),
        facts: entry.facts,
        occurrences,
        life,
        secret,
    }
}

fn path_of(occurrences: &[Occurrence]) -> Vec<u8> {
    let path = occurrences.iter().find_map(|o| match &o.place {
        Place::File { path } => Some(path.clone()),
        Place::Blob { paths, .. } => paths.first().cloned(),
        _ => None,
    });
    path.map(Vec::from).unwrap_or_default()
}

fn occurrence(sighting: Sighting, lives: &[Provenance]) -> Occurrence {
    let place = match sighting.spot {
        Spot::Stdin => Place::Stdin,
        Spot::File(path) => Place::File { path },
        Spot::Ref(name) => Place::Ref { name },
        Spot::Object(ObjectKind::Commit, id) => Place::Commit { id: id.to_string() },
        Spot::Object(ObjectKind::Tag, id) => Place::Tag { id: id.to_string() },
        Spot::Object(_, id) => {
            let origin = lives.iter().find_map(|p| p.origin(&id));
            Place::Blob {
                paths: origin.map(|o| o.paths.clone()).unwrap_or_default(),
                id: id.to_string(),
                commit: origin.and_then(|o| o.commit.as_ref().map(ToString::to_string)),
            }
        }
    };
    Occurrence {
        place,
        position: sighting.position,
        binary: sighting.binary,
        excerpt: sighting.excerpt,
        via: sighting.via.into_iter().collect(),
    }
}

/// Why a finding is believed, strongest first.
fn reasons(set: &RuleSet, index: usize, verdict: Verdict) -> Vec<String> {
    let rule = &set.rules()[index];
    let mut reasons = Vec::new();
    match verdict {
        Verdict::Proven if !rule.checks.is_empty() => reasons.push("its checksum matches".to_owned()),
        Verdict::Proven => reasons.push("its parts prove each other (checksum or key relation)".to_owned()),
        Verdict::WellFormed => reasons.push("it decodes as documented".to_owned()),
        Verdict::Malformed => reasons.push("checksum or structure is wrong: probably an example or edited".to_owned()),
        Verdict::Shape => {}
    }
    if let Some(format) = rule.format.as_ref() {
        let prefix = format.prefix();
        if prefix.is_empty() {
            reasons.push("length and alphabet are right".to_owned());
        } else {
            reasons.push(format!("prefix `{}`, length and alphabet are right", String::from_utf8_lossy(prefix)));
        }
    }
    if let Some(context) = &rule.context {
        reasons.push(format!("a name like `{}` stands before it", context.near[0]));
    }
    reasons
}
