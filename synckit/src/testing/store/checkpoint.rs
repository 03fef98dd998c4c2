//! States and conflicts.

use bytes::Bytes;

use super::{Store, commit};
use crate::id::{AggregateId, Key, Name, Position, SpaceId};
use crate::store::{Batch, Checkpoint, CheckpointMark, LIST_ROWS_MAX};

/// A checkpoint replaces the states that it names; with `replaces_all` the others go as well.
pub async fn states_stay_until_they_are_replaced(store: Store) {
    let space = SpaceId::default();
    checkpoint(&store, 1, false, &[("a", "1"), ("b", "1")], &[]).await;
    checkpoint(&store, 2, false, &[("b", "2")], &[("b", true)]).await;
    assert_eq!(listed(&store, None, 10).await, [("a", "1"), ("b", "2")].map(owned));
    assert_eq!(store.state(&space, &note("b")).await.unwrap(), Some("2".into()));
    assert_eq!(store.state(&space, &note("c")).await.unwrap(), None);
    let together = store.states_of(&space, &["b", "c", "a"].map(note)).await.unwrap();
    assert_eq!(together, [Some("2".into()), None, Some("1".into())]);
    checkpoint(&store, 3, true, &[("c", "3")], &[]).await;
    assert_eq!(listed(&store, None, 10).await, [owned(("c", "3"))]);
    assert_eq!(store.state(&space, &note("a")).await.unwrap(), None);
    assert!(store.conflicted(&space, None, None, LIST_ROWS_MAX).await.unwrap().is_empty());
    let mark = store.checkpoint(&space).await.unwrap().unwrap();
    assert_eq!(mark, CheckpointMark::new(Position(3), [3; 32], 3));
}

/// A large state is read as it was stored last, alone, with others and in lists.
pub async fn large_states_are_read_as_they_were_stored(store: Store) {
    let space = SpaceId::default();
    let mut large = vec![0; 300_000];
    blake3::Hasher::new().finalize_xof().fill(&mut large);
    let mut longer = large.clone();
    longer.splice(150_000..150_000, *b"an entry");
    let zero = vec![0; 100];
    for (step, state) in [&large, &longer, &zero, &large, &Vec::new(), &large].iter().enumerate() {
        let mut batch = full(u8::try_from(step).unwrap() + 1, step == 3, &[("z", "1")], &[]);
        let state = Bytes::from((*state).clone());
        batch.checkpoint.as_mut().unwrap().states.push((note("b"), state.clone()));
        commit(&store, batch).await;
        assert!(store.state(&space, &note("b")).await.unwrap() == Some(state.clone()));
        let together = store.states_of(&space, &["z", "b", "c"].map(note)).await.unwrap();
        assert!(together == [Some("1".into()), Some(state.clone()), None]);
        assert!(listed(&store, None, 10).await == [(note("b").key, state), owned(("z", "1"))]);
        assert!(listed(&store, Some(&note("b").key), 10).await == [owned(("z", "1"))]);
    }
}

/// States come ascending by the bytes of their keys, after a key, limited.
pub async fn states_are_listed_by_key_in_pages(store: Store) {
    let keys = ["b", "ab", "a", "abc", "\u{fc}", "a\u{1}", "z"];
    let states: Vec<_> = keys.map(|key| (key, "x")).into();
    checkpoint(&store, 1, false, &states, &[]).await;
    let other = AggregateId { kind: Name::new("note.x").unwrap(), ..note("a") };
    let mut foreign = full(1, false, &[], &[]);
    foreign.checkpoint.as_mut().unwrap().states.push((other, "y".into()));
    commit(&store, foreign).await;
    let mut sorted = keys.map(|key| note(key).key);
    sorted.sort_unstable();
    for limit in 1..=keys.len() {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = listed(&store, after.as_ref(), limit).await;
            assert!(page.len() <= limit);
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            found.extend(page.into_iter().map(|(key, _)| key));
            assert!(found.len() <= keys.len(), "a page begins before where the last one ended");
        }
        assert_eq!(found, sorted);
    }
    assert!(listed(&store, None, 0).await.is_empty());
}

/// Checkpoints name aggregates with open conflicts, and those that have none any more.
pub async fn aggregates_with_conflicts_are_named_until_they_have_none(store: Store) {
    let space = SpaceId::default();
    let other = AggregateId { kind: Name::new("note.x").unwrap(), ..note("a") };
    checkpoint(&store, 1, false, &[], &[("b", true), ("ab", true), ("c", false)]).await;
    let mut foreign = full(2, false, &[], &[("a", true), ("b", false), ("b", true)]);
    foreign.checkpoint.as_mut().unwrap().conflicted.push((other.clone(), true));
    commit(&store, foreign).await;
    let named = [note("a"), note("ab"), note("b"), other];
    assert_eq!(store.conflicted(&space, None, None, LIST_ROWS_MAX).await.unwrap(), named);
    for (place, after) in named.iter().enumerate() {
        assert_eq!(
            store.conflicted(&space, None, Some(after), LIST_ROWS_MAX).await.unwrap(),
            named[place + 1..]
        );
    }
    checkpoint(&store, 3, false, &[], &[("ab", false)]).await;
    assert_eq!(store.conflicted(&space, None, None, LIST_ROWS_MAX).await.unwrap().len(), 3);
    let many: Vec<_> = (0..=LIST_ROWS_MAX).map(|n| format!("{n:09}")).collect();
    let many: Vec<_> = many.iter().map(|key| (key.as_str(), true)).collect();
    checkpoint(&store, 4, false, &[], &many).await;
    let page = store.conflicted(&space, None, None, LIST_ROWS_MAX).await.unwrap();
    assert_eq!(page.len(), LIST_ROWS_MAX);
    assert_eq!(store.conflicted(&space, None, page.last(), LIST_ROWS_MAX).await.unwrap().len(), 4);
    checkpoint(&store, 5, true, &[], &[]).await;
    assert_eq!(store.conflicted(&space, None, None, LIST_ROWS_MAX).await.unwrap(), []);
}

/// Checkpoints add to the parked events, which go when everything is replaced.
pub async fn parked_events_are_named_until_all_is_replaced(store: Store) {
    let space = SpaceId::default();
    let all = [3, 1, 256, 70_000, u64::MAX - 1].map(Position);
    let (first, second) = all.split_at(2);
    for (step, parked) in [first, second].into_iter().enumerate() {
        let mut batch = full(u8::try_from(step).unwrap() + 1, false, &[], &[]);
        batch.checkpoint.as_mut().unwrap().parked = parked.to_vec();
        commit(&store, batch).await;
    }
    let mut sorted = all;
    sorted.sort_unstable();
    for limit in 1..=all.len() {
        let (mut found, mut after) = (Vec::new(), Position::START);
        loop {
            let page = store.parked(&space, after, limit).await.unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            after = *last;
            found.extend(page);
            assert!(found.len() <= all.len(), "a page begins before where the last one ended");
        }
        assert_eq!(found, sorted);
    }
    let other = SpaceId::new("other").unwrap();
    assert!(store.parked(&other, Position::START, 10).await.unwrap().is_empty());
    checkpoint(&store, 3, true, &[], &[]).await;
    assert!(store.parked(&space, Position::START, 10).await.unwrap().is_empty());
}

async fn checkpoint(
    store: &Store,
    position: u8,
    replaces_all: bool,
    states: &[(&str, &'static str)],
    conflicted: &[(&str, bool)],
) {
    commit(store, full(position, replaces_all, states, conflicted)).await;
}

fn full(
    position: u8,
    replaces_all: bool,
    states: &[(&str, &'static str)],
    conflicted: &[(&str, bool)],
) -> Batch {
    let states = states.iter().map(|(key, state)| (note(key), Bytes::from(*state))).collect();
    let forks = u32::from(position);
    let mark = CheckpointMark::new(Position(forks.into()), [position; 32], forks);
    let conflicted = conflicted.iter().map(|(key, is)| (note(key), *is)).collect();
    let checkpoint =
        Some(Checkpoint { mark, replaces_all, states, conflicted, parked: Vec::new() });
    Batch { checkpoint, ..Batch::new(SpaceId::default()) }
}

async fn listed(store: &Store, after: Option<&Key>, limit: usize) -> Vec<(Key, Bytes)> {
    let kind = &note("a").kind;
    store.states(&SpaceId::default(), kind, after, limit).await.unwrap()
}

fn owned((key, state): (&str, &'static str)) -> (Key, Bytes) {
    (note(key).key, state.into())
}

fn note(key: &str) -> AggregateId {
    AggregateId { kind: Name::new("note").unwrap(), key: Key::new(key.as_bytes()).unwrap() }
}
