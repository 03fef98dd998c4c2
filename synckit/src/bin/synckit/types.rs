//! Types of events, from the protobuf text that a program gives of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use serde_json::Value;
use synckit::block::Entry;
use synckit::event::EventRef;

use crate::exit::Exit;

/// Largest text, in bytes.
const TEXT_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// The beginning of the line before a message that is an event's.
const EVENT: &str = "// The event `";

/// Source of types.
#[derive(Args, Debug)]
pub(crate) struct TypesFile {
    /// Protobuf text of the events, as `Registry::proto` gives it: payloads are shown with the names of
    /// their fields
    #[arg(long, value_name = "FILE")]
    proto: Option<PathBuf>,
}

/// The messages of events, by name and version.
#[derive(Default)]
pub(crate) struct Types(BTreeMap<(String, u32), MessageDescriptor>);

impl TypesFile {
    pub(crate) fn read(&self) -> Result<Types, Exit> {
        match &self.proto {
            Some(path) => Types::read(path),
            None => Ok(Types::default()),
        }
    }
}

impl Types {
    fn read(path: &Path) -> Result<Self, Exit> {
        let wrong = |what: &dyn std::fmt::Display| {
            Exit::settings(format!("read {}: {what}", path.display()))
        };
        let length = path.metadata().map_err(|error| wrong(&error))?.len();
        if length > TEXT_BYTES_MAX {
            return Err(wrong(&format!("it has {length} bytes, more than {TEXT_BYTES_MAX}")));
        }
        let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let compiler = protox::Compiler::new([folder.unwrap_or(Path::new("."))]);
        let mut compiler = compiler.map_err(|error| wrong(&error))?;
        compiler.open_file(path).map_err(|error| wrong(&error))?;
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
        if messages.is_empty() {
            return Err(wrong(&"it names no events; write it with `Registry::proto`"));
        }
        Ok(Self(messages))
    }

    /// The payload with the names of its fields; `None` where the version of the event is not known, or the
    /// payload is another message.
    pub(crate) fn value(&self, entry: &Entry<'_>) -> Option<Value> {
        let EventRef { name, version, .. } = entry.event();
        let message = self.0.get(&(name.as_str().to_owned(), *version))?.clone();
        let decoded = DynamicMessage::decode(message, entry.payload()).ok()?;
        let options = prost_reflect::SerializeOptions::new().skip_default_fields(false);
        decoded.serialize_with_options(serde_json::value::Serializer, &options).ok()
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
}
