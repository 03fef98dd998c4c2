//! Conversions that are carried on, renamings, retired events, and values whose order is locked.
#![deny(warnings)]

use synckit::event::{EventRef, decode, encode};
use synckit::id::Name;
use synckit::{Lower, SyncEvent, SyncValue, sync_aggregate};

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.paid", historical)]
struct PaidInEuros {
    amount: u32,
}

#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "trip.paid", version = 3)]
#[upcast(from = PaidInEuros, with = money::in_cents, was = "in_cents")]
struct Paid {
    amount: u32,
    note: Option<String>,
}

mod money {
    pub(crate) fn in_cents(old: super::PaidInEuros) -> super::Paid {
        super::Paid { amount: old.amount * 100, note: None }
    }
}

#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "trip.crossed", version = 2)]
struct Crossed {
    #[field(was = "right")]
    left: u32,
    #[field(was = "left")]
    right: u32,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.noted", version = 2)]
struct Noted {
    by: String,
    #[field(new)]
    remark: Option<String>,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.counted", version = 2)]
struct Counted {
    by: u32,
}

#[derive(SyncValue, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
#[value(lock = required)]
enum Level {
    Low,
    #[default]
    Mid,
    High,
}

#[derive(SyncValue, Clone, Copy, Debug, PartialEq)]
#[value(name = "Span", lock = required)]
struct Range {
    major: u32,
    minor: u32,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.measured", lock = required)]
struct Measured {
    level: Level,
    span: Range,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "journey.begun", lock = none)]
struct Begun {
    at: u64,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "journey.ended", lock = none)]
struct Ended {
    at: u64,
}

#[sync_aggregate(
    name = "journey",
    version = 2,
    events(Begun),
    retired(Ended),
    event_type = Happening,
    ops_type = Handles
)]
#[derive(Clone, Debug, Default)]
struct Journey {
    #[merge(lww)]
    title: String,
}

impl Lower<Begun> for Journey {
    fn lower(event: &Begun, ops: &mut Handles<'_>) {
        ops.title.set(event.at.to_string());
    }
}

impl Lower<Ended> for Journey {
    fn lower(event: &Ended, ops: &mut Handles<'_>) {
        ops.title.set(event.at.to_string());
    }
}

/// Names that are those of values and devices elsewhere.
#[derive(SyncEvent, Clone, Debug)]
#[event(name = "con")]
enum Names {
    #[event(name = "con")]
    Device,
}

/// The user's own type.
#[allow(dead_code)]
struct JourneyEvent;

fn main() {
    let old = |name, version| EventRef { name: Name::new(name).unwrap(), version, min_reader: 1 };
    let payload = [8, 3];
    let read: Paid = decode(&old("trip.paid", 1), &payload).unwrap();
    assert_eq!(read, Paid { amount: 300, note: None });
    let read: Paid = decode(&old("trip.paid", 2), &payload).unwrap();
    assert_eq!(read, Paid { amount: 3, note: None });

    let crossed: Crossed = decode(&old("trip.crossed", 1), &[8, 1, 16, 2]).unwrap();
    assert_eq!(crossed, Crossed { left: 2, right: 1 });

    let noted: Noted = decode(&old("trip.noted", 1), &[10, 1, b'a', 18, 1, b'b']).unwrap();
    assert_eq!((noted.by.as_str(), noted.remark), ("a", None));
    assert!(!Counted::KINDS[0].commutes);
    let counted = Counted { by: 1 };
    assert_eq!(counted.by, 1);

    let range = Range { major: 1, minor: 2 };
    let measured = Measured { level: Level::Mid, span: range };
    let encoded = encode(&measured).unwrap();
    assert_eq!(encoded.event.min_reader, 1);
    assert!(matches!(measured.level, Level::Mid) && measured.span == range);
    assert!([Level::Low, Level::High].contains(&Level::High));

    let retired = encode(&Happening::Ended(Ended { at: 1 })).unwrap();
    assert_eq!(retired.event.name.as_str(), "journey.ended");
    assert_eq!(encode(&Names::Device).unwrap().event.name.as_str(), "con");
    let begun: Happening = Begun { at: 1 }.into();
    assert!(matches!(begun, Happening::Begun(_)));
}
