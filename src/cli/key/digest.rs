//! `keyscan key digest`.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::cli::key::{DigestArgs, input, inventory_line, label};
use crate::cli::{Exit, print};
use crate::detect::{inventory, score};
use crate::error::{Error, Result};
use crate::rules::format::is_token_byte;

pub(super) fn run(args: &DigestArgs) -> Result<Exit> {
    let label = label(args.label.as_deref())?;
    let prefix = args.prefix.as_deref().unwrap_or_default();
    if !prefix.is_empty() && (prefix.len() < 3 || prefix.len() > 64 || !prefix.bytes().all(is_token_byte)) {
        return Err(Error::new("the prefix is not 3 to 64 characters of [A-Za-z0-9_+/=.-]")
            .help("give the part that all these keys begin with, or leave --prefix out"));
    }
    let bytes = input("digest")?;
    let (mut out, mut warnings) = (String::new(), String::new());
    for (number, line) in bytes.split(|&b| b == b'\n').enumerate() {
        let key = line.trim_ascii();
        if key.is_empty() {
            continue;
        }
        check(key, prefix).map_err(|(what, help)| Error::new(format!("line {}: {what}", number + 1)).help(help))?;
        if !score::is_random(key) {
            let _ = writeln!(
                warnings,
                "warning: line {}: it does not look random: it could be guessed from its digest",
                number + 1
            );
        }
        let _ = writeln!(out, "{}", inventory_line(key, prefix, label));
    }
    // A closed standard error leaves nobody to warn.
    let _ = io::stderr().lock().write_all(warnings.as_bytes());
    print(&out)
}

/// Would a scan find this key by its digest?
fn check(key: &[u8], prefix: &str) -> Result<(), (&'static str, &'static str)> {
    if !inventory::LENGTHS.contains(&key.len()) {
        return Err((
            "the key is not 16 to 512 characters long, and would not be found by its digest",
            "describe it as a rule instead; docs/keys.md shows how",
        ));
    }
    if !key.iter().copied().all(is_token_byte) {
        return Err((
            "the key has other characters than [A-Za-z0-9_+/=.-], and would not be found by its digest",
            "describe it as a rule instead; docs/keys.md shows how",
        ));
    }
    if !key.starts_with(prefix.as_bytes()) {
        return Err((
            "the key does not begin with the prefix",
            "give one --prefix for keys that have it, and the others apart",
        ));
    }
    Ok(())
}
