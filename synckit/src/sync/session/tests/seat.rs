//! Two peers at a table: a store and a session each, and every effect told in words.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;

use super::filters::predicates;
use super::ledger::Ledger;
use crate::block::Block;
use crate::chain::CommitId;
use crate::clock::UnixMillis;
use crate::envelope::Context;
use crate::id::Position;
use crate::log::{Cursor, Digest, View};
use crate::sync::frame::{Ack, Events, Frame, FrameKind, GoodbyeCode, Resume};
use crate::sync::{
    Admittance, Config, Effect, Input, Now, Role, Session, SessionError, Until, Violation,
};

/// A store and its session.
pub(super) struct Seat {
    pub(super) ledger: Ledger,
    pub(super) session: Session,
    /// Time since the session began.
    pub(super) at: Duration,
    /// Frames that the other side has not heard yet.
    pub(super) said: VecDeque<Frame>,
    /// Requests of the session to its store that have no answer yet, watches left out.
    pub(super) asked: VecDeque<Effect>,
    /// The positions from which the log was read.
    pub(super) loads: Vec<Position>,
    /// The end of the session.
    pub(super) ended: Option<Result<(), SessionError>>,
    last_said: Option<Frame>,
    watching: Option<Position>,
    hung_up: bool,
}

impl Seat {
    pub(super) fn new(config: Config, ledger: Ledger) -> Self {
        let mut seat = Self {
            ledger,
            session: Session::new(config),
            at: Duration::ZERO,
            said: VecDeque::new(),
            asked: VecDeque::new(),
            loads: Vec::new(),
            ended: None,
            last_said: None,
            watching: None,
            hung_up: false,
        };
        seat.take_effects();
        seat
    }

    /// A frame arrives; what the session then does.
    pub(super) fn hears(&mut self, frame: Frame) -> Vec<String> {
        self.told(Input::Received(frame))
    }

    /// Something happens; what the session then does.
    pub(super) fn told(&mut self, input: Input) -> Vec<String> {
        let now = Now { elapsed: self.at, wall: noon().plus(self.at) };
        self.session.handle(now, input);
        self.take_effects()
    }

    /// The store answers the oldest question; what the session then does. `None` when nothing was
    /// asked.
    pub(super) fn answers(&mut self) -> Option<Vec<String>> {
        let input = match self.asked.pop_front()? {
            Effect::Admit { .. } => Input::Admitted(Ok(Admittance::default())),
            Effect::Recall { peer, types, .. } => {
                Input::Recalled(Box::new(self.ledger.recall(&peer, types)))
            }
            Effect::Keep(types) => {
                self.ledger.types.insert(*types.hash(), types);
                Input::Kept
            }
            Effect::Check { cursor, in_part } => Input::Checked(self.ledger.check(cursor, in_part)),
            Effect::Cover(commits) => Input::Covered(self.ledger.cover(&commits)),
            Effect::Frontier => Input::Frontier(self.ledger.frontier()),
            Effect::Load(after) => {
                self.loads.push(after);
                self.loaded(after)
            }
            Effect::Trace { filter, reader, lines } => {
                let view = View { filter: Some(filter), reader: Some(reader), writers: None };
                Input::Traced(self.ledger.trace(&view, &lines))
            }
            Effect::Commit { blocks, hidden, cursor, .. } => {
                let peer = self.session.peer().unwrap().replica;
                match self.ledger.commit_part(&blocks, &hidden, peer, cursor) {
                    Ok((start, end)) => Input::Committed { start, end, ruled: false },
                    Err(refusal) => Input::Refused(refusal),
                }
            }
            other => panic!("no store answers {other:?}"),
        };
        Some(self.told(input))
    }

    /// Commits a few events locally, one at a time, and lets the session know.
    pub(super) fn writes(&mut self, count: usize) -> Vec<String> {
        self.ledger.write_notes(noon().plus(self.at), count);
        self.wakes()
    }

    /// Commits one event of so many bytes locally, `count` times, and lets the session know.
    pub(super) fn writes_large(&mut self, bytes: usize, count: usize) -> Vec<String> {
        for _ in 0..count {
            let payload = Bytes::from(vec![7; bytes]);
            self.ledger.write(noon().plus(self.at), &Context::new(), &[payload]);
        }
        self.wakes()
    }

    /// Answers a watch if the log has moved.
    pub(super) fn wakes(&mut self) -> Vec<String> {
        let head = self.ledger.head();
        match self.watching.take_if(|past| *past < head) {
            Some(_) => self.told(Input::LogMoved(head)),
            None => Vec::new(),
        }
    }

    /// The next frame it said, which has to be of this kind.
    pub(super) fn next(&mut self, kind: FrameKind) -> Frame {
        let frame = self.said.pop_front().unwrap();
        assert_eq!(frame.kind(), kind);
        frame
    }

    /// A frame as this side would send it: the whole of its log, whatever its session has sent.
    pub(super) fn whole_log(&self) -> Events {
        let page = self.ledger.read_after(Position::START);
        let blocks = page.blocks.iter().map(|log| log.block.bytes().clone()).collect();
        Events::new(self.ledger.end(), page.head, blocks)
    }

    fn loaded(&self, after: Position) -> Input {
        let own_keys = self.ledger.own_keys();
        Input::Loaded { page: self.ledger.read_after(after), own_keys }
    }

    /// The session is over, and nothing that happens makes it do anything.
    pub(super) fn assert_over(&mut self) {
        assert!(self.ended.is_some(), "the session goes on");
        assert_eq!(self.session.deadline(), None);
        let anything = [
            Input::Disconnected,
            Input::Committed { start: Position(0), end: Position(1), ruled: false },
            Input::LogMoved(Position(99)),
            self.loaded(Position::START),
            Input::Received(Frame::Events(self.whole_log())),
            Input::StoreFailed { damaged: false },
            Input::DeadlinePassed,
            Input::Stop,
        ];
        for input in anything {
            assert_eq!(self.told(input.clone()), NOTHING, "after the end: {input:?}");
        }
    }

    fn take_effects(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        while let Some(effect) = self.session.poll() {
            assert!(self.ended.is_none(), "after the end: {effect:?}");
            told.push(tell(&effect));
            match effect {
                Effect::Send(frame) => {
                    self.last_said = Some(frame.clone());
                    self.said.push_back(frame);
                }
                Effect::Watch(past) => self.watching = Some(past),
                Effect::End(result) => self.ended = Some(result),
                ask => self.asked.push_back(ask),
            }
        }
        told
    }
}

/// The wall clock when every story begins.
pub(super) fn noon() -> UnixMillis {
    UnixMillis::new(1_700_000_000_000)
}

pub(super) const NOTHING: [&str; 0] = [];

/// Two seats that are about to meet: the first opens the connection. Both sync both ways until
/// stopped unless `change` says otherwise.
pub(super) fn meet_with(
    ann: Ledger,
    bob: Ledger,
    change: impl FnOnce(&mut Config, &mut Config),
) -> (Seat, Seat) {
    let mut configs =
        (config(&ann, Role::Initiator(ann.space.clone())), config(&bob, Role::Acceptor));
    change(&mut configs.0, &mut configs.1);
    (Seat::new(configs.0, ann), Seat::new(configs.1, bob))
}

pub(super) fn meet(ann: Ledger, bob: Ledger) -> (Seat, Seat) {
    meet_with(ann, bob, |_, _| ())
}

/// Two seats after the handshake, with nothing loaded or sent yet.
pub(super) fn streaming(ann: Ledger, bob: Ledger) -> (Seat, Seat) {
    streaming_with(ann, bob, |_, _| ())
}

pub(super) fn streaming_with(
    ann: Ledger,
    bob: Ledger,
    change: impl FnOnce(&mut Config, &mut Config),
) -> (Seat, Seat) {
    let (mut ann, mut bob) = meet_with(ann, bob, change);
    bob.hears(ann.next(FrameKind::Hello));
    bob.answers();
    ann.hears(bob.next(FrameKind::Hello));
    ann.answers();
    ann.hears(bob.next(FrameKind::Start));
    bob.hears(ann.next(FrameKind::Start));
    // Where each is to begin in its log is looked up.
    for seat in [&mut ann, &mut bob] {
        if matches!(seat.asked.front(), Some(Effect::Cover(_))) {
            seat.answers();
        }
    }
    (ann, bob)
}

/// Two stores that have synced, and the sessions in which they did, still live.
pub(super) fn settled(ann: Ledger, bob: Ledger) -> (Seat, Seat) {
    let (mut ann, mut bob) = meet(ann, bob);
    settle(&mut ann, &mut bob);
    (ann, bob)
}

/// Carries frames and answers questions until nothing moves; a connection closes when a side has
/// ended.
pub(super) fn settle(ann: &mut Seat, bob: &mut Seat) {
    while carry(ann, bob) | carry(bob, ann) {}
}

/// Moves everything that `from` waits for; whether there was anything.
fn carry(from: &mut Seat, to: &mut Seat) -> bool {
    let mut moved = !from.wakes().is_empty();
    while from.answers().is_some() {
        moved = true;
    }
    while let Some(frame) = from.said.pop_front() {
        to.hears(frame);
        moved = true;
    }
    if from.ended.is_some() && !from.hung_up {
        from.hung_up = true;
        to.told(Input::Disconnected);
        moved = true;
    }
    moved
}

/// The session ended with this error, told the peer so, and does nothing any more.
pub(super) fn assert_ended(seat: &mut Seat, error: SessionError, said: GoodbyeCode) {
    assert_eq!(seat.ended, Some(Err(error)));
    match &seat.last_said {
        Some(Frame::Goodbye(goodbye)) => assert_eq!(goodbye.code, said),
        other => panic!("the last word was {other:?}"),
    }
    seat.assert_over();
}

/// The session ended because of what the peer did, told it so, and does nothing any more.
pub(super) fn assert_misbehaved(seat: &mut Seat, violation: Violation) {
    assert_ended(seat, SessionError::PeerMisbehaved(violation), GoodbyeCode::Violation);
}

pub(super) fn with_notes(name: &str, count: usize) -> Ledger {
    let mut ledger = Ledger::named(name);
    ledger.write_notes(noon(), count);
    ledger
}

/// A part of this side's log, in commits.
pub(super) fn part(of: &Seat, commits: Range<usize>) -> Frame {
    let through = of.ledger.blocks[commits.end - 1].cursor();
    let blocks = of.ledger.blocks[commits].iter().map(|log| log.block.bytes().clone()).collect();
    Frame::Events(Events::new(through, of.ledger.head(), blocks))
}

pub(super) fn empty(through: u64, head: u64) -> Frame {
    Frame::Events(Events::new(cursor(through), Position(head), Vec::new()))
}

/// A place of no log that anybody has.
pub(super) const fn cursor(position: u64) -> Cursor {
    Cursor { position: Position(position), digest: Digest::START }
}

pub(super) fn position(cursor: Option<Cursor>) -> Option<Position> {
    cursor.map(|cursor| cursor.position)
}

/// The commits that a side holds.
pub(super) fn held(seat: &Seat) -> BTreeSet<CommitId> {
    seat.ledger.commits().copied().collect()
}

pub(super) const fn ack(through: u64) -> Frame {
    Frame::Ack(Ack::new(Position(through)))
}

fn config(ledger: &Ledger, role: Role) -> Config {
    let nonce = *blake3::hash(ledger.replica().as_bytes()).as_bytes();
    Config {
        until: Until::Stopped,
        filter: ledger.filter.clone(),
        predicates: predicates(),
        ..Config::new(role, ledger.key.clone(), noon(), nonce)
    }
}

fn tell(effect: &Effect) -> String {
    match effect {
        Effect::Send(Frame::Hello(_)) => "says hello".into(),
        Effect::Send(Frame::Start(start)) => match &start.resume {
            Resume::After(cursor) => format!("says start after {}", cursor.position),
            Resume::Frontier(commits) => format!("says start by frontier of {}", commits.len()),
        },
        Effect::Send(Frame::Types(_)) => "tells its types".into(),
        Effect::Keep(_) => "keeps types".into(),
        Effect::Send(Frame::Rewind(_)) => "says that it does not know the cursor".into(),
        Effect::Send(Frame::Holds(holds)) => format!("says that it holds {}", holds.commits.len()),
        Effect::Send(Frame::Events(Events { through, head, blocks, .. })) => {
            let count = |bytes: &Bytes| Block::parse(bytes.clone()).unwrap().len();
            let events: usize = blocks.iter().map(count).sum();
            format!("sends {events} events through {} of {head}", through.position)
        }
        Effect::Send(Frame::Ack(ack)) => format!("acks {}", ack.through),
        Effect::Send(Frame::Goodbye(goodbye)) => format!("says goodbye: {:?}", goodbye.code),
        Effect::Admit { .. } => "asks who comes in".into(),
        Effect::Recall { .. } => "recalls".into(),
        Effect::Check { cursor, .. } => format!("checks {}", cursor.position),
        Effect::Cover(commits) => format!("looks for {}", commits.len()),
        Effect::Frontier => "asks what it holds".into(),
        Effect::Load(after) => format!("loads after {after}"),
        Effect::Watch(past) => format!("watches past {past}"),
        Effect::Trace { lines, .. } => format!("follows {} lines", lines.ends.len()),
        Effect::Commit { blocks, cursor, .. } => {
            let events: usize = blocks.iter().map(Block::len).sum();
            format!("commits {events} events with cursor {}", cursor.position)
        }
        Effect::End(Ok(())) => "ends".into(),
        Effect::End(Err(_)) => "fails".into(),
    }
}
