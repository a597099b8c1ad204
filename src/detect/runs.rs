//! Runs of token characters (`[A-Za-z0-9_+/=.-]`), 16 or longer: the only places where most rules can match; and the places
//! in them where something could begin.

use std::ops::Range;

use crate::detect::boundary::{LOOK_BACK, could_begin, may_hold_escape};
use crate::detect::prefilter::MIN_RUN;
use crate::detect::simd::{Block, Bytes, LOOK, Texts};

/// Escapes in a block from which on they are told: a stretch of 16, each with what follows it at most 14 bytes long, reaches
/// into at most 5 blocks, so one of these has more.
const LEADS: u32 = 3;

/// Told what stands where.
pub trait Sink {
    /// At this place in a run a literal could begin: a token could, or one of the texts that may stand inside a word.
    fn literal(&mut self, at: usize);
    /// At this place, in a run or not, a short literal could begin.
    fn short(&mut self, at: usize);
    /// At this place, in a run or not, the key of a literal could begin.
    fn far(&mut self, at: usize);
    /// At this place, in a run or not, a key word of a name could begin.
    fn name(&mut self, at: usize);
    /// In a block that begins at `base` an escape could begin at these places, of which there are [`LEADS`] or more.
    fn leads(&mut self, base: usize, leads: u64);
    /// A run. `mixed`: it changes three times between letters and digits or five times between letter cases.
    fn run(&mut self, run: Range<usize>, mixed: bool);
}

/// Finds all runs of [`MIN_RUN`] or more token characters in `range`, and what could begin there. A run that reaches over
/// an edge of the range is cut there, and is reported whatever its length inside the range, since it may be long outside.
#[inline]
pub fn walk(hay: &[u8], range: Range<usize>, texts: &Texts, sink: &mut impl Sink) {
    let look = *LOOK;
    let mut walker = Walker {
        hay,
        cut_left: range.start > 0,
        cut_right: range.end < hay.len(),
        carry: Carry::before(hay, range.start),
        open: None,
        range: range.clone(),
        sink,
    };
    let mut at = range.start;
    while at < range.end {
        let mut block = with_bytes(hay, at, |bytes| look(bytes, texts));
        if range.end - at < 64 {
            block.cut((1 << (range.end - at)) - 1);
        }
        walker.block(at, &block);
        at += 64;
    }
    walker.end();
}

/// Calls `f` with the bytes from a place on, with zeros behind the end of the text.
#[inline]
pub fn with_bytes<T>(hay: &[u8], at: usize, f: impl FnOnce(&Bytes) -> T) -> T {
    match hay[at..].first_chunk() {
        Some(bytes) => f(bytes),
        None => {
            let (mut bytes, rest) = ([0; size_of::<Bytes>()], &hay[at..]);
            bytes[..rest.len()].copy_from_slice(rest);
            f(&bytes)
        }
    }
}

impl Block {
    fn cut(&mut self, keep: u64) {
        for mask in [
            &mut self.token,
            &mut self.digit,
            &mut self.upper,
            &mut self.lower,
            &mut self.word,
            &mut self.inner,
            &mut self.short,
            &mut self.far,
            &mut self.name,
            &mut self.lead,
        ] {
            *mask &= keep;
        }
    }
}

/// What the last byte of the block before was: each is 1 or 0.
#[derive(Clone, Copy, Default)]
struct Carry {
    word: u64,
    digit: u64,
    upper: u64,
    lower: u64,
}

impl Carry {
    fn before(hay: &[u8], at: usize) -> Self {
        let Some(&byte) = at.checked_sub(1).and_then(|i| hay.get(i)) else { return Self::default() };
        Self {
            word: u64::from(byte.is_ascii_alphanumeric() || byte == b'_'),
            digit: u64::from(byte.is_ascii_digit()),
            upper: u64::from(byte.is_ascii_uppercase()),
            lower: u64::from(byte.is_ascii_lowercase()),
        }
    }

    fn after(block: &Block) -> Self {
        Self { word: block.word >> 63, digit: block.digit >> 63, upper: block.upper >> 63, lower: block.lower >> 63 }
    }
}

/// The run that goes on at the end of a block.
struct Open {
    start: usize,
    /// Places in it that are still to be reported if it turns out long enough: in one block only.
    places: (usize, u64),
    changes: Changes,
}

/// How often a run changes between kinds of characters.
#[derive(Clone, Copy, Default)]
struct Changes {
    mixed: u32,
    cased: u32,
}

struct Walker<'a, S> {
    hay: &'a [u8],
    range: Range<usize>,
    cut_left: bool,
    cut_right: bool,
    carry: Carry,
    open: Option<Open>,
    sink: &'a mut S,
}

/// The masks of a block that matter to its runs.
struct Masks {
    /// Where a literal could begin.
    places: u64,
    mixed: u64,
    cased: u64,
}

impl Masks {
    #[inline(always)]
    fn new(block: &Block, carry: Carry) -> Self {
        let letter = block.upper | block.lower;
        let after = |mask: u64, carry: u64| mask << 1 | carry;
        Self {
            places: block.token & (block.inner | !after(block.word, carry.word)),
            mixed: block.digit & after(letter, carry.upper | carry.lower) | letter & after(block.digit, carry.digit),
            cased: block.upper & after(block.lower, carry.lower) | block.lower & after(block.upper, carry.upper),
        }
    }

    #[inline(always)]
    fn changes(&self, within: u64) -> Changes {
        Changes { mixed: (self.mixed & within).count_ones(), cased: (self.cased & within).count_ones() }
    }
}

impl<S: Sink> Walker<'_, S> {
    #[inline(always)]
    fn block(&mut self, base: usize, block: &Block) {
        let carry = std::mem::replace(&mut self.carry, Carry::after(block));
        let mut short = block.short;
        while short != 0 {
            self.sink.short(base + short.trailing_zeros() as usize);
            short &= short - 1;
        }
        let mut far = block.far;
        while far != 0 {
            self.sink.far(base + far.trailing_zeros() as usize);
            far &= far - 1;
        }
        let mut name = block.name;
        while name != 0 {
            self.sink.name(base + name.trailing_zeros() as usize);
            name &= name - 1;
        }
        if block.lead.count_ones() >= LEADS {
            self.sink.leads(base, block.lead);
        }
        let mut token = block.token;
        if let Some(mut open) = self.open.take() {
            let masks = Masks::new(block, carry);
            let more = token.trailing_ones();
            let within = ones(0, more);
            open.changes.add(masks.changes(within));
            let long = more == 64 || self.counts(open.start, base + more as usize);
            if long {
                self.places(open.places.0, open.places.1);
                self.places(base, masks.places & within);
                open.places.1 = 0;
            }
            if more == 64 {
                self.open = Some(open);
                return;
            }
            if long {
                self.run(open.start, base + more as usize, open.changes);
            }
            token &= !within;
        }
        // Long runs count, and the one at the end, which may go on; what an edge of the range cuts may be long outside.
        let ends = ones(64 - token.leading_ones(), token.leading_ones());
        let begun = sixteen(token & !ends) | self.cut(base, token & !ends);
        if begun | ends != 0 {
            let masks = Masks::new(block, carry);
            self.runs(base, token, begun, &masks);
            if ends != 0 {
                self.open(base, ends, &masks);
            }
        }
    }

    /// Bits of the runs of a block that begin or end where the range is cut.
    #[inline(always)]
    fn cut(&self, base: usize, token: u64) -> u64 {
        let first = if self.cut_left && base == self.range.start { 1 } else { 0 };
        let rest = self.range.end - base;
        let last = if self.cut_right && rest < 64 { 1 << (rest - 1) } else { 0 };
        token & (first | last)
    }

    /// Reports the runs of a block in which one of `begun` stands.
    #[inline(always)]
    fn runs(&mut self, base: usize, token: u64, mut begun: u64, masks: &Masks) {
        while begun != 0 {
            let first = begun.trailing_zeros();
            let start = first + 1 - (token << (63 - first)).leading_ones();
            let len = (token >> start).trailing_ones();
            let within = ones(start, len);
            begun &= !within;
            if start + len == 64 {
                return self.open(base, within, masks);
            }
            let (from, to) = (base + start as usize, base + (start + len) as usize);
            if self.counts(from, to) {
                self.places(base, masks.places & within);
                self.run(from, to, masks.changes(within));
            }
        }
    }

    /// Keeps the run at the end of a block, which may go on.
    #[inline(always)]
    fn open(&mut self, base: usize, within: u64, masks: &Masks) {
        self.open = Some(Open {
            start: base + within.trailing_zeros() as usize,
            places: (base, masks.places & within),
            changes: masks.changes(within),
        });
    }

    fn end(mut self) {
        if let Some(open) = self.open.take()
            && self.counts(open.start, self.range.end)
        {
            self.places(open.places.0, open.places.1);
            self.run(open.start, self.range.end, open.changes);
        }
    }

    /// Is a run long enough, or could it be outside the range?
    fn counts(&self, start: usize, end: usize) -> bool {
        end - start >= MIN_RUN || self.cut_left && start == self.range.start || self.cut_right && end == self.range.end
    }

    fn places(&mut self, base: usize, mut places: u64) {
        while places != 0 {
            self.sink.literal(base + places.trailing_zeros() as usize);
            places &= places - 1;
        }
    }

    fn run(&mut self, start: usize, end: usize, changes: Changes) {
        if may_hold_escape(self.hay, start) {
            // A token could begin behind it.
            for at in start..end.min(start + LOOK_BACK) {
                if could_begin(self.hay, at) {
                    self.sink.literal(at);
                }
            }
        }
        self.sink.run(start..end, changes.mixed >= 3 || changes.cased >= 5);
    }
}

impl Changes {
    fn add(&mut self, more: Self) {
        self.mixed += more.mixed;
        self.cased += more.cased;
    }
}

/// So many ones from a place on.
fn ones(from: u32, count: u32) -> u64 {
    if count == 0 { 0 } else { (!0 >> (64 - count)) << from }
}

/// Where 16 ones in a row begin.
fn sixteen(bits: u64) -> u64 {
    let two = bits & bits >> 1;
    let four = two & two >> 2;
    let eight = four & four >> 4;
    eight & eight >> 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::nibbles::Nibbles;
    use crate::detect::random::looks_random;
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

    #[derive(Default)]
    struct Seen {
        places: Vec<usize>,
        short: Vec<usize>,
        far: Vec<usize>,
        names: Vec<usize>,
        base: Option<usize>,
        runs: Vec<(Range<usize>, bool)>,
    }

    impl Sink for Seen {
        fn literal(&mut self, at: usize) {
            self.places.push(at);
        }

        fn short(&mut self, at: usize) {
            self.short.push(at);
        }

        fn far(&mut self, at: usize) {
            self.far.push(at);
        }

        fn name(&mut self, at: usize) {
            self.names.push(at);
        }

        fn leads(&mut self, base: usize, leads: u64) {
            assert!(base % 64 == self.base.get_or_insert(base).wrapping_rem(64) && leads.count_ones() >= LEADS);
        }

        fn run(&mut self, run: Range<usize>, mixed: bool) {
            self.runs.push((run, mixed));
        }
    }

    fn texts() -> Texts {
        let plain = |text: &'static str| (text.as_bytes(), false);
        Texts {
            near: Nibbles::with_last([plain("x-A")], [plain("://")]),
            far: Nibbles::new([plain("c-x-")]),
            names: Nibbles::new([plain("hp_")]),
        }
    }

    fn check(hay: &[u8], range: Range<usize>) {
        let mut seen = Seen::default();
        walk(hay, range.clone(), &texts(), &mut seen);
        let runs: Vec<_> = seen.runs.iter().map(|(run, _)| run.clone()).collect();
        assert_eq!(runs, naive(hay, range.clone()));
        let starts = |at: usize, text: &[u8]| hay[at..].starts_with(text);
        let places = |text: &[u8]| range.clone().filter(|&at| starts(at, text)).collect::<Vec<_>>();
        assert_eq!((seen.short, seen.far, seen.names), (places(b"://"), places(b"c-x-"), places(b"hp_")));
        for (run, mixed) in seen.runs {
            for at in run.clone() {
                let wanted = could_begin(hay, at) || starts(at, b"x-A");
                assert!(!wanted || seen.places.contains(&at), "{at} of {run:?} in {hay:?}");
            }
            assert!(mixed || !looks_random(&hay[run.clone()]), "{run:?} of {hay:?}");
        }
        assert!(seen.places.len() <= 2 * hay.len());
    }

    #[test]
    fn every_alignment_and_length() {
        let text: Vec<u8> = b"a://bc-x-A01Z_9\\nAKIA%3Dghp_./x".iter().copied().cycle().take(700).collect();
        let long = [b"x".repeat(300), b" ".repeat(70), b"y".repeat(330)].concat();
        for hay in [&text, &long] {
            for len in 0..=300 {
                for start in 0..=66 {
                    check(hay, start..start + len);
                    check(&hay[start..], 0..len);
                    check(&hay[start..start + len], 0..len);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn equals_the_plain_definition(text in "[aA1x: ]{0,300}", start in 0usize..300, len in 0usize..300) {
            let hay = text.as_bytes();
            let start = start.min(hay.len());
            check(hay, start..(start + len).min(hay.len()));
        }

        #[test]
        fn equals_the_plain_definition_on_long_runs(pieces in proptest::collection::vec((0usize..90, any::<u8>(), "[a-zA-Z0-9]{0,9}"), 0..20)) {
            let hay: Vec<u8> = pieces.iter().flat_map(|(n, sep, text)| [text.as_bytes(), &vec![b'x'; *n], &[*sep]].concat()).collect();
            check(&hay, 0..hay.len());
        }
    }
}
