//! Runs of token characters (`[A-Za-z0-9_+/=.-]`), 16 or longer: the only places where most rules can match; and the places
//! in them where something could begin.

use std::ops::Range;

use crate::detect::boundary::{LOOK_BACK, could_begin, may_hold_escape};
use crate::detect::nibbles::KEY;
use crate::detect::prefilter::MIN_RUN;
use crate::detect::simd::{Block, Bytes, LOOK, Texts};

/// Escapes in a block from which on they are told: a stretch of 16, each with what follows it at most 14 bytes long, reaches
/// into at most 5 blocks, so one of these has more.
const LEADS: u32 = 3;

/// Told what stands where.
pub trait Sink {
    /// In a run a literal could begin: a token could, or one of the texts that may stand inside a word. Some of the 64
    /// places from `base` on, one bit each, with the bytes there; here and below.
    fn literals(&mut self, base: usize, places: u64, bytes: &Bytes);
    /// In a run or not, a short literal could begin.
    fn short(&mut self, base: usize, places: u64, bytes: &Bytes);
    /// In a run or not, the key of a literal could begin.
    fn far(&mut self, base: usize, places: u64, bytes: &Bytes);
    /// In a run or not, a key word of a name could begin.
    fn names(&mut self, base: usize, places: u64);
    /// An escape could begin, at [`LEADS`] places or more.
    fn leads(&mut self, base: usize, places: u64);
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
    let (mut at, mut room) = (range.start, [0; size_of::<Bytes>()]);
    while at < range.end {
        let bytes = bytes_at(hay, at, &mut room);
        let mut block = look(bytes, texts);
        if range.end - at < 64 {
            block.cut((1 << (range.end - at)) - 1);
        }
        walker.block(at, &block, bytes);
        at += 64;
    }
    walker.end();
}

/// The bytes from a place on. Where the text ends before, they are copied, with zeros behind them.
#[inline(always)]
pub fn bytes_at<'a>(hay: &'a [u8], at: usize, room: &'a mut Bytes) -> &'a Bytes {
    match hay[at..].first_chunk() {
        Some(bytes) => bytes,
        None => {
            let rest = &hay[at..];
            room[..rest.len()].copy_from_slice(rest);
            room[rest.len()..].fill(0);
            room
        }
    }
}

/// Calls `f` with the places, one bit each, whose four bytes `keep` lets through.
#[inline(always)]
pub fn each(bytes: &Bytes, mut places: u64, keep: impl Fn([u8; KEY]) -> bool, mut f: impl FnMut(usize, [u8; KEY])) {
    while places != 0 {
        let at = places.trailing_zeros() as usize;
        places = without_lowest(places);
        let four = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        if keep(four) {
            f(at, four);
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
    fn block(&mut self, base: usize, block: &Block, bytes: &Bytes) {
        let carry = std::mem::replace(&mut self.carry, Carry::after(block));
        if block.short != 0 {
            self.sink.short(base, block.short, bytes);
        }
        if block.far != 0 {
            self.sink.far(base, block.far, bytes);
        }
        if block.name != 0 {
            self.sink.names(base, block.name);
        }
        if (1..LEADS).fold(block.lead, |leads, _| without_lowest(leads)) != 0 {
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
                self.open_places(&mut open);
                self.places(base, masks.places & within, bytes);
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
            self.runs(base, token, begun, &masks, bytes);
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
    fn runs(&mut self, base: usize, token: u64, mut begun: u64, masks: &Masks, bytes: &Bytes) {
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
                self.places(base, masks.places & within, bytes);
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
        if let Some(mut open) = self.open.take()
            && self.counts(open.start, self.range.end)
        {
            self.open_places(&mut open);
            self.run(open.start, self.range.end, open.changes);
        }
    }

    /// Is a run long enough, or could it be outside the range?
    fn counts(&self, start: usize, end: usize) -> bool {
        end - start >= MIN_RUN || self.cut_left && start == self.range.start || self.cut_right && end == self.range.end
    }

    #[inline(always)]
    fn places(&mut self, base: usize, places: u64, bytes: &Bytes) {
        if places != 0 {
            self.sink.literals(base, places, bytes);
        }
    }

    /// Reports the places of an open run that turned out long enough.
    #[inline(always)]
    fn open_places(&mut self, open: &mut Open) {
        let (base, places) = std::mem::take(&mut open.places);
        if places != 0 {
            let mut room = [0; size_of::<Bytes>()];
            self.sink.literals(base, places, bytes_at(self.hay, base, &mut room));
        }
    }

    fn run(&mut self, start: usize, end: usize, changes: Changes) {
        if may_hold_escape(self.hay, start) {
            // A token could begin behind it.
            let begins = |at: &usize| could_begin(self.hay, start + at);
            let places = (0..LOOK_BACK.min(end - start)).filter(begins).fold(0, |places, at| places | 1 << at);
            let mut room = [0; size_of::<Bytes>()];
            self.places(start, places, bytes_at(self.hay, start, &mut room));
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

/// All bits but the lowest one.
fn without_lowest(bits: u64) -> u64 {
    bits & bits.wrapping_sub(1)
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

    fn ones_of(base: usize, places: u64) -> impl Iterator<Item = usize> {
        (0..64).filter(move |i| places >> i & 1 == 1).map(move |i| base + i)
    }

    impl Sink for Seen {
        fn literals(&mut self, base: usize, places: u64, _: &Bytes) {
            self.places.extend(ones_of(base, places));
        }

        fn short(&mut self, base: usize, places: u64, _: &Bytes) {
            self.short.extend(ones_of(base, places));
        }

        fn far(&mut self, base: usize, places: u64, _: &Bytes) {
            self.far.extend(ones_of(base, places));
        }

        fn names(&mut self, base: usize, places: u64) {
            self.names.extend(ones_of(base, places));
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
