//! Resuming: the place at which a session goes on, and the cost of a reconnect.

use super::ledger::Ledger;
use super::seat::{
    NOTHING, Seat, cursor, held, meet, meet_with, noon, settle, settled, streaming, streaming_with,
    with_notes,
};
use crate::block::{Block, BlockPacker};
use crate::chain::CommitId;
use crate::id::Position;
use crate::log::Cursor;
use crate::sync::frame::FrameKind;
use crate::sync::limits::SEND_WITHIN;
use crate::sync::{Input, Until};

#[test]
fn without_a_cursor_the_frontier_says_what_need_not_be_sent() {
    let mut ann = with_notes("ann", 4);
    let mut bob = Ledger::named("bob");
    let held_already: Vec<_> = ann.blocks[..3].iter().map(|log| log.block.clone()).collect();
    bob.commit(&held_already, Ledger::named("carol").replica(), Cursor::START).unwrap();
    ann.page_blocks_max = 2;
    let (mut ann, mut bob) = streaming(ann, bob);
    assert_eq!(ann.answers().unwrap(), ["loads after 2"], "both held: nothing need be said");
    assert_eq!(ann.answers().unwrap(), ["sends 1 events through 4 of 4", "watches past 4"]);
    settle(&mut ann, &mut bob);
    assert_eq!(held(&bob), held(&ann));
}

#[test]
fn a_block_of_which_any_author_is_new_is_sent_whole() {
    let (ann, carol) = (with_notes("ann", 1), with_notes("carol", 1));
    let mut merged = Ledger::named("hub");
    let both = merge(&[&ann.blocks[0].block, &carol.blocks[0].block]);
    merged.commit(&[both], carol.replica(), Cursor::START).unwrap();
    let (mut hub, mut bob) = streaming(merged, ann);
    settle(&mut hub, &mut bob);
    assert_eq!(hub.session.progress().events_sent, 2);
    assert_eq!(bob.session.progress().events_received, 1);
    assert_eq!(held(&bob), held(&hub));
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
    let mut known = bob.ledger.recall(&ann.ledger.replica(), None);
    known.cursor = Some(Cursor::START);
    known.frontier = bob.ledger.frontier();
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
fn after_sessions_until_caught_up_nothing_is_sent_back() {
    let (mut ann, mut bob) = (with_notes("ann", 3), with_notes("bob", 2));
    for round in 0..3 {
        let (mut one, mut other) = meet_with(ann, bob, |ann, _| ann.until = Until::CaughtUp);
        settle(&mut one, &mut other);
        let sent = [&one, &other].map(|seat| seat.session.progress().events_sent);
        assert_eq!((one.ended, other.ended), (Some(Ok(())), Some(Ok(()))));
        let (ended, stored) = (one.ledger.end(), other.ledger.end());
        assert_eq!(one.ledger.cursor(&other.ledger.replica()), Some(stored), "round {round}");
        assert_eq!(other.ledger.cursor(&one.ledger.replica()), Some(ended), "round {round}");
        assert_eq!(sent, [[3, 2], [1, 0], [0, 1]][round], "round {round}");
        (ann, bob) = (one.ledger, other.ledger);
        let writer = if round == 0 { &mut ann } else { &mut bob };
        writer.write_notes(noon(), 1);
    }
}

#[test]
fn whoever_is_caught_up_waits_for_word_of_what_is_passed_over_and_no_longer() {
    let (mut ann, mut bob) =
        streaming_with(with_notes("ann", 3), with_notes("bob", 2), |ann, _| {
            ann.until = Until::CaughtUp;
        });
    while ann.answers().is_some() {}
    while bob.answers().is_some() {}
    bob.hears(ann.next(FrameKind::Events));
    assert_eq!(bob.answers().unwrap(), ["acks 3"]);
    assert_eq!(ann.hears(bob.next(FrameKind::Events)), ["commits 2 events with cursor 2"]);
    assert_eq!(ann.hears(bob.next(FrameKind::Ack)), NOTHING, "bob's log goes on to 5");
    assert_eq!(ann.answers().unwrap(), ["acks 2"]);
    assert_eq!(ann.wakes(), ["loads after 3"]);
    assert_eq!(ann.answers().unwrap(), ["sends 0 events through 5 of 5", "watches past 5"]);
    assert_eq!(ann.session.deadline(), Some(SEND_WITHIN), "he has some minutes to say so");
    // What comes together with the last of it is passed over too; what comes later prolongs nothing.
    bob.writes(1);
    bob.answers();
    assert_eq!(ann.hears(bob.next(FrameKind::Events)), ["commits 1 events with cursor 6"]);
    assert_eq!(ann.answers().unwrap(), ["acks 6"]);
    assert_eq!(ann.wakes(), ["loads after 5"]);
    bob.writes(1);
    bob.answers();
    assert_eq!(ann.hears(bob.next(FrameKind::Events)), ["commits 1 events with cursor 7"]);
    ann.asked.rotate_left(1);
    assert_eq!(ann.answers().unwrap(), ["acks 7"]);
    let told = ["sends 0 events through 7 of 7", "says goodbye: Done", "ends"];
    assert_eq!(ann.answers().unwrap(), told);
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
fn a_peer_is_told_now_and_then_of_a_long_stretch_that_it_holds_already() {
    let ann = with_notes("ann", 6_000);
    let mut bob = Ledger::named("bob");
    let all: Vec<_> = ann.blocks.iter().map(|log| log.block.clone()).collect();
    bob.commit(&all, Ledger::named("carol").replica(), Cursor::START).unwrap();
    let (mut ann, _) = streaming(ann, bob);
    ann.ledger.page_blocks_max = 1_000;
    let mut told = Vec::new();
    while let Some(did) = ann.answers() {
        told.extend(did.into_iter().filter(|did| did.starts_with("sends")));
    }
    let places = [5_000, 6_000].map(|at| format!("sends 0 events through {at} of 6000"));
    assert_eq!(told, places);
}

#[test]
fn a_cursor_into_another_log_is_answered_with_a_rewind_and_nothing_held_is_sent_again() {
    let (ann, mut bob) = settled_and_stopped(with_notes("ann", 3), "bob");
    bob.ledger.cursors.insert(ann.ledger.replica(), cursor(2));
    let (mut ann, mut bob) = reconnected((ann, bob));
    ann.writes(1);
    settle(&mut ann, &mut bob);
    assert_eq!((ann.ended.take(), bob.ended.take()), (None, None));
    assert_eq!(ann.session.progress().events_sent, 1);
    assert_eq!(held(&bob), held(&ann));
    assert_eq!(bob.ledger.cursor(&ann.ledger.replica()), Some(ann.ledger.end()));
}

#[test]
fn a_rewind_is_said_in_these_words() {
    let (ann, mut bob) = settled_and_stopped(with_notes("ann", 3), "bob");
    bob.ledger.cursors.insert(ann.ledger.replica(), cursor(99));
    let (mut ann, mut bob) = streaming(ann.ledger, bob.ledger);
    assert_eq!(ann.answers().unwrap(), ["says that it does not know the cursor"]);
    assert_eq!(bob.hears(ann.next(FrameKind::Rewind)), ["asks what it holds"]);
    bob.asked.rotate_left(1);
    while bob.said.is_empty() {
        bob.answers().unwrap();
    }
    assert_eq!(ann.hears(bob.next(FrameKind::Holds)), ["looks for 3"]);
    assert_eq!(ann.answers().unwrap(), ["loads after 0"]);
    let told = ann.answers().unwrap();
    assert_eq!(told, ["sends 0 events through 3 of 3", "watches past 3"], "bob holds them");
}

#[test]
fn whoever_must_begin_at_the_beginning_is_not_caught_up_before_it_is_told_so() {
    let (mut ann, hub) = (with_notes("ann", 2), with_notes("hub", 1));
    ann.cursors.insert(hub.replica(), cursor(1));
    let (mut ann, mut hub) = streaming(ann, hub);
    assert_eq!(ann.answers().unwrap()[0], "sends 2 events through 2 of 2");
    hub.hears(ann.next(FrameKind::Events));
    // The commit is durable before the cursor has been looked up.
    hub.asked.rotate_left(1);
    assert_eq!(hub.answers().unwrap(), ["acks 2"]);
    ann.hears(hub.next(FrameKind::Ack));
    assert!(!ann.session.progress().caught_up, "nobody has said that the cursor is known");
    settle(&mut ann, &mut hub);
    assert!(ann.session.progress().caught_up);
    assert_eq!(held(&ann), held(&hub));
}

#[test]
fn a_cursor_as_long_as_another_log_is_not_taken_for_all_of_it() {
    let (mut ann, mut hub) = (with_notes("ann", 1), with_notes("hub", 1));
    ann.cursors.insert(hub.replica(), cursor(1));
    hub.cursors.insert(ann.replica(), ann.end());
    let (mut ann, mut hub) = streaming(ann, hub);
    assert_eq!(ann.answers().unwrap()[0], "sends 0 events through 1 of 1", "its cursor is known");
    assert!(!ann.session.progress().caught_up, "nobody has said that the cursor is known");
    settle(&mut ann, &mut hub);
    assert!(ann.session.progress().caught_up);
    assert_eq!(held(&ann).len(), 2);
}

#[test]
fn a_hub_restored_from_a_copy_is_refilled() {
    let (ann, hub) = settled_and_stopped(with_notes("ann", 3), "hub");
    let copy = hub.ledger.clone();
    let (mut ann, mut hub) = reconnected((ann, hub));
    ann.writes(2);
    ann.told(Input::Stop);
    settle(&mut ann, &mut hub);
    let (mut ann, mut hub) = meet(ann.ledger, copy);
    settle(&mut ann, &mut hub);
    assert_eq!((ann.ended.take(), hub.ended.take()), (None, None));
    assert_eq!(ann.session.progress().events_sent, 2);
    assert_eq!(held(&hub), held(&ann));
}

#[test]
fn a_replica_restored_from_a_copy_gets_its_own_events_back_and_writes_on_under_another_key() {
    let (ann, hub) = settled_and_stopped(with_notes("ann", 3), "hub");
    let copy = ann.ledger.clone();
    let (mut ann, mut hub) = reconnected((ann, hub));
    ann.writes(2);
    settle(&mut ann, &mut hub);
    let before = copy.replica();
    let (mut ann, mut hub) = meet(copy, hub.ledger);
    settle(&mut ann, &mut hub);
    assert_eq!((ann.ended.take(), hub.ended.take()), (None, None));
    assert_eq!((held(&ann), ann.ledger.head()), (held(&hub), Position(5)));
    assert_ne!(ann.ledger.replica(), before);
    ann.writes(1);
    settle(&mut ann, &mut hub);
    assert_eq!(held(&ann), held(&hub));
    assert_eq!(hub.ledger.branches.fork_count(), 0, "nothing was written twice");
}

#[test]
fn twins_meet_and_both_keep_their_work() {
    let ann = with_notes("ann", 2);
    let mut twin = ann.clone();
    twin.nonce = 1;
    let mut ann = ann;
    ann.write_notes(noon(), 1);
    twin.write_notes(noon(), 2);
    let (mut ann, mut twin) = settled(ann, twin);
    assert_eq!((ann.ended.take(), twin.ended.take()), (None, None));
    assert_eq!(held(&ann), held(&twin));
    assert_eq!(ann.ledger.head(), Position(5));
    assert_eq!(ann.ledger.branches.forks(), twin.ledger.branches.forks());
    assert_eq!(ann.ledger.branches.fork_count(), 1);
}

#[test]
fn a_lost_hub_gets_the_events_of_an_author_that_is_gone_from_whoever_has_them() {
    let (_, hub) = settled_and_stopped(with_notes("carol", 3), "hub");
    let (mut hub, mut bob) = meet(hub.ledger, Ledger::named("bob"));
    settle(&mut hub, &mut bob);
    let (mut new_hub, mut bob) = meet(Ledger::named("another hub"), bob.ledger);
    settle(&mut new_hub, &mut bob);
    assert_eq!((new_hub.ended.take(), bob.ended.take()), (None, None));
    assert_eq!(held(&new_hub), held(&bob));
    assert_eq!(new_hub.ledger.head(), Position(3));
}

/// One block of the commits of several, as a store may merge them.
fn merge(blocks: &[&Block]) -> Block {
    let mut packer = BlockPacker::new(blocks[0].space().clone());
    for block in blocks {
        let commit: Vec<_> = block.entries().map(|entry| entry.envelope()).collect();
        let run = &block.runs()[0];
        packer.push_commit(&run.before(), run.nonce, &commit).unwrap();
    }
    let signed = |end: &CommitId| {
        blocks.iter().find(|block| block.ends() == [*end]).unwrap().runs()[0].signature
    };
    packer.finish(signed).unwrap()
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
