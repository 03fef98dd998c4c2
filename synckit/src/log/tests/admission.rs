//! The rules, one by one.

use super::*;

#[test]
fn an_authors_events_are_admitted_in_their_order() {
    let mut ann = Author::new(1);
    let [first, second] = [ann.write(&["milk"], &[]), ann.write(&["bread", "eggs"], &[])];
    let mut shelf = Shelf::default();
    assert_eq!(shelf.receive(&[pack(&[&first])]), Ok(vec![1]));
    assert_eq!(shelf.receive(&[pack(&[&second])]), Ok(vec![1]));
    assert_eq!(shelf.heads, BTreeMap::from([(ann.replica, ann.head)]));
    assert_eq!(shelf.events(), [first.1, second.1].concat());
}

#[test]
fn a_gap_is_refused_and_says_from_where_to_resend() {
    let mut ann = Author::new(1);
    let first = ann.write(&["milk"], &[]);
    let missing = ann.write(&["bread", "eggs"], &[]);
    let third = ann.write(&["tea"], &[]);
    let mut shelf = Shelf::holding(&[&first]);
    let gap = Refusal::Gap { replica: ann.replica, expected: 2, received: 4 };
    assert_eq!(shelf.receive(&[pack(&[&third])]), Err(gap.clone()));
    assert_eq!(
        gap.to_string(),
        "events of replica 01010101 from 2 to 3 are missing; the sender must resend from there"
    );
    assert_eq!(shelf.receive(&[pack(&[&missing]), pack(&[&third])]), Ok(vec![1, 1]));
}

#[test]
fn a_log_begins_with_an_authors_first_event() {
    let mut ann = Author::new(1);
    ann.write(&["milk"], &[]);
    let second = ann.write(&["bread"], &[]);
    let gap = Refusal::Gap { replica: ann.replica, expected: 1, received: 2 };
    assert_eq!(Shelf::default().receive(&[pack(&[&second])]), Err(gap));
}

#[test]
fn a_first_event_that_claims_a_past_is_a_fork() {
    let mut ann = Author::new(1);
    let (mut before, first) = ann.write(&["milk"], &[]);
    before.chain = Chain::from_bytes([7; 32]);
    let fork = Refusal::Fork {
        dot: Dot { replica: ann.replica, seq: 0 },
        held: Chain::START,
        received: before.chain,
    };
    assert_eq!(Shelf::default().receive(&[pack(&[&(before, first)])]), Err(fork));
}

#[test]
fn a_fork_right_after_what_is_held_is_refused_with_its_proof() {
    let mut ann = Author::new(1);
    let mut clone = ann.clone();
    let held = ann.write(&["milk"], &[]);
    clone.write(&["beer"], &[]);
    let next = clone.write(&["wine"], &[]);
    let fork = Refusal::Fork { dot: ann.last(), held: ann.head.chain, received: next.0.chain };
    assert_eq!(Shelf::holding(&[&held]).receive(&[pack(&[&next])]), Err(fork));
}

#[test]
fn a_fork_inside_an_overlap_is_refused() {
    let mut ann = Author::new(1);
    let first = ann.write(&["milk"], &[]);
    let mut clone = ann.clone();
    let held = ann.write(&["bread"], &[]);
    let other = clone.write(&["beer"], &[]);
    let received = clone.head.chain;
    let more = clone.write(&["wine"], &[]);
    let mut shelf = Shelf::holding(&[&first, &held]);
    let fork = Refusal::Fork { dot: ann.last(), held: ann.head.chain, received };
    assert_eq!(shelf.receive(&[pack(&[&other, &more])]), Err(fork.clone()));
    assert_eq!(shelf.receive(&[pack(&[&first, &other, &more])]), Err(fork));
    assert_eq!(shelf.heads[&ann.replica], ann.head);
}

#[test]
fn a_fork_wholly_inside_the_past_is_refused() {
    let mut ann = Author::new(1);
    let mut clone = ann.clone();
    let first = ann.write(&["milk"], &[]);
    let at_first = ann.head.chain;
    let second = ann.write(&["bread"], &[]);
    let other = clone.write(&["beer"], &[]);
    let dot = Dot { replica: ann.replica, seq: 1 };
    let fork = Refusal::Fork { dot, held: at_first, received: clone.head.chain };
    let mut shelf = Shelf::holding(&[&first, &second]);
    assert_eq!(shelf.receive(&[pack(&[&other])]), Err(fork.clone()));
    let mut empty = Shelf::default();
    let batch = [pack(&[&first]), pack(&[&second]), pack(&[&other])];
    assert_eq!(empty.receive(&batch), Err(fork), "also inside one batch");
}

#[test]
fn a_fork_of_one_author_keeps_out_what_others_wrote_in_the_block() {
    let [mut ann, mut bob] = [Author::new(1), Author::new(2)];
    let mut clone = ann.clone();
    let held = ann.write(&["milk"], &[]);
    let block = pack(&[&bob.write(&["hello"], &[]), &clone.write(&["beer"], &[])]);
    let mut shelf = Shelf::holding(&[&held]);
    assert!(matches!(shelf.receive(&[block]), Err(Refusal::Fork { .. })));
    assert_eq!(shelf.events(), held.1);
}

#[test]
fn a_clock_that_goes_back_is_refused() {
    let mut ann = Author::new(1);
    let first = ann.write(&["milk"], &[]);
    let mut second = ann.write(&["bread"], &[]);
    second.1[0].hlc = Hlc::ZERO;
    let refusal = Refusal::ClockBack { dot: ann.last() };
    let together = pack(&[&first, &second]);
    assert_eq!(Shelf::default().receive(&[together]), Err(refusal.clone()), "in a block");
    let mut shelf = Shelf::holding(&[&first]);
    assert_eq!(shelf.receive(&[pack(&[&second])]), Err(refusal), "from block to block");
}

#[test]
fn a_clock_that_stands_is_admitted() {
    let mut ann = Author::new(1);
    let first = ann.write(&["milk"], &[]);
    let mut second = ann.write(&["bread"], &[]);
    second.1[0].hlc = first.1[0].hlc;
    assert_eq!(Shelf::default().receive(&[pack(&[&first, &second])]), Ok(vec![1]));
}

#[test]
fn an_event_is_refused_before_what_its_author_had_seen() {
    let [mut ann, mut bob] = [Author::new(1), Author::new(2)];
    let question = ann.write(&["milk?"], &[]);
    let answer = bob.write(&["yes"], &[ann.last()]);
    let refusal = Refusal::NotCausal { dot: bob.last(), missing: ann.last() };
    assert_eq!(Shelf::default().receive(&[pack(&[&answer])]), Err(refusal.clone()));
    let reversed = pack(&[&answer, &question]);
    assert_eq!(Shelf::default().receive(&[reversed]), Err(refusal), "within one block too");
    assert_eq!(Shelf::default().receive(&[pack(&[&question, &answer])]), Ok(vec![1]));
}

#[test]
fn what_an_author_had_seen_may_stand_earlier_in_the_same_batch() {
    let [mut ann, mut bob] = [Author::new(1), Author::new(2)];
    let question = ann.write(&["milk?"], &[]);
    let answer = bob.write(&["yes"], &[ann.last()]);
    let batch = [pack(&[&question]), pack(&[&answer])];
    assert_eq!(Shelf::default().receive(&batch), Ok(vec![1, 1]));
}

#[test]
fn a_block_of_another_space_is_refused() {
    let commit = Author::new(1).write(&["milk"], &[]);
    let block = pack_for(SpaceId::default(), &[&commit]);
    let refusal = Refusal::OtherSpace { expected: space(), found: SpaceId::default() };
    assert_eq!(Shelf::default().receive(&[block]), Err(refusal));
}

#[test]
fn a_space_takes_no_more_than_its_number_of_writing_replicas() {
    let [mut ann, mut bob, mut cleo] = [1, 2, 3].map(Author::new);
    let [from_ann, from_bob] = [ann.write(&["milk"], &[]), bob.write(&["bread"], &[])];
    let mut shelf = Shelf::holding(&[&from_ann]);
    shelf.other_replicas = VECTOR_REPLICAS_MAX - 2;
    let one_too_many = [pack(&[&from_bob]), pack(&[&cleo.write(&["eggs"], &[])])];
    assert_eq!(shelf.receive(&one_too_many), Err(Refusal::TooManyReplicas), "across a batch");
    assert_eq!(shelf.receive(&[pack(&[&from_bob])]), Ok(vec![1]));
    let known = [pack(&[&ann.write(&["tea"], &[])]), pack(&[&bob.write(&["rice"], &[])])];
    assert_eq!(shelf.receive(&known), Ok(vec![1, 1]), "those who write already may go on");
}

#[test]
fn a_refused_batch_leaves_nothing_behind() {
    let [mut ann, mut bob] = [Author::new(1), Author::new(2)];
    let fine = ann.write(&["milk"], &[]);
    bob.write(&["never sent"], &[]);
    let gap = bob.write(&["bread"], &[]);
    let mut shelf = Shelf::default();
    assert!(shelf.receive(&[pack(&[&fine]), pack(&[&gap])]).is_err());
    assert!(shelf.blocks.is_empty() && shelf.heads.is_empty());
}
