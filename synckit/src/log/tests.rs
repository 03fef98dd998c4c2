//! What a log admits, told with a shelf of blocks in memory.

mod admission;
mod overlap;

use std::collections::BTreeMap;

use bytes::Bytes;

use super::*;
use crate::block::BlockPacker;
use crate::clock::{Hlc, UnixMillis};
use crate::envelope::{Envelope, Head};
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
    /// Blocks that were pruned, counted from the first.
    pruned: usize,
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
        // Sources tell which block of the batch an appended one comes from.
        let source = |index: usize| {
            let name = blake3::hash(&index.to_be_bytes());
            Source::Peer(ReplicaId::from_bytes(*name.as_bytes()))
        };
        let append = |(index, block): (usize, &Block)| Append {
            block: block.clone(),
            source: source(index),
        };
        let append: Vec<_> = batch.iter().enumerate().map(append).collect();
        let space = space();
        let mut admission = Admission::new(&space, &append);
        for _round in 0..2 {
            for question in admission.questions() {
                admission.answer(self.answer(question));
            }
        }
        assert!(admission.questions().is_empty(), "two rounds are enough");
        let admitted = admission.decide(self.end()).map_err(|refused| refused.refusal)?;
        let count =
            |index| admitted.blocks.iter().filter(|log| log.source == source(index)).count();
        let added = (0..batch.len()).map(count).collect();
        self.heads.extend(admitted.heads);
        for log in admitted.blocks {
            assert_eq!(log.start, self.end());
            self.blocks.push(log.block);
        }
        Ok(added)
    }

    fn answer(&self, question: Question) -> Answer {
        match question {
            Question::Head(replica) => {
                let head = self.heads.get(&replica).copied().unwrap_or(Head::START);
                Answer::Head(replica, head)
            }
            Question::Writers => Answer::Writers(self.heads.len() + self.other_replicas),
            Question::Chain(dot) => {
                let held = self.blocks.iter().skip(self.pruned);
                Answer::Chain(dot, held.filter_map(|block| block.chain_at(dot)).next())
            }
        }
    }

    fn end(&self) -> Position {
        Position(self.blocks.iter().map(|block| block.len() as u64).sum())
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
