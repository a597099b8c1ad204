//! A text that remembers which of its bytes were looked at.

use std::ops::Range;

/// A text, and the range of it that was read so far.
#[derive(Debug)]
pub struct View<'a> {
    hay: &'a [u8],
    first: isize,
    last: isize,
}

impl<'a> View<'a> {
    /// Nothing was read yet but the byte at `at`.
    pub fn new(hay: &'a [u8], at: usize) -> Self {
        Self { hay, first: at as isize, last: at as isize }
    }

    /// The bytes read: -1 stands for the start of the text, one more than its length for its end.
    pub fn read(&self) -> Range<isize> {
        self.first..self.last + 1
    }

    fn cover(&mut self, first: isize, last: isize) {
        self.first = self.first.min(first.max(-1));
        self.last = self.last.max(last.min(self.hay.len() as isize));
    }

    /// The byte at a place; `None` behind the end.
    pub fn get(&mut self, at: usize) -> Option<u8> {
        self.cover(at as isize, at as isize);
        self.hay.get(at).copied()
    }

    /// The byte before a place; `None` at the start.
    pub fn before(&mut self, at: usize) -> Option<u8> {
        self.cover(at as isize - 1, at as isize - 1);
        at.checked_sub(1).and_then(|i| self.hay.get(i)).copied()
    }

    /// Does the text go on like this?
    pub fn has(&mut self, at: usize, text: &[u8]) -> bool {
        text.iter().enumerate().all(|(i, b)| self.get(at + i) == Some(*b))
    }

    /// As [`View::has`], in any letter case; `text` is lower case.
    pub fn has_any_case(&mut self, at: usize, text: &[u8]) -> bool {
        text.iter().enumerate().all(|(i, b)| self.get(at + i).is_some_and(|c| c.to_ascii_lowercase() == *b))
    }

    /// The bytes of a range, as far as the text goes. That it ends, or begins, there is read, too.
    pub fn slice(&mut self, range: Range<usize>) -> &'a [u8] {
        let len = self.hay.len();
        if range.end > len {
            self.cover(len as isize, len as isize);
        }
        let range = range.start.min(len)..range.end.min(len);
        if !range.is_empty() {
            let first = if range.start == 0 { -1 } else { range.start as isize };
            self.cover(first, range.end as isize - 1);
        }
        self.hay.get(range).unwrap_or_default()
    }

    /// Up to `most` bytes from a place to the end of its line.
    pub fn line_from(&mut self, at: usize, most: usize) -> &'a [u8] {
        let rest = self.hay.get(at..).unwrap_or_default();
        let rest = &rest[..rest.len().min(most)];
        let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        self.cover(at as isize, (at + end) as isize);
        &rest[..end]
    }

    /// Up to `most` bytes from the start of the line to a place.
    pub fn line_to(&mut self, at: usize, most: usize) -> &'a [u8] {
        let at = at.min(self.hay.len());
        let from = at.saturating_sub(most);
        let start = memchr::memrchr2(b'\n', b'\r', &self.hay[from..at]).map_or(from, |i| from + i + 1);
        self.cover(start as isize - 1, at as isize);
        &self.hay[start..at]
    }

    /// Up to `most` bytes from a place on that are of a kind. The byte behind them was read, too.
    pub fn run(&mut self, at: usize, most: usize, of: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.hay.get(at..).unwrap_or_default();
        let rest = &rest[..rest.len().min(most)];
        let len = rest.iter().position(|b| !of(*b)).unwrap_or(rest.len());
        self.cover(at as isize, (at + len) as isize);
        &rest[..len]
    }

    /// Up to `most` bytes right before a place that are of a kind. The byte before them was read, too.
    pub fn run_before(&mut self, at: usize, most: usize, of: impl Fn(u8) -> bool) -> &'a [u8] {
        let at = at.min(self.hay.len());
        let text = &self.hay[at.saturating_sub(most)..at];
        let len = text.iter().rev().position(|b| !of(*b)).unwrap_or(text.len());
        self.cover((at - len) as isize - 1, at as isize - 1);
        &text[text.len() - len..]
    }

    /// Skips blanks and tabs.
    pub fn blanks(&mut self, mut at: usize) -> usize {
        while matches!(self.get(at), Some(b' ' | b'\t')) {
            at += 1;
        }
        at
    }
}
