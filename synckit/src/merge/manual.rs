//! `#[merge(manual)]`: concurrent writes wait for a decision, and the field keeps its last agreed value.
//!
//! The state is the concurrent heads. Each carries the value that was agreed on when it was written,
//! so the last agreed value is a function of the heads as well, and takes space for one value each.

use std::any::Any;

use crate::clock::Hlc;
use crate::conflict::Write;
use crate::id::{Dot, ReplicaId};
use crate::merge::bytes::{read_id, write_id};
use crate::merge::heads::distinct;
use crate::merge::{
    At, EntryRule, Given, Handle, Head, Heads, Law, OpId, OpenConflicts, Reads, RestsOn, Rule,
    Undoing,
};
use crate::wire::{self, Field as _, Reader, Scalar, Shape, Value, WireError, WireType, Writer};

/// Concurrent writes wait for a decision.
#[derive(Debug)]
#[non_exhaustive]
pub enum Manual {}

/// A value, and what has been written concurrently while nobody has decided.
///
/// Writing the field decides: the write of someone who has seen the candidates replaces them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(clippy::exhaustive_enums, reason = "whoever decides has to look at both")]
pub enum Pending<T> {
    /// The one value.
    Agreed(T),
    /// Nobody has decided yet.
    Open {
        /// The last agreed value.
        agreed: T,
        /// Different values written concurrently, at least two, the last one in the total order first.
        candidates: Vec<T>,
    },
}

impl<T> Pending<T> {
    /// The last value that was agreed on.
    pub const fn agreed(&self) -> &T {
        match self {
            Self::Agreed(agreed) | Self::Open { agreed, .. } => agreed,
        }
    }

    /// The values between which somebody has to decide; none when there is nothing to decide.
    pub fn candidates(&self) -> &[T] {
        match self {
            Self::Agreed(_) => &[],
            Self::Open { candidates, .. } => candidates,
        }
    }
}

impl<T: Default> Default for Pending<T> {
    fn default() -> Self {
        Self::Agreed(T::default())
    }
}

impl<T> From<T> for Pending<T> {
    fn from(value: T) -> Self {
        Self::Agreed(value)
    }
}

/// An operation on a `manual` field.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "another operation is another rule")]
pub enum ManualOp<T> {
    /// Writes the value.
    Set {
        /// The value.
        value: T,
        /// The write that was agreed on before it; `None` for the default.
        agreed: Option<Agreed<T>>,
    },
}

/// A write that was agreed on, carried by those that follow it.
#[derive(Clone, Debug, PartialEq)]
pub struct Agreed<T> {
    hlc: Hlc,
    id: OpId,
    value: T,
}

/// A write, with what was agreed on when it was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposed<T> {
    value: T,
    agreed: Option<Agreed<T>>,
}

/// Types that `#[merge(manual)]` merges: [`Pending`] values with a default, which they hold until
/// someone sets them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be merged by `manual`",
    label = "needs a canonical encoding and a default",
    note = "write `Pending<T>`; derive SyncValue and Default for `T`"
)]
pub trait ManualField: 'static {
    /// The values written.
    type Value: wire::Field + Default;

    /// The field with this value agreed on, and these candidates if there are several.
    fn pending(agreed: Self::Value, candidates: Vec<Self::Value>) -> Self;

    /// The value to write when an aggregate is created with this field.
    fn settled(&self) -> Self::Value;
}

#[diagnostic::do_not_recommend]
impl<T: wire::Field + Default> ManualField for Pending<T> {
    type Value = T;

    fn pending(agreed: T, candidates: Vec<T>) -> Self {
        if candidates.len() > 1 { Self::Open { agreed, candidates } } else { Self::Agreed(agreed) }
    }

    fn settled(&self) -> T {
        self.agreed().clone()
    }
}

impl<T> Agreed<T> {
    const fn order(&self) -> (Hlc, OpId) {
        (self.hlc, self.id)
    }
}

/// True when an author who had made or seen `later` had certainly seen `earlier`.
fn implies(later: OpId, earlier: OpId) -> bool {
    later.dot.replica == earlier.dot.replica && earlier <= later
}

impl<T: wire::Field> Heads<Proposed<T>> {
    /// The values of the heads that a policy leaves, byte for byte different ones, the greatest head's first.
    fn values(&self) -> Vec<T> {
        let (standing, _) = self.standing();
        distinct(&standing, |proposed| &proposed.value).into_iter().cloned().collect()
    }

    /// The agreed value; `None` for the default.
    fn agreed(&self) -> Option<T> {
        match self.values().as_slice() {
            [] => None,
            [only] => Some(only.clone()),
            _ => self.carried().map(|agreed| agreed.value.clone()),
        }
    }

    /// Of the writes that were agreed on before the heads, the last one that all of the heads' authors have
    /// certainly seen; the first of them all when there is none.
    fn carried(&self) -> Option<&Agreed<T>> {
        let carried = || self.iter().map(|head| head.value.agreed.as_ref());
        let is_seen = |agreed: &&Agreed<T>| {
            self.iter().all(|head| {
                let of_head = head.value.agreed.as_ref().map(|agreed| agreed.id);
                [Some(head.id), of_head].into_iter().flatten().any(|id| implies(id, agreed.id))
            })
        };
        let last_seen = carried().flatten().filter(is_seen).max_by_key(|agreed| agreed.order());
        last_seen.or_else(|| carried().min_by_key(|agreed| agreed.map(Agreed::order)).flatten())
    }

    /// The agreed value that a write carries whose author sees these heads. An author who goes on from
    /// a write of their own carries what that one does: nobody else need have seen it.
    pub(super) fn carried_by(&self, author: Option<ReplicaId>) -> Option<Agreed<T>> {
        let (standing, _) = self.standing();
        match (self.as_slice(), standing.first(), self.values().len()) {
            ([own], ..) if Some(own.id.dot.replica) == author => own.value.agreed.clone(),
            (_, Some(shown), 1) => {
                let Head { hlc, id, value: Proposed { value, .. }, .. } = shown.clone();
                Some(Agreed { hlc, id, value })
            }
            _ => self.carried().cloned(),
        }
    }
}

impl<F: ManualField> Rule<F> for Manual {
    const LAW: Law = Law::new("manual");
    const SHAPE: Shape = <F::Value as wire::Field>::SHAPE;
    type Op = ManualOp<F::Value>;
    type State = Heads<Proposed<F::Value>>;

    fn fold(state: &mut Self::State, op: Self::Op, at: &At<'_>) {
        let ManualOp::Set { value, agreed } = op;
        state.write_to_choose(Proposed { value, agreed }, at);
    }

    fn value(state: &Self::State) -> F {
        F::pending(state.agreed().unwrap_or_default(), state.values())
    }

    fn conflicts(state: &Self::State, open: &mut OpenConflicts<'_, '_>) {
        state.unsettled_as(open, |head: &Head<Proposed<F::Value>>| {
            Write::new(&head.value.value, head.hlc, head.id.dot)
        });
    }

    fn create(value: &F, record: &mut dyn FnMut(Self::Op)) {
        record(ManualOp::Set { value: value.settled(), agreed: None });
    }

    fn depends(state: &Self::State, _: &Self::Op) -> Option<Vec<Dot>> {
        Some(state.dots())
    }

    fn rests_on(state: &Self::State) -> RestsOn {
        RestsOn::heads(state.standing().0.iter())
    }

    fn undo(
        _: &Self::Op,
        by: &Undoing,
        before: &Self::State,
        now: &Self::State,
    ) -> Option<Vec<Self::Op>> {
        if !now.iter().any(|head| by.made(head.id.dot)) {
            return Some(Vec::new());
        }
        // A write in place of candidates would be a decision, which is for people.
        let is_settled = [before, now].into_iter().all(|state| state.values().len() < 2);
        is_settled.then(|| {
            let value = before.agreed().unwrap_or_default();
            vec![ManualOp::Set { value, agreed: now.carried_by(Some(by.author())) }]
        })
    }
}

impl<F: ManualField> EntryRule<F> for Manual {
    type Seen = ();

    fn seen(_: &Self::State) {}

    fn reset(state: &mut Self::State, (): &(), at: &At<'_>) {
        state.forget(at);
    }

    fn reset_depends(state: &Self::State) -> Option<Vec<Dot>> {
        Some(state.dots())
    }

    fn affirms(_: &Self::Op) -> bool {
        true
    }
}

impl<T: wire::Field, M> Handle<'_, Pending<T>, Manual, M> {
    /// Writes the field, and decides if there is something to decide.
    pub fn set(&self, value: impl Given<T>)
    where
        M: SeesState,
    {
        let (root, field) = self.place();
        let mut agreed = None;
        root.read(field, &mut |state| {
            let heads = state.and_then(|state| (state as &dyn Any).downcast_ref::<Heads<_>>());
            agreed = heads.and_then(|heads| heads.carried_by(root.author()));
        });
        self.put(ManualOp::Set { value: value.given(), agreed });
    }
}

/// Handles that see the state that they change: those of an edit.
#[diagnostic::on_unimplemented(
    message = "a lowering cannot write a `manual` field",
    label = "carries what was agreed on before, which a lowering cannot read",
    note = "write the field in the edit that emits the event"
)]
pub trait SeesState {}

impl SeesState for Reads {}

impl<T: wire::Field> Value for Agreed<T> {
    const WIRE: WireType = WireType::Len;
    const SHAPE: Shape = Shape::Scalar(Scalar::Bytes);

    fn write(&self, out: &mut Writer) {
        out.enclosed(|out| {
            self.hlc.to_bits().write_field(1, out);
            write_id(2, self.id, out);
            self.value.write_field(5, out);
        });
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        input.enclosed(|input| {
            let hlc = Hlc::from_bits(u64::read_field(1, input)?);
            Ok(Self { hlc, id: read_id(2, input)?, value: T::read_field(5, input)? })
        })
    }
}

impl<T: wire::Field> Value for Proposed<T> {
    const WIRE: WireType = WireType::Len;
    const SHAPE: Shape = Shape::Scalar(Scalar::Bytes);

    fn write(&self, out: &mut Writer) {
        out.enclosed(|out| {
            self.agreed.write_field(1, out);
            self.value.write_field(2, out);
        });
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        input.enclosed(|input| {
            let agreed = wire::Field::read_field(1, input)?;
            Ok(Self { agreed, value: T::read_field(2, input)? })
        })
    }
}
