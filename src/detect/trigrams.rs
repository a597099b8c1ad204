//! A table of texts by their first three bytes: one bit tells whether any text could begin at a place.

/// Texts by their first three bytes.
#[derive(Debug)]
pub struct Trigrams {
    /// One bit for each hash of three bytes that a text begins with.
    bits: Box<[u64; 1024]>,
    /// Three bytes with the text they belong to, sorted.
    keys: Vec<(u32, u32)>,
}

impl Default for Trigrams {
    fn default() -> Self {
        Self { bits: Box::new([0; 1024]), keys: Vec::new() }
    }
}

impl Trigrams {
    /// Builds the table from texts of two bytes or more with their numbers. After a text of two bytes any byte may follow.
    pub fn new<'t>(texts: impl Iterator<Item = (&'t [u8], u32)>) -> Self {
        let mut table = Self::default();
        for (text, number) in texts {
            match *text {
                [a, b] => (0..=255).for_each(|c| table.insert(key([a, b, c]), number)),
                [a, b, c, ..] => table.insert(key([a, b, c]), number),
                _ => {}
            }
        }
        table.keys.sort_unstable();
        table.keys.dedup();
        table
    }

    fn insert(&mut self, key: u32, number: u32) {
        let hash = hash(key);
        self.bits[hash >> 6] |= 1 << (hash & 63);
        self.keys.push((key, number));
    }

    /// Texts that begin with these bytes, as far as three bytes tell.
    #[inline]
    pub fn candidates(&self, bytes: [u8; 3]) -> impl Iterator<Item = u32> + '_ {
        let key = key(bytes);
        let hash = hash(key);
        let from = if self.bits[hash >> 6] >> (hash & 63) & 1 == 1 {
            self.keys.partition_point(|(k, _)| *k < key)
        } else {
            self.keys.len()
        };
        self.keys[from..].iter().take_while(move |(k, _)| *k == key).map(|(_, number)| *number)
    }
}

#[inline]
fn key(bytes: [u8; 3]) -> u32 {
    u32::from(bytes[0]) | u32::from(bytes[1]) << 8 | u32::from(bytes[2]) << 16
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
        let texts: [&[u8]; 4] = [b"ab", b"abc", b"abd", b"xyz1"];
        let table = Trigrams::new(texts.iter().enumerate().map(|(i, t)| (*t, i as u32)));
        let found = |b| table.candidates(b).collect::<Vec<_>>();
        assert_eq!(found(*b"abc"), [0, 1]);
        assert_eq!(found(*b"abz"), [0]);
        assert_eq!(found(*b"xyz"), [3]);
        assert_eq!(found(*b"zzz"), Vec::<u32>::new());
    }
}
