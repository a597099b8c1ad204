//! What provenance needs of a pack's commits and trees, as a record that later scans read instead of the pack.
//!
//! Objects of the pack are named by their place in its index; others, and those that no store has, by their id.

use std::collections::HashMap;
use std::ops::Range;

use gix::ObjectId;

use super::commits::{CommitList, Row};
use super::trees::{Absent, Item, NONE, Record, Trees};
use crate::cache::wire::{Reader, Writer};
use crate::source::objects::Objects;

/// Marks the numbers of ids in a record.
const ID: u32 = 1 << 31;

/// Numbers as they are in a record.
struct Portable<'a> {
    objects: &'a Objects,
    absent: &'a [ObjectId],
    range: Range<u32>,
    ids: Vec<ObjectId>,
    known: HashMap<u32, u32>,
}

impl Portable<'_> {
    fn code(&mut self, number: u32) -> u32 {
        if number == NONE {
            return NONE;
        }
        if self.range.contains(&number) {
            return number - self.range.start;
        }
        let (objects, absent, ids) = (self.objects, self.absent, &mut self.ids);
        ID | *self.known.entry(number).or_insert_with(|| {
            ids.push(match number.checked_sub(objects.len() as u32) {
                Some(at) => absent[at as usize],
                None => objects.id(number),
            });
            ids.len() as u32 - 1
        })
    }
}

/// Writes what was read of the pack whose objects have the numbers of `range`; `None` if something in it rests on what is
/// not in the pack.
pub fn write(objects: &Objects, range: &Range<u32>, commits: &CommitList, trees: &Trees) -> Option<Vec<u8>> {
    let (range, absent) = (range.clone(), trees.absent_ids());
    let mut portable = Portable { objects, absent, range: range.clone(), ids: Vec::new(), known: HashMap::new() };
    let mut writer = Writer::default();
    write_commits(commits, &range, &mut portable, &mut writer);
    write_trees(trees, &range, &mut portable, &mut writer)?;
    let ids: Vec<u8> = portable.ids.iter().flat_map(|id| id.as_bytes()).copied().collect();
    writer.bytes(&ids);
    Some(writer.into_bytes())
}

fn write_commits(commits: &CommitList, range: &Range<u32>, portable: &mut Portable<'_>, writer: &mut Writer) {
    let mut rows: Vec<&Row> = commits.rows.iter().filter(|row| range.contains(&row.object)).collect();
    rows.sort_unstable_by_key(|row| row.object);
    rows.dedup_by_key(|row| row.object);
    writer.list(rows.iter().map(|row| row.object - range.start));
    let trees: Vec<u32> = rows.iter().map(|row| portable.code(row.tree)).collect();
    writer.list(trees.into_iter());
    writer.list(rows.iter().map(|row| row.time as u32));
    writer.list(rows.iter().map(|row| (row.time >> 32) as u32));
    writer.list(rows.iter().map(|row| row.parents));
    let parents: Vec<u32> =
        rows.iter().flat_map(|row| commits.parents_of(row)).map(|parent| portable.code(*parent)).collect();
    writer.list(parents.into_iter());
}

fn write_trees(trees: &Trees, range: &Range<u32>, portable: &mut Portable<'_>, writer: &mut Writer) -> Option<()> {
    let mut places = vec![NONE; trees.records.len()];
    let mut own: Vec<(&Record, u32)> = Vec::new();
    for (at, record) in trees.records.iter().enumerate() {
        if range.contains(&record.object) {
            let base = if record.base == NONE { NONE } else { places[record.base as usize] };
            if record.base != NONE && base == NONE {
                return None;
            }
            places[at] = own.len() as u32;
            // As the way back to the base.
            own.push((record, if base == NONE { 0 } else { places[at] - base }));
        }
    }
    writer.list(own.iter().map(|(record, _)| record.object - range.start));
    writer.list(own.iter().map(|(_, back)| *back));
    writer.list(own.iter().map(|(record, _)| record.removed));
    writer.list(own.iter().map(|(record, _)| record.added));
    let items: Vec<Item> = own.iter().flat_map(|(record, _)| trees.changes_of(record)).copied().collect();
    let mut names: HashMap<u32, u32> = HashMap::new();
    let mut text = Vec::new();
    let mut numbers = Vec::with_capacity(items.len());
    for item in &items {
        let next = names.len() as u32;
        numbers.push(*names.entry(item.name).or_insert_with(|| {
            text.extend_from_slice(&trees.names()[item.name as usize]);
            text.push(0);
            next
        }));
    }
    writer.list(numbers.into_iter());
    writer.bytes(&text);
    let objects: Vec<u32> = items.iter().map(|item| portable.code(item.object)).collect();
    writer.list(objects.into_iter());
    Some(())
}

/// Reads a record of the pack whose objects have the numbers of `range` into the lists. `None`, and nothing is added, if it
/// is none.
pub fn read(
    record: &[u8],
    objects: &Objects,
    range: &Range<u32>,
    commits: &mut CommitList,
    trees: &mut Trees,
    absent: &Absent,
) -> Option<()> {
    let mut reader = Reader::new(record);
    let [own, of_trees, low, high, counts, parents] = reader.lists()?;
    let [tree_objects, back, removed, added, names] = reader.lists()?;
    let text = reader.bytes()?;
    let [items] = reader.lists()?;
    let ids = reader.bytes()?;

    let len = objects.hash().len_in_bytes();
    let ids = ids.chunks(len).map(|id| Some(absent.number(objects, &ObjectId::try_from(id).ok()?)));
    let ids: Vec<u32> = ids.collect::<Option<_>>()?;
    let number = |code: u32| match code {
        NONE => Some(NONE),
        code if code & ID != 0 => ids.get((code ^ ID) as usize).copied(),
        code => (code < range.end - range.start).then(|| range.start + code),
    };
    let numbers = |codes: Vec<u32>| codes.into_iter().map(number).collect::<Option<Vec<u32>>>();
    let list = CommitList::from_parts(numbers(own)?, numbers(of_trees)?, &[low, high], &counts, numbers(parents)?)?;
    let names: Option<Vec<&[u8]>> = {
        let all: Vec<&[u8]> = text.split(|b| *b == 0).collect();
        names.into_iter().map(|name| all.get(name as usize).copied()).collect()
    };
    let added = trees.add(numbers(tree_objects)?, [&back, &removed, &added], &names?, &numbers(items)?);
    added.map(|()| commits.append(list))
}
