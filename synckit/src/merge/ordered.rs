//! `#[merge(ordered)]`: events take effect one after the other, in their total order.
//!
//! The state is the events, in the order of their stamps. The value is what they make of the default, each
//! applied by an ordinary function of the application's: when one comes late, the field is as if it had come
//! in its place, and what was applied after it is applied again (Bayou's tentative writes: Terry et al.,
//! "Managing Update Conflicts in Bayou, a Weakly Connected Replicated Storage System", 1995). Nothing of
//! the function stands in the state, so every pure function converges, and a changed one changes what is
//! shown and no history.

mod events;

use std::fmt::{self, Debug};
use std::ops::Deref;

use crate::clock::Hlc;
use crate::id::Dot;
use crate::merge::{At, EntryRule, Given, Handle, Law, Reads, RestsOn, Rule};
use crate::wire::{self, Shape};

use events::Reason;
pub use events::{OrderedAt, OrderedEvents};

/// Events take effect in their total order.
#[derive(Debug)]
#[non_exhaustive]
pub enum Ordered {}

/// An operation on an `ordered` field.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "another operation is another rule")]
pub enum OrderedOp<E> {
    /// Adds an event.
    Applied(E),
}

/// A value that events make, one after the other.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what events of type `{E}` do to it",
    label = "cannot apply these events",
    note = "implement synckit::merge::Replay<{E}> for {Self}"
)]
pub trait Replay<E>: Clone + Debug + Default + Send + Sync + 'static {
    /// The reason why an event takes no effect. [`Infallible`](std::convert::Infallible) when all do.
    type Refusal: Debug + Send + Sync + 'static;

    /// Applies an event. It may be applied again later, after others than now, when one that belongs
    /// before it arrives. Pure: it looks at nothing but its arguments.
    ///
    /// # Errors
    /// When the event does not hold after those before it. It then has no effect, whatever it has
    /// changed, and [`Replayed::refused`] tells it, until others come before it with which it holds.
    fn apply(&mut self, event: &E, at: &OrderedAt<'_, E>) -> Result<(), Self::Refusal>;
}

/// The value of an `ordered` field: what events of type `E` have made of the default of `T`.
///
/// It reads as a `T`, and begins as the default: only events change it.
#[derive(Clone)]
pub struct Replayed<T, E> {
    value: T,
    events: OrderedEvents<T, E>,
}

/// An event that has no effect, because it does not hold after those before it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RefusedEvent<'a, E, R> {
    /// The event.
    pub event: &'a E,
    /// Its identity in merging: its author and number.
    pub dot: Dot,
    /// Its author's hybrid clock.
    pub hlc: Hlc,
    /// The reason.
    pub reason: RefusalReason<'a, R>,
}

/// The reason why an event has no effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RefusalReason<'a, R> {
    /// [`Replay::apply`] refused it.
    Refused(&'a R),
    /// [`Replay::apply`] panicked, with this message.
    Panicked(&'a str),
}

impl<T: Replay<E>, E> Replayed<T, E> {
    /// The events, in their order.
    pub fn events(&self) -> impl Iterator<Item = &E> {
        self.events.iter().map(|it| &it.event)
    }

    /// The events that have no effect now, in their order.
    pub fn refused(&self) -> impl Iterator<Item = RefusedEvent<'_, E, T::Refusal>> {
        self.events.refused().filter_map(|(it, reason)| {
            let reason = match reason {
                Reason::Refused(reason) => RefusalReason::Refused(reason.downcast_ref()?),
                Reason::Panicked(message) => RefusalReason::Panicked(message),
            };
            let (dot, hlc) = (it.id.dot, it.hlc);
            Some(RefusedEvent { event: &it.event, dot, hlc, reason })
        })
    }
}

impl<T, E> Deref for Replayed<T, E> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Default, E> Default for Replayed<T, E> {
    fn default() -> Self {
        Self { value: T::default(), events: OrderedEvents::default() }
    }
}

/// Equal values of equal events.
impl<T: PartialEq, E: PartialEq> PartialEq for Replayed<T, E> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value && self.events == other.events
    }
}

impl<T: Debug, E> Debug for Replayed<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

/// Types that `#[merge(ordered)]` merges: [`Replayed`] values of events that have a canonical encoding.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be merged by `ordered`",
    label = "needs events with a canonical encoding, and a value that applies them",
    note = "write `Replayed<T, E>`; derive SyncValue for `E` and implement synckit::merge::Replay<E> for `T`"
)]
pub trait OrderedField: 'static {
    /// The value.
    type Value: Replay<Self::Event>;
    /// The events.
    type Event: wire::Field;

    /// The field that shows these events.
    fn of_events(events: OrderedEvents<Self::Value, Self::Event>) -> Self;

    /// Hands on the events that the field shows.
    fn each(&self, take: &mut dyn FnMut(Self::Event));
}

#[diagnostic::do_not_recommend]
impl<T: Replay<E>, E: wire::Field> OrderedField for Replayed<T, E> {
    type Value = T;
    type Event = E;

    fn of_events(events: OrderedEvents<T, E>) -> Self {
        Self { value: events.value(), events }
    }

    fn each(&self, take: &mut dyn FnMut(E)) {
        self.events.iter().for_each(|it| take(it.event.clone()));
    }
}

impl<F: OrderedField> Rule<F> for Ordered {
    const LAW: Law = Law::new("ordered");
    const SHAPE: Shape = <F::Event as wire::Field>::SHAPE;
    type Op = OrderedOp<F::Event>;
    type State = OrderedEvents<F::Value, F::Event>;

    fn fold(state: &mut Self::State, OrderedOp::Applied(event): Self::Op, at: &At<'_>) {
        state.insert(event, at);
    }

    fn value(state: &Self::State) -> F {
        F::of_events(state.clone())
    }

    fn create(value: &F, record: &mut dyn FnMut(Self::Op)) {
        value.each(&mut |event| record(OrderedOp::Applied(event)));
    }

    fn depends(state: &Self::State, _: &Self::Op) -> Option<Vec<Dot>> {
        Some(state.heads())
    }

    fn rests_on(state: &Self::State) -> RestsOn {
        RestsOn::Events(state.effective())
    }
}

impl<F: OrderedField> EntryRule<F> for Ordered {
    type Seen = ();

    fn seen(_: &Self::State) {}

    fn reset(state: &mut Self::State, (): &(), at: &At<'_>) {
        state.forget(at);
    }

    fn reset_depends(state: &Self::State) -> Option<Vec<Dot>> {
        Some(state.last_of_authors())
    }

    fn affirms(_: &Self::Op) -> bool {
        true
    }
}

// No bound of the rule: a field that it cannot merge is one error, and not one more at every use.
impl<T, E: Clone + 'static, M> Handle<'_, Replayed<T, E>, Ordered, M> {
    /// Adds an event, whether or not it holds.
    pub fn append(&self, event: impl Given<E>) {
        self.put(OrderedOp::Applied(event.given()));
    }
}

impl<T: Replay<E>, E: wire::Field> Handle<'_, Replayed<T, E>, Ordered, Reads> {
    /// Adds an event that holds on the value as the edit has it.
    ///
    /// # Errors
    /// When [`Replay::apply`] refuses it: nothing is recorded.
    pub fn apply(&self, event: impl Given<E>) -> Result<(), T::Refusal> {
        let event = event.given();
        let mut value = self.inspect(OrderedEvents::value);
        value.apply(&event, &OrderedAt::last())?;
        self.append(event);
        Ok(())
    }
}
