//! Rewriting: events that wait for a past which nobody has any more are written again, by an author
//! that is made for it.

use std::collections::BTreeSet;

use super::event_store::EventStore;
use super::left::{self, Left, WaitingBlock};
use super::{Append, Batch, StoreError, StoreErrorKind};
use crate::block::{Block, BlockPacker};
use crate::chain::CommitId;
use crate::envelope::{CONTEXT_ROWS_MAX, Context, Envelope, Seen};
use crate::id::{Dot, ReplicaId, SpaceId};
use crate::key::ReplicaKey;
use crate::log::{Source, repack};
use crate::platform;

/// Bytes of blocks after which a batch takes no further one.
const BATCH_BYTES_ENOUGH: usize = 4 * 1024 * 1024;

/// Commits that are being written again.
struct Rewrite<'a> {
    space: &'a SpaceId,
    author: ReplicaId,
    /// The author's last commit in the log, if there is one.
    before: Option<CommitId>,
    /// Commits in the log, of those that contexts refer to.
    held: BTreeSet<CommitId>,
    key: ReplicaKey,
    head: CommitId,
    nonce: u64,
}

impl EventStore {
    /// Writes the events of an author that are [left](Self::left) of a damaged file again, as events of
    /// an author that is made for it; returns their number. Payloads, metadata and stamps stay as they
    /// are, and so does what they had seen, as far as the log holds it.
    ///
    /// For edits of this device that no peer had received, so that what they follow cannot come back.
    /// Sync with everybody who may hold it before: should it turn up later, the edits are there twice.
    ///
    /// # Errors
    /// When the store cannot be read or written, or the space has its maximum of authors. Events not
    /// written again are left as they were.
    pub async fn rewrite_left(
        &self,
        space: &SpaceId,
        author: &ReplicaId,
    ) -> Result<u64, StoreError> {
        let attempted = || format!("write events of {author:.8} in space `{space}` again");
        let rewritten = self.rewrite(space, *author).await;
        rewritten.map_err(|error| error.attempting(attempted()))
    }

    async fn rewrite(&self, space: &SpaceId, author: ReplicaId) -> Result<u64, StoreError> {
        let mut waiting = self.left_rows().looked_for(self.ledger()).await?;
        let branches = self.branches(space).await?;
        let heads = branches.of(&author).iter().filter_map(|no| branches.get(*no));
        let before = heads.map(|branch| branch.head).max_by_key(|head| head.seq);
        let (key, nonce) = drawn()?;
        let head = CommitId::root(space, key.id());
        let held = BTreeSet::new();
        let mut rewrite = Rewrite { space, author, before, held, key, head, nonce };
        let of_space = |it: &&WaitingBlock| it.space == *space;
        let rows: Vec<_> = waiting.iter().filter(of_space).map(|waiting| waiting.index).collect();
        let (mut count, mut batch, mut beside) = (0, Batch::new(space.clone()), Vec::new());
        let (mut gone, mut rests) = (BTreeSet::new(), Vec::new());
        for index in rows {
            let Some(block) = Left::block(self.ledger(), index).await? else { continue };
            if !block.runs().iter().any(|run| run.replica == author) {
                continue;
            }
            let held = self.holds(space, block.anchors()).await?;
            let anchors = block.anchors().iter().zip(held).filter(|(_, held)| *held);
            rewrite.held.extend(anchors.map(|(anchor, _)| *anchor));
            let blocks = rewrite.write(&block)?;
            count += blocks.iter().map(|block| block.len() as u64).sum::<u64>();
            let local = blocks.into_iter().map(|block| Append { block, source: Source::Local });
            batch.append.extend(local);
            let rest = rewrite.rest(&block)?;
            beside.push(left::row(index, rest.as_ref()));
            if rest.is_some() {
                rests.push(index);
            } else {
                gone.insert(index);
            }
            let bytes: usize = batch.append.iter().map(|it| it.block.bytes().len()).sum();
            if bytes >= BATCH_BYTES_ENOUGH {
                self.ledger().commit_with(&batch, &beside).await?;
                (batch, beside) = (Batch::new(space.clone()), Vec::new());
            }
        }
        self.ledger().commit_with(&batch, &beside).await?;
        waiting.retain(|waiting| !gone.contains(&waiting.index));
        Left::retry(self.ledger(), &mut waiting, &rests).await?;
        Ok(count)
    }
}

impl Rewrite<'_> {
    /// The author's commits of a block, under another name.
    fn write(&mut self, block: &Block) -> Result<Vec<Block>, StoreError> {
        let (mut blocks, mut packer) = (Vec::new(), BlockPacker::new(self.space.clone()));
        let key = self.key.clone();
        for commit in block.commits().iter().filter(|commit| commit.id.author == self.author) {
            // What a hub refused has no effect under any name.
            if block.is_tombstone(commit) {
                continue;
            }
            let entries = commit.entries.clone().filter_map(|index| block.entry(index));
            let envelopes = (self.head.seq + 1..).zip(entries);
            let envelopes: Vec<_> =
                envelopes.map(|(seq, entry)| self.renamed(seq, entry.envelope())).collect();
            let pushed = packer.push_commit(&self.head, self.nonce, &envelopes);
            let pushed = pushed.or_else(|_| {
                let full = std::mem::replace(&mut packer, BlockPacker::new(self.space.clone()));
                blocks.extend(full.finish(|end| end.sign(&key)));
                packer.push_commit(&self.head, self.nonce, &envelopes)
            });
            self.head = pushed.map_err(|error| {
                StoreError::new("pack a commit again", StoreErrorKind::Unencodable).caused_by(error)
            })?;
        }
        blocks.extend(packer.finish(|end| end.sign(&key)));
        Ok(blocks)
    }

    /// An event under its new name. Earlier events of its author were implied, and are said.
    fn renamed(&self, seq: u64, envelope: Envelope) -> Envelope {
        let seen = envelope.context.iter().filter(|seen| self.held.contains(&seen.on)).copied();
        let seen = seen.take(CONTEXT_ROWS_MAX - 1);
        let before = self.before.map(|on| Seen { on, seq: on.seq });
        let context = Context::of(seen.chain(before));
        Envelope { dot: Dot { replica: self.key.id(), seq }, context, ..envelope }
    }

    /// The other authors' commits of a block.
    fn rest(&self, block: &Block) -> Result<Option<Block>, StoreError> {
        let others: Vec<_> =
            block.commits().iter().map(|commit| commit.id.author != self.author).collect();
        repack(block, &others).map_err(|refusal| {
            StoreError::new("pack the rest of a block", StoreErrorKind::Refused(refusal))
        })
    }
}

/// A key that nobody writes under again.
fn drawn() -> Result<(ReplicaKey, u64), StoreError> {
    let drawn = platform::random().and_then(|seed| Ok((seed, platform::random()?)));
    let (seed, nonce) = drawn.map_err(|source| {
        StoreError::new("draw a key", StoreErrorKind::Randomness).caused_by(source)
    })?;
    Ok((ReplicaKey::from_seed(&seed), u64::from_le_bytes(nonce)))
}
