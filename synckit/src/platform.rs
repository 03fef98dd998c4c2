//! The platform: spawning, sleeping, both clocks and randomness, named here and nowhere else
//! outside the gRPC transport, which is made of tokio.

use std::fmt;
use std::future::{Future, pending};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::clock::UnixMillis;

/// Tasks of which each gives a result when it ends. Dropping the set ends them.
pub(crate) type Tasks<T> = tokio::task::JoinSet<T>;

/// A task that goes on when this is dropped.
pub(crate) type Task<T> = tokio::task::JoinHandle<T>;

/// The clock from which replicas and hubs read the time of day.
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

/// Measures the time since it was started. Never goes back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(tokio::time::Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(tokio::time::Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// Waits until so much time has passed since the start; without end when there is no such time.
    pub(crate) async fn reaches(&self, elapsed: Option<Duration>) {
        match elapsed {
            Some(elapsed) => tokio::time::sleep_until(self.0 + elapsed).await,
            None => pending().await,
        }
    }
}

/// Runs a future beside everything else.
pub(crate) fn spawn<F>(future: F) -> Task<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    tokio::spawn(future)
}

/// Runs what blocks or takes long on a thread that nobody else waits for.
pub(crate) fn spawn_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Task<T> {
    tokio::task::spawn_blocking(work)
}

/// Waits for a while.
pub(crate) async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Waits for a future, but not longer than this; `None` when that was too short.
pub(crate) async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, future).await.ok()
}

/// Tells this machine from others, as a hash; `None` where the system has nothing that stays the same
/// from one start to the next.
#[cfg(all(feature = "redb", target_os = "linux"))]
pub(crate) fn machine() -> Option<[u8; 32]> {
    // A system that makes another one at each start mounts it from here.
    if std::path::Path::new("/run/machine-id").exists() {
        return None;
    }
    let found = ["/etc/machine-id", "/var/lib/dbus/machine-id"].map(std::fs::read_to_string);
    let id =
        found.into_iter().flatten().map(|id| id.trim().to_owned()).find(|id| id.len() == 32)?;
    // The id itself is not to be shown around: machine-id(5).
    Some(*blake3::keyed_hash(b"synckit 2026 this very machine..", id.as_bytes()).as_bytes())
}

/// Other systems keep it where only their own interfaces reach.
#[cfg(all(feature = "redb", not(target_os = "linux")))]
pub(crate) const fn machine() -> Option<[u8; 32]> {
    None
}

/// Unpredictable bytes.
///
/// # Errors
/// When the system has none.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
