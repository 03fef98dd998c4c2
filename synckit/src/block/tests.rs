//! Promises of blocks: envelopes come back as they were, and nothing damaged or contradictory is
//! taken.

mod author;
mod authorship;
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

pub(crate) use author::{Author, Written, seal, seal_in};

/// `cases` random cases; a failure prints its minimal input and leaves no file behind.
pub(crate) fn cases(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}

pub(crate) fn space() -> SpaceId {
    SpaceId::new("team-7").unwrap()
}

fn replica(n: u8) -> ReplicaId {
    ReplicaId::from_bytes([n; 32])
}

/// A small event: the only one of its commit.
pub(crate) fn note(author: ReplicaId, seq: u64, payload: &[u8]) -> Envelope {
    Envelope {
        dot: Dot { replica: author, seq },
        aggregate: AggregateId {
            kind: Name::new("note").unwrap(),
            key: Key::new(b"shopping").unwrap(),
        },
        event: event("note.title_set"),
        hlc: Hlc::new(UnixMillis::new(1_700_000_000_000 + seq * 250), 0),
        context: Context::new(),
        last: true,
        metadata: Metadata::new(),
        extensions: Bytes::new(),
        payload: Bytes::copy_from_slice(payload),
        tombstone: false,
    }
}

fn event(name: &str) -> EventRef {
    EventRef { name: Name::new(name).unwrap(), version: 2, min_reader: 1 }
}

/// Events that were seen, each on a commit of its author that may reach further.
fn context(dots: impl IntoIterator<Item = (ReplicaId, u64)>) -> Context {
    Context::of(dots.into_iter().map(|(author, seq)| {
        let on = commit(author, seq.next_multiple_of(16));
        Seen { on, seq }
    }))
}

/// A commit somewhere on an author's chain.
fn commit(author: ReplicaId, seq: u64) -> CommitId {
    let chain = *blake3::hash(&seq.to_le_bytes()).as_bytes();
    CommitId { author, seq, chain: Chain::from_bytes(chain) }
}

/// Packs the commits into one block that nobody signs, from their authors' first events on.
fn pack(commits: &[Vec<Envelope>]) -> Block {
    let mut packer = BlockPacker::new(space());
    let mut ends = BTreeMap::new();
    for commit in commits {
        let end = ends.entry(commit[0].dot.replica).or_insert_with(|| before(commit));
        *end = packer.push_commit(end, NONCE, commit).unwrap();
    }
    packer.finish(unsigned).unwrap()
}

const NONCE: u64 = 0x1122_3344_5566_7788;

fn unsigned(end: &CommitId) -> [u8; SIGNATURE_LEN] {
    [end.author.as_bytes()[0]; SIGNATURE_LEN]
}

/// The commit that an author's first one follows in these tests.
fn before(commit: &[Envelope]) -> CommitId {
    let Dot { replica, seq } = commit[0].dot;
    if seq == 1 { CommitId::root(&space(), replica) } else { self::commit(replica, seq - 1) }
}

fn envelopes(block: &Block) -> Vec<Envelope> {
    block.entries().map(|entry| entry.envelope()).collect()
}

/// A body as a block whose checksum fits, so that the parser behind the checksum is reached.
pub(crate) fn sealed(body: &[u8]) -> Bytes {
    [&BLOCK_MAGIC[..], &[CODEC_PLAIN], &checksum(body), body].concat().into()
}

/// The part of a block that its checksum covers.
fn body(block: &Block) -> Vec<u8> {
    block.bytes()[BLOCK_MAGIC.len() + 1 + BLOCK_CHECKSUM_LEN..].to_vec()
}

/// Commits of up to three authors in a random order, with everything that an envelope can carry; tombstones among
/// them.
fn commits() -> impl Strategy<Value = Vec<Vec<Envelope>>> {
    let commit = (0..3_u8, vec(anonymous_event(), 1..4), prop::bool::weighted(0.2));
    let first_seqs = [1..4_u64, 1..(1 << 40), 1..2];
    (first_seqs, vec(commit, 1..8)).prop_map(|(mut next_seqs, commits)| {
        let number = |(author, commit, is_refused): (u8, Vec<Envelope>, bool)| {
            let length = commit.len();
            let number_one = |(index, event): (usize, Envelope)| {
                let seq = next_seqs[usize::from(author)];
                next_seqs[usize::from(author)] += 1;
                let dot = Dot { replica: replica(author), seq };
                Envelope { dot, last: index + 1 == length, ..event }
            };
            let commit = commit.into_iter().enumerate().map(number_one).collect();
            if is_refused { LeafHasher::default().tombstone(NONCE, commit) } else { commit }
        };
        commits.into_iter().map(number).collect()
    })
}

/// An event whose author, number and place in its commit are still to be filled in.
fn anonymous_event() -> impl Strategy<Value = Envelope> {
    let name = prop_oneof![Just("note"), Just("note.title_set"), Just("inspection")];
    let key = prop_oneof![Just(b"shopping".to_vec()), vec(any::<u8>(), 1..24)];
    let seen = btree_map(0..6_u8, prop_oneof![1..9_u64, 1..1_u64 << 60], 0..4);
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
                tombstone: false,
            }
        },
    )
}
