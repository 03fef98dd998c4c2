//! Slow ways: what arrives counts, and nobody is given up for being slow.

use std::time::Duration;

use synckit::replica::LinkState;
use synckit::{Hub, Replica, registry, sync_aggregate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

/// After this long a test has failed.
const PATIENCE: Duration = Duration::from_secs(240);

#[sync_aggregate(name = "report")]
#[derive(Clone, Debug, Default, PartialEq)]
struct Report {
    #[merge(lww)]
    text: String,
}

/// A way of so many bytes a second in each direction to a hub, which is cut now and then.
async fn slow_way(hub: &str, bytes_per_second: u32, cut_every: Option<Duration>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let hub = hub.strip_prefix("http://").unwrap().to_owned();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(to_hub) = TcpStream::connect(&hub).await else { continue };
            let ((from_client, to_client), (from_hub, to_hub)) =
                (stream.into_split(), to_hub.into_split());
            let both = async move {
                tokio::join!(
                    trickle(from_client, to_hub, bytes_per_second),
                    trickle(from_hub, to_client, bytes_per_second),
                )
            };
            tokio::spawn(async move {
                match cut_every {
                    Some(after) => drop(timeout(after, both).await),
                    None => drop(both.await),
                }
            });
        }
    });
    address
}

/// Passes bytes on, not faster than this.
async fn trickle(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, bytes_per_second: u32) {
    let (mut buffer, mut free) = ([0; 1_024], Instant::now());
    loop {
        let Ok(count @ 1..) = from.read(&mut buffer).await else { return };
        let takes = Duration::from_secs(count as u64) / bytes_per_second;
        free = free.max(Instant::now()) + takes;
        sleep_until(free).await;
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

async fn replica_with(name: &str, reports: usize) -> Replica {
    let replica = Replica::builder().registry(registry![Report]).in_memory().await.unwrap();
    for number in 0..reports {
        write(&replica, format!("{name} {number}")).await;
    }
    replica
}

/// The same, with all reports made at the same moment.
async fn replica_with_at_once(name: &str, reports: usize) -> Replica {
    let replica = replica_with(name, 0).await;
    let mut writing = JoinSet::new();
    for number in 0..reports {
        let (replica, name) = (replica.clone(), format!("{name} {number}"));
        writing.spawn(async move { write(&replica, name).await });
    }
    writing.join_all().await;
    replica
}

async fn write(replica: &Replica, name: String) {
    let id = synckit::Id::<Report>::named(&name).unwrap();
    replica.edit(&id, |it| it.text.set("x".repeat(2_000))).await.unwrap();
}

/// Events that bob sent on a fast way in large frames arrive on one that is cut before such a frame could.
#[tokio::test]
async fn what_came_fast_goes_on_over_a_way_that_is_cut_soon() {
    let hub = Hub::builder().in_memory().unwrap().serve("127.0.0.1:0").await.unwrap();
    let (ann, bob) = (replica_with("ann", 0).await, replica_with("bob", 100).await);
    bob.sync_once(hub.url()).await.unwrap();
    let way = slow_way(&hub.url(), 40_000, Some(Duration::from_secs(1))).await;
    let mut link = ann.connect(way).unwrap();
    while ann.status().await.unwrap().events.0 < 100 {
        timeout(PATIENCE, link.changed()).await.unwrap().unwrap();
    }
    assert_eq!(ann.state_hash().await.unwrap(), bob.state_hash().await.unwrap());
    link.end().await.unwrap();
    hub.shut_down().await.unwrap();
}

/// Longer than any time-out would be on a fast way, and with more on its way than 4 kB/s carry in
/// that time.
#[tokio::test]
async fn at_4_kilobytes_a_second_one_session_is_enough() {
    let hub = Hub::builder().in_memory().unwrap().serve("127.0.0.1:0").await.unwrap();
    let way = slow_way(&hub.url(), 4_000, None).await;
    let ann = replica_with("ann", 100).await;
    let report = timeout(PATIENCE, ann.sync_once(way)).await.unwrap().unwrap();
    assert_eq!(report.pushed, 100);
    assert!(report.bytes_pushed > 200_000, "{report:?}");
    hub.shut_down().await.unwrap();
}

#[tokio::test]
async fn on_a_way_that_is_cut_again_and_again_a_link_gets_on() {
    gets_on(replica_with("ann", 50).await, replica_with("bob", 50).await).await;
}

/// A block arrives whole or not at all.
#[tokio::test]
async fn what_was_written_at_the_same_moment_gets_on_too() {
    gets_on(replica_with_at_once("ann", 50).await, replica_with_at_once("bob", 50).await).await;
}

async fn gets_on(ann: Replica, bob: Replica) {
    let hub = Hub::builder().in_memory().unwrap().serve("127.0.0.1:0").await.unwrap();
    bob.sync_once(hub.url()).await.unwrap();
    let way = slow_way(&hub.url(), 16_000, Some(Duration::from_secs(4))).await;
    let mut link = ann.connect(way).unwrap();
    let live = |status: &synckit::replica::LinkStatus| status.state == LinkState::Live;
    timeout(PATIENCE, link.wait_for(live)).await.unwrap();
    while ann.status().await.unwrap().events.0 < 100 || ann.pending().await.unwrap() > 0 {
        timeout(PATIENCE, link.changed()).await.unwrap().unwrap();
    }
    bob.sync_once(hub.url()).await.unwrap();
    assert_eq!(ann.state_hash().await.unwrap(), bob.state_hash().await.unwrap());
    link.end().await.unwrap();
    hub.shut_down().await.unwrap();
}
