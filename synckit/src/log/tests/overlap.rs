//! Commits received again, in whatever packing.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::block::tests::{cases, note, sealed};
use crate::block::{BLOCK_BYTES_MAX, Run};
use crate::id::Key;
use crate::wire::Writer;

#[test]
fn what_is_held_already_adds_nothing() {
    let (mut ann, mut bob) = (Author::named("ann"), Author::named("bob"));
    let first = ann.write(&["milk"], &[]);
    let second = bob.write(&["bread", "eggs"], &[first.id]);
    let third = ann.write(&["tea"], &[second.id]);
    let mut shelf = Shelf::holding(&[&first, &second, &third]);
    let before = shelf.branches.clone();
    let again = [seal(&[&first]), seal(&[&second, &third]), seal(&[&first, &second, &third])];
    assert_eq!(shelf.receive(&again), Ok(0));
    assert_eq!((shelf.blocks.len(), shelf.branches), (3, before));
}

#[test]
fn a_block_twice_in_one_batch_is_appended_once() {
    let block = seal(&[&Author::named("ann").write(&["milk"], &[])]);
    let mut shelf = Shelf::empty();
    assert_eq!(shelf.receive(&[block.clone(), block.clone()]), Ok(1));
    assert_eq!(shelf.blocks[0].block, block);
}

#[test]
fn a_block_of_which_nothing_is_held_is_kept_as_it_came() {
    let mut ann = Author::named("ann");
    let [first, second] = [ann.write(&["milk"], &[]), ann.write(&["bread"], &[])];
    let block = seal(&[&second]);
    let mut shelf = Shelf::holding(&[&first]);
    shelf.receive(std::slice::from_ref(&block)).unwrap();
    assert_eq!(shelf.blocks[1].block.bytes(), block.bytes());
}

#[test]
fn of_a_partial_overlap_the_rest_is_packed_anew_and_still_signed() {
    let (mut ann, mut bob) = (Author::named("ann"), Author::named("bob"));
    let held = ann.write(&["milk", "bread"], &[]);
    let from_bob = bob.write(&["eggs"], &[held.id]);
    let fresh = ann.write(&["tea", "rice"], &[from_bob.id]);
    let mut shelf = Shelf::holding(&[&held]);
    assert_eq!(shelf.receive(&[seal(&[&held, &from_bob, &fresh])]), Ok(1));
    assert_eq!(shelf.blocks[1].block, seal(&[&from_bob, &fresh]));
    assert_eq!(shelf.blocks[1].block.check_authors(), Ok(()));
    assert_eq!(shelf.ids(), ids(&[&held, &from_bob, &fresh]));
    let [of_ann, of_bob] = [&held, &from_bob].map(|commit| shelf.branch_of(&commit.id).unwrap());
    assert_eq!(
        shelf.blocks[1].runs.iter().map(|run| run.branch).collect::<Vec<_>>(),
        [of_bob, of_ann]
    );
    assert_eq!(shelf.blocks[1].anchors, [of_ann, of_bob].map(Anchor::on));
}

#[test]
fn authors_overlap_each_by_their_own_amount() {
    let (mut ann, mut bob) = (Author::named("ann"), Author::named("bob"));
    let of_ann = ["a1", "a2", "a3"].map(|payload| ann.write(&[payload], &[]));
    let of_bob = ["b1", "b2"].map(|payload| bob.write(&[payload], &[]));
    let mut shelf = Shelf::holding(&[&of_ann[0], &of_bob[0], &of_bob[1]]);
    let all = seal(&[&of_bob[0], &of_ann[0], &of_ann[1], &of_bob[1], &of_ann[2]]);
    assert_eq!(shelf.receive(&[all]), Ok(1));
    assert_eq!(shelf.blocks[3].block, seal(&[&of_ann[1], &of_ann[2]]));
}

#[test]
fn anchors_of_what_is_left_out_are_left_out() {
    let (mut ann, mut bob) = (Author::named("ann"), Author::named("bob"));
    let seen = ann.write(&["milk"], &[]);
    let held = bob.write(&["bread"], &[seen.id]);
    let also_seen = ann.write(&["eggs"], &[]);
    let fresh = bob.write(&["tea"], &[also_seen.id]);
    let mut shelf = Shelf::holding(&[&seen, &held, &also_seen]);
    assert_eq!(shelf.receive(&[seal(&[&held, &fresh])]), Ok(1));
    let log = &shelf.blocks[3];
    assert_eq!(log.block.anchors(), [also_seen.id]);
    assert_eq!(log.anchors, [Anchor::on(shelf.branch_of(&also_seen.id).unwrap())]);
}

#[test]
fn a_commit_that_shares_its_neighbours_names_is_packed_anew_without_them() {
    // The first commit brings the long key; the second fills the block.
    let mut ann = Author::named("ann");
    let long_key = |payload: &str| {
        let mut event = note(ReplicaId::from_bytes([0; 32]), 1, payload.as_bytes());
        event.aggregate.key = Key::new(&[b'k'; 512]).unwrap();
        event
    };
    let first = ann.commit(vec![long_key("milk")]);
    let second = ann.commit(vec![long_key(&"x".repeat(450)); 1_050]);
    let mut shelf = Shelf::holding(&[&first]);
    assert_eq!(shelf.receive(&[seal(&[&first, &second])]), Ok(1));
    assert_eq!(shelf.events(), [first.events, second.events].concat());
}

#[test]
fn what_is_packed_tighter_than_any_author_may_is_refused_when_it_must_be_packed_anew() {
    let mut ann = Author::named("ann");
    let first = ann.write(&["milk"], &[]);
    let payload = "x".repeat(110);
    let huge = ann.write(&vec![payload.as_str(); 4_095], &[]);
    let tight = tightly_packed(&[first.clone(), huge]);
    let mut shelf = Shelf::holding(&[&first]);
    assert_eq!(shelf.receive(std::slice::from_ref(&tight)), Err(Refusal::Oversized));
    assert_eq!(Shelf::empty().receive(&[tight]), Ok(1), "whole it is as good as any");
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn however_a_log_is_cut_and_repeated_each_commit_ends_up_once_and_after_its_causes(
        writes in vec((0..3_usize, 1..4_usize, any::<bool>()), 1..14),
        cuts in vec((any::<Index>(), 1..6_usize), 0..12),
        batch in 1..4_usize,
    ) {
        let log = write_all(&writes);
        let mut shelf = Shelf::empty();
        let mut delivery: Vec<Block> = Vec::new();
        for (from, length) in cuts {
            // Pieces from anywhere: what comes too early is refused, what was there already is
            // passed over.
            let from = from.index(log.len());
            let piece: Vec<_> = log[from..log.len().min(from + length)].iter().collect();
            delivery.push(seal(&piece));
        }
        delivery.extend(log.iter().map(|commit| seal(&[commit])));
        delivery.push(seal(&log.iter().collect::<Vec<_>>()));
        for batch in delivery.chunks(batch) {
            match shelf.receive(batch) {
                Ok(_) => {}
                Err(Refusal::Missing { .. }) => {
                    // One by one, what can be admitted is.
                    batch.iter().for_each(|block| drop(shelf.receive(std::slice::from_ref(block))));
                }
                Err(refusal) => return Err(TestCaseError::fail(refusal.to_string())),
            }
        }
        assert_causally_ordered(&shelf);
        let (mut held, mut all) = (shelf.ids(), ids(&log.iter().collect::<Vec<_>>()));
        held.sort_unstable();
        all.sort_unstable();
        prop_assert_eq!(held, all, "each commit once");
        for log in &shelf.blocks {
            prop_assert_eq!(log.block.check_authors(), Ok(()));
        }
    }
}

/// A log in which each author writes after having seen either everything or only their own events.
/// The third writes under the first one's key.
fn write_all(writes: &[(usize, usize, bool)]) -> Vec<Written> {
    let ann = Author::named("ann");
    let mut authors = [ann.clone(), Author::named("bob"), ann.copied(2)];
    let mut log = Vec::new();
    for (author, length, saw_all) in writes {
        let others = authors.iter().enumerate().filter(|(other, _)| saw_all & (other != author));
        let seen: Vec<_> =
            others.map(|(_, other)| other.head).filter(|head| head.seq > 0).collect();
        log.push(authors[*author].write(&vec!["x"; *length], &seen));
    }
    log
}

fn assert_causally_ordered(shelf: &Shelf) {
    let mut held = BTreeSet::new();
    for log in &shelf.blocks {
        held.extend(log.block.runs().iter().map(Run::before).filter(|before| before.seq == 0));
        let mut ends: Vec<_> = log.block.runs().iter().map(Run::before).collect();
        for commit in log.block.commits() {
            assert!(held.contains(&ends[commit.run]), "a commit follows what is not held");
            for entry in commit.entries.clone().filter_map(|index| log.block.entry(index)) {
                assert!(entry.envelope().context.iter().all(|row| held.contains(&row.on)));
            }
            ends[commit.run] = commit.id;
            held.insert(commit.id);
        }
    }
}

/// A sound block of one author's similar events that holds more than [`BlockPacker`] would put into
/// one.
fn tightly_packed(commits: &[Written]) -> Block {
    let first = &commits[0].events[0];
    let mut body = Writer::new();
    body.bytes(space().as_str().as_bytes());
    body.varint(1);
    body.raw(first.dot.replica.as_bytes());
    body.varint(first.dot.seq);
    body.raw(commits[0].before.chain.as_bytes());
    body.raw(&1_u64.to_le_bytes());
    body.varint(0);
    body.varint(0);
    body.varint(2);
    body.bytes(first.aggregate.kind.as_str().as_bytes());
    body.bytes(first.event.name.as_str().as_bytes());
    body.raw(&[1, 0]);
    body.bytes(first.aggregate.key.as_bytes());
    body.raw(&[1, 1, 2, 1]);
    body.varint(0);
    let events: Vec<_> = commits.iter().flat_map(|commit| &commit.events).collect();
    body.varint(events.len() as u64);
    let mut last_hlc = 0;
    for event in events {
        body.varint(event.last.into());
        body.varint(0);
        body.zigzag(event.hlc.to_bits().wrapping_sub(last_hlc).cast_signed());
        last_hlc = event.hlc.to_bits();
        body.raw(&[0, 0]);
        body.bytes(&event.payload);
    }
    let bytes = sealed(&body.finish().unwrap());
    assert!(bytes.len() <= BLOCK_BYTES_MAX);
    Block::parse(bytes).unwrap()
}
