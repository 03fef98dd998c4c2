//! The past of an aggregate: its events, and its state as it was.

use std::sync::Arc;

use super::{Presence, Replica};
use crate::aggregate::{Aggregate, Id};
use crate::block::Entry;
use crate::branch::Branches;
use crate::chain::CommitId;
use crate::clock::{Hlc, UnixMillis};
use crate::envelope::Metadata;
use crate::error::Error;
use crate::event::{DecodeError, EventRef};
use crate::id::{AggregateId, Dot, Position};
use crate::log::{LogBlock, Page};
use crate::registry::{RecordedEvent, fold_or_park};
use crate::ruling::{Rulings, Standing};
use crate::store::EventStore;

/// An event of an aggregate's history.
#[derive(Debug)]
#[non_exhaustive]
pub struct HistoryEvent<A: Aggregate> {
    /// Its place in this replica's log: pass it to [`Replica::history`] to go on behind it. Other
    /// replicas have it in another place.
    pub position: Position,
    /// Its identity in merging, as in [`Write::dot`](crate::conflict::Write::dot): the author and the
    /// event's number. Past a fork, the author is a branch of the key's.
    pub dot: Dot,
    /// The commit that it is part of: the key that wrote it, and the number of its last event.
    pub commit: CommitId,
    /// The stamp in force: the author's hybrid clock, unless a hub has given the event an earlier
    /// one.
    pub hlc: Hlc,
    /// The ruling of hubs on it. A refused event has no effect.
    pub standing: Standing,
    /// The author's metadata.
    pub metadata: Metadata,
    /// The event's name and version, as written.
    pub name: EventRef,
    /// The event; the reason when this program parks it, or a hub has taken it away.
    pub event: Result<A::Event, DecodeError>,
    /// The events of others that it depends on: those that it replaced or took away. The author's own
    /// earlier ones are implied.
    pub seen: Vec<Dot>,
}

/// A point in an aggregate's past.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum AsOf {
    /// After so many events of this replica's log.
    Position(Position),
    /// By the clocks of its authors: everything stamped at or before this time. The same on all
    /// replicas that hold the same events.
    Time(UnixMillis),
}

impl From<Position> for AsOf {
    fn from(position: Position) -> Self {
        Self::Position(position)
    }
}

impl From<UnixMillis> for AsOf {
    fn from(time: UnixMillis) -> Self {
        Self::Time(time)
    }
}

impl Replica {
    /// The events of an aggregate after a position, in the order of this replica's log: each stands
    /// after all that its author had seen. Refused and parked ones are among them.
    ///
    /// Gives one page; empty when there are no more. To go through all of them, pass the position of
    /// the last one for the next page. Takes time in the number of the aggregate's events: see
    /// [`EventStore::history`].
    ///
    /// # Errors
    /// When the store fails, or the type is not registered.
    pub async fn history<A: Aggregate>(
        &self,
        id: &Id<A>,
        after: Position,
    ) -> Result<Vec<HistoryEvent<A>>, Error> {
        let past = self.past(id).await?;
        let mut read = after;
        while let Some(page) = past.page(read).await? {
            let told: Vec<_> =
                page.blocks.iter().flat_map(|log| past.events::<A>(log, after)).collect();
            if !told.is_empty() {
                return Ok(told);
            }
            read = page.through;
        }
        Ok(Vec::new())
    }

    /// The aggregate as it was; `None` when no event of it is that old, and when it was deleted then.
    ///
    /// ```
    /// # use synckit::{Id, Replica, registry, sync_aggregate};
    /// # #[sync_aggregate(name = "note")]
    /// # #[derive(Clone, Debug, Default)]
    /// # struct Note {
    /// #     #[merge(lww)]
    /// #     title: String,
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let replica = Replica::builder().registry(registry![Note]).in_memory().await?;
    /// let note = replica.create(&Note { title: "Boiler".into() }).await?;
    /// let then = replica.status().await?.events;
    /// replica.edit(&note, |it| it.title.set("Kettle")).await?;
    /// assert_eq!(replica.state_at(&note, then).await?.unwrap().title, "Boiler");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the store fails, or the type is not registered.
    pub async fn state_at<A: Aggregate>(
        &self,
        id: &Id<A>,
        at: impl Into<AsOf>,
    ) -> Result<Option<A>, Error> {
        let (mut past, at) = (self.past(id).await?, at.into());
        if let AsOf::Position(until) = at {
            past.head = past.head.min(until);
        }
        let is_in = |position: Position, hlc: Hlc| match at {
            AsOf::Position(until) => position <= until,
            AsOf::Time(until) => hlc.wall() <= until,
        };
        let mut state = self.registry.fresh(&past.aggregate.kind);
        let mut read = Position::START;
        while let Some(page) = past.page(read).await? {
            for log in &page.blocks {
                for (position, event) in log.stamped(&past.branches, &past.rulings, read) {
                    if event.entry.aggregate() == &past.aggregate && is_in(position, event.hlc) {
                        let recorded = RecordedEvent::of(&event.entry);
                        fold_or_park(&mut state, &event.stamp(), recorded);
                    }
                }
            }
            read = page.through;
        }
        Ok(Presence::of(state.as_ref()).there())
    }

    /// Reads an aggregate's past, caught up with the log.
    pub(super) async fn past<A: Aggregate>(&self, id: &Id<A>) -> Result<AggregatePast<'_>, Error> {
        self.catch_up().await?;
        let aggregate = self.held_id(id)?;
        let (store, space) = (&self.running.store, &self.running.space);
        let head = store.head(space).await?;
        // Read after the head, so they reach as far.
        let branches = store.branches(space).await?;
        let rulings = self.running.core().rulings().clone();
        Ok(AggregatePast { replica: self, store, aggregate, branches, rulings, head })
    }
}

/// An aggregate's past up to an end of the log.
pub(super) struct AggregatePast<'r> {
    pub(super) replica: &'r Replica,
    store: &'r Arc<EventStore>,
    pub(super) aggregate: AggregateId,
    pub(super) branches: Branches,
    pub(super) rulings: Rulings,
    head: Position,
}

impl AggregatePast<'_> {
    /// The next blocks that hold events of it; `None` when there are no more.
    pub(super) async fn page(&self, after: Position) -> Result<Option<Page>, Error> {
        if after >= self.head {
            return Ok(None);
        }
        let space = self.replica.space();
        let mut page = self.store.history(space, &self.aggregate, after).await?;
        page.blocks.retain(|log| log.start < self.head);
        Ok(Some(page))
    }

    /// Its events in a block after a position.
    fn events<A: Aggregate>(&self, log: &LogBlock, after: Position) -> Vec<HistoryEvent<A>> {
        let ruled_on = log.ruled_on(&self.rulings, after);
        let of_it = ruled_on.filter(|(_, entry, _)| entry.aggregate() == &self.aggregate);
        of_it
            .filter_map(|(position, entry, standing)| {
                let dot = self.branches.dot(log.runs[entry.run()].branch, entry.dot().seq);
                told(log, position, &entry, (dot, standing))
            })
            .collect()
    }
}

/// An event of a block, as a history tells it.
pub(super) fn told<A: Aggregate>(
    log: &LogBlock,
    position: Position,
    entry: &Entry<'_>,
    (dot, standing): (Dot, Standing),
) -> Option<HistoryEvent<A>> {
    let index = usize::try_from(position.0 - log.start.0 - 1).ok()?;
    let commits = log.block.commits();
    let commit = commits.get(commits.partition_point(|commit| commit.entries.end <= index))?;
    let hlc = match standing {
        Standing::Redated(at) => entry.hlc().min(at),
        Standing::AsWritten | Standing::Refused => entry.hlc(),
    };
    let anchors = log.block.anchors();
    let seen = entry
        .context_rows()
        .iter()
        .filter_map(|(anchor, seq)| Some(Dot { replica: anchors.get(*anchor)?.author, seq: *seq }));
    let event = if entry.is_tombstone() {
        Err(DecodeError::Refused { name: entry.event().name.clone() })
    } else {
        RecordedEvent::of(entry).decode::<A>()
    };
    Some(HistoryEvent {
        position,
        dot,
        commit: commit.id,
        hlc,
        standing,
        metadata: entry.metadata().clone(),
        name: entry.event().clone(),
        event,
        seen: seen.collect(),
    })
}
