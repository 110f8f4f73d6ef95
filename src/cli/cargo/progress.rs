//! What the user sees while the runtime is built.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A line on a terminal that is gone when this is dropped; elsewhere, one that stays.
pub(super) struct Progress(Option<(ProgressBar, String)>);

impl Progress {
    pub(super) fn begin(what: String, quiet: bool) -> Self {
        if quiet {
            return Self(None);
        }
        let bar = ProgressBar::new_spinner().with_style(ProgressStyle::default_spinner()).with_message(what.clone());
        if bar.is_hidden() {
            super::say(&what);
            return Self(None);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(Some((bar, what)))
    }

    /// A part is done.
    pub(super) fn step(&self, part: &str) {
        if let Some((bar, what)) = &self.0 {
            bar.set_message(format!("{what}: {part}"));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((bar, _)) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
