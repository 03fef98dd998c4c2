//! Both directions of the exchange of logs.

use std::ops::Range;
use std::time::Duration;

use super::{Phase, Session};
use crate::id::Position;
use crate::log::{Cursor, Page};
use crate::sync::frame::Ack;
use crate::sync::limits::SEND_WITHIN;
use crate::sync::receiver::Receiver;
use crate::sync::sender::Sender;
use crate::sync::violation::Violation;

/// The exchange of logs.
#[derive(Debug)]
pub(super) struct Streams {
    pub(super) sender: Option<Sender>,
    pub(super) receiver: Option<Receiver>,
    /// The peer's place in this side's log, if it resumes by cursor.
    pub(super) peer_cursor: Cursor,
    /// The end of this side's log when the session began.
    pub(super) send_target: Position,
    /// The end of what has come from the peer on the way to `receive_target`; at least `send_target`.
    pub(super) tell_target: Position,
    /// The end of the peer's log when the session began, or of what it has then been sent.
    pub(super) receive_target: Position,
    pub(super) stopping: Option<Stopping>,
    /// When it became the peer's turn to send more of its log.
    pub(super) heard: Duration,
    /// A page that was loaded while a commit was under way: it may hold what has just come from the
    /// peer, which is known only once the commit has been answered.
    pub(super) held_page: Option<Page>,
    /// The end of this side's log, if nothing of it is sent.
    pub(super) moved_to: Position,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stopping {
    /// This side ends the session and says so.
    Ours,
    /// The peer has said goodbye.
    Theirs,
}

/// Something that is the peer's turn to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Awaited {
    /// When it is taken to be gone.
    pub(super) until: Duration,
    /// The time that it had.
    pub(super) within: Duration,
    pub(super) what: &'static str,
}

impl Session {
    /// True when this side's log is sent to the peer.
    pub(crate) fn sends(&self) -> bool {
        matches!(&self.phase, Phase::Streaming(streams) if streams.sender.is_some())
    }
}

impl Streams {
    /// The thing that the peer is waited for, if there is one; `acked` is when it acknowledged last.
    pub(super) fn awaited(&self, acked: Duration) -> Option<Awaited> {
        let acks = self.sender.as_ref().filter(|sender| sender.awaits_ack());
        let acks = acks.map(|sender| {
            let (within, what) = (sender.ack_within(), "events were unacknowledged");
            Awaited { until: acked + within, within, what }
        });
        let listens = |receiver: &&Receiver| self.stopping.is_none() && receiver.awaits_events();
        let events = self.receiver.as_ref().filter(listens);
        let (within, what) = (SEND_WITHIN, "its log was awaited");
        let events = events.map(|_| Awaited { until: self.heard + within, within, what });
        acks.into_iter().chain(events).min_by_key(|awaited| awaited.until)
    }

    /// The end of this side's log, as far as the session knows.
    pub(super) fn log_end(&self) -> Position {
        self.sender.as_ref().map_or(self.moved_to, Sender::head)
    }

    pub(super) fn log_moved(&mut self, head: Position) {
        self.moved_to = self.moved_to.max(head);
        self.sender.iter_mut().for_each(|sender| sender.log_moved(head));
    }

    pub(super) fn is_caught_up(&self) -> bool {
        let sent = self.sender.as_ref().is_none_or(|sender| sender.is_done(self.send_target));
        let received = self.receiver.as_ref().is_none_or(|receiver| {
            receiver.is_placed()
                && receiver.is_settled()
                && receiver.received() >= self.receive_target
        });
        sent && received
    }

    /// True if there is nothing that the peer should hear before the end.
    pub(super) fn has_told(&self) -> bool {
        self.sender.as_ref().is_none_or(|sender| sender.has_told(self.tell_target))
    }

    /// The peer acknowledged a place in this side's log; whether that is news. `None` if nothing is
    /// sent.
    pub(super) fn acked(&mut self, now: Duration, ack: Ack) -> Result<Option<bool>, Violation> {
        let Some(sender) = &mut self.sender else { return Ok(None) };
        if sender.acknowledged() < self.send_target {
            // What the peer has ruled is still to come, and word that it passes over the rest.
            self.receive_target = self.receive_target.max(ack.end);
        }
        if let Some(receiver) = &mut self.receiver
            && ack.end > receiver.peer_head()
        {
            receiver.peer_reaches(ack.end);
            self.heard = now;
        }
        sender.acked(now, ack).map(Some)
    }

    /// A commit of what the peer sent is durable, and what was new stands at these places in the log;
    /// what to acknowledge.
    pub(super) fn committed(&mut self, new: Range<Position>, ruled: bool) -> Option<Ack> {
        if let Some(sender) = &mut self.sender {
            sender.arrived(new.start.0..new.end.0);
        }
        let receiver = self.receiver.as_mut()?;
        let end = if ruled || !new.is_empty() { new.end } else { Position::START };
        if receiver.stored() < self.receive_target {
            // Passed over on the way back, which the peer must hear: it resumes behind that.
            self.tell_target = self.tell_target.max(end);
        }
        receiver.committed(new.end.0.saturating_sub(new.start.0), end)
    }
}
