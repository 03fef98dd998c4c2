//! The simplest store that keeps its promises: a log in memory that counts as durable.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::block::{Block, BlockPacker};
use crate::clock::{HybridClock, UnixMillis};
use crate::envelope::{Envelope, Frontier, Metadata};
use crate::event::EventRef;
use crate::id::{
    AggregateId, Dot, Key, Name, Position, ReplicaId, SpaceId, StoreId, StoreIdentity,
};
use crate::key::ReplicaKey;
use crate::log::{
    Admission, Answer, Append, LogBlock, Page, Question, READ_BYTES_MAX, Refusal, Source,
};
use crate::sync::Recollection;
use crate::vector::VectorClock;

/// Everything that survives a crash.
#[derive(Clone)]
pub(super) struct Ledger {
    pub(super) identity: StoreIdentity,
    pub(super) key: ReplicaKey,
    pub(super) space: SpaceId,
    pub(super) blocks: Vec<LogBlock>,
    pub(super) frontier: Frontier,
    pub(super) cursors: BTreeMap<StoreId, (u64, Position)>,
    /// Stored states, and the position that they reflect.
    pub(super) states: BTreeMap<AggregateId, Bytes>,
    pub(super) mark: Option<Position>,
    /// Most blocks that one read returns.
    pub(super) page_blocks_max: usize,
    clock: HybridClock,
}

impl Ledger {
    /// An empty store; the name makes its identity and its key.
    pub(super) fn named(name: &str) -> Self {
        let hash = *blake3::hash(name.as_bytes()).as_bytes();
        let mut id = [0; StoreId::LEN];
        id.copy_from_slice(&hash[..StoreId::LEN]);
        Self {
            identity: StoreIdentity { id: StoreId::from_bytes(id), epoch: 1 },
            key: ReplicaKey::from_seed(&hash),
            space: SpaceId::default(),
            blocks: Vec::new(),
            frontier: Frontier::new(),
            cursors: BTreeMap::new(),
            states: BTreeMap::new(),
            mark: None,
            page_blocks_max: usize::MAX,
            clock: HybridClock::default(),
        }
    }

    pub(super) fn replica(&self) -> ReplicaId {
        self.key.id()
    }

    /// Events that the log holds.
    pub(super) fn head(&self) -> Position {
        self.blocks.last().map_or(Position::START, LogBlock::end)
    }

    /// The events held of every other replica: what an author may have seen.
    pub(super) fn seen(&self) -> VectorClock {
        let mut seen = VectorClock::new();
        for (replica, head) in self.frontier.iter().filter(|(id, _)| **id != self.replica()) {
            seen.advance(head.dot(*replica)).unwrap();
        }
        seen
    }

    /// Commits events of this replica whose author had seen `context`.
    pub(super) fn write(&mut self, wall: UnixMillis, context: &VectorClock, payloads: &[Bytes]) {
        let block = self.pack(wall, context, payloads);
        self.append(block, Source::Local);
    }

    /// Commits one event of a few bytes, `count` times.
    pub(super) fn write_notes(&mut self, wall: UnixMillis, count: usize) {
        let seen = self.seen();
        for _ in 0..count {
            self.write(wall, &seen, &[Bytes::from_static(b"milk")]);
        }
    }

    fn pack(&mut self, wall: UnixMillis, context: &VectorClock, payloads: &[Bytes]) -> Block {
        let before = self.frontier.head(&self.replica());
        let commit: Vec<_> = (1..)
            .zip(payloads)
            .map(|(nth, payload)| Envelope {
                dot: Dot { replica: self.replica(), seq: before.seq + nth },
                aggregate: note(),
                event: EventRef {
                    name: Name::new("note.written").unwrap(),
                    version: 1,
                    min_reader: 1,
                },
                hlc: self.clock.tick(wall),
                context: context.clone(),
                last: nth == payloads.len() as u64,
                metadata: Metadata::new(),
                extensions: Bytes::new(),
                payload: payload.clone(),
            })
            .collect();
        let mut packer = BlockPacker::new(self.space.clone());
        packer.push_commit(&before, &commit).unwrap();
        packer.finish().unwrap()
    }

    /// Commits what a peer sent together with the cursor behind it; how many of the events were
    /// new.
    pub(super) fn commit(
        &mut self,
        blocks: &[Block],
        source: ReplicaId,
        peer: StoreIdentity,
        cursor: Position,
    ) -> Result<u64, Refusal> {
        let appended = self.admit(blocks, Source::Peer(source))?;
        self.cursors.insert(peer.id, (peer.epoch, cursor));
        Ok(appended)
    }

    /// Commits what this replica wrote; how many of the events were new.
    pub(super) fn commit_own(&mut self, blocks: &[Block]) -> Result<u64, Refusal> {
        self.admit(blocks, Source::Local)
    }

    fn admit(&mut self, blocks: &[Block], source: Source) -> Result<u64, Refusal> {
        let before = self.head();
        let append = |block: &Block| Append { block: block.clone(), source };
        let append: Vec<_> = blocks.iter().map(append).collect();
        let mut admission = Admission::new(&self.space, &append);
        while let Some(question) = admission.questions().first() {
            admission.answer(self.answer(*question));
        }
        let admitted = admission.decide(before).map_err(|refused| refused.refusal)?;
        for log in admitted.blocks {
            self.append(log.block, log.source);
        }
        Ok(self.head().0 - before.0)
    }

    /// Appends without asking whether the block belongs there.
    pub(super) fn append(&mut self, block: Block, source: Source) {
        let start = self.head();
        for (replica, head) in block.heads() {
            self.clock.observe(head.hlc);
            self.frontier.set(replica, head).unwrap();
        }
        self.blocks.push(LogBlock { start, block, source });
    }

    /// The log after a position.
    pub(super) fn read_after(&self, after: Position) -> Page {
        let first = self.blocks.partition_point(|block| block.end() <= after);
        let mut page = Page { head: self.head(), ..Page::empty(after) };
        let mut bytes = 0;
        for block in self.blocks[first..].iter().take(self.page_blocks_max) {
            bytes += block.block.bytes().len();
            if bytes > READ_BYTES_MAX && !page.blocks.is_empty() {
                break;
            }
            page.through = block.end();
            page.blocks.push(block.clone());
        }
        page
    }

    pub(super) fn cursor(&self, peer: &StoreIdentity) -> Option<Position> {
        let (epoch, cursor) = self.cursors.get(&peer.id)?;
        (*epoch == peer.epoch && *cursor > Position::START).then_some(*cursor)
    }

    fn answer(&self, question: Question) -> Answer {
        match question {
            Question::Head(replica) => Answer::Head(replica, self.frontier.head(&replica)),
            Question::Writers => Answer::Writers(self.frontier.len()),
            Question::Chain(dot) => {
                Answer::Chain(dot, self.blocks.iter().find_map(|log| log.block.chain_at(dot)))
            }
        }
    }

    /// Reads what is known of a peer.
    pub(super) fn recall(&self, peer: &StoreIdentity, replica: &ReplicaId) -> Recollection {
        let cursor = self.cursor(peer);
        Recollection {
            cursor,
            frontier: if cursor.is_some() { Frontier::new() } else { self.frontier.clone() },
            peer_head: self.frontier.head(replica),
            own_head: self.frontier.head(&self.replica()),
            head: self.head(),
        }
    }
}

fn note() -> AggregateId {
    AggregateId { kind: Name::new("note").unwrap(), key: Key::new(b"shopping").unwrap() }
}
