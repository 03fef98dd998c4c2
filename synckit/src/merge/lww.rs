//! `#[merge(lww)]`: the last write wins.

use crate::clock::Hlc;
use crate::conflict::{Conflicts, Write};
use crate::event::{Recorder, SyncEvent};
use crate::id::Dot;
use crate::merge::MergeState;
use crate::vector::Stamp;
use crate::wire::{Field, Reader, WireError, WireType, Writer};

/// What `#[merge(lww)]` can stand on: any field with a default, which it holds until someone sets
/// it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be merged by `lww`",
    label = "needs a canonical encoding and a default",
    note = "derive SyncValue and Default for the type; the default is the value of a field no one has set"
)]
pub trait LwwField: Field + Default {}

impl<T: Field + Default> LwwField for T {}

/// A last-writer-wins register: the value with the greatest stamp, in the total order of the
/// space's events.
///
/// Because that order contains causality, a write always beats what its author had seen. A write
/// that beats, or is beaten by, one that its author had *not* seen is recorded as a conflict.
#[derive(Clone, Debug, PartialEq)]
pub struct Lww<T> {
    written: Option<(T, Hlc, Dot)>,
}

impl<T> Default for Lww<T> {
    fn default() -> Self {
        Self { written: None }
    }
}

impl<T: LwwField> Lww<T> {
    /// The value that holds.
    pub fn value(&self) -> T {
        self.written.as_ref().map(|(value, ..)| value.clone()).unwrap_or_default()
    }

    /// Folds a write. Within one event the later write holds.
    pub fn set(
        &mut self,
        field: &'static str,
        value: &T,
        at: &Stamp<'_>,
        conflicts: &mut Conflicts<'_>,
    ) {
        if let Some((held, hlc, dot)) = &self.written {
            if (*hlc, *dot) > at.order() {
                // Logs are causally ordered: the holder's author cannot have seen a write that came
                // later.
                conflicts.note(field, "lww", Write::new(held, (*hlc, *dot)), Write::by(value, at));
                return;
            }
            if !at.saw(*dot) {
                conflicts.note(field, "lww", Write::by(value, at), Write::new(held, (*hlc, *dot)));
            }
        }
        self.written = Some((value.clone(), at.hlc, at.dot));
    }
}

impl<T: LwwField> MergeState for Lww<T> {
    fn write_field(&self, number: u32, out: &mut Writer) {
        if let Some((value, hlc, dot)) = &self.written {
            out.tag(number, WireType::Len);
            out.enclosed(|out| {
                hlc.to_bits().write_field(1, out);
                dot.replica.as_bytes().write_field(2, out);
                dot.seq.write_field(3, out);
                value.write_field(4, out);
            });
        }
    }

    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        if !input.take(number, WireType::Len)? {
            return Ok(Self::default());
        }
        input.enclosed(|input| {
            let hlc = Hlc::from_bits(u64::read_field(1, input)?);
            let dot = super::read_dot(2, input)?;
            Ok(Self { written: Some((T::read_field(4, input)?, hlc, dot)) })
        })
    }
}

/// The handle of an `lww` field in an edit.
#[derive(Debug)]
pub struct LwwOps<'a, E, T> {
    recorder: &'a Recorder<E>,
    set: fn(T) -> E,
}

impl<'a, E: SyncEvent, T: LwwField> LwwOps<'a, E, T> {
    #[doc(hidden)]
    pub const fn new(recorder: &'a Recorder<E>, set: fn(T) -> E) -> Self {
        Self { recorder, set }
    }

    /// Writes the field. Among writes made apart from each other the last one holds.
    pub fn set(&mut self, value: impl Into<T>) {
        self.recorder.record((self.set)(value.into()));
    }

    #[doc(hidden)]
    pub fn create(&mut self, value: &T) {
        if *value != T::default() {
            self.recorder.record((self.set)(value.clone()));
        }
    }
}
