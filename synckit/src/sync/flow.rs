//! The flow of one direction: how much is sent at a time, by the rate at which it is acknowledged.
//!
//! A frame that a cut finds half sent is resent, so on a slow way frames are small; and what the
//! other side says stands behind what is on its way to there, so little is. On a fast way neither
//! matters, and large frames cost less.

use std::time::Duration;

use super::limits::{
    FRAME_BLOCKS_BYTES, FRAME_BLOCKS_BYTES_LEAST, WINDOW_BYTES_LEAST, WINDOW_BYTES_MAX,
};

/// A frame is what is acknowledged in about this time.
const FRAME_TIME: Duration = Duration::from_secs(2);
/// Unacknowledged is what is acknowledged in about this time.
const WINDOW_TIME: Duration = Duration::from_secs(8);
/// After so long, what was measured before counts half.
const MEMORY: Duration = Duration::from_secs(10);

/// The measure of a direction.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) frame_bytes: usize,
    pub(super) window_bytes: usize,
    /// When something became unacknowledged, and the bytes acknowledged since.
    begun: Duration,
    acked: u64,
}

impl Default for Flow {
    fn default() -> Self {
        Self {
            frame_bytes: FRAME_BLOCKS_BYTES_LEAST,
            window_bytes: WINDOW_BYTES_LEAST,
            begun: Duration::ZERO,
            acked: 0,
        }
    }
}

impl Flow {
    /// Something is unacknowledged from now on.
    pub(super) const fn begin(&mut self, now: Duration) {
        (self.begun, self.acked) = (now, 0);
    }

    /// So many more bytes are acknowledged.
    pub(super) fn acked(&mut self, now: Duration, bytes: usize) {
        self.acked += bytes as u64;
        let took = now.saturating_sub(self.begun);
        let in_time = |time: Duration| {
            let bytes = u128::from(self.acked) * time.as_nanos() / took.as_nanos().max(1);
            usize::try_from(bytes).unwrap_or(usize::MAX)
        };
        self.frame_bytes = in_time(FRAME_TIME).clamp(FRAME_BLOCKS_BYTES_LEAST, FRAME_BLOCKS_BYTES);
        self.window_bytes = in_time(WINDOW_TIME).clamp(WINDOW_BYTES_LEAST, WINDOW_BYTES_MAX);
        if took > MEMORY {
            self.begun += took / 2;
            self.acked /= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_and_window_follow_the_rate_within_their_bounds() {
        let mut flow = Flow::default();
        let sizes = |flow: &Flow| (flow.frame_bytes, flow.window_bytes);
        assert_eq!(sizes(&flow), (FRAME_BLOCKS_BYTES_LEAST, WINDOW_BYTES_LEAST));
        flow.begin(Duration::from_secs(5));
        // 20 kB/s.
        flow.acked(Duration::from_secs(6), 20_000);
        assert_eq!(sizes(&flow), (40_000, 160_000));
        // The way becomes slow, and after a while nothing else counts.
        for second in 7..60 {
            flow.acked(Duration::from_secs(second), 1_000);
        }
        assert_eq!(sizes(&flow), (FRAME_BLOCKS_BYTES_LEAST, WINDOW_BYTES_LEAST));
        flow.begin(Duration::from_secs(60));
        flow.acked(Duration::from_secs(60), 1);
        assert_eq!(sizes(&flow), (FRAME_BLOCKS_BYTES, WINDOW_BYTES_MAX));
    }
}
