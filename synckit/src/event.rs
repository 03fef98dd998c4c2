//! Typed events: what `#[derive(SyncEvent)]` makes of a struct or an enum.
//!
//! A struct is one kind of event; an enum is a family of them, a kind for each variant. A kind has
//! a name and a schema version, which travel in the envelope's header; the payload is the canonical
//! encoding of the fields.

use std::any::Any;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Debug;

use bytes::Bytes;
use synckit_lock::shape::same;

use crate::id::{Dot, Name};
use crate::wire::{Lineage, Reader, Unknown, WireError, Writer};

pub use crate::wire::FieldSchema;

/// One kind of event: its name, its version, and what its payload holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct EventKind {
    /// The name on the wire, for example `inspection.title_set`. See [`Name`] for what it may
    /// hold.
    pub name: &'static str,
    /// The schema version that this program writes, from 1.
    pub version: u32,
    /// The lowest schema version whose readers may apply what this program writes.
    pub min_reader: u32,
    /// True if the event takes effect independently of what its author had seen, so that it is
    /// stored without a causal context (a counter's addition, a set's insertion).
    pub commutes: bool,
    /// The payload's fields, ascending by number.
    pub fields: &'static [FieldSchema],
    /// Its published versions, as far as known; `None` when an aggregate's lock file covers it.
    pub lineage: Option<Lineage>,
    /// The conversion of older events, as its lock file has it.
    pub converts: Option<Conversion>,
}

/// Conversion of events of older versions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Conversion {
    /// The version that is converted, together with all before it.
    pub past: &'static EventKind,
    /// The path of the function, or `From`.
    pub by: &'static str,
    /// Number of times that the function was changed on purpose.
    pub revision: u32,
}

/// The message of a panic, as far as it has one.
pub(crate) fn message_of(panic: &(dyn Any + Send)) -> Cow<'static, str> {
    match (panic.downcast_ref::<&'static str>(), panic.downcast_ref::<String>()) {
        (Some(message), _) => Cow::Borrowed(message),
        (None, Some(message)) => Cow::Owned(message.clone()),
        (None, None) => Cow::Borrowed("without a message"),
    }
}

/// There is no kind of that number; `expected` says of which type.
#[doc(hidden)]
pub const fn no_such_kind<T>(expected: &'static str) -> Result<T, WireError> {
    Err(WireError::Invalid { expected })
}

/// A kind of event, by a name short enough for expansions.
#[doc(hidden)]
pub const fn kind(name: &'static str, version: u32, fields: &'static [FieldSchema]) -> EventKind {
    EventKind::new(name, version, fields)
}

/// The kind of an event that a variant wraps. A call, because rustc gives no static life to what
/// stands behind a branch.
#[doc(hidden)]
#[track_caller]
#[allow(clippy::panic, reason = "a panic at compile time is a compile error")]
pub const fn only(kinds: &[EventKind]) -> EventKind {
    match kinds {
        [kind] => *kind,
        _ => {
            panic!("a flattened variant wraps an event of one kind; wrap a struct, not an enum")
        }
    }
}

impl EventKind {
    /// A kind of event that only readers of the same version may apply.
    pub const fn new(name: &'static str, version: u32, fields: &'static [FieldSchema]) -> Self {
        Self {
            name,
            version,
            min_reader: version,
            commutes: false,
            fields,
            lineage: None,
            converts: None,
        }
    }

    /// Stored without a causal context.
    #[must_use]
    pub const fn commuting(self) -> Self {
        Self { commutes: true, ..self }
    }

    /// That readers from this version on may apply.
    #[must_use]
    pub const fn readable_by(self, min_reader: u32) -> Self {
        Self { min_reader, ..self }
    }

    /// With a lock file of its own.
    #[must_use]
    pub const fn locked(self, lineage: Lineage) -> Self {
        Self { min_reader: lineage.min_reader, lineage: Some(lineage), ..self }
    }

    /// Converting events of older versions by a function of that path and revision.
    #[must_use]
    pub const fn converting(self, past: &'static Self, by: &'static str, revision: u32) -> Self {
        Self { converts: Some(Conversion { past, by, revision }), ..self }
    }
}

/// A type whose values are events. Implemented by `#[derive(SyncEvent)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event type",
    label = "not an event",
    note = "add #[derive(SyncEvent)] and #[event(name = \"…\")] to the type"
)]
pub trait SyncEvent: Clone + Debug + 'static {
    /// The kinds of event that the type can hold: one for a struct, one for each variant of an
    /// enum.
    const KINDS: &'static [EventKind];

    /// The place of this value's kind in [`Self::KINDS`].
    fn kind(&self) -> usize;

    /// Writes the payload.
    fn write_payload(&self, out: &mut Writer);

    /// Reads the payload of an event of the given kind. The caller finishes the reader.
    ///
    /// # Errors
    /// When the bytes are not that kind's payload, or [`Self::KINDS`] is shorter than `kind`.
    fn read_payload(kind: usize, input: &mut Reader<'_>) -> Result<Self, WireError>;

    /// Reads an event of an older version by converting it; `None` when it can be read as it is.
    fn read_older(
        kind: usize,
        event: &EventRef,
        payload: &[u8],
    ) -> Option<Result<Self, DecodeError>> {
        let _ = (kind, event, payload);
        None
    }
}

/// An old version of an event, which is read and never written. Implemented by
/// `#[derive(SyncEvent)]` on a type with `#[event(historical)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a historical event",
    label = "not an old version of an event",
    note = "the type needs #[derive(SyncEvent)] and #[event(name = \"…\", version = …, historical)]"
)]
pub trait PastEvent: Sized {
    /// The version that it is of.
    const KIND: EventKind;
    #[doc(hidden)]
    const PAST: &'static EventKind = &Self::KIND;

    /// Reads the payload. The caller finishes the reader.
    ///
    /// # Errors
    /// When the bytes are not that version's payload.
    fn read_payload(input: &mut Reader<'_>) -> Result<Self, WireError>;

    /// Reads an event of an older version by converting it; `None` when it can be read as it is.
    fn read_older(event: &EventRef, payload: &[u8]) -> Option<Result<Self, DecodeError>> {
        let _ = (event, payload);
        None
    }
}

/// Return types of upcasters: the newer event, or a `Result` of it.
#[diagnostic::on_unimplemented(
    message = "an upcaster gives `{New}` or `Result<{New}, UpcastError>`, this one gives `{Self}`",
    label = "gives something else"
)]
pub trait Upcasted<New> {
    #[doc(hidden)]
    fn upcasted(self) -> Result<New, UpcastError>;
}

impl<New> Upcasted<New> for New {
    fn upcasted(self) -> Result<New, UpcastError> {
        Ok(self)
    }
}

impl<New> Upcasted<New> for Result<New, UpcastError> {
    fn upcasted(self) -> Self {
        self
    }
}

/// Reason why an old event cannot be converted. It is parked: stored and forwarded, not applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct UpcastError {
    reason: Cow<'static, str>,
}

impl UpcastError {
    /// With a reason for whoever looks at what is parked.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { reason: reason.into() }
    }
}

/// The event a payload belongs to: the part of an envelope's header that schema evolution needs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(clippy::exhaustive_structs, reason = "its parts are those of the format")]
pub struct EventRef {
    /// The event's name.
    pub name: Name,
    /// The schema version that it was written with, from 1.
    pub version: u32,
    /// The lowest schema version that may apply it, at most `version`.
    pub min_reader: u32,
}

/// An event as bytes, before it is given a place in a log.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct EncodedEvent {
    /// The event's name and version.
    pub event: EventRef,
    /// The earlier events that its causal context names.
    pub depends_on: DependsOn,
    /// The canonical bytes of its fields.
    pub payload: Bytes,
}

/// The events that another one depends on: those that it takes the place of, or takes away. Whatever its
/// author had seen besides counts as concurrent to it, because nothing comes of it either way.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DependsOn {
    /// None: it is stored without a causal context.
    Nothing,
    /// All that its author has seen of the aggregate.
    Everything,
    /// These, under the identities of merging. Of each author the last one stands for those before it.
    Events(Vec<Dot>),
}

/// Reason why an event could not be turned into bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The type's [`SyncEvent`] implementation contradicts itself.
    #[error("event kind {name:?}: {source}")]
    Kind {
        /// The name that the implementation gave.
        name: &'static str,
        /// The fault in it.
        source: crate::id::IdError,
    },
    /// The value cannot be encoded.
    #[error("event {name}: {source}")]
    Value {
        /// The event's name.
        name: &'static str,
        /// The fault in it.
        source: WireError,
    },
}

/// Reason why bytes could not become a typed event. Such an event is parked: stored and forwarded,
/// not applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The payload is not what this program's type of that version has.
    #[error(
        "event {name} version {version}: {source}; upgrade this program or register a fitting type"
    )]
    Payload {
        /// The event's name.
        name: Name,
        /// The version that it was written with.
        version: u32,
        /// The fault in the bytes.
        source: WireError,
    },
    /// The program's own code panicked on it: an upcaster, a `Lower`, an order of values. Mend that
    /// code; the next opening folds the event.
    #[error("event {name}: the program panicked on it: {message}; mend that code and open again")]
    Panicked {
        /// The event's name.
        name: Name,
        /// The panic's message.
        message: Cow<'static, str>,
    },
    /// A hub refused it, and took away what it says. It has no effect.
    #[error("event {name}: a hub refused it and took away what it says; it has no effect")]
    Refused {
        /// The event's name.
        name: Name,
    },
    /// Written by a program whose version may not be read by this one's.
    #[error(
        "event {name} needs version {min_reader}, this program knows {known}; upgrade this program"
    )]
    TooNew {
        /// The event's name.
        name: Name,
        /// The lowest version that may apply it.
        min_reader: u32,
        /// The version that this program knows.
        known: u32,
    },
    /// The upcaster of an old version refuses it.
    #[error("event {name} version {version} cannot be converted: {source}")]
    Upcast {
        /// The event's name.
        name: Name,
        /// The version that it was written with.
        version: u32,
        /// The reason.
        source: UpcastError,
    },
    /// No registered type has an event of that name.
    #[error("event {name} is not known; register the type that has it, or upgrade this program")]
    Unknown {
        /// The event's name.
        name: Name,
    },
}

/// Turns a typed event into bytes.
///
/// # Errors
/// When its implementation names no valid kind or a value is nested too deep.
pub fn encode<E: SyncEvent>(event: &E) -> Result<EncodedEvent, EncodeError> {
    let kind = &E::KINDS[event.kind()];
    let name =
        Name::new(kind.name).map_err(|source| EncodeError::Kind { name: kind.name, source })?;
    let mut out = Writer::new();
    event.write_payload(&mut out);
    let payload =
        out.finish().map_err(|source| EncodeError::Value { name: kind.name, source })?.into();
    Ok(EncodedEvent {
        event: EventRef { name, version: kind.version, min_reader: kind.min_reader },
        depends_on: if kind.commutes { DependsOn::Nothing } else { DependsOn::Everything },
        payload,
    })
}

/// Turns bytes into a typed event.
///
/// A version earlier than this program's is converted where the type says how, and otherwise read
/// with the fields that it has. A version later than this program's is read when its `min_reader`
/// permits, passing over fields that this program does not know; the stored bytes keep them.
///
/// # Errors
/// When the event must be parked.
pub fn decode<E: SyncEvent>(event: &EventRef, payload: &[u8]) -> Result<E, DecodeError> {
    let name = event.name.as_str();
    let Some((index, kind)) = E::KINDS.iter().enumerate().find(|(_, kind)| kind.name == name)
    else {
        return Err(DecodeError::Unknown { name: event.name.clone() });
    };
    if event.min_reader > kind.version {
        return Err(DecodeError::TooNew {
            name: event.name.clone(),
            min_reader: event.min_reader,
            known: kind.version,
        });
    }
    if event.version < kind.version
        && let Some(converted) = E::read_older(index, event, payload)
    {
        return converted;
    }
    let unknown = match event.version.cmp(&kind.version) {
        Ordering::Less => Unknown::Earlier,
        Ordering::Equal => Unknown::Refuse,
        Ordering::Greater => Unknown::Skip,
    };
    read(event, payload, unknown, |input| E::read_payload(index, input))
}

/// Reads an old version, and by conversion those before it.
fn decode_past<E: PastEvent>(event: &EventRef, payload: &[u8]) -> Result<E, DecodeError> {
    if event.version < E::KIND.version
        && let Some(converted) = E::read_older(event, payload)
    {
        return converted;
    }
    // The value types in it may have gone on since.
    read(event, payload, Unknown::Earlier, E::read_payload)
}

fn read<T>(
    event: &EventRef,
    payload: &[u8],
    unknown: Unknown,
    content: impl FnOnce(&mut Reader<'_>) -> Result<T, WireError>,
) -> Result<T, DecodeError> {
    let mut input = Reader::new(payload, unknown);
    let read = content(&mut input).and_then(|value| input.finish().map(|()| value));
    read.map_err(|source| DecodeError::Payload {
        name: event.name.clone(),
        version: event.version,
        source,
    })
}

/// From an old version of an event to a newer one.
#[doc(hidden)]
#[derive(Debug)]
pub struct Way<Old> {
    past: &'static EventKind,
    read: fn(&EventRef, &[u8]) -> Result<Old, DecodeError>,
}

/// The way to a version of the event of that name. At compile time, refuses a type of another name,
/// and one of a version that is not among those given; when none are, of one that is not earlier.
#[doc(hidden)]
#[track_caller]
#[allow(clippy::panic, reason = "a panic at compile time is a compile error")]
pub const fn way<Old: PastEvent>(
    name: &str,
    versions: &[u32],
    version: u32,
    message: &str,
) -> Way<Old> {
    let old = Old::KIND;
    let mut is_one = versions.is_empty();
    let mut at = 0;
    while at < versions.len() {
        is_one = is_one || versions[at] == old.version;
        at += 1;
    }
    let leads = same(old.name.as_bytes(), name.as_bytes()) && is_one && old.version < version;
    // A mistaken type has no name, and its mistake is reported where it stands.
    if !(leads || old.name.is_empty()) {
        panic!("{}", message);
    }
    Way { past: Old::PAST, read: decode_past }
}

impl<Old> Way<Old> {
    /// The version that is converted.
    pub const fn past(&self) -> &'static EventKind {
        self.past
    }

    /// Reads an event as the old type and converts it; `None` when it is not that old.
    pub fn upcast<New, R: Upcasted<New>>(
        &self,
        event: &EventRef,
        payload: &[u8],
        convert: impl FnOnce(Old) -> R,
    ) -> Option<Result<New, DecodeError>> {
        if event.version > self.past.version {
            return None;
        }
        let convert = |old| {
            convert(old).upcasted().map_err(|source| DecodeError::Upcast {
                name: event.name.clone(),
                version: event.version,
                source,
            })
        };
        Some((self.read)(event, payload).and_then(convert))
    }
}
