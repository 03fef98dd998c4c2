//! Merging small blocks that follow one another in a log.
//!
//! An author that commits edits one by one packs one block for each, with a signature in each. The
//! signature over the end of a run vouches for all before it, so blocks whose runs continue each
//! other travel as one, with the last signature.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::LogBlock;
use crate::block::{Block, BlockPacker, Run};
use crate::chain::CommitId;

/// Most bytes of a block that is merged with others.
const SMALL_BYTES_MAX: usize = 16 * 1024;
/// Most events of a block that is merged with others.
const SMALL_EVENTS_MAX: usize = 64;

/// Bytes from which a merged block takes no further one. A block arrives as a whole or not at all, and cannot be
/// cut again without its signatures: on a slow way it must arrive between two cuts.
const MERGED_BYTES_ENOUGH: usize = 16 * 1024;

/// Bytes of a block that need not be sent when another one goes on behind it: what names and signs a
/// run, and what begins a block.
const SPARED_BYTES: usize = 200;

/// Most results that are kept.
const KEPT_MAX: usize = 64;
/// Most bytes of a result that is kept.
const KEPT_BYTES_MAX: usize = 4 * MERGED_BYTES_ENOUGH;

/// The last results of merging. Sessions that share it, as clones do, merge once for all what each sends its peer.
#[derive(Clone, Debug, Default)]
pub struct Merges(Arc<Mutex<VecDeque<Merge>>>);

/// Blocks, and their bytes when they are merged.
#[derive(Debug)]
struct Merge {
    blocks: Vec<Block>,
    merged: Vec<Bytes>,
}

impl Merges {
    /// Keeps nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn of(&self, group: &[LogBlock]) -> Vec<Bytes> {
        let is_of = |kept: &&Merge| {
            kept.blocks.len() == group.len()
                && kept.blocks.iter().zip(group).all(|(block, log)| block.is(&log.block))
        };
        if let Some(kept) = self.kept().iter().find(is_of) {
            return kept.merged.clone();
        }
        let merged = merge(group);
        if merged.iter().map(Bytes::len).sum::<usize>() <= KEPT_BYTES_MAX {
            let blocks = group.iter().map(|log| log.block.clone()).collect();
            let mut kept = self.kept();
            kept.truncate(KEPT_MAX - 1);
            kept.push_front(Merge { blocks, merged: merged.clone() });
        }
        merged
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Merge>> {
        // Nothing panics while it is locked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bytes that a block adds behind another one, roughly: less than it has if the two are merged.
pub(crate) fn added_bytes(before: Option<&LogBlock>, log: &LogBlock) -> usize {
    let bytes = log.block.bytes().len();
    match before {
        Some(before) if is_small(before) && is_small(log) => bytes.saturating_sub(SPARED_BYTES),
        _ => bytes,
    }
}

/// The bytes of blocks in log order, small ones merged. Of a part of a space, blocks that rest on the work of others
/// are not merged with those before them: where that work is missing, those before can be taken.
pub(crate) fn merged(blocks: &[LogBlock], is_part: bool, merges: &Merges) -> Vec<Bytes> {
    let mut merged = Vec::with_capacity(blocks.len());
    let apart = |log: &LogBlock| is_part && rests_on_others(&log.block);
    for group in blocks.chunk_by(|a, b| is_small(a) && is_small(b) && !apart(b)) {
        if group.len() == 1 {
            merged.push(group[0].block.bytes().clone());
        } else {
            merged.extend(merges.of(group));
        }
    }
    merged
}

/// True if events of a block were written after events of authors who wrote nothing in it.
fn rests_on_others(block: &Block) -> bool {
    let wrote = |author| block.runs().iter().any(|run| run.replica == author);
    block.anchors().iter().any(|anchor| !wrote(anchor.author))
}

fn is_small(log: &LogBlock) -> bool {
    log.block.bytes().len() <= SMALL_BYTES_MAX && log.block.len() <= SMALL_EVENTS_MAX
}

/// Packs as many of the blocks as fit into each.
fn merge(mut group: &[LogBlock]) -> Vec<Bytes> {
    let mut merged = Vec::new();
    while let Some(first) = group.first() {
        let mut packer = BlockPacker::new(first.block.space().clone());
        let mut signed = Vec::new();
        let (mut taken, mut bytes) = (0, 0);
        for log in group {
            let ends = log.ends();
            bytes += added_bytes(group[..taken].last(), log);
            if taken > 0 && bytes > MERGED_BYTES_ENOUGH {
                break;
            }
            if packer.push_block(&log.block, &ends).is_err() {
                break;
            }
            let signatures = log.block.runs().iter().map(|run| run.signature);
            signed.extend(ends.into_iter().zip(signatures));
            taken += 1;
        }
        let (parts, rest) = group.split_at(taken.max(1));
        let signature = |end: &CommitId| {
            let of_end = signed.iter().rev().find(|(id, _)| id == end);
            of_end.map_or(Run::UNSIGNED, |(_, signature)| *signature)
        };
        let whole = packer.finish(signature).map(|block| block.bytes().clone());
        let bytes = parts.iter().map(|log| log.block.bytes());
        match whole {
            Some(whole) if whole.len() <= bytes.clone().map(Bytes::len).sum() => merged.push(whole),
            _ => merged.extend(bytes.cloned()),
        }
        group = rest;
    }
    merged
}
