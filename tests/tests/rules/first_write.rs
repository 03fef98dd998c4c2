//! `#[merge(rule = FirstWrite)]`: of all writes the first holds. A rule that stands outside the
//! library, written from the page on merging alone.

use synckit::clock::Hlc;
use synckit::id::{Dot, ReplicaId};
use synckit::merge::{At, Handle, Law, MergeState, OpId, Rule, SingleValue};
use synckit::wire::{self, Field as _, Reader, Shape, WireError, WireType, Writer};

/// Of all writes the first in the total order of operations holds.
#[derive(Debug)]
pub(crate) enum FirstWrite {}

/// The first write.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct First<T> {
    write: Option<(Hlc, OpId, T)>,
}

impl<T> Default for First<T> {
    fn default() -> Self {
        Self { write: None }
    }
}

impl<F: wire::Field + Default> Rule<F> for FirstWrite {
    const LAW: Law = Law::custom("first_write", 1);
    const SHAPE: Shape = F::SHAPE;
    type Op = F;
    type State = First<F>;

    fn fold(state: &mut First<F>, value: F, at: &At<'_>) {
        let order = at.order();
        if state.write.as_ref().is_none_or(|(hlc, id, _)| order < (*hlc, *id)) {
            state.write = Some((order.0, order.1, value));
        }
    }

    fn value(state: &First<F>) -> F {
        state.write.as_ref().map(|(.., value)| value.clone()).unwrap_or_default()
    }

    fn create(value: &F, record: &mut dyn FnMut(F)) {
        record(value.clone());
    }
}

/// The handle reads as the value.
impl SingleValue for FirstWrite {}

/// The methods of the handle.
pub(crate) trait Claim<F> {
    /// Writes the field, unless it has been written.
    fn claim(&self, value: impl Into<F>);
}

impl<F: wire::Field + Default, M> Claim<F> for Handle<'_, F, FirstWrite, M> {
    fn claim(&self, value: impl Into<F>) {
        self.record(value.into());
    }
}

impl<T: wire::Field> MergeState for First<T> {
    fn write_field(&self, number: u32, out: &mut Writer) {
        if let Some((hlc, id, value)) = &self.write {
            out.tag(number, WireType::Len);
            out.enclosed(|out| {
                hlc.to_bits().write_field(1, out);
                id.dot.replica.as_bytes().write_field(2, out);
                id.dot.seq.write_field(3, out);
                id.index.write_field(4, out);
                value.write_field(5, out);
            });
        }
    }

    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        if !input.take(number, WireType::Len)? {
            return Ok(Self::default());
        }
        input.enclosed(|input| {
            let hlc = Hlc::from_bits(u64::read_field(1, input)?);
            let replica = ReplicaId::from_bytes(<[u8; 32]>::read_field(2, input)?);
            let dot = Dot { replica, seq: u64::read_field(3, input)? };
            let id = OpId { dot, index: u32::read_field(4, input)? };
            Ok(Self { write: Some((hlc, id, T::read_field(5, input)?)) })
        })
    }
}
