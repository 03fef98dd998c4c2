//! Ends of sessions: in order, by a cut, by a deadline, by a refusal.

use std::time::Duration;

use super::ledger::Ledger;
use super::seat::{
    NOTHING, ack, assert_ended, cursor, empty, held, meet, meet_with, part, position, settle,
    settled, streaming, streaming_with, with_notes,
};
use crate::id::Position;
use crate::log::Refusal;
use crate::sync::frame::{Frame, FrameKind, GoodbyeCode};
use crate::sync::limits::{ACK_WITHIN, SEND_WITHIN, SLOWEST_BYTES_PER_SECOND};
use crate::sync::{Config, Input, SessionError, Until};

const DONE: Option<Result<(), SessionError>> = Some(Ok(()));
const CUT: Option<Result<(), SessionError>> = Some(Err(SessionError::Disconnected));

#[test]
fn until_caught_up_both_sides_end_in_order_with_all_that_the_other_had() {
    let (mut ann, mut bob) = meet_with(with_notes("ann", 3), with_notes("bob", 2), until_caught_up);
    settle(&mut ann, &mut bob);
    assert_eq!((ann.ended.clone(), bob.ended.clone()), (DONE, DONE));
    assert_eq!(held(&ann), held(&bob));
    assert!(ann.session.progress().caught_up && bob.session.progress().caught_up);
    ann.assert_over();
    bob.assert_over();
}

#[test]
fn until_caught_up_with_nothing_on_either_side_is_over_at_once() {
    let (mut ann, mut bob) =
        meet_with(Ledger::named("ann"), Ledger::named("bob"), |ann, _| ann.until = Until::CaughtUp);
    settle(&mut ann, &mut bob);
    assert_eq!((ann.ended, bob.ended), (DONE, DONE));
}

#[test]
fn one_side_that_wants_only_to_catch_up_ends_a_session_that_would_stay_live() {
    let (mut ann, mut bob) =
        meet_with(with_notes("ann", 3), with_notes("bob", 2), |ann, _| ann.until = Until::CaughtUp);
    settle(&mut ann, &mut bob);
    assert_eq!((ann.ended.clone(), bob.ended.clone()), (DONE, DONE));
    assert_eq!(held(&ann), held(&bob));
}

#[test]
fn catching_up_means_what_there_was_when_the_session_began() {
    let (mut ann, _) = streaming_with(with_notes("ann", 2), Ledger::named("bob"), until_caught_up);
    ann.answers();
    ann.writes(1);
    assert_eq!(ann.hears(ack(2)), ["says goodbye: Done", "ends"]);
}

#[test]
fn nobody_has_caught_up_before_what_was_received_is_durable() {
    let (ann, mut bob) = streaming(with_notes("ann", 3), Ledger::named("bob"));
    bob.hears(part(&ann, 0..3));
    assert!(!bob.session.progress().caught_up);
    bob.answers();
    assert!(bob.session.progress().caught_up);
}

#[test]
fn a_cursor_behind_nothing_but_empty_frames_is_stored_at_the_end() {
    let (ann, bob) = settled(with_notes("ann", 3), Ledger::named("bob"));
    let (mut ann, mut bob) = meet_with(ann.ledger, bob.ledger, until_caught_up);
    assert_eq!(ann.ledger.cursors.len(), 0);
    settle(&mut ann, &mut bob);
    assert_eq!((ann.ended, bob.ended), (DONE, DONE));
    assert_eq!(position(ann.ledger.cursor(&bob.ledger.replica())), Some(Position(3)));
}

#[test]
fn stopping_finishes_the_commit_under_way_and_then_says_goodbye() {
    let (ann, mut bob) = streaming(with_notes("ann", 3), Ledger::named("bob"));
    bob.hears(part(&ann, 0..3));
    assert_eq!(bob.told(Input::Stop), NOTHING);
    assert_eq!(bob.answers().unwrap(), ["acks 3", "says goodbye: Done", "ends"]);
    bob.assert_over();
}

#[test]
fn stopping_commits_what_waited_behind_the_commit_under_way() {
    let (ann, mut bob) = streaming(with_notes("ann", 3), Ledger::named("bob"));
    bob.hears(part(&ann, 0..1));
    bob.hears(part(&ann, 1..3));
    bob.told(Input::Stop);
    assert_eq!(bob.answers().unwrap(), ["acks 1", "commits 2 events with cursor 3"]);
    assert_eq!(bob.answers().unwrap(), ["acks 3", "says goodbye: Done", "ends"]);
}

#[test]
fn stopping_does_not_wait_for_a_peer_that_never_pauses() {
    let (ann, mut bob) = streaming(with_notes("ann", 9), Ledger::named("bob"));
    bob.hears(part(&ann, 0..1));
    bob.told(Input::Stop);
    assert_eq!(bob.hears(part(&ann, 1..3)), NOTHING);
    assert_eq!(bob.answers().unwrap(), ["acks 1", "says goodbye: Done", "ends"]);
    assert_eq!(
        position(bob.ledger.cursor(&ann.ledger.replica())),
        Some(Position(1)),
        "the rest comes again"
    );
}

#[test]
fn stopping_with_an_idle_session_stores_the_trailing_cursor_first() {
    let (_, mut bob) = streaming(Ledger::named("ann"), Ledger::named("bob"));
    bob.hears(empty(7, 7));
    assert_eq!(bob.told(Input::Stop), ["commits 0 events with cursor 7"]);
    assert_eq!(bob.answers().unwrap(), ["says goodbye: Done", "ends"]);
}

#[test]
fn stopping_during_the_handshake_says_goodbye_at_once() {
    let (mut ann, mut bob) = meet(with_notes("ann", 1), Ledger::named("bob"));
    bob.hears(ann.next(FrameKind::Hello));
    assert_eq!(ann.told(Input::Stop), ["says goodbye: Done", "ends"]);
    assert_eq!(bob.told(Input::Stop), ["says goodbye: Done", "ends"]);
    ann.assert_over();
    bob.assert_over();
}

#[test]
fn a_goodbye_before_the_logs_are_exchanged_is_no_success_but_worth_a_retry() {
    let (_, mut bob) = meet(Ledger::named("ann"), Ledger::named("bob"));
    assert_eq!(bob.hears(Frame::goodbye(GoodbyeCode::Done, "stopped")), ["fails"]);
    let error = bob.ended.clone().unwrap().unwrap_err();
    assert!(matches!(error, SessionError::PeerEnded { code: GoodbyeCode::Done, .. }));
    assert!(error.is_retryable());
}

#[test]
fn a_goodbye_is_answered_by_finishing_what_was_received() {
    let (ann, mut bob) = streaming(with_notes("ann", 3), Ledger::named("bob"));
    bob.hears(part(&ann, 0..1));
    bob.hears(part(&ann, 1..3));
    assert_eq!(bob.hears(Frame::goodbye(GoodbyeCode::Done, "done")), NOTHING);
    assert_eq!(bob.answers().unwrap(), ["acks 1", "commits 2 events with cursor 3"]);
    assert_eq!(bob.told(Input::Disconnected), ["ends"], "the peer need not wait");
    assert_eq!(bob.answers().unwrap(), NOTHING);
    assert_eq!(bob.ledger.head(), Position(3));
}

#[test]
fn a_goodbye_is_not_answered_with_another() {
    let (_, mut bob) = settled(with_notes("ann", 3), Ledger::named("bob"));
    assert_eq!(bob.hears(Frame::goodbye(GoodbyeCode::Done, "done")), ["ends"]);
    bob.assert_over();
}

#[test]
fn a_cut_is_told_as_a_cut_in_every_phase() {
    let alone = || meet(with_notes("ann", 1), Ledger::named("bob"));
    let (_, mut greeting) = alone();
    let (mut ann, mut recalling) = alone();
    recalling.hears(ann.next(FrameKind::Hello));
    let (mut ann, mut proving) = alone();
    proving.hears(ann.next(FrameKind::Hello));
    proving.answers();
    let (ann, mut receiving) = streaming(with_notes("ann", 1), Ledger::named("bob"));
    receiving.hears(part(&ann, 0..1));
    let (mut sending, _) = streaming(with_notes("ann", 1), Ledger::named("bob"));
    sending.answers();
    for seat in [&mut greeting, &mut recalling, &mut proving, &mut receiving, &mut sending] {
        assert_eq!(seat.told(Input::Disconnected), ["fails"]);
        assert_eq!(seat.ended, CUT);
        seat.assert_over();
    }
}

#[test]
fn a_cut_loses_only_what_was_not_committed_and_the_next_session_sends_that() {
    let (ann, mut bob) = streaming(with_notes("ann", 5), Ledger::named("bob"));
    bob.hears(part(&ann, 0..2));
    bob.hears(part(&ann, 2..5));
    bob.told(Input::Disconnected);
    bob.answers();
    assert_eq!(bob.ledger.head(), Position(2));
    let (mut ann, mut bob) = meet(ann.ledger, bob.ledger);
    settle(&mut ann, &mut bob);
    assert_eq!(ann.session.progress().events_sent, 3);
    assert_eq!(held(&bob), held(&ann));
}

#[test]
fn a_peer_that_acknowledges_nothing_for_a_minute_is_given_up() {
    let (mut ann, _) = streaming(with_notes("ann", 2), Ledger::named("bob"));
    ann.ledger.page_blocks_max = 1;
    ann.at = Duration::from_secs(5);
    assert_eq!(ann.session.deadline(), None, "nothing is unacknowledged");
    ann.answers();
    assert_eq!(ann.session.deadline(), Some(ann.at + ACK_WITHIN));
    ann.at += Duration::from_secs(50);
    ann.answers();
    assert_eq!(ann.told(Input::DeadlinePassed), NOTHING, "not due yet");
    ann.at = Duration::from_secs(5) + ACK_WITHIN;
    ann.told(Input::DeadlinePassed);
    let waiting_for = "events were unacknowledged";
    let error = SessionError::TimedOut { waiting_for, silent: ACK_WITHIN };
    assert_ended(&mut ann, error, GoodbyeCode::Unavailable);
}

#[test]
fn every_acknowledgement_gives_another_minute_and_the_last_one_all_time() {
    let (mut ann, _) = streaming(with_notes("ann", 2), Ledger::named("bob"));
    ann.ledger.page_blocks_max = 1;
    ann.answers();
    ann.answers();
    ann.at = Duration::from_secs(59);
    ann.hears(ack(1));
    assert_eq!(ann.session.deadline(), Some(ann.at + ACK_WITHIN));
    ann.hears(ack(2));
    assert_eq!(ann.session.deadline(), None);
}

/// On the slowest way a large block takes more than a minute.
#[test]
fn a_large_frame_is_given_the_time_that_it_takes() {
    let (mut ann, _) = streaming(Ledger::named("ann"), Ledger::named("bob"));
    ann.writes_large(200_000, 1);
    ann.answers();
    let more = Duration::from_secs(200_000 / SLOWEST_BYTES_PER_SECOND);
    assert_eq!(ann.session.deadline(), Some(ACK_WITHIN + more));
}

#[test]
fn acknowledging_nothing_new_gives_no_time() {
    let (mut ann, _) = streaming(with_notes("ann", 2), Ledger::named("bob"));
    ann.answers();
    ann.at = Duration::from_secs(59);
    ann.hears(ack(0));
    assert_eq!(ann.session.deadline(), Some(ACK_WITHIN));
}

#[test]
fn a_peer_that_does_not_say_whether_it_knows_the_cursor_is_given_up() {
    let (ann, bob) = settled(with_notes("ann", 2), Ledger::named("bob"));
    for change in [until_caught_up, |_: &mut Config, _: &mut Config| ()] {
        let (ann, bob) = (ann.ledger.clone(), bob.ledger.clone());
        let (_, mut bob) = streaming_with(ann, bob, change);
        bob.answers();
        assert_eq!(bob.session.deadline(), Some(SEND_WITHIN));
        bob.at = SEND_WITHIN;
        bob.told(Input::DeadlinePassed);
        let waiting_for = "its log was awaited";
        let error = SessionError::TimedOut { waiting_for, silent: SEND_WITHIN };
        assert_ended(&mut bob, error, GoodbyeCode::Unavailable);
    }
}

#[test]
fn a_peer_that_asks_what_is_held_and_then_sends_nothing_is_given_up() {
    let (ann, mut bob) = settled(with_notes("ann", 2), Ledger::named("bob"));
    bob.ledger.cursors.insert(ann.ledger.replica(), cursor(9));
    let (mut ann, mut bob) = streaming(ann.ledger, bob.ledger);
    bob.answers();
    ann.answers();
    bob.at = Duration::from_secs(59);
    bob.hears(ann.next(FrameKind::Rewind));
    bob.answers();
    assert_eq!(bob.session.deadline(), Some(bob.at + SEND_WITHIN));
}

#[test]
fn a_peer_that_pauses_before_the_end_of_its_log_is_given_time_for_each_frame() {
    let (ann, mut bob) = streaming(with_notes("ann", 3), Ledger::named("bob"));
    bob.at = Duration::from_secs(59);
    bob.hears(part(&ann, 0..1));
    assert_eq!(bob.session.deadline(), None, "it may wait for the acknowledgement");
    bob.at = Duration::from_secs(100);
    bob.answers();
    assert_eq!(bob.session.deadline(), Some(bob.at + SEND_WITHIN));
    bob.hears(part(&ann, 1..3));
    bob.answers();
    assert_eq!(bob.session.deadline(), None, "nothing more is to come");
}

#[test]
fn a_log_that_misses_something_forgets_the_cursor_and_says_to_come_again() {
    let (ann, mut bob) = streaming(with_notes("ann", 3), Ledger::named("bob"));
    bob.hears(part(&ann, 1..3));
    let [missing, after] = [0, 1].map(|index| ann.ledger.blocks[index].block.ends()[0]);
    let refused = ["commits 0 events with cursor 0", "says goodbye: Unavailable", "fails"];
    assert_eq!(bob.answers().unwrap(), refused);
    bob.answers();
    let refusal = Refusal::Missing { after: after.dot(), missing };
    assert_ended(&mut bob, SessionError::Refused(refusal), GoodbyeCode::Unavailable);
    assert_eq!(bob.ledger.head(), Position(0));
    let (mut ann, mut bob) = meet(ann.ledger, bob.ledger);
    settle(&mut ann, &mut bob);
    assert_eq!(held(&bob), held(&ann));
}

#[test]
fn a_store_that_fails_ends_the_session_and_the_peer_hears_whether_a_person_must_help() {
    for (damaged, code) in [(false, GoodbyeCode::Unavailable), (true, GoodbyeCode::Damaged)] {
        let (ann, mut bob) = streaming(with_notes("ann", 3), Ledger::named("bob"));
        bob.hears(part(&ann, 0..3));
        bob.told(Input::StoreFailed { damaged });
        assert_ended(&mut bob, SessionError::Store { damaged }, code);
    }
}

#[test]
fn the_peers_reason_is_told_and_a_later_session_may_succeed() {
    for code in [
        GoodbyeCode::Unavailable,
        GoodbyeCode::Refused,
        GoodbyeCode::Unsupported,
        GoodbyeCode::Violation,
        GoodbyeCode::Damaged,
        GoodbyeCode::Other,
    ] {
        let (_, mut bob) = streaming(Ledger::named("ann"), Ledger::named("bob"));
        assert_eq!(bob.hears(Frame::goodbye(code, "because")), ["fails"]);
        let error = bob.ended.clone().unwrap().unwrap_err();
        assert!(error.is_retryable(), "{code:?}");
        assert_eq!(error, SessionError::PeerEnded { code, message: "because".into() });
        bob.assert_over();
    }
}

fn until_caught_up(ann: &mut Config, bob: &mut Config) {
    ann.until = Until::CaughtUp;
    bob.until = Until::CaughtUp;
}
