//! Data goes one way: source, detection, reports and the command line know only what stands before them.
//!
//! Reads the paths that begin with `crate::` in every file under src and fails on an edge that no row allows.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What each module may name of the crate beside itself; a path names everything below it.
const ALLOWED: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("blob", &[]),
    ("archive", &[]),
    ("cache", &[]),
    ("checksum", &[]),
    ("finding", &["rules::RuleId"]),
    ("structure", &["checksum", "finding", "generic"]),
    ("generic", &["finding"]),
    ("rules", &["checksum", "error", "finding::Severity", "finding::Verdict", "generic::Class", "structure"]),
    ("source", &["blob", "cache", "error", "finding::Origin", "finding::Problem"]),
    ("decode", &[]),
    ("detect", &["blob", "decode", "error", "finding", "generic", "rules", "structure"]),
    ("policy", &["error", "finding", "rules"]),
    // It mints examples of the rules that it makes.
    ("policy::gitleaks", &["error", "finding", "rules", "structure::Rng"]),
    ("provenance", &["cache::wire", "error", "finding", "source"]),
    ("range", &["error", "finding::Problem", "provenance::parse", "source"]),
    (
        "scan",
        &[
            "archive",
            "cache",
            "detect",
            "error",
            "finding",
            "generic",
            "policy",
            "provenance",
            "range",
            "rules",
            "source",
        ],
    ),
    ("report", &["error", "finding", "rules"]),
    ("hook", &["error"]),
    (
        "cli",
        &[
            "archive",
            "cache",
            "detect",
            "error",
            "finding",
            "hook",
            "policy",
            "range",
            "report",
            "rules",
            "scan",
            "source",
            "structure",
        ],
    ),
];

/// Packages that only these modules may use.
const PACKAGES: &[(&str, &[&str])] = &[
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("indicatif", &["cli"]),
    ("strsim", &["cli"]),
    ("termcolor", &["cli", "report"]),
    ("terminal_size", &["cli"]),
    ("serde_sarif", &["report::sarif"]),
    ("zip", &["archive"]),
    ("sevenz_rust2", &["archive"]),
    ("bzip2", &["archive"]),
    ("ruzstd", &["archive"]),
    ("lzma_rust2", &["archive"]),
    ("csv", &["report::table"]),
    ("quick_xml", &["report::junit"]),
    ("serde_yaml", &["rules::syntax", "policy::config"]),
    ("toml", &["policy::gitleaks"]),
    ("regex_syntax", &["policy::gitleaks"]),
    ("gix", &["source", "provenance", "range", "scan"]),
    ("imara_diff", &["scan::added"]),
    ("ignore", &["source::worktree", "policy::paths"]),
    ("rayon", &["scan", "source", "provenance", "detect", "cli", "report::json", "report::text", "rules::builtin"]),
];

/// Writing to a stream, or ending the process, is for these modules alone.
const STREAMS: &[&str] = &["stdout(", "stderr(", "println!", "print!(", "eprintln!", "eprint!(", "process::exit"];
const MAY_WRITE: &[&str] = &["cli", "report"];

struct Module {
    file: PathBuf,
    /// `detect::incremental`; `rules` for src/rules/mod.rs.
    name: String,
    /// Code without comments and tests.
    code: String,
}

fn modules() -> Vec<Module> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 40, "src is somewhere else");
    files
        .into_iter()
        .filter(|file| !file.ends_with("main.rs") && !file.ends_with("lib.rs"))
        // Files that are compiled for tests only.
        .filter(|file| !["tests.rs", "vectors.rs", "samples.rs"].iter().any(|name| file.ends_with(name)))
        .map(|file| {
            let relative = file.strip_prefix(&root).unwrap().with_extension("");
            let parts: Vec<_> = relative.iter().map(|p| p.to_str().unwrap()).filter(|p| *p != "mod").collect();
            let source = fs::read_to_string(&file).unwrap();
            let own = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
            let code = own.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
            Module { name: parts.join("::"), code, file }
        })
        .collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
}

/// Is `name` the module `of`, or below it?
fn within(name: &str, of: &str) -> bool {
    name.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Full paths that a piece of code names after `crate::`, with the braces of a `use` opened.
fn paths(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        open(&code[at + "crate::".len()..], "", &mut found);
    }
    found
}

/// Reads one path, or a list of paths in braces; gives what follows.
fn open<'a>(text: &'a str, prefix: &str, found: &mut BTreeSet<String>) -> &'a str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let path = if prefix.is_empty() { word.to_owned() } else { format!("{prefix}::{word}") };
    if let Some(rest) = rest.strip_prefix("::") {
        let Some(mut list) = rest.strip_prefix('{') else { return open(rest, &path, found) };
        loop {
            list = open(list.trim_start(), &path, found).trim_start();
            match list.strip_prefix(',') {
                Some(more) if !more.trim_start().starts_with('}') => list = more,
                _ => return list.trim_start_matches(',').trim_start().strip_prefix('}').unwrap_or(list),
            }
        }
    }
    found.insert(path.trim_end_matches("::self").trim_end_matches("::").to_owned());
    rest
}

#[test]
fn paths_are_read() {
    let code = "use crate::a::{b, c::{D, e}, self};\nfn f() { crate::x::y(); }\nuse crate::z;\nuse my_crate::no;";
    let want = ["a", "a::b", "a::c::D", "a::c::e", "x::y", "z"];
    assert_eq!(paths(code).into_iter().collect::<Vec<_>>(), want);
}

#[test]
fn data_goes_one_way() {
    let mut wrong = Vec::new();
    for module in modules() {
        // The most exact row counts.
        let Some((own, allowed)) =
            ALLOWED.iter().filter(|(name, _)| within(&module.name, name)).max_by_key(|(name, _)| name.len())
        else {
            wrong.push(format!("{}: `{}` has no row: what may it know?", module.file.display(), module.name));
            continue;
        };
        let top = module.name.split("::").next().unwrap();
        for path in paths(&module.code) {
            if !within(&path, own) && !within(&path, top) && !allowed.iter().any(|a| within(&path, a)) {
                wrong.push(format!("{}: `{}` must not know `{path}`", module.file.display(), module.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn packages_stay_where_they_belong() {
    let mut wrong = Vec::new();
    for module in modules() {
        for (package, owners) in PACKAGES {
            let used = module
                .code
                .match_indices(&format!("{package}::"))
                .any(|(at, _)| !module.code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'));
            if used && !owners.iter().any(|o| within(&module.name, o)) {
                wrong.push(format!("{}: `{}` must not use {package}", module.file.display(), module.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_cli_and_report_write() {
    let mut wrong = Vec::new();
    for module in modules() {
        for call in STREAMS {
            if module.code.contains(call) && !MAY_WRITE.iter().any(|m| within(&module.name, m)) {
                wrong.push(format!("{}: `{}` must not use {call}", module.file.display(), module.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unsafe_code_is_denied() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    assert!(manifest.contains("unsafe_code = \"deny\""));
    // A module that needs vectors says so at its top; there is at most one.
    let allowed: Vec<_> =
        modules().into_iter().filter(|m| m.code.contains("allow(unsafe_code")).map(|m| m.name).collect();
    assert!(allowed.len() <= 1, "{allowed:?}");
}
