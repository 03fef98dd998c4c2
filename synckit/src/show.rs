//! Events as JSON and as lines of text, without the types that they were made of.
//!
//! A hub knows no event types, and neither does the program `synckit`. An event still has its
//! aggregate, its name, its author and its time; its payload is a protobuf message, whose fields have
//! numbers. [`EventTypes`] gives the fields their names, out of the text that
//! [`Registry::proto`](crate::Registry::proto) makes. Replicas tell it their hubs, and
//! [`SpaceTypes`] reads what a store has been told.
//!
//! ```
//! use synckit::id::Position;
//! use synckit::show::{ShownEvent, SpaceTypes};
//! use synckit::store::EventStore;
//!
//! # async fn run(store: EventStore) -> Result<(), Box<dyn std::error::Error>> {
//! let space = "team".parse()?;
//! let types = SpaceTypes::default().of(&store, &space).await?;
//! for log in store.read_after(&space, Position::START).await?.blocks {
//!     for (position, entry) in log.after(log.start) {
//!         let event = ShownEvent { space: &space, position, entry, types: &types };
//!         println!("{}", event.json());
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod event;
mod payload;
mod told;
mod types;

pub use event::{ShownEvent, metadata_json, time_at, time_of};
pub use payload::payload_text;
pub use told::SpaceTypes;
pub use types::{EventTypes, EventTypesError, PROTO_BYTES_MAX};

/// Text out of a store as a terminal may show it: control characters are shown as such.
pub fn plain(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}
