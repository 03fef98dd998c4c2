//! Taking connections: how many, how many of one peer, and what becomes of the rest.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};

use super::ServerLimits;
use super::guard::{Ending, Guarded};
use crate::platform;

/// Pause before accepting again when the system has no more sockets to give.
const BACK_OFF: Duration = Duration::from_millis(200);
/// Connections that are being told at the same time that there is no room. Others are just closed.
const REFUSALS_MAX: usize = 32;
/// Longest time that telling one may take.
const REFUSE_WITHIN: Duration = Duration::from_secs(1);

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
    stopped: watch::Receiver<bool>,
    accepted: mpsc::Sender<Result<Guarded, Infallible>>,
) {
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
                platform::spawn(async move {
                    let _told = platform::within(REFUSE_WITHIN, refuse(stream)).await;
                    drop(permit);
                });
            }
            continue;
        };
        tracing::debug!(%peer, "connection");
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "small frames may be delayed");
        }
        let ending = ending(jittered(limits.connection_age_max), stopped.clone());
        let guarded = Guarded::new((stream, peer), limits.greeting_within, ending, slot);
        if accepted.send(Ok(guarded)).await.is_err() {
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

/// Says that there is no room, and takes what the client says meanwhile: to close on unread bytes
/// would reset the connection, and the client might not get to read why.
async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(&NO_ROOM).await?;
    stream.shutdown().await?;
    let mut ignored = [0; 512];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}

fn ending(age_max: Duration, mut stopped: watch::Receiver<bool>) -> Ending {
    Box::pin(async move {
        let age = platform::sleep(age_max);
        tokio::select! {
            () = age => {}
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
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct ConnectionSlot {
    slots: Arc<Slots>,
    peer: IpAddr,
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
        if taken.total >= slots.max || of_peer >= slots.per_peer_max {
            return None;
        }
        taken.total += 1;
        taken.by_peer.insert(peer, of_peer + 1);
        Some(ConnectionSlot { slots: Arc::clone(slots), peer })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // Counting cannot panic half-way.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut taken = self.slots.lock();
        taken.total = taken.total.saturating_sub(1);
        match taken.by_peer.get_mut(&self.peer) {
            Some(left) if *left > 1 => *left -= 1,
            _ => {
                taken.by_peer.remove(&self.peer);
            }
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
