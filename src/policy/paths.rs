//! Paths that are left out: `.keyscanignore` and the `ignore` list of a config file, in the syntax of gitignore.

use std::path::Path;

use bstr::{BStr, ByteSlice};
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::error::{Error, Result};
use crate::finding::Allowance;

/// Patterns of one list at most: many more take gigabytes, and a repository may be hostile.
const MOST: usize = 10_000;

/// One list of patterns.
#[derive(Debug)]
pub struct Patterns {
    /// The file that they stand in, as it is named in reports.
    name: String,
    lines: Vec<(usize, String)>,
    matcher: Gitignore,
}

impl Patterns {
    /// Reads the text of a `.keyscanignore`.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self::new(name, text.lines().enumerate().map(|(n, line)| (n + 1, line.to_owned())).collect())
    }

    /// Compiles patterns, each with its line; 0 is an unknown one.
    pub fn new(name: &str, lines: Vec<(usize, String)>) -> Result<Self> {
        let is_pattern = |line: &str| !line.trim().is_empty() && !line.starts_with('#');
        if lines.iter().filter(|(_, line)| is_pattern(line)).count() > MOST {
            return Err(Error::new(format!("{name}: it holds more than {MOST} patterns"))
                .help("name directories instead of single files"));
        }
        let mut builder = GitignoreBuilder::new("/");
        for (number, line) in &lines {
            builder.add_line(None, line).map_err(|e| {
                Error::new(format!("{}: not a valid pattern", at(name, *number)))
                    .cause(e.to_string())
                    .help("patterns are written as in a .gitignore")
            })?;
        }
        let matcher = builder
            .build()
            .map_err(|e| Error::new(format!("{name}: the patterns cannot be used")).cause(e.to_string()))?;
        Ok(Self { name: name.to_owned(), lines, matcher })
    }

    /// The file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The line that leaves a file out. Its path is relative to the directory of the patterns.
    pub fn leaves_out(&self, path: &BStr) -> Option<Allowance> {
        let shown = path.to_path().map_or_else(|_| Path::new("").join(path.to_str_lossy().as_ref()), Path::to_owned);
        // Absolute or upward paths are not below the patterns' directory; the matcher must not see them.
        if shown.components().any(|c| !matches!(c, std::path::Component::Normal(_))) {
            return None;
        }
        let found = self.matcher.matched_path_or_any_parents(&shown, false);
        let glob = found.is_ignore().then(|| found.inner()).flatten()?;
        let line = self.lines.iter().rev().find(|(_, line)| line.trim_end() == glob.original().trim_end());
        Some(Allowance { by: at(&self.name, line.map_or(0, |(n, _)| *n)), reason: None })
    }
}

/// `file:line`, or the file if the line is not known.
pub fn at(name: &str, line: usize) -> String {
    if line == 0 { name.to_owned() } else { format!("{name}:{line}") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn too_many_patterns_are_refused() {
        let text = |count: usize| "# comment\n\n".to_owned() + &"a*/**/b\n".repeat(count);
        assert!(Patterns::parse("x", &text(100)).is_ok());
        assert!(Patterns::parse("x", &text(MOST + 1)).unwrap_err().to_string().contains("more than 10000 patterns"));
    }

    #[test]
    fn as_in_a_gitignore() {
        let patterns = Patterns::parse(".keyscanignore", "# a\n\nfixtures/\n*.snap\n!keep.snap\n/top.txt\n").unwrap();
        let by = |path: &str| patterns.leaves_out(path.into()).map(|a| a.by);
        assert_eq!(by("tests/fixtures/a/b.json").as_deref(), Some(".keyscanignore:3"));
        assert_eq!(by("x/y.snap").as_deref(), Some(".keyscanignore:4"));
        assert_eq!(by("top.txt").as_deref(), Some(".keyscanignore:6"));
        for kept in ["keep.snap", "a/top.txt", "src/main.rs", "/etc/fixtures/x", "../fixtures/x"] {
            assert_eq!(by(kept), None, "{kept}");
        }
    }

    #[test]
    fn a_bad_pattern_is_named() {
        let error = Patterns::parse(".keyscanignore", "ok\na[z-a]\n").unwrap_err().to_string();
        assert!(error.starts_with(".keyscanignore:2: "), "{error}");
    }
}
