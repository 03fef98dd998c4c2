//! What happens to files.

use super::rng::Rng;

/// What happens to the file of a node.
#[derive(Clone, Copy)]
pub(super) enum Accident {
    /// It is copied.
    Copied { node: usize },
    /// A copy of it is put back in its place, and nobody notices.
    Restored { node: usize },
    /// It is replaced by a copy of another node's. Noticed, the copy takes a key of its own.
    Cloned { from: usize, to: usize, noticed: bool },
    /// It is lost; the node begins with an empty one.
    Lost { node: usize },
}

impl Accident {
    pub(super) fn draw(rng: &mut Rng, nodes: usize) -> Self {
        let node = rng.index(nodes);
        match rng.up_to(9) {
            0..=3 => Self::Copied { node },
            4..=6 => Self::Restored { node },
            7 | 8 => Self::Cloned { from: rng.index(nodes), to: node, noticed: rng.per_mille(400) },
            _ => Self::Lost { node },
        }
    }

    /// What tells it from others in a trace.
    pub(super) const fn number(self) -> u64 {
        match self {
            Self::Copied { node } => node as u64,
            Self::Restored { node } => 100 + node as u64,
            Self::Cloned { from, to, noticed } => {
                200 + 40 * noticed as u64 + 6 * from as u64 + to as u64
            }
            Self::Lost { node } => 300 + node as u64,
        }
    }
}
