//! `keyscan key generate`.

use std::io::{self, Write};

use crate::cli::key::{GenerateArgs, inventory_line, label, sha256};
use crate::cli::{Exit, rules, settings};
use crate::detect::inventory;
use crate::error::{Error, Result};
use crate::finding::Secret;
use crate::rules::format::is_token_byte;
use crate::rules::{Rule, RuleMeta, builtin, issue, whole_bits};

/// Bits that nobody can search through.
const STRONG: f64 = 128.0;

pub(super) fn run(args: &GenerateArgs) -> Result<Exit> {
    let label = label(args.label.as_deref())?;
    let set = settings::load(&args.rules)?;
    let index = rules::find(&set, &args.rule)?;
    let (rule, meta) = (&set.rules()[index], &set.metas()[index]);
    if builtin::rules()?.index_of(&meta.id).is_some() {
        return Err(Error::new(format!(
            "`{}` is a format of {}: only they can issue such keys",
            meta.id, meta.provider
        ))
        .help("describe a format of your own in a rule file and give it with --rules; docs/keys.md shows how"));
    }
    if !args.allow_file && is_file() {
        return Err(Error::new("standard output is a file, and a key in a file is how keys leak")
            .help("pipe it to your secret manager or show it on the terminal; --allow-file writes it all the same"));
    }
    let key = issue::issue(rule, &args.chosen, &mut |bytes| {
        getrandom::fill(bytes).map_err(|e| Error::new("the system's random source fails").cause(e.to_string()))
    })?;
    tell(rule, meta, &key, label)?;
    let mut out = io::stdout().lock();
    out.write_all(&key.text)
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush())
        .map_err(|e| Error::new("cannot write the key to standard output; it is lost, make another").cause(e))?;
    Ok(Exit::Clean)
}

/// Says on standard error what to keep of the key, and what is weak about it.
fn tell(rule: &Rule, meta: &RuleMeta, key: &issue::Key, label: &str) -> Result<()> {
    let prefix = String::from_utf8_lossy(&key.text[..rule.shown_prefix(&key.text).min(key.text.len())]).into_owned();
    let listed = if prefix.len() >= 3 && prefix.bytes().all(is_token_byte) { prefix.as_str() } else { "" };
    let mut lines = vec![
        format!("rule       {} ({})", meta.id, meta.name),
        format!("entropy    {} bits", whole_bits(key.bits)),
        format!("sha256     {}", sha256(&key.text)),
        format!("prefix     {}", if prefix.is_empty() { "none" } else { &prefix }),
        format!("shown as   {}", Secret::new(&key.text).mask(prefix.len())),
        format!("inventory  {}", inventory_line(&key.text, listed, label)),
    ];
    let mut warn = |text: &str| lines.push(format!("warning: {text}"));
    if key.bits < STRONG {
        warn("under 128 bits: it can be guessed, and found from its SHA-256. Lengthen the random part");
    }
    if rule.checks.is_empty() {
        warn("the format has no checksum: a leak can be found, but not proven");
    }
    if !inventory::LENGTHS.contains(&key.text.len()) || !key.text.iter().copied().all(is_token_byte) {
        warn("an inventory cannot find it: that takes 16 to 512 characters of [A-Za-z0-9_+/=.-]");
    }
    lines.push("The key is on standard output and nowhere else. Keep the SHA-256, not the key.".to_owned());
    let mut err = io::stderr().lock();
    writeln!(err, "{}", lines.join("\n")).map_err(|e| Error::new("cannot write to standard error").cause(e))
}

/// Does standard output go into a file?
#[cfg(unix)]
fn is_file() -> bool {
    use std::os::fd::AsFd;
    let copy = io::stdout().as_fd().try_clone_to_owned();
    copy.map(std::fs::File::from).and_then(|file| file.metadata()).is_ok_and(|meta| meta.is_file())
}

#[cfg(not(unix))]
fn is_file() -> bool {
    false
}
