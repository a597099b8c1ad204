//! Runs of token characters (`[A-Za-z0-9_+/=.-]`), 16 or longer: the only places where most rules can match.

use std::ops::Range;

use crate::detect::prefilter::MIN_RUN;
use crate::detect::simd::CLASSIFY;

/// Calls `f` for each run of [`MIN_RUN`] or more token characters in `range`, ascending. A run that reaches over an edge of
/// the range is cut there, and is reported whatever its length inside the range, since it may be long outside.
pub fn for_each(hay: &[u8], range: Range<usize>, mut f: impl FnMut(Range<usize>)) {
    let classify = *CLASSIFY;
    let (cut_left, cut_right) = (range.start > 0, range.end < hay.len());
    let mut report = |start: usize, end: usize| {
        let touches = (cut_left && start == range.start) || (cut_right && end == range.end);
        if end - start >= MIN_RUN || touches {
            f(start..end);
        }
    };
    // Where the run that is open at the end of the last 64 bytes began.
    let mut open: Option<usize> = None;
    let mut at = range.start;
    while at < range.end {
        let mut bits = match hay[at..range.end].first_chunk::<64>() {
            Some(block) => classify(block),
            None => {
                let mut block = [b' '; 64];
                block[..range.end - at].copy_from_slice(&hay[at..range.end]);
                classify(&block)
            }
        };
        let mut base = at;
        if let Some(start) = open {
            let more = bits.trailing_ones() as usize;
            if more == 64 {
                at += 64;
                continue;
            }
            report(start, at + more);
            open = None;
            // The open run is done with.
            bits = bits >> more << more;
        }
        // Only runs of 16, and what touches an edge, are of interest: most blocks have none.
        let edges = bits & 1 == 1 && at == range.start || bits >> 63 == 1 || at + 64 >= range.end;
        if edges || has_run(bits) {
            base = at;
            while bits != 0 {
                let start = bits.trailing_zeros() as usize;
                let len = (bits >> start).trailing_ones() as usize;
                if start + len == 64 {
                    open = Some(base + start);
                    break;
                }
                report(base + start, base + start + len);
                bits &= !(((1u64 << len) - 1) << start);
            }
        }
        at = base + 64;
    }
    if let Some(start) = open {
        report(start, range.end);
    }
}

/// Are there 16 ones in a row?
fn has_run(bits: u64) -> bool {
    let two = bits & bits >> 1;
    let four = two & two >> 2;
    let eight = four & four >> 4;
    eight & eight >> 8 != 0
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
