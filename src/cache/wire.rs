//! Lists of numbers and texts as bytes, and back. What is read may be anything: reading gives `None` instead of failing.

/// Writes a record.
#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Adds a number.
    pub fn number(&mut self, n: u64) {
        self.0.extend_from_slice(&n.to_le_bytes());
    }

    /// Adds bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// Adds numbers. Neighbours in these lists are mostly close: each is kept as the way from the one before it, in seven
    /// bits a byte.
    pub fn list(&mut self, numbers: impl ExactSizeIterator<Item = u32>) {
        self.number(numbers.len() as u64);
        let start = self.0.len();
        self.number(0);
        let mut before = 0u32;
        for n in numbers {
            let step = n.wrapping_sub(before) as i32;
            let mut rest = (step << 1 ^ step >> 31) as u32;
            while rest >= 0x80 {
                self.0.push(rest as u8 | 0x80);
                rest >>= 7;
            }
            self.0.push(rest as u8);
            before = n;
        }
        let len = (self.0.len() - start - 8) as u64;
        self.0[start..start + 8].copy_from_slice(&len.to_le_bytes());
    }
}

/// Reads a record.
#[derive(Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads what a [`Writer`] wrote.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// A number.
    pub fn number(&mut self) -> Option<u64> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*first))
    }

    /// Bytes.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    /// Several lists of numbers.
    pub fn lists<const N: usize>(&mut self) -> Option<[Vec<u32>; N]> {
        let mut lists = [const { Vec::new() }; N];
        for list in &mut lists {
            *list = self.list()?;
        }
        Some(lists)
    }

    /// Numbers.
    pub fn list(&mut self) -> Option<Vec<u32>> {
        let count = usize::try_from(self.number()?).ok()?;
        let bytes = self.bytes()?;
        if count > bytes.len() {
            return None;
        }
        let mut list = Vec::with_capacity(count);
        let mut before = 0u32;
        let mut bytes = bytes.iter();
        for _ in 0..count {
            let (mut rest, mut shift) = (0u32, 0);
            loop {
                let byte = *bytes.next()?;
                rest |= u32::from(byte & 0x7f) << shift;
                if byte < 0x80 {
                    break;
                }
                shift += 7;
                if shift > 28 {
                    return None;
                }
            }
            before = before.wrapping_add((rest >> 1) ^ (rest & 1).wrapping_neg());
            list.push(before);
        }
        bytes.next().is_none().then_some(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(lists in proptest::collection::vec(proptest::collection::vec(any::<u32>(), 0..50), 0..5), text in any::<Vec<u8>>(), n in any::<u64>()) {
            let mut writer = Writer::default();
            for list in &lists {
                writer.list(list.iter().copied());
            }
            writer.bytes(&text);
            writer.number(n);
            let bytes = writer.into_bytes();
            let mut reader = Reader::new(&bytes);
            for list in lists {
                prop_assert_eq!(reader.list(), Some(list));
            }
            prop_assert_eq!(reader.bytes(), Some(&text[..]));
            prop_assert_eq!(reader.number(), Some(n));
            prop_assert_eq!(reader.number(), None);
        }

        #[test]
        fn anything_can_be_read(bytes in any::<Vec<u8>>()) {
            let mut reader = Reader::new(&bytes);
            let _ = reader.list();
            let _ = reader.list();
            let _ = reader.bytes();
        }
    }
}
