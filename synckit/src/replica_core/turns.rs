//! Turns to edit: an edit is made while no other is, and once all that it is about is in memory.

use std::time::Duration;

use super::{
    Doubt, EditRefusal, EncodedEdit, OnceProgress, Phase, ReplicaCore, Settlement, Ticket, Turn,
};
use crate::clock::UnixMillis;
use crate::id::{AggregateId, Dot};
use crate::registry::State;

impl ReplicaCore {
    /// Asks for a turn to edit these aggregates.
    pub(crate) fn admit(
        &mut self,
        now: Duration,
        ticket: Ticket,
        aggregates: &[AggregateId],
    ) -> Turn {
        if self.phase != Phase::Open {
            return Turn::Closed;
        }
        let mut is_lacking = aggregates.iter().any(|aggregate| !self.states.contains(aggregate));
        if is_lacking && !self.states.reads_store() {
            // Those that are not in memory are not in the store either.
            let absent = aggregates.iter().filter(|aggregate| !self.states.contains(aggregate));
            let absent: Vec<_> = absent.cloned().collect();
            self.states.begin(absent);
            is_lacking = false;
        }
        if !is_lacking && self.takes_edits() {
            return Turn::Ready;
        }
        self.waiting.edits.push((ticket, aggregates.to_vec()));
        self.retry_at = None;
        self.proceed(now);
        Turn::Waits
    }

    /// The event that an edit begins with which is made now.
    pub(crate) fn next_event(&self) -> Dot {
        self.edits.next_event()
    }

    /// The state that an edit is made against: with everything staged, durable or not. `None` when it is
    /// not in memory.
    pub(crate) fn newest(&self, aggregate: &AggregateId) -> Option<&dyn State> {
        self.edits.newest(aggregate).or_else(|| self.states.get(aggregate))
    }

    /// Makes an edit that was admitted. Returns the name of its last event; the ticket is answered
    /// when it is durable and folded, or has failed.
    ///
    /// # Errors
    /// When the edit can never be stored or folded. Nothing of it is left.
    pub(crate) fn stage(
        &mut self,
        ticket: Ticket,
        draft: EncodedEdit,
        wall: UnixMillis,
    ) -> Result<Dot, EditRefusal> {
        let branches = self.branches.as_ref().ok_or(EditRefusal::NotAdmitted)?;
        let states = &self.states;
        self.edits.stage(ticket, draft, |aggregate| states.get(aggregate), branches, wall)
    }

    /// The progress of an edit under an idempotency key, if one was made lately.
    pub(crate) fn made(&self, once: &str) -> Option<OnceProgress> {
        self.edits.made(once)
    }

    /// Has a caller wait until the edit under an idempotency key is durable and folded, or has failed;
    /// false when none is under way.
    pub(crate) fn join(&mut self, ticket: Ticket, once: &str) -> bool {
        self.edits.join(ticket, once)
    }

    fn is_admitted(&self, aggregates: &[AggregateId]) -> bool {
        let are_here = || aggregates.iter().all(|aggregate| self.states.contains(aggregate));
        self.takes_edits() && are_here()
    }

    fn takes_edits(&self) -> bool {
        self.doubt == Doubt::None && !self.edits.is_full()
    }

    pub(super) fn admit_waiting(&mut self) {
        if self.waiting.edits.is_empty() {
            return;
        }
        let closed = self.is_closed();
        let (admitted, waiting) = std::mem::take(&mut self.waiting.edits)
            .into_iter()
            .partition::<Vec<_>, _>(|(_, aggregates)| closed || self.is_admitted(aggregates));
        self.waiting.edits = waiting;
        self.settle(admitted.into_iter().map(|(ticket, _)| ticket).collect(), Settlement::Done);
    }
}
