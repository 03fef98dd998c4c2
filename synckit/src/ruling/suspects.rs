//! Suspects: the commits among those that a hub receives that may have to be ruled on.

use super::{Governor, Rejection, Rulings, Suspect};
use crate::block::{Block, Commit};
use crate::chain::CommitId;
use crate::clock::{Hlc, UnixMillis};
use crate::envelope::Seen;
use crate::id::AggregateId;

/// Says on which grounds a commit is refused, if it is.
pub(crate) type Grounds<'a> = dyn Fn(&Block, &Commit) -> Option<Rejection> + 'a;

/// A commit that may have to be ruled on, and what its author had seen.
pub(crate) struct Suspicion {
    /// The commit; what its author had seen is not looked up yet.
    pub(crate) suspect: Suspect,
    /// The events that are to be looked up.
    pub(crate) seen: Vec<Seen>,
    /// The aggregates that it is about: what its author wrote about them before is to be looked up.
    pub(crate) aggregates: Vec<AggregateId>,
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
            of.suspect.seen = blocks.iter().flat_map(|block| of.own_past_in(block)).collect();
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
    let mut seen: Vec<_> =
        rows.map(|(anchor, seq)| Seen { on: block.anchors()[*anchor], seq: *seq }).collect();
    seen.sort_unstable();
    seen.dedup();
    let commit = commit.id;
    let suspect = Suspect { commit, aggregate, written, seen: Vec::new(), rejection };
    Some(Suspicion { suspect, seen, aggregates })
}

impl Suspicion {
    /// Earlier commits of its author in a block about the same aggregates, with their stamps: those are
    /// implied in contexts. Other branches of the author count as well: a stamp is then too late
    /// rather than too early.
    pub(crate) fn own_past_in(&self, block: &Block) -> Vec<(CommitId, Hlc)> {
        let CommitId { author, seq, .. } = self.suspect.commit;
        if !block.runs().iter().any(|run| run.replica == author && run.first_seq < seq) {
            return Vec::new();
        }
        let earlier = block.commits().iter().filter(|of| of.id.author == author && of.id.seq < seq);
        let entries = earlier.flat_map(|of| of.entries.clone().map(|index| (of.id, index)));
        let about = entries.filter_map(|(id, index)| {
            let entry = block.entry(index)?;
            self.aggregates.contains(entry.aggregate()).then(|| (id, entry.hlc()))
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

/// The commit and the stamp of an event that stands in one of these blocks. Of several branches the
/// first is taken: then a stamp is too late rather than too early.
pub(crate) fn stamp_in(blocks: &[Block], seen: &Seen) -> Option<(CommitId, Hlc)> {
    blocks.iter().find_map(|block| {
        let spans = |run: &crate::block::Run| {
            run.replica == seen.on.author && (run.first_seq..=run.last_seq()).contains(&seen.seq)
        };
        let run = block.runs().iter().position(spans)?;
        let commit = block.commits_of(run).find(|commit| commit.id.seq >= seen.seq)?;
        let mut entries = commit.entries.clone().filter_map(|index| block.entry(index));
        let entry = entries.find(|entry| entry.dot().seq == seen.seq)?;
        Some((commit.id, entry.hlc()))
    })
}
