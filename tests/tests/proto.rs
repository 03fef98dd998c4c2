//! The schemas of events in protobuf's own language, as other libraries understand it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use protox::prost_reflect::prost::Message as _;
use protox::prost_reflect::{DescriptorPool, DynamicMessage, Value};
use synckit::event::encode;
use synckit::{Lower, Registry, SyncEvent, SyncValue, registry, sync_aggregate};

#[derive(SyncValue, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    x: i64,
    y: i16,
}

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Mood {
    #[value(1)]
    Good,
    VeryBad,
}

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Outline {
    Dot(Point),
    Circle { centre: Point, radius: u32 },
    Inside(Vec<Outline>),
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "note.drawn", version = 4)]
struct Drawn {
    by: String,
    at: Option<u64>,
    mood: Mood,
    outline: Outline,
    small: i8,
    letter: char,
    weight: f64,
    hash: [u8; 4],
    raw: Vec<u8>,
    flags: Vec<bool>,
    tags: BTreeSet<String>,
    counts: BTreeMap<String, i32>,
    marks: BTreeMap<Point, Mood>,
    r#type: bool,
}

#[sync_aggregate(name = "note", events(Drawn))]
#[derive(Clone, Debug)]
struct Note {
    #[merge(lww)]
    title: String,
    #[merge(max)]
    last_seen: Option<u64>,
    #[merge(set)]
    points: BTreeSet<Point>,
}

impl Lower<Drawn> for Note {
    fn lower(event: &Drawn, ops: &mut NoteOps<'_>) {
        ops.title.set(event.by.as_str());
    }
}

/// What every protobuf library makes of the event, in protobuf's JSON.
const DRAWN: &str = r#"{"by":"ann","at":"7","mood":"MOOD_VERY_BAD","outline":{"circle":{"centre":{"x":"-3","y":4},"radius":5}},"small":-6,"letter":228,"weight":0.5,"hash":"AQIDBA==","raw":"AAH/","flags":[true,false],"tags":["a","b"],"counts":{"one":-1},"marks":[{"key":{"x":"1","y":-2},"value":"MOOD_GOOD"}],"type":true}"#;

/// The event's bytes, for ever.
const GOLDEN: &str = "0a03616e6e10071802220a12080a04080510081005280b30e40139000000000000e03f420401020304\
                      4a030001ff520201005a01615a016262070a036f6e6510016a080a040802100310017001";

#[test]
fn a_protobuf_compiler_takes_the_schema() {
    let proto = registry().proto();
    for line in [
        "// note.title_set, version 1",
        "message NoteTitleSet {",
        "message NoteDrawn {",
        "  optional uint64 at = 2;",
        "  map<string, sint32> counts = 12;",
        "  repeated MarksItem marks = 13;",
        "  MOOD_UNSPECIFIED = 0;",
        "  MOOD_VERY_BAD = 2;",
        "    repeated Outline value = 1;",
    ] {
        assert!(proto.lines().any(|found| found == line), "no {line:?} in\n{proto}");
    }
    pool();
}

#[test]
fn a_protobuf_library_reads_an_event() {
    let descriptor = pool().get_message_by_name("synckit.events.NoteDrawn").unwrap();
    let read = DynamicMessage::decode(descriptor, payload().as_slice()).unwrap();
    assert_eq!(read.unknown_fields().count(), 0);
    let field = |name| read.get_field_by_name(name).unwrap().into_owned();
    assert_eq!(field("by"), Value::String("ann".into()));
    assert_eq!(field("at"), Value::U64(7));
    assert_eq!(field("mood"), Value::EnumNumber(2));
    assert_eq!(field("small"), Value::I32(-6));
    assert_eq!(field("letter"), Value::U32(228));
    assert_eq!(field("flags"), Value::List(vec![Value::Bool(true), Value::Bool(false)]));
    let Value::Message(outline) = field("outline") else { panic!("not a message") };
    let Some(Value::Message(circle)) = outline.get_field_by_name("circle").map(Cow::into_owned) else {
        panic!("not a circle")
    };
    assert_eq!(circle.get_field_by_name("radius").map(Cow::into_owned), Some(Value::U32(5)));
    // It is written again as it was.
    assert_eq!(hex(&read.encode_to_vec()), hex(&payload()));
}

#[test]
#[allow(clippy::print_stderr, reason = "what was not tried must be seen")]
fn python_reads_an_event() {
    let found = Command::new("python3").args(["-c", "import google.protobuf"]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        let required = std::env::var("SYNCKIT_REQUIRE_SERVICES").is_ok_and(|value| value == "1");
        assert!(!required, "python3 with its protobuf package is required: pip install protobuf");
        eprintln!("NOT TRIED: python3 with its protobuf package is not here (pip install protobuf)");
        return;
    }
    let script = "
import sys
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
lines = [bytes.fromhex(line) for line in sys.stdin.read().split()]
files = descriptor_pb2.FileDescriptorSet.FromString(lines[0])
pool = descriptor_pool.DescriptorPool()
for file in files.file:
    pool.Add(file)
Drawn = message_factory.GetMessageClass(pool.FindMessageTypeByName('synckit.events.NoteDrawn'))
print(json_format.MessageToJson(Drawn.FromString(lines[1])))
";
    let mut python = Command::new("python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = format!("{}\n{}\n", hex(&pool().encode_to_vec()), hex(&payload()));
    python.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap(), drawn());
}

#[test]
fn the_bytes_of_the_event_are_these() {
    assert_eq!(hex(&payload()), GOLDEN);
}

fn registry() -> Registry {
    registry![Note]
}

fn pool() -> DescriptorPool {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("events.proto"), registry().proto()).unwrap();
    let set = protox::compile(["events.proto"], [folder.path()]);
    let set = set.unwrap_or_else(|error| panic!("{error:?} in\n{}", registry().proto()));
    DescriptorPool::from_file_descriptor_set(set).unwrap()
}

fn payload() -> Vec<u8> {
    let event = Drawn {
        by: "ann".into(),
        at: Some(7),
        mood: Mood::VeryBad,
        outline: Outline::Circle { centre: Point { x: -3, y: 4 }, radius: 5 },
        small: -6,
        letter: 'ä',
        weight: 0.5,
        hash: [1, 2, 3, 4],
        raw: vec![0, 1, 255],
        flags: vec![true, false],
        tags: BTreeSet::from(["a".into(), "b".into()]),
        counts: BTreeMap::from([("one".into(), -1)]),
        marks: BTreeMap::from([(Point { x: 1, y: -2 }, Mood::Good)]),
        r#type: true,
    };
    encode(&event).unwrap().payload.to_vec()
}

fn drawn() -> serde_json::Value {
    serde_json::from_str(DRAWN).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
