//! Writing: batches are admitted one after the other on top of the transaction that they share.
//!
//! A batch is admitted completely before any of it is written, so a refused one leaves nothing
//! behind. What the writer remembers between transactions is a cache of durable rows; it is thrown
//! away when a transaction fails.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use redb::WriteTransaction;

use super::fault::Fault;
use super::read::{block_at, heads, run_at, space_row};
use super::rows::{
    RunRow, SpaceNumber, SpaceRow, meta, read_number, write_cursor, write_head, write_source,
};
use super::table::{Rows, Table};
use crate::conflict::Conflict;
use crate::envelope::{Chain, Head};
use crate::id::{Dot, Position, ReplicaId, SpaceId};
use crate::log::{AdmitError, Held, LogBlock, Refusal, Staging};
use crate::store::record::conflict_id;
use crate::store::{BATCH_BYTES_MAX, Batch, Checkpoint, Committed, ForkProof, LIST_ROWS_MAX};
use crate::wire::{self, Writer};

type Raw = &'static [u8];
type RowsMut<'t> = Rows<redb::Table<'t, Raw, Raw>>;

/// Most spaces that the writer remembers between transactions.
const CACHED_SPACES_MAX: usize = 4_096;
/// Most heads of replicas that the writer remembers between transactions.
const CACHED_HEADS_MAX: usize = 65_536;

/// What the writer remembers of durable rows.
#[derive(Debug, Default)]
pub(super) struct Cache {
    spaces: BTreeMap<SpaceId, Known>,
}

/// A space and how far its replicas' events are held.
#[derive(Debug)]
struct Known {
    row: SpaceRow,
    heads: BTreeMap<ReplicaId, Head>,
    /// Nothing was ever written of it.
    fresh: bool,
    /// Rows that differ from those in the file.
    changed: bool,
    changed_heads: BTreeSet<ReplicaId>,
}

impl Cache {
    pub(super) fn clear(&mut self) {
        self.spaces.clear();
    }

    /// Keeps within its limits.
    pub(super) fn trim(&mut self) {
        let heads: usize = self.spaces.values().map(|known| known.heads.len()).sum();
        if self.spaces.len() > CACHED_SPACES_MAX || heads > CACHED_HEADS_MAX {
            self.clear();
        }
    }
}

/// What became of a batch.
pub(super) type Outcome = Result<Committed, Refusal>;

/// The tables of a write transaction and the cache above them.
pub(super) struct Ledger<'t> {
    txn: &'t WriteTransaction,
    cache: &'t mut Cache,
    log: RowsMut<'t>,
    runs: RowsMut<'t>,
    wrote: bool,
}

impl<'t> Ledger<'t> {
    pub(super) fn open(txn: &'t WriteTransaction, cache: &'t mut Cache) -> Result<Self, Fault> {
        let (log, runs) = (Table::LOG.of_mut(txn)?, Table::RUNS.of_mut(txn)?);
        Ok(Self { txn, cache, log, runs, wrote: false })
    }

    /// Admits a batch and writes it, or refuses it and writes nothing of it but what proves a fork.
    pub(super) fn apply(&mut self, batch: &Batch) -> Result<Outcome, Fault> {
        let Self { txn, cache, log, runs, wrote } = self;
        let known = load(txn, cache, &batch.space)?;
        let before = known.row.events;
        let held = Holding { log, runs, known };
        let mut staging = Staging::new(&held);
        let mut sources = Vec::new();
        for append in &batch.append {
            match staging.admit(&batch.space, &append.block) {
                Ok(added) => sources.resize(sources.len() + added, append.source),
                Err(AdmitError::Store(fault)) => return Err(fault),
                Err(AdmitError::Refused(refusal)) => {
                    let block = append.block.bytes().clone();
                    drop(staging);
                    *wrote |= note_fork(txn, known, &refusal, block)?;
                    return Ok(Err(refusal));
                }
            }
        }
        let (blocks, heads) = staging.finish();
        for (block, source) in blocks.into_iter().zip(sources) {
            let block = LogBlock { start: Position(known.row.events), block, source };
            append(log, runs, known.row.number, &block)?;
            known.row.events = block.end().0;
            (known.changed, *wrote) = (true, true);
        }
        known.changed_heads.extend(heads.keys());
        known.heads.extend(heads);
        *wrote |= write_rest(txn, known, batch)?;
        let head = Position(known.row.events);
        Ok(Ok(Committed { head, appended: head.0 - before }))
    }

    /// Writes the rows that batches of the transaction share. True when there is anything to
    /// commit.
    pub(super) fn finish(self) -> Result<bool, Fault> {
        let Self { txn, cache, wrote, .. } = self;
        let mut heads = Table::HEADS.of_mut(txn)?;
        let (mut spaces, mut names) = (Table::SPACES.of_mut(txn)?, Table::NAMES.of_mut(txn)?);
        let mut numbered = None;
        for (id, known) in &mut cache.spaces {
            for replica in std::mem::take(&mut known.changed_heads) {
                let head = known.heads.get(&replica).unwrap_or(&Head::START);
                heads.put(&known.row.number.head(&replica), &[&write_head(head)])?;
            }
            if std::mem::take(&mut known.changed) {
                known.row.replicas = u32::try_from(known.heads.len()).unwrap_or(u32::MAX);
                spaces.put(id.as_str().as_bytes(), &[&known.row.write()])?;
                if std::mem::take(&mut known.fresh) {
                    names.put(id.as_str().as_bytes(), &[&known.row.number.prefix()])?;
                    numbered = numbered.max(Some(known.row.number.0 + 1));
                }
            }
        }
        let mut meta = Table::META.of_mut(txn)?;
        if numbered > Some(count_spaces(&meta)?) {
            meta.put(meta::SPACES, &[&numbered.unwrap_or(0).to_be_bytes()])?;
        }
        Ok(wrote)
    }
}

/// What there is of a space, from the cache or the file.
fn load<'c>(
    txn: &WriteTransaction,
    cache: &'c mut Cache,
    space: &SpaceId,
) -> Result<&'c mut Known, Fault> {
    if !cache.spaces.contains_key(space) {
        let (spaces, names) = (Table::SPACES.of_mut(txn)?, Table::NAMES.of_mut(txn)?);
        let known = match space_row(&spaces, &names, space)? {
            Some(row) => {
                let heads = heads(&Table::HEADS.of_mut(txn)?, &row)?;
                Known::new(row, heads, false)
            }
            None => {
                // Spaces that were numbered in this transaction are in the cache only.
                let cached = cache.spaces.values().map(|known| known.row.number.0 + 1).max();
                let stored = count_spaces(&Table::META.of_mut(txn)?)?;
                let number = SpaceNumber(stored.max(cached.unwrap_or(0)));
                Known::new(SpaceRow::empty(number), Vec::new(), true)
            }
        };
        cache.spaces.insert(space.clone(), known);
    }
    cache.spaces.get_mut(space).ok_or(Fault::damaged("the space is not there"))
}

fn count_spaces(meta: &RowsMut<'_>) -> Result<u32, Fault> {
    let content = meta.get(meta::SPACES)?;
    read_number(&content.ok_or(Fault::damaged("the number of spaces is missing"))?)
}

fn append(
    log: &mut RowsMut<'_>,
    runs: &mut RowsMut<'_>,
    number: SpaceNumber,
    block: &LogBlock,
) -> Result<(), Fault> {
    let start = block.start.0;
    log.put(&number.log(start), &[&write_source(block.source), block.block.bytes()])?;
    for run in block.block.runs() {
        let row = RunRow { first_seq: run.first_seq, last_seq: run.last_seq(), start };
        runs.put(&number.run(&run.replica, run.first_seq), &[&row.write()])?;
    }
    Ok(())
}

/// Writes a batch's cursor and checkpoint; true when there was anything.
fn write_rest(txn: &WriteTransaction, known: &mut Known, batch: &Batch) -> Result<bool, Fault> {
    if let Some((peer, position)) = &batch.cursor {
        let content = write_cursor(peer.epoch, *position);
        let key = known.row.number.cursor(&peer.id);
        let mut cursors = Table::CURSORS.of_mut(txn)?;
        known.row.cursors += u32::from(cursors.get(&key)?.is_none());
        cursors.put(&key, &[&content])?;
    }
    if let Some(checkpoint) = &batch.checkpoint {
        write_checkpoint(txn, &mut known.row, checkpoint)?;
    }
    let anything = batch.cursor.is_some() || batch.checkpoint.is_some();
    known.changed |= anything;
    Ok(anything)
}

fn write_checkpoint(
    txn: &WriteTransaction,
    row: &mut SpaceRow,
    checkpoint: &Checkpoint,
) -> Result<(), Fault> {
    let number = row.number;
    let mut states = Table::STATES.of_mut(txn)?;
    let mut conflicts = Table::CONFLICTS.of_mut(txn)?;
    let mut seen = Table::CONFLICTS_SEEN.of_mut(txn)?;
    if checkpoint.replaces_all {
        states.clear(&number.prefix())?;
        conflicts.clear(&number.prefix())?;
        seen.clear(&number.prefix())?;
        row.conflicts = 0;
    }
    for (aggregate, state) in &checkpoint.states {
        states.put(&number.state(aggregate), &[state])?;
    }
    for conflict in &checkpoint.conflicts {
        let key = conflict_key(number, conflict);
        if seen.get(&key)?.is_none() {
            seen.put(&key, &[])?;
            conflicts.put(&number.conflict(row.conflicts), &[&wire::encode(conflict)?])?;
            row.conflicts += 1;
        }
    }
    row.mark = Some(checkpoint.mark.clone());
    Ok(())
}

fn conflict_key(number: SpaceNumber, conflict: &Conflict) -> Vec<u8> {
    let (aggregate, field, dots) = conflict_id(conflict);
    let dots = dots.map(|dot| [&dot.replica.as_bytes()[..], &dot.seq.to_be_bytes()].concat());
    let (kind, key) = (aggregate.kind.as_str().as_bytes(), aggregate.key.as_bytes());
    number.hashed(&[kind, key, field.as_bytes(), &dots[0], &dots[1]])
}

/// Records what proves a fork, unless it is recorded already or there is no room for it.
fn note_fork(
    txn: &WriteTransaction,
    known: &mut Known,
    refusal: &Refusal,
    block: Bytes,
) -> Result<bool, Fault> {
    let Refusal::Fork { dot, .. } = refusal else {
        return Ok(false);
    };
    let row = &mut known.row;
    let bytes = row.fork_bytes + block.len() as u64;
    if row.forks as usize >= LIST_ROWS_MAX || bytes > BATCH_BYTES_MAX as u64 {
        return Ok(false);
    }
    let proof = ForkProof { refusal: refusal.to_string(), replica: dot.replica, block };
    let mut out = Writer::new();
    wire::Message::write_fields(&proof, &mut out);
    let proof = out.finish()?;
    let mut forks = Table::FORKS.of_mut(txn)?;
    let key = row.number.hashed(&[&proof]);
    if forks.get(&key)?.is_some() {
        return Ok(false);
    }
    forks.put(&key, &[&row.forks.to_be_bytes(), &proof])?;
    (row.forks, row.fork_bytes) = (row.forks + 1, bytes);
    known.changed = true;
    Ok(true)
}

impl Known {
    fn new(row: SpaceRow, heads: Vec<(ReplicaId, Head)>, fresh: bool) -> Self {
        let heads = heads.into_iter().collect();
        Self { row, heads, fresh, changed: false, changed_heads: BTreeSet::new() }
    }
}

/// What admission asks of a space in the middle of a transaction.
struct Holding<'h, 't> {
    log: &'h RowsMut<'t>,
    runs: &'h RowsMut<'t>,
    known: &'h Known,
}

impl Held for Holding<'_, '_> {
    type Error = Fault;

    fn head(&self, replica: &ReplicaId) -> Result<Head, Fault> {
        Ok(self.known.heads.get(replica).copied().unwrap_or(Head::START))
    }

    fn chain_at(&self, dot: Dot) -> Result<Chain, Fault> {
        let number = self.known.row.number;
        let run = run_at(self.runs, number, &dot.replica, dot.seq)?;
        let block = block_at(self.log, number, run.start)?;
        let missing = "a block does not hold the events that it should";
        block.block.chain_at(dot).ok_or(Fault::damaged(missing))
    }

    fn replicas(&self) -> Result<usize, Fault> {
        Ok(self.known.heads.len())
    }
}
