//! Finding events in a log: those of one aggregate, those of a name, and edits under an idempotency key.
//!
//! A log is indexed by aggregates when somebody asks, and goes on from where the last one ended: a store of which
//! nobody asks for histories, such as a hub's, keeps no index. The index follows from the log alone,
//! so it is made again when it is damaged.

use std::collections::BTreeMap;

use super::{Core, EventStore, first};
use crate::id::{AggregateId, Dot, Position, SpaceId};
use crate::log::{LogBlock, Page};
use crate::store::encoding::{SpaceNumber, SpaceRow, write_starts};
use crate::store::rows::{Change, Read, Row, Table, WriteSet};
use crate::store::seal::{Damage, sealed};
use crate::store::view::{self, Indexed};
use crate::store::{StoreError, StoreErrorKind, locate};

/// Events at the end of a log that are looked through rather than indexed.
const UNINDEXED_EVENTS_MAX: u64 = 8_192;
/// Events that are indexed by one write.
const INDEXED_EVENTS_MAX: u64 = 65_536;

impl EventStore {
    /// The next blocks of a space's log after a position that hold events of an aggregate, in log
    /// order. [`Page::through`] says how far the log has been looked through: go on behind it, until
    /// it has reached [`Page::head`]. Blocks that were pruned are missing.
    ///
    /// Takes time in the number of these blocks, whatever the length of the log, once the log is
    /// indexed; the first call indexes it, and later ones what was appended since. Dropping the
    /// future keeps what was indexed.
    ///
    /// # Errors
    /// When the store cannot be read or written, or a block is damaged.
    pub async fn history(
        &self,
        space: &SpaceId,
        aggregate: &AggregateId,
        after: Position,
    ) -> Result<Page, StoreError> {
        let attempted = "read an aggregate's history";
        self.check_open(attempted)?;
        let head = self.head(space).await?;
        let Some(number) = self.core.number_of(space).await? else {
            return Ok(Page::empty(after));
        };
        match self.index(space, number, head).await {
            // What is not indexed is looked through.
            Err(error) if *error.kind() == StoreErrorKind::ReadOnly => {}
            indexed => indexed?,
        }
        let indexed = match self.indexed(space, aggregate, after).await {
            Err(error) if *error.kind() == StoreErrorKind::Corrupt => {
                self.core.forget_index(number).await?;
                Indexed { through: Some(after), ..Indexed::default() }
            }
            indexed => indexed?,
        };
        let starts = indexed.starts;
        let read = |number| starts.iter().map(|start| view::block_read(number, *start)).collect();
        let blocks = |row: &SpaceRow, rows: &[Vec<Row>]| {
            Ok((row.begins, view::indexed_blocks(row, &starts, rows)?))
        };
        let (begins, mut blocks) = self.read(attempted, space, read, blocks).await?;
        let last = blocks.last().map(|log| log.end());
        blocks.retain(|log| log.end() > after);
        let through = indexed.through.or(last).unwrap_or(after).max(Position(begins)).min(head);
        let page = Page { blocks, begins: Position(begins), through, head, durable: None };
        if page.blocks.is_empty() && page.through < head {
            return self.unindexed(space, aggregate, page.through, head).await;
        }
        Ok(page)
    }

    /// The blocks that hold events, named by their identity in merging, each block once, in log order.
    /// Those of events that are not held, or were pruned, are missing.
    ///
    /// # Errors
    /// When the store cannot be read, or a block is damaged.
    pub async fn holding(
        &self,
        space: &SpaceId,
        events: &[Dot],
    ) -> Result<Vec<LogBlock>, StoreError> {
        self.check_open("read events")?;
        let branches = self.branches(space).await?;
        let Some(number) = self.core.number_of(space).await? else { return Ok(Vec::new()) };
        locate::holding(self.core.ledger.rows(), number, &branches, events).await
    }

    /// True when a space's log holds an edit under an idempotency key, or held one that was pruned.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn holds_once(&self, space: &SpaceId, once: &str) -> Result<bool, StoreError> {
        let read = |number: SpaceNumber| vec![Read::get(Table::Once, &number.once(once))];
        // The row says it all by being there.
        let holds = |_: &SpaceRow, rows: &[Vec<Row>]| Ok(!first(rows).is_empty());
        self.read("look up an idempotency key", space, read, holds).await
    }

    /// The same as [`EventStore::history`] gives, of a part of the log that is not indexed.
    async fn unindexed(
        &self,
        space: &SpaceId,
        aggregate: &AggregateId,
        after: Position,
        head: Position,
    ) -> Result<Page, StoreError> {
        let mut through = after;
        loop {
            let mut page = self.read_after(space, through).await?;
            page.head = page.head.max(head);
            page.blocks.retain(|log| log.block.aggregates().contains(aggregate));
            if !page.blocks.is_empty() || page.through >= head || page.through == through {
                return Ok(page);
            }
            through = page.through;
        }
    }

    async fn indexed(
        &self,
        space: &SpaceId,
        aggregate: &AggregateId,
        after: Position,
    ) -> Result<Indexed, StoreError> {
        let read = |number| view::history_reads(number, aggregate, after);
        let indexed = |_: &SpaceRow, rows: &[Vec<Row>]| view::indexed(after, rows);
        self.read("read an index", space, read, indexed).await
    }

    /// Indexes a log, but for its last events, unless somebody does already.
    async fn index(
        &self,
        space: &SpaceId,
        number: SpaceNumber,
        head: Position,
    ) -> Result<(), StoreError> {
        let read = |number: SpaceNumber| vec![Read::get(Table::History, &number.prefix())];
        let mark = |_: &SpaceRow, rows: &[Vec<Row>]| view::index_mark(first(rows));
        // Nobody waits for it: it may be the future of somebody who does not poll it any more.
        let Ok(_indexing) = self.core.indexing.try_lock() else { return Ok(()) };
        let mut through = match self.read("read an index", space, read, mark).await {
            Err(error) if *error.kind() == StoreErrorKind::Corrupt => {
                self.core.forget_index(number).await?;
                Position::START
            }
            mark => mark?,
        };
        while head.0.saturating_sub(through.0) > UNINDEXED_EVENTS_MAX {
            let mut part = IndexPart { begins: through, through, starts: BTreeMap::new() };
            while part.through < head && part.through.0 - part.begins.0 < INDEXED_EVENTS_MAX {
                let page = self.read_after(space, part.through).await?;
                if page.blocks.is_empty() {
                    return Ok(());
                }
                part.add(page);
            }
            self.core.ledger.write_beside(part.rows(number)?).await?;
            through = part.through;
        }
        Ok(())
    }
}

/// The index of a part of a log.
struct IndexPart {
    begins: Position,
    through: Position,
    /// Of each aggregate, the places where blocks begin that hold its events, ascending.
    starts: BTreeMap<AggregateId, Vec<u64>>,
}

impl IndexPart {
    fn add(&mut self, page: Page) {
        for log in &page.blocks {
            for aggregate in log.block.aggregates() {
                match self.starts.get_mut(aggregate) {
                    Some(starts) => starts.push(log.start.0),
                    None => drop(self.starts.insert(aggregate.clone(), vec![log.start.0])),
                }
            }
        }
        self.through = page.through;
    }

    fn rows(&self, number: SpaceNumber) -> Result<WriteSet, StoreError> {
        let put = |key: Vec<u8>, content: &[u8]| {
            let (table, value) = (Table::History, sealed(Table::History, &key, &[content]));
            Change::Put { table, key, value }
        };
        let begins = self.begins.0.to_be_bytes();
        let mut changes = Vec::with_capacity(self.starts.len() + 1);
        for (aggregate, starts) in &self.starts {
            let key = [&number.history(aggregate)[..], &begins].concat();
            changes.push(put(key, &write_starts(starts).map_err(Damage::from)?));
        }
        changes.push(put(number.prefix().to_vec(), &self.through.0.to_be_bytes()));
        Ok(WriteSet { changes, ..WriteSet::default() })
    }
}

impl Core {
    /// Drops a damaged index: it is made again. One that is only read stays.
    async fn forget_index(&self, number: SpaceNumber) -> Result<(), StoreError> {
        let remove = Change::Remove { table: Table::History, range: number.range() };
        let write = WriteSet { changes: vec![remove], ..WriteSet::default() };
        match self.ledger.write_beside(write).await {
            Err(error) if *error.kind() == StoreErrorKind::ReadOnly => Ok(()),
            forgotten => forgotten,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::block::tests::{Author, seal, space};
    use crate::log::{Append, Source};
    use crate::store::Batch;

    #[tokio::test]
    async fn whoever_does_not_go_on_indexing_holds_nobody_up() {
        let store = EventStore::in_memory().unwrap();
        let mut ann = Author::named("ann");
        let commits: Vec<_> = (0..=UNINDEXED_EVENTS_MAX).map(|_| ann.write(&["x"], &[])).collect();
        for commits in commits.chunks(2_048) {
            let block = seal(&commits.iter().collect::<Vec<_>>());
            let append = vec![Append { block, source: Source::Peer }];
            store.commit(Batch { append, ..Batch::new(space()) }).await.unwrap();
        }
        let aggregate = commits[0].events[0].aggregate.clone();
        let space = space();
        let find = || store.history(&space, &aggregate, Position::START);
        let mut left = Box::pin(find());
        let begun = std::future::poll_fn(|context| {
            std::task::Poll::Ready(left.as_mut().poll(context).is_pending())
        });
        assert!(begun.await, "it waits until a part of the index is written");
        let found = tokio::time::timeout(Duration::from_secs(20), find()).await;
        assert!(!found.expect("it does not wait").unwrap().blocks.is_empty());
        assert!(!left.await.unwrap().blocks.is_empty());
    }
}
