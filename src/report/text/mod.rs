//! The report for people: one block for each secret, most severe first, then a summary and the receipt.
//!
//! ASCII only except for what comes from the source, readable at 100 columns, and no line begins with text from the
//! repository: GitHub Actions takes a line that begins with `::` for a command, wherever it came from.

mod finding;
mod page;
mod places;
mod receipt;

use std::collections::HashSet;
use std::io;

use termcolor::WriteColor;

use super::context::Context;
use page::Page;

pub(super) use finding::short;

/// Writes the whole report.
pub(super) fn write(context: &Context<'_>, out: &mut dyn WriteColor) -> io::Result<()> {
    let mut page = Page::new(out, context.report.options.columns);
    let mut told = HashSet::new();
    for finding in context.findings() {
        // By its name: in a saved report each finding has a rule of its own.
        let first = told.insert(&context.rule(finding).id);
        finding::write(context, finding, first, &mut page)?;
        page.blank()?;
    }
    receipt::write(context, &mut page)
}
