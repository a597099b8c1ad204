//! Prints what speaks for and against each value of a name that promises a secret, one line for each, without the value:
//! path, line, sum of the weights in tenths, and the evidence. `src/generic/fit.py` fits weights to it.
//!
//!     cargo run --release --example evidence -- DIRECTORY > evidence.tsv

use std::io::{BufWriter, Write, stdout};
use std::path::Path;
use std::{env, fs, io};

use keyscan::generic::assign::KEY_WORDS;
use keyscan::generic::{Place, weigh, weights};

fn main() -> io::Result<()> {
    let mut out = BufWriter::new(stdout().lock());
    for argument in env::args_os().skip(1) {
        walk(Path::new(&argument), Path::new(&argument), &mut out)?;
    }
    out.flush()
}

fn walk(root: &Path, path: &Path, out: &mut impl Write) -> io::Result<()> {
    if path.is_symlink() {
        return Ok(());
    }
    if path.is_dir() {
        let mut entries: Vec<_> = fs::read_dir(path)?.map(|e| e.map(|e| e.path())).collect::<io::Result<_>>()?;
        entries.sort();
        return entries.iter().try_for_each(|entry| walk(root, entry, out));
    }
    let text = fs::read(path)?;
    let name = path.strip_prefix(root).ok().filter(|p| !p.as_os_str().is_empty()).unwrap_or(path);
    judge(&name.to_string_lossy(), &text, out)
}

fn judge(path: &str, text: &[u8], out: &mut impl Write) -> io::Result<()> {
    // The first part is the name of a repository, which says nothing about the file.
    let place = Place::of(path.split_once('/').map_or(path, |(_, rest)| rest).as_bytes());
    let (mut line, mut counted, mut last) = (1, 0, None);
    for at in 0..text.len() {
        let here = |word: &&&str| text[at..].get(..word.len()).is_some_and(|t| t.eq_ignore_ascii_case(word.as_bytes()));
        let Some(word) = KEY_WORDS.iter().find(here) else { continue };
        let Some(found) = weigh(text, at, word.len()) else { continue };
        if last.replace(found.value.clone()) == Some(found.value.clone()) {
            continue;
        }
        line += text[counted..found.value.start.max(counted)].iter().filter(|b| **b == b'\n').count();
        counted = found.value.start.max(counted);
        let mut evidence = found.evidence;
        evidence.extend(place.says(&evidence));
        let names: Vec<String> = evidence.iter().map(|e| format!("{e:?}")).collect();
        writeln!(out, "{path}\t{line}\t{}\t{}", weights::sum(&evidence), names.join(","))?;
    }
    Ok(())
}
