//! Everything that a session is given: its side, its key, its end, and the time.

use std::time::Duration;

use crate::clock::UnixMillis;
use crate::filter::{Filter, Predicates};
use crate::id::SpaceId;
use crate::key::ReplicaKey;
use crate::log::Merges;
use crate::policy::PolicyId;
use crate::schema::TypesText;

/// The side of a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(clippy::exhaustive_enums, reason = "a connection has two sides")]
pub enum Role {
    /// This side, to sync this space.
    Initiator(SpaceId),
    /// The other side, which names the space.
    Acceptor,
}

/// When a session is finished.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Until {
    /// When each side holds what the other held when the session began.
    CaughtUp,
    /// When one side ends it.
    Stopped,
}

/// The direction in which a session exchanges logs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Direction {
    /// Both ways.
    #[default]
    Both,
    /// To the peer only: it is given what it lacks.
    Push,
    /// From the peer only: what it holds is fetched.
    Pull,
}

impl Direction {
    /// True if this side sends its log.
    pub const fn sends(self) -> bool {
        matches!(self, Self::Both | Self::Push)
    }

    /// True if this side receives the other's log.
    pub const fn receives(self) -> bool {
        matches!(self, Self::Both | Self::Pull)
    }

    /// The part of this direction that another one allows; `None` when that is none of it.
    pub(super) const fn limited_to(self, allowed: Self) -> Option<Self> {
        let sends = self.sends() && allowed.sends();
        match (sends, self.receives() && allowed.receives()) {
            (true, true) => Some(Self::Both),
            (true, false) => Some(Self::Push),
            (false, true) => Some(Self::Pull),
            (false, false) => None,
        }
    }
}

/// Configuration of a session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// This side's role.
    pub role: Role,
    /// The key of this side's store.
    pub key: ReplicaKey,
    /// This side's wall clock when the session begins.
    pub wall: UnixMillis,
    /// 32 random bytes, different for every session.
    pub nonce: [u8; 32],
    /// When it is finished.
    pub until: Until,
    /// The direction in which logs are exchanged.
    pub direction: Direction,
    /// True if the peer is to be let in: see [`Effect::Admit`](super::Effect::Admit). For the side
    /// that was connected to.
    pub has_door: bool,
    /// The fingerprint of this side's schemas, if it has any.
    pub fingerprint: Option<[u8; 32]>,
    /// The types of this side's events, if it tells them.
    pub types: Option<TypesText>,
    /// The policy by which this side shows fields, if it shows any that a policy could choose in. A peer with
    /// another one is sent away.
    pub policy: Option<PolicyId>,
    /// The part of the space that this side's store holds; `None` for all of it. The side that was
    /// connected to finds it with what is known of the peer.
    pub filter: Option<Filter>,
    /// Functions that filters of peers may ask.
    pub predicates: Predicates,
    /// Events after which a commit of what was received takes no further frame. Whoever folds what is
    /// committed keeps a commit short, so that edits need not wait for long.
    pub commit_events_max: usize,
    /// Blocks that sessions with other peers have merged.
    pub merges: Merges,
}

impl Config {
    /// A session that sends and receives until both sides are caught up.
    pub fn new(role: Role, key: ReplicaKey, wall: UnixMillis, nonce: [u8; 32]) -> Self {
        let (until, direction) = (Until::CaughtUp, Direction::Both);
        let (has_door, fingerprint, types, policy, filter) = (false, None, None, None, None);
        let commit_events_max = usize::MAX;
        Self {
            role,
            key,
            wall,
            nonce,
            until,
            direction,
            has_door,
            fingerprint,
            types,
            policy,
            filter,
            predicates: Predicates::new(),
            commit_events_max,
            merges: Merges::new(),
        }
    }
}

/// The time, given with everything that happens.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs, reason = "there are two clocks")]
pub struct Now {
    /// Time since the session was made. Never goes back.
    pub elapsed: Duration,
    /// The wall clock.
    pub wall: UnixMillis,
}
