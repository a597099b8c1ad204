//! Context words before a value: `datadog` and `key` before 32 hex digits.

use std::cell::LazyCell;
use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::FixedState;

use crate::decode::GO_SUM;
use crate::detect::beside::{Call, is_public_name, is_spent, name_of};
use crate::detect::nibbles::{KEY, Nibbles};
use crate::detect::remark;
use crate::detect::runs;
use crate::detect::simd::{Bytes, FIND};
use crate::detect::starts::Starts;
use crate::detect::word::stands_alone;
use crate::rules::{Anchoring, Context, MAX_WITHIN, RuleSet};

/// Words between context and value that say that the value is no secret, unless a rule asks for them.
const PUBLIC_WORDS: &[&str] = &[
    "sha",
    "sha1",
    "sha256",
    "sha512",
    "shasum",
    "md5",
    "checksum",
    "integrity",
    GO_SUM,
    "digest",
    "hash",
    "codehash",
    "commit",
    "revision",
    "rev",
    "ref",
    "githead",
    "version",
    "uuid",
    "id",
    "etag",
    "public key",
    "public_key",
    "publickey",
    "fingerprint",
    "thumbprint",
    // `--pin 3785a2d...`: a commit.
    "pin",
    // In settings of CI services: encrypted.
    "secure",
];

/// The words of all rules, found in one pass.
#[derive(Debug)]
pub struct ContextIndex {
    words: Words,
    /// The words of each rule's context.
    rules: Vec<Wanted>,
    /// The public words that no rule asks for: a value behind one is a secret of none.
    decisive: [bool; PUBLIC_WORDS.len()],
    /// The words by their first bytes, [`folded`].
    starts: Starts,
    /// Where a word could begin, for many places at once.
    nibbles: Nibbles,
    within: usize,
    /// Length of the longest word.
    longest: usize,
}

/// The context words of a rule.
#[derive(Clone, Debug, Default)]
struct Wanted {
    near: Bits,
    hint: Bits,
    /// Is a near word enough?
    no_hint: bool,
}

impl Wanted {
    fn new(context: &Context, words: &mut Words) -> Self {
        let mut wanted = Self { no_hint: context.hint.is_empty(), ..Self::default() };
        context.near.iter().for_each(|word| wanted.near.insert(words.index(word)));
        context.hint.iter().for_each(|word| wanted.hint.insert(words.index(word)));
        wanted
    }
}

/// Words, each with an index.
#[derive(Debug, Default)]
struct Words {
    list: Vec<String>,
    known: HashMap<String, usize, FixedState>,
}

impl Words {
    fn index(&mut self, word: &str) -> usize {
        if let Some(index) = self.known.get(word) {
            return *index;
        }
        self.list.push(word.to_owned());
        self.known.insert(word.to_owned(), self.list.len() - 1);
        self.list.len() - 1
    }
}

/// A set of words, by their indices.
#[derive(Clone, Debug, Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn insert(&mut self, index: usize) {
        if self.0.len() <= index / 64 {
            self.0.resize(index / 64 + 1, 0);
        }
        self.0[index / 64] |= 1 << (index % 64);
    }

    fn has(&self, index: usize) -> bool {
        self.0.get(index / 64).is_some_and(|bits| bits >> (index % 64) & 1 == 1)
    }

    /// Has it any of some words? May say yes wrongly.
    fn meets(&self, present: &Present) -> bool {
        self.0.iter().enumerate().any(|(i, bits)| bits & present.0[i % PRESENT] != 0)
    }
}

/// Words behind which others are remembered no longer.
const MANY: usize = 256;

/// 64-bit words of [`Present`].
const PRESENT: usize = 16;

/// The bit that lower-case letters have and upper-case letters have not. Setting it makes letters lower case, and changes
/// other bytes in a way that is the same everywhere.
const FOLD: u8 = 0x20;

fn folded(four: [u8; 4]) -> [u8; 4] {
    four.map(|byte| byte | FOLD)
}

/// Which words stand before a value: one bit each, shared where there are more than these.
#[derive(Clone, Copy, Debug, Default)]
pub struct Present([u64; PRESENT]);

/// Words of one text that were found already. Cleared for each text.
#[derive(Debug, Default)]
pub struct WordCache {
    range: Range<usize>,
    words: Vec<Word>,
    last: Last,
}

/// The last word of a range that was looked through.
#[derive(Debug, Default)]
struct Last {
    range: Range<usize>,
    word: Option<Word>,
}

impl WordCache {
    /// How many words are remembered.
    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.words.len()
    }

    /// Forgets the last text.
    pub fn clear(&mut self) {
        self.range = 0..0;
        self.words.clear();
        self.last = Last::default();
    }
}

/// A context word in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    span: Range<usize>,
    index: usize,
}

impl Word {
    /// Orders words by where they end; of those that end at the same place the longest is last.
    fn rank(&self) -> (usize, std::cmp::Reverse<usize>) {
        (self.span.end, std::cmp::Reverse(self.span.start))
    }
}

impl ContextIndex {
    /// Collects the words of a rule set.
    pub fn new(set: &RuleSet) -> Self {
        let mut index = Self { rules: vec![Wanted::default(); set.rules().len()], ..Self::empty() };
        for word in PUBLIC_WORDS {
            index.words.index(word);
        }
        for (rule, context) in set.rules().iter().enumerate().filter_map(|(i, r)| Some((i, r.context.as_ref()?))) {
            if matches!(set.rules()[rule].anchoring, Anchoring::Value) {
                index.within = index.within.max(context.within);
            }
            index.rules[rule] = Wanted::new(context, &mut index.words);
        }
        index.compile();
        index
    }

    fn empty() -> Self {
        Self {
            words: Words::default(),
            rules: Vec::new(),
            decisive: [true; PUBLIC_WORDS.len()],
            starts: Starts::default(),
            nibbles: Nibbles::default(),
            within: 0,
            longest: 0,
        }
    }

    fn compile(&mut self) {
        let asked = |word: usize| self.rules.iter().any(|rule| rule.near.has(word) || rule.hint.has(word));
        self.decisive = std::array::from_fn(|word| !asked(word));
        self.longest = self.words.list.iter().map(String::len).max().unwrap_or(0);
        let words: Vec<Vec<u8>> =
            self.words.list.iter().map(|w| w.bytes().take(KEY).map(|b| b | FOLD).collect()).collect();
        self.starts = Starts::new(words.iter().map(Vec::as_slice).zip(0..));
        self.nibbles = Nibbles::new(self.words.list.iter().map(|w| (w.as_bytes(), true)));
    }

    /// How far back the rules look at most.
    pub fn within(&self) -> usize {
        self.within.min(MAX_WITHIN)
    }

    /// All words in a range of the text that stand as words of their own: at the start of a camel-case or snake-case part.
    /// Sorted by place.
    pub fn find(&self, hay: &[u8], range: Range<usize>) -> Vec<Word> {
        let mut found = Vec::new();
        self.add(hay, range, &mut found);
        found
    }

    fn add(&self, hay: &[u8], range: Range<usize>, found: &mut Vec<Word>) {
        for base in range.clone().step_by(64) {
            let mut places = self.places(hay, base..range.end.min(base + 64));
            while places != 0 {
                self.words_at(hay, base + places.trailing_zeros() as usize, range.end, |word| found.push(word));
                places &= places - 1;
            }
        }
    }

    /// Where a word could begin among up to 64 places.
    fn places(&self, hay: &[u8], range: Range<usize>) -> u64 {
        let mut room = [0; size_of::<Bytes>()];
        let bytes = runs::bytes_at(hay, range.start, &mut room);
        let mut places = FIND(bytes, &self.nibbles);
        if range.len() < 64 {
            places &= (1 << range.len()) - 1;
        }
        let (may_begin, mut kept) = (|four| self.starts.may_begin(folded(four)), 0);
        runs::each(bytes, places, may_begin, |at, _| kept |= 1 << at);
        kept
    }

    /// Calls `f` with the words that begin at a place and end at `end` or before.
    fn words_at(&self, hay: &[u8], at: usize, end: usize, mut f: impl FnMut(Word)) {
        let four = hay[at..].first_chunk().copied();
        let four = folded(four.unwrap_or_else(|| std::array::from_fn(|i| hay.get(at + i).map_or(b' ', |b| *b))));
        for index in self.starts.candidates(four) {
            let word = self.words.list[index as usize].as_bytes();
            let span = at..at + word.len();
            // Many words go on alike; their last bytes differ.
            let may_be = span.end <= end && hay[span.end - 1] | FOLD == word[word.len() - 1] | FOLD;
            if may_be && hay[span.clone()].eq_ignore_ascii_case(word) && stands_alone(hay, &span) {
                f(Word { span, index: index as usize });
            }
        }
    }

    /// Could any rule hold for a value at the end of a range? Not if no word stands in the range, nor if the last one says
    /// that the value is no secret. Looks back from the value, which is where it is decided most often.
    pub fn could_hold(&self, hay: &[u8], range: Range<usize>, cache: &mut WordCache) -> bool {
        let last = &mut cache.last;
        let goes_on = last.range.start <= range.start
            && (range.start..=range.end).contains(&last.range.end)
            && last.word.as_ref().is_none_or(|w| w.span.start >= range.start);
        let known = if goes_on { last.range.end } else { range.start };
        let from = known.saturating_sub(self.longest).max(range.start);
        let before = last.word.take().filter(|_| goes_on);
        // A long word that was known may end behind what stands in it.
        let word = before.into_iter().chain(self.last_word(hay, from..range.end)).max_by_key(Word::rank);
        *last = Last { range, word };
        last.word.as_ref().is_some_and(|w| !self.decisive.get(w.index).is_some_and(|decisive| *decisive))
    }

    /// The last word of a range. Of words that end at the same place the longest counts, as in [`ContextIndex::is_public`].
    fn last_word(&self, hay: &[u8], range: Range<usize>) -> Option<Word> {
        let mut last: Option<Word> = None;
        let mut end = range.end;
        while end > range.start {
            let base = range.start.max(end.saturating_sub(64));
            let mut places = self.places(hay, base..end);
            while places != 0 {
                let place = 63 - places.leading_zeros();
                places ^= 1 << place;
                let at = base + place as usize;
                if last.as_ref().is_some_and(|w| at + self.longest < w.span.end) {
                    return last;
                }
                self.words_at(hay, at, range.end, |word| {
                    if last.as_ref().is_none_or(|w| w.rank() < word.rank()) {
                        last = Some(word);
                    }
                });
            }
            end = base;
        }
        last
    }

    /// The words of a range, found once for neighbouring ranges of the same text.
    pub fn words<'c>(&self, hay: &[u8], range: Range<usize>, cache: &'c mut WordCache) -> &'c [Word] {
        let goes_on = cache.range.contains(&range.start) || cache.range.end == range.start && !cache.range.is_empty();
        if !goes_on {
            cache.words.clear();
            cache.range = range.start..range.start;
        }
        if cache.range.end < range.end {
            // A word may have been cut off at the end of what was looked at.
            let from = cache.range.end.saturating_sub(self.longest).max(cache.range.start);
            cache.words.truncate(cache.words.partition_point(|w| w.span.start < from));
            self.add(hay, from..range.end, &mut cache.words);
            cache.range.end = range.end;
        }
        let mut first = cache.words.partition_point(|w| w.span.start < range.start);
        if first > MANY {
            cache.words.drain(..first);
            cache.range.start = range.start;
            first = 0;
        }
        let last = cache.words.partition_point(|w| w.span.start < range.end);
        &cache.words[first..last]
    }

    /// The last of a rule's own words before a value, as the rule writes it, or else the first in a remark behind it.
    pub fn name_at(&self, context: &Context, hay: &[u8], value: Range<usize>) -> Option<&str> {
        let own = |word: &Word| Some(&self.words.list[word.index]).filter(|word| context.near.contains(word));
        let before = self.find(hay, value.start.saturating_sub(context.within)..value.start);
        let name = before.iter().rev().find_map(own).or_else(|| {
            let remark = remark::text(hay, remark::begin(hay, value.start, value.end)?)?;
            self.find(hay, remark).iter().find_map(own)
        });
        name.map(String::as_str)
    }

    /// Which words are these?
    pub fn present(words: &[Word]) -> Present {
        let mut present = Present::default();
        words.iter().for_each(|w| present.0[w.index / 64 % PRESENT] |= 1 << (w.index % 64));
        present
    }

    /// Could the context of a rule be there? What [`ContextIndex::holds`] says no to may pass, but not the other way round.
    /// `called` tells whether the value is given to a call.
    pub fn may_hold(&self, rule: usize, present: &Present, called: impl FnOnce() -> bool) -> bool {
        let Wanted { near, hint, no_hint } = &self.rules[rule];
        near.meets(present) && (*no_hint || hint.meets(present) || called())
    }

    /// Is a value given to a name that holds a near word of a rule and ends with a hint of it? `ACME_API_KEY = "`
    pub fn is_named(&self, rule: usize, hay: &[u8], at: usize) -> bool {
        let Wanted { near, hint, no_hint } = &self.rules[rule];
        let name = name_of(hay, at, 0, true);
        let words = self.find(hay, name.clone());
        let last = |w: &&Word| w.span.end == name.end && (hint.has(w.index) || *no_hint && near.has(w.index));
        words.iter().any(|w| near.has(w.index)) && words.iter().any(|w| last(&w)) && !self.is_public(rule, words.iter())
    }

    /// The words that a remark behind a value holds, and the name right before it.
    pub fn remarks(&self, hay: &[u8], start: usize, end: usize) -> Vec<Word> {
        let remark = remark::begin(hay, start, end).and_then(|from| remark::text(hay, from));
        let Some(remark) = remark else { return Vec::new() };
        let mut words = self.find(hay, remark);
        if !words.is_empty() {
            words.extend(self.find(hay, name_of(hay, start, 0, true)));
        }
        words
    }

    /// Says a remark behind the value at `at`, perhaps with the name before it, that it is one of a rule?
    pub fn is_remarked(&self, rule: usize, words: &[Word], at: usize) -> bool {
        let Wanted { near, hint, no_hint } = &self.rules[rule];
        let own = |w: &&Word| near.has(w.index) || hint.has(w.index);
        let inside =
            |w: &Word| words.iter().filter(own).any(|o| o.span.start <= w.span.start && w.span.end <= o.span.end);
        let is_public = |w: &Word| w.index < PUBLIC_WORDS.len() && !inside(w);
        words.iter().any(|w| w.span.start >= at && near.has(w.index))
            && (*no_hint || words.iter().any(|w| hint.has(w.index)))
            && !words.iter().any(is_public)
    }

    /// Is the context of a rule, given by its index, there for a value that begins at `at`?
    pub fn holds(&self, rule: usize, context: &Context, hay: &[u8], words: &[Word], at: usize) -> bool {
        let Wanted { near, hint, no_hint } = &self.rules[rule];
        let call = LazyCell::new(|| Call::around(hay, at, at.saturating_sub(context.within)));
        let in_reach = |w: &&Word| near.has(w.index) && w.span.end <= at && at - w.span.start <= context.within;
        words.iter().filter(in_reach).any(|near| {
            let after = || words.iter().filter(|w| w.span.end <= at && w.span.start + 24 >= near.span.start);
            let hinted = *no_hint
                || after().any(|w| w.span != near.span && hint.has(w.index))
                || hint.has(near.index)
                || call.as_ref().is_some_and(|call| call.is_of(hay, &near.span));
            hinted && !self.is_public(rule, after())
        }) && !self.is_of_another(rule, context, hay, words, at)
    }

    /// Does the name right before a value say that it is something else than what the words before it promise? It does not
    /// name the issuer, and it is public, or the value that was promised stands on the line of the promise.
    fn is_of_another(&self, rule: usize, context: &Context, hay: &[u8], words: &[Word], at: usize) -> bool {
        let name = name_of(hay, at, at.saturating_sub(context.within), false);
        let Wanted { near, hint, no_hint } = &self.rules[rule];
        // A call around the value has a name of its own.
        let called = hay[name.end..at].contains(&b'(');
        let own = |w: &Word| near.has(w.index) && name.start <= w.span.start && w.span.end <= name.end;
        if name.is_empty() || called || words.iter().any(own) {
            return false;
        }
        let asked = || context.near.iter().chain(&context.hint).any(|word| word.contains("public"));
        let promises = |w: &&Word| w.span.end <= at && (hint.has(w.index) || *no_hint && near.has(w.index));
        let promise = words.iter().rfind(promises).map_or(at, |w| w.span.end);
        let spent = || promise <= name.start && is_spent(&hay[promise..name.start]);
        is_public_name(&hay[name.clone()]) && !asked() || spent()
    }

    /// Does the last of the words before a value say that it is no secret of a rule? `id` does, but not for a rule that looks
    /// for a `client_id`.
    fn is_public<'w>(&self, rule: usize, words: impl Iterator<Item = &'w Word> + Clone) -> bool {
        let Some(end) = words.clone().map(|w| w.span.end).max() else { return false };
        let last = || words.clone().filter(|w| w.span.end == end);
        let Wanted { near, hint, .. } = &self.rules[rule];
        let own = last().filter(|w| near.has(w.index) || hint.has(w.index)).map(|w| w.span.start).min();
        let public = last().filter(|w| w.index < PUBLIC_WORDS.len()).map(|w| w.span.start).min();
        // `public_key` is more than the `key` in it, `client_id` more than the `id`.
        public.is_some_and(|public| own.is_none_or(|own| public < own))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn index() -> (ContextIndex, Context) {
        let context =
            Context { near: vec!["acme".into(), "dd".into()], hint: vec!["key".into(), "token".into()], within: 100 };
        let mut index = ContextIndex { within: 100, ..ContextIndex::empty() };
        PUBLIC_WORDS.iter().for_each(|w| {
            index.words.index(w);
        });
        let wanted = Wanted::new(&context, &mut index.words);
        index.rules.push(wanted);
        index.compile();
        (index, context)
    }

    #[test]
    fn spellings_of_a_key_name() {
        let (index, context) = index();
        let cases = [
            ("ACME_API_KEY=", true),
            ("acmeApiKey: ", true),
            ("acme-api-key = ", true),
            ("\"acme\": {\"key\": ", true),
            ("DD_API_KEY=", true),
            ("ddApiKey=", true),
            ("acmekey=", true),
            ("Acme token ", true),
            ("acmeapikey=", true),
            ("add_key=", false),
            ("KEY=", false),
            ("acme=", false),
            ("acme key sha256: ", false),
            ("pacmen key=", false),
            ("ACMEApiKey=", true),
            ("AcmeAccount9Key=", true),
            // A short word in encoded text is chance, and what was promised stands there already.
            ("key: CODE, v: ", false),
            ("acme token: \"VALUE\"\nacme token: ", true),
            ("acme token: \"VALUE\"\nchannel: ", false),
            ("acme.setProperty(TOKEN, \"VALUE\");\nacme.setProperty(acme.CHANNEL, \"", false),
            ("acme token:\n  production: ", true),
            ("acme token: \"VALUE\"\ndecode(\"", true),
            ("acme: {\n publicResourceKey: ", false),
            ("NEXT_PUBLIC_ACME_KEY=", true),
            // What is called with the value says whose it is.
            ("acme('APP', '", true),
            ("new Acme(\n  'APP',\n  \"", true),
            ("x = Acme::Client.new('APP', '", true),
            ("acme.initialize(app, '", true),
            ("acme.find('", false),
            ("findAcme('", false),
            ("acme('APP', find('", false),
            ("acme(sha1('", false),
            ("acme('APP'); find('", false),
            ("acme({id: '", false),
        ];
        // In two halves, so that keyscan finds nothing in its own source.
        let (value, code) = (concat!("0a1b2c3d4", "e5f6a7b8"), concat!("aGVsbG82xaGVsb/", "DD+Gd29yaGVsbG8gaG9x"));
        for (text, want) in cases {
            let text = text.replace("VALUE", value).replace("CODE", code);
            let hay = format!("{text}{code}");
            let words = index.find(hay.as_bytes(), 0..text.len());
            assert_eq!(index.holds(0, &context, hay.as_bytes(), &words, text.len()), want, "{text}");
        }
    }

    #[test]
    fn remarks_behind_a_value() {
        let (index, _) = index();
        for (before, behind, want) in [
            ("\"", "\",  # acme api key", true),
            ("", " // Acme auth token", true),
            ("key: ", " # acme", true),
            ("", " // acme", false),
            ("", " // the key", false),
            ("", " # sha256 of the acme key", false),
            ("", " # acme key id", false),
            ("checksum: ", " # acme key", false),
            ("| ", " | acme api key |", true),
        ] {
            let hay = format!("{before}VALUE{behind}");
            let end = before.len() + "VALUE".len();
            let words = index.remarks(hay.as_bytes(), before.len(), end);
            assert_eq!(index.is_remarked(0, &words, end), want, "{hay}");
        }
    }

    #[test]
    fn a_public_word_is_none_for_the_rule_that_looks_for_it() {
        let contexts = [&["client", "id"][..], &["client_id"], &["key"]].map(|hint| Context {
            near: vec!["acme".into()],
            hint: hint.iter().map(|h| (*h).to_owned()).collect(),
            within: 100,
        });
        let mut index = ContextIndex { within: 100, ..ContextIndex::empty() };
        PUBLIC_WORDS.iter().for_each(|w| {
            index.words.index(w);
        });
        for context in &contexts {
            let wanted = Wanted::new(context, &mut index.words);
            index.rules.push(wanted);
        }
        index.compile();
        for (text, want) in [
            ("ACME_CLIENT_ID=", [true, true, false]),
            ("acmeClientId: ", [true, false, false]),
            ("ACME_KEY_ID=", [true, false, false]),
            ("ACME_KEY=", [false, false, true]),
            ("ACME_PUBLIC_KEY=", [false, false, false]),
            ("ACME_CLIENT_UUID=", [false, false, false]),
        ] {
            let words = index.find(text.as_bytes(), 0..text.len());
            let hay = text.as_bytes();
            let holds = [0, 1, 2].map(|rule| index.holds(rule, &contexts[rule], hay, &words, hay.len()));
            assert_eq!(holds, want, "{text}");
            let could = index.could_hold(text.as_bytes(), 0..text.len(), &mut WordCache::default());
            assert!(could || !holds.contains(&true), "{text}");
        }
    }

    #[test]
    fn a_name_says_whose_key_it_is() {
        let (index, _) = index();
        for (text, want) in [
            ("ACME_API_KEY=", true),
            ("x = 1\nacmeApiKey: '", true),
            ("\"acme-api-token\": \"", true),
            ("<acme_token>", true),
            ("ACME_KEY2 = ", true),
            ("acme/key: ", false),
            ("acme.api-key=", true),
            ("acme-key-js: ", false),
            ("acme: {key: ", false),
            ("ACME_KEY_SHA=", false),
            ("ACME_PUBLIC_KEY=", false),
            ("ACME_KEY=\n", false),
            ("KEY=", false),
        ] {
            assert_eq!(index.is_named(0, text.as_bytes(), text.len()), want, "{text}");
        }
    }

    #[test]
    fn the_name_is_the_one_that_stands_there() {
        let (index, context) = index();
        for (text, want) in [("DD_API_KEY=", Some("dd")), ("dd or acme key: ", Some("acme")), ("key=", None)] {
            assert_eq!(index.name_at(&context, text.as_bytes(), text.len()..text.len()), want, "{text}");
        }
    }
}
