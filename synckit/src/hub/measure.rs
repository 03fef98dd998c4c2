//! Numbers about a hub.

use super::Hub;
use crate::metrics::{Metrics, ShownBy, UNCOMMITTED};

impl Hub {
    /// The hub's [metrics](crate::metrics), and those of its store.
    pub fn metrics(&self) -> Metrics {
        let (core, mut metrics) = (&self.core, Metrics::of(ShownBy::Hub));
        let service = core.service();
        core.meter.read(&mut metrics, |space| service.store.known_end(space));
        metrics.add(&UNCOMMITTED, &[], core.budget.taken());
        service.store.measure(&mut metrics);
        metrics
    }
}
