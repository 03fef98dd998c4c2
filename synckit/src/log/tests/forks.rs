//! A key that two stores wrote under: both branches are kept.

use super::*;
use crate::branch::{Coverage, Fork};

#[test]
fn a_fork_after_a_head_that_went_on_keeps_both_branches() {
    let mut ann = Author::named("ann");
    let trunk = ann.write(&["milk"], &[]);
    let mut copy = ann.copied(2);
    let [left, right] = [ann.write(&["bread"], &[]), copy.write(&["beer"], &[])];
    let mut shelf = Shelf::holding(&[&trunk, &left, &right]);
    assert_eq!(shelf.heads(), BTreeSet::from([left.id, right.id]));
    assert_forks(&shelf, &[(1, &[&left, &right])]);
    let more = copy.write(&["wine"], &[]);
    assert_eq!(shelf.receive(&[seal(&[&more])]), Ok(1));
    assert_eq!(shelf.asked, (0, 0), "either branch goes on without questions");
    assert_eq!(shelf.heads(), BTreeSet::from([left.id, more.id]));
}

#[test]
fn a_fork_in_the_middle_of_a_run_is_found_by_halving() {
    let mut ann = Author::named("ann");
    let shared: Vec<_> = (0..40).map(|_| ann.write(&["x"], &[])).collect();
    let mut copy = ann.copied(2);
    let left: Vec<_> = (0..60).map(|_| ann.write(&["l"], &[])).collect();
    let right: Vec<_> = (0..60).map(|_| copy.write(&["r"], &[])).collect();
    let ours: Vec<_> = shared.iter().chain(&left).collect();
    let theirs: Vec<_> = shared.iter().chain(&right).collect();
    let mut shelf = Shelf::empty();
    shelf.receive(&[seal(&theirs)]).unwrap();
    assert_eq!(shelf.receive(&[seal(&ours)]), Ok(1));
    assert_forks(&shelf, &[(40, &[&left[0], &right[0]])]);
    let (questions, _) = shelf.asked;
    assert!(questions <= 10, "{questions} questions for 100 commits");
    let added: Vec<_> = shelf.blocks[1].block.commits().iter().map(|commit| commit.id).collect();
    assert_eq!(added, ids(&left.iter().collect::<Vec<_>>()), "only what is not held");
    assert_eq!(shelf.blocks[1].block.check_authors(), Ok(()), "the signature holds");
}

#[test]
fn events_past_a_fork_in_the_middle_of_a_run_have_seen_those_before_it() {
    let mut ann = Author::named("ann");
    let mut ours = vec![ann.write(&["1"], &[]), ann.write(&["2"], &[])];
    let mut copy = ann.copied(2);
    ours.extend([ann.write(&["3"], &[]), ann.write(&["4", "5"], &[])]);
    let mut shelf = Shelf::empty();
    shelf.receive(&[seal(&ours.iter().collect::<Vec<_>>())]).unwrap();
    shelf.receive(&[seal(&[&copy.write(&["three"], &[])])]).unwrap();
    let (log, rulings) = (&shelf.blocks[0], crate::ruling::Rulings::new());
    let stamped: Vec<_> = log.stamped(&shelf.branches, &rulings, Position::START).collect();
    for (index, (_, event)) in stamped.iter().enumerate() {
        for (_, before) in &stamped[..index] {
            assert!(event.stamp().saw(before.dot), "{:?} saw {:?}", event.dot, before.dot);
        }
    }
}

#[test]
fn branches_that_begin_in_one_block_may_stand_in_any_order() {
    let (mut ann, mut bob) = (Author::named("ann"), Author::named("bob"));
    let first = ann.write(&["1"], &[]);
    let mut copy = ann.copied(ann.nonce);
    let (left, right) = (ann.write(&["l"], &[]), copy.write(&["r"], &[]));
    let mut shelf = Shelf::holding(&[&first, &left]);
    // Of the first run the first commit is held: what is left of it stands behind the other run.
    let both = seal(&[&first, &bob.write(&["b"], &[]), &right]);
    assert_eq!(shelf.receive(&[both]), Ok(1));
    let mut told = Branches::new();
    for log in &shelf.blocks {
        log.extend(&mut told).unwrap();
    }
    assert_eq!(told, shelf.branches);
}

#[test]
fn a_fork_at_the_first_commit_leaves_nothing_shared() {
    let mut ann = Author::named("ann");
    let mut copy = ann.copied(2);
    let [left, right] = [ann.write(&["milk"], &[]), copy.write(&["beer"], &[])];
    let shelf = Shelf::holding(&[&left, &right]);
    assert_forks(&shelf, &[(0, &[&left, &right])]);
    assert_ne!(shelf.writer(&left.id), shelf.writer(&right.id));
    assert_ne!(shelf.writer(&left.id), ann.head.author);
}

#[test]
fn three_branches_that_leave_at_one_commit_are_one_fork() {
    let mut ann = Author::named("ann");
    let trunk = ann.write(&["milk"], &[]);
    let (mut second, mut third) = (ann.copied(2), ann.copied(3));
    let [a, b, c] = [ann.write(&["a"], &[]), second.write(&["b"], &[]), third.write(&["c"], &[])];
    let shelf = Shelf::holding(&[&trunk, &a, &b, &c]);
    assert_forks(&shelf, &[(1, &[&a, &b, &c])]);
    assert_eq!(shelf.branches.len(), 3);
}

#[test]
fn a_branch_forks_again() {
    let mut ann = Author::named("ann");
    let trunk = ann.write(&["milk"], &[]);
    let mut copy = ann.copied(2);
    let left = ann.write(&["l"], &[]);
    let right = [copy.write(&["r1"], &[]), copy.write(&["r2"], &[])];
    let mut copy_of_copy = copy.copied(3);
    let ends = [copy.write(&["r3"], &[]), copy_of_copy.write(&["c3"], &[])];
    let shelf = Shelf::holding(&[&trunk, &left, &right[0], &right[1], &ends[0], &ends[1]]);
    assert_forks(&shelf, &[(1, &[&left, &right[0]]), (3, &[&ends[0], &ends[1]])]);
    let writers: BTreeSet<_> = shelf.ids().iter().map(|id| shelf.writer(id)).collect();
    assert_eq!(writers.len(), 5, "the trunk, left, right, and two past the second fork");
    assert_eq!(shelf.writer(&right[0].id), shelf.writer(&right[1].id));
}

#[test]
fn both_branches_may_come_in_one_batch_or_in_one_block() {
    let mut ann = Author::named("ann");
    let trunk = ann.write(&["milk"], &[]);
    let mut copy = ann.copied(2);
    let left = [ann.write(&["l1"], &[]), ann.write(&["l2"], &[])];
    let right = copy.write(&["r1"], &[]);
    let one_by_one = Shelf::holding(&[&trunk, &left[0], &left[1], &right]);
    let mut in_a_batch = Shelf::empty();
    let batch = [seal(&[&trunk, &left[0], &left[1]]), seal(&[&right])];
    assert_eq!(in_a_batch.receive(&batch), Ok(2));
    let mut in_a_block = Shelf::empty();
    assert_eq!(in_a_block.receive(&[seal(&[&trunk, &left[0], &left[1], &right])]), Ok(1));
    for shelf in [in_a_batch, in_a_block] {
        assert_eq!(shelf.asked, (0, 0));
        assert_eq!(shelf.branches, one_by_one.branches);
        assert_forks(&shelf, &[(1, &[&left[0], &right])]);
    }
}

#[test]
fn a_fork_keeps_nobody_else_out() {
    let (mut ann, mut bob) = (Author::named("ann"), Author::named("bob"));
    let mut copy = ann.copied(2);
    let held = ann.write(&["milk"], &[]);
    let [hello, beer] = [bob.write(&["hello"], &[]), copy.write(&["beer"], &[])];
    let mut shelf = Shelf::holding(&[&held]);
    assert_eq!(shelf.receive(&[seal(&[&hello, &beer])]), Ok(1));
    assert_eq!(shelf.ids(), ids(&[&held, &hello, &beer]));
}

#[test]
fn what_is_held_of_a_branch_is_passed_over() {
    let mut ann = Author::named("ann");
    let trunk = ann.write(&["milk"], &[]);
    let mut copy = ann.copied(2);
    let [left, right] = [ann.write(&["bread"], &[]), copy.write(&["beer"], &[])];
    let mut shelf = Shelf::holding(&[&trunk, &left, &right]);
    let more = copy.write(&["wine"], &[]);
    let again = [seal(&[&trunk]), seal(&[&trunk, &left]), seal(&[&trunk, &right])];
    assert_eq!(shelf.receive(&again), Ok(0));
    assert_eq!(shelf.receive(&[seal(&[&trunk, &right, &more])]), Ok(1));
    assert_eq!(shelf.ids(), ids(&[&trunk, &left, &right, &more]));
}

#[test]
fn a_context_counts_under_the_identities_of_branches() {
    let (mut ann, mut bob) = (Author::named("ann"), Author::named("bob"));
    let trunk = ann.write(&["milk"], &[]);
    let mut copy = ann.copied(2);
    let [left, right] = [ann.write(&["bread"], &[]), copy.write(&["beer"], &[])];
    let answer = bob.write(&["cheers"], &[right.id]);
    let shelf = Shelf::holding(&[&trunk, &left, &right, &answer]);
    let log = shelf.blocks.last().unwrap();
    let seen = log.context(&shelf.branches, &log.block.entry(0).unwrap());
    let counts = |commit: &Written| {
        seen.contains(Dot { replica: shelf.writer(&commit.id), seq: commit.id.seq })
    };
    assert_eq!([&trunk, &left, &right].map(counts), [true, false, true]);
}

#[test]
fn a_block_is_covered_by_the_branch_that_it_is_on() {
    let mut ann = Author::named("ann");
    let trunk = ann.write(&["milk"], &[]);
    let mut copy = ann.copied(2);
    let [left, right] = [ann.write(&["bread"], &[]), copy.write(&["beer"], &[])];
    let shelf = Shelf::holding(&[&trunk, &left, &right]);
    let mut held = Coverage::new();
    held.add(&shelf.branches, shelf.branch_of(&right.id).unwrap(), right.id.seq);
    let covered: Vec<_> = shelf.blocks.iter().map(|log| log.is_covered(&held)).collect();
    assert_eq!(covered, [true, false, true]);
}

/// The forks of the only author that has any: the last shared number, and the first commits after.
fn assert_forks(shelf: &Shelf, expected: &[(u64, &[&Written])]) {
    let mut forks = Vec::new();
    for (after, first) in expected {
        let mut branches: Vec<_> = first.iter().map(|commit| commit.id.chain).collect();
        branches.sort_unstable();
        forks.push(Fork { author: first[0].id.author, after: *after, branches });
    }
    assert_eq!(shelf.branches.forks(), forks);
    let leaving: usize = expected.iter().map(|(_, first)| first.len() - 1).sum();
    assert_eq!(shelf.branches.fork_count(), leaving);
}
