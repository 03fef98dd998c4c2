//! The replicas that a hub has met, and those that it has retired.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;

use super::Hub;
use super::quotas::CROWDED_RETRY;
use crate::clock::UnixMillis;
use crate::error::Error;
use crate::id::{ReplicaId, SpaceId};
use crate::store::{EnrolledReplica, Enrolment, EventStore, LIST_ROWS_MAX, StoreError, cut};
use crate::sync::{Denial, PeerLimit};

/// Most replicas of a space that a hub remembers to have met. Of more, it forgets those that it has not
/// seen for longest, unless they are retired; with
/// [`Quotas::replicas_per_name_max`](super::Quotas::replicas_per_name_max) it turns further ones away.
pub const REPLICAS_MAX: usize = 16_384;
/// The part of them that is forgotten at once.
const FORGOTTEN_PART: usize = 16;
/// Most spaces whose replicas are counted in memory.
const COUNTED_SPACES_MAX: usize = 1_024;
/// A replica that comes back is written down when that was so long ago: reconnecting costs no write.
const SEEN_EVERY: Duration = Duration::from_secs(3_600);

impl Hub {
    /// The replicas that have proved their key to this hub, and those that it has retired, in a space:
    /// ascending, after one, at most `limit` and never more than [`LIST_ROWS_MAX`]. Without a space
    /// those of all spaces, by space, and before them those that are retired from all.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn replicas(
        &self,
        space: Option<&SpaceId>,
        after: Option<&EnrolledReplica>,
        limit: usize,
    ) -> Result<Vec<EnrolledReplica>, Error> {
        Ok(self.store().enrolled(space, after, limit).await?)
    }

    /// Retires a replica, from a space or from all: a tablet that was stolen, for example. When this
    /// returns, it is durable; the replica's sessions end within a moment, and its key is let in no
    /// more, whatever credentials it shows. It no longer counts as one that lags behind. A replica need
    /// not have come before.
    ///
    /// The events that it wrote stay, and so does what others bring of it. A copy of its file has the same
    /// key, and is retired with it. A fresh file has another key: withdraw the credentials on the device
    /// too, or bound how many replicas they enrol
    /// ([`Quotas::replicas_per_name_max`](super::Quotas::replicas_per_name_max)). Another hub knows
    /// nothing of it, and neither does a backup: retire it there too.
    ///
    /// # Errors
    /// When the store cannot be written. It is open then whether the replica is retired.
    pub async fn retire(&self, replica: ReplicaId, space: Option<&SpaceId>) -> Result<(), Error> {
        self.store().retire(space, &replica, self.core.clock.now()).await?;
        self.core.changes.send_modify(|count| *count = count.wrapping_add(1));
        Ok(())
    }

    /// Takes [`Hub::retire`] back, of the same space or of all. One that is retired from all spaces is
    /// not readmitted to one of them.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn readmit(&self, replica: ReplicaId, space: Option<&SpaceId>) -> Result<(), Error> {
        Ok(self.store().readmit(space, &replica).await?)
    }
}

/// The list of replicas: who gets a place on it.
#[derive(Debug)]
pub(super) struct Roll {
    name_max: Option<u64>,
    replicas_max: usize,
    /// Held while places are counted and one is taken. The most replicas that can be on the list of a
    /// space, where it was read once and names are not bounded: a newcomer need not read it then.
    counting: AsyncMutex<BTreeMap<SpaceId, usize>>,
    places: Mutex<BTreeMap<PlaceKey, PlaceTaken>>,
}

type PlaceKey = (SpaceId, ReplicaId);

/// Taken by the sessions of a replica that is not on the list yet.
#[derive(Debug)]
struct PlaceTaken {
    who: String,
    sessions: usize,
}

/// A place for a replica that has yet to prove its key, until it is dropped.
#[derive(Debug)]
pub(super) struct RollPlace {
    roll: Arc<Roll>,
    key: PlaceKey,
}

impl Drop for RollPlace {
    fn drop(&mut self) {
        let mut places = self.roll.lock();
        if let Some(taken) = places.get_mut(&self.key) {
            taken.sessions = taken.sessions.saturating_sub(1);
            if taken.sessions == 0 {
                places.remove(&self.key);
            }
        }
    }
}

/// Replicas of a space that are on the list.
#[derive(Default)]
struct RollCount {
    count: usize,
    of_name: BTreeSet<ReplicaId>,
    /// Those that may be forgotten, with when they were seen last.
    forgettable: Vec<(UnixMillis, ReplicaId)>,
}

/// The reason why a replica gets no place.
#[derive(Debug)]
pub(super) enum NoPlace {
    Denied(Denial),
    Unknown(StoreError),
}

impl From<StoreError> for NoPlace {
    fn from(error: StoreError) -> Self {
        Self::Unknown(error)
    }
}

impl Roll {
    pub(super) fn new(name_max: Option<u64>) -> Arc<Self> {
        Self::of(name_max, REPLICAS_MAX)
    }

    fn of(name_max: Option<u64>, replicas_max: usize) -> Arc<Self> {
        let (counting, places) = (AsyncMutex::default(), Mutex::default());
        Arc::new(Self { name_max, replicas_max, counting, places })
    }

    /// Takes a place for a replica that comes to a space for the first time.
    pub(super) async fn take_place(
        roll: &Arc<Self>,
        store: &EventStore,
        who: &str,
        (space, replica): (&SpaceId, ReplicaId),
    ) -> Result<RollPlace, NoPlace> {
        let mut counts = roll.counting.lock().await;
        if let Some(count) = counts.get_mut(space).filter(|count| **count < roll.replicas_max) {
            *count += 1;
            return Ok(Self::place(roll, who, (space.clone(), replica)));
        }
        let census = RollCount::of(store, space, cut(who)).await?;
        let mut count = census.count;
        if census.count >= roll.replicas_max {
            let mut forgettable = census.forgettable;
            if roll.name_max.is_some() || forgettable.is_empty() {
                return Err(crowded(PeerLimit::SpaceReplicas(roll.replicas_max as u64)));
            }
            forgettable.sort_unstable();
            forgettable.truncate((roll.replicas_max / FORGOTTEN_PART).max(1));
            let forgotten: Vec<_> = forgettable.into_iter().map(|(_, replica)| replica).collect();
            tracing::warn!(%space, count = forgotten.len(), "forgetting replicas not seen for long");
            store.enrol(space, &[], &forgotten).await?;
            count -= forgotten.len();
        }
        if let Some(max) = roll.name_max {
            let places = roll.lock();
            let waiting = places.iter().filter(|(_, taken)| taken.who == cut(who));
            let waiting = waiting.filter(|((of, _), _)| of == space).map(|((_, one), _)| *one);
            let of_name = census.of_name.into_iter().chain(waiting);
            let of_name: BTreeSet<_> = of_name.filter(|one| *one != replica).collect();
            if of_name.len() as u64 >= max {
                return Err(crowded(PeerLimit::ReplicasOfName(max)));
            }
        } else {
            if counts.len() >= COUNTED_SPACES_MAX {
                counts.clear();
            }
            counts.insert(space.clone(), count + 1);
        }
        Ok(Self::place(roll, who, (space.clone(), replica)))
    }

    fn place(roll: &Arc<Self>, who: &str, key: PlaceKey) -> RollPlace {
        let fresh = || PlaceTaken { who: cut(who).to_owned(), sessions: 0 };
        roll.lock().entry(key.clone()).or_insert_with(fresh).sessions += 1;
        RollPlace { roll: Arc::clone(roll), key }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PlaceKey, PlaceTaken>> {
        // Nothing panics while it is locked.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes down that a replica is there, unless that was done not long ago.
pub(super) async fn note_seen(
    store: &EventStore,
    who: &str,
    (space, replica): (&SpaceId, ReplicaId),
    now: UnixMillis,
) -> Result<(), StoreError> {
    let seen = match store.standing(space, &replica).await?.enrolment {
        Some(known) if !is_to_note(Some(&known), now) => return Ok(()),
        Some(known) => Enrolment { last_seen: now, ..known },
        None => Enrolment::new(who, now),
    };
    store.enrol(space, &[(replica, seen)], &[]).await
}

/// True if a replica that is there is to be written down. A clock that was ahead once does not hide when
/// it was there since.
pub(super) fn is_to_note(known: Option<&Enrolment>, now: UnixMillis) -> bool {
    known.is_none_or(|known| {
        now.since(known.last_seen) >= SEEN_EVERY || known.last_seen.since(now) >= SEEN_EVERY
    })
}

const fn crowded(limit: PeerLimit) -> NoPlace {
    NoPlace::Denied(Denial::Limited { limit, retry_after: CROWDED_RETRY })
}

impl RollCount {
    async fn of(store: &EventStore, space: &SpaceId, who: &str) -> Result<Self, StoreError> {
        let (mut census, mut last) = (Self::default(), None);
        loop {
            let page = store.enrolled(Some(space), last.as_ref(), LIST_ROWS_MAX).await?;
            for one in &page {
                let Some(enrolment) = &one.enrolment else { continue };
                census.count += 1;
                if enrolment.who == who {
                    census.of_name.insert(one.replica);
                }
                if one.retired.is_none() {
                    census.forgettable.push((enrolment.last_seen, one.replica));
                }
            }
            last = page.into_iter().next_back();
            if last.is_none() {
                return Ok(census);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replica(number: u8) -> ReplicaId {
        ReplicaId::from_bytes([number; ReplicaId::LEN])
    }

    fn at(hour: u64) -> UnixMillis {
        UnixMillis::new(hour * 3_600_000)
    }

    async fn listed(store: &EventStore) -> Vec<u8> {
        let space = SpaceId::default();
        let listed = store.enrolled(Some(&space), None, LIST_ROWS_MAX).await.unwrap();
        listed.iter().map(|one| one.replica.as_bytes()[0]).collect()
    }

    #[tokio::test]
    async fn a_full_list_forgets_who_was_not_seen_for_longest_and_nobody_who_is_retired() {
        let (store, space) = (EventStore::in_memory_as(&[1; 32]), SpaceId::default());
        for number in 1..=4 {
            let came = Enrolment::new("ann", at(u64::from(number)));
            store.enrol(&space, &[(replica(number), came)], &[]).await.unwrap();
        }
        store.retire(None, &replica(1), at(12)).await.unwrap();
        let roll = Roll::of(None, 4);
        let fifth = (&space, replica(5));
        let place = Roll::take_place(&roll, &store, "ann", fifth).await.unwrap();
        assert_eq!(listed(&store).await, [1, 3, 4]);
        note_seen(&store, "ann", fifth, at(12)).await.unwrap();
        drop(place);
        assert_eq!(listed(&store).await, [1, 3, 4, 5]);

        // Where names are bounded, forgetting one would give its place away.
        let strict = Roll::of(Some(9), 4);
        let denied = Roll::take_place(&strict, &store, "ann", (&space, replica(6))).await;
        let Err(NoPlace::Denied(Denial::Limited { limit, .. })) = denied else { panic!() };
        assert_eq!(limit, PeerLimit::SpaceReplicas(4));
        for number in [3, 4, 5] {
            store.retire(Some(&space), &replica(number), at(12)).await.unwrap();
        }
        let denied = Roll::take_place(&roll, &store, "ann", (&space, replica(6))).await;
        assert!(matches!(denied, Err(NoPlace::Denied(_))), "all of them are retired");
    }

    #[tokio::test]
    async fn newcomers_are_counted_without_reading_the_list_until_it_may_be_full() {
        let (store, space) = (EventStore::in_memory_as(&[1; 32]), SpaceId::default());
        let roll = Roll::of(None, 4);
        let arrive = async |number: u8| {
            let (one, now) = ((&space, replica(number)), at(u64::from(number)));
            let place = Roll::take_place(&roll, &store, "ann", one).await.unwrap();
            note_seen(&store, "ann", one, now).await.unwrap();
            drop(place);
            roll.counting.lock().await[&space]
        };
        assert_eq!([arrive(1).await, arrive(2).await], [1, 2]);
        // One that gave its place up was counted all the same: the list is read when it may be full.
        drop(Roll::take_place(&roll, &store, "ann", (&space, replica(9))).await.unwrap());
        assert_eq!([arrive(3).await, arrive(4).await, arrive(5).await], [4, 4, 4]);
        assert_eq!(listed(&store).await, [2, 3, 4, 5], "the fifth had the place of the first");
    }

    #[tokio::test]
    async fn places_that_are_not_written_yet_count_once_a_replica() {
        let (store, space) = (EventStore::in_memory_as(&[1; 32]), SpaceId::default());
        let elsewhere = SpaceId::new("elsewhere").unwrap();
        let roll = Roll::new(Some(1));
        let take = async |who: &str, space: &SpaceId, number| {
            Roll::take_place(&roll, &store, who, (space, replica(number))).await
        };
        let first = take("ann", &space, 1).await.unwrap();
        let again = take("ann", &space, 1).await.unwrap();
        take("bob", &space, 2).await.unwrap();
        take("ann", &elsewhere, 3).await.unwrap();
        assert!(take("ann", &space, 4).await.is_err());
        drop(first);
        assert!(take("ann", &space, 4).await.is_err());
        drop(again);
        take("ann", &space, 4).await.unwrap();
        assert!(roll.lock().is_empty(), "nobody holds a place");
    }

    #[tokio::test]
    async fn a_replica_is_written_down_once_an_hour_and_keeps_its_first_name() {
        let (store, space) = (EventStore::in_memory_as(&[1; 32]), SpaceId::default());
        let one = (&space, replica(1));
        let note = async |who: &str, now| {
            note_seen(&store, who, one, now).await.unwrap();
            store.standing(&space, &one.1).await.unwrap().enrolment.unwrap()
        };
        let first = note("ann", at(10)).await;
        assert_eq!(note("ann", UnixMillis::new(at(11).get() - 1)).await, first);
        let later = Enrolment { last_seen: at(11), ..first.clone() };
        assert_eq!(note("bob", at(11)).await, later);
        let earlier = Enrolment { last_seen: at(3), ..first };
        assert_eq!(note("ann", at(3)).await, earlier, "the clock was ahead");
    }
}
