//! The direction to the peer: one frame at a time.

use super::BoxFuture;
use crate::sync::Frame;
use crate::transport::{FrameSender, TransportError};

/// The direction to the peer.
pub(super) enum Sending {
    Ready(Box<dyn FrameSender>),
    Busy(BoxFuture<(Box<dyn FrameSender>, Result<(), TransportError>)>),
    /// The connection is gone.
    Lost,
}

impl Sending {
    pub(super) const fn is_ready(&self) -> bool {
        matches!(self, Self::Ready(_))
    }

    /// Begins to send a frame.
    pub(super) fn begin(&mut self, frame: Frame) {
        *self = match std::mem::replace(self, Self::Lost) {
            Self::Ready(mut sender) => Self::Busy(Box::pin(async move {
                let sent = sender.send(frame).await;
                (sender, sent)
            })),
            other => other,
        };
    }

    /// Returns when the frame has been handed over, and says whether it could be. Cancellation-safe.
    pub(super) async fn sent(&mut self) -> bool {
        let Self::Busy(sending) = self else { return std::future::pending().await };
        let (sender, sent) = sending.await;
        *self = match &sent {
            Ok(()) => Self::Ready(sender),
            Err(error) => {
                tracing::debug!(%error, "a frame could not be sent");
                Self::Lost
            }
        };
        sent.is_ok()
    }
}
