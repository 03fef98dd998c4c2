//! Shared parts of the stories about files.

use std::sync::Arc;

use bytes::Bytes;
use synckit::branch::{Branches, Fork};
use synckit::chain::CommitId;
use synckit::id::{AggregateId, Key, Position, ReplicaId, SpaceId};
use synckit::log::{Cursor, Digest, LogBlock};
use synckit::store::{
    Batch, Checkpoint, CheckpointMark, EventStore, LIST_ROWS_MAX, RedbOptions, StoreError,
};
use synckit::testing::faults::FaultyDisk;
use synckit::testing::{Author, batch};

/// A store on a disk that a test can break.
pub(crate) fn open_on(disk: &FaultyDisk, options: &RedbOptions) -> Result<EventStore, StoreError> {
    EventStore::open_on(Arc::new(disk.clone()), options.clone())
}

/// The number of batches of [`story`].
pub(crate) const STORY_LEN: usize = 6;

/// Batches that write every kind of row, and the author at their end.
pub(crate) fn story() -> (Vec<Batch>, Author) {
    let mut ann = Author::new(1);
    let mut batches = Vec::new();
    for part in 0..STORY_LEN as u64 {
        ann.about(&format!("note {}", part % 3));
        let blocks = [ann.commit(&["one", "two"]), ann.write(&"long ".repeat(60))];
        let mut full = batch(&blocks);
        full.cursor = Some((peer(), a_cursor(part)));
        full.checkpoint = Some(checkpoint(&ann, part));
        batches.push(full);
    }
    (batches, ann)
}

fn peer() -> ReplicaId {
    ReplicaId::from_bytes([9; ReplicaId::LEN])
}

fn a_cursor(part: u64) -> Cursor {
    let digest = Digest::from_bytes([part.to_le_bytes()[0]; Digest::LEN]);
    Cursor { position: Position(part), digest }
}

fn checkpoint(ann: &Author, part: u64) -> Checkpoint {
    // One that begins with a zero stands in parts, however short it is.
    let state =
        if part.is_multiple_of(2) { format!("state {part}") } else { format!("\0state {part}") };
    let state = state.into();
    let mark = CheckpointMark::new(Position(3 * part), [4; 32], 0);
    let mut checkpoint = Checkpoint::new(mark, vec![(ann.aggregate().clone(), state)]);
    checkpoint.conflicted = vec![(ann.aggregate().clone(), true)];
    checkpoint.parked = vec![Position(3 * part + 1)];
    checkpoint
}

/// The holdings of a store in the story's space, whether it folds events or only keeps and forwards
/// them.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Log {
    blocks: Vec<LogBlock>,
    pub(crate) branches: Branches,
    frontier: Vec<CommitId>,
    cursor: Option<Cursor>,
    ends: bool,
    mark: Option<CheckpointMark>,
    conflicted: Vec<AggregateId>,
    parked: Vec<Position>,
    forks: Vec<Fork>,
}

impl Log {
    pub(crate) async fn read(store: &EventStore) -> Result<Self, StoreError> {
        let space = SpaceId::default();
        let blocks = store.read_after(&space, Position::START).await?.blocks;
        let end = blocks.last().map_or(Cursor::START, LogBlock::cursor);
        Ok(Self {
            blocks,
            branches: store.branches(&space).await?,
            frontier: store.frontier(&space).await?,
            cursor: store.cursor(&space, &peer()).await?,
            ends: store.check(&space, end).await?,
            mark: store.checkpoint(&space).await?,
            conflicted: store.conflicted(&space, None, None, LIST_ROWS_MAX).await?,
            parked: store.parked(&space, Position::START, LIST_ROWS_MAX).await?,
            forks: store.forks(&space).await?,
        })
    }
}

impl Log {
    /// `expected` where this differs from it by no more than a missing cursor.
    pub(crate) fn or_without_cursor(self, expected: &Self) -> Self {
        if self == (Self { cursor: None, ..expected.clone() }) { expected.clone() } else { self }
    }
}

/// Everything that a store holds of the story's space.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Contents {
    pub(crate) log: Log,
    states: Vec<(Key, Bytes)>,
    state: Vec<Option<Bytes>>,
}

impl Contents {
    /// Reads it in every way that there is.
    pub(crate) async fn read(store: &EventStore) -> Result<Self, StoreError> {
        let (space, mut ann) = (SpaceId::default(), Author::new(1));
        let mut state = Vec::new();
        for note in 0..3 {
            let note = ann.about(&format!("note {note}")).aggregate();
            state.push(store.state(&space, note).await?);
        }
        let states = store.states(&space, &ann.aggregate().kind, None, 100).await?;
        Ok(Self { log: Log::read(store).await?, states, state })
    }

    pub(crate) fn events(&self) -> u64 {
        self.log.blocks.iter().map(|log| log.block.len() as u64).sum()
    }
}
