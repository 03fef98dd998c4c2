//! Random stories of replicas that hold a part of a space: two hubs, replicas with filters and without, which meet each
//! other, edits that touch several aggregates, sessions that are cut, and files that are copied, cloned and restored, so
//! that authors fork in what a filter shows and in what it hides. `SYNCKIT_SEEDS=20000` tells more of them,
//! `SYNCKIT_SEED=17` one again.

use std::collections::{BTreeMap, BTreeSet};

use super::filters::{aggregate, kinds, name, predicates, sync, write_saying};
use super::ledger::Ledger;
use super::seat::meet_with;
use super::world::rng::Rng;
use crate::block::Entry;
use crate::chain::CommitId;
use crate::filter::Filter;
use crate::id::{AggregateId, Position};
use crate::log::Refusal;
use crate::ruling::Rulings;
use crate::sync::{SessionError, Until};

const KINDS: [&str; 3] = ["a", "b", "c"];

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
        let nodes = ["ann", "bob", "carol", "dave", "eve"].map(|node| {
            let mut ledger = Ledger::named(node);
            let mut filter = Filter::new();
            for kind in KINDS {
                if rng.per_mille(600) {
                    continue;
                }
                let part = kinds(kind).keyed(if rng.per_mille(500) { "1" } else { "" });
                let says = rng.per_mille(300);
                filter = filter.part(if says { part.when(name("says"), "milk") } else { part });
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
