//! Suspects: the commits among those that a hub receives that may have to be ruled on.

use std::collections::{BTreeMap, BTreeSet};

use super::{Control, Governor, Rejection, Rulings, Suspect};
use crate::block::{Block, Commit};
use crate::chain::CommitId;
use crate::clock::{Hlc, UnixMillis};
use crate::id::{AggregateId, ReplicaId};

/// Says on which grounds a commit is refused, if it is.
pub(crate) type Grounds<'a> = dyn Fn(&Block, &Commit) -> Option<Rejection> + 'a;

/// Before every commit.
const LEAST: CommitId =
    CommitId { author: ReplicaId::from_bytes([0; 32]), seq: 0, chain: super::LEAST };

/// Commits of an author about one aggregate that are looked at to find the last one in force. More
/// than one, because an author that has forked has several of about the same number.
const LAST_COMMITS: usize = 32;

/// A commit that may have to be ruled on, and where its past is to be looked for.
pub(crate) struct Suspicion {
    /// The commit.
    pub(crate) suspect: Suspect,
    /// Authors of events that its author had seen, itself included, each with the number of the last
    /// one. That one may be refused: then those before it are the past.
    pub(crate) seen: Vec<(ReplicaId, u64)>,
    /// The aggregates that it is about.
    aggregates: Vec<AggregateId>,
}

/// Commits of some blocks, by author and aggregate: each block is read once for all suspects.
#[derive(Default)]
pub(crate) struct Past(BTreeMap<(ReplicaId, AggregateId), BTreeMap<(u64, CommitId), Hlc>>);

impl Past {
    /// Adds the commits of a block.
    pub(crate) fn add(&mut self, block: &Block) {
        for commit in block.commits() {
            for entry in commit.entries.clone().filter_map(|index| block.entry(index)) {
                let place = (commit.id.author, entry.aggregate().clone());
                let commits = self.0.entry(place).or_default();
                commits.insert((entry.dot().seq, commit.id), entry.hlc());
            }
        }
    }

    /// The commits that an author wrote last about a suspect's aggregates, up to a number and in
    /// force, with the stamps. Of an author that has forked all branches count: a stamp is then too late rather than
    /// too early.
    pub(crate) fn of(
        &self,
        suspicion: &Suspicion,
        (author, through): (ReplicaId, u64),
        in_force: impl Fn(&CommitId) -> bool,
    ) -> Vec<(CommitId, Hlc)> {
        let of_aggregate = |aggregate: &AggregateId| self.0.get(&(author, aggregate.clone()));
        let commits = suspicion.aggregates.iter().filter_map(of_aggregate);
        let last = commits.flat_map(|commits| {
            let seen = commits.range(..(through.saturating_add(1), LEAST)).rev();
            seen.filter(|((_, id), _)| in_force(id)).take(LAST_COMMITS)
        });
        last.map(|((_, id), stamp)| (*id, *stamp)).collect()
    }
}

/// The commits of blocks that may have to be ruled on. Rulings are none.
pub(crate) fn suspects(
    blocks: &[Block],
    wall: UnixMillis,
    policy: Option<&Grounds<'_>>,
) -> Vec<Suspicion> {
    let mut suspects = Vec::new();
    for block in blocks {
        let mut stamps = block.entries().map(|entry| entry.hlc());
        if policy.is_none() && !stamps.any(|stamp| Governor::is_ahead(stamp, wall)) {
            continue;
        }
        let rulings = Rulings::new().controls(block);
        let rules = |of: &&Commit| rulings.iter().any(|(index, _)| of.entries.contains(index));
        let commits = block.commits().iter().filter(|commit| !rules(commit));
        suspects.extend(commits.filter_map(|commit| suspect(block, commit, wall, policy)));
    }
    suspects
}

fn suspect(
    block: &Block,
    commit: &Commit,
    wall: UnixMillis,
    policy: Option<&Grounds<'_>>,
) -> Option<Suspicion> {
    let entries = || commit.entries.clone().filter_map(|index| block.entry(index));
    let written = entries().map(|entry| entry.hlc()).max()?;
    let rejection = policy.and_then(|policy| policy(block, commit));
    if rejection.is_none() && !Governor::is_ahead(written, wall) {
        return None;
    }
    let mut aggregates: Vec<_> = entries().map(|entry| entry.aggregate().clone()).collect();
    let aggregate = aggregates.first()?.clone();
    aggregates.sort_unstable();
    aggregates.dedup();
    let rows = entries().flat_map(|entry| entry.context_rows());
    let before = commit.id.seq - commit.entries.len() as u64;
    let mut seen: BTreeMap<_, u64> = BTreeMap::from([(commit.id.author, before)]);
    for (anchor, seq) in rows {
        let last = seen.entry(block.anchors()[*anchor].author).or_default();
        *last = (*last).max(*seq);
    }
    let seen = seen.into_iter().collect();
    let commit = commit.id;
    let suspect = Suspect { commit, aggregate, written, seen: Vec::new(), rejection };
    Some(Suspicion { suspect, seen, aggregates })
}

/// The suspects of which tombstones are kept, given the rulings that stand in the log and those that are about to
/// be written: a tombstone stands behind the refusal. (Another hub's may be on its way, behind what it refuses.)
pub(crate) fn buried(
    stands: &Rulings,
    suspects: &[Suspect],
    ruled: &[Control],
) -> BTreeSet<CommitId> {
    let refused = ruled.iter().filter_map(|ruled| match ruled {
        Control::Refused(refused) => Some(refused.commit),
        Control::Redated(_) | Control::Closed(_) => None,
    });
    let before = suspects.iter().map(|suspect| suspect.commit);
    refused.chain(before.filter(|commit| stands.refuses(commit))).collect()
}

/// Counts the blocks up to the last one in which another hub rules, of those before the first
/// suspect.
pub(crate) fn ruled_elsewhere(blocks: &[Block], suspects: &[Suspicion]) -> usize {
    let first = suspects.first().map(|of| of.suspect.commit);
    let is_suspect = |commit: &Commit| Some(commit.id) == first;
    let without = |block: &&Block| !block.commits().iter().any(is_suspect);
    let rules = |block: &&Block| !Rulings::new().controls(block).is_empty();
    let before: Vec<_> = blocks.iter().take_while(without).collect();
    before.iter().rposition(rules).map_or(0, |last| last + 1)
}
