//! Places in logs: cursors, digests, frontiers and what lies behind them.

use super::{Store, a_cursor, commit, heads, root};
use crate::branch::BranchNo;
use crate::chain::{Chain, CommitId};
use crate::id::{Position, ReplicaId, SpaceId};
use crate::log::{Cursor, Digest, LogBlock, Page};
use crate::store::{Batch, EventStore};
use crate::sync::limits::FRONTIER_COMMITS_MAX;
use crate::testing::{Author, batch};

/// Each peer has one cursor, which the next replaces.
pub async fn cursors_are_kept_for_each_peer(store: Store) {
    let space = SpaceId::default();
    let peer = |id| ReplicaId::from_bytes([id; ReplicaId::LEN]);
    for (id, position) in [(1, 5), (2, 7), (1, 9), (1, 3)] {
        let cursor = Some((peer(id), a_cursor(position)));
        commit(&store, Batch { cursor, ..Batch::new(space.clone()) }).await;
        let found = store.cursor(&space, &peer(id)).await.unwrap();
        assert_eq!(found, Some(a_cursor(position)));
    }
    assert_eq!(store.cursor(&space, &peer(2)).await.unwrap(), Some(a_cursor(7)));
    assert_eq!(store.cursor(&space, &peer(3)).await.unwrap(), None);
    let other = SpaceId::new("another").unwrap();
    assert_eq!(store.cursor(&other, &peer(1)).await.unwrap(), None);
}

/// A cursor is a place of the log where a block ends and the log up to there is the same.
pub async fn a_cursor_is_checked_against_the_log(store: Store) {
    let mut ann = Author::new(1);
    let blocks = [ann.commit(&["1", "2"]), ann.write("3"), ann.commits(&[&["4"], &["5"]])];
    commit(&store, batch(&blocks)).await;
    let space = ann.space();
    let page = store.read_after(space, Position::START).await.unwrap();
    let ends: Vec<_> = page.blocks.iter().map(LogBlock::cursor).collect();
    for cursor in [Cursor::START].iter().chain(&ends) {
        assert!(store.check(space, *cursor).await.unwrap(), "{cursor:?} is a place of the log");
        let other = Cursor { digest: Digest::from_bytes([7; Digest::LEN]), ..*cursor };
        assert!(!store.check(space, other).await.unwrap(), "{other:?} has another digest");
    }
    for (position, digest) in [(1, 0), (4, 1), (4, 2), (6, 2), (u64::MAX, 2), (0, 0)] {
        let cursor = Cursor { position: Position(position), digest: ends[digest].digest };
        assert!(!store.check(space, cursor).await.unwrap(), "{cursor:?} is no place of the log");
    }
    let elsewhere = SpaceId::new("elsewhere").unwrap();
    assert!(!store.check(&elsewhere, ends[0]).await.unwrap());
}

/// Two logs with the same events in another order have different places.
pub async fn a_cursor_of_another_log_is_none(store: Store) {
    let (ann, bob) = (Author::new(1).write("1"), Author::new(2).write("a"));
    commit(&store, batch([&ann, &bob])).await;
    let other = crate::store::EventStore::in_memory().unwrap();
    let committed = other.commit(batch([&bob, &ann])).await.unwrap();
    for log in &committed.blocks {
        assert!(!store.check(ann.space(), log.cursor()).await.unwrap());
    }
}

/// Of a pruned log the places that can still be compared are known, and no other.
pub async fn cursors_before_what_was_pruned_are_not_known(store: Store) {
    let mut ann = Author::new(1);
    let blocks = [ann.commit(&["1", "2"]), ann.write("3"), ann.commit(&["4", "5"])];
    let ends: Vec<_> =
        commit(&store, batch(&blocks)).await.blocks.iter().map(LogBlock::cursor).collect();
    let known = async |cursors: &[Cursor]| {
        let mut known = Vec::new();
        for cursor in cursors {
            known.push(store.check(ann.space(), *cursor).await.unwrap());
        }
        known
    };
    store.prune(ann.space(), Position(3)).await.unwrap();
    assert_eq!(known(&ends).await, [false, false, true]);
    store.prune(ann.space(), Position(5)).await.unwrap();
    assert_eq!(known(&ends).await, [false, false, true]);
    assert_eq!(known(&[Cursor::START]).await, [true]);
}

/// The digest of each block follows from the one before, from page to page and from commit to
/// commit.
pub async fn digests_chain_through_the_log(store: Store) {
    let (mut ann, mut bob) = (Author::new(1), Author::new(2));
    let mut written = Vec::new();
    for _ in 0..4 {
        let blocks = [ann.many(3, 100_000), bob.write("x"), bob.clone().write("y")];
        written.extend(commit(&store, batch(&blocks)).await.blocks);
    }
    let (mut read, mut position) = (Vec::new(), Position::START);
    loop {
        let page: Page = store.read_after(ann.space(), position).await.unwrap();
        let Some(last) = page.blocks.last() else { break };
        assert!(store.check(ann.space(), last.cursor()).await.unwrap());
        position = page.through;
        read.extend(page.blocks);
    }
    assert_eq!(read, written, "a log is read as it was said to be written");
    let mut digest = Digest::START;
    for log in &read {
        digest = digest.then(&log.block);
        assert_eq!(log.digest, digest);
    }
}

/// The log behind commits is told: on their branches and those that these leave, and no further.
pub async fn what_lies_behind_commits_is_covered(store: Store) {
    let mut ann = Author::new(1);
    let blocks = [ann.write("1"), ann.commits(&[&["2"], &["3", "4"]])];
    let mut copy = ann.clone();
    let (mine, theirs) = (ann.write("5"), copy.commits(&[&["five"], &["six"]]));
    commit(&store, batch([&blocks[0], &blocks[1], &mine, &theirs])).await;
    let (space, stranger) = (ann.space(), Author::new(2).write("x").ends()[0]);
    let unknown = CommitId { chain: Chain::from_bytes([7; Chain::LEN]), ..ann.head() };
    let covered = async |commits: &[CommitId]| {
        let coverage = store.cover(space, commits).await.unwrap();
        let page = store.read_after(space, Position::START).await.unwrap();
        page.blocks.iter().map(|log| log.is_covered(&coverage)).collect::<Vec<_>>()
    };
    assert_eq!(covered(&[]).await, [false; 4]);
    assert_eq!(covered(&[stranger, unknown, root(&ann)]).await, [false; 4]);
    assert_eq!(covered(&[blocks[0].ends()[0]]).await, [true, false, false, false]);
    assert_eq!(covered(&[blocks[1].commits()[0].id]).await, [true, false, false, false]);
    assert_eq!(covered(&[blocks[1].ends()[0]]).await, [true, true, false, false]);
    assert_eq!(covered(&[theirs.commits()[0].id, stranger]).await, [true, true, false, false]);
    assert_eq!(covered(&[copy.head()]).await, [true, true, false, true]);
    assert_eq!(covered(&[ann.head(), copy.head()]).await, [true; 4]);
}

/// A branch that is left inside a run: commits in the middle of the run are named as well.
pub async fn a_twin_that_left_inside_a_run_is_located_near_it(store: Store) {
    let mut ann = Author::new(1);
    let singles: Vec<_> = (0..40).map(|_| ann.write("x")).collect();
    let mut twin = ann.clone();
    let run = |author: &mut Author, count| author.commits(&vec![&["x"][..]; count]);
    // One wrote forty commits at once; the other has twenty of them, and went its own way.
    let (forty, twenty) = (run(&mut ann, 40), run(&mut twin, 20));
    let theirs = EventStore::in_memory_as(&[9; 32]);
    for (store, block) in [(&*store, &forty), (&theirs, &twenty)] {
        store.commit(batch(&singles)).await.unwrap();
        store.commit(batch([block])).await.unwrap();
    }
    theirs.commit(batch([&twin.write("y")])).await.unwrap();
    let space = ann.space();
    let (no, ours) = (BranchNo(0), store.frontier(space).await.unwrap());
    let covered = theirs.cover(space, &ours).await.unwrap();
    assert!(covered.covers(no, 48) && !covered.covers(no, 49), "32 before the last commit");
    let covered = store.cover(space, &theirs.frontier(space).await.unwrap()).await.unwrap();
    assert!(covered.covers(no, 60) && !covered.covers(no, 61), "its run ends where it left");
}

/// A frontier begins with the last commit of every branch. Earlier commits follow, at growing
/// distances, so that whoever has forked from a branch finds a place near the fork.
pub async fn a_frontier_begins_with_the_heads_and_goes_back(store: Store) {
    const COMMITS: usize = 100;
    let (mut ann, mut bob) = (Author::new(1), Author::new(2));
    let mut own: Vec<CommitId> = Vec::new();
    let mut copy = ann.clone();
    for _ in 0..COMMITS {
        commit(&store, batch([&ann.write("x")])).await;
        own.push(ann.head());
    }
    commit(&store, batch([&bob.write("x"), &copy.write("y")])).await;
    let frontier = store.frontier(ann.space()).await.unwrap();
    assert!(frontier.len() <= FRONTIER_COMMITS_MAX);
    let mut first = frontier[..3].to_vec();
    first.sort_unstable();
    assert_eq!(first, heads(&store, ann.space()).await);
    let earlier: Vec<_> = frontier[3..].iter().map(|commit| commit.seq).collect();
    assert_eq!(earlier, [99, 98, 96, 92, 84, 68, 36]);
    assert!(frontier[3..].iter().all(|commit| own.contains(commit)), "{frontier:?}");
    let coverage = store.cover(ann.space(), &frontier).await.unwrap();
    let page = store.read_after(ann.space(), Position::START).await.unwrap();
    assert!(page.blocks.iter().all(|log| log.is_covered(&coverage)));
}
