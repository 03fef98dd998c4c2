//! TLS handshakes of a server: each in a task of its own, with the place that its connection has
//! among all, and no longer than a greeting may take.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::accept::{REFUSE_WITHIN, farewell};
use super::guard::Guarded;
use super::wire::Wire;
use crate::platform::{self, Tasks};
use crate::transport::tls::{ServerTls, problem_in};
use crate::transport::{TlsIdentity, TlsProblem};

/// The handshakes that are under way. Dropping it ends them.
#[derive(Debug)]
pub(super) struct Handshakes {
    tls: ServerTls,
    within: Duration,
    tasks: Tasks<()>,
    accepted: mpsc::Sender<Result<Guarded, Infallible>>,
}

impl Handshakes {
    /// Hands connections to `accepted` once their handshakes are done.
    pub(super) fn new(
        tls: ServerTls,
        within: Duration,
        accepted: mpsc::Sender<Result<Guarded, Infallible>>,
    ) -> Self {
        Self { tls, within, tasks: Tasks::new(), accepted }
    }

    /// Makes handshakes with the certificates of this moment.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.tls.config())
    }

    /// Begins a handshake, and makes a connection of what comes of it. There are no more at a time
    /// than there are places for connections: `guard` holds one.
    pub(super) fn begin(
        &mut self,
        stream: TcpStream,
        peer: SocketAddr,
        guard: impl FnOnce(Wire, Option<TlsIdentity>) -> Guarded + Send + 'static,
    ) {
        while self.tasks.try_join_next().is_some() {}
        let accepting = self.acceptor().accept(stream).into_fallible();
        let (within, accepted) = (self.within, self.accepted.clone());
        self.tasks.spawn(async move {
            match platform::within(within, accepting).await {
                Some(Ok(stream)) => {
                    let identity = identity(&stream);
                    let guarded = guard(Wire::tls(tokio_rustls::TlsStream::from(stream)), identity);
                    // An error means that the server is gone.
                    let _ = accepted.send(Ok(guarded)).await;
                }
                Some(Err((error, stream))) => {
                    let problem = problem_in(&error).map(TlsProblem::code);
                    tracing::debug!(%peer, %error, problem, "TLS handshake failed");
                    let _told = platform::within(REFUSE_WITHIN, farewell(stream, &[])).await;
                }
                None => tracing::debug!(%peer, "TLS handshake took too long"),
            }
            // Here the guard is dropped, and its place with it, if there is no connection.
        });
    }
}

/// The certificates that the client has shown, and that were found good.
fn identity(stream: &TlsStream<TcpStream>) -> Option<TlsIdentity> {
    let shown = stream.get_ref().1.peer_certificates()?;
    Some(TlsIdentity::new(shown.iter().map(|one| one.to_vec().into()).collect()))
}
