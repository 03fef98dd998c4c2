//! Writing: batches are admitted one after the other, each on top of those staged before.
//!
//! A batch is admitted completely before any of it is staged, so a refused one leaves nothing
//! behind. Admission builds on what is remembered of the space; the row of
//! the space guards the write, so another process that wrote in the meantime is noticed.

mod checkpoint;
mod filters;
mod forget;
mod keys;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, OwnedSemaphorePermit, oneshot};

use super::acks::{Acks, DurableEnd};
use super::encoding::{
    IdentityRow, RunRow, SpaceNumber, SpaceRow, meta, only, read_number, space_key, write_branch,
    write_cursor, write_place,
};
use super::queue::{Queue, Staged, Written};
use super::rows::{Change, Guard, Read, Row, Rows, Table, WriteSet};
use super::seal::{Damage, sealed};
use super::space::{Known, Space, Spaces};
use super::{
    BATCH_BYTES_MAX, Batch, Committed, StoreError, StoreErrorKind, identity, locate, view,
};
use crate::branch::{Branch, BranchNo, Branches};
use crate::id::{Position, ReplicaId, SpaceId};
use crate::key::ReplicaKey;
use crate::log::{
    Admission, Admitted, Answers, Cursor, Decision, Gap, LogBlock, Refusal, Source, View, Witness,
};
use crate::platform;
use crate::ruling::Rulings;

/// Most times that a batch is staged because other processes wrote in between.
const ATTEMPTS_MAX: usize = 64;

/// The rows of an open store and what is remembered of them.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) queue: Arc<Queue>,
    pub(super) spaces: Spaces,
    pub(super) acks: Acks,
    filters: filters::OpenFilters,
    /// Held from giving a space its number to staging it.
    numbering: AsyncMutex<()>,
    /// The key that the store writes under.
    keys: Mutex<Keys>,
    /// Held while a text that tells types, or a policy, is written beside what is there.
    pub(super) adding_beside: AsyncMutex<()>,
    /// Held from drawing another key until it is written or has failed.
    changing: Arc<AsyncMutex<()>>,
}

struct Keys {
    row: IdentityRow,
    key: ReplicaKey,
}

impl Keys {
    fn of(row: IdentityRow) -> Self {
        Self { key: ReplicaKey::from_seed(&row.seed), row }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)
    }
}

/// A batch on its way: what answers it once it is durable.
struct OnItsWay {
    written: oneshot::Receiver<Written>,
    outcome: Result<Committed, Refusal>,
    key: Option<NewKey>,
}

/// A key that the store writes under from this batch on, and the one before.
struct NewKey {
    row: IdentityRow,
    before: IdentityRow,
}

/// The changes of a batch, and the space after them.
struct Changes {
    row: SpaceRow,
    branches: BTreeMap<BranchNo, Branch>,
    guards: Vec<Guard>,
    changes: Vec<Change>,
    /// The places in peers' logs among the changes.
    cursors: Vec<(ReplicaId, Cursor)>,
    outcome: Result<Committed, Refusal>,
    key: Option<NewKey>,
    /// Forks are told that the log does not show.
    tells: bool,
    /// Held from drawing another key until it is written or has failed.
    changing: Option<OwnedMutexGuard<()>>,
}

impl Ledger {
    pub(super) fn new(rows: Arc<dyn Rows>, identity: IdentityRow) -> Self {
        Self {
            queue: Arc::new(Queue::new(rows)),
            spaces: Spaces::default(),
            acks: Acks::default(),
            filters: filters::OpenFilters::default(),
            numbering: AsyncMutex::new(()),
            adding_beside: AsyncMutex::new(()),
            keys: Mutex::new(Keys::of(identity)),
            changing: Arc::default(),
        }
    }

    /// The key that the store writes under.
    pub(super) fn key(&self) -> ReplicaKey {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).key.clone()
    }

    /// From here on the store writes under another key, unless it does not write under `before`.
    fn change_key(&self, before: &IdentityRow, after: &IdentityRow) {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.row.seed == before.seed {
            *keys = Keys::of(after.clone());
        }
    }

    /// Reads the key that is stored, unless another one is on its way there: after a failed write
    /// it is open which one that is, and another process may have changed it.
    async fn read_key(&self) -> Result<(), StoreError> {
        let Ok(_changing) = self.changing.try_lock() else { return Ok(()) };
        let Some(stored) = identity::read(&self.rows().read(identity::reads()).await?)? else {
            return Err(Damage::new("the store's identity is missing").into());
        };
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.row.seed != stored.seed {
            *keys = Keys::of(stored);
        }
        Ok(())
    }

    /// The number of commits that told of forks in a space which its log does not show, as far as is
    /// remembered.
    pub(super) fn times_told(&self, space: &SpaceId) -> u64 {
        self.spaces.get(space).map_or(0, |space| space.times_told())
    }

    pub(super) fn rows(&self) -> &dyn Rows {
        self.queue.rows()
    }

    /// The durable end of a log. Where it is not known, or others write, nothing is seen before it is durable.
    pub(super) fn durable(&self, space: &SpaceId) -> DurableEnd {
        let known = self.spaces.get(space).and_then(|space| space.end());
        let known = known.filter(|_| !self.rows().is_shared());
        let position = known.map_or(Position(u64::MAX), |end| end.position);
        DurableEnd { position, generation: self.queue.generation() }
    }

    /// Commits a batch: when this returns, it is durable or refused.
    pub(super) async fn commit(&self, batch: &Batch) -> Result<Committed, StoreError> {
        self.commit_with(batch, &[]).await
    }

    /// Commits a batch together with changes to rows that no space remembers.
    pub(super) async fn commit_with(
        &self,
        batch: &Batch,
        beside: &[Change],
    ) -> Result<Committed, StoreError> {
        if bytes_of_blocks(batch) > BATCH_BYTES_MAX {
            return Err(StoreError::new("check a batch", StoreErrorKind::BatchTooLarge));
        }
        if beside.is_empty()
            && let Some(kept) = self.keep_cursor(batch)
        {
            return Ok(kept);
        }
        let closed = || StoreError::new("wait for a write", StoreErrorKind::Closed);
        for _attempt in 0..ATTEMPTS_MAX {
            let room = self.queue.room(weight(batch)).await;
            let Some(OnItsWay { written, outcome, key }) = self.stage(batch, beside, room).await?
            else {
                continue;
            };
            let written = written.await;
            if let (Some(key), false) = (&key, matches!(written, Ok(Written::Durably))) {
                self.change_key(&key.row, &key.before);
            }
            match written.map_err(|_| closed())? {
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

    /// Keeps the cursor of a batch that holds nothing else in memory, to be written later, when all
    /// that it may stand behind is durable.
    fn keep_cursor(&self, batch: &Batch) -> Option<Committed> {
        let place = batch.cursor.as_ref()?;
        let writes =
            !batch.append.is_empty() || batch.checkpoint.is_some() || batch.filter.is_some();
        if writes || !batch.hidden.is_empty() || self.rows().is_shared() {
            return None;
        }
        let space = self.spaces.get(&batch.space)?;
        let (number, end) = (space.number()?, space.end()?);
        let keeps = self.queue.is_idle() && self.queue.cursors().keep(&batch.space, number, place);
        keeps.then(|| Committed { head: end.position, appended: 0, blocks: Vec::new() })
    }

    /// Admits a batch and queues what it writes; `None` when what it built on has passed.
    async fn stage(
        &self,
        batch: &Batch,
        beside: &[Change],
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
        let mut draft = self.draft(&space, known, batch).await?;
        if draft.outcome.is_ok() {
            draft.changes.extend_from_slice(beside);
        }
        let mut staged = staged(&batch.space, &space, known, &mut draft);
        staged.passed_on = self.passes_on(batch, &draft);
        let (spaces, ends) = (staged.spaces, staged.end.position);
        let value = staged.write.changes.last().and_then(space_value);
        let Some(written) = self.queue.push(staged, known.generation, room) else {
            *place = None;
            return Ok(None);
        };
        debug_assert!(spaces.is_none() || numbering.is_some(), "a number was given unguarded");
        debug_assert!(ends.0 >= known.row.ends, "a log became shorter");
        if let Some(key) = &draft.key {
            // Whoever sees the batch in the log finds the key.
            self.change_key(&key.before, &key.row);
        }
        known.row = draft.row;
        space.has_bytes(known.row.bytes);
        known.filter = batch.filter.clone().or(known.filter.take());
        for (no, branch) in draft.branches {
            let many = |_| Damage::new("a space has too many branches");
            known.branches.set(no, branch).map_err(many)?;
        }
        known.stored = value.or(known.stored.take());
        Ok(Some(OnItsWay { written, outcome: draft.outcome, key: draft.key }))
    }

    /// The peer that a batch came from, if nothing of it was written here: what this store writes is seen by others
    /// once it is durable, and so is what stands behind it.
    fn passes_on(&self, batch: &Batch, draft: &Changes) -> Option<ReplicaId> {
        let is_of_others = batch.append.iter().all(|append| append.source == Source::Peer);
        let passes_on = is_of_others && draft.key.is_none() && !self.rows().is_shared();
        batch.cursor.filter(|_| passes_on).map(|(peer, _)| peer)
    }

    /// Reads what is stored of a space.
    async fn load(&self, id: &SpaceId, space: &Space) -> Result<Known, StoreError> {
        let generation = self.queue.generation();
        self.read_key().await?;
        let found = self.rows().read(view::space_reads(id).into()).await?;
        let Some(row) = view::space_row(&found)? else {
            let row = SpaceRow::empty(SpaceNumber(0));
            let (branches, filter) = (Branches::new(), None);
            let (stored, refusals) = (None, AsyncMutex::default());
            return Ok(Known { row, stored, branches, filter, generation, refusals });
        };
        let mut reads: Vec<_> = view::space_reads(id).into();
        reads.extend([view::branches_read(row.number), view::filter_read(row.number)]);
        let found = self.rows().read(reads).await?;
        let missing = || Damage::new("a space's row is missing");
        let row = view::space_row(&found)?.ok_or_else(missing)?;
        let branches = view::branches(&row, answer(&found, 2))?;
        let filter = view::filter(answer(&found, 3))?;
        let filter = filter.map(|filter| self.filters.resolve(id, filter));
        let stored = answer(&found, 0).first().map(|row| row.value.clone());
        space.has_number(row.number);
        self.spaces.trim();
        let refusals = AsyncMutex::default();
        Ok(Known { row, stored, branches, filter, generation, refusals })
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

    /// Admits a batch and gives its changes.
    async fn draft(
        &self,
        space: &Arc<Space>,
        known: &Known,
        batch: &Batch,
    ) -> Result<Changes, StoreError> {
        let own = self.key().id();
        let mut draft = Changes::on(known);
        let admitted = match self.admit(space, known, batch, own).await? {
            Ok(admitted) => admitted,
            Err(refusal) => {
                draft.outcome = Err(refusal);
                return Ok(draft);
            }
        };
        draft.append(&admitted.blocks, admitted.end);
        draft.note_gaps(&admitted.gaps);
        if let Some(filter) = &batch.filter {
            draft.put(Table::Filters, draft.row.number.prefix().to_vec(), &[&filter.write()]);
        }
        draft.tells = admitted.tells;
        draft.set_branches(known, admitted.branches);
        if admitted.own_key_is_spent {
            self.new_key(own, &mut draft).await?;
        }
        for (place, change) in self.queue.cursors().unwritten(&batch.space) {
            draft.cursors.push(place);
            draft.changes.push(change);
        }
        if let Some((peer, cursor)) = &batch.cursor {
            draft.put(Table::Cursors, draft.row.number.cursor(peer), &[&write_cursor(cursor)]);
            draft.cursors.push((*peer, *cursor));
        }
        if let Some(checkpoint) = &batch.checkpoint {
            let held = self.held_parts(space, known, batch, checkpoint).await?;
            draft.checkpoint(checkpoint, held);
        }
        let (head, before) = (Position(draft.row.ends), known.row.ends);
        let (appended, blocks) = (head.0 - before, admitted.blocks);
        draft.outcome = Ok(Committed { head, appended, blocks });
        Ok(draft)
    }

    /// Draws another key, unless the store has another one by now.
    async fn new_key(&self, own: ReplicaId, draft: &mut Changes) -> Result<(), StoreError> {
        let changing = Arc::clone(&self.changing).lock_owned().await;
        let before = {
            let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
            if keys.key.id() != own {
                return Ok(());
            }
            keys.row.clone()
        };
        let seed = platform::random().map_err(|source| {
            StoreError::new("draw another key", StoreErrorKind::Randomness).caused_by(source)
        })?;
        let row = before.with_key(seed);
        let (guard, change) = identity::change(&before, &row);
        draft.guards.push(guard);
        draft.changes.push(change);
        (draft.key, draft.changing) = (Some(NewKey { row, before }), Some(changing));
        Ok(())
    }

    async fn admit(
        &self,
        space: &Arc<Space>,
        known: &Known,
        batch: &Batch,
        own: ReplicaId,
    ) -> Result<Result<Admitted, Refusal>, StoreError> {
        let is_local = batch.append.iter().all(|append| append.source == Source::Local);
        let awaits = is_local || batch.hidden.witness != Witness::Whole;
        let admission = Admission {
            space: &batch.space,
            branches: &known.branches,
            end: known.row.end(),
            own,
            append: &batch.append,
            cap: batch.cap.as_ref(),
            hidden: known.filter.as_ref().map(|_| &batch.hidden),
            awaits: known.filter.as_ref().filter(|_| awaits),
        };
        let view = View { filter: known.filter.clone(), reader: Some(own), writers: None };
        let mut answers = Answers::default();
        loop {
            match admission.decide(&answers) {
                Err(refusal) => return Ok(Err(refusal)),
                Ok(Decision::Admit(admitted)) => return Ok(Ok(admitted)),
                Ok(Decision::Ask(questions)) => {
                    self.settled(space, known, batch).await?;
                    let held = (&known.branches, &view, &known.refusals);
                    locate::answer(self.rows(), known.row.number, held, &questions, &mut answers)
                        .await?;
                }
            }
        }
    }

    /// True when a space is known to be held in part.
    pub(super) async fn holds_part(&self, space: &SpaceId) -> bool {
        let space = self.spaces.of(space);
        let known = space.known.lock().await;
        known.as_ref().is_some_and(|known| known.filter.is_some())
    }

    /// Waits until everything staged so far is written, so that reading shows it.
    async fn settled(
        &self,
        space: &Arc<Space>,
        known: &Known,
        batch: &Batch,
    ) -> Result<(), StoreError> {
        let barrier = staged(&batch.space, space, known, &mut Changes::on(known));
        if let Some(written) = self.queue.push(barrier, known.generation, None)
            && let Ok(Written::Failed(error)) = written.await
        {
            return Err(StoreError::shared(error));
        }
        // Should the barrier have fallen, the batch itself is not taken either.
        Ok(())
    }

    /// Waits until everything staged so far is written or has failed, and writes what was kept to be
    /// written later.
    pub(super) async fn settle(&self) {
        let mut changes = self.queue.cursors().all_unwritten();
        changes.extend(self.acks.take_unwritten(None, |space| self.durable(space)));
        let _ = self.write_beside(WriteSet { guards: Vec::new(), changes }).await;
    }

    /// Writes rows that no space remembers, after everything staged so far.
    pub(super) async fn write_beside(&self, write: WriteSet) -> Result<(), StoreError> {
        for _attempt in 0..ATTEMPTS_MAX {
            let staged = Staged {
                space: Arc::default(),
                write: write.clone(),
                end: Cursor::START,
                begins: Position::START,
                appended: Vec::new(),
                passed_on: None,
                cursors: Vec::new(),
                spaces: None,
                tells: false,
                _changing: None,
                id: SpaceId::default(),
            };
            match self.queue.push(staged, self.queue.generation(), None) {
                None => {}
                Some(written) => match written.await {
                    Ok(Written::Durably) => return Ok(()),
                    Ok(Written::Not) => {}
                    Ok(Written::Failed(error)) => return Err(StoreError::shared(error)),
                    Err(_) => break,
                },
            }
        }
        Err(StoreError::new("write rows", StoreErrorKind::Closed))
    }
}

impl Changes {
    /// Nothing to write yet.
    fn on(known: &Known) -> Self {
        let head = Position(known.row.ends);
        let outcome = Ok(Committed { head, appended: 0, blocks: Vec::new() });
        let (row, branches) = (known.row.clone(), BTreeMap::new());
        let (guards, changes, cursors) = (Vec::new(), Vec::new(), Vec::new());
        let (key, changing, tells) = (None, None, false);
        Self { row, branches, guards, changes, cursors, outcome, key, tells, changing }
    }

    fn put(&mut self, table: Table, key: Vec<u8>, parts: &[&[u8]]) {
        let value = sealed(table, &key, parts);
        self.changes.push(Change::Put { table, key, value });
    }

    /// Appends blocks, and notes which commits they hold.
    fn append(&mut self, blocks: &[LogBlock], end: Cursor) {
        let number = self.row.number;
        for log in blocks {
            let start = log.start.0;
            self.put(Table::Log, number.log(start), &[&write_place(log), log.block.bytes()]);
            self.row.bytes += log.block.bytes().len() as u64;
            if !Rulings::new().controls(&log.block).is_empty() {
                self.put(Table::Control, number.log(start), &[]);
            }
            for once in log.block.once() {
                self.put(Table::Once, number.once(once), &[]);
            }
            for (run, place) in log.block.runs().iter().zip(&log.runs) {
                let row = RunRow { last_seq: run.last_seq(), start, end: place.end };
                self.put(Table::Runs, number.run(place.branch, run.first_seq), &[&row.write()]);
            }
        }
        (self.row.ends, self.row.digest) = (end.position.0, end.digest);
    }

    fn note_gaps(&mut self, gaps: &[Gap]) {
        for gap in gaps {
            let row = RunRow { last_seq: gap.last_seq, start: RunRow::HIDDEN, end: gap.end };
            let key = self.row.number.run(gap.branch, gap.first_seq);
            self.put(Table::Runs, key, &[&row.write()]);
        }
    }

    fn set_branches(&mut self, known: &Known, branches: BTreeMap<BranchNo, Branch>) {
        for (no, branch) in &branches {
            self.put(Table::Heads, self.row.number.branch(*no), &[&write_branch(branch)]);
        }
        let fresh = branches.keys().filter(|no| known.branches.get(**no).is_none()).count();
        self.row.branches += u32::try_from(fresh).unwrap_or(u32::MAX);
        self.branches = branches;
    }
}

/// A draft with the row of its space, which is guarded; the row comes last.
fn staged(id: &SpaceId, space: &Arc<Space>, known: &Known, draft: &mut Changes) -> Staged {
    let key = space_key(id);
    let is_changed = !draft.changes.is_empty() || draft.row != known.row;
    let is_fresh = known.stored.is_none() && is_changed;
    let mut write = WriteSet::default();
    if is_changed {
        let expected = known.stored.clone();
        write.guards.push(Guard { table: Table::Spaces, key: key.to_vec(), expected });
        write.guards.append(&mut draft.guards);
        write.changes.append(&mut draft.changes);
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
        end: draft.row.end(),
        begins: Position(draft.row.begins),
        appended: draft.outcome.as_ref().map_or(Vec::new(), |done| done.blocks.clone()),
        passed_on: None,
        cursors: std::mem::take(&mut draft.cursors),
        spaces: is_fresh.then_some(number + 1),
        tells: draft.tells,
        _changing: draft.changing.take(),
    }
}

/// The value of a space's row, if the change writes one.
fn space_value(change: &Change) -> Option<Bytes> {
    match change {
        Change::Put { table: Table::Spaces, value, .. } => Some(value.clone()),
        _ => None,
    }
}

fn answer(found: &[Vec<Row>], index: usize) -> &[Row] {
    found.get(index).map_or(&[], Vec::as_slice)
}

fn bytes_of_blocks(batch: &Batch) -> usize {
    batch.append.iter().map(|append| append.block.bytes().len()).sum()
}

/// The weight of a batch in the queue, in bytes.
fn weight(batch: &Batch) -> usize {
    let states = batch.checkpoint.iter().flat_map(|checkpoint| &checkpoint.states);
    bytes_of_blocks(batch) + states.map(|(_, state)| state.len()).sum::<usize>()
}
