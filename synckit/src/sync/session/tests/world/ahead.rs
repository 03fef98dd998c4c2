//! Hubs that pass on what is on its way to their disks: a model of the store's queue and of its readers.

use std::collections::VecDeque;
use std::ops::Range;

use super::super::ledger::Ledger;
use super::audit::Sound;
use super::happening::{Happening, Persist};
use super::{Bug, Node, Place, World};
use crate::id::{Position, ReplicaId};
use crate::log::{Cursor, Page};
use crate::sync::Input;

/// Commits on their way to a node's disk. The node's ledger holds them; a crash takes them away.
#[derive(Default)]
pub(super) struct OnItsWay {
    /// The node's ledger without them.
    durable: Option<Box<Ledger>>,
    /// Their stretches of the log, and who sent them.
    stretches: VecDeque<(Range<u64>, ReplicaId)>,
    /// The time when the last of them becomes durable.
    until: u64,
    /// Counts writes that have failed.
    failed: u64,
}

/// A commit that others see, and that becomes durable.
pub(super) struct Passing {
    incarnation: u64,
    failed: u64,
    /// The ledger once it is durable.
    after: Box<Ledger>,
    persist: Persist,
    input: Input,
}

impl Node {
    /// The ledger that its disk holds.
    pub(super) fn durable(&self) -> &Ledger {
        self.on_its_way.durable.as_deref().unwrap_or(&self.ledger)
    }

    /// Loses what is not durable.
    pub(super) fn lose_power(&mut self) {
        if let Some(durable) = self.on_its_way.durable.take() {
            self.ledger = *durable;
        }
        self.on_its_way.stretches.clear();
        self.on_its_way.failed += 1;
    }

    /// The end of its log for one reader, who sees nothing behind its own work that is on its way.
    fn end_for(&self, reader: ReplicaId) -> Position {
        let own = self.on_its_way.stretches.iter().find(|(_, from)| *from == reader);
        own.map_or_else(|| self.ledger.head(), |(stretch, _)| Position(stretch.start))
    }
}

impl World {
    /// Commits at a hub that passes on what it commits before that is durable.
    pub(super) fn pass_on(&mut self, place: Place, persist: Persist) -> Sound {
        let node = self.end(place).node;
        let before = Box::new(self.nodes[node].ledger.clone());
        let Persist { incarnation, peer, blocks, hidden, cursor } = &persist;
        let ledger = &mut self.nodes[node].ledger;
        let (start, end) = match ledger.commit_part(blocks, hidden, *peer, *cursor) {
            Ok(places) => places,
            Err(refusal) => {
                self.answer(place, Input::Refused(refusal));
                return Ok(());
            }
        };
        let after = Box::new(self.nodes[node].ledger.clone());
        let at = self.nodes[node].on_its_way.until.max(self.now + self.store_delay());
        let way = &mut self.nodes[node].on_its_way;
        way.durable.get_or_insert(before);
        way.stretches.push_back((start.0..end.0, *peer));
        way.until = at;
        let (incarnation, failed) = (*incarnation, way.failed);
        let input = Input::Committed { start, end, ruled: false };
        let passing = Passing { incarnation, failed, after, persist, input };
        self.queue(at, Happening::Written(place, passing));
        self.log_grew(node)
    }

    /// The oldest commit that is on its way becomes durable, or nothing of what is on its way does.
    pub(super) fn written(&mut self, place: Place, passing: Passing) -> Sound {
        let node = self.end(place).node;
        let is_over = |of: &Node| {
            (of.incarnation, of.on_its_way.failed) != (passing.incarnation, passing.failed)
        };
        if is_over(&self.nodes[node]) {
            return Ok(());
        }
        if !self.healed && self.rng.per_mille(self.plan.store_fails_per_mille) {
            return self.withdraw(node);
        }
        let way = &mut self.nodes[node].on_its_way;
        way.stretches.pop_front();
        way.durable = (!way.stretches.is_empty()).then_some(passing.after);
        self.audit.cursor(self.nodes[node].durable(), passing.persist.cursor)?;
        self.log_grew(node)?;
        if self.rng.per_mille(self.plan.crash_after_commit_per_mille) {
            self.crash(node);
        }
        self.answer(place, passing.input);
        Ok(())
    }

    /// A write fails: whoever was passed something on is told to come again.
    fn withdraw(&mut self, node: usize) -> Sound {
        self.nodes[node].lose_power();
        self.audit.crashed(node, &self.nodes[node].ledger);
        if self.has(Bug::ForgetsWithdrawal) {
            return Ok(());
        }
        for place in self.places() {
            if self.end(place).node == node {
                self.tell(place, Input::StoreFailed { damaged: false })?;
            }
        }
        Ok(())
    }

    /// A place in a peer's log has been written down: that is durable there, unless the peer's file was replaced.
    pub(super) fn is_durable_at(&self, peer: ReplicaId, cursor: Cursor) -> Sound {
        let mut peers = self.nodes.iter().filter(|node| node.ledger.replica() == peer);
        let is_lost = |of: &Node| {
            let durable = of.durable();
            !durable.check(cursor, durable.filter.is_some())
        };
        match peers.find(|of| self.report.accidents == 0 && is_lost(of)) {
            Some(of) => {
                let name = &of.ledger.name;
                Err(format!("{cursor:?} was written down, which is not durable at {name}"))
            }
            None => Ok(()),
        }
    }

    /// The page of a hub's log for the peer of a session, what is on its way included.
    pub(super) fn page_ahead(&mut self, place: Place, after: Position) -> Page {
        let (node, peer) = (self.end(place).node, self.peer_of(place));
        let of = &self.nodes[node];
        let (end, durable) = (of.end_for(peer), of.durable().end());
        let mut page = of.ledger.read_after(after);
        page.blocks.retain(|log| log.end() <= end);
        page.through = page.blocks.last().map_or(after, |log| log.end());
        page.head = end;
        let is_told = page.through > durable.position && !self.has(Bug::PassesOnAsDurable);
        page.durable = is_told.then_some(durable);
        page
    }

    /// The end of a node's log for the peer of a session.
    pub(super) fn head_for(&mut self, place: Place) -> Position {
        let (node, peer) = (self.end(place).node, self.peer_of(place));
        self.nodes[node].end_for(peer)
    }
}
