//! A simulated world for types of your own: replicas and hubs with disks, clocks and a network that
//! fail, in virtual time, from one seed.
//!
//! You say what an edit is and what must always hold. The world draws from a seed
//!
//! - who there is: a hub and replicas, two hubs, or replicas alone. Some hold a part of the space if you give
//!   filters, and another one later; two of them may sync with each other beside hubs;
//! - how they are linked: live, now and then, on demand, or in each direction by a link of its own;
//! - whether somebody governs the space, so that hubs rule in it;
//! - what happens: edits, crashes in the middle of writes, lost and partitioned connections, full and failing
//!   disks, clocks that step by up to a year, restored backups, and copied files.
//!
//! After every step it holds each replica to what you said, and to what synckit promises: the same events lead to
//! the same states, byte for byte; nothing acknowledged is lost unless the only files that held it are; and once
//! troubles end, all become equal, and a newcomer folds the same. What goes wrong is shrunk to a short story, with
//! the seed that tells it again.
//!
//! ```
//! use synckit::testing::{Dice, World};
//! use synckit::{Id, Replica, registry, sync_aggregate};
//!
//! #[sync_aggregate(name = "account")]
//! #[derive(Clone, Debug, Default)]
//! struct Account {
//!     #[merge(counter)]
//!     deposits: u64,
//! }
//!
//! async fn deposit(replica: Replica, mut dice: Dice) -> Result<(), synckit::Error> {
//!     let name = *dice.one(&["ann", "bob"]);
//!     let account = Id::<Account>::named(name)?;
//!     replica.upsert(&account, |it| it.deposits.add(1)).await?;
//!     Ok(())
//! }
//!
//! World::of(registry![Account]).edits(deposit).seeds(0..3);
//! ```
//!
//! It is the real replica, hub, session and log that run; simulated are the disk (a write is there
//! as a whole or not at all), the clocks, the network (connections deliver in order, as streams do,
//! until they are lost), randomness and time. [`faults`](crate::testing::faults) tears writes.

mod audit;
mod disk;
mod network;
mod script;
mod stage;

use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use self::script::WorldScript;
use self::stage::{Stage, Story};
use super::Dice;
use crate::filter::{Filter, Predicates};
use crate::platform::repeatable::Repeats;
use crate::registry::Registry;
use crate::{Error, Replica};

/// Edits of a seed unless told otherwise.
pub const WORLD_EDITS: u64 = 30;
/// Scripts that are tried to find a shorter one that goes wrong.
pub const SHRINKING_RUNS_MAX: usize = 200;
/// Names the one seed that [`World::seeds`] is to run.
const SEED: &str = "SYNCKIT_SEED";

type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type EditsOf = dyn Fn(Replica, Dice) -> Later<Result<(), Error>> + Send + Sync;
type HoldsAt = dyn Fn(Replica) -> Later<Result<(), String>> + Send + Sync;

/// A simulated world of replicas and hubs. See the [module](self).
#[derive(Clone)]
pub struct World {
    registry: Registry,
    filters: Vec<Filter>,
    predicates: Predicates,
    edits: Arc<EditsOf>,
    holds: Arc<HoldsAt>,
    edits_count: u64,
    faults: bool,
}

/// The result of a seed in which everything held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct WorldReport {
    /// A hash over everything that was sent, shown and folded, and when: the same for the same seed.
    pub trace: [u8; 32],
    /// Frames sent.
    pub frames: u64,
    /// Edits that were acknowledged.
    pub promises: u64,
    /// Crashes, and files replaced.
    pub crashes: u64,
    /// The time that passed in the world.
    pub virtual_time: Duration,
}

/// Something did not hold. Shows the shortest story found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BrokenWorld {
    /// The seed.
    pub seed: u64,
    /// The promise that was broken.
    pub what: String,
    /// Everything that happened, a line for each.
    pub story: String,
}

impl fmt::Display for BrokenWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, what, story } = self;
        write!(f, "{what}\n{story}\nrun it again with {SEED}={seed}")
    }
}

impl std::error::Error for BrokenWorld {}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("filters", &self.filters).finish_non_exhaustive()
    }
}

impl World {
    /// A world of these types in which nobody edits yet.
    pub fn of(registry: Registry) -> Self {
        Self {
            registry,
            filters: Vec::new(),
            predicates: Predicates::new(),
            edits: Arc::new(|_, _| Box::pin(async { Ok(()) })),
            holds: Arc::new(|_| Box::pin(async { Ok(()) })),
            edits_count: WORLD_EDITS,
            faults: true,
        }
    }

    /// Says what an edit is: anything that is done to a replica. All that it draws comes from the
    /// dice, so that a seed repeats it. An error breaks the world, unless the replica's disk is in
    /// trouble or it holds a part of the space.
    #[must_use]
    pub fn edits<F>(mut self, edit: impl Fn(Replica, Dice) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        self.edits = Arc::new(move |replica, dice| Box::pin(edit(replica, dice)));
        self
    }

    /// Says what must hold at every replica, whatever it has received so far.
    #[must_use]
    pub fn holds<F>(mut self, holds: impl Fn(Replica) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.holds = Arc::new(move |replica| Box::pin(holds(replica)));
        self
    }

    /// Has some replicas hold a part of the space.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filters.push(filter);
        self
    }

    /// The functions that filters ask.
    #[must_use]
    pub fn predicates(mut self, predicates: Predicates) -> Self {
        self.predicates = predicates;
        self
    }

    /// The number of edits in each seed; [`WORLD_EDITS`] by default.
    #[must_use]
    pub const fn edits_count(mut self, edits: u64) -> Self {
        self.edits_count = edits;
        self
    }

    /// Has nothing fail: only edits and latency are drawn.
    #[must_use]
    pub const fn without_faults(mut self) -> Self {
        self.faults = false;
        self
    }

    /// Lives through everything that a seed has in store.
    ///
    /// # Errors
    /// The promise that was broken, with the shortest story found.
    pub fn run(&self, seed: u64) -> Result<WorldReport, BrokenWorld> {
        let script = WorldScript::draw(seed, self.edits_count, self.filters.len(), self.faults);
        let broken = match self.play(&script, seed) {
            Ok(report) => return Ok(report),
            Err(broken) => broken,
        };
        let play = |script: &WorldScript| self.play(script, seed).err();
        let (_, broken) = script.shrunk(broken, SHRINKING_RUNS_MAX, play);
        Err(broken)
    }

    /// Lives through everything that these seeds have in store, or that of `SYNCKIT_SEED` alone if
    /// that is set.
    ///
    /// # Panics
    /// When a promise is broken, with the shortest story found.
    pub fn seeds(&self, seeds: Range<u64>) {
        let one = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok());
        for seed in one.map_or(seeds, |seed| seed..seed + 1) {
            if let Err(broken) = self.run(seed) {
                panic!("{broken}");
            }
        }
    }

    /// Plays a script, on a thread of its own: the caller may be inside a runtime.
    fn play(&self, script: &WorldScript, seed: u64) -> Result<WorldReport, BrokenWorld> {
        let story = Arc::new(Story::default());
        let told = Arc::clone(&story);
        let play = || {
            let _repeats = Repeats::from_seed(seed);
            let mut builder = tokio::runtime::Builder::new_current_thread();
            let runtime = builder.enable_time().start_paused(true).build().expect("a runtime");
            let playing = async { Stage::set(self, script, seed, told).play().await };
            catch_unwind(AssertUnwindSafe(|| runtime.block_on(playing)))
        };
        let played = std::thread::scope(|scope| scope.spawn(play).join());
        let played = played.unwrap_or_else(|panic| resume_unwind(panic));
        let outcome =
            played.unwrap_or_else(|panic| Err(format!("panicked: {}", stage::said(&*panic))));
        outcome.map_err(|what| BrokenWorld { seed, what, story: story.text() })
    }
}
