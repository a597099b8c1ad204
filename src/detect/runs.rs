//! Runs of token characters (`[A-Za-z0-9_+/=.-]`), 16 or longer: the only places where most rules can match.

use std::ops::Range;

use crate::detect::prefilter::MIN_RUN;

static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        table[byte] = b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'/' | b'=' | b'.' | b'-');
        byte += 1;
    }
    table
};

/// Calls `f` for each run of [`MIN_RUN`] or more token characters in `range`, ascending. A run that reaches over an edge of
/// the range is cut there, and is reported whatever its length inside the range, since it may be long outside.
pub fn for_each(hay: &[u8], range: Range<usize>, mut f: impl FnMut(Range<usize>)) {
    let Range { start: mut pos, end } = range.clone();
    let cut_left = range.start > 0;
    let cut_right = range.end < hay.len();
    while pos < end {
        // A run of 16 that begins at or after `pos` covers this byte, or begins after it.
        let probe = pos + MIN_RUN - 1;
        let mut first = pos;
        if probe < end {
            if !TOKEN[usize::from(hay[probe])] && !(cut_left && pos == range.start) {
                pos = probe + 1;
                continue;
            }
            first = probe;
            if TOKEN[usize::from(hay[probe])] {
                while first > pos && TOKEN[usize::from(hay[first - 1])] {
                    first -= 1;
                }
            } else {
                first = pos;
            }
        } else if !cut_right && !(cut_left && pos == range.start) {
            return;
        }
        let mut last = first;
        while last < end && TOKEN[usize::from(hay[last])] {
            last += 1;
        }
        let touches = (cut_left && first == range.start) || (cut_right && last == end);
        if last - first >= MIN_RUN || (touches && last > first) {
            f(first..last);
        }
        pos = last + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::format::is_token_byte;
    use proptest::prelude::*;

    /// The plain definition.
    fn naive(hay: &[u8], range: Range<usize>) -> Vec<Range<usize>> {
        let mut runs = Vec::new();
        let mut at = range.start;
        while at < range.end {
            let end = (at..range.end).find(|&i| !is_token_byte(hay[i])).unwrap_or(range.end);
            let touches = (range.start > 0 && at == range.start) || (range.end < hay.len() && end == range.end);
            if end - at >= MIN_RUN || (touches && end > at) {
                runs.push(at..end);
            }
            at = end + 1;
        }
        runs
    }

    proptest! {
        #[test]
        fn equals_the_plain_definition(text in "[a ]{0,300}", start in 0usize..300, len in 0usize..300) {
            let hay = text.as_bytes();
            let start = start.min(hay.len());
            let end = (start + len).min(hay.len());
            let mut runs = Vec::new();
            for_each(hay, start..end, |run| runs.push(run));
            prop_assert_eq!(runs, naive(hay, start..end));
        }

        #[test]
        fn equals_the_plain_definition_on_long_runs(pieces in proptest::collection::vec((0usize..40, any::<u8>()), 0..20)) {
            let hay: Vec<u8> = pieces.iter().flat_map(|(n, sep)| [vec![b'x'; *n], vec![*sep]].concat()).collect();
            let mut runs = Vec::new();
            for_each(&hay, 0..hay.len(), |run| runs.push(run));
            prop_assert_eq!(runs, naive(&hay, 0..hay.len()));
        }
    }
}
