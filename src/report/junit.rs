//! JUnit XML, which every CI service can show: one failed test case for each finding, an error for each thing that could
//! not be read, and one passed test case if there is neither, so that an empty list never looks like a pass.

use std::io::{self, BufWriter, Write};

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use termcolor::WriteColor;

use super::context::{Context, day};
use super::{place, printable, words};
use crate::finding::{Finding, Problem};

/// Writes the test suite.
pub(super) fn write(context: &Context<'_>, out: &mut dyn WriteColor) -> io::Result<()> {
    let mut xml = Writer::new_with_indent(BufWriter::new(out), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let findings = context.findings();
    let receipt = context.report.receipt;
    let leaks = findings.iter().filter(|f| words::is_leak(context, f)).count();
    let errors = receipt.problems.iter().filter(|p| !p.accepted).count();
    let passed = usize::from(findings.is_empty() && errors == 0);
    let skipped = findings.len() - leaks + receipt.problems.len() - errors;
    let tests = findings.len() + receipt.problems.len() + passed;
    let counts = [("tests", tests), ("failures", leaks), ("errors", errors)];
    let counts = counts.map(|(name, count)| (name, count.to_string()));
    let counts = || counts.iter().map(|(name, count)| (*name, count.as_str()));
    let skipped = skipped.to_string();
    let suite = |xml: &mut Writer<_>| -> io::Result<()> {
        for found in &findings {
            finding(context, found, xml)?;
        }
        for missed in &receipt.problems {
            problem(context, missed, xml)?;
        }
        if passed > 0 {
            case(xml, "receipt", &words::summary(context), |_| Ok(()))?;
        }
        let scanned = format!("{}\n{}", words::summary(context), words::scanned(receipt).join("\n"));
        xml.create_element("system-out").write_text_content(text(&scanned))?;
        Ok(())
    };
    xml.create_element("testsuites")
        .with_attributes([("name", super::TOOL)])
        .with_attributes(counts())
        .write_inner_content(|xml| {
            xml.create_element("testsuite")
                .with_attributes([("name", super::TOOL)])
                .with_attributes(counts())
                .with_attributes([("skipped", skipped.as_str()), ("time", "0")])
                .write_inner_content(suite)?;
            Ok(())
        })?;
    let mut out = xml.into_inner();
    out.write_all(b"\n")?;
    out.flush()
}

/// One test case. The attributes are those of the schema that Jenkins checks, which knows no file and no line.
fn case<W: Write>(
    xml: &mut Writer<W>,
    class: &str,
    name: &str,
    inner: impl FnOnce(&mut Writer<W>) -> io::Result<()>,
) -> io::Result<()> {
    let class = format!("{}.{}", super::TOOL, valid(class));
    let name = valid(name);
    xml.create_element("testcase")
        .with_attributes([("classname", class.as_str()), ("name", name.as_str()), ("time", "0")])
        .write_inner_content(inner)?;
    Ok(())
}

fn finding<W: Write>(context: &Context<'_>, finding: &Finding, xml: &mut Writer<W>) -> io::Result<()> {
    let rule = context.rule(finding);
    let main = place::main(finding);
    let at = main.map(|o| place::at(context, finding, o)).unwrap_or_default();
    // Services tell test cases apart by name, and two secrets may have the same mask.
    let id = &finding.fingerprint.to_string()[..8];
    let name = format!("{} in {at} ({id})", words::title(context, finding));
    case(xml, &printable(&rule.id), &name, |xml| {
        let message = words::message(context, finding);
        let (element, kind) = if words::is_leak(context, finding) {
            ("failure", finding.severity.as_str())
        } else {
            ("skipped", words::no_leak(context, finding))
        };
        xml.create_element(element)
            .with_attributes([("message", valid(&message).as_str()), ("type", kind)])
            .write_text_content(text(&details(context, finding)))?;
        Ok(())
    })
}

/// What a person wants to know who opens a failed test.
fn details(context: &Context<'_>, finding: &Finding) -> String {
    let mut lines = vec![format!(
        "severity: {}, verdict: {}, confidence: {}",
        finding.severity, finding.verdict, finding.confidence
    )];
    lines.extend(finding.reasons.iter().map(|reason| format!("because: {}", context.say(reason))));
    lines.extend(place::list(context, finding, FEW).iter().map(|place| format!("in: {place}")));
    let excerpt = place::main(finding).and_then(|o| context.excerpt(finding, o));
    lines.extend(excerpt.map(|excerpt| format!("line: {}", printable(excerpt.text.trim()))));
    if let Some(first) = finding.life.as_ref().and_then(|life| life.first.as_ref()) {
        let on = day(first.time).map(|day| format!(" on {day}")).unwrap_or_default();
        lines.push(format!("came in with commit {}{on}", printable(&first.id)));
    }
    let rotate = &context.rule(finding).rotate;
    lines.extend(rotate.steps.iter().map(|step| format!("to do: {}", printable(step))));
    lines.extend(rotate.revoke.iter().map(|url| format!("revoke at: {}", printable(url))));
    lines.push(format!("fingerprint: {}", finding.fingerprint));
    lines.join("\n")
}

/// Places listed of one finding.
const FEW: usize = 10;

fn problem<W: Write>(context: &Context<'_>, problem: &Problem, xml: &mut Writer<W>) -> io::Result<()> {
    let object = context.say_name(problem.object.as_bytes());
    case(xml, "not-read", &format!("{object} can be read"), |xml| {
        let (element, kind) = if problem.accepted { ("skipped", "accepted") } else { ("error", "not read") };
        let help = problem.help.as_ref().map(|help| format!("help: {}", context.say(help))).unwrap_or_default();
        xml.create_element(element)
            .with_attributes([("message", valid(&context.say(&problem.what)).as_str()), ("type", kind)])
            .write_text_content(text(&help))?;
        Ok(())
    })
}

fn text(text: &str) -> BytesText<'static> {
    BytesText::new(&valid(text)).into_owned()
}

/// XML has no room for control characters, not even escaped, nor for two characters that are none.
fn valid(text: &str) -> String {
    let allowed = |c: char| (c >= ' ' || c == '\n') && !matches!(c, '\u{fffe}' | '\u{ffff}');
    text.chars().map(|c| if allowed(c) { c } else { '\u{fffd}' }).collect()
}
