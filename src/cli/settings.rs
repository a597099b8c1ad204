//! Arguments to settings: rules loaded and chosen, targets told apart.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::archive::Limits;
use crate::cli::args::ScanArgs;
use crate::error::{Error, Result};
use crate::finding::Severity;
use crate::report::Format;
use crate::rules::syntax::RuleFile;
use crate::rules::{RuleSet, builtin, check};
use crate::scan::{self, Target};

/// Everything a scan needs to know.
#[derive(Debug)]
pub struct Settings {
    /// The rules in use.
    pub rules: RuleSet,
    /// What to scan.
    pub targets: Vec<Target>,
    /// How to scan.
    pub scan: scan::Options,
    /// Least severity that is reported.
    pub severity: Severity,
    /// Report format.
    pub format: Format,
}

impl Settings {
    /// Resolves the arguments of a scan.
    pub fn resolve(args: &ScanArgs) -> Result<Self> {
        let rules = choose(load(&args.rules)?, &args.only, &args.skip)?;
        let targets = args.paths.iter().map(|path| target(path)).collect::<Result<_>>()?;
        Ok(Self {
            rules,
            targets,
            scan: scan::Options {
                files: !args.history_only,
                history: !args.no_history,
                no_ignore: args.no_ignore,
                confidence: args.confidence.into(),
                show_malformed: args.show_malformed,
                show_publishable: args.show_publishable,
                allow_incomplete: args.allow_incomplete,
                archives: Limits {
                    depth: if args.no_archives { 0 } else { args.max_archive_depth },
                    bytes: args.max_decompressed << 20,
                },
                plain: args.plain,
            },
            severity: args.severity.into(),
            format: Format::from_str(&args.format)?,
        })
    }
}

fn target(path: &Path) -> Result<Target> {
    if path.as_os_str() == "-" {
        return Ok(Target::Stdin);
    }
    if !path.exists() && path.symlink_metadata().is_err() {
        return Err(Error::new(format!("there is no {}", path.display())).help("check the path; `-` is standard input"));
    }
    Ok(Target::Path(path.to_owned()))
}

/// Reads a rule file of the user.
pub fn read_rules(path: &Path) -> Result<(String, String)> {
    let origin = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|e| Error::new(format!("cannot read the rule file {origin}")).cause(e))?;
    Ok((origin, text))
}

/// The built-in rules and those of the user's files, which must pass the checks.
pub fn load(files: &[PathBuf]) -> Result<RuleSet> {
    let mut all = builtin::files()?;
    for path in files {
        let (origin, text) = read_rules(path)?;
        let file = RuleFile::parse(&origin, &text)?;
        if let Some(finding) = check::file(&origin, &text, &file).into_iter().find(|f| f.is_error) {
            return Err(Error::new(format!("{}: rule `{}`: {}", finding.at, finding.rule, finding.what))
                .help(format!("{}; `keyscan rules check` lists everything", finding.help)));
        }
        all.push((origin, file));
    }
    RuleSet::compile(all)
}

fn choose(rules: RuleSet, only: &[String], skip: &[String]) -> Result<RuleSet> {
    let names =
        |pattern: &str, id: &str| id == pattern || id.strip_prefix(pattern).is_some_and(|rest| rest.starts_with('-'));
    for pattern in only.iter().chain(skip) {
        if !rules.metas().iter().any(|m| names(pattern, &m.id)) {
            return Err(Error::new(format!("no rule is called `{pattern}`")).help("`keyscan rules list` shows all"));
        }
    }
    let chosen = rules
        .retain(|m| (only.is_empty() || only.iter().any(|p| names(p, &m.id))) && !skip.iter().any(|p| names(p, &m.id)));
    if chosen.rules().is_empty() {
        return Err(
            Error::new("no rule is left: nothing would be looked for").help("use fewer --skip, or other --only")
        );
    }
    Ok(chosen)
}
