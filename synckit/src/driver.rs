//! Drives a session: carries out what it asks for and tells it what happened. Decides nothing.

mod parties;
mod sending;

use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use crate::block::{Block, MEMORY_PER_BYTE_MAX};
use crate::budget::{Budget, Share};
use crate::chain::CommitId;
use crate::error::{Error, ErrorKind};
use crate::filter::Filter;
use crate::gate::{Gate, Passed};
use crate::id::{Position, ReplicaId, SpaceId};
use crate::log::{Cursor, Hidden, Source, View};
use crate::metrics::{MeteredSession, SessionsMeter};
use crate::platform::{self, Alarm, Stopwatch, Tasks, WallClock};
use crate::policy::PolicyId;
use crate::schema::TypesText;
use crate::store::{
    Acknowledged, AheadReader, Append, Batch, EventStore, StoreError, StoreErrorKind,
};
use crate::sync::{
    Config, Denial, Effect, Frame, Input, Now, Progress, Recollection, Session, SessionError,
    TraceLines,
};
use crate::traces::Traces;
use crate::transport::{Connection, FrameReceiver, Transport};
pub(crate) use parties::{Doorkeeper, Follower, Incoming};
use sending::Sending;

/// The peer may take this long to read the last frames and close its side.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// Everything that a session is driven with.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) store: Arc<EventStore>,
    /// Decides what passes into the log.
    pub(crate) gate: Arc<Gate>,
    /// Whoever follows the log: no more is committed while it is far behind.
    pub(crate) follower: Option<Arc<dyn Follower>>,
    /// Memory for what is received and not committed.
    pub(crate) budget: Budget,
    pub(crate) clock: WallClock,
    /// Decides whether the peer may come in; everybody may where there is none.
    pub(crate) door: Option<Arc<dyn Doorkeeper>>,
    /// True where what others wrote is passed on while it is being written here.
    pub(crate) passes_on: bool,
    /// The peer's address, for errors.
    pub(crate) peer: String,
    /// True when a damaged file is mended without anyone's help.
    pub(crate) mends: bool,
    /// Counts what it does.
    pub(crate) meter: Arc<SessionsMeter>,
    /// Traces that events belong to.
    pub(crate) traces: Traces,
    /// Told how far the session has come after every step.
    pub(crate) progress: watch::Sender<Progress>,
    /// Ends the session when it becomes true, or when its sender is dropped.
    pub(crate) stop: watch::Receiver<bool>,
}

/// The result of a session.
#[derive(Debug)]
pub(crate) struct Driven {
    pub(crate) progress: Progress,
    pub(crate) result: Result<(), Error>,
}

impl Driver {
    /// Runs a session that somebody has opened, to its end. Cancellation-safe: what was committed is
    /// committed.
    pub(crate) async fn accept(self, config: Config, connection: Connection) -> Driven {
        self.run(Session::new(config), connection).await
    }

    /// Opens a session with a peer, and runs it to its end. The greeting goes with the request for the
    /// connection. Cancellation-safe.
    ///
    /// # Errors
    /// [`ErrorKind::Transport`] when there is no connection, [`ErrorKind::Closed`] when the session is to end
    /// before there is one.
    pub(crate) async fn open(
        self,
        config: Config,
        transport: &dyn Transport,
    ) -> Result<Driven, Error> {
        let (mut session, mut stop) = (Session::new(config), self.stop.clone());
        let connecting = async {
            match session.poll() {
                Some(Effect::Send(greeting)) => transport.connect_with(greeting).await,
                _ => transport.connect().await,
            }
        };
        let connection = tokio::select! {
            biased;
            () = stopped(&mut stop) => {
                let attempted = format!("connect to {}", transport.address());
                return Err(Error::new(attempted, ErrorKind::Closed));
            }
            connection = connecting => connection?,
        };
        Ok(self.run(session, connection).await)
    }

    async fn run(self, session: Session, connection: Connection) -> Driven {
        let Connection { sender, receiver, .. } = connection;
        let peer = self.peer.clone();
        let clock = self.clock.clone();
        let (stop, begun) = (self.stop.clone(), Stopwatch::start());
        let mut running = Conversation {
            metered: SessionsMeter::begin(&self.meter, &peer, clock.now()),
            session,
            driver: self,
            begun,
            alarm: Alarm::of(begun),
            done: VecDeque::new(),
            watching: None,
            reads: Tasks::new(),
            commits: Tasks::new(),
            outbox: VecDeque::new(),
            writer: Sending::Ready(sender),
            ahead: None,
            load: None,
            arrived: None,
            share: Share::default(),
            committed: [Position::START; 2],
            failure: None,
        };
        let mut receiver = receiver;
        let result = running.run(receiver.as_mut(), stop).await;
        let progress = running.session.progress();
        running.close(receiver.as_mut()).await;
        let result = match (result, running.failure.take()) {
            (Ok(()), _) => Ok(()),
            (Err(SessionError::Store { .. } | SessionError::Disconnected), Some(failure)) => {
                Err(failure)
            }
            (Err(error), _) => Err(Error::session(&peer, error)),
        };
        running.metered.ended(clock.now(), result.as_ref().err().map(Error::code));
        Driven { progress, result }
    }
}

/// Something that the session waits for.
type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Waits for memory.
type Room = BoxFuture<Share>;

struct Conversation {
    session: Session,
    driver: Driver,
    metered: MeteredSession,
    begun: Stopwatch,
    alarm: Alarm,
    /// Reads that needed not wait.
    done: VecDeque<Option<Result<Input, StoreError>>>,
    /// The wait for the log's growth: the session has one at a time.
    watching: Option<BoxFuture<Result<Input, StoreError>>>,
    reads: Tasks<Result<Input, StoreError>>,
    commits: Tasks<Result<Input, StoreError>>,
    /// Frames to send. The session's window bounds them: events that are not acknowledged, and
    /// an acknowledgement for each commit of what the peer may have sent.
    outbox: VecDeque<Frame>,
    writer: Sending,
    /// Reads the log for the peer, once something is passed on to it.
    ahead: Option<Arc<AheadReader>>,
    /// A [`Effect::Load`] that waits for the frames before it.
    load: Option<Position>,
    /// A frame that waits for memory; nothing is received behind it.
    arrived: Option<(Frame, Room)>,
    /// Memory of what is received and not committed.
    share: Share,
    /// The ends of the last two commits of what the peer sent.
    committed: [Position; 2],
    failure: Option<Error>,
}

impl Conversation {
    async fn run(
        &mut self,
        receiver: &mut dyn FrameReceiver,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), SessionError> {
        let mut stop = Some(Box::pin(async move { stopped(&mut stop).await }));
        loop {
            if let Some(result) = self.carry_out() {
                // A session may end with a commit of its cursor under way; reads are of no use any
                // more.
                while self.commits.join_next().await.is_some() {}
                self.tell_progress();
                return result;
            }
            if self.writer.is_ready()
                && let Some(frame) = self.outbox.pop_front()
            {
                self.writer.begin(frame);
            }
            if let Some(after) = self.load.take_if(|_| self.outbox.is_empty()) {
                self.load(after);
            }
            self.tell_progress();
            let input = match self.done.pop_front() {
                Some(done) => Some(self.task_done(done)),
                None => self.next_input(receiver, &mut stop).await,
            };
            if let Some(input) = input {
                if matches!(input, Input::Admitted(Ok(_))) {
                    self.watch_door();
                }
                if let Input::Committed { end, .. } = &input {
                    self.committed = [self.committed[1], *end];
                }
                if let Some(follower) = &self.driver.follower {
                    self.session.commit_at_most(follower.commit_events_max());
                }
                self.session.handle(self.now(), input);
                self.share.shrink_to(self.session.uncommitted_memory());
            }
        }
    }

    /// Tells how far the session has come, and the store what the peer holds of its log.
    fn tell_progress(&mut self) {
        let (mut acknowledged, mut proved) = (None, None);
        self.driver.progress.send_if_modified(|progress| {
            let before = std::mem::replace(progress, self.session.progress());
            proved = progress.peer.filter(|_| before.peer.is_none());
            acknowledged = progress.acknowledged.filter(|now| before.acknowledged != Some(*now));
            let is_farther = before != *progress;
            if is_farther {
                let peer = self.session.peer().map(|peer| (&peer.space, peer.replica));
                self.metered.note(*progress, peer);
            }
            is_farther
        });
        if let (Some(replica), Some(door)) = (proved, &self.driver.door)
            && let Err(denial) = door.proved(replica)
        {
            self.send_away(denial);
        }
        if let (Some(through), Some(peer)) = (acknowledged, self.session.peer()) {
            let ack = Acknowledged { through, is_hub: peer.fingerprint.is_none() };
            self.driver.store.acknowledged(&peer.space, peer.replica, ack);
        }
    }

    /// Carries out the session's effects; the result when it has ended.
    fn carry_out(&mut self) -> Option<Result<(), SessionError>> {
        while let Some(effect) = self.session.poll() {
            match effect {
                Effect::Send(frame) => self.queue(frame),
                Effect::Admit { space, peer, filter, policy } => {
                    self.admit((space, peer), filter, policy);
                }
                Effect::Recall { space, peer, types } => self.recall(space, peer, types),
                Effect::Check { cursor, in_part } => self.check(cursor, in_part),
                Effect::Cover(commits) => self.cover(commits),
                Effect::Frontier => self.frontier(),
                Effect::Load(after) => self.load = Some(after),
                Effect::Trace { filter, reader, lines } => self.trace(filter, reader, lines),
                Effect::Watch(past) => self.watch(past),
                Effect::Commit { blocks, hidden, cursor, is_repeated } => {
                    if is_repeated || self.may_commit(&blocks) {
                        self.commit(blocks, hidden, cursor);
                    }
                }
                Effect::Keep(types) => self.keep(types),
                Effect::End(result) => return Some(result),
            }
        }
        None
    }

    async fn next_input(
        &mut self,
        receiver: &mut dyn FrameReceiver,
        stop: &mut Option<Pin<Box<impl Future<Output = ()>>>>,
    ) -> Option<Input> {
        // A peer whose frame waits for memory here is not the one that is late.
        let deadline = self.session.deadline().filter(|_| self.arrived.is_none());
        // In an order of its own, so that a simulated world goes the same way twice. Whatever stands
        // before what is received ends by itself: it follows from what was received.
        tokio::select! {
            biased;
            () = ended(stop) => Some(Input::Stop),
            Some(done) = self.commits.join_next() => Some(self.task_done(done.ok())),
            Some(done) = self.reads.join_next() => Some(self.task_done(done.ok())),
            moved = ended(&mut self.watching) => Some(self.task_done(Some(moved))),
            () = self.alarm.reaches(deadline) => Some(Input::DeadlinePassed),
            sent = self.writer.sent() => if sent { None } else { Some(Input::Disconnected) },
            more = room(&mut self.arrived) => {
                self.share.add(more);
                self.arrived.take().map(|(frame, _)| Input::Received(frame))
            }
            received = receiver.receive(), if self.arrived.is_none() => match received {
                Ok(Some(frame)) => self.received(frame),
                Ok(None) => Some(Input::Disconnected),
                Err(error) => {
                    self.failure = Some(error.into());
                    Some(Input::Disconnected)
                }
            },
        }
    }

    /// Begins a read, which is done at once where it need not wait.
    fn read(&mut self, read: impl Future<Output = Result<Input, StoreError>> + Send + 'static) {
        let mut read = Box::pin(read);
        // Whoever polls it next says whom to wake. What panics tells nothing, as on a task of its own.
        let mut poll = || read.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        match catch_unwind(AssertUnwindSafe(&mut poll)) {
            Ok(Poll::Ready(done)) => self.done.push_back(Some(done)),
            Ok(Poll::Pending) => drop(self.reads.spawn(read)),
            Err(_) => self.done.push_back(None),
        }
    }

    /// Queues a frame. An acknowledgement overtakes events: on a slow way the peer would not hear it
    /// in time, and send nothing meanwhile.
    fn queue(&mut self, frame: Frame) {
        let is_events = |frame: &Frame| matches!(frame, Frame::Events(_));
        let before = match &frame {
            Frame::Ack(_) => self.outbox.iter().position(is_events),
            _ => None,
        };
        self.outbox.insert(before.unwrap_or(self.outbox.len()), frame);
    }

    /// Takes memory for a frame, or keeps the frame until there is some.
    fn received(&mut self, frame: Frame) -> Option<Input> {
        let bytes = match &frame {
            Frame::Events(events) => events.blocks.iter().map(Bytes::len).sum::<usize>(),
            _ => 0,
        };
        let memory = bytes.saturating_mul(MEMORY_PER_BYTE_MAX);
        if let Some(more) = self.driver.budget.try_take(memory) {
            self.share.add(more);
            return Some(Input::Received(frame));
        }
        self.arrived = Some((frame, Box::pin(self.driver.budget.clone().take(memory))));
        None
    }

    fn task_done(&mut self, done: Option<Result<Input, StoreError>>) -> Input {
        match done {
            Some(Ok(input)) => input,
            Some(Err(error)) => match error.kind() {
                StoreErrorKind::Refused(refusal) => Input::Refused(refusal.clone()),
                kind => {
                    let damaged = match kind {
                        StoreErrorKind::Corrupt => !self.driver.mends,
                        kind => *kind == StoreErrorKind::Gone,
                    };
                    self.failure = Some(error.into());
                    Input::StoreFailed { damaged }
                }
            },
            // The store panicked.
            None => Input::StoreFailed { damaged: false },
        }
    }

    fn admit(
        &mut self,
        (space, peer): (SpaceId, ReplicaId),
        filter: Option<Filter>,
        policy: Option<PolicyId>,
    ) {
        let door = self.driver.door.clone();
        self.reads.spawn(async move {
            let Some(door) = door else { return Ok(Input::Admitted(Err(Denial::Unavailable))) };
            Ok(Input::Admitted(door.admit(peer, space, filter, policy).await))
        });
    }

    /// Waits for the time when a peer that was let in may not stay.
    fn watch_door(&mut self) {
        if let Some(door) = self.driver.door.clone() {
            self.reads.spawn(async move { Ok(Input::Admitted(Err(door.until_denied().await))) });
        }
    }

    /// Ends the session with a denial. What was received and is not committed is resent another time.
    fn send_away(&mut self, denial: Denial) {
        self.reads.spawn(async move { Ok(Input::Admitted(Err(denial))) });
    }

    fn recall(&mut self, space: SpaceId, peer: ReplicaId, types: Option<[u8; 32]>) {
        let store = Arc::clone(&self.driver.store);
        self.read(async move {
            let cursor = store.cursor(&space, &peer).await?;
            let cursor = cursor.filter(|cursor| cursor.position > Position::START);
            let frontier = match cursor {
                Some(_) => Vec::new(),
                None => store.frontier(&space).await?,
            };
            let head = store.head(&space).await?;
            let part = store.part(&space).await?;
            let lacks_types = match types {
                Some(hash) => !store.names_of_types(&space).await?.contains(&hash),
                None => false,
            };
            let known = Recollection { cursor, frontier, head, part, lacks_types };
            Ok(Input::Recalled(Box::new(known)))
        });
    }

    /// Keeps types of events beside the commits: the end of the session waits for them.
    fn keep(&mut self, types: TypesText) {
        let Some(space) = self.space() else { return };
        let store = Arc::clone(&self.driver.store);
        self.commits.spawn(async move {
            if let Err(error) = store.keep_types(&space, &types).await {
                tracing::warn!(%error, "types of events could not be kept; they are asked for again");
            }
            Ok(Input::Kept)
        });
    }

    fn check(&mut self, cursor: Cursor, in_part: bool) {
        let Some(space) = self.space() else { return };
        let store = Arc::clone(&self.driver.store);
        self.read(
            async move { Ok(Input::Checked(store.is_given(&space, cursor, in_part).await?)) },
        );
    }

    fn cover(&mut self, commits: Vec<CommitId>) {
        let Some(space) = self.space() else { return };
        let store = Arc::clone(&self.driver.store);
        self.read(async move { Ok(Input::Covered(store.cover(&space, &commits).await?)) });
    }

    fn frontier(&mut self) {
        let Some(space) = self.space() else { return };
        let store = Arc::clone(&self.driver.store);
        self.read(async move { Ok(Input::Frontier(store.frontier(&space).await?)) });
    }

    fn load(&mut self, after: Position) {
        let Some(space) = self.space() else { return };
        let (store, ahead) = (Arc::clone(&self.driver.store), self.ahead());
        self.read(async move {
            let page = match ahead {
                Some(ahead) => ahead.page(after).await?,
                None => store.read_after(&space, after).await?,
            };
            Ok(Input::Loaded { page, own_keys: store.own_keys() })
        });
    }

    /// Reads what is passed on, where it is. Of what a filter hides only durable rows tell.
    fn ahead(&mut self) -> Option<Arc<AheadReader>> {
        if self.ahead.is_none() && self.driver.passes_on {
            let peer = self.session.peer().filter(|peer| peer.filter.is_none())?;
            let (space, peer) = (peer.space.clone(), peer.replica);
            let reader = AheadReader::new(Arc::clone(&self.driver.store), space, peer);
            self.ahead = Some(Arc::new(reader));
        }
        self.ahead.clone()
    }

    fn trace(&mut self, filter: Filter, reader: ReplicaId, lines: TraceLines) {
        let Some(space) = self.space() else { return };
        let store = Arc::clone(&self.driver.store);
        let view = View { filter: Some(filter), reader: Some(reader), writers: None };
        self.read(async move { Ok(Input::Traced(store.trace(&space, &view, &lines).await?)) });
    }

    fn watch(&mut self, past: Position) {
        let Some(space) = self.space() else { return };
        let (store, ahead) = (Arc::clone(&self.driver.store), self.ahead());
        self.watching = Some(Box::pin(async move {
            let head = match ahead {
                Some(ahead) => ahead.moved(past).await?,
                None => store.moved(&space, past).await?,
            };
            Ok(Input::LogMoved(head))
        }));
    }

    /// True when blocks of the peer may be committed. Counts them, or sends the peer away.
    fn may_commit(&mut self, blocks: &[Block]) -> bool {
        let Some((door, peer)) = self.driver.door.as_ref().zip(self.session.peer()) else {
            return true;
        };
        let count = |of: fn(&Block) -> usize| blocks.iter().map(|block| of(block) as u64).sum();
        let (events, bytes) = (count(Block::len), count(|block| block.bytes().len()));
        let incoming = Incoming { space: &peer.space, replica: peer.replica, events, bytes };
        let taken = door.take(&incoming);
        let may = taken.is_ok();
        taken.unwrap_or_else(|denial| self.send_away(denial));
        may
    }

    fn commit(&mut self, blocks: Vec<Block>, hidden: Hidden, cursor: Cursor) {
        let Some(peer) = self.session.peer() else { return };
        let spans = self.driver.traces.commit(&peer.space, &self.driver.peer, &blocks);
        let source = Source::Peer;
        let batch = Batch {
            append: blocks.into_iter().map(|block| Append { block, source }).collect(),
            hidden,
            cursor: Some((peer.replica, cursor)),
            ..Batch::new(peer.space.clone())
        };
        let (gate, store) = (Arc::clone(&self.driver.gate), Arc::clone(&self.driver.store));
        let (space, is_hub, peer) = (peer.space.clone(), peer.fingerprint.is_none(), peer.replica);
        let (follower, before) = (self.driver.follower.clone(), self.committed[0]);
        // Hubs tell by acknowledgements who lags behind: whoever is sent nothing does not.
        let acknowledges = self.session.sends() || follower.is_none();
        self.commits.spawn(async move {
            if let Some(follower) = follower.filter(|_| before > Position::START) {
                follower.follows(before).await;
            }
            let Passed { start, end, ruled } = gate.commit(peer, batch).await?;
            drop(spans);
            if !acknowledges && start < end {
                store.gave(&space, (peer, is_hub), start..end).await;
            }
            Ok(Input::Committed { start, end, ruled })
        });
    }

    fn space(&self) -> Option<SpaceId> {
        self.session.peer().map(|peer| peer.space.clone())
    }

    fn now(&self) -> Now {
        Now { elapsed: self.begun.elapsed(), wall: self.driver.clock.now() }
    }

    /// Hands over what is left to be sent, closes this direction, and waits until the peer has closed its
    /// own, but not for long.
    async fn close(&mut self, receiver: &mut dyn FrameReceiver) {
        // Whoever comes after a peer that has ended finds what that one brought.
        if let Some(door) = &self.driver.door {
            door.settle().await;
        }
        let sending = async {
            if matches!(self.writer, Sending::Busy(_)) {
                self.writer.sent().await;
            }
            while self.writer.is_ready()
                && let Some(frame) = self.outbox.pop_front()
            {
                self.writer.begin(frame);
                self.writer.sent().await;
            }
            if let Sending::Ready(sender) = &mut self.writer
                && let Err(error) = sender.finish().await
            {
                tracing::debug!(%error, "the connection could not be closed");
            }
        };
        let _ = platform::within(CLOSE_WITHIN, sending).await;
        // What was not handed over is not.
        self.writer = Sending::Lost;
        let closing = async { while let Ok(Some(_)) = receiver.receive().await {} };
        let _ = platform::within(CLOSE_WITHIN, closing).await;
    }
}

/// Waits for the memory that an arrived frame needs; without end when there is no such frame.
async fn room(arrived: &mut Option<(Frame, Room)>) -> Share {
    match arrived {
        Some((_, room)) => room.await,
        None => std::future::pending().await,
    }
}

/// Waits for the end of something, once; without end where there is nothing. Cancellation-safe.
async fn ended<F: Future + ?Sized>(waiting: &mut Option<Pin<Box<F>>>) -> F::Output {
    match waiting {
        Some(of) => {
            let ended = of.await;
            *waiting = None;
            ended
        }
        None => std::future::pending().await,
    }
}

/// Waits until the session is to end, also because nobody is left who could say so.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
