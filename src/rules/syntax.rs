//! The serde types of a rule file, as documented in `docs/rule-format.md`. Unknown keys are errors.

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::finding::Severity;

/// A rule file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "keys such as `provider:` and `rules:`")]
pub struct RuleFile {
    /// Who issues the credentials.
    pub provider: String,
    /// Default for the rules of the file.
    pub rotate: Option<Rotation>,
    /// Default for the rules of the file.
    pub grants: Option<String>,
    /// The rules.
    pub rules: Vec<RuleSpec>,
}

/// One rule as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSpec {
    /// Unique kebab-case id.
    pub id: String,
    /// Human name.
    pub name: String,
    /// Shape in the format language.
    pub format: Option<String>,
    /// Checksum expressions, one of which must hold.
    pub checksum: Option<OneOrMany>,
    /// How sure the checksum or structure is.
    #[serde(default)]
    pub certainty: Certainty,
    /// Validator name and arguments.
    pub structure: Option<String>,
    /// Segment that is the secret.
    pub secret: Option<String>,
    /// Context words, one of which must stand before the value.
    pub near: Option<Vec<String>>,
    /// Second set of context words.
    pub hint: Option<Vec<String>>,
    /// How far back context is looked for, in bytes.
    pub within: Option<usize>,
    /// What a name must promise for its value to be judged: `password`, `token` and so on.
    pub named: Option<String>,
    /// Regular expression, the last resort.
    pub regex: Option<String>,
    /// Case-insensitive words, one of which is in every match of `regex`.
    pub keywords: Option<Vec<String>>,
    /// Format that mints an example for a `regex` or `named`.
    pub mint: Option<String>,
    /// What may stand around a match.
    #[serde(default)]
    pub boundary: Boundary,
    /// Where in a text it can stand.
    #[serde(default)]
    pub at: At,
    /// Ends of the paths of files that it is looked for in; empty: all files.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Words of a path, one of which takes a file out: `test`, `example`.
    #[serde(default)]
    pub outside: Vec<String>,
    /// What other findings show together: `browser-code`.
    pub derived: Option<String>,
    /// How dangerous a leak is.
    pub severity: Severity,
    /// Live or test.
    #[serde(default)]
    pub environment: Environment,
    /// Secret, publishable or identifier.
    #[serde(default)]
    pub kind: Kind,
    /// Why a publishable key or identifier is not a secret.
    pub reason: Option<String>,
    /// What an attacker can do with it.
    pub grants: Option<String>,
    /// Rules whose match close by completes this credential.
    #[serde(default)]
    pub pairs: Vec<String>,
    /// How to rotate it.
    pub rotate: Option<Rotation>,
}

/// One text or a list of texts.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl OneOrMany {
    /// The texts.
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// How sure a checksum or structure is; decides what a mismatch means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// In a vendor's document or source, or a published standard.
    #[default]
    Documented,
    /// Recomputed on public samples.
    Sampled,
    /// Positive evidence only.
    Unconfirmed,
}

impl Certainty {
    /// The lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Documented => "documented",
            Self::Sampled => "sampled",
            Self::Unconfirmed => "unconfirmed",
        }
    }
}

/// Where in a text a match can stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum At {
    /// Anywhere.
    #[default]
    Any,
    /// At its very beginning: files of a kind.
    Start,
}

/// What may stand directly around a match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Boundary {
    /// No word character before, nothing of the last segment's alphabet after.
    #[default]
    Word,
    /// Anything.
    None,
}

/// Where the key works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Real data or money.
    #[default]
    Live,
    /// Sandbox, test mode.
    Test,
}

impl Environment {
    /// The lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

/// Whether the matched thing must be kept secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Yes.
    #[default]
    Secret,
    /// Meant to be public.
    Publishable,
    /// Names something; no secret by itself.
    Identifier,
    /// A habit by which secrets leak, told of a file or a line.
    Hygiene,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Secret, Self::Publishable, Self::Identifier, Self::Hygiene];

    /// Is what it finds reported without being asked for?
    pub const fn is_reported(self) -> bool {
        matches!(self, Self::Secret | Self::Hygiene)
    }

    /// The lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Publishable => "publishable",
            Self::Identifier => "identifier",
            Self::Hygiene => "hygiene",
        }
    }
}

/// What to do when the credential leaked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// Page where it is revoked.
    pub revoke: Option<String>,
    /// The vendor's documentation.
    pub docs: Option<String>,
    /// May old and new be valid together?
    pub overlap: Option<bool>,
    /// What to do, first step first.
    #[serde(default)]
    pub steps: Vec<String>,
    /// Command that revokes it, with the secret as `$TOKEN`. keyscan only prints it.
    pub command: Option<String>,
    /// Can whoever holds the token revoke it?
    pub self_revoke: Option<bool>,
    /// What to look at afterwards.
    pub audit: Option<String>,
}

impl RuleFile {
    /// Parses the text of a rule file; `origin` names it in errors.
    pub fn parse(origin: &str, text: &str) -> Result<Self> {
        serde_yaml::from_str(text).map_err(|e| {
            let at = e.location().map(|l| format!(":{}:{}", l.line(), l.column())).unwrap_or_default();
            Error::new(format!("{origin}{at}: not a valid rule file"))
                .cause(unquoted(&e.to_string()))
                .help("see docs/rule-format.md for the keys of a rule file")
        })
    }
}

/// A parser's message without the values that it quotes: the file may be no rule file at all, but one full of secrets.
pub fn unquoted(message: &str) -> String {
    match (message.find('"'), message.rfind('"')) {
        (Some(first), Some(last)) if first < last => format!("{}...{}", &message[..=first], &message[last..]),
        _ => message.to_owned(),
    }
}
