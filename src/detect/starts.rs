//! A table of texts by their first bytes.

use crate::detect::keys::Keys;

/// Texts by their first four bytes, or three where they have no more.
#[derive(Debug, Default)]
pub struct Starts {
    short: Keys<u32>,
    long: Keys<u32>,
}

impl Starts {
    /// Builds the table from texts of two bytes or more with their numbers. After a text of two bytes any byte may follow.
    pub fn new<'t>(texts: impl Iterator<Item = (&'t [u8], u32)>) -> Self {
        let (mut short, mut long) = (Vec::new(), Vec::new());
        for (text, number) in texts {
            match *text {
                [a, b] => short.extend((0..=255).map(|c| (three([a, b, c, 0]), number))),
                [a, b, c] => short.push((three([a, b, c, 0]), number)),
                [a, b, c, d, ..] => long.push(([a, b, c, d], number)),
                _ => {}
            }
        }
        Self { short: Keys::new(short), long: Keys::new(long) }
    }

    /// May a text begin with these bytes?
    #[inline(always)]
    pub fn may_begin(&self, four: [u8; 4]) -> bool {
        self.long.may_have(four) || self.short.may_have(three(four))
    }

    /// Texts that begin with these bytes, as far as these tell.
    #[inline]
    pub fn candidates(&self, four: [u8; 4]) -> impl Iterator<Item = u32> + '_ {
        self.short.get(three(four)).chain(self.long.get(four))
    }
}

#[inline(always)]
fn three([a, b, c, _]: [u8; 4]) -> [u8; 4] {
    [a, b, c, 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_put_in() {
        let texts: [&[u8]; 5] = [b"ab", b"abc", b"abd", b"xyz1", b"xyz12"];
        let table = Starts::new(texts.iter().enumerate().map(|(i, t)| (*t, i as u32)));
        for (bytes, want) in
            [(b"abcd", vec![0, 1]), (b"abz1", vec![0]), (b"xyz1", vec![3, 4]), (b"xyz2", vec![]), (b"zzzz", vec![])]
        {
            assert_eq!(table.candidates(*bytes).collect::<Vec<_>>(), want);
            assert!(want.is_empty() || table.may_begin(*bytes));
        }
    }
}
