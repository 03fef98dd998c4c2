//! Keys and contents of rows, byte for byte as `docs/storage.md` describes them. Numbers are
//! big-endian.

use bytes::Bytes;

use super::fault::Fault;
use crate::block::{BLOCK_CHECKSUM_LEN, BLOCK_MAGIC, Block};
use crate::clock::Hlc;
use crate::envelope::{Chain, Head};
use crate::id::{AggregateId, Key, Name, Position, ReplicaId, StoreId};
use crate::key::ReplicaKey;
use crate::log::{LogBlock, Source};
use crate::store::CheckpointMark;
use crate::wire::{Reader, Unknown, WireError};

/// Length of a block's source in its row.
pub(super) const SOURCE_LEN: usize = 1 + ReplicaId::LEN;
/// How many first bytes of a block identify all of it.
pub(super) const BLOCK_HEADER_LEN: usize = BLOCK_MAGIC.len() + BLOCK_CHECKSUM_LEN;
/// Length of the hash that stands for a longer key.
const HASH_LEN: usize = 16;

/// Keys in the table `meta`.
pub(super) mod meta {
    /// The format's number. This row alone keeps its form in every format.
    pub(crate) const FORMAT: &[u8] = b"format";
    /// Who the store is.
    pub(crate) const IDENTITY: &[u8] = b"identity";
    /// How many spaces have been numbered.
    pub(crate) const SPACES: &[u8] = b"spaces";
}

/// A space's number in keys: shorter than its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct SpaceNumber(pub(super) u32);

impl SpaceNumber {
    /// The prefix of the space's keys.
    pub(super) const fn prefix(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }

    pub(super) fn key(self, parts: &[&[u8]]) -> Vec<u8> {
        let mut key = self.prefix().to_vec();
        parts.iter().for_each(|part| key.extend_from_slice(part));
        key
    }

    pub(super) fn log(self, start: u64) -> Vec<u8> {
        self.key(&[&start.to_be_bytes()])
    }

    pub(super) fn head(self, replica: &ReplicaId) -> Vec<u8> {
        self.key(&[replica.as_bytes()])
    }

    pub(super) fn run(self, replica: &ReplicaId, first_seq: u64) -> Vec<u8> {
        self.key(&[replica.as_bytes(), &first_seq.to_be_bytes()])
    }

    pub(super) fn cursor(self, peer: &StoreId) -> Vec<u8> {
        self.key(&[peer.as_bytes()])
    }

    pub(super) fn states(self, kind: &Name) -> Vec<u8> {
        self.key(&[kind.as_str().as_bytes(), &[0]])
    }

    pub(super) fn state(self, aggregate: &AggregateId) -> Vec<u8> {
        self.key(&[aggregate.kind.as_str().as_bytes(), &[0], aggregate.key.as_bytes()])
    }

    pub(super) fn conflict(self, index: u64) -> Vec<u8> {
        self.key(&[&index.to_be_bytes()])
    }

    /// A row that stands for something longer by its hash.
    pub(super) fn hashed(self, parts: &[&[u8]]) -> Vec<u8> {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        self.key(&[&hasher.finalize().as_bytes()[..HASH_LEN]])
    }

    /// The prefix of an aggregate's rows in the index.
    pub(super) fn aggregate(self, aggregate: &AggregateId) -> Vec<u8> {
        self.hashed(&[aggregate.kind.as_str().as_bytes(), aggregate.key.as_bytes()])
    }
}

/// The first key after all that begin with `prefix`; empty when there is none.
pub(super) fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            break;
        }
    }
    end
}

/// The last eight bytes of a key as a number.
pub(super) fn last_number(key: &[u8]) -> Result<u64, Fault> {
    let number = key.last_chunk().ok_or(Fault::damaged("a key is too short"))?;
    Ok(u64::from_be_bytes(*number))
}

/// The key of the aggregate whose state a row holds.
pub(super) fn state_key(key: &[u8], prefix: &[u8]) -> Result<Key, Fault> {
    Ok(Key::new(key.strip_prefix(prefix).unwrap_or_default())?)
}

/// The replica that a row of the table `heads` is about.
pub(super) fn head_replica(key: &[u8]) -> Result<ReplicaId, Fault> {
    Ok(ReplicaId::try_from(key.get(4..).unwrap_or_default())?)
}

/// Reads a row of fixed numbers to its end.
fn fixed<T>(
    content: &Bytes,
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, WireError>,
) -> Result<T, Fault> {
    let mut input = Reader::new(content, Unknown::Refuse);
    let row = read(&mut input)?;
    match input.is_empty() {
        true => Ok(row),
        false => Err(Fault::damaged("a row is longer than its contents")),
    }
}

fn int32(input: &mut Reader<'_>) -> Result<u32, WireError> {
    input.array().map(u32::from_be_bytes)
}

fn int64(input: &mut Reader<'_>) -> Result<u64, WireError> {
    input.array().map(u64::from_be_bytes)
}

/// A lone number: the format, how many spaces there are.
pub(super) fn read_number(content: &Bytes) -> Result<u32, Fault> {
    fixed(content, int32)
}

/// How far the index of aggregates reaches.
pub(super) fn read_position(content: &Bytes) -> Result<u64, Fault> {
    fixed(content, int64)
}

/// Who the store is.
pub(super) struct IdentityRow {
    pub(super) id: StoreId,
    pub(super) epoch: u64,
    pub(super) seed: [u8; ReplicaKey::SEED_LEN],
}

impl IdentityRow {
    pub(super) fn read(content: &Bytes) -> Result<Self, Fault> {
        fixed(content, |input| {
            let id = StoreId::from_bytes(input.array()?);
            Ok(Self { id, epoch: int64(input)?, seed: input.array()? })
        })
    }

    pub(super) fn write(&self) -> Vec<u8> {
        [&self.id.as_bytes()[..], &self.epoch.to_be_bytes(), &self.seed].concat()
    }
}

/// What there is of a space.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct SpaceRow {
    pub(super) number: SpaceNumber,
    /// How many events its log holds.
    pub(super) events: u64,
    /// How many rows it has in `heads`.
    pub(super) replicas: u32,
    /// How many rows it has in `cursors`.
    pub(super) cursors: u32,
    /// How many conflicts are recorded.
    pub(super) conflicts: u64,
    /// How many forks are recorded, and the bytes of their blocks.
    pub(super) forks: u32,
    pub(super) fork_bytes: u64,
    /// What its states reflect.
    pub(super) mark: Option<CheckpointMark>,
}

impl SpaceRow {
    pub(super) const fn empty(number: SpaceNumber) -> Self {
        Self {
            number,
            events: 0,
            replicas: 0,
            cursors: 0,
            conflicts: 0,
            forks: 0,
            fork_bytes: 0,
            mark: None,
        }
    }

    pub(super) fn read(content: &Bytes) -> Result<Self, Fault> {
        fixed(content, |input| {
            Ok(Self {
                number: SpaceNumber(int32(input)?),
                events: int64(input)?,
                replicas: int32(input)?,
                cursors: int32(input)?,
                conflicts: int64(input)?,
                forks: int32(input)?,
                fork_bytes: int64(input)?,
                mark: read_mark(input)?,
            })
        })
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let (position, fingerprint) = match &self.mark {
            Some(mark) => (mark.position.0, mark.fingerprint),
            None => (0, [0; 32]),
        };
        [
            &self.number.prefix()[..],
            &self.events.to_be_bytes(),
            &self.replicas.to_be_bytes(),
            &self.cursors.to_be_bytes(),
            &self.conflicts.to_be_bytes(),
            &self.forks.to_be_bytes(),
            &self.fork_bytes.to_be_bytes(),
            &[u8::from(self.mark.is_some())],
            &position.to_be_bytes(),
            &fingerprint,
        ]
        .concat()
    }
}

pub(super) fn read_head(content: &Bytes) -> Result<Head, Fault> {
    fixed(content, |input| {
        let (seq, hlc) = (int64(input)?, Hlc::from_bits(int64(input)?));
        Ok(Head { seq, hlc, chain: Chain::from_bytes(input.array()?) })
    })
}

pub(super) fn write_head(head: &Head) -> Vec<u8> {
    let (seq, hlc) = (head.seq.to_be_bytes(), head.hlc.to_bits().to_be_bytes());
    [&seq[..], &hlc, head.chain.as_bytes()].concat()
}

/// Where a replica's run of events is.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunRow {
    pub(super) first_seq: u64,
    pub(super) last_seq: u64,
    /// Where the block begins that holds them.
    pub(super) start: u64,
}

impl RunRow {
    pub(super) fn read(key: &[u8], content: &Bytes) -> Result<Self, Fault> {
        let first_seq = last_number(key)?;
        fixed(content, |input| {
            Ok(Self { first_seq, last_seq: int64(input)?, start: int64(input)? })
        })
    }

    pub(super) fn write(&self) -> [u8; 16] {
        let mut content = [0; 16];
        content[..8].copy_from_slice(&self.last_seq.to_be_bytes());
        content[8..].copy_from_slice(&self.start.to_be_bytes());
        content
    }
}

/// How far a peer's log has been followed: the peer's epoch and the position.
pub(super) fn read_cursor(content: &Bytes) -> Result<(u64, Position), Fault> {
    fixed(content, |input| Ok((int64(input)?, Position(int64(input)?))))
}

pub(super) fn write_cursor(epoch: u64, position: Position) -> Vec<u8> {
    [epoch.to_be_bytes(), position.0.to_be_bytes()].concat()
}

fn read_mark(input: &mut Reader<'_>) -> Result<Option<CheckpointMark>, WireError> {
    let present = input.array()? == [1];
    let mark = CheckpointMark { position: Position(int64(input)?), fingerprint: input.array()? };
    Ok(present.then_some(mark))
}

/// The part of a block's row that stands before the block.
pub(super) fn write_source(source: Source) -> [u8; SOURCE_LEN] {
    let mut content = [0; SOURCE_LEN];
    if let Source::Peer(replica) = source {
        content[0] = 1;
        content[1..].copy_from_slice(replica.as_bytes());
    }
    content
}

/// A block in its place. Shares the row's memory.
pub(super) fn read_log(key: &[u8], content: &Bytes) -> Result<LogBlock, Fault> {
    let start = Position(last_number(key)?);
    let Some((source, _)) = content.split_first_chunk::<SOURCE_LEN>() else {
        return Err(Fault::damaged("a block's row is too short"));
    };
    let source = match (source[0], ReplicaId::try_from(&source[1..])?) {
        (0, _) => Source::Local,
        (1, replica) => Source::Peer(replica),
        _ => return Err(Fault::damaged("a block's source is not known")),
    };
    let block = Block::parse(content.slice(SOURCE_LEN..))?;
    Ok(LogBlock { start, block, source })
}
