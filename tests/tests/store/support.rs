//! What the stories about files share.

use std::sync::Arc;

use synckit::block::Block;
use synckit::clock::Hlc;
use synckit::conflict::{Conflict, Write};
use synckit::envelope::Frontier;
use synckit::id::{AggregateId, Dot, Position, SpaceId, StoreId, StoreIdentity};
use synckit::store::{
    Batch, Checkpoint, CheckpointMark, EventStore, RedbOptions, RedbStore, StoreError,
};
use synckit::testing::faults::FaultyDisk;
use synckit::testing::{Author, batch};

/// A store on a disk that a test can break.
pub(crate) fn open_on(disk: &FaultyDisk, options: &RedbOptions) -> Result<RedbStore, StoreError> {
    RedbStore::open_on(Arc::new(disk.clone()), options.clone())
}

/// How many batches [`story`] has.
pub(crate) const STORY_LEN: usize = 6;

/// Batches that write every kind of row, and the author at their end.
pub(crate) fn story() -> (Vec<Batch>, Author) {
    let mut ann = Author::new(1);
    let mut batches = Vec::new();
    for part in 0..STORY_LEN as u64 {
        ann.about(&format!("note {}", part % 3));
        let blocks = [ann.commit(&["one", "two"]), ann.write(&"long ".repeat(60))];
        let mut full = batch(&blocks);
        full.cursor = Some((peer(), Position(part)));
        full.checkpoint = Some(checkpoint(&ann, part));
        batches.push(full);
    }
    (batches, ann)
}

pub(crate) fn peer() -> StoreIdentity {
    StoreIdentity { id: StoreId::from_bytes([9; StoreId::LEN]), epoch: 3 }
}

fn checkpoint(ann: &Author, part: u64) -> Checkpoint {
    let state = format!("state {part}").into();
    Checkpoint {
        mark: CheckpointMark { position: Position(3 * part), fingerprint: [4; 32] },
        replaces_all: false,
        states: vec![(ann.aggregate().clone(), state)],
        conflicts: vec![conflict(ann, part)],
    }
}

fn conflict(ann: &Author, part: u64) -> Conflict {
    let write = |seq| Write {
        dot: Dot { replica: ann.id(), seq },
        hlc: Hlc::from_bits(seq << 16),
        value: vec![10, 1, 7].into(),
    };
    Conflict {
        aggregate: ann.aggregate().clone(),
        field: "title".into(),
        rule: "lww".into(),
        winner: write(part + 2),
        loser: write(part + 1),
    }
}

/// Everything that a store holds of the story's space.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Contents {
    pub(crate) blocks: Vec<(Position, Block)>,
    pub(crate) frontier: Frontier,
    cursor: Option<Position>,
    mark: Option<CheckpointMark>,
    states: Vec<(synckit::id::Key, bytes::Bytes)>,
    state: Vec<Option<bytes::Bytes>>,
    conflicts: Vec<Conflict>,
    forks: usize,
    by_replica: Vec<(Position, Block)>,
    by_aggregate: Vec<Vec<(Position, Block)>>,
}

impl Contents {
    /// Reads it in every way that there is.
    pub(crate) async fn read(store: &RedbStore) -> Result<Self, StoreError> {
        let space = SpaceId::default();
        let mut ann = Author::new(1);
        let notes: Vec<AggregateId> =
            (0..3).map(|n| ann.about(&format!("note {n}")).aggregate().clone()).collect();
        let placed = |page: synckit::log::Page| -> Vec<(Position, Block)> {
            page.blocks.into_iter().map(|log| (log.start, log.block)).collect()
        };
        let (mut state, mut by_aggregate) = (Vec::new(), Vec::new());
        for note in &notes {
            state.push(store.state(&space, note).await?);
            by_aggregate.push(placed(store.read_aggregate(&space, note, Position::START).await?));
        }
        Ok(Self {
            blocks: placed(store.read_after(&space, Position::START).await?),
            frontier: store.frontier(&space).await?,
            cursor: store.cursor(&space, &peer()).await?,
            mark: store.checkpoint(&space).await?,
            states: store.states(&space, &notes[0].kind, None, 100).await?,
            state,
            conflicts: store.conflicts(&space, 0).await?,
            forks: store.forks(&space).await?.len(),
            by_replica: placed(store.read_replica(&space, &ann.id(), 1).await?),
            by_aggregate,
        })
    }

    pub(crate) fn events(&self) -> u64 {
        self.blocks.iter().map(|(_, block)| block.len() as u64).sum()
    }
}
