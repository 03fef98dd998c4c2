//! What a log admits: the rules by which every store appends, in one place.
//!
//! A log of a space is a sequence of blocks. Whatever the back end, it admits a block only if
//! - each author's events follow the last one held without a gap, and continue the same chain of
//!   hashes,
//! - each author's clock readings do not go back,
//! - everything that an event's author had seen stands before it (the log is causally ordered),
//! - a space keeps to its number of writing replicas.
//!
//! Events held already are passed over: receiving twice is no error. The same name with other
//! contents is a *fork*, refused and reported with what proves it.

use std::collections::BTreeMap;

use crate::block::{Block, BlockPacker, Entry};
use crate::envelope::{Chain, Envelope, Head};
use crate::id::{Dot, Position, ReplicaId, SpaceId};
use crate::vector::VECTOR_REPLICAS_MAX;

/// Most blocks' bytes that one read of a log returns, unless a single block is larger.
pub const READ_BYTES_MAX: usize = 768 * 1024;

/// A part of a log.
#[derive(Clone, Debug)]
pub struct Page {
    /// Blocks in log order.
    pub blocks: Vec<LogBlock>,
    /// Where the last of them ends; where the read began when there are none.
    pub through: Position,
    /// How many events the log held when it was read.
    pub head: Position,
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

/// What admission asks of the store that appends.
pub trait Held {
    /// Why the store could not answer.
    type Error;

    /// How far a replica's events are held, [`Head::START`] when none are.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn head(&self, replica: &ReplicaId) -> Result<Head, Self::Error>;

    /// The chain at an event that is held and is not its author's last. Asked only when events are
    /// received again after later ones of their author.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn chain_at(&self, dot: Dot) -> Result<Chain, Self::Error>;

    /// How many replicas have events in the space.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn replicas(&self) -> Result<usize, Self::Error>;
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

/// Why a block was not admitted.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError<E> {
    /// The log's rules refuse it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store could not answer.
    #[error("the store could not be asked what it holds")]
    Store(E),
}

/// Admits the blocks of one batch in order, on top of what is held, before anything is written.
#[derive(Debug)]
pub struct Staging<'a, H> {
    held: &'a H,
    heads: BTreeMap<ReplicaId, Head>,
    fresh_replicas: usize,
    blocks: Vec<Block>,
}

impl<'a, H: Held> Staging<'a, H> {
    /// Nothing admitted yet.
    pub const fn new(held: &'a H) -> Self {
        Self { held, heads: BTreeMap::new(), fresh_replicas: 0, blocks: Vec::new() }
    }

    /// Admits what of `block` is not held yet, and returns how many blocks that adds: none when all
    /// of it is held, one when none of it is.
    ///
    /// # Errors
    /// A [`Refusal`], or the store's own error; the whole staging is then to be thrown away.
    pub fn admit(&mut self, space: &SpaceId, block: &Block) -> Result<usize, AdmitError<H::Error>> {
        if block.space() != space {
            let (expected, found) = (space.clone(), block.space().clone());
            return Err(Refusal::OtherSpace { expected, found }.into());
        }
        let mut authors = self.connect(block)?;
        let mut fresh = Vec::new();
        for entry in block.entries() {
            if self.follow(&mut authors, &entry)? {
                fresh.push(entry.dot());
            }
        }
        self.compare_older(block, &authors)?;
        if fresh.is_empty() {
            return Ok(0);
        }
        let whole = fresh.len() == block.len();
        let blocks = if whole { vec![block.clone()] } else { repack(block, &fresh)? };
        for (replica, author) in authors {
            self.fresh_replicas += usize::from(self.head(&replica)?.seq == 0);
            self.heads.insert(replica, author.head);
        }
        self.blocks.extend_from_slice(&blocks);
        Ok(blocks.len())
    }

    /// The blocks to append, and where their authors' events then stand.
    pub fn finish(self) -> (Vec<Block>, BTreeMap<ReplicaId, Head>) {
        (self.blocks, self.heads)
    }

    fn head(&self, replica: &ReplicaId) -> Result<Head, AdmitError<H::Error>> {
        match self.heads.get(replica) {
            Some(head) => Ok(*head),
            None => self.held.head(replica).map_err(AdmitError::Store),
        }
    }

    /// Looks up the block's authors and checks that its runs connect to what is held of them.
    fn connect(&self, block: &Block) -> Result<Authors, AdmitError<H::Error>> {
        let mut authors = BTreeMap::new();
        let mut fresh = self.fresh_replicas;
        for run in block.runs() {
            let head = self.head(&run.replica)?;
            if run.first_seq > head.seq + 1 {
                let (replica, expected) = (run.replica, head.seq + 1);
                return Err(Refusal::Gap { replica, expected, received: run.first_seq }.into());
            }
            if run.first_seq == head.seq + 1 && run.chain_before != head.chain {
                return Err(fork(run.replica, &head, run.chain_before).into());
            }
            fresh += usize::from(head.seq == 0);
            authors.insert(run.replica, Author { head, chain: run.chain_before });
        }
        let held = || self.held.replicas().map_err(AdmitError::Store);
        if fresh > self.fresh_replicas && held()? + fresh > VECTOR_REPLICAS_MAX {
            return Err(Refusal::TooManyReplicas.into());
        }
        Ok(authors)
    }

    /// Follows one event along its author's chain; true when it is to be appended.
    fn follow(
        &self,
        authors: &mut Authors,
        entry: &Entry<'_>,
    ) -> Result<bool, AdmitError<H::Error>> {
        let dot = entry.dot();
        let Some(author) = authors.get_mut(&dot.replica) else {
            return Ok(false);
        };
        let after = entry.head_after(&author.chain);
        author.chain = after.chain;
        if dot.seq <= author.head.seq {
            if dot.seq == author.head.seq && after.chain != author.head.chain {
                return Err(fork(dot.replica, &author.head, after.chain).into());
            }
            return Ok(false);
        }
        if after.hlc < author.head.hlc {
            return Err(Refusal::ClockBack { dot }.into());
        }
        author.head = after;
        for seen in entry.context().iter() {
            let head = match authors.get(&seen.replica) {
                Some(author) => author.head,
                None => self.head(&seen.replica)?,
            };
            if head.seq < seen.seq {
                return Err(Refusal::NotCausal { dot, missing: seen }.into());
            }
        }
        Ok(true)
    }

    /// Compares runs that end before what is held with what is held there.
    fn compare_older(&self, block: &Block, authors: &Authors) -> Result<(), AdmitError<H::Error>> {
        for run in block.runs() {
            let author = &authors[&run.replica];
            let dot = Dot { replica: run.replica, seq: run.last_seq() };
            if dot.seq >= author.head.seq {
                continue;
            }
            let staged = self.blocks.iter().find_map(|block| block.chain_at(dot));
            let held = match staged {
                Some(chain) => chain,
                None => self.held.chain_at(dot).map_err(AdmitError::Store)?,
            };
            if held != author.chain {
                return Err(Refusal::Fork { dot, held, received: author.chain }.into());
            }
        }
        Ok(())
    }
}

/// How far an author's events are held, and the chain as far as the block has been followed.
struct Author {
    head: Head,
    chain: Chain,
}

type Authors = BTreeMap<ReplicaId, Author>;

const fn fork(replica: ReplicaId, head: &Head, received: Chain) -> Refusal {
    Refusal::Fork { dot: Dot { replica, seq: head.seq }, held: head.chain, received }
}

/// Packs the commits that are not held yet anew, in the block's order.
fn repack(block: &Block, fresh: &[Dot]) -> Result<Vec<Block>, Refusal> {
    let mut heads: BTreeMap<ReplicaId, Head> =
        block.runs().iter().map(|run| (run.replica, run.head_before())).collect();
    let mut fresh = fresh.iter().peekable();
    let mut packer = BlockPacker::new(block.space().clone());
    let mut blocks = Vec::new();
    let mut commit: Vec<Envelope> = Vec::new();
    for entry in block.entries() {
        let head = heads.entry(entry.dot().replica).or_insert(Head::START);
        if fresh.next_if_eq(&&entry.dot()).is_none() {
            *head = entry.head_after(&head.chain);
            continue;
        }
        commit.push(entry.envelope());
        if !entry.last() {
            continue;
        }
        *head = match packer.push_commit(head, &commit) {
            Ok(after) => after,
            Err(_) => {
                let next = BlockPacker::new(block.space().clone());
                blocks.extend(std::mem::replace(&mut packer, next).finish());
                packer.push_commit(head, &commit).map_err(|_| Refusal::Oversized)?
            }
        };
        commit.clear();
    }
    blocks.extend(packer.finish());
    Ok(blocks)
}

#[cfg(test)]
mod tests;
