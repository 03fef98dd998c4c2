//! Checks of shapes that run at compile time, and what they say.

use synckit_lock::shape::{Tagged, Words, same, split, tagged};

use super::text::ConstText;
use crate::event::EventKind;
use crate::wire::{Coded, Shape, ValueRef};

/// Refuses a field whose type is not exactly what is locked.
#[track_caller]
#[allow(clippy::panic, reason = "a panic at compile time is a compile error")]
pub const fn is_locked(shape: Shape, locked: &str, field: &str, of: &str, version: u32) {
    let fit = fits(&shape, locked.as_bytes(), false);
    if !fit.is() {
        let text = is_locked_as(locked, field, of, version).add(", and ").add_fit(&fit);
        let text = match fit {
            Fit::Other => text.add("; give it that type back, or "),
            Fit::Version(_) => text.add("; "),
            _ => panic!("{}", text.add_advice(&fit).as_str()),
        };
        let text = text.add("raise the version: `version = ").number(version as u64 + 1).add("`");
        panic!("{}", text.add_renamed(&fit, &shape, locked).as_str());
    }
}

/// True if a field is of a draft in the place of a published type with the same fields. What to do about
/// it is said once, where the draft stands, and not for each field.
pub const fn is_renamed<F: Coded>(locked: &str) -> bool {
    let is = match (named_in(locked.as_bytes()), value_in(&F::CODED)) {
        (Some(locked), Some(value)) => {
            let (former, mut at, mut found) = (value.former(), 0, false);
            while at < former.len() {
                found = found || same(former[at].as_bytes(), locked.name);
                at += 1;
            }
            found
        }
        _ => false,
    };
    if is {
        refuse_former::<F>();
    }
    is
}

/// Evaluating the constant is an error at the type, of which rustc tells once.
const fn refuse_former<F: Coded>() {
    F::FORMER
}

/// Refuses a field of a historical type whose type is not what is locked, in the same or a later
/// version.
#[track_caller]
#[allow(clippy::panic, reason = "a panic at compile time is a compile error")]
pub const fn reads(shape: Shape, locked: &str, field: &str, of: &str, version: u32) {
    let fit = fits(&shape, locked.as_bytes(), true);
    if !fit.is() {
        let text = is_locked_as(locked, field, of, version).add(", and ").add_fit(&fit);
        let text = match fit {
            Fit::Other | Fit::Version(_) => {
                text.add("; a historical type is what is locked: give it that type back")
            }
            _ => text.add_advice(&fit),
        };
        panic!("{}", text.add_renamed(&fit, &shape, locked).as_str());
    }
}

/// Refuses a field whose type is none of those that may follow what was locked, the first.
#[track_caller]
#[allow(clippy::panic, reason = "a panic at compile time is a compile error")]
pub const fn follows(
    shape: Shape,
    followers: &[&str],
    field: &str,
    of: &str,
    before: u32,
    instead: &str,
) {
    let fit = fits_one(&shape, followers, true);
    if fit.is() || followers.is_empty() {
        return;
    }
    let was = followers[0];
    let text = ConstText::new().add("field `").add(field).add("` of `").add(of).add("` was `");
    let mut text = text.add_shape(was).add("` in version ").number(before as u64);
    if let Fit::Identity(_) | Fit::Draft(_) = fit {
        panic!("{}", text.add(", and ").add_fit(&fit).add_advice(&fit).as_str());
    }
    text = text.add(", which cannot be read as this type; ");
    let mut at = 1;
    while at < followers.len() {
        text = text.add(if at == 1 { "it may become `" } else { "`, `" }).add_shape(followers[at]);
        at += 1;
    }
    if at > 1 {
        text = text.add("`; otherwise ");
    }
    if is_required(&shape, was) {
        text = text.add("read None as the default, #[field(default)], or ");
    }
    panic!("{}", text.add(instead).add_renamed(&fit, &shape, was).as_str());
}

/// Refuses a field that earlier events lack, and that is neither optional nor a collection.
#[track_caller]
#[allow(clippy::panic, reason = "a panic at compile time is a compile error")]
pub const fn may_be_absent(shape: Shape, field: &str, of: &str, before: u32) {
    if matches!(shape, Shape::Scalar(_) | Shape::Message(_) | Shape::Enum(_)) {
        let text = ConstText::new().add("field `").add(field).add("` of `").add(of);
        let text = text.add("` is not in version ").number(before as u64);
        let text = text.add(
            ", which is to be read as well; make it an Option or a collection, or let it have a \
             default there: #[field(default)]",
        );
        panic!("{}", text.as_str());
    }
}

/// Refuses an added field that may be the one that is gone, which could have become any of these.
#[track_caller]
#[allow(clippy::panic, reason = "a panic at compile time is a compile error")]
pub const fn is_new(shape: Shape, followers: &[&str], field: &str, of: &str, gone: &str) {
    if fits_one(&shape, followers, true).is() {
        let text = ConstText::new().add("field `").add(field).add("` of `").add(of);
        let text = text.add("` is there, and `").add(gone).add("`, which could be it, is gone: ");
        let text = text.add("renamed, it keeps its values with #[field(was = \"").add(gone);
        panic!("{}", text.add("\")]; another field says #[field(new)]").as_str());
    }
}

/// Refuses an aggregate whose domain events are not exactly those that are locked, each with
/// whether it has retired.
#[track_caller]
#[allow(clippy::panic, reason = "a panic at compile time is a compile error")]
pub const fn has_events(
    kinds: &[EventKind],
    retired: &[&str],
    locked: &[(&str, bool)],
    of: &str,
    version: u32,
) {
    keeps_events(kinds, retired, locked, of, version);
    let mut at = 0;
    while at < kinds.len() {
        let name = kinds[at].name;
        // A mistaken type has no name, and its mistake is reported where it stands.
        if kinds[at].lineage.is_some() && !name.is_empty() {
            let is_retired = contains(retired, name);
            let found = find(locked, name);
            let problem = match found {
                None => " is not in version ",
                Some(locked) if locked != is_retired => " is listed in another way in version ",
                Some(_) => "",
            };
            if !problem.is_empty() {
                let text = ConstText::new().add("event `").add(name).add("`").add(problem);
                let text = text.number(version as u64).add(" of `").add(of);
                let text = text.add("`, which is locked; raise the version: `version = ");
                panic!("{}", text.number(version as u64 + 1).add("`").as_str());
            }
        }
        at += 1;
    }
}

/// Refuses an aggregate that lacks a domain event that is locked.
#[track_caller]
#[allow(clippy::panic, reason = "a panic at compile time is a compile error")]
pub const fn keeps_events(
    kinds: &[EventKind],
    _: &[&str],
    locked: &[(&str, bool)],
    of: &str,
    _: u32,
) {
    if are_all_there(kinds, locked) {
        return;
    }
    let mut at = 0;
    while at < locked.len() {
        let (name, _) = locked[at];
        let mut is_there = false;
        let mut kind = 0;
        while kind < kinds.len() {
            let other = kinds[kind].name;
            is_there = is_there || other.is_empty() || same(other.as_bytes(), name.as_bytes());
            kind += 1;
        }
        if !is_there {
            let text = ConstText::new().add("event `").add(name).add("` of `").add(of);
            let text = text.add(
                "` is listed no more, and those that are stored would be parked; list its type in \
                 `events(…)`, or, if it is not emitted any more, in `retired(…)`",
            );
            panic!("{}", text.as_str());
        }
        at += 1;
    }
}

const fn contains(names: &[&str], name: &str) -> bool {
    let mut at = 0;
    while at < names.len() {
        if same(names[at].as_bytes(), name.as_bytes()) {
            return true;
        }
        at += 1;
    }
    false
}

/// True if the kinds have as many of the locked events as there are: then none is missing.
const fn are_all_there(kinds: &[EventKind], locked: &[(&str, bool)]) -> bool {
    let (mut at, mut found) = (0, 0);
    while at < kinds.len() {
        if kinds[at].lineage.is_some() && find(locked, kinds[at].name).is_some() {
            found += 1;
        }
        at += 1;
    }
    found == locked.len()
}

/// Looks a name up among names in order, and if it is not there, among all: rustc takes an evaluation
/// that compares each of some hundred names with each for an endless one.
const fn find(locked: &[(&str, bool)], name: &str) -> Option<bool> {
    let (mut low, mut high) = (0, locked.len());
    while low < high {
        let middle = low + (high - low) / 2;
        if is_before(locked[middle].0.as_bytes(), name.as_bytes()) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if low < locked.len() && same(locked[low].0.as_bytes(), name.as_bytes()) {
        return Some(locked[low].1);
    }
    let mut at = 0;
    while at < locked.len() {
        if same(locked[at].0.as_bytes(), name.as_bytes()) {
            return Some(locked[at].1);
        }
        at += 1;
    }
    None
}

const fn is_before(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() {
        if a[at] != b[at] {
            return a[at] < b[at];
        }
        at += 1;
    }
    a.len() < b.len()
}

const fn is_locked_as(locked: &str, field: &str, of: &str, version: u32) -> ConstText {
    let text = ConstText::new().add("field `").add(field).add("` of `").add(of);
    text.add("` is locked as `").add_shape(locked).add("` in version ").number(version as u64)
}

/// The relation of a type to what is locked.
#[derive(Clone, Copy)]
pub(super) enum Fit {
    /// It is that.
    Yes,
    /// It is another type.
    Other,
    /// It is that value type in another version.
    Version(ValueRef),
    /// It is another value type of that name and version.
    Identity(ValueRef),
    /// It is a value type of that name whose lock file is not there.
    Draft(ValueRef),
}

impl Fit {
    const fn is(&self) -> bool {
        matches!(self, Self::Yes)
    }

    /// Both have to fit.
    const fn and(self, other: Self) -> Self {
        if self.is() { other } else { self }
    }
}

impl ConstText {
    const fn add_fit(self, fit: &Fit) -> Self {
        match fit {
            Fit::Yes | Fit::Other => self.add("this is another type"),
            Fit::Version(value) => {
                let text = self.add("`").add(value.name()).add("` has version ");
                text.number(value.version() as u64)
            }
            Fit::Identity(value) => {
                self.add("this is another type named `").add(value.name()).add("`")
            }
            Fit::Draft(value) => self.add("this `").add(value.name()).add("` has no lock for it"),
        }
    }

    const fn add_advice(self, fit: &Fit) -> Self {
        match fit {
            Fit::Identity(_) => self.add(
                ", with other fields; give the field the type that was locked, or call this one \
                 something else: #[value(name = \"…\")]",
            ),
            Fit::Draft(value) => {
                let text = self.add("; bring `schemas/value.").add(value.name());
                text.add(".lock` to the package that the type is in")
            }
            Fit::Yes | Fit::Other | Fit::Version(_) => self,
        }
    }

    /// Adds the advice for the commonest of all changes: a type that was renamed.
    const fn add_renamed(self, fit: &Fit, shape: &Shape, locked: &str) -> Self {
        match (fit, named_in(locked.as_bytes()), value_in(shape)) {
            (Fit::Other, Some(locked), Some(value))
                if !same(locked.name, value.name().as_bytes()) =>
            {
                let text = self.add("; a type that was only renamed keeps its name in schemas: ");
                text.add("#[value(name = \"").add_bytes(locked.name).add("\")]")
            }
            _ => self,
        }
    }
}

/// The value type that a shape in a lock names, of a map that of its values.
const fn named_in(text: &[u8]) -> Option<Tagged<'_>> {
    match split(text) {
        Words::One(word) | Words::Optional(word) | Words::List(word) | Words::Set(word) => {
            tagged(word)
        }
        Words::Map(_, value) => named_in(value),
    }
}

const fn value_in(shape: &Shape) -> Option<ValueRef> {
    match shape {
        Shape::Scalar(_) => None,
        Shape::Message(value) | Shape::Enum(value) => Some(*value),
        Shape::Optional(inner) | Shape::Repeated(inner) | Shape::Set(inner) => value_in(inner),
        Shape::Map(_, value) => value_in(value),
    }
}

/// True if a required type stands where an optional one was.
const fn is_required(shape: &Shape, was: &str) -> bool {
    match (shape, split(was.as_bytes())) {
        (Shape::Scalar(_) | Shape::Message(_) | Shape::Enum(_), Words::Optional(word)) => {
            fits(shape, word, true).is()
        }
        _ => false,
    }
}

/// The relation of a type to those of which it may be any: the nearest one is told.
const fn fits_one(shape: &Shape, any: &[&str], later: bool) -> Fit {
    let mut nearest = Fit::Other;
    let mut at = 0;
    while at < any.len() {
        match fits(shape, any[at].as_bytes(), later) {
            Fit::Yes => return Fit::Yes,
            Fit::Other => {}
            fit => nearest = fit,
        }
        at += 1;
    }
    nearest
}

/// The relation of a type to the shape in a lock file. With `later`, a named type may be of that
/// version or a later one.
const fn fits(shape: &Shape, text: &[u8], later: bool) -> Fit {
    match (shape, split(text)) {
        (Shape::Scalar(scalar), Words::One(word)) if scalar.is(word) => Fit::Yes,
        (Shape::Message(value) | Shape::Enum(value), Words::One(word)) => match tagged(word) {
            Some(locked) => is_named(value, &locked, later),
            // A mistaken type has no name, and its mistake is reported where it stands.
            None if value.name().is_empty() => Fit::Yes,
            None => Fit::Other,
        },
        (Shape::Optional(inner), Words::Optional(words))
        | (Shape::Repeated(inner), Words::List(words))
        | (Shape::Set(inner), Words::Set(words)) => fits(inner, words, later),
        (Shape::Map(key, value), Words::Map(of_key, of_value)) => {
            fits(key, of_key, later).and(fits(value, of_value, later))
        }
        _ => Fit::Other,
    }
}

const fn is_named(value: &ValueRef, locked: &Tagged<'_>, later: bool) -> Fit {
    if value.name().is_empty() {
        return Fit::Yes;
    }
    if !same(value.name().as_bytes(), locked.name) {
        return Fit::Other;
    }
    let version = value.version() as u64;
    match (locked.identity, value.is_opaque()) {
        (None, true) => {}
        (Some(locked_identity), false) => match value.identity(locked.version) {
            Some(identity) if identity == locked_identity => {}
            Some(_) => return Fit::Identity(*value),
            None if version < locked.version => return Fit::Version(*value),
            None => return Fit::Draft(*value),
        },
        _ => return Fit::Identity(*value),
    }
    if version == locked.version || later && locked.version < version {
        Fit::Yes
    } else {
        Fit::Version(*value)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::wire::{Field, Lineage, Parts};

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
        const LINEAGE: Lineage = Lineage::of("", 1).history(&[(1, 1), (2, 2)]);
    }

    #[test]
    fn a_shape_is_its_own_text_and_no_other() {
        let shapes = [
            <u32 as Field>::SHAPE,
            <[u8; 16] as Field>::SHAPE,
            bytes::Bytes::SHAPE,
            Shape::Message(ValueRef::opaque("Pin", 1)),
            <Option<char> as Field>::SHAPE,
            <Vec<u8> as Field>::SHAPE,
            <BTreeSet<char> as Field>::SHAPE,
            <BTreeMap<String, u8> as Field>::SHAPE,
            <BTreeMap<u64, u8> as Field>::SHAPE,
        ];
        for a in shapes {
            for b in shapes {
                assert_eq!(fits(&a, b.to_string().as_bytes(), false).is(), a == b, "{a} and {b}");
            }
            assert!(!fits(&a, b"", true).is() && !fits(&a, format!("{a} ").as_bytes(), true).is());
        }
    }

    #[test]
    fn an_event_is_found_among_those_that_are_locked() {
        let locked = [("a", false), ("b.c", true), ("d", false)];
        assert_eq!(
            ["a", "b.c", "d", "b", "", "e"].map(|name| find(&locked, name)),
            [Some(false), Some(true), Some(false), None, None, None]
        );
        assert_eq!(find(&[("b", true), ("a", false)], "a"), Some(false), "out of order");
    }

    #[test]
    fn a_later_version_of_a_named_type_follows_an_earlier_one() {
        let fits = |text: &str, later| fits(&Point::SHAPE, text.as_bytes(), later);
        let version = |version, identity: u64| format!("Point@{version}#{identity:016x}");
        assert!(fits(&version(2, 2), false).is() && !fits(&version(1, 1), false).is());
        assert!(fits(&version(1, 1), true).is() && !fits(&version(3, 3), true).is());
        assert!(matches!(fits(&version(2, 1), false), Fit::Identity(_)));
        assert!(matches!(fits(&version(1, 2), true), Fit::Identity(_)));
        assert!(matches!(fits("Point@2", true), Fit::Identity(_)), "written by hand before");
        assert!(matches!(fits("Poin@1", true), Fit::Other));
    }
}
