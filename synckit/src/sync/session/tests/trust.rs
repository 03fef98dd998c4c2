//! What a peer may not do, and that it ends the session and nothing else.

use std::time::Duration;

use bytes::Bytes;

use super::ledger::Ledger;
use super::seat::{
    NOTHING, Seat, ack, assert_misbehaved, empty, noon, part, settle, settled, streaming,
    streaming_with, with_notes,
};
use crate::block::BlockError;
use crate::clock::CLOCK_AHEAD_MAX;
use crate::id::{Dot, Position, SpaceId};
use crate::sync::frame::{Events, Frame};
use crate::sync::limits::{FRAME_BLOCKS_MAX, FRAME_BYTES_MAX, WINDOW_BYTES_MAX};
use crate::sync::{Config, Until, Violation};

#[test]
fn a_peer_that_ignores_the_window_is_cut_off_before_it_costs_more_memory() {
    let (mut ann, mut bob) = streaming(Ledger::named("ann"), Ledger::named("bob"));
    ann.writes_large(250_000, 60);
    let mut taken = 0;
    for commit in 0..60 {
        let frame = part(&ann, commit..commit + 1);
        let size: usize = events_of(&frame).blocks.iter().map(Bytes::len).sum();
        bob.hears(frame);
        if bob.ended.is_some() {
            break;
        }
        taken += size;
    }
    assert!(taken >= WINDOW_BYTES_MAX, "an honest peer may send so much: {taken}");
    assert!(taken <= WINDOW_BYTES_MAX + FRAME_BYTES_MAX, "{taken}");
    assert_misbehaved(&mut bob, Violation::WindowExceeded);
}

#[test]
fn a_frame_of_too_many_blocks_is_refused_before_they_are_looked_at() {
    let (_, mut bob) = streaming(Ledger::named("ann"), Ledger::named("bob"));
    bob.hears(events(1, vec![Bytes::new(); FRAME_BLOCKS_MAX + 1]));
    assert_misbehaved(&mut bob, Violation::WindowExceeded);
}

#[test]
fn bytes_that_are_no_block_are_refused() {
    let (mut ann, mut bob) = streaming(with_notes("ann", 1), Ledger::named("bob"));
    ann.ledger.page_blocks_max = 1;
    let mut bytes = ann.whole_log().blocks[0].to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    bob.hears(events(1, vec![bytes.into()]));
    assert_misbehaved(&mut bob, Violation::BadBlock(BlockError::Checksum));
}

#[test]
fn what_was_received_before_a_violation_is_not_committed_with_it() {
    let (ann, mut bob) = streaming(with_notes("ann", 2), Ledger::named("bob"));
    let mut blocks = ann.whole_log().blocks;
    blocks[1] = Bytes::from_static(b"SKB1?");
    bob.hears(events(2, blocks));
    assert!(bob.ended.is_some());
    assert_eq!(bob.asked.len(), 0);
}

#[test]
fn an_acknowledgement_of_what_was_not_sent_is_refused() {
    let (mut ann, _) = streaming(with_notes("ann", 3), Ledger::named("bob"));
    ann.answers();
    ann.hears(ack(4));
    assert_impossible(&mut ann, 4, 0, 3);
}

#[test]
fn an_acknowledgement_does_not_go_back() {
    let (mut ann, _) = streaming(with_notes("ann", 3), Ledger::named("bob"));
    ann.answers();
    assert_eq!(ann.hears(ack(2)), NOTHING);
    assert_eq!(ann.hears(ack(2)), NOTHING, "but may be repeated");
    ann.hears(ack(1));
    assert_impossible(&mut ann, 1, 2, 3);
}

#[test]
fn a_log_does_not_go_back() {
    let (_, mut bob) = streaming(Ledger::named("ann"), Ledger::named("bob"));
    bob.hears(empty(5, 9));
    bob.hears(empty(4, 9));
    assert_impossible(&mut bob, 4, 5, 9);
}

#[test]
fn a_log_does_not_reach_beyond_its_head() {
    let (_, mut bob) = streaming(Ledger::named("ann"), Ledger::named("bob"));
    bob.hears(empty(10, 9));
    assert_impossible(&mut bob, 10, 0, 9);
}

#[test]
fn frames_of_a_direction_that_was_not_agreed_are_out_of_turn() {
    let one_way = |ann: &mut Config, _: &mut Config| ann.sends = false;
    let (mut ann, mut bob) = streaming_with(with_notes("ann", 1), with_notes("bob", 1), one_way);
    let unasked = part(&ann, 0..1);
    let phase = "while logs are exchanged";
    let kind = unasked.kind();
    bob.hears(unasked);
    assert_misbehaved(&mut bob, Violation::OutOfTurn { frame: kind, phase });
    let kind = ack(0).kind();
    ann.hears(ack(0));
    assert_misbehaved(&mut ann, Violation::OutOfTurn { frame: kind, phase });
}

#[test]
fn events_of_another_author_are_refused_from_a_peer_that_may_not_relay() {
    let carol = with_notes("carol", 1);
    let may_not = |_: &mut Config, bob: &mut Config| bob.peer_may_relay = false;
    let (_, mut bob) = streaming_with(Ledger::named("ann"), Ledger::named("bob"), may_not);
    bob.hears(events(1, vec![carol.blocks[0].block.bytes().clone()]));
    assert_misbehaved(&mut bob, Violation::NotItsOwn { replica: carol.replica() });
    assert_eq!(bob.ledger.head(), Position(0));
}

#[test]
fn a_peer_that_takes_no_relayed_events_is_not_sent_any_and_catches_up_all_the_same() {
    let (_, ann) = settled(with_notes("carol", 3), with_notes("ann", 2));
    let may_not = |ann: &mut Config, bob: &mut Config| {
        ann.until = Until::CaughtUp;
        bob.peer_may_relay = false;
    };
    let (mut ann, mut bob) = streaming_with(ann.ledger, Ledger::named("bob"), may_not);
    settle(&mut ann, &mut bob);
    assert_eq!(bob.ledger.head(), Position(2));
    assert_eq!(ann.session.progress().events_sent, 2);
    assert!(ann.session.progress().caught_up);
}

#[test]
fn its_own_events_are_taken_from_a_peer_that_may_not_relay() {
    let may_not = |_: &mut Config, bob: &mut Config| bob.peer_may_relay = false;
    let (mut ann, mut bob) = streaming_with(with_notes("ann", 2), Ledger::named("bob"), may_not);
    settle(&mut ann, &mut bob);
    assert_eq!(bob.ledger.head(), Position(2));
}

#[test]
fn an_event_from_too_far_in_the_future_is_refused_where_events_are_admitted() {
    let bound = CLOCK_AHEAD_MAX;
    for (ahead, admitted) in [(bound, true), (bound + Duration::from_millis(1), false)] {
        let mut ann = Ledger::named("ann");
        ann.write_notes(noon().plus(ahead), 1);
        let dot = Dot { replica: ann.replica(), seq: 1 };
        let admitting = |_: &mut Config, bob: &mut Config| bob.clock_ahead_max = Some(bound);
        let (mut ann, mut bob) = streaming_with(ann, Ledger::named("bob"), admitting);
        settle(&mut ann, &mut bob);
        assert_eq!(bob.ledger.head(), Position(u64::from(admitted)));
        if !admitted {
            assert_misbehaved(&mut bob, Violation::ClockAhead { dot, ahead, bound });
        }
    }
}

#[test]
fn an_event_from_the_future_is_taken_where_no_bound_is_set() {
    let mut ann = Ledger::named("ann");
    ann.write_notes(noon().plus(Duration::from_secs(86_400)), 1);
    let (_, bob) = settled(ann, Ledger::named("bob"));
    assert_eq!(bob.ledger.head(), Position(1));
}

#[test]
fn events_of_another_space_are_refused() {
    let mut elsewhere = Ledger::named("ann");
    elsewhere.space = SpaceId::new("elsewhere").unwrap();
    elsewhere.write_notes(noon(), 1);
    let (_, mut bob) = streaming(Ledger::named("ann"), Ledger::named("bob"));
    let block = elsewhere.blocks[0].block.bytes().clone();
    bob.hears(events(1, vec![block]));
    assert_misbehaved(&mut bob, Violation::SpaceChanged);
}

fn events(through: u64, blocks: Vec<Bytes>) -> Frame {
    Frame::Events(Events { through: Position(through), head: Position(through), blocks })
}

fn events_of(frame: &Frame) -> &Events {
    match frame {
        Frame::Events(events) => events,
        other => panic!("{other:?}"),
    }
}

fn assert_impossible(seat: &mut Seat, found: u64, from: u64, to: u64) {
    let [found, from, to] = [found, from, to].map(Position);
    assert_misbehaved(seat, Violation::ImpossiblePosition { found, from, to });
}
