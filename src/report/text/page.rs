//! Layout of the text report: styles, labelled sections, wrapped prose.

use std::io;

use termcolor::{Color, ColorSpec, WriteColor};

use crate::finding::Severity;

/// Columns that prose may use, and the fewest that it is squeezed into on a narrow terminal.
const WIDTH: usize = 100;
const NARROWEST: usize = 60;

/// Columns before the text of a section.
pub(super) const INDENT: usize = 14;

/// How a piece of text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Strong,
    Dim,
    Good,
    Warning,
    Bad,
}

impl Style {
    /// The style of a severity's name.
    pub(super) fn of(severity: Severity) -> Self {
        match severity {
            Severity::Critical | Severity::High => Self::Bad,
            Severity::Medium => Self::Warning,
            Severity::Low | Severity::Info => Self::Strong,
        }
    }

    fn spec(self) -> ColorSpec {
        let mut spec = ColorSpec::new();
        match self {
            Self::Plain => {}
            Self::Strong => drop(spec.set_bold(true)),
            Self::Dim => drop(spec.set_dimmed(true)),
            Self::Good => drop(spec.set_fg(Some(Color::Green)).set_bold(true)),
            Self::Warning => drop(spec.set_fg(Some(Color::Yellow)).set_bold(true)),
            Self::Bad => drop(spec.set_fg(Some(Color::Red)).set_bold(true)),
        }
        spec
    }
}

/// The page being written.
pub(super) struct Page<'w> {
    out: &'w mut dyn WriteColor,
    /// The label that the next line of a section carries.
    label: &'static str,
    /// Columns that prose may use.
    pub(super) width: usize,
}

impl<'w> Page<'w> {
    pub(super) fn new(out: &'w mut dyn WriteColor, columns: Option<usize>) -> Self {
        Self { out, label: "", width: columns.unwrap_or(WIDTH).clamp(NARROWEST, WIDTH) }
    }

    /// Writes text in a style.
    pub(super) fn put(&mut self, style: Style, text: &str) -> io::Result<()> {
        if style == Style::Plain || !self.out.supports_color() {
            return self.out.write_all(text.as_bytes());
        }
        self.out.set_color(&style.spec())?;
        self.out.write_all(text.as_bytes())?;
        self.out.reset()
    }

    /// Ends a line.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n")
    }

    /// An empty line.
    pub(super) fn blank(&mut self) -> io::Result<()> {
        self.end()
    }

    /// Begins a section: the next line carries this label, the ones after it are indented.
    pub(super) fn section(&mut self, label: &'static str) {
        self.label = label;
    }

    /// Begins a line of a section.
    pub(super) fn begin(&mut self) -> io::Result<()> {
        let label = std::mem::take(&mut self.label);
        self.put(Style::Plain, "  ")?;
        self.put(Style::Strong, label)?;
        let gap = INDENT.saturating_sub(2 + label.len());
        self.put(Style::Plain, &" ".repeat(gap))
    }

    /// A line of a section, not wrapped: paths and commands must stay whole.
    pub(super) fn line(&mut self, style: Style, text: &str) -> io::Result<()> {
        self.begin()?;
        self.put(style, text)?;
        self.end()
    }

    /// Prose in a section, wrapped; `bullet` stands before its first line.
    pub(super) fn prose(&mut self, style: Style, bullet: &str, text: &str) -> io::Result<()> {
        let mut before = bullet.to_owned();
        for part in wrap(text, self.width - INDENT - bullet.len()) {
            self.line(style, &format!("{before}{part}"))?;
            before = " ".repeat(bullet.len());
        }
        Ok(())
    }
}

/// Breaks text at spaces. Words longer than a line stay whole, and no line begins with `::` (see the module docs).
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if word.starts_with("::") || line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrap_keeps_words_and_hides_commands() {
        let cases: &[(&str, usize, &[&str])] = &[
            ("one two three", 7, &["one two", "three"]),
            ("https://example.org/long x", 5, &["https://example.org/long", "x"]),
            ("abcdef ::error::x", 7, &["abcdef ::error::x"]),
            ("", 7, &[""]),
        ];
        for (text, width, want) in cases {
            assert_eq!(&wrap(text, *width), want);
        }
    }
}
