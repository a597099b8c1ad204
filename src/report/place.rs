//! Which of the many places of a finding a report shows when it shows one, and how that place is named.

use std::borrow::Cow;
use std::collections::BTreeSet;

use bstr::BString;

use super::context::{Context, plural};
use super::printable;
use super::text::short;
use crate::finding::{Finding, Occurrence, Place, Removal};

/// What detection calls text that is the name of a file.
pub(super) const FILE_NAME: &str = "file name";

/// The place to show: the first file that has it now, one with lines if there is one, else where it was last, else any.
pub(super) fn main(finding: &Finding) -> Option<&Occurrence> {
    let in_tree = finding.occurrences.iter().filter(|o| is_in_tree(o));
    in_tree.min_by_key(|o| o.binary).or_else(|| last_known(finding))
}

/// Is the place a file of the working tree, or standard input?
pub(super) fn is_in_tree(occurrence: &Occurrence) -> bool {
    matches!(occurrence.place, Place::Stdin | Place::File { .. })
}

/// The place to show for a finding that no file has any more: the path that lost it last, or else any path.
pub(super) fn last_known(finding: &Finding) -> Option<&Occurrence> {
    let path = last_removal(finding).map(|removal| &removal.path);
    let has = |o: &&Occurrence| match &o.place {
        Place::Blob { paths, .. } => path.is_some_and(|path| paths.contains(path)),
        _ => false,
    };
    let named = |o: &&Occurrence| matches!(&o.place, Place::Blob { paths, .. } if !paths.is_empty());
    let all = &finding.occurrences;
    all.iter().find(has).or_else(|| all.iter().find(named)).or(all.first())
}

/// The commit that removed it last. A time out of any calendar is no time.
pub(super) fn last_removal(finding: &Finding) -> Option<&Removal> {
    let time = |removal: &Removal| jiff::Timestamp::from_second(removal.time).ok();
    finding.life.as_ref()?.removed.iter().max_by_key(|removal| (time(removal), &removal.path))
}

/// The path of a place relative to the root, if it has one that does not lead out of it.
pub(super) fn path<'f>(finding: &'f Finding, occurrence: &'f Occurrence) -> Option<&'f BString> {
    match &occurrence.place {
        Place::File { path } => Some(path),
        Place::Blob { paths, .. } => {
            let lost = last_removal(finding).map(|removal| &removal.path).filter(|path| paths.contains(path));
            lost.or(paths.first()).filter(|path| stays_inside(path))
        }
        _ => None,
    }
}

/// A tree made by hand can hold `..` or an absolute path, which must not lead a viewer out of the root.
fn stays_inside(path: &[u8]) -> bool {
    path.split(|&b| b == b'/').all(|part| !matches!(part, b"" | b"." | b".."))
}

/// A place without its line: a path, or the object in words. Bytes may be anything but a secret.
pub(super) fn name<'f>(context: &Context<'_>, finding: &'f Finding, occurrence: &'f Occurrence) -> Cow<'f, [u8]> {
    if let Some(path) = path(finding, occurrence) {
        return context.name(path);
    }
    let text = match &occurrence.place {
        Place::Stdin => "standard input".to_owned(),
        Place::Commit { id } => format!("text of commit {}", short(id)),
        Place::Tag { id } => format!("text of tag object {}", short(id)),
        Place::Ref { name } => return Cow::Owned([b"name of ref ", &*context.name(name)].concat()),
        Place::File { .. } | Place::Blob { .. } => {
            format!("blob {}", object(occurrence).map(short).unwrap_or_default())
        }
    };
    Cow::Owned(text.into_bytes())
}

/// A place with its line, for a terminal.
pub(super) fn at(context: &Context<'_>, finding: &Finding, occurrence: &Occurrence) -> String {
    let mut name = printable(name(context, finding, occurrence));
    let line = match &occurrence.member {
        Some(member) => {
            name = format!("{name}!{}", context.say_name(member));
            (!occurrence.binary).then_some(occurrence.position.line)
        }
        None => line(occurrence),
    };
    line.map_or(name.clone(), |line| format!("{name}:{line}"))
}

/// So many places, each named once, and how many more there are.
pub(super) fn list(context: &Context<'_>, finding: &Finding, few: usize) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let all = finding.occurrences.iter().map(|occurrence| at(context, finding, occurrence));
    let mut lines: Vec<_> = all.filter(|text| seen.insert(text.clone())).collect();
    let hidden = lines.len().saturating_sub(few);
    if hidden > 0 {
        lines.truncate(few);
        lines.push(format!("and {}", plural(hidden, "more place")));
    }
    lines
}

/// Hex id of the object that holds it.
pub(super) fn object(occurrence: &Occurrence) -> Option<&str> {
    match &occurrence.place {
        Place::Blob { id, .. } | Place::Commit { id } | Place::Tag { id } => Some(id),
        _ => None,
    }
}

/// The line, where lines mean something: not in binary content or an archive, nor in the name of a ref or a file.
pub(super) fn line(occurrence: &Occurrence) -> Option<usize> {
    let counted = !occurrence.binary && occurrence.member.is_none() && !matches!(occurrence.place, Place::Ref { .. });
    let counted = counted && !occurrence.via.contains(&FILE_NAME);
    counted.then_some(occurrence.position.line)
}

/// The commit to look at for a place in history: the first that has it there, or the one whose text has it.
pub(super) fn commit<'f>(finding: &'f Finding, occurrence: &'f Occurrence) -> Option<&'f str> {
    match &occurrence.place {
        Place::Blob { commit, .. } => commit.as_deref(),
        Place::Commit { id } => Some(id),
        _ => finding.life.as_ref().and_then(|life| life.first.as_ref()).map(|first| first.id.as_str()),
    }
}
