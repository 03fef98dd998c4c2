//! Blocks that were read out of a damaged file and follow something that could not be: they wait,
//! in rows of the store, until that has come from a peer.
//!
//! They are no part of the log. After each batch that appends to the log, those that waited for
//! something in it are admitted by the log's rules, like blocks that come from anywhere.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{MappedMutexGuard, Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard};

use super::encoding::{content, last_number};
use super::event_store::EventStore;
use super::ledger::Ledger;
use super::rows::{Change, KeyRange, Read, Row, Table, WriteSet};
use super::seal::{Damage, sealed};
use super::{Batch, Committed, EventRange, SalvageReport, StoreError, StoreErrorKind};
use crate::block::{BLOCK_BYTES_MAX, Block};
use crate::chain::CommitId;
use crate::id::SpaceId;
use crate::log::{Append, Refusal, Source};

/// Most rows of one read.
const READ_ROWS_MAX: usize = 256;
/// Most bytes of one read.
const READ_BYTES_MAX: usize = 4 * BLOCK_BYTES_MAX;

impl EventStore {
    /// The report of the salvage at this opening, if the file was found damaged and this store was put
    /// in its place.
    pub fn salvaged(&self) -> Option<&SalvageReport> {
        self.left_rows().salvaged.get()
    }

    /// Notes that the store was made of a damaged file.
    #[cfg_attr(not(feature = "redb"), allow(dead_code, reason = "only files are salvaged"))]
    pub(super) fn after_salvage(self, report: SalvageReport) -> Self {
        // A store is opened once.
        let _ = self.left_rows().salvaged.set(report);
        self
    }

    /// Events that were read out of a damaged file and wait for events before them, which were not
    /// readable. They are admitted by themselves as soon as those come from a peer.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn left(&self, space: &SpaceId) -> Result<Vec<EventRange>, StoreError> {
        const ATTEMPTED: &str = "list what is left of a damaged file";
        self.check_open(ATTEMPTED)?;
        let left = ranges(self.ledger(), space).await;
        left.map_err(|error| error.attempting(ATTEMPTED))
    }
}

/// The blocks that wait.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// There are none.
    none: AtomicBool,
    /// `None` before they were looked for.
    waiting: AsyncMutex<Option<Vec<WaitingBlock>>>,
    /// The report of the salvage that made the store, if it was made at this opening.
    salvaged: OnceLock<SalvageReport>,
}

/// A block that waits.
#[derive(Debug)]
pub(super) struct WaitingBlock {
    pub(super) index: u64,
    pub(super) space: SpaceId,
    /// The commit that it waits for; `None` when it is refused for another reason.
    missing: Option<CommitId>,
}

impl Left {
    /// Admits what waited for something that was committed.
    pub(super) async fn admit_after(
        &self,
        ledger: &Ledger,
        committed: &Committed,
    ) -> Result<(), StoreError> {
        if committed.appended == 0 || self.none.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut waiting = self.looked_for(ledger).await?;
        let arrived = committed.blocks.iter().map(|log| log.block.clone()).collect();
        Self::admit(ledger, &mut waiting, arrived).await?;
        self.none.store(waiting.is_empty(), Ordering::Release);
        Ok(())
    }

    /// The blocks that wait, held as long as the guard is.
    pub(super) async fn looked_for(
        &self,
        ledger: &Ledger,
    ) -> Result<MappedMutexGuard<'_, Vec<WaitingBlock>>, StoreError> {
        let mut waiting = self.waiting.lock().await;
        if waiting.is_none() {
            *waiting = Some(Self::load(ledger).await?);
        }
        Ok(AsyncMutexGuard::map(waiting, |waiting| waiting.get_or_insert_default()))
    }

    /// A block that waits.
    pub(super) async fn block(ledger: &Ledger, index: u64) -> Result<Option<Block>, StoreError> {
        let read = Read::get(Table::Left, &index.to_be_bytes());
        let rows = ledger.rows().read(vec![read]).await?.pop().unwrap_or_default();
        Ok(rows.first().map(block).transpose()?.flatten())
    }

    /// Tries blocks again of which parts wait no longer.
    pub(super) async fn retry(
        ledger: &Ledger,
        waiting: &mut Vec<WaitingBlock>,
        indices: &[u64],
    ) -> Result<(), StoreError> {
        let mut arrived = Vec::new();
        for index in indices {
            let Some(place) = waiting.iter().position(|it| it.index == *index) else { continue };
            let Some(block) = Self::block(ledger, *index).await? else { continue };
            match admit(ledger, block).await? {
                Err(missing) => waiting[place].missing = missing,
                Ok(blocks) => {
                    arrived.extend(blocks);
                    remove(ledger, *index).await?;
                    waiting.remove(place);
                }
            }
        }
        Self::admit(ledger, waiting, arrived).await
    }

    /// Tries all of them once, and again what those that are admitted held up.
    async fn load(ledger: &Ledger) -> Result<Vec<WaitingBlock>, StoreError> {
        let (mut waiting, mut arrived, mut next) = (Vec::new(), Vec::new(), 0);
        loop {
            let rows = read(ledger, next).await?;
            let Some(last) = rows.last() else { break };
            next = last_number(&last.key)? + 1;
            for row in &rows {
                let Some(block) = block(row)? else { continue };
                let (index, space) = (last_number(&row.key)?, block.space().clone());
                match admit(ledger, block).await? {
                    Ok(blocks) => {
                        arrived.extend(blocks);
                        remove(ledger, index).await?;
                    }
                    Err(missing) => waiting.push(WaitingBlock { index, space, missing }),
                }
            }
        }
        Self::admit(ledger, &mut waiting, arrived).await?;
        Ok(waiting)
    }

    /// Tries those that waited for something that has arrived, and so on.
    async fn admit(
        ledger: &Ledger,
        waiting: &mut Vec<WaitingBlock>,
        mut arrived: Vec<Block>,
    ) -> Result<(), StoreError> {
        while let Some(block) = arrived.pop() {
            let held: BTreeSet<_> = block.commits().iter().map(|commit| commit.id).collect();
            let in_part = ledger.holds_part(block.space()).await;
            // A filter may hide the commit that something was seen up to.
            let may_have = |missing: CommitId| {
                held.contains(&missing)
                    || (in_part && held.iter().any(|held| held.author == missing.author))
            };
            let mut index = 0;
            while let Some(it) = waiting.get_mut(index) {
                index += 1;
                if it.space != *block.space() || !it.missing.is_some_and(&may_have) {
                    continue;
                }
                let Some(block) = Self::block(ledger, it.index).await? else { continue };
                match admit(ledger, block).await? {
                    Err(missing) => it.missing = missing,
                    Ok(blocks) => {
                        arrived.extend(blocks);
                        remove(ledger, it.index).await?;
                        index -= 1;
                        waiting.remove(index);
                    }
                }
            }
        }
        Ok(())
    }
}

/// The events of a space that wait.
async fn ranges(ledger: &Ledger, space: &SpaceId) -> Result<Vec<EventRange>, StoreError> {
    let (mut ranges, mut next) = (Vec::new(), 0);
    loop {
        let rows = read(ledger, next).await?;
        let Some(last) = rows.last() else { return Ok(merged(ranges)) };
        next = last_number(&last.key)? + 1;
        for row in &rows {
            let block = block(row)?.filter(|block| block.space() == space);
            ranges.extend(block.iter().flat_map(ranges_of));
        }
    }
}

/// The runs of a block.
pub(super) fn ranges_of(block: &Block) -> impl Iterator<Item = EventRange> {
    block.runs().iter().map(|run| EventRange {
        author: run.replica,
        first: run.first_seq,
        last: run.last_seq(),
    })
}

/// The same events in as few ranges as possible, ascending.
pub(super) fn merged(mut ranges: Vec<EventRange>) -> Vec<EventRange> {
    ranges.sort_unstable();
    let mut merged: Vec<EventRange> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if last.author == range.author && range.first <= last.last + 1 => {
                last.last = last.last.max(range.last);
            }
            _ => merged.push(range),
        }
    }
    merged
}

/// Admits a block; the blocks appended, or the commit that it waits for.
async fn admit(
    ledger: &Ledger,
    block: Block,
) -> Result<Result<Vec<Block>, Option<CommitId>>, StoreError> {
    let space = block.space().clone();
    let append = vec![Append { block, source: Source::Local }];
    match ledger.commit(&Batch { append, ..Batch::new(space) }).await {
        Ok(committed) => Ok(Ok(committed.blocks.into_iter().map(|log| log.block).collect())),
        Err(error) => match error.kind() {
            StoreErrorKind::Refused(Refusal::Missing { missing, .. }) => Ok(Err(Some(*missing))),
            StoreErrorKind::Refused(_) => Ok(Err(None)),
            _ => Err(error),
        },
    }
}

async fn read(ledger: &Ledger, from: u64) -> Result<Vec<Row>, StoreError> {
    let range = KeyRange { from: from.to_be_bytes().to_vec(), to: Vec::new() };
    let read = Read {
        rows_max: READ_ROWS_MAX,
        bytes_max: READ_BYTES_MAX,
        ..Read::range(Table::Left, range)
    };
    Ok(ledger.rows().read(vec![read]).await?.pop().unwrap_or_default())
}

/// Notes that nothing of a block waits any more.
async fn remove(ledger: &Ledger, index: u64) -> Result<(), StoreError> {
    let changes = vec![row(index, None)];
    ledger.write_beside(WriteSet { guards: Vec::new(), changes }).await
}

/// The row of a block. Where nothing waits any more it stays, empty, so that salvage does not take an
/// older copy of the row for something that does.
pub(super) fn row(index: u64, block: Option<&Block>) -> Change {
    let (table, key) = (Table::Left, index.to_be_bytes().to_vec());
    let parts: Vec<&[u8]> = block.iter().map(|block| &block.bytes()[..]).collect();
    let value = sealed(table, &key, &parts);
    Change::Put { table, key, value }
}

/// The block of a row; `None` when nothing of it waits any more.
fn block(row: &Row) -> Result<Option<Block>, Damage> {
    let content = content(Table::Left, row)?;
    if content.is_empty() { Ok(None) } else { Ok(Some(Block::parse(content)?)) }
}
