//! Replicas that hold a part of a space: what they are sent, and what they make of it.

use bytes::Bytes;

use super::ledger::Ledger;
use super::seat::{Seat, meet_with, noon, settle, settled};
use crate::block::Block;
use crate::chain::CommitId;
use crate::envelope::{Context, Seen};
use crate::filter::{Filter, FilterPart, Predicates};
use crate::id::{AggregateId, Key, Name, Position};
use crate::log::Merges;
use crate::ruling::Rulings;
use crate::sync::frame::GoodbyeCode;
use crate::sync::limits::WAITS_FOR_OTHERS;
use crate::sync::{Denial, Input, SessionError, Until};

pub(super) fn name(kind: &str) -> Name {
    Name::new(kind).unwrap()
}

pub(super) fn kinds(kind: &str) -> FilterPart {
    FilterPart::new().kind(name(kind))
}

pub(super) fn aggregate(kind: &str, key: &str) -> AggregateId {
    AggregateId { kind: name(kind), key: Key::new(key.as_bytes()).unwrap() }
}

/// Writes one commit about aggregates, having seen all of them that is held.
pub(super) fn write(ledger: &mut Ledger, about: &[AggregateId]) -> CommitId {
    write_saying("milk", ledger, about)
}

pub(super) fn write_saying(
    text: &'static str,
    ledger: &mut Ledger,
    about: &[AggregateId],
) -> CommitId {
    let said = Bytes::from_static(text.as_bytes());
    let event = |id: &AggregateId| (id.clone(), ledger.seen_of(id), said.clone());
    let events = about.iter().map(event).collect();
    ledger.write_events(noon(), events)
}

/// Syncs until both are caught up; the sessions' ends.
pub(super) fn sync(ann: Ledger, hub: Ledger) -> (Seat, Seat) {
    let (mut ann, mut hub) = meet_with(ann, hub, |ann, _| ann.until = Until::CaughtUp);
    settle(&mut ann, &mut hub);
    for at in [WAITS_FOR_OTHERS, 2 * WAITS_FOR_OTHERS] {
        // Whoever waits for what others hold does so in vain.
        for seat in [&mut ann, &mut hub].into_iter().filter(|seat| seat.ended.is_none()) {
            seat.at = at;
            seat.told(Input::DeadlinePassed);
        }
        settle(&mut ann, &mut hub);
    }
    (ann, hub)
}

pub(super) fn count(ledger: &Ledger, kind: &str) -> usize {
    let blocks = ledger.blocks.iter();
    let events = blocks.flat_map(|log| log.block.entries());
    events.filter(|entry| entry.aggregate().kind.as_str() == kind).count()
}

#[test]
fn a_replica_is_sent_what_its_filter_names_and_nothing_twice() {
    let (mut ann, hub) = (Ledger::named("ann"), Ledger::named("hub"));
    for _ in 0..20 {
        write(&mut ann, &[aggregate("a", "1")]);
        write(&mut ann, &[aggregate("b", "1")]);
    }
    let (ann, hub) = sync(ann, hub);
    let mut bob = Ledger::named("bob");
    bob.filter = Some(Filter::new().part(kinds("b")));
    write(&mut bob, &[aggregate("b", "2")]);
    let (bob, hub) = sync(bob, hub.ledger);
    assert_eq!((count(&bob.ledger, "a"), count(&bob.ledger, "b")), (0, 21));
    assert_eq!(hub.session.progress().events_sent, 20);
    assert_eq!(count(&hub.ledger, "b"), 21, "what is written in a part goes up");
    let (again, hub) = sync(bob.ledger, hub.ledger);
    assert_eq!((hub.session.progress().events_sent, again.session.progress().events_sent), (0, 0));
    let mut ann = ann.ledger;
    write(&mut ann, &[aggregate("a", "1"), aggregate("b", "1")]);
    let (_, hub) = sync(ann, hub.ledger);
    let (bob, hub) = sync(again.ledger, hub.ledger);
    assert_eq!(hub.session.progress().events_sent, 2, "commits travel whole");
    assert_eq!((count(&bob.ledger, "a"), count(&bob.ledger, "b")), (1, 22));
}

#[test]
fn a_part_never_passes_for_the_whole() {
    let (mut ann, hub) = (Ledger::named("ann"), Ledger::named("hub"));
    write(&mut ann, &[aggregate("a", "1")]);
    write(&mut ann, &[aggregate("b", "1")]);
    let (_, hub) = sync(ann, hub);
    let mut bob = Ledger::named("bob");
    bob.filter = Some(Filter::new().part(kinds("b")));
    let (mut bob, _) = sync(bob, hub.ledger);
    write(&mut bob.ledger, &[aggregate("b", "1")]);
    // The hub was lost. The part gives what was written in it, as soon as the rest is there.
    let (bob, other) = sync(bob.ledger, Ledger::named("other hub"));
    assert!(matches!(other.ended, Some(Err(_))), "what bob had seen is not here");
    assert_eq!(other.ledger.head(), Position(0));
    let (_, other) = sync(ledger_of_ann(), other.ledger);
    let (_, other) = sync(bob.ledger, other.ledger);
    assert_eq!(other.ledger.head(), Position(3));
}

fn ledger_of_ann() -> Ledger {
    let mut ann = Ledger::named("ann");
    write(&mut ann, &[aggregate("a", "1")]);
    write(&mut ann, &[aggregate("b", "1")]);
    ann
}

#[test]
fn signatures_that_a_filter_hides_are_taken_on_trust_by_parts_only() {
    let mut hub = Ledger::named("hub");
    write(&mut hub, &[aggregate("b", "1")]);
    write(&mut hub, &[aggregate("a", "1")]);
    let bytes = crate::log::merged(&hub.blocks, false, &Merges::new());
    let block = Block::parse(bytes[0].clone()).unwrap();
    let shown = crate::log::repack(&block, &[true, false]).unwrap().unwrap();
    assert!(shown.check_authors().is_err());
    assert!(shown.check_authors_of_part().is_ok());
    assert!(block.check_authors_of_part().is_ok());
}

#[test]
fn what_a_part_got_back_without_its_signature_is_not_passed_on() {
    let mut bob = Ledger::named("bob");
    write(&mut bob, &[aggregate("b", "1")]);
    write(&mut bob, &[aggregate("a", "1")]);
    let (bob, hub) = sync(bob, Ledger::named("hub"));
    assert_eq!(hub.ledger.blocks.len(), 1, "both commits have come as one signed run");
    // It forgets what it holds for another filter, under a new key, and fetches it again.
    let mut bob = bob.ledger;
    bob.forget();
    bob.filter = Some(Filter::new().part(kinds("b")));
    let (bob, hub) = sync(bob, hub.ledger);
    assert!(
        bob.ledger.blocks[0].block.check_authors().is_err(),
        "its signature is behind what is hidden"
    );
    let (other, _) = sync(hub.ledger, Ledger::named("other hub"));
    assert_eq!(other.ledger.head(), Position(2));
    for hub in [other.ledger, Ledger::named("empty hub")] {
        let mut bob = bob.ledger.clone();
        write(&mut bob, &[aggregate("b", "2")]);
        let before = hub.head();
        let (_, hub) = sync(bob, hub);
        assert_eq!(hub.ended, Some(Ok(())));
        assert_eq!(hub.ledger.head(), Position(before.0 + 1), "what it writes goes up");
    }
}

#[test]
fn a_part_is_told_of_a_fork_whose_other_branch_it_does_not_hold() {
    let (mut ann, mut bob) = (Ledger::named("ann"), Ledger::named("bob"));
    bob.filter = Some(Filter::new().part(kinds("b")));
    let shared = write(&mut ann, &[aggregate("b", "1")]);
    let mut copy = ann.clone();
    copy.nonce = 1;
    write(&mut ann, &[aggregate("a", "1")]);
    let past = write(&mut ann, &[aggregate("b", "1")]);
    write(&mut copy, &[aggregate("a", "1")]);
    let (_, hub) = sync(ann, Ledger::named("hub"));
    // One part is told when the fork comes to light, a later one with the commits behind it.
    let (bob, hub) = sync(bob, hub.ledger);
    assert_eq!(bob.ledger.identity(&past).replica, past.author);
    let (_, hub) = sync(copy, hub.ledger);
    let (bob, hub) = sync(bob.ledger, hub.ledger);
    assert_eq!(hub.session.progress().events_sent, 0, "nothing is sent but word of the fork");
    let mut carol = Ledger::named("carol");
    carol.filter.clone_from(&bob.ledger.filter);
    let (carol, hub) = sync(carol, hub.ledger);
    for part in [&bob.ledger, &carol.ledger] {
        assert_ne!(part.identity(&past).replica, past.author);
        assert_eq!(part.identity(&past), hub.ledger.identity(&past));
        assert_eq!(part.identity(&shared).replica, past.author);
        assert_eq!(part.branches.forks().len(), 1);
    }
    let (again, hub) = sync(bob.ledger, hub.ledger);
    assert_eq!(again.ledger.told, 1, "what was told is not told again");
    drop(hub);
}

/// A story in which Dave has seen the line of a copied file that Bob's filter hides, and not the other one.
/// The hub meets the other one, at last, before it tells Bob what Dave wrote, or afterwards.
fn dave_sees_a_hidden_line(hub_knows_both: bool) {
    let (mut ann, mut bob) = (Ledger::named("ann"), Ledger::named("bob"));
    bob.filter = Some(Filter::new().part(kinds("b")));
    write(&mut ann, &[aggregate("b", "1")]);
    let mut copy = ann.clone();
    copy.nonce = 1;
    write(&mut ann, &[aggregate("a", "1")]);
    let past = write(&mut ann, &[aggregate("b", "1")]);
    write(&mut copy, &[aggregate("a", "1")]);
    let hidden = write(&mut copy, &[aggregate("a", "1")]);
    assert_eq!(past.seq, hidden.seq);
    let (_, hub) = sync(copy, Ledger::named("hub"));
    let (dave, mut hub) = sync(Ledger::named("dave"), hub.ledger);
    if hub_knows_both {
        (_, hub) = sync(ann.clone(), hub.ledger);
    }
    let mut dave = dave.ledger;
    let seen = Context::of([Seen { on: hidden, seq: hidden.seq }]);
    let by_dave =
        dave.write_events(noon(), vec![(aggregate("b", "1"), seen, Bytes::from_static(b"milk"))]);
    let (_, hub) = sync(dave, hub.ledger);
    let (bob, hub) = sync(bob, hub.ledger);
    let (_, hub) = sync(ann, hub.ledger);
    let (bob, hub) = sync(bob.ledger, hub.ledger);
    for ledger in [&bob.ledger, &hub.ledger] {
        assert!(!saw(ledger, &by_dave, &past), "{}", ledger.name);
    }
}

/// True if the author of a commit had seen another, as merging sees it.
pub(super) fn saw(ledger: &Ledger, commit: &CommitId, other: &CommitId) -> bool {
    let mut stamped = ledger.blocks.iter().flat_map(|log| {
        log.stamped(&ledger.branches, &Rulings::new(), Position::START).collect::<Vec<_>>()
    });
    let of_commit = stamped.find(|(_, event)| event.dot == ledger.identity(commit));
    of_commit.unwrap().1.stamp().saw(ledger.identity(other))
}

#[test]
fn who_saw_a_hidden_branch_has_not_seen_the_other_one() {
    dave_sees_a_hidden_line(true);
}

#[test]
fn who_saw_the_only_line_has_not_seen_what_turns_out_to_lie_on_another() {
    dave_sees_a_hidden_line(false);
}

/// Bob holds a part, and talks to two hubs that have not met: each holds another line of Ann's, from her file and
/// from a copy of it. What the south hub says of hers is not of the line that Bob has from the north.
fn bob_has_two_hubs(within_one_session: bool) {
    let (mut ann, mut bob) = (Ledger::named("ann"), Ledger::named("bob"));
    bob.filter = Some(Filter::new().part(kinds("b")));
    write(&mut ann, &[aggregate("b", "1")]);
    let (_, south) = sync(ann.clone(), Ledger::named("south"));
    let mut copy = ann.clone();
    copy.nonce = 1;
    write(&mut ann, &[aggregate("a", "1")]);
    let northern = write(&mut ann, &[aggregate("b", "1")]);
    for _ in 0..2 {
        write(&mut copy, &[aggregate("a", "1")]);
    }
    let southern = write(&mut copy, &[aggregate("b", "1")]);
    let (_, north) = sync(ann, Ledger::named("north"));
    let (mut bob, mut south) = settled(bob, south.ledger);
    (bob.ledger, south.ledger) = {
        let (bob, _) = sync(bob.ledger.clone(), north.ledger.clone());
        let (_, south) = sync(copy, south.ledger.clone());
        (bob.ledger, south.ledger)
    };
    if !within_one_session {
        (bob, south) = meet_with(bob.ledger, south.ledger, |bob, _| bob.until = Until::CaughtUp);
    }
    settle(&mut bob, &mut south);
    assert!(bob.ledger.holds(&northern) && bob.ledger.holds(&southern));
    assert_eq!(bob.ledger.branches.fork_count(), 1, "before anyone has told of it");
    let (north, south) = sync(north.ledger, south.ledger);
    assert_eq!((north.ended, south.ended), (Some(Ok(())), Some(Ok(()))));
    let (bob, north) = sync(bob.ledger, north.ledger);
    for commit in [northern, southern] {
        assert_ne!(north.ledger.identity(&commit).replica, commit.author);
        assert_eq!(bob.ledger.identity(&commit), north.ledger.identity(&commit));
    }
}

#[test]
fn what_one_hub_says_of_an_author_is_not_of_the_line_that_another_sent() {
    bob_has_two_hubs(false);
}

#[test]
fn what_follows_in_a_session_is_on_the_line_that_the_session_sent() {
    bob_has_two_hubs(true);
}

#[test]
fn a_line_that_begins_among_commits_that_are_held_leaves_after_the_last_of_them() {
    let (mut ann, mut bob) = (Ledger::named("ann"), Ledger::named("bob"));
    bob.filter = Some(Filter::new().part(kinds("b")));
    write(&mut ann, &[aggregate("a", "1")]);
    let shared = write(&mut ann, &[aggregate("b", "1")]);
    let mut copy = ann.clone();
    copy.nonce = 1;
    let northern = write(&mut ann, &[aggregate("b", "1")]);
    write(&mut copy, &[aggregate("a", "1")]);
    let southern = write(&mut copy, &[aggregate("b", "1")]);
    let [south, north] = [copy, ann].map(|ledger| sync(ledger, Ledger::named("hub")).1.ledger);
    let (bob, south) = sync(bob, south);
    // Its block, which begins behind a hidden commit, is known in part.
    let (bob, north) = sync(bob.ledger, north);
    let (north, _) = sync(north.ledger, south.ledger);
    let (bob, north) = sync(bob.ledger, north.ledger);
    for commit in [shared, northern, southern] {
        assert_eq!(bob.ledger.identity(&commit), north.ledger.identity(&commit));
    }
    assert_eq!(bob.ledger.identity(&shared).replica, shared.author);
}

/// Functions that filters here ask.
pub(super) fn predicates() -> Predicates {
    Predicates::new().with(name("says"), |event, word| event.payload == word.as_bytes())
}

#[test]
fn a_peer_decides_by_the_function_that_a_filter_asks_or_says_that_it_has_none() {
    let (mut ann, hub) = (Ledger::named("ann"), Ledger::named("hub"));
    for said in ["milk", "bread", "milk"] {
        write_saying(said, &mut ann, &[aggregate("a", "1")]);
    }
    write_saying("milk", &mut ann, &[aggregate("b", "1")]);
    let (_, hub) = sync(ann, hub);
    let part = |predicate: &str| kinds("a").when(name(predicate), "milk");
    let mut bob = Ledger::named("bob");
    bob.filter = Some(Filter::new().part(part("says")));
    let (bob, hub) = sync(bob, hub.ledger);
    assert_eq!((count(&bob.ledger, "a"), count(&bob.ledger, "b")), (2, 0));
    assert_eq!(hub.session.progress().events_sent, 2);
    let mut carol = Ledger::named("carol");
    carol.filter = Some(Filter::new().part(part("sings")));
    let (carol, hub) = sync(carol, hub.ledger);
    let unknown = SessionError::Denied(Denial::Predicate(name("sings")));
    assert_eq!(hub.ended, Some(Err(unknown)));
    let Some(Err(SessionError::PeerEnded { code, message })) = carol.ended else { panic!() };
    assert_eq!(code, GoodbyeCode::Unsupported);
    assert!(
        message.starts_with("the predicate `sings` of the filter is not known here"),
        "{message}"
    );
}
