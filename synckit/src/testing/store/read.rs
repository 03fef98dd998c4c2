//! Reading: exactly the rest, in pages that join up.

use super::{Store, commit, dots, events_after, page};
use crate::block::BLOCK_BYTES_MAX;
use crate::id::Position;
use crate::key::ReplicaKey;
use crate::log::READ_BYTES_MAX;
use crate::testing::{Author, batch, pack};

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

/// A block of many runs takes more room beside its bytes than others: a page that ends before it is
/// whole.
pub async fn a_page_ends_before_a_block_of_many_runs(store: Store) {
    const RUNS: u16 = 2_900;
    let mut authors: Vec<_> = (0..RUNS)
        .map(|n| {
            let mut seed = [0xaa; ReplicaKey::SEED_LEN];
            seed[..2].copy_from_slice(&n.to_be_bytes());
            Author::with_key(ReplicaKey::from_seed(&seed))
        })
        .collect();
    let space = authors[0].space().clone();
    let keys: Vec<_> = authors.iter().map(|author| author.key().clone()).collect();
    let keys: Vec<_> = keys.iter().collect();
    let many = pack(&space, &keys, |packer| {
        authors.iter_mut().for_each(|author| author.commit_into(packer, &["x"]));
    });
    let mut ann = Author::new(1);
    // Little enough that a block without places beside it would fit behind it.
    let first = ann.many(2, 100_000);
    assert!(first.bytes().len() + BLOCK_BYTES_MAX < READ_BYTES_MAX);
    commit(&store, batch([&first, &many])).await;
    let mut position = Position::START;
    while position < Position(2 + u64::from(RUNS)) {
        let page = page(&store, &space, position).await;
        assert!(page.through > position);
        position = page.through;
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
        let page = page(&store, ann.space(), position).await;
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
        let page = page(&store, ann.space(), Position(after)).await;
        assert!(page.blocks.is_empty());
        assert_eq!((page.through, page.head), (Position(after), Position(2)));
    }
}
