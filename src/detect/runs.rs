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
        open: NONE,
        changes: None,
        range: range.clone(),
        sink,
    };
    let (mut at, mut room) = (range.start, [0; size_of::<Bytes>()]);
    let (mut one, mut other) = (before(hay, range.start), Block::default());
    let (mut last, mut block) = (&mut one, &mut other);
    while at < range.end {
        let bytes = bytes_at(hay, at, &mut room);
        *block = look(bytes, texts);
        if range.end - at < 64 {
            block.cut((1 << (range.end - at)) - 1);
        }
        walker.block(at, block, last, bytes);
        std::mem::swap(&mut last, &mut block);
        at += 64;
    }
    walker.end(last);
}

/// A block of which only the last byte is told: the one before a place.
fn before(hay: &[u8], at: usize) -> Block {
    let Some(&byte) = at.checked_sub(1).and_then(|i| hay.get(i)) else { return Block::default() };
    let last = |is: bool| u64::from(is) << 63;
    Block {
        word: last(byte.is_ascii_alphanumeric() || byte == b'_'),
        digit: last(byte.is_ascii_digit()),
        upper: last(byte.is_ascii_uppercase()),
        lower: last(byte.is_ascii_lowercase()),
        ..Block::default()
    }
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

/// No run is open.
const NONE: usize = usize::MAX;

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
    /// Where the run begins that goes on at the end of the last block, or [`NONE`].
    open: usize,
    /// The changes in it, up to there; not known while it lies in that block alone, since most are short.
    changes: Option<Changes>,
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
    fn new(block: &Block, last: &Block) -> Self {
        let (letter, last_letter) = (block.upper | block.lower, last.upper | last.lower);
        let after = |mask: u64, last: u64| mask << 1 | last >> 63;
        Self {
            places: block.token & (block.inner | !after(block.word, last.word)),
            mixed: block.digit & after(letter, last_letter) | letter & after(block.digit, last.digit),
            cased: block.upper & after(block.lower, last.lower) | block.lower & after(block.upper, last.upper),
        }
    }

    #[inline(always)]
    fn changes(&self, within: u64) -> Changes {
        Changes { mixed: (self.mixed & within).count_ones(), cased: (self.cased & within).count_ones() }
    }
}

impl<S: Sink> Walker<'_, S> {
    #[inline(always)]
    fn block(&mut self, base: usize, block: &Block, last: &Block, bytes: &Bytes) {
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
        if self.open != NONE {
            let more = token.trailing_ones();
            if more == 64 || self.counts(self.open, base + more as usize) {
                self.go_on(base, more, (block, last), bytes);
            }
            if more == 64 {
                return;
            }
            self.open = NONE;
            token &= token + 1;
        }
        // Long runs count, and the one at the end, which may go on; what an edge of the range cuts may be long outside.
        let at_end = token.leading_ones();
        let inner = token & !ones(64 - at_end, at_end);
        let begun = sixteen(inner) | self.cut(base, inner);
        if begun != 0 {
            self.runs(base, inner, begun, &Masks::new(block, last), bytes);
        }
        if at_end != 0 {
            (self.open, self.changes) = (base + (64 - at_end) as usize, None);
        }
    }

    /// The open run goes on at the start of a block, for `more` bytes.
    #[inline(never)]
    fn go_on(&mut self, base: usize, more: u32, (block, last): (&Block, &Block), bytes: &Bytes) {
        let mut changes = self.changes_before(base, last);
        let (masks, within) = (Masks::new(block, last), ones(0, more));
        changes.add(masks.changes(within));
        self.changes = Some(changes);
        self.places(base, masks.places & within, bytes);
        if more < 64 {
            self.run(self.open, base + more as usize, changes);
        }
    }

    /// The changes in the open run up to `base`. If it lies in the block before alone, what stands in it there is told first.
    fn changes_before(&mut self, base: usize, last: &Block) -> Changes {
        if let Some(changes) = self.changes {
            return changes;
        }
        let start = base - 64;
        let place = self.open - start;
        let within = !0 << place;
        // What is before the block matters only to a run that begins it.
        let masks = Masks::new(last, &if place == 0 { before(self.hay, start) } else { Block::default() });
        if masks.places & within != 0 {
            let mut room = [0; size_of::<Bytes>()];
            self.places(start, masks.places & within, bytes_at(self.hay, start, &mut room));
        }
        masks.changes(within)
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
            let (from, to) = (base + start as usize, base + (start + len) as usize);
            if self.counts(from, to) {
                self.places(base, masks.places & within, bytes);
                self.run(from, to, masks.changes(within));
            }
        }
    }

    fn end(mut self, last: &Block) {
        if self.open != NONE && self.counts(self.open, self.range.end) {
            let changes = self.changes_before(self.range.end, last);
            self.run(self.open, self.range.end, changes);
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
