//! Locks: what a type's source says, held against what has been published of the type.
//!
//! The macros only read locks, and the crate `synckit_lock` alone knows their format. Here stands
//! where they are ([`locate`]), in what a source contradicts one ([`diff`]), and what follows for the
//! expansion ([`resolve`], [`resolved`]).

pub(crate) mod locate;
pub(crate) mod diff;
pub(crate) mod resolved;
pub(crate) mod resolve;
