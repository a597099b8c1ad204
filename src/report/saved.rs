//! Reports that were saved as JSON or JSON Lines, to be written in other formats: byte for byte what the scan itself would
//! have written, since every format is made from the same parts.

use std::io;

use termcolor::WriteColor;

use super::context::Context;
use super::{Format, Options, Report, json};
use crate::error::Result;

/// A saved report. Its secrets are gone: it holds masks only, and so does what is made of it.
#[derive(Debug)]
pub struct Saved(json::Parts);

impl Saved {
    /// Reads JSON or JSON Lines. Errors say what is wrong, but never quote the file.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        json::parse(bytes).map(Self)
    }

    /// Writes it in a format; gives what the format could not hold. Secrets stay masked, also those of a file that holds them.
    pub fn write(&self, format: Format, options: Options, out: &mut dyn WriteColor) -> io::Result<Vec<String>> {
        let json::Parts { findings, allowed, rules, receipt, known } = &self.0;
        let options = Options { show_secrets: false, ..options };
        let report = Report { findings, allowed, rules, receipt, options };
        super::finish(format, Context::of_saved(report, known), out)
    }
}
