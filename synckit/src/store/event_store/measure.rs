//! Numbers about an open store.

use super::EventStore;
use crate::id::{Position, SpaceId};
use crate::metrics::{Metrics, QUEUE_BATCHES, QUEUE_BYTES};

impl EventStore {
    /// Adds the numbers of all its uses.
    pub(crate) fn measure(&self, metrics: &mut Metrics) {
        let queue = &self.core.ledger.queue;
        queue.meter().read(metrics, queue.rows().usage());
        let (batches, bytes) = queue.depth();
        metrics.add(&QUEUE_BATCHES, &[], batches);
        metrics.add(&QUEUE_BYTES, &[], bytes);
    }

    /// The end of a space's log, if it is known without reading.
    pub(crate) fn known_end(&self, space: &SpaceId) -> Option<Position> {
        self.core.end(space).map(|end| end.position)
    }

    /// Bytes of the blocks in a space's log, as far as that is known without reading.
    pub(crate) fn known_bytes(&self, space: &SpaceId) -> u64 {
        self.core.ledger.spaces.get(space).map_or(0, |space| space.bytes())
    }
}
