//! Changes that leave the shapes as they are.

use super::*;

const PAID: &str = "synckit lock 2\nevent paid\nversion 1\nmin_reader 1\n1 amount u32\nfingerprint ?\n\
                    version 2\nmin_reader 2\nupcast 1 in_cents\n1 amount u32\nfingerprint ?\n";

#[test]
fn a_locked_conversion_stays() {
    let said = |by| {
        let lock = locked(PAID);
        diff(&converting(by, source(&lock, 2, "amount")), &lock).findings
    };
    assert_eq!(said("in_cents"), []);
    assert!(said("in_euros")[0].message.contains("or say that this is the same one elsewhere"));
    let removed = findings(PAID, 2, "amount");
    assert!(removed[0].1.contains("put #[upcast(from = …, with = in_cents)] back"), "{removed:?}");
    let added = {
        let lock = locked(EVENT);
        diff(&converting("f", source(&lock, 1, "from; to; steps")), &lock).findings
    };
    assert!(added[0].message.contains("converts no older events; raise the version"), "{added:?}");
}

#[test]
fn a_conversion_is_carried_or_there_is_another() {
    let lock = locked(PAID);
    let ways = |by| diff(&converting(by, source(&lock, 3, "amount")), &lock).ways.unwrap();
    let carried = ways("in_cents");
    assert_eq!((carried.from, carried.carries), (vec![1, 2], Some(2)));
    // Another function cannot stand in for the one that was locked, only convert what that gave.
    let another = ways("in_euros");
    assert_eq!((another.from, another.carries), (vec![2], None));
    let dropped = findings(PAID, 3, "amount");
    assert!(dropped[0].1.starts_with("events of version 1 of `paid` cannot be read as version 3"));
}

#[test]
fn a_function_that_moved_is_the_same() {
    let lock = locked(PAID);
    let mut moved = converting("money::in_cents", source(&lock, 2, "amount"));
    moved.upcast.as_mut().unwrap().was = Some("in_cents".to_owned());
    assert_eq!(diff(&moved, &lock).findings, []);
}

#[test]
fn contexts_are_stored_as_locked() {
    let lock = locked(EVENT);
    let commuting = Source { commutes: true, ..source(&lock, 1, "from; to; steps") };
    let said = &diff(&commuting, &lock).findings[0].message;
    assert!(said.contains("does not say `commutes`; raise the version"), "{said}");
    let next = Source { commutes: true, ..source(&lock, 2, "from; to; steps") };
    assert_eq!(diff(&next, &lock).findings, []);
}

#[test]
fn values_keep_the_order_by_which_they_are_compared() {
    const MOVED: &[(Place, &str)] =
        &[(Place::Item(1), "variant `Good` stands before `Bad` in version 1 of `Mood`")];
    check(&[
        Row("as locked", ENUM, 1, "variant Good; variant Bad", &[]),
        Row("moved", ENUM, 1, "variant Bad; variant Good", MOVED),
        Row("moved in the next version", ENUM, 2, "variant Bad; variant Good", MOVED),
        Row("added between", ENUM, 2, "variant Good; variant Mixed; variant Bad", &[]),
        Row(
            "fields of a variant moved",
            ONE_OF,
            2,
            "variant Dot; variant Circle; .radius; .centre",
            &[(Place::Item(3), "field `centre` stands before `radius`")],
        ),
        Row(
            "field added between",
            ONE_OF,
            2,
            "variant Dot; variant Circle; .centre; .at default; .radius",
            &[(Place::Item(3), "field `at` is new and stands before `radius`")],
        ),
        Row(
            "field removed before another",
            ONE_OF,
            2,
            "variant Dot; variant Circle; .radius",
            &[(Place::Name, "field `centre` of `Outline` cannot be removed: values are compared")],
        ),
        Row("last field removed", ONE_OF, 2, "variant Dot; variant Circle; .centre", &[]),
        Row("fields of an event", EVENT, 2, "steps; to; via; from", &[]),
    ]);
}

#[test]
fn the_default_variant_stays() {
    let with_default = ENUM.replace("variant 1 Bad", "variant 1 Bad default");
    let moved = "variant Good default; variant Bad";
    let said = findings(&with_default, 1, moved);
    assert!(said[0].1.starts_with("variant `Good` is not the `#[default]` in version 1"));
    let said = findings(&with_default, 2, moved);
    assert!(said[0].1.starts_with("variant `Bad` is the default of `Mood`"), "{said:?}");
    assert_eq!(findings(&with_default, 2, "variant Good; variant Bad default"), []);
    assert_eq!(findings(ENUM, 2, "variant Good; variant Bad default"), []);
}

#[test]
fn whoever_reads_unknown_numbers_writes_them() {
    let lock = locked(ENUM);
    let other = Some("Unheard".to_owned());
    let source = Source { other, ..source(&lock, 2, "variant Good; variant Bad") };
    assert_eq!(diff(&source, &lock).min_reader, MinReader::Is(2));
}
