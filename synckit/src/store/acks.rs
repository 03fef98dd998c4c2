//! Acknowledgements of peers: how far each durably holds this store's log.
//!
//! They are told to people, and nothing is decided by them: each session finds out for itself what
//! its peer needs. So they are kept here, and written when a replica's session ends and when the
//! store is closed. Should one be lost, more seems to be unsynced than is, until the peer is met. A peer may hold what
//! was passed on to it before it was durable here: that counts once it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::encoding::{SpaceNumber, write_ack};
use super::rows::{Change, Table};
use super::seal::sealed;
use crate::id::{Position, ReplicaId, SpaceId};

/// Most acknowledgements of one space in memory.
const ACKS_MAX: usize = 8_192;
/// Most retired replicas whose last words are passed over.
const RETIRED_MAX: usize = 8_192;

/// A peer's acknowledgement of this store's log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Acknowledged {
    /// Everything up to here is durable there.
    pub through: Position,
    /// The peer has no schemas: it is a hub.
    pub is_hub: bool,
}

/// The acknowledgements of one store that are in memory.
#[derive(Debug, Default)]
pub(super) struct Acks {
    held: Mutex<BTreeMap<SpaceId, BTreeMap<ReplicaId, HeldAck>>>,
    moves: watch::Sender<u64>,
    /// Retired since the store was opened, each from a space or from all: their sessions are about to
    /// end.
    retired: Mutex<BTreeSet<(Option<SpaceId>, ReplicaId)>>,
}

#[derive(Debug)]
struct HeldAck {
    number: SpaceNumber,
    ack: Acknowledged,
    /// The part of it that was durable here when it was noted, and the number of failed writes then.
    durable: DurableEnd,
    /// Its row says the same, or is about to.
    is_written: bool,
}

/// An acknowledgement, of the space with this number, when the log durably ended there.
type NotedAck = (SpaceNumber, Acknowledged, DurableEnd);

/// The durable end of a log, and the number of writes that have failed until then.
#[derive(Clone, Copy, Debug)]
pub(super) struct DurableEnd {
    pub(super) position: Position,
    pub(super) generation: u64,
}

impl HeldAck {
    /// The acknowledgement of what is durable here.
    fn counts(&self, now: DurableEnd) -> Acknowledged {
        let known = if now.generation == self.durable.generation { now } else { self.durable };
        Acknowledged { through: self.ack.through.min(known.position), ..self.ack }
    }
}

impl Acks {
    /// A peer has acknowledged the log up to a place.
    pub(super) fn note(&self, space: &SpaceId, peer: ReplicaId, noted: NotedAck) {
        self.put(space, peer, noted, |known| known != noted.1);
    }

    /// A peer holds the log at least up to a place.
    pub(super) fn raise(&self, space: &SpaceId, peer: ReplicaId, noted: NotedAck) {
        self.put(space, peer, noted, |known| known.through < noted.1.through);
    }

    fn put(
        &self,
        space: &SpaceId,
        peer: ReplicaId,
        (number, ack, durable): NotedAck,
        replaces: impl Fn(Acknowledged) -> bool,
    ) {
        let mut held = self.lock();
        if self.is_retired(space, peer) {
            return;
        }
        let of_space = match held.get_mut(space) {
            Some(of_space) => of_space,
            None => held.entry(space.clone()).or_default(),
        };
        if of_space.get(&peer).is_some_and(|known| !replaces(known.ack)) {
            return;
        }
        if of_space.len() >= ACKS_MAX {
            of_space.clear();
        }
        of_space.insert(peer, HeldAck { number, ack, durable, is_written: false });
        drop(held);
        self.moves.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Those of a space that are in memory.
    pub(super) fn of(&self, space: &SpaceId, now: DurableEnd) -> Vec<(ReplicaId, Acknowledged)> {
        let held = self.lock();
        let of_space = held.get(space).into_iter().flatten();
        of_space.map(|(peer, held)| (*peer, held.counts(now))).collect()
    }

    /// The place that a peer has acknowledged, if it is in memory.
    pub(super) fn by(&self, space: &SpaceId, peer: &ReplicaId) -> Option<Position> {
        Some(self.lock().get(space)?.get(peer)?.ack.through)
    }

    /// The changes that write those of a space which no row says, or all such.
    pub(super) fn take_unwritten(
        &self,
        space: Option<&SpaceId>,
        durable: impl Fn(&SpaceId) -> DurableEnd,
    ) -> Vec<Change> {
        let mut held = self.lock();
        let spaces = held.iter_mut().filter(|(of, _)| space.is_none_or(|space| *of == space));
        let mut changes = Vec::new();
        for (of, acks) in spaces {
            let now = durable(of);
            for (peer, held) in acks.iter_mut().filter(|(_, held)| !held.is_written) {
                let counts = held.counts(now);
                held.is_written = counts == held.ack;
                let key = held.number.cursor(peer);
                let value = sealed(Table::Acks, &key, &[&write_ack(&counts)]);
                changes.push(Change::Put { table: Table::Acks, key, value });
            }
        }
        changes
    }

    /// Those of a space are to be written after all.
    pub(super) fn are_unwritten(&self, space: &SpaceId) {
        let mut held = self.lock();
        let of_space = held.get_mut(space).into_iter().flatten();
        of_space.for_each(|(_, held)| held.is_written = false);
    }

    /// The space is forgotten, and with it what was acknowledged of it.
    pub(super) fn forget(&self, space: &SpaceId) {
        self.lock().remove(space);
    }

    /// A replica is retired from a space, or from all: nobody waits for it any more.
    pub(super) fn retire(&self, space: Option<&SpaceId>, peer: &ReplicaId) {
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        if retired.len() >= RETIRED_MAX {
            retired.clear();
        }
        retired.insert((space.cloned(), *peer));
        drop(retired);
        let mut held = self.lock();
        let spaces = held.iter_mut().filter(|(of, _)| space.is_none_or(|space| *of == space));
        for (_, acks) in spaces {
            acks.remove(peer);
        }
    }

    /// A replica is readmitted.
    pub(super) fn readmit(&self, space: Option<&SpaceId>, peer: &ReplicaId) {
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        retired.remove(&(space.cloned(), *peer));
    }

    fn is_retired(&self, space: &SpaceId, peer: ReplicaId) -> bool {
        let retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        let from = |space| retired.contains(&(space, peer));
        !retired.is_empty() && (from(None) || from(Some(space.clone())))
    }

    /// Counts the acknowledgements that were noted.
    pub(super) fn moves(&self) -> watch::Receiver<u64> {
        self.moves.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SpaceId, BTreeMap<ReplicaId, HeldAck>>> {
        // Nothing panics while it is locked.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_gave_raises_what_it_holds_and_never_lowers_it() {
        let (acks, space, peer) =
            (Acks::default(), SpaceId::default(), ReplicaId::from_bytes([1; 32]));
        let noted = |through| {
            let (through, durable) = (Position(through), Position(u64::MAX));
            let durable = DurableEnd { position: durable, generation: 0 };
            (SpaceNumber(0), Acknowledged { through, is_hub: true }, durable)
        };
        let held = || acks.by(&space, &peer).map(|held| held.0);
        assert_eq!(held(), None);
        acks.raise(&space, peer, noted(3));
        assert_eq!(held(), Some(3));
        acks.note(&space, peer, noted(8));
        acks.raise(&space, peer, noted(5));
        assert_eq!(held(), Some(8), "another session knew more");
        acks.note(&space, peer, noted(4));
        assert_eq!(held(), Some(4), "it has lost the rest");
    }
}
