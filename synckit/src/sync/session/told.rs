//! Types of events, as the peer tells them.

use super::{Effect, Phase, Session, SessionError};
use crate::sync::frame::{Frame, Types};
use crate::sync::violation::Violation;

impl Session {
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
