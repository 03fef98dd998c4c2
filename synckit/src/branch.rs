//! Branches: how the commits that a store holds of each author hang together.
//!
//! An author's commits form one chain, unless two stores wrote under one key: a copy of a file, or
//! a store restored from one. The chain then has a *fork*, and both branches count. A branch is
//! held as a line of consecutive commits, of which all but an author's first leave another line.
//!
//! For merging, each branch past a fork is an author of its own: [`Branches::writer`] gives the
//! identity under which an event counts, and [`Branches::see`] turns a row of a context into a
//! vector clock over such identities. Both are functions of the commits held, whatever the order
//! in which they came: stores that hold the same commits agree.

use std::collections::BTreeMap;

use crate::chain::{Chain, CommitId};
use crate::envelope::{Context, Seen};
use crate::id::{Dot, ReplicaId};
use crate::vector::{VECTOR_REPLICAS_MAX, VectorClock, VectorFull};

/// Most branches of a space. Each fork adds two writers at most, so that a clock has room for all
/// writers of a space, and what it holds never depends on the order in which they came.
pub const BRANCHES_MAX: usize = VECTOR_REPLICAS_MAX / 2;

/// A branch would be one more than [`BRANCHES_MAX`], or some before it are not known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("more branches than {BRANCHES_MAX}; split the space into several")]
#[non_exhaustive]
pub struct BranchesFull;

/// The number of a branch among those that one store holds of a space. Local to the store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(clippy::exhaustive_structs, reason = "a number")]
pub struct BranchNo(pub u32);

/// The place of a commit that contexts refer to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Anchor {
    /// The branch that it lies on, or that its own branch leaves: of a hidden commit, the one of the last
    /// event before it that is held.
    pub branch: BranchNo,
    /// Of a commit that a filter hides: the number of the last event before it that is held, unless events
    /// behind it were held already.
    pub beside: Option<u64>,
}

impl Anchor {
    /// A commit on a branch.
    pub const fn on(branch: BranchNo) -> Self {
        Self { branch, beside: None }
    }

    /// The last event on the branch that is among what a context names: the commit's events up to a number,
    /// and what lies before them.
    pub(crate) fn covers(self, seq: u64) -> (BranchNo, u64) {
        (self.branch, self.beside.map_or(seq, |last| last.min(seq)))
    }
}

/// A line of an author's commits.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Branch {
    /// Its last commit.
    pub head: CommitId,
    /// The chain after its first commit.
    pub first: Chain,
    /// The branch that it leaves, and the number of the last event that both share. `None` for the
    /// branch of an author that a store met first.
    pub leaves: Option<(BranchNo, u64)>,
    /// The places at which other branches leave it, ascending: the number of the last shared event,
    /// and the chain after the commit that follows on this branch. A store that holds a part of a space
    /// does not hold all of these branches.
    pub forks: Vec<(u64, Chain)>,
}

impl Branch {
    /// The number of the event before its first one.
    pub fn base(&self) -> u64 {
        self.leaves.map_or(0, |(_, seq)| seq)
    }

    /// The number of identities of its events that begin past forks.
    fn past_forks(&self) -> usize {
        self.forks.len() + usize::from(self.leaves.is_some())
    }

    /// True if a number lies on this branch, its base left out.
    pub fn spans(&self, seq: u64) -> bool {
        self.base() < seq && seq <= self.head.seq
    }
}

/// A fork: an author under whose key two stores wrote.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub struct Fork {
    /// The author.
    pub author: ReplicaId,
    /// The number of the last event that the branches share.
    pub after: u64,
    /// The chains after the first commit of each branch, ascending. A store that holds a part of a space
    /// may know one branch only: its filter hides the other.
    pub branches: Vec<Chain>,
}

/// All branches of a space.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Branches {
    branches: Vec<Branch>,
    of_author: BTreeMap<ReplicaId, Vec<BranchNo>>,
    /// The branch on which the events of each identity of merging lie.
    of_writer: BTreeMap<ReplicaId, BranchNo>,
}

impl Branches {
    /// No branch.
    pub const fn new() -> Self {
        Self { branches: Vec::new(), of_author: BTreeMap::new(), of_writer: BTreeMap::new() }
    }

    /// The number of branches.
    pub const fn len(&self) -> usize {
        self.branches.len()
    }

    /// True if there is none.
    pub const fn is_empty(&self) -> bool {
        self.branches.is_empty()
    }

    /// A branch.
    pub fn get(&self, no: BranchNo) -> Option<&Branch> {
        self.branches.get(no.0 as usize)
    }

    /// The branches, by number.
    pub fn iter(&self) -> impl Iterator<Item = (BranchNo, &Branch)> {
        (0..).map(BranchNo).zip(&self.branches)
    }

    /// The branches of an author.
    pub fn of(&self, author: &ReplicaId) -> &[BranchNo] {
        self.of_author.get(author).map_or(&[], Vec::as_slice)
    }

    /// The authors.
    pub fn authors(&self) -> impl ExactSizeIterator<Item = &ReplicaId> {
        self.of_author.keys()
    }

    /// The branch that ends with a commit.
    pub fn ending_with(&self, commit: &CommitId) -> Option<BranchNo> {
        let of = self.of(&commit.author).iter();
        of.copied().find(|no| self.get(*no).is_some_and(|branch| branch.head == *commit))
    }

    /// True when a branch of its author reaches as far as a commit, so that it may be held.
    pub(crate) fn reaches(&self, commit: &CommitId) -> bool {
        let of_author = self.of(&commit.author).iter().filter_map(|no| self.get(*no));
        of_author.map(|branch| branch.head.seq).any(|head| head >= commit.seq)
    }

    /// The last commit of each branch: exactly what is held.
    pub fn heads(&self) -> impl Iterator<Item = CommitId> {
        self.branches.iter().map(|branch| branch.head)
    }

    /// Sets a branch; the number after the last adds one.
    ///
    /// # Errors
    /// When it would be one more than [`BRANCHES_MAX`], or leave a gap.
    pub fn set(&mut self, no: BranchNo, branch: Branch) -> Result<(), BranchesFull> {
        let index = no.0 as usize;
        if let Some(held) = self.branches.get_mut(index) {
            let before = std::mem::replace(held, branch);
            if (&held.forks, held.first) != (&before.forks, before.first) {
                self.index_writers_again(no);
            }
            return Ok(());
        }
        if index != self.branches.len() || index >= BRANCHES_MAX {
            return Err(BranchesFull);
        }
        self.of_author.entry(branch.head.author).or_default().push(no);
        self.branches.push(branch);
        self.index_writers(no);
        Ok(())
    }

    /// Adds a branch that begins with a run which ends with `head`. One that is there only grows.
    ///
    /// # Errors
    /// As [`Branches::set`].
    pub(crate) fn begin(
        &mut self,
        no: BranchNo,
        first: Chain,
        leaves: Option<(BranchNo, u64, Chain)>,
        head: CommitId,
    ) -> Result<(), BranchesFull> {
        if self.get(no).is_some() {
            return self.grow(no, head);
        }
        let from = leaves.map(|(parent, after, _)| (parent, after));
        self.set(no, Branch { head, first, leaves: from, forks: Vec::new() })?;
        if let Some((parent, after, next)) = leaves {
            self.note_fork(parent, after, next);
        }
        Ok(())
    }

    /// A branch reaches as far as `head`.
    ///
    /// # Errors
    /// When there is no such branch.
    pub(crate) fn grow(&mut self, no: BranchNo, head: CommitId) -> Result<(), BranchesFull> {
        let branch = self.branches.get_mut(no.0 as usize).ok_or(BranchesFull)?;
        if branch.head.seq < head.seq {
            branch.head = head;
        }
        Ok(())
    }

    /// Adds what another reading of the same log knows beyond this one.
    pub(crate) fn include(&mut self, other: &Self) {
        for (no, branch) in other.iter() {
            if self.get(no).is_none() {
                // Numbers follow one another in both.
                let _ = self.set(no, branch.clone());
                continue;
            }
            let _ = self.grow(no, branch.head);
            branch.forks.iter().for_each(|(after, next)| self.note_fork(no, *after, *next));
        }
    }

    /// Another branch leaves this one after an event; `next` is the chain after the commit that
    /// follows here.
    fn note_fork(&mut self, no: BranchNo, after: u64, next: Chain) {
        let Some(branch) = self.branches.get_mut(no.0 as usize) else { return };
        if let Err(index) = branch.forks.binary_search_by_key(&after, |(seq, _)| *seq) {
            branch.forks.insert(index, (after, next));
            self.index_writers_again(no);
        }
    }

    /// A fork gives the events behind it another identity; where it lies before a branch's first
    /// event, none keeps the one that they had.
    fn index_writers_again(&mut self, no: BranchNo) {
        self.of_writer.retain(|_, of| *of != no);
        self.index_writers(no);
    }

    fn index_writers(&mut self, no: BranchNo) {
        let Some(branch) = self.branches.get(no.0 as usize) else { return };
        let past = branch.forks.iter().map(|(after, _)| after + 1);
        let seqs: Vec<_> = std::iter::once(branch.base() + 1).chain(past).collect();
        for seq in seqs {
            self.of_writer.insert(self.writer(no, seq), no);
        }
    }

    /// The identity under which an event counts in merging: its author's, unless it lies past a
    /// fork.
    pub fn writer(&self, no: BranchNo, seq: u64) -> ReplicaId {
        let Some(branch) = self.get(no) else { return ReplicaId::from_bytes([0; 32]) };
        let past = branch.forks.iter().take_while(|(after, _)| *after < seq).last();
        match (past, branch.leaves) {
            (Some((_, chain)), _) => CommitId { chain: *chain, ..branch.head }.branch(),
            (None, Some(_)) => CommitId { chain: branch.first, ..branch.head }.branch(),
            (None, None) => branch.head.author,
        }
    }

    /// True if a branch is its author's only one, and nothing is known of forks on it.
    pub(crate) fn is_only(&self, no: BranchNo) -> bool {
        let only =
            |branch: &Branch| branch.forks.is_empty() && self.of(&branch.head.author).len() == 1;
        self.get(no).is_some_and(only)
    }

    /// The forks on the way to an event, ascending: of each the number of the last event that its branches
    /// share, and the chain after the commit that follows on that way.
    pub(crate) fn forks_before(&self, no: BranchNo, seq: u64) -> Vec<(u64, Chain)> {
        let (mut forks, mut at, mut seq) = (Vec::new(), self.get(no), seq);
        while let Some(branch) = at.filter(|_| seq > 0) {
            forks.extend(branch.forks.iter().rev().filter(|(after, _)| *after < seq));
            let leaves = branch.leaves.filter(|(_, after)| *after < seq);
            forks.extend(leaves.map(|(_, after)| (after, branch.first)));
            seq = seq.min(branch.base());
            at = branch.leaves.and_then(|(parent, _)| self.get(parent));
        }
        forks.reverse();
        forks
    }

    /// The number of identities of merging.
    pub(crate) fn writers(&self) -> usize {
        self.of_writer.len()
    }

    /// The branch on which the events of an identity of merging lie.
    pub fn of_writer(&self, writer: &ReplicaId) -> Option<BranchNo> {
        self.of_writer.get(writer).copied()
    }

    /// An event under the identity that it has in merging.
    pub fn dot(&self, no: BranchNo, seq: u64) -> Dot {
        Dot { replica: self.writer(no, seq), seq }
    }

    /// Adds an event of a branch, and everything before it on its author's chain, to what was seen.
    /// The event may lie before the branch leaves another.
    ///
    /// # Errors
    /// When the clock is full, which it cannot be with identities of one space: see [`BRANCHES_MAX`].
    pub fn see(&self, clock: &mut VectorClock, no: BranchNo, seq: u64) -> Result<(), VectorFull> {
        // Beyond the end there are commits that a filter hides.
        let end = self.get(no).map_or(0, |branch| branch.head.seq);
        let (mut at, mut seq) = (Some(no), seq.min(end));
        while let Some((no, branch)) = at.and_then(|no| Some((no, self.get(no)?))) {
            if branch.spans(seq) {
                clock.advance(self.dot(no, seq))?;
            }
            for (after, _) in branch.forks.iter().filter(|(after, _)| *after < seq) {
                clock.advance(self.dot(no, *after))?;
            }
            self.rename(clock, no, branch, seq);
            (at, seq) = match branch.leaves {
                Some((parent, after)) if after > 0 => (Some(parent), seq.min(after)),
                _ => (None, 0),
            };
        }
        Ok(())
    }

    /// Notes under which identities a branch's events up to one count.
    fn rename(&self, clock: &mut VectorClock, no: BranchNo, branch: &Branch, seq: u64) {
        let author = branch.head.author;
        let base = branch.leaves.map(|(parent, after)| {
            let before = if after > 0 { self.writer(parent, after) } else { author };
            (before, after)
        });
        let mut of = base.map_or(author, |(before, _)| before);
        let forks = branch.forks.iter().map(|(after, _)| *after);
        for after in base.map(|(_, after)| after).into_iter().chain(forks) {
            let to = self.writer(no, after + 1);
            if after < seq && to != of {
                clock.rename(of, after, to);
                of = to;
            }
        }
    }

    /// The context that other stores understand of what was seen. Rows of identities that no branch
    /// held here has are left out.
    pub fn context(&self, seen: &VectorClock) -> Context {
        Context::of(seen.iter().filter_map(|dot| {
            let branch = self.get(*self.of_writer.get(&dot.replica)?)?;
            Some(Seen { on: branch.head, seq: dot.seq })
        }))
    }

    /// The forks, ascending.
    pub fn forks(&self) -> Vec<Fork> {
        let mut forks: BTreeMap<(ReplicaId, BranchNo, u64), Vec<Chain>> = BTreeMap::new();
        for (no, branch) in self.iter() {
            for (after, chain) in &branch.forks {
                forks.entry((branch.head.author, no, *after)).or_default().push(*chain);
            }
            if let Some((parent, after)) = branch.leaves {
                forks.entry((branch.head.author, parent, after)).or_default().push(branch.first);
            }
        }
        let mut forks: Vec<_> = forks
            .into_iter()
            .map(|((author, _, after), mut branches)| {
                branches.sort_unstable();
                Fork { author, after, branches }
            })
            .collect();
        forks.sort_unstable();
        forks
    }

    /// The number of branches that left others.
    pub fn fork_count(&self) -> usize {
        self.len() - self.of_author.len()
    }

    /// The number of identities that begin past forks: while it stays the same, so does every writer.
    pub(crate) fn past_forks(&self) -> usize {
        self.branches.iter().map(Branch::past_forks).sum()
    }
}

/// The part of a log that somebody holds: of each branch the events up to a number.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Coverage(BTreeMap<BranchNo, u64>);

impl Coverage {
    /// Nothing.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds an event and everything before it on its author's chain.
    pub fn add(&mut self, branches: &Branches, no: BranchNo, seq: u64) {
        let mut at = Some((no, seq));
        while let Some((no, seq)) = at.filter(|(_, seq)| *seq > 0) {
            let covered = self.0.entry(no).or_default();
            if *covered >= seq {
                return;
            }
            *covered = seq;
            at = branches.get(no).and_then(|branch| branch.leaves);
        }
    }

    /// The part that another covers as well, of the same branches.
    #[must_use]
    pub fn among(&self, other: &Self) -> Self {
        let of_both = self.0.iter().filter_map(|(no, seq)| Some((*no, *seq.min(other.0.get(no)?))));
        Self(of_both.collect())
    }

    /// True if an event is covered.
    pub fn covers(&self, no: BranchNo, seq: u64) -> bool {
        self.0.get(&no).is_some_and(|covered| *covered >= seq)
    }

    /// True if nothing is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests;
