//! A field office: a replica with a file of its own. It enters reports while nobody is there to
//! hear of them, and syncs when there is a hub.
//!
//! The office may be killed at any moment. What it had entered is in its file, whole reports only;
//! so when it starts again, it reads its own log to see which reports those are, and enters the
//! others. There is no second place where progress is kept, and so none that could disagree.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use synckit::aggregate::record;
use synckit::envelope::Metadata;
use synckit::id::{Position, SpaceId};
use synckit::replica::{Link, LinkStatus, SyncReport};
use synckit::{Edit, Id, Replica, registry};
use tokio::task::JoinSet;

use super::airport::Airport;
use super::failure::Failure;
use super::report::Report;

/// The space in which everything happens.
const SPACE: &str = "strikes";
/// The entry of an event's metadata that names the report which it belongs to.
const REPORT: &str = "report";
/// Edits under way at the same time. Those that wait together are written to the disk together.
const EDITS_AT_ONCE: usize = 32;
/// Airports that are listed at a time.
const AIRPORTS_AT_ONCE: usize = 1_000;
/// Wait before reconnecting to a hub that was lost.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// An office.
#[derive(Clone, Debug)]
pub(crate) struct Office {
    replica: Replica,
}

/// Bytes on an office's connection.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Traffic {
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
}

/// An office's final state.
#[derive(Debug)]
pub(crate) struct Knowledge {
    pub(crate) airports: Vec<(Id<Airport>, Airport)>,
    pub(crate) events: u64,
    pub(crate) own_events: u64,
    pub(crate) conflicts: u64,
    pub(crate) state_hash: [u8; 32],
}

impl Office {
    /// Opens the file of an office, which is created when it is not there.
    pub(crate) async fn open(file: PathBuf) -> Result<Self, Failure> {
        let replica = Replica::builder().registry(registry![Airport]).space(SpaceId::new(SPACE)?);
        Ok(Self { replica: replica.open(file).await? })
    }

    /// The ids of the reports that stand in this office's log, from the metadata of the events,
    /// whoever entered them: an office that was restored from a copy writes under another key, and
    /// what it had entered stands under the earlier one.
    pub(crate) async fn entered(&self) -> Result<BTreeSet<String>, Failure> {
        let store = self.replica.store();
        let mut entered = BTreeSet::new();
        let mut after = Position::START;
        loop {
            let page = store.read_after(self.replica.space(), after).await?;
            if page.blocks.is_empty() {
                return Ok(entered);
            }
            for (_, entry) in page.blocks.iter().flat_map(|log| log.after(after)) {
                entered.extend(entry.metadata().get(REPORT).map(str::to_owned));
            }
            after = page.through;
        }
    }

    /// Enters reports, each as one edit of its airport: it is entered whole, or not at all. Calls
    /// `entered` after each.
    ///
    /// The edits may overtake each other. That is no matter: reports add up in any order.
    pub(crate) async fn enter(
        &self,
        reports: impl IntoIterator<Item = Report>,
        mut entered: impl FnMut(),
    ) -> Result<(), Failure> {
        let mut edits = JoinSet::new();
        let mut reports = reports.into_iter();
        loop {
            for report in reports.by_ref().take(EDITS_AT_ONCE - edits.len()) {
                let replica = self.replica.clone();
                edits.spawn(async move {
                    let mut metadata = Metadata::new();
                    metadata.insert(REPORT, &report.id)?;
                    let enter = |airport: &mut Edit<'_, Airport>| report.enter(airport);
                    replica.edit_with(&report.airport, &metadata, enter).await?;
                    Ok::<_, Failure>(())
                });
            }
            match edits.join_next().await {
                Some(edit) => edit??,
                None => return Ok(()),
            }
            entered();
        }
    }

    /// Syncs with a hub until `events` events are here, and the hub has this office's own. Calls
    /// `held` with how many are here as they become more, and `trouble` with what keeps the office
    /// waiting: a hub that is not there, or whose disk is full, is tried again until it works.
    pub(crate) async fn sync_until(
        &self,
        hub: &str,
        events: u64,
        mut held: impl FnMut(u64),
        mut trouble: impl FnMut(&str),
    ) -> Result<Traffic, Failure> {
        let mut link = self.replica.connect(hub)?;
        let (store, space) = (self.replica.store(), self.replica.space());
        let mut head = store.head(space).await?;
        held(head.0);
        let mut told = None;
        while head < Position(events) {
            tokio::select! {
                moved = store.moved(space, head) => {
                    head = moved?;
                    held(head.0);
                }
                status = troubled(&mut link, &told) => {
                    told = status.trouble.map(|trouble| trouble.error);
                    told.iter().for_each(|error| trouble(error));
                }
            }
        }
        // Of the last session, if the connection was lost in between.
        let progress = link.status().progress;
        link.end().await?;
        // The log is complete. One more sync, which has next to nothing to do, returns once the hub
        // has what is from here, and what is from elsewhere is not only in the log but in
        // the airports.
        let last = self.catch_up(hub).await?;
        Ok(Traffic {
            bytes_sent: progress.bytes_sent + last.bytes_sent,
            bytes_received: progress.bytes_received + last.bytes_received,
        })
    }

    /// Syncs once: the hub has then what is here, and this office what the hub had.
    pub(crate) async fn catch_up(&self, hub: &str) -> Result<Traffic, Failure> {
        loop {
            match self.replica.sync_once(hub).await {
                Ok(SyncReport { bytes_pushed, bytes_pulled, .. }) => {
                    return Ok(Traffic { bytes_sent: bytes_pushed, bytes_received: bytes_pulled });
                }
                Err(error) if error.is_retryable() => tokio::time::sleep(TRY_AGAIN_AFTER).await,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Counts this office's own events.
    pub(crate) async fn own_events(&self) -> Result<u64, Failure> {
        Ok(self.replica.status().await?.own_events)
    }

    /// Reads the office's state.
    pub(crate) async fn knowledge(&self) -> Result<Knowledge, Failure> {
        let mut airports: Vec<(Id<Airport>, Airport)> = Vec::new();
        loop {
            let last = airports.last().map(|(id, _)| id.clone());
            let page = self.replica.list(last.as_ref(), AIRPORTS_AT_ONCE).await?;
            if page.is_empty() {
                break;
            }
            airports.extend(page);
        }
        let status = self.replica.status().await?;
        Ok(Knowledge {
            airports,
            events: status.events.0,
            own_events: status.own_events,
            conflicts: status.conflicts,
            state_hash: self.replica.state_hash().await?,
        })
    }

    /// Closes the file. Not closing it loses nothing; the next opening then has more to do.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        Ok(self.replica.close().await?)
    }
}

/// Counts the events that entering the reports makes.
pub(crate) fn events_of<'a>(reports: impl IntoIterator<Item = &'a Report>) -> u64 {
    let entered = record::<Airport>(|airport| reports.into_iter().for_each(|it| it.enter(airport)));
    entered.map_or(0, |events| events.len() as u64)
}

/// Waits until the link has met a trouble other than the one told already.
async fn troubled(link: &mut Link, told: &Option<String>) -> LinkStatus {
    link.wait_for(|status| {
        status.trouble.as_ref().is_some_and(|trouble| Some(&trouble.error) != told.as_ref())
    })
    .await
}
