//! An author: a key, and how far its chain goes.

use std::collections::BTreeMap;

use super::*;
use crate::key::ReplicaKey;

/// Someone who writes commits.
#[derive(Clone, Debug)]
pub(crate) struct Author {
    pub(crate) key: ReplicaKey,
    pub(crate) nonce: u64,
    /// The last commit.
    pub(crate) head: CommitId,
}

/// A commit, and what packing and signing it takes.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) id: CommitId,
    pub(crate) before: CommitId,
    pub(crate) events: Vec<Envelope>,
    nonce: u64,
    key: ReplicaKey,
}

impl Author {
    pub(crate) fn named(name: &str) -> Self {
        Self::in_space(name, &space())
    }

    pub(crate) fn in_space(name: &str, space: &SpaceId) -> Self {
        let key = ReplicaKey::from_seed(blake3::hash(name.as_bytes()).as_bytes());
        let head = CommitId::root(space, key.id());
        Self { key, nonce: 1, head }
    }

    /// A copy of the store: it writes on under the same key, with random bits of its own.
    pub(crate) fn copied(&self, nonce: u64) -> Self {
        Self { nonce, ..self.clone() }
    }

    /// A commit of these payloads, whose author had seen other commits.
    pub(crate) fn write(&mut self, payloads: &[&str], seen: &[CommitId]) -> Written {
        let context = Context::of(seen.iter().map(|on| Seen { on: *on, seq: on.seq }));
        let events = payloads.iter().map(|payload| Envelope {
            context: context.clone(),
            ..note(self.head.author, 1, payload.as_bytes())
        });
        self.commit(events.collect())
    }

    /// A commit of events whose numbers and ends are still to be filled in.
    pub(crate) fn commit(&mut self, mut events: Vec<Envelope>) -> Written {
        let (before, count) = (self.head, events.len());
        for ((nth, event), seq) in (1..).zip(&mut events).zip(before.seq + 1..) {
            event.dot = Dot { replica: before.author, seq };
            event.last = nth == count;
        }
        let mut hasher = LeafHasher::default();
        hasher.begin(self.nonce);
        events.iter().for_each(|event| hasher.add_envelope(event));
        let seq = events.last().unwrap().dot.seq;
        self.head = CommitId { seq, chain: before.chain.then(&hasher.leaf()), ..before };
        Written { id: self.head, before, events, nonce: self.nonce, key: self.key.clone() }
    }
}

/// One signed block of commits.
pub(crate) fn seal(commits: &[&Written]) -> Block {
    seal_in(space(), commits)
}

pub(crate) fn seal_in(space: SpaceId, commits: &[&Written]) -> Block {
    let mut packer = BlockPacker::new(space);
    let mut keys = BTreeMap::new();
    for Written { id, before, events, nonce, key } in commits.iter().copied() {
        assert_eq!(packer.push_commit(before, *nonce, events).as_ref(), Ok(id));
        keys.insert(*id, key);
    }
    packer.finish(|end| end.sign(keys[end])).unwrap()
}
