//! A hub on a port.

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::{Hub, HubBuilder};
use crate::error::{Error, ErrorKind};
use crate::platform::{self, Task};
use crate::transport::grpc::{self, ServerLimits, SideCalls};
use crate::transport::tls::ServerTls;
use crate::transport::{MetricsToken, TransportError};

/// Settings of a port.
#[derive(Clone, Default, Debug)]
pub(super) struct Listening {
    limits: ServerLimits,
    pub(super) tls: Option<ServerTls>,
    plain_text: bool,
    /// Opens `/metrics` to whoever shows it.
    metrics_token: Option<MetricsToken>,
    /// Makes what is answered beside sessions.
    pub(super) operations: Option<fn(Hub, Option<MetricsToken>) -> MakeSideCalls>,
}

/// Gives what is answered beside sessions.
pub(super) type MakeSideCalls = Pin<Box<dyn Future<Output = Arc<dyn SideCalls>> + Send>>;

impl HubBuilder {
    /// Serves with TLS: [`Hub::serve`] shows this certificate, and takes no plain text. Keep a clone
    /// to [replace](ServerTls::replace) the certificate while the hub runs.
    #[must_use]
    pub fn tls(mut self, tls: ServerTls) -> Self {
        self.listening.tls = Some(tls);
        self
    }

    /// Lets [`Hub::serve`] take connections from other machines without TLS. For networks on which
    /// something else encrypts, such as a proxy before the hub: tokens travel in plain text as well.
    #[must_use]
    pub const fn plain_text(mut self) -> Self {
        self.listening.plain_text = true;
        self
    }

    /// Shows `/metrics` to whoever shows a token, from wherever; without one it is for this machine only.
    /// Keep a clone to [replace](MetricsToken::replace) it. The page is there with
    /// `HubBuilder::operations`.
    #[must_use]
    pub fn metrics_token(mut self, token: MetricsToken) -> Self {
        self.listening.metrics_token = Some(token);
        self
    }

    /// Sets the bounds of the port that [`Hub::serve`] listens on.
    #[must_use]
    pub const fn limits(mut self, limits: ServerLimits) -> Self {
        self.listening.limits = limits;
        self
    }
}

/// A hub that serves a port.
pub struct RunningHub {
    hub: Hub,
    address: SocketAddr,
    side: Option<Arc<dyn SideCalls>>,
    stop: watch::Sender<bool>,
    server: Task<Result<(), TransportError>>,
}

impl Hub {
    /// Serves gRPC on an address such as `127.0.0.1:7700`; port 0 takes a free one.
    ///
    /// # Errors
    /// [`ErrorKind::Listen`] when the address cannot be listened on. When other machines can reach it:
    /// [`ErrorKind::Unguarded`] when there is no [authorizer](super::HubBuilder::authorizer), and
    /// [`ErrorKind::PlainText`] when there is no [certificate](super::HubBuilder::tls).
    pub async fn serve(self, address: &str) -> Result<RunningHub, Error> {
        let (listener, address) = self.listen(address).await?;
        let listening = &self.core.listening;
        let stop = watch::Sender::new(false);
        let mut stopped = stop.subscribe();
        let shutdown = async move {
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        let mut service = grpc::service(Arc::new(self.clone()));
        let side = match listening.operations {
            Some(make) => Some(make(self.clone(), listening.metrics_token.clone()).await),
            None => None,
        };
        if let Some(side) = &side {
            service = service.beside(Arc::clone(side));
        }
        let (limits, tls) = (listening.limits.clone(), listening.tls.clone());
        let server = grpc::serve(listener, service, limits, tls, shutdown);
        let server = platform::spawn(server);
        Ok(RunningHub { hub: self, address, side, stop, server })
    }
}

impl Hub {
    /// Listens on an address, unless other machines reach it and nobody guards what they would get, or
    /// nothing encrypts it.
    pub(crate) async fn listen(&self, address: &str) -> Result<(TcpListener, SocketAddr), Error> {
        let failed = |error: std::io::Error| {
            Error::new(format!("listen on {address}"), ErrorKind::Listen).caused_by(error)
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        if !address.ip().to_canonical().is_loopback() {
            let refused = |kind| Err(Error::new(format!("listen on {address}"), kind));
            if self.core.authorizer.is_none() {
                return refused(ErrorKind::Unguarded);
            }
            let Listening { tls, plain_text, .. } = &self.core.listening;
            if tls.is_none() && !plain_text {
                return refused(ErrorKind::PlainText);
            }
        }
        Ok((listener, address))
    }
}

impl RunningHub {
    /// The address that it listens on.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as [`Replica::sync_once`](crate::Replica::sync_once) takes it. With TLS the hub's
    /// certificate has to be for the number in it; write its name otherwise.
    pub fn url(&self) -> String {
        let scheme = if self.hub.core.listening.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The hub.
    pub const fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Takes no more connections, ends the sessions, each once what it received is committed, and
    /// releases the store.
    ///
    /// # Errors
    /// When the store could not be closed; everything acknowledged is safe all the same.
    pub async fn shut_down(self) -> Result<(), Error> {
        if let Some(side) = &self.side {
            let Ok(()) = side.drain().await;
        }
        self.stop.send_replace(true);
        self.hub.end_sessions().await;
        let served = self.server.await;
        self.hub.release().await?;
        match served {
            Ok(result) => Ok(result?),
            Err(_) => Err(Error::new("serve a port", ErrorKind::Closed)),
        }
    }
}

impl fmt::Debug for RunningHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningHub").field("address", &self.address).finish_non_exhaustive()
    }
}
