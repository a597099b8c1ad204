//! Arguments of `keyscan hook`. Doc comments are the help text.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::args::{Cli, Color, ConfidenceArg, ScanArgs, SeverityArg};
use crate::hook::Hook;

/// What `keyscan hook` does.
///
/// git runs the first five; `install` puts them where git looks. They print nothing when there is nothing to say.
/// Exit codes: 0 go on, 1 something was found, 2 it could not be checked. git stops at 1 and at 2.
#[derive(Debug, Subcommand)]
pub enum HookCommand {
    /// Check what is staged: only what the commit would add. Reads the index, never the files.
    PreCommit {
        /// Files to scan. While git commits: what is staged of them; otherwise whole, as they are on disk, too.
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Options.
        #[command(flatten)]
        options: HookOptions,
    },
    /// The same before the commit of a merge, which git does not show to pre-commit.
    PreMergeCommit {
        /// Options.
        #[command(flatten)]
        options: HookOptions,
    },
    /// Check what a push would add to the remote: every commit that it does not have yet. Reads git's lines from standard
    /// input.
    PrePush {
        /// Name of the remote.
        remote: Option<String>,
        /// Where it is.
        url: Option<String>,
        /// Options.
        #[command(flatten)]
        options: HookOptions,
    },
    /// On a server: check what is pushed before any of it is accepted. Reads git's lines from standard input.
    PreReceive {
        /// Options.
        #[command(flatten)]
        options: HookOptions,
    },
    /// On a server: check what is pushed to one ref.
    Update {
        /// The ref.
        name: String,
        /// What it points to.
        old: String,
        /// What it is to point to.
        new: String,
        /// Options.
        #[command(flatten)]
        options: HookOptions,
    },
    /// Put keyscan into hooks of this repository and prove that they fire. A hook that is there runs after it.
    Install {
        /// The hooks [default: pre-commit, pre-merge-commit and pre-push; in a bare repository pre-receive]
        #[arg(value_enum, value_name = "HOOK")]
        hooks: Vec<HookArg>,
        /// Install also where core.hooksPath names a directory that other repositories use, too.
        #[arg(long)]
        shared: bool,
        /// Options that the hooks are run with: `-- --severity high --time-limit 30`.
        #[arg(last = true, value_name = "OPTION")]
        options: Vec<String>,
    },
    /// Say which hooks keyscan is in, and try each one with a minted token. Exit code 1: in none; 2: one does not fire.
    Status,
    /// Take keyscan out of hooks; what was there before takes its place again.
    Uninstall {
        /// The hooks [default: all]
        #[arg(value_enum, value_name = "HOOK")]
        hooks: Vec<HookArg>,
    },
}

/// A hook on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HookArg {
    /// Before a commit.
    PreCommit,
    /// Before the commit of a merge.
    PreMergeCommit,
    /// Before a push leaves.
    PrePush,
    /// On a server: before a push is accepted.
    PreReceive,
    /// On a server: before each ref is updated.
    Update,
}

impl From<HookArg> for Hook {
    fn from(arg: HookArg) -> Self {
        match arg {
            HookArg::PreCommit => Self::PreCommit,
            HookArg::PreMergeCommit => Self::PreMergeCommit,
            HookArg::PrePush => Self::PrePush,
            HookArg::PreReceive => Self::PreReceive,
            HookArg::Update => Self::Update,
        }
    }
}

/// Options of a hook that checks something.
#[derive(Debug, Args)]
pub struct HookOptions {
    /// Use the rules of this file too. May be given several times.
    #[arg(long, value_name = "FILE")]
    pub rules: Vec<PathBuf>,
    /// Find the keys of this list by their SHA-256, too: what your organisation has issued. May be given several times.
    #[arg(long, value_name = "FILE")]
    pub inventory: Vec<PathBuf>,
    /// Use only this rule, or all whose id begins with it. May be given several times.
    #[arg(long, value_name = "ID")]
    pub only: Vec<String>,
    /// Leave this rule out, or all whose id begins with it. May be given several times.
    #[arg(long, value_name = "ID")]
    pub skip: Vec<String>,
    /// Stop at findings of at least this confidence [default: medium, or as a config file says]
    #[arg(long, value_enum)]
    pub confidence: Option<ConfidenceArg>,
    /// Stop at findings of at least this severity [default: info, or as a config file says]
    #[arg(long, value_enum)]
    pub severity: Option<SeverityArg>,
    /// Use this config file instead of the .keyscan.yaml of the repository.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Use this baseline instead of the .keyscan-baseline of the repository.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Take no word of the repository for it: no config, ignore or baseline file in it and no comments (`keyscan:allow`).
    #[arg(long)]
    pub no_repo_config: bool,
    /// Go on when an object cannot be read; it is still named.
    #[arg(long)]
    pub allow_incomplete: bool,
    /// Give up after so many seconds; what was not scanned then stops the commit or push.
    #[arg(long, value_name = "SECONDS")]
    pub time_limit: Option<u64>,
    /// Say what was checked, also when there is nothing to complain about.
    #[arg(short, long)]
    pub verbose: bool,
    /// Colour of the report.
    #[arg(long, value_enum, default_value = "auto")]
    pub color: Color,
}

impl HookOptions {
    /// The options of the scan that this hook makes; what a hook does not offer is as in any scan.
    pub fn scan(&self, paths: Vec<PathBuf>) -> ScanArgs {
        let Cli { mut scan, .. } = <Cli as clap::Parser>::parse_from(["keyscan"]);
        scan.paths = paths;
        scan.rules.clone_from(&self.rules);
        scan.inventory.clone_from(&self.inventory);
        scan.only.clone_from(&self.only);
        scan.skip.clone_from(&self.skip);
        scan.confidence = self.confidence;
        scan.severity = self.severity;
        scan.config.clone_from(&self.config);
        scan.baseline.clone_from(&self.baseline);
        scan.no_repo_config = self.no_repo_config;
        scan.allow_incomplete = self.allow_incomplete;
        scan.output.verbose = self.verbose;
        scan.output.color = self.color;
        scan.quiet = true;
        scan
    }
}
