//! What sources and detection share: which parts of an object are new.

/// A part of an object that was made from a delta, in ascending order and without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Region {
    /// `len` bytes at `to` are the bytes of the base at `from`.
    Copy {
        /// Offset in the base.
        from: usize,
        /// Offset in the object.
        to: usize,
        /// Length.
        len: usize,
    },
    /// `len` bytes at `to` are new.
    Insert {
        /// Offset in the object.
        to: usize,
        /// Length.
        len: usize,
    },
}
