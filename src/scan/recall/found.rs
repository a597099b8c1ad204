//! Where the matches of a history stand, in tables of numbers.
//!
//! Matches are grouped by secret, and the sightings of a group by what reports say of them beside the place. For each
//! group a few matches are named that tell all about it, and for each class of sightings one that tells what they have in
//! common; a later scan reads the objects of these.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use bstr::BString;
use rayon::prelude::*;

use super::hidden::Hidden;
use crate::cache::wire::{Reader, Writer};
use crate::detect::Detector;
use crate::detect::incremental::Memo;
use crate::finding::Position;
use crate::scan::collect::{Collected, Entry, Key, Sighting, Sink, Source, Spot, Tally, Witness};
use crate::scan::visit::look;
use crate::scan::{Options, large};
use crate::source::objects::Objects;
use crate::source::pack::ObjectKind;
use crate::source::walk::Object;

/// A match: the number of its object, and its own number there.
pub(super) type At = (u32, u32);

/// A secret under one rule.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) rule: u32,
    pub(super) len: u32,
    /// Matches that tell all about it.
    pub(super) witnesses: Vec<At>,
    /// How many classes of sightings it has; none if it is only counted.
    classes: u32,
}

/// A place of a secret: its class, the number of the object, and five numbers of its position.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    class: u32,
    object: u32,
    position: [u32; 5],
    /// Where its other half stands, and one; or 0.
    pair: u32,
}

/// What a record says of matches.
#[derive(Debug, Default)]
pub(in crate::scan) struct Tables {
    groups: Vec<Group>,
    /// A sighting of each class.
    classes: Vec<At>,
    places: Vec<Place>,
    /// Objects with something to say that is no finding.
    odd: Vec<u32>,
    /// What is only counted.
    tally: Tally,
    spots: Spots,
}

/// Where in objects that are read again the hits stand that have something to tell; for the others of them that is not known.
type Spots = BTreeMap<u32, Vec<u32>>;

/// What sightings have in common that are told alike, as texts and numbers.
type Class<'s> =
    (ObjectKind, &'s Option<BString>, bool, &'s [&'static str], Option<(&'s str, [usize; 2])>, Allowed<'s>);
type Allowed<'s> = (Option<(&'s str, Option<&'s str>)>, Option<usize>);

fn class(kind: ObjectKind, sighting: &Sighting) -> Class<'_> {
    let Sighting { member, binary, via, excerpt, allowed, pair, .. } = sighting;
    let excerpt = excerpt.as_ref().map(|e| (e.text.as_str(), [e.caret.start, e.caret.end]));
    let allowed = allowed.as_ref().map(|a| (a.by.as_str(), a.reason.as_deref()));
    (kind, member, *binary, via, excerpt, (allowed, pair.map(|(rule, _)| rule)))
}

/// The numbers of a position.
fn numbers(position: &Position) -> Option<[u32; 5]> {
    let Position { offset, line, column, end_line, end_column } = *position;
    let mut all = [0; 5];
    for (to, from) in all.iter_mut().zip([offset, line, column, end_line, end_column]) {
        *to = u32::try_from(from).ok()?;
    }
    Some(all)
}

impl Tables {
    /// Makes tables of all that was found in packs; `None` if it cannot be told in numbers.
    pub(in crate::scan) fn of(
        found: &Collected,
        objects: &Objects,
        mut odd: Vec<u32>,
        detector: &Detector,
        options: &Options,
    ) -> Option<Self> {
        odd.sort_unstable();
        odd.dedup();
        found.with_entries(|entries| {
            let mut tables = Self { odd, ..Self::default() };
            // Which sightings stand for their class, and which tells of the secret, is chosen so that few objects have to
            // be read.
            let (mut classes, mut tellers): (Vec<Vec<At>>, Vec<Vec<At>>) = (Vec::new(), Vec::new());
            for (key, entry) in entries {
                if entry.sightings.is_empty() {
                    tables.tally.add(detector.rules(), key, entry);
                }
                let before = classes.len();
                tellers.push(tables.add_sightings(entry, objects, &mut classes)?);
                let witness = |(id, ordinal): &Witness| Some((objects.number(id)?, *ordinal));
                let witnesses: Vec<At> = entry.witnesses.iter().map(witness).collect::<Option<_>>()?;
                tables.groups.push(Group {
                    rule: key.0 as u32,
                    len: key.1.len() as u32,
                    witnesses: Some(witnesses).filter(|all| !all.is_empty())?,
                    classes: (classes.len() - before) as u32,
                });
            }
            tables.choose(&classes, &tellers);
            tables.places.sort_unstable();
            tables.spots = spots(tables.told_by(), objects, detector, options);
            Some(tables)
        })
    }

    /// Adds the sightings of a secret; gives those that tell all about it.
    fn add_sightings(&mut self, entry: &Entry, objects: &Objects, classes: &mut Vec<Vec<At>>) -> Option<Vec<At>> {
        let digest = entry.digest();
        let mut tellers = Vec::new();
        let mut own: BTreeMap<Class<'_>, Vec<(u32, &Sighting)>> = BTreeMap::new();
        for sighting in &entry.sightings {
            let Spot::Object(kind, id) = &sighting.spot else { return None };
            own.entry(class(*kind, sighting)).or_default().push((objects.number(id)?, sighting));
        }
        for sightings in own.into_values() {
            let class = classes.len() as u32;
            classes.push(sightings.iter().map(|(object, s)| (*object, s.ordinal)).collect());
            for (object, sighting) in sightings {
                let pair = sighting.pair.map_or(Some(0), |(_, at)| u32::try_from(at + 1).ok())?;
                self.places.push(Place { class, object, position: numbers(&sighting.position)?, pair });
                tellers.extend((sighting.telling == digest).then_some((object, sighting.ordinal)));
            }
        }
        Some(tellers)
    }

    /// Chooses a sighting of each class, and one that tells all about each group that has such; in objects that are read
    /// anyway, or that have many of them.
    fn choose(&mut self, classes: &[Vec<At>], tellers: &[Vec<At>]) {
        let untold = self.groups.iter().zip(tellers).filter(|(group, of)| group.classes > 0 && of.is_empty());
        let mut chosen: BTreeSet<u32> =
            untold.flat_map(|(group, _)| &group.witnesses).map(|(object, _)| *object).collect();
        chosen.extend(&self.odd);
        let wanted: Vec<&[At]> = classes.iter().chain(tellers).map(Vec::as_slice).collect();
        cover(&wanted, &mut chosen);
        let pick = |some: &Vec<At>| some.iter().find(|(object, _)| chosen.contains(object)).copied();
        self.classes = classes.iter().filter_map(pick).collect();
        for (group, tellers) in self.groups.iter_mut().zip(tellers) {
            if let Some(at) = pick(tellers) {
                group.witnesses = vec![at];
            }
        }
    }

    /// The same with other numbers for the objects.
    pub(super) fn renumber(&mut self, numbers: &[u32]) {
        let number = |object: &mut u32| *object = numbers[*object as usize];
        let witnesses = self.groups.iter_mut().flat_map(|group| &mut group.witnesses);
        witnesses.chain(&mut self.classes).for_each(|(object, _)| number(object));
        self.places.iter_mut().for_each(|place| number(&mut place.object));
        self.odd.iter_mut().for_each(number);
        let spots = std::mem::take(&mut self.spots).into_iter();
        self.spots = spots.filter_map(|(object, places)| Some((*numbers.get(object as usize)?, places))).collect();
    }

    /// The objects that tell of all that is shown.
    fn told_by(&self) -> BTreeSet<u32> {
        let shown = self.groups.iter().filter(|group| group.classes > 0);
        let witnesses = shown.flat_map(|group| &group.witnesses).chain(&self.classes).map(|(object, _)| *object);
        witnesses.chain(self.odd.iter().copied()).collect()
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        let groups = || self.groups.iter();
        writer.list(groups().map(|group| group.rule));
        writer.list(groups().map(|group| group.len));
        writer.list(groups().map(|group| group.classes));
        writer.list(groups().map(|group| group.witnesses.len() as u32));
        let witnesses: Vec<At> = groups().flat_map(|group| &group.witnesses).copied().collect();
        for list in [&witnesses, &self.classes] {
            writer.list(list.iter().map(|(object, _)| *object));
            writer.list(list.iter().map(|(_, ordinal)| *ordinal));
        }
        writer.list(self.places.iter().map(|place| place.class));
        writer.list(self.places.iter().map(|place| place.object));
        (0..5).for_each(|n| writer.list(self.places.iter().map(|place| place.position[n])));
        writer.list(self.places.iter().map(|place| place.pair));
        writer.list(self.odd.iter().copied());
        writer.list(self.spots.keys().copied());
        writer.list(self.spots.values().map(|places| places.len() as u32));
        let spots: Vec<u32> = self.spots.values().flatten().copied().collect();
        writer.list(spots.into_iter());
        self.tally.0.iter().for_each(|count| writer.number(*count));
    }

    /// Reads tables about so many objects.
    pub(super) fn read(reader: &mut Reader<'_>, objects: u32) -> Option<Self> {
        let [rules, lens, classes, counts, of_witnesses, ordinals, of_classes, of_class] = reader.lists()?;
        let [place_classes, place_objects, offsets, lines, columns, end_lines, end_columns, pairs, odd] =
            reader.lists()?;
        let [of_spots, spot_counts, all_spots] = reader.lists()?;
        let groups = rules.len();
        let all = [&of_witnesses, &of_classes, &place_objects, &odd];
        if [lens.len(), classes.len(), counts.len()] != [groups; 3]
            || of_spots.len() != spot_counts.len()
            || of_witnesses.len() != ordinals.len()
            || of_classes.len() != of_class.len()
            || [&place_objects, &offsets, &lines, &columns, &end_lines, &end_columns, &pairs]
                .iter()
                .any(|list| list.len() != place_classes.len())
            || all.into_iter().flatten().any(|number| *number >= objects)
            || place_classes.iter().any(|class| *class as usize >= of_classes.len())
            || classes.iter().map(|n| u64::from(*n)).sum::<u64>() != of_classes.len() as u64
        {
            return None;
        }
        let mut witnesses = of_witnesses.into_iter().zip(ordinals);
        let mut group = |at: usize| {
            let own: Vec<At> = witnesses.by_ref().take(counts[at] as usize).collect();
            let whole = !own.is_empty() && own.len() == counts[at] as usize;
            whole.then(|| Group { rule: rules[at], len: lens[at], witnesses: own, classes: classes[at] })
        };
        let groups = (0..groups).map(&mut group).collect::<Option<_>>()?;
        let place = |at: usize| Place {
            class: place_classes[at],
            object: place_objects[at],
            position: [offsets[at], lines[at], columns[at], end_lines[at], end_columns[at]],
            pair: pairs[at],
        };
        let places = (0..place_classes.len()).map(place).collect();
        let mut rest = all_spots.into_iter();
        let spots = of_spots.into_iter().zip(spot_counts);
        let spots = spots.map(|(object, count)| (object, rest.by_ref().take(count as usize).collect())).collect();
        let mut tally = Tally::default();
        for count in &mut tally.0 {
            *count = reader.number()?;
        }
        Some(Self { groups, classes: of_classes.into_iter().zip(of_class).collect(), places, odd, tally, spots })
    }

    /// Finds all that was found, by the objects that tell of it: what is shown goes to `found`, the rest is given back. `None`
    /// if an object does not say what it said.
    pub(in crate::scan) fn revive(
        self,
        objects: &Objects,
        detector: &Detector,
        options: &Options,
        found: &Collected,
    ) -> Option<Hidden> {
        let shown = || self.groups.iter().filter(|group| group.classes > 0);
        let read = Read::new(self.told_by(), &self.spots, objects, detector, options)?;
        let mut class = 0;
        let mut place = 0;
        let mut told = Vec::with_capacity(self.groups.len());
        for group in shown() {
            let key = read.key(group)?;
            let mut entry = read.entry(group, &key)?;
            for _ in 0..group.classes {
                let end = place + self.places[place..].iter().take_while(|p| p.class == class).count();
                let at = self.classes[class as usize];
                read.sightings(at, &key, &self.places[place..end], objects, &mut entry.sightings)?;
                (class, place) = (class + 1, end);
            }
            told.push((key, entry));
        }
        let known = told.iter().map(|(key, _)| key.clone()).collect();
        told.into_iter().for_each(|(key, entry)| found.put(key, entry));
        read.sinks.into_values().for_each(|sink| found.merge_remarks(sink));
        let hidden = self.groups.into_iter().filter(|group| group.classes == 0).collect();
        Some(Hidden::new(known, hidden, self.tally))
    }
}

/// Looks into objects for where their hits stand that have something to tell.
fn spots(of: BTreeSet<u32>, objects: &Objects, detector: &Detector, options: &Options) -> Spots {
    let of: Vec<u32> = of.into_iter().collect();
    let look = |number: u32| {
        let (_, memo) = again(number, None, objects, detector, options)?;
        let places = memo.places()?.into_iter();
        Some((number, places.map(|at| u32::try_from(at).ok()).collect::<Option<Vec<u32>>>()?))
    };
    let found: Vec<(u32, Vec<u32>)> = of.into_par_iter().filter_map(look).collect();
    found.into_iter().collect()
}

/// Reads an object again; `places` are those of its hits that have something to tell, if they are known.
fn again<'d>(
    number: u32,
    places: Option<Vec<u32>>,
    objects: &Objects,
    detector: &'d Detector,
    options: &'d Options,
) -> Option<(Sink<'d>, Memo)> {
    let id = objects.id(number);
    let mut sink = Sink::new(detector, options);
    (sink.trail, sink.places) = (Some(Vec::new()), places);
    if let Some(content) = objects.large(&id) {
        let scanned = large::scan_or_nothing(&mut sink, content, &Source::Object(ObjectKind::Blob, id));
        if scanned.is_some() {
            return Some((sink, Memo::opaque()));
        }
        sink.trail = Some(Vec::new());
    }
    let (kind, bytes) = objects.get(&id)?;
    let (id, bytes) = (id.as_ref(), bytes.as_slice());
    let object = Object { kind, id, number: None, bytes, base: None, is_base: false, seen: false, known: true };
    let memo = look(&mut sink, &object);
    Some((sink, memo))
}

/// Chooses objects until each list has one of them: always the one that the most lists want that have none yet.
fn cover(wanted: &[&[At]], chosen: &mut BTreeSet<u32>) {
    let has = |some: &[At]| some.is_empty() || some.iter().any(|(object, _)| chosen.contains(object));
    let mut done: Vec<bool> = wanted.iter().map(|some| has(some)).collect();
    let mut lists_of: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
    for (list, some) in wanted.iter().enumerate().filter(|(list, _)| !done[*list]) {
        for (object, _) in *some {
            lists_of.entry(*object).or_default().insert(list);
        }
    }
    let mut heap: BinaryHeap<(usize, u32)> = lists_of.iter().map(|(object, lists)| (lists.len(), *object)).collect();
    while let Some((gain, object)) = heap.pop() {
        let open: Vec<usize> = lists_of[&object].iter().copied().filter(|list| !done[*list]).collect();
        match open.len() {
            0 => {}
            // Others were chosen meanwhile.
            less if less < gain => heap.push((less, object)),
            _ => {
                chosen.insert(object);
                open.into_iter().for_each(|list| done[list] = true);
            }
        }
    }
}

/// Objects that were read again, by their numbers, with all that is in them.
pub(super) struct Read<'d> {
    sinks: BTreeMap<u32, Sink<'d>>,
}

impl<'d> Read<'d> {
    /// Reads objects; `None` if one of them cannot be read.
    pub(super) fn new(
        numbers: BTreeSet<u32>,
        spots: &Spots,
        objects: &Objects,
        detector: &'d Detector,
        options: &'d Options,
    ) -> Option<Self> {
        let read =
            |number: u32| Some((number, again(number, spots.get(&number).cloned(), objects, detector, options)?.0));
        let numbers: Vec<u32> = numbers.into_iter().collect();
        let sinks: Option<Vec<(u32, Sink<'d>)>> = numbers.into_par_iter().map(read).collect();
        Some(Self { sinks: sinks?.into_iter().collect() })
    }

    fn key_at(&self, (object, ordinal): At) -> Option<&Key> {
        self.sinks.get(&object)?.trail.as_ref()?.get(ordinal as usize)
    }

    /// The secret of a group.
    pub(super) fn key(&self, group: &Group) -> Option<Key> {
        let key = self.key_at(*group.witnesses.first()?)?;
        (key.0 == group.rule as usize && key.1.len() == group.len as usize).then(|| key.clone())
    }

    /// All about a group but its sightings.
    pub(super) fn entry(&self, group: &Group, key: &Key) -> Option<Entry> {
        let mut all =
            group.witnesses.iter().map(|(object, _)| Some(self.sinks.get(object)?.entry(key)?.without_sightings()));
        let mut entry = all.next()??;
        for other in all {
            entry.join(other?);
        }
        Some(entry)
    }

    /// Makes the sightings of a class from the one that stands for it.
    fn sightings(
        &self,
        at: At,
        key: &Key,
        places: &[Place],
        objects: &Objects,
        sightings: &mut Vec<Sighting>,
    ) -> Option<()> {
        let mut own = self.sinks.get(&at.0)?.entry(key)?.sightings.iter();
        let model = own.find(|sighting| sighting.ordinal == at.1)?;
        let Spot::Object(kind, _) = model.spot else { return None };
        let position = numbers(&model.position)?;
        if !places.iter().any(|place| place.object == at.0 && place.position == position) {
            return None;
        }
        sightings.extend(places.iter().map(|place| {
            let [offset, line, column, end_line, end_column] = place.position.map(|n| n as usize);
            Sighting {
                spot: Spot::Object(kind, objects.id(place.object)),
                position: Position { offset, line, column, end_line, end_column },
                pair: model.pair.map(|(rule, _)| (rule, place.pair.saturating_sub(1) as usize)),
                ..model.clone()
            }
        }));
        Some(())
    }
}
