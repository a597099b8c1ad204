//! A name cut into its words.

use std::ops::Range;

/// The words of a name: cut at `_ - .`, where lower case turns to upper case, before the last capital of an acronym, and
/// at digits.
pub(super) struct Words<'a> {
    name: &'a [u8],
    at: usize,
}

impl<'a> Words<'a> {
    /// No word was taken yet.
    pub(super) fn new(name: &'a [u8]) -> Self {
        Self { name, at: 0 }
    }
}

impl Iterator for Words<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        while self.name.get(self.at).is_some_and(|b| !b.is_ascii_alphanumeric()) {
            self.at += 1;
        }
        let start = self.at;
        let first = *self.name.get(start)?;
        let mut end = start + 1;
        let class = |b: u8| (b.is_ascii_digit(), b.is_ascii_alphabetic());
        while let Some(&b) = self.name.get(end) {
            if class(b) != class(first) {
                break;
            }
            let before = self.name[end - 1];
            let next_lower = self.name.get(end + 1).is_some_and(u8::is_ascii_lowercase);
            if b.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_uppercase() && next_lower) {
                // `APIKey` is two words, `APIs` is one.
                if before.is_ascii_lowercase() || self.name.get(end + 2).is_some_and(u8::is_ascii_lowercase) {
                    break;
                }
            }
            end += 1;
        }
        self.at = end;
        Some(start..end)
    }
}
