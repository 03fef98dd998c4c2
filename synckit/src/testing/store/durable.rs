//! Durability: what is left when a store is closed and opened again.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::{Durable, a_cursor, commit, events, refusal};
use crate::id::{Position, ReplicaId};
use crate::store::{Batch, Checkpoint, CheckpointMark};
use crate::testing::{Author, batch};

/// Key, events, branches, cursor and states.
pub async fn everything_committed_is_there_after_reopening(place: Durable) {
    let store = place.open().await;
    let key = store.key().id();
    let mut ann = Author::new(1);
    let mut copy = ann.clone();
    let peer = ReplicaId::from_bytes([1; ReplicaId::LEN]);
    let mark = CheckpointMark::new(Position(2), [8; 32], 0);
    let mut full = batch([&ann.commit(&["1", "2"]), &ann.write("3")]);
    full.cursor = Some((peer, a_cursor(40)));
    full.checkpoint = Some(Checkpoint {
        mark: mark.clone(),
        replaces_all: false,
        states: vec![(ann.aggregate().clone(), "state".into())],
        conflicted: Vec::new(),
        parked: Vec::new(),
    });
    commit(&store, full).await;
    commit(&store, batch([&copy.commit(&["one", "two", "three"]), &copy.write("four")])).await;
    let before = events(&store, ann.space()).await;
    let branches = store.branches(ann.space()).await.unwrap();
    assert_eq!((branches.len(), branches.fork_count()), (2, 1));

    let store = place.reopen(store).await;
    assert_eq!(store.key().id(), key);
    let space = ann.space();
    assert_eq!(events(&store, space).await, before);
    assert_eq!(store.branches(space).await.unwrap(), branches);
    assert_eq!(store.cursor(space, &peer).await.unwrap(), Some(a_cursor(40)));
    assert_eq!(store.checkpoint(space).await.unwrap(), Some(mark));
    assert_eq!(store.state(space, ann.aggregate()).await.unwrap(), Some("state".into()));
    assert_eq!(store.forks(space).await.unwrap().len(), 1);
}

/// A cursor that was committed alone is there once the store was closed.
pub async fn a_cursor_alone_is_there_after_reopening(place: Durable) {
    let store = place.open().await;
    let mut ann = Author::new(1);
    let peer = ReplicaId::from_bytes([1; ReplicaId::LEN]);
    let cursor = Some((peer, a_cursor(40)));
    commit(&store, Batch { cursor, ..batch([&ann.write("1")]) }).await;
    let cursor = Some((peer, a_cursor(41)));
    commit(&store, Batch { cursor, ..Batch::new(ann.space().clone()) }).await;
    let store = place.reopen(store).await;
    assert_eq!(store.cursor(ann.space(), &peer).await.unwrap(), Some(a_cursor(41)));
}

/// Positions and chains go on where they were.
pub async fn writing_goes_on_after_reopening(place: Durable) {
    let (mut ann, mut store) = (Author::new(1), place.open().await);
    for seq in 1..=4 {
        let committed = commit(&store, batch([&ann.write("x")])).await;
        assert_eq!(committed.head, Position(seq));
        store = place.reopen(store).await;
    }
    let mut bob = Author::new(2).in_space("another");
    commit(&store, batch([&bob.write("x")])).await;
    assert_eq!(store.head(ann.space()).await.unwrap(), Position(4));
    assert_eq!(store.head(bob.space()).await.unwrap(), Position(1));
}

/// A refused batch is not there later either.
pub async fn refused_batches_leave_nothing_behind_after_reopening(place: Durable) {
    let (mut ann, store) = (Author::new(1), place.open().await);
    let (first, _lost, third) = (ann.write("1"), ann.write("2"), ann.write("3"));
    refusal(store.commit(batch([&first, &third])).await);
    let store = place.reopen(store).await;
    assert_eq!(store.head(ann.space()).await.unwrap(), Position::START);
    assert_eq!(commit(&store, batch([&first])).await.head, Position(1));
}

/// Whoever was told before the end that a batch is durable finds it later.
pub async fn closing_finishes_what_was_begun(place: Durable) {
    let store = place.open().await;
    let mut tasks = JoinSet::new();
    for seed in 1..=10 {
        let (store, mut author) = (Arc::clone(&store), Author::new(seed));
        tasks.spawn(async move {
            let committed = store.commit(batch([&author.write("x")])).await;
            committed.is_ok().then(|| author.last())
        });
    }
    tokio::task::yield_now().await;
    let again = place.reopen(store);
    let (acknowledged, store) = tokio::join!(tasks.join_all(), again);
    let space = Author::new(1).space().clone();
    let held: Vec<_> = events(&store, &space).await.into_iter().map(|(dot, _)| dot).collect();
    for dot in acknowledged.into_iter().flatten() {
        assert!(held.contains(&dot), "{dot} was acknowledged and is lost");
    }
}
