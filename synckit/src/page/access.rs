//! Whoever looks at the page, and what the hub's authorizer lets them see.

use std::net::IpAddr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::filter::Filter;
use crate::hub::{Access, Hub, Rights};
use crate::id::SpaceId;
use crate::store::{StoreError, StoredSpace};
use crate::sync::Denial;
use crate::transport::http::{HttpRequest, StatusCode, header};
use crate::transport::{Credentials, PeerInfo};

/// Most spaces that are listed, and that the authorizer is asked about.
const SPACES_MAX: usize = 256;

/// Whoever looks at the page.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    hub: Hub,
    peer: PeerInfo,
}

/// A space that a visitor may read.
#[derive(Debug)]
pub(super) struct OpenSpace {
    pub(super) space: StoredSpace,
    /// The only part of it that they may read.
    pub(super) only: Option<Filter>,
}

/// Reason why a request is not answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    #[error("no such space is open to these credentials")]
    NotOpen,
    #[error("{0}")]
    Malformed(&'static str),
    #[error("without an authorizer this page is for addresses of this machine, such as 127.0.0.1")]
    NotThisMachine,
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("show a token of the hub's as the password; the name does not matter")]
    Unauthenticated,
    #[error("nobody can tell at the moment who may look; try again")]
    Unavailable,
}

impl Unanswered {
    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::NotOpen => StatusCode::NOT_FOUND,
            Self::NotThisMachine => StatusCode::FORBIDDEN,
            Self::Store(_) | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
        }
    }
}

impl From<Denial> for Unanswered {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::Unauthenticated => Self::Unauthenticated,
            Denial::Unavailable | Denial::Limited { .. } => Self::Unavailable,
            Denial::Changed
            | Denial::Forbidden
            | Denial::Part(_)
            | Denial::Policy(_)
            | Denial::Predicate(_)
            | Denial::Retired => Self::NotOpen,
        }
    }
}

impl Visitor {
    /// Whoever makes a request.
    pub(super) fn of(hub: &Hub, request: &HttpRequest, peer: PeerInfo) -> Result<Self, Unanswered> {
        // A site elsewhere can have a name that leads to this machine, and its scripts would read the
        // page under that name.
        if !hub.is_guarded() && !names_this_machine(request) {
            return Err(Unanswered::NotThisMachine);
        }
        let shown = request.headers().get(header::AUTHORIZATION);
        let shown = shown.and_then(|shown| credentials(shown.to_str().ok()?));
        let peer = match shown {
            Some(shown) => peer.with_credentials(shown),
            None => peer,
        };
        Ok(Self { hub: hub.clone(), peer })
    }

    pub(super) const fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Refuses those whom the authorizer does not know.
    pub(super) async fn is_known(&self) -> Result<(), Unanswered> {
        let first = self.hub.store().spaces(None, 1).await?;
        let space = match first.into_iter().next() {
            Some(space) => space.id,
            None => SpaceId::new("synckit").map_err(|_| Unanswered::Unavailable)?,
        };
        match self.access(&space).await {
            Ok(_) | Err(Unanswered::NotOpen) => Ok(()),
            Err(refused) => Err(refused),
        }
    }

    /// The spaces that are open to them, ascending by name, and true if there may be more.
    pub(super) async fn spaces(&self) -> Result<(Vec<OpenSpace>, bool), Unanswered> {
        let mut open = Vec::new();
        let all = self.hub.store().spaces(None, SPACES_MAX + 1).await?;
        let is_cut = all.len() > SPACES_MAX;
        for space in all.into_iter().take(SPACES_MAX) {
            match self.access(&space.id).await {
                Ok(access) => open.push(OpenSpace { space, only: access.only }),
                Err(Unanswered::NotOpen) => {}
                Err(refused) => return Err(refused),
            }
        }
        Ok((open, is_cut))
    }

    /// A space, if it is open to them.
    pub(super) async fn space(&self, id: &SpaceId) -> Result<OpenSpace, Unanswered> {
        let access = self.access(id).await?;
        let space = self.hub.store().space(id).await?.ok_or(Unanswered::NotOpen)?;
        Ok(OpenSpace { space, only: access.only })
    }

    async fn access(&self, space: &SpaceId) -> Result<Access, Unanswered> {
        let access = self.hub.access(&self.peer, space).await?;
        let may_read = matches!(access.rights, Rights::Read | Rights::ReadWrite);
        if may_read { Ok(access) } else { Err(Unanswered::NotOpen) }
    }
}

/// True if a request names an address of this machine as its host.
fn names_this_machine(request: &HttpRequest) -> bool {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let Some(host) = host else { return false };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// The credentials that a header shows. A browser's dialog gives a name and a password: the password is
/// the token (RFC 7617).
fn credentials(shown: &str) -> Option<Credentials> {
    let (scheme, given) = shown.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Some(Credentials::new(shown));
    }
    let pair = String::from_utf8(BASE64_STANDARD.decode(given.trim()).ok()?).ok()?;
    pair.split_once(':').map(|(_, password)| Credentials::bearer(password))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(host: &str) -> HttpRequest {
        let mut request = HttpRequest::new(());
        request.headers_mut().insert(header::HOST, host.parse().unwrap());
        request
    }

    #[test]
    fn only_addresses_of_this_machine_name_it() {
        for host in ["localhost", "LOCALHOST:7701", "127.0.0.1:1", "127.9.9.9", "[::1]:7701"] {
            assert!(names_this_machine(&to(host)), "{host}");
        }
        for host in ["hub.example", "127.0.0.1.example:80", "10.0.0.1", "localhost.example", ""] {
            assert!(!names_this_machine(&to(host)), "{host}");
        }
        assert!(!names_this_machine(&HttpRequest::new(())));
    }

    #[test]
    fn a_password_is_a_token() {
        let basic = |text: &str| credentials(&format!("Basic {}", BASE64_STANDARD.encode(text)));
        assert_eq!(basic("ann:secret:1").unwrap().token(), Some("secret:1"));
        assert_eq!(credentials("Bearer secret").unwrap().token(), Some("secret"));
        assert!(basic("secret").is_none() && credentials("Basic ?").is_none());
    }
}
