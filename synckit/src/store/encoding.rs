//! Encodings of rows: keys and contents, byte for byte as `docs/storage.md` describes them. Numbers are
//! big-endian.

use bytes::Bytes;

use super::CheckpointMark;
use super::rows::{KeyRange, Row, Table};
use super::seal::{Damage, unseal};
use crate::block::{BLOCK_CHECKSUM_LEN, BLOCK_MAGIC, Block};
use crate::clock::Hlc;
use crate::envelope::{Chain, Head};
use crate::id::{AggregateId, Key, Name, Position, ReplicaId, SpaceId, StoreId};
use crate::key::ReplicaKey;
use crate::log::{LogBlock, Source};
use crate::wire::{Reader, Unknown, WireError};

/// Length of a block's source in its row.
pub(super) const SOURCE_LEN: usize = 1 + ReplicaId::LEN;
/// How many first bytes of a block identify all of it.
pub(super) const BLOCK_HEADER_LEN: usize = BLOCK_MAGIC.len() + BLOCK_CHECKSUM_LEN;
/// The number of an author's first branch.
const FIRST_BRANCH: u32 = 0;
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

/// The key of the space's rows in the tables `spaces` and `names`.
pub(super) fn space_key(space: &SpaceId) -> &[u8] {
    space.as_str().as_bytes()
}

/// A space's number in keys: shorter than its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct SpaceNumber(pub(super) u32);

impl SpaceNumber {
    /// The prefix of the space's keys.
    pub(super) const fn prefix(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }

    /// The range of the space's keys.
    pub(super) fn range(self) -> KeyRange {
        KeyRange::prefix(&self.prefix())
    }

    /// The range of the space's keys from one on.
    pub(super) fn range_from(self, from: Vec<u8>) -> KeyRange {
        KeyRange { from, ..self.range() }
    }

    pub(super) fn key(self, parts: &[&[u8]]) -> Vec<u8> {
        let mut key = self.prefix().to_vec();
        parts.iter().for_each(|part| key.extend_from_slice(part));
        key
    }

    pub(super) fn log(self, start: u64) -> Vec<u8> {
        self.key(&[&start.to_be_bytes()])
    }

    /// The prefix of an author's rows.
    pub(super) fn author(self, replica: &ReplicaId) -> Vec<u8> {
        self.key(&[replica.as_bytes()])
    }

    pub(super) fn head(self, replica: &ReplicaId) -> Vec<u8> {
        self.key(&[replica.as_bytes(), &FIRST_BRANCH.to_be_bytes()])
    }

    /// A number alone does not name a run: two branches of an author may both have it.
    pub(super) fn run(self, replica: &ReplicaId, first_seq: u64, start: u64) -> Vec<u8> {
        self.key(&[replica.as_bytes(), &first_seq.to_be_bytes(), &start.to_be_bytes()])
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
}

/// The last eight bytes of a key as a number.
pub(super) fn last_number(key: &[u8]) -> Result<u64, Damage> {
    let number = key.last_chunk().ok_or(Damage::new("a key is too short"))?;
    Ok(u64::from_be_bytes(*number))
}

/// The key of the aggregate whose state a row holds.
pub(super) fn state_key(key: &[u8], prefix: &[u8]) -> Result<Key, Damage> {
    Ok(Key::new(key.strip_prefix(prefix).unwrap_or_default())?)
}

/// The replica that a row of the table `heads` is about.
pub(super) fn head_replica(key: &[u8]) -> Result<ReplicaId, Damage> {
    Ok(ReplicaId::try_from(key.get(4..4 + ReplicaId::LEN).unwrap_or_default())?)
}

/// Reads a row of fixed numbers to its end.
fn fixed<T>(
    content: &Bytes,
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, WireError>,
) -> Result<T, Damage> {
    let mut input = Reader::new(content, Unknown::Refuse);
    let row = read(&mut input)?;
    if input.is_empty() { Ok(row) } else { Err(Damage::new("a row is longer than its contents")) }
}

fn int32(input: &mut Reader<'_>) -> Result<u32, WireError> {
    input.array().map(u32::from_be_bytes)
}

fn int64(input: &mut Reader<'_>) -> Result<u64, WireError> {
    input.array().map(u64::from_be_bytes)
}

/// A lone number: the format, how many spaces there are.
pub(super) fn read_number(content: &Bytes) -> Result<u32, Damage> {
    fixed(content, int32)
}

/// Who the store is.
pub(super) struct IdentityRow {
    pub(super) id: StoreId,
    pub(super) epoch: u64,
    pub(super) seed: [u8; ReplicaKey::SEED_LEN],
}

impl IdentityRow {
    pub(super) fn read(content: &Bytes) -> Result<Self, Damage> {
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
    /// Begin of its log: what stood before was pruned.
    pub(super) begins: u64,
    /// End of its log.
    pub(super) ends: u64,
    /// Rows in `heads`.
    pub(super) authors: u32,
    /// Recorded conflicts.
    pub(super) conflicts: u64,
    /// Recorded forks, and the bytes of their blocks.
    pub(super) forks: u32,
    pub(super) fork_bytes: u64,
    /// The mark that its states reflect.
    pub(super) mark: Option<CheckpointMark>,
}

impl SpaceRow {
    pub(super) const fn empty(number: SpaceNumber) -> Self {
        Self {
            number,
            begins: 0,
            ends: 0,
            authors: 0,
            conflicts: 0,
            forks: 0,
            fork_bytes: 0,
            mark: None,
        }
    }

    pub(super) fn read(content: &Bytes) -> Result<Self, Damage> {
        fixed(content, |input| {
            Ok(Self {
                number: SpaceNumber(int32(input)?),
                begins: int64(input)?,
                ends: int64(input)?,
                authors: int32(input)?,
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
            &self.begins.to_be_bytes(),
            &self.ends.to_be_bytes(),
            &self.authors.to_be_bytes(),
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

pub(super) fn read_head(content: &Bytes) -> Result<Head, Damage> {
    fixed(content, |input| {
        let (seq, hlc) = (int64(input)?, Hlc::from_bits(int64(input)?));
        Ok(Head { seq, hlc, chain: Chain::from_bytes(input.array()?) })
    })
}

pub(super) fn write_head(head: &Head) -> Vec<u8> {
    let (seq, hlc) = (head.seq.to_be_bytes(), head.hlc.to_bits().to_be_bytes());
    [&seq[..], &hlc, head.chain.as_bytes()].concat()
}

/// The place of a run of an author's events.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunRow {
    pub(super) last_seq: u64,
    /// Begin of the block that holds them.
    pub(super) start: u64,
}

impl RunRow {
    pub(super) fn read(key: &[u8], content: &Bytes) -> Result<Self, Damage> {
        let start = last_number(key)?;
        fixed(content, |input| Ok(Self { last_seq: int64(input)?, start }))
    }
}

/// How far a peer's log has been followed: the peer's epoch and the position.
pub(super) fn read_cursor(content: &Bytes) -> Result<(u64, Position), Damage> {
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

/// A row's content, once its seal has been checked.
pub(super) fn content(table: Table, row: &Row) -> Result<Bytes, Damage> {
    unseal(table, &row.key, &row.value)
}

/// The content of the only row that was read, if there is one.
pub(super) fn only(table: Table, rows: &[Row]) -> Result<Option<Bytes>, Damage> {
    rows.first().map(|row| content(table, row)).transpose()
}

/// A block in its place. Shares the row's memory.
pub(super) fn read_log(row: &Row) -> Result<LogBlock, Damage> {
    read_block(&row.key, &content(Table::Log, row)?)
}

fn read_block(key: &[u8], content: &Bytes) -> Result<LogBlock, Damage> {
    let start = Position(last_number(key)?);
    let Some((source, _)) = content.split_first_chunk::<SOURCE_LEN>() else {
        return Err(Damage::new("a block's row is too short"));
    };
    let source = match (source[0], ReplicaId::try_from(&source[1..])?) {
        (0, _) => Source::Local,
        (1, replica) => Source::Peer(replica),
        _ => return Err(Damage::new("a block's source is not known")),
    };
    let block = Block::parse(content.slice(SOURCE_LEN..))?;
    Ok(LogBlock { start, block, source })
}
