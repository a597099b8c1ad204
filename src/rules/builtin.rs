//! The rules that come with keyscan, embedded by `build.rs` from `rules/*.yaml`.

use crate::error::{Error, Result};
use crate::rules::RuleSet;
use crate::rules::syntax::RuleFile;

/// The rule files as JSON: a list of `[path, file]`.
const RULES: &str = include_str!(concat!(env!("OUT_DIR"), "/rules.json"));

/// The embedded rule files with their paths, in path order.
pub fn files() -> Result<Vec<(String, RuleFile)>> {
    serde_json::from_str(RULES).map_err(|e| Error::new("the built-in rules are broken").cause(e))
}

/// The built-in rule set.
pub fn rules() -> Result<RuleSet> {
    RuleSet::compile(files()?)
}
