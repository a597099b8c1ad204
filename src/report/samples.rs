//! Hand-made findings for the tests of all formats. Secrets are put together at run time and look like no vendor's.

use std::sync::Arc;

use bstr::BString;

use super::{Options, Report};
use crate::finding::{
    Allowance, CommitInfo, Confidence, Excerpt, Fact, Finding, Fingerprint, Life, Occurrence, Origin, Place, Position,
    Problem, Receipt, Removal, Secret, Severity, Verdict,
};
use crate::rules::{Environment, Kind, Rotation, RuleMeta};

/// Everything a report borrows.
pub(super) struct Sample {
    pub(super) findings: Vec<Finding>,
    pub(super) allowed: Vec<Finding>,
    pub(super) rules: Vec<RuleMeta>,
    pub(super) receipt: Receipt,
}

impl Sample {
    /// A bit of everything.
    pub(super) fn full() -> Self {
        Self {
            findings: vec![in_messages(), in_history(), in_tree(), unreachable(), key_file(), publishable()],
            allowed: vec![allowed()],
            rules: rules(),
            receipt: receipt(),
        }
    }

    /// Nothing found, everything read.
    pub(super) fn clean() -> Self {
        let receipt = Receipt {
            skipped: Vec::new(),
            problems: Vec::new(),
            malformed: 0,
            low_confidence: 0,
            not_secret: 0,
            below_severity: 0,
            allowed: 0,
            allowed_by: Vec::new(),
            allowed_places: 0,
            config: Vec::new(),
            notes: Vec::new(),
            ..receipt()
        };
        Self { findings: Vec::new(), allowed: Vec::new(), rules: rules(), receipt }
    }

    pub(super) fn report(&self, options: Options) -> Report<'_> {
        let Self { findings, allowed, rules, receipt } = self;
        Report { findings, allowed, rules, receipt, options }
    }
}

/// A finding's parts that differ between the samples; the rest is filled in.
pub(super) fn finding(rule: usize, secret: &str, severity: Severity, verdict: Verdict) -> Finding {
    let secret = Secret::new(secret.as_bytes());
    Finding {
        fingerprint: Fingerprint::strong(&rules()[rule].id, &secret),
        rule,
        masked: secret.mask(4),
        secret,
        verdict,
        confidence: match verdict {
            Verdict::Proven => Confidence::Proven,
            Verdict::WellFormed => Confidence::High,
            _ => Confidence::Medium,
        },
        severity,
        reasons: Vec::new(),
        facts: Vec::new(),
        occurrences: Vec::new(),
        more_places: 0,
        life: None,
        guessable: false,
        allowed: None,
    }
}

pub(super) fn file(path: &[u8], line: usize, column: usize) -> Occurrence {
    occurrence(Place::File { path: path.into() }, line, column)
}

fn blob(paths: &[&str], digit: char, line: usize) -> Occurrence {
    let place = Place::Blob {
        paths: paths.iter().map(|&path| path.into()).collect(),
        id: id(digit),
        commit: (!paths.is_empty()).then(|| id('c')),
    };
    occurrence(place, line, 9)
}

fn occurrence(place: Place, line: usize, column: usize) -> Occurrence {
    Occurrence {
        member: None,
        place,
        position: Position { offset: line * 40 + column, line, column, end_line: line, end_column: column + 40 },
        binary: false,
        excerpt: None,
        via: Vec::new(),
        allowed: None,
    }
}

/// An excerpt with the mask after `before`.
pub(super) fn excerpt(before: &str, masked: &str, after: &str) -> Option<Excerpt> {
    let start = before.chars().count();
    Some(Excerpt { text: format!("{before}{masked}{after}"), caret: start..start + masked.chars().count() })
}

pub(super) fn id(digit: char) -> String {
    digit.to_string().repeat(40)
}

pub(super) fn commit(digit: char, author: &str, summary: &str) -> CommitInfo {
    CommitInfo {
        id: id(digit),
        author: author.to_owned(),
        email: "jane@example.org".to_owned(),
        time: 1_700_000_000,
        summary: summary.to_owned(),
    }
}

fn removal(path: &str, digit: char, time: i64) -> Removal {
    Removal { path: BString::from(path), commit: id(digit), time }
}

/// In three files and 42 old versions; the tip of everything has it.
fn in_tree() -> Finding {
    let secret = format!("tok_{}{}", "x7".repeat(16), "9Zq4");
    let mut found = finding(0, &secret, Severity::Critical, Verdict::Proven);
    found.reasons = vec!["its CRC-32 matches".to_owned(), "assigned to a variable named token".to_owned()];
    found.facts = vec![Fact::new("account", "acme-production"), Fact::new("expires", "never")];
    let mut first = file(b"src/config.rs", 12, 18);
    first.excerpt = excerpt("    let token = \"", &found.masked, "\"; // r\u{e9}seau");
    let mut second = file("docs/\u{65e5}\u{672c} {x} [a](b).txt".as_bytes(), 3, 1);
    second.via = vec!["utf-16le"];
    let mut third = file(b"bin/caf\xe9", 1, 1);
    third.binary = true;
    found.occurrences = vec![third, second, first];
    let versions = ('0'..='9').chain('a'..='z').chain('A'..='F');
    let old = versions.map(|digit| blob(&["src/config.rs", "src/settings.rs"], digit, 12));
    found.occurrences.extend(old);
    found.more_places = 1_200;
    found.life = Some(Life {
        first: Some(commit('1', "Jane Doe", "Add deploy script")),
        removed: vec![removal("src/settings.rs", '2', 1_702_000_000)],
        moves: vec![("src/settings.rs".into(), "src/config.rs".into())],
        in_head: true,
        branches: ["a", "b", "c", "d", "e", "f", "main"].map(str::to_owned).to_vec().into(),
        remotes: vec!["origin/main".to_owned()].into(),
        tags: vec!["v1.0".to_owned()].into(),
        other_refs: vec!["refs/stash".to_owned()].into(),
        more_refs: 2,
        more_branches: 0,
        more_remotes: 0,
        more_tags: 3,
        reachable: true,
        exposure_days: Some(412),
    });
    found
}

/// Two paths had it once.
fn in_history() -> Finding {
    let secret = format!("svc-{}", "k3".repeat(18));
    let mut found = finding(1, &secret, Severity::High, Verdict::Shape);
    found.reasons = vec!["distinctive prefix and a random body".to_owned()];
    let mut first = blob(&["deploy/old.sh"], '3', 7);
    first.excerpt = excerpt(&"abcdefgh ".repeat(12), &found.masked, &" tail".repeat(20));
    found.occurrences = vec![first, blob(&["deploy/new.sh", "scripts/new.sh"], '4', 8)];
    found.life = Some(Life {
        first: Some(commit('5', "Jo\u{e3}o", "Initial import")),
        removed: vec![removal("deploy/new.sh", '7', 1_703_000_000), removal("deploy/old.sh", '6', 1_702_000_000)],
        reachable: true,
        exposure_days: Some(1),
        ..Life::default()
    });
    found
}

/// A dangling blob, binary.
fn unreachable() -> Finding {
    let secret = format!("svc-{}", "p5".repeat(18));
    let mut found = finding(1, &secret, Severity::Medium, Verdict::WellFormed);
    let mut place = blob(&[], '8', 1);
    place.binary = true;
    place.via = vec!["gzip", "base64"];
    found.occurrences = vec![place];
    found.life = Some(Life::default());
    found
}

/// In a commit message and a tag message only.
fn in_messages() -> Finding {
    let secret = format!("tst_{}", "q2".repeat(10));
    let mut found = finding(2, &secret, Severity::Low, Verdict::Shape);
    let at = |place| occurrence(place, 5, 3);
    found.occurrences = vec![at(Place::Commit { id: id('9') }), at(Place::Tag { id: id('a') })];
    found.life = Some(Life { first: Some(commit('9', "Jane Doe", "")), reachable: true, ..Life::default() });
    found
}

/// A multi-line secret in a tree whose history was not looked at.
fn key_file() -> Finding {
    let secret = format!("begin key\n{}\nend key\n", ["m4".repeat(32), "n6".repeat(32)].join("\n"));
    let mut found = finding(3, &secret, Severity::Critical, Verdict::WellFormed);
    found.masked = found.secret.mask(9);
    let mut place = file(b"certs/server.key", 1, 1);
    place.position.end_line = 4;
    place.position.end_column = 8;
    place.excerpt = excerpt("", &found.masked, "");
    found.occurrences = vec![place];
    found
}

/// Not a secret, shown because it was asked for; on standard input.
fn publishable() -> Finding {
    let secret = format!("pub_{}", "w8".repeat(16));
    let mut found = finding(4, &secret, Severity::Info, Verdict::Shape);
    found.occurrences = vec![occurrence(Place::Stdin, 2, 4)];
    found
}

/// In a test file, with a comment that says why.
fn allowed() -> Finding {
    let secret = format!("svc-{}", "r4".repeat(18));
    let mut found = finding(1, &secret, Severity::High, Verdict::Shape);
    let allowance = Allowance { by: "inline comment".to_owned(), reason: Some("made up for the test".to_owned()) };
    let mut place = file(b"tests/client.rs", 30, 9);
    place.allowed = Some(allowance.clone());
    found.occurrences = vec![place];
    found.allowed = Some(allowance);
    found
}

pub(super) fn rules() -> Vec<RuleMeta> {
    let mut token = rule("acme-token", "Acme access token", Severity::Critical);
    token.grants = "full access to the organisation's orders, payouts and webhooks, and to the keys of every \
                    other user of it"
        .to_owned();
    token.provable = true;
    token.bits = Some(190.5);
    token.rotate = Arc::new(Rotation {
        revoke: Some("https://acme.example/settings/keys".to_owned()),
        docs: Some("https://acme.example/docs/rotate".to_owned()),
        overlap: Some(true),
        steps: ["Create a second key.", "Deploy it.", "Delete the leaked key.", "Check the log."]
            .map(str::to_owned)
            .into(),
        command: Some("curl -X DELETE -H \"Authorization: Bearer $TOKEN\" https://acme.example/api/key".to_owned()),
        self_revoke: Some(true),
        audit: Some("orders and payouts since the first commit that had it, by key id".to_owned()),
    });
    let mut service = rule("acme-service-key", "Acme service key", Severity::High);
    service.bits = Some(64.0);
    service.rotate = Arc::new(Rotation {
        revoke: Some("the settings page of the service".to_owned()),
        overlap: Some(false),
        self_revoke: Some(true),
        ..Rotation::default()
    });
    let mut test = rule("acme-test-key", "Acme test key", Severity::Low);
    test.environment = Environment::Test;
    let mut file = rule("key-file", "Private key file", Severity::Critical);
    file.provable = true;
    let mut public = rule("acme-publishable-key", "Acme publishable key", Severity::Info);
    public.kind = Kind::Publishable;
    public.reason = Some("Made to stand in web pages; restrict it by referrer".to_owned());
    vec![token, service, test, file, public]
}

fn rule(id: &str, name: &str, severity: Severity) -> RuleMeta {
    RuleMeta {
        id: id.to_owned(),
        name: name.to_owned(),
        provider: "Acme".to_owned(),
        severity,
        environment: Environment::Live,
        kind: Kind::Secret,
        reason: None,
        grants: String::new(),
        rotate: Arc::default(),
        shape: String::new(),
        provable: false,
        bits: None,
    }
}

fn receipt() -> Receipt {
    Receipt {
        target: "working tree and history of /work/acme".to_owned(),
        selection: None,
        origin: Some(Origin {
            uri: "https://git.example/acme/shop.git".to_owned(),
            commit: Some(id('d')),
            branch: Some("main".to_owned()),
        }),
        rules: 612,
        files: 1234,
        file_bytes: 5_300_000,
        blobs: 98_765,
        commits: 4321,
        tags: 1,
        history_bytes: 5_780_000_000,
        history: true,
        skipped: vec![("files larger than 100 MiB (--max-size)".to_owned(), 2), ("submodules".to_owned(), 1)],
        problems: vec![
            Problem {
                object: "blob 1234567890".to_owned(),
                what: "missing from this partial clone".to_owned(),
                help: Some("git fetch --refetch --no-filter, or scan with --allow-incomplete".to_owned()),
                accepted: false,
            },
            Problem {
                object: "locked/\u{1b}[2Jfile".to_owned(),
                what: "permission denied".to_owned(),
                help: None,
                accepted: true,
            },
        ],
        malformed: 1,
        low_confidence: 17,
        not_secret: 2,
        below_severity: 4,
        allowed: 3,
        allowed_by: vec![(".keyscan-baseline".to_owned(), 2), ("comments".to_owned(), 1)],
        allowed_places: 5,
        config: vec![".keyscan-baseline".to_owned(), ".keyscan.yaml".to_owned()],
        notes: vec![".keyscan-baseline:9 allows nothing any more".to_owned()],
    }
}
