//! Comments that allow a finding: `keyscan:allow [RULE] [REASON]` on its line, or in a comment on the line before.
//!
//! Decided from the text of the object when it is scanned, so that every version of a line is judged by its own words and
//! the plain and the incremental scan cannot differ. The marks of other scanners count, too ([`FOREIGN`]).

use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use bstr::ByteSlice;
use memchr::{memchr, memrchr};
use regex::bytes::{Captures, Regex, RegexBuilder};

use crate::finding::Allowance;

/// What an inline mark is called in reports.
pub const BY: &str = "inline comment";

/// How far from a secret its line is looked at, on each side: minified files have lines of megabytes.
const REACH: usize = 4096;

/// Longest reason that is kept, in characters.
const REASON: usize = 200;

/// Marks of other scanners, as the documentation lists them. All but the last two stand on the line of the secret (or in a
/// comment on the line before it, as keyscan's own); the last two speak of the next line.
pub const FOREIGN: &[(&str, &str)] = &[
    ("gitleaks:allow", r"gitleaks:allow"),
    ("betterleaks:allow", r"betterleaks:allow"),
    ("trufflehog:ignore", r"trufflehog:ignore"),
    ("noseyparker:ignore", r"noseyparker:ignore"),
    ("kingfisher:ignore", r"kingfisher:(?:ignore|allow)"),
    ("ggignore", r"ggignore"),
    ("nosecret", r"nosecret"),
    ("pragma: allowlist secret", r"pragma:[ \t]*(?:allow|white)list[ \t]+secret"),
    ("secretlint-disable-line", r"secretlint-disable-line"),
    ("secretlint-disable-next-line", r"(?P<next1>secretlint-disable-next-line)"),
    ("pragma: allowlist nextline secret", r"(?P<next2>pragma:[ \t]*(?:allow|white)list[ \t]+nextline[ \t]+secret)"),
];

/// What comments say about a match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Nothing that concerns it.
    Nothing,
    /// It is allowed.
    Allowed(Allowance),
    /// A mark names a rule that there is not: it allows nothing, which its author should know.
    NoSuchRule(String),
}

/// The match that comments are looked for.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The whole text.
    pub text: &'a [u8],
    /// Where the secret stands.
    pub span: &'a Range<usize>,
    /// Id of its rule.
    pub rule: &'a str,
}

/// Where marks could begin in the part of a text that was looked at. The secrets of one line ask for the same few
/// kilobytes again and again, so each byte is looked at once.
#[derive(Debug, Default)]
pub struct Looked {
    range: Range<usize>,
    places: Vec<usize>,
}

impl Looked {
    /// Could a mark stand in a range of the text? Never says no wrongly; always asked about the same text.
    fn may_hold(&mut self, text: &[u8], range: &Range<usize>) -> bool {
        let apart = range.start > self.range.end + REACH || range.end + REACH < self.range.start;
        if self.range.is_empty() || apart {
            self.places = beginnings(text, range.clone());
            self.range = range.clone();
        }
        if range.start < self.range.start {
            let mut places = beginnings(text, range.start..self.range.start);
            places.append(&mut self.places);
            self.places = places;
            self.range.start = range.start;
        }
        if range.end > self.range.end {
            self.places.extend(beginnings(text, self.range.end..range.end));
            self.range.end = range.end;
        }
        let first = self.places.partition_point(|place| *place < range.start);
        self.places.get(first).is_some_and(|place| *place < range.end)
    }
}

/// Where a mark could begin in a range, in order; what begins there may end behind it.
fn beginnings(text: &[u8], range: Range<usize>) -> Vec<usize> {
    static SEARCH: LazyLock<AhoCorasick> = LazyLock::new(|| {
        let heads = FOREIGN.iter().map(|(name, _)| head(name)).chain(["keyscan:"]);
        AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(heads)
            .expect("fixed words, which every test of comments compiles")
    });
    let longest = SEARCH.max_pattern_len();
    let end = (range.end + longest).min(text.len());
    let found = SEARCH.find_overlapping_iter(&text[range.start..end]).map(|m| range.start + m.start());
    let mut places: Vec<usize> = found.filter(|place| *place < range.end).collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// How a mark begins, whatever follows: `pragma:`, `ggignore`.
fn head(name: &str) -> &str {
    name.find(':').map_or(name, |colon| &name[..=colon])
}

/// Looks at the line or lines of a secret and at the line before. `others` says whether another secret stands somewhere in
/// a range: a comment on a line with a secret speaks of that one. `known` says whether a word is the id of a rule, or the
/// beginning of ids. `looked` is what was seen of the text before.
pub fn on(
    place: Place<'_>,
    looked: &mut Looked,
    others: &dyn Fn(Range<usize>) -> bool,
    known: &dyn Fn(&str) -> bool,
) -> Said {
    let Place { text, span, rule } = place;
    let first = line_around(text, span.start);
    let last = line_around(text, span.end.saturating_sub(1).max(span.start));
    let mut said = Said::Nothing;
    let mut hear = |range: Range<usize>, before: bool| {
        if !matches!(said, Said::Allowed(_)) && looked.may_hold(text, &range) {
            match read(&text[range], rule, before, known) {
                Said::Nothing => {}
                other => said = other,
            }
        }
    };
    if first == last {
        // The secret itself may be a word that reads like a mark.
        hear(first.start..span.start.max(first.start), false);
        hear(span.end.min(first.end)..first.end, false);
    } else {
        hear(first.clone(), false);
        hear(last, false);
    }
    let reached = first.start > 0 && text[first.start - 1] == b'\n';
    if reached {
        let before = line_around(text, first.start - 1);
        let whole = before.start == 0 || text[before.start - 1] == b'\n';
        if whole && !others(before.clone()) {
            hear(before, true);
        }
    }
    said
}

/// The line around an offset, without its end, as far as it is looked at.
fn line_around(text: &[u8], at: usize) -> Range<usize> {
    let floor = at.saturating_sub(REACH);
    let ceiling = (at + REACH).min(text.len());
    let start = memrchr(b'\n', &text[floor..at]).map_or(floor, |i| floor + i + 1);
    let end = memchr(b'\n', &text[at..ceiling]).map_or(ceiling, |i| at + i);
    start..end.max(start)
}

/// What a piece of a line says about a rule. `before`: it is the line before that of the secret.
fn read(line: &[u8], rule: &str, before: bool, known: &dyn Fn(&str) -> bool) -> Said {
    let mut said = Said::Nothing;
    for mark in marks().captures_iter(line) {
        let at = mark.get(0).map_or(0..0, |m| m.range());
        if !stands_alone(line, &at) {
            continue;
        }
        let of_next = mark.name("next1").or_else(|| mark.name("next2")).is_some();
        if of_next != before && (of_next || !is_comment(&line[..at.start])) {
            continue;
        }
        match opinion(&mark, &line[at.end..], rule, known) {
            Said::Nothing => {}
            Said::Allowed(allowance) => return Said::Allowed(allowance),
            no_rule => said = no_rule,
        }
    }
    said
}

fn marks() -> &'static Regex {
    static MARKS: OnceLock<Regex> = OnceLock::new();
    MARKS.get_or_init(|| {
        let foreign: Vec<_> = FOREIGN.iter().map(|(_, pattern)| *pattern).collect();
        RegexBuilder::new(&format!("(?P<own>keyscan:allow)|{}", foreign.join("|")))
            .unicode(false)
            .case_insensitive(true)
            .build()
            .expect("a fixed expression, which every test of comments compiles")
    })
}

/// A mark is a word of its own: `nosecret` in `a/nosecret/b` or `--nosecrets` is none.
fn stands_alone(line: &[u8], at: &Range<usize>) -> bool {
    let before = &line[..at.start];
    let opens = before.last().is_none_or(|b| b.is_ascii_whitespace() || b"#*;%!('\"".contains(b))
        || [b"//".as_slice(), b"--", b"{{-"].iter().any(|leader| before.ends_with(leader));
    let closes = line.get(at.end).is_none_or(|b| !b.is_ascii_alphanumeric() && !b"_-/:".contains(b));
    opens && closes
}

/// Is this, the beginning of a line, the beginning of a comment and nothing else?
fn is_comment(head: &[u8]) -> bool {
    const LEADERS: [&str; 14] = ["//", "/*", "<!--", "--", "{{/*", "{#", "{-", "(*", "#", ";", "%", "*", "'", "!"];
    let head = head.trim_start();
    let leader = LEADERS.iter().find(|leader| head.starts_with(leader.as_bytes()));
    let word = head.len() >= 4 && head[..4].eq_ignore_ascii_case(b"rem ");
    let Some(length) = leader.map(|l| l.len()).or(word.then_some(4)) else { return false };
    // A second comment on the line, or the end of the first, and the line was more than a comment.
    let rest = &head[length..];
    let again = [b" //".as_slice(), b" /*", b" #", b" <!--", b"*/", b"-->", b"\t//", b"\t#"];
    !again.iter().any(|leader| rest.contains_str(leader))
}

/// What a mark says about a rule; `rest` is what follows on its line.
fn opinion(mark: &Captures<'_>, rest: &[u8], rule: &str, known: &dyn Fn(&str) -> bool) -> Said {
    let allowed = |reason: &str| {
        let reason: String = reason.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(REASON).collect();
        Said::Allowed(Allowance { by: BY.to_owned(), reason: (!reason.is_empty()).then_some(reason) })
    };
    if mark.name("own").is_none() {
        let name = mark.get(0).map(|m| m.as_bytes().to_str_lossy().into_owned()).unwrap_or_default();
        return allowed(&name);
    }
    let rest = rest.to_str_lossy();
    let rest = ["*/", "-->", "#}", "-}", "*)", "\"", "'"]
        .iter()
        .fold(rest.trim(), |rest, closer| rest.trim_end_matches(closer).trim_end());
    let word = rest.split_whitespace().next().unwrap_or_default();
    let reason = rest[word.len()..].trim();
    let names: Vec<&str> = word.split(',').map(|n| n.trim_end_matches([':', ';'])).filter(|n| !n.is_empty()).collect();
    if names.is_empty() || !names.iter().all(|n| is_rule_name(n, known)) {
        return allowed(rest);
    }
    if names.iter().any(|name| covers(name, rule)) {
        return allowed(reason);
    }
    match names.iter().find(|name| !known(name)) {
        Some(name) => Said::NoSuchRule((*name).to_owned()),
        None => Said::Nothing,
    }
}

/// Does the first word after the mark name a rule? What looks like an id is taken for one, so that a mistyped id cannot
/// turn into "all rules".
fn is_rule_name(word: &str, known: &dyn Fn(&str) -> bool) -> bool {
    let kebab = word.contains('-')
        && word.split('-').all(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
    kebab || known(word)
}

/// Is a rule meant by an id, or by the beginning of ids?
pub fn covers(name: &str, rule: &str) -> bool {
    rule.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `@` stands for the secret.
    fn ask(text: &str, rule: &str) -> Said {
        let at = text.find('@').unwrap_or(0);
        let text = text.replacen('@', "SECRET1234", 1);
        let span = at..at + 10;
        let place = Place { text: text.as_bytes(), span: &span, rule };
        let others = |range: Range<usize>| text[range].contains("OTHER");
        on(place, &mut Looked::default(), &others, &|name| ["acme-key", "github-pat"].iter().any(|id| covers(name, id)))
    }

    fn allows(text: &str, rule: &str) -> bool {
        matches!(ask(text, rule), Said::Allowed(_))
    }

    #[test]
    fn marks_on_the_line() {
        let yes = [
            "key = '@' # keyscan:allow",
            "key = '@'; // keyscan:allow made up",
            "/* keyscan:allow */ key = '@'",
            "@ #gitleaks:allow",
            "@ // betterleaks:allow",
            "@ # TRUFFLEHOG:IGNORE",
            "@ # noseyparker:ignore",
            "@ # kingfisher:ignore",
            "@ # ggignore",
            "@ # nosecret",
            "@ # pragma: allowlist secret",
            "@ # pragma: whitelist secret",
            "<a>@</a> <!-- keyscan:allow -->",
            "x\r\n@ # keyscan:allow\r\ny",
            "@ -- keyscan:allow",
            "{\"a\": \"@\", \"_\": \"keyscan:allow\"}",
        ];
        for text in yes {
            assert!(allows(text, "acme-key"), "{text}");
        }
        let no = [
            "key = '@'",
            "@ # keyscan:allowed",
            "@ # xkeyscan:allow",
            "@ https://a.example/nosecret/x",
            "@ nosecrets",
            "@ # pragma: allowlist nextline secret",
            "@\nkeyscan:allow",
            "@\n# keyscan:allow",
            "# keyscan:allow\n\n@",
            "x = 1 # keyscan:allow\n@",
        ];
        for text in no {
            assert!(!allows(text, "acme-key"), "{text}");
        }
    }

    #[test]
    fn marks_on_the_line_before() {
        let yes = [
            "# keyscan:allow\n@",
            "  // keyscan:allow why not\n  key = @",
            "<!-- keyscan:allow -->\r\n@",
            "a\n/* keyscan:allow */\n@",
            " * keyscan:allow\n@",
            "-- gitleaks:allow\n@",
            "# pragma: allowlist nextline secret\n@",
            "REM keyscan:allow\n@",
        ];
        for text in yes {
            assert!(allows(text, "acme-key"), "{text:?}");
        }
        // More than a comment, or the comment on another secret.
        let no = [
            "#define X 1 // keyscan:allow\n@",
            "/* a */ x(); // keyscan:allow\n@",
            "# OTHER keyscan:allow\n@",
            "# x\n@",
        ];
        for text in no {
            assert!(!allows(text, "acme-key"), "{text:?}");
        }
    }

    #[test]
    fn a_named_rule_is_the_only_one() {
        assert!(allows("@ # keyscan:allow acme-key rotated", "acme-key"));
        assert!(allows("@ # keyscan:allow acme rotated", "acme-key"));
        assert!(!allows("@ # keyscan:allow acme-key rotated", "github-pat"));
        assert!(allows("@ # keyscan:allow acme-key,github-pat: rotated", "github-pat"));
        assert!(allows("@ # keyscan:allow acme-key keyscan:allow github-pat", "github-pat"));
        assert_eq!(ask("@ # keyscan:allow acme-kye", "acme-key"), Said::NoSuchRule("acme-kye".into()));
        let Said::Allowed(a) = ask("@ /* keyscan:allow acme-key for the tests */", "acme-key") else { panic!() };
        assert_eq!(a.reason.as_deref(), Some("for the tests"));
        let Said::Allowed(a) = ask("@ // keyscan:allow documented sample", "acme-key") else { panic!() };
        assert_eq!(a.reason.as_deref(), Some("documented sample"));
    }

    #[test]
    fn several_lines() {
        let at = |text: &str| {
            let span = text.find("BEGIN").unwrap_or(0)..text.find("END").map_or(text.len(), |i| i + 3);
            let place = Place { text: text.as_bytes(), span: &span, rule: "pem" };
            matches!(on(place, &mut Looked::default(), &|_| false, &|_| false), Said::Allowed(_))
        };
        assert!(at("k = `BEGIN # keyscan:allow\nabc\nEND`"));
        assert!(at("k = `BEGIN\nabc\nEND` // keyscan:allow"));
        assert!(at("// keyscan:allow\nk = `BEGIN\nabc\nEND`"));
        assert!(!at("k = `BEGIN\nabc keyscan:allow\nEND`"));
    }

    #[test]
    fn a_secret_does_not_allow_itself() {
        let text = "password = \" nosecret keyscan:allow \"";
        let span = 12..text.len() - 1;
        let place = Place { text: text.as_bytes(), span: &span, rule: "x" };
        assert_eq!(on(place, &mut Looked::default(), &|_| false, &|_| false), Said::Nothing);
    }

    #[test]
    fn long_lines_cost_little() {
        let text = format!("{}@{} // keyscan:allow", "a".repeat(100_000), "b".repeat(100_000));
        assert!(!allows(&text, "acme-key"));
        let near = format!("{}@{} // keyscan:allow", "a".repeat(100_000), "b".repeat(4000));
        assert!(allows(&near, "acme-key"));
    }

    #[test]
    fn what_was_looked_at_before_changes_nothing() {
        let lines: Vec<String> = (0..400)
            .map(|i| {
                let mark = ["", "// keyscan:allow", "# gitleaks:allow", "# PRAGMA: allowlist secret", "nosecret", "no"];
                let filling = "x ".repeat(i % 7 * 300);
                format!("{filling}p{i} {} {filling}", mark[i * i % mark.len()])
            })
            .collect();
        let text = lines.join("\n");
        let mut looked = Looked::default();
        // Forward with steps back, and far away.
        let places = (0..3000).map(|i: usize| (i * 97 + i % 5 * 1500 + i / 1000 * 200_000) % (text.len() - 8));
        let mut allowed = 0;
        for at in places {
            let place = Place { text: text.as_bytes(), span: &(at..at + 8), rule: "x" };
            // One that always says that a mark could be there.
            let mut all = Looked { range: 0..text.len(), places: (0..text.len()).collect() };
            let said = on(place, &mut looked, &|_| false, &|_| false);
            assert_eq!(said, on(place, &mut all, &|_| false, &|_| false), "{at}");
            allowed += usize::from(said != Said::Nothing);
        }
        assert!(allowed > 100, "{allowed}");
    }

    #[test]
    fn every_mark_begins_as_marks_do() {
        for (name, _) in FOREIGN.iter().chain([&("keyscan:allow", "")]) {
            let text = format!("a {} b", name.to_ascii_uppercase());
            assert_eq!(beginnings(text.as_bytes(), 0..text.len()), [2], "{name}");
            assert_eq!(beginnings(text.as_bytes(), 0..3), [2], "{name}");
        }
    }
}
