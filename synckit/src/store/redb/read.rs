//! Reading: every question is answered from one consistent state of the file.
//!
//! Rows are checked against each other, not only against their seals: blocks and runs must follow
//! one another without a gap and reach as far as the space's row says, and the heads must add up to
//! the log's length. A row that damage made unfindable is noticed so.

use bytes::Bytes;
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable};

use super::fault::Fault;
use super::rows::{
    RunRow, SpaceNumber, SpaceRow, head_replica, read_cursor, read_head, read_log, state_key,
};
use super::table::{Rows, Table};
use crate::conflict::Conflict;
use crate::envelope::{Frontier, Head};
use crate::id::{AggregateId, Key, Name, Position, ReplicaId, SpaceId, StoreIdentity};
use crate::log::{LogBlock, Page, READ_BYTES_MAX};
use crate::store::{ForkProof, LIST_ROWS_MAX};
use crate::wire;

type Raw = &'static [u8];

/// A space as a read transaction shows it.
pub(super) struct View<'t> {
    txn: &'t ReadTransaction,
    pub(super) row: SpaceRow,
}

impl<'t> View<'t> {
    /// `None` when the space is not known.
    pub(super) fn of(txn: &'t ReadTransaction, space: &SpaceId) -> Result<Option<Self>, Fault> {
        let row = space_row(&Table::SPACES.of(txn)?, &Table::NAMES.of(txn)?, space)?;
        Ok(row.map(|row| Self { txn, row }))
    }

    pub(super) const fn number(&self) -> SpaceNumber {
        self.row.number
    }

    pub(super) const fn head(&self) -> Position {
        Position(self.row.events)
    }

    pub(super) fn table(&self, table: Table) -> Result<Rows<ReadOnlyTable<Raw, Raw>>, Fault> {
        table.of(self.txn)
    }

    pub(super) fn page_after(&self, after: Position) -> Result<Page, Fault> {
        let mut page = PageBuilder::new(after, self.head());
        let log = self.table(Table::LOG)?;
        for block in blocks_from(&log, &self.row, after)? {
            if !page.push(block?) {
                break;
            }
        }
        Ok(page.finish())
    }

    pub(super) fn page_of_replica(
        &self,
        replica: &ReplicaId,
        from_seq: u64,
    ) -> Result<Page, Fault> {
        let mut page = PageBuilder::new(Position::START, self.head());
        let head = self.replica_head(replica)?;
        let log = self.table(Table::LOG)?;
        let runs = self.table(Table::RUNS)?;
        let mut seq = from_seq.max(1);
        while seq <= head.seq {
            let run = run_at(&runs, self.number(), replica, seq)?;
            let block = block_at(&log, self.number(), run.start)?;
            let holds = |found: &crate::block::Run| {
                (found.replica, found.first_seq, found.last_seq())
                    == (*replica, run.first_seq, run.last_seq)
            };
            if !block.block.runs().iter().any(holds) {
                return Err(Fault::damaged("a block does not hold the events that it should"));
            }
            if !page.push(block) {
                break;
            }
            seq = run.last_seq + 1;
        }
        Ok(page.finish())
    }

    pub(super) fn frontier(&self) -> Result<Frontier, Fault> {
        let mut frontier = Frontier::new();
        for (replica, head) in heads(&self.table(Table::HEADS)?, &self.row)? {
            frontier
                .set(replica, head)
                .map_err(|_| Fault::damaged("a space has too many replicas"))?;
        }
        Ok(frontier)
    }

    pub(super) fn replica_head(&self, replica: &ReplicaId) -> Result<Head, Fault> {
        let content = self.table(Table::HEADS)?.get(&self.number().head(replica))?;
        content.map_or(Ok(Head::START), |content| read_head(&content))
    }

    pub(super) fn cursor(&self, peer: &StoreIdentity) -> Result<Option<Position>, Fault> {
        let (prefix, cursors) = (self.number().prefix(), self.table(Table::CURSORS)?);
        let Some(content) = cursors.get(&self.number().cursor(&peer.id))? else {
            let held = cursors.within(&prefix, &prefix).filter(Result::is_ok).count();
            return match u32::try_from(held) == Ok(self.row.cursors) {
                true => Ok(None),
                false => Err(Fault::damaged("a cursor is missing")),
            };
        };
        let (epoch, position) = read_cursor(&content)?;
        Ok((epoch == peer.epoch).then_some(position))
    }

    pub(super) fn state(&self, aggregate: &AggregateId) -> Result<Option<Bytes>, Fault> {
        self.table(Table::STATES)?.get(&self.number().state(aggregate))
    }

    pub(super) fn states(
        &self,
        kind: &Name,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Bytes)>, Fault> {
        let prefix = self.number().states(kind);
        let mut from = prefix.clone();
        if let Some(after) = after {
            // The least key greater than `after`.
            from.extend_from_slice(after.as_bytes());
            from.push(0);
        }
        let states = self.table(Table::STATES)?;
        let rows = states.within(&prefix, &from).take(limit.min(LIST_ROWS_MAX));
        rows.map(|row| row.and_then(|row| Ok((state_key(&row.key, &prefix)?, row.content))))
            .collect()
    }

    pub(super) fn conflicts(&self, skip: u64) -> Result<Vec<Conflict>, Fault> {
        let conflicts = self.table(Table::CONFLICTS)?;
        let end = self.row.conflicts.min(skip.saturating_add(LIST_ROWS_MAX as u64));
        let missing = || Fault::damaged("a recorded conflict is missing");
        (skip..end)
            .map(|index| {
                let content = conflicts.get(&self.number().conflict(index))?;
                Ok(wire::decode(&content.ok_or_else(missing)?)?)
            })
            .collect()
    }

    pub(super) fn forks(&self) -> Result<Vec<ForkProof>, Fault> {
        let (prefix, table) = (self.number().prefix(), self.table(Table::FORKS)?);
        let mut forks = Vec::new();
        for row in table.within(&prefix, &prefix) {
            let content = row?.content;
            let Some((index, proof)) = content.split_first_chunk() else {
                return Err(Fault::damaged("a recorded fork is too short"));
            };
            forks.push((u32::from_be_bytes(*index), wire::decode(proof)?));
        }
        forks.sort_unstable_by_key(|(index, _)| *index);
        let indices = forks.iter().map(|(index, _)| *index);
        if !indices.eq(0..self.row.forks) {
            return Err(Fault::damaged("a recorded fork is missing"));
        }
        Ok(forks.into_iter().map(|(_, proof)| proof).collect())
    }
}

/// What there is of a space; `None` when it is not known.
pub(super) fn space_row<T: ReadableTable<Raw, Raw>>(
    spaces: &Rows<T>,
    names: &Rows<T>,
    space: &SpaceId,
) -> Result<Option<SpaceRow>, Fault> {
    let key = space.as_str().as_bytes();
    match spaces.get(key)? {
        Some(content) => SpaceRow::read(&content).map(Some),
        None if names.get(key)?.is_some() => Err(Fault::damaged("a space's row is missing")),
        None => Ok(None),
    }
}

/// The blocks that hold events after a position, in order and without a gap up to the log's end.
pub(super) fn blocks_from<'a, T: ReadableTable<Raw, Raw>>(
    log: &'a Rows<T>,
    space: &SpaceRow,
    after: Position,
) -> Result<impl Iterator<Item = Result<LogBlock, Fault>> + 'a, Fault> {
    let (number, end) = (space.number, space.events);
    let mut next = match after.0 < end {
        true => Some(block_holding(log, number, after)?),
        false => None,
    };
    Ok(std::iter::from_fn(move || {
        let block = next.take()?;
        let through = block.end().0;
        if through < end {
            match block_at(log, number, through) {
                Ok(block) => next = Some(block),
                Err(fault) => return Some(Err(fault)),
            }
        } else if through > end {
            return Some(Err(Fault::damaged("the log is longer than it should be")));
        }
        Some(Ok(block))
    }))
}

/// The block that holds the event after a position.
fn block_holding<T: ReadableTable<Raw, Raw>>(
    log: &Rows<T>,
    number: SpaceNumber,
    after: Position,
) -> Result<LogBlock, Fault> {
    let missing = Fault::damaged("a block of the log is missing");
    let row = log.at_or_before(&number.log(after.0))?;
    let Some(row) = row.filter(|row| row.key.starts_with(&number.prefix())) else {
        return Err(missing);
    };
    let block = read_log(&row.key, &row.content)?;
    if block.end() > after { Ok(block) } else { Err(missing) }
}

/// The block that begins at a position.
pub(super) fn block_at<T: ReadableTable<Raw, Raw>>(
    log: &Rows<T>,
    number: SpaceNumber,
    start: u64,
) -> Result<LogBlock, Fault> {
    let key = number.log(start);
    let content = log.get(&key)?.ok_or(Fault::damaged("a block of the log is missing"))?;
    read_log(&key, &content)
}

/// The run that holds a replica's event, which the log is known to hold.
pub(super) fn run_at<T: ReadableTable<Raw, Raw>>(
    runs: &Rows<T>,
    number: SpaceNumber,
    replica: &ReplicaId,
    seq: u64,
) -> Result<RunRow, Fault> {
    let missing = Fault::damaged("a run of a replica's events is missing");
    let row = runs.at_or_before(&number.run(replica, seq))?;
    let Some(row) = row.filter(|row| row.key.starts_with(&number.head(replica))) else {
        return Err(missing);
    };
    let run = RunRow::read(&row.key, &row.content)?;
    if (run.first_seq..=run.last_seq).contains(&seq) { Ok(run) } else { Err(missing) }
}

/// The heads of a space's replicas, all of them.
pub(super) fn heads<T: ReadableTable<Raw, Raw>>(
    table: &Rows<T>,
    space: &SpaceRow,
) -> Result<Vec<(ReplicaId, Head)>, Fault> {
    let prefix = space.number.prefix();
    let mut heads = Vec::new();
    let mut events = 0u64;
    for row in table.within(&prefix, &prefix) {
        let row = row?;
        let head = read_head(&row.content)?;
        events = events.saturating_add(head.seq);
        heads.push((head_replica(&row.key)?, head));
    }
    // Every event in the log is one of a replica's events up to its head.
    if events != space.events || u32::try_from(heads.len()) != Ok(space.replicas) {
        return Err(Fault::damaged("a replica's head is missing"));
    }
    Ok(heads)
}

/// Collects blocks up to the limit of one read.
pub(super) struct PageBuilder {
    page: Page,
    bytes: usize,
}

impl PageBuilder {
    pub(super) const fn new(after: Position, head: Position) -> Self {
        Self { page: Page { blocks: Vec::new(), through: after, head }, bytes: 0 }
    }

    /// Takes a block if it fits; the first always does.
    pub(super) fn push(&mut self, block: LogBlock) -> bool {
        self.bytes += block.block.bytes().len();
        if self.bytes > READ_BYTES_MAX && !self.page.blocks.is_empty() {
            return false;
        }
        self.page.through = block.end();
        self.page.blocks.push(block);
        true
    }

    pub(super) fn finish(self) -> Page {
        self.page
    }
}
