//! Arguments to settings: rules loaded and chosen, targets told apart.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::CommandFactory;

use crate::archive::Limits;
use crate::cache::Store;
use crate::cli::args::ScanArgs;
use crate::cli::rules::unknown;
use crate::detect::inventory::Inventory;
use crate::error::{Error, Result};
use crate::finding::{Confidence, Severity};
use crate::policy::Policy;
use crate::policy::discover::{Wanted, discover};
use crate::range::Selection;
use crate::rules::syntax::RuleFile;
use crate::rules::{Compiled, RuleSet, builtin, check};
use crate::scan::{self, Target};
use crate::source::lookup::Quarantine;

/// Everything a scan needs to know.
#[derive(Debug)]
pub struct Settings {
    /// The rules in use.
    pub rules: RuleSet,
    /// Keys known by their digest.
    pub inventory: Option<Inventory>,
    /// What to scan.
    pub targets: Vec<Target>,
    /// How to scan.
    pub scan: scan::Options,
    /// Least severity that is reported.
    pub severity: Severity,
}

impl Settings {
    /// Resolves the arguments of a scan.
    pub fn resolve(args: &ScanArgs) -> Result<Self> {
        Self::resolve_for(args, false)
    }

    /// The same; `no_baseline` for making one.
    pub fn resolve_for(args: &ScanArgs, no_baseline: bool) -> Result<Self> {
        start_threads(args)?;
        let targets: Vec<Target> =
            args.paths.iter().map(|path| target(path, selection(args))).collect::<Result<_>>()?;
        let policy = policy(args, &targets, no_baseline)?;
        let cache = cache(args, &policy)?;
        let rules = choose(with_own_rules(&args.rules, &policy)?, &args.only, &args.skip)?;
        let config = policy.config();
        let confidence = args.confidence.map(Confidence::from).or(config.and_then(|c| c.confidence));
        let severity = args.severity.map(Severity::from).or(config.and_then(|c| c.severity));
        Ok(Self {
            rules,
            inventory: inventory(&args.inventory)?,
            targets,
            scan: scan::Options {
                files: !args.history_only,
                history: !args.no_history,
                no_ignore: args.no_ignore,
                confidence: confidence.unwrap_or(Confidence::Medium),
                explain: args.explain,
                show_malformed: args.show_malformed,
                show_publishable: args.show_publishable,
                allow_incomplete: args.allow_incomplete,
                archives: Limits {
                    depth: if args.no_archives { 0 } else { args.max_archive_depth },
                    bytes: args.max_decompressed << 20,
                },
                allow_empty_range: args.allow_empty_range,
                max_per_file: if no_baseline { 0 } else { args.max_per_file },
                quarantine: Quarantine::default(),
                deadline: None,
                policy: Arc::new(policy),
                plain: args.plain,
                cache,
            },
            severity: severity.unwrap_or(Severity::Info),
        })
    }
}

/// Where what was seen in packs is kept, for scans with the same program, rules and options. Scans that look for less keep
/// nothing: the names of files are kept, and only all rules can tell which of them hold a secret.
fn cache(args: &ScanArgs, policy: &Policy) -> Result<Option<Arc<Store>>> {
    if args.no_cache || args.plain || args.no_history || !args.only.is_empty() || !args.skip.is_empty() {
        return Ok(None);
    }
    let Some(directory) = args.cache_dir.clone().or_else(cache_directory) else { return Ok(None) };
    let mut parts = vec![env!("KEYSCAN_SOURCES").as_bytes().to_vec()];
    for path in args.rules.iter().chain(&policy.rule_files).chain(&args.inventory) {
        let text = std::fs::read(path).map_err(|e| Error::new(format!("cannot read {}", path.display())).cause(e))?;
        parts.push(text);
    }
    let counts = [args.rules.len(), policy.rule_files.len(), args.inventory.len()];
    let limits = (args.no_archives, args.max_archive_depth, args.max_decompressed, args.decode_depth);
    parts.push(format!("{counts:?} {} {limits:?}", policy.foreign_rules).into_bytes());
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    Ok(Some(Arc::new(Store::new(directory, &parts))))
}

/// The user's cache directory for keyscan.
fn cache_directory() -> Option<PathBuf> {
    use etcetera::BaseStrategy;
    Some(etcetera::choose_base_strategy().ok()?.cache_dir().join("keyscan"))
}

/// The part of the history that is asked for.
fn selection(args: &ScanArgs) -> Option<Selection> {
    if args.staged {
        return Some(Selection::Staged(None));
    }
    if let Some(range) = &args.range {
        return Some(Selection::Range(range.clone()));
    }
    (args.since.is_some() || !args.branch.is_empty()).then(|| Selection::Since(args.since.clone(), args.branch.clone()))
}

/// What is found and not shown.
fn policy(args: &ScanArgs, targets: &[Target], no_baseline: bool) -> Result<Policy> {
    let paths: Vec<PathBuf> = targets
        .iter()
        .filter_map(|t| match t {
            Target::Path(path) | Target::Part(path, _) => Some(path.clone()),
            Target::Stdin => None,
        })
        .collect();
    let wanted = Wanted {
        config: args.config.clone(),
        baseline: args.baseline.clone(),
        no_repo_config: args.no_repo_config,
        no_baseline,
    };
    discover(&paths, &wanted)
}

/// The built-in rules, those of the command line and those of the config file, all of which a config must leave in use.
pub fn with_own_rules(files: &[PathBuf], policy: &Policy) -> Result<RuleSet> {
    let mut all = load(files)?;
    if !policy.rule_files.is_empty() {
        let theirs: BTreeSet<String> = all.metas().iter().map(|m| m.id.clone()).collect();
        all = load(&[files, &policy.rule_files].concat())?;
        if policy.foreign_rules {
            all.distrust(|meta| !theirs.contains(&meta.id));
        }
    }
    if let Some(config) = policy.config() {
        config.check_rules(all.metas())?;
    }
    Ok(all)
}

fn target(path: &Path, selection: Option<Selection>) -> Result<Target> {
    if path.as_os_str() == "-" && selection.is_none() {
        return Ok(Target::Stdin);
    }
    if !path.exists() && path.symlink_metadata().is_err() {
        return Err(Error::new(format!("there is no {}", path.display())).help(meant(path)));
    }
    Ok(match selection {
        Some(selection) => Target::Part(path.to_owned(), selection),
        None => Target::Path(path.to_owned()),
    })
}

/// What somebody may have meant who gave a path that is not there.
fn meant(path: &Path) -> String {
    let word = path.to_str().unwrap_or_default();
    let cli = super::Cli::command();
    let near = cli.get_subcommands().map(clap::Command::get_name).find(|name| {
        let distance = strsim::osa_distance(name, word);
        (1..=2).contains(&distance) && distance * 3 <= name.len()
    });
    match near {
        Some(name) => format!("did you mean the command `keyscan {name}`? Otherwise check the path"),
        None => "check the path; `-` is standard input".to_owned(),
    }
}

/// Reads inventory files, if there are any.
fn inventory(paths: &[PathBuf]) -> Result<Option<Inventory>> {
    let mut files = Vec::new();
    for path in paths {
        let origin = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|e| Error::new(format!("cannot read the inventory {origin}")).cause(e))?;
        files.push((origin, text));
    }
    let files = files.iter().map(|(origin, text)| (origin.as_str(), text.as_str()));
    if paths.is_empty() { Ok(None) } else { Inventory::parse(files).map(Some) }
}

/// Reads a rule file of the user.
pub fn read_rules(path: &Path) -> Result<(String, String)> {
    let origin = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|e| Error::new(format!("cannot read the rule file {origin}")).cause(e))?;
    Ok((origin, text))
}

/// As many as were asked for, before anything is given to them.
fn start_threads(args: &ScanArgs) -> Result<()> {
    let Some(threads) = args.threads else { return Ok(()) };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(usize::from(threads));
    pool.build_global().map_err(|e| Error::new("cannot start the worker threads").cause(e))
}

/// The built-in rules and those of the user's files, which must pass the checks.
pub fn load(files: &[PathBuf]) -> Result<RuleSet> {
    let mut all = builtin::compiled()?;
    for path in files {
        let (origin, text) = read_rules(path)?;
        let file = RuleFile::parse(&origin, &text)?;
        if let Some(finding) = check::file(&origin, &text, &file).into_iter().find(|f| f.is_error) {
            return Err(Error::new(format!("{}: rule `{}`: {}", finding.at, finding.rule, finding.what))
                .help(format!("{}; `keyscan rules check` lists everything", finding.help)));
        }
        all.push(Compiled::new(&origin, file)?);
    }
    RuleSet::of(all)
}

fn choose(rules: RuleSet, only: &[String], skip: &[String]) -> Result<RuleSet> {
    let names =
        |pattern: &str, id: &str| id == pattern || id.strip_prefix(pattern).is_some_and(|rest| rest.starts_with('-'));
    for pattern in only.iter().chain(skip) {
        if !rules.metas().iter().any(|m| names(pattern, &m.id)) {
            return Err(unknown(&rules, pattern));
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
