//! Which files of a user or of a repository say what is shown: found from the targets upwards, read with care, since the
//! repository may be hostile.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use bstr::{BString, ByteVec};

use super::baseline::{self, Baseline};
use super::config::Config;
use super::paths::Patterns;
use super::{Policy, today};
use crate::error::{Error, Result};

/// Names of the config file.
pub const CONFIG: [&str; 2] = [".keyscan.yaml", ".keyscan.yml"];
/// Name of the list of paths that are left out.
pub const IGNORE: &str = ".keyscanignore";

/// Largest file that is read, in bytes.
const LIMIT: u64 = 16 << 20;

/// What the command line says about where to look.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Use this config file and no other.
    pub config: Option<PathBuf>,
    /// Use this baseline and no other.
    pub baseline: Option<PathBuf>,
    /// Use nothing that lies in what is scanned.
    pub no_repo_config: bool,
    /// Use no baseline: one is being made.
    pub no_baseline: bool,
}

/// Where a target lies.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Root {
    /// Directory that paths are relative to.
    base: PathBuf,
    /// The nearest config file.
    config: Option<PathBuf>,
}

/// Finds and reads everything. `targets` are paths as given; standard input counts as the current directory.
pub fn discover(targets: &[PathBuf], wanted: &Wanted) -> Result<Policy> {
    let here = std::env::current_dir().map_err(|e| Error::new("there is no current directory").cause(e))?;
    let here = here.canonicalize().unwrap_or(here);
    let starts: BTreeSet<PathBuf> =
        targets.iter().map(|t| start(t)).chain(targets.is_empty().then(|| here.clone())).collect();
    let mut roots: Vec<Root> = Vec::new();
    for start in &starts {
        let root = root(start)?;
        if !roots.contains(&root) {
            roots.push(root);
        }
    }
    let mut policy = Policy { comments: !wanted.no_repo_config, today: today(), ..Policy::default() };
    let alone = (roots.len() == 1).then(|| roots.remove(0));
    policy.base = alone.as_ref().map_or_else(|| here.clone(), |r| r.base.clone());
    policy.shown = targets.iter().map(|t| shown(t, targets.len() == 1, &policy.base)).collect();
    policy.whole = matches!(targets, [only] if only.canonicalize().is_ok_and(|p| p == policy.base));
    if let Some(path) = &wanted.config {
        let config = Config::parse(&path.display().to_string(), &read(path)?)?;
        let directory = path.parent().unwrap_or(Path::new(""));
        policy.rule_files = config.rule_files.iter().map(|file| directory.join(file)).collect();
        policy.add_config(config);
    }
    if let (Some(path), false) = (&wanted.baseline, wanted.no_baseline) {
        policy.baseline = Some(Baseline::parse(&path.display().to_string(), &read(path)?)?);
    }
    match alone {
        _ if wanted.no_repo_config => {}
        Some(root) => repository_files(&mut policy, &root, wanted)?,
        None if roots.iter().any(has_files) => policy.notes.push(
            "several repositories were scanned at once, so the config, ignore and baseline files in them were not used: \
             scan them one by one"
                .into(),
        ),
        None => {}
    }
    policy.name_files();
    Ok(policy)
}

/// Reads what lies in the repository, unless the command line names something else.
fn repository_files(policy: &mut Policy, root: &Root, wanted: &Wanted) -> Result<()> {
    if let (Some(path), None) = (&root.config, &wanted.config) {
        let name = relative_name(path, &root.base);
        let config = Config::parse(&name, &read_inside(path, &root.base, &name)?)?;
        for file in &config.rule_files {
            let directory = path.parent().unwrap_or(&root.base);
            policy.rule_files.push(inside(&directory.join(file), &root.base).map_err(|e| {
                Error::new(format!("{name}: `rules.files` names {}", file.display()))
                    .cause(e)
                    .help("a rule file must be in the repository; give others with --rules or --config")
            })?);
        }
        policy.foreign_rules = true;
        policy.add_config(config);
    }
    let ignore = root.base.join(IGNORE);
    if ignore.symlink_metadata().is_ok() {
        policy.patterns.push(Patterns::parse(IGNORE, &read_inside(&ignore, &root.base, IGNORE)?)?);
    }
    let file = root.base.join(baseline::NAME);
    if wanted.baseline.is_none() && !wanted.no_baseline && file.symlink_metadata().is_ok() {
        let text = read_inside(&file, &root.base, baseline::NAME)?;
        policy.baseline = Some(Baseline::parse(baseline::NAME, &text)?);
    }
    Ok(())
}

/// Where the baseline of a target is kept.
pub fn baseline_file(targets: &[PathBuf]) -> Result<PathBuf> {
    let policy = discover(targets, &Wanted { no_repo_config: true, ..Wanted::default() })?;
    Ok(policy.base.join(baseline::NAME))
}

/// The directory where the way upwards begins.
fn start(target: &Path) -> PathBuf {
    let full = target.canonicalize().unwrap_or_else(|_| target.to_owned());
    if full.is_dir() { full } else { place(target).0 }
}

/// The real directory of a file, and the file's own name.
fn place(file: &Path) -> (PathBuf, PathBuf) {
    let parent = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = file.file_name().map(PathBuf::from).unwrap_or_default();
    (parent.canonicalize().unwrap_or_else(|_| parent.to_owned()), name)
}

fn root(start: &Path) -> Result<Root> {
    let is_root = |p: &&Path| p.join(".git").exists() || p.join("HEAD").is_file() && p.join("objects").is_dir();
    let repository = start.ancestors().find(is_root);
    let mut config = None;
    for directory in start.ancestors() {
        let there: Vec<_> = CONFIG.iter().map(|n| directory.join(n)).filter(|p| p.symlink_metadata().is_ok()).collect();
        if let [one, two] = there.as_slice() {
            return Err(Error::new(format!("there are both {} and {}", one.display(), two.display()))
                .help("keep one of them, or name one with --config"));
        }
        config = there.into_iter().next();
        if config.is_some() || Some(directory) == repository {
            break;
        }
    }
    let of_config = config.as_deref().and_then(Path::parent);
    let base = repository.or(of_config).unwrap_or(start).to_owned();
    Ok(Root { base, config })
}

fn has_files(root: &Root) -> bool {
    root.config.is_some() || [IGNORE, baseline::NAME].iter().any(|n| root.base.join(n).exists())
}

/// How paths of a target begin in reports, and what that is relative to the base.
fn shown(target: &Path, alone: bool, base: &Path) -> (BString, BString) {
    let bytes = |path: &Path| -> BString { <Vec<u8> as ByteVec>::from_path_lossy(path).into_owned().into() };
    let is_dir = target.is_dir();
    let full = match target.canonicalize() {
        Ok(full) if is_dir => full,
        _ => {
            let (directory, name) = place(target);
            directory.join(name)
        }
    };
    let relative = full.strip_prefix(base).map_or_else(|_| full.clone(), Path::to_owned);
    let repository =
        is_dir && (target.join(".git").exists() || target.join("HEAD").is_file() && target.join("objects").is_dir());
    let prefix = if alone && repository { Path::new("") } else { target.strip_prefix(".").unwrap_or(target) };
    (bytes(prefix), bytes(&relative))
}

fn relative_name(path: &Path, base: &Path) -> String {
    path.strip_prefix(base).unwrap_or(path).display().to_string()
}

/// The real place of a file, if it is a file below the base.
fn inside(path: &Path, base: &Path) -> Result<PathBuf> {
    let real = path.canonicalize().map_err(|e| Error::new("it cannot be found").cause(e))?;
    if !real.starts_with(base) {
        return Err(Error::new("it is outside of the repository"));
    }
    if !real.is_file() {
        return Err(Error::new("it is not a regular file"));
    }
    Ok(real)
}

fn read_inside(path: &Path, base: &Path, name: &str) -> Result<String> {
    let real = inside(path, base).map_err(|e| {
        Error::new(format!("{name} is not used"))
            .cause(e)
            .help("make it a file of the repository, or leave out what lies there with --no-repo-config")
    })?;
    read(&real)
}

/// Reads a file of the user.
pub fn read(path: &Path) -> Result<String> {
    let fail = |e: std::io::Error| Error::new(format!("cannot read {}", path.display())).cause(e);
    let file = std::fs::File::open(path).map_err(fail)?;
    if !file.metadata().map_err(fail)?.is_file() {
        return Err(fail(std::io::Error::other("it is not a regular file")));
    }
    let mut text = String::new();
    file.take(LIMIT + 1).read_to_string(&mut text).map_err(fail)?;
    if text.len() as u64 > LIMIT {
        return Err(fail(std::io::Error::other(format!("it is larger than {} MiB", LIMIT >> 20))));
    }
    Ok(text)
}
