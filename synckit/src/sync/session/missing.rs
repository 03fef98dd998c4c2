//! Work of the peer that rests on something which is not here.

use super::{Effect, Now, Phase, Session, SessionError, Streams};
use crate::id::Dot;
use crate::log::{Cursor, Refusal};
use crate::sync::receiver::Receiver;

impl Session {
    /// The log has refused a commit. A peer that holds a part of the space sends nothing but its own work, which
    /// may rest on work of others that they are about to bring: it waits for that a while.
    pub(super) fn refused(&mut self, now: Now, refusal: Refusal) -> Result<(), SessionError> {
        let is_part = self.peer.as_ref().is_some_and(|peer| peer.filter.is_some());
        if let (Phase::Streaming(streams), true) = (&mut self.phase, is_part) {
            let log_end = streams.log_end();
            let receiver = streams.receiver.as_mut();
            let next = receiver.and_then(|it| it.set_aside(&refusal, now.elapsed, log_end));
            if let Some(next) = next {
                self.effects.push_back(next);
                self.go_on_sending();
                return Ok(());
            }
        }
        Err(refusal.into())
    }

    /// Sends what was held while the commit was under way that is set aside: nothing of it is in the log.
    fn go_on_sending(&mut self) {
        let Phase::Streaming(streams) = &mut self.phase else { return };
        if !streams.receiver.as_ref().is_some_and(Receiver::is_committing)
            && let Some(page) = streams.held_page.take()
        {
            self.loaded(page, Vec::new());
        }
    }

    /// Refuses what has waited for long enough.
    pub(super) fn check_patience(&self, now: Now) -> Result<(), SessionError> {
        let Phase::Streaming(streams) = &self.phase else { return Ok(()) };
        match streams.gives_up() {
            Some((until, refusal)) if until <= now.elapsed => Err(refusal.clone().into()),
            _ => Ok(()),
        }
    }

    /// Commits what came before an event that cannot be appended, and forgets the cursor: either it led to a
    /// place before which something was missed, or a part's work rests on something that nobody has brought
    /// yet, and that may rest on what came before.
    pub(super) fn begin_before(&mut self, event: Dot) {
        let Phase::Streaming(streams) = &self.phase else { return };
        let receiver = streams.receiver.as_ref();
        let (blocks, hidden) = receiver.map(|it| it.before(event)).unwrap_or_default();
        let cursor = Cursor::START;
        self.effects.push_back(Effect::Commit { blocks, hidden, cursor, is_repeated: true });
    }
}

impl Streams {
    /// The time in the session at which what waits for others is refused, and why.
    pub(super) fn gives_up(&self) -> Option<(std::time::Duration, &Refusal)> {
        self.receiver.as_ref().and_then(Receiver::gives_up)
    }
}
