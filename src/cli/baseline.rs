//! `keyscan baseline create|update|audit` and `keyscan config check|schema`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use bstr::ByteSlice;

use crate::cli::args::{BaselineCommand, ConfigCommand, EntryArgs, ScanArgs};
use crate::cli::exit::Exit;
use crate::cli::settings::{Settings, with_own_rules};
use crate::cli::{print, progress, scan_with};
use crate::detect::Detector;
use crate::error::{Error, Result};
use crate::finding::Verdict;
use crate::policy::baseline::{Baseline, Entry};
use crate::policy::discover::{Wanted, baseline_file, discover, read};
use crate::policy::{config, today};
use crate::report::printable;
use crate::scan::Outcome;

/// Runs a command about the baseline.
pub fn run(command: &BaselineCommand) -> Result<Exit> {
    match command {
        BaselineCommand::Create(args) => create(&args.scan, &args.words),
        BaselineCommand::Update(args) => update(&args.scan, &args.words, !args.no_add),
        BaselineCommand::Audit(args) => audit(args),
    }
}

/// A scan for a baseline: what it found, and what the file says now.
struct Scanned {
    settings_policy: std::sync::Arc<crate::policy::Policy>,
    detector: Detector,
    outcome: Outcome,
    path: PathBuf,
}

fn scan(args: &ScanArgs) -> Result<Scanned> {
    let path = match &args.baseline {
        Some(path) => path.clone(),
        None => baseline_file(&args.paths)?,
    };
    let settings = Settings::resolve_for(args, true)?;
    let bar = progress::Bar::new(!args.quiet);
    let policy = settings.scan.policy.clone();
    let (detector, mut outcome) = scan_with(args, settings, &bar)?;
    outcome.findings.retain(|f| f.verdict != Verdict::Malformed);
    Ok(Scanned { settings_policy: policy, detector, outcome, path })
}

fn with_words(mut entries: Vec<Entry>, words: &EntryArgs) -> Vec<Entry> {
    for entry in &mut entries {
        entry.reason = words.reason.clone();
        entry.owner = words.owner.clone();
        entry.expires = words.expires;
    }
    entries
}

fn create(args: &ScanArgs, words: &EntryArgs) -> Result<Exit> {
    let wanted = match &args.baseline {
        Some(path) => path.clone(),
        None => baseline_file(&args.paths)?,
    };
    if wanted.symlink_metadata().is_ok() {
        return Err(Error::new(format!("{} is there already", shown(&wanted)))
            .help("`keyscan baseline update` brings it up to date and keeps its reasons"));
    }
    let scanned = scan(args)?;
    let nothing = Baseline::parse("", "")?;
    let updated = scanned.settings_policy.update(&nothing, &scanned.outcome.findings, scanned.detector.rules().metas());
    let entries = with_words(updated.added, words);
    write(&scanned.path, &Baseline::render(entries.clone()))?;
    let mut text = format!("{}: {} accepted\n", shown(&scanned.path), count(entries.len(), "entry"));
    text += &no_reasons(entries.iter());
    text += "put `.keyscan-baseline merge=union` into .gitattributes, and it merges without conflicts\n";
    finish(&text, &scanned.outcome)
}

fn update(args: &ScanArgs, words: &EntryArgs, add: bool) -> Result<Exit> {
    let scanned = scan(args)?;
    let old = Baseline::parse(&shown(&scanned.path), &read_existing(&scanned.path)?)?;
    let mut updated = scanned.settings_policy.update(&old, &scanned.outcome.findings, scanned.detector.rules().metas());
    let added = with_words(std::mem::take(&mut updated.added), words);
    // What was not read may still hold what an entry accepts.
    let whole = scanned.settings_policy.is_whole() && !args.no_history && !args.history_only;
    let whole = whole && args.only.is_empty() && args.skip.is_empty() && scanned.outcome.receipt.complete();
    let mut text = String::new();
    let mut list = |what: &str, entries: &[Entry]| {
        for entry in entries {
            let _ = writeln!(text, "{what:<8} {} {}", entry.rule, printable(entry.place.to_str_lossy().as_ref()));
        }
    };
    list("moved", &updated.moved);
    list(if whole { "removed" } else { "unseen" }, &updated.stale);
    list(if add { "added" } else { "new" }, &added);
    let mut entries = [updated.kept, updated.moved].concat();
    let (stale, new) = (updated.stale.len(), added.len());
    if !whole {
        entries.extend(updated.stale);
    }
    if add {
        entries.extend(added);
    }
    write(&scanned.path, &Baseline::render(entries.clone()))?;
    let _ = writeln!(
        text,
        "{}: {}, {new} {}, {stale} {}",
        shown(&scanned.path),
        count(entries.len(), "entry"),
        if add { "added" } else { "new and not accepted" },
        if whole { "removed" } else { "not seen and kept: the scan was not of everything" }
    );
    text += &no_reasons(entries.iter());
    let exit = finish(&text, &scanned.outcome)?;
    Ok(if !add && new > 0 { exit.max(Exit::Findings) } else { exit })
}

fn audit(args: &ScanArgs) -> Result<Exit> {
    let scanned = scan(args)?;
    let old = Baseline::parse(&shown(&scanned.path), &read_existing(&scanned.path)?)?;
    let updated = scanned.settings_policy.update(&old, &scanned.outcome.findings, scanned.detector.rules().metas());
    let whole = scanned.settings_policy.is_whole() && !args.no_history && !args.history_only;
    let stale: Vec<usize> = updated.stale.iter().map(|e| e.line).collect();
    let mut text = String::new();
    let mut wanting = 0;
    for entry in &old.entries {
        let state = match stale.contains(&entry.line) {
            _ if entry.is_expired(today()) => "expired",
            true if whole => "stale",
            true => "unseen",
            false if entry.reason.is_none() => "no reason",
            false => "in use",
        };
        wanting += usize::from(!matches!(state, "in use" | "unseen"));
        let words = [("owner", &entry.owner), ("reason", &entry.reason)];
        let words: String = words.iter().filter_map(|(k, v)| Some(format!(", {k}: {}", v.as_ref()?))).collect();
        let until = entry.expires.map(|d| format!(", until {d}")).unwrap_or_default();
        let place = entry.place.to_str_lossy();
        let line = format!("{}: {state}: {} in {place}{until}{words}", entry.line, entry.rule);
        let _ = writeln!(text, "{}", printable(line.as_str()));
    }
    for entry in &updated.added {
        let place = entry.place.to_str_lossy();
        let _ = writeln!(text, "{}", printable(format!("not in it: {} in {place}", entry.rule).as_str()));
    }
    let _ = writeln!(
        text,
        "{}: {}, {wanting} of them to look at; {} that it does not accept",
        shown(&scanned.path),
        count(old.entries.len(), "entry"),
        count(updated.added.len(), "place")
    );
    let exit = finish(&text, &scanned.outcome)?;
    Ok(if wanting > 0 { exit.max(Exit::Findings) } else { exit })
}

/// Prints, and says what could not be read.
fn finish(text: &str, outcome: &Outcome) -> Result<Exit> {
    let mut text = text.to_owned();
    for problem in outcome.receipt.problems.iter().filter(|p| !p.accepted) {
        let _ =
            writeln!(text, "NOT READ: {}: {}", printable(problem.object.as_str()), printable(problem.what.as_str()));
    }
    print(&text)?;
    Ok(if outcome.receipt.complete() { Exit::Clean } else { Exit::Failure })
}

fn no_reasons<'a>(entries: impl Iterator<Item = &'a Entry>) -> String {
    match entries.filter(|e| e.reason.is_none()).count() {
        0 => String::new(),
        n => format!("{} no reason: add `reason=\"...\"` to the lines\n", count_verb(n)),
    }
}

fn count_verb(n: usize) -> String {
    if n == 1 { "1 entry has".into() } else { format!("{n} entries have") }
}

/// "1 entry", "2 entries".
pub fn count(n: usize, noun: &str) -> String {
    match (n, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{n} {stem}ies"),
        _ => format!("{n} {noun}s"),
    }
}

fn read_existing(path: &Path) -> Result<String> {
    if path.symlink_metadata().is_err() {
        return Err(Error::new(format!("there is no {}", shown(path))).help("`keyscan baseline create` makes it"));
    }
    read(path)
}

/// A path as short as it can be written here.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
    printable(path.strip_prefix(&here).unwrap_or(path).display().to_string())
}

/// Writes a file whole or not at all.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let fail = |e: std::io::Error| Error::new(format!("cannot write {}", shown(path))).cause(e);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    // A repository may hold a symbolic link of this name; what it points to must not be written to.
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&beside).map_err(|e| {
        let left = e.kind() == std::io::ErrorKind::AlreadyExists;
        let help = if left { "remove it if an earlier run left it" } else { "check who may write to its directory" };
        Error::new(format!("cannot write {}", shown(&beside))).cause(e).help(help)
    })?;
    let written = file.write_all(text.as_bytes()).and_then(|()| std::fs::rename(&beside, path));
    written.map_err(|e| {
        // What was begun is of no use.
        let _ = std::fs::remove_file(&beside);
        fail(e)
    })
}

/// Runs a command about config files.
pub fn config(command: &ConfigCommand) -> Result<Exit> {
    match command {
        ConfigCommand::Schema => print(config::SCHEMA),
        ConfigCommand::Check { file } => check(file.as_deref()),
    }
}

fn check(file: Option<&Path>) -> Result<Exit> {
    let wanted = Wanted { config: file.map(Path::to_owned), ..Wanted::default() };
    let policy = discover(&[], &wanted)?;
    let rules = with_own_rules(&[], &policy)?;
    let Some(config) = policy.config() else {
        return Err(
            Error::new("there is no .keyscan.yaml here or above").help("name a file, or make one: docs/config.md")
        );
    };
    let shown = rules.metas().iter().filter(|m| config.shows(&m.id)).count();
    let mut text = format!("{}: right\n", config.name);
    let _ = writeln!(text, "{shown} of {} rules are shown, {} of them from its rule files", rules.metas().len(), {
        let own = crate::cli::settings::load(&[])?.metas().len();
        rules.metas().len() - own
    });
    let _ = writeln!(text, "{} of `allow`", count(config.allow.len(), "entry"));
    for entry in config.allow.iter().filter(|e| e.expires.is_some_and(|last| last < today())) {
        let last = entry.expires.map(|d| d.to_string()).unwrap_or_default();
        let _ = writeln!(text, "{}: expired after {last}", crate::policy::paths::at(&config.name, entry.line));
    }
    print(&text)
}
