//! What ends a session.

use std::time::Duration;

use super::frame::{Frame, FrameKind, GoodbyeCode};
use super::limits::{PROTOCOL_VERSION, WINDOW_BYTES_MAX};
use crate::block::BlockError;
use crate::id::{Dot, Position, ReplicaId};
use crate::log::Refusal;

/// What a peer did that no correct peer does, or may not do here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// It sent a block that is not sound.
    #[error("it sent a block that is not sound: {0}")]
    BadBlock(BlockError),
    /// Its signature does not prove that it holds its replica's key.
    #[error("it could not prove that it holds the key of replica {replica:.8}")]
    BadSignature {
        /// Who it said it was.
        replica: ReplicaId,
    },
    /// It sent an event from too far in the future.
    #[error(
        "event {dot} is {} s ahead of this clock, more than the {} s allowed; set its author's clock right",
        ahead.as_secs(), bound.as_secs()
    )]
    ClockAhead {
        /// The event.
        dot: Dot,
        /// How far ahead.
        ahead: Duration,
        /// How far it may be.
        bound: Duration,
    },
    /// It acknowledged or reported a position that cannot be.
    #[error("it named position {found}, which is not between {from} and {to}")]
    ImpossiblePosition {
        /// The position.
        found: Position,
        /// The least that it could be.
        from: Position,
        /// The most that it could be.
        to: Position,
    },
    /// It sent an event of another replica without being allowed to relay.
    #[error("it sent events of replica {replica:.8}, but may send only its own")]
    NotItsOwn {
        /// The author of the events.
        replica: ReplicaId,
    },
    /// It sent a frame that does not fit the phase of the session.
    #[error("it sent {frame:?} {phase}")]
    OutOfTurn {
        /// The frame.
        frame: FrameKind,
        /// When.
        phase: &'static str,
    },
    /// It speaks another version of the protocol.
    #[error(
        "it speaks protocol version {theirs}, this program {PROTOCOL_VERSION}; upgrade the older one"
    )]
    Protocol {
        /// Its version.
        theirs: u32,
    },
    /// It has the same store identity or the same key: this very store, or a copy of its file.
    #[error(
        "it has the same identity as this store: a store cannot sync with itself or a copy of itself"
    )]
    SameStore,
    /// It answered for another space.
    #[error("it answered for another space than it was asked for")]
    SpaceChanged,
    /// It sent more than may be unacknowledged.
    #[error("it sent more than {WINDOW_BYTES_MAX} bytes without waiting for acknowledgements")]
    WindowExceeded,
}

/// Why a session ended other than by being finished.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The peer keeps a cursor that is not one of this store's log. It has been told to drop it;
    /// when it connects again it resumes by frontier.
    #[error(
        "the peer keeps a cursor beyond this store's log; it was told to drop it and connect again"
    )]
    CursorUnknown,
    /// The connection ended before the session did. Connect again.
    #[error("the connection ended before the session was finished; connect again")]
    Disconnected,
    /// The peer ended the session. What it says tells whose move it is.
    #[error("the peer ended the session ({code:?}): {message}")]
    PeerEnded {
        /// Its reason.
        code: GoodbyeCode,
        /// Its explanation.
        message: String,
    },
    /// The peer misbehaved, or is not allowed what it did.
    #[error("the peer at fault: {0}")]
    PeerMisbehaved(#[from] Violation),
    /// The log refuses what the peer sent.
    #[error("the log refuses what the peer sent: {0}")]
    Refused(#[from] Refusal),
    /// The peer holds events of this replica that this store does not: the store was restored from
    /// an older copy.
    #[error(
        "the peer holds {theirs} events of this replica, this store only {ours}: it was restored from an older \
         copy or another copy of it is in use; give it a fresh store and sync that from the hub"
    )]
    RolledBack {
        /// How many events of its own this store holds.
        ours: u64,
        /// How many the peer holds.
        theirs: u64,
    },
    /// The local store failed; see the status for its error.
    #[error("the local store failed")]
    Store,
    /// The peer was silent for too long. Connect again.
    #[error("the peer was silent for {} s while {waiting_for}; connect again", silent.as_secs())]
    TimedOut {
        /// What it should have done.
        waiting_for: &'static str,
        /// For how long.
        silent: Duration,
    },
}

impl SessionError {
    /// The error's code; see [the table](crate::docs::errors).
    pub const fn code(&self) -> &'static str {
        match self {
            Self::CursorUnknown => "session.cursor_unknown",
            Self::Disconnected => "session.disconnected",
            Self::PeerEnded { .. } => "session.peer_ended",
            Self::PeerMisbehaved(Violation::SameStore) => "session.same_store",
            Self::PeerMisbehaved(_) => "session.peer_misbehaved",
            Self::Refused(_) => "session.refused",
            Self::RolledBack { .. } => "session.rolled_back",
            Self::Store => "session.store",
            Self::TimedOut { .. } => "session.timed_out",
        }
    }

    /// Whether connecting again may succeed without a change to this program or its files. Peers
    /// are upgraded, repaired and replaced, and clocks set right, while this program runs.
    pub const fn is_retryable(&self) -> bool {
        !matches!(self, Self::PeerMisbehaved(Violation::SameStore) | Self::RolledBack { .. })
    }

    /// What to tell the peer, if it is to be told.
    pub(super) fn goodbye(&self) -> Option<Frame> {
        let code = match self {
            Self::Disconnected | Self::PeerEnded { .. } => return None,
            Self::CursorUnknown => GoodbyeCode::CursorUnknown,
            Self::PeerMisbehaved(Violation::Protocol { .. }) => GoodbyeCode::Unsupported,
            Self::PeerMisbehaved(_) => GoodbyeCode::Violation,
            // It can be admitted once what is missing has come from elsewhere.
            Self::Refused(Refusal::NotCausal { .. }) => GoodbyeCode::Unavailable,
            Self::Refused(_) | Self::RolledBack { .. } => GoodbyeCode::Refused,
            Self::Store | Self::TimedOut { .. } => GoodbyeCode::Unavailable,
        };
        let said = match self {
            Self::PeerMisbehaved(violation) => violation.to_string(),
            Self::Refused(refusal) => refusal.to_string(),
            Self::Store => "its store failed; try again once that is mended".to_owned(),
            other => other.to_string(),
        };
        Some(Frame::goodbye(code, &said))
    }
}
