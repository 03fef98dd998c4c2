//! A node's replica core at work on its ledger: edits that race, slow reads, checkpoints, commits
//! that fail or were durable although they were said to have failed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::audit::Sound;
use super::happening::Happening;
use super::notebook::{Notebook, notebook, numbers, reference, written};
use super::rng::Rng;
use super::{Bug, Node, World};
use crate::block::Block;
use crate::branch::Branches;
use crate::chain::CommitId;
use crate::envelope::Metadata;
use crate::id::{AggregateId, Dot, Position};
use crate::replica_core::{
    Census, CoreParts, Effect, EncodedEdit, Input, LogHead, Reading, ReplicaCore, Settlement,
    Stored, Ticket, Turn, Unsaved,
};
use crate::ruling::Rulings;
use crate::sync::session::tests::ledger::{Ledger, Mistake};

/// The core of a running replica, and those who wait for it.
pub(super) struct Desk {
    core: ReplicaCore,
    began: u64,
    tickets: u64,
    /// Edits that wait for their turn.
    turns: BTreeMap<Ticket, Wish>,
    /// Edits that are made and not answered: what they wrote, and what their authors had seen.
    made: BTreeMap<Ticket, (Wish, Dot, BTreeSet<CommitId>)>,
    watching: Option<(Position, u64)>,
    timer: Option<Duration>,
    /// The branches when the core began, for a driver that never asks again.
    first_branches: Branches,
}

/// Numbers that somebody wants to write into a notebook.
#[derive(Clone)]
pub(super) struct Wish {
    aggregate: AggregateId,
    added: Vec<u64>,
}

/// Work for a store.
pub(super) enum Errand {
    Commit(Vec<Block>),
    Load(Vec<AggregateId>),
    ReadHeads,
    ReadLog(Position),
    Save(Unsaved),
}

impl Desk {
    pub(super) fn over(ledger: &Ledger, now: u64, forgets: bool) -> Self {
        let (space, key) = (ledger.space.clone(), ledger.key.clone());
        let filter = ledger.filter.clone();
        let registry = Notebook::registry();
        let stored = ledger.mark.map(|(position, forks, ruled)| {
            let rulings = if forgets { Rulings::new() } else { ledger.rulings(ruled) };
            Stored { position, forks, ruled, rulings, census: Census::default() }
        });
        Self {
            core: ReplicaCore::new(
                space,
                key,
                ledger.nonce,
                CoreParts { registry, filter, stored },
            ),
            began: now,
            tickets: 0,
            turns: BTreeMap::new(),
            made: BTreeMap::new(),
            watching: None,
            timer: None,
            first_branches: ledger.branches.clone(),
        }
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// True when the states reflect everything that the ledger holds.
    pub(super) fn is_caught_up(&self, ledger: &Ledger) -> bool {
        self.core.folded() == ledger.head() && self.turns.is_empty() && self.made.is_empty()
    }
}

impl Node {
    /// The commits about an aggregate that its states reflect.
    fn seen_of(&self, aggregate: &AggregateId) -> BTreeSet<CommitId> {
        let folded = self.desk.as_ref().map_or(Position::START, |desk| desk.core.folded());
        let logs = self.ledger.blocks.iter().filter(|log| log.end() <= folded);
        let commits = logs.flat_map(|log| log.block.commits().iter().map(move |of| (log, of)));
        let about = commits.filter(|(log, commit)| {
            log.block.entry(commit.entries.start).unwrap().aggregate() == aggregate
        });
        about.map(|(_, commit)| commit.id).collect()
    }
}

impl World {
    /// Several people want to write at once: into the notebook of this node, or into that of all.
    pub(super) fn write(&mut self, node: usize) -> Sound {
        if !self.nodes[node].up {
            return Ok(());
        }
        for _ in 0..self.rng.between(1, 3) {
            let own = self.rng.per_mille(500).then(|| self.nodes[node].ledger.replica());
            let events = self.rng.between(1, 3);
            let twins = self.plan.mistake() == Some(Mistake::RepeatsNonce);
            let number = |rng: &mut Rng| if twins { 7 } else { rng.next() };
            let added = (0..events).map(|_| number(&mut self.rng)).collect();
            let aggregate = self.nodes[node].ledger.names_of(own);
            if let Some(aggregate) = aggregate {
                self.wish(node, Wish { aggregate, added })?;
            }
        }
        self.work_at(node)
    }

    fn wish(&mut self, node: usize, wish: Wish) -> Sound {
        let wall = self.wall(node);
        let now = self.now;
        let Some(desk) = &mut self.nodes[node].desk else { return Ok(()) };
        let ticket = desk.ticket();
        let elapsed = Duration::from_millis(now - desk.began);
        match desk.core.admit(elapsed, ticket, std::slice::from_ref(&wish.aggregate)) {
            Turn::Closed => Err(format!("node {node} is closed")),
            Turn::Waits => {
                desk.turns.insert(ticket, wish);
                Ok(())
            }
            Turn::Ready => {
                let list = desk.core.newest(&wish.aggregate).map(Notebook::list);
                let events = written(&list.unwrap_or_default(), &wish.added);
                self.report.events += events.len() as u64;
                let of_it = |event| (wish.aggregate.clone(), event);
                let events = events.into_iter().map(of_it).collect();
                let draft = EncodedEdit { events, metadata: Metadata::new() };
                let dot = desk.core.stage(ticket, draft, wall);
                let dot = dot.map_err(|refusal| format!("node {node} refuses: {refusal}"))?;
                let seen = self.nodes[node].seen_of(&wish.aggregate);
                let Some(desk) = &mut self.nodes[node].desk else { return Ok(()) };
                desk.made.insert(ticket, (wish, dot, seen));
                Ok(())
            }
        }
    }

    /// Tells a core what happened, unless its node crashed meanwhile.
    pub(super) fn desk_told(&mut self, node: usize, incarnation: u64, input: Input) -> Sound {
        if self.nodes[node].incarnation != incarnation {
            return Ok(());
        }
        let now = self.now;
        let Some(desk) = &mut self.nodes[node].desk else { return Ok(()) };
        if matches!(input, Input::DeadlinePassed) {
            desk.timer = None;
        }
        desk.core.handle(Duration::from_millis(now - desk.began), input);
        self.work_at(node)
    }

    /// Carries out what a core asks for; its node may crash after any of it.
    pub(super) fn work_at(&mut self, node: usize) -> Sound {
        while let Some(effect) = self.nodes[node].desk.as_mut().and_then(|desk| desk.core.poll()) {
            match effect {
                Effect::Changed(_) | Effect::Chosen(_) => {}
                Effect::Commit(group) => self.errand(node, Errand::Commit(group.pack())),
                Effect::End(..) => return Err(format!("node {node} ended unasked")),
                Effect::Load(aggregates) => self.errand(node, Errand::Load(aggregates)),
                Effect::ReadHeads => self.errand(node, Errand::ReadHeads),
                Effect::ReadLog(after) => self.errand(node, Errand::ReadLog(after)),
                Effect::Save(unsaved) => {
                    // A fork that the core has not met yet gives events other identities; the mark
                    // tells whoever opens the states.
                    let forks = self.nodes[node].ledger.branches.past_forks();
                    if usize::try_from(unsaved.forks) == Ok(forks) {
                        self.reflects(node, unsaved.position, &unsaved.encode().unwrap())?;
                    }
                    self.errand(node, Errand::Save(unsaved));
                }
                Effect::Settled(tickets, settlement) => {
                    for ticket in tickets {
                        self.settled(node, ticket, settlement)?;
                    }
                }
                Effect::Watch { past, told } => {
                    if let Some(desk) = &mut self.nodes[node].desk {
                        desk.watching = Some((past, told));
                    }
                    self.wake_desk(node);
                }
            }
            if self.rng.per_mille(self.plan.crash_per_mille) {
                self.crash(node);
            }
        }
        self.set_desk_timer(node);
        Ok(())
    }

    fn set_desk_timer(&mut self, node: usize) {
        let incarnation = self.nodes[node].incarnation;
        let Some(desk) = &mut self.nodes[node].desk else { return };
        let deadline = desk.core.deadline();
        if let Some(deadline) = deadline.filter(|deadline| desk.timer != Some(*deadline)) {
            desk.timer = Some(deadline);
            let at = desk.began + u64::try_from(deadline.as_millis()).unwrap();
            let input = Input::DeadlinePassed;
            self.queue(at.max(self.now), Happening::DeskTold(node, incarnation, input));
        }
    }

    fn errand(&mut self, node: usize, errand: Errand) {
        self.work += 1;
        let incarnation = self.nodes[node].incarnation;
        if let (Errand::Commit(blocks), true) = (&errand, self.has(Bug::AcksEditsBeforeCommit)) {
            let mut copy = self.nodes[node].ledger.clone();
            if let Ok(logs) = copy.commit_own(blocks) {
                let input = Input::Committed(logs);
                self.queue_in(0, Happening::DeskTold(node, incarnation, input));
            }
        }
        let delay = self.store_delay();
        self.queue_in(delay, Happening::Runs(node, incarnation, errand));
    }

    /// A store does what it was asked to, unless its node crashed meanwhile.
    pub(super) fn runs(&mut self, node: usize, incarnation: u64, errand: Errand) -> Sound {
        if self.nodes[node].incarnation != incarnation {
            return Ok(());
        }
        let fails = !self.healed && self.rng.per_mille(self.plan.store_fails_per_mille);
        // What is said to have failed may be durable all the same.
        let nothing = fails && self.rng.per_mille(500);
        let ledger = &self.nodes[node].ledger;
        let input = match errand {
            Errand::Load(_) if fails => Input::ReadFailed(Reading::States),
            Errand::ReadHeads if fails => Input::ReadFailed(Reading::LogHead),
            Errand::ReadLog(_) if fails => Input::ReadFailed(Reading::Log),
            Errand::Commit(_) if nothing => Input::CommitFailed,
            Errand::Save(..) if nothing => Input::SaveFailed,
            Errand::Load(aggregates) => Input::Loaded(
                aggregates
                    .into_iter()
                    .map(|id| (id.clone(), ledger.states.get(&id).cloned()))
                    .collect(),
            ),
            Errand::ReadHeads => {
                let desk = self.nodes[node].desk.as_ref().unwrap();
                let (branches, head) = if self.has(Bug::ForgetsDoubt) {
                    (&desk.first_branches, Position::START)
                } else {
                    (&ledger.branches, ledger.head())
                };
                let (key, branches) = (ledger.key.clone(), branches.clone());
                let (rulings, told) = (ledger.rulings(head), ledger.told);
                Input::LogHead(Box::new(LogHead { key, branches, told, log: head, rulings }))
            }
            Errand::ReadLog(after) => Input::Page(ledger.read_after(after)),
            Errand::Commit(blocks) => self.commit_edits(node, blocks, fails)?,
            Errand::Save(unsaved) => self.save_states(node, unsaved, fails),
        };
        if self.rng.per_mille(self.plan.crash_after_commit_per_mille) {
            self.crash(node);
        }
        let early = self.has(Bug::AcksEditsBeforeCommit);
        if !(early && matches!(input, Input::Committed { .. })) {
            let delay = self.store_delay();
            self.queue_in(delay, Happening::DeskTold(node, incarnation, input));
        }
        Ok(())
    }

    fn commit_edits(
        &mut self,
        node: usize,
        blocks: Vec<Block>,
        fails: bool,
    ) -> Result<Input, String> {
        let lossy = self.has(Bug::LosesGroupMember);
        let ledger = &mut self.nodes[node].ledger;
        let (first, mut whole) = (ledger.blocks.len(), ledger.clone());
        let told: u64 = blocks.iter().map(|block| block.len() as u64).sum();
        let kept = blocks.len() - usize::from(lossy && told.is_multiple_of(4));
        let refused = |refusal| format!("node {node} writes what its log refuses: {refusal}");
        let claimed = whole.commit_own(&blocks).map_err(refused)?;
        let kept = ledger.commit_own(&blocks[..kept]).map_err(refused)?;
        for commit in kept.iter().flat_map(|log| log.block.commits()) {
            let made = self.nodes[node].desk.iter().flat_map(|desk| desk.made.values());
            let seen = made.into_iter().find(|(_, dot, _)| *dot == commit.id.dot());
            let seen = seen.map(|(_, _, seen)| seen.clone()).unwrap_or_default();
            self.audit.wrote(commit.id, seen)?;
        }
        self.builds_on_what_was(node, first)?;
        self.log_grew(node)?;
        Ok(if fails { Input::CommitFailed } else { Input::Committed(claimed) })
    }

    fn save_states(&mut self, node: usize, unsaved: Unsaved, fails: bool) -> Input {
        let mut states = unsaved.encode().unwrap();
        let sizes = states.iter().map(|(id, bytes)| (id.clone(), bytes.len())).collect();
        if self.has(Bug::SavesInPart) {
            states.pop();
        }
        let runs_ahead = self.has(Bug::MarkRunsAhead);
        let ledger = &mut self.nodes[node].ledger;
        if unsaved.replaces_all {
            ledger.states.clear();
        }
        ledger.states.extend(states);
        let position = if runs_ahead { ledger.head() } else { unsaved.position };
        ledger.mark = Some((position, unsaved.forks, unsaved.ruled));
        if fails { Input::SaveFailed } else { Input::Saved(sizes) }
    }

    /// Whoever edits has been answered.
    fn settled(&mut self, node: usize, ticket: Ticket, settlement: Settlement) -> Sound {
        let Some(desk) = &mut self.nodes[node].desk else { return Ok(()) };
        if let Some(wish) = desk.turns.remove(&ticket) {
            return match settlement {
                Settlement::Done => self.wish(node, wish),
                _ => Ok(()),
            };
        }
        let Some((wish, dot, _)) = desk.made.remove(&ticket) else { return Ok(()) };
        if settlement != Settlement::Done {
            return Ok(());
        }
        let ledger = &self.nodes[node].ledger;
        let mut entries = ledger.blocks.iter().flat_map(|log| log.block.entries());
        let is_held = entries
            .any(|entry| entry.dot() == dot && numbers(&entry.payload()).ends_with(&wish.added));
        if !is_held {
            return Err(format!("node {node} acknowledged edit {dot}, which is not durable"));
        }
        Ok(())
    }

    /// A notebook that only its author writes keeps all that stood there.
    fn builds_on_what_was(&self, node: usize, first: usize) -> Sound {
        // After an accident others may write under this key too.
        if self.report.accidents > 0 {
            return Ok(());
        }
        let ledger = &self.nodes[node].ledger;
        let own = notebook(Some(ledger.replica()));
        let before = ledger.blocks.get(first).map_or(ledger.head(), |log| log.start);
        let list_at = |through| {
            let states = reference(ledger, through, &ledger.rulings(through));
            states.get(&own).map(|state| Notebook::list(state.as_ref())).unwrap_or_default()
        };
        let (was, is) = (list_at(before), list_at(ledger.head()));
        if is.starts_with(&was) {
            return Ok(());
        }
        Err(format!("node {node} lost an update"))
    }

    /// States are what the log up to their position makes them.
    fn reflects(
        &self,
        node: usize,
        position: Position,
        states: &[(AggregateId, bytes::Bytes)],
    ) -> Sound {
        let ledger = &self.nodes[node].ledger;
        // Rulings behind the position may be known already: the log is then being replayed.
        let Some(desk) = &self.nodes[node].desk else { return Ok(()) };
        let expected = reference(ledger, position, desk.core.rulings());
        for (id, bytes) in states {
            let right = expected.get(id).map(|state| state.bytes().unwrap());
            if right.as_ref() != Some(bytes) {
                return Err(format!("node {node} stores another state of {id} than its log gives"));
            }
        }
        Ok(())
    }

    /// In the end every core shows what its log gives, whether read from memory or from the store.
    pub(super) fn shows_its_log(&self) -> Sound {
        for (node, Node { ledger, desk, .. }) in self.nodes.iter().enumerate() {
            let Some(desk) = desk else { continue };
            if !desk.is_caught_up(ledger) {
                return Err(format!("node {node} does not fold its log"));
            }
            for (id, expected) in reference(ledger, ledger.head(), &ledger.rulings(ledger.head())) {
                let shown = match desk.core.state(&id) {
                    Some(state) => Some(state.bytes().unwrap()),
                    None => ledger.states.get(&id).cloned(),
                };
                if shown != Some(expected.bytes().unwrap()) {
                    return Err(format!("node {node} shows another {id} than its log gives"));
                }
            }
        }
        Ok(())
    }

    pub(super) fn wake_desk(&mut self, node: usize) {
        let ledger = &self.nodes[node].ledger;
        let (head, told) = (ledger.head(), ledger.told);
        let incarnation = self.nodes[node].incarnation;
        let sleeps = self.has(Bug::DeskOversleeps);
        let Some(desk) = &mut self.nodes[node].desk else { return };
        if sleeps || desk.watching.is_none_or(|(past, seen)| past >= head && seen == told) {
            return;
        }
        desk.watching = None;
        let delay = self.store_delay();
        self.queue_in(
            delay,
            Happening::DeskTold(node, incarnation, Input::LogMoved { head, told }),
        );
    }
}
