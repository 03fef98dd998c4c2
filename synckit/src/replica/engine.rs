//! The engine of a replica: the one task that writes its edits and folds its log.
//!
//! Edits that wait at the same time become one commit of the store (group commit). An edit is
//! answered once it is durable *and* folded, so whoever made it reads it.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::author::{Author, Draft};
use super::cache::Cache;
use super::watchers::Watchers;
use crate::error::{Error, ErrorKind};
use crate::id::{AggregateId, Dot, Position, SpaceId};
use crate::log::{LogBlock, Page, Source};
use crate::registry::Registry;
use crate::store::{
    Append, Batch, Checkpoint, CheckpointMark, EventStore, StoreError, StoreErrorKind,
};
use crate::time::WallClock;

/// Requests that wait for the engine before the next caller waits.
pub(super) const REQUESTS_MAX: usize = 1_024;
/// Most edits of one group commit.
const GROUP_EDITS_MAX: usize = 1_024;
/// Most bytes of payload of one group commit; the edit that crosses the line is taken along.
const GROUP_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Changed states are stored when nothing has been folded for this long.
const CHECKPOINT_IDLE_AFTER: Duration = Duration::from_secs(1);

/// What the engine is asked.
#[derive(Debug)]
pub(super) enum Request {
    /// Commit an edit.
    Edit(Draft, oneshot::Sender<Result<Dot, Error>>),
    /// Fold at least up to this position.
    CatchUp(Position, oneshot::Sender<Result<(), Error>>),
    /// Store what is unsaved.
    Checkpoint(oneshot::Sender<Result<(), Error>>),
    /// Store what is unsaved, and end.
    Close(oneshot::Sender<Result<(), Error>>),
}

/// What the engine shares with those who read.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) store: Arc<dyn EventStore>,
    pub(super) space: SpaceId,
    pub(super) watchers: Watchers,
    cache: RwLock<Cache>,
}

impl Shared {
    pub(super) fn cache(&self) -> RwLockReadGuard<'_, Cache> {
        self.cache.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn cache_mut(&self) -> RwLockWriteGuard<'_, Cache> {
        self.cache.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
pub(super) struct Engine {
    shared: Arc<Shared>,
    author: Author,
    clock: WallClock,
    fingerprint: [u8; 32],
    folded: watch::Sender<Position>,
    /// The author's place is to be read from the store before the next edit: a commit failed.
    in_doubt: bool,
}

impl Engine {
    /// Opens the states over a log and catches them up with it.
    pub(super) async fn open(
        store: Arc<dyn EventStore>,
        space: SpaceId,
        registry: Registry,
        clock: WallClock,
    ) -> Result<Self, Error> {
        let fingerprint = registry.fingerprint();
        let mark = store.checkpoint(&space).await?;
        let stored = mark.filter(|mark| mark.fingerprint == fingerprint).map(|m| m.position);
        let replica = store.key().id();
        let head = store.replica_head(&space, &replica).await?;
        let author = Author::new(space.clone(), replica, head);
        let cache = RwLock::new(Cache::new(registry, stored));
        let watchers = Watchers::default();
        let shared = Arc::new(Shared { store, space, watchers, cache });
        let folded = watch::Sender::new(Position::START);
        let mut engine = Self { shared, author, clock, fingerprint, folded, in_doubt: false };
        engine.fold_log().await?;
        Ok(engine)
    }

    pub(super) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    pub(super) fn folded(&self) -> watch::Receiver<Position> {
        self.folded.subscribe()
    }

    /// Serves requests until it is closed or nobody is left to ask.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut idle_since = Instant::now();
        loop {
            let past = self.position();
            let dirty = self.shared.cache().is_dirty();
            let store = Arc::clone(&self.shared.store);
            tokio::select! {
                request = requests.recv() => {
                    let Some(request) = request else { break };
                    if self.serve(request, &mut requests).await {
                        return;
                    }
                    idle_since = Instant::now();
                }
                moved = store.moved(&self.shared.space, past) => {
                    let folded = match moved {
                        Ok(_) => self.fold_log().await,
                        Err(error) => Err(error.into()),
                    };
                    if let Err(error) = folded {
                        if matches!(error.kind(), ErrorKind::Closed) {
                            break;
                        }
                        tracing::warn!(%error, "the log could not be folded; trying again");
                        tokio::time::sleep(CHECKPOINT_IDLE_AFTER).await;
                    }
                    idle_since = Instant::now();
                }
                () = tokio::time::sleep_until(idle_since + CHECKPOINT_IDLE_AFTER), if dirty => {
                    if let Err(error) = self.checkpoint().await {
                        tracing::warn!(%error, "states could not be stored; trying again");
                    }
                    idle_since = Instant::now();
                }
            }
        }
        let _ = self.checkpoint().await;
    }

    /// Serves a request, and the edits that wait behind it; true when it was the last.
    async fn serve(&mut self, first: Request, requests: &mut mpsc::Receiver<Request>) -> bool {
        let mut edits = Vec::new();
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(request) = next.take() {
            match request {
                Request::Edit(draft, reply) => {
                    bytes += draft.events.iter().map(|event| event.payload.len()).sum::<usize>();
                    edits.push((draft, reply));
                    if edits.len() < GROUP_EDITS_MAX && bytes < GROUP_BYTES_MAX {
                        next = requests.try_recv().ok();
                    }
                }
                other => {
                    self.commit_edits(std::mem::take(&mut edits)).await;
                    return self.serve_other(other).await;
                }
            }
        }
        self.commit_edits(edits).await;
        false
    }

    async fn serve_other(&mut self, request: Request) -> bool {
        // Whoever has given up waiting needs no answer.
        match request {
            Request::CatchUp(position, reply) => {
                let result = match self.position() < position {
                    true => self.fold_log().await,
                    false => Ok(()),
                };
                let _ = reply.send(result);
                false
            }
            Request::Checkpoint(reply) => {
                let _ = reply.send(self.checkpoint().await);
                false
            }
            Request::Close(reply) => {
                let stored = self.checkpoint().await;
                let closed = self.shared.store.close().await.map_err(Error::from);
                let _ = reply.send(stored.and(closed));
                true
            }
            Request::Edit(draft, reply) => {
                self.commit_edits(vec![(draft, reply)]).await;
                false
            }
        }
    }

    /// Commits edits together, and answers each.
    async fn commit_edits(&mut self, edits: Vec<(Draft, oneshot::Sender<Result<Dot, Error>>)>) {
        if edits.is_empty() {
            return;
        }
        let mut replies = Vec::new();
        let drafts = edits.into_iter().map(|(draft, reply)| {
            replies.push(reply);
            draft
        });
        let results = self.commit_drafts(drafts.collect()).await;
        for (reply, result) in replies.into_iter().zip(results) {
            let _ = reply.send(result);
        }
    }

    async fn commit_drafts(&mut self, drafts: Vec<Draft>) -> Vec<Result<Dot, Error>> {
        let prepared = self.prepare(&drafts).await;
        let attempted: Vec<_> = drafts.iter().map(Draft::attempted).collect();
        let fail_all = |error: &StoreError| {
            let kind = error.kind().clone();
            attempted
                .iter()
                .map(|attempted| {
                    Err(Error::from(
                        StoreError::new(attempted.clone(), kind.clone())
                            .caused_by(error.to_string()),
                    ))
                })
                .collect()
        };
        if let Err(error) = prepared {
            return fail_all(&error);
        }
        let (results, drafted) = {
            let cache = self.shared.cache();
            let mut drafting = self.author.draft();
            let results: Vec<_> = drafts
                .into_iter()
                .map(|draft| {
                    let causes = cache.causes(&draft.aggregate, &self.shared.store.key().id());
                    drafting.add(draft, causes, self.clock.now())
                })
                .collect();
            (results, drafting.finish())
        };
        if drafted.blocks.is_empty() {
            return results;
        }
        let append = |block| Append { block, source: Source::Local };
        let batch = Batch {
            append: drafted.blocks.iter().cloned().map(append).collect(),
            ..Batch::new(self.shared.space.clone())
        };
        let committed = match self.shared.store.commit(batch).await {
            Ok(committed) => committed,
            Err(error) => {
                self.in_doubt = true;
                return fail_all(&error);
            }
        };
        self.author.committed(drafted.head);
        let start = Position(committed.head.0 - committed.appended);
        if let Err(error) = self.fold_own(drafted.blocks, start).await {
            // Durable all the same: the states catch up when the log can be read again.
            tracing::warn!(%error, "committed edits could not be folded; trying again");
        }
        results
    }

    /// Makes sure that the author's place is known, and that the states which edits build on are in
    /// memory.
    async fn prepare(&mut self, drafts: &[Draft]) -> Result<(), StoreError> {
        let (store, space) = (&self.shared.store, &self.shared.space);
        if self.in_doubt {
            self.author.committed(store.replica_head(space, &store.key().id()).await?);
            self.in_doubt = false;
        }
        let aggregates: BTreeSet<_> = drafts.iter().map(|draft| draft.aggregate.clone()).collect();
        let absent = {
            let cache = self.shared.cache();
            aggregates.into_iter().filter(|id| !cache.contains(id)).collect()
        };
        self.load(absent).await
    }

    async fn load(&self, aggregates: Vec<AggregateId>) -> Result<(), StoreError> {
        let (store, space) = (&self.shared.store, &self.shared.space);
        let reads_store = self.shared.cache().reads_store();
        for aggregate in aggregates {
            let stored = match reads_store {
                true => store.state(space, &aggregate).await?,
                false => None,
            };
            let corrupt = |error| {
                StoreError::new("read a stored state", StoreErrorKind::Corrupt).caused_by(error)
            };
            self.shared.cache_mut().insert(aggregate, stored.as_deref()).map_err(corrupt)?;
        }
        Ok(())
    }

    /// Folds blocks just committed, without reading them again when nothing else came in between.
    async fn fold_own(
        &mut self,
        blocks: Vec<crate::block::Block>,
        mut start: Position,
    ) -> Result<(), Error> {
        if start != self.position() {
            return self.fold_log().await;
        }
        for block in blocks {
            let log = LogBlock { start, block, source: Source::Local };
            start = log.end();
            self.fold(&log).await?;
        }
        Ok(())
    }

    /// Folds the log up to its head.
    async fn fold_log(&mut self) -> Result<(), Error> {
        loop {
            let (store, space) = (&self.shared.store, &self.shared.space);
            let Page { blocks, .. } = store.read_after(space, self.position()).await?;
            if blocks.is_empty() {
                self.folded.send_replace(self.position());
                return Ok(());
            }
            for log in &blocks {
                self.fold(log).await?;
            }
        }
    }

    async fn fold(&self, log: &LogBlock) -> Result<(), Error> {
        let absent = self.shared.cache().absent(&log.block);
        self.load(absent).await?;
        let changed = self.shared.cache_mut().fold(log);
        self.shared.watchers.notify(&changed);
        self.folded.send_replace(self.position());
        if self.shared.cache().is_full() {
            self.checkpoint().await?;
        }
        Ok(())
    }

    /// Stores what is unsaved.
    async fn checkpoint(&self) -> Result<(), Error> {
        let unsaved = {
            let cache = self.shared.cache();
            if !cache.is_dirty() {
                return Ok(());
            }
            cache.unsaved()
        };
        let unsaved = unsaved.map_err(|error| Error::invalid("store states", error))?;
        let mark = CheckpointMark { position: unsaved.position, fingerprint: self.fingerprint };
        let checkpoint = Checkpoint {
            mark,
            replaces_all: unsaved.replaces_all,
            states: unsaved.states,
            conflicts: unsaved.conflicts,
        };
        let batch = Batch { checkpoint: Some(checkpoint), ..Batch::new(self.shared.space.clone()) };
        self.shared.store.commit(batch).await?;
        self.shared.cache_mut().saved();
        Ok(())
    }

    fn position(&self) -> Position {
        self.shared.cache().folded()
    }
}
