//! Findings as reports show them: what was collected of a secret, with its life and what speaks for it.

use std::collections::BTreeMap;

use bstr::{BString, ByteSlice};
use gix::ObjectId;
use rayon::prelude::*;

use super::{Collected, Entry, History, Key, Sighting, Spot, Tally, shown};
use crate::detect::score;
use crate::finding::{Confidence, Fact, Finding, Fingerprint, Occurrence, Place, Receipt, Secret, Verdict};
use crate::generic;
use crate::policy::discover;
use crate::provenance::Origin;
use crate::rules::{Anchoring, Kind, Rule, RuleSet};
use crate::scan::{Options, hygiene};
use crate::source::pack::ObjectKind;

/// Most reasons that are given for a value that was judged by evidence.
const REASONS: usize = 4;

impl Collected {
    /// All that was found, as reports show it, gravest first; what is only counted goes into the receipt.
    pub(in crate::scan) fn into_findings(
        self,
        set: &RuleSet,
        options: &Options,
        lives: &[Box<dyn History>],
        receipt: &mut Receipt,
    ) -> Vec<Finding> {
        let no_rules = self.1.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        receipt.notes.extend(
            no_rules.into_iter().map(|name| {
                format!("a comment says `keyscan:allow {name}`, and no rule is called so: it allows nothing")
            }),
        );
        let entries: BTreeMap<_, _> =
            self.0.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).into_iter().collect();
        let entries: Vec<(Key, Entry)> = entries.into_iter().collect();
        let weighed = |(key, mut entry): (Key, Entry)| entry.weigh(&set.rules()[key.0], lives).then_some((key, entry));
        let entries: Vec<(Key, Entry)> = entries.into_par_iter().filter_map(weighed).collect();
        let (mut reported, mut tally) = (Vec::new(), Tally::default());
        for ((rule, secret), entry) in entries {
            if shown(set, rule, entry.verdict, entry.confidence, options) {
                reported.push((rule, secret, entry));
            } else {
                tally.add(set, &(rule, secret), &entry);
            }
        }
        tally.count(receipt);
        let made = |(rule, secret, entry)| finding(set, rule, secret, entry, lives, options);
        let mut findings: Vec<Finding> = reported.into_par_iter().map(made).collect();
        hygiene::review(set, &mut findings, receipt);
        findings.sort_by(|a, b| {
            (b.severity, b.presence(), b.confidence, a.rule, a.fingerprint).cmp(&(
                a.severity,
                a.presence(),
                a.confidence,
                b.rule,
                b.fingerprint,
            ))
        });
        findings
    }
}

impl Entry {
    /// Leaves out places that the rule does not want, and minds in which files the others are; is anything left?
    fn weigh(&mut self, of: &Rule, lives: &[Box<dyn History>]) -> bool {
        let named = matches!(of.anchoring, Anchoring::Name(_));
        if (named || of.minds_paths()) && !self.sightings.is_empty() {
            self.sightings.retain(|s| in_wanted_file(of, s, lives) && !(named && in_own_config(s, lives)));
            if self.sightings.is_empty() {
                return false;
            }
        }
        let structure = of.structure.as_ref().map(|(s, _)| s);
        if named || structure.is_some_and(|s| s.takes_any_password()) {
            self.mind_places(named || structure.is_some_and(|s| s.weighs()), lives);
        }
        true
    }

    /// Lowers the confidence of a secret without a prefix that stands in tests and documents only.
    fn mind_places(&mut self, by_evidence: bool, lives: &[Box<dyn History>]) {
        let Some(place) = self.sightings.iter().map(|s| place_of(s, lives)).min() else { return };
        if by_evidence {
            self.confidence = generic::placed(&mut self.facts, self.confidence, place);
        } else if place > generic::Place::Example && self.confidence == Confidence::Medium {
            // A weak password in a URL.
            self.confidence = Confidence::Low;
        }
    }
}

fn finding(
    set: &RuleSet,
    rule: usize,
    secret: Secret,
    mut entry: Entry,
    lives: &[Box<dyn History>],
    options: &Options,
) -> Finding {
    let meta = &set.metas()[rule];
    entry.sightings.sort_by(|a, b| (&a.spot, &a.member, a.position).cmp(&(&b.spot, &b.member, b.position)));
    // An object is read from each damaged pack that has it; a file on disk may be staged, too.
    entry
        .sightings
        .dedup_by(|a, b| (&a.spot, &a.member, a.position, &a.via) == (&b.spot, &b.member, b.position, &b.via));
    let objects: Vec<ObjectId> = entry
        .sightings
        .iter()
        .filter_map(|s| match &s.spot {
            Spot::Object(_, id) => Some(*id),
            _ => None,
        })
        .collect();
    let names: Vec<BString> = entry
        .sightings
        .iter()
        .filter_map(|s| match &s.spot {
            Spot::Name(name) => Some(name.clone()),
            _ => None,
        })
        .collect();
    let key = (rule, secret);
    let life = lives.iter().find_map(|p| p.life(&key, &objects, &names));
    let (rule, secret) = key;
    entry.facts.extend(pair(set, &entry.sightings));
    let mut occurrences: Vec<Occurrence> = entry.sightings.into_iter().map(|s| occurrence(s, lives)).collect();
    occurrences.sort_by(|a, b| (&a.place, &a.member, a.position).cmp(&(&b.place, &b.member, b.position)));
    let mut entry_reasons = reasons(set, rule, entry.verdict, entry.name.as_deref());
    entry_reasons.extend(evidence(&mut entry.facts, options));
    let named = matches!(set.rules()[rule].anchoring, Anchoring::Name(_));
    let guessable = guessable(set, rule, &secret);
    let fingerprint = if guessable {
        let key = entry.facts.iter().find(|f| named && f.label == generic::NAME).map(|f| f.value.as_str());
        Fingerprint::weak(&meta.id, &path_of(&occurrences), key.unwrap_or_default().as_bytes(), &secret)
    } else {
        Fingerprint::strong(&meta.id, &secret)
    };
    Finding {
        fingerprint,
        rule,
        masked: match meta.kind {
            Kind::Hygiene => hygiene::shown(&secret),
            _ => secret.mask(set.rules()[rule].shown_prefix(secret.expose())),
        },
        verdict: entry.verdict,
        confidence: entry.confidence,
        severity: entry.severity,
        reasons: entry_reasons,
        facts: entry.facts,
        occurrences,
        more_places: 0,
        life,
        guessable,
        allowed: None,
        secret,
    }
}

/// Could somebody find the secret by trying? Not if its format has 64 bits, a structure vouches for the whole of it, or it
/// is long and looks random; a long pass phrase may still be one of a list.
fn guessable(set: &RuleSet, index: usize, secret: &Secret) -> bool {
    let (rule, meta) = (&set.rules()[index], &set.metas()[index]);
    let decoded = rule.structure.is_some() && rule.secret.is_none();
    let strong = meta.bits.is_some_and(|bits| bits >= 64.0);
    !strong && (secret.len() < 24 || !decoded && !score::is_random(secret.expose()))
}

/// Says where the other half of a credential stands: beside its first place that has one.
fn pair(set: &RuleSet, sightings: &[Sighting]) -> Option<Fact> {
    let (index, sighting, (rule, at)) =
        sightings.iter().enumerate().find_map(|(index, s)| Some((index, s, s.pair?)))?;
    let unit = if sighting.binary { "byte" } else { "line" };
    let place = match &sighting.spot {
        _ if index == 0 => String::new(),
        Spot::Object(_, id) => format!(" of blob {}", id.to_hex_with_len(10)),
        _ => " of another file".to_owned(),
    };
    Some(Fact::new("pair", format!("{} at {unit} {at}{place}", set.metas()[rule].id)))
}

/// Is it in a config file of keyscan itself? Its key `secret` takes a pattern.
fn in_own_config(sighting: &Sighting, lives: &[Box<dyn History>]) -> bool {
    let is_config = |path: &BString| {
        discover::CONFIG.iter().any(|name| path.rsplit(|b| *b == b'/').next() == Some(name.as_bytes()))
    };
    match &sighting.spot {
        Spot::File(path) => is_config(path),
        Spot::Object(_, id) => {
            let mut paths = lives.iter().filter_map(|p| p.origin(id)).flat_map(|origin| &origin.paths).peekable();
            paths.peek().is_some() && paths.all(is_config)
        }
        Spot::Stdin | Spot::Ref(_) | Spot::Name(_) => false,
    }
}

/// The kind of file of a sighting, or of its member of an archive; of a blob with several paths the one in which it is believed most.
fn place_of(sighting: &Sighting, lives: &[Box<dyn History>]) -> generic::Place {
    let own = generic::Place::Own;
    let outer = match &sighting.spot {
        Spot::File(path) => generic::Place::of(path),
        Spot::Object(ObjectKind::Blob, id) => {
            let paths = lives.iter().filter_map(|p| p.origin(id)).flat_map(|origin| &origin.paths);
            paths.map(|path| generic::Place::of(path)).min().unwrap_or(own)
        }
        _ => own,
    };
    // A test in an archive is a test, and so is all that is in an archive among tests.
    sighting.member.as_ref().map_or(outer, |member| generic::Place::of(member).max(outer))
}

/// Does the file, or its member of an archive, have a path that the rule asks for?
fn in_wanted_file(rule: &Rule, sighting: &Sighting, lives: &[Box<dyn History>]) -> bool {
    let wanted = |path: &BString| match &sighting.member {
        // An archive is a directory here.
        Some(member) => rule.wants_path(&[path.as_slice(), b"/", &member.replace("!", "/")].concat()),
        None => rule.wants_path(path),
    };
    match &sighting.spot {
        Spot::File(path) => wanted(path),
        Spot::Object(_, id) => lives.iter().filter_map(|p| p.origin(id)).any(|origin| origin.paths.iter().any(wanted)),
        Spot::Stdin | Spot::Ref(_) | Spot::Name(_) => false,
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

fn occurrence(sighting: Sighting, lives: &[Box<dyn History>]) -> Occurrence {
    let place = match sighting.spot {
        Spot::Stdin => Place::Stdin,
        Spot::File(path) => Place::File { path },
        Spot::Ref(name) => Place::Ref { name },
        Spot::Object(ObjectKind::Commit, id) => Place::Commit { id: id.to_string() },
        Spot::Object(ObjectKind::Tag, id) => Place::Tag { id: id.to_string() },
        Spot::Object(_, id) => blob(lives.iter().find_map(|p| p.origin(&id)), id),
        Spot::Name(name) => match lives.iter().find_map(|p| p.origin_of_name(&name)) {
            Some((origin, id)) => blob(Some(origin), id),
            // Only a tree that no commit has, or none that was read, has the name.
            None => Place::File { path: name },
        },
    };
    Occurrence {
        place,
        member: sighting.member,
        position: sighting.position,
        binary: sighting.binary,
        excerpt: sighting.excerpt,
        via: sighting.via,
        allowed: sighting.allowed,
    }
}

fn blob(origin: Option<&Origin>, id: ObjectId) -> Place {
    Place::Blob {
        paths: origin.map(|o| o.paths.clone()).unwrap_or_default(),
        id: id.to_string(),
        commit: origin.and_then(|o| o.commit.as_ref().map(ToString::to_string)),
    }
}

/// What speaks for a value that was judged by evidence, and, if asked for, all of it with weights. Takes it out of the
/// facts, where it stands as numbers.
fn evidence(facts: &mut Vec<Fact>, options: &Options) -> Vec<String> {
    let Some(at) = facts.iter().position(|f| f.label == generic::EVIDENCE) else { return Vec::new() };
    let list = generic::explain(&facts.remove(at).value);
    if options.explain {
        let sum: i32 = list.iter().map(|(weight, _)| weight).sum();
        let line = |(weight, words): &(i32, &str)| format!("{:+.1}  {words}", f64::from(*weight) / 10.0);
        let all = list.iter().map(line).chain([format!("{:+.1}  in all", f64::from(sum) / 10.0)]);
        return all.collect();
    }
    list.into_iter().filter(|(weight, _)| *weight > 0).take(REASONS).map(|(_, words)| words.to_owned()).collect()
}

/// Why a finding is believed, strongest first.
fn reasons(set: &RuleSet, index: usize, verdict: Verdict, name: Option<&str>) -> Vec<String> {
    let rule = &set.rules()[index];
    let mut reasons = Vec::new();
    if set.metas()[index].kind == Kind::Hygiene {
        return reasons;
    }
    match verdict {
        Verdict::Proven if matches!(rule.anchoring, Anchoring::Inventory) => {
            reasons.push("its SHA-256 stands in the inventory".to_owned());
        }
        Verdict::Proven if !rule.checks.is_empty() => reasons.push("its checksum matches".to_owned()),
        Verdict::Proven => reasons.push("its parts prove each other (checksum or key relation)".to_owned()),
        Verdict::WellFormed => reasons.push("it decodes as documented".to_owned()),
        Verdict::Malformed => reasons.push("checksum or structure is wrong: probably an example or edited".to_owned()),
        Verdict::Shape => {}
    }
    // Of what is weighed by evidence the format only says where it stands.
    let weighed = rule.structure.as_ref().is_some_and(|(s, _)| s.weighs());
    if let Some(format) = rule.format.as_ref().filter(|_| !weighed) {
        let prefix = format.prefix();
        if prefix.is_empty() {
            reasons.push("length and alphabet are right".to_owned());
        } else {
            reasons.push(format!("prefix `{}`, length and alphabet are right", String::from_utf8_lossy(prefix)));
        }
    }
    if let Some(context) = &rule.context {
        reasons.push(match name {
            Some(name) => format!("the word `{name}` stands before it"),
            None => format!("a word like `{}` stands before it", context.near[0]),
        });
    }
    reasons
}
