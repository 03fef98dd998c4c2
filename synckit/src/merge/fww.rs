//! `#[merge(fww)]`: the first write wins.
//!
//! A write whose author had seen another one changes nothing. The state keeps those that had seen
//! none, which are concurrent, at most one for each author; the field shows the least in the total
//! order of operations.

use crate::clock::Hlc;
use crate::conflict::Write;
use crate::id::Dot;
use crate::merge::bytes::{read_id, write_id};
use crate::merge::{At, Given, Handle, Law, MergeState, OpId, OpenConflicts, RestsOn, Rule};
use crate::wire::{self, Field, Reader, Shape, WireError, WireType, Writer};

/// The first write wins.
#[derive(Debug)]
#[non_exhaustive]
pub enum Fww {}

/// An operation on an `fww` field.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "another operation is another rule")]
pub enum FwwOp<T> {
    /// Writes the value, unless one has been written.
    Set(T),
}

/// Types that `#[merge(fww)]` merges: fields with a default, which they hold until someone sets
/// them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be merged by `fww`",
    label = "needs a canonical encoding and a default",
    note = "derive SyncValue and Default for the type, or use Option<…>, whose default is None; use BTreeMap for \
            HashMap, BTreeSet for HashSet"
)]
pub trait FwwField: wire::Field + Default {}

#[diagnostic::do_not_recommend]
impl<T: wire::Field + Default> FwwField for T {}

/// The writes whose authors had seen no other, the least in the total order first.
#[derive(Clone, Debug, PartialEq)]
pub struct FirstWrites<T> {
    writes: Vec<FirstWrite<T>>,
}

/// A write whose author had seen no other.
#[derive(Clone, Debug, PartialEq)]
struct FirstWrite<T> {
    value: T,
    hlc: Hlc,
    id: OpId,
    /// True when the author of a later write had seen this one.
    seen: bool,
}

impl<T> FirstWrite<T> {
    const fn order(&self) -> (Hlc, OpId) {
        (self.hlc, self.id)
    }
}

impl<T: Field> FirstWrite<T> {
    fn to_write(&self) -> Write {
        Write::new(&self.value, self.hlc, self.id.dot)
    }
}

impl<T> Default for FirstWrites<T> {
    fn default() -> Self {
        Self { writes: Vec::new() }
    }
}

impl<T> FirstWrites<T> {
    fn write(&mut self, value: T, at: &At<'_>) {
        let mut is_first = true;
        for write in self.writes.iter_mut().filter(|write| at.saw(write.id)) {
            write.seen = true;
            is_first = false;
        }
        if is_first {
            let place = self.writes.partition_point(|write| write.order() < at.order());
            let write = FirstWrite { value, hlc: at.hlc(), id: at.id(), seen: false };
            self.writes.insert(place, write);
        }
    }
}

impl<F: FwwField> Rule<F> for Fww {
    const LAW: Law = Law::new("fww");
    const SHAPE: Shape = F::SHAPE;
    type Op = FwwOp<F>;
    type State = FirstWrites<F>;

    fn fold(state: &mut FirstWrites<F>, FwwOp::Set(value): FwwOp<F>, at: &At<'_>) {
        state.write(value, at);
    }

    fn value(state: &FirstWrites<F>) -> F {
        state.writes.first().map(|write| write.value.clone()).unwrap_or_default()
    }

    fn conflicts(state: &FirstWrites<F>, open: &mut OpenConflicts<'_, '_>) {
        if let [first, others @ ..] = state.writes.as_slice()
            && !others.is_empty()
        {
            let unseen = others.iter().filter(|write| !write.seen);
            open.note(Some(first.to_write()), unseen.map(FirstWrite::to_write).collect());
        }
    }

    fn create(value: &F, record: &mut dyn FnMut(FwwOp<F>)) {
        record(FwwOp::Set(value.clone()));
    }

    fn depends(state: &FirstWrites<F>, _: &FwwOp<F>) -> Option<Vec<Dot>> {
        Some(state.writes.iter().map(|write| write.id.dot).collect())
    }

    fn rests_on(state: &FirstWrites<F>) -> RestsOn {
        RestsOn::Heads(state.writes.first().map(|write| write.id.dot).into_iter().collect())
    }
}

// No bound of the rule: a field that it cannot merge is one error, and not one more at every use.
impl<F: Clone + 'static, M> Handle<'_, F, Fww, M> {
    /// Writes the field, unless it has been written. Of concurrent writes the first one holds.
    pub fn set(&self, value: impl Given<F>) {
        self.push(FwwOp::Set(value.given()));
    }
}

impl<T: Field> MergeState for FirstWrites<T> {
    fn write_field(&self, number: u32, out: &mut Writer) {
        for write in &self.writes {
            out.tag(number, WireType::Len);
            out.enclosed(|out| {
                write.hlc.to_bits().write_field(1, out);
                write_id(2, write.id, out);
                write.seen.then_some(true).write_field(5, out);
                write.value.write_field(6, out);
            });
        }
    }

    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut writes: Vec<FirstWrite<T>> = Vec::new();
        let mut present = input.take(number, WireType::Len)?;
        while present {
            let write = input.enclosed(|input| {
                let (hlc, id) = (Hlc::from_bits(u64::read_field(1, input)?), read_id(2, input)?);
                let seen = match Option::<bool>::read_field(5, input)? {
                    Some(false) => return Err(WireError::Invalid { expected: "write seen" }),
                    seen => seen.is_some(),
                };
                Ok(FirstWrite { value: T::read_field(6, input)?, hlc, id, seen })
            })?;
            let same_author = |other: &FirstWrite<T>| other.id.dot.replica == write.id.dot.replica;
            if writes.last().is_some_and(|last| last.order() >= write.order())
                || writes.iter().any(same_author)
            {
                return Err(WireError::Unsorted { number });
            }
            writes.push(write);
            present = input.take_again(WireType::Len)?;
        }
        Ok(Self { writes })
    }
}
