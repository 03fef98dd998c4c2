//! Acknowledgements of peers, and the store's own events that they lack.

use std::collections::BTreeMap;
use std::ops::Range;

use tokio::sync::watch;

use super::{EventStore, first};
use crate::id::{Position, ReplicaId, SpaceId};
use crate::store::acks::Acknowledged;
use crate::store::encoding::{SpaceNumber, SpaceRow};
use crate::store::rows::{Read, Row, Table, WriteSet};
use crate::store::{LIST_ROWS_MAX, StoreError, locate, view};

impl EventStore {
    /// A peer has acknowledged the log of a space. Not durable before
    /// [`EventStore::write_acks`], or the end of the store.
    pub(crate) fn acknowledged(&self, space: &SpaceId, peer: ReplicaId, ack: Acknowledged) {
        let ledger = &self.core.ledger;
        if let Some(number) = ledger.spaces.get(space).and_then(|space| space.number()) {
            ledger.acks.note(space, peer, (number, ack, ledger.durable(space)));
        }
    }

    /// Writes what peers have acknowledged of a space, if that was not written before.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub(crate) async fn write_acks(&self, space: &SpaceId) -> Result<(), StoreError> {
        self.check_open("write acknowledgements")?;
        let changes =
            self.core.ledger.acks.take_unwritten(Some(space), |of| self.core.ledger.durable(of));
        if changes.is_empty() {
            return Ok(());
        }
        let written = self.core.ledger.write_beside(WriteSet { guards: Vec::new(), changes }).await;
        if written.is_err() {
            self.core.ledger.acks.are_unwritten(space);
        }
        written
    }

    /// The acknowledgements of peers, which say how far each durably holds the log of a space: of the
    /// first [`LIST_ROWS_MAX`] peers, and of those met of late.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn acks(
        &self,
        space: &SpaceId,
    ) -> Result<BTreeMap<ReplicaId, Acknowledged>, StoreError> {
        let read = |number: SpaceNumber| {
            let range = Read::range(Table::Acks, number.range());
            vec![Read { rows_max: LIST_ROWS_MAX, ..range }]
        };
        let acks = |_: &SpaceRow, rows: &[Vec<Row>]| view::acks(first(rows));
        let mut acks = self.read("read acknowledgements", space, read, acks).await?;
        acks.extend(self.core.ledger.acks.of(space, self.core.ledger.durable(space)));
        Ok(acks)
    }

    /// A stretch of the log of a space came from a peer that is sent nothing, and so acknowledges nothing: it
    /// holds that, too, if it holds everything before.
    pub(crate) async fn gave(
        &self,
        space: &SpaceId,
        (peer, is_hub): (ReplicaId, bool),
        stretch: Range<Position>,
    ) {
        let ledger = &self.core.ledger;
        let Some(number) = ledger.spaces.get(space).and_then(|space| space.number()) else {
            return;
        };
        let held = match ledger.acks.by(space, &peer) {
            Some(held) => held,
            None => {
                let read = |_| vec![Read::get(Table::Acks, &number.cursor(&peer))];
                let ack = |_: &SpaceRow, rows: &[Vec<Row>]| view::acks(first(rows));
                // Where it cannot be read, less is known to be held than is.
                let Ok(acks) = self.read("read an acknowledgement", space, read, ack).await else {
                    return;
                };
                acks.get(&peer).map(|ack| ack.through).unwrap_or_default()
            }
        };
        if held >= stretch.start {
            // Another session with the peer may have told more meanwhile.
            let ack = Acknowledged { through: stretch.end, is_hub };
            ledger.acks.raise(space, peer, (number, ack, ledger.durable(space)));
        }
    }

    /// Counts acknowledgements of peers, in all spaces, as they are noted.
    pub(crate) fn ack_moves(&self) -> watch::Receiver<u64> {
        self.core.ledger.acks.moves()
    }

    /// The number of a space's events behind each position of its log that this store wrote, under
    /// all of its keys.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn written_after(
        &self,
        space: &SpaceId,
        after: &[Position],
    ) -> Result<Vec<u64>, StoreError> {
        let mut written = vec![0; after.len()];
        let head = self.head(space).await?;
        if after.iter().all(|after| head <= *after) {
            return Ok(written);
        }
        let branches = self.branches(space).await?;
        let Some(number) = self.core.number_of(space).await? else { return Ok(written) };
        let (rows, keys) = (self.core.ledger.rows(), self.own_keys());
        let own: Vec<_> = keys.iter().flat_map(|key| branches.of(key)).collect();
        for (after, written) in after.iter().zip(&mut written).filter(|(after, _)| **after < head) {
            for no in &own {
                *written += locate::written_after(rows, number, &branches, **no, *after).await?;
            }
        }
        Ok(written)
    }

    /// Goes on for another store: what that one wrote counts as written by this one.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub(crate) async fn inherit(&self, keys: &[ReplicaId]) -> Result<(), StoreError> {
        self.check_open("go on for another store")?;
        self.core.ledger.inherit(keys).await
    }

    /// The key that the store writes under, and those that it wrote under before, as far as it
    /// remembers them.
    pub fn own_keys(&self) -> Vec<ReplicaId> {
        self.core.ledger.own_keys()
    }
}
