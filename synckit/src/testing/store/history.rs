//! Histories of aggregates: exactly the blocks that hold their events.

use bytes::Bytes;

use super::{Store, commit};
use crate::id::{AggregateId, Position, SpaceId};
use crate::store::{Change, KeyRange, Read, Table, WriteSet};
use crate::testing::{Author, batch};

/// More events than a store looks through without an index, in blocks that are unevenly shared.
const BLOCKS: usize = 60;

/// From every position, before and after the log was indexed, and when the index is damaged.
pub async fn an_aggregates_history_is_exactly_its_blocks(store: Store) {
    let mut ann = Author::new(1);
    for n in 0..BLOCKS {
        let block = ann.about(["often", "seldom", "once"][which(n)]).many(150 + n, 1);
        commit(&store, batch([&block])).await;
        if n == 2 {
            check(&store, &mut ann).await;
        }
    }
    check(&store, &mut ann).await;
    assert!(!index_rows(&store).await.is_empty(), "the log is long enough to be indexed");
    let block = ann.about("seldom").write("after the index");
    commit(&store, batch([&block])).await;
    check(&store, &mut ann).await;
    for row in index_rows(&store).await {
        let other = [b"damaged".to_vec(), Vec::new()];
        for value in other.map(Bytes::from) {
            let change = Change::Put { table: Table::History, key: row.clone(), value };
            let write = WriteSet { changes: vec![change], ..WriteSet::default() };
            store.rows().write(write).await.unwrap();
            check(&store, &mut ann).await;
        }
    }
    let begins = store.prune(ann.space(), Position(5_000)).await.unwrap();
    assert!(begins > Position::START);
    check(&store, &mut ann).await;
}

fn which(n: usize) -> usize {
    match n {
        7 => 2,
        n if n % 13 == 0 => 1,
        _ => 0,
    }
}

async fn index_rows(store: &Store) -> Vec<Vec<u8>> {
    let all = KeyRange { from: Vec::new(), to: Vec::new() };
    let rows = store.rows().read(vec![Read::range(Table::History, all)]).await.unwrap();
    rows.into_iter().flatten().map(|row| row.key).collect()
}

/// Checks all histories against the log itself.
async fn check(store: &Store, ann: &mut Author) {
    let space = ann.space().clone();
    let log = log_of(store, &space).await;
    let mut ends: Vec<_> = log.iter().map(|(_, end, _)| *end).collect();
    ends.push(Position::START);
    for key in ["often", "seldom", "once", "never"] {
        let aggregate = ann.about(key).aggregate().clone();
        for after in ends.iter().step_by(7).flat_map(|end| [*end, Position(end.0 + 1)]) {
            let expected =
                log.iter().filter(|(_, end, of)| *end > after && of.contains(&aggregate));
            let expected: Vec<_> = expected.map(|(start, _, _)| *start).collect();
            assert_eq!(
                history(store, &space, &aggregate, after).await,
                expected,
                "{key} {after:?}"
            );
        }
    }
}

type Placed = (Position, Position, Vec<AggregateId>);

async fn log_of(store: &Store, space: &SpaceId) -> Vec<Placed> {
    let (mut log, mut after) = (Vec::new(), Position::START);
    loop {
        let page = store.read_after(space, after).await.unwrap();
        if page.blocks.is_empty() {
            return log;
        }
        after = page.through;
        let placed = page.blocks.iter().map(|log| {
            let aggregates = log.block.aggregates().to_vec();
            (log.start, log.end(), aggregates)
        });
        log.extend(placed);
    }
}

/// The positions where the blocks of an aggregate's history begin, page by page.
async fn history(
    store: &Store,
    space: &SpaceId,
    aggregate: &AggregateId,
    after: Position,
) -> Vec<Position> {
    let (mut starts, mut through) = (Vec::new(), after);
    loop {
        let page = store.history(space, aggregate, through).await.unwrap();
        starts.extend(page.blocks.iter().map(|log| log.start));
        if page.through >= page.head {
            return starts;
        }
        assert!(page.through > through, "a page goes on");
        through = page.through;
    }
}
