//! Listening: the service, and a server with a limit on everything that a stranger could exhaust.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;

use super::HEADER_LIST_BYTES_MAX;
use super::accept::accept;
use super::service::SyncService;
use crate::transport::tls::ServerTls;
use crate::transport::{Acceptor, TransportError, TransportErrorKind};

/// Connections at the same time. Many systems allow a process 1,024 open files; keep room for the
/// store's.
const CONNECTIONS_MAX: usize = 768;
/// Connections of one peer: an IPv4 address, or a 64-bit network of IPv6.
const CONNECTIONS_PER_PEER_MAX: usize = 128;
/// Sessions on one connection. Our own client has one.
const STREAMS_PER_CONNECTION_MAX: u32 = 32;
/// Longest time of a TLS handshake, from there to a client's first bytes, and from there to its call.
const GREETING_WITHIN: Duration = Duration::from_secs(5);
/// After how long a quiet connection is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(20);
/// Longest time that the answer may take.
const PONG_WITHIN: Duration = Duration::from_secs(60);
/// Age of a connection at which it is ended.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(3_600);
/// Longest time that sessions may take to end when the server stops.
const DRAIN_WITHIN: Duration = Duration::from_secs(10);

/// Bytes of one stream that may be on their way here.
const STREAM_WINDOW_BYTES: u32 = 128 * 1024;
/// The same for a connection. Its streams together take half of it at most; h2 takes the other half
/// as the overhead that small DATA frames may cause while they are unread: 64 times a stream's
/// window is enough for 8 bytes a frame, less than any frame of a session takes.
const CONNECTION_WINDOW_BYTES: u32 = 64 * STREAM_WINDOW_BYTES;
/// Streams that a client may reset before they were taken up ("rapid reset", CVE-2023-44487).
const PENDING_RESETS_MAX: usize = 20;
/// Streams that may be reset because of a client's errors (CVE-2025-8671).
const ERROR_RESETS_MAX: usize = 64;

/// Bounds of a server. Change what you need: `ServerLimits::with(|limits| limits.connections_max =
/// 64)`.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ServerLimits {
    /// Connections at the same time (768). Keep it below the number of files that the process may
    /// open.
    pub connections_max: usize,
    /// Connections at the same time of one peer (128): an IPv4 address, or a 64-bit network of
    /// IPv6. Behind a proxy all clients are one peer; then make it as large as
    /// [`connections_max`](Self::connections_max).
    pub connections_per_peer_max: usize,
    /// Sessions at the same time on one connection (32).
    pub streams_per_connection_max: u32,
    /// Longest time of a TLS handshake, from there to a client's first bytes, and from there to its
    /// first call (5 seconds).
    pub greeting_within: Duration,
    /// After how long a quiet connection is asked whether it is still there (20 seconds).
    pub ping_every: Duration,
    /// Longest time to the answer (60 seconds). On a slow way it stands behind events.
    pub pong_within: Duration,
    /// Age at which a connection is ended (1 hour, and up to an eighth less by chance), so that
    /// load spreads over several hubs again. Sessions on it are lost, and resume on the next
    /// connection.
    pub connection_age_max: Duration,
    /// Longest time that sessions may take to end when the server stops (10 seconds).
    pub drain_within: Duration,
}

impl ServerLimits {
    /// The default limits with a change.
    pub fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut limits = Self::default();
        change(&mut limits);
        limits
    }
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections_max: CONNECTIONS_MAX,
            connections_per_peer_max: CONNECTIONS_PER_PEER_MAX,
            streams_per_connection_max: STREAMS_PER_CONNECTION_MAX,
            greeting_within: GREETING_WITHIN,
            ping_every: PING_EVERY,
            pong_within: PONG_WITHIN,
            connection_age_max: CONNECTION_AGE_MAX,
            drain_within: DRAIN_WITHIN,
        }
    }
}

/// Serves a [`service`] on `listener` until `shutdown` resolves, with TLS, or else in plain text.
///
/// Plain text is for listeners that only this machine reaches, and for networks on which something
/// else encrypts.
///
/// Then no more connections are taken, those that are there are told so, and sessions have
/// [`drain_within`](ServerLimits::drain_within) to end; what is left after that is cut off. Whoever
/// owns the sessions should end them when it triggers `shutdown`.
///
/// # Errors
/// [`TransportErrorKind::Lost`] when the server ends by itself.
pub async fn serve(
    listener: TcpListener,
    service: SyncService,
    limits: ServerLimits,
    tls: Option<ServerTls>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), TransportError> {
    let (stop, stopped) = watch::channel(false);
    // tonic asks for the next connection as soon as it has taken one up.
    let (accepted, connections) = mpsc::channel(1);
    let server = hardened(&limits);
    let probes = service.side().cloned();
    let serving = server.serve_with_incoming_shutdown(
        service,
        ReceiverStream::new(connections),
        // It stops when no connections can come any more.
        std::future::pending(),
    );
    let mut serving = pin!(serving);
    let drain_within = limits.drain_within;
    tokio::select! {
        served = &mut serving => return served.map_err(failed),
        () = accept(listener, limits, (tls, probes), stopped, accepted) => {}
        () = shutdown => {}
    }
    // Nobody listens here: the acceptor was dropped with the `select!`.
    if let Ok(served) = tokio::time::timeout(drain_within, &mut serving).await {
        return served.map_err(failed);
    }
    tracing::warn!("sessions that did not end in time are cut off");
    stop.send_replace(true);
    serving.await.map_err(failed)
}

fn failed(error: tonic::transport::Error) -> TransportError {
    TransportError::new("serve by gRPC", TransportErrorKind::Lost).caused_by(error)
}

/// A tonic server with a limit on everything in HTTP/2 that a client could exhaust, for [`service`]
/// in a server of your own.
///
/// It does not bound how many connections there are and how long silent ones stay: [`serve`] does.
/// Do not set a time-out on requests: a session is one request, and lasts.
pub fn hardened(limits: &ServerLimits) -> Server {
    let streams_max = limits.streams_per_connection_max;
    Server::builder()
        .max_concurrent_streams(streams_max)
        .concurrency_limit_per_connection(usize::try_from(streams_max).unwrap_or(usize::MAX))
        .load_shed(true)
        .http2_max_pending_accept_reset_streams(Some(PENDING_RESETS_MAX))
        .http2_max_local_error_reset_streams(Some(ERROR_RESETS_MAX))
        .http2_max_header_list_size(HEADER_LIST_BYTES_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keepalive_interval(Some(limits.ping_every))
        .http2_keepalive_timeout(Some(limits.pong_within))
        .max_connection_age(limits.connection_age_max)
        // With a grace period tonic ends connections after it, whatever runs on them; without one,
        // never.
        .max_connection_age_grace(limits.drain_within)
        .tcp_nodelay(true)
}

/// The gRPC service that hands its sessions to `acceptor`, to be mounted in a tonic or axum server
/// of your own. [`hardened`] makes such a server with the limits that belong to it.
///
/// ```no_run
/// use std::sync::Arc;
/// use synckit::transport::Acceptor;
/// use synckit::transport::grpc::{ServerLimits, hardened, service};
///
/// # async fn run(hub: Arc<dyn Acceptor>) -> Result<(), Box<dyn std::error::Error>> {
/// let server = hardened(&ServerLimits::default());
/// server.serve("127.0.0.1:7700".parse()?, service(hub)).await?;
/// # Ok(())
/// # }
/// ```
pub fn service(acceptor: Arc<dyn Acceptor>) -> SyncService {
    SyncService::new(acceptor)
}
