//! The last words of the text report: how much was found, what was read, what was not and why.

use std::io;

use super::page::{Page, Style};
use crate::finding::Receipt;
use crate::report::context::{Context, grouped, plural};
use crate::report::words::{self, Outcome};

/// Writes summary and receipt.
pub(super) fn write(context: &Context<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let receipt = context.report.receipt;
    summary(context, page)?;
    scanned(context, receipt, page)?;
    left_out(context, receipt, page)?;
    problems(context, receipt, page)?;
    not_shown(context, page)?;
    config(context, receipt, page)
}

fn summary(context: &Context<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let findings = context.report.findings;
    let receipt = context.report.receipt;
    if !receipt.complete() {
        page.put(Style::Bad, "INCOMPLETE: ")?;
    }
    if findings.is_empty() {
        let style = match words::outcome(receipt) {
            Outcome::Clear => Style::Good,
            Outcome::NothingRead => Style::Warning,
            Outcome::NoRules => Style::Bad,
            Outcome::Incomplete => Style::Plain,
        };
        page.put(style, words::nothing_found(receipt))?;
        return page.end();
    }
    page.put(Style::Bad, &plural(findings.len(), "finding"))?;
    page.put(Style::Plain, &format!(": {}.", words::by_severity(context)))?;
    page.end()?;
    if let Some(places) = words::by_place(context) {
        page.put(Style::Plain, &places)?;
        page.end()?;
    }
    page.put(Style::Plain, words::FIRST)?;
    page.end()
}

fn scanned(context: &Context<'_>, receipt: &Receipt, page: &mut Page<'_>) -> io::Result<()> {
    page.blank()?;
    page.section("scanned");
    page.line(Style::Plain, &context.say(&receipt.target))?;
    for line in words::scanned(receipt) {
        page.line(Style::Plain, &line)?;
    }
    Ok(())
}

fn left_out(context: &Context<'_>, receipt: &Receipt, page: &mut Page<'_>) -> io::Result<()> {
    page.section("left out");
    for (reason, count) in &receipt.skipped {
        page.prose(Style::Plain, "- ", &format!("{}: {}", context.say(reason), grouped(*count)))?;
    }
    Ok(())
}

fn problems(context: &Context<'_>, receipt: &Receipt, page: &mut Page<'_>) -> io::Result<()> {
    page.section("NOT READ");
    for problem in &receipt.problems {
        let accepted = if problem.accepted { " (accepted)" } else { "" };
        let object = context.say_name(problem.object.as_bytes());
        let text = format!("- {object}: {}{accepted}", context.say(&problem.what));
        page.line(Style::Bad, &text)?;
        if let Some(help) = &problem.help {
            page.prose(Style::Plain, "  help: ", &context.say(help))?;
        }
    }
    Ok(())
}

fn not_shown(context: &Context<'_>, page: &mut Page<'_>) -> io::Result<()> {
    page.section("not shown");
    for line in words::not_shown(context) {
        page.line(Style::Plain, &format!("- {line}"))?;
    }
    Ok(())
}

/// Who says what is not shown, and what is wrong with it.
fn config(context: &Context<'_>, receipt: &Receipt, page: &mut Page<'_>) -> io::Result<()> {
    page.section("as told by");
    for file in &receipt.config {
        page.line(Style::Plain, &format!("- {}", context.say_name(file.as_bytes())))?;
    }
    page.section("look at");
    for note in &receipt.notes {
        page.prose(Style::Warning, "- ", &context.say(note))?;
    }
    Ok(())
}
