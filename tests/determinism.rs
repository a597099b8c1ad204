//! The same bytes for any number of threads, and for the plain and the incremental scan, whatever was edited.

use std::fmt::Write as _;
use std::sync::OnceLock;

use data_encoding::{BASE64, HEXLOWER};
use keyscan::blob::Region;
use keyscan::detect::Detector;
use keyscan::detect::incremental::{Scratch, scan_change, scan_whole};
use keyscan::finding::RawMatch;
use keyscan::rules::{builtin, mint};
use keyscan::structure::Rng;
use proptest::prelude::*;

use crate::util::{DAY, Repo, START, builtin_rules, github_token, line, mint};

/// Everything that a report says, in each format.
fn reports(repo: &Repo, args: &[&str]) -> Vec<(&'static str, Vec<u8>)> {
    ["text", "json", "jsonl", "sarif"]
        .into_iter()
        .map(|format| {
            let epoch = (START + 1000 * DAY).to_string();
            let run = repo.keyscan().args(["--format", format, "--verbose"]).args(args);
            let out = run.env("SOURCE_DATE_EPOCH", &epoch).run().code(1);
            assert!(out.stderr.is_empty(), "{}", out.story());
            (format, out.stdout)
        })
        .collect()
}

#[track_caller]
fn assert_same(what: &str, a: &[(&str, Vec<u8>)], b: &[(&str, Vec<u8>)]) {
    for ((format, a), (_, b)) in a.iter().zip(b) {
        if a != b {
            let (a, b) = (String::from_utf8_lossy(a), String::from_utf8_lossy(b));
            let differing: Vec<_> = a.lines().zip(b.lines()).filter(|(a, b)| a != b).take(10).collect();
            let lines = (a.lines().count(), b.lines().count());
            panic!("{what}: the {format} reports differ, {lines:?} lines: {differing:#?}");
        }
    }
}

/// A value that some rule may find, as it is or in another spelling.
fn assigned(rng: &mut Rng) -> Vec<u8> {
    let (before, value, behind) = told(rng);
    let plain = [before.as_bytes(), &value, b"\""].concat();
    let escaped = |escape: &dyn Fn(u8) -> String, most: usize| -> Vec<u8> {
        let one = |(i, b): (usize, &u8)| if i % most == 0 { escape(*b).into_bytes() } else { vec![*b] };
        value.iter().enumerate().flat_map(one).collect()
    };
    let some = 1 + rng.below(9);
    let spelt = match rng.below(16) {
        0 => BASE64.encode(&value).into_bytes(),
        1 => wrapped(&BASE64.encode(&plain), 16 + rng.below(70)),
        2 => BASE64.encode(BASE64.encode(&plain).as_bytes()).into_bytes(),
        3 => HEXLOWER.encode(&value).into_bytes(),
        4 => escaped(&|b| format!("%{b:02X}"), some),
        5 => escaped(&|b| format!("\\u{b:04x}"), some),
        6 => escaped(&|b| format!("&#{b};"), some),
        7 => [&value[..value.len() / 2], b"\\\n", &value[value.len() / 2..]].concat(),
        _ => value,
    };
    [before.as_bytes(), &spelt, b"\"", behind.as_bytes()].concat()
}

/// Lines of a column.
fn wrapped(text: &str, column: usize) -> Vec<u8> {
    text.as_bytes().chunks(column).collect::<Vec<_>>().join(b"\n  ".as_slice())
}

/// A value that some rule may find, with what the rule wants before or behind it; a quote stands on both sides.
fn told(rng: &mut Rng) -> (String, Vec<u8>, String) {
    let rules = builtin_rules();
    loop {
        let rule = &rules.rules()[rng.below(rules.rules().len())];
        let Some(value) = mint::mint(rule, rng).filter(|v| v.len() < 4000) else { continue };
        let Some(context) = &rule.context else { return ("value = \"".into(), value, String::new()) };
        let (near, hint) = (&context.near[0], context.hint.first().map_or("key", String::as_str));
        let (before, behind) = match rng.below(6) {
            0 => ("\"".into(), format!(",  # {near} {hint}")),
            1 => ("| \"".into(), format!(" | {near} {hint} |")),
            2 => (format!("{near}('app', \""), ")".into()),
            _ => (format!("{near}_{hint} = \""), String::new()),
        };
        return (before, value, behind);
    }
}

/// Words, runs, separators: what stands around secrets, and tears them apart.
fn filler(rng: &mut Rng) -> Vec<u8> {
    match rng.below(9) {
        0 => b"\n".to_vec(),
        1 => b"\r\n".to_vec(),
        2 => vec![b'x'; rng.below(700)],
        3 => rng.text(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 20).into_bytes(),
        4 => rng.text(b"0123456789abcdef", 40).into_bytes(),
        5 => b" sha256 checksum digest ".to_vec(),
        6 => b"datadog api key github token aws secret azure ".to_vec(),
        7 => "an ordinary line of text, with words\n".repeat(1 + rng.below(30)).into_bytes(),
        _ => vec![b' '; 1 + rng.below(60)],
    }
}

/// A file under hostile edits.
struct Edited {
    bytes: Vec<u8>,
    crlf: bool,
    utf16: bool,
}

impl Edited {
    fn new(rng: &mut Rng) -> Self {
        let mut bytes = Vec::new();
        for _ in 0..12 {
            bytes.extend(filler(rng));
            bytes.extend(assigned(rng));
            bytes.push(b'\n');
        }
        Self { bytes, crlf: false, utf16: false }
    }

    fn insert(&mut self, at: usize, text: &[u8]) {
        self.bytes.splice(at..at, text.iter().copied());
    }

    fn line_start(&self, rng: &mut Rng) -> usize {
        let at = rng.below(self.bytes.len().max(1));
        self.bytes[..at.min(self.bytes.len())].iter().rposition(|&b| b == b'\n').map_or(0, |i| i + 1)
    }

    fn line_end(&self, start: usize) -> usize {
        self.bytes[start..].iter().position(|&b| b == b'\n').map_or(self.bytes.len(), |i| start + i + 1)
    }

    fn edit(&mut self, rng: &mut Rng) {
        let at = rng.below(self.bytes.len() + 1);
        match rng.below(15) {
            // A new secret on a line of its own, or somewhere in the middle of what is there.
            0 => {
                let text = [assigned(rng), b"\n".to_vec()].concat();
                let start = self.line_start(rng);
                self.insert(start, &text);
            }
            1 => self.insert(at, &assigned(rng)),
            // Something is cut out, which tears a secret, or joins what stood on both sides.
            2 | 3 => {
                let end = (at + rng.below(60)).min(self.bytes.len());
                self.bytes.drain(at..end);
            }
            // A secret in two parts; the gap will be deleted by the next edit of this kind.
            4 => {
                let text = assigned(rng);
                let (a, b) = text.split_at(text.len() / 2);
                let start = self.line_start(rng);
                self.insert(start, &[a, b"<gap of some length>", b, b"\n"].concat());
            }
            5 => {
                let gap = b"<gap of some length>";
                if let Some(at) = self.bytes.windows(gap.len()).position(|w| w == gap) {
                    self.bytes.drain(at..at + gap.len());
                }
            }
            // A line moves.
            6 => {
                let start = self.line_start(rng);
                let moved: Vec<u8> = self.bytes.drain(start..self.line_end(start)).collect();
                let to = self.line_start(rng);
                self.insert(to, &moved);
            }
            // The name changes and the value stays.
            7 | 8 => {
                let names: Vec<usize> =
                    (1..self.bytes.len()).filter(|&i| self.bytes[i..].starts_with(b" = \"")).collect();
                if !names.is_empty() {
                    let end = names[rng.below(names.len())];
                    let start = self.bytes[..end].iter().rposition(|&b| b == b'\n').map_or(0, |i| i + 1);
                    let name: &[u8] =
                        [b"value".as_slice(), b"datadog_api_key", b"sha256", b"aws_secret", b""][rng.below(5)];
                    self.bytes.splice(start..end, name.iter().copied());
                }
            }
            // The name stands on the line before.
            9 => {
                let value = rng.text(b"0123456789abcdef", 32);
                let start = self.line_start(rng);
                self.insert(start, format!("datadog_api_key:\n  - {value}\n").as_bytes());
            }
            // A key file, whole or without its end.
            10 => {
                let pem = mint("private-key-rsa", rng.next());
                let keep = if rng.below(2) == 0 { pem.len() } else { pem.len() - 40 };
                let start = self.line_start(rng);
                self.insert(start, &[&pem.as_bytes()[..keep], b"\n"].concat());
            }
            11 => self.insert(at, &filler(rng)),
            12 => self.crlf = !self.crlf && rng.below(2) == 0,
            13 => self.utf16 = !self.utf16 && rng.below(2) == 0,
            // One character is another.
            _ => {
                if let Some(byte) = self.bytes.get_mut(at) {
                    *byte = b'a' + (*byte % 26);
                }
            }
        }
        self.bytes.truncate(24_000);
    }

    fn content(&self) -> Vec<u8> {
        let text = String::from_utf8_lossy(&self.bytes);
        let text = if self.crlf { text.replace('\n', "\r\n") } else { text.into_owned() };
        if self.utf16 { text.encode_utf16().flat_map(u16::to_le_bytes).collect() } else { text.into_bytes() }
    }
}

/// A repository of many versions, all made by one `git fast-import`, in one pack of deep chains.
fn edited_repository(seed: u64, versions: usize) -> Repo {
    let mut rng = Rng::new(seed);
    let mut files: Vec<Edited> = (0..3).map(|_| Edited::new(&mut rng)).collect();
    let mut stream: Vec<u8> = Vec::new();
    for version in 0..versions {
        let edits = 1 + rng.below(3);
        let file = rng.below(files.len());
        (0..edits).for_each(|_| files[file].edit(&mut rng));
        let mut head = String::new();
        let message = format!("version {version}");
        let time = START + version as i64 * DAY;
        let _ = writeln!(head, "commit refs/heads/main\ncommitter Ann <ann@example.com> {time} +0000");
        let content = files[file].content();
        let _ = writeln!(head, "data {}\n{message}", message.len());
        let _ = writeln!(head, "M 100644 inline file{file}\ndata {}", content.len());
        stream.extend(head.into_bytes());
        stream.extend(content);
        stream.push(b'\n');
    }
    let repo = Repo::new();
    repo.import(&stream);
    repo.git(["repack", "-q", "-a", "-d", "-f", "--depth=50", "--window=50"]);
    repo.git(["checkout", "-q", "-f", "main"]);
    repo
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let repo = edited_repository(1, 120);
    // Loose objects and a second pack make the order of work differ, too.
    for n in 0..30 {
        repo.write(format!("dir{n}/file"), format!("{}{}", line(&github_token(400 + n)), line(&github_token(400))));
    }
    repo.commit("more");
    let one = reports(&repo, &["-j1"]);
    for _ in 0..3 {
        assert_same("-j1 and -j8", &one, &reports(&repo, &["-j8"]));
    }
    assert_same("-j1 and the default", &one, &reports(&repo, &[]));
}

/// A password for URLs, in halves, since this repository is scanned, too.
const PASSWORD: &str = concat!("x7Kq9", "mZp2v");

/// One password stands behind many hosts; what is told of it must not depend on which one is read first.
#[test]
fn facts_do_not_depend_on_which_place_is_read_first() {
    let repo = Repo::new();
    for n in 0..400 {
        repo.write(format!("f{n:03}"), format!("url = postgres://app:{PASSWORD}@db{n}.corp.net:5432/prod\n"));
    }
    repo.commit("first");
    let one = reports(&repo, &["-j1"]);
    for _ in 0..8 {
        assert_same("-j1 and -j8", &one, &reports(&repo, &["-j8"]));
    }
    assert_same("incremental and plain", &one, &reports(&repo, &["--plain"]));
}

/// The gravest place counts, wherever it stands.
#[test]
fn a_harmless_place_does_not_hide_a_grave_one() {
    let url = |host: &str| format!("url = postgres://app:{PASSWORD}@{host}:5432/prod\n");
    let (harmless, grave) = (url("localhost"), url("db.corp.net"));
    for (first, second) in [(&harmless, &grave), (&grave, &harmless)] {
        let repo = Repo::new();
        repo.write("a", first);
        repo.write("b", format!("{first}{second}"));
        let json = repo.json(1);
        assert_eq!(json.findings()[0]["severity"], "critical", "{}", json.story);
        assert_eq!(json.findings()[0]["occurrences"].as_array().unwrap().len(), 3);
        repo.keyscan().args(["--severity", "high"]).run().code(1);
    }
}

#[test]
fn packed_and_loose_give_the_same_findings() {
    let repo = Repo::with_removed(&github_token(440));
    let loose = repo.json(1);
    repo.git(["gc", "--quiet"]);
    assert_eq!(repo.json(1).value, loose.value);
}

#[test]
fn what_changed_is_enough_to_see() {
    for seed in 10..14 {
        let repo = edited_repository(seed, 220);
        let plain = reports(&repo, &["--plain", "--show-malformed", "--confidence=low", "--show-publishable"]);
        let changes = reports(&repo, &["--show-malformed", "--confidence=low", "--show-publishable"]);
        assert_same(&format!("seed {seed}: plain and incremental"), &plain, &changes);
    }
}

#[test]
fn the_pack_that_is_compared_has_deep_chains() {
    let repo = edited_repository(10, 220);
    let index = &repo.git_files("objects/pack", "idx")[0];
    let listing = repo.git(["verify-pack", "-v", index.to_str().unwrap()]);
    let depths: Vec<u32> = listing.lines().filter_map(|l| l.split_whitespace().nth(5)?.parse().ok()).collect();
    assert!(depths.iter().filter(|d| **d > 8).count() > 20, "{depths:?}");
}

fn detector() -> &'static Detector {
    static DETECTOR: OnceLock<Detector> = OnceLock::new();
    DETECTOR.get_or_init(|| Detector::new(builtin::rules().unwrap()))
}

/// A piece of text, from a kind and a seed.
fn piece((kind, seed): (u8, u64)) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    match kind % 5 {
        0 => assigned(&mut rng),
        4 => many(&mut rng),
        1 => {
            // A part of a secret.
            let text = assigned(&mut rng);
            let (from, to) = (rng.below(text.len()), rng.below(text.len()));
            text[from.min(to)..from.max(to)].to_vec()
        }
        2 => (0..1 + rng.below(8)).flat_map(|_| named(&mut rng)).collect(),
        _ => filler(&mut rng),
    }
}

/// Many values under one name: rows of a table or of an INSERT, items of a list.
fn many(rng: &mut Rng) -> Vec<u8> {
    let count = 1 + rng.below(12);
    let mut word = |n: usize| rng.text(b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", n);
    let values: Vec<(String, String)> = (0..count).map(|_| (word(5), word(14))).collect();
    let rows = |row: &dyn Fn(&str, &str) -> String| values.iter().map(|(a, b)| row(a, b)).collect::<Vec<_>>();
    let text = match rng.below(7) {
        0 => format!("\nname,password,id\n{}\n", rows(&|a, b| format!("{a},{b},7")).join("\n")),
        1 => format!("\nuser;passwd\r\n{}\r\n", rows(&|a, b| format!("{a};\"{b}\"")).join("\r\n")),
        2 => format!("\n| name | password |\n|---|---|\n{}\n", rows(&|a, b| format!("| {a} | `{b}` |")).join("\n")),
        3 => {
            let rows = rows(&|a, b| format!("(1, '{a}', '{b}')")).join(",\n");
            format!("INSERT INTO users (id, name, password) VALUES {rows};\n")
        }
        4 => format!("passwords:\n{}\n", rows(&|_, b| format!("  - {b}")).join("\n")),
        5 => format!("api_keys = [{}]\n", rows(&|_, b| format!("\"{b}\"")).join(", ")),
        _ => format!("chpasswd <<EOF\n{}\nEOF\n", rows(&|a, b| format!("{a}:{b}")).join("\n")),
    };
    text.into_bytes()
}

/// A small piece of an assignment: what decides whether a value is judged by its name, and where it ends.
fn named(rng: &mut Rng) -> Vec<u8> {
    const PARTS: &[&str] = &[
        "password",
        "db_pass",
        "Token",
        "SECRET_KEY",
        "api",
        "key",
        "identified by ",
        "\"",
        "'",
        "=",
        ": ",
        " => ",
        " := ",
        "\n",
        "\r\n",
        "  ",
        "<",
        ">",
        "</",
        "(",
        ")",
        "{",
        "}",
        "[",
        "&",
        "?",
        ",",
        ";",
        "value",
        "|",
        "+",
        "\\",
        "\\\"",
        "user",
        "kdf",
        "# ",
        "--",
        "&quot;",
        "-",
        "$",
        "\u{e9}t\u{e9} ici",
        "string",
        "BEGIN",
        // Hygiene looks at how files begin and at what a secret is made with.
        "\nDB_PASSWORD=",
        "NEXT_PUBLIC_API_SECRET_KEY",
        "reset_token = Math.random()",
        "def make_password(n):\n",
        "random.choice(",
    ];
    match rng.below(4) {
        0 => rng.text(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 4).into_bytes(),
        1 => rng.text(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 20).into_bytes(),
        _ => PARTS[rng.below(PARTS.len())].as_bytes().to_vec(),
    }
}

/// Where the next bytes of an object come from.
#[derive(Clone, Debug)]
enum Step {
    Copy { from: u16, len: u16 },
    Insert { kind: u8, seed: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (any::<u16>(), any::<u16>()).prop_map(|(from, len)| Step::Copy { from, len }),
        2 => (any::<u8>(), any::<u64>()).prop_map(|(kind, seed)| Step::Insert { kind, seed }),
    ]
}

/// Builds an object from a base, with regions as a delta would have them.
fn build(base: &[u8], steps: &[Step]) -> (Vec<u8>, Vec<Region>) {
    let (mut out, mut regions): (Vec<u8>, Vec<Region>) = (Vec::new(), Vec::new());
    for step in steps {
        match *step {
            Step::Copy { from, len } => {
                let from = usize::from(from) * base.len() / 65_536;
                // A copy reaches to the end of the base now and then.
                let rest = base.len() - from;
                let len = if len % 4 == 0 { rest } else { usize::from(len) * rest / 65_536 };
                if len == 0 {
                    continue;
                }
                match regions.last_mut() {
                    Some(Region::Copy { from: f, len: l, .. }) if *f + *l == from => *l += len,
                    _ => regions.push(Region::Copy { from, to: out.len(), len }),
                }
                out.extend_from_slice(&base[from..from + len]);
            }
            Step::Insert { kind, seed } => {
                let text = piece((kind, seed));
                if text.is_empty() {
                    continue;
                }
                match regions.last_mut() {
                    Some(Region::Insert { len, .. }) => *len += text.len(),
                    _ => regions.push(Region::Insert { to: out.len(), len: text.len() }),
                }
                out.extend(text);
            }
        }
    }
    (out, regions)
}

fn sorted(mut matches: Vec<RawMatch>) -> Vec<RawMatch> {
    let secret = |m: &RawMatch| m.decoded.as_ref().map(|d| (d.secret.clone(), d.via.clone()));
    matches.sort_by_cached_key(|m| (m.span.start, m.span.end, m.rule, secret(m), m.confidence));
    // Two pieces of a long run may both tell of what stands where one ends and the other begins.
    matches.dedup();
    matches
}

/// Values in a run of token characters that is longer than what is looked at around a change: an edit shifts the pieces that
/// it is looked at in.
#[test]
fn a_change_in_a_long_run_is_scanned_as_the_whole() {
    let (detector, mut scratch, mut rng) = (detector(), Scratch::default(), Rng::new(23));
    let mut found = 0;
    for round in 0..120 {
        let mut base = b"list: ".to_vec();
        for n in 0..40 {
            base.extend(format!("/entry{n}/datadog_api_key={}", rng.text(b"0123456789abcdef", 32)).bytes());
            let len = rng.below(60);
            base.extend(rng.text(b"abcxyz/._", len).bytes());
        }
        base.extend(b"\nend\n");
        let memo = scan_whole(detector, &base, &mut scratch);
        // At the start of the run, or anywhere in it: some bytes more, or some less.
        let at = if round % 2 == 0 { 6 } else { 6 + rng.below(base.len() - 12) };
        let text = rng.text(b"ab1/.", 1 + round * 5).into_bytes();
        let cut = if round % 3 == 0 { rng.below(700).min(base.len() - at) } else { 0 };
        let next = [&base[..at], &text, &base[at + cut..]].concat();
        let regions = [
            Region::Copy { from: 0, to: 0, len: at },
            Region::Insert { to: at, len: text.len() },
            Region::Copy { from: at + cut, to: at + text.len(), len: base.len() - at - cut },
        ];
        let regions: Vec<Region> = regions.into_iter().filter(|r| !matches!(r, Region::Copy { len: 0, .. })).collect();
        let change = scan_change(detector, &next, &memo, &regions, &mut scratch);
        let whole = scan_whole(detector, &next, &mut scratch);
        assert_eq!(sorted(change.matches()), sorted(whole.matches()), "round {round}, at {at}, cut {cut}");
        found += whole.matches().len();
    }
    assert!(found > 1000, "{found}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Three generations: what is inherited is inherited again.
    #[test]
    fn a_change_is_scanned_as_the_whole(
        base in proptest::collection::vec((any::<u8>(), any::<u64>()), 1..10),
        generations in proptest::collection::vec(proptest::collection::vec(step(), 1..7), 1..4),
    ) {
        let detector = detector();
        let mut scratch = Scratch::default();
        let mut bytes: Vec<u8> = base.into_iter().flat_map(piece).collect();
        let mut memo = scan_whole(detector, &bytes, &mut scratch);
        for steps in generations {
            let (next, regions) = build(&bytes, &steps);
            memo = scan_change(detector, &next, &memo, &regions, &mut scratch);
            bytes = next;
            let whole = scan_whole(detector, &bytes, &mut scratch);
            let shown = String::from_utf8_lossy(&bytes).into_owned();
            prop_assert_eq!(sorted(memo.matches()), sorted(whole.matches()), "{:?}\n{:?}", regions, shown);
            prop_assert_eq!(detector.resolve(memo.matches()), detector.scan(&bytes));
        }
    }
}
