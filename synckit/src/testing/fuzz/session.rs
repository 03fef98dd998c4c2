//! Sessions with a peer that says anything.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};

use super::notebook::{NOON, Notebook};
use crate::block::Block;
use crate::chain::CommitId;
use crate::clock::UnixMillis;
use crate::filter::{Filter, FilterPart};
use crate::id::{Name, Position, ReplicaId, SpaceId};
use crate::log::{Append, Cursor, Digest, Source, View};
use crate::schema::TypesText;
use crate::store::{Batch, EventStore, StoreError, StoreErrorKind};
use crate::sync::frame::{Ack, Events, Frame, GoodbyeCode, Holds, Rewind, Types};
use crate::sync::{
    Admittance, Config, Direction, Effect, Input, Now, Recollection, Role, Session, Until,
};

/// Blocks that are remembered for their signatures.
const CHECKED_MAX: usize = 4_096;
/// Most steps of a script.
const STEPS_MAX: usize = 128;
/// Most frames and answers until two sessions have nothing more to say.
const SETTLES_WITHIN: usize = 2_000;

/// Takes bytes for a script of what a peer says: frames as they are, changed, repeated, lost, or made up
/// around blocks that are signed, while time passes and the store fails. The session acknowledges only what
/// is committed, says nothing after its end, sends no frame that no transport carries, and comes to rest; the
/// store holds nothing that nobody wrote.
///
/// # Panics
/// When that is not so.
pub fn session(bytes: &[u8]) {
    let mut script = ScriptBytes(bytes);
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let mut table = FuzzTable::laid(&runtime, script.byte());
    for _ in 0..STEPS_MAX {
        if script.0.is_empty() {
            break;
        }
        table.step(&mut script);
    }
    table.settle();
    table.check();
}

/// Bytes that are still to be read; zeros follow them.
struct ScriptBytes<'a>(&'a [u8]);

impl<'a> ScriptBytes<'a> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn index(&mut self, length: usize) -> usize {
        usize::from(self.byte()) % length.max(1)
    }

    fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(u16::from_le_bytes([self.byte(), self.byte()]));
        let (bytes, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        bytes
    }
}

/// Logs of the two: the later part of each is written while they meet.
struct SignedLogs {
    seeds: [[u8; 32]; 2],
    blocks: [Vec<Block>; 2],
    commits: BTreeSet<CommitId>,
}

static SIGNED: LazyLock<SignedLogs> = LazyLock::new(|| {
    let mut books = [Notebook::of(1), Notebook::of(2)];
    let (mut blocks, mut seen) = ([Vec::new(), Vec::new()], Vec::new());
    for (nth, kind) in ["a", "b", "a", "c", "b", "a", "a", "b"].into_iter().enumerate() {
        let line = [(kind, "1", "note.set", None)];
        let block = books[nth % 2].write(&[], &[&line, &line]);
        seen.push(block.clone());
        blocks[nth % 2].push(block);
    }
    let commits = seen.iter().flat_map(|block| block.commits()).map(|commit| commit.id).collect();
    SignedLogs { seeds: books.map(|book| book.seed), blocks, commits }
});

/// The session that is tried, and that of its peer, through whose hands all goes.
struct FuzzTable<'r> {
    runtime: &'r Runtime,
    desks: [FuzzDesk; 2],
    at: Duration,
    /// The last frame that was heard.
    heard: Option<Frame>,
}

struct FuzzDesk {
    store: EventStore,
    session: Session,
    said: VecDeque<Frame>,
    asked: VecDeque<Effect>,
    watching: Option<Position>,
    /// Blocks that have been written.
    written: usize,
    ended: bool,
    hung_up: bool,
}

/// The one that is tried, and its peer.
const ANN: usize = 0;
const BOB: usize = 1;

impl<'r> FuzzTable<'r> {
    /// Two stores that are about to meet.
    fn laid(runtime: &'r Runtime, choice: u8) -> Self {
        let [ann, bob] = SIGNED.seeds.map(|seed| EventStore::in_memory_as(&seed));
        let filter = (choice & 1 != 0).then(|| {
            let kind = Name::new("a").expect("a valid name");
            Filter::new().part(FilterPart::new().kind(kind))
        });
        let space = SpaceId::default();
        if let Some(filter) = &filter {
            runtime.block_on(ann.narrow(&space, filter.clone())).expect("an empty store");
        }
        let roles = [Role::Initiator(space), Role::Acceptor];
        let roles = if choice & 2 == 0 {
            roles
        } else {
            let [a, b] = roles;
            [b, a]
        };
        let until = if choice & 4 == 0 { Until::Stopped } else { Until::CaughtUp };
        let direction = match choice >> 3 & 3 {
            0 => Direction::Push,
            1 => Direction::Pull,
            _ => Direction::Both,
        };
        let [role, peers] = roles;
        let mut config = Config::new(role, ann.key(), UnixMillis::new(NOON), [3; 32]);
        (config.until, config.direction, config.filter) = (until, direction, filter);
        config.has_door = choice & 32 != 0;
        config.commit_events_max = if choice & 64 == 0 { usize::MAX } else { 1 };
        let mut peer = Config::new(peers, bob.key(), UnixMillis::new(NOON), [4; 32]);
        peer.until = Until::Stopped;
        (config.types, peer.types) = (Some(types(ANN)), Some(types(BOB)));
        let desks = [(ann, config), (bob, peer)].map(|(store, config)| FuzzDesk {
            store,
            session: Session::new(config),
            said: VecDeque::new(),
            asked: VecDeque::new(),
            watching: None,
            written: 0,
            ended: false,
            hung_up: false,
        });
        let mut table = Self { runtime, desks, at: Duration::ZERO, heard: None };
        for side in [ANN, BOB] {
            (0..2).for_each(|_| table.write(side));
            table.take_effects(side);
        }
        table
    }

    fn step(&mut self, script: &mut ScriptBytes<'_>) {
        match script.byte() % 16 {
            0..=3 => drop(self.carry()),
            4 => drop(self.answer(ANN)),
            5 => {
                if let Some(frame) = self.desks[BOB].said.pop_front() {
                    self.hear_changed(&frame, script);
                }
            }
            6 => self.hear_bytes(script.bytes()),
            7 => {
                if let Some(frame) = self.heard.clone() {
                    self.hear(frame);
                }
            }
            8 => drop(self.desks[BOB].said.pop_front()),
            9 => {
                self.at += Duration::from_secs(u64::from(script.byte()));
                let is_due = |deadline| deadline <= self.at;
                if self.desks[ANN].session.deadline().is_some_and(is_due) {
                    self.tell(ANN, Input::DeadlinePassed);
                }
            }
            10 => self.hear_events(script),
            11 => self.hear_word(script),
            12 => self.write(ANN),
            13 => self.write(BOB),
            14 => self.fail(script),
            _ => self.settle(),
        }
    }

    /// Frames with blocks that somebody has signed, at places that somebody makes up.
    fn hear_events(&mut self, script: &mut ScriptBytes<'_>) {
        let log = self.log(BOB);
        let cursors: Vec<_> = log.iter().map(crate::log::LogBlock::cursor).collect();
        let mut through = match cursors.get(script.index(cursors.len() + 1)) {
            Some(cursor) => *cursor,
            None => Cursor { position: Position(u64::from(script.byte())), digest: Digest::START },
        };
        if script.byte() & 7 == 0 {
            through.position = Position(u64::MAX - u64::from(script.byte()));
        }
        let head = match script.byte() {
            255 => Position(u64::MAX),
            head => Position(u64::from(head)),
        };
        let all: Vec<_> = SIGNED.blocks.iter().flatten().collect();
        let count = script.index(5);
        let mut blocks: Vec<Bytes> =
            (0..count).map(|_| all[script.index(all.len())].bytes().clone()).collect();
        if script.byte() & 15 == 0 {
            blocks.push(Bytes::copy_from_slice(script.bytes()));
        }
        self.hear(Frame::Events(Events::new(through, head, blocks)));
    }

    fn hear_word(&mut self, script: &mut ScriptBytes<'_>) {
        let position = |byte| match byte {
            255 => Position(u64::MAX),
            byte => Position(u64::from(byte)),
        };
        let frame = match script.byte() % 5 {
            0 => Frame::Rewind(Rewind {}),
            1 => {
                let all: Vec<_> = SIGNED.commits.iter().copied().collect();
                let count = script.index(all.len() + 1);
                Frame::Holds(Holds { commits: all[..count].to_vec() })
            }
            2 => {
                let code = GoodbyeCode::ALL[script.index(GoodbyeCode::ALL.len())];
                Frame::goodbye(code, "said by a script")
            }
            3 => Frame::Types(Types { text: types(script.index(3)) }),
            _ => {
                let (through, end) = (position(script.byte()), position(script.byte()));
                Frame::Ack(Ack { end, ..Ack::new(through) })
            }
        };
        self.hear(frame);
    }

    /// A frame of which a byte is another one, or which is cut.
    fn hear_changed(&mut self, frame: &Frame, script: &mut ScriptBytes<'_>) {
        let mut bytes = frame.encode().expect("a frame that was said").to_vec();
        for _ in 0..=script.index(3) {
            let at = usize::from(u16::from_le_bytes([script.byte(), script.byte()])) % bytes.len();
            bytes[at] ^= script.byte();
        }
        self.hear_bytes(&bytes);
    }

    fn hear_bytes(&mut self, bytes: &[u8]) {
        if let Ok(frame) = Frame::decode(Bytes::copy_from_slice(bytes)) {
            self.hear(frame);
        }
    }

    fn hear(&mut self, frame: Frame) {
        self.heard = Some(frame.clone());
        self.tell(ANN, Input::Received(frame));
    }

    /// Something goes wrong on this side, or is asked for.
    fn fail(&mut self, script: &mut ScriptBytes<'_>) {
        let input = match script.byte() % 8 {
            0 => Input::Stop,
            1 => Input::Disconnected,
            2 => Input::StoreFailed { damaged: script.byte() & 1 == 0 },
            // Times at which nothing is due, and a log that has not moved, harm nothing.
            3 => Input::DeadlinePassed,
            _ => Input::LogMoved(self.head(ANN)),
        };
        self.tell(ANN, input);
    }

    /// Appends a block of one's own, if there is one left.
    fn write(&mut self, side: usize) {
        let Some(block) = SIGNED.blocks[side].get(self.desks[side].written) else { return };
        self.desks[side].written += 1;
        let append = vec![Append { block: block.clone(), source: Source::Local }];
        let batch = Batch { append, ..Batch::new(SpaceId::default()) };
        // A peer that has got hold of it may have sent it already.
        if let Err(error) = self.runtime.block_on(self.desks[side].store.commit(batch)) {
            super::show(&error);
        }
    }

    fn settle(&mut self) {
        for _ in 0..SETTLES_WITHIN {
            if !self.carry() {
                return;
            }
        }
        panic!("the sessions do not come to rest");
    }

    /// Moves everything that waits, each once; whether there was anything.
    fn carry(&mut self) -> bool {
        let mut moved = false;
        for (from, to) in [(ANN, BOB), (BOB, ANN)] {
            moved |= self.wake(from);
            while self.answer(from) {
                moved = true;
            }
            while let Some(frame) = self.desks[from].said.pop_front() {
                if to == ANN {
                    self.heard = Some(frame.clone());
                }
                self.tell(to, Input::Received(frame));
                moved = true;
            }
            if self.desks[from].ended && !std::mem::replace(&mut self.desks[from].hung_up, true) {
                self.tell(to, Input::Disconnected);
                moved = true;
            }
        }
        moved
    }

    fn wake(&mut self, side: usize) -> bool {
        let head = self.head(side);
        let moved = self.desks[side].watching.take_if(|past| *past < head).is_some();
        if moved {
            self.tell(side, Input::LogMoved(head));
        }
        moved
    }

    fn tell(&mut self, side: usize, input: Input) {
        let wall = UnixMillis::new(NOON).plus(self.at);
        self.desks[side].session.handle(Now { elapsed: self.at, wall }, input);
        self.take_effects(side);
    }

    fn take_effects(&mut self, side: usize) {
        while let Some(effect) = self.desks[side].session.poll() {
            let desk = &mut self.desks[side];
            assert!(!desk.ended, "after the end: {effect:?}");
            match effect {
                Effect::Send(frame) => {
                    frame.encode().expect("a frame that a transport carries");
                    if let Frame::Ack(ack) = &frame {
                        self.is_committed(side, ack.through);
                    }
                    self.desks[side].said.push_back(frame);
                }
                Effect::Watch(past) => desk.watching = Some(past),
                Effect::End(result) => {
                    desk.ended = true;
                    if let Err(error) = result {
                        super::show(&error);
                    }
                }
                ask => desk.asked.push_back(ask),
            }
        }
    }

    /// Checks that the log of the peer is followed so far, durably.
    fn is_committed(&self, side: usize, through: Position) {
        let desk = &self.desks[side];
        let peer = desk.session.peer().expect("the peer was heard").replica;
        let cursor = self.runtime.block_on(desk.store.cursor(&SpaceId::default(), &peer));
        let stored = cursor.expect("a cursor is read").map_or(Position::START, |it| it.position);
        assert!(stored >= through, "acknowledged {through} and stored {stored}");
    }

    /// The store answers the oldest question; false when nothing was asked.
    fn answer(&mut self, side: usize) -> bool {
        let Some(ask) = self.desks[side].asked.pop_front() else { return false };
        let answering = answer(&self.desks[side], ask);
        let input = match self.runtime.block_on(answering) {
            Ok(input) => input,
            Err(error) => match error.kind() {
                StoreErrorKind::Refused(refusal) => Input::Refused(refusal.clone()),
                _ => panic!("a store in memory failed: {error:#}"),
            },
        };
        self.tell(side, input);
        true
    }

    fn head(&self, side: usize) -> Position {
        let space = SpaceId::default();
        let head = self.runtime.block_on(self.desks[side].store.head(&space));
        head.expect("a store in memory")
    }

    fn log(&self, side: usize) -> Vec<crate::log::LogBlock> {
        let space = SpaceId::default();
        let page = self.desks[side].store.read_after(&space, Position::START);
        self.runtime.block_on(page).expect("a store in memory").blocks
    }

    /// Whatever was said, the store holds what the two wrote, and nothing else.
    fn check(&self) {
        for log in self.log(ANN) {
            check_signatures(&log.block);
            for commit in log.block.commits() {
                assert!(SIGNED.commits.contains(&commit.id), "nobody wrote {:?}", commit.id);
            }
        }
    }
}

/// Checks the signatures of a block, unless those of the same bytes have been.
fn check_signatures(block: &Block) {
    static CHECKED: Mutex<BTreeSet<Bytes>> = Mutex::new(BTreeSet::new());
    let mut checked = CHECKED.lock().unwrap_or_else(PoisonError::into_inner);
    if !checked.contains(block.bytes()) {
        block.check_authors_of_part().expect("signed by its authors");
        if checked.len() == CHECKED_MAX {
            checked.clear();
        }
        checked.insert(block.bytes().clone());
    }
}

/// Types that somebody tells.
fn types(side: usize) -> TypesText {
    TypesText::new(&format!("// of {side}")).expect("a short text")
}

async fn answer(desk: &FuzzDesk, ask: Effect) -> Result<Input, StoreError> {
    let (store, space) = (&desk.store, SpaceId::default());
    Ok(match ask {
        Effect::Admit { .. } => Input::Admitted(Ok(Admittance::default())),
        Effect::Recall { space, peer, types } => {
            let lacks_types = types.is_some();
            let known = recall(store, &space, &peer).await?;
            Input::Recalled(Box::new(Recollection { lacks_types, ..known }))
        }
        Effect::Keep(types) => {
            store.keep_types(&space, &types).await?;
            Input::Kept
        }
        Effect::Check { cursor, in_part } => {
            Input::Checked(store.is_given(&space, cursor, in_part).await?)
        }
        Effect::Cover(commits) => Input::Covered(store.cover(&space, &commits).await?),
        Effect::Frontier => Input::Frontier(store.frontier(&space).await?),
        Effect::Load(after) => {
            let page = store.read_after(&space, after).await?;
            Input::Loaded { page, own_keys: store.own_keys() }
        }
        Effect::Trace { filter, reader, lines } => {
            let view = View { filter: Some(filter), reader: Some(reader), writers: None };
            Input::Traced(store.trace(&space, &view, &lines).await?)
        }
        Effect::Commit { blocks, hidden, cursor, .. } => {
            let peer = desk.session.peer().expect("the peer was heard").replica;
            let (source, start) = (Source::Peer, store.head(&space).await?);
            let append = blocks.into_iter().map(|block| Append { block, source }).collect();
            let cursor = Some((peer, cursor));
            store
                .commit(Batch { append, hidden, cursor, ..Batch::new(space) })
                .await
                .map(|committed| Input::Committed { start, end: committed.head, ruled: false })?
        }
        other => panic!("no store answers {other:?}"),
    })
}

async fn recall(
    store: &EventStore,
    space: &SpaceId,
    peer: &ReplicaId,
) -> Result<Recollection, StoreError> {
    let cursor = store.cursor(space, peer).await?;
    let cursor = cursor.filter(|cursor| cursor.position > Position::START);
    let (frontier, head) = (store.frontier(space).await?, store.head(space).await?);
    let part = store.part(space).await?;
    Ok(Recollection { cursor, frontier, head, part, lacks_types: false })
}

/// Scripts of sound sessions, and of what may go wrong in them.
pub(super) fn samples() -> Vec<Vec<u8>> {
    let sound: Vec<u8> = vec![0, 0, 0, 13, 0, 12, 0, 15];
    let lies: Vec<u8> = vec![0, 0, 10, 1, 1, 4, 2, 4, 5, 1, 10, 9, 8, 0, 9, 2, 1, 3, 15];
    let words: Vec<u8> =
        vec![0, 0, 4, 11, 3, 2, 4, 0, 11, 1, 9, 11, 0, 4, 7, 13, 5, 2, 30, 0, 8, 15];
    let fails: Vec<u8> = vec![0, 4, 9, 200, 0, 14, 4, 8, 0, 14, 0, 15];
    let frame = Frame::Ack(Ack::new(Position(4))).encode().expect("a short frame");
    let length = u16::try_from(frame.len()).expect("a short frame").to_le_bytes();
    let raw = [&[0, 0, 6][..], &length, &frame, &[15]].concat();
    let scripts = [sound, lies, words, fails, raw];
    let choices = [0u8, 1, 2, 16, 17, 19, 22, 48, 81, 83];
    let all = choices.iter().flat_map(|choice| scripts.iter().map(move |script| (choice, script)));
    all.map(|(choice, script)| [&[*choice], &script[..]].concat()).collect()
}
