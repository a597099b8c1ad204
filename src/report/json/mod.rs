//! JSON and JSON Lines. The types here are the contract of `docs/json.md`, apart from the ones keyscan works with, so
//! that an inner change cannot change the output by accident.
//!
//! Within a version fields may be added; renaming, removing or changing the meaning of one makes a new version.

mod convert;
mod read;

use std::io::{self, BufWriter, Write};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::ser::{Formatter, PrettyFormatter};
use termcolor::WriteColor;

use super::context::Context;
use super::escape::JsonSafe;
use crate::finding;

pub(super) use read::{Parts, parse};

/// Version of the wire types.
pub(super) const VERSION: u32 = 1;

/// Writes one document.
pub(super) fn write(context: &Context<'_>, out: &mut dyn WriteColor) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    let summary = Summary::new(context);
    let log = Log::<Vec<Finding>> {
        version: VERSION,
        tool: summary.tool,
        target: summary.target,
        complete: summary.complete,
        counts: summary.counts,
        findings: Vec::new(),
        allowed: Vec::new(),
        receipt: summary.receipt,
    };
    let mut frame = Vec::new();
    serde_json::to_writer_pretty(JsonSafe::new(&mut frame), &log)?;
    let mut rest = frame.as_slice();
    for (name, list) in [("findings", context.findings()), ("allowed", context.allowed())] {
        // Line breaks in strings are escaped, so no string can look like this.
        let empty = format!("\n  \"{name}\": []");
        let at = memchr::memmem::find(rest, empty.as_bytes()).expect("the log has this list") + empty.len() - 1;
        out.write_all(&rest[..at])?;
        write_findings(context, &list, &mut out)?;
        rest = &rest[at..];
    }
    out.write_all(rest)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Findings that are made by all threads before they are written.
const BATCH: usize = 512;

/// Writes the findings of a list in the pretty form, where an empty one would stand. While some are written, the next ones
/// are made.
fn write_findings(context: &Context<'_>, list: &[&finding::Finding], out: &mut impl Write) -> io::Result<()> {
    let make = |batch: &[&finding::Finding]| -> io::Result<Vec<Vec<u8>>> {
        batch.par_iter().map(|finding| pretty(&Finding::new(context, finding))).collect()
    };
    let mut batches = list.chunks(BATCH);
    let mut made = batches.next().map(make);
    let mut before: &[u8] = b"\n    ";
    while let Some(texts) = made.take().transpose()? {
        rayon::in_place_scope(|scope| {
            let next = &mut made;
            let batch = batches.next();
            scope.spawn(move |_| *next = batch.map(make));
            for text in texts {
                out.write_all(before)?;
                before = b",\n    ";
                out.write_all(&text)?;
            }
            io::Result::Ok(())
        })?;
    }
    if list.is_empty() { Ok(()) } else { out.write_all(b"\n  ") }
}

/// A finding in the pretty form, as it stands two levels deep.
fn pretty(finding: &Finding) -> io::Result<Vec<u8>> {
    let mut formatter = PrettyFormatter::new();
    for _ in 0..2 {
        formatter.begin_array(&mut io::sink())?;
    }
    let mut text = Vec::new();
    finding.serialize(&mut serde_json::Serializer::with_formatter(&mut text, formatter))?;
    let mut safe = Vec::with_capacity(text.len());
    JsonSafe::new(&mut safe).write_all(&text)?;
    Ok(safe)
}

/// Writes one object a line.
pub(super) fn write_lines(context: &Context<'_>, out: &mut dyn WriteColor) -> io::Result<()> {
    let mut out = JsonSafe::new(BufWriter::new(out));
    for found in context.findings() {
        serde_json::to_writer(&mut out, &Line::Finding(Box::new(Finding::new(context, found))))?;
        out.write_all(b"\n")?;
    }
    for found in context.allowed() {
        serde_json::to_writer(&mut out, &Line::Allowed(Box::new(Finding::new(context, found))))?;
        out.write_all(b"\n")?;
    }
    serde_json::to_writer(&mut out, &Line::Receipt(Box::new(Summary::new(context))))?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Declares wire types. What is read back may hold fields that a later keyscan added, except in the tests.
macro_rules! wire {
    ($($(#[$meta:meta])* struct $name:ident $(<$gen:ident>)? { $($(#[$fmeta:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[cfg_attr(test, serde(deny_unknown_fields))]
        pub(super) struct $name $(<$gen>)? {
            $($(#[$fmeta])* pub(super) $field: $type,)*
        }
    )*};
}

/// A line of JSON Lines.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Line {
    Finding(Box<Finding>),
    Allowed(Box<Finding>),
    Receipt(Box<Summary>),
}

wire! {
    /// The document.
    struct Log<F> {
        version: u32,
        tool: Tool,
        target: String,
        complete: bool,
        counts: Counts,
        findings: F,
        #[serde(default)]
        allowed: F,
        receipt: Receipt,
    }

    /// The last line of JSON Lines: the document without the findings.
    struct Summary {
        version: u32,
        tool: Tool,
        target: String,
        complete: bool,
        counts: Counts,
        receipt: Receipt,
    }

    struct Tool {
        name: String,
        version: String,
    }

    struct Counts {
        findings: usize,
        in_tree: usize,
        critical: usize,
        high: usize,
        medium: usize,
        low: usize,
        info: usize,
    }

    struct Finding {
        fingerprint: String,
        rule: Rule,
        severity: String,
        verdict: String,
        confidence: String,
        masked: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        secret: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        secret_base64: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        secret_sha256: Option<String>,
        #[serde(default)]
        length: usize,
        reasons: Vec<String>,
        facts: Vec<Fact>,
        in_tree: bool,
        occurrences: Vec<Occurrence>,
        #[serde(default)]
        more_occurrences: usize,
        life: Option<Life>,
        #[serde(skip_serializing_if = "Option::is_none")]
        allowed: Option<Allowance>,
        rotation: Rotation,
    }

    struct Allowance {
        by: String,
        reason: Option<String>,
    }

    struct Rule {
        id: String,
        name: String,
        provider: String,
        kind: String,
        environment: String,
        severity: String,
        grants: String,
        reason: Option<String>,
        #[serde(default)]
        provable: bool,
        bits: Option<u32>,
    }

    struct Fact {
        label: String,
        value: String,
    }

    struct Occurrence {
        kind: String,
        paths: Vec<Path>,
        id: Option<String>,
        commit: Option<String>,
        member: Option<Path>,
        binary: bool,
        position: Position,
        via: Vec<String>,
        excerpt: Option<Excerpt>,
        #[serde(skip_serializing_if = "Option::is_none")]
        allowed: Option<Allowance>,
    }

    struct Path {
        path: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        path_base64: Option<String>,
    }

    struct Position {
        offset: usize,
        line: Option<usize>,
        column: Option<usize>,
        end_line: Option<usize>,
        end_column: Option<usize>,
    }

    struct Excerpt {
        text: String,
        start: Option<usize>,
        end: Option<usize>,
    }

    struct Life {
        first: Option<Commit>,
        removed: Vec<Removal>,
        in_head: bool,
        branches: Vec<String>,
        remotes: Vec<String>,
        tags: Vec<String>,
        other_refs: Vec<String>,
        more_refs: usize,
        #[serde(default)]
        more_branches: usize,
        #[serde(default)]
        more_remotes: usize,
        #[serde(default)]
        more_tags: usize,
        reachable: bool,
        exposure_days: Option<i64>,
    }

    struct Commit {
        id: String,
        author: String,
        email: String,
        date: Option<String>,
        summary: String,
    }

    struct Removal {
        path: Path,
        commit: String,
        date: Option<String>,
    }

    struct Rotation {
        revoke: Option<String>,
        docs: Option<String>,
        overlap: Option<bool>,
        steps: Vec<String>,
        self_revoke: Option<bool>,
        command: Option<String>,
        audit: Option<String>,
    }

    struct Receipt {
        #[serde(skip_serializing_if = "Option::is_none")]
        selection: Option<String>,
        repository: Option<Origin>,
        rules: usize,
        files: u64,
        file_bytes: u64,
        history: bool,
        blobs: u64,
        commits: u64,
        tags: u64,
        history_bytes: u64,
        skipped: Vec<Skipped>,
        problems: Vec<Problem>,
        not_reported: NotReported,
        #[serde(default)]
        config: Vec<String>,
        #[serde(default)]
        notes: Vec<String>,
    }

    struct Origin {
        uri: String,
        commit: Option<String>,
        branch: Option<String>,
    }

    struct Skipped {
        reason: String,
        count: u64,
    }

    struct Problem {
        object: String,
        what: String,
        help: Option<String>,
        accepted: bool,
    }

    struct NotReported {
        malformed: u64,
        low_confidence: u64,
        publishable: u64,
        #[serde(default)]
        below_severity: u64,
        allowed: u64,
        #[serde(default)]
        allowed_by: Vec<AllowedBy>,
        #[serde(default)]
        allowed_places: u64,
    }

    struct AllowedBy {
        by: String,
        count: u64,
    }
}
