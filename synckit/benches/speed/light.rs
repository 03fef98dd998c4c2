//! Peers that speak the protocol and keep nothing, so that a thousand of them leave the machine to the
//! hub; and strangers that it turns away.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use synckit::WallClock;
use synckit::branch::Coverage;
use synckit::id::{Position, SpaceId};
use synckit::key::ReplicaKey;
use synckit::sync::frame::{Ack, Events, Frame};
use synckit::sync::{Config, Effect, Input, Now, Recollection, Role, Session, Until};
use synckit::transport::{FrameReceiver, FrameSender, GrpcTransport, Transport};
use tokio::net::TcpSocket;
use tonic::codegen::http::Request;

/// A session with a hub that holds nothing, and takes whatever comes as if it were durable.
pub(crate) struct LightPeer {
    sender: Box<dyn FrameSender>,
    receiver: Box<dyn FrameReceiver>,
    /// The frames by which it was let in.
    introduction: Vec<Frame>,
}

impl LightPeer {
    /// Connects, and proves a key that the number stands for.
    pub(crate) async fn connect(url: &str, number: usize) -> Self {
        let connection = GrpcTransport::new(url).unwrap().connect().await.unwrap();
        let (sender, receiver) = (connection.sender, connection.receiver);
        let mut peer = Self { sender, receiver, introduction: Vec::new() };
        let now = Now { elapsed: Duration::ZERO, wall: WallClock::default().now() };
        let mut session = session(number, now);
        loop {
            while let Some(effect) = session.poll() {
                match effect {
                    Effect::Send(frame) => {
                        peer.introduction.push(frame.clone());
                        peer.sender.send(frame).await.unwrap();
                    }
                    Effect::Recall { .. } => {
                        let known = Recollection {
                            cursor: None,
                            frontier: Vec::new(),
                            head: Position::START,
                            part: None,
                            lacks_types: false,
                        };
                        session.handle(now, Input::Recalled(Box::new(known)));
                    }
                    Effect::Cover(_) => session.handle(now, Input::Covered(Coverage::new())),
                    Effect::End(result) => panic!("the hub does not let it in: {result:?}"),
                    _ => {}
                }
            }
            if session.progress().peer.is_some() {
                return peer;
            }
            let frame = peer.receiver.receive().await.unwrap().unwrap();
            session.handle(now, Input::Received(frame));
        }
    }

    /// Waits for events, acknowledges them, and says how far they reach; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Position> {
        loop {
            if let Frame::Events(Events { through, .. }) = self.receiver.receive().await.ok()?? {
                self.sender.send(Frame::Ack(Ack::new(through.position))).await.ok()?;
                return Some(through.position);
            }
        }
    }
}

/// Peers with numbers from `first` on, connected one after another.
pub(crate) async fn connect(url: &str, first: usize, peers: usize) -> Vec<LightPeer> {
    let mut all = Vec::new();
    for number in first..first + peers {
        all.push(LightPeer::connect(url, number).await);
    }
    all
}

fn session(number: usize, now: Now) -> Session {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&(number as u64).to_le_bytes());
    let role = Role::Initiator(SpaceId::default());
    let mut config = Config::new(role, ReplicaKey::from_seed(&seed), now.wall, seed);
    config.until = Until::Stopped;
    Session::new(config)
}

/// Repeats what it overheard when somebody was let in: whom the hub turns away once it has looked at the
/// signature.
pub(crate) struct Stranger {
    hub: SocketAddr,
    overheard: Bytes,
}

impl Stranger {
    pub(crate) async fn overhearing(url: &str) -> Self {
        let peer = LightPeer::connect(url, usize::MAX).await;
        let mut overheard = BytesMut::new();
        for frame in peer.introduction {
            let frame = frame.encode().unwrap();
            overheard.put_u8(0);
            overheard.put_u32(u32::try_from(frame.len()).unwrap());
            overheard.put(frame);
        }
        let hub = url.trim_start_matches("http://").parse().unwrap();
        Self { hub, overheard: overheard.freeze() }
    }

    /// Comes from an address, and returns when it has been turned away.
    ///
    /// # Errors
    /// When the hub, which has many of them, cut it off instead.
    pub(crate) async fn knock(&self, from: Ipv4Addr) -> Result<(), h2::Error> {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        let stream = socket.connect(self.hub).await.unwrap();
        let (client, connection) = h2::client::handshake(stream).await?;
        let connection = tokio::spawn(connection);
        let request = Request::builder()
            .method("POST")
            .uri("http://hub/synckit.v1.SyncService/Sync")
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .unwrap();
        let mut client = client.ready().await?;
        let (answer, mut body) = client.send_request(request, false)?;
        body.send_data(self.overheard.clone(), true)?;
        let mut answer = answer.await?.into_body();
        while let Some(data) = answer.data().await {
            let _ = answer.flow_control().release_capacity(data?.len());
        }
        connection.abort();
        Ok(())
    }
}
