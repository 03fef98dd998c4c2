//! Quotas: the share of a hub that one replica, one holder of credentials and one space may use.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::driver::Incoming;
use crate::id::{ReplicaId, SpaceId};
use crate::platform::Stopwatch;
use crate::store::{EventStore, StoreError};
use crate::sync::limits::RETRY_AFTER_MAX;
use crate::sync::{Denial, Direction, PeerLimit};

/// Most replicas, and most holders of credentials, that are remembered.
const REMEMBERED_MAX: usize = 65_536;
/// The time after which a replica with too many sessions may come again.
const SESSIONS_RETRY: Duration = Duration::from_secs(10);
/// The time after which a replica may come again when a space is full: then it may read.
const FULL_RETRY: Duration = Duration::from_secs(1);
/// The time after which a new replica may come again to a space that has its replicas.
pub(super) const CROWDED_RETRY: Duration = Duration::from_secs(300);
const MINUTE_MS: u64 = 60_000;

/// Bounds of one peer's and one space's share of a hub; none of them holds unless it is set:
/// `Quotas::with(|quotas| quotas.events_per_minute_max = Some(6_000))`.
///
/// Whoever exceeds one is told so by name ([`PeerLimit`]), with the time after which to come again; its
/// link waits for so long, and nothing is lost. What is measured by the minute may be used up at once,
/// and comes back evenly; what begins below a limit is taken whole.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Quotas {
    /// Bytes of events that one replica sends in a minute.
    pub bytes_per_minute_max: Option<u64>,
    /// Events that one replica sends in a minute, those that others wrote and those that are held here
    /// already among them.
    pub events_per_minute_max: Option<u64>,
    /// Replicas in a minute that come for the first time with the same credentials (the same
    /// [`Access::who`](super::Access::who)): of which nothing is held, and that did not come since the hub
    /// was started.
    pub new_replicas_per_minute_max: Option<u64>,
    /// Replicas of a space that come for the first time with the same credentials (the same
    /// [`Access::who`](super::Access::who)), ever. Those that were [retired](super::Hub::retire) keep
    /// their places: a stolen device that takes another key finds none.
    pub replicas_per_name_max: Option<u64>,
    /// Sessions of one replica at the same time. Leave room for those that a lost network left behind.
    pub sessions_per_replica_max: Option<u64>,
    /// Bytes of the events of a space, as they are packed: the file takes more. One that is full can be read, and its
    /// replicas keep what they write.
    pub space_bytes_max: Option<u64>,
    /// Events of a space. One that is full can be read, and its replicas keep what they write.
    pub space_events_max: Option<u64>,
    /// Replicas that have written in a space, under all their keys. Further ones are turned away from it.
    /// Those whose events another replica brings count, and are not kept out.
    pub space_replicas_max: Option<u64>,
}

impl Quotas {
    /// No quotas, with a change.
    pub fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut quotas = Self::default();
        change(&mut quotas);
        quotas
    }
}

/// Counts what is used.
pub(super) struct Limiter {
    quotas: Quotas,
    begun: Stopwatch,
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    replicas: BTreeMap<ReplicaId, OfReplica>,
    /// New replicas, by who brings them.
    newcomers: BTreeMap<String, Bucket>,
    /// Replicas that have proved their key here.
    met: BTreeSet<ReplicaId>,
}

#[derive(Default)]
struct OfReplica {
    sessions: u64,
    events: Bucket,
    bytes: Bucket,
}

impl OfReplica {
    /// True when to forget it changes nothing.
    fn is_unused(&mut self, quotas: &Quotas, now: Duration) -> bool {
        let events = quotas.events_per_minute_max.map_or(0, |max| self.events.level(max, now));
        let bytes = quotas.bytes_per_minute_max.map_or(0, |max| self.bytes.level(max, now));
        self.sessions == 0 && events == 0 && bytes == 0
    }
}

/// Something that fills when it is used, and empties evenly.
#[derive(Clone, Copy, Default)]
struct Bucket {
    level: u64,
    /// Until then it has been emptied.
    at: Duration,
}

impl Bucket {
    /// The level of one that takes `max` in a minute.
    fn level(&mut self, max: u64, now: Duration) -> u64 {
        let millis = u64::try_from(now.saturating_sub(self.at).as_millis()).unwrap_or(u64::MAX);
        let gone = millis.saturating_mul(max) / MINUTE_MS;
        if gone >= self.level {
            (self.level, self.at) = (0, now);
        } else if gone > 0 {
            self.level -= gone;
            // No part of the time counts twice, and none is lost.
            self.at += Duration::from_millis(gone.saturating_mul(MINUTE_MS) / max.max(1));
        }
        self.level
    }

    /// The time until half of it is empty, if it is full.
    fn is_full(&mut self, max: u64, now: Duration) -> Option<Duration> {
        let level = self.level(max, now);
        let over = level.saturating_sub(max / 2);
        let millis = over.saturating_mul(MINUTE_MS) / max.max(1);
        (level >= max).then(|| Duration::from_millis(millis.max(1_000)).min(RETRY_AFTER_MAX))
    }
}

/// A session among those of its replica, until it is dropped.
#[derive(Debug)]
pub(super) struct SessionPlace {
    limiter: Arc<Limiter>,
    replica: ReplicaId,
}

impl Drop for SessionPlace {
    fn drop(&mut self) {
        if let Some(used) = self.limiter.lock().replicas.get_mut(&self.replica) {
            used.sessions = used.sessions.saturating_sub(1);
        }
    }
}

impl Limiter {
    /// `None` where nothing is limited.
    pub(super) fn new(quotas: Quotas) -> Option<Arc<Self>> {
        let elsewhere = Quotas { replicas_per_name_max: None, ..quotas.clone() };
        let limits = elsewhere != Quotas::default();
        let limiter = || Self { quotas, begun: Stopwatch::start(), used: Mutex::default() };
        limits.then(|| Arc::new(limiter()))
    }

    /// The direction that is left to a peer that would be let in.
    pub(super) async fn admit(
        &self,
        store: &EventStore,
        who: &str,
        (space, replica): (&SpaceId, ReplicaId),
        direction: Direction,
    ) -> Result<Direction, Denial> {
        let unknown = |error: StoreError| {
            tracing::warn!(%error, "nobody can tell how much of a space is used");
            Denial::Unavailable
        };
        let Quotas { new_replicas_per_minute_max, space_replicas_max, .. } = self.quotas;
        let is_new = new_replicas_per_minute_max.is_some() && !self.lock().met.contains(&replica);
        if is_new || space_replicas_max.is_some() {
            let branches = store.branches(space).await.map_err(unknown)?;
            let has_written = !branches.of(&replica).is_empty();
            let authors = branches.authors().len() as u64;
            if let Some(max) = space_replicas_max.filter(|max| !has_written && authors >= *max) {
                let limit = PeerLimit::SpaceReplicas(max);
                return Err(Denial::Limited { limit, retry_after: CROWDED_RETRY });
            }
            let cursor = store.cursor(space, &replica).await.map_err(unknown)?;
            if is_new && !has_written && cursor.is_none() {
                self.newcomer(who)?;
            }
        }
        if self.quotas.space_events_max.or(self.quotas.space_bytes_max).is_none() {
            return Ok(direction);
        }
        let stored = store.space(space).await.map_err(unknown)?;
        let size = stored.map_or((0, 0), |stored| (stored.end.position.0, stored.bytes));
        let Some(limit) = self.full(size) else { return Ok(direction) };
        let denied = Denial::Limited { limit, retry_after: CROWDED_RETRY };
        if direction.sends() { Ok(Direction::Push) } else { Err(denied) }
    }

    /// The limit that a space with so many events and bytes has reached.
    fn full(&self, (events, bytes): (u64, u64)) -> Option<PeerLimit> {
        let Quotas { space_events_max, space_bytes_max, .. } = self.quotas;
        let of_events = space_events_max.filter(|max| events >= *max).map(PeerLimit::SpaceEvents);
        let of_bytes = space_bytes_max.filter(|max| bytes >= *max).map(PeerLimit::SpaceBytes);
        of_events.or(of_bytes)
    }

    fn newcomer(&self, who: &str) -> Result<(), Denial> {
        let Some(max) = self.quotas.new_replicas_per_minute_max else { return Ok(()) };
        let (now, mut used) = (self.begun.elapsed(), self.lock());
        if used.newcomers.len() >= REMEMBERED_MAX {
            used.newcomers.retain(|_, bucket| bucket.level(max, now) > 0);
        }
        if used.newcomers.len() >= REMEMBERED_MAX {
            return Err(Denial::Unavailable);
        }
        let bucket = used.newcomers.entry(who.to_owned()).or_default();
        if let Some(retry_after) = bucket.is_full(max, now) {
            let limit = PeerLimit::NewReplicasAMinute(max);
            return Err(Denial::Limited { limit, retry_after });
        }
        bucket.level += 1;
        Ok(())
    }

    /// A replica has proved its key, and takes a place for a session.
    pub(super) fn proved(limiter: &Arc<Self>, replica: ReplicaId) -> Result<SessionPlace, Denial> {
        let (max, now) = (limiter.quotas.sessions_per_replica_max, limiter.begun.elapsed());
        let mut used = limiter.lock();
        if used.met.len() < REMEMBERED_MAX {
            used.met.insert(replica);
        }
        if used.replicas.len() >= REMEMBERED_MAX {
            used.replicas.retain(|_, of| !of.is_unused(&limiter.quotas, now));
        }
        let of = used.replicas.entry(replica).or_default();
        if let Some(max) = max.filter(|max| of.sessions >= *max) {
            let limit = PeerLimit::Sessions(max);
            return Err(Denial::Limited { limit, retry_after: SESSIONS_RETRY });
        }
        of.sessions += 1;
        Ok(SessionPlace { limiter: Arc::clone(limiter), replica })
    }

    /// Counts what a replica is about to have committed, in a space with so many events and bytes, as far as
    /// that is known.
    pub(super) fn take(&self, incoming: &Incoming<'_>, size: (u64, u64)) -> Result<(), Denial> {
        if incoming.events == 0 {
            return Ok(());
        }
        if let Some(limit) = self.full(size) {
            return Err(Denial::Limited { limit, retry_after: FULL_RETRY });
        }
        let (now, mut used) = (self.begun.elapsed(), self.lock());
        let of = used.replicas.entry(incoming.replica).or_default();
        let (events, bytes) = (self.quotas.events_per_minute_max, self.quotas.bytes_per_minute_max);
        let full = |bucket: &mut Bucket, max: Option<u64>, limit: fn(u64) -> PeerLimit| {
            let (max, retry_after) = max.and_then(|max| Some((max, bucket.is_full(max, now)?)))?;
            Some(Denial::Limited { limit: limit(max), retry_after })
        };
        if let Some(denial) = full(&mut of.events, events, PeerLimit::EventsAMinute)
            .or_else(|| full(&mut of.bytes, bytes, PeerLimit::BytesAMinute))
        {
            return Err(denial);
        }
        of.events.level = of.events.level.saturating_add(incoming.events);
        of.bytes.level = of.bytes.level.saturating_add(incoming.bytes);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Used> {
        // Nothing panics while it is locked.
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Limiter").field(&self.quotas).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_bucket_takes_a_minutes_worth_at_once_and_empties_evenly() {
        let mut bucket = Bucket::default();
        assert_eq!(bucket.is_full(60, seconds(0)), None);
        bucket.level += 60;
        assert_eq!(bucket.is_full(60, seconds(0)), Some(seconds(30)));
        assert_eq!(bucket.is_full(60, seconds(1)), None, "one is free");
        bucket.level += 300;
        assert_eq!(
            bucket.is_full(60, seconds(1)),
            Some(seconds(329)),
            "what began below was taken whole"
        );
        assert_eq!(bucket.is_full(60, seconds(299)), Some(seconds(31)));
        assert_eq!(bucket.is_full(60, seconds(330)), None);
        assert_eq!(bucket.level(60, seconds(1_000)), 0);
    }

    #[test]
    fn asking_often_neither_loses_time_nor_gains_any() {
        let mut bucket = Bucket { level: 10, at: Duration::ZERO };
        for millis in 0..=60_000 {
            bucket.level(7, Duration::from_millis(millis));
        }
        assert_eq!(bucket.level, 3);
        let longest = bucket.is_full(1, seconds(60)).unwrap();
        assert!(longest <= RETRY_AFTER_MAX, "{longest:?}");
        bucket.level = u64::MAX;
        assert_eq!(bucket.is_full(1, seconds(61)), Some(RETRY_AFTER_MAX));
    }
}
