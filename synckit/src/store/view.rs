//! Reading: which rows answer a question, and what they say.
//!
//! Every question is answered from one state of the rows, together with the row of its space. Rows
//! are checked against each other, not only against their seals: blocks must follow one another
//! without a gap and reach as far as the space's row says, and heads are counted. A row that damage made unfindable is noticed so.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};

use super::LIST_ROWS_MAX;
use super::acks::Acknowledged;
use super::encoding::{
    RunRow, SpaceNumber, SpaceRow, aggregate_of, content, last_number, only, read_ack, read_branch,
    read_cursor, read_log, read_position, read_starts, space_key, state_key,
};
use super::parts::{PartId, StateRow};
use super::rows::{KeyRange, Read, Row, Table};
use super::seal::Damage;
use crate::block::BLOCK_BYTES_MAX;
use crate::branch::{BRANCHES_MAX, BranchNo, Branches};
use crate::filter::Filter;
use crate::id::{AggregateId, Key, Name, Position, ReplicaId, SpaceId};
use crate::log::{Cursor, LogBlock, Page, READ_BYTES_MAX};

/// Most blocks of one page of a log.
const PAGE_ROWS_MAX: usize = 4_096;
/// Most bytes of a block's row. A run takes more bytes in a block than its place beside the block,
/// and so does an anchor.
const ROW_BYTES_MAX: usize = 2 * BLOCK_BYTES_MAX;
/// Most blocks of one page of rulings.
const CONTROL_ROWS_MAX: usize = 64;
/// Most rows of an index that one page of an aggregate's history reads.
const HISTORY_ROWS_MAX: usize = 32;
/// Most blocks of one page of an aggregate's history.
const HISTORY_BLOCKS_MAX: usize = 64;
/// Most bytes of one page's rows.
const PAGE_BYTES_MAX: usize = READ_BYTES_MAX + BLOCK_BYTES_MAX;

/// The reads that find a space.
pub(super) fn space_reads(space: &SpaceId) -> [Read; 2] {
    [Table::Spaces, Table::Names].map(|table| Read::get(table, space_key(space)))
}

/// The space's row; `None` when the space is not known.
pub(super) fn space_row(rows: &[Vec<Row>]) -> Result<Option<SpaceRow>, Damage> {
    let [row, name, ..] = rows else {
        return Err(Damage::new("a read was not answered"));
    };
    match only(Table::Spaces, row)? {
        Some(content) => SpaceRow::read(&content).map(Some),
        None if only(Table::Names, name)?.is_some() => Err(Damage::new("a space's row is missing")),
        None => Ok(None),
    }
}

/// The read of the log after a position.
pub(super) fn log_read(number: SpaceNumber, after: Position) -> Read {
    Read {
        floor: Some(number.log(0)),
        rows_max: PAGE_ROWS_MAX,
        bytes_max: PAGE_BYTES_MAX,
        ..Read::range(Table::Log, number.range_from(number.log(after.0)))
    }
}

/// The page that the rows of [`log_read`] make.
pub(super) fn page(space: &SpaceRow, after: Position, rows: &[Row]) -> Result<Page, Damage> {
    let page = empty_page(space, after);
    if after.0.max(space.begins) >= space.ends {
        return Ok(page);
    }
    let missing = || Damage::new("a block of the log is missing");
    let mut next = None;
    let blocks = rows.iter().map(|row| {
        let block = read_log(row)?;
        let follows = match next {
            Some(next) => block.start == next,
            None => begins_rightly(space, after, &block),
        };
        if !follows {
            return Err(missing());
        }
        if block.end().0 > space.ends {
            return Err(Damage::new("the log is longer than it should be"));
        }
        next = Some(block.end());
        Ok(block)
    });
    let page = page.fill(blocks)?;
    let bytes: usize = rows.iter().map(|row| row.value.len()).sum();
    let cut = rows.len() >= PAGE_ROWS_MAX || bytes > PAGE_BYTES_MAX - ROW_BYTES_MAX;
    if page.blocks.is_empty() || (page.through.0 < space.ends && !cut) {
        return Err(missing());
    }
    Ok(page)
}

/// A page without blocks of a space's log.
pub(super) const fn empty_page(space: &SpaceRow, after: Position) -> Page {
    Page {
        blocks: Vec::new(),
        begins: Position(space.begins),
        through: after,
        head: Position(space.ends),
        durable: None,
    }
}

/// True when a block is the first one after a position.
fn begins_rightly(space: &SpaceRow, after: Position, block: &LogBlock) -> bool {
    let holds = block.start <= after && block.end() > after;
    holds || (after.0 < space.begins && block.start.0 == space.begins)
}

/// The read of the block that begins at a position.
pub(super) fn block_read(number: SpaceNumber, start: u64) -> Read {
    Read::get(Table::Log, &number.log(start))
}

/// The read of the places at which blocks with rulings begin. The first one may end at the position
/// or before it.
pub(super) fn control_read(number: SpaceNumber, after: Position) -> Read {
    let range = number.range_from(number.log(after.0));
    let floor = Some(number.log(0));
    Read { floor, rows_max: CONTROL_ROWS_MAX, ..Read::range(Table::Control, range) }
}

/// The places at which blocks with rulings begin.
pub(super) fn control(rows: &[Row]) -> Result<Vec<u64>, Damage> {
    let start = |row: &Row| {
        content(Table::Control, row)?;
        last_number(&row.key)
    };
    rows.iter().map(start).collect()
}

/// The reads of how far a log is indexed, and of where the events of an aggregate are after a position.
pub(super) fn history_reads(
    number: SpaceNumber,
    aggregate: &AggregateId,
    after: Position,
) -> Vec<Read> {
    let prefix = number.history(aggregate);
    let from = [&prefix[..], &after.0.to_be_bytes()].concat();
    let range = KeyRange { from, ..KeyRange::prefix(&prefix) };
    let starts = Read::range(Table::History, range);
    let starts = Read { floor: Some(prefix), rows_max: HISTORY_ROWS_MAX, ..starts };
    vec![Read::get(Table::History, &number.prefix()), starts]
}

/// The position up to which a log is indexed.
pub(super) fn index_mark(rows: &[Row]) -> Result<Position, Damage> {
    let mark = only(Table::History, rows)?;
    mark.map_or(Ok(Position::START), |mark| read_position(&mark))
}

/// A part of a log that was looked up in its index.
#[derive(Debug, Default)]
pub(super) struct Indexed {
    /// The places where blocks begin that hold events of the aggregate. The first one may end at the
    /// position that was asked for, or before it.
    pub(super) starts: Vec<u64>,
    /// The end of the part; `None` where it is the end of the last of those blocks.
    pub(super) through: Option<Position>,
}

/// Interprets the rows of [`history_reads`].
pub(super) fn indexed(after: Position, rows: &[Vec<Row>]) -> Result<Indexed, Damage> {
    let [mark, rows] = rows else { return Err(Damage::new("a read was not answered")) };
    let mark = index_mark(mark)?;
    let mut starts = Vec::new();
    for row in rows {
        starts.append(&mut read_starts(&content(Table::History, row)?)?);
    }
    // Rows overlap where two processes have indexed a part of a log at the same time.
    starts.sort_unstable();
    starts.dedup();
    let holds = starts.partition_point(|start| *start <= after.0).saturating_sub(1);
    starts.drain(..holds);
    let is_cut = rows.len() == HISTORY_ROWS_MAX || starts.len() > HISTORY_BLOCKS_MAX;
    starts.truncate(HISTORY_BLOCKS_MAX);
    Ok(Indexed { starts, through: (!is_cut).then_some(mark.max(after)) })
}

/// The blocks that an index names, without those that were pruned.
pub(super) fn indexed_blocks(
    space: &SpaceRow,
    starts: &[u64],
    rows: &[Vec<Row>],
) -> Result<Vec<LogBlock>, Damage> {
    let held = starts.iter().zip(rows).filter(|(start, _)| **start >= space.begins);
    held.map(|(_, rows)| block(rows)).collect()
}

/// The block that begins at a position of the log.
pub(super) fn block(rows: &[Row]) -> Result<LogBlock, Damage> {
    read_log(rows.first().ok_or(Damage::new("a block of the log is missing"))?)
}

/// The read of the run of a branch that holds an event.
pub(super) fn run_read(number: SpaceNumber, no: BranchNo, seq: u64) -> Read {
    let range = KeyRange { from: number.run(no, seq), to: Vec::new() };
    let floor = Some(number.branch(no));
    Read { floor, rows_max: 1, ..Read::range(Table::Runs, range) }
}

/// The run of a branch that holds an event, which the log is known to hold or to have held.
pub(super) fn run(
    number: SpaceNumber,
    no: BranchNo,
    seq: u64,
    rows: &[Row],
) -> Result<RunRow, Damage> {
    let missing = Damage::new("a run of a branch is missing");
    let Some(row) = rows.first().filter(|row| row.key.starts_with(&number.branch(no))) else {
        return Err(missing);
    };
    let run = RunRow::read(&content(Table::Runs, row)?)?;
    if row.key <= number.run(no, seq) && seq <= run.last_seq { Ok(run) } else { Err(missing) }
}

/// The read of the filter by which a space is held.
pub(super) fn filter_read(number: SpaceNumber) -> Read {
    Read::get(Table::Filters, &number.prefix())
}

/// The filter by which a space is held; `None` when all of it is.
pub(super) fn filter(rows: &[Row]) -> Result<Option<Filter>, Damage> {
    let content = only(Table::Filters, rows)?;
    Ok(content.map(|content| Filter::read(&content)).transpose()?)
}

/// Acknowledgements of a log, by peer.
pub(super) fn acks(rows: &[Row]) -> Result<BTreeMap<ReplicaId, Acknowledged>, Damage> {
    let ack = |row: &Row| {
        let peer = row.key.last_chunk().ok_or(Damage::new("a key names no peer"))?;
        Ok((ReplicaId::from_bytes(*peer), read_ack(&content(Table::Acks, row)?)?))
    };
    rows.iter().map(ack).collect()
}

/// Spaces with their rows.
pub(super) fn spaces(rows: &[Row]) -> Result<Vec<(SpaceId, SpaceRow)>, Damage> {
    let unnamed = || Damage::new("a key names no space");
    let space = |row: &Row| {
        let name = std::str::from_utf8(&row.key).map_err(|_| unnamed())?;
        let id = SpaceId::new(name).map_err(|_| unnamed())?;
        Ok((id, SpaceRow::read(&content(Table::Spaces, row)?)?))
    };
    rows.iter().map(space).collect()
}

/// The read of all branches of a space.
pub(super) fn branches_read(number: SpaceNumber) -> Read {
    Read { rows_max: BRANCHES_MAX + 1, ..Read::range(Table::Heads, number.range()) }
}

/// The branches of a space, all of them.
pub(super) fn branches(space: &SpaceRow, rows: &[Row]) -> Result<Branches, Damage> {
    if u32::try_from(rows.len()) != Ok(space.branches) {
        return Err(Damage::new("a branch is missing"));
    }
    let mut branches = Branches::new();
    for (no, row) in (0..).map(BranchNo).zip(rows) {
        if row.key != space.number.branch(no) {
            return Err(Damage::new("a branch is missing"));
        }
        let branch = read_branch(&content(Table::Heads, row)?)?;
        branches.set(no, branch).map_err(|_| Damage::new("a space has too many branches"))?;
    }
    Ok(branches)
}

/// The read of the block that ends at a position, or of one before it.
pub(super) fn block_before_read(number: SpaceNumber, position: Position) -> Read {
    let from = number.log(position.0.saturating_sub(1));
    let range = KeyRange { from: from.clone(), to: number.log(position.0) };
    Read { floor: Some(number.log(0)), rows_max: 1, ..Read::range(Table::Log, range) }
}

/// An aggregate's state.
pub(super) fn state(rows: &[Row]) -> Result<Option<StateRow>, Damage> {
    only(Table::States, rows)?.map(StateRow::read).transpose()
}

/// The read of a part of an aggregate's state.
pub(super) fn part_read(number: SpaceNumber, aggregate: &AggregateId, part: PartId) -> Read {
    Read::get(Table::Parts, &number.part(aggregate, part))
}

/// The state that parts make, in their order.
pub(super) fn joined(rows: &[Vec<Row>]) -> Result<Bytes, Damage> {
    let missing = || Damage::new("a part of a state is missing");
    let mut state = BytesMut::new();
    for rows in rows {
        state.extend_from_slice(&only(Table::Parts, rows)?.ok_or_else(missing)?);
    }
    Ok(state.freeze())
}

/// The place up to which a peer's log has been followed.
pub(super) fn cursor(rows: &[Row]) -> Result<Option<Cursor>, Damage> {
    only(Table::Cursors, rows)?.map(|content| read_cursor(&content)).transpose()
}

/// The read of a type's states after a key.
pub(super) fn states_read(
    number: SpaceNumber,
    kind: &Name,
    after: Option<&Key>,
    limit: usize,
) -> Read {
    let mut range = KeyRange::prefix(&number.states(kind));
    if let Some(after) = after {
        // The least key greater than `after`.
        range.from.extend_from_slice(after.as_bytes());
        range.from.push(0);
    }
    Read { rows_max: limit.min(LIST_ROWS_MAX), ..Read::range(Table::States, range) }
}

/// States with their keys.
pub(super) fn states(
    number: SpaceNumber,
    kind: &Name,
    rows: &[Row],
) -> Result<Vec<(Key, StateRow)>, Damage> {
    let prefix = number.states(kind);
    let state = |row: &Row| {
        let state = StateRow::read(content(Table::States, row)?)?;
        Ok((state_key(&row.key, &prefix)?, state))
    };
    rows.iter().map(state).collect()
}

/// The read of an aggregate's state.
pub(super) fn state_read(number: SpaceNumber, aggregate: &AggregateId) -> Read {
    Read::get(Table::States, &number.state(aggregate))
}

/// The read of the aggregates with open conflicts after one; of those of a type, if one is named.
pub(super) fn conflicted_read(
    number: SpaceNumber,
    kind: Option<&Name>,
    after: Option<&AggregateId>,
    limit: usize,
) -> Read {
    let mut range =
        kind.map_or_else(|| number.range(), |kind| KeyRange::prefix(&number.states(kind)));
    if let Some(after) = after {
        // The least key greater than that of `after`.
        range.from = number.state(after);
        range.from.push(0);
    }
    Read { rows_max: limit.min(LIST_ROWS_MAX), ..Read::range(Table::Conflicted, range) }
}

/// The read of the events after a position that the states are folded without.
pub(super) fn parked_read(number: SpaceNumber, after: Position, limit: usize) -> Read {
    let from = number.parked(Position(after.0.saturating_add(1)));
    let range = number.range_from(from);
    Read { rows_max: limit.min(LIST_ROWS_MAX), ..Read::range(Table::Parked, range) }
}

/// Positions of parked events, ascending.
pub(super) fn parked(rows: &[Row]) -> Result<Vec<Position>, Damage> {
    let position = |row: &Row| {
        content(Table::Parked, row)?;
        Ok(Position(last_number(&row.key)?))
    };
    rows.iter().map(position).collect()
}

/// Aggregates with open conflicts, ascending.
pub(super) fn conflicted(number: SpaceNumber, rows: &[Row]) -> Result<Vec<AggregateId>, Damage> {
    let aggregate = |row: &Row| {
        content(Table::Conflicted, row)?;
        aggregate_of(&row.key, number)
    };
    rows.iter().map(aggregate).collect()
}
