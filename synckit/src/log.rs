//! Logs: sequences of blocks, and the rules by which every store appends to them.
//!
//! A log of a space is a sequence of blocks, and only ever grows. It may begin after position 0, when
//! what stood before was pruned; positions never change. Whatever the back end, it admits a block
//! only if
//! - each run of commits follows a commit of its author that is held, and continues its chain,
//! - everything that an event's author had seen stands before it (the log is causally ordered),
//! - a space keeps to its number of branches.
//!
//! Commits held already are passed over: receiving twice is no error. A run that leaves its author's
//! chain before the end is a *fork*: the author's key was used by two stores. Both branches are
//! kept, and merge like any concurrent work.
//!
//! Admission asks nobody: `Admission::decide` either decides or says what it needs to know, so
//! that a store answers all questions of a batch at once.

use std::fmt;
use std::sync::Arc;

use crate::block::{Block, Entry, Run};
use crate::branch::{Anchor, BRANCHES_MAX, Branch, BranchNo, Branches, BranchesFull, Coverage};
use crate::chain::{Chain, CommitId};
use crate::clock::Hlc;
use crate::filter::Filter;
use crate::id::{Dot, Position, ReplicaId, SpaceId, hex};
use crate::ruling::{Rulings, Standing};
use crate::vector::{Stamp, VectorClock};

mod admission;
mod merge;
mod repack;
mod view;

#[cfg_attr(not(feature = "runtime"), allow(unused_imports, reason = "stores admit"))]
pub(crate) use admission::{Admission, Admitted, Answers, Cap, Decision, Gap, Question};
pub use merge::Merges;
pub(crate) use merge::{added_bytes, merged};
#[cfg_attr(not(feature = "runtime"), allow(unused_imports, reason = "hubs bury"))]
pub(crate) use repack::bury;
pub(crate) use repack::repack;
pub(crate) use view::View;

/// Most blocks' bytes that one read of a log returns, unless a single block is larger.
pub const READ_BYTES_MAX: usize = 768 * 1024;

/// A part of a log.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page {
    /// Blocks in log order.
    pub blocks: Vec<LogBlock>,
    /// Begin of the log: what stood before was pruned.
    pub begins: Position,
    /// End of the last block; the position read from when there are none.
    pub through: Position,
    /// End of the log when it was read.
    pub head: Position,
    /// The place up to which the log is durable, where the page goes beyond that.
    pub durable: Option<Cursor>,
}

impl Page {
    /// A page without blocks.
    pub const fn empty(after: Position) -> Self {
        let (begins, head) = (Position::START, Position::START);
        Self { blocks: Vec::new(), begins, through: after, head, durable: None }
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

/// A block in its place in a log.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct LogBlock {
    /// The number of events before it.
    pub start: Position,
    /// The block.
    pub block: Block,
    /// The branch of each of the block's runs.
    pub runs: Vec<LogRun>,
    /// The place of each of the block's anchors.
    pub anchors: Vec<Anchor>,
    /// The digest of the log up to the block's end.
    pub digest: Digest,
}

/// The branch that a run of a log's block belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct LogRun {
    /// The branch that it continues or begins.
    pub branch: BranchNo,
    /// The chain after its last commit.
    pub end: Chain,
    /// The beginning of the branch, if it begins with this run.
    pub begins: Option<Begin>,
}

/// The beginning of a branch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Begin {
    /// The chain after its first commit.
    pub first: Chain,
    /// The branch that it leaves, the number of the last event that both share, and the chain after
    /// the commit that follows there. `None` for an author's first branch.
    pub leaves: Option<(BranchNo, u64, Chain)>,
}

impl LogBlock {
    /// Adds what the block holds to the branches of the log before it. Adding it again changes
    /// nothing.
    ///
    /// # Errors
    /// When there are too many branches, or some before it were left out.
    pub fn extend(&self, branches: &mut Branches) -> Result<(), BranchesFull> {
        // Where commits were left out, a run may stand before the one that begins an earlier branch.
        let mut runs: Vec<_> = self.runs.iter().zip(self.ends()).collect();
        runs.sort_by_key(|(place, _)| place.branch);
        for (place, head) in runs {
            match place.begins {
                Some(Begin { first, leaves }) => {
                    branches.begin(place.branch, first, leaves, head)?
                }
                None => branches.grow(place.branch, head)?,
            }
        }
        Ok(())
    }

    /// Adds what hubs rule in the block to the rulings of the log before it; `branches` are those up
    /// to its end. True when events that the log may hold count differently from then on.
    pub(crate) fn rule(&self, rulings: &mut Rulings, branches: &Branches) -> bool {
        let ruled = rulings.note(&self.block);
        let closed = rulings.close(&self.block, &self.anchors, branches);
        ruled.iter().any(|commit| branches.reaches(commit))
            || closed.iter().any(|author| rulings.voids_any(author, branches))
    }

    /// True when lines begin in it that leave others.
    pub(crate) fn begins_fork(&self) -> bool {
        self.runs.iter().any(|place| place.begins.is_some_and(|begin| begin.leaves.is_some()))
    }

    /// True when a hub closes a key in it.
    pub(crate) fn closes_keys(&self) -> bool {
        !Rulings::closings(&self.block).is_empty()
    }

    /// The number of events before its end.
    pub fn end(&self) -> Position {
        Position(self.start.0 + self.block.len() as u64)
    }

    /// The last commit of each of its runs.
    pub(crate) fn ends(&self) -> Vec<CommitId> {
        let end = |(run, place): (&Run, &LogRun)| CommitId {
            author: run.replica,
            seq: run.last_seq(),
            chain: place.end,
        };
        self.block.runs().iter().zip(&self.runs).map(end).collect()
    }

    /// The place behind it.
    pub fn cursor(&self) -> Cursor {
        Cursor { position: self.end(), digest: self.digest }
    }

    /// Its events after a position of the log, each with the position that it ends at.
    pub fn after(&self, position: Position) -> impl Iterator<Item = (Position, Entry<'_>)> {
        let before = position.0.saturating_sub(self.start.0);
        let skipped = usize::try_from(before).unwrap_or(usize::MAX);
        (self.start.0 + 1..).map(Position).zip(self.block.entries()).skip(skipped)
    }

    /// Its events after a position, each with the position that it ends at and what hubs have ruled
    /// on it.
    pub(crate) fn ruled_on<'a>(
        &'a self,
        rulings: &Rulings,
        after: Position,
    ) -> impl Iterator<Item = (Position, Entry<'a>, Standing)> + use<'a> {
        let standings = rulings.of(&self.block, |run| self.runs[run].branch);
        let standing = move |position: Position| {
            let index = usize::try_from(position.0 - self.start.0 - 1).unwrap_or(usize::MAX);
            let ruled = standings.as_ref().and_then(|standings| standings.get(index));
            ruled.copied().unwrap_or(Standing::AsWritten)
        };
        self.after(after).map(move |(position, entry)| (position, entry, standing(position)))
    }

    /// True when no hub has ruled on it.
    pub(crate) fn is_as_written(&self, rulings: &Rulings) -> bool {
        rulings.of(&self.block, |run| self.runs[run].branch).is_none()
    }

    /// Its events after a position that no hub has refused, each with the position that it ends at
    /// and the stamp in force.
    pub(crate) fn in_force<'a>(
        &'a self,
        rulings: &Rulings,
        after: Position,
    ) -> impl Iterator<Item = (Position, Entry<'a>, Hlc)> + use<'a> {
        self.ruled_on(rulings, after).filter_map(|(position, entry, standing)| match standing {
            Standing::AsWritten => Some((position, entry, entry.hlc())),
            Standing::Redated(at) => Some((position, entry, entry.hlc().min(at))),
            Standing::Refused => None,
        })
    }

    /// Its events after a position that no hub has refused, as merging sees them.
    pub fn stamped<'a>(
        &'a self,
        branches: &'a Branches,
        rulings: &Rulings,
        after: Position,
    ) -> impl Iterator<Item = (Position, Stamped<'a>)> + use<'a> {
        let mut last = (&[][..], None, Arc::default());
        self.in_force(rulings, after).map(move |(position, entry, hlc)| {
            let (rows, run) = (entry.context_rows(), entry.run());
            let dot = branches.dot(self.runs[run].branch, entry.dot().seq);
            // Past a fork in the middle of a run the author's events have another identity, and have
            // seen those before it.
            let writer = Some((run, dot.replica));
            if !(std::ptr::eq(last.0, rows) && last.1 == writer) {
                last = (rows, writer, Arc::new(self.context(branches, &entry)));
            }
            (position, Stamped { entry, dot, hlc, context: Arc::clone(&last.2) })
        })
    }

    /// Context of an event: what its author had seen, under the identities of merging. The
    /// author's own earlier events on the same branch are implied. The clock cannot be full: it has
    /// room for all writers of a space.
    fn context(&self, branches: &Branches, entry: &Entry<'_>) -> VectorClock {
        let mut clock = VectorClock::new();
        for (anchor, seq) in entry.context_rows() {
            let (no, seq) = self.anchors[*anchor].covers(*seq);
            let _ = branches.see(&mut clock, no, seq);
        }
        let no = self.runs[entry.run()].branch;
        // Where the author has forked, its earlier events count under other identities.
        let forked = |branch: &Branch| branch.leaves.is_some() || !branch.forks.is_empty();
        if branches.get(no).is_some_and(forked) {
            let _ = branches.see(&mut clock, no, entry.dot().seq);
        }
        clock
    }

    /// True if all its events are covered by what somebody holds.
    pub fn is_covered(&self, held: &Coverage) -> bool {
        let mut runs = self.block.runs().iter().zip(&self.runs);
        runs.all(|(run, place)| held.covers(place.branch, run.last_seq()))
    }
}

/// An event as merging sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stamped<'a> {
    /// The event.
    pub entry: Entry<'a>,
    /// The event's identity in merging.
    pub dot: Dot,
    /// The stamp in force: the event's own, unless a hub has given it an earlier one.
    pub hlc: Hlc,
    /// Context: what its author had seen of the aggregate, under the identities of merging.
    pub context: Arc<VectorClock>,
}

impl Stamped<'_> {
    /// The stamp that merging uses.
    pub fn stamp(&self) -> Stamp<'_> {
        Stamp { dot: self.dot, hlc: self.hlc, context: &self.context }
    }
}

/// A hash over a log up to a place where a block ends: two logs with the same one at the same
/// position are the same up to there.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; Self::LEN]);

impl Digest {
    /// Length in bytes.
    pub const LEN: usize = 32;
    /// Before the first event.
    pub const START: Self = Self([0; Self::LEN]);

    /// After a block that follows this digest.
    #[must_use]
    pub fn then(&self, block: &Block) -> Self {
        self.then_checksum(block.checksum())
    }

    /// After a block with a checksum that follows this digest.
    pub(crate) fn then_checksum(&self, checksum: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new_keyed(b"synckit 2026 digest of a log....");
        hasher.update(&self.0).update(checksum);
        Self(*hasher.finalize().as_bytes())
    }

    /// Of the same log up to the same place, given in part.
    fn in_part(&self) -> Self {
        let mut hasher = blake3::Hasher::new_keyed(b"synckit 2026 digest of a part...");
        Self(*hasher.update(&self.0).finalize().as_bytes())
    }

    /// Takes 32 bytes.
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0[..4]))
    }
}

/// A place in a log that proves itself: a log in which the position has another digest is another
/// log, or the same one after it was restored from a copy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(clippy::exhaustive_structs, reason = "its parts are those of the format")]
pub struct Cursor {
    /// The number of events before it.
    pub position: Position,
    /// The digest of the log up to there.
    pub digest: Digest,
}

impl Cursor {
    /// Before the first event of any log.
    pub const START: Self = Self { position: Position::START, digest: Digest::START };

    /// The place as a store tells it that gives only what was written in it. A peer that comes to it need not hold
    /// what others wrote before it: for copies of the log that are given whole, this is no place of theirs.
    pub(crate) fn in_part(self) -> Self {
        if self == Self::START { self } else { Self { digest: self.digest.in_part(), ..self } }
    }

    /// True if whoever has come to `given` needs nothing more of a log up to this place, which is given in part or
    /// whole.
    pub(crate) fn is_given(self, given: Self, in_part: bool) -> bool {
        self == given || (in_part && self.in_part() == given)
    }
}

/// A block to append and where it comes from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Append {
    /// The block.
    pub block: Block,
    /// Its source.
    pub source: Source,
}

impl Append {
    /// A block and its source.
    pub const fn new(block: Block, source: Source) -> Self {
        Self { block, source }
    }
}

/// A commit that a filter hides, and one on its author's chain that the filter does not hide: the last one
/// before it or, if the author has written on one line, one behind it. Told by a peer that holds a part, the first may
/// be one that is not hidden, and the second is then the same.
///
/// A replica that holds a part of a space is sent commits that follow hidden ones, and contexts that
/// refer to them. Where an author has written on one line it takes most of them for granted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(clippy::exhaustive_structs, reason = "its parts are those of the protocol")]
pub struct Bridge {
    /// The hidden commit.
    pub hidden: CommitId,
    /// The number of the last event of the other commit, and the chain there; [`Bridge::NOTHING`] when
    /// all before it is hidden.
    pub after: (u64, Chain),
}

impl Bridge {
    /// The place before an author's first commit.
    pub const NOTHING: (u64, Chain) = (0, Chain::from_bytes([0; Chain::LEN]));

    /// The commit that is not hidden.
    pub const fn shown(&self) -> CommitId {
        let (seq, chain) = self.after;
        CommitId { author: self.hidden.author, seq, chain }
    }
}

/// A fork on the chain of a commit, of which a filter may hide the other branch.
///
/// Past a fork the events of each branch count in merging under another identity. A replica that holds a
/// part of a space is told of the forks on the chains of what it holds, so that it knows these events by
/// the same identities as whoever holds everything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(clippy::exhaustive_structs, reason = "its parts are those of the protocol")]
pub struct ForkMark {
    /// A commit behind the fork, that the filter does not hide.
    pub on: CommitId,
    /// The number of the last event that the branches share.
    pub after: u64,
    /// The chain after the commit that follows there on the way to `on`.
    pub next: Chain,
}

/// Word to a replica that holds a part of a space about the rest, so that it finds the places of what it holds.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[allow(clippy::exhaustive_structs, reason = "its parts are those of the protocol")]
pub struct Hidden {
    /// Bridges over hidden commits.
    pub bridges: Vec<Bridge>,
    /// Forks on the chains of commits that are not hidden.
    pub forks: Vec<ForkMark>,
    /// The peer by whose word it is.
    pub witness: Witness,
}

/// Peer by whose word a part knows of what its filter hides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
#[allow(clippy::exhaustive_enums, reason = "admission decides by all of them")]
pub enum Witness {
    /// It holds everything, and gives what something rests on before that.
    #[default]
    Whole,
    /// It holds a part that this one is within, and gives nothing but what was written there: what that rests on may
    /// be on its way from others. It knows all of that.
    WiderPart,
    /// As [`Witness::WiderPart`], but its filter may hide some of what this one's names.
    OtherPart,
}

impl Witness {
    /// A peer with a filter, to a part with another.
    pub(crate) fn of(peer: Option<&Filter>, part: &Filter) -> Self {
        match peer {
            None => Self::Whole,
            Some(filter) if filter.contains(part) => Self::WiderPart,
            Some(_) => Self::OtherPart,
        }
    }
}

impl Hidden {
    /// True if nothing is told.
    pub const fn is_empty(&self) -> bool {
        self.bridges.is_empty() && self.forks.is_empty()
    }

    /// Bytes of memory that it takes.
    pub(crate) const fn memory(&self) -> usize {
        self.bridges.len() * size_of::<Bridge>() + self.forks.len() * size_of::<ForkMark>()
    }

    /// Adds what another frame tells.
    pub fn extend(&mut self, other: Self) {
        self.bridges.extend(other.bridges);
        self.forks.extend(other.forks);
        self.witness = self.witness.max(other.witness);
    }
}

/// Source of a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Source {
    /// Written by this store's replica.
    Local,
    /// Received from a peer.
    Peer,
}

/// Reason why a log does not admit a block. Nothing of the block is appended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Something that comes before an event is not held: the sender took it for held, and resends from what the
    /// receiver's frontier says, or it holds a part of the space, and others have to bring it.
    #[error(
        "{after} was written after {missing:?}, which is not here: it has to come first, from whoever holds it"
    )]
    Missing {
        /// The last event of the commit that cannot be appended.
        after: Dot,
        /// The commit that it follows, or that its author had seen.
        missing: CommitId,
    },
    /// A tombstone of a commit that nobody has refused here: the sender took the refusal for known, or it
    /// holds a part of the space, and others have to bring the refusal.
    #[error(
        "{commit:?} came as a tombstone, and no hub's refusal of it is here: that has to come first, from whoever holds it"
    )]
    Unrefused {
        /// The commit.
        commit: CommitId,
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
    /// A space that this hub does not govern: it could not refuse events there one by one.
    #[error(
        "this hub takes events only into spaces that its authority governs, and `{space}` is none; \
         name the space as its authority does (`name@key`)"
    )]
    Ungoverned {
        /// The space.
        space: SpaceId,
    },
    /// One branch of an author too many, for a hub that closes keys: it closes this one, and then
    /// takes the branch.
    #[error("{author} has its maximum of branches: its key has to be closed first")]
    Crowded {
        /// The author.
        author: ReplicaId,
    },
    /// A further branch under a closed key, in a space that keeps its remaining room for others.
    #[error(
        "the key {author} was closed because too many copies of one file write under it; the store \
         that writes under it has to sync to learn that"
    )]
    Closed {
        /// The author.
        author: ReplicaId,
    },
    /// One branch too many.
    #[error("the space has its maximum of {BRANCHES_MAX} writing replicas; split it")]
    TooManyReplicas,
}

impl Refusal {
    /// The last event of the commit that cannot be appended before something else that others may bring.
    pub(crate) const fn too_early(&self) -> Option<Dot> {
        match self {
            Self::Missing { after, .. } => Some(*after),
            Self::Unrefused { commit } => Some(commit.dot()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
