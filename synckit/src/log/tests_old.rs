//! What a log admits, told with a shelf of blocks in memory.

mod admission;
mod overlap;

use std::convert::Infallible;

use bytes::Bytes;

use super::*;
use crate::clock::{Hlc, UnixMillis};
use crate::event::EventRef;
use crate::id::{AggregateId, Key, Name};
use crate::vector::VectorClock;

/// A commit, and where its author's events stood before it.
type Commit = (Head, Vec<Envelope>);

/// A store's log in memory.
#[derive(Debug, Default)]
struct Shelf {
    blocks: Vec<Block>,
    heads: BTreeMap<ReplicaId, Head>,
    other_replicas: usize,
}

impl Held for Shelf {
    type Error = Infallible;

    fn head(&self, replica: &ReplicaId) -> Result<Head, Infallible> {
        Ok(self.heads.get(replica).copied().unwrap_or(Head::START))
    }

    fn chain_at(&self, dot: Dot) -> Result<Chain, Infallible> {
        Ok(self
            .blocks
            .iter()
            .find_map(|block| block.chain_at(dot))
            .expect("asked for what is held"))
    }

    fn replicas(&self) -> Result<usize, Infallible> {
        Ok(self.heads.len() + self.other_replicas)
    }
}

impl Shelf {
    /// A log that holds these commits, one block each.
    fn holding(commits: &[&Commit]) -> Self {
        let mut shelf = Self::default();
        commits.iter().for_each(|commit| drop(shelf.receive(&[pack(&[commit])]).unwrap()));
        shelf
    }

    /// Admits a batch and appends it, or changes nothing. Returns how many blocks each one added.
    fn receive(&mut self, batch: &[Block]) -> Result<Vec<usize>, Refusal> {
        let mut staging = Staging::new(&*self);
        let mut added = Vec::new();
        for block in batch {
            match staging.admit(&space(), block) {
                Ok(blocks) => added.push(blocks),
                Err(AdmitError::Refused(refusal)) => return Err(refusal),
            }
        }
        let (blocks, heads) = staging.finish();
        self.blocks.extend(blocks);
        self.heads.extend(heads);
        Ok(added)
    }

    fn events(&self) -> Vec<Envelope> {
        let entries = self.blocks.iter().flat_map(Block::entries);
        entries.map(|entry| entry.envelope()).collect()
    }
}

/// Someone who writes: knows how far their own events stand.
#[derive(Clone, Debug)]
struct Author {
    replica: ReplicaId,
    head: Head,
}

impl Author {
    fn new(n: u8) -> Self {
        Self { replica: ReplicaId::from_bytes([n; 32]), head: Head::START }
    }

    /// A commit with these payloads, made with everything in `seen` in view.
    fn write(&mut self, payloads: &[&str], seen: &[Dot]) -> Commit {
        let before = self.head;
        let mut commit = Vec::new();
        for (index, payload) in payloads.iter().enumerate() {
            let mut event = self.event(payload, seen);
            event.last = index + 1 == payloads.len();
            let chain = event.chain(&space(), &self.head.chain);
            self.head = Head { seq: event.dot.seq, hlc: event.hlc, chain };
            commit.push(event);
        }
        (before, commit)
    }

    fn last(&self) -> Dot {
        Dot { replica: self.replica, seq: self.head.seq }
    }

    fn event(&self, payload: &str, seen: &[Dot]) -> Envelope {
        let seq = self.head.seq + 1;
        let mut context = VectorClock::new();
        for dot in seen.iter().filter(|dot| dot.replica != self.replica) {
            context.advance(*dot).unwrap();
        }
        Envelope {
            dot: Dot { replica: self.replica, seq },
            aggregate: AggregateId {
                kind: Name::new("note").unwrap(),
                key: Key::new(b"shopping").unwrap(),
            },
            event: EventRef { name: Name::new("note.said").unwrap(), version: 1, min_reader: 1 },
            hlc: Hlc::new(UnixMillis::new(1_000 * seq), 0),
            context,
            last: true,
            metadata: crate::envelope::Metadata::new(),
            extensions: Bytes::new(),
            payload: Bytes::copy_from_slice(payload.as_bytes()),
        }
    }
}

fn space() -> SpaceId {
    SpaceId::new("team-7").unwrap()
}

fn pack(commits: &[&Commit]) -> Block {
    pack_for(space(), commits)
}

fn pack_for(space: SpaceId, commits: &[&Commit]) -> Block {
    let mut packer = BlockPacker::new(space);
    for (before, commit) in commits {
        packer.push_commit(before, commit).unwrap();
    }
    packer.finish().unwrap()
}
