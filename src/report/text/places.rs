//! The places of a finding in the text report, with the source line and carets below the secret.

use std::io;
use std::ops::Range;

use super::finding::{Block, FEW, short};
use super::page::{INDENT, Page, Style};
use crate::finding::{Excerpt, Occurrence, Place};
use crate::report::context::{grouped, plural};
use crate::report::printable;

impl Block<'_> {
    /// The working tree first; history's places only if they are all there is, since [`Self::history`] sums them up.
    pub(super) fn places(&self, page: &mut Page<'_>) -> io::Result<()> {
        let verbose = self.context.report.options.verbose;
        let in_tree = |o: &&Occurrence| matches!(o.place, Place::Stdin | Place::File { .. });
        let all = &self.finding.occurrences;
        let only_tree = self.finding.in_tree() && !verbose && self.finding.life.is_some();
        let shown: Vec<_> = all.iter().filter(|o| !only_tree || in_tree(o)).collect();
        page.section("found in");
        for occurrence in shown.iter().take(self.limit(FEW)) {
            page.line(Style::Plain, &format!("- {}", self.place(occurrence)))?;
            if let Some(excerpt) = self.context.excerpt(self.finding, occurrence) {
                self.excerpt(occurrence.position.line, &excerpt, page)?;
            }
        }
        let unlisted = if only_tree { 0 } else { self.finding.more_places };
        let hidden = shown.len().saturating_sub(self.limit(FEW)) + unlisted;
        let hint = if verbose { "" } else { " (use --verbose)" };
        if hidden > 0 {
            page.line(Style::Dim, &format!("  and {} more{hint}", grouped(hidden as u64)))?;
        }
        Ok(())
    }

    /// One place, as an editor would open it if it is a file.
    fn place(&self, occurrence: &Occurrence) -> String {
        let at = &occurrence.position;
        let at =
            if occurrence.binary { format!(" at byte {}", at.offset) } else { format!(":{}:{}", at.line, at.column) };
        let at = match &occurrence.member {
            Some(member) => format!("!{}{at}", self.context.say_name(member)),
            None => at,
        };
        let mut text = match &occurrence.place {
            Place::Stdin => format!("standard input{at}"),
            Place::File { path } => format!("{}{at}", self.context.say_name(path)),
            Place::Commit { id } => format!("text of commit {}{at}", short(id)),
            Place::Tag { id } => format!("text of tag object {}{at}", short(id)),
            Place::Ref { name } => format!("name of ref {}", self.context.say_name(name)),
            Place::Blob { paths, id, commit } => {
                let blob = format!("blob {}", short(id));
                let object = match commit {
                    Some(commit) => format!("commit {}, {blob}", short(commit)),
                    None => blob.clone(),
                };
                match paths.as_slice() {
                    [] => format!("{blob}{at}"),
                    [path] => format!("{}{at} ({object})", self.context.say_name(path)),
                    [path, rest @ ..] => {
                        let also = plural(rest.len(), "more path");
                        format!("{}{at} and {also} ({object})", self.context.say_name(path))
                    }
                }
            }
        };
        if !occurrence.via.is_empty() {
            text.push_str(&format!(", decoded from {}", occurrence.via.join(", then ")));
        }
        text
    }

    fn excerpt(&self, line: usize, excerpt: &Excerpt, page: &mut Page<'_>) -> io::Result<()> {
        let gutter = format!("  {line} | ");
        let Some((text, caret)) = self.excerpt_parts(excerpt, page.width - INDENT - gutter.len()) else {
            return Ok(());
        };
        page.begin()?;
        page.put(Style::Dim, &gutter)?;
        page.put(Style::Plain, &text)?;
        page.end()?;
        page.begin()?;
        page.put(Style::Dim, &format!("{:>1$}", "| ", gutter.len()))?;
        page.put(Style::Plain, &" ".repeat(caret.start))?;
        page.put(Style::Bad, &"^".repeat(caret.len().max(1)))?;
        page.end()
    }

    /// The line as shown and where the carets go, in characters, cut so that the secret stays in sight.
    fn excerpt_parts(&self, excerpt: &Excerpt, width: usize) -> Option<(String, Range<usize>)> {
        let caret = excerpt.caret.clone();
        if caret.is_empty() {
            return None;
        }
        let part = |skip: usize, take: usize| -> Vec<char> {
            let part: String = excerpt.text.chars().skip(skip).take(take).collect();
            printable(part).chars().collect()
        };
        // Escaping makes text longer, so it is done part by part.
        let before = part(0, caret.start);
        let masked = part(caret.start, caret.len());
        let after = part(caret.end, usize::MAX);
        let spare = width.saturating_sub(masked.len());
        let room = spare.saturating_sub(after.len()).max(spare / 2);
        let cut = before.len().saturating_sub(room);
        let mut line: Vec<char> = before[cut..].to_vec();
        if cut > 3 {
            line.splice(..line.len().min(3), "...".chars());
        }
        let start = line.len();
        line.extend(&masked);
        let end = line.len();
        line.extend(&after);
        if line.len() > width.max(end) {
            line.truncate(width.max(end));
            let keep = line.len().saturating_sub(3).max(end);
            line.truncate(keep);
            line.extend("...".chars());
        }
        Some((line.into_iter().collect(), start..end))
    }
}
