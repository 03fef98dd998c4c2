//! Blocks on their way into the rows: admitted, and not durable yet.
//!
//! A hub passes on what others wrote while it is being written here, so that two who work together do not wait
//! for the hub's disk. Nothing rests on it: the author holds it durably and is not told that the hub does before that
//! is so; whoever is sent it is told how far this log is durable, and resumes from there; and when it cannot be
//! written, the sessions that have passed it on end.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::watch::{LogWatch, MovesSeen};
use super::{EventStore, StoreError, StoreErrorKind};
use crate::id::{Position, ReplicaId, SpaceId};
use crate::log::{LogBlock, Page};

/// The blocks of one store that are on their way. The queue that they wait in bounds them.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    logs: Mutex<BTreeMap<SpaceId, VecDeque<AheadBlock>>>,
    watch: LogWatch,
}

#[derive(Debug)]
struct AheadBlock {
    /// The peer that it came from.
    from: ReplicaId,
    /// Begin of the log.
    begins: Position,
    log: LogBlock,
}

/// The end of a log for one reader, what is on its way included.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct AheadEnd {
    /// `None` when nothing is on its way that the reader may see.
    position: Option<Position>,
    /// The reader's own work is on its way, and what follows that waits.
    waits: bool,
}

impl Ahead {
    /// Blocks from a peer are on their way, and follow what is durable or on its way; whether they do.
    pub(super) fn announce(
        &self,
        space: &SpaceId,
        durable: Position,
        (from, begins): (ReplicaId, Position),
        blocks: &[LogBlock],
    ) -> bool {
        let mut logs = self.lock();
        let last = logs.get(space).and_then(|log| log.back());
        let end = last.map_or(durable, |last| last.log.end());
        if blocks.first().is_none_or(|first| first.start != end) {
            return false;
        }
        let coming = logs.entry(space.clone()).or_default();
        coming.extend(blocks.iter().map(|log| AheadBlock { from, begins, log: log.clone() }));
        drop(logs);
        self.watch.notify(space);
        true
    }

    /// A log is durable up to a place. True if what became so had been announced.
    pub(super) fn written(&self, space: &SpaceId, end: Position) -> bool {
        let mut logs = self.lock();
        let Some(log) = logs.get_mut(space) else { return false };
        let before = log.len();
        while log.front().is_some_and(|first| first.log.end() <= end) {
            log.pop_front();
        }
        let announced = log.len() < before;
        if log.is_empty() {
            logs.remove(space);
        }
        announced
    }

    /// A log has moved, or lost what was on its way.
    pub(super) fn notify(&self, space: &SpaceId) {
        self.watch.notify(space);
    }

    /// Nothing of what was on its way may arrive; those who wait are to be notified.
    pub(super) fn forget_all(&self) {
        self.lock().clear();
    }

    fn end(&self, space: &SpaceId, reader: &ReplicaId) -> AheadEnd {
        let logs = self.lock();
        let Some(log) = logs.get(space) else { return AheadEnd::default() };
        let seen = log.iter().take_while(|coming| coming.from != *reader);
        let (mut position, mut count) = (None, 0);
        for coming in seen {
            (position, count) = (Some(coming.log.end()), count + 1);
        }
        AheadEnd { position, waits: count < log.len() }
    }

    /// The page after a position that is durable or on its way, up to what came from the reader.
    fn page(&self, space: &SpaceId, after: Position, reader: &ReplicaId) -> Option<Page> {
        let logs = self.lock();
        let log = logs.get(space)?;
        let first = log.partition_point(|coming| coming.log.end() <= after);
        let AheadBlock { begins, log: next, .. } = log.get(first)?;
        let seen = log.range(first..).take_while(|coming| coming.from != *reader);
        let blocks: Vec<_> = seen.map(|coming| coming.log.clone()).collect();
        let head = blocks.last().filter(|_| next.start <= after)?.end();
        let page = Page { begins: *begins, head, ..Page::empty(after) };
        match page.fill(blocks.into_iter().map(Ok::<_, std::convert::Infallible>)) {
            Ok(page) => Some(page),
            Err(never) => match never {},
        }
    }

    fn subscribe(&self, space: &SpaceId) -> MovesSeen {
        self.watch.subscribe(space)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SpaceId, VecDeque<AheadBlock>>> {
        // Nothing panics while it is locked.
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a log for one peer, with what is on its way into it.
#[derive(Debug)]
pub(crate) struct AheadReader {
    store: Arc<EventStore>,
    space: SpaceId,
    peer: ReplicaId,
    /// The last place before it was durable that the session was told of, and the number of failed writes then.
    passed: Mutex<Option<(Position, u64)>>,
}

impl AheadReader {
    pub(crate) fn new(store: Arc<EventStore>, space: SpaceId, peer: ReplicaId) -> Self {
        Self { store, space, peer, passed: Mutex::default() }
    }

    /// Reads the log after a position, as [`EventStore::read_after`] does.
    ///
    /// # Errors
    /// Those of that, and [`StoreErrorKind::Withdrawn`] when something that was passed on could not be
    /// written.
    pub(crate) async fn page(&self, after: Position) -> Result<Page, StoreError> {
        self.check()?;
        let queue = self.store.queue();
        let generation = queue.generation();
        let Some(durable) = self.store.durable_end(&self.space).filter(|end| end.position <= after)
        else {
            return self.store.read_after(&self.space, after).await;
        };
        let Some(page) = queue.ahead().page(&self.space, after, &self.peer) else {
            return self.store.read_after(&self.space, after).await;
        };
        self.note(page.through, generation);
        Ok(Page { durable: Some(durable), ..page })
    }

    /// Waits until the log ends after `past`, as [`EventStore::moved`] does.
    ///
    /// # Errors
    /// As [`AheadReader::page`].
    pub(crate) async fn moved(&self, past: Position) -> Result<Position, StoreError> {
        let queue = self.store.queue();
        let mut moves = queue.ahead().subscribe(&self.space);
        loop {
            self.check()?;
            let generation = queue.generation();
            let ahead = queue.ahead().end(&self.space, &self.peer);
            if let Some(end) = ahead.position.filter(|end| *end > past) {
                self.note(end, generation);
                return Ok(end);
            }
            let durable = self.store.head(&self.space).await?;
            if durable > past {
                return Ok(durable);
            }
            // Of what it sent itself it hears as before: once that is durable.
            let written = async {
                if ahead.waits || queue.rows().is_shared() {
                    self.store.moved(&self.space, past).await.map(drop)
                } else {
                    std::future::pending().await
                }
            };
            tokio::select! {
                biased;
                () = moves.changed() => {}
                ended = written => ended?,
                () = self.store.until_closed() => {}
            }
        }
    }

    /// Notes that the session is told of a place that is not durable.
    fn note(&self, through: Position, generation: u64) {
        let mut passed = self.passed();
        let noted = passed.get_or_insert((through, generation));
        noted.0 = noted.0.max(through);
    }

    /// Checks that what was passed on before it was durable is durable, or may still become so.
    fn check(&self) -> Result<(), StoreError> {
        let mut passed = self.passed();
        let Some((through, generation)) = *passed else { return Ok(()) };
        let durable = self.store.durable_end(&self.space);
        // Read after the end: no write has failed until then.
        if self.store.queue().generation() != generation {
            return Err(StoreError::new("pass events on", StoreErrorKind::Withdrawn));
        }
        if durable.is_some_and(|durable| durable.position >= through) {
            *passed = None;
        }
        Ok(())
    }

    fn passed(&self) -> MutexGuard<'_, Option<(Position, u64)>> {
        // Nothing panics while it is locked.
        self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
