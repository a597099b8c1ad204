//! The command line. Doc comments are the help text.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::hook_args::HookCommand;
use crate::cli::key::KeyCommand;
use crate::finding::{Confidence, Severity};
use crate::rules::{Certainty, Environment, Kind};

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
  keyscan --range main...HEAD .   scan what a branch adds to main
  keyscan --staged .              scan what the next commit adds
  keyscan . --format sarif -o out.sarif
                                  a SARIF file for code scanning
  keyscan . --report sarif=out.sarif --report markdown=summary.md
                                  two files, and text on the screen
  keyscan . --format json -o k.json; keyscan report k.json --format csv
                                  one scan, other formats later
  keyscan . --format jsonl | jq   one finding a line
  git diff | keyscan -            scan standard input
  keyscan rules list              every credential type that is known
  keyscan rules check mine.yaml   is my rule file right?
  keyscan explain stripe-secret-key
                                  what a rule finds, and how to rotate the key
  printf %s \"$KEY\" | keyscan key inspect
                                  what is this string?

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
    /// Turn a saved JSON or JSON Lines report into other formats, without scanning again.
    ///
    /// What it writes is, byte for byte, what the scan would have written. Secrets stay masked. Exit code 0: it was written,
    /// whatever it says; 2: it was not.
    Report {
        /// The saved report; `-` is standard input.
        file: PathBuf,
        /// Where reports go.
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Check commits and pushes in git's hooks, and put keyscan there.
    #[command(subcommand)]
    Hook(HookCommand),
    /// Accept findings that are known, in a file that is safe to commit.
    #[command(subcommand)]
    Baseline(BaselineCommand),
    /// Check config files.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Take over the configuration of another scanner.
    #[command(subcommand)]
    Import(ImportCommand),
    /// Make, inspect and digest keys of your own formats.
    #[command(subcommand)]
    Key(KeyCommand),
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

/// Commands about the baseline: findings that were looked at and are accepted.
///
/// It lies in .keyscan-baseline at the root of the repository, or in the file of --baseline.
#[derive(Debug, Subcommand)]
pub enum BaselineCommand {
    /// Scan, and accept everything that is found.
    Create(Box<CreateArgs>),
    /// Scan, and bring the baseline up to date: accept what is new, take out what is gone; words are kept.
    Update(Box<UpdateArgs>),
    /// Scan, and list the entries: which are in use, stale or expired, and which have no reason.
    Audit(Box<ScanArgs>),
}

/// Options of `baseline create`.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// What the new entries say.
    #[command(flatten)]
    pub words: EntryArgs,
    /// How to scan.
    #[command(flatten)]
    pub scan: ScanArgs,
}

/// Options of `baseline update`.
#[derive(Debug, Args)]
pub struct UpdateArgs {
    /// Accept nothing new: only take out what is gone, and follow files that were moved.
    #[arg(long, help_heading = "Entries")]
    pub no_add: bool,
    /// What the new entries say.
    #[command(flatten)]
    pub words: EntryArgs,
    /// How to scan.
    #[command(flatten)]
    pub scan: ScanArgs,
}

/// What new entries of a baseline say.
#[derive(Debug, Args)]
pub struct EntryArgs {
    /// Why the findings are accepted.
    #[arg(long, value_name = "TEXT", help_heading = "Entries")]
    pub reason: Option<String>,
    /// Who answers for it.
    #[arg(long, value_name = "TEXT", help_heading = "Entries")]
    pub owner: Option<String>,
    /// Last day on which they are accepted: 2027-01-31.
    #[arg(long, value_name = "DATE", help_heading = "Entries")]
    pub expires: Option<jiff::civil::Date>,
}

/// Commands about config files.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check a config file and everything that it names. Without a file: the one that a scan here would use.
    Check {
        /// The file.
        file: Option<PathBuf>,
    },
    /// Print the JSON schema of .keyscan.yaml.
    Schema,
}

/// Scanners whose configuration can be taken over.
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// Make .keyscan.yaml, a rule file and a baseline from the files of gitleaks.
    ///
    /// Finds .gitleaks.toml and .gitleaksignore in the directory. What could not be carried over is listed on standard error.
    /// Exit codes: 0 everything was carried over, 1 something was not, 2 something went wrong.
    Gitleaks(GitleaksArgs),
}

/// Options of `import gitleaks`.
#[derive(Debug, Args)]
pub struct GitleaksArgs {
    /// The root of the repository.
    #[arg(value_name = "PATH", default_value = ".")]
    pub path: PathBuf,
    /// The config file [default: .gitleaks.toml]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The list of ignored fingerprints [default: .gitleaksignore]
    #[arg(long, value_name = "FILE")]
    pub ignore: Option<PathBuf>,
    /// A JSON report of gitleaks that serves as its baseline.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Replace files of keyscan that are there already.
    #[arg(long)]
    pub force: bool,
    /// Print what would be written, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// Filters of `rules list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only rules whose id, name or provider contains this.
    pub filter: Option<String>,
    /// Only rules of at least this severity.
    #[arg(long, value_enum)]
    pub severity: Option<SeverityArg>,
    /// Only rules of providers whose name contains this.
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
    /// Only rules of this kind.
    #[arg(long, value_parser = kind, value_name = "secret|publishable|identifier")]
    pub kind: Option<Kind>,
    /// Only rules of keys for this environment.
    #[arg(long, value_parser = environment, value_name = "live|test")]
    pub environment: Option<Environment>,
    /// Only rules that can be proven by a checksum or structure.
    #[arg(long)]
    pub provable: bool,
    /// Only provable rules whose checksum or structure is as sure as this.
    #[arg(long, value_parser = certainty, value_name = "documented|sampled|unconfirmed")]
    pub certainty: Option<Certainty>,
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
    /// Scan all of the history; the default.
    #[arg(long, help_heading = "What to scan", conflicts_with_all = ["no_history", "since", "range", "branch", "staged"])]
    pub all: bool,
    /// Report only what HEAD (or --branch) has gained since a commit; no files. By what leads where, not by dates.
    #[arg(long, value_name = "REV", help_heading = "What to scan", conflicts_with_all = ["no_history", "range", "staged"])]
    pub since: Option<String>,
    /// Report only what a range adds: A..B, or A...B for what B has gained since it branched off from A; no files.
    #[arg(long, value_name = "A..B", help_heading = "What to scan", conflicts_with_all = ["no_history", "branch", "staged"])]
    pub range: Option<String>,
    /// Scan only the history that this branch, tag or commit leads to; no files. May be given several times.
    #[arg(long, value_name = "NAME", help_heading = "What to scan", conflicts_with_all = ["no_history", "staged"])]
    pub branch: Vec<String>,
    /// Report only what the next commit would add: the index, not the files.
    #[arg(long, help_heading = "What to scan", conflicts_with_all = ["no_history", "history_only"])]
    pub staged: bool,
    /// A range that holds no commit is clean, not an error.
    #[arg(long, help_heading = "What to scan")]
    pub allow_empty_range: bool,
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
    /// Find the keys of this list by their SHA-256, too: lines of `sha256-hex [prefix] [label]`, or a table with commas.
    ///
    /// `keyscan key digest` makes a line from a key. May be given several times.
    #[arg(long, value_name = "FILE", help_heading = "Rules")]
    pub inventory: Vec<PathBuf>,
    /// Use only this rule, or all whose id begins with it. May be given several times.
    #[arg(long, value_name = "ID", help_heading = "Rules")]
    pub only: Vec<String>,
    /// Leave this rule out, or all whose id begins with it. May be given several times.
    #[arg(long, value_name = "ID", help_heading = "Rules")]
    pub skip: Vec<String>,

    /// Report findings of at least this confidence [default: medium, or as a config file says]
    #[arg(long, value_enum, help_heading = "What to report")]
    pub confidence: Option<ConfidenceArg>,
    /// Report findings of at least this severity [default: info, or as a config file says]
    #[arg(long, value_enum, help_heading = "What to report")]
    pub severity: Option<SeverityArg>,
    /// Say of each password or key without a prefix what speaks for and against it, with weights.
    #[arg(long, help_heading = "What to report")]
    pub explain: bool,
    /// Report tokens whose checksum or structure is wrong, too: mostly examples.
    #[arg(long, help_heading = "What to report")]
    pub show_malformed: bool,
    /// Report publishable keys and identifiers, too.
    #[arg(long, help_heading = "What to report")]
    pub show_publishable: bool,
    /// Findings of one rule in one file that are listed; the rest is counted. Of secrets without a prefix in tests, documents
    /// and copied libraries, or of medium confidence, a quarter of it, and of one name and shape a twentieth. What is proven
    /// is always listed. 0: all.
    #[arg(long, value_name = "N", default_value_t = crate::scan::crowd::MOST, help_heading = "What to report")]
    pub max_per_file: usize,

    /// Use this config file instead of the .keyscan.yaml that is found from the target upwards.
    #[arg(long, value_name = "FILE", help_heading = "What to allow")]
    pub config: Option<PathBuf>,
    /// Use this baseline instead of the .keyscan-baseline at the root of the repository.
    #[arg(long, value_name = "FILE", help_heading = "What to allow")]
    pub baseline: Option<PathBuf>,
    /// Show everything that the repository itself would hide: use no .keyscan.yaml, .keyscanignore, .keyscan-baseline and no
    /// comments (`keyscan:allow`) in it. For audits.
    #[arg(long, help_heading = "What to allow")]
    pub no_repo_config: bool,

    /// Where reports go.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Print whole secrets. Everything that keeps the output then holds them.
    #[arg(long, help_heading = "Output")]
    pub show_secrets: bool,
    /// No progress bar and no closing words on standard error.
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,

    /// Read all of the history anew, and keep nothing of it for the next scan. Otherwise what was seen in the history is
    /// kept in the user's cache directory, without any secret; --only, --skip and --plain go without it, too.
    #[arg(long, help_heading = "Work")]
    pub no_cache: bool,
    /// Keep what was seen in histories there [default: `keyscan` in the user's cache directory]
    #[arg(long, value_name = "DIR", env = "KEYSCAN_CACHE_DIR", help_heading = "Work")]
    pub cache_dir: Option<PathBuf>,
    /// Number of threads [default: number of cores]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Work")]
    pub threads: Option<u16>,
    /// Scan every version of every file whole instead of only what changed; slower, for checking keyscan itself.
    #[arg(long, hide_short_help = true, help_heading = "Work")]
    pub plain: bool,
}

/// Where reports go, of a scan and of `report`.
#[derive(Debug, Args)]
pub struct OutputArgs {
    /// Format of the report [default: text]
    #[arg(short, long, value_parser = format_parser(), help_heading = "Output")]
    pub format: Option<String>,
    /// Write the report to this file instead of standard output.
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// Write one more report, in this format to this file (`sarif=out.sarif`). May be given several times.
    #[arg(long = "report", value_name = "FORMAT=FILE", help_heading = "Output")]
    pub reports: Vec<String>,
    /// List all places of a finding, and rotation steps with each; of a file in the history up to 100 versions.
    #[arg(short, long, help_heading = "Output")]
    pub verbose: bool,
    /// Colour of the text report.
    #[arg(long, value_enum, default_value = "auto", help_heading = "Output")]
    pub color: Color,
}

/// Takes one of a few names.
fn named<T: Copy>(text: &str, all: &[(&str, T)]) -> Result<T, String> {
    let names = || all.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    all.iter()
        .find(|(name, _)| *name == text)
        .map(|(_, value)| *value)
        .ok_or_else(|| format!("it is one of {}", names()))
}

fn kind(text: &str) -> Result<Kind, String> {
    named(text, &Kind::ALL.map(|kind| (kind.as_str(), kind)))
}

fn environment(text: &str) -> Result<Environment, String> {
    named(text, &[Environment::Live, Environment::Test].map(|e| (e.as_str(), e)))
}

fn certainty(text: &str) -> Result<Certainty, String> {
    named(text, &[Certainty::Documented, Certainty::Sampled, Certainty::Unconfirmed].map(|c| (c.as_str(), c)))
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
