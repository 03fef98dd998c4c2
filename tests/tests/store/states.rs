//! Large states: what a change of one costs, and what is left of those before.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use synckit::id::{AggregateId, Key, Name, Position, SpaceId};
use synckit::store::{
    Batch, Change, Checkpoint, CheckpointMark, EventStore, KeyRange, LIST_ROWS_MAX, MemoryRows,
    Read, Row, Rows, StoreError, StoreErrorKind, Table, WriteSet,
};
use synckit::testing::Dice;

/// Rows that count the bytes written.
#[derive(Debug, Clone, Default)]
struct Counted {
    rows: Arc<MemoryRows>,
    bytes: Arc<AtomicUsize>,
}

#[async_trait]
impl Rows for Counted {
    async fn read(&self, reads: Vec<Read>) -> Result<Vec<Vec<Row>>, StoreError> {
        self.rows.read(reads).await
    }

    async fn write(&self, write: WriteSet) -> Result<(), StoreError> {
        let bytes = write.changes.iter().map(|change| match change {
            Change::Put { key, value, .. } => key.len() + value.len(),
            Change::Remove { range, .. } => range.from.len() + range.to.len(),
        });
        self.bytes.fetch_add(bytes.sum(), Ordering::Relaxed);
        self.rows.write(write).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Counted {
    async fn store(&self) -> EventStore {
        EventStore::over(self.clone()).await.unwrap()
    }

    /// The rows of states and of their parts.
    async fn of_states(&self) -> Vec<Vec<Row>> {
        let all = |table| Read::range(table, KeyRange::prefix(&[]));
        self.rows.read(vec![all(Table::States), all(Table::Parts)]).await.unwrap()
    }

    async fn damage(&self, change: Change) {
        let mut write = WriteSet::default();
        write.changes.push(change);
        self.rows.write(write).await.unwrap();
    }
}

#[tokio::test]
async fn a_change_of_a_large_state_is_written_a_little() {
    let rows = Counted::default();
    let store = rows.store().await;
    let mut state = noise(&mut Dice::new(1), 8 << 20);
    checkpoint(&store, 1, &[("list", &state)]).await;
    let whole = rows.bytes.swap(0, Ordering::Relaxed);
    for (step, place) in [0, 70_000, 4 << 20, state.len()].into_iter().enumerate() {
        state.splice(place..place, *b"an entry");
        checkpoint(&store, 2 + step as u64, &[("list", &state)]).await;
        let written = rows.bytes.swap(0, Ordering::Relaxed);
        assert!(written * 60 < whole, "{written} of {whole} bytes at {place}");
        assert!(read(&store, "list").await == Some(state.clone().into()), "at {place}");
    }
}

/// Whatever was stored before: the rows are those of a store that has never held anything else.
#[tokio::test]
async fn nothing_is_left_of_states_that_were_replaced() {
    let mut dice = Dice::new(7);
    let rows = Counted::default();
    let store = Arc::new(rows.store().await);
    let mut states: Vec<_> = NAMES.iter().map(|_| Vec::new()).collect();
    for round in 1..=60 {
        let chosen = dice.below(NAMES.len());
        change(&mut dice, &mut states[chosen]);
        if dice.below(4) == 0 {
            // Another one that nobody waits for before the next.
            let twin = noise(&mut dice, 100_000);
            let [twin, state] = [&twin, &states[chosen]].map(|it| [(NAMES[chosen], &it[..])]);
            let first = checkpoint(&store, round, &twin);
            tokio::join!(biased; first, checkpoint(&store, round, &state));
        } else if dice.below(8) == 0 {
            let all: Vec<_> = NAMES.iter().copied().zip(states.iter().map(Vec::as_slice)).collect();
            commit(&store, round, true, &all).await;
        } else {
            checkpoint(&store, round, &[(NAMES[chosen], &states[chosen])]).await;
        }
        for (name, state) in NAMES.iter().zip(&states) {
            let found = read(&store, name).await.unwrap_or_default();
            assert!(found == state, "{name} in round {round}");
        }
    }
    let fresh = Counted::default();
    let written: Vec<_> = NAMES.iter().copied().zip(states.iter().map(Vec::as_slice)).collect();
    checkpoint(&fresh.store().await, 1, &written).await;
    assert!(rows.of_states().await == fresh.of_states().await);
    commit(&store, 99, true, &[]).await;
    assert_eq!(rows.of_states().await, [[], []]);
}

#[tokio::test]
async fn a_reader_sees_one_of_the_states_that_were_stored() {
    let store = Arc::new(Counted::default().store().await);
    let mut dice = Dice::new(3);
    let before = noise(&mut dice, 900_000);
    let mut after = before.clone();
    (0..20).for_each(|_| change(&mut dice, &mut after));
    checkpoint(&store, 1, &[("list", &before)]).await;
    let writer = {
        let (store, before, after) = (Arc::clone(&store), before.clone(), after.clone());
        tokio::spawn(async move {
            for round in 2..60 {
                let state = if round % 2 == 0 { &after } else { &before };
                checkpoint(&store, round, &[("list", state)]).await;
            }
        })
    };
    let mut reads = 0;
    while !writer.is_finished() {
        let state = read(&store, "list").await.unwrap();
        let listed = store.states(&SpaceId::default(), &kind(), None, LIST_ROWS_MAX).await.unwrap();
        let [(_, listed)] = &listed[..] else { panic!("{} rows", listed.len()) };
        assert!([&state, listed].into_iter().all(|it| *it == before || *it == after));
        reads += 1;
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
    assert!(reads > 0);
}

#[tokio::test]
async fn a_part_that_is_missing_or_damaged_is_no_state() {
    let mut dice = Dice::new(5);
    let state = noise(&mut dice, 200_000);
    for damages in [false, true] {
        let rows = Counted::default();
        let store = rows.store().await;
        checkpoint(&store, 1, &[("list", &state), ("other", b"small")]).await;
        let [_, parts] = &rows.of_states().await[..] else { panic!("two tables") };
        let Row { key, value } = parts[2].clone();
        let mut value = value.to_vec();
        value[100] ^= 1;
        let table = Table::Parts;
        rows.damage(if damages {
            Change::Put { table, key, value: value.into() }
        } else {
            Change::Remove { table, range: KeyRange::one(&key) }
        })
        .await;
        let error = store.state(&SpaceId::default(), &note("list")).await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::Corrupt, "{error:?}");
        assert_eq!(read(&store, "other").await.as_deref(), Some(&b"small"[..]));
        // Whatever replaces all of them does not ask what there was.
        commit(&store, 2, true, &[("list", &state)]).await;
        assert!(read(&store, "list").await == Some(state.clone().into()));
    }
}

const NAMES: [&str; 4] = ["a", "list", "list 2", "z"];

/// Now small, now large; now a little changed, now all.
fn change(dice: &mut Dice, state: &mut Vec<u8>) {
    match dice.below(6) {
        0 => {
            let len = [0, 9, 40_000, 400_000][dice.below(4)];
            *state = noise(dice, len);
        }
        1 => state.insert(0, 0),
        2 => state.truncate(state.len() / 2),
        3 => state.extend_from_within(..),
        _ => {
            let place = dice.below(state.len() + 1);
            state.splice(place..place, *b"an entry");
        }
    }
    state.truncate(1 << 20);
}

fn noise(dice: &mut Dice, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let seed = dice.word().to_le_bytes();
    blake3::Hasher::new().update(&seed).finalize_xof().fill(&mut bytes);
    bytes
}

async fn read(store: &EventStore, name: &str) -> Option<Bytes> {
    store.state(&SpaceId::default(), &note(name)).await.unwrap()
}

async fn checkpoint(store: &EventStore, position: u64, states: &[(&str, &[u8])]) {
    commit(store, position, false, states).await;
}

async fn commit(store: &EventStore, position: u64, replaces_all: bool, states: &[(&str, &[u8])]) {
    let states = states.iter().map(|(name, state)| (note(name), Bytes::copy_from_slice(state)));
    let mark = CheckpointMark::new(Position(position), [1; 32], 0);
    let mut checkpoint = Checkpoint::new(mark, states.collect());
    checkpoint.replaces_all = replaces_all;
    let mut batch = Batch::new(SpaceId::default());
    batch.checkpoint = Some(checkpoint);
    store.commit(batch).await.unwrap();
}

fn note(name: &str) -> AggregateId {
    AggregateId { kind: kind(), key: Key::new(name.as_bytes()).unwrap() }
}

fn kind() -> Name {
    Name::new("note").unwrap()
}
