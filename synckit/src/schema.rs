//! Schema history: lock files, and what types are checked against them.
//!
//! A lock file, `schemas/<family>.<name>.lock` in the package of a type, holds every published version of an
//! event, a value type or an aggregate. The macros read it: they number the fields as it says, and
//! refuse a type that contradicts it. What a field's type *is* only rustc knows; it calls
//! [`is_locked`], [`follows`] and their like where the field's type stands. The crate
//! `synckit_lock` owns the format; lock files are checked and written by
//! [`schema_test!`](crate::schema_test).

mod text;
mod check;
mod proto;
mod published;
pub(crate) mod samples;
mod readings;
mod schemas;
mod types_text;

#[doc(hidden)]
pub use check::{
    follows, has_events, is_locked, is_new, is_renamed, keeps_events, may_be_absent, reads,
};
pub(crate) use proto::proto;
pub(crate) use published::Published;
#[cfg(test)]
pub(crate) use samples::Unconverted;
pub(crate) use samples::{Reread, reread};
pub use schemas::{Draft, Schemas};
pub use types_text::{TYPES_BYTES_MAX, TypesText};
