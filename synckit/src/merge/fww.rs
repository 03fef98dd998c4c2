//! `#[merge(fww)]`: the first write wins.
//!
//! A write whose author had seen another one changes nothing. The state keeps those that had seen
//! none, which are concurrent, at most one for each author; the field shows the least in the total
//! order of operations.
//!
//! In the entry of a map a removal may take the first writes and leave some that had seen no others, so
//! an entry keeps all writes that no removal has taken.

use std::collections::BTreeSet;

use crate::clock::Hlc;
use crate::conflict::Write;
use crate::id::Dot;
use crate::merge::bytes::{read_id, write_id};
use crate::merge::elements::AuthorIds;
use crate::merge::{
    At, EntryRule, Given, Handle, Law, MergeState, OpId, OpenConflicts, RestsOn, Rule,
};
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

/// The writes whose authors had seen no other, the least in the total order first; in an entry, all that
/// no removal has taken.
#[derive(Clone, Debug, PartialEq)]
pub struct FirstWrites<T> {
    writes: Vec<FirstWrite<T>>,
}

/// A write of the field.
#[derive(Clone, Debug, PartialEq)]
struct FirstWrite<T> {
    value: T,
    hlc: Hlc,
    id: OpId,
    /// True when the author of a later write had seen this one.
    seen: bool,
    /// In an entry: of each author the last write kept that this one's author had seen.
    after: AuthorIds,
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
        let mut after = AuthorIds::default();
        for write in self.writes.iter_mut().filter(|write| at.saw(write.id)) {
            write.seen = true;
            after.reach(write.id);
        }
        if after.is_empty() || at.is_in_entry() {
            let place = self.writes.partition_point(|write| write.order() < at.order());
            let write = FirstWrite { value, hlc: at.hlc(), id: at.id(), seen: false, after };
            self.writes.insert(place, write);
        }
    }

    /// The writes whose authors had seen no other, the least in the total order first.
    fn firsts(&self) -> impl Iterator<Item = &FirstWrite<T>> {
        self.writes.iter().filter(|write| write.after.is_empty())
    }

    /// Drops the writes that the author of the operation had seen.
    fn forget(&mut self, at: &At<'_>) {
        self.writes.retain(|write| !at.saw(write.id));
        for write in &mut self.writes {
            write.after.forget(at);
        }
    }

    fn dots(&self) -> Vec<Dot> {
        self.writes.iter().map(|write| write.id.dot).collect()
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
        state.firsts().next().map(|write| write.value.clone()).unwrap_or_default()
    }

    fn conflicts(state: &FirstWrites<F>, open: &mut OpenConflicts<'_, '_>) {
        let mut firsts = state.firsts();
        if let Some(first) = firsts.next() {
            let unseen: Vec<_> = firsts.filter(|write| !write.seen).collect();
            if !unseen.is_empty() {
                let unseen = unseen.into_iter().map(FirstWrite::to_write).collect();
                open.note(Some(first.to_write()), unseen);
            }
        }
    }

    fn create(value: &F, record: &mut dyn FnMut(FwwOp<F>)) {
        record(FwwOp::Set(value.clone()));
    }

    fn depends(state: &FirstWrites<F>, _: &FwwOp<F>) -> Option<Vec<Dot>> {
        Some(state.dots())
    }

    fn rests_on(state: &FirstWrites<F>) -> RestsOn {
        RestsOn::Heads(state.firsts().next().map(|write| write.id.dot).into_iter().collect())
    }
}

impl<F: FwwField> EntryRule<F> for Fww {
    type Seen = ();

    fn seen(_: &FirstWrites<F>) {}

    fn reset(state: &mut FirstWrites<F>, (): &(), at: &At<'_>) {
        state.forget(at);
    }

    fn reset_depends(state: &FirstWrites<F>) -> Option<Vec<Dot>> {
        Some(state.dots())
    }

    fn affirms(_: &FwwOp<F>) -> bool {
        true
    }
}

// No bound of the rule: a field that it cannot merge is one error, and not one more at every use.
impl<F: Clone + 'static, M> Handle<'_, F, Fww, M> {
    /// Writes the field, unless it has been written. Of concurrent writes the first one holds.
    pub fn set(&self, value: impl Given<F>) {
        self.put(FwwOp::Set(value.given()));
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
                write.after.write(6, out);
                write.value.write_field(7, out);
            });
        }
    }

    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut writes: Vec<FirstWrite<T>> = Vec::new();
        let mut present = input.take(number, WireType::Len)?;
        while present {
            let write = input.enclosed(FirstWrite::read)?;
            if writes.last().is_some_and(|last| last.order() >= write.order()) {
                return Err(WireError::Unsorted { number });
            }
            writes.push(write);
            present = input.take_again(WireType::Len)?;
        }
        let state = Self { writes };
        if state.is_consistent() { Ok(state) } else { Err(WireError::Unsorted { number }) }
    }
}

impl<T: Field> FirstWrite<T> {
    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let (hlc, id) = (Hlc::from_bits(u64::read_field(1, input)?), read_id(2, input)?);
        let seen = match Option::<bool>::read_field(5, input)? {
            Some(false) => return Err(WireError::Invalid { expected: "write seen" }),
            seen => seen.is_some(),
        };
        let after = AuthorIds::read(6, input)?;
        Ok(Self { value: T::read_field(7, input)?, hlc, id, seen, after })
    }
}

impl<T> FirstWrites<T> {
    /// True when each write is there once, behind others that are there, and no author has two of
    /// which neither had seen the other.
    fn is_consistent(&self) -> bool {
        let ids: BTreeSet<_> = self.writes.iter().map(|write| write.id).collect();
        let authors: BTreeSet<_> = self.firsts().map(|write| write.id.dot.replica).collect();
        let is_behind = |write: &FirstWrite<T>| {
            write.after.iter().all(|before| before != write.id && ids.contains(&before))
        };
        ids.len() == self.writes.len()
            && authors.len() == self.firsts().count()
            && self.writes.iter().all(is_behind)
    }
}
