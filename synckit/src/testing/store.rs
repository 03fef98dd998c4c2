//! The contract of stores: tests to run on an [`EventStore`] over rows of your own.
//!
//! ```
//! use std::sync::Arc;
//!
//! use synckit::store::{EventStore, MemoryRows};
//!
//! async fn make() -> synckit::testing::store::Store {
//!     Arc::new(EventStore::over(MemoryRows::new()).await.expect("a store"))
//! }
//! synckit::testing::store_contract!(make);
//! ```

use std::fs;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::block::Block;
use crate::chain::CommitId;
use crate::id::{Dot, Position, SpaceId};
use crate::log::{Cursor, Digest, Page, Refusal};
use crate::store::{Batch, Committed, EventStore, StoreError, StoreErrorKind};
use crate::testing::Author;

mod append;
mod branches;
mod checkpoint;
mod concurrent;
mod cursors;
mod durable;
mod history;
mod pruned;
mod read;
mod rows;
mod shared;

pub use append::*;
pub use branches::*;
pub use checkpoint::*;
pub use concurrent::*;
pub use cursors::*;
pub use durable::*;
pub use history::*;
pub use pruned::*;
pub use read::*;
pub use rows::*;
pub use shared::*;

/// A store on trial.
pub type Store = Arc<EventStore>;

/// Makes a test of every promise of [`EventStore`].
///
/// - `store_contract!(make)`, with `make` a function or closure whose future gives a fresh
///   [`Store`]: for stores that do not outlive their process.
/// - `store_contract!(durable: open)`, with `open` a function or closure from a [`PathBuf`] whose
///   future gives the store at that path, a fresh one the first time: adds tests that close the
///   store and open it again. The path is in a folder of the test's own; a store elsewhere uses the
///   folder's name as the name of its database.
#[macro_export]
#[doc(hidden)]
macro_rules! __store_contract {
    (durable: $open:expr) => {
        $crate::__store_contract!(@fresh run_in_folder $open);
        $crate::__store_contract! { @tests run_durable $open;
            a_cursor_alone_is_there_after_reopening,
            another_key_and_all_branches_stay_after_reopening,
            closing_finishes_what_was_begun,
            everything_committed_is_there_after_reopening,
            refused_batches_leave_nothing_behind_after_reopening,
            what_was_pruned_stays_so_after_reopening,
            writing_goes_on_after_reopening,
        }
    };
    ($make:expr) => {
        $crate::__store_contract!(@fresh run $make);
    };
    (@fresh $run:ident $make:expr) => {
        $crate::__store_contract! { @tests $run $make;
            a_batch_is_written_whole,
            a_batch_that_is_too_large_is_refused,
            a_block_of_another_space_is_refused,
            a_block_that_is_partly_held_is_appended_without_that_part,
            a_cancelled_wait_loses_nothing,
            a_commit_that_nobody_waits_for_does_no_harm,
            aggregates_with_conflicts_are_named_until_they_have_none,
            parked_events_are_named_until_all_is_replaced,
            a_cursor_is_checked_against_the_log,
            a_cursor_of_another_log_is_none,
            a_fork_of_older_events_is_found,
            a_fresh_store_is_empty,
            a_frontier_begins_with_the_heads_and_goes_back,
            a_gap_is_refused,
            a_gap_on_a_branch_is_refused,
            a_guard_that_does_not_hold_writes_nothing,
            a_branch_may_leave_what_was_pruned,
            a_log_that_begins_later_is_read_from_there,
            a_log_that_begins_later_is_written_to,
            a_page_ends_before_a_block_of_many_runs,
            a_redelivered_event_neither_fails_nor_blocks_later_writes,
            a_refused_batch_changes_no_key,
            a_refused_batch_does_not_disturb_those_beside_it,
            a_refused_block_takes_its_batch_with_it,
            a_space_is_claimed_by_one_at_a_time,
            a_store_is_open_until_its_last_use_is_closed,
            a_store_whose_key_is_used_elsewhere_takes_another,
            a_twin_that_left_inside_a_run_is_located_near_it,
            a_waiter_wakes_when_the_log_of_its_space_moves,
            an_aggregates_history_is_exactly_its_blocks,
            an_event_before_its_cause_is_refused,
            another_process_that_writes_is_noticed,
            blocks_of_one_batch_build_on_each_other,
            both_branches_of_a_fork_are_kept,
            branches_follow_from_the_log,
            closing_wakes_those_who_wait_and_ends_all_use,
            commits_at_the_same_time_leave_no_gap,
            cursors_are_kept_for_each_peer,
            cursors_before_what_was_pruned_are_not_known,
            digests_chain_through_the_log,
            forks_are_the_same_in_whatever_order_branches_come,
            large_states_are_read_as_they_were_stored,
            readers_never_see_a_position_that_is_preceded_later,
            reading_after_any_position_gives_exactly_the_rest,
            reading_gives_pages_that_join_up,
            reading_past_the_end_gives_nothing,
            rows_are_read_by_range_floor_and_limits,
            rows_are_removed_by_range,
            spaces_do_not_see_each_other,
            states_are_listed_by_key_in_pages,
            states_stay_until_they_are_replaced,
            what_lies_behind_commits_is_covered,
        }
    };
    (@tests $run:ident $make:expr; $($name:ident,)*) => {$(
        #[test]
        fn $name() {
            $crate::testing::store::$run($make, $crate::testing::store::$name);
        }
    )*};
}

/// Runs a test on a fresh store.
pub fn run<F, T>(make: impl FnOnce() -> F, test: impl FnOnce(Store) -> T)
where
    F: Future<Output = Store>,
    T: Future<Output = ()>,
{
    block_on(async { test(make().await).await });
}

/// Runs a test on a fresh store at a path.
pub fn run_in_folder<F, T>(open: impl FnOnce(PathBuf) -> F, test: impl FnOnce(Store) -> T)
where
    F: Future<Output = Store>,
    T: Future<Output = ()>,
{
    let folder = Folder::new();
    block_on(async { test(open(folder.0.join("store")).await).await });
}

/// Runs a test that opens a store more than once.
pub fn run_durable<F, T>(
    open: impl Fn(PathBuf) -> F + Send + Sync + 'static,
    test: impl FnOnce(Durable) -> T,
) where
    F: Future<Output = Store> + Send + 'static,
    T: Future<Output = ()>,
{
    let folder = Folder::new();
    let path = folder.0.join("store");
    let open = Box::new(move || Box::pin(open(path.clone())) as Opening);
    block_on(test(Durable { open }));
}

type Opening = Pin<Box<dyn Future<Output = Store> + Send>>;

/// A store that can be opened again after it was closed.
pub struct Durable {
    open: Box<dyn Fn() -> Opening + Send + Sync>,
}

impl Durable {
    /// Opens the store: a fresh one the first time.
    pub async fn open(&self) -> Store {
        (self.open)().await
    }

    /// Closes the store and opens it again.
    pub async fn reopen(&self, store: Store) -> Store {
        store.close().await.expect("a store that can be closed");
        drop(store);
        self.open().await
    }
}

impl std::fmt::Debug for Durable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Durable")
    }
}

fn block_on(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(test);
}

/// A folder that is removed with everything in it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let count = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("synckit_contract_{}_{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder for the test");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The page after a position: the same, whether it is answered from memory or from the rows.
async fn page(store: &Store, space: &SpaceId, after: Position) -> Page {
    let told = |page: &Page| (page.begins, page.through, page.head, page.blocks.clone());
    let kept = store.read_after(space, after).await.unwrap();
    // Drops what is kept in memory.
    let _ = store.rows();
    let page = store.read_after(space, after).await.unwrap();
    assert_eq!(told(&kept), told(&page));
    page
}

/// Everything in a space's log as (event, payload), read page by page from a position.
async fn events_after(store: &Store, space: &SpaceId, after: Position) -> Vec<(Dot, Vec<u8>)> {
    let mut events = Vec::new();
    let mut position = after;
    loop {
        let page = page(store, space, position).await;
        let Some(first) = page.blocks.first() else {
            return events;
        };
        assert!(first.start <= position && first.end() > position, "the page begins elsewhere");
        let mut next = first.start;
        for log in &page.blocks {
            assert_eq!(log.start, next, "blocks do not follow one another");
            next = log.end();
            for (index, entry) in (log.start.0..).zip(log.block.entries()) {
                if index >= position.0 {
                    events.push((entry.dot(), entry.payload().to_vec()));
                }
            }
        }
        assert_eq!(page.through, next, "a page says where it ends");
        position = page.through;
    }
}

async fn events(store: &Store, space: &SpaceId) -> Vec<(Dot, Vec<u8>)> {
    events_after(store, space, Position::START).await
}

fn dots<'a>(blocks: impl IntoIterator<Item = &'a Block>) -> Vec<Dot> {
    blocks.into_iter().flat_map(|block| block.entries().map(|entry| entry.dot())).collect()
}

/// The last commit of each branch, ascending.
async fn heads(store: &Store, space: &SpaceId) -> Vec<CommitId> {
    let mut heads: Vec<_> = store.branches(space).await.unwrap().heads().collect();
    heads.sort_unstable();
    heads
}

/// The place before an author's first commit.
fn root(author: &Author) -> CommitId {
    CommitId::root(author.space(), author.id())
}

/// A place of another store's log.
fn a_cursor(position: u8) -> Cursor {
    let digest = Digest::from_bytes([position; Digest::LEN]);
    Cursor { position: Position(position.into()), digest }
}

#[track_caller]
fn refusal(result: Result<Committed, StoreError>) -> Refusal {
    match result.map_err(|error| error.kind().clone()) {
        Err(StoreErrorKind::Refused(refusal)) => refusal,
        other => panic!("not refused, but {other:?}"),
    }
}

/// Commits, and checks what the store says about it.
async fn commit(store: &Store, batch: Batch) -> Committed {
    let space = batch.space.clone();
    let committed = store.commit(batch).await.unwrap();
    assert!(store.head(&space).await.unwrap() >= committed.head);
    committed
}
