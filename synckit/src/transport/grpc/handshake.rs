//! Connections until it is known what they speak: TLS handshakes, and a look at the first byte.
//!
//! Each is in a task of its own, with the place that its connection has among all, and no step takes
//! longer than a greeting may.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{TlsAcceptor, rustls};

use super::accept::{REFUSE_WITHIN, farewell};
use super::guard::Guarded;
use super::probe;
use super::service::SideCalls;
use super::wire::Wire;
use crate::platform::{self, Tasks};
use crate::transport::tls::{HTTP1, ServerTls, problem_in};
use crate::transport::{TlsIdentity, TlsProblem};

/// A connection that is ready for the server, or why there is none.
type Greeted = Option<(Wire, Option<TlsIdentity>)>;

/// The connections that are being greeted. Dropping it ends them.
#[derive(Debug)]
pub(super) struct Greetings {
    steps: Steps,
    tasks: Tasks<()>,
    accepted: mpsc::Sender<Result<Guarded, Infallible>>,
}

/// The steps with a new connection.
#[derive(Clone, Debug)]
struct Steps {
    tls: Option<ServerTls>,
    probes: Option<Arc<dyn SideCalls>>,
    within: Duration,
}

impl Greetings {
    /// Hands connections to `accepted` once it is known that they speak HTTP/2. `None` where nothing
    /// has to be found out.
    pub(super) fn new(
        tls: Option<ServerTls>,
        probes: Option<Arc<dyn SideCalls>>,
        within: Duration,
        accepted: mpsc::Sender<Result<Guarded, Infallible>>,
    ) -> Option<Self> {
        let is_needed = tls.is_some() || probes.is_some();
        let steps = Steps { tls, probes, within };
        is_needed.then(|| Self { steps, tasks: Tasks::new(), accepted })
    }

    /// Makes handshakes with the certificates of this moment, if there are any.
    pub(super) fn acceptor(&self) -> Option<TlsAcceptor> {
        self.steps.acceptor()
    }

    /// Greets a connection, and makes one of the server's of it. There are no more at a time than
    /// there are places for connections: `guard` holds one.
    pub(super) fn begin(
        &mut self,
        stream: TcpStream,
        peer: SocketAddr,
        guard: impl FnOnce(Wire, Option<TlsIdentity>) -> Guarded + Send + 'static,
    ) {
        while self.tasks.try_join_next().is_some() {}
        let (steps, accepted) = (self.steps.clone(), self.accepted.clone());
        self.tasks.spawn(async move {
            if let Some((wire, identity)) = steps.greet(stream, peer).await {
                // An error means that the server is gone.
                let _ = accepted.send(Ok(guard(wire, identity))).await;
            }
            // Here the guard is dropped, and its place with it, if there is no connection.
        });
    }
}

impl Steps {
    fn acceptor(&self) -> Option<TlsAcceptor> {
        let mut config = self.tls.as_ref()?.config();
        if self.probes.is_some() {
            let config: &mut rustls::ServerConfig = Arc::make_mut(&mut config);
            config.alpn_protocols.push(HTTP1.to_vec());
        }
        Some(TlsAcceptor::from(config))
    }

    async fn greet(self, stream: TcpStream, peer: SocketAddr) -> Greeted {
        let Some(acceptor) = self.acceptor() else {
            return self.look(stream, peer).await.map(|stream| (Wire::Plain(stream), None));
        };
        let accepting = acceptor.accept(stream).into_fallible();
        match platform::within(self.within, accepting).await {
            Some(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(HTTP1) => {
                self.probe(stream, peer).await;
                None
            }
            Some(Ok(stream)) => {
                let identity = identity(&stream);
                Some((Wire::tls(tokio_rustls::TlsStream::from(stream)), identity))
            }
            Some(Err((error, stream))) => {
                let problem = problem_in(&error).map(TlsProblem::code);
                tracing::debug!(%peer, %error, problem, "TLS handshake failed");
                let _told = platform::within(REFUSE_WITHIN, farewell(stream, &[])).await;
                None
            }
            None => {
                tracing::debug!(%peer, "TLS handshake took too long");
                None
            }
        }
    }

    /// Answers what begins like a request of HTTP/1, and gives everything else back.
    async fn look(&self, stream: TcpStream, peer: SocketAddr) -> Option<TcpStream> {
        if self.probes.is_none() {
            return Some(stream);
        }
        let mut first = [0];
        let looked = platform::within(self.within, stream.peek(&mut first)).await;
        match looked {
            Some(Ok(1)) if probe::begins(first[0]) => {
                self.probe(stream, peer).await;
                None
            }
            Some(Ok(1)) => Some(stream),
            _ => None,
        }
    }

    async fn probe(&self, stream: impl probe::Stream, peer: SocketAddr) {
        let replies = |asked: &probe::Asked<'_>| self.probes.as_ref()?.reply(asked);
        let answering = probe::answer(stream, Some(peer), replies);
        let _told = platform::within(self.within, answering).await;
    }
}

/// The certificates that the client has shown, and that were found good.
fn identity(stream: &TlsStream<TcpStream>) -> Option<TlsIdentity> {
    let shown = stream.get_ref().1.peer_certificates()?;
    Some(TlsIdentity::new(shown.iter().map(|one| one.to_vec().into()).collect()))
}
