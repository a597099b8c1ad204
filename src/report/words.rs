//! Sentences that several formats say alike: what was found, what was read, whether that is an all-clear.

use super::context::{Context, SEVERITIES, Whereabouts, grouped, plural};
use super::printable;
use crate::finding::{Finding, Receipt, Verdict};
use crate::rules::Kind;

/// What every reader has to hear.
pub(super) const FIRST: &str = "Revoke or rotate each one first; deleting the text does not undo a leak.";

/// What one finding is and what to do; the only text that some services show.
pub(super) fn message(context: &Context<'_>, finding: &Finding) -> String {
    if context.rule(finding).kind == Kind::Hygiene {
        let step = context.rule(finding).rotate.steps.first().map(printable).unwrap_or_default();
        return format!("{} {step}", what(context, finding));
    }
    let how = match &context.rule(finding).rotate.revoke {
        Some(url) => format!("Revoke it at {} and issue a new one.", printable(url)),
        None => "Revoke it where it was issued and issue a new one.".to_owned(),
    };
    format!("{} {how}", what(context, finding))
}

/// What one finding is, why that is believed and where it stands.
pub(super) fn what(context: &Context<'_>, finding: &Finding) -> String {
    let mut text = format!("{} ({}", title(context, finding), finding.verdict);
    if let Some(reason) = finding.reasons.first() {
        text.push_str(&format!(": {}", context.say(reason)));
    }
    text.push(')');
    match Whereabouts::of(finding).label() {
        Some(label) => text.push_str(&format!(" is {label}.")),
        None => text.push_str(" is in the working tree."),
    }
    let places = finding.places();
    if places > 1 {
        text.push_str(&format!(" It stands in {}.", plural(places, "place")));
    }
    text
}

/// Name and mask.
pub(super) fn title(context: &Context<'_>, finding: &Finding) -> String {
    format!("{} {}", printable(&context.rule(finding).name), context.say(&finding.masked))
}

/// Is it a leak, rather than something that was shown on request, or a habit?
pub(super) fn is_leak(context: &Context<'_>, finding: &Finding) -> bool {
    finding.verdict != Verdict::Malformed && context.rule(finding).kind != Kind::Hygiene
}

/// What it is if it is no leak.
pub(super) fn no_leak(context: &Context<'_>, finding: &Finding) -> &'static str {
    if context.rule(finding).kind == Kind::Hygiene { "hygiene" } else { "malformed" }
}

/// "2 critical, 1 low".
pub(super) fn by_severity(context: &Context<'_>) -> String {
    let counts = context.counts();
    let parts: Vec<_> = SEVERITIES
        .iter()
        .filter_map(|severity| Some(format!("{} {severity}", grouped(*counts.get(severity)? as u64))))
        .collect();
    parts.join(", ")
}

/// How many are in files and how many are not; a part of the history says nothing of files.
pub(super) fn by_place(context: &Context<'_>) -> Option<String> {
    context.report.receipt.selection.is_none().then_some(())?;
    let findings = context.report.findings;
    let in_tree = findings.iter().filter(|f| f.in_tree()).count();
    let (in_tree, others) = (in_tree as u64, (findings.len() - in_tree) as u64);
    Some(format!("{} in the working tree, {} only in git.", grouped(in_tree), grouped(others)))
}

/// What it means that nothing was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Everything that was asked for was read, or the gaps were accepted.
    Clear,
    /// There was nothing to read.
    NothingRead,
    /// Nothing was looked for.
    NoRules,
    /// Not everything could be read.
    Incomplete,
}

/// A range that was read and holds little is another thing than nothing to read.
fn nothing_read(receipt: &Receipt) -> bool {
    receipt.files == 0 && receipt.blobs == 0 && receipt.commits == 0 && receipt.selection.is_none()
}

/// Judges a scan that found nothing.
pub(super) fn outcome(receipt: &Receipt) -> Outcome {
    let nothing_read = nothing_read(receipt);
    match receipt.complete() {
        _ if receipt.rules == 0 => Outcome::NoRules,
        false => Outcome::Incomplete,
        true if nothing_read => Outcome::NothingRead,
        true => Outcome::Clear,
    }
}

/// An all-clear only if it is one.
pub(super) fn nothing_found(receipt: &Receipt) -> &'static str {
    let nothing_read = nothing_read(receipt);
    match outcome(receipt) {
        Outcome::NoRules => "no rules were in use, so nothing could be found.",
        Outcome::Incomplete if nothing_read => "nothing could be read. This is not an all-clear.",
        Outcome::Incomplete => "no secrets in what could be read, but not everything could. This is not an all-clear.",
        Outcome::NothingRead => "Nothing was read, so this says nothing about secrets.",
        Outcome::Clear if receipt.problems.is_empty() && receipt.selection.is_some() => {
            "No new secrets found. Everything that was asked for was read."
        }
        Outcome::Clear if receipt.problems.is_empty() => "No secrets found. Everything that was asked for was read.",
        Outcome::Clear => "No secrets found, apart from the accepted gaps named below.",
    }
}

/// The first line of a report in words.
pub(super) fn summary(context: &Context<'_>) -> String {
    let receipt = context.report.receipt;
    let incomplete = if receipt.complete() { "" } else { "INCOMPLETE: " };
    let findings = context.report.findings;
    if findings.is_empty() {
        return format!("{incomplete}{}", nothing_found(receipt));
    }
    let found = plural(findings.len(), "finding");
    let places = by_place(context).map(|places| format!(" {places}")).unwrap_or_default();
    format!("{incomplete}{found}: {}.{places}", by_severity(context))
}

/// What was read, a line each.
pub(super) fn scanned(receipt: &Receipt) -> Vec<String> {
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
    let files = format!("{} ({})", plural(receipt.files, "file"), bytes(receipt.file_bytes));
    let files = receipt.selection.is_none().then_some(files);
    files.into_iter().chain([history, format!("for {}", plural(receipt.rules as u64, "rule"))]).collect()
}

/// What was found and is not among the findings, a line each.
pub(super) fn not_shown(context: &Context<'_>) -> Vec<String> {
    let receipt = context.report.receipt;
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
    let line = |(count, noun, why): (u64, &str, &str)| {
        let noun = noun.replace(" or ", if count == 1 { " or " } else { "s or " });
        format!("{}: {why}", plural(count, &noun))
    };
    rows.into_iter().filter(|row| row.0 > 0).map(line).collect()
}

/// Files that narrow what is shown, and what their owner should look at; a line each.
pub(super) fn config(context: &Context<'_>) -> Vec<String> {
    let receipt = context.report.receipt;
    let files = receipt.config.iter().map(|file| format!("as told by {}", context.say_name(file.as_bytes())));
    let notes = receipt.notes.iter().map(|note| format!("look at: {}", context.say(note)));
    files.chain(notes).collect()
}

/// Text with a full stop at its end.
pub(super) fn sentence(text: &str) -> String {
    let text = text.trim_end();
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

/// Can a reader be sent there by a click?
pub(super) fn is_web_address(url: &str) -> bool {
    let web = url.starts_with("https://") || url.starts_with("http://");
    web && !url.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"'))
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
