//! Files full of findings: recorded traffic, generated examples, dumps. The first ones are listed and the rest counted.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use bstr::{BStr, ByteSlice};

use crate::finding::{self, Confidence, Finding, Receipt, Verdict};
use crate::generic::Place;
use crate::rules::{Anchoring, RuleSet};

/// Findings of one rule in one file that are listed by default.
pub const MOST: usize = 100;
/// Of secrets without a prefix that stand in tests, documents and copied libraries, or that little speaks for, only one in
/// so many of these: generated examples and recorded traffic, of which the first few tell what the rest is.
const FEWER: usize = 4;
/// Files that are named one by one.
const NAMED: usize = 20;

/// Leaves the first `most` findings of each rule in each file, and counts the others; 0: leaves all. What proves itself
/// stays, and so does what stands in another file as well. `findings` come sorted, gravest first.
pub(super) fn thin_out(set: &RuleSet, findings: &mut Vec<Finding>, most: usize, receipt: &mut Receipt) {
    if most == 0 || findings.len() <= most.div_ceil(FEWER) {
        return;
    }
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
    for (rule, path, most, left) in crowds.iter().take(NAMED) {
        let id = &set.metas()[*rule].id;
        let what =
            format!("findings of {id} in {} beyond the first {most}: --max-per-file 0 lists them", path.as_bstr());
        receipt.skipped.push((what, *left as u64));
    }
    let rest: usize = crowds.iter().skip(NAMED).map(|(.., left)| left).sum();
    if rest > 0 {
        let what = "findings in other files beyond the first ones of a rule: --max-per-file 0 lists them";
        receipt.skipped.push((what.to_owned(), rest as u64));
    }
}

/// How many findings of a rule are listed in a file, of those that are sure or of the others.
fn most_in(set: &RuleSet, rule: usize, sure: bool, path: &BStr, most: usize) -> usize {
    let named = matches!(set.rules()[rule].anchoring, Anchoring::Name(_));
    let crowded = named && (!sure || Place::of(path) > Place::Example);
    if crowded { most.div_ceil(FEWER) } else { most }
}

/// The path of a finding that stands in one file only, in whatever versions.
fn only_file(finding: &Finding) -> Option<&BStr> {
    let mut paths = finding.occurrences.iter().flat_map(|o| match &o.place {
        finding::Place::File { path } => vec![Some(path.as_bstr())],
        finding::Place::Blob { paths, .. } if !paths.is_empty() => paths.iter().map(|p| Some(p.as_bstr())).collect(),
        _ => vec![None],
    });
    let first = paths.next()??;
    paths.all(|path| path == Some(first)).then_some(first)
}
