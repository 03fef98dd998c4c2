//! Keys of aggregates, typed.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use super::Aggregate;
use crate::id::{IdError, Key};
use crate::wire::{Reader, Shape, Value, ValueRef, WireError, WireType, Writer};

/// The key of an aggregate of type `A`.
///
/// It is printed together with the name of its type, and read again as it was printed; so is its form
/// in serde, with the feature `json`.
///
/// ```
/// # use synckit::{Id, sync_aggregate};
/// # #[sync_aggregate(name = "note")]
/// # #[derive(Clone, Debug, Default)]
/// # struct Note {
/// #     #[merge(lww)]
/// #     title: String,
/// # }
/// let note: Id<Note> = Id::named("shopping")?;
/// assert_eq!(note.to_string(), "note/shopping");
/// assert_eq!("note/shopping".parse(), Ok(note));
/// assert!("task/shopping".parse::<Id<Note>>().is_err());
/// # Ok::<(), synckit::id::IdError>(())
/// ```
pub struct Id<A> {
    key: Key,
    aggregate: PhantomData<fn() -> A>,
}

impl<A> Id<A> {
    /// The aggregate with this key.
    pub const fn new(key: Key) -> Self {
        Self { key, aggregate: PhantomData }
    }

    /// The aggregate that a natural key names, such as an airport's code.
    ///
    /// # Errors
    /// When the key is empty or longer than [`KEY_BYTES_MAX`](crate::id::KEY_BYTES_MAX) bytes.
    pub fn named(key: &str) -> Result<Self, IdError> {
        Key::new(key.as_bytes()).map(Self::new)
    }

    /// The key.
    pub const fn key(&self) -> &Key {
        &self.key
    }
}

/// A reference to an aggregate: the key's bytes. Its name in schemas is that of the aggregate.
impl<A: Aggregate> Value for Id<A> {
    const WIRE: WireType = WireType::Len;
    const SHAPE: Shape = Shape::Message(ValueRef::opaque(A::NAME, 1));

    fn write(&self, out: &mut Writer) {
        out.bytes(self.key.as_bytes());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let key = Key::new(input.bytes()?);
        key.map(Self::new).map_err(|_| WireError::Invalid { expected: "key of an aggregate" })
    }
}

impl<A> Clone for Id<A> {
    fn clone(&self) -> Self {
        Self::new(self.key.clone())
    }
}

impl<A> PartialEq for Id<A> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<A> Eq for Id<A> {}

impl<A> PartialOrd for Id<A> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<A> Ord for Id<A> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl<A> Hash for Id<A> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

/// The type's name, `/`, and the key as [`Key`] is printed.
impl<A: Aggregate> fmt::Display for Id<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", A::NAME, self.key)
    }
}

/// Reads what was printed. The id of an aggregate of another type is refused.
impl<A: Aggregate> FromStr for Id<A> {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        match text.split_once('/') {
            Some((kind, key)) if kind == A::NAME => key.parse().map(Self::new),
            _ => Err(IdError::AnotherType { expected: A::NAME, found: text.to_owned() }),
        }
    }
}

impl<A> fmt::Debug for Id<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.key)
    }
}
