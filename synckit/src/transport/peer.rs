//! The peer at the other end of a connection, as far as a transport knows it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::certificate;
use crate::clock::UnixMillis;

/// A peer before it has said anything, for whoever admits it.
///
/// Nothing here is proved by the session: it is as good as the transport that says it. A peer
/// proves its replica's key in the session itself.
#[derive(Clone, Default, Debug)]
#[non_exhaustive]
pub struct PeerInfo {
    /// The address of its end of the connection. That of a proxy, where one stands in between.
    pub address: Option<SocketAddr>,
    /// The identity that it proved to the transport by TLS.
    pub tls: Option<TlsIdentity>,
    /// The credentials that came with the connection, unchecked.
    pub credentials: Option<Credentials>,
}

impl PeerInfo {
    /// A peer of which nothing is known, such as one inside this process.
    pub fn unknown() -> Self {
        Self::default()
    }

    /// The same with its address.
    #[must_use]
    pub const fn at(mut self, address: SocketAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// The same with its identity by TLS.
    #[must_use]
    pub fn with_tls(mut self, identity: TlsIdentity) -> Self {
        self.tls = Some(identity);
        self
    }

    /// The same with the credentials that it gave.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }
}

/// The address, as far as it is known. Never the credentials.
impl fmt::Display for PeerInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(address) => write!(f, "a peer at {address}"),
            None => f.write_str("a peer"),
        }
    }
}

/// The certificates by which a peer proved itself to the transport.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct TlsIdentity {
    /// In DER, the peer's own first, each vouched for by the next.
    pub certificates: Vec<Bytes>,
}

impl TlsIdentity {
    /// The identity that a chain of certificates proves.
    pub const fn new(certificates: Vec<Bytes>) -> Self {
        Self { certificates }
    }

    /// The time at which the peer's certificate ends, as far as it can be read.
    pub fn until(&self) -> Option<UnixMillis> {
        self.certificates.first().and_then(|own| certificate::end(own))
    }

    /// The names of the peer in its certificate: `cn:` is before a common name of the subject, `dns:`,
    /// `uri:` and `email:` before alternative names. What certificates say is as good as the
    /// authorities that the server trusts.
    pub fn names(&self) -> Vec<String> {
        self.certificates.first().map(|own| certificate::names(own)).unwrap_or_default()
    }
}

/// The text before a token in the credentials that show it (RFC 6750).
const BEARER: &str = "Bearer ";

/// The text that a peer shows to be let in, such as `Bearer …`. Never shown in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(Arc<str>);

impl Credentials {
    /// Takes credentials as they came.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The credentials that show a token.
    pub fn bearer(token: &str) -> Self {
        Self(format!("{BEARER}{token}").into())
    }

    /// The token that they show, if it is one. Not to be logged.
    pub fn token(&self) -> Option<&str> {
        self.0.strip_prefix(BEARER)
    }

    /// The credentials. Not to be logged.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_not_printed() {
        let peer = PeerInfo::unknown()
            .at(([10, 0, 0, 1], 7700).into())
            .with_credentials(Credentials::new("Bearer secret"));
        assert_eq!(peer.to_string(), "a peer at 10.0.0.1:7700");
        assert!(!format!("{peer:?}").contains("secret"));
        assert_eq!(peer.credentials.unwrap().reveal(), "Bearer secret");
    }
}
