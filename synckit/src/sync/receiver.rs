//! The receiving half of a session: persist, then acknowledge.

use std::collections::VecDeque;

use super::frame::{Ack, Events};
use super::limits::{CURSOR_BEHIND_MAX, FRAME_BLOCKS_MAX, FRAME_BYTES_MAX, WINDOW_BYTES_MAX};
use super::marks::LineMarks;
use super::session::Effect;
use super::violation::Violation;
use crate::block::Block;
use crate::filter::Filter;
use crate::id::{AggregateId, Dot, Position, SpaceId};
use crate::log::{Cursor, Hidden};

/// The receiving half: what has been received, and what of it is committed.
#[derive(Debug)]
pub(super) struct Receiver {
    space: SpaceId,
    /// A part of the peer's log is received: its filter hides the rest.
    is_partial: bool,
    /// Lines that are taken for granted of that; none if the peer holds a part itself.
    marks: Option<LineMarks>,
    /// Events after which a commit takes no further frame.
    pub(super) commit_events_max: usize,
    pending: VecDeque<ArrivedFrame>,
    received: Cursor,
    /// The last place in the peer's log that is durable there, of those that have been received.
    durable: Cursor,
    committing: Option<Committing>,
    stored: Cursor,
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
    /// None if it has word of what a filter hides, without which they cannot be placed.
    blocks: Vec<Block>,
    bytes: usize,
    memory: usize,
    acknowledge: bool,
}

impl Receiver {
    pub(super) fn new(
        space: SpaceId,
        (is_partial, peer_is_partial): (bool, bool),
        commit_events_max: usize,
        (from, peer_head): (Cursor, Position),
    ) -> Self {
        let marks =
            if from == Cursor::START { LineMarks::from_beginning() } else { LineMarks::default() };
        Self {
            space,
            is_partial,
            marks: (is_partial && !peer_is_partial).then_some(marks),
            commit_events_max,
            pending: VecDeque::new(),
            received: from,
            durable: from,
            committing: None,
            stored: from,
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
        self.committing.is_none() && self.pending.is_empty()
    }

    /// Bytes of memory, roughly, of what is not committed.
    pub(super) fn memory(&self) -> usize {
        let pending: usize = self.pending.iter().map(|arrived| arrived.memory).sum();
        pending + self.committing.as_ref().map_or(0, |committing| committing.memory)
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
            self.durable = Cursor::START;
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
        let unacked = bytes + pending + self.committing.as_ref().map_or(0, |c| c.bytes);
        if unacked > WINDOW_BYTES_MAX + FRAME_BYTES_MAX || events.blocks.len() > FRAME_BLOCKS_MAX {
            return Err(Violation::WindowExceeded);
        }
        let (mut blocks, mut memory) = (Vec::with_capacity(events.blocks.len()), 0);
        for block in events.blocks {
            let block = Block::parse(block).map_err(Violation::BadBlock)?;
            if *block.space() != self.space {
                return Err(Violation::SpaceChanged);
            }
            let checked =
                if self.is_partial { block.check_authors_of_part() } else { block.check_authors() };
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
        let hidden = if self.is_partial { Hidden { bridges, forks } } else { Hidden::default() };
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
    /// cursor that stands behind them.
    pub(super) fn next_commit(&mut self) -> Option<Effect> {
        if self.committing.is_some() {
            return None;
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
        let kept = if self.is_partial { Vec::new() } else { blocks.clone() };
        self.committing = Some(Committing { through, blocks: kept, bytes, memory, acknowledge });
        Effect::Commit { blocks, hidden, cursor }
    }

    /// The blocks of the commit under way before the one in which an event stands. These are good, though that
    /// one is not.
    pub(super) fn before(&self, event: Dot) -> Vec<Block> {
        let blocks = self.committing.iter().flat_map(|committing| &committing.blocks);
        let holds = |block: &Block| block.commits().iter().any(|commit| commit.id.dot() == event);
        blocks.take_while(|block| !holds(block)).cloned().collect()
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
        self.stored = committing.through;
        let ack = Ack { end, ..Ack::new(committing.through.position) };
        committing.acknowledge.then_some(ack)
    }
}
