//! A table of texts by a few of their bytes: one bit tells whether there is any.

/// Bytes of a text that it is found by.
const KEY: usize = 4;

/// Values by four bytes.
#[derive(Debug)]
pub struct Keys<V> {
    /// One bit for each hash of a key.
    bits: Box<[u64; 1024]>,
    /// Keys with their values, sorted.
    keys: Vec<(u32, V)>,
}

impl<V> Default for Keys<V> {
    fn default() -> Self {
        Self { bits: Box::new([0; 1024]), keys: Vec::new() }
    }
}

impl<V: Copy + Ord> Keys<V> {
    /// Builds the table.
    pub fn new(keys: impl IntoIterator<Item = ([u8; KEY], V)>) -> Self {
        let mut keys: Vec<_> = keys.into_iter().map(|(key, value)| (u32::from_le_bytes(key), value)).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut bits = Box::new([0; 1024]);
        for (key, _) in &keys {
            let hash = hash(*key);
            bits[hash >> 6] |= 1 << (hash & 63);
        }
        Self { bits, keys }
    }

    /// The values of a key.
    #[inline]
    pub fn get(&self, key: [u8; KEY]) -> impl Iterator<Item = V> + '_ {
        let key = u32::from_le_bytes(key);
        let hash = hash(key);
        let from = if self.bits[hash >> 6] >> (hash & 63) & 1 == 1 {
            self.keys.partition_point(|(k, _)| *k < key)
        } else {
            self.keys.len()
        };
        self.keys[from..].iter().take_while(move |(k, _)| *k == key).map(|(_, value)| *value)
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
