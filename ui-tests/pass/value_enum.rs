//! Enums without data are numbers, enums with data are messages of one field.
#![deny(warnings, missing_docs)]

use synckit::SyncValue;
use synckit::wire::{Message, Value, WireError, decode, encode};

#[derive(SyncValue, Clone, Copy, Debug, PartialEq)]
enum Severity {
    Low,
    #[value(5)]
    High,
    Severe,
}

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Outline {
    Dot,
    Circle {
        centre: Point,
        radius: u32,
    },
    #[value(7)]
    Polygon(Vec<Point>, Severity),
    Within(Box<Outline>),
}

#[derive(SyncValue, Clone, Debug, PartialEq)]
struct Point(i32, i32);

#[derive(SyncValue, Clone, Debug, PartialEq)]
struct Report {
    severity: Severity,
    outline: Outline,
}

fn main() {
    assert_eq!(Severity::SHAPE.to_string(), "Severity@1");
    assert_eq!(Outline::SHAPE.to_string(), "Outline@1");
    let report = |severity, outline| Report { severity, outline };
    for severity in [Severity::Low, Severity::High, Severity::Severe] {
        survives(report(severity, Outline::Dot));
    }
    survives(Outline::Circle { centre: Point(1, 2), radius: 3 });
    survives(Outline::Polygon(vec![Point(0, 0), Point(0, 1)], Severity::Severe));
    survives(Outline::Within(Box::new(Outline::Within(Box::new(Outline::Dot)))));

    assert_eq!(encode(&report(Severity::High, Outline::Dot)).unwrap(), [0x08, 5, 0x12, 2, 0x0a, 0]);
    assert_eq!(encode(&Outline::Polygon(vec![], Severity::Low)).unwrap(), [0x3a, 2, 0x10, 0]);
    assert_eq!(
        decode::<Report>(&[0x08, 1, 0x12, 2, 0x0a, 0]),
        Err(WireError::UnknownVariant { number: 1, target: "Severity" })
    );
    assert_eq!(decode::<Outline>(&[]), Err(WireError::Missing { number: 1 }));
    assert_eq!(
        decode::<Outline>(&[0x0a, 0, 0x3a, 2, 0x10, 0]),
        Err(WireError::UnknownField { number: 7 })
    );
}

fn survives<V: Message + PartialEq + std::fmt::Debug>(value: V) {
    assert_eq!(decode::<V>(&encode(&value).unwrap()).unwrap(), value);
}
