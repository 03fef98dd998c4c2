//! One value has one encoding, both ways.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::samples::{self, Leaf, Lists, Maybe, Numbers, Small, Sorted, Texts, Tree};
use super::*;

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn every_value_comes_back_from_its_bytes(sample in samples::sample()) {
        let bytes = encode(&sample).unwrap();
        let back: samples::Sample = decode(&bytes).unwrap();
        prop_assert_eq!(encode(&back).unwrap(), bytes);
        prop_assert_eq!(without_nan(back), without_nan(sample));
    }

    #[test]
    fn bytes_that_are_accepted_are_the_bytes_that_would_be_written(
        sample in samples::sample(),
        damage in vec(damage(), 1..3),
    ) {
        let mut bytes = encode(&sample).unwrap();
        damage.iter().for_each(|damage| damage.inflict(&mut bytes));
        accepted_only_if_canonical::<samples::Sample>(&bytes)?;
    }
}

proptest! {
    #![proptest_config(cases(800))]

    #[test]
    fn small_messages_are_accepted_in_no_second_form(
        small in samples::small(),
        damage in vec(damage(), 1..3),
    ) {
        let mut bytes = encode(&small).unwrap();
        damage.iter().for_each(|damage| damage.inflict(&mut bytes));
        accepted_only_if_canonical::<Small>(&bytes)?;
    }

    #[test]
    fn loose_protobuf_is_accepted_in_no_second_form(fields in vec(loose_field(), 0..6)) {
        let bytes = fields.concat();
        accepted_only_if_canonical::<Small>(&bytes)?;
        accepted_only_if_canonical::<Leaf>(&bytes)?;
        accepted_only_if_canonical::<Tree>(&bytes)?;
    }

    #[test]
    fn arbitrary_bytes_are_accepted_in_no_second_form(bytes in vec(any::<u8>(), 0..24)) {
        accepted_only_if_canonical::<Numbers>(&bytes)?;
        accepted_only_if_canonical::<Texts>(&bytes)?;
        accepted_only_if_canonical::<Maybe>(&bytes)?;
        accepted_only_if_canonical::<Lists>(&bytes)?;
        accepted_only_if_canonical::<Sorted>(&bytes)?;
        accepted_only_if_canonical::<Tree>(&bytes)?;
    }

    #[test]
    fn an_older_reader_passes_over_what_a_newer_writer_added(
        leaf in (any::<bool>(), any::<i64>()),
        added in canonical_value(),
    ) {
        let old = Leaf { label: leaf.0.to_string(), weight: leaf.1 };
        let mut bytes = encode(&old).unwrap();
        bytes.extend(tagged(9, &added));
        prop_assert_eq!(decode_with::<Leaf>(&bytes, Unknown::Skip), Ok(old));
        prop_assert_eq!(decode::<Leaf>(&bytes), Err(WireError::UnknownField { number: 9 }));
    }
}

#[test]
fn integers_above_two_to_the_53rd_survive() {
    for (long, signed_long) in [
        ((1 << 53) + 1, (1 << 53) + 1),
        (u64::MAX, i64::MAX),
        (u64::MAX - 1, i64::MIN),
        (1 << 63, -(1 << 53) - 1),
    ] {
        let numbers = Numbers { long, signed_long, ..zeros() };
        assert_eq!(decode::<Numbers>(&encode(&numbers).unwrap()), Ok(numbers));
    }
}

#[test]
fn plain_fields_are_written_when_they_are_zero_and_collections_left_out_when_empty() {
    let leaf = Leaf { label: String::new(), weight: 0 };
    assert_eq!(encode(&leaf).unwrap(), [0x0a, 0, 0x10, 0]);
    let lists = Lists {
        numbers: vec![],
        flags: vec![],
        doubles: vec![],
        singles: vec![],
        words: vec![],
        leaves: vec![],
    };
    assert_eq!(encode(&lists).unwrap(), b"");
}

#[test]
fn sets_stand_in_the_order_of_their_encoded_elements() {
    let words = ["b", "aa", "c"].map(str::to_owned).into();
    let signed = [-1, 1, 0].into();
    let sorted = Sorted { words, signed, ..nothing_sorted() };
    let expected = [b"\x0a\x01b\x0a\x01c\x0a\x02aa".as_slice(), &[0x1a, 3, 0, 1, 2]].concat();
    assert_eq!(encode(&sorted).unwrap(), expected);
}

pub(super) fn zeros() -> Numbers {
    Numbers {
        tiny: 0,
        short: 0,
        medium: 0,
        long: 0,
        signed_tiny: 0,
        signed_short: 0,
        signed_medium: 0,
        signed_long: 0,
        yes: false,
        letter: '\0',
        single: 0.0,
        double: 0.0,
    }
}

pub(super) fn nothing_sorted() -> Sorted {
    decode(&[]).unwrap()
}

fn accepted_only_if_canonical<M: Message>(bytes: &[u8]) -> Result<(), TestCaseError> {
    // Passing over unknown fields must never do worse than return an error.
    let _ = decode_with::<M>(bytes, Unknown::Skip);
    if let Ok(message) = decode::<M>(bytes) {
        prop_assert_eq!(encode(&message).unwrap(), bytes);
    }
    Ok(())
}

/// Makes values comparable that hold not-a-numbers, which are equal to nothing.
fn without_nan(mut sample: samples::Sample) -> samples::Sample {
    let floats = sample.lists.doubles.iter_mut().chain(sample.sorted.readings.values_mut());
    for float in floats.chain([&mut sample.numbers.double]) {
        *float = if float.is_nan() { 0.5 } else { *float };
    }
    for float in sample.lists.singles.iter_mut().chain([&mut sample.numbers.single]) {
        *float = if float.is_nan() { 0.5 } else { *float };
    }
    sample
}

#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Repeat(Index, Index),
    Truncate(Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let small = prop_oneof![any::<u8>(), 0..4u8, Just(0x80)];
    prop_oneof![
        (any::<Index>(), 0..8u32).prop_map(|(at, bit)| Damage::Flip(at, 1 << bit)),
        (any::<Index>(), small).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        any::<Index>().prop_map(Damage::Remove),
        any::<(Index, Index)>().prop_map(|(from, to)| Damage::Repeat(from, to)),
        any::<Index>().prop_map(Damage::Truncate),
    ]
}

impl Damage {
    fn inflict(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let length = bytes.len();
        match self {
            Self::Flip(at, mask) => bytes[at.index(length)] ^= mask,
            Self::Insert(at, byte) => bytes.insert(at.index(length), *byte),
            Self::Remove(at) => drop(bytes.remove(at.index(length))),
            Self::Repeat(from, to) => {
                let (from, to) = (from.index(length), to.index(length));
                bytes.extend_from_within(from.min(to)..=from.max(to));
            }
            Self::Truncate(at) => bytes.truncate(at.index(length)),
        }
    }
}

/// A field as some protobuf writer may write it, canonical or not.
fn loose_field() -> impl Strategy<Value = Vec<u8>> {
    let sloppy = prop_oneof![Just(vec![0x80, 0x00]), Just([vec![0xff; 9], vec![0x01]].concat())];
    let value = prop_oneof![3 => canonical_value(), 1 => sloppy.prop_map(|bytes| (0, bytes))];
    (0..10u8, value).prop_map(|(number, value)| tagged(number, &value))
}

/// A value that is in order wherever an unknown field is, with its wire type.
fn canonical_value() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let varint = prop_oneof![(0..4u8).prop_map(|value| vec![value]), Just(vec![0x96, 0x01])];
    let bytes = prop_oneof![vec(0..4u8, 0..5), "[a-c]{0,3}".prop_map(String::into_bytes)];
    prop_oneof![
        varint.prop_map(|bytes| (0, bytes)),
        any::<[u8; 8]>().prop_map(|bytes| (1, bytes.into())),
        bytes.prop_map(|bytes| (2, [vec![u8::try_from(bytes.len()).unwrap()], bytes].concat())),
        any::<[u8; 4]>().prop_map(|bytes| (5, bytes.into())),
    ]
}

fn tagged(number: u8, (wire, bytes): &(u8, Vec<u8>)) -> Vec<u8> {
    [&[(number << 3) | wire], bytes.as_slice()].concat()
}
