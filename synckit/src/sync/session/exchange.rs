//! Inputs and effects of a session.

use std::collections::BTreeSet;

use super::config::Direction;
use crate::block::Block;
use crate::branch::Coverage;
use crate::chain::CommitId;
use crate::filter::Filter;
use crate::id::{Position, ReplicaId, SpaceId};
use crate::log::{Cursor, Hidden, Page, Refusal};
use crate::policy::PolicyId;
use crate::schema::TypesText;
use crate::sync::bridges::{TraceLines, Traced};
use crate::sync::frame::Frame;
use crate::sync::violation::{Denial, SessionError};

/// Input of a session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Input {
    /// A frame arrived.
    Received(Frame),
    /// The peer closed the connection.
    Disconnected,
    /// The answer to [`Effect::Admit`]. Given again, with a denial, when a peer may not stay.
    Admitted(Result<Admittance, Denial>),
    /// The answer to [`Effect::Recall`].
    Recalled(Box<Recollection>),
    /// The answer to [`Effect::Check`].
    Checked(bool),
    /// The answer to [`Effect::Cover`].
    Covered(Coverage),
    /// The answer to [`Effect::Frontier`].
    Frontier(Vec<CommitId>),
    /// The answer to [`Effect::Load`].
    Loaded {
        /// The page.
        page: Page,
        /// The keys that this side's store has written under, read after the page: it may have taken
        /// another one since the session began.
        own_keys: Vec<ReplicaId>,
    },
    /// The answer to [`Effect::Trace`].
    Traced(Traced),
    /// The log holds this many events: the answer to [`Effect::Watch`].
    LogMoved(Position),
    /// [`Effect::Commit`] is durable; what was new stands in the log between these places.
    Committed {
        /// The number of events before it.
        start: Position,
        /// The number of events before its end.
        end: Position,
        /// True when this side is a hub that has ruled on it.
        ruled: bool,
    },
    /// The answer to [`Effect::Keep`], whatever became of that.
    Kept,
    /// The log refused [`Effect::Commit`]; nothing of it was written.
    Refused(Refusal),
    /// The local store failed.
    StoreFailed {
        /// True when only a person can put it right: its file is damaged or gone.
        damaged: bool,
    },
    /// The deadline has passed.
    DeadlinePassed,
    /// The session is to end as soon as what was received is committed.
    Stop,
}

/// Rights of a peer that was let in.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[allow(clippy::exhaustive_structs, reason = "a session needs all of it")]
pub struct Admittance {
    /// The direction in which logs may be exchanged with it.
    pub direction: Direction,
    /// The only aggregates that it may write; `None` for all.
    pub writes: Option<Filter>,
}

/// Effect of a session, to be carried out in order.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_enums, reason = "a driver must carry out each")]
pub enum Effect {
    /// Send a frame.
    Send(Frame),
    /// Say whether a peer may come in, with [`Input::Admitted`]. It has not been told anything yet.
    Admit {
        /// The space that it asks for.
        space: SpaceId,
        /// The replica that it says it is. It has not proved that yet.
        peer: ReplicaId,
        /// The part of the space that it holds; `None` for all of it.
        filter: Option<Filter>,
        /// The policy by which it shows fields, if it tells one.
        policy: Option<PolicyId>,
    },
    /// Look up what is known of the peer, and answer with [`Input::Recalled`]. Read the cursor first
    /// and the log's head last: what is committed in between is then sent and never passed over.
    Recall {
        /// The space that the session is about.
        space: SpaceId,
        /// The key of the peer's store.
        peer: ReplicaId,
        /// The hash of the text that tells the types of the peer's events, if it tells them.
        types: Option<[u8; 32]>,
    },
    /// Answer with [`Input::Checked`] whether a cursor is a place of this store's log.
    Check {
        /// The cursor that the peer has.
        cursor: Cursor,
        /// True if this store holds a part, and gives what was written in it.
        in_part: bool,
    },
    /// Answer with [`Input::Covered`]: what of this store's log lies behind the commits that it
    /// holds among these.
    Cover(Vec<CommitId>),
    /// Answer with [`Input::Frontier`]: what is held, as in [`Recollection::frontier`].
    Frontier,
    /// Read the log after a position, and answer with [`Input::Loaded`]. Begin once the frames before
    /// it are on their way: a peer that does not read then costs no more than a page.
    Load(Position),
    /// Answer with [`Input::Traced`] where lines of authors hang among the commits of which an event is
    /// about an aggregate that the filter names, or that were written under the reader's key.
    Trace {
        /// The filter of the peer.
        filter: Filter,
        /// The peer.
        reader: ReplicaId,
        /// The lines.
        lines: TraceLines,
    },
    /// Wait until the log holds more than this many events, and answer with [`Input::LogMoved`].
    Watch(Position),
    /// Commit blocks from the peer together with the cursor, and answer with [`Input::Committed`]
    /// or [`Input::Refused`].
    Commit {
        /// Blocks in the order in which they came. May be empty.
        blocks: Vec<Block>,
        /// Word of the peer about that which this side's filter hides.
        hidden: Hidden,
        /// The place in the peer's log that is then reached.
        cursor: Cursor,
        /// True when all the blocks have been in a commit that was refused.
        is_repeated: bool,
    },
    /// Keep the types of the peer's events, and answer with [`Input::Kept`]. They serve whoever looks at
    /// events: the session goes on without an answer, and when they cannot be kept.
    Keep(TypesText),
    /// The session is over.
    End(Result<(), SessionError>),
}

/// A store's knowledge of a peer and of itself.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs, reason = "a session resumes by all of it")]
pub struct Recollection {
    /// The place up to which the peer's log has been followed.
    pub cursor: Option<Cursor>,
    /// The store's holdings: the heads of all branches, then commits at growing distances before
    /// them. Needed only without a cursor.
    pub frontier: Vec<CommitId>,
    /// The number of events in the log.
    pub head: Position,
    /// The part of the space that the store holds; `None` for all of it.
    pub part: Option<HeldPart>,
    /// True when the peer tells the types of its events, and the store does not keep them yet.
    pub lacks_types: bool,
}

/// A part of a space, as a store holds it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(clippy::exhaustive_structs, reason = "a session needs all of it")]
pub struct HeldPart {
    /// The aggregates that are held.
    pub filter: Filter,
    /// The keys under which the store has written all that it holds of them. It sends nothing else: it cannot vouch
    /// for what others wrote, nor for what it has lost and fetched in part.
    pub writers: BTreeSet<ReplicaId>,
}

/// Progress of a session.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Progress {
    /// Events sent.
    pub events_sent: u64,
    /// Bytes of events sent.
    pub bytes_sent: u64,
    /// Events received that were new here, and are committed.
    pub events_received: u64,
    /// Bytes of events received.
    pub bytes_received: u64,
    /// Events of the own log that are still to be sent or passed over.
    pub to_send: u64,
    /// Events of the peer's log that are still to be received or passed over, as far as is known.
    pub to_receive: u64,
    /// The place up to which the peer durably holds the own log: what it has acknowledged, and what
    /// needed not be sent. `None` before it is known, and in a session that sends nothing.
    pub acknowledged: Option<Position>,
    /// The peer, once it has proved its key.
    pub peer: Option<ReplicaId>,
    /// True once both logs were caught up with at some moment of this session.
    pub caught_up: bool,
    /// Milliseconds by which the peer's wall clock was ahead of this side's (behind, if negative)
    /// when its greeting arrived: off by as long as that travelled, with the opening of the connection if it was
    /// sent with the request for that. `None` before it has come.
    pub peer_clock_ahead_ms: Option<i64>,
}
