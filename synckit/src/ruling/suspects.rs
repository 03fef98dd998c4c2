//! Suspects: the commits among those that a hub receives that may have to be ruled on.

use std::collections::BTreeMap;

use super::{Governor, Rejection, Rulings, Suspect};
use crate::block::{Block, Commit, Run};
use crate::chain::CommitId;
use crate::clock::{Hlc, UnixMillis};
use crate::id::{AggregateId, ReplicaId};

/// Says on which grounds a commit is refused, if it is.
pub(crate) type Grounds<'a> = dyn Fn(&Block, &Commit) -> Option<Rejection> + 'a;

/// A commit that may have to be ruled on, and where its past is to be looked for.
pub(crate) struct Suspicion {
    /// The commit, with as much of its past as came together with it.
    pub(crate) suspect: Suspect,
    /// Authors of events that its author had seen, itself included, each with the number of the last
    /// one. That one may be refused: then those before it are the past.
    pub(crate) seen: Vec<(ReplicaId, u64)>,
    /// The aggregates that it is about.
    aggregates: Vec<AggregateId>,
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
        let suspects_here = commits.filter_map(|commit| suspect(block, commit, wall, policy));
        suspects.extend(suspects_here.map(|mut of: Suspicion| {
            of.suspect.seen = blocks.iter().flat_map(|block| of.past_in(block)).collect();
            of
        }));
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

impl Suspicion {
    /// The commits in a block that belong to the past, with their stamps: what the authors seen wrote
    /// about the same aggregates up to then. Of an author that has forked all branches count: a stamp
    /// is then too late rather than too early.
    pub(crate) fn past_in(&self, block: &Block) -> Vec<(CommitId, Hlc)> {
        let last_seen = |author: &ReplicaId| {
            let found = self.seen.binary_search_by_key(author, |(author, _)| *author);
            found.map_or(0, |index| self.seen[index].1)
        };
        let is_past = |run: &Run| run.first_seq <= last_seen(&run.replica);
        if !block.runs().iter().any(is_past) {
            return Vec::new();
        }
        let commits = block.commits().iter();
        let entries = commits.flat_map(|of| of.entries.clone().map(|index| (of.id, index)));
        let about = entries.filter_map(|(id, index)| {
            let entry = block.entry(index)?;
            let is_seen = entry.dot().seq <= last_seen(&id.author);
            let counts = is_seen && self.aggregates.contains(entry.aggregate());
            counts.then(|| (id, entry.hlc()))
        });
        about.collect()
    }
}

/// Counts the blocks up to the last one in which another hub rules, of those before the first
/// suspect.
pub(crate) fn ruled_elsewhere(blocks: &[Block], suspects: &[Suspicion]) -> usize {
    let is_suspect = |commit: &Commit| suspects.iter().any(|of| of.suspect.commit == commit.id);
    let without = |block: &&Block| !block.commits().iter().any(is_suspect);
    let rules = |block: &&Block| !Rulings::new().controls(block).is_empty();
    let before: Vec<_> = blocks.iter().take_while(without).collect();
    before.iter().rposition(rules).map_or(0, |last| last + 1)
}
