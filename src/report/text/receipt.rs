//! The last words of the text report: how much was found, what was read, what was not and why.

use std::io;

use super::page::{Page, Style};
use crate::finding::Receipt;
use crate::report::context::{Context, SEVERITIES, grouped, plural};

/// Writes summary and receipt.
pub(super) fn write(context: &Context<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let receipt = context.report.receipt;
    summary(context, page)?;
    scanned(context, receipt, page)?;
    left_out(context, receipt, page)?;
    problems(context, receipt, page)?;
    not_shown(context, receipt, page)?;
    config(context, receipt, page)
}

fn summary(context: &Context<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let findings = context.report.findings;
    let receipt = context.report.receipt;
    if !receipt.complete() {
        page.put(Style::Bad, "INCOMPLETE: ")?;
    }
    if findings.is_empty() {
        let (style, text) = nothing_found(receipt);
        page.put(style, text)?;
        return page.end();
    }
    let counts = context.counts();
    let parts: Vec<_> =
        SEVERITIES.iter().filter_map(|severity| Some(format!("{} {severity}", counts.get(severity)?))).collect();
    let in_tree = findings.iter().filter(|f| f.in_tree()).count();
    page.put(Style::Bad, &plural(findings.len(), "finding"))?;
    page.put(Style::Plain, &format!(": {}.", parts.join(", ")))?;
    page.end()?;
    if receipt.selection.is_none() {
        let in_git = findings.len() - in_tree;
        let tree = format!("{in_tree} in the working tree, {in_git} only in git.");
        page.put(Style::Plain, &tree)?;
        page.end()?;
    }
    page.put(Style::Plain, "Revoke or rotate each one first; deleting the text does not undo a leak.")?;
    page.end()
}

/// An all-clear only if it is one.
fn nothing_found(receipt: &Receipt) -> (Style, &'static str) {
    if receipt.rules == 0 {
        return (Style::Bad, "no rules were in use, so nothing could be found.");
    }
    // A range that was read and holds little is another thing than nothing to read.
    let nothing_read = receipt.files == 0 && receipt.blobs == 0 && receipt.commits == 0 && receipt.selection.is_none();
    match (receipt.complete(), nothing_read) {
        (false, true) => (Style::Plain, "nothing could be read. This is not an all-clear."),
        (false, false) => {
            (Style::Plain, "no secrets in what could be read, but not everything could. This is not an all-clear.")
        }
        (true, true) => (Style::Warning, "Nothing was read, so this says nothing about secrets."),
        (true, false) if receipt.problems.is_empty() && receipt.selection.is_some() => {
            (Style::Good, "No new secrets found. Everything that was asked for was read.")
        }
        (true, false) if receipt.problems.is_empty() => {
            (Style::Good, "No secrets found. Everything that was asked for was read.")
        }
        (true, false) => (Style::Good, "No secrets found, apart from the accepted gaps named below."),
    }
}

fn scanned(context: &Context<'_>, receipt: &Receipt, page: &mut Page<'_>) -> io::Result<()> {
    page.blank()?;
    page.section("scanned");
    page.line(Style::Plain, &context.say(&receipt.target))?;
    if receipt.selection.is_none() {
        let files = plural(receipt.files, "file");
        page.line(Style::Plain, &format!("{files} ({})", bytes(receipt.file_bytes)))?;
    }
    let history = if receipt.history {
        let what = if receipt.selection.is_some() { "changed" } else { "history" };
        format!(
            "{what}: {}, {}, {} ({})",
            plural(receipt.blobs, "blob"),
            plural(receipt.commits, "commit"),
            plural(receipt.tags, "annotated tag"),
            bytes(receipt.history_bytes)
        )
    } else {
        "history was not asked for".to_owned()
    };
    page.line(Style::Plain, &history)?;
    page.line(Style::Plain, &format!("for {}", plural(receipt.rules as u64, "rule")))
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

fn not_shown(context: &Context<'_>, receipt: &Receipt, page: &mut Page<'_>) -> io::Result<()> {
    let allowed_by: Vec<_> =
        receipt.allowed_by.iter().map(|(by, n)| format!("{} by {}", grouped(*n), context.say(by))).collect();
    let allowed_by = allowed_by.join(", ");
    let rows = [
        (receipt.malformed, "malformed token", "checksum or structure is wrong; see them with --show-malformed"),
        (receipt.low_confidence, "weak candidate", "little evidence; see them with --confidence low"),
        (receipt.not_secret, "publishable key or identifier", "no secret; see them with --show-publishable"),
        (receipt.below_severity, "less severe finding", "see them with --severity info"),
        (receipt.allowed, "allowed finding", allowed_by.as_str()),
        (receipt.allowed_places, "place", "allowed, of findings that are reported for other places"),
    ];
    page.section("not shown");
    for (count, noun, why) in rows {
        if count > 0 {
            let noun = noun.replace(" or ", if count == 1 { " or " } else { "s or " });
            page.line(Style::Plain, &format!("- {}: {why}", plural(count, &noun)))?;
        }
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

/// A size for people.
fn bytes(count: u64) -> String {
    let mut unit = "B";
    let mut size = count as f64;
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if size < 1024.0 {
            break;
        }
        size /= 1024.0;
        unit = next;
    }
    if unit == "B" { format!("{count} B") } else { format!("{size:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        let cases = [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5_780_000_000, "5.4 GiB")];
        for (count, want) in cases {
            assert_eq!(bytes(count), want);
        }
    }
}
