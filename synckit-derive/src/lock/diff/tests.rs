//! The table of what may become of a published type.

mod meaning;
mod renames;

use synckit_lock::{Slot, completed, parse};

use super::*;

const EVENT: &str = "synckit lock 2\nevent note.moved\nversion 1\nmin_reader 1\n1 from string\n\
                     2 to optional u32\n3 steps u16\nfingerprint ?\n";
const ENUM: &str = "synckit lock 2\nenum Mood\nversion 1\nmin_reader 1\nvariant 0 Good\n\
                    variant 1 Bad\nidentity 0000000000000001\nfingerprint ?\n";
const ONE_OF: &str = "synckit lock 2\noneof Outline\nversion 1\nmin_reader 1\nvariant 1 Dot\n\
                      variant 2 Circle\n2.1 centre Point@1#00000000000000aa\n2.2 radius u32\n\
                      identity 0000000000000002\nfingerprint ?\n";
const AGGREGATE: &str = "synckit lock 2\naggregate note\nversion 1\nmin_reader 1\n\
                         1 title string merge lww\n2 visits i64 merge counter\nfingerprint ?\n";

const JOINED: &str = "synckit lock 2\naggregate note\nversion 1\nmin_reader 1\n\
                      1 grade u8 merge with(worst@2)\nfingerprint ?\n";

/// One row: a source against a lock, and the place and the beginning of each finding.
struct Row(&'static str, &'static str, u32, &'static str, &'static [(Place, &'static str)]);

#[test]
fn a_locked_version_is_what_it_is() {
    let raise = "raise the version: `version = 2`";
    assert!(findings(EVENT, 1, "from; too; steps").iter().all(|(_, text)| text.ends_with(raise)));
    check(&[
        Row("as locked", EVENT, 1, "from; to; steps", &[]),
        Row("in another order", EVENT, 1, "steps; to; from", &[]),
        Row("numbers written out", EVENT, 1, "from 1; to 2; steps 3", &[]),
        Row(
            "added",
            EVENT,
            1,
            "from; to; steps; via",
            &[(Place::Item(3), "field `via` is not there in version 1 of `note.moved`")],
        ),
        Row(
            "removed",
            EVENT,
            1,
            "from; to",
            &[(
                Place::Name,
                "field `steps` of version 1 of `note.moved`, which is locked, is missing",
            )],
        ),
        Row(
            "renamed",
            EVENT,
            1,
            "from; to; paces was steps",
            &[(Place::Item(2), "field `paces` is called `steps` in version 1")],
        ),
        Row(
            "default given",
            EVENT,
            1,
            "from; to; steps default",
            &[(Place::Item(2), "field `steps` has no default in version 1")],
        ),
        Row(
            "function in a higher revision",
            JOINED,
            1,
            "grade merge with(worst@3)",
            &[(
                Place::Rule(0),
                "field `grade` of `note` is merged by revision 2 of its function where it is locked, raise \
                 the version: write `revision = 2`",
            )],
        ),
        Row(
            "number changed",
            EVENT,
            1,
            "from 7; to; steps",
            &[(Place::Number(0), "field `from` is locked with number 1, not 7")],
        ),
        Row(
            "several",
            EVENT,
            1,
            "from 7; too; steps default",
            &[
                (Place::Number(0), "field `from` is locked with number 1"),
                (Place::Item(1), "field `too` is not there"),
                (Place::Item(2), "field `steps` has no default"),
                (Place::Name, "field `to` of version 1"),
            ],
        ),
        Row("enum as locked", ENUM, 1, "variant Good; variant Bad", &[]),
        Row(
            "variant added",
            ENUM,
            1,
            "variant Good; variant Bad; variant Mixed",
            &[(Place::Item(2), "variant `Mixed` is not there in version 1 of `Mood`")],
        ),
        Row(
            "variant removed",
            ENUM,
            1,
            "variant Good",
            &[(Place::Name, "variant `Bad` of version 1 of `Mood`")],
        ),
        Row(
            "field in a variant added",
            ONE_OF,
            1,
            "variant Dot; .x; variant Circle; .centre; .radius",
            &[(Place::Item(1), "field `x` is not there")],
        ),
        Row(
            "rule changed",
            AGGREGATE,
            1,
            "title merge max; visits merge counter",
            &[(
                Place::Rule(0),
                "field `title` of `note` is merged by `lww`, and no version can change",
            )],
        ),
    ]);
}

#[test]
fn the_next_version_follows_from_the_last() {
    check(&[
        Row("nothing", EVENT, 2, "from; to; steps", &[]),
        Row("added", EVENT, 2, "from; to; steps; via", &[]),
        Row("added with a default", EVENT, 2, "from; to; steps; via default", &[]),
        Row("renamed", EVENT, 2, "from; to; paces was steps", &[]),
        Row("optional removed", EVENT, 2, "from; steps", &[]),
        Row("required removed", EVENT, 2, "from; to", &[]),
        Row(
            "a name that never was",
            EVENT,
            2,
            "from; to; steps; via was by",
            &[(Place::Was(3), "no locked version has a field `by` that `via` could be")],
        ),
        Row(
            "number reused",
            EVENT,
            2,
            "from; steps; via 2",
            &[(
                Place::Number(2),
                "number 2 is that of `to` in stored bytes and cannot be that of `via`",
            )],
        ),
        Row("variant added", ENUM, 2, "variant Good; variant Mixed; variant Bad", &[]),
        Row(
            "variant removed",
            ENUM,
            2,
            "variant Good",
            &[(
                Place::Name,
                "variant `Bad` of `Mood` stands in stored events and cannot be removed",
            )],
        ),
        Row("variant renamed", ENUM, 2, "variant Good; variant Poor was Bad", &[]),
        Row(
            "rule changed",
            AGGREGATE,
            2,
            "title merge max; visits merge counter",
            &[(
                Place::Rule(0),
                "field `title` of `note` is merged by `lww`, and no version can change",
            )],
        ),
        Row("function as locked", JOINED, 2, "grade merge with(worst@2)", &[]),
        Row("function in a higher revision", JOINED, 2, "grade merge with(worst@3)", &[]),
        Row(
            "function in a lower revision",
            JOINED,
            2,
            "grade merge with(worst@1)",
            &[(
                Place::Rule(0),
                "field `grade` of `note` is merged by revision 2 of its function where it is locked: \
                 write `revision = 2`",
            )],
        ),
        Row(
            "another function",
            JOINED,
            2,
            "grade merge with(best@2)",
            &[(
                Place::Rule(0),
                "field `grade` of `note` is merged by `with = worst`, and no version can change that",
            )],
        ),
        Row(
            "an aggregate's field removed",
            AGGREGATE,
            2,
            "title merge lww",
            &[(Place::Name, "field `visits` of `note` cannot be removed or renamed")],
        ),
        Row(
            "field of an aggregate added",
            AGGREGATE,
            2,
            "title merge lww; visits merge counter; tags merge set",
            &[],
        ),
    ]);
}

#[test]
fn versions_are_raised_one_by_one() {
    let two = format!(
        "{EVENT}version 2\nmin_reader 1\n1 from string\n3 steps u32\nreserved 2 to\nfingerprint ?\n"
    );
    let lock = locked(&two);
    let said = |version, historical| {
        let source = Source { version, historical, ..source(&lock, version, "from; steps") };
        diff(&source, &lock)
            .findings
            .into_iter()
            .map(|finding| (finding.at, finding.message))
            .collect::<Vec<_>>()
    };
    assert_eq!(said(2, false), []);
    assert_eq!(said(3, false), []);
    let lowered = &said(1, false)[0];
    assert!(
        lowered.0 == Place::Version
            && lowered.1.starts_with("version 1 of `note.moved` has been followed by version 2")
    );
    let skipped = &said(4, false)[0];
    assert!(skipped.1.ends_with("would skip version 3: write `version = 3`"), "{}", skipped.1);
    assert!(said(3, true)[0].1.contains("has no locked version 3"), "{:?}", said(3, true));
    // Number 2 belonged to a field that is gone.
    let reused = diff(&source(&lock, 3, "from; steps; via 2"), &lock).findings;
    assert!(reused[0].message.starts_with("number 2 is that of `to`"), "{reused:?}");
    assert_eq!(diff(&source(&lock, 3, "from; steps; via"), &lock).numbers, [1, 3, 4]);
}

#[test]
fn a_lock_of_another_type_is_refused() {
    let lock = locked(EVENT);
    let renamed = Source { name: "note.sent".to_owned(), ..source(&lock, 1, "from; to; steps") };
    let said = &diff(&renamed, &lock).findings[0].message;
    assert!(said.contains("go on calling it `note.moved`"), "{said}");
    let other = Source { what: What::Value, ..source(&lock, 1, "from; to; steps") };
    let said = &diff(&other, &lock).findings[0].message;
    assert!(said.starts_with("schemas/value.note.moved.lock is the lock of the event"), "{said}");
}

#[test]
fn types_are_demanded_of_rustc() {
    let lock = locked(EVENT);
    let demands = |version, text| diff(&source(&lock, version, text), &lock).types;
    let locked = |shape: &str| Demand::Locked(shape.to_owned());
    let follows =
        |shapes: &[&str]| Demand::Follows(shapes.iter().map(|s| (*s).to_owned()).collect());
    assert_eq!(
        demands(1, "from; to; steps"),
        [locked("string"), locked("optional u32"), locked("u16")]
    );
    assert_eq!(
        demands(2, "to; paces was steps; via; new default"),
        [
            follows(&["optional u32", "optional u64"]),
            follows(&["u16", "u32", "u64", "optional u16", "optional u32", "optional u64"]),
            Demand::Absent,
            Demand::Free,
        ]
    );
    let converted = converting("f", source(&lock, 2, "from; via"));
    assert_eq!(diff(&converted, &lock).types, [Demand::Free, Demand::Free]);
}

#[test]
fn the_least_reader_is_computed() {
    let least = |lock: &str, text| {
        let lock = locked(lock);
        diff(&source(&lock, 2, text), &lock).min_reader
    };
    let depends = |shapes: &[(u32, &str)]| {
        let fields = shapes.iter().map(|(at, shape)| (Slot::of(None, *at), (*shape).to_owned()));
        MinReader::Depends { least: 1, fields: fields.collect() }
    };
    let all = depends(&[(1, "string"), (2, "optional u32"), (3, "u16")]);
    assert_eq!(least(EVENT, "from; to; steps; via"), all, "added");
    assert_eq!(
        least(EVENT, "from; steps"),
        depends(&[(1, "string"), (3, "u16")]),
        "optional removed"
    );
    assert_eq!(least(EVENT, "from; to"), MinReader::Is(2), "required removed");
    assert_eq!(least(ENUM, "variant Good; variant Bad; variant Mixed"), MinReader::Is(2));
    let with_other = ENUM.replace("fingerprint", "other Unheard\nfingerprint");
    let lock = locked(&with_other);
    let added = Source {
        other: Some("Unheard".to_owned()),
        ..source(&lock, 2, "variant Good; variant Bad; variant Mixed")
    };
    assert_eq!(diff(&added, &lock).min_reader, depends(&[]));
    assert!(
        diff(&source(&lock, 2, "variant Good; variant Bad"), &lock).findings[0]
            .message
            .contains("#[value(other)]")
    );
}

#[test]
fn what_a_conversion_must_reach_is_told() {
    let changed = format!(
        "{EVENT}version 2\nmin_reader 2\nupcast 1 f\n1 from u32\n3 steps u16\nreserved 2 to\nfingerprint ?\n"
    );
    let said = findings(&changed, 2, "from; steps");
    assert!(said[0].1.contains("put #[upcast(from = …, with = f)] back"), "{said:?}");
    let said = findings(&changed, 3, "from; steps");
    assert!(
        said[0].1.starts_with(
            "events of version 1 of `note.moved` cannot be read as version 3; say how"
        ),
        "{said:?}"
    );
    let lock = locked(&changed);
    let converted = converting("f", source(&lock, 2, "from; steps"));
    let diff = diff(&converted, &lock);
    assert_eq!((diff.findings.len(), diff.readable_from), (0, 2));
}

#[test]
fn events_of_an_aggregate_are_read_since_their_field_is_what_it_is() {
    let two = format!(
        "{AGGREGATE}version 2\nmin_reader 1\n1 title string merge lww\n2 visits i64 merge counter\n\
                       3 age u32 merge max\nfingerprint ?\n"
    );
    let lock = locked(&two);
    let source = source(&lock, 2, "title merge lww; visits merge counter; age merge max");
    assert_eq!(diff(&source, &lock).since, [MinReader::Is(1), MinReader::Is(1), MinReader::Is(2)]);
}

fn check(rows: &[Row]) {
    for Row(what, lock, version, text, expected) in rows {
        let found = findings(lock, *version, text);
        let fits = |((at, said), (place, begins)): (&(Place, String), &(Place, &str))| {
            at == place && said.starts_with(begins)
        };
        assert!(
            found.len() == expected.len() && found.iter().zip(*expected).all(fits),
            "{what}: {found:#?}"
        );
    }
}

fn findings(lock: &str, version: u32, text: &str) -> Vec<(Place, String)> {
    let lock = locked(lock);
    let found = diff(&source(&lock, version, text), &lock).findings;
    found.into_iter().map(|finding| (finding.at, finding.message)).collect()
}

fn locked(text: &str) -> Lock {
    parse(&completed(text)).unwrap()
}

/// Converts older events by that function.
fn converting(by: &str, source: Source) -> Source {
    let upcast = Some(SourceUpcast { by: by.to_owned(), was: None, revision: 0 });
    Source { upcast, converts: true, ..source }
}

/// Reads `by 3 default; variant Dot; .radius; paces was steps; title merge lww`.
fn source(lock: &Lock, version: u32, text: &str) -> Source {
    let mut entries: Vec<SourceItem> = Vec::new();
    for part in text.split("; ") {
        let mut words = part.split(' ').peekable();
        let mut entry = SourceItem {
            is_variant: words.next_if_eq(&"variant").is_some(),
            ..SourceItem::default()
        };
        let name = words.next().unwrap();
        entry.name = name.trim_start_matches('.').to_owned();
        if name.starts_with('.') {
            entry.variant = entries.iter().rposition(|entry| entry.is_variant);
        }
        while let Some(word) = words.next() {
            match word {
                "was" => entry.was = words.next().map(str::to_owned),
                "merge" => entry.rule = words.next().map(str::to_owned),
                "default" => entry.default = true,
                "new" => entry.new = true,
                number => entry.number = Some(number.parse().unwrap()),
            }
        }
        entries.push(entry);
    }
    Source { entries, ..Source::of(lock.what, &lock.name, version) }
}
