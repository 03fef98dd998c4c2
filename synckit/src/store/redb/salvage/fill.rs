//! Filling a fresh store with the blocks that were found, by the log's rules.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::blocking;
use super::image::Image;
use super::pages::{Extent, Found};
use crate::block::Block;
use crate::branch::Branch;
use crate::chain::CommitId;
use crate::id::SpaceId;
use crate::log::{Append, READ_BYTES_MAX, Refusal, Source};
use crate::store::left::{self, merged, ranges_of};
use crate::store::rows::{Change, Table, WriteSet};
use crate::store::{Batch, EventRange, EventStore, SpacePolicy, StoreError, StoreErrorKind};

/// Most blocks of one batch.
const BATCH_BLOCKS_MAX: usize = 256;
/// Most rows about replicas that are written at once.
const REPLICAS_ROWS_MAX: usize = 4_096;
/// Most times that blocks in no known order are tried; the store goes on trying when it is used.
const ROUNDS_MAX: usize = 8;

/// A store that is being filled.
pub(super) struct Fill<'a> {
    pub(super) image: &'a Image,
    pub(super) store: &'a EventStore,
    /// The number of blocks put aside so far.
    pub(super) left: u64,
}

/// The result of filling a space.
#[derive(Debug, Default)]
pub(super) struct Filled {
    /// Events in the log.
    pub(super) events: u64,
    /// Events of blocks that were put aside.
    pub(super) left: Vec<EventRange>,
    /// Events that are known to have been there and are in neither.
    pub(super) lost: Vec<EventRange>,
}

/// A block that was refused.
struct RefusedBlock {
    place: Extent,
    missing: Option<CommitId>,
}

impl Fill<'_> {
    /// Admits blocks in the log's order, then those that were found without a place, and puts aside
    /// what follows something that is not there.
    pub(super) async fn space(
        &mut self,
        space: &SpaceId,
        ordered: &[Extent],
        strays: &[Extent],
        heads: &[Branch],
    ) -> Result<Filled, StoreError> {
        let (mut refused, mut astray) = (self.admit(space, ordered).await?, Vec::new());
        let mut strays = strays.to_vec();
        for _round in 0..ROUNDS_MAX {
            let before = refused.len() + strays.len();
            astray = self.admit(space, &strays).await?;
            strays = astray.iter().map(|refused| refused.place).collect();
            let again: Vec<_> = refused.iter().map(|refused| refused.place).collect();
            refused = self.admit(space, &again).await?;
            if refused.len() + strays.len() == before {
                break;
            }
        }
        refused.append(&mut astray);
        let events = self.store.head(space).await?.0;
        let (mut left, mut kept) = (Vec::new(), BTreeSet::new());
        for group in refused.chunks(BATCH_BLOCKS_MAX) {
            let places: Vec<_> = group.iter().map(|refused| refused.place).collect();
            for blocks in self.blocks(&places).await? {
                for block in &blocks {
                    left.extend(ranges_of(block));
                    kept.extend(block.commits().iter().map(|commit| commit.id));
                }
                self.put_aside(&blocks).await?;
            }
        }
        let left = merged(left);
        let missing = refused.iter().filter_map(|refused| refused.missing);
        let wanted: BTreeSet<_> = missing.chain(heads.iter().map(|branch| branch.head)).collect();
        let wanted: Vec<_> = wanted.into_iter().filter(|commit| !kept.contains(commit)).collect();
        let lost = self.lost(space, &wanted, &left).await?;
        Ok(Filled { events, left, lost })
    }

    /// Takes over which replicas a hub has met, and which it has retired.
    pub(super) async fn replicas(&self, rows: &BTreeMap<Vec<u8>, Bytes>) -> Result<(), StoreError> {
        let rows: Vec<_> = rows.iter().collect();
        for rows in rows.chunks(REPLICAS_ROWS_MAX) {
            let put = |(key, value): &(&Vec<u8>, &Bytes)| {
                let (key, value) = ((*key).clone(), (*value).clone());
                Change::Put { table: Table::Replicas, key, value }
            };
            let changes = rows.iter().map(put).collect();
            self.store.ledger().write_beside(WriteSet { guards: Vec::new(), changes }).await?;
        }
        Ok(())
    }

    /// Takes over the policies that spaces go by, and the texts that tell types of events.
    pub(super) async fn told(&self, found: &Found) -> Result<(), StoreError> {
        for (space, SpacePolicy { id, brought_by }) in &found.policies {
            self.store.keep_policy(space, id, *brought_by).await?;
        }
        for (space, texts) in &found.types {
            for types in texts.values() {
                self.store.keep_types(space, types).await?;
            }
        }
        Ok(())
    }

    /// Reads blocks, in batches that a store takes; those that others have signed for their authors
    /// are left out.
    async fn blocks(&self, places: &[Extent]) -> Result<Vec<Vec<Block>>, StoreError> {
        let mut batches = Vec::new();
        for places in places.chunks(BATCH_BLOCKS_MAX) {
            let (image, places) = (self.image.clone(), places.to_vec());
            let read = move || {
                let blocks = places.iter().filter_map(|place| place.read(&image));
                blocks.filter(|block| block.check_authors().is_ok()).collect::<Vec<_>>()
            };
            batches.push(blocking(read).await?);
        }
        Ok(batches)
    }

    /// Admits blocks in order; those that are refused.
    async fn admit(
        &self,
        space: &SpaceId,
        places: &[Extent],
    ) -> Result<Vec<RefusedBlock>, StoreError> {
        let mut refused = Vec::new();
        for places in batches(places) {
            let Err(_) = self.commit(space, places).await? else { continue };
            for place in places {
                if let Err(missing) = self.commit(space, &[*place]).await? {
                    refused.push(RefusedBlock { place: *place, missing });
                }
            }
        }
        Ok(refused)
    }

    /// Commits blocks at once; what they are refused for.
    async fn commit(
        &self,
        space: &SpaceId,
        places: &[Extent],
    ) -> Result<Result<(), Option<CommitId>>, StoreError> {
        let blocks = self.blocks(places).await?.into_iter().flatten();
        let source = Source::Local;
        let append = blocks.map(|block| Append { block, source }).collect();
        match self.store.ledger().commit(&Batch { append, ..Batch::new(space.clone()) }).await {
            Ok(_) => Ok(Ok(())),
            Err(error) => match error.kind() {
                StoreErrorKind::Refused(Refusal::Missing { missing, .. }) => {
                    Ok(Err(Some(*missing)))
                }
                StoreErrorKind::Refused(_) => Ok(Err(None)),
                _ => Err(error),
            },
        }
    }

    /// Keeps blocks in the store, outside of its log.
    async fn put_aside(&mut self, blocks: &[Block]) -> Result<(), StoreError> {
        let put = |(index, block)| left::row(index, Some(block));
        let changes = (self.left..).zip(blocks).map(put).collect();
        self.left += blocks.len() as u64;
        self.store.ledger().write_beside(WriteSet { guards: Vec::new(), changes }).await
    }

    /// The events that lead up to commits which are not there.
    async fn lost(
        &self,
        space: &SpaceId,
        wanted: &[CommitId],
        left: &[EventRange],
    ) -> Result<Vec<EventRange>, StoreError> {
        let branches = self.store.branches(space).await?;
        let held = self.store.holds(space, wanted).await?;
        let mut lost = Vec::new();
        for (commit, _) in wanted.iter().zip(held).filter(|(_, held)| !held) {
            let (author, last) = (commit.author, commit.seq);
            let of_author = branches.of(&author).iter().filter_map(|no| branches.get(*no));
            let heads = of_author.map(|branch| branch.head.seq);
            let of_left = left.iter().filter(|range| range.author == author).map(|it| it.last);
            let before = heads.chain(of_left).filter(|seq| *seq < last).max();
            lost.push(EventRange { author, first: before.unwrap_or(0) + 1, last });
        }
        Ok(merged(lost))
    }
}

/// Places whose blocks fit into one batch.
fn batches(places: &[Extent]) -> impl Iterator<Item = &[Extent]> {
    let mut rest = places;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |place: &&Extent| {
            bytes += place.length();
            bytes <= READ_BYTES_MAX
        };
        let count = rest.iter().take(BATCH_BLOCKS_MAX).take_while(fits).count();
        let (batch, behind) = rest.split_at(count.max(1).min(rest.len()));
        rest = behind;
        (!batch.is_empty()).then_some(batch)
    })
}
