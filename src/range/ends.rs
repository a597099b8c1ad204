//! Where a range begins and ends: what the user, or git in a hook, asks for, as ids of commits.

use bstr::{BString, ByteSlice};
use gix::ObjectId;

use crate::error::{Error, Result};
use crate::source::lookup::{Lookup, Lost};
use crate::source::pack::ObjectKind;
use crate::source::repository::{Ref, Repository};

/// A part of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// `A..B` or `A...B`.
    Range(String),
    /// What these branches have (none: HEAD), without what a revision has.
    Since(Option<String>, Vec<String>),
    /// What a push brings.
    Push(Push),
    /// What is staged: the next commit. Of the named files, if there are names, those that are not staged are scanned as
    /// they are on disk.
    Staged(Option<Vec<BString>>),
}

/// What a push brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// Refs and what they are to point to.
    pub updates: Vec<(BString, ObjectId)>,
    /// What the other side has already.
    pub known: Known,
}

/// What the other side of a push has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Everything that refs lead to: the hook runs there.
    Refs,
    /// What refs below this lead to, and these objects as far as they are here.
    Remote(BString, Vec<ObjectId>),
}

/// The ends of a range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// How it is called.
    pub name: String,
    /// Commits that lead into it.
    pub tips: Vec<ObjectId>,
    /// Commits that are not in it, with everything behind them.
    pub hidden: Vec<ObjectId>,
    /// Names of refs that come with it.
    pub names: Vec<BString>,
    /// Refs that are to lead to commits of it.
    pub refs: Vec<(BString, ObjectId)>,
    /// Annotated tags that come with it, with their bytes.
    pub tags: Vec<(ObjectId, Vec<u8>)>,
    /// Refs that lead to a tree or a file.
    pub others: Vec<(BString, ObjectKind, ObjectId)>,
}

impl Ends {
    /// Resolves what is asked for.
    pub fn of(repository: &Repository, lookup: &Lookup, selection: &Selection) -> Result<Self> {
        match selection {
            Selection::Range(text) => range(repository, lookup, text),
            Selection::Since(revision, branches) => since(repository, lookup, revision.as_deref(), branches),
            Selection::Push(push) => pushed(repository, lookup, push),
            Selection::Staged(_) => Ok(Self { name: "what is staged".into(), ..Self::default() }),
        }
    }

    /// The error for a range that holds nothing.
    pub fn empty(&self) -> Error {
        let same = self.tips.len() == 1 && self.tips == self.hidden;
        let why = match self.tips.first() {
            Some(id) if same => format!("both ends are commit {id}"),
            _ => "its end is behind its beginning".to_owned(),
        };
        Error::new(format!("{} holds no commit: {why}", self.name)).help(
            "nothing was scanned, so this is no all-clear: check the ends, or say --allow-empty-range if there may be \
             nothing to scan",
        )
    }
}

fn range(repository: &Repository, lookup: &Lookup, text: &str) -> Result<Ends> {
    let not_a_range = || {
        Error::new(format!("`{text}` is no range"))
            .help("write `A..B` (what B has and A has not) or `A...B` (the same since B branched off); --since A is `A..HEAD`")
    };
    let of = |revision: &str| {
        let revision = if revision.is_empty() { "HEAD" } else { revision };
        repository.commit(lookup, revision).map_err(|e| {
            let help = e.advice().unwrap_or_default().to_owned();
            Error::new(format!("the range `{text}` cannot be scanned: {e}")).help(help)
        })
    };
    let (from, to) = text.split_once("..").ok_or_else(not_a_range)?;
    let (to, merge_base) = to.strip_prefix('.').map_or((to, false), |to| (to, true));
    if (from.is_empty() && to.is_empty()) || to.contains("..") {
        return Err(not_a_range());
    }
    let (from, to) = (of(from)?, of(to)?);
    if merge_base {
        common(repository, lookup, text, from, to)?;
    }
    // Both spellings name the same commits: what B has and A has not is what came since they parted.
    Ok(Ends { name: format!("the range {text}"), tips: vec![to], hidden: vec![from], ..Ends::default() })
}

/// `A...B` makes sense only if the two have something in common.
fn common(repository: &Repository, lookup: &Lookup, text: &str, a: ObjectId, b: ObjectId) -> Result<()> {
    // A shallow clone may have cut it off; the walk will see that.
    if a == b || !repository.shallow().is_empty() {
        return Ok(());
    }
    let none = repository.shallow();
    let of_b = super::walk(lookup, &none, &[b], &[a]);
    let ids: std::collections::BTreeSet<_> = of_b.commits.iter().map(|c| c.id).collect();
    let parted = of_b.commits.iter().any(|c| c.data.parents.iter().any(|p| !ids.contains(p)));
    if parted || ids.is_empty() {
        return Ok(());
    }
    Err(Error::new(format!("the range `{text}` cannot be scanned: the two have no commit in common"))
        .help("write `A..B` to scan everything that B has and A has not"))
}

fn since(repository: &Repository, lookup: &Lookup, revision: Option<&str>, branches: &[String]) -> Result<Ends> {
    let hidden = revision.map(|r| repository.commit(lookup, r)).transpose()?;
    let named = if branches.is_empty() { &["HEAD".to_owned()] } else { branches };
    let mut ends = Ends { hidden: hidden.into_iter().collect(), ..Ends::default() };
    for name in named {
        ends.tips.push(repository.commit(lookup, name)?);
    }
    ends.tips.sort();
    ends.tips.dedup();
    ends.name = match (revision, branches) {
        (Some(revision), []) => format!("the range {revision}..HEAD"),
        (Some(revision), branches) => format!("what {} has since {revision}", branches.join(", ")),
        (None, branches) => format!("everything that {} leads to", branches.join(", ")),
    };
    Ok(ends)
}

fn pushed(repository: &Repository, lookup: &Lookup, push: &Push) -> Result<Ends> {
    let mut ends = Ends { name: "what this push adds".into(), ..Ends::default() };
    for (name, id) in &push.updates {
        let peeled = lookup.peel(*id).map_err(|lost| {
            Error::new(format!("{name} is to point to {id}: {lost}")).help("`git fsck` shows what is damaged")
        })?;
        ends.names.push(name.clone());
        ends.tags.extend(peeled.tags);
        match peeled.kind {
            ObjectKind::Commit => {
                ends.tips.push(peeled.id);
                ends.refs.push((name.clone(), peeled.id));
            }
            kind => ends.others.push((name.clone(), kind, peeled.id)),
        }
    }
    let refs: Vec<Ref> = repository.refs()?;
    let (known, others): (Vec<Ref>, &[ObjectId]) = match &push.known {
        Known::Refs => (refs.into_iter().filter(|r| r.name.starts_with_str("refs/")).collect(), &[]),
        Known::Remote(prefix, ids) => {
            let tracked = refs.into_iter().filter(|r| !prefix.is_empty() && r.name.starts_with(prefix));
            (tracked.collect(), ids)
        }
    };
    let mut tags: Vec<ObjectId> = others.to_vec();
    for known in known {
        // Elsewhere than here annotated tags are rare, and a hidden one costs nothing but time.
        let list = if known.name.starts_with_str("refs/tags/") { &mut tags } else { &mut ends.hidden };
        list.push(known.target);
    }
    for id in tags {
        match lookup.peel(id) {
            Ok(peeled) => {
                ends.tags.retain(|(tag, _)| !peeled.tags.iter().any(|(have, _)| have == tag));
                ends.hidden.extend((peeled.kind == ObjectKind::Commit).then_some(peeled.id));
            }
            // The other side may have what is not here.
            Err(Lost::Missing) => {}
            Err(lost) => {
                return Err(Error::new(format!("object {id}: {lost}")).help("`git fsck` shows what is damaged"));
            }
        }
    }
    for list in [&mut ends.tips, &mut ends.hidden] {
        list.sort();
        list.dedup();
    }
    ends.tags.sort();
    ends.tags.dedup();
    Ok(ends)
}
