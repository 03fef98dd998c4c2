//! What a peer says it holds of this store's log, which cannot be more than this store has written.

use super::{Recollection, SessionError};
use crate::id::Position;
use crate::sync::frame::{HeldHead, Resume, Start};

/// What a peer says it holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claims {
    own: HeldHead,
    log: Position,
}

impl Claims {
    pub(super) const fn of(start: &Start) -> Self {
        let log = match start.resume {
            Resume::After(position) => position,
            Resume::Frontier(_) => Position::START,
        };
        Self { own: start.holds_of_you, log }
    }

    /// Whether a store of which this is known can have written that.
    ///
    /// A refusal is final only when the store was asked after the claim was made: it may have grown
    /// meanwhile, and the peer have heard of it by another way.
    pub(super) fn check(&self, known: &Recollection) -> Result<(), SessionError> {
        let (ours, theirs) = (known.own_head, self.own);
        if theirs.seq > ours.seq || (theirs.seq == ours.seq && theirs.chain != ours.chain) {
            return Err(SessionError::RolledBack { ours: ours.seq, theirs: theirs.seq });
        }
        match self.log > known.head {
            true => Err(SessionError::CursorUnknown),
            false => Ok(()),
        }
    }
}
