//! The last blocks of logs, in memory: what was just written is what others read next.
//!
//! Holds durable blocks only, in their places. A reader that has kept up is answered from here; one
//! that has not is answered from the rows.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::id::{Position, SpaceId};
use crate::log::{Cursor, LogBlock, Page};

/// Most bytes that the blocks of all logs take in memory, roughly.
const TAIL_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes that an event takes besides those of its block, roughly.
const EVENT_BYTES: usize = 160;
/// Bytes that a block takes besides those of its events, roughly.
const BLOCK_BYTES: usize = 1_024;

/// The last blocks of the logs of one store.
#[derive(Debug, Default)]
pub(super) struct Tails(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    logs: BTreeMap<SpaceId, Tail>,
    /// The log of each block, in the order of writing.
    order: VecDeque<SpaceId>,
    bytes: usize,
}

#[derive(Debug)]
struct Tail {
    begins: Position,
    blocks: VecDeque<LogBlock>,
}

impl Tails {
    /// Blocks of a log have become durable; the log begins at `begins`.
    pub(super) fn append(&self, space: &SpaceId, begins: Position, blocks: Vec<LogBlock>) {
        if blocks.is_empty() {
            return;
        }
        let mut held = self.lock();
        for block in blocks {
            held.push(space, begins, block);
        }
        while held.bytes > TAIL_BYTES_MAX && held.drop_oldest() {}
    }

    /// Forgets a log: how much of it is written is no longer certain.
    pub(super) fn forget(&self, space: &SpaceId) {
        self.lock().forget(space);
    }

    /// Somebody else may write.
    #[cfg_attr(not(feature = "testing"), allow(dead_code, reason = "a seam for tests"))]
    pub(super) fn forget_all(&self) {
        *self.lock() = Held::default();
    }

    /// The page after a position, if the block that the position is in, or before, is held.
    pub(super) fn page(&self, space: &SpaceId, after: Position) -> Option<Page> {
        let held = self.lock();
        let Tail { begins, blocks } = held.logs.get(space)?;
        let first = blocks.partition_point(|log| log.end() <= after);
        let head = blocks.back()?.end();
        blocks.get(first).filter(|log| log.start <= after)?;
        let page = Page { begins: *begins, head, ..Page::empty(after) };
        let blocks = blocks.range(first..).cloned().map(Ok::<_, std::convert::Infallible>);
        match page.fill(blocks) {
            Ok(page) => Some(page),
            Err(never) => match never {},
        }
    }

    /// The end of the block that a position is in; `None` when that block is not held.
    pub(super) fn block_end(&self, space: &SpaceId, position: Position) -> Option<Cursor> {
        let held = self.lock();
        let blocks = &held.logs.get(space)?.blocks;
        let log = blocks.get(blocks.partition_point(|log| log.end() < position))?;
        (log.start < position).then(|| log.cursor())
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // Nothing panics while it is locked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn push(&mut self, space: &SpaceId, begins: Position, block: LogBlock) {
        let last = self.logs.get(space).and_then(|tail| tail.blocks.back());
        if last.is_some_and(|last| last.end() != block.start) {
            self.forget(space);
        }
        self.bytes += weight(&block);
        self.order.push_back(space.clone());
        let empty = || Tail { begins, blocks: VecDeque::new() };
        let tail = self.logs.entry(space.clone()).or_insert_with(empty);
        tail.begins = begins;
        tail.blocks.push_back(block);
    }

    fn drop_oldest(&mut self) -> bool {
        let Some(space) = self.order.pop_front() else { return false };
        let Some(tail) = self.logs.get_mut(&space) else { return true };
        self.bytes -= tail.blocks.pop_front().as_ref().map_or(0, weight);
        if tail.blocks.is_empty() {
            self.logs.remove(&space);
        }
        true
    }

    fn forget(&mut self, space: &SpaceId) {
        let Some(tail) = self.logs.remove(space) else { return };
        self.bytes -= tail.blocks.iter().map(weight).sum::<usize>();
        self.order.retain(|of| of != space);
    }
}

fn weight(log: &LogBlock) -> usize {
    BLOCK_BYTES + log.block.bytes().len() + EVENT_BYTES * log.block.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::tests::{Author, seal, space};
    use crate::branch::BranchNo;
    use crate::chain::Chain;
    use crate::log::{Digest, LogRun};

    #[test]
    fn readers_that_have_kept_up_are_answered_and_others_are_not() {
        let mut log = blocks(4);
        let tails = Tails::default();
        let first = log.remove(0);
        assert_eq!(first.end(), Position(2));
        tails.append(&space(), Position::START, log.clone());

        for behind in [0, 1] {
            assert!(tails.page(&space(), Position(behind)).is_none());
        }
        // Also from within a block.
        for (after, blocks) in [(2, 3), (3, 3), (4, 2), (7, 1)] {
            let page = tails.page(&space(), Position(after)).unwrap();
            assert_eq!(page.blocks, log[3 - blocks..]);
            assert_eq!((page.through, page.head), (Position(8), Position(8)));
        }
        assert!(tails.page(&space(), Position(8)).is_none());
        assert!(tails.page(&SpaceId::new("other").unwrap(), Position(2)).is_none());
        tails.forget(&space());
        assert!(tails.page(&space(), Position(4)).is_none());
    }

    #[test]
    fn a_tail_has_no_gap() {
        let log = blocks(3);
        let tails = Tails::default();
        tails.append(&space(), Position::START, vec![log[0].clone(), log[2].clone()]);
        assert!(tails.page(&space(), Position(0)).is_none());
        assert_eq!(tails.page(&space(), Position(4)).unwrap().blocks, log[2..]);
    }

    #[test]
    fn the_oldest_blocks_go_first_and_all_are_bounded() {
        let tails = Tails::default();
        let log = blocks(100);
        let most = TAIL_BYTES_MAX / weight(&log[0]);
        let mut start = Position::START;
        for _ in 0..=most / 100 {
            let placed = log.iter().map(|block| {
                let placed = LogBlock { start, ..block.clone() };
                start = placed.end();
                placed
            });
            let placed = placed.collect();
            tails.append(&space(), Position::START, placed);
        }
        {
            let held = tails.lock();
            assert!(held.bytes <= TAIL_BYTES_MAX);
            assert_eq!(held.order.len(), held.logs[&space()].blocks.len());
        }
        assert!(tails.page(&space(), Position::START).is_none());
        assert!(tails.page(&space(), Position(start.0 - 2)).is_some());
    }

    /// A log of blocks of two events each.
    fn blocks(count: u64) -> Vec<LogBlock> {
        let mut ann = Author::named("ann");
        let place = |n| {
            let block = seal(&[&ann.write(&["milk", "eggs"], &[])]);
            let end = Chain::from_bytes([0; Chain::LEN]);
            let runs = vec![LogRun { branch: BranchNo(0), end, begins: None }];
            let (start, anchors, digest) = (Position(2 * n), Vec::new(), Digest::START);
            LogBlock { start, block, runs, anchors, digest }
        };
        (0..count).map(place).collect()
    }
}
