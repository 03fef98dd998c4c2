#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]
#![cfg_attr(
    not(feature = "runtime"),
    allow(dead_code, reason = "the runtime holds the other ends of some inner functions")
)]
#![cfg_attr(
    not(feature = "testing"),
    allow(unreachable_pub, reason = "seams that only the testing feature opens")
)]

// Facts.
pub mod id;
pub mod key;
pub mod chain;
pub mod clock;
pub mod vector;
pub mod wire;
pub mod event;
pub mod envelope;
pub mod block;
pub mod branch;
pub mod ruling;
pub mod filter;
pub mod policy;

// Agreement.
pub mod log;
pub mod conflict;
pub mod merge;
pub mod aggregate;
#[cfg(feature = "json")]
mod serde_forms;
pub mod schema;
pub mod registry;

// Conversation.
pub mod sync;

// A replica, without its edges.
mod replica_core;

// Edges.
pub mod locks;
#[cfg(feature = "runtime")]
mod platform;
#[cfg(feature = "runtime")]
mod failure;
#[cfg(feature = "runtime")]
pub mod metrics;
#[cfg(feature = "runtime")]
pub mod traces;
#[cfg(feature = "runtime")]
pub mod store;
#[cfg(feature = "runtime")]
pub mod transport;
#[cfg(feature = "runtime")]
mod error;

// Runtime.
#[cfg(feature = "runtime")]
mod lease;
#[cfg(feature = "runtime")]
mod budget;
#[cfg(feature = "runtime")]
mod gate;
#[cfg(feature = "runtime")]
mod driver;
#[cfg(feature = "runtime")]
pub mod replica;
#[cfg(feature = "runtime")]
pub mod hub;
#[cfg(feature = "runtime")]
pub mod backup;
#[cfg(feature = "page")]
pub mod show;
#[cfg(feature = "page")]
pub mod page;
#[cfg(feature = "testing")]
pub mod testing;

pub mod docs;

pub use aggregate::{Aggregate, Edit, Id, Lower};
pub use event::{SyncEvent, UpcastError};
pub use registry::Registry;
pub use synckit_derive::{SyncEvent, SyncMerge, SyncValue, sync_aggregate};

#[cfg(feature = "runtime")]
pub use error::{EditLimit, Error, ErrorKind, Invalid};
#[cfg(feature = "runtime")]
pub use hub::Hub;
#[cfg(feature = "runtime")]
pub use platform::WallClock;
#[cfg(feature = "runtime")]
pub use replica::Replica;
