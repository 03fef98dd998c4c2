//! Aggregates: what `#[sync_aggregate]` makes of a plain struct.
//!
//! The user's struct stays as it is. Beside it stand a typed event enum and the handles of its
//! fields; [`Fields`] is the mergeable state of any aggregate, which folds those events.

mod edit;
mod fields;
mod fold;
mod id;
mod life;

use std::fmt;

#[cfg_attr(
    not(feature = "testing"),
    allow(unused_imports, reason = "the laws play histories")
)]
pub(crate) use edit::depending;
pub use edit::{Edit, EventOf, Recorded, edit, record};
pub use fields::Fields;
pub(crate) use fold::{LifeChange, life_change, operations};
pub use id::Id;
pub(crate) use life::Life;
pub use life::{LifeNumber, OnDelete};

#[doc(hidden)]
pub use crate::merge::{Creation, Taken};
#[doc(hidden)]
pub use fold::Fold;

use crate::event::SyncEvent;
use crate::filter::{Filter, FilterPart};
use crate::id::Name;
use crate::merge::{AnyField, Root};
use crate::wire::Lineage;

/// A domain type that replicas edit and merge. Implemented by `#[sync_aggregate]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an aggregate",
    label = "not an aggregate",
    note = "put #[sync_aggregate(name = \"…\")] above the struct and #[merge(…)] on each field"
)]
pub trait Aggregate: Clone + fmt::Debug + 'static {
    /// The type's name in stored bytes. See [`Name`] for what it may hold.
    const NAME: &'static str;
    /// The schema version that this program writes, from 1.
    const VERSION: u32;
    /// The fields and their merge rules, ascending by number.
    const FIELDS: &'static [&'static dyn AnyField];
    /// Its published versions, as far as known.
    const LINEAGE: Lineage;
    /// The outcome of a deletion and a concurrent edit.
    const ON_DELETE: OnDelete = OnDelete::DeleteWins;

    /// The enum whose variants stand for the fields: `NoteField::Title`.
    type Field: Copy + Eq + fmt::Debug + Send + Sync + 'static;
    /// The variants, in the order of [`Aggregate::FIELDS`].
    const KEYS: &'static [Self::Field];

    /// The typed event enum.
    type Event: SyncEvent;
    /// Recorded when an aggregate is created; after a deletion, it carries the number of the life that
    /// begins.
    const CREATED: fn(LifeNumber) -> Self::Event;
    /// Recorded when an aggregate is deleted. Carries no data.
    const DELETED: Self::Event;

    /// The handles of the fields in a [`Lower`]: they record.
    type Ops<'a>;
    /// The handles of the fields in an edit: they record and read.
    type Handles<'a>;

    #[doc(hidden)]
    const OPS: fn(&dyn Root) -> Self::Ops<'_>;

    #[doc(hidden)]
    const HANDLES: fn(&dyn Root) -> Self::Handles<'_>;

    /// The event of an operation.
    #[doc(hidden)]
    fn event(taken: &mut Taken<'_>) -> Option<Self::Event>;

    /// Hands an event's operations to the fields that they change.
    #[doc(hidden)]
    fn apply(event: Self::Event, fold: &mut Fold<'_>);

    /// Records what turns a fresh aggregate into this value.
    #[doc(hidden)]
    fn create(&self, creation: &Creation<'_>);

    #[doc(hidden)]
    fn from_fields(fields: &Fields) -> Self;
}

impl Filter {
    /// Adds all aggregates of a type.
    #[must_use]
    pub fn all<A: Aggregate>(self) -> Self {
        self.keyed::<A>("")
    }

    /// Adds the aggregates of a type whose keys begin with a prefix.
    #[must_use]
    pub fn keyed<A: Aggregate>(self, prefix: impl AsRef<[u8]>) -> Self {
        match Name::new(A::NAME) {
            Ok(kind) => self.part(FilterPart::new().kind(kind).keyed(prefix)),
            // The macro takes no such name.
            Err(_) => self,
        }
    }
}

/// The place of a field in the table of its aggregate's fields.
pub(crate) fn place_of<A: Aggregate>(field: A::Field) -> usize {
    // Each of the variants is among them.
    A::KEYS.iter().position(|key| *key == field).unwrap_or_default()
}

/// The operations that a domain event (one listed in `events(…)`) stands for.
///
/// Lowering only writes: it cannot read the state, so the event commutes wherever the fields do.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what `{E}` does to its fields",
    label = "listed in `events(…)`, not lowered",
    note = "implement synckit::Lower<{E}> for {Self}"
)]
pub trait Lower<E: SyncEvent>: Aggregate {
    /// Records the field operations that `event` stands for.
    fn lower(event: &E, ops: &mut Self::Ops<'_>);
}
