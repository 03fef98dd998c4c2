//! Accidents that every fleet has: nothing stays stuck, nothing is silently different.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use synckit::clock::UnixMillis;
use synckit::event::DecodeError;
use synckit::id::Position;
use synckit::replica::LinkState;
use synckit::store::EventStore;
use synckit::transport::channel;
use synckit::{
    Error, ErrorKind, Hub, Id, Lower, Replica, SyncEvent, WallClock, registry, sync_aggregate,
};

use super::support::{Note, hub, note, read, replica, replica_in, way_to};

const NOON: u64 = 1_780_000_000_000;
const MINUTE: u64 = 60_000;
const YEAR: u64 = 365 * 24 * 60 * MINUTE;

#[tokio::test(start_paused = true)]
async fn a_link_outlives_a_hub_that_is_away_and_says_what_is_wrong_meanwhile() {
    let time = settable(NOON);
    let (way, mut listener) = channel();
    let ann = with_clock(&time).await;
    ann.edit(&note("n"), |it| it.title.set("offline")).await.unwrap();
    let mut link = ann.connect(way).unwrap();
    for _ in 0..2 {
        drop(listener.accept().await.unwrap());
    }
    let troubled = link.wait_for(|status| status.trouble.is_some()).await;
    let trouble = troubled.trouble.clone().unwrap();
    assert!(trouble.is_retryable, "{}", trouble.error);
    assert_eq!((troubled.in_sync_at.get(), trouble.at.get()), (NOON, NOON));

    let hub = Hub::builder().in_memory().unwrap();
    tokio::spawn(async move { hub.serve_channel(listener).await });
    let live = link.wait_for(|status| status.progress.caught_up).await;
    assert_eq!((live.state, live.trouble), (LinkState::Live, None));
}

#[tokio::test(start_paused = true)]
async fn a_link_does_not_wait_for_clocks_that_differ() {
    let (hub_time, time) = (settable(1_000), settable(NOON + 10 * MINUTE));
    let hub = Hub::builder().wall_clock(clock(&hub_time)).in_memory().unwrap();
    let ann = with_clock(&time).await;
    ann.edit(&note("n"), |it| it.title.set("ten minutes fast")).await.unwrap();
    let mut link = ann.connect(way_to(&hub)).unwrap();
    let live = link.wait_for(|status| status.progress.caught_up).await;
    assert_eq!((live.sessions, live.trouble), (1, None));
}

#[tokio::test]
async fn a_clock_that_was_years_ahead_keeps_nobody_from_editing_once_it_is_right() {
    let time = settable(NOON + 10 * YEAR);
    let ann = with_clock(&time).await;
    ann.edit(&note("odd"), |it| it.title.set("while the clock was wrong")).await.unwrap();
    time.store(NOON, Ordering::SeqCst);
    ann.edit(&note("other"), |it| it.title.set("clock is right")).await.unwrap();
    ann.edit(&note("odd"), |it| it.title.set("mended")).await.unwrap();
    assert_eq!(read(&ann, &note("odd")).await.title, "mended");
}

#[tokio::test]
async fn a_replica_whose_clock_is_slow_edits_what_it_sees() {
    let (right, slow) = (settable(NOON), settable(NOON - 6 * MINUTE));
    let hub = Hub::builder().wall_clock(clock(&right)).in_memory().unwrap();
    let (ann, bob) = (with_clock(&right).await, with_clock(&slow).await);
    ann.edit(&note("n"), |it| it.title.set("just now")).await.unwrap();
    for replica in [&ann, &bob] {
        replica.sync_once(way_to(&hub)).await.unwrap();
    }
    bob.edit(&note("n"), |it| it.title.set("a reply")).await.unwrap();
    for replica in [&bob, &ann] {
        replica.sync_once(way_to(&hub)).await.unwrap();
    }
    assert_eq!(read(&ann, &note("n")).await.title, "a reply");
}

#[tokio::test]
async fn a_watch_that_is_cancelled_while_it_reads_shows_the_value_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let ann = replica_in(folder.path(), "ann").await;
    ann.edit(&note("n"), |it| it.title.set("stored")).await.unwrap();
    ann.close().await.unwrap();
    let ann = replica_in(folder.path(), "ann").await;
    let mut watch = ann.watch(&note("n")).unwrap();
    // The store may be so quick that nothing is cancelled.
    let first = match poll_once(watch.next()).await {
        Some(first) => first,
        None => watch.next().await,
    };
    assert_eq!(first.unwrap().unwrap().title, "stored");
    // Nothing has changed since: there is nothing to show.
    assert!(poll_once(watch.next()).await.is_none());
}

#[tokio::test]
async fn after_closing_every_handle_says_closed() {
    let ann = replica().await;
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    let other = ann.clone();
    let mut watch = other.watch(&note("n")).unwrap();
    watch.next().await.unwrap();
    ann.close().await.unwrap();
    assert_closed(watch.next().await);
    assert_closed(other.watch(&note("n")));
    assert_closed(other.get(&note("n")).await);
    assert_closed(other.list::<Note>(None, 10).await);
    assert_closed(other.edit(&note("n"), |it| it.visits.add(1)).await);
    assert_closed(other.create(&Note::default()).await);
    assert_closed(other.all_conflicts(None, 4_096).await);
    assert_closed(other.parked(Position::START).await);
    assert_closed(other.state_hash().await);
    assert_closed(other.status().await);
    assert_closed(other.checkpoint().await);
    let (_hub, way) = hub();
    assert_closed(other.connect(way.clone()));
    assert_closed(other.sync_once(way).await);
    assert_closed(other.close().await);
}

#[tokio::test]
async fn a_type_that_is_not_in_the_registry_is_an_error_that_names_it() {
    let blank = Replica::builder().registry(registry![]).in_memory().await.unwrap();
    assert_unregistered(blank.create(&Note::default()).await);
    assert_unregistered(blank.edit(&note("n"), |it| it.visits.add(1)).await);
    assert_unregistered(blank.get(&note("n")).await);
    assert_unregistered(blank.list::<Note>(None, 10).await);
    assert_unregistered(blank.watch(&note("n")));
    assert_eq!(blank.status().await.unwrap().events, Position::START);
}

#[tokio::test]
async fn a_refused_edit_leaves_no_trace() {
    let (_hub, way) = hub();
    let (ann, bob) = (replica().await, replica().await);
    ann.edit(&note("m"), |it| it.title.set("m")).await.unwrap();
    for replica in [&ann, &bob] {
        replica.sync_once(way.clone()).await.unwrap();
    }
    let long = "x".repeat(200 * 1024);
    let refused = ann.edit(&note("a"), |it| (0..3).for_each(|_| it.title.set(long.clone()))).await;
    assert!(matches!(refused.unwrap_err().kind(), ErrorKind::EditTooLarge(_)));
    assert_eq!(ann.get(&note("a")).await.unwrap(), None);
    assert_eq!(ann.list::<Note>(None, 1).await.unwrap().len(), 1);
    assert_eq!(ann.state_hash().await.unwrap(), bob.state_hash().await.unwrap());
    ann.checkpoint().await.unwrap();
    assert_eq!(ann.state_hash().await.unwrap(), bob.state_hash().await.unwrap());
}

#[tokio::test]
async fn events_on_which_a_reader_panics_are_parked_there_and_stop_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (_hub, way) = hub();
    let (odd, other) = (job("odd"), job("other"));
    // One program has the overflow mended, the other has not.
    let ann = Replica::builder().registry(registry![sound::Job]).in_memory().await.unwrap();
    let ann_odd = Id::<sound::Job>::named("odd").unwrap();
    ann.edit(&ann_odd, |it| it.emit(Worked { hours: 1 })).await.unwrap();
    ann.edit(&ann_odd, |it| it.emit(Worked { hours: i64::MAX })).await.unwrap();
    ann.edit(&ann_odd, |it| it.emit(Worked { hours: 2 })).await.unwrap();
    ann.sync_once(way.clone()).await.unwrap();

    let path = folder.path().join("bob.redb");
    let open = || Replica::builder().registry(registry![Job]).open(path.clone());
    let bob = open().await.unwrap();
    bob.sync_once(way.clone()).await.unwrap();
    bob.edit(&other, |it| it.seconds.add(1)).await.unwrap();
    assert_eq!(bob.get(&odd).await.unwrap().unwrap().seconds, 3 * 3600);
    bob.close().await.unwrap();

    let bob = open().await.unwrap();
    assert_eq!(bob.get(&odd).await.unwrap().unwrap().seconds, 3 * 3600);
    assert_eq!(bob.get(&other).await.unwrap().unwrap().seconds, 1);
    let parked = bob.parked(Position::START).await.unwrap();
    assert_eq!(parked.len(), 1);
    let DecodeError::Panicked { message, .. } = &parked[0].reason else {
        panic!("{}", parked[0].reason)
    };
    assert!(message.contains("hours of a human life"), "{message}");
    bob.sync_once(way).await.unwrap();
}

#[tokio::test]
async fn a_program_that_was_mended_folds_what_it_panicked_on() {
    let folder = tempfile::tempdir().unwrap();
    let (_hub, way) = hub();
    let ann = Replica::builder().registry(registry![sound::Job]).in_memory().await.unwrap();
    let odd = Id::<sound::Job>::named("odd").unwrap();
    ann.edit(&odd, |it| it.emit(Worked { hours: i64::MAX })).await.unwrap();
    ann.sync_once(way.clone()).await.unwrap();
    let path = folder.path().join("bob.redb");
    let bob = Replica::builder().registry(registry![Job]).open(&path).await.unwrap();
    bob.sync_once(way).await.unwrap();
    assert_eq!(bob.status().await.unwrap().parked, 1);
    bob.close().await.unwrap();

    let bob = Replica::builder().registry(registry![sound::Job]).open(&path).await.unwrap();
    assert_eq!(bob.status().await.unwrap().parked, 0);
    assert_eq!(bob.get(&odd).await.unwrap(), ann.get(&odd).await.unwrap());
    assert_eq!(bob.state_hash().await.unwrap(), ann.state_hash().await.unwrap());
}

#[tokio::test]
async fn an_edit_on_which_its_own_program_panics_is_refused_before_anything_is_written() {
    let ann = Replica::builder().registry(registry![Job]).in_memory().await.unwrap();
    ann.edit(&job("odd"), |it| it.seconds.add(1)).await.unwrap();
    let refused = ann.edit(&job("odd"), |it| it.emit(Worked { hours: i64::MAX })).await;
    let error = refused.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{error}");
    assert!(error.to_string().contains("hours of a human life"), "{error}");
    assert_eq!(ann.status().await.unwrap().own_events, 1);
    ann.edit(&job("odd"), |it| it.seconds.add(1)).await.unwrap();
    assert_eq!(ann.get(&job("odd")).await.unwrap().unwrap().seconds, 2);
}

#[tokio::test]
async fn a_second_replica_of_a_space_over_one_store_is_refused_by_name() {
    let builder = || Replica::builder().registry(registry![Note]);
    let one = builder().in_memory().await.unwrap();
    let error = builder().over(Arc::clone(one.store())).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::SpaceInUse, "{error}");
    let shared = Arc::new(one.store().share().unwrap());
    let error = builder().over(shared).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::SpaceInUse, "{error}");
    one.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    assert!(one.store().forks(one.space()).await.unwrap().is_empty());
}

#[tokio::test]
async fn replicas_and_a_hub_that_share_a_store_close_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.redb");
    let builder =
        |space: &str| Replica::builder().registry(registry![Note]).space(space.parse().unwrap());
    let one = builder("team-1").open(&path).await.unwrap();
    let two = builder("team-2").over(Arc::clone(one.store())).await.unwrap();
    let hub = Hub::builder().over(Arc::clone(one.store()));
    one.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    one.close().await.unwrap();
    two.edit(&note("n"), |it| it.visits.add(2)).await.unwrap();

    let guest = builder("team-1").in_memory().await.unwrap();
    guest.sync_once(way_to(&hub)).await.unwrap();
    assert_eq!(read(&guest, &note("n")).await.visits, 1);
    let again = builder("team-1").over(Arc::clone(two.store())).await.unwrap();
    assert_eq!(read(&again, &note("n")).await.visits, 1);
    again.close().await.unwrap();
    hub.close().await.unwrap();
    assert_eq!(read(&two, &note("n")).await.visits, 2);

    // The last user closes what a builder opened: the file is free.
    two.close().await.unwrap();
    builder("team-1").open(&path).await.unwrap().close().await.unwrap();
}

#[tokio::test]
async fn a_store_that_was_handed_over_outlives_its_replicas() {
    let store = Arc::new(EventStore::in_memory().unwrap());
    for visits in 1..4 {
        let ann = Replica::builder().registry(registry![Note]).over(Arc::clone(&store));
        let ann = ann.await.unwrap();
        ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
        assert_eq!(read(&ann, &note("n")).await.visits, visits);
        ann.close().await.unwrap();
    }
}

#[tokio::test]
async fn listing_conflicts_writes_nothing() {
    let (_hub, way) = hub();
    let (ann, bob) = (replica().await, replica().await);
    ann.edit(&note("n"), |it| it.title.set("ann's")).await.unwrap();
    bob.edit(&note("n"), |it| it.title.set("bob's")).await.unwrap();
    for replica in [&ann, &bob] {
        replica.sync_once(way.clone()).await.unwrap();
    }
    let store = bob.store();
    assert_eq!(store.checkpoint(bob.space()).await.unwrap(), None);
    let met = bob.all_conflicts(None, 4_096).await.unwrap();
    let after = Some(&met[0].aggregate);
    assert_eq!((met.len(), bob.all_conflicts(after, 4_096).await.unwrap().len()), (1, 0));
    assert_eq!(bob.conflicts_of(&note("n")).await.unwrap().len(), 1);
    assert_eq!(store.checkpoint(bob.space()).await.unwrap(), None);
    bob.checkpoint().await.unwrap();
    assert_eq!(bob.all_conflicts(None, 4_096).await.unwrap(), met);
    assert!(bob.all_conflicts(after, 4_096).await.unwrap().is_empty());
    assert_eq!(bob.status().await.unwrap().conflicts, 1);
}

fn job(name: &str) -> Id<Job> {
    Id::named(name).unwrap()
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "job.worked")]
struct Worked {
    hours: i64,
}

/// A job whose program cannot digest every event.
#[sync_aggregate(name = "job", events(Worked))]
#[derive(Clone, Debug, Default, PartialEq)]
struct Job {
    #[merge(counter)]
    seconds: i64,
}

impl Lower<Worked> for Job {
    fn lower(event: &Worked, ops: &mut Self::Ops<'_>) {
        ops.seconds.add(event.hours.checked_mul(3600).expect("hours of a human life"));
    }
}

mod sound {
    use super::{Lower, Worked, sync_aggregate};

    /// The same job, mended.
    #[sync_aggregate(name = "job", events(Worked))]
    #[derive(Clone, Debug, Default, PartialEq)]
    pub(super) struct Job {
        #[merge(counter)]
        pub(super) seconds: i64,
    }

    impl Lower<Worked> for Job {
        fn lower(event: &Worked, ops: &mut Self::Ops<'_>) {
            ops.seconds.add(event.hours.saturating_mul(3600));
        }
    }
}

async fn with_clock(time: &Arc<AtomicU64>) -> Replica {
    let builder = Replica::builder().registry(registry![Note]).wall_clock(clock(time));
    builder.in_memory().await.unwrap()
}

fn settable(millis: u64) -> Arc<AtomicU64> {
    Arc::new(AtomicU64::new(millis))
}

fn clock(millis: &Arc<AtomicU64>) -> WallClock {
    let millis = Arc::clone(millis);
    WallClock::new(move || UnixMillis::new(millis.load(Ordering::SeqCst)))
}

/// Polls a future once, and cancels it if it has no value yet.
async fn poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|context| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        })
    })
    .await
}

fn assert_closed<T: std::fmt::Debug>(result: Result<T, Error>) {
    let error = result.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Closed), "{error}");
}

fn assert_unregistered<T: std::fmt::Debug>(result: Result<T, Error>) {
    let error = result.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Registry(_)), "{error}");
    assert!(error.to_string().contains("`note`"), "{error}");
}
