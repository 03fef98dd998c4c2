//! Plays a script: real replicas and hubs, on simulated disks, clocks and a network, in virtual
//! time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::super::Dice;
use super::audit::WorldAudit;
use super::disk::WorldDisk;
use super::network::WorldNetwork;
use super::script::{CAST, Happens, WorldRole, WorldScript, name_of};
use super::{World, WorldReport};
use crate::clock::UnixMillis;
use crate::id::{Position, SpaceId};
use crate::key::ReplicaKey;
use crate::platform::{self, Tasks};
use crate::replica::Link;
use crate::ruling::Authority;
use crate::store::{EventStore, MemoryRows};
use crate::{Hub, Replica, WallClock};

/// Noon of a day, in milliseconds.
const NOON: u64 = 1_780_000_000_000;
/// After troubles have ended, all stores are equal within this time.
const CONVERGES_WITHIN: Duration = Duration::from_secs(600);
/// A store that could not be opened is opened again after this time, in milliseconds.
const REOPENS_AFTER: u64 = 500;
/// Most lines of a story.
const STORY_LINES_MAX: usize = 2_000;

/// Promises hold, or this is which does not.
pub(super) type Sound<T = ()> = Result<T, String>;

/// A script on the stage.
pub(super) struct Stage<'a> {
    world: &'a World,
    script: &'a WorldScript,
    pub(super) nodes: Vec<Actor>,
    network: WorldNetwork,
    space: SpaceId,
    authority: Option<Authority>,
    pub(super) audit: WorldAudit,
    begun: Instant,
    /// Happenings to come, at times in milliseconds.
    due: BTreeMap<(u64, u64), Upcoming>,
    queued: u64,
    story: Arc<Story>,
}

/// A replica or a hub, with its disk and its clock.
pub(super) struct Actor {
    pub(super) role: WorldRole,
    pub(super) disk: WorldDisk,
    pub(super) store: Option<Arc<EventStore>>,
    pub(super) replica: Option<Replica>,
    /// Links with the numbers of their edges.
    links: Vec<(usize, Link)>,
    edits: Tasks<Sound>,
    /// A copy of its file, and its role then.
    backup: Option<(MemoryRows, WorldRole)>,
    /// The next opening may forget what is held.
    refetches: bool,
    /// Milliseconds that its clock is ahead of the right time.
    ahead: Arc<AtomicI64>,
    /// Something is, or was a moment ago, wrong with its disk.
    pub(super) troubled: bool,
    crashes: u64,
}

#[derive(Clone, Copy, Debug)]
enum Upcoming {
    Step(usize),
    Opens(usize),
    HasSpace(usize),
}

/// Lines that tell the happenings.
#[derive(Default)]
pub(super) struct Story {
    lines: Mutex<Vec<String>>,
}

impl Story {
    fn tell(&self, begun: Instant, line: &str) {
        let mut lines = self.lock();
        if lines.len() < STORY_LINES_MAX {
            lines.push(format!("{:>9} ms  {line}", begun.elapsed().as_millis()));
        }
    }

    pub(super) fn text(&self) -> String {
        self.lock().join("\n")
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Stage<'a> {
    pub(super) fn set(
        world: &'a World,
        script: &'a WorldScript,
        seed: u64,
        story: Arc<Story>,
    ) -> Self {
        let mut dice = Dice::new(seed ^ 0x5eed);
        let of_edges = script.edges.iter().map(|_| dice.fork()).collect();
        let count = script.nodes.len();
        let network = WorldNetwork::new(count, of_edges, script.latency_max, script.loses_one_in);
        let nodes = script.nodes.iter().map(|role| Actor {
            role: *role,
            disk: WorldDisk::new(dice.fork(), script.write_max),
            store: None,
            replica: None,
            links: Vec::new(),
            edits: Tasks::new(),
            backup: None,
            refetches: false,
            ahead: Arc::new(AtomicI64::new(dice.between(0, 60_000).cast_signed())),
            troubled: false,
            crashes: 0,
        });
        let authority = script.governed.then(|| Authority::from_seed(&[7; ReplicaKey::SEED_LEN]));
        let space = authority.as_ref().map_or_else(SpaceId::default, |authority| {
            authority.space("world").expect("a short name")
        });
        Self {
            world,
            script,
            nodes: nodes.collect(),
            network,
            audit: WorldAudit::of(space.clone()),
            space,
            authority,
            begun: Instant::now(),
            due: BTreeMap::new(),
            queued: 0,
            story,
        }
    }

    /// Plays everything, and lets all stores become equal.
    pub(super) async fn play(&mut self) -> Sound<WorldReport> {
        self.tell(&self.script.to_string());
        for (nth, step) in self.script.steps.iter().enumerate() {
            self.queue(step.at, Upcoming::Step(nth));
        }
        for node in 0..self.nodes.len() {
            self.open(node).await?;
        }
        while let Some(((at, _), due)) = self.due.pop_first() {
            self.rest_until(at).await;
            match due {
                Upcoming::Step(nth) => self.happens(self.script.steps[nth].what).await?,
                Upcoming::Opens(node) => self.open(node).await?,
                Upcoming::HasSpace(node) => {
                    // Nothing was written meanwhile if it was down: a write that was to fail is not any more.
                    self.nodes[node].disk.repair();
                    self.nodes[node].troubled = false;
                }
            }
            self.check().await?;
        }
        self.converge().await?;
        self.newcomer().await?;
        Ok(self.report())
    }

    /// The invariants that hold at every moment.
    async fn check(&mut self) -> Sound {
        for node in 0..self.nodes.len() {
            self.collect(node)?;
            let Some(replica) = self.nodes[node].replica.clone() else { continue };
            if self.nodes[node].troubled {
                continue;
            }
            let name = name_of(node);
            let whole = self.nodes[node].role == WorldRole::Replica(None)
                && !self.nodes[node].disk.is_writing();
            self.audit.note(&replica, whole).await.map_err(|how| format!("{name} {how}"))?;
            (self.world.holds)(replica).await.map_err(|how| format!("at {name}: {how}"))?;
        }
        Ok(())
    }

    /// Collects the outcomes of edits.
    fn collect(&mut self, node: usize) -> Sound {
        while let Some(done) = self.nodes[node].edits.try_join_next() {
            match done {
                Ok(outcome) => outcome.map_err(|how| format!("at {}: {how}", CAST[node]))?,
                Err(error) if error.is_panic() => {
                    let panic = error.into_panic();
                    return Err(format!("an edit at {} panicked: {}", CAST[node], said(&*panic)));
                }
                Err(_) => {}
            }
        }
        Ok(())
    }

    async fn happens(&mut self, what: Happens) -> Sound {
        match what {
            Happens::Edits { node, seed } => {
                self.edit(node, seed);
                return Ok(());
            }
            what => self.tell(&what.to_string()),
        }
        match what {
            Happens::Edits { .. } => {}
            Happens::Checkpoints { node } => {
                if let Some(replica) = self.nodes[node].replica.clone() {
                    let stored = replica.checkpoint().await;
                    if let (Err(error), false) = (stored, self.nodes[node].troubled) {
                        return Err(format!("{} could not store states: {error:#}", CAST[node]));
                    }
                }
            }
            Happens::Crashes { node, down } => {
                self.crash(node);
                self.queue_in(down, Upcoming::Opens(node));
            }
            Happens::Syncs { edge, .. } => self.ask_links(|of| of == edge).await,
            Happens::Cut { edge, .. } => self.network.cut_edge(edge),
            Happens::Partitioned { edge, lasts, .. } => {
                self.network.partition(edge, Duration::from_millis(lasts));
            }
            Happens::DiskFull { node, lasts } => {
                self.nodes[node].disk.set_full(true);
                self.nodes[node].troubled = true;
                self.queue_in(lasts, Upcoming::HasSpace(node));
            }
            Happens::DiskFails { node } => {
                self.nodes[node].disk.fail_next();
                self.nodes[node].troubled = true;
                self.queue_in(REOPENS_AFTER, Upcoming::HasSpace(node));
            }
            Happens::Steps { node, ahead } => {
                self.nodes[node].ahead.store(ahead, Ordering::SeqCst);
            }
            Happens::BacksUp { node } => {
                let copy = self.nodes[node].disk.copy();
                self.nodes[node].backup = Some((copy, self.nodes[node].role));
            }
            Happens::Restores { node } => {
                if let Some((backup, role)) = self.nodes[node].backup.take() {
                    self.nodes[node].role = role;
                    self.replace(node, &backup).await?;
                    self.nodes[node].backup = Some((backup, role));
                }
            }
            Happens::Copied { from, to } if self.nodes[from].role == self.nodes[to].role => {
                let copy = self.nodes[from].disk.copy();
                self.replace(to, &copy).await?;
            }
            Happens::Copied { .. } => self.tell("but holds something else, and is taken out again"),
            Happens::Refilters { node, filter, refetch } => {
                self.refilter(node, WorldRole::Replica(filter), refetch).await?;
            }
        }
        Ok(())
    }

    /// Has the links of edges sync now, which goes on beside everything else.
    async fn ask_links(&self, of_edge: impl Fn(usize) -> bool) {
        let links = self.nodes.iter().flat_map(|actor| &actor.links);
        for (_, link) in links.filter(|(edge, _)| of_edge(*edge)) {
            let _ = platform::within(Duration::ZERO, link.sync_now()).await;
        }
    }

    /// Puts another file in the place of a node's. What only the lost one held is lost.
    async fn replace(&mut self, node: usize, file: &MemoryRows) -> Sound {
        self.crash(node);
        self.audit.survives(&self.whole_stores()).await?;
        self.nodes[node].disk.put_back(file);
        self.open(node).await
    }

    /// The stores that are open and hold everything.
    fn whole_stores(&self) -> Vec<Arc<EventStore>> {
        self.nodes.iter().filter_map(Actor::whole_store).map(Arc::clone).collect()
    }

    /// A replica is ended, and opened to hold something else, unless that is refused.
    async fn refilter(&mut self, node: usize, role: WorldRole, refetch: bool) -> Sound {
        let before = self.nodes[node].role;
        if self.nodes[node].store.is_none() || self.nodes[node].troubled || before == role {
            return Ok(());
        }
        self.crash(node);
        (self.nodes[node].role, self.nodes[node].refetches) = (role, refetch);
        let opened = self.try_open(node).await;
        self.nodes[node].refetches = false;
        match opened {
            // What is left out, or forgotten, is held by others, as far as anybody knows.
            Ok(()) => self.audit.survives(&self.whole_stores()).await,
            Err(error) if matches!(error.code(), "filter.unsynced" | "filter.wider") => {
                self.tell(&format!("but is not: {error:#}"));
                self.crash(node);
                self.nodes[node].role = before;
                self.open(node).await
            }
            Err(error) => Err(format!("{} cannot be opened: {error:#}", CAST[node])),
        }
    }

    fn crash(&mut self, node: usize) {
        self.network.listen(node, None);
        self.network.cut_node(node);
        let actor = &mut self.nodes[node];
        actor.disk.lose_power();
        actor.edits = Tasks::new();
        actor.links.clear();
        (actor.replica, actor.store) = (None, None);
        actor.crashes += 1;
    }

    /// Opens a node's store, and connects it, unless that has been done.
    async fn open(&mut self, node: usize) -> Sound {
        if self.nodes[node].store.is_some() {
            return Ok(());
        }
        match self.try_open(node).await {
            Ok(()) => Ok(()),
            Err(_) if self.nodes[node].troubled => {
                self.crash(node);
                self.queue_in(REOPENS_AFTER, Upcoming::Opens(node));
                Ok(())
            }
            Err(error) => Err(format!("{} cannot be opened: {error:#}", CAST[node])),
        }
    }

    async fn try_open(&mut self, node: usize) -> Result<(), crate::Error> {
        let (role, clock) = (self.nodes[node].role, self.clock(node));
        let store = Arc::new(EventStore::over(self.nodes[node].disk.open()).await?);
        let predicates = || self.world.predicates.clone();
        let mut hub = Hub::builder().wall_clock(clock.clone()).predicates(predicates());
        if let (WorldRole::Hub, Some(authority)) = (role, &self.authority) {
            hub = hub.authority(authority.clone());
        }
        let hub = hub.over(Arc::clone(&store));
        if let WorldRole::Replica(filter) = role {
            let builder = Replica::builder().registry(self.world.registry.clone());
            let builder = builder.space(self.space.clone()).wall_clock(clock);
            let builder = builder.refetch(self.nodes[node].refetches);
            let mut builder = builder.predicates(predicates());
            if let Some(nth) = filter {
                builder = builder.filter(self.world.filters[nth].clone());
            }
            let replica = builder.over(Arc::clone(&store)).await?;
            for (edge, (from, to)) in self.script.edges.iter().enumerate() {
                if *from == node {
                    for (nth, settings) in self.script.links[edge].settings().iter().enumerate() {
                        let way = self.network.way(edge, nth, *from, *to);
                        let link = replica.connect_with(way, settings.clone())?;
                        self.nodes[node].links.push((edge, link));
                    }
                }
            }
            self.nodes[node].replica = Some(replica);
        }
        self.nodes[node].store = Some(store);
        self.network.listen(node, Some(hub));
        Ok(())
    }

    /// Has the user's closure edit, beside everything else.
    fn edit(&mut self, node: usize, seed: u64) {
        let Some(replica) = self.nodes[node].replica.clone() else { return };
        let edit = (self.world.edits)(replica.clone(), Dice::new(seed));
        let (story, begun, name) = (Arc::clone(&self.story), self.begun, CAST[node]);
        let promises = self.audit.promises();
        let forgives =
            self.nodes[node].troubled || self.nodes[node].role != WorldRole::Replica(None);
        let disk_troubled = self.script.steps.iter().any(|step| {
            matches!(step.what, Happens::DiskFails { node: of } | Happens::DiskFull { node: of, .. }
                if of == node)
        });
        self.nodes[node].edits.spawn(async move {
            let store = Arc::clone(replica.store());
            let before = store.head(replica.space()).await.unwrap_or(Position::START);
            match edit.await {
                Ok(()) => {
                    promises.made(&replica).await;
                    let events = own_events(&replica, before).await;
                    story.tell(begun, &format!("{name} edits: {events}"));
                    Ok(())
                }
                Err(error) => {
                    story.tell(begun, &format!("{name} cannot edit: {error:#}"));
                    if forgives || disk_troubled { Ok(()) } else { Err(format!("{error:#}")) }
                }
            }
        });
    }

    /// Troubles end; in time all stores hold the same, and nothing acknowledged is missing.
    async fn converge(&mut self) -> Sound {
        self.network.heal();
        self.tell("troubles end");
        for node in 0..self.nodes.len() {
            self.nodes[node].disk.repair();
            self.nodes[node].troubled = false;
            if self.script.governed {
                // What is ahead of a hub's clock, and not of its author's, waits until one is set right.
                self.nodes[node].ahead.store(0, Ordering::SeqCst);
            }
        }
        for node in 0..self.nodes.len() {
            self.open(node).await?;
        }
        let healed = Instant::now();
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.check().await?;
            self.ask_links(|_| true).await;
            let edits = self.nodes.iter().all(|actor| actor.edits.is_empty());
            let apart = self.audit.apart(self.world, &self.nodes).await?;
            match apart {
                None if edits => break,
                apart if healed.elapsed() > CONVERGES_WITHIN => {
                    let apart = apart.unwrap_or_else(|| "an edit has not ended".to_owned());
                    let within = CONVERGES_WITHIN.as_secs();
                    return Err(format!("not converged within {within} s: {apart}"));
                }
                _ => {}
            }
        }
        self.tell("all stores are equal");
        for actor in &self.nodes {
            if let Some(store) = actor.whole_store() {
                self.audit.kept(store).await?;
            }
        }
        Ok(())
    }

    /// Somebody new who gets everything from one of them folds it to the same.
    async fn newcomer(&self) -> Sound {
        let failed = |error: crate::Error| format!("a newcomer fails: {error:#}");
        let Some(old) = self.nodes.iter().rev().find(|actor| actor.whole_store().is_some()) else {
            return Ok(());
        };
        let Some(replica) = self.nodes.iter().find_map(|actor| match actor.role {
            WorldRole::Replica(None) => actor.replica.as_ref(),
            _ => None,
        }) else {
            return Ok(());
        };
        let Some(store) = &old.store else { return Ok(()) };
        let (transport, listener) = crate::transport::channel();
        let hub = Hub::builder().wall_clock(self.clock(0)).over(Arc::clone(store));
        let mut serving = Tasks::new();
        serving.spawn(async move { hub.serve_channel(listener).await });
        let builder = Replica::builder().registry(self.world.registry.clone());
        let builder = builder.space(self.space.clone());
        let new = builder.wall_clock(self.clock(0)).in_memory().await.map_err(failed)?;
        new.sync_once(transport).await.map_err(failed)?;
        let hashes = (new.state_hash().await, replica.state_hash().await);
        let (Ok(new_hash), Ok(hash)) = hashes else {
            return Err("states cannot be read".to_owned());
        };
        if new_hash != hash {
            return Err("a newcomer folds the same events to other states".to_owned());
        }
        (self.world.holds)(new).await.map_err(|how| format!("at a newcomer: {how}"))
    }

    fn report(&self) -> WorldReport {
        let (frames, network) = self.network.trace();
        let mut trace = blake3::Hasher::new();
        trace.update(network.as_bytes()).update(self.story.text().as_bytes());
        self.audit.hash(&mut trace);
        WorldReport {
            trace: trace.finalize().into(),
            frames,
            promises: self.audit.promises().count(),
            crashes: self.nodes.iter().map(|actor| actor.crashes).sum(),
            virtual_time: self.begun.elapsed(),
        }
    }

    fn clock(&self, node: usize) -> WallClock {
        let (begun, ahead) = (self.begun, Arc::clone(&self.nodes[node].ahead));
        WallClock::new(move || {
            let right = UnixMillis::new(NOON).plus(begun.elapsed()).get();
            UnixMillis::new(right.saturating_add_signed(ahead.load(Ordering::SeqCst)))
        })
    }

    fn tell(&self, line: &str) {
        self.story.tell(self.begun, line);
    }

    async fn rest_until(&self, at: u64) {
        tokio::time::sleep_until(self.begun + Duration::from_millis(at)).await;
    }

    fn queue_in(&mut self, delay: u64, due: Upcoming) {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.queue(now.saturating_add(delay), due);
    }

    fn queue(&mut self, at: u64, due: Upcoming) {
        self.queued += 1;
        self.due.insert((at, self.queued), due);
    }
}

impl Actor {
    /// The store, if it is open and is to hold everything.
    pub(super) fn whole_store(&self) -> Option<&Arc<EventStore>> {
        let whole = !matches!(self.role, WorldRole::Replica(Some(_)));
        self.store.as_ref().filter(|_| whole)
    }
}

/// The events that a replica has written after a place in its log.
async fn own_events(replica: &Replica, before: Position) -> String {
    let Ok(page) = replica.store().read_after(replica.space(), before).await else {
        return "nobody can tell what".to_owned();
    };
    let own = replica.id();
    let mut events = Vec::new();
    for log in &page.blocks {
        let written = log.block.entries().filter(|entry| entry.dot().replica == own);
        events.extend(written.map(|entry| {
            let key = String::from_utf8_lossy(entry.aggregate().key.as_bytes()).into_owned();
            format!("{} of {}", entry.event().name, if key.is_ascii() { key } else { "…".into() })
        }));
    }
    if events.is_empty() { "nothing".to_owned() } else { events.join(", ") }
}

/// The message of a panic.
pub(super) fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "…".to_owned())
}
