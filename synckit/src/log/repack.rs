//! Packing a part of a block, or what is left of it, into another one. Each run keeps its end, so its
//! signature holds.

use std::collections::BTreeSet;

use super::Refusal;
use crate::block::{Block, BlockPacker, Commit, Run};
use crate::chain::CommitId;
use crate::envelope::LeafHasher;

/// Fate of a commit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    Buried,
    LeftOut,
}

/// Packs the commits of a block that are not held yet, in the block's order.
pub(crate) fn repack(block: &Block, fresh: &[bool]) -> Result<Option<Block>, Refusal> {
    pack(block, |index, _| if fresh[index] { Fate::Kept } else { Fate::LeftOut })
}

/// A block with tombstones in place of some of its commits; the same block where they have no room, as where
/// thousands of events are smaller than their tombstones.
pub(crate) fn bury(block: &Block, refused: &BTreeSet<CommitId>) -> Block {
    let is_refused = |commit: &Commit| refused.contains(&commit.id);
    if !block.commits().iter().any(is_refused) {
        return block.clone();
    }
    let fate = |_, commit: &Commit| if is_refused(commit) { Fate::Buried } else { Fate::Kept };
    pack(block, fate).ok().flatten().unwrap_or_else(|| block.clone())
}

fn pack(block: &Block, fate: impl Fn(usize, &Commit) -> Fate) -> Result<Option<Block>, Refusal> {
    let (mut packer, mut hasher) = (BlockPacker::new(block.space().clone()), LeafHasher::default());
    let mut before: Vec<_> = block.runs().iter().map(Run::before).collect();
    for (index, commit) in block.commits().iter().enumerate() {
        let fate = fate(index, commit);
        if fate != Fate::LeftOut {
            let entries = commit.entries.clone().filter_map(|index| block.entry(index));
            let mut events: Vec<_> = entries.map(|entry| entry.envelope()).collect();
            let nonce = block.runs()[commit.run].nonce;
            if fate == Fate::Buried {
                events = hasher.tombstone(nonce, events);
            }
            let pushed = packer.push_commit(&before[commit.run], nonce, &events);
            pushed.map_err(|_| Refusal::Oversized)?;
        }
        before[commit.run] = commit.id;
    }
    let ends = block.ends();
    let signature = |end: &CommitId| {
        let run = ends.iter().position(|id| id == end).and_then(|run| block.runs().get(run));
        run.map_or(Run::UNSIGNED, |run| run.signature)
    };
    Ok(packer.finish(signature))
}
