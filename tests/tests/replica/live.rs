//! Links that stay: what happens at one replica shows at the others.

use std::time::Duration;

use synckit::replica::LinkState;
use synckit::transport::TransportErrorKind;
use synckit::{ErrorKind, Hub};
use tokio::task::JoinSet;

use super::support::{Note, hub, note, read, replica, way_to};

#[tokio::test]
async fn what_one_replica_writes_a_watcher_at_another_sees() {
    let (_hub, way) = hub();
    let (ann, bob) = (replica().await, replica().await);
    let (_anns, _bobs) = (ann.connect(way.clone()).unwrap(), bob.connect(way).unwrap());
    let mut watch = bob.watch(&note("n")).unwrap();
    ann.edit(&note("n"), |it| it.title.set("one")).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().title, "one");
    ann.edit(&note("n"), |it| it.title.set("two")).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().title, "two");
    bob.edit(&note("n"), |it| it.title.set("three")).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().title, "three");
}

#[tokio::test]
async fn a_link_over_grpc_outlives_a_restart_of_the_hub() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.redb");
    let hub = Hub::builder().open(&path).await.unwrap().serve("127.0.0.1:0").await.unwrap();
    let address = hub.address().to_string();
    let (ann, bob) = (replica().await, replica().await);
    let mut anns = ann.connect(hub.url()).unwrap();
    let _bobs = bob.connect(hub.url()).unwrap();
    anns.wait_for(|status| status.state == LinkState::Live).await;
    hub.shut_down().await.unwrap();
    anns.wait_for(|status| matches!(status.state, LinkState::Waiting { .. })).await;

    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    let hub = Hub::builder().open(&path).await.unwrap().serve(&address).await.unwrap();
    let mut watch = bob.watch(&note("n")).unwrap();
    let seen = tokio::time::timeout(Duration::from_secs(60), watch.next()).await.unwrap();
    assert_eq!(seen.unwrap().unwrap().visits, 1);
    anns.end().await.unwrap();
    hub.shut_down().await.unwrap();
}

#[tokio::test]
async fn one_sync_at_a_time_with_one_peer() {
    let (_hub, way) = hub();
    let ann = replica().await;
    let mut link = ann.connect(way.clone()).unwrap();
    link.wait_for(|status| status.state == LinkState::Live).await;
    assert!(matches!(ann.sync_once(way.clone()).await.unwrap_err().kind(), ErrorKind::Busy));
    link.end().await.unwrap();
    ann.sync_once(way).await.unwrap();
}

#[tokio::test]
async fn a_link_that_is_dropped_ends() {
    let (hub, way) = hub();
    let ann = replica().await;
    let mut link = ann.connect(way.clone()).unwrap();
    link.wait_for(|status| status.state == LinkState::Live).await;
    assert_eq!(hub.sessions(), 1);
    drop(link);
    while hub.sessions() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_hub_that_is_not_there_or_not_one_is_named() {
    let ann = replica().await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = ann.sync_once(format!("http://{free}")).await.unwrap_err();
    assert_eq!(*gone.kind(), ErrorKind::Transport(TransportErrorKind::Unreachable), "{gone}");
    assert!(gone.is_retryable());
    let wrong = ann.sync_once("hub:7700").await.unwrap_err();
    let expected = matches!(wrong.kind(), ErrorKind::Transport(TransportErrorKind::Address { .. }));
    assert!(expected, "{wrong}");
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let error = Hub::builder().in_memory().unwrap().serve(&address).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Listen);
    assert!(error.to_string().contains(&address), "{error}");
}

#[tokio::test]
async fn a_hub_with_no_place_left_says_so_and_takes_the_next_later() {
    let hub = Hub::builder().sessions_max(1).in_memory().unwrap();
    let running = hub.serve("127.0.0.1:0").await.unwrap();
    let (ann, bob) = (replica().await, replica().await);
    let mut link = ann.connect(running.url()).unwrap();
    link.wait_for(|status| status.state == LinkState::Live).await;
    let error = bob.sync_once(running.url()).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    link.end().await.unwrap();
    bob.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    while bob.sync_once(running.url()).await.is_err() {}
    assert_eq!(read(&bob, &note("n")).await, Note { visits: 1, ..Note::default() });
    running.shut_down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_take_turns_when_there_is_memory_for_one_frame() {
    let hub = Hub::builder().uncommitted_bytes_max(64 * 1_024).in_memory().unwrap();
    let way = way_to(&hub);
    let last = replica().await;
    let mut link = last.connect(way.clone()).unwrap();
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let way = way.clone();
        writers.spawn(async move {
            let replica = replica().await;
            let id = note(&format!("n{writer}"));
            // Many frames: one holds 128 KiB.
            for _ in 0..8 {
                let tags = (0..100).map(|n| format!("{n} {}", "x".repeat(1_000)));
                replica.edit(&id, |it| tags.for_each(|tag| it.tags.insert(tag))).await.unwrap();
                replica.edit(&id, |it| it.visits.add(1)).await.unwrap();
            }
            replica.sync_once(way).await.unwrap();
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    for writer in 0..8 {
        let mut watch = last.watch(&note(&format!("n{writer}"))).unwrap();
        while watch.next().await.unwrap().unwrap().visits < 8 {}
    }
    link.wait_for(|status| status.state == LinkState::Live).await;
    link.end().await.unwrap();
}
