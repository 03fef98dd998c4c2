//! The core of a replica: a state machine that turns edits into commits and a log into states.
//!
//! A [`ReplicaCore`] decides and does nothing else: no async, no clock, no randomness, no I/O.
//! Whoever drives it tells what happened ([`ReplicaCore::handle`]) and carries out what it asks for
//! ([`ReplicaCore::poll`]).
//!
//! - *Persist, then acknowledge*: an edit is answered once its commit is durable and folded.
//! - *No lost update*: an edit is made against the newest state, which includes edits that are not
//!   durable yet, and takes its final numbers at once. Readers see durable state only.
//! - *Group commit*: edits made while a commit is under way become durable together with the next.
//! - *Doubt*: after a failed commit nobody knows what the log holds. All edits made on top of it are
//!   dropped, and none is made before the log has been asked and folded.
//! - States lag behind the log and never lead it, in memory and in the store.

mod cache;
mod edits;
mod exchange;
mod group;
mod once;
mod states;
mod turns;
mod view;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

#[cfg_attr(
    not(feature = "runtime"),
    allow(unused_imports, reason = "the runtime stores them")
)]
pub(crate) use cache::Census;
#[cfg_attr(
    not(feature = "runtime"),
    allow(unused_imports, reason = "the runtime folds what transactions make")
)]
pub(crate) use edits::fold_made;
pub(crate) use edits::{EditRefusal, EncodedEdit};
pub(crate) use exchange::{Effect, Input, LogHead, Reading, Settlement, Ticket, Turn};
use exchange::{UnderWay, Waiting};
#[cfg_attr(
    not(feature = "runtime"),
    allow(unused_imports, reason = "the runtime commits them")
)]
pub(crate) use group::EditGroup;
pub(crate) use once::OnceProgress;
#[cfg_attr(
    not(feature = "runtime"),
    allow(unused_imports, reason = "the runtime stores them")
)]
pub(crate) use states::Unsaved;

use crate::branch::Branches;
use crate::filter::Filter;
use crate::id::{AggregateId, Position, SpaceId};
use crate::key::ReplicaKey;
use crate::log::{LogBlock, Page};
use crate::registry::Registry;
use crate::ruling::Rulings;
use edits::{Edits, MadeStates};
use states::States;

/// Most events of one edit.
pub const COMMIT_EVENTS_MAX: usize = 1_024;
/// Changed states are stored when nothing has been folded for this long.
const CHECKPOINT_IDLE_AFTER: Duration = Duration::from_secs(1);
/// A store that could not be read is asked again after this long, or when somebody waits for it.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Most states of one [`Effect::Load`].
const LOAD_STATES_MAX: usize = 4_096;

/// The state of a replica, and what it does next.
#[derive(Debug)]
pub(crate) struct ReplicaCore {
    edits: Edits,
    states: States,
    /// The branches of the log, at least as far as it is folded. None before they have been read.
    branches: Option<Branches>,
    /// The number of identities past forks known when the states were folded.
    forks: u32,
    /// The number of times that the store had been told of forks which the log does not show, when the
    /// branches were read. None before they have been read.
    told: Option<u64>,
    /// The rulings in the log, as far as it is folded.
    rulings: Rulings,
    /// Rulings in the log up to here are known, and those up to where it is folded.
    ruled: Position,
    doubt: Doubt,
    /// Blocks to fold next, and whether they are the author's, just committed.
    incoming: VecDeque<(LogBlock, bool)>,
    /// The number of events that the log is known to hold.
    log_head: Position,
    under_way: UnderWay,
    waiting: Waiting,
    /// The position up to which states had been shown before they were last started over.
    shown: Position,
    /// A checkpoint is due.
    save_due: bool,
    idle_since: Duration,
    retry_at: Option<Duration>,
    phase: Phase,
    effects: VecDeque<Effect>,
}

/// Everything that an author's states are opened with.
#[derive(Debug)]
pub(crate) struct CoreParts {
    /// The types that are known.
    pub(crate) registry: Registry,
    /// The aggregates that are folded; all when there is none.
    pub(crate) filter: Option<Filter>,
    /// The part of the log that the stored states reflect, if they can be used.
    pub(crate) stored: Option<Stored>,
}

/// The part of a log that stored states reflect.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// All events of the log up to here are folded in.
    pub(crate) position: Position,
    /// The number of identities past forks known.
    pub(crate) forks: u32,
    /// Rulings in the log up to here were known.
    pub(crate) ruled: Position,
    /// Those rulings.
    pub(crate) rulings: Rulings,
    /// Counts of what those states hold.
    pub(crate) census: Census,
}

/// Knowledge of what the log holds of the author's events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Doubt {
    /// The log is to be asked.
    Open,
    /// It has been asked; states must reflect it up to here before anything is built on them.
    Until(Position),
    None,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Open,
    /// No edit is taken any more; what is staged is committed, and what is folded is stored.
    Closing,
    Closed,
}

impl ReplicaCore {
    /// Opens an author's states over a log. `nonce` is drawn at random for each opening.
    pub(crate) fn new(space: SpaceId, key: ReplicaKey, nonce: u64, parts: CoreParts) -> Self {
        let CoreParts { registry, filter, stored } = parts;
        let ruled = stored.as_ref().map_or(Position::START, |stored| stored.ruled);
        let (forks, rulings) = stored
            .as_ref()
            .map_or((0, Rulings::new()), |stored| (stored.forks, stored.rulings.clone()));
        let reflected = stored.as_ref().map(|stored| (stored.position, stored.census));
        let stored = stored.map(|stored| stored.position);
        let mut core = Self {
            edits: Edits::new(space, key, nonce),
            states: States::new(registry, filter, reflected),
            branches: None,
            forks,
            told: None,
            rulings,
            ruled,
            doubt: Doubt::Open,
            incoming: VecDeque::new(),
            log_head: stored.unwrap_or(Position::START),
            under_way: UnderWay::default(),
            waiting: Waiting::default(),
            shown: Position::START,
            save_due: false,
            idle_since: Duration::ZERO,
            retry_at: None,
            phase: Phase::Open,
            effects: VecDeque::new(),
        };
        core.proceed(Duration::ZERO);
        core
    }

    /// Advances by one input, `now` after the core was made. Call [`ReplicaCore::poll`] until it
    /// returns `None` before waiting.
    pub(crate) fn handle(&mut self, now: Duration, input: Input) {
        if self.phase == Phase::Closed {
            return;
        }
        match input {
            Input::CatchUp(ticket, position) => {
                self.waiting.catch_ups.push((ticket, position));
                self.log_head = self.log_head.max(position);
                self.retry_at = None;
            }
            Input::Checkpoint(ticket) => {
                self.waiting.saves.push(ticket);
                self.save_due = true;
            }
            Input::Close(ticket) => {
                self.waiting.close.extend(ticket);
                self.phase = Phase::Closing;
                self.save_due = true;
            }
            Input::Committed(blocks) => self.committed(blocks),
            Input::CommitFailed => self.commit_failed(),
            Input::DeadlinePassed => self.deadline_passed(now),
            Input::Loaded(loaded) => self.loaded(loaded),
            Input::LogMoved { head, told } => {
                self.under_way.watch = false;
                self.log_head = self.log_head.max(head);
                if self.told != Some(told) {
                    self.doubt = Doubt::Open;
                }
            }
            Input::Page(page) => self.page(page),
            Input::ReadFailed(reading) => self.read_failed(now, reading),
            Input::LogHead(heads) => self.heads(*heads),
            Input::Saved(sizes) => self.saved(&sizes),
            Input::SaveFailed => self.save_failed(now),
        }
        self.proceed(now);
    }

    /// The next thing to do. A group commit takes everything staged by the time it is polled.
    pub(crate) fn poll(&mut self) -> Option<Effect> {
        if let Some(effect) = self.effects.pop_front() {
            return Some(effect);
        }
        if !self.commits() {
            return None;
        }
        let group = self.edits.next_group()?;
        self.under_way.commit = true;
        Some(Effect::Commit(group))
    }

    /// True when [`ReplicaCore::poll`] would give something to do.
    pub(crate) fn has_work(&self) -> bool {
        !self.effects.is_empty() || (self.commits() && self.edits.has_next_group())
    }

    /// True when a commit can begin.
    fn commits(&self) -> bool {
        !self.under_way.commit && self.phase != Phase::Closed
    }

    /// When [`Input::DeadlinePassed`] is due, in time since the core was made.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let saves = self.phase == Phase::Open && self.states.is_dirty() && !self.under_way.save;
        let idle = saves.then(|| self.idle_since + CHECKPOINT_IDLE_AFTER);
        [idle, self.retry_at].into_iter().flatten().min()
    }

    /// True when nothing more is taken.
    pub(crate) fn is_closed(&self) -> bool {
        self.phase != Phase::Open
    }

    fn committed(&mut self, blocks: Vec<LogBlock>) {
        self.under_way.commit = false;
        let appended = blocks.iter().map(|log| log.block.len() as u64).sum::<u64>();
        let (Some(first), Some(last)) = (blocks.first(), blocks.last()) else {
            return self.drop_edits();
        };
        if appended != self.edits.committing_events() {
            // Some of it was held already: nothing is acknowledged before the log has been asked.
            return self.drop_edits();
        }
        let end = last.end();
        let reached = self.incoming.back().map_or(self.states.folded(), |(log, _)| log.end());
        let joins = reached == first.start;
        self.edits.committed(&blocks);
        self.log_head = self.log_head.max(end);
        if joins {
            self.incoming.extend(blocks.into_iter().map(|log| (log, true)));
        }
    }

    fn commit_failed(&mut self) {
        self.under_way.commit = false;
        self.drop_edits();
    }

    fn drop_edits(&mut self) {
        let dropped = self.edits.drop_all();
        self.settle(dropped, Settlement::CommitFailed);
        self.doubt = Doubt::Open;
    }

    fn heads(&mut self, heads: LogHead) {
        let LogHead { key, mut branches, told, log, rulings } = heads;
        self.under_way.heads = false;
        if let Some(known) = &self.branches {
            // More of the log may have been folded since they were read.
            branches.include(known);
        }
        self.edits.begin_at(key, &branches);
        let forks = count(branches.past_forks());
        self.branches = Some(branches);
        let retold = self.told.replace(told).is_some_and(|before| before != told);
        if forks != self.forks || retold {
            self.start_over();
            self.forks = forks;
        }
        if self.states.folded() == Position::START {
            // What is ruled later in the log is known from the beginning, so nothing is folded twice.
            self.rulings.include(rulings);
            self.ruled = self.ruled.max(log);
        }
        self.log_head = self.log_head.max(log);
        self.doubt = Doubt::Until(log);
    }

    /// All states are folded from the log again.
    fn start_over(&mut self) {
        self.shown = self.shown.max(self.states.folded());
        self.states.start_over();
        self.edits.start_over();
        self.incoming.clear();
        if self.doubt == Doubt::None {
            self.doubt = Doubt::Until(self.log_head);
        }
    }

    fn loaded(&mut self, loaded: Vec<(AggregateId, Option<bytes::Bytes>)>) {
        self.under_way.load = false;
        if !self.states.reads_store() {
            // Asked for before the states were started over.
            return;
        }
        for (aggregate, stored) in loaded {
            if self.states.insert(aggregate, stored.as_deref()).is_err() {
                return self.start_over();
            }
        }
    }

    fn page(&mut self, page: Page) {
        self.under_way.log = false;
        self.log_head = self.log_head.max(page.head);
        // Own commits may have been put there meanwhile; what is doubled is passed over.
        self.incoming.extend(page.blocks.into_iter().map(|log| (log, false)));
    }

    fn read_failed(&mut self, now: Duration, reading: Reading) {
        match reading {
            Reading::LogHead => self.under_way.heads = false,
            Reading::Log => self.under_way.log = false,
            Reading::States => self.under_way.load = false,
            Reading::Watch => self.under_way.watch = false,
        }
        self.retry_at = Some(now + RETRY_AFTER);
        let edits = std::mem::take(&mut self.waiting.edits).into_iter().map(|(ticket, _)| ticket);
        let catch_ups = std::mem::take(&mut self.waiting.catch_ups);
        let failed = edits.chain(catch_ups.into_iter().map(|(ticket, _)| ticket)).collect();
        self.settle(failed, Settlement::ReadFailed);
        // Durable all the same: the states catch up when the log can be read again.
        let durable = self.edits.durable_tickets();
        self.settle(durable, Settlement::Done);
    }

    fn saved(&mut self, sizes: &[(AggregateId, usize)]) {
        self.under_way.save = false;
        self.states.saved(sizes);
        let saved = std::mem::take(&mut self.waiting.saving);
        self.settle(saved, Settlement::Done);
    }

    fn save_failed(&mut self, now: Duration) {
        self.under_way.save = false;
        self.idle_since = now;
        let failed = std::mem::take(&mut self.waiting.saving);
        self.settle(failed, Settlement::SaveFailed);
        if self.phase == Phase::Closing {
            self.end(Settlement::SaveFailed);
        }
    }

    fn deadline_passed(&mut self, now: Duration) {
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
        }
        if self.states.is_dirty() && now >= self.idle_since + CHECKPOINT_IDLE_AFTER {
            self.save_due = true;
        }
    }

    /// Does what can be done now, and asks for what is needed for more.
    fn proceed(&mut self, now: Duration) {
        if self.phase == Phase::Closed {
            return;
        }
        self.fold_incoming(now);
        self.settle_folded();
        self.leave_doubt();
        self.ask_heads();
        self.ask_states();
        self.ask_log();
        self.admit_waiting();
        self.save();
        self.evict();
        self.close();
    }

    /// Drops stored states when there are too many in memory, but none that is about to be used.
    fn evict(&mut self) {
        if !self.states.is_over_cache() {
            return;
        }
        let of_block = self.incoming.front().map(|(log, _)| log.block.aggregates());
        let of_edits = self.waiting.edits.iter().flat_map(|(_, aggregates)| aggregates);
        let wanted: BTreeSet<_> = of_block.unwrap_or_default().iter().chain(of_edits).collect();
        let edits = &self.edits;
        self.states.evict(|aggregate| edits.overlays(aggregate) || wanted.contains(aggregate));
    }

    fn fold_incoming(&mut self, now: Duration) {
        while let Some((log, own)) = self.incoming.pop_front() {
            if log.start > self.states.folded() {
                // What lies between was folded away with an unreadable state: it is read again.
                self.incoming.clear();
                return;
            }
            let absent = self.states.absent(&log.block);
            let waits = !absent.is_empty() && self.states.reads_store();
            let Some(branches) = self.branches.as_mut().filter(|_| !waits) else {
                self.incoming.push_front((log, own));
                return;
            };
            if log.extend(branches).is_err() || count(branches.past_forks()) != self.forks {
                // A further fork changes identities in merging: the log is replayed, once all
                // forks have been read.
                self.doubt = Doubt::Open;
                return self.start_over();
            }
            if log.rule(&mut self.rulings, branches) {
                // It was folded as if it had not been ruled on: the log is replayed, once all
                // rulings have been read.
                self.edits.learn(self.rulings.controls(&log.block));
                self.branches = None;
                self.doubt = Doubt::Open;
                return self.start_over();
            }
            let author = self.edits.author();
            let ends = self.edits.are_not_in(&log) || self.rulings.closes(&author);
            if !own && self.doubt != Doubt::Open && ends {
                // Another store writes under this key, or a hub has closed it: this store has taken
                // a new one.
                self.doubt = Doubt::Open;
            }
            // Staged edits stand on top of those being committed already.
            let commits = self.edits.commits(&log);
            if commits {
                self.edits.place(&log);
            }
            let is_next = own && log.start == self.states.folded();
            let made = if is_next { self.edits.leave(log.end()) } else { MadeStates::new() };
            let own = own || commits;
            self.states.begin(absent);
            let changed = self.states.fold(&log, branches, &self.rulings, made);
            let choices = self.states.take_choices();
            if !own {
                self.rebase(&changed);
            }
            if !changed.is_empty() {
                self.idle_since = now;
                self.effects.push_back(Effect::Changed(changed));
            }
            if !choices.is_empty() {
                self.effects.push_back(Effect::Chosen(choices));
            }
        }
    }

    /// Puts what is staged on top of what somebody else has changed below it.
    fn rebase(&mut self, changed: &[AggregateId]) {
        let states = &self.states;
        let changed = changed.iter().filter_map(|id| Some((id, states.get(id)?)));
        self.edits.rebase(states.folded(), changed);
    }

    fn settle_folded(&mut self) {
        let folded = self.states.folded();
        let mut done = self.edits.folded(folded);
        let (caught_up, behind) = std::mem::take(&mut self.waiting.catch_ups)
            .into_iter()
            .partition::<Vec<_>, _>(|(_, position)| *position <= folded);
        self.waiting.catch_ups = behind;
        done.extend(caught_up.into_iter().map(|(ticket, _)| ticket));
        self.settle(done, Settlement::Done);
    }

    fn leave_doubt(&mut self) {
        if matches!(self.doubt, Doubt::Until(log) if self.states.folded() >= log) {
            self.doubt = Doubt::None;
        }
    }

    fn ask_heads(&mut self) {
        let asks = self.doubt == Doubt::Open
            && self.is_at_rest()
            && !self.under_way.heads
            && self.retry_at.is_none();
        if asks {
            self.under_way.heads = true;
            self.effects.push_back(Effect::ReadHeads);
        }
    }

    /// Asks for the states that the next block and waiting edits need.
    fn ask_states(&mut self) {
        if self.under_way.load || self.retry_at.is_some() {
            return;
        }
        let of_block = self.incoming.front().map(|(log, _)| self.states.absent(&log.block));
        let mut absent: BTreeSet<_> = of_block.into_iter().flatten().collect();
        let edits = self.waiting.edits.iter().flat_map(|(_, aggregates)| aggregates);
        absent.extend(edits.filter(|id| !self.states.contains(id)).cloned());
        if !self.states.reads_store() {
            return self.states.begin(absent);
        }
        let absent: Vec<_> = absent.into_iter().take(LOAD_STATES_MAX).collect();
        if absent.is_empty() {
            return;
        }
        self.under_way.load = true;
        self.effects.push_back(Effect::Load(absent));
    }

    fn ask_log(&mut self) {
        if self.retry_at.is_some() {
            return;
        }
        // Replayed before the heads have been read, which waits for a commit under way, the log would
        // show the same fork again and again.
        let waits = self.doubt == Doubt::Open && !self.is_at_rest();
        let lacks = self.incoming.is_empty() && !waits && self.states.folded() < self.log_head;
        if lacks && !self.under_way.log && !self.states.is_overfull() {
            self.under_way.log = true;
            self.effects.push_back(Effect::ReadLog(self.states.folded()));
        }
        if let (Some(told), Phase::Open, false) = (self.told, self.phase, self.under_way.watch) {
            self.under_way.watch = true;
            self.effects.push_back(Effect::Watch { past: self.log_head, told });
        }
    }

    fn save(&mut self) {
        if self.under_way.save || !(self.save_due || self.states.is_full()) {
            return;
        }
        if self.phase == Phase::Closing && !self.is_at_rest() {
            return;
        }
        self.save_due = false;
        self.waiting.saving.append(&mut self.waiting.saves);
        if !self.states.is_dirty() {
            let saved = std::mem::take(&mut self.waiting.saving);
            return self.settle(saved, Settlement::Done);
        }
        self.under_way.save = true;
        self.effects.push_back(Effect::Save(self.states.save(self.forks, self.ruled)));
    }

    /// Ends once everything staged is durable and everything folded is stored.
    fn close(&mut self) {
        let rests = self.is_at_rest() && !self.under_way.save && !self.save_due;
        if self.phase == Phase::Closing && rests {
            self.end(Settlement::Done);
        }
    }

    /// True when no edit is on its way any more.
    fn is_at_rest(&self) -> bool {
        self.edits.are_durable() && !self.under_way.commit
    }

    fn end(&mut self, settlement: Settlement) {
        self.phase = Phase::Closed;
        let durable = self.edits.durable_tickets();
        self.settle(durable, Settlement::Done);
        let waiting = std::mem::take(&mut self.waiting.close);
        self.effects.push_back(Effect::End(waiting, settlement));
    }

    fn settle(&mut self, tickets: Vec<Ticket>, settlement: Settlement) {
        if !tickets.is_empty() {
            self.effects.push_back(Effect::Settled(tickets, settlement));
        }
    }
}

fn count(forks: usize) -> u32 {
    u32::try_from(forks).unwrap_or(u32::MAX)
}
