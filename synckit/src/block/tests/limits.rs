//! A block is never larger than its maximum, and a commit that does not fit changes nothing.

use super::*;
use crate::envelope::{
    CONTEXT_ROWS_MAX, EXTENSIONS_BYTES_MAX, METADATA_BYTES_MAX, PAYLOAD_BYTES_MAX,
};
use crate::id::{KEY_BYTES_MAX, NAME_BYTES_MAX};

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn whatever_was_packed_comes_out_as_a_block_that_is_not_too_large(
        commits in vec((bulky_event(), 1..12_usize), 20..60),
    ) {
        let mut packer = BlockPacker::new(space());
        let mut head = root();
        let mut packed = Vec::new();
        for (event, length) in commits {
            let commit = commit_of(head.seq + 1, length, |_| event.clone());
            if let Ok(after) = packer.push_commit(&head, NONCE, &commit) {
                head = after;
                packed.extend(commit);
            }
        }
        let block = packer.finish(unsigned).expect("what was packed is not lost");
        prop_assert!(block.bytes().len() <= BLOCK_BYTES_MAX);
        prop_assert_eq!(envelopes(&block), packed);
    }
}

#[test]
fn as_many_small_events_fit_as_a_block_may_hold() {
    let all = u64::try_from(BLOCK_EVENTS_MAX).unwrap();
    let one_by_one: Vec<_> = (1..=all).map(|seq| vec![note(replica(1), seq, &[7; 40])]).collect();
    assert_eq!(pack(&one_by_one).len(), BLOCK_EVENTS_MAX);
    let at_once = commit_of(1, BLOCK_EVENTS_MAX, |seq| note(replica(1), seq, &[7; 40]));
    assert_eq!(pack(&[at_once]).len(), BLOCK_EVENTS_MAX);
}

#[test]
fn one_event_too_many_is_refused_and_changes_nothing() {
    let mut packer = BlockPacker::new(space());
    let most = commit_of(1, BLOCK_EVENTS_MAX - 1, |seq| note(replica(1), seq, b""));
    let head = packer.push_commit(&root(), NONCE, &most).unwrap();
    let two = commit_of(head.seq + 1, 2, |seq| note(replica(2), seq, b"never seen"));
    assert_eq!(packer.push_commit(&root(), NONCE, &two), Err(BlockFull));
    assert_eq!(packer.len(), BLOCK_EVENTS_MAX - 1);
    packer.push_commit(&head, NONCE, &[note(replica(1), head.seq + 1, b"")]).unwrap();
    let block = packer.finish(unsigned).unwrap();
    assert_eq!((block.len(), block.runs().len()), (BLOCK_EVENTS_MAX, 1));
}

#[test]
fn a_full_block_refuses_and_comes_out_without_the_refused_commit() {
    let quarter = vec![0; BLOCK_BYTES_MAX / 4];
    let mut packer = BlockPacker::new(space());
    let mut head = root();
    for seq in 1..=3 {
        head = packer.push_commit(&head, NONCE, &[note(replica(1), seq, &quarter)]).unwrap();
    }
    assert_eq!(packer.push_commit(&head, NONCE, &[note(replica(1), 4, &quarter)]), Err(BlockFull));
    let block = packer.finish(unsigned).unwrap();
    assert_eq!(block.len(), 3);
    assert_eq!(block.ends(), [head]);
}

#[test]
fn contexts_that_alternate_within_a_commit_are_counted_each_time() {
    let seen = |offset: u16| {
        let many = (0..1_024_u16).map(|n| {
            let mut id = [9; 32];
            id[..2].copy_from_slice(&n.to_be_bytes());
            (ReplicaId::from_bytes(id), 1_024 - u64::from(offset))
        });
        context(many)
    };
    let (even, odd) = (seen(0), seen(1));
    let mut packer = BlockPacker::new(space());
    let first = Envelope { context: even.clone(), ..note(replica(1), 1, b"") };
    let head = packer.push_commit(&root(), NONCE, &[first]).unwrap();
    let alternating = commit_of(2, 70, |seq| Envelope {
        context: if seq % 2 == 0 { odd.clone() } else { even.clone() },
        ..note(replica(1), seq, b"")
    });
    assert_eq!(packer.push_commit(&head, NONCE, &alternating), Err(BlockFull));
    assert_eq!(packer.finish(unsigned).expect("the first commit is not lost").len(), 1);
}

#[test]
fn a_commit_that_fits_beside_others_fits_alone() {
    // What it shares with its neighbours must not decide: whoever holds those already packs it
    // without them.
    let long_names = |seq| {
        let mut event = note(replica(1), seq, &[0; 400]);
        event.aggregate.key = Key::new(&[b'k'; KEY_BYTES_MAX]).unwrap();
        event.event.name = Name::new(&"n".repeat(NAME_BYTES_MAX)).unwrap();
        event.metadata.insert("trace", &"t".repeat(METADATA_BYTES_MAX)).unwrap();
        event
    };
    let mut packer = BlockPacker::new(space());
    let head = packer.push_commit(&root(), NONCE, &[long_names(1)]).unwrap();
    let commit = commit_of(2, 1_000, long_names);
    packer.push_commit(&head, NONCE, &commit).unwrap();
    BlockPacker::new(space()).push_commit(&head, NONCE, &commit).unwrap();
}

#[test]
fn an_event_beyond_a_named_maximum_is_refused_when_it_is_packed() {
    let refused = |event: Envelope| {
        let mut packer = BlockPacker::new(space());
        assert_eq!(packer.push_commit(&root(), NONCE, &[event]), Err(BlockFull));
        assert!(packer.is_empty());
    };
    refused(note(replica(1), 1, &vec![0; PAYLOAD_BYTES_MAX + 1]));
    let extensions = Bytes::from(vec![0; EXTENSIONS_BYTES_MAX + 1]);
    refused(Envelope { extensions, ..note(replica(1), 1, b"") });
    let many = (0..=u16::try_from(CONTEXT_ROWS_MAX).unwrap()).map(|n| {
        let mut id = [9; 32];
        id[..2].copy_from_slice(&n.to_be_bytes());
        (ReplicaId::from_bytes(id), 1)
    });
    refused(Envelope { context: context(many), ..note(replica(1), 1, b"") });
    let largest = note(replica(1), 1, &vec![0; PAYLOAD_BYTES_MAX]);
    assert_eq!(envelopes(&pack(&[vec![largest.clone()]])), [largest]);
}

#[test]
fn as_many_anchors_fit_as_a_block_has_bytes_for() {
    let mut packer = BlockPacker::new(space());
    let mut head = root();
    let mut packed = 0;
    for seq in 1.. {
        let rows = (1..=1_000).map(|n| Seen { on: commit(replica(2), 1_000 * seq + n), seq: 1 });
        let event = Envelope { context: Context::of(rows), ..note(replica(1), seq, b"") };
        match packer.push_commit(&head, NONCE, &[event]) {
            Ok(end) => (head, packed) = (end, packed + 1),
            Err(BlockFull) => break,
        }
    }
    let block = packer.finish(unsigned).expect("what was packed is not lost");
    assert_eq!((block.len(), block.anchors().len()), (packed, packed * 1_000));
}

#[test]
fn nothing_packed_is_no_block() {
    assert_eq!(BlockPacker::new(space()).finish(unsigned), None);
}

/// Before the first commit of replica 1.
fn root() -> CommitId {
    CommitId::root(&space(), replica(1))
}

/// A commit of `length` events by replica 1.
fn commit_of(first_seq: u64, length: usize, event: impl Fn(u64) -> Envelope) -> Vec<Envelope> {
    let end = first_seq + u64::try_from(length).unwrap();
    let numbered = |seq| {
        let event = event(seq);
        let replica = event.dot.replica;
        Envelope { dot: Dot { replica, seq }, last: seq + 1 == end, ..event }
    };
    (first_seq..end).map(numbered).collect()
}

/// An event that is large in some way: payload, context, key, names, metadata, extensions.
fn bulky_event() -> impl Strategy<Value = Envelope> {
    let sizes = (
        prop_oneof![0..100_usize, 0..20_000_usize],
        prop_oneof![Just(0), 0..CONTEXT_ROWS_MAX],
        1..=KEY_BYTES_MAX,
        1..=NAME_BYTES_MAX,
        0..=METADATA_BYTES_MAX,
        0..=EXTENSIONS_BYTES_MAX,
    );
    (sizes, 0..4_u8, any::<u64>()).prop_map(
        |((payload, seen, key, name, meta, extra), fill, hlc)| {
            let mut event = note(replica(1), 1, &vec![fill; payload]);
            event.aggregate.key = Key::new(&vec![fill; key]).unwrap();
            event.event.name =
                Name::new(&char::from(b'a' + fill).to_string().repeat(name)).unwrap();
            event.event.version = u32::MAX - u32::from(fill);
            event.metadata.insert("m", &"x".repeat(meta)).unwrap();
            event.extensions = vec![fill; extra].into();
            event.hlc = Hlc::from_bits(hlc);
            event.context = context((0..seen).map(|n| {
                let mut id = [fill + 2; 32];
                id[..2].copy_from_slice(&u16::try_from(n).unwrap().to_be_bytes());
                (ReplicaId::from_bytes(id), 1_000_000)
            }));
            event
        },
    )
}
