//! Work of a replica's own that its peers hold, or do not hold yet.

use tokio::sync::watch;

use super::Replica;
use super::watchers::ReplicaEnd;
use crate::error::{Error, ErrorKind};
use crate::id::{Position, ReplicaId, SpaceId};
use crate::store::{Acknowledged, EventStore};

/// A peer's knowledge of this replica's log, as far as it has told.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PeerStatus {
    /// The peer: the public key that its store had when it was met. One that was restored or copied
    /// may go on under another, and is another peer from then on.
    pub replica: ReplicaId,
    /// True when it is a hub: it has no schemas.
    pub is_hub: bool,
    /// Everything in this replica's log up to here is durable there.
    pub acknowledged: Position,
    /// Own events behind that.
    pub pending: u64,
}

/// The place that work is to reach: see [`Replica::flush`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Reach {
    /// Any peer.
    Peer,
    /// Any hub.
    Hub,
    /// This peer.
    Replica(ReplicaId),
}

/// The number of own events that no peer holds yet, as it changes: see [`Replica::watch_pending`].
#[derive(Debug)]
pub struct PendingWatch {
    replica: Replica,
    acks: watch::Receiver<u64>,
    closing: ReplicaEnd,
    shown: Option<u64>,
}

impl Replica {
    /// The number of own events that no peer has acknowledged: what would be lost with this device.
    /// "3 changes not synced." Counts those under all keys that the store has had.
    ///
    /// After a crash it may be too high until a peer is met, and never too low: what peers have
    /// acknowledged is written when a session ends, and when the replica is closed. It does not fall
    /// back by itself when a peer loses what it had acknowledged; meeting that peer tells.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn pending(&self) -> Result<u64, Error> {
        self.check_open("count what is not synced")?;
        let (store, space) = (self.store(), self.space());
        unsynced(store, space).await
    }

    /// The peers that have acknowledged something of this replica's log, now or before, ascending by
    /// id: at most [`LIST_ROWS_MAX`](crate::store::LIST_ROWS_MAX), and those met since it was opened.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn peers(&self) -> Result<Vec<PeerStatus>, Error> {
        self.check_open("list peers")?;
        let (store, space) = (self.store(), self.space());
        let acks = store.acks(space).await?;
        let places: Vec<_> = acks.values().map(|ack| ack.through).collect();
        let pending = store.written_after(space, &places).await?;
        let status = |((replica, ack), pending)| {
            let Acknowledged { through: acknowledged, is_hub } = ack;
            PeerStatus { replica, is_hub, acknowledged, pending }
        };
        Ok(acks.into_iter().zip(pending).map(status).collect())
    }

    /// Watches the number of own events that no peer has acknowledged.
    pub fn watch_pending(&self) -> PendingWatch {
        let (acks, closing) = (self.store().ack_moves(), self.running.watchers.closing());
        PendingWatch { replica: self.clone(), acks, closing, shown: None }
    }

    /// Waits until everything that the log holds by now is durable elsewhere, too. (An edit is durable
    /// here when it returns.) Something must sync meanwhile, a [`Link`](super::Link) or
    /// [`Replica::sync_once`], and not only fetch: this begins nothing, and waits without end where
    /// nobody does. Cancellation-safe.
    ///
    /// # Errors
    /// When the store cannot be read, or [`ErrorKind::Closed`] once the replica is closed.
    pub async fn flush(&self, reach: Reach) -> Result<(), Error> {
        self.check_open("flush")?;
        let (store, space) = (self.store(), self.space());
        let (mut acks, mut closing) = (store.ack_moves(), self.running.watchers.closing());
        let head = store.head(space).await?;
        loop {
            let held = store.acks(space).await?;
            let reached = held.iter().any(|(peer, ack)| {
                let counts = match reach {
                    Reach::Peer => true,
                    Reach::Hub => ack.is_hub,
                    Reach::Replica(replica) => replica == *peer,
                };
                counts && ack.through >= head
            });
            if reached {
                return Ok(());
            }
            tokio::select! {
                biased;
                _ = acks.changed() => {}
                () = closing.wait() => return Err(Error::new("flush", ErrorKind::Closed)),
            }
        }
    }
}

/// The number of a store's own events that no peer has acknowledged.
pub(super) async fn unsynced(store: &EventStore, space: &SpaceId) -> Result<u64, Error> {
    let acks = store.acks(space).await?;
    let most = acks.values().map(|ack| ack.through).max().unwrap_or_default();
    Ok(store.written_after(space, &[most]).await?.iter().sum())
}

/// The number of a log's events, whoever wrote them, that no single peer is known to hold all of.
pub(super) async fn unheld(store: &EventStore, space: &SpaceId) -> Result<u64, Error> {
    let acks = store.acks(space).await?;
    let most = acks.values().map(|ack| ack.through).max().unwrap_or_default();
    Ok(store.head(space).await?.0.saturating_sub(most.0))
}

impl PendingWatch {
    /// The number at first, and then each time that it is another one. Numbers that are replaced
    /// before anybody looks are passed over. Cancellation-safe.
    ///
    /// # Errors
    /// When the store cannot be read, or the replica is closed.
    pub async fn next(&mut self) -> Result<u64, Error> {
        loop {
            self.acks.mark_unchanged();
            let (store, space) = (self.replica.store(), self.replica.space());
            let head = store.head(space).await?;
            let pending = self.replica.pending().await?;
            if self.shown != Some(pending) {
                self.shown = Some(pending);
                return Ok(pending);
            }
            tokio::select! {
                biased;
                _ = self.acks.changed() => {}
                moved = store.moved(space, head) => drop(moved?),
                () = self.closing.wait() => {}
            }
        }
    }
}
