//! A hub on a port.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::Hub;
use crate::error::{Error, ErrorKind};
use crate::platform::{self, Task};
use crate::transport::TransportError;
use crate::transport::grpc::{self, ServerLimits};

/// A hub that serves a port.
pub struct RunningHub {
    hub: Hub,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    server: Task<Result<(), TransportError>>,
}

impl Hub {
    /// Serves gRPC on an address such as `127.0.0.1:7700`; port 0 takes a free one.
    ///
    /// # Errors
    /// [`ErrorKind::Listen`] when the address cannot be listened on, [`ErrorKind::Unguarded`] when
    /// other machines can reach it and there is no [authorizer](super::HubBuilder::authorizer).
    pub async fn serve(self, address: &str) -> Result<RunningHub, Error> {
        let failed = |error: std::io::Error| {
            Error::new(format!("listen on {address}"), ErrorKind::Listen).caused_by(error)
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        if self.core.authorizer.is_none() && !address.ip().to_canonical().is_loopback() {
            return Err(Error::new(format!("listen on {address}"), ErrorKind::Unguarded));
        }
        let stop = watch::Sender::new(false);
        let mut stopped = stop.subscribe();
        let shutdown = async move {
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        let acceptor = Arc::new(self.clone());
        let limits = ServerLimits::default();
        let server = grpc::serve(listener, acceptor, limits, shutdown);
        let server = platform::spawn(server);
        Ok(RunningHub { hub: self, address, stop, server })
    }
}

impl RunningHub {
    /// The address that it listens on.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as [`Replica::sync_once`](crate::Replica::sync_once) takes it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
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
