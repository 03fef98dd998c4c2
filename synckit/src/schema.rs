//! Schema history: lock files, and what types are checked against them.
//!
//! A lock file, `schemas/<name>.lock` in the package of a type, holds every published version of an
//! event, a value type or an aggregate. The macros read it: they number the fields as it says, and
//! refuse a type that contradicts it. What a field's type *is* only rustc knows; it calls
//! [`is_locked`], [`follows`] and [`may_be_absent`] where the field's type stands. This module also
//! writes locks: see [`Registry::check_locks`](crate::registry::Registry::check_locks).

mod check;
mod file;
mod proto;
mod text;

pub use check::{follows, is_locked, may_be_absent};
pub(crate) use file::{Refusal, bless};
pub(crate) use proto::proto;
pub(crate) use text::Published;

/// The test that a program's lock files are what its types say:
/// `synckit::schema_test!(registry());`.
///
/// With `SYNCKIT_BLESS=1 cargo test` it appends the versions that the lock files lack, and never
/// rewrites what they hold. Without, it fails when they are not current. Types of other packages
/// are checked there.
#[macro_export]
macro_rules! schema_test {
    ($registry:expr) => {
        #[test]
        fn schema_locks_are_current() {
            let folder = ::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/schemas");
            let bless = ::std::env::var("SYNCKIT_BLESS").is_ok_and(|value| value == "1");
            let registry: $crate::Registry = $registry;
            let checked = registry.check_locks(
                ::core::env!("CARGO_PKG_NAME"),
                ::std::path::Path::new(folder),
                bless,
            );
            if let ::core::result::Result::Err(problem) = checked {
                ::core::panic!("{}", problem);
            }
        }
    };
}
