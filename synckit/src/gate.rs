//! The gate of a hub: what peers send passes it on its way into the log.
//!
//! In a space that the hub governs, commits that the application's policy turns down are refused,
//! and commits dated too far ahead are re-dated: the rulings are committed before the commits that
//! they name, in the same transaction. Of a refused commit a tombstone is kept and passed on. Every
//! other commit passes as it is.

use std::collections::btree_map::Entry as Place;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::block::{Block, Commit};
use crate::chain::CommitId;
use crate::clock::UnixMillis;
use crate::envelope::Envelope;
use crate::id::{Position, ReplicaId, SpaceId};
use crate::log::{Cap, Refusal, Source, bury};
use crate::metrics::SessionsMeter;
use crate::platform::{self, WallClock};
use crate::ruling::suspects::Grounds;
use crate::ruling::{
    AUTHOR_BRANCHES_MAX, Closing, Control, Governor, Past, Rejection, Rulings, Suspect, Suspicion,
    buried, ruled_elsewhere, suspects,
};
use crate::store::{
    Append, Batch, Claim, Committed, EventStore, LOOK_BACK_BLOCKS_MAX, StoreError, StoreErrorKind,
};

/// A commit that somebody wants a hub to take.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Proposal {
    /// The space.
    pub space: SpaceId,
    /// The key of the store that brings it, which need not be its author's.
    pub peer: ReplicaId,
    /// The commit.
    pub commit: CommitId,
    /// Its events, at least one.
    pub events: Vec<Envelope>,
}

impl Proposal {
    fn of(peer: ReplicaId, block: &Block, commit: &Commit) -> Self {
        let entries = commit.entries.clone().filter_map(|index| block.entry(index));
        let events = entries.map(|entry| entry.envelope()).collect();
        Self { space: block.space().clone(), peer, commit: commit.id, events }
    }
}

/// Decides about each commit that arrives at a hub. Must not block: it runs on the session's task.
pub(crate) type Policy = Arc<dyn Fn(&Proposal) -> Result<(), Rejection> + Send + Sync>;

/// The gate of one store.
pub(crate) struct Gate {
    store: Arc<EventStore>,
    clock: WallClock,
    governor: Option<Governor>,
    policy: Option<Policy>,
    meter: Arc<SessionsMeter>,
    /// Held while a ruling is made and committed: the hub's own commits follow one another.
    spaces: Mutex<BTreeMap<SpaceId, Governed>>,
}

/// Knowledge of a governed space. Only spaces in which this hub had to rule are.
struct Governed {
    rulings: Rulings,
    /// Rulings in the log before this place are among them.
    through: Position,
    /// Drawn once: a copy of the hub never writes the same commit.
    nonce: u64,
    /// The right to write under the store's key there.
    _claim: Claim,
}

/// Rulings on what is about to be committed.
#[derive(Default)]
struct WrittenRulings {
    /// The blocks in which they stand.
    blocks: Vec<Block>,
    /// The numbers of commits that they refuse and re-date.
    kinds: [u64; 2],
    /// The commits of which tombstones are kept.
    buried: BTreeSet<CommitId>,
}

/// A batch that passed the gate.
#[derive(Debug)]
pub(crate) struct Passed {
    /// The place in the log before what the peer sent.
    pub(crate) start: Position,
    /// The place behind it.
    pub(crate) end: Position,
    /// True when rulings stand before it.
    pub(crate) ruled: bool,
}

impl Gate {
    /// A gate through which everything passes as it is.
    pub(crate) fn open(store: Arc<EventStore>) -> Self {
        Self::governed(store, WallClock::default(), None, None)
    }

    /// The gate of a hub.
    pub(crate) fn governed(
        store: Arc<EventStore>,
        clock: WallClock,
        governor: Option<Governor>,
        policy: Option<Policy>,
    ) -> Self {
        let (meter, spaces) = (Arc::default(), Mutex::default());
        Self { store, clock, governor, policy, meter, spaces }
    }

    /// The same with its rulings counted.
    pub(crate) fn metered(mut self, meter: Arc<SessionsMeter>) -> Self {
        self.meter = meter;
        self
    }

    /// Commits what a peer has sent, with the rulings that it calls for.
    pub(crate) async fn commit(&self, peer: ReplicaId, batch: Batch) -> Result<Passed, StoreError> {
        let governs = |governor: &&Governor| governor.governs(&batch.space);
        let Some(governor) = self.governor.as_ref().filter(governs) else {
            if self.policy.is_some() && !batch.append.is_empty() {
                let kind = StoreErrorKind::Refused(Refusal::Ungoverned { space: batch.space });
                return Err(StoreError::new("admit a batch", kind));
            }
            return self.pass(batch, 0).await;
        };
        // Which keys are closed need not be known before one is crowded: no batch waits for rulings.
        let cap = Some(Cap { most: AUTHOR_BRANCHES_MAX, ..Cap::default() });
        let passed = self.admit(governor, peer, Batch { cap, ..batch.clone() }).await;
        match passed {
            Err(error) if crowded(&error).is_some() => {
                self.admit_one_by_one(governor, peer, batch).await
            }
            passed => passed,
        }
    }

    /// The bound to the branches of an author, as far as this hub knows which keys are closed.
    async fn cap(&self, space: &SpaceId) -> Cap {
        let spaces = self.spaces.lock().await;
        let closed = spaces.get(space).map(|governed| governed.rulings.closed().copied().collect());
        Cap { most: AUTHOR_BRANCHES_MAX, closed: closed.unwrap_or_default() }
    }

    /// Commits the blocks of a batch in which somebody's key has to be closed. (All but the last are
    /// offered to the peer again, which passes them over.)
    async fn admit_one_by_one(
        &self,
        governor: &Governor,
        peer: ReplicaId,
        batch: Batch,
    ) -> Result<Passed, StoreError> {
        let empty = || Batch::new(batch.space.clone());
        let (mut blocks, mut ruled) = (batch.append.into_iter().peekable(), false);
        while let Some(block) = blocks.next() {
            let is_last = blocks.peek().is_none();
            let cursor = batch.cursor.filter(|_| is_last);
            let one = Batch { append: vec![block], cursor, ..empty() };
            let passed = loop {
                let cap = Some(self.cap(&one.space).await);
                match self.admit(governor, peer, Batch { cap, ..one.clone() }).await {
                    Ok(passed) => break passed,
                    Err(error) => {
                        let Some(author) = crowded(&error) else { return Err(error) };
                        self.close(governor, &one.space, author).await?;
                        ruled = true;
                    }
                }
            };
            ruled |= passed.ruled;
            if is_last {
                return Ok(Passed { ruled, ..passed });
            }
        }
        self.pass(empty(), 0).await
    }

    /// Closes the key of an author in the log as it stands, unless a hub has done so.
    async fn close(
        &self,
        governor: &Governor,
        space: &SpaceId,
        author: ReplicaId,
    ) -> Result<(), StoreError> {
        let mut spaces = self.spaces.lock().await;
        let governed = self.known(&mut spaces, space).await?;
        if governed.rulings.closes(&author) {
            return Ok(());
        }
        let branches = self.store.branches(space).await?;
        let heads = branches.of(&author).iter().filter_map(|no| branches.get(*no));
        let mut heads: Vec<_> = heads.map(|branch| branch.head).collect();
        heads.sort_unstable();
        let closing = Control::Closed(Closing { author, heads });
        let nonce = governed.nonce;
        let blocks = self.write(governor, space, nonce, &[closing], self.clock.now()).await?;
        let append = blocks.into_iter().map(|block| Append { block, source: Source::Local });
        let append = append.collect();
        self.store.commit_here(Batch { append, ..Batch::new(space.clone()) }).await?;
        self.meter.ruled("closed", 1);
        self.follow(space, governed).await
    }

    /// Commits a batch with the rulings that its commits call for.
    async fn admit(
        &self,
        governor: &Governor,
        peer: ReplicaId,
        batch: Batch,
    ) -> Result<Passed, StoreError> {
        let wall = self.clock.now();
        let blocks: Vec<_> = batch.append.iter().map(|append| append.block.clone()).collect();
        let held = self.judged(&batch.space, &blocks).await?;
        let policy = self.policy.as_ref().map(|policy| {
            |block: &Block, commit: &Commit| {
                let is_new = !block.is_tombstone(commit) && !held.contains(&commit.id);
                is_new.then(|| policy(&Proposal::of(peer, block, commit)).err()).flatten()
            }
        });
        let policy = policy.as_ref().map(|policy| policy as &Grounds<'_>);
        let suspects = suspects(&blocks, wall, policy);
        if suspects.is_empty() {
            return self.pass(batch, 0).await;
        }
        let elsewhere = ruled_elsewhere(&blocks, &suspects);
        let mut spaces = self.spaces.lock().await;
        let WrittenRulings { blocks: ruled, kinds, buried } =
            self.rule(governor, &mut spaces, &batch.space, (&blocks, suspects), wall).await?;
        let count = ruled.iter().map(|block| block.len() as u64).sum();
        let mut append = batch.append;
        if count > 0 && elsewhere > 0 {
            // What is ruled in view of another hub's rulings stands behind them. (This part is
            // offered to the peer again, which passes it over.)
            let rest = append.split_off(elsewhere);
            let first = Batch { append, ..Batch::new(batch.space.clone()) };
            self.store.commit_here(first).await?;
            append = rest;
        }
        for append in &mut append {
            append.block = bury(&append.block, &buried);
        }
        let local = ruled.into_iter().map(|block| Append { block, source: Source::Local });
        let append = local.chain(append).collect();
        let passed = self.pass(Batch { append, ..batch }, count).await?;
        for (kind, count) in ["refused", "redated"].into_iter().zip(kinds).filter(|(_, n)| *n > 0) {
            self.meter.ruled(kind, count);
        }
        Ok(passed)
    }

    /// The commits of which the policy need not be asked, as the log holds them.
    async fn judged(
        &self,
        space: &SpaceId,
        blocks: &[Block],
    ) -> Result<BTreeSet<CommitId>, StoreError> {
        if self.policy.is_none() {
            return Ok(BTreeSet::new());
        }
        let commits = blocks.iter().flat_map(|block| block.commits()).map(|commit| commit.id);
        let commits: Vec<_> = commits.collect();
        let held = self.store.holds(space, &commits).await?;
        Ok(commits.into_iter().zip(held).filter(|(_, held)| *held).map(|(id, _)| id).collect())
    }

    /// Commits a batch that begins with `ruled` events of the hub's own.
    async fn pass(&self, batch: Batch, ruled: u64) -> Result<Passed, StoreError> {
        let Committed { head, appended, .. } = self.store.commit_here(batch).await?;
        let start = head.0.saturating_sub(appended) + ruled.min(appended);
        Ok(Passed { start: Position(start), end: head, ruled: ruled > 0 })
    }

    /// The rulings that suspects call for.
    async fn rule(
        &self,
        governor: &Governor,
        spaces: &mut BTreeMap<SpaceId, Governed>,
        space: &SpaceId,
        (blocks, suspects): (&[Block], Vec<Suspicion>),
        wall: UnixMillis,
    ) -> Result<WrittenRulings, StoreError> {
        let governed = self.known(spaces, space).await?;
        let mut rulings = governed.rulings.clone();
        blocks.iter().for_each(|block| drop(rulings.note(block)));
        let suspects = self.fresh(space, (blocks, suspects), &rulings).await?;
        let ruled = Governor::rule(&rulings, &suspects, wall);
        let buried = buried(&governed.rulings, &suspects, &ruled);
        if ruled.is_empty() {
            return Ok(WrittenRulings { buried, ..WrittenRulings::default() });
        }
        let nonce = governed.nonce;
        let refused =
            ruled.iter().filter(|ruled| matches!(ruled, Control::Refused(_))).count() as u64;
        let redated = ruled.iter().map(|ruled| match ruled {
            Control::Redated(commits) => commits.len() as u64,
            _ => 0,
        });
        let kinds = [refused, redated.sum()];
        let blocks = self.write(governor, space, nonce, &ruled, wall).await?;
        Ok(WrittenRulings { blocks, kinds, buried })
    }

    /// Blocks in which this hub writes rulings down, on top of what it wrote before.
    async fn write(
        &self,
        governor: &Governor,
        space: &SpaceId,
        nonce: u64,
        ruled: &[Control],
        wall: UnixMillis,
    ) -> Result<Vec<Block>, StoreError> {
        let key = self.store.key();
        let branches = self.store.branches(space).await?;
        let own = branches.of(&key.id()).first().and_then(|no| branches.get(*no));
        let head = own.map_or_else(|| CommitId::root(space, key.id()), |branch| branch.head);
        let written = governor.write(space, &key, (head, nonce), ruled, wall);
        written.map_err(|error| {
            StoreError::new("write down a ruling", StoreErrorKind::Unencodable).caused_by(error)
        })
    }

    /// Knowledge of a space that this hub governs, up to the end of its log.
    async fn known<'a>(
        &self,
        spaces: &'a mut BTreeMap<SpaceId, Governed>,
        space: &SpaceId,
    ) -> Result<&'a mut Governed, StoreError> {
        let governed = match spaces.entry(space.clone()) {
            Place::Occupied(place) => place.into_mut(),
            Place::Vacant(place) => {
                let _claim = self.store.claim(space)?;
                let nonce = platform::random().map_err(|error| {
                    StoreError::new("rule on a commit", StoreErrorKind::Randomness).caused_by(error)
                })?;
                let (rulings, through) = (Rulings::new(), Position::START);
                let nonce = u64::from_le_bytes(nonce);
                place.insert(Governed { rulings, through, nonce, _claim })
            }
        };
        self.follow(space, governed).await?;
        Ok(governed)
    }

    /// Reads the rulings that were committed since the last time.
    async fn follow(&self, space: &SpaceId, governed: &mut Governed) -> Result<(), StoreError> {
        let part = governed.through..=Position(u64::MAX);
        governed.through = self.store.follow(space, &mut governed.rulings, part).await?;
        Ok(())
    }

    /// The suspects that the log does not hold yet, with their pasts.
    async fn fresh(
        &self,
        space: &SpaceId,
        (blocks, suspects): (&[Block], Vec<Suspicion>),
        rulings: &Rulings,
    ) -> Result<Vec<Suspect>, StoreError> {
        let commits: Vec<_> = suspects.iter().map(|of| of.suspect.commit).collect();
        let held = self.store.holds(space, &commits).await?;
        let refused = suspects.iter().map(|of| &of.suspect);
        let refused = refused.filter(|of| of.rejection.is_some()).map(|of| of.commit);
        let refused: BTreeSet<_> = refused.collect();
        let counts = |of: &CommitId| !rulings.refuses(of) && !refused.contains(of);
        let mut past = Past::default();
        blocks.iter().for_each(|block| past.add(block));
        let (mut read, mut fresh) = (BTreeSet::new(), Vec::new());
        for (mut of, _) in suspects.into_iter().zip(held).filter(|(_, held)| !held) {
            let author = of.suspect.commit.author;
            let seen = if of.suspect.rejection.is_none() { of.seen.clone() } else { Vec::new() };
            for (seen, seq) in seen {
                // What an author wrote before is in no context: it can be anywhere. What it saw of
                // another stands where the context says, unless that was refused.
                let (through, nearest) =
                    if seen == author { (u64::MAX, LOOK_BACK_BLOCKS_MAX) } else { (seq, 1) };
                for most in [nearest, LOOK_BACK_BLOCKS_MAX] {
                    if read.insert((seen, through, most)) {
                        let blocks = self.store.written_through(space, &seen, through, most);
                        blocks.await?.iter().for_each(|block| past.add(block));
                    }
                    if !past.of(&of, (seen, seq), counts).is_empty() {
                        break;
                    }
                }
                of.suspect.seen.extend(past.of(&of, (seen, seq), counts));
            }
            fresh.push(of.suspect);
        }
        Ok(fresh)
    }
}

/// The author whose key has to be closed before a batch is admitted.
fn crowded(error: &StoreError) -> Option<ReplicaId> {
    match error.kind() {
        StoreErrorKind::Refused(Refusal::Crowded { author }) => Some(*author),
        _ => None,
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("governor", &self.governor).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
