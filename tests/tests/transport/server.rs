//! A gRPC server that queues the connections it takes.

use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use synckit::id::Position;
use synckit::log::{Cursor, Digest};
use synckit::sync::Frame;
use synckit::sync::frame::{Ack, Events};
use synckit::testing::transport::{Accepted, queue};
use synckit::transport::grpc::{self, ServerLimits};
use synckit::transport::{Connection, GrpcTransport, Transport, TransportError};
use tokio::net::TcpListener;

/// After this long a test that waits has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) accepted: Accepted,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(ServerLimits::default()).await
    }

    pub(crate) async fn with(limits: ServerLimits) -> Self {
        Self::until(limits, pending()).await
    }

    pub(crate) async fn until(
        limits: ServerLimits,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        let (listener, address) = listen().await;
        let (acceptor, accepted) = queue();
        tokio::spawn(grpc::serve(listener, grpc::service(acceptor), limits, None, shutdown));
        Self { address, accepted }
    }

    pub(crate) fn transport(&self) -> GrpcTransport {
        transport(self.address)
    }

    pub(crate) async fn connect(&mut self) -> Result<(Connection, Connection), TransportError> {
        let ours = self.transport().connect().await?;
        Ok((ours, self.accepted.next().await))
    }

    /// A client that behaves comes through, whoever else has called.
    pub(crate) async fn assert_serves(&mut self) {
        let mut ours = self.transport().connect().await.expect("a connection");
        ours.sender.send(ack(1)).await.unwrap();
        let mut theirs = loop {
            let mut theirs = self.accepted.next().await;
            if let Ok(Some(frame)) = theirs.receiver.receive().await {
                assert_eq!(frame, ack(1));
                break theirs;
            }
        };
        theirs.sender.send(ack(2)).await.unwrap();
        assert_eq!(ours.receiver.receive().await.unwrap(), Some(ack(2)));
    }
}

pub(crate) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A port that nobody listens on.
pub(crate) async fn nobody() -> SocketAddr {
    listen().await.1
}

pub(crate) fn transport(address: SocketAddr) -> GrpcTransport {
    GrpcTransport::new(format!("http://{address}")).unwrap()
}

pub(crate) fn ack(number: u64) -> Frame {
    Frame::Ack(Ack::new(Position(number)))
}

pub(crate) fn events(number: u64, block: &'static [u8]) -> Frame {
    let through = Cursor { position: Position(number), digest: Digest::START };
    Frame::Events(Events::new(through, through.position, vec![Bytes::from_static(block)]))
}

/// Waits for something, within [`PATIENCE`].
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {PATIENCE:?}"),
    }
}
