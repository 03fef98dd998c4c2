//! Authors of the samples: small blocks in which every part of the format occurs.

use std::sync::LazyLock;

use bytes::Bytes;

use crate::block::Block;
use crate::chain::CommitId;
use crate::clock::{Hlc, UnixMillis};
use crate::envelope::{Context, Envelope, Metadata, Seen};
use crate::event::EventRef;
use crate::id::{AggregateId, Dot, Key, Name, SpaceId};
use crate::key::ReplicaKey;
use crate::testing::pack;

pub(super) const NOON: u64 = 1_700_000_000_000;

/// An author, and the last commit.
pub(super) struct Notebook {
    pub(super) seed: [u8; ReplicaKey::SEED_LEN],
    key: ReplicaKey,
    head: CommitId,
    wall: u64,
}

/// An event about an aggregate: its type and key, the event's name, and an entry of its metadata.
pub(super) type Line<'a> = (&'a str, &'a str, &'a str, Option<(&'a str, &'a str)>);

impl Notebook {
    pub(super) fn of(seed: u8) -> Self {
        let seed = [seed; ReplicaKey::SEED_LEN];
        let key = ReplicaKey::from_seed(&seed);
        let head = CommitId::root(&SpaceId::default(), key.id());
        Self { seed, key, head, wall: NOON }
    }

    pub(super) const fn head(&self) -> CommitId {
        self.head
    }

    /// A block of commits, each of which has seen the same.
    pub(super) fn write(&mut self, seen: &[CommitId], commits: &[&[Line<'_>]]) -> Block {
        let (key, space) = (self.key.clone(), SpaceId::default());
        pack(&space, &[&key], |packer| {
            for lines in commits {
                let events: Vec<_> = (1..)
                    .zip(*lines)
                    .map(|(nth, line)| self.event(nth, lines.len(), line, seen))
                    .collect();
                self.head = packer.push_commit(&self.head, 7, &events).expect("a small commit");
            }
        })
    }

    fn event(&mut self, nth: usize, of: usize, line: &Line<'_>, seen: &[CommitId]) -> Envelope {
        let (kind, key, event, entry) = line;
        let name = |name: &str| Name::new(name).expect("a valid name");
        let mut metadata = Metadata::new();
        if let Some((key, value)) = entry {
            metadata.set(key, value).expect("short metadata");
        }
        self.wall += 1;
        Envelope {
            dot: Dot { replica: self.key.id(), seq: self.head.seq + nth as u64 },
            aggregate: AggregateId {
                kind: name(kind),
                key: Key::new(key.as_bytes()).expect("a short key"),
            },
            event: EventRef { name: name(event), version: 2, min_reader: 1 },
            hlc: Hlc::new(UnixMillis::new(self.wall), 3),
            context: Context::of(seen.iter().map(|on| Seen { on: *on, seq: on.seq })),
            last: nth == of,
            metadata,
            extensions: Bytes::from_static(if nth == 2 { b"\x0a\x01x" } else { b"" }),
            payload: Bytes::from_static(b"\x0a\x04milk"),
            tombstone: false,
        }
    }
}

/// Blocks of two authors who have seen each other: plain ones, with metadata, with contexts, with
/// several commits.
pub(super) fn blocks() -> &'static [Block] {
    static BLOCKS: LazyLock<Vec<Block>> = LazyLock::new(written);
    &BLOCKS
}

fn written() -> Vec<Block> {
    let (mut ann, mut bob) = (Notebook::of(1), Notebook::of(2));
    let by_ann = Some(("actor", "ann"));
    let first = ann.write(&[], &[&[("a", "1", "a.set", None)]]);
    let mut seen = [ann.head()];
    let second = bob.write(
        &seen,
        &[
            &[("b", "12", "b.set", by_ann), ("a", "12", "a.set", None)],
            &[("b", "1", "b.cut", by_ann)],
        ],
    );
    seen = [bob.head()];
    let third = ann.write(&seen, &[&[("c", "x", "c.set", None), ("b", "13", "b.set", None)]]);
    vec![first, second, third]
}
