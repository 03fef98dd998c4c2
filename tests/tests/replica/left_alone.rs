//! Futures that were begun and are not polled any more, as `select!` leaves them: whatever they wait for, nobody else
//! waits for them.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use synckit::id::Position;
use synckit::transport::ChannelTransport;
use synckit::{Error, Replica};
use tokio::time::timeout;

use super::support::{Note, hub, note, replica_in};

type Doing<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

/// Begins one of the things that can be done with a replica; `None` behind the last.
fn doing<'a>(of: usize, ann: &'a Replica, hub: &ChannelTransport) -> Option<Doing<'a>> {
    let hub = hub.clone();
    Some(match of {
        0 => Box::pin(async { ann.edit(&note("other"), |it| it.visits.add(1)).await.map(drop) }),
        1 => Box::pin(async move { ann.sync_once(hub).await.map(drop) }),
        2 => Box::pin(async { ann.get(&note("n")).await.map(drop) }),
        3 => Box::pin(async { ann.list::<Note>(None, 9).await.map(drop) }),
        4 => Box::pin(async { ann.history(&note("n"), Position::START).await.map(drop) }),
        5 => Box::pin(async { ann.status().await.map(drop) }),
        6 => Box::pin(async { ann.peers().await.map(drop) }),
        7 => Box::pin(async { ann.parked(Position::START).await.map(drop) }),
        8 => Box::pin(async { ann.checkpoint().await }),
        9 => Box::pin(async { ann.state_hash().await.map(drop) }),
        _ => return None,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_future_that_nobody_polls_any_more_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let (_hub, way) = hub();
    let ann = replica_in(folder.path(), "ann").await;
    let bob = replica_in(folder.path(), "bob").await;
    for number in 0..50 {
        bob.edit(&note(&format!("{number}")), |it| it.visits.add(1)).await.unwrap();
    }
    bob.sync_once(way.clone()).await.unwrap();
    let soon = Duration::from_secs(20);
    for micros in [0, 50, 100, 200, 400, 800, 1_600, 3_200] {
        let mut left = Vec::new();
        for of in 0.. {
            let Some(mut begun) = doing(of, &ann, &way) else { break };
            // Others edit meanwhile, on other threads.
            let editing: Vec<_> = (0..8)
                .map(|_| {
                    let ann = ann.clone();
                    tokio::spawn(async move { ann.edit(&note("n"), |it| it.visits.add(1)).await })
                })
                .collect();
            let _ = timeout(Duration::from_micros(micros), &mut begun).await;
            left.push(begun);
            for editing in editing {
                let edited = timeout(soon, editing).await;
                edited.unwrap_or_else(|_| panic!("{of}, left after {micros} µs")).unwrap().unwrap();
            }
        }
        bob.edit(&note("m"), |it| it.visits.add(1)).await.unwrap();
        bob.sync_once(way.clone()).await.unwrap();
        drop(left);
        let synced = timeout(soon, ann.sync_once(way.clone())).await;
        synced.unwrap_or_else(|_| panic!("{micros} µs")).unwrap();
    }
    ann.close().await.unwrap();
}
