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

/// Most logs of which it is remembered what could not be written.
const LOSSES_MAX: usize = 4_096;

/// The blocks of one store that are on their way. The queue that they wait in bounds them.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    held: Mutex<AheadHeld>,
    watch: LogWatch,
}

#[derive(Debug, Default)]
struct AheadHeld {
    logs: BTreeMap<SpaceId, VecDeque<AheadBlock>>,
    losses: BTreeMap<SpaceId, Loss>,
    /// The loss of logs of which none is remembered.
    unknown: u64,
    /// Counts losses.
    count: u64,
}

/// The last loss of a log: what was on its way, and could not be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Loss {
    /// Its number, and that of the loss before it.
    last: u64,
    before: u64,
    /// The place from which on the log was lost.
    from: Position,
}

/// The last place before it was durable that a session was told of.
#[derive(Clone, Copy, Debug)]
struct PassedOn {
    through: Position,
    /// The number of the log's last loss until then.
    loss: u64,
}

impl PassedOn {
    /// True if it may not have been written.
    fn is_lost(self, now: Loss) -> bool {
        // Of several losses since then the last alone is known.
        let is_the_first = self.loss == now.before;
        self.loss != now.last && !(is_the_first && self.through <= now.from)
    }
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
    /// Blocks from a peer are on their way, unless something else is that nobody sees before it is durable.
    pub(super) fn announce(
        &self,
        space: &SpaceId,
        durable: Position,
        (from, begins): (ReplicaId, Position),
        blocks: &[LogBlock],
    ) {
        let mut held = self.lock();
        let last = held.logs.get(space).and_then(|log| log.back());
        let end = last.map_or(durable, |last| last.log.end());
        if blocks.first().is_none_or(|first| first.start != end) {
            return;
        }
        let coming = held.logs.entry(space.clone()).or_default();
        coming.extend(blocks.iter().map(|log| AheadBlock { from, begins, log: log.clone() }));
        drop(held);
        self.watch.notify(space);
    }

    /// A log is durable up to a place. True if what became so had been announced.
    pub(super) fn written(&self, space: &SpaceId, end: Position) -> bool {
        let mut held = self.lock();
        let Some(log) = held.logs.get_mut(space) else { return false };
        let before = log.len();
        while log.front().is_some_and(|first| first.log.end() <= end) {
            log.pop_front();
        }
        let announced = log.len() < before;
        if log.is_empty() {
            held.logs.remove(space);
        }
        announced
    }

    /// A log has moved, or lost what was on its way.
    pub(super) fn notify(&self, space: &SpaceId) {
        self.watch.notify(space);
    }

    /// Nothing of what was on its way may arrive; those who wait are to be notified.
    pub(super) fn forget_all(&self) {
        let mut held = self.lock();
        for (space, log) in std::mem::take(&mut held.logs) {
            held.count += 1;
            if held.losses.len() >= LOSSES_MAX {
                // Whoever was told of something takes it for lost.
                held.losses.clear();
                held.unknown = held.count;
                held.count += 1;
            }
            let (last, before) = (held.count, held.losses_of(&space).last);
            let from = log.front().map_or(Position::START, |first| first.log.start);
            held.losses.insert(space, Loss { last, before, from });
        }
    }

    fn losses(&self, space: &SpaceId) -> Loss {
        self.lock().losses_of(space)
    }

    fn end(&self, space: &SpaceId, reader: &ReplicaId) -> AheadEnd {
        let held = self.lock();
        let Some(log) = held.logs.get(space) else { return AheadEnd::default() };
        let seen = log.iter().take_while(|coming| coming.from != *reader);
        let (mut position, mut count) = (None, 0);
        for coming in seen {
            (position, count) = (Some(coming.log.end()), count + 1);
        }
        AheadEnd { position, waits: count < log.len() }
    }

    /// The page after a position that is durable or on its way, up to what came from the reader.
    fn page(&self, space: &SpaceId, after: Position, reader: &ReplicaId) -> Option<Page> {
        let held = self.lock();
        let log = held.logs.get(space)?;
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

    fn lock(&self) -> MutexGuard<'_, AheadHeld> {
        // Nothing panics while it is locked.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AheadHeld {
    fn losses_of(&self, space: &SpaceId) -> Loss {
        let (last, before) = (self.unknown, self.unknown);
        let none = Loss { last, before, from: Position::START };
        self.losses.get(space).copied().unwrap_or(none)
    }
}

/// Reads a log for one peer, with what is on its way into it.
#[derive(Debug)]
pub(crate) struct AheadReader {
    store: Arc<EventStore>,
    space: SpaceId,
    peer: ReplicaId,
    passed: Mutex<Option<PassedOn>>,
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
        let ahead = self.store.queue().ahead();
        let loss = ahead.losses(&self.space).last;
        let Some(durable) = self.store.durable_end(&self.space).filter(|end| end.position <= after)
        else {
            return self.store.read_after(&self.space, after).await;
        };
        let Some(page) = ahead.page(&self.space, after, &self.peer) else {
            return self.store.read_after(&self.space, after).await;
        };
        self.note(PassedOn { through: page.through, loss });
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
            let loss = queue.ahead().losses(&self.space).last;
            let ahead = queue.ahead().end(&self.space, &self.peer);
            if let Some(end) = ahead.position.filter(|end| *end > past) {
                self.note(PassedOn { through: end, loss });
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
    fn note(&self, told: PassedOn) {
        let mut passed = self.passed();
        let noted = passed.get_or_insert(told);
        noted.through = noted.through.max(told.through);
    }

    /// Checks that what was passed on before it was durable is durable, or may still become so.
    fn check(&self) -> Result<(), StoreError> {
        let mut passed = self.passed();
        let Some(told) = *passed else { return Ok(()) };
        let durable = self.store.durable_end(&self.space);
        // Read after the end: nothing was lost until then.
        if told.is_lost(self.store.queue().ahead().losses(&self.space)) {
            return Err(StoreError::new("pass events on", StoreErrorKind::Withdrawn));
        }
        if durable.is_some_and(|durable| durable.position >= told.through) {
            *passed = None;
        }
        Ok(())
    }

    fn passed(&self) -> MutexGuard<'_, Option<PassedOn>> {
        // Nothing panics while it is locked.
        self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn losses(last: u64, before: u64, from: u64) -> Loss {
        Loss { last, before, from: Position(from) }
    }

    #[test]
    fn what_was_told_is_lost_from_the_place_of_the_first_loss_on() {
        let told = |through| PassedOn { through: Position(through), loss: 3 };
        assert!(!told(9).is_lost(losses(3, 1, 4)), "that loss was before");
        assert!(!told(9).is_lost(losses(4, 3, 9)), "it had become durable");
        assert!(told(10).is_lost(losses(4, 3, 9)));
        assert!(told(9).is_lost(losses(5, 4, 9)), "another loss came in between");
        let none = Ahead::default().losses(&SpaceId::default());
        assert!(!PassedOn { loss: none.last, ..told(9) }.is_lost(none));
    }
}
