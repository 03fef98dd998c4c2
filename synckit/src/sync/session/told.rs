//! Types of events and policies, as the peer tells them.

use super::{Effect, Phase, Session, SessionError};
use crate::policy::{PolicyClash, PolicyId};
use crate::sync::frame::{Frame, Types};
use crate::sync::violation::{Denial, Violation};

impl Session {
    /// Sends a peer away that goes by another policy than this side.
    pub(super) fn told_policy(&self, theirs: Option<&PolicyId>) -> Result<(), SessionError> {
        let both = self.config.policy.as_ref().zip(theirs);
        match both.and_then(|(here, theirs)| PolicyClash::between(here, theirs)) {
            Some(clash) => Err(SessionError::Denied(Denial::Policy(Box::new(clash)))),
            None => Ok(()),
        }
    }

    /// Takes the types of the peer's events.
    pub(super) fn told_types(&mut self, types: Types) -> Result<(), SessionError> {
        let is_streaming = matches!(self.phase, Phase::Streaming(_));
        if !is_streaming || !std::mem::take(&mut self.awaits_types) {
            return Err(self.out_of_turn(&Frame::Types(types)));
        }
        if self.peer.as_ref().and_then(|peer| peer.types) != Some(*types.text.hash()) {
            return Err(Violation::OtherTypes.into());
        }
        self.effects.push_back(Effect::Keep(types.text));
        Ok(())
    }
}
