//! The sending half of a session: this store's log, in order, no faster than it is acknowledged.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;

use super::bridges::{Bridges, TraceLines, Traced};
use super::flow::Flow;
use super::frame::{Ack, Events};
use super::limits::{
    ACK_WITHIN, ARRIVED_STRETCHES_MAX, CURSOR_BEHIND_MAX, FRAME_BLOCKS_MAX, FRAME_BRIDGES_MAX,
    FRAME_FORKS_MAX, SLOWEST_BYTES_PER_SECOND,
};
use super::violation::Violation;
use crate::branch::Coverage;
use crate::id::{Position, ReplicaId};
use crate::log::{self, Cursor, Hidden, LogBlock, Merges, Page, View};

/// The sending half: what is sent, and what of it is acknowledged.
#[derive(Debug)]
pub(super) struct Sender {
    /// True once its beginning is known.
    ready: bool,
    /// The peer has been asked what it holds, and has not answered.
    asked: bool,
    /// The peer's holdings, when it resumes by frontier.
    peer_holds: Coverage,
    arrived: Arrived,
    /// The part of the log that the peer is sent.
    view: View,
    merges: Merges,
    bridges: Bridges,
    /// Lines of authors that have to be looked up before the page goes on.
    tracing: Tracing,
    sent: Cursor,
    /// The place up to which the peer knows this side to have come.
    told: Position,
    acked: Position,
    /// The place up to which the peer durably holds this side's log, as far as is known.
    held: Position,
    head: Position,
    loading: bool,
    watching: bool,
    /// The part of the loaded page that is not sent yet. `None` when the page is done with.
    page: Option<VecDeque<LogBlock>>,
    /// The durable end of the log, where the page goes beyond it.
    durable: Option<Cursor>,
    flow: Flow,
    in_flight: VecDeque<(Position, usize)>,
    in_flight_bytes: usize,
    /// Events of this side's log sent in this session.
    pub(super) events: u64,
    /// Bytes of blocks sent in this session.
    pub(super) bytes: u64,
}

/// The sender's next need.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// The log after this position.
    Load(Position),
    /// The places where lines of authors hang.
    Trace(TraceLines),
    /// Word when the log holds more than this.
    Watch(Position),
}

/// A look-up of lines.
#[derive(Debug, Default)]
enum Tracing {
    #[default]
    Not,
    /// To be asked.
    Due(TraceLines),
    /// Asked.
    Asked(TraceLines),
}

/// Stretches of this side's log that came from the peer in this very session.
///
/// Nothing durable says what came from whom: a peer that was restored from a copy has lost it.
#[derive(Debug, Default)]
struct Arrived(VecDeque<Range<u64>>);

impl Arrived {
    fn add(&mut self, stretch: Range<u64>) {
        match self.0.back_mut() {
            Some(last) if last.end == stretch.start => last.end = stretch.end,
            _ if stretch.is_empty() => {}
            _ => {
                if self.0.len() == ARRIVED_STRETCHES_MAX {
                    self.0.pop_front();
                }
                self.0.push_back(stretch);
            }
        }
    }

    fn covers(&self, log: &LogBlock) -> bool {
        let place = self.0.partition_point(|stretch| stretch.end < log.end().0);
        self.0
            .get(place)
            .is_some_and(|stretch| stretch.start <= log.start.0 && log.end().0 <= stretch.end)
    }
}

/// A frame in the making.
#[derive(Debug, Default)]
struct FrameDraft {
    blocks: Vec<LogBlock>,
    hidden: Hidden,
    bytes: usize,
}

impl FrameDraft {
    /// Takes a block, or the parts of one, with what is told of the rest, unless the frame is full.
    fn takes(&mut self, parts: &[LogBlock], hidden: Hidden, full_at: usize) -> bool {
        let added = |log: &LogBlock| log::added_bytes(self.blocks.last(), log);
        let next: usize = parts.iter().map(added).sum();
        let full = self.bytes + next > full_at
            || self.blocks.len() + parts.len() > FRAME_BLOCKS_MAX
            || self.hidden.bridges.len() + hidden.bridges.len() > FRAME_BRIDGES_MAX
            || self.hidden.forks.len() + hidden.forks.len() > FRAME_FORKS_MAX;
        if full && !self.blocks.is_empty() {
            return false;
        }
        self.bytes += next;
        self.blocks.extend_from_slice(parts);
        self.hidden.extend(hidden);
        true
    }
}

impl Sender {
    /// A sender that does not know yet where to begin.
    pub(super) fn new(head: Position, view: View, merges: Merges) -> Self {
        Self {
            ready: false,
            asked: false,
            peer_holds: Coverage::new(),
            arrived: Arrived::default(),
            bridges: Bridges::new(view.writers.is_some()),
            view,
            merges,
            tracing: Tracing::Not,
            sent: Cursor::START,
            told: Position::START,
            acked: Position::START,
            held: Position::START,
            head,
            loading: false,
            watching: false,
            page: None,
            durable: None,
            flow: Flow::default(),
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
            events: 0,
            bytes: 0,
        }
    }

    /// Begins after a place of this side's log. Returns the frame that tells the peer that its cursor
    /// is known, if no events are to come that would.
    pub(super) fn begin_after(&mut self, cursor: Cursor) -> Option<Events> {
        (self.sent, self.told, self.acked) = (cursor, cursor.position, cursor.position);
        self.held = cursor.position;
        self.ready = true;
        self.head = self.head.max(cursor.position);
        let told = Events::new(cursor, self.head, Vec::new());
        (self.sent() >= self.head).then_some(told)
    }

    /// Begins at the beginning, leaving out what the peer holds.
    pub(super) fn begin_with(&mut self, peer_holds: Coverage) {
        (self.peer_holds, self.ready) = (peer_holds, true);
        self.bridges.begin();
    }

    /// The peer's cursor is none of this log: it is asked what it holds.
    pub(super) const fn ask_for_holdings(&mut self) {
        self.asked = true;
    }

    /// True if the peer was asked what it holds; from here on it was not.
    pub(super) const fn asked_for_holdings(&mut self) -> bool {
        std::mem::replace(&mut self.asked, false)
    }

    /// A stretch of this side's log has come from the peer.
    pub(super) fn arrived(&mut self, stretch: Range<u64>) {
        self.arrived.add(stretch);
    }

    pub(super) const fn sent(&self) -> Position {
        self.sent.position
    }

    pub(super) const fn head(&self) -> Position {
        self.head
    }

    pub(super) fn awaits_ack(&self) -> bool {
        !self.ready || !self.in_flight.is_empty()
    }

    /// Time for the peer to acknowledge the first of what it has not: the longer the larger that is.
    pub(super) fn ack_within(&self) -> Duration {
        let bytes = self.in_flight.front().map_or(0, |(_, bytes)| *bytes as u64);
        ACK_WITHIN + Duration::from_secs(bytes / SLOWEST_BYTES_PER_SECOND)
    }

    /// The place up to which the peer has acknowledged this side's log.
    pub(super) const fn acknowledged(&self) -> Position {
        self.acked
    }

    /// The place up to which the peer durably holds this side's log: what it has acknowledged, and what
    /// needed not be sent. `None` before it is known where to begin.
    pub(super) fn held(&self) -> Option<Position> {
        self.ready.then_some(self.held)
    }

    fn note_held(&mut self) {
        let held = if self.in_flight.is_empty() { self.sent() } else { self.acked };
        self.held = self.held.max(held);
    }

    /// True if everything up to `target` is sent and acknowledged.
    pub(super) fn is_done(&self, target: Position) -> bool {
        self.ready && self.sent() >= target && self.in_flight.is_empty()
    }

    /// True if the peer knows that this side has come to `target`: it resumes behind what was passed
    /// over.
    pub(super) fn has_told(&self, target: Position) -> bool {
        self.ready && self.told >= target
    }

    pub(super) fn log_moved(&mut self, head: Position) {
        self.watching = false;
        self.head = self.head.max(head);
    }

    /// The next thing to ask for, at most one at a time.
    pub(super) fn want(&mut self) -> Option<Want> {
        if let Tracing::Due(lines) = &mut self.tracing {
            let lines = std::mem::take(lines);
            self.tracing = Tracing::Asked(lines.clone());
            return Some(Want::Trace(lines));
        }
        if self.loading || !self.ready || self.page.is_some() {
            return None;
        }
        if self.sent() >= self.head {
            let watching = std::mem::replace(&mut self.watching, true);
            return (!watching).then_some(Want::Watch(self.sent()));
        }
        if self.in_flight_bytes >= self.flow.window_bytes {
            return None;
        }
        self.loading = true;
        Some(Want::Load(self.sent()))
    }

    /// This side's store writes under these keys, the latest one last, of which some may be new. If it holds a
    /// part, it sends what was written under those that it began with and the new ones, and nothing else.
    pub(super) fn writes_under(&mut self, own_keys: Vec<ReplicaId>) {
        if let Some(writers) = &mut self.view.writers {
            let known = own_keys.iter().rposition(|key| writers.contains(key));
            writers.extend(own_keys.into_iter().skip(known.map_or(0, |known| known + 1)));
        }
    }

    /// Takes a loaded page.
    pub(super) fn loaded(&mut self, page: Page) {
        self.loading = false;
        (self.head, self.durable) = (self.head.max(page.head), page.durable);
        let begin = self.sent();
        let blocks: VecDeque<_> = page.blocks.into_iter().filter(|log| log.end() > begin).collect();
        self.page = (!blocks.is_empty()).then_some(blocks);
    }

    /// Frames that may be sent now; none if the peer needs nothing of the page, or has yet to
    /// acknowledge. Of a long stretch that it does not need it is told now and then: it waits for
    /// that, and stores the cursor behind it.
    pub(super) fn frames(&mut self, now: Duration) -> Vec<Events> {
        let mut frames = Vec::new();
        while self.in_flight_bytes < self.flow.window_bytes
            && let Some(frame) = self.next_frame(now)
        {
            frames.push(frame);
        }
        self.note_held();
        frames
    }

    fn next_frame(&mut self, now: Duration) -> Option<Events> {
        if self.page.is_none() && !self.bridges.has_due() {
            return None;
        }
        let mut frame = FrameDraft::default();
        while matches!(self.tracing, Tracing::Not)
            && let Some(log) = self.page.as_mut().and_then(VecDeque::pop_front)
        {
            let through = self.place(log.cursor());
            let held = self.arrived.covers(&log) || log.is_covered(&self.peer_holds);
            if self.view.filter.is_none() {
                let shown = (!held && !self.view.is_whole()).then(|| self.view.of(&log));
                let whole = if held { &[][..] } else { std::slice::from_ref(&log) };
                let sent = shown.as_deref().unwrap_or(whole);
                if !frame.takes(sent, Hidden::default(), self.flow.frame_bytes) {
                    self.put_back(log);
                    return Some(self.frame(now, frame));
                }
                self.sent = through;
                continue;
            }
            if !frame.blocks.is_empty() && log.begins_fork() {
                // Blocks of a frame are merged: what is said of hidden commits in those before it would be
                // taken for said of the line that begins here, too.
                self.put_back(log);
                return Some(self.frame(now, frame));
            }
            self.bridges.notice(&log);
            let shown = self.view.of(&log);
            let sent = if held { &[][..] } else { &shown };
            let unknown = self.bridges.unknown(sent, log.start);
            if !unknown.is_empty() {
                self.put_back(log);
                self.tracing = Tracing::Due(unknown);
                return (!frame.blocks.is_empty()).then(|| self.frame(now, frame));
            }
            let hidden = self.bridges.of(sent);
            if !frame.takes(sent, hidden.clone(), self.flow.frame_bytes) {
                self.put_back(log);
                return Some(self.frame(now, frame));
            }
            self.bridges.told(sent, &hidden);
            self.bridges.pass(&shown);
            self.sent = through;
        }
        if !matches!(self.tracing, Tracing::Not) {
            return None;
        }
        self.page = None;
        let passed_over = self.sent().0 - self.told.0;
        let more_follows = self.sent() < self.head && passed_over < CURSOR_BEHIND_MAX;
        let tells = !frame.blocks.is_empty() || self.bridges.has_due();
        let tells = tells || (!more_follows && passed_over > 0);
        tells.then(|| self.frame(now, frame))
    }

    /// A place of this side's log, as the peer is told it.
    fn place(&self, of_log: Cursor) -> Cursor {
        if self.view.writers.is_some() { of_log.in_part() } else { of_log }
    }

    /// The first block of the page is to be looked at again.
    fn put_back(&mut self, log: LogBlock) {
        self.page.get_or_insert_default().push_front(log);
    }

    /// Takes the answer to [`Want::Trace`].
    pub(super) fn traced(&mut self, found: Traced) {
        let Tracing::Asked(asked) = std::mem::take(&mut self.tracing) else { return };
        let first = self.page.as_ref().and_then(|page| page.front());
        let shown = first.map(|log| self.view.of(log)).unwrap_or_default();
        self.bridges.learn(&shown, &asked, found);
    }

    /// The frame that reaches what is sent.
    fn frame(&mut self, now: Duration, draft: FrameDraft) -> Events {
        let Hidden { bridges, mut forks, .. } = draft.hidden;
        forks.extend(self.bridges.take_due(forks.len()));
        self.events += draft.blocks.iter().map(|log| log.block.len() as u64).sum::<u64>();
        let blocks = log::merged(&draft.blocks, self.view.writers.is_some(), &self.merges);
        let bytes: usize = blocks.iter().map(Bytes::len).sum();
        self.bytes += bytes as u64;
        self.told = self.sent();
        if !blocks.is_empty() {
            if self.in_flight.is_empty() {
                self.flow.begin(now);
            }
            self.in_flight.push_back((self.sent(), bytes));
            self.in_flight_bytes += bytes;
        }
        let (through, head) = (self.sent, self.head);
        let durable = self.durable.filter(|durable| durable.position < through.position);
        let durable = durable.map(|durable| self.place(durable));
        Events { through, head, blocks, bridges, forks, durable }
    }

    /// The peer committed up to a position; whether that is news.
    pub(super) fn acked(&mut self, now: Duration, ack: Ack) -> Result<bool, Violation> {
        let (found, from, to) = (ack.through, self.acked, self.sent());
        if !(from..=to).contains(&found) {
            return Err(Violation::ImpossiblePosition { found, from, to });
        }
        self.acked = found;
        let before = self.in_flight_bytes;
        while let Some((through, bytes)) = self.in_flight.front().copied() {
            if through > found {
                break;
            }
            self.in_flight.pop_front();
            self.in_flight_bytes -= bytes;
        }
        if self.in_flight_bytes < before {
            self.flow.acked(now, before - self.in_flight_bytes);
        }
        self.note_held();
        Ok(found > from)
    }
}
