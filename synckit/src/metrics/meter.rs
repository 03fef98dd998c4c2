//! Meters: counted where things happen, read when somebody asks.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{
    BATCHES, BYTES, CACHE_BYTES, CACHE_EVICTIONS, CACHE_READS, COMMIT_FAILURES, COMMIT_SECONDS,
    EVENTS, FILE_BYTES, LAG_SERIES_MAX, Measurement, MetricFamily, Metrics, PAGE_READS, PEER_LAG,
    PEER_LAG_MAX, REFUSALS, RULINGS, SESSIONS, SESSIONS_BEGUN, SESSIONS_ENDED, STORED_EVENTS,
    SYNCS,
};
use crate::clock::UnixMillis;
use crate::id::{Position, ReplicaId, SpaceId};
use crate::sync::Progress;

/// Ended sessions that are remembered.
const ENDED_SESSIONS_MAX: usize = 256;

/// The code of a session that ended as it should.
const DONE: &str = "done";
/// Upper bounds of the buckets of durations, in microseconds.
const BOUNDS_MICROS: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];

/// A number that only grows.
#[derive(Default, Debug)]
struct Total(AtomicU64);

impl Total {
    fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Numbers by codes of this program: there are no more of them than codes.
#[derive(Default, Debug)]
struct ByCode(Mutex<BTreeMap<&'static str, u64>>);

impl ByCode {
    fn add(&self, code: &'static str, more: u64) {
        *lock(&self.0).entry(code).or_default() += more;
    }

    fn read(&self, metrics: &mut Metrics, family: &'static MetricFamily) {
        for (code, number) in &*lock(&self.0) {
            metrics.add(family, &[code], *number);
        }
    }
}

/// Durations, counted by their length.
#[derive(Default, Debug)]
struct Durations {
    /// The number that is within each bound and not within the one before.
    within: [Total; BOUNDS_MICROS.len()],
    sum_micros: Total,
    count: Total,
}

impl Durations {
    fn add(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bound = BOUNDS_MICROS.partition_point(|bound| *bound < micros);
        if let Some(within) = self.within.get(bound) {
            within.add(1);
        }
        self.sum_micros.add(micros);
        self.count.add(1);
    }

    fn read(&self) -> Measurement {
        let mut below = 0;
        let buckets = BOUNDS_MICROS.iter().zip(&self.within).map(|(bound, within)| {
            below += within.get();
            (*bound, below)
        });
        let buckets: Vec<_> = buckets.collect();
        // A duration may be added meanwhile: no bucket holds more than there are.
        let least = buckets.last().map_or(0, |(_, below)| *below);
        let (sum_micros, count) = (self.sum_micros.get(), self.count.get().max(least));
        Measurement::Durations { buckets, sum_micros, count }
    }
}

/// Use of what is below a store's rows.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct StoreUsage {
    /// Times that the file was synced to the disk.
    pub syncs: u64,
    /// The length of the file.
    pub bytes: u64,
    /// Pages of the file that were found in the cache.
    pub cache_hits: u64,
    /// Pages of the file that were not, and were read from it.
    pub cache_misses: u64,
    /// Pages that left the cache to make room.
    pub cache_evictions: u64,
    /// Bytes in the cache.
    pub cache_bytes: u64,
}

/// Counts what a store does.
#[derive(Default, Debug)]
pub(crate) struct StoreMeter {
    events: Total,
    batches: Total,
    commits: Durations,
    failures: ByCode,
    from_memory: Total,
    from_store: Total,
}

impl StoreMeter {
    /// A group of batches became durable, with so many events in them.
    pub(crate) fn committed(&self, batches: usize, events: u64, took: Duration) {
        self.batches.add(batches as u64);
        self.events.add(events);
        self.commits.add(took);
    }

    /// A group could not be written.
    pub(crate) fn failed(&self, code: &'static str) {
        self.failures.add(code, 1);
    }

    /// A page of a log was read.
    pub(crate) fn read_page(&self, from_memory: bool) {
        if from_memory { &self.from_memory } else { &self.from_store }.add(1);
    }

    pub(crate) fn read(&self, metrics: &mut Metrics, usage: StoreUsage) {
        metrics.add(&STORED_EVENTS, &[], self.events.get());
        metrics.add(&BATCHES, &[], self.batches.get());
        metrics.push(&COMMIT_SECONDS, &[], self.commits.read());
        self.failures.read(metrics, &COMMIT_FAILURES);
        metrics.add(&PAGE_READS, &["memory"], self.from_memory.get());
        metrics.add(&PAGE_READS, &["store"], self.from_store.get());
        metrics.add(&SYNCS, &[], usage.syncs);
        metrics.add(&FILE_BYTES, &[], usage.bytes);
        metrics.add(&CACHE_READS, &["cache"], usage.cache_hits);
        metrics.add(&CACHE_READS, &["file"], usage.cache_misses);
        metrics.add(&CACHE_EVICTIONS, &[], usage.cache_evictions);
        metrics.add(&CACHE_BYTES, &[], usage.cache_bytes);
    }
}

/// Counts what the sessions of a hub or a replica do.
#[derive(Default, Debug)]
pub(crate) struct SessionsMeter {
    open: Mutex<BTreeMap<u64, Arc<Mutex<OpenSession>>>>,
    past: Mutex<VecDeque<EndedSession>>,
    begun: Total,
    ended: ByCode,
    refusals: ByCode,
    rulings: ByCode,
    events: [Total; 2],
    bytes: [Total; 2],
}

/// A session that is open.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct OpenSession {
    /// The peer as the transport knows it, such as `a peer at 192.0.2.7:5000`.
    pub peer: String,
    /// The time at which it began.
    pub begun: UnixMillis,
    /// The space and the replica, once that has proved its key.
    pub with: Option<(SpaceId, ReplicaId)>,
    /// Its progress.
    pub progress: Progress,
}

impl OpenSession {
    /// The word for its state, as in the [metrics](crate::metrics): `greeting`, `catching_up` or `live`.
    pub const fn state(&self) -> &'static str {
        STATES[self.state_no()]
    }

    const fn state_no(&self) -> usize {
        match (self.progress.peer, self.progress.caught_up) {
            (None, _) => 0,
            (Some(_), false) => 1,
            (Some(_), true) => 2,
        }
    }
}

/// The states of sessions.
const STATES: [&str; 3] = ["greeting", "catching_up", "live"];

/// A session that has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct EndedSession {
    /// The session at its end.
    pub session: OpenSession,
    /// The time at which it ended.
    pub ended: UnixMillis,
    /// The code of the error that ended it; `None` when it was done.
    pub code: Option<&'static str>,
}

/// An open session, until it is dropped.
#[derive(Debug)]
pub(crate) struct MeteredSession {
    meter: Arc<SessionsMeter>,
    number: u64,
    seat: Arc<Mutex<OpenSession>>,
}

impl SessionsMeter {
    /// A session with a peer begins.
    pub(crate) fn begin(meter: &Arc<Self>, peer: &str, begun: UnixMillis) -> MeteredSession {
        let number = meter.begun.0.fetch_add(1, Ordering::Relaxed);
        let (peer, progress) = (peer.to_owned(), Progress::default());
        let seat = Arc::new(Mutex::new(OpenSession { peer, begun, with: None, progress }));
        lock(&meter.open).insert(number, Arc::clone(&seat));
        MeteredSession { meter: Arc::clone(meter), number, seat }
    }

    /// The open sessions, the first begun first.
    pub(crate) fn open(&self) -> Vec<OpenSession> {
        let seats: Vec<_> = lock(&self.open).values().cloned().collect();
        seats.iter().map(|seat| lock(seat).clone()).collect()
    }

    /// The last sessions that ended, the last one first.
    pub(crate) fn past(&self) -> Vec<EndedSession> {
        lock(&self.past).iter().rev().cloned().collect()
    }

    /// A peer was not let in, or was sent away.
    pub(crate) fn refused(&self, code: &'static str) {
        self.refusals.add(code, 1);
    }

    /// The hub has ruled.
    pub(crate) fn ruled(&self, kind: &'static str, count: u64) {
        self.rulings.add(kind, count);
    }

    /// Adds the numbers; `end` gives the end of the log of a space, if it is known.
    pub(crate) fn read(&self, metrics: &mut Metrics, end: impl Fn(&SpaceId) -> Option<Position>) {
        let (mut states, mut lags) = ([0; 3], Vec::new());
        for session in self.open() {
            states[session.state_no()] += 1;
            let OpenSession { with, progress, .. } = session;
            if let (Some((space, replica)), Some(through)) = (with, progress.acknowledged) {
                let lag =
                    end(&space).map_or(progress.to_send, |end| end.0.saturating_sub(through.0));
                lags.push((lag, space, replica));
            }
        }
        for (state, number) in STATES.iter().zip(states) {
            metrics.add(&SESSIONS, &[state], number);
        }
        metrics.add(&SESSIONS_BEGUN, &[], self.begun.get());
        self.ended.read(metrics, &SESSIONS_ENDED);
        self.refusals.read(metrics, &REFUSALS);
        self.rulings.read(metrics, &RULINGS);
        for (place, direction) in ["in", "out"].iter().enumerate() {
            metrics.add(&EVENTS, &[direction], self.events[place].get());
            metrics.add(&BYTES, &[direction], self.bytes[place].get());
        }
        lags.sort_unstable_by(|one, other| other.cmp(one));
        metrics.add(&PEER_LAG_MAX, &[], lags.first().map_or(0, |(lag, ..)| *lag));
        // A peer may have two sessions for a moment: a sample stands for one of them.
        lags.truncate(LAG_SERIES_MAX);
        let lags: BTreeMap<_, _> =
            lags.into_iter().rev().map(|(lag, space, replica)| ((space, replica), lag)).collect();
        for ((space, replica), lag) in lags {
            metrics.add(&PEER_LAG, &[space.as_str(), &format!("{replica:.16}")], lag);
        }
    }
}

impl MeteredSession {
    /// The session has come farther.
    pub(crate) fn note(&self, progress: Progress, peer: Option<(&SpaceId, ReplicaId)>) {
        let mut seat = lock(&self.seat);
        let before = std::mem::replace(&mut seat.progress, progress);
        if seat.with.is_none() && progress.peer.is_some() {
            seat.with = peer.map(|(space, replica)| (space.clone(), replica));
        }
        let meter = &self.meter;
        meter.events[0].add(progress.events_received.saturating_sub(before.events_received));
        meter.events[1].add(progress.events_sent.saturating_sub(before.events_sent));
        meter.bytes[0].add(progress.bytes_received.saturating_sub(before.bytes_received));
        meter.bytes[1].add(progress.bytes_sent.saturating_sub(before.bytes_sent));
    }

    /// The session ended, with the code of an error if it failed.
    pub(crate) fn ended(self, ended: UnixMillis, code: Option<&'static str>) {
        self.meter.ended.add(code.unwrap_or(DONE), 1);
        let session = lock(&self.seat).clone();
        let mut past = lock(&self.meter.past);
        if past.len() >= ENDED_SESSIONS_MAX {
            past.pop_front();
        }
        past.push_back(EndedSession { session, ended, code });
    }
}

impl Drop for MeteredSession {
    fn drop(&mut self) {
        lock(&self.meter.open).remove(&self.number);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it is locked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ShownBy;

    #[test]
    fn durations_are_counted_by_length() {
        let durations = Durations::default();
        for micros in [1, 500, 501, 99_000_000] {
            durations.add(Duration::from_micros(micros));
        }
        let Measurement::Durations { buckets, sum_micros, count } = durations.read() else {
            panic!()
        };
        assert_eq!(&buckets[..2], &[(500, 2), (1_000, 3)]);
        assert_eq!(buckets.last(), Some(&(10_000_000, 3)));
        assert_eq!((sum_micros, count), (99_001_002, 4));
    }

    #[test]
    fn only_the_peers_that_are_farthest_behind_are_shown_one_by_one() {
        let meter = Arc::<SessionsMeter>::default();
        let space = SpaceId::new("team").unwrap();
        let sessions: Vec<_> = (0..250u8)
            .map(|number| {
                let session = SessionsMeter::begin(&meter, "a peer", UnixMillis::new(0));
                let peer = ReplicaId::from_bytes([number; 32]);
                let acknowledged = Some(Position(u64::from(number)));
                let progress = Progress { peer: Some(peer), acknowledged, ..Progress::default() };
                session.note(progress, Some((&space, peer)));
                session
            })
            .collect();
        let mut metrics = Metrics::of(ShownBy::Hub);
        meter.read(&mut metrics, |_| Some(Position(300)));
        let lags = metrics.samples().iter().filter(|sample| *sample.family == PEER_LAG);
        assert_eq!(lags.count(), LAG_SERIES_MAX);
        assert_eq!(metrics.number("synckit_peer_lag_max_events", &[]), Some(300));
        assert_eq!(metrics.number("synckit_sessions", &["catching_up"]), Some(250));
        let first = format!("{:.16}", ReplicaId::from_bytes([0; 32]));
        assert_eq!(metrics.number("synckit_peer_lag_events", &["team", &first]), Some(300));
        drop(sessions);
        let mut metrics = Metrics::of(ShownBy::Hub);
        meter.read(&mut metrics, |_| None);
        assert_eq!(metrics.number("synckit_sessions", &["catching_up"]), Some(0));
    }
}
