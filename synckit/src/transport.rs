//! Carrying frames to a peer: the seam that every transport implements.
//!
//! A transport moves [`Frame`]s in order between two sides and nothing else: it knows no events, no
//! acknowledgement and no retry. [`Frame::encode`] and [`Frame::decode`] are the bytes of a frame,
//! the same for every transport. One of your own passes `synckit::testing::transport_contract!`
//! (feature `testing`).
//!
//! An address such as `https://hub.example:7700` names a transport by its scheme.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::sync::Frame;

mod address;
mod certificate;
mod channel;
mod error;
#[cfg(feature = "grpc")]
pub mod grpc;
#[cfg(feature = "page")]
pub(crate) mod http;
mod metrics_token;
mod peer;
#[cfg(feature = "grpc")]
pub mod tls;
mod tls_problem;

pub use channel::{ChannelListener, ChannelTransport, channel};
pub use error::{Answer, TransportError, TransportErrorKind};
#[cfg(feature = "grpc")]
pub use grpc::GrpcTransport;
pub use metrics_token::{MetricsToken, MetricsTokenError};
pub use peer::{Credentials, PeerInfo, TlsIdentity};
pub use tls_problem::TlsProblem;

/// Opens `https://host:port` and `http://host:port`.
#[cfg(feature = "grpc")]
const HTTP: Result<address::Open, &str> = Ok(grpc::open);
#[cfg(not(feature = "grpc"))]
const HTTP: Result<address::Open, &str> =
    Err("use a transport of your own, or build with the feature `grpc`");

/// A way to reach one peer.
#[async_trait]
pub trait Transport: Any + fmt::Debug + Send + Sync {
    /// The peer's address as people write it. Must not contain credentials: it is shown in errors
    /// and logs.
    fn address(&self) -> &str;

    /// Opens a connection. Cancellation-safe.
    ///
    /// # Errors
    /// [`TransportErrorKind::Unreachable`] when nobody is there, [`TransportErrorKind::NotAHub`]
    /// when somebody else is, [`TransportErrorKind::Busy`] when the peer takes no more.
    async fn connect(&self) -> Result<Connection, TransportError>;

    /// Opens a connection and sends the peer a frame. A transport that can sends it with the request for the
    /// connection, which saves a round trip. Cancellation-safe, but the frame may have been sent.
    ///
    /// # Errors
    /// Those of [`Transport::connect`] and of [`FrameSender::send`].
    async fn connect_with(&self, first: Frame) -> Result<Connection, TransportError> {
        let mut connection = self.connect().await?;
        connection.sender.send(first).await?;
        Ok(connection)
    }

    /// True when this transport, which was used before, may take the place of another one, so that
    /// what it keeps open between connections is used again.
    fn stands_for(&self, _other: &dyn Transport) -> bool {
        false
    }
}

/// An open connection: two independent directions, and what is known of the peer.
#[derive(Debug)]
#[non_exhaustive]
pub struct Connection {
    /// Towards the peer.
    pub sender: Box<dyn FrameSender>,
    /// From the peer.
    pub receiver: Box<dyn FrameReceiver>,
    /// The peer as far as the transport knows it, for whoever accepts the connection.
    pub peer: PeerInfo,
}

impl Connection {
    /// A connection of two directions to a peer.
    pub fn new(sender: impl FrameSender, receiver: impl FrameReceiver, peer: PeerInfo) -> Self {
        Self { sender: Box::new(sender), receiver: Box::new(receiver), peer }
    }
}

/// The direction towards the peer.
#[async_trait]
pub trait FrameSender: fmt::Debug + Send + 'static {
    /// Hands over a frame. Waits while the peer takes no more (back-pressure). Frames arrive in
    /// order, each once, or the connection fails. Cancelling may or may not have sent the
    /// frame.
    ///
    /// # Errors
    /// [`TransportErrorKind::Lost`] when the connection is gone,
    /// [`TransportErrorKind::FrameTooLarge`] when [`Frame::check_size`] refuses the frame; the
    /// connection then goes on.
    async fn send(&mut self, frame: Frame) -> Result<(), TransportError>;

    /// Ends this direction: no more frames follow. What was handed over still arrives.
    ///
    /// # Errors
    /// When the connection is gone.
    async fn finish(&mut self) -> Result<(), TransportError>;
}

/// The direction from the peer.
#[async_trait]
pub trait FrameReceiver: fmt::Debug + Send + 'static {
    /// The next frame; `None` after the peer's last one. Cancellation-safe.
    ///
    /// # Errors
    /// [`TransportErrorKind::Lost`] when the connection is gone, [`TransportErrorKind::Malformed`]
    /// when what arrived is no frame. Nothing follows an error.
    async fn receive(&mut self) -> Result<Option<Frame>, TransportError>;
}

/// Takes the connections of a listening transport, such as a [`Hub`](crate::Hub).
pub trait Acceptor: fmt::Debug + Send + Sync + 'static {
    /// Takes a connection and serves it in a task of its own. Returns at once.
    ///
    /// # Errors
    /// [`TransportErrorKind::Busy`] when no more are taken; the listener tells the peer so.
    fn accept(&self, connection: Connection) -> Result<(), TransportError>;
}

/// A peer to sync with: a transport, or an address that names one by its scheme.
pub trait IntoTransport {
    /// The transport.
    ///
    /// # Errors
    /// When an address is malformed, or no transport of this build has its scheme.
    fn into_transport(self) -> Result<Arc<dyn Transport>, TransportError>;
}

impl IntoTransport for Arc<dyn Transport> {
    fn into_transport(self) -> Result<Arc<dyn Transport>, TransportError> {
        Ok(self)
    }
}

impl<T: Transport> IntoTransport for T {
    fn into_transport(self) -> Result<Arc<dyn Transport>, TransportError> {
        Ok(Arc::new(self))
    }
}
