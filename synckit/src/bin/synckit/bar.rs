//! Progress bars on standard error; nothing at all when that is no terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::Output;

const TEMPLATE: &str = "{msg:>10} {wide_bar} {human_pos}/{human_len} events {elapsed}";
/// A bar of work that tells nothing itself is moved so often.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A bar for a number of events, gone when it is dropped. Programs that read JSON get none.
pub(crate) fn of_events(out: &Output, does: &'static str, events: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(TEMPLATE);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    let target =
        if out.is_json() { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    ProgressBar::with_draw_target(Some(events), target).with_style(style).with_message(does)
}

/// Does work, and moves a bar to the events done and of how many.
pub(crate) async fn watching<T>(
    bar: &ProgressBar,
    work: impl Future<Output = T>,
    look: impl AsyncFn() -> Option<(u64, u64)>,
) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => {
                bar.finish_and_clear();
                return done;
            }
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        if let Some((done, of)) = look().await {
            bar.set_length(of);
            bar.set_position(done);
        }
    }
}
