//! A table of texts by their first three bytes.

use crate::detect::keys::Keys;

/// Texts by their first three bytes.
#[derive(Debug, Default)]
pub struct Trigrams(Keys<u32>);

impl Trigrams {
    /// Builds the table from texts of two bytes or more with their numbers. After a text of two bytes any byte may follow.
    pub fn new<'t>(texts: impl Iterator<Item = (&'t [u8], u32)>) -> Self {
        let mut keys = Vec::new();
        for (text, number) in texts {
            match *text {
                [a, b] => keys.extend((0..=255).map(|c| (key([a, b, c]), number))),
                [a, b, c, ..] => keys.push((key([a, b, c]), number)),
                _ => {}
            }
        }
        Self(Keys::new(keys))
    }

    /// Texts that begin with these bytes, as far as three bytes tell.
    #[inline]
    pub fn candidates(&self, bytes: [u8; 3]) -> impl Iterator<Item = u32> + '_ {
        self.0.get(key(bytes))
    }
}

#[inline]
fn key([a, b, c]: [u8; 3]) -> [u8; 4] {
    [a, b, c, 0]
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
