//! What blocks promise: envelopes come back as they were, and nothing damaged or contradictory is
//! taken.

mod damage;
mod golden;
mod limits;
mod raw;
mod round_trip;

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::test_runner::Config;

use super::*;
use crate::clock::UnixMillis;
use crate::id::{Key, Name};

/// `cases` random cases; a failure prints its minimal input and leaves no file behind.
fn cases(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}

fn space() -> SpaceId {
    SpaceId::new("team-7").unwrap()
}

fn replica(n: u8) -> ReplicaId {
    ReplicaId::from_bytes([n; 32])
}

/// A small event: the only one of its commit.
fn note(author: ReplicaId, seq: u64, payload: &[u8]) -> Envelope {
    Envelope {
        dot: Dot { replica: author, seq },
        aggregate: AggregateId {
            kind: Name::new("note").unwrap(),
            key: Key::new(b"shopping").unwrap(),
        },
        event: event("note.title_set"),
        hlc: Hlc::new(UnixMillis::new(1_700_000_000_000 + seq * 250), 0),
        context: VectorClock::new(),
        last: true,
        metadata: Metadata::new(),
        extensions: Bytes::new(),
        payload: Bytes::copy_from_slice(payload),
    }
}

fn event(name: &str) -> EventRef {
    EventRef { name: Name::new(name).unwrap(), version: 2, min_reader: 1 }
}

fn context(dots: impl IntoIterator<Item = (ReplicaId, u64)>) -> VectorClock {
    let mut context = VectorClock::new();
    for (replica, seq) in dots {
        context.advance(Dot { replica, seq }).unwrap();
    }
    context
}

/// Packs the commits into one block, from their authors' first events on.
fn pack(commits: &[Vec<Envelope>]) -> Block {
    let mut packer = BlockPacker::new(space());
    for commit in commits {
        packer.push_commit(&head_before(commit), commit).unwrap();
    }
    packer.finish().unwrap()
}

/// Where the tests let an author's events stand before a commit: the chain depends on the number
/// only.
fn head_before(commit: &[Envelope]) -> Head {
    let seq = commit[0].dot.seq - 1;
    let chain = Chain::from_bytes(*blake3::hash(&seq.to_le_bytes()).as_bytes());
    Head { seq, hlc: Hlc::ZERO, chain: if seq == 0 { Chain::START } else { chain } }
}

fn envelopes(block: &Block) -> Vec<Envelope> {
    block.entries().map(|entry| entry.envelope()).collect()
}

/// A body as a block whose checksum fits, so that the parser behind the checksum is reached.
fn sealed(body: &[u8]) -> Bytes {
    [&BLOCK_MAGIC[..], &checksum(body), body].concat().into()
}

/// The part of a block that its checksum covers.
fn body(block: &Block) -> Vec<u8> {
    block.bytes()[BLOCK_MAGIC.len() + BLOCK_CHECKSUM_LEN..].to_vec()
}

/// Commits of up to three authors in a random order, with everything that an envelope can carry.
fn commits() -> impl Strategy<Value = Vec<Vec<Envelope>>> {
    let commit = (0..3_u8, vec(anonymous_event(), 1..4));
    let first_seqs = [1..4_u64, 1..(1 << 40), 1..2];
    (first_seqs, vec(commit, 1..8)).prop_map(|(mut next_seqs, commits)| {
        let number = |(author, commit): (u8, Vec<Envelope>)| {
            let length = commit.len();
            let number_one = |(index, event): (usize, Envelope)| {
                let seq = next_seqs[usize::from(author)];
                next_seqs[usize::from(author)] += 1;
                let author = replica(author);
                let others = event.context.iter().filter(|dot| dot.replica != author);
                Envelope {
                    dot: Dot { replica: author, seq },
                    context: context(others.map(|dot| (dot.replica, dot.seq))),
                    last: index + 1 == length,
                    ..event
                }
            };
            commit.into_iter().enumerate().map(number_one).collect()
        };
        commits.into_iter().map(number).collect()
    })
}

/// An event whose author, number and place in its commit are still to be filled in.
fn anonymous_event() -> impl Strategy<Value = Envelope> {
    let name = prop_oneof![Just("note"), Just("note.title_set"), Just("inspection")];
    let key = prop_oneof![Just(b"shopping".to_vec()), vec(any::<u8>(), 1..24)];
    let seen = btree_map(0..6_u8, prop_oneof![1..9_u64, 1..u64::MAX], 0..4);
    let few_contexts =
        prop_oneof![Just(BTreeMap::new()), Just(BTreeMap::from([(0, 7), (5, 9)])), seen];
    let metadata = prop_oneof![
        3 => Just(BTreeMap::new()),
        1 => Just(BTreeMap::from([("actor".to_owned(), "ann".to_owned())])),
        1 => btree_map("[a-z]{1,9}", "[ -~é]{0,9}", 0..3),
    ];
    // A fill byte and a length: one random number for each byte would take most of the tests' time.
    let filled = |length| (any::<u8>(), length).prop_map(|(byte, length)| vec![byte; length]);
    let payload = filled(prop_oneof![9 => 0..60_usize, 1 => 0..9_000_usize].boxed());
    let extensions = filled(prop_oneof![4 => Just(0), 1 => 0..40_usize].boxed());
    let event = (name.clone(), 1..4_u32, 1..3_u32);
    ((name, key), event, any::<u64>(), few_contexts, metadata, (extensions, payload)).prop_map(
        |((kind, key), (name, version, below), hlc, seen, strings, (extensions, payload))| {
            let mut metadata = Metadata::new();
            strings.iter().for_each(|(key, value)| metadata.insert(key, value).unwrap());
            let name = Name::new(name).unwrap();
            let min_reader = version.saturating_sub(below).max(1);
            Envelope {
                dot: Dot { replica: replica(0), seq: 1 },
                aggregate: AggregateId {
                    kind: Name::new(kind).unwrap(),
                    key: Key::new(&key).unwrap(),
                },
                event: EventRef { name, version, min_reader },
                hlc: Hlc::from_bits(hlc),
                context: context(seen.into_iter().map(|(n, seq)| (replica(n), seq))),
                last: true,
                metadata,
                extensions: extensions.into(),
                payload: payload.into(),
            }
        },
    )
}
