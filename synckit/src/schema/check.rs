//! Checks of shapes that run at compile time. Each is told what to say.

use synckit_lock::shape::{Words, split, version_of};

use crate::wire::Shape;

/// Refuses a field whose type is not exactly what is locked.
#[track_caller]
#[allow(clippy::panic, reason = "a panic at compile time is a compile error")]
pub const fn is_locked(shape: Shape, locked: &str, message: &str) {
    if !fits(&shape, locked.as_bytes(), false) {
        panic!("{}", message);
    }
}

/// Refuses a field whose type is none of those that may follow what was locked.
#[track_caller]
#[allow(clippy::panic, reason = "a panic at compile time is a compile error")]
pub const fn follows(shape: Shape, followers: &[&str], message: &str) {
    let mut at = 0;
    while at < followers.len() {
        if fits(&shape, followers[at].as_bytes(), true) {
            return;
        }
        at += 1;
    }
    panic!("{}", message);
}

/// Refuses a field that earlier events lack, and that is neither optional nor a collection.
#[track_caller]
#[allow(clippy::panic, reason = "a panic at compile time is a compile error")]
pub const fn may_be_absent(shape: Shape, message: &str) {
    if matches!(shape, Shape::Scalar(_) | Shape::Message(_) | Shape::Enum(_)) {
        panic!("{}", message);
    }
}

/// True if a shape is the one that a lock file says. With `later`, of a named type in that version
/// or a later one.
const fn fits(shape: &Shape, text: &[u8], later: bool) -> bool {
    match (shape, split(text)) {
        (Shape::Scalar(scalar), Words::One(word)) => scalar.is(word),
        (Shape::Message(value) | Shape::Enum(value), Words::One(word)) => {
            let actual = value.version() as u64;
            match version_of(word, value.name()) {
                Some(version) => version == actual || later && version < actual,
                None => false,
            }
        }
        (Shape::Optional(inner), Words::Optional(words))
        | (Shape::Repeated(inner), Words::List(words))
        | (Shape::Set(inner), Words::Set(words)) => fits(inner, words, later),
        (Shape::Map(key, value), Words::Map(of_key, of_value)) => {
            fits(key, of_key, later) && fits(value, of_value, later)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::wire::{Field, Lineage, Parts, ValueRef};

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
    struct Point;

    impl crate::wire::Value for Point {
        const WIRE: crate::wire::WireType = crate::wire::WireType::Len;
        const SHAPE: Shape = Shape::Message(ValueRef::of::<Self>());

        fn write(&self, _: &mut crate::wire::Writer) {}

        fn read(_: &mut crate::wire::Reader<'_>) -> Result<Self, crate::wire::WireError> {
            Ok(Self)
        }
    }

    impl crate::wire::Named for Point {
        const NAME: &'static str = "Point";
        const VERSION: u32 = 2;
        const PARTS: Parts = Parts::Fields(&[]);
        const LINEAGE: Lineage = Lineage::of("", 1);
    }

    #[test]
    fn a_shape_is_its_own_text_and_no_other() {
        let shapes = [
            <u32 as Field>::SHAPE,
            <[u8; 16] as Field>::SHAPE,
            bytes::Bytes::SHAPE,
            Point::SHAPE,
            <Option<Point> as Field>::SHAPE,
            <Vec<u8> as Field>::SHAPE,
            <BTreeSet<char> as Field>::SHAPE,
            <BTreeMap<String, Point> as Field>::SHAPE,
            <BTreeMap<Point, u8> as Field>::SHAPE,
        ];
        for a in shapes {
            for b in shapes {
                assert_eq!(fits(&a, b.to_string().as_bytes(), false), a == b, "{a} and {b}");
            }
            assert!(!fits(&a, b"", true) && !fits(&a, format!("{a} ").as_bytes(), true));
        }
    }

    #[test]
    fn a_later_version_of_a_named_type_follows_an_earlier_one() {
        assert!(fits(&Point::SHAPE, b"Point@2", false) && !fits(&Point::SHAPE, b"Point@1", false));
        assert!(fits(&Point::SHAPE, b"Point@1", true) && !fits(&Point::SHAPE, b"Point@3", true));
        assert!(fits(&<Option<Point> as Field>::SHAPE, b"optional Point@1", true));
        assert!(!fits(&Point::SHAPE, b"Poin@1", true) && !fits(&Point::SHAPE, b"Point@x", true));
    }
}
