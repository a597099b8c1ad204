//! Files full of findings: recorded traffic, generated examples, dumps. The first ones are listed and the rest counted.

use std::collections::BTreeMap;

use bstr::{BStr, ByteSlice};

use crate::finding::{Finding, Place, Receipt, Verdict};
use crate::rules::RuleSet;

/// Findings of one rule in one file that are listed by default.
pub const MOST: usize = 100;
/// Files that are named one by one.
const NAMED: usize = 20;

/// Leaves the first `most` findings of each rule in each file, and counts the others; 0: leaves all. What proves itself
/// stays, and so does what stands in another file as well. `findings` come sorted, gravest first.
pub(super) fn thin_out(set: &RuleSet, findings: &mut Vec<Finding>, most: usize, receipt: &mut Receipt) {
    if most == 0 || findings.len() <= most {
        return;
    }
    let mut seen: BTreeMap<(usize, Vec<u8>), usize> = BTreeMap::new();
    findings.retain(|finding| {
        let Some(path) = only_file(finding).filter(|_| finding.verdict != Verdict::Proven) else { return true };
        let count = seen.entry((finding.rule, path.to_vec())).or_default();
        *count += 1;
        *count <= most
    });
    let mut crowds: Vec<_> = seen.into_iter().filter(|(_, count)| *count > most).collect();
    crowds.sort_by(|a, b| (std::cmp::Reverse(a.1), &a.0).cmp(&(std::cmp::Reverse(b.1), &b.0)));
    let left = |count: usize| (count - most) as u64;
    for ((rule, path), count) in crowds.iter().take(NAMED) {
        let id = &set.metas()[*rule].id;
        let what =
            format!("findings of {id} in {} beyond the first {most}: --max-per-file 0 lists them", path.as_bstr());
        receipt.skipped.push((what, left(*count)));
    }
    let rest: u64 = crowds.iter().skip(NAMED).map(|(_, count)| left(*count)).sum();
    if rest > 0 {
        let what = format!("findings in other files beyond the first {most} of a rule: --max-per-file 0 lists them");
        receipt.skipped.push((what, rest));
    }
}

/// The path of a finding that stands in one file only, in whatever versions.
fn only_file(finding: &Finding) -> Option<&BStr> {
    let mut paths = finding.occurrences.iter().flat_map(|o| match &o.place {
        Place::File { path } => vec![Some(path.as_bstr())],
        Place::Blob { paths, .. } if !paths.is_empty() => paths.iter().map(|p| Some(p.as_bstr())).collect(),
        _ => vec![None],
    });
    let first = paths.next()??;
    paths.all(|path| path == Some(first)).then_some(first)
}
