//! Cursors in memory: how far peers' logs have been followed.
//!
//! A cursor that stands behind nothing new needs no write of its own: it is kept here, and written
//! with the next batch of its space or when the store is closed. Should it be lost, a little is
//! looked at again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::encoding::{SpaceNumber, write_cursor};
use super::rows::{Change, Table};
use super::seal::sealed;
use crate::id::{ReplicaId, SpaceId};
use crate::log::Cursor;
use crate::sync::limits::CURSOR_BEHIND_MAX;

/// Most cursors in memory.
const CURSORS_MAX: usize = 8_192;

/// The cursors of one store that are in memory.
#[derive(Debug, Default)]
pub(super) struct Cursors(Mutex<HeldCursors>);

#[derive(Debug, Default)]
struct HeldCursors {
    known: BTreeMap<PeerOfSpace, Cursor>,
    /// Those whose rows say something older, with the numbers of their spaces.
    unwritten: BTreeMap<PeerOfSpace, SpaceNumber>,
}

type PeerOfSpace = (SpaceId, ReplicaId);

/// A kept cursor, and the change that writes it.
pub(super) type Unwritten = ((ReplicaId, Cursor), Change);

impl Cursors {
    /// The place up to which a peer's log has been followed, if that is in memory.
    pub(super) fn get(&self, space: &SpaceId, peer: &ReplicaId) -> Option<Cursor> {
        self.lock().known.get(&(space.clone(), *peer)).copied()
    }

    /// A row was read. What is in memory may be newer.
    pub(super) fn read(&self, space: &SpaceId, peer: &ReplicaId, cursor: Cursor) {
        let mut held = self.lock();
        held.make_room();
        held.known.entry((space.clone(), *peer)).or_insert(cursor);
    }

    /// A row was written.
    pub(super) fn written(&self, space: &SpaceId, (peer, cursor): &(ReplicaId, Cursor)) {
        let mut held = self.lock();
        let place = (space.clone(), *peer);
        if held.unwritten.contains_key(&place) && held.known.get(&place) != Some(cursor) {
            // Another one is kept meanwhile.
            return;
        }
        held.unwritten.remove(&place);
        held.make_room();
        held.known.insert(place, *cursor);
    }

    /// Keeps a cursor behind which everything is durable, to be written later, unless much would
    /// have to be looked at again without it. Returns whether it is kept.
    pub(super) fn keep(
        &self,
        space: &SpaceId,
        number: SpaceNumber,
        (peer, cursor): &(ReplicaId, Cursor),
    ) -> bool {
        let mut held = self.lock();
        let place = (space.clone(), *peer);
        let Some(known) = held.known.get_mut(&place) else { return false };
        let ahead = cursor.position.0.checked_sub(known.position.0);
        let keeps = ahead.is_some_and(|ahead| ahead < CURSOR_BEHIND_MAX);
        if keeps {
            *known = *cursor;
            held.unwritten.insert(place, number);
        }
        keeps
    }

    /// The kept cursors of a space.
    pub(super) fn unwritten(&self, space: &SpaceId) -> Vec<Unwritten> {
        let held = self.lock();
        let least = (space.clone(), ReplicaId::from_bytes([0; ReplicaId::LEN]));
        let of_space = held.unwritten.range(least..).take_while(|((of, _), _)| of == space);
        of_space.filter_map(|(place, number)| held.change(place, *number)).collect()
    }

    /// The changes that write all kept cursors.
    pub(super) fn all_unwritten(&self) -> Vec<Change> {
        let held = self.lock();
        let change = |(place, number): (&PeerOfSpace, &SpaceNumber)| held.change(place, *number);
        held.unwritten.iter().filter_map(change).map(|(_, change)| change).collect()
    }

    /// Forgets all: which of them are written is no longer certain.
    pub(super) fn forget(&self) {
        *self.lock() = HeldCursors::default();
    }

    fn lock(&self) -> MutexGuard<'_, HeldCursors> {
        // Nothing panics while it is locked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HeldCursors {
    fn change(&self, place: &PeerOfSpace, number: SpaceNumber) -> Option<Unwritten> {
        let (cursor, peer) = (*self.known.get(place)?, place.1);
        let key = number.cursor(&peer);
        let value = sealed(Table::Cursors, &key, &[&write_cursor(&cursor)]);
        Some(((peer, cursor), Change::Put { table: Table::Cursors, key, value }))
    }

    fn make_room(&mut self) {
        if self.known.len() >= CURSORS_MAX {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::tests::{Author, seal, space};
    use crate::id::Position;
    use crate::log::{Append, Digest, Source};
    use crate::store::rows::Read;
    use crate::store::{Batch, EventStore};

    /// The place that stands in the row, and the one that the store tells.
    async fn places(store: &EventStore) -> [u64; 2] {
        let key = SpaceNumber(0).cursor(&peer());
        let rows = store.ledger().rows().read(vec![Read::get(Table::Cursors, &key)]).await.unwrap();
        let row = crate::store::view::cursor(&rows[0]).unwrap().unwrap();
        let told = store.cursor(&space(), &peer()).await.unwrap().unwrap();
        [row, told].map(|cursor| cursor.position.0)
    }

    fn peer() -> ReplicaId {
        ReplicaId::from_bytes([7; ReplicaId::LEN])
    }

    fn batch(ann: Option<&mut Author>, position: u64) -> Batch {
        let write = |ann: &mut Author| seal(&[&ann.write(&["milk"], &[])]);
        let append = |block| Append { block, source: Source::Peer };
        let cursor = Cursor { position: Position(position), digest: Digest::START };
        Batch {
            append: ann.map(write).into_iter().map(append).collect(),
            cursor: Some((peer(), cursor)),
            ..Batch::new(space())
        }
    }

    #[tokio::test]
    async fn a_cursor_alone_is_written_with_what_comes_next() {
        let (store, mut ann) = (EventStore::in_memory_as(&[1; 32]), Author::named("ann"));
        let commit = async |batch| {
            store.commit(batch).await.unwrap();
            places(&store).await
        };
        assert_eq!(commit(batch(Some(&mut ann), 5)).await, [5, 5]);
        assert_eq!(commit(batch(None, 6)).await, [5, 6]);
        assert_eq!(commit(batch(None, 9)).await, [5, 9]);
        let without = Batch { cursor: None, ..batch(Some(&mut ann), 0) };
        assert_eq!(commit(without).await, [9, 9]);
        assert_eq!(commit(batch(None, 3)).await, [3, 3], "one that goes back is written at once");
        let far = 3 + CURSOR_BEHIND_MAX;
        assert_eq!(commit(batch(None, far)).await, [far, far], "so is one that goes far");
    }

    #[tokio::test]
    async fn a_cursor_alone_is_written_on_closing() {
        let (store, mut ann) = (EventStore::in_memory_as(&[1; 32]), Author::named("ann"));
        store.commit(batch(Some(&mut ann), 5)).await.unwrap();
        store.commit(batch(None, 6)).await.unwrap();
        assert_eq!(places(&store).await, [5, 6]);
        store.ledger().settle().await;
        assert_eq!(places(&store).await, [6, 6]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let cursors = Cursors::default();
        for n in 0..2 * CURSORS_MAX as u64 {
            let space = SpaceId::new(&n.to_string()).unwrap();
            let at = |position| Cursor { position: Position(position), digest: Digest::START };
            cursors.written(&space, &(peer(), at(1)));
            assert!(cursors.keep(&space, SpaceNumber(0), &(peer(), at(2))));
        }
        let held = cursors.lock();
        assert!(held.known.len() <= CURSORS_MAX && held.unwritten.len() <= CURSORS_MAX);
    }
}
