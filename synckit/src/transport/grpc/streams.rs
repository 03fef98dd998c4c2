//! The two directions of a connection, the same at both ends.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tonic::Streaming;

use super::{FRAMES_QUEUED_MAX, status};
use crate::sync::Frame;
use crate::transport::{
    Connection, FrameReceiver, FrameSender, PeerInfo, TransportError, TransportErrorKind,
};

/// Longest time that frames handed over may take to arrive after both directions have been
/// dropped.
const LINGER_WITHIN: Duration = Duration::from_secs(5);

/// Frames on their way into a gRPC stream.
pub(super) type Outgoing = mpsc::Receiver<Bytes>;

/// A sender that has been handed a frame, or nothing yet, and where its frames come out.
pub(super) fn sender(first: Option<Bytes>) -> (GrpcSender, Outgoing) {
    let (frames, outgoing) = mpsc::channel(FRAMES_QUEUED_MAX);
    // There is room for one.
    first.into_iter().for_each(|first| drop(frames.try_send(first)));
    (GrpcSender { frames: Some(frames), finished: Arc::default() }, outgoing)
}

pub(super) struct GrpcSender {
    /// `None` when no more follow.
    frames: Option<mpsc::Sender<Bytes>>,
    finished: Arc<AtomicBool>,
}

impl GrpcSender {
    /// A connection of this direction and the other one.
    pub(super) fn with(self, frames: Streaming<Bytes>, peer: PeerInfo) -> Connection {
        let finished = Arc::clone(&self.finished);
        let receiver = GrpcReceiver { frames: Some(frames), finished };
        Connection::new(self, receiver, peer)
    }
}

impl fmt::Debug for GrpcSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GrpcSender")
    }
}

#[async_trait]
impl FrameSender for GrpcSender {
    async fn send(&mut self, frame: Frame) -> Result<(), TransportError> {
        let bytes = frame.encode().map_err(TransportError::unsendable)?;
        let lost = || TransportError::new("send a frame", TransportErrorKind::Lost);
        let frames = self.frames.as_ref().ok_or_else(lost)?;
        frames.send(bytes).await.map_err(|_| lost())
    }

    async fn finish(&mut self) -> Result<(), TransportError> {
        self.finished.store(true, Ordering::Relaxed);
        match self.frames.take() {
            Some(frames) if frames.is_closed() => {
                Err(TransportError::new("end a stream of frames", TransportErrorKind::Lost))
            }
            _ => Ok(()),
        }
    }
}

struct GrpcReceiver {
    /// `None` after the last frame, and after an error: behind one the place in the stream is
    /// lost.
    frames: Option<Streaming<Bytes>>,
    /// Set when the other direction has ended as it should.
    finished: Arc<AtomicBool>,
}

impl Drop for GrpcReceiver {
    /// Dropping the stream would cancel the call, and discard frames of the other direction that
    /// are still on their way. When that has ended as it should the stream is read, to no use,
    /// until the peer ends it as well.
    fn drop(&mut self) {
        if !self.finished.load(Ordering::Relaxed) {
            return;
        }
        if let (Some(mut frames), Ok(runtime)) = (self.frames.take(), Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(LINGER_WITHIN, async move {
                while let Ok(Some(_)) = frames.message().await {}
            }));
        }
    }
}

impl fmt::Debug for GrpcReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GrpcReceiver")
    }
}

#[async_trait]
impl FrameReceiver for GrpcReceiver {
    async fn receive(&mut self) -> Result<Option<Frame>, TransportError> {
        let Some(frames) = &mut self.frames else { return Ok(None) };
        // Nothing is awaited after a frame has been taken, so that none is lost when this is
        // cancelled.
        let received = match frames.message().await {
            Ok(bytes) => bytes.map(Frame::decode).transpose().map_err(TransportError::malformed),
            Err(failed) => Err(status::receiving(failed)),
        };
        if !matches!(received, Ok(Some(_))) {
            self.frames = None;
        }
        received
    }
}
