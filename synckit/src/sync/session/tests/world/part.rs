//! Replicas that hold a part of a space: hubs hold all of it. A replica is opened with another filter now
//! and then: with a narrower one it keeps what it holds, or forgets it and fetches it again as it does with a wider one.

use super::NAMES;
use super::audit::Sound;
use super::notebook::notebook;
use super::rng::Rng;
use super::{Bug, World};
use crate::chain::CommitId;
use crate::filter::{Filter, FilterPart};
use crate::id::{AggregateId, ReplicaId};
use crate::key::ReplicaKey;
use crate::sync::session::tests::ledger::Ledger;

/// Worlds, in a thousand, in which some replicas hold a part.
const WORLDS_PER_MILLE: u64 = 350;
/// Replicas of such a world, in a thousand, that do.
const REPLICAS_PER_MILLE: u64 = 700;

/// The part that each node holds at first: hubs hold everything.
pub(super) fn draw_filters(rng: &mut Rng, hubs: usize, nodes: usize) -> Vec<Option<Filter>> {
    let has_parts = hubs > 0 && rng.per_mille(WORLDS_PER_MILLE);
    let of =
        |node| (has_parts && node >= hubs && rng.per_mille(REPLICAS_PER_MILLE)).then(|| draw(rng));
    (0..nodes).map(of).collect()
}

/// Some of the notebooks.
fn draw(rng: &mut Rng) -> Filter {
    let of = |name: &&str| ReplicaKey::from_seed(blake3::hash(name.as_bytes()).as_bytes()).id();
    let all = NAMES.iter().map(|name| Some(of(name))).chain([None]).map(notebook);
    let mut filter = Filter::new();
    for AggregateId { kind, key } in all {
        if rng.per_mille(450) {
            filter = filter.part(FilterPart::new().kind(kind).keyed(key.as_bytes()));
        }
    }
    if filter.is_empty() {
        let AggregateId { kind, key } = notebook(None);
        filter = filter.part(FilterPart::new().kind(kind).keyed(key.as_bytes()));
    }
    filter
}

impl Ledger {
    /// A notebook that is held: that of an author, or the one that all write.
    pub(super) fn names_of(&self, author: Option<ReplicaId>) -> Option<AggregateId> {
        let is_held =
            |id: &AggregateId| self.filter.as_ref().is_none_or(|filter| filter.names_whole(id));
        [notebook(author), notebook(None)].into_iter().find(is_held)
    }
}

impl World {
    /// A replica is closed, and opened with another filter, or with none. One that is wider is refused
    /// while there is something that only this replica holds.
    pub(super) fn refilter(&mut self, node: usize, choice: u64) -> Sound {
        let mut rng = Rng::new(choice);
        let ledger = &self.nodes[node].ledger;
        let filter = (!rng.per_mille(200)).then(|| {
            let drawn = draw(&mut rng);
            let parts = ledger.filter.iter().flat_map(Filter::parts).cloned();
            // Wider, or of some parts of what is held, or something else.
            match rng.up_to(2) {
                0 => parts.fold(drawn, Filter::part),
                1 => parts.take(1).fold(Filter::new(), Filter::part),
                _ => drawn,
            }
        });
        let filter = filter.filter(|filter| !filter.is_empty());
        if filter == ledger.filter {
            return Ok(());
        }
        let narrows = match (&ledger.filter, &filter) {
            (None, _) => true,
            (Some(held), Some(filter)) => held.contains(filter),
            (Some(_), None) => false,
        };
        let keeps = narrows && !rng.per_mille(300);
        if keeps || self.has(Bug::WidensInPlace) {
            self.report.narrowings += u64::from(narrows);
            self.report.widenings += u64::from(!narrows);
            self.crash(node);
            let ledger = &mut self.nodes[node].ledger;
            (ledger.filter, ledger.mark) = (filter, None);
            ledger.states.clear();
            self.audit.narrowed(&self.nodes[node].ledger);
        } else {
            if !self.is_at_hubs(node) && !self.has(Bug::ForgetsUnsynced) {
                return Ok(());
            }
            let others = self.nodes.iter().map(|node| &node.ledger);
            self.audit.forgets(node, others.filter(|other| other.name != ledger.name))?;
            self.report.narrowings += u64::from(narrows);
            self.report.widenings += u64::from(!narrows);
            self.crash(node);
            let nonce = self.rng.next();
            let ledger = &mut self.nodes[node].ledger;
            (ledger.filter, ledger.nonce) = (filter, nonce);
            ledger.forget();
            self.audit.replaced(node, &self.nodes[node].ledger);
        }
        self.audit.holds_by(node, self.nodes[node].ledger.filter.as_ref());
        Ok(())
    }

    /// True when hubs hold what would be lost with a store: its own commits, and those of others if it holds all of the
    /// space.
    pub(super) fn is_at_hubs(&self, node: usize) -> bool {
        let ledger = &self.nodes[node].ledger;
        let own = ledger.own_keys();
        let asked = |commit: &&CommitId| ledger.filter.is_none() || own.contains(&commit.author);
        let hubs = (0..self.nodes.len()).filter(|node| !self.plan.writers.contains(node));
        ledger
            .commits()
            .filter(asked)
            .all(|commit| hubs.clone().any(|hub| self.nodes[hub].ledger.holds(commit)))
    }
}
