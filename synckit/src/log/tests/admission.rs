//! The rules, one by one.

use super::*;
use crate::clock::UnixMillis;
use crate::key::ReplicaKey;
use crate::ruling::{Authority, Control, Governor, Refused, Rejection};

#[test]
fn an_authors_commits_are_admitted_in_their_order() {
    let mut ann = Author::named("ann");
    let [first, second] = [ann.write(&["milk"], &[]), ann.write(&["bread", "eggs"], &[])];
    let mut shelf = Shelf::empty();
    assert_eq!(shelf.receive(&[seal(&[&first])]), Ok(1));
    assert_eq!(shelf.receive(&[seal(&[&second])]), Ok(1));
    assert_eq!(shelf.heads(), BTreeSet::from([ann.head]));
    assert_eq!(shelf.events(), [first.events, second.events].concat());
}

#[test]
fn runs_that_continue_heads_or_begin_ask_nothing() {
    let (mut ann, mut bob) = (Author::named("ann"), Author::named("bob"));
    let mut shelf = Shelf::holding(&[&ann.write(&["milk"], &[])]);
    let from_bob = bob.write(&["bread"], &[ann.head]);
    let from_ann = ann.write(&["eggs"], &[bob.head]);
    let more = ann.write(&["tea"], &[]);
    assert_eq!(shelf.receive(&[seal(&[&from_bob]), seal(&[&from_ann, &more])]), Ok(2));
    assert_eq!(shelf.asked, (0, 0));
}

#[test]
fn a_gap_is_refused_and_says_what_is_missing() {
    let mut ann = Author::named("ann");
    let first = ann.write(&["milk"], &[]);
    let second = ann.write(&["bread", "eggs"], &[]);
    let third = ann.write(&["tea"], &[]);
    let mut shelf = Shelf::holding(&[&first]);
    let gap = Refusal::Missing { after: third.id.dot(), missing: second.id };
    assert_eq!(shelf.receive(&[seal(&[&third])]), Err(gap.clone()));
    let said = gap.to_string();
    assert!(said.ends_with("is not here: it has to come first, from whoever holds it"), "{said}");
    assert_eq!(shelf.receive(&[seal(&[&second]), seal(&[&third])]), Ok(2));
}

#[test]
fn a_tombstone_is_taken_behind_the_refusal_of_its_commit() {
    let authority = Authority::from_seed(&[7; 32]);
    let space = authority.space("team").unwrap();
    let mut ann = Author::in_space("ann", &space);
    let [good, bad, next] = ["milk", "spam", "tea"].map(|text| ann.write(&[text], &[]));
    let block = seal_in(space.clone(), &[&good, &bad, &next]);
    let buried = bury(&block, &BTreeSet::from([bad.id]));
    buried.check_authors().unwrap();
    assert_eq!(buried.ends(), block.ends());
    assert!(!buried.bytes().windows(4).any(|bytes| bytes == b"spam"));

    let unrefused = Refusal::Unrefused { commit: bad.id };
    let shelf = || Shelf { space: space.clone(), ..Shelf::empty() };
    assert_eq!(shelf().receive(std::slice::from_ref(&buried)), Err(unrefused.clone()));
    let refusals = |by: &Authority, commit| {
        let (hub, aggregate) = (ReplicaKey::from_seed(&[8; 32]), good.events[0].aggregate.clone());
        let rejection = Rejection::new("spam", "no advertising").unwrap();
        let ruled = [Control::Refused(Refused { commit, aggregate, rejection })];
        let head = (CommitId::root(&space, hub.id()), 1);
        let governor = Governor::new(by.clone());
        governor.write(&space, &hub, head, &ruled, UnixMillis::new(1)).unwrap().remove(0)
    };
    let refusal = refusals(&authority, bad.id);
    assert_eq!(shelf().receive(&[refusal.clone(), buried.clone()]), Ok(2));
    let late = shelf().receive(&[buried.clone(), refusal]);
    assert_eq!(late, Err(unrefused.clone()), "its refusal stands behind it");
    for other in [refusals(&authority, good.id), refusals(&Authority::from_seed(&[9; 32]), bad.id)]
    {
        assert_eq!(shelf().receive(&[other, buried.clone()]), Err(unrefused.clone()));
    }
    // What is held whole stays so, and what is held as a tombstone is not fetched again.
    let mut whole = shelf();
    whole.receive(std::slice::from_ref(&block)).unwrap();
    assert_eq!(whole.receive(&[buried]), Ok(0));
}

#[test]
fn a_log_begins_with_an_authors_first_commit() {
    let mut ann = Author::named("ann");
    let first = ann.write(&["milk"], &[]);
    let second = ann.write(&["bread"], &[]);
    let gap = Refusal::Missing { after: second.id.dot(), missing: first.id };
    assert_eq!(Shelf::empty().receive(&[seal(&[&second])]), Err(gap));
}

#[test]
fn a_commit_behind_another_branch_that_is_not_held_is_a_gap() {
    let mut ann = Author::named("ann");
    let mut copy = ann.copied(2);
    let held = [ann.write(&["milk"], &[]), ann.write(&["bread"], &[])];
    let other = copy.write(&["beer"], &[]);
    let next = copy.write(&["wine"], &[]);
    let mut shelf = Shelf::holding(&[&held[0], &held[1]]);
    let gap = Refusal::Missing { after: next.id.dot(), missing: other.id };
    assert_eq!(shelf.receive(&[seal(&[&next])]), Err(gap), "the number is held, the name is not");
}

#[test]
fn an_event_is_refused_before_what_its_author_had_seen() {
    let (mut ann, mut bob) = (Author::named("ann"), Author::named("bob"));
    let question = ann.write(&["milk?"], &[]);
    let answer = bob.write(&["yes"], &[question.id]);
    let refusal = Refusal::Missing { after: answer.id.dot(), missing: question.id };
    assert_eq!(Shelf::empty().receive(&[seal(&[&answer])]), Err(refusal.clone()));
    let reversed = seal(&[&answer, &question]);
    assert_eq!(Shelf::empty().receive(&[reversed]), Err(refusal), "within one block too");
    assert_eq!(Shelf::empty().receive(&[seal(&[&question, &answer])]), Ok(1));
}

#[test]
fn a_run_is_refused_before_the_run_of_the_same_block_that_it_follows() {
    let mut ann = Author::named("ann");
    let [first, second] = [ann.write(&["milk"], &[]), ann.write(&["bread"], &[])];
    ann.nonce = 2;
    let third = ann.write(&["tea"], &[]);
    let refusal = Refusal::Missing { after: third.id.dot(), missing: second.id };
    let reversed = seal(&[&first, &third, &second]);
    assert_eq!(Shelf::empty().receive(&[reversed]), Err(refusal));
    assert_eq!(Shelf::empty().receive(&[seal(&[&first, &second, &third])]), Ok(1));
}

#[test]
fn what_an_author_had_seen_on_another_branch_is_missed_all_the_same() {
    let (mut ann, mut bob) = (Author::named("ann"), Author::named("bob"));
    let mut copy = ann.copied(2);
    let [held, other] = [ann.write(&["milk"], &[]), copy.write(&["beer"], &[])];
    let answer = bob.write(&["cheers"], &[other.id]);
    let mut shelf = Shelf::holding(&[&held]);
    let refusal = Refusal::Missing { after: answer.id.dot(), missing: other.id };
    assert_eq!(shelf.receive(&[seal(&[&answer])]), Err(refusal));
    assert_eq!(shelf.receive(&[seal(&[&other]), seal(&[&answer])]), Ok(2));
}

#[test]
fn what_an_author_had_seen_may_stand_earlier_in_the_same_batch() {
    let (mut ann, mut bob) = (Author::named("ann"), Author::named("bob"));
    let question = ann.write(&["milk?"], &[]);
    let more = ann.write(&["eggs?"], &[]);
    let answer = bob.write(&["yes"], &[question.id]);
    let batch = [seal(&[&question, &more]), seal(&[&answer])];
    let mut shelf = Shelf::empty();
    assert_eq!(shelf.receive(&batch), Ok(2));
    assert_eq!(shelf.blocks[1].anchors, [Anchor::on(shelf.branch_of(&question.id).unwrap())]);
}

#[test]
fn a_block_of_another_space_is_refused() {
    let mut ann = Author::in_space("ann", &SpaceId::default());
    let block = seal_in(SpaceId::default(), &[&ann.write(&["milk"], &[])]);
    let refusal = Refusal::OtherSpace { expected: space(), found: SpaceId::default() };
    assert_eq!(Shelf::empty().receive(&[block]), Err(refusal));
}

#[test]
fn a_space_takes_no_more_than_its_number_of_branches() {
    let (mut ann, mut bob, mut cleo) =
        (Author::named("ann"), Author::named("bob"), Author::named("cleo"));
    let mut copy = ann.copied(2);
    let mut shelf = Shelf::holding(&[&ann.write(&["milk"], &[])]);
    fill(&mut shelf.branches, BRANCHES_MAX - 1);
    let from_bob = bob.write(&["bread"], &[]);
    let one_too_many = [seal(&[&from_bob]), seal(&[&cleo.write(&["eggs"], &[])])];
    assert_eq!(shelf.receive(&one_too_many), Err(Refusal::TooManyReplicas), "across a batch");
    assert_eq!(shelf.receive(&[seal(&[&from_bob])]), Ok(1));
    let branch = seal(&[&copy.write(&["beer"], &[])]);
    assert_eq!(shelf.receive(&[branch]), Err(Refusal::TooManyReplicas), "a branch counts too");
    let known = [seal(&[&ann.write(&["tea"], &[])]), seal(&[&bob.write(&["rice"], &[])])];
    assert_eq!(shelf.receive(&known), Ok(2), "those who write already may go on");
}

#[test]
fn a_refused_batch_leaves_nothing_behind() {
    let (mut ann, mut bob) = (Author::named("ann"), Author::named("bob"));
    let fine = ann.write(&["milk"], &[]);
    bob.write(&["never sent"], &[]);
    let gap = bob.write(&["bread"], &[]);
    let mut shelf = Shelf::empty();
    assert!(shelf.receive(&[seal(&[&fine]), seal(&[&gap])]).is_err());
    assert!(shelf.blocks.is_empty() && shelf.branches.is_empty());
}

#[test]
fn blocks_of_a_batch_build_on_each_other() {
    let (mut ann, mut bob) = (Author::named("ann"), Author::named("bob"));
    let a1 = ann.write(&["a1"], &[]);
    let b1 = bob.write(&["b1"], &[a1.id]);
    let a2 = ann.write(&["a2"], &[b1.id]);
    let b2 = bob.write(&["b2"], &[a2.id]);
    let mut shelf = Shelf::empty();
    let batch: Vec<_> = [&a1, &b1, &a2, &b2].map(|commit| seal(&[commit])).into();
    assert_eq!(shelf.receive(&batch), Ok(4));
    assert_eq!(shelf.asked, (0, 0));
    assert_eq!(shelf.ids(), ids(&[&a1, &b1, &a2, &b2]));
    assert_eq!(shelf.branches.len(), 2);
}

#[test]
fn the_digest_tells_logs_of_the_same_blocks_in_another_order_apart() {
    let [milk, bread] = ["ann", "bob"].map(|name| seal(&[&Author::named(name).write(&["x"], &[])]));
    let mut shelves = [Shelf::empty(), Shelf::empty(), Shelf::empty()];
    shelves[0].receive(&[milk.clone(), bread.clone()]).unwrap();
    shelves[1].receive(&[bread.clone(), milk.clone()]).unwrap();
    shelves[2].receive(&[milk]).unwrap();
    shelves[2].receive(&[bread]).unwrap();
    let [one, reversed, in_two_batches] = shelves.map(|shelf| shelf.end());
    assert_eq!(one, in_two_batches);
    assert_eq!(one.position, reversed.position);
    assert_ne!(one.digest, reversed.digest);
}

#[test]
fn unknown_commits_of_the_own_key_from_a_peer_show_that_it_is_used_elsewhere() {
    let mut ann = Author::named("ann");
    let mut copy = ann.copied(2);
    let mut shelf = Shelf { own: ann.head.author, ..Shelf::empty() };
    let mine = seal(&[&ann.write(&["milk"], &[])]);
    let admitted = shelf.admit(std::slice::from_ref(&mine), Source::Local).unwrap();
    assert!(!admitted.own_key_is_spent, "written here");
    let admitted = shelf.admit(&[mine], Source::Peer).unwrap();
    assert!(!admitted.own_key_is_spent, "held already");
    let theirs = seal(&[&copy.write(&["beer"], &[])]);
    let admitted = shelf.admit(&[theirs], Source::Peer).unwrap();
    assert!(admitted.own_key_is_spent, "a branch of a copy");
    let later = seal(&[&ann.write(&["bread"], &[])]);
    let admitted = shelf.admit(&[later], Source::Peer).unwrap();
    assert!(admitted.own_key_is_spent, "lost here, when it was restored from a copy");
    let other = seal(&[&Author::named("bob").write(&["tea"], &[])]);
    assert!(!shelf.admit(&[other], Source::Peer).unwrap().own_key_is_spent);
}

#[test]
fn one_branch_of_an_author_too_many_is_named_so_that_its_key_can_be_closed() {
    let mut ann = Author::named("ann");
    let mut copies = [2, 3, 4, 5].map(|nonce| ann.copied(nonce));
    let mut shelf = Shelf::holding(&[&ann.write(&["milk"], &[])]);
    let branches = copies.each_mut().map(|copy| seal(&[&copy.write(&["beer"], &[])]));
    let (last, branches) = branches.split_last().unwrap();
    let mut other = Author::named("bob");
    shelf.receive(&[seal(&[&other.write(&["bread"], &[])])]).unwrap();
    shelf.cap = Some(Cap { most: 2, closed: BTreeSet::new() });
    let crowded = Err(Refusal::Crowded { author: ann.head.author });
    assert_eq!(shelf.receive(branches), crowded, "across a batch");
    assert_eq!(shelf.receive(&branches[..1]), Ok(1));
    assert_eq!(shelf.receive(branches), crowded, "held ones do not count twice");
    assert_eq!(shelf.receive(&branches[..1]), Ok(0));
    assert_eq!(shelf.receive(&[seal(&[&ann.write(&["tea"], &[])])]), Ok(1), "it may go on");

    shelf.cap = Some(Cap { most: 2, closed: [ann.head.author].into() });
    assert_eq!(shelf.receive(branches), Ok(2), "others may have seen them");
    fill(&mut shelf.branches, BRANCHES_MAX / 2);
    let refusal = Refusal::Closed { author: ann.head.author };
    assert_eq!(shelf.receive(std::slice::from_ref(last)), Err(refusal));
    let newcomer = seal(&[&Author::named("cleo").write(&["eggs"], &[])]);
    assert_eq!(shelf.receive(&[newcomer]), Ok(1), "the room is for others");
}

/// Adds branches of authors that nobody asks about.
fn fill(branches: &mut Branches, count: usize) {
    for index in branches.len()..count {
        let number = u32::try_from(index).unwrap();
        let mut author = [0; 32];
        author[..4].copy_from_slice(&number.to_le_bytes());
        let root = CommitId::root(&space(), ReplicaId::from_bytes(author));
        let head = CommitId { seq: 1, ..root };
        let branch = Branch { head, first: head.chain, leaves: None, forks: Vec::new() };
        branches.set(BranchNo(number), branch).unwrap();
    }
}
