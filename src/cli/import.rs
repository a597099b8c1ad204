//! `keyscan import gitleaks`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::archive::Limits;
use crate::cli::args::{GitleaksArgs, ImportCommand};
use crate::cli::baseline::{count, write};
use crate::cli::exit::Exit;
use crate::cli::settings::load;
use crate::cli::{print, progress};
use crate::detect::Detector;
use crate::error::{Error, Result};
use crate::finding::Confidence;
use crate::policy::baseline::{self, Baseline};
use crate::policy::config::Config;
use crate::policy::discover::{CONFIG, Wanted, discover, read};
use crate::policy::gitleaks::file::{Ignored, ignore_list, report};
use crate::policy::gitleaks::{Converted, RULES, Resolved, convert, resolve};
use crate::report::printable;
use crate::rules::syntax::RuleFile;
use crate::rules::{Compiled, RuleSet, builtin};
use crate::scan::lookup::Lookup;
use crate::scan::{self, Options, Target};
use crate::source::lookup::Quarantine;

/// Runs an import.
pub fn run(command: &ImportCommand) -> Result<Exit> {
    match command {
        ImportCommand::Gitleaks(args) => gitleaks(args),
    }
}

/// A path in a directory, as short as it can be written.
fn below(directory: &Path, name: &str) -> PathBuf {
    directory.strip_prefix(".").unwrap_or(directory).join(name)
}

/// What was made, and what was not.
#[derive(Default)]
struct Made {
    files: Vec<(PathBuf, String)>,
    said: String,
    left: Vec<String>,
    incomplete: bool,
}

fn gitleaks(args: &GitleaksArgs) -> Result<Exit> {
    let given = |file: &Option<PathBuf>, name: &str| {
        file.clone().or_else(|| Some(below(&args.path, name)).filter(|p| p.is_file()))
    };
    let config = given(&args.config, ".gitleaks.toml");
    let ignore = given(&args.ignore, ".gitleaksignore");
    if config.is_none() && ignore.is_none() && args.baseline.is_none() {
        return Err(Error::new(format!(
            "there is no .gitleaks.toml and no .gitleaksignore in {}",
            args.path.display()
        ))
        .help("give the root of the repository, or name the files with --config, --ignore and --baseline"));
    }
    let mut made = Made::default();
    let converted = match &config {
        Some(path) => config_of(path, &mut made, &args.path)?,
        None => Converted::default(),
    };
    let mut ignored = Vec::new();
    if let Some(path) = &ignore {
        let (entries, wrong) = ignore_list(&path.display().to_string(), &read(path)?);
        ignored.extend(entries);
        made.left.extend(wrong);
    }
    if let Some(path) = &args.baseline {
        ignored.extend(report(&path.display().to_string(), &read(path)?)?);
    }
    if !ignored.is_empty() {
        findings_of(&ignored, &converted, &args.path, &mut made)?;
    }
    finish(args, made)
}

fn config_of(path: &Path, made: &mut Made, root: &Path) -> Result<Converted> {
    let beside = |file: &str| -> Result<String> {
        // As gitleaks does, from where it is started: the root of the repository.
        let base = root.canonicalize().map_err(|e| Error::new("the directory cannot be found").cause(e))?;
        let real = root.join(file).canonicalize().map_err(|e| Error::new("it cannot be found").cause(e))?;
        if real.starts_with(&base) { read(&real) } else { Err(Error::new("it is outside of the repository")) }
    };
    let known = builtin::rules()?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let converted = convert(&name, &read(path)?, &beside, known.metas())?;
    let rules = rules_with(&converted)?;
    if let Some(text) = &converted.config {
        Config::parse(CONFIG[0], text)?.check_rules(rules.metas())?;
        made.files.push((below(root, CONFIG[0]), text.clone()));
    }
    if let Some(text) = &converted.rules {
        made.files.push((below(root, RULES), text.clone()));
    }
    let _ = writeln!(
        made.said,
        "{name}: {} and {} of `allow`",
        count(converted.made.0, "rule"),
        count(converted.made.1, "entry")
    );
    made.said.extend(converted.notes.iter().map(|note| format!("note: {note}\n")));
    made.left.extend(converted.left.iter().cloned());
    Ok(converted)
}

/// The built-in rules and those that were made.
fn rules_with(converted: &Converted) -> Result<RuleSet> {
    let mut files = builtin::compiled()?;
    if let Some(text) = &converted.rules {
        files.push(Compiled::new(RULES, RuleFile::parse(RULES, text)?)?);
    }
    RuleSet::of(files)
}

/// Scans without any ignore, and looks for what gitleaks was told to ignore.
fn findings_of(ignored: &[Ignored], converted: &Converted, root: &Path, made: &mut Made) -> Result<()> {
    let detector = Detector::new(if converted.rules.is_some() { rules_with(converted)? } else { load(&[])? });
    let policy = discover(&[root.to_owned()], &Wanted { no_repo_config: true, ..Wanted::default() })?;
    let options = Options {
        files: true,
        history: true,
        no_ignore: false,
        confidence: Confidence::Medium,
        explain: false,
        show_malformed: false,
        show_publishable: false,
        allow_incomplete: false,
        allow_empty_range: false,
        max_per_file: 0,
        quarantine: Quarantine::default(),
        deadline: None,
        policy: Arc::new(policy),
        archives: Limits::default(),
        plain: false,
        cache: None,
    };
    let bar = progress::Bar::new(true);
    let outcome = scan::run(&detector, &[Target::Path(root.to_owned())], &options, &bar)?;
    bar.finish();
    let lookup = Lookup::open(root)?;
    let blob = |commit: &str, path: &str| lookup.as_ref().and_then(|l| l.blob(commit, path));
    let Resolved { entries, found, nothing, left } =
        resolve(ignored, &outcome.findings, detector.rules().metas(), &blob);
    made.left.extend(left);
    made.incomplete = !outcome.receipt.complete();
    let _ = writeln!(
        made.said,
        "{}: {found} in the baseline now ({}), {nothing} that keyscan does not report anyway",
        count(ignored.len(), "ignored finding"),
        count(entries.len(), "entry")
    );
    if !entries.is_empty() {
        made.files.push((below(root, baseline::NAME), Baseline::render(entries)));
    }
    Ok(())
}

fn finish(args: &GitleaksArgs, made: Made) -> Result<Exit> {
    let there: Vec<_> = made.files.iter().map(|(path, _)| path).filter(|p| p.symlink_metadata().is_ok()).collect();
    if let (Some(path), false) = (there.first(), args.force || args.dry_run) {
        return Err(Error::new(format!("{} is there already", path.display()))
            .help("--force replaces it; --dry-run shows what would be written"));
    }
    let mut text = String::new();
    for (path, content) in &made.files {
        if args.dry_run {
            let _ = writeln!(text, "# ---- {}\n{content}", path.display());
        } else {
            write(path, content)?;
            let _ = writeln!(text, "wrote {}", path.display());
        }
    }
    text += &made.said;
    print(&printable_lines(&text))?;
    let mut stderr = std::io::stderr().lock();
    for what in &made.left {
        // A closed standard error leaves nobody to tell.
        let _ = writeln!(stderr, "not carried over: {}", printable(what.as_str()));
    }
    if made.incomplete {
        let _ = writeln!(stderr, "keyscan: not everything could be read; `keyscan {}` says what", args.path.display());
        return Ok(Exit::Failure);
    }
    Ok(if made.left.is_empty() { Exit::Clean } else { Exit::Findings })
}

/// Text of a hostile repository, line by line.
fn printable_lines(text: &str) -> String {
    text.lines().map(|line| printable(line) + "\n").collect()
}
