//! Nesting is bounded on both sides, in time as in stack.

use std::collections::{BTreeMap, BTreeSet};

use super::samples::message;
use super::*;
use crate::wire::{DEPTH_MAX, Field, Reader, Shape, Value, ValueRef, WireType, Writer};

#[test]
fn messages_nest_as_deep_as_the_limit_and_no_deeper() {
    let deepest = chain(DEPTH_MAX.into());
    let bytes = encode(&deepest).unwrap();
    assert_eq!(decode::<Chain>(&bytes), Ok(deepest));
    assert_eq!(encode(&chain(usize::from(DEPTH_MAX) + 1)), Err(WireError::TooDeep));
}

#[test]
fn the_reader_refuses_what_the_writer_would() {
    let bytes = |levels: usize| (0..levels).fold(Vec::new(), |inner, _| enclose(&inner));
    assert!(decode::<Chain>(&bytes(DEPTH_MAX.into())).is_ok());
    assert_eq!(decode::<Chain>(&bytes(usize::from(DEPTH_MAX) + 1)), Err(WireError::TooDeep));
    assert_eq!(decode::<Chain>(&bytes(3_000)), Err(WireError::TooDeep));
}

#[test]
fn a_value_far_too_deep_is_refused_without_following_it_to_the_end() {
    assert_eq!(encode(&chain(2_000)), Err(WireError::TooDeep));
}

#[test]
fn sets_in_sets_are_written_once_each() {
    let deepest = (0..DEPTH_MAX).fold(Nest::default(), |inner, _| Nest { sets: [inner].into() });
    let bytes = encode(&deepest).unwrap();
    assert_eq!(decode::<Nest>(&bytes), Ok(deepest.clone()));
    assert_eq!(encode(&Nest { sets: [deepest].into() }), Err(WireError::TooDeep));
}

#[test]
fn maps_in_the_keys_of_maps_are_written_once_each() {
    let levels = DEPTH_MAX / 2;
    let deepest = (0..levels).fold(Keys::default(), |inner, _| Keys { maps: [(inner, 1)].into() });
    let bytes = encode(&deepest).unwrap();
    assert_eq!(decode::<Keys>(&bytes), Ok(deepest.clone()));
    assert_eq!(encode(&Keys { maps: [(deepest, 1)].into() }), Err(WireError::TooDeep));
}

#[test]
fn a_set_at_the_bottom_counts_as_a_level() {
    let bottom = |levels| {
        let mut chain = chain(levels);
        let mut last = &mut chain;
        while last.next.is_some() {
            last = last.next.as_mut().unwrap();
        }
        last.packed = [1, 2].into();
        chain
    };
    let fits = bottom(usize::from(DEPTH_MAX) - 1);
    assert_eq!(decode(&encode(&fits).unwrap()), Ok(fits));
    assert_eq!(encode(&bottom(DEPTH_MAX.into())), Err(WireError::TooDeep));
}

/// A message that holds itself `levels` times.
fn chain(levels: usize) -> Chain {
    (0..levels).fold(Chain::default(), |inner, _| Chain {
        next: Some(Box::new(inner)),
        ..Chain::default()
    })
}

/// The bytes of a message whose field 1 is these bytes.
fn enclose(inner: &[u8]) -> Vec<u8> {
    let mut out = Writer::new();
    out.tag(1, WireType::Len);
    out.bytes(inner);
    out.finish().unwrap()
}

message!(#[derive(Default)] Chain { 1 next: Option<Box<Chain>>, 2 packed: BTreeSet<u8> });

message!(#[derive(Default, Eq, PartialOrd, Ord)] Nest { 1 sets: BTreeSet<Nest> });

message!(#[derive(Default, Eq, PartialOrd, Ord)] Keys { 1 maps: BTreeMap<Keys, u8> });
