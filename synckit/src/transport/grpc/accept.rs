//! Taking connections: how many, how many of one peer, and what becomes of the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio_rustls::TlsAcceptor;

use super::ServerLimits;
use super::guard::{Ending, Guarded};
use super::handshake::Greetings;
use super::service::SideCalls;
use super::wire::Wire;
use crate::platform;
use crate::transport::TlsIdentity;
use crate::transport::tls::ServerTls;

/// Pause before accepting again when the system has no more sockets to give.
const BACK_OFF: Duration = Duration::from_millis(200);
/// Connections that are being told at the same time that there is no room. Others are just closed.
const REFUSALS_MAX: usize = 32;
/// Longest time that the last words to one may take.
pub(super) const REFUSE_WITHIN: Duration = Duration::from_secs(1);

/// The words of a server that has no room: an empty SETTINGS frame, and GOAWAY with ENHANCE_YOUR_CALM
/// (RFC 9113, sections 6.5, 6.8 and 7), which gRPC reads as RESOURCE_EXHAUSTED.
const NO_ROOM: [u8; 26] = [
    0, 0, 0, 4, 0, 0, 0, 0, 0, //
    0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xb,
];

/// Accepts connections until it is dropped, which closes the listener.
pub(super) async fn accept(
    listener: TcpListener,
    limits: ServerLimits,
    (tls, probes): (Option<ServerTls>, Option<Arc<dyn SideCalls>>),
    stopped: watch::Receiver<bool>,
    accepted: mpsc::Sender<Result<Guarded, Infallible>>,
) {
    let greeting_within = limits.greeting_within;
    let mut greetings = Greetings::new(tls, probes, greeting_within, accepted.clone());
    let slots = Arc::new(Slots::new(&limits));
    let refusals = Arc::new(Semaphore::new(REFUSALS_MAX));
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(arrived) => arrived,
            Err(error) => {
                back_off(&error).await;
                continue;
            }
        };
        let Some(slot) = Slots::take(&slots, peer.ip()) else {
            tracing::warn!(%peer, "no room for a connection");
            if let Ok(permit) = Arc::clone(&refusals).try_acquire_owned() {
                let acceptor = greetings.as_ref().and_then(Greetings::acceptor);
                platform::spawn(async move {
                    let telling = refuse(stream, acceptor);
                    let _told = platform::within(REFUSE_WITHIN, telling).await;
                    drop(permit);
                });
            }
            continue;
        };
        tracing::debug!(%peer, "connection");
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "small frames may be delayed");
        }
        let age_max = jittered(limits.connection_age_max);
        let ending = ending(age_max, stopped.clone(), Arc::clone(&slot.place.wanted));
        let guard = move |wire: Wire, identity: Option<TlsIdentity>| {
            Guarded::new(wire, (peer, identity), greeting_within, ending, slot)
        };
        if let Some(greetings) = &mut greetings {
            greetings.begin(stream, peer, guard);
        } else if accepted.send(Ok(guard(Wire::Plain(stream), None))).await.is_err() {
            return;
        }
    }
}

/// Waits, unless it was only the one connection that failed.
async fn back_off(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    let kind = error.kind();
    if !matches!(kind, ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted) {
        tracing::warn!(%error, "cannot accept connections; trying again");
        platform::sleep(BACK_OFF).await;
    }
}

/// Says that there is no room.
async fn refuse(stream: TcpStream, acceptor: Option<TlsAcceptor>) -> io::Result<()> {
    match acceptor {
        Some(acceptor) => farewell(acceptor.accept(stream).await?, &NO_ROOM).await,
        None => farewell(stream, &NO_ROOM).await,
    }
}

/// Says the last words on a connection, and takes what the client says meanwhile: to close on unread
/// bytes would reset the connection, and the client might not get to read them.
pub(super) async fn farewell(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    words: &[u8],
) -> io::Result<()> {
    stream.write_all(words).await?;
    stream.shutdown().await?;
    let mut ignored = [0; 512];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}

fn ending(age_max: Duration, mut stopped: watch::Receiver<bool>, wanted: Arc<Notify>) -> Ending {
    Box::pin(async move {
        let age = platform::sleep(age_max);
        tokio::select! {
            () = age => {}
            () = wanted.notified() => {}
            // An error means that the server is gone.
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
    })
}

/// Up to an eighth less, so that connections made together do not end together.
fn jittered(age: Duration) -> Duration {
    // Without randomness they do.
    let [drawn] = platform::random().unwrap_or_default();
    age - age / 8 * u32::from(drawn) / 256
}

/// The places for connections.
#[derive(Debug)]
struct Slots {
    max: usize,
    per_peer_max: usize,
    taken: Mutex<Counts>,
}

#[derive(Default, Debug)]
struct Counts {
    total: usize,
    by_peer: BTreeMap<IpAddr, usize>,
    /// Places ever taken.
    count: u64,
    /// Those whose clients have called and have no session any more, the first taken first.
    idle: BTreeMap<u64, Arc<SlotUse>>,
    /// Those that were given to others before they were given back.
    given_away: BTreeSet<u64>,
}

/// A place for a connection.
#[derive(Debug)]
pub(super) struct SlotUse {
    slots: Arc<Slots>,
    peer: IpAddr,
    number: u64,
    sessions: AtomicUsize,
    /// The connection has ended.
    left: AtomicBool,
    /// Notified when the connection is to end because another one wants its place.
    wanted: Arc<Notify>,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct ConnectionSlot {
    pub(super) place: Arc<SlotUse>,
}

/// A session on the connection of a place, until it is dropped.
#[derive(Debug)]
pub(super) struct InSession(Arc<SlotUse>);

impl SlotUse {
    /// A session begins: nobody else takes the place before it has ended.
    pub(super) fn begin(place: &Arc<Self>) -> InSession {
        let mut taken = place.slots.lock();
        place.sessions.fetch_add(1, Ordering::Relaxed);
        taken.idle.remove(&place.number);
        InSession(Arc::clone(place))
    }
}

impl Drop for InSession {
    fn drop(&mut self) {
        let place = &self.0;
        let mut taken = place.slots.lock();
        let is_last = place.sessions.fetch_sub(1, Ordering::Relaxed) == 1;
        if is_last && !place.left.load(Ordering::Relaxed) {
            taken.idle.insert(place.number, Arc::clone(place));
        }
    }
}

impl Slots {
    fn new(limits: &ServerLimits) -> Self {
        Self {
            max: limits.connections_max,
            per_peer_max: limits.connections_per_peer_max,
            taken: Mutex::default(),
        }
    }

    fn take(slots: &Arc<Self>, address: IpAddr) -> Option<ConnectionSlot> {
        let peer = one_peer(address);
        let mut taken = slots.lock();
        let of_peer = taken.by_peer.get(&peer).copied().unwrap_or(0);
        if of_peer >= slots.per_peer_max {
            taken.make_room(|place| place.peer == peer)?;
        } else if taken.total >= slots.max {
            taken.make_room(|_| true)?;
        }
        taken.total += 1;
        taken.count += 1;
        *taken.by_peer.entry(peer).or_default() += 1;
        let place = SlotUse {
            slots: Arc::clone(slots),
            peer,
            number: taken.count,
            sessions: AtomicUsize::default(),
            left: AtomicBool::default(),
            wanted: Arc::default(),
        };
        Some(ConnectionSlot { place: Arc::new(place) })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // Counting cannot panic half-way.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// Ends the connection among some that has had no session for the longest time, and gives its
    /// place away.
    fn make_room(&mut self, among: impl Fn(&SlotUse) -> bool) -> Option<()> {
        let (number, _) = self.idle.iter().find(|(_, place)| among(place))?;
        let place = self.idle.remove(&number.clone())?;
        self.given_away.insert(place.number);
        self.give_back(&place.peer);
        place.wanted.notify_one();
        Some(())
    }

    fn give_back(&mut self, peer: &IpAddr) {
        self.total = self.total.saturating_sub(1);
        match self.by_peer.get_mut(peer) {
            Some(left) if *left > 1 => *left -= 1,
            _ => {
                self.by_peer.remove(peer);
            }
        }
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let SlotUse { slots, peer, number, left, .. } = &*self.place;
        let mut taken = slots.lock();
        left.store(true, Ordering::Relaxed);
        taken.idle.remove(number);
        if !taken.given_away.remove(number) {
            taken.give_back(peer);
        }
    }
}

/// The unit that counts as one peer: an IPv4 address, or an IPv6 network of 64 bits, which is what one
/// customer is given.
fn one_peer(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_by_peer_and_given_back() {
        let slots = Arc::new(Slots::new(&ServerLimits {
            connections_max: 3,
            connections_per_peer_max: 2,
            ..ServerLimits::default()
        }));
        let [ada, bob, eve] = [[10, 0, 0, 1], [10, 0, 0, 2], [10, 0, 0, 3]].map(IpAddr::from);
        let first = Slots::take(&slots, ada).unwrap();
        let _second = Slots::take(&slots, ada).unwrap();
        assert!(Slots::take(&slots, ada).is_none(), "her share is used up");
        let _third = Slots::take(&slots, bob).unwrap();
        assert!(Slots::take(&slots, eve).is_none(), "all places are taken");
        drop(first);
        assert!(Slots::take(&slots, eve).is_some());
        assert_eq!(slots.lock().total, 2);
        assert_eq!(slots.lock().by_peer.len(), 2);
    }

    #[test]
    fn who_has_no_session_any_more_makes_room() {
        let slots = Arc::new(Slots::new(&ServerLimits {
            connections_max: 2,
            connections_per_peer_max: 1,
            ..ServerLimits::default()
        }));
        let [ada, bob, eve] = [[10, 0, 0, 1], [10, 0, 0, 2], [10, 0, 0, 3]].map(IpAddr::from);
        let hers = Slots::take(&slots, ada).unwrap();
        let session = SlotUse::begin(&hers.place);
        assert!(Slots::take(&slots, ada).is_none(), "she is in session");
        drop(session);
        let again = Slots::take(&slots, ada).unwrap();
        let silent = Slots::take(&slots, bob).unwrap();
        assert!(Slots::take(&slots, eve).is_none(), "who has not called yet stays");
        drop(SlotUse::begin(&silent.place));
        let _last = Slots::take(&slots, eve).unwrap();
        drop((hers, silent));
        assert_eq!(slots.lock().total, 2, "no place is given back twice");
        let outlives = SlotUse::begin(&again.place);
        drop(again);
        drop(outlives);
        assert!(slots.lock().given_away.is_empty());
        assert!(slots.lock().idle.is_empty());
    }

    #[test]
    fn an_ipv6_network_is_one_peer() {
        let peer = |text: &str| one_peer(text.parse().unwrap());
        assert_eq!(peer("2001:db8:1:2::1"), peer("2001:db8:1:2:ffff::9"));
        assert_ne!(peer("2001:db8:1:2::1"), peer("2001:db8:1:3::1"));
        assert_eq!(peer("::ffff:10.0.0.1"), peer("10.0.0.1"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lack_of_sockets_is_waited_out() {
        let begun = tokio::time::Instant::now();
        back_off(&io::ErrorKind::ConnectionAborted.into()).await;
        assert!(begun.elapsed().is_zero(), "one failed connection holds up no other");
        let too_many_open_files = io::Error::from_raw_os_error(24);
        back_off(&too_many_open_files).await;
        assert!(begun.elapsed() >= BACK_OFF);
    }

    #[test]
    fn connections_end_at_different_times_but_not_late() {
        let hour = Duration::from_secs(3_600);
        for _ in 0..100 {
            assert!((hour / 8 * 7..=hour).contains(&jittered(hour)));
        }
    }
}
