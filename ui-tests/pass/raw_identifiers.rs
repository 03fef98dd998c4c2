//! `r#` is spelling, not part of a name.
#![deny(warnings)]
#![allow(non_camel_case_types)]

use synckit::aggregate::Aggregate;
use synckit::event::{decode, encode};
use synckit::wire::Value;
use synckit::{SyncEvent, SyncValue, sync_aggregate};

#[derive(SyncValue, Clone, Debug, PartialEq, Default)]
struct r#struct {
    r#type: u32,
}

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Direction {
    r#in,
    r#out,
}

#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "typed")]
enum r#enum {
    r#match { r#type: String, r#in: Direction },
    r#loop(r#struct),
}

#[sync_aggregate(name = "raw", events(r#yield))]
#[derive(Clone, Debug)]
struct r#trait {
    #[merge(lww)]
    r#type: String,
    #[merge(counter)]
    r#fn: i64,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "yielded")]
struct r#yield;

impl synckit::Lower<r#yield> for r#trait {
    fn lower(_: &r#yield, ops: &mut traitOps<'_>) {
        ops.r#fn.add(1);
    }
}

fn main() {
    let kinds: Vec<_> = r#enum::KINDS.iter().map(|kind| kind.name).collect();
    assert_eq!(kinds, ["typed.match", "typed.loop"]);
    assert_eq!(r#enum::KINDS[0].fields[0].name, "type");
    assert_eq!(r#struct::SHAPE.to_string(), "struct@1");
    let event = r#enum::r#match { r#type: "x".into(), r#in: Direction::r#out };
    let encoded = encode(&event).unwrap();
    assert_eq!(decode::<r#enum>(&encoded.event, &encoded.payload), Ok(event));
    let _ = (r#enum::r#loop(r#struct::default()), Direction::r#in);

    assert_eq!(r#trait::FIELDS[0].schema().name, "type");
    assert_eq!(traitEvent::KINDS[2].name, "raw.type_set");
    assert!(matches!(traitEvent::from(r#yield), traitEvent::r#yield(_)));
    let _ = (traitEvent::TypeSet(String::new()), traitEvent::FnAdded(1));
}
