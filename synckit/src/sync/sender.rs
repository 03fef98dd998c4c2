//! The sending half of a session: this store's log, in order, no faster than it is acknowledged.

use std::collections::VecDeque;

use super::frame::{Ack, Events, Hello, Resume};
use super::limits::{FRAME_BLOCKS_MAX, WINDOW_BYTES_MAX};
use super::violation::Violation;
use crate::id::{Position, ReplicaId};
use crate::log::{LogBlock, Page, Source};
use crate::vector::VectorClock;

/// What is sent and what is acknowledged.
#[derive(Debug)]
pub(super) struct Sender {
    own: ReplicaId,
    peer: ReplicaId,
    peer_takes_relayed: bool,
    peer_has: VectorClock,
    sent: Position,
    acked: Position,
    head: Position,
    loading: bool,
    watching: bool,
    in_flight: VecDeque<(Position, usize)>,
    in_flight_bytes: usize,
    /// How many events of this side's log have been sent in this session.
    pub(super) events: u64,
    /// How many bytes of blocks have been sent in this session.
    pub(super) bytes: u64,
}

/// What the sender needs next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// The log after this position.
    Load(Position),
    /// Word when the log holds more than this.
    Watch(Position),
}

impl Sender {
    pub(super) fn new(own: ReplicaId, peer: &Hello, resume: &Resume, head: Position) -> Self {
        let mut peer_has = VectorClock::new();
        let sent = match resume {
            Resume::After(position) => *position,
            Resume::Frontier(dots) => {
                // A frontier that is too long is cut: what it leaves out is sent and passed over.
                dots.iter().take_while(|dot| peer_has.advance(**dot).is_ok()).for_each(drop);
                Position::START
            }
        };
        Self {
            own,
            peer: peer.replica,
            peer_takes_relayed: peer.takes_relayed,
            peer_has,
            sent,
            acked: sent,
            head,
            loading: false,
            watching: false,
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
            events: 0,
            bytes: 0,
        }
    }

    pub(super) const fn sent(&self) -> Position {
        self.sent
    }

    pub(super) const fn head(&self) -> Position {
        self.head
    }

    pub(super) fn awaits_ack(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Whether everything up to `target` is sent and acknowledged.
    pub(super) fn is_done(&self, target: Position) -> bool {
        self.sent >= target && self.in_flight.is_empty()
    }

    pub(super) fn log_moved(&mut self, head: Position) {
        self.watching = false;
        self.head = self.head.max(head);
    }

    /// What to ask for, at most one thing at a time.
    pub(super) fn want(&mut self) -> Option<Want> {
        if self.loading {
            return None;
        }
        if self.sent >= self.head {
            return (!std::mem::replace(&mut self.watching, true))
                .then_some(Want::Watch(self.sent));
        }
        if self.in_flight_bytes >= WINDOW_BYTES_MAX {
            return None;
        }
        self.loading = true;
        Some(Want::Load(self.sent))
    }

    /// The frame for a part of the log that was loaded, unless nothing need be said.
    pub(super) fn loaded(&mut self, page: Page) -> Option<Events> {
        self.loading = false;
        self.head = self.head.max(page.head);
        let mut through = page.through;
        let mut blocks = Vec::new();
        for log in page.blocks.iter().filter(|log| !self.is_passed_over(log)) {
            if blocks.len() == FRAME_BLOCKS_MAX {
                // The rest is read again for the next frame.
                through = log.start;
                break;
            }
            blocks.push(&log.block);
        }
        let through = through.max(self.sent);
        self.sent = through;
        self.events += blocks.iter().map(|block| block.len() as u64).sum::<u64>();
        let bytes: usize = blocks.iter().map(|block| block.bytes().len()).sum();
        self.bytes += bytes as u64;
        if blocks.is_empty() && self.sent < self.head {
            return None;
        }
        let blocks: Vec<_> = blocks.into_iter().map(|block| block.bytes().clone()).collect();
        if !blocks.is_empty() {
            self.in_flight.push_back((through, bytes));
            self.in_flight_bytes += bytes;
        }
        Some(Events { through, head: self.head, blocks })
    }

    /// The peer committed up to a position; whether that is news.
    pub(super) fn acked(&mut self, ack: Ack) -> Result<bool, Violation> {
        let (found, from, to) = (ack.through, self.acked, self.sent);
        if !(from..=to).contains(&found) {
            return Err(Violation::ImpossiblePosition { found, from, to });
        }
        self.acked = found;
        while let Some((through, bytes)) = self.in_flight.front().copied() {
            if through > found {
                break;
            }
            self.in_flight.pop_front();
            self.in_flight_bytes -= bytes;
        }
        Ok(found > from)
    }

    /// Whether the block is not to be sent: it came from the peer, the peer's frontier covers it,
    /// or the peer does not take other replicas' events. A replica packs its own events by
    /// themselves.
    fn is_passed_over(&self, log: &LogBlock) -> bool {
        let runs = log.block.runs();
        log.source == Source::Peer(self.peer)
            || (!self.peer_takes_relayed && runs.iter().any(|run| run.replica != self.own))
            || runs.iter().all(|run| self.peer_has.get(&run.replica) >= run.last_seq())
    }
}
