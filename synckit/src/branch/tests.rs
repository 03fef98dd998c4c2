//! Identities in merging depend on the commits held, not on the order in which they came.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::block::tests::{Author, Written, cases, seal, space};
use crate::log::{Admission, Answers, Append, Cursor, Decision, Question, Source};

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn stores_that_hold_the_same_commits_agree_whatever_came_first(
        tree in vec((any::<Index>(), 1..3_usize), 1..14),
        orders in (vec(any::<Index>(), 14), vec(any::<Index>(), 14)),
        asked in (any::<Index>(), any::<Index>()),
    ) {
        let tree = grow(&tree);
        let [one, other] = [orders.0, orders.1].map(|order| Held::receive(&shuffled(&tree, &order)));
        for commit in &tree {
            prop_assert_eq!(one.writer(&commit.id), other.writer(&commit.id));
        }
        prop_assert_eq!(one.branches.forks(), other.branches.forks());
        prop_assert_eq!(one.branches.fork_count(), other.branches.fork_count());
        let heads: [BTreeSet<_>; 2] = [&one, &other].map(|held| held.branches.heads().collect());
        prop_assert_eq!(&heads[0], &heads[1]);

        let on = asked.0.get(&tree).id;
        let seq = u64::try_from(asked.1.index(usize::try_from(on.seq).unwrap())).unwrap() + 1;
        let clock = one.see(&on, seq);
        prop_assert_eq!(&clock, &other.see(&on, seq), "a row of a context");
        let covered = one.covered(&on);
        prop_assert_eq!(&covered, &other.covered(&on));
        let path = path(&tree, &on);
        prop_assert_eq!(&covered, &path.iter().map(|commit| commit.id).collect());
        for commit in &tree {
            let first = commit.events[0].dot.seq;
            let events = first..=commit.id.seq;
            for event in events {
                let dot = Dot { replica: one.writer(&commit.id), seq: event };
                prop_assert_eq!(clock.contains(dot), covered.contains(&commit.id) && event <= seq);
            }
        }
        let travelled = one.branches.context(&clock);
        let mut arrived = VectorClock::new();
        for row in travelled.iter() {
            let at = other.branch_of(&row.on).unwrap();
            other.branches.see(&mut arrived, at, row.seq).unwrap();
        }
        prop_assert_eq!(arrived, clock, "what was seen means the same in the other store");
    }
}

#[test]
fn an_author_that_never_forked_counts_under_its_key() {
    let mut ann = Author::named("ann");
    let commits = [ann.write(&["milk"], &[]), ann.write(&["bread"], &[])];
    let held = Held::receive(&commits);
    assert_eq!(held.writer(&commits[1].id), ann.head.author);
    assert_eq!(held.branches.forks(), []);
    assert_eq!(held.branches.fork_count(), 0);
}

#[test]
fn what_all_branches_share_counts_under_the_key_and_each_branch_under_its_own() {
    let mut ann = Author::named("ann");
    let trunk = ann.write(&["milk"], &[]);
    let mut copy = ann.copied(2);
    let [left, right] = [ann.write(&["bread"], &[]), copy.write(&["beer"], &[])];
    let held = Held::receive(&[trunk.clone(), left.clone(), right.clone()]);
    assert_eq!(held.writer(&trunk.id), ann.head.author);
    assert_eq!(held.writer(&left.id), left.id.branch());
    assert_eq!(held.writer(&right.id), right.id.branch());
    let seen = held.see(&right.id, 2);
    let expected = [(ann.head.author, 1), (right.id.branch(), 2)];
    let expected: BTreeMap<_, _> = expected.into();
    assert_eq!(seen.iter().map(|dot| (dot.replica, dot.seq)).collect::<BTreeMap<_, _>>(), expected);
}

#[test]
fn one_branch_more_than_a_space_may_have_is_refused() {
    let root = CommitId::root(&space(), Author::named("ann").head.author);
    let branch = |leaves| Branch { head: root, first: root.chain, leaves, forks: Vec::new() };
    let mut branches = Branches::new();
    assert_eq!(branches.set(BranchNo(1), branch(None)), Err(BranchesFull), "a gap");
    for no in (0..).map(BranchNo).take(BRANCHES_MAX) {
        branches.set(no, branch(None)).unwrap();
    }
    let next = BranchNo(u32::try_from(BRANCHES_MAX).unwrap());
    assert_eq!(branches.set(next, branch(None)), Err(BranchesFull));
    assert_eq!(branches.set(BranchNo(0), branch(None)), Ok(()), "one that is there may change");
}

#[test]
fn a_clock_has_room_for_all_writers_of_a_space_however_they_forked() {
    let root = CommitId::root(&space(), Author::named("ann").head.author);
    let most = u64::try_from(BRANCHES_MAX).unwrap();
    let chain = |n: u64, of: u8| {
        let mut bytes = [of; 32];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        Chain::from_bytes(bytes)
    };
    // All branches leave the first one, each after another event of it.
    let forks = (1..most).map(|after| (after, chain(after, 1))).collect();
    let trunk = CommitId { seq: most, chain: chain(most, 1), ..root };
    let mut branches = Branches::new();
    branches
        .set(BranchNo(0), Branch { head: trunk, first: chain(1, 1), leaves: None, forks })
        .unwrap();
    for (no, after) in (1..).map(BranchNo).zip(1..most) {
        let head = CommitId { seq: after + 1, chain: chain(after, 2), ..root };
        let leaves = Some((BranchNo(0), after));
        branches.set(no, Branch { head, first: head.chain, leaves, forks: Vec::new() }).unwrap();
    }
    assert_eq!(branches.len(), BRANCHES_MAX);
    let mut seen = VectorClock::new();
    branches.see(&mut seen, BranchNo(0), most).unwrap();
    for (no, after) in (1..).map(BranchNo).zip(1..most) {
        seen.advance(branches.dot(no, after + 1)).unwrap();
    }
    assert_eq!(seen.len(), 2 * BRANCHES_MAX - 1);
}

/// A store that received commits in some order.
struct Held {
    branches: Branches,
    commits: BTreeMap<CommitId, BranchNo>,
}

impl Held {
    fn receive(commits: &[Written]) -> Self {
        let mut held = Self { branches: Branches::new(), commits: BTreeMap::new() };
        commits.iter().for_each(|commit| held.take(commit));
        held
    }

    fn take(&mut self, commit: &Written) {
        let append = [Append { block: seal(&[commit]), source: Source::Peer }];
        let (space, own) = (space(), ReplicaId::from_bytes([0; 32]));
        let (branches, end) = (&self.branches, Cursor::START);
        let admission = Admission {
            space: &space,
            branches,
            end,
            own,
            append: &append,
            cap: None,
            hidden: None,
            awaits: None,
        };
        let mut answers = Answers::default();
        let admitted = loop {
            match admission.decide(&answers).unwrap() {
                Decision::Admit(admitted) => break admitted,
                Decision::Ask(questions) => {
                    questions.into_iter().for_each(|question| self.answer(question, &mut answers));
                }
            }
        };
        self.commits.insert(commit.id, admitted.blocks[0].runs[0].branch);
        for (no, branch) in admitted.branches {
            self.branches.set(no, branch).unwrap();
        }
    }

    fn answer(&self, question: Question, answers: &mut Answers) {
        match question {
            Question::Holds(id) => answers.holds(id, self.branch_of(&id)),
            Question::Names(..) => unreachable!("the store holds all of the space"),
            Question::Refuses(commit) => answers.refuses(commit, false),
            Question::Next(no, seq) => {
                let after = self.commits.iter().filter(|(id, on)| **on == no && id.seq > seq);
                let (next, _) = after.min_by_key(|(id, _)| id.seq).unwrap();
                answers.next(no, seq, next.chain);
            }
        }
    }

    fn branch_of(&self, id: &CommitId) -> Option<BranchNo> {
        self.commits.get(id).copied()
    }

    fn writer(&self, id: &CommitId) -> ReplicaId {
        self.branches.writer(self.commits[id], id.seq)
    }

    fn see(&self, on: &CommitId, seq: u64) -> VectorClock {
        let mut clock = VectorClock::new();
        self.branches.see(&mut clock, self.commits[on], seq).unwrap();
        clock
    }

    fn covered(&self, by: &CommitId) -> BTreeSet<CommitId> {
        let mut coverage = Coverage::new();
        coverage.add(&self.branches, self.commits[by], by.seq);
        let covers = |(id, no): &(&CommitId, &BranchNo)| coverage.covers(**no, id.seq);
        self.commits.iter().filter(covers).map(|(id, _)| *id).collect()
    }
}

/// Commits of one key, each after the root or any other: every commit by an opening of its own.
fn grow(tree: &[(Index, usize)]) -> Vec<Written> {
    let ann = Author::named("ann");
    let mut commits: Vec<Written> = Vec::new();
    for ((parent, length), nonce) in tree.iter().zip(1..) {
        let mut author = ann.copied(nonce);
        match parent.index(commits.len() + 1) {
            0 => {}
            parent => author.head = commits[parent - 1].id,
        }
        commits.push(author.write(&vec!["x"; *length], &[]));
    }
    commits
}

/// The commits in another order in which each comes after the one that it follows.
fn shuffled(tree: &[Written], order: &[Index]) -> Vec<Written> {
    let mut left: Vec<_> = tree.to_vec();
    let mut taken: Vec<Written> = Vec::new();
    for choice in order.iter().take(tree.len()) {
        let comes = |commit: &Written| {
            commit.before.seq == 0 || taken.iter().any(|before| before.id == commit.before)
        };
        let ready: Vec<_> = (0..left.len()).filter(|index| comes(&left[*index])).collect();
        taken.push(left.remove(*choice.get(&ready)));
    }
    taken
}

/// A commit and everything before it on its chain.
fn path(tree: &[Written], id: &CommitId) -> Vec<Written> {
    let mut path = Vec::new();
    let mut at = *id;
    while let Some(commit) = tree.iter().find(|commit| commit.id == at) {
        path.push(commit.clone());
        at = commit.before;
    }
    path
}
