//! Fuzz targets: functions that take any bytes, and panic when a promise about bytes is broken.
//!
//! Bytes come from peers, from disks, from people's editors. Whatever they are: nothing panics, nothing takes more
//! memory than its limits allow, what is read is written as it was, and what merges converges. Each
//! target checks that of one format; [`targets`] lists them. A fuzzer looks for bytes on which one panics;
//! an ordinary test does the same for a short time with [`Mutator`].
//!
//! Events and aggregates of your own can be fuzzed as well:
//!
//! ```
//! use synckit::testing::Dice;
//! use synckit::testing::fuzz::{self, Mutator};
//! # use synckit::sync_aggregate;
//! #[sync_aggregate(name = "note")]
//! #[derive(Clone, Debug, Default)]
//! struct Note {
//!     #[merge(lww)]
//!     title: String,
//! }
//!
//! let mut mutator = Mutator::new(fuzz::merge_samples::<Note>(), Dice::new(7));
//! for _ in 0..100 {
//!     fuzz::merge::<Note>(&mutator.draw());
//! }
//! ```

mod block;
mod formats;
mod lock;
mod merge;
mod mutator;
mod notebook;
mod session;
mod value;

pub use block::block;
pub use formats::{cursor, filter, frame};
pub use lock::lock;
pub use merge::{merge, merge_samples};
pub use mutator::{MUTANT_BYTES_MAX, Mutator};
pub use session::session;
pub use value::value;

use crate::aggregate::Aggregate;
use crate::event::SyncEvent;

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FuzzTarget {
    /// The format that it takes.
    pub name: &'static str,
    /// Takes any bytes, and panics when a promise about them is broken.
    pub run: fn(&[u8]),
    /// Sound inputs, from which others are mutated.
    pub samples: fn() -> Vec<Vec<u8>>,
}

/// All targets, with an event and an aggregate for those that need a type.
pub fn targets<E: SyncEvent, A: Aggregate>() -> [FuzzTarget; 8] {
    let target = |name, run, samples| FuzzTarget { name, run, samples };
    [
        target("block", block, block::samples),
        target("cursor", cursor, formats::cursors),
        target("filter", filter, formats::filters),
        target("frame", frame, formats::frames),
        target("lock", lock, lock::samples),
        target("merge", merge::<A>, merge_samples::<A>),
        target("session", session, session::samples),
        target("value", value::<E>, value::samples::<E>),
    ]
}

/// Shows an error as a program would, with its causes.
fn show(error: &dyn std::error::Error) {
    let mut cause = Some(error);
    while let Some(error) = cause {
        std::hint::black_box(error.to_string());
        cause = error.source();
    }
}
