//! Writing: batches are admitted one after the other, each on top of those staged before.
//!
//! A batch is admitted completely before any of it is staged, so a refused one leaves nothing
//! behind but what proves a fork. Admission builds on what is remembered of the space; the row of
//! the space guards the write, so another process that wrote in the meantime is noticed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, oneshot};

use super::encoding::{
    SpaceNumber, SpaceRow, meta, only, read_number, space_key, write_cursor, write_head,
    write_source,
};
use super::queue::{Queue, Staged, Written};
use super::record::conflict_id;
use super::rows::{Change, Guard, KeyRange, Read, Row, Rows, Table, WriteSet};
use super::seal::{Damage, sealed};
use super::space::{Known, Space, Spaces};
use super::view;
use super::{
    BATCH_BYTES_MAX, Batch, Checkpoint, Committed, ForkProof, LIST_ROWS_MAX, StoreError,
    StoreErrorKind,
};
use crate::conflict::Conflict;
use crate::envelope::{Chain, Head};
use crate::id::{Dot, Position, SpaceId};
use crate::log::{Admission, Admitted, Answer, LogBlock, Question, Refusal};
use crate::wire;

/// Most times that a batch is staged because other processes wrote in between.
const ATTEMPTS_MAX: usize = 64;

/// The rows of an open store and what is remembered of them.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) queue: Arc<Queue>,
    pub(super) spaces: Spaces,
    /// Held from giving a space its number to staging it.
    numbering: AsyncMutex<()>,
}

/// A batch on its way: what answers it once it is durable.
struct OnItsWay {
    written: oneshot::Receiver<Written>,
    outcome: Result<Committed, Refusal>,
}

/// The changes of a batch, and the space after them.
struct Draft {
    row: SpaceRow,
    heads: BTreeMap<crate::id::ReplicaId, Head>,
    changes: Vec<Change>,
    outcome: Result<Committed, Refusal>,
}

impl Ledger {
    pub(super) fn new(rows: Arc<dyn Rows>) -> Self {
        let queue = Arc::new(Queue::new(rows));
        Self { queue, spaces: Spaces::default(), numbering: AsyncMutex::new(()) }
    }

    pub(super) fn rows(&self) -> &dyn Rows {
        self.queue.rows()
    }

    /// Commits a batch: when this returns, it is durable or refused.
    pub(super) async fn commit(&self, batch: &Batch) -> Result<Committed, StoreError> {
        if bytes_of_blocks(batch) > BATCH_BYTES_MAX {
            return Err(StoreError::new("check a batch", StoreErrorKind::BatchTooLarge));
        }
        let closed = || StoreError::new("wait for a write", StoreErrorKind::Closed);
        for _attempt in 0..ATTEMPTS_MAX {
            let room = self.queue.room(weight(batch)).await;
            let Some(OnItsWay { written, outcome }) = self.stage(batch, room).await? else {
                continue;
            };
            match written.await.map_err(|_| closed())? {
                Written::Durably => {
                    let refused = |refusal| {
                        StoreError::new("admit a batch", StoreErrorKind::Refused(refusal))
                    };
                    return outcome.map_err(refused);
                }
                Written::Not => {}
                Written::Failed(error) => return Err(StoreError::shared(error)),
            }
        }
        Err(StoreError::new("stage a batch", StoreErrorKind::Contended))
    }

    /// Admits a batch and queues what it writes; `None` when what it built on has passed.
    async fn stage(
        &self,
        batch: &Batch,
        room: Option<OwnedSemaphorePermit>,
    ) -> Result<Option<OnItsWay>, StoreError> {
        let space = self.spaces.of(&batch.space);
        let mut place = space.known.lock().await;
        let known = match place.take() {
            Some(known) if known.generation == self.queue.generation() => known,
            _ => self.load(&batch.space, &space).await?,
        };
        let known = place.insert(known);
        let numbering = match known.stored {
            Some(_) => None,
            None => Some(self.numbering.lock().await),
        };
        if numbering.is_some() {
            known.row.number = self.next_number().await?;
        }
        let draft = self.draft(&space, known, batch).await?;
        let staged = staged(&batch.space, &space, known, &draft);
        let (spaces, ends) = (staged.spaces, staged.ends);
        let value = staged.write.changes.last().and_then(space_value);
        let Some(written) = self.queue.push(staged, known.generation, room) else {
            *place = None;
            return Ok(None);
        };
        debug_assert!(spaces.is_none() || numbering.is_some(), "a number was given unguarded");
        debug_assert!(ends.0 >= known.row.ends, "a log became shorter");
        known.row = draft.row;
        known.heads.extend(draft.heads);
        known.stored = value.or(known.stored.take());
        Ok(Some(OnItsWay { written, outcome: draft.outcome }))
    }

    /// Reads what is stored of a space.
    async fn load(&self, id: &SpaceId, space: &Space) -> Result<Known, StoreError> {
        let generation = self.queue.generation();
        let found = self.rows().read(view::space_reads(id).into()).await?;
        let Some(row) = view::space_row(&found)? else {
            let row = SpaceRow::empty(SpaceNumber(0));
            return Ok(Known { row, stored: None, heads: BTreeMap::new(), generation });
        };
        let mut reads: Vec<_> = view::space_reads(id).into();
        reads.push(view::heads_read(row.number));
        let found = self.rows().read(reads).await?;
        let missing = || Damage::new("a space's row is missing");
        let row = view::space_row(&found)?.ok_or_else(missing)?;
        let heads = view::heads(&row, answer(&found, 2))?.into_iter().collect();
        let stored = answer(&found, 0).first().map(|row| row.value.clone());
        space.has_number(row.number);
        self.spaces.trim();
        Ok(Known { row, stored, heads, generation })
    }

    /// The number of the next space.
    async fn next_number(&self) -> Result<SpaceNumber, StoreError> {
        if let Some(spaces) = self.queue.spaces() {
            return Ok(SpaceNumber(spaces));
        }
        let found = self.rows().read(vec![Read::get(Table::Meta, meta::SPACES)]).await?;
        let count = only(Table::Meta, answer(&found, 0))?;
        let missing = Damage::new("the number of spaces is missing");
        Ok(SpaceNumber(read_number(&count.ok_or(missing)?)?))
    }

    /// Admits a batch and says what it writes.
    async fn draft(
        &self,
        space: &Arc<Space>,
        known: &Known,
        batch: &Batch,
    ) -> Result<Draft, StoreError> {
        let admitted = match self.admit(space, known, batch).await? {
            Ok(admitted) => admitted,
            Err(refused) => {
                let block = batch.append.get(refused.index).map(|append| append.block.bytes());
                return self.refuse(space, known, batch, refused.refusal, block).await;
            }
        };
        let mut draft = Draft::on(known);
        draft.append(&admitted.blocks);
        draft.set_heads(known, admitted.heads);
        if let Some((peer, position)) = &batch.cursor {
            let content = write_cursor(peer.epoch, *position);
            draft.put(Table::Cursors, draft.row.number.cursor(&peer.id), &[&content]);
        }
        if let Some(checkpoint) = &batch.checkpoint {
            let recorded = self.recorded(space, known, batch, checkpoint).await?;
            draft.checkpoint(checkpoint, recorded)?;
        }
        let (head, before) = (Position(draft.row.ends), known.row.ends);
        draft.outcome = Ok(Committed { head, appended: head.0 - before });
        Ok(draft)
    }

    async fn admit(
        &self,
        space: &Arc<Space>,
        known: &Known,
        batch: &Batch,
    ) -> Result<Result<Admitted, crate::log::Refused>, StoreError> {
        let mut admission = Admission::new(&batch.space, &batch.append);
        loop {
            let (mut open, mut dots) = (false, Vec::new());
            for question in admission.questions() {
                open = true;
                match question {
                    Question::Head(replica) => {
                        let head = known.heads.get(&replica).copied().unwrap_or(Head::START);
                        admission.answer(Answer::Head(replica, head));
                    }
                    Question::Writers => admission.answer(Answer::Writers(known.heads.len())),
                    Question::Chain(dot) => dots.push(dot),
                }
            }
            for (dot, chain) in self.chains(space, known, batch, dots).await? {
                admission.answer(Answer::Chain(dot, chain));
            }
            if !open {
                return Ok(admission.decide(Position(known.row.ends)));
            }
        }
    }

    /// The chains at events that are held; `None` where they were pruned.
    async fn chains(
        &self,
        space: &Arc<Space>,
        known: &Known,
        batch: &Batch,
        dots: Vec<Dot>,
    ) -> Result<Vec<(Dot, Option<Chain>)>, StoreError> {
        if dots.is_empty() {
            return Ok(Vec::new());
        }
        let number = known.row.number;
        let reads = dots.iter().map(|dot| view::run_read(number, *dot)).collect();
        let runs = self.read_staged(space, known, batch, reads).await?;
        let mut starts = Vec::new();
        for (dot, rows) in dots.iter().zip(&runs) {
            starts.push(view::run(number, *dot, rows)?.start);
        }
        let mut reads: Vec<_> = view::space_reads(&batch.space).into();
        let own = reads.len();
        reads.extend(starts.iter().map(|start| view::block_read(number, *start)));
        let found = self.rows().read(reads).await?;
        let begins = view::space_row(&found)?.map_or(0, |row| row.begins);
        let mut chains = Vec::new();
        for ((dot, start), rows) in dots.into_iter().zip(starts).zip(found.iter().skip(own)) {
            if rows.is_empty() && start < begins {
                chains.push((dot, None));
                continue;
            }
            let chain = view::block(rows)?.block.chain_at(dot);
            let missing = Damage::new("a block does not hold the events that it should");
            chains.push((dot, Some(chain.ok_or(missing)?)));
        }
        Ok(chains)
    }

    /// A refused batch: writes what proves a fork, unless that is recorded or has no room.
    async fn refuse(
        &self,
        space: &Arc<Space>,
        known: &Known,
        batch: &Batch,
        refusal: Refusal,
        block: Option<&Bytes>,
    ) -> Result<Draft, StoreError> {
        let mut draft = Draft::on(known);
        draft.outcome = Err(refusal.clone());
        let (Refusal::Fork { dot, .. }, Some(block)) = (&refusal, block) else {
            return Ok(draft);
        };
        let bytes = known.row.fork_bytes + block.len() as u64;
        if known.row.forks as usize >= LIST_ROWS_MAX || bytes > BATCH_BYTES_MAX as u64 {
            return Ok(draft);
        }
        let proof =
            ForkProof { refusal: refusal.to_string(), replica: dot.replica, block: block.clone() };
        let proof = wire::encode(&proof).map_err(Damage::from)?;
        let key = known.row.number.hashed(&[&proof]);
        let read = Read::get(Table::Forks, &key);
        let found = self.read_staged(space, known, batch, vec![read]).await?;
        if !answer(&found, 0).is_empty() {
            return Ok(draft);
        }
        draft.put(Table::Forks, key, &[&known.row.forks.to_be_bytes(), &proof]);
        (draft.row.forks, draft.row.fork_bytes) = (known.row.forks + 1, bytes);
        Ok(draft)
    }

    /// Finds which of a checkpoint's conflicts are recorded already.
    async fn recorded(
        &self,
        space: &Arc<Space>,
        known: &Known,
        batch: &Batch,
        checkpoint: &Checkpoint,
    ) -> Result<BTreeSet<Vec<u8>>, StoreError> {
        if checkpoint.conflicts.is_empty() || checkpoint.replaces_all {
            return Ok(BTreeSet::new());
        }
        let keys = checkpoint.conflicts.iter().map(|of| conflict_key(known.row.number, of));
        let keys: Vec<_> = keys.collect::<Result<_, _>>()?;
        let reads = keys.iter().map(|key| Read::get(Table::ConflictsSeen, key)).collect();
        let found = self.read_staged(space, known, batch, reads).await?;
        let recorded = keys.into_iter().zip(found).filter(|(_, rows)| !rows.is_empty());
        Ok(recorded.map(|(key, _)| key).collect())
    }

    /// Reads once everything staged so far is written.
    async fn read_staged(
        &self,
        space: &Arc<Space>,
        known: &Known,
        batch: &Batch,
        reads: Vec<Read>,
    ) -> Result<Vec<Vec<Row>>, StoreError> {
        let barrier = staged(&batch.space, space, known, &Draft::on(known));
        if let Some(written) = self.queue.push(barrier, known.generation, None)
            && let Ok(Written::Failed(error)) = written.await
        {
            return Err(StoreError::shared(error));
        }
        // Should the barrier have fallen, the batch itself is not taken either.
        self.rows().read(reads).await
    }

    /// Waits until everything staged so far is written or has failed.
    pub(super) async fn settle(&self) {
        let id = SpaceId::default();
        let nothing = Staged {
            space: Arc::default(),
            write: WriteSet::default(),
            ends: Position::START,
            appends: false,
            spaces: None,
            id,
        };
        if let Some(written) = self.queue.push(nothing, self.queue.generation(), None) {
            let _ = written.await;
        }
    }
}

impl Draft {
    /// Nothing to write yet.
    fn on(known: &Known) -> Self {
        let head = Position(known.row.ends);
        let outcome = Ok(Committed { head, appended: 0 });
        Self { row: known.row.clone(), heads: BTreeMap::new(), changes: Vec::new(), outcome }
    }

    fn put(&mut self, table: Table, key: Vec<u8>, parts: &[&[u8]]) {
        let value = sealed(table, &key, parts);
        self.changes.push(Change::Put { table, key, value });
    }

    /// Blocks, and which events they hold.
    fn append(&mut self, blocks: &[LogBlock]) {
        let number = self.row.number;
        for log in blocks {
            let start = log.start.0;
            let (source, block) = (write_source(log.source), log.block.bytes());
            self.put(Table::Log, number.log(start), &[&source, block]);
            for run in log.block.runs() {
                let key = number.run(&run.replica, run.first_seq, start);
                self.put(Table::Runs, key, &[&run.last_seq().to_be_bytes()]);
            }
            self.row.ends = log.end().0;
        }
    }

    fn set_heads(&mut self, known: &Known, heads: BTreeMap<crate::id::ReplicaId, Head>) {
        for (replica, head) in &heads {
            self.put(Table::Heads, self.row.number.head(replica), &[&write_head(head)]);
        }
        let fresh = heads.keys().filter(|replica| !known.heads.contains_key(replica)).count();
        self.row.authors += u32::try_from(fresh).unwrap_or(u32::MAX);
        self.heads = heads;
    }

    fn checkpoint(
        &mut self,
        checkpoint: &Checkpoint,
        mut recorded: BTreeSet<Vec<u8>>,
    ) -> Result<(), StoreError> {
        let number = self.row.number;
        if checkpoint.replaces_all {
            for table in [Table::States, Table::Conflicts, Table::ConflictsSeen] {
                let range: KeyRange = number.range();
                self.changes.push(Change::Remove { table, range });
            }
            self.row.conflicts = 0;
        }
        for (aggregate, state) in &checkpoint.states {
            self.put(Table::States, number.state(aggregate), &[state]);
        }
        for conflict in &checkpoint.conflicts {
            let key = conflict_key(number, conflict)?;
            if recorded.insert(key.clone()) {
                self.put(Table::ConflictsSeen, key, &[]);
                let content = wire::encode(conflict).map_err(Damage::from)?;
                self.put(Table::Conflicts, number.conflict(self.row.conflicts), &[&content]);
                self.row.conflicts += 1;
            }
        }
        self.row.mark = Some(checkpoint.mark.clone());
        Ok(())
    }
}

/// A draft with the row of its space, which is guarded; the row comes last.
fn staged(id: &SpaceId, space: &Arc<Space>, known: &Known, draft: &Draft) -> Staged {
    let key = space_key(id);
    let is_changed = !draft.changes.is_empty() || draft.row != known.row;
    let is_fresh = known.stored.is_none() && is_changed;
    let mut write = WriteSet::default();
    if is_changed {
        let expected = known.stored.clone();
        write.guards.push(Guard { table: Table::Spaces, key: key.to_vec(), expected });
        write.changes.clone_from(&draft.changes);
    }
    let number = draft.row.number.0;
    if is_fresh {
        let put = |table, key: &[u8], content: &[u8]| Change::Put {
            table,
            key: key.to_vec(),
            value: sealed(table, key, &[content]),
        };
        let count = sealed(Table::Meta, meta::SPACES, &[&number.to_be_bytes()]);
        let (table, counter) = (Table::Meta, meta::SPACES.to_vec());
        write.guards.push(Guard { table, key: counter, expected: Some(count) });
        write.changes.push(put(Table::Names, key, &draft.row.number.prefix()));
        write.changes.push(put(Table::Meta, meta::SPACES, &(number + 1).to_be_bytes()));
    }
    if is_fresh || draft.row != known.row {
        let value = sealed(Table::Spaces, key, &[&draft.row.write()]);
        write.changes.push(Change::Put { table: Table::Spaces, key: key.to_vec(), value });
    }
    Staged {
        id: id.clone(),
        space: Arc::clone(space),
        write,
        ends: Position(draft.row.ends),
        appends: draft.row.ends > known.row.ends,
        spaces: is_fresh.then_some(number + 1),
    }
}

/// The value of a space's row, if the change writes one.
fn space_value(change: &Change) -> Option<Bytes> {
    match change {
        Change::Put { table: Table::Spaces, value, .. } => Some(value.clone()),
        _ => None,
    }
}

fn conflict_key(number: SpaceNumber, conflict: &Conflict) -> Result<Vec<u8>, StoreError> {
    let (aggregate, field, writes) = conflict_id(conflict).map_err(Damage::from)?;
    let (kind, key) = (aggregate.kind.as_str().as_bytes(), aggregate.key.as_bytes());
    Ok(number.hashed(&[kind, key, field.as_bytes(), &writes[0], &writes[1]]))
}

fn answer(found: &[Vec<Row>], index: usize) -> &[Row] {
    found.get(index).map_or(&[], Vec::as_slice)
}

fn bytes_of_blocks(batch: &Batch) -> usize {
    batch.append.iter().map(|append| append.block.bytes().len()).sum()
}

/// What a batch weighs in the queue, in bytes.
fn weight(batch: &Batch) -> usize {
    let states = batch.checkpoint.iter().flat_map(|checkpoint| &checkpoint.states);
    bytes_of_blocks(batch) + states.map(|(_, state)| state.len()).sum::<usize>()
}
