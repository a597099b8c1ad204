//! The report for people: one block for each secret, most severe first, then a summary and the receipt.
//!
//! ASCII only except for what comes from the source, readable at 100 columns, and no line begins with text from the
//! repository: GitHub Actions takes a line that begins with `::` for a command, wherever it came from.

mod finding;
mod page;
mod places;
mod receipt;

use std::io;

use rayon::prelude::*;
use termcolor::{Buffer, WriteColor};

use super::context::Context;
use crate::finding::Finding;
use page::Page;

pub(super) use finding::short;

/// Findings that are made by all threads before they are written.
const BATCH: usize = 512;

/// Writes the whole report.
pub(super) fn write(context: &Context<'_>, out: &mut dyn WriteColor) -> io::Result<()> {
    for batch in context.findings().chunks(BATCH) {
        write_findings(context, batch, out)?;
    }
    receipt::write(context, &mut Page::new(out))
}

/// Writes a block for each of some findings. The console of old Windows takes colours only as they are written.
fn write_findings(context: &Context<'_>, list: &[&Finding], out: &mut dyn WriteColor) -> io::Result<()> {
    if out.is_synchronous() {
        return list.iter().try_for_each(|finding| block(context, finding, out));
    }
    let colors = out.supports_color();
    let make = |finding: &&Finding| -> io::Result<Buffer> {
        let mut text = if colors { Buffer::ansi() } else { Buffer::no_color() };
        block(context, finding, &mut text).map(|()| text)
    };
    let blocks: Vec<_> = list.par_iter().map(make).collect::<io::Result<_>>()?;
    blocks.iter().try_for_each(|block| out.write_all(block.as_slice()))
}

fn block(context: &Context<'_>, finding: &Finding, out: &mut dyn WriteColor) -> io::Result<()> {
    let mut page = Page::new(out);
    finding::write(context, finding, &mut page)?;
    page.blank()
}
