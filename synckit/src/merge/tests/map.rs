//! `#[merge(map(…))]`: entries with rules of their own.

use std::collections::BTreeMap;

use super::*;
use crate::merge::bytes::encoded;

#[test]
fn a_removal_resets_an_entry_as_far_as_its_author_had_seen_it() {
    let mut held = Held::new();
    held.fold(add(5), &moment(ANN, 1, 1, &[]));
    let removal = remove(&held);
    held.fold(removal, &moment(BOB, 1, 2, &[(ANN, 1)]));
    assert_eq!(held.value(), BTreeMap::new());
    held.fold(add(2), &moment(ANN, 2, 3, &[]));
    assert_eq!(held.value(), one(2), "what was removed does not come back");
}

#[test]
fn a_concurrent_addition_survives_and_nothing_else_does() {
    let mut bobs = Held::new();
    bobs.fold(add(5), &moment(ANN, 1, 1, &[]));
    let removal = (remove(&bobs), moment(BOB, 1, 2, &[(ANN, 1)]));
    let addition = (add(2), moment(ANN, 2, 2, &[]));
    for order in [[&removal, &addition], [&addition, &removal]] {
        let mut held = Held::new();
        held.fold(add(5), &moment(ANN, 1, 1, &[]));
        for (op, at) in order {
            held.fold(op.clone(), at);
        }
        assert_eq!(held.value(), one(2));
    }
}

#[test]
fn two_concurrent_removals_take_away_once() {
    let mut held = Held::new();
    held.fold(add(5), &moment(ANN, 1, 1, &[]));
    let removal = remove(&held);
    held.fold(add(1), &moment(ANN, 2, 2, &[]));
    held.fold(removal.clone(), &moment(BOB, 1, 2, &[(ANN, 1)]));
    held.fold(removal, &moment(CLEO, 1, 2, &[(ANN, 1)]));
    assert_eq!(held.value(), one(1));
}

#[test]
fn a_removal_cannot_claim_what_its_author_had_not_seen() {
    let mut held = Held::new();
    held.fold(add(5), &moment(ANN, 1, 1, &[]));
    let lie = remove(&held);
    held.fold(lie, &moment(BOB, 1, 2, &[]));
    assert_eq!(held.value(), one(5));
}

#[test]
fn a_concurrent_write_of_an_entry_survives_its_removal() {
    let set = |text: &str| MapOp::Entry { key: 1, op: LwwOp::Set(text.to_owned()) };
    let mut labels = Merged::<BTreeMap<u8, String>, Map<Lww>>::new();
    labels.fold(set("cold"), &moment(ANN, 1, 1, &[]));
    labels.fold(set("warm"), &moment(BOB, 1, 2, &[]));
    let open = labels.conflicts();
    assert_eq!((open[0].to_string().as_str(), open[0].rule.as_str()), ("field[1]", "map(lww)"));
    let removal = MapOp::Removed { key: 1, seen: () };
    labels.fold(removal, &moment(CLEO, 1, 3, &[(BOB, 1)]));
    assert_eq!(labels.value(), [(1, "cold".to_owned())].into());
    assert_eq!(labels.conflicts(), [], "and is alone");
}

#[test]
fn an_entry_that_was_removed_for_good_leaves_nothing_unless_it_counts() {
    let mut labels = Merged::<BTreeMap<u8, String>, Map<Lww>>::new();
    let set = MapOp::Entry { key: 1, op: LwwOp::Set("cold".to_owned()) };
    labels.fold(set, &moment(ANN, 1, 1, &[]));
    labels.fold(MapOp::Removed { key: 1, seen: () }, &moment(ANN, 2, 2, &[]));
    assert_eq!(labels.bytes(), b"");
    let mut held = Held::new();
    held.fold(add(5), &moment(ANN, 1, 1, &[]));
    held.fold(remove(&held), &moment(ANN, 2, 2, &[]));
    assert_eq!(held.value(), BTreeMap::new());
    assert_eq!(restored(&held.bytes()), Ok(held.state.clone()));
}

#[test]
fn taking_an_element_out_of_an_absent_entry_makes_no_entry() {
    let mut groups = Merged::<BTreeMap<u8, std::collections::BTreeSet<u8>>, Map<Set>>::new();
    groups.fold(MapOp::Entry { key: 1, op: SetOp::Removed(7) }, &moment(ANN, 1, 1, &[]));
    assert_eq!(groups.bytes(), b"");
}

#[test]
fn a_lesser_value_that_a_removal_had_not_seen_holds_after_it() {
    let raise = |n| MapOp::Entry { key: 1, op: MaxOp::Raised(n) };
    let mut peaks = Merged::<BTreeMap<u8, u8>, Map<Max>>::new();
    peaks.fold(raise(9), &moment(ANN, 1, 1, &[]));
    peaks.fold(raise(7), &moment(ANN, 2, 2, &[]));
    peaks.fold(raise(4), &moment(ANN, 3, 3, &[]));
    assert_eq!(peaks.value(), [(1, 9)].into());
    assert_eq!(restored(&peaks.bytes()), Ok(peaks.state.clone()));
    peaks.fold(MapOp::Removed { key: 1, seen: () }, &moment(BOB, 1, 2, &[(ANN, 1)]));
    assert_eq!(peaks.value(), [(1, 7)].into());
    peaks.fold(MapOp::Removed { key: 1, seen: () }, &moment(BOB, 2, 4, &[(ANN, 3)]));
    assert_eq!(peaks.bytes(), b"");
}

#[test]
fn writes_of_an_entry_in_another_order_are_no_state() {
    const WRITE_BYTES: usize = 40;
    let mut peaks = Merged::<BTreeMap<u8, u8>, Map<Max>>::new();
    for (author, seq, value) in [(ANN, 1, 3), (ANN, 3, 0), (BOB, 2, 2)] {
        let raised = MapOp::Entry { key: 1, op: MaxOp::Raised(value) };
        peaks.fold(raised, &moment(author, seq, seq, &[]));
    }
    let mut bytes = peaks.bytes();
    let begins = bytes.len() - 2 * WRITE_BYTES;
    bytes[begins..].rotate_left(WRITE_BYTES);
    let found = restored::<MapState<u8, JoinState<u8>>>(&bytes);
    assert_eq!(found, Err(WireError::Unsorted { number: 1 }));
}

#[test]
fn what_a_removal_of_a_map_carries_reads_back_and_has_one_form() {
    let mut shelves = Merged::<BTreeMap<u8, BTreeMap<u8, i64>>, Map<Map<Counter>>>::new();
    for (seq, inner) in [(1, 7), (2, 8)] {
        let op = MapOp::Entry { key: inner, op: CounterOp::Added(3) };
        shelves.fold(MapOp::Entry { key: 1, op }, &moment(ANN, seq, seq, &[]));
    }
    let shelf = shelves.state.entry(&1).unwrap();
    let seen = <Map<Counter> as EntryRule<BTreeMap<u8, i64>>>::seen(shelf);
    let bytes = encoded(&seen).unwrap();
    let read =
        |bytes: &[u8]| MapSeen::<CounterSeen>::read(&mut Reader::new(bytes, Unknown::Refuse));
    assert_eq!(read(&bytes), Ok(seen));
    let half = bytes.len() / 2;
    let (first, second) = bytes[1..].split_at(half);
    let swapped = [&bytes[..1], second, first].concat();
    assert!(matches!(read(&swapped), Err(WireError::Invalid { .. })));
    let nothing_seen = [3, 1, 7, 0];
    assert!(matches!(read(&nothing_seen), Err(WireError::Invalid { .. })));
}

type Held = Merged<BTreeMap<u8, i64>, Map<Counter>>;

const fn add(amount: i64) -> MapOp<u8, CounterOp, CounterSeen> {
    MapOp::Entry { key: 1, op: CounterOp::Added(amount) }
}

fn remove(held: &Held) -> MapOp<u8, CounterOp, CounterSeen> {
    let seen = held.state.entry(&1).map(<Counter as EntryRule<i64>>::seen).unwrap_or_default();
    MapOp::Removed { key: 1, seen }
}

fn one(value: i64) -> BTreeMap<u8, i64> {
    [(1, value)].into()
}
