//! Files full of findings: recorded traffic, generated examples, dumps. The first ones are listed and the rest counted.
//! Values of one name and shape are a crowd sooner, and in tests and documents over all files of a directory.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use bstr::{BStr, BString, ByteSlice};
use rayon::prelude::*;

use crate::finding::{self, Confidence, Finding, Occurrence, Receipt, Verdict};
use crate::generic::{self, Place};
use crate::rules::{Anchoring, RuleSet};

/// Findings of one rule in one file that are listed by default.
pub const MOST: usize = 100;
/// Of secrets without a prefix that stand in tests, documents and copied libraries, or that little speaks for, only one in
/// so many of these: generated examples and recorded traffic, of which the first few tell what the rest is.
const FEWER: usize = 4;
/// Of these, of one name and one shape, only one in so many.
const ALIKE: usize = 20;
/// Files that are named one by one.
const NAMED: usize = 20;

/// Leaves the first `most` findings of each rule in each file, and counts the others; 0: leaves all. What proves itself
/// stays, and so does what stands in another file as well. `findings` come sorted, gravest first.
pub(super) fn thin_out(set: &RuleSet, findings: &mut Vec<Finding>, most: usize, receipt: &mut Receipt) {
    if most == 0 || findings.len() <= most.div_ceil(ALIKE) {
        return;
    }
    thin_out_alike(set, findings, most.div_ceil(ALIKE), receipt);
    let mut seen: BTreeMap<(usize, bool, Vec<u8>), usize> = BTreeMap::new();
    findings.retain(|finding| {
        let Some(path) = only_file(finding).filter(|_| finding.verdict != Verdict::Proven) else { return true };
        let sure = finding.confidence >= Confidence::High;
        let count = seen.entry((finding.rule, sure, path.to_vec())).or_default();
        *count += 1;
        *count <= most_in(set, finding.rule, sure, path, most)
    });
    // Rule, path, how many are listed, how many are not.
    let mut crowds: Vec<(usize, Vec<u8>, usize, usize)> = seen
        .into_iter()
        .map(|((rule, sure, path), count)| (rule, most_in(set, rule, sure, path.as_bstr(), most), path, count))
        .filter(|(_, most, _, count)| count > most)
        .map(|(rule, most, path, count)| (rule, path, most, count - most))
        .collect();
    crowds.sort_by(|a, b| (Reverse(a.3), a.0, &a.1).cmp(&(Reverse(b.3), b.0, &b.1)));
    let told = crowds.into_iter().map(|(rule, path, most, left)| {
        let id = &set.metas()[rule].id;
        (format!("findings of {id} in {} beyond the first {most}", path.as_bstr()), left)
    });
    tell(told.collect(), "findings in other files beyond the first ones of a rule", receipt);
}

/// What values of a crowd have in common: rule, where they stand, name, and shape.
type Cause = (usize, Vec<u8>, String, (usize, u8));

/// Leaves the first `most` of the values that have name and shape in common: in tests, documents and copied libraries those
/// of a directory, elsewhere those of a file that little speaks for.
fn thin_out_alike(set: &RuleSet, findings: &mut Vec<Finding>, most: usize, receipt: &mut Receipt) {
    let mut seen: BTreeMap<Cause, usize> = BTreeMap::new();
    let causes: Vec<Option<Cause>> = findings.par_iter().map(|finding| cause_of(set, finding)).collect();
    let mut causes = causes.into_iter();
    findings.retain(|_| {
        let Some(cause) = causes.next().flatten() else { return true };
        let count = seen.entry(cause).or_default();
        *count += 1;
        *count <= most
    });
    let mut left: BTreeMap<(usize, Vec<u8>, String), usize> = BTreeMap::new();
    for ((rule, place, name, _), count) in seen.into_iter().filter(|(_, count)| *count > most) {
        *left.entry((rule, place, name)).or_default() += count - most;
    }
    let mut crowds: Vec<_> = left.into_iter().collect();
    crowds.sort_by(|a, b| (Reverse(a.1), &a.0).cmp(&(Reverse(b.1), &b.0)));
    let told = crowds.into_iter().map(|((rule, place, name), left)| {
        let id = &set.metas()[rule].id;
        (format!("findings of {id} in {} named `{name}`, beyond {most} alike", place.as_bstr()), left)
    });
    tell(told.collect(), "findings in other files beyond the first ones of a name and shape", receipt);
}

/// The crowd that a finding may belong to; none, if it is proven, or sure and in a file of the project's own, or not sure and
/// in several of them.
fn cause_of(set: &RuleSet, finding: &Finding) -> Option<Cause> {
    if !matches!(set.rules()[finding.rule].anchoring, Anchoring::Name(_)) || finding.verdict == Verdict::Proven {
        return None;
    }
    let made_up = finding.occurrences.iter().all(is_made_up);
    let path = if made_up {
        files(finding).next()??
    } else {
        only_file(finding).filter(|_| finding.confidence < Confidence::High)?
    };
    let directory = path.rfind_byte(b'/').map_or(&path[..0], |at| &path[..=at]);
    let place = if made_up && !directory.is_empty() { directory } else { path };
    let name = finding.facts.iter().find(|f| f.label == generic::NAME).map(|f| f.value.as_str()).unwrap_or_default();
    let name = name.chars().filter(|c| !c.is_ascii_digit()).collect();
    Some((finding.rule, place.to_vec(), name, shape(finding.secret.expose())))
}

/// Does it stand among tests, documents or copied libraries, by the path of each file or by that of the member of an archive?
fn is_made_up(occurrence: &Occurrence) -> bool {
    let made_up = |path: &BStr| Place::of(path) > Place::Example;
    occurrence.member.as_ref().is_some_and(|member| made_up(member.as_bstr()))
        || paths(occurrence).iter().all(|path| path.is_some_and(made_up))
}

/// The shape of a value: its length, exactly only of hex digits, and its characters.
fn shape(value: &[u8]) -> (usize, u8) {
    let kind = match () {
        () if value.iter().all(u8::is_ascii_hexdigit) => return (value.len(), 0),
        () if value.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-') => return (value.len(), 1),
        () if value.iter().all(u8::is_ascii_alphanumeric) => 2,
        () => 3,
    };
    (value.len() / KEY, kind)
}

/// Values shorter than this are more like passwords, longer ones like keys.
const KEY: usize = 24;

/// Versions of one file, and messages, that are listed as places of a finding.
const VERSIONS: usize = 100;

/// Leaves the first places of a finding in each file of the history, and counts the others. A file to which a secret is added
/// in each of thousands of commits would make a report of gigabytes.
pub(super) fn thin_out_versions(finding: &mut Finding) {
    let all = finding.occurrences.len();
    if all <= VERSIONS {
        return;
    }
    let mut seen: BTreeMap<(u8, Vec<BString>, Option<BString>), usize> = BTreeMap::new();
    finding.occurrences.retain(|occurrence| {
        let file = match &occurrence.place {
            finding::Place::Blob { paths, .. } => (0, paths.clone(), occurrence.member.clone()),
            finding::Place::Commit { .. } => (1, Vec::new(), None),
            finding::Place::Tag { .. } => (2, Vec::new(), None),
            finding::Place::Stdin | finding::Place::File { .. } | finding::Place::Ref { .. } => return true,
        };
        let count = seen.entry(file).or_default();
        *count += 1;
        *count <= VERSIONS
    });
    finding.more_places += all - finding.occurrences.len();
}

/// Counts what is not listed: the largest crowds one by one, the `others` together.
fn tell(crowds: Vec<(String, usize)>, others: &str, receipt: &mut Receipt) {
    let rest: usize = crowds.iter().skip(NAMED).map(|(_, left)| left).sum();
    for (what, left) in crowds.into_iter().take(NAMED) {
        receipt.skipped.push((format!("{what}: --max-per-file 0 lists them"), left as u64));
    }
    if rest > 0 {
        receipt.skipped.push((format!("{others}: --max-per-file 0 lists them"), rest as u64));
    }
}

/// How many findings of a rule are listed in a file, of those that are sure or of the others.
fn most_in(set: &RuleSet, rule: usize, sure: bool, path: &BStr, most: usize) -> usize {
    let named = matches!(set.rules()[rule].anchoring, Anchoring::Name(_));
    let crowded = named && (!sure || Place::of(path) > Place::Example);
    if crowded { most.div_ceil(FEWER) } else { most }
}

/// The paths of a finding; none for what has no file.
fn files(finding: &Finding) -> impl Iterator<Item = Option<&BStr>> {
    finding.occurrences.iter().flat_map(paths)
}

/// The paths of an occurrence.
fn paths(occurrence: &Occurrence) -> Vec<Option<&BStr>> {
    match &occurrence.place {
        finding::Place::File { path } => vec![Some(path.as_bstr())],
        finding::Place::Blob { paths, .. } if !paths.is_empty() => paths.iter().map(|p| Some(p.as_bstr())).collect(),
        _ => vec![None],
    }
}

/// The path of a finding that stands in one file only, in whatever versions.
fn only_file(finding: &Finding) -> Option<&BStr> {
    let mut paths = files(finding);
    let first = paths.next()??;
    paths.all(|path| path == Some(first)).then_some(first)
}
