//! A transport of one's own, written from the public documentation: frames over TCP, each after its
//! length in four bytes, big-endian. A length of 0 ends a direction.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Buf, Bytes, BytesMut};
use synckit::sync::Frame;
use synckit::sync::limits::MESSAGE_BYTES_MAX;
use synckit::testing::transport::{Rig, queue};
use synckit::testing::transport_contract;
use synckit::transport::{
    Acceptor, Connection, FrameReceiver, FrameSender, PeerInfo, Transport, TransportError,
    TransportErrorKind,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

#[derive(Debug)]
pub(crate) struct Toy {
    address: SocketAddr,
    name: String,
}

#[async_trait]
impl Transport for Toy {
    fn address(&self) -> &str {
        &self.name
    }

    async fn connect(&self) -> Result<Connection, TransportError> {
        let stream = TcpStream::connect(self.address).await.map_err(|error| {
            let attempted = format!("connect to {}", self.name);
            TransportError::new(attempted, TransportErrorKind::Unreachable).caused_by(error)
        })?;
        Ok(connection(stream, self.address))
    }
}

pub(crate) fn toy(address: SocketAddr) -> Toy {
    Toy { address, name: format!("toy://{address}") }
}

/// Accepts connections for as long as the test runs.
pub(crate) async fn listen(acceptor: Arc<dyn Acceptor>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            // A peer that is refused is hung up on.
            let _ = acceptor.accept(connection(stream, peer));
        }
    });
    address
}

fn connection(stream: TcpStream, peer: SocketAddr) -> Connection {
    let (from, to) = stream.into_split();
    let receiver = Receiver { from, read: BytesMut::new(), ended: false };
    Connection::new(Sender { to }, receiver, PeerInfo::unknown().at(peer))
}

#[derive(Debug)]
struct Sender {
    to: OwnedWriteHalf,
}

impl Sender {
    async fn write(&mut self, frame: &[u8]) -> Result<(), TransportError> {
        let length = u32::try_from(frame.len()).unwrap().to_be_bytes();
        self.to.write_all(&length).await.map_err(|error| lost("send a frame", error))?;
        self.to.write_all(frame).await.map_err(|error| lost("send a frame", error))
    }
}

#[async_trait]
impl FrameSender for Sender {
    async fn send(&mut self, frame: Frame) -> Result<(), TransportError> {
        let bytes = frame.encode().map_err(TransportError::unsendable)?;
        self.write(&bytes).await
    }

    async fn finish(&mut self) -> Result<(), TransportError> {
        self.write(&[]).await
    }
}

#[derive(Debug)]
struct Receiver {
    from: OwnedReadHalf,
    /// Bytes read and not yet returned: so a cancelled call loses nothing.
    read: BytesMut,
    ended: bool,
}

impl Receiver {
    async fn next(&mut self) -> Result<Bytes, TransportError> {
        loop {
            let length = self.read.first_chunk().map(|length| u32::from_be_bytes(*length) as usize);
            if length.is_some_and(|length| length > MESSAGE_BYTES_MAX) {
                let kind = TransportErrorKind::Malformed;
                return Err(TransportError::new("receive a frame", kind));
            }
            if let Some(length) = length.filter(|length| self.read.len() >= 4 + length) {
                self.read.advance(4);
                return Ok(self.read.split_to(length).freeze());
            }
            let more = self.from.read_buf(&mut self.read).await;
            if more.map_err(|error| lost("receive a frame", error))? == 0 {
                return Err(lost("receive a frame", io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }
}

#[async_trait]
impl FrameReceiver for Receiver {
    async fn receive(&mut self) -> Result<Option<Frame>, TransportError> {
        if self.ended {
            return Ok(None);
        }
        let received = match self.next().await {
            Ok(bytes) if bytes.is_empty() => Ok(None),
            Ok(bytes) => Frame::decode(bytes).map(Some).map_err(TransportError::malformed),
            Err(error) => Err(error),
        };
        self.ended = !matches!(received, Ok(Some(_)));
        received
    }
}

fn lost(attempted: &str, error: io::Error) -> TransportError {
    TransportError::new(attempted, TransportErrorKind::Lost).caused_by(error)
}

mod keeps_the_contract {
    use super::*;

    async fn make() -> Rig {
        let (acceptor, accepted) = queue();
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        Rig::new(toy(listen(acceptor).await), accepted, toy(nobody))
    }
    transport_contract!(make);
}
