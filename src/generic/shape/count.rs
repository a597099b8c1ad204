//! What characters a value is made of.

/// Characters of a value by kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// a to z
    pub lower: usize,
    /// A to Z
    pub upper: usize,
    /// 0 to 9
    pub digit: usize,
    /// Blanks, tabs, line breaks.
    pub space: usize,
    /// Other ASCII.
    pub special: usize,
    /// Bytes that are not ASCII.
    pub wide: usize,
    /// Different bytes.
    pub distinct: usize,
    /// Changes between lower case, upper case, digits and the rest.
    pub changes: usize,
}

/// Counts the characters of a value.
pub fn counts(value: &[u8]) -> Counts {
    let mut counts = Counts::default();
    let mut seen = [false; 256];
    let mut last = 9;
    for &byte in value {
        seen[usize::from(byte)] = true;
        let (slot, kind) = match byte {
            b'a'..=b'z' => (&mut counts.lower, 0),
            b'A'..=b'Z' => (&mut counts.upper, 1),
            b'0'..=b'9' => (&mut counts.digit, 2),
            b' ' | b'\t' | b'\n' | b'\r' => (&mut counts.space, 3),
            0x80.. => (&mut counts.wide, 4),
            _ => (&mut counts.special, 5),
        };
        *slot += 1;
        counts.changes += usize::from(kind != last && last != 9);
        last = kind;
    }
    counts.distinct = seen.iter().filter(|s| **s).count();
    counts
}
