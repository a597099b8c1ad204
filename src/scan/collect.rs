//! What workers find, merged under rule and secret, and made into findings.

use std::collections::{BTreeMap, HashMap, hash_map};
use std::sync::Mutex;

use bstr::BString;
use gix::ObjectId;
use gix::hashtable::HashSet;

use crate::detect::incremental::{self, Memo};
use crate::detect::{Detector, excerpt, text};
use crate::finding::{
    Confidence, Excerpt, Fact, Finding, Fingerprint, Occurrence, Place, Position, Problem, Receipt, Secret, Severity,
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
    /// Path in an archive.
    member: Option<BString>,
    position: Position,
    binary: bool,
    via: Vec<&'static str>,
    excerpt: Option<Excerpt>,
}

/// Where in an archive bytes stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Inside {
    pub(super) member: Option<BString>,
    /// What was opened to get there.
    pub(super) via: Vec<&'static str>,
}

/// Secrets that were found in an archive, and need not be found again in its own bytes.
pub(super) type Found = std::collections::HashSet<(usize, Secret)>;

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
    pub(super) options: &'d Options,
    pub(super) scratch: incremental::Scratch,
    entries: Entries,
    /// What could not be looked into.
    pub(super) problems: Vec<Problem>,
}

impl<'d> Sink<'d> {
    pub(super) fn new(detector: &'d Detector, options: &'d Options) -> Self {
        Self {
            detector,
            options,
            scratch: incremental::Scratch::default(),
            entries: HashMap::new(),
            problems: Vec::new(),
        }
    }

    pub(super) fn scan(&mut self, bytes: &[u8], source: &Source<'_>) {
        let mut found = self.open(bytes, source);
        let text = text::sniff(bytes);
        let memo = incremental::scan_whole(self.detector, &text.bytes, &mut self.scratch);
        self.take_from(&memo, &text, source, &Inside::default(), &mut found);
    }

    pub(super) fn take(&mut self, memo: &Memo, text: &text::Text<'_>, source: &Source<'_>) {
        self.take_from(memo, text, source, &Inside::default(), &mut Found::default());
    }

    /// Takes over what was found in a text. `found` gets it if the text stands in an archive; otherwise what it has is left
    /// out.
    pub(super) fn take_from(
        &mut self,
        memo: &Memo,
        text: &text::Text<'_>,
        source: &Source<'_>,
        inside: &Inside,
        found: &mut Found,
    ) {
        if memo.is_cut() {
            self.problems.push(too_deep(source));
        }
        if !memo.has_matches() {
            return;
        }
        let set = self.detector.rules();
        let matches = self.detector.resolve(memo.matches());
        for m in &matches {
            let secret = m.secret(&text.bytes);
            if !inside.via.is_empty() {
                found.insert((m.rule, secret.clone()));
            } else if found.contains(&(m.rule, secret.clone())) {
                continue;
            }
            let outer = if matches!(source, Source::Name(_)) { Some("file name") } else { text.via };
            let shown = shown(set, m.rule, m.verdict, m.confidence, self.options);
            let sighting = shown.then(|| Sighting {
                spot: spot(source),
                member: inside.member.clone(),
                position: excerpt::position(&text.bytes, &m.span, text.bom),
                binary: text.binary,
                via: inside.via.iter().chain(&outer).chain(m.via()).copied().collect(),
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

/// A limit on decoding was reached.
fn too_deep(source: &Source<'_>) -> Problem {
    Problem {
        object: named(source),
        what: "encoded text in it is nested deeper, or is larger, than is decoded".into(),
        help: Some("raise --decode-depth if it is nested; else decode it and scan what comes out".into()),
        accepted: false,
    }
}

/// A source as problems name it.
pub(super) fn named(source: &Source<'_>) -> String {
    match source {
        Source::Stdin => "standard input".to_owned(),
        Source::File(path) | Source::Name(path) => path.to_string(),
        Source::Ref(name) => format!("ref {name}"),
        Source::Object(_, id) => format!("object {id}"),
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
pub(super) struct Collected(Mutex<Entries>, Mutex<Vec<Problem>>);

impl Collected {
    pub(super) fn merge(&self, sink: Sink<'_>) {
        if !sink.problems.is_empty() {
            self.1.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(sink.problems);
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

    /// What workers could not look into.
    pub(super) fn take_problems(&self) -> Vec<Problem> {
        std::mem::take(&mut self.1.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
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
    entry.sightings.sort_by(|a, b| (&a.spot, &a.member, a.position).cmp(&(&b.spot, &b.member, b.position)));
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
    occurrences.sort_by(|a, b| (&a.place, &a.member, a.position).cmp(&(&b.place, &b.member, b.position)));
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
        member: sighting.member,
        position: sighting.position,
        binary: sighting.binary,
        excerpt: sighting.excerpt,
        via: sighting.via,
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
