//! Scripts: who there is in a seed, and what happens to them.

use std::fmt;
use std::time::Duration;

use super::super::Dice;
use crate::replica::{LinkOptions, Rhythm};
use crate::sync::Direction;

/// The names of nodes.
pub(super) const CAST: [&str; 6] = ["ann", "bob", "carol", "dave", "erin", "frank"];
/// Troubles come within this time, in milliseconds.
pub(super) const TROUBLE_ENDS: u64 = 30_000;
/// Time between the syncs of a link that is not live.
const INTERVAL: Duration = Duration::from_secs(3);
/// A year in milliseconds.
const YEAR: u64 = 365 * 24 * 60 * 60 * 1_000;

/// The name of a node.
pub(super) const fn name_of(node: usize) -> &'static str {
    CAST[node]
}

/// Everything that a seed decides.
#[derive(Clone, Debug)]
pub(super) struct WorldScript {
    pub(super) nodes: Vec<WorldRole>,
    /// Somebody governs the space, and hubs rule in it.
    pub(super) governed: bool,
    /// Two replicas sync with each other beside hubs, though one of them may hold a part. No file is lost or copied
    /// there: a part can neither give what others wrote, nor tell where their work forks.
    pub(super) parts_meet: bool,
    /// From whom connections are made, to whom.
    pub(super) edges: Vec<(usize, usize)>,
    /// The links of each edge.
    pub(super) links: Vec<WorldLinks>,
    pub(super) latency_max: u64,
    pub(super) loses_one_in: usize,
    pub(super) write_max: u64,
    pub(super) steps: Vec<WorldStep>,
}

/// The part of a node in the world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum WorldRole {
    Hub,
    /// A replica, and the number of its filter.
    Replica(Option<usize>),
}

/// The links along an edge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum WorldLinks {
    Live,
    Interval,
    /// One that sends, live, and one that receives now and then.
    OneWays,
    OnDemand,
}

impl WorldLinks {
    /// Draws them; most are live.
    fn draw(dice: &mut Dice) -> Self {
        *dice.one(&[Self::Live, Self::Live, Self::Interval, Self::OneWays, Self::OnDemand])
    }

    /// The settings of each link.
    pub(super) fn settings(self) -> Vec<LinkOptions> {
        let (all, now_and_then) = (LinkOptions::new(), Rhythm::Every(INTERVAL));
        match self {
            Self::Live => vec![all],
            Self::Interval => vec![all.rhythm(now_and_then)],
            Self::OneWays => vec![
                all.clone().direction(Direction::Push),
                all.direction(Direction::Pull).rhythm(now_and_then),
            ],
            Self::OnDemand => vec![all.rhythm(Rhythm::OnDemand)],
        }
    }
}

/// Something that happens at a time, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct WorldStep {
    pub(super) at: u64,
    pub(super) what: Happens,
}

/// Something that happens.
#[derive(Clone, Copy, Debug)]
pub(super) enum Happens {
    Edits {
        node: usize,
        seed: u64,
    },
    Checkpoints {
        node: usize,
    },
    Syncs {
        edge: usize,
        ends: (usize, usize),
    },
    Crashes {
        node: usize,
        down: u64,
    },
    Cut {
        edge: usize,
        ends: (usize, usize),
    },
    Partitioned {
        edge: usize,
        ends: (usize, usize),
        lasts: u64,
    },
    DiskFull {
        node: usize,
        lasts: u64,
    },
    DiskFails {
        node: usize,
    },
    Steps {
        node: usize,
        ahead: i64,
    },
    BacksUp {
        node: usize,
    },
    Restores {
        node: usize,
    },
    Copied {
        from: usize,
        to: usize,
    },
    /// A replica is opened with another filter, or with none.
    Refilters {
        node: usize,
        filter: Option<usize>,
        refetch: bool,
    },
}

impl WorldScript {
    /// Draws a script. `filters` is how many the user gave.
    pub(super) fn draw(seed: u64, edits: u64, filters: usize, faults: bool) -> Self {
        let mut dice = Dice::new(seed);
        let (hubs, nodes, mut edges) = topology(&mut dice);
        let parts_meet = hubs > 0 && filters > 0 && dice.one_in(4);
        if parts_meet {
            let (replicas, from) = (nodes - hubs, dice.below(nodes - hubs));
            let to = (from + 1 + dice.below(replicas - 1)) % replicas;
            edges.push((hubs + from, hubs + to));
        }
        let mut role = |node: usize| match node {
            node if node < hubs => WorldRole::Hub,
            _ if hubs > 0 && filters > 0 && node > hubs && dice.one_in(3) => {
                WorldRole::Replica(Some(dice.below(filters)))
            }
            _ => WorldRole::Replica(None),
        };
        let nodes: Vec<_> = (0..nodes).map(&mut role).collect();
        let links = edges.iter().map(|_| WorldLinks::draw(&mut dice)).collect();
        let mut script = Self {
            latency_max: *dice.one(&[5, 50, 500]),
            loses_one_in: if faults { *dice.one(&[0, 200, 50]) } else { 0 },
            write_max: *dice.one(&[0, 20, 200]),
            steps: Vec::new(),
            governed: hubs > 0 && dice.one_in(3),
            nodes,
            parts_meet,
            edges,
            links,
        };
        let writers: Vec<_> = (hubs..script.nodes.len()).collect();
        for _ in 0..edits {
            let (node, seed) = (*dice.one(&writers), dice.word());
            script.add(&mut dice, Happens::Edits { node, seed });
        }
        for (edge, ends) in script.edges.clone().into_iter().enumerate() {
            let asks = if script.links[edge] == WorldLinks::OnDemand { 4 } else { 0 };
            (0..asks).for_each(|_| script.add(&mut dice, Happens::Syncs { edge, ends }));
        }
        let troubles = if faults { dice.between(0, 14) } else { 0 };
        for _ in 0..troubles {
            let what = script.trouble(&mut dice);
            script.add(&mut dice, what);
        }
        // One replica holds everything all the time.
        let others: Vec<_> = (hubs + 1..script.nodes.len()).collect();
        if faults && hubs > 0 && filters > 0 && dice.one_in(3) {
            for _ in 0..dice.between(1, 3) {
                let node = *dice.one(&others);
                let filter = (!dice.one_in(4)).then(|| dice.below(filters));
                let refetch = dice.one_in(2);
                script.add(&mut dice, Happens::Refilters { node, filter, refetch });
            }
        }
        script.steps.sort_by_key(|step| step.at);
        script
    }

    fn add(&mut self, dice: &mut Dice, what: Happens) {
        self.steps.push(WorldStep { at: dice.between(0, TROUBLE_ENDS), what });
    }

    fn trouble(&self, dice: &mut Dice) -> Happens {
        let node = dice.below(self.nodes.len());
        let edge = dice.below(self.edges.len());
        let ends = self.edges[edge];
        match dice.below(if self.parts_meet { 8 } else { 10 }) {
            0 => Happens::Checkpoints { node },
            1 | 2 => Happens::Crashes { node, down: dice.between(1, 5_000) },
            3 => Happens::Cut { edge, ends },
            4 => Happens::Partitioned { edge, ends, lasts: dice.between(1, TROUBLE_ENDS / 2) },
            5 => Happens::DiskFull { node, lasts: dice.between(1, 5_000) },
            6 => Happens::DiskFails { node },
            7 => Happens::Steps { node, ahead: step(dice) },
            8 if dice.one_in(2) => Happens::BacksUp { node },
            8 => Happens::Restores { node },
            _ => {
                let to = dice.below(self.nodes.len());
                // The file of a hub, or of a part, is no replica's of the whole.
                if to != node && self.nodes[to] == self.nodes[node] {
                    Happens::Copied { from: node, to }
                } else {
                    Happens::Restores { node }
                }
            }
        }
    }

    /// The shortest script found that still goes wrong, and how it does.
    pub(super) fn shrunk<T>(
        mut self,
        mut broken: T,
        runs_max: usize,
        goes_wrong: impl Fn(&Self) -> Option<T>,
    ) -> (Self, T) {
        let mut runs = 0;
        let mut size = self.steps.len().div_ceil(2);
        while size > 0 {
            let (mut from, mut shorter) = (0, false);
            while from < self.steps.len() && runs < runs_max {
                let mut fewer = self.clone();
                fewer.steps.drain(from..(from + size).min(fewer.steps.len()));
                runs += 1;
                if let Some(how) = goes_wrong(&fewer) {
                    (self, broken, shorter) = (fewer, how, true);
                } else {
                    from += size;
                }
            }
            if runs >= runs_max {
                break;
            }
            // Until no step can be left out by itself.
            size = if size == 1 && shorter { 1 } else { size / 2 };
        }
        (self, broken)
    }
}

/// Hubs, nodes, and edges.
fn topology(dice: &mut Dice) -> (usize, usize, Vec<(usize, usize)>) {
    let mesh = |nodes: usize| {
        let pairs = (0..nodes).flat_map(|to| (to + 1..nodes).map(move |from| (from, to)));
        (0, nodes, pairs.collect())
    };
    match dice.below(4) {
        0 => mesh(2),
        1 => mesh(3),
        // A replica between two hubs.
        2 => (2, 5, vec![(2, 0), (2, 1), (3, 0), (4, 1)]),
        _ => {
            let nodes = 3 + dice.below(3);
            (1, nodes, (1..nodes).map(|replica| (replica, 0)).collect())
        }
    }
}

/// Distance that a clock is set to: a minute or a year before or after the right time.
fn step(dice: &mut Dice) -> i64 {
    let most = *dice.one(&[60_000, YEAR]);
    let ahead = dice.between(0, most).cast_signed();
    if dice.one_in(2) { ahead } else { -ahead }
}

/// The cast, and how it is linked.
impl fmt::Display for WorldScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = |(node, role): (usize, &WorldRole)| match role {
            WorldRole::Hub => format!("{}, a hub", name_of(node)),
            WorldRole::Replica(None) => name_of(node).to_owned(),
            WorldRole::Replica(Some(_)) => format!("{}, with a part", name_of(node)),
        };
        let cast: Vec<_> = self.nodes.iter().enumerate().map(role).collect();
        write!(f, "there are {}", cast.join("; "))?;
        for ((from, to), links) in self.edges.iter().zip(&self.links) {
            let how = match links {
                WorldLinks::Live => "live",
                WorldLinks::Interval => "now and then",
                WorldLinks::OneWays => "by a link in each direction",
                WorldLinks::OnDemand => "on demand",
            };
            write!(f, "; {} syncs with {} {how}", name_of(*from), name_of(*to))?;
        }
        if self.governed {
            f.write_str("; hubs rule")?;
        }
        Ok(())
    }
}

impl fmt::Display for Happens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |node: &usize| CAST[*node];
        match self {
            Self::Edits { node, .. } => write!(f, "{} edits", name(node)),
            Self::Checkpoints { node } => write!(f, "{} stores its states", name(node)),
            Self::Syncs { ends: (from, to), .. } => {
                write!(f, "{} syncs with {}", name(from), name(to))
            }
            Self::Crashes { node, down } => {
                write!(f, "{} crashes and is down for {down} ms", name(node))
            }
            Self::Cut { ends: (from, to), .. } => {
                write!(f, "connections from {} to {} are lost", name(from), name(to))
            }
            Self::Partitioned { ends: (from, to), lasts, .. } => {
                write!(f, "{} does not reach {} for {lasts} ms", name(from), name(to))
            }
            Self::DiskFull { node, lasts } => {
                write!(f, "{}'s disk is full for {lasts} ms", name(node))
            }
            Self::DiskFails { node } => write!(f, "{}'s disk fails a write", name(node)),
            Self::Steps { node, ahead } => {
                write!(f, "{}'s clock is set {ahead} ms ahead of the right time", name(node))
            }
            Self::BacksUp { node } => write!(f, "{} makes a backup", name(node)),
            Self::Restores { node } => write!(f, "{} is restored from its backup", name(node)),
            Self::Copied { from, to } => {
                write!(f, "{}'s file is put in the place of {}'s", name(from), name(to))
            }
            Self::Refilters { node, filter, refetch } => {
                let what = if filter.is_some() { "a part" } else { "everything" };
                let how = if *refetch { ", and is to fetch it again" } else { "" };
                write!(f, "{} is opened to hold {what}{how}", name(node))
            }
        }
    }
}
