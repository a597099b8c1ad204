//! Tables by which ids and offsets are found in one step.

use gix::odb::pack::index;

/// Where the ids of an index begin that share their first bits: so many bits that a look-up reads one or two ids, where the
/// 256 places of the index itself leave a dozen steps, each to another page.
pub(super) struct Fan {
    shift: u32,
    starts: Vec<u32>,
}

impl Fan {
    pub(super) fn new(index: &index::File<gix::odb::pack::MMap>) -> Self {
        let bits = index.num_objects().max(2).ilog2().min(24);
        let shift = 32 - bits;
        let mut starts = vec![0; (1 << bits) + 1];
        for at in 0..index.num_objects() {
            starts[Self::bucket(shift, index.oid_at_index(at)) + 1] = at + 1;
        }
        // Buckets without an id begin where the next one begins.
        let mut last = 0;
        for start in &mut starts {
            last = last.max(*start);
            *start = last;
        }
        Self { shift, starts }
    }

    fn bucket(shift: u32, id: &gix::oid) -> usize {
        let first = id.as_bytes().first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
        (first >> shift) as usize
    }

    pub(super) fn range(&self, id: &gix::oid) -> std::ops::Range<u32> {
        let bucket = Self::bucket(self.shift, id);
        self.starts[bucket]..self.starts[bucket + 1]
    }
}

/// Where in the order of a pack the entries begin whose offsets share all but their last bits: so few that a look-up sees one
/// or two entries, where a search by halves touches a dozen.
#[derive(Default)]
pub(super) struct Places {
    shift: u32,
    starts: Vec<u32>,
}

impl Places {
    /// `offsets` are in ascending order, and below `end`.
    pub(super) fn new(offsets: impl ExactSizeIterator<Item = u64>, end: u64) -> Self {
        let count = offsets.len() as u32;
        let shift = (end / u64::from(count.max(1))).max(1).ilog2();
        let mut starts = Vec::with_capacity((end >> shift) as usize + 2);
        for (at, offset) in (0..).zip(offsets) {
            // Offsets behind the end stand in a damaged index.
            let bucket = (offset.min(end) >> shift) as usize;
            if starts.len() <= bucket {
                starts.resize(bucket + 1, at);
            }
        }
        starts.push(count);
        Self { shift, starts }
    }

    /// The place of an offset, if an entry begins there; `offset_at` gives the offset at a place.
    pub(super) fn find(&self, offset: u64, offset_at: impl Fn(usize) -> u64) -> Option<u32> {
        let bucket = usize::try_from(offset >> self.shift).ok()?;
        let (from, to) = (*self.starts.get(bucket)?, *self.starts.get(bucket + 1)?);
        (from..to).find(|at| offset_at(*at as usize) == offset)
    }
}
