//! Logs: sequences of blocks, and the rules by which every store appends to them.
//!
//! A log holds the blocks of one space. It may begin after position 0, when what stood before was
//! pruned; positions never change. It admits a block only if
//! - each author's events follow the last one held without a gap, and continue the same chain of
//!   hashes,
//! - each author's clock readings do not go back,
//! - everything that an event's author had seen stands before it (the log is causally ordered),
//! - a space keeps to its number of writing replicas.
//!
//! Events held already are passed over: receiving twice is no error. The same name with other
//! contents is a *fork*, refused and reported with what proves it.

use crate::block::{Block, Entry};
use crate::envelope::Chain;
use crate::id::{Dot, Position, ReplicaId, SpaceId};
use crate::vector::VECTOR_REPLICAS_MAX;

mod admission;

pub(crate) use admission::{Admission, Admitted, Answer, Question, Refused};

/// Most blocks' bytes that one read of a log returns, unless a single block is larger.
pub const READ_BYTES_MAX: usize = 768 * 1024;

/// A part of a log.
#[derive(Clone, Debug)]
pub struct Page {
    /// Blocks in log order.
    pub blocks: Vec<LogBlock>,
    /// Begin of the log: what stood before was pruned.
    pub begins: Position,
    /// End of the last block; the position read from when there are none.
    pub through: Position,
    /// End of the log when it was read.
    pub head: Position,
}

impl Page {
    /// A page without blocks.
    pub const fn empty(after: Position) -> Self {
        Self { blocks: Vec::new(), begins: Position::START, through: after, head: Position::START }
    }

    /// Adds blocks as long as they fit into [`READ_BYTES_MAX`]; the first always does.
    ///
    /// # Errors
    /// The first error among the blocks.
    pub(crate) fn fill<E>(
        mut self,
        blocks: impl IntoIterator<Item = Result<LogBlock, E>>,
    ) -> Result<Self, E> {
        let mut bytes = 0;
        for block in blocks {
            let block = block?;
            bytes += block.block.bytes().len();
            if bytes > READ_BYTES_MAX && !self.blocks.is_empty() {
                break;
            }
            self.through = block.end();
            self.blocks.push(block);
        }
        Ok(self)
    }
}

/// A block to append and where it came from.
#[derive(Clone, Debug)]
pub struct Append {
    /// The block.
    pub block: Block,
    /// Where it came from.
    pub source: Source,
}

/// A block in its place in a log.
#[derive(Clone, Debug)]
pub struct LogBlock {
    /// How many events lie before it.
    pub start: Position,
    /// The block.
    pub block: Block,
    /// Where it came from.
    pub source: Source,
}

impl LogBlock {
    /// How many events lie before its end.
    pub fn end(&self) -> Position {
        Position(self.start.0 + self.block.len() as u64)
    }

    /// Its events after a position of the log, each with the position that it ends at.
    pub fn after(&self, position: Position) -> impl Iterator<Item = (Position, Entry<'_>)> {
        let before = position.0.saturating_sub(self.start.0);
        let skipped = usize::try_from(before).unwrap_or(usize::MAX);
        (self.start.0 + 1..).map(Position).zip(self.block.entries()).skip(skipped)
    }
}

/// Where a block came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// Written by this store's replica.
    Local,
    /// Received from the replica that a session was with.
    Peer(ReplicaId),
}

/// Why a log does not admit a block. Nothing of the block is appended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// An author's clock goes back from one event to the next.
    #[error(
        "the clock of {dot} is before that of its author's previous event; the sender is faulty"
    )]
    ClockBack {
        /// The event.
        dot: Dot,
    },
    /// The same events with other contents are held already.
    #[error(
        "events of replica {:.8} up to {} are held with other contents: its store was copied or restored \
         from an older copy; give the copy a fresh store",
        dot.replica, dot.seq
    )]
    Fork {
        /// The last event held of that author among those that differ.
        dot: Dot,
        /// The chain held there.
        held: Chain,
        /// The chain received there.
        received: Chain,
    },
    /// Events between those held and those received are missing.
    #[error("events of replica {replica:.8} from {expected} to {} are missing; the sender must resend from there", received - 1)]
    Gap {
        /// The author.
        replica: ReplicaId,
        /// The first number not held.
        expected: u64,
        /// The first number received.
        received: u64,
    },
    /// An event's author had seen an event that is not held.
    #[error(
        "{dot} was made after {missing}, which is not here; the sender's log is not causally ordered"
    )]
    NotCausal {
        /// The event.
        dot: Dot,
        /// What its author had seen.
        missing: Dot,
    },
    /// A part of a block that does not fit into a block of its own.
    #[error("a commit is packed tighter than any author may pack it; the sender is faulty")]
    Oversized,
    /// Another space than the one being appended to.
    #[error("a block of space {found} was sent to space {expected}")]
    OtherSpace {
        /// The space being appended to.
        expected: SpaceId,
        /// The block's space.
        found: SpaceId,
    },
    /// One writing replica too many.
    #[error("the space has its maximum of {VECTOR_REPLICAS_MAX} writing replicas; split it")]
    TooManyReplicas,
}

#[cfg(test)]
mod tests;
