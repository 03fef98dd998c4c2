//! Refused commits: what a hub has turned down, for the application that wrote it.

use std::collections::VecDeque;

use super::Replica;
use crate::chain::CommitId;
use crate::clock::Hlc;
use crate::error::Error;
use crate::id::{AggregateId, Position, ReplicaId};
use crate::log::LogBlock;
use crate::ruling::{Control, Rejection, Rulings};

/// A commit that a hub has refused. It has no effect on any state, at no replica.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Rejected {
    /// The place of the refusal in the log: pass it to [`Replica::rejected`] to go on behind it.
    pub position: Position,
    /// The commit: its author, and the number of its last event.
    pub commit: CommitId,
    /// The aggregate that its first event is about.
    pub aggregate: AggregateId,
    /// The grounds.
    pub rejection: Rejection,
    /// The hub.
    pub hub: ReplicaId,
    /// The hub's clock.
    pub at: Hlc,
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
    /// Lists the commits of all authors in the space. A store's own are those of
    /// [`Replica::id`]; an application that must know after the store has taken another key marks
    /// its edits with metadata of its own.
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
        Control::Refused(refused) => Some((index, refused)),
        Control::Redated(_) => None,
    });
    let rejected = refused.filter_map(|(index, refused)| {
        let entry = log.block.entry(index)?;
        Some(Rejected {
            position: Position(log.start.0 + index as u64 + 1),
            commit: refused.commit,
            aggregate: refused.aggregate,
            rejection: refused.rejection,
            hub: entry.dot().replica,
            at: entry.hlc(),
        })
    });
    rejected.collect()
}
