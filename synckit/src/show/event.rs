//! An event in its place, as a line.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::{EventTypes, payload_text, plain};
use crate::block::Entry;
use crate::clock::{Hlc, UnixMillis};
use crate::envelope::Metadata;
use crate::id::{Position, SpaceId};

/// Longest payload that a line of text shows, in letters.
const PAYLOAD_LETTERS_MAX: usize = 120;

/// Shown in place of what a hub took away.
const TOMBSTONE: &str = "(taken away: a hub refused it)";

/// An event in its place in a log. Prints itself as one line, for people; the form of that may change.
/// `{:#}` colours it for a terminal (ECMA-48).
#[derive(Clone, Copy)]
#[allow(clippy::exhaustive_structs, reason = "made by whoever shows it")]
pub struct ShownEvent<'a> {
    /// The space.
    pub space: &'a SpaceId,
    /// The number of events before it, and itself.
    pub position: Position,
    /// The event.
    pub entry: Entry<'a>,
    /// The types that are known.
    pub types: &'a EventTypes,
}

impl ShownEvent<'_> {
    /// An object with a member for each part, [as `synckit cat --json` prints it](crate::docs::program).
    pub fn json(&self) -> Value {
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
                object.insert("metadata".to_owned(), metadata_json(entry.metadata()));
            }
            if entry.is_tombstone() {
                object.insert("tombstone".to_owned(), true.into());
            }
            if let Some(value) = self.types.value(entry) {
                object.insert("value".to_owned(), value);
            }
        }
        object
    }

    /// The payload as text of no more than so many letters: as JSON with the names of its fields where
    /// its type is known, or else by their numbers. Empty where the payload is. A tombstone says so.
    pub fn payload(&self, letters_max: usize) -> String {
        if self.entry.is_tombstone() {
            return TOMBSTONE.to_owned();
        }
        let text = match self.types.value(&self.entry) {
            // JSON shows control characters as such.
            Some(value) => value.to_string(),
            None if self.entry.payload().is_empty() => String::new(),
            None => format!("{{{}}}", payload_text(&self.entry.payload())),
        };
        cut(text, letters_max)
    }
}

impl fmt::Display for ShownEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = &self.entry;
        let (dot, aggregate, event) = (entry.dot(), entry.aggregate(), entry.event());
        let [dim, author, name, end] =
            if f.alternate() { ["\x1b[2m", "\x1b[36m", "\x1b[1m", "\x1b[0m"] } else { [""; 4] };
        let (position, time) = (self.position.0, time_of(entry.hlc()));
        write!(f, "{dim}{position:>8}  {time}{end}  ")?;
        write!(f, "{author}{:.8}{end} {:<5}  ", dot.replica, dot.seq)?;
        write!(f, "{}/{}  ", plain(aggregate.kind.as_str()), aggregate.key)?;
        write!(f, "{name}{}{end}", plain(event.name.as_str()))?;
        if event.version > 1 {
            write!(f, " v{}", event.version)?;
        }
        let payload = self.payload(PAYLOAD_LETTERS_MAX);
        if !payload.is_empty() {
            write!(f, "  {payload}")?;
        }
        for (key, value) in entry.metadata().iter() {
            write!(f, "  {dim}{}={}{end}", plain(key), plain(value))?;
        }
        Ok(())
    }
}

impl fmt::Debug for ShownEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Metadata as an object.
pub fn metadata_json(metadata: &Metadata) -> Value {
    let entries = metadata.iter().map(|(key, value)| (key.to_owned(), value.into()));
    Value::Object(entries.collect::<Map<_, _>>())
}

/// The time of a clock in UTC, to the millisecond.
pub fn time_of(hlc: Hlc) -> String {
    time_at(hlc.wall())
}

/// A time in UTC, to the millisecond (RFC 3339).
pub fn time_at(time: UnixMillis) -> String {
    let millis = time.get();
    let time = i64::try_from(millis / 1_000).ok().map(OffsetDateTime::from_unix_timestamp);
    // Beyond the year 9999 there is no such text.
    let Some(Ok(time)) = time else { return format!("{millis} ms") };
    let (date, clock) = (time.date(), time.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second(),
        millis % 1_000
    )
}

fn cut(text: String, letters_max: usize) -> String {
    if text.chars().count() <= letters_max {
        return text;
    }
    text.chars().take(letters_max).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_behind_the_second_and_an_end() {
        let text = |millis| time_at(UnixMillis::new(millis));
        assert_eq!(text(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(1_795_942_929_780), "2026-11-29T09:02:09.780Z");
        let last = UnixMillis::new(u64::MAX);
        assert_eq!(time_at(last), format!("{} ms", last.get()));
    }
}
