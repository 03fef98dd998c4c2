//! Admission: decides what of a batch is appended. Pure: it asks, is answered, and decides.
//!
//! A store asks [`Admission::questions`] until there are none left (two rounds at most: heads first,
//! then chains) and gives the answers; [`Admission::decide`] then admits the batch as a whole, or
//! refuses it as a whole.

use std::collections::{BTreeMap, BTreeSet};

use super::{Append, LogBlock, Refusal};
use crate::block::{Block, BlockPacker, Entry};
use crate::envelope::{Chain, Envelope, Head};
use crate::id::{Dot, Position, ReplicaId, SpaceId};
use crate::vector::VECTOR_REPLICAS_MAX;

/// A question about the log that a batch is appended to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Question {
    /// The head of an author's events.
    Head(ReplicaId),
    /// The number of authors with events in the space.
    Writers,
    /// The chain at an event that is not its author's last.
    Chain(Dot),
}

/// The answer to a [`Question`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// [`Head::START`] when nothing is held of the author.
    Head(ReplicaId, Head),
    /// The number of authors with events in the space.
    Writers(usize),
    /// `None` when the event was pruned: it cannot be compared any more.
    Chain(Dot, Option<Chain>),
}

/// A batch that waits to be admitted.
#[derive(Debug)]
pub(crate) struct Admission<'b> {
    space: &'b SpaceId,
    append: &'b [Append],
    heads: BTreeMap<ReplicaId, Head>,
    writers: Option<usize>,
    chains: BTreeMap<Dot, Option<Chain>>,
}

/// Blocks to append, and the heads behind them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Admitted {
    /// Blocks in their places; none when all events are held already.
    pub(crate) blocks: Vec<LogBlock>,
    /// Heads of the blocks' authors after them.
    pub(crate) heads: BTreeMap<ReplicaId, Head>,
}

/// A batch that is not admitted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Refused {
    /// The rule that was broken.
    pub(crate) refusal: Refusal,
    /// The index of the block that broke it.
    pub(crate) index: usize,
}

impl<'b> Admission<'b> {
    /// A batch for a space's log. Nothing has been answered yet.
    pub(crate) fn new(space: &'b SpaceId, append: &'b [Append]) -> Self {
        let (heads, chains) = (BTreeMap::new(), BTreeMap::new());
        Self { space, append, heads, writers: None, chains }
    }

    /// The questions that are open, each once. When there are none, [`Admission::decide`].
    pub(crate) fn questions(&self) -> Vec<Question> {
        let mut heads = BTreeSet::new();
        for Append { block, .. } in self.append {
            heads.extend(block.runs().iter().map(|run| run.replica));
            heads
                .extend(block.contexts().flat_map(|context| context.iter().map(|dot| dot.replica)));
        }
        heads.retain(|replica| !self.heads.contains_key(replica));
        let mut open: Vec<_> = heads.into_iter().map(Question::Head).collect();
        if self.writers.is_none() && !self.append.is_empty() {
            open.push(Question::Writers);
        }
        if open.is_empty() {
            let older = self
                .append
                .iter()
                .flat_map(|append| append.block.runs())
                .map(|run| Dot { replica: run.replica, seq: run.last_seq() });
            let unknown = older.filter(|dot| dot.seq < self.held(&dot.replica).seq);
            let chains: BTreeSet<_> =
                unknown.filter(|dot| !self.chains.contains_key(dot)).collect();
            open.extend(chains.into_iter().map(Question::Chain));
        }
        open
    }

    /// Takes an answer.
    pub(crate) fn answer(&mut self, answer: Answer) {
        match answer {
            Answer::Head(replica, head) => drop(self.heads.insert(replica, head)),
            Answer::Writers(writers) => self.writers = Some(writers),
            Answer::Chain(dot, chain) => drop(self.chains.insert(dot, chain)),
        }
    }

    /// Admits the batch at the log's end, or refuses it.
    ///
    /// # Errors
    /// The rule that a block breaks; nothing of the batch is then appended.
    pub(crate) fn decide(self, end: Position) -> Result<Admitted, Refused> {
        debug_assert!(self.questions().is_empty(), "decided before every question was answered");
        let mut staging =
            Staging { admission: &self, heads: BTreeMap::new(), fresh: 0, end, blocks: Vec::new() };
        for (index, append) in self.append.iter().enumerate() {
            staging.admit(append).map_err(|refusal| Refused { refusal, index })?;
        }
        Ok(Admitted { blocks: staging.blocks, heads: staging.heads })
    }

    /// An author's head before the batch.
    fn held(&self, replica: &ReplicaId) -> Head {
        self.heads.get(replica).copied().unwrap_or(Head::START)
    }
}

/// The blocks of a batch, admitted one after the other.
struct Staging<'a, 'b> {
    admission: &'a Admission<'b>,
    heads: BTreeMap<ReplicaId, Head>,
    /// Authors that the batch adds.
    fresh: usize,
    end: Position,
    blocks: Vec<LogBlock>,
}

impl Staging<'_, '_> {
    /// Admits what of a block is not held yet.
    fn admit(&mut self, Append { block, source }: &Append) -> Result<(), Refusal> {
        if block.space() != self.admission.space {
            let (expected, found) = (self.admission.space.clone(), block.space().clone());
            return Err(Refusal::OtherSpace { expected, found });
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
            return Ok(());
        }
        let whole = fresh.len() == block.len();
        let blocks = if whole { vec![block.clone()] } else { repack(block, &fresh)? };
        for (replica, author) in authors {
            self.fresh += usize::from(self.head(&replica).seq == 0);
            self.heads.insert(replica, author.head);
        }
        for block in blocks {
            let block = LogBlock { start: self.end, block, source: *source };
            self.end = block.end();
            self.blocks.push(block);
        }
        Ok(())
    }

    fn head(&self, replica: &ReplicaId) -> Head {
        self.heads.get(replica).copied().unwrap_or_else(|| self.admission.held(replica))
    }

    /// Looks up the block's authors and checks that its runs connect to what is held of them.
    fn connect(&self, block: &Block) -> Result<Authors, Refusal> {
        let mut authors = BTreeMap::new();
        let mut fresh = self.fresh;
        for run in block.runs() {
            let head = self.head(&run.replica);
            if run.first_seq > head.seq + 1 {
                let (replica, expected) = (run.replica, head.seq + 1);
                return Err(Refusal::Gap { replica, expected, received: run.first_seq });
            }
            if run.first_seq == head.seq + 1 && run.chain_before != head.chain {
                return Err(fork(run.replica, &head, run.chain_before));
            }
            fresh += usize::from(head.seq == 0);
            authors.insert(run.replica, Author { head, chain: run.chain_before });
        }
        let writers = self.admission.writers.unwrap_or(0);
        if fresh > self.fresh && writers + fresh > VECTOR_REPLICAS_MAX {
            return Err(Refusal::TooManyReplicas);
        }
        Ok(authors)
    }

    /// Follows one event along its author's chain; true when it is to be appended.
    fn follow(&self, authors: &mut Authors, entry: &Entry<'_>) -> Result<bool, Refusal> {
        let dot = entry.dot();
        let Some(author) = authors.get_mut(&dot.replica) else {
            return Ok(false);
        };
        let after = entry.head_after(&author.chain);
        author.chain = after.chain;
        if dot.seq <= author.head.seq {
            if dot.seq == author.head.seq && after.chain != author.head.chain {
                return Err(fork(dot.replica, &author.head, after.chain));
            }
            return Ok(false);
        }
        if after.hlc < author.head.hlc {
            return Err(Refusal::ClockBack { dot });
        }
        author.head = after;
        for seen in entry.context().iter() {
            let head = match authors.get(&seen.replica) {
                Some(author) => author.head,
                None => self.head(&seen.replica),
            };
            if head.seq < seen.seq {
                return Err(Refusal::NotCausal { dot, missing: seen });
            }
        }
        Ok(true)
    }

    /// Compares runs that end before what is held with what is held there.
    fn compare_older(&self, block: &Block, authors: &Authors) -> Result<(), Refusal> {
        for run in block.runs() {
            let author = &authors[&run.replica];
            let dot = Dot { replica: run.replica, seq: run.last_seq() };
            if dot.seq >= author.head.seq {
                continue;
            }
            let held = self.chain_at(dot);
            if let Some(held) = held.filter(|held| *held != author.chain) {
                return Err(Refusal::Fork { dot, held, received: author.chain });
            }
        }
        Ok(())
    }

    /// The chain at an event that is held or staged; `None` when it was pruned.
    fn chain_at(&self, dot: Dot) -> Option<Chain> {
        let before = self.admission.held(&dot.replica);
        if dot.seq < before.seq {
            return self.admission.chains.get(&dot).copied().flatten();
        }
        if dot.seq == before.seq {
            return Some(before.chain);
        }
        self.blocks.iter().find_map(|log| log.block.chain_at(dot))
    }
}

/// An author's head, and the chain as far as the block has been followed.
struct Author {
    head: Head,
    chain: Chain,
}

type Authors = BTreeMap<ReplicaId, Author>;

const fn fork(replica: ReplicaId, head: &Head, received: Chain) -> Refusal {
    Refusal::Fork { dot: Dot { replica, seq: head.seq }, held: head.chain, received }
}

/// Repacks the commits that are not held yet, in the block's order.
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
