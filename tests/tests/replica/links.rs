//! Settings of syncs and links: directions, deadlines, rhythms, pauses.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use synckit::replica::{LinkOptions, LinkState, ReplicaEvent, Rhythm, SyncOptions};
use synckit::sync::Direction;
use synckit::transport::{
    ChannelTransport, Connection, Transport, TransportError, TransportErrorKind,
};
use synckit::{ErrorKind, Hub};

use super::support::{hub, note, read, replica};

const HOUR: Duration = Duration::from_secs(3_600);

/// A way on which nobody ever answers.
#[derive(Debug)]
struct Silence;

#[async_trait]
impl Transport for Silence {
    fn address(&self) -> &str {
        "silence"
    }

    async fn connect(&self) -> Result<Connection, TransportError> {
        std::future::pending().await
    }
}

/// A way that is cut, or not; counts the attempts to go it.
#[derive(Clone, Debug)]
struct Way {
    hub: ChannelTransport,
    open: Arc<std::sync::atomic::AtomicBool>,
    attempts: Arc<AtomicU64>,
}

impl Way {
    fn to(hub: &ChannelTransport, open: bool) -> Self {
        Self { hub: hub.clone(), open: Arc::new(open.into()), attempts: Arc::default() }
    }

    fn attempts(&self) -> u64 {
        self.attempts.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Transport for Way {
    fn address(&self) -> &str {
        "way"
    }

    async fn connect(&self) -> Result<Connection, TransportError> {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        if self.open.load(Ordering::Relaxed) {
            return self.hub.connect().await;
        }
        Err(TransportError::new("go the way", TransportErrorKind::Unreachable))
    }
}

#[tokio::test]
async fn one_direction_moves_nothing_in_the_other() {
    let (_hub, way) = hub();
    let (ann, bob) = (replica().await, replica().await);
    ann.edit(&note("anns"), |it| it.visits.add(1)).await.unwrap();
    bob.edit(&note("bobs"), |it| it.visits.add(1)).await.unwrap();
    bob.sync_once(way.clone()).await.unwrap();

    let only = |direction| SyncOptions::new().direction(direction);
    let pulled = ann.sync_once_with(way.clone(), only(Direction::Pull)).await.unwrap();
    assert_eq!((pulled.pushed, pulled.pulled), (0, 1));
    assert_eq!(bob.sync_once(way.clone()).await.unwrap().pulled, 0, "nothing of ann's is there");
    bob.edit(&note("bobs"), |it| it.visits.add(1)).await.unwrap();
    bob.sync_once(way.clone()).await.unwrap();
    let pushed = ann.sync_once_with(way.clone(), only(Direction::Push)).await.unwrap();
    assert_eq!((pushed.pushed, pushed.pulled), (1, 0));
    assert_eq!(read(&ann, &note("bobs")).await.visits, 1);
    let both = ann.sync_once(way).await.unwrap();
    assert_eq!((both.pushed, both.pulled), (0, 1));
    assert_eq!(read(&ann, &note("bobs")).await.visits, 2);
}

#[tokio::test]
async fn a_live_link_in_one_direction_moves_nothing_in_the_other() {
    let (_hub, way) = hub();
    let (ann, bob) = (replica().await, replica().await);
    let pull = LinkOptions::new().direction(Direction::Pull);
    let _anns = ann.connect_with(way.clone(), pull).unwrap();
    let mut watch = ann.watch(&note("n")).unwrap();
    ann.edit(&note("n"), |it| it.tags.insert("ann's")).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().visits, 0);
    bob.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    bob.sync_once(way.clone()).await.unwrap();
    while watch.next().await.unwrap().unwrap().visits == 0 {}
    assert_eq!(bob.sync_once(way).await.unwrap().pulled, 0);
}

#[tokio::test(start_paused = true)]
async fn a_sync_ends_at_its_deadline_and_the_next_goes_on() {
    let (_hub, way) = hub();
    let ann = replica().await;
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    let soon = SyncOptions::new().within(Duration::from_secs(3));
    let mut events = ann.events();
    let late = ann.sync_once_with(Silence, soon.clone()).await.unwrap_err();
    let told = events.next().await;
    let Some(ReplicaEvent::SessionEnded { trouble: Some(trouble), .. }) = told else {
        panic!("{told:?}")
    };
    assert_eq!(trouble.code, late.code());
    let limit = Duration::from_secs(3);
    assert_eq!(*late.kind(), ErrorKind::DeadlinePassed { limit }, "{late}");
    assert!(late.is_retryable());
    assert_eq!(late.code(), "sync.deadline_passed");
    let again = ann.sync_once_with(Silence, soon.clone()).await.unwrap_err();
    assert_eq!(*again.kind(), ErrorKind::DeadlinePassed { limit }, "the first has left the peer");
    assert_eq!(ann.sync_once_with(way, soon).await.unwrap().pushed, 1);
}

#[tokio::test(start_paused = true)]
async fn a_link_with_an_interval_connects_at_once_and_then_each_time() {
    let (hub, way) = hub();
    let (ann, bob) = (replica().await, replica().await);
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    let way = Way::to(&way, true);
    let hourly = LinkOptions::new().rhythm(Rhythm::Every(HOUR));
    let mut link = ann.connect_with(way.clone(), hourly).unwrap();
    let rests = |state: &LinkState| *state == LinkState::Idle { pause: Some(HOUR) };
    let first = link.wait_for(|status| rests(&status.state)).await;
    assert_eq!((first.sessions, first.last.unwrap().pushed), (1, 1));
    while hub.sessions() > 0 {
        tokio::task::yield_now().await;
    }

    bob.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    bob.sync_once(way.hub.clone()).await.unwrap();
    assert_eq!(read(&ann, &note("n")).await.visits, 1);
    let begun = tokio::time::Instant::now();
    let second = link.wait_for(|status| status.sessions == 2 && rests(&status.state)).await;
    assert!(begun.elapsed() >= HOUR - Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(second.last.unwrap().pulled, 1);
    assert_eq!(read(&ann, &note("n")).await.visits, 2);
    assert_eq!(way.attempts(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_link_on_demand_syncs_when_asked_and_never_else() {
    let (_hub, way) = hub();
    let ann = replica().await;
    let way = Way::to(&way, true);
    let on_demand = LinkOptions::new().rhythm(Rhythm::OnDemand);
    let link = ann.connect_with(way.clone(), on_demand).unwrap();
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    tokio::time::sleep(24 * HOUR).await;
    assert_eq!(way.attempts(), 0);

    let status = link.sync_now().await;
    assert_eq!((status.state, status.last.unwrap().pushed), (LinkState::Idle { pause: None }, 1));
    assert_eq!(status.trouble, None);

    way.open.store(false, Ordering::Relaxed);
    let trouble = link.sync_now().await.trouble.unwrap();
    assert_eq!((trouble.code, trouble.is_retryable), ("transport.unreachable", true));
    tokio::time::sleep(24 * HOUR).await;
    assert_eq!(way.attempts(), 2, "one for each call");
    way.open.store(true, Ordering::Relaxed);
    assert_eq!(link.sync_now().await.trouble, None);
}

#[tokio::test(start_paused = true)]
async fn a_paused_link_leaves_the_peer_until_it_is_resumed() {
    let (hub, way) = hub();
    let (ann, bob) = (replica().await, replica().await);
    let mut link = ann.connect(way.clone()).unwrap();
    link.wait_for(|status| status.state == LinkState::Live).await;
    link.pause();
    link.wait_for(|status| status.state == LinkState::Paused).await;
    while hub.sessions() > 0 {
        tokio::task::yield_now().await;
    }
    bob.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    bob.sync_once(way).await.unwrap();
    tokio::time::sleep(24 * HOUR).await;
    assert_eq!(ann.get(&note("n")).await.unwrap(), None);
    assert_eq!(link.status().state, LinkState::Paused);

    // What is asked for meanwhile waits for the end of the pause.
    {
        let asked = link.sync_now();
        tokio::pin!(asked);
        assert!(tokio::time::timeout(HOUR, &mut asked).await.is_err());
        link.resume();
        assert_eq!(asked.await.state, LinkState::Live);
    }
    assert_eq!(read(&ann, &note("n")).await.visits, 1);
    link.pause();
    link.end().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_day_without_a_network_costs_few_attempts_and_a_word_ends_the_wait() {
    let (_hub, way) = hub();
    let (ann, bob) = (replica().await, replica().await);
    let way = Way::to(&way, false);
    let patient = LinkOptions::new().backoff(Duration::from_secs(1), HOUR);
    let mut link = ann.connect_with(way.clone(), patient).unwrap();
    tokio::time::sleep(24 * HOUR).await;
    let attempts = way.attempts();
    assert!((30..=72).contains(&attempts), "{attempts}: half an hour to an hour each, in the end");
    let status = link.status();
    let trouble = status.trouble.unwrap();
    assert_eq!(trouble.code, "transport.unreachable");
    assert!(matches!(status.state, LinkState::Waiting { .. }), "{:?}", status.state);

    way.open.store(true, Ordering::Relaxed);
    let asked = tokio::time::Instant::now();
    assert_eq!(link.sync_now().await.state, LinkState::Live);
    assert!(asked.elapsed() < Duration::from_secs(1));
    assert_eq!(way.attempts(), attempts + 1);

    // A link that syncs now and then does not wait longer for a network than for its turn.
    let shut = Way::to(&way.hub, false);
    let options = LinkOptions::new().rhythm(Rhythm::Every(HOUR / 60)).backoff(HOUR, HOUR);
    let _bobs = bob.connect_with(shut.clone(), options).unwrap();
    tokio::time::sleep(HOUR).await;
    assert!((59..=61).contains(&shut.attempts()), "{}", shut.attempts());
    link.wait_for(|status| status.state == LinkState::Live).await;
}

#[tokio::test]
async fn a_link_tells_its_changes_one_after_the_other() {
    let (_hub, way) = hub();
    let ann = replica().await;
    let mut link = ann.connect(way).unwrap();
    let mut states = vec![link.status().state];
    while *states.last().unwrap() != LinkState::Live {
        states.push(link.changed().await.unwrap().state);
    }
    assert_eq!(states[0], LinkState::Connecting);
    link.pause();
    while link.changed().await.unwrap().state != LinkState::Paused {}
}

#[tokio::test]
async fn one_replica_syncs_with_several_peers_at_once() {
    let ((_one, first), (_two, second)) = (hub(), hub());
    let (ann, bob, carol) = (replica().await, replica().await, replica().await);
    let _links = (
        ann.connect(first.clone().named("first")).unwrap(),
        ann.connect(second.clone().named("second")).unwrap(),
        bob.connect(first).unwrap(),
        carol.connect(second).unwrap(),
    );
    let mut watch = carol.watch(&note("n")).unwrap();
    bob.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    while watch.next().await.unwrap().is_none() {}
    assert_eq!(read(&carol, &note("n")).await.visits, 1, "ann carries it from hub to hub");
}

#[tokio::test]
async fn two_replicas_sync_without_a_hub_between_them() {
    let (ann, bob) = (replica().await, replica().await);
    // A replica serves others by a hub over its own store.
    let anns = Hub::builder().over(Arc::new(ann.store().share().unwrap()));
    let running = anns.serve("127.0.0.1:0").await.unwrap();
    let mut watch = ann.watch(&note("n")).unwrap();
    let _link = bob.connect(running.url()).unwrap();
    bob.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    while watch.next().await.unwrap().is_none() {}
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    let mut watch = bob.watch(&note("n")).unwrap();
    while watch.next().await.unwrap().unwrap().visits < 2 {}
    running.shut_down().await.unwrap();
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
}
