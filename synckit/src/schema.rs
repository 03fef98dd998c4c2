//! Schema history: lock files, and what types are checked against them.
//!
//! A lock file, `schemas/<name>.lock` in the package of a type, holds every published version of an
//! event, a value type or an aggregate. The macros read it: they number the fields as it says, and
//! refuse a type that contradicts it. What a field's type *is* only rustc knows; it calls
//! [`is_locked`], [`follows`] and [`may_be_absent`] where the field's type stands. The crate
//! `synckit_lock` owns the format; lock files are checked and written by
//! [`schema_test!`](crate::schema_test).

mod check;
mod proto;
mod published;

pub use check::{follows, is_locked, may_be_absent};
pub(crate) use proto::proto;
pub(crate) use published::Published;
