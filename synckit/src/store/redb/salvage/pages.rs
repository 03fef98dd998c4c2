//! Rows in the pages of a damaged file, wherever they stand.
//!
//! redb (file format 3) keeps rows in leaf pages. One begins at a multiple of 4,096 bytes: `1`, a
//! byte of filling, the number of rows (`u16`), for each row where its key ends, for each where its
//! value ends (`u32`, from the page's begin), all keys, all values; numbers are little-endian. A
//! page that is no longer part of the tree keeps its bytes until it is used again, so rows are found
//! that the tree does not lead to, in older versions too. Each row's seal says what it is.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::image::{Image, PAGE_BYTES};
use crate::block::{BLOCK_BYTES_MAX, BLOCK_CHECKSUM_LEN, BLOCK_MAGIC, Block, BlockError};
use crate::branch::Branch;
use crate::clock::Hlc;
use crate::id::{ReplicaId, SpaceId};
use crate::log::{Cursor, Digest};
use crate::schema::TypesText;
use crate::store::encoding::{
    BLOCK_HEADER_LEN, SpaceRow, content, last_number, meta, read_branch, read_log, read_number,
};
use crate::store::event_store::{policies, types};
use crate::store::rows::{Row, Table};
use crate::store::seal::SEAL_LEN;
use crate::store::{SpacePolicy, enrolled};

const LEAF: u8 = 1;
/// Most bytes of a leaf page's values that are looked at: the longest row and then some.
const LEAF_BYTES_MAX: usize = 4 * BLOCK_BYTES_MAX;
/// Most rows of a leaf page that is looked at.
const LEAF_ROWS_MAX: usize = 2_048;
/// Longest key that is looked at.
const KEY_BYTES_MAX: usize = 1_024;
/// Most bytes that are tried as blocks, for each byte of the file: events may hold what blocks begin
/// with.
const TRIES_PER_BYTE: u64 = 16;
/// The same for a small file.
const TRIES_BYTES_MIN: u64 = 64 * 1024 * 1024;
/// Bytes that are searched at once.
const WINDOW_BYTES: usize = 1024 * 1024;

/// The checksum at the front of a block.
pub(super) type Checksum = [u8; BLOCK_CHECKSUM_LEN];

/// Everything that was found in pages.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) spaces: BTreeMap<SpaceId, FoundSpace>,
    /// The newest row of each branch, by the numbers of its space and its own.
    pub(super) branches: BTreeMap<(u32, u32), Branch>,
    /// Blocks that an earlier salvage put aside, by their numbers.
    pub(super) left: BTreeMap<u64, Vec<(Checksum, SpaceId, Extent)>>,
    /// Those that wait no longer.
    pub(super) done: BTreeSet<u64>,
    /// The number of spaces.
    pub(super) count: Option<u32>,
    /// Everybody who is named as an author.
    pub(super) authors: BTreeSet<ReplicaId>,
    /// Rows about replicas that a hub has met or retired, by their keys: of each the newest one.
    pub(super) replicas: BTreeMap<Vec<u8>, Bytes>,
    /// The newest policy of each space.
    pub(super) policies: BTreeMap<SpaceId, SpacePolicy>,
    /// Texts that tell types of events, by their hashes.
    pub(super) types: BTreeMap<SpaceId, BTreeMap<[u8; 32], TypesText>>,
}

/// The rows of a space that were found.
#[derive(Debug, Default)]
pub(super) struct FoundSpace {
    /// Its newest row.
    pub(super) row: Option<SpaceRow>,
    /// The numbers in the keys of its blocks: one, unless somebody planted others.
    pub(super) numbers: BTreeSet<u32>,
    /// Its blocks, by their places in the log. Two with the same begin come from a write that was
    /// never finished.
    pub(super) blocks: BTreeMap<u64, Vec<FoundBlock>>,
}

/// A sound block in the file.
#[derive(Clone, Debug)]
pub(super) struct FoundBlock {
    pub(super) place: Extent,
    pub(super) end: u64,
    /// The digest of the log behind it.
    pub(super) digest: Digest,
    pub(super) block_checksum: Checksum,
}

/// The place of a block's bytes in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Extent {
    at: u64,
    length: usize,
}

impl Extent {
    pub(super) const fn length(self) -> usize {
        self.length
    }

    /// The block. It was sound when it was found.
    pub(super) fn read(self, image: &Image) -> Option<Block> {
        Block::parse(image.read(self.at, self.length).into()).ok()
    }
}

/// Finds all rows that are of use.
pub(super) fn scan(image: &Image) -> Found {
    let (mut found, mut at) = (Found::default(), 0);
    while at < image.len() {
        let behind = found.read_leaf(image, at).unwrap_or(at).max(at + 1);
        // What stands in a sound row is no page of its own.
        at = behind.div_ceil(PAGE_BYTES) * PAGE_BYTES;
    }
    found
}

impl Found {
    /// Reads a page as a leaf; the end of the last sound row.
    fn read_leaf(&mut self, image: &Image, at: u64) -> Option<u64> {
        let mut ends = image.read(at, usize::try_from(PAGE_BYTES).ok()?);
        let (header, _) = ends.split_first_chunk::<4>()?;
        let count = usize::from(u16::from_le_bytes([header[2], header[3]]));
        if header[0] != LEAF || !(1..=LEAF_ROWS_MAX).contains(&count) {
            return None;
        }
        if ends.len() < 4 + 8 * count {
            ends = image.read(at, 4 + 8 * count);
        }
        let end = |index: usize| {
            let bytes = ends.get(4 + 4 * index..)?.first_chunk::<4>()?;
            usize::try_from(u32::from_le_bytes(*bytes)).ok()
        };
        let (mut behind, mut budget) = (None, LEAF_BYTES_MAX);
        for row in 0..count {
            let key_begins = if row == 0 { Some(4 + 8 * count) } else { end(row - 1) };
            let (key_ends, value_begins) = (end(row), end(count + row - 1));
            let (Some(key_begins), Some(key_ends)) = (key_begins, key_ends) else { break };
            let (Some(begins), Some(ends)) = (value_begins, end(count + row)) else { break };
            let (key, value) = (key_begins..key_ends, begins..ends);
            // Ends that were damaged may make rows of any length.
            let fits = key.len() <= KEY_BYTES_MAX && value.len() <= budget;
            if !fits || key.is_empty() || value.is_empty() {
                continue;
            }
            budget -= value.len();
            let key = image.read(at + key.start as u64, key.len());
            let begins = at + value.start as u64;
            let value: Bytes = image.read(begins, value.len()).into();
            let end = begins + value.len() as u64;
            if self.take(&Row { key, value }, begins) {
                behind = Some(end);
            }
        }
        behind
    }

    /// Takes a row whose value begins at a place of the file; whether it is a sound one. A space may
    /// have a name as long as another table's keys.
    fn take(&mut self, row: &Row, at: u64) -> bool {
        let taken = match row.key.len() {
            8 => self.take_branch(row) || self.take_left(row, at),
            12 => self.take_block(row, at),
            _ => row.key == meta::SPACES && self.take_count(row),
        };
        taken
            || self.take_space(row)
            || self.take_replica(row)
            || self.take_policy(row)
            || self.take_types(row)
    }

    /// One that was forgotten may be among them.
    fn take_policy(&mut self, row: &Row) -> bool {
        let Ok((space, policy)) = policies::read(row) else { return false };
        let held = self.policies.entry(space).or_insert_with(|| policy.clone());
        if policy.id.replaces(&held.id) {
            *held = policy;
        }
        true
    }

    fn take_types(&mut self, row: &Row) -> bool {
        let Ok((space, types)) = types::read(row) else { return false };
        self.types.entry(space).or_default().insert(*types.hash(), types);
        true
    }

    /// A retirement that was taken back may be among them: to turn somebody away who may come in is put
    /// right by a word.
    fn take_replica(&mut self, row: &Row) -> bool {
        let is_sound = enrolled::is_sound(row);
        if is_sound {
            let held = self.replicas.entry(row.key.clone()).or_default();
            // Behind the seal stands when the replica came, then when it was seen last.
            if held.get(SEAL_LEN..) < row.value.get(SEAL_LEN..) {
                *held = row.value.clone();
            }
        }
        is_sound
    }

    fn take_count(&mut self, row: &Row) -> bool {
        let count = content(Table::Meta, row).and_then(|content| read_number(&content));
        self.count = self.count.max(count.as_ref().ok().copied());
        count.is_ok()
    }

    fn take_branch(&mut self, row: &Row) -> bool {
        let branch = content(Table::Heads, row).and_then(|content| read_branch(&content));
        let Ok(branch) = branch else { return false };
        self.authors.insert(branch.head.author);
        let held = self.branches.entry(numbers(&row.key)).or_insert_with(|| branch.clone());
        if held.head.seq < branch.head.seq {
            *held = branch;
        }
        true
    }

    fn take_left(&mut self, row: &Row, at: u64) -> bool {
        let (Ok(content), Ok(index)) = (content(Table::Left, row), last_number(&row.key)) else {
            return false;
        };
        if content.is_empty() {
            self.done.insert(index);
            return true;
        }
        let Ok(block) = Block::parse(content) else { return false };
        let (length, checksum) = (block.bytes().len(), checksum_of(&block));
        let place = Extent { at: at + (row.value.len() - length) as u64, length };
        let of_index = self.left.entry(index).or_default();
        if !of_index.iter().any(|(held, ..)| *held == checksum) {
            of_index.push((checksum, block.space().clone(), place));
        }
        true
    }

    fn take_block(&mut self, row: &Row, at: u64) -> bool {
        let Ok(log) = read_log(row) else { return false };
        let length = log.block.bytes().len();
        let place = Extent { at: at + (row.value.len() - length) as u64, length };
        self.authors.extend(log.block.runs().iter().map(|run| run.replica));
        self.authors.extend(log.block.anchors().iter().map(|anchor| anchor.author));
        let space = self.spaces.entry(log.block.space().clone()).or_default();
        space.numbers.insert(numbers(&row.key).0);
        let of_place = space.blocks.entry(log.start.0).or_default();
        if !of_place.iter().any(|block| block.digest == log.digest) {
            let (end, digest) = (log.end().0, log.digest);
            let block_checksum = checksum_of(&log.block);
            of_place.push(FoundBlock { place, end, digest, block_checksum });
        }
        true
    }

    fn take_space(&mut self, row: &Row) -> bool {
        let name = std::str::from_utf8(&row.key).ok().and_then(|name| SpaceId::new(name).ok());
        let (Some(name), Ok(content)) = (name, content(Table::Spaces, row)) else { return false };
        let Ok(row) = SpaceRow::read(&content) else { return false };
        let space = self.spaces.entry(name).or_default();
        let age = |row: &SpaceRow| {
            let mark = row.mark.as_ref().map(|mark| mark.position);
            // A space that was forgotten began again.
            (row.keys_before, row.ends, row.branches, mark)
        };
        if space.row.as_ref().is_none_or(|held| age(held) < age(&row)) {
            space.row = Some(row);
        }
        true
    }
}

impl Found {
    /// The newest row of each branch of a space.
    pub(super) fn heads_of(&self, space: &SpaceId) -> Vec<Branch> {
        let Some(space) = self.spaces.get(space) else { return Vec::new() };
        let own = space.row.as_ref().map(|row| row.number.0);
        let numbers = own.into_iter().chain(space.numbers.iter().copied());
        let numbers: BTreeSet<_> = numbers.collect();
        let of_space =
            numbers.iter().flat_map(|no| self.branches.range((*no, 0)..=(*no, u32::MAX)));
        of_space.map(|(_, branch)| branch.clone()).collect()
    }
}

impl FoundSpace {
    /// The place that the newest row says that the log ends at.
    pub(super) fn end(&self) -> Option<Cursor> {
        self.row.as_ref().map(SpaceRow::end)
    }
}

/// A block that no readable row leads to.
#[derive(Debug)]
pub(super) struct Stray {
    pub(super) space: SpaceId,
    pub(super) place: Extent,
    hlc: Hlc,
}

/// Finds blocks by their first bytes, those left out whose checksums are known.
pub(super) fn strays(image: &Image, known: &BTreeMap<Checksum, usize>) -> Vec<Stray> {
    let (mut strays, mut met, mut at) = (Vec::new(), BTreeSet::new(), 0);
    let mut budget = image.len().saturating_mul(TRIES_PER_BYTE).max(TRIES_BYTES_MIN);
    while at < image.len() && budget > 0 {
        let (window, from) = (image.read(at, WINDOW_BYTES), at);
        let hits = window.windows(BLOCK_MAGIC.len()).enumerate();
        let hits =
            hits.filter(|(_, bytes)| *bytes == BLOCK_MAGIC).map(|(hit, _)| from + hit as u64);
        let searched = (window.len() + 1).saturating_sub(BLOCK_MAGIC.len()).max(1);
        for hit in hits {
            if hit < at || budget == 0 {
                continue;
            }
            let header = image.read(hit, BLOCK_HEADER_LEN);
            let checksum = header.last_chunk::<BLOCK_CHECKSUM_LEN>();
            if let Some(length) = checksum.and_then(|checksum| known.get(checksum)) {
                at = hit + *length as u64;
            } else if let Some(block) = block_at(image, hit, &mut budget) {
                let length = block.bytes().len();
                if met.insert(checksum_of(&block)) {
                    let hlc = block.entry(0).map_or(Hlc::ZERO, |entry| entry.hlc());
                    let (space, place) = (block.space().clone(), Extent { at: hit, length });
                    strays.push(Stray { space, place, hlc });
                }
                // What stands in a sound block is no block of its own.
                at = hit + length as u64;
            }
        }
        at = at.max(from + searched as u64);
    }
    strays.sort_by_key(|stray| stray.hlc);
    strays
}

/// The block that begins at a place; most are small.
fn block_at(image: &Image, at: u64, budget: &mut u64) -> Option<Block> {
    for length in [BLOCK_BYTES_MAX / 64, BLOCK_BYTES_MAX] {
        let bytes = Bytes::from(image.read(at, length));
        *budget = budget.saturating_sub(bytes.len() as u64);
        match Block::parse_first(&bytes) {
            Ok(block) => return Some(block),
            // It may end too early.
            Err(BlockError::Wire(_)) if bytes.len() == length => {}
            Err(_) => return None,
        }
    }
    None
}

fn checksum_of(block: &Block) -> Checksum {
    let mut checksum = [0; BLOCK_CHECKSUM_LEN];
    checksum.copy_from_slice(block.checksum());
    checksum
}

/// The first two numbers of a key.
fn numbers(key: &[u8]) -> (u32, u32) {
    let number = |from: usize| {
        let bytes = key.get(from..).and_then(<[u8]>::first_chunk::<4>);
        bytes.map_or(0, |bytes| u32::from_be_bytes(*bytes))
    };
    (number(0), number(4))
}
