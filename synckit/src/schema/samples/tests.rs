//! Payloads that are drawn.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::wire::{Field, Reader, Unknown};

#[test]
fn what_is_drawn_can_be_read() {
    drawn_for::<String>(16);
    drawn_for::<Vec<u8>>(6);
    drawn_for::<Vec<u16>>(16);
    drawn_for::<Vec<String>>(16);
    drawn_for::<Option<i64>>(16);
    drawn_for::<BTreeSet<i8>>(16);
    drawn_for::<BTreeSet<String>>(16);
    drawn_for::<BTreeMap<String, u32>>(16);
    drawn_for::<BTreeMap<u8, f64>>(16);
    drawn_for::<[u8; 16]>(16);
    drawn_for::<char>(4);
    drawn_for::<bool>(2);
}

#[test]
fn values_of_hand_written_encodings_are_guessed() {
    drawn_for::<std::time::Duration>(1);
    drawn_for::<std::time::SystemTime>(4);
    drawn_for::<std::net::IpAddr>(2);
    drawn_for::<std::num::NonZeroU8>(3);
    drawn_for::<u128>(1);
}

#[test]
fn the_same_is_drawn_again() {
    let fields = [FieldSchema::new(2, "b", u64::SHAPE), FieldSchema::new(1, "a", String::SHAPE)];
    assert_eq!(payload(&fields, 7), payload(&fields, 7));
    assert_ne!(payload(&fields, 7), payload(&fields, 8));
}

fn drawn_for<F: Field>(least: usize) {
    let read = |payload: &Vec<u8>| {
        let mut input = Reader::new(payload, Unknown::Refuse);
        F::read_field(1, &mut input).and_then(|_| input.finish()).is_ok()
    };
    let fields = [FieldSchema::new(1, "field", F::SHAPE)];
    let drawn: BTreeSet<_> = (0..TRIES).filter_map(|seed| payload(&fields, seed)).collect();
    let readable = drawn.iter().filter(|payload| read(payload)).count();
    assert!(readable >= least, "{readable} of {}", std::any::type_name::<F>());
    assert!(
        readable == drawn.len() || F::SHAPE.named().len() == 1,
        "{}",
        std::any::type_name::<F>()
    );
}
