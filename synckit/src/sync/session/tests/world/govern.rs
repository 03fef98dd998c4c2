//! Hubs that rule: a model of the gate of the real driver, in which a planted bug can be.

use std::collections::BTreeSet;

use super::audit::Sound;
use super::notebook::{folded, reference};
use super::{Bug, World};
use crate::block::{Block, Commit};
use crate::chain::CommitId;
use crate::id::SpaceId;
use crate::log::{Refusal, bury};
use crate::ruling::{
    Authority, Closing, Control, Governor, Past, Rejection, Suspect, Suspicion, buried,
    ruled_elsewhere, suspects,
};

impl World {
    /// Closes the keys that have too many branches in what a hub is about to commit. Returns how many
    /// of the blocks stand in the log by then, and if any ruling does.
    pub(super) fn close(&mut self, node: usize, blocks: &[Block]) -> Result<(usize, bool), String> {
        let (mut before, mut ruled) = (0, false);
        if !self.plan.governs(node) {
            return Ok((before, ruled));
        }
        let refused = |refusal: Refusal| format!("node {node} refuses what is sound: {refusal}");
        let crowded = |world: &Self, blocks: &[Block]| {
            world.nodes[node].ledger.crowded(blocks, world.plan.branches_of_key_max)
        };
        while let Some(author) = crowded(self, &blocks[before..]) {
            if self.has(Bug::LeavesOutCrowds) {
                return Ok((blocks.len(), false));
            }
            let next = &blocks[before..=before];
            if before + 1 < blocks.len() && crowded(self, next).is_none() {
                let Ruled { held, writes, buried } = self.rule(node, next)?;
                let next: Vec<_> = next[held..].iter().map(|it| bury(it, &buried)).collect();
                self.nodes[node].ledger.commit_first(&next).map_err(refused)?;
                (before, ruled) = (before + 1, ruled || writes);
                continue;
            }
            let branches = &self.nodes[node].ledger.branches;
            let heads = branches.of(&author).iter().map(|no| branches.get(*no).unwrap().head);
            let mut heads: Vec<_> = heads.collect();
            heads.sort_unstable();
            self.write_rulings(node, &[Control::Closed(Closing { author, heads })])?;
            (self.report.closings, ruled) = (self.report.closings + 1, true);
        }
        Ok((before, ruled))
    }

    fn write_rulings(&mut self, node: usize, ruled: &[Control]) -> Sound {
        let wall = self.wall(node);
        let ledger = &mut self.nodes[node].ledger;
        let (space, key) = (ledger.space.clone(), ledger.key.clone());
        let head = (ledger.own_head(), ledger.nonce);
        let written = Governor::new(authority()).write(&space, &key, head, ruled, wall);
        let written = written.map_err(|error| format!("a ruling cannot be written: {error}"))?;
        for commit in written.iter().flat_map(|block| block.commits()) {
            self.audit.wrote(commit.id, [].into())?;
        }
        let refused = |refusal| format!("node {node} rules what its log refuses: {refusal}");
        ledger.commit_own(&written).map(drop).map_err(refused)
    }

    /// Rules on what a hub is about to commit; what is committed before that and with it.
    pub(super) fn rule(&mut self, node: usize, blocks: &[Block]) -> Result<Ruled, String> {
        if !self.plan.governs(node) {
            return Ok(Ruled::default());
        }
        let wall = self.wall(node);
        let ledger = &self.nodes[node].ledger;
        let policy = |block: &Block, commit: &Commit| {
            (!block.is_tombstone(commit) && is_bad(node, &commit.id)).then(rejection)
        };
        let mut suspicions = suspects(blocks, wall, Some(&policy));
        suspicions.retain(|of| !ledger.holds(&of.suspect.commit));
        let mut rulings = ledger.rulings(ledger.head());
        let stands = rulings.clone();
        for block in blocks {
            rulings.note(block);
        }
        let elsewhere = ruled_elsewhere(blocks, &suspicions);
        let mut past = Past::default();
        let held = ledger.blocks.iter().map(|log| &log.block);
        held.chain(blocks).for_each(|block| past.add(block));
        let refused = suspicions.iter().filter(|of| of.suspect.rejection.is_some());
        let refused: BTreeSet<_> = refused.map(|of| of.suspect.commit).collect();
        let counts = |of: &CommitId| !rulings.refuses(of) && !refused.contains(of);
        let looked_up = |mut of: Suspicion| -> Suspect {
            if !self.has(Bug::DatesBeforePast) {
                let last = of.seen.iter().flat_map(|seen| past.of(&of, *seen, counts));
                of.suspect.seen = last.collect();
            }
            of.suspect
        };
        let suspects: Vec<_> = suspicions.into_iter().map(looked_up).collect();
        let ruled = Governor::rule(&rulings, &suspects, wall);
        let buried = buried(&stands, &suspects, &ruled);
        let mut done = Ruled { buried, ..Ruled::default() };
        if ruled.is_empty() {
            return Ok(done);
        }
        // Rulings are written with what they are about, or not at all.
        let missing = ledger.clone().commit_first(blocks);
        if missing.is_err_and(|refusal| refusal.too_early().is_some()) {
            return Ok(Ruled::default());
        }
        let refused = |refusal| format!("node {node} rules what its log refuses: {refusal}");
        let ledger = &mut self.nodes[node].ledger;
        ledger.commit_first(&blocks[..elsewhere]).map_err(refused)?;
        self.write_rulings(node, &ruled)?;
        (done.held, done.writes) = (elsewhere, true);
        Ok(done)
    }

    /// Judges that what was refused has no effect, and everything else has, once: counted by ourselves. States
    /// are the same everywhere.
    pub(super) fn counts_what_is_in_force(&self) -> Sound {
        let first = &self.nodes[0].ledger;
        let expected = reference(first, first.head(), &first.rulings(first.head()));
        // What a closing leaves may be hidden from a part.
        let void = first.void();
        for ledger in self.nodes.iter().map(|node| &node.ledger) {
            let rulings = ledger.rulings(ledger.head());
            for (id, state) in reference(ledger, ledger.head(), &rulings) {
                let of_id = |log: &crate::log::LogBlock| {
                    let commits = log.block.commits().iter();
                    let counted = commits.filter(|commit| {
                        !rulings.refuses(&commit.id) && !void.contains(&commit.id)
                    });
                    let entries = counted.flat_map(|commit| commit.entries.clone());
                    entries.filter(|at| log.block.entry(*at).unwrap().aggregate() == &id).count()
                };
                let in_force: usize = ledger.blocks.iter().map(of_id).sum();
                if folded(state.as_ref()) != in_force as u64 {
                    return Err(format!("{} counts others of {id} than are in force", ledger.name));
                }
                let bytes = |state: &dyn crate::registry::State| state.bytes().unwrap();
                let same = expected.get(&id).map(|state| bytes(state.as_ref()));
                if same != Some(bytes(state.as_ref())) {
                    return Err(format!("{} makes another {id} of the same events", ledger.name));
                }
            }
        }
        self.audit.ordered(first)
    }
}

/// Result of ruling on blocks.
#[derive(Default)]
pub(super) struct Ruled {
    /// So many of them stand in the log by then.
    pub(super) held: usize,
    /// Rulings stand there.
    pub(super) writes: bool,
    /// The commits of which tombstones are kept.
    pub(super) buried: BTreeSet<CommitId>,
}

/// The space of worlds in which hubs rule.
pub(super) fn governed() -> SpaceId {
    authority().space("governed").unwrap()
}

fn authority() -> Authority {
    Authority::from_seed(&[7; 32])
}

/// Hubs do not judge alike.
fn is_bad(hub: usize, commit: &CommitId) -> bool {
    let [first, second, ..] = *commit.chain.as_bytes();
    first.is_multiple_of(5) && !(usize::from(second) + hub).is_multiple_of(3)
}

fn rejection() -> Rejection {
    Rejection::new("bad", "by its hash").unwrap()
}
