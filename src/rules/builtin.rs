//! The rules that come with keyscan, embedded by `build.rs` from `rules/*.yaml`.

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::rules::syntax::RuleFile;
use crate::rules::{Compiled, RuleSet};

/// The rule files as JSON: a line `[path, file]` for each.
const RULES: &str = include_str!(concat!(env!("OUT_DIR"), "/rules.jsonl"));

/// The embedded rule files with their paths, in path order.
pub fn files() -> Result<Vec<(String, RuleFile)>> {
    RULES.lines().map(parse).collect()
}

/// The same, compiled by all threads.
pub fn compiled() -> Result<Vec<Compiled>> {
    let lines: Vec<&str> = RULES.lines().collect();
    lines.into_par_iter().map(|line| parse(line).and_then(|(path, file)| Compiled::new(&path, file))).collect()
}

/// The built-in rule set.
pub fn rules() -> Result<RuleSet> {
    RuleSet::of(compiled()?)
}

fn parse(line: &str) -> Result<(String, RuleFile)> {
    serde_json::from_str(line).map_err(|e| Error::new("the built-in rules are broken").cause(e))
}
