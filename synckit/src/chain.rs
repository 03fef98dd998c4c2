//! Names of commits: a running hash over everything an author has written.
//!
//! An author's commits form a chain: each one's [`Chain`] is a hash over the chain before it and
//! the [`Leaf`] of its events. A chain value names a commit and everything before it, so two stores
//! with the same value hold the same events; author and number alone do not name anything once a
//! copied or restored store has written on (a *fork*). The idea is that of a hash-linked log
//! (Haber and Stornetta, "How to Time-Stamp a Digital Document", 1991).
//!
//! The author signs the last chain value of each run of commits that it packs. The signature
//! vouches for everything before it, whoever relays it.

use std::fmt;

use crate::id::{Dot, ReplicaId, SpaceId, hex};
use crate::key::{ReplicaKey, verify};

/// Keys of the hash, one for each thing that is hashed, so that none passes for another.
const ROOT: &[u8; 32] = b"synckit 2026 root of a chain....";
const LEAF: &[u8; 32] = b"synckit 2026 leaf of a commit...";
const LINK: &[u8; 32] = b"synckit 2026 link of a chain....";
const BRANCH: &[u8; 32] = b"synckit 2026 branch of an author";
const SIGNED: &[u8; 16] = b"synckit 2026 run";

/// The hash over the events of one commit.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Leaf([u8; Self::LEN]);

impl Leaf {
    /// Length in bytes.
    pub(crate) const LEN: usize = 32;

    /// The leaf of a commit in its canonical form.
    pub(crate) fn of(commit: &[u8]) -> Self {
        Self(*blake3::keyed_hash(LEAF, commit).as_bytes())
    }

    /// Takes its 32 bytes; `None` of others.
    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Its 32 bytes.
    pub(crate) const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

/// The hash over an author's commits in a space, up to and including one of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chain([u8; Self::LEN]);

impl Chain {
    /// Length in bytes.
    pub const LEN: usize = 32;

    /// Before an author's first commit in a space.
    pub fn root(space: &SpaceId, author: &ReplicaId) -> Self {
        let mut hasher = blake3::Hasher::new_keyed(ROOT);
        hasher.update(author.as_bytes()).update(space.as_str().as_bytes());
        Self(*hasher.finalize().as_bytes())
    }

    /// After a commit that follows this chain.
    #[must_use]
    pub fn then(&self, leaf: &Leaf) -> Self {
        let mut link = [0; 64];
        link[..32].copy_from_slice(&self.0);
        link[32..].copy_from_slice(&leaf.0);
        Self(*blake3::keyed_hash(LINK, &link).as_bytes())
    }

    /// Takes 32 bytes.
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0[..4]))
    }
}

/// The full name of a commit: its author, the number of its last event, and the chain there.
///
/// The chain alone is unique; author and number say where to look for it. Number 0 is the place
/// before an author's first commit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_structs, reason = "its parts are those of the format")]
pub struct CommitId {
    /// The author.
    pub author: ReplicaId,
    /// The number of the commit's last event.
    pub seq: u64,
    /// The chain up to and including the commit.
    pub chain: Chain,
}

impl CommitId {
    /// The place before an author's first commit in a space.
    pub fn root(space: &SpaceId, author: ReplicaId) -> Self {
        Self { author, seq: 0, chain: Chain::root(space, &author) }
    }

    /// The author and number of the commit's last event.
    pub const fn dot(&self) -> Dot {
        Dot { replica: self.author, seq: self.seq }
    }

    /// Signs the commit, and with it everything before it on its chain.
    pub fn sign(&self, key: &ReplicaKey) -> [u8; 64] {
        key.sign(&self.signed())
    }

    /// True if the author signed this commit.
    pub fn is_signed(&self, signature: &[u8; 64]) -> bool {
        verify(&self.author, &self.signed(), signature)
    }

    /// The chain covers space, author and number: signing it signs them.
    fn signed(&self) -> [u8; 48] {
        let mut message = [0; 48];
        message[..16].copy_from_slice(SIGNED);
        message[16..].copy_from_slice(&self.chain.0);
        message
    }

    /// The identity that the branch which begins with this commit has in merging: past a fork, each
    /// branch counts as an author of its own.
    pub(crate) fn branch(&self) -> ReplicaId {
        let mut hasher = blake3::Hasher::new_keyed(BRANCH);
        hasher.update(self.author.as_bytes()).update(&self.chain.0);
        ReplicaId::from_bytes(*hasher.finalize().as_bytes())
    }
}

impl fmt::Debug for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}#{:?}", self.dot(), self.chain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_names_its_space_its_author_and_every_commit_before() {
        let [ann, bob] = [[1; 32], [2; 32]].map(ReplicaId::from_bytes);
        let [home, work] = ["home", "work"].map(|name| SpaceId::new(name).unwrap());
        let leaves = [Leaf::of(b"milk"), Leaf::of(b"bread")];
        let mut chains = Vec::new();
        for (space, author) in [(&home, &ann), (&home, &bob), (&work, &ann)] {
            let root = Chain::root(space, author);
            chains.extend([root, root.then(&leaves[0]), root.then(&leaves[1])]);
            chains.push(root.then(&leaves[0]).then(&leaves[1]));
            chains.push(root.then(&leaves[1]).then(&leaves[0]));
        }
        let count = chains.len();
        chains.sort_unstable();
        chains.dedup();
        assert_eq!(chains.len(), count);
    }

    #[test]
    fn only_the_author_signs_its_commits() {
        let (ann, bob) = (ReplicaKey::from_seed(&[1; 32]), ReplicaKey::from_seed(&[2; 32]));
        let commit = CommitId::root(&SpaceId::default(), ann.id());
        assert!(commit.is_signed(&commit.sign(&ann)));
        assert!(!commit.is_signed(&commit.sign(&bob)));
        let other = CommitId { chain: commit.chain.then(&Leaf::of(b"milk")), ..commit };
        assert!(!other.is_signed(&commit.sign(&ann)));
    }
}
