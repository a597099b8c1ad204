//! Turns `rules/*.yaml` into one JSON text that the library embeds: YAML is parsed here, not at every start.

use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=rules");
    println!("cargo:rerun-if-changed=build.rs");
    let mut names: Vec<String> = fs::read_dir("rules")
        .expect("the directory `rules` is part of the package")
        .map(|entry| entry.expect("readable entry in `rules`").file_name().into_string().expect("a UTF-8 file name"))
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    names.sort();
    let files: Vec<serde_json::Value> = names
        .iter()
        .map(|name| {
            let path = Path::new("rules").join(name);
            let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let rules: serde_json::Value =
                serde_yaml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            serde_json::json!([format!("rules/{name}"), rules])
        })
        .collect();
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets OUT_DIR")).join("rules.json");
    fs::write(&out, serde_json::to_string(&files).expect("JSON of plain values")).expect("writable OUT_DIR");
}
