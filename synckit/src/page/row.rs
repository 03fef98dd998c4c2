//! An event as the page shows it.

use serde_json::{Map, Value, json};

use crate::block::Entry;
use crate::id::{Dot, Position};
use crate::show::{ShownEvent, metadata_json, time_of};

/// Longest payload that is shown, in letters.
const PAYLOAD_LETTERS_MAX: usize = 1_000;
/// Letters of an author by which an event's place is named.
const AUTHOR_LETTERS: usize = 16;

/// The members of an event.
pub(super) fn row(event: &ShownEvent<'_>) -> Map<String, Value> {
    let entry = &event.entry;
    let (dot, aggregate, reference) = (entry.dot(), entry.aggregate(), entry.event());
    let members = json!({
        "place": EventPlace::of(event.position, dot).to_string(),
        "position": event.position.0,
        "author": dot.replica.to_string(),
        "seq": dot.seq,
        "time": time_of(entry.hlc()),
        "aggregate": aggregate.to_string(),
        "event": reference.name.as_str(),
        "version": reference.version,
        "payload": event.payload(PAYLOAD_LETTERS_MAX),
        "metadata": metadata_json(entry.metadata()),
    });
    match members {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// A place in a log, and the event there: after a hub's file was replaced the same position may be another
/// event's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct EventPlace {
    pub(super) position: Position,
    event: String,
}

impl EventPlace {
    pub(super) fn of(position: Position, dot: Dot) -> Self {
        let event = format!("{:.width$}.{}", dot.replica, dot.seq, width = AUTHOR_LETTERS);
        Self { position, event }
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        let (position, event) = text.split_once('.')?;
        let position = Position(position.parse().ok()?);
        Some(Self { position, event: event.to_owned() })
    }

    /// True if that is the event at that position.
    pub(super) fn is(&self, position: Position, entry: &Entry<'_>) -> bool {
        *self == Self::of(position, entry.dot())
    }
}

impl std::fmt::Display for EventPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.position.0, self.event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ReplicaId;

    #[test]
    fn a_place_is_read_as_it_was_written() {
        let dot = Dot { replica: ReplicaId::from_bytes([7; 32]), seq: 3 };
        let place = EventPlace::of(Position(12), dot);
        assert_eq!(place.to_string(), "12.0707070707070707.3");
        assert_eq!(EventPlace::read(&place.to_string()), Some(place));
        for odd in ["", "12", "x.0707.3", "-1.a.2"] {
            assert_eq!(EventPlace::read(odd), None, "{odd}");
        }
    }
}
