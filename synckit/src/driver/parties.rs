//! Those whom a driver asks before it lets a peer in, and before it commits.

use std::fmt;

use async_trait::async_trait;

use crate::filter::Filter;
use crate::id::{Position, ReplicaId, SpaceId};
use crate::policy::PolicyId;
use crate::sync::{Admittance, Denial};

/// Lets a session's peer in, or not.
#[async_trait]
pub(crate) trait Doorkeeper: fmt::Debug + Send + Sync {
    /// The rights of a peer that asks for a space, or for a part of it.
    async fn admit(
        &self,
        replica: ReplicaId,
        space: SpaceId,
        filter: Option<Filter>,
        policy: Option<PolicyId>,
    ) -> Result<Admittance, Denial>;

    /// Says whether a replica that has proved its key may go on.
    fn proved(&self, replica: ReplicaId) -> Result<(), Denial>;

    /// Says whether so many events and bytes of a replica may be committed, and counts them.
    fn take(&self, incoming: &Incoming<'_>) -> Result<(), Denial>;

    /// Returns when a peer that was let in may not stay.
    async fn until_denied(&self) -> Denial;

    /// Returns when what the peer brought with it is written down.
    async fn settle(&self);
}

/// Events that a session is about to commit.
#[derive(Debug)]
pub(crate) struct Incoming<'a> {
    pub(crate) space: &'a SpaceId,
    pub(crate) replica: ReplicaId,
    pub(crate) events: u64,
    pub(crate) bytes: u64,
}

/// Follows the log that a session adds to.
#[async_trait]
pub(crate) trait Follower: fmt::Debug + Send + Sync {
    /// Events after which a commit takes no further frame.
    fn commit_events_max(&self) -> usize;

    /// Returns when it is near enough to the end of the commit before the last one, or cannot come
    /// nearer.
    async fn follows(&self, position: Position);
}
