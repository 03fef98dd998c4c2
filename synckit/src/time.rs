//! The wall clock, read at the edge and nowhere else.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::clock::UnixMillis;

/// Where replicas and hubs read the time of day.
#[derive(Clone)]
pub struct WallClock(Arc<dyn Fn() -> UnixMillis + Send + Sync>);

impl WallClock {
    /// A clock of the caller's, for tests.
    pub fn new(read: impl Fn() -> UnixMillis + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The time of day.
    pub fn now(&self) -> UnixMillis {
        (self.0)()
    }
}

/// The system's clock.
impl Default for WallClock {
    #[allow(clippy::disallowed_methods, reason = "this is the edge at which the clock is read")]
    fn default() -> Self {
        Self::new(|| {
            let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let millis = since_epoch.unwrap_or_default().as_millis();
            UnixMillis::new(u64::try_from(millis).unwrap_or(u64::MAX))
        })
    }
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WallClock({})", self.now().get())
    }
}
