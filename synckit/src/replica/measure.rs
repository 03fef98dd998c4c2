//! Numbers about a replica.

use super::Replica;
use crate::metrics::{CONFLICTS, Metrics, PARKED, REFUSED_COMMITS, ShownBy, UNCOMMITTED};

impl Replica {
    /// The replica's [metrics](crate::metrics), and those of its store.
    pub fn metrics(&self) -> Metrics {
        let (running, mut metrics) = (&self.running, Metrics::of(ShownBy::Replica));
        running.meter.read(&mut metrics, |space| running.store.known_end(space));
        metrics.add(&UNCOMMITTED, &[], running.budget.taken());
        running.store.measure(&mut metrics);
        let core = running.core();
        let tally = core.tally();
        metrics.add(&CONFLICTS, &[], tally.census.conflicts);
        metrics.add(&PARKED, &[], tally.census.parked);
        metrics.add(&REFUSED_COMMITS, &[], core.rulings().refused());
        metrics
    }
}
