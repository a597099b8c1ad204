//! The command line. Doc comments are the help text.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::finding::{Confidence, Severity};

/// Finds leaked credentials in files and in the whole git history, and proves offline which ones are real.
///
/// Give it the root of a repository and it scans the working tree (what git tracks, and what is neither tracked nor ignored)
/// and every object that git keeps: all branches, tags, stashes, merges, commit messages and unreachable objects. Nothing
/// leaves your machine and nothing in a scanned repository is run.
#[derive(Debug, Parser)]
#[command(name = "keyscan", version, args_conflicts_with_subcommands = true, after_help = EXAMPLES, after_long_help = LONG_EXAMPLES)]
pub struct Cli {
    /// The command; none: scan.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Options of a scan.
    #[command(flatten)]
    pub scan: ScanArgs,
}

const EXAMPLES: &str = "\
Examples:
  keyscan .                       scan this repository: files and history
  keyscan --no-history src        scan files only
  keyscan . --format sarif -o out.sarif
  git diff | keyscan -            scan standard input
  keyscan explain stripe-secret-key

Exit codes: 0 clean, 1 findings, 2 could not scan everything. `--help` says more.";

const LONG_EXAMPLES: &str = "\
Examples:
  keyscan .                       scan this repository: files and history
  keyscan --no-history src        scan files only
  keyscan --history-only .        scan history only
  keyscan . --format sarif -o out.sarif
                                  a SARIF file for code scanning
  keyscan . --format jsonl | jq   one finding a line
  git diff | keyscan -            scan standard input
  keyscan rules list              every credential type that is known
  keyscan rules check mine.yaml   is my rule file right?
  keyscan explain stripe-secret-key
                                  what a rule finds, and how to rotate the key

Exit codes:
  0  everything was scanned and nothing was found
  1  something was found
  2  something could not be scanned, or the command was wrong; wins over 1, and the report is written all the same

Environment:
  NO_COLOR           no colour
  SOURCE_DATE_EPOCH  the present time for exposure days, for reproducible reports";

/// What else keyscan does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List, show and check rules.
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Say what a rule finds, how it is proven and how to rotate what it finds.
    Explain {
        /// Rule id, as reports show it.
        id: String,
        /// A rule file of your own that may hold it.
        #[arg(long, value_name = "FILE")]
        rules: Vec<PathBuf>,
    },
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page (troff).
    Man,
}

/// Commands about rules.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// List all rules, one a line.
    List(ListArgs),
    /// Show one rule in full.
    Show {
        /// Rule id.
        id: String,
        /// A rule file of your own that may hold it.
        #[arg(long, value_name = "FILE")]
        rules: Vec<PathBuf>,
    },
    /// Check rule files: what is wrong, on which line, and what to do.
    Check {
        /// Rule files; without any, the built-in rules.
        files: Vec<PathBuf>,
    },
    /// List the named structures that rules can use.
    Structures,
    /// Print the reference page of all built-in rules (docs/rules.md).
    Doc,
}

/// Filters of `rules list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only rules whose id, name or provider contains this.
    pub filter: Option<String>,
    /// Only rules of at least this severity.
    #[arg(long, value_enum)]
    pub severity: Option<SeverityArg>,
    /// Only rules that can be proven by a checksum or structure.
    #[arg(long)]
    pub provable: bool,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub json: bool,
    /// List the rules of this file of your own, too.
    #[arg(long, value_name = "FILE")]
    pub rules: Vec<PathBuf>,
}

/// Options of a scan.
#[derive(Debug, Args)]
pub struct ScanArgs {
    /// Files, directories, repositories; `-` is standard input.
    #[arg(value_name = "PATH", default_value = ".")]
    pub paths: Vec<PathBuf>,

    /// Scan files only, not the history.
    #[arg(long, help_heading = "What to scan", conflicts_with = "history_only")]
    pub no_history: bool,
    /// Scan the history only, not files.
    #[arg(long, help_heading = "What to scan")]
    pub history_only: bool,
    /// Scan files that git ignores, too.
    #[arg(long, help_heading = "What to scan")]
    pub no_ignore: bool,
    /// Take it as complete when history is shallow or partial or an object cannot be read; it is still named.
    #[arg(long, help_heading = "What to scan")]
    pub allow_incomplete: bool,

    /// How deep encoded text (base64, hex, escapes, and what is compressed in base64) is decoded and scanned; 0: not at all.
    #[arg(long, value_name = "N", default_value_t = crate::detect::encoded::DEPTH, value_parser = clap::value_parser!(u8).range(0..=32), help_heading = "What to scan")]
    pub decode_depth: u8,

    /// Do not look into archives, compressed files, databases and PDF; their own bytes are scanned all the same.
    #[arg(long, help_heading = "What to scan")]
    pub no_archives: bool,
    /// How deep archives in archives are opened.
    #[arg(long, value_name = "N", default_value_t = crate::archive::DEPTH, value_parser = clap::value_parser!(u8).range(1..=64), help_heading = "What to scan")]
    pub max_archive_depth: u8,
    /// MiB that one file may decompress to, all layers together. At most 250 times its size, or 64 MiB if that is more.
    #[arg(long, value_name = "MIB", default_value_t = crate::archive::BYTES >> 20, value_parser = clap::value_parser!(u64).range(1..=1 << 20), help_heading = "What to scan")]
    pub max_decompressed: u64,

    /// Use the rules of this file too. May be given several times.
    #[arg(long, value_name = "FILE", help_heading = "Rules")]
    pub rules: Vec<PathBuf>,
    /// Use only this rule, or all whose id begins with it. May be given several times.
    #[arg(long, value_name = "ID", help_heading = "Rules")]
    pub only: Vec<String>,
    /// Leave this rule out, or all whose id begins with it. May be given several times.
    #[arg(long, value_name = "ID", help_heading = "Rules")]
    pub skip: Vec<String>,

    /// Report findings of at least this confidence.
    #[arg(long, value_enum, default_value = "medium", help_heading = "What to report")]
    pub confidence: ConfidenceArg,
    /// Report findings of at least this severity.
    #[arg(long, value_enum, default_value = "info", help_heading = "What to report")]
    pub severity: SeverityArg,
    /// Report tokens whose checksum or structure is wrong, too: mostly examples.
    #[arg(long, help_heading = "What to report")]
    pub show_malformed: bool,
    /// Report publishable keys and identifiers, too.
    #[arg(long, help_heading = "What to report")]
    pub show_publishable: bool,

    /// Format of the report.
    #[arg(short, long, default_value = "text", value_parser = format_parser(), help_heading = "Output")]
    pub format: String,
    /// Write the report to this file instead of standard output.
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// Print whole secrets. Everything that keeps the output then holds them.
    #[arg(long, help_heading = "Output")]
    pub show_secrets: bool,
    /// List every place of a finding.
    #[arg(short, long, help_heading = "Output")]
    pub verbose: bool,
    /// No progress bar and no closing words on standard error.
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,
    /// Colour of the text report.
    #[arg(long, value_enum, default_value = "auto", help_heading = "Output")]
    pub color: Color,

    /// Number of threads [default: number of cores]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Work")]
    pub threads: Option<u16>,
    /// Scan every version of every file whole instead of only what changed; slower, for checking keyscan itself.
    #[arg(long, hide_short_help = true, help_heading = "Work")]
    pub plain: bool,
}

fn format_parser() -> clap::builder::PossibleValuesParser {
    crate::report::Format::all().map(|f| clap::builder::PossibleValue::new(f.as_str()).help(f.about())).into()
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Confidence on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ConfidenceArg {
    /// Everything, placeholders included.
    Low,
    /// What a reviewer should look at.
    Medium,
    /// Distinctive shape and random text.
    High,
    /// Only what is proven.
    Proven,
}

impl From<ConfidenceArg> for Confidence {
    fn from(arg: ConfidenceArg) -> Self {
        match arg {
            ConfidenceArg::Low => Self::Low,
            ConfidenceArg::Medium => Self::Medium,
            ConfidenceArg::High => Self::High,
            ConfidenceArg::Proven => Self::Proven,
        }
    }
}

/// Severity on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SeverityArg {
    /// Everything.
    Info,
    /// Test keys and expired tokens, and graver.
    Low,
    /// Narrow scope, and graver.
    Medium,
    /// One service, and graver.
    High,
    /// Organisation-wide, cloud, source code, money, identity.
    Critical,
}

impl From<SeverityArg> for Severity {
    fn from(arg: SeverityArg) -> Self {
        match arg {
            SeverityArg::Info => Self::Info,
            SeverityArg::Low => Self::Low,
            SeverityArg::Medium => Self::Medium,
            SeverityArg::High => Self::High,
            SeverityArg::Critical => Self::Critical,
        }
    }
}
