//! The handshake: the order of its frames, and what is believed.

use std::time::Duration;

use super::ledger::Ledger;
use super::seat::{
    self, NOTHING, Seat, assert_ended, assert_misbehaved, empty, meet, meet_with, settle,
    streaming, with_notes,
};
use crate::id::{Position, SpaceId};
use crate::policy::PolicyId;
use crate::sync::frame::{Frame, FrameKind, GoodbyeCode, Hello, Holds, Rewind, Start};
use crate::sync::limits::{HANDSHAKE_WITHIN, PROTOCOL_VERSION};
use crate::sync::{Admittance, Denial, Direction, Input, PeerLimit, SessionError, Violation};

#[test]
fn the_initiator_greets_and_the_acceptor_answers_with_greeting_and_proof_at_once() {
    let (mut ann, mut bob) = meet(Ledger::named("ann"), Ledger::named("bob"));
    assert_eq!(bob.said.len(), 0, "the acceptor waits");
    assert_eq!(bob.hears(ann.next(FrameKind::Hello)), ["recalls"]);
    assert_eq!(bob.answers().unwrap(), ["says hello", "says start by frontier of 0"]);
    assert_eq!(ann.hears(bob.next(FrameKind::Hello)), ["recalls"]);
    assert_eq!(ann.answers().unwrap(), ["says start by frontier of 0"]);
    assert_eq!(ann.hears(bob.next(FrameKind::Start)), ["looks for 0"]);
    assert_eq!(ann.answers().unwrap(), ["watches past 0"]);
    assert_eq!(bob.hears(ann.next(FrameKind::Start)), ["looks for 0"]);
    assert_eq!(bob.answers().unwrap(), ["watches past 0"]);
    assert_eq!(ann.session.peer().unwrap().replica, bob.ledger.replica());
}

#[test]
fn a_proof_that_comes_while_the_store_is_asked_is_kept_until_it_has_answered() {
    let (mut ann, mut bob) = meet(Ledger::named("ann"), Ledger::named("bob"));
    bob.hears(ann.next(FrameKind::Hello));
    bob.answers();
    ann.hears(bob.next(FrameKind::Hello));
    assert_eq!(ann.hears(bob.next(FrameKind::Start)), NOTHING);
    assert_eq!(ann.answers().unwrap(), ["says start by frontier of 0", "looks for 0"]);
}

#[test]
fn a_proof_of_another_key_is_refused_on_both_sides() {
    let forge = |start: &mut Start| start.signature[7] ^= 1;
    let (mut ann, mut bob) = introduced();
    let [from_ann, from_bob] = [ann.ledger.replica(), bob.ledger.replica()];
    bob.hears(changed_start(&mut ann, forge));
    ann.hears(changed_start(&mut bob, forge));
    assert_misbehaved(&mut bob, Violation::BadSignature { replica: from_ann });
    assert_misbehaved(&mut ann, Violation::BadSignature { replica: from_bob });
}

#[test]
fn a_proof_from_another_session_is_worth_nothing() {
    let (mut old_ann, _) = introduced();
    let (mut ann, mut bob) = meet_with(Ledger::named("ann"), Ledger::named("bob"), |ann, _| {
        ann.nonce = [9; 32];
    });
    bob.hears(ann.next(FrameKind::Hello));
    bob.answers();
    bob.hears(old_ann.next(FrameKind::Start));
    let replica = old_ann.ledger.replica();
    assert_misbehaved(&mut bob, Violation::BadSignature { replica });
}

#[test]
fn a_side_cannot_prove_itself_with_the_other_sides_proof() {
    let (mut ann, mut bob) = introduced();
    let replica = ann.ledger.replica();
    let reflected = bob.next(FrameKind::Start);
    bob.hears(reflected);
    assert_misbehaved(&mut bob, Violation::BadSignature { replica });
    assert_eq!(ann.ended.take(), None);
}

#[test]
fn another_protocol_version_is_refused_as_unsupported() {
    let (mut ann, mut bob) = meet(Ledger::named("ann"), Ledger::named("bob"));
    let theirs = PROTOCOL_VERSION + 1;
    bob.hears(changed_hello(&mut ann, |hello| hello.protocol = theirs));
    let error = SessionError::PeerMisbehaved(Violation::Protocol { theirs });
    assert_ended(&mut bob, error, GoodbyeCode::Unsupported);
}

#[test]
fn an_answer_about_another_space_is_refused() {
    let (mut ann, mut bob) = meet(Ledger::named("ann"), Ledger::named("bob"));
    bob.hears(ann.next(FrameKind::Hello));
    bob.answers();
    let space = SpaceId::new("elsewhere").unwrap();
    ann.hears(changed_hello(&mut bob, |hello| hello.space = space));
    assert_misbehaved(&mut ann, Violation::SpaceChanged);
}

#[test]
fn before_the_greeting_only_a_greeting_is_heard() {
    for frame in [start(), events(), ack(), rewind(), holds()] {
        let kind = frame.kind();
        let (_, mut bob) = meet(Ledger::named("ann"), Ledger::named("bob"));
        bob.hears(frame);
        assert_out_of_turn(&mut bob, kind, "before it introduced itself");
    }
}

#[test]
fn while_the_store_is_asked_only_one_proof_is_heard() {
    for frame in [hello(), events(), ack(), start(), rewind(), holds()] {
        let kind = frame.kind();
        let (mut ann, mut bob) = meet(Ledger::named("ann"), Ledger::named("bob"));
        bob.hears(ann.next(FrameKind::Hello));
        assert_eq!(bob.hears(start()), NOTHING);
        bob.hears(frame);
        assert_out_of_turn(&mut bob, kind, "before it proved its key");
    }
}

#[test]
fn before_the_proof_only_a_proof_is_heard() {
    for frame in [hello(), events(), ack(), rewind(), holds()] {
        let kind = frame.kind();
        let (_, mut bob) = introduced();
        bob.hears(frame);
        assert_out_of_turn(&mut bob, kind, "before it proved its key");
    }
}

#[test]
fn while_logs_are_exchanged_nobody_says_again_who_they_are_or_what_nobody_asked() {
    for frame in [hello(), start(), rewind(), holds()] {
        let kind = frame.kind();
        let (_, mut bob) = streaming(Ledger::named("ann"), Ledger::named("bob"));
        bob.hears(frame);
        assert_out_of_turn(&mut bob, kind, "while logs are exchanged");
    }
}

/// Two seats of which the second lets nobody in unasked, and the first has introduced itself.
fn at_the_door() -> (Seat, Seat) {
    let (ann, bob) = (with_notes("ann", 2), with_notes("bob", 3));
    let (mut ann, mut bob) = meet_with(ann, bob, |_, bob| bob.has_door = true);
    assert_eq!(bob.hears(ann.next(FrameKind::Hello)), ["asks who comes in"]);
    assert_eq!(bob.session.deadline(), Some(HANDSHAKE_WITHIN), "whoever decides has so long");
    (ann, bob)
}

#[test]
fn nobody_is_told_anything_before_being_let_in() {
    for (denial, code) in [
        (Denial::Unauthenticated, GoodbyeCode::Unauthenticated),
        (Denial::Forbidden, GoodbyeCode::Forbidden),
        (Denial::Unavailable, GoodbyeCode::Unavailable),
    ] {
        let (mut ann, mut bob) = at_the_door();
        assert_eq!(
            bob.told(Input::Admitted(Err(denial.clone()))),
            [format!("says goodbye: {code:?}"), "fails".into()]
        );
        assert_eq!(bob.ended, Some(Err(SessionError::Denied(denial))));
        bob.assert_over();
        ann.hears(bob.next(FrameKind::Goodbye));
        let Some(Err(SessionError::PeerEnded { code: told, .. })) = ann.ended else {
            panic!("{:?}", ann.ended)
        };
        assert_eq!(told, code);
    }
}

#[test]
fn two_that_go_by_different_policies_send_each_other_away() {
    let policy = |revision| PolicyId::of_parts("orders".to_owned(), revision, [7; 32]);
    for (theirs, is_refused) in [(policy(1), true), (policy(2), false), (None, false)] {
        let (ann, bob) = (with_notes("ann", 2), with_notes("bob", 3));
        let (mut ann, mut bob) = meet_with(ann, bob, |ann, bob| {
            (ann.policy, bob.policy) = (theirs.clone(), policy(2));
        });
        bob.hears(ann.next(FrameKind::Hello));
        let denied = matches!(bob.ended, Some(Err(SessionError::Denied(Denial::Policy(_)))));
        assert_eq!(denied, is_refused, "{theirs:?}");
        if denied {
            ann.hears(bob.next(FrameKind::Goodbye));
            let Some(Err(error)) = &ann.ended else { panic!("{:?}", ann.ended) };
            assert_eq!(error.code(), "session.policy");
            assert!(error.to_string().contains("update the older program"), "{error}");
        }
    }
}

#[test]
fn whoever_is_over_a_limit_is_told_when_to_come_again_but_not_for_longer_than_an_hour() {
    for (asked, told) in [(90, 90), (7_200, 3_600)] {
        let (mut ann, mut bob) = at_the_door();
        let (limit, retry_after) = (PeerLimit::Sessions(2), Duration::from_secs(asked));
        bob.told(Input::Admitted(Err(Denial::Limited { limit, retry_after })));
        ann.hears(bob.next(FrameKind::Goodbye));
        let Some(Err(error)) = &ann.ended else { panic!("{:?}", ann.ended) };
        assert_eq!(error.retry_after(), Some(Duration::from_secs(told)));
        assert_eq!((error.code(), error.is_retryable()), ("session.limited", true));
    }
}

#[test]
fn whoever_is_let_in_syncs_in_the_directions_that_are_allowed() {
    for (allowed, sent) in
        [(Direction::Both, (2, 3)), (Direction::Push, (0, 3)), (Direction::Pull, (2, 0))]
    {
        let (mut ann, mut bob) = at_the_door();
        bob.asked.clear();
        assert_eq!(
            bob.told(Input::Admitted(Ok(Admittance { direction: allowed, writes: None }))),
            ["recalls"]
        );
        settle(&mut ann, &mut bob);
        let progress = (ann.session.progress(), bob.session.progress());
        assert_eq!((progress.0.events_sent, progress.1.events_sent), sent, "{allowed:?}");
    }
}

#[test]
fn whoever_may_not_stay_is_told_so_and_keeps_what_was_acknowledged() {
    let (mut ann, mut bob) = at_the_door();
    settle(&mut ann, &mut bob);
    assert_eq!(bob.ledger.head(), Position(5));
    bob.told(Input::Admitted(Err(Denial::Changed)));
    assert_ended(&mut bob, SessionError::Denied(Denial::Changed), GoodbyeCode::Unavailable);
}

#[test]
fn a_peer_that_never_introduces_itself_is_given_up() {
    let (_, mut bob) = meet(Ledger::named("ann"), Ledger::named("bob"));
    assert_eq!(bob.session.deadline(), Some(HANDSHAKE_WITHIN));
    bob.at = HANDSHAKE_WITHIN - Duration::from_millis(1);
    assert_eq!(bob.told(Input::DeadlinePassed), NOTHING, "not due yet");
    bob.at = HANDSHAKE_WITHIN;
    bob.told(Input::DeadlinePassed);
    assert_timed_out(&mut bob);
}

#[test]
fn a_peer_that_never_proves_its_key_is_given_up() {
    let (_, mut bob) = introduced();
    assert_eq!(bob.session.deadline(), Some(HANDSHAKE_WITHIN));
    bob.at = HANDSHAKE_WITHIN;
    bob.told(Input::DeadlinePassed);
    assert_timed_out(&mut bob);
}

/// Greetings are exchanged; both proofs are said and not heard yet.
fn introduced() -> (Seat, Seat) {
    let (mut ann, mut bob) = meet(Ledger::named("ann"), Ledger::named("bob"));
    bob.hears(ann.next(FrameKind::Hello));
    bob.answers();
    ann.hears(bob.next(FrameKind::Hello));
    ann.answers();
    (ann, bob)
}

fn changed_hello(seat: &mut Seat, change: impl FnOnce(&mut Hello)) -> Frame {
    let mut frame = seat.next(FrameKind::Hello);
    if let Frame::Hello(greeting) = &mut frame {
        let mut hello = Hello::clone(greeting);
        change(&mut hello);
        *greeting = hello.into();
    }
    frame
}

fn changed_start(seat: &mut Seat, change: impl FnOnce(&mut Start)) -> Frame {
    let mut frame = seat.next(FrameKind::Start);
    if let Frame::Start(start) = &mut frame {
        change(start);
    }
    frame
}

fn assert_out_of_turn(seat: &mut Seat, frame: FrameKind, phase: &'static str) {
    assert_misbehaved(seat, Violation::OutOfTurn { frame, phase });
}

fn assert_timed_out(seat: &mut Seat) {
    let waiting_for = "it should have introduced itself";
    let error = SessionError::TimedOut { waiting_for, silent: HANDSHAKE_WITHIN };
    assert_ended(seat, error, GoodbyeCode::Unavailable);
}

fn hello() -> Frame {
    meet(Ledger::named("carol"), Ledger::named("bob")).0.next(FrameKind::Hello)
}

fn start() -> Frame {
    let (mut ann, mut bob) = introduced();
    bob.said.clear();
    ann.next(FrameKind::Start)
}

fn events() -> Frame {
    empty(0, 0)
}

fn ack() -> Frame {
    seat::ack(0)
}

fn rewind() -> Frame {
    Frame::Rewind(Rewind {})
}

fn holds() -> Frame {
    Frame::Holds(Holds { commits: Vec::new() })
}
