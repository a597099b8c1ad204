//! CSV for spreadsheets and scripts: one row for each finding, one for each thing that could not be read, and a last row
//! that says how the scan ended, so that a file that was cut off can be told from a whole one.
//!
//! Every field is quoted, and none begins with a character that makes a spreadsheet take it for a formula.

use std::io;

use csv::{QuoteStyle, WriterBuilder};
use termcolor::WriteColor;

use super::context::{Context, Whereabouts, day};
use super::{place, printable, words};
use crate::finding::{Finding, Problem};

const COLUMNS: [&str; 22] = [
    "record",
    "severity",
    "rule",
    "name",
    "provider",
    "environment",
    "verdict",
    "confidence",
    "masked",
    "state",
    "path",
    "line",
    "column",
    "places",
    "commit",
    "first_commit",
    "first_date",
    "in_head",
    "exposure_days",
    "revoke",
    "fingerprint",
    "note",
];

/// Writes the table.
pub(super) fn write(context: &Context<'_>, out: &mut dyn WriteColor) -> io::Result<()> {
    // In memory first: the errors of the csv crate hide that a pipe was closed.
    let mut table = WriterBuilder::new().quote_style(QuoteStyle::Always).from_writer(Vec::new());
    table.write_record(COLUMNS)?;
    for found in context.findings() {
        table.write_record(finding(context, found).map(|field| harmless(&field)))?;
    }
    for missed in &context.report.receipt.problems {
        table.write_record(problem(context, missed).map(|field| harmless(&field)))?;
    }
    let mut last = row("receipt");
    last[9] = if context.report.receipt.complete() { "complete" } else { "incomplete" }.to_owned();
    last[21] = words::summary(context);
    table.write_record(last)?;
    let rows = table.into_inner().map_err(|e| io::Error::other(e.to_string()))?;
    out.write_all(&rows)
}

/// An empty row of a kind.
fn row(record: &str) -> [String; COLUMNS.len()] {
    let mut row: [String; COLUMNS.len()] = Default::default();
    record.clone_into(&mut row[0]);
    row
}

fn finding(context: &Context<'_>, finding: &Finding) -> [String; COLUMNS.len()] {
    let rule = context.rule(finding);
    let main = place::main(finding);
    let first = finding.life.as_ref().and_then(|life| life.first.as_ref());
    let number = |number: Option<usize>| number.map(|n| n.to_string()).unwrap_or_default();
    let life = finding.life.as_ref();
    let state = match Whereabouts::of(finding) {
        Whereabouts::Tree => "tree",
        Whereabouts::Head => "head",
        Whereabouts::Messages => "messages",
        Whereabouts::Staged => "staged",
        Whereabouts::Tip | Whereabouts::History => "history",
        Whereabouts::Unreachable => "unreachable",
    };
    [
        "finding".to_owned(),
        finding.severity.to_string(),
        printable(&rule.id),
        printable(&rule.name),
        printable(&rule.provider),
        rule.environment.as_str().to_owned(),
        finding.verdict.to_string(),
        finding.confidence.to_string(),
        context.say(&finding.masked),
        state.to_owned(),
        main.map(|o| printable(place::name(context, finding, o))).unwrap_or_default(),
        number(main.and_then(place::line)),
        number(main.and_then(|o| place::line(o).map(|_| o.position.column))),
        finding.places().to_string(),
        main.and_then(|o| place::commit(finding, o)).map(printable).unwrap_or_default(),
        first.map(|first| printable(&first.id)).unwrap_or_default(),
        first.and_then(|first| day(first.time)).unwrap_or_default(),
        life.map(|life| life.in_head.to_string()).unwrap_or_default(),
        life.and_then(|life| life.exposure_days).map(|days| days.to_string()).unwrap_or_default(),
        rule.rotate.revoke.as_deref().map(printable).unwrap_or_default(),
        finding.fingerprint.to_string(),
        finding.reasons.first().map(|reason| context.say(reason)).unwrap_or_default(),
    ]
}

fn problem(context: &Context<'_>, problem: &Problem) -> [String; COLUMNS.len()] {
    let mut row = row("problem");
    row[9] = if problem.accepted { "accepted" } else { "not read" }.to_owned();
    row[10] = context.say_name(problem.object.as_bytes());
    row[21] = context.say(&problem.what);
    row
}

/// A field that no spreadsheet takes for a formula: an apostrophe before it says that it is text. The characters are those
/// that OWASP names, the wide forms of East Asian keyboards among them; blanks before them change nothing.
fn harmless(field: &str) -> String {
    let first = field.trim_start().chars().next();
    let risky = |c| matches!(c, '=' | '+' | '-' | '@' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}');
    if first.is_some_and(risky) { format!("'{field}") } else { field.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_is_a_formula() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "  =1", "\u{3000}=1", "\u{ff1d}1", "\t=1"] {
            assert!(harmless(text).starts_with('\''), "{text}");
        }
        for text in ["", "a=b", "src/a.rs", "'=1", "12"] {
            assert_eq!(harmless(text), text);
        }
    }
}
