//! Damaged and hostile bytes are refused; what is accepted keeps a block's invariants.

use std::collections::BTreeSet;

use proptest::sample::Index;

use super::*;

#[test]
fn every_flipped_bit_is_refused() {
    let bytes = small_block().bytes().to_vec();
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let expected = match bit / 8 {
            0..4 => BlockError::NotABlock,
            4 => BlockError::Codec { codec: 1 << (bit % 8) },
            _ => BlockError::Checksum,
        };
        assert_eq!(Block::parse(damaged.into()), Err(expected), "bit {bit}");
    }
}

#[test]
fn a_block_is_read_from_the_front_of_bytes_whatever_follows_it() {
    let block = small_block();
    for behind in [&b""[..], b"\0", b"SKB2", &[0xff; 700_000]] {
        let bytes = [block.bytes(), behind].concat().into();
        assert_eq!(Block::parse_first(&bytes), Ok(block.clone()));
    }
    for bit in 0..block.bytes().len() * 8 {
        let mut damaged = [block.bytes(), &b"and more"[..]].concat();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(Block::parse_first(&damaged.into()).is_err(), "bit {bit}");
    }
}

#[test]
fn bytes_cut_off_anywhere_are_refused() {
    let bytes = small_block().bytes().clone();
    for length in 0..bytes.len() {
        assert!(Block::parse(bytes.slice(..length)).is_err(), "{length} bytes");
    }
}

#[test]
fn a_body_cut_off_anywhere_is_refused_behind_a_fitting_checksum_too() {
    let body = body(&small_block());
    for length in 0..body.len() {
        assert!(Block::parse(sealed(&body[..length])).is_err(), "{length} bytes");
    }
}

#[test]
fn a_block_larger_than_the_maximum_is_refused_before_it_is_looked_at() {
    let bytes = Bytes::from(vec![0; BLOCK_BYTES_MAX + 1]);
    assert_eq!(Block::parse(bytes), Err(BlockError::TooLarge));
}

#[test]
fn a_format_of_another_version_is_named_so() {
    let mut bytes = small_block().bytes().to_vec();
    bytes[3] = b'1';
    assert_eq!(Block::parse(bytes.into()), Err(BlockError::NotABlock));
}

#[test]
fn a_codec_that_is_not_known_asks_for_an_upgrade() {
    let mut bytes = small_block().bytes().to_vec();
    bytes[4] = 1;
    let error = Block::parse(bytes.into()).unwrap_err();
    assert_eq!(error, BlockError::Codec { codec: 1 });
    let said = "the block is compressed by codec 1, which this program does not know; upgrade it";
    assert_eq!(error.to_string(), said);
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn arbitrary_bytes_are_no_block(bytes in vec(any::<u8>(), 0..200)) {
        prop_assert!(Block::parse(bytes.clone().into()).is_err());
        keeps_invariants(&bytes)?;
    }

    #[test]
    fn what_is_accepted_of_damaged_bodies_keeps_the_invariants(
        commits in commits(),
        damage in vec((any::<Index>(), damage()), 1..4),
    ) {
        let mut body = body(&pack(&commits));
        // Long payloads would take all the hits.
        if body.len() < 2_000 {
            for (at, damage) in &damage {
                inflict(*damage, at, &mut body);
            }
            keeps_invariants(&body)?;
        }
    }
}

fn keeps_invariants(body: &[u8]) -> Result<(), TestCaseError> {
    let Ok(block) = Block::parse(sealed(body)) else { return Ok(()) };
    let events = envelopes(&block);
    prop_assert!(!events.is_empty() && events.len() == block.len());
    prop_assert!(events.last().is_some_and(|event| event.last));
    for (event, next) in events.iter().zip(&events[1..]) {
        prop_assert!(event.last || event.dot.replica == next.dot.replica);
    }
    for event in &events {
        prop_assert!(event.context.iter().all(|row| (1..=row.on.seq).contains(&row.seq)));
        prop_assert!((1..=event.event.version).contains(&event.event.min_reader));
    }
    for (index, run) in block.runs().iter().enumerate() {
        let of_run = block.entries().filter(|entry| entry.run() == index);
        let seqs: Vec<_> = of_run.map(|entry| entry.dot().seq).collect();
        prop_assert_eq!(seqs, (run.first_seq..=run.last_seq()).collect::<Vec<_>>());
    }
    let used: BTreeSet<_> =
        events.iter().flat_map(|event| event.context.iter()).map(|row| row.on).collect();
    prop_assert_eq!(used, block.anchors().iter().copied().collect());
    let named: BTreeSet<_> = block.aggregates().iter().collect();
    prop_assert_eq!(named.len(), block.aggregates().len());
    prop_assert_eq!(named, events.iter().map(|event| &event.aggregate).collect());
    let repacked = repacked(&block);
    prop_assert_eq!(envelopes(&repacked), events);
    prop_assert_eq!(repacked.commits().last(), block.commits().last());
    Ok(())
}

/// The envelopes of a block, packed once more.
fn repacked(block: &Block) -> Block {
    let mut ends: Vec<_> = block.runs().iter().map(Run::before).collect();
    let mut packer = BlockPacker::new(block.space().clone());
    for commit in block.commits() {
        let events = &envelopes(block)[commit.entries.clone()];
        let nonce = block.runs()[commit.run].nonce;
        ends[commit.run] = packer.push_commit(&ends[commit.run], nonce, events).unwrap();
    }
    packer.finish(unsigned).unwrap()
}

fn small_block() -> Block {
    let mut event = note(replica(1), 7, b"milk");
    event.context = context([(replica(2), 300)]);
    event.metadata.insert("actor", "ann").unwrap();
    pack(&[vec![event], vec![note(replica(3), 1, b"bread")]])
}

#[derive(Clone, Copy, Debug)]
enum Damage {
    Flip(u8),
    Insert(u8),
    Nudge(u8),
    Remove,
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (0..8_u8).prop_map(|bit| Damage::Flip(1 << bit)),
        any::<u8>().prop_map(Damage::Insert),
        prop_oneof![Just(1), Just(255)].prop_map(Damage::Nudge),
        Just(Damage::Remove),
    ]
}

fn inflict(damage: Damage, at: &Index, body: &mut Vec<u8>) {
    if body.is_empty() {
        return;
    }
    let at = at.index(body.len());
    match damage {
        Damage::Flip(mask) => body[at] ^= mask,
        Damage::Insert(byte) => body.insert(at, byte),
        Damage::Nudge(by) => body[at] = body[at].wrapping_add(by),
        Damage::Remove => drop(body.remove(at)),
    }
}
