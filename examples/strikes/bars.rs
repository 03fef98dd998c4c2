//! Progress bars on standard error; nothing at all when that is no terminal.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

const TEMPLATE: &str = "{prefix:>16} {wide_bar} {human_pos}/{human_len} {msg} {elapsed}";

/// The bars of one run, one below the other.
#[derive(Debug)]
pub(crate) struct Bars {
    bars: MultiProgress,
}

impl Bars {
    pub(crate) fn new() -> Self {
        Self { bars: MultiProgress::new() }
    }

    /// Progress of entering, in reports.
    pub(crate) fn entering(&self, reports: usize) -> ProgressBar {
        self.bar("entering offline", reports as u64, "reports")
    }

    /// Progress of syncing, in events held by all offices together.
    pub(crate) fn syncing(&self, events: u64, offices: usize) -> ProgressBar {
        self.bar("syncing", events * offices as u64, "events")
    }

    fn bar(&self, prefix: &'static str, length: u64, message: &'static str) -> ProgressBar {
        let style = ProgressStyle::with_template(TEMPLATE);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(length).with_style(style);
        let bar = bar.with_prefix(prefix).with_message(message);
        self.bars.add(bar)
    }
}
