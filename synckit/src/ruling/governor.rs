//! The governor of a space: decides which commits a hub refuses or re-dates, and writes that down.

use super::control::{Control, INVALID, REDATINGS_MAX, Redating};
use super::{Authority, Refused, Rejection, Rulings};
use crate::block::{Block, BlockPacker};
use crate::chain::CommitId;
use crate::clock::{CLOCK_AHEAD_MAX, Hlc, HybridClock, UnixMillis};
use crate::envelope::{Envelope, Metadata};
use crate::id::{AggregateId, Dot, SpaceId};
use crate::key::ReplicaKey;
use crate::wire::WireError;

/// Rules in an authority's name.
#[derive(Clone, Debug)]
pub struct Governor(Authority);

/// A commit that may have to be ruled on.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Suspect {
    /// The commit.
    pub commit: CommitId,
    /// The aggregate that its first event is about.
    pub aggregate: AggregateId,
    /// The greatest stamp that its author gave one of its events.
    pub written: Hlc,
    /// Events that its author had seen, as far as they are known: their commits and the stamps that
    /// they were given by their authors.
    pub seen: Vec<(CommitId, Hlc)>,
    /// The grounds on which it is to be refused.
    pub rejection: Option<Rejection>,
}

impl Governor {
    /// A governor in the name of an authority.
    pub const fn new(authority: Authority) -> Self {
        Self(authority)
    }

    /// True when the space is governed by this authority.
    pub fn governs(&self, space: &SpaceId) -> bool {
        space.authority() == Some(self.0.id())
    }

    /// True when a stamp is further ahead of a hub's clock than [`CLOCK_AHEAD_MAX`].
    pub fn is_ahead(stamp: Hlc, wall: UnixMillis) -> bool {
        stamp.wall() > wall.plus(CLOCK_AHEAD_MAX)
    }

    /// The rulings that suspects call for beyond those known, in the order of the suspects.
    ///
    /// A stamp is too far ahead if it is more than [`CLOCK_AHEAD_MAX`] ahead of the hub's clock and
    /// later than the next after everything that its author had seen. It is then replaced by the
    /// later of the hub's clock and that next one, so that no commit is dated before its past.
    pub fn rule(rulings: &Rulings, suspects: &[Suspect], wall: UnixMillis) -> Vec<Control> {
        let (mut ruled, mut dates) = (Vec::new(), Vec::new());
        // An author's commits keep their order: each is dated after those before it.
        let mut latest = Rulings::new();
        for suspect in suspects {
            let Suspect { commit, aggregate, written, seen, rejection } = suspect;
            if rulings.refuses(commit) {
                continue;
            }
            if let Some(rejection) = rejection {
                latest.refused.insert(*commit);
                let (commit, aggregate, rejection) =
                    (*commit, aggregate.clone(), rejection.clone());
                ruled.push(Control::Refused(Refused { commit, aggregate, rejection }));
                continue;
            }
            let in_force = |commit: &CommitId, written: Hlc| {
                let dates = [rulings.date(commit), latest.date(commit)];
                dates.into_iter().flatten().fold(written, Hlc::min)
            };
            let before = [rulings.date_before(commit), latest.date_before(commit)];
            // What is refused is nobody's past: otherwise a refused commit lets the next one pass.
            let counts = |commit: &CommitId| !rulings.refuses(commit) && !latest.refuses(commit);
            let seen = seen.iter().filter(|(commit, _)| counts(commit));
            let seen = seen.map(|(commit, written)| in_force(commit, *written));
            let past = before.into_iter().flatten().chain(seen).max().unwrap_or_default();
            let in_force = in_force(commit, *written);
            let at = HybridClock::after(past).tick(wall);
            if Self::is_ahead(in_force, wall) && at < in_force {
                let date = Redating { commit: *commit, written: *written, at };
                latest.redate(&[date]);
                dates.push(date);
            }
        }
        ruled.extend(dates.chunks(REDATINGS_MAX).map(|dates| Control::Redated(dates.to_vec())));
        ruled
    }

    /// Writes rulings as commits of the hub, each of one event, that follow `head`. `nonce` is drawn
    /// at random for each opening.
    ///
    /// # Errors
    /// When an event is larger than any may be, which none is.
    pub fn write(
        &self,
        space: &SpaceId,
        hub: &ReplicaKey,
        (head, nonce): (CommitId, u64),
        ruled: &[Control],
        wall: UnixMillis,
    ) -> Result<Vec<Block>, WireError> {
        let certificate = self.0.certify(space, &hub.id());
        let aggregate = Control::aggregate(&hub.id())?;
        let (mut blocks, mut head) = (Vec::new(), head);
        let mut packer = BlockPacker::new(space.clone());
        let sign = |end: &CommitId| end.sign(hub);
        for control in ruled {
            let (event, payload) = control.write(certificate)?;
            let commit = [Envelope {
                dot: Dot { replica: hub.id(), seq: head.seq + 1 },
                aggregate: aggregate.clone(),
                event,
                hlc: Hlc::new(wall, 0),
                context: control.context(),
                last: true,
                metadata: Metadata::new(),
                extensions: bytes::Bytes::new(),
                payload,
                tombstone: false,
            }];
            head = match packer.push_commit(&head, nonce, &commit) {
                Ok(after) => after,
                Err(_) => {
                    let empty = BlockPacker::new(space.clone());
                    blocks.extend(std::mem::replace(&mut packer, empty).finish(sign));
                    let again = packer.push_commit(&head, nonce, &commit);
                    again.map_err(|_| INVALID)?
                }
            };
        }
        blocks.extend(packer.finish(sign));
        Ok(blocks)
    }
}
