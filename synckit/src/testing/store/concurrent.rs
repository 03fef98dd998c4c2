//! Many tasks at once: writers, readers, waiters, and those who give up.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Store, commit, events, heads, refusal};
use crate::id::{Position, SpaceId};
use crate::log::{Cursor, Refusal};
use crate::store::{LIST_ROWS_MAX, StoreErrorKind};
use crate::testing::{Author, batch};

/// Time that a test waits before it says that something does not happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Many tasks commit at once: every event is there once, and the branches say so.
pub async fn commits_at_the_same_time_leave_no_gap(store: Store) {
    const AUTHORS: u8 = 8;
    const EACH: u64 = 12;
    let mut tasks = JoinSet::new();
    for seed in 1..=AUTHORS {
        let (store, mut author) = (Arc::clone(&store), Author::new(seed));
        tasks.spawn(async move {
            for _ in 0..EACH {
                let block = author.commit(&["one", "two"]);
                let committed = store.commit(batch([&block])).await.unwrap();
                assert_eq!(committed.appended, 2);
            }
            author
        });
    }
    let authors = tasks.join_all().await;
    let space = SpaceId::default();
    let mut written: Vec<_> = authors.iter().map(Author::head).collect();
    written.sort_unstable();
    assert_eq!(heads(&store, &space).await, written);
    let mut dots: Vec<_> = events(&store, &space).await.into_iter().map(|(dot, _)| dot).collect();
    dots.sort_unstable();
    dots.dedup();
    assert_eq!(dots.len() as u64, u64::from(AUTHORS) * EACH * 2);
}

/// Batches that wait together stand or fall each by itself.
pub async fn a_refused_batch_does_not_disturb_those_beside_it(store: Store) {
    let mut tasks = JoinSet::new();
    for seed in 1..=20 {
        let (store, mut author) = (Arc::clone(&store), Author::new(seed));
        tasks.spawn(async move {
            let (first, second) = (author.write("1"), author.write("2"));
            let faulty = seed % 2 == 0;
            let sent = if faulty { batch([&second]) } else { batch([&first, &second]) };
            let result = store.commit(sent).await;
            if faulty {
                assert!(matches!(refusal(result), Refusal::Missing { .. }));
            } else {
                assert_eq!(result.unwrap().appended, 2);
            }
        });
    }
    tasks.join_all().await;
    let space = SpaceId::default();
    assert_eq!(store.head(&space).await.unwrap(), Position(20));
    assert_eq!(heads(&store, &space).await.len(), 10);
}

/// Somebody who follows the log while it is written has in the end seen what it holds, in its
/// order.
pub async fn readers_never_see_a_position_that_is_preceded_later(store: Store) {
    const EVENTS: u64 = 60;
    let mut writers = JoinSet::new();
    for seed in 1..=6 {
        let (store, mut author) = (Arc::clone(&store), Author::new(seed));
        writers.spawn(async move {
            for _ in 0..EVENTS / 6 {
                store.commit(batch([&author.write("x")])).await.unwrap();
            }
        });
    }
    let space = SpaceId::default();
    let (mut seen, mut position) = (Vec::new(), Position::START);
    while position < Position(EVENTS) {
        let head = timeout(PATIENCE, store.moved(&space, position)).await.unwrap().unwrap();
        let page = store.read_after(&space, position).await.unwrap();
        assert!(page.through > position && page.head >= head);
        for log in &page.blocks {
            seen.extend(log.block.entries().map(|entry| entry.dot()));
        }
        position = page.through;
    }
    writers.join_all().await;
    let held: Vec<_> = events(&store, &space).await.into_iter().map(|(dot, _)| dot).collect();
    assert_eq!(seen, held);
}

/// A waiter wakes for its own space, and at once when the log is past the position already.
pub async fn a_waiter_wakes_when_the_log_of_its_space_moves(store: Store) {
    let (mut ann, mut bob) = (Author::new(1), Author::new(2).in_space("elsewhere"));
    let waiting = {
        let (store, space) = (Arc::clone(&store), ann.space().clone());
        tokio::spawn(async move { store.moved(&space, Position(1)).await })
    };
    commit(&store, batch([&bob.commit(&["1", "2", "3"])])).await;
    commit(&store, batch([&ann.write("1")])).await;
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished(), "woken by the wrong log or too early");
    commit(&store, batch([&ann.write("2")])).await;
    let head = timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap();
    assert_eq!(head, Position(2));
    let head = timeout(PATIENCE, store.moved(ann.space(), Position::START)).await.unwrap();
    assert_eq!(head.unwrap(), Position(2));
}

/// Whoever stops waiting and waits again misses nothing.
pub async fn a_cancelled_wait_loses_nothing(store: Store) {
    let mut ann = Author::new(1);
    for seq in 1..=5 {
        let past = Position(seq - 1);
        let impatient = timeout(Duration::from_millis(1), store.moved(ann.space(), past)).await;
        assert!(impatient.is_err(), "the log moved by itself");
        commit(&store, batch([&ann.write("x")])).await;
        let head = timeout(PATIENCE, store.moved(ann.space(), past)).await.unwrap().unwrap();
        assert_eq!(head, Position(seq));
    }
}

/// A caller that goes away leaves the batch written or not, and the store as usable as before.
pub async fn a_commit_that_nobody_waits_for_does_no_harm(store: Store) {
    let mut ann = Author::new(1);
    let blocks: Vec<_> = (0..10).map(|_| ann.write("x")).collect();
    for block in &blocks {
        // Begins the commit and gives up at the first thing it waits for.
        let _ = timeout(Duration::ZERO, store.commit(batch([block]))).await;
    }
    assert_eq!(commit(&store, batch(&blocks)).await.head, Position(10));
    assert_eq!(events(&store, ann.space()).await.len(), 10);
    assert_eq!(heads(&store, ann.space()).await, [ann.head()]);
}

/// After closing, every call says so; who waits is told as well.
pub async fn closing_wakes_those_who_wait_and_ends_all_use(store: Store) {
    let mut ann = Author::new(1);
    commit(&store, batch([&ann.write("1")])).await;
    let waiting = {
        let (store, space) = (Arc::clone(&store), ann.space().clone());
        tokio::spawn(async move { store.moved(&space, Position(1)).await.map(drop) })
    };
    tokio::task::yield_now().await;
    store.close().await.unwrap();
    let space = ann.space().clone();
    let results = [
        timeout(PATIENCE, waiting).await.unwrap().unwrap(),
        store.commit(batch([&ann.write("2")])).await.map(drop),
        store.read_after(&space, Position::START).await.map(drop),
        store.share().map(drop),
        store.claim(&space).map(drop),
        store.head(&space).await.map(drop),
        store.moved(&space, Position::START).await.map(drop),
        store.frontier(&space).await.map(drop),
        store.branches(&space).await.map(drop),
        store.cover(&space, &[ann.head()]).await.map(drop),
        store.check(&space, Cursor::START).await.map(drop),
        store.cursor(&space, &ann.id()).await.map(drop),
        store.checkpoint(&space).await.map(drop),
        store.state(&space, ann.aggregate()).await.map(drop),
        store.states_of(&space, &[ann.aggregate().clone()]).await.map(drop),
        store.states(&space, &ann.aggregate().kind, None, 1).await.map(drop),
        store.conflicted(&space, None, None, LIST_ROWS_MAX).await.map(drop),
        store.parked(&space, Position::START, 1).await.map(drop),
        store.forks(&space).await.map(drop),
        store.close().await,
    ];
    for (index, result) in results.into_iter().enumerate() {
        let kind = result.map_err(|error| error.kind().clone());
        assert_eq!(kind, Err(StoreErrorKind::Closed), "call {index}");
    }
}
