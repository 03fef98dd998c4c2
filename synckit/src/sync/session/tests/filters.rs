//! Replicas that hold a part of a space: what they are sent, and what they make of it.
//!
//! The random stories have two hubs, replicas with filters and without, edits that touch several
//! aggregates, sessions that are cut, and files that are copied, cloned and restored, so that authors
//! fork in what a filter shows and in what it hides. `SYNCKIT_SEEDS=20000` tells more of them,
//! `SYNCKIT_SEED=17` one again.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::ledger::Ledger;
use super::seat::{Seat, meet_with, noon, settle, settled};
use super::world::rng::Rng;
use crate::block::{Block, Entry};
use crate::chain::CommitId;
use crate::envelope::{Context, Seen};
use crate::filter::{Filter, FilterPart, Predicates};
use crate::id::{AggregateId, Key, Name, Position};
use crate::log::{Merges, Refusal};
use crate::ruling::Rulings;
use crate::sync::frame::GoodbyeCode;
use crate::sync::limits::WAITS_FOR_OTHERS;
use crate::sync::{Denial, Input, SessionError, Until};

const KINDS: [&str; 3] = ["a", "b", "c"];

fn name(kind: &str) -> Name {
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

/// A commit, as its author knows it.
struct Written {
    about: BTreeSet<AggregateId>,
    /// The commits that its author held.
    seen: BTreeSet<CommitId>,
    /// Those before it on its line.
    line: BTreeSet<CommitId>,
}

struct Story {
    rng: Rng,
    hubs: [Ledger; 2],
    /// Nothing has reached the hubs since they met.
    have_met: bool,
    nodes: Vec<Ledger>,
    copies: Vec<Ledger>,
    /// Everything ever written.
    written: BTreeMap<CommitId, Written>,
    /// Nodes meet each other, too.
    parts_meet: bool,
}

impl Story {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let nodes = ["ann", "bob", "carol", "dave", "eve"].map(|name| {
            let mut ledger = Ledger::named(name);
            let mut filter = Filter::new();
            for kind in KINDS {
                if rng.per_mille(600) {
                    continue;
                }
                let part = kinds(kind).keyed(if rng.per_mille(500) { "1" } else { "" });
                let says = rng.per_mille(300);
                filter =
                    filter.part(if says { part.when(self::name("says"), "milk") } else { part });
            }
            let filter = (!filter.is_empty() && rng.per_mille(700)).then_some(filter);
            ledger.filter = filter.map(|filter| filter.resolved(&predicates()).unwrap());
            ledger.page_blocks_max = 1 + rng.index(5);
            ledger
        });
        let hubs = ["north", "south"].map(Ledger::named);
        let parts_meet = rng.per_mille(500);
        Self {
            rng,
            hubs,
            have_met: true,
            nodes: nodes.into(),
            copies: Vec::new(),
            written: BTreeMap::new(),
            parts_meet,
        }
    }

    fn live(&mut self) {
        for _ in 0..self.rng.between(20, 90) {
            let node = self.rng.index(self.nodes.len());
            let hub = if self.rng.per_mille(300) { 1 } else { 0 };
            match self.rng.up_to(if self.parts_meet { 46 } else { 40 }) {
                0..=19 => self.write(node),
                20..=27 => self.sync(node, hub, true),
                28..=31 => self.sync(node, hub, false),
                32..=35 => self.copies.push(self.nodes[node].clone()),
                36..=39 => self.restore(node),
                41..=46 => self.nodes_meet(node),
                _ => self.hubs_meet(),
            }
        }
        for _ in 0..4 {
            for node in 0..self.nodes.len() {
                for hub in 0..self.hubs.len() {
                    self.hubs_meet();
                    self.sync(node, hub, true);
                }
            }
        }
    }

    fn write(&mut self, node: usize) {
        let ledger = &mut self.nodes[node];
        let all = KINDS.iter().flat_map(|kind| ["1", "2"].map(|key| aggregate(kind, key)));
        let filter = ledger.filter.clone();
        let held = all.filter(|id| filter.as_ref().is_none_or(|filter| filter.names(id)));
        let held: Vec<_> = held.collect();
        if held.is_empty() {
            return;
        }
        let mut about = BTreeSet::new();
        for _ in 0..self.rng.between(1, 2) {
            about.insert(held[self.rng.index(held.len())].clone());
        }
        let seen = ledger.commits().copied().collect();
        let said = ["milk", "bread"][self.rng.index(2)];
        let commit = write_saying(said, ledger, &about.iter().cloned().collect::<Vec<_>>());
        let line = ledger.behind(&commit).into_iter().filter(|other| *other != commit).collect();
        self.written.insert(commit, Written { about, seen, line });
    }

    /// A session of the hubs with each other.
    fn hubs_meet(&mut self) {
        let [north, south] = self.hubs.clone();
        let (north, south) = sync(north, south);
        assert_eq!((&north.ended, &south.ended), (&Some(Ok(())), &Some(Ok(()))));
        self.hubs = [north.ledger, south.ledger];
        self.have_met = true;
    }

    /// A session with another node.
    fn nodes_meet(&mut self, node: usize) {
        let other = (node + 1 + self.rng.index(4)) % self.nodes.len();
        let (one, other_one) = sync(self.nodes[node].clone(), self.nodes[other].clone());
        for end in [&one.ended, &other_one.ended] {
            let is_early = matches!(end, Some(Err(SessionError::Refused(Refusal::Missing { .. }))));
            let is_told = matches!(end, Some(Err(SessionError::PeerEnded { .. })));
            assert!(is_early || is_told || *end == Some(Ok(())), "{end:?}");
        }
        (self.nodes[node], self.nodes[other]) = (one.ledger, other_one.ledger);
    }

    /// A session with a hub, to its end or until it is cut.
    fn sync(&mut self, node: usize, hub_no: usize, whole: bool) {
        let held = self.hubs[hub_no].head();
        let (ledger, hub) = (self.nodes[node].clone(), self.hubs[hub_no].clone());
        let (ann, hub) = if whole {
            let (ann, hub) = sync(ledger, hub);
            // A part sends nothing but its own, which may rest on what only the other hub holds.
            let is_early =
                matches!(hub.ended, Some(Err(SessionError::Refused(Refusal::Missing { .. }))));
            assert!(
                !is_early
                    || filter_of(&ann.ledger).is_some() && (!self.have_met || self.parts_meet)
            );
            assert!(is_early || (&ann.ended, &hub.ended) == (&Some(Ok(())), &Some(Ok(()))));
            (ann, hub)
        } else {
            let (mut ann, mut hub) = meet_with(ledger, hub, |ann, _| ann.until = Until::CaughtUp);
            for _ in 0..self.rng.up_to(12) {
                let (from, to) = if self.rng.per_mille(500) {
                    (&mut ann, &mut hub)
                } else {
                    (&mut hub, &mut ann)
                };
                from.answers();
                if let Some(frame) = from.said.pop_front() {
                    to.hears(frame);
                }
            }
            (ann, hub)
        };
        self.have_met &= hub.ledger.head() == held;
        (self.nodes[node], self.hubs[hub_no]) = (ann.ledger, hub.ledger);
    }

    /// A copy of some file, this node's or another's, takes the place of this node's.
    fn restore(&mut self, node: usize) {
        if self.copies.is_empty() {
            return;
        }
        let mut file = self.copies[self.rng.index(self.copies.len())].clone();
        file.nonce = self.rng.next();
        if self.rng.per_mille(400) {
            file.take_new_key();
        }
        self.nodes[node] = file;
    }

    /// Every node holds what its filter names of what the hub holds, and knows of each event exactly
    /// what its author had seen.
    fn check(&self) {
        let hub = &self.hubs[0];
        for ledger in self.nodes.iter().chain(&self.hubs) {
            let filter = filter_of(ledger);
            let mut named = BTreeSet::new();
            for block in hub.blocks.iter().map(|log| &log.block) {
                for commit in block.commits() {
                    let mut entries = commit.entries.clone().filter_map(|at| block.entry(at));
                    let shows =
                        |entry: &Entry<'_>| filter.as_ref().is_none_or(|it| it.shows(entry));
                    named.extend(entries.any(|entry| shows(&entry)).then_some(commit.id));
                }
            }
            for commit in hub.commits() {
                let is_named = named.contains(commit);
                let is_own = ledger.own_keys().contains(&commit.author);
                assert!(ledger.holds(commit) || !is_named, "{} lacks {commit:?}", ledger.name);
                assert!(!ledger.holds(commit) || is_named || is_own, "{commit:?} was to be hidden");
            }
            let lost = ledger.commits().find(|commit| !hub.holds(commit));
            if let Some(lost) = lost {
                // Its author's file was replaced before it met a hub.
                assert!(self.parts_meet && filter.is_some(), "the hub lacks {lost:?}");
                continue;
            }
            self.check_causes(ledger);
            // Past forks, too, whichever branches a filter hides.
            for commit in ledger.commits().filter(|commit| named.contains(commit)) {
                let (ours, theirs) = (ledger.identity(commit), hub.identity(commit));
                assert_eq!(ours, theirs, "{}: {commit:?}", ledger.name);
            }
        }
    }

    fn check_causes(&self, ledger: &Ledger) {
        let filter = filter_of(ledger);
        let shows = |entry: &Entry<'_>| filter.as_ref().is_none_or(|filter| filter.shows(entry));
        let mut events = Vec::new();
        for log in &ledger.blocks {
            let stamped = log.stamped(&ledger.branches, &Rulings::new(), Position::START);
            let stamped: Vec<_> = stamped.map(|(_, event)| event).collect();
            for commit in log.block.commits() {
                let of_commit = stamped[commit.entries.clone()].iter().cloned();
                events.extend(of_commit.map(|event| (commit.id, event)));
            }
        }
        // Of what it holds and its filter hides, it makes nothing.
        events.retain(|(_, event)| shows(&event.entry));
        for (id, event) in &events {
            for (other, cause) in events.iter().filter(|(other, _)| other != id) {
                if cause.entry.aggregate() == event.entry.aggregate() {
                    let saw = self.saw(id, other, event.entry.aggregate());
                    let told = event.stamp().saw(cause.dot);
                    assert_eq!(told, saw, "{}: {id:?} of {other:?}", ledger.name);
                }
            }
        }
    }

    /// True if the author of a commit had seen another one about an aggregate, or a later one of that line: what its
    /// filter hid before that counts as seen.
    fn saw(&self, commit: &CommitId, other: &CommitId, about: &AggregateId) -> bool {
        let later = |seen: &&CommitId| seen.author == other.author && seen.seq > other.seq;
        let seen = &self.written[commit].seen;
        seen.contains(other)
            || seen.iter().filter(later).any(|seen| {
                let Written { about: of_seen, line, .. } = &self.written[seen];
                of_seen.contains(about) && line.contains(other)
            })
    }
}

/// The filter of a ledger, with its functions.
fn filter_of(ledger: &Ledger) -> Option<Filter> {
    ledger.filter.clone().map(|filter| filter.resolved(&predicates()).unwrap())
}

#[test]
fn parts_of_a_space_hold_what_they_name_in_its_order_whatever_happens() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seeds = match (number("SYNCKIT_SEED"), number("SYNCKIT_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, seeds) => 0..seeds.unwrap_or(150),
    };
    for seed in seeds {
        let told = std::panic::catch_unwind(|| {
            let mut story = Story::new(seed);
            story.live();
            story.check();
        });
        if let Err(panic) = told {
            eprintln!("SYNCKIT_SEED={seed} tells this story again");
            std::panic::resume_unwind(panic);
        }
    }
}
