//! Markdown for the summary of a CI run, a comment or an issue: a table of findings, what to do for each kind of
//! credential, and what was not read.
//!
//! Text from the repository stands in code spans only, where neither markup nor HTML, mentions or links mean anything.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};

use termcolor::WriteColor;

use super::context::{Context, Whereabouts, day, plural};
use super::text::short;
use super::{place, printable, words};
use crate::finding::{Finding, Severity};
use crate::rules::{Kind, RuleMeta};

/// Bytes of the table, and of the advice below it: together with the rest less than the 1 MiB that GitHub takes for a
/// summary.
const BUDGET: usize = 400 * 1024;

/// Longest text of a cell in characters; a path can have thousands.
const LONGEST: usize = 300;

/// Lines of a list of things that were not read.
const FEW: usize = 50;

/// Writes the page.
pub(super) fn write(context: &Context<'_>, out: &mut dyn WriteColor) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    let findings = context.findings();
    let heading = if findings.is_empty() { "no findings".to_owned() } else { plural(findings.len(), "finding") };
    writeln!(out, "## keyscan: {heading}\n")?;
    writeln!(out, "{}", prose(&words::summary(context)))?;
    if !findings.is_empty() {
        writeln!(out, "\n**{}**\n", words::FIRST)?;
        table(context, &findings, &mut out)?;
        advice(context, &findings, &mut out)?;
    }
    problems(context, &mut out)?;
    receipt(context, &mut out)?;
    out.flush()
}

fn table(context: &Context<'_>, findings: &[&Finding], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "| severity | credential | secret | where | state | came in | fingerprint |")?;
    writeln!(out, "|---|---|---|---|---|---|---|")?;
    let mut room = BUDGET;
    for (number, finding) in findings.iter().enumerate() {
        let row = row(context, finding);
        if row.len() > room {
            let hidden = plural(findings.len() - number, "more finding");
            return writeln!(out, "\n**{hidden} not listed here**, for size; the other formats hold all.");
        }
        room -= row.len();
        writeln!(out, "{row}")?;
    }
    Ok(())
}

fn row(context: &Context<'_>, finding: &Finding) -> String {
    let rule = context.rule(finding);
    let severity = match finding.severity {
        Severity::Critical | Severity::High => format!("**{}**", finding.severity),
        other => other.to_string(),
    };
    let place = place::main(finding).map(|occurrence| {
        let more = finding.places() - 1;
        let more = if more > 0 { format!(" and {}", plural(more, "more place")) } else { String::new() };
        format!("{}{more}", code(&shortened(&place::at(context, finding, occurrence))))
    });
    let first = finding.life.as_ref().and_then(|life| life.first.as_ref()).map(|first| {
        let on = day(first.time).map(|day| format!(" on {day}")).unwrap_or_default();
        format!("{}{on}", code(&short(&first.id)))
    });
    let credential = format!("{}<br>{}, {}", prose(&rule.name), code(&rule.id), finding.verdict);
    let cells = [
        severity,
        credential,
        code(&context.say(&finding.masked)),
        place.unwrap_or_default(),
        state(context, finding).to_owned(),
        first.unwrap_or_default(),
        code(&finding.fingerprint.to_string()),
    ];
    format!("| {} |", cells.join(" | "))
}

/// Where it is left, in a few words.
fn state(context: &Context<'_>, finding: &Finding) -> &'static str {
    match Whereabouts::of(finding) {
        _ if context.rule(finding).kind == Kind::Hygiene => "hygiene",
        _ if !words::is_leak(context, finding) => "malformed, no finding",
        Whereabouts::Tree => "in files",
        Whereabouts::Head => "in the commit at HEAD",
        Whereabouts::Messages => "in messages",
        Whereabouts::Staged => "only staged",
        Whereabouts::Tip => "at the tip of another ref",
        Whereabouts::History => "only in history",
        Whereabouts::Unreachable => "only in unreachable objects",
    }
}

/// How to rotate each kind of credential that was found.
fn advice(context: &Context<'_>, findings: &[&Finding], out: &mut dyn Write) -> io::Result<()> {
    let rules: BTreeMap<&str, &RuleMeta> = findings
        .iter()
        .filter(|f| words::is_leak(context, f))
        .map(|f| context.rule(f))
        .filter(|rule| rule.kind == Kind::Secret)
        .map(|rule| (rule.id.as_str(), rule))
        .collect();
    let mut room = BUDGET;
    if !rules.is_empty() {
        writeln!(out, "\n### What to do")?;
    }
    for rule in rules.values() {
        let part = how(rule);
        if part.len() > room {
            return writeln!(out, "\n`keyscan explain` tells the rest.");
        }
        room -= part.len();
        write!(out, "{part}")?;
    }
    Ok(())
}

fn how(rule: &RuleMeta) -> String {
    let mut text = format!("\n**{}** ({})\n\n", prose(&rule.name), code(&rule.id));
    if !rule.grants.is_empty() {
        text.push_str(&format!("Gives away: {}\n\n", prose(&words::sentence(&rule.grants))));
    }
    for (number, step) in rule.rotate.steps.iter().enumerate() {
        text.push_str(&format!("{}. {}\n", number + 1, prose(step)));
    }
    let link = |url: &str| if words::is_web_address(url) { format!("<{url}>") } else { prose(url) };
    for (label, url) in [("Revoke at", &rule.rotate.revoke), ("See", &rule.rotate.docs)] {
        text.extend(url.iter().map(|url| format!("- {label}: {}\n", link(url))));
    }
    if rule.rotate.steps.is_empty() && rule.rotate.revoke.is_none() {
        text.push_str("- Revoke it where it was issued, issue a new one, and deploy that.\n");
    }
    text
}

fn problems(context: &Context<'_>, out: &mut dyn Write) -> io::Result<()> {
    let problems = &context.report.receipt.problems;
    if problems.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n### Not read\n")?;
    for problem in problems.iter().take(FEW) {
        let accepted = if problem.accepted { " (accepted)" } else { "" };
        let object = code(&shortened(&context.say_name(problem.object.as_bytes())));
        writeln!(out, "- {object}: {}{accepted}", code(&shortened(&context.say(&problem.what))))?;
        if let Some(help) = &problem.help {
            writeln!(out, "  - help: {}", code(&shortened(&context.say(help))))?;
        }
    }
    let hidden = problems.len().saturating_sub(FEW);
    if hidden > 0 {
        writeln!(out, "- and {}, which the other formats list", plural(hidden, "more"))?;
    }
    Ok(())
}

fn receipt(context: &Context<'_>, out: &mut dyn Write) -> io::Result<()> {
    let receipt = context.report.receipt;
    writeln!(out, "\n### Scanned\n")?;
    writeln!(out, "- {}", code(&shortened(&context.say(&receipt.target))))?;
    for line in words::scanned(receipt) {
        writeln!(out, "- {}", prose(&line))?;
    }
    for (reason, count) in &receipt.skipped {
        writeln!(out, "- left out: {}: {count}", code(&shortened(&context.say(reason))))?;
    }
    for line in words::not_shown(context) {
        writeln!(out, "- not shown: {}", code(&line))?;
    }
    for line in words::config(context).iter().take(FEW) {
        writeln!(out, "- {}", code(&shortened(line)))?;
    }
    Ok(())
}

/// A code span that holds any text. A pipe would end the cell of a table, even here, so it is written as an escape.
fn code(text: &str) -> String {
    let text = printable(text).replace('|', "\\u{7c}");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    match text.trim().is_empty() {
        true => "(empty)".to_owned(),
        // The blanks are not shown; without them a backtick at an end would belong to the fence.
        false if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) => format!("{fence} {text} {fence}"),
        false => format!("{fence}{text}{fence}"),
    }
}

/// Text of rules and our own, without markup.
pub(super) fn prose(text: &str) -> String {
    let mut out = String::new();
    for c in printable(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '|' => out.push_str("&#124;"),
            '@' => out.push_str("(at)"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '!' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

/// Long text with its middle left out.
fn shortened(text: &str) -> String {
    let count = text.chars().count();
    if count <= LONGEST {
        return text.to_owned();
    }
    let half = LONGEST / 2;
    let head: String = text.chars().take(half).collect();
    let tail: String = text.chars().skip(count - half).collect();
    format!("{head}...{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_spans_hold_anything() {
        let cases = [
            ("a", "`a`"),
            ("", "(empty)"),
            ("a`b", "``a`b``"),
            ("``", "``` `` ```"),
            ("a|b\\|c", "`a\\u{7c}b\\\\u{7c}c`"),
            ("<img src=x>\n@you", "`<img src=x>\\n@you`"),
        ];
        for (text, want) in cases {
            assert_eq!(code(text), want);
        }
    }

    #[test]
    fn prose_is_no_markup() {
        assert_eq!(prose("a *b* [c](d) <e> `f` | #1"), "a \\*b\\* \\[c\\](d) &lt;e&gt; \\`f\\` &#124; \\#1");
        assert!(!prose("ask @you").contains('@'));
    }
}
