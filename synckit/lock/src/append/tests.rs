//! Versions that are appended, and versions that are refused.

use super::*;
use crate::{Identity, Item, Slot, Upcast, parse};

const FIRST: &str = "\
synckit lock 2
event note.moved

version 1
  min_reader 1
  1 from string
  2 steps u16
  fingerprint f47fb9fa97470427
";

#[test]
fn the_first_version_makes_the_file() {
    assert_eq!(moved(None, &version(1, &["from string", "steps u16"])).unwrap(), FIRST);
}

#[test]
fn what_is_there_stays_as_it_is() {
    let version = version(1, &["from string", "steps u16"]);
    assert_eq!(moved(Some(FIRST), &version).unwrap(), FIRST);
    let with_other_blanks = FIRST.replace("  1 from string\n", "1  from\tstring\n\n");
    assert_eq!(moved(Some(&with_other_blanks), &version).unwrap(), with_other_blanks);
    let with_other_line_ends = FIRST.replace('\n', "\r\n");
    assert_eq!(moved(Some(&with_other_line_ends), &version).unwrap(), FIRST);
}

#[test]
fn fields_of_a_held_version_stand_in_any_order() {
    let mut version = version(1, &["from string", "steps u16"]);
    version.items.reverse();
    assert_eq!(moved(Some(FIRST), &version).unwrap(), FIRST);
}

#[test]
fn fields_of_a_value_keep_their_order() {
    let identity = Some(Identity(7));
    let point = Version { identity, ..version(1, &["x u8", "y u8"]) };
    let lock = append(None, What::Value, "Point", &point).unwrap();
    let mut turned = point.clone();
    turned.items.reverse();
    let refused = append(Some(&lock), What::Value, "Point", &turned).unwrap_err().to_string();
    assert!(refused.ends_with("the order is another, by which values are compared"), "{refused}");
    assert_eq!(append(Some(&lock), What::Value, "Point", &point), Ok(lock));
}

#[test]
fn the_next_version_is_appended() {
    let next = version(2, &["from string", "steps u16", "via optional string default"]);
    let second = moved(Some(FIRST), &next).unwrap();
    assert!(second.starts_with(FIRST.trim_end()), "{second}");
    assert!(second.contains("\n\nversion 2\n  min_reader 1\n  1 from string\n"), "{second}");
    assert_eq!(parse(&second).unwrap().last(), &next);
}

#[test]
fn everything_that_a_version_holds_is_printed_and_read() {
    let version = Version {
        items: vec![
            Item { slot: Slot::of(None, 0), name: "Good".to_owned(), ..Item::default() },
            Item {
                slot: Slot::of(None, 2),
                name: "Bad".to_owned(),
                default: true,
                ..Item::default()
            },
        ],
        reserved: vec!["1 Mixed".parse().unwrap()],
        other: Some("Unheard".to_owned()),
        identity: Some(Identity(7)),
        ..version(1, &[])
    };
    let text = append(None, What::Enum, "Mood", &version).unwrap();
    assert!(
        text.contains("  variant 2 Bad default\n  other Unheard\n  reserved 1 Mixed\n"),
        "{text}"
    );
    assert_eq!(parse(&text).unwrap().last(), &version);
}

#[test]
fn what_is_locked_is_not_rewritten() {
    let refused = moved(Some(FIRST), &version(1, &["from string", "steps u32"])).unwrap_err();
    let why = refused.to_string();
    assert!(why.contains("is locked and is not rewritten; raise the version"), "{why}");
    assert!(why.ends_with("\n  - 2 steps u16\n  + 2 steps u32"), "{why}");
}

#[test]
fn a_version_does_not_skip_another() {
    let refused = moved(Some(FIRST), &version(3, &["from string"])).unwrap_err();
    let name = "note.moved".to_owned();
    assert_eq!(refused, AppendRefusal::Skips { name, version: 3, last: 1 });
}

#[test]
fn the_lock_of_another_type_is_refused() {
    let value = Version { identity: Some(Identity(7)), ..version(1, &["from string"]) };
    let other = append(None, What::Value, "Note", &value).unwrap();
    let refused = moved(Some(&other), &version(1, &["from string"])).unwrap_err();
    let said = "it is the lock of the value Note, not of the event note.moved; rename one of them";
    assert_eq!(refused.to_string(), said);
}

#[test]
fn what_was_edited_is_not_gone_on_with() {
    let edited = FIRST.replace("steps u16", "steps u32");
    let refused = moved(Some(&edited), &version(2, &["from string"])).unwrap_err();
    assert!(matches!(refused, AppendRefusal::Corrupt(Corrupt { line: 8, .. })), "{refused}");
}

fn moved(current: Option<&str>, version: &Version) -> Result<String, AppendRefusal> {
    append(current, What::Event, "note.moved", version)
}

/// Fields such as `steps u16 default`, numbered from 1.
fn version(number: u32, fields: &[&str]) -> Version {
    let item = |(number, text): (u32, &&str)| {
        let (text, default) = match text.strip_suffix(" default") {
            Some(text) => (text, true),
            None => (*text, false),
        };
        let (name, shape) = text.split_once(' ').unwrap();
        let (slot, name) = (Slot::of(None, number), name.to_owned());
        Item { slot, name, shape: Some(shape.to_owned()), default, with: None, rule: None }
    };
    let items = (1..).zip(fields).map(item).collect();
    Version { number, min_reader: 1, items, ..Version::default() }
}

#[test]
fn a_function_that_does_something_else_is_named_with_its_field() {
    let converting = |number, sample: &str, revision| Version {
        min_reader: 2,
        upcast: Some(Upcast { from: 1, by: "in_metres".to_owned(), revision }),
        samples: vec![sample.parse().unwrap()],
        ..version(number, &["from string", "steps u16"])
    };
    let (same, other) = ("1 0a00 is 0a001001", "1 0a00 is 0a001002");
    let second = moved(Some(FIRST), &converting(2, same, 0)).unwrap();
    assert_eq!(moved(Some(&second), &converting(2, same, 0)).unwrap(), second);
    let refused = |version: &Version| moved(Some(&second), version).unwrap_err().to_string();
    let of_the_same = refused(&converting(2, other, 0));
    assert!(of_the_same.starts_with("field `steps` of `note.moved`, which `in_metres` makes of"));
    assert!(of_the_same.contains("`revision = 1` in #[upcast(…)] and `version = 3`"));
    assert!(refused(&converting(3, other, 0)).contains("`version = 3`"));
    assert!(moved(Some(&second), &converting(3, other, 1)).is_ok());
    assert!(refused(&converting(2, other, 1)).contains("is locked and is not rewritten"));
}
