//! Notices of a replica's life, for user interfaces.

use tokio::sync::broadcast;

use super::Replica;
use super::sync::{SyncReport, SyncTrouble};
use super::watchers::ReplicaEnd;
use crate::conflict::PolicyChoice;
use crate::id::ReplicaId;
use crate::replica_core::ReplicaCore;

/// Events that wait for somebody who listens; of what passes them, only the number is told.
pub const REPLICA_EVENTS_MAX: usize = 256;

/// Something that happened to a replica, apart from its events: those are for
/// [`Replica::watch`] and [`Replica::history`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ReplicaEvent {
    /// A peer has proved its key.
    Connected {
        /// The peer's address.
        address: String,
        /// The peer's id.
        peer: ReplicaId,
    },
    /// Each side holds what the other held when the session began.
    CaughtUp {
        /// The peer's address.
        address: String,
        /// The peer's id.
        peer: ReplicaId,
    },
    /// A session has ended, or could not be begun. What it brought is folded.
    SessionEnded {
        /// The peer's address.
        address: String,
        /// The exchange.
        report: SyncReport,
        /// The reason why it ended before its time.
        trouble: Option<SyncTrouble>,
    },
    /// Open conflicts have become more or fewer: [`Replica::all_conflicts`] lists them.
    Conflicts {
        /// Those open now.
        open: u64,
    },
    /// The [policy](crate::policy) has chosen among concurrent writes of a field, or chooses otherwise than
    /// before: which writes, by whom and when, the rule, and what holds now. After a crash the last ones
    /// may be told again, and after a change of the policy all are.
    Chosen(Box<PolicyChoice>),
    /// Events have come that this program parks, most often because their schema is newer than its
    /// own: upgrade it. [`Replica::parked`] lists them with the reasons.
    Parked {
        /// All that are parked.
        count: u64,
    },
    /// Hubs have refused commits: [`Replica::rejected`] lists them.
    Refused {
        /// Those refused so far, of all authors.
        count: u64,
    },
    /// A key under which two stores have written has become known:
    /// [`ReplicaStatus::forks`](super::ReplicaStatus::forks) lists such keys.
    Forked,
    /// The store writes under another key from here on, because it is a copy or was restored from one.
    KeyChanged {
        /// The key.
        key: ReplicaId,
    },
    /// Whoever listens has fallen behind, and so many events were passed over.
    Missed {
        /// Their number.
        count: u64,
    },
}

/// Events of a replica, from when this was made: see [`Replica::events`].
#[derive(Debug)]
pub struct ReplicaEvents {
    received: broadcast::Receiver<ReplicaEvent>,
    closing: ReplicaEnd,
}

/// Tells events to whoever listens.
#[derive(Clone, Debug)]
pub(super) struct Announcer(broadcast::Sender<ReplicaEvent>);

/// Counts that tell, compared with earlier ones, what has happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Vitals {
    conflicts: u64,
    parked: u64,
    refused: u64,
    forks: u32,
    key: ReplicaId,
}

impl Default for Announcer {
    fn default() -> Self {
        Self(broadcast::Sender::new(REPLICA_EVENTS_MAX))
    }
}

impl Announcer {
    pub(super) fn tell(&self, event: ReplicaEvent) {
        // Nobody need listen.
        let _ = self.0.send(event);
    }
}

impl Vitals {
    pub(super) fn of(core: &ReplicaCore) -> Self {
        let (tally, refused) = (core.tally(), core.rulings().refused());
        let (conflicts, parked) = (tally.census.conflicts, tally.census.parked);
        Self { conflicts, parked, refused, forks: core.forks(), key: core.author() }
    }

    /// Events that lead here from earlier counts.
    pub(super) fn since(&self, before: &Self) -> Vec<ReplicaEvent> {
        let mut events = Vec::new();
        if self.key != before.key {
            events.push(ReplicaEvent::KeyChanged { key: self.key });
        }
        if self.forks > before.forks {
            events.push(ReplicaEvent::Forked);
        }
        if self.parked > before.parked {
            events.push(ReplicaEvent::Parked { count: self.parked });
        }
        if self.refused > before.refused {
            events.push(ReplicaEvent::Refused { count: self.refused });
        }
        if self.conflicts != before.conflicts {
            events.push(ReplicaEvent::Conflicts { open: self.conflicts });
        }
        events
    }

    /// Writes down what they say into the report of a session.
    pub(super) const fn complete(&self, report: SyncReport) -> SyncReport {
        let (conflicts, parked, refused) = (self.conflicts, self.parked, self.refused);
        SyncReport { conflicts, parked, refused, ..report }
    }
}

impl Replica {
    /// Listens to what happens to the replica from now on: sessions, conflicts, parked and refused
    /// events, forks.
    pub fn events(&self) -> ReplicaEvents {
        let received = self.running.announcer.0.subscribe();
        ReplicaEvents { received, closing: self.running.watchers.closing() }
    }
}

impl ReplicaEvents {
    /// The next event; `None` once the replica is closed and all were told. Cancellation-safe.
    pub async fn next(&mut self) -> Option<ReplicaEvent> {
        let next = tokio::select! {
            biased;
            next = self.received.recv() => next,
            () = self.closing.wait() => return None,
        };
        match next {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(count)) => Some(ReplicaEvent::Missed { count }),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}
