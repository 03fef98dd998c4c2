//! Carrying out what sessions ask for: a model of the real driver, in which a planted bug can be.

use super::super::ledger::Ledger;
use super::audit::{Sound, ended_well};
use super::govern::Ruled;
use super::happening::{Happening, Persist};
use super::{Bug, Place, World};
use crate::chain::CommitId;
use crate::id::{Position, ReplicaId};
use crate::log::{Cursor, Page, View, bury};
use crate::sync::frame::{Events, Frame};
use crate::sync::{Admittance, Denial, Effect, Input, Recollection, SessionError};

impl World {
    /// Tells a session what happened, if it is there still, and does what it then asks for.
    pub(super) fn tell(&mut self, place: Place, input: Input) -> Sound {
        let now = self.time_of(place);
        let Some(session) = &mut self.end(place).session else { return Ok(()) };
        session.handle(now, input);
        self.carry_out(place)
    }

    pub(super) fn arrives(&mut self, place: Place, frame: Frame) -> Sound {
        if self.connections[place.connection].is_cut {
            return Ok(());
        }
        self.tell(place, Input::Received(frame))
    }

    pub(super) fn times_out(&mut self, place: Place) -> Sound {
        self.end(place).timer = None;
        self.tell(place, Input::DeadlinePassed)
    }

    /// Carries out effects one after the other; the node may crash after any of them.
    pub(super) fn carry_out(&mut self, place: Place) -> Sound {
        while let Some(effect) = self.end(place).session.as_mut().and_then(|session| session.poll())
        {
            match effect {
                Effect::Send(frame) => self.send(place, frame)?,
                Effect::Admit { .. } => self.admit(place),
                Effect::Recall { peer, types, .. } => self.recall(place, peer, types),
                Effect::Keep(types) => {
                    let node = self.end(place).node;
                    self.nodes[node].ledger.types.insert(*types.hash(), types);
                    self.answer(place, Input::Kept);
                }
                Effect::Check { cursor, in_part } => {
                    let known = self.ledger_of(place).check(cursor, in_part);
                    self.answer(place, Input::Checked(known));
                }
                Effect::Cover(commits) => {
                    let held = self.ledger_of(place).cover(&commits);
                    self.answer(place, Input::Covered(held));
                }
                Effect::Frontier => {
                    let frontier = self.ledger_of(place).frontier();
                    self.answer(place, Input::Frontier(frontier));
                }
                Effect::Load(after) => self.load(place, after),
                Effect::Watch(past) => {
                    self.end(place).watching = Some(past);
                    self.wake(place);
                }
                Effect::Trace { filter, reader, lines } => {
                    let view = View { filter: Some(filter), reader: Some(reader), writers: None };
                    let traced = self.ledger_of(place).trace(&view, &lines);
                    self.answer(place, Input::Traced(traced));
                }
                Effect::Commit { blocks, hidden, cursor, .. } => {
                    let node = self.end(place).node;
                    let incarnation = self.nodes[node].incarnation;
                    let peer = self.peer_of(place);
                    self.commit(place, Persist { incarnation, peer, blocks, hidden, cursor })?;
                }
                Effect::End(result) => return self.ended(place, &result),
            }
            if self.rng.per_mille(self.plan.crash_per_mille) {
                let node = self.end(place).node;
                self.crash(node);
            }
        }
        self.set_timer(place);
        Ok(())
    }

    fn set_timer(&mut self, place: Place) {
        let end = self.end(place);
        let deadline = end.session.as_ref().and_then(|session| session.deadline());
        if let Some(deadline) = deadline.filter(|deadline| end.timer != Some(*deadline)) {
            end.timer = Some(deadline);
            let at = end.began + u64::try_from(deadline.as_millis()).unwrap();
            self.queue(at.max(self.now), Happening::TimesOut(place));
        }
    }

    fn send(&mut self, place: Place, mut frame: Frame) -> Sound {
        self.report.frames += 1;
        if let Frame::Events(events) = &mut frame
            && self.has(Bug::RunsAhead)
        {
            events.through = self.ledger_of(place).end();
            events.head = events.through.position;
        }
        self.check_order(place, &frame)?;
        if let Frame::Events(Events { blocks, .. }) = &frame {
            self.work += u64::from(!blocks.is_empty());
            if blocks.is_empty() && self.has(Bug::LosesThrough) {
                return Ok(());
            }
        }
        if let (Some(lie), 0) = (self.connections[place.connection].lie, place.side) {
            frame = lie.tell(frame);
        }
        let delay = self.rng.up_to(self.connections[place.connection].latency_max);
        let reorders = self.has(Bug::ReordersFrames);
        let now = self.now;
        // Drivers let acknowledgements overtake events that wait to be written.
        let overtakes = matches!(frame, Frame::Ack(_)) && self.rng.per_mille(300);
        let is_events = matches!(frame, Frame::Events(_));
        let end = self.end(place);
        let earliest = if reorders {
            0
        } else if overtakes {
            end.last_other_arrival
        } else {
            end.last_arrival
        };
        let arrival = earliest.max(now + delay);
        end.last_arrival = if reorders { arrival } else { end.last_arrival.max(arrival) };
        if !is_events {
            end.last_other_arrival = arrival;
        }
        self.queue(arrival, Happening::Arrives(place.other(), frame));
        Ok(())
    }

    /// Positions in frames only grow, which also bounds how many frames there can be; what is
    /// acknowledged is durable.
    fn check_order(&mut self, place: Place, frame: &Frame) -> Sound {
        let (node, peer) = (self.end(place).node, self.end(place.other()).node);
        let (last, through) = match frame {
            Frame::Events(events) => (&mut self.end(place).last_through, events.through.position),
            Frame::Ack(ack) => (&mut self.end(place).last_ack, ack.through),
            _ => return Ok(()),
        };
        if last.replace(through).is_some_and(|last| last >= through) {
            return Err(format!("node {node} repeats itself: {frame:?}"));
        }
        match frame {
            // Of a session whose other end is gone nobody hears any more.
            Frame::Ack(ack) if self.end(place.other()).session.is_some() => {
                let (holder, of) = (self.nodes[node].durable(), &self.nodes[peer].ledger);
                self.audit.acknowledged(node, holder, of, ack.through)
            }
            _ => Ok(()),
        }
    }

    /// Somebody says whether the peer may come in, and at times sees it out later. Once all is healed
    /// everybody may.
    fn admit(&mut self, place: Place) {
        let answer = match self.rng.up_to(9) {
            0 if !self.healed => Err(Denial::Forbidden),
            1 if !self.healed => Err(Denial::Unavailable),
            _ => Ok(Admittance::default()),
        };
        if answer.is_ok() && !self.healed && self.rng.per_mille(100) {
            let delay = self.rng.up_to(5_000);
            self.queue_in(delay, Happening::Told(place, Input::Admitted(Err(Denial::Changed))));
        }
        self.answer(place, Input::Admitted(answer));
    }

    /// The store is asked twice, with time in between: what it says need not be of one moment.
    fn recall(&mut self, place: Place, peer: ReplicaId, types: Option<[u8; 32]>) {
        let node = self.end(place).node;
        let ledger = self.nodes[node].durable();
        let cursor = ledger.cursor(&peer);
        let frontier = if cursor.is_some() { Vec::new() } else { ledger.frontier() };
        let delay = self.store_delay();
        self.queue_in(delay, Happening::Recalls(place, (peer, types), cursor, frontier));
    }

    pub(super) fn recalled(
        &mut self,
        place: Place,
        (peer, types): (ReplicaId, Option<[u8; 32]>),
        cursor: Option<Cursor>,
        frontier: Vec<CommitId>,
    ) -> Sound {
        let mut later = self.ledger_of(place).recall(&peer, types);
        if self.has(Bug::PassesForWhole) {
            later.part = None;
        }
        let known = Recollection { cursor, frontier, ..later };
        self.answer(place, Input::Recalled(Box::new(known)));
        Ok(())
    }

    /// The store answers, after a while.
    pub(super) fn answer(&mut self, place: Place, input: Input) {
        let delay = self.store_delay();
        self.queue_in(delay, Happening::Told(place, input));
    }

    fn ledger_of(&mut self, place: Place) -> &Ledger {
        let node = self.end(place).node;
        self.nodes[node].durable()
    }

    fn load(&mut self, place: Place, after: Position) {
        self.work += 1;
        let node = self.end(place).node;
        let mut page = self.page_ahead(place, after);
        self.spoil(place, &mut page);
        let own_keys = self.nodes[node].ledger.own_keys();
        self.answer(place, Input::Loaded { page, own_keys });
    }

    fn spoil(&mut self, place: Place, page: &mut Page) {
        match self.plan.bug {
            Some(Bug::RemembersSources) => {
                let (peer, end) = (self.peer_of(place), page.through);
                let sources = &self.ledger_of(place).sources;
                page.blocks
                    .retain(|log| log.end() == end || sources.get(&log.start.0) != Some(&peer));
            }
            Some(Bug::SendsByAuthor) => page.blocks.sort_by_key(|log| log.block.runs()[0].replica),
            _ => {}
        }
    }

    fn commit(&mut self, place: Place, mut persist: Persist) -> Sound {
        self.work += 1;
        let node = self.end(place).node;
        match self.plan.bug {
            Some(Bug::AcksBeforeCommit) => {
                let events: u64 = persist.blocks.iter().map(|block| block.len() as u64).sum();
                let start = self.nodes[node].ledger.head();
                let end = Position(start.0 + events);
                self.queue_in(
                    0,
                    Happening::Told(place, Input::Committed { start, end, ruled: false }),
                );
            }
            Some(Bug::CursorBeforeEvents) => {
                self.nodes[node].ledger.cursors.insert(persist.peer, persist.cursor);
                self.audit.cursor(&self.nodes[node].ledger, persist.cursor)?;
            }
            Some(Bug::DropsLastBlock) if persist.blocks.len() > 1 => {
                persist.blocks.pop();
            }
            _ => {}
        }
        let delay = self.store_delay();
        self.queue_in(delay, Happening::Persists(place, persist));
        Ok(())
    }

    /// A commit becomes durable, unless its node crashed meanwhile. It may crash before it says so.
    pub(super) fn persist(&mut self, place: Place, persist: Persist) -> Sound {
        let node = self.end(place).node;
        if self.nodes[node].incarnation != persist.incarnation {
            return Ok(());
        }
        let fails = !self.healed && self.rng.per_mille(self.plan.store_fails_per_mille);
        if fails && self.rng.per_mille(500) {
            return self.tell(place, Input::StoreFailed { damaged: false });
        }
        if self.plan.passes_on(node) && self.plan.bug.is_none_or(Bug::is_of_passing_on) {
            return self.pass_on(place, persist);
        }
        let (peer, forgetful) = (persist.peer, self.has(Bug::ForgetsDedupe));
        let begin = self.nodes[node].ledger.head();
        let (before, closed) = self.close(node, &persist.blocks)?;
        let Ruled { held, writes, buried } = self.rule(node, &persist.blocks[before..])?;
        let (before, ruled) = (before + held, writes || closed);
        let blocks = persist.blocks[before..].iter().map(|block| bury(block, &buried));
        let blocks: Vec<_> = blocks.collect();
        let keeps = ruled && self.has(Bug::KeepsRulings);
        let ledger = &mut self.nodes[node].ledger;
        if forgetful {
            ledger.push_again(&persist.blocks);
        }
        let input = match ledger.commit_part(&blocks, &persist.hidden, peer, persist.cursor) {
            Ok((_, end)) if keeps => Input::Committed { start: begin, end, ruled: false },
            Ok(_) if fails => Input::StoreFailed { damaged: false },
            Ok((start, end)) => Input::Committed { start, end, ruled },
            Err(refusal) => Input::Refused(refusal),
        };
        self.log_grew(node)?;
        if !matches!(input, Input::Refused(_)) {
            self.audit.cursor(&self.nodes[node].ledger, persist.cursor)?;
            self.is_durable_at(peer, persist.cursor)?;
        }
        if self.rng.per_mille(self.plan.crash_after_commit_per_mille) {
            self.crash(node);
        }
        if !self.has(Bug::AcksBeforeCommit) {
            self.answer(place, input);
        }
        Ok(())
    }

    /// The key that the peer of a session has proved, or will.
    pub(super) fn peer_of(&mut self, place: Place) -> ReplicaId {
        let peer = self.end(place).session.as_ref().and_then(|session| session.peer());
        peer.map_or_else(|| ReplicaId::from_bytes([0; 32]), |hello| hello.replica)
    }

    /// Something may have been appended: it is judged, and those who wait for it are woken.
    pub(super) fn log_grew(&mut self, node: usize) -> Sound {
        self.audit.grew(node, &self.nodes[node].ledger)?;
        for place in self.places() {
            if self.end(place).node == node {
                self.wake(place);
            }
        }
        self.wake_desk(node);
        Ok(())
    }

    fn wake(&mut self, place: Place) {
        let head = self.head_for(place);
        if self.has(Bug::LosesWakeUps) || self.end(place).watching.is_none_or(|past| past >= head) {
            return;
        }
        self.end(place).watching = None;
        self.answer(place, Input::LogMoved(head));
    }

    /// A session is over: its last frames arrive, and then the peer sees that the connection is
    /// closed.
    fn ended(&mut self, place: Place, result: &Result<(), SessionError>) -> Sound {
        if self.connections[place.connection].lie.is_none() {
            let has_parts = self.plan.filters.iter().any(Option::is_some);
            let may_lack = self.plan.parts_meet || self.report.accidents > 0;
            ended_well(result, has_parts && may_lack)?;
        }
        self.end(place).session = None;
        let closes = self.end(place).last_arrival.max(self.now);
        self.queue(closes, Happening::HangsUp(place.other()));
        if place.side == 0 {
            let edge = self.connections[place.connection].edge;
            let (least, most) =
                if self.healed && result.is_ok() { (10_000, 20_000) } else { (50, 1_000) };
            self.dial_later(edge, least, most);
        }
        Ok(())
    }

    pub(super) fn store_delay(&mut self) -> u64 {
        self.rng.up_to(self.plan.store_delay_max)
    }

    pub(super) fn has(&self, bug: Bug) -> bool {
        self.plan.bug == Some(bug)
    }
}

impl Place {
    /// The other end of the connection.
    pub(super) const fn other(self) -> Self {
        Self { connection: self.connection, side: 1 - self.side }
    }
}
