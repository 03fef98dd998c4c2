//! Reading what hubs have ruled, and what a ruling needs to know.

use std::ops::RangeInclusive;

use super::{EventStore, first};
use crate::block::Block;
use crate::branch::Branches;
use crate::chain::CommitId;
use crate::id::{Position, ReplicaId, SpaceId};
use crate::log::LogBlock;
use crate::ruling::Rulings;
use crate::store::encoding::SpaceRow;
use crate::store::rows::Row;
use crate::store::{StoreError, locate, view};

impl EventStore {
    /// The next blocks of a space's log in which hubs rule, of those that end after a position; none
    /// when there are no more.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn control(
        &self,
        space: &SpaceId,
        after: Position,
    ) -> Result<Vec<LogBlock>, StoreError> {
        let attempted = "read what hubs have ruled";
        let read = |number| vec![view::control_read(number, after)];
        let starts = |_: &SpaceRow, rows: &[Vec<Row>]| view::control(first(rows));
        let starts = self.read(attempted, space, read, starts).await?;
        let read = |number| starts.iter().map(|start| view::block_read(number, *start)).collect();
        let blocks = |_: &SpaceRow, rows: &[Vec<Row>]| {
            rows.iter().map(|rows| view::block(rows)).collect::<Result<Vec<_>, _>>()
        };
        let mut blocks = self.read(attempted, space, read, blocks).await?;
        blocks.retain(|log| log.end() > after);
        Ok(blocks)
    }

    /// The rulings of hubs in a space's log up to a position.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn rulings(&self, space: &SpaceId, through: Position) -> Result<Rulings, StoreError> {
        let mut rulings = Rulings::new();
        self.follow(space, &mut rulings, Position::START..=through).await?;
        Ok(rulings)
    }

    /// Adds the rulings of a part of a log. Returns the position that they are known up to.
    pub(crate) async fn follow(
        &self,
        space: &SpaceId,
        rulings: &mut Rulings,
        part: RangeInclusive<Position>,
    ) -> Result<Position, StoreError> {
        let (mut read, through) = part.into_inner();
        loop {
            let blocks = self.control(space, read).await?;
            // Read after the blocks, so these branches reach as far.
            let branches = if blocks.iter().any(LogBlock::closes_keys) {
                self.branches(space).await?
            } else {
                Branches::new()
            };
            for log in blocks.iter().take_while(|log| log.end() <= through) {
                log.rule(rulings, &branches);
            }
            match blocks.last().map(LogBlock::end) {
                Some(last) if last < through => read = last,
                Some(last) => return Ok(last.min(through)),
                None => return Ok(read),
            }
        }
    }

    /// Tells of each commit if a space's log holds it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn holds(
        &self,
        space: &SpaceId,
        commits: &[CommitId],
    ) -> Result<Vec<bool>, StoreError> {
        let branches = self.branches(space).await?;
        let Some(number) = self.core.number_of(space).await? else {
            return Ok(vec![false; commits.len()]);
        };
        let rows = self.core.ledger.rows();
        let located = locate::locate(rows, number, &branches, commits).await?;
        Ok(located.iter().map(Option::is_some).collect())
    }

    /// The last blocks in which an author wrote an event up to a number: about `most` of them, shared
    /// among its branches, and at least one of each.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn written_through(
        &self,
        space: &SpaceId,
        author: &ReplicaId,
        seq: u64,
        most: usize,
    ) -> Result<Vec<Block>, StoreError> {
        let branches = self.branches(space).await?;
        let Some(number) = self.core.number_of(space).await? else { return Ok(Vec::new()) };
        let rows = self.core.ledger.rows();
        let mut blocks = Vec::new();
        let most = (most / branches.of(author).len().max(1)).max(1);
        for no in branches.of(author) {
            blocks
                .extend(locate::written_through(rows, number, &branches, *no, (seq, most)).await?);
        }
        Ok(blocks)
    }
}
