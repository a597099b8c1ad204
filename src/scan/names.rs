//! Names of files and first lines of commit messages are text that people choose: a secret in one must not be printed.

use bstr::BString;
use rayon::prelude::*;

use crate::detect::Detector;
use crate::detect::excerpt;
use crate::finding::{Finding, Place, Receipt};

/// Masks secrets in every path and summary that a report names.
pub(super) fn hide(detector: &Detector, findings: &mut [Finding], receipt: &mut Receipt) {
    findings.par_iter_mut().for_each(|finding| {
        // Neighbours mostly have the same paths.
        let mut last = (Vec::new(), Vec::new());
        for occurrence in &mut finding.occurrences {
            if let Some(member) = &mut occurrence.member {
                mask(detector, member);
            }
            match &mut occurrence.place {
                Place::File { path } => mask(detector, path),
                Place::Blob { paths, .. } if *paths == last.0 => paths.clone_from(&last.1),
                Place::Blob { paths, .. } => {
                    last.0.clone_from(paths);
                    paths.iter_mut().for_each(|path| mask(detector, path));
                    last.1.clone_from(paths);
                }
                _ => {}
            }
        }
        for (old, new) in finding.life.iter_mut().flat_map(|life| &mut life.moves) {
            mask(detector, old);
            mask(detector, new);
        }
        // Its plain secret is masked by the report, which does not know in what other spelling it stands there.
        for commit in finding.life.iter_mut().filter_map(|life| life.first.as_mut()) {
            let mut summary = BString::from(commit.summary.as_str());
            mask(detector, &mut summary);
            commit.summary = summary.to_string();
        }
        for removal in finding.life.iter_mut().flat_map(|life| &mut life.removed) {
            mask(detector, &mut removal.path);
        }
    });
    for problem in &mut receipt.problems {
        let mut object = BString::from(problem.object.as_str());
        mask(detector, &mut object);
        problem.object = object.to_string();
    }
    // Reasons name submodules.
    for (reason, _) in &mut receipt.skipped {
        let mut shown = BString::from(reason.as_str());
        mask(detector, &mut shown);
        *reason = shown.to_string();
    }
}

/// A path with the secrets in it masked.
pub(super) fn masked(detector: &Detector, path: &BString) -> BString {
    let mut path = path.clone();
    mask(detector, &mut path);
    path
}

fn mask(detector: &Detector, path: &mut BString) {
    let mut matches = detector.scan(path);
    detector.drop_files(&mut matches);
    if matches.is_empty() {
        return;
    }
    let mut shown = BString::default();
    let mut at = 0;
    for m in &matches {
        if m.span.start < at {
            // Two secrets in one piece of encoded text, which is hidden already.
            continue;
        }
        shown.extend_from_slice(&path[at..m.span.start]);
        shown.extend_from_slice(excerpt::masked(detector.rules(), m, &path[m.span.clone()]).as_bytes());
        at = m.span.end;
    }
    shown.extend_from_slice(&path[at..]);
    *path = shown;
}
