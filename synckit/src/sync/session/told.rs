//! The greeting of the peer, and the types of its events.

use super::{Effect, Phase, Role, Session, SessionError};
use crate::policy::PolicyClash;
use crate::sync::frame::{Frame, Greeting, Types};
use crate::sync::limits::PROTOCOL_VERSION;
use crate::sync::violation::{Denial, Violation};

impl Session {
    /// Checks that this side can speak with the peer, and finds the functions that its filter asks.
    pub(super) fn check_greeting(&self, hello: &mut Greeting) -> Result<(), SessionError> {
        if hello.protocol != PROTOCOL_VERSION {
            return Err(Violation::Protocol { theirs: hello.protocol }.into());
        }
        if let Role::Initiator(space) = &self.config.role
            && *space != hello.space
        {
            return Err(Violation::SpaceChanged.into());
        }
        let both = self.config.policy.as_ref().zip(hello.policy.as_ref());
        if let Some(clash) = both.and_then(|(here, theirs)| PolicyClash::between(here, theirs)) {
            return Err(SessionError::Denied(Denial::Policy(Box::new(clash))));
        }
        let unknown = |name| SessionError::Denied(Denial::Predicate(name));
        hello.resolve(&self.config.predicates).map_err(unknown)
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
