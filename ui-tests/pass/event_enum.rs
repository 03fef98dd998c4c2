//! An enum is a family of kinds, one for each variant.
#![deny(warnings, missing_docs)]

use synckit::SyncEvent;
use synckit::event::{decode, encode};

#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "note", version = 2, lock = none)]
enum NoteEvent {
    Created,
    TitleSet(String),
    Moved {
        from: String,
        to: String,
    },
    #[event(name = "note.tag", version = 5, commutes)]
    Tagged(String, Vec<u8>),
    #[event(flatten)]
    Signed(Signed),
    Empty {},
}

#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "signed", version = 3, commutes, lock = none)]
struct Signed {
    by: String,
}

fn main() {
    let kinds: Vec<_> =
        NoteEvent::KINDS.iter().map(|kind| (kind.name, kind.version, kind.commutes)).collect();
    assert_eq!(
        kinds,
        [
            ("note.created", 2, false),
            ("note.title_set", 2, false),
            ("note.moved", 2, false),
            ("note.tag", 5, true),
            ("signed", 3, true),
            ("note.empty", 2, false),
        ]
    );
    assert_eq!(NoteEvent::KINDS[4], Signed::KINDS[0]);

    survives(NoteEvent::Created);
    survives(NoteEvent::TitleSet("milk".into()));
    survives(NoteEvent::Moved { from: "a".into(), to: "b".into() });
    survives(NoteEvent::Tagged("x".into(), vec![0, 255]));
    survives(NoteEvent::Signed(Signed { by: "ada".into() }));
    survives(NoteEvent::Empty {});

    let wrapped = encode(&NoteEvent::Signed(Signed { by: "ada".into() })).unwrap();
    assert_eq!(wrapped, encode(&Signed { by: "ada".into() }).unwrap());
    let beyond = NoteEvent::read_payload(
        6,
        &mut synckit::wire::Reader::new(&[], synckit::wire::Unknown::Refuse),
    );
    assert!(beyond.is_err());
}

fn survives<E: SyncEvent + PartialEq>(event: E) {
    let encoded = encode(&event).unwrap();
    assert_eq!(decode::<E>(&encoded.event, &encoded.payload).unwrap(), event);
}
