//! What is blessed, and what is refused.

use super::*;
use crate::event::EventKind;
use crate::wire::{Field, FieldSchema, Lineage};

const STRING: FieldSchema = FieldSchema::new(1, "from", <String as Field>::SHAPE);
const STEPS: FieldSchema = FieldSchema::new(2, "steps", <u16 as Field>::SHAPE);
const WIDE: FieldSchema = FieldSchema::new(2, "steps", <u32 as Field>::SHAPE);
const VIA: FieldSchema = FieldSchema::new(3, "via", <Option<String> as Field>::SHAPE);

const FIRST: &str = "\
synckit lock 1
event note.moved

version 1
  min_reader 1
  1 from string
  2 steps u16
  fingerprint 7fae6e3ad2a9b9d5
";

#[test]
fn the_first_version_makes_the_file() {
    let text = bless(None, &moved(1, &[STRING, STEPS], Lineage::of("", 1))).unwrap();
    let fingerprint = text.lines().last().unwrap();
    assert_eq!(text, with_fingerprint(fingerprint));
}

#[test]
fn what_is_there_stays_as_it_is() {
    let published = moved(1, &[STRING, STEPS], Lineage::of("", 1));
    let text = bless(None, &published).unwrap();
    assert_eq!(bless(Some(&text), &published).unwrap(), text);
    let moved_about = text.replace("  1 from string\n  2 steps u16", "2 steps u16\n1  from string");
    assert_eq!(bless(Some(&moved_about), &published).unwrap(), moved_about);
    let with_other_line_ends = text.replace('\n', "\r\n");
    assert_eq!(bless(Some(&with_other_line_ends), &published).unwrap(), text);
}

#[test]
fn the_next_version_is_appended() {
    let first = bless(None, &moved(1, &[STRING, STEPS], Lineage::of("", 1))).unwrap();
    let lineage = Lineage::of("", 2).follows(1, &[("1", "string"), ("2", "u16")]);
    let second = bless(Some(&first), &moved(2, &[STRING, STEPS, VIA], lineage)).unwrap();
    assert!(second.starts_with(first.trim_end()), "{second}");
    assert!(second.contains("\n\nversion 2\n  min_reader 1\n  1 from string\n"), "{second}");
}

#[test]
fn a_wider_type_needs_readers_that_know_it() {
    let lineage = Lineage::of("", 2).follows(1, &[("1", "string"), ("2", "u16")]);
    let block = moved(2, &[STRING, WIDE], lineage).block();
    assert!(block.starts_with("version 2\n  min_reader 2\n"), "{block}");
}

#[test]
fn what_is_locked_is_not_rewritten() {
    let text = bless(None, &moved(1, &[STRING, STEPS], Lineage::of("", 1))).unwrap();
    let Refusal(why) =
        bless(Some(&text), &moved(1, &[STRING, WIDE], Lineage::of("", 1))).unwrap_err();
    assert!(why.contains("is locked and is not rewritten; raise the version"), "{why}");
    assert!(why.ends_with("\n  - 2 steps u16\n  + 2 steps u32"), "{why}");
}

#[test]
fn a_version_does_not_skip_another() {
    let text = bless(None, &moved(1, &[STRING], Lineage::of("", 1))).unwrap();
    let Refusal(why) = bless(Some(&text), &moved(3, &[STRING], Lineage::of("", 3))).unwrap_err();
    assert_eq!(why, "version 3 of `note.moved` does not follow version 1, the last in the lock");
}

#[test]
fn the_lock_of_another_type_is_refused() {
    let text = bless(None, &moved(1, &[STRING], Lineage::of("", 1))).unwrap();
    let text = text.replace("note.moved", "note.sent");
    let Refusal(why) = bless(Some(&text), &moved(1, &[STRING], Lineage::of("", 1))).unwrap_err();
    assert_eq!(why, "it does not begin as a lock of the event note.moved does");
}

fn with_fingerprint(line: &str) -> String {
    let mut lines: Vec<_> = FIRST.lines().collect();
    lines.pop();
    lines.push(line);
    lines.join("\n") + "\n"
}

fn moved(version: u32, fields: &[FieldSchema], lineage: Lineage) -> Published {
    let fields = Vec::leak(fields.to_vec());
    Published::event(&EventKind::new("note.moved", version, fields).locked(lineage)).unwrap()
}
