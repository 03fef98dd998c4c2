//! Reading: exactly the rest, in pages that join up.

use super::{Store, commit, dots, events_after};
use crate::id::Position;
use crate::log::READ_BYTES_MAX;
use crate::testing::{Author, batch};

/// From every position, also those inside a block and inside a commit.
pub async fn reading_after_any_position_gives_exactly_the_rest(store: Store) {
    let (mut ann, mut bob) = (Author::new(1), Author::new(2));
    let blocks = [
        ann.commit(&["1", "2", "3"]),
        bob.commits(&[&["a"], &["b", "c"]]),
        ann.write("4"),
        bob.commits(&[&["d"], &["e"], &["f", "g"]]),
    ];
    for block in &blocks {
        commit(&store, batch([block])).await;
    }
    let all = dots(&blocks);
    for after in 0..=all.len() {
        let rest = events_after(&store, ann.space(), Position(after as u64)).await;
        assert_eq!(rest.iter().map(|(dot, _)| *dot).collect::<Vec<_>>(), all[after..]);
    }
}

/// A page holds at least one block, and no more than fits; the next begins where it ends.
pub async fn reading_gives_pages_that_join_up(store: Store) {
    let mut ann = Author::new(1);
    let blocks: Vec<_> = (0..5).map(|_| ann.many(4, 100_000)).collect();
    commit(&store, batch(&blocks)).await;
    let mut position = Position::START;
    let mut pages = 0;
    while position < Position(20) {
        let page = store.read_after(ann.space(), position).await.unwrap();
        let bytes: usize = page.blocks.iter().map(|log| log.block.bytes().len()).sum();
        assert!(page.blocks.len() == 1 || bytes <= READ_BYTES_MAX);
        assert_eq!(page.head, Position(20));
        assert!(page.through > position);
        (position, pages) = (page.through, pages + 1);
    }
    assert!(pages > 1, "everything came at once");
    assert_eq!(events_after(&store, ann.space(), Position::START).await.len(), 20);
}

/// At the end and behind it there is nothing, and the page says where the log ends.
pub async fn reading_past_the_end_gives_nothing(store: Store) {
    let mut ann = Author::new(1);
    commit(&store, batch([&ann.commit(&["1", "2"])])).await;
    for after in [2, 3, u64::MAX] {
        let page = store.read_after(ann.space(), Position(after)).await.unwrap();
        assert!(page.blocks.is_empty());
        assert_eq!((page.through, page.head), (Position(after), Position(2)));
    }
}
