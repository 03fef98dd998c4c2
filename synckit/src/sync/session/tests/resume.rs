//! Where a session takes up the thread, and what a reconnect costs.

use std::time::Duration;

use super::ledger::Ledger;
use super::seat::{
    NOTHING, Seat, assert_ended, meet, noon, part, settle, settled, streaming, with_notes,
};
use crate::block::{Block, BlockPacker};
use crate::id::{Position, StoreIdentity};
use crate::log::Source;
use crate::sync::frame::{Frame, FrameKind, GoodbyeCode};
use crate::sync::{Input, SessionError};

#[test]
fn without_a_cursor_the_frontier_says_what_need_not_be_sent() {
    let mut ann = with_notes("ann", 4);
    let mut bob = Ledger::named("bob");
    for log in &ann.blocks[..3] {
        bob.append(log.block.clone(), Source::Local);
    }
    ann.page_blocks_max = 2;
    let (mut ann, mut bob) = streaming(ann, bob);
    assert_eq!(ann.answers().unwrap(), ["loads after 2"], "both held: nothing need be said");
    assert_eq!(ann.answers().unwrap(), ["sends 1 events through 4 of 4", "watches past 4"]);
    settle(&mut ann, &mut bob);
    assert_eq!(bob.ledger.frontier, ann.ledger.frontier);
}

#[test]
fn a_block_of_which_any_author_is_new_is_sent_whole() {
    let (ann, carol) = (with_notes("ann", 1), with_notes("carol", 1));
    let mut merged = Ledger::named("hub");
    merged.append(merge(&[&ann.blocks[0].block, &carol.blocks[0].block]), Source::Local);
    let (mut hub, mut bob) = streaming(merged, ann);
    settle(&mut hub, &mut bob);
    assert_eq!(hub.session.progress().events_sent, 2);
    assert_eq!(bob.session.progress().events_received, 1);
    assert_eq!(bob.ledger.frontier, hub.ledger.frontier);
}

#[test]
fn with_a_cursor_the_next_session_resumes_there() {
    let (ann, bob) = settled(with_notes("ann", 4), Ledger::named("bob"));
    let (mut ann, mut bob) = meet(ann.ledger, bob.ledger);
    bob.hears(ann.next(FrameKind::Hello));
    assert_eq!(bob.answers().unwrap(), ["says hello", "says start after 4"]);
}

#[test]
fn a_cursor_at_the_beginning_says_less_than_the_frontier() {
    let (mut ann, mut bob) = meet(Ledger::named("ann"), with_notes("bob", 1));
    bob.hears(ann.next(FrameKind::Hello));
    let mut known = bob.ledger.recall(&ann.ledger.identity, &ann.ledger.replica());
    known.cursor = Some(Position::START);
    let told = bob.told(Input::Recalled(Box::new(known)));
    assert_eq!(told, ["says hello", "says start by frontier of 1"]);
}

#[test]
fn a_second_session_with_nothing_to_say_reads_nothing_and_sends_no_events() {
    let (mut ann, mut bob) = reconnected(settled_and_stopped(with_notes("ann", 500), "bob"));
    settle(&mut ann, &mut bob);
    assert_eq!((ann.loads, bob.loads), (vec![], vec![]));
    assert_eq!(ann.session.progress().events_sent + bob.session.progress().events_sent, 0);
}

#[test]
fn a_reconnect_reads_and_sends_what_is_new_and_not_the_ten_thousand_before() {
    let (ann, bob) = settled_and_stopped(with_notes("ann", 10_000), "bob");
    let (mut ann, mut bob) = reconnected((ann, bob));
    ann.writes(100);
    settle(&mut ann, &mut bob);
    assert_eq!(ann.session.progress().events_sent, 100);
    assert_eq!(ann.loads, [Position(10_000)]);
    assert_eq!(bob.loads, [Position(10_000)], "to find that all of it came from there");
}

#[test]
fn a_reconnect_after_a_cut_reads_no_more_than_a_bounded_part_again() {
    let (mut ann, mut bob) = settled(with_notes("ann", 10_000), Ledger::named("bob"));
    ann.told(Input::Disconnected);
    bob.told(Input::Disconnected);
    let (mut ann, mut bob) = reconnected((ann, bob));
    settle(&mut ann, &mut bob);
    assert!(bob.loads.iter().all(|after| after.0 >= 10_000 - 4_096), "{:?}", bob.loads);
}

#[test]
fn a_cursor_beyond_the_log_is_dropped_and_the_next_session_goes_by_frontier() {
    let (ann, mut bob) = settled_and_stopped(with_notes("ann", 3), "bob");
    bob.ledger.cursors.insert(ann.ledger.identity.id, (1, Position(99)));
    let (mut ann, mut bob) = reconnected((ann, bob));
    settle(&mut ann, &mut bob);
    assert_ended(&mut ann, SessionError::CursorUnknown, GoodbyeCode::CursorUnknown);
    assert!(matches!(
        bob.ended,
        Some(Err(SessionError::PeerEnded { code: GoodbyeCode::CursorUnknown, .. }))
    ));
    bob.assert_over();
    ann.ledger.write_notes(noon(), 1);
    let (mut ann, mut bob) = reconnected((ann, bob));
    settle(&mut ann, &mut bob);
    assert_eq!(ann.session.progress().events_sent, 1);
    assert_eq!(bob.ledger.frontier, ann.ledger.frontier);
}

#[test]
fn nobody_can_make_us_drop_a_cursor_before_they_have_proved_who_they_are() {
    let goodbye = || Frame::goodbye(GoodbyeCode::CursorUnknown, "");
    let (ann, bob) = settled_and_stopped(with_notes("ann", 3), "bob");
    let (_, mut stranger) = meet(Ledger::named("carol"), bob.ledger.clone());
    assert_eq!(stranger.hears(goodbye()), ["fails"]);
    let (mut ann, mut bob) = meet(ann.ledger, bob.ledger);
    bob.hears(ann.next(FrameKind::Hello));
    bob.answers();
    assert_eq!(bob.hears(goodbye()), ["fails"]);
    assert_eq!(bob.ledger.cursor(&ann.ledger.identity), Some(Position(3)));
}

#[test]
fn a_store_of_a_later_epoch_is_followed_from_the_beginning() {
    let (ann, mut bob) = settled_and_stopped(with_notes("ann", 3), "bob");
    let mut restored = ann.ledger.clone();
    restored.identity = StoreIdentity { epoch: 2, ..restored.identity };
    bob.ledger.page_blocks_max = 1;
    let (mut ann, mut bob) = meet(restored, bob.ledger);
    bob.hears(ann.next(FrameKind::Hello));
    assert_eq!(bob.answers().unwrap(), ["says hello", "says start by frontier of 1"]);
}

#[test]
fn a_peer_that_holds_more_of_our_events_than_we_do_shows_that_we_were_rolled_back() {
    let (_, bob) = settled_and_stopped(with_notes("ann", 3), "bob");
    let (mut ann, mut bob) = meet(with_notes("ann", 2), bob.ledger);
    settle(&mut ann, &mut bob);
    assert_ended(&mut ann, SessionError::RolledBack { ours: 2, theirs: 3 }, GoodbyeCode::Refused);
    assert_eq!(bob.ledger.head(), Position(3));
}

#[test]
fn a_peer_that_holds_other_events_under_our_names_shows_it_too() {
    let (_, bob) = settled_and_stopped(with_notes("ann", 3), "bob");
    let mut other = Ledger::named("ann");
    other.write_notes(noon().plus(Duration::from_secs(1)), 3);
    let (mut ann, mut bob) = meet(other, bob.ledger);
    settle(&mut ann, &mut bob);
    assert_ended(&mut ann, SessionError::RolledBack { ours: 3, theirs: 3 }, GoodbyeCode::Refused);
}

#[test]
fn what_we_wrote_during_the_handshake_and_the_peer_got_elsewhere_is_no_rollback() {
    let (mut ann, mut bob) = meet(Ledger::named("ann"), with_notes("bob", 1));
    bob.hears(ann.next(FrameKind::Hello));
    bob.answers();
    bob.writes(2);
    let by_another_way: Vec<_> = bob.ledger.blocks.iter().map(|log| log.block.clone()).collect();
    for block in by_another_way {
        ann.ledger.append(block, Source::Local);
    }
    ann.ledger.write_notes(noon(), 1);
    settle(&mut ann, &mut bob);
    assert_eq!((ann.ended.take(), bob.ended.take()), (None, None));
    assert_eq!(ann.ledger.frontier, bob.ledger.frontier);
}

#[test]
fn a_cursor_that_another_session_moved_during_the_handshake_is_known() {
    let (ann, bob) = settled_and_stopped(with_notes("ann", 1), "bob");
    let (mut bob, mut ann) = meet(bob.ledger, ann.ledger);
    ann.hears(bob.next(FrameKind::Hello));
    ann.answers();
    ann.writes(2);
    for log in &ann.ledger.blocks[1..] {
        bob.ledger.append(log.block.clone(), Source::Peer(ann.ledger.replica()));
    }
    bob.ledger.cursors.insert(ann.ledger.identity.id, (1, Position(3)));
    settle(&mut ann, &mut bob);
    assert_eq!((ann.ended.take(), bob.ended.take()), (None, None));
    assert_eq!(bob.ledger.cursor(&ann.ledger.identity), Some(Position(3)));
}

#[test]
fn events_that_come_while_a_claim_is_looked_into_wait_for_the_answer() {
    let (mut ann, mut bob) = claiming_more_than_bob_recalled();
    assert_eq!(bob.hears(ann.next(FrameKind::Start)), ["recalls"]);
    assert_eq!(bob.hears(part(&ann, 2..3)), NOTHING);
    assert_eq!(
        bob.answers().unwrap(),
        ["commits 1 events with cursor 3", "loads after 0"],
        "bob did write these"
    );
    assert_eq!(bob.session.progress().to_send, 2, "as he now knows");
}

#[test]
fn nothing_is_committed_when_the_claim_proves_a_rollback() {
    let (mut ann, mut bob) = claiming_more_than_bob_recalled();
    bob.hears(ann.next(FrameKind::Start));
    bob.hears(part(&ann, 2..3));
    bob.ledger = with_notes("bob", 1);
    assert_eq!(bob.answers().unwrap(), ["says goodbye: Refused", "fails"]);
    assert_ended(&mut bob, SessionError::RolledBack { ours: 1, theirs: 2 }, GoodbyeCode::Refused);
}

#[test]
fn stopping_while_a_claim_is_looked_into_ends_in_order_after_the_answer() {
    let (mut ann, mut bob) = claiming_more_than_bob_recalled();
    bob.hears(ann.next(FrameKind::Start));
    bob.hears(part(&ann, 2..3));
    assert_eq!(bob.told(Input::Stop), NOTHING);
    assert_eq!(bob.answers().unwrap(), ["commits 1 events with cursor 3"]);
    assert_eq!(bob.answers().unwrap(), ["acks 3", "says goodbye: Done", "ends"]);
}

/// Bob has recalled one event of his; he then writes another, which ann gets by another way before
/// she proves who she is. She has written one event herself.
fn claiming_more_than_bob_recalled() -> (Seat, Seat) {
    let (mut ann, mut bob) = meet(Ledger::named("ann"), with_notes("bob", 1));
    bob.hears(ann.next(FrameKind::Hello));
    bob.answers();
    bob.said.pop_back();
    bob.writes(1);
    for log in &bob.ledger.blocks {
        ann.ledger.append(log.block.clone(), Source::Peer(bob.ledger.replica()));
    }
    ann.writes(1);
    ann.hears(bob.next(FrameKind::Hello));
    ann.answers();
    (ann, bob)
}

/// One block of the commits of several, as a store may merge them.
fn merge(blocks: &[&Block]) -> Block {
    let mut packer = BlockPacker::new(blocks[0].space().clone());
    for block in blocks {
        let commit: Vec<_> = block.entries().map(|entry| entry.envelope()).collect();
        packer.push_commit(&block.runs()[0].head_before(), &commit).unwrap();
    }
    packer.finish().unwrap()
}

/// Synced and ended in order, so that every cursor is stored.
fn settled_and_stopped(ann: Ledger, bob: &str) -> (Seat, Seat) {
    let (mut ann, mut bob) = settled(ann, Ledger::named(bob));
    ann.told(Input::Stop);
    settle(&mut ann, &mut bob);
    assert_eq!((ann.ended.clone(), bob.ended.clone()), (Some(Ok(())), Some(Ok(()))));
    (ann, bob)
}

fn reconnected((ann, bob): (Seat, Seat)) -> (Seat, Seat) {
    meet(ann.ledger, bob.ledger)
}
