//! A table of texts by a few of their bytes: one bit tells whether there is any.

/// Bytes of a text that it is found by.
const KEY: usize = 4;

/// Values by four bytes.
#[derive(Debug)]
pub struct Keys<V> {
    /// One bit for each hash of a key.
    bits: Box<[u64; WORDS]>,
    /// How many bits are set before each word of them.
    before: Box<[u16; WORDS]>,
    /// For each set bit: where its keys begin in `keys`; and where the last ones end.
    starts: Vec<u32>,
    /// Keys with their values, sorted by hash, then key, then value.
    keys: Vec<(u32, V)>,
}

/// 64-bit words for the bits of all hashes.
const WORDS: usize = 1024;

impl<V> Default for Keys<V> {
    fn default() -> Self {
        Self { bits: Box::new([0; WORDS]), before: Box::new([0; WORDS]), starts: vec![0], keys: Vec::new() }
    }
}

impl<V: Copy + Ord> Keys<V> {
    /// Builds the table.
    pub fn new(keys: impl IntoIterator<Item = ([u8; KEY], V)>) -> Self {
        let mut keys: Vec<_> = keys.into_iter().map(|(key, value)| (u32::from_le_bytes(key), value)).collect();
        keys.sort_unstable_by_key(|&(key, value)| (hash(key), key, value));
        keys.dedup();
        let mut table = Self { keys, starts: Vec::new(), ..Self::default() };
        for (at, (key, _)) in table.keys.iter().enumerate() {
            let hash = hash(*key);
            let (word, bit) = (&mut table.bits[hash >> 6], 1 << (hash & 63));
            if *word & bit == 0 {
                *word |= bit;
                table.starts.push(at as u32);
            }
        }
        table.starts.push(table.keys.len() as u32);
        let mut count = 0;
        for (before, word) in table.before.iter_mut().zip(table.bits.iter()) {
            *before = count;
            count = count.saturating_add(word.count_ones() as u16);
        }
        table
    }

    /// May there be a key? Says yes wrongly for one in a hundred.
    #[inline(always)]
    pub fn may_have(&self, key: [u8; KEY]) -> bool {
        let hash = hash(u32::from_le_bytes(key));
        self.bits[hash >> 6] >> (hash & 63) & 1 == 1
    }

    /// The values of a key.
    #[inline]
    pub fn get(&self, key: [u8; KEY]) -> impl Iterator<Item = V> + '_ {
        let key = u32::from_le_bytes(key);
        self.same_hash(hash(key)).iter().filter(move |(k, _)| *k == key).map(|(_, value)| *value)
    }

    #[inline]
    fn same_hash(&self, hash: usize) -> &[(u32, V)] {
        let (word, bit) = (self.bits[hash >> 6], 1 << (hash & 63));
        if word & bit == 0 {
            return &[];
        }
        let at = usize::from(self.before[hash >> 6]) + (word & (bit - 1)).count_ones() as usize;
        &self.keys[self.starts[at] as usize..self.starts[at + 1] as usize]
    }
}

#[inline]
fn hash(key: u32) -> usize {
    (key.wrapping_mul(0x9e37_79b1) >> 16) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_put_in() {
        let table = Keys::new([(*b"abcd", 1), (*b"abcd", 2), (*b"abce", 3), (*b"abcd", 1)]);
        let found = |b| table.get(b).collect::<Vec<_>>();
        assert_eq!(found(*b"abcd"), [1, 2]);
        assert_eq!(found(*b"abce"), [3]);
        assert_eq!(found(*b"zzzz"), Vec::<i32>::new());
    }
}
