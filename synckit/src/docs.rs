//! What cannot be said beside one item: design and formats, for whoever builds on them or rebuilds
//! them elsewhere.

/// How the crate is built.
#[doc = include_str!("../docs/architecture.md")]
pub mod architecture {}

/// What each merge rule means.
#[doc = include_str!("../docs/merge.md")]
pub mod merge {}

/// Envelopes, blocks and the redb file, byte by byte.
#[doc = include_str!("../docs/storage.md")]
pub mod storage {}

/// How published schemas evolve.
#[doc = include_str!("../docs/schema.md")]
pub mod schema {}

/// Every error's code, whether trying again may help, and what to do.
#[doc = include_str!("../docs/errors.md")]
pub mod errors {}

/// The conversation of two stores.
#[doc = include_str!("../docs/protocol.md")]
pub mod protocol {}

/// What to do after accidents, and how to back up, restore, move, clone and retire stores.
#[doc = include_str!("../docs/operations.md")]
pub mod operations {}
