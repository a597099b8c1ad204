//! Reports: findings and a receipt in, bytes out. Nothing is decided here that changes what was found.
//!
//! Every format is a row of one table (`FORMATS`), and each is pinned by a golden file. All of them go through
//! `Context`, which puts findings in one total order and takes known secrets out of text that
//! comes from the repository, so that no format can forget it.

mod context;

mod escape;
mod github;
mod gitlab;
mod json;
mod junit;
mod markdown;
mod place;
mod sarif;
mod saved;
mod table;
mod text;
mod words;

#[cfg(test)]
mod samples;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests;

use std::fmt;
use std::io;
use std::str::FromStr;

use termcolor::WriteColor;

use crate::error::Error;
use crate::finding::{Finding, Receipt};
use crate::rules::RuleMeta;
use context::Context;

pub use escape::printable;
pub use saved::Saved;

/// The tool's name as reports give it.
const TOOL: &str = "keyscan";

/// A way to write a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// For people, coloured if the writer is.
    Text,
    /// One JSON document, see `docs/json.md`.
    Json,
    /// JSON Lines: a finding a line, the receipt last.
    Jsonl,
    /// SARIF 2.1.0.
    Sarif,
    /// A page for the summary of a CI run.
    Markdown,
    /// JUnit XML.
    Junit,
    /// A table.
    Csv,
    /// Workflow commands of GitHub Actions.
    Github,
    /// GitLab's secret detection report.
    Gitlab,
}

/// One row of the table of formats.
struct Row {
    format: Format,
    name: &'static str,
    about: &'static str,
    /// Can it show whole secrets when asked to? What is made to be sent to a service cannot.
    can_show_secrets: bool,
    write: Write,
}

/// Every format there is. A new one is a variant, a row here and a golden file; the tests go over the whole list.
const FORMATS: &[Row] = &[
    row(Format::Text, "text", "for people", true, text::write),
    row(Format::Json, "json", "one JSON document, versioned (docs/json.md)", true, json::write),
    row(Format::Jsonl, "jsonl", "JSON Lines: one finding a line, then the receipt", true, json::write_lines),
    row(Format::Sarif, "sarif", "SARIF 2.1.0, for code scanning services", true, sarif::write),
    row(Format::Markdown, "markdown", "a page for the summary of a CI run or a comment", false, markdown::write),
    row(Format::Junit, "junit", "JUnit XML, for the test view of a CI service", false, junit::write),
    row(Format::Csv, "csv", "a table for spreadsheets", false, table::write),
    row(Format::Github, "github", "annotations of GitHub Actions (workflow commands)", false, github::write),
    row(Format::Gitlab, "gitlab", "GitLab secret detection report, schema 15", false, gitlab::write),
];

type Write = fn(&Context<'_>, &mut dyn WriteColor) -> io::Result<()>;

const fn row(format: Format, name: &'static str, about: &'static str, can_show_secrets: bool, write: Write) -> Row {
    Row { format, name, about, can_show_secrets, write }
}

impl Format {
    /// Every format, in the order in which help shows them.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        FORMATS.iter().map(|row| row.format)
    }

    /// The name used by `--format`.
    pub fn as_str(self) -> &'static str {
        self.row().name
    }

    /// One line of help.
    pub fn about(self) -> &'static str {
        self.row().about
    }

    /// Can it show whole secrets when asked to? The others mask them whatever is asked.
    pub fn can_show_secrets(self) -> bool {
        self.row().can_show_secrets
    }

    fn row(self) -> &'static Row {
        FORMATS
            .iter()
            .find(|row| row.format == self)
            .expect("a test goes through the variants and wants a row for each")
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let row = FORMATS.iter().find(|row| row.name == name);
        row.map(|row| row.format).ok_or_else(|| {
            let names: Vec<_> = FORMATS.iter().map(|row| row.name).collect();
            Error::new(format!("unknown report format {}", printable(name)))
                .help(format!("formats are {}", names.join(", ")))
        })
    }
}

/// What a report shows beyond the usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Show whole secrets. The only way by which one gets into a report.
    pub show_secrets: bool,
    /// Show every place and every rotation step in the text report.
    pub verbose: bool,
    /// Columns of the terminal that the text report is for; `None` if it is for none.
    pub columns: Option<usize>,
}

/// Everything that a report is made from.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// The findings, in any order.
    pub findings: &'a [Finding],
    /// What the user allowed, each with [`Finding::allowed`]: for formats that know suppressions. Never counted with the
    /// findings.
    pub allowed: &'a [Finding],
    /// Rule metadata, indexed by [`Finding::rule`].
    pub rules: &'a [RuleMeta],
    /// What the scan did.
    pub receipt: &'a Receipt,
    /// What to show.
    pub options: Options,
}

impl Report<'_> {
    /// The same for a terminal of so many columns.
    #[must_use]
    pub fn for_columns(self, columns: Option<usize>) -> Self {
        Self { options: Options { columns, ..self.options }, ..self }
    }
}

/// Writes a report; gives what the format could not hold, in words. Only [`Format::Text`] uses colours; the same report
/// gives the same bytes.
pub fn write(format: Format, report: &Report<'_>, out: &mut dyn WriteColor) -> io::Result<Vec<String>> {
    let mut report = *report;
    report.options.show_secrets &= format.can_show_secrets();
    finish(format, Context::new(report), out)
}

fn finish(format: Format, context: Context<'_>, out: &mut dyn WriteColor) -> io::Result<Vec<String>> {
    (format.row().write)(&context, out)?;
    out.flush()?;
    Ok(context.told())
}
