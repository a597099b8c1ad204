//! Going on where an earlier scan of the same packs ended.
//!
//! Of a pack that was scanned before, with the same rules, only the objects with something to report are decoded again.

use crate::cache::Store;
use crate::cache::wire::{Reader, Writer};
use crate::provenance::{Absent, CommitList, Trees, table};
use crate::source::objects::Objects;
use crate::source::pack::ObjectKind;

/// Packs with fewer objects are read faster than their record.
const LEAST: usize = 1_000;

/// What an earlier scan saw in a pack.
#[derive(Debug)]
pub(super) struct Known {
    /// Places in the index, sorted, of the objects with something to report.
    pub(super) loud: Vec<u32>,
    /// Blobs, commits, tags, and bytes of all of them.
    pub(super) counts: [u64; 4],
}

/// What this scan saw in a pack.
#[derive(Debug)]
pub(super) struct Seen {
    /// Nothing in it was lost.
    pub(super) sound: bool,
    /// Numbers of the objects with something to report.
    pub(super) loud: Vec<u32>,
    /// What was counted up to its end.
    pub(super) counted: [u64; 4],
}

/// What earlier scans kept of single packs.
#[derive(Debug, Default)]
pub(super) struct Resumed {
    /// Those that were read before.
    pub(super) packs: Vec<Option<Known>>,
    pub(super) commits: CommitList,
    pub(super) trees: Trees,
}

impl Resumed {
    /// Reads the records of all packs that have one, into trees of which the names may be known. Packs of which everything
    /// is known need none.
    pub(super) fn read(objects: &Objects, absent: &Absent, trees: Trees) -> Self {
        let mut resumed = Self { trees, ..Self::default() };
        for (at, pack) in objects.packs().iter().enumerate() {
            if pack.is_covered() {
                resumed.packs.push(Some(Known { loud: Vec::new(), counts: [0; 4] }));
                continue;
            }
            let known = pack.record().filter(|_| !objects.overlaps(at)).and_then(|record| {
                let mut reader = Reader::new(record);
                let mut counts = [0; 4];
                for count in &mut counts {
                    *count = reader.number()?;
                }
                let loud = reader.list()?;
                let (commits, trees) = (&mut resumed.commits, &mut resumed.trees);
                table::read(reader.bytes()?, objects, &objects.numbers_of(at), commits, trees, absent)?;
                Some(Known { loud, counts })
            });
            resumed.packs.push(known);
        }
        resumed
    }
}

/// About how many objects are still to be scanned.
pub(super) fn to_do(packs: &[Option<Known>], objects: &Objects) -> usize {
    let packs = objects.packs().iter().zip(packs).filter(|(_, known)| known.is_none());
    packs.map(|(pack, _)| pack.count(&|kind| kind != ObjectKind::Tree)).sum::<usize>() + objects.loose()
}

/// Keeps records of the packs that have none yet.
pub(super) fn save(
    objects: &Objects,
    store: &Store,
    known: &[bool],
    seen: &[Seen],
    commits: &CommitList,
    trees: &Trees,
) {
    let mut before = [0; 4];
    for (at, Seen { sound, loud, counted }) in seen.iter().enumerate() {
        let counts: [u64; 4] = std::array::from_fn(|n| counted[n] - before[n]);
        before = *counted;
        let pack = &objects.packs()[at];
        if known[at] || !sound || pack.len() < LEAST || objects.overlaps(at) {
            continue;
        }
        let range = objects.numbers_of(at);
        let Some(table) = table::write(objects, &range, commits, trees) else { continue };
        let mut writer = Writer::default();
        counts.into_iter().for_each(|count| writer.number(count));
        let mut places: Vec<u32> = loud.iter().map(|number| number - range.start).collect();
        places.sort_unstable();
        writer.list(places.into_iter());
        writer.bytes(&table);
        pack.save(store, &writer.into_bytes());
    }
}
