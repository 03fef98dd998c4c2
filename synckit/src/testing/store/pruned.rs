//! Logs that begin after position 0.

use super::{Durable, Store, commit, dots, events_after, heads};
use crate::block::Block;
use crate::id::Position;
use crate::store::EventStore;
use crate::testing::{Author, batch};

/// Pruned events are not there, the page says where the log begins, and the rest is where it was.
pub async fn a_log_that_begins_later_is_read_from_there(store: Store) {
    let mut ann = Author::new(1);
    let blocks = [ann.commit(&["1", "2"]), ann.write("3"), ann.commit(&["4", "5"])];
    commit(&store, batch(&blocks)).await;
    let begins = store.prune(ann.space(), Position(2)).await.unwrap();
    assert_eq!(begins, Position(2));
    for after in 0..2 {
        let page = store.read_after(ann.space(), Position(after)).await.unwrap();
        assert_eq!((page.begins, page.blocks[0].start), (begins, begins));
        assert_eq!((page.through, page.head), (Position(5), Position(5)));
    }
    for after in 2..=5usize {
        let rest = events_after(&store, ann.space(), Position(after as u64)).await;
        assert_eq!(rest.iter().map(|(dot, _)| *dot).collect::<Vec<_>>(), dots(&blocks)[after..]);
    }
    assert_eq!(store.head(ann.space()).await.unwrap(), Position(5));
    assert_eq!(heads(&store, ann.space()).await, [ann.head()]);
}

/// Writing goes on where it was; events that were pruned are passed over when they come again.
pub async fn a_log_that_begins_later_is_written_to(store: Store) {
    let mut ann = Author::new(1);
    let blocks = [ann.commit(&["1", "2"]), ann.write("3")];
    commit(&store, batch(&blocks)).await;
    for before in [Position(2), Position(3)] {
        assert_eq!(store.prune(ann.space(), before).await.unwrap(), before);
        assert_eq!(commit(&store, batch(&blocks)).await.appended, 0);
    }
    assert!(store.read_after(ann.space(), Position::START).await.unwrap().blocks.is_empty());
    let committed = commit(&store, batch([&ann.write("4")])).await;
    assert_eq!((committed.head, committed.appended), (Position(4), 1));
    let page = store.read_after(ann.space(), Position::START).await.unwrap();
    assert_eq!((page.begins, page.blocks[0].start), (Position(3), Position(3)));
}

/// A branch that leaves another before the log begins is admitted like any other, and commits that
/// were never held are told from those that were pruned.
pub async fn a_branch_may_leave_what_was_pruned(store: Store) {
    let mut ann = Author::new(1);
    let mut twin = ann.clone();
    // One run, so that nothing but its end is known without its block.
    let kept = ann.commits(&[&["1"], &["2"], &["3", "4"], &["5"]]);
    let others =
        [twin.commits(&[&["1"], &["two"]]), twin.commits(&[&["three", "four"], &["five"]])];
    let whole = EventStore::in_memory_as(&[9; 32]);
    for store in [&*store, &whole] {
        store.commit(batch([&kept])).await.unwrap();
    }
    let space = ann.space();
    store.prune(space, Position(u64::MAX)).await.unwrap();
    let unknown: Vec<_> = others.iter().flat_map(Block::ends).collect();
    assert!(store.cover(space, &unknown).await.unwrap().is_empty());
    for (block, fresh) in others.iter().zip([1, 3]) {
        for store in [&*store, &whole] {
            assert_eq!(store.commit(batch([block])).await.unwrap().appended, fresh);
        }
    }
    assert_eq!(store.branches(space).await.unwrap(), whole.branches(space).await.unwrap());
    assert_eq!(store.forks(space).await.unwrap()[0].after, 1);
    assert_eq!(commit(&store, batch([&kept])).await.appended, 0, "it was held");
}

/// Nothing needs a log's first event to open it.
pub async fn what_was_pruned_stays_so_after_reopening(place: Durable) {
    let (mut ann, store) = (Author::new(1), place.open().await);
    commit(&store, batch([&ann.commit(&["1", "2"]), &ann.write("3")])).await;
    store.prune(ann.space(), Position(2)).await.unwrap();
    let store = place.reopen(store).await;
    let page = store.read_after(ann.space(), Position::START).await.unwrap();
    assert_eq!((page.begins, page.through), (Position(2), Position(3)));
    assert_eq!(commit(&store, batch([&ann.write("4")])).await.head, Position(4));
}
