//! Admission: who may sync which space, and in which direction.

use std::fmt;

use async_trait::async_trait;

use crate::clock::UnixMillis;
use crate::filter::Filter;
use crate::id::{ReplicaId, SpaceId};
use crate::sync::{Denial, Direction};
use crate::transport::PeerInfo;

/// A peer that asks to be let in. It has not been told anything yet.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AccessRequest {
    /// The peer as the transport knows it: its address, the certificate that it proved to hold, and
    /// the credentials that it shows.
    pub peer: PeerInfo,
    /// The replica that it says it is. It proves that after it has been let in, or is sent away.
    pub replica: ReplicaId,
    /// The space that it asks for.
    pub space: SpaceId,
    /// The part of the space that it asks for; `None` for all of it.
    pub filter: Option<Filter>,
}

impl AccessRequest {
    /// True if it asks for no more than a part of the space.
    pub fn is_within(&self, part: &Filter) -> bool {
        self.filter.as_ref().is_some_and(|filter| part.contains(filter))
    }
}

/// Rights of a peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Rights {
    /// To be sent the space's events.
    Read,
    /// To send events.
    Write,
    /// Both.
    ReadWrite,
}

impl Rights {
    const ALL: [Self; 3] = [Self::Read, Self::Write, Self::ReadWrite];

    /// The word for it: `read`, `write` or `read-write`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::ReadWrite => "read-write",
        }
    }

    /// The rights that a word names.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rights| rights.name() == word)
    }

    /// The direction in which the hub may exchange logs with the peer.
    pub(super) const fn direction(self) -> Direction {
        match self {
            Self::Read => Direction::Push,
            Self::Write => Direction::Pull,
            Self::ReadWrite => Direction::Both,
        }
    }
}

/// Access that a peer is given.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Access {
    /// The name of whoever holds the credentials, for logs.
    pub who: String,
    /// The rights.
    pub rights: Rights,
    /// The time at which they end; `None` when they do not end by themselves.
    pub until: Option<UnixMillis>,
    /// The only part of the space that they are about; `None` for all of it.
    pub only: Option<Filter>,
}

impl Access {
    /// Rights without an end.
    pub fn new(who: impl Into<String>, rights: Rights) -> Self {
        Self { who: who.into(), rights, until: None, only: None }
    }

    /// The same for a part of the space. A replica that holds more, or writes beside it, is sent away
    /// with word of what it may hold ([`Denial::Part`]): the replica is to have a
    /// [filter](crate::replica::ReplicaBuilder::filter) within it. It may write whole aggregates of it.
    #[must_use]
    pub fn only(mut self, part: Filter) -> Self {
        self.only = Some(part);
        self
    }

    /// The same with an end.
    #[must_use]
    pub const fn until(mut self, end: UnixMillis) -> Self {
        self.until = Some(end);
        self
    }
}

/// Decides who may come in.
///
/// A hub asks before a peer learns anything of a space, not even whether there is one, and again
/// while the session lasts: every minute, when the access ends, and when [`Hub::recheck`] says so. A
/// session whose peer would get another answer then is ended with that; the peer may connect again
/// with what it has then. An authorizer that panics lets nobody in.
///
/// [`Hub::recheck`]: super::Hub::recheck
///
/// ```
/// use synckit::hub::{Access, AccessRequest, Authorizer, Rights};
/// use synckit::sync::Denial;
///
/// /// Everybody in the office may read; whoever knows the word may write, too.
/// #[derive(Debug)]
/// struct Office;
///
/// #[async_trait::async_trait]
/// impl Authorizer for Office {
///     async fn authorize(&self, request: &AccessRequest) -> Result<Access, Denial> {
///         let Some(address) = request.peer.address else { return Err(Denial::Unauthenticated) };
///         let credentials = request.peer.credentials.as_ref().map(|shown| shown.reveal());
///         match credentials {
///             Some("Bearer swordfish") => Ok(Access::new("staff", Rights::ReadWrite)),
///             _ if address.ip().is_loopback() => Ok(Access::new("guest", Rights::Read)),
///             _ => Err(Denial::Unauthenticated),
///         }
///     }
/// }
/// # let _hub = synckit::Hub::builder().authorizer(Office);
/// ```
#[async_trait]
pub trait Authorizer: fmt::Debug + Send + Sync + 'static {
    /// The access that a peer gets. May take its time: a session is given
    /// [`HANDSHAKE_WITHIN`](crate::sync::limits::HANDSHAKE_WITHIN) for all of its beginning.
    /// Cancelled when the peer leaves meanwhile.
    ///
    /// # Errors
    /// [`Denial::Unauthenticated`] when the peer shows nothing that is known here,
    /// [`Denial::Forbidden`] when what it shows does not let it do what it asks for, and
    /// [`Denial::Unavailable`] when nobody can tell at the moment.
    async fn authorize(&self, request: &AccessRequest) -> Result<Access, Denial>;
}

/// Lets everybody do everything. For networks on which only friends are, and for tests.
#[derive(Clone, Copy, Default, Debug)]
#[allow(clippy::exhaustive_structs, reason = "it has nothing to say")]
pub struct AllowAll;

#[async_trait]
impl Authorizer for AllowAll {
    async fn authorize(&self, _: &AccessRequest) -> Result<Access, Denial> {
        Ok(Access::new("anybody", Rights::ReadWrite))
    }
}
