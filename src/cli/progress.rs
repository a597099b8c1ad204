//! The progress bar: on a terminal, on standard error, never in a pipe.

use std::io::IsTerminal;
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::scan::Progress;

/// A bar that appears when a scan takes longer.
pub struct Bar {
    shown: bool,
    bar: Mutex<Option<ProgressBar>>,
}

impl Bar {
    /// Shows something only if `wanted` and if somebody can see it.
    pub fn new(wanted: bool) -> Self {
        Self { shown: wanted && std::io::stderr().is_terminal(), bar: Mutex::new(None) }
    }

    /// Removes the bar.
    pub fn finish(&self) {
        if let Some(bar) = self.lock().take() {
            bar.finish_and_clear();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<ProgressBar>> {
        self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Progress for Bar {
    fn begin(&self, what: &str, steps: u64) {
        self.finish();
        if self.shown {
            let style = ProgressStyle::with_template("{msg:>8} {wide_bar} {pos}/{len} {elapsed}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar =
                ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr_with_hz(8)).with_style(style);
            bar.set_message(what.to_owned());
            *self.lock() = Some(bar);
        }
    }

    fn advance(&self, steps: u64) {
        if self.shown
            && let Some(bar) = self.lock().as_ref()
        {
            bar.inc(steps);
        }
    }
}
