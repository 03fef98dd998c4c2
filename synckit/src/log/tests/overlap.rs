//! Events received again, in whatever packing.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::Config;

use super::*;
use crate::block::{BLOCK_BYTES_MAX, BLOCK_CHECKSUM_LEN, BLOCK_MAGIC};
use crate::wire::Writer;

#[test]
fn what_is_held_already_adds_nothing() {
    let [mut ann, mut bob] = [Author::new(1), Author::new(2)];
    let first = ann.write(&["milk"], &[]);
    let second = bob.write(&["bread", "eggs"], &[ann.last()]);
    let third = ann.write(&["tea"], &[bob.last()]);
    let mut shelf = Shelf::holding(&[&first, &second, &third]);
    let before = shelf.heads.clone();
    let again = [pack(&[&first]), pack(&[&second, &third]), pack(&[&first, &second, &third])];
    assert_eq!(shelf.receive(&again), Ok(vec![0, 0, 0]));
    assert_eq!((shelf.blocks.len(), shelf.heads), (3, before));
}

#[test]
fn a_block_twice_in_one_batch_is_appended_once() {
    let mut ann = Author::new(1);
    let block = pack(&[&ann.write(&["milk"], &[])]);
    let mut shelf = Shelf::default();
    assert_eq!(shelf.receive(&[block.clone(), block.clone()]), Ok(vec![1, 0]));
    assert_eq!(shelf.blocks, [block]);
}

#[test]
fn a_block_of_which_nothing_is_held_is_kept_as_it_came() {
    let mut ann = Author::new(1);
    let [first, second] = [ann.write(&["milk"], &[]), ann.write(&["bread"], &[])];
    let block = pack(&[&second]);
    let mut shelf = Shelf::holding(&[&first]);
    shelf.receive(std::slice::from_ref(&block)).unwrap();
    assert_eq!(shelf.blocks[1].bytes(), block.bytes());
}

#[test]
fn what_was_pruned_is_passed_over_when_it_is_received_again() {
    let mut ann = Author::new(1);
    let [first, second] = [ann.write(&["milk"], &[]), ann.write(&["bread"], &[])];
    let third = ann.write(&["tea"], &[]);
    let mut shelf = Shelf::holding(&[&first, &second]);
    shelf.pruned = 1;
    assert_eq!(shelf.receive(&[pack(&[&first]), pack(&[&second, &third])]), Ok(vec![0, 1]));
    assert_eq!(shelf.end(), Position(3));
}

#[test]
fn of_a_partial_overlap_the_rest_is_packed_anew_with_equal_envelopes() {
    let [mut ann, mut bob] = [Author::new(1), Author::new(2)];
    let held = ann.write(&["milk", "bread"], &[]);
    let from_bob = bob.write(&["eggs"], &[ann.last()]);
    let fresh = ann.write(&["tea", "rice"], &[bob.last()]);
    let mut shelf = Shelf::holding(&[&held]);
    assert_eq!(shelf.receive(&[pack(&[&held, &from_bob, &fresh])]), Ok(vec![1]));
    assert_eq!(shelf.blocks[1], pack(&[&from_bob, &fresh]));
    assert_eq!(shelf.events(), [held.1, from_bob.1, fresh.1].concat());
    assert_eq!(shelf.heads, BTreeMap::from([(ann.replica, ann.head), (bob.replica, bob.head)]));
}

#[test]
fn authors_overlap_each_by_their_own_amount() {
    let [mut ann, mut bob] = [Author::new(1), Author::new(2)];
    let of_ann = [ann.write(&["a1"], &[]), ann.write(&["a2"], &[]), ann.write(&["a3"], &[])];
    let of_bob = [bob.write(&["b1"], &[]), bob.write(&["b2"], &[])];
    let mut shelf = Shelf::holding(&[&of_ann[0], &of_bob[0], &of_bob[1]]);
    let all = pack(&[&of_bob[0], &of_ann[0], &of_ann[1], &of_bob[1], &of_ann[2]]);
    assert_eq!(shelf.receive(&[all]), Ok(vec![1]));
    assert_eq!(shelf.blocks[3], pack(&[&of_ann[1], &of_ann[2]]));
}

#[test]
fn a_commit_that_shares_its_neighbours_names_is_packed_anew_without_them() {
    // The first commit brings the long key; the second fills the block.
    let mut ann = Author::new(1);
    let long_key = |(before, commit): Commit| {
        let key = Key::new(&[b'k'; 512]).unwrap();
        let mut head = before;
        let rename = |mut event: Envelope| {
            event.aggregate.key = key.clone();
            head.chain = event.chain(&space(), &head.chain);
            event
        };
        let renamed = commit.into_iter().map(rename).collect::<Vec<_>>();
        ((before, renamed), head.chain)
    };
    let (first, chain) = long_key(ann.write(&["milk"], &[]));
    ann.head.chain = chain;
    let payload = "x".repeat(450);
    let (second, _) = long_key(ann.write(&vec![payload.as_str(); 1_050], &[]));
    let mut shelf = Shelf::holding(&[&first]);
    assert_eq!(shelf.receive(&[pack(&[&first, &second])]), Ok(vec![1]));
    assert_eq!(shelf.events(), [first.1, second.1].concat());
}

#[test]
fn a_rest_too_large_for_one_block_becomes_several() {
    let mut ann = Author::new(1);
    let payload = "x".repeat(110);
    let commits: Vec<_> = (0..4_096).map(|_| ann.write(&[&payload], &[])).collect();
    let tight = tightly_packed(&commits);
    let mut shelf = Shelf::holding(&[&commits[0]]);
    assert_eq!(shelf.receive(&[tight]), Ok(vec![2]));
    assert_eq!(
        shelf.events(),
        commits.into_iter().flat_map(|(_, commit)| commit).collect::<Vec<_>>()
    );
    assert_eq!(shelf.heads[&ann.replica], ann.head);
    let chained = shelf
        .blocks
        .windows(2)
        .all(|pair| pair[0].heads()[0].1.chain == pair[1].runs()[0].chain_before);
    assert!(chained, "the blocks connect");
}

#[test]
fn a_commit_packed_tighter_than_any_author_may_is_refused_when_it_must_be_packed_anew() {
    let mut ann = Author::new(1);
    let first = ann.write(&["milk"], &[]);
    let payload = "x".repeat(110);
    let huge = ann.write(&vec![payload.as_str(); 4_095], &[]);
    let mut shelf = Shelf::holding(&[&first]);
    assert_eq!(shelf.receive(&[tightly_packed(&[first, huge])]), Err(Refusal::Oversized));
}

proptest! {
    #![proptest_config(Config { cases: 64, failure_persistence: None, ..Config::default() })]

    #[test]
    fn however_a_log_is_cut_and_repeated_the_same_events_end_up_in_the_same_order_of_causes(
        writes in vec((0..3_usize, 1..4_usize, any::<bool>()), 1..14),
        cuts in vec((any::<Index>(), 1..6_usize), 0..12),
        batch in 1..4_usize,
    ) {
        let (log, authors) = write_all(&writes);
        let mut shelf = Shelf::default();
        let mut delivery: Vec<Block> = Vec::new();
        for (from, length) in cuts {
            // Pieces from anywhere: what comes too early is refused, what was there already is passed over.
            let from = from.index(log.len());
            let piece: Vec<_> = log[from..log.len().min(from + length)].iter().collect();
            delivery.push(pack(&piece));
        }
        delivery.extend(log.iter().map(|commit| pack(&[commit])));
        delivery.push(pack(&log.iter().collect::<Vec<_>>()));
        for batch in delivery.chunks(batch) {
            match shelf.receive(batch) {
                Ok(_) => {}
                Err(Refusal::Gap { .. } | Refusal::NotCausal { .. }) => {
                    // One by one, what can be admitted is.
                    batch.iter().for_each(|block| drop(shelf.receive(std::slice::from_ref(block))));
                }
                Err(refusal) => return Err(TestCaseError::fail(refusal.to_string())),
            }
        }
        let expected: BTreeMap<_, _> = authors.iter().map(|author| (author.replica, author.head))
            .filter(|(_, head)| head.seq > 0).collect();
        prop_assert_eq!(&shelf.heads, &expected);
        let (mut held, mut all) = (shelf.events(), log.into_iter().flat_map(|(_, commit)| commit).collect::<Vec<_>>());
        prop_assert!(causally_ordered(&held));
        held.sort_by_key(|event| event.dot);
        all.sort_by_key(|event| event.dot);
        prop_assert_eq!(held, all, "each event once");
    }
}

/// A log in which each author writes after having seen either everything or only their own events.
fn write_all(writes: &[(usize, usize, bool)]) -> (Vec<Commit>, [Author; 3]) {
    let mut authors = [1, 2, 3].map(Author::new);
    let mut log = Vec::new();
    for (author, length, saw_all) in writes {
        let seen: Vec<_> = authors
            .iter()
            .filter(|_| *saw_all)
            .map(Author::last)
            .filter(|dot| dot.seq > 0)
            .collect();
        log.push(authors[*author].write(&vec!["x"; *length], &seen));
    }
    (log, authors)
}

fn causally_ordered(events: &[Envelope]) -> bool {
    let mut seen = VectorClock::new();
    events.iter().all(|event| {
        let causes_seen = event.context.iter().all(|dot| seen.contains(dot));
        let in_turn = seen.get(&event.dot.replica) + 1 == event.dot.seq;
        causes_seen && in_turn && seen.advance(event.dot).is_ok()
    })
}

/// A sound block of one author's similar events that holds more than [`BlockPacker`] would put into
/// one.
fn tightly_packed(commits: &[Commit]) -> Block {
    let (before, first) = &commits[0];
    let mut body = Writer::new();
    body.bytes(space().as_str().as_bytes());
    body.varint(1);
    body.raw(first[0].dot.replica.as_bytes());
    body.varint(first[0].dot.seq);
    body.raw(before.chain.as_bytes());
    body.varint(0);
    body.varint(2);
    body.bytes(first[0].aggregate.kind.as_str().as_bytes());
    body.bytes(first[0].event.name.as_str().as_bytes());
    body.raw(&[1, 0]);
    body.bytes(first[0].aggregate.key.as_bytes());
    body.raw(&[1, 1, 1, 1]);
    body.varint(0);
    let events: Vec<_> = commits.iter().flat_map(|(_, commit)| commit).collect();
    body.varint(events.len() as u64);
    let mut last_hlc = 0;
    for event in events {
        body.varint(event.last.into());
        body.varint(0);
        body.zigzag((event.hlc.to_bits() - last_hlc).cast_signed());
        last_hlc = event.hlc.to_bits();
        body.raw(&[0, 0]);
        body.bytes(&event.payload);
    }
    let body = body.finish().unwrap();
    let hash = blake3::hash(&body);
    let bytes = [&BLOCK_MAGIC, &hash.as_bytes()[..BLOCK_CHECKSUM_LEN], &body].concat();
    assert!(bytes.len() <= BLOCK_BYTES_MAX);
    Block::parse(bytes.into()).unwrap()
}
