//! A transport inside one process: for tests, and for replicas and hubs that live together.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::{
    Connection, Credentials, FrameReceiver, FrameSender, PeerInfo, Transport, TransportError,
    TransportErrorKind,
};
use crate::sync::Frame;

/// Frames that one direction holds before the sender waits.
const FRAMES_MAX: usize = 16;
/// Connections that wait to be accepted before the connecting side waits.
const BACKLOG_MAX: usize = 64;

/// A transport and the listener that its connections arrive at.
pub fn channel() -> (ChannelTransport, ChannelListener) {
    let (connections, accepted) = mpsc::channel(BACKLOG_MAX);
    let address = "channel".into();
    (ChannelTransport { address, credentials: None, connections }, ChannelListener { accepted })
}

/// Connects to a [`ChannelListener`].
#[derive(Clone, Debug)]
pub struct ChannelTransport {
    address: Arc<str>,
    credentials: Option<Credentials>,
    connections: mpsc::Sender<Connection>,
}

impl ChannelTransport {
    /// The same with credentials to show.
    #[must_use]
    pub fn credentials(self, credentials: Credentials) -> Self {
        Self { credentials: Some(credentials), ..self }
    }

    /// The same under another address than `channel`: a replica has one sync at a time with each.
    #[must_use]
    pub fn named(self, address: &str) -> Self {
        Self { address: address.into(), ..self }
    }
}

/// Accepts the connections of a [`ChannelTransport`].
#[derive(Debug)]
pub struct ChannelListener {
    accepted: mpsc::Receiver<Connection>,
}

impl ChannelListener {
    /// The next connection; `None` when no transport is left that could make one.
    /// Cancellation-safe.
    pub async fn accept(&mut self) -> Option<Connection> {
        self.accepted.recv().await
    }
}

#[async_trait]
impl Transport for ChannelTransport {
    fn address(&self) -> &str {
        &self.address
    }

    async fn connect(&self) -> Result<Connection, TransportError> {
        let (to_peer, from_us) = mpsc::channel(FRAMES_MAX);
        let (to_us, from_peer) = mpsc::channel(FRAMES_MAX);
        let unreachable =
            |_| TransportError::new("connect through a channel", TransportErrorKind::Unreachable);
        let mut accepted = connection(to_us, from_us);
        accepted.peer.credentials.clone_from(&self.credentials);
        self.connections.send(accepted).await.map_err(unreachable)?;
        Ok(connection(to_peer, from_peer))
    }
}

fn connection(sender: mpsc::Sender<Frame>, receiver: mpsc::Receiver<Frame>) -> Connection {
    let sender = ChannelSender { frames: Some(sender) };
    let receiver = ChannelReceiver { frames: receiver };
    // Both ends are this process.
    Connection::new(sender, receiver, PeerInfo::unknown())
}

#[derive(Debug)]
struct ChannelSender {
    frames: Option<mpsc::Sender<Frame>>,
}

#[async_trait]
impl FrameSender for ChannelSender {
    async fn send(&mut self, frame: Frame) -> Result<(), TransportError> {
        frame.check_size().map_err(TransportError::unsendable)?;
        let lost = || TransportError::new("send a frame", TransportErrorKind::Lost);
        let frames = self.frames.as_ref().ok_or_else(lost)?;
        frames.send(frame).await.map_err(|_| lost())
    }

    async fn finish(&mut self) -> Result<(), TransportError> {
        self.frames = None;
        Ok(())
    }
}

#[derive(Debug)]
struct ChannelReceiver {
    frames: mpsc::Receiver<Frame>,
}

#[async_trait]
impl FrameReceiver for ChannelReceiver {
    async fn receive(&mut self) -> Result<Option<Frame>, TransportError> {
        Ok(self.frames.recv().await)
    }
}
