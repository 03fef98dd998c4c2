//! The sum of what happened in worlds.

use std::ops::AddAssign;

/// The result of a seed.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(in super::super) struct Report {
    /// A hash over everything that happened.
    pub(in super::super) trace: u64,
    pub(in super::super) events: u64,
    pub(in super::super) frames: u64,
    pub(in super::super) sessions: u64,
    pub(in super::super) crashes: u64,
    /// Stores replaced by an older copy of themselves, by a copy of another, or by an empty one.
    pub(in super::super) accidents: u64,
    /// Branches that left others.
    pub(in super::super) forks: u64,
    /// Keys that hubs have closed.
    pub(in super::super) closings: u64,
    /// Replicas that were opened with a narrower filter, and with a wider one.
    pub(in super::super) narrowings: u64,
    pub(in super::super) widenings: u64,
}

impl AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        self.trace ^= other.trace;
        self.events += other.events;
        self.frames += other.frames;
        self.sessions += other.sessions;
        self.crashes += other.crashes;
        self.accidents += other.accidents;
        self.forks += other.forks;
        self.closings += other.closings;
        self.narrowings += other.narrowings;
        self.widenings += other.widenings;
    }
}
