//! Two histories that every later program reads: the events of earlier programs, byte for byte, and what the
//! latest one reads in them.
//!
//! Each stands under `tests/golden` with the bytes that its program wrote on the day of its release.
//! No change of this crate may make another history of them.

use std::fs;
use std::path::Path;

use synckit::event::{EncodedEvent, EventRef, decode};
use synckit::id::Name;

#[test]
fn the_first_version_wrote_a_history_that_stays_readable() {
    let events = synckit::aggregate::record::<evolve_v1::Inspection>(|it| {
        it.create(&evolve_v1::Inspection {
            title: "Boiler B".to_owned(),
            visits: 1,
            hottest: None,
        });
        it.title.set("Boiler C");
        it.visits.add(-2);
        it.hottest.raise(90);
        it.emit(evolve_v1::Signed { by: "ann".to_owned() });
        it.emit(evolve_v1::Measured { fahrenheit: 212 });
    });
    keeps("history-1.txt", &events.unwrap());
}

#[test]
fn the_second_version_wrote_a_history_that_stays_readable() {
    let measured = |degrees, unit: &str| evolve_v2::Measured { degrees, unit: unit.to_owned() };
    let events = synckit::aggregate::record::<evolve_v2::Inspection>(|it| {
        it.minutes.add(20);
        it.remarks.insert("leaks");
        it.remarks.remove("leaks");
        let (by, remark) = ("bob".to_owned(), Some("again in May".to_owned()));
        it.emit(evolve_v2::Signed { by, remark, minutes: 45 });
        it.emit(measured(100, "C"));
        it.emit(measured(212, "F"));
        it.emit(measured(373, "K"));
    });
    keeps("history-2.txt", &events.unwrap());
}

/// Holds what is written today, and what is read in the bytes of the file, against the file.
fn keeps(file: &str, written: &[EncodedEvent]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(file);
    let written: String = written.iter().map(|event| line(&event.event, &event.payload)).collect();
    if std::env::var_os("SYNCKIT_BLESS").is_some() && !path.exists() {
        fs::write(&path, &written).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap();
    assert_eq!(written, golden, "{file}: the bytes, or what they are read as");
    let read: String = golden.lines().map(read_again).collect();
    assert_eq!(read, golden, "{file}: the bytes as they stand in the file");
}

/// An event with its bytes, and what the latest program reads in them.
fn line(event: &EventRef, payload: &[u8]) -> String {
    let bytes: String = payload.iter().map(|byte| format!("{byte:02x}")).collect();
    let read = match decode::<evolve_v3::InspectionEvent>(event, payload) {
        Ok(event) => format!("{event:?}"),
        Err(error) => format!("parked: {error}"),
    };
    format!("{} {} {} [{bytes}] {read}\n", event.name.as_str(), event.version, event.min_reader)
}

fn read_again(golden: &str) -> String {
    let mut words = golden.splitn(5, ' ');
    let mut word = || words.next().unwrap();
    let (name, version, min_reader) = (word(), word(), word());
    let event = EventRef {
        name: Name::new(name).unwrap(),
        version: version.parse().unwrap(),
        min_reader: min_reader.parse().unwrap(),
    };
    let digits = word().trim_matches(['[', ']']);
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    let payload: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
    line(&event, &payload)
}
