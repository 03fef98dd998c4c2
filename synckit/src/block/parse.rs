//! Checking a block's bytes and finding its parts.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::pack::flag;
use super::{
    BLOCK_ANCHORS_MAX, BLOCK_BYTES_MAX, BLOCK_CHECKSUM_LEN, BLOCK_EVENTS_MAX, BLOCK_MAGIC, Block,
    BlockError, CODEC_PLAIN, Header, Inner, Run, SIGNATURE_LEN, Span, checksum,
};
use crate::chain::{Chain, CommitId, Leaf};
use crate::clock::Hlc;
use crate::envelope::{
    CONTEXT_ROWS_MAX, EXTENSIONS_BYTES_MAX, METADATA_ENTRIES_MAX, Metadata, PAYLOAD_BYTES_MAX,
};
use crate::event::EventRef;
use crate::id::{AggregateId, Key, Name, ReplicaId, SpaceId};
use crate::wire::{Reader, Unknown, WireError};

const CHECKSUM_AT: usize = BLOCK_MAGIC.len() + 1;
const HEADER_LEN: usize = CHECKSUM_AT + BLOCK_CHECKSUM_LEN;
/// Leaves room for a whole block, so that adding to a sequence number cannot overflow.
const SEQ_MAX: u64 = u64::MAX - BLOCK_EVENTS_MAX as u64;

pub(super) fn parse(bytes: Bytes) -> Result<Block, BlockError> {
    if bytes.len() > BLOCK_BYTES_MAX {
        return Err(BlockError::TooLarge);
    }
    check_header(&bytes)?;
    if checksum(&bytes[HEADER_LEN..]) != bytes[CHECKSUM_AT..HEADER_LEN] {
        return Err(BlockError::Checksum);
    }
    let (entries, length) = read(&bytes)?;
    if length < bytes.len() {
        return Err(inconsistent("bytes follow the last event"));
    }
    entries.finish(bytes)
}

pub(super) fn parse_first(bytes: &Bytes) -> Result<Block, BlockError> {
    let bytes = bytes.slice(..bytes.len().min(BLOCK_BYTES_MAX));
    check_header(&bytes)?;
    let (entries, length) = read(&bytes)?;
    if checksum(&bytes[HEADER_LEN..length]) != bytes[CHECKSUM_AT..HEADER_LEN] {
        return Err(BlockError::Checksum);
    }
    entries.finish(bytes.slice(..length))
}

fn check_header(bytes: &[u8]) -> Result<(), BlockError> {
    if bytes.len() < HEADER_LEN || bytes[..BLOCK_MAGIC.len()] != BLOCK_MAGIC {
        return Err(BlockError::NotABlock);
    }
    match bytes[BLOCK_MAGIC.len()] {
        CODEC_PLAIN => Ok(()),
        codec => Err(BlockError::Codec { codec }),
    }
}

/// The block at the front of bytes, and its length.
fn read(bytes: &Bytes) -> Result<(Entries, usize), BlockError> {
    let mut input = Reader::new(&bytes[HEADER_LEN..], Unknown::Refuse);
    let tables = Tables::read(&mut input)?;
    let mut entries = Entries::new(tables, bytes.len());
    let count = count(&mut input, BLOCK_EVENTS_MAX)?;
    for _ in 0..count {
        entries.read_one(&mut input)?;
    }
    Ok((entries, bytes.len() - input.rest().len()))
}

const fn inconsistent(what: &'static str) -> BlockError {
    BlockError::Inconsistent { what }
}

/// A table's length: at most `max`. Its rows are read one by one, so it may still promise more than
/// there is.
fn count(input: &mut Reader<'_>, max: usize) -> Result<usize, BlockError> {
    match usize::try_from(input.varint()?) {
        Ok(count) if count <= max => Ok(count),
        _ => Err(BlockError::TooLarge),
    }
}

fn index(input: &mut Reader<'_>, length: usize) -> Result<usize, BlockError> {
    match usize::try_from(input.varint()?) {
        Ok(index) if index < length => Ok(index),
        _ => Err(inconsistent("an index points outside its table")),
    }
}

/// An index of a table's row in a header.
fn row(index: usize) -> Result<u16, BlockError> {
    u16::try_from(index).map_err(|_| BlockError::TooLarge)
}

fn text<'a>(input: &mut Reader<'a>) -> Result<&'a str, BlockError> {
    let invalid = WireError::Invalid { expected: "UTF-8 text" };
    std::str::from_utf8(input.bytes()?).map_err(|_| invalid.into())
}

fn number<T: TryFrom<u64>>(input: &mut Reader<'_>, target: &'static str) -> Result<T, BlockError> {
    let value = input.varint()?;
    T::try_from(value).map_err(|_| WireError::OutOfRange { value: value.into(), target }.into())
}

struct Tables {
    space: SpaceId,
    runs: Vec<Run>,
    anchors: Vec<CommitId>,
    aggregates: Vec<AggregateId>,
    events: Vec<EventRef>,
    metadata: Vec<Metadata>,
}

impl Tables {
    fn read(input: &mut Reader<'_>) -> Result<Self, BlockError> {
        let space = SpaceId::new(text(input)?)?;
        let runs = rows(input, BLOCK_EVENTS_MAX, read_run)?;
        let anchors = rows(input, BLOCK_ANCHORS_MAX, read_anchor)?;
        let names = rows(input, 2 * BLOCK_EVENTS_MAX, |input| Ok(Name::new(text(input)?)?))?;
        let aggregates = rows(input, BLOCK_EVENTS_MAX, |input| {
            let kind = names[index(input, names.len())?].clone();
            Ok(AggregateId { kind, key: Key::new(input.bytes()?)? })
        })?;
        if aggregates.iter().collect::<HashSet<_>>().len() != aggregates.len() {
            return Err(inconsistent("an aggregate is listed twice"));
        }
        let events = rows(input, BLOCK_EVENTS_MAX, |input| {
            let name = names[index(input, names.len())?].clone();
            read_event(name, input)
        })?;
        let metadata = rows(input, BLOCK_EVENTS_MAX, read_metadata)?;
        Ok(Self { space, runs, anchors, aggregates, events, metadata })
    }
}

/// Rows are pushed one by one: nothing is allocated from the declared count.
fn rows<'a, T>(
    input: &mut Reader<'a>,
    max: usize,
    mut read: impl FnMut(&mut Reader<'a>) -> Result<T, BlockError>,
) -> Result<Vec<T>, BlockError> {
    let mut rows = Vec::new();
    for _ in 0..count(input, max)? {
        rows.push(read(input)?);
    }
    Ok(rows)
}

fn read_run(input: &mut Reader<'_>) -> Result<Run, BlockError> {
    let replica = ReplicaId::from_bytes(input.array()?);
    let first_seq = read_seq(input)?;
    let chain_before = Chain::from_bytes(input.array()?);
    let nonce = u64::from_le_bytes(input.array()?);
    let signature = read_signature(input.bytes()?)?;
    Ok(Run { replica, first_seq, count: 0, chain_before, nonce, signature })
}

fn read_signature(written: &[u8]) -> Result<[u8; SIGNATURE_LEN], BlockError> {
    if written.is_empty() {
        return Ok(Run::UNSIGNED);
    }
    let signature = written.try_into().ok().filter(|signature| *signature != Run::UNSIGNED);
    signature.ok_or(inconsistent("a signature is none"))
}

fn read_anchor(input: &mut Reader<'_>) -> Result<CommitId, BlockError> {
    let author = ReplicaId::from_bytes(input.array()?);
    Ok(CommitId { author, seq: read_seq(input)?, chain: Chain::from_bytes(input.array()?) })
}

fn read_seq(input: &mut Reader<'_>) -> Result<u64, BlockError> {
    match input.varint()? {
        seq @ 1..=SEQ_MAX => Ok(seq),
        _ => Err(inconsistent("a number lies outside the range of sequence numbers")),
    }
}

fn read_event(name: Name, input: &mut Reader<'_>) -> Result<EventRef, BlockError> {
    let version = number(input, "a schema version")?;
    let min_reader = number(input, "a schema version")?;
    if min_reader == 0 || min_reader > version {
        return Err(inconsistent("an event's min_reader is not between 1 and its version"));
    }
    Ok(EventRef { name, version, min_reader })
}

fn read_metadata(input: &mut Reader<'_>) -> Result<Metadata, BlockError> {
    let mut metadata = Metadata::new();
    let entries = count(input, METADATA_ENTRIES_MAX)?;
    for _ in 0..entries {
        let (key, value) = (text(input)?, text(input)?);
        if metadata.iter().last().is_some_and(|(last, _)| last >= key) {
            return Err(inconsistent("metadata is out of order"));
        }
        metadata.set(key, value).map_err(|_| BlockError::TooLarge)?;
    }
    if metadata.is_empty() {
        return Err(inconsistent("an empty metadata row"));
    }
    Ok(metadata)
}

/// The entries read so far. Row 0 of metadata is the empty one.
struct Entries {
    tables: Tables,
    seen: Vec<(usize, u64)>,
    last_context: Span,
    headers: Vec<Header>,
    runs_met: usize,
    aggregates_met: usize,
    anchors_met: usize,
    last_hlc: Hlc,
    has_tombstones: bool,
    whole: usize,
}

impl Entries {
    fn new(mut tables: Tables, whole: usize) -> Self {
        tables.metadata.insert(0, Metadata::new());
        Self {
            tables,
            seen: Vec::new(),
            last_context: Span::default(),
            headers: Vec::new(),
            runs_met: 0,
            aggregates_met: 0,
            anchors_met: 0,
            last_hlc: Hlc::ZERO,
            has_tombstones: false,
            whole,
        }
    }

    fn read_one(&mut self, input: &mut Reader<'_>) -> Result<(), BlockError> {
        let flags = input.varint()?;
        if flags & !flag::ALL != 0 {
            return Err(inconsistent("an event has a flag that is not known"));
        }
        let run = index(input, self.tables.runs.len())?;
        if run > self.runs_met {
            return Err(inconsistent("runs are not in the order of their first event"));
        }
        self.runs_met = self.runs_met.max(run + 1);
        let in_commit = self.headers.last().filter(|before| !before.last);
        if in_commit.is_some_and(|before| usize::from(before.run) != run) {
            return Err(inconsistent("two commits are interleaved"));
        }
        let (last, tombstone) = (flags & flag::LAST != 0, flags & flag::TOMBSTONE != 0);
        if in_commit.is_some_and(|before| before.tombstone != tombstone) {
            return Err(inconsistent("a part of a commit is a tombstone"));
        }
        let delta = input.zigzag()?.cast_unsigned();
        let hlc = Hlc::from_bits(self.last_hlc.to_bits().wrapping_add(delta));
        self.last_hlc = hlc;
        let aggregate = index(input, self.tables.aggregates.len())?;
        if aggregate > self.aggregates_met {
            return Err(inconsistent("aggregates are not in the order of their first event"));
        }
        self.aggregates_met = self.aggregates_met.max(aggregate + 1);
        let event = index(input, self.tables.events.len())?;
        let context = self.read_context(flags, input)?;
        let metadata = match flags & flag::METADATA {
            0 => 0,
            _ => 1 + index(input, self.tables.metadata.len() - 1)?,
        };
        let extensions = match flags & flag::EXTENSIONS {
            0 => Span::default(),
            _ => self.span(input, EXTENSIONS_BYTES_MAX)?,
        };
        let payload = self.span(input, PAYLOAD_BYTES_MAX)?;
        let kept = if last { Leaf::LEN } else { 0 };
        if tombstone && (!extensions.is_empty() || payload.range().len() != kept) {
            return Err(inconsistent("a tombstone keeps something else than its leaf"));
        }
        let of_run = &mut self.tables.runs[run];
        let seq = of_run.first_seq + of_run.count;
        of_run.count += 1;
        self.has_tombstones |= tombstone;
        let [run, aggregate, event, metadata] = [run, aggregate, event, metadata].map(row);
        self.headers.push(Header {
            seq,
            hlc,
            context,
            extensions,
            payload,
            run: run?,
            aggregate: aggregate?,
            event: event?,
            metadata: metadata?,
            last,
            tombstone,
        });
        Ok(())
    }

    /// Rows ascend by anchor, so that a context has one form.
    fn read_context(&mut self, flags: u64, input: &mut Reader<'_>) -> Result<Span, BlockError> {
        if flags & flag::SAME_CONTEXT != 0 {
            if self.last_context.is_empty() || flags & flag::CONTEXT != 0 {
                return Err(inconsistent("an event refers to a context that is not there"));
            }
            return Ok(self.last_context);
        }
        if flags & flag::CONTEXT == 0 {
            return Ok(Span::default());
        }
        let first = self.seen.len();
        let mut last = None;
        for _ in 0..count(input, CONTEXT_ROWS_MAX)? {
            let index = index(input, self.tables.anchors.len())?;
            if index > self.anchors_met {
                return Err(inconsistent("anchors are not in the order of their first use"));
            }
            self.anchors_met = self.anchors_met.max(index + 1);
            let anchor = self.tables.anchors[index];
            let seq = input.varint()?;
            if !(1..=anchor.seq).contains(&seq) || last.is_some_and(|last| last >= anchor) {
                return Err(inconsistent("a context is out of order or beyond its anchor"));
            }
            last = Some(anchor);
            self.seen.push((index, seq));
        }
        if last.is_none() {
            return Err(inconsistent("an empty context is written"));
        }
        self.last_context = Span::of(first..self.seen.len())?;
        Ok(self.last_context)
    }

    /// A length-delimited part, as a part of the whole block.
    fn span(&self, input: &mut Reader<'_>, max: usize) -> Result<Span, BlockError> {
        let part = input.bytes()?;
        if part.len() > max {
            return Err(BlockError::TooLarge);
        }
        let end = self.whole - input.rest().len();
        Span::of(end - part.len()..end)
    }

    fn finish(self, bytes: Bytes) -> Result<Block, BlockError> {
        if self.runs_met < self.tables.runs.len() {
            return Err(inconsistent("a run without events"));
        }
        if self.aggregates_met < self.tables.aggregates.len() {
            return Err(inconsistent("an aggregate without events"));
        }
        if self.anchors_met < self.tables.anchors.len() {
            return Err(inconsistent("an anchor that no context refers to"));
        }
        if !self.headers.last().is_some_and(|header| header.last) {
            return Err(inconsistent("it ends inside a commit"));
        }
        let Tables { space, runs, anchors, aggregates, events, metadata } = self.tables;
        Ok(Block(Arc::new(Inner {
            bytes,
            space,
            runs,
            anchors,
            aggregates,
            events,
            metadata,
            seen: self.seen,
            entries: self.headers,
            has_tombstones: self.has_tombstones,
            commits: OnceLock::new(),
        })))
    }
}
