//! Spaces with as many writers as they can have.

use std::sync::Arc;

use synckit::block::Block;
use synckit::branch::BRANCHES_MAX;
use synckit::key::ReplicaKey;
use synckit::store::EventStore;
use synckit::sync::limits::FRONTIER_COMMITS_MAX;
use synckit::testing::{Author, batch};
use synckit::{Hub, Replica, registry};

use super::support::way_to;

/// Events of each writer at the hub. The replica has the first of them, and of the last writers that
/// one does not fit into the hub's frontier any more.
const EACH: usize = 3;

#[tokio::test]
async fn a_frontier_that_does_not_fit_into_a_frame_still_heals() {
    let (first, later) = written_by_all();
    let (ours, theirs) = (EventStore::in_memory().unwrap(), EventStore::in_memory().unwrap());
    for store in [&ours, &theirs] {
        append(store, &first).await;
    }
    append(&theirs, &later).await;
    let (space, ours, theirs) = (first[0].space().clone(), Arc::new(ours), Arc::new(theirs));
    assert_eq!(theirs.frontier(&space).await.unwrap().len(), FRONTIER_COMMITS_MAX);

    let ann = Replica::builder().registry(registry![]).over(Arc::clone(&ours)).await.unwrap();
    let hub = Hub::builder().over(Arc::clone(&theirs));
    let report = ann.sync_once(way_to(&hub)).await.unwrap();
    assert_eq!(report.pulled, later.len() as u64);
    let unplaced = BRANCHES_MAX * EACH - FRONTIER_COMMITS_MAX;
    assert_eq!(report.pushed, unplaced as u64, "resent, and passed over there");
    assert_eq!(heads(&ours, &first).await, heads(&theirs, &first).await);
}

/// The first block of each writer, and the others.
fn written_by_all() -> (Vec<Block>, Vec<Block>) {
    let (mut first, mut later) = (Vec::new(), Vec::new());
    for n in 0..u32::try_from(BRANCHES_MAX).unwrap() {
        let mut seed = [0x55; ReplicaKey::SEED_LEN];
        seed[..4].copy_from_slice(&n.to_be_bytes());
        let mut author = Author::with_key(ReplicaKey::from_seed(&seed));
        first.push(author.write("first"));
        later.extend((1..EACH).map(|_| author.write("later")));
    }
    (first, later)
}

async fn append(store: &EventStore, blocks: &[Block]) {
    for blocks in blocks.chunks(4_096) {
        store.commit(batch(blocks)).await.unwrap();
    }
}

async fn heads(store: &EventStore, of: &[Block]) -> Vec<synckit::chain::CommitId> {
    let mut heads: Vec<_> = store.branches(of[0].space()).await.unwrap().heads().collect();
    heads.sort_unstable();
    heads
}
