//! Events as lines, for people and for programs.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};
use synckit::block::Entry;
use synckit::clock::Hlc;
use synckit::envelope::Metadata;
use synckit::id::{Position, SpaceId};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::output::plain;
use crate::payload;
use crate::types::Types;

/// Longest payload that a line for people shows, in letters.
const PAYLOAD_LETTERS_MAX: usize = 120;

/// An event in its place in a log.
#[derive(Clone, Copy)]
pub(crate) struct Placed<'a> {
    pub(crate) space: &'a SpaceId,
    /// The number of events before it, and itself.
    pub(crate) position: Position,
    pub(crate) entry: Entry<'a>,
    pub(crate) types: &'a Types,
}

impl Placed<'_> {
    /// An object with a member for each part.
    pub(crate) fn json(&self) -> Value {
        let entry = &self.entry;
        let (dot, aggregate, event) = (entry.dot(), entry.aggregate(), entry.event());
        let mut object = json!({
            "space": self.space.as_str(),
            "position": self.position.0,
            "author": dot.replica.to_string(),
            "seq": dot.seq,
            "time": time_of(entry.hlc()),
            "type": aggregate.kind.as_str(),
            "key": aggregate.key.to_string(),
            "event": event.name.as_str(),
            "version": event.version,
            "min_version": event.min_reader,
            "ends_commit": entry.last(),
            "payload": BASE64_STANDARD.encode(entry.payload()),
        });
        if let Value::Object(object) = &mut object {
            if !entry.metadata().is_empty() {
                object.insert("metadata".to_owned(), metadata(entry.metadata()));
            }
            if let Some(value) = self.types.value(entry) {
                object.insert("value".to_owned(), value);
            }
        }
        object
    }

    /// One line.
    pub(crate) fn text(&self) -> String {
        let entry = &self.entry;
        let (dot, aggregate, event) = (entry.dot(), entry.aggregate(), entry.event());
        let mut line = format!(
            "{:>8}  {}  {:.8} {:<5}  {}/{}  {}",
            self.position.0,
            time_of(entry.hlc()),
            dot.replica,
            dot.seq,
            plain(aggregate.kind.as_str()),
            aggregate.key,
            plain(event.name.as_str()),
        );
        if event.version > 1 {
            line += &format!(" v{}", event.version);
        }
        match self.types.value(entry) {
            // JSON shows control characters as such.
            Some(value) => line += &format!("  {}", cut(&value.to_string())),
            None if entry.payload().is_empty() => {}
            None => line += &format!("  {{{}}}", cut(&payload::text(&entry.payload()))),
        }
        for (key, value) in entry.metadata().iter() {
            line += &format!("  {}={}", plain(key), plain(value));
        }
        line
    }
}

pub(crate) fn metadata(metadata: &Metadata) -> Value {
    let entries = metadata.iter().map(|(key, value)| (key.to_owned(), value.into()));
    Value::Object(entries.collect::<Map<_, _>>())
}

/// The time of a clock in UTC, to the millisecond.
pub(crate) fn time_of(hlc: Hlc) -> String {
    time_at(hlc.wall().get())
}

/// Milliseconds since 1970 in UTC.
pub(crate) fn time_at(millis: u64) -> String {
    let nanos = i128::from(millis) * 1_000_000;
    let time = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok();
    // Beyond the year 9999 there is no such text.
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| format!("{millis} ms"))
}

fn cut(text: &str) -> String {
    if text.chars().count() <= PAYLOAD_LETTERS_MAX {
        return text.to_owned();
    }
    text.chars().take(PAYLOAD_LETTERS_MAX).chain(['…']).collect()
}
