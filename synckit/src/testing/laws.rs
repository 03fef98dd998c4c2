//! Laws that merging has to keep, tried on an application's own aggregates.
//!
//! Replicas that hold the same events hold the same state, byte for byte, show the same value and list
//! the same conflicts: in whatever order the events came that keeps causes first, also when the state is
//! stored and read in between, and when a crash throws it back to what was stored. The rules of this crate keep that; a type whose order, encoding or own rule is at odds with
//! itself does not. [`laws!`](crate::laws!) tries it on random histories of a type's events, prefers
//! concurrent edits, equal clocks, equal values and deletions, and shrinks what breaks the law to a
//! short script. Values are drawn by their shapes; a removal from a `map(counter)` is drawn as one that
//! carries nothing.

mod delivery;
pub(super) mod script;

use std::fmt;

use crate::aggregate::Aggregate;
use script::{Pool, Script};

/// Histories that [`laws!`](crate::laws!) tries.
pub const HISTORIES: u64 = 500;

/// Makes a test that holds an aggregate against the laws of merging.
///
/// ```
/// # use synckit::sync_aggregate;
/// #[sync_aggregate(name = "note")]
/// #[derive(Clone, Debug, Default)]
/// struct Note {
///     #[merge(lww)]
///     title: String,
/// }
///
/// synckit::laws!(Note);
/// # synckit::testing::laws::hold::<Note>(synckit::testing::laws::HISTORIES);
/// ```
///
/// A failure names the history's seed: `laws!(Note, seed = 17)` runs that one alone. In a module with
/// several, each takes a name: `laws!(notes: Note)`.
#[macro_export]
macro_rules! laws {
    ($aggregate:ty) => {
        $crate::laws!(the_laws_of_merging_hold: $aggregate);
    };
    ($aggregate:ty, seed = $seed:expr) => {
        $crate::laws!(the_laws_of_merging_hold: $aggregate, seed = $seed);
    };
    ($name:ident: $aggregate:ty) => {
        #[test]
        fn $name() {
            $crate::testing::laws::hold::<$aggregate>($crate::testing::laws::HISTORIES);
        }
    };
    ($name:ident: $aggregate:ty, seed = $seed:expr) => {
        #[test]
        fn $name() {
            $crate::testing::laws::hold_one::<$aggregate>($seed);
        }
    };
}

/// A history on which merging breaks its laws.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BrokenLaw {
    /// The seed of the history.
    pub seed: u64,
    /// The shortest script found, and what becomes of it.
    pub report: String,
}

impl fmt::Display for BrokenLaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the laws of merging are broken, seed {}:\n{}", self.seed, self.report)
    }
}

/// Holds an aggregate against the laws, in so many histories.
///
/// # Panics
/// When one is broken, with a script.
pub fn hold<A: Aggregate>(histories: u64) {
    (0..histories).for_each(hold_one::<A>);
}

/// Holds an aggregate against the laws, in the history of one seed.
///
/// # Panics
/// When one is broken, with a script.
pub fn hold_one<A: Aggregate>(seed: u64) {
    if let Err(broken) = check::<A>(seed) {
        panic!("{broken}");
    }
}

/// Checks the laws in the history of one seed.
///
/// # Errors
/// A script that breaks one.
///
/// # Panics
/// When no event of the type can be drawn.
pub fn check<A: Aggregate>(seed: u64) -> Result<(), BrokenLaw> {
    let pool = Pool::of::<A>();
    let script = Script::draw(&pool, seed);
    let Some(broken) = delivery::broken::<A>(&script, seed) else { return Ok(()) };
    let (script, broken) = script.shrunk(broken, |shorter| delivery::broken::<A>(shorter, seed));
    let report = format!("{}{broken}", script.history::<A>());
    Err(BrokenLaw { seed, report })
}
