//! Refused commits: what a hub has turned down, for the application that wrote it.

use std::collections::VecDeque;

use super::Replica;
use crate::chain::CommitId;
use crate::clock::Hlc;
use crate::error::Error;
use crate::id::{AggregateId, Position, ReplicaId};
use crate::log::LogBlock;
use crate::ruling::{Closing, Control, Refused, Rejection, Rulings};

/// Something that a hub has refused. It has no effect on any state, at no replica.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Rejected {
    /// The place of the refusal in the log: pass it to [`Replica::rejected`] to go on behind it.
    pub position: Position,
    /// The part of the log that it is about.
    pub scope: RejectedScope,
    /// The grounds.
    pub rejection: Rejection,
    /// The hub.
    pub hub: ReplicaId,
    /// The hub's clock.
    pub at: Hlc,
}

/// The part of a log that a hub has refused.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RejectedScope {
    /// One commit.
    Commit {
        /// The commit: its author, and the number of its last event.
        commit: CommitId,
        /// The aggregate that its first event is about.
        aggregate: AggregateId,
    },
    /// Everything under an author's key beyond these commits, because more than
    /// [`AUTHOR_BRANCHES_MAX`](crate::ruling::AUTHOR_BRANCHES_MAX) stores wrote under it: copies of one file that were used in many
    /// places. Stores that still wrote under it have gone on under keys of their own.
    Key {
        /// The author.
        author: ReplicaId,
        /// The last commits that count, one of each branch that the hub had taken.
        heads: Vec<CommitId>,
    },
}

impl RejectedScope {
    /// The author.
    pub fn author(&self) -> ReplicaId {
        match self {
            Self::Commit { commit, .. } => commit.author,
            Self::Key { author, .. } => *author,
        }
    }

    /// The commit, when it is one.
    pub fn commit(&self) -> Option<CommitId> {
        match self {
            Self::Commit { commit, .. } => Some(*commit),
            Self::Key { .. } => None,
        }
    }
}

/// Refused commits as they become known; see [`Replica::rejections`].
#[derive(Debug)]
pub struct Rejections {
    replica: Replica,
    after: Position,
    found: VecDeque<Rejected>,
}

impl Replica {
    /// The refusals after a position, in log order: one page, empty when there are no more. They are
    /// durable; an application that keeps the position of the last one it has shown misses none.
    ///
    /// Lists those of all authors in the space. A store's own are those of
    /// [`EventStore::own_keys`](crate::store::EventStore::own_keys).
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn rejected(&self, after: Position) -> Result<Vec<Rejected>, Error> {
        let mut read = after;
        loop {
            self.check_open("list refused commits")?;
            let blocks = self.store().control(self.space(), read).await?;
            let Some(end) = blocks.last().map(LogBlock::end) else { return Ok(Vec::new()) };
            let found: Vec<_> = blocks.iter().flat_map(refusals).collect();
            let found: Vec<_> = found.into_iter().filter(|of| of.position > after).collect();
            if !found.is_empty() {
                return Ok(found);
            }
            read = end;
        }
    }

    /// Refused commits after a position, as they become known.
    pub fn rejections(&self, after: Position) -> Rejections {
        Rejections { replica: self.clone(), after, found: VecDeque::new() }
    }
}

impl Rejections {
    /// Waits for the next refused commit. Cancellation-safe.
    ///
    /// # Errors
    /// When the store cannot be read, or the replica is closed.
    pub async fn next(&mut self) -> Result<Rejected, Error> {
        loop {
            if let Some(found) = self.found.pop_front() {
                self.after = found.position;
                return Ok(found);
            }
            let (store, space) = (self.replica.store(), self.replica.space());
            let head = store.head(space).await?;
            let found = self.replica.rejected(self.after).await?;
            if found.is_empty() {
                store.moved(space, head).await?;
            }
            self.found.extend(found);
        }
    }
}

fn refusals(log: &LogBlock) -> Vec<Rejected> {
    let controls = Rulings::new().controls(&log.block).into_iter();
    let refused = controls.filter_map(|(index, control)| match control {
        Control::Refused(Refused { commit, aggregate, rejection }) => {
            Some((index, RejectedScope::Commit { commit, aggregate }, rejection))
        }
        Control::Closed(Closing { author, heads }) => {
            Some((index, RejectedScope::Key { author, heads }, Rejection::of_closed_key()))
        }
        Control::Redated(_) => None,
    });
    let rejected = refused.filter_map(|(index, scope, rejection)| {
        let entry = log.block.entry(index)?;
        Some(Rejected {
            position: Position(log.start.0 + index as u64 + 1),
            scope,
            rejection,
            hub: entry.dot().replica,
            at: entry.hlc(),
        })
    });
    rejected.collect()
}
