//! Types of events, out of the protobuf text that a program gives of them.

use std::collections::BTreeMap;
use std::fmt;

use prost_reflect::{DynamicMessage, MessageDescriptor};
use protox::file::{File, FileResolver};
use serde_json::Value;

use crate::block::Entry;
use crate::event::EventRef;

/// Longest text, in bytes.
pub const PROTO_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Fields that are shown although they have their default, of all messages in a payload: what is shown
/// stays in proportion to what is stored.
const DEFAULTS_MAX: usize = 20_000;
/// The beginning of the line before a message that is an event's.
const EVENT: &str = "// The event `";
/// The name under which the text is read.
const FILE: &str = "events.proto";

/// The messages of events, by name and version. There are none in the default.
#[derive(Clone, Default)]
pub struct EventTypes(BTreeMap<(String, u32), MessageDescriptor>);

/// Reason why a text tells no types.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventTypesError {
    /// It is longer than [`PROTO_BYTES_MAX`].
    #[error("it has {bytes} bytes, more than {PROTO_BYTES_MAX}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It is not protobuf, or not of one file only.
    #[error("{0}")]
    Unreadable(Box<dyn std::error::Error + Send + Sync>),
    /// It describes no events.
    #[error("it names no events; write it with `Registry::proto`")]
    NoEvents,
}

/// One file that stands alone.
struct OneFile(String);

impl FileResolver for OneFile {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match name {
            FILE => File::from_source(name, &self.0),
            _ => Err(protox::Error::file_not_found(name)),
        }
    }
}

impl EventTypes {
    /// Reads the text that [`Registry::proto`](crate::Registry::proto) makes. Texts of several programs
    /// are read one by one, and [joined](Self::join).
    ///
    /// # Errors
    /// When it is no such text.
    pub fn from_proto(text: &str) -> Result<Self, EventTypesError> {
        if text.len() > PROTO_BYTES_MAX {
            return Err(EventTypesError::TooLong { bytes: text.len() });
        }
        let mut compiler = protox::Compiler::with_file_resolver(OneFile(text.to_owned()));
        let read = compiler.open_file(FILE);
        read.map_err(|error| EventTypesError::Unreadable(error.into()))?;
        let pool = compiler.descriptor_pool();
        let package =
            text.lines().find_map(|line| line.strip_prefix("package ")?.strip_suffix(';'));
        let mut messages = BTreeMap::new();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let Some(event) = event_of(line) else { continue };
            let name =
                lines.peek().and_then(|line| line.strip_prefix("message ")?.split(' ').next());
            let name = name.map(|name| match package {
                Some(package) => format!("{package}.{name}"),
                None => name.to_owned(),
            });
            if let Some(message) = name.and_then(|name| pool.get_message_by_name(&name)) {
                messages.insert(event, message);
            }
        }
        if messages.is_empty() { Err(EventTypesError::NoEvents) } else { Ok(Self(messages)) }
    }

    /// Both. Where both know a version of an event, the other one counts.
    #[must_use]
    pub fn join(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// True if it knows none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names of the fields of an event.
    #[cfg(test)]
    pub(crate) fn fields(&self, name: &str, version: u32) -> Option<Vec<String>> {
        let message = self.0.get(&(name.to_owned(), version))?;
        Some(message.fields().map(|field| field.name().to_owned()).collect())
    }

    /// The payload with the names of its fields; `None` where the version of the event is not known, or the
    /// payload is another message or was taken away.
    pub fn value(&self, entry: &Entry<'_>) -> Option<Value> {
        if entry.is_tombstone() {
            return None;
        }
        let EventRef { name, version, .. } = entry.event();
        let message = self.0.get(&(name.as_str().to_owned(), *version))?.clone();
        let pool = message.parent_pool().clone();
        let decoded = DynamicMessage::decode(message, entry.payload()).ok()?;
        // A message in a payload takes two bytes at least, and may have as many fields as any.
        let fields = pool.all_messages().map(|message| message.fields().len()).max();
        let defaults = fields.unwrap_or(0).saturating_mul(entry.payload().len() / 2 + 1);
        let options = prost_reflect::SerializeOptions::new();
        let options = options.skip_default_fields(defaults > DEFAULTS_MAX);
        decoded.serialize_with_options(serde_json::value::Serializer, &options).ok()
    }
}

impl fmt::Debug for EventTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The name and the version of an event, in the line that stands before its message.
fn event_of(line: &str) -> Option<(String, u32)> {
    let (name, rest) = line.strip_prefix(EVENT)?.split_once('`')?;
    let version = rest.strip_prefix(", version ")?.strip_suffix('.')?;
    Some((name.to_owned(), version.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_before_a_message_names_its_event() {
        let event = event_of("// The event `ship.2nd-name`, version 12.");
        assert_eq!(event, Some(("ship.2nd-name".to_owned(), 12)));
        for line in ["// The value `Flag`, version 1.", "// The event `a`", "message A {"] {
            assert_eq!(event_of(line), None);
        }
    }

    #[test]
    fn a_text_that_tells_no_events_is_refused_with_the_reason() {
        let errors = ["", "syntax = \"proto3\";", "message {", "import \"other.proto\";"];
        let errors = errors.map(|text| EventTypes::from_proto(text).unwrap_err().to_string());
        assert!(errors[0].contains("Registry::proto") && errors[1].contains("Registry::proto"));
        assert!(errors[2].contains("expected") && errors[3].contains("other.proto"), "{errors:?}");
    }
}
