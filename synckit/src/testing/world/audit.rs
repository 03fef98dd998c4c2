//! The promises that a simulated world holds its replicas to, whatever their types.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::World;
use super::script::{CAST, WorldRole};
use super::stage::{Actor, Sound};
use crate::Replica;
use crate::chain::CommitId;
use crate::id::{AggregateId, SpaceId};
use crate::store::EventStore;

/// Records what was acknowledged, and which states followed from which events.
pub(super) struct WorldAudit {
    space: SpaceId,
    promises: Promises,
    /// The states that follow from a set of events, told by the heads of its branches.
    states: BTreeMap<Vec<CommitId>, [u8; 32]>,
}

/// Edits that were acknowledged. Clones are the same ones.
#[derive(Clone, Default)]
pub(super) struct Promises(Arc<Mutex<PromisesMade>>);

#[derive(Default)]
struct PromisesMade {
    count: u64,
    kept: Vec<CommitId>,
}

impl Promises {
    /// An edit of a replica was acknowledged.
    pub(super) async fn made(&self, replica: &Replica) {
        let store = replica.store();
        let Ok(branches) = store.branches(replica.space()).await else { return };
        let own = store.own_keys();
        let heads = branches.heads().filter(|head| own.contains(&head.author));
        let mut made = self.lock();
        made.count += 1;
        for head in heads {
            if !made.kept.contains(&head) {
                made.kept.push(head);
            }
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.lock().count
    }

    fn all(&self) -> Vec<CommitId> {
        self.lock().kept.clone()
    }

    fn lock(&self) -> MutexGuard<'_, PromisesMade> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WorldAudit {
    /// Nothing has happened in a space.
    pub(super) fn of(space: SpaceId) -> Self {
        Self { space, promises: Promises::default(), states: BTreeMap::new() }
    }

    pub(super) fn promises(&self) -> Promises {
        self.promises.clone()
    }

    /// A file is lost: only what others hold is still promised.
    pub(super) async fn survives(&self, others: &[Arc<EventStore>]) -> Sound {
        let all = self.promises.all();
        let mut held = vec![false; all.len()];
        for store in others {
            let holds = store.holds(&self.space, &all).await.map_err(unreadable)?;
            held.iter_mut().zip(holds).for_each(|(held, holds)| *held |= holds);
        }
        let kept = all.into_iter().zip(held).filter(|(_, held)| *held).map(|(commit, _)| commit);
        self.promises.lock().kept = kept.collect();
        Ok(())
    }

    /// A store holds everything that is promised.
    pub(super) async fn kept(&self, store: &EventStore) -> Sound {
        let all = self.promises.all();
        let holds = store.holds(&self.space, &all).await.map_err(unreadable)?;
        match holds.iter().filter(|held| !**held).count() {
            0 => Ok(()),
            lost => Err(format!("{lost} acknowledged edits are lost")),
        }
    }

    /// The same events have led to the same states whenever and wherever they were folded.
    pub(super) async fn note(&mut self, replica: &Replica, whole: bool) -> Sound {
        let parked = replica.status().await.map_err(|error| format!("fails: {error:#}"))?.parked;
        if parked > 0 {
            return Err(format!("has parked {parked} events"));
        }
        if !whole {
            return Ok(());
        }
        let before = heads(replica.store(), &self.space).await?;
        let hash = replica.state_hash().await.map_err(|error| format!("fails: {error:#}"))?;
        if before != heads(replica.store(), &self.space).await? {
            // Something came in between.
            return Ok(());
        }
        match self.states.insert(before, hash) {
            Some(other) if other != hash => {
                Err("folds events to other states than they were folded to before".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Tells which stores differ.
    pub(super) async fn apart(&self, world: &World, nodes: &[Actor]) -> Sound<Option<String>> {
        let mut first: Option<(usize, Vec<CommitId>)> = None;
        let mut whole: Option<&Replica> = None;
        for (node, actor) in nodes.iter().enumerate() {
            let Some(store) = actor.whole_store() else { continue };
            let held = heads(store, &self.space).await?;
            match &first {
                Some((other, heads)) if *heads != held => {
                    let (one, two) = (CAST[*other], CAST[node]);
                    return Ok(Some(format!("{one} and {two} hold different events")));
                }
                Some(_) => {}
                None => first = Some((node, held)),
            }
            whole = whole.or(actor.replica.as_ref());
        }
        let Some(whole) = whole else { return Ok(None) };
        for (node, actor) in nodes.iter().enumerate() {
            let (Some(replica), WorldRole::Replica(filter)) = (&actor.replica, actor.role) else {
                continue;
            };
            let pending = replica.pending().await;
            if pending.map_err(|error| format!("cannot tell what is pending: {error:#}"))? > 0 {
                return Ok(Some(format!("{} has not synced all of its edits", CAST[node])));
            }
            let part = filter.map(|nth| &world.filters[nth]);
            let within =
                |aggregate: &AggregateId| part.is_none_or(|part| part.names_whole(aggregate));
            let fails = |error| format!("states cannot be read: {error:#}");
            let ours = replica.hash_states(within).await.map_err(fails)?;
            if ours != whole.hash_states(within).await.map_err(fails)? {
                return Ok(Some(format!("{} has other states than the rest", CAST[node])));
            }
        }
        Ok(None)
    }

    pub(super) fn hash(&self, trace: &mut blake3::Hasher) {
        for (heads, states) in &self.states {
            for head in heads {
                trace.update(head.author.as_bytes()).update(head.chain.as_bytes());
            }
            trace.update(states);
        }
    }
}

/// The heads of a log's branches: what it holds.
async fn heads(store: &EventStore, space: &SpaceId) -> Sound<Vec<CommitId>> {
    let branches = store.branches(space).await.map_err(unreadable)?;
    let mut heads: Vec<_> = branches.heads().collect();
    heads.sort_unstable();
    Ok(heads)
}

fn unreadable(error: crate::store::StoreError) -> String {
    format!("a store cannot be read: {error:#}")
}
