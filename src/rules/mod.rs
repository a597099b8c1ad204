//! Rules: loaded, checked, compiled; looked up by index or id.
//!
//! A rule file is parsed into [`syntax`] types, each rule compiled into a [`Rule`]: its [`format::Format`], its
//! [`expr::Check`]s and how it is anchored in a text, which decides how the prefilter finds it.

pub mod builtin;
pub mod check;
pub mod class;
pub mod expr;
pub mod format;
pub mod issue;
pub mod mint;
pub mod syntax;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use regex::bytes::{Regex, RegexBuilder};

pub use syntax::{At, Boundary, Certainty, Environment, Kind, Rotation};

use crate::error::{Error, Result};
use crate::finding::Severity;
use crate::generic::Class as Named;
use crate::structure::{self, Structure};
use class::Class;
use expr::Check;
use format::{Anchor, Format};
use syntax::{RuleFile, RuleSpec};

/// Context words that suggest a secret when a rule does not name its own.
const DEFAULT_HINT: &[&str] = &["key", "secret", "token", "password", "passwd", "pwd", "auth", "credential", "pass"];
/// How far back context is looked for by default, in bytes.
const DEFAULT_WITHIN: usize = 128;
/// Farthest that a rule may look back for context, in bytes.
pub const MAX_WITHIN: usize = 1024;

/// What reports need to know of a rule.
#[derive(Clone, Debug)]
pub struct RuleMeta {
    /// Unique kebab-case id.
    pub id: String,
    /// Human name.
    pub name: String,
    /// Who issues the credential.
    pub provider: String,
    /// How dangerous a leak is.
    pub severity: Severity,
    /// Live or test.
    pub environment: Environment,
    /// Secret, publishable or identifier.
    pub kind: Kind,
    /// Why it is not a secret.
    pub reason: Option<String>,
    /// What an attacker can do with it.
    pub grants: String,
    /// How to rotate it.
    pub rotate: Arc<Rotation>,
    /// The format (or regex) as written, for people.
    pub shape: String,
    /// Is there a checksum or structure to prove it?
    pub provable: bool,
    /// Bits of randomness in a secret of this format at least, if known. A checksum adds none.
    pub bits: Option<f64>,
}

/// Bits as people are told of them: whole ones, and no more than there are.
pub fn whole_bits(bits: f64) -> u32 {
    bits as u32
}

impl RuleMeta {
    /// What is known of a key that only its digest tells.
    fn inventory() -> Self {
        Self {
            id: "inventory-key".into(),
            name: "Key of your inventory".into(),
            provider: "Inventory".into(),
            severity: Severity::Critical,
            environment: Environment::Live,
            kind: Kind::Secret,
            reason: None,
            grants: "what you issued it for; its label says which one it is".into(),
            rotate: Arc::new(Rotation {
                steps: vec![
                    "Revoke the key in the system that issued it; the label and the digest name it.".into(),
                    "Issue a new key to its owner, and put the new digest into the inventory.".into(),
                ],
                audit: Some("look at what was done with the key since it leaked".into()),
                ..Rotation::default()
            }),
            shape: String::new(),
            provable: true,
            bits: None,
        }
    }

    /// Does the rule say what something is, but not who issued it? Then a rule that knows the issuer is believed more.
    pub fn is_generic(&self) -> bool {
        matches!(self.provider.as_str(), "HTTP" | "Generic" | "netrc")
    }
}

/// A compiled rule.
#[derive(Debug)]
pub struct Rule {
    /// The shape, unless the rule is a regex.
    pub format: Option<Format>,
    /// Checksum equations, one of which must hold; none: nothing to prove.
    pub checks: Vec<Check>,
    /// What a mismatch of checksum or structure means.
    pub certainty: Certainty,
    /// Validator and its arguments.
    pub structure: Option<(&'static Structure, Vec<String>)>,
    /// Index of the segment that is the secret.
    pub secret: Option<usize>,
    /// Words that must stand before the value.
    pub context: Option<Context>,
    /// The last resort.
    pub regex: Option<LazyRegex>,
    /// What may stand around a match.
    pub boundary: Boundary,
    /// How it is found.
    pub anchoring: Anchoring,
    /// Ids of rules that complete it.
    pub pairs: Vec<String>,
    /// Format that mints an example for a regex.
    pub mint: Option<Format>,
    /// It comes from what is scanned.
    pub foreign: bool,
    /// Ends of the paths of files that it is looked for in; empty: all files.
    pub paths: Vec<String>,
    /// Lower-case words of a path, one of which takes a file out.
    pub outside: Vec<String>,
}

/// Words that must stand before a value that has no distinctive shape.
#[derive(Clone, Debug)]
pub struct Context {
    /// Lower-case words, one of which is needed.
    pub near: Vec<String>,
    /// A second set, one of which is needed too; empty: none.
    pub hint: Vec<String>,
    /// How far back, in bytes.
    pub within: usize,
}

/// How the prefilter finds the candidates of a rule.
#[derive(Clone, Debug)]
pub enum Anchoring {
    /// A literal inside every match.
    Literal(Anchor),
    /// A value that looks random, of the rule's length, with the context words before it (if it has any).
    Value,
    /// One of these lower-case words, in any letter case, inside the match of a regex.
    Words(Vec<String>),
    /// At the very beginning of a text.
    Start,
    /// By the digest of the whole key, from an inventory.
    Inventory,
    /// A name that promises a secret of this kind, with a value that is judged by evidence.
    Name(Named),
    /// Not in a text: what other findings show together.
    Derived,
}

/// A regular expression that is compiled at its first candidate.
#[derive(Debug)]
pub struct LazyRegex {
    source: String,
    compiled: OnceLock<Option<Regex>>,
}

impl LazyRegex {
    /// Keeps the source.
    pub fn new(source: &str) -> Self {
        Self { source: source.to_owned(), compiled: OnceLock::new() }
    }

    /// Compiles it now, to see whether it is valid.
    pub fn compile(source: &str) -> Result<Regex> {
        RegexBuilder::new(source)
            .unicode(false)
            .size_limit(1 << 20)
            .build()
            .map_err(|e| Error::new("not a valid regular expression").cause(e))
    }

    /// The compiled expression; `None` if it is not valid, which `rules check` and loading have refused.
    pub fn get(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| Self::compile(&self.source).ok()).as_ref()
    }
}

/// All rules of a scan.
#[derive(Debug)]
pub struct RuleSet {
    rules: Vec<Rule>,
    metas: Vec<RuleMeta>,
    by_id: BTreeMap<String, usize>,
    /// Every id that was loaded, also of rules that are not in use.
    ids: Vec<String>,
}

/// The rules of one file, compiled.
#[derive(Debug)]
pub struct Compiled {
    origin: String,
    rules: Vec<(Rule, RuleMeta)>,
}

impl Compiled {
    /// Compiles a rule file; `origin` is used in errors.
    pub fn new(origin: &str, file: RuleFile) -> Result<Self> {
        let RuleFile { provider, rotate, grants, rules } = file;
        let rotate = Arc::new(rotate.unwrap_or_default());
        let compile = |spec: RuleSpec| {
            let named = |e: Error| Error::new(format!("{origin}: rule `{}`", spec.id)).cause(e);
            let rule = Rule::compile(&spec).map_err(named)?;
            let meta = meta(spec, &provider, &rotate, grants.as_deref(), &rule);
            Ok((rule, meta))
        };
        Ok(Self { rules: rules.into_iter().map(compile).collect::<Result<_>>()?, origin: origin.to_owned() })
    }
}

impl RuleSet {
    /// Compiles rule files; `origin` of each is used in errors.
    pub fn compile(files: impl IntoIterator<Item = (String, RuleFile)>) -> Result<Self> {
        let compiled = files.into_iter().map(|(origin, file)| Compiled::new(&origin, file));
        Self::of(compiled.collect::<Result<Vec<_>>>()?)
    }

    /// The rules of some files.
    pub fn of(files: impl IntoIterator<Item = Compiled>) -> Result<Self> {
        let mut set = Self { rules: Vec::new(), metas: Vec::new(), by_id: BTreeMap::new(), ids: Vec::new() };
        for Compiled { origin, rules } in files {
            for (rule, meta) in rules {
                if set.by_id.insert(meta.id.clone(), set.rules.len()).is_some() {
                    return Err(Error::new(format!("{origin}: two rules have the id `{}`", meta.id))
                        .help("give one of them another id, or switch the built-in one off"));
                }
                set.ids.push(meta.id.clone());
                set.rules.push(rule);
                set.metas.push(meta);
            }
        }
        Ok(set)
    }

    /// Keeps only the rules that `keep` wants.
    pub fn retain(self, keep: impl Fn(&RuleMeta) -> bool) -> Self {
        let (rules, metas): (Vec<_>, Vec<_>) =
            self.rules.into_iter().zip(self.metas).filter(|(_, meta)| keep(meta)).unzip();
        let by_id = metas.iter().enumerate().map(|(i, m): (usize, &RuleMeta)| (m.id.clone(), i)).collect();
        Self { rules, metas, by_id, ids: self.ids }
    }

    /// Is this the id of a rule, or the beginning of ids (`github` of `github-pat-classic`), in use or not?
    pub fn knows(&self, name: &str) -> bool {
        self.ids.iter().any(|id| id.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')))
    }

    /// Makes rules yield to all others where both match: they come from what is scanned, which must not be able to put a
    /// harmless name on a credential.
    pub fn distrust(&mut self, foreign: impl Fn(&RuleMeta) -> bool) {
        for (rule, meta) in self.rules.iter_mut().zip(&self.metas) {
            rule.foreign = foreign(meta);
        }
    }

    /// Adds the rule that keys of an inventory are shown under; gives its index.
    pub fn add_inventory(&mut self) -> usize {
        let index = self.rules.len();
        let meta = RuleMeta::inventory();
        self.by_id.insert(meta.id.clone(), index);
        self.metas.push(meta);
        self.rules.push(Rule {
            format: None,
            checks: Vec::new(),
            certainty: Certainty::Documented,
            structure: None,
            secret: None,
            context: None,
            regex: None,
            boundary: Boundary::Word,
            anchoring: Anchoring::Inventory,
            pairs: Vec::new(),
            mint: None,
            foreign: false,
            paths: Vec::new(),
            outside: Vec::new(),
        });
        index
    }

    /// The compiled rules.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What people need to know of each, in the same order.
    pub fn metas(&self) -> &[RuleMeta] {
        &self.metas
    }

    /// Index of a rule.
    pub fn index_of(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }
}

fn meta(spec: RuleSpec, provider: &str, rotate: &Arc<Rotation>, grants: Option<&str>, rule: &Rule) -> RuleMeta {
    RuleMeta {
        id: spec.id,
        name: spec.name,
        provider: provider.to_owned(),
        severity: spec.severity,
        environment: spec.environment,
        kind: spec.kind,
        reason: spec.reason,
        grants: spec.grants.unwrap_or_else(|| grants.unwrap_or_default().to_owned()),
        rotate: spec.rotate.map_or_else(|| Arc::clone(rotate), Arc::new),
        shape: match (spec.format, spec.regex, spec.named) {
            (Some(text), ..) | (None, Some(text), _) => text,
            (None, None, Some(named)) => format!("the value of a name like {named}, judged by evidence"),
            (None, None, None) if spec.derived.is_some() => "what another rule finds, by the path of the file".into(),
            (None, None, None) => String::new(),
        },
        provable: rule.is_provable(),
        bits: rule.random_bits(),
    }
}

impl Rule {
    /// Compiles one rule.
    pub fn compile(spec: &RuleSpec) -> Result<Self> {
        let format = spec.format.as_deref().map(Format::parse).transpose()?;
        let regex = spec.regex.as_deref().map(LazyRegex::new);
        let names = format.as_ref().map(|f| f.names().to_vec()).unwrap_or_default();
        let checks = match &spec.checksum {
            Some(list) => list.as_slice().iter().map(|text| Check::parse(text, &names)).collect::<Result<Vec<_>>>()?,
            None => Vec::new(),
        };
        let secret = match (&spec.secret, &format) {
            (Some(name), Some(format)) => Some(format.name_index(name).ok_or_else(|| {
                Error::new(format!("`secret: {name}` names no segment of the format")).help("name one of its segments")
            })?),
            _ => None,
        };
        let context = spec.near.as_ref().map(|near| Context {
            near: spellings(near),
            hint: match &spec.hint {
                Some(hint) => spellings(hint),
                None => DEFAULT_HINT.iter().map(|w| (*w).to_owned()).collect(),
            },
            within: spec.within.unwrap_or(DEFAULT_WITHIN).min(MAX_WITHIN),
        });
        let anchoring = Self::anchoring(spec, format.as_ref(), context.as_ref())?;
        Ok(Self {
            checks,
            certainty: spec.certainty,
            structure: spec.structure.as_deref().map(parse_structure).transpose()?,
            secret,
            context,
            regex,
            boundary: spec.boundary,
            anchoring,
            pairs: spec.pairs.clone(),
            mint: spec.mint.as_deref().map(Format::parse).transpose()?,
            foreign: false,
            paths: spec.paths.clone(),
            outside: spec.outside.clone(),
            format,
        })
    }

    fn anchoring(spec: &RuleSpec, format: Option<&Format>, context: Option<&Context>) -> Result<Anchoring> {
        if let Some(derived) = &spec.derived {
            return match derived.as_str() {
                "browser-code" => Ok(Anchoring::Derived),
                _ => Err(Error::new(format!("`derived: {derived}` is not known")).help("write browser-code")),
            };
        }
        if spec.at == At::Start {
            return match (format, context) {
                (Some(_), None) => Ok(Anchoring::Start),
                _ => Err(Error::new("`at: start` needs a `format`, and no `near`: nothing stands before the start")),
            };
        }
        if let Some(named) = &spec.named {
            return Named::by_name(named).map(Anchoring::Name).ok_or_else(|| {
                Error::new(format!("`named: {named}` is no kind of name"))
                    .help(format!("write one of {}", Named::ALL.map(Named::as_str).join(", ")))
            });
        }
        let Some(format) = format else {
            let words = spec.keywords.clone().unwrap_or_default();
            if spec.regex.is_none() || words.is_empty() || words.iter().any(|w| w.len() < 3) {
                return Err(Error::new(
                    "a rule needs a `format`, or a `regex` with `keywords` of 3 characters or more",
                ));
            }
            return Ok(Anchoring::Words(words.iter().map(|w| w.to_ascii_lowercase()).collect()));
        };
        match format.anchor() {
            // A literal of two or three characters is worse than a context word.
            Some(anchor) if context.is_none() || anchor.literals.iter().all(|l| l.len() >= 4) => {
                Ok(Anchoring::Literal(anchor))
            }
            _ if value_run(format.nodes()) >= 16 && changes(format.nodes()) >= 1.0 => Ok(Anchoring::Value),
            Some(anchor) => Ok(Anchoring::Literal(anchor)),
            None if value_run(format.nodes()) >= 16 => Err(Error::new(
                "the prefilter could miss this format: it has no literal of two characters or more, and values without \
                 one are told from words by changing between letters and digits, or between letter cases",
            )
            .help("add a literal prefix, or widen the alphabet")),
            None => Err(Error::new(
                "the prefilter could miss this format: it has no literal of two characters or more, and \
                                    no unbroken run of 16 token characters",
            )
            .help("add a literal prefix, or make the segments at least 16 characters of [A-Za-z0-9_+/=.-]")),
        }
    }

    /// Can a match stand in the middle of a longer word? What proves itself needs no boundaries.
    pub fn may_stand_inside(&self) -> bool {
        let proves = !self.checks.is_empty() || self.is_provable() && matches!(self.anchoring, Anchoring::Literal(_));
        self.boundary == Boundary::None || proves
    }

    /// Is it looked for in a file of this path?
    pub fn wants_path(&self, path: &[u8]) -> bool {
        let wanted = self.paths.is_empty()
            || self.paths.iter().any(|end| {
                path.strip_suffix(end.as_bytes())
                    .is_some_and(|rest| rest.is_empty() || rest.ends_with(b"/") || end.starts_with('.'))
            });
        let mut words = path.split(|b| !b.is_ascii_alphanumeric());
        wanted && !words.any(|word| self.outside.iter().any(|w| word.eq_ignore_ascii_case(w.as_bytes())))
    }

    /// Does the path of a file count?
    pub fn minds_paths(&self) -> bool {
        !self.paths.is_empty() || !self.outside.is_empty()
    }

    /// Bits of randomness in a secret: the checksum in it adds none.
    pub fn random_bits(&self) -> Option<f64> {
        let format = self.format.as_ref()?;
        let check = self.checks.first().and_then(Check::target).map_or(0.0, |target| format.segment_bits(target));
        Some((format.bits() - check).max(0.0))
    }

    /// Is there a checksum or a structure that tells something? One that only sorts out, or weighs evidence, does not.
    pub fn is_provable(&self) -> bool {
        let proves = |structure: &Structure| !structure.is_sieve() && !structure.weighs();
        !self.checks.is_empty() || self.structure.as_ref().is_some_and(|(structure, _)| proves(structure))
    }

    /// Bytes at the start of a secret of this rule that may be shown: the literal that its format begins with. A structure
    /// may have found the secret elsewhere, behind that literal; of such a one nothing is shown.
    pub fn shown_prefix(&self, secret: &[u8]) -> usize {
        match (&self.format, self.secret) {
            (Some(format), None) if secret.starts_with(format.prefix()) => format.prefix().len().min(24),
            _ => 0,
        }
    }
}

/// Context words in lower case; one of several parts in every way that the parts of a name are joined.
fn spellings(words: &[String]) -> Vec<String> {
    let mut all: Vec<String> = words.iter().map(|w| w.to_ascii_lowercase()).collect();
    for word in words {
        let parts: Vec<&str> = word.split(['_', '-', ' ', '.']).collect();
        if parts.len() > 1 && parts.iter().all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_alphanumeric())) {
            all.extend(["_", "-", ".", " ", ""].iter().map(|joint| parts.join(joint).to_ascii_lowercase()));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|word| seen.insert(word.clone()));
    all
}

/// Length of the run of token characters that every match of these nodes begins with.
fn value_run(nodes: &[format::Node]) -> usize {
    let mut run = 0;
    for node in nodes {
        match node {
            format::Node::Literal(text) if text.iter().all(|&b| format::TOKEN.has(b)) => run += text.len(),
            format::Node::Segment { class, lengths, .. } if class.within(&format::TOKEN) => run += lengths.min(),
            format::Node::Group { choices, .. } => run += choices.iter().map(|c| value_run(c)).min().unwrap_or(0),
            _ => break,
        }
    }
    run
}

/// How often a random value of these nodes changes between kinds of characters within its first run, over how often the
/// prefilter wants it: three times between letters and digits, or five times between letter cases, within 16 characters.
/// Below 1 about half of the values, or all of them, would be missed.
fn changes(nodes: &[format::Node]) -> f64 {
    const KINDS: [Class; 3] = [Class::range(b'0', b'9'), Class::range(b'a', b'z'), Class::range(b'A', b'Z')];
    let (mut mixed, mut cased) = (0.0, 0.0);
    for node in nodes {
        match node {
            format::Node::Segment { class, lengths, .. } => {
                let share = |kind: Class| f64::from(class.shared(&kind)) / f64::from(class.len());
                let [digit, lower, upper] = KINDS.map(share);
                let pairs = lengths.min().min(16).saturating_sub(1) as f64;
                mixed += 2.0 * digit * (lower + upper) * pairs;
                cased += 2.0 * lower * upper * pairs;
            }
            format::Node::Group { choices, .. } => {
                mixed += 3.0 * choices.iter().map(|c| changes(c)).fold(f64::INFINITY, f64::min);
            }
            format::Node::Literal(_) => {}
        }
    }
    (mixed / 3.0).max(cased / 5.0)
}

fn parse_structure(text: &str) -> Result<(&'static Structure, Vec<String>)> {
    let mut words = text.split_whitespace().map(str::to_owned);
    let name = words.next().unwrap_or_default();
    let structure = structure::by_name(&name).ok_or_else(|| {
        Error::new(format!("there is no structure `{name}`")).help("`keyscan rules structures` lists them")
    })?;
    let args: Vec<_> = words.collect();
    let needed = structure.args.iter().filter(|a| !a.ends_with('?')).count();
    if args.len() < needed || args.len() > structure.args.len() {
        return Err(Error::new(format!("structure `{name}` takes: {}", structure.args.join(" "))));
    }
    Ok((structure, args))
}
