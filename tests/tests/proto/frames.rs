//! Frames byte for byte, and what another protobuf library reads in them by `sync.proto`.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use bytes::Bytes;
use prost_reflect::prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions, Value as Reflected};
use synckit::filter::{Filter, FilterPart};
use synckit::id::{Name, Position};
use synckit::log::{Cursor, Digest};
use synckit::schema::TypesText;
use synckit::sync::Frame;
use synckit::sync::frame::{Events, GoodbyeCode, Greeting, Hello, Holds, Resume, Start};
use synckit::testing::transport::every_kind;

use crate::assert_golden;
use crate::python::hex;

/// Longer frames are left out of the golden file.
const GOLDEN_BYTES_MAX: usize = 700;

#[test]
fn the_bytes_are_as_they_were() {
    let pool = reference();
    let mut found = String::new();
    for frame in golden() {
        let bytes = frame.encode().unwrap();
        let means = meaning(&reflected(&pool, &bytes));
        writeln!(found, "{:?} {}\n{means}\n", frame.kind(), hex(&bytes)).unwrap();
    }
    let [initiator, acceptor] = greetings();
    let transcript = Greeting::transcript(&initiator, &acceptor, true);
    writeln!(found, "# What the initiator of the second Hello signs when the first one answers.")
        .unwrap();
    writeln!(found, "Transcript {}", hex(&transcript)).unwrap();
    assert_golden("frames.txt", &found);
}

#[test]
fn the_reference_knows_every_field_that_travels() {
    let pool = reference();
    for frame in golden() {
        let read = reflected(&pool, &frame.encode().unwrap());
        assert!(knows_all(&read), "{frame:?}: {read:?}");
    }
}

#[test]
fn every_field_of_the_reference_travels() {
    let pool = reference();
    let mut travelled = BTreeSet::new();
    for frame in golden() {
        collect(&reflected(&pool, &frame.encode().unwrap()), &mut travelled);
    }
    let named: BTreeSet<_> = pool
        .all_messages()
        .flat_map(|message| message.fields().collect::<Vec<_>>())
        .map(|field| field.full_name().to_owned())
        .collect();
    assert_eq!(travelled, named);
}

/// It leaves out zeros, and may.
#[test]
fn what_another_library_writes_is_the_same_frame() {
    let pool = reference();
    for frame in golden() {
        let theirs = Bytes::from(reflected(&pool, &frame.encode().unwrap()).encode_to_vec());
        match (Frame::decode(theirs).unwrap(), frame) {
            (Frame::Hello(read), Frame::Hello(sent)) => assert_eq!(*read, *sent),
            (read, sent) => assert_eq!(read, sent),
        }
    }
}

/// With nothing but what sync.proto says.
#[test]
fn the_transcript_is_made_as_the_reference_says() {
    let [initiator, acceptor] = greetings();
    let mut hasher = blake3::Hasher::new_derive_key("synckit 2026 session handshake");
    for greeting in [&initiator, &acceptor] {
        // The content of `Frame.hello`: what stands behind one byte of tag and the length, which is
        // written in one or two bytes here.
        let bytes = Frame::Hello(greeting.clone()).encode().unwrap();
        hasher.update(&bytes[1..]);
    }
    let expected = hasher.update(&[1]).finalize();
    assert_eq!(Greeting::transcript(&initiator, &acceptor, true), *expected.as_bytes());
}

/// The reference, compiled.
fn reference() -> DescriptorPool {
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("../synckit/proto");
    let mut compiler = protox::Compiler::new([&proto]).unwrap();
    compiler.open_file("synckit/v1/sync.proto").unwrap_or_else(|error| panic!("{error:?}"));
    compiler.descriptor_pool()
}

/// Reflection shows the file; it is compiled into the library.
#[test]
fn the_compiled_reference_is_that_of_the_text() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../synckit/proto");
    let mut compiler = protox::Compiler::new([&root]).unwrap();
    compiler.open_file("synckit/v1/sync.proto").unwrap_or_else(|error| panic!("{error:?}"));
    let compiled = compiler.encode_file_descriptor_set();
    let file = root.join("synckit/v1/sync.fds");
    if std::env::var_os("SYNCKIT_BLESS").is_some() {
        std::fs::write(&file, &compiled).unwrap();
    }
    let is_current = std::fs::read(file).unwrap() == compiled;
    assert!(is_current, "SYNCKIT_BLESS=1 cargo test -p synckit-tests --test proto writes it");
}

/// The smallest and the largest frame of every kind, as far as they fit on a line, and some between.
fn golden() -> Vec<Frame> {
    let blocks = vec![Bytes::from_static(b"block"), Bytes::from_static(b"another")];
    let mut frames: Vec<_> = every_kind().into_iter().map(with_short_lists).collect();
    frames.retain(|frame| frame.encode().unwrap().len() <= GOLDEN_BYTES_MAX);
    let through = Cursor { position: Position(1), digest: Digest::START };
    frames.push(Frame::Events(Events::new(through, Position(1_000), blocks)));
    frames.push(Frame::goodbye(GoodbyeCode::Done, "done"));
    frames
}

fn with_short_lists(mut frame: Frame) -> Frame {
    match &mut frame {
        Frame::Start(Start { resume: Resume::Frontier(commits), .. })
        | Frame::Holds(Holds { commits, .. }) => commits.truncate(2),
        Frame::Types(types) => types.text = TypesText::new("// The event `a`, version 1.").unwrap(),
        Frame::Events(Events { blocks, bridges, forks, .. }) if !bridges.is_empty() => {
            blocks.truncate(2);
            bridges.truncate(1);
            forks.truncate(1);
        }
        Frame::Hello(greeting) if greeting.filter.is_some() => {
            let mut hello = Hello::clone(greeting);
            let photos = FilterPart::new().kind(Name::new("photo").unwrap()).keyed("store-7/");
            let signed = FilterPart::new().event(Name::new("note.signed").unwrap());
            let signed = signed.metadata("actor", "ann").when(Name::new("due").unwrap(), "2026-12");
            hello.filter = Some(Filter::new().part(photos).part(signed));
            *greeting = hello.into();
        }
        _ => {}
    }
    frame
}

fn greetings() -> [Greeting; 2] {
    let mut greetings = every_kind().into_iter().filter_map(|frame| match frame {
        Frame::Hello(greeting) => Some(greeting),
        _ => None,
    });
    let (small, large) = (greetings.next().unwrap(), greetings.next().unwrap());
    [large, small]
}

fn reflected(pool: &DescriptorPool, frame: &[u8]) -> DynamicMessage {
    let kind = pool.get_message_by_name("synckit.v1.Frame").unwrap();
    DynamicMessage::decode(kind, frame).unwrap()
}

fn meaning(message: &DynamicMessage) -> serde_json::Value {
    let options = SerializeOptions::new().skip_default_fields(false).use_proto_field_name(true);
    message.serialize_with_options(serde_json::value::Serializer, &options).unwrap()
}

fn parts(value: &Reflected) -> Vec<&DynamicMessage> {
    match value {
        Reflected::Message(message) => vec![message],
        Reflected::List(items) => items.iter().filter_map(Reflected::as_message).collect(),
        _ => Vec::new(),
    }
}

fn knows_all(message: &DynamicMessage) -> bool {
    message.unknown_fields().next().is_none()
        && message.fields().all(|(_, value)| parts(value).into_iter().all(knows_all))
}

/// The names of the fields that are set.
fn collect(message: &DynamicMessage, names: &mut BTreeSet<String>) {
    for (field, value) in message.fields() {
        names.insert(field.full_name().to_owned());
        parts(value).into_iter().for_each(|part| collect(part, names));
    }
}
