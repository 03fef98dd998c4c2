//! The promises of every transport, as tests.
//!
//! [`transport_contract!`](crate::testing::transport_contract) makes one test of each function
//! here. They ask for nothing but what [`Transport`], [`FrameSender`] and [`FrameReceiver`] say.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::id::Position;
use crate::log::{Cursor, Digest};
use crate::sync::Frame;
use crate::sync::frame::{Ack, Events};
use crate::sync::limits::{FRAME_BLOCKS_MAX, FRAME_BYTES_MAX};
use crate::transport::{
    Acceptor, Connection, FrameReceiver, FrameSender, Transport, TransportError, TransportErrorKind,
};

mod frames;

pub use frames::every_kind;

/// After this long a test that waits has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// After this long a sender is taken to be waiting.
const WAITING_AFTER: Duration = Duration::from_millis(300);
/// A transport that takes this much for a peer that does not read is taken to have no bound.
const UNREAD_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Connections that wait in a [`Backlog`].
const QUEUE_MAX: usize = 256;

/// Makes a test of every promise of [`Transport`].
///
/// `transport_contract!(make)`, with `make` a function or closure whose future gives a [`Rig`].
#[macro_export]
#[doc(hidden)]
macro_rules! __transport_contract {
    ($make:expr) => {
        $crate::__transport_contract! { @tests $make;
            a_cancelled_receive_loses_nothing,
            a_frame_sent_while_connecting_is_the_first,
            a_frame_that_is_too_large_is_refused,
            a_peer_that_is_gone_is_noticed,
            a_sender_waits_for_a_peer_that_does_not_read,
            connecting_to_nobody_fails_as_unreachable,
            every_frame_arrives_as_it_was_sent,
            finishing_delivers_what_was_handed_over,
            frames_arrive_in_order_and_once,
            many_connections_do_not_mix,
            one_direction_ends_without_the_other,
        }
    };
    (@tests $make:expr; $($name:ident,)*) => {$(
        #[test]
        fn $name() {
            $crate::testing::transport::run($make, $crate::testing::transport::$name);
        }
    )*};
}

/// Runs a test on a fresh rig.
pub fn run<F, T>(make: impl FnOnce() -> F, test: impl FnOnce(Rig) -> T)
where
    F: Future<Output = Rig>,
    T: Future<Output = ()>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let test = async { test(make().await).await };
        timeout(PATIENCE, test).await.expect("an answer within a minute");
    });
}

/// A transport on trial, with whoever takes its connections.
pub struct Rig {
    transport: Arc<dyn Transport>,
    accepted: Accepted,
    nobody: Arc<dyn Transport>,
    kept: Vec<Box<dyn Any>>,
}

impl Rig {
    /// A transport, the connections that it makes as they arrive at the other end, and a transport
    /// of the same kind to a place where nobody is.
    pub fn new(transport: impl Transport, accepted: Accepted, nobody: impl Transport) -> Self {
        let (transport, nobody) = (Arc::new(transport), Arc::new(nobody));
        Self { transport, accepted, nobody, kept: Vec::new() }
    }

    /// The same, keeping something alive for as long as the test runs.
    #[must_use]
    pub fn keeping(mut self, kept: impl Any) -> Self {
        self.kept.push(Box::new(kept));
        self
    }

    /// A connection, as both ends see it: the side that connected, and the side that accepted.
    pub async fn connect(&mut self) -> (Connection, Connection) {
        let (ours, theirs) = tokio::join!(self.transport.connect(), self.accepted.next());
        (ours.expect("a connection"), theirs)
    }
}

impl fmt::Debug for Rig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rig").field(&self.transport).finish()
    }
}

/// An [`Acceptor`] that puts connections into a queue, and the end of that queue.
pub fn queue() -> (Arc<Backlog>, Accepted) {
    let (connections, accepted) = mpsc::channel(QUEUE_MAX);
    (Arc::new(Backlog(connections)), Accepted(accepted))
}

/// An [`Acceptor`] that puts connections into a queue; when that is full, it is busy.
#[derive(Clone, Debug)]
pub struct Backlog(mpsc::Sender<Connection>);

impl Acceptor for Backlog {
    fn accept(&self, connection: Connection) -> Result<(), TransportError> {
        self.0
            .try_send(connection)
            .map_err(|_| TransportError::new("queue a connection", TransportErrorKind::Busy))
    }
}

/// The connections that a [`Backlog`] has taken.
#[derive(Debug)]
pub struct Accepted(mpsc::Receiver<Connection>);

impl Accepted {
    /// The next one.
    pub async fn next(&mut self) -> Connection {
        self.0.recv().await.expect("somebody who accepts connections")
    }
}

/// Frames arrive in the order in which they were sent, none lost and none twice, in both directions
/// at once.
pub async fn frames_arrive_in_order_and_once(mut rig: Rig) {
    let (ours, theirs) = rig.connect().await;
    let frames: Vec<_> = (0..2_000).map(numbered).collect();
    let there = carry(ours.sender, theirs.receiver, &frames);
    let back = carry(theirs.sender, ours.receiver, &frames);
    let (there, back) = tokio::join!(there, back);
    assert!(there == frames && back == frames, "frames were lost, doubled or out of order");
}

/// A frame that is sent with the request for a connection arrives, before those that are sent on it, and the next
/// connection begins with its own.
pub async fn a_frame_sent_while_connecting_is_the_first(mut rig: Rig) {
    for round in 0..3 {
        let connecting = rig.transport.connect_with(numbered(round));
        let (ours, mut theirs) = tokio::join!(connecting, rig.accepted.next());
        let ours = ours.expect("a connection");
        assert_eq!(theirs.receiver.receive().await.expect("no error"), Some(numbered(round)));
        let frames: Vec<_> = (10..20).map(numbered).collect();
        assert_eq!(carry(ours.sender, theirs.receiver, &frames).await, frames);
    }
    let error = rig.nobody.connect_with(numbered(0)).await.expect_err("an error");
    assert!(matches!(error.kind(), TransportErrorKind::Unreachable), "{error}");
}

/// Every kind of frame arrives as it was sent, the largest ones too.
pub async fn every_frame_arrives_as_it_was_sent(mut rig: Rig) {
    let (ours, theirs) = rig.connect().await;
    let frames = every_kind();
    let there = carry(ours.sender, theirs.receiver, &frames);
    let back = carry(theirs.sender, ours.receiver, &frames);
    let (there, back) = tokio::join!(there, back);
    for (at, frame) in frames.iter().enumerate() {
        assert!(there.get(at) == Some(frame), "{:?} (number {at}) differs there", frame.kind());
        assert!(back.get(at) == Some(frame), "{:?} (number {at}) differs back", frame.kind());
    }
}

/// Either side may end its direction first; the other direction goes on.
pub async fn one_direction_ends_without_the_other(mut rig: Rig) {
    for we_end_first in [true, false] {
        let (ours, theirs) = rig.connect().await;
        let (mut first, mut second) = if we_end_first { (ours, theirs) } else { (theirs, ours) };
        first.sender.finish().await.expect("an end");
        assert_eq!(second.receiver.receive().await.expect("no error"), None);
        let frames: Vec<_> = (0..50).map(numbered).collect();
        assert_eq!(carry(second.sender, first.receiver, &frames).await, frames);
    }
}

/// A sender waits while the peer does not read: what is on its way has a bound. Nothing of it is
/// lost.
pub async fn a_sender_waits_for_a_peer_that_does_not_read(mut rig: Rig) {
    let (mut ours, mut theirs) = rig.connect().await;
    let large = || Bytes::from(vec![7; FRAME_BYTES_MAX / 2]);
    let mut taken = 0;
    loop {
        let frame = events(taken, vec![large()]);
        match timeout(WAITING_AFTER, ours.sender.send(frame)).await {
            Ok(sent) => sent.expect("a frame sent"),
            Err(_waits) => break,
        }
        taken += 1;
        let bytes = usize::try_from(taken).unwrap() * FRAME_BYTES_MAX / 2;
        assert!(bytes < UNREAD_BYTES_MAX, "{bytes} bytes were taken for a peer that does not read");
    }
    for expected in 0..taken {
        let frame = theirs.receiver.receive().await.expect("no error");
        assert!(frame == Some(events(expected, vec![large()])), "frame {expected} is another");
    }
}

/// Frames handed over before the end arrive, and then the end, also when nobody waits for it.
pub async fn finishing_delivers_what_was_handed_over(mut rig: Rig) {
    for we_send in [true, false] {
        let (ours, theirs) = rig.connect().await;
        let (mut from, mut to) = if we_send { (ours, theirs) } else { (theirs, ours) };
        let frames: Vec<_> =
            (0..8).map(|n| events(n, vec![Bytes::from(vec![1; 300_000])])).collect();
        let sending = async {
            for frame in frames.clone() {
                from.sender.send(frame).await.expect("a frame sent");
            }
            from.sender.finish().await.expect("an end");
            drop(from);
        };
        let ((), arrived) = tokio::join!(sending, receive_all(&mut *to.receiver));
        assert!(arrived == frames, "{} of {} frames arrived", arrived.len(), frames.len());
    }
}

/// A frame that is too large is refused by name, and does no harm to the connection.
pub async fn a_frame_that_is_too_large_is_refused(mut rig: Rig) {
    let (mut ours, mut theirs) = rig.connect().await;
    let too_long = events(1, vec![Bytes::from(vec![0; FRAME_BYTES_MAX])]);
    let too_many = events(1, vec![Bytes::new(); FRAME_BLOCKS_MAX + 1]);
    for frame in [too_long, too_many] {
        let error = ours.sender.send(frame).await.expect_err("a refusal");
        assert_eq!(error.kind(), &TransportErrorKind::FrameTooLarge);
        assert!(!error.is_retryable());
    }
    ours.sender.send(numbered(1)).await.expect("a frame sent");
    assert_eq!(theirs.receiver.receive().await.expect("no error"), Some(numbered(1)));
}

/// When the peer is gone, receiving ends and sending fails; neither hangs.
pub async fn a_peer_that_is_gone_is_noticed(mut rig: Rig) {
    for we_are_left in [true, false] {
        let (ours, theirs) = rig.connect().await;
        let (mut left, gone) = if we_are_left { (ours, theirs) } else { (theirs, ours) };
        drop(gone);
        match left.receiver.receive().await {
            Ok(None) => {}
            Ok(Some(frame)) => panic!("a {:?} that nobody sent", frame.kind()),
            Err(error) => assert_eq!(error.kind(), &TransportErrorKind::Lost),
        }
        let error = loop {
            if let Err(error) = left.sender.send(numbered(1)).await {
                break error;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(error.kind(), &TransportErrorKind::Lost);
        assert!(error.is_retryable());
    }
}

/// Receiving may be given up at any moment: the next call gives the frame that would have come.
pub async fn a_cancelled_receive_loses_nothing(mut rig: Rig) {
    let (mut ours, mut theirs) = rig.connect().await;
    let frames: Vec<_> = (0..500).map(numbered).collect();
    let sending = async {
        for frame in frames.clone() {
            ours.sender.send(frame).await.expect("a frame sent");
            tokio::task::yield_now().await;
        }
        ours.sender.finish().await.expect("an end");
    };
    let receiving = async {
        let mut arrived = Vec::new();
        loop {
            tokio::select! {
                biased;
                received = theirs.receiver.receive() => match received.expect("no error") {
                    Some(frame) => arrived.push(frame),
                    None => return arrived,
                },
                () = tokio::task::yield_now() => {}
            }
        }
    };
    let ((), arrived) = tokio::join!(sending, receiving);
    assert!(arrived == frames, "{} of {} frames arrived", arrived.len(), frames.len());
}

/// Connecting to nobody fails as [`TransportErrorKind::Unreachable`], and may be tried again.
pub async fn connecting_to_nobody_fails_as_unreachable(rig: Rig) {
    let error = rig.nobody.connect().await.expect_err("an error");
    assert_eq!(error.kind(), &TransportErrorKind::Unreachable);
    assert!(error.is_retryable());
}

/// Connections are independent of each other, however many there are.
pub async fn many_connections_do_not_mix(mut rig: Rig) {
    const CONNECTIONS: u64 = 50;
    let mut pairs = Vec::new();
    for _ in 0..CONNECTIONS {
        pairs.push(rig.connect().await);
    }
    let mut exchanges = tokio::task::JoinSet::new();
    for (number, (ours, theirs)) in (0..CONNECTIONS).zip(pairs) {
        let frames: Vec<_> = (0..20).map(|n| numbered(1_000 * number + n)).collect();
        exchanges.spawn(async move {
            let there = carry(ours.sender, theirs.receiver, &frames);
            let back = carry(theirs.sender, ours.receiver, &frames);
            let (there, back) = tokio::join!(there, back);
            assert_eq!((&there, &back), (&frames, &frames), "connection {number}");
        });
    }
    while let Some(exchange) = exchanges.join_next().await {
        exchange.expect("an exchange");
    }
}

/// Sends all frames and the end, and receives until the end.
async fn carry(
    mut sender: Box<dyn FrameSender>,
    mut receiver: Box<dyn FrameReceiver>,
    frames: &[Frame],
) -> Vec<Frame> {
    let sending = async {
        for frame in frames {
            sender.send(frame.clone()).await.expect("a frame sent");
        }
        sender.finish().await.expect("an end");
    };
    tokio::join!(sending, receive_all(&mut *receiver)).1
}

async fn receive_all(receiver: &mut dyn FrameReceiver) -> Vec<Frame> {
    let mut arrived = Vec::new();
    while let Some(frame) = receiver.receive().await.expect("no error") {
        arrived.push(frame);
    }
    assert_eq!(receiver.receive().await.expect("no error"), None, "the end stays the end");
    arrived
}

fn numbered(number: u64) -> Frame {
    Frame::Ack(Ack::new(Position(number)))
}

fn events(number: u64, blocks: Vec<Bytes>) -> Frame {
    let digest = Digest::from_bytes([number.to_le_bytes()[0]; Digest::LEN]);
    let through = Cursor { position: Position(number), digest };
    Frame::Events(Events::new(through, Position(number), blocks))
}
