//! Parts for tests of synckit, and of stores and transports of your own.
//!
//! - [`Author`] makes blocks of events as a replica would, the same ones in every run.
//! - [`store_contract!`] tries a store of your own on everything that
//!   [`EventStore`](crate::store::EventStore) promises.
//! - [`transport_contract!`] does the same for a [`Transport`](crate::transport::Transport).
//! - [`laws!`](crate::laws!) holds aggregates of your own against the laws of merging.
//! - [`World`] runs replicas and hubs of your own types in a simulated world of accidents, and holds
//!   them to what you say must hold.
//! - [`fuzz`] takes any bytes for the formats of this crate, and for events and aggregates of your own.
//! - [`faults`] puts a disk under a [store](crate::store::EventStore) that fails when it is
//!   told to.
//!
//! Nothing in here belongs into a program that is shipped: it panics where a test would fail.

#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

mod author;
mod dice;
#[cfg(feature = "redb")]
pub mod faults;
pub mod fuzz;
pub mod laws;
pub mod store;
pub mod transport;
pub mod world;

#[doc(inline)]
pub use crate::__store_contract as store_contract;
pub use crate::__transport_contract as transport_contract;
pub use author::{Author, batch, pack};
pub use dice::Dice;
#[doc(inline)]
pub use world::World;
