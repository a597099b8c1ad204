//! What detection produces: verdicts, facts, secrets that hide themselves, findings and their occurrences.

mod secret;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bstr::BString;
use serde::{Deserialize, Serialize};

pub use secret::{Fingerprint, Secret};

/// How dangerous a leaked credential is. The order is from harmless to grave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; not dangerous by itself (publishable keys, identifiers).
    Info,
    /// Test keys, expired tokens.
    Low,
    /// Narrow scope, encrypted key files, webhooks.
    Medium,
    /// One service's data or spend.
    High,
    /// Organisation-wide, cloud, source code, publishing, payments, identity, wallets.
    Critical,
}

impl Severity {
    /// The lower-case name used in rule files, reports and flags.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What could be shown offline about a candidate. The order is from weakest to strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Has the prefix and the length, but checksum or structure is wrong.
    Malformed,
    /// Prefix, alphabet and length.
    Shape,
    /// Decodes to the documented structure.
    WellFormed,
    /// A checksum of 32 bits or more (or a key relation as strong) matched.
    Proven,
}

impl Verdict {
    /// The kebab-case name used in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Shape => "shape",
            Self::WellFormed => "well-formed",
            Self::Proven => "proven",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How sure keyscan is that a finding is a real credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Looks like a placeholder, or has little evidence.
    Low,
    /// Right shape or context; a reviewer should look.
    Medium,
    /// Distinctive shape and random body, or decodes as documented.
    High,
    /// Checksum proof.
    Proven,
}

impl Confidence {
    /// The lower-case name used in reports and flags.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Proven => "proven",
        }
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One thing that decoding showed, safe to print: never a part of the secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Fact {
    /// Short lower-case label: `issuer`, `expires`, `account`, `encrypted`.
    pub label: &'static str,
    /// The value, at most 200 characters, without control characters.
    pub value: String,
}

impl Fact {
    /// Makes a fact; control characters are replaced and the value is cut at 200 characters,
    /// since it comes from hostile input.
    pub fn new(label: &'static str, value: impl AsRef<str>) -> Self {
        let value = value.as_ref().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(200).collect();
        Self { label, value }
    }
}

/// A place in a text: byte offset and the line and column a reader would count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Bytes before the secret, in the decoded text.
    pub offset: usize,
    /// 1-based line.
    pub line: usize,
    /// 1-based column, counted in Unicode scalar values.
    pub column: usize,
    /// 1-based line of the last character.
    pub end_line: usize,
    /// 1-based column just after the last character.
    pub end_column: usize,
}

/// A match with an opinion, before it has a place in the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawMatch {
    /// Index of the rule in its rule set.
    pub rule: usize,
    /// Where the secret stands in the scanned bytes.
    pub span: Range<usize>,
    /// What could be shown offline.
    pub verdict: Verdict,
    /// What decoding showed.
    pub facts: Vec<Fact>,
    /// How sure, after scoring.
    pub confidence: Confidence,
    /// Severity after what was decoded (expired, encrypted).
    pub severity: Severity,
    /// Set if the secret does not stand there as it is: `span` is then what it was decoded from.
    pub decoded: Option<Box<Decoded>>,
}

impl RawMatch {
    /// The secret, from the text that it was found in.
    pub fn secret(&self, text: &[u8]) -> Secret {
        match &self.decoded {
            Some(decoded) => decoded.secret.clone(),
            None => Secret::new(&text[self.span.clone()]),
        }
    }

    /// Decodings that led to it, outermost first.
    pub fn via(&self) -> &[&'static str] {
        self.decoded.as_ref().map_or(&[], |d| &d.via)
    }
}

/// A secret that had to be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The secret itself.
    pub secret: Secret,
    /// The decodings, outermost first.
    pub via: Vec<&'static str>,
}

/// One secret under one rule, with everything known about it.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Identity; see [`Fingerprint`].
    pub fingerprint: Fingerprint,
    /// Index of the rule in its rule set.
    pub rule: usize,
    /// The secret itself.
    pub secret: Secret,
    /// The secret as it may be shown.
    pub masked: String,
    /// What could be shown offline.
    pub verdict: Verdict,
    /// How sure, after scoring.
    pub confidence: Confidence,
    /// Severity after what was decoded.
    pub severity: Severity,
    /// Why it is believed, one sentence fragment each, strongest first.
    pub reasons: Vec<String>,
    /// What decoding showed.
    pub facts: Vec<Fact>,
    /// Every place, sorted: working tree first, then history; of the same file in many versions only the first ones.
    pub occurrences: Vec<Occurrence>,
    /// How many more there are.
    pub more_places: usize,
    /// What history says; `None` when history was not looked at.
    pub life: Option<Life>,
    /// Could the secret be guessed? Then nothing that holds more than a few bits of it may be written to a file.
    pub guessable: bool,
    /// Why it is not reported. Allowed findings travel apart from the others and do not change the exit code.
    pub allowed: Option<Allowance>,
}

/// Who allowed a finding or one of its places, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Allowance {
    /// "inline comment", ".keyscan.yaml:12", ".keyscanignore:3", ".keyscan-baseline:7".
    pub by: String,
    /// The words of whoever allowed it.
    pub reason: Option<String>,
}

impl Finding {
    /// How many places there are, listed or not.
    pub fn places(&self) -> usize {
        self.occurrences.len() + self.more_places
    }

    /// Does a file of the working tree (or standard input) hold it now?
    pub fn in_tree(&self) -> bool {
        self.occurrences.iter().any(|o| matches!(o.place, Place::File { .. } | Place::Stdin))
    }

    /// How near it is to people: in a file, at the tip of a ref, in the history behind one, or nowhere but in the store.
    pub fn presence(&self) -> u8 {
        match &self.life {
            _ if self.in_tree() => 3,
            Some(life) if life.is_held() => 2,
            Some(life) => u8::from(life.reachable),
            None => 1,
        }
    }
}

/// One place where a secret stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// Where.
    pub place: Place,
    /// The path inside of it, if it is an archive: `!` stands between the layers. The position is one in that member.
    pub member: Option<BString>,
    /// Where in it; `None` in binary content, where only the offset means something.
    pub position: Position,
    /// The content is binary: lines and columns mean nothing, the offset does.
    pub binary: bool,
    /// The line, masked; `None` for binary content and for all but the first occurrences of a finding.
    pub excerpt: Option<Excerpt>,
    /// Decodings between the object's bytes and the secret, outermost first: `utf-16le`, `base64`.
    pub via: Vec<&'static str>,
    /// A comment on or before the line allows it.
    pub allowed: Option<Allowance>,
}

/// The thing that holds an occurrence. The order is the order of reports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Standard input.
    Stdin,
    /// A file of the working tree; path relative to the scanned root, `/`-separated bytes.
    File {
        /// The path.
        path: BString,
    },
    /// A blob in git history.
    Blob {
        /// Every path that it had in the commits looked at, sorted; empty for unreachable blobs.
        paths: Vec<BString>,
        /// Object id in hex.
        id: String,
        /// Hex id of the first commit that has it at one of these paths.
        commit: Option<String>,
    },
    /// A commit message, with author and committer lines.
    Commit {
        /// Commit id in hex.
        id: String,
    },
    /// An annotated tag's message.
    Tag {
        /// Tag object id in hex.
        id: String,
    },
    /// The name of a ref.
    Ref {
        /// The full name.
        name: BString,
    },
}

/// A source line that is safe to print: every secret in it masked, control characters replaced, cut to a readable
/// width.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The text.
    pub text: String,
    /// The masked secret in `text`, in characters.
    pub caret: Range<usize>,
}

/// A commit as reports show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitInfo {
    /// Hex id.
    pub id: String,
    /// Author name as recorded.
    pub author: String,
    /// Author e-mail as recorded; personal data, not for SARIF.
    pub email: String,
    /// Author date, seconds since 1970-01-01 UTC.
    pub time: i64,
    /// First line of the message, with secrets masked.
    pub summary: String,
}

/// Names of refs, sorted. The same few lists stand in thousands of lives, so they are shared.
pub type Names = Arc<Vec<String>>;

/// The life of a secret in the history of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// The earliest commit that has it and none of whose parents has.
    pub first: Option<CommitInfo>,
    /// For each path that no longer has it: the last commit that took it away.
    pub removed: Vec<Removal>,
    /// Commits that took it from one path and put it at another: pairs of old and new path, sorted.
    pub moves: Vec<(BString, BString)>,
    /// Does the commit at HEAD have it?
    pub in_head: bool,
    /// Local branches whose tip has it, short names, sorted.
    pub branches: Names,
    /// Remote-tracking branches whose tip has it.
    pub remotes: Names,
    /// Tags whose commit has it.
    pub tags: Names,
    /// Other refs (stash, notes, pull requests) whose tip has it, full names; and the index of a working tree.
    pub other_refs: Names,
    /// How many more such refs there are: forges keep one for every pull request, and only the first are named.
    pub more_refs: usize,
    /// How many more branches, remote-tracking branches and tags there are that are not named.
    pub more_branches: usize,
    /// See `more_branches`.
    pub more_remotes: usize,
    /// See `more_branches`.
    pub more_tags: usize,
    /// Some commit that a ref reaches has it, or an index. If not, only dangling objects do.
    pub reachable: bool,
    /// Days from the first commit to the removal from every tip, or to now.
    pub exposure_days: Option<i64>,
}

impl Life {
    /// Is it staged, and in no commit?
    pub fn is_only_staged(&self) -> bool {
        self.first.is_none() && self.other_refs.iter().any(|name| is_index(name))
    }

    /// Does some ref hold it at its tip?
    pub fn is_held(&self) -> bool {
        let lists = [&self.branches, &self.remotes, &self.tags, &self.other_refs];
        self.in_head || lists.iter().any(|list| !list.is_empty())
    }
}

/// Is it the name of an index instead of a ref: `index`, `worktrees/NAME/index`?
pub fn is_index(name: &str) -> bool {
    name.strip_suffix("index").is_some_and(|tree| {
        let linked = tree.strip_prefix("worktrees/").and_then(|name| name.strip_suffix('/'));
        matches!(tree, "" | "main-worktree/") || linked.is_some_and(|name| !name.contains('/'))
    })
}

/// A commit that took a secret away from a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Removal {
    /// The path.
    pub path: BString,
    /// Hex id of the commit.
    pub commit: String,
    /// Author date, seconds since 1970-01-01 UTC.
    pub time: i64,
}

/// Which repository was scanned, for services that want to link to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Web or ssh address of the remote `origin`, without user, password and query.
    pub uri: String,
    /// Hex id of the commit at HEAD.
    pub commit: Option<String>,
    /// The branch that is checked out, short name.
    pub branch: Option<String>,
}

/// What a scan did: the last words of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// What was asked for, as printed: "working tree and history of /x".
    pub target: String,
    /// The part of the history that was asked for, and what is staged: "the range main..HEAD". `None`: all there is.
    pub selection: Option<String>,
    /// The repository, if one was scanned that has a remote.
    pub origin: Option<Origin>,
    /// Rules in use.
    pub rules: usize,
    /// Files of the working tree read.
    pub files: u64,
    /// Their bytes.
    pub file_bytes: u64,
    /// Blobs of the history read, each once.
    pub blobs: u64,
    /// Commits read.
    pub commits: u64,
    /// Annotated tags read.
    pub tags: u64,
    /// Expanded bytes of all history objects read.
    pub history_bytes: u64,
    /// Was history scanned?
    pub history: bool,
    /// Left out on purpose (documented, does not change the exit code): reason and count, sorted.
    pub skipped: Vec<(String, u64)>,
    /// Could not be read: makes the scan incomplete. Sorted.
    pub problems: Vec<Problem>,
    /// Tokens whose checksum or structure is wrong, not reported.
    pub malformed: u64,
    /// Candidates under the confidence threshold, not reported.
    pub low_confidence: u64,
    /// Publishable keys and identifiers, not reported.
    pub not_secret: u64,
    /// Findings under the severity that was asked for, not reported.
    pub below_severity: u64,
    /// Findings allowed by the user, not reported.
    pub allowed: u64,
    /// The same by what allows them: "comments", ".keyscan.yaml", ".keyscanignore", a baseline. Sorted.
    pub allowed_by: Vec<(String, u64)>,
    /// Places of reported findings that are allowed and not listed.
    pub allowed_places: u64,
    /// Files that say what is allowed and left out, which were used. Sorted.
    pub config: Vec<String>,
    /// What their owner should look at: entries that allow nothing any more, that have expired. Sorted.
    pub notes: Vec<String>,
}

impl Receipt {
    /// Was everything that was asked for read?
    pub fn complete(&self) -> bool {
        self.problems.iter().all(|p| p.accepted)
    }
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The object: a path, an object id.
    pub object: String,
    /// What went wrong.
    pub what: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Accepted with `--allow-incomplete`: known and named, but not a failure.
    pub accepted: bool,
}
