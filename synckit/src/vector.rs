//! Vector clocks over replicas.
//!
//! Because a replica's events in a space are numbered 1, 2, 3 … and always travel in that order,
//! one number a replica says exactly which of its events are held. Mattern, "Virtual Time and
//! Global States of Distributed Systems", 1989; Preguiça et al., "Dotted Version Vectors", 2010.

use crate::clock::Hlc;
use crate::id::{Dot, ReplicaId};

/// Most replicas that one vector clock may name, however it was made. A space has at most this many
/// writers.
pub const VECTOR_REPLICAS_MAX: usize = 8_192;

/// Causal relation of two vector clocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(clippy::exhaustive_enums, reason = "there is no fifth relation")]
pub enum Causality {
    /// The first is contained in the second, and they differ.
    Before,
    /// The first contains the second, and they differ.
    After,
    /// Both say the same.
    Equal,
    /// Each has seen something that the other has not.
    Concurrent,
}

/// A vector clock is full: it names [`VECTOR_REPLICAS_MAX`] replicas already.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more writers than {VECTOR_REPLICAS_MAX}; split the space into several")]
#[non_exhaustive]
pub struct VectorFull;

/// A vector clock: for each replica the number of its last event seen. Replicas at 0 are not
/// listed.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct VectorClock(Vec<Dot>, Vec<Renaming>);

/// A fork on the path of an author whose events were seen: events of `of` after a number count under
/// the identity `to`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Renaming {
    of: ReplicaId,
    after: u64,
    to: ReplicaId,
}

impl VectorClock {
    /// Nothing seen.
    pub const fn new() -> Self {
        Self(Vec::new(), Vec::new())
    }

    /// The number of the last event of `replica` seen; 0 when none was.
    pub fn get(&self, replica: &ReplicaId) -> u64 {
        self.place(replica).map_or(0, |place| self.0[place].seq)
    }

    /// True if the event has been seen.
    pub fn contains(&self, dot: Dot) -> bool {
        self.get(&dot.replica) >= dot.seq
    }

    /// Notes that the events of a replica up to `dot` have been seen. Never lowers an entry.
    ///
    /// # Errors
    /// When the replica would be one more than [`VECTOR_REPLICAS_MAX`]; the clock is then left as
    /// it was.
    pub fn advance(&mut self, dot: Dot) -> Result<(), VectorFull> {
        match self.place(&dot.replica) {
            Ok(place) => self.0[place].seq = dot.seq.max(self.0[place].seq),
            Err(_) if dot.seq == 0 => {}
            Err(_) if self.0.len() >= VECTOR_REPLICAS_MAX => return Err(VectorFull),
            Err(place) => self.0.insert(place, dot),
        }
        Ok(())
    }

    /// The place of a replica's row, or the one that it would have.
    fn place(&self, replica: &ReplicaId) -> Result<usize, usize> {
        self.0.binary_search_by(|row| row.replica.cmp(replica))
    }

    /// The number of replicas named.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if nothing has been seen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries, ascending by replica.
    pub fn iter(&self) -> impl Iterator<Item = Dot> + '_ {
        self.0.iter().copied()
    }

    /// Notes that events of `of` after a number, as far as they were seen, count under another
    /// identity: they lie past a fork.
    pub(crate) fn rename(&mut self, of: ReplicaId, after: u64, to: ReplicaId) {
        let renaming = Renaming { of, after, to };
        if let Err(place) = self.1.binary_search(&renaming) {
            self.1.insert(place, renaming);
        }
    }

    /// The event that was meant by somebody who had seen this, and may not have known of all forks.
    pub(crate) fn meant(&self, mut dot: Dot) -> Dot {
        // Each leads to an identity that is another one's no more.
        for _ in &self.1 {
            let is_next = |it: &&Renaming| {
                it.of == dot.replica && it.after < dot.seq && self.leads(it.to, dot.seq, 0)
            };
            let Some(next) = self.1.iter().find(is_next) else { break };
            dot.replica = next.to;
        }
        dot
    }

    /// True when an event of that number was seen of an identity or of one that it became.
    fn leads(&self, replica: ReplicaId, seq: u64, depth: usize) -> bool {
        self.get(&replica) >= seq
            || (depth < self.1.len()
                && self.1.iter().any(|it| {
                    it.of == replica && it.after < seq && self.leads(it.to, seq, depth + 1)
                }))
    }

    /// The event of that number on the path that leads to an identity.
    pub(crate) fn earlier(&self, mut dot: Dot) -> Dot {
        for _ in &self.1 {
            let from = self.1.iter().find(|it| it.to == dot.replica && dot.seq <= it.after);
            let Some(from) = from else { break };
            dot.replica = from.of;
        }
        dot
    }

    /// The identities on the path from one to another, both included; none when there is no path.
    pub(crate) fn path(&self, from: ReplicaId, to: ReplicaId) -> Vec<ReplicaId> {
        let mut path = vec![to];
        while let Some(last) = path.last().filter(|last| **last != from) {
            let before = self.1.iter().find(|it| it.to == *last).map(|it| it.of);
            match before.filter(|_| path.len() <= self.1.len()) {
                Some(before) => path.push(before),
                None => return Vec::new(),
            }
        }
        path.reverse();
        path
    }

    /// The causal relation of this clock to `other`.
    pub fn compare(&self, other: &Self) -> Causality {
        let ahead = self.iter().any(|dot| !other.contains(dot));
        let behind = other.iter().any(|dot| !self.contains(dot));
        match (ahead, behind) {
            (true, true) => Causality::Concurrent,
            (true, false) => Causality::After,
            (false, true) => Causality::Before,
            (false, false) => Causality::Equal,
        }
    }
}

/// When an event was made, by whom, and what its author had seen of the aggregate by then.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Stamp<'a> {
    /// The event's name.
    pub dot: Dot,
    /// The author's hybrid clock.
    pub hlc: Hlc,
    /// Context: what the author had seen of the aggregate that the event depends on. Its own earlier
    /// events are implied.
    pub context: &'a VectorClock,
}

impl<'a> Stamp<'a> {
    /// The stamp of the event `dot`, whose author had seen `context`.
    pub const fn new(dot: Dot, hlc: Hlc, context: &'a VectorClock) -> Self {
        Self { dot, hlc, context }
    }

    /// True if the author had seen the event `dot`, or made it before (or in) this one.
    pub fn saw(&self, dot: Dot) -> bool {
        (dot.replica == self.dot.replica && dot.seq <= self.dot.seq) || self.context.contains(dot)
    }

    /// The place in the total order of a space's events: no two events share it.
    pub const fn order(&self) -> (Hlc, Dot) {
        (self.hlc, self.dot)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::test_runner::Config;

    use super::*;

    fn replica(n: u16) -> ReplicaId {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&n.to_be_bytes());
        ReplicaId::from_bytes(bytes)
    }

    fn clock(entries: &[(u16, u64)]) -> VectorClock {
        let mut clock = VectorClock::new();
        for (n, seq) in entries {
            clock.advance(Dot { replica: replica(*n), seq: *seq }).unwrap();
        }
        clock
    }

    #[test]
    fn concurrent_and_equal_are_different_answers() {
        let (a, b) = (clock(&[(1, 2)]), clock(&[(2, 1)]));
        assert_eq!(a.compare(&b), Causality::Concurrent);
        assert_eq!(a.compare(&a.clone()), Causality::Equal);
        assert_eq!(a.compare(&clock(&[(1, 3)])), Causality::Before);
        assert_eq!(clock(&[(1, 2), (2, 1)]).compare(&a), Causality::After);
        assert_eq!(clock(&[(1, 0)]), VectorClock::new());
    }

    #[test]
    fn the_limit_holds_however_a_clock_is_filled() {
        let mut full = VectorClock::new();
        for n in 0..VECTOR_REPLICAS_MAX {
            let n = u16::try_from(n).unwrap();
            full.advance(Dot { replica: replica(n), seq: 1 }).unwrap();
        }
        assert_eq!(full.advance(Dot { replica: replica(9_999), seq: 1 }), Err(VectorFull));
        assert_eq!(full.advance(Dot { replica: replica(7), seq: 2 }), Ok(()));
        assert_eq!(full.len(), VECTOR_REPLICAS_MAX);
    }

    proptest! {
        #![proptest_config(Config { cases: 256, failure_persistence: None, ..Config::default() })]

        #[test]
        fn comparing_is_comparing_the_sets_of_events_seen(
            a in vec((0..3_u16, 0..4_u64), 0..4),
            b in vec((0..3_u16, 0..4_u64), 0..4),
        ) {
            let seen = |clock: &VectorClock| -> BTreeSet<Dot> {
                let up_to = |dot: Dot| (1..=dot.seq).map(move |seq| Dot { seq, ..dot });
                clock.iter().flat_map(up_to).collect()
            };
            let [a, b] = [clock(&a), clock(&b)];
            let [of_a, of_b] = [seen(&a), seen(&b)];
            let expected = match (of_a.is_subset(&of_b), of_b.is_subset(&of_a)) {
                (true, true) => Causality::Equal,
                (true, false) => Causality::Before,
                (false, true) => Causality::After,
                (false, false) => Causality::Concurrent,
            };
            prop_assert_eq!(a.compare(&b), expected);
            prop_assert_eq!(of_b.iter().all(|dot| a.contains(*dot)), of_b.is_subset(&of_a));
        }
    }
}
