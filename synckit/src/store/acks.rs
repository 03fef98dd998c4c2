//! Acknowledgements of peers: how far each durably holds this store's log.
//!
//! They are told to people, and nothing is decided by them: each session finds out for itself what
//! its peer needs. So they are kept here, and written when a replica's session ends and when the
//! store is closed. Should one be lost, more seems to be unsynced than is, until the peer is met.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::encoding::{SpaceNumber, write_ack};
use super::rows::{Change, Table};
use super::seal::sealed;
use crate::id::{Position, ReplicaId, SpaceId};

/// Most acknowledgements in memory.
const ACKS_MAX: usize = 8_192;

/// A peer's acknowledgement of this store's log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Acknowledged {
    /// Everything up to here is durable there.
    pub(crate) through: Position,
    /// The peer has no schemas: it is a hub.
    pub(crate) is_hub: bool,
}

/// The acknowledgements of one store that are in memory.
#[derive(Debug, Default)]
pub(super) struct Acks {
    held: Mutex<HeldAcks>,
    moves: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct HeldAcks {
    known: BTreeMap<(SpaceId, ReplicaId), (SpaceNumber, Acknowledged)>,
    /// Those whose rows say something else.
    unwritten: BTreeSet<(SpaceId, ReplicaId)>,
}

impl Acks {
    /// A peer has acknowledged the log up to a place.
    pub(super) fn note(
        &self,
        space: &SpaceId,
        peer: ReplicaId,
        (number, ack): (SpaceNumber, Acknowledged),
    ) {
        let place = (space.clone(), peer);
        let mut held = self.lock();
        if held.known.get(&place).is_some_and(|(_, known)| *known == ack) {
            return;
        }
        if held.known.len() >= ACKS_MAX {
            *held = HeldAcks::default();
        }
        held.known.insert(place.clone(), (number, ack));
        held.unwritten.insert(place);
        drop(held);
        self.moves.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Those of a space that are in memory.
    pub(super) fn of(&self, space: &SpaceId) -> Vec<(ReplicaId, Acknowledged)> {
        let held = self.lock();
        let of_space = held.known.range(least(space)..).take_while(|((of, _), _)| of == space);
        of_space.map(|((_, peer), (_, ack))| (*peer, *ack)).collect()
    }

    /// The changes that write those of a space which no row says, or all such.
    pub(super) fn take_unwritten(&self, space: Option<&SpaceId>) -> Vec<Change> {
        let mut held = self.lock();
        let wanted = |(of, _): &(SpaceId, ReplicaId)| space.is_none_or(|space| of == space);
        let unwritten = std::mem::take(&mut held.unwritten);
        let (taken, left): (BTreeSet<_>, _) = unwritten.into_iter().partition(wanted);
        held.unwritten = left;
        let change = |place: &(SpaceId, ReplicaId)| {
            let (number, ack) = held.known.get(place)?;
            let key = number.ack(&place.1);
            let value = sealed(Table::Acks, &key, &[&write_ack(ack)]);
            Some(Change::Put { table: Table::Acks, key, value })
        };
        taken.iter().filter_map(change).collect()
    }

    /// Those of a space are to be written after all.
    pub(super) fn are_unwritten(&self, space: &SpaceId) {
        let mut held = self.lock();
        let of_space = held.known.range(least(space)..).take_while(|((of, _), _)| of == space);
        let places: Vec<_> = of_space.map(|(place, _)| place.clone()).collect();
        held.unwritten.extend(places);
    }

    /// Counts the acknowledgements that were noted.
    pub(super) fn moves(&self) -> watch::Receiver<u64> {
        self.moves.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, HeldAcks> {
        // Nothing panics while it is locked.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn least(space: &SpaceId) -> (SpaceId, ReplicaId) {
    (space.clone(), ReplicaId::from_bytes([0; ReplicaId::LEN]))
}
