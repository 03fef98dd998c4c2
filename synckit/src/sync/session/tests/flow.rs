//! Logs flow both ways: persist, then acknowledge; no faster than it is acknowledged; nothing in
//! vain.

use std::time::Duration;

use bytes::Bytes;

use super::ledger::Ledger;
use super::seat::{
    NOTHING, Seat, empty, held, noon, part, position, settle, settled, streaming, streaming_with,
    with_notes,
};
use crate::envelope::Context;
use crate::id::Position;
use crate::sync::Direction;
use crate::sync::frame::{Frame, FrameKind};
use crate::sync::limits::{FRAME_BLOCKS_MAX, FRAME_BYTES_MAX, WINDOW_BYTES_MAX};

#[test]
fn events_are_acknowledged_after_they_and_the_cursor_are_durable() {
    let (ann, mut bob) = streaming(with_notes("ann", 3), Ledger::named("bob"));
    assert_eq!(bob.hears(part(&ann, 0..3)), ["commits 3 events with cursor 3"]);
    assert_eq!(bob.answers().unwrap(), ["acks 3"]);
    assert_eq!(position(bob.ledger.cursor(&ann.ledger.replica())), Some(Position(3)));
}

#[test]
fn what_arrives_during_a_commit_waits_and_is_committed_together() {
    let (ann, mut bob) = streaming(with_notes("ann", 9), Ledger::named("bob"));
    assert_eq!(bob.hears(part(&ann, 0..2)), ["commits 2 events with cursor 2"]);
    assert_eq!(bob.hears(part(&ann, 2..5)), NOTHING);
    assert_eq!(bob.hears(part(&ann, 5..9)), NOTHING);
    assert_eq!(bob.answers().unwrap(), ["acks 2", "commits 7 events with cursor 9"]);
    assert_eq!(bob.answers().unwrap(), ["acks 9"]);
    assert_eq!(bob.ledger.head(), Position(9));
}

#[test]
fn a_log_is_sent_in_order_and_then_watched() {
    let (mut ann, _) = streaming(with_notes("ann", 5), Ledger::named("bob"));
    ann.ledger.page_blocks_max = 3;
    assert_eq!(ann.answers().unwrap(), ["sends 3 events through 3 of 5", "loads after 3"]);
    assert_eq!(ann.answers().unwrap(), ["sends 2 events through 5 of 5", "watches past 5"]);
}

#[test]
fn an_event_written_after_catching_up_is_pushed_at_once() {
    let (mut ann, mut bob) = settled(with_notes("ann", 2), with_notes("bob", 1));
    assert_eq!(ann.writes(1), ["loads after 3"]);
    assert_eq!(ann.answers().unwrap(), ["sends 1 events through 4 of 4", "watches past 4"]);
    assert_eq!(bob.hears(ann.next(FrameKind::Events)), ["commits 1 events with cursor 4"]);
    settle(&mut ann, &mut bob);
    assert_eq!(held(&ann), held(&bob));
}

#[test]
fn blocks_that_came_from_the_peer_are_passed_over_on_the_way_back() {
    let (mut ann, mut bob) = streaming(with_notes("ann", 4), Ledger::named("bob"));
    settle(&mut ann, &mut bob);
    assert_eq!(ann.session.progress().events_sent, 4);
    assert_eq!(bob.session.progress().events_sent, 0);
    assert_eq!(ann.session.progress().to_receive, 0, "and the passing over is told");
}

#[test]
fn a_frame_without_events_is_not_committed_or_acknowledged_and_tells_how_far_the_log_goes() {
    let (_, mut bob) = streaming(Ledger::named("ann"), Ledger::named("bob"));
    assert_eq!(bob.hears(empty(1_000, 1_500)), NOTHING);
    assert_eq!(bob.session.progress().to_receive, 500);
}

#[test]
fn a_cursor_does_not_stay_far_behind_even_when_nothing_but_empty_frames_come() {
    let (_, mut bob) = streaming(Ledger::named("ann"), Ledger::named("bob"));
    assert_eq!(bob.hears(empty(4_095, 9_000)), NOTHING);
    assert_eq!(bob.hears(empty(4_096, 9_000)), ["commits 0 events with cursor 4096"]);
    assert_eq!(bob.hears(empty(4_097, 9_000)), NOTHING);
    assert_eq!(bob.answers().unwrap(), NOTHING, "there is nothing to acknowledge");
}

#[test]
fn no_more_than_a_window_and_a_frame_is_unacknowledged_and_an_ack_sets_it_going_again() {
    let (mut ann, mut bob) = streaming(Ledger::named("ann"), Ledger::named("bob"));
    ann.writes_large(200_000, 60);
    while ann.answers().is_some() {}
    let in_flight: usize = ann.said.iter().map(Frame::size).sum();
    assert!(in_flight >= WINDOW_BYTES_MAX, "it stops early: {in_flight}");
    assert!(in_flight <= WINDOW_BYTES_MAX + FRAME_BYTES_MAX, "it goes on: {in_flight}");
    bob.hears(ann.said.pop_front().unwrap());
    bob.answers();
    assert_eq!(ann.hears(bob.next(FrameKind::Ack)), [format!("loads after {}", sent(&ann))]);
    settle(&mut ann, &mut bob);
    assert_eq!(held(&bob), held(&ann));
}

/// 96 kbit/s, as in the field: a device that takes some minutes is no peer that is gone.
#[test]
fn on_a_slow_way_everything_arrives_before_anybody_gives_up() {
    let (mut ann, mut bob) = streaming(Ledger::named("ann"), Ledger::named("bob"));
    ann.writes_large(10_000, 200);
    let mut now = Duration::ZERO;
    loop {
        while ann.answers().is_some() {}
        let Some(frame) = ann.said.pop_front() else { break };
        now += Duration::from_secs(frame.size() as u64) / 12_000;
        for seat in [&mut ann, &mut bob] {
            let deadline = seat.session.deadline();
            assert!(deadline.is_none_or(|deadline| now < deadline), "{deadline:?} at {now:?}");
            seat.at = now;
        }
        bob.hears(frame);
        while bob.answers().is_some() {}
        while let Some(frame) = bob.said.pop_front() {
            ann.hears(frame);
        }
    }
    assert_eq!(held(&bob), held(&ann));
}

#[test]
fn a_log_of_tiny_blocks_is_cut_into_frames_that_the_peer_takes() {
    let many = FRAME_BLOCKS_MAX + 10;
    let (mut ann, mut bob) = streaming(tiny_commits("ann", many), Ledger::named("bob"));
    settle(&mut ann, &mut bob);
    assert_eq!((ann.ended.take(), bob.ended.take()), (None, None));
    assert_eq!(bob.ledger.head(), Position(many as u64));
}

#[test]
fn the_receiving_side_alone_may_send_nothing() {
    let (mut ann, mut bob) =
        streaming_with(with_notes("ann", 2), with_notes("bob", 3), |_, bob| {
            bob.direction = Direction::Pull
        });
    settle(&mut ann, &mut bob);
    assert_eq!((ann.ledger.head(), bob.ledger.head()), (Position(2), Position(5)));
    assert_eq!(bob.loads, []);
}

#[test]
fn push_only_sends_and_takes_nothing() {
    let (mut ann, mut bob) =
        streaming_with(with_notes("ann", 2), with_notes("bob", 3), |ann, _| {
            ann.direction = Direction::Push
        });
    settle(&mut ann, &mut bob);
    assert_eq!((ann.ledger.head(), bob.ledger.head()), (Position(2), Position(5)));
    assert_eq!(bob.loads, [], "the other side does not even read its log");
}

#[test]
fn pull_only_takes_and_sends_nothing() {
    let (mut ann, mut bob) =
        streaming_with(with_notes("ann", 2), with_notes("bob", 3), |ann, _| {
            ann.direction = Direction::Pull
        });
    settle(&mut ann, &mut bob);
    assert_eq!((ann.ledger.head(), bob.ledger.head()), (Position(5), Position(3)));
    assert_eq!(ann.loads, []);
}

#[test]
fn a_commit_of_many_events_arrives_whole() {
    let mut ann = Ledger::named("ann");
    let payloads = [Bytes::from_static(b"milk"), Bytes::from_static(b"eggs")];
    ann.write(noon(), &Context::new(), &payloads);
    let (mut ann, mut bob) = settled(ann, Ledger::named("bob"));
    assert_eq!(ann.session.progress().events_sent, 2);
    assert_eq!(bob.ledger.blocks[0].block, ann.ledger.blocks[0].block, "as it was packed");
    settle(&mut ann, &mut bob);
}

#[test]
fn what_both_hold_already_is_received_again_without_harm() {
    let (ann, mut bob) = settled(with_notes("ann", 4), Ledger::named("bob"));
    assert_eq!(bob.hears(part(&ann, 0..4)), ["commits 4 events with cursor 4"]);
    assert_eq!(bob.answers().unwrap(), ["acks 4"]);
    assert_eq!((bob.ledger.head(), bob.session.progress().events_received), (Position(4), 4));
}

fn tiny_commits(name: &str, count: usize) -> Ledger {
    let mut ledger = Ledger::named(name);
    for _ in 0..count {
        ledger.write(noon(), &Context::new(), &[Bytes::new()]);
    }
    ledger
}

fn sent(seat: &Seat) -> u64 {
    let progress = seat.session.progress();
    seat.ledger.head().0 - progress.to_send
}
