//! Events that this program cannot apply.

use std::collections::BTreeSet;

use super::Replica;
use crate::error::Error;
use crate::event::{DecodeError, EventRef};
use crate::id::{AggregateId, Dot, Position};
use crate::log::LogBlock;
use crate::ruling::Rulings;
use crate::store::LIST_ROWS_MAX;

/// An event that this program cannot apply.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Parked {
    /// Its place in the log: pass it to [`Replica::parked`] to go on behind it.
    pub position: Position,
    /// The event.
    pub dot: Dot,
    /// The aggregate that it is about.
    pub aggregate: AggregateId,
    /// The event's name and version.
    pub event: EventRef,
    /// The reason, and what would change that.
    pub reason: DecodeError,
}

impl Replica {
    /// The events after a position that this program parks, with the reason of each: at most
    /// [`LIST_ROWS_MAX`], in log order. They are kept and forwarded, and folded once a program that
    /// knows them opens the store. Reads the parts of the log that hold some.
    ///
    /// To go through all of them, pass the position of the last one until none is left.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn parked(&self, after: Position) -> Result<Vec<Parked>, Error> {
        self.check_open("list parked events")?;
        self.catch_up().await?;
        let mut after = after;
        loop {
            let positions = self.parked_positions(after).await?;
            let Some(last) = positions.last() else { return Ok(Vec::new()) };
            after = *last;
            let parked = self.parked_at(&positions).await?;
            // A hub may have ruled on all of them meanwhile.
            if !parked.is_empty() {
                return Ok(parked);
            }
        }
    }

    /// Events that folding parked: those that are stored as such, and those that are not yet.
    async fn parked_positions(&self, after: Position) -> Result<Vec<Position>, Error> {
        // In this order none is missed that is stored meanwhile.
        let (fresh, reads_store) = self.running.core().parked(after, LIST_ROWS_MAX);
        let mut positions = BTreeSet::from_iter(fresh);
        if reads_store {
            let store = &self.running.store;
            positions.extend(store.parked(self.space(), after, LIST_ROWS_MAX).await?);
        }
        Ok(positions.into_iter().take(LIST_ROWS_MAX).collect())
    }

    /// The events at these positions, ascending, as far as they are parked.
    async fn parked_at(&self, positions: &[Position]) -> Result<Vec<Parked>, Error> {
        let rulings = self.running.core().rulings().clone();
        let (mut parked, mut left) = (Vec::new(), positions);
        while let Some(first) = left.first() {
            let before = Position(first.0.saturating_sub(1));
            let page = self.running.store.read_after(self.space(), before).await?;
            let through = page.through.max(*first);
            let (here, rest) = left.split_at(left.partition_point(|at| *at <= through));
            let wanted: BTreeSet<_> = here.iter().copied().collect();
            for log in &page.blocks {
                parked.extend(self.parked_in(log, &rulings, &wanted));
            }
            left = rest;
        }
        Ok(parked)
    }

    fn parked_in(
        &self,
        log: &LogBlock,
        rulings: &Rulings,
        wanted: &BTreeSet<Position>,
    ) -> impl Iterator<Item = Parked> {
        let events = log.in_force(rulings, log.start);
        events.filter(|(position, ..)| wanted.contains(position)).filter_map(|(position, of, _)| {
            let panicked = self.running.core().panicked(position).cloned();
            let reason = panicked.or_else(|| self.registry.parks(&of))?;
            let (dot, aggregate, event) = (of.dot(), of.aggregate().clone(), of.event().clone());
            Some(Parked { position, dot, aggregate, event, reason })
        })
    }
}
