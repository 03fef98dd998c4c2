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
use crate::sync::limits::{
    FRAME_BLOCKS_BYTES, FRAME_BLOCKS_MAX, FRAME_BYTES_MAX, WINDOW_BYTES_LEAST, WINDOW_BYTES_MAX,
};

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
fn little_is_unacknowledged_before_the_first_ack_and_a_window_after_quick_ones() {
    let (mut ann, mut bob) = streaming(Ledger::named("ann"), Ledger::named("bob"));
    ann.writes_large(10_000, 2_000);
    let in_flight = |ann: &Seat| ann.said.iter().map(Frame::size).sum::<usize>();
    while ann.answers().is_some() {}
    assert!(in_flight(&ann) >= WINDOW_BYTES_LEAST, "it stops early: {}", in_flight(&ann));
    assert!(in_flight(&ann) <= 2 * WINDOW_BYTES_LEAST, "it goes on: {}", in_flight(&ann));
    bob.hears(ann.said.pop_front().unwrap());
    bob.answers();
    ann.hears(bob.next(FrameKind::Ack));
    while ann.answers().is_some() {}
    assert!(in_flight(&ann) >= WINDOW_BYTES_MAX, "it stops early: {}", in_flight(&ann));
    assert!(in_flight(&ann) <= WINDOW_BYTES_MAX + FRAME_BYTES_MAX, "{}", in_flight(&ann));
    let largest = ann.said.iter().map(Frame::size).max().unwrap();
    assert!(largest > FRAME_BLOCKS_BYTES / 2, "{largest}");
    settle(&mut ann, &mut bob);
    assert_eq!(held(&bob), held(&ann));
}

/// 4 kB/s each way, as in the field: a device that takes some minutes is no peer that is gone, and
/// what has arrived before a cut is not resent.
#[test]
fn on_a_slow_way_that_is_cut_again_and_again_everything_arrives_nearly_as_fast_as_it_can() {
    const BYTES_PER_SECOND: u32 = 4_000;
    const CUT_EVERY: Duration = Duration::from_secs(20);
    let (mut ann, mut bob) = (Ledger::named("ann"), Ledger::named("bob"));
    for seat in [&mut ann, &mut bob] {
        for _ in 0..150 {
            seat.write(noon(), &Context::new(), &[Bytes::from(vec![7; 2_000])]);
        }
    }
    let bytes = 300_000;
    let (mut sessions, mut last) = (0, Duration::ZERO);
    while !ann.commits().eq(bob.commits()) {
        sessions += 1;
        assert!(sessions < 100, "it gets nowhere");
        let (mut one, mut two) = streaming(ann, bob);
        // Both directions at the same time, each with a frame under way that arrives at some time.
        let mut ways: [(Duration, Option<Frame>); 2] =
            [(Duration::ZERO, None), (Duration::ZERO, None)];
        loop {
            for (seat, way) in [&mut one, &mut two].into_iter().zip(&mut ways) {
                while seat.answers().is_some() {}
                if way.1.is_none()
                    && let Some(frame) = seat.said.pop_front()
                {
                    let takes = Duration::from_secs(frame.size() as u64) / BYTES_PER_SECOND;
                    *way = (seat.at + takes, Some(frame));
                }
            }
            let next = ways.iter().enumerate().filter(|(_, way)| way.1.is_some());
            let Some((from, at)) = next.map(|(from, way)| (from, way.0)).min_by_key(|next| next.1)
            else {
                last = one.at;
                break;
            };
            if at >= CUT_EVERY {
                break;
            }
            for seat in [&mut one, &mut two] {
                let deadline = seat.session.deadline();
                assert!(deadline.is_none_or(|deadline| at < deadline), "{deadline:?} at {at:?}");
                seat.at = at;
            }
            let frame = ways[from].1.take().unwrap();
            if from == 0 {
                two.hears(frame)
            } else {
                one.hears(frame)
            };
        }
        (ann, bob) = (one.ledger, two.ledger);
    }
    let took = CUT_EVERY * (sessions - 1) + last;
    let least = Duration::from_secs(bytes) / BYTES_PER_SECOND;
    assert!(took < least * 3 / 2, "{took:?}, {least:?} would do");
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
