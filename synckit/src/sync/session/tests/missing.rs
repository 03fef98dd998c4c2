//! Parts of a space whose work rests on each other's, and a hub that has lost its file.

use super::filters::{aggregate, kinds, sync, write};
use super::ledger::Ledger;
use super::seat::{Seat, assert_ended, meet_with, settle, streaming_with};
use crate::filter::Filter;
use crate::id::Position;
use crate::log::Refusal;
use crate::sync::frame::{FrameKind, GoodbyeCode};
use crate::sync::limits::{VAIN_TRIES_MAX, WAITS_FOR_OTHERS};
use crate::sync::{Config, Effect, Input, SessionError, Until};

/// Ann and bob hold the same part of a space, and have answered each other four times, ann first, and the hub
/// holds it all.
fn answering() -> (Ledger, Ledger, Ledger) {
    let [mut ann, mut bob] = ["ann", "bob"].map(|name| {
        let mut ledger = Ledger::named(name);
        ledger.filter = Some(Filter::new().part(kinds("b")));
        ledger
    });
    let mut hub = Ledger::named("hub");
    for _ in 0..4 {
        for part in [&mut ann, &mut bob] {
            let synced = sync(part.clone(), hub);
            *part = synced.0.ledger;
            write(part, &[aggregate("b", "1")]);
            let synced = sync(part.clone(), synced.1.ledger);
            (*part, hub) = (synced.0.ledger, synced.1.ledger);
        }
    }
    (ann, bob, hub)
}

fn until_caught_up(part: &mut Config, _: &mut Config) {
    part.until = Until::CaughtUp;
}

#[test]
fn parts_that_answer_each_other_bring_their_work_to_a_hub_that_has_lost_it() {
    let (mut ann, mut bob, hub) = answering();
    let mut empty = Ledger::named("empty");
    for turn in 0..4 {
        for (order, part) in [(1, &mut ann), (2, &mut bob)] {
            let synced = sync(part.clone(), empty);
            (*part, empty) = (synced.0.ledger, synced.1.ledger);
            let brought = Position(2 * turn + order);
            assert_eq!(empty.head(), brought, "what rests on the session before");
        }
    }
    let (ann, empty) = sync(ann, empty);
    assert_eq!((ann.ended, empty.ended), (Some(Ok(())), Some(Ok(()))));
    assert_eq!(empty.ledger.head(), hub.head());
}

#[test]
fn parts_that_are_there_at_once_bring_it_in_one_session_each() {
    let (ann, bob, hub) = answering();
    let mut empty = Ledger::named("empty");
    let mut tables =
        [ann, bob].map(|part| meet_with(part, Ledger::named("empty"), until_caught_up));
    let mut idle = 0;
    while idle < tables.len() {
        for (part, side) in &mut tables {
            side.ledger = empty.clone();
            settle(part, side);
            idle = if side.ledger.head() == empty.head() { idle + 1 } else { 0 };
            empty = side.ledger.clone();
        }
    }
    assert_eq!(empty.head(), hub.head());
    for (part, side) in tables {
        assert_eq!((part.ended, side.ended), (Some(Ok(())), Some(Ok(()))));
    }
}

/// Bob has met a hub that has lost ann's work, on which his rests.
fn waiting() -> (Seat, Seat) {
    let (_, bob, _) = answering();
    let (mut bob, mut empty) = meet_with(bob, Ledger::named("empty"), until_caught_up);
    settle(&mut bob, &mut empty);
    assert_eq!((&bob.ended, &empty.ended), (&None, &None));
    (bob, empty)
}

#[test]
fn work_that_nobody_completes_is_refused_after_a_while_and_sent_another_time() {
    let (ann, ..) = answering();
    let (mut bob, mut empty) = waiting();
    assert_eq!(empty.session.deadline(), Some(WAITS_FOR_OTHERS));
    empty.at = WAITS_FOR_OTHERS;
    let refused = ["commits 0 events with cursor 0", "says goodbye: Unavailable", "fails"];
    assert_eq!(empty.told(Input::DeadlinePassed), refused);
    let Some(Err(SessionError::Refused(refusal))) = &empty.ended else { panic!() };
    assert!(matches!(refusal, Refusal::Missing { missing, .. } if missing.author == ann.replica()));
    let refusal = SessionError::Refused(refusal.clone());
    assert_ended(&mut empty, refusal, GoodbyeCode::Unavailable);
    settle(&mut bob, &mut empty);
    let Some(Err(SessionError::PeerEnded { code, .. })) = &bob.ended else { panic!() };
    assert_eq!(*code, GoodbyeCode::Unavailable);
}

#[test]
fn a_part_whose_work_waits_gets_what_the_hub_holds() {
    let (_, bob, _) = answering();
    let mut carol = Ledger::named("carol");
    write(&mut carol, &[aggregate("b", "1")]);
    let (_, empty) = sync(carol, Ledger::named("empty"));
    let (mut bob, mut empty) = streaming_with(bob, empty.ledger, until_caught_up);
    // The hub reads its log while it commits what bob has sent.
    bob.answers();
    empty.hears(bob.next(FrameKind::Events));
    assert!(matches!(empty.asked.make_contiguous(), [Effect::Load(_), Effect::Commit { .. }]));
    settle(&mut bob, &mut empty);
    assert_eq!((&bob.ended, &empty.ended), (&None, &None), "his own work waits");
    assert_eq!(empty.session.progress().events_sent, 1);
}

#[test]
fn a_session_that_stops_while_work_waits_takes_nothing_of_it() {
    let (mut bob, mut empty) = waiting();
    assert_eq!(empty.told(Input::Stop), ["says goodbye: Done", "ends"]);
    settle(&mut bob, &mut empty);
    assert_eq!((&bob.ended, &empty.ended), (&Some(Ok(())), &Some(Ok(()))));
    assert_eq!(empty.ledger.head(), Position::START);
    assert_eq!(empty.ledger.cursor(&bob.ledger.replica()), None, "it is sent another time");
}

#[test]
fn what_does_not_help_is_no_reason_to_try_for_ever() {
    let (mut bob, mut empty) = waiting();
    let (mut carol, mut tries) = (Ledger::named("carol"), 1);
    while empty.ended.is_none() {
        write(&mut carol, &[aggregate("c", "1")]);
        let (others, hub) = sync(carol, empty.ledger.clone());
        (carol, empty.ledger) = (others.ledger, hub.ledger);
        settle(&mut bob, &mut empty);
        tries += 1;
    }
    assert_eq!(tries, VAIN_TRIES_MAX + 1);
}
