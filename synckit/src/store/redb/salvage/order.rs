//! Restores the order of a log's blocks, and leaves out blocks that it never held.
//!
//! Every block's row has the digest of the log behind it, so a log proves itself backwards from the
//! end that its space's row names. What stands where something else is proved comes from writes
//! that were never finished, and is left out.

use std::collections::BTreeMap;

use super::pages::{FoundBlock, FoundSpace};
use crate::log::{Cursor, Digest};

/// The blocks of a log, in order.
#[derive(Debug)]
pub(super) struct OrderedBlocks {
    pub(super) blocks: Vec<FoundBlock>,
    /// True when it is proved that these are all.
    pub(super) whole: bool,
}

pub(super) fn ordered(space: &FoundSpace) -> OrderedBlocks {
    let mut by_end: BTreeMap<u64, Vec<(u64, &FoundBlock)>> = BTreeMap::new();
    for (start, blocks) in &space.blocks {
        for block in blocks {
            by_end.entry(block.end).or_default().push((*start, block));
        }
    }
    let Some(end) = space.end() else {
        return OrderedBlocks { blocks: all(space), whole: false };
    };
    let mut proved = proved(&by_end, end);
    let low = proved.last().map_or(end.position.0, |(start, _)| *start);
    let before = space.blocks.range(..low).flat_map(|(_, blocks)| blocks);
    let before = before.filter(|block| proved.is_empty() || block.end <= low);
    let mut blocks: Vec<_> = before.cloned().collect();
    proved.reverse();
    blocks.extend(proved.into_iter().map(|(_, block)| block.clone()));
    // The row that was found may be an older one.
    let beyond = space.blocks.range(end.position.0.max(low)..).flat_map(|(_, blocks)| blocks);
    let count = blocks.len();
    blocks.extend(beyond.cloned());
    let whole = low == 0 && blocks.len() == count;
    OrderedBlocks { blocks, whole }
}

fn all(space: &FoundSpace) -> Vec<FoundBlock> {
    space.blocks.values().flatten().cloned().collect()
}

/// The blocks that lead back from a log's end without a gap, the last one first.
fn proved<'a>(
    by_end: &BTreeMap<u64, Vec<(u64, &'a FoundBlock)>>,
    end: Cursor,
) -> Vec<(u64, &'a FoundBlock)> {
    let at = |place: u64| by_end.get(&place).into_iter().flatten().copied();
    let mut proved: Vec<(u64, &FoundBlock)> = Vec::new();
    let mut next = at(end.position.0).find(|(_, block)| block.digest == end.digest);
    while let Some((start, block)) = next {
        let leads = |before: &Digest| before.then_checksum(&block.block_checksum) == block.digest;
        // A block that is not empty begins before it ends, so this comes to an end.
        next = at(start).find(|(_, before)| leads(&before.digest));
        if start == 0 && !leads(&Digest::START) {
            break;
        }
        proved.push((start, block));
    }
    proved
}
