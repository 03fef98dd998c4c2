//! The schema lock files of synckit: their text, and what may follow what they hold.
//!
//! A lock file, `schemas/<family>.<name>.lock` in the package of a type, is what has been published
//! of an event, a value type or an aggregate. It is text that only grows: one block for each
//! version, one line for each field, so that git merges what two branches did concurrently and stops
//! where they contradict each other.
//!
//! ```text
//! synckit lock 2
//! event inspection.signed
//!
//! version 1
//!   min_reader 1
//!   1 by UserId@1#5d1c0a6f0b2e9c44
//!   2 at optional u64
//!   fingerprint 0c4b9f0f6d1c3c55
//!
//! version 2
//!   min_reader 2
//!   upcast 1 in_utc
//!   sample 1 0a0161 is 0a0161
//!   1 by UserId@1#5d1c0a6f0b2e9c44
//!   2 signed_at optional u64
//!   3 remark string default
//!   fingerprint 6e1f2a9b8d4c7710
//! ```
//!
//! A field is its number, its name and its shape, followed by `default` when events without it are
//! read with the type's default, by `with <module>` when a module converts it, and by `merge <rule>` in an
//! aggregate. A variant is
//! `variant <number> <name>`, followed by `default` when it is the enum's, and a field in it has the
//! numbers of both, as in `2.1 center Point@1#…`. The fields and variants of a value stand in the
//! order of their declaration, by which values are compared. `upcast <version> <function>` says that
//! events up to that version are converted, and `sample` what of, `reading` what a module makes of a value of
//! its field, `commutes` that the event is stored without a context,
//! `on_delete edit_wins` that edits of an aggregate win over concurrent deletions,
//! `event <name>` and `retired <name>` which domain events an aggregate reads, `other <name>` which
//! variant stands for the numbers that an enum does not know, and `reserved <number> <name>` that a
//! field was there. `identity` is a value type's [hash](identity), which tells it from another of its
//! name wherever it is a field. A fingerprint covers everything above it: the history cannot be
//! edited unnoticed.
//!
//! This crate has no dependencies and touches no files. The macros read locks with it, and the
//! library writes them; neither knows the format. It is not meant to be used alone, and its
//! interface may change in any version: they depend on exactly the one they were published with.

#![allow(
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    reason = "the library and the macros, which need exactly this version, handle all there is"
)]

mod fingerprint;
pub mod name;
pub mod shape;
mod model;
mod parse;
mod sample;
mod reading;
mod reader;
pub mod identity;
mod append;
mod changes;
mod index;
mod examples;

pub use append::{AppendRefusal, append};
pub use changes::{VersionChanges, page};
#[doc(hidden)]
pub use examples::examples;
pub use fingerprint::Identity;
#[doc(hidden)]
pub use fingerprint::{completed, sealed};
pub use identity::{Identities, identities};
pub use index::{INDEX, Index};
pub use model::{
    DomainEvent, Item, Lock, NotASlot, Reserved, Slot, Upcast, Version, What, rule_named,
};
pub use name::Family;
pub use parse::{Corrupt, parse};
pub use reader::{MinReader, TypeVersion, Types};
pub use reading::FieldReading;
pub use sample::{Changed, NotASample, Sample};

/// The folder of the lock files in a package.
pub const FOLDER: &str = "schemas";

/// True if a variable such as `SYNCKIT_BLESS` is on: set, and to none of the words for off.
pub fn is_on(value: &str) -> bool {
    !["", "0", "false", "no", "off"].contains(&value.trim().to_ascii_lowercase().as_str())
}

/// Lines of a package's manifest that has published schemas, so that a build without their
/// locks fails.
pub const MANIFEST: &str = "[package.metadata.synckit]\nschemas = \"locked\"";

/// True if a manifest says [`MANIFEST`].
pub fn manifest_locks(text: &str) -> bool {
    let squeezed = |line: &str| -> String { line.split_whitespace().collect() };
    let lines = text.lines().map(|line| squeezed(line.split('#').next().unwrap_or_default()));
    let mut lines = lines.skip_while(|line| line != "[package.metadata.synckit]").skip(1);
    lines
        .by_ref()
        .take_while(|line| !line.starts_with('['))
        .any(|line| line == "schemas=\"locked\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_says_that_there_are_locks() {
        assert!(manifest_locks(MANIFEST));
        assert!(manifest_locks("[lib]\n[ package.metadata.synckit ] # ours\nschemas=\"locked\"\n"));
        assert!(!manifest_locks("[package.metadata.synckit]\n[other]\nschemas = \"locked\""));
        assert!(!manifest_locks("[package.metadata.synckit]\n# schemas = \"locked\""));
    }

    #[test]
    fn words_for_off_are_off() {
        assert!(["1", "true", "yes"].into_iter().all(is_on));
        assert!(["", "0", "false", "False", "no", "off"].into_iter().all(|value| !is_on(value)));
    }
}
