//! Backups: a store that holds what another one holds.
//!
//! A backup is filled by a sync, not byte by byte: every event passes the log's rules on its way, so
//! that what a backup holds can be read, and a backup of a backup costs what is new. It has a key
//! of its own. So whatever becomes of it, no two stores write under one key because of it, and it
//! holds no secret of the store that it was made of.

use std::sync::Arc;

use crate::error::Error;
use crate::hub::Hub;
use crate::id::SpaceId;
use crate::platform;
use crate::replica::SyncOptions;
use crate::store::{EventStore, LIST_ROWS_MAX};
use crate::sync::Direction;
use crate::transport;

/// The result of a backup.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct BackupReport {
    /// Spaces that the store holds.
    pub spaces: u64,
    /// Events that the backup lacked, and holds now.
    pub events: u64,
}

impl EventStore {
    /// Brings another store everything that this one holds: a fresh one, or the backup that was made
    /// last time, which gets what is new. Goes on beside edits and syncs; what is written meanwhile
    /// may be in it or not.
    ///
    /// When this returns, the backup is durable. To restore one, put its file in the place of the one
    /// that was lost, and open it: it goes on as a store with a key of its own, and folds its states
    /// from the log. It holds all events in the clear.
    ///
    /// Of a space that is held in part, what was written here is backed up. The rest comes from its
    /// hub again: a store does not vouch for others' events when it holds a part.
    ///
    /// Cancelling it, and a crash, leave a backup that holds less; the next one goes on from there.
    ///
    /// # Errors
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) when this store cannot be read or the other one
    /// cannot be written.
    pub async fn back_up(&self, backup: &Self) -> Result<BackupReport, Error> {
        let (from, to) = (Arc::new(self.share()?), Arc::new(backup.share()?));
        let report = fill(&from, &to).await;
        let closed = [from.close().await, to.close().await];
        let report = report?;
        closed.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(report)
    }
}

async fn fill(from: &Arc<EventStore>, to: &Arc<EventStore>) -> Result<BackupReport, Error> {
    to.inherit(&from.own_keys()).await?;
    let mut report = BackupReport::default();
    let mut last: Option<SpaceId> = None;
    loop {
        let spaces = from.spaces(last.as_ref(), LIST_ROWS_MAX).await?;
        for space in &spaces {
            report.spaces += 1;
            report.events += fill_space(from, to, &space.id).await?;
        }
        match spaces.into_iter().next_back() {
            Some(space) => last = Some(space.id),
            None => return Ok(report),
        }
    }
}

/// Returns the number of events that were new.
async fn fill_space(
    from: &Arc<EventStore>,
    to: &Arc<EventStore>,
    space: &SpaceId,
) -> Result<u64, Error> {
    if let Some(filter) = from.filter(space).await?
        && to.filter(space).await?.as_ref() != Some(&filter)
    {
        to.narrow(space, filter).await?;
    }
    for types in from.types(space).await? {
        to.keep_types(space, &types).await?;
    }
    let (transport, listener) = transport::channel();
    let (serving, pulling) =
        (Hub::builder().unlisted().over(Arc::clone(from)), Hub::builder().over(Arc::clone(to)));
    let served = serving.clone();
    let accepting = platform::spawn(async move { served.serve_channel(listener).await });
    let options = SyncOptions::new().direction(Direction::Pull);
    let pulled = pulling.sync_once(space, transport, options).await;
    accepting.abort();
    serving.close().await?;
    pulling.close().await?;
    Ok(pulled?.pulled)
}
