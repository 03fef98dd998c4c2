//! Connecting to a hub.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tonic::Status;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::Endpoint;

use super::address::HubAddress;
use super::answer::GrpcOnly;
use super::connector::{Connector, Impression, SeenFacts};
use super::kept::{KeptConnection, OpenChannel};
use super::security::Security;
use super::{HEADER_LIST_BYTES_MAX, address, service, status, streams};
use crate::sync::Frame;
use crate::transport::tls::{CertifiedKey, ClientTls, TrustRoots};
use crate::transport::{
    Connection, Credentials, PeerInfo, TlsProblem, Transport, TransportError, TransportErrorKind,
};

/// Longest time that a connection may take, from the look-up of the name to the hub's answer.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Longest time to the answer on a connection that was kept: it may lead nowhere by now.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// After how long a quiet connection is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(20);
/// Longest time that the answer may take. On a slow way it stands behind the events that are on
/// theirs.
const PONG_WITHIN: Duration = Duration::from_secs(60);
/// Bytes of one stream that may be on their way here.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
/// The same for the connection. It carries one stream; h2 takes half of this as the overhead that
/// small DATA frames may cause while they are unread: 64 times a stream's window is enough for 8
/// bytes a frame.
const CONNECTION_WINDOW_BYTES: u32 = 64 * STREAM_WINDOW_BYTES;

/// Connects to a hub by gRPC. The HTTP/2 connection is kept for some seconds after it was used, and
/// used again.
///
/// ```
/// use synckit::transport::{GrpcTransport, Transport};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hub = GrpcTransport::new("https://hub.example:7700")?;
/// assert_eq!(hub.address(), "https://hub.example:7700");
/// assert!(GrpcTransport::new("hub.example").is_err(), "no scheme and no port");
/// assert!(GrpcTransport::new("http://hub.example:7700").is_err(), "not encrypted");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct GrpcTransport {
    address: String,
    endpoint: Endpoint,
    security: Security,
    connect_within: Duration,
    keep_alive: (Duration, Duration),
    credentials: Option<AsciiMetadataValue>,
    kept: KeptConnection,
}

impl GrpcTransport {
    /// The transport to the hub at `address`, written `https://host:port`; `http://127.0.0.1:port`
    /// is for hubs on this machine. Nothing is connected yet.
    ///
    /// # Errors
    /// [`TransportErrorKind::Address`] when the address is malformed, or has a path or credentials,
    /// [`TlsProblem::PlainText`] when it is of another machine and without TLS.
    pub fn new(address: impl AsRef<str>) -> Result<Self, TransportError> {
        let address = address::parse(address.as_ref())?;
        if address.tls_name.is_none() && !address.is_local {
            let attempted = format!("take the address {:?}", address.text);
            let kind = TransportErrorKind::Tls(TlsProblem::PlainText);
            return Err(TransportError::new(attempted, kind));
        }
        Ok(Self::to(address, false))
    }

    /// The transport to the hub at `address`, written `http://host:port`, also on another machine:
    /// everything, credentials included, goes there in plain text. For ways that something else
    /// encrypts, such as a tunnel.
    ///
    /// # Errors
    /// [`TransportErrorKind::Address`] when the address is not such a one.
    pub fn plain_text(address: impl AsRef<str>) -> Result<Self, TransportError> {
        let address = address::parse(address.as_ref())?;
        if address.tls_name.is_some() {
            let attempted = format!("read the address {:?}", address.text);
            let kind = TransportErrorKind::Address { expected: "http://host:port" };
            return Err(TransportError::new(attempted, kind));
        }
        Ok(Self::to(address, true))
    }

    fn to(address: HubAddress, plain_anywhere: bool) -> Self {
        let endpoint = Endpoint::from(address.target)
            .origin(address.origin)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .http2_max_header_list_size(HEADER_LIST_BYTES_MAX)
            .http2_keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PONG_WITHIN)
            .keep_alive_while_idle(true);
        let security = match address.tls_name {
            None => Security::PlainText { anywhere: plain_anywhere },
            Some(name) => {
                let settings = ClientTls::default();
                Security::Tls { name, settings, prepared: Arc::default() }
            }
        };
        Self {
            address: address.text,
            endpoint,
            security,
            connect_within: CONNECT_WITHIN,
            keep_alive: (PING_EVERY, PONG_WITHIN),
            credentials: None,
            kept: KeptConnection::default(),
        }
    }

    /// The same with other authorities whose certificates are believed; those of the system by
    /// default. Only `https://` has any.
    #[must_use]
    pub fn roots(self, roots: TrustRoots) -> Self {
        self.with_tls(|settings| settings.roots = roots)
    }

    /// The same with a certificate of its own, for hubs that ask for one. Only `https://` shows it.
    #[must_use]
    pub fn identity(self, key: CertifiedKey) -> Self {
        self.with_tls(|settings| settings.identity = Some(key))
    }

    fn with_tls(mut self, change: impl FnOnce(&mut ClientTls)) -> Self {
        self.security.change(change);
        // A connection that was kept is no other's.
        self.kept = KeptConnection::default();
        self
    }

    /// The same with another limit on how long a connection may take (10 seconds), from the look-up
    /// of the name to the hub's answer.
    #[must_use]
    pub const fn connect_within(mut self, limit: Duration) -> Self {
        self.connect_within = limit;
        self
    }

    /// The same with credentials to show the hub, each time that a session begins.
    ///
    /// # Errors
    /// [`TransportErrorKind::Credentials`] when they hold other characters than a header may.
    pub fn credentials(mut self, credentials: &Credentials) -> Result<Self, TransportError> {
        let invalid = |_| TransportError::new("take credentials", TransportErrorKind::Credentials);
        let mut value = AsciiMetadataValue::try_from(credentials.reveal()).map_err(invalid)?;
        value.set_sensitive(true);
        self.credentials = Some(value);
        // A connection that was kept is no other's.
        self.kept = KeptConnection::default();
        Ok(self)
    }

    /// The same with another care for quiet connections: asks after `every` (20 seconds) whether the
    /// hub is still there, and gives the connection up when there is no answer `within` (60 seconds).
    /// Shorter times notice earlier that a network is gone; slow ways need longer ones.
    #[must_use]
    pub fn keep_alive(mut self, every: Duration, within: Duration) -> Self {
        self.endpoint = self.endpoint.http2_keep_alive_interval(every).keep_alive_timeout(within);
        self.keep_alive = (every, within);
        self
    }

    async fn open(
        &self,
        seen: &SeenFacts,
        first: Option<Bytes>,
    ) -> Result<Connection, OpenFailure> {
        let secured = self.security.prepare().await.map_err(OpenFailure::Unprepared)?;
        let connector = Connector::new(self.connect_within, secured, seen.clone());
        let channel = self.endpoint.connect_with_connector(connector).await?;
        Ok(self.call(OpenChannel { channel, seen: seen.clone() }, first).await?)
    }

    /// Begins a session on an open connection, with its first frame, and keeps that connection.
    async fn call(&self, open: OpenChannel, first: Option<Bytes>) -> Result<Connection, Status> {
        let (sender, outgoing) = streams::sender(first);
        let incoming =
            service::call(GrpcOnly(open.channel.clone()), self.credentials.clone(), outgoing)
                .await?;
        let mut peer = PeerInfo::unknown();
        peer.address = open.seen.address();
        self.kept.put(open);
        Ok(sender.with(incoming, peer))
    }

    /// A session on the connection that was kept, if it still leads to the hub.
    async fn call_again(&self, first: Option<Bytes>) -> Option<Connection> {
        let open = self.kept.take()?;
        tokio::time::timeout(ANSWER_WITHIN, self.call(open, first)).await.ok()?.ok()
    }

    async fn connect_saying(&self, first: Option<Bytes>) -> Result<Connection, TransportError> {
        if let Some(connection) = self.call_again(first.clone()).await {
            return Ok(connection);
        }
        let attempted = format!("connect to {}", self.address);
        let seen = SeenFacts::default();
        match tokio::time::timeout(self.connect_within, self.open(&seen, first)).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(failure)) => Err(failure.into_error(attempted, seen.impression())),
            Err(elapsed) => {
                let kind = TransportErrorKind::Unreachable;
                Err(TransportError::new(attempted, kind).caused_by(elapsed))
            }
        }
    }
}

impl fmt::Debug for GrpcTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GrpcTransport").field(&self.address).finish()
    }
}

#[async_trait]
impl Transport for GrpcTransport {
    fn address(&self) -> &str {
        &self.address
    }

    async fn connect(&self) -> Result<Connection, TransportError> {
        self.connect_saying(None).await
    }

    async fn connect_with(&self, first: Frame) -> Result<Connection, TransportError> {
        let first = first.encode().map_err(TransportError::unsendable)?;
        self.connect_saying(Some(first)).await
    }

    fn stands_for(&self, other: &dyn Transport) -> bool {
        let other = (other as &dyn Any).downcast_ref::<Self>();
        other.is_some_and(|other| {
            let settings = |of: &Self| (of.connect_within, of.keep_alive);
            let is_same =
                settings(self) == settings(other) && self.credentials == other.credentials;
            is_same && self.security == other.security && self.address == other.address
        })
    }
}

/// The reason why a connection was not opened.
#[derive(Debug)]
enum OpenFailure {
    Connection(tonic::transport::Error),
    Call(Box<Status>),
    Unprepared(TransportError),
}

impl OpenFailure {
    fn into_error(self, attempted: String, seen: Impression) -> TransportError {
        match self {
            Self::Connection(error) => {
                TransportError::new(attempted, status::connecting(seen, None)).caused_by(error)
            }
            Self::Call(answer) => {
                let kind = status::connecting(seen, Some(&answer));
                TransportError::new(attempted, kind).caused_by(*answer)
            }
            Self::Unprepared(error) => error,
        }
    }
}

impl From<tonic::transport::Error> for OpenFailure {
    fn from(error: tonic::transport::Error) -> Self {
        Self::Connection(error)
    }
}

impl From<Status> for OpenFailure {
    fn from(status: Status) -> Self {
        Self::Call(Box::new(status))
    }
}
