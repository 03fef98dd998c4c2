//! The hybrid logical clock: wall time that never contradicts causality.
//!
//! Kulkarni, Demirbas, Madappa, Avva and Leone, "Logical Physical Clocks and Consistent Snapshots
//! in Globally Distributed Databases", 2014. Time is an argument: nothing here reads a clock.

use std::fmt;
use std::time::Duration;

/// The most that an admitted event may be ahead of a hub's wall clock: 5 minutes.
pub const CLOCK_AHEAD_MAX: Duration = Duration::from_secs(5 * 60);

/// Milliseconds since the Unix epoch, as far as 48 bits reach (the year 10889).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct UnixMillis(u64);

impl UnixMillis {
    /// The greatest value a hybrid clock can hold.
    pub const MAX: Self = Self((1 << 48) - 1);

    /// Takes milliseconds since the Unix epoch; later times than [`Self::MAX`] become it.
    pub fn new(millis: u64) -> Self {
        Self(millis.min(Self::MAX.0))
    }

    /// The number of milliseconds.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// This time moved forward, at most to [`Self::MAX`].
    pub fn plus(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self::new(self.0.saturating_add(millis))
    }

    /// This time moved back, at most to the epoch.
    pub fn minus(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(millis))
    }

    /// The time from `earlier` to this; zero when this is before.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// A reading of the hybrid logical clock: 48 bits of milliseconds, then 16 bits that count within
/// one.
///
/// An event that happened after another (its author had seen it) has a greater reading.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hlc(u64);

impl Hlc {
    /// Before every event.
    pub const ZERO: Self = Self(0);

    /// Packs a reading.
    pub fn new(wall: UnixMillis, counter: u16) -> Self {
        Self((wall.0 << 16) | u64::from(counter))
    }

    /// Takes the packed form: milliseconds in the upper 48 bits.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The packed form.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// The wall part.
    pub const fn wall(self) -> UnixMillis {
        UnixMillis(self.0 >> 16)
    }

    /// The counter part.
    pub fn counter(self) -> u16 {
        u16::try_from(self.0 & 0xffff).unwrap_or(u16::MAX)
    }

    const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.wall().get(), self.counter())
    }
}

impl fmt::Debug for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A replica's hybrid clock. It never goes back, whatever the wall clock does.
#[derive(Clone, Debug, Default)]
pub struct HybridClock {
    last: Hlc,
}

impl HybridClock {
    /// A clock that continues after `last`.
    pub const fn after(last: Hlc) -> Self {
        Self { last }
    }

    /// Notes a reading that this replica has seen: later readings are greater.
    pub fn observe(&mut self, seen: Hlc) {
        self.last = self.last.max(seen);
    }

    /// The reading for an event made at wall time `now`: greater than all before and all observed,
    /// and otherwise the wall clock's. No clock, here or elsewhere, keeps anybody from writing.
    ///
    /// At the end of the 48 bits of milliseconds, readings stay equal; then replica and number
    /// decide.
    pub fn tick(&mut self, now: UnixMillis) -> Hlc {
        self.last = Hlc::new(now, 0).max(self.last.next());
        self.last
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::test_runner::Config;

    use super::*;

    fn at(millis: u64) -> UnixMillis {
        UnixMillis::new(millis)
    }

    #[test]
    fn readings_grow_when_the_wall_clock_stands_or_jumps_back() {
        let mut clock = HybridClock::default();
        let readings: Vec<_> = [1_000, 1_000, 400, 1_001].map(|now| clock.tick(at(now))).into();
        assert_eq!(readings[1], Hlc::new(at(1_000), 1));
        assert_eq!(readings[2], Hlc::new(at(1_000), 2));
        assert_eq!(readings[3], Hlc::new(at(1_001), 0));
    }

    #[test]
    fn an_event_is_later_than_what_its_author_saw() {
        let mut clock = HybridClock::default();
        let seen = Hlc::new(at(5_000), 9);
        clock.observe(seen);
        assert!(clock.tick(at(1_000)) > seen);
    }

    #[test]
    fn a_counter_overflow_moves_into_the_next_millisecond() {
        let mut clock = HybridClock::after(Hlc::new(at(1_000), u16::MAX));
        assert_eq!(clock.tick(at(1_000)), Hlc::new(at(1_001), 0));
    }

    #[test]
    fn a_clock_that_ran_ahead_goes_on_from_there_and_keeps_nobody_from_writing() {
        let mut clock = HybridClock::after(Hlc::new(at(600_000), 0));
        assert_eq!(clock.tick(at(0)), Hlc::new(at(600_000), 1));
        let end = Hlc::from_bits(u64::MAX);
        assert_eq!(HybridClock::after(end).tick(at(1_000)), end);
    }

    proptest! {
        #![proptest_config(Config { cases: 128, failure_persistence: None, ..Config::default() })]

        #[test]
        fn readings_grow_however_the_wall_clock_jumps_and_whatever_is_seen(
            moments in vec((0..600_000_u64, proptest::option::of(any::<u64>())), 1..40),
        ) {
            let mut clock = HybridClock::default();
            let mut last = Hlc::ZERO;
            for (now, seen) in moments {
                if let Some(seen) = seen {
                    let seen = Hlc::from_bits(seen % Hlc::new(at(700_000), 0).to_bits());
                    clock.observe(seen);
                    last = last.max(seen);
                }
                let reading = clock.tick(at(now));
                prop_assert!(reading > last && reading.wall() >= at(now));
                last = reading;
            }
        }
    }
}
