//! Spaces in memory: a cache of durable and staged rows.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use tokio::sync::Mutex as AsyncMutex;

use super::encoding::{SpaceNumber, SpaceRow};
use super::refusals::Refusals;
use super::shown::ShownLines;
use crate::branch::Branches;
use crate::filter::Filter;
use crate::id::SpaceId;
use crate::log::Cursor;

/// Most spaces that are remembered.
const SPACES_MAX: usize = 4_096;
/// Most branches that are remembered.
const BRANCHES_MAX: usize = 65_536;

/// One space.
#[derive(Debug, Default)]
pub(super) struct Space {
    number: OnceLock<SpaceNumber>,
    /// Durable end of the log, if that is known.
    end: Mutex<Option<Cursor>>,
    /// Bytes of the blocks in the log, staged ones among them; 0 while that is not known.
    bytes: AtomicU64,
    /// Counts commits that told of forks which the log does not show.
    told: AtomicU64,
    /// Lines of authors, as far as they have been looked through for peers.
    pub(super) shown: ShownLines,
    /// The state that the next batch builds on. Held while a batch is admitted, so batches of a space are
    /// admitted and queued one after the other.
    pub(super) known: AsyncMutex<Option<Known>>,
}

/// A space's rows, staged batches included.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) row: SpaceRow,
    /// The row as it stands or is staged; `None` when the space is not there yet.
    pub(super) stored: Option<Bytes>,
    pub(super) branches: Branches,
    /// The part of the space that the store holds; `None` for all of it.
    pub(super) filter: Option<Filter>,
    /// The number of failed writes when it was read.
    pub(super) generation: u64,
    /// Refusals of hubs, as far as they have been read.
    pub(super) refusals: AsyncMutex<Refusals>,
}

impl Space {
    /// The space's number, once it has been read or written.
    pub(super) fn number(&self) -> Option<SpaceNumber> {
        self.number.get().copied()
    }

    /// Remembers a number that was read or written. Numbers never change.
    pub(super) fn has_number(&self, number: SpaceNumber) {
        let _ = self.number.set(number);
    }

    /// A commit told of forks that the log does not show.
    pub(super) fn told(&self) {
        self.told.fetch_add(1, Ordering::AcqRel);
    }

    /// The number of such commits since the space came to memory.
    pub(super) fn times_told(&self) -> u64 {
        self.told.load(Ordering::Acquire)
    }

    /// Bytes of the blocks in the log, as far as that is known.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    /// The log was read or has grown to so many bytes.
    pub(super) fn has_bytes(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Release);
    }

    /// The durable end of the log, if that is known.
    pub(super) fn end(&self) -> Option<Cursor> {
        *self.lock()
    }

    /// The log durably ends here, unless it has grown meanwhile.
    pub(super) fn written(&self, end: Cursor) {
        let mut known = self.lock();
        if known.is_none_or(|known| known.position < end.position) {
            *known = Some(end);
        }
    }

    /// The log was read and ended here, unless writes have failed since.
    pub(super) fn read(&self, end: Cursor, none_failed: impl FnOnce() -> bool) {
        let mut known = self.lock();
        if known.is_none() && none_failed() {
            *known = Some(end);
        }
    }

    /// A write failed: where the log ends is to be read.
    pub(super) fn forget_end(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Cursor>> {
        // Nothing panics while it is locked.
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The spaces that are remembered.
#[derive(Debug, Default)]
pub(super) struct Spaces(Mutex<BTreeMap<SpaceId, Arc<Space>>>);

impl Spaces {
    /// A space; nothing is known of it when it is new here.
    pub(super) fn of(&self, id: &SpaceId) -> Arc<Space> {
        let mut spaces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(space) = spaces.get(id) {
            return Arc::clone(space);
        }
        if spaces.len() >= SPACES_MAX {
            forget_unused(&mut spaces);
        }
        Arc::clone(spaces.entry(id.clone()).or_default())
    }

    /// A space that is remembered.
    pub(super) fn get(&self, id: &SpaceId) -> Option<Arc<Space>> {
        let spaces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spaces.get(id).map(Arc::clone)
    }

    /// Keeps within the limit of branches.
    pub(super) fn trim(&self) {
        let mut spaces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let branches = |space: &Arc<Space>| {
            let known = space.known.try_lock();
            known.map_or(0, |known| known.as_ref().map_or(0, |known| known.branches.len()))
        };
        if spaces.values().map(branches).sum::<usize>() > BRANCHES_MAX {
            forget_unused(&mut spaces);
        }
    }
}

/// Forgets spaces that nobody uses. Whoever uses one, or has staged a batch for it, holds it.
fn forget_unused(spaces: &mut BTreeMap<SpaceId, Arc<Space>>) {
    spaces.retain(|_, space| Arc::strong_count(space) > 1);
}
