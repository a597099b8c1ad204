//! What workers find, merged under rule and secret.

mod all;
mod findings;

use std::collections::{BTreeMap, BTreeSet, HashMap, hash_map};
use std::hash::{Hash, Hasher};
use std::ops::Range;

use bstr::BString;
use gix::ObjectId;

use crate::detect::incremental::{self, Memo};
use crate::detect::{Detector, excerpt, split, text};
use crate::finding::{
    Allowance, Confidence, Excerpt, Fact, Life, Position, Problem, RawMatch, Secret, Severity, Verdict,
};
use crate::generic;
use crate::policy::comments::{self, Looked, Said};
use crate::provenance::{Origin, Provenance};
use crate::rules::{Anchoring, Kind, RuleSet};
use crate::scan::Options;
use crate::source::pack::ObjectKind;

pub(super) use all::{Collected, Tally};

/// Where scanned bytes come from.
pub(super) enum Source<'a> {
    Stdin,
    File(&'a BString),
    /// The name of a file: text that people choose, too.
    Name(&'a BString),
    /// A name in a tree of the history.
    PastName(&'a BString),
    Ref(&'a BString),
    Object(ObjectKind, ObjectId),
}

/// A place before provenance is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Spot {
    Stdin,
    File(BString),
    Ref(BString),
    Object(ObjectKind, ObjectId),
    /// A name in a tree.
    Name(BString),
}

/// One sighting of a secret.
#[derive(Clone, Debug)]
pub(super) struct Sighting {
    pub(super) spot: Spot,
    /// Path in an archive.
    pub(super) member: Option<BString>,
    pub(super) position: Position,
    pub(super) binary: bool,
    pub(super) via: Vec<&'static str>,
    pub(super) excerpt: Option<Excerpt>,
    pub(super) allowed: Option<Allowance>,
    /// Rule of its other half, and the line that has it (the offset in a binary file).
    pub(super) pair: Option<(usize, usize)>,
    /// The number of its match among those of its file or object.
    pub(super) ordinal: u32,
    /// What its match alone would tell of the secret, as [`Entry::digest`]; 0 if nobody wants to know.
    pub(super) telling: u64,
}

/// A match: the object that it stands in, and its number among those of the object.
pub(super) type Witness = (ObjectId, u32);

/// Where in an archive bytes stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Inside {
    pub(super) member: Option<BString>,
    /// What was opened to get there.
    pub(super) via: Vec<&'static str>,
}

/// A text, or a stretch of one that is too long to be held.
pub(super) struct Stretch<'t> {
    pub(super) text: &'t text::Text<'t>,
    /// Bytes of the whole text before it.
    pub(super) before: usize,
    pub(super) lines: excerpt::Lines<'t>,
    /// Matches that begin here are taken; the others belong to other stretches, and stand beside these.
    pub(super) core: Range<usize>,
}

impl<'t> Stretch<'t> {
    fn whole(text: &'t text::Text<'t>) -> Self {
        let lines = excerpt::Lines::new(&text.bytes, text.bom);
        Self { text, before: 0, lines, core: 0..text.bytes.len() }
    }
}

/// Secrets that were found in an archive, and need not be found again in its own bytes.
pub(super) type Found = std::collections::HashSet<(usize, Secret)>;

/// Everything known about one secret under one rule.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    verdict: Verdict,
    confidence: Confidence,
    severity: Severity,
    facts: Vec<Fact>,
    /// The word of the rule's context that stands before it; the first in the alphabet of several.
    name: Option<String>,
    /// None for what is counted and not reported.
    pub(super) sightings: Vec<Sighting>,
    /// A few matches in objects that are enough to tell all of this but the sightings; kept for the record of a history.
    pub(super) witnesses: Vec<Witness>,
}

impl Entry {
    /// The same number for the same knowledge, but for the places.
    pub(super) fn digest(&self) -> u64 {
        let mut hasher = std::hash::DefaultHasher::new();
        (self.verdict, self.confidence, self.severity, &self.facts, &self.name).hash(&mut hasher);
        hasher.finish()
    }

    /// The same without its places.
    pub(super) fn without_sightings(&self) -> Self {
        let Self { verdict, confidence, severity, ref facts, ref name, ref witnesses, .. } = *self;
        let (facts, name, witnesses) = (facts.clone(), name.clone(), witnesses.clone());
        Self { verdict, confidence, severity, facts, name, witnesses, sightings: Vec::new() }
    }

    /// Joins what is known of the same secret in other places. The same text can mean more in one place than in another
    /// (a password for `localhost` and for the production host), so the gravest counts, whichever was read first.
    pub(super) fn join(&mut self, mut other: Self) {
        let gravity = |e: &Self| (e.verdict != Verdict::Malformed, e.severity, e.verdict, e.confidence);
        let (mine, theirs) = (gravity(self), gravity(&other));
        if (theirs, std::cmp::Reverse(&other.facts)) > (mine, std::cmp::Reverse(&self.facts)) {
            std::mem::swap(self, &mut other);
        }
        let more =
            other.verdict != Verdict::Malformed && (other.verdict > self.verdict || other.confidence > self.confidence);
        let named = other.name.is_some() && (self.name.is_none() || other.name < self.name);
        if more {
            self.verdict = self.verdict.max(other.verdict);
            self.confidence = self.confidence.max(other.confidence);
        }
        if named {
            self.name = other.name.take();
        }
        if more || named {
            self.witnesses.append(&mut other.witnesses);
        }
        self.sightings.append(&mut other.sightings);
    }
}

/// A rule, as its index, and a secret.
pub(super) type Key = (usize, Secret);

type Entries = HashMap<Key, Entry>;

/// What is known of the lives of secrets.
pub(super) trait History: std::fmt::Debug + Send + Sync {
    /// The life of a secret that stands in these objects, if they are of this history.
    fn life(&self, key: &Key, objects: &[ObjectId], names: &[BString]) -> Option<Life>;
    /// Where a blob lived.
    fn origin(&self, id: &ObjectId) -> Option<&Origin>;
    /// Where a name stood, and an object that had it.
    fn origin_of_name(&self, _: &BString) -> Option<(&Origin, ObjectId)> {
        None
    }
}

impl History for Provenance {
    fn life(&self, _: &Key, objects: &[ObjectId], names: &[BString]) -> Option<Life> {
        self.life(objects, names)
    }

    fn origin(&self, id: &ObjectId) -> Option<&Origin> {
        self.origin(id)
    }

    fn origin_of_name(&self, name: &BString) -> Option<(&Origin, ObjectId)> {
        self.origin_of_name(name)
    }
}

/// What one worker found.
pub(super) struct Sink<'d> {
    pub(super) detector: &'d Detector,
    pub(super) options: &'d Options,
    pub(super) scratch: incremental::Scratch,
    entries: Entries,
    no_rules: BTreeSet<String>,
    /// What could not be looked into.
    pub(super) problems: Vec<Problem>,
    /// Does git track the file? Only then there is something to be said of its habits.
    pub(super) tracked: bool,
    /// How many texts had something that a rule matches.
    matched: u64,
    /// How many comments named a rule that is not there.
    misnamed: u64,
    /// Matches in the file or object so far.
    ordinal: u32,
    /// The secrets of those, in their order, if somebody wants to know.
    pub(super) trail: Option<Vec<Key>>,
    /// Where the hits of the object stand that have something to tell, if that is known.
    pub(super) places: Option<Vec<u32>>,
}

impl<'d> Sink<'d> {
    pub(super) fn new(detector: &'d Detector, options: &'d Options) -> Self {
        Self {
            detector,
            options,
            scratch: incremental::Scratch::default(),
            entries: HashMap::new(),
            no_rules: BTreeSet::new(),
            problems: Vec::new(),
            tracked: true,
            matched: 0,
            misnamed: 0,
            ordinal: 0,
            trail: None,
            places: None,
        }
    }

    /// What comes now is of another object.
    pub(super) fn begin(&mut self) {
        self.ordinal = 0;
    }

    /// The secrets found so far.
    pub(super) fn keys(&self) -> std::collections::HashSet<Key> {
        self.entries.keys().cloned().collect()
    }

    /// What was found under a key so far.
    pub(super) fn entry(&self, key: &Key) -> Option<&Entry> {
        self.entries.get(key)
    }

    pub(super) fn scan(&mut self, bytes: &[u8], source: &Source<'_>) {
        let mut found = self.open(bytes, source);
        let text = text::sniff(bytes);
        if text.bytes.len() > split::LARGE {
            let split::Part { found: matches, cut, .. } = split::scan(self.detector, &text.bytes);
            if cut {
                self.problems.push(too_deep(source));
            }
            return self.take_matches(matches, Stretch::whole(&text), source, &Inside::default(), &mut found);
        }
        let memo = incremental::scan_whole(self.detector, &text.bytes, &mut self.scratch);
        self.take_from(&memo, &text, source, &Inside::default(), &mut found);
    }

    /// Scans a name in a tree of the history.
    pub(super) fn scan_name(&mut self, name: &[u8]) {
        let memo = incremental::scan_whole(self.detector, name, &mut self.scratch);
        if memo.has_matches() {
            let text = text::Text { bytes: name.into(), via: None, binary: false, bom: 0 };
            self.take(&memo, &text, &Source::PastName(&name.into()));
        }
    }

    /// A number that is another one as soon as there is more to report, be it only as a count.
    pub(super) fn marks(&self) -> u64 {
        self.matched + self.problems.len() as u64
    }

    /// A number that is another one as soon as there is more to say that is no finding.
    pub(super) fn remarks(&self) -> u64 {
        self.misnamed + self.problems.len() as u64
    }

    /// Takes out what was found so far, sorted.
    pub(super) fn drain(&mut self) -> Vec<(Key, Entry)> {
        let sorted: BTreeMap<_, _> = self.entries.drain().collect();
        sorted.into_iter().collect()
    }

    /// Puts in what another one found.
    pub(super) fn put(&mut self, key: Key, entry: Entry) {
        add(&mut self.entries, key, entry);
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
        if memo.has_matches() {
            self.take_matches(memo.matches(), Stretch::whole(text), source, inside, found);
        }
    }

    /// Takes matches as they were found, before overlaps are resolved.
    pub(super) fn take_matches(
        &mut self,
        raw: Vec<RawMatch>,
        stretch: Stretch<'_>,
        source: &Source<'_>,
        inside: &Inside,
        found: &mut Found,
    ) {
        self.matched += 1;
        let Stretch { text, before, mut lines, core } = stretch;
        let set = self.detector.rules();
        let mut matches = self.detector.resolve(raw);
        if !matches!(source, Source::File(_) | Source::Object(ObjectKind::Blob, _)) {
            self.detector.drop_files(&mut matches);
        }
        if !self.tracked {
            matches.retain(|m| set.metas()[m.rule].kind != Kind::Hygiene);
        }
        let pairs = self.detector.pair(&text.bytes, &mut matches);
        let near = excerpt::Neighbours::new(&matches);
        let positions: Vec<Position> = matches.iter().map(|m| lines.position(&m.span)).collect();
        let at = |start| positions[positions.partition_point(|p| p.offset < start)];
        let ours = matches.iter().zip(pairs).zip(&positions).filter(|((m, _), _)| core.contains(&m.span.start));
        let mut looked = Looked::default();
        for ((m, pair), position) in ours {
            let secret = m.secret(&text.bytes);
            let ordinal = self.ordinal;
            self.ordinal += 1;
            if let Some(trail) = &mut self.trail {
                trail.push((m.rule, secret.clone()));
            }
            if !inside.via.is_empty() {
                found.insert((m.rule, secret.clone()));
            } else if found.contains(&(m.rule, secret.clone())) {
                continue;
            }
            let outer =
                if matches!(source, Source::Name(_) | Source::PastName(_)) { Some("file name") } else { text.via };
            let shown = shown(set, m.rule, m.verdict, m.confidence, self.options);
            let sighting = shown.then(|| Sighting {
                spot: spot(source),
                member: inside.member.clone(),
                position: Position { offset: before + position.offset, ..*position },
                binary: text.binary,
                via: inside.via.iter().chain(&outer).chain(m.via()).copied().collect(),
                excerpt: (!text.binary).then(|| excerpt::excerpt(set, &text.bytes, m, &near)),
                allowed: self.comment(&text.bytes, m, &matches, source, &mut looked),
                pair: pair.map(|pair| {
                    let at = at(pair.at);
                    (pair.rule, if text.binary { before + at.offset } else { at.line })
                }),
                ordinal,
                telling: 0,
            });
            let witness = match source {
                Source::Object(_, id) if self.options.cache.is_some() => Some((*id, ordinal)),
                _ => None,
            };
            let mut entry = Entry {
                verdict: m.verdict,
                confidence: m.confidence,
                severity: m.severity,
                facts: match set.rules()[m.rule].anchoring {
                    Anchoring::Name(_) if m.decoded.is_none() => generic::facts_of(&text.bytes, &m.span),
                    _ => m.facts.clone(),
                },
                name: sighting.as_ref().and_then(|_| self.detector.name_at(&text.bytes, m)).map(str::to_owned),
                sightings: sighting.into_iter().collect(),
                witnesses: witness.into_iter().collect(),
            };
            if self.options.cache.is_some() && !entry.sightings.is_empty() {
                entry.sightings[0].telling = entry.digest();
            }
            add(&mut self.entries, (m.rule, secret), entry);
        }
    }
}

impl Sink<'_> {
    /// What a comment beside a match says about it.
    fn comment(
        &mut self,
        text: &[u8],
        of: &RawMatch,
        all: &[RawMatch],
        source: &Source<'_>,
        looked: &mut Looked,
    ) -> Option<Allowance> {
        if !self.options.policy.comments || matches!(source, Source::Name(_) | Source::PastName(_) | Source::Ref(_)) {
            return None;
        }
        let rules = self.detector.rules();
        let place = comments::Place { text, span: &of.span, rule: &rules.metas()[of.rule].id };
        let others = |range: Range<usize>| {
            let first = all.partition_point(|m| m.span.end <= range.start);
            all.get(first).is_some_and(|m| m.span.start < range.end)
        };
        match comments::on(place, looked, &others, &|name| rules.knows(name)) {
            Said::Allowed(allowance) => Some(allowance),
            Said::NoSuchRule(name) => {
                // A mistake in an old version can be mended no more.
                if !self.options.files || !matches!(source, Source::Object(..)) {
                    self.misnamed += 1;
                    self.no_rules.insert(name);
                }
                None
            }
            Said::Nothing => None,
        }
    }
}

/// A limit on decoding was reached.
pub(super) fn too_deep(source: &Source<'_>) -> Problem {
    Problem {
        object: named(source),
        what: "encoded text in it is nested deeper, or is larger, than is decoded, or a table in it is larger than is read".into(),
        help: Some("raise --decode-depth if it is nested; else decode it, or split the table, and scan what comes out".into()),
        accepted: false,
    }
}

/// A source as problems name it.
pub(super) fn named(source: &Source<'_>) -> String {
    match source {
        Source::Stdin => "standard input".to_owned(),
        Source::File(path) | Source::Name(path) | Source::PastName(path) => path.to_string(),
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
        Source::PastName(name) => Spot::Name((*name).clone()),
    }
}

/// Is a match to be reported, rather than counted?
fn shown(set: &RuleSet, rule: usize, verdict: Verdict, confidence: Confidence, options: &Options) -> bool {
    let meta = &set.metas()[rule];
    if verdict == Verdict::Malformed {
        return options.show_malformed;
    }
    (meta.kind.is_reported() || options.show_publishable) && confidence >= options.confidence
}
