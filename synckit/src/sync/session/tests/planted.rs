//! Mistakes planted into the driver and the engine of the simulated world: each is found, so the world would find
//! the like of it.

use super::ledger::Mistake;
use super::world::{Bug, live};

/// Within so many seeds every planted bug is found.
const SEEDS: u64 = 1_000;

#[test]
fn an_acknowledgement_before_the_commit_is_found() {
    assert_found(Bug::AcksBeforeCommit, "acknowledged");
}

#[test]
fn a_signature_that_is_not_checked_is_found() {
    assert_found(Bug::BelievesForgers, "which nobody wrote");
}

#[test]
fn a_cursor_stored_before_its_events_is_found() {
    assert_found(Bug::CursorBeforeEvents, "has cursor");
}

#[test]
fn a_commit_in_part_is_found() {
    assert_found(Bug::DropsLastBlock, "has cursor");
}

#[test]
fn appending_twice_is_found() {
    assert_found(Bug::ForgetsDedupe, "twice");
}

#[test]
fn keeping_passed_over_positions_to_oneself_is_found() {
    assert_found(Bug::LosesThrough, "does not see that it has caught up");
}

#[test]
fn a_lost_wake_up_is_found() {
    assert_found(Bug::LosesWakeUps, "not converged");
}

#[test]
fn frames_that_overtake_each_other_are_found() {
    assert_found(Bug::ReordersFrames, "the peer at fault");
}

#[test]
fn a_position_ahead_of_what_was_sent_is_found() {
    assert_found(Bug::RunsAhead, "has cursor");
}

#[test]
fn sending_by_author_instead_of_in_causal_order_is_found() {
    assert_found(Bug::SendsByAuthor, "which is not here");
}

#[test]
fn a_cursor_without_a_digest_is_found() {
    assert_found(Bug::Store(Mistake::ChecksByNumber), "");
}

#[test]
fn a_frontier_without_chains_is_found() {
    assert_found(Bug::Store(Mistake::CoversByNumber), "");
}

#[test]
fn taking_a_branch_for_the_other_is_found() {
    assert_found(Bug::Store(Mistake::HoldsByNumber), "");
}

#[test]
fn a_copy_that_draws_the_same_bits_is_found() {
    assert_found(Bug::Store(Mistake::RepeatsNonce), "two edits have the name");
}

#[test]
fn not_sending_back_what_came_in_an_earlier_session_is_found() {
    assert_found(Bug::RemembersSources, "");
}

#[test]
fn an_edit_acknowledged_before_its_commit_is_found() {
    assert_found(Bug::AcksEditsBeforeCommit, "which is not durable");
}

#[test]
fn an_author_that_does_not_ask_after_a_failed_commit_is_found() {
    assert_found(Bug::ForgetsDoubt, "has forked without an accident");
}

#[test]
fn an_edit_lost_from_its_group_is_found() {
    assert_found(Bug::LosesGroupMember, "which is not durable");
}

#[test]
fn a_checkpoint_marked_ahead_of_its_states_is_found() {
    assert_found(Bug::MarkRunsAhead, "than its log gives");
}

#[test]
fn a_checkpoint_in_part_is_found() {
    assert_found(Bug::SavesInPart, "than its log gives");
}

#[test]
fn a_replica_that_is_not_woken_is_found() {
    assert_found(Bug::DeskOversleeps, "does not fold its log");
}

#[test]
fn a_date_before_the_past_of_its_commit_is_found() {
    assert_found(Bug::DatesBeforePast, "holds over");
}

#[test]
fn a_replica_opened_without_its_rulings_is_found() {
    assert_found(Bug::ForgetsRulings, "than its log gives");
}

#[test]
fn a_ruling_that_never_reaches_the_author_is_found() {
    assert_found(Bug::KeepsRulings, "has cursor");
}

#[test]
fn a_hub_that_leaves_out_a_branch_instead_of_closing_its_key_is_found() {
    assert_found(Bug::LeavesOutCrowds, "has cursor");
}

#[test]
fn a_replica_that_does_not_tell_its_filter_is_found() {
    assert_found(Bug::TellsNoFilter, "which its filter hides");
}

#[test]
fn a_part_that_passes_for_the_whole_is_found() {
    assert_found(Bug::PassesForWhole, "");
}

#[test]
fn widening_without_fetching_again_is_found() {
    assert_found(Bug::WidensInPlace, "");
}

#[test]
fn widening_that_forgets_what_nobody_else_holds_is_found() {
    assert_found(Bug::ForgetsUnsynced, "which nobody else holds");
}

#[test]
fn going_on_with_what_was_passed_on_and_lost_is_found() {
    assert_found(Bug::ForgetsWithdrawal, "");
}

#[test]
fn passing_on_what_is_not_durable_as_if_it_were_is_found() {
    assert_found(Bug::PassesOnAsDurable, "which is not durable at");
}

#[test]
fn a_tombstone_of_what_nobody_refused_is_found() {
    assert_found(Bug::Store(Mistake::TakesAnyTombstone), "which nobody refused");
}

/// The bug breaks a promise, and this is what is said of it.
fn assert_found(bug: Bug, how: &str) {
    let broken = (0..SEEDS).find_map(|seed| {
        let broken = live(seed, Some(bug)).err()?.to_string();
        broken.contains(how).then_some(broken)
    });
    println!("{bug:?}: {}", broken.unwrap_or_else(|| panic!("{bug:?} was not found")));
}
