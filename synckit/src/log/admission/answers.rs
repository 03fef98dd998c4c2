//! Questions of admission, and what a store answers.

use std::collections::BTreeMap;

use crate::branch::BranchNo;
use crate::chain::{Chain, CommitId};

/// Question to a store about its log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Question {
    /// The branch that a commit lies on; none when it is not held.
    Holds(CommitId),
    /// The chain after the commit that follows an event on a branch.
    Next(BranchNo, u64),
    /// True if the store's filter names any commit behind an event of a branch.
    Names(BranchNo, u64),
    /// True if a hub has refused a commit.
    Refuses(CommitId),
}

/// Answers of a store so far.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Answers {
    pub(super) holds: BTreeMap<CommitId, Option<BranchNo>>,
    pub(super) next: BTreeMap<(BranchNo, u64), Chain>,
    pub(super) names: BTreeMap<(BranchNo, u64), bool>,
    pub(super) refuses: BTreeMap<CommitId, bool>,
}

impl Answers {
    /// The answer to [`Question::Holds`].
    pub(crate) fn holds(&mut self, commit: CommitId, branch: Option<BranchNo>) {
        self.holds.insert(commit, branch);
    }

    /// The answer to [`Question::Next`].
    pub(crate) fn next(&mut self, branch: BranchNo, seq: u64, chain: Chain) {
        self.next.insert((branch, seq), chain);
    }

    /// The answer to [`Question::Names`].
    pub(crate) fn names(&mut self, branch: BranchNo, seq: u64, names: bool) {
        self.names.insert((branch, seq), names);
    }

    /// The answer to [`Question::Refuses`].
    pub(crate) fn refuses(&mut self, commit: CommitId, refuses: bool) {
        self.refuses.insert(commit, refuses);
    }
}
