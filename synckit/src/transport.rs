//! How frames reach a peer: the seam that every transport implements.
//!
//! A transport moves [`Frame`]s in order between two sides and nothing else: it knows no events, no
//! acknowledgement and no retry. A transport of your own passes
//! `synckit::testing::transport_contract!` (feature `testing`).

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::failure::{Failure, failure};
use crate::sync::Frame;
use crate::sync::frame::FrameError;
use crate::sync::limits::{FRAME_BLOCKS_MAX, FRAME_BYTES_MAX};

mod channel;
#[cfg(feature = "grpc")]
pub mod grpc;

pub use channel::{ChannelListener, ChannelTransport, channel};
#[cfg(feature = "grpc")]
pub use grpc::GrpcTransport;

/// A way to reach one peer.
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// The peer's address as people write it. Must not contain credentials: it is shown in errors
    /// and logs.
    fn address(&self) -> &str;

    /// Opens a connection. Cancellation-safe.
    ///
    /// # Errors
    /// When the peer cannot be reached or does not speak this protocol.
    async fn connect(&self) -> Result<Connection, TransportError>;
}

/// An open connection: two independent directions.
#[derive(Debug)]
pub struct Connection {
    /// Towards the peer.
    pub sender: Box<dyn FrameSender>,
    /// From the peer.
    pub receiver: Box<dyn FrameReceiver>,
}

/// The direction towards the peer.
#[async_trait]
pub trait FrameSender: fmt::Debug + Send + 'static {
    /// Hands over a frame. Waits while the peer takes no more (back-pressure). Frames arrive in
    /// order, each once, or the connection fails. Cancelling may or may not have sent the
    /// frame.
    ///
    /// # Errors
    /// When the connection is gone, or the frame is larger than [`FRAME_BYTES_MAX`].
    async fn send(&mut self, frame: Frame) -> Result<(), TransportError>;

    /// Says that no more frames follow. What was handed over still arrives.
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
    /// When the connection is gone, or what arrived is no frame.
    async fn receive(&mut self) -> Result<Option<Frame>, TransportError>;
}

/// What a listening transport hands its connections to, such as a [`Hub`](crate::Hub).
pub trait Acceptor: fmt::Debug + Send + Sync + 'static {
    /// Takes a connection and serves it in a task of its own. Returns at once.
    ///
    /// # Errors
    /// [`TransportErrorKind::Busy`] when no more are taken; the listener tells the peer so.
    fn accept(&self, connection: Connection) -> Result<(), TransportError>;
}

/// What can be given as a peer to sync with: a transport, or an address that names one.
pub trait IntoTransport {
    /// The transport.
    ///
    /// # Errors
    /// When an address is malformed.
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

/// Why a connection could not be made or was lost.
pub struct TransportError(pub(crate) Box<Failure<TransportErrorKind>>);

failure!(TransportError, TransportErrorKind, pub);

impl TransportError {
    /// Of a frame that [`Frame::encode`] refuses.
    pub fn unsendable(reason: FrameError) -> Self {
        Self::new("send a frame", TransportErrorKind::FrameTooLarge).caused_by(reason)
    }

    /// Of bytes that [`Frame::decode`] refuses.
    pub fn malformed(reason: FrameError) -> Self {
        Self::new("receive a frame", TransportErrorKind::Malformed).caused_by(reason)
    }
}

/// What went wrong with a connection, and whose move it is.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// The address cannot be understood. Write it as shown.
    #[error("the address is not valid: {expected}")]
    Address {
        /// What it should look like.
        expected: &'static str,
    },
    /// The peer takes no more connections. Try again later.
    #[error("the peer takes no more connections; try again later")]
    Busy,
    /// A frame is larger than fits.
    #[error(
        "a frame is larger than the {FRAME_BYTES_MAX} bytes and {FRAME_BLOCKS_MAX} blocks allowed"
    )]
    FrameTooLarge,
    /// The connection was lost. Connect again.
    #[error("the connection was lost; connect again")]
    Lost,
    /// What arrived is no frame of this protocol.
    #[error("what arrived is no frame of this protocol; the sender is faulty")]
    Malformed,
    /// Something answers there, but not a synckit hub. Check the address and the port.
    #[error("something answers there, but it is not a synckit hub; check the address and the port")]
    NotAHub,
    /// Nobody can be reached there. Check the address, and that the hub runs.
    #[error("nobody answers there; check the address, and that the hub is running")]
    Unreachable,
}

impl TransportErrorKind {
    /// The kind's code; see [the table](crate::docs::errors).
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Address { .. } => "transport.address",
            Self::Busy => "transport.busy",
            Self::FrameTooLarge => "transport.frame_too_large",
            Self::Lost => "transport.lost",
            Self::Malformed => "transport.malformed",
            Self::NotAHub => "transport.not_a_hub",
            Self::Unreachable => "transport.unreachable",
        }
    }

    /// Whether the same call may succeed later without a change to this program or to what it was
    /// given. What answers at an address changes: a sign-in page of a network, a proxy during a
    /// deployment, a hub that is upgraded.
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Busy | Self::Lost | Self::Malformed | Self::NotAHub | Self::Unreachable => true,
            Self::Address { .. } | Self::FrameTooLarge => false,
        }
    }
}
