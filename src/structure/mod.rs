//! Named structure validators: what a credential decodes to, when a shape is not enough.
//!
//! A rule names one with `structure: NAME ARGS...`. Each is one row of [`STRUCTURES`]: a function that looks at a match
//! and gives an [`Outcome`], and a function that mints an example for the tests. Facts (algorithms, vectors) come from
//! vendor documents and published standards; each validator's module says which.

mod armour;
mod azure;
mod bip39;
mod given;
mod hygiene;
mod json;
mod jwt;
mod keystore;
mod openssh;
mod pem;
mod pgp;
mod primitives;
mod putty;
#[cfg(test)]
mod readings;
mod segment;
mod selfcheck;
mod sieve;
#[cfg(test)]
mod tests;
mod token;
mod url;
#[cfg(test)]
mod vectors;
mod wallet;

use std::ops::Range;

use crate::finding::{Confidence, Fact, Severity, Verdict};

/// A match that a format produced, to be decoded.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The whole text around the match.
    pub hay: &'a [u8],
    /// Start of the match in `hay`.
    pub start: usize,
    /// End of the match in `hay`.
    pub end: usize,
    /// Named segments of the match, as spans of `hay`.
    pub captures: &'a [(&'a str, (usize, usize))],
    /// The words after the structure's name in the rule.
    pub args: &'a [String],
}

impl<'a> Input<'a> {
    /// The matched bytes.
    pub fn token(&self) -> &'a [u8] {
        self.hay.get(self.start..self.end).unwrap_or_default()
    }

    /// The bytes of a named segment; the whole match if there is none of that name.
    pub fn segment(&self, name: &str) -> &'a [u8] {
        match self.captures.iter().find(|(n, _)| *n == name) {
            Some((_, (start, end))) => self.hay.get(*start..*end).unwrap_or_default(),
            None => self.token(),
        }
    }
}

/// What a validator found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The opinion.
    pub verdict: Verdict,
    /// Where the credential stands; a finder may extend the match (PEM: to the end line).
    pub span: Range<usize>,
    /// All bytes of `hay` that the opinion depends on: a superset of `span`. A change outside of it cannot change the
    /// outcome. A validator that ran into the end of `hay` while looking must include `hay.len() + 1` as the end here.
    pub read: Range<usize>,
    /// What decoding showed; never a part of the secret.
    pub facts: Vec<Fact>,
    /// How sure the evidence makes by itself, where it was weighed; else verdict and randomness decide.
    pub confidence: Option<Confidence>,
    /// Caps the severity: encrypted, expired, test network.
    pub at_most: Option<Severity>,
    /// Further credentials of the same kind in what was read: the other rows of a statement.
    pub others: Vec<Outcome>,
    /// More of the kind was there than is read.
    pub cut: bool,
    /// The match is no credential at all (a publishable variant, an empty password, documentation): drop it silently.
    pub dismiss: bool,
}

impl Outcome {
    /// An outcome for exactly the match that came in.
    pub fn of(input: &Input<'_>, verdict: Verdict) -> Self {
        let span = input.start..input.end;
        let read = span.clone();
        Self {
            verdict,
            read,
            span,
            facts: Vec::new(),
            confidence: None,
            at_most: None,
            others: Vec::new(),
            cut: false,
            dismiss: false,
        }
    }

    /// Adds a fact.
    pub fn fact(mut self, label: &'static str, value: impl AsRef<str>) -> Self {
        self.facts.push(Fact::new(label, value));
        self
    }

    /// Caps the severity.
    pub fn at_most(mut self, severity: Severity) -> Self {
        self.at_most = Some(severity);
        self
    }

    /// Marks the match as no credential.
    pub fn dismissed(mut self) -> Self {
        self.dismiss = true;
        self
    }
}

/// A small deterministic random source for minting (SplitMix64); not for real keys.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    #[allow(clippy::should_implement_trait, reason = "an iterator's next would give an option, which never is none")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n` (which must not be 0).
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// One byte of a slice.
    pub fn pick(&mut self, of: &[u8]) -> u8 {
        of[self.below(of.len())]
    }

    /// `n` random bytes.
    pub fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.next() as u8).collect()
    }

    /// `n` characters of an alphabet.
    pub fn text(&mut self, alphabet: &[u8], n: usize) -> String {
        (0..n).map(|_| self.pick(alphabet) as char).collect()
    }
}

/// Makes a credential from random numbers and the arguments of the rule.
pub type Mint = fn(&mut Rng, &[String]) -> Vec<u8>;

/// One validator.
pub struct Structure {
    /// Name in rule files.
    pub name: &'static str,
    /// One line for `keyscan rules structures`: what it checks, and its source.
    pub what: &'static str,
    /// Names of the arguments, for the help and the arity check; a name ending in `?` may be left out.
    pub args: &'static [&'static str],
    /// Looks at a match.
    pub check: fn(&Input<'_>) -> Outcome,
    /// Mints a whole credential that passes (and matches the formats it is used with); `None` when the format alone
    /// mints one that passes. A structure whose first argument is `SEGMENT` mints the text of that segment only, see
    /// [`Structure::segment`].
    pub mint: Option<Mint>,
}

impl Structure {
    /// The segment that `mint` gives the text of, when that is not the whole credential.
    pub fn segment<'a>(&self, args: &'a [String]) -> Option<&'a str> {
        if self.args.first() == Some(&"SEGMENT") { args.first().map(String::as_str) } else { None }
    }
}

impl Structure {
    /// Is any password of the right place good for it, whatever it looks like?
    pub fn takes_any_password(&self) -> bool {
        self.name == "url-credentials" || self.weighs()
    }

    /// Does it judge a password by evidence, as the value of a name is judged?
    pub fn weighs(&self) -> bool {
        given::holds(self.name)
    }

    /// Is what it finds a document that holds credentials, each of which may be found by itself, too?
    pub fn is_document(&self) -> bool {
        matches!(self.name, "gcp-service-account" | "gcp-authorized-user" | "jwk" | "eth-keystore")
    }

    /// Does it only sort out what is no credential, so that the text still has to look random?
    pub fn is_sieve(&self) -> bool {
        self.name == "bearer" || sieve::SIEVES.contains(&self.name)
    }
}

impl std::fmt::Debug for Structure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Finds a validator by name.
pub fn by_name(name: &str) -> Option<&'static Structure> {
    STRUCTURES.iter().copied().flatten().find(|s| s.name == name)
}

/// Every validator, a table per module.
pub const STRUCTURES: &[&[Structure]] = &[
    azure::TABLE,
    wallet::TABLE,
    bip39::TABLE,
    pem::TABLE,
    openssh::TABLE,
    pgp::TABLE,
    putty::TABLE,
    jwt::TABLE,
    json::TABLE,
    url::TABLE,
    token::TABLE,
    segment::TABLE,
    keystore::TABLE,
    selfcheck::TABLE,
    hygiene::TABLE,
    given::TABLE,
    sieve::TABLE,
];
