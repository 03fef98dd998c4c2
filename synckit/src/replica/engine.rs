//! The engine of a replica: carries out what its core asks for, and tells it what happened. Decides
//! nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use super::events::{Announcer, ReplicaEvent, Vitals};
use super::transaction::TRANSACTION_AGGREGATES_MAX;
use super::watchers::Watchers;
use crate::budget::Budget;
use crate::envelope::Metadata;
use crate::error::{EditLimit, Error, ErrorKind, Invalid};
use crate::event::EncodedEvent;
use crate::id::{AggregateId, Dot, Position, SpaceId};
use crate::lease::Lease;
use crate::log::Source;
use crate::metrics::SessionsMeter;
use crate::platform::{self, Stopwatch, Tasks, WallClock};
use crate::replica_core::{
    Census, EditGroup, EditRefusal, Effect, EncodedEdit, Input, LogHead, OnceProgress, Reading,
    ReplicaCore, Settlement, Ticket, Turn, Unsaved,
};
use crate::store::{
    Append, Batch, Checkpoint, CheckpointMark, EventStore, StoreError, StoreErrorKind,
};
use crate::sync::limits::UNCOMMITTED_BYTES_MAX;
use crate::traces::Traces;

/// Times that an edit lets other tasks run while somebody has the core, before it waits with its thread.
const WAYS_GIVEN_MAX: usize = 64;

/// State that the handles of a replica share with its engine.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) store: Arc<EventStore>,
    pub(super) space: SpaceId,
    pub(super) clock: WallClock,
    /// Traces of the program, in which edits are made.
    pub(super) traces: Traces,
    /// Memory for what its sessions receive.
    pub(super) budget: Budget,
    /// Counts what its sessions do.
    pub(super) meter: Arc<SessionsMeter>,
    pub(super) watchers: Watchers,
    pub(super) announcer: Announcer,
    core: RwLock<ReplicaCore>,
    begun: Stopwatch,
    /// When an edit was last asked for, in milliseconds since then, and 1; 0 when none was.
    edited: AtomicU64,
    /// Those who wait for the core.
    waiting: Mutex<BTreeMap<Ticket, oneshot::Sender<Answer>>>,
    tickets: AtomicU64,
    /// The core may have something to do.
    work: Notify,
}

/// The result of making an edit.
pub(super) enum EditMade<T> {
    /// Its events, and the value of whoever made them.
    Events(Vec<(AggregateId, EncodedEvent)>, T),
    /// An aggregate that has to be in memory.
    Lacks(AggregateId),
}

impl<T> EditMade<T> {
    /// The same with another value.
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> EditMade<U> {
        match self {
            Self::Events(events, value) => EditMade::Events(events, change(value)),
            Self::Lacks(aggregate) => EditMade::Lacks(aggregate),
        }
    }
}

/// The outcome of what somebody waits for.
type Answer = Result<(), Arc<Trouble>>;

/// A store's failure, for all who wait.
#[derive(Debug)]
struct Trouble {
    kind: StoreErrorKind,
    said: String,
}

impl Shared {
    pub(super) fn new(
        store: Arc<EventStore>,
        space: SpaceId,
        (clock, traces): (WallClock, Traces),
        core: ReplicaCore,
    ) -> Self {
        Self {
            store,
            space,
            clock,
            traces,
            budget: Budget::new(UNCOMMITTED_BYTES_MAX),
            meter: Arc::default(),
            watchers: Watchers::default(),
            announcer: Announcer::default(),
            core: RwLock::new(core),
            begun: Stopwatch::start(),
            edited: AtomicU64::new(0),
            waiting: Mutex::default(),
            tickets: AtomicU64::default(),
            work: Notify::new(),
        }
    }

    /// The time since the last edit was asked for; `None` when there was none.
    pub(super) fn since_edit(&self) -> Option<Duration> {
        let asked = self.edited.load(Ordering::Relaxed).checked_sub(1)?;
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        Some(Duration::from_millis(now.saturating_sub(asked)))
    }

    /// Somebody edits.
    fn note_edit(&self) {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.edited.store(now.saturating_add(1), Ordering::Relaxed);
    }

    pub(super) fn core(&self) -> RwLockReadGuard<'_, ReplicaCore> {
        // Code of the application's that may panic runs before the core is changed.
        self.core.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn core_mut(&self) -> RwLockWriteGuard<'_, ReplicaCore> {
        self.core.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets other tasks run while somebody has the core. Of threads that take turns at it, each would sleep and be
    /// woken for each edit. Nobody is handed the core here: a future that is not polled any more would keep it.
    async fn give_way(&self) {
        for _ in 0..WAYS_GIVEN_MAX {
            if !matches!(self.core.try_write(), Err(TryLockError::WouldBlock)) {
                return;
            }
            platform::yield_now().await;
        }
    }

    fn tell(&self, input: Input) {
        self.core_mut().handle(self.begun.elapsed(), input);
    }

    /// Makes an edit of what `make` records, and waits until it is durable and folded. `make` runs
    /// while nobody else edits, with these aggregates in memory; again when it lacks others.
    pub(super) async fn edit<T>(
        &self,
        mut aggregates: Vec<AggregateId>,
        metadata: &Metadata,
        mut make: impl FnMut(&ReplicaCore) -> Result<EditMade<T>, Error>,
    ) -> Result<(Option<Dot>, T), Error> {
        self.note_edit();
        let metadata = metadata.traced(self.traces.current());
        let about = aggregates.first().cloned();
        let attempted =
            || about.as_ref().map_or_else(|| "run a transaction".into(), |of| format!("edit {of}"));
        let closed = || Error::new(attempted(), ErrorKind::Closed);
        let (staged, answer, has_work, value) = loop {
            self.give_way().await;
            let (turn, has_work) = {
                let mut core = self.core_mut();
                let ticket = self.ticket();
                match core.admit(self.begun.elapsed(), ticket, &aggregates) {
                    Turn::Closed => return Err(closed()),
                    Turn::Waits => (self.expect(ticket), core.has_work()),
                    Turn::Ready => match make(&core)? {
                        EditMade::Lacks(_) if aggregates.len() == TRANSACTION_AGGREGATES_MAX => {
                            let limit = EditLimit::Aggregates(TRANSACTION_AGGREGATES_MAX);
                            return Err(Error::new(attempted(), ErrorKind::EditTooLarge(limit)));
                        }
                        EditMade::Lacks(aggregate) => {
                            aggregates.push(aggregate);
                            continue;
                        }
                        EditMade::Events(events, value) if events.is_empty() => {
                            return Ok((None, value));
                        }
                        EditMade::Events(events, value) => {
                            let draft = EncodedEdit { events, metadata: metadata.clone() };
                            let staged = core.stage(ticket, draft, self.clock.now());
                            let staged = staged.map_err(|refusal| refused(attempted(), refusal))?;
                            break (staged, self.expect(ticket), core.has_work(), value);
                        }
                    },
                }
            };
            self.wake(has_work);
            self.wait(attempted, turn).await?;
        };
        self.wake(has_work);
        self.wait(attempted, answer).await?;
        Ok((Some(staged), value))
    }

    /// True when an edit under an idempotency key is durable. Waits for one that is on its way.
    pub(super) async fn was_made(&self, once: &str) -> Result<bool, Error> {
        let attempted = || "look up an edit by its key".to_owned();
        let pending = {
            let mut core = self.core_mut();
            if core.is_closed() {
                return Err(Error::new(attempted(), ErrorKind::Closed));
            }
            let ticket = self.ticket();
            if core.join(ticket, once) {
                Some(self.expect(ticket))
            } else if core.made(once) == Some(OnceProgress::Durable) {
                return Ok(true);
            } else {
                None
            }
        };
        match pending {
            Some(pending) => self.wait(attempted, pending).await.map(|()| true),
            None => Ok(self.store.holds_once(&self.space, once).await?),
        }
    }

    /// Waits until the core has done what it is asked for.
    pub(super) async fn ask(
        &self,
        attempted: &str,
        input: impl FnOnce(Ticket) -> Input,
    ) -> Result<(), Error> {
        let answer = {
            let mut core = self.core_mut();
            if core.is_closed() {
                return Err(Error::new(attempted, ErrorKind::Closed));
            }
            let ticket = self.ticket();
            core.handle(self.begun.elapsed(), input(ticket));
            self.expect(ticket)
        };
        self.work.notify_one();
        self.wait(|| attempted.to_owned(), answer).await
    }

    /// Nobody is left who could use the replica.
    pub(super) fn abandon(&self) {
        self.tell(Input::Close(None));
        self.work.notify_one();
    }

    /// Wakes the engine if there is something to do for it. While a commit is under way, further edits need
    /// not.
    fn wake(&self, has_work: bool) {
        if has_work {
            self.work.notify_one();
        }
    }

    async fn wait(
        &self,
        attempted: impl Fn() -> String,
        answer: oneshot::Receiver<Answer>,
    ) -> Result<(), Error> {
        let answer = answer.await.map_err(|_| Error::new(attempted(), ErrorKind::Closed))?;
        answer.map_err(|trouble| {
            let Trouble { kind, said } = &*trouble;
            StoreError::new(attempted(), kind.clone()).caused_by(said.clone()).into()
        })
    }

    fn ticket(&self) -> Ticket {
        Ticket(self.tickets.fetch_add(1, Ordering::Relaxed))
    }

    /// The answer to a ticket, which the core holds. To be called before the core is let go.
    fn expect(&self, ticket: Ticket) -> oneshot::Receiver<Answer> {
        let (sender, answer) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.insert(ticket, sender);
        answer
    }

    fn answer(&self, tickets: Vec<Ticket>, result: &Answer) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for waiting in tickets.iter().filter_map(|ticket| waiting.remove(ticket)) {
            // Whoever has given up waiting needs no answer.
            let _ = waiting.send(result.clone());
        }
    }

    /// Those who are still waiting are told that it is over.
    fn end(&self) {
        self.watchers.close();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

pub(super) fn refused(attempted: String, refusal: EditRefusal) -> Error {
    let kind = match refusal {
        EditRefusal::Deleted => ErrorKind::Deleted,
        EditRefusal::EventTooLarge(most) => ErrorKind::EditTooLarge(EditLimit::PayloadBytes(most)),
        EditRefusal::NotAdmitted => ErrorKind::Busy,
        EditRefusal::TooLarge(most) => ErrorKind::EditTooLarge(EditLimit::CommitBytes(most)),
        EditRefusal::TooManyEvents(most) => ErrorKind::EditTooLarge(EditLimit::Events(most)),
        EditRefusal::Unreadable(reason) => ErrorKind::Invalid(Invalid::Unreadable(reason)),
    };
    Error::new(attempted, kind)
}

/// The one task that carries out effects.
#[derive(Debug)]
pub(super) struct Engine {
    shared: Arc<Shared>,
    fingerprint: [u8; 32],
    tasks: Tasks<Done>,
    commit_trouble: Answer,
    read_trouble: Answer,
    save_trouble: Answer,
    /// As they were told last.
    vitals: Option<Vitals>,
}

/// The outcome of an effect.
type Done = Result<Input, (Input, StoreError)>;

impl Engine {
    pub(super) fn new(shared: Arc<Shared>, fingerprint: [u8; 32]) -> Self {
        Self {
            shared,
            fingerprint,
            tasks: Tasks::new(),
            commit_trouble: Ok(()),
            read_trouble: Ok(()),
            save_trouble: Ok(()),
            vitals: None,
        }
    }

    /// Serves the core until it has ended.
    pub(super) async fn run(mut self, lease: Lease) {
        let shared = Arc::clone(&self.shared);
        loop {
            let next = shared.core_mut().poll();
            if let Some(effect) = next {
                let Some((closing, settlement)) = self.carry_out(effect) else { continue };
                let stored = self.outcome(settlement);
                let released = lease.release().await.map_err(|error| trouble(&error));
                shared.answer(closing, &stored.and(released));
                return shared.end();
            }
            let deadline = self.announce();
            tokio::select! {
                biased;
                Some(done) = self.tasks.join_next() => match done {
                    Ok(Ok(input)) => shared.tell(input),
                    Ok(Err((input, error))) => self.failed(input, &error),
                    Err(error) => {
                        tracing::error!(%error, "a store panicked; the replica ends");
                        return shared.end();
                    }
                },
                () = shared.begun.reaches(deadline) => shared.tell(Input::DeadlinePassed),
                () = shared.work.notified() => {}
            }
        }
    }

    /// Tells what has happened since the last time. Gives the core's deadline.
    fn announce(&mut self) -> Option<Duration> {
        let core = self.shared.core();
        let (now, deadline) = (Vitals::of(&core), core.deadline());
        drop(core);
        if let Some(before) = self.vitals.replace(now) {
            now.since(&before).into_iter().for_each(|event| self.shared.announcer.tell(event));
        }
        deadline
    }

    /// Carries out an effect; who waits for the end when it was the last one.
    fn carry_out(&mut self, effect: Effect) -> Option<(Vec<Ticket>, Settlement)> {
        match effect {
            Effect::Changed(changed) => {
                let disputes = self.shared.core().tally().disputes;
                self.shared.watchers.notify(&changed, disputes);
            }
            Effect::Chosen(choices) => {
                let events = choices.into_iter().map(|it| ReplicaEvent::Chosen(Box::new(it)));
                events.for_each(|event| self.shared.announcer.tell(event));
            }
            Effect::Commit(group) => self.commit(group),
            Effect::End(tickets, settlement) => return Some((tickets, settlement)),
            Effect::Load(aggregates) => self.load(aggregates),
            Effect::ReadHeads => self.read_heads(),
            Effect::ReadLog(after) => self.read_log(after),
            Effect::Save(unsaved) => self.save(unsaved),
            Effect::Settled(tickets, settlement) => {
                self.shared.answer(tickets, &self.outcome(settlement));
            }
            Effect::Watch { past, told } => self.watch(past, told),
        }
        None
    }

    fn outcome(&self, settlement: Settlement) -> Answer {
        match settlement {
            Settlement::Done => Ok(()),
            Settlement::CommitFailed => self.commit_trouble.clone(),
            Settlement::ReadFailed => self.read_trouble.clone(),
            Settlement::SaveFailed => self.save_trouble.clone(),
        }
    }

    fn failed(&mut self, input: Input, error: &StoreError) {
        tracing::warn!(%error, "the store of a replica failed");
        let told = Err(trouble(error));
        match input {
            Input::CommitFailed => self.commit_trouble = told,
            Input::SaveFailed => self.save_trouble = told,
            _ => self.read_trouble = told,
        }
        self.shared.tell(input);
        if *error.kind() == StoreErrorKind::Closed {
            self.shared.tell(Input::Close(None));
        }
    }

    fn commit(&mut self, group: EditGroup) {
        let (store, space) = (Arc::clone(&self.shared.store), self.shared.space.clone());
        self.tasks.spawn(async move {
            let append = |block| Append { block, source: Source::Local };
            let append = group.pack().into_iter().map(append).collect();
            let committed = store.commit_here(Batch { append, ..Batch::new(space) }).await;
            let committed = committed.map_err(|error| (Input::CommitFailed, error))?;
            Ok(Input::Committed(committed.blocks))
        });
    }

    /// Encodes and stores states while everything else goes on.
    fn save(&mut self, unsaved: Unsaved) {
        // States that were folded past a panic are not to be trusted by the next opening.
        let fingerprint = if unsaved.is_sound { self.fingerprint } else { UNSOUND };
        let (position, forks, ruled) = (unsaved.position, unsaved.forks, unsaved.ruled);
        let Census { conflicts, deleted, parked } = unsaved.census;
        let mark =
            CheckpointMark { position, fingerprint, forks, ruled, conflicts, deleted, parked };
        let (store, space) = (Arc::clone(&self.shared.store), self.shared.space.clone());
        let failed = |error| (Input::SaveFailed, error);
        self.tasks.spawn(async move {
            let encoded = platform::spawn_blocking(move || encode(unsaved, mark)).await;
            let closed = |_| StoreError::new("encode states", StoreErrorKind::Closed);
            let checkpoint = encoded.map_err(closed).and_then(|encoded| encoded).map_err(failed)?;
            let sizes = checkpoint.states.iter().map(|(id, bytes)| (id.clone(), bytes.len()));
            let sizes = sizes.collect();
            let batch = Batch { checkpoint: Some(checkpoint), ..Batch::new(space) };
            store.commit_here(batch).await.map(|_| Input::Saved(sizes)).map_err(failed)
        });
    }

    fn load(&mut self, aggregates: Vec<AggregateId>) {
        let (store, space) = (Arc::clone(&self.shared.store), self.shared.space.clone());
        self.read(Reading::States, async move {
            let stored = store.states_of(&space, &aggregates).await?;
            Ok(Input::Loaded(aggregates.into_iter().zip(stored).collect()))
        });
    }

    fn read_heads(&mut self) {
        let (store, space) = (Arc::clone(&self.shared.store), self.shared.space.clone());
        self.read(Reading::LogHead, async move {
            let told = store.times_told(&space);
            let (key, branches) = (store.key(), store.branches(&space).await?);
            let log = store.head(&space).await?;
            let rulings = store.rulings(&space, log).await?;
            Ok(Input::LogHead(Box::new(LogHead { key, branches, told, log, rulings })))
        });
    }

    fn read_log(&mut self, after: Position) {
        let (store, space) = (Arc::clone(&self.shared.store), self.shared.space.clone());
        self.read(
            Reading::Log,
            async move { Ok(Input::Page(store.read_after(&space, after).await?)) },
        );
    }

    fn watch(&mut self, past: Position, told: u64) {
        let (store, space) = (Arc::clone(&self.shared.store), self.shared.space.clone());
        self.read(Reading::Watch, async move {
            let (head, told) = store.moved_or_told(&space, past, told).await?;
            Ok(Input::LogMoved { head, told })
        });
    }

    fn read<F>(&mut self, reading: Reading, read: F)
    where
        F: Future<Output = Result<Input, StoreError>> + Send + 'static,
    {
        self.tasks
            .spawn(async move { read.await.map_err(|error| (Input::ReadFailed(reading), error)) });
    }
}

fn encode(unsaved: Unsaved, mark: CheckpointMark) -> Result<Checkpoint, StoreError> {
    let unencodable =
        |error| StoreError::new("encode states", StoreErrorKind::Unencodable).caused_by(error);
    Ok(Checkpoint {
        mark,
        replaces_all: unsaved.replaces_all,
        states: unsaved.encode().map_err(unencodable)?,
        conflicted: unsaved.conflicted,
        parked: unsaved.parked,
    })
}

/// The fingerprint of no registry.
const UNSOUND: [u8; 32] = [0; 32];

fn trouble(error: &StoreError) -> Arc<Trouble> {
    Arc::new(Trouble { kind: error.kind().clone(), said: error.to_string() })
}
