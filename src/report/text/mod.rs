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

use rayon::prelude::*;
use termcolor::{Buffer, WriteColor};

use super::context::Context;
use crate::finding::Finding;
use page::Page;

pub(super) use finding::short;

/// Findings that are made by all threads before they are written.
const BATCH: usize = 512;

/// A finding, and whether it is the first of its rule.
type Listed<'f> = (&'f Finding, bool);

/// Writes the whole report.
pub(super) fn write(context: &Context<'_>, out: &mut dyn WriteColor) -> io::Result<()> {
    let mut told = HashSet::new();
    // By its name: in a saved report each finding has a rule of its own.
    let first = |finding| (finding, told.insert(&context.rule(finding).id));
    let list: Vec<Listed<'_>> = context.findings().into_iter().map(first).collect();
    for batch in list.chunks(BATCH) {
        write_findings(context, batch, out)?;
    }
    receipt::write(context, &mut Page::new(out, context.report.options.columns))
}

/// Writes a block for each of some findings. The console of old Windows takes colours only as they are written.
fn write_findings(context: &Context<'_>, list: &[Listed<'_>], out: &mut dyn WriteColor) -> io::Result<()> {
    if out.is_synchronous() {
        return list.iter().try_for_each(|listed| block(context, *listed, out));
    }
    let colors = out.supports_color();
    let make = |listed: &Listed<'_>| -> io::Result<Buffer> {
        let mut text = if colors { Buffer::ansi() } else { Buffer::no_color() };
        block(context, *listed, &mut text).map(|()| text)
    };
    let blocks: Vec<_> = list.par_iter().map(make).collect::<io::Result<_>>()?;
    blocks.iter().try_for_each(|block| out.write_all(block.as_slice()))
}

fn block(context: &Context<'_>, (finding, first): Listed<'_>, out: &mut dyn WriteColor) -> io::Result<()> {
    let mut page = Page::new(out, context.report.options.columns);
    finding::write(context, finding, first, &mut page)?;
    page.blank()
}
