//! Connections that remember how the other side began.
//!
//! When a connection fails it matters whether nobody was there, somebody hung up, or somebody spoke
//! another protocol. The first bytes tell: an HTTP/2 server begins with a SETTINGS frame (RFC 9113,
//! section 3.4).

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::codegen::{BoxFuture, Service, StdError};
use tonic::transport::Uri;

use super::security::Secured;
use super::wire::Wire;
use crate::transport::tls::problem_in;
use crate::transport::{Answer, TlsProblem};

const CONTENT_TYPE: &[u8] = b"content-type:";
/// Length of an HTTP/2 frame header.
const HEADER_BYTES: usize = 9;

/// Bytes that are kept of what does not speak HTTP/2: enough for the head of an HTTP/1 answer.
const FOREIGN_BYTES_MAX: usize = 1024;

/// An impression of the other side.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Impression {
    /// There was no connection.
    Absent,
    /// It took the connection and said nothing.
    Silent,
    /// It speaks HTTP/2.
    Http2,
    /// It speaks something else.
    Foreign(Answer),
    /// There is no TLS with it as there should be.
    Insecure(TlsProblem),
}

/// Facts seen of the other side, shared with its connection.
#[derive(Clone, Default, Debug)]
pub(super) struct SeenFacts(Arc<Facts>);

#[derive(Default, Debug)]
struct Facts {
    /// With whom.
    connected: OnceLock<Option<SocketAddr>>,
    /// HTTP/2, or what else was said.
    spoke: OnceLock<Result<(), Answer>>,
    /// A problem that TLS found, also after the handshake: it may end with the other side's word.
    insecure: OnceLock<TlsProblem>,
}

impl SeenFacts {
    /// The impression so far.
    pub(super) fn impression(&self) -> Impression {
        if let Some(problem) = self.0.insecure.get() {
            return Impression::Insecure(*problem);
        }
        match (self.0.connected.get(), self.0.spoke.get()) {
            (None, _) => Impression::Absent,
            (Some(_), None) => Impression::Silent,
            (Some(_), Some(Ok(()))) => Impression::Http2,
            (Some(_), Some(Err(answer))) => Impression::Foreign(answer.clone()),
        }
    }

    /// The address of the other end.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.0.connected.get().copied().flatten()
    }

    fn note(&self, problem: Option<TlsProblem>) {
        if let Some(problem) = problem {
            self.0.insecure.get_or_init(|| problem);
        }
    }
}

/// Opens the connections of a tonic channel.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    tcp: HttpConnector,
    secured: Secured,
    seen: SeenFacts,
}

impl Connector {
    /// Connects within `within`, and notes what it sees in `seen`.
    pub(super) fn new(within: Duration, secured: Secured, seen: SeenFacts) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(within));
        Self { tcp, secured, seen }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<WatchedStream>;
    type Error = StdError;
    type Future = BoxFuture<TokioIo<WatchedStream>, StdError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StdError>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.tcp.call(uri);
        let (seen, secured) = (self.seen.clone(), self.secured.clone());
        Box::pin(async move {
            let stream = connecting.await?.into_inner();
            let peer = *seen.0.connected.get_or_init(|| stream.peer_addr().ok());
            let stream = secured.secure(stream, peer).await.inspect_err(|insecure| {
                seen.note(insecure.problem);
            })?;
            Ok(TokioIo::new(WatchedStream { stream, seen, head: Vec::with_capacity(HEADER_BYTES) }))
        })
    }
}

/// A connection whose first bytes are looked at.
#[derive(Debug)]
pub(super) struct WatchedStream {
    stream: Wire,
    seen: SeenFacts,
    head: Vec<u8>,
}

impl WatchedStream {
    /// Looks at bytes that have arrived; none means that no more will.
    fn look_at(&mut self, arrived: &[u8]) -> io::Result<()> {
        if self.seen.0.spoke.get() == Some(&Ok(())) {
            return Ok(());
        }
        let missing = FOREIGN_BYTES_MAX - self.head.len();
        self.head.extend(arrived.iter().take(missing));
        let header = &self.head[..self.head.len().min(HEADER_BYTES)];
        let spoke = if !begins_http2(header) {
            if self.stream.is_plain() && begins_tls(header) {
                self.seen.note(Some(TlsProblem::Needed));
            }
            Err(answer(&self.head))
        } else if header.len() == HEADER_BYTES {
            Ok(())
        } else if !arrived.is_empty() || header.is_empty() {
            return Ok(());
        } else {
            Err(answer(&self.head))
        };
        if self.seen.0.spoke.get_or_init(|| spoke).is_ok() {
            self.head = Vec::new();
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, "the other side does not speak HTTP/2"))
    }
}

/// Reads the first bytes of another protocol.
fn answer(said: &[u8]) -> Answer {
    let mut lines = said.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let status = lines.next().and_then(http1_status);
    let Some(status) = status else { return Answer::other(said) };
    let content_type = lines.take_while(|line| !line.is_empty()).find_map(|line| {
        let (name, value) = line.split_at_checked(CONTENT_TYPE.len())?;
        name.eq_ignore_ascii_case(CONTENT_TYPE).then(|| value.trim_ascii())
    });
    Answer::http(status, content_type)
}

/// The status in the first line of an HTTP/1 answer.
fn http1_status(line: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(line.strip_prefix(b"HTTP/1.")?).ok()?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Tells that these can be the first bytes of a SETTINGS frame: its length has three bytes of which
/// the first is 0, and is followed by the type 4, flags, and the stream 0.
fn begins_http2(head: &[u8]) -> bool {
    head.iter().enumerate().all(|(at, byte)| match at {
        0 => *byte == 0,
        3 => *byte == 4,
        5 => *byte & 0x7f == 0,
        6..HEADER_BYTES => *byte == 0,
        _ => true,
    })
}

/// Tells that these can be the first bytes of a TLS alert, the answer of a server that does not
/// understand.
fn begins_tls(head: &[u8]) -> bool {
    head.first() == Some(&0x15) && head.get(1).is_none_or(|major| *major == 3)
}

impl AsyncRead for WatchedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer));
        read.inspect_err(|error| self.seen.note(problem_in(error)))?;
        Poll::Ready(self.look_at(&buffer.filled()[before..]))
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_in_http1_is_told_by_its_status_and_type() {
        let portal = b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Type: text/html\r\n\r\nx";
        assert_eq!(answer(portal), Answer::http(302, Some(b"text/html")));
        assert_eq!(answer(b"HTTP/1.0 400 Bad Request\r\n\r\n"), Answer::http(400, None));
        let body = b"HTTP/1.1 200 OK\r\n\r\nContent-Type: no header";
        assert_eq!(answer(body), Answer::http(200, None));
        assert_eq!(
            answer(b"SSH-2.0-x\r\n").to_string(),
            r"another protocol that begins `SSH-2.0-x\r\n`"
        );
        assert_eq!(answer(b"HTTP/1.1 odd\n"), Answer::other(b"HTTP/1.1 odd\n"));
    }

    #[test]
    fn only_a_settings_frame_begins_http2() {
        let settings = [0, 0, 18, 4, 0, 0, 0, 0, 0];
        for length in 0..=settings.len() {
            assert!(begins_http2(&settings[..length]));
        }
        for other in [&b"HTTP/1.1 400"[..], b"SSH-2.0-x", b"\x15\x03\x01\0\x02", b"\0\0\0\x07"] {
            assert!(!begins_http2(&other[..other.len().min(HEADER_BYTES)]));
        }
    }
}
