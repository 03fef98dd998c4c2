//! The receiving half of a session: persist, then acknowledge.

use std::time::Duration;

use super::frame::{Ack, Events};
use super::limits::{CURSOR_BEHIND_MAX, FRAME_BLOCKS_MAX, FRAME_BYTES_MAX, WINDOW_BYTES_MAX};
use super::violation::Violation;
use crate::block::Block;
use crate::clock::UnixMillis;
use crate::id::{Position, ReplicaId, SpaceId};

/// What a peer may send here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Admission {
    /// Who the peer is.
    pub(super) peer: ReplicaId,
    /// Whether it may send other replicas' events.
    pub(super) may_relay: bool,
    /// How far ahead of the local clock events may be; unbounded when `None`.
    pub(super) clock_ahead_max: Option<Duration>,
}

/// What has been received and what of it is committed.
#[derive(Debug)]
pub(super) struct Receiver {
    admission: Admission,
    space: SpaceId,
    pending: Vec<Block>,
    pending_bytes: usize,
    received: Position,
    committing: Option<Committing>,
    stored: Position,
    peer_head: Position,
    /// How many events were new here in this session.
    pub(super) events: u64,
    /// How many bytes of blocks were received in this session.
    pub(super) bytes: u64,
}

#[derive(Debug)]
struct Committing {
    through: Position,
    bytes: usize,
    acknowledge: bool,
}

impl Receiver {
    pub(super) const fn new(
        admission: Admission,
        space: SpaceId,
        from: Position,
        peer_head: Position,
    ) -> Self {
        Self {
            admission,
            space,
            pending: Vec::new(),
            pending_bytes: 0,
            received: from,
            committing: None,
            stored: from,
            peer_head,
            events: 0,
            bytes: 0,
        }
    }

    pub(super) const fn received(&self) -> Position {
        self.received
    }

    pub(super) const fn peer_head(&self) -> Position {
        self.peer_head
    }

    /// Whether everything received has been committed.
    pub(super) const fn is_settled(&self) -> bool {
        self.committing.is_none() && self.pending.is_empty()
    }

    /// Checks and takes a frame.
    pub(super) fn receive(&mut self, events: Events, now: UnixMillis) -> Result<(), Violation> {
        let (found, from, to) = (events.through, self.received, events.head);
        if !(from..=to).contains(&found) {
            return Err(Violation::ImpossiblePosition { found, from, to });
        }
        let bytes: usize = events.blocks.iter().map(bytes::Bytes::len).sum();
        let unacked = bytes + self.pending_bytes + self.committing.as_ref().map_or(0, |c| c.bytes);
        if unacked > WINDOW_BYTES_MAX + FRAME_BYTES_MAX || events.blocks.len() > FRAME_BLOCKS_MAX {
            return Err(Violation::WindowExceeded);
        }
        for block in events.blocks {
            let block = Block::parse(block).map_err(Violation::BadBlock)?;
            self.check(&block, now)?;
            self.pending.push(block);
        }
        self.pending_bytes += bytes;
        self.bytes += bytes as u64;
        self.received = events.through;
        self.peer_head = events.head;
        Ok(())
    }

    /// The next commit, if one is due and none is under way: blocks, and the cursor that stands
    /// behind them.
    pub(super) fn next_commit(&mut self) -> Option<(Vec<Block>, Position)> {
        if self.committing.is_some() {
            return None;
        }
        match self.pending.is_empty() {
            true if self.received.0 - self.stored.0 < CURSOR_BEHIND_MAX => None,
            without_events => Some(self.begin_commit(!without_events)),
        }
    }

    /// A commit of nothing but the cursor, if it stands behind what was received and nothing else
    /// is due.
    pub(super) fn last_commit(&mut self) -> Option<(Vec<Block>, Position)> {
        (self.is_settled() && self.stored < self.received).then(|| self.begin_commit(false))
    }

    fn begin_commit(&mut self, acknowledge: bool) -> (Vec<Block>, Position) {
        let bytes = std::mem::take(&mut self.pending_bytes);
        self.committing = Some(Committing { through: self.received, bytes, acknowledge });
        (std::mem::take(&mut self.pending), self.received)
    }

    /// The commit is durable; what to acknowledge.
    pub(super) fn committed(&mut self, appended: u64) -> Option<Ack> {
        let committing = self.committing.take()?;
        self.events += appended;
        self.stored = committing.through;
        committing.acknowledge.then_some(Ack { through: committing.through })
    }

    fn check(&self, block: &Block, now: UnixMillis) -> Result<(), Violation> {
        if *block.space() != self.space {
            return Err(Violation::SpaceChanged);
        }
        let Admission { peer, may_relay, clock_ahead_max } = self.admission;
        if let Some(run) = block.runs().iter().find(|run| !may_relay && run.replica != peer) {
            return Err(Violation::NotItsOwn { replica: run.replica });
        }
        let Some(bound) = clock_ahead_max else { return Ok(()) };
        for entry in block.entries() {
            let ahead = entry.hlc().wall().since(now);
            if ahead > bound {
                return Err(Violation::ClockAhead { dot: entry.dot(), ahead, bound });
            }
        }
        Ok(())
    }
}
