//! Decisions of a seed before time begins: who there is, who talks to whom, how bad the network and
//! the machines are, and which bug is planted, if any.

use super::super::ledger::{Ledger, Mistake};
use super::govern::governed;
use super::part::draw_filters;
use super::rng::{Rng, mix};
use crate::filter::Filter;

/// Troubles end at this time, in milliseconds.
pub(super) const TROUBLE_ENDS: u64 = 20_000;

/// Worlds with parts, in a thousand, in which the files of hubs meet with accidents.
const HUBS_STRUCK_PER_MILLE: u64 = 300;

/// Worlds with parts, in a thousand, in which two replicas also sync with each other.
const PARTS_MEET_PER_MILLE: u64 = 300;

/// A mistake that a driver of sessions or the engine of a replica could make.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum Bug {
    /// `Committed` is said when the commit begins.
    AcksBeforeCommit,
    /// Edits are told that they are committed when the commit begins.
    AcksEditsBeforeCommit,
    /// Whatever is signed is believed.
    BelievesForgers,
    /// The cursor is stored in a transaction of its own, before the events.
    CursorBeforeEvents,
    /// A hub re-dates what is ahead without a look at what its author had seen.
    DatesBeforePast,
    /// A replica is not told when the log moves.
    DeskOversleeps,
    /// A commit of several blocks loses the last one.
    DropsLastBlock,
    /// A replica that is opened does not know what hubs have ruled.
    ForgetsRulings,
    /// The author's head is not read again after a failed commit.
    ForgetsDoubt,
    /// Appends again what is held already.
    ForgetsDedupe,
    /// A replica that is opened with a wider filter forgets what nobody else holds.
    ForgetsUnsynced,
    /// A hub takes what it rules for something that its peer has.
    KeepsRulings,
    /// A hub goes on with sessions that it has passed something on to which it could not write.
    ForgetsWithdrawal,
    /// A hub leaves out the branches of a key that are too many, and closes nothing.
    LeavesOutCrowds,
    /// A group commit loses the last of its blocks now and then.
    LosesGroupMember,
    /// Frames without events, which tell what was passed over, are not sent.
    LosesThrough,
    /// Nobody is told when the log moves.
    LosesWakeUps,
    /// A checkpoint claims to reflect the log up to its head.
    MarkRunsAhead,
    /// A hub does not say that what it passes on is not durable.
    PassesOnAsDurable,
    /// A store that holds a part takes itself for one that holds everything.
    PassesForWhole,
    /// Sends nothing back to a peer that came from it in an earlier session.
    RemembersSources,
    /// Frames of one connection overtake each other.
    ReordersFrames,
    /// A read of the log claims to reach its head.
    RunsAhead,
    /// A checkpoint leaves out a state.
    SavesInPart,
    /// The store is mistaken.
    Store(Mistake),
    /// A part of the log is sent by author instead of in log order.
    SendsByAuthor,
    /// A replica does not tell its peer which part it holds.
    TellsNoFilter,
    /// A replica that is opened with a wider filter keeps its log and its cursors.
    WidensInPlace,
}

impl Bug {
    /// True for a bug of hubs that pass on what is on its way. The others are planted where nothing is.
    pub(super) const fn is_of_passing_on(self) -> bool {
        matches!(self, Self::ForgetsWithdrawal | Self::PassesOnAsDurable)
    }
}

/// A connection that one node keeps opening to another.
#[derive(Clone, Copy)]
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    /// True if a session goes on after catching up, once troubles are over.
    pub(super) live: bool,
}

pub(super) struct Plan {
    pub(super) bug: Option<Bug>,
    /// The nodes that write; the others are hubs.
    pub(super) writers: Vec<usize>,
    pub(super) nodes: usize,
    pub(super) edges: Vec<Edge>,
    /// The part that each node holds at first.
    pub(super) filters: Vec<Option<Filter>>,
    /// Times that a replica is opened with another filter.
    pub(super) refilters: u64,
    /// Files of hubs meet with accidents beside parts, whose files do not.
    hubs_are_struck: bool,
    /// Two replicas of a world with parts sync with each other, too.
    pub(super) parts_meet: bool,
    pub(super) store_delay_max: u64,
    pub(super) page_blocks_max: usize,
    pub(super) writes: u64,
    pub(super) cuts: u64,
    pub(super) crashes: u64,
    pub(super) partitions: u64,
    pub(super) duplicates: u64,
    pub(super) stops: u64,
    /// Hubs refuse, re-date and close keys.
    pub(super) governed: bool,
    /// Hubs pass on what is on its way to their disks.
    passing_on: bool,
    /// Hubs take this many branches of a key before they close it.
    pub(super) branches_of_key_max: usize,
    /// The number of accidents to files.
    pub(super) accidents: u64,
    /// Settings of clocks.
    pub(super) steps: u64,
    /// Connections, in a thousand, whose initiator lies.
    pub(super) lies_per_mille: u64,
    /// Chance in a thousand that a node crashes between one effect and the next.
    pub(super) crash_per_mille: u64,
    /// Chance in a thousand that a node crashes after a commit and before it says so.
    pub(super) crash_after_commit_per_mille: u64,
    /// Chance in a thousand that a commit fails for a reason of the store's own; it may be durable
    /// all the same.
    pub(super) store_fails_per_mille: u64,
    /// Chance in a thousand that a session goes one way only.
    pub(super) one_way_per_mille: u64,
}

impl Plan {
    pub(super) fn draw(rng: &mut Rng, bug: Option<Bug>) -> Self {
        let (hubs, nodes, mut edges) = match rng.up_to(3) {
            0 => star(rng.between(2, 5)),
            1 => mesh(2),
            2 => mesh(rng.between(3, 4)),
            _ => two_stars(),
        };
        edges.iter_mut().for_each(|edge| edge.live = rng.per_mille(500));
        let mut parts = Rng::new(mix(rng.clone().next()));
        let filters = draw_filters(&mut parts, hubs, nodes);
        let has_parts = filters.iter().any(Option::is_some);
        let refilters = if has_parts { [0, 2, 6][parts.index(3)] } else { 0 };
        let hubs_are_struck = has_parts && parts.per_mille(HUBS_STRUCK_PER_MILLE);
        let parts_meet = has_parts && parts.per_mille(PARTS_MEET_PER_MILLE);
        if parts_meet {
            edges.extend(between_replicas(&mut parts, hubs, nodes));
        }
        let trouble = rng.up_to(2);
        Self {
            bug,
            writers: (hubs..nodes).collect(),
            nodes,
            edges,
            filters,
            refilters: if hubs_are_struck { 0 } else { refilters },
            hubs_are_struck,
            parts_meet,
            store_delay_max: [2, 20, 200][rng.index(3)],
            page_blocks_max: [1, 3, 50][rng.index(3)],
            writes: rng.between(5, 40),
            cuts: rng.up_to(6 * trouble),
            crashes: rng.up_to(3 * trouble),
            partitions: rng.up_to(2 * trouble),
            duplicates: rng.up_to(4 * trouble),
            stops: rng.up_to(3 * trouble),
            governed: rng.per_mille(400) && !hubs_are_struck,
            passing_on: rng.clone().per_mille(600),
            branches_of_key_max: [1, 1, 2, 9][rng.clone().index(4)],
            accidents: [0, 6, 20][rng.index(3)],
            steps: [0, 2, 8][rng.index(3)],
            lies_per_mille: [0, 0, 200][rng.index(3)],
            crash_per_mille: [0, 1, 5][rng.index(3)] * trouble / 2,
            crash_after_commit_per_mille: [0, 20, 100][rng.index(3)] * trouble / 2,
            store_fails_per_mille: [0, 10, 50][rng.index(3)] * trouble / 2,
            one_way_per_mille: 100 * trouble / 2,
        }
    }
}

impl Plan {
    /// A store with nothing in it.
    pub(super) fn empty(&self, name: &str) -> Ledger {
        let mut ledger = Ledger::named(name);
        ledger.page_blocks_max = self.page_blocks_max;
        ledger.mistake = self.mistake();
        if self.governed {
            ledger.space = governed();
        }
        ledger
    }

    /// The nodes whose files meet with accidents. Nobody can fetch from a part what others wrote: where there
    /// are parts, the files of those that hold everything are spared, or those of everybody that writes. These then
    /// bring their own work to hubs that have lost it, and forget nothing for having been told that hubs hold it.
    pub(super) fn struck(&self) -> Vec<usize> {
        let mut nodes: Vec<_> = (0..self.nodes).collect();
        if self.hubs_are_struck {
            nodes.retain(|node| !self.writers.contains(node));
        } else if self.filters.iter().any(Option::is_some) {
            nodes.retain(|node| self.filters[*node].is_some());
        }
        nodes
    }

    /// True for a hub that rules.
    pub(super) fn governs(&self, node: usize) -> bool {
        self.governed && !self.writers.contains(&node)
    }

    /// True for a hub that passes on what is on its way to its disk. Where it rules, and to parts, hubs pass on what
    /// is durable.
    pub(super) fn passes_on(&self, node: usize) -> bool {
        let is_whole = self.filters.iter().all(Option::is_none);
        self.passing_on && !self.governed && is_whole && !self.writers.contains(&node)
    }

    /// The mistake that every store makes.
    pub(super) const fn mistake(&self) -> Option<Mistake> {
        match self.bug {
            Some(Bug::Store(mistake)) => Some(mistake),
            _ => None,
        }
    }
}

type Topology = (usize, usize, Vec<Edge>);

/// A hub and replicas.
fn star(replicas: u64) -> Topology {
    let nodes = usize::try_from(replicas).unwrap() + 1;
    (1, nodes, (1..nodes).map(|replica| to_hub(replica, 0)).collect())
}

/// Two hubs that relay to each other, with two replicas each.
fn two_stars() -> Topology {
    let leaves = [(2, 0), (3, 0), (4, 1), (5, 1)];
    let mut edges: Vec<_> = leaves.iter().map(|(leaf, hub)| to_hub(*leaf, *hub)).collect();
    edges.push(to_hub(1, 0));
    (2, 6, edges)
}

/// Replicas without a hub, each connected to each.
fn mesh(replicas: u64) -> Topology {
    let nodes = usize::try_from(replicas).unwrap();
    let pairs = (0..nodes).flat_map(|to| (to + 1..nodes).map(move |from| (from, to)));
    (0, nodes, pairs.map(|(from, to)| to_hub(from, to)).collect())
}

/// Two of the replicas, if there are two.
fn between_replicas(rng: &mut Rng, hubs: usize, nodes: usize) -> Option<Edge> {
    let replicas = nodes - hubs;
    if replicas < 2 {
        return None;
    }
    let from = rng.index(replicas);
    let to = (from + 1 + rng.index(replicas - 1)) % replicas;
    Some(Edge { from: hubs + from, to: hubs + to, live: rng.per_mille(500) })
}

const fn to_hub(from: usize, to: usize) -> Edge {
    Edge { from, to, live: true }
}
