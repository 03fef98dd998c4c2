//! Types of events: those that a store keeps, and those in a file that a program wrote.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use synckit::show::{EventTypes, PROTO_BYTES_MAX, SpaceTypes};

use crate::exit::Exit;

/// Source of types.
#[derive(Args, Debug)]
pub(crate) struct TypesFile {
    /// Protobuf text of the events, as `Registry::proto` gives it: payloads are shown by these types, and by
    /// those that replicas have told the store
    #[arg(long, value_name = "FILE")]
    proto: Option<PathBuf>,
}

impl TypesFile {
    pub(crate) fn read(&self) -> Result<SpaceTypes, Exit> {
        let given = self.proto.as_deref().map_or_else(|| Ok(EventTypes::default()), read);
        given.map(SpaceTypes::new)
    }
}

/// Reads one file.
pub(crate) fn read(path: &std::path::Path) -> Result<EventTypes, Exit> {
    let wrong =
        |what: &dyn std::fmt::Display| Exit::settings(format!("read {}: {what}", path.display()));
    let length = path.metadata().map_err(|error| wrong(&error))?.len();
    if length > PROTO_BYTES_MAX as u64 {
        return Err(wrong(&format!("it has {length} bytes, more than {PROTO_BYTES_MAX}")));
    }
    let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
    EventTypes::from_proto(&text).map_err(|error| wrong(&error))
}
