//! The session: a state machine that both sides run.

mod config;
mod exchange;
mod missing;
mod streams;
mod told;

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use super::frame::{
    Ack, Events, Frame, Goodbye, GoodbyeCode, Greeting, Hello, Holds, Resume, Rewind, Start, Types,
};
use super::limits::{FRONTIER_COMMITS_MAX, HANDSHAKE_WITHIN, RETRY_AFTER_MAX};
use super::receiver::Receiver;
use super::sender::{Sender, Want};
use super::violation::{Denial, SessionError, Violation};
use crate::branch::Coverage;
use crate::chain::CommitId;
use crate::clock::UnixMillis;
use crate::filter::Filter;
use crate::id::{Position, ReplicaId, SpaceId};
use crate::key;
use crate::log::{Cursor, Page, View, Witness};
pub use config::{Config, Direction, Now, Role, Until};
pub use exchange::{Admittance, Effect, HeldPart, Input, Progress, Recollection};
use streams::{Stopping, Streams};

/// One conversation about one space with one peer.
#[derive(Debug)]
pub struct Session {
    config: Config,
    phase: Phase,
    effects: VecDeque<Effect>,
    peer: Option<Greeting>,
    /// The only aggregates that the peer may write; none for all.
    peer_writes: Option<Filter>,
    /// Milliseconds by which the peer's clock is ahead.
    peer_clock_ahead: Option<i64>,
    last_progress: Duration,
    caught_up: bool,
    /// The peer has been asked for the types of its events, and has not answered.
    awaits_types: bool,
    final_progress: Progress,
}

#[derive(Debug)]
enum Phase {
    /// The peer's greeting is awaited.
    Greeting,
    /// The peer is not let in yet. Its `Start` may come meanwhile.
    AtTheDoor { early: Option<Start> },
    /// Looks up what is known of the peer. Its `Start` may come meanwhile.
    Recalling { peer: Box<Greeting>, early: Option<Start> },
    /// The peer's proof is awaited.
    Proving { peer: Box<Greeting>, known: Box<Recollection> },
    /// Logs are exchanged.
    Streaming(Box<Streams>),
    /// Over.
    Ended,
}

impl Session {
    /// Begins a session. The initiator's greeting is among the first effects.
    pub fn new(config: Config) -> Self {
        let mut session = Self {
            config,
            phase: Phase::Greeting,
            effects: VecDeque::new(),
            peer: None,
            peer_writes: None,
            peer_clock_ahead: None,
            last_progress: Duration::ZERO,
            caught_up: false,
            awaits_types: false,
            final_progress: Progress::default(),
        };
        if let Role::Initiator(space) = &session.config.role {
            let hello = session.hello(space.clone());
            session.send(Frame::Hello(hello));
        }
        session
    }

    /// Advances the state machine by one input. Call [`Session::poll`] until it returns `None` before
    /// the next input.
    pub fn handle(&mut self, now: Now, input: Input) {
        if matches!(self.phase, Phase::Ended) {
            return;
        }
        if let Err(error) = self.step(now, input) {
            if let Some(after) = error.too_early() {
                self.begin_before(after);
            }
            self.effects.extend(error.goodbye().map(Effect::Send));
            self.end(Err(error));
        }
    }

    /// Sets [`Config::commit_events_max`] from here on.
    pub const fn commit_at_most(&mut self, events: usize) {
        self.config.commit_events_max = events;
        if let Phase::Streaming(streams) = &mut self.phase
            && let Some(receiver) = &mut streams.receiver
        {
            receiver.commit_events_max = events;
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// The peer's greeting, once it has come.
    pub fn peer(&self) -> Option<&Hello> {
        self.peer.as_deref()
    }

    /// Bytes of memory, roughly, of what was received and is not committed.
    pub fn uncommitted_memory(&self) -> usize {
        match &self.phase {
            Phase::Streaming(streams) => streams.receiver.as_ref().map_or(0, Receiver::memory),
            _ => 0,
        }
    }

    /// When [`Input::DeadlinePassed`] is due, in time since the session was made.
    pub fn deadline(&self) -> Option<Duration> {
        match &self.phase {
            Phase::Greeting
            | Phase::AtTheDoor { .. }
            | Phase::Recalling { .. }
            | Phase::Proving { .. } => Some(HANDSHAKE_WITHIN),
            Phase::Streaming(streams) => {
                let awaited = streams.awaited(self.last_progress).map(|awaited| awaited.until);
                awaited.into_iter().chain(streams.gives_up().map(|(until, _)| until)).min()
            }
            Phase::Ended => None,
        }
    }

    /// The session's progress.
    pub fn progress(&self) -> Progress {
        let peer_clock_ahead_ms = self.peer_clock_ahead;
        let Phase::Streaming(streams) = &self.phase else {
            return Progress { peer_clock_ahead_ms, ..self.final_progress };
        };
        let peer = self.peer.as_ref().map(|peer| peer.replica);
        let caught_up = self.caught_up;
        let mut progress = Progress { peer, caught_up, peer_clock_ahead_ms, ..Progress::default() };
        if let Some(sender) = &streams.sender {
            progress.events_sent = sender.events;
            progress.bytes_sent = sender.bytes;
            progress.acknowledged = sender.held();
            progress.to_send = sender.head().0.saturating_sub(sender.sent().0);
        }
        if let Some(receiver) = &streams.receiver {
            progress.events_received = receiver.events;
            progress.bytes_received = receiver.bytes;
            progress.to_receive = receiver.peer_head().0.saturating_sub(receiver.received().0);
        }
        progress
    }

    fn step(&mut self, now: Now, input: Input) -> Result<(), SessionError> {
        match input {
            Input::Received(frame) => self.receive(now, frame)?,
            Input::Disconnected => return self.disconnected(),
            Input::Admitted(answer) => self.admitted(answer)?,
            Input::Recalled(known) => self.recalled(now, *known)?,
            Input::Checked(is_known) => self.checked(is_known),
            Input::Covered(held) => self.covered(held),
            Input::Frontier(commits) => self.send(Frame::Holds(Holds { commits: cut(commits) })),
            Input::Loaded { page, own_keys } => self.loaded(page, own_keys),
            Input::Traced(found) => {
                if let Some(sender) = self.sender() {
                    sender.traced(found);
                }
            }
            Input::LogMoved(head) => {
                if let Phase::Streaming(streams) = &mut self.phase {
                    streams.log_moved(head);
                }
            }
            Input::Committed { start, end, ruled } => self.committed(now, start..end, ruled),
            Input::Kept => {}
            Input::Refused(refusal) => self.refused(now, refusal)?,
            Input::StoreFailed { damaged } => return Err(SessionError::Store { damaged }),
            Input::DeadlinePassed => return self.check_deadline(now),
            Input::Stop => self.stop(),
        }
        self.proceed(now);
        Ok(())
    }

    fn receive(&mut self, now: Now, frame: Frame) -> Result<(), SessionError> {
        match frame {
            Frame::Goodbye(goodbye) => self.goodbye(goodbye),
            Frame::Hello(hello) => self.greeted(now, hello),
            Frame::Start(start) => self.started(now, start),
            Frame::Rewind(_) => self.rewound(now),
            Frame::Holds(holds) => self.told_holdings(now, holds),
            Frame::Types(types) => self.told_types(types),
            Frame::Events(events) => self.received_events(now, events),
            Frame::Ack(ack) => self.received_ack(now, ack),
        }
    }

    fn greeted(&mut self, now: Now, mut hello: Greeting) -> Result<(), SessionError> {
        if !matches!(self.phase, Phase::Greeting) {
            return Err(self.out_of_turn(&Frame::Hello(hello)));
        }
        self.check_greeting(&mut hello)?;
        self.peer_clock_ahead = Some(ahead(hello.wall, now.wall));
        if self.config.has_door {
            let (space, peer) = (hello.space.clone(), hello.replica);
            let (filter, policy) = (hello.filter.clone(), hello.policy.clone());
            self.effects.push_back(Effect::Admit { space, peer, filter, policy });
            self.phase = Phase::AtTheDoor { early: None };
        } else {
            self.recall(hello.clone(), None);
        }
        self.peer = Some(hello);
        Ok(())
    }

    fn admitted(&mut self, answer: Result<Admittance, Denial>) -> Result<(), SessionError> {
        let Admittance { direction: allowed, writes } = answer.map_err(SessionError::Denied)?;
        if let (Phase::AtTheDoor { early }, Some(peer)) = (&mut self.phase, &self.peer) {
            let (peer, early) = (peer.clone(), early.take());
            let denied = SessionError::Denied(Denial::Forbidden);
            self.config.direction = self.config.direction.limited_to(allowed).ok_or(denied)?;
            self.peer_writes = writes;
            self.recall(peer, early);
        }
        Ok(())
    }

    fn recall(&mut self, peer: Greeting, early: Option<Start>) {
        let (space, replica) = (peer.space.clone(), peer.replica);
        let types = peer.types;
        self.effects.push_back(Effect::Recall { space, peer: replica, types });
        self.phase = Phase::Recalling { peer: Box::new(peer), early };
    }

    fn recalled(&mut self, now: Now, known: Recollection) -> Result<(), SessionError> {
        let Phase::Recalling { peer, early } = &mut self.phase else { return Ok(()) };
        let (peer, early) = (peer.clone(), early.take());
        if self.config.role == Role::Acceptor {
            self.config.filter = known.part.as_ref().map(|part| part.filter.clone());
        }
        let own = self.hello(peer.space.clone());
        let resume = match known.cursor {
            Some(cursor) if cursor.position > Position::START => Resume::After(cursor),
            _ => Resume::Frontier(cut(known.frontier.clone())),
        };
        let start = Start {
            signature: self.config.key.sign(&self.transcript(&own, &peer, true)),
            resume,
            head: known.head,
            wants_types: known.lacks_types && self.config.direction.receives() && peer.sends,
        };
        self.awaits_types = start.wants_types;
        if self.config.role == Role::Acceptor {
            self.send(Frame::Hello(own));
        }
        self.send(Frame::Start(start));
        self.phase = Phase::Proving { peer, known: Box::new(known) };
        early.map_or(Ok(()), |start| self.started(now, start))
    }

    fn started(&mut self, now: Now, start: Start) -> Result<(), SessionError> {
        let (peer, known) = match &mut self.phase {
            Phase::AtTheDoor { early: early @ None }
            | Phase::Recalling { early: early @ None, .. } => {
                *early = Some(start);
                return Ok(());
            }
            Phase::Proving { peer, known } => (peer.clone(), known.clone()),
            _ => return Err(self.out_of_turn(&Frame::Start(start))),
        };
        let own = self.hello(peer.space.clone());
        if !key::verify(&peer.replica, &self.transcript(&own, &peer, false), &start.signature) {
            return Err(Violation::BadSignature { replica: peer.replica }.into());
        }
        if let (true, Some(text)) = (start.wants_types, self.config.types.clone()) {
            self.send(Frame::Types(Types { text }));
        }
        let from = known.cursor.unwrap_or(Cursor::START);
        let receives = self.config.direction.receives() && peer.sends;
        let part = self.config.filter.as_ref();
        let witness = part.map(|part| Witness::of(peer.filter.as_ref(), part));
        let most = self.config.commit_events_max;
        let receiver =
            receives.then(|| Receiver::new(peer.space.clone(), witness, most, (from, start.head)));
        let view = View {
            filter: peer.filter.clone(),
            reader: Some(peer.replica),
            writers: known.part.as_ref().map(|part| part.writers.clone()),
        };
        let sender = (self.config.direction.sends() && peer.receives)
            .then(|| Sender::new(known.head, view, self.config.merges.clone()));
        let (peer_cursor, ask) = match start.resume {
            Resume::After(cursor) => {
                (cursor, Effect::Check { cursor, in_part: known.part.is_some() })
            }
            Resume::Frontier(commits) => (Cursor::START, Effect::Cover(commits)),
        };
        if sender.is_some() {
            self.effects.push_back(ask);
        }
        self.phase = Phase::Streaming(Box::new(Streams {
            sender,
            receiver,
            peer_cursor,
            send_target: known.head,
            tell_target: known.head,
            receive_target: start.head,
            stopping: None,
            heard: now.elapsed,
            held_page: None,
            moved_to: known.head,
        }));
        self.last_progress = now.elapsed;
        Ok(())
    }

    /// The store has looked at the cursor that the peer resumes from.
    fn checked(&mut self, is_known: bool) {
        let Phase::Streaming(streams) = &mut self.phase else { return };
        let cursor = streams.peer_cursor;
        match &mut streams.sender {
            Some(sender) if is_known => {
                if let Some(told) = sender.begin_after(cursor) {
                    self.send(Frame::Events(told));
                }
            }
            Some(sender) => {
                sender.ask_for_holdings();
                self.send(Frame::Rewind(Rewind {}));
            }
            None => {}
        }
    }

    fn covered(&mut self, held: Coverage) {
        if let Some(sender) = self.sender() {
            sender.begin_with(held);
        }
    }

    /// The peer does not know the cursor: it was restored from a copy, or is another store than the
    /// one that had its key.
    fn rewound(&mut self, now: Now) -> Result<(), SessionError> {
        if let Phase::Streaming(streams) = &mut self.phase
            && streams.receiver.as_mut().is_some_and(Receiver::rewind)
        {
            streams.heard = now.elapsed;
            self.effects.push_back(Effect::Frontier);
            return Ok(());
        }
        Err(self.out_of_turn(&Frame::Rewind(Rewind {})))
    }

    fn told_holdings(&mut self, now: Now, holds: Holds) -> Result<(), SessionError> {
        if !self.sender().is_some_and(Sender::asked_for_holdings) {
            return Err(self.out_of_turn(&Frame::Holds(holds)));
        }
        self.last_progress = now.elapsed;
        self.effects.push_back(Effect::Cover(holds.commits));
        Ok(())
    }

    fn received_events(&mut self, now: Now, events: Events) -> Result<(), SessionError> {
        if let Phase::Streaming(streams) = &mut self.phase
            && let Some(receiver) = &mut streams.receiver
        {
            // Whoever is about to end takes no more: it would never come to an end with a peer that
            // has much.
            if streams.stopping.is_none() {
                let outside = receiver.receive(events, self.peer_writes.as_ref())?;
                if let (true, Some(part)) = (outside, &self.peer_writes) {
                    return Err(SessionError::Denied(Denial::Part(part.clone())));
                }
                streams.heard = now.elapsed;
            }
            return Ok(());
        }
        Err(self.out_of_turn(&Frame::Events(events)))
    }

    fn received_ack(&mut self, now: Now, ack: Ack) -> Result<(), SessionError> {
        if let Phase::Streaming(streams) = &mut self.phase
            && let Some(is_news) = streams.acked(now.elapsed, ack)?
        {
            if is_news {
                self.last_progress = now.elapsed;
            }
            return Ok(());
        }
        Err(self.out_of_turn(&Frame::Ack(ack)))
    }

    fn loaded(&mut self, page: Page, own_keys: Vec<ReplicaId>) {
        let Phase::Streaming(streams) = &mut self.phase else { return };
        let Some(sender) = &mut streams.sender else { return };
        sender.writes_under(own_keys);
        if streams.receiver.as_ref().is_some_and(Receiver::is_committing) {
            streams.held_page = Some(page);
        } else {
            sender.loaded(page);
        }
    }

    /// Sends as much of the loaded page as the peer may be sent now.
    fn send_events(&mut self, now: Now) {
        let Phase::Streaming(streams) = &mut self.phase else { return };
        let Some(sender) = streams.sender.as_mut().filter(|_| streams.stopping.is_none()) else {
            return;
        };
        let first = !sender.awaits_ack();
        let frames = sender.frames(now.elapsed);
        if first && !frames.is_empty() {
            self.last_progress = now.elapsed;
        }
        frames.into_iter().for_each(|events| self.send(Frame::Events(events)));
    }

    fn committed(&mut self, now: Now, new: Range<Position>, ruled: bool) {
        let Phase::Streaming(streams) = &mut self.phase else { return };
        let ack = streams.committed(new, ruled);
        let page = streams.held_page.take();
        streams.heard = now.elapsed;
        if let Some(ack) = ack {
            self.send(Frame::Ack(ack));
        }
        if let Some(page) = page {
            self.loaded(page, Vec::new());
        }
    }

    fn stop(&mut self) {
        match &mut self.phase {
            Phase::Streaming(streams) => {
                streams.stopping.get_or_insert(Stopping::Ours);
            }
            _ => {
                self.send(Frame::goodbye(GoodbyeCode::Done, "stopped"));
                self.end(Ok(()));
            }
        }
    }

    fn goodbye(&mut self, goodbye: Goodbye) -> Result<(), SessionError> {
        match (goodbye.code, &mut self.phase) {
            (GoodbyeCode::Done, Phase::Streaming(streams)) => {
                streams.stopping = Some(Stopping::Theirs);
                Ok(())
            }
            (GoodbyeCode::Limited, _) => {
                let retry_after = Duration::from_millis(goodbye.retry_after_ms.unwrap_or_default());
                let (message, retry_after) = (goodbye.message, retry_after.min(RETRY_AFTER_MAX));
                Err(SessionError::Limited { message, retry_after })
            }
            (code, _) => Err(SessionError::PeerEnded { code, message: goodbye.message }),
        }
    }

    fn disconnected(&mut self) -> Result<(), SessionError> {
        match &mut self.phase {
            Phase::Streaming(streams) if streams.stopping.is_some() => {
                self.end(Ok(()));
                Ok(())
            }
            _ => Err(SessionError::Disconnected),
        }
    }

    fn check_deadline(&self, now: Now) -> Result<(), SessionError> {
        match self.deadline() {
            Some(deadline) if now.elapsed >= deadline => {
                self.check_patience(now)?;
                let awaited = match &self.phase {
                    Phase::Streaming(streams) => streams.awaited(self.last_progress),
                    _ => None,
                };
                let (waiting_for, silent) = awaited
                    .map_or(("it should have introduced itself", HANDSHAKE_WITHIN), |awaited| {
                        (awaited.what, awaited.within)
                    });
                Err(SessionError::TimedOut { waiting_for, silent })
            }
            _ => Ok(()),
        }
    }

    /// Asks for whatever the streams need next, and ends the session when it is finished.
    fn proceed(&mut self, now: Now) {
        self.send_events(now);
        let Phase::Streaming(streams) = &mut self.phase else { return };
        let log_end = streams.log_end();
        let commit = streams.receiver.as_mut().and_then(|receiver| receiver.next_commit(log_end));
        self.effects.extend(commit);
        let caught_up = streams.is_caught_up();
        self.caught_up |= caught_up;
        if caught_up && streams.has_told() && self.config.until == Until::CaughtUp {
            streams.stopping.get_or_insert(Stopping::Ours);
        }
        let Some(stopping) = streams.stopping else {
            let want = streams.sender.as_mut().and_then(Sender::want);
            let filter = self.peer.as_ref().and_then(|peer| peer.filter.clone());
            let reader = self.peer.as_ref().map(|peer| peer.replica);
            self.effects.extend(want.and_then(|want| match want {
                Want::Load(after) => Some(Effect::Load(after)),
                Want::Trace(lines) => filter.zip(reader).map(|(filter, reader)| Effect::Trace {
                    filter,
                    reader,
                    lines,
                }),
                Want::Watch(past) => Some(Effect::Watch(past)),
            }));
            return;
        };
        if let Some(receiver) = &mut streams.receiver {
            receiver.stop_waiting();
            self.effects.extend(receiver.last_commit());
            if !receiver.is_settled() {
                return;
            }
        }
        if stopping == Stopping::Ours {
            self.send(Frame::goodbye(GoodbyeCode::Done, "done"));
        }
        self.end(Ok(()));
    }

    fn end(&mut self, result: Result<(), SessionError>) {
        self.final_progress = self.progress();
        self.effects.push_back(Effect::End(result));
        self.phase = Phase::Ended;
    }

    fn send(&mut self, frame: Frame) {
        self.effects.push_back(Effect::Send(frame));
    }

    fn sender(&mut self) -> Option<&mut Sender> {
        match &mut self.phase {
            Phase::Streaming(streams) => streams.sender.as_mut(),
            _ => None,
        }
    }

    fn hello(&self, space: SpaceId) -> Greeting {
        let Config { key, nonce, wall, direction, fingerprint, types, .. } = &self.config;
        let (sends, receives) = (direction.sends(), direction.receives());
        let hello = Hello::new(key.id(), space, *nonce, *wall);
        let (filter, policy) = (self.config.filter.clone(), self.config.policy.clone());
        let types = types.as_ref().map(|types| *types.hash());
        Hello { sends, receives, fingerprint: *fingerprint, filter, types, policy, ..hello }.into()
    }

    /// The text that this side signs (`ours`), or that the peer has signed.
    fn transcript(&self, own: &Greeting, peer: &Greeting, ours: bool) -> [u8; 32] {
        match self.config.role {
            Role::Initiator(_) => Greeting::transcript(own, peer, ours),
            Role::Acceptor => Greeting::transcript(peer, own, !ours),
        }
    }

    fn out_of_turn(&self, frame: &Frame) -> SessionError {
        let phase = match self.phase {
            Phase::Greeting => "before it introduced itself",
            Phase::AtTheDoor { .. } => "before it was let in",
            Phase::Recalling { .. } | Phase::Proving { .. } => "before it proved its key",
            Phase::Streaming(_) => "while logs are exchanged",
            Phase::Ended => "after the end",
        };
        Violation::OutOfTurn { frame: frame.kind(), phase }.into()
    }
}

/// Milliseconds by which one clock is ahead of another.
fn ahead(one: UnixMillis, other: UnixMillis) -> i64 {
    // Both have 48 bits.
    one.get().cast_signed() - other.get().cast_signed()
}

/// A frontier cut to what fits into a frame.
fn cut(mut commits: Vec<CommitId>) -> Vec<CommitId> {
    commits.truncate(FRONTIER_COMMITS_MAX);
    commits
}

#[cfg(test)]
mod tests;
