//! The inputs and effects of a replica's core.

use bytes::Bytes;

use super::group::EditGroup;
use super::states::Unsaved;
use crate::branch::Branches;
use crate::conflict::PolicyChoice;
use crate::id::{AggregateId, Position};
use crate::key::ReplicaKey;
use crate::log::{LogBlock, Page};
use crate::ruling::Rulings;

/// Names one caller who waits for something.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Ticket(pub(crate) u64);

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Input {
    /// Somebody waits until states reflect the log up to a position.
    CatchUp(Ticket, Position),
    /// Somebody waits until what is folded is stored.
    Checkpoint(Ticket),
    /// The replica is to end; nobody may wait for it.
    Close(Option<Ticket>),
    /// Answers [`Effect::Commit`]: durable. What was new, in its place in the log.
    Committed(Vec<LogBlock>),
    /// Answers [`Effect::Commit`]: the store failed, which leaves open whether it is durable.
    CommitFailed,
    /// The time of [`deadline`](super::ReplicaCore::deadline) has come.
    DeadlinePassed,
    /// Answers [`Effect::Load`]: states as they are stored, if they are.
    Loaded(Vec<(AggregateId, Option<Bytes>)>),
    /// Answers [`Effect::Watch`].
    LogMoved {
        /// The number of events in the log.
        head: Position,
        /// The number of times that the store was told of forks that the log does not show.
        told: u64,
    },
    /// Answers [`Effect::ReadLog`].
    Page(Page),
    /// Answers any effect that reads: the store failed.
    ReadFailed(Reading),
    /// Answers [`Effect::ReadHeads`].
    LogHead(Box<LogHead>),
    /// Answers [`Effect::Save`]: durable, each state in so many bytes.
    Saved(Vec<(AggregateId, usize)>),
    /// Answers [`Effect::Save`]: the store failed.
    SaveFailed,
}

/// Knowledge of a store that edits and folding begin with. The head is read last, and the rulings up
/// to there.
#[derive(Debug)]
pub(crate) struct LogHead {
    /// The key that the store writes under.
    pub(crate) key: ReplicaKey,
    /// The branches of the log.
    pub(crate) branches: Branches,
    /// The number of times that the store had been told of forks that the log does not show, before the
    /// branches were read.
    pub(crate) told: u64,
    /// The end of the log.
    pub(crate) log: Position,
    /// The rulings of hubs in the log up to there.
    pub(crate) rulings: Rulings,
}

/// Something to do. Of each kind that is answered, one is under way at a time.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Tell those who watch these aggregates, each named once.
    Changed(Vec<AggregateId>),
    /// Tell those who listen what the policy has chosen.
    Chosen(Vec<PolicyChoice>),
    /// Append the blocks of these edits of the author's, in one transaction.
    Commit(EditGroup),
    /// Everything is over.
    End(Vec<Ticket>, Settlement),
    /// Read stored states.
    Load(Vec<AggregateId>),
    /// Read the store's key, the branches of the log, its head, and the rulings up to there.
    ReadHeads,
    /// Read the log after this position.
    ReadLog(Position),
    /// Store states and the position that they reflect, in one transaction.
    Save(Unsaved),
    /// Answer those who wait.
    Settled(Vec<Ticket>, Settlement),
    /// Say when the log holds more than this, or the store has been told of forks that the log does not
    /// show.
    Watch {
        /// The number of events in the log.
        past: Position,
        /// The number of times that the store has been told so.
        told: u64,
    },
}

/// The subject of a read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reading {
    /// [`Effect::ReadHeads`].
    LogHead,
    /// [`Effect::ReadLog`].
    Log,
    /// [`Effect::Load`].
    States,
    /// [`Effect::Watch`].
    Watch,
}

/// The answer to those who wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Settlement {
    /// It is done; an edit that waited for its turn may try again.
    Done,
    /// A commit failed.
    CommitFailed,
    /// The store could not be read.
    ReadFailed,
    /// States could not be stored.
    SaveFailed,
}

/// The answer to a request to edit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    /// Now.
    Ready,
    /// Once the ticket is answered; ask again then.
    Waits,
    /// Never again.
    Closed,
}

/// Effects that are not answered yet.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    pub(super) commit: bool,
    pub(super) heads: bool,
    pub(super) load: bool,
    pub(super) log: bool,
    pub(super) save: bool,
    pub(super) watch: bool,
}

/// Callers that wait, by what they wait for.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) edits: Vec<(Ticket, Vec<AggregateId>)>,
    pub(super) catch_ups: Vec<(Ticket, Position)>,
    /// Answered by the save that begins next, and by the one under way.
    pub(super) saves: Vec<Ticket>,
    pub(super) saving: Vec<Ticket>,
    pub(super) close: Vec<Ticket>,
}
