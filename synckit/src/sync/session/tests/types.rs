//! Types of events: who is asked for them, and what is believed.

use super::ledger::Ledger;
use super::seat::{Seat, assert_misbehaved, meet_with, settle};
use crate::schema::TypesText;
use crate::sync::frame::{Frame, FrameKind, Types};
use crate::sync::{Direction, Until, Violation};

fn text() -> TypesText {
    TypesText::new("// The event `note.written`, version 1.").unwrap()
}

/// Ann, who tells her types, and a hub, after the handshake.
fn told(direction: Direction, hub: Ledger) -> (Seat, Seat) {
    let (mut ann, mut hub) = meet_with(Ledger::named("ann"), hub, |ann, _| {
        (ann.types, ann.direction) = (Some(text()), direction);
    });
    hub.hears(ann.next(FrameKind::Hello));
    hub.answers();
    ann.hears(hub.next(FrameKind::Hello));
    ann.hears(hub.next(FrameKind::Start));
    ann.answers();
    hub.hears(ann.next(FrameKind::Start));
    (ann, hub)
}

#[test]
fn types_that_a_store_does_not_keep_are_asked_for_once() {
    let (mut ann, mut hub) = told(Direction::Both, Ledger::named("hub"));
    assert_eq!(hub.hears(ann.next(FrameKind::Types)), ["keeps types"]);
    settle(&mut ann, &mut hub);
    assert_eq!(hub.ledger.types.values().collect::<Vec<_>>(), [&text()]);
    let (ann, _) = told(Direction::Both, hub.ledger);
    assert!(ann.said.is_empty(), "they are kept");
}

#[test]
fn whoever_syncs_until_caught_up_has_told_its_types() {
    let (mut ann, mut hub) = meet_with(Ledger::named("ann"), Ledger::named("hub"), |ann, _| {
        (ann.types, ann.until) = (Some(text()), Until::CaughtUp);
    });
    settle(&mut ann, &mut hub);
    assert_eq!(ann.ended, Some(Ok(())));
    assert_eq!(hub.ledger.types.len(), 1);
}

#[test]
fn whoever_sends_no_events_is_not_asked_for_their_types() {
    let (ann, _) = told(Direction::Pull, Ledger::named("hub"));
    assert!(ann.said.is_empty());
}

#[test]
fn types_that_nobody_asked_for_are_refused() {
    let (mut ann, mut hub) = told(Direction::Both, Ledger::named("hub"));
    let phase = "while logs are exchanged";
    ann.hears(Frame::Types(Types { text: text() }));
    assert_misbehaved(&mut ann, Violation::OutOfTurn { frame: FrameKind::Types, phase });
    hub.hears(ann.next(FrameKind::Types));
    hub.hears(Frame::Types(Types { text: text() }));
    assert_misbehaved(&mut hub, Violation::OutOfTurn { frame: FrameKind::Types, phase });
}

#[test]
fn types_other_than_the_greeting_names_are_refused() {
    let (_, mut hub) = told(Direction::Both, Ledger::named("hub"));
    hub.hears(Frame::Types(Types { text: TypesText::new("others").unwrap() }));
    assert_misbehaved(&mut hub, Violation::OtherTypes);
    assert!(hub.ledger.types.is_empty());
}
