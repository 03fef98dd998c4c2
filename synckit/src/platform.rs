//! The platform: spawning, sleeping, both clocks and randomness, named here and nowhere else
//! outside the gRPC transport, which is made of tokio.

use std::fmt;
use std::future::{Future, pending};
use std::pin::Pin;
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

/// Waits for times of a stopwatch, one after another. A time that is put off again and again costs
/// nothing: the timer that runs is kept, and set again when it is over too early.
#[derive(Debug)]
pub(crate) struct Alarm {
    of: Stopwatch,
    timer: Pin<Box<tokio::time::Sleep>>,
    /// The time that the timer runs to; `None` when it is over.
    runs_to: Option<Duration>,
}

impl Alarm {
    pub(crate) fn of(of: Stopwatch) -> Self {
        Self { of, timer: Box::pin(tokio::time::sleep_until(of.0)), runs_to: None }
    }

    /// As [`Stopwatch::reaches`].
    pub(crate) async fn reaches(&mut self, elapsed: Option<Duration>) {
        let Some(elapsed) = elapsed else { return pending().await };
        loop {
            if self.runs_to.is_none_or(|runs_to| runs_to > elapsed) {
                self.timer.as_mut().reset(self.of.0 + elapsed);
                self.runs_to = Some(elapsed);
            }
            self.timer.as_mut().await;
            if self.runs_to.take() == Some(elapsed) {
                return;
            }
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
    #[cfg(feature = "testing")]
    if repeatable::is_on() {
        // Threads do not go the same way twice.
        return tokio::spawn(async { work() });
    }
    tokio::task::spawn_blocking(work)
}

/// Lets other tasks run first.
pub(crate) async fn yield_now() {
    tokio::task::yield_now().await;
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
    #[cfg(feature = "testing")]
    if repeatable::fill(&mut bytes) {
        return Ok(bytes);
    }
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// A UUID of version 7 that nobody has.
pub(crate) fn fresh_uuid() -> [u8; 16] {
    #[cfg(feature = "testing")]
    if let Some(uuid) = repeatable::uuid() {
        return uuid;
    }
    uuid::Uuid::now_v7().into_bytes()
}

/// Bytes that a seed repeats, on threads that ask for them: for simulated worlds, which are to be the
/// same ones twice.
#[cfg(feature = "testing")]
pub(crate) mod repeatable {
    use std::cell::RefCell;

    thread_local! {
        static DRAWN: RefCell<Option<(u64, blake3::OutputReader)>> = const { RefCell::new(None) };
    }

    /// Has this thread repeat what it draws from a seed until this is dropped.
    #[derive(Debug)]
    pub(crate) struct Repeats(());

    impl Repeats {
        pub(crate) fn from_seed(seed: u64) -> Self {
            let reader = blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof();
            DRAWN.with(|drawn| *drawn.borrow_mut() = Some((0, reader)));
            Self(())
        }
    }

    impl Drop for Repeats {
        fn drop(&mut self) {
            DRAWN.with(|drawn| *drawn.borrow_mut() = None);
        }
    }

    /// True if the thread repeats what it draws.
    pub(super) fn is_on() -> bool {
        DRAWN.with(|drawn| drawn.borrow().is_some())
    }

    /// Draws bytes, if the thread repeats what it draws; true then.
    pub(super) fn fill(bytes: &mut [u8]) -> bool {
        DRAWN.with(|drawn| {
            let mut drawn = drawn.borrow_mut();
            let Some((_, reader)) = drawn.as_mut() else { return false };
            reader.fill(bytes);
            true
        })
    }

    /// UUIDs that ascend.
    pub(super) fn uuid() -> Option<[u8; 16]> {
        let nth = DRAWN.with(|drawn| {
            let mut drawn = drawn.borrow_mut();
            let (drawn, _) = drawn.as_mut()?;
            *drawn += 1;
            Some(*drawn)
        })?;
        let mut random = [0; 10];
        fill(&mut random);
        Some(uuid::Builder::from_unix_timestamp_millis(nth, &random).into_uuid().into_bytes())
    }
}
