//! Generated code needs no prelude, and is not affected by names that shadow it.
#![no_implicit_prelude]
#![deny(warnings)]
#![allow(dead_code)]

use ::std::string::String;

struct Option;
struct Result;
struct Vec;
struct Ok;
trait Clone {}
trait From {}

#[derive(::synckit::SyncEvent, ::std::clone::Clone, ::std::fmt::Debug)]
#[event(name = "signed")]
struct Signed {
    by: String,
}

#[derive(::synckit::SyncEvent, ::std::clone::Clone, ::std::fmt::Debug)]
#[event(name = "note")]
enum NoteEvent {
    Titled(String),
    #[event(flatten)]
    Signed(Signed),
}

#[derive(::synckit::SyncValue, ::std::clone::Clone, ::std::fmt::Debug, ::std::cmp::PartialEq)]
enum Severity {
    Low,
    High,
}

#[derive(::synckit::SyncValue, ::std::clone::Clone, ::std::fmt::Debug, ::std::cmp::PartialEq)]
enum Outline {
    Dot,
    Line { length: u32 },
}

#[::synckit::sync_aggregate(name = "inspection", events(Signed))]
#[derive(::std::clone::Clone, ::std::fmt::Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(max)]
    severity: u32,
    #[merge(counter)]
    visits: i64,
    #[merge(set)]
    tags: ::std::collections::BTreeSet<String>,
}

impl ::synckit::aggregate::Lower<Signed> for Inspection {
    fn lower(_: &Signed, ops: &mut InspectionOps<'_>) {
        ops.visits.add(1);
    }
}

fn main() {
    let event = Signed { by: ::std::convert::From::from("ada") };
    let encoded = ::synckit::event::encode(&event).unwrap();
    ::synckit::event::decode::<NoteEvent>(&encoded.event, &encoded.payload).unwrap();
    let bytes = ::synckit::wire::encode(&Outline::Line { length: 1 }).unwrap();
    ::std::assert_eq!(
        ::synckit::wire::decode::<Outline>(&bytes).unwrap(),
        Outline::Line { length: 1 }
    );
}
