//! Events byte for byte, and what another protobuf library reads in those bytes.

use std::fmt::Write;

use bytes::Bytes;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions, Value as Reflected};
use serde_json::{Value, json};
use synckit::aggregate::record;
use synckit::event::{SyncEvent, decode, encode};
use synckit::registry;

use crate::domain::*;
use crate::python::{Python, hex};
use crate::{assert_golden, compiled};

/// An event as bytes, and what it means.
struct Vector {
    told: &'static str,
    message: &'static str,
    payload: Bytes,
    /// As protobuf's mapping to JSON has it: integers of 64 bits are text, bytes are base64.
    means: Value,
}

impl Vector {
    fn name(&self) -> String {
        format!("events.{}", self.message)
    }
}

#[test]
fn the_bytes_are_as_they_were() {
    let mut found = String::new();
    for Vector { told, message, payload, means } in vectors() {
        writeln!(found, "# {told}\n{message} {}\n{means}\n", hex(&payload)).unwrap();
    }
    assert_golden("events.txt", &found);
}

#[test]
fn python_reads_in_them_what_was_written() {
    let Some(python) = Python::find() else { return };
    let (pool, descriptors) = compiled(&registry![Ship].proto());
    let vectors = vectors();
    let payloads: Vec<_> =
        vectors.iter().map(|vector| (vector.name(), hex(&vector.payload))).collect();
    let answers = python.decode(&descriptors, &payloads);
    assert_eq!(answers.len(), vectors.len());
    for (vector, (read, again)) in vectors.iter().zip(answers) {
        assert_eq!(read, vector.means, "{}: {}", vector.told, hex(&vector.payload));
        let again = reflected(&pool, vector, &again);
        assert_eq!(meaning(&again), vector.means, "{}, written by Python", vector.told);
    }
}

#[test]
fn prost_reads_in_them_what_was_written() {
    let (pool, _) = compiled(&registry![Ship].proto());
    for vector in vectors() {
        let read = reflected(&pool, &vector, &vector.payload);
        assert_eq!(meaning(&read), vector.means, "{}: {}", vector.told, hex(&vector.payload));
        assert!(knows_all(&read), "{}: {read:?}", vector.told);
    }
}

fn reflected(pool: &DescriptorPool, vector: &Vector, payload: &[u8]) -> DynamicMessage {
    let kind = pool.get_message_by_name(&vector.name()).unwrap();
    DynamicMessage::decode(kind, payload).unwrap()
}

/// The value with all defaults, so that nothing is equal by being absent.
fn meaning(message: &DynamicMessage) -> Value {
    let options = SerializeOptions::new().skip_default_fields(false).use_proto_field_name(true);
    message.serialize_with_options(serde_json::value::Serializer, &options).unwrap()
}

fn knows_all(message: &DynamicMessage) -> bool {
    let within = |value: &Reflected| match value {
        Reflected::Message(message) => knows_all(message),
        Reflected::List(items) => items.iter().filter_map(Reflected::as_message).all(knows_all),
        Reflected::Map(entries) => {
            entries.values().filter_map(Reflected::as_message).all(knows_all)
        }
        _ => true,
    };
    message.unknown_fields().next().is_none() && message.fields().all(|(_, value)| within(value))
}

fn vectors() -> Vec<Vector> {
    [of_scalars(), of_collections(), of_values(), of_operations(), of_sequences(), of_names()]
        .into_iter()
        .flatten()
        .collect()
}

/// Encodes, and sees to it that synckit reads the same.
fn vector<E: SyncEvent>(
    told: &'static str,
    message: &'static str,
    event: E,
    means: Value,
) -> Vector {
    let encoded = encode(&event).unwrap();
    let read: E = decode(&encoded.event, &encoded.payload).unwrap();
    assert_eq!(format!("{read:?}"), format!("{event:?}"));
    Vector { told, message, payload: encoded.payload, means }
}

fn of_scalars() -> Vec<Vector> {
    let zero = Measured { class: '\0', ..Measured::default() };
    let least = Measured {
        afloat: true,
        tiny: i8::MIN,
        small: i16::MIN,
        medium: i32::MIN,
        large: i64::MIN,
        deck: u8::MAX,
        berth: u16::MAX,
        tons: u32::MAX,
        grams: u64::MAX,
        draught: -1.5,
        heading: f64::NEG_INFINITY,
        class: '⚓',
        captain: "Ümit".to_owned(),
        seal: [0, 1, 254, 255],
        photo: Bytes::from_static(b"jpg"),
    };
    vec![
        vector(
            "zeros are there",
            "ShipMeasured",
            zero,
            json!({
                "afloat": false, "tiny": 0, "small": 0, "medium": 0, "large": "0", "deck": 0, "berth": 0,
                "tons": 0, "grams": "0", "draught": 0.0, "heading": 0.0, "class": 0, "captain": "",
                "seal": "AAAAAA==", "photo": "",
            }),
        ),
        vector(
            "the ends of ranges",
            "ShipMeasured",
            least,
            json!({
                "afloat": true, "tiny": -128, "small": -32768, "medium": -2147483648_i64,
                "large": "-9223372036854775808", "deck": 255, "berth": 65535, "tons": 4294967295_u32,
                "grams": "18446744073709551615", "draught": -1.5, "heading": "-Infinity", "class": 0x2693,
                "captain": "Ümit", "seal": "AAH+/w==", "photo": "anBn",
            }),
        ),
    ]
}

fn of_collections() -> Vec<Vector> {
    let empty = json!({
        "manifest": "", "weights": [], "heights": [], "labels": [], "flags": [], "seen": [], "decks": [],
        "marks": [], "by_name": {}, "by_berth": {}, "by_letter": {}, "by_seal": [], "by_flag": [],
    });
    let zeros = Loaded {
        remark: Some(String::new()),
        delay: Some(0),
        next: Some(place("", 0)),
        stamp: Some(Flag::Foreign(0)),
        ..Loaded::default()
    };
    let mut with_zeros = empty.clone();
    with_zeros["remark"] = json!("");
    with_zeros["delay"] = json!(0);
    with_zeros["next"] = json!({ "name": "", "north": 0 });
    with_zeros["stamp"] = json!("FLAG_UNSPECIFIED");
    vec![
        vector("nothing is there", "ShipLoaded", Loaded::default(), empty),
        vector("options of zero are there", "ShipLoaded", zeros, with_zeros),
        vector("several of each", "ShipLoaded", full(), meaning_of_full()),
    ]
}

fn full() -> Loaded {
    Loaded {
        manifest: vec![0, 255],
        weights: vec![0, -1, 300],
        heights: vec![0.5, -2.0],
        labels: vec!["b".to_owned(), String::new(), "b".to_owned()],
        flags: vec![Flag::Yellow, Flag::InDistress, Flag::Foreign(9)],
        seen: vec![place("Ystad", 55), place("", -1)],
        decks: [200, 1, 0].into(),
        marks: [[2, 0], [1, 255]].into(),
        by_name: [("one".to_owned(), 1), (String::new(), 0)].into(),
        by_berth: [(-1, place("Ystad", 55)), (1, place("Turku", 60))].into(),
        by_letter: [('a', Flag::InDistress)].into(),
        by_seal: [([9, 0], place("Turku", 60)), ([0, 9], place("", 0))].into(),
        by_flag: [(Flag::Yellow, -7), (Flag::Foreign(0), 0)].into(),
        remark: Some("late".to_owned()),
        delay: Some(-90),
        next: Some(place("Turku", 60)),
        stamp: Some(Flag::Foreign(77)),
    }
}

fn meaning_of_full() -> Value {
    let ystad = json!({ "name": "Ystad", "north": 55 });
    let turku = json!({ "name": "Turku", "north": 60 });
    json!({
        "manifest": "AP8=", "weights": [0, -1, 300], "heights": [0.5, -2.0], "labels": ["b", "", "b"],
        "flags": ["FLAG_YELLOW", "FLAG_IN_DISTRESS", 9],
        "seen": [ystad, { "name": "", "north": -1 }],
        "decks": [0, 1, 200],
        "marks": ["Af8=", "AgA="],
        "by_name": { "one": 1, "": 0 },
        "by_berth": { "-1": ystad, "1": turku },
        "by_letter": { "97": "FLAG_IN_DISTRESS" },
        "by_seal": [
            { "key": "AAk=", "value": { "name": "", "north": 0 } },
            { "key": "CQA=", "value": turku },
        ],
        "by_flag": [
            { "key": "FLAG_UNSPECIFIED", "value": "0" },
            { "key": "FLAG_YELLOW", "value": "-7" },
        ],
        "remark": "late", "delay": -90, "next": turku, "stamp": 77,
    })
}

fn of_values() -> Vec<Vector> {
    let there = Order::SailTo { place: place("Turku", 60), with: Some(0) };
    let stop = Plan { order: Order::Stop, otherwise: None, then: Vec::new() };
    let plan = Plan {
        order: Order::Place(place("Ystad", 55)),
        otherwise: Some(Box::new(stop.clone())),
        then: vec![stop],
    };
    let routed = Routed { order: Order::Variant(vec![Order::Stop, there]), plan };
    let begun = Begun { from: place("Ystad", 55), crew: 0 };
    let ystad = json!({ "name": "Ystad", "north": 55 });
    let stop = json!({ "order": { "stop": {} }, "then": [] });
    vec![
        vector(
            "values in values, also of their own type",
            "ShipRouted",
            routed,
            json!({
                "order": { "variant": { "value": [
                    { "stop": {} },
                    { "sail_to": { "place": { "name": "Turku", "north": 60 }, "with": 0 } },
                ] } },
                "plan": { "order": { "place": { "value": ystad } }, "otherwise": stop, "then": [stop] },
            }),
        ),
        vector(
            "an event without options",
            "VoyageBegun",
            begun,
            json!({ "from": ystad, "crew": 0 }),
        ),
        vector("an event without fields", "VoyageEnded", Ended, json!({})),
    ]
}

fn of_operations() -> Vec<Vector> {
    vec![
        vector(
            "an edit of an optional field",
            "ShipFlagSet",
            ShipEvent::FlagSet(Some(Flag::InDistress)),
            json!({ "value": "FLAG_IN_DISTRESS" }),
        ),
        vector("to nothing", "ShipFlagSet", ShipEvent::FlagSet(None), json!({})),
        vector(
            "a subtraction",
            "ShipCrewAdded",
            ShipEvent::CrewAdded(-3),
            json!({ "value": "-3" }),
        ),
        vector(
            "a domain event among edits",
            "ShipShrunk",
            ShipEvent::Shrunk(Shrunk { left: 4 }),
            json!({ "left": 4 }),
        ),
    ]
}

/// Places in texts and lists are bytes to other libraries.
fn of_sequences() -> Vec<Vector> {
    let recorded = record::<Ship>(|it| {
        it.log.push_str("fog");
        it.log.push_str(", calm");
        it.log.delete(0..3);
        it.stops.insert(0, place("Turku", 60));
        it.stops.push(place("Ystad", 55));
        it.stops.set(0, place("Turku", 61));
        it.stops.move_to(0, 1);
        it.stops.remove(0);
    });
    let of_edits = recorded.unwrap();
    let mut events =
        of_edits.iter().map(|event| decode::<ShipEvent>(&event.event, &event.payload).unwrap());
    let [ystad, turku, moved] = [("Ystad", 55), ("Turku", 60), ("Turku", 61)]
        .map(|(name, north)| json!({ "name": name, "north": north }));
    // By its author, whose id is zeros here, and number.
    let item = format!("CA{}BA==", "A".repeat(42));
    [
        ("the first words of a text", "ShipLogInserted", json!({ "text": "fog", "place": "AQ==" })),
        ("words that go on", "ShipLogInserted", json!({ "text": ", calm", "place": "BhQC" })),
        ("words that are taken out", "ShipLogDeleted", json!({ "ranges": "IQAAAg==" })),
        ("the first item", "ShipStopsInserted", json!({ "values": [turku], "place": "AQ==" })),
        ("one behind it", "ShipStopsInserted", json!({ "values": [ystad], "place": "BhA=" })),
        ("an item that is set", "ShipStopsSet", json!({ "item": item, "value": moved })),
        ("an item that is moved", "ShipStopsMoved", json!({ "item": item, "place": "BiA=" })),
        ("an item that is taken out", "ShipStopsRemoved", json!({ "ranges": "MA==" })),
    ]
    .map(|(told, message, means)| vector(told, message, events.next().unwrap(), means))
    .into()
}

fn of_names() -> Vec<Vector> {
    let named = Named {
        r#type: "t".to_owned(),
        message: Message { option: true },
        home_port: "h".to_owned(),
        homePort: "p".to_owned(),
        größe: 5,
        string: [("k".to_owned(), false)].into(),
        StringEntry: true,
        stage: Stage::OfShip,
        reserved: StageOf::SHIP,
        Message: true,
    };
    let means = json!({
        "type": "t", "message": { "option": true }, "home_port": "h", "homePort2": "p", "grxf6xdfe": 5,
        "string": [{ "key": "k", "value": false }], "StringEntry": true, "stage": "STAGE_OF_SHIP",
        "reserved": "STAGE_OF_SHIP_3", "Message2": true,
    });
    vec![vector("names that protobuf does not take", "Ship2ndName", named, means)]
}

fn place(name: &str, north: i32) -> Place {
    Place { name: name.to_owned(), north }
}
