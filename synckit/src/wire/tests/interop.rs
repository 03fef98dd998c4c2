//! Any protobuf library reads canonical bytes: here prost does.

use std::collections::BTreeMap;

use proptest::prelude::*;
use prost::Message as _;

use super::samples::{self, Leaf, Lists, Maybe, Numbers, Sorted, Texts, Tree};
use super::*;

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn prost_reads_the_value_that_was_written(sample in samples::sample()) {
        let bytes = encode(&sample).unwrap();
        // Read back, so that not-a-numbers are the one that is written.
        let sample: samples::Sample = decode(&bytes).unwrap();
        let read = PSample::decode(bytes.as_slice()).unwrap();
        prop_assert_eq!(comparable(read), comparable(sample.into()));
    }

    #[test]
    fn prost_writes_the_same_bytes_where_it_leaves_out_no_zero(
        value in 1..u32::MAX,
        label in "[a-z]{1,9}",
        weight in 1..i64::MAX,
    ) {
        let leaf = Leaf { label: label.clone(), weight };
        let theirs = PLeaf { label, weight }.encode_to_vec();
        prop_assert_eq!(decode::<Leaf>(&theirs), Ok(leaf));
        let theirs = PTree { value, children: vec![], next: None }.encode_to_vec();
        prop_assert_eq!(decode::<Tree>(&theirs), Ok(Tree { value, children: vec![], next: None }));
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct PSample {
    #[prost(message, required, tag = "1")]
    numbers: PNumbers,
    #[prost(message, required, tag = "2")]
    texts: PTexts,
    #[prost(message, required, tag = "3")]
    maybe: PMaybe,
    #[prost(message, required, tag = "15")]
    lists: PLists,
    #[prost(message, required, tag = "16")]
    sorted: PSorted,
    #[prost(message, required, tag = "2000")]
    tree: PTree,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PNumbers {
    #[prost(uint32, tag = "1")]
    tiny: u32,
    #[prost(uint32, tag = "2")]
    short: u32,
    #[prost(uint32, tag = "3")]
    medium: u32,
    #[prost(uint64, tag = "4")]
    long: u64,
    #[prost(sint32, tag = "5")]
    signed_tiny: i32,
    #[prost(sint32, tag = "6")]
    signed_short: i32,
    #[prost(sint32, tag = "7")]
    signed_medium: i32,
    #[prost(sint64, tag = "8")]
    signed_long: i64,
    #[prost(bool, tag = "9")]
    yes: bool,
    #[prost(uint32, tag = "10")]
    letter: u32,
    #[prost(float, tag = "11")]
    single: f32,
    #[prost(double, tag = "12")]
    double: f64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PTexts {
    #[prost(string, tag = "1")]
    text: String,
    #[prost(string, tag = "2")]
    shared: String,
    #[prost(bytes = "vec", tag = "3")]
    bytes: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    blob: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    code: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PLeaf {
    #[prost(string, tag = "1")]
    label: String,
    #[prost(sint64, tag = "2")]
    weight: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PMaybe {
    #[prost(sint64, optional, tag = "1")]
    number: Option<i64>,
    #[prost(string, optional, tag = "2")]
    text: Option<String>,
    #[prost(message, optional, tag = "3")]
    leaf: Option<PLeaf>,
    #[prost(message, required, tag = "4")]
    boxed: PLeaf,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PLists {
    #[prost(sint32, repeated, tag = "1")]
    numbers: Vec<i32>,
    #[prost(bool, repeated, tag = "2")]
    flags: Vec<bool>,
    #[prost(double, repeated, tag = "3")]
    doubles: Vec<f64>,
    #[prost(float, repeated, tag = "4")]
    singles: Vec<f32>,
    #[prost(string, repeated, tag = "5")]
    words: Vec<String>,
    #[prost(message, repeated, tag = "6")]
    leaves: Vec<PLeaf>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PSorted {
    #[prost(string, repeated, tag = "1")]
    words: Vec<String>,
    #[prost(uint32, repeated, tag = "2")]
    primes: Vec<u32>,
    #[prost(sint32, repeated, tag = "3")]
    signed: Vec<i32>,
    #[prost(message, repeated, tag = "4")]
    leaves: Vec<PLeaf>,
    #[prost(btree_map = "string, double", tag = "5")]
    readings: BTreeMap<String, f64>,
    #[prost(btree_map = "sint32, message", tag = "6")]
    by_number: BTreeMap<i32, PLeaf>,
    // A map with message keys is beyond protobuf's map syntax; on the wire it is a list of
    // entries.
    #[prost(message, repeated, tag = "7")]
    by_leaf: Vec<PLeafEntry>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PLeafEntry {
    #[prost(message, required, tag = "1")]
    key: PLeaf,
    #[prost(uint32, tag = "2")]
    value: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PTree {
    #[prost(uint32, tag = "1")]
    value: u32,
    #[prost(message, repeated, tag = "2")]
    children: Vec<PTree>,
    #[prost(message, optional, boxed, tag = "3")]
    next: Option<Box<PTree>>,
}

impl From<samples::Sample> for PSample {
    fn from(from: samples::Sample) -> Self {
        Self {
            numbers: from.numbers.into(),
            texts: from.texts.into(),
            maybe: from.maybe.into(),
            lists: from.lists.into(),
            sorted: from.sorted.into(),
            tree: from.tree.into(),
        }
    }
}

impl From<Numbers> for PNumbers {
    fn from(from: Numbers) -> Self {
        Self {
            tiny: from.tiny.into(),
            short: from.short.into(),
            medium: from.medium,
            long: from.long,
            signed_tiny: from.signed_tiny.into(),
            signed_short: from.signed_short.into(),
            signed_medium: from.signed_medium,
            signed_long: from.signed_long,
            yes: from.yes,
            letter: from.letter.into(),
            single: from.single,
            double: from.double,
        }
    }
}

impl From<Texts> for PTexts {
    fn from(from: Texts) -> Self {
        Self {
            text: from.text,
            shared: from.shared.to_string(),
            bytes: from.bytes.into(),
            blob: from.blob,
            code: from.code.into(),
        }
    }
}

impl From<Leaf> for PLeaf {
    fn from(from: Leaf) -> Self {
        Self { label: from.label, weight: from.weight }
    }
}

impl From<Maybe> for PMaybe {
    fn from(from: Maybe) -> Self {
        let leaf = from.leaf.map(Into::into);
        Self { number: from.number, text: from.text, leaf, boxed: (*from.boxed).into() }
    }
}

impl From<Lists> for PLists {
    fn from(from: Lists) -> Self {
        Self {
            numbers: from.numbers,
            flags: from.flags,
            doubles: from.doubles,
            singles: from.singles,
            words: from.words,
            leaves: from.leaves.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Sorted> for PSorted {
    fn from(from: Sorted) -> Self {
        let entry = |(key, value): (Leaf, u8)| PLeafEntry { key: key.into(), value: value.into() };
        Self {
            words: from.words.into_iter().collect(),
            primes: from.primes.into_iter().collect(),
            signed: from.signed.into_iter().map(Into::into).collect(),
            leaves: from.leaves.into_iter().map(Into::into).collect(),
            readings: from.readings,
            by_number: from.by_number.into_iter().map(|(key, leaf)| (key, leaf.into())).collect(),
            by_leaf: from.by_leaf.into_iter().map(entry).collect(),
        }
    }
}

impl From<Tree> for PTree {
    fn from(from: Tree) -> Self {
        Self {
            value: from.value,
            children: from.children.into_iter().map(Into::into).collect(),
            next: from.next.map(|next| Box::new((*next).into())),
        }
    }
}

/// The bytes that prost writes, with sets in an order of their own: to prost they are lists.
fn comparable(mut sample: PSample) -> Vec<u8> {
    let sorted = &mut sample.sorted;
    sorted.words.sort();
    sorted.primes.sort_unstable();
    sorted.signed.sort_unstable();
    sorted.leaves.sort_by_key(prost::Message::encode_to_vec);
    sorted.by_leaf.sort_by_key(prost::Message::encode_to_vec);
    sample.encode_to_vec()
}
