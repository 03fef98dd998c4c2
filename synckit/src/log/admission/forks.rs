//! Forks on the chains of what a part holds: what its peer tells of them, and the places of runs that follow
//! hidden commits past one.

use std::collections::BTreeMap;

use super::{Across, Lookup, Question, Staging, Target};
use crate::block::Commit;
use crate::branch::{Branch, BranchNo};
use crate::chain::{Chain, CommitId};
use crate::log::{Bridge, Hidden, Refusal, Witness};
use crate::vector::VECTOR_REPLICAS_MAX;

/// Forks on the way to a commit, ascending: of each the number of the last event that its branches share,
/// and the chain after the commit that follows on that way.
pub(super) type Forks = Vec<(u64, Chain)>;

impl Staging<'_> {
    /// Finds where the commits of a run belong that follow one which is not held.
    pub(super) fn place_across(
        &mut self,
        before: CommitId,
        commits: &[&Commit],
        forks: &[(u64, Chain)],
    ) -> Result<(Target, usize), Refusal> {
        if self.is_local {
            // Nothing of its own is hidden from a store: that has been lost.
            return Err(Refusal::Missing { after: commits[0].id.dot(), missing: before });
        }
        let by_part = self.batch.hidden.is_some_and(|hidden| hidden.witness != Witness::Whole);
        if by_part && !self.bridges.contains_key(&before) {
            // The peer does not know what it has not given of its own work.
            return Err(Refusal::Missing { after: commits[0].id.dot(), missing: before });
        }
        match self.across(&before) {
            Across::Nothing => Ok((Target::Begin, 0)),
            Across::End(branch, seq) => Ok((Target::Skip(branch, seq + 1), 0)),
            Across::Inside(branch, seq) => {
                let place = self.beside(branch, seq, (before, forks));
                let held = if matches!(place, Target::Asked) { commits.len() } else { 0 };
                Ok((place, held))
            }
            Across::Asked => Ok((Target::Asked, commits.len())),
            Across::Along(_) | Across::Unknown => {
                Err(Refusal::Missing { after: commits[0].id.dot(), missing: before })
            }
        }
    }

    /// The place of a run whose author forked among hidden commits: `before`, the last of them, follows an
    /// event inside a branch.
    fn beside(
        &mut self,
        no: BranchNo,
        seq: u64,
        (before, forks): (CommitId, &[(u64, Chain)]),
    ) -> Target {
        let mut at = no;
        for (after, next) in forks.iter().filter(|(after, _)| *after >= seq) {
            let Some(branch) = self.branch(at) else { break };
            let place = branch.forks.binary_search_by_key(after, |(seq, _)| *seq);
            let follows = place.map(|index| branch.forks[index].1);
            if follows == Ok(*next) {
                continue;
            }
            if follows.is_err() && branch.head.seq <= *after {
                return Target::Skip(at, branch.head.seq + 1);
            }
            let begins = |it: &Branch| (it.leaves, it.first) == (Some((at, *after)), *next);
            match self.of(&before.author).find(|(_, it)| begins(it)) {
                Some((no, _)) => at = no,
                None => return Target::Leave(at, *after, Some(*next)),
            }
        }
        let Some((base, end)) = self.branch(at).map(|branch| (branch.base(), branch.head.seq))
        else {
            return Target::Leave(at, seq, None);
        };
        if end < before.seq && at != no {
            return Target::Skip(at, end + 1);
        }
        let after = seq.max(base);
        match self.names(at, after) {
            // What is held behind it has been held since the filter was wider: whoever told of the place left
            // it out.
            Some(false) if end < before.seq => Target::Skip(at, end + 1),
            Some(_) => Target::Leave(at, after, None),
            None => Target::Asked,
        }
    }

    /// True if the store's filter names any commit behind an event of a branch, as those do that have just come;
    /// nothing when that has to be asked.
    fn names(&mut self, no: BranchNo, after: u64) -> Option<bool> {
        let staged = self.staged.get(&no).and_then(|staged| staged.last());
        if staged.is_some_and(|(last, _)| *last > after) {
            return Some(true);
        }
        let known = self.answers.names.get(&(no, after)).copied();
        if known.is_none() {
            self.questions.insert(Question::Names(no, after));
        }
        known
    }

    /// The forks that are told of on the chain of a run.
    pub(super) fn forks_of(&self, commits: &[&Commit]) -> Forks {
        if self.forks.is_empty() {
            return Forks::new();
        }
        let told = commits.iter().filter_map(|commit| self.forks.get(&commit.id));
        let mut forks: Forks = told.flatten().copied().collect();
        forks.sort_unstable();
        forks.dedup_by_key(|(after, _)| *after);
        forks
    }

    /// Notes what is told of the chains of commits that are held.
    pub(super) fn tell_held(&mut self) -> Result<(), Refusal> {
        for (on, forks) in self.forks.clone() {
            if let Lookup::Held(no) = self.lookup(&on) {
                self.tell(no, &forks)?;
            }
        }
        Ok(())
    }

    /// Notes forks on the way to the end of a branch.
    pub(super) fn tell(&mut self, no: BranchNo, forks: &[(u64, Chain)]) -> Result<(), Refusal> {
        for (after, next) in forks {
            let mut at = no;
            while let Some((parent, base)) = self.branch(at).and_then(|branch| branch.leaves)
                && *after < base
            {
                at = parent;
            }
            let Some(branch) = self.branch(at) else { continue };
            if branch.leaves.is_some() && branch.base() == *after {
                if branch.first != *next {
                    // It was taken to leave there on the word of one that did not know the fork.
                    self.changed.insert(at, Branch { first: *next, ..branch.clone() });
                    self.tells = true;
                }
                continue;
            }
            let place = branch.forks.binary_search_by_key(after, |(seq, _)| *seq);
            if place.is_ok_and(|index| branch.forks[index].1 == *next) {
                continue;
            }
            let mut branch = branch.clone();
            match place {
                // Whoever knows the hidden commit knows its chain; here a later one stood for it.
                Ok(index) => branch.forks[index].1 = *next,
                Err(index) => {
                    self.count_writers(1)?;
                    branch.forks.insert(index, (*after, *next));
                }
            }
            self.changed.insert(at, branch);
            self.tells = true;
        }
        Ok(())
    }

    /// Checks that clocks have room for the identities of merging that a part is told of: how many hidden
    /// branches there are is not known.
    pub(super) fn count_writers(&mut self, more: usize) -> Result<(), Refusal> {
        self.writers += more;
        let all = self.batch.branches.writers() + self.writers;
        let fits = self.batch.hidden.is_none() || all <= VECTOR_REPLICAS_MAX;
        if fits { Ok(()) } else { Err(Refusal::TooManyReplicas) }
    }
}

/// The forks that a peer tells of, by the commits on whose chains they are.
pub(super) fn told_forks(hidden: Option<&Hidden>) -> BTreeMap<CommitId, Forks> {
    let mut told: BTreeMap<CommitId, Forks> = BTreeMap::new();
    for mark in hidden.iter().flat_map(|hidden| &hidden.forks) {
        told.entry(mark.on).or_default().push((mark.after, mark.next));
    }
    told
}

/// The bridges that a peer tells of, by the hidden commits. The first word of one holds from then on.
pub(super) fn told_bridges(hidden: Option<&Hidden>) -> BTreeMap<CommitId, &Bridge> {
    let bridges = hidden.iter().flat_map(|hidden| hidden.bridges.iter().rev());
    bridges.map(|bridge| (bridge.hidden, bridge)).collect()
}
