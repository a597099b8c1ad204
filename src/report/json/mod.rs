//! JSON and JSON Lines. The types here are the contract of `docs/json.md`, apart from the ones keyscan works with, so
//! that an inner change cannot change the output by accident.
//!
//! Within a version fields may be added; renaming, removing or changing the meaning of one makes a new version.

mod convert;

use std::io::{self, BufWriter, Write};

use serde::Serialize;
use termcolor::WriteColor;

use super::context::Context;
use super::escape::JsonSafe;

/// Version of the wire types.
pub(super) const VERSION: u32 = 1;

/// Writes one document.
pub(super) fn write(context: &Context<'_>, out: &mut dyn WriteColor) -> io::Result<()> {
    let mut out = JsonSafe::new(BufWriter::new(out));
    let summary = Summary::new(context);
    let log = Log {
        version: VERSION,
        tool: summary.tool,
        target: summary.target,
        complete: summary.complete,
        counts: summary.counts,
        findings: Findings(context),
        receipt: summary.receipt,
    };
    serde_json::to_writer_pretty(&mut out, &log)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Writes one object a line.
pub(super) fn write_lines(context: &Context<'_>, out: &mut dyn WriteColor) -> io::Result<()> {
    let mut out = JsonSafe::new(BufWriter::new(out));
    for found in context.findings() {
        serde_json::to_writer(&mut out, &Line::Finding(Box::new(Finding::new(context, found))))?;
        out.write_all(b"\n")?;
    }
    serde_json::to_writer(&mut out, &Line::Receipt(Box::new(Summary::new(context))))?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Makes wire findings one at a time while they are written.
struct Findings<'a>(&'a Context<'a>);

impl Serialize for Findings<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let findings = self.0.findings();
        serializer.collect_seq(findings.into_iter().map(|f| Finding::new(self.0, f)))
    }
}

/// Declares wire types: serialised always, read back (and strictly) by the tests only.
macro_rules! wire {
    ($($(#[$meta:meta])* struct $name:ident $(<$gen:ident>)? { $($(#[$fmeta:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$meta])*
        #[derive(Serialize)]
        #[cfg_attr(test, derive(Debug, serde::Deserialize), serde(deny_unknown_fields))]
        pub(super) struct $name $(<$gen>)? {
            $($(#[$fmeta])* pub(super) $field: $type,)*
        }
    )*};
}

/// A line of JSON Lines.
#[derive(Serialize)]
#[cfg_attr(test, derive(Debug, serde::Deserialize))]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Line {
    Finding(Box<Finding>),
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
        reasons: Vec<String>,
        facts: Vec<Fact>,
        in_tree: bool,
        occurrences: Vec<Occurrence>,
        life: Option<Life>,
        rotation: Rotation,
    }

    struct Rule {
        id: String,
        name: String,
        provider: String,
        kind: String,
        environment: String,
        severity: String,
        grants: String,
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
        start: usize,
        end: usize,
    }

    struct Life {
        first: Option<Commit>,
        removed: Vec<Removal>,
        in_head: bool,
        branches: Vec<String>,
        remotes: Vec<String>,
        tags: Vec<String>,
        other_refs: Vec<String>,
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
        allowed: u64,
    }
}
