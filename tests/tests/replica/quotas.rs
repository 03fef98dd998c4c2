//! Quotas: the share of a hub that one replica, one holder of credentials and one space may use.

use std::time::Duration;

use synckit::hub::{Quotas, Rights};
use synckit::replica::{LinkState, LinkStatus};
use synckit::sync::{Direction, SessionError};
use synckit::transport::ChannelTransport;
use synckit::{Error, ErrorKind, Hub, Replica};

use super::support::{note, read, replica, tokens, way_to};

const LIMITED: &str = "session.limited";

fn hub_with(change: impl FnOnce(&mut Quotas)) -> (Hub, ChannelTransport) {
    let hub = Hub::builder().quotas(Quotas::with(change)).in_memory().unwrap();
    let way = way_to(&hub);
    (hub, way)
}

async fn visits(replica: &Replica, count: u64) {
    for _ in 0..count {
        replica.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    }
}

/// The limit that a replica is told of, and when it may come again.
fn limited(error: &Error) -> (String, Duration) {
    assert!(error.is_retryable() && error.code() == LIMITED, "{error}");
    let ErrorKind::Session(SessionError::Limited { message, retry_after }) = error.kind() else {
        panic!("{error}")
    };
    assert_eq!(error.retry_after(), Some(*retry_after));
    (message.clone(), *retry_after)
}

fn refusals(hub: &Hub) -> Option<u64> {
    hub.metrics().number("synckit_refusals_total", &[LIMITED])
}

#[tokio::test(start_paused = true)]
async fn who_sends_too_many_events_waits_and_loses_nothing() {
    let (hub, way) = hub_with(|quotas| quotas.events_per_minute_max = Some(60));
    let (ann, bob) = (replica().await, replica().await);
    visits(&ann, 90).await;
    ann.sync_once(way.clone()).await.unwrap();
    visits(&ann, 5).await;
    let error = ann.sync_once(way.clone()).await.unwrap_err();
    let (message, retry_after) = limited(&error);
    assert!(message.contains("60 events a minute of one replica"), "{message}");
    assert!(retry_after <= Duration::from_secs(61), "{retry_after:?}");
    assert_eq!((ann.pending().await.unwrap(), refusals(&hub)), (5, Some(1)));

    // Others are not held up, and reading costs nothing.
    visits(&bob, 1).await;
    bob.sync_once(way.clone()).await.unwrap();
    assert_eq!(read(&bob, &note("n")).await.visits, 91);

    tokio::time::sleep(retry_after).await;
    ann.sync_once(way.clone()).await.unwrap();
    bob.sync_once(way).await.unwrap();
    assert_eq!(read(&bob, &note("n")).await.visits, 96);
    assert_eq!(read(&ann, &note("n")).await.visits, 96);
}

#[tokio::test(start_paused = true)]
async fn bytes_are_counted_beside_events() {
    let (_hub, way) = hub_with(|quotas| quotas.bytes_per_minute_max = Some(2_000));
    let ann = replica().await;
    ann.edit(&note("n"), |it| it.title.set("x".repeat(4_000))).await.unwrap();
    ann.sync_once(way.clone()).await.unwrap();
    visits(&ann, 1).await;
    let (message, _) = limited(&ann.sync_once(way).await.unwrap_err());
    assert!(message.contains("2000 bytes a minute of one replica"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_link_waits_for_as_long_as_it_is_told_and_goes_on_by_itself() {
    let (_hub, way) = hub_with(|quotas| quotas.events_per_minute_max = Some(60));
    let ann = replica().await;
    visits(&ann, 300).await;
    ann.sync_once(way.clone()).await.unwrap();
    visits(&ann, 1).await;
    let mut link = ann.connect(way.named("again")).unwrap();
    let waits = |status: &LinkStatus| matches!(status.state, LinkState::Waiting { .. });
    let status = link.wait_for(waits).await;
    let LinkState::Waiting { pause, failures } = status.state else { panic!("{status:?}") };
    // 300 events are taken at once, and 270 of them have to be paid for.
    assert!(pause >= Duration::from_secs(240), "{pause:?}");
    assert_eq!((failures, status.trouble.unwrap().code), (1, LIMITED));
    link.wait_for(|status| status.state == LinkState::Live).await;
    ann.flush(synckit::replica::Reach::Hub).await.unwrap();
    assert_eq!(link.status().sessions, 2, "it came when it was asked to, and not before");
}

#[tokio::test(start_paused = true)]
async fn a_replica_has_so_many_sessions_and_others_have_theirs() {
    let (hub, way) = hub_with(|quotas| quotas.sessions_per_replica_max = Some(2));
    let (ann, bob) = (replica().await, replica().await);
    let live = |status: &LinkStatus| status.state == LinkState::Live;
    let mut links = ["one", "two"].map(|name| ann.connect(way.clone().named(name)).unwrap());
    for link in &mut links {
        link.wait_for(live).await;
    }
    // A sync with nothing to exchange may be over before the hub says so; a link meets it.
    let mut third = ann.connect(way.clone().named("three")).unwrap();
    let waits = |status: &LinkStatus| matches!(status.state, LinkState::Waiting { .. });
    let trouble = third.wait_for(waits).await.trouble.unwrap();
    assert_eq!(trouble.code, LIMITED);
    assert!(trouble.error.contains("2 sessions of one replica"), "{}", trouble.error);
    drop(third);
    bob.sync_once(way.clone()).await.unwrap();
    let [first, _second] = links;
    drop(first);
    while hub.sessions() > 1 {
        tokio::task::yield_now().await;
    }
    ann.sync_once(way).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn credentials_bring_so_many_new_replicas_a_minute() {
    let (list, tokens) = tokens([("office", Rights::ReadWrite), ("shop", Rights::ReadWrite)]);
    let quotas = Quotas::with(|quotas| quotas.new_replicas_per_minute_max = Some(2));
    let hub = Hub::builder().authorizer(list).quotas(quotas).in_memory().unwrap();
    let way = way_to(&hub);
    let [office, shop] = tokens.map(|token| way.clone().credentials(token.secret));
    let (ann, bob, carol) = (replica().await, replica().await, replica().await);
    for replica in [&ann, &bob] {
        visits(replica, 1).await;
        replica.sync_once(office.clone()).await.unwrap();
    }
    let (message, retry_after) = limited(&carol.sync_once(office.clone()).await.unwrap_err());
    assert!(message.contains("2 new replicas a minute"), "{message}");
    for _ in 0..3 {
        ann.sync_once(office.clone()).await.unwrap();
    }
    carol.sync_once(shop).await.unwrap();
    let dave = replica().await;
    tokio::time::sleep(retry_after).await;
    dave.sync_once(office).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_full_space_is_read_on_and_keeps_out_what_more_is_written() {
    let (hub, way) = hub_with(|quotas| quotas.space_events_max = Some(10));
    let (ann, bob) = (replica().await, replica().await);
    visits(&ann, 12).await;
    ann.sync_once(way.clone()).await.unwrap();
    let mut link = bob.connect(way.clone().named("bob's")).unwrap();
    link.wait_for(|status| status.state == LinkState::Live).await;
    assert_eq!(read(&bob, &note("n")).await.visits, 12);
    // Whoever came when it was full already is a reader.
    visits(&bob, 3).await;
    let report = bob.sync_once(way.clone()).await.unwrap();
    assert_eq!((report.pushed, bob.pending().await.unwrap()), (0, 3));
    let push = synckit::replica::SyncOptions::new().direction(Direction::Push);
    let _nothing = bob.sync_once_with(way, push).await;
    assert_eq!(bob.pending().await.unwrap(), 3);
    let space = synckit::id::SpaceId::default();
    assert_eq!(hub.store().head(&space).await.unwrap().0, 12);
}

#[tokio::test(start_paused = true)]
async fn a_space_has_so_many_bytes() {
    let (hub, way) = hub_with(|quotas| quotas.space_bytes_max = Some(2_500));
    let (ann, bob) = (replica().await, replica().await);
    let mut link = ann.connect(way.clone().named("ann's")).unwrap();
    let live = |status: &LinkStatus| status.state == LinkState::Live;
    link.wait_for(live).await;
    for title in ["a", "b", "c"] {
        ann.edit(&note("n"), |it| it.title.set(title.repeat(900))).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(ann.pending().await.unwrap(), 0, "what begins below the limit is taken whole");
    ann.edit(&note("n"), |it| it.title.set("d")).await.unwrap();
    let trouble = link.wait_for(|status| status.trouble.is_some()).await.trouble.unwrap();
    assert!(trouble.error.contains("2500 bytes in this space"), "{}", trouble.error);
    link.wait_for(live).await;
    assert_eq!(ann.pending().await.unwrap(), 1);
    // It can be read.
    assert_eq!(bob.sync_once(way).await.unwrap().pulled, 3);
    let space = hub.store().space(&synckit::id::SpaceId::default()).await.unwrap().unwrap();
    assert!((2_700..3_600).contains(&space.bytes), "{}", space.bytes);
}

#[tokio::test(start_paused = true)]
async fn who_is_live_when_a_space_becomes_full_is_told_and_stays_a_reader() {
    let (_hub, way) = hub_with(|quotas| quotas.space_events_max = Some(3));
    let (ann, bob) = (replica().await, replica().await);
    let mut link = ann.connect(way.clone().named("ann's")).unwrap();
    let live = |status: &LinkStatus| status.state == LinkState::Live;
    link.wait_for(live).await;
    visits(&bob, 3).await;
    bob.sync_once(way).await.unwrap();
    visits(&ann, 1).await;
    let trouble = link.wait_for(|status| status.trouble.is_some()).await.trouble.unwrap();
    assert_eq!(trouble.code, LIMITED);
    assert!(trouble.error.contains("3 events in this space"), "{}", trouble.error);
    link.wait_for(live).await;
    assert_eq!((read(&ann, &note("n")).await.visits, ann.pending().await.unwrap()), (4, 1));
}

#[tokio::test(start_paused = true)]
async fn a_space_has_so_many_replicas() {
    let (_hub, way) = hub_with(|quotas| quotas.space_replicas_max = Some(1));
    let (ann, bob) = (replica().await, replica().await);
    visits(&ann, 1).await;
    ann.sync_once(way.clone()).await.unwrap();
    visits(&bob, 1).await;
    let (message, _) = limited(&bob.sync_once(way.clone()).await.unwrap_err());
    assert!(message.contains("1 replicas in this space"), "{message}");
    assert_eq!(bob.peers().await.unwrap(), [], "nothing was told");
    visits(&ann, 1).await;
    assert_eq!(ann.sync_once(way).await.unwrap().pushed, 1);
}
