//! A connection that strangers may open: it ends when nothing comes of it, and when the server
//! wants it to.
//!
//! HTTP/2 servers wait without end for a client's first bytes, and for its first request as well.
//! Here both have a deadline. Once a session has begun, keep-alive and the session's own deadlines
//! watch over it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};
use tonic::transport::server::Connected;

use super::accept::{ConnectionSlot, InSession, SlotUse};
use super::wire::Wire;
use crate::transport::TlsIdentity;

/// Length of what every HTTP/2 client sends first (RFC 9113, section 3.4).
const PREFACE_BYTES: usize = 24;

/// Resolves when the connection is to end.
pub(super) type Ending = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection with its place among the server's connections.
pub(super) struct Guarded {
    stream: Wire,
    /// `None` after a session has begun.
    arrival: Option<Arrival>,
    caller: Caller,
    /// `None` after it has resolved.
    ending: Option<Ending>,
    _slot: ConnectionSlot,
}

/// The time until a client calls.
struct Arrival {
    preface_missing: usize,
    within: Duration,
    deadline: Pin<Box<Sleep>>,
}

/// A client, and whether it has called. The service finds it among the extensions of a request.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    address: SocketAddr,
    tls: Option<TlsIdentity>,
    called: Arc<AtomicBool>,
    place: Arc<SlotUse>,
}

impl Caller {
    /// Notes that the client has called. Its connection stays while what is returned is held.
    pub(super) fn called(&self) -> InSession {
        self.called.store(true, Ordering::Relaxed);
        SlotUse::begin(&self.place)
    }

    /// The address of its end of the connection.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The identity that it proved by TLS.
    pub(super) const fn tls(&self) -> Option<&TlsIdentity> {
        self.tls.as_ref()
    }
}

impl Guarded {
    /// Gives the client `within` for its first bytes, and again for its first call.
    pub(super) fn new(
        stream: Wire,
        (address, tls): (SocketAddr, Option<TlsIdentity>),
        within: Duration,
        ending: Ending,
        slot: ConnectionSlot,
    ) -> Self {
        let deadline = Box::pin(tokio::time::sleep(within));
        Self {
            stream,
            arrival: Some(Arrival { preface_missing: PREFACE_BYTES, within, deadline }),
            caller: Caller { address, tls, called: Arc::default(), place: Arc::clone(&slot.place) },
            ending: Some(ending),
            _slot: slot,
        }
    }

    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let over = self.ending.as_mut().is_none_or(|ending| ending.as_mut().poll(cx).is_ready());
        if over {
            self.ending = None;
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "ended by this server"));
        }
        let Some(arrival) = &mut self.arrival else { return Ok(()) };
        if arrival.deadline.as_mut().poll(cx).is_pending() {
            return Ok(());
        }
        if self.caller.called.load(Ordering::Relaxed) {
            self.arrival = None;
            return Ok(());
        }
        tracing::debug!(
            preface_missing = arrival.preface_missing,
            "connection without a call ended"
        );
        Err(io::Error::new(io::ErrorKind::TimedOut, "the client did not call"))
    }

    fn arrived(&mut self, bytes: usize) {
        let Some(arrival) = &mut self.arrival else { return };
        if arrival.preface_missing == 0 {
            return;
        }
        arrival.preface_missing = arrival.preface_missing.saturating_sub(bytes);
        if arrival.preface_missing == 0 {
            arrival.deadline.as_mut().reset(Instant::now() + arrival.within);
        }
    }
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guarded").field(&self.stream).finish()
    }
}

impl Connected for Guarded {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller.clone()
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.arrived(buffer.filled().len() - before);
        self.check(cx)?;
        read
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
