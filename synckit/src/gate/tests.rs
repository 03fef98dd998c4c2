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

#[tokio::test]
async fn a_policy_is_not_asked_about_tombstones_and_of_what_it_refuses_they_are_kept() {
    let authority = Authority::from_seed(&[7; 32]);
    let space = authority.space("visits").unwrap();
    let mut ann = Author::in_space("ann", &space);
    let commits = ["milk", "spam", "tea"].map(|text| ann.write(&[text], &[]));
    let block = seal_in(space.clone(), &commits.iter().collect::<Vec<_>>());
    let hub = |policy: Policy| {
        let store = Arc::new(EventStore::in_memory().unwrap());
        let governor = Some(Governor::new(authority.clone()));
        let gate = Gate::governed(Arc::clone(&store), WallClock::default(), governor, Some(policy));
        (store, gate)
    };
    let send = async |gate: &Gate, blocks: &[Block]| {
        let append = blocks.iter().map(|block| Append::new(block.clone(), Source::Peer)).collect();
        gate.commit(ann.head.author, Batch { append, ..Batch::new(space.clone()) }).await
    };
    let log = async |store: &EventStore| -> Vec<Block> {
        let page = store.read_after(&space, Position::START).await.unwrap();
        page.blocks.into_iter().map(|log| log.block).collect()
    };
    let spam = commits[1].id;
    let (strict, gate) = hub(Arc::new(move |proposal| {
        let rejection = Rejection::new("spam", "no advertising").unwrap();
        if proposal.commit == spam { Err(rejection) } else { Ok(()) }
    }));
    send(&gate, std::slice::from_ref(&block)).await.unwrap();
    let [refusal, buried] = &log(&strict).await[..] else {
        panic!("a refusal, and what it refuses")
    };
    assert_eq!(buried.commits(), block.commits());
    let tombstones: Vec<_> = buried.entries().map(|entry| entry.is_tombstone()).collect();
    assert_eq!(tombstones, [false, true, false]);

    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let asks = Arc::clone(&asked);
    let (lenient, gate) = hub(Arc::new(move |proposal| {
        asks.lock().unwrap().push(proposal.commit);
        Ok(())
    }));
    let early = send(&gate, std::slice::from_ref(buried)).await.unwrap_err();
    assert_eq!(early.code(), "store.unrefused");
    assert!(early.is_retryable());
    asked.lock().unwrap().clear();
    send(&gate, &[refusal.clone(), buried.clone()]).await.unwrap();
    assert!(!asked.lock().unwrap().contains(&spam));
    // What is held as a tombstone stays one, and is refused in the name of nobody else.
    send(&gate, std::slice::from_ref(&block)).await.unwrap();
    assert_eq!(log(&lenient).await, [refusal.clone(), buried.clone()]);
}
