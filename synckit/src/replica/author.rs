//! Writing: edits become envelopes with a place in the author's sequence, packed into blocks.

use crate::block::{BLOCK_BYTES_MAX, Block, BlockPacker};
use crate::clock::{Hlc, HybridClock, UnixMillis};
use crate::envelope::{Envelope, Head, Metadata, PAYLOAD_BYTES_MAX};
use crate::error::{EditLimit, Error, ErrorKind};
use crate::event::EncodedEvent;
use crate::id::{AggregateId, Dot, ReplicaId, SpaceId};
use crate::vector::VectorClock;

/// Most events of one edit.
pub const COMMIT_EVENTS_MAX: usize = 1_024;

/// One edit, encoded.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) aggregate: AggregateId,
    pub(super) events: Vec<EncodedEvent>,
    pub(super) metadata: Metadata,
}

impl Draft {
    /// Refuses what could never be stored.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.events.len() > COMMIT_EVENTS_MAX {
            let limit = EditLimit::Events(COMMIT_EVENTS_MAX);
            return Err(Error::new(self.attempted(), ErrorKind::EditTooLarge(limit)));
        }
        if self.events.iter().any(|event| event.payload.len() > PAYLOAD_BYTES_MAX) {
            let limit = EditLimit::PayloadBytes(PAYLOAD_BYTES_MAX);
            return Err(Error::new(self.attempted(), ErrorKind::EditTooLarge(limit)));
        }
        Ok(())
    }

    pub(super) fn attempted(&self) -> String {
        format!("edit {}", self.aggregate)
    }
}

/// Gives edits their places in the author's sequence. Nothing is taken until [`Author::committed`].
#[derive(Debug)]
pub(super) struct Author {
    space: SpaceId,
    replica: ReplicaId,
    head: Head,
}

/// Blocks for a batch of edits, and where the author's events stand after them.
#[derive(Debug)]
pub(super) struct Drafted {
    pub(super) blocks: Vec<Block>,
    pub(super) head: Head,
}

/// Packs a batch of edits.
#[derive(Debug)]
pub(super) struct Drafting<'a> {
    author: &'a Author,
    clock: HybridClock,
    head: Head,
    packer: BlockPacker,
    blocks: Vec<Block>,
}

impl Author {
    pub(super) const fn new(space: SpaceId, replica: ReplicaId, head: Head) -> Self {
        Self { space, replica, head }
    }

    /// Where the author's events stand now.
    pub(super) const fn committed(&mut self, head: Head) {
        self.head = head;
    }

    pub(super) fn draft(&self) -> Drafting<'_> {
        Drafting {
            author: self,
            clock: HybridClock::after(self.head.hlc),
            head: self.head,
            packer: BlockPacker::new(self.space.clone()),
            blocks: Vec::new(),
        }
    }
}

impl Drafting<'_> {
    /// Adds an edit whose author has seen `context`, the latest of it at `seen`. Returns the name
    /// of its last event.
    ///
    /// # Errors
    /// When the edit fits into no block. The batch is then as before.
    pub(super) fn add(
        &mut self,
        draft: Draft,
        (context, seen): (VectorClock, Hlc),
        now: UnixMillis,
    ) -> Result<Dot, Error> {
        let attempted = draft.attempted();
        let mut clock = self.clock.clone();
        clock.observe(seen);
        let hlc = clock.tick(now);
        let commit = self.envelopes(draft, context, hlc);
        let too_large = |_| {
            let limit = EditLimit::CommitBytes(BLOCK_BYTES_MAX);
            Error::new(attempted, ErrorKind::EditTooLarge(limit))
        };
        self.head = match self.packer.push_commit(&self.head, &commit) {
            Ok(head) => head,
            Err(_) => {
                self.next_block();
                self.packer.push_commit(&self.head, &commit).map_err(too_large)?
            }
        };
        self.clock = clock;
        Ok(self.head.dot(self.author.replica))
    }

    pub(super) fn finish(mut self) -> Drafted {
        self.next_block();
        Drafted { blocks: self.blocks, head: self.head }
    }

    fn next_block(&mut self) {
        let empty = BlockPacker::new(self.author.space.clone());
        self.blocks.extend(std::mem::replace(&mut self.packer, empty).finish());
    }

    fn envelopes(&self, draft: Draft, context: VectorClock, hlc: Hlc) -> Vec<Envelope> {
        let count = draft.events.len();
        let replica = self.author.replica;
        let events = draft.events.into_iter().zip(self.head.seq + 1..);
        events
            .enumerate()
            .map(|(index, (event, seq))| Envelope {
                dot: Dot { replica, seq },
                aggregate: draft.aggregate.clone(),
                event: event.event,
                hlc,
                context: if event.commutes { VectorClock::new() } else { context.clone() },
                last: index + 1 == count,
                metadata: draft.metadata.clone(),
                extensions: bytes::Bytes::new(),
                payload: event.payload,
            })
            .collect()
    }
}
