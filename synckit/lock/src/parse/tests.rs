//! Locks that are read, and locks that are refused with the line.

use super::*;
use crate::fingerprint::completed;

const NOTE: &str = "\
synckit lock 2
event note.moved

version 1
  min_reader 1
  1 from string
  2 to optional u32
  fingerprint ?

version 2
  min_reader 1
  1 from string
  3 via map string Point@2 default
  reserved 2 to
  fingerprint ?
";

#[test]
fn a_lock_is_read() {
    let lock = parse(&completed(NOTE)).unwrap();
    assert_eq!((lock.what, &*lock.name, lock.versions.len()), (What::Event, "note.moved", 2));
    let last = lock.last();
    assert_eq!((last.number, last.min_reader), (2, 1));
    assert_eq!(last.items[1].shape.as_deref(), Some("map string Point@2"));
    assert!(last.items[1].default && !last.items[0].default);
    assert_eq!(last.reserved[0].slot, Slot::of(None, 2));
}

#[test]
fn two_results_of_one_value_contradict_each_other() {
    let event = "synckit lock 2\nevent e\nversion 2\nmin_reader 2\nupcast 1 f\nsample 1 00 is 00\n\
                 sample 1 00 is 01\nfingerprint ?\n";
    let corrupt = parse(&completed(event)).unwrap_err();
    assert_eq!(
        (corrupt.line, &*corrupt.problem),
        (7, "another result of this sample is there already")
    );
    let value = "synckit lock 2\nevent e\nversion 1\nmin_reader 1\n1 at u64 with m\nreading 1 0802 refused\n\
                 reading 1 0802 as 00000000000000ff\nfingerprint ?\n";
    let corrupt = parse(&completed(value)).unwrap_err();
    assert_eq!(
        (corrupt.line, &*corrupt.problem),
        (7, "another result of this reading is there already")
    );
}

#[test]
fn variants_and_rules_are_read() {
    let text = "synckit lock 2\noneof Outline\nversion 3\nmin_reader 2\nvariant 1 Dot\n\
                variant 2 Circle default\n2.1 radius u32\nidentity 00000000000000ff\nfingerprint ?\n";
    let lock = parse(&completed(text)).unwrap();
    assert_eq!(lock.last().items[2].slot, Slot::of(Some(2), 1));
    assert!(lock.last().items[1].default && !lock.last().items[0].default);
    assert_eq!(lock.last().identity, Some(Identity(255)));
    let text = "synckit lock 2\naggregate note\nversion 1\nmin_reader 1\n\
                1 title string merge lww\nevent note.sent\nretired note.lost\nfingerprint ?\n";
    let lock = parse(&completed(text)).unwrap();
    assert_eq!(lock.last().items[0].rule.as_deref(), Some("lww"));
    let events: Vec<_> = lock.last().events.iter().map(ToString::to_string).collect();
    assert_eq!(events, ["event note.sent", "retired note.lost"]);
    let text = "synckit lock 2\nenum Mood\nversion 1\nmin_reader 1\nvariant 0 Good\n\
                other Unheard\nidentity 00000000000000ff\nfingerprint ?\n";
    assert_eq!(parse(&completed(text)).unwrap().last().other.as_deref(), Some("Unheard"));
}

#[test]
fn what_an_event_says_beside_its_fields_is_read() {
    let text = "synckit lock 2\nevent note.paid\nversion 3\nmin_reader 3\ncommutes\n\
                upcast 2 money::in_cents\n1 cents u64\nfingerprint ?\n";
    let lock = parse(&completed(text)).unwrap();
    assert!(lock.last().commutes && lock.last().converts(2) && !lock.last().converts(3));
    assert_eq!(lock.last().upcast.as_ref().unwrap().by, "money::in_cents");
    let value = "synckit lock 2\nvalue Point\nversion 1\nmin_reader 1\nfingerprint ?\n";
    assert_eq!(parse(&completed(value)).unwrap_err().problem, "version 1 has no `identity`");
}

#[test]
fn blanks_and_line_ends_do_not_matter() {
    let text = completed(NOTE);
    assert!(parse(&text.replace('\n', "\r\n").replace("  ", "\t")).is_ok());
    assert!(parse(&text.replace("\n\n", "\n")).is_ok());
}

#[test]
fn what_is_refused_is_refused_at_its_line() {
    // What of the lock is replaced by what, in which line that is found, and what is said.
    let table = [
        ("synckit lock 2", "synckit lock 3", 1, "it has format 3, known here is 2; update synckit"),
        ("synckit lock 2", "synckit lock 1", 1, "it has format 1, which does not hold all"),
        ("synckit lock 2", "\u{feff}synckit lock 2", 1, "the file begins with a byte-order mark"),
        ("synckit lock 2", "lock", 1, "a lock begins with `synckit lock 2`"),
        ("event note.moved", "note.moved", 2, "the second line says what is locked"),
        ("version 1", "version one", 4, "`one` is not a number"),
        ("version 1", "versions 1", 4, "a version begins here"),
        (
            "min_reader 1\n  1 from string\n  2",
            "1 from string\n  2",
            7,
            "version 1 has no `min_reader`",
        ),
        ("min_reader 1", "min_reader 2", 5, "`min_reader` is from 1 to 1"),
        ("event note.moved", "event ../note", 2, "unexpected character `/` in a name"),
        (
            "min_reader 1\n  1 from string\n  3",
            "min_reader 1\n  upcast 1 f\n  1 from string\n  3",
            16,
            "version 2 converts the events before it",
        ),
        (
            "min_reader 1\n  1 from string\n  3",
            "min_reader 1\n  upcast 2 f\n  1 from string\n  3",
            12,
            "what is converted is an earlier",
        ),
        ("1 from string", "identity 00000000000000ff", 6, "`identity` is not a number"),
        ("1 from string", "event note.sent", 6, "`event` is not a number"),
        ("1 from string", "01 from string", 6, "`01` is not a number"),
        ("1 from string", "1 from", 6, "a field is its number, its name and its shape"),
        ("1 from string", "1 from optional list u8", 6, "a field is its number"),
        ("1 from string", "1 from string merge lww", 6, "a field is its number"),
        ("1 from string", "variant 1 from", 6, "`variant` is not a number"),
        ("1 from string", "other from", 6, "`other` is not a number"),
        ("2 to optional u32", "1 to optional u32", 7, "number 1 is that of `from`"),
        ("2 to optional u32", "2 to optional u64", 8, "version 1 or what is above it was edited"),
        ("1 from string", "1 origin string", 8, "version 1 or what is above it was edited"),
        ("event note.moved", "event note.sent", 8, "version 1 or what is above it was edited"),
        ("  fingerprint ?\n\nversion 2", "\nversion 2", 9, "version 1 has no fingerprint"),
        ("version 2", "version 1", 10, "version 1 stands behind version 1; a lock only grows"),
        ("version 2", "version 3", 10, "version 3 follows version 1: one is missing"),
        ("reserved 2 to", "reserved 3 to", 14, "number 3 is that of `via`"),
        ("reserved 2 to", "<<<<<<< HEAD", 14, "two branches locked different things here"),
        ("reserved 2 to", "=======", 14, "two branches locked different things here"),
        ("reserved 2 to", ">>>>>>> mine", 14, "two branches locked different things here"),
    ];
    for (old, new, line, said) in table {
        let text = if said.contains("was edited") {
            // What was locked is edited, the fingerprint is not.
            completed(NOTE).replacen(old, new, 1)
        } else {
            completed(&NOTE.replacen(old, new, if line > 8 { 9 } else { 1 }))
        };
        let corrupt = parse(&text).expect_err(new);
        assert!(corrupt.problem.starts_with(said), "{new}: {corrupt:?}");
        assert_eq!(corrupt.line, line, "{new}: {corrupt:?}");
    }
}

#[test]
fn what_is_cut_off_is_refused() {
    let text = completed(NOTE);
    let ends: Vec<_> = text.match_indices('\n').map(|(at, _)| at).collect();
    for end in &ends[..ends.len() - 1] {
        let whole_first = text[..*end].lines().count() == 8 || text[..*end].lines().count() == 9;
        assert_eq!(parse(&text[..*end]).is_ok(), whole_first, "{}", &text[..*end]);
    }
    assert_eq!(parse("").unwrap_err().problem, "the file is empty");
}
