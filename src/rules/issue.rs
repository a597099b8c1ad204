//! Making real keys of a format of one's own: every random character comes from the system's random source.

use crate::error::{Error, Result};
use crate::rules::class::Class;
use crate::rules::expr::Env;
use crate::rules::format::{Captures, Format, Lengths, Node};
use crate::rules::{Rule, whole_bits};

/// How often a key is made until its checksum fits its segment.
const TRIES: usize = 100;

/// A key that was made.
pub struct Key {
    /// The key itself.
    pub text: Vec<u8>,
    /// Bits of randomness in it: what is chosen, and the checksum, do not count.
    pub bits: f64,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({} bytes, {} bits)", self.text.len(), whole_bits(self.bits))
    }
}

/// Gives random bytes: the system's random source, but for tests.
pub type Source<'a> = dyn FnMut(&mut [u8]) -> Result<()> + 'a;

/// Makes a key of the rule's format. `chosen` gives the text of segments that are not random, such as an environment; a
/// segment that is one of several texts is the first of them unless it is chosen.
pub fn issue(rule: &Rule, chosen: &[(String, String)], source: &mut Source<'_>) -> Result<Key> {
    let format = rule.format.as_ref().ok_or_else(|| Error::new("the rule has no `format` to make a key from"))?;
    if let Some((structure, _)) = &rule.structure {
        return Err(Error::new(format!("the format needs the structure `{}`, which cannot be made", structure.name))
            .help("describe the key with segments and a `checksum`"));
    }
    for (name, _) in chosen {
        if format.name_index(name).is_none() {
            return Err(Error::new(format!("the format has no segment `{name}`"))
                .help(format!("its segments are: {}", format.names().join(", "))));
        }
    }
    let target = match rule.checks.first() {
        Some(check) => Some(check.target().ok_or_else(|| {
            Error::new("the checksum does not say what to write").help("write it as `segment == ...`")
        })?),
        None => None,
    };
    if let Some((name, _)) = chosen.iter().find(|(name, _)| target.is_some() && format.name_index(name) == target) {
        return Err(Error::new(format!("the segment `{name}` is the checksum, which is computed")));
    }
    for _ in 0..TRIES {
        let mut maker = Maker { format, chosen, target, source, key: Key { text: Vec::new(), bits: 0.0 } };
        let mut captures: Captures = vec![None; format.names().len()];
        maker.nodes(format.nodes(), &mut captures)?;
        let Key { mut text, bits } = maker.key;
        if let (Some(check), Some(target)) = (rule.checks.first(), target) {
            let (start, end) = captures[target].ok_or_else(|| Error::new("the segment of the checksum is missing"))?;
            let Some(value) = check.compute(&Env { token: &text, captures: &captures }) else { continue };
            if value.len() != end - start {
                continue;
            }
            text[start..end].copy_from_slice(&value);
        }
        if is_right(rule, format, &text) {
            return Ok(Key { text, bits });
        }
    }
    Err(Error::new("no key fits the format and its checksum").help("`keyscan rules check` says what is wrong with it"))
}

/// Does the rule itself take the whole text, checksum included?
fn is_right(rule: &Rule, format: &Format, text: &[u8]) -> bool {
    let Some((_, captures)) = format.match_at(text, 0, &mut 0, &|end| end == text.len()) else { return false };
    let env = Env { token: text, captures: &captures };
    rule.checks.is_empty() || rule.checks.iter().any(|check| check.holds(&env))
}

struct Maker<'a, 's> {
    format: &'a Format,
    chosen: &'a [(String, String)],
    target: Option<usize>,
    source: &'a mut Source<'s>,
    key: Key,
}

impl Maker<'_, '_> {
    fn nodes(&mut self, nodes: &[Node], captures: &mut Captures) -> Result<()> {
        for node in nodes {
            let start = self.key.text.len();
            let name = match node {
                Node::Literal(text) => {
                    self.key.text.extend_from_slice(text);
                    None
                }
                Node::Segment { name, class, lengths } => {
                    match self.chosen(*name) {
                        Some(text) => self.key.text.extend_from_slice(&text),
                        None => {
                            let length = length_of(lengths, class);
                            let counts = name.is_none() || *name != self.target;
                            self.random(&class.bytes().collect::<Vec<_>>(), length, counts)?;
                        }
                    }
                    *name
                }
                Node::Group { name, choices } => {
                    match self.chosen(*name) {
                        Some(text) => self.key.text.extend_from_slice(&text),
                        None => self.nodes(&choices[0], captures)?,
                    }
                    *name
                }
            };
            if let Some(name) = name {
                captures[name] = Some((start, self.key.text.len()));
            }
        }
        Ok(())
    }

    fn chosen(&self, name: Option<usize>) -> Option<Vec<u8>> {
        let name = &self.format.names()[name?];
        self.chosen.iter().find(|(n, _)| n == name).map(|(_, text)| text.clone().into_bytes())
    }

    /// Appends random characters, each as likely as any other.
    fn random(&mut self, alphabet: &[u8], count: usize, counts: bool) -> Result<()> {
        // Bytes above the greatest multiple of the alphabet's size would favour its first characters.
        let limit = 256 - 256 % alphabet.len();
        let mut left = count;
        while left > 0 {
            let mut bytes = vec![0; left + 8];
            (self.source)(&mut bytes)?;
            for byte in bytes.into_iter().map(usize::from).filter(|byte| *byte < limit).take(left) {
                self.key.text.push(alphabet[byte % alphabet.len()]);
                left -= 1;
            }
        }
        if counts {
            self.key.bits += (alphabet.len() as f64).log2() * count as f64;
        }
        Ok(())
    }
}

/// The length of a segment that may have several: enough for 128 bits by itself, if it may be that long.
fn length_of(lengths: &Lengths, class: &Class) -> usize {
    let enough = (128.0 / f64::from(class.len()).log2().max(1.0)).ceil() as usize;
    let allowed = (lengths.min()..=lengths.max()).filter(|n| lengths.allows(*n));
    allowed.clone().find(|n| *n >= enough).or(allowed.max()).unwrap_or(lengths.min())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rules::syntax::RuleFile;
    use crate::structure::Rng;

    fn rule(format: &str, more: &str) -> Rule {
        let text = format!(
            "provider: Acme\nrules:\n- id: acme-key\n  name: k\n  format: '{format}'\n  severity: high\n  grants: all\n{more}"
        );
        Rule::compile(&RuleFile::parse("f", &text).unwrap().rules[0]).unwrap()
    }

    fn make(rule: &Rule, chosen: &[(&str, &str)], seed: u64) -> Result<Key> {
        let mut rng = Rng::new(seed);
        let chosen: Vec<_> = chosen.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        issue(rule, &chosen, &mut |bytes| {
            bytes.copy_from_slice(&rng.bytes(bytes.len()));
            Ok(())
        })
    }

    const CHECK: &str = "  checksum: check == base62(crc32(body), 6)\n";

    #[test]
    fn keys_pass_their_own_checksum_and_bits_are_honest() {
        let rule = rule("acme_{env=live|test}_{body:base62:30}{check:base62:6}", CHECK);
        let one = make(&rule, &[], 1).unwrap();
        assert!(one.text.starts_with(b"acme_live_"));
        assert!((one.bits - 30.0 * 62f64.log2()).abs() < 1e-9);
        let test = make(&rule, &[("env", "test")], 1).unwrap();
        assert!(test.text.starts_with(b"acme_test_"));
        assert_ne!(one.text, make(&rule, &[], 2).unwrap().text);
        assert_eq!(format!("{one:?}"), "Key(46 bytes, 178 bits)");
    }

    #[test]
    fn open_lengths_get_128_bits() {
        assert!(make(&rule("acme_{body:hex:16-64}", ""), &[], 1).unwrap().bits >= 128.0);
        assert_eq!(make(&rule("acme_{body:hex:20,24}", ""), &[], 1).unwrap().bits, 96.0);
        let chosen = make(&rule("acme_{account:digits:6}_{body:hex:40}", ""), &[("account", "000123")], 1).unwrap();
        assert!(chosen.text.starts_with(b"acme_000123_") && chosen.bits == 160.0);
    }

    #[test]
    fn every_character_is_as_likely() {
        let rule = rule("acme_{body:base62:4000}", "");
        let text = make(&rule, &[], 5).unwrap().text;
        let alphabet: Vec<u8> = Class::named("base62").unwrap().bytes().collect();
        for c in alphabet {
            let count = text[5..].iter().filter(|b| **b == c).count();
            assert!((30..=105).contains(&count), "{} stands there {count} times", c as char);
        }
    }

    #[test]
    fn what_cannot_be_made_says_why() {
        let error = |rule: &Rule, chosen: &[(&str, &str)]| make(rule, chosen, 1).unwrap_err().to_string();
        let good = rule("acme_{body:base62:30}{check:base62:6}", CHECK);
        assert!(error(&good, &[("nope", "x")]).contains("no segment `nope`"));
        assert!(error(&good, &[("body", "short")]).contains("no key fits"));
        assert!(error(&good, &[("check", "abcdef")]).contains("`check` is the checksum"));
        let sum = rule("acme_{body:base62:30}{check:base62:6}", "  checksum: base62(crc32(body), 6) == check\n");
        assert!(error(&sum, &[]).contains("does not say what to write"));
        assert!(error(&rule("eyJ{body:token:40-200}", "  structure: jwt\n"), &[]).contains("structure `jwt`"));
    }

    #[test]
    fn a_source_that_fails_makes_no_key() {
        let rule = rule("acme_{body:base62:30}{check:base62:6}", CHECK);
        assert!(issue(&rule, &[], &mut |_| Err(Error::new("no randomness"))).is_err());
    }
}
