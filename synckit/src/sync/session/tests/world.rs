//! A simulated world: replicas and hubs with durable logs, on a network that delays, cuts and
//! repeats, with crashes at every point. Everything is drawn from one seed, so a seed is a story
//! that can be told again.
//!
//! Sessions and replica cores are the product's; what drives them here is a model of the real
//! driver and the real engine. What is judged,
//! and how, is in [`audit`]; what a seed decides is in [`plan`].

mod accident;
mod ahead;
mod audit;
mod carry;
mod desk;
mod govern;
mod happening;
mod lie;
mod notebook;
mod part;
mod plan;
mod report;
pub(super) mod rng;

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use self::accident::Accident;
use self::ahead::OnItsWay;
use self::audit::{Audit, Sound};
use self::desk::Desk;
use self::happening::Happening;
use self::lie::Lie;
use self::plan::{Edge, Plan, TROUBLE_ENDS};
pub(super) use self::report::Report;
use self::rng::{Rng, mix};
use super::ledger::{Ledger, Mistake};
use super::seat::noon;
use crate::clock::UnixMillis;
use crate::id::Position;
use crate::key;
use crate::schema::TypesText;
use crate::sync::{Config, Direction, Input, Now, Role, Session, Until};

pub(super) use self::plan::Bug;

/// After troubles have ended, everything has converged within this time, in milliseconds: a cut
/// connection may be noticed last of all, and what was held up by it then goes from hub to hub in
/// sessions that begin up to 20 seconds apart.
const CONVERGES_WITHIN: u64 = 200_000;
/// After everything has converged, the last cut connection has been noticed within this time, some 80
/// seconds, and the session after the next one, up to 20 seconds later, has stored the cursor behind what that
/// one brought.
const SETTLES_WITHIN: u64 = 110_000;
/// It is watched this long that nothing is sent in vain.
const SILENCE: u64 = 40_000;
/// A session that is to end when it has caught up lives no longer than this without troubles.
const CATCHES_UP_WITHIN: u64 = 30_000;
/// A year in milliseconds.
const YEAR: u64 = 365 * 24 * 60 * 60 * 1_000;
/// Most things that are under way at any moment: frames, answers, timers.
const UNDER_WAY_MAX: usize = 2_000;

/// A promise was broken.
#[derive(Debug)]
pub(super) struct Broken {
    seed: u64,
    at: u64,
    what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SYNCKIT_SEED={} after {} ms: {}", self.seed, self.at, self.what)
    }
}

/// Lives through everything that a seed has in store.
pub(super) fn live(seed: u64, bug: Option<Bug>) -> Result<Report, Broken> {
    key::known::begin(bug == Some(Bug::BelievesForgers));
    let mut world = World::new(seed, bug);
    // What panics is as wrong as what is judged to be, and its seed is wanted as well.
    let lived = catch_unwind(AssertUnwindSafe(|| world.live()));
    let lived = lived.unwrap_or_else(|panic| {
        let what = panic.downcast_ref::<String>().map_or("a panic", String::as_str);
        Err(format!("panicked: {what}"))
    });
    match lived {
        Ok(()) => Ok(world.report),
        Err(what) => Err(Broken { seed, at: world.now, what }),
    }
}

struct World {
    plan: Plan,
    rng: Rng,
    /// Milliseconds since the beginning.
    now: u64,
    healed: bool,
    nodes: Vec<Node>,
    connections: Vec<Connection>,
    /// Until when each edge is partitioned.
    blocked_until: Vec<u64>,
    queue: BTreeMap<(u64, u64), Happening>,
    queued: u64,
    audit: Audit,
    report: Report,
    /// Frames with events, reads of a log, and commits.
    work: u64,
}

struct Node {
    ledger: Ledger,
    on_its_way: OnItsWay,
    /// The replica core of a node that writes and is up.
    desk: Option<Desk>,
    /// Copies of its file.
    copies: Vec<Ledger>,
    up: bool,
    incarnation: u64,
    /// Milliseconds that its clock is ahead of the world's.
    skew: i64,
}

struct Connection {
    edge: usize,
    /// The initiator's end and the acceptor's.
    ends: [End; 2],
    /// Some ways are quick and others slow, also between the same two.
    latency_max: u64,
    is_cut: bool,
    /// The initiator's lie.
    lie: Option<Lie>,
}

struct End {
    node: usize,
    session: Option<Session>,
    began: u64,
    until: Until,
    one_way: bool,
    watching: Option<Position>,
    timer: Option<Duration>,
    /// When the last frame sent from here arrives.
    last_arrival: u64,
    /// The same of frames without events.
    last_other_arrival: u64,
    last_through: Option<Position>,
    last_ack: Option<Position>,
}

/// One end of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    connection: usize,
    side: usize,
}

impl World {
    fn new(seed: u64, bug: Option<Bug>) -> Self {
        let mut rng = Rng::new(mix(seed));
        let plan = Plan::draw(&mut rng, bug);
        let nodes = (0..plan.nodes).map(|nth| {
            let mut ledger = plan.empty(NAMES[nth]);
            ledger.filter.clone_from(&plan.filters[nth]);
            let desk = plan.writers.contains(&nth).then(|| Desk::over(&ledger, 0, false));
            let (copies, skew) = (Vec::new(), rng.up_to(60_000).cast_signed());
            let on_its_way = OnItsWay::default();
            Node { ledger, on_its_way, desk, copies, up: true, incarnation: 0, skew }
        });
        Self {
            nodes: nodes.collect(),
            now: 0,
            healed: false,
            connections: Vec::new(),
            blocked_until: vec![0; plan.edges.len()],
            queue: BTreeMap::new(),
            queued: 0,
            audit: Audit::of(&plan.filters),
            report: Report { trace: seed, ..Report::default() },
            work: 0,
            plan,
            rng,
        }
    }

    fn live(&mut self) -> Sound {
        self.schedule_troubles();
        for node in 0..self.nodes.len() {
            self.work_at(node)?;
        }
        self.run_until(TROUBLE_ENDS)?;
        self.heal();
        self.converge()?;
        self.fall_silent()?;
        self.audit.agree(self.nodes.iter().map(|node| &node.ledger))?;
        self.shows_its_log()?;
        self.counts_what_is_in_force()?;
        self.know_types()?;
        self.audit.kept_promises()
    }

    fn schedule_troubles(&mut self) {
        let edges = self.plan.edges.len();
        for edge in 0..edges {
            let at = self.rng.up_to(2_000);
            self.queue(at, Happening::Dials { edge, again: false });
        }
        for _ in 0..self.plan.writes {
            let writer = self.plan.writers[self.rng.index(self.plan.writers.len())];
            self.trouble(|_| Happening::Writes(writer));
        }
        for _ in 0..self.plan.cuts {
            self.trouble(|rng| Happening::Cut { edge: rng.index(edges) });
        }
        for _ in 0..self.plan.crashes {
            let nodes = self.plan.nodes;
            self.trouble(|rng| Happening::Crashes(rng.index(nodes)));
        }
        for _ in 0..self.plan.partitions {
            self.trouble(|rng| Happening::Partitioned {
                edge: rng.index(edges),
                until: rng.up_to(TROUBLE_ENDS),
            });
        }
        for _ in 0..self.plan.accidents {
            let struck = self.plan.struck();
            self.trouble(|rng| Happening::Accident(Accident::draw(rng, &struck)));
        }
        for _ in 0..self.plan.refilters {
            let writer = self.plan.writers[self.rng.index(self.plan.writers.len())];
            self.trouble(|rng| Happening::Refilters(writer, rng.next()));
        }
        for _ in 0..self.plan.steps {
            let nodes = self.plan.nodes;
            self.trouble(|rng| Happening::Steps(rng.index(nodes), step(rng)));
        }
        for _ in 0..self.plan.duplicates {
            self.trouble(|rng| Happening::Dials { edge: rng.index(edges), again: true });
        }
        for _ in 0..self.plan.stops {
            self.trouble(|rng| Happening::Stops(rng.index(edges)));
        }
    }

    fn trouble(&mut self, draw: impl FnOnce(&mut Rng) -> Happening) {
        let at = self.rng.up_to(TROUBLE_ENDS);
        let happening = draw(&mut self.rng);
        self.queue(at, happening);
    }

    /// Troubles end; a few last events are written while all is well.
    fn heal(&mut self) {
        self.healed = true;
        let ledgers = self.nodes.iter().map(|node| &node.ledger);
        self.audit.survives(ledgers);
        self.blocked_until.fill(0);
        for place in self.places() {
            if self.end(place).one_way {
                self.queue_in(0, Happening::Told(place, Input::Stop));
            }
        }
        for _ in 0..3 {
            let writer = self.plan.writers[self.rng.index(self.plan.writers.len())];
            let delay = self.rng.up_to(5_000);
            self.queue_in(delay, Happening::Writes(writer));
        }
    }

    fn converge(&mut self) -> Sound {
        let latest = self.now + CONVERGES_WITHIN;
        self.run_until(self.now + 5_001)?;
        while !self.audit.converged(self.nodes.iter().map(|node| &node.ledger)) {
            if self.now > latest {
                return Err(format!("not converged within {CONVERGES_WITHIN} ms"));
            }
            self.run_until(self.now + 1_000)?;
        }
        self.report.forks = self.nodes[0].ledger.branches.fork_count() as u64;
        if self.report.accidents == 0 && self.report.forks > 0 {
            return Err("an author has forked without an accident".to_owned());
        }
        Ok(())
    }

    /// When all hold everything and all cursors have followed, nothing is read, sent or committed
    /// any more.
    fn fall_silent(&mut self) -> Sound {
        self.run_until(self.now + SETTLES_WITHIN)?;
        for place in self.places() {
            let now = self.now;
            let end = self.end(place);
            if end.until == Until::CaughtUp && now > end.began + CATCHES_UP_WITHIN {
                return Err(format!("node {} does not see that it has caught up", end.node));
            }
        }
        let work = self.work;
        self.run_until(self.now + SILENCE)?;
        match self.work - work {
            // Two stores with one key, of which neither has written, displace each other's cursors:
            // each time they resume by frontier.
            0 => Ok(()),
            _ if self.have_twins() => Ok(()),
            more => Err(format!("{more} frames, reads and commits without anything new")),
        }
    }

    /// The types that a node tells: those who write do.
    fn types_of(&self, node: usize) -> Option<TypesText> {
        let is_writer = self.plan.writers.contains(&node);
        TypesText::new(NAMES[node]).filter(|_| is_writer)
    }

    /// Whoever syncs with a node keeps the types that it tells. A session in which there is nothing to send does not
    /// wait for them.
    fn know_types(&self) -> Sound {
        for Edge { from, to, .. } in &self.plan.edges {
            for (node, other) in [(*from, *to), (*to, *from)] {
                let told = self.types_of(other);
                let told = told.filter(|_| self.nodes[other].ledger.head().0 > 0);
                let known = &self.nodes[node].ledger.types;
                if told.is_some_and(|types| !known.contains_key(types.hash())) {
                    return Err(format!("node {node} does not know the types of node {other}"));
                }
            }
        }
        Ok(())
    }

    fn have_twins(&self) -> bool {
        let mut keys: Vec<_> = self.nodes.iter().map(|node| node.ledger.replica()).collect();
        keys.sort_unstable();
        keys.windows(2).any(|pair| pair[0] == pair[1])
    }

    fn run_until(&mut self, until: u64) -> Sound {
        while let Some(next) = self.queue.first_entry().filter(|next| next.key().0 <= until) {
            self.now = next.key().0;
            let happening = next.remove();
            self.happens(happening)?;
            if self.queue.len() > UNDER_WAY_MAX {
                return Err(format!("a storm: {} things are under way", self.queue.len()));
            }
        }
        self.now = until;
        Ok(())
    }

    fn happens(&mut self, happening: Happening) -> Sound {
        self.trace(&happening);
        match happening {
            Happening::Accident(accident) => self.strike(accident)?,
            Happening::Arrives(place, frame) => self.arrives(place, frame)?,
            Happening::Crashes(node) => self.crash(node),
            Happening::Cut { edge } => self.cut_edge(edge),
            Happening::DeskTold(node, incarnation, input) => {
                self.desk_told(node, incarnation, input)?;
            }
            Happening::Dials { edge, again } => self.dial(edge, again)?,
            Happening::HangsUp(place) => self.tell(place, Input::Disconnected)?,
            Happening::Partitioned { edge, until } => {
                self.blocked_until[edge] = until;
                self.cut_edge(edge);
            }
            Happening::Persists(place, persist) => self.persist(place, persist)?,
            Happening::Recalls(place, peer, cursor, frontier) => {
                self.recalled(place, peer, cursor, frontier)?;
            }
            Happening::Refilters(node, choice) => self.refilter(node, choice)?,
            Happening::Restarts(node) => self.restart(node)?,
            Happening::Runs(node, incarnation, errand) => {
                self.runs(node, incarnation, errand)?;
            }
            Happening::Steps(node, skew) => self.nodes[node].skew = skew,
            Happening::Stops(edge) => {
                let of_edge = |place: &Place| self.connections[place.connection].edge == edge;
                let places: Vec<_> = self.places().into_iter().filter(of_edge).collect();
                if !places.is_empty() {
                    let place = places[self.rng.index(places.len())];
                    self.tell(place, Input::Stop)?;
                }
            }
            Happening::Told(place, input) => self.tell(place, input)?,
            Happening::TimesOut(place) => self.times_out(place)?,
            Happening::Writes(node) => self.write(node)?,
            Happening::Written(place, passing) => self.written(place, passing)?,
        }
        Ok(())
    }

    /// A node begins again with what is durable.
    fn restart(&mut self, node: usize) -> Sound {
        let now = self.now;
        let writes = self.plan.writers.contains(&node);
        let forgets = self.has(Bug::ForgetsRulings);
        let restarted = &mut self.nodes[node];
        restarted.up = true;
        restarted.desk = writes.then(|| Desk::over(&restarted.ledger, now, forgets));
        self.work_at(node)
    }

    /// Opens a connection, unless there is one, or none can be.
    fn dial(&mut self, edge: usize, again: bool) -> Sound {
        let plan = self.plan.edges[edge];
        let is_open = self.places().iter().any(|place| {
            place.side == 0
                && self.connections[place.connection].edge == edge
                && self.end(*place).session.is_some()
        });
        let can_open = self.nodes[plan.from].up
            && self.nodes[plan.to].up
            && self.blocked_until[edge] <= self.now;
        if !can_open && !again {
            self.dial_later(edge, 200, 1_500);
        }
        if !can_open || (is_open && !again) {
            return Ok(());
        }
        let ends = [0, 1].map(|side| self.open_end(edge, side));
        let latency_max = [5, 60, 1_000][self.rng.index(3)];
        let lies = !self.healed && self.rng.per_mille(self.plan.lies_per_mille);
        let lie = lies.then(|| self.draw_lie(plan.to));
        self.connections.push(Connection { edge, ends, latency_max, is_cut: false, lie });
        self.report.sessions += 1;
        let connection = self.connections.len() - 1;
        self.carry_out(Place { connection, side: 0 })?;
        self.carry_out(Place { connection, side: 1 })
    }

    fn open_end(&mut self, edge: usize, side: usize) -> End {
        let plan = self.plan.edges[edge];
        let node = if side == 0 { plan.from } else { plan.to };
        let live = if self.healed { plan.live } else { self.rng.per_mille(600) };
        let until = if live { Until::Stopped } else { Until::CaughtUp };
        let one_way = !self.healed && self.rng.per_mille(self.plan.one_way_per_mille);
        let direction = if !one_way {
            Direction::Both
        } else if self.rng.per_mille(500) {
            Direction::Push
        } else {
            Direction::Pull
        };
        let ledger = &self.nodes[node].ledger;
        let role = if side == 0 { Role::Initiator(ledger.space.clone()) } else { Role::Acceptor };
        let (key, wall) = (ledger.key.clone(), self.wall(node));
        let filter = ledger.filter.clone().filter(|_| !self.has(Bug::TellsNoFilter));
        let config = Config::new(role, key, wall, self.rng.bytes32());
        let few = |rng: &mut Rng| if rng.per_mille(500) { 1 + rng.index(4) } else { usize::MAX };
        let config = Config {
            until,
            direction,
            has_door: side == 1 && self.rng.per_mille(500),
            types: self.types_of(node),
            filter,
            commit_events_max: few(&mut self.rng),
            ..config
        };
        End {
            node,
            session: Some(Session::new(config)),
            began: self.now,
            until,
            one_way,
            watching: None,
            timer: None,
            last_arrival: 0,
            last_other_arrival: 0,
            last_through: None,
            last_ack: None,
        }
    }

    /// The initiator of an edge tries again after a while.
    fn dial_later(&mut self, edge: usize, least: u64, most: u64) {
        let delay = self.rng.between(least, most);
        self.queue_in(delay, Happening::Dials { edge, again: false });
    }

    /// Everything that is not durable is gone; peers notice sooner or later.
    fn crash(&mut self, node: usize) {
        if self.healed || !self.nodes[node].up {
            return;
        }
        self.report.crashes += 1;
        self.nodes[node].up = false;
        self.nodes[node].desk = None;
        if self.plan.passes_on(node) {
            self.nodes[node].lose_power();
            self.audit.crashed(node, &self.nodes[node].ledger);
        }
        self.nodes[node].incarnation += 1;
        for place in self.places() {
            if self.end(place).node == node && self.end(place).session.take().is_some() {
                self.cut(place.connection);
                if place.side == 0 {
                    self.dial_later(self.connections[place.connection].edge, 200, 3_000);
                }
            }
        }
        let delay = self.rng.up_to(3_000);
        self.queue_in(delay, Happening::Restarts(node));
    }

    fn cut_edge(&mut self, edge: usize) {
        for connection in 0..self.connections.len() {
            if self.connections[connection].edge == edge && !self.healed {
                self.cut(connection);
            }
        }
    }

    /// Loses what is in flight. Each side notices at a time of its own.
    fn cut(&mut self, connection: usize) {
        if std::mem::replace(&mut self.connections[connection].is_cut, true) {
            return;
        }
        for side in [0, 1] {
            let most = [100, 3_000, 90_000][self.rng.index(3)];
            let delay = self.rng.up_to(most);
            self.queue_in(delay, Happening::HangsUp(Place { connection, side }));
        }
    }

    fn wall(&self, node: usize) -> UnixMillis {
        // A clock that stands still makes twins write the same at the same time.
        if self.plan.mistake() == Some(Mistake::RepeatsNonce) {
            return noon();
        }
        let right = noon().plus(Duration::from_millis(self.now)).get();
        UnixMillis::new(right.saturating_add_signed(self.nodes[node].skew))
    }

    fn time_of(&self, place: Place) -> Now {
        let end = &self.connections[place.connection].ends[place.side];
        Now { elapsed: Duration::from_millis(self.now - end.began), wall: self.wall(end.node) }
    }

    fn end(&mut self, place: Place) -> &mut End {
        &mut self.connections[place.connection].ends[place.side]
    }

    /// The ends of all connections that have a session.
    fn places(&self) -> Vec<Place> {
        let all = (0..self.connections.len())
            .flat_map(|connection| [0, 1].map(|side| Place { connection, side }));
        let open =
            |place: &Place| self.connections[place.connection].ends[place.side].session.is_some();
        all.filter(open).collect()
    }

    fn queue_in(&mut self, delay: u64, happening: Happening) {
        self.queue(self.now + delay, happening);
    }

    fn queue(&mut self, at: u64, happening: Happening) {
        self.queued += 1;
        self.queue.insert((at, self.queued), happening);
    }

    fn trace(&mut self, happening: &Happening) {
        let [what, place, more] = happening.numbers();
        for number in [self.now, what, place, more] {
            self.report.trace = mix(self.report.trace ^ number).wrapping_add(number);
        }
    }
}

/// The distance that a clock is set to: a minute, or a year, before or after the right time.
fn step(rng: &mut Rng) -> i64 {
    let most = [60_000, YEAR][rng.index(2)];
    let skew = rng.up_to(most).cast_signed();
    if rng.per_mille(500) { skew } else { -skew }
}

const NAMES: [&str; 6] = ["ann", "bob", "carol", "dave", "erin", "frank"];
