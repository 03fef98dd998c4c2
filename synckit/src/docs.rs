//! Design and formats, beyond what one item's page can say: for whoever builds on them or rebuilds
//! them elsewhere.

#[cfg(test)]
mod types;

/// Structure of the crate.
#[doc = include_str!("../docs/architecture.md")]
pub mod architecture {}

/// Semantics of each merge rule.
#[doc = include_str!("../docs/merge.md")]
pub mod merge {}

/// Envelopes, blocks and the redb file, byte by byte.
#[doc = include_str!("../docs/storage.md")]
pub mod storage {}

/// Evolution of published schemas.
#[doc = include_str!("../docs/schema.md")]
pub mod schema {}

/// Every error's code, whether trying again may help, and what to do.
#[doc = include_str!("../docs/errors.md")]
pub mod errors {}

/// The conversation of two stores.
#[doc = include_str!("../docs/protocol.md")]
pub mod protocol {}

/// Syncing: when, with whom, in which direction, and what to tell people.
#[doc = include_str!("../docs/syncing.md")]
pub mod syncing {}

/// Numbers for dashboards and alerts.
#[doc = include_str!("../docs/metrics.md")]
pub mod metrics {}

/// A hub in a browser.
#[doc = include_str!("../docs/page.md")]
pub mod page {}

/// Measures after accidents; backup, restoring, moving, cloning and retiring of stores.
#[doc = include_str!("../docs/operations.md")]
pub mod operations {}

/// The program `synckit`: its commands, their output, and exit codes.
#[doc = include_str!("../docs/program.md")]
pub mod program {}
