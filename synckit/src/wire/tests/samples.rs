//! Message types that use every kind of field, and random values of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;

use crate::wire::{Field, Message, Reader, Shape, Value, ValueRef, WireError, WireType, Writer};

/// Declares a struct, its fields' numbers, and how it is written: by itself and as a value of a
/// field.
macro_rules! message {
    ($(#[$meta:meta])* $name:ident { $($number:literal $field:ident: $type:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub(super) struct $name { $(pub(super) $field: $type),* }

        impl Message for $name {
            fn write_fields(&self, out: &mut Writer) {
                $(self.$field.write_field($number, out);)*
            }

            fn read_fields(input: &mut Reader<'_>) -> Result<Self, WireError> {
                Ok(Self { $($field: Field::read_field($number, input)?),* })
            }
        }

        impl Value for $name {
            const WIRE: WireType = WireType::Len;
            const SHAPE: Shape = Shape::Message(ValueRef::opaque(stringify!($name), 1));

            fn write(&self, out: &mut Writer) {
                out.nested(|out| self.write_fields(out));
            }

            fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
                input.nested(Self::read_fields)
            }
        }
    };
}

pub(super) use message;

message!(Numbers {
    1 tiny: u8, 2 short: u16, 3 medium: u32, 4 long: u64,
    5 signed_tiny: i8, 6 signed_short: i16, 7 signed_medium: i32, 8 signed_long: i64,
    9 yes: bool, 10 letter: char, 11 single: f32, 12 double: f64,
});

message!(Texts { 1 text: String, 2 shared: Arc<str>, 3 bytes: Bytes, 4 blob: Vec<u8>, 5 code: [u8; 4] });

message!(#[derive(Eq, PartialOrd, Ord)] Leaf { 1 label: String, 2 weight: i64 });

message!(Maybe { 1 number: Option<i64>, 2 text: Option<String>, 3 leaf: Option<Leaf>, 4 boxed: Box<Leaf> });

message!(Lists {
    1 numbers: Vec<i32>, 2 flags: Vec<bool>, 3 doubles: Vec<f64>, 4 singles: Vec<f32>,
    5 words: Vec<String>, 6 leaves: Vec<Leaf>,
});

message!(Sorted {
    1 words: BTreeSet<String>, 2 primes: BTreeSet<u32>, 3 signed: BTreeSet<i16>, 4 leaves: BTreeSet<Leaf>,
    5 readings: BTreeMap<String, f64>, 6 by_number: BTreeMap<i32, Leaf>, 7 by_leaf: BTreeMap<Leaf, u8>,
});

message!(Tree { 1 value: u32, 2 children: Vec<Tree>, 3 next: Option<Box<Tree>> });

message!(
    /// All of the above, at field numbers whose tags take one and two bytes.
    Sample {
        1 numbers: Numbers, 2 texts: Texts, 3 maybe: Maybe, 15 lists: Lists, 16 sorted: Sorted, 2000 tree: Tree,
    }
);

message!(
    /// One field of each kind, small enough for random bytes to be accepted often.
    Small {
        1 count: u8, 2 change: Option<i32>, 3 numbers: Vec<u16>, 4 words: BTreeSet<String>,
        5 names: BTreeMap<u8, bool>, 6 nested: Option<Box<Small>>, 7 blob: Vec<u8>, 8 ratio: Option<f32>,
    }
);

pub(super) fn numbers() -> impl Strategy<Value = Numbers> {
    let unsigned = any::<(u8, u16, u32, u64)>();
    let signed = any::<(i8, i16, i32, i64)>();
    let rest = (any::<bool>(), any::<char>(), single(), double());
    (unsigned, signed, rest).prop_map(|(u, s, (yes, letter, single, double))| Numbers {
        tiny: u.0,
        short: u.1,
        medium: u.2,
        long: u.3,
        signed_tiny: s.0,
        signed_short: s.1,
        signed_medium: s.2,
        signed_long: s.3,
        yes,
        letter,
        single,
        double,
    })
}

pub(super) fn texts() -> impl Strategy<Value = Texts> {
    let blobs = (vec(any::<u8>(), 0..200), vec(any::<u8>(), 0..40));
    (word(), word(), blobs, any::<[u8; 4]>()).prop_map(|(text, shared, (bytes, blob), code)| {
        Texts { text, shared: shared.into(), bytes: bytes.into(), blob, code }
    })
}

pub(super) fn maybe() -> impl Strategy<Value = Maybe> {
    let optional = (any::<Option<i64>>(), proptest::option::of(word()));
    (optional, proptest::option::of(leaf()), leaf()).prop_map(|((number, text), leaf, boxed)| {
        Maybe { number, text, leaf, boxed: Box::new(boxed) }
    })
}

pub(super) fn lists() -> impl Strategy<Value = Lists> {
    let scalars = (any::<Vec<i32>>(), any::<Vec<bool>>(), vec(double(), 0..9), vec(single(), 0..9));
    (scalars, vec(word(), 0..9), vec(leaf(), 0..9)).prop_map(
        |((numbers, flags, doubles, singles), words, leaves)| Lists {
            numbers,
            flags,
            doubles,
            singles,
            words,
            leaves,
        },
    )
}

pub(super) fn sorted() -> impl Strategy<Value = Sorted> {
    let sets = (
        btree_set(word(), 0..9),
        btree_set(any::<u32>(), 0..9),
        btree_set(any::<i16>(), 0..9),
        btree_set(leaf(), 0..9),
    );
    let maps = (
        btree_map(word(), double(), 0..9),
        btree_map(any::<i32>(), leaf(), 0..9),
        btree_map(leaf(), any::<u8>(), 0..9),
    );
    (sets, maps).prop_map(|((words, primes, signed, leaves), (readings, by_number, by_leaf))| {
        Sorted { words, primes, signed, leaves, readings, by_number, by_leaf }
    })
}

pub(super) fn tree() -> impl Strategy<Value = Tree> {
    let leaf = any::<u32>().prop_map(|value| Tree { value, children: Vec::new(), next: None });
    leaf.prop_recursive(5, 24, 4, |tree| {
        (any::<u32>(), vec(tree.clone(), 0..4), proptest::option::of(tree.prop_map(Box::new)))
            .prop_map(|(value, children, next)| Tree { value, children, next })
    })
}

pub(super) fn sample() -> impl Strategy<Value = Sample> {
    (numbers(), texts(), maybe(), lists(), sorted(), tree()).prop_map(
        |(numbers, texts, maybe, lists, sorted, tree)| Sample {
            numbers,
            texts,
            maybe,
            lists,
            sorted,
            tree,
        },
    )
}

pub(super) fn small() -> impl Strategy<Value = Small> {
    let scalars = (any::<u8>(), any::<Option<i32>>(), vec(any::<u16>(), 0..4));
    let collections = (
        btree_set(word(), 0..4),
        btree_map(any::<u8>(), any::<bool>(), 0..4),
        vec(any::<u8>(), 0..5),
        proptest::option::of(single()),
    );
    let flat = (scalars, collections).prop_map(
        |((count, change, numbers), (words, names, blob, ratio))| Small {
            count,
            change,
            numbers,
            words,
            names,
            nested: None,
            blob,
            ratio,
        },
    );
    flat.prop_recursive(3, 3, 1, |inner| {
        (inner.clone(), proptest::option::of(inner.prop_map(Box::new)))
            .prop_map(|(outer, nested)| Small { nested, ..outer })
    })
}

fn leaf() -> impl Strategy<Value = Leaf> {
    (word(), any::<i64>()).prop_map(|(label, weight)| Leaf { label, weight })
}

fn word() -> impl Strategy<Value = String> {
    let some = ["", "a", "b", "aa", "Zürich", "\0", "日本語", "a\u{300}", "🦀", "boiler"];
    prop_oneof![4 => proptest::sample::select(some.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,6}"]
}

/// Every bit pattern, not-a-numbers included.
fn single() -> impl Strategy<Value = f32> {
    prop_oneof![any::<u32>().prop_map(f32::from_bits), Just(0.0), Just(-0.0), Just(f32::NAN)]
}

/// Every bit pattern, not-a-numbers included.
fn double() -> impl Strategy<Value = f64> {
    prop_oneof![any::<u64>().prop_map(f64::from_bits), Just(0.0), Just(-0.0), Just(f64::NAN)]
}
