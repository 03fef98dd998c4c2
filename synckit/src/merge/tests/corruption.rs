//! Stored states that were damaged: refused or read as another state, never a panic.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::Config;

use super::world::{State, history};
use super::*;
use crate::merge::bytes::encoded;

proptest! {
    #![proptest_config(Config { cases: 400, failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_state_comes_back_from_its_bytes(history in history()) {
        let mut state = State::default();
        history.iter().for_each(|event| state.apply(event));
        prop_assert_eq!(State::restore(&state.bytes()), Ok(state));
    }

    #[test]
    fn a_damaged_state_is_refused_or_is_the_only_form_of_another(
        history in history(),
        damage in vec((any::<Index>(), any::<u8>(), any::<bool>()), 1..4),
        length in any::<Index>(),
    ) {
        let mut state = State::default();
        history.iter().for_each(|event| state.apply(event));
        let mut bytes = state.bytes();
        for (at, byte, small) in damage {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = if small { bytes[at].wrapping_add(1) } else { byte };
            }
        }
        if length.index(4) == 0 {
            bytes.truncate(length.index(bytes.len() + 1));
        }
        if let Ok(other) = State::restore(&bytes) {
            prop_assert_eq!(other.bytes(), bytes);
            let mut state = other;
            history.iter().for_each(|event| state.apply(event));
        }
    }
}

#[test]
fn any_other_byte_of_these_states_is_refused_or_is_the_only_form_of_another() {
    let mut first = Merged::<std::collections::BTreeMap<u8, u8>, Map<Fww>>::new();
    let mut pending = Merged::<Pending<u8>, Manual>::new();
    let mut joined = Merged::<Option<u8>, Max>::new();
    for (author, seq, seen) in [(ANN, 1, &[][..]), (BOB, 1, &[]), (ANN, 2, &[(BOB, 1)])] {
        let at = moment(author, seq, seq, seen);
        let value = author + u8::try_from(seq).unwrap();
        first.fold(MapOp::Entry { key: 1, op: FwwOp::Set(value) }, &at);
        let agreed = pending.state.carried_by(Some(at.dot.replica));
        pending.fold(ManualOp::Set { value, agreed }, &at);
        joined.fold(MaxOp::Raised(value), &at);
    }
    damaged(&first.state);
    damaged(&pending.state);
    damaged(&joined.state);
}

#[test]
fn any_other_byte_of_a_text_or_a_list_is_refused_or_is_the_only_form_of_another() {
    let mut text = Merged::<String, Text>::new();
    let mut list = Merged::<Vec<u8>, List>::new();
    for (seq, at) in [(1, 0), (2, 2), (3, 1)] {
        let now = moment(ANN, seq, seq, &[]);
        let place = text.state.0.place_at(at, Some(now.dot)).unwrap();
        text.fold(TextOp::Inserted { text: "ab".to_owned(), place }, &now);
        let place = list.state.place_at(at, Some(now.dot)).unwrap();
        list.fold(ListOp::Inserted { values: vec![7, 8], place }, &now);
    }
    for (author, seen) in [(ANN, [(BOB, 0)]), (BOB, [(ANN, 3)])] {
        let now = moment(author, 4, 4, &seen);
        let ranges = text.state.0.ranges(2..3, Some(now.dot)).remove(0);
        text.fold(TextOp::Deleted { ranges }, &now);
        let item = list.state.name_at(0).unwrap();
        list.fold(ListOp::Set { item, value: author }, &now);
    }
    let now = moment(BOB, 5, 5, &[(ANN, 4)]);
    let (item, place) = (list.state.name_at(1), list.state.place_at(4, Some(now.dot)));
    list.fold(ListOp::Moved { item: item.unwrap(), place: place.unwrap() }, &now);
    damaged(&text.state);
    damaged(&list.state);
}

fn damaged<S: MergeState>(state: &S) {
    let bytes = bytes(state);
    for at in 0..bytes.len() {
        for byte in 0..=u8::MAX {
            let mut damaged = bytes.clone();
            damaged[at] = byte;
            if let Ok(other) = restored::<S>(&damaged) {
                assert_eq!(super::bytes(&other), damaged, "byte {at}");
            }
        }
        assert!(at == 0 || restored::<S>(&bytes[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn an_agreed_value_that_an_operation_carries_reads_back_and_no_part_of_it_is_one() {
    let mut pending = Merged::<Pending<String>, Manual>::new();
    let set = |agreed| ManualOp::Set { value: "30 days".to_owned(), agreed };
    pending.fold(set(None), &moment(ANN, 1, 1, &[]));
    let agreed = pending.state.carried_by(None).unwrap();
    let bytes = encoded(&agreed).unwrap();
    let read = |bytes: &[u8]| Agreed::<String>::read(&mut Reader::new(bytes, Unknown::Refuse));
    assert_eq!(read(&bytes), Ok(agreed));
    assert!((0..bytes.len()).all(|end| read(&bytes[..end]).is_err()));
}
