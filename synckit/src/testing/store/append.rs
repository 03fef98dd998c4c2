//! Appending: what a store appends, passes over and refuses.

use super::{Store, a_cursor, commit, dots, events, heads, refusal, root};
use crate::id::{Position, ReplicaId, SpaceId};
use crate::log::{Cursor, Refusal};
use crate::store::{
    BATCH_BYTES_MAX, Batch, Checkpoint, CheckpointMark, LIST_ROWS_MAX, StoreErrorKind,
};
use crate::testing::{Author, batch, pack};

/// Nothing is held of a space that was never written to.
pub async fn a_fresh_store_is_empty(store: Store) {
    let (space, ann) = (SpaceId::default(), Author::new(1));
    assert_eq!(store.head(&space).await.unwrap(), Position::START);
    assert!(store.frontier(&space).await.unwrap().is_empty());
    assert!(store.branches(&space).await.unwrap().is_empty());
    assert!(store.read_after(&space, Position::START).await.unwrap().blocks.is_empty());
    assert_eq!(store.checkpoint(&space).await.unwrap(), None);
    assert_eq!(store.cursor(&space, &store.key().id()).await.unwrap(), None);
    assert!(store.check(&space, Cursor::START).await.unwrap());
    assert!(!store.check(&space, a_cursor(1)).await.unwrap());
    assert!(store.cover(&space, &[ann.head()]).await.unwrap().is_empty());
    assert!(store.states(&space, &ann.aggregate().kind, None, 10).await.unwrap().is_empty());
    assert!(store.conflicted(&space, None, None, LIST_ROWS_MAX).await.unwrap().is_empty());
    assert!(store.forks(&space).await.unwrap().is_empty());
}

/// Events, branches, cursor and checkpoint of a batch appear together.
pub async fn a_batch_is_written_whole(store: Store) {
    let mut ann = Author::new(1);
    let blocks = [ann.commit(&["milk", "bread"]), ann.write("eggs")];
    let committed = commit(&store, full_batch(&blocks)).await;
    assert_eq!((committed.head, committed.appended), (Position(3), 3));
    assert_eq!(
        committed.blocks.iter().map(|log| &log.block).collect::<Vec<_>>(),
        [&blocks[0], &blocks[1]]
    );
    let space = ann.space();
    let texts: Vec<_> = events(&store, space).await.into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, [&b"milk"[..], b"bread", b"eggs"]);
    assert_eq!(heads(&store, space).await, [ann.head()]);
    assert_eq!(store.cursor(space, &peer()).await.unwrap(), Some(a_cursor(77)));
    assert_eq!(store.checkpoint(space).await.unwrap().unwrap().position, Position(3));
    assert_eq!(store.state(space, ann.aggregate()).await.unwrap().unwrap(), "state");
}

/// Receiving events again is no error, appends nothing, and later writes go on.
pub async fn a_redelivered_event_neither_fails_nor_blocks_later_writes(store: Store) {
    let mut ann = Author::new(1);
    let blocks = [ann.commit(&["milk", "bread"]), ann.write("eggs")];
    commit(&store, batch(&blocks)).await;
    for again in [batch(&blocks), batch(&blocks[..1]), batch(&blocks[1..])] {
        let committed = commit(&store, again).await;
        assert_eq!((committed.head, committed.appended), (Position(3), 0));
        assert!(committed.blocks.is_empty());
    }
    let later = ann.write("salt");
    assert_eq!(commit(&store, batch([&later, &later])).await.appended, 1);
    assert_eq!(events(&store, ann.space()).await.len(), 4);
}

/// Blocks of one batch, and several authors in one block, build on each other.
pub async fn blocks_of_one_batch_build_on_each_other(store: Store) {
    let (mut ann, mut bob) = (Author::new(1), Author::new(2));
    let first = ann.write("milk");
    bob.has_seen(ann.head());
    let keys = [ann.key().clone(), bob.key().clone()];
    let mixed = pack(&SpaceId::default(), &[&keys[0], &keys[1]], |packer| {
        bob.commit_into(packer, &["not for me"]);
        ann.commit_into(packer, &["bread"]);
        bob.commit_into(packer, &["nor that", "nor this"]);
    });
    ann.has_seen(bob.head());
    let last = ann.write("fine");
    let committed = commit(&store, batch([&first, &mixed, &last])).await;
    assert_eq!(committed.appended, 6);
    let mut written = [ann.head(), bob.head()];
    written.sort_unstable();
    assert_eq!(heads(&store, ann.space()).await, written);
}

/// Of a block in another packing only the commits that are not held are appended.
pub async fn a_block_that_is_partly_held_is_appended_without_that_part(store: Store) {
    let mut ann = Author::new(1);
    let mut again = ann.clone();
    let held = ann.commits(&[&["1"], &["2", "3"]]);
    let wider = again.commits(&[&["1"], &["2", "3"], &["4"], &["5", "6"]]);
    commit(&store, batch([&held])).await;
    assert_eq!(commit(&store, batch([&wider])).await.appended, 3);
    let held = events(&store, ann.space()).await;
    assert_eq!(held.iter().map(|(dot, _)| *dot).collect::<Vec<_>>(), dots([&wider]));
    assert_eq!(heads(&store, ann.space()).await, [again.head()]);
}

/// Events that follow a gap are refused, by name.
pub async fn a_gap_is_refused(store: Store) {
    let mut ann = Author::new(1);
    let (first, _lost, missing) = (ann.write("1"), ann.write("2"), ann.head());
    let third = ann.write("3");
    commit(&store, batch([&first])).await;
    let refusal = refusal(store.commit(batch([&third])).await);
    assert_eq!(refusal, Refusal::Missing { after: ann.last(), missing });
    assert_eq!(events(&store, ann.space()).await.len(), 1);
}

/// The log is causally ordered: what an author had seen stands before what they wrote.
pub async fn an_event_before_its_cause_is_refused(store: Store) {
    let (mut ann, mut bob) = (Author::new(1), Author::new(2));
    let cause = ann.write("question");
    let effect = bob.has_seen(ann.head()).write("answer");
    let refusal = refusal(store.commit(batch([&effect])).await);
    assert_eq!(refusal, Refusal::Missing { after: bob.last(), missing: ann.head() });
    assert_eq!(commit(&store, batch([&cause, &effect])).await.appended, 2);
}

/// A block says which space it belongs to.
pub async fn a_block_of_another_space_is_refused(store: Store) {
    let block = Author::new(1).in_space("theirs").write("milk");
    let mine = Batch { space: SpaceId::default(), ..batch([&block]) };
    assert!(matches!(refusal(store.commit(mine).await), Refusal::OtherSpace { .. }));
    assert_eq!(store.head(block.space()).await.unwrap(), Position::START);
}

/// All of a batch or nothing: also its sound blocks, its cursor and its checkpoint.
pub async fn a_refused_block_takes_its_batch_with_it(store: Store) {
    let mut ann = Author::new(1);
    let (first, _lost, third) = (ann.write("1"), ann.write("2"), ann.write("3"));
    refusal(store.commit(full_batch(&[first.clone(), third])).await);
    let space = ann.space();
    assert_eq!(store.head(space).await.unwrap(), Position::START);
    assert!(store.branches(space).await.unwrap().is_empty());
    assert_eq!(store.cursor(space, &peer()).await.unwrap(), None);
    assert_eq!(store.checkpoint(space).await.unwrap(), None);
    assert_eq!(store.state(space, ann.aggregate()).await.unwrap(), None);
    assert_eq!(commit(&store, batch([&first])).await.appended, 1);
}

/// A batch has a largest size.
pub async fn a_batch_that_is_too_large_is_refused(store: Store) {
    let mut ann = Author::new(1);
    let block = ann.many(2, 240 * 1024);
    let blocks = vec![&block; BATCH_BYTES_MAX / block.bytes().len() + 1];
    let error = store.commit(batch(blocks)).await.unwrap_err();
    assert_eq!(error.kind(), &StoreErrorKind::BatchTooLarge);
    assert_eq!(store.head(ann.space()).await.unwrap(), Position::START);
}

/// Events of one space are not in another, though authors and keys are the same.
pub async fn spaces_do_not_see_each_other(store: Store) {
    let (mut here, mut there) = (Author::new(1), Author::new(1).in_space("there"));
    commit(&store, full_batch(&[here.commit(&["1", "2"])])).await;
    commit(&store, batch([&there.write("one")])).await;
    let (space, other) = (there.space(), here.space());
    assert_eq!(events(&store, space).await, [(there.last(), b"one".to_vec())]);
    assert_eq!(events(&store, other).await.len(), 2);
    assert_eq!(heads(&store, space).await, [there.head()]);
    assert_ne!(root(&here), root(&there), "chains of two spaces begin alike");
    assert_eq!(store.cursor(space, &peer()).await.unwrap(), None);
    assert_eq!(store.state(space, here.aggregate()).await.unwrap(), None);
    assert_eq!(store.checkpoint(space).await.unwrap(), None);
}

fn peer() -> ReplicaId {
    ReplicaId::from_bytes([9; ReplicaId::LEN])
}

/// A batch that writes something of every kind.
fn full_batch(blocks: &[crate::block::Block]) -> Batch {
    let mut full = batch(blocks);
    full.cursor = Some((peer(), a_cursor(77)));
    full.checkpoint = Some(Checkpoint {
        mark: CheckpointMark::new(Position(3), [4; 32], 0),
        replaces_all: false,
        states: vec![(Author::new(1).aggregate().clone(), "state".into())],
        conflicted: Vec::new(),
        parked: Vec::new(),
    });
    full
}
