//! Recorded events under their types, and what the application's code makes of them.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Outcome, RecordedEvent, State};
use crate::aggregate::{self, Aggregate, LifeChange};
use crate::event::{self, DecodeError, message_of};
use crate::vector::Stamp;

impl RecordedEvent<'_> {
    /// The event under its type.
    ///
    /// # Errors
    /// When this program cannot read it, or panics on it.
    pub(crate) fn decode<A: Aggregate>(self) -> Result<A::Event, DecodeError> {
        self.guard(|| event::decode::<A::Event>(self.event, self.payload))
    }

    /// Shows the operations that the event stands for, and the places of their fields.
    ///
    /// # Errors
    /// When this program cannot read the event, or panics on it.
    pub(crate) fn operations<A: Aggregate>(
        self,
        show: &mut dyn FnMut(usize, &mut dyn Any),
    ) -> Result<(), DecodeError> {
        let event = self.decode::<A>()?;
        self.guard(|| {
            aggregate::operations::<A>(event, show);
            Ok(())
        })
    }

    /// The effect of the event on the life of its aggregate, as far as this program can read it.
    pub(crate) fn life_change<A: Aggregate>(self) -> Option<LifeChange> {
        let event = self.decode::<A>().ok()?;
        self.guard(|| Ok(aggregate::life_change::<A>(event))).ok().flatten()
    }

    fn guard<T>(self, run: impl FnOnce() -> Result<T, DecodeError>) -> Result<T, DecodeError> {
        catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
            let name = self.event.name.clone();
            Err(DecodeError::Panicked { name, message: message_of(&*panic) })
        })
    }
}

/// Folds an event; one on which the application's code panics is parked.
pub(crate) fn fold_or_park(state: &mut Box<dyn State>, at: &Stamp<'_>, event: RecordedEvent<'_>) {
    let before = state.duplicate();
    if let Outcome::Panicked(_) = state.fold(at, event) {
        *state = before;
        state.park(at);
    }
}
