//! Measures how long a replica and a hub take to exchange what both of them have over a slow connection that
//! is cut every 20 s, beside the time that the bytes alone would take, over gRPC on loopback.
//!
//! `cargo bench -p synckit --bench slow`
//!
//! The connection passes so many bytes a second in each direction, headers of HTTP/2 and what is lost in a cut
//! included. Each side begins with the same number of bytes of events of its own. The ratio is the time until
//! both hold everything, and know it, over the bytes of events of one side at that rate: it is what to quote.
//! It hardly depends on the machine.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark"
)]

use std::time::Duration;

use synckit::{Hub, Id, Replica, registry, sync_aggregate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until, timeout};

const CUT_EVERY: Duration = Duration::from_secs(20);
/// Bytes of the text that one edit sets.
const TEXT_BYTES: usize = 600;
/// Bytes a second, and bytes of events of each side.
const WAYS: [(u32, usize); 2] = [(12_000, 1_800_000), (4_000, 300_000)];

#[sync_aggregate(name = "report")]
#[derive(Clone, Debug, Default, PartialEq)]
struct Report {
    #[merge(lww)]
    text: String,
}

#[tokio::main]
async fn main() {
    println!(
        "{:>12} {:>14} {:>10} {:>10} {:>7}",
        "bytes/s", "bytes a side", "alone, s", "took, s", "ratio"
    );
    let rows = WAYS.map(|(rate, bytes)| tokio::spawn(exchange(rate, bytes)));
    for ((rate, _), row) in WAYS.into_iter().zip(rows) {
        let (bytes, took) = row.await.unwrap();
        let alone = bytes as f64 / f64::from(rate);
        let ratio = took.as_secs_f64() / alone;
        println!("{rate:>12} {bytes:>14} {alone:>10.1} {:>10.1} {ratio:>7.2}", took.as_secs_f64());
    }
}

/// The bytes of events of one side, and the time that it takes.
async fn exchange(rate: u32, bytes: usize) -> (u64, Duration) {
    let hub = Hub::builder().in_memory().unwrap().serve("127.0.0.1:0").await.unwrap();
    let (ann, bob) = (replica("ann", bytes).await, replica("bob", bytes).await);
    let of_one = bob.sync_once(hub.url()).await.unwrap().bytes_pushed;
    let all = 2 * ann.status().await.unwrap().events.0;
    let way = slow_way(&hub.url(), rate).await;
    let begun = Instant::now();
    let mut link = ann.connect(way).unwrap();
    while ann.status().await.unwrap().events.0 < all || ann.pending().await.unwrap() > 0 {
        let _ = timeout(Duration::from_millis(100), link.changed()).await;
    }
    let took = begun.elapsed();
    link.end().await.unwrap();
    bob.sync_once(hub.url()).await.unwrap();
    assert_eq!(ann.state_hash().await.unwrap(), bob.state_hash().await.unwrap());
    hub.shut_down().await.unwrap();
    (of_one, took)
}

async fn replica(name: &str, bytes: usize) -> Replica {
    let replica = Replica::builder().registry(registry![Report]).in_memory().await.unwrap();
    for number in 0..bytes / (TEXT_BYTES + 100) {
        let id = Id::<Report>::named(&format!("{name} {number}")).unwrap();
        replica.edit(&id, |it| it.text.set("x".repeat(TEXT_BYTES))).await.unwrap();
    }
    replica
}

/// The address of a way to a hub, of so many bytes a second in each direction.
async fn slow_way(hub: &str, bytes_per_second: u32) -> String {
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
            tokio::spawn(timeout(CUT_EVERY, both));
        }
    });
    address
}

/// Passes bytes on, not faster than this.
async fn trickle(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, bytes_per_second: u32) {
    let (mut buffer, mut free) = ([0; 1_024], Instant::now());
    loop {
        let Ok(count @ 1..) = from.read(&mut buffer).await else { return };
        free = free.max(Instant::now()) + Duration::from_secs(count as u64) / bytes_per_second;
        sleep_until(free).await;
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
