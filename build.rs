//! A digest of all sources, so that what is kept for later scans is known to be of the same program. And it turns
//! `rules/*.yaml` into one line of JSON each, which the library embeds: YAML is parsed here, not at every start.

use std::path::Path;
use std::{env, fs};

use sha2::Digest;

fn main() {
    println!("cargo:rustc-env=KEYSCAN_SOURCES={}", digest());
    println!("cargo:rerun-if-changed=rules");
    println!("cargo:rerun-if-changed=build.rs");
    let mut names: Vec<String> = fs::read_dir("rules")
        .expect("the directory `rules` is part of the package")
        .map(|entry| entry.expect("readable entry in `rules`").file_name().into_string().expect("a UTF-8 file name"))
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    names.sort();
    let files: Vec<String> = names
        .iter()
        .map(|name| {
            let path = Path::new("rules").join(name);
            let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let rules: serde_json::Value =
                serde_yaml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            serde_json::to_string(&(format!("rules/{name}"), rules)).expect("JSON of plain values")
        })
        .collect();
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets OUT_DIR")).join("rules.jsonl");
    fs::write(&out, files.join("\n")).expect("writable OUT_DIR");
}

/// SHA-256 over everything that the program is made of.
fn digest() -> String {
    let mut files = vec![Path::new("Cargo.lock").to_owned(), Path::new("Cargo.toml").to_owned()];
    for root in ["src", "rules"] {
        println!("cargo:rerun-if-changed={root}");
        list(Path::new(root), &mut files);
    }
    files.sort();
    let mut digest = sha2::Sha256::new();
    for file in files {
        // A package without its lock file is still one program.
        let text = fs::read(&file).unwrap_or_default();
        digest.update(format!("{} {}\n", file.display(), text.len()));
        digest.update(text);
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn list(directory: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display())) {
        let path = entry.expect("readable entry").path();
        if path.is_dir() { list(&path, files) } else { files.push(path) }
    }
}
