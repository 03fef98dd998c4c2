//! A server with TLS that queues the connections it takes.

use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use synckit::id::Position;
use synckit::sync::Frame;
use synckit::sync::frame::Ack;
use synckit::testing::transport::{Accepted, queue};
use synckit::transport::grpc::{self, ServerLimits};
use synckit::transport::tls::{ServerTls, TrustRoots};
use synckit::transport::{GrpcTransport, Transport};
use tokio::net::TcpListener;

/// After this long a test that waits has failed.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) accepted: Accepted,
}

impl Server {
    pub(crate) async fn start(tls: Option<ServerTls>) -> Self {
        Self::with(tls, ServerLimits::default()).await
    }

    pub(crate) async fn with(tls: Option<ServerTls>, limits: ServerLimits) -> Self {
        let (listener, address) = listen().await;
        let (acceptor, accepted) = queue();
        tokio::spawn(grpc::serve(listener, grpc::service(acceptor), limits, tls, pending()));
        Self { address, accepted }
    }

    /// The way to it for those who believe `roots`.
    pub(crate) fn way(&self, roots: TrustRoots) -> GrpcTransport {
        way(self.address, roots)
    }

    /// A client that behaves comes through, whoever else has called.
    pub(crate) async fn assert_serves(&mut self, roots: TrustRoots) {
        let way = self.way(roots);
        let mut ours = soon("a connection", way.connect()).await.unwrap();
        let mut theirs = soon("a session", self.accepted.next()).await;
        let word = Frame::Ack(Ack::new(Position(1)));
        ours.sender.send(word.clone()).await.unwrap();
        assert_eq!(soon("a frame", theirs.receiver.receive()).await.unwrap(), Some(word.clone()));
        theirs.sender.send(word.clone()).await.unwrap();
        assert_eq!(soon("a frame", ours.receiver.receive()).await.unwrap(), Some(word));
    }
}

pub(crate) fn way(address: SocketAddr, roots: TrustRoots) -> GrpcTransport {
    GrpcTransport::new(format!("https://{address}")).unwrap().roots(roots)
}

pub(crate) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Waits for something, within [`PATIENCE`].
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {PATIENCE:?}"),
    }
}
