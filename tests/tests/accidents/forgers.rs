//! Peers that pass on what nobody wrote: they are refused, and nobody else is harmed.

use std::sync::Arc;

use synckit::block::{Block, BlockPacker};
use synckit::id::Position;
use synckit::key::ReplicaKey;
use synckit::store::EventStore;
use synckit::sync::SessionError;
use synckit::testing::{Author, batch};
use synckit::{Error, ErrorKind, Replica, registry};

use super::support::{
    Book, assert_agree, assert_all_agree, hub_in_memory, in_memory, settle, sync, visit, way_to,
};

/// The seed of Ann's key, which nobody else has.
const ANN: u8 = 1;

#[tokio::test]
async fn a_replica_that_relays_forged_events_is_refused_and_nobody_is_harmed() {
    let hub = hub_in_memory();
    let (ann, bob, mallory) = (ann().await, in_memory().await, in_memory().await);
    plant(mallory.store(), &forged()).await;
    assert_misbehaved(mallory.sync_once(way_to(&hub)).await.map(drop));
    visit(&ann, "a1").await;
    visit(&bob, "b1").await;
    let forks = assert_all_agree(&hub, &[&ann, &bob], &["a1", "b1"]).await;
    assert!(forks.is_empty(), "{forks:?}");
    assert_misbehaved(mallory.sync_once(way_to(&hub)).await.map(drop));
    assert_all_agree(&hub, &[&ann, &bob], &["a1", "b1"]).await;
}

#[tokio::test]
async fn a_hub_that_forges_is_refused_by_whoever_meets_it() {
    let (honest, forger) = (hub_in_memory(), hub_in_memory());
    let (ann, bob) = (ann().await, in_memory().await);
    plant(&forger.store(), &forged()).await;
    visit(&ann, "a1").await;
    visit(&bob, "b1").await;
    for replica in [&ann, &bob] {
        let error = replica.sync_once(way_to(&forger)).await.unwrap_err();
        let ErrorKind::Session(SessionError::PeerMisbehaved(_)) = error.kind() else {
            panic!("{error}")
        };
    }
    let forks = assert_all_agree(&honest, &[&ann, &bob], &["a1", "b1"]).await;
    assert!(forks.is_empty(), "{forks:?}");
}

/// A hub that holds a forged event next to honest ones, too, is a forger; what it gave before stays.
#[tokio::test]
async fn what_came_before_a_forged_event_stays() {
    let (honest, forger) = (hub_in_memory(), hub_in_memory());
    let (ann, bob) = (ann().await, in_memory().await);
    visit(&ann, "a1").await;
    settle(&forger, &[&ann, &bob]).await;
    plant(&forger.store(), &spliced(&ann).await).await;
    bob.sync_once(way_to(&forger)).await.unwrap_err();
    visit(&ann, "a2").await;
    ann.sync_once(way_to(&forger)).await.unwrap_err();
    assert_agree(&[&bob], &["a1"]).await;
    let forks = assert_all_agree(&honest, &[&ann, &bob], &["a1", "a2"]).await;
    assert!(forks.is_empty(), "{forks:?}");
}

#[tokio::test]
async fn whoever_relays_what_an_author_wrote_is_believed() {
    let (one, two) = (hub_in_memory(), hub_in_memory());
    let (ann, bob, cleo) = (ann().await, in_memory().await, in_memory().await);
    visit(&ann, "a1").await;
    settle(&one, &[&ann, &bob]).await;
    sync(&bob, &two).await;
    sync(&cleo, &two).await;
    assert_agree(&[&ann, &bob, &cleo], &["a1"]).await;
}

async fn ann() -> Replica {
    let store = EventStore::in_memory_as(&[ANN; ReplicaKey::SEED_LEN]);
    Replica::builder().registry(registry![Book]).over(Arc::new(store)).await.unwrap()
}

/// An event in Ann's name, signed by somebody else.
fn forged() -> Block {
    let mut ann = Author::new(ANN);
    let mut packer = BlockPacker::new(ann.space().clone());
    ann.commit_into(&mut packer, &["I resign"]);
    packer.finish(|end| end.sign(&mallory())).unwrap()
}

/// An event in Ann's name that follows those that she has written.
async fn spliced(ann: &Replica) -> Block {
    let page = ann.store().read_after(ann.space(), Position::START).await.unwrap();
    let block = &page.blocks.last().unwrap().block;
    let mut envelope = block.entries().last().unwrap().envelope();
    envelope.dot.seq += 1;
    let mut packer = BlockPacker::new(ann.space().clone());
    packer.push_commit(block.ends().last().unwrap(), 0, &[envelope]).unwrap();
    packer.finish(|end| end.sign(&mallory())).unwrap()
}

fn mallory() -> ReplicaKey {
    ReplicaKey::from_seed(&[99; ReplicaKey::SEED_LEN])
}

/// Puts a block into a log past all checks: a store trusts its owner.
async fn plant(store: &EventStore, block: &Block) {
    store.commit(batch([block])).await.unwrap();
}

fn assert_misbehaved(result: Result<(), Error>) {
    let error = result.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Session(_)), "{error}");
    assert!(error.to_string().contains("not sound"), "{error}");
}
