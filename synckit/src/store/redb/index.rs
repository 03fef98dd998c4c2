//! Finding an aggregate's events: an index that is made when it is asked for.
//!
//! Nothing is indexed when events are appended. A read that finds the index far behind the log has
//! the writer extend it, a chunk at a time; what the index does not reach yet is looked through
//! block by block.

use redb::{ReadTransaction, WriteTransaction};

use super::engine::Verdict;
use super::fault::Fault;
use super::read::{PageBuilder, View, block_at, blocks_from, space_row};
use super::rows::{last_number, read_position};
use super::table::Table;
use crate::id::{AggregateId, Position, SpaceId};
use crate::log::Page;

/// How many events at the log's end are looked through rather than indexed.
pub(super) const UNINDEXED_EVENTS_MAX: u64 = 4_096;
/// How many events one transaction indexes before commits get their turn.
const CHUNK_EVENTS: u64 = 100_000;

/// How many events the index of a space has not reached.
pub(super) fn lag(txn: &ReadTransaction, space: &SpaceId) -> Result<u64, Fault> {
    let Some(view) = View::of(txn, space)? else {
        return Ok(0);
    };
    Ok(view.row.events.saturating_sub(indexed_through(&view)?))
}

/// Extends the index by a chunk.
pub(super) fn extend(txn: &WriteTransaction, space: &SpaceId) -> Result<Verdict<()>, Fault> {
    let (spaces, names) = (Table::SPACES.of_mut(txn)?, Table::NAMES.of_mut(txn)?);
    let Some(row) = space_row(&spaces, &names, space)? else {
        return Ok(Verdict::Abort(()));
    };
    let mut indexed = Table::INDEXED.of_mut(txn)?;
    let prefix = row.number.prefix();
    let from = indexed.get(&prefix)?.map_or(Ok(0), |content| read_position(&content))?;
    let (log, mut index) = (Table::LOG.of_mut(txn)?, Table::AGGREGATES.of_mut(txn)?);
    let mut through = from;
    for block in blocks_from(&log, &row, Position(from))? {
        let block = block?;
        for aggregate in block.block.aggregates() {
            let key = [row.number.aggregate(aggregate), block.start.0.to_be_bytes().to_vec()];
            index.put(&key.concat(), &[])?;
        }
        through = block.end().0;
        if through - from >= CHUNK_EVENTS {
            break;
        }
    }
    indexed.put(&prefix, &[&through.to_be_bytes()])?;
    Ok(Verdict::Commit(()))
}

/// The blocks after a position that hold events of an aggregate.
pub(super) fn page(
    view: &View<'_>,
    aggregate: &AggregateId,
    after: Position,
) -> Result<Page, Fault> {
    let mut page = PageBuilder::new(after, view.head());
    let log = view.table(Table::LOG)?;
    let prefix = view.number().aggregate(aggregate);
    let from = [&prefix[..], &after.0.to_be_bytes()].concat();
    let index = view.table(Table::AGGREGATES)?;
    // The block that `after` lies in begins before it.
    let around = index.at_or_before(&from)?.filter(|row| row.key != from);
    let around = around.filter(|row| row.key.starts_with(&prefix)).map(Ok);
    for row in around.into_iter().chain(index.within(&prefix, &from)) {
        let block = block_at(&log, view.number(), last_number(&row?.key)?)?;
        let wanted = block.end() > after && block.block.aggregates().contains(aggregate);
        if wanted && !page.push(block) {
            return Ok(page.finish());
        }
    }
    let rest = after.max(Position(indexed_through(view)?));
    for block in blocks_from(&log, &view.row, rest)? {
        let block = block?;
        if block.block.aggregates().contains(aggregate) && !page.push(block) {
            break;
        }
    }
    Ok(page.finish())
}

fn indexed_through(view: &View<'_>) -> Result<u64, Fault> {
    let content = view.table(Table::INDEXED)?.get(&view.number().prefix())?;
    content.map_or(Ok(0), |content| read_position(&content))
}
