//! Rulings: what the hubs of a governed space decide about single commits.
//!
//! A hub may refuse a commit, or give it another date. It writes that as *control events* into the
//! log, where they travel like all others: every store that holds the same events knows the same
//! rulings, and states are functions of the events held. Control events name commits by their
//! chains, so none hits another branch. They only ever take away (a refusal stays, of several dates
//! the least is in force), so their order does not matter.
//!
//! A space is governed if its name says by whom ([`SpaceId::governed`]): the public key of an
//! [`Authority`]. A control event counts if it carries the authority's certificate for the hub that
//! wrote it. Whatever else stands under the reserved names has no effect. In a space that nobody
//! governs, nobody refuses or re-dates anything.
//!
//! A hub may also close the key of an author that too many stores write under: what it held of that
//! author by then counts, and nothing else, wherever it was written and whenever. The stores that
//! write under the key take keys of their own as soon as they learn of it.
//!
//! A refused commit stays in the log, where its author's later commits follow it, and has no effect
//! on any state. Its author's application is told. The hub keeps a tombstone of it, which has the
//! commit's name and not what its events say; others take it for the commit once they hold the refusal.

use std::collections::btree_map::Entry as Place;
use std::collections::{BTreeMap, BTreeSet};

use crate::block::{Block, Run};
use crate::branch::{Anchor, BranchNo, Branches, Coverage};
use crate::chain::{Chain, CommitId};
use crate::clock::Hlc;
use crate::id::{AggregateId, ReplicaId, SpaceId};
use crate::key::{ReplicaKey, verify};

mod control;
mod governor;
#[cfg(any(test, feature = "runtime"))]
pub(crate) mod suspects;

pub use control::{
    Closing, Control, REJECTION_BYTES_MAX, Redating, Refused, Rejection, RejectionError,
};
pub use governor::{Governor, Suspect};
#[cfg(any(test, feature = "runtime"))]
pub(crate) use suspects::{Past, Suspicion, buried, ruled_elsewhere, suspects};

/// Most branches of one author's key that a hub takes before it closes the key: far above what
/// accidents make. It is reached by a file whose copies are used in many places at once, and not
/// noticed there.
pub const AUTHOR_BRANCHES_MAX: usize = 256;

/// Names the authority's signature apart from others.
const CERTIFIES: &[u8; 24] = b"synckit 2026 space's hub";

/// The key pair of whoever governs a space. Its public half stands in the space's name.
///
/// The secret half belongs on the hubs of the space and nowhere else.
#[derive(Clone, Debug)]
pub struct Authority(ReplicaKey);

/// An authority's signature that says that a store is a hub of a space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Certificate([u8; Self::LEN]);

impl Authority {
    /// The authority that belongs to a seed of 32 random bytes.
    pub fn from_seed(seed: &[u8; ReplicaKey::SEED_LEN]) -> Self {
        Self(ReplicaKey::from_seed(seed))
    }

    /// The public half.
    pub fn id(&self) -> ReplicaId {
        self.0.id()
    }

    /// The space of a name that this authority governs.
    ///
    /// # Errors
    /// Those of [`SpaceId::governed`].
    pub fn space(&self, name: &str) -> Result<SpaceId, crate::id::IdError> {
        SpaceId::governed(name, &self.id())
    }

    /// Certifies a store as a hub of a space.
    pub fn certify(&self, space: &SpaceId, hub: &ReplicaId) -> Certificate {
        Certificate(self.0.sign(&certified(space, hub)))
    }
}

impl Certificate {
    /// Length in bytes.
    pub const LEN: usize = 64;

    /// True when the authority of the space has certified the hub.
    pub fn holds(&self, space: &SpaceId, hub: &ReplicaId) -> bool {
        let authority = space.authority();
        authority.is_some_and(|authority| verify(&authority, &certified(space, hub), &self.0))
    }
}

fn certified(space: &SpaceId, hub: &ReplicaId) -> Vec<u8> {
    [CERTIFIES, &hub.as_bytes()[..], space.as_str().as_bytes()].concat()
}

/// Everything that hubs have ruled in a space, as far as it is known.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Rulings {
    /// Certificates that have been verified.
    hubs: BTreeMap<ReplicaId, Certificate>,
    refused: BTreeSet<CommitId>,
    dates: BTreeMap<CommitId, Hlc>,
    /// The part that counts of each author whose key is closed.
    closed: BTreeMap<ReplicaId, Coverage>,
}

/// The effect of rulings on one event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(clippy::exhaustive_enums, reason = "an event counts, counts otherwise, or not")]
pub enum Standing {
    /// It counts as it was written.
    AsWritten,
    /// It counts under this stamp if that is before its own.
    Redated(Hlc),
    /// It has no effect.
    Refused,
}

impl Rulings {
    /// Nothing was ruled.
    pub const fn new() -> Self {
        Self {
            hubs: BTreeMap::new(),
            refused: BTreeSet::new(),
            dates: BTreeMap::new(),
            closed: BTreeMap::new(),
        }
    }

    /// True when nothing was ruled.
    pub fn is_empty(&self) -> bool {
        self.refused.is_empty() && self.dates.is_empty() && self.closed.is_empty()
    }

    /// Counts the commits and keys ruled on; a commit that was refused and re-dated counts twice.
    pub fn len(&self) -> usize {
        self.refused.len() + self.dates.len() + self.closed.len()
    }

    /// Adds the refusals and re-datings of a block. Returns the commits that count differently from
    /// then on.
    pub fn note(&mut self, block: &Block) -> Vec<CommitId> {
        let mut changed = Vec::new();
        for (_, control) in self.controls(block) {
            match control {
                Control::Refused(refused) => {
                    if self.refused.insert(refused.commit) {
                        changed.push(refused.commit);
                    }
                }
                Control::Redated(dates) => changed.extend(self.redate(&dates)),
                Control::Closed(_) => {}
            }
        }
        changed
    }

    /// Closes the keys that a block of a log closes. `anchors` are the places of the block's
    /// anchors, and `branches` those of the log up to its end. Returns the authors of whom less counts
    /// from then on.
    ///
    /// An author whose key several hubs have closed keeps what all of them left it.
    pub fn close(
        &mut self,
        block: &Block,
        anchors: &[Anchor],
        branches: &Branches,
    ) -> Vec<ReplicaId> {
        let mut changed = Vec::new();
        for (index, control) in self.controls(block) {
            let (Control::Closed(Closing { author, .. }), Some(entry)) =
                (control, block.entry(index))
            else {
                continue;
            };
            let mut counts = Coverage::new();
            for (anchor, seq) in entry.context_rows() {
                let (no, seq) = anchors[*anchor].covers(*seq);
                counts.add(branches, no, seq);
            }
            if self.leave(author, &counts) {
                changed.push(author);
            }
        }
        changed
    }

    /// Leaves an author what is among this. True when that is less than before.
    fn leave(&mut self, author: ReplicaId, counts: &Coverage) -> bool {
        match self.closed.entry(author) {
            Place::Vacant(place) => {
                place.insert(counts.clone());
                true
            }
            Place::Occupied(mut place) => {
                let left = place.get().among(counts);
                let less = left != *place.get();
                *place.get_mut() = left;
                less
            }
        }
    }

    /// The closings of a block that count.
    pub(crate) fn closings(block: &Block) -> Vec<Closing> {
        let controls = Self::new().controls(block).into_iter();
        let closings = controls.filter_map(|(_, control)| match control {
            Control::Closed(closing) => Some(closing),
            Control::Refused(_) | Control::Redated(_) => None,
        });
        closings.collect()
    }

    /// The authors whose keys are closed.
    pub fn closed(&self) -> impl ExactSizeIterator<Item = &ReplicaId> {
        self.closed.keys()
    }

    /// True when a hub has closed the key of an author.
    pub fn closes(&self, author: &ReplicaId) -> bool {
        self.closed.contains_key(author)
    }

    /// True when a hub has closed the key of an author before this event of one of its branches.
    pub fn voids(&self, author: &ReplicaId, no: BranchNo, seq: u64) -> bool {
        self.closed.get(author).is_some_and(|counts| !counts.covers(no, seq))
    }

    /// True when commits that a log may hold are void.
    pub(crate) fn voids_any(&self, author: &ReplicaId, branches: &Branches) -> bool {
        let mut of_author = branches.of(author).iter();
        of_author.any(|no| {
            branches.get(*no).is_some_and(|branch| self.voids(author, *no, branch.head.seq))
        })
    }

    /// Adds what another reading of the same log knows beyond this one.
    pub(crate) fn include(&mut self, other: Self) {
        self.hubs.extend(other.hubs);
        self.refused.extend(other.refused);
        for (commit, at) in other.dates {
            let date = self.dates.entry(commit).or_insert(at);
            *date = at.min(*date);
        }
        for (author, counts) in other.closed {
            self.leave(author, &counts);
        }
    }

    /// The control events of a block that count, each with its index.
    pub fn controls(&mut self, block: &Block) -> Vec<(usize, Control)> {
        if block.space().authority().is_none() || !block.aggregates().iter().any(is_control) {
            return Vec::new();
        }
        let entries = block.entries().enumerate();
        let read = entries.filter_map(|(index, entry)| {
            let (certificate, control) = Control::read(&entry)?;
            let hub = entry.dot().replica;
            let is_known = self.hubs.get(&hub) == Some(&certificate);
            (is_known || certificate.holds(block.space(), &hub)).then(|| {
                self.hubs.insert(hub, certificate);
                (index, control)
            })
        });
        read.collect()
    }

    fn redate(&mut self, dates: &[Redating]) -> Vec<CommitId> {
        let mut changed = Vec::new();
        for Redating { commit, at, .. } in dates {
            match self.dates.entry(*commit) {
                Place::Occupied(place) if *place.get() <= *at => continue,
                Place::Occupied(mut place) => *place.get_mut() = *at,
                Place::Vacant(place) => {
                    place.insert(*at);
                }
            }
            changed.push(*commit);
        }
        changed
    }

    /// The number of commits that hubs have refused.
    pub fn refused(&self) -> u64 {
        self.refused.len() as u64
    }

    /// True when a hub has refused the commit.
    pub fn refuses(&self, commit: &CommitId) -> bool {
        self.refused.contains(commit)
    }

    /// The least stamp that a hub has given the commit.
    pub fn date(&self, commit: &CommitId) -> Option<Hlc> {
        self.dates.get(commit).copied()
    }

    /// The greatest stamp given to one of the last earlier commits of the same author.
    pub fn date_before(&self, commit: &CommitId) -> Option<Hlc> {
        let first = CommitId { seq: 0, chain: LEAST, ..*commit };
        self.dates.range(first..*commit).rev().take(LAST_DATES).map(|(_, at)| *at).max()
    }

    /// The standing of each of a block's events, of which each run lies on a branch; `None` when all
    /// count as they were written.
    pub fn of(&self, block: &Block, branch: impl Fn(usize) -> BranchNo) -> Option<Vec<Standing>> {
        let concerned = !self.is_empty() && block.runs().iter().any(|run| self.concern(run));
        if !concerned && !block.has_tombstones() {
            return None;
        }
        let mut standings = vec![Standing::AsWritten; block.len()];
        for commit in block.commits() {
            let CommitId { author, seq, .. } = &commit.id;
            // Of a damaged file the refusal may be lost, until a peer brings it again.
            let standing =
                if block.is_tombstone(commit) || self.voids(author, branch(commit.run), *seq) {
                    Standing::Refused
                } else {
                    self.standing(&commit.id)
                };
            standings[commit.entries.clone()].fill(standing);
        }
        Some(standings)
    }

    fn standing(&self, commit: &CommitId) -> Standing {
        if self.refuses(commit) {
            return Standing::Refused;
        }
        self.date(commit).map_or(Standing::AsWritten, Standing::Redated)
    }

    /// True when the run's author was closed, or a commit with its author and a number of the run
    /// was ruled on: the block need be hashed only then.
    fn concern(&self, run: &Run) -> bool {
        let at = |seq, chain| CommitId { author: run.replica, seq, chain };
        let range = at(run.first_seq, LEAST)..=at(run.last_seq(), GREATEST);
        self.closes(&run.replica)
            || self.refused.range(range.clone()).next().is_some()
            || self.dates.range(range).next().is_some()
    }
}

/// Dates of an author's commits that are looked at: several branches may have about the same number.
const LAST_DATES: usize = 32;
const LEAST: Chain = Chain::from_bytes([0; Chain::LEN]);
const GREATEST: Chain = Chain::from_bytes([u8::MAX; Chain::LEN]);

/// True for the aggregate that control events are about, which no application has.
pub fn is_control(aggregate: &AggregateId) -> bool {
    aggregate.kind.as_str() == control::KIND
}

#[cfg(test)]
mod tests;
