//! The session: a state machine that both sides run.

mod claims;
mod exchange;

use std::collections::VecDeque;
use std::time::Duration;

use super::frame::{Ack, Events, Frame, Goodbye, GoodbyeCode, Greeting, Hello, Resume, Start};
use super::limits::{ACK_WITHIN, HANDSHAKE_WITHIN, PROTOCOL_VERSION};
use super::receiver::{Admission, Receiver};
use super::sender::{Sender, Want};
use super::violation::{SessionError, Violation};
use crate::clock::UnixMillis;
use crate::id::{Position, SpaceId, StoreIdentity};
use crate::key::{self, ReplicaKey};
use crate::log::Page;
use claims::Claims;
pub use exchange::{Effect, Input, Progress, Recollection};

/// Which side opened the connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Role {
    /// This side, to sync this space.
    Initiator(SpaceId),
    /// The other side, which names the space.
    Acceptor,
}

/// When a session is finished.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Until {
    /// When each side holds what the other held when the session began.
    CaughtUp,
    /// When one side ends it.
    Stopped,
}

/// What a session is to be.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which side opened the connection.
    pub role: Role,
    /// This side's store.
    pub store: StoreIdentity,
    /// This side's key.
    pub key: ReplicaKey,
    /// 32 random bytes, different for every session.
    pub nonce: [u8; 32],
    /// When it is finished.
    pub until: Until,
    /// Whether this side sends its log.
    pub sends: bool,
    /// Whether this side receives the other's log.
    pub receives: bool,
    /// Whether the peer may send events of other replicas than its own.
    pub peer_may_relay: bool,
    /// How far ahead of the local clock a received event may be; `None` takes all.
    pub clock_ahead_max: Option<Duration>,
    /// The fingerprint of this side's schemas, if it has any.
    pub fingerprint: Option<[u8; 32]>,
}

/// The time, given with everything that happens.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Time since the session was made. Never goes back.
    pub elapsed: Duration,
    /// The wall clock.
    pub wall: UnixMillis,
}

/// One conversation about one space with one peer.
#[derive(Debug)]
pub struct Session {
    config: Config,
    phase: Phase,
    effects: VecDeque<Effect>,
    peer: Option<Greeting>,
    last_progress: Duration,
    caught_up: bool,
    final_progress: Progress,
}

#[derive(Debug)]
enum Phase {
    /// The peer's greeting is awaited.
    Greeting,
    /// What is known of the peer is being looked up. Its `Start` may come meanwhile.
    Recalling { peer: Box<Greeting>, early: Option<Start> },
    /// The peer's proof is awaited.
    Proving { peer: Box<Greeting>, known: Box<Recollection> },
    /// Logs are exchanged.
    Streaming(Box<Streams>),
    /// Over.
    Ended,
}

#[derive(Debug)]
struct Streams {
    sender: Option<Sender>,
    receiver: Option<Receiver>,
    send_target: Position,
    receive_target: Position,
    stopping: Option<Stopping>,
    doubted: Option<Claims>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stopping {
    /// This side ends the session and says so.
    Ours,
    /// The peer has said goodbye.
    Theirs,
}

impl Session {
    /// Begins a session. The initiator's greeting is among the first effects.
    pub fn new(config: Config) -> Self {
        let mut session = Self {
            config,
            phase: Phase::Greeting,
            effects: VecDeque::new(),
            peer: None,
            last_progress: Duration::ZERO,
            caught_up: false,
            final_progress: Progress::default(),
        };
        if let Role::Initiator(space) = &session.config.role {
            let hello = session.hello(space.clone());
            session.send(Frame::Hello(hello));
        }
        session
    }

    /// Takes note of something that happened.
    pub fn handle(&mut self, now: Now, input: Input) {
        if matches!(self.phase, Phase::Ended) {
            return;
        }
        if let Err(error) = self.step(now, input) {
            self.effects.extend(error.goodbye().map(Effect::Send));
            self.end(Err(error));
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

    /// When [`Input::DeadlinePassed`] is due, in time since the session was made.
    pub fn deadline(&self) -> Option<Duration> {
        match &self.phase {
            Phase::Greeting | Phase::Recalling { .. } | Phase::Proving { .. } => {
                Some(HANDSHAKE_WITHIN)
            }
            Phase::Streaming(streams) => {
                let waits = streams.sender.as_ref().is_some_and(Sender::awaits_ack);
                waits.then_some(self.last_progress + ACK_WITHIN)
            }
            Phase::Ended => None,
        }
    }

    /// How far the session has come.
    pub fn progress(&self) -> Progress {
        let Phase::Streaming(streams) = &self.phase else { return self.final_progress };
        let mut progress = Progress { caught_up: self.caught_up, ..Progress::default() };
        if let Some(sender) = &streams.sender {
            progress.events_sent = sender.events;
            progress.bytes_sent = sender.bytes;
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
            Input::Recalled(known) => self.recalled(now, *known)?,
            Input::Loaded(page) => self.loaded(now, page),
            Input::LogMoved(head) => {
                if let Some(sender) = self.sender() {
                    sender.log_moved(head);
                }
            }
            Input::Committed(appended) => self.committed(appended),
            Input::Refused(refusal) => return Err(refusal.into()),
            Input::StoreFailed => return Err(SessionError::Store),
            Input::DeadlinePassed => return self.check_deadline(now),
            Input::Stop => self.stop(),
        }
        self.proceed();
        Ok(())
    }

    fn receive(&mut self, now: Now, frame: Frame) -> Result<(), SessionError> {
        match frame {
            Frame::Goodbye(goodbye) => self.goodbye(goodbye),
            Frame::Hello(hello) => self.greeted(hello),
            Frame::Start(start) => self.started(now, start),
            Frame::Events(events) => self.received_events(now, events),
            Frame::Ack(ack) => self.received_ack(now, ack),
        }
    }

    fn greeted(&mut self, hello: Greeting) -> Result<(), SessionError> {
        if !matches!(self.phase, Phase::Greeting) {
            return Err(self.out_of_turn(&Frame::Hello(hello)));
        }
        if hello.protocol != PROTOCOL_VERSION {
            return Err(Violation::Protocol { theirs: hello.protocol }.into());
        }
        if hello.store.id == self.config.store.id || hello.replica == self.config.key.id() {
            return Err(Violation::SameStore.into());
        }
        if let Role::Initiator(space) = &self.config.role
            && *space != hello.space
        {
            return Err(Violation::SpaceChanged.into());
        }
        let (space, peer, replica) = (hello.space.clone(), hello.store, hello.replica);
        self.effects.push_back(Effect::Recall { space, peer, replica });
        self.peer = Some(hello.clone());
        self.phase = Phase::Recalling { peer: Box::new(hello), early: None };
        Ok(())
    }

    fn recalled(&mut self, now: Now, known: Recollection) -> Result<(), SessionError> {
        let (peer, early) = match &mut self.phase {
            Phase::Recalling { peer, early } => (peer.clone(), early.take()),
            Phase::Streaming(streams) => return streams.recalled_again(&known),
            _ => return Ok(()),
        };
        let own = self.hello(peer.space.clone());
        let resume = match known.cursor {
            Some(cursor) if cursor > Position::START => Resume::After(cursor),
            _ => Resume::Frontier(known.frontier.iter().map(|(id, head)| head.dot(*id)).collect()),
        };
        let start = Start {
            signature: self.config.key.sign(&self.transcript(&own, &peer, true)),
            resume,
            holds_of_you: known.peer_head.into(),
            head: known.head,
        };
        if self.config.role == Role::Acceptor {
            self.send(Frame::Hello(own));
        }
        self.send(Frame::Start(start));
        self.phase = Phase::Proving { peer, known: Box::new(known) };
        early.map_or(Ok(()), |start| self.started(now, start))
    }

    fn started(&mut self, now: Now, start: Start) -> Result<(), SessionError> {
        let (peer, known) = match &mut self.phase {
            Phase::Recalling { early: early @ None, .. } => {
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
        let mut streams = self.streams(&peer, &known, &start);
        let claims = Claims::of(&start);
        if claims.check(&known).is_err() {
            // Perhaps the store has grown since it was asked: it is asked once more.
            let (space, peer, replica) = (peer.space.clone(), peer.store, peer.replica);
            self.effects.push_back(Effect::Recall { space, peer, replica });
            streams.doubted = Some(claims);
        }
        self.phase = Phase::Streaming(Box::new(streams));
        self.last_progress = now.elapsed;
        Ok(())
    }

    fn streams(&self, peer: &Hello, known: &Recollection, start: &Start) -> Streams {
        let admission = Admission {
            peer: peer.replica,
            may_relay: self.config.peer_may_relay,
            clock_ahead_max: self.config.clock_ahead_max,
        };
        let from = known.cursor.unwrap_or(Position::START);
        let receiver = (self.config.receives && peer.sends)
            .then(|| Receiver::new(admission, peer.space.clone(), from, start.head));
        let sender = (self.config.sends && peer.receives)
            .then(|| Sender::new(self.config.key.id(), peer, &start.resume, known.head));
        Streams {
            sender,
            receiver,
            send_target: known.head,
            receive_target: start.head,
            stopping: None,
            doubted: None,
        }
    }

    fn received_events(&mut self, now: Now, events: Events) -> Result<(), SessionError> {
        if let Phase::Streaming(streams) = &mut self.phase
            && let Some(receiver) = &mut streams.receiver
        {
            // Whoever is about to end takes no more: it would never come to an end with a peer that
            // has much.
            return match streams.stopping {
                Some(_) => Ok(()),
                None => Ok(receiver.receive(events, now.wall)?),
            };
        }
        Err(self.out_of_turn(&Frame::Events(events)))
    }

    fn received_ack(&mut self, now: Now, ack: Ack) -> Result<(), SessionError> {
        let Some(sender) = self.sender() else {
            return Err(self.out_of_turn(&Frame::Ack(ack)));
        };
        if sender.acked(ack)? {
            self.last_progress = now.elapsed;
        }
        Ok(())
    }

    fn loaded(&mut self, now: Now, page: Page) {
        let Some(sender) = self.sender() else { return };
        let first = !sender.awaits_ack();
        if let Some(events) = sender.loaded(page) {
            self.send(Frame::Events(events));
            if first {
                self.last_progress = now.elapsed;
            }
        }
    }

    fn committed(&mut self, appended: u64) {
        let Phase::Streaming(streams) = &mut self.phase else { return };
        let ack = streams.receiver.as_mut().and_then(|receiver| receiver.committed(appended));
        if let Some(ack) = ack {
            self.send(Frame::Ack(ack));
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
        if goodbye.code == GoodbyeCode::CursorUnknown && matches!(self.phase, Phase::Streaming(_)) {
            // Dropping the cursor makes the next session resume by frontier. Only a peer that has
            // proved who it is can bring that about.
            let (blocks, cursor) = (Vec::new(), Position::START);
            self.effects.push_back(Effect::Commit { blocks, cursor });
        }
        match (goodbye.code, &mut self.phase) {
            (GoodbyeCode::Done, Phase::Streaming(streams)) => {
                streams.stopping = Some(Stopping::Theirs);
                Ok(())
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
            Some(deadline) if now.elapsed >= deadline => Err(match self.phase {
                Phase::Streaming(_) => SessionError::TimedOut {
                    waiting_for: "events were unacknowledged",
                    silent: ACK_WITHIN,
                },
                _ => SessionError::TimedOut {
                    waiting_for: "it should have introduced itself",
                    silent: HANDSHAKE_WITHIN,
                },
            }),
            _ => Ok(()),
        }
    }

    /// Asks for whatever the streams need next, and ends the session when it is finished.
    fn proceed(&mut self) {
        let Phase::Streaming(streams) = &mut self.phase else { return };
        if streams.doubted.is_some() {
            return;
        }
        let commit = streams.receiver.as_mut().and_then(Receiver::next_commit);
        self.effects.extend(commit.map(|(blocks, cursor)| Effect::Commit { blocks, cursor }));
        let caught_up = streams.is_caught_up();
        self.caught_up |= caught_up;
        if caught_up && self.config.until == Until::CaughtUp {
            streams.stopping.get_or_insert(Stopping::Ours);
        }
        let Some(stopping) = streams.stopping else {
            let want = streams.sender.as_mut().and_then(Sender::want);
            self.effects.extend(want.map(|want| match want {
                Want::Load(after) => Effect::Load(after),
                Want::Watch(past) => Effect::Watch(past),
            }));
            return;
        };
        if let Some(receiver) = &mut streams.receiver {
            if let Some((blocks, cursor)) = receiver.last_commit() {
                self.effects.push_back(Effect::Commit { blocks, cursor });
            }
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
        let hello = Hello {
            sends: self.config.sends,
            receives: self.config.receives,
            takes_relayed: self.config.peer_may_relay,
            fingerprint: self.config.fingerprint,
            ..Hello::new(self.config.store, self.config.key.id(), space, self.config.nonce)
        };
        hello.into()
    }

    /// What this side signs (`ours`), or the peer has signed.
    fn transcript(&self, own: &Greeting, peer: &Greeting, ours: bool) -> [u8; 32] {
        match self.config.role {
            Role::Initiator(_) => Greeting::transcript(own, peer, ours),
            Role::Acceptor => Greeting::transcript(peer, own, !ours),
        }
    }

    fn out_of_turn(&self, frame: &Frame) -> SessionError {
        let phase = match self.phase {
            Phase::Greeting => "before it introduced itself",
            Phase::Recalling { .. } | Phase::Proving { .. } => "before it proved its key",
            Phase::Streaming(_) => "while logs are exchanged",
            Phase::Ended => "after the end",
        };
        Violation::OutOfTurn { frame: frame.kind(), phase }.into()
    }
}

impl Streams {
    /// Checks the peer's claims once more, when they went beyond what was known before it made
    /// them.
    fn recalled_again(&mut self, known: &Recollection) -> Result<(), SessionError> {
        let Some(claims) = self.doubted.take() else { return Ok(()) };
        claims.check(known)?;
        if let Some(sender) = &mut self.sender {
            sender.log_moved(known.head);
        }
        Ok(())
    }

    fn is_caught_up(&self) -> bool {
        let sent = self.sender.as_ref().is_none_or(|sender| sender.is_done(self.send_target));
        let received = self.receiver.as_ref().is_none_or(|receiver| {
            receiver.is_settled() && receiver.received() >= self.receive_target
        });
        sent && received
    }
}

#[cfg(test)]
mod tests;
