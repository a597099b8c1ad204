//! What a scan keeps of the entries of a pack, so that a later one need not read their headers.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::places::Places;
use super::{Entry, NONE, OUTSIDE, ObjectKind, Pack};
use crate::cache::Store;
use crate::cache::wire::{Reader, Writer};

/// What names the record of a pack: the checksums at the end of its two files, their sizes, and the time of its index. The
/// time of the pack itself says nothing: git sets it whenever an object that it holds would have been written again.
pub(in crate::source) fn record_key(index_path: &Path, hash: gix::hash::Kind) -> Option<Vec<u8>> {
    let mut key = Vec::new();
    for path in [&index_path.with_extension("pack"), index_path] {
        let mut file = File::open(path).ok()?;
        key.extend(file.metadata().ok()?.len().to_le_bytes());
        file.seek(SeekFrom::End(-(hash.len_in_bytes() as i64))).ok()?;
        file.read_to_end(&mut key).ok()?;
    }
    let changed = index_path.metadata().ok()?.modified().ok()?;
    key.extend(changed.duration_since(std::time::UNIX_EPOCH).ok()?.as_nanos().to_le_bytes());
    Some(key)
}

impl Pack {
    /// Opens a pack that an earlier scan kept a record of: it was sound then.
    pub(in crate::source) fn recorded(index_path: &Path, hash: gix::hash::Kind, store: &Store) -> Option<Self> {
        let key = record_key(index_path, hash)?;
        let record = store.load("pack", &key)?;
        let mut pack = Self::map(index_path, &index_path.with_extension("pack"), hash).ok()?;
        let mut reader = Reader::new(&record);
        pack.entries = pack.recorded_entries(&mut reader)?;
        pack.places = Places::new(pack.entries.iter().map(|e| e.offset), pack.data.pack_end() as u64);
        pack.record = Some(reader.bytes()?.to_vec());
        pack.link();
        Some(pack)
    }

    /// What names its record.
    pub(in crate::source) fn key(&self) -> Option<Vec<u8>> {
        record_key(&self.index_path(), self.index.object_hash())
    }

    /// Where its index is, if none had to be made.
    pub(in crate::source) fn index_path(&self) -> PathBuf {
        self.path.with_extension("idx")
    }

    /// What an earlier scan kept beside the entries.
    pub fn record(&self) -> Option<&[u8]> {
        self.record.as_deref()
    }

    /// Keeps a record for later scans. Packs that are odd in some way are read anew each time.
    pub fn save(&self, store: &Store, record: &[u8]) {
        if let (Some(key), Some(entries)) = (self.key(), self.entries_record()) {
            let mut writer = entries;
            writer.bytes(record);
            store.save("pack", &key, &writer.into_bytes());
        }
    }

    /// The entries as a record; `None` if one of them is unusual: without a base, with one outside, 4 GiB large.
    fn entries_record(&self) -> Option<Writer> {
        let sizes: Vec<u32> = self.entries.iter().map(|e| u32::try_from(e.size).ok()).collect::<Option<_>>()?;
        if self.entries.iter().any(|e| e.kind.is_none() && e.base >= OUTSIDE) {
            return None;
        }
        let mut writer = Writer::default();
        let entries = || self.entries.iter();
        writer.list(entries().map(|e| e.position));
        writer.list(
            entries().enumerate().map(|(at, e)| if e.base == NONE { 0 } else { (at as u32).wrapping_sub(e.base) }),
        );
        writer.list(sizes.into_iter());
        let kind = |e: &Entry| e.kind.map_or(0, |kind| 1 + kind as u32);
        writer.list(entries().map(|e| (e.data - e.offset) as u32 * 8 + kind(e)));
        Some(writer)
    }

    fn recorded_entries(&self, reader: &mut Reader<'_>) -> Option<Vec<Entry>> {
        let (positions, back, sizes, heads) = (reader.list()?, reader.list()?, reader.list()?, reader.list()?);
        let count = self.index.num_objects();
        if [positions.len(), back.len(), sizes.len(), heads.len()] != [count as usize; 4] {
            return None;
        }
        let mut entries: Vec<Entry> = Vec::with_capacity(positions.len());
        for (at, &position) in positions.iter().enumerate() {
            let offset = (position < count).then(|| self.index.pack_offset_at_index(position))?;
            if entries.last().is_some_and(|last| last.offset >= offset) {
                return None;
            }
            let kind = match heads[at] % 8 {
                0 => None,
                n => Some(*ObjectKind::ALL.get(n as usize - 1)?),
            };
            let base = match (kind, back[at]) {
                (Some(_), _) => NONE,
                (None, steps) => (at as u32).wrapping_sub(steps),
            };
            if kind.is_none() && base >= count {
                return None;
            }
            let data = offset + u64::from(heads[at] / 8);
            entries.push(Entry {
                offset,
                data,
                size: sizes[at].into(),
                position,
                base,
                first_child: NONE,
                sibling: NONE,
                kind,
            });
        }
        Some(entries)
    }
}
