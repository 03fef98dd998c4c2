//! Somebody who writes events.

use bytes::Bytes;

use crate::block::{Block, BlockPacker};
use crate::chain::CommitId;
use crate::clock::{Hlc, UnixMillis};
use crate::envelope::{Context, Envelope, Metadata, Seen};
use crate::event::EventRef;
use crate::id::{AggregateId, Dot, Key, Name, ReplicaId, SpaceId};
use crate::key::ReplicaKey;
use crate::log::Source;
use crate::store::{Append, Batch};

/// A replica that writes events about notes, without a store of its own.
///
/// The same seed and calls give the same bytes. A clone goes on from the same place: what it writes
/// then forks.
///
/// ```
/// use synckit::testing::Author;
///
/// let mut ann = Author::new(1);
/// let block = ann.commit(&["milk", "bread"]);
/// assert_eq!(block.len(), 2);
/// assert_eq!(ann.head().seq, 2);
/// ```
#[derive(Clone, Debug)]
pub struct Author {
    key: ReplicaKey,
    space: SpaceId,
    aggregate: AggregateId,
    head: CommitId,
    nonce: u64,
    wall: UnixMillis,
    seen: Vec<Seen>,
}

impl Author {
    /// Somebody whose key is made from `seed`, who writes about the note `note` in the default
    /// space.
    pub fn new(seed: u8) -> Self {
        Self::with_key(ReplicaKey::from_seed(&[seed; ReplicaKey::SEED_LEN]))
    }

    /// Somebody who writes under a key, as a copy of the store that has it would.
    pub fn with_key(key: ReplicaKey) -> Self {
        let space = SpaceId::default();
        Self {
            head: CommitId::root(&space, key.id()),
            key,
            space,
            nonce: 0,
            aggregate: note("note"),
            wall: UnixMillis::new(1_700_000_000_000),
            seen: Vec::new(),
        }
    }

    /// The same author, writing into another space. To be said before the first event.
    #[must_use]
    pub fn in_space(mut self, space: &str) -> Self {
        self.space = SpaceId::new(space).expect("a valid name of a space");
        self.head = CommitId::root(&self.space, self.id());
        self
    }

    /// The author's identity.
    pub fn id(&self) -> ReplicaId {
        self.key.id()
    }

    /// The author's key.
    pub const fn key(&self) -> &ReplicaKey {
        &self.key
    }

    /// The space that the author writes into.
    pub const fn space(&self) -> &SpaceId {
        &self.space
    }

    /// The author's last commit; the place before its first one while there is none.
    pub const fn head(&self) -> CommitId {
        self.head
    }

    /// From here on the author's commits are made under these random bits, as after another opening
    /// of its store.
    pub const fn reopened(&mut self, nonce: u64) -> &mut Self {
        self.nonce = nonce;
        self
    }

    /// The name of the author's last event.
    pub fn last(&self) -> Dot {
        self.head.dot()
    }

    /// The note that the author's next events are about.
    pub const fn aggregate(&self) -> &AggregateId {
        &self.aggregate
    }

    /// From here on the author writes about the note `key`.
    pub fn about(&mut self, key: &str) -> &mut Self {
        self.aggregate = note(key);
        self
    }

    /// From here on the author's events say that they were made after a commit.
    pub fn has_seen(&mut self, commit: CommitId) -> &mut Self {
        if commit.author != self.id() {
            self.seen.retain(|seen| seen.on.author != commit.author);
            self.seen.push(Seen { on: commit, seq: commit.seq });
        }
        self
    }

    /// Sets the author's clock, to milliseconds since the Unix epoch. It moves on by one with each
    /// event.
    pub fn set_clock(&mut self, millis: u64) -> &mut Self {
        self.wall = UnixMillis::new(millis);
        self
    }

    /// A block with one commit of one event.
    pub fn write(&mut self, text: &str) -> Block {
        self.commit(&[text])
    }

    /// A block with one commit of an event for each text.
    pub fn commit(&mut self, texts: &[&str]) -> Block {
        self.commits(&[texts])
    }

    /// A block with several commits.
    pub fn commits(&mut self, commits: &[&[&str]]) -> Block {
        let space = self.space.clone();
        let key = self.key.clone();
        let pack_all = |packer: &mut BlockPacker| {
            commits.iter().for_each(|texts| self.commit_into(packer, texts));
        };
        pack(&space, &[&key], pack_all)
    }

    /// A block with `count` commits of one event of `bytes` bytes each.
    pub fn many(&mut self, count: usize, bytes: usize) -> Block {
        let text = "x".repeat(bytes);
        self.commits(&vec![&[text.as_str()][..]; count])
    }

    /// Adds a commit to a block that others write into as well.
    pub fn commit_into(&mut self, packer: &mut BlockPacker, texts: &[&str]) {
        let envelopes: Vec<_> = texts
            .iter()
            .enumerate()
            .map(|(index, text)| self.envelope(index, text, index + 1 == texts.len()))
            .collect();
        self.head =
            packer.push_commit(&self.head, self.nonce, &envelopes).expect("room in the block");
        self.wall = UnixMillis::new(self.wall.get() + texts.len() as u64);
    }

    fn envelope(&self, index: usize, text: &str, last: bool) -> Envelope {
        let index = index as u64;
        Envelope {
            dot: Dot { replica: self.id(), seq: self.head.seq + 1 + index },
            aggregate: self.aggregate.clone(),
            event: EventRef {
                name: Name::new("note.written").expect("a valid name"),
                version: 1,
                min_reader: 1,
            },
            hlc: Hlc::new(UnixMillis::new(self.wall.get() + index), 0),
            context: Context::of(self.seen.iter().copied()),
            last,
            metadata: Metadata::new(),
            extensions: Bytes::new(),
            payload: Bytes::copy_from_slice(text.as_bytes()),
            tombstone: false,
        }
    }
}

/// A block of what `write` packs, signed with the keys of its authors.
pub fn pack(space: &SpaceId, keys: &[&ReplicaKey], write: impl FnOnce(&mut BlockPacker)) -> Block {
    let mut packer = BlockPacker::new(space.clone());
    write(&mut packer);
    let sign = |end: &CommitId| {
        let key = keys.iter().find(|key| key.id() == end.author).expect("the author's key");
        end.sign(key)
    };
    packer.finish(sign).expect("at least one commit")
}

/// A batch that appends blocks of one space, as if this store's replica had written them.
pub fn batch<'a>(blocks: impl IntoIterator<Item = &'a Block>) -> Batch {
    let append: Vec<_> = blocks
        .into_iter()
        .map(|block| Append { block: block.clone(), source: Source::Local })
        .collect();
    let space = append.first().map(|first| first.block.space().clone()).expect("a block");
    Batch { append, ..Batch::new(space) }
}

fn note(key: &str) -> AggregateId {
    let key = Key::new(key.as_bytes()).expect("a valid key");
    AggregateId { kind: Name::new("note").expect("a valid name"), key }
}
