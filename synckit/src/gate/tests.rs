//! The gate's questions to an application.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::block::tests::{Author, seal_in};
use crate::ruling::Authority;

#[tokio::test]
async fn a_policy_is_asked_about_what_is_new_and_not_again_once_it_is_held() {
    let authority = Authority::from_seed(&[7; 32]);
    let space = authority.space("visits").unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&asked);
    let policy: Policy = Arc::new(move |_| {
        counts.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    let store = Arc::new(EventStore::in_memory().unwrap());
    let governor = Some(Governor::new(authority));
    let gate = Gate::governed(store, WallClock::default(), governor, Some(policy));
    let mut ann = Author::in_space("ann", &space);
    let blocks = ["milk", "bread", "tea"].map(|text| {
        let commit = ann.write(&[text], &[]);
        seal_in(space.clone(), &[&commit])
    });
    let send = |blocks: &[Block]| {
        let append = blocks.iter().map(|block| Append::new(block.clone(), Source::Peer)).collect();
        gate.commit(ann.head.author, Batch { append, ..Batch::new(space.clone()) })
    };
    send(&blocks[..2]).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    send(&blocks).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}
