//! Edits between being made and being durable.
//!
//! An edit takes its final numbers when it is made, on top of those made before it. Later edits see
//! what it does (the overlay); readers see it once it is durable. When a commit fails, nothing is
//! left of it and of all edits made on top of it.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::COMMIT_EVENTS_MAX;
use super::exchange::Ticket;
use super::group::EditGroup;
use super::once::{OnceProgress, RecentKeys};
use crate::block::{BLOCK_BYTES_MAX, BlockPacker};
use crate::branch::{BranchNo, Branches};
use crate::chain::{Chain, CommitId};
use crate::clock::{Hlc, HybridClock, UnixMillis};
use crate::envelope::{Envelope, LeafHasher, Metadata, PAYLOAD_BYTES_MAX};
use crate::event::{DecodeError, EncodedEvent};
use crate::id::{AggregateId, Dot, Position, ReplicaId, SpaceId};
use crate::key::ReplicaKey;
use crate::log::LogBlock;
use crate::registry::{Outcome, RecordedEvent, State};
use crate::ruling::{Control, Redating};
use crate::vector::{Stamp, VectorClock};

/// Most edits of one group commit.
const GROUP_EDITS_MAX: usize = 4_096;
/// Bytes of payload of one group commit; the edit that reaches the line is the last of its group.
const GROUP_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of payload that are not durable before further edits wait.
const STAGED_BYTES_MAX: usize = 2 * GROUP_BYTES_MAX;
/// Edits that are not durable before further ones wait.
const STAGED_EDITS_MAX: usize = 2 * GROUP_EDITS_MAX;

/// A hub's ruling corrects the wall clock for so long.
const CORRECTED_FOR: Duration = Duration::from_secs(15 * 60);

/// One edit, encoded: its events in their order, each with its aggregate.
#[derive(Clone, Debug)]
pub(crate) struct EncodedEdit {
    pub(crate) events: Vec<(AggregateId, EncodedEvent)>,
    pub(crate) metadata: Metadata,
}

/// The reason of a refused edit. Nothing of the edit is left.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum EditRefusal {
    /// An event with more bytes than any block takes.
    #[error("an event has at most {0} bytes")]
    EventTooLarge(usize),
    /// More bytes than any block takes.
    #[error("at most {0} bytes")]
    TooLarge(usize),
    /// More events than one commit takes.
    #[error("at most {0} events")]
    TooManyEvents(usize),
    /// The aggregate is deleted.
    #[error("the aggregate is deleted")]
    Deleted,
    /// It was not admitted.
    #[error("the edit has not been admitted")]
    NotAdmitted,
    /// Its author's program cannot fold its own events.
    #[error("{0}")]
    Unreadable(DecodeError),
}

/// An edit that is not durable yet.
#[derive(Debug)]
struct StagedEdit {
    /// The callers that wait for it; none once answered.
    tickets: Vec<Ticket>,
    /// Its idempotency key, if it has one.
    once: Option<String>,
    commit: Arc<[Envelope]>,
    /// The contexts of its events, under the identities of merging.
    contexts: Vec<VectorClock>,
    /// The aggregates that they are about.
    aggregates: Vec<AggregateId>,
    /// The position that it ends at in the log, once that is known.
    through: Option<Position>,
    /// The commit that it follows, and the one that it is.
    before: CommitId,
    id: CommitId,
    bytes: usize,
}

/// The author's edits that are not durable yet, and where its events stand.
#[derive(Debug)]
pub(super) struct Edits {
    space: SpaceId,
    key: ReplicaKey,
    /// Drawn at each opening: a copy that writes under the same key never writes the same commit.
    nonce: u64,
    hasher: LeafHasher,
    /// The author's last commit, everything staged included.
    head: CommitId,
    /// Up to which number each branch is the author's own writing. The number alone would not do: a
    /// copy of this store may have written other events under the same key and numbers.
    own: BTreeMap<BranchNo, u64>,
    staged: VecDeque<StagedEdit>,
    committing: Vec<StagedEdit>,
    /// Edits that are durable and not yet part of the states, each with the position that it ends at or
    /// before.
    unfolded: VecDeque<(Position, StagedEdit)>,
    /// Those who wait for edits that are part of the states.
    folded: Vec<Ticket>,
    bytes: usize,
    overlay: HashMap<AggregateId, Overlaid>,
    correction: Option<Correction>,
    recent: RecentKeys,
}

/// The time by which the wall clock is ahead of a hub's, as that hub has ruled. Taken into account for a while,
/// so that not every further edit has to be re-dated and replayed.
#[derive(Clone, Copy, Debug)]
struct Correction {
    ahead: Duration,
    /// The wall clock when it was first used.
    since: Option<UnixMillis>,
}

impl Correction {
    /// The corrected time; `None` when the wall clock was set, or the correction has lapsed.
    fn apply(&mut self, wall: UnixMillis) -> Option<UnixMillis> {
        let since = *self.since.get_or_insert(wall);
        let lapsed = wall < since || wall.since(since) >= CORRECTED_FOR;
        (!lapsed).then(|| wall.minus(self.ahead))
    }
}

/// The state of an aggregate after the edits that are not folded yet.
#[derive(Debug)]
struct Overlaid {
    state: Box<dyn State>,
    edits: usize,
    /// False when folding the log may lead to another state.
    is_exact: bool,
}

/// The states that aggregates have after edits which have become part of the log.
pub(super) type MadeStates = HashMap<AggregateId, Box<dyn State>>;

impl Edits {
    pub(super) fn new(space: SpaceId, key: ReplicaKey, nonce: u64) -> Self {
        Self {
            head: CommitId::root(&space, key.id()),
            own: BTreeMap::new(),
            space,
            key,
            nonce,
            hasher: LeafHasher::default(),
            staged: VecDeque::new(),
            committing: Vec::new(),
            unfolded: VecDeque::new(),
            folded: Vec::new(),
            bytes: 0,
            overlay: HashMap::new(),
            correction: None,
            recent: RecentKeys::default(),
        }
    }

    /// The progress of an edit under an idempotency key, if one was made lately.
    pub(super) fn made(&self, once: &str) -> Option<OnceProgress> {
        self.recent.get(once)
    }

    /// Has a caller wait for the edit under an idempotency key; false when none is under way.
    pub(super) fn join(&mut self, ticket: Ticket, once: &str) -> bool {
        let unfolded = self.unfolded.iter_mut().map(|(_, edit)| edit);
        let mut edits = unfolded.chain(&mut self.committing).chain(&mut self.staged);
        let edit = edits.find(|edit| edit.once.as_deref() == Some(once));
        edit.map(|edit| edit.tickets.push(ticket)).is_some()
    }

    /// The author writes under this key after this commit of its log, and nothing is staged.
    pub(super) fn begin_at(&mut self, key: ReplicaKey, branches: &Branches) {
        let own = branches.of(&key.id()).first();
        let own = own.and_then(|no| branches.get(*no).map(|branch| (*no, branch.head)));
        self.head = own.map_or_else(|| CommitId::root(&self.space, key.id()), |(_, head)| head);
        self.own = own.map(|(no, head)| (no, head.seq)).into_iter().collect();
        self.key = key;
    }

    /// True when a block has commits under the author's key that it did not make.
    pub(super) fn are_not_in(&self, log: &LogBlock) -> bool {
        log.block.runs().iter().zip(&log.runs).any(|(run, place)| {
            let is_own = self.own.get(&place.branch).is_some_and(|own| run.last_seq() <= *own);
            run.replica == self.author() && !is_own && !self.is_committing(&place.end)
        })
    }

    /// True when a block is one of those that are being committed.
    pub(super) fn commits(&self, log: &LogBlock) -> bool {
        log.runs.iter().all(|place| self.is_committing(&place.end))
    }

    /// Takes note of where in the log the edits are that are being committed: those of a block, in
    /// their order.
    pub(super) fn place(&mut self, log: &LogBlock) {
        let left = self.committing.iter_mut().filter(|edit| edit.through.is_none());
        let mut left = left.peekable();
        for (position, entry) in log.after(log.start) {
            if let Some(edit) = left.next_if(|edit| edit.id.dot() == entry.dot()) {
                edit.through = Some(position);
            }
        }
    }

    /// True when a chain ends an edit that is being committed.
    fn is_committing(&self, end: &Chain) -> bool {
        self.committing.iter().any(|edit| edit.id.chain == *end)
    }

    /// The key that the author writes under.
    pub(super) fn author(&self) -> ReplicaId {
        self.key.id()
    }

    /// The event that comes after all that is staged.
    pub(super) fn next_event(&self) -> Dot {
        Dot { replica: self.author(), seq: self.head.seq + 1 }
    }

    /// True when everything staged is durable.
    pub(super) fn are_durable(&self) -> bool {
        self.staged.is_empty() && self.committing.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes >= STAGED_BYTES_MAX
            || self.staged.len() + self.committing.len() >= STAGED_EDITS_MAX
    }

    /// The state after the edits staged so far, if any of them is of this aggregate.
    pub(super) fn newest(&self, aggregate: &AggregateId) -> Option<&dyn State> {
        self.overlay.get(aggregate).map(|overlaid| overlaid.state.as_ref())
    }

    pub(super) fn overlays(&self, aggregate: &AggregateId) -> bool {
        self.overlay.contains_key(aggregate)
    }

    /// Learns from the dates that a hub gave own commits how far the wall clock is ahead.
    pub(super) fn learn(&mut self, controls: Vec<(usize, Control)>) {
        let dates = controls.into_iter().filter_map(|(_, control)| match control {
            Control::Redated(dates) => Some(dates),
            Control::Refused(_) | Control::Closed(_) => None,
        });
        let own = dates.flatten().filter(|date| date.commit.author == self.author()).last();
        if let Some(Redating { written, at, .. }) = own {
            let ahead = written.wall().since(at.wall());
            self.correction = Some(Correction { ahead, since: None });
        }
    }

    fn corrected(&mut self, wall: UnixMillis) -> UnixMillis {
        let corrected = self.correction.as_mut().and_then(|correction| correction.apply(wall));
        if corrected.is_none() {
            self.correction = None;
        }
        corrected.unwrap_or(wall)
    }

    /// Stages an edit whose author saw what is `durable` and what is staged on top of it. Returns the
    /// name of its last event.
    pub(super) fn stage<'s>(
        &mut self,
        ticket: Ticket,
        draft: EncodedEdit,
        durable: impl Fn(&AggregateId) -> Option<&'s dyn State>,
        branches: &Branches,
        wall: UnixMillis,
    ) -> Result<Dot, EditRefusal> {
        draft.check()?;
        let wall = self.corrected(wall);
        let bytes = draft.events.iter().map(|(_, event)| event.payload.len()).sum();
        let aggregates = draft.aggregates();
        let newest = |aggregate| self.newest(aggregate).or_else(|| durable(aggregate));
        let copy = |aggregate| Ok(newest(aggregate).ok_or(EditRefusal::NotAdmitted)?.duplicate());
        let mut states = aggregates.iter().map(copy).collect::<Result<Vec<_>, EditRefusal>>()?;
        let author = self.author();
        let context = |(aggregate, event): &(AggregateId, EncodedEvent)| {
            let state = aggregates.binary_search(aggregate).ok().and_then(|at| states.get(at));
            state.map(|state| state.context(&author, &event.depends_on)).unwrap_or_default()
        };
        let contexts: Vec<_> = draft.events.iter().map(context).collect();
        let latest = states.iter().map(|state| state.latest()).max().unwrap_or(Hlc::ZERO);
        let once = draft.metadata.once().map(str::to_owned);
        let commit = self.envelopes(draft, latest, &contexts, branches, wall);
        let before = self.head;
        if !BlockPacker::new(self.space.clone()).fits(&before, self.nonce, &commit) {
            return Err(EditRefusal::TooLarge(BLOCK_BYTES_MAX));
        }
        for (envelope, context) in commit.iter().zip(&contexts) {
            let place = aggregates.binary_search(&envelope.aggregate);
            if let Some(state) = place.ok().and_then(|at| states.get_mut(at)) {
                let at = Stamp { dot: envelope.dot, hlc: envelope.hlc, context };
                let event = RecordedEvent::of_envelope(envelope);
                fold_made(state.as_mut(), &at, event)?;
            }
        }
        let id = self.hasher.name(&before, self.nonce, &commit);
        // Past a fork, which a part is told of, merging knows the author by another identity.
        let own = branches.of(&author).iter();
        let is_exact = own.copied().all(|no| branches.writer(no, id.seq) == author);
        self.overlay(&aggregates, states, is_exact);
        self.head = id;
        self.bytes += bytes;
        if let Some(once) = &once {
            self.recent.stage(once);
        }
        self.staged.push_back(StagedEdit {
            tickets: vec![ticket],
            once,
            commit,
            contexts,
            aggregates,
            through: None,
            before,
            id,
            bytes,
        });
        Ok(id.dot())
    }

    /// Later edits see the states after this one.
    fn overlay(&mut self, aggregates: &[AggregateId], states: Vec<Box<dyn State>>, is_exact: bool) {
        for (aggregate, state) in aggregates.iter().zip(states) {
            match self.overlay.entry(aggregate.clone()) {
                Entry::Occupied(mut overlaid) => {
                    let overlaid = overlaid.get_mut();
                    overlaid.state = state;
                    overlaid.edits += 1;
                    overlaid.is_exact &= is_exact;
                }
                Entry::Vacant(vacant) => {
                    vacant.insert(Overlaid { state, edits: 1, is_exact });
                }
            }
        }
    }

    /// True when there is a group to commit and none is under way.
    pub(super) fn has_next_group(&self) -> bool {
        !self.staged.is_empty() && self.committing.is_empty()
    }

    /// The next group to commit, if there is one and none is under way.
    pub(super) fn next_group(&mut self) -> Option<EditGroup> {
        if !self.has_next_group() {
            return None;
        }
        let mut bytes = 0;
        self.committing.reserve(self.staged.len().min(GROUP_EDITS_MAX));
        while let Some(edit) = self.staged.pop_front() {
            bytes += edit.bytes;
            self.committing.push(edit);
            if self.committing.len() >= GROUP_EDITS_MAX || bytes >= GROUP_BYTES_MAX {
                break;
            }
        }
        let made = |edit: &StagedEdit| (edit.before, edit.id, Arc::clone(&edit.commit));
        let edits = self.committing.iter().map(made).collect();
        Some(EditGroup {
            space: self.space.clone(),
            key: self.key.clone(),
            nonce: self.nonce,
            edits,
        })
    }

    /// The number of events that are being committed.
    pub(super) fn committing_events(&self) -> u64 {
        self.committing.iter().map(|edit| edit.commit.len() as u64).sum()
    }

    /// The group is durable, in these blocks of the log.
    pub(super) fn committed(&mut self, blocks: &[LogBlock]) {
        let through = blocks.last().map_or(Position::START, LogBlock::end);
        for (run, place) in blocks.iter().flat_map(|log| log.block.runs().iter().zip(&log.runs)) {
            let own = self.own.entry(place.branch).or_default();
            *own = run.last_seq().max(*own);
        }
        blocks.iter().for_each(|log| self.place(log));
        let edits = std::mem::take(&mut self.committing);
        self.bytes -= edits.iter().map(|edit| edit.bytes).sum::<usize>();
        edits.iter().filter_map(|edit| edit.once.clone()).for_each(|key| self.recent.settle(key));
        self.unfolded.extend(edits.into_iter().map(|edit| (edit.through.unwrap_or(through), edit)));
    }

    /// The states are about to reflect the log up to a position, in which everything before the last block is
    /// folded: durable edits up to there are overlaid no longer. Returns the states that folding the block
    /// would lead to, of aggregates that it ends the edits of.
    pub(super) fn leave(&mut self, through: Position) -> MadeStates {
        let mut made = MadeStates::with_capacity(self.unfolded.len().min(self.overlay.len()));
        while self.unfolded.front().is_some_and(|(end, _)| *end <= through) {
            let Some((_, edit)) = self.unfolded.pop_front() else { break };
            self.folded.extend(edit.tickets);
            for aggregate in edit.aggregates {
                let Entry::Occupied(mut overlaid) = self.overlay.entry(aggregate) else {
                    continue;
                };
                overlaid.get_mut().edits -= 1;
                if overlaid.get().edits == 0 {
                    let (aggregate, Overlaid { state, is_exact, .. }) = overlaid.remove_entry();
                    made.extend(is_exact.then_some((aggregate, state)));
                }
            }
        }
        made
    }

    /// The states reflect the log up to a position. Returns those who wait for durable edits up to there.
    pub(super) fn folded(&mut self, through: Position) -> Vec<Ticket> {
        self.leave(through);
        std::mem::take(&mut self.folded)
    }

    /// All states are folded from the log again, and then may be others.
    pub(super) fn start_over(&mut self) {
        self.overlay.values_mut().for_each(|overlaid| overlaid.is_exact = false);
    }

    /// The log cannot be read: those who wait for durable edits are answered all the same, each
    /// once.
    pub(super) fn durable_tickets(&mut self) -> Vec<Ticket> {
        let folded = std::mem::take(&mut self.folded);
        let unfolded = self.unfolded.iter_mut();
        let tickets = unfolded.flat_map(|(_, edit)| std::mem::take(&mut edit.tickets));
        folded.into_iter().chain(tickets).collect()
    }

    /// A commit failed: all that is not durable is dropped. Those who wait for it.
    pub(super) fn drop_all(&mut self) -> Vec<Ticket> {
        self.bytes = 0;
        self.overlay.clear();
        self.recent.drop_staged();
        let dropped = self.committing.drain(..).chain(self.staged.drain(..));
        dropped.flat_map(|edit| edit.tickets).collect()
    }

    /// Somebody else's events have changed durable states below what is staged. Those reflect the log
    /// up to a position, with the edits that are in it.
    pub(super) fn rebase<'a>(
        &mut self,
        folded: Position,
        changed: impl Iterator<Item = (&'a AggregateId, &'a dyn State)>,
    ) {
        let overlaid = changed.filter(|(aggregate, _)| self.overlays(aggregate));
        let mut below: BTreeMap<_, _> =
            overlaid.map(|(aggregate, durable)| (aggregate, (durable.duplicate(), true))).collect();
        if below.is_empty() {
            return;
        }
        let durable = self.unfolded.iter().map(|(_, edit)| edit);
        let edits = durable.chain(&self.committing).chain(&self.staged);
        for edit in edits.filter(|edit| edit.through.is_none_or(|through| through > folded)) {
            for aggregate in &edit.aggregates {
                let Some((state, is_exact)) = below.get_mut(aggregate) else { continue };
                // Its events are in the log before long; what they do to this state is found then.
                let mut tried = state.duplicate();
                let events = edit.commit.iter().zip(&edit.contexts);
                let mut of_it = events.filter(|(it, _)| it.aggregate == *aggregate);
                let folds = |(it, seen)| fold_one(tried.as_mut(), it, seen).map(drop);
                if of_it.try_for_each(folds).is_ok() {
                    *state = tried;
                } else {
                    *is_exact = false;
                }
            }
        }
        for (aggregate, (state, is_exact)) in below {
            if let Some(overlaid) = self.overlay.get_mut(aggregate) {
                overlaid.state = state;
                overlaid.is_exact &= is_exact;
            }
        }
    }

    /// The stamp of an edit is greater than that of everything seen of its aggregates, and otherwise
    /// the wall clock's: no clock, right or wrong, keeps anybody from editing.
    fn envelopes(
        &self,
        draft: EncodedEdit,
        latest: Hlc,
        contexts: &[VectorClock],
        branches: &Branches,
        wall: UnixMillis,
    ) -> Arc<[Envelope]> {
        let hlc = HybridClock::after(latest).tick(wall);
        let (replica, count) = (self.author(), draft.events.len());
        let events = draft.events.into_iter().zip(contexts).zip(self.head.seq + 1..);
        events
            .enumerate()
            .map(|(index, (((aggregate, event), context), seq))| Envelope {
                dot: Dot { replica, seq },
                context: branches.context(context),
                aggregate,
                event: event.event,
                hlc,
                last: index + 1 == count,
                metadata: draft.metadata.clone(),
                extensions: bytes::Bytes::new(),
                payload: event.payload,
                tombstone: false,
            })
            .collect()
    }
}

impl EncodedEdit {
    /// The aggregates that it is about, ascending.
    fn aggregates(&self) -> Vec<AggregateId> {
        let mut aggregates: Vec<_> = self.events.iter().map(|(aggregate, _)| aggregate).collect();
        aggregates.dedup();
        aggregates.sort_unstable();
        aggregates.dedup();
        aggregates.into_iter().cloned().collect()
    }

    /// Refuses what could never be stored.
    fn check(&self) -> Result<(), EditRefusal> {
        if self.events.len() > COMMIT_EVENTS_MAX {
            return Err(EditRefusal::TooManyEvents(COMMIT_EVENTS_MAX));
        }
        if self.events.iter().any(|(_, event)| event.payload.len() > PAYLOAD_BYTES_MAX) {
            return Err(EditRefusal::EventTooLarge(PAYLOAD_BYTES_MAX));
        }
        Ok(())
    }
}

/// Folds an event of the author's own into a state that is thrown away when that fails; false when it
/// changes nothing, because the aggregate is deleted.
fn fold_one(
    state: &mut dyn State,
    envelope: &Envelope,
    context: &VectorClock,
) -> Result<bool, EditRefusal> {
    let at = Stamp { dot: envelope.dot, hlc: envelope.hlc, context };
    fold(state, &at, RecordedEvent::of_envelope(envelope))
}

fn fold(
    state: &mut dyn State,
    at: &Stamp<'_>,
    event: RecordedEvent<'_>,
) -> Result<bool, EditRefusal> {
    match state.fold(at, event) {
        Outcome::Parked(reason) | Outcome::Panicked(reason) => Err(EditRefusal::Unreadable(reason)),
        Outcome::Outlived => Ok(false),
        Outcome::Folded => Ok(true),
    }
}

/// Folds an event that is being made, and refuses it when it is about a deleted aggregate.
pub(crate) fn fold_made(
    state: &mut dyn State,
    at: &Stamp<'_>,
    event: RecordedEvent<'_>,
) -> Result<(), EditRefusal> {
    let (was_deleted, life) = (state.fields().is_deleted(), state.fields().life_number());
    let counts = fold(state, at, event)?;
    if !counts || (was_deleted && state.fields().life_number() == life) {
        return Err(EditRefusal::Deleted);
    }
    Ok(())
}
