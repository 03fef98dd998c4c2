//! Authorship: every run of a block is signed by its author, whoever relays it.

use super::*;
use crate::key::ReplicaKey;

#[test]
fn a_block_of_several_authors_is_taken_from_whoever_relays_it() {
    let (mut ann, mut bob) = (Author::named("ann"), Author::named("bob"));
    let question = ann.write(&["milk?"], &[]);
    let answer = bob.write(&["yes"], &[question.id]);
    let more = ann.write(&["and eggs"], &[answer.id]);
    let block = seal(&[&question, &answer, &more]);
    let relayed = Block::parse(block.bytes().clone()).unwrap();
    assert_eq!(relayed.check_authors(), Ok(()));
    assert_eq!(relayed.anchors(), [question.id, answer.id]);
}

#[test]
fn changed_content_is_not_what_the_author_signed() {
    let mut ann = Author::named("ann");
    let block = seal(&[&ann.write(&["milk"], &[])]);
    let mut forged = body(&block);
    let at = forged.windows(4).position(|bytes| bytes == b"milk").unwrap();
    forged[at..at + 4].copy_from_slice(b"beer");
    let forged = Block::parse(sealed(&forged)).unwrap();
    assert_forged(&forged, &ann);
}

#[test]
fn a_changed_context_is_not_what_the_author_signed() {
    let (mut ann, mut bob) = (Author::named("ann"), Author::named("bob"));
    let seen = bob.write(&["bread"], &[]);
    let block = seal(&[&ann.write(&["milk"], &[seen.id])]);
    let mut forged = body(&block);
    let chain = seen.id.chain.as_bytes();
    let at = forged.windows(chain.len()).position(|bytes| bytes == chain).unwrap();
    forged[at] ^= 1;
    assert_forged(&Block::parse(sealed(&forged)).unwrap(), &ann);
}

#[test]
fn nobody_writes_in_the_name_of_another() {
    let mut ann = Author::named("ann");
    let stranger = ReplicaKey::from_seed(&[7; 32]);
    let mut in_her_name = ann.clone();
    in_her_name.key = stranger;
    assert_forged(&seal(&[&in_her_name.write(&["beer"], &[])]), &ann);
    assert_eq!(seal(&[&ann.write(&["milk"], &[])]).check_authors(), Ok(()));
}

#[test]
fn a_signature_of_another_run_is_worth_nothing() {
    let mut ann = Author::named("ann");
    let [first, second] = [ann.write(&["milk"], &[]), ann.write(&["bread"], &[])];
    let of_second = seal(&[&second]).runs()[0].signature;
    let mut packer = BlockPacker::new(space());
    packer.push_commit(&first.before, ann.nonce, &first.events).unwrap();
    assert_forged(&packer.finish(|_| of_second).unwrap(), &ann);
}

#[test]
fn a_run_spliced_into_another_past_is_not_what_the_author_signed() {
    let mut ann = Author::named("ann");
    let mut copy = ann.copied(2);
    ann.write(&["milk"], &[]);
    let other_past = copy.write(&["beer"], &[]);
    let second = ann.write(&["bread"], &[]);
    let signature = seal(&[&second]).runs()[0].signature;
    let mut packer = BlockPacker::new(space());
    packer.push_commit(&other_past.id, ann.nonce, &second.events).unwrap();
    assert_forged(&packer.finish(|_| signature).unwrap(), &ann);
}

#[test]
fn a_run_without_its_last_commit_is_not_what_the_author_signed() {
    let mut ann = Author::named("ann");
    let [first, second] = [ann.write(&["milk"], &[]), ann.write(&["bread"], &[])];
    let signature = seal(&[&first, &second]).runs()[0].signature;
    let mut packer = BlockPacker::new(space());
    packer.push_commit(&first.before, ann.nonce, &first.events).unwrap();
    assert_forged(&packer.finish(|_| signature).unwrap(), &ann);
}

#[test]
fn a_first_commit_begins_the_chain_of_its_author_in_the_space() {
    let mut ann = Author::named("ann");
    ann.head.chain = Chain::from_bytes([7; 32]);
    let claims_a_past = seal(&[&ann.write(&["milk"], &[])]);
    assert_forged(&claims_a_past, &ann);
    let mut elsewhere = Author::in_space("ann", &SpaceId::default());
    let moved = seal(&[&elsewhere.write(&["milk"], &[])]);
    assert_forged(&moved, &ann);
}

#[test]
fn the_author_of_the_forged_run_is_named_among_several() {
    let (mut ann, mut bob) = (Author::named("ann"), Author::named("bob"));
    bob.key = ann.key.clone();
    let block = seal(&[&ann.write(&["milk"], &[]), &bob.write(&["beer"], &[])]);
    assert_forged(&block, &Author::named("bob"));
}

#[test]
fn two_branches_of_one_author_are_two_runs_of_a_block() {
    let mut ann = Author::named("ann");
    let trunk = ann.write(&["milk"], &[]);
    let mut copy = ann.copied(2);
    let [left, right] = [ann.write(&["bread"], &[]), copy.write(&["beer"], &[])];
    let block = seal(&[&trunk, &left, &right]);
    assert_eq!(block.check_authors(), Ok(()));
    let runs: Vec<_> = block.runs().iter().map(|run| (run.first_seq, run.count)).collect();
    assert_eq!(runs, [(1, 2), (2, 1)]);
    assert_eq!(block.ends(), [left.id, right.id]);
    assert_eq!(block.runs()[1].before(), trunk.id);
}

#[test]
fn a_suffix_packed_anew_keeps_the_signature_and_the_names() {
    let mut ann = Author::named("ann");
    let commits = [ann.write(&["milk"], &[]), ann.write(&["bread"], &[]), ann.write(&["tea"], &[])];
    let block = seal(&[&commits[0], &commits[1], &commits[2]]);
    let signature = block.runs()[0].signature;
    let mut packer = BlockPacker::new(space());
    for commit in &commits[1..] {
        packer.push_commit(&commit.before, ann.nonce, &commit.events).unwrap();
    }
    let suffix = packer.finish(|_| signature).unwrap();
    assert_eq!(suffix.check_authors(), Ok(()));
    assert_eq!(suffix.ends(), block.ends());
    assert_eq!(suffix.runs()[0].before(), commits[0].id);
}

#[test]
fn stores_that_draw_different_bits_never_write_the_same_commit() {
    let ann = Author::named("ann");
    let chains = |nonce| {
        let mut author = ann.copied(nonce);
        [author.write(&["milk"], &[]).id, author.write(&["bread"], &[]).id]
    };
    assert_eq!(chains(1), chains(1));
    let (ours, theirs) = (chains(1), chains(2));
    assert!(ours.iter().zip(&theirs).all(|(ours, theirs)| ours.chain != theirs.chain));
    assert_eq!(ours.map(|id| id.dot()), theirs.map(|id| id.dot()));
}

#[test]
fn commits_of_different_bits_are_never_packed_into_one_run() {
    let mut ann = Author::named("ann");
    let before_restart = ann.write(&["milk"], &[]);
    ann.nonce = 2;
    let block = seal(&[&before_restart, &ann.write(&["bread"], &[])]);
    assert_eq!(block.check_authors(), Ok(()));
    let nonces: Vec<_> = block.runs().iter().map(|run| run.nonce).collect();
    assert_eq!(nonces, [1, 2]);
}

fn assert_forged(block: &Block, author: &Author) {
    assert_eq!(block.check_authors(), Err(BlockError::Forged { author: author.head.author }));
}
