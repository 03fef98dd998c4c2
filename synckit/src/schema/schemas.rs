//! Sets of types whose schemas are published together.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use super::{Published, reread};
use crate::aggregate::Aggregate;
use crate::event::SyncEvent;
use crate::wire::{Named, ValueRef};

/// Types with lock files: what [`schema_test!`](crate::schema_test) checks and blesses.
///
/// A program takes those of its [registry](crate::Registry::schemas). A package that only shares
/// types with others lists them:
///
/// ```
/// use synckit::SyncValue;
/// use synckit::schema::Schemas;
///
/// #[derive(SyncValue, Clone, Debug, PartialEq)]
/// pub struct Money {
///     pub cents: i64,
/// }
///
/// let schemas = Schemas::new().value::<Money>();
/// assert_eq!(schemas.drafts()[0].to_string(), "the value `Money`, version 1");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Schemas {
    /// Each type once, and two types of one name both: only one of them can agree with the lock.
    types: BTreeMap<(String, String), Published>,
}

/// A type whose version is in no lock file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Draft {
    /// The kind of type: `event`, `aggregate`, or `value`, `enum` and `oneof` for value types.
    pub kind: &'static str,
    /// The name in stored bytes and schemas.
    pub name: String,
    /// The version.
    pub version: u32,
}

impl fmt::Display for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} `{}`, version {}", self.kind, self.name, self.version)
    }
}

impl Schemas {
    /// No types.
    pub fn new() -> Self {
        Self::default()
    }

    /// With an aggregate, its domain events, and the value types in them.
    #[must_use]
    pub fn aggregate<A: Aggregate>(mut self) -> Self {
        let kinds = A::Event::KINDS;
        let own = Published::aggregate(A::NAME, A::VERSION, A::FIELDS, kinds, A::LINEAGE);
        let event = |kind| Published::event(kind, reread::<A::Event>);
        self.add(kinds.iter().filter_map(event).chain([own]));
        self
    }

    /// With an event, or with all kinds of an enum of events, and the value types in them.
    #[must_use]
    pub fn event<E: SyncEvent>(mut self) -> Self {
        self.add(E::KINDS.iter().filter_map(|kind| Published::event(kind, reread::<E>)));
        self
    }

    /// With a value type, and those in it.
    #[must_use]
    pub fn value<V: Named>(mut self) -> Self {
        self.add([Published::value(&V::schema())]);
        self
    }

    /// The types whose version is in no lock file, in the order of their names.
    pub fn drafts(&self) -> Vec<Draft> {
        let drafts = self.all().filter(|published| !published.locked);
        let draft = |published: &Published| Draft {
            kind: published.lock.what.word(),
            name: published.lock.name.clone(),
            version: published.lock.number,
        };
        drafts.map(draft).collect()
    }

    pub(crate) fn of(types: impl IntoIterator<Item = Published>) -> Self {
        let mut schemas = Self::default();
        schemas.add(types);
        schemas
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Published> {
        self.types.values()
    }

    fn add(&mut self, types: impl IntoIterator<Item = Published>) {
        let mut rest: Vec<_> = types.into_iter().collect();
        while let Some(published) = rest.pop() {
            let key = (published.lock.name.clone(), format!("{:?}", published.lock));
            if let Entry::Vacant(place) = self.types.entry(key) {
                let schemas = published.named.iter().filter_map(ValueRef::schema);
                rest.extend(schemas.map(|schema| Published::value(&schema)));
                place.insert(published);
            }
        }
    }
}
