//! What the owner of a config file or a baseline should look at: entries that have expired or allow nothing.

use bstr::ByteSlice;

use super::paths::at;
use super::{Policy, Scanned, Used};

impl Policy {
    pub(super) fn config_notes(&self, used: &Used, judged: bool) -> Vec<String> {
        let Some(config) = &self.config else { return Vec::new() };
        let (mut notes, mut stale) = (Vec::new(), Vec::new());
        for (n, entry) in config.allow.iter().enumerate() {
            let place = at(&config.name, entry.line);
            match entry.expires.filter(|last| *last < self.today) {
                Some(last) if used.expired_allow.contains(&n) => {
                    notes.push(format!("{place} expired after {last}: what it allowed is reported again"));
                }
                Some(last) => notes.push(format!("{place} expired after {last}")),
                None if judged && !used.allow.contains(&n) => stale.push(entry.line),
                None => {}
            }
        }
        notes.extend(stale_note(&config.name, &stale, ""));
        notes
    }

    pub(super) fn baseline_notes(&self, used: &Used, judged: bool, scanned: &Scanned<'_>) -> Vec<String> {
        let Some(baseline) = &self.baseline else { return Vec::new() };
        let mut notes = Vec::new();
        let mut stale = Vec::new();
        for (n, entry) in baseline.entries.iter().enumerate() {
            let place = at(&baseline.name, entry.line);
            let expired = entry.expires.filter(|_| entry.is_expired(self.today));
            if let (Some(last), true) = (expired, used.expired_entries.contains(&n)) {
                notes.push(format!(
                    "{place} expired after {last}: {} in {} is reported again",
                    entry.rule,
                    entry.place.to_str_lossy()
                ));
            } else if judged && !used.entries.contains(&n) && scanned.rules.iter().any(|m| m.id == entry.rule) {
                stale.push(entry.line);
            }
        }
        notes.extend(stale_note(&baseline.name, &stale, "; `keyscan baseline update` takes them out"));
        notes
    }
}

/// One line for all entries that allow nothing.
fn stale_note(name: &str, lines: &[usize], advice: &str) -> Option<String> {
    let entries = match lines.len() {
        0 => return None,
        1 => "1 entry allows".to_owned(),
        n => format!("{n} entries allow"),
    };
    let shown: Vec<_> = lines.iter().take(10).map(usize::to_string).collect();
    let more = if lines.len() > shown.len() { ", ..." } else { "" };
    Some(format!("{name}: {entries} nothing that is there (line {}{more}){advice}", shown.join(", ")))
}
