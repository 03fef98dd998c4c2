//! Numbers about a hub, and its sessions.

use super::Hub;
use crate::metrics::{EndedSession, Metrics, OpenSession, ShownBy, UNCOMMITTED};

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

    /// The open sessions, the first begun first.
    pub fn open_sessions(&self) -> Vec<OpenSession> {
        self.core.meter.open()
    }

    /// The last 256 sessions that have ended since the hub was opened, the last one first.
    pub fn ended_sessions(&self) -> Vec<EndedSession> {
        self.core.meter.past()
    }
}
