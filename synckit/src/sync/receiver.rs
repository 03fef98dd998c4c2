//! The receiving half of a session: persist, then acknowledge.

use std::collections::VecDeque;
use std::time::Duration;

use super::frame::{Ack, Events};
use super::limits::{
    CURSOR_BEHIND_MAX, FRAME_BLOCKS_MAX, FRAME_BYTES_MAX, VAIN_TRIES_MAX, WAITS_FOR_OTHERS,
    WINDOW_BYTES_MAX,
};
use super::marks::LineMarks;
use super::session::Effect;
use super::violation::Violation;
use crate::block::Block;
use crate::filter::Filter;
use crate::id::{AggregateId, Dot, Position, SpaceId};
use crate::log::{Cursor, Hidden, Refusal, Witness};

/// The receiving half: what has been received, and what of it is committed.
#[derive(Debug)]
pub(super) struct Receiver {
    space: SpaceId,
    /// The peer to a store that receives a part of its log: the store's filter hides the rest. None if it receives
    /// everything.
    witness: Option<Witness>,
    /// Lines that are taken for granted of what is hidden; none if the peer holds a part itself.
    marks: Option<LineMarks>,
    /// Events after which a commit takes no further frame.
    pub(super) commit_events_max: usize,
    pending: VecDeque<ArrivedFrame>,
    received: Cursor,
    /// The last place in the peer's log that is durable there, of those that have been received.
    durable: Cursor,
    committing: Option<Committing>,
    waiting: Option<SetAside>,
    stored: Cursor,
    /// The last cursor that was committed: the place to resume from.
    kept: Cursor,
    peer_head: Position,
    /// Nothing has been received since the session began.
    untouched: bool,
    /// Events that were new here in this session.
    pub(super) events: u64,
    /// Bytes of blocks received in this session.
    pub(super) bytes: u64,
}

/// A frame's blocks, and the place in the peer's log that they reach.
#[derive(Debug)]
struct ArrivedFrame {
    through: Cursor,
    /// The place to resume from.
    durable: Cursor,
    blocks: Vec<Block>,
    hidden: Hidden,
    bytes: usize,
    memory: usize,
}

#[derive(Debug)]
struct Committing {
    through: Cursor,
    /// The place to resume from.
    cursor: Cursor,
    /// Kept to take those before one that is refused; not by a part whose peer holds everything, and sends all that
    /// something rests on before it.
    blocks: Vec<Block>,
    hidden: Hidden,
    bytes: usize,
    memory: usize,
    acknowledge: bool,
    /// None before it has had to wait.
    patience: Option<Patience>,
}

/// A commit that rests on something that others may be about to bring.
#[derive(Debug)]
struct SetAside {
    commit: Committing,
    patience: Patience,
    refusal: Refusal,
    /// The end of this side's log, as far as the session knew, when the commit was refused.
    past: Position,
    /// The log's growth has been asked for.
    watches: bool,
}

#[derive(Clone, Copy, Debug)]
struct Patience {
    /// The time in the session at which it ends.
    until: Duration,
    vain_tries: u32,
}

impl Receiver {
    pub(super) fn new(
        space: SpaceId,
        witness: Option<Witness>,
        commit_events_max: usize,
        (from, peer_head): (Cursor, Position),
    ) -> Self {
        let marks =
            if from == Cursor::START { LineMarks::from_beginning() } else { LineMarks::default() };
        Self {
            space,
            witness,
            marks: (witness == Some(Witness::Whole)).then_some(marks),
            commit_events_max,
            pending: VecDeque::new(),
            received: from,
            durable: from,
            committing: None,
            waiting: None,
            stored: from,
            kept: from,
            peer_head,
            untouched: true,
            events: 0,
            bytes: 0,
        }
    }

    pub(super) const fn received(&self) -> Position {
        self.received.position
    }

    pub(super) const fn peer_head(&self) -> Position {
        self.peer_head
    }

    /// True if everything received has been committed.
    pub(super) fn is_settled(&self) -> bool {
        self.committing.is_none() && self.waiting.is_none() && self.pending.is_empty()
    }

    /// Bytes of memory, roughly, of what is not committed.
    pub(super) fn memory(&self) -> usize {
        let pending: usize = self.pending.iter().map(|arrived| arrived.memory).sum();
        let taken = self.taken().map(|commit| commit.memory).sum::<usize>();
        pending + taken
    }

    pub(super) const fn is_committing(&self) -> bool {
        self.committing.is_some()
    }

    /// True when the place in the peer's log is certain: it began at the beginning, or the peer has
    /// accepted the cursor by going on from there. A cursor of another log may read the same.
    pub(super) fn is_placed(&self) -> bool {
        !self.untouched || self.received.position == Position::START
    }

    /// True when it is the peer's turn: to say whether it knows the cursor, or to send more of its
    /// log. While something is being committed it may wait for the acknowledgement.
    pub(super) fn awaits_events(&self) -> bool {
        let behind = self.received() < self.peer_head;
        self.is_settled() && (behind || !self.is_placed())
    }

    /// The peer does not know the cursor, and begins at the beginning; whether it may.
    pub(super) fn rewind(&mut self) -> bool {
        let may = self.untouched && self.received.position > Position::START;
        if may {
            (self.received, self.stored) = (Cursor::START, Cursor::START);
            (self.durable, self.kept) = (Cursor::START, Cursor::START);
            self.marks.iter_mut().for_each(|marks| *marks = LineMarks::from_beginning());
        }
        may
    }

    /// Checks and takes a frame, of which nothing is kept when something in it is about other aggregates
    /// than the peer may write. True when there is.
    pub(super) fn receive(
        &mut self,
        events: Events,
        writes: Option<&Filter>,
    ) -> Result<bool, Violation> {
        self.untouched = false;
        let (found, from, to) = (events.through.position, self.received(), events.head);
        if !(from..=to).contains(&found) {
            return Err(Violation::ImpossiblePosition { found, from, to });
        }
        let bytes: usize = events.blocks.iter().map(bytes::Bytes::len).sum();
        let pending: usize = self.pending.iter().map(|arrived| arrived.bytes).sum();
        let taken: usize = self.taken().map(|commit| commit.bytes).sum();
        let unacked = bytes + pending + taken;
        if unacked > WINDOW_BYTES_MAX + FRAME_BYTES_MAX || events.blocks.len() > FRAME_BLOCKS_MAX {
            return Err(Violation::WindowExceeded);
        }
        let (mut blocks, mut memory) = (Vec::with_capacity(events.blocks.len()), 0);
        for block in events.blocks {
            let block = Block::parse(block).map_err(Violation::BadBlock)?;
            if *block.space() != self.space {
                return Err(Violation::SpaceChanged);
            }
            let checked = match self.witness {
                Some(_) => block.check_authors_of_part(),
                None => block.check_authors(),
            };
            checked.map_err(Violation::BadBlock)?;
            let may = |id: &AggregateId| writes.is_none_or(|writes| writes.names_whole(id));
            if !block.aggregates().iter().all(may) {
                return Ok(true);
            }
            memory += block.memory();
            blocks.push(block);
        }
        let (through, mut bridges, forks) = (events.through, events.bridges, events.forks);
        if let Some(marks) = &mut self.marks {
            marks.receive(&blocks, &mut bridges);
        }
        let durable = events.durable.unwrap_or(through);
        if durable.position > through.position {
            let (found, to) = (durable.position, through.position);
            return Err(Violation::ImpossiblePosition { found, from: Position::START, to });
        }
        if durable.position > self.durable.position {
            self.durable = durable;
        }
        let told = |witness| Hidden { bridges, forks, witness };
        let hidden = self.witness.map_or_else(Hidden::default, told);
        if !(blocks.is_empty() && hidden.is_empty()) {
            memory += hidden.memory();
            let durable = self.durable;
            self.pending.push_back(ArrivedFrame {
                through,
                durable,
                blocks,
                hidden,
                bytes,
                memory,
            });
        }
        self.bytes += bytes as u64;
        self.received = through;
        self.peer_head = self.peer_head.max(events.head);
        Ok(false)
    }

    /// The next commit, if one is due and none is under way: blocks, what is told of the rest, and the
    /// cursor that stands behind them. One that waits is tried again once this side's log has grown.
    pub(super) fn next_commit(&mut self, log_end: Position) -> Option<Effect> {
        if self.committing.is_some() {
            return None;
        }
        if let Some(waiting) = &mut self.waiting {
            if waiting.past < log_end {
                return self.try_again();
            }
            let watches = std::mem::replace(&mut waiting.watches, true);
            return (!watches).then_some(Effect::Watch(log_end));
        }
        let behind = self.received.position.0 - self.stored.position.0;
        if !self.pending.is_empty() {
            Some(self.begin_commit(true))
        } else if behind >= CURSOR_BEHIND_MAX {
            Some(self.begin_commit(false))
        } else {
            None
        }
    }

    /// A commit of nothing but the cursor, if it stands behind what was received and nothing else
    /// is due.
    pub(super) fn last_commit(&mut self) -> Option<Effect> {
        let behind = self.stored.position < self.received.position;
        (self.is_settled() && behind).then(|| self.begin_commit(false))
    }

    /// Begins a commit of the frames that have arrived, or of as many as one takes. The cursor behind the
    /// last of them stands behind what was passed over since, as far as the peer's log is durable.
    fn begin_commit(&mut self, acknowledge: bool) -> Effect {
        let (mut blocks, mut hidden) = (Vec::new(), Hidden::default());
        let (mut events, mut bytes, mut memory) = (0, 0, 0);
        let (mut through, mut cursor) = (self.received, self.durable);
        while let Some(arrived) = self.pending.pop_front() {
            events += arrived.blocks.iter().map(Block::len).sum::<usize>();
            (bytes, memory) = (bytes + arrived.bytes, memory + arrived.memory);
            blocks.extend(arrived.blocks);
            hidden.extend(arrived.hidden);
            if events >= self.commit_events_max && !self.pending.is_empty() {
                (through, cursor) = (arrived.through, arrived.durable);
                break;
            }
        }
        let (kept, told) = if self.marks.is_some() {
            (Vec::new(), Hidden::default())
        } else {
            (blocks.clone(), hidden.clone())
        };
        self.committing = Some(Committing {
            through,
            cursor,
            blocks: kept,
            hidden: told,
            bytes,
            memory,
            acknowledge,
            patience: None,
        });
        Effect::Commit { blocks, hidden, cursor, is_repeated: false }
    }

    /// Sets the commit under way aside, which was refused because something is missing: the blocks before the one
    /// that rests on it are committed, and the others are tried again when this side's log has grown. False when
    /// that has gone on for long enough.
    pub(super) fn set_aside(
        &mut self,
        refusal: &Refusal,
        now: Duration,
        log_end: Position,
    ) -> Option<Effect> {
        let after = refusal.too_early()?;
        let mut commit = self.committing.take_if(|_| self.waiting.is_none())?;
        let good = commit.blocks.iter().take_while(|block| !holds(block, after)).count();
        let until = now + WAITS_FOR_OTHERS;
        let mut patience = commit.patience.unwrap_or(Patience { until, vain_tries: 0 });
        patience.vain_tries = if good > 0 { 0 } else { patience.vain_tries + 1 };
        let is_spent = patience.until <= now || patience.vain_tries > VAIN_TRIES_MAX;
        if is_spent || good == commit.blocks.len() {
            self.committing = Some(commit);
            return None;
        }
        let rest = commit.blocks.split_off(good);
        let blocks = std::mem::replace(&mut commit.blocks, rest);
        let hidden = commit.hidden.clone();
        let (refusal, is_vain) = (refusal.clone(), good == 0);
        self.waiting =
            Some(SetAside { commit, patience, refusal, past: log_end, watches: is_vain });
        if is_vain {
            return Some(Effect::Watch(log_end));
        }
        let (through, cursor) = (self.stored, self.kept);
        self.committing = Some(Committing {
            through,
            cursor,
            blocks: blocks.clone(),
            hidden: hidden.clone(),
            bytes: 0,
            memory: 0,
            acknowledge: false,
            patience: None,
        });
        Some(Effect::Commit { blocks, hidden, cursor, is_repeated: true })
    }

    fn try_again(&mut self) -> Option<Effect> {
        let SetAside { commit, patience, .. } = self.waiting.take()?;
        let (blocks, hidden, cursor) =
            (commit.blocks.clone(), commit.hidden.clone(), commit.cursor);
        self.committing = Some(Committing { patience: Some(patience), ..commit });
        Some(Effect::Commit { blocks, hidden, cursor, is_repeated: true })
    }

    /// The time in the session at which what waits is refused, and why.
    pub(super) fn gives_up(&self) -> Option<(Duration, &Refusal)> {
        let waiting = self.waiting.as_ref().filter(|_| self.committing.is_none())?;
        Some((waiting.patience.until, &waiting.refusal))
    }

    /// Drops what waits, and what came after it: the peer sends it another time.
    pub(super) fn stop_waiting(&mut self) {
        if self.waiting.take().is_some() {
            self.pending.clear();
            (self.received, self.durable) = (self.stored, self.kept);
        }
    }

    /// Commits under way, and those that wait.
    fn taken(&self) -> impl Iterator<Item = &Committing> {
        let waiting = self.waiting.as_ref().map(|waiting| &waiting.commit);
        self.committing.iter().chain(waiting)
    }

    /// The blocks of the commit under way before the one in which an event stands. These are good, though that
    /// one is not. With what was told of that which is hidden.
    pub(super) fn before(&self, event: Dot) -> (Vec<Block>, Hidden) {
        let Some(Committing { blocks, hidden, .. }) = &self.committing else {
            return (Vec::new(), Hidden::default());
        };
        let good = blocks.iter().take_while(|block| !holds(block, event));
        (good.cloned().collect(), hidden.clone())
    }

    /// The place in the peer's log up to which everything is durable.
    pub(super) const fn stored(&self) -> Position {
        self.stored.position
    }

    /// The peer's log reaches this far at least.
    pub(super) fn peer_reaches(&mut self, end: Position) {
        self.peer_head = self.peer_head.max(end);
    }

    /// The commit is durable, and what it appended ends at `end` of this side's log; what to
    /// acknowledge.
    pub(super) fn committed(&mut self, appended: u64, end: Position) -> Option<Ack> {
        let committing = self.committing.take()?;
        self.events += appended;
        (self.stored, self.kept) = (committing.through, committing.cursor);
        let ack = Ack { end, ..Ack::new(committing.through.position) };
        committing.acknowledge.then_some(ack)
    }
}

fn holds(block: &Block, event: Dot) -> bool {
    block.commits().iter().any(|commit| commit.id.dot() == event)
}
