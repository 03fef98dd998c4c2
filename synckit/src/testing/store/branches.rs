//! Forks: authors whose key two stores have used.

use super::{Durable, Store, commit, dots, events, heads, refusal, root};
use crate::branch::{Branches, Fork};
use crate::id::Position;
use crate::log::{Refusal, Source};
use crate::store::Batch;
use crate::testing::{Author, batch};

/// The same number with other contents begins a branch. Both branches are kept, redelivered without
/// effect, and go on.
pub async fn both_branches_of_a_fork_are_kept(store: Store) {
    let mut ann = Author::new(1);
    let mut copy = ann.clone();
    let blocks = [ann.write("white"), copy.write("black")];
    for block in &blocks {
        assert_eq!(commit(&store, batch([block])).await.appended, 1);
    }
    let mut branches = vec![ann.head().chain, copy.head().chain];
    branches.sort_unstable();
    let fork = Fork { author: ann.id(), after: 0, branches };
    assert_eq!(store.forks(ann.space()).await.unwrap(), std::slice::from_ref(&fork));
    assert_eq!(commit(&store, batch(&blocks)).await.appended, 0);
    commit(&store, batch([&copy.write("blacker"), &ann.write("whiter")])).await;
    let mut written = [ann.head(), copy.head()];
    written.sort_unstable();
    assert_eq!(heads(&store, ann.space()).await, written);
    assert_eq!(store.forks(ann.space()).await.unwrap(), [fork]);
    let texts: Vec<_> =
        events(&store, ann.space()).await.into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, [&b"white"[..], b"black", b"blacker", b"whiter"]);
}

/// A fork is found also where the received events end before those held; what the branches share is
/// not appended again.
pub async fn a_fork_of_older_events_is_found(store: Store) {
    let mut ann = Author::new(1);
    let mut copy = ann.clone();
    let first = ann.commits(&[&["1"], &["2"], &["3"]]);
    commit(&store, batch([&first, &ann.write("4")])).await;
    let forked = copy.commits(&[&["1"], &["two", "too"]]);
    let committed = commit(&store, batch([&forked])).await;
    assert_eq!((committed.head, committed.appended), (Position(6), 2));
    let mut branches = vec![first.commits()[1].id.chain, copy.head().chain];
    branches.sort_unstable();
    let fork = Fork { author: ann.id(), after: 1, branches };
    assert_eq!(store.forks(ann.space()).await.unwrap(), [fork]);
}

/// Branches leave each other at every place, within one batch and after it: one store meets them in
/// another order than the next, and both name the same forks.
pub async fn forks_are_the_same_in_whatever_order_branches_come(store: Store) {
    let (batches, authors) = family();
    let other = crate::store::EventStore::in_memory().unwrap();
    for batch in &batches {
        commit(&store, batch.clone()).await;
    }
    for index in [2, 1, 0, 3] {
        other.commit(batches[index].clone()).await.unwrap();
    }
    let space = authors[0].space();
    let mut written: Vec<_> = authors.iter().map(Author::head).collect();
    written.sort_unstable();
    assert_eq!(heads(&store, space).await, written);
    let forks = store.forks(space).await.unwrap();
    assert_eq!(forks.len(), 3);
    assert_eq!(forks, other.forks(space).await.unwrap());
}

/// The branches that a store tells are those that follow from the blocks of its log.
pub async fn branches_follow_from_the_log(store: Store) {
    let (batches, authors) = family();
    let mut told = Branches::new();
    for batch in batches {
        for log in commit(&store, batch).await.blocks {
            log.extend(&mut told).unwrap();
        }
        assert_eq!(store.branches(authors[0].space()).await.unwrap(), told);
    }
    let mut read = Branches::new();
    let page = store.read_after(authors[0].space(), Position::START).await.unwrap();
    page.blocks.iter().for_each(|log| log.extend(&mut read).unwrap());
    assert_eq!(read, told);
}

/// A commit that follows a branch that is not held is refused, whatever other branches are.
pub async fn a_gap_on_a_branch_is_refused(store: Store) {
    let mut ann = Author::new(1);
    let mut copy = ann.clone();
    commit(&store, batch([&ann.write("white"), &ann.write("whiter")])).await;
    let _lost = copy.write("black");
    let missing = copy.head();
    let later = copy.write("blacker");
    let refusal = refusal(store.commit(batch([&later])).await);
    assert_eq!(refusal, Refusal::Missing { after: copy.last(), missing });
    assert!(store.forks(ann.space()).await.unwrap().is_empty());
}

/// A store that is sent what it did not write under its own key writes on under another one, from
/// the batch on that shows it.
pub async fn a_store_whose_key_is_used_elsewhere_takes_another(store: Store) {
    let key = store.key();
    let mut mine = Author::with_key(key.clone());
    let mut twin = mine.clone();
    let (own, theirs) = (mine.write("mine"), twin.write("theirs"));
    commit(&store, batch([&own])).await;
    commit(&store, from_peer(batch([&own]))).await;
    assert_eq!(store.key().id(), key.id(), "its own commits came back to it");
    commit(&store, from_peer(batch([&theirs]))).await;
    let other = store.key();
    assert_ne!(other.id(), key.id());
    assert_eq!(events(&store, mine.space()).await.len(), 2, "both branches are kept");
    commit(&store, from_peer(batch([&twin.write("more")]))).await;
    assert_eq!(store.key().id(), other.id(), "what came under the earlier key changes nothing");
    let mut renamed = Author::with_key(other.clone());
    commit(&store, batch([&renamed.write("mine too")])).await;
    assert_eq!(store.branches(mine.space()).await.unwrap().len(), 3);
    commit(&store, from_peer(batch([&renamed.write("theirs again")]))).await;
    assert_ne!(store.key().id(), other.id());
}

/// A batch that is refused changes no key.
pub async fn a_refused_batch_changes_no_key(store: Store) {
    let (key, mut twin, mut ann) = (store.key(), Author::with_key(store.key()), Author::new(1));
    let (theirs, _lost, later) = (twin.write("theirs"), ann.write("1"), ann.write("2"));
    refusal(store.commit(from_peer(batch([&theirs, &later]))).await);
    assert_eq!(store.key().id(), key.id());
    assert!(store.branches(twin.space()).await.unwrap().is_empty());
}

/// The key that a store took stays, and so do the branches that it has met.
pub async fn another_key_and_all_branches_stay_after_reopening(place: Durable) {
    let store = place.open().await;
    let first = store.key();
    let (batches, authors) = family();
    for batch in batches {
        commit(&store, batch).await;
    }
    commit(&store, from_peer(batch([&Author::with_key(first.clone()).write("theirs")]))).await;
    let (key, space) = (store.key(), authors[0].space());
    let before = store.branches(space).await.unwrap();
    let store = place.reopen(store).await;
    assert_ne!(store.key().id(), first.id());
    assert_eq!(store.key().id(), key.id());
    assert_eq!(store.branches(space).await.unwrap(), before);
    let mut next = authors[0].clone();
    commit(&store, batch([&next.write("goes on")])).await;
    assert!(store.branches(space).await.unwrap().ending_with(&next.head()).is_some());
}

/// Four stores that wrote under one key: two leave the first at the same place, the last leaves the
/// second. Somebody else has seen one of them.
fn family() -> (Vec<Batch>, Vec<Author>) {
    let mut first = Author::new(1);
    let mut earliest = first.clone();
    let shared = [first.write("1"), first.commits(&[&["2", "3"], &["4"]])];
    let (mut second, mut third) = (first.clone(), first.clone());
    let early = earliest.write("one");
    let theirs = second.commits(&[&["5"], &["6"], &["7"]]);
    let mut fourth = Author::new(1);
    let retold = fourth.commits(&[&["1"], &["2", "3"], &["4"], &["5"]]);
    let last = fourth.write("six");
    let mut bob = Author::new(2);
    let seen = bob.has_seen(fourth.head()).write("seen");
    let batches = vec![
        batch([&shared[0], &shared[1]]),
        batch([&first.write("five"), &theirs, &third.write("fünf")]),
        batch([&retold, &last]),
        batch([&early, &seen]),
    ];
    assert_eq!(dots([&retold]).len(), 5);
    assert_eq!(root(&first), root(&fourth));
    (batches, vec![first, second, third, earliest, fourth, bob])
}

/// The same batch, as if a peer had sent it.
pub(super) fn from_peer(mut batch: Batch) -> Batch {
    batch.append.iter_mut().for_each(|append| append.source = Source::Peer);
    batch
}
