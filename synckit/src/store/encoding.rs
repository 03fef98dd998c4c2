//! Encodings of rows: keys and contents, byte for byte as `docs/storage.md` describes them. Numbers are
//! big-endian.

use bytes::Bytes;

use super::CheckpointMark;
use super::acks::Acknowledged;
use super::parts::PartId;
use super::rows::{KeyRange, Row, Table};
use super::seal::{Damage, unseal};
use crate::block::{BLOCK_CHECKSUM_LEN, BLOCK_MAGIC, Block};
use crate::branch::{Anchor, Branch, BranchNo};
use crate::chain::{Chain, CommitId};
use crate::id::{AggregateId, Key, Name, Position, ReplicaId, SpaceId};
use crate::key::ReplicaKey;
use crate::log::{Begin, Cursor, Digest, LogBlock, LogRun};
use crate::wire::{Reader, Unknown, WireError, Writer};

/// The number of first bytes of a block that identify all of it.
pub(super) const BLOCK_HEADER_LEN: usize = BLOCK_MAGIC.len() + 1 + BLOCK_CHECKSUM_LEN;
/// Flag in the branch of an anchor that lies beside it.
const ANCHOR_BESIDE: u32 = 1 << 31;
/// Length of what stands before a block in its row, without the rows of its runs and anchors.
const PLACE_LEN: usize = 4 + Digest::LEN;
/// Length of what stands for an aggregate in the keys of its history.
const AGGREGATE_HASH_LEN: usize = 16;
/// Bytes of the hash that stands for an idempotency key.
const ONCE_HASH_LEN: usize = 16;

/// Keys in the table `meta`.
pub(super) mod meta {
    /// The format's number. This row alone keeps its form in every format.
    pub(crate) const FORMAT: &[u8] = b"format";
    /// The store's key.
    pub(crate) const IDENTITY: &[u8] = b"identity";
    /// The number of spaces that have a number.
    pub(crate) const SPACES: &[u8] = b"spaces";
}

/// The key of the space's rows in the tables `spaces` and `names`.
pub(super) fn space_key(space: &SpaceId) -> &[u8] {
    space.as_str().as_bytes()
}

/// The prefix of the keys of a space in the table `types`, and the key of the row that names the texts
/// there: names of spaces hold no zero.
pub(super) fn types_of(space: &SpaceId) -> Vec<u8> {
    [space_key(space), &[0]].concat()
}

/// The key of a text that tells types of events.
pub(super) fn types_key(space: &SpaceId, hash: &[u8; 32]) -> Vec<u8> {
    [&types_of(space)[..], hash].concat()
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

    /// The prefix of a branch's rows.
    pub(super) fn branch(self, no: BranchNo) -> Vec<u8> {
        self.key(&[&no.0.to_be_bytes()])
    }

    pub(super) fn run(self, no: BranchNo, first_seq: u64) -> Vec<u8> {
        self.key(&[&no.0.to_be_bytes(), &first_seq.to_be_bytes()])
    }

    /// The key of a peer's rows in the tables `cursors` and `acks`.
    pub(super) fn cursor(self, peer: &ReplicaId) -> Vec<u8> {
        self.key(&[peer.as_bytes()])
    }

    /// The prefix of the rows that say where an aggregate's events are.
    pub(super) fn history(self, aggregate: &AggregateId) -> Vec<u8> {
        let mut hasher = blake3::Hasher::new_keyed(b"synckit 2026 index of aggregates");
        for part in [aggregate.kind.as_str().as_bytes(), aggregate.key.as_bytes()] {
            hasher.update(&(part.len() as u64).to_be_bytes()).update(part);
        }
        self.key(&[&hasher.finalize().as_bytes()[..AGGREGATE_HASH_LEN]])
    }

    /// The key of an idempotency key.
    pub(super) fn once(self, once: &str) -> Vec<u8> {
        let hash = blake3::keyed_hash(b"synckit 2026 idempotency of edit", once.as_bytes());
        self.key(&[&hash.as_bytes()[..ONCE_HASH_LEN]])
    }

    pub(super) fn parked(self, position: Position) -> Vec<u8> {
        self.key(&[&position.0.to_be_bytes()])
    }

    pub(super) fn states(self, kind: &Name) -> Vec<u8> {
        self.key(&[kind.as_str().as_bytes(), &[0]])
    }

    pub(super) fn state(self, aggregate: &AggregateId) -> Vec<u8> {
        self.key(&[aggregate.kind.as_str().as_bytes(), &[0], aggregate.key.as_bytes()])
    }

    /// The key of a part of an aggregate's state.
    pub(super) fn part(self, aggregate: &AggregateId, part: PartId) -> Vec<u8> {
        [&self.state(aggregate)[..], &part.0].concat()
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

/// The aggregate that a key built by [`SpaceNumber::state`] names.
pub(super) fn aggregate_of(key: &[u8], number: SpaceNumber) -> Result<AggregateId, Damage> {
    let malformed = || Damage::new("a key names no aggregate");
    let named = key.strip_prefix(&number.prefix()).ok_or_else(malformed)?;
    let end = named.iter().position(|byte| *byte == 0).ok_or_else(malformed)?;
    let kind = std::str::from_utf8(&named[..end]).map_err(|_| malformed())?;
    Ok(AggregateId { kind: Name::new(kind)?, key: Key::new(&named[end + 1..])? })
}

/// Reads a row of fixed numbers to its end.
pub(super) fn fixed<T>(
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

/// Most keys that a store remembers to have had before. What it wrote under older ones was synced long
/// ago.
pub(super) const EARLIER_KEYS_MAX: usize = 256;
/// Length of what tells a store's file from others.
pub(super) const FILE_ID_LEN: usize = 16;

/// The file's id, and the key that the store writes under.
#[derive(Clone)]
pub(super) struct IdentityRow {
    /// Drawn when the file was made: tells whether a file that is opened again is the same.
    pub(super) file: [u8; FILE_ID_LEN],
    pub(super) seed: [u8; ReplicaKey::SEED_LEN],
    /// The number of keys that the store had before.
    pub(super) earlier: u32,
    /// The last of them, the latest one last: at most [`EARLIER_KEYS_MAX`].
    pub(super) before: Vec<ReplicaId>,
}

impl IdentityRow {
    pub(super) fn read(content: &Bytes) -> Result<Self, Damage> {
        fixed(content, |input| {
            let (file, earlier, seed) = (input.array()?, int32(input)?, input.array()?);
            let mut before = Vec::new();
            while !input.is_empty() {
                before.push(ReplicaId::from_bytes(input.array()?));
            }
            Ok(Self { file, seed, earlier, before })
        })
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let mut content = [&self.file[..], &self.earlier.to_be_bytes(), &self.seed].concat();
        self.before.iter().for_each(|key| content.extend_from_slice(key.as_bytes()));
        content
    }
}

/// Summary of a space.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct SpaceRow {
    pub(super) number: SpaceNumber,
    /// Begin of its log: what stood before was pruned.
    pub(super) begins: u64,
    /// End of its log.
    pub(super) ends: u64,
    /// Bytes of the blocks in its log.
    pub(super) bytes: u64,
    /// The digest of the log up to there.
    pub(super) digest: Digest,
    /// Rows in `heads`.
    pub(super) branches: u32,
    /// The number of keys that the store had when it last forgot the space: what it wrote under them has come
    /// back from others, as far as its filter names that.
    pub(super) keys_before: u32,
    /// The mark that its states reflect.
    pub(super) mark: Option<CheckpointMark>,
}

impl SpaceRow {
    pub(super) const fn empty(number: SpaceNumber) -> Self {
        let (digest, mark) = (Digest::START, None);
        Self { number, begins: 0, ends: 0, bytes: 0, digest, branches: 0, keys_before: 0, mark }
    }

    /// The log's end.
    pub(super) const fn end(&self) -> Cursor {
        Cursor { position: Position(self.ends), digest: self.digest }
    }

    pub(super) fn read(content: &Bytes) -> Result<Self, Damage> {
        fixed(content, |input| {
            Ok(Self {
                number: SpaceNumber(int32(input)?),
                begins: int64(input)?,
                ends: int64(input)?,
                bytes: int64(input)?,
                digest: Digest::from_bytes(input.array()?),
                branches: int32(input)?,
                keys_before: int32(input)?,
                mark: read_mark(input)?,
            })
        })
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let absent = CheckpointMark::new(Position::START, [0; 32], 0);
        let mark = self.mark.as_ref().unwrap_or(&absent);
        [
            &self.number.prefix()[..],
            &self.begins.to_be_bytes(),
            &self.ends.to_be_bytes(),
            &self.bytes.to_be_bytes(),
            self.digest.as_bytes(),
            &self.branches.to_be_bytes(),
            &self.keys_before.to_be_bytes(),
            &mark.conflicts.to_be_bytes(),
            &mark.deleted.to_be_bytes(),
            &mark.parked.to_be_bytes(),
            &[u8::from(self.mark.is_some())],
            &mark.position.0.to_be_bytes(),
            &mark.fingerprint,
            &mark.forks.to_be_bytes(),
            &mark.ruled.0.to_be_bytes(),
        ]
        .concat()
    }
}

fn read_mark(input: &mut Reader<'_>) -> Result<Option<CheckpointMark>, WireError> {
    let (conflicts, deleted, parked) = (int64(input)?, int64(input)?, int64(input)?);
    let present = input.array()? == [1];
    let position = Position(int64(input)?);
    let (fingerprint, forks) = (input.array()?, int32(input)?);
    let ruled = Position(int64(input)?);
    let mark = CheckpointMark { position, fingerprint, forks, ruled, conflicts, deleted, parked };
    Ok(present.then_some(mark))
}

/// A branch: its head, its first chain, the branch that it leaves, and where others leave it.
pub(super) fn read_branch(content: &Bytes) -> Result<Branch, Damage> {
    fixed(content, |input| {
        let head = CommitId {
            author: ReplicaId::from_bytes(input.array()?),
            seq: int64(input)?,
            chain: Chain::from_bytes(input.array()?),
        };
        let first = Chain::from_bytes(input.array()?);
        let leaves = if input.array()? == [0] {
            None
        } else {
            Some((BranchNo(int32(input)?), int64(input)?))
        };
        let mut forks = Vec::new();
        while !input.is_empty() {
            forks.push((int64(input)?, Chain::from_bytes(input.array()?)));
        }
        Ok(Branch { head, first, leaves, forks })
    })
}

pub(super) fn write_branch(branch: &Branch) -> Vec<u8> {
    let Branch { head, first, leaves, forks } = branch;
    let mut content = head.author.as_bytes().to_vec();
    content.extend_from_slice(&head.seq.to_be_bytes());
    content.extend_from_slice(head.chain.as_bytes());
    content.extend_from_slice(first.as_bytes());
    content.push(u8::from(leaves.is_some()));
    if let Some((no, after)) = leaves {
        content.extend_from_slice(&no.0.to_be_bytes());
        content.extend_from_slice(&after.to_be_bytes());
    }
    for (after, next) in forks {
        content.extend_from_slice(&after.to_be_bytes());
        content.extend_from_slice(next.as_bytes());
    }
    content
}

/// A run of a branch's commits.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunRow {
    pub(super) last_seq: u64,
    /// Begin of the block that holds it, [`RunRow::PRUNED`] or [`RunRow::HIDDEN`].
    pub(super) start: u64,
    /// The chain after its last commit.
    pub(super) end: Chain,
}

impl RunRow {
    /// No block holds it any more: it is one commit, of which the name is kept.
    pub(super) const PRUNED: u64 = u64::MAX;
    /// It is hidden by the store's filter, and no block holds it.
    pub(super) const HIDDEN: u64 = u64::MAX - 1;

    /// True when a block holds it.
    pub(super) const fn is_held(&self) -> bool {
        self.start < Self::HIDDEN
    }

    pub(super) fn read(content: &Bytes) -> Result<Self, Damage> {
        fixed(content, |input| {
            let (last_seq, start) = (int64(input)?, int64(input)?);
            Ok(Self { last_seq, start, end: Chain::from_bytes(input.array()?) })
        })
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let (last_seq, start) = (self.last_seq.to_be_bytes(), self.start.to_be_bytes());
        [&last_seq[..], &start, self.end.as_bytes()].concat()
    }
}

/// The places where blocks begin, ascending, each but the first as the distance from the one before.
pub(super) fn write_starts(starts: &[u64]) -> Result<Vec<u8>, WireError> {
    let (mut out, mut before) = (Writer::new(), 0);
    for start in starts {
        out.varint(start - before);
        before = *start;
    }
    out.finish()
}

pub(super) fn read_starts(content: &Bytes) -> Result<Vec<u64>, Damage> {
    let (mut starts, mut before) = (Vec::new(), 0u64);
    let mut input = Reader::new(content, Unknown::Refuse);
    while !input.is_empty() {
        before = before.saturating_add(input.varint()?);
        starts.push(before);
    }
    Ok(starts)
}

/// A position of a log.
pub(super) fn read_position(content: &Bytes) -> Result<Position, Damage> {
    fixed(content, int64).map(Position)
}

/// The place up to which a peer's log has been followed.
pub(super) fn read_cursor(content: &Bytes) -> Result<Cursor, Damage> {
    fixed(content, |input| {
        let position = Position(int64(input)?);
        Ok(Cursor { position, digest: Digest::from_bytes(input.array()?) })
    })
}

pub(super) fn write_cursor(cursor: &Cursor) -> Vec<u8> {
    [&cursor.position.0.to_be_bytes()[..], cursor.digest.as_bytes()].concat()
}

/// The acknowledgement of a peer: how far it holds the log, and whether it is a hub.
pub(super) fn read_ack(content: &Bytes) -> Result<Acknowledged, Damage> {
    fixed(content, |input| {
        let through = Position(int64(input)?);
        Ok(Acknowledged { through, is_hub: input.array()? == [1] })
    })
}

pub(super) fn write_ack(ack: &Acknowledged) -> Vec<u8> {
    [&ack.through.0.to_be_bytes()[..], &[u8::from(ack.is_hub)]].concat()
}

/// The part of a block's row that stands before the block: how many runs and anchors there are, the
/// digest behind the block, and where runs and anchors belong.
pub(super) fn write_place(log: &LogBlock) -> Vec<u8> {
    let count = |length: usize| u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
    let mut place = Vec::with_capacity(PLACE_LEN + log.runs.len() * 37 + log.anchors.len() * 4);
    place.extend_from_slice(&count(log.runs.len()));
    place.extend_from_slice(&count(log.anchors.len()));
    place.extend_from_slice(log.digest.as_bytes());
    for run in &log.runs {
        place.extend_from_slice(&run.branch.0.to_be_bytes());
        place.extend_from_slice(run.end.as_bytes());
        place.push(match run.begins {
            None => 0,
            Some(Begin { leaves: None, .. }) => 1,
            Some(Begin { leaves: Some(_), .. }) => 2,
        });
        if let Some(Begin { first, leaves }) = run.begins {
            place.extend_from_slice(first.as_bytes());
            if let Some((no, after, next)) = leaves {
                place.extend_from_slice(&no.0.to_be_bytes());
                place.extend_from_slice(&after.to_be_bytes());
                place.extend_from_slice(next.as_bytes());
            }
        }
    }
    for anchor in &log.anchors {
        let flag = if anchor.beside.is_some() { ANCHOR_BESIDE } else { 0 };
        place.extend_from_slice(&(anchor.branch.0 | flag).to_be_bytes());
        place.extend(anchor.beside.iter().flat_map(|seq| seq.to_be_bytes()));
    }
    place
}

fn read_place(input: &mut Reader<'_>) -> Result<(Digest, Vec<LogRun>, Vec<Anchor>), WireError> {
    let run_count = u16::from_be_bytes(input.array()?);
    let anchor_count = u16::from_be_bytes(input.array()?);
    let digest = Digest::from_bytes(input.array()?);
    let runs = (0..run_count).map(|_| read_run(input)).collect::<Result<_, _>>()?;
    let anchors = (0..anchor_count).map(|_| read_anchor(input)).collect::<Result<_, _>>()?;
    Ok((digest, runs, anchors))
}

fn read_anchor(input: &mut Reader<'_>) -> Result<Anchor, WireError> {
    let branch = int32(input)?;
    if branch & ANCHOR_BESIDE == 0 {
        return Ok(Anchor::on(BranchNo(branch)));
    }
    let (branch, last) = (BranchNo(branch & !ANCHOR_BESIDE), int64(input)?);
    Ok(Anchor { beside: Some(last), ..Anchor::on(branch) })
}

fn read_run(input: &mut Reader<'_>) -> Result<LogRun, WireError> {
    let (branch, end) = (BranchNo(int32(input)?), Chain::from_bytes(input.array()?));
    let [kind] = input.array()?;
    if kind == 0 {
        return Ok(LogRun { branch, end, begins: None });
    }
    let first = Chain::from_bytes(input.array()?);
    let leaves = if kind == 1 {
        None
    } else {
        let (no, after) = (BranchNo(int32(input)?), int64(input)?);
        Some((no, after, Chain::from_bytes(input.array()?)))
    };
    Ok(LogRun { branch, end, begins: Some(Begin { first, leaves }) })
}

/// The number of first bytes of a block's row that identify all of it.
pub(super) fn place_len(content: &[u8]) -> usize {
    let mut input = Reader::new(content, Unknown::Refuse);
    match read_place(&mut input) {
        Ok(_) => content.len() - input.rest().len() + BLOCK_HEADER_LEN,
        Err(_) => usize::MAX,
    }
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
    let mut input = Reader::new(content, Unknown::Refuse);
    let (digest, runs, anchors) = read_place(&mut input)?;
    let block = Block::parse(content.slice(content.len() - input.rest().len()..))?;
    if runs.len() != block.runs().len() || anchors.len() != block.anchors().len() {
        return Err(Damage::new("a block's row does not fit its block"));
    }
    Ok(LogBlock { start, block, runs, anchors, digest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_and_earlier_keys_keep_their_form() {
        let ack = Acknowledged { through: Position(258), is_hub: true };
        let written = write_ack(&ack);
        assert_eq!(written, [0, 0, 0, 0, 0, 0, 1, 2, 1]);
        assert_eq!(read_ack(&written.into()).unwrap(), ack);
        let before = [3, 4].map(|byte| ReplicaId::from_bytes([byte; ReplicaId::LEN])).to_vec();
        let row = IdentityRow { file: [1; FILE_ID_LEN], seed: [2; 32], earlier: 9, before };
        let expected = [&[1; 16][..], &[0, 0, 0, 9], &[2; 32], &[3; 32], &[4; 32]].concat();
        assert_eq!(row.write(), expected);
        let read = IdentityRow::read(&expected.into()).unwrap();
        assert_eq!((read.earlier, read.before), (9, row.before));
    }

    #[test]
    fn the_index_of_a_part_of_a_log_keeps_its_form() {
        let starts = [4, 5, 300, u64::from(u32::MAX)];
        let written = write_starts(&starts).unwrap();
        assert_eq!(written, [4, 1, 0xa7, 2, 0xd3, 0xfd, 0xff, 0xff, 0x0f]);
        assert_eq!(read_starts(&written.into()).unwrap(), starts);
        let note = AggregateId { kind: Name::new("note").unwrap(), key: Key::new(b"1").unwrap() };
        let key = SpaceNumber(7).history(&note);
        let aggregate = [97, 88, 173, 61, 6, 86, 23, 208, 251, 235, 116, 168, 155, 56, 54, 161];
        assert_eq!(key, [&[0, 0, 0, 7][..], &aggregate].concat());
    }
}
