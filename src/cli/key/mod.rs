//! `keyscan key ...`: keys of formats of one's own, made, looked at and digested.
//!
//! Keys come in on standard input only, never as an argument, where other users and the shell's history see them.

mod digest;
mod generate;
mod inspect;

use std::io::{self, IsTerminal, Read};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::cli::Exit;
use crate::error::{Error, Result};

/// Most that is read from standard input: no key is longer.
const MOST: u64 = 1 << 20;

/// Commands about keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a new key of a format of your own, from the system's random source.
    ///
    /// The key goes to standard output, once, and nowhere else; what to store of it (SHA-256, prefix) to standard error. Only
    /// rules of your own files can be used: keys of a vendor's format can only be issued by the vendor.
    Generate(GenerateArgs),
    /// Say what a string on standard input is: type, environment, structure, checksum, entropy, what to do.
    ///
    /// The string itself is never printed. Nothing is sent anywhere.
    Inspect(InspectArgs),
    /// Make inventory lines (SHA-256, prefix, label) of the keys on standard input, one key a line.
    Digest(DigestArgs),
}

/// Options of `key generate`.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// Id of a rule of your own.
    #[arg(long, value_name = "ID")]
    pub rule: String,
    /// The rule file that holds it. May be given several times.
    #[arg(long, value_name = "FILE")]
    pub rules: Vec<PathBuf>,
    /// Text of a segment that is not random, such as `env=test`. May be given several times.
    #[arg(long = "set", value_name = "SEGMENT=TEXT", value_parser = assignment)]
    pub chosen: Vec<(String, String)>,
    /// Label of the inventory line, such as who gets the key.
    #[arg(long, value_name = "TEXT")]
    pub label: Option<String>,
    /// Write the key even if standard output is a file.
    #[arg(long)]
    pub allow_file: bool,
}

/// Options of `key inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// Use the rules of this file too. May be given several times.
    #[arg(long, value_name = "FILE")]
    pub rules: Vec<PathBuf>,
    /// Print JSON instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Options of `key digest`.
#[derive(Debug, Args)]
pub struct DigestArgs {
    /// How all these keys begin; makes the search faster and finds keys that are glued to other text.
    #[arg(long, value_name = "TEXT")]
    pub prefix: Option<String>,
    /// Label of the lines, such as who has the key.
    #[arg(long, value_name = "TEXT")]
    pub label: Option<String>,
}

fn assignment(text: &str) -> std::result::Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it is written SEGMENT=TEXT, such as env=test")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Runs a command about keys.
pub fn run(command: &KeyCommand) -> Result<Exit> {
    match command {
        KeyCommand::Generate(args) => generate::run(args),
        KeyCommand::Inspect(args) => inspect::run(args),
        KeyCommand::Digest(args) => digest::run(args),
    }
}

/// Everything on standard input, which must not be a terminal: it would show what is typed.
fn input(command: &str) -> Result<Vec<u8>> {
    let stdin = io::stdin().lock();
    if stdin.is_terminal() {
        return Err(Error::new("standard input is a terminal, which would show the key").help(format!(
            "pipe the key in, for instance: read -rs KEY && printf %s \"$KEY\" | keyscan key {command}"
        )));
    }
    let mut bytes = Vec::new();
    stdin.take(MOST + 1).read_to_end(&mut bytes).map_err(|e| Error::new("cannot read standard input").cause(e))?;
    if bytes.len() as u64 > MOST {
        return Err(Error::new("standard input holds more than 1 MiB: that is no key")
            .help("use `keyscan FILE` to scan a file"));
    }
    if bytes.trim_ascii().is_empty() {
        return Err(Error::new("standard input is empty")
            .help(format!("pipe the key in, for instance: printf %s \"$KEY\" | keyscan key {command}")));
    }
    Ok(bytes)
}

fn sha256(key: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(key))
}

/// The line of an inventory for a key.
fn inventory_line(key: &[u8], prefix: &str, label: &str) -> String {
    let mut line = sha256(key);
    if !prefix.is_empty() || !label.is_empty() {
        line.push(' ');
        line.push_str(if prefix.is_empty() { "-" } else { prefix });
    }
    if !label.is_empty() {
        line.push(' ');
        line.push_str(label);
    }
    line
}

/// A label must stay on its line.
fn label(text: Option<&str>) -> Result<&str> {
    let text = text.unwrap_or_default().trim();
    if text.chars().any(char::is_control) {
        return Err(Error::new("the label holds a line break or another control character").help("give plain words"));
    }
    Ok(text)
}
