//! The network of a simulated world: ordered connections, as a stream is one, that are slow, stall,
//! and are lost, which their ends notice sooner or later.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::super::Dice;
use crate::Hub;
use crate::platform;
use crate::sync::Frame;
use crate::transport::{
    Acceptor, Connection, FrameReceiver, FrameSender, PeerInfo, Transport, TransportError,
    TransportErrorKind,
};

/// Frames that are under way in one direction before the sender waits.
const FRAMES_UNDER_WAY_MAX: usize = 64;
/// The end of a lost connection notices within one of these times, in milliseconds.
const NOTICED_WITHIN: [u64; 3] = [100, 3_000, 90_000];

/// The network. Clones are the same one.
#[derive(Clone)]
pub(super) struct WorldNetwork(Arc<Mutex<Cables>>);

struct Cables {
    /// Whoever takes connections at each node.
    acceptors: Vec<Option<Hub>>,
    /// Until when each edge is partitioned.
    blocked_until: Vec<Option<Instant>>,
    wires: Vec<Weak<WorldWire>>,
    dice: Vec<Dice>,
    latency_max: u64,
    /// One in so many frames is lost, and its connection with it; none when 0.
    loses_one_in: usize,
    frames: u64,
    trace: blake3::Hasher,
    begun: Instant,
}

impl WorldNetwork {
    pub(super) fn new(
        nodes: usize,
        dice: Vec<Dice>,
        latency_max: u64,
        loses_one_in: usize,
    ) -> Self {
        Self(Arc::new(Mutex::new(Cables {
            acceptors: vec![None; nodes],
            blocked_until: vec![None; dice.len()],
            wires: Vec::new(),
            dice,
            latency_max,
            loses_one_in,
            frames: 0,
            trace: blake3::Hasher::new(),
            begun: Instant::now(),
        })))
    }

    /// Has a hub take the connections to a node, or nobody.
    pub(super) fn listen(&self, node: usize, hub: Option<Hub>) {
        self.lock().acceptors[node] = hub;
    }

    /// One of the ways from one node to another, each with an address of its own.
    pub(super) fn way(&self, edge: usize, nth: usize, from: usize, to: usize) -> WorldWay {
        let address = format!("world:{from}-{to}/{nth}");
        WorldWay { address, network: self.clone(), edge, from, to }
    }

    /// Loses the connections of an edge.
    pub(super) fn cut_edge(&self, edge: usize) {
        self.lose(|wire| wire.edge == edge, None);
    }

    /// Loses the connections of a node; its own end is gone at once.
    pub(super) fn cut_node(&self, node: usize) {
        self.lose(|wire| wire.nodes.contains(&node), Some(node));
    }

    pub(super) fn partition(&self, edge: usize, lasts: Duration) {
        self.lock().blocked_until[edge] = Some(Instant::now() + lasts);
        self.cut_edge(edge);
    }

    /// From here on nothing is lost, and connections can be made.
    pub(super) fn heal(&self) {
        let mut cables = self.lock();
        cables.blocked_until.fill(None);
        cables.loses_one_in = 0;
    }

    /// The number of frames that were sent, and a hash over when each was and what it held.
    pub(super) fn trace(&self) -> (u64, blake3::Hash) {
        let cables = self.lock();
        (cables.frames, cables.trace.finalize())
    }

    fn lose(&self, which: impl Fn(&WorldWire) -> bool, at_once: Option<usize>) {
        let wires: Vec<_> = {
            let mut cables = self.lock();
            cables.wires.retain(|wire| wire.strong_count() > 0);
            cables.wires.iter().filter_map(Weak::upgrade).collect()
        };
        for wire in wires.iter().filter(|wire| which(wire)) {
            self.stall(wire);
            for side in [0, 1] {
                if Some(wire.nodes[side]) == at_once {
                    wire.gone[side].raise();
                }
            }
        }
    }

    /// Nothing arrives any more; each end notices at a time of its own.
    fn stall(&self, wire: &Arc<WorldWire>) {
        if wire.stalled.swap(true, Ordering::AcqRel) {
            return;
        }
        for side in [0, 1] {
            let within = {
                let dice = &mut self.lock().dice[wire.edge];
                let most = *dice.one(&NOTICED_WITHIN);
                Duration::from_millis(dice.between(0, most))
            };
            let wire = Arc::clone(wire);
            platform::spawn(async move {
                platform::sleep(within).await;
                wire.gone[side].raise();
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Cables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection.
struct WorldWire {
    edge: usize,
    /// Of the side that connected, and of the side that accepted.
    nodes: [usize; 2],
    stalled: AtomicBool,
    gone: [GoneFlag; 2],
}

/// Raised once; whoever waits is woken in turn.
#[derive(Default)]
struct GoneFlag {
    raised: AtomicBool,
    wake: Notify,
}

impl GoneFlag {
    fn raise(&self) {
        self.raised.store(true, Ordering::Release);
        self.wake.notify_waiters();
    }

    async fn wait(&self) {
        let woken = self.wake.notified();
        if !self.raised.load(Ordering::Acquire) {
            woken.await;
        }
    }
}

/// The way from one node to another.
pub(super) struct WorldWay {
    address: String,
    network: WorldNetwork,
    edge: usize,
    from: usize,
    to: usize,
}

impl fmt::Debug for WorldWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

#[async_trait]
impl Transport for WorldWay {
    fn address(&self) -> &str {
        &self.address
    }

    async fn connect(&self) -> Result<Connection, TransportError> {
        let latency = {
            let mut cables = self.network.lock();
            let most = cables.latency_max;
            Duration::from_millis(cables.dice[self.edge].between(0, most))
        };
        platform::sleep(latency).await;
        let unreachable = || TransportError::new("connect", TransportErrorKind::Unreachable);
        let wire = Arc::new(WorldWire {
            edge: self.edge,
            nodes: [self.from, self.to],
            stalled: AtomicBool::new(false),
            gone: Default::default(),
        });
        let hub = {
            let mut cables = self.network.lock();
            let blocked = cables.blocked_until[self.edge].is_some_and(|end| end > Instant::now());
            let hub = cables.acceptors[self.to].clone().filter(|_| !blocked);
            cables.wires.retain(|wire| wire.strong_count() > 0);
            cables.wires.push(Arc::downgrade(&wire));
            hub.ok_or_else(unreachable)?
        };
        let (to_peer, from_us) = mpsc::channel(FRAMES_UNDER_WAY_MAX);
        let (to_us, from_peer) = mpsc::channel(FRAMES_UNDER_WAY_MAX);
        hub.accept(self.end(&wire, 1, to_us, from_us))?;
        Ok(self.end(&wire, 0, to_peer, from_peer))
    }
}

impl WorldWay {
    fn end(
        &self,
        wire: &Arc<WorldWire>,
        side: usize,
        frames: mpsc::Sender<(Instant, Bytes)>,
        arriving: mpsc::Receiver<(Instant, Bytes)>,
    ) -> Connection {
        let (network, wire) = (self.network.clone(), Arc::clone(wire));
        let sender = WireSender {
            network,
            wire: Arc::clone(&wire),
            side,
            frames: Some(frames),
            last_arrival: Instant::now(),
        };
        let receiver = WireReceiver { wire, side, arriving, next: None };
        Connection::new(sender, receiver, PeerInfo::unknown())
    }
}

struct WireSender {
    network: WorldNetwork,
    wire: Arc<WorldWire>,
    side: usize,
    frames: Option<mpsc::Sender<(Instant, Bytes)>>,
    /// Frames do not overtake each other.
    last_arrival: Instant,
}

impl fmt::Debug for WireSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WireSender").field("side", &self.side).finish_non_exhaustive()
    }
}

fn lost(attempted: &str) -> TransportError {
    TransportError::new(attempted, TransportErrorKind::Lost)
}

#[async_trait]
impl FrameSender for WireSender {
    async fn send(&mut self, frame: Frame) -> Result<(), TransportError> {
        let bytes = frame.encode().map_err(TransportError::unsendable)?;
        let gone = || lost("send a frame");
        if self.wire.gone[self.side].raised.load(Ordering::Acquire) {
            return Err(gone());
        }
        let (arrives, loses) = {
            let mut cables = self.network.lock();
            let (most, one_in) = (cables.latency_max, cables.loses_one_in);
            let dice = &mut cables.dice[self.wire.edge];
            let latency = Duration::from_millis(dice.between(0, most));
            let loses = one_in > 0 && dice.one_in(one_in);
            cables.frames += 1;
            let at = cables.begun.elapsed().as_millis().to_le_bytes();
            let [from, to] = self.wire.nodes.map(|node| node.to_le_bytes());
            for part in [&at[..], &from, &to, &self.side.to_le_bytes(), &bytes] {
                cables.trace.update(part);
            }
            (Instant::now() + latency, loses)
        };
        if loses {
            self.network.stall(&self.wire);
        }
        if self.wire.stalled.load(Ordering::Acquire) {
            // It does not know yet.
            return Ok(());
        }
        self.last_arrival = self.last_arrival.max(arrives);
        let frames = self.frames.as_ref().ok_or_else(gone)?;
        tokio::select! {
            biased;
            sent = frames.send((self.last_arrival, bytes)) => sent.map_err(|_| gone()),
            () = self.wire.gone[self.side].wait() => Err(gone()),
        }
    }

    async fn finish(&mut self) -> Result<(), TransportError> {
        self.frames = None;
        Ok(())
    }
}

struct WireReceiver {
    wire: Arc<WorldWire>,
    side: usize,
    arriving: mpsc::Receiver<(Instant, Bytes)>,
    /// Kept here while it is waited for, so that waiting can be given up.
    next: Option<(Instant, Bytes)>,
}

impl fmt::Debug for WireReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WireReceiver").field("side", &self.side).finish_non_exhaustive()
    }
}

#[async_trait]
impl FrameReceiver for WireReceiver {
    async fn receive(&mut self) -> Result<Option<Frame>, TransportError> {
        let gone = &self.wire.gone[self.side];
        if self.next.is_none() {
            tokio::select! {
                biased;
                () = gone.wait() => return Err(lost("receive a frame")),
                next = self.arriving.recv() => self.next = next,
            }
        }
        if let Some((arrives, _)) = &self.next {
            tokio::select! {
                biased;
                () = gone.wait() => return Err(lost("receive a frame")),
                () = tokio::time::sleep_until(*arrives) => {}
            }
        }
        if self.wire.stalled.load(Ordering::Acquire) {
            gone.wait().await;
            return Err(lost("receive a frame"));
        }
        let Some((_, bytes)) = self.next.take() else { return Ok(None) };
        Frame::decode(bytes).map(Some).map_err(TransportError::malformed)
    }
}
