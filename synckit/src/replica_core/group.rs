//! Edits that become durable together.

use std::sync::Arc;

use crate::block::{Block, BlockPacker};
use crate::chain::CommitId;
use crate::envelope::Envelope;
use crate::id::SpaceId;
use crate::key::ReplicaKey;

/// Bytes of events at which a block of edits is full. It arrives whole or not at all: over slow ways that are
/// cut again and again, small ones get through.
const BLOCK_BYTES_ENOUGH: usize = 32 * 1024;

/// Edits that become durable together. Packing them takes a while: not for whoever others wait for.
#[derive(Debug)]
pub(crate) struct EditGroup {
    pub(super) space: SpaceId,
    pub(super) key: ReplicaKey,
    pub(super) nonce: u64,
    /// The commit that each follows, the one that it is, and its events.
    pub(super) edits: Vec<(CommitId, CommitId, Arc<[Envelope]>)>,
}

impl EditGroup {
    /// Packs the edits into few blocks, each signed once.
    pub(crate) fn pack(&self) -> Vec<Block> {
        let sign = |end: &CommitId| end.sign(&self.key);
        let mut blocks = Vec::new();
        let mut packer = BlockPacker::new(self.space.clone());
        for (before, id, commit) in &self.edits {
            let push =
                |packer: &mut BlockPacker| packer.push_named(before, self.nonce, commit, *id);
            if packer.bytes() >= BLOCK_BYTES_ENOUGH || push(&mut packer).is_err() {
                let empty = BlockPacker::new(self.space.clone());
                blocks.extend(std::mem::replace(&mut packer, empty).finish(sign));
                // Each edit fits into an empty block: that was found when it was staged.
                let _ = push(&mut packer);
            }
        }
        blocks.extend(packer.finish(sign));
        blocks
    }
}
