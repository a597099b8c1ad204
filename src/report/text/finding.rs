//! One block of the text report: what leaked, why that is believed, where it is, what to do.

use std::collections::BTreeSet;
use std::io;

use super::page::{Page, Style};
use crate::finding::{CommitInfo, Finding, Life, Place, Verdict, is_index};
use crate::report::context::{Context, Whereabouts, day, grouped, plural};
use crate::report::printable;
use crate::rules::{Environment, Kind, Rotation, RuleMeta};

/// Places, commits, paths or refs shown of each kind without `--verbose`.
pub(super) const FEW: usize = 5;

/// Rotation steps shown without `--verbose`.
const FEW_STEPS: usize = 3;

/// Writes the block of one finding; `first`: the first one of its rule, of which the others need not repeat what to do.
pub(super) fn write(context: &Context<'_>, finding: &Finding, first: bool, page: &mut Page<'_>) -> io::Result<()> {
    let block = Block { context, finding, rule: context.rule(finding) };
    block.headline(page)?;
    block.secret(page)?;
    block.belief(page)?;
    block.places(page)?;
    if let Some(life) = &finding.life {
        block.history(life, page)?;
    }
    if block.rule.kind.is_reported() {
        if first || context.report.options.verbose {
            block.rotation(&block.rule.rotate, page)?;
        } else {
            block.rotation_again(&block.rule.rotate, page)?;
        }
    }
    page.put(Style::Dim, &format!("  fingerprint {}", finding.fingerprint))?;
    page.end()
}

/// The things that every part of the block looks at.
pub(super) struct Block<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) finding: &'a Finding,
    rule: &'a RuleMeta,
}

impl Block<'_> {
    /// How many of a kind are shown: all with `--verbose`.
    pub(super) fn limit(&self, few: usize) -> usize {
        if self.context.report.options.verbose { usize::MAX } else { few }
    }

    fn headline(&self, page: &mut Page<'_>) -> io::Result<()> {
        let severity = self.finding.severity;
        page.put(Style::of(severity), &severity.as_str().to_uppercase())?;
        page.put(Style::Strong, &format!("  {}", printable(&self.rule.name)))?;
        if self.rule.environment == Environment::Test {
            page.put(Style::Plain, " (test key)")?;
        }
        page.put(Style::Dim, &format!("  [{}]", printable(&self.rule.id)))?;
        page.end()?;
        match Whereabouts::of(self.finding).label() {
            Some(label) => {
                page.put(Style::Warning, &format!("  {label}"))?;
                page.end()
            }
            None => Ok(()),
        }
    }

    fn secret(&self, page: &mut Page<'_>) -> io::Result<()> {
        page.section(if self.rule.kind == Kind::Hygiene { "seen" } else { "secret" });
        if !self.context.report.options.show_secrets {
            return page.line(Style::Strong, &self.context.say(&self.finding.masked));
        }
        // A key file keeps its lines, so that it can be compared; "| " keeps CI from reading it as a command.
        let lines: Vec<_> = self.finding.secret.expose().trim_ascii_end().split(|&b| b == b'\n').collect();
        for line in &lines {
            let bar = if lines.len() > 1 { "| " } else { "" };
            page.line(Style::Strong, &format!("{bar}{}", printable(line)))?;
        }
        Ok(())
    }

    fn belief(&self, page: &mut Page<'_>) -> io::Result<()> {
        let finding = self.finding;
        if self.rule.kind == Kind::Hygiene {
            return self.habit(page);
        }
        page.section("verdict");
        let meaning = match finding.verdict {
            Verdict::Proven => "a checksum or key relation in it matches",
            Verdict::WellFormed => "it decodes as this kind of credential should",
            Verdict::Shape => "prefix, alphabet and length fit",
            Verdict::Malformed => "checksum or structure is wrong; made up, cut off or damaged",
        };
        let verdict = format!("{}: {meaning} ({} confidence)", finding.verdict, finding.confidence);
        page.prose(Style::Plain, "", &verdict)?;
        for reason in &finding.reasons {
            page.prose(Style::Plain, "- ", &self.context.say(reason))?;
        }
        page.section("grants");
        if !self.rule.grants.is_empty() {
            page.prose(Style::Plain, "", &printable(&self.rule.grants))?;
        }
        if let (true, Some(reason)) = (self.rule.kind != Kind::Secret, &self.rule.reason) {
            page.section("no secret");
            page.prose(Style::Plain, "", &printable(reason))?;
        }
        page.section("facts");
        for fact in &finding.facts {
            page.line(Style::Plain, &format!("{}: {}", fact.label, self.context.say(&fact.value)))?;
        }
        Ok(())
    }

    /// What is said of a file or a place instead.
    fn habit(&self, page: &mut Page<'_>) -> io::Result<()> {
        page.section("hygiene");
        page.prose(Style::Plain, "", &printable(self.rule.reason.as_deref().unwrap_or_default()))?;
        page.section("grants");
        page.prose(Style::Plain, "", &printable(&self.rule.grants))?;
        page.section("facts");
        for fact in &self.finding.facts {
            page.line(Style::Plain, &format!("{}: {}", fact.label, self.context.say(&fact.value)))?;
        }
        Ok(())
    }

    fn history(&self, life: &Life, page: &mut Page<'_>) -> io::Result<()> {
        page.section("history");
        match &life.first {
            Some(first) => self.first(first, page)?,
            None if life.is_only_staged() => {}
            None if life.reachable => page.line(Style::Plain, "first commit unknown")?,
            None => {}
        }
        let paths = self.past_paths();
        if self.finding.in_tree() && !paths.is_empty() {
            let text = format!("in past versions of {}", self.few(paths, 0));
            page.prose(Style::Plain, "", &text)?;
        }
        for removal in life.removed.iter().take(self.limit(FEW)) {
            let on = on_day(removal.time);
            let path = self.context.say_name(&removal.path);
            page.line(Style::Plain, &format!("removed from {path} by commit {}{on}", short(&removal.commit)))?;
        }
        let hidden = life.removed.len().saturating_sub(self.limit(FEW));
        if hidden > 0 {
            page.line(Style::Dim, &format!("and from {} (use --verbose)", plural(hidden, "more path")))?;
        }
        self.refs(life, page)
    }

    fn first(&self, first: &CommitInfo, page: &mut Page<'_>) -> io::Result<()> {
        let on = on_day(first.time);
        let author = self.context.say(&first.author);
        let text = format!("came in with commit {} by {author}{on}", short(&first.id));
        page.prose(Style::Plain, "", &text)?;
        if first.summary.is_empty() {
            return Ok(());
        }
        let summary = self.context.say(&first.summary);
        page.prose(Style::Dim, "  ", &format!("\"{summary}\""))
    }

    /// Paths of the blobs in history that hold it.
    fn past_paths(&self) -> Vec<String> {
        let mut paths = BTreeSet::new();
        for occurrence in &self.finding.occurrences {
            if let Place::Blob { paths: at, .. } = &occurrence.place {
                paths.extend(at);
            }
        }
        paths.into_iter().map(|path| self.context.say_name(path)).collect()
    }

    /// Who still has it, and for how long it has been there.
    fn refs(&self, life: &Life, page: &mut Page<'_>) -> io::Result<()> {
        let mut held = Vec::new();
        if life.in_head {
            held.push("HEAD".to_owned());
        }
        let (staged, others): (Vec<&String>, Vec<&String>) = life.other_refs.iter().partition(|name| is_index(name));
        let kinds = [
            ("branch", "branches", life.branches.iter().collect(), life.more_branches),
            ("tag", "tags", life.tags.iter().collect(), life.more_tags),
            ("remote branch", "remote branches", life.remotes.iter().collect(), life.more_remotes),
            ("ref", "refs", others, life.more_refs),
            ("the", "the", staged, 0),
        ];
        for (one, many, names, more) in kinds {
            if !names.is_empty() {
                let names: Vec<_> = names.iter().map(|n| self.context.say_name(n.as_bytes())).collect();
                let kind = if names.len() == 1 { one } else { many };
                held.push(format!("{kind} {}", self.few(names, more)));
            }
        }
        let text = match (held.is_empty(), life.reachable) {
            (false, _) if life.is_only_staged() => format!("staged in {}, and in no commit yet", held.join("; ")),
            (false, _) => format!("still in {}", held.join("; ")),
            (true, true) => "no branch, tag or other ref has it at its tip, but the history behind one does".to_owned(),
            (true, false) => "no branch, tag or other ref leads to it; the objects are still there".to_owned(),
        };
        page.prose(Style::Plain, "", &text)?;
        let so_far = if held.is_empty() { "" } else { " so far" };
        match life.exposure_days {
            Some(days @ 1..) => {
                let text = format!("exposed for {}{so_far}", plural(days, "day"));
                page.line(Style::Plain, &text)
            }
            Some(_) => page.line(Style::Plain, &format!("exposed for less than a day{so_far}")),
            None => Ok(()),
        }
    }

    /// "a, b, c and 4 more".
    fn few(&self, mut names: Vec<String>, unnamed: usize) -> String {
        let hidden = names.len().saturating_sub(self.limit(FEW)) + unnamed;
        names.truncate(self.limit(FEW));
        let more = if hidden > 0 { format!(" and {} more", grouped(hidden as u64)) } else { String::new() };
        format!("{}{more}", names.join(", "))
    }

    fn rotation_again(&self, rotate: &Rotation, page: &mut Page<'_>) -> io::Result<()> {
        page.section("rotate");
        let id = printable(&self.rule.id);
        page.line(Style::Plain, &format!("as above, under the first [{id}]"))?;
        match &rotate.revoke {
            Some(url) => page.line(Style::Plain, &format!("revoke at {}", printable(url))),
            None => Ok(()),
        }
    }

    fn rotation(&self, rotate: &Rotation, page: &mut Page<'_>) -> io::Result<()> {
        page.section("rotate");
        if rotate.steps.is_empty() && rotate.revoke.is_none() {
            let text = "Revoke it where it was issued, issue a new one, and deploy that.";
            page.prose(Style::Plain, "", text)?;
        }
        for (i, step) in rotate.steps.iter().take(self.limit(FEW_STEPS)).enumerate() {
            page.prose(Style::Plain, &format!("{}. ", i + 1), &printable(step))?;
        }
        let hidden = rotate.steps.len().saturating_sub(self.limit(FEW_STEPS));
        if hidden > 0 {
            page.line(Style::Dim, &format!("   and {} (use --verbose)", plural(hidden, "more step")))?;
        }
        for (label, url) in [("revoke at", &rotate.revoke), ("see", &rotate.docs)] {
            if let Some(url) = url {
                page.line(Style::Plain, &format!("{label} {}", printable(url)))?;
            }
        }
        match rotate.overlap {
            Some(true) => page.line(Style::Plain, "old and new can be valid at the same time")?,
            Some(false) => page.line(Style::Plain, "old and new cannot be valid at the same time: plan the switch")?,
            None => {}
        }
        if let Some(command) = &rotate.command {
            page.line(Style::Plain, "or revoke it from here (keyscan does not run this), with the secret in $TOKEN:")?;
            page.line(Style::Plain, &format!("  {}", printable(command.trim_end())))?;
        } else if rotate.self_revoke == Some(true) {
            page.line(Style::Plain, "whoever holds it can revoke it, you included")?;
        }
        match &rotate.audit {
            Some(audit) => page.prose(Style::Plain, "", &format!("then check: {}", printable(audit))),
            None => Ok(()),
        }
    }
}

/// " on 2026-01-31", or nothing for a time out of any calendar.
fn on_day(time: i64) -> String {
    day(time).map(|day| format!(" on {day}")).unwrap_or_default()
}

/// The first digits of an object id, enough to find it in most repositories.
pub(in crate::report) fn short(id: &str) -> String {
    printable(id.get(..10).unwrap_or(id))
}
