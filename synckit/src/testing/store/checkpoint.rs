//! States and conflicts.

use bytes::Bytes;

use super::{Store, commit};
use crate::clock::Hlc;
use crate::conflict::{Conflict, Write};
use crate::id::{AggregateId, Dot, Key, Name, Position, SpaceId};
use crate::store::{Batch, Checkpoint, CheckpointMark, LIST_ROWS_MAX};
use crate::testing::Author;

/// A checkpoint replaces the states that it names; with `replaces_all` the others go as well.
pub async fn states_stay_until_they_are_replaced(store: Store) {
    let space = SpaceId::default();
    checkpoint(&store, 1, false, &[("a", "1"), ("b", "1")], &[]).await;
    checkpoint(&store, 2, false, &[("b", "2")], &[conflict(1, 2)]).await;
    assert_eq!(listed(&store, None, 10).await, [("a", "1"), ("b", "2")].map(owned));
    assert_eq!(store.state(&space, &note("b")).await.unwrap(), Some("2".into()));
    assert_eq!(store.state(&space, &note("c")).await.unwrap(), None);
    let together = store.states_of(&space, &["b", "c", "a"].map(note)).await.unwrap();
    assert_eq!(together, [Some("2".into()), None, Some("1".into())]);
    checkpoint(&store, 3, true, &[("c", "3")], &[]).await;
    assert_eq!(listed(&store, None, 10).await, [owned(("c", "3"))]);
    assert_eq!(store.state(&space, &note("a")).await.unwrap(), None);
    assert!(store.conflicts(&space, 0).await.unwrap().is_empty());
    let mark = store.checkpoint(&space).await.unwrap().unwrap();
    assert_eq!(mark, CheckpointMark::new(Position(3), [3; 32], 3));
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

/// A conflict of the same field between the same two writes is recorded once; the order is that of
/// recording.
pub async fn a_conflict_is_recorded_once_and_in_order(store: Store) {
    let space = SpaceId::default();
    let mut swapped = conflict(1, 2);
    std::mem::swap(&mut swapped.winner, &mut swapped.loser);
    let other_field = Conflict { field: "body".into(), ..conflict(1, 2) };
    checkpoint(&store, 1, false, &[], &[conflict(5, 6), conflict(1, 2)]).await;
    let again = [conflict(1, 2), swapped, other_field.clone(), conflict(0, 9), conflict(0, 9)];
    checkpoint(&store, 2, false, &[], &again).await;
    let recorded = [conflict(5, 6), conflict(1, 2), other_field, conflict(0, 9)];
    for skip in 0..=5usize {
        let found = store.conflicts(&space, skip as u64).await.unwrap();
        assert_eq!(found, recorded[skip.min(4)..]);
    }
    let many: Vec<_> = (0..=LIST_ROWS_MAX as u64).map(|n| conflict(100, 1_000 + n)).collect();
    checkpoint(&store, 3, false, &[], &many).await;
    assert_eq!(store.conflicts(&space, 0).await.unwrap().len(), LIST_ROWS_MAX);
    assert_eq!(store.conflicts(&space, LIST_ROWS_MAX as u64).await.unwrap().len(), 5);
}

async fn checkpoint(
    store: &Store,
    position: u8,
    replaces_all: bool,
    states: &[(&str, &'static str)],
    conflicts: &[Conflict],
) {
    commit(store, full(position, replaces_all, states, conflicts)).await;
}

fn full(
    position: u8,
    replaces_all: bool,
    states: &[(&str, &'static str)],
    conflicts: &[Conflict],
) -> Batch {
    let states = states.iter().map(|(key, state)| (note(key), Bytes::from(*state))).collect();
    let forks = u32::from(position);
    let mark = CheckpointMark::new(Position(forks.into()), [position; 32], forks);
    let conflicts = conflicts.to_vec();
    let checkpoint = Some(Checkpoint { mark, replaces_all, states, conflicts });
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

fn conflict(winner: u64, loser: u64) -> Conflict {
    let write = |seq| Write {
        dot: Dot { replica: Author::new(1).id(), seq },
        hlc: Hlc::from_bits(seq),
        value: Bytes::from(seq.to_string()),
    };
    Conflict {
        aggregate: note("a"),
        field: "title".into(),
        rule: "lww".into(),
        winner: write(winner),
        loser: write(loser),
    }
}
