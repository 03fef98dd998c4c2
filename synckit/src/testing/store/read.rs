//! What reads give: exactly the rest, in pages that join up.

use super::{Store, commit, dots, events_after};
use crate::block::Block;
use crate::id::{AggregateId, Dot, Position, ReplicaId};
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
    let of_ann = replica_dots(&store, &ann, ann.id(), 1).await;
    assert_eq!(of_ann, dots(&blocks));
}

/// At the end and behind it there is nothing, and the page says where the log ends.
pub async fn reading_past_the_end_gives_nothing(store: Store) {
    let mut ann = Author::new(1);
    commit(&store, batch([&ann.commit(&["1", "2"])])).await;
    for after in [2, 3, u64::MAX] {
        let page = store.read_after(ann.space(), Position(after)).await.unwrap();
        assert!(page.blocks.is_empty());
        assert_eq!((page.through, page.head), (Position(after), Position(2)));
        let aggregate = ann.aggregate();
        let page = store.read_aggregate(ann.space(), aggregate, Position(after)).await.unwrap();
        assert!(page.blocks.is_empty());
    }
    let page = store.read_replica(ann.space(), &ann.id(), 3).await.unwrap();
    assert!(page.blocks.is_empty());
}

/// The blocks with a replica's events from a number on, whatever else they hold.
pub async fn a_replicas_events_are_found_from_any_number(store: Store) {
    let (mut ann, mut bob) = (Author::new(1), Author::new(2));
    let mut blocks = vec![ann.commits(&[&["1"], &["2", "3"]]), bob.write("a")];
    let space = ann.space().clone();
    blocks.push(pack(&space, |packer| {
        bob.commit_into(packer, &["b"]);
        ann.commit_into(packer, &["4"]);
    }));
    blocks.extend([bob.write("c"), ann.commit(&["5", "6"])]);
    commit(&store, batch(&blocks)).await;
    for from_seq in 0..=7 {
        let found = replica_dots(&store, &ann, ann.id(), from_seq).await;
        let seqs: Vec<_> = found.iter().map(|dot| dot.seq).collect();
        assert_eq!(seqs, (from_seq.max(1)..=6).collect::<Vec<_>>());
    }
    assert_eq!(replica_dots(&store, &ann, bob.id(), 2).await.len(), 2);
    assert!(replica_dots(&store, &ann, Author::new(3).id(), 1).await.is_empty());
}

/// The blocks with an aggregate's events after a position.
pub async fn an_aggregates_events_are_found_after_any_position(store: Store) {
    let mut ann = Author::new(1);
    let blocks = notes(&mut ann, 3);
    commit(&store, batch(&blocks)).await;
    for note in ["note 0", "note 1", "note 2"] {
        let aggregate = ann.about(note).aggregate().clone();
        for after in 0..=12 {
            let expected = positions(&blocks, &aggregate, after);
            assert_eq!(aggregate_positions(&store, &ann, &aggregate, after).await, expected);
        }
    }
    let nothing = ann.about("note").aggregate().clone();
    assert!(aggregate_positions(&store, &ann, &nothing, 0).await.is_empty());
}

/// The same where there is so much that a store will have an index.
pub async fn an_aggregates_events_are_found_in_a_long_log(store: Store) {
    let mut ann = Author::new(1);
    let mut blocks = notes(&mut ann, 2);
    blocks.extend((0..3).map(|_| ann.about("noise").many(4_000, 1)));
    blocks.extend(notes(&mut ann, 2));
    let aggregate = ann.about("note 1").aggregate().clone();
    commit(&store, batch(&blocks)).await;
    for after in [0, 1, 2, 8_000, 12_011] {
        let expected = positions(&blocks, &aggregate, after);
        assert_eq!(aggregate_positions(&store, &ann, &aggregate, after).await, expected);
    }
    let more = notes(&mut ann, 2);
    commit(&store, batch(&more)).await;
    blocks.extend(more);
    let expected = positions(&blocks, &aggregate, 0);
    assert_eq!(aggregate_positions(&store, &ann, &aggregate, 0).await, expected);
}

/// Blocks of two commits each, which take turns about several notes.
fn notes(ann: &mut Author, count: usize) -> Vec<Block> {
    let space = ann.space().clone();
    let block = |turn: usize| {
        pack(&space, |packer| {
            for part in 0..2 {
                let note = format!("note {}", (turn + part) % count);
                ann.about(&note).commit_into(packer, &["text"]);
            }
        })
    };
    (0..2 * count).map(block).collect()
}

/// Where the events of an aggregate are, if the blocks are a whole log.
fn positions(blocks: &[Block], aggregate: &AggregateId, after: u64) -> Vec<u64> {
    let entries = blocks.iter().flat_map(Block::entries);
    let of_aggregate = (0..).zip(entries).filter(|(_, entry)| entry.aggregate() == aggregate);
    of_aggregate.map(|(position, _)| position).filter(|position| *position >= after).collect()
}

async fn aggregate_positions(
    store: &Store,
    ann: &Author,
    aggregate: &AggregateId,
    after: u64,
) -> Vec<u64> {
    let mut positions = Vec::new();
    let mut through = Position(after);
    loop {
        let page = store.read_aggregate(ann.space(), aggregate, through).await.unwrap();
        if page.blocks.is_empty() {
            return positions;
        }
        for log in &page.blocks {
            let entries = (log.start.0..).zip(log.block.entries());
            let of_aggregate = entries.filter(|(_, entry)| entry.aggregate() == aggregate);
            positions.extend(of_aggregate.map(|(at, _)| at).filter(|at| *at >= through.0));
        }
        assert!(page.through > through);
        through = page.through;
    }
}

async fn replica_dots(store: &Store, ann: &Author, replica: ReplicaId, from_seq: u64) -> Vec<Dot> {
    let mut found = Vec::new();
    let mut next = from_seq;
    loop {
        let page = store.read_replica(ann.space(), &replica, next).await.unwrap();
        if page.blocks.is_empty() {
            return found;
        }
        let dots = dots(page.blocks.iter().map(|log| &log.block));
        found.extend(dots.into_iter().filter(|dot| dot.replica == replica && dot.seq >= next));
        next = found.last().map_or(next, |last| last.seq + 1);
    }
}
