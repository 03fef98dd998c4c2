//! Misdeeds of a peer: each ends the session and nothing else.

use std::time::Duration;

use bytes::Bytes;

use super::ledger::Ledger;
use super::seat::{
    NOTHING, Seat, ack, assert_misbehaved, cursor, empty, noon, part, settled, streaming,
    streaming_with, with_notes,
};
use crate::block::BlockError;
use crate::id::{Position, SpaceId};
use crate::sync::frame::{Events, Frame, FrameKind, Holds, Rewind};
use crate::sync::limits::{FRAME_BLOCKS_MAX, FRAME_BYTES_MAX, WINDOW_BYTES_MAX};
use crate::sync::{Config, Direction, Violation};

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
    blocks[1] = Bytes::from_static(b"SKB2?");
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
    let one_way = |ann: &mut Config, _: &mut Config| ann.direction = Direction::Pull;
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
fn an_event_from_the_future_is_taken() {
    let mut ann = Ledger::named("ann");
    ann.write_notes(noon().plus(Duration::from_secs(86_400)), 1);
    let (_, bob) = settled(ann, Ledger::named("bob"));
    assert_eq!(bob.ledger.head(), Position(1));
}

#[test]
fn events_in_the_name_of_another_are_refused() {
    let mut forger = Ledger::named("carol");
    let carol = forger.replica();
    let (_, relayed) = settled(with_notes("carol", 1), Ledger::named("ann"));
    let (_, mut bob) = streaming(relayed.ledger, Ledger::named("bob"));
    forger.write_notes(noon(), 1);
    let mut bytes = forger.blocks[0].block.bytes().to_vec();
    let at = bytes.windows(4).position(|bytes| bytes == b"milk").unwrap();
    bytes[at] = b'b';
    let body = blake3::hash(&bytes[21..]);
    bytes[5..21].copy_from_slice(&body.as_bytes()[..16]);
    bob.hears(events(1, vec![bytes.into()]));
    assert_misbehaved(&mut bob, Violation::BadBlock(BlockError::Forged { author: carol }));
    assert_eq!(bob.ledger.head(), Position(0));
}

#[test]
fn a_rewind_is_asked_for_only_before_the_first_events_and_only_of_a_cursor() {
    let (_, mut bob) = streaming(with_notes("ann", 2), Ledger::named("bob"));
    bob.hears(Frame::Rewind(Rewind {}));
    let (ann, bob_before) = settled(with_notes("ann", 2), Ledger::named("bob"));
    let (mut ann, mut twice) = streaming(ann.ledger.clone(), bob_before.ledger.clone());
    ann.writes(1);
    assert_eq!(twice.hears(Frame::Rewind(Rewind {})), ["asks what it holds"]);
    twice.answers();
    twice.hears(Frame::Rewind(Rewind {}));
    let (_, mut late) = streaming(ann.ledger.clone(), bob_before.ledger);
    late.hears(part(&ann, 2..3));
    late.hears(Frame::Rewind(Rewind {}));
    let phase = "while logs are exchanged";
    for seat in [&mut bob, &mut twice, &mut late] {
        assert_misbehaved(seat, Violation::OutOfTurn { frame: FrameKind::Rewind, phase });
    }
}

#[test]
fn holdings_that_nobody_asked_for_are_out_of_turn() {
    let (_, mut bob) = streaming(Ledger::named("ann"), with_notes("bob", 1));
    bob.hears(Frame::Holds(Holds { commits: Vec::new() }));
    let phase = "while logs are exchanged";
    assert_misbehaved(&mut bob, Violation::OutOfTurn { frame: FrameKind::Holds, phase });
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
    Frame::Events(Events::new(cursor(through), Position(through), blocks))
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
