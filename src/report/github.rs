//! Annotations of GitHub Actions: workflow commands on standard output, which the runner turns into marks at the lines of a
//! pull request.
//!
//! GitHub shows at most ten errors, ten warnings and ten notices of one step and drops the rest without a word. So what is
//! over that is written as plain lines of the log, and the last line says how many.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};

use termcolor::WriteColor;

use super::context::{Context, plural};
use super::{place, printable, words};
use crate::finding::{Finding, Life, Severity};

/// Annotations that GitHub shows of each level and step.
const LIMIT: usize = 10;

/// Things that were not read and are named in the one annotation for them.
const FEW: usize = 5;

/// Longest message in characters; GitHub takes 64 KiB.
const LONGEST: usize = 4000;

/// Writes the commands.
pub(super) fn write(context: &Context<'_>, out: &mut dyn WriteColor) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    let mut used = BTreeMap::new();
    for command in problems(context).into_iter().chain(context.findings().into_iter().map(|f| finding(context, f))) {
        let count = used.entry(command.level).or_insert(0);
        *count += 1;
        if *count <= LIMIT { writeln!(out, "{}", command.render())? } else { writeln!(out, "{}", command.plain())? }
    }
    let hidden: usize = used.values().map(|count| count.saturating_sub(LIMIT)).sum();
    if hidden > 0 {
        let annotations = plural(hidden, "more line");
        writeln!(out, "keyscan: {annotations} above have no annotation: GitHub shows {LIMIT} of each level")?;
    }
    writeln!(out, "keyscan: {}", words::summary(context))?;
    out.flush()
}

/// One annotation.
struct Command {
    level: &'static str,
    title: String,
    file: Option<String>,
    /// Line and column, first and last.
    region: Option<[usize; 4]>,
    /// The place in words, for the plain form.
    place: String,
    message: String,
}

impl Command {
    fn render(&self) -> String {
        let mut properties = vec![format!("title={}", property(&self.title))];
        if let Some(file) = &self.file {
            properties.push(format!("file={}", property(file)));
            if let Some([line, column, end_line, end_column]) = self.region {
                properties.push(format!("line={line},endLine={end_line}"));
                // Columns are for annotations of one line only.
                if line == end_line {
                    properties.push(format!("col={column},endColumn={end_column}"));
                }
            }
        }
        let message: String = self.message.chars().take(LONGEST).collect();
        format!("::{} {}::{}", self.level, properties.join(","), data(&message))
    }

    /// A line of the log that is no command.
    fn plain(&self) -> String {
        let place = if self.place.is_empty() { String::new() } else { format!("{}: ", self.place) };
        format!("keyscan: {}: {place}{}", self.level, self.message)
    }
}

fn finding(context: &Context<'_>, finding: &Finding) -> Command {
    let level = match finding.severity {
        _ if !words::is_leak(context, finding) => "notice",
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "notice",
    };
    let main = place::main(finding);
    let name = main.map(|o| printable(place::name(context, finding, o))).unwrap_or_default();
    let line = main.and_then(place::line);
    // A path that had to be escaped is no path any more, and a file that is gone has no lines.
    let file = main.and_then(|o| place::path(finding, o)).map(|path| context.name(path));
    let exact = file.is_some_and(|path| *path == *name.as_bytes());
    let gone = |life: &Life| life.removed.iter().any(|removal| removal.path == name.as_bytes());
    let in_head = finding.life.as_ref().is_some_and(|life| life.in_head && !gone(life));
    let shown = exact && (finding.in_tree() || in_head);
    let at = main.map(|o| place::at(context, finding, o)).unwrap_or_default();
    let mut message = words::message(context, finding);
    if !shown && !name.is_empty() {
        message = format!("In {at}: {message}");
    }
    Command {
        level,
        title: format!("{}: {}", super::TOOL, printable(&context.rule(finding).name)),
        region: main.filter(|_| line.is_some()).map(|o| {
            let at = &o.position;
            [at.line, at.column, at.end_line, at.end_column]
        }),
        place: if shown { at } else { String::new() },
        file: shown.then_some(name),
        message,
    }
}

/// What could not be read, and whether that was accepted: one annotation each.
fn problems(context: &Context<'_>) -> Vec<Command> {
    let command = |accepted: bool, level, what: &str| {
        let problems: Vec<_> = context.report.receipt.problems.iter().filter(|p| p.accepted == accepted).collect();
        let shown = problems.iter().take(FEW).map(|problem| {
            let help = problem.help.as_ref().map(|help| format!(" (help: {})", context.say(help))).unwrap_or_default();
            format!("{}: {}{help}", context.say_name(problem.object.as_bytes()), context.say(&problem.what))
        });
        let mut message = shown.collect::<Vec<_>>().join("\n");
        let hidden = problems.len().saturating_sub(FEW);
        if hidden > 0 {
            message.push_str(&format!("\nand {} more, which the other formats list", hidden));
        }
        let title = format!("{}: {what}", super::TOOL);
        let none = message.is_empty();
        let command = Command { level, title, file: None, region: None, place: String::new(), message };
        (!none).then_some(command)
    };
    let missed = command(false, "error", "not everything was read");
    let accepted = command(true, "warning", "not read, and accepted");
    missed.into_iter().chain(accepted).collect()
}

/// Text of a command: what ends a line would end it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Text of a property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_end_a_property_or_a_command() {
        assert_eq!(property("a,b::c%0A\nd"), "a%2Cb%3A%3Ac%250A%0Ad");
        assert_eq!(data("50%\r\n::error::x"), "50%25%0D%0A::error::x");
    }
}
