//! Context words before a value: `datadog` and `key` before 32 hex digits.

use std::ops::Range;

use crate::detect::trigrams::Trigrams;
use crate::rules::class::Class;
use crate::rules::{Anchoring, Context, MAX_WITHIN, Rule, RuleSet};

/// Words between context and value that say that the value is no secret.
const PUBLIC_WORDS: &[&str] = &[
    "sha",
    "sha1",
    "sha256",
    "sha512",
    "shasum",
    "md5",
    "checksum",
    "integrity",
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
];

/// The words of all rules, found in one pass.
#[derive(Debug)]
pub struct ContextIndex {
    words: Vec<String>,
    /// Rules that want the word near, by word.
    near: Vec<Vec<usize>>,
    finder: Trigrams,
    within: usize,
    shapes: Vec<Shape>,
    /// Length of the longest word.
    longest: usize,
}

/// Words of one text that were found already. Cleared for each text.
#[derive(Debug, Default)]
pub struct WordCache {
    range: Range<usize>,
    words: Vec<Word>,
}

impl WordCache {
    /// Forgets the last text.
    pub fn clear(&mut self) {
        self.range = 0..0;
        self.words.clear();
    }
}

/// The lengths that values of one alphabet can have.
#[derive(Debug)]
pub struct Shape {
    class: Class,
    /// Does a run of so many bytes fit a rule? The last entry stands for all longer ones.
    lengths: Vec<bool>,
}

impl Shape {
    /// Does the text begin with a run of the alphabet that has the length of a value?
    pub fn fits(&self, text: &[u8]) -> bool {
        let most = self.lengths.len() - 1;
        let run = text.iter().take(most).take_while(|&&b| self.class.has(b)).count();
        self.lengths[run]
    }
}

/// Lengths of values up to this are told apart.
const TOLD_APART: usize = 300;

/// A context word in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    span: Range<usize>,
    index: usize,
}

impl ContextIndex {
    /// Collects the words of a rule set.
    pub fn new(set: &RuleSet) -> Self {
        let mut index = Self {
            words: Vec::new(),
            near: Vec::new(),
            finder: Trigrams::default(),
            within: 0,
            shapes: Vec::new(),
            longest: 0,
        };
        for word in PUBLIC_WORDS {
            index.word(word);
        }
        for (rule, context) in set.rules().iter().enumerate().filter_map(|(i, r)| Some((i, r.context.as_ref()?))) {
            if matches!(set.rules()[rule].anchoring, Anchoring::Value) {
                index.within = index.within.max(context.within);
            }
            for near in &context.near {
                let word = index.word(near);
                index.near[word].push(rule);
            }
            for hint in &context.hint {
                index.word(hint);
            }
        }
        index.compile();
        for rule in set.rules().iter().filter(|r| r.context.is_some() && matches!(r.anchoring, Anchoring::Value)) {
            index.add_shape(rule);
        }
        index
    }

    /// Alphabets and lengths of the values that need context.
    pub fn classes(&self) -> &[Shape] {
        &self.shapes
    }

    fn add_shape(&mut self, rule: &Rule) {
        let Some(format) = &rule.format else { return };
        // A format that begins with a literal or a group: any text could be its start.
        let class = format.first_class().unwrap_or_else(|| {
            (0..=255).fold(Class::default(), |mut all, b| {
                all.insert(b);
                all
            })
        });
        let at = self.shapes.iter().position(|s| s.class == class).unwrap_or_else(|| {
            self.shapes.push(Shape { class, lengths: vec![false; TOLD_APART + 1] });
            self.shapes.len() - 1
        });
        for (run, fits) in self.shapes[at].lengths.iter_mut().enumerate() {
            // The last entry stands for longer runs, too.
            *fits |= format.fits_run(run) || run == TOLD_APART;
        }
    }

    fn compile(&mut self) {
        self.longest = self.words.iter().map(String::len).max().unwrap_or(0);
        self.finder = Trigrams::new(self.words.iter().enumerate().map(|(i, w)| (w.as_bytes(), i as u32)));
    }

    /// How far back the rules look at most.
    pub fn within(&self) -> usize {
        self.within.min(MAX_WITHIN)
    }

    fn word(&mut self, word: &str) -> usize {
        self.words.iter().position(|w| w == word).unwrap_or_else(|| {
            self.words.push(word.to_owned());
            self.near.push(Vec::new());
            self.words.len() - 1
        })
    }

    /// All words in a range of the text that stand as words of their own: at the start of a camel-case or snake-case part.
    /// Sorted by place.
    pub fn find(&self, hay: &[u8], range: Range<usize>) -> Vec<Word> {
        let mut found = Vec::new();
        self.add(hay, range, &mut found);
        found
    }

    fn add(&self, hay: &[u8], range: Range<usize>, found: &mut Vec<Word>) {
        let byte = |at: usize| hay.get(at).map_or(b' ', u8::to_ascii_lowercase);
        for at in range.clone() {
            for index in self.finder.candidates([byte(at), byte(at + 1), byte(at + 2)]) {
                let word = self.words[index as usize].as_bytes();
                let span = at..at + word.len();
                if span.end <= range.end && hay[span.clone()].eq_ignore_ascii_case(word) && stands_alone(hay, &span) {
                    found.push(Word { span, index: index as usize });
                }
            }
        }
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
            cache.words.retain(|w| w.span.end <= cache.range.end && w.span.start < from);
            self.add(hay, from..range.end, &mut cache.words);
            cache.range.end = range.end;
        }
        let first = cache.words.partition_point(|w| w.span.start < range.start);
        let last = cache.words.partition_point(|w| w.span.start < range.end);
        &cache.words[first..last]
    }

    /// Rules that have one of the words near, ascending.
    pub fn rules(&self, words: &[Word]) -> Vec<usize> {
        let mut rules: Vec<_> = words.iter().flat_map(|w| &self.near[w.index]).copied().collect();
        rules.sort_unstable();
        rules.dedup();
        rules
    }

    /// The last of a rule's own words before a value, as the rule writes it.
    pub fn name_before(&self, context: &Context, hay: &[u8], at: usize) -> Option<&str> {
        let words = self.find(hay, at.saturating_sub(context.within)..at);
        let mut names = words.iter().map(|word| &self.words[word.index]);
        names.rfind(|word| context.near.contains(word)).map(String::as_str)
    }

    /// Is the context of a rule there for a value that begins at `at`?
    pub fn holds(&self, context: &Context, words: &[Word], at: usize) -> bool {
        let in_reach = |w: &&Word| w.span.end <= at && at - w.span.start <= context.within;
        words.iter().filter(in_reach).filter(|w| context.near.contains(&self.words[w.index])).any(|near| {
            let after = || words.iter().filter(|w| w.span.end <= at && w.span.start + 24 >= near.span.start);
            let hinted = context.hint.is_empty()
                || after().any(|w| w.span != near.span && context.hint.contains(&self.words[w.index]))
                || context.hint.contains(&self.words[near.index]);
            // The last word before the value tells what it is.
            let public = after().max_by_key(|w| w.span.end).is_some_and(|w| w.index < PUBLIC_WORDS.len());
            hinted && !public
        })
    }
}

/// A word begins where no letter of the same kind precedes it, and a short one ends likewise.
fn stands_alone(hay: &[u8], span: &Range<usize>) -> bool {
    let first = hay[span.start];
    let last = hay[span.end - 1];
    let (before, after) = (span.start.checked_sub(1).and_then(|at| hay.get(at)), hay.get(span.end));
    let is = |byte: Option<&u8>, what: fn(&u8) -> bool| byte.is_some_and(what);
    let digit_beside = is(before, u8::is_ascii_digit) && is(after, u8::is_ascii_hexdigit)
        || is(before, u8::is_ascii_hexdigit) && is(after, u8::is_ascii_digit);
    if digit_beside && hay[span.clone()].iter().all(u8::is_ascii_hexdigit) {
        // `fb` in the middle of hex digits is no name.
        return false;
    }
    let begins = match span.start.checked_sub(1).map(|i| hay[i]) {
        Some(before) if before.is_ascii_alphabetic() && first.is_ascii_alphabetic() => {
            before.is_ascii_lowercase() && first.is_ascii_uppercase()
        }
        _ => true,
    };
    let long = span.len() > 4;
    let ends = long
        || begins && goes_on_as_key(&hay[span.end..])
        || match hay.get(span.end) {
            Some(after) if after.is_ascii_alphabetic() && last.is_ascii_alphabetic() => {
                last.is_ascii_lowercase() && after.is_ascii_uppercase()
                    // FOOApiKey
                    || last.is_ascii_uppercase() && after.is_ascii_uppercase() && hay.get(span.end + 1).is_some_and(u8::is_ascii_lowercase)
            }
            _ => true,
        };
    // Hints stand inside compounds too: apikey, authtoken.
    (begins && ends) || (long || is_hint(&hay[span.clone()])) && ends && in_compound(hay, span)
}

/// `acmekey`, `acmeapitoken`: what follows a short name is the rest of a key name.
fn goes_on_as_key(text: &[u8]) -> bool {
    const PARTS: [&[u8]; 8] = [b"api", b"key", b"token", b"secret", b"auth", b"pass", b"access", b"pwd"];
    PARTS.iter().any(|part| text.get(..part.len()).is_some_and(|t| t.eq_ignore_ascii_case(part)))
}

fn is_hint(word: &[u8]) -> bool {
    [b"key".as_slice(), b"pass", b"auth", b"pwd"].iter().any(|w| word.eq_ignore_ascii_case(w))
}

/// `apikey`, `accesskey`, `authtoken`: the word ends a compound of letters.
fn in_compound(hay: &[u8], span: &Range<usize>) -> bool {
    hay.get(span.end).is_none_or(|b| !b.is_ascii_alphabetic())
}

/// Is a value at `at` given to something? `key = value`, `"key": "value"`, `--key value`, `(value`, `Bearer value`.
pub fn is_assigned(hay: &[u8], at: usize) -> bool {
    let floor = at.saturating_sub(16);
    let mut i = at;
    let (mut spaced, mut quoted, mut next_line) = (false, false, false);
    while i > floor {
        match hay[i - 1] {
            b'"' | b'\'' | b'`' | b'\\' => quoted = true,
            // b"..." and r'...' of several languages
            b'b' | b'r' | b'u' | b'f' if i < at && matches!(hay[i], b'"' | b'\'') => {}
            b' ' | b'\t' => spaced = true,
            b'\r' | b'\n' => next_line = true,
            b'=' | b':' | b'>' | b'(' | b',' | b'[' | b'{' | b'|' => return true,
            // Objective-C's @"..."; without a quote it stands before a version or a host.
            b'@' => return quoted,
            b => return spaced && !next_line && (b.is_ascii_alphanumeric() || b == b'_'),
        }
        i -= 1;
    }
    i == 0 || at == 0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn index() -> (ContextIndex, Context) {
        let context =
            Context { near: vec!["acme".into(), "dd".into()], hint: vec!["key".into(), "token".into()], within: 100 };
        let mut index = ContextIndex {
            words: Vec::new(),
            near: Vec::new(),
            finder: Trigrams::default(),
            within: 100,
            shapes: Vec::new(),
            longest: 0,
        };
        PUBLIC_WORDS.iter().for_each(|w| {
            index.word(w);
        });
        for word in context.near.iter().chain(&context.hint) {
            index.word(word);
        }
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
        ];
        for (text, want) in cases {
            let words = index.find(text.as_bytes(), 0..text.len());
            assert_eq!(index.holds(&context, &words, text.len()), want, "{text}");
        }
    }

    #[test]
    fn the_name_is_the_one_that_stands_there() {
        let (index, context) = index();
        for (text, want) in [("DD_API_KEY=", Some("dd")), ("dd or acme key: ", Some("acme")), ("key=", None)] {
            assert_eq!(index.name_before(&context, text.as_bytes(), text.len()), want, "{text}");
        }
    }

    #[test]
    fn assigned() {
        for (text, want) in
            [("a=", true), ("a: \"", true), ("--key ", true), ("f(", true), ("a-b/", false), ("x", false)]
        {
            assert_eq!(is_assigned(text.as_bytes(), text.len()), want, "{text}");
        }
    }
}
