//! Reasons for which sessions end.

use std::time::Duration;

use super::frame::{Frame, FrameKind, GoodbyeCode};
use super::limits::{PROTOCOL_VERSION, WINDOW_BYTES_MAX};
use crate::block::BlockError;
use crate::filter::Filter;
use crate::id::{Dot, Name, Position, ReplicaId};
use crate::log::Refusal;
use crate::policy::PolicyClash;

/// Violation: something that no correct peer does, or that this peer may not do here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// It sent a block that is not sound.
    #[error("it sent a block that is not sound: {0}")]
    BadBlock(BlockError),
    /// Its signature does not prove that it holds its replica's key.
    #[error("it could not prove that it holds the key of replica {replica:.8}")]
    BadSignature {
        /// The replica that it said it was.
        replica: ReplicaId,
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
    /// It told other types of events than its greeting names.
    #[error("it told other types of events than its greeting names")]
    OtherTypes,
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
    /// It answered for another space.
    #[error("it answered for another space than it was asked for")]
    SpaceChanged,
    /// It sent more than may be unacknowledged.
    #[error("it sent more than {WINDOW_BYTES_MAX} bytes without waiting for acknowledgements")]
    WindowExceeded,
}

/// The reason why a peer is not let in, or may not stay.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denial {
    /// It has shown nothing that is known here.
    #[error("its credentials are missing, not known here, or have expired")]
    Unauthenticated,
    /// Its credentials do not allow what it asks for.
    #[error("its credentials do not open this space")]
    Forbidden,
    /// Its credentials open a part of the space, and it asks for more, or writes beside that.
    #[error("its credentials open only {0} of this space")]
    Part(Filter),
    /// Its rights are others than when it came. It may come again with those.
    #[error("its rights have changed")]
    Changed,
    /// Whoever runs the hub has retired its key: a device that was lost, for example.
    #[error("its key was retired")]
    Retired,
    /// It has used up what it may use for now. It may come again after a while.
    #[error("it is over the limit of {limit}; it may come again in {} s", retry_after.as_secs())]
    Limited {
        /// The limit.
        limit: PeerLimit,
        /// The time until it may come again.
        retry_after: Duration,
    },
    /// It goes by another policy than this side, or than the space.
    #[error("{0}")]
    Policy(Box<PolicyClash>),
    /// It asks for a part of the space by a function that this program does not have.
    #[error(
        "its filter asks the predicate `{0}`, which this program does not have; give it to the builder"
    )]
    Predicate(Name),
    /// Nobody can tell at the moment.
    #[error("nobody can tell at the moment who may come in")]
    Unavailable,
}

/// A limit that a hub sets a peer, or a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerLimit {
    /// Bytes of events that a replica sends in a minute.
    #[error("{0} bytes a minute of one replica")]
    BytesAMinute(u64),
    /// Events that a replica sends in a minute.
    #[error("{0} events a minute of one replica")]
    EventsAMinute(u64),
    /// Replicas that one holder of credentials brings for the first time, in a minute.
    #[error("{0} new replicas a minute")]
    NewReplicasAMinute(u64),
    /// Replicas of a space that came for the first time with the same credentials.
    #[error("{0} replicas with the same credentials in this space")]
    ReplicasOfName(u64),
    /// Sessions of one replica at the same time.
    #[error("{0} sessions of one replica")]
    Sessions(u64),
    /// Bytes of a space.
    #[error("{0} bytes in this space")]
    SpaceBytes(u64),
    /// Events of a space.
    #[error("{0} events in this space")]
    SpaceEvents(u64),
    /// Replicas that have written in a space.
    #[error("{0} replicas in this space")]
    SpaceReplicas(u64),
}

/// Reason why a session ended without being finished.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The connection ended before the session did. Connect again.
    #[error("the connection ended before the session was finished; connect again")]
    Disconnected,
    /// The peer is not let in, or may not stay.
    #[error("the peer may not sync: {0}")]
    Denied(Denial),
    /// The peer lets this side come again later: it is over a limit. Nothing is lost, and links wait for
    /// so long by themselves.
    #[error("the peer asks to come again in {} s: {message}", retry_after.as_secs())]
    Limited {
        /// Its explanation.
        message: String,
        /// The time until this side may come again.
        retry_after: Duration,
    },
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
    /// The local store failed; see the status for its error.
    #[error("the local store failed")]
    Store {
        /// True when only a person can put it right: its file is damaged or gone.
        damaged: bool,
    },
    /// The peer was silent for too long. Connect again.
    #[error("the peer was silent for {} s while {waiting_for}; connect again", silent.as_secs())]
    TimedOut {
        /// The frame or answer that was due.
        waiting_for: &'static str,
        /// For how long.
        silent: Duration,
    },
}

impl Denial {
    /// The code under which it is counted: that of the error which the peer meets.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "session.unauthenticated",
            Self::Forbidden | Self::Part(_) | Self::Retired => "session.forbidden",
            Self::Limited { .. } => "session.limited",
            Self::Policy(_) => "session.policy",
            Self::Changed | Self::Predicate(_) | Self::Unavailable => "session.peer_ended",
        }
    }

    /// The same for the peer. Says nothing of the space, not even whether there is one.
    fn advice(&self) -> String {
        let advice = match self {
            Self::Unauthenticated => {
                "credentials are missing, not known, or have expired; show others"
            }
            Self::Forbidden => "the credentials do not open this space; ask whoever runs the hub",
            Self::Retired => "this replica's key was retired here; ask whoever runs the hub",
            Self::Part(filter) => {
                return format!(
                    "the credentials open only {filter} of this space: hold that part, or ask whoever \
                     runs the hub"
                );
            }
            Self::Limited { limit, .. } => {
                return format!("over the limit of {limit}: nothing is lost, come again later");
            }
            Self::Policy(clash) => return clash.to_string(),
            Self::Predicate(name) => {
                return format!(
                    "the predicate `{name}` of the filter is not known here: ask for a part without it, \
                     or ask whoever runs the hub"
                );
            }
            Self::Changed => "the rights have changed; connect again",
            Self::Unavailable => "nobody can tell at the moment who may come in; try again later",
        };
        advice.to_owned()
    }
}

impl SessionError {
    /// The error's code; see [the table](crate::docs::errors).
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Disconnected => "session.disconnected",
            Self::Denied(Denial::Policy(_)) => "session.policy",
            Self::Denied(_) => "session.denied",
            Self::Limited { .. } => "session.limited",
            Self::PeerEnded { code: GoodbyeCode::Unauthenticated, .. } => "session.unauthenticated",
            Self::PeerEnded { code: GoodbyeCode::Forbidden, .. } => "session.forbidden",
            Self::PeerEnded { code: GoodbyeCode::Policy, .. } => "session.policy",
            Self::PeerEnded { .. } => "session.peer_ended",
            Self::PeerMisbehaved(_) => "session.peer_misbehaved",
            Self::Refused(_) => "session.refused",
            Self::Store { .. } => "session.store",
            Self::TimedOut { .. } => "session.timed_out",
        }
    }

    /// True if connecting again may succeed without a change to this program or its files: always.
    /// Peers are upgraded, repaired and replaced while this program runs.
    pub const fn is_retryable(&self) -> bool {
        true
    }

    /// The time until the peer lets this side come again, where it has said so.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Limited { retry_after, .. } => Some(*retry_after),
            _ => None,
        }
    }

    /// The last event of the commit that the log cannot take before something else, if that is the reason.
    pub(super) const fn too_early(&self) -> Option<Dot> {
        match self {
            Self::Refused(refusal) => refusal.too_early(),
            _ => None,
        }
    }

    /// The last frame to the peer, if it is to be told.
    pub(super) fn goodbye(&self) -> Option<Frame> {
        let code = match self {
            Self::Disconnected | Self::Limited { .. } | Self::PeerEnded { .. } => return None,
            Self::PeerMisbehaved(Violation::Protocol { .. })
            | Self::Denied(Denial::Predicate(_)) => GoodbyeCode::Unsupported,
            Self::PeerMisbehaved(_) => GoodbyeCode::Violation,
            Self::Denied(denial @ Denial::Limited { retry_after, .. }) => {
                let (code, said) = (GoodbyeCode::Limited, denial.advice());
                return Some(Frame::goodbye_until(code, &said, *retry_after));
            }
            Self::Denied(Denial::Unauthenticated) => GoodbyeCode::Unauthenticated,
            Self::Denied(Denial::Forbidden | Denial::Part(_) | Denial::Retired) => {
                GoodbyeCode::Forbidden
            }
            Self::Denied(Denial::Policy(_)) => GoodbyeCode::Policy,
            Self::Denied(Denial::Changed | Denial::Unavailable) => GoodbyeCode::Unavailable,
            // The next session resumes by frontier.
            Self::Refused(_) if self.too_early().is_some() => GoodbyeCode::Unavailable,
            Self::Refused(_) => GoodbyeCode::Refused,
            Self::Store { damaged: true } => GoodbyeCode::Damaged,
            Self::Store { .. } | Self::TimedOut { .. } => GoodbyeCode::Unavailable,
        };
        let said = match self {
            Self::Denied(denial) => denial.advice(),
            Self::PeerMisbehaved(violation) => violation.to_string(),
            Self::Refused(refusal) => refusal.to_string(),
            Self::Store { damaged: true } => {
                "its file is damaged or gone, and whoever runs it must \
                                              put it right"
                    .to_owned()
            }
            Self::Store { .. } => "its store failed; try again later".to_owned(),
            other => other.to_string(),
        };
        Some(Frame::goodbye(code, &said))
    }
}
