//! What a session is told, and what it asks for.

use crate::block::Block;
use crate::envelope::{Frontier, Head};
use crate::id::{Position, ReplicaId, SpaceId, StoreIdentity};
use crate::log::{Page, Refusal};
use crate::sync::frame::Frame;
use crate::sync::violation::SessionError;

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A frame arrived.
    Received(Frame),
    /// The peer closed the connection.
    Disconnected,
    /// The answer to [`Effect::Recall`].
    Recalled(Box<Recollection>),
    /// The answer to [`Effect::Load`].
    Loaded(Page),
    /// The log holds this many events: the answer to [`Effect::Watch`].
    LogMoved(Position),
    /// [`Effect::Commit`] is durable; so many of its events were new.
    Committed(u64),
    /// The log refused [`Effect::Commit`]; nothing of it was written.
    Refused(Refusal),
    /// The local store failed.
    StoreFailed,
    /// The deadline has passed.
    DeadlinePassed,
    /// The session is to end as soon as what was received is committed.
    Stop,
}

/// What is to be done, in this order.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Send a frame.
    Send(Frame),
    /// Look up what is known of the peer, and answer with [`Input::Recalled`]. Read the cursor first
    /// and the log's head last: what is committed in between is then sent and never passed over.
    /// May be asked a second time.
    Recall {
        /// The space that the session is about.
        space: SpaceId,
        /// The peer's store.
        peer: StoreIdentity,
        /// The peer's replica.
        replica: ReplicaId,
    },
    /// Read the log after a position, and answer with [`Input::Loaded`].
    Load(Position),
    /// Wait until the log holds more than this many events, and answer with [`Input::LogMoved`].
    Watch(Position),
    /// Commit blocks from the peer together with the cursor, and answer with [`Input::Committed`]
    /// or [`Input::Refused`].
    Commit {
        /// Blocks in the order in which they came. May be empty.
        blocks: Vec<Block>,
        /// The position in the peer's log that is then reached.
        cursor: Position,
    },
    /// The session is over.
    End(Result<(), SessionError>),
}

/// What a store knows about a peer and about itself.
#[derive(Clone, Debug)]
pub struct Recollection {
    /// How far the peer's log has been followed.
    pub cursor: Option<Position>,
    /// What the store holds; needed only without a cursor beyond [`Position::START`].
    pub frontier: Frontier,
    /// How far the peer's own events are held.
    pub peer_head: Head,
    /// How far this replica's own events go.
    pub own_head: Head,
    /// How many events the log holds.
    pub head: Position,
}

/// How far a session has come.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
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
    /// Whether both logs were caught up with at some moment of this session.
    pub caught_up: bool,
}
